//! What a booking's event says: its terms, through its templates.
//!
//! It stands in the host's calendar, and perhaps colleagues read it: the guest's manage link is never in it. Only the
//! organizer's event invites the guest and carries the conference.

use serde_json::{Map, Value};

use crate::calendars::{EventDraft, EventKey, Guest as Invited};
use crate::domain::template::{DEFAULT_DESCRIPTION, DEFAULT_TITLE, Values};
use crate::domain::{AgendaEntry, Booking, Conference, IntegrationId, Location, Template};

/// The event of a host's entry, of this generation. A conference is asked for where there is none yet.
pub(in crate::flows) fn render_event(
    booking: &Booking,
    entry: &AgendaEntry,
    owner: &IntegrationId,
    generation: u32,
) -> EventDraft {
    let (guest, terms) = (&booking.guest, &booking.terms);
    let is_organizer = booking.claim.organizer() == Some(&entry.host);
    let values = values(booking);
    let title =
        template(terms.event_title.as_deref(), DEFAULT_TITLE).map(|title| title.render_title(&values));
    let description = template(terms.event_description.as_deref(), DEFAULT_DESCRIPTION);
    let makes_conference = is_organizer && wants_conference(booking);
    EventDraft {
        key: EventKey { booking: booking.id.clone(), host: entry.host.clone(), generation },
        owner: owner.clone(),
        version: booking.version,
        starts_at: booking.span().start.instant(),
        ends_at: booking.span().end.instant(),
        time_zone: terms.time_zone,
        title: title.filter(|title| !title.is_empty()).unwrap_or_else(|| booking.title.clone()),
        description: description.map(|text| text.render(&values)).unwrap_or_default(),
        // The organizer's calendar shows its conference by itself.
        location: booking.place().filter(|_| !makes_conference).map(str::to_owned),
        guest: is_organizer.then(|| Invited { name: guest.name.clone(), email: guest.email.clone() }),
        visibility: terms.visibility,
        conference: makes_conference && !matches!(booking.conference, Some(Conference::Ready { .. })),
        reminder_minutes: terms.reminders.clone(),
    }
}

/// Whether the calendar is to make a video conference.
pub(in crate::flows) fn wants_conference(booking: &Booking) -> bool {
    booking.terms.location == Some(Location::Conference)
}

/// Its own template; the usual one when it has none, or one that can no longer be read.
fn template(own: Option<&str>, usual: &str) -> Option<Template> {
    own.and_then(|own| Template::parse(own).ok()).or_else(|| Template::parse(usual).ok())
}

fn values(booking: &Booking) -> Values {
    let guest = &booking.guest;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Values {
        tenant: booking.terms.tenant_name.clone(),
        event_type: booking.title.clone(),
        host: booking.terms.host_name.clone(),
        guest_name: guest.name.clone(),
        guest_email: guest.email.clone(),
        guest_phone: text(guest.phone.as_deref()),
        length: length(booking.length.minutes()),
        answers: booking.answers.as_deref().map(answers).unwrap_or_default(),
        notes: text(booking.notes.as_deref()),
        status: booking.status.as_str().replace('_', " "),
        link: text(booking.join_url()),
        location: text(booking.place()),
    }
}

/// `30 min`, `1 h`, `1 h 30 min`.
fn length(minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A line for each answer: what was asked, and what was said.
fn answers(json: &str) -> String {
    let answers: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    let lines = answers.iter().filter_map(|(key, value)| {
        let text = answer_text(value);
        (!text.is_empty()).then(|| format!("{}: {text}", key.replace('_', " ")))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn answer_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.trim().to_owned(),
        Value::Array(values) => values.iter().map(answer_text).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_lines_and_lengths_are_words() {
        let json =
            r#"{"how_heard":"a friend","agrees":true,"none":null,"blank":" ","tools":["a","b"],"years":3}"#;
        assert_eq!(answers(json), "agrees: yes\nhow heard: a friend\ntools: a, b\nyears: 3");
        assert_eq!(answers("no JSON"), "");
        assert_eq!([30, 60, 90].map(length), ["30 min", "1 h", "1 h 30 min"]);
    }
}
