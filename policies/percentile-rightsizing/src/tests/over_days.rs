//! What happens as the history grows: the range, the rest, peaks, kills for lack of memory.

use super::*;

/// Plays one hour after the other: 60 samples each, of CPU and MiB of memory by hour, for what is set aside by then.
struct Days {
    bench: Bench,
    hour: u32,
    room: (u64, u64),
    resized_ms: Option<u64>,
}

impl Days {
    fn new(bench: Bench, room: (u64, u64)) -> Self {
        Self { bench: bench.set("look_back", HOUR), hour: 0, room, resized_ms: None }
    }

    fn scene(&self, cpu: f64, mib: f64) -> Scene {
        let scene = using(scene(2, self.room.0, self.room.1).later(HOUR * self.hour), &[cpu; 60], &[mib; 60]);
        scene.with(|snapshot| snapshot.changes.extend(self.resized_ms.map(resized)))
    }

    fn hour(&mut self, cpu: f64, mib: f64) -> Played {
        let scene = self.scene(cpu, mib);
        self.play(scene)
    }

    fn play(&mut self, scene: Scene) -> Played {
        self.hour += 1;
        self.bench.play(scene)
    }

    fn hours(&mut self, hours: u32, cpu: f64, mib: f64) {
        for _ in 0..hours {
            let _ = self.hour(cpu, mib);
        }
    }

    /// Does what is asked, at once.
    fn follow(&mut self, played: &Played) {
        let (cpu, mib) = asked(played);
        if cpu.is_some() || mib.is_some() {
            self.room = (cpu.unwrap_or(self.room.0), mib.unwrap_or(self.room.1));
            self.resized_ms = Some(NOON_MS + u64::from(self.hour - 1) * 3_600_000);
        }
    }
}

mod the_range {
    use super::*;

    /// p50 of 900m is 1038.7m; after an hour of 120 samples it is multiplied by (1 + 0.001 / 0.041)⁻² = 0.95.
    #[test]
    fn below_it_more_is_asked_for_at_once() {
        let mut days = Days::new(Bench::new(), (500, 1000));
        let played = days
            .hour(900.0, 800.0)
            .says("range 990m to 26390m (903m is used, 120 samples in 1 hours)")
            .says(": 1039m, since it is below its range");
        assert_eq!(asked(&played), (Some(1039), None), "memory rests meanwhile");
    }

    #[test]
    fn above_it_less_is_asked_for_only_as_history_grows() {
        let mut days = Days::new(Bench::new(), (4000, 4000));
        // Without a doubt too much, yet after five hours the upper end is (1 + 1 / 0.2) times the percentile.
        days.hours(5, 900.0, 800.0);
        days.hour(900.0, 800.0).holds().says("rests until it has 12 hours of history");
        // With a rest of a week, only the range can tell; a day has it narrow enough.
        let mut days = Days::new(Bench::new().set("rest", 7 * 24 * HOUR), (4000, 4000));
        days.hours(5, 900.0, 800.0);
        days.hour(900.0, 800.0).holds();
        days.hours(24, 900.0, 800.0);
        let played = days.hour(900.0, 800.0).says(": 1039m, since it is above its range");
        assert_eq!(asked(&played), (Some(1039), Some(933)));
    }

    #[test]
    fn within_it_the_change_must_be_large_enough() {
        let mut days = Days::new(Bench::new(), (1100, 1000));
        days.hours(30, 900.0, 800.0);
        // 6 % and 7 % are above 10 % in all; alone, neither would be.
        let played = days.hour(900.0, 800.0);
        assert_eq!(asked(&played), (Some(1039), Some(933)));
        let mut alone = Days::new(Bench::new().set("ignore", ["memory"]), (1100, 1000));
        alone.hours(30, 900.0, 800.0);
        alone.hour(900.0, 800.0).holds().says("1039m, but 5.545% in all are below the threshold of 10%");
    }

