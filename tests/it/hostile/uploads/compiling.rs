//! The compiler's child takes too much, or is left alone: it ends, in words that name the limit, and nothing of it stays.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Instant;

use rustix::process::Signal;

use super::modules::statements;
use super::{Door, PATIENCE, Verdict, guest};
use crate::hostile::table::{Cost, Gauge, Rows};

/// Some ten seconds of work for one thread, and a few hundred megabytes.
fn bomb() -> Vec<u8> {
    guest(&statements(70_000).repeat(4))
}

#[test]
fn a_child_that_takes_too_much_is_ended_by_the_limit_that_it_met() {
    let mut rows = Rows::of("upload");
    let large = guest(&format!("(data \"{}\")", "x".repeat(2 << 20)));
    for (behaviour, settings, limit, bytes) in [
        ("compiling takes its time", "timeout_ms = 2000\nthreads_max = 1", "compile.timeout_ms", &bomb()),
        ("compiling takes its CPU time", "cpu_seconds_max = 1\nthreads_max = 1", "compile.cpu_seconds_max", &bomb()),
        (
            "compiling takes its memory",
            "memory_bytes_max = 335544320\nthreads_max = 1",
            "compile.memory_bytes_max",
            &bomb(),
        ),
        ("what is compiled is too large", "artefact_bytes_max = 1048576", "compile.artefact_bytes_max", &large),
    ] {
        let door = Door::open(&format!("[sandbox.compile]\n{settings}\n"));
        let verdict = door.row(&mut rows, behaviour, "compile-limit", bytes);
        assert!(verdict.text.contains(limit), "{behaviour}: {}", verdict.text);
        assert_eq!(door.files("artefacts"), Vec::<std::path::PathBuf>::new(), "{behaviour}");
        door.is_as_before();
    }
    rows.finish();
}

#[test]
fn who_goes_away_leaves_no_child_and_no_bytes() {
    let mut door = Door::open("");
    let mut rows = Rows::of("upload");
    let behaviour = "half of an upload, and then nothing";
    door.row_of(&mut rows, behaviour, "nothing kept", || {
        let mut stream = TcpStream::connect(&door.caller.address).unwrap();
        let head = format!(
            "POST /v1/policies HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000000\r\n\r\n",
            door.caller.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&guest("")).unwrap();
        drop(stream);
        let (_, versions) = door.caller.ask("GET /v1/policies", "application/json", b"");
        let kept = versions["items"].as_array().or(versions["rows"].as_array()).map_or(0, Vec::len);
        Verdict { code: if kept == 0 { "nothing kept".to_owned() } else { versions.to_string() }, text: String::new() }
    });

    door.row_of(&mut rows, "twenty uploads at once", "tried or told to come again", || {
        let caller = &door.caller;
        let verdicts: Vec<Verdict> = std::thread::scope(|scope| {
            let push = |number: u8| {
                let bytes = [guest(""), vec![0, 3, 1, b'n', number]].concat();
                caller.push(&bytes)
            };
            let all: Vec<_> = (0..20).map(|number| scope.spawn(move || push(number))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let well = |verdict: &Verdict| {
            verdict.code == "tried" || verdict.code.ends_with(" busy") || verdict.text.contains("come again")
        };
        let wrong = verdicts.iter().find(|verdict| !well(verdict));
        let code = wrong.map_or("tried or told to come again", |verdict| &verdict.code);
        Verdict { code: code.to_owned(), text: String::new() }
    });
    door.is_as_before();

    // The host is killed while it compiles: the child finds out, and ends itself.
    let gauge = Gauge::of_self();
    let (status, job) = door.caller.ask("POST /v1/policies", "application/wasm", &bomb());
    assert_eq!(status, 202, "{job}");
    let began = Instant::now();
    let child = loop {
        if let Some(child) = door.children().first() {
            break *child;
        }
        assert!(began.elapsed() < PATIENCE, "no child compiles");
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    door.host.tell(Signal::KILL);
    door.host.child.wait().unwrap();
    while procfs::process::Process::new(child).is_ok_and(|process| process.stat().is_ok_and(|stat| stat.state != 'Z')) {
        assert!(began.elapsed() < PATIENCE, "the child outlives its host");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let ended = "the child ends";
    // Of a host that is gone nothing can have grown.
    let cost = Cost { grown_bytes: 0, ..gauge.read() };
    rows.add("the host is killed while it compiles", ended, ended, cost);
    rows.finish();
}
