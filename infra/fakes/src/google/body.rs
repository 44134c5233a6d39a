//! What a client may send as an event: every field known, of its type, and the times in order.
//!
//! The table is the discovery document's schema `Event`. Google is laxer; see the module above.

use chrono::{NaiveDate, NaiveDateTime, SecondsFormat};
use serde_json::{Value, json};

use super::errors::{Refusal, bad_request, calendar_range, missing, not_simulated};
use super::web::Ask;
use super::world::{Event, Fields, instant};
use super::zone::Zone;

enum Shape {
    Text,
    Flag,
    Whole,
    OneOf(&'static [&'static str]),
    List(&'static Shape),
    /// An object of texts under any name.
    Texts,
    Record(&'static [(&'static str, Shape)]),
    /// Not looked into: passed through, or never written by us.
    Any,
}

use Shape::{Any, Flag, List, OneOf, Record, Text, Texts, Whole};

const POINT: Shape = Record(&[("date", Text), ("dateTime", Text), ("timeZone", Text)]);
const PERSON: Shape = Record(&[("displayName", Text), ("email", Text), ("id", Text), ("self", Flag)]);
const CONFERENCE_KEY: Shape = Record(&[("type", Text)]);

const ATTENDEE: Shape = Record(&[
    ("additionalGuests", Whole),
    ("comment", Text),
    ("displayName", Text),
    ("email", Text),
    ("id", Text),
    ("optional", Flag),
    ("organizer", Flag),
    ("resource", Flag),
    ("responseStatus", OneOf(&["needsAction", "declined", "tentative", "accepted"])),
    ("self", Flag),
]);

const CONFERENCE: Shape = Record(&[
    ("conferenceId", Text),
    ("conferenceSolution", Any),
    (
        "createRequest",
        Record(&[
            ("conferenceSolutionKey", CONFERENCE_KEY),
            ("requestId", Text),
            ("status", Record(&[("statusCode", Text)])),
        ]),
    ),
    ("entryPoints", List(&Any)),
    ("notes", Text),
    ("parameters", Any),
    ("signature", Text),
]);

const EVENT: &[(&str, Shape)] = &[
    ("anyoneCanAddSelf", Flag),
    ("attachments", List(&Any)),
    ("attendees", List(&ATTENDEE)),
    ("attendeesOmitted", Flag),
    ("birthdayProperties", Any),
    ("colorId", Text),
    ("conferenceData", CONFERENCE),
    ("created", Text),
    ("creator", PERSON),
    ("description", Text),
    ("end", POINT),
    ("endTimeUnspecified", Flag),
    ("etag", Text),
    ("eventLabelId", Text),
    (
        "eventType",
        OneOf(&["default", "focusTime", "outOfOffice", "workingLocation", "birthday", "fromGmail"]),
    ),
    ("extendedProperties", Record(&[("private", Texts), ("shared", Texts)])),
    ("focusTimeProperties", Any),
    ("gadget", Any),
    ("guestsCanInviteOthers", Flag),
    ("guestsCanModify", Flag),
    ("guestsCanSeeOtherGuests", Flag),
    ("hangoutLink", Text),
    ("htmlLink", Text),
    ("iCalUID", Text),
    ("id", Text),
    ("kind", Text),
    ("location", Text),
    ("locked", Flag),
    ("organizer", PERSON),
    ("originalStartTime", POINT),
    ("outOfOfficeProperties", Any),
    ("privateCopy", Flag),
    ("recurrence", List(&Text)),
    ("recurringEventId", Text),
    (
        "reminders",
        Record(&[
            ("overrides", List(&Record(&[("method", OneOf(&["email", "popup"])), ("minutes", Whole)]))),
            ("useDefault", Flag),
        ]),
    ),
    ("sequence", Whole),
    ("source", Record(&[("title", Text), ("url", Text)])),
    ("start", POINT),
    ("status", OneOf(&["confirmed", "tentative", "cancelled"])),
    ("summary", Text),
    ("transparency", OneOf(&["opaque", "transparent"])),
    ("updated", Text),
    ("visibility", OneOf(&["default", "public", "private", "confidential"])),
    ("workingLocationProperties", Any),
];

/// What the server alone decides. A client may echo it, and it changes nothing.
const READ_ONLY: [&str; 13] = [
    "attendeesOmitted",
    "created",
    "creator",
    "endTimeUnspecified",
    "etag",
    "gadget",
    "hangoutLink",
    "htmlLink",
    "kind",
    "locked",
    "organizer",
    "privateCopy",
    "updated",
];

/// The body of a write, checked, without what a client cannot set. A `null` clears and is still there.
pub(super) fn read(ask: &Ask) -> Result<Fields, Refusal> {
    let mut fields = ask.json()?;
    check_fields("", &fields, EVENT)?;
    if fields.get("recurrence").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty()) {
        return Err(not_simulated("how to expand a recurrence"));
    }
    fields.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    Ok(fields)
}

