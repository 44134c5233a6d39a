//! List slots: from our own store alone, one Query of days for each host; host and event type from memory when they are young.

use chrono::NaiveDate;

use super::availability::{Availability, JointAvailability, Unavailable, around, days_of};
use crate::app::App;
use crate::domain::local_days;
use crate::domain::{Booking, Claim, Day, EventType, EventTypeSlug, Tenant, Tick, Ticks, Zone};
use crate::flows::bookings::error::BookingError;
use crate::flows::bookings::request::bookable_event_type;

/// What is asked for: local dates of the guest's zone, `to` exclusive.
#[derive(Clone, Debug)]
pub struct SlotsQuery {
    /// The first local date.
    pub from: NaiveDate,
    /// The local date after the last.
    pub to: NaiveDate,
    /// The guest's zone.
    pub zone: Zone,
    /// One of the event type's lengths; its first when `None`.
    pub length: Option<Ticks>,
}

/// The free slots of a window.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The guest's zone.
    pub zone: Zone,
    /// When they start, in order of time.
    pub starts: Vec<Tick>,
    /// How long each of them is.
    pub length: Ticks,
    /// Why there is nothing, when it is not just that everything is taken.
    pub reason: Option<Unavailable>,
}

/// The free slots of an event type in a window.
pub async fn list_slots(
    app: &App,
    tenant: &Tenant,
    slug: &EventTypeSlug,
    query: &SlotsQuery,
) -> Result<Listing, BookingError> {
    let (event_type, length) = bookable_event_type(app, tenant, slug, query.length).await?;
    list_starts(app, tenant, &event_type, length, query, None).await
}

/// The starts that a booking could be moved to in a window, by what was agreed with it: its own time counts as free,
/// and its own start is left out.
pub async fn list_move_slots(
    app: &App,
    booking: &Booking,
    query: &SlotsQuery,
) -> Result<Listing, BookingError> {
    let agreed = read_agreed(app, booking).await?;
    let own = Some(&booking.claim);
    let mut listing = list_starts(app, &booking.tenant, &agreed, booking.length, query, own).await?;
    listing.starts.retain(|start| *start != booking.start);
    Ok(listing)
}

/// The event type by which a booking can be moved, archived or not.
pub async fn read_agreed(app: &App, booking: &Booking) -> Result<EventType, BookingError> {
    let today = app.store.event_type(&booking.tenant, &booking.event_type).await?;
    Ok(booking.agreed(&today.ok_or(BookingError::EventTypeGone)?))
}

async fn list_starts(
    app: &App,
    tenant: &Tenant,
    event_type: &EventType,
    length: Ticks,
    query: &SlotsQuery,
    own: Option<&Claim>,
) -> Result<Listing, BookingError> {
    let window = local_days(query.zone, query.from, query.to);
    let days = days_of(event_type, around(event_type, window, length));
    let mut available = read_for_listing(app, tenant, event_type, days).await?;
    let mut event_type = event_type.clone();
    if let Some(own) = own {
        available = available.without(own);
        event_type = available.by_existing_hours(&event_type);
    }
    if let Some(reason) = available.unavailable() {
        return Ok(Listing { zone: query.zone, starts: Vec::new(), length, reason: Some(reason) });
    }
    let starts = available.starts(&event_type, length, window);
    Ok(Listing { zone: query.zone, starts, length, reason: None })
}

/// What is known of an event type's hosts: their items from memory when they are young, one Query of days for each.
pub(in crate::flows) async fn read_for_listing(
    app: &App,
    tenant: &Tenant,
    event_type: &EventType,
    (first, last): (Day, Day),
) -> Result<JointAvailability, BookingError> {
    let read = event_type.hosts.iter().map(async |host| {
        let (items, days) = tokio::try_join!(
            app.store.host_remembered(tenant, host),
            app.store.days(tenant, host, first, last),
        )?;
        Ok::<_, BookingError>(Availability { host: items.ok_or(BookingError::UnknownEventType)?, days })
    });
    let hosts = futures::future::try_join_all(read).await?;
    Ok(JointAvailability { hosts, now: app.clock.now() })
}
