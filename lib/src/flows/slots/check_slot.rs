//! Is this start free? One Query of its days, as the listing would say.

use crate::app::App;
use crate::domain::{Span, Tenant};
use crate::flows::bookings::hold::{HoldError, SlotRequest, offer};
use crate::flows::slots::availability::{Availability, Refused, days_of};

/// Whether a start could be taken now, and if not, why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The slot.
    pub slot: Span,
    /// Why it cannot be taken; `None` when it can.
    pub refused: Option<Refused>,
}

/// Looks whether a start is free, without taking it. As old as a listing: up to 30 seconds.
pub async fn check_slot(app: &App, tenant: &Tenant, slot: &SlotRequest) -> Result<Checked, HoldError> {
    let (event_type, length) = offer(app, tenant, &slot.event_type, slot.length).await?;
    let (first, last) = days_of(&event_type, event_type.claim(slot.start, length));
    let (host, days) = tokio::try_join!(
        app.store.host_remembered(tenant, &event_type.host),
        app.store.days(tenant, &event_type.host, first, last),
    )?;
    let host = host.ok_or(HoldError::UnknownEventType)?;
    let available = Availability { host, days, now: app.clock.now() };
    let allowed = available
        .may_take(&event_type, slot.start, length)
        .and_then(|()| available.has_room(&event_type, slot.start, None));
    Ok(Checked { slot: Span::new(slot.start, slot.start + length), refused: allowed.err() })
}
