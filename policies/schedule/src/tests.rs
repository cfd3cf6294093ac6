use trimtab_sdk::prelude::*;
use trimtab_sdk::rehearsal::{Played, Rehearsal, Scene};
use trimtab_sdk::wire::ZoneTransitions;

use crate::Schedule;

type Bench = Rehearsal<Schedule>;

const OFFICE: &str = "at least 10 from '0 8 * * 1-5' to '0 18 * * 1-5'";

/// A point in time as UTC shows it: `2026-03-29 01:00`.
fn utc_ms(text: &str) -> u64 {
    let parts: Vec<u64> = text.split(['-', ' ', ':']).map(|part| part.parse().unwrap()).collect();
    let &[year, month, day, hour, minute] = parts.as_slice() else { panic!("{text}") };
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let months: u64 = lengths[..usize::try_from(month).unwrap() - 1].iter().sum();
    ((years + months + day - 1) * 1440 + hour * 60 + minute) * 60_000
}

fn zone(zone: &str, offsets: &[(&str, i32)]) -> ZoneTransitions {
    ZoneTransitions {
        zone: zone.to_owned(),
        at_ms: offsets.iter().map(|(at, _)| utc_ms(at)).collect(),
        offsets_seconds: offsets.iter().map(|(_, minutes)| minutes * 60).collect(),
        attrs: Vec::new(),
    }
}

/// The real transitions around 2026 of three zones; Lord Howe's is half an hour.
fn zones() -> Vec<ZoneTransitions> {
    let berlin =
        [("2025-10-26 01:00", 60), ("2026-03-29 01:00", 120), ("2026-10-25 01:00", 60), ("2027-03-28 01:00", 120)];
    let new_york = [("2025-11-02 06:00", -300), ("2026-03-08 07:00", -240), ("2026-11-01 06:00", -300)];
    let lord_howe = [("2025-10-04 15:30", 660), ("2026-04-04 15:00", 630), ("2026-10-03 15:30", 660)];
    vec![zone("Europe/Berlin", &berlin), zone("America/New_York", &new_york), zone("Australia/Lord_Howe", &lord_howe)]
}

/// At a time of UTC, with four replicas.
fn at(text: &str) -> Scene {
    Scene::new().replicas(4).at_ms(utc_ms(text)).with(|snapshot| snapshot.transitions = zones())
}

fn of(windows: &[&str]) -> Bench {
    Bench::new().set("windows", windows.to_vec()).set("zone", "Europe/Berlin")
}

fn bounds(played: &Played) -> (Option<u32>, Option<u32>) {
    let proposals = played.proposals();
    (proposals.iter().find_map(|one| one.at_least), proposals.iter().find_map(|one| one.at_most))
}

/// Whether a window with a floor is open at each of these times of UTC.
#[track_caller]
fn assert_open(bench: &mut Bench, times: &[(&str, bool)]) {
    for (time, is_open) in times {
        let played = bench.play(at(time));
        assert_eq!(bounds(&played).0.is_some(), *is_open, "at {time} UTC it {played}");
    }
}

mod a_window {
    use super::*;

    #[test]
    fn opens_and_closes_by_the_wall() {
        let mut bench = of(&[OFFICE]);
        let played = bench.play(at("2026-11-23 07:30"));
        assert_eq!(bounds(&played), (Some(10), None));
        assert_eq!(played.count(), None, "a floor is no vote for a count");
        let played = played
            .says("`at least 10 from '0 8 * * 1-5' to '0 18 * * 1-5'` is open until 2026-11-23 18:00 Europe/Berlin");
        let _ = played.says("next, at 2026-11-23 18:00 Europe/Berlin, `at least 10");
        bench.play(at("2026-11-23 17:00")).abstains().says("next, at 2026-11-24 08:00 Europe/Berlin").says("opens");
        bench.play(at("2026-11-27 20:00")).abstains().says("2026-11-30 08:00");
        assert_open(&mut bench, &[("2026-11-23 06:59", false), ("2026-11-23 07:00", true), ("2026-11-23 16:59", true)]);
    }

