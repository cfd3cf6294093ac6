//! The schedule is what it says, and requests are sent by it and counted.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::*;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/work", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[test]
fn the_demos_load_rises_and_falls_and_is_the_same_each_time() {
    let schedule = Schedule::demo(seconds(60.0), 20.0, 200.0);
    let rates: Vec<_> = [0.0, 6.0, 12.0, 18.0, 30.0, 34.5, 39.0, 60.0].map(|at| schedule.rate(seconds(at))).to_vec();
    for (rate, expected) in rates.iter().zip([20.0, 20.0, 110.0, 200.0, 200.0, 110.0, 20.0, 20.0]) {
        assert!((rate - expected).abs() < 1e-9, "{rates:?}");
    }
    assert_eq!((schedule.due(Duration::ZERO), schedule.due(seconds(6.0))), (0, 120));
    assert_eq!(schedule.due(seconds(60.0)), 120 + 1_320 + 2_400 + 990 + 420);
    assert_eq!(schedule.due(seconds(1e6)), schedule.due(schedule.length()));
    assert_eq!(schedule.rate(seconds(60.1)), 0.0);
    let steps: Vec<_> = (0..=600).map(|step| schedule.due(seconds(f64::from(step) / 10.0))).collect();
    assert!(steps.is_sorted());
}

#[test]
fn nonsense_in_a_schedule_is_left_out() {
    let odd =
        Schedule::new(&[(seconds(1.0), 10.0), (seconds(0.5), 5.0), (seconds(2.0), f64::NAN), (seconds(3.0), -1.0)]);
    assert_eq!((odd.length(), odd.due(seconds(9.0))), (seconds(1.0), 0));
    assert_eq!(Schedule::new(&[]).due(seconds(9.0)), 0);
}

#[tokio::test]
async fn every_request_that_is_due_is_sent_and_its_end_is_counted() {
    let url = serve(Router::new().route("/work", get(|| async { "done" }))).await;
    let schedule = Schedule::new(&[(Duration::ZERO, 200.0), (seconds(0.5), 200.0)]);
    let load = Load::start(LoadSettings::new(&url, schedule)).unwrap();
    let report = load.finish().await;
    assert_eq!((report.sent, report.served, report.failed, report.unsent), (100, 100, 0, 0));
    let latency = report.latency;
    assert!(latency.p50_ms <= latency.p90_ms && latency.p90_ms <= latency.p99_ms && latency.p99_ms <= latency.max_ms);
    assert!(serde_json::to_string(&report).unwrap().contains("\"served\":100"));
}

#[tokio::test]
async fn failures_are_counted_by_kind_and_a_crowd_is_not_sent() {
    let router = Router::new().route("/work", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
    let schedule = Schedule::new(&[(Duration::ZERO, 100.0), (seconds(0.1), 100.0)]);
    let report = Load::start(LoadSettings::new(&serve(router).await, schedule.clone())).unwrap().finish().await;
    assert_eq!((report.failed, report.failures["status 503"], report.latency.max_ms), (10, 10, None));

    let slow = serve(Router::new().route("/work", get(std::future::pending::<()>))).await;
    let mut settings = LoadSettings::new(&slow, schedule);
    (settings.in_flight_max, settings.timeout) = (4, seconds(0.5));
    let load = Load::start(settings).unwrap();
    while !load.is_over() {
        tokio::task::yield_now().await;
    }
    assert_eq!(load.glimpse().in_flight, 4);
    let report = load.stop().await;
    assert_eq!((report.sent, report.unsent, report.failures["timeout"]), (4, 6, 4));
}

#[tokio::test]
async fn a_stall_counts_against_every_request_that_was_due_meanwhile() {
    let first = Arc::new(tokio::sync::Mutex::new(()));
    let held = Arc::clone(&first).lock_owned().await;
    let router = Router::new().route(
        "/work",
        get(move || async move {
            let _ = first.lock().await;
        }),
    );
    let schedule = Schedule::new(&[(Duration::ZERO, 100.0), (seconds(0.2), 100.0)]);
    let load = Load::start(LoadSettings::new(&serve(router).await, schedule)).unwrap();
    while !load.is_over() {
        tokio::task::yield_now().await;
    }
    drop(held);
    let report = load.finish().await;
    assert_eq!(report.served, 20);
    assert!(report.latency.max_ms.unwrap() >= 180.0, "{:?}", report.latency);
    assert!(report.latency.p50_ms.unwrap() >= 80.0, "{:?}", report.latency);
}
