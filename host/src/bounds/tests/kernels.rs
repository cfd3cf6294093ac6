//! The right kernel lives through random histories without a fault; each wrong one is caught.
//!
//! `TRIMTAB_LONG=1` plays a million histories, `TRIMTAB_SEED=n` only the one that failed.

use std::num::NonZero;
use std::ops::Range as Span;

use super::world::{Kernel, play};
use super::*;

const HISTORIES: u64 = 20_000;
const HISTORIES_LONG: u64 = 1_000_000;
const RIGHT: Kernel<'_> = Kernel { decide: &decide, repair: &repair };

fn hold_in(seeds: Span<u64>) {
    for seed in seeds {
        if let Err(wrong) = play(seed, RIGHT) {
            panic!("{wrong}");
        }
    }
}

#[test]
fn the_invariant_holds_in_random_histories() {
    match std::env::var("TRIMTAB_SEED").ok().and_then(|text| text.parse::<u64>().ok()) {
        Some(seed) => hold_in(seed..seed + 1),
        None => hold_in(0..HISTORIES),
    }
}

#[test]
fn long_the_invariant_holds_in_a_million_random_histories() {
    if std::env::var_os("TRIMTAB_LONG").is_none_or(|long| long != "1") {
        return;
    }
    let began = std::time::Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    std::thread::scope(|scope| {
        for part in 0..threads {
            scope.spawn(move || hold_in(HISTORIES_LONG * part / threads..HISTORIES_LONG * (part + 1) / threads));
        }
    });
    eprintln!("{HISTORIES_LONG} histories without a fault, in {:.0} s", began.elapsed().as_secs_f64());
}

/// What a wrong kernel sees in place of the question, and does to the ruling.
struct Wrong {
    name: &'static str,
    see: fn(&mut Story),
    say: fn(&Question<'_>, &mut Ruling),
    /// The same for repairs.
    see_repair: fn(&mut Story),
    say_repair: fn(&mut RepairRuling),
}

const NOT_WRONG: Wrong = Wrong { name: "", see: |_| (), say: |_, _| (), see_repair: |_| (), say_repair: |_| () };

fn sees(name: &'static str, see: fn(&mut Story)) -> Wrong {
    Wrong { name, see, ..NOT_WRONG }
}

fn says_wrong(name: &'static str, say: fn(&Question<'_>, &mut Ruling)) -> Wrong {
    Wrong { name, say, ..NOT_WRONG }
}

fn repairs_seeing(name: &'static str, see_repair: fn(&mut Story)) -> Wrong {
    Wrong { name, see_repair, ..NOT_WRONG }
}

fn repairs_saying(name: &'static str, say_repair: fn(&mut RepairRuling)) -> Wrong {
    Wrong { name, say_repair, ..NOT_WRONG }
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
    let mut all = wrong_deciders();
    all.extend(forgetful_kernels());
    all.extend(wrong_repairers());
    all
}

/// Kernels that are wrong about losses, clocks, ends of gates, restarts and absurd numbers.
fn forgetful_kernels() -> Vec<Wrong> {
    vec![
        sees("forgets at once who is lost", |story| story.past.clear_lost()),
        sees("knows no lost nodes", |story| story.snapshot.nodes.clear()),
        says_wrong("forgives those still lost when others recover", |q, ruling| {
            if q.past.too_many_lost().is_some() && ruling.past.too_many_lost().is_none() {
                ruling.past.clear_lost();
            }
        }),
        sees("takes half a list for a recovery", |story| {
            if !story.snapshot.inventory.is_complete() {
                story.past.clear_lost();
            }
        }),
        sees("takes an old sample for a new one", |story| {
            let now_ms = story.snapshot.now_ms;
            story.snapshot.readings[0].samples = Samples::one(now_ms, 1.0);
        }),
        sees("takes no sample for a new one", |story| {
            story.snapshot.readings.retain(|reading| !reading.samples.is_empty());
        }),
        sees("opens a freeze a moment early", |story| {
            let early = story.snapshot.now_ms + 1;
            story.gates.freeze = story.gates.freeze.take().filter(|freeze| freeze.until_ms != Some(early));
        }),
        sees("opens a pause a moment early", |story| {
            let early = story.snapshot.now_ms + 1;
            story.gates.pause = story.gates.pause.take().filter(|pause| pause.until_ms != Some(early));
        }),
        sees("forgets the past when it starts", |story| {
            if story.gates.started {
                story.past = Past::default();
            }
        }),
        sees("forgets the past when the clock is set", |story| {
            if story.snapshot.now_ms < story.past.now_ms() {
                story.past = Past::default();
            }
        }),
        sees("cuts absurd counts down to size", |story| {
            proposals(story, |proposal, _| {
                proposal.count = proposal.count.map(|count| count.min(1_000));
                proposal.at_least = proposal.at_least.map(|count| count.min(1_000));
            });
        }),
        sees("takes a coverage that is no number for none", |story| {
            if story.settings.coverage_min.is_nan() {
                story.settings.coverage_min = 0.0;
            }
        }),
        sees("takes a share lost that is no number for all", |story| {
            if story.settings.lost_share_max.is_nan() {
                story.settings.lost_share_max = 1.0;
            }
        }),
        sees("takes a step that is no number for none", |story| {
            for step in [&mut story.settings.step_up, &mut story.settings.step_down] {
                step.percent = step.percent.filter(|percent| !percent.is_nan());
            }
        }),
    ]
}