    #[test]
    fn asks_for_what_it_says() {
        let noon = "2026-11-23 12:00";
        assert_eq!(bounds(&of(&["at most 2 from '@daily' for 24h"]).play(at(noon))), (None, Some(2)));
        let exact = of(&["exactly 3 from '@daily' for 24h"]).play(at(noon)).scales_to(3);
        assert_eq!(bounds(&exact), (Some(3), Some(3)), "no other policy moves it");
        let zero = of(&["exactly 0 from '0 0 * * *' to '0 6 * * *'"]).play(at("2026-11-23 02:00")).scales_to(0);
        assert_eq!(bounds(&zero), (Some(0), Some(0)));
    }

    #[test]
    fn crosses_midnight_and_the_year() {
        let mut nights = of(&["at least 5 from '0 22 * * *' to '0 6 * * *' in UTC"]);
        assert_open(
            &mut nights,
            &[("2026-12-31 23:59", true), ("2027-01-01 05:59", true), ("2027-01-01 06:00", false)],
        );
        let mut turn = of(&["at least 5 from '0 20 31 12 *' for 8h in UTC"]);
        assert_open(
            &mut turn,
            &[
                ("2026-12-31 19:59", false),
                ("2026-12-31 20:00", true),
                ("2027-01-01 03:59", true),
                ("2027-01-01 04:00", false),
            ],
        );
        turn.play(at("2027-01-01 04:00")).abstains().says("next, at 2027-12-31 20:00 UTC");
    }

    #[test]
    fn that_ends_as_it_starts_is_always_open() {
        let mut bench = of(&["at least 5 from '0 8 * * *' to '0 8 * * *'"]);
        assert_open(&mut bench, &[("2026-11-23 06:59", true), ("2026-11-23 07:00", true), ("2026-11-23 07:01", true)]);
    }

    #[test]
    fn stays_open_over_further_starts() {
        let mut bench = of(&["at least 5 from '0 * * * *' to '0 18 * * *' in UTC"]);
        assert_open(&mut bench, &[("2026-11-23 12:30", true), ("2026-11-23 18:00", true), ("2026-11-23 18:59", true)]);
        let mut bench = of(&["at least 5 from '30 * * * *' to '0 18 * * *' in UTC"]);
        assert_open(
            &mut bench,
            &[("2026-11-23 18:00", false), ("2026-11-23 18:29", false), ("2026-11-23 18:30", true)],
        );
    }

    #[test]
    fn comes_on_leap_days() {
        let mut bench = of(&["at least 5 from '0 0 29 2 *' for 1d in UTC"]);
        assert_open(
            &mut bench,
            &[("2028-02-28 23:59", false), ("2028-02-29 00:00", true), ("2028-03-01 00:00", false)],
        );
        bench.play(at("2026-11-23 12:00")).abstains().says("next, at 2028-02-29 00:00 UTC");
        // 2100 is no leap year.
        bench.play(at("2096-03-01 00:00")).says("next, at 2104-02-29 00:00 UTC");
        let mut sundays = of(&["at least 5 from '0 0 29 2 */7' for 1d in UTC"]);
        sundays.play(at("2026-11-23 12:00")).says("next, at 2032-02-29 00:00 UTC");
        sundays.play(at("2088-03-01 00:00")).says("next, at 2128-02-29 00:00 UTC");
    }

    #[test]
    fn opens_on_either_of_two_restricted_days() {
        let mut either = of(&["at least 5 from '0 0 13 * fri' for 24h in UTC"]);
        assert_open(
            &mut either,
            &[
                ("2026-11-13 12:00", true),
                ("2026-11-20 12:00", true),
                ("2026-10-13 12:00", true),
                ("2026-10-14 12:00", false),
            ],
        );
        // A field that begins with a star is no alternative: an odd day that is a Friday.
        let mut both = of(&["at least 5 from '0 0 */2 * fri' for 24h in UTC"]);
        assert_open(&mut both, &[("2026-11-13 12:00", true), ("2026-11-20 12:00", false), ("2026-11-11 12:00", false)]);
    }
}

mod daylight_saving {
    use super::*;

