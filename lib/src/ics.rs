//! A booking as an iCalendar file (RFC 5545, RFC 5546), as its guest puts it into a calendar of their own.
//!
//! Two rules. What people wrote stays text: it can end no line, begin no property and leave no parameter. And the
//! instants read back are the booking's, whoever reads: times are in the guest's zone, which is described around
//! them, and in UTC where the clocks show a time twice.

use std::fmt::Write as _;

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::{OffsetComponents as _, OffsetName as _, Tz};
use icalendar::{Component as _, Event, EventLike as _, EventStatus, Property};

use crate::domain::{Booking, BookingStatus, Offsets, Span, Tick};

/// In octets, without its end.
const LONGEST_LINE: usize = 75;

/// What the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To be downloaded: nobody is asked for anything.
    Publish,
    /// With a mail that tells its guest of a new or changed booking.
    Request,
    /// With a mail that tells its guest that the booking was called off.
    Cancel,
}

impl Method {
    /// As the file and the content type of a mail's part name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
        }
    }
}

/// What goes around a booking.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    /// What the file is for.
    pub method: Method,
    /// When it is made.
    pub now: DateTime<Utc>,
    /// The address that answers go to. Calendars take a `Request` or a `Cancel` only with one.
    pub organizer: Option<&'a str>,
    /// The page on which the guest can move and cancel the booking: a capability, for the guest's file alone.
    pub manage_url: Option<&'a str>,
}

/// The file, with `CRLF` line ends, in UTF-8.
pub fn calendar(booking: &Booking, sheet: &Sheet<'_>) -> String {
    let zone = booking.guest.time_zone;
    let span = booking.span();
    let is_zoned =
        zone != Tz::UTC && [span.start, span.end].iter().all(|at| is_shown_once(zone, at.instant()));
    let mut file = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Holdfast//Holdfast//EN\r\n");
    file.push_str("CALSCALE:GREGORIAN\r\n");
    push_line(&mut file, "METHOD", sheet.method.as_str());
    if is_zoned {
        push_zone(&mut file, zone, span);
    }
    let event = event(booking, sheet, is_zoned.then_some(zone)).try_into_string().unwrap_or_default();
    // `icalendar` folds lines to 76 octets where it should to 75.
    for line in event.replace("\r\n ", "").split_terminator("\r\n") {
        push_folded(&mut file, line);
    }
    file.push_str("END:VCALENDAR\r\n");
    file
}

/// What the booking is called in its guest's calendar.
pub fn title(booking: &Booking) -> String {
    match booking.terms.host_name.trim() {
        "" => booking.title.clone(),
        host => format!("{} ({host})", booking.title),
    }
}

fn event(booking: &Booking, sheet: &Sheet<'_>, zone: Option<Tz>) -> Event {
    let mut event = Event::new();
    event
        .uid(&format!("{}@holdfast", booking.id))
        .timestamp(sheet.now)
        .created(booking.created_at)
        .sequence(u32::try_from(booking.version.saturating_sub(1)).unwrap_or(u32::MAX))
        .status(status(booking.status))
        .summary(&text(&title(booking)))
        .append_property(when("DTSTART", booking.span().start.instant(), zone))
        .append_property(when("DTEND", booking.span().end.instant(), zone))
        .append_property(Property::new("TRANSP", "OPAQUE"));
    let description = description(booking, sheet);
    if !description.is_empty() {
        event.description(&text(&description));
    }
    if let Some(place) = booking.place() {
        event.location(&text(place));
    }
    if let Some(url) = sheet.manage_url.or(booking.join_url()) {
        event.append_property(Property::new("URL", word(url)));
    }
    if let Some(organizer) = sheet.organizer {
        event.append_property(person("ORGANIZER", &booking.terms.host_name, organizer));
    }
    // What is published names no attendees (RFC 5546, 3.2.1).
    if sheet.method != Method::Publish {
        let mut guest = person("ATTENDEE", &booking.guest.name, &booking.guest.email);
        guest
            .add_parameter("CUTYPE", "INDIVIDUAL")
            .add_parameter("ROLE", "REQ-PARTICIPANT")
            .add_parameter("PARTSTAT", "ACCEPTED")
            .add_parameter("RSVP", "FALSE");
        event.append_property(guest);
    }
    event
}

fn status(status: BookingStatus) -> EventStatus {
    match status {
        BookingStatus::Pending => EventStatus::Tentative,
        BookingStatus::Cancelled | BookingStatus::Declined => EventStatus::Cancelled,
        BookingStatus::Confirmed
        | BookingStatus::InProgress
        | BookingStatus::Completed
        | BookingStatus::NoShow => EventStatus::Confirmed,
    }
}