    #[test]
    fn within_it_nothing_changes_soon_after_a_resize() {
        let mut days = Days::new(Bench::new(), (1300, 1200));
        days.hours(30, 900.0, 800.0);
        days.resized_ms = Some(NOON_MS + 28 * 3_600_000);
        days.hour(900.0, 800.0).holds().says("the last resize was 2 of 12 hours ago");
        days.hours(9, 900.0, 800.0);
        assert_eq!(asked(&days.hour(900.0, 800.0)), (Some(1039), Some(933)));
    }

    /// Two days with a sample each are no two days of confidence: (1 + 0.001 / 0.0014)⁻² leaves a third of 1038.7m.
    #[test]
    fn is_wide_with_few_samples() {
        let mut bench = Bench::new().set("ignore", ["memory"]);
        let day = |day: u32| using(scene(1, 500, 1).later(24 * HOUR * day), &[900.0], &[]);
        let _ = bench.play(day(0));
        bench.play(day(1)).says("range 351m to 748891m");
    }

    #[test]
    fn is_told_to_the_record() {
        let mut days = Days::new(Bench::new(), (1100, 1000));
        let played = days.hour(900.0, 800.0);
        let names: Vec<&str> = played.answer().attrs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cpu_target", "cpu_lower", "cpu_upper", "memory_target", "memory_lower", "memory_upper"]);
    }
}

mod peaks_of_memory {
    use super::*;

    #[test]
    fn of_days_long_gone_fade() {
        let mut days = Days::new(Bench::new().set("ignore", ["cpu"]), (1000, 2000));
        days.hours(24, 100.0, 1500.0);
        for _ in 0..4 * 24 {
            let played = days.hour(100.0, 500.0);
            days.follow(&played);
        }
        // Four peaks of 500 outweigh the old one ten to one only after that; then it is gone from the percentile.
        assert!(days.room.1 > 599, "{}", days.room.1);
        for _ in 0..24 {
            let played = days.hour(100.0, 500.0);
            days.follow(&played);
        }
        assert_eq!(days.room.1, 600);
    }

    /// Two instances gave a peak of 500 a day; now one peaks higher: that is one of many, but the recent one guards.
    #[test]
    fn recent_ones_are_never_undercut() {
        let mut days = Days::new(Bench::new().set("ignore", ["cpu"]).set("memory_percentile", 0.5), (1000, 2000));
        days.hours(72, 100.0, 500.0);
        let scene = days.scene(100.0, 500.0).of_instance("i-0", "memory_bytes", [1200.0 * MIB_F]);
        let played = days.play(scene).says("the recent peak asks for 1380Mi");
        assert_eq!(asked(&played).1, Some(1380));
        days.room.1 = 1380;
        days.hour(100.0, 500.0).holds().says("not lowered: the recent peak asks for 1380Mi");
        days.hours(24, 100.0, 500.0);
        assert_eq!(asked(&days.hour(100.0, 500.0)).1, Some(600), "the day is over");
    }

    #[test]
    fn count_while_starting_but_not_while_leaving() {
        let phased = |phase: Phase| {
            let scene = using(scene(2, 1000, 2000), &[100.0], &[300.0]);
            let scene = scene.of_instance("i-1", "memory_bytes", [1000.0 * MIB_F]);
            scene.with_instance("i-1", |one| one.phase = phase.number())
        };
        let bench = || hasty().set("ignore", ["cpu"]);
        assert_eq!(asked(&bench().play(phased(Phase::Starting))).1, Some(1182));
        assert_eq!(asked(&bench().play(phased(Phase::Draining))).1, Some(363));
    }
}

mod kills_for_lack_of_memory {
    use super::*;

    fn bench() -> Bench {
        Bench::new().set("ignore", ["cpu"]).set("oom_reading", "oom_kills")
    }

    fn counted(scene: Scene, kills: [f64; 2]) -> Scene {
        scene.of_instance("i-0", "oom_kills", [kills[0]]).of_instance("i-1", "oom_kills", [kills[1]])
    }