    #[test]
    fn keeps_to_the_wall() {
        let mut bench = of(&["at least 10 from '0 8 * * *' to '0 18 * * *'"]);
        assert_open(
            &mut bench,
            &[("2026-03-28 06:59", false), ("2026-03-28 07:00", true), ("2026-03-28 17:00", false)],
        );
        assert_open(
            &mut bench,
            &[("2026-03-29 05:59", false), ("2026-03-29 06:00", true), ("2026-03-29 16:00", false)],
        );
        assert_open(
            &mut bench,
            &[("2026-10-25 06:59", false), ("2026-10-25 07:00", true), ("2026-10-25 17:00", false)],
        );
        let mut york = of(&["at least 10 from '0 8 * * *' to '0 18 * * *' in America/New_York"]);
        assert_open(
            &mut york,
            &[
                ("2026-03-07 13:00", true),
                ("2026-03-08 11:59", false),
                ("2026-03-08 12:00", true),
                ("2026-11-01 12:59", false),
                ("2026-11-01 13:00", true),
            ],
        );
    }

    #[test]
    fn what_is_skipped_comes_at_the_jump() {
        let mut bench = of(&["at least 10 from '30 2 * * *' to '0 4 * * *'"]);
        // 01:00 UTC is 03:00 in Berlin; 02:30 was not.
        assert_open(
            &mut bench,
            &[
                ("2026-03-29 00:59", false),
                ("2026-03-29 01:00", true),
                ("2026-03-29 01:59", true),
                ("2026-03-29 02:00", false),
            ],
        );
        bench.play(at("2026-03-28 12:00")).says("next, at 2026-03-29 03:00 Europe/Berlin");
        let mut within = of(&["at least 10 from '15 2 * * *' to '45 2 * * *'"]);
        assert_open(
            &mut within,
            &[("2026-03-29 00:59", false), ("2026-03-29 01:00", false), ("2026-03-28 01:20", true)],
        );
        let mut lasting = of(&["at least 10 from '15 2 * * *' for 30m"]);
        assert_open(
            &mut lasting,
            &[
                ("2026-03-29 00:59", false),
                ("2026-03-29 01:00", true),
                ("2026-03-29 01:29", true),
                ("2026-03-29 01:30", false),
            ],
        );
    }

    #[test]
    fn what_is_shown_twice_comes_once() {
        // In Berlin 02:00 to 03:00 is shown from 00:00 UTC and again from 01:00 UTC.
        let mut bench = of(&["at least 10 from '30 2 * * *' for 20m"]);
        assert_open(
            &mut bench,
            &[
                ("2026-10-25 00:29", false),
                ("2026-10-25 00:30", true),
                ("2026-10-25 00:50", false),
                ("2026-10-25 01:30", false),
                ("2026-10-25 01:49", false),
            ],
        );
        bench.play(at("2026-10-25 00:55")).says("next, at 2026-10-26 02:30 Europe/Berlin");
        let mut end = of(&["at least 10 from '0 1 * * *' to '30 2 * * *'"]);
        assert_open(&mut end, &[("2026-10-25 00:29", true), ("2026-10-25 00:30", false), ("2026-10-25 01:10", false)]);
        let mut over = of(&["at least 10 from '30 2 * * *' to '30 3 * * *'"]);
        assert_open(
            &mut over,
            &[
                ("2026-10-25 00:29", false),
                ("2026-10-25 00:30", true),
                ("2026-10-25 01:29", true),
                ("2026-10-25 02:29", true),
                ("2026-10-25 02:30", false),
            ],
        );
        let mut york = of(&["at least 10 from '30 1 * * *' for 10m in America/New_York"]);
        assert_open(&mut york, &[("2026-11-01 05:30", true), ("2026-11-01 06:30", false), ("2026-11-02 06:30", true)]);
    }

