//! The Data Plane API's stories, with a small server that keeps the shapes and statuses of version 3: transactions at a
//! version, 406 for an outdated one, 202 with `Reload-ID`, runtime servers and native stats.

use std::sync::{Mutex, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::*;

/// Servers by name; `None`: it is deleted.
type Changes = Vec<(String, Option<Value>)>;

#[derive(Default)]
struct Fake {
    version: u64,
    /// Committed, by name.
    servers: BTreeMap<String, Value>,
    /// As it runs: state of administration by name. Filled by a reload.
    running: BTreeMap<String, String>,
    sessions: u64,
    /// Transactions: the version that each began at, and what it changes.
    open: BTreeMap<String, (u64, Changes)>,
    begun: u64,
    /// Somebody else commits before our next commit.
    rival: bool,
    reload_fails: bool,
    polls: u64,
}

type Shared = Arc<Mutex<Fake>>;

fn lock(fake: &Shared) -> std::sync::MutexGuard<'_, Fake> {
    fake.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no(status: u16, message: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({ "code": status, "message": message }))).into_response()
}

async fn fake() -> (Shared, HaproxyRegistrar, tempfile::TempDir) {
    let shared = Shared::default();
    lock(&shared).version = 1;
    let router = Router::new()
        .route("/v3/services/haproxy/configuration/version", get(version))
        .route("/v3/services/haproxy/transactions", post(begin))
        .route("/v3/services/haproxy/transactions/{id}", put(commit).delete(abandon))
        .route("/v3/services/haproxy/configuration/backends/{backend}/servers", get(list).post(add))
        .route(
            "/v3/services/haproxy/configuration/backends/{backend}/servers/{name}",
            get(one).put(replace).delete(remove),
        )
        .route("/v3/services/haproxy/runtime/backends/{backend}/servers", get(run_list))
        .route("/v3/services/haproxy/runtime/backends/{backend}/servers/{name}", get(run_one).put(run_set))
        .route("/v3/services/haproxy/stats/native", get(stats))
        .route("/v3/services/haproxy/reloads/{id}", get(reload))
        .with_state(Arc::clone(&shared));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let folder = tempfile::tempdir().unwrap();
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, "secret\n").unwrap();
    let config = DataPlaneConfig {
        url,
        user: "trimtab".to_owned(),
        password_file,
        ca_file: None,
        serves: BTreeMap::from([(web(), "web".to_owned())]),
        prefix: "trimtab.".to_owned(),
        set: Map::from_iter([("maxconn".to_owned(), json!(50))]),
        force_reload: false,
        timeout_ms: 5_000,
    };
    let registrar = HaproxyRegistrar::through_data_plane("lb", &config).unwrap();
    (shared, registrar, folder)
}

fn web() -> TargetId {
    "local/web".parse().unwrap()
}

async fn version(State(fake): State<Shared>, headers: HeaderMap) -> Response {
    // trimtab:secret
    if headers.get("authorization").is_none_or(|word| word != "Basic dHJpbXRhYjpzZWNyZXQ=") {
        return no(401, "unauthorized");
    }
    Json(lock(&fake).version).into_response()
}

