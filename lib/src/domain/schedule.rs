//! When a host can be booked: weekly hours on the wall clock of one zone, and dates that differ.
//!
//! The one rule: an instant is open when the wall clock that it shows lies within the hours of the date that it
//! shows. So an hour that the clocks skip is not there, and one that they repeat is there twice.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::offsets::{DAY_SECONDS, day_from_index, tick_from, tick_until};
use super::{Day, Offsets, Span, Zone};

/// A wall-clock time of day on the 5-minute grid, written `09:00`. `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    minutes: u16,
}

impl TimeOfDay {
    /// `00:00`.
    pub const START: Self = Self { minutes: 0 };
    /// `24:00`.
    pub const END: Self = Self { minutes: 1440 };

    /// This hour and minute, or `None` off the grid or past `24:00`.
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        let minutes = hour.checked_mul(60)?.checked_add(minute)?;
        (minute < 60 && minute.is_multiple_of(5) && minutes <= Self::END.minutes).then_some(Self { minutes })
    }

    /// Minutes on the clock since `00:00`, `0..=1440`.
    pub fn minutes(self) -> u16 {
        self.minutes
    }

    fn seconds(self) -> i64 {
        i64::from(self.minutes) * 60
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        let read = || match *text.as_bytes() {
            [h1, h2, b':', m1, m2] => Self::new(digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?),
            _ => None,
        };
        read().ok_or(HoursError::TimeOfDay)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = HoursError;

    fn try_from(text: String) -> Result<Self, HoursError> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

/// Why a text is no hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// No `HH:MM`, off the grid, or past the end of the day.
    #[error("must be a time of day from 00:00 to 24:00 in steps of 5 minutes")]
    TimeOfDay,
    /// Ends where it begins, or before. Hours past midnight are written as two: `22:00`-`24:00` and, on the
    /// next day, `00:00`-`02:00`.
    #[error("`to` must be later than `from`")]
    Backward,
}

/// Open from one time of a day up to, not including, another: `{"from": "09:00", "to": "17:00"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "HoursAsWritten")]
pub struct Hours {
    from: TimeOfDay,
    to: TimeOfDay,
}

impl Hours {
    /// The whole day.
    pub const ALL_DAY: Self = Self { from: TimeOfDay::START, to: TimeOfDay::END };

    /// These hours; fails when `to` is not later than `from`.
    pub fn new(from: TimeOfDay, to: TimeOfDay) -> Result<Self, HoursError> {
        if from < to { Ok(Self { from, to }) } else { Err(HoursError::Backward) }
    }

    /// When they begin. Slots are counted from here.
    pub fn from(self) -> TimeOfDay {
        self.from
    }

    /// When they end.
    pub fn to(self) -> TimeOfDay {
        self.to
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursAsWritten {
    from: TimeOfDay,
    to: TimeOfDay,
}

impl TryFrom<HoursAsWritten> for Hours {
    type Error = HoursError;

    fn try_from(written: HoursAsWritten) -> Result<Self, HoursError> {
        Self::new(written.from, written.to)
    }
}

/// The hours of one day, ascending. Those that overlap are merged; those that only touch stay two, because
/// slots are counted from the start of each.
///
/// ```
/// use holdfast::domain::DayHours;
///
/// let read = |json| serde_json::from_str::<DayHours>(json).unwrap();
/// let merged = read(r#"[{"from": "13:00", "to": "17:00"}, {"from": "09:00", "to": "14:00"}]"#);
/// assert_eq!(merged, read(r#"[{"from": "09:00", "to": "17:00"}]"#));
/// let touching = read(r#"[{"from": "09:00", "to": "12:20"}, {"from": "12:20", "to": "17:00"}]"#);
/// assert_eq!(touching.iter().count(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Hours>")]
pub struct DayHours(Vec<Hours>);

impl DayHours {
    /// Closed all day.
    pub const CLOSED: Self = Self(Vec::new());

    /// The hours, ascending and apart.
    pub fn iter(&self) -> impl Iterator<Item = Hours> {
        self.0.iter().copied()
    }
}

impl From<Vec<Hours>> for DayHours {
    fn from(mut hours: Vec<Hours>) -> Self {
        hours.sort_unstable();
        hours.dedup_by(|later, kept| {
            let overlaps = later.from < kept.to;
            if overlaps {
                kept.to = kept.to.max(later.to);
            }
            overlaps
        });
        Self(hours)
    }
}

/// The hours of each day of the week. A day left out is closed; a day misspelt is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "a week has the days that it has")]
pub struct Week {
    pub mon: DayHours,
    pub tue: DayHours,
    pub wed: DayHours,
    pub thu: DayHours,
    pub fri: DayHours,
    pub sat: DayHours,
    pub sun: DayHours,
}

impl Week {
    /// Mon-Fri, 09:00 to 17:00.
    pub fn office() -> Self {
        let nine_to_five = TimeOfDay::new(9, 0).zip(TimeOfDay::new(17, 0));
        let hours = nine_to_five.and_then(|(from, to)| Hours::new(from, to).ok());
        let hours = DayHours::from(hours.into_iter().collect::<Vec<_>>());
        Self { sat: DayHours::CLOSED, sun: DayHours::CLOSED, ..Self::every_day(&hours) }
    }

    /// The same hours every day.
    pub fn every_day(hours: &DayHours) -> Self {
        let day = || hours.clone();
        Self { mon: day(), tue: day(), wed: day(), thu: day(), fri: day(), sat: day(), sun: day() }
    }

    fn on(&self, day: Day) -> &DayHours {
        // 1970-01-01 was a Thursday.
        match day.index().rem_euclid(7) {
            0 => &self.thu,
            1 => &self.fri,
            2 => &self.sat,
            3 => &self.sun,
            4 => &self.mon,
            5 => &self.tue,
            _ => &self.wed,
        }
    }
}

/// The most hours that one day lists, and the most dates that differ.
pub const MOST_HOURS: usize = 10;
/// See [`MOST_HOURS`].
pub const MOST_OVERRIDES: usize = 400;

/// When a host can be booked.
///
/// ```json
/// {"zone": "Europe/London",
///  "weekly": {"mon": [{"from": "09:00", "to": "17:00"}]},
///  "overrides": {"2026-12-25": [], "2026-12-28": [{"from": "10:00", "to": "12:00"}]}}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Whose wall clock the hours are read on.
    pub zone: Zone,
    /// The hours of a week like any other.
    pub weekly: Week,
    /// Local dates whose hours are these instead; none at all is a day off.
    #[serde(default)]
    pub overrides: BTreeMap<NaiveDate, DayHours>,
}

/// One piece of one day's hours at one offset, in epoch seconds: where the clock stands still relative to UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: i64,
    pub(super) to: i64,
    /// When the hours began or, if the clocks skipped that, would have begun at this offset.
    pub(super) anchor: i64,
}