    #[test]
    fn durations_are_of_real_time() {
        let mut bench = of(&["at least 10 from '0 12 24 10 *' for 24h"]);
        // From 12:00 summer time, which is 10:00 UTC, to 11:00 winter time.
        assert_open(
            &mut bench,
            &[
                ("2026-10-24 09:59", false),
                ("2026-10-24 10:00", true),
                ("2026-10-25 09:59", true),
                ("2026-10-25 10:00", false),
            ],
        );
        bench.play(at("2026-10-25 05:00")).says("is open until 2026-10-25 11:00 Europe/Berlin");
        let mut spring = of(&["at least 10 from '0 12 28 3 *' for 24h"]);
        spring.play(at("2026-03-29 10:59")).says("is open until 2026-03-29 13:00 Europe/Berlin");
        assert_open(&mut spring, &[("2026-03-29 11:00", false)]);
    }

    #[test]
    fn of_half_an_hour() {
        // At 02:00 summer time (+11), 15:00 UTC, Lord Howe goes back to 01:30; in October from 02:00 (+10:30), 15:30 UTC, to 02:30.
        let mut twice = of(&["at least 10 from '45 1 * * *' for 5m in Australia/Lord_Howe"]);
        assert_open(&mut twice, &[("2026-04-04 14:45", true), ("2026-04-04 15:15", false), ("2026-04-05 15:15", true)]);
        let mut skipped = of(&["at least 10 from '15 2 * * *' for 5m in Australia/Lord_Howe"]);
        assert_open(
            &mut skipped,
            &[
                ("2026-10-03 15:29", false),
                ("2026-10-03 15:30", true),
                ("2026-10-03 15:35", false),
                ("2026-10-04 15:15", true),
            ],
        );
    }

    #[test]
    fn a_host_that_tells_nothing_of_the_past_is_believed() {
        let from_now =
            |text: &str| at(text).with(|snapshot| snapshot.transitions = vec![zone("Europe/Berlin", &[(text, 60)])]);
        of(&[OFFICE]).play(from_now("2026-11-23 12:00")).says("is open until 2026-11-23 18:00");
        of(&["at least 10 from '0 22 * * *' for 10h"])
            .play(from_now("2026-11-23 06:00"))
            .says("until 2026-11-23 08:00");
    }
}

mod overlaps {
    use super::*;

    const NOON: &str = "2026-12-25 12:00";

    fn both(windows: &[&str]) -> (Option<u32>, Option<u32>) {
        let windows: Vec<String> = windows
            .iter()
            .map(|rule| {
                let (rule, priority) = rule.split_once(" / ").unwrap_or((rule, "0"));
                format!("{rule} from '@daily' for 24h priority {priority}")
            })
            .collect();
        bounds(&of(&windows.iter().map(String::as_str).collect::<Vec<_>>()).play(at(NOON)))
    }

    #[test]
    fn of_equal_priority_the_stricter_holds() {
        assert_eq!(both(&["at least 3", "at least 7", "at least 5"]), (Some(7), None));
        assert_eq!(both(&["at most 9", "at most 4"]), (None, Some(4)));
        assert_eq!(both(&["at least 3", "at most 9"]), (Some(3), Some(9)));
        assert_eq!(both(&["exactly 3", "exactly 5"]), (Some(5), Some(5)));
        assert_eq!(both(&["at least 10", "at most 2"]), (Some(10), Some(10)), "too few hurt more than too many");
    }

    #[test]
    fn the_higher_priority_decides_each_side() {
        assert_eq!(both(&["at least 10", "at least 1 / 5"]), (Some(1), None), "a holiday lowers the floor of the week");
        assert_eq!(both(&["at least 10", "at most 20 / 5"]), (Some(10), Some(20)), "a cap leaves the floor alone");
        assert_eq!(both(&["at least 10", "at most 2 / 5"]), (Some(2), Some(2)));
        assert_eq!(both(&["at least 10 / 5", "at most 2"]), (Some(10), Some(10)));
        assert_eq!(both(&["exactly 3 / 9", "at least 10", "at most 1 / 2"]), (Some(3), Some(3)));
    }

    #[test]
    fn are_told() {
        let windows = ["at least 10 from '@daily' for 24h", "at most 2 from '@yearly' for 366d priority 5"];
        let played = of(&windows).play(at(NOON)).says("`at least 10 from '@daily' for 24h` is open until 2026-12-26 00:00 Europe/Berlin (its 10 yields to 2); `at most 2");
        assert_eq!(played.proposals().len(), 1);
    }
}

