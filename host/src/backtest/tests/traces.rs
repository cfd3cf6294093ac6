//! Traces that are read, and those that are refused.

use crate::backtest::{Outage, Plant, START_MS_DEFAULT, Trace};

fn refused(text: &str) -> String {
    Trace::read("t.csv", text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn times_are_seconds_milliseconds_or_dates() {
    let seconds = Trace::read("t.csv", b"time,demand\n0,1\n0.5,2\n60,3\n").unwrap();
    let rows: Vec<_> = seconds.rows().map(|(at, demand)| (at - START_MS_DEFAULT, demand)).collect();
    assert_eq!(rows, [(0, 1.0), (500, 2.0), (60_000, 3.0)]);
    let ms = Trace::read("t.csv", b"# note\nhost,time_ms, demand\na,1700000000000,1\na,1700000001000,2\n").unwrap();
    assert_eq!((ms.from_ms(), ms.to_ms()), (1_700_000_000_000, 1_700_000_001_000));
    let dates = Trace::read("t.csv", b"time,demand\n2026-01-05T00:00:00Z,1\n2026-01-05T01:00:00+01:00,2\n");
    assert!(dates.unwrap_err().to_string().contains("t.csv:3: it has the time of the row before"));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_line_and_a_remedy() {
    let cases = [
        ("", "t.csv:1: there is no column demand; the header must be `time,demand` or `time_ms,demand`"),
        ("demand\n1\n", "t.csv:1: there is no column time; the header must be `time,demand` or `time_ms,demand`"),
        ("time,demand\n", "t.csv: it has no rows; write a header `time,demand` and at least two rows"),
        ("time,demand\n0,1\n", "t.csv: it has one row; add a second one, which ends the first"),
        ("time,demand\n5,1\n4,1\n", "t.csv:3: it is before the row above it; sort the rows by time, oldest first"),
        ("time,demand\n0,-1\n", "t.csv:2: the demand is -1; a demand is a number of at least 0; leave the row out"),
        ("time,demand\n0,NaN\n", "t.csv:2: the demand is NaN; a demand is a number of at least 0; leave the row out"),
        ("time,demand\n0,1e13\n", "t.csv:2: the demand 10000000000000 is above 1e12; use a larger unit"),
        ("time,demand\n0,x\n", "t.csv:2: \"x\" is no number; write the demand as a number, such as 120 or 0.5"),
        (
            "time,demand\nnoon,1\n",
            "t.csv:2: \"noon\" is no time; write seconds from the start, or 2026-01-05T12:00:00Z",
        ),
        ("time,demand\n0,1,2\n", "t.csv:2: it has 3 columns, the header has 2; write one time and one demand per line"),
        (
            "time,demand\n0,1\n99999999,1\n",
            "t.csv: it is longer than 366 days; cut it, or see whether its times are seconds",
        ),
    ];
    for (text, why) in cases {
        assert_eq!(refused(text), why, "{text:?}");
    }
    assert!(refused("time,demand\n1700000000000,1\n").contains("\"1700000000000\" is no time"));
}

#[test]
fn a_row_holds_until_the_next() {
    let trace = Trace::new("t", [(0, 1.0), (1000, 2.0), (3000, 9.0)]).unwrap();
    assert_eq!(trace.stretch(0), Some((1.0, START_MS_DEFAULT + 1000)));
    assert_eq!(trace.stretch(1), Some((2.0, START_MS_DEFAULT + 3000)));
    assert_eq!(trace.stretch(2), None);
    assert_eq!(trace.row_at(START_MS_DEFAULT + 1500), 1);
}

#[test]
fn outages_are_written_by_the_clock_or_as_spans() {
    let outage: Outage = "12:30+10m".parse().unwrap();
    assert_eq!((outage.after_ms, outage.length_ms), (45_000_000, 600_000));
    assert!(outage.covers(45_000_000) && outage.covers(45_599_999));
    assert!(!outage.covers(44_999_999) && !outage.covers(45_600_000));
    assert_eq!("90m+1h".parse::<Outage>().unwrap().after_ms, 5_400_000);
    for wrong in ["", "12:00", "12:61+1m", "1h+0s", "noon+1m", "12:9007199254740993+10m", "307445734561825861:00+1m"] {
        assert!(wrong.parse::<Outage>().unwrap_err().to_string().contains("is no outage; write"), "{wrong}");
    }
}

#[test]
fn a_plant_that_cannot_be_is_refused() {
    let wrong = |plant: Plant| plant.check().unwrap_err().to_string();
    let zero = wrong(Plant { capacity: 0.0, ..Plant::default() });
    assert_eq!(zero, "the capacity of a replica is 0; it must serve something: --capacity 100");
    assert!(wrong(Plant { capacity: f64::NAN, ..Plant::default() }).contains("NaN"));
    assert!(wrong(Plant { price_per_hour: -1.0, ..Plant::default() }).contains("a price is at least 0"));
    assert!(wrong(Plant { cpu_millis: 0, ..Plant::default() }).contains("--cpu"));
    assert!(wrong(Plant { start_up_ms: u64::MAX, ..Plant::default() }).contains("longer than a day"));
    assert!(wrong(Plant { replicas: Some(20_000), ..Plant::default() }).contains("start with fewer"));
}
