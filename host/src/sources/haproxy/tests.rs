//! Queries, pages and restarts, without a server; the real one is asked in tests/it/haproxy/source.rs.

use super::*;

fn page(object: &str, counter: f64) -> Page {
    let field = |pos: u32, name: &str, nature: &str, value: serde_json::Value| {
        serde_json::json!({ "objType": object, "proxyId": 2, "id": 0, "field": { "pos": pos, "name": name }, "processNum": 1,
            "tags": { "origin": "Metric", "nature": nature, "scope": "Service" }, "value": { "type": "x", "value": value } })
    };
    let fields = vec![
        field(0, "pxname", "Name", "web".into()),
        field(1, "svname", "Name", "trimtab.a_5fb".into()),
        field(4, "scur", "Gauge", 3.into()),
        field(7, "stot", "Counter", counter.into()),
        field(17, "status", "Output", "UP".into()),
        field(73, "addr", "Config", "127.0.0.1:81".into()),
    ];
    Page::read(&serde_json::to_vec(&[fields]).unwrap()).unwrap()
}

fn value(page: &Page, query: &str) -> Result<Value, String> {
    Query::parse(query).unwrap().value(page.backend("web"), "backend web")
}

#[test]
fn a_restart_is_neither_a_dip_nor_a_storm() {
    let mut steady = Steady::default();
    let told: Vec<Value> = [100.0, 120.0, 5.0, 6.0, 7.0, 2.0]
        .map(|raw| {
            let mut page = page("Backend", raw);
            steady.carry(&mut page, false);
            value(&page, "backend/web/stot").unwrap()
        })
        .into();
    assert_eq!(told, [100.0, 120.0, 125.0, 126.0, 127.0, 129.0].map(Value::Number));

    // One that was outgrown between two looks is told by the process alone.
    let mut page = page("Backend", 9.0);
    steady.carry(&mut page, true);
    assert_eq!(value(&page, "backend/web/stot"), Ok(Value::Number(138.0)));
}

#[test]
fn a_field_that_is_missing_is_not_zero() {
    let page = page("Backend", 1.0);
    assert_eq!(value(&page, "backend/web/scur"), Ok(Value::Number(3.0)));
    assert_eq!(value(&page, "backend/web/scur+stot"), Ok(Value::Number(4.0)));
    assert_eq!(value(&page, "backend/web/status"), Ok(Value::Text("UP".to_owned())));
    assert_eq!(value(&page, "backend/web/scur+nope"), Err("backend web has no nope".to_owned()));
    assert!(value(&page, "backend/web/scur+status").is_err());
    assert!(page.frontend("web").is_none());
}

#[test]
fn a_server_is_an_instances_by_name_or_address() {
    let page = page("Server", 1.0);
    assert!(page.server("web", None, "trimtab.", "a_b").is_some(), "as our registrar writes it");
    assert!(page.server("web", None, "trimtab.", "a_5fb").is_none());
    assert!(page.server("web", Some("127.0.0.1:81"), "trimtab.", "b").is_some());
    assert!(page.server("web", Some("127.0.0.1:82"), "trimtab.", "b").is_none());
    assert!(page.server("other", None, "trimtab.", "a").is_none());
}

#[test]
fn what_is_no_query_is_refused_with_the_form() {
    for wrong in ["", "web", "backend/web", "backend//scur", "backend/web/", "listener/web/scur", "backend/web/a/b"] {
        assert!(Query::parse(wrong).is_err_and(|what| what.contains("FIELD")), "{wrong:?}");
    }
    assert_eq!(Query::parse("backend/{target}/scur").unwrap().proxy("shop"), "shop");
    for wrong in ["", "<html>", "{}", "[[{}]]"] {
        assert!(Page::read(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
}
