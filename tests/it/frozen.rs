//! Yesterday's guests in today's host: the example of each language as it was built when its contract was released, from
//! `tests/frozen/`, answers what it answered then. `cargo xtask freeze` adds languages; nothing else changes what lies there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use trimtab::bounds::Settings;
use trimtab::cli::read_snapshot;
use trimtab::policy::{EvaluationInput, Policy, Queue, check_params};
use trimtab::sandbox::StringEncoding;

use crate::languages::registry;

/// As in `xtask/src/freeze.rs`.
const FILE_BYTES_MAX: usize = 2_000_000;
const ALL_BYTES_MAX: usize = 6_000_000;
/// A guest that is larger takes seconds to compile, and is left to the long form.
const QUICK_BYTES_MAX: u64 = 300_000;

/// `index.json` of one version of the contract.
#[derive(Deserialize)]
struct Frozen {
    contract: String,
    wit_sha256: String,
    guests: Vec<Guest>,
}

#[derive(Deserialize)]
struct Guest {
    language: String,
    kind: String,
    sha256: String,
    bytes: u64,
    file: Option<String>,
    made_by: String,
}

#[derive(Deserialize)]
struct Case {
    about: String,
    params: Map<String, Value>,
    snapshot: Value,
    answer: Value,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_frozen_guests_answer_as_they_did() {
    let long = std::env::var_os("TRIMTAB_LONG").is_some();
    let registry = registry();
    for folder in versions() {
        let (frozen, cases) = (index(&folder), cases(&folder));
        assert_eq!(cases.len(), 50, "{}", folder.display());
        for guest in &frozen.guests {
            let Some(bytes) = unpacked(&folder, guest) else {
                println!("{} {}: too large to be kept; made by `{}`", frozen.contract, guest.language, guest.made_by);
                continue;
            };
            if !long && guest.bytes > QUICK_BYTES_MAX {
                continue;
            }
            let encoding = (guest.kind == "bare-module").then_some(StringEncoding::Utf8);
            let policy = registry.load(&guest.language, &bytes, None, encoding).await;
            let policy = policy.unwrap_or_else(|error| panic!("{} {}: {error}", frozen.contract, guest.language));
            assert_eq!(policy.manifest().contract, frozen.contract, "{}", guest.language);
            let name = format!("{} {}", frozen.contract, guest.language);
            let cases = Arc::clone(&cases);
            tokio::task::spawn_blocking(move || play(&name, &policy, &cases)).await.unwrap();
        }
    }
}

fn play(name: &str, policy: &Policy, cases: &[Case]) {
    for case in cases {
        let snapshot = read_snapshot(&case.snapshot.to_string(), &case.about, &Settings::default()).unwrap();
        let params = check_params(&policy.manifest().parameters, &case.params).unwrap();
        let needs = policy.needs(&params).unwrap();
        let (memory, queue) = (&[][..], Queue::Ordinary);
        let input = EvaluationInput { snapshot: &snapshot, needs: &needs, params: &params, memory, queue };
        let answer =
            policy.evaluate(&input).outcome.unwrap_or_else(|fault| panic!("{name}: {}: it {fault}", case.about));
        assert_eq!(json!(answer), case.answer, "{name} answers `{}` otherwise than when it was frozen", case.about);
    }
}

#[test]
fn what_is_frozen_is_whole_and_small() {
    let mut all_bytes = 0;
    for folder in versions() {
        let frozen = index(&folder);
        assert_eq!(folder.file_name().unwrap().to_str(), Some(frozen.contract.as_str()));
        let mut files = vec!["cases.json".to_owned(), "index.json".to_owned()];
        for guest in &frozen.guests {
            if let Some(bytes) = unpacked(&folder, guest) {
                assert_eq!(
                    (bytes.len() as u64, digest(&bytes)),
                    (guest.bytes, guest.sha256.clone()),
                    "{}",
                    guest.language
                );
            }
            files.extend(guest.file.clone());
        }
        files.sort();
        let mut there = Vec::new();
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let bytes = usize::try_from(entry.metadata().unwrap().len()).unwrap();
            assert!(bytes <= FILE_BYTES_MAX, "{} is {bytes} bytes long", entry.path().display());
            all_bytes += bytes;
            there.push(entry.file_name().into_string().unwrap());
        }
        there.sort();
        assert_eq!(there, files, "{}", folder.display());
    }
    assert!(all_bytes <= ALL_BYTES_MAX, "{all_bytes} bytes");
}

/// While a version is the current one, the contract under `wit/` is what was released as that version.
#[test]
fn a_released_contract_does_not_change() {
    let world = trimtab::policy::world();
    let folder = folder().join(&*world.version);
    let frozen = index(&folder);
    let essence = world.wit.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    let essence = essence.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    assert_eq!(
        digest(essence.as_bytes()),
        frozen.wit_sha256,
        "wit/v1/policy.wit says otherwise than the contract {} that was released: what changes is a new version, served beside it",
        frozen.contract
    );
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/frozen")
}

fn versions() -> Vec<PathBuf> {
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    versions.sort();
    assert!(!versions.is_empty());
    versions
}

fn index(folder: &Path) -> Frozen {
    serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap()
}

fn cases(folder: &Path) -> Arc<[Case]> {
    serde_json::from_slice::<Vec<Case>>(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap().into()
}

fn unpacked(folder: &Path, guest: &Guest) -> Option<Vec<u8>> {
    let packed = std::fs::read(folder.join(guest.file.as_ref()?)).unwrap();
    Some(zstd::decode_all(packed.as_slice()).unwrap())
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
