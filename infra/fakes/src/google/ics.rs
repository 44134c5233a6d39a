//! iCalendar (RFC 5545), as people export it, read into occurrences with instants.
//!
//! `calcard` parses, knows zones by every name (IANA, Windows, Outlook's display names; a `VTIMEZONE` counts by
//! its name only) and runs each `RRULE`, on a wall clock without a zone. The rest of a recurrence set is made
//! here, because calcard 0.3 compares a UTC `UNTIL` with local times, joins an override to its series by
//! `SEQUENCE` and not by `UID`, takes an unknown zone for none, keeps an `RDATE` that was excluded or moved, and
//! loses the zone of an occurrence in the hour that a clock change repeats or leaves out.
//!
//! The one rule: what cannot be read is refused by name, never left out in silence. Where the RFC is silent or
//! files differ from it:
//!
//! - a time without a zone, and a whole day, are in the calendar's zone: `X-WR-TIMEZONE`, or the one it has;
//! - `DTSTART` is an occurrence also where its rule would not give it: it is the first (3.8.5.3);
//! - `VALUE=DATE` with a time of day is that time, as it was meant;
//! - a whole day named by an instant (Exchange's `RECURRENCE-ID`, `UNTIL`) is the day of that instant's zone;
//! - an occurrence lasts exactly as long as the first (3.8.5.3), or by the calendar if `DURATION` counts days;
//! - of two versions of one event the higher `SEQUENCE` counts.

mod event;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use calcard::common::PartialDateTime;
use calcard::common::timezone::Tz as NamedZone;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarProperty,
    ICalendarRecurrenceRule,
};
use calcard::{Entry, Parser};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use self::event::{Event, Length, Moment, Start, Zones, event, moment, text_of};
use super::zone::Zone;

/// A rule that gives more occurrences than this up to the window's end is refused.
const MOST_OCCURRENCES: usize = 100_000;

/// A part of a file that was not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which: its kind, its number among the file's components of that kind, and its title.
    pub component: String,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.component, self.reason)
    }
}

/// The text holds no whole calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACalendar {
    /// There is no `BEGIN:VCALENDAR` in it.
    #[error("it is not an iCalendar file")]
    Missing,
    /// Some `BEGIN` has no `END`. `calcard` would take what there is.
    #[error("it is cut off: a component has no end")]
    CutOff,
}

/// An event at one of its times. A whole day stands as midnight UTC of its date.
#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    /// The position of its component in the file; with `original` no two are alike.
    pub(super) component: usize,
    /// Its start as the file has it, in seconds since the epoch.
    pub(super) original: i64,
    pub(super) uid: Option<String>,
    pub(super) summary: String,
    pub(super) status: &'static str,
    pub(super) transparent: bool,
    pub(super) all_day: bool,
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
}

/// A file, read.
pub(super) struct File {
    /// The calendar's zone.
    pub(super) zone: Zone,
    pub(super) refused: Vec<Refused>,
    series: Vec<Series>,
}

/// An event with the versions of single occurrences that replace its own.
#[derive(Default)]
struct Series {
    whole: Option<Event>,
    replacements: Vec<Event>,
}

/// Reads a file whose calendar has the zone `zone` if it names none.
pub(super) fn read(text: &str, zone: Zone) -> Result<File, NotACalendar> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let count = |word: &str| {
        let begins =
            |line: &&str| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        text.lines().filter(begins).count()
    };
    if count("BEGIN:") != count("END:") {
        return Err(NotACalendar::CutOff);
    }
    let text = with_times_of_day(text);
    let mut parser = Parser::new(&text);
    let mut file = File { zone, refused: Vec::new(), series: Vec::new() };
    let (mut found, mut before) = (false, 0);
    loop {
        let entry = parser.entry();
        if entry == Entry::Eof {
            break;
        }
        // Not cards, nor lines outside of any calendar.
        let Entry::ICalendar(calendar) = entry else { continue };
        let root = calendar.components.first();
        if root.is_some_and(|root| root.component_type == ICalendarComponentType::VCalendar) {
            found = true;
            file.add(&calendar, before);
            before += calendar.components.len();
        }
    }
    if found { Ok(file) } else { Err(NotACalendar::Missing) }
}

/// `calcard` reads the date alone from `DTSTART;VALUE=DATE:20110804T120000`.
fn with_times_of_day(text: &str) -> String {
    let mended = |line: &str| match line.split_once(";VALUE=DATE:") {
        Some((name, value)) if value.contains('T') => format!("{name}:{value}\n"),
        Some(_) | None => format!("{line}\n"),
    };
    text.lines().map(mended).collect()
}

