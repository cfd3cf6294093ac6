//! `trimtab demo-worker`: the workload of the demo, a small web server whose requests cost CPU.
//!
//! Each request to `/work` burns a fixed amount of CPU time, measured on the thread's own clock, so that a lower CPU limit makes
//! it slower and more load makes it busier, as with any real service.

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Most CPU time that one request may be made to cost.
const CPU_PER_REQUEST_MAX: Duration = Duration::from_secs(10);

/// `trimtab demo-worker`.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkerArgs {
    /// Port on 127.0.0.1; the driver `process` passes it in the environment.
    #[arg(long, env = "PORT")]
    pub port: u16,
    /// CPU time that one request costs, in microseconds.
    #[arg(long, env = "DEMO_CPU_US", default_value_t = 5_000)]
    pub cpu_us: u64,
    /// Requests worked on at once; others wait.
    #[arg(long, env = "DEMO_AT_ONCE", default_value_t = 2)]
    pub at_once: usize,
    /// Requests in flight from which others are refused with 503.
    #[arg(long, env = "DEMO_IN_FLIGHT_MAX", default_value_t = 512)]
    pub in_flight_max: usize,
    /// After SIGTERM: time to finish what is in flight while still accepting, then once more without.
    #[arg(long, env = "DEMO_GRACE_MS", default_value_t = 5_000)]
    pub grace_ms: u64,
}

/// Serves until SIGTERM or SIGINT, then finishes what is in flight and returns.
///
/// # Errors
/// Where the port cannot be bound or signals cannot be heard.
pub fn run(args: &WorkerArgs) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(args.at_once.clamp(1, 64))
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port))).await?;
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        serve(listener, args, async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        })
        .await
    })
}

/// Serves until `told` to stop. Then `/healthz` says 503, and connections are accepted until nothing is in flight: whoever sends
/// work may not have heard yet. Both that and the finishing after it take at most `grace_ms`.
///
/// # Errors
/// Where accepting fails for good.
pub async fn serve(listener: TcpListener, args: &WorkerArgs, told: impl Future<Output = ()>) -> io::Result<()> {
    let worker = Arc::new(Worker::new(args));
    let work = Router::new()
        .route("/work", get(work).post(work))
        .layer(middleware::from_fn_with_state(Arc::clone(&worker), count));
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .merge(work)
        .with_state(Arc::clone(&worker));
    let closed = CancellationToken::new();
    let stopped = closed.clone().cancelled_owned();
    let grace = Duration::from_millis(args.grace_ms);
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
    let mut serving = std::pin::pin!(async move { serving.await });
    tokio::select! {
        ended = &mut serving => return ended,
        () = told => {}
    }
    worker.stopping.store(true, Ordering::Relaxed);
    tokio::select! {
        ended = &mut serving => return ended,
        _ = timeout(grace, worker.idle()) => {}
    }
    closed.cancel();
    // What has not ended by then is ended by the process.
    timeout(grace, serving).await.unwrap_or(Ok(()))
}

#[derive(Debug)]
struct Worker {
    cpu: Duration,
    at_once: Arc<Semaphore>,
    in_flight_max: usize,
    in_flight: AtomicUsize,
    quiet: Notify,
    served: AtomicU64,
    refused: AtomicU64,
    stopping: AtomicBool,
}

impl Worker {
    fn new(args: &WorkerArgs) -> Self {
        Self {
            cpu: Duration::from_micros(args.cpu_us).min(CPU_PER_REQUEST_MAX),
            at_once: Arc::new(Semaphore::new(args.at_once.clamp(1, 64))),
            in_flight_max: args.in_flight_max,
            in_flight: AtomicUsize::new(0),
            quiet: Notify::new(),
            served: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }
    }

    /// Waits until nothing is in flight.
    async fn idle(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.in_flight.load(Ordering::Acquire) == 0 {
                return;
            }
            quiet.await;
        }
    }
}

/// Counts a request while it lives, also when its client goes away.
struct InFlight(Arc<Worker>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.quiet.notify_waiters();
        }
    }
}

async fn count(State(worker): State<Arc<Worker>>, request: Request, next: Next) -> Response {
    let before = worker.in_flight.fetch_add(1, Ordering::AcqRel);
    let in_flight = InFlight(Arc::clone(&worker));
    let response = if before >= worker.in_flight_max {
        (StatusCode::SERVICE_UNAVAILABLE, "too many requests are in flight\n").into_response()
    } else {
        next.run(request).await
    };
    let counter = if response.status().is_success() { &worker.served } else { &worker.refused };
    counter.fetch_add(1, Ordering::Relaxed);
    drop(in_flight);
    response
}

async fn work(State(worker): State<Arc<Worker>>) -> Response {
    let cpu = worker.cpu;
    let Ok(permit) = Arc::clone(&worker.at_once).acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let burnt = tokio::task::spawn_blocking(move || {
        // Held in here, so that work whose client has gone still counts while it burns.
        let _permit = permit;
        burn(cpu)
    });
    match burnt.await {
        Ok(rounds) => format!("done in {rounds} rounds\n").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Keeps this thread busy until it has used so much CPU time. Tells how many rounds it took, so that nothing is optimized away.
fn burn(cpu: Duration) -> u64 {
    let end = cpu_time() + cpu;
    let mut rounds = 0_u64;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    while cpu_time() < end {
        for _ in 0..1_000 {
            state = std::hint::black_box(state.rotate_left(5).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        }
        rounds += 1;
    }
    rounds
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

async fn healthz(State(worker): State<Arc<Worker>>) -> Response {
    if worker.stopping.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
    } else {
        "ok\n".into_response()
    }
}

async fn metrics(State(worker): State<Arc<Worker>>) -> Response {
    let mut page = String::new();
    let served = worker.served.load(Ordering::Relaxed);
    let refused = worker.refused.load(Ordering::Relaxed);
    let in_flight = worker.in_flight.load(Ordering::Relaxed);
    let written = write!(
        page,
        "# HELP http_requests_total Requests to /work that were answered, by status.\n\
         # TYPE http_requests_total counter\n\
         http_requests_total{{code=\"200\"}} {served}\n\
         http_requests_total{{code=\"503\"}} {refused}\n\
         # HELP http_requests_in_flight Requests to /work that are being answered.\n\
         # TYPE http_requests_in_flight gauge\n\
         http_requests_in_flight {in_flight}\n"
    );
    match written {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
