//! Who may do what: every route with every kind of caller, held against the one permission check.

use super::super::rules::{Needs, RULES, Rule};
use super::*;
use crate::access::{Denied, Object, Permission, permit};
use crate::snapshot::TargetId;

/// A path that can be asked for: what stands in braces is replaced by something that is there, or harmless.
fn path_of(rule: &Rule) -> String {
    let path = rule.path.replace("{driver}", "local").replace("{name}", "web").replace("{id}", "0000000000000000");
    path.replace("{digest}", "0000").replace("{job}", "0")
}

/// What the check says of a caller and this route; the target that is asked for is `local/web`, on which binding `web` sits.
fn expected(stage: &Stage, rule: &Rule, token: Option<&str>) -> Option<&'static str> {
    let permission_of = |needs| match needs {
        Needs::Nothing => None,
        Needs::ForHost(permission) | Needs::ForEach(permission) => Some(permission),
    };
    let permission: Permission = permission_of(rule.needs)?;
    let Some(token) = token else { return Some("token-missing") };
    let identity = match stage.api.access().identify(token, stage.api.now_ms()) {
        Ok(identity) => identity,
        Err(error) => {
            return Some(match error {
                crate::access::NotKnown::Malformed => "token-malformed",
                crate::access::NotKnown::NoSuchToken => "token-unknown",
                crate::access::NotKnown::Expired => "token-expired",
                crate::access::NotKnown::Revoked => "token-revoked",
            });
        }
    };
    let views = stage.api.steering().targets();
    let id: TargetId = "local/web".parse().unwrap();
    let object = match rule.needs {
        Needs::ForHost(_) => Object::Host,
        _ if rule.path.contains("{driver}") => targets::place(&views[&id]),
        _ if rule.path.starts_with("/v1/bindings/{name}") => {
            let bindings = stage.api.steering().bindings();
            let binding = bindings.iter().find(|binding| binding.name == "web").unwrap();
            return permit(&identity, permission, &bindings::binding_place(binding)).err().as_ref().map(word);
        }
        _ => Object::Each,
    };
    permit(&identity, permission, &object).err().as_ref().map(word)
}

fn word(denied: &Denied) -> &'static str {
    match denied {
        Denied::Role { .. } => "role-too-low",
        Denied::Scope { .. } => "out-of-scope",
    }
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_check_says() {
    let stage = Stage::open().await;
    let mut callers: Vec<(String, Option<String>)> = vec![("nobody".to_owned(), None)];
    for role in Role::ALL {
        for (scope, bindings) in [("", &[][..]), (" of web", &["w*"]), (" of others", &["nothing-*"])] {
            let secret = stage.token(role, bindings, 0).await;
            callers.push((format!("{role}{scope}"), Some(secret.reveal().to_owned())));
        }
    }
    let expired = stage.token(Role::Admin, &[], 700_000).await;
    let revoked = stage.token(Role::Admin, &[], 0).await;
    stage.api.access().revoke(revoked.id(), &Identity::host(), stage.api.now_ms()).await.unwrap();
    let mut unknown = stage.admin.clone();
    unknown.replace_range(unknown.len() - 4.., "0000");
    callers.push(("expired".to_owned(), Some(expired.reveal().to_owned())));
    callers.push(("revoked".to_owned(), Some(revoked.reveal().to_owned())));
    callers.push(("unknown".to_owned(), Some(unknown)));
    callers.push(("malformed".to_owned(), Some("admin".to_owned())));

    let mut table = String::new();
    for rule in RULES {
        table += &format!("{} {}\n", rule.method, rule.path);
        for (name, token) in &callers {
            let mut request = stage.ask(rule.method.clone(), &path_of(rule));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let said = match expected(&stage, rule, token.as_deref()) {
                Some(code) => {
                    let (_, said) = problem(answer).await;
                    assert_eq!(said, code, "{} {} as {name}", rule.method, rule.path);
                    said
                }
                None => {
                    assert!(![401, 403].contains(&status), "{} {} as {name}: {status}", rule.method, rule.path);
                    "may".to_owned()
                }
            };
            table += &format!("  {name:20} {said}\n");
        }
    }
    insta::assert_snapshot!(table);
    stage.end().await;
}

#[tokio::test]
async fn a_token_of_some_bindings_sees_no_others() {
    let stage = Stage::open().await;
    let secret = stage.token(Role::Viewer, &["w*"], 0).await;
    let answer = stage.ask(Method::GET, "/v1/targets").bearer_auth(secret.reveal()).send().await.unwrap();
    let page: Value = answer.json().await.unwrap();
    let ids: Vec<&str> = page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["local/web"]);
    let answer = stage.ask(Method::GET, "/v1/targets/local/api").bearer_auth(secret.reveal()).send().await.unwrap();
    assert_eq!(problem(answer).await, (403, "out-of-scope".to_owned()));
    stage.end().await;
}