impl Schedule {
    /// The hours of a local date.
    pub fn hours_on(&self, date: NaiveDate) -> &DayHours {
        self.overrides.get(&date).unwrap_or_else(|| self.weekly.on(Day::from(date)))
    }

    /// All the open time within `window`: ascending, apart, and rounded inward to the grid.
    ///
    /// Hours that meet at midnight are one piece. Where clocks go back, a piece can be longer than its hours,
    /// or be two:
    ///
    /// ```
    /// use holdfast::domain::{Day, Schedule};
    ///
    /// let open = |from: &str, to: &str| {
    ///     let json = format!(
    ///         r#"{{"zone": "Europe/London", "weekly": {{"sun": [{{"from": "{from}", "to": "{to}"}}]}}}}"#
    ///     );
    ///     // On this Sunday London's clocks go from 02:00 back to 01:00, at 01:00Z.
    ///     let fold: Day = "2027-10-31".parse().unwrap();
    ///     let schedule: Schedule = serde_json::from_str(&json).unwrap();
    ///     let pieces = schedule.open(fold.span());
    ///     pieces.iter().map(|piece| piece.len().minutes()).collect::<Vec<_>>()
    /// };
    /// assert_eq!(open("09:00", "17:00"), [480]);
    /// assert_eq!(open("01:00", "02:00"), [120]);
    /// assert_eq!(open("01:30", "05:00"), [30, 210]);
    /// ```
    pub fn open(&self, window: Span) -> Vec<Span> {
        pieces(&self.stretches(window))
            .map(|piece| Span::new(tick_from(piece.from), tick_until(piece.to)))
            .filter(|span| !span.is_empty())
            .collect()
    }

    /// The hours within `window`, day by day and offset by offset, ascending.
    pub(super) fn stretches(&self, window: Span) -> Vec<Stretch> {
        let (start, end) = (window.start.epoch_seconds(), window.end.epoch_seconds());
        let mut stretches = Vec::new();
        for segment in Offsets::over(self.zone, window).segments() {
            let (from, until) = (segment.from.max(start), segment.until.min(end));
            if from >= until {
                continue;
            }
            let first = (from + segment.offset).div_euclid(DAY_SECONDS);
            let last = (until - 1 + segment.offset).div_euclid(DAY_SECONDS);
            for index in first..=last {
                let midnight = index * DAY_SECONDS - segment.offset;
                for hours in self.hours_of(day_from_index(index)).iter() {
                    let anchor = midnight + hours.from.seconds();
                    let (from, to) = (anchor.max(from), (midnight + hours.to.seconds()).min(until));
                    if from < to {
                        stretches.push(Stretch { from, to, anchor });
                    }
                }
            }
        }
        stretches
    }

