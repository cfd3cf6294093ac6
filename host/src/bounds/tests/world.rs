//! Random histories: a target lives through turns with faults, gates, jumps of the clock and bounds that change, and a kernel
//! decides. Small numbers, so that bounds are met often; a plain generator, so that a million histories are minutes.

use super::invariant::Checker;
use super::*;

/// xorshift64*: <https://doi.org/10.1145/2845077>.
pub(super) struct Dice(u64);

impl Dice {
    /// Neighbouring seeds are spread by the finisher of splitmix64.
    pub(super) fn new(seed: u64) -> Self {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((z ^ (z >> 31)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(super) fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end)) as u32
    }

    fn percent(&mut self, share: u32) -> bool {
        self.below(100) < share
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    /// Mostly small, now and then hostile.
    fn count(&mut self) -> u32 {
        if self.percent(3) { self.of(&[u32::MAX, u32::MAX - 1, 1 << 31, 0]) } else { self.below(16) }
    }

    fn millis(&mut self) -> u64 {
        if self.percent(3) { self.of(&[u64::MAX, 0, 1]) } else { u64::from(self.below(25)) * 100 + 7 }
    }

    fn mib(&mut self) -> u64 {
        if self.percent(3) { self.of(&[u64::MAX / MIB, 0, 1]) } else { u64::from(self.below(20)) * 50 }
    }
}

/// What decides.
#[derive(Clone, Copy)]
pub(super) struct Kernel<'k> {
    pub(super) decide: &'k dyn Fn(&Question<'_>) -> Ruling,
    pub(super) repair: &'k dyn Fn(&RepairQuestion<'_>) -> RepairRuling,
}

/// One target and its host.
pub(super) struct World {
    dice: Dice,
    story: Story,
    born: u32,
    /// The backend keeps no desired count: the host repairs.
    repairs: bool,
}

