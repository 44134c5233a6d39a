//! A time zone as a handful of integers: where its offset changes, and what it is in between.
//!
//! The one rule: a zone is asked a few times per listing, never once per slot. Between two changes of its
//! offset, a wall clock is `instant + offset`, and dates and text are made from that sum.
//! Zones are the IANA tzdb as chrono-tz compiled it in; text is RFC 3339 with a numeric offset.

use std::fmt;

use chrono::{DateTime, NaiveDate, Offset, TimeZone, Utc};
use chrono_tz::Tz;

use super::{Day, Span, Tick};

pub(super) const DAY_SECONDS: i64 = 86_400;
const TICK_SECONDS: i64 = 300;
const DAY_TICKS: i64 = 288;

/// How far apart a zone's offset is compared. chrono-tz has no list of changes, so they are looked for; two
/// that cancel each other out within one step would not be seen. tzdb has none such from 1880 to 2100: the
/// shortest there-and-back is Brazil's of 2000, an hour short of a week. A test holds this against the tzdb
/// that is compiled in.
const STEP_SECONDS: i64 = 4 * DAY_SECONDS;

/// More than any zone was ever away from UTC, so that a local day surely lies within it.
const FARTHEST_SECONDS: i64 = 26 * 3600;

/// The first tick at or after this second.
pub(super) fn tick_from(epoch_seconds: i64) -> Tick {
    Tick::from_index((epoch_seconds + TICK_SECONDS - 1).div_euclid(TICK_SECONDS))
}

/// The last tick at or before this second.
pub(super) fn tick_until(epoch_seconds: i64) -> Tick {
    Tick::from_index(epoch_seconds.div_euclid(TICK_SECONDS))
}

/// The day whose 00:00 lies this many days after 1970-01-01.
pub(super) fn day_from_index(index: i64) -> Day {
    Tick::from_index(index * DAY_TICKS).day()
}

/// The offsets of one zone over one span.
///
/// Made once per listing; every question after that is integer arithmetic. Outside the span the offset of
/// its nearer end is answered.
///
/// ```
/// use chrono_tz::Europe::London;
/// use holdfast::domain::{Day, Offsets, Tick};
///
/// // On 2027-03-28, at 01:00Z, London's clocks go from 01:00 to 02:00.
/// let day: Day = "2027-03-28".parse().unwrap();
/// let offsets = Offsets::over(London, day.span());
/// let at = |instant: &str| offsets.local(Tick::floor(instant.parse().unwrap())).to_string();
/// assert_eq!(at("2027-03-28T00:55:00Z"), "2027-03-28T00:55:00+00:00");
/// assert_eq!(at("2027-03-28T01:00:00Z"), "2027-03-28T02:00:00+01:00");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    first: i32,
    changes: Vec<Change>,
}

/// A change of a zone's offset, in seconds ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetChange {
    /// The first instant of the new one.
    pub at: DateTime<Utc>,
    /// The offset until then.
    pub before: i32,
    /// The offset from then on.
    pub after: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    at: i64,
    offset: i32,
}

/// A stretch of time at one offset, in epoch seconds. The first and the last of a zone's are open-ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) offset: i64,
}

impl Offsets {
    /// The offsets of `zone` from the start of `span` to its end, the end included: slots end there.
    pub fn over(zone: Tz, span: Span) -> Self {
        Self::between(zone, span.start.epoch_seconds(), span.end.epoch_seconds())
    }

    fn between(zone: Tz, start: i64, end: i64) -> Self {
        let first = offset_of(zone, start);
        let mut changes = Vec::new();
        let (mut at, mut offset) = (start, first);
        while at < end {
            let next = end.min(at + STEP_SECONDS);
            let wanted = offset_of(zone, next);
            while offset != wanted {
                let change = first_change(zone, at, offset, next);
                changes.push(change);
                Change { at, offset } = change;
            }
            at = next;
        }
        Self { first, changes }
    }

    /// Seconds that the zone's clocks are ahead of UTC at this tick.
    pub fn at(&self, tick: Tick) -> i32 {
        let second = tick.epoch_seconds();
        self.changes
            .iter()
            .rev()
            .find(|change| change.at <= second)
            .map_or(self.first, |change| change.offset)
    }

    /// This tick, as the zone's clocks show it.
    pub fn local(&self, tick: Tick) -> LocalInstant {
        LocalInstant { tick, offset_seconds: self.at(tick) }
    }

    /// The date on the zone's calendars at this tick.
    pub fn local_date(&self, tick: Tick) -> NaiveDate {
        day_from_index((tick.epoch_seconds() + i64::from(self.at(tick))).div_euclid(DAY_SECONDS)).date()
    }

