//! Reschedule: the booking gives up its cells and takes others in one transaction, under the conditions of a hold. It
//! keeps its id, its guest and its manage token; the calendar follows.

use crate::app::App;
use crate::domain::{Booking, BookingId, EventType, Reach, StepRefused, Tenant, Tick};
use crate::flows::bookings::book::check;
use crate::flows::bookings::hold::{Alternatives, HoldError, TRIES, claim, lost, read_wave};
use crate::flows::bookings::manage_token::ManageToken;
use crate::flows::bookings::transition::{StepError, read_booking, read_managed};
use crate::flows::idempotency::{Attempt, IdempotencyKey, Unrepeatable, done};
use crate::flows::keys::KeyError;
use crate::flows::slots::availability::{Availability, Refused};
use crate::flows::sync::push::push_within;
use crate::store::StoreError;

/// Why a booking was not moved.
#[derive(Debug, thiserror::Error)]
pub enum RescheduleError {
    /// There is no such booking within reach, or the token is not its own.
    #[error("there is no such booking")]
    UnknownBooking,
    /// Its event type is gone, so nothing says what is free.
    #[error("the event type is offered no more")]
    EventTypeGone,
    /// Its state or the time does not allow it.
    #[error(transparent)]
    NotNow(#[from] StepRefused),
    /// Somebody or something else has the time.
    #[error("the slot is taken")]
    SlotTaken(Alternatives),
    /// As many bookings as are taken on that day.
    #[error("the event type takes no more bookings on that day")]
    DayFull(Alternatives),
    /// The rules do not allow the start, or a calendar cannot be read.
    #[error(transparent)]
    Refused(Refused),
    /// The Idempotency-Key came with another body before.
    #[error("the key was used for another request")]
    KeyReused,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StepError> for RescheduleError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::UnknownBooking => Self::UnknownBooking,
            StepError::Refused(refused) => Self::NotNow(refused),
            StepError::Changed(_) => Self::Store(StoreError::Busy),
            StepError::Store(error) => Self::Store(error),
            StepError::Key(error) => Self::Key(error),
        }
    }
}

impl From<HoldError> for RescheduleError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::SlotTaken(alternatives) => Self::SlotTaken(alternatives),
            HoldError::DayFull(alternatives) => Self::DayFull(alternatives),
            HoldError::Refused(refused) => Self::Refused(refused),
            HoldError::KeyReused => Self::KeyReused,
            HoldError::UnknownEventType | HoldError::LengthNotOffered | HoldError::UnknownHold => {
                Self::EventTypeGone
            }
            HoldError::Store(error) => Self::Store(error),
        }
    }
}

impl From<Unrepeatable> for RescheduleError {
    fn from(error: Unrepeatable) -> Self {
        HoldError::from(error).into()
    }
}

/// Who moves a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Its guest: by the rules of the event type and the notice that was agreed.
    Guest,
    /// Staff: to any time that is free.
    Staff,
}

/// Moves a booking within reach.
pub async fn reschedule(
    app: &App,
    tenant: &Tenant,
    reach: &Reach,
    id: &BookingId,
    to: Tick,
    key: Option<&IdempotencyKey>,
) -> Result<Booking, RescheduleError> {
    once(app, read_booking(app, tenant, reach, id).await?, to, By::Staff, key).await
}

/// Moves a booking, for whoever has its manage token.
pub async fn reschedule_managed(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
    to: Tick,
    key: Option<&IdempotencyKey>,
) -> Result<Booking, RescheduleError> {
    once(app, read_managed(app, tenant, id, token).await?, to, By::Guest, key).await
}

async fn once(
    app: &App,
    booking: Booking,
    to: Tick,
    by: By,
    key: Option<&IdempotencyKey>,
) -> Result<Booking, RescheduleError> {
    let (tenant, id) = (booking.tenant.clone(), booking.id.clone());
    let said = to.index().to_string();
    let attempt = Attempt::new(&format!("reschedule {id}"), &tenant, key, &[Some(&said)]);
    if done(app, &tenant, attempt.as_ref()).await?.is_some() {
        return Ok(booking);
    }
    match Box::pin(shift(app, booking, to, by, attempt.as_ref())).await {
        Ok(moved) => Ok(push_within(app, moved).await),
        // Perhaps the same request, sent twice at once, was faster.
        Err(error) => match done(app, &tenant, attempt.as_ref()).await? {
            Some(_) => app.store.booking(&tenant, &id).await?.ok_or(RescheduleError::UnknownBooking),
            None => Err(error),
        },
    }
}

async fn shift(
    app: &App,
    read: Booking,
    to: Tick,
    by: By,
    attempt: Option<&Attempt>,
) -> Result<Booking, RescheduleError> {
    let tenant = read.tenant.clone();
    let event_type = app.store.event_type(&tenant, &read.event_type).await?;
    // One that another host offers by now says nothing about this host's time.
    let event_type = event_type.filter(|event_type| event_type.host == read.host);
    let event_type = event_type.filter(|event_type| by == By::Staff || event_type.is_open());
    let event_type = event_type.ok_or(RescheduleError::EventTypeGone)?;
    let mut before = read;
    for _ in 0..TRIES {
        if before.start == to {
            return Ok(before);
        }
        let now = app.clock.now();
        match by {
            By::Guest => before.guest_may_move(now)?,
            By::Staff => before.may_move(now)?,
        }
        let cells = claim(&event_type, to, before.length);
        let available = read_wave(app, &tenant, &event_type, &cells, to).await?.without(&before.claimed);
        let allowed = match may_move(&available, &event_type, &before, to, by) {
            Ok(()) => check(app, &available, &cells).await,
            refused => refused,
        };
        if let Err(refused) = allowed {
            let length = before.length;
            return Err(lost(app, &tenant, &event_type, length, to, available, refused).await.into());
        }
        let now = app.clock.now();
        let mut after = before.moved(to, cells, now);
        after.counted_on = available.counted_on(&event_type, to);
        let once = attempt.map(|attempt| attempt.record("", now));
        let (days, most) = (&available.days.days, event_type.max_per_day);
        match app.store.move_booking(&before, &after, days, most, once.as_ref(), now).await {
            Ok(()) => return Ok(after),
            // The booking, a cell, the calendar or the day's count was not as read: the next reading tells which.
            Err(StoreError::Conflict(_)) => {
                let found = app.store.booking(&tenant, &before.id).await?;
                before = found.ok_or(RescheduleError::UnknownBooking)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

fn may_move(
    available: &Availability,
    event_type: &EventType,
    booking: &Booking,
    to: Tick,
    by: By,
) -> Result<(), Refused> {
    match by {
        By::Guest => available.may_take(event_type, to, booking.length),
        By::Staff => available.may_place(event_type, to, booking.length),
    }?;
    available.has_room(event_type, to, booking.counted_on)
}