/// Plays one history and tells what the kernel did wrong in it.
pub(super) fn play(seed: u64, kernel: Kernel<'_>) -> Result<(), String> {
    let mut world = World::new(seed);
    let mut checker = Checker::default();
    let turns = 3 + world.dice.below(9);
    for turn in 0..turns {
        world.happen();
        let Story { snapshot, settings, gates, .. } = &world.story;
        checker.begin(snapshot, settings, gates);
        if let Err((wrong, ruling)) = world.turn(kernel, &mut checker) {
            return Err(format!(
                "TRIMTAB_SEED={seed} turn {turn}: {wrong}\nruling: {ruling}\nvotes: {:?}\nsettings: {:?}\ngates: {:?}\n\
                 snapshot: {:?}",
                world.story.votes, world.story.settings, world.story.gates, world.story.snapshot
            ));
        }
        if turn == 0 && seed.is_multiple_of(8) {
            let question = world.question();
            // As text, in which a restraint that names no number equals itself.
            let answer = || format!("{:?}", (kernel.decide)(&question));
            if answer() != answer() {
                return Err(format!("TRIMTAB_SEED={seed}: the same question had two answers"));
            }
        }
    }
    Ok(())
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let desired = dice.below(14);
        let mut story = Story::of(desired);
        story.snapshot.now_ms = 1_000_000_000;
        let settings = &mut story.settings;
        random_range(&mut dice, settings);
        settings.tolerance = dice.of(&[0.0, 0.0, 0.1, 0.25]);
        settings.combine = dice.of(&[Combine::Max, Combine::Min, Combine::Mean, Combine::Median, Combine::First]);
        settings.stabilize_up_ms = dice.of(&[0, 0, 30_000]);
        settings.stabilize_down_ms = dice.of(&[0, 20_000, 45_000]);
        settings.step_up = random_step(&mut dice);
        settings.step_down = random_step(&mut dice);
        for windows in [&mut settings.windows_up, &mut settings.windows_down] {
            for _ in 0..dice.of(&[0, 0, 1, 2]) {
                windows.push(Window { window_ms: dice.of(&[20_000, 60_000]), limit: random_step(&mut dice) });
            }
        }
        settings.cooldown = Cooldown { up_ms: dice.of(&[0, 0, 20_000]), down_ms: dice.of(&[0, 0, 40_000]) };
        settings.resize_cooldown = Cooldown { up_ms: dice.of(&[0, 20_000]), down_ms: dice.of(&[0, 40_000]) };
        settings.resize_step = Range { min: dice.of(&[None, Some(0.2)]), max: dice.of(&[None, Some(0.3)]) };
        settings.cpu_step_millis = dice.of(&[1, 1, 50]);
        settings.memory_step_bytes = dice.of(&[1, MIB, 16 * MIB]);
        settings.unavailable_max = 1 + dice.below(3);
        settings.ready_min = dice.below(3);
        let limit = StepLimit { count: Some(1 + dice.below(4)), percent: None };
        settings.actions_max = Window { window_ms: 45_000, limit };
        let after_ms = 20_000;
        settings.fallback = match dice.below(8) {
            0 => Some(Fallback { after_ms, behavior: Behavior::Hold }),
            1 => Some(Fallback { after_ms, behavior: Behavior::IfHigher(dice.below(16)) }),
            2 => Some(Fallback { after_ms, behavior: Behavior::Fixed(dice.below(16)) }),
            _ => None,
        };
        settings.mode = dice.of(&[Mode::Act, Mode::Act, Mode::Act, Mode::Act, Mode::RaiseOnly, Mode::DryRun]);
        story.gates.gap_ms_max = dice.of(&[None, Some(60_000)]);
        story.snapshot.target.abilities.supersede = dice.percent(70);
        story.snapshot.nodes = (0..dice.of(&[0, 4])).map(node).collect();
        let victims = [crate::snapshot::VictimAbility::Exact, crate::snapshot::VictimAbility::None];
        story.snapshot.target.abilities.victims = dice.of(&[victims[0], victims[0], victims[0], victims[1]]);
        if dice.percent(3) {
            hostile_settings(&mut dice, &mut story.settings);
        }
        story.settings.lost_window_ms = dice.of(&[30_000, 300_000]);
        let repairs = dice.percent(50);
        Self { dice, story, born: desired, repairs }
    }

    fn question(&self) -> Question<'_> {
        let Story { snapshot, settings, gates, past, votes } = &self.story;
        Question { snapshot, settings, votes, past, gates, key: "k1", lease_epoch: 1, lease_expires_ms: 2 }
    }

    fn repair_question(&self) -> RepairQuestion<'_> {
        let Story { snapshot, settings, gates, past, .. } = &self.story;
        RepairQuestion { snapshot, settings, past, gates, key: "k1", lease_epoch: 1, lease_expires_ms: 2 }
    }

    /// One turn as the cycle has it: first the repair, then the policies' wishes; a raise covers the repair, else the repair
    /// goes first, and the wish is taken back.
    fn turn(&mut self, kernel: Kernel<'_>, checker: &mut Checker) -> Result<(), (&'static str, String)> {
        let mut repaired = None;
        if self.repairs {
            let question = self.repair_question();
            let ruling = (kernel.repair)(&question);
            checker.judge_repair(&question, &ruling).map_err(|wrong| (wrong, format!("{ruling:?}")))?;
            self.story.past = ruling.past;
            repaired = ruling.decision;
        }
        let question = self.question();
        let ruling = (kernel.decide)(&question);
        checker.judge(&question, &ruling).map_err(|wrong| (wrong, format!("{ruling:?}")))?;
        self.story.past = ruling.past;
        let now_ms = self.story.snapshot.now_ms;
        if ruling.decision.as_ref().and_then(Decision::replicas).is_some_and(|change| change.to > change.from) {
            repaired = None;
        }
        // Now and then a change is begun while another runs: that one is cancelled first, and this one decided anew.
        let superseded = self.dice.percent(3);
        if ruling.decision.is_some() && (repaired.is_some() || superseded) {
            self.story.past.undone(now_ms);
            checker.undone();
        }
        // Now and then the host is killed between record and act: what it decided counts, and nothing is done.
        let killed = self.dice.percent(3);
        match (superseded || killed, repaired, ruling.decision) {
            (true, ..) | (_, None, None) => {}
            (_, Some(decision), _) => self.mend(&decision),
            (_, None, Some(decision)) => self.act(&decision),
        }
        Ok(())
    }

    /// Time goes on, things happen, policies answer.
    fn happen(&mut self) {
        let Self { dice, story, .. } = self;
        let ms = if dice.percent(5) { 100_000 } else { dice.of(&[5_000, 15_000, 15_000, 20_000]) };
        let now_ms = &mut story.snapshot.now_ms;
        *now_ms += ms;
        if dice.percent(2) {
            *now_ms = dice.of(&[*now_ms - 600_000, *now_ms - 700, now_ms.saturating_add(1 << 40), u64::MAX >> 1]);
        }
        if dice.percent(6) {
            random_range(dice, &mut story.settings);
        }
        let now_ms = story.snapshot.now_ms;
        let gates = &mut story.gates;
        gates.freeze = dice.percent(4).then(|| Freeze { until_ms: ends(dice, now_ms), ..Freeze::default() });
        gates.pause = dice.percent(4).then(|| Pause { until_ms: ends(dice, now_ms), ..Pause::default() });
        gates.conflict = if dice.percent(2) { vec!["x".to_owned()] } else { Vec::new() };
        gates.event_turn = dice.percent(8);
        gates.started = dice.percent(3);
        gates.clock_jumped = dice.percent(2);
        gates.budget = dice.percent(15).then(|| Budget { group: String::new(), left: dice.below(4) });
        gates.pin =
            dice.percent(5).then(|| Pin { replicas: dice.count(), by: String::new(), until_ms: ends(dice, now_ms) });
        if gates.started {
            // What a host that starts knows of the past is what it had stored.
            story.past = serde_json::from_str(&serde_json::to_string(&story.past).unwrap()).unwrap();
        }
        self.world_changes();
        let lone = self.dice.percent(12);
        self.story.votes =
            if lone { vec![self.group()] } else { (0..self.dice.below(4)).map(|slot| self.vote(slot)).collect() };
    }

    fn world_changes(&mut self) {
        let Self { dice, story, .. } = self;
        let snapshot = &mut story.snapshot;
        snapshot.inventory = match dice.below(30) {
            0 => Inventory::Partial { why: String::new() },
            1 => Inventory::SuddenlyEmpty { before: 3 },
            _ => Inventory::Complete,
        };
        if snapshot.in_flight.is_some() && dice.percent(50) {
            snapshot.in_flight = None;
        }
        snapshot.readings.truncate(1);
        snapshot.readings[0].freshness = if dice.percent(8) { Freshness::Stale } else { Freshness::Fresh };
        snapshot.readings[0].samples = samples(dice, snapshot.now_ms);
        let flood = dice.percent(2);
        snapshot.nodes.iter_mut().for_each(|node| node.ready = !(dice.percent(2) || (flood && dice.percent(70))));
        let disaster = dice.percent(4);
        for instance in &mut snapshot.instances {
            if disaster && dice.percent(70) {
                instance.phase = Phase::Lost;
            } else if dice.percent(6) {
                instance.phase = dice.of(&[
                    Phase::Ready,
                    Phase::Unready,
                    Phase::Failed,
                    Phase::Lost,
                    Phase::Stopped,
                    Phase::Draining,
                ]);
            } else if dice.percent(30) {
                instance.phase = Phase::Ready;
            }
            instance.protected = dice.percent(4);
            instance.memory_peak_bytes =
                if dice.percent(1) { None } else { Some(u64::from(dice.below(12)) * 50 * MIB) };
        }
        if self.repairs {
            self.backend_drifts();
        }
        let Self { dice, story, .. } = self;
        let snapshot = &mut story.snapshot;
        if dice.percent(25) {
            let missing = dice.of(&[0, 0, 10, 40]);
            let rows = snapshot.instances.iter().map(|instance| Reading {
                subject: Subject::Instance,
                owner: Some(instance.id.clone()),
                freshness: if dice.percent(missing) { Freshness::Absent } else { Freshness::Fresh },
                ..reading("cpu")
            });
            let rows: Vec<Reading> = rows.collect();
            snapshot.readings.extend(rows);
        }
    }

    /// A backend that keeps no count: instances vanish, come from nowhere, start, and stop half-way.
    fn backend_drifts(&mut self) {
        let Self { dice, story, born, .. } = self;
        let instances = &mut story.snapshot.instances;
        instances.retain(|_| !dice.percent(2));
        for _ in 0..dice.of(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 3]) {
            instances.push(instance(*born));
            *born += 1;
        }
        for instance in instances {
            if dice.percent(3) {
                instance.phase = dice.of(&[Phase::Unknown, Phase::Pending, Phase::Starting, Phase::Stopping]);
            }
            if dice.percent(10) {
                instance.made_by = dice.percent(70).then(|| "k0".to_owned());
            }
        }
    }

    fn vote(&mut self, slot: u32) -> Vote {
        let answer = match self.dice.below(20) {
            0 => refused(),
            1 => any_fault(&mut self.dice),
            2 => quarantined(),
            3 => VoteAnswer::Refused(Refusal { kind: RefusalKind::NotApplicable, text: String::new() }),
            4 => VoteAnswer::Proposals(Vec::new()),
            _ => VoteAnswer::Proposals((0..1 + self.dice.below(2)).map(|_| self.proposal()).collect()),
        };
        let mut vote = vote(["a", "b", "c", "d"][slot as usize], answer);
        self.withhold_grants(&mut vote);
        vote
    }

    fn withhold_grants(&mut self, vote: &mut Vote) {
        if self.dice.percent(8) {
            vote.granted.retain(|_| self.dice.percent(50));
        }
        if self.dice.percent(4) {
            vote.declared.retain(|_| self.dice.percent(50));
        }
    }

    /// A lone policy whose proposals are one group.
    fn group(&mut self) -> Vote {
        let count = self.dice.count();
        let proposals = [scale(count), self.resize_wish()];
        let grouped = proposals.map(|proposal| Proposal { group: 7, ..proposal });
        let mut vote = says(grouped.to_vec());
        self.withhold_grants(&mut vote);
        vote
    }

    fn proposal(&mut self) -> Proposal {
        let count = self.dice.count();
        match self.dice.below(13) {
            12 => self.odd_proposal(),
            0 => Proposal::default(),
            1 => Proposal { count: None, at_least: Some(count), ..scale(0) },
            2 => Proposal { count: None, at_most: Some(count), ..scale(0) },
            3 | 4 => self.resize_wish(),
            5 => {
                let kinds = [ProposalKind::Restart, ProposalKind::Replace, ProposalKind::Remove, ProposalKind::Start];
                let kind = kinds[self.dice.below(4) as usize].clone();
                let ids: Vec<String> = (0..2).map(|_| format!("i{}", self.dice.below(self.born + 2))).collect();
                act(kind, &[&ids[0], &ids[1]])
            }
            _ => Proposal { instances: vec![format!("i{}", self.dice.below(self.born + 2))], ..scale(count) },
        }
    }

    /// What no sensible policy asks for, or seldom.
    fn odd_proposal(&mut self) -> Proposal {
        let count = self.dice.count();
        let everyone: Vec<String> = (0..300).map(|number| format!("i{number}")).collect();
        let kinds = [ProposalKind::Redeploy, ProposalKind::Replace, ProposalKind::Remove, ProposalKind::Scale];
        let kind = kinds[self.dice.below(4) as usize].clone();
        let twice = Proposal { instances: vec!["i0".to_owned(); 3], ..scale(count) };
        match self.dice.below(6) {
            0 => Proposal { kind: ProposalKind::Redeploy, ..Proposal::default() },
            1 => Proposal { kind: ProposalKind::Other("explode".to_owned()), ..scale(count) },
            2 => Proposal { kind, instances: everyone, ..Proposal::default() },
            3 => Proposal { at_least: Some(count), at_most: Some(self.dice.count()), ..scale(count) },
            4 => Proposal { kind: ProposalKind::Resize, size_class: "huge".to_owned(), ..Proposal::default() },
            _ => twice,
        }
    }

    fn resize_wish(&mut self) -> Proposal {
        let dice = &mut self.dice;
        let mut any = || Resources {
            cpu_millis: dice.percent(50).then(|| dice.millis()),
            memory_bytes: dice.percent(50).then(|| dice.mib() * MIB),
        };
        let requests = any();
        resize(requests, any())
    }

    /// The backend does what was decided: mostly at once, sometimes slowly, sometimes not at all.
    fn act(&mut self, decision: &Decision) {
        let snapshot = &mut self.story.snapshot;
        for done in &decision.resize {
            let container = &mut snapshot.target.containers[0];
            for (now, new) in [(&mut container.requests, done.requests), (&mut container.limits, done.limits)] {
                now.cpu_millis = new.cpu_millis.or(now.cpu_millis);
                now.memory_bytes = new.memory_bytes.or(now.memory_bytes);
            }
        }
        let Some(CountChange { from, to }) = decision.replicas else { return };
        // A wrong kernel may ask for any number; the world does not make so many.
        let to = to.min(64);
        snapshot.target.desired = to;
        if self.dice.percent(20) {
            let now_ms = snapshot.now_ms;
            let deadline_ms = self.dice.of(&[now_ms + 10_000, now_ms + 60_000, 0, u64::MAX]);
            let since_ms = snapshot.now_ms;
            snapshot.in_flight = Some(crate::snapshot::InFlight { since_ms, ..in_flight(from, to, deadline_ms) });
        }
        snapshot.instances.retain(|instance| !decision.victims.contains(&instance.id));
        snapshot.instances.truncate(to as usize);
        while snapshot.instances.len() < to as usize {
            snapshot.instances.push(instance(self.born));
            self.born += 1;
        }
    }

    /// The same for a repair: mostly it succeeds, sometimes new ones start for ever or are not made at all.
    fn mend(&mut self, decision: &Decision) {
        let Some(CountChange { from, to }) = decision.replicas else { return };
        let instances = &mut self.story.snapshot.instances;
        instances.retain(|instance| !decision.victims.contains(&instance.id));
        if self.dice.percent(25) {
            return;
        }
        for _ in from..to.min(64) {
            let phase = if self.dice.percent(80) { Phase::Ready } else { Phase::Starting };
            instances.push(Instance { phase, made_by: Some("k1".to_owned()), ..instance(self.born) });
            self.born += 1;
        }
    }
}

