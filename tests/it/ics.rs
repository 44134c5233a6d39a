//! A booking as an iCalendar file, read back by others: `calcard` always and, where there is an interpreter that has
//! it, Python's `icalendar` (see `calendars`).

use std::process::Command;

use calcard::icalendar::{ICalendar, ICalendarComponentType, ICalendarParameterName, ICalendarProperty as P};
use calcard::{Entry, Parser};
use chrono::{DateTime, TimeDelta, Utc};
use holdfast::domain::{Booking, BookingStatus, Conference, Location, Offsets, Span, Tick, Zone};
use holdfast::ics::{Method, Sheet, calendar};
use serde_json::{Value, json};
use tests::TestApp;

use crate::calendars::python;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/read_ics.py");

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn sheet(method: Method) -> Sheet<'static> {
    Sheet {
        method,
        now: at("2026-11-23T06:00:00Z"),
        organizer: Some("bookings@example.com"),
        manage_url: Some("https://book.example/m/bkg_1#token"),
    }
}

/// A booking of half an hour as it is stored.
async fn a_booking() -> Booking {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", "2026-11-24T10:00:00Z").await.expect(201).clone();
    let mut booking = app.stored(booking["id"].as_str().unwrap()).await;
    booking.terms.tenant_name = String::from("Analytical Engines");
    booking.id = "bkg_ada1".parse().unwrap();
    booking
}

/// The only object in a file, by `calcard`.
fn parsed(file: &str) -> ICalendar {
    let mut parser = Parser::new(file);
    let Entry::ICalendar(read) = parser.entry() else { panic!("no calendar: {file}") };
    assert_eq!(parser.entry(), Entry::Eof, "{file}");
    read
}

/// What it says of its event under a name, as text.
fn said(read: &ICalendar, property: &P) -> Option<String> {
    let is_event = |part: &&calcard::icalendar::ICalendarComponent| {
        part.component_type == ICalendarComponentType::VEvent
    };
    let event = read.components.iter().find(is_event).expect("an event");
    let value = event.property(property)?.values.first()?;
    Some(value.as_text().expect("a text").to_owned())
}

/// Start and end of the event. They are written in UTC, so no zone is looked up.
fn times(read: &ICalendar) -> [DateTime<Utc>; 2] {
    let event = read.components.iter().find(|part| part.component_type == ICalendarComponentType::VEvent);
    [P::Dtstart, P::Dtend].map(|property| {
        let entry = event.unwrap().property(&property).unwrap();
        let time = entry.values.first().unwrap().as_partial_date_time().unwrap();
        let time = time.to_date_time().unwrap();
        let offset = time.offset.map(|offset| offset.local_minus_utc());
        assert_eq!((entry.tz_id(), offset), (None, Some(0)));
        time.date_time.and_utc()
    })
}

/// Lines end in CRLF and have at most 75 octets (RFC 5545, 3.1).
fn is_well_formed(file: &str) {
    assert!(file.ends_with("END:VCALENDAR\r\n"));
    for line in file.split("\r\n") {
        assert!(line.len() <= 75, "{} octets: {line}", line.len());
        assert!(!line.contains(['\r', '\n']), "{line:?}");
    }
}