fn check(path: &str, value: &Value, shape: &Shape) -> Result<(), Refusal> {
    let fits = match shape {
        _ if value.is_null() => true,
        Any => true,
        Text => value.is_string(),
        Flag => value.is_boolean(),
        Whole => value.is_i64(),
        OneOf(allowed) => value.as_str().is_some_and(|text| allowed.contains(&text)),
        Texts => {
            value.as_object().is_some_and(|texts| texts.values().all(|one| one.is_string() || one.is_null()))
        }
        List(each) => match value.as_array() {
            Some(items) => return items.iter().try_for_each(|item| check(path, item, each)),
            None => false,
        },
        Record(known) => match value.as_object() {
            Some(fields) => return check_fields(path, fields, known),
            None => false,
        },
    };
    if fits { Ok(()) } else { Err(bad_request("invalid", &format!("Invalid value for: {path}"))) }
}

fn check_fields(path: &str, fields: &Fields, known: &[(&str, Shape)]) -> Result<(), Refusal> {
    for (name, value) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let Some((_, shape)) = known.iter().find(|(known, _)| known == name) else {
            return Err(bad_request("invalid", &format!("Unknown name: {path}")));
        };
        check(&path, value, shape)?;
    }
    Ok(())
}

/// JSON Merge Patch (RFC 7396), which is how Google patches.
pub(super) fn merge(target: &mut Fields, patch: Fields) {
    for (name, value) in patch {
        if value.is_null() {
            target.remove(&name);
        } else if let Value::Object(patch) = value {
            let slot = target.entry(name).or_insert_with(|| json!({}));
            if !slot.is_object() {
                *slot = json!({});
            }
            if let Some(fields) = slot.as_object_mut() {
                merge(fields, patch);
            }
        } else {
            target.insert(name, value);
        }
    }
}

/// Brings the times of an event into the form in which they are kept, and refuses those that make none.
pub(super) fn settle(fields: &mut Fields, zone: Zone) -> Result<(), Refusal> {
    for name in ["start", "end"] {
        let point = fields.get(name).ok_or_else(|| missing(&format!("{name} time")))?;
        let settled = settle_point(name, point, zone)?;
        fields.insert(name.to_owned(), settled);
    }
    fields.entry("status").or_insert_with(|| json!("confirmed"));
    let is_date = |name: &str| fields.get(name).is_some_and(|point| point.get("date").is_some());
    if is_date("start") != is_date("end") {
        let message = "Start and end times must either both be date or both be dateTime.";
        return Err(bad_request("invalid", message));
    }
    let event = Event { fields: std::mem::take(fields), change: 0 };
    let span = event.span(zone);
    *fields = event.fields;
    let in_order = span.is_some_and(|(start, end)| start < end || (start == end && !fields_are_days(fields)));
    if !in_order {
        return Err(calendar_range("timeRangeEmpty", "The specified time range is empty."));
    }
    for attendee in fields.get_mut("attendees").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(attendee) = attendee.as_object_mut() else { continue };
        if !attendee.get("email").and_then(Value::as_str).is_some_and(|email| email.contains('@')) {
            return Err(bad_request("required", "Missing attendee email."));
        }
        attendee.retain(|name, value| name != "self" && name != "organizer" && !value.is_null());
        attendee.entry("responseStatus").or_insert_with(|| json!("needsAction"));
    }
    Ok(())
}

fn fields_are_days(fields: &Fields) -> bool {
    fields.get("start").is_some_and(|start| start.get("date").is_some())
}

fn settle_point(name: &str, point: &Value, zone: Zone) -> Result<Value, Refusal> {
    let text = |field: &str| point.get(field).and_then(Value::as_str);
    let invalid = || bad_request("invalid", &format!("Invalid {name} time."));
    let named: Option<Zone> = match text("timeZone") {
        Some(zone) => Some(zone.parse().ok().ok_or_else(|| {
            bad_request("invalid", &format!("Invalid time zone definition for {name} time."))
        })?),
        None => None,
    };
    match (text("date"), text("dateTime")) {
        (Some(date), None) => {
            let date: NaiveDate = date.parse().ok().ok_or_else(invalid)?;
            Ok(json!({ "date": date }))
        }
        (None, Some(time)) => {
            let time = match (instant(time), named) {
                (Some(time), _) => time,
                (None, Some(zone)) => {
                    let local = NaiveDateTime::parse_from_str(time, "%Y-%m-%dT%H:%M:%S%.f");
                    zone.instant(local.ok().ok_or_else(invalid)?)
                }
                (None, None) => {
                    let message = format!("Missing time zone definition for {name} time.");
                    return Err(bad_request("required", &message));
                }
            };
            let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
            Ok(json!({ "dateTime": time, "timeZone": named.unwrap_or(zone).name() }))
        }
        (Some(_), Some(_)) | (None, None) => Err(invalid()),
    }
}
