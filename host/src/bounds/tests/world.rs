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

pub(super) type Kernel<'k> = &'k dyn Fn(&Question<'_>) -> Ruling;

/// One target and its host.
pub(super) struct World {
    dice: Dice,
    story: Story,
    born: u32,
}

/// Plays one history and tells what the kernel did wrong in it.
pub(super) fn play(seed: u64, kernel: Kernel<'_>) -> Result<(), String> {
    let mut world = World::new(seed);
    let mut checker = Checker::default();
    let turns = 3 + world.dice.below(9);
    for turn in 0..turns {
        world.happen();
        let question = world.question();
        let ruling = kernel(&question);
        let verdict = checker.judge(&question, &ruling);
        if let Err(wrong) = verdict {
            return Err(format!(
                "TRIMTAB_SEED={seed} turn {turn}: {wrong}\nruling: {ruling:?}\nvotes: {:?}\nsettings: {:?}\ngates: {:?}\n\
                 snapshot: {:?}",
                world.story.votes, world.story.settings, world.story.gates, world.story.snapshot
            ));
        }
        if turn == 0 && seed.is_multiple_of(8) && kernel(&question) != ruling {
            return Err(format!("TRIMTAB_SEED={seed}: the same question had two answers"));
        }
        world.act(&ruling);
    }
    Ok(())
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let desired = dice.below(14);
        let mut story = Story::of(desired);
        story.later(1_000_000_000);
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
        let victims = [crate::snapshot::VictimAbility::Exact, crate::snapshot::VictimAbility::None];
        story.snapshot.target.abilities.victims = dice.of(&[victims[0], victims[0], victims[0], victims[1]]);
        Self { dice, story, born: desired }
    }

    fn question(&self) -> Question<'_> {
        let Story { snapshot, settings, gates, past, votes } = &self.story;
        Question { snapshot, settings, votes, past, gates, key: "k1", lease_epoch: 1, lease_expires_ms: 2 }
    }

    /// Time goes on, things happen, policies answer.
    fn happen(&mut self) {
        let Self { dice, story, .. } = self;
        let ms = if dice.percent(5) { 100_000 } else { dice.of(&[5_000, 15_000, 15_000, 20_000]) };
        story.later(ms);
        if dice.percent(2) {
            story.snapshot.now_ms -= 600_000;
        }
        if dice.percent(6) {
            random_range(dice, &mut story.settings);
        }
        let now_ms = story.snapshot.now_ms;
        let gates = &mut story.gates;
        gates.freeze = dice.percent(4).then(Freeze::default);
        gates.pause = dice.percent(4).then(Pause::default);
        gates.conflict = if dice.percent(2) { vec!["x".to_owned()] } else { Vec::new() };
        gates.event_turn = dice.percent(8);
        gates.started = dice.percent(3);
        gates.clock_jumped = dice.percent(2);
        gates.budget = dice.percent(15).then(|| Budget { group: String::new(), left: dice.below(4) });
        gates.pin = dice.percent(5).then(|| Pin {
            replicas: dice.count(),
            by: String::new(),
            until_ms: dice.of(&[None, Some(now_ms), Some(now_ms + 1)]),
        });
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
        let disaster = dice.percent(4);
        for instance in &mut snapshot.instances {
            if disaster && dice.percent(70) {
                instance.phase = Phase::Lost;
            } else if dice.percent(6) {
                instance.phase =
                    dice.of(&[Phase::Ready, Phase::Unready, Phase::Failed, Phase::Stopped, Phase::Draining]);
            } else if dice.percent(30) {
                instance.phase = Phase::Ready;
            }
            instance.protected = dice.percent(4);
            instance.memory_peak_bytes =
                if dice.percent(1) { None } else { Some(u64::from(dice.below(12)) * 50 * MIB) };
        }
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

    fn vote(&mut self, slot: u32) -> Vote {
        let answer = match self.dice.below(20) {
            0 => refused(),
            1 => faulted(),
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
        match self.dice.below(12) {
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
    fn act(&mut self, ruling: &Ruling) {
        self.story.past = ruling.past.clone();
        let Some(decision) = &ruling.decision else { return };
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
            let deadline_ms = snapshot.now_ms + self.dice.of(&[10_000, 60_000]);
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
