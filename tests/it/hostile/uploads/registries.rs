//! A registry that does what none should: the pull ends with a code, within its time and without its bytes in memory.
//!
//! It speaks the real API's shapes, by hand, so that it can lie about every one of them.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Door, guest};
use crate::hostile::table::Rows;

/// What becomes of a request.
type Deed = Arc<dyn Fn(&mut TcpStream) + Send + Sync>;

/// The registry: what it does at which path. It ends with the test's process.
struct Registry {
    address: String,
    deeds: Arc<Mutex<BTreeMap<String, Deed>>>,
}

impl Registry {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let deeds: Arc<Mutex<BTreeMap<String, Deed>>> = Arc::default();
        let known = Arc::clone(&deeds);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let known = Arc::clone(&known);
                std::thread::spawn(move || serve(stream, &known));
            }
        });
        Self { address, deeds }
    }

    fn at(&self, path: String, deed: impl Fn(&mut TcpStream) + Send + Sync + 'static) {
        self.deeds.lock().unwrap().insert(path, Arc::new(deed));
    }

    /// A manifest of its own repository; the reference by its digest.
    fn manifest(&self, name: &str, manifest: &[u8]) -> String {
        let digest = digest(manifest);
        let answer = ok(&[], manifest);
        self.at(format!("/v2/team/{name}/manifests/{digest}"), move |stream| say(stream, &answer));
        format!("{}/team/{name}@{digest}", self.address)
    }

    /// An artefact of one layer, and what becomes of whoever asks for it.
    fn layer(&self, name: &str, layer: &[u8], deed: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> String {
        self.at(format!("/v2/team/{name}/blobs/{}", digest(layer)), deed);
        self.manifest(name, &serde_json::to_vec(&artefact(&digest(layer), layer.len() as i64)).unwrap())
    }
}

