//! One `VEVENT` and its values.

use calcard::common::PartialDateTime;
use calcard::common::timezone::Tz as NamedZone;
use calcard::icalendar::timezone::TzResolver;
use calcard::icalendar::{
    ICalendarComponent, ICalendarDuration, ICalendarEntry, ICalendarParameterName, ICalendarPeriod,
    ICalendarProperty, ICalendarRecurrenceRule, ICalendarStatus, ICalendarTransparency, ICalendarValue,
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use super::super::zone::Zone;

/// A `VEVENT`.
pub(super) struct Event {
    pub(super) component: usize,
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) summary: String,
    pub(super) status: &'static str,
    pub(super) transparent: bool,
    pub(super) sequence: i64,
    pub(super) start: Start,
    pub(super) length: Length,
    pub(super) rules: Vec<ICalendarRecurrenceRule>,
    pub(super) added: Vec<(Moment, Option<Length>)>,
    pub(super) excluded: Vec<Moment>,
    pub(super) replaces: Option<Moment>,
}

/// A wall clock's time. Whole days are midnights in UTC.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) at: NaiveDateTime,
    pub(super) zone: Zone,
    pub(super) all_day: bool,
}

/// A value of a time property.
#[derive(Clone, Copy)]
pub(super) enum Moment {
    Day(NaiveDate),
    Point { at: NaiveDateTime, zone: Zone },
}

/// Days of the calendar, then exact time: `P1D` over a clock change is not 24 hours.
#[derive(Clone, Copy)]
pub(super) struct Length {
    pub(super) days: TimeDelta,
    pub(super) rest: TimeDelta,
}

/// What a component's times are read with.
pub(super) struct Zones<'a> {
    pub(super) named: TzResolver<&'a str>,
    pub(super) calendar: Zone,
}

impl Start {
    pub(super) fn instant(self) -> DateTime<Utc> {
        self.zone.instant(self.at)
    }

    /// A moment in the form of this start: a whole day, or a time on the same zone's wall clock.
    pub(super) fn like(self, moment: Moment, calendar: Zone) -> Start {
        let at = match (moment, self.all_day) {
            (Moment::Day(date), true) => date.and_time(NaiveTime::MIN),
            (Moment::Day(date), false) => date.and_time(self.at.time()),
            (Moment::Point { at, zone }, true) => {
                let zone_of_day = if zone == Zone::UTC { calendar } else { zone };
                let local = zone_of_day.local(zone.instant(at));
                local.date_naive().and_time(NaiveTime::MIN)
            }
            (Moment::Point { at, zone }, false) => self.zone.local(zone.instant(at)).naive_local(),
        };
        Start { at, ..self }
    }
}

/// Reads one `VEVENT`, or says why it cannot be read.
pub(super) fn event(
    component: &ICalendarComponent,
    position: usize,
    name: &str,
    zones: &Zones<'_>,
) -> Result<Event, String> {
    use ICalendarProperty as P;
    let only = |property: &P| component.property(property);
    let first = only(&P::Dtstart).ok_or("it has no DTSTART")?;
    let start = match only_moment(first, zones, zones.calendar)? {
        Moment::Day(date) => Start { at: date.and_time(NaiveTime::MIN), zone: Zone::UTC, all_day: true },
        Moment::Point { at, zone } => Start { at, zone, all_day: false },
    };
    let replaced = only(&P::RecurrenceId);
    if replaced.is_some_and(|id| id.has_parameter(&ICalendarParameterName::Range)) {
        return Err("RECURRENCE-ID with RANGE is not simulated".to_owned());
    }
    if only(&P::Exrule).is_some() {
        return Err("EXRULE is not simulated".to_owned());
    }
    let mut rules = Vec::new();
    for entry in component.properties(&P::Rrule) {
        match entry.values.first() {
            Some(ICalendarValue::RecurrenceRule(rule)) if rule.rscale.is_none() && rule.skip.is_none() => {
                rules.push(rule.as_ref().clone());
            }
            _ => return Err("its RRULE cannot be read".to_owned()),
        }
    }
    let mut added = Vec::new();
    for entry in component.properties(&P::Rdate) {
        for value in &entry.values {
            added.push(added_moment(entry, value, zones, start.zone)?);
        }
    }
    let mut excluded = Vec::new();
    for entry in component.properties(&P::Exdate) {
        for value in &entry.values {
            excluded.push(read_moment(entry, value, zones, start.zone)?);
        }
    }
    let status = match component.status() {
        Some(ICalendarStatus::Tentative) => "tentative",
        Some(ICalendarStatus::Cancelled) => "cancelled",
        _ => "confirmed",
    };
    let sequence = only(&P::Sequence).and_then(|entry| entry.values.first()?.as_integer());
    Ok(Event {
        component: position,
        name: name.to_owned(),
        uid: component.uid().map(str::to_owned),
        summary: text_of(component, &P::Summary).unwrap_or_default().trim().to_owned(),
        status,
        transparent: component.transparency() == Some(&ICalendarTransparency::Transparent),
        sequence: sequence.unwrap_or_default(),
        start,
        length: length(only(&P::Dtend), only(&P::Duration), start, zones)?,
        rules,
        added,
        excluded,
        replaces: replaced.map(|entry| only_moment(entry, zones, start.zone)).transpose()?,
    })
}

