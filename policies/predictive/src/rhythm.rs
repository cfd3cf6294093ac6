//! What is remembered of the demand: its mean in each bucket of the season, and the state of the method.
//!
//! A bucket is closed by the first sample of a later one. One without samples is skipped: nothing was measured, which is not
//! the same as zero.

use trimtab_sdk::Refusal;

use crate::Parameters;
use crate::holt_winters::{Course, spread};
use crate::trust;

/// Most buckets of a season: a week of five minutes. They take 9 bytes each, of the 20 KiB that memory may hold (the host
/// grants 64 KiB, but writes them at every turn).
const BUCKETS_MAX: u64 = 2016;
const BUCKETS_MIN: u64 = 4;
/// After a gap of so many seasons nothing that was learned is believed.
const GAP_SEASONS_MAX: u64 = 7;
/// After so many seasons in which the forecast could not be trusted, the season is learned anew.
const MISTRUSTED_SEASONS_MAX: u64 = 2;
/// The first season need not be whole: so many tenths of it will do, and what is missing is drawn as a line between its neighbours.
const SEEN_TENTHS: u64 = 9;
/// No demand is taken for larger: sums of a season of it stay exact enough.
pub(crate) const DEMAND_MAX: f64 = 1e15;

trimtab_sdk::memory! {
    /// What is remembered from one evaluation to the next.
    format 1, at most 20480 bytes;
    #[derive(PartialEq)]
    pub struct Rhythm {
        /// Season and bucket in milliseconds, and the reading, that all else is of.
        grid: (u64, (u64, String)),
        /// When the youngest sample was taken that was taken in.
        newest_ms: u64,
        /// The bucket that samples fall into now: its number since the epoch, sum and count of its samples.
        open: Option<(u64, (f64, u32))>,
        /// The bucket that was closed last.
        pub(crate) closed: Option<u64>,
        /// The bucket that learning began with.
        first: Option<u64>,
        /// By place in the season. While it is learned, the means of buckets; then what each adds to the level.
        pub(crate) places: Vec<Option<f64>>,
        /// Level and trend; `None` while the first season is learned.
        course: Option<(f64, f64)>,
        /// Buckets whose forecast was judged.
        pub(crate) judged: u32,
        /// Mean absolute error over the last few buckets and over the last season.
        pub(crate) errors: (f64, f64),
        /// Mean demand over the last season.
        pub(crate) demand: f64,
        /// Mean absolute difference of neighbouring buckets over the last season.
        pub(crate) naive: f64,
        /// The mean of the bucket that was closed last.
        latest: f64,
        /// Buckets in a row in which the error was too large.
        mistrusted: u32,
        /// The longest start of an instance that was seen.
        pub(crate) startup_ms: u64,
    }
}

/// The season and how it is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) bucket_ms: u64,
    /// Buckets of a season.
    pub(crate) places: u64,
}

impl Grid {
    /// # Errors
    /// `parameter-wrong` where the season is no multiple of the bucket, or of too many of them or too few.
    pub(crate) fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        let [season_ms, bucket_ms] =
            [parameters.season, parameters.bucket].map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        let wrong = |what: String| Err(Refusal::parameter_wrong(format!("`season` {what} `bucket`")));
        if bucket_ms == 0 || !season_ms.is_multiple_of(bucket_ms) {
            return wrong("is no multiple of".to_owned());
        }
        let places = season_ms / bucket_ms;
        if !(BUCKETS_MIN..=BUCKETS_MAX).contains(&places) {
            return wrong(format!("is {places} times, and may be {BUCKETS_MIN} to {BUCKETS_MAX} times the"));
        }
        Ok(Self { bucket_ms, places })
    }

    pub(crate) fn season_ms(&self) -> u64 {
        self.bucket_ms.saturating_mul(self.places)
    }

    /// The place of a bucket in its season.
    fn place(&self, bucket: u64) -> usize {
        usize::try_from(bucket % self.places.max(1)).unwrap_or(0)
    }
}

impl Rhythm {
    /// Begins anew where what is remembered is of another reading or another grid, or of a time that is yet to come.
    pub(crate) fn suit(&mut self, grid: &Grid, reading: &str, now_ms: u64) {
        let of = (grid.places, (grid.bucket_ms, reading.to_owned()));
        let from_the_future = self.newest_ms > now_ms.saturating_add(grid.bucket_ms);
        let whole = u64::try_from(self.places.len()) == Ok(grid.places);
        if self.grid != of || from_the_future || !whole {
            *self = Self { grid: of, startup_ms: self.startup_ms, ..Self::default() };
            self.forget(grid);
        }
        self.forget_what_is_old(now_ms / grid.bucket_ms.max(1), grid);
    }

    /// Takes in what is younger than all before.
    pub(crate) fn take_in(
        &mut self,
        samples: impl Iterator<Item = (u64, f64)>,
        now_ms: u64,
        grid: &Grid,
        parameters: &Parameters,
    ) {
        for (at_ms, value) in samples {
            if at_ms <= self.newest_ms || at_ms > now_ms || !value.is_finite() {
                continue;
            }
            self.newest_ms = at_ms;
            let (bucket, value) = (at_ms / grid.bucket_ms.max(1), value.clamp(0.0, DEMAND_MAX));
            match &mut self.open {
                Some((open, (sum, count))) if *open == bucket => {
                    *sum += value;
                    *count = count.saturating_add(1);
                }
                open => {
                    if let Some((past, (sum, count))) = open.replace((bucket, (value, 1))) {
                        self.close(past, sum / f64::from(count.max(1)), grid, parameters);
                    }
                }
            }
        }
    }

