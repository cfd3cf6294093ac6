//! The words of a story.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write as _};

use super::{Again, Part, Story};
use crate::audit::record::{Decided, Evaluation, Record, Run, Slot, StepEntry, Trigger};
use crate::audit::{Closing, Turn};
use crate::bounds::{Mode, Travel};
use crate::drivers::{Step, StepEnd};
use crate::policy::{AttrValue, Proposal, ProposalKind, Verdict};
use crate::quantity::{CpuMillis, MemoryBytes};
use crate::snapshot::{Freshness, Instance, Inventory, Reading, Resources, Samples, Snapshot};

/// Instances shown one by one.
const INSTANCES_SHOWN_MAX: usize = 20;

impl Display for Story<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            match part {
                Part::Turn(turn) => tell_turn(f, turn, self.in_full)?,
                Part::Again(again) => tell_again(f, again)?,
                Part::Quiet(run) => tell_run(f, run)?,
                Part::Note(note) => writeln!(f, "{}  note: {}", time(note.at_ms), plain(&note.text))?,
                Part::NotRecorded { at_ms, entries, why } => {
                    writeln!(f, "{}  not recorded ({entries} entries): {}", time(*at_ms), plain(why))?;
                }
            }
        }
        Ok(())
    }
}

fn tell_run(f: &mut Formatter<'_>, run: &Run) -> fmt::Result {
    if run.turns == 1 {
        write!(f, "{}  nothing done", time(run.from_ms))?;
    } else {
        write!(f, "{} to {}  nothing done in {} turns", time(run.from_ms), time(run.to_ms), run.turns)?;
    }
    writeln!(f, ", {} replicas: {}", run.replicas, plain(&run.why))
}

fn tell_again(f: &mut Formatter<'_>, again: &Again) -> fmt::Result {
    let turns = if again.turns == 1 { "turn".to_owned() } else { format!("{} turns", again.turns) };
    writeln!(f, "{} to {}  the same in {turns} more", time(again.from_ms), time(again.to_ms))
}

fn tell_turn(f: &mut Formatter<'_>, turn: &Turn, in_full: bool) -> fmt::Result {
    let record = &turn.record;
    writeln!(f, "{}  turn {} of {}, {}", time(record.at_ms), record.turn, record.target, trigger(&record.trigger))?;
    writeln!(f, "  record {}, binding {}{}", record.id, plain(&record.binding), mode(record.mode))?;
    tell_facts(f, &record.snapshot, in_full)?;
    for slot in &record.slots {
        tell_slot(f, slot)?;
    }
    tell_ruling(f, record)?;
    if let Some(decided) = &record.ruling.decision {
        tell_decided(f, "decided", decided)?;
    }
    if let Some(withheld) = &record.ruling.withheld {
        tell_decided(f, "would have been decided", withheld)?;
    }
    for step in &turn.steps {
        tell_step(f, step)?;
    }
    match &turn.closing {
        Some(closing) => tell_closing(f, closing),
        None if record.acts() => writeln!(f, "  outcome: not known yet"),
        None => Ok(()),
    }
}

fn tell_facts(f: &mut Formatter<'_>, snapshot: &Snapshot, in_full: bool) -> fmt::Result {
    let target = &snapshot.target;
    write!(f, "  replicas: {} desired, {} there, {} ready", target.desired, target.total, target.ready)?;
    writeln!(f, "; bounds {} to {}", target.limits.replicas_min, target.limits.replicas_max)?;
    match &snapshot.inventory {
        Inventory::Complete => {}
        Inventory::Partial { why } => writeln!(f, "  the backend's list is partial: {}", plain(why))?,
        Inventory::SuddenlyEmpty { before } => writeln!(f, "  the backend's list is suddenly empty, of {before}")?,
    }
    if let Some(flight) = &snapshot.in_flight {
        let (from, to) = (flight.from_count, flight.to_count);
        let stuck = if flight.is_stuck(snapshot.now_ms) { ", stuck" } else { "" };
        let (kind, since) = (plain(&flight.kind), time(flight.since_ms));
        writeln!(f, "  in flight: {kind} from {from} to {to} since {since}{stuck}")?;
    }
    tell_instances(f, &snapshot.instances, in_full)?;
    snapshot.readings.iter().try_for_each(|reading| tell_reading(f, reading))
}

