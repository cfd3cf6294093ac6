//! A worker for containers in tests and examples: one static program, all that its image holds.
//!
//! It is compiled by `rustc` alone, without the workspace, so that its image is made in a second and needs no registry.
//!
//! `worker [PORT]` serves HTTP/1.1 on all addresses, port 8080 if none is given:
//!
//! * `GET /` answers 200 with its host name (a container's id) and a line feed
//! * `GET /hold?ms=N` the same after so many milliseconds, at most a minute: a session that lasts
//! * `GET /health` answers 200, or 503 after `GET /sicken`, until `GET /recover`
//! * `GET /burn?ms=N` computes for so long, for tests of CPU
//! * `GET /metrics` answers with requests served and sessions open, in Prometheus' text
//! * `GET /die` ends it with exit code 3
//!
//! `worker check` asks the worker in the same container for its health and ends with 0 or 1: the image holds nothing else that could.
//! `worker die` ends at once with exit code 3: a container that never comes up. On SIGTERM it takes no more connections, finishes
//! the requests that it has, and ends; it is its container's first process, which has no default answer to signals.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

static STOPPING: AtomicBool = AtomicBool::new(false);
static SICK: AtomicBool = AtomicBool::new(false);
static SERVED: AtomicU64 = AtomicU64::new(0);
static OPEN: AtomicU64 = AtomicU64::new(0);

/// No request holds a session or burns for longer.
const LONGEST: Duration = Duration::from_secs(60);
/// Sessions at once; more are closed unanswered.
const SESSIONS: u64 = 1_000;

const SIGTERM: i32 = 15;

extern "C" fn stop(_signal: i32) {
    STOPPING.store(true, SeqCst);
}

unsafe extern "C" {
    fn signal(signal: i32, handler: extern "C" fn(i32)) -> usize;
}

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    if argument == "die" {
        eprintln!("told to die");
        return ExitCode::from(3);
    }
    if argument == "check" {
        return if check().unwrap_or(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // SAFETY: the handler only stores to an atomic, which POSIX allows in a handler, and its type is the one C expects.
    unsafe { signal(SIGTERM, stop) };
    let listener = match argument.parse().map_err(|_| "no port").and_then(listen) {
        Ok(listener) => listener,
        Err(why) => {
            eprintln!("{argument}: {why}");
            return ExitCode::FAILURE;
        }
    };
    thread::spawn(move || accept(&listener));
    while !STOPPING.load(SeqCst) || OPEN.load(SeqCst) > 0 {
        thread::sleep(Duration::from_millis(10));
    }
    ExitCode::SUCCESS
}

fn check() -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", 8080))?;
    stream.write_all(b"GET /health HTTP/1.1\r\n\r\n")?;
    let first = BufReader::new(stream).lines().next().transpose()?;
    Ok(first.is_some_and(|line| line.contains(" 200 ")))
}

fn listen(port: u16) -> Result<TcpListener, &'static str> {
    TcpListener::bind(("0.0.0.0", port)).map_err(|_| "cannot listen there")
}

fn accept(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        if STOPPING.load(SeqCst) {
            return;
        }
        if OPEN.fetch_add(1, SeqCst) >= SESSIONS {
            OPEN.fetch_sub(1, SeqCst);
            continue;
        }
        thread::spawn(move || {
            let _ = serve(&stream);
            OPEN.fetch_sub(1, SeqCst);
        });
    }
}

/// One request, one connection: whoever counts sessions counts requests.
fn serve(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or("/");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let ms = query.strip_prefix("ms=").and_then(|ms| ms.parse().ok()).unwrap_or(0);
    let time = Duration::from_millis(ms).min(LONGEST);
    let (status, body) = match path {
        "/health" if SICK.load(SeqCst) => ("503 Service Unavailable", "sick\n".to_owned()),
        "/metrics" => ("200 OK", metrics()),
        "/die" => std::process::exit(3),
        _ => {
            match path {
                "/hold" => thread::sleep(time),
                "/burn" => burn(time),
                "/sicken" => SICK.store(true, SeqCst),
                "/recover" => SICK.store(false, SeqCst),
                _ => {}
            }
            ("200 OK", name())
        }
    };
    if path != "/health" && path != "/metrics" {
        SERVED.fetch_add(1, SeqCst);
    }
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let mut stream = stream;
    stream.write_all((head + &body).as_bytes())
}

fn burn(time: Duration) {
    let end = Instant::now() + time;
    let mut sum = 1_u64;
    while Instant::now() < end {
        for step in 0..10_000 {
            sum = std::hint::black_box(sum.rotate_left(5) ^ step);
        }
    }
}

fn name() -> String {
    std::fs::read_to_string("/etc/hostname").unwrap_or_else(|_| "worker\n".to_owned())
}

fn metrics() -> String {
    // The session that asks is one, too.
    let (served, open) = (SERVED.load(SeqCst), OPEN.load(SeqCst).saturating_sub(1));
    format!(
        "# TYPE worker_requests_total counter\nworker_requests_total {served}\n# TYPE worker_sessions gauge\nworker_sessions {open}\n"
    )
}
