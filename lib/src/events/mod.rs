//! What is told on the event bus: the contracts of `booking.*` and `integration.*`. The forms are the JSON Schemas
//! beside this file; a field more is no new form, anything else is.
//!
//! An event says which item and what became of it, never who the guest is or what anybody wrote: a consumer that may know asks
//! the API. A change may be told of twice, and then both events have one `id`: it is made of what the change is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use crate::domain::{Booking, BookingStatus, Integration, Tick};

/// The form of `booking.*`.
const BOOKING_SCHEMA: &str = "booking.v1";
/// The form of `integration.*`.
const INTEGRATION_SCHEMA: &str = "integration.v1";

/// One event to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened, e.g. `booking.confirmed`.
    pub detail_type: String,
    /// The event's JSON object.
    pub detail: String,
}

/// What a booking's new version means.
pub fn booking_event(at: Option<DateTime<Utc>>, before: Option<&Booking>, after: &Booking) -> Event {
    let id = event_id(&[after.tenant.as_str(), after.id.as_str(), &after.version.to_string()]);
    let mut detail = json!({
        "id": id,
        "schema": BOOKING_SCHEMA,
        "tenant": after.tenant,
        "booking": after.id,
        "hosts": after.claim,
        "event_type": after.event_type,
        "status": after.status.as_str(),
        "version": after.version,
        "starts_at": instant(after.span().start),
        "ends_at": instant(after.span().end),
        "created_by": after.created_by.kind(),
        "changed_by": after.changed_by.kind(),
    });
    if let (Some(detail), Some(integration)) = (detail.as_object_mut(), after.changed_by.integration()) {
        detail.insert("changed_by_integration".to_owned(), integration.as_str().into());
    }
    let previous = before.map(|before| {
        let differing = [
            ("status", before.status.as_str().to_owned(), after.status.as_str().to_owned()),
            ("starts_at", instant(before.span().start), instant(after.span().start)),
            ("ends_at", instant(before.span().end), instant(after.span().end)),
        ];
        let differing = differing.into_iter().filter(|(_, before, after)| before != after);
        differing.map(|(name, before, _)| (name.to_owned(), before.into())).collect()
    });
    let detail_type = format!("booking.{}", booking_action(before, after));
    Event { detail_type, detail: finished(detail, at, previous) }
}

/// What happened to a booking, in one word. A step to another status says more than the move that came with it.
pub fn booking_action(before: Option<&Booking>, after: &Booking) -> &'static str {
    match before {
        Some(before) if before.status == after.status => {
            if before.span() == after.span() {
                "updated"
            } else {
                "rescheduled"
            }
        }
        Some(_) | None => match after.status {
            BookingStatus::Pending => "requested",
            BookingStatus::Confirmed => "confirmed",
            BookingStatus::InProgress => "started",
            BookingStatus::Completed => "completed",
            BookingStatus::Cancelled => "cancelled",
            BookingStatus::Declined => "declined",
            BookingStatus::NoShow => "no_show",
        },
    }
}

/// What an integration's new status means.
pub fn integration_event(
    at: Option<DateTime<Utc>>,
    before: Option<&Integration>,
    after: &Integration,
) -> Event {
    let status = after.status.as_str();
    let revision = after.revision.to_string();
    let id = event_id(&[after.tenant.as_str(), after.id.as_str(), &revision, status]);
    let detail = json!({
        "id": id,
        "schema": INTEGRATION_SCHEMA,
        "tenant": after.tenant,
        "integration": after.id,
        "host": after.host,
        "provider": after.provider,
        "status": status,
        "version": after.revision,
    });
    let previous =
        before.map(|before| Map::from_iter([("status".to_owned(), before.status.as_str().into())]));
    Event { detail_type: format!("integration.{status}"), detail: finished(detail, at, previous) }
}

/// With what is not known of every change.
fn finished(mut detail: Value, at: Option<DateTime<Utc>>, previous: Option<Map<String, Value>>) -> String {
    if let Some(detail) = detail.as_object_mut() {
        if let Some(at) = at {
            let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
            detail.insert("occurred_at".to_owned(), at.into());
        }
        if let Some(previous) = previous.filter(|previous| !previous.is_empty()) {
            detail.insert("previous".to_owned(), previous.into());
        }
    }
    detail.to_string()
}

/// `evt_` and 128 bits of SHA-256: the same for the same change, whenever it is told.
fn event_id(parts: &[&str]) -> String {
    // None of the parts has a line break in it.
    let digest = digest(&SHA256, parts.join("\n").as_bytes());
    let half = digest.as_ref().split_at(16).0;
    format!("evt_{}", URL_SAFE_NO_PAD.encode(half))
}

fn instant(tick: Tick) -> String {
    tick.instant().to_rfc3339_opts(SecondsFormat::Secs, true)
}
