use std::f64::consts::TAU;
use std::time::Duration;

use proptest::prelude::*;
use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{NOON_MS, Played, Rehearsal, Scene};

use crate::Predictive;

type Bench = Rehearsal<Predictive>;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Midnight, ten days before the noon of scenes.
const FIRST_MS: u64 = NOON_MS - NOON_MS % DAY_MS - 10 * DAY_MS;

/// Ten requests per second for each replica, half an hour ahead.
fn bench() -> Bench {
    Bench::new().set("reading", "rps").set("target", 10.0).set("horizon", Duration::from_secs(1800))
}

/// A day from 100 requests at four in the morning to 500 at four in the afternoon.
fn day(at_ms: u64) -> f64 {
    let share = (at_ms % DAY_MS) as f64 / DAY_MS as f64;
    300.0 - 200.0 * (TAU * (share - 1.0 / 6.0)).cos()
}

/// The same day, and up to a tenth more or less of it each five minutes.
fn noisy(at_ms: u64) -> f64 {
    let dice = (at_ms / (5 * MINUTE_MS)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    day(at_ms) * (0.9 + 0.2 * dice as f64 / f64::from(1 << 24))
}

fn moment(at_ms: u64, replicas: u32) -> Scene {
    Scene::new().replicas(replicas).at_ms(at_ms)
}

fn at(at_ms: u64, replicas: u32, demand: f64) -> Scene {
    moment(at_ms, replicas).reading("rps", [demand])
}

/// Plays the demand every five minutes from one moment to another; at each the wish of before is there.
fn live(bench: &mut Bench, from_ms: u64, until_ms: u64, demand: impl Fn(u64) -> f64) -> Option<Played> {
    let (mut last, mut replicas) = (None, 30);
    for at_ms in (from_ms..until_ms).step_by(5 * 60_000) {
        let played = bench.play(at(at_ms, replicas, demand(at_ms)));
        replicas = played.count().unwrap_or(replicas);
        last = Some(played);
    }
    last
}

fn after_two_days() -> Bench {
    let mut bench = bench();
    live(&mut bench, FIRST_MS, FIRST_MS + 2 * DAY_MS, day);
    bench
}

const THIRD_MS: u64 = FIRST_MS + 2 * DAY_MS;

fn needed(at_ms: u64) -> u32 {
    replicas(day(at_ms) / 10.0)
}

mod a_daily_rhythm {
    use super::*;

    #[test]
    fn is_met_before_it_comes() {
        let mut bench = after_two_days();
        let mut over = 0.0;
        for at_ms in (THIRD_MS..THIRD_MS + DAY_MS).step_by(5 * 60_000) {
            let played = bench.play(at(at_ms, 1000, day(at_ms)));
            let count = played.count().unwrap();
            let wanted = needed(at_ms).max(needed(at_ms + 30 * MINUTE_MS));
            assert!(count + 1 >= wanted, "{count} of {wanted} at {} min", (at_ms - THIRD_MS) / MINUTE_MS);
            over += f64::from(count) - f64::from(wanted);
        }
        assert!(over / 288.0 < 2.0, "it asks for {} too many on the average", over / 288.0);
    }

    #[test]
    fn is_seen_through_noise() {
        let mut bench = bench();
        live(&mut bench, FIRST_MS, FIRST_MS + 4 * DAY_MS, noisy);
        let mut trusted = 0;
        for step in 0..288 {
            let at_ms = FIRST_MS + 4 * DAY_MS + step * 5 * MINUTE_MS;
            let played = bench.play(at(at_ms, 1000, noisy(at_ms)));
            trusted += u32::from(played.to_string().contains("forecast up to"));
            let wanted = f64::from(needed(at_ms + 30 * MINUTE_MS));
            assert!(f64::from(played.count().unwrap()) > 0.9 * wanted, "{played}");
            assert!(f64::from(played.count().unwrap()) < 1.8 * wanted.max(f64::from(needed(at_ms))), "{played}");
        }
        assert!(trusted > 270, "it was trusted in {trusted} of 288");
    }

    #[test]
    fn is_told_with_its_numbers() {
        let mut bench = after_two_days();
        let eight = THIRD_MS + 8 * HOUR_MS;
        live(&mut bench, THIRD_MS, eight, day);
        let played = bench.play(at(eight, 21, day(eight))).says("`rps` is 200, target 10 each; forecast up to 22");
        let played = played.says("within 30m, error ");
        assert!(played.count().unwrap() > needed(eight));
        let names: Vec<&str> = played.answer().attrs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["forecast", "band", "error", "horizon_seconds"]);
    }

    #[test]
    fn is_not_followed_below_what_is_there() {
        let mut bench = after_two_days();
        let evening = THIRD_MS + 20 * HOUR_MS;
        live(&mut bench, THIRD_MS, evening, day);
        // Half as much again as on other days, and a forecast that falls: the present load counts.
        bench.play(at(evening, 30, 1.5 * day(evening))).scales_to(replicas(1.5 * day(evening) / 10.0));
    }

    #[test]
    fn brings_back_a_target_at_zero() {
        let mut bench = bench();
        let office = |at_ms: u64| if (8..18).contains(&(at_ms % DAY_MS / HOUR_MS)) { 80.0 } else { 0.0 };
        let almost_eight = FIRST_MS + 4 * DAY_MS + 8 * HOUR_MS - 10 * MINUTE_MS;
        live(&mut bench, FIRST_MS, almost_eight, office);
        let played = bench.play(at(almost_eight, 0, 0.0));
        assert!(played.count().is_some_and(|count| count >= 4), "{played}");
    }

    #[test]
    fn may_be_of_a_week() {
        let mut bench = bench().set("season", Duration::from_secs(7 * 86_400)).set("bucket", Duration::from_secs(300));
        assert!(bench.bind().is_ok());
        let weekday = |at_ms: u64| if at_ms / DAY_MS % 7 < 5 { day(at_ms) } else { 50.0 };
        let last = live(&mut bench, FIRST_MS, FIRST_MS + 8 * DAY_MS, weekday).unwrap();
        last.says("error ");
        assert!(bench.memory().len() > 16_000, "2016 buckets are kept");
    }
}

