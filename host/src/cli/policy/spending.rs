//! What a policy spends of the limits of its tier: asked what it is, what it needs, and for an answer, in scenes that the host
//! makes as it does at upload, or on a snapshot of its author's.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::Columns;
use crate::policy::{Answer, EvaluationInput, Need, NeedsError, ParamValue, Policy, Queue, Spent, Verdict};
use crate::registry::sample::{self, Scene};
use crate::sandbox::TierLimits;
use crate::snapshot::Snapshot;

use super::eval::proposal_text;

/// The scenes in which a policy is asked where its author gives no snapshot: that of an upload, a large one, one that knows nothing.
const SCENES: [Scene; 3] =
    [Scene::OF_UPLOAD, Scene { instances: 100, known: true }, Scene { instances: 3, known: false }];
/// Evaluations of which the middle one tells the time, and for how long they are repeated.
const RUNS_MAX: usize = 5;
const RUNNING_MAX: Duration = Duration::from_millis(500);
/// A greater share of a limit is warned of.
const SHARE_MAX: f64 = 0.5;

/// All that was seen.
#[derive(Debug)]
pub(super) struct Spending {
    /// What it needs with these parameters.
    pub(super) needs: Vec<Need>,
    runs: Vec<Run>,
    limits: TierLimits,
}

/// One call of the policy.
#[derive(Debug)]
struct Run {
    call: &'static str,
    /// What an evaluation was asked about; else empty.
    scene: String,
    came_to: String,
    faulted: bool,
    spent: Spent,
    output_bytes: Option<u64>,
}

/// One limit: its name in the configuration and in JSON, what was spent of it, and how it is shown.
struct Figure {
    limit: &'static str,
    name: &'static str,
    heading: &'static str,
    spent: u64,
    most: u64,
    show: fn(u64) -> String,
}

/// Measures. Runs the policy's code: to be called on a deep thread.
pub(super) fn measure(policy: &Policy, params: &[ParamValue], given: Option<(&str, &Snapshot)>) -> Spending {
    let described = Run {
        call: "describe",
        scene: String::new(),
        came_to: String::new(),
        faulted: false,
        spent: policy.described(),
        output_bytes: None,
    };
    let (needs, spent) = policy.needs_spending(params);
    let (came_to, faulted, needs) = match needs {
        Ok(needs) => (String::new(), false, Some(needs)),
        Err(error @ NeedsError::Refused { .. }) => (error.to_string(), false, None),
        Err(error) => (error.to_string(), true, None),
    };
    let asked = Run { call: "needs", scene: String::new(), came_to, faulted, spent, output_bytes: None };
    let mut runs = vec![described, asked];
    if let Some(needs) = &needs {
        match given {
            Some((name, snapshot)) => runs.push(evaluate(policy, params, needs, snapshot, name.to_owned())),
            None => runs.extend(SCENES.iter().filter_map(|scene| {
                let snapshot = sample::snapshot(needs, *scene)?;
                Some(evaluate(policy, params, needs, &snapshot, scene_text(*scene)))
            })),
        }
    }
    Spending { needs: needs.unwrap_or_default(), runs, limits: policy.limits().clone() }
}

fn evaluate(policy: &Policy, params: &[ParamValue], needs: &[Need], snapshot: &Snapshot, scene: String) -> Run {
    let input = EvaluationInput { snapshot, needs, params, memory: &[], queue: Queue::Last };
    let began = Instant::now();
    let mut times_ns = Vec::with_capacity(RUNS_MAX);
    loop {
        let evaluation = policy.evaluate(&input);
        times_ns.push(evaluation.spent.wall_ns);
        let more = times_ns.len() < RUNS_MAX && began.elapsed() < RUNNING_MAX && evaluation.outcome.is_ok();
        if more {
            continue;
        }
        times_ns.sort_unstable();
        let wall_ns = times_ns.get(times_ns.len() / 2).copied().unwrap_or(evaluation.spent.wall_ns);
        let (came_to, faulted, output_bytes) = match &evaluation.outcome {
            Ok(answer) => (came_to(answer), false, Some(answer.bytes())),
            Err(fault) => (format!("it {fault}"), true, None),
        };
        let spent = Spent { wall_ns, ..evaluation.spent };
        return Run { call: "evaluate", scene, came_to, faulted, spent, output_bytes };
    }
}

