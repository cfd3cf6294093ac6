//! The right kernel lives through random histories without a fault; each wrong one is caught.
//!
//! `TRIMTAB_LONG=1` plays a million histories, `TRIMTAB_SEED=n` only the one that failed.

use super::world::play;
use super::*;

const HISTORIES: u64 = 20_000;
const HISTORIES_LONG: u64 = 1_000_000;

#[test]
fn the_invariant_holds_in_random_histories() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (number("TRIMTAB_SEED"), number("TRIMTAB_LONG")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(1)) => 0..HISTORIES_LONG,
        (None, _) => 0..HISTORIES,
    };
    for seed in seeds {
        if let Err(wrong) = play(seed, &decide) {
            panic!("{wrong}");
        }
    }
}

/// What a wrong kernel sees in place of the question, and does to the ruling.
struct Wrong {
    name: &'static str,
    see: fn(&mut Story),
    say: fn(&mut Ruling),
}

fn sees(name: &'static str, see: fn(&mut Story)) -> Wrong {
    Wrong { name, see, say: |_| () }
}

fn says_wrong(name: &'static str, say: fn(&mut Ruling)) -> Wrong {
    Wrong { name, see: |_| (), say }
}

fn answers(story: &mut Story, keep: fn(&VoteAnswer) -> bool) {
    story.votes.retain(|vote| keep(&vote.answer));
}

fn proposals(story: &mut Story, change: impl Fn(&mut Proposal, &Settings)) {
    for vote in &mut story.votes {
        if let VoteAnswer::Proposals(proposals) = &mut vote.answer {
            proposals.iter_mut().for_each(|proposal| change(proposal, &story.settings));
        }
    }
}

