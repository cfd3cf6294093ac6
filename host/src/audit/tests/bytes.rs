//! What records take, and that they come back to the bit.

use std::sync::Arc;

use proptest::prelude::*;

use super::{quiet, raise, snapshot};
use crate::audit::form::{Bench, CHANGES_MAX, Decoder, Encoder, is_whole};
use crate::audit::{QuietForm, Recorder, Settings};
use crate::snapshot::{Freshness, Reading, Samples, Subject};
use crate::store::Write;

fn recorder() -> Recorder {
    Recorder::new(Settings::default(), 10_000)
}

fn bodies(writes: &[Write]) -> usize {
    let bytes = |write: &Write| if let Write::Append { body, .. } = write { body.len() } else { 0 };
    writes.iter().map(bytes).sum()
}

/// Bytes of the first turn, of the mean turn over a day, and of one that acts.
fn figures(series: u64, samples: u64) -> (usize, usize, usize) {
    let mut recorder = recorder();
    let bytes: Vec<_> = (0..5_760)
        .map(|turn| {
            let record = quiet(&mut recorder, turn, series, samples);
            assert!(record.is_quiet());
            bodies(&recorder.turn(&[record]).unwrap())
        })
        .collect();
    let acting = raise(&mut recorder, 5_760, series, samples);
    (bytes[0], bytes.iter().sum::<usize>() / bytes.len(), bodies(&recorder.turn(&[acting]).unwrap()))
}

#[test]
fn quiet_turns_keep_only_what_is_new() {
    for (series, samples, whole_max, quiet_max) in [(20, 1, 2_000, 350), (20, 60, 20_000, 450)] {
        let (first, mean, acting) = figures(series, samples);
        println!("{series} readings of {samples} samples: whole {first} bytes, acting {acting}, a quiet turn {mean}");
        assert!(first < whole_max && acting < whole_max, "{first}, {acting}");
        assert!(mean < quiet_max, "{mean}");
    }
}

#[test]
fn counted_turns_take_next_to_nothing() {
    let mut recorder = Recorder::new(Settings { quiet: QuietForm::Counted }, 0);
    let mut bytes = 0;
    for turn in 0..5_760 {
        let record = quiet(&mut recorder, turn, 20, 60);
        bytes += bodies(&recorder.turn(&[record]).unwrap());
    }
    bytes += bodies(&recorder.rest());
    println!("counted: {} bytes a turn", bytes as f64 / 5_760.0);
    assert!(bytes / 5_760 < 12, "{bytes}");
}

#[test]
fn every_record_of_a_long_run_comes_back_exactly() {
    let (mut recorder, mut encoder, mut decoder, mut bench) =
        (recorder(), Encoder::default(), Decoder::default(), Bench::default());
    let (mut wholes, mut since) = (0, 0);
    for turn in 0..1_000 {
        let mut record = match turn {
            300..=303 => raise(&mut recorder, turn, 4, 9),
            // A reading more, another window, a gap in time.
            400.. => quiet(&mut recorder, turn + 50, 5, 7 + turn / 500),
            _ => quiet(&mut recorder, turn, 4, 9),
        };
        if turn % 50 == 3 {
            let mut facts = snapshot(turn, 4, 9);
            facts.readings[1] = Reading::absent("requests_per_second_1", Subject::Target, None);
            facts.readings[2].freshness = Freshness::Stale;
            facts.readings[3].samples =
                Samples::Texts { times_ms: vec![1, 2], texts: vec!["up".into(), "12 of 3".into()] };
            facts.instances.pop();
            record.snapshot = Arc::new(facts);
            record.slots[0].memory_before = vec![0, 255, 7];
            record.slots[0].memory_after = None;
        }
        let body = encoder.encode(&record, record.acts(), &mut bench).unwrap();
        assert_eq!(decoder.decode(&body).unwrap(), &record, "turn {turn}");
        since = if is_whole(&body) { 0 } else { since + 1 };
        wholes += u64::from(is_whole(&body));
        assert!(since < CHANGES_MAX);
        assert!(!record.acts() || is_whole(&body), "a record that acts stands for itself");
    }
    assert!((5..=12).contains(&wholes), "{wholes}");
}