fn scene_text(scene: Scene) -> String {
    let readings = if scene.known { "" } else { ", no reading there" };
    format!("{} instances{readings}", scene.instances)
}

/// An answer in one line.
fn came_to(answer: &Answer) -> String {
    match &answer.verdict {
        Verdict::Refused(refusal) => format!("refuses ({}): {}", refusal.kind, refusal.text),
        Verdict::Proposals(proposals) => match proposals.as_slice() {
            [] => "abstains".to_owned(),
            [one] => format!("{}: {}", proposal_text(one), one.reason),
            [first, others @ ..] => {
                format!("{}: {}; and {} more", proposal_text(first), first.reason, others.len())
            }
        },
    }
}

impl Run {
    fn name(&self) -> String {
        if self.scene.is_empty() { self.call.to_owned() } else { format!("{}: {}", self.call, self.scene) }
    }

    /// What there is to tell: the length of an answer only where there is one.
    fn figures(&self, limits: &TierLimits) -> Vec<Figure> {
        let Spent { fuel, memory_peak_bytes, wall_ns, host_calls } = self.spent;
        let figure = |limit, name, heading, spent, most, show| Figure { limit, name, heading, spent, most, show };
        let deadline_ns = limits.deadline_ms.saturating_mul(1_000_000);
        let mut figures = vec![
            figure("fuel", "fuel", "fuel", fuel, limits.fuel, grouped as fn(u64) -> String),
            figure("memory_bytes_max", "memory_bytes", "memory", memory_peak_bytes, limits.memory_bytes_max, kibibytes),
            figure("deadline_ms", "wall_ns", "time", wall_ns, deadline_ns, time),
            figure(
                "host_calls_max",
                "host_calls",
                "host calls",
                host_calls.into(),
                limits.host_calls_max.into(),
                grouped,
            ),
        ];
        figures.extend(
            self.output_bytes.map(|spent| {
                figure("output_bytes_max", "output_bytes", "answer", spent, limits.output_bytes_max, bytes)
            }),
        );
        figures
    }
}

impl Figure {
    #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
    fn share(&self) -> f64 {
        if self.most == 0 { 0.0 } else { self.spent as f64 / self.most as f64 }
    }
}

impl Spending {
    /// Whether no call failed.
    pub(super) fn is_fine(&self) -> bool {
        self.runs.iter().all(|run| !run.faulted)
    }

    /// What came close to a limit, each with the limit's name and what to do.
    pub(super) fn warnings(&self, tier: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        for run in &self.runs {
            for figure in run.figures(&self.limits) {
                if figure.share() > SHARE_MAX {
                    let (spent, most) = ((figure.show)(figure.spent), (figure.show)(figure.most));
                    let other = if tier == "compiled" { ", ask for the tier `interpreted`," } else { "" };
                    warnings.push(format!(
                        "`{}` takes {spent} of {most} {} ({}): do less{other} or raise sandbox.{tier}.{}",
                        run.name(),
                        figure.heading,
                        percent(figure.share()),
                        figure.limit
                    ));
                }
            }
        }
        warnings
    }

    /// For machines: of each call what it spent, the limit, and the share.
    pub(super) fn json(&self) -> Value {
        let runs = self.runs.iter().map(|run| {
            let mut json = json!({ "call": run.call, "faulted": run.faulted, "came_to": run.came_to });
            let spent = run.figures(&self.limits).into_iter().map(|figure| {
                let figures = json!({ "spent": figure.spent, "limit": figure.most, "share": figure.share() });
                (figure.name.to_owned(), figures)
            });
            if let Some(fields) = json.as_object_mut() {
                if run.call == "evaluate" {
                    fields.insert("scene".to_owned(), json!(run.scene));
                }
                fields.extend(spent);
            }
            json
        });
        runs.collect()
    }

