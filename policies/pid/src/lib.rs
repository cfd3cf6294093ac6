//! Holds a reading at its setpoint with a PID controller whose integral cannot wind up.
//!
//! `error.rs` turns a value into an error, `controller.rs` has the equations and the memory. README.md has them with their
//! units, and why they have this form.

mod controller;
mod error;

use std::time::Duration;

use trimtab_sdk::prelude::*;

use crate::controller::{Controller, Past, Wish};
use crate::error::Scale;

parameters! {
    /// What the operator sets.
    pub struct Parameters {
        /// The reading to hold.
        pub reading: String {},
        /// Its setpoint.
        pub setpoint: f64 {},
        /// Which way replicas work: `direct` adds them when the reading is above its setpoint (CPU, latency), `inverse` when
        /// it is below (free memory, idle share).
        pub action: String { default: "direct", choices: ["direct", "inverse"] },
        /// The distance from the setpoint that is an error of 1, in the reading's unit. Not given: the setpoint itself.
        pub span: Option<f64> { min: 0.000_001 },
        /// Errors up to it, as a share of `span`, change nothing.
        pub deadband: f64 { default: 0.1, min: 0, max: 10 },
        /// Proportional gain: the share of replicas added at an error of 1.
        pub kp: f64 { default: 0.5, min: 0, max: 10 },
        /// Integral gain: the share of replicas added per second at an error of 1.
        pub ki: f64 { default: 0.005, min: 0, max: 1 },
        /// Derivative gain: the share of replicas added while the error grows by 1 per second.
        pub kd: f64 { default: 0, min: 0, max: 3600 },
        /// Time constant of the low-pass filter before the derivative.
        pub derivative_filter: Duration {
            default: Duration::from_secs(60), min: Duration::from_secs(1), max: Duration::from_secs(86_400)
        },
        /// Time constant with which the integral follows a count that it did not ask for: one that the bounds or a person set.
        pub tracking: Duration {
            default: Duration::from_secs(60), min: Duration::from_secs(1), max: Duration::from_secs(86_400)
        },
        /// After a longer gap between two evaluations nothing is integrated over it, and the derivative starts anew.
        pub gap_max: Duration {
            default: Duration::from_secs(120), min: Duration::from_secs(1), max: Duration::from_secs(86_400)
        },
    }
}

/// The policy.
#[derive(Debug)]
pub struct Pid;

impl Policy for Pid {
    type Parameters = Parameters;
    type Memory = Past;
    const ABOUT: About = about!(Kind::Scale);

    fn needs(parameters: &Parameters) -> Result<Needs<'_>, Refusal> {
        Scale::of(parameters)?;
        if parameters.kp <= 0.0 && parameters.ki <= 0.0 && parameters.kd <= 0.0 {
            return Err(Refusal::parameter_wrong("`kp`, `ki` and `kd` are all 0: nothing would ever change"));
        }
        Ok(Needs::new().reading(&parameters.reading, Subject::Target).required())
    }

    fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, past: &mut Past) -> Result<Answer, Refusal> {
        let scale = Scale::of(parameters)?;
        let fact = snapshot.reading(&parameters.reading).samples();
        let word = fact.word();
        let Some(samples) = fact.fresh().filter(|samples| samples.latest().is_finite()) else {
            // The integral stays as it is, and the time without a value is never integrated over.
            past.pause();
            return Err(Refusal::reading_missing(format!("reading `{}` is {word}", parameters.reading)));
        };
        let controller = Controller { snapshot, parameters, scale };
        let Wish { count, terms, held } = controller.step(&samples, past);
        let reason = format!(
            "`{}` is {}, setpoint {}: error {}; integral {}, proportional {}, derivative {}, together {}",
            parameters.reading,
            figure(samples.latest()),
            figure(parameters.setpoint),
            figure(terms.error),
            figure(terms.integral),
            figure(terms.proportional),
            figure(terms.derivative),
            figure(terms.output),
        );
        Ok(match held {
            Some(held) => Answer::hold(format!("{reason}: {held}")),
            None => Proposal::scale(count).because(format!("{reason}: {count}")).into(),
        })
    }
}

trimtab_sdk::export!(Pid);

#[cfg(test)]
mod tests;
