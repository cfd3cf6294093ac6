//! Dates of the Gregorian calendar, as whole days since 1970-01-01.

const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01, where the formulas' eras begin, to 1970-01-01.
const EPOCH_DAY: i64 = 719_468;

/// A day by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
}

impl Date {
    /// The date of a day. The formula is Howard Hinnant's `civil_from_days` ("chrono-compatible low-level date algorithms"):
    /// years begin in March, so that the leap day is the last one.
    pub(crate) fn of(day_number: i64) -> Self {
        let shifted = day_number.saturating_add(EPOCH_DAY);
        let (era, of_era) = (shifted.div_euclid(DAYS_PER_ERA), shifted.rem_euclid(DAYS_PER_ERA));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
    }

    /// How many days its month has.
    pub(crate) fn days_of_month(&self) -> i64 {
        let is_leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        if self.month == 2 && !is_leap { 28 } else { days_at_most(self.month) }
    }
}

/// How many days a month has in its longest year.
pub(crate) fn days_at_most(month: i64) -> i64 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The weekday of a day: 0 is Sunday, 6 Saturday.
pub(crate) fn weekday(day_number: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    day_number.saturating_add(4).rem_euclid(7)
}
