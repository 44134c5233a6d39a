//! The 5-minute grid on which every claim lies, and the UTC day that is the lock.
//!
//! Inside the house time is a [`Tick`] (a point), [`Ticks`] (a length) or a [`Span`] (from one point up to,
//! not including, another). Instants come in through [`Tick::exact`], [`Tick::floor`] and [`Tick::ceil`]:
//! ours must lie on the grid; a calendar's are rounded outward.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

const TICK_SECONDS: i64 = 300;
const DAY_TICKS: i64 = 288;
/// Days from 0001-01-01 (chrono's day 1) to 1970-01-01.
const UNIX_EPOCH_FROM_CE: i32 = 719_163;

/// A point on the grid: whole 5-minute steps since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tick(i64);

impl Tick {
    /// The tick at this instant, or `None` when the instant lies off the grid.
    pub fn exact(instant: DateTime<Utc>) -> Option<Self> {
        let tick = Self::floor(instant);
        tick.is_at(instant).then_some(tick)
    }

    /// The last tick at or before this instant.
    pub fn floor(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp().div_euclid(TICK_SECONDS))
    }

    /// The first tick at or after this instant.
    pub fn ceil(instant: DateTime<Utc>) -> Self {
        let floor = Self::floor(instant);
        if floor.is_at(instant) { floor } else { Self(floor.0 + 1) }
    }

    fn is_at(self, instant: DateTime<Utc>) -> bool {
        self.epoch_seconds() == instant.timestamp() && instant.timestamp_subsec_nanos() == 0
    }

    /// The tick that begins this many whole grid steps after the epoch, for stored values.
    pub fn from_index(index: i64) -> Self {
        Self(index)
    }

    /// Whole grid steps since the epoch.
    pub fn index(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch.
    pub fn epoch_seconds(self) -> i64 {
        self.0 * TICK_SECONDS
    }

    /// The instant of this tick. Ticks outside chrono's range (a quarter of a million years) saturate.
    pub fn instant(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.epoch_seconds(), 0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// The UTC day in which this tick lies.
    pub fn day(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(DAY_TICKS)).unwrap_or(i32::MAX))
    }

    /// The cell of its day, `0..288`; cell 114 begins at 09:30.
    pub fn cell(self) -> u16 {
        u16::try_from(self.0.rem_euclid(DAY_TICKS)).unwrap_or(0)
    }
}

impl Add<Ticks> for Tick {
    type Output = Tick;

    fn add(self, length: Ticks) -> Tick {
        Tick(self.0 + i64::from(length.0))
    }
}

impl Sub<Ticks> for Tick {
    type Output = Tick;

    fn sub(self, length: Ticks) -> Tick {
        Tick(self.0 - i64::from(length.0))
    }
}

/// A length of time in whole grid steps. Written as minutes in bodies and items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Ticks(i32);

impl Ticks {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One grid step: 5 minutes.
    pub const ONE: Self = Self(1);
    /// The longest claim that one conditional write can carry: 12 hours.
    pub const LONGEST_CLAIM: Self = Self(144);

    /// This many minutes, or `None` when they are negative or no multiple of 5.
    pub fn from_minutes(minutes: i64) -> Option<Self> {
        (minutes >= 0 && minutes % 5 == 0).then(|| i32::try_from(minutes / 5).ok().map(Self)).flatten()
    }

    /// The length in minutes.
    pub fn minutes(self) -> i64 {
        i64::from(self.0) * 5
    }

    /// The length as chrono has it.
    pub fn duration(self) -> chrono::TimeDelta {
        chrono::TimeDelta::minutes(self.minutes())
    }

    /// Whole grid steps.
    pub fn count(self) -> i32 {
        self.0
    }
}

impl Add for Ticks {
    type Output = Ticks;

    fn add(self, other: Ticks) -> Ticks {
        Ticks(self.0 + other.0)
    }
}

impl TryFrom<i64> for Ticks {
    type Error = OffGrid;

    fn try_from(minutes: i64) -> Result<Self, OffGrid> {
        Self::from_minutes(minutes).ok_or(OffGrid)
    }
}

impl From<Ticks> for i64 {
    fn from(length: Ticks) -> i64 {
        length.minutes()
    }
}

/// A length that is no multiple of 5 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a multiple of 5 minutes and not negative")]
pub struct OffGrid;

/// From `start` up to, not including, `end`. Empty when they are equal; `end` never lies before `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first tick inside.
    pub start: Tick,
    /// The first tick after it.
    pub end: Tick,
}

impl Span {
    /// A span; an `end` before `start` gives an empty one.
    pub fn new(start: Tick, end: Tick) -> Self {
        Self { start, end: end.max(start) }
    }

