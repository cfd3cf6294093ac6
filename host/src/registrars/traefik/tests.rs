//! What Traefik is told, and what its API shows.

use super::*;

fn service() -> Service {
    Service { name: "web".to_owned(), provider: "http", scheme: "http" }
}

#[test]
fn its_servers_are_those_that_serve() {
    let target: TargetId = "local/web".parse().unwrap();
    let mut roster = Roster::default();
    for (instance, address) in [("w1", "10.0.0.1:80"), ("w2", "[::1]:80")] {
        roster.change(&target, instance, &super::super::roster::Change::Enter(address.to_owned())).unwrap();
    }
    roster.change(&target, "w1", &super::super::roster::Change::Drain).unwrap();
    let expected = r#"{"http":{"services":{"web":{"loadBalancer":{"passHostHeader":true,"servers":[{"url":"http://[::1]:80"}]}}}}}"#;
    assert_eq!(service().document(&roster), expected);
}

#[test]
fn what_the_api_shows_is_read_and_what_it_does_not_know_is_empty() {
    let page = service().pages(&Url::parse("http://x:8080/below/").unwrap());
    assert_eq!(page[0].as_str(), "http://x:8080/below/api/http/services/web@http");
    let shown =
        br#"{"loadBalancer":{"servers":[{"url":"http://10.0.0.1:80"},{"url":"https://[::1]"}],"passHostHeader":true},
        "status":"enabled","serverStatus":{"http://10.0.0.1:80":"UP"},"name":"web@http","type":"loadbalancer"}"#;
    let sight = service().sight(&[Some(shown.to_vec())]).unwrap();
    assert_eq!(sight.servers.keys().collect::<Vec<_>>(), ["10.0.0.1:80", "[::1]:443"]);
    assert_eq!(service().sight(&[None]).unwrap(), Sight::default());
    let empty = br#"{"loadBalancer":{"passHostHeader":true}}"#.to_vec();
    assert_eq!(service().sight(&[Some(empty)]).unwrap(), Sight::default());
    for bad in [&b"<html>"[..], b"[]", b"{}", br#"{"loadBalancer":{"servers":[{"url":"nowhere"}]}}"#] {
        assert!(service().sight(&[Some(bad.to_vec())]).is_err());
    }
}
