//! How a window is written: `at least 10 from '0 8 * * 1-5' to '0 18 * * 1-5' in Europe/Berlin priority 5`.

use std::fmt;

use crate::cron::{Cron, cut, whole};
use crate::window::{End, Rule, Window};

const SECONDS_PER_MINUTE: i64 = 60;
const SECONDS_PER_HOUR: i64 = 60 * SECONDS_PER_MINUTE;
const SECONDS_PER_DAY: i64 = 24 * SECONDS_PER_HOUR;
/// Longest that a window lasts by duration: a leap year.
pub(crate) const SECONDS_MAX: i64 = 366 * SECONDS_PER_DAY;
/// Most replicas that a window names; the bounds take more for nonsense.
const REPLICAS_MAX: u32 = 1_000_000;
const PRIORITY_MAX: u32 = 1_000_000;

/// What should stand in a text, and what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable<'t> {
    pub(crate) wanted: &'static str,
    pub(crate) found: &'t str,
}

impl fmt::Display for Unreadable<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            "" => write!(out, "{} is wanted where it ends", self.wanted),
            found => write!(out, "{} is wanted where `{found}` stands", self.wanted),
        }
    }
}

/// Reads one of `windows`; its zone is `zone` if it names none.
///
/// # Errors
/// The first thing that cannot be read.
pub(crate) fn window<'t>(text: &'t str, zone: &'t str) -> Result<Window<'t>, Unreadable<'t>> {
    let mut words = Words { rest: text };
    let rule = rule_of(&mut words)?;
    words.expect("from", "`from '…'`")?;
    let start = Cron::parse(words.quoted()?)?;
    let end = match words.next() {
        "to" => End::At(Cron::parse(words.quoted()?)?),
        "for" => End::After(duration(words.next())?),
        found => return Err(Unreadable { wanted: "`to '…'` or `for 8h`", found }),
    };
    let mut window = Window { text, rule, start, end, zone, priority: 0 };
    loop {
        match words.next() {
            "" => return Ok(window),
            "in" => {
                window.zone = match words.next() {
                    "" => return Err(Unreadable { wanted: "a time zone", found: "" }),
                    zone => zone,
                }
            }
            "priority" => window.priority = number(words.next(), PRIORITY_MAX, "a priority, 0 to 1000000,")?,
            found => return Err(Unreadable { wanted: "`in ZONE`, `priority N` or the end", found }),
        }
    }
}

/// Reads a rule that stands alone: `at least 1`.
///
/// # Errors
/// The first thing that cannot be read.
pub(crate) fn rule(text: &str) -> Result<Rule, Unreadable<'_>> {
    let mut words = Words { rest: text };
    let rule = rule_of(&mut words)?;
    match words.next() {
        "" => Ok(rule),
        found => Err(Unreadable { wanted: "the end", found }),
    }
}

fn rule_of<'t>(words: &mut Words<'t>) -> Result<Rule, Unreadable<'t>> {
    let count = |words: &mut Words<'t>| number(words.next(), REPLICAS_MAX, "a count of replicas, 0 to 1000000,");
    match words.next() {
        "exactly" => count(words).map(|count| Rule { floor: Some(count), ceiling: Some(count) }),
        "at" => match words.next() {
            "least" => count(words).map(|count| Rule { floor: Some(count), ceiling: None }),
            "most" => count(words).map(|count| Rule { floor: None, ceiling: Some(count) }),
            found => Err(Unreadable { wanted: "`least` or `most`", found }),
        },
        found => Err(Unreadable { wanted: "`at least`, `at most` or `exactly`", found }),
    }
}

fn number<'t>(text: &'t str, max: u32, wanted: &'static str) -> Result<u32, Unreadable<'t>> {
    let number = whole(text).and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= max);
    number.ok_or(Unreadable { wanted, found: text })
}

/// Seconds out of `24h`, `1h30m`, `2d`.
fn duration(text: &str) -> Result<i64, Unreadable<'_>> {
    let unreadable = Unreadable { wanted: "a duration such as 24h or 1h30m, 366d at most,", found: text };
    let mut seconds = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, after) = rest.split_at_checked(digits).ok_or(unreadable)?;
        let unit = match after.bytes().next() {
            Some(b's') => 1,
            Some(b'm') => SECONDS_PER_MINUTE,
            Some(b'h') => SECONDS_PER_HOUR,
            Some(b'd') => SECONDS_PER_DAY,
            Some(b'w') => 7 * SECONDS_PER_DAY,
            _ => return Err(unreadable),
        };
        seconds += whole(count).ok_or(unreadable)? * unit;
        rest = after.get(1..).unwrap_or("");
        if seconds > SECONDS_MAX {
            return Err(unreadable);
        }
    }
    if seconds > 0 { Ok(seconds) } else { Err(unreadable) }
}

/// A text word by word.
struct Words<'t> {
    rest: &'t str,
}

impl<'t> Words<'t> {
    /// The next word; empty at the end.
    fn next(&mut self) -> &'t str {
        let rest = self.rest.trim_ascii_start();
        let (word, rest) =
            rest.split_at(rest.bytes().position(|byte| byte.is_ascii_whitespace()).unwrap_or(rest.len()));
        self.rest = rest;
        word
    }

    fn expect(&mut self, word: &str, wanted: &'static str) -> Result<(), Unreadable<'t>> {
        match self.next() {
            found if found == word => Ok(()),
            found => Err(Unreadable { wanted, found }),
        }
    }

    /// What stands between two quotes of one kind.
    fn quoted(&mut self) -> Result<&'t str, Unreadable<'t>> {
        let rest = self.rest.trim_ascii_start();
        let unreadable = Unreadable { wanted: "a cron in quotes", found: rest };
        let quote = rest.bytes().next().filter(|byte| matches!(byte, b'\'' | b'"')).ok_or(unreadable)?;
        let (inside, after) = rest.get(1..).and_then(|rest| cut(rest, quote)).ok_or(unreadable)?;
        self.rest = after;
        Ok(inside)
    }
}