#[tokio::test]
async fn a_booking_is_an_event_in_utc() {
    let mut booking = a_booking().await;
    booking.terms.location = Some(Location::VideoLink { url: "https://video.example/ada".to_owned() });
    let file = calendar(&booking, &sheet(Method::Publish));
    is_well_formed(&file);
    let unfolded = file.replace("\r\n ", "").replace("\r\n", "\n");
    insta::assert_snapshot!(unfolded, @r"
    BEGIN:VCALENDAR
    VERSION:2.0
    PRODID:-//Holdfast//Holdfast//EN
    CALSCALE:GREGORIAN
    METHOD:PUBLISH
    BEGIN:VEVENT
    CREATED:20261123T060000Z
    DESCRIPTION:Analytical Engines\nhttps://video.example/ada\nhttps://book.example/m/bkg_1#token
    DTEND:20261124T103000Z
    DTSTAMP:20261123T060000Z
    DTSTART:20261124T100000Z
    LOCATION:https://video.example/ada
    ORGANIZER;CN=Ada Lovelace:mailto:bookings@example.com
    SEQUENCE:0
    STATUS:CONFIRMED
    SUMMARY:Intro call (Ada Lovelace)
    TRANSP:OPAQUE
    UID:bkg_ada1@holdfast
    URL:https://book.example/m/bkg_1#token
    END:VEVENT
    END:VCALENDAR
    ");
}

#[tokio::test]
async fn its_status_and_sequence_follow_the_booking() {
    let mut booking = a_booking().await;
    for (status, expected) in [
        (BookingStatus::Pending, "TENTATIVE"),
        (BookingStatus::Confirmed, "CONFIRMED"),
        (BookingStatus::InProgress, "CONFIRMED"),
        (BookingStatus::Completed, "CONFIRMED"),
        (BookingStatus::NoShow, "CONFIRMED"),
        (BookingStatus::Cancelled, "CANCELLED"),
        (BookingStatus::Declined, "CANCELLED"),
    ] {
        booking.status = status;
        booking.version += 1;
        let file = calendar(&booking, &sheet(Method::Cancel));
        let lines: Vec<_> = file.lines().collect();
        let sequence = format!("SEQUENCE:{}", booking.version - 1);
        for expected in [format!("STATUS:{expected}"), sequence, "METHOD:CANCEL".to_owned()] {
            assert!(lines.contains(&expected.as_str()), "{expected} in {file}");
        }
        assert!(lines.contains(&"UID:bkg_ada1@holdfast"), "{file}");
    }
}

#[tokio::test]
async fn a_mail_names_its_guest_and_a_meet_is_its_place_once_there() {
    let mut booking = a_booking().await;
    booking.terms.location = Some(Location::Conference);
    booking.conference = Some(Conference::Pending);
    let file = calendar(&booking, &sheet(Method::Request));
    assert_eq!(said(&parsed(&file), &P::Location), None);
    assert!(file.contains("METHOD:REQUEST\r\n") && file.contains("mailto:mary@example.com"), "{file}");
    let meet = "https://meet.google.com/abc-defg-hij";
    booking.conference = Some(Conference::Ready { url: meet.to_owned() });
    let file = calendar(&booking, &Sheet { manage_url: None, ..sheet(Method::Publish) });
    let read = parsed(&file);
    assert_eq!(
        (said(&read, &P::Location).as_deref(), said(&read, &P::Url).as_deref()),
        (Some(meet), Some(meet))
    );
    assert!(!file.contains("mary@example.com"), "what is published names no attendees");
}

/// Texts that would be something else if they were not text.
const STRANGE: [&str; 10] = [
    "Grace; Hopper, Rear Admiral: \"Amazing\" \\ Grace",
    "a\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:other",
    "a\nATTENDEE:mailto:evil@example.com",
    "a\rSTATUS:CANCELLED",
    "a\u{2028}STATUS:CANCELLED\u{85}METHOD:CANCEL\u{b}X:1\u{c}Y:2",
    "\"quoted\"",
    "x\":mailto:evil@example.com",
    "<script>alert('&')</script>",
    "\\n\\, \\; ^n ^' =?utf-8?q?x?=",
    "Ада Лавлейс 愛 \u{1f9ee}\u{200d}\u{1f469} naïve naïve naïve naïve naïve naïve naïve naïve naïve naïve naïve",
];

#[tokio::test]
async fn what_people_write_stays_text() {
    let mut booking = a_booking().await;
    let mut files = String::new();
    let mut expected = Vec::new();
    for strange in STRANGE {
        booking.title = strange.to_owned();
        booking.guest.name = strange.to_owned();
        booking.notes = Some(strange.to_owned());
        booking.terms.location = Some(Location::InPerson { address: strange.to_owned() });
        let file = calendar(&booking, &sheet(Method::Request));
        is_well_formed(&file);
        let read = parsed(&file);
        let kinds: Vec<_> = read.components.iter().map(|part| part.component_type.as_str()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "VEVENT").count(), 1, "{file}");
        // Whatever could end a line is a line break; other control characters are gone.
        let text = strange.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}'], "\n");
        let text = text.replace(['\u{b}', '\u{c}'], "");
        let name = text.replace(['\n', '^'], " ").replace('"', "'").replace('\\', "/");
        let summary = format!("{text} (Ada Lovelace)");
        let description = format!("Analytical Engines\n{text}\n{text}\nhttps://book.example/m/bkg_1#token");
        assert_eq!(said(&read, &P::Summary).as_deref(), Some(summary.as_str()));
        assert_eq!(said(&read, &P::Description).as_deref(), Some(description.as_str()));
        assert_eq!(said(&read, &P::Location).as_deref(), Some(text.as_str()));
        assert_eq!(said(&read, &P::Uid).as_deref(), Some("bkg_ada1@holdfast"));
        let event = read
            .components
            .iter()
            .find(|part| part.component_type == ICalendarComponentType::VEvent)
            .unwrap();
        assert_eq!(event.properties(&P::Attendee).count(), 1);
        let guest = event.property(&P::Attendee).unwrap();
        let named = guest.parameter(&ICalendarParameterName::Cn).unwrap().as_text();
        assert_eq!(named, Some(name.as_str()));
        assert_eq!(guest.calendar_address(), Some("mary@example.com"));
        files.push_str(&file);
        expected.push(json!({
            "SUMMARY": summary, "DESCRIPTION": description, "LOCATION": text, "CN": name,
        }));
    }
    if let Some(read) = read_by_python(&files) {
        let texts: Vec<_> = read.iter().map(|one| one["text"].clone()).collect();
        assert_eq!(texts, expected);
    }
}

