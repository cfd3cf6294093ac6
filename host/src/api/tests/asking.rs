//! What callers send that makes no sense, and what they may ask for: each its own status and code.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn targets_are_found_by_driver_binding_label_and_text_page_by_page() {
    let stage = Stage::open().await;
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    for (query, found) in [
        ("", &["local/api", "local/web"][..]),
        ("?driver=local", &["local/api", "local/web"]),
        ("?driver=swarm", &[]),
        ("?binding=web", &["local/web"]),
        ("?label=app%3Dapi", &["local/api"]),
        ("?label=app%3Dapi,app%3Dweb", &[]),
        ("?text=WE", &["local/web"]),
        ("?after=local/api", &["local/web"]),
    ] {
        assert_eq!(ids(&stage.get(&format!("/v1/targets{query}")).await), found, "{query}");
    }
    let page = stage.get("/v1/targets?limit=1").await;
    assert_eq!((ids(&page), page["next"].as_str()), (vec!["local/api".to_owned()], Some("local/api")));
    let rest = stage.get("/v1/targets?limit=1&after=local%2Fapi").await;
    assert_eq!((ids(&rest), &rest["next"]), (vec!["local/web".to_owned()], &Value::Null));

    let web = stage.get("/v1/targets/local/web").await;
    assert_eq!(web["target"]["labels"]["app"], "web");
    assert_eq!(web["seats"][0]["binding"], "web");
    stage.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_told_apart() {
    let stage = Stage::open().await;
    for (path, status, code) in [
        ("/", 404, "no-such-route"),
        ("/v1/nothing", 404, "no-such-route"),
        ("/v1/targets/local/none", 404, "no-such-target"),
        ("/v1/targets/local/a%00b", 404, "no-such-target"),
        ("/v1/targets/local/%ff", 400, "bad-path"),
        ("/v1/targets?labl=app", 400, "bad-query"),
        ("/v1/targets?limit=0", 400, "bad-query"),
        ("/v1/targets?limit=1001", 400, "bad-query"),
        ("/v1/targets?limit=-1", 400, "bad-query"),
        ("/v1/targets?label=app", 400, "bad-query"),
        ("/v1/audit?after=x", 400, "bad-query"),
        ("/v1/audit?after=18446744073709551615", 400, "bad-query"),
    ] {
        let answer = stage.admin(Method::GET, path).send().await.unwrap();
        assert_eq!(problem(answer).await, (status, code.to_owned()), "{path}");
    }
    let answer = stage.admin(Method::PUT, "/v1/tokens").send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "GET, POST");
    assert_eq!(problem(answer).await, (405, "method-not-allowed".to_owned()));
    // Who has no token does not learn what there is.
    let answer = stage.ask(Method::GET, "/v1/nothing").send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"trimtab\"");
    assert_eq!(problem(answer).await, (401, "token-missing".to_owned()));
    let answer = stage.ask(Method::GET, "/v1/targets").header("authorization", "Basic eDp5").send().await.unwrap();
    assert_eq!(problem(answer).await, (401, "token-missing".to_owned()));

    let json = |text: String| {
        stage.admin(Method::POST, "/v1/tokens").header("content-type", "application/json; charset=utf-8").body(text)
    };
    let named = |name: &str| serde_json::json!({ "name": name, "role": "viewer" }).to_string();
    for (text, status, code) in [
        (String::new(), 400, "malformed-json"),
        ("{".to_owned(), 400, "malformed-json"),
        ("[".repeat(100_000), 422, "wrong-shape"),
        ("\u{feff}{}".to_owned(), 400, "malformed-json"),
        ("[]".to_owned(), 422, "wrong-shape"),
        ("{\"name\": \"x\"}".to_owned(), 422, "wrong-shape"),
        ("{\"name\": \"x\", \"role\": \"root\"}".to_owned(), 422, "wrong-shape"),
        ("{\"name\": \"x\", \"role\": \"viewer\", \"life_seconds\": 1e99}".to_owned(), 422, "wrong-shape"),
        ("{\"name\": \"x\", \"role\": \"viewer\", \"surprise\": 1}".to_owned(), 422, "wrong-shape"),
        ("{\"name\": \"x\", \"role\": \"viewer\", \"life_seconds\": 0}".to_owned(), 422, "refused"),
        (named(""), 422, "refused"),
        (named("a b"), 422, "refused"),
        (named(&"x".repeat(2_000_000)), 413, "body-too-large"),
    ] {
        let shown: String = text.chars().take(60).collect();
        assert_eq!(problem(json(text).send().await.unwrap()).await, (status, code.to_owned()), "{shown}");
    }
    let answer = stage.admin(Method::POST, "/v1/tokens").body(named("x")).send().await.unwrap();
    assert_eq!(problem(answer).await, (415, "not-json".to_owned()));
    assert_eq!(stage.get("/v1/tokens").await["items"].as_array().unwrap().len(), 1, "nothing was made");
    stage.end().await;
}

