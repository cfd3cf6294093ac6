//! From samples to datapoints, and whether enough of them breach a threshold, as CloudWatch alarms do it: the samples of each
//! of the last N periods make one datapoint, and M of N must breach.

use std::fmt;
use std::time::Duration;

use trimtab_sdk::{Refusal, Samples, Snapshot, figure};

use crate::Parameters;
use crate::capacity::is_warming;
use crate::steps::Side;

const DAY: Duration = Duration::from_secs(86_400);

/// M of N periods.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alarm {
    period_ms: u64,
    periods: usize,
    to_alarm: usize,
}

/// What the samples come to.
pub(crate) enum Found {
    Datapoints(Datapoints),
    /// Readings of instances, all of which warm up, or there are none.
    NobodyCounts,
    /// No fresh sample; why.
    Missing(&'static str),
}

/// One datapoint per period, the latest first; `None` for a period without samples.
#[derive(Debug)]
pub(crate) struct Datapoints {
    values: Vec<Option<f64>>,
    /// Instances that count and have no fresh sample.
    pub(crate) missing_instances: u32,
}

/// A threshold is breached, and by how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Breach {
    pub(crate) value: f64,
    /// Value minus threshold.
    pub(crate) distance: f64,
    pub(crate) breaching: usize,
    pub(crate) of: usize,
}

/// The samples of one period.
#[derive(Debug, Clone, Copy)]
struct Collected {
    count: u32,
    sum: f64,
    least: f64,
    most: f64,
}

impl Alarm {
    /// # Errors
    /// `parameter-wrong` where more datapoints are to alarm than there are, or the periods make more than a day.
    pub(crate) fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        let periods = usize::try_from(parameters.evaluation_periods).unwrap_or(1).max(1);
        let to_alarm = parameters.datapoints_to_alarm.and_then(|count| usize::try_from(count).ok()).unwrap_or(periods);
        if to_alarm > periods {
            return Err(Refusal::parameter_wrong(format!(
                "`datapoints_to_alarm` is {to_alarm}, more than the {periods} of `evaluation_periods`"
            )));
        }
        let period_ms = u64::try_from(parameters.period.as_millis()).unwrap_or(u64::MAX).max(1);
        let alarm = Self { period_ms, periods, to_alarm };
        if alarm.range() > DAY {
            return Err(Refusal::parameter_wrong(format!(
                "{periods} `evaluation_periods` of a `period` of {} s are more than a day",
                period_ms / 1000
            )));
        }
        Ok(alarm)
    }

    /// How far back it looks.
    pub(crate) fn range(&self) -> Duration {
        Duration::from_millis(self.period_ms.saturating_mul(self.periods as u64))
    }

    pub(crate) fn collect(&self, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Found {
        let mut collected = vec![Collected::NONE; self.periods];
        let now_ms = snapshot.now_ms();
        let reading = snapshot.reading(&parameters.reading);
        let mut missing_instances = 0;
        if parameters.subject == "instance" {
            let counting = reading.instances().filter(|(instance, _)| {
                !instance.phase().is_leaving() && !is_warming(instance, now_ms, parameters.warmup)
            });
            let mut measured = 0u32;
            for (_, fact) in counting {
                match fact.fresh() {
                    Some(samples) => {
                        measured += 1;
                        self.add(&mut collected, &samples, now_ms);
                    }
                    None => missing_instances += 1,
                }
            }
            if measured == 0 {
                return if missing_instances > 0 {
                    Found::Missing("absent for every instance")
                } else {
                    Found::NobodyCounts
                };
            }
        } else {
            let fact = reading.samples();
            let word = fact.word();
            match fact.fresh() {
                Some(samples) => self.add(&mut collected, &samples, now_ms),
                None => return Found::Missing(word),
            }
        }
        let values: Vec<Option<f64>> = collected.iter().map(|one| one.statistic(&parameters.statistic)).collect();
        if values.iter().all(Option::is_none) {
            return Found::Missing("not a number");
        }
        Found::Datapoints(Datapoints { values, missing_instances })
    }

    fn add(&self, collected: &mut [Collected], samples: &Samples<'_>, now_ms: u64) {
        let mut is_within = false;
        for (at_ms, value) in samples.iter().filter(|(_, value)| value.is_finite()) {
            let periods_ago = usize::try_from(now_ms.saturating_sub(at_ms) / self.period_ms).unwrap_or(usize::MAX);
            if let Some(one) = collected.get_mut(periods_ago) {
                one.add(value);
                is_within = true;
            }
        }
        // Fresh, yet sampled more rarely than the periods are long: the latest sample is all there is of now.
        if !is_within
            && samples.latest().is_finite()
            && let Some(one) = collected.first_mut()
        {
            one.add(samples.latest());
        }
    }

    /// Going up, a missing datapoint is what `treat_missing` says.
    pub(crate) fn breach_above(&self, points: &Datapoints, up: &Side<'_>, parameters: &Parameters) -> Option<Breach> {
        let is_breach = |value: f64| up.is_breached(value);
        let known = points.values.iter().flatten().count();
        let breaching = points.values.iter().flatten().filter(|value| is_breach(**value)).count();
        let alarms = match parameters.treat_missing.as_str() {
            "breaching" => breaching + (self.periods - known) >= self.to_alarm,
            "missing" => breaching >= self.to_alarm.min(known),
            _ => breaching >= self.to_alarm,
        };
        alarms.then(|| self.breach(points, is_breach, breaching, up.threshold, parameters))
    }

    /// Going down, only what is known counts.
    pub(crate) fn breach_below(&self, points: &Datapoints, down: &Side<'_>, parameters: &Parameters) -> Option<Breach> {
        let is_breach = |value: f64| down.is_breached(value);
        let breaching = points.values.iter().flatten().filter(|value| is_breach(**value)).count();
        (breaching >= self.to_alarm).then(|| self.breach(points, is_breach, breaching, down.threshold, parameters))
    }

    fn breach(
        &self,
        points: &Datapoints,
        is_breach: impl Fn(f64) -> bool,
        breaching: usize,
        threshold: f64,
        parameters: &Parameters,
    ) -> Breach {
        let mut collected = Collected::NONE;
        points
            .values
            .iter()
            .flatten()
            .copied()
            .filter(|value| is_breach(*value))
            .for_each(|value| collected.add(value));
        let value = collected.statistic(&parameters.aggregation).unwrap_or(threshold);
        Breach { value, distance: value - threshold, breaching, of: self.periods }
    }
}

impl Collected {
    const NONE: Self = Self { count: 0, sum: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY };

    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }

    fn statistic(&self, statistic: &str) -> Option<f64> {
        let value = match statistic {
            "minimum" => self.least,
            "maximum" => self.most,
            "sum" => self.sum,
            _ => self.sum / f64::from(self.count),
        };
        (self.count > 0 && value.is_finite()).then_some(value)
    }
}

/// The datapoints, the latest first.
impl fmt::Display for Datapoints {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 5;
        for (index, value) in self.values.iter().take(SHOWN_MAX).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            match value {
                Some(value) => write!(out, "{comma}{}", figure(*value))?,
                None => write!(out, "{comma}unknown")?,
            }
        }
        if self.values.len() > SHOWN_MAX { out.write_str(" …") } else { Ok(()) }
    }
}