#[tokio::test]
async fn tables_of_bindings_are_told_as_far_as_a_token_reaches_and_their_rows_are_not_written_here() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ops.db");
    let row = r#"{"select": {"driver": "local", "labels": {"app": "none"}}, "mode": "off",
        "policy": [{"use": "schedule", "params": {"windows": ["at least 1 from '@yearly' for 1h"]}}]}"#;
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute("CREATE TABLE trimtab_bindings (name TEXT, settings TEXT)", []).unwrap();
    for (name, settings) in [("w1", row), ("w2", "{}"), ("other", row), ("another", "{}"), ("web", row)] {
        database.execute("INSERT INTO trimtab_bindings VALUES (?1, ?2)", [name, settings]).unwrap();
    }
    let table = format!("[bindings_from.ops.sql]\nurl = \"sqlite:{}\"\nevery = \"1s\"\n", file.display());
    let stage = Stage::of(&format!("{CONFIG}{table}"), |_| {}).await;
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let all = loop {
        let all = stage.get("/v1/binding-tables").await["items"][0].clone();
        if all["read_at_ms"].is_u64() {
            break all;
        }
        assert!(tokio::time::Instant::now() < end, "{all}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!((&all["in_force"], &all["rows_refused"]), (&serde_json::json!(["other", "w1"]), &3.into()), "{all}");
    assert_eq!((&all["refused"][2]["name"], &all["refused"][2]["reason"]), (&"web".into(), &"in-file".into()), "{all}");

    let secret = stage.token(Role::Viewer, &["w*"], 0).await;
    let seen = stage.ask(Method::GET, "/v1/binding-tables").bearer_auth(secret.reveal()).send().await.unwrap();
    let seen: Value = seen.json().await.unwrap();
    let seen = &seen["items"][0];
    assert_eq!((&seen["in_force"], &seen["rows_refused"]), (&serde_json::json!(["w1"]), &2.into()), "{seen}");
    let shown = stage.get("/v1/bindings/w1").await;
    assert_eq!(
        (&shown["made_by"], &shown["table"], &shown["document"]["mode"]),
        (&"table".into(), &"ops".into(), &"off".into())
    );
    let document: Value = serde_json::from_str(row).unwrap();
    let put = stage.admin(Method::PUT, "/v1/bindings/w1").json(&document).send().await.unwrap();
    assert_eq!(problem(put).await, (409, "of-table".to_owned()));
    let removed = stage.admin(Method::DELETE, "/v1/bindings/w1").send().await.unwrap();
    assert_eq!(problem(removed).await, (409, "of-table".to_owned()));
    stage.end().await;
}

#[tokio::test]
async fn a_token_is_made_used_listed_and_revoked_and_the_trail_tells_it() {
    let stage = Stage::open().await;
    let wanted = serde_json::json!({
        "name": "ci", "role": "author", "scope": { "bindings": ["web"] }, "life_seconds": 3600,
    });
    let answer = stage.admin(Method::POST, "/v1/tokens").json(&wanted).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let made: Value = answer.json().await.unwrap();
    let (secret, id) = (made["secret"].as_str().unwrap(), made["token"]["id"].as_str().unwrap());
    let whoami = |secret: &str| stage.ask(Method::GET, "/v1/whoami").bearer_auth(secret).send();
    let me: Value = whoami(secret).await.unwrap().json().await.unwrap();
    assert_eq!((me["name"].as_str(), me["role"].as_str()), (Some("ci"), Some("author")));
    assert!(me["permissions"].as_array().unwrap().contains(&"policy-upload".into()));
    assert!(!me["permissions"].as_array().unwrap().contains(&"policy-activate".into()));

    let listed = stage.get("/v1/tokens").await.to_string();
    assert!(listed.contains(id) && !listed.contains(secret));
    let path = format!("/v1/tokens/{id}");
    for _ in 0..2 {
        // The second time changes nothing and is no error.
        let answer = stage.admin(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.json::<Value>().await.unwrap()["state"], "revoked");
    }
    assert_eq!(problem(whoami(secret).await.unwrap()).await, (401, "token-revoked".to_owned()));

    let first = &stage.get("/v1/tokens").await["items"];
    let first = first.as_array().unwrap().iter().find(|row| row["name"] == "first").unwrap()["id"].clone();
    let answer = stage.admin(Method::DELETE, &format!("/v1/tokens/{}", first.as_str().unwrap())).send().await.unwrap();
    assert_eq!(problem(answer).await, (409, "last-admin".to_owned()));

    // Newest first, page by page: revoked, made, and the first one by the host itself.
    let page = stage.get("/v1/audit?limit=2").await;
    let rows = page["items"].as_array().unwrap();
    assert_eq!(rows[0]["after"]["revoked_ms"], rows[0]["at_ms"]);
    assert_eq!(rows[1]["after"]["name"], "ci");
    assert!(rows[0]["who"].as_str().unwrap().starts_with("first ("));
    let rest = stage.get(&format!("/v1/audit?after={}", page["next"].as_str().unwrap())).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest["items"][0]["who"], "the host");
    assert_eq!(rest["next"], Value::Null);
    stage.end().await;
}

/// The route table as `docs/roles.md` tells it: the least role of each, and where a token of some bindings will not do.
fn told() -> String {
    let mut text = String::from(
        "# Who may do what\n\nMade from the route table of the API, which also guards it; a test holds this page to it, and another tries every\nroute with \
         every role. A role may what those before it may: viewer, author, operator, admin.\n\n\
         | route | needs | least role | for |\n|---|---|---|---|\n",
    );
    for Rule { method, path, needs, .. } in RULES {
        let (permission, whose) = match needs {
            Needs::Nothing => (None, "anybody"),
            Needs::ForHost(permission) => (Some(permission), "the whole host"),
            Needs::ForEach(permission) => (Some(permission), "what its token reaches"),
        };
        let least = permission.map_or("no token".to_owned(), |permission| permission.least_role().to_string());
        let permission = permission.map_or(String::new(), |permission| format!("`{permission}`"));
        text += &format!("| `{method} {path}` | {permission} | {least} | {whose} |\n");
    }
    text
}

#[test]
fn the_page_of_roles_says_what_the_route_table_says() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/roles.md");
    // As insta does it: accepted where one says so.
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&page, told()).unwrap();
    }
    let kept = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(kept == told(), "docs/roles.md is not as the route table: run this test with INSTA_UPDATE=always");
}
