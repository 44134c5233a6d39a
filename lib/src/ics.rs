//! A booking as an iCalendar file (RFC 5545, RFC 5546), as its guest puts it into a calendar of their own.
//!
//! Two rules. What people wrote stays text: it can end no line, begin no property and leave no parameter. And times are
//! instants in UTC: a reader shows them in its owner's zone, and no older time zone database of its own moves them.

use chrono::{DateTime, Utc};
use icalendar::{Component as _, Event, EventLike as _, EventStatus, Property};

use crate::domain::{Booking, BookingStatus};

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
    let mut file = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Holdfast//Holdfast//EN\r\n");
    file.push_str("CALSCALE:GREGORIAN\r\n");
    push_line(&mut file, "METHOD", sheet.method.as_str());
    let event = event(booking, sheet).try_into_string().unwrap_or_default();
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

fn event(booking: &Booking, sheet: &Sheet<'_>) -> Event {
    let mut event = Event::new();
    event
        .uid(&format!("{}@holdfast", booking.id))
        .timestamp(sheet.now)
        .created(booking.created_at)
        .sequence(u32::try_from(booking.version.saturating_sub(1)).unwrap_or(u32::MAX))
        .status(status(booking.status))
        .summary(&text(&title(booking)))
        .append_property(when("DTSTART", booking.span().start.instant()))
        .append_property(when("DTEND", booking.span().end.instant()))
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

fn when(name: &str, at: DateTime<Utc>) -> Property {
    Property::new(name, at.format("%Y%m%dT%H%M%SZ").to_string())
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
