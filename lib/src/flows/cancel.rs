//! Cancel, and see a booking. Cancelling frees the cells that the booking stored, in one transaction; then the
//! event goes.

use chrono::TimeDelta;

use super::keys::KeyError;
use super::manage_token::ManageToken;
use super::push::push_within;
use crate::app::App;
use crate::domain::{Booking, BookingId, BookingStatus, Tenant};
use crate::store::StoreError;

const TRIES: u32 = 4;
const PUSH_GRACE: TimeDelta = TimeDelta::seconds(30);

/// Why a booking could not be shown or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// This tenant has no such booking, or the token is not its own: which of the two is not said.
    #[error("there is no such booking")]
    UnknownBooking,
    /// A booking that has taken place or was declined cannot be cancelled.
    #[error("a booking that is {} cannot be cancelled", .0.as_str())]
    NotCancellable(BookingStatus),
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A booking of this tenant.
pub async fn read_booking(app: &App, tenant: &Tenant, id: &BookingId) -> Result<Booking, CancelError> {
    app.store.booking(tenant, id).await?.ok_or(CancelError::UnknownBooking)
}

/// A booking, for whoever has its manage token.
pub async fn read_managed(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
) -> Result<Booking, CancelError> {
    let booking = read_booking(app, tenant, id).await?;
    if token.opens(app, &booking).await? { Ok(booking) } else { Err(CancelError::UnknownBooking) }
}

/// Cancels a booking. One that is cancelled already stays so, and that is no error.
pub async fn cancel(app: &App, tenant: &Tenant, id: &BookingId) -> Result<Booking, CancelError> {
    end(app, read_booking(app, tenant, id).await?).await
}

/// Cancels a booking, for whoever has its manage token.
pub async fn cancel_managed(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
) -> Result<Booking, CancelError> {
    end(app, read_managed(app, tenant, id, token).await?).await
}

async fn end(app: &App, read: Booking) -> Result<Booking, CancelError> {
    let mut before = read;
    for _ in 0..TRIES {
        if before.status == BookingStatus::Cancelled {
            return Ok(before);
        }
        if !before.status.may_become(BookingStatus::Cancelled) {
            return Err(CancelError::NotCancellable(before.status));
        }
        let mut after = before.clone();
        after.status = BookingStatus::Cancelled;
        after.version += 1;
        after.push_failures = 0;
        after.due_at = after.calendar.is_some().then(|| app.clock.now() + PUSH_GRACE);
        match app.store.end_booking(&before, &after).await {
            Ok(()) => return Ok(push_within(app, after).await),
            // Changed since it was read: by another cancel, or by a change that is to be seen first.
            Err(StoreError::Conflict(_)) => before = read_booking(app, &before.tenant, &before.id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}