mod otherwise {
    use super::*;

    #[test]
    fn holds_while_no_window_is_open() {
        let mut bench = of(&[OFFICE]).set("otherwise", "at least 1");
        let played = bench.play(at("2026-11-23 20:00")).says("no window is open: otherwise at least 1");
        assert_eq!(bounds(&played), (Some(1), None));
        assert_eq!(bounds(&bench.play(at("2026-11-23 12:00"))), (Some(10), None));
        let mut exact = of(&[OFFICE]).set("otherwise", "exactly 2");
        assert_eq!(bounds(&exact.play(at("2026-11-23 20:00")).scales_to(2)), (Some(2), Some(2)));
        let mut most = of(&[OFFICE]).set("otherwise", "at most 4");
        assert_eq!(bounds(&most.play(at("2026-11-23 20:00"))), (None, Some(4)));
    }
}

mod needs {
    use super::*;

    #[test]
    fn are_the_zones_each_once() {
        let windows = [
            OFFICE,
            "at least 1 from '@daily' for 1h in America/New_York",
            "at least 2 from '@daily' for 1h",
            "at least 2 from '@daily' for 1h in UTC",
        ];
        let needs = of(&windows).bind().unwrap();
        let names: Vec<(&str, &str)> = needs.iter().map(|need| (need.kind.as_str(), need.name.as_str())).collect();
        assert_eq!(names, [("transitions", "Europe/Berlin"), ("transitions", "America/New_York")]);
        assert_eq!(needs[0].look_back_ms, 400 * 86_400_000);
        assert!(Bench::new().set("windows", [OFFICE]).bind().unwrap().is_empty(), "UTC needs no telling");
    }
}

mod bad_input {
    use super::*;

    fn without_zones(text: &str) -> Scene {
        at(text).with(|snapshot| snapshot.transitions.clear())
    }

    #[test]
    fn a_zone_that_is_not_known_never_lowers() {
        let mut bench = of(&["at most 1 from '@daily' for 24h"]);
        let played = bench.play(without_zones("2026-11-23 12:00"));
        played.refuses(RefusalKind::ReadingMissing).says("no offsets of time zone `Europe/Berlin`");
        // What is known may raise; a ceiling that is known may not lower.
        let mut mixed =
            of(&["at least 9 from '@daily' for 24h in UTC", "at most 1 from '@daily' for 24h in Mars/Olympus"]);
        let raised = mixed.play(at("2026-11-23 12:00")).says("at least 9").says("`Mars/Olympus`");
        assert_eq!(bounds(&raised), (Some(9), None));
        let served = at("2026-11-23 12:00").replicas(9);
        mixed.play(served).refuses(RefusalKind::ReadingMissing);
        let mut known =
            of(&["at most 1 from '@daily' for 24h in UTC", "at least 9 from '@daily' for 24h in Mars/Olympus"]);
        known.play(at("2026-11-23 12:00")).refuses(RefusalKind::ReadingMissing);
    }

    #[test]
    fn nonsense_for_offsets_is_not_known() {
        let with = |at_ms: Vec<u64>, offsets_seconds: Vec<i32>| {
            let told = ZoneTransitions { zone: "Europe/Berlin".to_owned(), at_ms, offsets_seconds, attrs: Vec::new() };
            at("2026-11-23 12:00").with(|snapshot| snapshot.transitions = vec![told])
        };
        for scene in [with(vec![], vec![]), with(vec![1, 2], vec![3600]), with(vec![9, 2], vec![3600, 7200])] {
            of(&[OFFICE]).play(scene).refuses(RefusalKind::ReadingMissing);
        }
        let absurd = with(vec![0, 5], vec![i32::MAX, i32::MIN]);
        let _ = of(&[OFFICE]).play(absurd);
    }

    #[test]
    fn the_ends_of_time_are_survived() {
        let mut bench = of(&[OFFICE, "at least 1 from '0 0 29 2 */7' for 366d in UTC"]);
        let _ = bench.play(at("1970-01-01 00:00"));
        let _ = bench.play(at("1970-01-01 00:00").at_ms(u64::MAX));
    }

