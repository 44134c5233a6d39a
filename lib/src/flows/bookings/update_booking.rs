//! Update: what staff write about a booking, and a new manage token when the old one has got about.

use crate::app::App;
use crate::domain::{Booking, BookingId, Reach, Tenant};
use crate::flows::bookings::manage_token::ManageToken;
use crate::flows::bookings::transition::{StepError, TRIES, read_booking};
use crate::flows::catalog::Expected;
use crate::flows::sync::push::{push_again, push_within};
use crate::store::StoreError;

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
    tenant: &Tenant,
    reach: &Reach,
    id: &BookingId,
    change: &BookingChange,
    expected: &Expected,
) -> Result<(Booking, Option<ManageToken>), StepError> {
    for _ in 0..TRIES {
        let before = read_booking(app, tenant, reach, id).await?;
        if !expected.is_met(Some(before.version)) {
            return Err(StepError::Changed(before.version));
        }
        let mut after = before.clone();
        after.notes = change.notes.clone().unwrap_or(after.notes);
        after.metadata = change.metadata.clone().unwrap_or(after.metadata);
        after.token_generation += u32::from(change.renew_manage_token);
        if after == before {
            return Ok((before, None));
        }
        let after = after.changed_from(&before, app.clock.now());
        match app.store.change_booking(&before, &after).await {
            Ok(()) => {
                let mut token = None;
                if change.renew_manage_token {
                    token = Some(ManageToken::of(app, &after).await?);
                }
                return Ok((push_within(app, after).await, token));
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// Looks into the calendar again, also for a booking that was thought to be in step with it.
pub async fn sync_booking(
    app: &App,
    tenant: &Tenant,
    reach: &Reach,
    id: &BookingId,
) -> Result<Booking, StepError> {
    let booking = read_booking(app, tenant, reach, id).await?;
    Ok(push_again(app, booking).await?)
}
