//! The rules of the house that a compiler does not check: who may import whom, and who alone may name what.
//!
//! The table is that of host/ARCHITECTURE.md. Files of tests are exempt: a story may set its scene with any room.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may import. `*` in the second place: all that stand above it in this list.
const ROOMS: &[(&str, &[&str])] = &[
    ("quantity", &[]),
    ("causes", &[]),
    ("tls", &[]),
    ("runtime_socket", &[]),
    ("secret", &[]),
    ("snapshot", &[]),
    ("sandbox", &[]),
    ("store", &[]),
    ("telemetry", &[]),
    ("access", &["store"]),
    ("sources", &["snapshot"]),
    ("policy", &["snapshot", "sandbox"]),
    ("bounds", &["snapshot", "policy"]),
    ("drivers", &["snapshot", "bounds"]),
    ("registrars", &["snapshot", "bounds"]),
    ("alerts", &["store", "snapshot"]),
    ("audit", &["store", "snapshot", "sources", "policy", "bounds", "drivers"]),
    ("registry", &["store", "snapshot", "sandbox", "policy", "bounds"]),
    ("replay", &["store", "snapshot", "policy", "audit", "registry"]),
    ("cycle", &["*"]),
    ("backtest", &["snapshot", "policy", "bounds", "cycle"]),
    ("notices", &["snapshot", "drivers", "telemetry", "cycle"]),
    (
        "config",
        &[
            "telemetry",
            "cycle",
            "notices",
            "registry",
            "snapshot",
            "sandbox",
            "sources",
            "policy",
            "bounds",
            "drivers",
            "registrars",
        ],
    ),
    ("import", &["config"]),
    ("supervisor", &["*"]),
    ("api", &["*"]),
    ("cli", &["*"]),
    ("fuzzing", &["*"]),
];

/// Rooms that know nothing of the host and that every room may import.
const FOR_ALL: &[&str] = &["quantity", "causes", "tls", "runtime_socket", "secret"];

/// Pairs that `*` would allow and that are wrong all the same, but in one file: the command line speaks to the API over HTTP,
/// as everybody does, and only `trimtab run` serves it.
const FORBIDDEN: &[(&str, &str, &str)] = &[("cli", "api", "cli/run.rs")];

#[test]
fn rooms_import_only_what_they_may() {
    let mut breaches = Vec::new();
    for file in sources() {
        let Some(room) = room_of(&file) else { continue };
        let Some(index) = ROOMS.iter().position(|(name, _)| *name == room) else {
            breaches.push(format!("{} belongs to no room of the table: give {room:?} a row", shown(&file)));
            continue;
        };
        for (line, other) in imports(&code_of(&file)) {
            if other != room && !may(index, &other, &relative(&file)) {
                breaches.push(format!("{}:{line}: room {room:?} may not import room {other:?}", shown(&file)));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

fn may(index: usize, other: &str, file: &str) -> bool {
    let (room, allowed) = ROOMS[index];
    if FOR_ALL.contains(&other) {
        return true;
    }
    if FORBIDDEN.iter().any(|(from, to, except)| *from == room && *to == other && *except != file) {
        return false;
    }
    let above = ROOMS[..index].iter().any(|(name, _)| *name == other);
    allowed.contains(&other) || (allowed.contains(&"*") && above)
}

#[test]
fn only_one_file_per_contract_version_names_the_contracts_types() {
    let breaches = naming(&["bindgen!", "ComponentNamedList", "contract_v1::wit"], |path| {
        path.starts_with("policy/contract_v") && path.ends_with(".rs")
    });
    assert!(breaches.is_empty(), "WIT types stop at policy/contract_v*.rs:\n{}", breaches.join("\n"));
}

#[test]
fn only_the_sandbox_and_the_policies_know_the_engine() {
    let breaches = naming(&["wasmtime::"], |path| {
        path.starts_with("sandbox/") || path == "sandbox.rs" || path.starts_with("policy/")
    });
    assert!(breaches.is_empty(), "the engine stays in its room:\n{}", breaches.join("\n"));
}

#[test]
fn only_the_api_knows_http_status_codes() {
    let breaches = naming(&["StatusCode"], |path| {
        // The embedded balancer answers clients itself where no instance can: that answer has a status.
        // The demo's worker is a workload, not the host: a web server of its own process.
        // A registrar's listener answers proxies: while it has nothing to tell, that answer has one too.
        let answers_itself =
            path.starts_with("registrars/embedded") || path == "registrars/listener.rs" || path == "cli/demo/worker.rs";
        path.starts_with("api/") || path == "api.rs" || answers_itself
    });
    assert!(breaches.is_empty(), "statuses are the API's:\n{}", breaches.join("\n"));
}

#[test]
fn no_file_is_named_for_what_it_is_not() {
    let vague = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];
    let found: Vec<String> =
        sources().iter().filter(|file| vague.contains(&stem_of(file).as_str())).map(|file| shown(file)).collect();
    assert!(found.is_empty(), "name it after the thing that is in it: {}", found.join(", "));
}

/// Lines of code that name one of these words in a file that may not.
fn naming(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in sources().into_iter().filter(|file| !may(&relative(file))) {
        for (index, line) in code_of(&file).lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                breaches.push(format!("{}:{}: names {word}", shown(&file), index + 1));
            }
        }
    }
    breaches
}

/// Rooms named by `crate::room` or `crate::{room, …}`, and on which line.
fn imports(code: &str) -> BTreeSet<(usize, String)> {
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = code[..start].matches('\n').count() + 1;
        let rest = &code[start + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                // Names at depth 0 of the group: `crate::{a::{b, c}, d}` gives a and d.
                let mut depth = 0;
                let mut name = String::new();
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        name.push(c);
                    }
                }
                found.extend(name.split(',').map(|part| (line, first_word(part.trim()))));
            }
            None => drop(found.insert((line, first_word(rest)))),
        }
    }
    // Types at the crate's root do not exist; macros do, and macros are not rooms.
    found
        .into_iter()
        .filter(|(_, room)| !room.is_empty() && room.chars().all(|c| c.is_lowercase() || c == '_'))
        .collect()
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The file without comments.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// All Rust files of the host but tests.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![root()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.retain(|file| !relative(file).split('/').any(|part| part == "tests" || part == "tests.rs"));
    files.sort();
    assert!(files.len() > 20, "the sources were not found");
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

fn shown(file: &Path) -> String {
    format!("host/src/{}", relative(file))
}

fn stem_of(file: &Path) -> String {
    file.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// `snapshot` of `snapshot.rs` and of `snapshot/reading.rs`; the crate's roots belong to no room.
fn room_of(file: &Path) -> Option<String> {
    let relative = relative(file);
    let room = relative.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
    (!["lib", "main"].contains(&room.as_str())).then_some(room)
}
