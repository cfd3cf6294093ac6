//! What is asked of proxies that answer, hang, or are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use super::*;

/// Pages whose lines are addresses.
#[derive(Debug)]
struct Lines;

impl Shows for Lines {
    fn pages(&self, base: &Url) -> Vec<Url> {
        vec![base.join("page").unwrap()]
    }

    fn sight(&self, pages: &[Option<Vec<u8>>]) -> Result<Sight, String> {
        let text = String::from_utf8(pages[0].clone().unwrap_or_default()).map_err(|error| error.to_string())?;
        let servers = text.lines().map(|line| (line.to_owned(), Server::default())).collect();
        Ok(Sight { servers, panics: None })
    }
}

async fn serve(router: Router) -> String {
    crate::tls::ready();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn one_look_serves_all_that_wait_for_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let page = get(async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        "10.0.0.1:80"
    });
    let sights = Sights::new(&[serve(Router::new().route("/page", page)).await]).unwrap().unwrap();
    let looks = futures_util::future::join_all((0..50).map(|_| sights.look(&Lines, true))).await;
    assert!(looks.iter().all(|look| look.as_ref().unwrap()[0].servers.contains_key("10.0.0.1:80")));
    assert!(asked.load(Ordering::SeqCst) <= 2, "one that was under way, and one after");
    sights.look(&Lines, true).await.unwrap();
    assert!(asked.load(Ordering::SeqCst) >= 2, "who must know what is now looks for himself");
}

#[tokio::test]
async fn one_that_cannot_be_looked_at_is_an_error_and_one_that_knows_nothing_is_not() {
    let fine = serve(Router::new().route("/page", get(async || "a:1"))).await;
    let empty = serve(Router::new()).await;
    let broken = serve(Router::new().route("/page", get(async || StatusCode::BAD_GATEWAY))).await;
    let text = serve(Router::new().route("/page", get(async || vec![0xFF_u8]))).await;
    let look = async |urls: [&str; 2]| Sights::new(&urls.map(str::to_owned)).unwrap().unwrap().look(&Lines, true).await;
    assert_eq!(look([&fine, &empty]).await.unwrap().iter().map(|sight| sight.servers.len()).sum::<usize>(), 1);
    assert!(matches!(look([&fine, &broken]).await, Err(Failure::Unreachable(what)) if what.ends_with("answers 502")));
    assert!(matches!(look([&fine, &text]).await, Err(Failure::Refused(_))));
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(matches!(look([&fine, &format!("http://{nobody}")]).await, Err(Failure::Unreachable(_))));
}

#[test]
fn addresses_are_the_same_however_they_are_written() {
    for (one, other) in [("[::1]:80", "[0:0:0:0:0:0:0:1]:80"), ("Web:80", "web:80"), ("10.0.0.1:80", "10.0.0.1:080")] {
        assert_eq!(same_of(one), same_of(other));
    }
    assert_eq!(address_of("::1", 80), "[::1]:80");
    for bad in ["127.0.0.1:8080", "ftp://x", "http://me:x@x", "http://x/?a=b"] {
        assert_eq!(complaint(&[bad.to_owned()]), Some(format!("{bad:?} is not http://host:port")));
    }
    assert_eq!(complaint(&["http://x:1/admin".to_owned()]), None);
    assert!(complaint(&vec!["http://x".to_owned(); PROXIES_MAX + 1]).is_some());
}
