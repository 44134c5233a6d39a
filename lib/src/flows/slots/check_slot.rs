//! Is this start free? One Query of its days for each host, as the listing would say.

use super::availability::{Refused, days_of};
use super::list_slots::read_for_listing;
use crate::app::App;
use crate::domain::{Span, Tenant};
use crate::flows::bookings::error::BookingError;
use crate::flows::bookings::request::{SlotRequest, bookable_event_type};

/// Whether a start could be taken now, and if not, why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The slot.
    pub slot: Span,
    /// Why it cannot be taken; `None` when it can.
    pub refused: Option<Refused>,
}

/// Looks whether a start is free, without taking it. As old as a listing: up to 30 seconds.
pub async fn check_slot(app: &App, tenant: &Tenant, slot: &SlotRequest) -> Result<Checked, BookingError> {
    let (event_type, length) = bookable_event_type(app, tenant, &slot.event_type, slot.length).await?;
    let days = days_of(&event_type, event_type.occupied_span(slot.start, length));
    let available = read_for_listing(app, tenant, &event_type, days).await?;
    let allowed = available
        .may_take(&event_type, slot.start, length)
        .and_then(|()| available.has_room(&event_type, slot.start, &[]));
    Ok(Checked { slot: Span::new(slot.start, slot.start + length), refused: allowed.err() })
}
