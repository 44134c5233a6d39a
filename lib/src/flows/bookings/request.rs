//! What callers ask for: a slot to hold, a booking to make.

use super::hold_token::HoldToken;
use crate::app::App;
use crate::domain::{EventType, EventTypeSlug, Guest, Tenant, Tick, Ticks};
use crate::flows::bookings::error::BookingError;
use crate::flows::idempotency::Fingerprint;

/// Which slot.
#[derive(Clone, Debug)]
pub struct SlotRequest {
    /// Of which event type.
    pub event_type: EventTypeSlug,
    /// From when.
    pub start: Tick,
    /// One of its lengths; its first when `None`.
    pub length: Option<Ticks>,
}

/// What is to be booked.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// What this hold holds.
    Held(HoldToken),
    /// A slot that nobody holds.
    Slot(SlotRequest),
}

/// A request to book.
#[derive(Clone, Debug)]
pub struct BookRequest {
    /// What.
    pub wanted: Wanted,
    /// For whom.
    pub guest: Guest,
    /// Answers to the event type's questions: a JSON object, as text.
    pub answers: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// Free-form JSON object, as text.
    pub metadata: Option<String>,
    /// Whether the booking is to appear in the hosts' calendars.
    pub sync_to_calendar: bool,
}

impl SlotRequest {
    /// A fingerprint of the request.
    pub(in crate::flows) fn fingerprint(&self) -> String {
        self.fields(Fingerprint::new()).finish()
    }

    fn fields(&self, print: Fingerprint) -> Fingerprint {
        print
            .field("event_type", Some(self.event_type.as_str()))
            .field("start", Some(&self.start.index().to_string()))
            .field("length", self.length.map(|length| length.minutes().to_string()).as_deref())
    }
}

impl BookRequest {
    /// A fingerprint of everything that the caller said.
    pub(in crate::flows) fn fingerprint(&self) -> String {
        let guest = &self.guest;
        let print = match &self.wanted {
            Wanted::Held(token) => Fingerprint::new().field("hold", Some(token.as_str())),
            Wanted::Slot(slot) => slot.fields(Fingerprint::new()),
        };
        print
            .field("guest.name", Some(&guest.name))
            .field("guest.email", Some(&guest.email))
            .field("guest.phone", guest.phone.as_deref())
            .field("guest.time_zone", Some(guest.time_zone.name()))
            .field("guest.locale", guest.locale.as_deref())
            .field("answers", self.answers.as_deref())
            .field("notes", self.notes.as_deref())
            .field("metadata", self.metadata.as_deref())
            .field("sync_to_calendar", Some(if self.sync_to_calendar { "true" } else { "false" }))
            .finish()
    }
}

/// An event type that can be booked, and one of its lengths.
pub(in crate::flows) async fn bookable_event_type(
    app: &App,
    tenant: &Tenant,
    slug: &EventTypeSlug,
    length: Option<Ticks>,
) -> Result<(EventType, Ticks), BookingError> {
    let event_type = app.store.event_type(tenant, slug).await?.filter(EventType::is_open);
    let event_type = event_type.ok_or(BookingError::UnknownEventType)?;
    let length = event_type.length(length).ok_or(BookingError::LengthNotOffered)?;
    Ok((event_type, length))
}
