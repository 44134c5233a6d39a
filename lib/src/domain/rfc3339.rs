//! Instants as the text of a wall clock: RFC 3339 with a numeric offset, made from integers.

use std::fmt;

use super::Tick;

/// A tick and how far ahead of UTC the clocks are that show it.
///
/// Written as RFC 3339 with a numeric offset, `+00:00` for UTC. RFC 3339 has no seconds in an offset: one that
/// has them (local mean times, before 1972) is rounded to the minute and the clock moved by as much, so that
/// the text still names this very instant. Years outside 0000-9999 are written as the nearest of them.
///
/// ```
/// use holdfast::domain::{LocalInstant, Tick};
///
/// let tick = Tick::exact("2027-03-15T12:00:00Z".parse().unwrap()).unwrap();
/// let local = |offset_seconds| LocalInstant { tick, offset_seconds }.to_string();
/// assert_eq!(local(-3 * 3600), "2027-03-15T09:00:00-03:00");
/// assert_eq!(local(0), "2027-03-15T12:00:00+00:00");
/// // Monrovia was 44 minutes and 30 seconds behind until 1972: half a minute off its wall, not in time.
/// assert_eq!(local(-2670), "2027-03-15T11:16:00-00:44");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalInstant {
    /// The instant.
    pub tick: Tick,
    /// Seconds that the clocks are ahead of UTC, within a day either way.
    pub offset_seconds: i32,
}

impl LocalInstant {
    /// Its text, on the stack.
    pub fn rfc3339(self) -> Rfc3339 {
        let mut text = Rfc3339::default();
        text.set(self);
        text
    }
}

impl fmt::Display for LocalInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rfc3339().as_str())
    }
}

/// The text of a [`LocalInstant`]: 25 ASCII bytes that can be set again. A writer of many keeps one and pays
/// for the date only when it changes.
///
/// ```
/// use holdfast::domain::{LocalInstant, Rfc3339, Tick};
///
/// let mut text = Rfc3339::default();
/// assert_eq!(text.as_str(), "1970-01-01T00:00:00+00:00");
/// text.set(LocalInstant { tick: Tick::from_index(-1), offset_seconds: 330 * 60 });
/// assert_eq!(text.as_bytes(), b"1970-01-01T05:25:00+05:30");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc3339 {
    text: [u8; 25],
    /// The date in the text, in days since 1970-01-01.
    day: i64,
    offset_minutes: i32,
}

impl Default for Rfc3339 {
    fn default() -> Self {
        Self { text: *b"1970-01-01T00:00:00+00:00", day: 0, offset_minutes: 0 }
    }
}

impl Rfc3339 {
    /// 0000-01-01 and 9999-12-31, in days since 1970-01-01.
    const FIRST_DAY: i64 = -719_528;
    const LAST_DAY: i64 = 2_932_896;
    const DAY_MINUTES: i64 = 24 * 60;

    /// Writes this instant over what stood here.
    pub fn set(&mut self, local: LocalInstant) {
        let offset = (local.offset_seconds + 30).div_euclid(60);
        if offset != self.offset_minutes {
            self.offset_minutes = offset;
            self.text[19] = if offset < 0 { b'-' } else { b'+' };
            [self.text[20], self.text[21]] = two_digits(offset.unsigned_abs() / 60);
            [self.text[23], self.text[24]] = two_digits(offset.unsigned_abs() % 60);
        }
        // Ticks and offsets are whole minutes, so the seconds stay as they are: none.
        let minutes = local.tick.epoch_seconds() / 60 + i64::from(offset);
        let mut minute = minutes - self.day * Self::DAY_MINUTES;
        if !(0..Self::DAY_MINUTES).contains(&minute) {
            minute = self.set_date(minutes);
        }
        self.text[11..16].copy_from_slice(clock(minute));
    }