/// One by one where the turn is told in full, else in a line.
fn tell_instances(f: &mut Formatter<'_>, instances: &[Instance], in_full: bool) -> fmt::Result {
    if !in_full {
        return tell_instances_briefly(f, instances);
    }
    for instance in instances.iter().take(INSTANCES_SHOWN_MAX) {
        let usage = resources(&instance.usage.rounded());
        writeln!(f, "  instance {}: {}{usage}", plain(&instance.id), phase(instance))?;
    }
    match instances.len().saturating_sub(INSTANCES_SHOWN_MAX) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} instances more"),
    }
}

fn tell_instances_briefly(f: &mut Formatter<'_>, instances: &[Instance]) -> fmt::Result {
    if instances.is_empty() {
        return Ok(());
    }
    let mut phases: BTreeMap<String, usize> = BTreeMap::new();
    for instance in instances {
        *phases.entry(phase(instance)).or_default() += 1;
    }
    let phases: Vec<String> = phases.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
    let mut words = format!("  instances: {}", phases.join(", "));
    let span = |figures: Vec<u64>| Some((*figures.iter().min()?, *figures.iter().max()?));
    let usage = || instances.iter().map(|instance| instance.usage.rounded());
    if let Some((least, most)) = span(usage().filter_map(|usage| usage.cpu_millis).collect()) {
        let _ = write!(words, "; cpu {}", between(&CpuMillis(least), &CpuMillis(most)));
    }
    if let Some((least, most)) = span(usage().filter_map(|usage| usage.memory_bytes).collect()) {
        let _ = write!(words, "; memory {}", between(&MemoryBytes(least), &MemoryBytes(most)));
    }
    writeln!(f, "{words}")
}

fn between<Q: PartialEq + Display>(least: &Q, most: &Q) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

fn phase(instance: &Instance) -> String {
    format!("{:?}", instance.phase).to_lowercase()
}

fn tell_reading(f: &mut Formatter<'_>, reading: &Reading) -> fmt::Result {
    write!(f, "  reading {}", plain(&reading.name))?;
    if let Some(owner) = &reading.owner {
        write!(f, " of {} {}", reading.subject, plain(owner))?;
    }
    match (&reading.samples, reading.latest_ms()) {
        (Samples::Numbers { values, .. }, Some(at_ms)) => {
            let latest = values.last().copied().unwrap_or(f64::NAN);
            write!(f, ": {}{} at {}", figure(latest), unit(&reading.unit), time(at_ms))?;
        }
        (Samples::Texts { texts, .. }, Some(at_ms)) => {
            write!(f, ": {:?} at {}", texts.last().map_or("", String::as_str), time(at_ms))?;
        }
        (_, None) => write!(f, ": absent")?,
    }
    if reading.samples.len() > 1 {
        write!(f, ", newest of {}", reading.samples.len())?;
    }
    if reading.freshness == Freshness::Stale {
        write!(f, ", stale")?;
    }
    match reading.absent_as {
        Some(value) => writeln!(f, ", taken as {value} by the operator's word"),
        None => writeln!(f),
    }
}