impl File {
    /// Adds a calendar; `before` components came in the file before it.
    fn add(&mut self, calendar: &ICalendar, before: usize) {
        self.take_zone(calendar);
        let zones = Zones { named: calendar.build_tz_resolver(), calendar: self.zone };
        let mut by_uid: BTreeMap<&str, usize> = BTreeMap::new();
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for (position, component) in calendar.components.iter().enumerate() {
            let kind = component.component_type.as_str();
            let number = numbers.entry(kind).or_default();
            *number += 1;
            let summary = text_of(component, &ICalendarProperty::Summary).unwrap_or_default();
            let name = format!("{kind} {number} \"{}\"", summary.trim());
            if component.component_type != ICalendarComponentType::VEvent {
                if !says_nothing_of_time(&component.component_type) {
                    let reason = "only events are loaded".to_owned();
                    self.refused.push(Refused { component: name, reason });
                }
                continue;
            }
            match event(component, before + position, &name, &zones) {
                Ok(event) => {
                    let last = self.series.len();
                    let series = component.uid().map_or(last, |uid| *by_uid.entry(uid).or_insert(last));
                    if series == last {
                        self.series.push(Series::default());
                    }
                    if let Some(series) = self.series.get_mut(series) {
                        series.add(event);
                    }
                }
                Err(reason) => self.refused.push(Refused { component: name, reason }),
            }
        }
    }

    fn take_zone(&mut self, calendar: &ICalendar) {
        let root = calendar.components.first();
        let named = root.and_then(|root| {
            let property = ICalendarProperty::Other("X-WR-TIMEZONE".to_owned());
            text_of(root, &property)
        });
        let Some(named) = named else { return };
        match event::zone_named(&calendar.build_tz_resolver(), named) {
            Some(zone) => self.zone = zone,
            None => self.refused.push(Refused {
                component: "X-WR-TIMEZONE".to_owned(),
                reason: format!("there is no zone {named:?}; the calendar's is {}", self.zone),
            }),
        }
    }

    /// How many weeks after its own the file's first event would lie in the week of `now`.
    pub(super) fn weeks_until(&self, now: DateTime<Utc>) -> i64 {
        let monday = |date: NaiveDate| date.week(chrono::Weekday::Mon).first_day();
        let events = self.series.iter().flat_map(Series::events).filter(|one| one.status != "cancelled");
        let dates = events.map(|event| match event.start {
            Start { at, all_day: true, .. } => at.date(),
            start => self.zone.local(start.instant()).date_naive(),
        });
        let today = self.zone.local(now).date_naive();
        dates.min().map_or(0, |first| (monday(today) - monday(first)).num_weeks())
    }

    /// The occurrences that touch `window` after a move by so many weeks, at the same local time.
    pub(super) fn occurrences(
        &mut self,
        window: (DateTime<Utc>, DateTime<Utc>),
        weeks: i64,
    ) -> Vec<Occurrence> {
        let (zone, weeks) = (self.zone, TimeDelta::weeks(weeks));
        // A day more than any zone is from UTC.
        let until = (window.1 - weeks).naive_utc() + TimeDelta::days(2);
        let mut found = Vec::new();
        for series in &self.series {
            match series.occurrences(zone, until, weeks) {
                Ok(occurrences) => found.extend(occurrences),
                Err(refused) => self.refused.push(refused),
            }
        }
        found.retain(|occurrence| {
            let (start, end) = occurrence.span(zone);
            start < window.1 && (end > window.0 || (start == end && start >= window.0))
        });
        found
    }
}

/// Parts of a calendar or of an event that need not be loaded.
fn says_nothing_of_time(kind: &ICalendarComponentType) -> bool {
    use ICalendarComponentType as K;
    matches!(
        kind,
        K::VCalendar
            | K::VTimezone
            | K::Standard
            | K::Daylight
            | K::VAlarm
            | K::Participant
            | K::VLocation
            | K::VResource
    )
}

impl Occurrence {
    fn span(&self, zone: Zone) -> (DateTime<Utc>, DateTime<Utc>) {
        if self.all_day {
            (zone.first_instant(self.start.date_naive()), zone.first_instant(self.end.date_naive()))
        } else {
            (self.start, self.end)
        }
    }
}

impl Series {
    fn add(&mut self, event: Event) {
        if event.replaces.is_some() {
            self.replacements.push(event);
        } else if self.whole.as_ref().is_none_or(|whole| whole.sequence <= event.sequence) {
            self.whole = Some(event);
        }
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.whole.iter().chain(&self.replacements)
    }