async fn begin(State(fake): State<Shared>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let mut fake = lock(&fake);
    if query["version"] != fake.version.to_string() {
        return no(409, "version mismatch");
    }
    fake.begun += 1;
    let (id, version) = (format!("tx-{}", fake.begun), fake.version);
    fake.open.insert(id.clone(), (version, Vec::new()));
    let body = json!({ "_version": version, "id": id, "status": "in_progress" });
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn abandon(State(fake): State<Shared>, Path(id): Path<String>) -> StatusCode {
    lock(&fake).open.remove(&id);
    StatusCode::NO_CONTENT
}

async fn commit(State(fake): State<Shared>, Path(id): Path<String>) -> Response {
    let mut fake = lock(&fake);
    let (began_at, changes) = fake.open.remove(&id).unwrap();
    if std::mem::take(&mut fake.rival) {
        fake.version += 1;
    }
    if began_at != fake.version {
        return no(406, "transaction outdated");
    }
    fake.version += 1;
    for (name, change) in changes {
        match change {
            Some(server) => fake.servers.insert(name, server),
            None => fake.servers.remove(&name),
        };
    }
    fake.polls = 0;
    (StatusCode::ACCEPTED, [("Reload-ID", "2026-1")], Json(json!({ "id": id, "status": "success" }))).into_response()
}

async fn reload(State(fake): State<Shared>, Path(id): Path<String>) -> Response {
    let mut fake = lock(&fake);
    fake.polls += 1;
    if fake.polls < 3 {
        return Json(json!({ "id": id, "status": "in_progress" })).into_response();
    }
    if fake.reload_fails {
        return Json(json!({ "id": id, "status": "failed", "response": "line 7: unknown keyword" })).into_response();
    }
    fake.running = fake.servers.keys().map(|name| (name.clone(), "ready".to_owned())).collect();
    Json(json!({ "id": id, "status": "succeeded", "reload_timestamp": 1 })).into_response()
}

async fn list(State(fake): State<Shared>, Path(backend): Path<String>) -> Response {
    if backend != "web" {
        return no(404, "missing object");
    }
    Json(lock(&fake).servers.values().cloned().collect::<Vec<_>>()).into_response()
}

async fn one(State(fake): State<Shared>, Path((_, name)): Path<(String, String)>) -> Response {
    lock(&fake).servers.get(&name).map_or_else(|| no(404, "missing object"), |server| Json(server).into_response())
}

fn change(fake: &Shared, query: &BTreeMap<String, String>, name: String, server: Option<Value>) -> Response {
    let mut fake = lock(fake);
    let Some((_, changes)) = fake.open.get_mut(&query["transaction_id"]) else { return no(404, "no transaction") };
    changes.push((name, server.clone()));
    (StatusCode::ACCEPTED, Json(server)).into_response()
}

async fn add(
    State(fake): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
    Json(server): Json<Value>,
) -> Response {
    let name = server["name"].as_str().unwrap().to_owned();
    change(&fake, &query, name, Some(server))
}

async fn replace(
    State(fake): State<Shared>,
    Path((_, name)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    Json(server): Json<Value>,
) -> Response {
    change(&fake, &query, name, Some(server))
}

async fn remove(
    State(fake): State<Shared>,
    Path((_, name)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    change(&fake, &query, name, None)
}

fn run(name: &str, state: &str) -> Value {
    json!({ "address": "127.0.0.1", "admin_state": state, "id": "1", "name": name, "operational_state": "up", "port": 80 })
}

async fn run_list(State(fake): State<Shared>) -> Json<Vec<Value>> {
    Json(lock(&fake).running.iter().map(|(name, state)| run(name, state)).collect())
}

async fn run_one(State(fake): State<Shared>, Path((_, name)): Path<(String, String)>) -> Response {
    let fake = lock(&fake);
    fake.running.get(&name).map_or_else(|| no(404, "no such server"), |state| Json(run(&name, state)).into_response())
}

async fn run_set(
    State(fake): State<Shared>,
    Path((_, name)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    let mut fake = lock(&fake);
    let Some(state) = fake.running.get_mut(&name) else { return no(404, "no such server") };
    *state = body["admin_state"].as_str().unwrap().to_owned();
    Json(run(&name, state)).into_response()
}

async fn stats(State(fake): State<Shared>, Query(query): Query<BTreeMap<String, String>>) -> Json<Value> {
    assert_eq!((query["type"].as_str(), query["parent"].as_str()), ("server", "web"));
    let stat = json!({ "backend_name": "web", "name": query["name"], "type": "server",
        "stats": { "scur": lock(&fake).sessions, "qcur": 0 } });
    Json(json!({ "runtimeAPI": "/var/run/haproxy.sock", "stats": [stat] }))
}

#[tokio::test]
async fn an_instance_is_entered_drained_and_taken_out() {
    let (fake, lb, _folder) = fake().await;
    lock(&fake).servers.insert("theirs".to_owned(), json!({ "name": "theirs", "address": "10.0.0.1" }));
    lb.check().await.unwrap();
    lb.register(&web(), "a", "127.0.0.1:81").await.unwrap();
    let expected =
        json!({ "name": "trimtab.a", "address": "127.0.0.1", "port": 81, "check": "enabled", "maxconn": 50 });
    assert_eq!(lock(&fake).servers["trimtab.a"], expected);
    assert_eq!(lock(&fake).running["trimtab.a"], "ready", "only when HAProxy runs it");
    lb.register(&web(), "a", "127.0.0.1:81").await.unwrap();
    assert_eq!(lock(&fake).version, 2, "what stands already is not changed");
    lb.register(&web(), "a", "127.0.0.1:82").await.unwrap();
    assert_eq!(lock(&fake).servers["trimtab.a"]["port"], 82);
    assert_eq!(lb.entered(&web()).await.unwrap(), ["a"]);

    lock(&fake).sessions = 2;
    let waiting = DrainState::Waiting { why: "2 sessions".to_owned() };
    assert_eq!(lb.drain(&web(), "a").await.unwrap(), waiting);
    assert_eq!(lock(&fake).running["trimtab.a"], "drain");
    lb.undrain(&web(), "a").await.unwrap();
    assert_eq!(lock(&fake).running["trimtab.a"], "ready");
    lock(&fake).sessions = 0;
    assert_eq!(lb.drain(&web(), "a").await.unwrap(), DrainState::Drained);
    lb.deregister(&web(), "a").await.unwrap();
    lb.deregister(&web(), "a").await.unwrap();
    assert_eq!(lock(&fake).servers.keys().collect::<Vec<_>>(), ["theirs"]);
    assert!(lock(&fake).open.is_empty());
}

#[tokio::test]
async fn a_rival_costs_one_more_attempt() {
    let (fake, lb, _folder) = fake().await;
    lock(&fake).rival = true;
    lb.register(&web(), "a", "127.0.0.1:81").await.unwrap();
    let fake = lock(&fake);
    assert_eq!((fake.begun, fake.servers.len()), (2, 1));
}

#[tokio::test]
async fn a_reload_that_fails_is_told() {
    let (fake, lb, _folder) = fake().await;
    lock(&fake).reload_fails = true;
    let error = lb.register(&web(), "a", "127.0.0.1:81").await.unwrap_err().to_string();
    assert!(error.contains("line 7: unknown keyword"), "{error}");
    let error = lb.drain(&web(), "a").await.unwrap_err().to_string();
    assert!(error.contains("does not run yet"), "it may come with the next reload: {error}");
}

#[tokio::test]
async fn a_drain_left_by_a_host_before_is_taken_back() {
    let (fake, lb, _folder) = fake().await;
    lock(&fake)
        .servers
        .insert("trimtab.a".to_owned(), json!({ "name": "trimtab.a", "address": "127.0.0.1", "port": 81 }));
    lock(&fake).running.insert("trimtab.a".to_owned(), "drain".to_owned());
    assert_eq!(lb.entered(&web()).await.unwrap(), ["a"]);
    assert_eq!(lock(&fake).running["trimtab.a"], "ready");
    lock(&fake).running.insert("trimtab.a".to_owned(), "maint".to_owned());
    lb.entered(&web()).await.unwrap();
    assert_eq!(lock(&fake).running["trimtab.a"], "maint", "a person's hand stays");
}
