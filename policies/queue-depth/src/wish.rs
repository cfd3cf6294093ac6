//! How many replicas each rule wishes for.

use std::fmt;
use std::time::Duration;

use trimtab_sdk::{Snapshot, figure, replicas};

use crate::Parameters;
use crate::backlog::{Backlog, latest};

/// The most that the age of one message multiplies replicas by at once: it grows with time, whatever replicas do.
const AGE_RATIO_MAX: f64 = 2.0;

/// What the rules came to.
#[derive(Debug)]
pub(crate) struct Wishes<'p> {
    /// The largest wish, the first of equals; `None` if no rule knows enough.
    pub(crate) largest: Option<Wish<'p>>,
    /// Whether there is work although the queues look empty: messages arrive, or one has waited too long.
    pub(crate) is_needed: bool,
    /// What is not known, in a sentence each. While there is any, wishes are lower bounds.
    pub(crate) missing: Vec<String>,
}

/// A count of replicas, and the numbers that led to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'p> {
    pub(crate) count: u32,
    ground: Ground<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Ground<'p> {
    Share { waiting: f64, each: f64 },
    Rate { waiting: f64, arriving: f64, drain_time: Duration, rate: f64 },
    Age { reading: &'p str, age_s: f64, target: Duration, is_falling: bool },
}

impl<'p> Wishes<'p> {
    pub(crate) fn of(snapshot: &Snapshot<'_>, parameters: &'p Parameters, backlog: &Backlog) -> Self {
        let mut wishes = Self { largest: None, is_needed: false, missing: backlog.missing.clone() };
        if let (Some(waiting), Some(each)) = (backlog.waiting, parameters.per_instance) {
            wishes.add(replicas(waiting / each), Ground::Share { waiting, each });
        }
        if let Some(drain_time) = parameters.drain_time {
            wishes.by_rate(snapshot, parameters, backlog.waiting, drain_time);
        }
        if let (Some(reading), Some(target)) = (&parameters.age_reading, parameters.age_target) {
            wishes.by_age(snapshot, reading, target);
        }
        wishes
    }

    /// `(arriving + waiting / drain_time) / rate`: what arrives is worked off as it comes, the rest within the time.
    fn by_rate(
        &mut self,
        snapshot: &Snapshot<'_>,
        parameters: &Parameters,
        waiting: Option<f64>,
        drain_time: Duration,
    ) {
        let arriving = match parameters.arrival_rate_reading.as_deref().map(|name| latest(snapshot, name)) {
            Some(Ok((_, arriving))) => Some(arriving),
            Some(Err(why)) => {
                self.missing.push(why);
                None
            }
            None => None,
        };
        self.is_needed |= arriving.is_some_and(|arriving| arriving > 0.0);
        if waiting.is_none() && arriving.is_none() {
            return;
        }
        let (waiting, arriving) = (waiting.unwrap_or(0.0), arriving.unwrap_or(0.0));
        let work = arriving + waiting / drain_time.as_secs_f64();
        let rate = self.service_rate(snapshot, parameters, work);
        if let Some(rate) = rate {
            self.add(replicas(work / rate), Ground::Rate { waiting, arriving, drain_time, rate });
        }
    }

    /// What one replica does. A measured rate of zero says that there was nothing to do, or that nobody did it; the parameter
    /// stands in. Where there is no work, any rate will do.
    fn service_rate(&mut self, snapshot: &Snapshot<'_>, parameters: &Parameters, work: f64) -> Option<f64> {
        let measured = match parameters.service_rate_reading.as_deref().map(|name| (name, latest(snapshot, name))) {
            None => return parameters.service_rate,
            Some((_, Ok((_, rate)))) if rate > 0.0 => return Some(rate),
            Some((name, Ok(_))) => format!("reading `{name}` is 0"),
            Some((_, Err(why))) => {
                self.missing.push(why);
                return parameters.service_rate;
            }
        };
        let stand_in = parameters.service_rate.or((work <= 0.0).then_some(1.0));
        if stand_in.is_none() {
            self.missing.push(measured);
        }
        stand_in
    }

    /// `serving × age / target` while the oldest message is too old and does not grow younger; what there is while it does.
    /// Only replicas that serve are multiplied: while new ones start, the lack is already made good.
    fn by_age(&mut self, snapshot: &Snapshot<'_>, reading: &'p str, target: Duration) {
        let (samples, age_s) = match latest(snapshot, reading) {
            Ok(known) => known,
            Err(why) => return self.missing.push(why),
        };
        let ratio = age_s / target.as_secs_f64();
        if ratio <= 1.0 {
            return;
        }
        self.is_needed = true;
        let current = snapshot.desired();
        let is_falling = samples.slope().is_some_and(|slope| slope < 0.0);
        let serving = f64::from(snapshot.target().ready.min(current));
        let wished = if is_falling { current } else { replicas(serving * ratio.min(AGE_RATIO_MAX)).max(current) };
        self.add(wished.max(1), Ground::Age { reading, age_s, target, is_falling });
    }

    fn add(&mut self, count: u32, ground: Ground<'p>) {
        if self.largest.is_none_or(|largest| count > largest.count) {
            self.largest = Some(Wish { count, ground });
        }
    }
}

impl fmt::Display for Wish<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ground {
            Ground::Share { waiting, each } => {
                write!(out, "{} waiting, {} for each replica", figure(waiting), figure(each))?
            }
            Ground::Rate { waiting, arriving, drain_time, rate } => write!(
                out,
                "{} waiting to be done in {}s and {}/s arriving, {}/s by each replica",
                figure(waiting),
                figure(drain_time.as_secs_f64()),
                figure(arriving),
                figure(rate)
            )?,
            Ground::Age { reading, age_s, target, is_falling } => {
                let trend = if is_falling { ", and falling" } else { "" };
                let target_s = figure(target.as_secs_f64());
                write!(out, "`{reading}` is {}s, target {target_s}s{trend}", figure(age_s))?;
            }
        }
        write!(out, ": {}", self.count)
    }
}
