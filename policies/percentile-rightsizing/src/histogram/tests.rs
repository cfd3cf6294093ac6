use proptest::prelude::*;

use super::*;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const NOW_MS: u64 = 1_795_348_800_000;

fn cpu() -> Scheme {
    Scheme::new(10.0)
}

fn of(samples: &[(u64, f64)]) -> Histogram {
    let mut histogram = Histogram::default();
    let mut decay = histogram.advance(NOW_MS, DAY_MS);
    for (at_ms, value) in samples {
        histogram.add(&cpu(), *value, decay.weight(*at_ms));
    }
    histogram
}

mod buckets {
    use super::*;

    /// `first × (1.05ⁿ − 1) / 0.05`, of `histogram_options.go`.
    #[test]
    fn begin_where_the_formula_says() {
        for (first, most) in [(10.0, 1_000_000.0), (1.0e7, 1.0e12)] {
            let scheme = Scheme::new(first);
            assert_eq!(scheme.starts.len(), BUCKETS);
            for (number, start) in (0_i32..).zip(&scheme.starts) {
                let expected = first * (1.05_f64.powi(number) - 1.0) / 0.05;
                assert!((start - expected).abs() <= expected * 1e-9, "{number}: {start}, not {expected}");
            }
            assert!(scheme.starts[BUCKETS - 1] >= most && scheme.starts[BUCKETS - 2] < most);
        }
    }

    #[test]
    fn take_in_what_is_beyond_them() {
        let scheme = cpu();
        assert_eq!((scheme.bucket(0.0), scheme.bucket(9.99), scheme.bucket(10.0)), (0, 0, 1));
        assert_eq!(usize::from(scheme.bucket(f64::MAX)), BUCKETS - 1);
        assert_eq!(scheme.end(u8::MAX), scheme.end(175));
        assert_eq!(scheme.end(0), 10.0);
    }
}

mod decay {
    use super::*;

    #[test]
    fn halves_the_weight_with_each_half_life() {
        let mut decay = Histogram::default().advance(NOW_MS, DAY_MS);
        assert_eq!(decay.weight(NOW_MS), 1.0);
        assert_eq!(decay.weight(NOW_MS - DAY_MS), 0.5);
        assert_eq!(decay.weight(NOW_MS - 8 * DAY_MS), 1.0 / 256.0);
        assert_eq!(decay.weight(NOW_MS + DAY_MS), 2.0);
        let noon = decay.weight(NOW_MS - DAY_MS / 2);
        assert!((noon - 0.5_f64.sqrt()).abs() < 0.001, "{noon}");
        assert!(decay.weight(0) < 1e-18 && decay.weight(u64::MAX).is_finite());
    }

    #[test]
    fn lets_yesterday_count_half() {
        // Three samples of yesterday weigh 1.5 and one of today 1: the border is at 0.6.
        let old = (NOW_MS - DAY_MS, 100.0);
        let histogram = of(&[old, old, old, (NOW_MS, 1000.0)]);
        assert!(histogram.percentile(&cpu(), 0.59).unwrap() < 111.0);
        assert!(histogram.percentile(&cpu(), 0.61).unwrap() > 1000.0);
    }

    #[test]
    fn forgets_after_ten_half_lives() {
        let mut histogram = of(&[(NOW_MS, 100.0)]);
        histogram.advance(NOW_MS + 9 * DAY_MS, DAY_MS);
        assert!(histogram.percentile(&cpu(), 0.9).is_some());
        histogram.advance(NOW_MS + 10 * DAY_MS, DAY_MS);
        assert_eq!(histogram.percentile(&cpu(), 0.9), None);
        let mut long = of(&[(NOW_MS, 100.0)]);
        long.advance(u64::MAX, 1);
        assert_eq!(long.percentile(&cpu(), 0.9), None);
    }
}

/// The least value below or at which a share of the weight lies, without buckets.
fn exact(samples: &[(u64, f64)], share: f64) -> f64 {
    let age = |at_ms: u64| (NOW_MS - at_ms) as f64 / DAY_MS as f64;
    let mut weighted: Vec<(f64, f64)> = samples.iter().map(|(at_ms, value)| (*value, (-age(*at_ms)).exp2())).collect();
    weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let threshold = share.min(1.0) * weighted.iter().map(|(_, weight)| weight).sum::<f64>();
    let mut sum = 0.0;
    let reached = weighted.iter().find(|(_, weight)| {
        sum += weight;
        sum >= threshold
    });
    reached.or(weighted.last()).unwrap().0
}

fn samples() -> impl Strategy<Value = Vec<(u64, f64)>> {
    let one = (0..8 * DAY_MS, 0.0_f64..6.0).prop_map(|(age_ms, power)| (NOW_MS - age_ms, 10.0_f64.powf(power) - 1.0));
    prop::collection::vec(one, 1..200)
}

proptest! {
    /// The end of the bucket is above the exact percentile, by a twentieth of it and a first bucket at most. Parts of a half-life
    /// move the share by less than a thousandth.
    #[test]
    fn percentile_is_exact_but_for_the_width_of_a_bucket(samples in samples(), share in 0.01_f64..1.0) {
        let found = of(&samples).percentile(&cpu(), share).unwrap();
        let (low, high) = (exact(&samples, share - 0.001), exact(&samples, share + 0.001));
        prop_assert!(found >= low && found <= high * 1.05 + 10.0 + 1e-6, "{found} for {low} to {high}");
    }

    #[test]
    fn percentile_rises_with_its_share(samples in samples(), share in 0.01_f64..0.5, more in 0.0_f64..0.5) {
        let histogram = of(&samples);
        prop_assert!(histogram.percentile(&cpu(), share) <= histogram.percentile(&cpu(), share + more));
    }

    #[test]
    fn time_alone_changes_no_percentile(samples in samples(), hours in prop::collection::vec(1_u64..30, 1..8)) {
        // Young enough that nothing is forgotten on the way.
        let young: Vec<(u64, f64)> = samples.into_iter().filter(|(at_ms, _)| *at_ms > NOW_MS - DAY_MS).collect();
        prop_assume!(!young.is_empty());
        let mut histogram = of(&young);
        let before = histogram.percentile(&cpu(), 0.9);
        let mut now_ms = NOW_MS;
        for hours in hours {
            now_ms += hours.min(26) * HOUR_MS;
            histogram.advance(now_ms, DAY_MS);
        }
        prop_assert_eq!(histogram.percentile(&cpu(), 0.9), before);
    }

    #[test]
    fn what_is_taken_back_leaves_nothing(samples in samples(), value in 0.0_f64..1e6, later_ms in 0..DAY_MS * 3) {
        let young: Vec<(u64, f64)> = samples.into_iter().filter(|(at_ms, _)| *at_ms > NOW_MS - DAY_MS).collect();
        prop_assume!(!young.is_empty());
        let mut without = of(&young);
        let mut with = of(&young);
        let at_ms = NOW_MS + DAY_MS;
        let weight = with.advance(NOW_MS, DAY_MS).weight(at_ms);
        with.add(&cpu(), value, weight);
        let weight = with.advance(NOW_MS + later_ms, DAY_MS).weight(at_ms);
        without.advance(NOW_MS + later_ms, DAY_MS);
        with.take(&cpu(), value, weight);
        prop_assert_eq!(with.weights.len(), without.weights.len());
        for ((bucket, weight), (other, expected)) in with.weights.iter().zip(&without.weights) {
            prop_assert!(bucket == other && (weight - expected).abs() < 1e-9);
        }
    }
}
