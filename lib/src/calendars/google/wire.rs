//! The shapes of Google's answers (discovery document of `calendar:v3`) and what an event in them means for its
//! owner's time. Doubt blocks: an event whose times cannot be read makes its calendar unreadable.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::names::{event_id, event_key};
use crate::calendars::{
    CalendarError, CalendarEvent, CalendarId, CalendarInfo, EventDraft, EventKey, Guest, Placed, Written,
};
use crate::domain::{Conference, IntegrationId, Span, Tick, Visibility, Zone};

/// The private property under which an event of ours names its integration.
pub(super) const OWNER_PROPERTY: &str = "holdfast_integration";
/// The private property under which an event of ours names its booking.
const BOOKING_PROPERTY: &str = "holdfast_booking";
/// The private property that says what we wrote last: start and end in seconds since 1970, and the booking's version. It
/// stays when a person changes the event.
const WRITTEN_PROPERTY: &str = "holdfast_written";

/// One page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    /// What kind of list this is. Asked for because an empty list may come without `items`, and nothing that
    /// merely happens to be JSON shall pass for "no events".
    pub kind: String,
    pub next_page_token: Option<String>,
    /// The zone of the calendar, in lists of events.
    pub time_zone: Option<String>,
    #[serde(default = "Vec::new")]
    pub items: Vec<T>,
}

/// An entry of the account's list of calendars.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedCalendar {
    pub id: String,
    pub summary: Option<String>,
    pub summary_override: Option<String>,
    pub time_zone: Option<String>,
    #[serde(default)]
    pub primary: bool,
    #[serde(default)]
    pub deleted: bool,
    pub access_role: Option<String>,
    pub data_owner: Option<String>,
}

impl ListedCalendar {
    /// The entry in our words; `account` is the mail address of the account, the id of its primary calendar.
    pub(super) fn into_info(self, account: Option<&str>) -> Result<CalendarInfo, CalendarError> {
        let id: CalendarId = self.id.clone().try_into().map_err(|_malformed| CalendarError::Unreadable)?;
        let role = self.access_role.as_deref();
        // Several people can have the owner's role; the calendar belongs to its data owner alone.
        let theirs = self.data_owner.as_deref().is_some_and(|owner| Some(owner) != account);
        Ok(CalendarInfo {
            id,
            name: self.summary_override.or(self.summary).unwrap_or(self.id),
            primary: self.primary,
            writable: matches!(role, Some("owner" | "writer" | "writerWithoutPrivateAccess")),
            owned: role == Some("owner") && !theirs,
            time_zone: self.time_zone,
        })
    }
}

/// An answer to `freeBusy.query`.
#[derive(Deserialize)]
pub(super) struct FreeBusy {
    pub calendars: HashMap<String, FreeBusyCalendar>,
}

#[derive(Deserialize)]
pub(super) struct FreeBusyCalendar {
    #[serde(default)]
    pub busy: Vec<Period>,
    #[serde(default)]
    pub errors: Vec<Reason>,
}

#[derive(Deserialize)]
pub(super) struct Period {
    start: String,
    end: String,
}

impl Period {
    /// The time on the grid, or `None` when it cannot be read.
    pub(super) fn span(&self) -> Option<Span> {
        span(instant(&self.start)?, instant(&self.end)?)
    }
}

#[derive(Deserialize)]
pub(super) struct Reason {
    #[serde(default)]
    pub reason: String,
}

/// The part of an event that [`Event::read`] needs, as a `fields` mask.
pub(super) const EVENT_FIELDS: &str =
    "id,status,transparency,eventType,start,end,attendees(self,responseStatus),extendedProperties/private";

/// An event. Every field may be missing: a deleted one has only its id.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub id: String,
    pub etag: Option<String>,
    pub status: Option<String>,
    pub transparency: Option<String>,
    #[serde(rename = "eventType")]
    pub sort: Option<String>,
    pub start: Option<When>,
    pub end: Option<When>,
    #[serde(default)]
    pub attendees: Vec<Attendee>,
    #[serde(default)]
    pub extended_properties: Properties,
    pub hangout_link: Option<String>,
    pub conference_data: Option<ConferenceData>,
}