#[test]
fn a_change_is_never_read_with_the_wrong_turn_before() {
    let (mut recorder, mut encoder, mut bench) = (recorder(), Encoder::default(), Bench::default());
    let bodies: Vec<_> =
        (0..4).map(|turn| encoder.encode(&quiet(&mut recorder, turn, 3, 5), false, &mut bench).unwrap()).collect();
    let mut decoder = Decoder::default();
    decoder.decode(&bodies[0]).unwrap();
    decoder.decode(&bodies[2]).expect_err("turn 1 is missing");
    decoder.decode(&bodies[1]).expect_err("and after a failure nothing is built on");
    let mut decoder = Decoder::default();
    decoder.decode(&bodies[0]).unwrap();
    decoder.decode(&bodies[1]).unwrap();
    // The same place after another whole record: the time tells.
    let mut other = Encoder::default();
    let foreign = [0, 7, 9].map(|turn| other.encode(&quiet(&mut recorder, turn, 3, 5), false, &mut bench).unwrap());
    decoder.decode(&foreign[2]).expect_err("it builds on another turn");
}

#[test]
fn broken_bytes_are_an_error_and_no_panic() {
    let (mut recorder, mut encoder, mut bench) = (recorder(), Encoder::default(), Bench::default());
    let bodies: Vec<_> =
        (0..2).map(|turn| encoder.encode(&quiet(&mut recorder, turn, 3, 5), false, &mut bench).unwrap()).collect();
    for at in 0..bodies[1].len() {
        for spoilt in [bodies[1][..at].to_vec(), {
            let mut body = bodies[1].clone();
            body[at] = body[at].wrapping_add(0x55);
            body
        }] {
            let mut decoder = Decoder::default();
            decoder.decode(&bodies[0]).unwrap();
            let _ = decoder.decode(&spoilt);
        }
        let _ = Decoder::default().decode(&bodies[0][..at.min(bodies[0].len())]);
    }
}

#[test]
fn a_record_with_fewer_texts_than_times_is_refused_and_not_read_as_another_one() {
    let mut record = quiet(&mut recorder(), 1, 3, 5);
    let mut facts = snapshot(1, 3, 5);
    facts.readings[1].samples = Samples::Texts { times_ms: vec![1, 2], texts: vec!["up".into()] };
    record.snapshot = Arc::new(facts);
    let body = Encoder::default().encode(&record, true, &mut Bench::default()).unwrap();
    let refused = Decoder::default().decode(&body).map(drop).unwrap_err();
    assert_eq!(refused.0, "its text is not a record");
}

/// A series as a source gives it: growing, sliding, jumping; any finite number.
fn series() -> impl Strategy<Value = (Vec<u64>, Vec<f64>)> {
    let value = prop_oneof![
        any::<f64>().prop_filter("finite", |value| value.is_finite()),
        (-1_000_000_i64..1_000_000).prop_map(|n| n as f64 / 100.0),
        Just(-0.0),
    ];
    prop::collection::vec((0_u64..40, value), 0..12).prop_map(|samples| {
        let mut samples = samples;
        samples.sort_by_key(|(time, _)| *time);
        samples.into_iter().map(|(time, value)| (START + time * 1_000, value)).unzip()
    })
}

const START: u64 = super::START_MS;

proptest! {
    #[test]
    fn any_series_and_words_come_back_exactly(
        turns in prop::collection::vec((prop::collection::vec(series(), 2), "\\PC{0,12}[-0-9.eE+]{0,12}", any::<[u8; 5]>()), 1..8)
    ) {
        let (mut recorder, mut encoder, mut decoder, mut bench) =
            (recorder(), Encoder::default(), Decoder::default(), Bench::default());
        for (turn, (series, words, memory)) in turns.into_iter().enumerate() {
            let mut record = quiet(&mut recorder, turn as u64, 2, 0);
            let mut facts = snapshot(turn as u64, 2, 0);
            for (reading, (times_ms, values)) in facts.readings.iter_mut().zip(series) {
                reading.samples = Samples::Numbers { times_ms, values };
            }
            record.snapshot = Arc::new(facts);
            record.binding = words;
            record.slots[0].memory_after = Some(memory.to_vec());
            let body = encoder.encode(&record, false, &mut bench).unwrap();
            let back = decoder.decode(&body).unwrap();
            prop_assert_eq!(back, &record);
            // Equal floats may differ in their bits.
            prop_assert_eq!(format!("{:?}", back.snapshot.readings), format!("{:?}", record.snapshot.readings));
        }
    }
}