/// When a gate opens by itself: never, just now, in a moment, at the end of time.
fn ends(dice: &mut Dice, now_ms: u64) -> Option<u64> {
    dice.of(&[None, Some(now_ms), Some(now_ms + 1), Some(0), Some(u64::MAX)])
}

/// What a reading brings: mostly a sample of now; also old ones, ones from the future, what is no number, and nothing.
fn samples(dice: &mut Dice, now_ms: u64) -> Samples {
    let value = dice.of(&[1.0, 0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -f64::MAX]);
    match dice.below(20) {
        0 => Samples::default(),
        1 | 2 => Samples::one(now_ms - 30_000, value),
        3 => Samples::one(dice.of(&[0, now_ms + 1, u64::MAX]), value),
        _ => Samples::one(now_ms, value),
    }
}

fn any_fault(dice: &mut Dice) -> VoteAnswer {
    let what = || "unreachable".to_owned();
    VoteAnswer::Faulted(match dice.below(7) {
        0 => Fault::Timeout { deadline_ms: 7 },
        1 => Fault::OutOfMemory { what: what(), limit: 7 },
        2 => Fault::StackOverflow,
        3 => Fault::Trap { what: what() },
        4 => Fault::BoundaryBudget { what: what() },
        5 => Fault::BadOutput { what: what() },
        _ => Fault::OutOfFuel { fuel: 7 },
    })
}