fn length(
    end: Option<&ICalendarEntry>,
    duration: Option<&ICalendarEntry>,
    start: Start,
    zones: &Zones<'_>,
) -> Result<Length, String> {
    let length = match (end, duration.map(|entry| entry.values.first())) {
        (Some(end), _) => match (only_moment(end, zones, start.zone)?, start.all_day) {
            (Moment::Day(date), true) => Length { days: date - start.at.date(), rest: TimeDelta::zero() },
            (Moment::Point { at, zone }, false) => {
                Length { days: TimeDelta::zero(), rest: zone.instant(at) - start.instant() }
            }
            (Moment::Day(_), false) | (Moment::Point { .. }, true) => {
                return Err("one of DTSTART and DTEND is a date and the other a time".to_owned());
            }
        },
        (None, Some(Some(ICalendarValue::Duration(duration)))) => duration_of(duration),
        (None, Some(_)) => return Err("its DURATION cannot be read".to_owned()),
        (None, None) => Length { days: TimeDelta::days(i64::from(start.all_day)), rest: TimeDelta::zero() },
    };
    if start.all_day && (length.days < TimeDelta::days(1) || !length.rest.is_zero()) {
        return Err("it is of whole days, but not of one or more".to_owned());
    }
    if length.days < TimeDelta::zero() || length.rest < TimeDelta::zero() {
        return Err("it ends before it begins".to_owned());
    }
    Ok(length)
}

fn duration_of(duration: &ICalendarDuration) -> Length {
    let ICalendarDuration { neg, weeks, days, hours, minutes, seconds } = *duration;
    let sign = if neg { -1 } else { 1 };
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
    let days = i64::from(weeks) * 7 + i64::from(days);
    Length { days: TimeDelta::days(sign * days), rest: TimeDelta::seconds(sign * seconds) }
}

pub(super) fn text_of<'a>(
    component: &'a ICalendarComponent,
    property: &ICalendarProperty,
) -> Option<&'a str> {
    component.property(property)?.values.first()?.as_text()
}

fn only_moment(entry: &ICalendarEntry, zones: &Zones<'_>, floating: Zone) -> Result<Moment, String> {
    match entry.values.first() {
        Some(value) => read_moment(entry, value, zones, floating),
        None => Err(format!("its {} is empty", entry.name.as_str())),
    }
}

fn read_moment(
    entry: &ICalendarEntry,
    value: &ICalendarValue,
    zones: &Zones<'_>,
    floating: Zone,
) -> Result<Moment, String> {
    let zone = zones.of(entry)?;
    let ICalendarValue::PartialDateTime(time) = value else { return unreadable(entry) };
    moment(time, zone, floating)
}

/// A value of `RDATE`: a moment, or a period, which has its own length.
fn added_moment(
    entry: &ICalendarEntry,
    value: &ICalendarValue,
    zones: &Zones<'_>,
    floating: Zone,
) -> Result<(Moment, Option<Length>), String> {
    let ICalendarValue::Period(period) = value else {
        return Ok((read_moment(entry, value, zones, floating)?, None));
    };
    let zone = zones.of(entry)?;
    match period {
        ICalendarPeriod::Range { start, end } => {
            let (start, end) = (moment(start, zone, floating)?, moment(end, zone, floating)?);
            match (start, end) {
                (Moment::Point { at: from, zone: first }, Moment::Point { at: to, zone: last }) => {
                    let rest = last.instant(to) - first.instant(from);
                    Ok((start, Some(Length { days: TimeDelta::zero(), rest })))
                }
                (Moment::Day(_), _) | (_, Moment::Day(_)) => unreadable(entry),
            }
        }
        ICalendarPeriod::Duration { start, duration } => {
            Ok((moment(start, zone, floating)?, Some(duration_of(duration))))
        }
    }
}

fn unreadable<T>(entry: &ICalendarEntry) -> Result<T, String> {
    Err(format!("its {} cannot be read", entry.name.as_str()))
}

/// A time as it is written; without `Z` and without a zone of its own it is in `floating`.
pub(super) fn moment(time: &PartialDateTime, zone: Option<Zone>, floating: Zone) -> Result<Moment, String> {
    let read = time.to_date_time().ok_or("a date in it does not exist")?;
    match (time.hour, time.minute, read.offset) {
        (None, None, None) => Ok(Moment::Day(read.date_time.date())),
        (Some(_), Some(_), None) => Ok(Moment::Point { at: read.date_time, zone: zone.unwrap_or(floating) }),
        (Some(_), Some(_), Some(offset)) if offset.local_minus_utc() == 0 => {
            Ok(Moment::Point { at: read.date_time, zone: Zone::UTC })
        }
        _ => Err("a time in it cannot be read".to_owned()),
    }
}

/// The zone that a file means by a name: IANA's, or what Windows or Outlook call it.
pub(super) fn zone_named(zones: &TzResolver<&str>, name: &str) -> Option<Zone> {
    match zones.resolve(name)? {
        NamedZone::Tz(zone) => zone.name().parse().ok(),
        NamedZone::Fixed(_) | NamedZone::Floating => None,
    }
}

impl Zones<'_> {
    /// The zone that a property names.
    fn of(&self, entry: &ICalendarEntry) -> Result<Option<Zone>, String> {
        let Some(name) = entry.tz_id() else { return Ok(None) };
        let zone = zone_named(&self.named, name).ok_or_else(|| format!("its zone {name:?} is unknown"))?;
        Ok(Some(zone))
    }
}
