//! Whose free slots are listed: an event type's, or those that a booking could be moved to.

use holdfast::App;
use holdfast::domain::{Booking, EventType, Tenant};
use holdfast::flows::{BookingError, Listing, SlotsQuery, list_move_slots, list_slots};

/// Whose slots a week shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    /// What an event type offers.
    Offer(&'a Tenant, &'a EventType),
    /// What a booking could be moved to, by what was agreed with it.
    Move(&'a Booking, &'a EventType),
}

impl<'a> Of<'a> {
    /// By what they are offered.
    pub(crate) fn event_type(self) -> &'a EventType {
        match self {
            Self::Offer(_, event_type) | Self::Move(_, event_type) => event_type,
        }
    }

    /// The slots in a window.
    pub(crate) async fn list(self, app: &App, query: &SlotsQuery) -> Result<Listing, BookingError> {
        match self {
            Self::Offer(tenant, event_type) => list_slots(app, tenant, &event_type.slug, query).await,
            Self::Move(booking, _) => list_move_slots(app, booking, query).await,
        }
    }
}