mod the_first_season {
    use super::*;

    #[test]
    fn is_learned_while_the_present_decides() {
        let mut bench = bench();
        bench.play(at(FIRST_MS, 1, 95.0)).scales_to(10).says("96 of 96 buckets of the first season are still missing");
        let noon = FIRST_MS + 12 * HOUR_MS + 5 * MINUTE_MS;
        let last = live(&mut bench, FIRST_MS, noon, day).unwrap();
        last.says("48 of 96 buckets");
        bench.play(at(noon, 50, 12.0)).scales_to(2).says("still missing");
    }

    #[test]
    fn is_not_believed_before_forecasts_were_judged() {
        let mut bench = bench();
        let last = live(&mut bench, FIRST_MS, FIRST_MS + DAY_MS + HOUR_MS, day).unwrap();
        last.says("no forecast: 3 were judged, 4 are needed");
    }

    #[test]
    fn comes_out_of_the_look_back_where_the_source_has_it() {
        let mut bench = bench().set("look_back", Duration::from_secs(2 * 86_400));
        let history: Vec<(u64, f64)> = (0..=192)
            .map(|step| THIRD_MS - 2 * DAY_MS + step * 15 * MINUTE_MS)
            .map(|at_ms| (at_ms, day(at_ms)))
            .collect();
        bench.play(moment(THIRD_MS, 1).reading_at("rps", history)).says("forecast up to");
    }
}

mod a_rhythm_that_breaks {
    use super::*;

