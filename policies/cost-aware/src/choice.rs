//! Between what is and what could be: first that the load is carried, then what it costs.

use std::fmt;

use trimtab_sdk::figure;

use crate::Parameters;
use crate::need::Need;
use crate::offer::Offers;
use crate::plan::{Plan, Rules};

/// A plan and its cost per hour.
type Priced<'o> = (Plan<'o>, f64);

/// What to do, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice<'o> {
    now: Plan<'o>,
    cost: Option<f64>,
    best: Option<Priced<'o>>,
    next: Option<Priced<'o>>,
    finding: Finding<'o>,
}

#[derive(Debug, Clone, PartialEq)]
enum Finding<'o> {
    /// It saves enough.
    Saves { share: f64 },
    /// The load is not carried any more.
    TooSmall,
    /// Nothing that has a price carries it: more of the present size.
    More(Plan<'o>),
    /// Not even that.
    NothingCarries,
    /// The present plan costs no more than the best, or too little more.
    CheapEnough { share: f64, least: f64 },
    /// Nothing else would do.
    NoOther,
    /// What the present size costs is not known.
    Unpriced,
    /// It would do, but somebody is not seen.
    Unseen { missing: u32 },
}

impl<'o> Choice<'o> {
    /// The plan to change to; `None` to stay.
    pub(crate) fn plan(&self) -> Option<&Plan<'o>> {
        match &self.finding {
            Finding::Saves { .. } | Finding::TooSmall => self.best.as_ref().map(|(plan, _)| plan),
            Finding::More(plan) => Some(plan),
            _ => None,
        }
    }
}

pub(crate) fn choose<'o>(
    now: &Plan<'o>,
    offers: &Offers<'o>,
    rules: &Rules<'_>,
    need: &Need,
    parameters: &Parameters,
) -> Choice<'o> {
    let cost = now.cost(offers);
    let settled = |(best, next), finding| Choice { now: *now, cost, best, next, finding };
    if rules.is_met_by(now) {
        if need.missing > 0 {
            return settled((None, None), Finding::Unseen { missing: need.missing });
        }
        let two = cheapest(now, offers, rules.plans(offers, None));
        let finding = match (cost, two.0) {
            (_, None) => Finding::NoOther,
            (None, _) => Finding::Unpriced,
            (Some(cost), Some((_, after))) => {
                let share = 1.0 - after / cost;
                let least = parameters.saving_min;
                // A billionth is forgiven: 1 − 0.9 is less than 0.1 in floating point.
                let saves = after < cost && share + 1e-9 >= least;
                if saves { Finding::Saves { share } } else { Finding::CheapEnough { share, least } }
            }
        };
        return settled(two, finding);
    }
    // Capacity first: what takes nothing away can be done in parts and at once. A trade comes later, once the load is carried.
    let two = cheapest(now, offers, rules.plans(offers, Some(now)));
    if two.0.is_some() {
        return settled(two, Finding::TooSmall);
    }
    let count = rules.fewest_of(now.size, 0.0);
    if cost.is_none()
        && let Some(count) = count
    {
        return settled((None, None), Finding::More(Plan { count, ..*now }));
    }
    let two = if need.missing > 0 { (None, None) } else { cheapest(now, offers, rules.plans(offers, None)) };
    if two.0.is_some() {
        return settled(two, Finding::TooSmall);
    }
    let most = rules.most();
    let finding = match count.unwrap_or(most) {
        count if count > now.count => Finding::More(Plan { count, ..*now }),
        _ => Finding::NothingCarries,
    };
    settled((None, None), finding)
}

/// The cheapest and the next, other than what is; of two that cost the same, the one that comes first.
fn cheapest<'o>(now: &Plan<'_>, offers: &Offers<'o>, plans: Vec<Plan<'o>>) -> (Option<Priced<'o>>, Option<Priced<'o>>) {
    let (mut best, mut next): (Option<Priced<'o>>, Option<Priced<'o>>) = (None, None);
    for plan in plans.into_iter().filter(|plan| plan != now) {
        let Some(cost) = plan.cost(offers) else { continue };
        let beats = |other: &Option<Priced<'o>>| other.is_none_or(|(_, least)| cost < least);
        if beats(&best) {
            next = best.replace((plan, cost));
        } else if beats(&next) {
            next = Some((plan, cost));
        }
    }
    (best, next)
}

impl fmt::Display for Choice<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.now)?;
        if let Some(cost) = self.cost {
            write!(out, " cost {}/h", figure(cost))?;
        }
        match &self.finding {
            Finding::Saves { share } => write!(out, ", {}% can be saved", percent(*share))?,
            Finding::TooSmall => out.write_str(" do not carry it")?,
            Finding::More(plan) => write!(out, " do not carry it, and nothing with a price takes over: {plan}")?,
            Finding::NothingCarries => {
                out.write_str(" do not carry it, nor does anything on offer within the bounds")?
            }
            Finding::CheapEnough { share, least } if *share > 0.0 => {
                write!(out, ", {}% could be saved, and {}% is worth a change", percent(*share), percent(*least))?;
            }
            Finding::CheapEnough { .. } => out.write_str(", and nothing is cheaper")?,
            Finding::NoOther => out.write_str(" carry it, and nothing else on offer would")?,
            Finding::Unpriced => out.write_str(" carry it; what they cost is not known")?,
            Finding::Unseen { missing } => {
                write!(out, " carry it; nothing is taken away while {missing} instances have no fresh sample")?;
            }
        }
        if let Some((plan, cost)) = &self.best {
            write!(out, ": {plan} cost {}/h", figure(*cost))?;
        }
        if let Some((plan, cost)) = &self.next {
            write!(out, ", next {plan} {}/h", figure(*cost))?;
        }
        Ok(())
    }
}

fn percent(share: f64) -> trimtab_sdk::Figure {
    figure((share * 1000.0).round() / 10.0)
}
