//! A booking, for those who may see it.

use super::error::BookingError;
use super::manage_token::ManageToken;
use crate::app::App;
use crate::domain::{BookingId, BookingRecord, Scope, Tenant};
use crate::store::BookingConflict;

/// A booking within a staff member's scope.
pub async fn read_booking(app: &App, scope: &Scope, id: &BookingId) -> Result<BookingRecord, BookingError> {
    booking_of_staff(app, scope, id).await
}

/// A booking, for the guest who has its manage token.
pub async fn read_managed(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
) -> Result<BookingRecord, BookingError> {
    Ok(booking_of_guest(app, tenant, id, token).await?.1)
}

/// A booking within a staff member's scope.
pub(in crate::flows) async fn booking_of_staff(
    app: &App,
    scope: &Scope,
    id: &BookingId,
) -> Result<BookingRecord, BookingError> {
    let found = app.store.booking_record(scope.tenant(), id).await?;
    found.filter(|record| scope.covers(&record.booking)).ok_or(BookingError::UnknownBooking)
}

/// A booking and its guest's scope, if the manage token is its own.
pub(in crate::flows) async fn booking_of_guest(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
) -> Result<(Scope, BookingRecord), BookingError> {
    let record = app.store.booking_record(tenant, id).await?.ok_or(BookingError::UnknownBooking)?;
    if !token.opens(app, &record.booking).await? {
        return Err(BookingError::UnknownBooking);
    }
    Ok((Scope::Guest(tenant.clone(), id.clone(), record.booking.token_generation), record))
}

/// What a change begins with: the booking as its caller has read it, and as it is now when that was not so any more.
pub(in crate::flows) async fn first_or_read(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    first: Option<BookingRecord>,
) -> Result<BookingRecord, BookingError> {
    match first {
        Some(read) => Ok(read),
        None => app.store.booking_record(tenant, id).await?.ok_or(BookingError::UnknownBooking),
    }
}

/// The same within a scope. A manage token that was revoked in between is good for nothing more.
pub(in crate::flows) async fn first_or_read_within(
    app: &App,
    scope: &Scope,
    id: &BookingId,
    first: Option<BookingRecord>,
) -> Result<BookingRecord, BookingError> {
    let record = first_or_read(app, scope.tenant(), id, first).await?;
    if scope.covers(&record.booking) { Ok(record) } else { Err(BookingError::UnknownBooking) }
}

/// What a write of a booking came to: `None` when something was not as read.
pub(in crate::flows) fn unless_stale(
    written: Result<(), BookingConflict>,
) -> Result<Option<()>, BookingError> {
    match written {
        Ok(()) => Ok(Some(())),
        Err(BookingConflict::Stale | BookingConflict::Exists(_)) => Ok(None),
        Err(BookingConflict::Store(error)) => Err(error.into()),
    }
}