/// The video conference of an event, which Google makes in its own time.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConferenceData {
    create_request: Option<CreateRequest>,
    #[serde(default)]
    entry_points: Vec<EntryPoint>,
}

#[derive(Deserialize)]
struct CreateRequest {
    status: Option<CreateStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateStatus {
    status_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryPoint {
    entry_point_type: Option<String>,
    uri: Option<String>,
}

/// An instant (`dateTime`) or a whole day in the calendar's zone (`date`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct When {
    date: Option<String>,
    date_time: Option<String>,
    time_zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attendee {
    #[serde(rename = "self", default)]
    is_self: bool,
    response_status: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Properties {
    #[serde(default)]
    private: HashMap<String, String>,
}

/// What an event means for its owner's time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nothing: it was cancelled, or leaves its owner free at a time that cannot be read.
    Free,
    /// It has this time, and takes it or not.
    Event(CalendarEvent),
    /// It has no times that can be read.
    Unreadable,
}

impl Event {
    /// Reads an event of a calendar in this zone; `owner` is that of our marks.
    pub(super) fn read(&self, zone: Option<Zone>, owner: &IntegrationId) -> Reading {
        if self.is_cancelled() {
            return Reading::Free;
        }
        let (key, blocks) = (self.key(owner), self.blocks());
        let span = self.times(zone).and_then(|(starts_at, ends_at)| span(starts_at, ends_at));
        match (span, self.id.parse()) {
            (Some(span), Ok(id)) => Reading::Event(CalendarEvent { id, key, span, blocks }),
            (None, _) if !blocks && key.is_none() => Reading::Free,
            (_, _) => Reading::Unreadable,
        }
    }

    /// What one's own read or write of an event says. `Gone` when it was cancelled.
    pub(super) fn placed(self, zone: Option<Zone>) -> Result<Placed, CalendarError> {
        if self.is_cancelled() {
            return Err(CalendarError::Gone);
        }
        let (starts_at, ends_at) = self.times(zone).ok_or(CalendarError::Unreadable)?;
        let (conference, written) = (self.conference(), self.written());
        let id = self.id.parse().map_err(|_invalid| CalendarError::Unreadable)?;
        Ok(Placed { id, etag: self.etag, starts_at, ends_at, written, conference })
    }

    /// Its video conference. What was made without a way in is not there yet.
    fn conference(&self) -> Option<Conference> {
        let data = self.conference_data.as_ref();
        let video = data.and_then(|data| {
            let is_video = |entry: &&EntryPoint| entry.entry_point_type.as_deref() == Some("video");
            data.entry_points.iter().find(is_video)?.uri.as_deref()
        });
        let link = video.or(self.hangout_link.as_deref()).filter(|url| is_link(url));
        if let Some(url) = link {
            return Some(Conference::Ready { url: url.to_owned() });
        }
        let status = data?.create_request.as_ref()?.status.as_ref()?.status_code.as_deref()?;
        Some(if status == "failure" { Conference::Failed } else { Conference::Pending })
    }

    /// Whether it has a date without a time, and so needs its calendar's zone to be understood.
    pub(super) fn is_all_day(&self) -> bool {
        !self.is_cancelled() && self.start.as_ref().is_some_and(|start| start.date.is_some())
    }

    fn is_cancelled(&self) -> bool {
        self.status.as_deref() == Some("cancelled")
    }

    /// Whether it takes its owner's time. Focus time and out of office do; so does what Gmail finds in a booking
    /// confirmation, unless it is marked free like any other: its owner is on that train.
    fn blocks(&self) -> bool {
        let marked_free = self.transparency.as_deref() == Some("transparent");
        let says_nothing = matches!(self.sort.as_deref(), Some("workingLocation" | "birthday"));
        let declined = self
            .attendees
            .iter()
            .any(|attendee| attendee.is_self && attendee.response_status.as_deref() == Some("declined"));
        !(marked_free || says_nothing || declined)
    }

    fn mark(&self, name: &str) -> Option<&str> {
        self.extended_properties.private.get(name).map(String::as_str)
    }

    /// The key under which we made it: its id leads to one, and its marks agree.
    fn key(&self, owner: &IntegrationId) -> Option<EventKey> {
        let key = event_key(&self.id.parse().ok()?)?;
        let is_marked = self.mark(OWNER_PROPERTY) == Some(owner.as_str())
            && self.mark(BOOKING_PROPERTY) == Some(key.booking.as_str());
        is_marked.then_some(key)
    }

    fn written(&self) -> Option<Written> {
        let mut words = self.mark(WRITTEN_PROPERTY)?.split(' ');
        let mut instant = || DateTime::from_timestamp(words.next()?.parse().ok()?, 0).and_then(Tick::exact);
        let (start, end) = (instant()?, instant()?);
        let version = words.next()?.parse().ok()?;
        (start <= end).then(|| Written { version, span: Span::new(start, end) })
    }

    fn times(&self, zone: Option<Zone>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let starts_at = self.start.as_ref()?.instant(zone, Edge::Start)?;
        let ends_at = self.end.as_ref()?.instant(zone, Edge::End)?;
        (starts_at <= ends_at).then_some((starts_at, ends_at))
    }
}

#[derive(Clone, Copy)]
enum Edge {
    Start,
    End,
}

impl When {
    fn instant(&self, calendar_zone: Option<Zone>, edge: Edge) -> Option<DateTime<Utc>> {
        match (&self.date_time, &self.date) {
            (Some(text), _) => instant(text).or_else(|| {
                // The contract lets the offset be left out when a zone stands beside it.
                let local = text.parse::<NaiveDateTime>().ok()?;
                in_zone(local, self.time_zone.as_deref()?.parse().ok()?, edge)
            }),
            (None, Some(text)) => {
                let midnight = text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN);
                in_zone(midnight, calendar_zone?, edge)
            }
            (None, None) => None,
        }
    }
}

/// A local time as an instant, outward where the zone leaves a choice: of two, the earlier one starts and the
/// later one ends. A local time that is skipped (midnight in Cairo, a whole day in Apia) is the first after it.
fn in_zone(local: NaiveDateTime, zone: Zone, edge: Edge) -> Option<DateTime<Utc>> {
    let longest_gap = 4 * 25;
    (0..=longest_gap).find_map(|quarter| {
        let found = zone.from_local_datetime(&(local + TimeDelta::minutes(15 * quarter)));
        let found = match edge {
            Edge::Start => found.earliest(),
            Edge::End => found.latest(),
        };
        found.map(|instant| instant.to_utc())
    })
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc())
}