    #[test]
    fn zero_replicas_are_raised() {
        let played = of(&[OFFICE]).play(at("2026-11-23 12:00").replicas(0));
        assert_eq!(bounds(&played), (Some(10), None));
    }

    #[test]
    fn what_cannot_be_read_is_refused_when_the_binding_is_made() {
        let refuses = |window: &str, text: &str| {
            let refusal = of(&[window]).bind().unwrap_err();
            assert_eq!(refusal.kind, "parameter-wrong");
            assert!(refusal.text.contains(text), "`{window}`: {}", refusal.text);
        };
        refuses("", "`windows`: `at least`, `at most` or `exactly` is wanted where it ends");
        refuses("about 3 from '@daily' for 1h", "where `about` stands");
        refuses("at last 3 from '@daily' for 1h", "`least` or `most` is wanted where `last` stands");
        refuses("at least -3 from '@daily' for 1h", "a count of replicas");
        refuses("at least 1000001 from '@daily' for 1h", "a count of replicas");
        refuses("at least 99999999999999999999 from '@daily' for 1h", "a count of replicas");
        refuses("at least 3 '@daily' for 1h", "`from '…'`");
        refuses("at least 3 from @daily for 1h", "a cron in quotes");
        refuses("at least 3 from '@daily for 1h", "a cron in quotes");
        refuses("at least 3 from '@reboot' for 1h", "a cron of five fields");
        refuses("at least 3 from '@every 5m' for 1h", "a cron of five fields");
        refuses("at least 3 from '0 0 * * * *' for 1h", "a cron of five fields");
        refuses("at least 3 from '60 0 * * *' for 1h", "a minute, 0 to 59 is wanted where `60` stands");
        refuses("at least 3 from '0 24 * * *' for 1h", "an hour, 0 to 23");
        refuses("at least 3 from '0 0 L * *' for 1h", "a day of the month");
        refuses("at least 3 from '0 0 0 * *' for 1h", "a day of the month");
        refuses("at least 3 from '0 0 1 may-jan *' for 1h", "a month");
        refuses("at least 3 from '0 0 * * 5#2' for 1h", "a weekday");
        refuses("at least 3 from '*/0 0 * * *' for 1h", "a minute");
        refuses("at least 3 from '1, 0 * * *' for 1h", "a minute");
        refuses("at least 3 from '0 0 30 2 *' for 1h", "a date that comes is wanted where `0 0 30 2 *` stands");
        refuses("at least 3 from '0 0 31 4,6,9,11 *' for 1h", "a date that comes");
        refuses("at least 3 from '@daily' to '0 0 31 feb *'", "a date that comes");
        refuses("at least 3 from '@daily' until 18:00", "`to '…'` or `for 8h`");
        refuses("at least 3 from '@daily' for 8", "a duration");
        refuses("at least 3 from '@daily' for 0s", "a duration");
        refuses("at least 3 from '@daily' for 367d", "a duration");
        refuses("at least 3 from '@daily' for 999999999w", "a duration");
        refuses("at least 3 from '@daily' for ½h", "a duration");
        refuses("at least 3 from '@daily' for 8h in", "a time zone is wanted where it ends");
        refuses("at least 3 from '@daily' for 8h priority high", "a priority");
        refuses("at least 3 from '@daily' for 8h daily", "`in ZONE`, `priority N` or the end");
        assert!(Bench::new().set("windows", Vec::<String>::new()).bind().unwrap_err().text.contains("0 items"));
        assert!(Bench::new().set("windows", vec![OFFICE; 51]).bind().unwrap_err().text.contains("51 items"));
        let refusal = of(&[OFFICE]).set("otherwise", "at least 1 or so").bind().unwrap_err();
        assert_eq!(refusal.text, "`otherwise`: the end is wanted where `or` stands in `at least 1 or so`");
    }