    #[test]
    fn leaves_the_present_alone_to_decide() {
        let mut bench = after_two_days();
        live(&mut bench, THIRD_MS, THIRD_MS + 6 * HOUR_MS, day).unwrap().says("forecast up to");
        // A holiday: from six on nothing rises.
        let holiday = |_| 110.0;
        let last = live(&mut bench, THIRD_MS + 6 * HOUR_MS, THIRD_MS + 11 * HOUR_MS, holiday).unwrap();
        last.says("no forecast: its error is").says("times that of a naive one, above 2").holds();
        bench.play(at(THIRD_MS + 11 * HOUR_MS, 30, 110.0)).scales_to(11);
    }

    #[test]
    fn says_how_large_its_error_is() {
        let mut bench = after_two_days();
        let thrice = live(&mut bench, THIRD_MS, THIRD_MS + 40 * MINUTE_MS, |at_ms| 3.0 * day(at_ms)).unwrap();
        thrice.says("no forecast: its error of ").says("% is above 25%");
    }

    #[test]
    fn is_followed_again_when_it_is_back() {
        let mut bench = after_two_days();
        live(&mut bench, THIRD_MS, THIRD_MS + 3 * HOUR_MS, |at_ms| 3.0 * day(at_ms));
        live(&mut bench, THIRD_MS + 3 * HOUR_MS, THIRD_MS + 3 * DAY_MS, day).unwrap().says("forecast up to");
    }

    #[test]
    fn is_learned_anew_after_two_seasons_without_trust() {
        let mut bench = after_two_days();
        let _ = bench.play(at(THIRD_MS, 30, 1e300));
        let poisoned = THIRD_MS + 20 * MINUTE_MS;
        live(&mut bench, poisoned, poisoned + DAY_MS, day).unwrap().says("no forecast: its error");
        live(&mut bench, poisoned + DAY_MS, poisoned + 5 * DAY_MS, day).unwrap().says("forecast up to");
    }
}

mod gaps {
    use super::*;

    #[test]
    fn are_not_zero_and_widen_the_band() {
        let mut bench = bench();
        live(&mut bench, FIRST_MS, THIRD_MS, noisy);
        let band = |played: &Played| match played.answer().attrs.iter().find(|(name, _)| name == "band") {
            Some((_, trimtab_sdk::wire::Value::Num(band))) => *band,
            other => panic!("no band but {other:?} in: {played}"),
        };
        let eight = THIRD_MS + 8 * HOUR_MS;
        let mut before =
            Bench::new().set("reading", "rps").set("target", 10.0).set("horizon", Duration::from_secs(1800));
        before.set_memory(bench.memory());
        let narrow = band(&before.play(at(THIRD_MS, 50, day(THIRD_MS))));
        assert!(narrow > 1.0);
        let played = bench.play(at(eight, 50, day(eight)));
        assert!(band(&played) > 1.5 * narrow, "{} after {narrow}", band(&played));
        assert!(played.count().unwrap_or(50) >= needed(eight + 30 * MINUTE_MS), "{played}");
        // One bucket was judged since, whose own error makes less than four times: trust comes back by and by.
        let exact = |at_ms: u64| if at_ms < eight + 15 * MINUTE_MS { day(eight) } else { noisy(at_ms) };
        live(&mut bench, eight + 5 * MINUTE_MS, eight + 15 * MINUTE_MS, exact);
        let soon = bench.play(at(eight + 15 * MINUTE_MS, 50, day(eight)));
        assert!(band(&soon) > 4.0 * narrow, "{} after {narrow}", band(&soon));
        let later = live(&mut bench, eight + 20 * MINUTE_MS, THIRD_MS + DAY_MS, noisy).unwrap();
        assert!(band(&later) < band(&soon), "{} after {}", band(&later), band(&soon));
    }

    #[test]
    fn of_more_than_a_week_forget_all() {
        let mut bench = after_two_days();
        let late = THIRD_MS + 8 * DAY_MS;
        bench.play(moment(late, 5)).refuses(RefusalKind::ReadingMissing).says("96 of 96 buckets");
        let mut bench = after_two_days();
        let _ = bench.play(at(late, 1, 95.0));
        bench.play(at(late + 15 * MINUTE_MS, 1, 95.0)).scales_to(10).says("95 of 96 buckets");
    }