fn span(start: DateTime<Utc>, end: DateTime<Utc>) -> Option<Span> {
    (start <= end).then(|| Span::outward(start, end))
}

/// The body of `events.insert`.
pub(super) fn insert_body(draft: &EventDraft) -> Value {
    let zone = draft.time_zone.name();
    let mut body = owned_fields(draft, |at| json!({ "dateTime": rfc3339(at), "timeZone": zone }));
    if let Some(fields) = body.as_object_mut() {
        let invite = |guest: &Guest| json!({ "email": guest.email, "displayName": guest.name });
        fields.insert("id".to_owned(), json!(event_id(&draft.key).as_str()));
        fields.insert("attendees".to_owned(), draft.guest.iter().map(invite).collect());
    }
    body
}

/// The body of `events.patch`: what is ours in an event that stands. Without its null, an event that its owner
/// had stretched over the whole day would end up with both a date and a time, which Google refuses.
///
/// The attendees are left out. A patch replaces arrays whole: it would throw out colleagues whom the host added,
/// and forget every answer that the guest gave.
pub(super) fn patch_body(draft: &EventDraft) -> Value {
    let zone = draft.time_zone.name();
    owned_fields(draft, |at| json!({ "dateTime": rfc3339(at), "timeZone": zone, "date": null }))
}

