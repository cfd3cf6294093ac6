//! Evaluations that take about as long as they may: each is answered or has timed out, and is over soon after its deadline.

use std::time::Duration;

use trimtab::policy::{Evaluation, EvaluationInput, Fault, Policy, Queue};
use trimtab::snapshot::{Samples, Snapshot};

use super::guest::{HostileGuest, compile, load};
use super::suite;
use super::table::{Gauge, Rows, alone};

const DEADLINE_MS: u64 = 50;
/// How often one that is far from its deadline may be tried: a machine that stalls for longer stalls the guest as well.
const TRIES_MAX: usize = 20;
/// How long after its deadline a guest is over: one tick, where nothing stalls. Where the clock's thread has to wait for its turn, each
/// tick is late, since it never catches up.
const LATE_MAX: Duration = Duration::from_secs(5);

/// The guest that spins once for each unit of `load`.
struct Spinner {
    policy: Policy,
    snapshot: Snapshot,
}

impl Spinner {
    fn new() -> Self {
        let mut guest = HostileGuest::read("spins-as-long-as-it-is-told");
        guest.with = format!("fuel=1000000000000 deadline_ms={DEADLINE_MS}");
        let sandbox = guest.sandbox();
        let policy = load(&sandbox, &compile(&sandbox, &guest.awake()).unwrap()).unwrap();
        Self { policy, snapshot: suite::snapshot() }
    }

    fn spin(&mut self, rounds: f64) -> Evaluation {
        if let Samples::Numbers { values, .. } = &mut self.snapshot.readings[0].samples {
            values[0] = rounds;
        }
        let needs = self.policy.needs(&[]).unwrap();
        let queue = Queue::Ordinary;
        self.policy.evaluate(&EvaluationInput {
            snapshot: &self.snapshot,
            needs: &needs,
            params: &[],
            memory: &[],
            queue,
        })
    }

    /// Rounds that last as long as the deadline on this machine, where nothing stalls it: the quickest of several tries says.
    fn rounds_of_the_deadline(&mut self) -> f64 {
        let deadline_ns = DEADLINE_MS as f64 * 1e6;
        let mut rounds = 100_000.0;
        while self.took_ns(rounds).is_some_and(|took_ns| took_ns < deadline_ns / 8.0) {
            rounds *= 2.0;
        }
        let quickest_ns = (0..TRIES_MAX).filter_map(|_| self.took_ns(rounds)).fold(deadline_ns, f64::min);
        rounds * deadline_ns / quickest_ns
    }

    /// How long so many rounds took, if they came to their end.
    fn took_ns(&mut self, rounds: f64) -> Option<f64> {
        let spun = self.spin(rounds);
        spun.outcome.is_ok().then_some(spun.spent.wall_ns as f64)
    }
}

#[test]
fn an_evaluation_about_as_long_as_its_deadline_is_answered_or_has_timed_out() {
    alone("hostile::deadlines::an_evaluation_about_as_long_as_its_deadline_is_answered_or_has_timed_out", || {
        let mut spinner = Spinner::new();
        let whole = spinner.rounds_of_the_deadline();
        let mut rows = Rows::of("guest");
        let came = |evaluation: &Evaluation| match &evaluation.outcome {
            Ok(_) => "answers".to_owned(),
            Err(fault) => format!("evaluate {}", fault.code()),
        };
        let on_time = Duration::from_millis(DEADLINE_MS) + LATE_MAX;

        let gauge = Gauge::of_self();
        let early = (0..TRIES_MAX).any(|_| spinner.spin(whole * 0.05).outcome.is_ok());
        let word = if early { "answers" } else { "evaluate timeout" };
        rows.add("spins for a twentieth of its deadline", "answers", word, gauge.read());

        for percent in [80, 90, 95, 100, 105, 110, 120] {
            let gauge = Gauge::of_self();
            let evaluation = spinner.spin(whole * f64::from(percent) / 100.0);
            let (cost, came) = (gauge.read(), came(&evaluation));
            // Which of both it is, is the machine's; that it is nothing else is ours.
            let either = matches!(evaluation.outcome, Ok(_) | Err(Fault::Timeout { deadline_ms: DEADLINE_MS }));
            let must = if either { came.as_str() } else { "answers or evaluate timeout" };
            let behaviour = format!("spins for {percent:3} % of its deadline");
            rows.add_within(&behaviour, must, &came, cost, on_time, 16 << 20);
        }

        let gauge = Gauge::of_self();
        let late = spinner.spin(whole * 100.0);
        let cost = gauge.read();
        rows.add_within("spins for a hundred deadlines", "evaluate timeout", &came(&late), cost, on_time, 16 << 20);
        assert!(late.spent.wall_ns >= DEADLINE_MS * 1_000_000 / 2, "it ended long before its deadline: {late:?}");
        rows.finish();
    });
}
