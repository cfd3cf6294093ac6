//! Pages whole, torn and foreign.

use axum::Router;
use axum::routing::get;

use super::*;
use crate::sources::stage::{NOW, measure, newest, nobody, serve, spec, target};

const PAGE: &str = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630940 31070465 \n\
                    Reading: 6 Writing: 179 Waiting: 106 \n";

fn reading(query: &str) -> ReadingSpec {
    ReadingSpec { query: query.to_owned(), ..spec("x", "front", Subject::Target) }
}

async fn source(page: &'static str) -> NginxSource {
    crate::tls::ready();
    let address = serve(Router::new().route("/status", get(move || async move { page }))).await;
    NginxSource::new("front", &NginxSourceConfig::new(&format!("http://{address}/status"))).unwrap()
}

#[tokio::test]
async fn each_count_is_told_to_each_target() {
    let source = source(PAGE).await;
    let targets = vec![(target("api"), Vec::new()), (target("web"), Vec::new())];
    for (query, expected) in [
        ("active", 291.0),
        ("accepts", 16_630_948.0),
        ("handled", 16_630_940.0),
        ("dropped", 8.0),
        ("requests", 31_070_465.0),
        ("reading", 6.0),
        ("writing", 179.0),
        ("waiting", 106.0),
    ] {
        source.check_reading(&reading(query)).unwrap();
        let told = measure(&source, &reading(query), &targets, NOW).await.unwrap();
        assert_eq!(newest(&told), [("api", None, expected), ("web", None, expected)], "{query}");
    }
    assert!(source.check_reading(&reading("sessions")).is_err());
    assert!(source.check_reading(&ReadingSpec { subject: Subject::Instance, ..reading("active") }).is_err());
}

#[tokio::test]
async fn a_page_that_is_not_whole_is_no_number() {
    for page in [
        "",
        "<html>Welcome to nginx</html>",
        "Active connections: 291 \nserver accepts handled requests\n 1 2 \nReading: 6 Writing: 179 Waiting: 106 \n",
        "Active connections: 291 \nserver accepts handled requests\n 1 2 3 \nReading: 6 Writing: 179 Wait",
        "Active connections: many \nserver accepts handled requests\n 1 2 3 \nReading: 6 Writing: 1 Waiting: 1\n",
        "Active connections: -1 \nserver accepts handled requests\n 1 2 3 \nReading: 6 Writing: 1 Waiting: 1\n",
    ] {
        let source = source(page).await;
        let error = measure(&source, &reading("active"), &[(target("web"), Vec::new())], NOW).await.unwrap_err();
        assert!(matches!(error, SourceError::BadAnswer { .. }), "{page}: {error}");
        assert!(source.check().await.is_err());
    }
    let gone = NginxSource::new("front", &NginxSourceConfig::new(&format!("http://{}/", nobody().await))).unwrap();
    let error = measure(&gone, &reading("active"), &[(target("web"), Vec::new())], NOW).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
}