/// A video conference to be made. The event's id is made of the booking's and the generation, and so is the same
/// however often this is sent: Google ignores a request that it knows.
fn create_conference(draft: &EventDraft) -> Value {
    json!({ "createRequest": {
        "requestId": event_id(&draft.key).as_str(),
        "conferenceSolutionKey": { "type": "hangoutsMeet" },
    } })
}

fn owned_fields(draft: &EventDraft, when: impl Fn(DateTime<Utc>) -> Value) -> Value {
    let mut body = fields_but_the_conference(draft, when);
    if draft.conference
        && let Some(fields) = body.as_object_mut()
    {
        fields.insert("conferenceData".to_owned(), create_conference(draft));
    }
    body
}

fn fields_but_the_conference(draft: &EventDraft, when: impl Fn(DateTime<Utc>) -> Value) -> Value {
    let remind = |minutes: &u16| json!({ "method": "popup", "minutes": minutes.min(&LONGEST_REMINDER) });
    let reminders: Value = draft.reminder_minutes.iter().take(MOST_REMINDERS).map(remind).collect();
    json!({
        "summary": draft.title,
        "description": escape(&draft.description),
        "location": draft.location.as_deref().unwrap_or_default(),
        "start": when(draft.starts_at),
        "end": when(draft.ends_at),
        "transparency": "opaque",
        "visibility": visibility(draft.visibility),
        "reminders": { "useDefault": false, "overrides": reminders },
        "extendedProperties": { "private": {
            OWNER_PROPERTY: draft.owner.as_str(),
            BOOKING_PROPERTY: draft.key.booking.as_str(),
            WRITTEN_PROPERTY: written(draft),
        } },
    })
}

fn written(draft: &EventDraft) -> String {
    let Written { version, span } = draft.written();
    format!("{} {} {version}", span.start.instant().timestamp(), span.end.instant().timestamp())
}

fn visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Private => "private",
        Visibility::Default => "default",
        Visibility::Public => "public",
    }
}

/// Google reads descriptions as HTML: without this a guest's note could carry a link under another name. What is
/// longer than Google keeps is cut off, never within an escape.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut left = LONGEST_DESCRIPTION;
    for letter in text.chars() {
        let mut own = [0; 4];
        let written: &str = match letter {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            letter => letter.encode_utf8(&mut own),
        };
        let Some(after) = left.checked_sub(written.chars().count()) else { break };
        left = after;
        escaped.push_str(written);
    }
    escaped
}

