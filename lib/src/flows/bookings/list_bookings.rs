//! List bookings: one Query of an index in the order of their start, the rest is left out here.

use crate::app::App;
use crate::domain::{Booking, BookingStatus, CalendarSync, EventTypeSlug, HostId, Reach, Tenant, Tick};
use crate::store::{Agenda, BookingsPage, Place, StoreError};

/// Which bookings.
#[derive(Clone, Debug, Default)]
pub struct BookingsQuery {
    /// Of this host.
    pub host: Option<HostId>,
    /// Of this event type.
    pub event_type: Option<EventTypeSlug>,
    /// That stand there.
    pub status: Option<BookingStatus>,
    /// Whose calendar event stands so.
    pub calendar_sync: Option<CalendarSync>,
    /// Of the guest with this address, whatever the case of its letters.
    pub guest_email: Option<String>,
    /// That start then or later.
    pub from: Option<Tick>,
    /// That start earlier.
    pub to: Option<Tick>,
    /// After this one.
    pub after: Option<Place>,
}

impl BookingsQuery {
    fn wants(&self, booking: &Booking) -> bool {
        self.event_type.as_ref().is_none_or(|slug| booking.event_type == *slug)
            && self.status.is_none_or(|status| booking.status == status)
            && self.calendar_sync.is_none_or(|sync| booking.calendar_sync() == sync)
            && self.guest_email.as_ref().is_none_or(|email| booking.guest.email.eq_ignore_ascii_case(email))
    }
}

/// Bookings within reach, in the order of their start. A page may be shorter than `limit` and not the last.
pub async fn list_bookings(
    app: &App,
    tenant: &Tenant,
    reach: &Reach,
    query: &BookingsQuery,
    limit: usize,
) -> Result<BookingsPage, StoreError> {
    let host = match (reach.only(), &query.host) {
        // A host who asks for somebody else's finds none.
        (Some(own), Some(asked)) if own != asked => {
            return Ok(BookingsPage { bookings: Vec::new(), next: None });
        }
        (own, asked) => own.or(asked.as_ref()).cloned(),
    };
    let agenda = Agenda { host, from: query.from, to: query.to, after: query.after.clone() };
    app.store.agenda(tenant, &agenda, limit, |booking| query.wants(booking)).await
}
