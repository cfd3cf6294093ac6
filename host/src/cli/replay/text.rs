//! What came of a replay or a comparison, for a person.

use std::fmt::Write as _;

use serde_json::Value;

use crate::audit::PolicyRef;
use crate::cli::fields::{at, short};
use crate::cli::{Columns, clean};
use crate::quantity::{CpuMillis, MemoryBytes};
use crate::replay::{
    CameTo, Compared, ComparedRow, CutShort, Difference, Outcome, Reach, Replayed, Row, Said, Side, Voice,
};

/// Rows of a table.
const ROWS_MAX: usize = 40;
/// Defects told whole: each may fill a screen.
const DEFECTS_MAX: usize = 10;

/// A replay.
pub(in crate::cli) fn replayed(replayed: &Replayed) -> String {
    let mut text = format!("{}: {}\n", clean(&replayed.target.to_string()), reach(&replayed.reach));
    if let Some(policy) = &replayed.instead {
        let _ = writeln!(text, "with {} in the recorded one's place", reference(policy));
    }
    let tally = &replayed.tally;
    let mut columns = Columns::plain();
    let counts = [
        (tally.evaluations, "evaluations"),
        (tally.identical, "the same, to the byte"),
        (tally.defects, "DEFECTS: another answer of the same code to the same question"),
        (tally.agreed, "ask for the same"),
        (tally.differed, "ask for something else"),
        (tally.not_recorded, "want what is not recorded"),
        (tally.unfit, "do not take the parameters"),
        (tally.not_replayable, "not replayable: a timeout or stack overflow, which depend on the machine"),
        (tally.other_limits, "ran under limits that are others today"),
        (tally.not_evaluated, "were not evaluated then"),
        (tally.no_code, "have no code any more"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        columns.row([format!("{count:>8}"), what.to_owned()]);
    }
    if tally.evaluations > 0 {
        text.push_str(&columns.text(0));
    }
    let is_defect = |row: &&Row| matches!(row.came_to, CameTo::Defect { .. });
    for row in replayed.rows.iter().filter(is_defect).take(DEFECTS_MAX) {
        text.push_str(&defect(row));
    }
    let others: Vec<&Row> = replayed.rows.iter().filter(|row| !is_defect(row)).collect();
    let mut columns = Columns::new(&["TURN OF", "SLOT", "FIGURE", "RECORDED", "NOW", "BY"]);
    for row in others.iter().take(ROWS_MAX) {
        tell_row(&mut columns, row);
    }
    if !others.is_empty() {
        let _ = write!(text, "\n{}", columns.text(0));
    }
    text + &more(others.len().saturating_sub(ROWS_MAX) as u64 + replayed.rows_left_out)
}

/// A comparison.
pub(in crate::cli) fn compared(compared: &Compared) -> String {
    let mut text = format!("{}: {}\n", clean(&compared.target.to_string()), reach(&compared.reach));
    match compared.agreement_percent {
        None => text.push_str("there is nothing that both answered\n"),
        Some(percent) => {
            let _ = writeln!(text, "they agree in {} of {}: {percent:.1} %", compared.agreed, compared.compared);
        }
    }
    let mut columns = Columns::new(&["", "POLICY", "RECORDED", "EVALUATED", "ANSWERS", "REFUSALS", "FAULTS", "SILENT"]);
    for (name, side) in [("a", &compared.a), ("b", &compared.b)] {
        let Side { policy, recorded, evaluated, answers, refusals, faults, silent } = side;
        let policy = policy.as_ref().map_or_else(|| "whichever was active".to_owned(), reference);
        let counts = [recorded, evaluated, answers, refusals, faults, silent].map(ToString::to_string);
        columns.row([name.to_owned(), policy].into_iter().chain(counts));
    }
    let _ = write!(text, "\n{}", columns.text(0));
    if !compared.spreads.is_empty() {
        let mut columns = Columns::new(&["FIGURE", "DIFFERS IN", "LEAST", "MEAN", "GREATEST"]);
        for (what, spread) in &compared.spreads {
            let mut cells = vec![what.clone(), spread.turns.to_string()];
            if spread.numbers > 0 {
                #[expect(clippy::cast_possible_truncation, reason = "saturates; a mean for a person")]
                let mean =
                    if what == "replicas" { format!("{:+.2}", spread.mean) } else { by(what, spread.mean as i64) };
                cells.extend([by(what, spread.least), mean, by(what, spread.greatest)]);
            }
            columns.row(cells);
        }
        let _ = write!(text, "\n{}", columns.text(0));
    }
    let mut columns = Columns::new(&["TURN OF", "SLOT", "FIGURE", "A", "B", "BY"]);
    for row in compared.rows.iter().take(ROWS_MAX) {
        tell_compared(&mut columns, row);
    }
    if !compared.rows.is_empty() {
        let _ = write!(text, "\n{}", columns.text(0));
    }
    text + &more(compared.rows.len().saturating_sub(ROWS_MAX) as u64 + compared.rows_left_out)
}

fn more(rows: u64) -> String {
    if rows == 0 { String::new() } else { format!("and {rows} more; --json tells what of them a report holds\n") }
}

fn reach(reach: &Reach) -> String {
    let mut text = match (reach.first_ms, reach.last_ms) {
        (Some(first), Some(last)) => format!("{} turns from {} to {}", reach.turns, at(first), at(last)),
        _ => "no turns that could be played".to_owned(),
    };
    if reach.counted > 0 {
        let _ = write!(text, "; of {} only the number was kept", reach.counted);
    }
    if reach.unreadable > 0 {
        let why = clean(reach.unreadable_why.as_deref().unwrap_or_default()).replace('\n', " ");
        let _ = write!(text, "; {} cannot be read ({why})", reach.unreadable);
    }
    let _ = match reach.cut.map(|cut| cut.why) {
        None => Ok(()),
        Some(CutShort::Turns) => write!(text, "; there are more, see --limit"),
        Some(CutShort::Time) => write!(text, "; cut short by time"),
    };
    text
}

fn reference(policy: &PolicyRef) -> String {
    clean(&format!("{} {} ({})", policy.name, policy.version, short(&policy.digest))).replace('\n', " ")
}

fn defect(row: &Row) -> String {
    let CameTo::Defect { parts, recorded, replayed } = &row.came_to else { return String::new() };
    let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
    let json = |outcome: &Outcome| clean(&serde_json::to_string(outcome).unwrap_or_default());
    format!(
        "\nDEFECT at {}, record {}, binding {}, slot {}, {}: other {}\n  recorded  {}\n  replayed  {}\n",
        at(row.at_ms),
        clean(row.record.as_str()),
        clean(&row.binding),
        clean(&row.slot),
        reference(&row.policy),
        parts.join(", "),
        json(recorded),
        json(replayed),
    )
}

fn tell_row(columns: &mut Columns, row: &Row) {
    let place = [at(row.at_ms), format!("{}/{}", row.binding, row.slot)];
    let alone = |columns: &mut Columns, what: String| columns.row(place.clone().into_iter().chain([what]));
    match &row.came_to {
        CameTo::Differed { by, .. } => by.iter().for_each(|one| tell_difference(columns, &place, one)),
        CameTo::NotRecorded { what } => alone(columns, format!("not recorded: {}", what.join(", "))),
        CameTo::Unfit { why } => alone(columns, format!("does not take the parameters: {why}")),
        CameTo::NotReplayable { fault } => alone(columns, format!("not replayable: it {fault}")),
        CameTo::OtherLimits { what } => alone(columns, what.clone()),
        CameTo::NotEvaluated { why } | CameTo::NoCode { why } => alone(columns, why.clone()),
        CameTo::Identical { .. } | CameTo::Agreed { .. } | CameTo::Defect { .. } => {}
    }
}

fn tell_compared(columns: &mut Columns, row: &ComparedRow) {
    let place = [at(row.at_ms), format!("{}/{}", row.binding, row.slot)];
    if row.by.is_empty() {
        let said = |said: &Said| match said.voice {
            Voice::Silent => said.why.clone().unwrap_or_default(),
            Voice::Recorded | Voice::Evaluated => "answers".to_owned(),
        };
        columns.row(place.into_iter().chain(["silence".to_owned(), said(&row.a), said(&row.b)]));
        return;
    }
    row.by.iter().for_each(|one| tell_difference(columns, &place, one));
}

fn tell_difference(columns: &mut Columns, place: &[String; 2], one: &Difference) {
    let figures = [amount(&one.what, &one.one), amount(&one.what, &one.other)];
    let grown = one.by.map(|grown| by(&one.what, grown)).unwrap_or_default();
    let cells = place.iter().cloned().chain([one.what.clone()]).chain(figures).chain([grown]);
    columns.row(cells);
}

fn amount(what: &str, value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        value => value.as_u64().map_or_else(|| value.to_string(), |figure| quantity(what, figure)),
    }
}

fn by(what: &str, by: i64) -> String {
    let sign = if by < 0 { "-" } else { "+" };
    format!("{sign}{}", quantity(what, by.unsigned_abs()))
}

/// A figure in the unit that its name tells.
fn quantity(what: &str, figure: u64) -> String {
    if what.starts_with("cpu ") {
        CpuMillis(figure).to_string()
    } else if what.starts_with("memory ") {
        MemoryBytes(figure).to_string()
    } else {
        figure.to_string()
    }
}