fn serve(mut stream: TcpStream, known: &Mutex<BTreeMap<String, Deed>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let deed = known.lock().unwrap().get(path).cloned();
    match deed {
        Some(deed) => deed(&mut stream),
        None => say(&mut stream, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    }
}

/// Who goes away hears no more.
fn say(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

fn ok(headers: &[&str], body: &[u8]) -> Vec<u8> {
    let further = headers.iter().fold(String::new(), |text, header| text + header + "\r\n");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n{further}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn artefact(digest: &str, size: i64) -> Value {
    let layer = json!({ "mediaType": "application/wasm", "digest": digest, "size": size });
    json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": self::digest(b"{}"), "size": 2 },
        "layers": [layer],
    })
}

/// A body that has no end.
fn endless(head: &'static str) -> impl Fn(&mut TcpStream) + Send + Sync + 'static {
    move |stream| {
        say(stream, head.as_bytes());
        let chunk = [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat();
        while stream.write_all(&chunk).is_ok() {}
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// A host that may pull from this registry alone, and has two seconds for it.
fn door(registry: &Registry) -> Door {
    Door::open(&format!(
        "[policies]\nallow_tags = true\npull_timeout = \"2s\"\nregistries = [{{ host = \"{}\", insecure_http = true }}]\n",
        registry.address
    ))
}

#[test]
fn a_layer_that_is_not_what_it_says_is_refused() {
    let registry = Registry::open();
    let door = door(&registry);
    let mut rows = Rows::of("upload");
    let policy = guest("");
    // A gigabyte of nothing, in a hundred kilobytes. Of gzip the head is enough: nobody unpacks it.
    let zstd = zstd::stream::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 3).unwrap();
    let gzip = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &[0x55; 1 << 20]].concat();
    let packed = zstd::stream::encode_all(policy.as_slice(), 3).unwrap();
    let answers = |headers: &[&str], body: &[u8]| {
        let answer = ok(headers, body);
        move |stream: &mut TcpStream| say(stream, &answer)
    };
    let raw = |head: &str, body: &[u8]| {
        let answer = [format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{head}\r\n\r\n").as_bytes(), body].concat();
        move |stream: &mut TcpStream| say(stream, &answer)
    };
    let length = policy.len();
    let drip = move |stream: &mut TcpStream| {
        say(stream, format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes());
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let silent = |_: &mut TcpStream| std::thread::sleep(Duration::from_secs(10));
    for (behaviour, must, reference) in [
        ("a gigabyte packed by zstd", "archive", registry.layer("zstd", &zstd, answers(&[], &zstd))),
        ("bytes packed by gzip", "archive", registry.layer("gzip", &gzip, answers(&["content-encoding: gzip"], &gzip))),
        (
            "a policy packed on the way",
            "wrong-digest",
            registry.layer("packed", &policy, answers(&["content-encoding: zstd"], &packed)),
        ),
        (
            "a layer longer than it is",
            "registry-unreachable",
            registry.layer("long", &policy, raw(&format!("content-length: {}", policy.len()), &policy[1..])),
        ),
        ("a layer that is cut off", "wrong-digest", registry.layer("cut", &policy, answers(&[], &policy[1..]))),
        (
            "a layer of a terabyte",
            "too-large",
            registry.layer("tera", &policy, raw("content-length: 1099511627776", b"")),
        ),
        ("a layer without an end", "too-large", registry.layer("endless", &policy, endless(CHUNKED))),
        ("a layer that drips", "pull-too-slow", registry.layer("drip", &policy, drip)),
        ("a layer that never comes", "pull-too-slow", registry.layer("silent", &policy, silent)),
        ("other bytes", "wrong-digest", registry.layer("other", &policy, answers(&[], &[0; 1_000]))),
        (
            "no HTTP at all",
            "registry-unreachable",
            registry.layer("ssh", &policy, |stream| say(stream, b"SSH-2.0-x\r\n")),
        ),
        (
            "headers without an end",
            "registry-unreachable",
            registry.layer("heads", &policy, |stream| {
                say(stream, b"HTTP/1.1 200 OK\r\n");
                while stream.write_all(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n").is_ok() {}
            }),
        ),
    ] {
        door.row_of(&mut rows, &format!("registry: {behaviour}"), must, || door.caller.pull(&reference));
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn a_manifest_that_no_policy_has_is_refused() {
    let registry = Registry::open();
    let door = door(&registry);
    let mut rows = Rows::of("upload");
    let policy = digest(&guest(""));
    let with = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut manifest = artefact(&policy, 1_000);
        change(&mut manifest);
        registry.manifest(name, &serde_json::to_vec(&manifest).unwrap())
    };
    let deep = [b"{\"layers\":".as_slice(), &[b'['; 100_000]].concat();
    let endless_manifest = format!("{}/team/endless@{}", registry.address, digest(b"endless"));
    registry.at(format!("/v2/team/endless/manifests/{}", digest(b"endless")), endless(CHUNKED));
    let forged = format!("{}/team/forged@{}", registry.address, digest(b"forged"));
    let body = serde_json::to_vec(&artefact(&policy, 1_000)).unwrap();
    registry.at(format!("/v2/team/forged/manifests/{}", digest(b"forged")), move |stream| say(stream, &ok(&[], &body)));
    for (behaviour, must, reference) in [
        ("a manifest without an end", "too-large", endless_manifest),
        (
            "a manifest of a megabyte",
            "too-large",
            with("mega", &|m| m["annotations"] = json!({ "x": "x".repeat(1 << 20) })),
        ),
        ("a manifest of another digest", "wrong-digest", forged),
        ("a manifest that is 100,000 deep", "no-policy", registry.manifest("deep", &deep)),
        ("a manifest that is rubbish", "no-policy", registry.manifest("rubbish", &[0xff; 1_000])),
        ("a thousand layers", "no-policy", with("many", &|m| m["layers"] = json!(vec![m["layers"][0].clone(); 1_000]))),
        ("no layer", "no-policy", with("none", &|m| m["layers"] = json!([]))),
        ("an index", "no-policy", with("index", &|m| *m = json!({ "schemaVersion": 2, "manifests": [] }))),
        ("a layer of less than nothing", "too-large", with("minus", &|m| m["layers"][0]["size"] = json!(-1))),
        ("a layer of 33 MiB, as it says", "too-large", with("more", &|m| m["layers"][0]["size"] = json!(33 << 20))),
        (
            "a packed layer",
            "no-policy",
            with("tar", &|m| m["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar+gzip")),
        ),
        (
            "a layer by a path",
            "no-policy",
            with("path", &|m| m["layers"][0]["digest"] = json!("sha256:../../../../etc/passwd")),
        ),
    ] {
        door.row_of(&mut rows, &format!("registry: {behaviour}"), must, || door.caller.pull(&reference));
    }
    door.is_as_before();
    rows.finish();
}

#[test]
fn a_registry_that_leads_elsewhere_or_changes_its_mind_is_not_followed() {
    let registry = Registry::open();
    let door = door(&registry);
    let mut rows = Rows::of("upload");
    let policy = guest("");
    let leads = |to: String| {
        let answer = format!("HTTP/1.1 307 Go\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        move |stream: &mut TcpStream| say(stream, answer.as_bytes())
    };
    let wants = |challenge: String| {
        let head = "HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\nwww-authenticate:";
        let answer = format!("{head} {challenge}\r\n\r\n");
        move |stream: &mut TcpStream| say(stream, answer.as_bytes())
    };
    let own = |path: &str| format!("http://{}{path}", registry.address);
    let around = own(&format!("/v2/team/around/blobs/{}", digest(&policy)));
    registry.at("/token".to_owned(), |stream| say(stream, &ok(&[], br#"{"token":"t"}"#)));
    registry.at("/endless".to_owned(), endless(CHUNKED));
    let bearer = |path: &str| format!("Bearer realm=\"{}\"", own(path));
    for (behaviour, must, reference) in [
        ("redirects in a circle", "registry-led-away", registry.layer("around", &policy, leads(around))),
        (
            "a redirect to the machine's own secrets",
            "registry-led-away",
            registry.layer("secrets", &policy, leads("http://169.254.169.254/latest/meta-data".to_owned())),
        ),
        (
            "a redirect to a file",
            "registry-refused",
            registry.layer("file", &policy, leads("file:///etc/passwd".to_owned())),
        ),
        (
            "tokens are had elsewhere",
            "registry-led-away",
            registry.layer("realm", &policy, wants("Bearer realm=\"http://169.254.169.254/\"".to_owned())),
        ),
        ("a token without an end", "too-large", registry.layer("token", &policy, wants(bearer("/endless")))),
        ("no token is ever good enough", "registry-refused", registry.layer("never", &policy, wants(bearer("/token")))),
        (
            "a proof that nobody knows",
            "registry-nonsense",
            registry.layer("odd", &policy, wants("Runes x=\"y\"".to_owned())),
        ),
    ] {
        door.row_of(&mut rows, &format!("registry: {behaviour}"), must, || door.caller.pull(&reference));
    }

    // A tag means one artefact when it is asked for, and another right after.
    let other = [policy.clone(), vec![0, 3, 1, b'n', 1]].concat();
    let manifests =
        [&policy, &other].map(|layer| serde_json::to_vec(&artefact(&digest(layer), layer.len() as i64)).unwrap());
    for layer in [&policy, &other] {
        let answer = ok(&[], layer);
        registry.at(format!("/v2/team/moving/blobs/{}", digest(layer)), move |stream| say(stream, &answer));
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let times = Arc::clone(&asked);
    let answers = manifests.clone().map(|manifest| ok(&[], &manifest));
    registry.at("/v2/team/moving/manifests/latest".to_owned(), move |stream| {
        say(stream, &answers[times.fetch_add(1, Ordering::SeqCst).min(1)]);
    });
    let reference = format!("{}/team/moving:latest", registry.address);
    let verdict = door.row_of(&mut rows, "registry: a tag that moves", "tried", || door.caller.pull(&reference));
    let first = digest(&policy);
    assert!(verdict.text.contains(first.strip_prefix("sha256:").unwrap()), "{}", verdict.text);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the manifest was asked for once");
    door.is_as_before();
    rows.finish();
}