/// Settings that no configuration lets through: what is no number must not loosen anything, and nothing may overflow.
fn hostile_settings(dice: &mut Dice, settings: &mut Settings) {
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300, f64::MIN_POSITIVE];
    let mut number = || dice.of(&numbers);
    settings.coverage_min = number();
    settings.lost_share_max = number();
    settings.memory_peak_margin = number();
    settings.tolerance = number();
    settings.step_up.percent = Some(number());
    settings.step_down.percent = Some(number());
    settings.resize_step = Range { min: Some(number()), max: Some(number()) };
    for window in settings.windows_up.iter_mut().chain(&mut settings.windows_down) {
        window.limit.percent = Some(number());
        window.window_ms = u64::MAX;
    }
    settings.cooldown = Cooldown { up_ms: dice.of(&[0, u64::MAX]), down_ms: dice.of(&[0, u64::MAX]) };
}

fn random_range(dice: &mut Dice, settings: &mut Settings) {
    let min = dice.below(6);
    settings.replicas = Range { min, max: min + dice.below(10) };
    settings.cpu_millis = Range { min: dice.of(&[None, Some(220)]), max: dice.of(&[None, Some(1_330), Some(2_000)]) };
    settings.memory_bytes = Range { min: dice.of(&[None, Some(64 * MIB)]), max: dice.of(&[None, Some(700 * MIB)]) };
}

fn random_step(dice: &mut Dice) -> StepLimit {
    StepLimit {
        count: dice.percent(50).then(|| 1 + dice.below(4)),
        percent: dice.percent(30).then(|| dice.of(&[10.0, 33.4, 100.0, 200.0])),
    }
}