fn wrong_kernels() -> Vec<Wrong> {
    vec![
        sees("ignores steps", |story| {
            (story.settings.step_up, story.settings.step_down) = Default::default();
        }),
        sees("corrects in one leap", |story| {
            let Range { min, max } = story.settings.replicas;
            if !(min..=max).contains(&story.snapshot.target.desired) {
                (story.settings.step_up, story.settings.step_down) = Default::default();
            }
        }),
        sees("forgets windows of steps", |story| {
            story.settings.windows_up.clear();
            story.settings.windows_down.clear();
        }),
        sees("ignores the range", |story| story.settings.replicas = Range { min: 0, max: 1_000 }),
        sees("ignores the range of figures", |story| {
            story.settings.cpu_millis = Range { min: None, max: None };
        }),
        sees("lowers on faults", |story| answers(story, |answer| !matches!(answer, VoteAnswer::Faulted(_)))),
        sees("lowers on refusals", |story| answers(story, |answer| !matches!(answer, VoteAnswer::Refused(_)))),
        sees("lowers in quarantine", |story| {
            answers(story, |answer| !matches!(answer, VoteAnswer::Quarantined { .. }))
        }),
        sees("turns the cooldowns round", |story| {
            let Cooldown { up_ms, down_ms } = story.settings.cooldown;
            story.settings.cooldown = Cooldown { up_ms: down_ms, down_ms: up_ms };
        }),
        sees("turns the cooldowns of resizes round", |story| {
            let Cooldown { up_ms, down_ms } = story.settings.resize_cooldown;
            story.settings.resize_cooldown = Cooldown { up_ms: down_ms, down_ms: up_ms };
        }),
        sees("forgets the past", |story| story.past = Past::default()),
        sees("ignores budgets", |story| story.gates.budget = None),
        sees("ignores grants", |story| {
            story.votes.iter_mut().for_each(|vote| vote.granted = ALL_KINDS.to_vec());
        }),
        sees("ignores manifests", |story| {
            story.votes.iter_mut().for_each(|vote| vote.declared = ALL_KINDS.to_vec());
        }),
        sees("acts through a freeze", |story| story.gates.freeze = None),
        sees("acts through a pause", |story| story.gates.pause = None),
        sees("acts in conflict", |story| story.gates.conflict.clear()),
        sees("acts in dry-run", |story| story.settings.mode = Mode::Act),
        sees("believes half a list", |story| story.snapshot.inventory = Inventory::Complete),
        sees("ignores changes in flight", |story| story.snapshot.in_flight = None),
        sees("supersedes anything", |story| story.snapshot.target.abilities.supersede = true),
        sees("lowers on events", |story| story.gates.event_turn = false),
        sees("reads what is missing as fresh", |story| {
            story.snapshot.readings.iter_mut().for_each(|reading| reading.freshness = Freshness::Fresh);
        }),
        sees("clamps before it stabilizes", |story| {
            proposals(story, |proposal, settings| {
                let Range { min, max } = settings.replicas;
                proposal.count = proposal.count.map(|count| count.clamp(min, max));
            });
        }),
        sees("stabilizes nothing", |story| {
            (story.settings.stabilize_up_ms, story.settings.stabilize_down_ms) = (0, 0);
        }),
        sees("has no tolerance", |story| story.settings.tolerance = 0.0),
        sees("takes the lowest for the highest", |story| {
            if story.settings.combine == Combine::Max {
                story.settings.combine = Combine::Min;
            }
        }),
        sees("splits groups", |story| proposals(story, |proposal, _| proposal.group = 0)),
        sees("spares nobody", |story| {
            story.snapshot.instances.iter_mut().for_each(|instance| instance.protected = false);
        }),
        sees("forgets the peak of memory", |story| {
            story.snapshot.instances.iter_mut().for_each(|instance| instance.memory_peak_bytes = Some(1));
        }),
        sees("resizes without steps", |story| story.settings.resize_step = Range { min: None, max: None }),
        sees("goes on while many are lost", |story| story.settings.lost_share_max = 1.0),
        sees("takes all away at once", |story| story.settings.unavailable_max = 99),
        sees("leaves none ready", |story| story.settings.ready_min = 0),
        sees("restarts without a rate", |story| story.settings.actions_max.limit = StepLimit::default()),
        sees("trusts a clock that was set", |story| story.gates.clock_jumped = false),
        sees("knows no fallback time", |story| {
            if let Some(fallback) = &mut story.settings.fallback {
                fallback.after_ms = 0;
            }
        }),
        says_wrong("adds one", |ruling| {
            if let Some(change) = ruling.decision.as_mut().and_then(|decision| decision.replicas.as_mut()) {
                change.to = change.to.saturating_add(1);
            }
        }),
        says_wrong("sends strangers away", |ruling| {
            let decision = ruling.decision.as_mut().filter(|decision| !decision.victims.is_empty());
            if let Some(decision) = decision {
                decision.victims[0] = "ghost".to_owned();
            }
        }),
        says_wrong("restarts strangers", |ruling| {
            let decision = ruling.decision.as_mut().filter(|decision| !decision.actions.is_empty());
            if let Some(decision) = decision {
                decision.actions[0].instance = "ghost".to_owned();
            }
        }),
    ]
}

#[test]
fn every_wrong_kernel_is_caught() {
    let mut free = Vec::new();
    for wrong in wrong_kernels() {
        let kernel = |q: &Question<'_>| {
            let mut story = Story {
                snapshot: q.snapshot.clone(),
                settings: q.settings.clone(),
                gates: q.gates.clone(),
                past: q.past.clone(),
                votes: q.votes.to_vec(),
            };
            (wrong.see)(&mut story);
            let Story { snapshot, settings, gates, past, votes } = &story;
            let mut ruling = decide(&Question { snapshot, settings, votes, past, gates, ..*q });
            (wrong.say)(&mut ruling);
            ruling
        };
        if (0..HISTORIES).all(|seed| play(seed, &kernel).is_ok()) {
            free.push(wrong.name);
        }
    }
    assert!(free.is_empty(), "not caught: {free:?}");
}
