//! An event as one account sees it in one calendar: links, `self`, times in the calendar's zone.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::web::encode;
use super::world::{Event, Fields, instant};
use super::zone::Zone;

/// Fields that a person who may see times only does not get.
const DETAILS: [&str; 12] = [
    "attachments",
    "attendees",
    "colorId",
    "conferenceData",
    "creator",
    "description",
    "extendedProperties",
    "hangoutLink",
    "location",
    "reminders",
    "source",
    "summary",
];

/// Who looks, and from where.
pub(super) struct View<'a> {
    pub(super) base: &'a str,
    pub(super) account: &'a str,
    pub(super) calendar: &'a str,
    /// The zone in which `dateTime`s are written.
    pub(super) zone: Zone,
    pub(super) times_only: bool,
    /// More attendees than these are left out, but for the one who looks.
    pub(super) most_attendees: usize,
}

impl View<'_> {
    /// The whole event, deleted or not.
    pub(super) fn whole(&self, event: &Event) -> Value {
        let mut fields = common(event);
        fields.extend(event.fields.clone());
        if self.times_only {
            fields.retain(|name, _| !DETAILS.contains(&name.as_str()));
            fields.insert("visibility".to_owned(), json!("private"));
        }
        for name in ["start", "end", "originalStartTime"] {
            self.localise(fields.get_mut(name));
        }
        for name in ["creator", "organizer"] {
            self.mark_self(fields.get_mut(name));
        }
        let organizer = fields.get("organizer").and_then(|one| one.get("email")).cloned();
        let attendees = fields.get_mut("attendees").and_then(Value::as_array_mut);
        for attendee in attendees.into_iter().flatten() {
            if organizer.is_some() && attendee.get("email") == organizer.as_ref() {
                set(attendee, "organizer", json!(true));
            }
            self.mark_self(Some(attendee));
        }
        if let Some(attendees) = fields.get_mut("attendees").and_then(Value::as_array_mut)
            && attendees.len() > self.most_attendees
        {
            attendees.retain(|attendee| attendee.get("self") == Some(&json!(true)));
            fields.insert("attendeesOmitted".to_owned(), json!(true));
        }
        fields.insert("htmlLink".to_owned(), json!(self.link(event)));
        Value::Object(fields)
    }

    /// A deleted event in a list: its id, and for an exception which occurrence it was.
    pub(super) fn tombstone(&self, event: &Event) -> Value {
        let mut fields = common(event);
        for name in ["id", "status", "recurringEventId", "originalStartTime"] {
            if let Some(value) = event.fields.get(name) {
                fields.insert(name.to_owned(), value.clone());
            }
        }
        self.localise(fields.get_mut("originalStartTime"));
        Value::Object(fields)
    }

    /// To the event's day on the account's page.
    fn link(&self, event: &Event) -> String {
        let page = format!("{}/accounts/{}", self.base, encode(self.account));
        let day = event.span(self.zone).map(|(start, _)| self.zone.local(start).date_naive());
        day.map_or_else(|| page.clone(), |day| format!("{page}?from={day}#{}", event.text("id")))
    }

    fn localise(&self, point: Option<&mut Value>) {
        let Some(point) = point else { return };
        if let Some(time) = point.get("dateTime").and_then(Value::as_str).and_then(instant) {
            let local = self.zone.local(time).to_rfc3339_opts(SecondsFormat::Secs, true);
            set(point, "dateTime", json!(local));
        }
    }

    fn mark_self(&self, person: Option<&mut Value>) {
        let Some(person) = person else { return };
        if person.get("email").and_then(Value::as_str) == Some(self.calendar) {
            set(person, "self", json!(true));
        }
    }
}

fn common(event: &Event) -> Fields {
    let kind = ("kind".to_owned(), json!("calendar#event"));
    Fields::from_iter([kind, ("etag".to_owned(), json!(event.etag()))])
}

fn set(target: &mut Value, name: &str, value: Value) {
    if let Some(fields) = target.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}
