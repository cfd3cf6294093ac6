//! Times of the wall clock by cron's five fields, as Vixie cron reads them (`crontab(5)`).

use crate::calendar::{Date, days_at_most, weekday};
use crate::grammar::Unreadable;

pub(crate) const MINUTES_PER_HOUR: i64 = 60;
pub(crate) const MINUTES_PER_DAY: i64 = 24 * MINUTES_PER_HOUR;
/// How far a search goes. The rarest date that a cron can name is 29 February on one weekday: every 28 years, 40 across a
/// century that is no leap year.
const DAYS_SEARCHED_MAX: i64 = 41 * 366;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// The names that stand for five fields.
const NAMED: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// A set of times of the wall clock, in minutes since 1970-01-01 00:00 of that clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: Set,
    hours: Set,
    days: Field,
    months: Set,
    weekdays: Field,
}

/// Small numbers, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set(u64);

/// A field of days, and whether it begins with a star: only two fields without one are alternatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    set: Set,
    is_star: bool,
}

/// What a field may hold.
struct Range {
    least: i64,
    most: i64,
    names: &'static [&'static str],
    wanted: &'static str,
}

const MINUTE: Range = Range { least: 0, most: 59, names: &[], wanted: "a minute, 0 to 59" };
const HOUR: Range = Range { least: 0, most: 23, names: &[], wanted: "an hour, 0 to 23" };
const DAY: Range = Range { least: 1, most: 31, names: &[], wanted: "a day of the month, 1 to 31" };
const MONTH: Range = Range { least: 1, most: 12, names: &MONTHS, wanted: "a month, 1 to 12 or jan to dec" };
const WEEKDAY: Range = Range { least: 0, most: 7, names: &WEEKDAYS, wanted: "a weekday, 0 to 7 or sun to sat" };

impl Cron {
    /// # Errors
    /// What cannot be read, and a date that never comes.
    pub(crate) fn parse(text: &str) -> Result<Cron, Unreadable<'_>> {
        let trimmed = text.trim_ascii();
        let is_named = trimmed.as_bytes().first() == Some(&b'@');
        let named = || NAMED.iter().find(|(name, _)| trimmed.eq_ignore_ascii_case(name)).map(|(_, fields)| *fields);
        let mut fields = is_named.then(named).flatten().unwrap_or(trimmed).split_ascii_whitespace();
        let mut next = || fields.next();
        let all = (next(), next(), next(), next(), next(), next());
        let (Some(minutes), Some(hours), Some(days), Some(months), Some(weekdays), None) = all else {
            return Err(Unreadable { wanted: "a cron of five fields, or @daily and the like,", found: text });
        };
        let mut cron = Cron {
            minutes: MINUTE.field(minutes)?.set,
            hours: HOUR.field(hours)?.set,
            days: DAY.field(days)?,
            months: MONTH.field(months)?.set,
            weekdays: WEEKDAY.field(weekdays)?,
        };
        if cron.weekdays.set.has(7) {
            cron.weekdays.set = Set(cron.weekdays.set.0 | 1);
        }
        if cron.ever_comes() { Ok(cron) } else { Err(Unreadable { wanted: "a date that comes", found: text }) }
    }

    /// The last of its times at `minute` or before.
    pub(crate) fn last(&self, minute: i64) -> Option<i64> {
        let (day, of_day) = (minute.div_euclid(MINUTES_PER_DAY), minute.rem_euclid(MINUTES_PER_DAY));
        if self.has_day(day, Date::of(day))
            && let Some(time) = self.time_at_or_before(of_day)
        {
            return Some(day * MINUTES_PER_DAY + time);
        }
        let day = self.nearest_day(day - 1, Direction::Back)?;
        Some(day * MINUTES_PER_DAY + self.time_at_or_before(MINUTES_PER_DAY - 1)?)
    }

    /// The first of its times after `minute`.
    pub(crate) fn next(&self, minute: i64) -> Option<i64> {
        let from = minute.saturating_add(1);
        let (day, of_day) = (from.div_euclid(MINUTES_PER_DAY), from.rem_euclid(MINUTES_PER_DAY));
        if self.has_day(day, Date::of(day))
            && let Some(time) = self.time_at_or_after(of_day)
        {
            return Some(day * MINUTES_PER_DAY + time);
        }
        let day = self.nearest_day(day + 1, Direction::Ahead)?;
        Some(day * MINUTES_PER_DAY + self.time_at_or_after(0)?)
    }

    fn time_at_or_before(&self, of_day: i64) -> Option<i64> {
        let (hour, minute) = (of_day / MINUTES_PER_HOUR, of_day % MINUTES_PER_HOUR);
        let this_hour = self.hours.has(hour).then(|| self.minutes.last(minute)).flatten();
        match this_hour {
            Some(minute) => Some(hour * MINUTES_PER_HOUR + minute),
            None => Some(self.hours.last(hour - 1)? * MINUTES_PER_HOUR + self.minutes.last(MINUTE.most)?),
        }
    }

    fn time_at_or_after(&self, of_day: i64) -> Option<i64> {
        let (hour, minute) = (of_day / MINUTES_PER_HOUR, of_day % MINUTES_PER_HOUR);
        let this_hour = self.hours.has(hour).then(|| self.minutes.first(minute)).flatten();
        match this_hour {
            Some(minute) => Some(hour * MINUTES_PER_HOUR + minute),
            None => Some(self.hours.first(hour + 1)? * MINUTES_PER_HOUR + self.minutes.first(0)?),
        }
    }

    /// The nearest day of its days from `day` on, that one included. Months that it does not name are skipped whole.
    fn nearest_day(&self, mut day: i64, direction: Direction) -> Option<i64> {
        let mut left = DAYS_SEARCHED_MAX;
        while left > 0 {
            let date = Date::of(day);
            let stride = if !self.months.has(date.month) {
                match direction {
                    Direction::Back => date.day,
                    Direction::Ahead => date.days_of_month() - date.day + 1,
                }
            } else if self.has_day(day, date) {
                return Some(day);
            } else {
                1
            };
            day += if direction == Direction::Back { -stride } else { stride };
            left -= stride;
        }
        None
    }

    fn has_day(&self, day: i64, date: Date) -> bool {
        let (by_date, by_weekday) = (self.days.set.has(date.day), self.weekdays.set.has(weekday(day)));
        let is_one = if self.days.is_star || self.weekdays.is_star {
            by_date && by_weekday
        } else {
            // Vixie cron's rule: where both are restricted, either is enough.
            by_date || by_weekday
        };
        is_one && self.months.has(date.month)
    }

    /// Every date comes on every weekday, 29 February too: whether it is a date at all decides.
    fn ever_comes(&self) -> bool {
        let either = !self.days.is_star && !self.weekdays.is_star;
        let first_day = self.days.set.first(DAY.least).unwrap_or(DAY.most);
        let mut months = (MONTH.least..=MONTH.most).filter(|month| self.months.has(*month));
        months.any(|month| either || first_day <= days_at_most(month))
    }
}