    /// What a calendar calls busy from `start` to `end`, rounded outward to the grid. Zero length stays empty.
    pub fn outward(start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        if end <= start {
            Self::new(Tick::floor(start), Tick::floor(start))
        } else {
            Self::new(Tick::floor(start), Tick::ceil(end))
        }
    }

    /// Whether there is nothing inside.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Its length; longer than any calendar knows saturates.
    pub fn len(self) -> Ticks {
        Ticks(i32::try_from(self.end.0 - self.start.0).unwrap_or(i32::MAX))
    }

    /// Whether any tick lies in both.
    pub fn overlaps(self, other: Span) -> bool {
        !self.is_empty() && !other.is_empty() && self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies inside.
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// What lies in both; empty when nothing does.
    #[must_use]
    pub fn intersect(self, other: Span) -> Span {
        let start = self.start.max(other.start);
        Span::new(start, self.end.min(other.end))
    }

    /// The span cut at UTC midnights.
    pub fn by_day(self) -> impl Iterator<Item = Cells> {
        let last = if self.is_empty() { None } else { Some(Tick(self.end.0 - 1).day()) };
        self.days().map(move |day| {
            let from = if day == self.start.day() { self.start.cell() } else { 0 };
            let to = if Some(day) == last { Tick(self.end.0 - 1).cell() + 1 } else { Day::CELLS };
            Cells { day, from, to }
        })
    }

    /// The UTC days that it touches, in order.
    pub fn days(self) -> impl Iterator<Item = Day> {
        let first = self.start.day().0;
        let after_last = if self.is_empty() { first } else { Tick(self.end.0 - 1).day().0 + 1 };
        (first..after_last).map(Day)
    }
}

/// A UTC day, written `2026-11-20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(i32);

impl Day {
    /// Cells in a day. UTC has no short ones.
    pub const CELLS: u16 = 288;

    /// Its first tick, 00:00Z.
    pub fn start(self) -> Tick {
        Tick(i64::from(self.0) * DAY_TICKS)
    }

    /// All of it.
    pub fn span(self) -> Span {
        Span::new(self.start(), self.next().start())
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Day {
        Day(self.0 + 1)
    }

    /// Whole days since 1970-01-01.
    pub fn index(self) -> i32 {
        self.0
    }

    /// The day as chrono has it.
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0 + UNIX_EPOCH_FROM_CE).unwrap_or(NaiveDate::MAX)
    }
}

impl From<NaiveDate> for Day {
    fn from(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce() - UNIX_EPOCH_FROM_CE)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

impl FromStr for Day {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, chrono::ParseError> {
        text.parse::<NaiveDate>().map(Self::from)
    }
}

impl TryFrom<String> for Day {
    type Error = chrono::ParseError;

    fn try_from(text: String) -> Result<Self, chrono::ParseError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

/// Cells `from..to` of one UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cells {
    /// The day.
    pub day: Day,
    /// The first cell inside, `0..288`.
    pub from: u16,
    /// The first cell after, `1..=288`.
    pub to: u16,
}

impl Cells {
    /// The same time as a span.
    pub fn span(self) -> Span {
        let start = self.day.start();
        Span::new(Tick(start.0 + i64::from(self.from)), Tick(start.0 + i64::from(self.to)))
    }
}

/// One bit for each 5 minutes of a UTC day, cell 0 in the lowest bit of byte 0. 36 bytes, as stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DayBits([u8; 36]);

impl DayBits {
    /// Nothing set.
    pub const EMPTY: Self = Self([0; 36]);
    /// Everything set: what is read for bits of an unknown shape.
    pub const FULL: Self = Self([0xff; 36]);

    /// The bits as stored, or `None` when there are not 36 bytes of them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 36] {
        &self.0
    }

    /// Whether no bit is set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Sets cells `from..to`.
    pub fn set(&mut self, from: u16, to: u16) {
        for cell in from..to.min(Day::CELLS) {
            if let Some(byte) = self.0.get_mut(usize::from(cell / 8)) {
                *byte |= 1 << (cell % 8);
            }
        }
    }

    /// Whether this cell is set.
    pub fn get(&self, cell: u16) -> bool {
        self.0.get(usize::from(cell / 8)).is_some_and(|byte| byte & (1 << (cell % 8)) != 0)
    }

    /// Whether any of the cells `from..to` is set.
    pub fn any(&self, from: u16, to: u16) -> bool {
        (from..to.min(Day::CELLS)).any(|cell| self.get(cell))
    }

    /// What is set in either.
    #[must_use]
    pub fn or(mut self, other: &DayBits) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
        self
    }
}

impl fmt::Debug for DayBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = (0..Day::CELLS).filter(|cell| self.get(*cell)).count();
        write!(f, "DayBits({set} of {} set)", Day::CELLS)
    }
}
