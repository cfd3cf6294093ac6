//! Pulls from a small registry of ours, which also does what no registry should.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::registry::PrivateKey;

const POLICY: &[u8] = b"\0asm a policy";

/// What the registry has, and what it does.
#[derive(Debug, Default, Clone)]
struct Shelf {
    manifests: BTreeMap<String, Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Where blobs are had instead.
    leads_to: Option<String>,
    /// The password that it wants, and how it says so.
    wants: Option<(String, String)>,
    /// What was asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Shelf {
    /// With one artefact, whose layer is like this; returns the digest of its manifest.
    fn with(&mut self, change: impl FnOnce(&mut serde_json::Value)) -> String {
        let empty = json!({ "mediaType": "application/vnd.wasm.config.v0+json", "digest": digest(b"{}"), "size": 2 });
        let layer = json!({ "mediaType": "application/wasm", "digest": digest(POLICY), "size": POLICY.len() });
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_IMAGE_MEDIA_TYPE, "config": empty, "layers": [layer], "annotations": {},
        });
        change(&mut manifest);
        let manifest = serde_json::to_vec(&manifest).unwrap();
        let name = digest(&manifest);
        self.manifests.insert(name.clone(), manifest.clone());
        self.manifests.insert("latest".to_owned(), manifest);
        self.blobs.insert(digest(POLICY), POLICY.to_vec());
        name
    }

    async fn serve(self) -> OciPlace {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let app = Router::new()
            .route("/v2/team/policy/{kind}/{name}", get(answer))
            .route("/token", get(token))
            .with_state(self);
        tokio::spawn(async move { axum::serve(listener, app).await });
        OciPlace { host, insecure_http: true, also: Vec::new(), login: None }
    }
}

async fn answer(
    State(shelf): State<Shelf>,
    Path((kind, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let proof = headers.get(header::AUTHORIZATION).map(|proof| proof.to_str().unwrap().to_owned());
    shelf.asked.lock().unwrap().push(format!("{kind} {}", proof.clone().unwrap_or_default()));
    if let Some((wanted, challenge)) = &shelf.wants
        && proof.as_ref() != Some(wanted)
    {
        let challenge = challenge.replace("HOST", headers[header::HOST].to_str().unwrap());
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    if let Some(place) = shelf.leads_to.as_ref().filter(|_| kind == "blobs") {
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place.clone())]).into_response();
    }
    let found = if kind == "blobs" { shelf.blobs.get(&name) } else { shelf.manifests.get(&name) };
    // Without a length, so that nothing but counting tells how long it is.
    let stream = |bytes: Vec<u8>| {
        let chunks: Vec<_> = bytes.chunks(64 * 1024).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
        Body::from_stream(futures_util::stream::iter(chunks))
    };
    found.map_or(StatusCode::NOT_FOUND.into_response(), |bytes| stream(bytes.clone()).into_response())
}

