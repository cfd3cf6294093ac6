//! Bindings in a table, a real one of SQLite. `tests/it/tables.rs` has PostgreSQL and the built binary.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::stage::{CONFIG, Stage};
use crate::bounds::Range;
use crate::cycle::Binding;
use crate::supervisor::{Refusal, SteerError, TableSeen};

/// A database with the table `trimtab_bindings`.
struct Ops {
    _folder: TempDir,
    file: PathBuf,
}

impl Ops {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("ops.db");
        let ops = Self { _folder: folder, file };
        ops.make();
        ops
    }

    /// No key keeps names apart: a test has two rows of one name.
    fn make(&self) {
        self.run("CREATE TABLE trimtab_bindings (name TEXT, settings TEXT)");
    }

    fn run(&self, statement: &str) {
        Connection::open(&self.file).unwrap().execute_batch(statement).unwrap();
    }

    fn put(&self, name: &str, settings: &str) {
        self.remove(name);
        self.add(name, settings);
    }

    fn add(&self, name: &str, settings: &str) {
        let insert = "INSERT INTO trimtab_bindings VALUES (?1, ?2)";
        Connection::open(&self.file).unwrap().execute(insert, params![name, settings]).unwrap();
    }

    fn remove(&self, name: &str) {
        let delete = "DELETE FROM trimtab_bindings WHERE name = ?1";
        Connection::open(&self.file).unwrap().execute(delete, params![name]).unwrap();
    }

    /// The usual rooms and no binding but one that only looks, and this table under the name `ops`.
    fn config(&self, further: &str) -> String {
        let (rooms, _) = CONFIG.split_once("[binding.web]").unwrap();
        let looks = "[binding.looks]\nselect = { driver = \"local\" }\nevery = \"1h\"\nmode = \"off\"\n\
            [[binding.looks.policy]]\nuse = \"schedule\"\nparams = { windows = [\"at least 1 from '@yearly' for 1h\"] }\n";
        let at = self.file.display();
        format!("{rooms}{looks}[bindings_from.ops.sql]\nurl = \"sqlite:{at}\"\n{further}\n")
    }
}

/// The usual binding as a row, up to `max` replicas.
fn row(max: u32) -> String {
    let (_, binding) = CONFIG.split_once("[binding.web]\n").unwrap();
    binding.replace("binding.web.", "").replace("max = 10", &format!("max = {max}"))
}

/// The same as JSON.
fn json(max: u32) -> String {
    serde_json::to_string(&row(max).parse::<toml::Table>().unwrap()).unwrap()
}

/// Reads a table as its pace would.
async fn read(stage: &Stage, index: usize) -> TableSeen {
    stage.steering.read_table(&stage.steering.tables().all()[index]).await;
    stage.steering.tables_seen().remove(index)
}

fn running(stage: &Stage, name: &str) -> Option<Arc<Binding>> {
    stage.steering.bindings().iter().find(|binding| binding.name == name).cloned()
}

async fn scaled(stage: &Stage) -> u32 {
    stage.load(5_000.0);
    stage.turn().await;
    stage.desired()
}