    /// For people: a table of shares, and what the evaluations came to.
    pub(super) fn text(&self) -> String {
        let figures = |run: &Run| run.figures(&self.limits);
        let fullest = self.runs.iter().map(figures).max_by_key(Vec::len).unwrap_or_default();
        let row = |name: &str, cell: &dyn Fn(&Figure) -> String, figures: &[Figure]| {
            std::iter::once(name.to_owned()).chain(figures.iter().map(cell)).collect::<Vec<_>>()
        };
        let mut table = Columns::plain();
        table.row(row("spends", &|figure| figure.heading.to_owned(), &fullest));
        table.row(row("of", &|figure| (figure.show)(figure.most), &fullest));
        for run in &self.runs {
            let share = |figure: &Figure| format!("{} ({})", (figure.show)(figure.spent), percent(figure.share()));
            table.row(row(&run.name(), &share, &figures(run)));
        }
        let mut told = Columns::plain();
        for run in self.runs.iter().filter(|run| !run.came_to.is_empty()) {
            told.row([run.name(), run.came_to.clone()]);
        }
        format!("{}\n{}", table.text(0), told.text(0))
    }
}

/// `9,614`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn kibibytes(bytes: u64) -> String {
    format!("{} KiB", grouped(bytes.div_ceil(1024)))
}

fn bytes(bytes: u64) -> String {
    format!("{} bytes", grouped(bytes))
}

fn time(ns: u64) -> String {
    if ns < 10_000_000 { format!("{} µs", grouped(ns / 1_000)) } else { format!("{} ms", grouped(ns / 1_000_000)) }
}

/// A share as a person reads it: two digits below one in a hundred, none above one in ten.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 {
        "0 %".to_owned()
    } else if percent < 0.01 {
        "below 0.01 %".to_owned()
    } else if percent < 1.0 {
        format!("{percent:.2} %")
    } else if percent < 10.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::probe::Probe;

    fn spending(probe: &Probe) -> Spending {
        measure(&probe.load().unwrap(), &[], None)
    }

    #[test]
    fn numbers_and_shares_are_for_people() {
        assert_eq!([0, 999, 1_000, 9_614, 20_000_000].map(grouped), ["0", "999", "1,000", "9,614", "20,000,000"]);
        assert_eq!([0, 9_999_999, 400_000_000].map(time), ["0 µs", "9,999 µs", "400 ms"]);
        let shares = [0.0, 0.00001, 0.000_480_7, 0.0534, 0.62].map(percent);
        assert_eq!(shares, ["0 %", "below 0.01 %", "0.05 %", "5.3 %", "62 %"]);
    }

    #[test]
    fn each_call_is_told_with_its_shares() {
        let spending = spending(&Probe::default());
        assert!(spending.is_fine());
        assert_eq!(spending.warnings("compiled"), Vec::<String>::new());
        let json = spending.json();
        let calls: Vec<&str> = json.as_array().unwrap().iter().map(|run| run["call"].as_str().unwrap()).collect();
        assert_eq!(calls, ["describe", "needs", "evaluate", "evaluate", "evaluate"]);
        assert_eq!(json[0]["fuel"]["limit"], 20_000_000);
        assert!(json[0].get("output_bytes").is_none() && json[2]["output_bytes"]["spent"] == 0, "{json}");
        assert_eq!(json[2]["memory_bytes"]["spent"], 64 << 10);
        let text = spending.text();
        assert!(text.contains("64 KiB (0.39 %)") && text.contains("evaluate: 100 instances"), "{text}");
        assert!(text.contains("evaluate: 3 instances, no reading there") && text.contains("abstains"), "{text}");
    }

    #[test]
    fn what_comes_close_to_a_limit_is_warned_of_by_its_name() {
        // Some 12 of 16 MiB, and a loop of about 15 of 20 million steps.
        let evaluate = "(local $left i32) (drop (memory.grow (i32.const 191))) (local.set $left (i32.const 2000000))
            (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) (i32.const 256)";
        let spending = spending(&Probe::evaluating(evaluate));
        let warnings = spending.warnings("compiled").join("\n");
        for word in ["sandbox.compiled.fuel", "sandbox.compiled.memory_bytes_max", "12,288 KiB of 16,384 KiB", "(75 %)"]
        {
            assert!(warnings.contains(word), "{word}: {warnings}");
        }
        assert!(spending.is_fine());
    }

    #[test]
    fn a_fault_is_told_and_is_not_fine() {
        let spending = spending(&Probe::evaluating("unreachable"));
        assert!(!spending.is_fine());
        assert!(spending.text().contains("it trapped: "), "{}", spending.text());
        assert_eq!(spending.json()[2]["faulted"], true);
    }
}
