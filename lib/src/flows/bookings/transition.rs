//! Steps of a booking's life: confirm, decline, start, complete, no-show, cancel. Each is one write under the version that
//! was read; ending a booking frees the cells that it stored, in the same transaction. Then the calendar follows.

use crate::app::App;
use crate::domain::{Booking, BookingId, BookingStatus, Reach, StepRefused, Tenant};
use crate::flows::bookings::manage_token::ManageToken;
use crate::flows::keys::KeyError;
use crate::flows::sync::push::push_within;
use crate::store::StoreError;

/// A booking that changes this often while one request is at it is being fought over.
pub(in crate::flows) const TRIES: u32 = 4;
/// What the host of an unanswered booking did not say.
const UNANSWERED: &str = "not answered in time";

/// Why a booking could not be shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// There is no such booking within reach, or the token is not its own: which of the two is not said.
    #[error("there is no such booking")]
    UnknownBooking,
    /// Its state or the time does not allow it.
    #[error(transparent)]
    Refused(#[from] StepRefused),
    /// It is no longer the version that the caller has seen.
    #[error("the booking has changed")]
    Changed(u64),
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A booking within reach.
pub async fn read_booking(
    app: &App,
    tenant: &Tenant,
    reach: &Reach,
    id: &BookingId,
) -> Result<Booking, StepError> {
    let found = app.store.booking(tenant, id).await?;
    found.filter(|booking| reach.covers(&booking.host)).ok_or(StepError::UnknownBooking)
}

/// A booking, for whoever has its manage token.
pub async fn read_managed(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
) -> Result<Booking, StepError> {
    let booking = app.store.booking(tenant, id).await?.ok_or(StepError::UnknownBooking)?;
    if token.opens(app, &booking).await? { Ok(booking) } else { Err(StepError::UnknownBooking) }
}

/// Has a booking take a step. One that stands there already stays, and that is no error.
pub async fn take_step(
    app: &App,
    tenant: &Tenant,
    reach: &Reach,
    id: &BookingId,
    to: BookingStatus,
    reason: Option<&str>,
) -> Result<Booking, StepError> {
    let booking = read_booking(app, tenant, reach, id).await?;
    step(app, booking, to, reason, |_| Ok(())).await
}

/// Cancels a booking, for whoever has its manage token, while the notice that was agreed allows it.
pub async fn cancel_managed(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
    reason: Option<&str>,
) -> Result<Booking, StepError> {
    let booking = read_managed(app, tenant, id, token).await?;
    let now = app.clock.now();
    step(app, booking, BookingStatus::Cancelled, reason, |booking| booking.guest_may_cancel(now)).await
}

/// Does what is due about a booking besides its push: declines what nobody answered, erases what is kept no longer.
pub(in crate::flows) async fn attend(app: &App, booking: Booking) -> Result<Booking, StepError> {
    let now = app.clock.now();
    if booking.is_unanswered(now) {
        return step(app, booking, BookingStatus::Declined, Some(UNANSWERED), |_| Ok(())).await;
    }
    if booking.erase_at.is_some_and(|erase_at| erase_at <= now) {
        let erased = booking.erased();
        return match app.store.change_booking(&booking, &erased).await {
            Ok(()) => Ok(erased),
            // Changed by somebody: it stays due.
            Err(StoreError::Conflict(_)) => Ok(booking),
            Err(error) => Err(error.into()),
        };
    }
    Ok(booking)
}

async fn step(
    app: &App,
    read: Booking,
    to: BookingStatus,
    reason: Option<&str>,
    may: impl Fn(&Booking) -> Result<(), StepRefused>,
) -> Result<Booking, StepError> {
    let mut before = read;
    for _ in 0..TRIES {
        if before.status == to {
            return Ok(before);
        }
        let after = before.step(to, reason.map(str::to_owned), app.clock.now())?;
        may(&before)?;
        let written = if to.holds_cells() {
            app.store.change_booking(&before, &after).await
        } else {
            app.store.end_booking(&before, &after).await
        };
        match written {
            Ok(()) => return Ok(push_within(app, after).await),
            // Changed since it was read: by the same step, or by a change that is to be seen first.
            Err(StoreError::Conflict(_)) => {
                let found = app.store.booking(&before.tenant, &before.id).await?;
                before = found.ok_or(StepError::UnknownBooking)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}