fn tell_slot(f: &mut Formatter<'_>, slot: &Slot) -> fmt::Result {
    let digest: String = slot.policy.digest.chars().take(12).collect();
    let role = if slot.shadow { "shadow" } else { "policy" };
    let (name, version) = (plain(&slot.policy.name), plain(&slot.policy.version));
    write!(f, "  {role} {} ({name} {version}, {digest}) ", plain(&slot.slot))?;
    match &slot.evaluation {
        Evaluation::Answered(answer) => {
            match &answer.verdict {
                Verdict::Proposals(proposals) if proposals.is_empty() => writeln!(f, "asks for nothing")?,
                Verdict::Proposals(proposals) => {
                    let asked: Vec<_> = proposals.iter().map(proposal).collect();
                    writeln!(f, "asks to {}", asked.join("; to "))?;
                }
                Verdict::Refused(refusal) => {
                    writeln!(f, "declines ({}): {}", plain(refusal.kind.as_str()), plain(&refusal.text))?;
                }
            }
            answer.notes.iter().try_for_each(|note| writeln!(f, "    note: {}", plain(note)))?;
            answer.attrs.iter().try_for_each(|(name, value)| writeln!(f, "    {}: {}", plain(name), attr(value)))
        }
        Evaluation::Faulted(fault) => writeln!(f, "{}", plain(&fault.to_string())),
        Evaluation::Quarantined { until_ms: Some(until_ms) } => {
            writeln!(f, "is in quarantine until {}", time(*until_ms))
        }
        Evaluation::Quarantined { until_ms: None } => writeln!(f, "is in quarantine until a person or a new version"),
    }
}

fn tell_ruling(f: &mut Formatter<'_>, record: &Record) -> fmt::Result {
    let ruling = &record.ruling;
    for travel in ruling.travels.iter().filter(|travel| travel.wish.is_some()) {
        tell_travel(f, travel)?;
    }
    for restraint in &ruling.restraints {
        writeln!(f, "  restraint: {}", plain(&restraint.to_string()))?;
    }
    match ruling.quiet {
        Some(quiet) => writeln!(f, "  nothing done: {}", quiet),
        None => Ok(()),
    }
}

fn tell_travel(f: &mut Formatter<'_>, travel: &Travel) -> fmt::Result {
    let number = |number: Option<u64>| number.map_or_else(|| "not known".to_owned(), |number| number.to_string());
    write!(f, "  {}: {} now, {} wished", travel.what, number(travel.present), number(travel.wish))?;
    for (stage, value) in &travel.stages {
        write!(f, ", {value} after {}", format!("{stage:?}").to_lowercase())?;
    }
    writeln!(f, ", {} in the end", number(travel.to))
}

fn tell_decided(f: &mut Formatter<'_>, verb: &str, decided: &Decided) -> fmt::Result {
    let mut parts = Vec::new();
    if let Some((from, to)) = decided.replicas {
        parts.push(format!("replicas from {from} to {to}"));
    }
    if !decided.victims.is_empty() {
        parts.push(format!("removing {}", plain(&decided.victims.join(", "))));
    }
    for change in &decided.resize {
        let (requests, limits) = (resources(&change.requests), resources(&change.limits));
        let requests = if requests.is_empty() { requests } else { format!(" requests{requests}") };
        let limits = if limits.is_empty() { limits } else { format!(" limits{limits}") };
        parts.push(format!("container {}{requests}{limits}", plain(&change.container)));
    }
    if let Some(size) = &decided.size_class {
        parts.push(format!("size {}", plain(size)));
    }
    for action in &decided.actions {
        parts.push(format!("{} {}", action.kind, plain(&action.instance)));
    }
    writeln!(f, "  {verb} ({}): {}: {}", decided.origin, parts.join("; "), plain(&decided.reason))
}

fn tell_step(f: &mut Formatter<'_>, entry: &StepEntry) -> fmt::Result {
    let Some(result) = &entry.result else { return Ok(()) };
    write!(f, "  {}  {}: ", time(entry.at_ms), step(&entry.step))?;
    match result {
        StepEnd::Done => writeln!(f, "done"),
        StepEnd::Impossible { why } => writeln!(f, "cannot be done: {}", plain(why)),
        StepEnd::Failed { why } => writeln!(f, "failed: {}", plain(why)),
        StepEnd::CutOff { why } => writeln!(f, "cut off: {}", plain(why)),
        StepEnd::Stuck { why } => writeln!(f, "stuck: {}", plain(why)),
        StepEnd::Cancelled => writeln!(f, "cancelled for a more urgent change"),
    }
}

