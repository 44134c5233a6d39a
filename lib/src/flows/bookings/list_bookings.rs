//! List bookings in the order of their start: a tenant's by an index, a host's by its agenda. The rest is filtered
//! here.

use crate::app::App;
use crate::domain::{BookingRecord, BookingStatus, CalendarSync, EventTypeSlug, HostId, Scope, Tick};
use crate::store::{BookingCursor, BookingsPage, BookingsRange, StoreError};

/// Which bookings.
#[derive(Clone, Debug, Default)]
pub struct BookingsQuery {
    /// Of this host.
    pub host: Option<HostId>,
    /// Of this event type.
    pub event_type: Option<EventTypeSlug>,
    /// That stand there.
    pub status: Option<BookingStatus>,
    /// Whose calendar events stand so.
    pub calendar_sync: Option<CalendarSync>,
    /// Of the guest with this address, whatever the case of its letters.
    pub guest_email: Option<String>,
    /// That start then or later.
    pub from: Option<Tick>,
    /// That start earlier.
    pub to: Option<Tick>,
    /// After this one.
    pub after: Option<BookingCursor>,
}

impl BookingsQuery {
    fn wants(&self, record: &BookingRecord) -> bool {
        let booking = &record.booking;
        self.event_type.as_ref().is_none_or(|slug| booking.event_type == *slug)
            && self.status.is_none_or(|status| booking.status == status)
            && self.calendar_sync.is_none_or(|sync| record.calendar_sync() == sync)
            && self.guest_email.as_ref().is_none_or(|email| booking.guest.email.eq_ignore_ascii_case(email))
    }
}

/// Bookings within a staff member's scope, in the order of their start. A page may be shorter than `limit` and not the
/// last.
pub async fn list_bookings(
    app: &App,
    scope: &Scope,
    query: &BookingsQuery,
    limit: usize,
) -> Result<BookingsPage, StoreError> {
    let host = match (scope.only_host(), &query.host) {
        // A host who asks for somebody else's finds none.
        (Some(own), Some(asked)) if own != asked => {
            return Ok(BookingsPage { bookings: Vec::new(), next: None });
        }
        (own, asked) => own.or(asked.as_ref()).cloned(),
    };
    let range = BookingsRange { host, from: query.from, to: query.to, after: query.after.clone() };
    app.store.list_bookings(scope.tenant(), &range, limit, |record| query.wants(record)).await
}
