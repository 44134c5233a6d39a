//! List slots: from our own store alone, one Query of days; host and event type from memory when they are young.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::app::App;
use crate::domain::zone::local_days;
use crate::domain::{EventTypeSlug, Span, Tenant, Tick, Ticks};
use crate::flows::bookings::hold::{HoldError, offer};
use crate::flows::slots::availability::{Availability, Unavailable, days_of};
use crate::store::StoreError;

/// What is asked for: local dates of the guest's zone, `to` exclusive.
#[derive(Clone, Debug)]
pub struct SlotsQuery {
    /// The first local date.
    pub from: NaiveDate,
    /// The local date after the last.
    pub to: NaiveDate,
    /// The guest's zone.
    pub zone: Tz,
    /// One of the event type's lengths; its first when `None`.
    pub length: Option<Ticks>,
}

/// The free slots of a window.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The guest's zone.
    pub zone: Tz,
    /// When they start, in order of time.
    pub starts: Vec<Tick>,
    /// How long each of them is.
    pub length: Ticks,
    /// Why there is nothing, when it is not just that everything is taken.
    pub reason: Option<Unavailable>,
}

/// Why there is no listing.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// No active event type by that slug, or no such tenant.
    #[error("there is no such event type")]
    UnknownEventType,
    /// The event type does not come in this length.
    #[error("the event type is not offered in this length")]
    LengthNotOffered,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The free slots of an event type in a window.
pub async fn list_slots(
    app: &App,
    tenant: &Tenant,
    slug: &EventTypeSlug,
    query: &SlotsQuery,
) -> Result<Listing, ListError> {
    let (event_type, length) = offer(app, tenant, slug, query.length).await.map_err(|error| match error {
        HoldError::LengthNotOffered => ListError::LengthNotOffered,
        HoldError::Store(error) => ListError::Store(error),
        HoldError::UnknownEventType
        | HoldError::SlotTaken(_)
        | HoldError::Refused(_)
        | HoldError::DayFull(_)
        | HoldError::KeyReused
        | HoldError::UnknownHold => ListError::UnknownEventType,
    })?;
    let window = local_days(query.zone, query.from, query.to);
    let around =
        Span::new(event_type.claim(window.start, length).start, event_type.claim(window.end, length).end);
    let (first, last) = days_of(&event_type, around);
    let (host, days) = tokio::try_join!(
        app.store.host_remembered(tenant, &event_type.host),
        app.store.days(tenant, &event_type.host, first, last),
    )?;
    let host = host.ok_or(ListError::UnknownEventType)?;
    let available = Availability { host, days, now: app.clock.now() };
    if let Some(reason) = available.unavailable() {
        return Ok(Listing { zone: query.zone, starts: Vec::new(), length, reason: Some(reason) });
    }
    let starts = available.starts(&event_type, length, window);
    Ok(Listing { zone: query.zone, starts, length, reason: None })
}
