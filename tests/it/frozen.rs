//! Yesterday's guests in today's host: the example of each language as it was built when its contract was released, from
//! `tests/frozen/`, answers what it answered then. `cargo xtask freeze` adds languages; nothing else changes what lies there. It has
//! these stories try what it is about to add, in a folder that it names in `TRIMTAB_TEST_FROZEN`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use trimtab::bounds::Settings;
use trimtab::cli::read_snapshot;
use trimtab::policy::{EvaluationInput, Policy, Queue, check_params};

use crate::languages::{Built, registry};

/// The folder in the place of `tests/frozen/`. Only there the answers of the first guest are written to cases that have none.
const STAGED: &str = "TRIMTAB_TEST_FROZEN";

/// As in `xtask/src/freeze.rs`.
const FILE_BYTES_MAX: usize = 5_000_000;
const ALL_BYTES_MAX: usize = 16_000_000;
/// A guest that is larger takes seconds to compile, and is left to the long form.
const QUICK_BYTES_MAX: u64 = 300_000;

/// `index.json` of one version of the contract.
#[derive(Deserialize)]
struct Frozen {
    contract: String,
    wit_sha256: String,
    cases: String,
    guests: Vec<Guest>,
}

#[derive(Deserialize)]
struct Guest {
    language: String,
    sha256: String,
    bytes: u64,
    file: Option<String>,
    made_by: String,
}

/// One moment, what the operator set, and what every guest of this version answers.
#[derive(Serialize, Deserialize)]
struct Case {
    about: String,
    params: Map<String, Value>,
    snapshot: Value,
    answer: Option<Value>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_frozen_guests_answer_as_they_did() {
    let long = std::env::var_os("TRIMTAB_LONG").is_some();
    let registry = registry();
    for folder in versions() {
        let frozen = index(&folder);
        let mut cases = cases(&folder.join(&frozen.cases));
        let answered = cases.iter().all(|case| case.answer.is_some());
        assert!(answered || std::env::var_os(STAGED).is_some(), "{} {} lacks answers", frozen.contract, frozen.cases);
        for guest in frozen.guests.iter().filter(|guest| long || guest.bytes <= QUICK_BYTES_MAX) {
            let name = format!("{} {}", frozen.contract, guest.language);
            let Some(bytes) = unpacked(&folder, guest).or_else(|| built(guest)) else {
                println!("{name}: too large to be kept, and not built here; made by `{}`", guest.made_by);
                continue;
            };
            let policy = registry.load(&guest.language, &bytes, None, None).await;
            let policy = policy.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(policy.manifest().contract, frozen.contract, "{name}");
            let played = tokio::task::spawn_blocking(move || play(&name, &policy, cases));
            cases = played.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        }
        if !answered {
            write(&folder.join(&frozen.cases), &cases);
        }
    }
}

/// Plays the cases, and hands them back with the answers of this guest where there were none.
fn play(name: &str, policy: &Policy, mut cases: Vec<Case>) -> Vec<Case> {
    for case in &mut cases {
        let snapshot = read_snapshot(&case.snapshot.to_string(), &case.about, &Settings::default()).unwrap();
        let params = check_params(&policy.manifest().parameters, &case.params).unwrap();
        let needs = policy.needs(&params).unwrap();
        let (memory, queue) = (&[][..], Queue::Ordinary);
        let input = EvaluationInput { snapshot: &snapshot, needs: &needs, params: &params, memory, queue };
        let answer =
            policy.evaluate(&input).outcome.unwrap_or_else(|fault| panic!("{name}: {}: it {fault}", case.about));
        let frozen = case.answer.get_or_insert_with(|| json!(answer));
        assert_eq!(json!(answer), *frozen, "{name} answers `{}` otherwise than is frozen", case.about);
    }
    cases
}

/// A line for each: what changed shows in a diff.
fn write(path: &Path, cases: &[Case]) {
    let lines: Vec<String> = cases.iter().map(|case| serde_json::to_string(case).unwrap()).collect();
    std::fs::write(path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}

#[test]
fn what_is_frozen_is_whole_and_small() {
    let mut all_bytes = 0;
    for folder in versions() {
        let frozen = index(&folder);
        assert_eq!(folder.file_name().unwrap().to_str(), Some(frozen.contract.as_str()));
        let mut files = vec![frozen.cases.clone(), "index.json".to_owned()];
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
        let clear =
            "what the index does not name is left of a freezing that was interrupted: `cargo xtask freeze` clears it";
        assert_eq!(there, files, "{}: {clear}", folder.display());
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
    let staged = std::env::var_os(STAGED).map(PathBuf::from);
    staged.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/frozen"))
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

fn cases(path: &Path) -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 50, "{}", path.display());
    cases
}

fn unpacked(folder: &Path, guest: &Guest) -> Option<Vec<u8>> {
    let packed = std::fs::read(folder.join(guest.file.as_ref()?)).unwrap();
    Some(zstd::decode_all(packed.as_slice()).unwrap())
}

/// A guest that is too large to be kept, where the example as it is built here is that very guest.
fn built(guest: &Guest) -> Option<Vec<u8>> {
    let folder = PathBuf::from(std::env::var_os("TRIMTAB_TEST_LANGUAGES")?);
    let index: Vec<Built> = serde_json::from_slice(&std::fs::read(folder.join("index.json")).ok()?).unwrap();
    let file = index.into_iter().find(|built| built.name == guest.language)?.file;
    std::fs::read(folder.join(file)).ok().filter(|bytes| digest(bytes) == guest.sha256)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
