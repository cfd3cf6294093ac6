//! The formulas of the traces that come with the binary. `TRIMTAB_TRACES=write` writes the files by them.

use std::fmt::Write as _;
use std::path::Path;

use crate::backtest::{SHIPPED, shipped};

/// A number from -1 to 1 for each minute, the same on every machine: splitmix64 (Steele, Lea, Flood 2014).
fn noise(seed: u64, minute: u32) -> f64 {
    let mut z = seed.wrapping_add(u64::from(minute) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let bits = u32::try_from((z ^ (z >> 31)) >> 32).unwrap();
    f64::from(bits) / f64::from(u32::MAX) * 2.0 - 1.0
}

/// A day: least at 02:00, most at 14:00.
fn diurnal(minute: u32) -> f64 {
    let day = (f64::from(minute) / 1440.0 - 2.0 / 24.0).rem_euclid(1.0);
    let hill = 16.0 * day * day * (1.0 - day) * (1.0 - day);
    (60.0 + 540.0 * hill) * (1.0 + 0.05 * noise(1, minute))
}

/// A quiet day with a spike at 10:00, a short one at 16:00 and a step from 20:00 to 22:00.
fn spike(minute: u32) -> f64 {
    let base = match minute {
        600..610 => 900.0,
        610..630 => 900.0 - 39.0 * f64::from(minute - 610),
        960..962 => 700.0,
        1200..1320 => 360.0,
        _ => 120.0,
    };
    base * (1.0 + 0.03 * noise(2, minute))
}

/// The same all day, under strong noise; twice as much from 14:00 to 14:50.
fn noisy(minute: u32) -> f64 {
    let base = if (840..890).contains(&minute) { 600.0 } else { 300.0 };
    base * (1.0 + 0.4 * noise(3, minute))
}

fn text(demand: fn(u32) -> f64) -> String {
    let mut text = String::from("time,demand\n");
    for minute in 0..=1440 {
        writeln!(text, "{},{:.1}", minute * 60, demand(minute)).unwrap();
    }
    text
}

#[test]
fn the_files_are_what_the_formulas_say() {
    let formulas: [fn(u32) -> f64; 3] = [diurnal, spike, noisy];
    for ((name, kept), formula) in SHIPPED.iter().zip(formulas) {
        let made = text(formula);
        if std::env::var_os("TRIMTAB_TRACES").is_some_and(|word| word == "write") {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("traces/{name}.csv"));
            std::fs::write(path, &made).unwrap();
            continue;
        }
        assert!(
            *kept == made,
            "{name}.csv is not what its formula says: TRIMTAB_TRACES=write cargo test -p trimtab --lib"
        );
    }
}

#[test]
fn each_is_a_day_of_minutes() {
    for (name, _) in SHIPPED {
        let trace = shipped(name).unwrap().unwrap();
        assert_eq!(trace.to_ms() - trace.from_ms(), 24 * 3600 * 1000, "{name}");
        assert_eq!(trace.rows().count(), 1441, "{name}");
    }
    assert!(shipped("none").is_none());
}