#[tokio::test]
async fn hostile_texts_come_back_escaped() {
    let stage = Stage::open().await;
    // Clears a screen, in two spellings; turns letters around; ends a line.
    let hostile = "\u{1b}[2J\u{9b}2J\u{202e}evil\r\n";
    let body = serde_json::json!({ "name": hostile, "role": hostile }).to_string();
    let post = stage.admin(Method::POST, "/v1/tokens").header("content-type", "application/json").body(body);
    let encoded = "%1b%5b2J%c2%9b2J%e2%80%aeevil%0d%0a";
    let get = stage.admin(Method::GET, &format!("/v1/targets?{encoded}=1"));
    let path = stage.admin(Method::GET, &format!("/v1/targets/local/{encoded}"));
    for request in [post, get, path] {
        let answer = request.send().await.unwrap();
        let text = answer.text().await.unwrap();
        assert!(text.contains("evil"), "{text}");
        assert!(text.chars().all(reply::is_harmless), "{text:?}");
        // And also once the JSON is read.
        let detail = serde_json::from_str::<Value>(&text).unwrap()["detail"].as_str().unwrap().to_owned();
        assert!(detail.chars().all(reply::is_harmless), "{detail:?}");
    }
    let text = String::from_utf8(reply::json_bytes(&hostile)).unwrap();
    assert!(text.chars().all(reply::is_harmless), "{text}");
    assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile, "and it reads back the same");
    stage.end().await;
}

#[tokio::test]
async fn a_body_that_trickles_or_is_larger_than_said_is_cut_off() {
    let stage = Stage::with(|settings| settings.body_timeout_ms = 200).await;
    let head = format!(
        "POST /v1/tokens HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\nconnection: close\r\n",
        stage.admin
    );
    let said = async |rest: &str| {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that does not read on closes the connection with what it has not read.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    let slow = said("content-length: 100\r\n\r\n{\"name\":").await;
    assert!(slow.starts_with("HTTP/1.1 408 ") && slow.contains("\"body-too-slow\""), "{slow}");
    let chunk = format!("{:x}\r\n{}\r\n", 600_000, " ".repeat(600_000));
    let large = said(&format!("transfer-encoding: chunked\r\n\r\n{chunk}{chunk}")).await;
    assert!(large.starts_with("HTTP/1.1 413 ") && large.contains("\"body-too-large\""), "{large}");
    stage.end().await;
}

#[tokio::test]
async fn a_token_that_asks_too_often_waits_and_others_do_not() {
    let stage = Stage::with(|settings| (settings.rate_per_second, settings.burst) = (1, 5)).await;
    let other = stage.token(Role::Viewer, &[], 0).await;
    let mut last = None;
    for _ in 0..20 {
        let answer = stage.admin(Method::GET, "/v1/whoami").send().await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            last = Some(answer);
            break;
        }
    }
    let answer = last.expect("a limit");
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await, (429, "too-many-requests".to_owned()));
    let answer = stage.ask(Method::GET, "/v1/whoami").bearer_auth(other.reveal()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(stage.ask(Method::GET, "/healthz").send().await.unwrap().status(), StatusCode::OK);
    stage.end().await;
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_ends() {
    let stage = Stage::open().await;
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    let body = serde_json::json!({ "name": "late", "role": "viewer" }).to_string();
    let head = format!(
        "POST /v1/tokens HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        stage.admin,
        body.len()
    );
    // Once it asks for the body, the request is under way.
    let head = head.replace("host: x", "host: x\r\nexpect: 100-continue");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0_u8; 1024];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 100 "));
    stage.shutdown.cancel();
    stream.write_all(body.as_bytes()).await.unwrap();
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(&answer[..read]));
    stage.end().await;
}
