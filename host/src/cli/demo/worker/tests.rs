//! The worker works, counts, and stops without losing a request.

use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

struct Running {
    url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

async fn start(cpu_us: u64, in_flight_max: usize) -> Running {
    crate::tls::ready();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let args = WorkerArgs { port: 0, cpu_us, at_once: 1, in_flight_max, grace_ms: 5_000 };
    let (stop, told) = oneshot::channel::<()>();
    let task = tokio::spawn(async move { serve(listener, &args, async move { told.await.unwrap_or(()) }).await });
    Running { url, stop, task }
}

async fn text(url: String) -> String {
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_request_costs_cpu_time_and_is_counted() {
    let worker = start(20_000, 10).await;
    let began = Instant::now();
    assert!(text(format!("{}/work", worker.url)).await.starts_with("done in "));
    assert!(began.elapsed() >= Duration::from_millis(20), "{:?}", began.elapsed());
    let page = text(format!("{}/metrics", worker.url)).await;
    assert!(page.contains("http_requests_total{code=\"200\"} 1\n"), "{page}");
    assert!(page.contains("http_requests_in_flight 0\n"), "{page}");
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_it_has_and_still_takes_what_comes() {
    let worker = start(200_000, 10).await;
    let first = tokio::spawn(reqwest::get(format!("{}/work", worker.url)));
    while !text(format!("{}/metrics", worker.url)).await.contains("in_flight 1\n") {
        tokio::task::yield_now().await;
    }
    worker.stop.send(()).unwrap();
    while reqwest::get(format!("{}/healthz", worker.url)).await.unwrap().status() != 503 {
        tokio::task::yield_now().await;
    }
    let late = reqwest::get(format!("{}/work", worker.url)).await.unwrap();
    assert_eq!((first.await.unwrap().unwrap().status(), late.status()), (StatusCode::OK, StatusCode::OK));
    worker.task.await.unwrap().unwrap();
    assert!(reqwest::get(format!("{}/healthz", worker.url)).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_crowd_is_refused() {
    let worker = start(100_000, 1).await;
    let url = format!("{}/work", worker.url);
    let answers = futures_util::future::join_all((0..5).map(|_| reqwest::get(url.clone()))).await;
    let mut codes: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
    codes.sort_unstable();
    assert_eq!((codes[0], codes[4]), (200, 503));
}
