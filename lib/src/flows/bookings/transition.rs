//! Transitions of a booking's status: confirm, decline, start, complete, no-show, cancel. Each is one write under the
//! version that was read; ending a booking frees the cells that it stored, in the same transaction. Then the calendars
//! follow.

use super::error::BookingError;
use super::manage_token::ManageToken;
use super::read::{booking_of_guest, booking_of_staff, first_or_read_within, unless_stale};
use crate::app::App;
use crate::domain::{
    Actor, Booking, BookingId, BookingRecord, BookingStatus, Lease, Scope, StepRefused, Tenant,
};
use crate::flows::change::change;
use crate::flows::sync::push::{push_within, request_lease};
use crate::store::BookingWrite;

/// What the host of an unanswered booking did not say.
const UNANSWERED: &str = "not answered in time";

/// Takes a booking to another status. One that stands there already stays, and that is no error.
pub async fn transition(
    app: &App,
    scope: &Scope,
    id: &BookingId,
    to: BookingStatus,
    reason: Option<&str>,
) -> Result<BookingRecord, BookingError> {
    let record = booking_of_staff(app, scope, id).await?;
    let (record, lease) = transition_of(app, scope, record, to, reason, &scope.actor(), |_| Ok(())).await?;
    Ok(push_within(app, record, &lease).await)
}

/// Cancels a booking for the guest who has its manage token, while the notice that was agreed allows it.
pub async fn cancel_managed(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
    reason: Option<&str>,
) -> Result<BookingRecord, BookingError> {
    let (scope, record) = booking_of_guest(app, tenant, id, token).await?;
    let now = app.clock.now();
    let may = |booking: &Booking| booking.guest_may_cancel(now);
    let cancelled = BookingStatus::Cancelled;
    let (record, lease) = transition_of(app, &scope, record, cancelled, reason, &scope.actor(), may).await?;
    Ok(push_within(app, record, &lease).await)
}

/// Does what a booking's deadlines ask for: declines what nobody answered, erases what is kept no longer. A booking
/// whose deadline has not come stays as it is.
pub async fn expire_and_erase(app: &App, tenant: &Tenant, id: &BookingId) -> Result<(), BookingError> {
    let now = app.clock.now();
    let Some(record) = app.store.booking_record(tenant, id).await? else { return Ok(()) };
    if record.booking.is_unanswered(now) {
        let (scope, declined) = (Scope::Tenant(tenant.clone()), BookingStatus::Declined);
        let may = |_: &Booking| Ok(());
        let tried = transition_of(app, &scope, record, declined, Some(UNANSWERED), &Actor::System, may).await;
        return match tried {
            Ok((record, lease)) => {
                push_within(app, record, &lease).await;
                Ok(())
            }
            // Somebody has answered in the meantime.
            Err(BookingError::NotNow(_)) => Ok(()),
            Err(error) => Err(error),
        };
    }
    if record.booking.erase_at.is_some_and(|erase_at| erase_at <= now) {
        let after = BookingRecord { booking: record.booking.erased(), entries: record.entries.clone() };
        // Changed by somebody: it stays due.
        unless_stale(app.store.write_booking(&BookingWrite::of(&record, &after, now)).await)?;
    }
    Ok(())
}

async fn transition_of(
    app: &App,
    scope: &Scope,
    read: BookingRecord,
    to: BookingStatus,
    reason: Option<&str>,
    by: &Actor,
    may: impl Fn(&Booking) -> Result<(), StepRefused> + Sync,
) -> Result<(BookingRecord, Lease), BookingError> {
    let id = &read.booking.id.clone();
    let (mut first, may) = (Some(read), &may);
    // Changed since it was read: by the same transition, or by a change that is to be seen first.
    change(|| {
        let first = first.take();
        async move {
            let before = first_or_read_within(app, scope, id, first).await?;
            let now = app.clock.now();
            let lease = request_lease(now);
            if before.booking.status == to {
                return Ok(Some((before, lease)));
            }
            let booking = before.booking.step(to, reason.map(str::to_owned), by.clone(), now)?;
            may(&before.booking)?;
            let after = before.followed_by(booking, &lease, now);
            let written = app.store.write_booking(&BookingWrite::of(&before, &after, now)).await;
            Ok(unless_stale(written)?.map(|()| (after, lease)))
        }
    })
    .await
}