    #[test]
    fn of_an_outage_are_filled_by_the_look_back() {
        let mut bench = after_two_days().set("look_back", Duration::from_secs(86_400));
        let noon = THIRD_MS + 12 * HOUR_MS;
        let missed: Vec<(u64, f64)> =
            (0..=48).map(|step| THIRD_MS + step * 15 * MINUTE_MS).map(|at_ms| (at_ms, day(at_ms))).collect();
        let played = bench.play(moment(noon, 50).reading_at("rps", missed));
        assert!(played.to_string().contains("forecast up to"), "{played}");
    }
}

mod a_missing_reading {
    use super::*;

    #[test]
    fn is_a_refusal_while_nothing_is_learned() {
        bench().play(moment(FIRST_MS, 3)).refuses(RefusalKind::ReadingMissing).says("`rps` is absent, and no forecast");
        bench().play(moment(FIRST_MS, 3).stale("rps", [10.0])).refuses(RefusalKind::ReadingMissing).says("is stale");
    }

    #[test]
    fn lets_the_forecast_raise_but_never_lower() {
        let mut bench = after_two_days();
        let nine = THIRD_MS + 9 * HOUR_MS;
        live(&mut bench, THIRD_MS, nine, day);
        let played = bench.play(moment(nine, 10)).says("`rps` is absent; forecast up to");
        assert!(played.count().unwrap() >= needed(nine));
        bench.play(moment(nine, 100)).refuses(RefusalKind::ReadingMissing).says("a forecast alone lowers nothing");
    }
}

mod the_horizon {
    use super::*;

    #[test]
    fn is_the_longest_start_that_was_seen() {
        let mut bench = Bench::new().set("reading", "rps").set("target", 10.0);
        live(&mut bench, FIRST_MS, THIRD_MS, day).unwrap().says("within 5m");
        let starting = |age_ms: u64| {
            at(THIRD_MS, 30, day(THIRD_MS)).with_instance("i-0", move |one| {
                (one.phase, one.started_ms) = (Phase::Starting.number(), Some(THIRD_MS - age_ms));
            })
        };
        bench.play(starting(12 * MINUTE_MS)).says("within 12m");
        bench.play(at(THIRD_MS + MINUTE_MS, 30, day(THIRD_MS))).says("within 12m");
        bench.play(starting(3 * HOUR_MS)).says("within 12m");
    }

    #[test]
    fn may_be_as_long_as_the_season() {
        let mut bench = after_two_days().set("horizon", Duration::from_secs(86_400));
        bench.play(at(THIRD_MS, 10, day(THIRD_MS))).scales_to(50).says("within 1440m");
    }

    #[test]
    fn is_the_operators_where_he_gives_one() {
        assert_eq!(bench().bind().unwrap().len(), 1, "no instances are asked for");
        assert_eq!(Bench::new().set("reading", "rps").set("target", 1.0).bind().unwrap().len(), 2);
    }
}

mod bad_input {
    use super::*;

    #[test]
    fn single_samples_reversed_times_and_replays_do_no_harm() {
        let mut bench = after_two_days();
        let before = bench.memory().to_vec();
        let reversed = [(THIRD_MS, 10.0), (THIRD_MS - 15 * MINUTE_MS, 400.0), (0, 9e9), (THIRD_MS + DAY_MS, 9e9)];
        bench.play(moment(THIRD_MS, 1).reading_at("rps", reversed)).says("`rps` is");
        let last_minutes = [(THIRD_MS - 5 * MINUTE_MS, 1e9)];
        let mut other = after_two_days();
        let _ = other.play(moment(THIRD_MS, 1).reading_at("rps", last_minutes));
        assert_eq!(other.memory(), before, "what is old was taken in before");
    }