/// Kernels that decide rightly and repair wrongly.
fn wrong_repairers() -> Vec<Wrong> {
    vec![
        repairs_seeing("repairs through a freeze", |story| story.gates.freeze = None),
        repairs_seeing("repairs through a pause", |story| story.gates.pause = None),
        repairs_seeing("repairs in conflict", |story| story.gates.conflict.clear()),
        repairs_seeing("repairs in dry-run", |story| story.settings.mode = Mode::Act),
        repairs_seeing("repairs half a list", |story| story.snapshot.inventory = Inventory::Complete),
        repairs_seeing("repairs on events", |story| story.gates.event_turn = false),
        repairs_seeing("repairs what is on its way", |story| story.snapshot.in_flight = None),
        repairs_seeing("repairs past the range", |story| story.settings.replicas = Range { min: 0, max: 1_000 }),
        repairs_seeing("repairs without a pause", |story| story.past = Past::default()),
        repairs_seeing("repairs while many are lost", |story| story.settings.lost_share_max = 1.0),
        repairs_seeing("forgets whom it lost before it repairs", |story| story.past.clear_lost()),
        repairs_seeing("makes the lost anew", |story| {
            story.snapshot.instances.retain(|instance| instance.phase != Phase::Lost);
        }),
        repairs_seeing("sends the protected away", |story| {
            story.snapshot.instances.iter_mut().for_each(|instance| instance.protected = false);
        }),
        repairs_seeing("makes one more than desired", |story| story.snapshot.target.desired += 1),
        repairs_seeing("keeps one less than desired", |story| {
            story.snapshot.target.desired = story.snapshot.target.desired.saturating_sub(1);
        }),
        repairs_saying("repairs with strangers", |ruling| {
            if let Some(victim) = ruling.decision.as_mut().and_then(|decision| decision.victims.first_mut()) {
                *victim = "ghost".to_owned();
            }
        }),
        repairs_saying("sends one away twice", |ruling| {
            let victims = ruling.decision.as_mut().map(|decision| &mut decision.victims);
            if let Some((first, victims)) = victims.and_then(|all| all.first().cloned().zip(Some(all))) {
                victims.push(first);
            }
        }),
        repairs_saying("repairs in a policy's name", |ruling| {
            if let Some(decision) = &mut ruling.decision {
                decision.origin = Origin::Policy;
            }
        }),
        repairs_saying("sends the whole list away", |ruling| {
            if let Some(decision) = &mut ruling.decision {
                decision.victims = (0..64).map(|number| format!("i{number}")).collect();
            }
        }),
    ]
}

fn wrong_deciders() -> Vec<Wrong> {
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
        says_wrong("adds one", |_, ruling| {
            if let Some(change) = ruling.decision.as_mut().and_then(|decision| decision.replicas.as_mut()) {
                change.to = change.to.saturating_add(1);
            }
        }),
        says_wrong("sends strangers away", |_, ruling| {
            let decision = ruling.decision.as_mut().filter(|decision| !decision.victims.is_empty());
            if let Some(decision) = decision {
                decision.victims[0] = "ghost".to_owned();
            }
        }),
        says_wrong("restarts strangers", |_, ruling| {
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
        let decider = |q: &Question<'_>| {
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
            (wrong.say)(q, &mut ruling);
            ruling
        };
        let repairer = |q: &RepairQuestion<'_>| {
            let mut story = Story {
                snapshot: q.snapshot.clone(),
                settings: q.settings.clone(),
                gates: q.gates.clone(),
                past: q.past.clone(),
                votes: Vec::new(),
            };
            (wrong.see)(&mut story);
            (wrong.see_repair)(&mut story);
            let Story { snapshot, settings, gates, past, .. } = &story;
            // What it remembers is right: only what it does is wrong.
            let right = repair(q).past;
            let mut ruling = repair(&RepairQuestion { snapshot, settings, past, gates, ..*q });
            ruling.past = right;
            (wrong.say_repair)(&mut ruling);
            ruling
        };
        let kernel = Kernel { decide: &decider, repair: &repairer };
        match (0..HISTORIES).find_map(|seed| play(seed, kernel).err()) {
            None => free.push(wrong.name),
            Some(fault) => println!("{}: {}", wrong.name, fault.lines().next().unwrap_or_default()),
        }
    }
    assert!(free.is_empty(), "not caught: {free:?}");
}