    #[test]
    fn what_can_be_read_is_not() {
        for cron in [
            "5,35 8-18/2 1-7,15 jan-mar,DEC Mon-Fri",
            "? * ? * ?",
            "0 0 29 2 *",
            "0 0 31 2 mon",
            "10/20 * * * sun",
            "0 0 * * fri-sun",
            "0 0 * * 7",
            "@YEARLY",
        ] {
            for rest in
                ["for 1w2d3h4m5s", "to \"@hourly\" priority 3 in UTC", "for 8h in Europe/Berlin priority 1000000"]
            {
                let window = format!("  at  least 3 from '{cron}' {rest} ");
                assert_eq!(of(&[&window]).bind().map_err(|refusal| refusal.text).err(), None);
            }
        }
    }
}

/// The same by brute force: real minute after real minute, with a wall that never goes back.
mod every_minute {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::{Date, weekday};

    /// The minutes of the wall that come at each real minute from `from_ms` on.
    fn walls(zone: &ZoneTransitions, from_ms: u64, minutes: u64) -> Vec<std::ops::RangeInclusive<i64>> {
        let shown = |at_ms: u64| {
            let index = zone.at_ms.partition_point(|start_ms| *start_ms <= at_ms).max(1) - 1;
            i64::try_from(at_ms / 60_000).unwrap() + i64::from(zone.offsets_seconds[index] / 60)
        };
        let mut reached = shown(from_ms - 60_000);
        (0..minutes)
            .map(|minute| {
                let now = shown(from_ms + minute * 60_000);
                let come = reached + 1..=now;
                reached = reached.max(now);
                come
            })
            .collect()
    }

    fn is_time(wall: i64, minute: i64, hour: i64, days: &[i64]) -> bool {
        let day = wall.div_euclid(1440);
        wall.rem_euclid(1440) == hour * 60 + minute && (days.is_empty() || days.contains(&weekday(day)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees(
            zone_index in 0usize..3, jump in 1usize..3, hour in 0i64..5, minute in 0i64..60, end_hour in 0i64..5, end_minute in 0i64..60,
            weekdays in any::<bool>(), lasting in proptest::option::of(1i64..1600),
        ) {
            let zone = zones().swap_remove(zone_index);
            let from_ms = zone.at_ms[jump] - 60 * 60_000 * 60;
            let days: &[i64] = if weekdays { &[0, 3, 6] } else { &[] };
            let field = if weekdays { "0,3,6" } else { "*" };
            let end = lasting.map_or(format!("to '{end_minute} {end_hour} * * *'"), |minutes| format!("for {minutes}m"));
            let window = format!("at least 5 from '{minute} {hour} * * {field}' {end} in {}", zone.zone);
            let mut bench = of(&[&window]);
            let mut started: Option<u64> = None;
            let mut seen = false;
            for (index, walls) in (0u64..).zip(walls(&zone, from_ms, 60 * 72)) {
                for wall in walls {
                    if lasting.is_none() && is_time(wall, end_minute, end_hour, &[]) {
                        (started, seen) = (None, true);
                    }
                    if is_time(wall, minute, hour, days) {
                        (started, seen) = (Some(index), true);
                    }
                }
                let is_open = started.is_some_and(|started| {
                    lasting.is_none_or(|minutes| index < started + u64::try_from(minutes).unwrap())
                });
                // Before the first start or end of the stretch, it says nothing; each minute would take long, some tell as much.
                if seen && (index % 7 == 0 || (from_ms + index * 60_000).abs_diff(zone.at_ms[jump]) < 150 * 60_000 && index % 2 == 0) {
                    let scene = at("2026-01-01 00:00").at_ms(from_ms + index * 60_000);
                    let played = bench.play(scene);
                    prop_assert_eq!(bounds(&played).0.is_some(), is_open, "{} at minute {}: it {}", window, index, played);
                }
            }
        }

        #[test]
        fn dates_follow_each_other(day in -800_000i64..4_000_000) {
            let (one, next) = (Date::of(day), Date::of(day + 1));
            prop_assert!((1..=one.days_of_month()).contains(&one.day));
            let follows = next == Date { day: one.day + 1, ..one }
                || (one.day == one.days_of_month() && next.day == 1 && next.month == one.month % 12 + 1 && next.year == one.year + i64::from(one.month == 12));
            prop_assert!(follows, "{:?} then {:?}", one, next);
        }
    }
}