/// Which way a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Back,
    Ahead,
}

impl Set {
    fn has(self, number: i64) -> bool {
        u32::try_from(number).ok().and_then(|number| self.0.checked_shr(number)).is_some_and(|rest| rest & 1 == 1)
    }

    /// The least that is `from` or more.
    fn first(self, from: i64) -> Option<i64> {
        let cut = u32::try_from(from).ok().and_then(|from| u64::MAX.checked_shl(from))?;
        let rest = self.0 & cut;
        (rest != 0).then(|| i64::from(rest.trailing_zeros()))
    }

    /// The greatest that is `to` or less.
    fn last(self, to: i64) -> Option<i64> {
        let cut = u32::try_from(to).ok().and_then(|to| u64::MAX.checked_shr(63_u32.saturating_sub(to)))?;
        let rest = self.0 & cut;
        (rest != 0).then(|| i64::from(63 - rest.leading_zeros()))
    }

    /// Each `step`th from `first` to `last`, both below 64.
    fn of(first: i64, last: i64, step: i64) -> Self {
        let bit = |number: i64| 1_u64.checked_shl(u32::try_from(number).unwrap_or(u32::MAX)).unwrap_or(0);
        if step == 1 {
            return Self((bit(last) | (bit(last) - 1)) & !(bit(first) - 1));
        }
        let (mut set, mut number) = (0, first);
        while number <= last {
            set |= bit(number);
            number += step;
        }
        Self(set)
    }
}

impl Range {
    fn field<'t>(&self, text: &'t str) -> Result<Field, Unreadable<'t>> {
        let mut set = Set(0);
        let mut rest = Some(text);
        while let Some(list) = rest {
            let (item, after) = match cut(list, b',') {
                Some((item, after)) => (item, Some(after)),
                None => (list, None),
            };
            set.0 |= self.item(item).ok_or(Unreadable { wanted: self.wanted, found: item })?.0;
            rest = after;
        }
        Ok(Field { set, is_star: matches!(text.as_bytes().first(), Some(b'*' | b'?')) })
    }

    /// The numbers of one item of a list: `*`, `a`, `a-b`, each with `/step` or without.
    fn item(&self, item: &str) -> Option<Set> {
        let (range, step) = match cut(item, b'/') {
            Some((range, step)) => (range, Some(whole(step).filter(|step| *step > 0)?)),
            None => (item, None),
        };
        let (first, last) = match cut(range, b'-') {
            Some((first, last)) => {
                let (first, last) = (self.number(first)?, self.number(last)?);
                // Sunday ends a week as well as it begins one: `fri-sun`.
                if last == 0 && first > 0 && self.most == WEEKDAY.most { (first, self.most) } else { (first, last) }
            }
            None if range == "*" || range == "?" => (self.least, self.star_most()),
            None => {
                let first = self.number(range)?;
                (first, if step.is_some() { self.star_most().max(first) } else { first })
            }
        };
        (first <= last).then(|| Set::of(first, last, step.unwrap_or(1)))
    }

    /// The greatest that a star stands for: Sunday counts once.
    fn star_most(&self) -> i64 {
        if self.most == WEEKDAY.most { self.most - 1 } else { self.most }
    }

    fn number(&self, text: &str) -> Option<i64> {
        let named = || {
            let named = (self.least..).zip(self.names).find(|(_, name)| text.eq_ignore_ascii_case(name));
            named.map(|(number, _)| number)
        };
        whole(text).or_else(named).filter(|number| (self.least..=self.most).contains(number))
    }
}

/// What stands before and after the first such byte. The standard library's search is quick on long texts; these are a few
/// characters, and windows are read at every turn.
pub(crate) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// A whole number of at most nine digits, without a sign.
pub(crate) fn whole(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    text.bytes().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
}