    fn occurrences(
        &self,
        zone: Zone,
        until: NaiveDateTime,
        weeks: TimeDelta,
    ) -> Result<Vec<Occurrence>, Refused> {
        let Some(whole) = &self.whole else {
            // The series itself is not in the file.
            return Ok(self.replacements.iter().map(|one| one.once(zone, weeks)).collect());
        };
        let mut starts =
            whole.starts(zone, until).map_err(|reason| Refused { component: whole.name.clone(), reason })?;
        let key = |moment: &Moment| whole.start.like(*moment, zone).instant();
        let mut replaced: BTreeMap<DateTime<Utc>, &Event> = BTreeMap::new();
        for one in &self.replacements {
            let Some(original) = one.replaces.as_ref().map(key) else { continue };
            starts.remove(&original);
            let held = replaced.entry(original).or_insert(one);
            if held.sequence <= one.sequence {
                *held = one;
            }
        }
        for original in whole.excluded.iter().map(key) {
            starts.remove(&original);
            replaced.remove(&original);
        }
        let own = starts.into_iter().map(|(_, (at, length))| whole.at(at, length, zone, weeks));
        Ok(own.chain(replaced.into_values().map(|one| one.once(zone, weeks))).collect())
    }
}

type Starts = BTreeMap<DateTime<Utc>, (NaiveDateTime, Length)>;

impl Event {
    /// The recurrence set before replacements and exclusions: by instant, on the wall clock of `DTSTART`.
    fn starts(&self, zone: Zone, until: NaiveDateTime) -> Result<Starts, String> {
        let mut starts = Starts::new();
        let mut put = |at: NaiveDateTime, length: Length| {
            starts.insert(self.start.zone.instant(at), (at, length));
        };
        put(self.start.at, self.length);
        for rule in &self.rules {
            for at in run(rule, self.start, zone, until)? {
                put(at, self.length);
            }
        }
        for (moment, length) in &self.added {
            put(self.start.like(*moment, zone).at, length.unwrap_or(self.length));
        }
        Ok(starts)
    }

    fn once(&self, zone: Zone, weeks: TimeDelta) -> Occurrence {
        self.at(self.start.at, self.length, zone, weeks)
    }

    /// The occurrence that begins at this time on the wall clock of `DTSTART`.
    fn at(&self, at: NaiveDateTime, length: Length, calendar: Zone, weeks: TimeDelta) -> Occurrence {
        let Start { zone, all_day, .. } = self.start;
        let original = zone.instant(at);
        // What is written in UTC lies on somebody's wall clock all the same.
        let (at, zone) = if zone == Zone::UTC && !all_day && !weeks.is_zero() {
            (calendar.local(original).naive_local(), calendar)
        } else {
            (at, zone)
        };
        let at = at + weeks;
        Occurrence {
            component: self.component,
            original: original.timestamp(),
            uid: self.uid.clone(),
            summary: self.summary.clone(),
            status: self.status,
            transparent: self.transparent,
            all_day,
            start: zone.instant(at),
            end: zone.instant(at + length.days) + length.rest,
        }
    }
}

/// Runs a rule on the wall clock of `start`, up to its own end or `until`.
fn run(
    rule: &ICalendarRecurrenceRule,
    start: Start,
    calendar: Zone,
    until: NaiveDateTime,
) -> Result<Vec<NaiveDateTime>, String> {
    let own_end = match &rule.until {
        None => NaiveDateTime::MAX,
        Some(end) => match (moment(end, None, start.zone)?, start.all_day) {
            // The last day is inside.
            (Moment::Day(date), false) => date.and_time(NaiveTime::MIN) + TimeDelta::seconds(86_399),
            (end, _) => start.like(end, calendar).at,
        },
    };
    if own_end < start.at {
        return Err("its RRULE ends before it begins".to_owned());
    }
    if until < start.at {
        return Ok(Vec::new());
    }
    let point = |at: NaiveDateTime| PartialDateTime::from_naive_timestamp(at.and_utc().timestamp());
    let mut rule = rule.clone();
    rule.until = Some(point(own_end.min(until)));
    let event = ICalendarComponent {
        component_type: ICalendarComponentType::VEvent,
        entries: vec![
            ICalendarEntry::new(ICalendarProperty::Dtstart).with_value(point(start.at)),
            ICalendarEntry::new(ICalendarProperty::Rrule).with_value(rule),
        ],
        component_ids: Vec::new(),
    };
    let expanded = ICalendar { components: vec![event] }.expand_dates(NamedZone::Floating, MOST_OCCURRENCES);
    if let Some(error) = expanded.errors.first() {
        return Err(format!("its RRULE cannot be run: {:?}", error.error));
    }
    if expanded.events.len() >= MOST_OCCURRENCES {
        return Err(format!("its RRULE gives more than {MOST_OCCURRENCES} occurrences"));
    }
    Ok(expanded.events.into_iter().map(|event| event.start.naive_local()).collect())
}