/// Whether a browser may be sent there.
fn is_link(url: &str) -> bool {
    url.starts_with("https://")
        && url.len() <= 2000
        && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// An instant as Google's queries and bodies take it.
pub(super) fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

const MOST_REMINDERS: usize = 5;
/// The most characters of a description.
const LONGEST_DESCRIPTION: usize = 8192;
/// Four weeks, in minutes.
const LONGEST_REMINDER: u16 = 40_320;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Tick;
    use crate::domain::zone::named::{Africa, America, Europe, Pacific};

    fn berlin() -> Zone {
        Europe::Berlin.into()
    }

    fn integration() -> IntegrationId {
        "int_ada1".parse().unwrap()
    }

    fn read_in(zone: Option<Zone>, event: Value) -> Reading {
        serde_json::from_value::<Event>(event).unwrap().read(zone, &integration())
    }

    fn read(event: Value) -> Reading {
        read_in(Some(berlin()), event)
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn event(start: &str, end: &str, blocks: bool) -> Reading {
        let span = Span::new(Tick::exact(at(start)).unwrap(), Tick::exact(at(end)).unwrap());
        Reading::Event(CalendarEvent { id: "e1".parse().unwrap(), key: None, span, blocks })
    }

    fn busy(start: &str, end: &str) -> Reading {
        event(start, end, true)
    }

    fn timed(extra: &Value) -> Value {
        let mut event = json!({
            "id": "e1", "status": "confirmed",
            "start": { "dateTime": "2026-11-20T10:02:00+01:00" }, "end": { "dateTime": "2026-11-20T10:28:00+01:00" },
        });
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        event
    }

    fn days(start: &str, end: &str) -> Value {
        json!({ "id": "e1", "start": { "date": start }, "end": { "date": end } })
    }

    #[test]
    fn what_blocks_is_rounded_outward() {
        let expected = busy("2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z");
        for extra in [
            json!({}),
            json!({ "status": "tentative" }),
            json!({ "transparency": "opaque" }),
            json!({ "eventType": "focusTime" }),
            json!({ "eventType": "outOfOffice" }),
            json!({ "eventType": "fromGmail" }),
            json!({ "eventType": "somethingNew" }),
            json!({ "attendees": [{ "self": true, "responseStatus": "needsAction" }] }),
            json!({ "attendees": [{ "responseStatus": "declined" }, { "self": true, "responseStatus": "accepted" }] }),
        ] {
            assert_eq!(read(timed(&extra)), expected, "{extra}");
        }
    }

    #[test]
    fn what_leaves_its_owner_free_does_not_block() {
        for extra in [
            json!({ "transparency": "transparent" }),
            json!({ "eventType": "fromGmail", "transparency": "transparent" }),
            json!({ "eventType": "workingLocation" }),
            json!({ "eventType": "birthday" }),
            json!({ "attendees": [{ "self": true, "responseStatus": "declined" }] }),
        ] {
            let expected = event("2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z", false);
            assert_eq!(read(timed(&extra)), expected, "{extra}");
        }
        assert_eq!(read(timed(&json!({ "status": "cancelled" }))), Reading::Free);
        // Of one that leaves its owner free, the time need not be understood.
        assert_eq!(read(json!({ "id": "e1", "transparency": "transparent" })), Reading::Free);
        // A cancelled exception of a series has neither start nor end.
        assert_eq!(read(json!({ "id": "e1_20261120", "status": "cancelled" })), Reading::Free);
    }

    #[test]
    fn a_whole_day_is_that_day_in_the_zone_of_its_calendar() {
        assert_eq!(
            read(days("2026-11-20", "2026-11-21")),
            busy("2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z")
        );
        // The clocks go back: 25 hours.
        assert_eq!(
            read(days("2026-10-25", "2026-10-26")),
            busy("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
        );
        assert_eq!(read_in(None, days("2026-11-20", "2026-11-21")), Reading::Unreadable);
    }

    #[test]
    fn a_midnight_that_does_not_exist_is_the_first_moment_after_it() {
        let cairo = read_in(Some(Zone::from(Africa::Cairo)), days("2026-04-24", "2026-04-25"));
        assert_eq!(cairo, busy("2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"));
        // Samoa had no 30 December 2011.
        let apia = read_in(Some(Zone::from(Pacific::Apia)), days("2011-12-29", "2011-12-30"));
        assert_eq!(apia, busy("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"));
    }

    #[test]
    fn a_midnight_that_comes_twice_widens_the_day() {
        // Havana went back from 01:00 to 00:00 on 2 November 2025.
        let havana = |start, end| read_in(Some(Zone::from(America::Havana)), days(start, end));
        assert_eq!(havana("2025-11-02", "2025-11-03"), busy("2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"));
        assert_eq!(havana("2025-11-01", "2025-11-02"), busy("2025-11-01T04:00:00Z", "2025-11-02T05:00:00Z"));
    }

    #[test]
    fn a_local_time_stands_in_the_zone_beside_it() {
        let event = json!({ "id": "e1",
            "start": { "dateTime": "2026-11-20T10:00:00", "timeZone": "Europe/Berlin" },
            "end": { "dateTime": "2026-11-20T10:30:00", "timeZone": "Europe/Berlin" } });
        assert_eq!(read_in(None, event), busy("2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z"));
    }

    #[test]
    fn times_that_cannot_be_read_are_never_free() {
        for event in [
            json!({ "id": "e1" }),
            json!({ "id": "e1", "start": {}, "end": {} }),
            timed(&json!({ "start": { "dateTime": "tomorrow" } })),
            timed(&json!({ "start": { "dateTime": "2026-11-20T10:00:00" } })),
            timed(&json!({ "end": { "dateTime": "2026-11-20T08:00:00Z" } })),
            days("2026-13-01", "2026-13-02"),
        ] {
            assert_eq!(read(event.clone()), Reading::Unreadable, "{event}");
        }
    }

    fn marked(integration: &str, booking: &str) -> Value {
        json!({ "id": "hfada1h61646131g2", "extendedProperties": { "private": {
            OWNER_PROPERTY: integration, BOOKING_PROPERTY: booking } } })
    }

    #[test]
    fn an_event_of_ours_is_known_by_its_id_and_both_its_marks() {
        let key = |event: Value| {
            let Reading::Event(event) = read(event) else { panic!("no event") };
            assert!(event.blocks);
            event.key
        };
        let own = key(timed(&marked("int_ada1", "bkg_ada1"))).unwrap();
        assert_eq!((own.booking.as_str(), own.generation), ("bkg_ada1", 2));

        let mut copy = timed(&marked("int_ada1", "bkg_ada1"));
        copy["id"] = json!("7k2copiedbyhand");
        for other in [copy, timed(&marked("int_bob1", "bkg_ada1")), timed(&marked("int_ada1", "bkg_bob1"))] {
            assert_eq!(key(other.clone()), None, "{other}");
        }
    }

    #[test]
    fn an_event_of_ours_that_its_owner_marked_free_is_still_ours() {
        let mut event = timed(&marked("int_ada1", "bkg_ada1"));
        event["transparency"] = json!("transparent");
        assert!(matches!(read(event), Reading::Event(CalendarEvent { key: Some(_), blocks: false, .. })));
    }

    #[test]
    fn a_cancelled_event_is_gone() {
        let event: Event = serde_json::from_value(json!({ "id": "e1", "status": "cancelled" })).unwrap();
        assert_eq!(event.placed(None), Err(CalendarError::Gone));
    }

    fn draft() -> EventDraft {
        EventDraft {
            key: EventKey {
                booking: "bkg_ada1".parse().unwrap(),
                host: "hst_ada1".parse().unwrap(),
                generation: 0,
            },
            owner: integration(),
            version: 7,
            starts_at: at("2026-11-20T09:00:00Z"),
            ends_at: at("2026-11-20T09:30:00Z"),
            time_zone: berlin(),
            title: "Intro with Grace".to_owned(),
            description: "Ada & <b>Grace</b>".to_owned(),
            location: None,
            guest: Some(Guest { name: "Grace".to_owned(), email: "grace@example.com".to_owned() }),
            visibility: Visibility::Private,
            conference: true,
            reminder_minutes: vec![15, 60, u16::MAX, 1, 2, 3],
        }
    }

    #[test]
    fn a_new_event_says_everything_that_the_draft_does() {
        let body = insert_body(&draft());
        assert_eq!(body["id"], "hfada1h61646131g0");
        assert_eq!(body["description"], "Ada &amp; &lt;b&gt;Grace&lt;/b&gt;");
        let start = json!({ "dateTime": "2026-11-20T09:00:00Z", "timeZone": "Europe/Berlin" });
        assert_eq!(body["start"], start);
        assert_eq!(body["visibility"], "private");
        let asked =
            json!({ "requestId": "hfada1h61646131g0", "conferenceSolutionKey": { "type": "hangoutsMeet" } });
        assert_eq!(body["conferenceData"], json!({ "createRequest": asked }));
        assert_eq!(body["attendees"], json!([{ "email": "grace@example.com", "displayName": "Grace" }]));
        let marks = json!({ "holdfast_integration": "int_ada1", "holdfast_booking": "bkg_ada1",
            "holdfast_written": "1795165200 1795167000 7" });
        assert_eq!(body["extendedProperties"]["private"], marks);
        let event: Event = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(event.placed(None).unwrap().written, Some(draft().written()));
        let reminders = body["reminders"]["overrides"].as_array().unwrap();
        assert_eq!((reminders.len(), &reminders[2]["minutes"]), (5, &json!(40_320)));
    }

    #[test]
    fn a_patch_leaves_the_guests_alone_and_clears_what_is_empty() {
        let body = patch_body(&draft());
        assert!(body.get("attendees").is_none() && body.get("id").is_none());
        assert_eq!(body["location"], "");
        assert_eq!(body["start"]["date"], Value::Null);
        assert!(body["start"].as_object().unwrap().contains_key("date"));
    }

    #[test]
    fn an_event_that_asks_for_no_conference_says_nothing_of_one() {
        let without = EventDraft { conference: false, ..draft() };
        for body in [insert_body(&without), patch_body(&without)] {
            assert!(body.get("conferenceData").is_none());
        }
        for (visibility, word) in [(Visibility::Default, "default"), (Visibility::Public, "public")] {
            assert_eq!(insert_body(&EventDraft { visibility, ..draft() })["visibility"], word);
        }
    }

    #[test]
    fn a_conference_is_pending_until_there_is_a_way_in() {
        let meet = "https://meet.google.com/abc-defg-hij";
        let request = |code: &str| json!({ "createRequest": { "status": { "statusCode": code } } });
        let entry = |sort: &str, uri: &str| {
            json!({ "conferenceData": { "entryPoints": [
                { "entryPointType": "phone", "uri": "tel:+1" }, { "entryPointType": sort, "uri": uri },
            ] } })
        };
        let ready = Some(Conference::Ready { url: meet.to_owned() });
        for (extra, expected) in [
            (json!({}), None),
            (json!({ "conferenceData": {} }), None),
            (json!({ "conferenceData": request("pending") }), Some(Conference::Pending)),
            (json!({ "conferenceData": request("success") }), Some(Conference::Pending)),
            (json!({ "conferenceData": request("failure") }), Some(Conference::Failed)),
            (json!({ "hangoutLink": meet, "conferenceData": request("success") }), ready.clone()),
            (entry("video", meet), ready),
            (entry("video", "javascript:alert(1)"), None),
            (entry("more", "https://tel.meet/abc"), None),
        ] {
            let event: Event = serde_json::from_value(timed(&extra)).unwrap();
            assert_eq!(event.placed(None).unwrap().conference, expected, "{extra}");
        }
    }

    #[test]
    fn a_description_is_cut_where_google_cuts_it_and_never_within_an_escape() {
        let long = EventDraft { description: "&".repeat(2000), ..draft() };
        let body = insert_body(&long);
        let description = body["description"].as_str().unwrap();
        assert!(description.len() <= LONGEST_DESCRIPTION && description.ends_with("&amp;"));
    }

    #[test]
    fn a_calendar_with_another_data_owner_is_not_owned() {
        let listed = |entry: Value| {
            serde_json::from_value::<ListedCalendar>(entry)
                .unwrap()
                .into_info(Some("ada@example.com"))
                .unwrap()
        };
        let main = listed(
            json!({ "id": "ada@example.com", "summary": "Ada", "primary": true, "accessRole": "owner" }),
        );
        assert!(main.primary && main.owned && main.writable);
        let own = listed(
            json!({ "id": "c1", "summary": "Team", "summaryOverride": "My team", "accessRole": "owner",
            "dataOwner": "ada@example.com" }),
        );
        assert!(own.owned && own.name == "My team");
        let shared = listed(json!({ "id": "c2", "accessRole": "owner", "dataOwner": "bob@example.com" }));
        assert!(!shared.owned && shared.writable && shared.name == "c2");
        let read_only = listed(json!({ "id": "c3", "accessRole": "reader" }));
        assert!(!read_only.owned && !read_only.writable);
    }
}
