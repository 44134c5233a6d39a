//! Reschedule: the booking gives up its cells and takes others in one transaction, under the conditions of a hold. It
//! keeps its id, its guest, its manage token and its terms; the calendars follow.

use super::error::BookingError;
use super::manage_token::ManageToken;
use super::place::{Placement, Rules, Taking, place};
use super::read::{booking_of_guest, booking_of_staff, first_or_read_within, unless_stale};
use crate::app::App;
use crate::domain::{BookingId, BookingRecord, Claim, Lease, Scope, Span, Tenant, Tick, Ticks};
use crate::flows::change::change;
use crate::flows::idempotency::{Fingerprint, IdempotencyKey, IdempotentRequest, idempotent};
use crate::flows::slots::availability::JointAvailability;
use crate::flows::sync::push::{push_within, request_lease};
use crate::store::BookingWrite;

/// Where a booking is to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTime {
    /// Its new start.
    pub start: Tick,
    /// Its new length; as long as before when `None`.
    pub length: Option<Ticks>,
}

/// Moves a booking within a staff member's scope, to any time that is free.
pub async fn reschedule(
    app: &App,
    scope: &Scope,
    id: &BookingId,
    to: NewTime,
    key: Option<&IdempotencyKey>,
) -> Result<BookingRecord, BookingError> {
    let record = booking_of_staff(app, scope, id).await?;
    Box::pin(reschedule_idempotent(app, scope, record, to, key)).await
}

/// Moves a booking for the guest who has its manage token, by its event type's rules and the notice that was agreed.
pub async fn reschedule_managed(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    token: &ManageToken,
    to: NewTime,
    key: Option<&IdempotencyKey>,
) -> Result<BookingRecord, BookingError> {
    let (scope, record) = booking_of_guest(app, tenant, id, token).await?;
    Box::pin(reschedule_idempotent(app, &scope, record, to, key)).await
}

async fn reschedule_idempotent(
    app: &App,
    scope: &Scope,
    record: BookingRecord,
    to: NewTime,
    key: Option<&IdempotencyKey>,
) -> Result<BookingRecord, BookingError> {
    let (tenant, id) = (scope.tenant(), record.booking.id.clone());
    let fingerprint = Fingerprint::new()
        .field("start", Some(&to.start.index().to_string()))
        .field("length", to.length.map(|length| length.minutes().to_string()).as_deref())
        .finish();
    let request = IdempotentRequest::new(&format!("reschedule {id}"), tenant, key, &fingerprint);
    let (request, id) = (request.as_ref(), &id);
    let replay = |_: String| async move { first_or_read_within(app, scope, id, None).await.map(Some) };
    let act = async {
        let (moved, lease) = Box::pin(shift(app, scope, record, to, request)).await?;
        Ok(push_within(app, moved, &lease).await)
    };
    Box::pin(idempotent(app, tenant, request, act, replay)).await
}

async fn shift(
    app: &App,
    scope: &Scope,
    read: BookingRecord,
    to: NewTime,
    idempotent: Option<&IdempotentRequest>,
) -> Result<(BookingRecord, Lease), BookingError> {
    let id = &read.booking.id.clone();
    let mut first = Some(read);
    // What was lost was the booking, a cell, the calendar or a counter: the next reading tells which.
    change(|| {
        let first = first.take();
        async move {
            let before = first_or_read_within(app, scope, id, first).await?;
            shift_once(app, scope, &before, to, idempotent).await
        }
    })
    .await
}

async fn shift_once(
    app: &App,
    scope: &Scope,
    before: &BookingRecord,
    to: NewTime,
    idempotent: Option<&IdempotentRequest>,
) -> Result<Option<(BookingRecord, Lease)>, BookingError> {
    let booking = &before.booking;
    let now = app.clock.now();
    let slot = Span::new(to.start, to.start + to.length.unwrap_or(booking.length));
    if booking.span() == slot {
        return Ok(Some((before.clone(), request_lease(now))));
    }
    if scope.is_staff() {
        booking.may_move(now)?;
    } else {
        booking.guest_may_move(now)?;
    }
    // Today's hours and interval, also of one that is archived: what was agreed can be moved.
    let today = app.store.event_type(&booking.tenant, &booking.event_type).await?;
    let today = today.ok_or(BookingError::EventTypeGone)?;
    let agreed = booking.agreed(&today);
    let claim = Claim::over(&agreed.hosts, agreed.occupied_span(slot.start, slot.len()));
    if !claim.is_sound() {
        return Err(BookingError::LengthNotOffered);
    }
    let placement = Placement {
        tenant: &booking.tenant,
        event_type: &agreed,
        today: &today,
        slot,
        claim: &claim,
        taking: Taking::Move(booking),
        rules: if scope.is_staff() { Rules::AnyFree } else { Rules::Offered },
    };
    let (agreed, claim) = (&agreed, &claim);
    let write = |available: JointAvailability| async move {
        let now = app.clock.now();
        let lease = request_lease(now);
        let mut moved = booking.moved(slot, claim.clone(), scope.actor());
        moved.counters = available.counters(&available.by_existing_hours(agreed), slot.start);
        let after = available.written_to(before).followed_by(moved, &lease, now);
        let record = idempotent.map(|request| request.record("", now));
        let write = BookingWrite {
            days: available.days(),
            without_calendar: available.without_calendar(&after),
            most: agreed.max_per_day,
            record: record.as_ref(),
            ..BookingWrite::of(before, &after, now)
        };
        Ok(unless_stale(app.store.write_booking(&write).await)?.map(|()| (after, lease)))
    };
    place(app, &placement, write).await
}
