//! The source tells what it was given, when it was given it.

use super::*;
use crate::snapshot::Subject;

fn spec() -> ReadingSpec {
    ReadingSpec {
        name: "x".into(),
        source: "m".to_owned(),
        query: "x".to_owned(),
        subject: Subject::Target,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 20,
        step_ms: 0,
        stale_after_ms: 30_000,
        absent_as: None,
    }
}

#[test]
fn samples_put_ahead_of_time_are_told_in_their_time() {
    let target: TargetId = "local/web".parse().unwrap();
    let (latest, ranges) = (MemorySource::new("m"), MemorySource::with_ranges("m"));
    let mut told = Vec::new();
    for source in [&latest, &ranges] {
        for at_ms in [30, 10, 20, 40] {
            source.set("x", &target, None, at_ms, 1.0);
        }
        let inner = source.lock();
        for now_ms in [5, 35, 100] {
            let ask = Ask { spec: &spec(), targets: &[], now_ms };
            told.push(source.told(&inner.series["x"][&target][0].1, &ask).map_or(0, |samples| samples.len()));
        }
    }
    assert_eq!(told, [0, 1, 1, 0, 2, 1]);
}
