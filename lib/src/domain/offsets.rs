//! A time zone as a handful of integers: where its offset changes, and what it is in between.
//!
//! A zone is asked a few times per listing, never once per slot. Between two changes of its
//! offset, a wall clock is `instant + offset`, and dates and text are made from that sum.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Day, LocalInstant, Span, Tick, Zone};

pub(super) const DAY_SECONDS: i64 = 86_400;
const TICK_SECONDS: i64 = 300;
const DAY_TICKS: i64 = 288;

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
/// use holdfast::domain::{Day, Offsets, Tick, Zone, zone::named::Europe};
///
/// // On 2027-03-28, at 01:00Z, London's clocks go from 01:00 to 02:00.
/// let day: Day = "2027-03-28".parse().unwrap();
/// let offsets = Offsets::over(Zone::from(Europe::London), day.span());
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
    pub fn over(zone: Zone, span: Span) -> Self {
        Self::between(zone, span.start.epoch_seconds(), span.end.epoch_seconds())
    }

    fn between(zone: Zone, start: i64, end: i64) -> Self {
        let first = zone.offset_at(start);
        let mut changes = Vec::new();
        let mut before = first;
        for (at, offset) in zone.rules_within(start, end) {
            if offset != before {
                changes.push(Change { at, offset });
                before = offset;
            }
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

pub(super) fn instant(epoch_seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(epoch_seconds, 0).unwrap_or(if epoch_seconds < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

/// The first instant at which the zone's calendars show this date or a later one.
///
/// That is not always 00:00: where clocks go forward at midnight the day begins at 01:00, and a date that a
/// zone skipped begins, with no time in it, where the next one does.
///
/// ```
/// use chrono::NaiveDate;
/// use holdfast::domain::{Zone, start_of_local_day, zone::named::{Africa, Pacific}};
///
/// // Cairo, 2027-04-30: 00:00 to 01:00 does not exist.
/// let cairo = Zone::from(Africa::Cairo);
/// let start = start_of_local_day(cairo, NaiveDate::from_ymd_opt(2027, 4, 30).unwrap());
/// assert_eq!(start.with_timezone(&cairo).to_rfc3339(), "2027-04-30T01:00:00+03:00");
///
/// // Samoa had no 2011-12-30.
/// let apia = Zone::from(Pacific::Apia);
/// let skipped = start_of_local_day(apia, NaiveDate::from_ymd_opt(2011, 12, 30).unwrap());
/// assert_eq!(skipped.with_timezone(&apia).to_rfc3339(), "2011-12-31T00:00:00+14:00");
/// ```
pub fn start_of_local_day(zone: Zone, date: NaiveDate) -> DateTime<Utc> {
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
/// use holdfast::domain::{Zone, local_days, zone::named::America};
///
/// let new_york = Zone::from(America::New_York);
/// let date = |day| NaiveDate::from_ymd_opt(2027, 3, day).unwrap();
/// assert_eq!(local_days(new_york, date(13), date(14)).len().minutes(), 24 * 60);
/// assert_eq!(local_days(new_york, date(14), date(15)).len().minutes(), 23 * 60);
/// ```
pub fn local_days(zone: Zone, from: NaiveDate, to: NaiveDate) -> Span {
    Span::new(Tick::ceil(start_of_local_day(zone, from)), Tick::ceil(start_of_local_day(zone, to)))
}

#[cfg(test)]
mod tests {
    use chrono::Offset as _;

    use super::*;
    use crate::domain::Rfc3339;
    use crate::domain::zone::named::{Africa, America, Asia, Australia, Europe, Pacific};

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn start(zone: impl Into<Zone>, day: &str) -> String {
        let zone = zone.into();
        start_of_local_day(zone, date(day)).with_timezone(&zone).to_rfc3339()
    }

    /// The length of a local day in minutes.
    fn length(zone: impl Into<Zone>, day: &str) -> i64 {
        let day = date(day);
        local_days(zone.into(), day, day.succ_opt().unwrap()).len().minutes()
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
        let offsets = Offsets::over(Europe::London.into(), year);
        let changes: Vec<_> =
            offsets.changes.iter().map(|change| (instant(change.at).to_rfc3339(), change.offset)).collect();
        assert_eq!(
            changes,
            [("2027-03-28T01:00:00+00:00".to_owned(), 3600), ("2027-10-31T01:00:00+00:00".to_owned(), 0)]
        );
    }

    #[test]
    fn every_zone_shows_the_clock_that_chrono_shows() {
        let span = Span::new(Day::from(date("2020-01-01")).start(), Day::from(date("2036-01-01")).start());
        for (index, zone) in (0_i64..).zip(Zone::all()) {
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
        for zone in Zone::all() {
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
}
