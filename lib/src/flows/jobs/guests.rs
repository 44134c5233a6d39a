//! What a guest has told: given out, and erased, on the tenant's word.

use crate::app::App;
use crate::domain::{Booking, BookingId, BookingStatus, Tenant};
use crate::flows::bookings::transition::{StepError, TRIES};
use crate::store::{Agenda, StoreError};

/// As many bookings as are looked at in one go.
const AT_ONCE: usize = 100;

/// What an erasure came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Bookings of which the guest's data are gone.
    pub erased: Vec<BookingId>,
    /// Bookings that are still to take place: to be cancelled first.
    pub kept: Vec<BookingId>,
}

/// Every booking of the guest with this address, in the order of their start.
pub async fn export_guest(app: &App, tenant: &Tenant, email: &str) -> Result<Vec<Booking>, StoreError> {
    let is_of = |booking: &Booking| booking.guest.email.eq_ignore_ascii_case(email);
    let mut agenda = Agenda::default();
    let mut found = Vec::new();
    loop {
        let page = app.store.agenda(tenant, &agenda, AT_ONCE, is_of).await?;
        found.extend(page.bookings);
        match page.next {
            Some(next) => agenda.after = Some(next),
            None => return Ok(found),
        }
    }
}

/// Erases what a guest has told, in every booking that is over or called off. Events in calendars are their owners'.
pub async fn erase_guest(app: &App, tenant: &Tenant, email: &str) -> Result<Erased, StepError> {
    let mut outcome = Erased::default();
    for booking in export_guest(app, tenant, email).await? {
        let id = booking.id.clone();
        if erase(app, booking).await? { outcome.erased.push(id) } else { outcome.kept.push(id) }
    }
    Ok(outcome)
}

/// `false` when it is still to take place.
async fn erase(app: &App, read: Booking) -> Result<bool, StepError> {
    let mut before = read;
    for _ in 0..TRIES {
        let is_live = matches!(
            before.status,
            BookingStatus::Pending | BookingStatus::Confirmed | BookingStatus::InProgress
        );
        if is_live && before.span().end.instant() > app.clock.now() {
            return Ok(false);
        }
        match app.store.change_booking(&before, &before.erased()).await {
            Ok(()) => return Ok(true),
            Err(StoreError::Conflict(_)) => {
                let found = app.store.booking(&before.tenant, &before.id).await?;
                before = found.ok_or(StepError::UnknownBooking)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}