/// Lines that need no translation: with whom, where, what the guest had to say, and where it can be changed.
fn description(booking: &Booking, sheet: &Sheet<'_>) -> String {
    let lines = [
        Some(booking.terms.tenant_name.as_str()),
        booking.place(),
        booking.notes.as_deref(),
        sheet.manage_url,
    ];
    let lines: Vec<_> = lines.into_iter().flatten().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

fn person(property: &str, name: &str, email: &str) -> Property {
    let mut person = Property::new(property, format!("mailto:{}", word(email)));
    // A parameter has no escapes that all readers know (RFC 6868), and some take a backslash for one.
    let name = text(name).replace('"', "'").replace('\\', "/").replace(['\n', '\t', '^'], " ");
    if !name.trim().is_empty() {
        person.add_parameter("CN", name.trim());
    }
    person
}

/// Text without what could end a line for one reader or another. Line breaks are escaped where it is written.
fn text(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// A value that has no spaces and no escapes.
fn word(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect()
}

fn when(name: &str, at: DateTime<Utc>, zone: Option<Tz>) -> Property {
    match zone {
        Some(zone) => {
            let local = at.with_timezone(&zone).naive_local();
            Property::new(name, local_time(local)).add_parameter("TZID", zone.name()).done()
        }
        None => Property::new(name, format!("{}Z", local_time(at.naive_utc()))),
    }
}

fn local_time(local: NaiveDateTime) -> String {
    local.format("%Y%m%dT%H%M%S").to_string()
}

/// Whether the clocks show this time once. Shown twice, it means the first (RFC 5545, 3.3.5), and not every reader
/// knows that.
fn is_shown_once(zone: Tz, at: DateTime<Utc>) -> bool {
    let local = at.with_timezone(&zone).naive_local();
    zone.from_local_datetime(&local).single().is_some_and(|shown| shown.to_utc() == at)
}

/// The zone from a year before the event to a year after it, each change of its offset by itself: a rule would say
/// more than is known, and readers differ in how they expand one.
fn push_zone(file: &mut String, zone: Tz, span: Span) {
    let year = Duration::days(366);
    let from = Tick::floor(span.start.instant() - year);
    let offsets = Offsets::over(zone, Span::new(from, Tick::ceil(span.end.instant() + year)));
    file.push_str("BEGIN:VTIMEZONE\r\n");
    push_line(file, "TZID", zone.name());
    let first = offsets.at(from);
    push_observance(file, zone, from.instant(), first, first);
    for change in offsets.changes() {
        push_observance(file, zone, change.at, change.before, change.after);
    }
    file.push_str("END:VTIMEZONE\r\n");
}

fn push_observance(file: &mut String, zone: Tz, at: DateTime<Utc>, before: i32, after: i32) {
    let named = zone.offset_from_utc_datetime(&at.naive_utc());
    let kind = if named.dst_offset() > Duration::zero() { "DAYLIGHT" } else { "STANDARD" };
    let onset = (at + Duration::seconds(i64::from(before))).naive_utc();
    push_line(file, "BEGIN", kind);
    push_line(file, "DTSTART", &local_time(onset));
    push_line(file, "TZOFFSETFROM", &utc_offset(before));
    push_line(file, "TZOFFSETTO", &utc_offset(after));
    if let Some(name) = named.abbreviation() {
        push_line(file, "TZNAME", name);
    }
    push_line(file, "END", kind);
}

/// `+0530`; with seconds only where there are any.
fn utc_offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let mut offset = format!("{sign}{:02}{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 {
        // Writing to a string does not fail.
        write!(offset, "{:02}", seconds % 60).unwrap_or_default();
    }
    offset
}

/// A line of any length, in pieces of at most 75 octets each (RFC 5545, 3.1).
fn push_folded(file: &mut String, line: &str) {
    let mut octets = 0;
    for letter in line.chars() {
        octets += letter.len_utf8();
        if octets > LONGEST_LINE {
            file.push_str("\r\n ");
            octets = 1 + letter.len_utf8();
        }
        file.push(letter);
    }
    file.push_str("\r\n");
}

fn push_line(file: &mut String, name: &str, value: &str) {
    file.push_str(name);
    file.push(':');
    file.push_str(value);
    file.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a description of a zone says of a local time: the offset of the last onset that is not after it
    /// (RFC 5545, 3.6.5).
    fn offset_by(zone: &str, local: NaiveDateTime) -> i64 {
        let time = |text: &str| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").unwrap();
        let mut onsets = Vec::new();
        let mut onset = None;
        for line in zone.lines() {
            match line.split_once(':').unwrap() {
                ("DTSTART", text) => onset = Some(time(text)),
                ("TZOFFSETTO", text) => {
                    let (sign, digits) = text.split_at(1);
                    let part =
                        |at: usize| digits.get(at..at + 2).map_or(0, |two| two.parse::<i64>().unwrap());
                    let seconds = part(0) * 3600 + part(2) * 60 + part(4);
                    onsets.push((onset.unwrap(), if sign == "-" { -seconds } else { seconds }));
                }
                _ => {}
            }
        }
        onsets.into_iter().rev().find(|(onset, _)| *onset <= local).unwrap().1
    }

    #[test]
    fn every_zone_is_described_so_that_any_time_around_the_event_reads_back() {
        let middle = Tick::exact("2026-11-24T10:00:00Z".parse().unwrap()).unwrap();
        let mut changes = 0;
        for zone in chrono_tz::TZ_VARIANTS {
            let span = Span::new(middle, middle + crate::domain::Ticks::ONE);
            let mut file = String::new();
            push_zone(&mut file, zone, span);
            assert!(file.lines().all(|line| line.len() <= 75) && file.contains("\r\nTZOFFSETFROM:"));
            let year = Span::new(Tick::floor(middle.instant() - Duration::days(360)), middle);
            let found: Vec<_> = Offsets::over(zone, year).changes().collect();
            changes += found.len();
            let around = found
                .iter()
                .flat_map(|change| [-5, 0, 5].map(|minutes| change.at + Duration::minutes(minutes)));
            let fixed = [-300, -100, 0, 100, 300].map(|days| middle.instant() + Duration::days(days));
            for at in around.chain(fixed).filter(|at| is_shown_once(zone, *at)) {
                let local = at.with_timezone(&zone).naive_local();
                let read = local - Duration::seconds(offset_by(&file, local));
                assert_eq!(read.and_utc(), at, "{zone}\n{file}");
            }
        }
        assert!(changes > 200, "only {changes} changes were seen");
    }

    #[test]
    fn an_offset_has_seconds_only_where_there_are_any() {
        assert_eq!([0, 19_800, -12_600, -2670].map(utc_offset), ["+0000", "+0530", "-0330", "-004430"]);
    }
}
