//! What is counted, how it is told, and that the documentation names all of it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::book::Known;
use super::*;

const DOCS: &str = include_str!("../../../../docs/operations.md");

/// Counts one of everything, so that every family has a series.
fn count_everything() -> Moment {
    turn("tests", Duration::from_millis(3), &[("observe", Duration::from_millis(1))]);
    let mut one = Evaluated::default();
    one.outcomes.insert("trap", 1);
    one.faults.insert("trap", 1);
    one.took.observe(Duration::from_micros(70));
    evaluated("tests", &one);
    restrained("above-max", 1);
    change_begun("tests", "scale");
    change_ended("tests", "scale", "applied");
    source_error("tests");
    source_asked("tests", Duration::from_millis(2));
    backend_error("tests");
    backend_asked("tests", Duration::from_millis(2));
    readings("fresh", 1);
    let mut ages = Batch::new(Scale::Age);
    ages.observe(Duration::from_secs(7));
    reading_ages(&ages);
    store_written(Duration::from_millis(2));
    upload("tried", Duration::from_millis(200));
    request("GET", "/tests", 200, Duration::from_millis(1));
    handshake("done");
    certificate(Ok(Some(4_000_000_000)));
    spans("sent", 1);
    Moment { targets: 3, quarantined: BTreeMap::from([("tests".to_owned(), 2)]), ..Moment::default() }
}

#[test]
fn every_measure_is_documented_with_its_kind_and_labels_and_no_other() {
    let (moment, process) = (now(&count_everything()), process::book());
    let known = [&MEASURES.book, &moment, &process].into_iter().flat_map(|book| &book.known).cloned();
    let known: BTreeSet<Known> = known.collect();
    let bare = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let (_, table) = DOCS.split_once("| measure | kind | labels | meaning |").expect("the table of measures");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    let documented: BTreeSet<(String, String, Vec<String>)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
            let labels = cells[2].split(", ").map(bare).filter(|label| label != "–").collect();
            (bare(cells[0]), bare(cells[1]), labels)
        })
        .collect();
    let known: BTreeSet<_> = known
        .into_iter()
        .map(|one| (one.name, one.kind.to_owned(), one.labels.into_iter().map(str::to_owned).collect::<Vec<_>>()))
        .collect();
    let missing: Vec<_> = known.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&known).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in docs/operations.md: {missing:#?}\nnot there: {gone:#?}");
}

#[test]
fn both_forms_tell_the_same_numbers() {
    let moment = count_everything();
    let (new, old) = (text(&moment, Form::OpenMetrics).unwrap(), text(&moment, Form::Prometheus).unwrap());
    assert!(new.ends_with("# EOF\n") && new.matches("# EOF").count() == 1, "{new}");
    assert!(new.contains("# TYPE trimtab_turns counter\n") && new.contains("# TYPE trimtab_build info\n"));
    assert!(old.contains("# HELP trimtab_turns_total Turns that were made.\n# TYPE trimtab_turns_total counter\n"));
    assert!(old.contains("# TYPE trimtab_build_info gauge\n") && !old.contains("# EOF") && !old.contains("# UNIT"));
    assert!(old.contains("trimtab_quarantined_targets{policy=\"tests\"} 2\n"));
    let bucket = "trimtab_evaluation_duration_seconds_bucket{le=\"0.0001\",policy=\"tests\"}";
    assert!(old.contains(bucket), "{old}");
    let samples = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| line.starts_with("trimtab_") && !line.contains("_total"));
        lines.filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(samples(&new), samples(&old));
}

#[test]
fn prometheus_own_tool_finds_nothing_to_say() {
    let Ok(mut promtool) =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()
    else {
        eprintln!("skipped: no promtool; install Debian's package prometheus");
        return;
    };
    let text = text(&count_everything(), Form::Prometheus).unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let found = promtool.wait_with_output().unwrap();
    assert!(found.status.success() && found.stderr.is_empty(), "{}\n{text}", String::from_utf8_lossy(&found.stderr));
}

#[test]
fn names_without_end_come_to_a_series_of_others() {
    let mut book = Book::new("t");
    let many = book.counters("many", ["name"], "Names");
    for n in 0..10_000 {
        many.of([&format!("name-{n}")]).inc();
    }
    many.of(["name-3"]).inc();
    let text = book::text([&book], Form::Prometheus).unwrap();
    assert!(text.lines().count() < 600, "{}", text.lines().count());
    assert!(text.contains("t_many_total{name=\"other\"} 9500\n") && text.contains("t_many_total{name=\"name-3\"} 2\n"));
}

#[test]
fn a_batch_adds_up_to_what_single_times_do() {
    let (alone, at_once) = (Durations::fine(), Durations::fine());
    let mut batch = Batch::new(Scale::Fine);
    for micros in [1, 10, 11, 90, 700, 4_000, 9_000_000] {
        alone.observe(Duration::from_micros(micros));
        batch.observe(Duration::from_micros(micros));
    }
    at_once.add(&batch);
    let told = |durations: &Durations| {
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("took", "Took", durations.clone());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    };
    assert_eq!(told(&alone), told(&at_once));
    assert!(
        told(&alone).contains("took_bucket{le=\"0.00001\"} 2\n")
            || told(&alone).contains("took_bucket{le=\"1e-5\"} 2\n"),
        "{}",
        told(&alone)
    );
    assert!(told(&alone).contains("took_count 7\n") && told(&alone).contains("le=\"+Inf\"} 7\n"));
}
