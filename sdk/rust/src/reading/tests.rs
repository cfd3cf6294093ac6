use super::{Fact, Owner, Samples};
use crate::needs::Needs;
use crate::rehearsal::{NOON_MS, Scene};
use crate::snapshot::Snapshot;
use crate::vocabulary::Subject;

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

fn seen<'p>(scene: Scene, needs: Needs<'p>) -> Snapshot<'p> {
    Snapshot::new(scene.project(&needs.to_wire()), needs)
}

fn about(got: Option<f64>, expected: f64) {
    assert!((got.unwrap() - expected).abs() < 1e-9, "{got:?} is not {expected}");
}

#[test]
fn each_reading_finds_its_own_rows() {
    let needs = Needs::new()
        .reading("rps", Subject::Target)
        .label("tier")
        .reading("cpu", Subject::Instance)
        .reading("errors", Subject::Target);
    let scene =
        Scene::new().replicas(2).of_instance("i-1", "cpu", [7.0]).reading("rps", [1.0, 2.0]).label("tier", "web");
    let snapshot = seen(scene, needs);
    assert_eq!(snapshot.reading("rps").fresh().unwrap().values(), [2.0], "no look-back: the latest only");
    let cpu: Vec<_> =
        snapshot.reading("cpu").instances().map(|(one, fact)| (one.id.as_str(), fact.map(|s| s.latest()))).collect();
    assert_eq!(cpu, [("i-0", Fact::Absent), ("i-1", Fact::Fresh(7.0))]);
    assert_eq!(snapshot.reading("errors").samples(), Fact::Absent);
    assert_eq!(snapshot.reading("never asked for").samples(), Fact::Absent);
    assert_eq!(snapshot.label("tier"), Some("web"));
    let refusal = snapshot.reading("errors").fresh().unwrap_err();
    assert_eq!(refusal.text, "reading `errors` is absent");
}

#[test]
fn stale_is_known_but_not_fresh() {
    let snapshot = seen(Scene::new().stale("rps", [5.0]), Needs::new().reading("rps", Subject::Target));
    let fact = snapshot.reading("rps").samples();
    assert_eq!(fact.fresh(), None);
    assert_eq!(fact.known().unwrap().latest(), 5.0);
    assert_eq!(fact.word(), "stale");
}

#[test]
fn what_is_not_finite_is_absent() {
    let scene = Scene::new().reading("rps", [f64::NAN]).reading("load", [1.0, f64::INFINITY]);
    let needs = Needs::new().reading("rps", Subject::Target).reading("load", Subject::Target);
    let snapshot = seen(scene, needs);
    assert_eq!(snapshot.reading("rps").samples(), Fact::Absent);
    assert_eq!(snapshot.reading("load").fresh().unwrap().latest(), 1.0);
}

#[test]
fn texts_and_numbers_are_not_mixed_up() {
    let needs = Needs::new().reading("state", Subject::Target).reading("rps", Subject::Target);
    let snapshot = seen(Scene::new().text("state", "UP").reading("rps", [1.0]), needs);
    assert_eq!(snapshot.reading("state").texts().fresh().unwrap().latest(), "UP");
    assert_eq!(snapshot.reading("state").samples(), Fact::Absent);
    assert_eq!(snapshot.reading("rps").texts(), Fact::Absent);
}

#[test]
fn owners_without_a_place_in_the_snapshot_are_named() {
    let scene = Scene::new().of_named("mail", "depth", [9.0]).of_named("jobs", "depth", [3.0]);
    let snapshot = seen(scene, Needs::new().reading("depth", Subject::Queue));
    let owners: Vec<_> =
        snapshot.reading("depth").owners().map(|(owner, fact)| (owner, fact.map(|s| s.latest()))).collect();
    assert_eq!(owners, [(Owner::Named("jobs"), Fact::Fresh(3.0)), (Owner::Named("mail"), Fact::Fresh(9.0))]);
}

#[test]
fn columns_that_contradict_each_other_are_absent_not_a_crash() {
    let needs = Needs::new().reading("rps", Subject::Target).look_back(MINUTE);
    let mut wire = Scene::new().reading("rps", [1.0, 2.0]).project(&needs.to_wire());
    wire.readings.counts = vec![9];
    assert_eq!(Snapshot::new(wire.clone(), needs.clone()).reading("rps").samples(), Fact::Absent);
    wire.readings.counts = vec![0];
    assert_eq!(Snapshot::new(wire.clone(), needs.clone()).reading("rps").samples(), Fact::Absent);
    wire.readings.counts = vec![];
    assert_eq!(Snapshot::new(wire.clone(), needs.clone()).reading("rps").samples(), Fact::Absent);
    wire.readings.counts = vec![2];
    wire.readings.freshness = vec![7];
    assert_eq!(Snapshot::new(wire, needs).reading("rps").samples(), Fact::Absent, "a freshness not known yet");
}

#[test]
fn the_look_back_cuts_and_windows_cut_further() {
    let needs = Needs::new().reading("rps", Subject::Target).look_back(MINUTE);
    let snapshot = seen(Scene::new().reading("rps", [9.0, 1.0, 2.0, 3.0, 4.0, 5.0]), needs);
    let samples = snapshot.reading("rps").fresh().unwrap();
    assert_eq!(samples.values(), [1.0, 2.0, 3.0, 4.0, 5.0], "a minute back, both ends included");
    assert_eq!(samples.since(NOON_MS - 20_000).unwrap().values(), [4.0, 5.0]);
    assert_eq!(samples.since(NOON_MS + 1), None);
    assert!(samples.spans(MINUTE) && !samples.spans(MINUTE * 2));
}

#[test]
fn what_is_said_of_samples() {
    let (times_ms, values) = ([0, 1000, 2000, 4000], [4.0, 1.0, 3.0, 2.0]);
    let samples = Samples::new(&times_ms, &values).unwrap();
    assert_eq!((samples.latest(), samples.min(), samples.max(), samples.mean()), (2.0, 1.0, 4.0, 2.5));
    assert_eq!([0.0, 0.5, 1.0, 9.0].map(|share| samples.percentile(share)), [1.0, 2.5, 4.0, 4.0]);
    about(samples.slope(), -0.285_714_285_714_285_7);
}

#[test]
fn a_counter_survives_its_restart() {
    let times_ms = [NOON_MS, NOON_MS + 10_000, NOON_MS + 20_000];
    about(Samples::new(&times_ms, &[100.0, 200.0, 300.0]).unwrap().rate(), 10.0);
    about(Samples::new(&times_ms, &[100.0, 200.0, 50.0]).unwrap().rate(), 7.5);
}

#[test]
fn one_sample_and_reversed_times_have_no_rate() {
    let single = Samples::new(&[5], &[1.0]).unwrap();
    assert_eq!((single.rate(), single.slope(), single.percentile(0.5)), (None, None, 1.0));
    let reversed = Samples::new(&[2000, 1000], &[1.0, 2.0]).unwrap();
    assert_eq!((reversed.rate(), reversed.slope()), (None, None));
    assert_eq!(Samples::new(&[], &[]), None);
    assert_eq!(Samples::new(&[1], &[]), None);
}