    /// 1000 MiB are requested: 1200 are needed. Of two instances that is above the 90th percentile, too, whose bucket ends at
    /// 1219.4 and is 1402.3 with the margin.
    #[test]
    fn ask_for_more_at_once() {
        let mut days = Days::new(bench(), (1000, 1000));
        let quiet = counted(days.scene(100.0, 800.0), [3.0, 0.0]);
        days.play(quiet).holds();
        let killed = counted(days.scene(100.0, 800.0), [4.0, 0.0]);
        let played = days.play(killed).says("1403Mi, since an instance was killed for lack of memory");
        assert_eq!(asked(&played).1, Some(1403));
        days.follow(&played);
        let after = counted(days.scene(100.0, 800.0), [4.0, 0.0]);
        days.play(after).holds();
        let again = counted(days.scene(100.0, 800.0), [5.0, 0.0]);
        assert_eq!(
            asked(&days.play(again)).1,
            Some(1954),
            "1.2 times what is set aside by now: 1683.6, whose bucket ends at 1698.6"
        );
    }

    /// While it is not yet resized, each further kill says the same.
    #[test]
    fn that_repeat_do_not_top_each_other() {
        let mut days = Days::new(bench().set("memory_percentile", 0.5), (1000, 1000));
        for kills in 0..4 {
            let scene = counted(days.scene(100.0, 300.0), [f64::from(kills), 0.0]);
            let played = days.play(scene);
            assert_eq!(asked(&played).1, (kills > 0).then_some(1200));
        }
    }

    /// One of twenty is no 90th percentile: the VPA would leave it to be killed again.
    #[test]
    fn are_heard_of_one_among_many() {
        let among = |hour: u32, kills: f64, mib: u64| {
            let scene = using(scene(20, 1000, mib).later(HOUR * hour), &[100.0], &[200.0]);
            scene.of_instance("i-7", "oom_kills", [kills])
        };
        let mut bench = bench();
        bench.play(among(0, 0.0, 1000)).holds();
        assert_eq!(asked(&bench.play(among(1, 1.0, 1000))).1, Some(1200));
        bench.play(among(2, 1.0, 1200)).holds();
    }

    #[test]
    fn add_a_least_amount() {
        let mut days = Days::new(bench().set("memory_percentile", 0.5), (1000, 400));
        let quiet = counted(days.scene(100.0, 250.0), [0.0, 0.0]);
        let _ = days.play(quiet);
        let killed = counted(days.scene(100.0, 250.0), [0.0, 1.0]);
        assert_eq!(asked(&days.play(killed)).1, Some(500));
    }

    #[test]
    fn are_seen_where_the_counter_began_anew() {
        let mut days = Days::new(bench(), (1000, 1000));
        let before = counted(days.scene(100.0, 800.0), [3.0, 3.0]);
        let _ = days.play(before);
        let anew = counted(days.scene(100.0, 800.0), [0.0, 1.0]);
        assert_eq!(asked(&days.play(anew)).1, Some(1403));
    }

    #[test]
    fn of_an_instance_that_is_gone_still_guard() {
        let mut days = Days::new(bench().set("memory_percentile", 0.5), (1000, 1000));
        let before = counted(days.scene(100.0, 300.0), [0.0, 0.0]);
        let _ = days.play(before);
        let killed = counted(days.scene(100.0, 300.0), [1.0, 0.0]).with_instance("i-0", |one| {
            one.phase = Phase::Failed.number();
        });
        let played = days.play(killed);
        days.follow(&played);
        assert_eq!(days.room.1, 1200);
        days.bench = std::mem::take(&mut days.bench).set("rest", Duration::ZERO);
        let replaced = days.scene(100.0, 300.0).with_instance("i-0", |one| one.id = "i-9".to_owned());
        let replaced = replaced.of_instance("i-9", "memory_bytes", [300.0 * MIB_F]);
        days.play(replaced).holds().says("not lowered: the recent peak asks for 1200Mi");
    }
}
