//! The API against its own OpenAPI document: a fuzzer makes up calls from the document, and finds no answer of 5xx and none that
//! the document does not foresee.
//!
//! The fuzzer is schemathesis, by the name in `TRIMTAB_TEST_SCHEMATHESIS`, else on the path. `TRIMTAB_SCHEMA_SEED` repeats a
//! run; the long form makes up fifteen times as much. Streams are left out: they answer for as long as one listens.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::host::Host;
use crate::skip::skip;

/// What is held against the document.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance";

#[test]
fn a_long_row_of_made_up_calls_finds_no_answer_that_the_document_does_not_foresee() {
    let Some(program) = program() else {
        skip("schema", "no schemathesis; `cargo xtask test` fetches it, or name one in TRIMTAB_TEST_SCHEMATHESIS");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trimtab.toml");
    std::fs::write(&file, config()).unwrap();
    let mut host = Host::start(&file);
    let address = host.address();
    host.says("running");
    let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap();

    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/schema");
    let examples = if std::env::var_os("TRIMTAB_LONG").is_some() { "300" } else { "20" };
    let seed = std::env::var("TRIMTAB_SCHEMA_SEED").unwrap_or_else(|_| (std::process::id() % 100_000).to_string());
    let run = Command::new(&program)
        .args(["--config-file".as_ref(), settings.join("schemathesis.toml").as_os_str()])
        .args(["run", &format!("http://{address}/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
        .args(["--phases", "coverage,fuzzing,stateful", "--checks", CHECKS, "--exclude-path", "/v1/events"])
        .args(["--max-examples", examples, "--seed", &seed, "--request-timeout", "30", "--continue-on-failure"])
        .args(["--output-truncate", "false", "--no-color"])
        .current_dir(folder.path())
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", &settings)
        .output()
        .unwrap();
    let mut said = String::from_utf8_lossy(&run.stdout).into_owned();
    write!(said, "{}", String::from_utf8_lossy(&run.stderr)).unwrap();
    assert!(run.status.success(), "seed {seed}:\n{said}");
    let cases = said.lines().find(|line| line.contains(" generated, ")).unwrap_or_default();
    println!("seed {seed}: {}", cases.trim());

    // It is as well as before.
    host.tell(Signal::TERM);
    host.says("ended in order");
    assert!(host.child.wait().unwrap().success());
}

fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("TRIMTAB_TEST_SCHEMATHESIS") {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("schemathesis")).find(|program| program.is_file())
}

/// A host with a workload that costs nothing, and limits that are not what is tried here.
fn config() -> &'static str {
    r#"data_dir = "data"
[api]
listen = "127.0.0.1:0"
rate = 1000000
burst = 1000000
[driver.local.process]
cgroups = false
[driver.local.process.workload.web]
command = ["sleep", "1000"]
[source.page.http-json]
url = "http://127.0.0.1:9/"
[binding.web]
select = { driver = "local" }
every = "1s"
replicas = { min = 0, max = 2 }
[[binding.web.reading]]
name = "load"
source = "page"
query = "/load"
[[binding.web.policy]]
use = "target-tracking"
params = { reading = "load", target = 10 }
"#
}
