//! Demand over time: rows of a time and a demand, each of which holds until the next row; the last one ends the trace.

use std::str::FromStr as _;

/// Where a trace begins whose times are seconds: Monday 2026-01-05, 00:00 UTC, so that schedules have a week before them.
pub const START_MS_DEFAULT: u64 = 1_767_571_200_000;

/// Most rows of one trace.
const ROWS_MAX: usize = 1_000_000;
/// Most bytes of one file.
const BYTES_MAX: usize = 64 << 20;
/// More demand than this is a slip.
const DEMAND_MAX: f64 = 1e12;
/// A longer trace is a slip.
const LENGTH_MS_MAX: u64 = 366 * 24 * 3600 * 1000;
/// 2100-01-01: a later time is a slip, or milliseconds that were taken for seconds.
const TIME_MS_MAX: u64 = 4_102_444_800_000;

/// Demand over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    name: String,
    times_ms: Vec<u64>,
    demands: Vec<f64>,
}

/// Why a trace cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The file is too large.
    #[error("{name} has {bytes} bytes, allowed are {BYTES_MAX}; keep fewer rows or a shorter time")]
    Large {
        /// The trace.
        name: String,
        /// Its bytes.
        bytes: usize,
    },
    /// A column is missing.
    #[error("{name}:1: there is no column {column}; the header must be `time,demand` or `time_ms,demand`")]
    Column {
        /// The trace.
        name: String,
        /// What is missing.
        column: &'static str,
    },
    /// A row makes no sense.
    #[error("{name}:{line}: {what}; {remedy}")]
    Row {
        /// The trace.
        name: String,
        /// Its line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The trace as a whole makes no sense.
    #[error("{name}: {what}; {remedy}")]
    Whole {
        /// The trace.
        name: String,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// How the times of a file are written.
#[derive(Debug, Clone, Copy)]
enum Times {
    /// Seconds from the start, or RFC 3339.
    Written,
    /// Milliseconds since the Unix epoch, or from the start.
    Ms,
}

impl Trace {
    /// From rows of (milliseconds since the Unix epoch, demand), oldest first. Each demand holds until the next row; the
    /// last row ends the trace.
    ///
    /// # Errors
    /// Where there are fewer than two rows or too many, times do not grow, or a demand is negative, not finite or absurd.
    pub fn new(name: impl Into<String>, rows: impl IntoIterator<Item = (u64, f64)>) -> Result<Self, TraceError> {
        let mut trace = Self { name: name.into(), times_ms: Vec::new(), demands: Vec::new() };
        for (index, (at_ms, demand)) in rows.into_iter().enumerate() {
            trace.push(index as u64 + 1, at_ms, demand)?;
        }
        trace.finish()
    }

    /// From CSV with a header: `demand`, and `time` (seconds from the start, or RFC 3339) or `time_ms`. Further columns are
    /// passed over. `name` stands in errors.
    ///
    /// # Errors
    /// Where it is no such CSV; names the line.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, TraceError> {
        if bytes.len() > BYTES_MAX {
            return Err(TraceError::Large { name: name.to_owned(), bytes: bytes.len() });
        }
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(bytes);
        let unreadable = |line: u64, error: &csv::Error| TraceError::Row {
            name: name.to_owned(),
            line: error.position().map_or(line, csv::Position::line),
            what: what_of(error),
            remedy: "write one time and one demand per line",
        };
        let headers = reader.headers().map_err(|error| unreadable(1, &error))?;
        let column = |wanted: &str| headers.iter().position(|header| header.eq_ignore_ascii_case(wanted));
        let missing = |column| TraceError::Column { name: name.to_owned(), column };
        let demand_at = column("demand").ok_or_else(|| missing("demand"))?;
        let (time_at, times) = match (column("time"), column("time_ms")) {
            (Some(at), _) => (at, Times::Written),
            (None, Some(at)) => (at, Times::Ms),
            (None, None) => return Err(missing("time")),
        };
        let mut trace = Self { name: name.to_owned(), times_ms: Vec::new(), demands: Vec::new() };
        let mut record = csv::StringRecord::new();
        loop {
            let line = reader.position().line();
            if !reader.read_record(&mut record).map_err(|error| unreadable(line, &error))? {
                break;
            }
            let line = record.position().map_or(line, csv::Position::line);
            let row = |what, remedy| TraceError::Row { name: name.to_owned(), line, what, remedy };
            let text = record.get(time_at).unwrap_or_default();
            let at_ms = time_of(text, times).ok_or_else(|| {
                let remedy = match times {
                    Times::Written => "write seconds from the start, or 2026-01-05T12:00:00Z",
                    Times::Ms => "write milliseconds, from the start or since the Unix epoch",
                };
                row(format!("{} is no time", shown(text)), remedy)
            })?;
            let text = record.get(demand_at).unwrap_or_default();
            let demand = f64::from_str(text).map_err(|_| {
                row(format!("{} is no number", shown(text)), "write the demand as a number, such as 120 or 0.5")
            })?;
            trace.push(line, at_ms, demand)?;
        }
        trace.finish()
    }

    fn push(&mut self, line: u64, at_ms: u64, demand: f64) -> Result<(), TraceError> {
        let row = |what: String, remedy| TraceError::Row { name: self.name.clone(), line, what, remedy };
        if !demand.is_finite() || demand < 0.0 {
            return Err(row(
                format!("the demand is {demand}"),
                "a demand is a number of at least 0; leave the row out",
            ));
        }
        if demand > DEMAND_MAX {
            return Err(row(format!("the demand {demand} is above {DEMAND_MAX:e}"), "use a larger unit"));
        }
        match self.times_ms.last() {
            Some(last_ms) if at_ms == *last_ms => {
                return Err(row("it has the time of the row before".to_owned(), "keep one row for each time"));
            }
            Some(last_ms) if at_ms < *last_ms => {
                return Err(row("it is before the row above it".to_owned(), "sort the rows by time, oldest first"));
            }
            _ => {}
        }
        if at_ms > TIME_MS_MAX {
            return Err(row(
                "its time is after the year 2100".to_owned(),
                "name the column time_ms if it holds milliseconds",
            ));
        }
        if self.times_ms.len() >= ROWS_MAX {
            return Err(row(format!("there are more than {ROWS_MAX} rows"), "keep fewer rows or a shorter time"));
        }
        self.times_ms.push(at_ms);
        self.demands.push(demand);
        Ok(())
    }

    fn finish(mut self) -> Result<Self, TraceError> {
        let rows = self.times_ms.len();
        let (Some(first_ms), Some(last_ms)) = (self.times_ms.first().copied(), self.times_ms.last().copied()) else {
            let (what, remedy) = ("it has no rows".to_owned(), "write a header `time,demand` and at least two rows");
            return Err(TraceError::Whole { name: self.name, what, remedy });
        };
        let whole = |what: String, remedy| TraceError::Whole { name: self.name.clone(), what, remedy };
        if rows < 2 {
            return Err(whole("it has one row".to_owned(), "add a second one, which ends the first"));
        }
        if last_ms.saturating_sub(first_ms) > LENGTH_MS_MAX {
            return Err(whole("it is longer than 366 days".to_owned(), "cut it, or see whether its times are seconds"));
        }
        // Times from the start, not of a calendar: before 1971.
        if first_ms < 365 * 24 * 3600 * 1000 {
            for at_ms in &mut self.times_ms {
                *at_ms = at_ms.saturating_add(START_MS_DEFAULT);
            }
        }
        Ok(self)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it begins, milliseconds since the Unix epoch.
    #[must_use]
    pub fn from_ms(&self) -> u64 {
        self.times_ms.first().copied().unwrap_or(0)
    }

    /// When it ends.
    #[must_use]
    pub fn to_ms(&self) -> u64 {
        self.times_ms.last().copied().unwrap_or(0)
    }

    /// Its rows: since when, and the demand from then on.
    pub fn rows(&self) -> impl Iterator<Item = (u64, f64)> + '_ {
        self.times_ms.iter().copied().zip(self.demands.iter().copied())
    }

    /// The demand in force after row `row`, until when it holds.
    pub(super) fn stretch(&self, row: usize) -> Option<(f64, u64)> {
        Some((*self.demands.get(row)?, *self.times_ms.get(row + 1)?))
    }

    /// The row in force at a time.
    pub(super) fn row_at(&self, at_ms: u64) -> usize {
        self.times_ms.partition_point(|row_ms| *row_ms <= at_ms).saturating_sub(1)
    }
}

fn time_of(text: &str, times: Times) -> Option<u64> {
    if let Times::Ms = times {
        return text.parse().ok();
    }
    if let Ok(seconds) = f64::from_str(text) {
        let ms = (seconds * 1000.0).round();
        #[expect(clippy::cast_precision_loss, reason = "the greatest time is far below 2^53")]
        let fits = ms >= 0.0 && ms <= TIME_MS_MAX as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within 0 to 2^53")]
        return fits.then_some(ms as u64);
    }
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok()
}

/// The csv crate's words without its own position.
fn what_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} columns, the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8 text".to_owned(),
        _ => "it is not CSV".to_owned(),
    }
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?}")
}