    fn hours_of(&self, day: Day) -> &DayHours {
        if self.overrides.is_empty() { self.weekly.on(day) } else { self.hours_on(day.date()) }
    }
}

/// Open time without a break in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) stretches: &'a [Stretch],
}

/// Puts stretches together that follow each other without a break.
pub(super) fn pieces(stretches: &[Stretch]) -> impl Iterator<Item = Piece<'_>> {
    stretches.chunk_by(|before, after| before.to == after.from).filter_map(|stretches| {
        Some(Piece { from: stretches.first()?.from, to: stretches.last()?.to, stretches })
    })
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::domain::local_days;
    use crate::domain::zone::named::{Africa, America, Asia, Australia, Europe, Pacific};

    fn hours(text: &str) -> DayHours {
        let read = |hours: &str| {
            let (from, to) = hours.split_once('-').unwrap();
            Hours::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
        };
        text.split_whitespace().map(read).collect::<Vec<_>>().into()
    }

    fn every_day(zone: impl Into<Zone>, text: &str) -> Schedule {
        Schedule { zone: zone.into(), weekly: Week::every_day(&hours(text)), overrides: BTreeMap::new() }
    }

    /// What is open on the local date, as `start/end` on the clocks of the zone.
    fn open(schedule: &Schedule, day: &str) -> Vec<String> {
        let day: NaiveDate = day.parse().unwrap();
        let window = local_days(schedule.zone, day, day.succ_opt().unwrap());
        let offsets = Offsets::over(schedule.zone, window);
        let clock = |tick| {
            offsets.local(tick).to_string().get(11..).unwrap().replace(":00+", "+").replace(":00-", "-")
        };
        schedule
            .open(window)
            .iter()
            .map(|span| format!("{} {}", clock(span.start), clock(span.end)))
            .collect()
    }

    #[test]
    fn hours_that_the_clocks_skip_are_not_open() {
        let new_york = every_day(America::New_York, "01:30-03:30");
        assert_eq!(open(&new_york, "2027-03-13"), ["01:30-05:00 03:30-05:00"]);
        assert_eq!(open(&new_york, "2027-03-14"), ["01:30-05:00 03:30-04:00"]);
        assert_eq!(
            new_york.open(Day::from("2027-03-14".parse::<NaiveDate>().unwrap()).span())[0].len().minutes(),
            60
        );
        assert!(open(&every_day(America::New_York, "02:00-03:00"), "2027-03-14").is_empty());
        assert!(open(&every_day(Europe::London, "01:15-01:45"), "2027-03-28").is_empty());
        // Lord Howe skips half an hour, 02:00 to 02:30.
        assert_eq!(
            open(&every_day(Australia::Lord_Howe, "02:00-04:00"), "2027-10-03"),
            ["02:30+11:00 04:00+11:00"]
        );
        // Cairo and, until 2019, Sao Paulo skip the hour after midnight.
        assert_eq!(open(&every_day(Africa::Cairo, "00:00-02:00"), "2027-04-30"), ["01:00+03:00 02:00+03:00"]);
        assert!(open(&every_day(America::Sao_Paulo, "00:00-01:00"), "2018-11-04").is_empty());
        assert_eq!(open(&every_day(America::Sao_Paulo, "00:00-01:00"), "2027-11-07").len(), 1);
    }

    #[test]
    fn hours_that_the_clocks_repeat_are_open_twice() {
        assert_eq!(
            open(&every_day(America::New_York, "01:00-02:00"), "2027-11-07"),
            ["01:00-04:00 02:00-05:00"]
        );
        assert_eq!(
            open(&every_day(Europe::London, "01:30-05:00"), "2027-10-31"),
            ["01:30+01:00 01:00+00:00", "01:30+00:00 05:00+00:00"]
        );
        assert_eq!(
            open(&every_day(Australia::Lord_Howe, "01:45-03:00"), "2027-04-04"),
            ["01:45+11:00 01:30+10:30", "01:45+10:30 03:00+10:30"]
        );
        assert_eq!(open(&every_day(Australia::Lord_Howe, "01:30-02:00"), "2027-04-04").len(), 1);
        // Cairo goes from 24:00 back to 23:00: the last hour of the day is two.
        assert_eq!(open(&every_day(Africa::Cairo, "22:00-24:00"), "2027-10-28").len(), 1);
        let cairo = every_day(Africa::Cairo, "23:00-24:00");
        let october = local_days(cairo.zone, "2027-10-01".parse().unwrap(), "2027-11-01".parse().unwrap());
        let minutes: i64 = cairo.open(october).iter().map(|span| span.len().minutes()).sum();
        assert_eq!(minutes, 32 * 60);
    }

    #[test]
    fn a_date_that_a_zone_skipped_is_never_open() {
        let apia = every_day(Pacific::Apia, "00:00-24:00");
        let new_year = local_days(apia.zone, "2011-12-29".parse().unwrap(), "2012-01-01".parse().unwrap());
        assert_eq!(apia.open(new_year), [new_year]);
        assert_eq!(new_year.len().minutes(), 48 * 60);
        let only_on_the_30th = Schedule {
            zone: Pacific::Apia.into(),
            weekly: Week::default(),
            overrides: BTreeMap::from([("2011-12-30".parse().unwrap(), hours("00:00-24:00"))]),
        };
        assert!(only_on_the_30th.open(new_year).is_empty());
    }

    #[test]
    fn hours_that_meet_at_midnight_are_one_piece() {
        let night = every_day(Asia::Kolkata, "00:00-02:00 22:00-24:00");
        let window = local_days(night.zone, "2027-05-01".parse().unwrap(), "2027-05-03".parse().unwrap());
        let lengths: Vec<_> = night.open(window).iter().map(|span| span.len().minutes()).collect();
        assert_eq!(lengths, [120, 240, 120]);
    }

    #[test]
    fn an_override_replaces_the_hours_of_its_date() {
        let mut schedule = every_day(Europe::London, "09:00-17:00");
        schedule.overrides.insert("2026-12-25".parse().unwrap(), DayHours::CLOSED);
        schedule.overrides.insert("2026-12-28".parse().unwrap(), hours("10:00-12:00 13:00-13:30"));
        assert_eq!(open(&schedule, "2026-12-24"), ["09:00+00:00 17:00+00:00"]);
        assert!(open(&schedule, "2026-12-25").is_empty());
        assert_eq!(open(&schedule, "2026-12-28"), ["10:00+00:00 12:00+00:00", "13:00+00:00 13:30+00:00"]);
    }

    #[test]
    fn time_off_the_grid_is_left_out_at_both_ends() {
        // Monrovia was 44:30 behind UTC: its 09:00 was 09:44:30Z.
        let old = every_day(Africa::Monrovia, "09:00-10:00");
        let day = Day::from("1971-06-01".parse::<NaiveDate>().unwrap());
        let piece = old.open(day.span())[0];
        assert_eq!(
            (piece.start.instant().to_rfc3339(), piece.len().minutes()),
            ("1971-06-01T09:45:00+00:00".to_owned(), 55)
        );
    }

    #[test]
    fn a_schedule_reads_and_writes_the_form_in_its_docs() {
        let json = r#"{"zone":"Europe/London","weekly":{"mon":[{"from":"09:00","to":"12:00"},{"from":"22:30","to":"24:00"}],"tue":[],"wed":[],"thu":[],"fri":[],"sat":[],"sun":[]},"overrides":{"2026-12-25":[]}}"#;
        let schedule: Schedule = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&schedule).unwrap(), json);
        assert_eq!(schedule.weekly.mon, hours("09:00-12:00 22:30-24:00"));
        assert_eq!(schedule.hours_on("2026-12-21".parse().unwrap()), &schedule.weekly.mon);
        assert_eq!(schedule.hours_on("2026-12-25".parse().unwrap()), &DayHours::CLOSED);
    }

    #[test]
    fn each_day_of_the_week_has_its_own_hours() {
        let week: Vec<_> =
            ["01", "02", "03", "04", "05", "06", "07"].map(|hour| hours(&format!("{hour}:00-24:00"))).into();
        let [mon, tue, wed, thu, fri, sat, sun] = week.clone().try_into().unwrap();
        let weekly = Week { mon, tue, wed, thu, fri, sat, sun };
        let schedule = Schedule { zone: Zone::UTC, weekly, overrides: BTreeMap::new() };
        for (date, expected) in "2027-03-15".parse::<NaiveDate>().unwrap().iter_days().zip(&week) {
            assert_eq!(schedule.hours_on(date), expected, "{date}");
        }
    }

    #[test]
    fn hours_that_make_no_sense_are_refused() {
        for wrong in [
            r#"{"from":"17:00","to":"09:00"}"#,
            r#"{"from":"09:00","to":"09:00"}"#,
            r#"{"from":"09:01","to":"10:00"}"#,
            r#"{"from":"9:00","to":"10:00"}"#,
            r#"{"from":"09:00","to":"24:05"}"#,
            r#"{"from":"09:60","to":"11:00"}"#,
            r#"{"from":"09-00","to":"11:00"}"#,
            r#"{"from":"09:00","to":"11:00","note":""}"#,
        ] {
            assert!(serde_json::from_str::<Hours>(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<Week>(r#"{"monday":[]}"#).is_err());
        assert!(serde_json::from_str::<Schedule>(r#"{"zone":"Mars/Olympus","weekly":{}}"#).is_err());
    }
}