    #[test]
    fn not_a_number_is_no_sample() {
        bench().play(at(FIRST_MS, 3, f64::NAN)).refuses(RefusalKind::ReadingMissing);
        bench().play(at(FIRST_MS, 3, f64::INFINITY)).refuses(RefusalKind::ReadingMissing);
        bench().play(at(FIRST_MS, 3, -5.0)).scales_to(0);
        bench().play(at(FIRST_MS, 3, 1e300)).scales_to(u32::MAX);
    }

    #[test]
    fn damaged_memory_begins_anew_and_lowers_by_the_present_only() {
        let mut bench = after_two_days();
        let mut bytes = bench.memory().to_vec();
        bytes[40] ^= 1;
        bench.set_memory(bytes);
        bench.play(at(THIRD_MS, 3, 95.0)).scales_to(10).says("memory of").says("96 of 96 buckets");
    }

    #[test]
    fn another_reading_or_season_begins_anew() {
        let mut bench = after_two_days().set("season", Duration::from_secs(43_200));
        bench.play(at(THIRD_MS, 3, 95.0)).says("48 of 48 buckets");
        let mut bench = after_two_days().set("reading", "jobs");
        bench.play(moment(THIRD_MS, 3).reading("jobs", [95.0])).says("96 of 96 buckets");
    }

    #[test]
    fn zero_replicas_follow_the_load() {
        bench().play(at(FIRST_MS, 0, 0.0)).holds();
        bench().play(at(FIRST_MS, 0, 0.1)).scales_to(1);
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused() {
        let refusal = |bench: Bench| bench.bind().unwrap_err().text;
        assert!(refusal(bench().set("target", 0.0)).contains("`target`"));
        assert!(refusal(bench().set("target", f64::NAN)).contains("`target`"));
        assert_eq!(refusal(bench().set("bucket", Duration::from_secs(1700))), "`season` is no multiple of `bucket`");
        let text = refusal(bench().set("bucket", Duration::from_secs(10)));
        assert_eq!(text, "`season` is 8640 times, and may be 4 to 2016 times the `bucket`");
        let text = refusal(bench().set("alpha", 0.6).set("gamma", 0.5));
        assert_eq!(text, "`alpha` 0.6 and `gamma` 0.5 are more than 1 together");
        let text = refusal(bench().set("horizon", Duration::from_secs(100_000)));
        assert!(text.contains("`horizon` is longer than `season`"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_constant_demand_comes_to_rest(demand in 0.0f64..500.0, bucket in 1u64..4) {
        let bench = bench().set("season", Duration::from_secs(7200)).set("bucket", Duration::from_secs(bucket * 300));
        let mut bench = bench.set("horizon", Duration::from_secs(600));
        live(&mut bench, FIRST_MS, FIRST_MS + 6 * HOUR_MS, |_| demand);
        let count = replicas(demand / 10.0);
        for minute in 0..120 {
            bench.play(at(FIRST_MS + 6 * HOUR_MS + minute * MINUTE_MS, count, demand)).holds();
        }
    }

    #[test]
    fn whatever_comes_a_missing_reading_never_lowers(
        demands in proptest::collection::vec(prop_oneof![Just(None), (0.0f64..1e9).prop_map(Some)], 40..120),
        replicas in 0u32..50,
    ) {
        let mut bench = bench().set("season", Duration::from_secs(3600)).set("bucket", Duration::from_secs(300));
        for (step, demand) in (0u64..).zip(demands) {
            let at_ms = FIRST_MS + step * 4 * MINUTE_MS;
            let played = match demand {
                Some(demand) => bench.play(at(at_ms, replicas, demand)),
                None => bench.play(moment(at_ms, replicas)),
            };
            let floor = demand.map_or(replicas, replicas_of);
            prop_assert!(played.count().is_none_or(|count| count >= floor), "{played}");
        }
    }
}

fn replicas_of(demand: f64) -> u32 {
    replicas(demand / 10.0)
}