fn complaint(seen: &TableSeen, name: &str) -> String {
    seen.refused[name].why.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_bindings_and_what_cannot_be_read_changes_nothing() {
    let ops = Ops::new();
    let stage = Stage::set(&ops.config("")).await;
    let seen = read(&stage, 0).await;
    assert!(seen.problem.is_none() && seen.in_force.is_empty(), "no rows are a good answer: {seen:?}");
    ops.put("web", &row(4));
    let seen = read(&stage, 0).await;
    assert_eq!(seen.in_force["web"]["replicas"]["max"], 4, "{seen:?}");
    assert_eq!(scaled(&stage).await, 4);
    let first = running(&stage, "web").unwrap();
    read(&stage, 0).await;
    assert!(Arc::ptr_eq(&first, &running(&stage, "web").unwrap()), "the same again changes nothing");
    ops.put("web", &json(6));
    read(&stage, 0).await;
    assert_eq!(scaled(&stage).await, 6, "as JSON");

    ops.put("web", &row(9).replace("every = \"1h\"", "every = \"soon\""));
    let seen = read(&stage, 0).await;
    let wrong = complaint(&seen, "web");
    assert!(wrong.starts_with("table ops, row web:2:9: binding.web.every: "), "{wrong}");
    assert!(seen.in_force.contains_key("web") && seen.problem.is_none(), "{seen:?}");
    assert_eq!(scaled(&stage).await, 6, "what was in force stays");

    ops.run("DROP TABLE trimtab_bindings");
    for failures in 1..=2 {
        let seen = read(&stage, 0).await;
        assert!(seen.problem.as_ref().unwrap().contains("no such table"), "{seen:?}");
        assert_eq!((seen.failures, seen.in_force.len()), (failures, 1));
    }
    let stage = stage.restart().await;
    let seen = read(&stage, 0).await;
    assert!(seen.problem.is_some() && seen.read_at_ms.is_none(), "{seen:?}");
    assert_eq!(scaled(&stage).await, 6, "what was last taken is kept");

    ops.make();
    let seen = read(&stage, 0).await;
    assert!(seen.problem.unwrap().contains("had some"), "one look is not believed");
    assert!(running(&stage, "web").is_some());
    let seen = read(&stage, 0).await;
    assert_eq!((seen.problem, seen.failures, seen.in_force.len()), (None, 0, 0));
    assert!(running(&stage, "web").is_none());
    assert_eq!(stage.changes_by("\"who\":\"table ops\"").await, 3, "made, changed, removed");
    assert!(running(&stage.restart().await, "web").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_others_go_before_a_row_and_a_bad_row_is_in_no_others_way() {
    let (ops, more) = (Ops::new(), Ops::new());
    let second = format!("[bindings_from.second.sql]\nurl = \"sqlite:{}\"", more.file.display());
    let stage = Stage::set(&ops.config(&second)).await;
    let document: serde_json::Value = serde_json::from_str(&json(3)).unwrap();
    let steering = &stage.steering;
    steering.put_binding("mine", &document, None).await.unwrap();
    ops.put("looks", &row(4));
    ops.put("mine", &row(4));
    ops.put("web", &row(4));
    ops.add("twice", &row(4));
    ops.add("twice", &row(5));
    ops.put("large", &format!("{}# {}", row(4), "x".repeat(16 * 1024)));
    ops.put("code", &row(4).replace("target-tracking", "./mine.wasm"));
    ops.put("nobody", &row(4).replace("target-tracking", "nobody-made-it"));
    ops.put("elsewhere", &row(4).replace("\"local\"", "\"lokal\""));
    ops.put("no name", &row(4));
    ops.put("nothing", "");
    ops.run("INSERT INTO trimtab_bindings VALUES (NULL, NULL)");
    let seen = read(&stage, 0).await;
    assert_eq!(seen.in_force.keys().collect::<Vec<_>>(), ["web"], "{seen:?}");
    let words: Vec<(&str, &str)> = seen.refused.iter().map(|(name, row)| (name.as_str(), row.why.word())).collect();
    let expected = [
        ("", "complaints"),
        ("code", "complaints"),
        ("elsewhere", "complaints"),
        ("large", "too-long"),
        ("looks", "in-file"),
        ("mine", "by-api"),
        ("no name", "complaints"),
        ("nobody", "complaints"),
        ("nothing", "complaints"),
        ("twice", "twice"),
    ];
    assert_eq!(words, expected);
    for (name, says) in [
        ("code", "binding.code.policy../mine.wasm: a row cannot name a file of the host; upload the policy"),
        ("elsewhere", "there is no driver \"lokal\"; did you mean \"local\"?"),
        ("nobody", "nobody-made-it"),
        ("nothing", "select is missing; say which targets"),
    ] {
        assert!(complaint(&seen, name).contains(says), "{name}: {}", complaint(&seen, name));
    }
    more.put("web", &row(5));
    assert_eq!(read(&stage, 1).await.refused["web"].why, Refusal::InTable { table: "ops".to_owned() });
    let table = |error: SteerError| matches!(error, SteerError::OfTable { table, .. } if table == "ops");
    assert!(table(steering.put_binding("web", &document, None).await.unwrap_err()));
    assert!(table(steering.remove_binding("web", None).await.unwrap_err()));

    steering.remove_binding("mine", None).await.unwrap();
    let seen = read(&stage, 0).await;
    assert!(seen.in_force.contains_key("mine"), "the name is free: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caps_hold_over_a_row_and_a_label_goes_before_it_within_them() {
    let ops = Ops::new();
    let caps = "[caps.all]\nselect = { driver = \"local\" }\nreplicas = { max = 6 }";
    let stage = Stage::set(&ops.config(caps)).await;
    let wide = "labels_allowed = [\"max\"]\ncaps = { replicas = { min = 0, max = 20 } }\n[[reading]]";
    ops.put("web", &row(9).replacen("[[reading]]", wide, 1));
    read(&stage, 0).await;
    assert_eq!(scaled(&stage).await, 6, "a row widens no cap");
    stage.label(&[("trimtab.max", Some("3"))]);
    assert_eq!(scaled(&stage).await, 3, "the workload's label goes before the row");
    stage.label(&[("trimtab.max", Some("15"))]);
    assert_eq!((scaled(&stage).await, stage.view().caps), (6, Some(Range { min: 0, max: 6 })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_judges_rows_again_and_takes_the_names_that_its_file_has() {
    let ops = Ops::new();
    let group = "[group.shop]\nreplicas_max = 5";
    let stage = Stage::set(&ops.config(group)).await;
    ops.put("web", &format!("group = \"shop\"\n{}", row(4)));
    ops.put("free", &row(2).replace("\"web\"", "\"none\""));
    assert_eq!(read(&stage, 0).await.in_force.len(), 2);

    stage.edit(&ops.config(""));
    let refused = stage.steering.reload().await.unwrap_err().to_string();
    assert!(refused.contains("bindings_from.ops: binding.web.group: there is no group \"shop\""), "{refused}");
    stage.edit(&ops.config(&format!("{group}\n{}", binding_named("free"))));
    let report = stage.steering.reload().await.unwrap();
    assert_eq!((report.changed, report.removed, report.needs_restart), (vec!["free".to_owned()], vec![], vec![]));
    assert_eq!(stage.steering.tables_seen()[0].in_force.keys().collect::<Vec<_>>(), ["web"]);
    assert_eq!(read(&stage, 0).await.refused["free"].why, Refusal::InFile);

    stage.edit(&ops.config(group).replace("[bindings_from.ops.sql]", "[bindings_from.ops.sql]\nevery = \"1m\""));
    assert_eq!(stage.steering.reload().await.unwrap().needs_restart, ["bindings_from"]);
    stage.edit(&ops.config(group).replace("bindings_from.ops", "bindings_from.other"));
    let stage = stage.restart().await;
    assert!(running(&stage, "web").is_none(), "rows of a table that nobody names are forgotten");
}

/// The usual binding as the file has it, under another name and for no target.
fn binding_named(name: &str) -> String {
    let (_, binding) = CONFIG.split_once("[binding.web]\n").unwrap();
    let binding = binding.replace("binding.web.", &format!("binding.{name}.")).replace("\"web\"", "\"none\"");
    format!("[binding.{name}]\n{binding}")
}