    /// Writes the date in which this minute lies, and says which minute of it that is.
    fn set_date(&mut self, minutes: i64) -> i64 {
        let first = Self::FIRST_DAY * Self::DAY_MINUTES;
        let last = (Self::LAST_DAY + 1) * Self::DAY_MINUTES - 1;
        let minutes = minutes.clamp(first, last);
        self.day = minutes.div_euclid(Self::DAY_MINUTES);
        let (year, month, date) = civil(self.day);
        [self.text[0], self.text[1]] = two_digits(year / 100);
        [self.text[2], self.text[3]] = two_digits(year % 100);
        [self.text[5], self.text[6]] = two_digits(month);
        [self.text[8], self.text[9]] = two_digits(date);
        minutes.rem_euclid(Self::DAY_MINUTES)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Digits and separators only, so there is always a text.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The text, for writers of bytes.
    pub fn as_bytes(&self) -> &[u8; 25] {
        &self.text
    }

    /// The date in it.
    pub fn date(&self) -> &[u8] {
        self.text.split_at(10).0
    }
}

fn two_digits(number: u32) -> [u8; 2] {
    PAIRS.get(number as usize).copied().unwrap_or(*b"99")
}

/// `00` to `99`.
const PAIRS: &[[u8; 2]] = b"\
    00010203040506070809\
    10111213141516171819\
    20212223242526272829\
    30313233343536373839\
    40414243444546474849\
    50515253545556575859\
    60616263646566676869\
    70717273747576777879\
    80818283848586878889\
    90919293949596979899"
    .as_chunks()
    .0;

/// What a clock shows at this minute of the day: `00:00` to `23:59`, and that for whatever comes after.
///
/// Looked up, because a listing asks some thousand times and dividing would be most of its work.
pub fn clock(minute: i64) -> &'static [u8; 5] {
    usize::try_from(minute).ok().and_then(|minute| CLOCK.get(minute)).unwrap_or(b"23:59")
}

#[expect(clippy::indexing_slicing, reason = "made by the compiler, which stops at an index too far")]
static CLOCK: [[u8; 5]; 24 * 60] = {
    let mut clock = [*b"00:00"; 24 * 60];
    let mut minute = 1;
    while minute < clock.len() {
        let [h1, h0, colon, m1, m0] = clock[minute - 1];
        clock[minute] = match [h1, h0, m1, m0] {
            [_, b'9', b'5', b'9'] => [h1 + 1, b'0', colon, b'0', b'0'],
            [_, _, b'5', b'9'] => [h1, h0 + 1, colon, b'0', b'0'],
            [_, _, _, b'9'] => [h1, h0, colon, m1 + 1, b'0'],
            _ => [h1, h0, colon, m1, m0 + 1],
        };
        minute += 1;
    }
    clock
};

/// Year, month and day of month in the proleptic Gregorian calendar, for days of the years 0000-9999.
///
/// Years are counted from March, so that the leap day is the last of its year and the lengths of months follow
/// one straight line: month `m` of such a year begins on its day `(153 m + 2) / 5`.
fn civil(days_from_1970: i64) -> (u32, u32, u32) {
    // From 0000-03-01, less one cycle of 400 years so that January and February of 0000 stay positive.
    let days = u32::try_from(days_from_1970 + 719_468 + 146_097).unwrap_or(0);
    let (cycle, day_of_cycle) = (days / 146_097, days % 146_097);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = cycle * 400 + year_of_cycle + u32::from(month <= 2) - 400;
    (year, month, date)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Datelike, NaiveDate};

    use super::*;
    use crate::domain::offsets::day_from_index;
    use crate::domain::zone::named::Africa;
    use crate::domain::{Day, Offsets};

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn an_offset_with_seconds_still_names_the_same_instant() {
        for offset_seconds in [-2670, 1172, 17_762, -54_822, 29, 30, 31, -29, -30, -31] {
            let tick = Tick::from_index(-4_000_000);
            let text = LocalInstant { tick, offset_seconds }.to_string();
            let read = DateTime::parse_from_rfc3339(&text).unwrap();
            assert_eq!(read.to_utc(), tick.instant(), "{text}");
            assert!((read.offset().local_minus_utc() - offset_seconds).abs() <= 30, "{text}");
        }
        let monrovia = Day::from(date("1971-06-01"));
        let local = Offsets::over(Africa::Monrovia.into(), monrovia.span()).local(monrovia.start());
        assert_eq!(local.offset_seconds, -2670);
        assert_eq!(local.to_string(), "1971-05-31T23:16:00-00:44");
    }

    #[test]
    fn every_date_of_the_calendar_is_written_as_chrono_writes_it() {
        for day in (Rfc3339::FIRST_DAY..=Rfc3339::LAST_DAY).step_by(13) {
            let expected = day_from_index(day).date();
            let written = civil(day);
            assert_eq!(written, (u32::try_from(expected.year()).unwrap(), expected.month(), expected.day()));
        }
        for leap in
            ["0000-02-29", "1600-02-29", "1900-02-28", "1900-03-01", "2000-02-29", "2024-12-31", "2400-02-29"]
        {
            let (year, month, day) = civil(i64::from(Day::from(date(leap)).index()));
            assert_eq!(format!("{year:04}-{month:02}-{day:02}"), leap);
        }
        let far = |index| LocalInstant { tick: Tick::from_index(index), offset_seconds: 0 }.to_string();
        assert_eq!(far(i64::from(i32::MAX)), "9999-12-31T23:59:00+00:00");
        assert_eq!(far(i64::from(i32::MIN)), "0000-01-01T00:00:00+00:00");
    }
}