async fn token(headers: HeaderMap) -> Response {
    // "robot:hush" in base64.
    match headers.get(header::AUTHORIZATION) {
        Some(proof) if proof == "Basic cm9ib3Q6aHVzaA==" => r#"{"token":"t0ken"}"#.into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn limits() -> OciLimits {
    OciLimits { bytes_max: 1024, timeout: Duration::from_secs(20) }
}

async fn pull_at(place: &OciPlace, name: &str) -> Result<Pulled, OciError> {
    let reference = reference(&format!("{}/team/policy@{name}", place.host), false).unwrap();
    pull(&reference, place, limits()).await
}

#[tokio::test]
async fn a_policy_is_pulled_by_digest_and_by_tag_where_that_is_allowed() {
    let mut shelf = Shelf::default();
    let name = shelf.with(|_| {});
    let place = shelf.serve().await;
    let pulled = pull_at(&place, &name).await.unwrap();
    assert_eq!((pulled.bytes.as_slice(), &pulled.signature), (POLICY, &None));
    let tagged = format!("{}/team/policy:latest", place.host);
    assert!(matches!(reference(&tagged, false), Err(OciError::DigestNeeded { .. })));
    let by_tag = pull(&reference(&tagged, true).unwrap(), &place, limits()).await.unwrap();
    assert_eq!(by_tag.reference, pulled.reference, "what the tag meant is said");
    for bad in ["", "x/UPPER", "x@md5:00000000000000000000000000000000", "a b", "x@sha256:00", &"x".repeat(4000)] {
        assert!(matches!(reference(bad, true), Err(OciError::Reference { .. })), "{bad}");
    }
}

#[tokio::test]
async fn its_signature_comes_along() {
    let signature = PrivateKey::generate().unwrap().sign(POLICY);
    let mut shelf = Shelf::default();
    let of_manifest = shelf.with(|manifest| manifest["annotations"][SIGNATURE_ANNOTATION] = json!(signature.text()));
    let of_layer = shelf.with(|manifest| {
        manifest["layers"][0]["annotations"] = json!({ SIGNATURE_ANNOTATION: signature.text() });
    });
    let rubbish = shelf.with(|manifest| manifest["annotations"][SIGNATURE_ANNOTATION] = json!("rubbish"));
    let place = shelf.serve().await;
    assert_eq!(pull_at(&place, &of_manifest).await.unwrap().signature.as_ref(), Some(&signature));
    assert_eq!(pull_at(&place, &of_layer).await.unwrap().signature.as_ref(), Some(&signature));
    assert_eq!(pull_at(&place, &rubbish).await.unwrap_err().code(), "no-policy");
}

#[tokio::test]
async fn what_is_no_policy_or_not_what_it_says_is_refused() {
    let mut shelf = Shelf::default();
    let gzip = shelf.with(|manifest| manifest["layers"][0]["mediaType"] = json!("application/wasm+gzip"));
    let two = shelf.with(|manifest| manifest["layers"] = json!([manifest["layers"][0], manifest["layers"][0]]));
    let index = shelf.with(|manifest| *manifest = json!({ "schemaVersion": 2, "manifests": [] }));
    let large = shelf.with(|manifest| manifest["layers"][0]["size"] = json!(1025));
    let negative = shelf.with(|manifest| manifest["layers"][0]["size"] = json!(-1));
    let other = digest(b"other bytes");
    let swapped = shelf.with(|manifest| manifest["layers"][0]["digest"] = json!(other));
    shelf.blobs.insert(other, POLICY.to_vec());
    let endless = digest(b"endless");
    let longer = shelf.with(|manifest| manifest["layers"][0]["digest"] = json!(endless));
    shelf.blobs.insert(endless, vec![0; 10_000_000]);
    let md5 = shelf.with(|manifest| manifest["layers"][0]["digest"] = json!("md5:00"));
    let long_manifest = shelf.with(|manifest| manifest["annotations"]["x"] = json!("x".repeat(1_000_000)));
    let forged = digest(b"forged");
    shelf.manifests.insert(forged.clone(), shelf.manifests["latest"].clone());
    let place = shelf.serve().await;
    for (name, code) in [
        (gzip, "no-policy"),
        (two, "no-policy"),
        (index, "no-policy"),
        (md5, "no-policy"),
        (large, "too-large"),
        (negative, "too-large"),
        (longer, "too-large"),
        (long_manifest, "too-large"),
        (swapped, "wrong-digest"),
        (digest(b"nowhere"), "registry-refused"),
    ] {
        let error = pull_at(&place, &name).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    let error = pull_at(&place, &forged).await.unwrap_err();
    assert!(matches!(error.code(), "wrong-digest" | "too-large"), "{error}");
}

#[tokio::test]
async fn a_registry_leads_nowhere_that_the_operator_has_not_named() {
    let mut bytes = Shelf::default();
    let name = bytes.with(|_| {});
    let asked = Arc::clone(&bytes.asked);
    let elsewhere = bytes.serve().await;
    let mut shelf = Shelf { leads_to: None, ..Shelf::default() };
    shelf.with(|_| {});
    shelf.leads_to = Some(format!("http://{}/v2/team/policy/blobs/{}", elsewhere.host, digest(POLICY)));
    let place = shelf.clone().serve().await;
    let error = pull_at(&place, &name).await.unwrap_err();
    assert!(matches!(&error, OciError::LedAway { host } if host.ends_with(&elsewhere.host)), "{error}");
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new(), "nobody was asked");
    let place = OciPlace { also: vec![elsewhere.host.clone()], ..place };
    assert_eq!(pull_at(&place, &name).await.unwrap().bytes, POLICY);

    shelf.leads_to = None;
    shelf.wants = Some(("Bearer x".to_owned(), "Bearer realm=\"http://169.254.169.254/token\"".to_owned()));
    let place = shelf.serve().await;
    let error = pull_at(&place, &name).await.unwrap_err();
    assert!(matches!(&error, OciError::LedAway { host } if host == "http://169.254.169.254"), "{error}");
}

#[tokio::test]
async fn a_password_is_shown_to_the_registry_and_to_nobody_else() {
    let login = || Some(OciLogin { user: "robot".to_owned(), password: "hush".to_owned() });
    assert!(!format!("{:?}", login()).contains("hush"));
    for (wanted, challenge) in [
        ("Bearer t0ken", "Bearer realm=\"http://HOST/token\",service=\"x\""),
        ("Basic cm9ib3Q6aHVzaA==", "Basic realm=\"x\""),
    ] {
        let mut shelf = Shelf { wants: Some((wanted.to_owned(), challenge.to_owned())), ..Shelf::default() };
        let name = shelf.with(|_| {});
        let place = shelf.serve().await;
        let error = pull_at(&place, &name).await.unwrap_err();
        assert_eq!(error.code(), "registry-refused", "{error}");
        let place = OciPlace { login: login(), ..place };
        assert_eq!(pull_at(&place, &name).await.unwrap().bytes, POLICY, "{challenge}");
    }
}

#[tokio::test]
async fn a_registry_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let place = OciPlace { host: host.clone(), insecure_http: true, also: Vec::new(), login: None };
    let reference = reference(&format!("{host}/team/policy@{}", digest(b"x")), false).unwrap();
    let limits = OciLimits { timeout: Duration::from_millis(200), ..limits() };
    assert_eq!(pull(&reference, &place, limits).await.unwrap_err().code(), "pull-too-slow");
    drop(listener);
    assert_eq!(pull(&reference, &place, self::limits()).await.unwrap_err().code(), "registry-unreachable");
}
