//! What Envoy is told, what it says when it asks, and what its admin interface shows.

use super::super::roster::Change;
use super::super::sight::{Server, Shows as _};
use super::*;

fn cluster(marks: bool) -> Cluster {
    Cluster { name: "web".to_owned(), marks }
}

fn told(marks: bool, change: &Change) -> Vec<(String, String)> {
    let target: TargetId = "local/web".parse().unwrap();
    let mut roster = Roster::default();
    for (instance, address) in [("w1", "10.0.0.1:80"), ("w2", "[::1]:80")] {
        roster.change(&target, instance, &Change::Enter(address.to_owned())).unwrap();
    }
    roster.change(&target, "w1", change).unwrap();
    let document: Value = serde_json::from_str(&cluster(marks).document(&roster)).unwrap();
    let endpoints = document[0]["endpoints"][0]["lb_endpoints"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |endpoint: &Value| {
        assert_eq!(endpoint["metadata"]["filter_metadata"]["trimtab"]["target"], "local/web", "its owner is marked");
        (text(&endpoint["endpoint"]["address"]["socket_address"]["address"]), text(&endpoint["health_status"]))
    };
    endpoints.iter().map(one).collect()
}

#[test]
fn a_drained_endpoint_is_marked_where_its_requests_are_counted_and_else_left_out() {
    let pair = |address: &str, health: &str| (address.to_owned(), health.to_owned());
    let other = pair("::1", "HEALTHY");
    assert_eq!(told(true, &Change::Drain), [pair("10.0.0.1", "DRAINING"), other.clone()]);
    assert_eq!(told(true, &Change::LeaveOut), std::slice::from_ref(&other));
    assert_eq!(told(false, &Change::Drain), std::slice::from_ref(&other));
    assert_eq!(told(true, &Change::Undrain), [pair("10.0.0.1", "HEALTHY"), other]);
}

#[test]
fn a_question_tells_who_asks_and_what_it_has() {
    let asked = cluster(false)
        .read(br#"{"version_info":"17","node":{"id":"edge-1"},"error_detail":{"code":13,"message":"no such thing"}}"#);
    assert_eq!(
        (asked.who.as_deref(), asked.taken, asked.refuses.as_deref()),
        (Some("edge-1"), Some(17), Some("no such thing"))
    );
    for torn in [&b""[..], b"{", b"[]", br#"{"node":{"id":"edge-1"}}"#, br#"{"version_info":"x"}"#] {
        assert_eq!(cluster(false).read(torn).taken, Some(0), "what cannot be read has taken nothing");
    }
}

#[test]
fn the_admin_interface_shows_who_drains_and_what_is_left_to_do() {
    let clusters = br#"{"cluster_statuses":[
        {"name":"other","host_statuses":[{"address":{"socket_address":{"address":"10.0.0.9","port_value":80}}}]},
        {"name":"web","host_statuses":[{"address":{"socket_address":{"address":"10.0.0.1","port_value":80}},
           "stats":[{"name":"rq_active","value":2}]}]},
        {"name":"inner","eds_service_name":"web","observability_name":"web_in","host_statuses":[
          {"address":{"socket_address":{"address":"10.0.0.1","port_value":80}},
           "stats":[{"name":"cx_active","value":"7","type":"GAUGE"},{"name":"rq_active","value":"3","type":"GAUGE"}],
           "health_status":{"eds_health_status":"DRAINING"}},
          {"address":{"socket_address":{"address":"::1","port_value":80}},"stats":[{"name":"rq_active","type":"GAUGE"}],
           "health_status":{"eds_health_status":"HEALTHY"}},
          {"address":{"pipe":{"path":"/x"}}}]}]}"#;
    let stats = br#"{"stats":[{"name":"cluster.web_in.lb_healthy_panic","value":4},{"name":"cluster.web.lb_healthy_panic","value":1},
        {"name":"cluster.other.lb_healthy_panic","value":90},{"histograms":{}}]}"#;
    let sight = cluster(true).sight(&[Some(clusters.to_vec()), Some(stats.to_vec())]).unwrap();
    assert_eq!(sight.servers.len(), 2, "those of other clusters are not ours");
    assert_eq!(sight.servers["10.0.0.1:80"], Server { drains: false, active: 5 }, "it drains once it does in both");
    assert_eq!(sight.servers["[::1]:80"], Server { drains: false, active: 0 });
    assert_eq!(sight.panics, Some(5));
    let hidden = cluster(true).sight(&[Some(clusters.to_vec()), Some(br#"{"stats":[]}"#.to_vec())]).unwrap();
    assert_eq!(hidden.panics, None, "a count that is hidden is not zero");
    for torn in [[None, Some(stats.to_vec())], [Some(b"<html>".to_vec()), Some(stats.to_vec())]] {
        assert!(cluster(true).sight(&torn).is_err());
    }
}