    /// What the season adds to the level in a bucket.
    pub(crate) fn season(&self, bucket: u64, grid: &Grid) -> f64 {
        self.places.get(grid.place(bucket)).copied().flatten().unwrap_or_default()
    }

    /// Level and trend after the bucket that was closed last; `None` while the season is learned.
    pub(crate) fn course(&self) -> Option<Course> {
        self.course.map(|(level, trend)| Course { level, trend })
    }

    /// How many buckets lie between what was measured last and this one.
    pub(crate) fn lead(&self, bucket: u64) -> u64 {
        bucket.saturating_sub(self.closed.unwrap_or(bucket)).max(1)
    }

    /// How many places of the season have been seen.
    pub(crate) fn seen(&self) -> u64 {
        self.places.iter().flatten().count() as u64
    }

    fn forget(&mut self, grid: &Grid) {
        let places = usize::try_from(grid.places).unwrap_or(0);
        *self = Self {
            grid: std::mem::take(&mut self.grid),
            newest_ms: self.newest_ms,
            open: self.open,
            startup_ms: self.startup_ms,
            places: vec![None; places],
            ..Self::default()
        };
    }

    fn forget_what_is_old(&mut self, bucket: u64, grid: &Grid) {
        if self.lead(bucket) > GAP_SEASONS_MAX * grid.places {
            self.forget(grid);
        }
    }

    fn close(&mut self, bucket: u64, demand: f64, grid: &Grid, parameters: &Parameters) {
        self.forget_what_is_old(bucket, grid);
        self.startup_ms = self.startup_ms.saturating_sub(self.startup_ms / grid.places.max(1));
        match self.course() {
            Some(course) => self.correct(course, bucket, demand, grid, parameters),
            None => self.learn(bucket, demand, grid),
        }
        (self.closed, self.latest) = (Some(bucket), demand);
        let patience = MISTRUSTED_SEASONS_MAX * grid.places;
        if u64::from(self.mistrusted) >= patience {
            self.forget(grid);
        }
    }

    /// The first season: its mean is the level, and what each bucket differs from it the season's.
    fn learn(&mut self, bucket: u64, demand: f64, grid: &Grid) {
        if let Some(place) = self.places.get_mut(grid.place(bucket)) {
            *place = Some(demand);
        }
        let first = *self.first.get_or_insert(bucket);
        let seen = self.seen();
        if bucket.saturating_sub(first).saturating_add(1) < grid.places || seen * 10 < grid.places * SEEN_TENTHS {
            return;
        }
        let mean = self.places.iter().flatten().sum::<f64>() / seen as f64;
        let whole = closed_up(&self.places);
        let moves = whole.iter().zip(whole.iter().cycle().skip(1)).map(|(before, after)| (after - before).abs());
        self.naive = moves.sum::<f64>() / grid.places as f64;
        self.places = whole.into_iter().map(|demand| Some(demand - mean)).collect();
        self.course = Some((mean, 0.0));
        self.demand = mean;
    }

    fn correct(&mut self, course: Course, bucket: u64, demand: f64, grid: &Grid, parameters: &Parameters) {
        let smoothing = parameters.smoothing();
        let gap = self.lead(bucket) - 1;
        if gap > 0 {
            // Nobody has seen how the forecasts of the gap erred: until others are judged, they erred as is to be expected.
            self.errors.0 = self.errors.0.max(self.errors.1 * spread(gap + 1, grid.places, &smoothing));
        }
        let course = course.unobserved(gap, &smoothing);
        let season = self.season(bucket, grid);
        let forecast = course.unobserved(1, &smoothing).level + season;
        let error = demand - forecast;
        if let Some(place) = self.places.get_mut(grid.place(bucket)) {
            *place = Some(season + smoothing.gamma * error);
        }
        let course = course.observed(error, &smoothing);
        self.course = Some((course.level, course.trend));
        let moved = (gap == 0).then_some(demand - self.latest);
        trust::judge(self, demand - forecast.max(0.0), demand, moved, grid);
        let trusted = trust::doubt(self, 1.0, parameters).is_none();
        self.mistrusted = if trusted { 0 } else { self.mistrusted.saturating_add(1) };
    }
}

/// The season with what was not seen drawn as a line between its neighbours, round the end.
fn closed_up(places: &[Option<f64>]) -> Vec<f64> {
    let count = places.len();
    let seen = |from: usize, step: usize| {
        (1..=count).find_map(|far| {
            let place = (from + step * far) % count.max(1);
            places.get(place).copied().flatten().map(|demand| (far as f64, demand))
        })
    };
    let drawn = |place: usize| {
        // Backwards by one is forwards by all but one.
        let (after, before) = (seen(place, 1)?, seen(place, count.saturating_sub(1))?);
        Some(before.1 + (after.1 - before.1) * before.0 / (before.0 + after.0))
    };
    places.iter().enumerate().map(|(place, demand)| demand.or_else(|| drawn(place)).unwrap_or_default()).collect()
}
