//! What comes in through the doors for policies, and what does not.

use wasm_encoder::{ExportKind, ExportSection, Module};

use super::*;
use crate::policy::probe::Probe;
use crate::registry::{Keyring, PrivateKey, TrustedKey};

const UTF8: &str = r#"(@custom "trimtab:string-encoding" "utf8")"#;

impl Stage {
    /// Uploads, waits for the job, and gives the version.
    async fn taken_in(&self, bytes: &[u8], signature: Option<&str>) -> Value {
        let mut request = self.admin(Method::POST, "/v1/policies").body(bytes.to_vec());
        if let Some(signature) = signature {
            request = request.header("trimtab-signature", signature);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let shown: Value = answer.json().await.unwrap();
        if status == StatusCode::OK {
            return shown;
        }
        assert_eq!(status, StatusCode::ACCEPTED, "{shown}");
        self.job(shown["job"].as_u64().unwrap()).await["version"].clone()
    }

    /// A job, once it has ended.
    async fn job(&self, number: u64) -> Value {
        for _ in 0..1200 {
            let job = self.get(&format!("/v1/jobs/{number}")).await;
            if job["state"] != "running" {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("job {number} does not end");
    }

    async fn put(&self, path: &str, body: &Value) -> Response {
        self.admin(Method::PUT, path).json(body).send().await.unwrap()
    }
}

fn probe(change: impl FnOnce(&mut Probe)) -> Vec<u8> {
    let mut probe = Probe { further: UTF8.to_owned(), ..Probe::default() };
    change(&mut probe);
    probe.module()
}

/// Asks for three replicas, and has declared no kind of proposal.
fn undeclared() -> Vec<u8> {
    probe(|probe| {
        probe.further.push_str(r#"(data (i32.const 2048) "scale")"#);
        probe.evaluate = "
            (i32.store (i32.const 512) (i32.const 2048)) (i32.store (i32.const 516) (i32.const 5))
            (i32.store8 (i32.const 520) (i32.const 1)) (i32.store (i32.const 524) (i32.const 3))
            (i32.store (i32.const 260) (i32.const 512)) (i32.store (i32.const 264) (i32.const 1))
            (i32.const 256)"
            .to_owned();
    })
}

/// The same name exported twice, which text cannot say.
fn duplicate_export() -> Vec<u8> {
    let mut bytes = Module::HEADER.to_vec();
    // Types, functions and code of one function that does nothing, around the exports.
    bytes.extend([1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0]);
    let mut exports = ExportSection::new();
    for _ in 0..2 {
        exports.export("trimtab:policy/decide@0.1.0#describe", ExportKind::Func, 0);
    }
    let mut section = Vec::new();
    wasm_encoder::Section::append_to(&exports, &mut section);
    bytes.extend(section);
    bytes.extend([10, 4, 1, 2, 0, 0x0b]);
    bytes.extend([0, 28, 23]);
    bytes.extend(b"trimtab:string-encodingutf8");
    bytes
}

#[tokio::test]
async fn each_bad_upload_has_a_code_and_a_sentence_of_its_own_and_the_second_time_is_no_work() {
    let stage = Stage::open().await;
    let good = probe(|_| {});
    let compiled = wasmtime::Engine::default().precompile_module(&wat::parse_str("(module)").unwrap()).unwrap();
    let nested = |depth: usize| format!("(func {} {})", "block ".repeat(depth), "end ".repeat(depth));
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("archive", b"PK\x03\x04 a zip".to_vec()),
        ("native-code", b"\x7fELF\x02\x01\x01 a program".to_vec()),
        ("compiled-code", compiled),
        ("text-format", b"(module)".to_vec()),
        ("not-wasm", b"\x1b[2J\x1b]0;gone\x07 a terminal's escapes".to_vec()),
        ("truncated", good[..good.len() / 2].to_vec()),
        ("duplicate-export", duplicate_export()),
        ("no-policy", wat::parse_str("(module (func (export \"\\1b[2J\")))").unwrap()),
        ("wrong-contract", probe(|probe| probe.contract = "9.0.0".to_owned())),
        ("unknown-import", probe(|probe| probe.head.insert_str(0, r#"(import "env" "now" (func))"#))),
        ("too-complex", probe(|probe| probe.further.push_str(&"(func)".repeat(100_001)))),
        ("undeclared-kind", undeclared()),
        ("string-encoding", Probe::default().module()),
        ("manifest", probe(|probe| probe.describe = "(i32.const 16)".to_owned())),
        ("describe-trap", probe(|probe| probe.describe = "unreachable".to_owned())),
        ("trial-out-of-fuel", probe(|probe| probe.evaluate = "(loop $on (br $on)) unreachable".to_owned())),
    ];
    let mut sentences = std::collections::BTreeSet::new();
    for (code, bytes) in &bad {
        let version = stage.taken_in(bytes, None).await;
        let rejected = &version["rejected"];
        assert_eq!((&version["state"], &rejected["code"]), (&"rejected".into(), &(*code).into()), "{version}");
        assert!(!rejected["remedy"].as_str().unwrap().is_empty(), "{version}");
        assert!(sentences.insert(rejected["text"].as_str().unwrap().to_owned()), "{version}");
        assert_eq!(stage.taken_in(bytes, None).await, version, "the verdict is remembered");
        // Shown as it came it would clear the reader's screen.
        let page = stage.admin(Method::GET, "/v1/policies").send().await.unwrap().text().await.unwrap();
        assert!(!page.contains('\x1b'));
    }
    // Nested deeply, and no more than that: a compiler that went down with it would have taken the host along.
    let deep = probe(|probe| probe.further.push_str(&nested(20_000)));
    assert_eq!(stage.taken_in(&deep, None).await["state"], "tried");
    assert_eq!(stage.taken_in(&good, None).await["state"], "tried");
    assert_eq!(stage.get("/v1/policies?state=rejected").await["items"].as_array().unwrap().len(), bad.len());
    stage.end().await;
}

#[tokio::test]
async fn where_keys_are_trusted_an_upload_carries_a_signature() {
    let stage = Stage::open().await;
    let (key, strange) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let trusted = TrustedKey::read("release", &key.public_pem().unwrap()).unwrap();
    stage.api.steering().registry().trust(Keyring::new(vec![trusted]));
    let good = probe(|_| {});
    for (code, signature) in [
        ("unsigned", None),
        ("wrong-signature", Some(key.sign(b"something else").text())),
        ("untrusted-key", Some(strange.sign(&good).text())),
    ] {
        let version = stage.taken_in(&good, signature.as_deref()).await;
        assert_eq!(version["rejected"]["code"], code, "{version}");
    }
    let request = stage.admin(Method::POST, "/v1/policies").header("trimtab-signature", "rubbish").body(good.clone());
    assert_eq!(problem(request.send().await.unwrap()).await, (400, "bad-signature".to_owned()));
    let version = stage.taken_in(&good, Some(&key.sign(&good).text())).await;
    assert_eq!((&version["state"], &version["signed_by"]), (&"tried".into(), &"release".into()), "{version}");
    stage.end().await;
}

#[tokio::test]
async fn what_the_operator_grants_holds_at_once_and_is_refused_where_a_binding_needs_more() {
    let stage = Stage::open().await;
    let mut bytes = crate::registry::builtin::builtin("target-tracking").unwrap().bytes.to_vec();
    bytes.extend([0, 3, 1, b'v', 1]);
    let version = stage.taken_in(&bytes, None).await;
    let digest = version["digest"].as_str().unwrap();
    let body = serde_json::json!({ "digest": digest, "binding": "web" });
    let activated =
        stage.admin(Method::POST, "/v1/policies/target-tracking/activate").json(&body).send().await.unwrap();
    assert_eq!(activated.status(), StatusCode::OK);
    let path = format!("/v1/versions/{digest}/grants");
    assert_eq!(stage.get(&path).await, serde_json::json!({}));
    let granted = |stage: &Stage| {
        let bindings = stage.api.steering().bindings();
        let web = bindings.iter().find(|binding| binding.name == "web").unwrap();
        web.slots[0].granted.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(granted(&stage).contains(&"scale".to_owned()));
    let grants = serde_json::json!({ "kinds": ["hold"], "bindings": ["web"], "tier": "interpreted" });
    let answer = stage.put(&path, &grants).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(stage.get(&path).await, grants);
    assert!(!granted(&stage).contains(&"scale".to_owned()), "at once");
    // A binding runs it that may not: nothing changes.
    let answer = stage.put(&path, &serde_json::json!({ "bindings": ["api"] })).await;
    assert_eq!(problem(answer).await, (422, "configuration".to_owned()));
    assert_eq!(stage.get(&path).await, grants);
    for bad in [serde_json::json!({ "kinds": ["scael"] }), serde_json::json!({ "bindings": [""] })] {
        assert_eq!(problem(stage.put(&path, &bad).await).await, (422, "refused".to_owned()), "{bad}");
    }
    let answer = stage.put("/v1/versions/00/grants", &serde_json::json!({})).await;
    assert_eq!(problem(answer).await, (404, "no-such-version".to_owned()));
    assert_eq!(stage.put(&path, &serde_json::json!({})).await.status(), StatusCode::OK);
    assert!(granted(&stage).contains(&"scale".to_owned()));
    let rows = stage.get("/v1/audit?limit=2").await["items"].clone();
    assert_eq!((&rows[0]["before"]["bindings"], &rows[0]["after"]), (&grants["bindings"], &serde_json::json!({})));
    stage.end().await;
}

#[tokio::test]
async fn the_host_pulls_from_registries_that_its_configuration_names_and_says_what_came_of_it() {
    // Nobody listens there.
    let place = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = format!("[policies]\nregistries = [{{ host = \"{place}\", insecure_http = true }}]\n{CONFIG}");
    let stage = Stage::of(&config, |_| {}).await;
    let pull = |reference: String| {
        stage.admin(Method::POST, "/v1/policies/pull").json(&serde_json::json!({ "reference": reference })).send()
    };
    let digest = format!("sha256:{}", "0".repeat(64));
    for (reference, code) in [
        ("no reference".to_owned(), "bad-reference"),
        (format!("{place}/team/policy:latest"), "digest-needed"),
        (format!("169.254.169.254/team/policy@{digest}"), "registry-not-allowed"),
        // Without a host it is Docker's.
        (format!("team/policy@{digest}"), "registry-not-allowed"),
    ] {
        assert_eq!(problem(pull(reference).await.unwrap()).await, (422, code.to_owned()));
    }
    let answer = pull(format!("{place}/team/policy@{digest}")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let job: Value = answer.json().await.unwrap();
    let job = stage.job(job["job"].as_u64().unwrap()).await;
    assert_eq!(job["state"], "failed", "{job}");
    assert!(job["failed"].as_str().unwrap().starts_with("registry-unreachable: "), "{job}");
    stage.end().await;
}