#[tokio::test]
async fn what_a_guest_writes_is_text_in_the_file_that_is_downloaded_too() {
    let app = TestApp::without_stream().await;
    let nasty = "<script>alert('&')</script>\"";
    let guest = json!({ "name": nasty, "email": "mary@example.com", "time_zone": "UTC" });
    let body =
        json!({ "event_type": "intro", "start": "2026-11-24T10:00:00Z", "guest": guest, "notes": nasty });
    let booking = app.book(&body).await.expect(201).clone();
    let [id, token] = ["id", "manage_token"].map(|field| booking[field].as_str().unwrap());
    let path = format!("/v1/tenants/demo/bookings/{id}/calendar.ics");
    let answer = app.send_as(token, reqwest::Method::GET, &path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // No browser takes it for a page.
    for (name, value) in [
        ("content-type", "text/calendar; charset=utf-8; method=PUBLISH"),
        ("content-disposition", "attachment; filename=\"booking.ics\""),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(value));
    }
    is_well_formed(&answer.text);
    let read = parsed(&answer.text);
    assert!(said(&read, &P::Description).unwrap().contains(nasty), "{}", answer.text);
}

/// Some instants of interest in a zone: summer, winter, leap day, and around each change of its clocks.
fn instants(zone: Zone) -> Vec<DateTime<Utc>> {
    let mut instants: Vec<_> =
        ["2026-01-15T12:00:00Z", "2026-07-15T23:40:00Z", "2028-02-29T00:00:00Z"].map(at).into();
    let years = Span::new(Tick::floor(at("2026-06-01T00:00:00Z")), Tick::floor(at("2027-06-01T00:00:00Z")));
    for change in Offsets::over(zone, years).changes() {
        // The last starts before, within and after the hour that the clocks show twice or not at all.
        instants.extend([-60, -30, -5, 0, 30, 60].map(|minutes| change.at + TimeDelta::minutes(minutes)));
    }
    instants
}

#[tokio::test]
async fn the_instants_of_every_zone_are_read_back_as_they_were() {
    let mut booking = a_booking().await;
    let mut files = String::new();
    let mut expected = Vec::new();
    for zone in Zone::all() {
        for instant in instants(zone) {
            booking.guest.time_zone = zone;
            booking.start = Tick::floor(instant);
            let span = booking.span();
            let (start, end) = (span.start.instant(), span.end.instant());
            let file = calendar(&booking, &sheet(Method::Publish));
            is_well_formed(&file);
            assert!(!file.contains("TZID"), "a zone that a reader could look up: {file}");
            assert_eq!(times(&parsed(&file)), [start, end], "{file}");
            files.push_str(&file);
            expected.push([start, end].map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()));
        }
    }
    assert!(expected.len() > 2000, "only {} files", expected.len());
    let Some(read) = read_by_python(&files) else { return };
    assert_eq!(read.len(), expected.len());
    for (read, expected) in read.iter().zip(&expected) {
        let expected = json!(expected);
        assert_eq!(read["times"], expected, "{read}");
        assert_eq!(read["occurrences"], json!([expected]), "{read}");
    }
}

/// What Python's `icalendar` reads; `None` where there is none.
fn read_by_python(files: &str) -> Option<Vec<Value>> {
    let python = python("recurring_ical_events")?;
    let name = format!("holdfast-{}-{}.ics", std::process::id(), files.len());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, files).unwrap();
    let done = Command::new(python).arg(SCRIPT).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(serde_json::from_slice(&done.stdout).unwrap())
}