    /// Where the offset changes, in order.
    pub fn changes(&self) -> impl Iterator<Item = OffsetChange> {
        let befores = std::iter::once(self.first).chain(self.changes.iter().map(|change| change.offset));
        self.changes.iter().zip(befores).map(|(change, before)| OffsetChange {
            at: instant(change.at),
            before,
            after: change.offset,
        })
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = Segment> {
        let starts =
            std::iter::once(Change { at: i64::MIN, offset: self.first }).chain(self.changes.iter().copied());
        let ends = self.changes.iter().map(|change| change.at).chain(std::iter::once(i64::MAX));
        starts.zip(ends).map(|(start, until)| Segment {
            from: start.at,
            until,
            offset: i64::from(start.offset),
        })
    }
}

/// Asks chrono-tz; instants beyond chrono's calendar have the offset of its last day.
fn offset_of(zone: Tz, epoch_seconds: i64) -> i32 {
    zone.offset_from_utc_datetime(&instant(epoch_seconds).naive_utc()).fix().local_minus_utc()
}

fn instant(epoch_seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(epoch_seconds, 0).unwrap_or(if epoch_seconds < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

/// Bisects to the second: `offset` is in force at `low`, another one at `high`.
fn first_change(zone: Tz, mut low: i64, offset: i32, mut high: i64) -> Change {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset_of(zone, middle) == offset {
            low = middle;
        } else {
            high = middle;
        }
    }
    Change { at: high, offset: offset_of(zone, high) }
}

/// The first instant at which the zone's calendars show this date or a later one.
///
/// That is not always 00:00: where clocks go forward at midnight the day begins at 01:00, and a date that a
/// zone skipped begins, with no time in it, where the next one does.
///
/// ```
/// use chrono::NaiveDate;
/// use chrono_tz::{Africa::Cairo, Pacific::Apia};
/// use holdfast::domain::start_of_local_day;
///
/// // Cairo, 2027-04-30: 00:00 to 01:00 does not exist.
/// let start = start_of_local_day(Cairo, NaiveDate::from_ymd_opt(2027, 4, 30).unwrap());
/// assert_eq!(start.with_timezone(&Cairo).to_rfc3339(), "2027-04-30T01:00:00+03:00");
///
/// // Samoa had no 2011-12-30.
/// let skipped = start_of_local_day(Apia, NaiveDate::from_ymd_opt(2011, 12, 30).unwrap());
/// assert_eq!(skipped.with_timezone(&Apia).to_rfc3339(), "2011-12-31T00:00:00+14:00");
/// ```
pub fn start_of_local_day(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    let midnight = i64::from(Day::from(date).index()) * DAY_SECONDS;
    let first = Offsets::between(zone, midnight - FARTHEST_SECONDS, midnight + FARTHEST_SECONDS)
        .segments()
        .map(|segment| (segment.from.max(midnight - segment.offset), segment.until))
        .find(|(begins, until)| begins < until)
        .map_or(midnight, |(begins, _)| begins);
    instant(first)
}

/// The local days from `from` up to, not including, `to`. Both ends are rounded up to the grid, so that
/// neighbouring days share no tick and leave none out.
///
/// ```
/// use chrono::NaiveDate;
/// use chrono_tz::America::New_York;
/// use holdfast::domain::local_days;
///
/// let date = |day| NaiveDate::from_ymd_opt(2027, 3, day).unwrap();
/// assert_eq!(local_days(New_York, date(13), date(14)).len().minutes(), 24 * 60);
/// assert_eq!(local_days(New_York, date(14), date(15)).len().minutes(), 23 * 60);
/// ```
pub fn local_days(zone: Tz, from: NaiveDate, to: NaiveDate) -> Span {
    Span::new(Tick::ceil(start_of_local_day(zone, from)), Tick::ceil(start_of_local_day(zone, to)))
}

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
    const DAY_MINUTES: i64 = DAY_SECONDS / 60;

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
    use chrono::Datelike;
    use chrono_tz::{Africa, America, Asia, Australia, Europe, Pacific, TZ_VARIANTS};

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn start(zone: Tz, day: &str) -> String {
        start_of_local_day(zone, date(day)).with_timezone(&zone).to_rfc3339()
    }

    /// The length of a local day in minutes.
    fn length(zone: Tz, day: &str) -> i64 {
        let day = date(day);
        local_days(zone, day, day.succ_opt().unwrap()).len().minutes()
    }

    #[test]
    fn a_day_begins_after_the_gap_that_swallowed_its_midnight() {
        assert_eq!(start(Africa::Cairo, "2023-04-28"), "2023-04-28T01:00:00+03:00");
        assert_eq!(start(Africa::Cairo, "2027-04-30"), "2027-04-30T01:00:00+03:00");
        assert_eq!(start(America::Sao_Paulo, "2018-11-04"), "2018-11-04T01:00:00-02:00");
        assert_eq!(start(America::Sao_Paulo, "2027-11-07"), "2027-11-07T00:00:00-03:00");
        assert_eq!(start(Asia::Beirut, "2027-03-28"), "2027-03-28T01:00:00+03:00");
        assert_eq!(start(Asia::Kolkata, "2027-03-28"), "2027-03-28T00:00:00+05:30");
    }

    #[test]
    fn a_day_that_two_midnights_could_begin_begins_at_the_first() {
        // Havana goes from 01:00 back to 00:00: the first 00:00 counts.
        assert_eq!(start(America::Havana, "2027-11-07"), "2027-11-07T00:00:00-04:00");
        // Sao Paulo went from 24:00 back to 23:00: the new day begins an hour later.
        assert_eq!(start(America::Sao_Paulo, "2018-02-18"), "2018-02-18T00:00:00-03:00");
        assert_eq!(length(America::Sao_Paulo, "2018-02-17"), 1500);
    }

    #[test]
    fn a_skipped_date_has_no_time_in_it() {
        assert_eq!(start(Pacific::Apia, "2011-12-29"), "2011-12-29T00:00:00-10:00");
        assert_eq!(start(Pacific::Apia, "2011-12-30"), start(Pacific::Apia, "2011-12-31"));
        assert_eq!(length(Pacific::Apia, "2011-12-29"), 1440);
        assert_eq!(length(Pacific::Apia, "2011-12-30"), 0);
        assert_eq!(length(Pacific::Apia, "2011-12-31"), 1440);
    }

    #[test]
    fn days_are_as_long_as_their_clocks_make_them() {
        for (zone, day, expected) in [
            (America::New_York, "2027-03-14", 1380),
            (America::New_York, "2027-11-07", 1500),
            (Europe::London, "2027-03-28", 1380),
            (Europe::London, "2027-10-31", 1500),
            (Australia::Lord_Howe, "2027-10-03", 1410),
            (Australia::Lord_Howe, "2027-04-04", 1470),
            (Pacific::Apia, "2020-09-27", 1380),
            (Pacific::Apia, "2021-04-04", 1500),
            (Pacific::Apia, "2021-09-26", 1440),
            (Asia::Kolkata, "2027-03-28", 1440),
            (America::Sao_Paulo, "2018-11-04", 1380),
            (America::Sao_Paulo, "2019-11-03", 1440),
        ] {
            assert_eq!(length(zone, day), expected, "{zone} {day}");
        }
    }

    #[test]
    fn changes_are_found_to_the_second() {
        let year = Span::new(Day::from(date("2027-01-01")).start(), Day::from(date("2028-01-01")).start());
        let offsets = Offsets::over(Europe::London, year);
        let changes: Vec<_> =
            offsets.changes.iter().map(|change| (instant(change.at).to_rfc3339(), change.offset)).collect();
        assert_eq!(
            changes,
            [("2027-03-28T01:00:00+00:00".to_owned(), 3600), ("2027-10-31T01:00:00+00:00".to_owned(), 0)]
        );
    }

    #[test]
    fn no_zone_changes_there_and_back_within_a_step() {
        // Looked at by days, a change is seen up to a day late.
        let step_days = STEP_SECONDS / DAY_SECONDS + 1;
        let end = i64::from(Day::from(date("2100-01-01")).index());
        for zone in TZ_VARIANTS {
            let mut offset = offset_of(zone, 0);
            let (mut changed, mut before) = (i64::MIN / 2, offset);
            for day in 0..end {
                let now = offset_of(zone, day * DAY_SECONDS);
                if now != offset {
                    assert!(now != before || day - changed >= step_days, "{zone} on day {day}");
                    (changed, before, offset) = (day, offset, now);
                }
            }
        }
    }

    #[test]
    fn every_zone_shows_the_clock_that_chrono_shows() {
        let span = Span::new(Day::from(date("2020-01-01")).start(), Day::from(date("2036-01-01")).start());
        for (index, zone) in (0_i64..).zip(TZ_VARIANTS) {
            let offsets = Offsets::over(zone, span);
            let mut text = Rfc3339::default();
            let changes =
                offsets.changes.iter().flat_map(|change| [change.at - 300, change.at]).map(tick_until);
            let others = (span.start.index() + index..span.end.index()).step_by(9_973).map(Tick::from_index);
            for tick in changes.chain(others) {
                let expected = tick.instant().with_timezone(&zone);
                assert_eq!(offsets.at(tick), expected.offset().fix().local_minus_utc(), "{expected}");
                assert_eq!(offsets.local_date(tick), expected.date_naive(), "{expected}");
                text.set(offsets.local(tick));
                assert_eq!(text.as_str(), expected.to_rfc3339());
                assert_eq!(text, offsets.local(tick).rfc3339());
            }
        }
    }

    #[test]
    fn every_local_day_begins_when_chrono_first_shows_it() {
        for zone in TZ_VARIANTS {
            let span =
                Span::new(Day::from(date("2010-01-01")).start(), Day::from(date("2036-01-01")).start());
            for change in Offsets::over(zone, span).changes {
                for around in -1..=1 {
                    let day = instant(change.at + around * DAY_SECONDS).with_timezone(&zone).date_naive();
                    let start = start_of_local_day(zone, day);
                    assert!(start.with_timezone(&zone).date_naive() >= day, "{zone} {day}");
                    for minutes in 1..=180 {
                        let before = start - chrono::TimeDelta::minutes(minutes);
                        assert!(before.with_timezone(&zone).date_naive() < day, "{zone} {day} {before}");
                    }
                }
            }
        }
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
        let local = Offsets::over(Africa::Monrovia, monrovia.span()).local(monrovia.start());
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