fn step(step: &Step) -> String {
    let verb = match step {
        Step::Create { .. } => "create",
        Step::AwaitReady { .. } => "await",
        Step::Register { .. } => "register",
        Step::Drain { .. } => "drain",
        Step::Deregister { .. } => "deregister",
        Step::Stop { .. } => "stop",
        Step::Remove { .. } => "remove",
        Step::Start { .. } => "start",
        Step::Restart { .. } => "restart",
        Step::Resize => "resize",
        Step::SetCount => "set the count",
    };
    step.instance().map_or_else(|| verb.to_owned(), |instance| format!("{verb} {}", plain(instance)))
}

fn tell_closing(f: &mut Formatter<'_>, closing: &Closing) -> fmt::Result {
    write!(f, "  outcome: {} at {}", closing.outcome, time(closing.at_ms))?;
    if let Some(replicas) = closing.replicas {
        write!(f, ", {replicas} replicas there")?;
    }
    if closing.text.is_empty() { writeln!(f) } else { writeln!(f, ": {}", plain(&closing.text)) }
}

fn proposal(proposal: &Proposal) -> String {
    let mut words = plain(proposal.kind.as_str());
    match proposal.kind {
        ProposalKind::Scale => {
            let figures =
                [(" to", proposal.count), (" to at least", proposal.at_least), (" to at most", proposal.at_most)];
            let figures = figures.into_iter().filter_map(|(word, figure)| Some(format!("{word} {}", figure?)));
            words.extend(figures);
        }
        ProposalKind::Resize => {
            for change in &proposal.resources {
                let (requests, limits) = (resources(&change.requests), resources(&change.limits));
                let _ = write!(words, " {}:{requests}{limits}", plain(&change.container));
            }
            words.push_str(&plain(&proposal.size_class));
        }
        _ => {}
    }
    if !proposal.instances.is_empty() {
        let _ = write!(words, " ({})", plain(&proposal.instances.join(", ")));
    }
    if !proposal.reason.is_empty() {
        let _ = write!(words, ": {}", plain(&proposal.reason));
    }
    words
}

fn resources(resources: &Resources) -> String {
    let cpu = resources.cpu_millis.map(|millis| format!(" cpu {}", CpuMillis(millis))).unwrap_or_default();
    let memory = resources.memory_bytes.map(|bytes| format!(" memory {}", MemoryBytes(bytes))).unwrap_or_default();
    cpu + &memory
}

/// A measured number to six digits: what follows them is noise to a person, and stands in the JSON.
fn figure(value: f64) -> String {
    if value == value.trunc() || !value.is_finite() || value.abs() >= 1e6 {
        return value.to_string();
    }
    // Decimal places that leave six digits in all; none of a small number are lost before its first digit.
    let digits = value.abs().log10().floor();
    let places = (5.0 - digits).clamp(0.0, 17.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 17")]
    let text = format!("{value:.*}", places as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn attr(value: &AttrValue) -> String {
    match value {
        AttrValue::Int(value) => value.to_string(),
        AttrValue::Num(value) => value.to_string(),
        AttrValue::Text(text) => plain(text),
        AttrValue::Flag(flag) => flag.to_string(),
    }
}

fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Pace => "in its pace".to_owned(),
        Trigger::Start => "at the host's start".to_owned(),
        Trigger::Event { what } => format!("by the event {}", plain(what)),
        Trigger::Manual { who } => format!("by {}", plain(who)),
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Act => "",
        Mode::RaiseOnly => ", which only raises",
        Mode::DryRun => ", in dry-run",
        Mode::Off => ", off",
    }
}

fn unit(unit: &str) -> String {
    if unit.is_empty() { String::new() } else { format!(" {}", plain(unit)) }
}

fn time(at_ms: u64) -> String {
    let time = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{at_ms} ms"), |time| time.to_string())
}

/// A text without control characters and without those that turn the direction of writing.
fn plain(text: &str) -> String {
    let turns =
        |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let mut told = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || turns(character) {
            told.extend(character.escape_default());
        } else {
            told.push(character);
        }
    }
    told
}
