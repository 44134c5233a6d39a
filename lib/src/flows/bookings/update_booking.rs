//! Update: what staff write about a booking, and a new manage token when the old one has got about.

use super::error::BookingError;
use super::manage_token::ManageToken;
use super::read::{booking_of_staff, unless_stale};
use crate::app::App;
use crate::domain::{BookingId, BookingRecord, Scope};
use crate::flows::catalog::Expected;
use crate::flows::change::change;
use crate::flows::sync::push::{push_again, push_within, request_lease};
use crate::store::BookingWrite;

/// What is to be changed; `None` leaves it, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct BookingChange {
    /// Free text.
    pub notes: Option<Option<String>>,
    /// Free-form JSON object, as text.
    pub metadata: Option<Option<String>>,
    /// Whether a new manage token takes the place of the old one.
    pub renew_manage_token: bool,
}

/// Changes what staff may change of a booking, if it is still the version that they have seen. Gives the manage token
/// when it is a new one.
pub async fn update_booking(
    app: &App,
    scope: &Scope,
    id: &BookingId,
    patch: &BookingChange,
    expected: &Expected,
) -> Result<(BookingRecord, Option<ManageToken>), BookingError> {
    let (record, lease, is_new) = change(|| async {
        let before = booking_of_staff(app, scope, id).await?;
        let version = before.booking.version;
        if !expected.is_met(Some(version)) {
            return Err(BookingError::Changed(version));
        }
        let now = app.clock.now();
        let lease = request_lease(now);
        let mut booking = before.booking.clone();
        booking.notes = patch.notes.clone().unwrap_or(booking.notes);
        booking.metadata = patch.metadata.clone().unwrap_or(booking.metadata);
        booking.token_generation += u32::from(patch.renew_manage_token);
        if booking == before.booking {
            return Ok(Some((before, lease, false)));
        }
        let after = before.followed_by(booking.next_version(scope.actor()), &lease, now);
        let written = app.store.write_booking(&BookingWrite::of(&before, &after, now)).await;
        Ok::<_, BookingError>(unless_stale(written)?.map(|()| (after, lease, patch.renew_manage_token)))
    })
    .await?;
    let token = if is_new { Some(ManageToken::of(app, &record.booking).await?) } else { None };
    Ok((push_within(app, record, &lease).await, token))
}

/// Looks into the calendars again, also for a booking that was thought to be in step with them.
pub async fn sync_booking(app: &App, scope: &Scope, id: &BookingId) -> Result<BookingRecord, BookingError> {
    let record = booking_of_staff(app, scope, id).await?;
    Ok(push_again(app, record).await?)
}
