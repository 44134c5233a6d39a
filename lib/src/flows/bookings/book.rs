//! Book: a hold becomes a booking, or a free slot does at once. One strong read wave, the calendars asked when our
//! copy is not fresh, one transaction, then the push.
//!
//! Confirming twice finds its own booking, because a hold's booking id comes from the hold: the same request gets
//! the same answer, another one is refused.

use chrono::{SubsecRound, TimeDelta};

use super::answers::check_guest;
use super::error::BookingError;
use super::hold::random_bits;
use super::hold_token::HoldToken;
use super::manage_token::ManageToken;
use super::place::{Placement, Rules, Taking, place};
use super::request::{BookRequest, Wanted, bookable_event_type};
use crate::app::App;
use crate::domain::{
    AgendaEntry, Booking, BookingId, BookingRecord, BookingStatus, Claim, EventType, HostItems, Lease, Scope,
    Span, Tenant, TenantSettings, Terms, Zone,
};
use crate::flows::change::change;
use crate::flows::idempotency::{IdempotencyKey, IdempotentRequest, idempotent};
use crate::flows::keys::{KeyError, sealing_key};
use crate::flows::slots::availability::JointAvailability;
use crate::flows::sync::push::{push_within, request_lease};
use crate::store::{BookingConflict, BookingWrite, StoreError};

/// The generation of the manage token that a booking is made with.
const FIRST_TOKEN: u32 = 0;

/// A booking that was made, or found to be made already by the same request.
#[derive(Clone, Debug)]
pub struct Booked {
    /// The booking.
    pub record: BookingRecord,
    /// The capability to see and cancel it, while it is the one that came with its making; `None` once that was revoked:
    /// whoever repeats the request is not given a newer one.
    pub manage_token: Option<ManageToken>,
}

/// Confirms a hold or books a free slot. Staff book at any time that is free, confirmed at once.
pub async fn book(
    app: &App,
    scope: &Scope,
    request: &BookRequest,
    key: Option<&IdempotencyKey>,
) -> Result<Booked, BookingError> {
    let tenant = scope.tenant();
    let new = NewBooking { scope, request, fingerprint: request.fingerprint() };
    let idempotent_request = IdempotentRequest::new(&act_of(scope), tenant, key, &new.fingerprint);
    let idempotent_request = idempotent_request.as_ref();
    let replay = |result: String| async move {
        let id =
            result.parse().map_err(|_malformed| StoreError::Unreadable("a record's booking".to_owned()))?;
        Ok::<_, BookingError>(app.store.booking_record(tenant, &id).await?)
    };
    let act = async {
        let (record, lease) = Box::pin(new.commit(app, idempotent_request)).await?;
        Ok(push_within(app, record, &lease).await)
    };
    let record = Box::pin(idempotent(app, tenant, idempotent_request, act, replay)).await?;
    let manage_token = match record.booking.token_generation {
        FIRST_TOKEN => Some(ManageToken::of(app, &record.booking).await?),
        _ => None,
    };
    Ok(Booked { record, manage_token })
}

/// Whose act it is under an idempotency key: another caller who sends the same key makes a request of their own, so that
/// nobody is answered with what lies outside of their scope.
fn act_of(scope: &Scope) -> String {
    match scope.only_host() {
        Some(host) => format!("book {host}"),
        None => format!("book {}", scope.actor()),
    }
}

/// What does not change from one try to the next.
struct NewBooking<'a> {
    scope: &'a Scope,
    request: &'a BookRequest,
    fingerprint: String,
}

impl NewBooking<'_> {
    fn tenant(&self) -> &Tenant {
        self.scope.tenant()
    }

    /// Writes the booking, or finds the one that this request has made: that stays booked, whatever has become of the
    /// hold, the event type and its questions since.
    async fn commit(
        &self,
        app: &App,
        idempotent: Option<&IdempotentRequest>,
    ) -> Result<(BookingRecord, Lease), BookingError> {
        let committed = change(|| self.commit_once(app, idempotent)).await;
        match (committed, &self.request.wanted) {
            (
                Err(
                    error @ (BookingError::UnknownEventType
                    | BookingError::LengthNotOffered
                    | BookingError::WrongAnswers(_)
                    | BookingError::UnknownHold
                    | BookingError::HoldExpired),
                ),
                Wanted::Held(token),
            ) => self.booking_of_hold(app, token, error).await,
            (committed, _) => committed,
        }
    }

    /// Tries once; `None` when something was not as read any more.
    async fn commit_once(
        &self,
        app: &App,
        idempotent: Option<&IdempotentRequest>,
    ) -> Result<Option<(BookingRecord, Lease)>, BookingError> {
        let (slug, length) = match &self.request.wanted {
            Wanted::Held(token) if app.clock.now() >= token.expires_at() => {
                return Err(BookingError::HoldExpired);
            }
            Wanted::Held(token) => (token.event_type(), None),
            Wanted::Slot(slot) => (&slot.event_type, slot.length),
        };
        let (event_type, length) = bookable_event_type(app, self.tenant(), slug, length).await?;
        if self.scope.is_staff() && !self.scope.covers_any(&event_type.hosts) {
            return Err(BookingError::UnknownEventType);
        }
        let wrong = check_guest(&event_type, self.scope, self.request);
        if !wrong.is_empty() {
            return Err(BookingError::WrongAnswers(wrong));
        }
        let settings = app.store.tenant_remembered(self.tenant()).await?;
        let settings = settings.ok_or(BookingError::UnknownEventType)?;
        match &self.request.wanted {
            Wanted::Held(token) => {
                let id = token.booking_id();
                let claim = token.claim();
                // The hosts of a hold are its event type's. If those have changed since, terms and limits are no longer
                // those of the hosts that it claims.
                if !claim.hosts().eq(event_type.hosts.iter()) {
                    return Err(BookingError::UnknownHold);
                }
                let parts =
                    Parts { settings: &settings, event_type: &event_type, id, slot: token.slot(), claim };
                self.place(app, &parts, Some(token), idempotent).await
            }
            Wanted::Slot(slot) => {
                let bits = idempotent.map_or_else(random_bits, IdempotentRequest::bits);
                let id = BookingId::from_bits(u128::from_be_bytes(bits));
                let claim = &Claim::over(&event_type.hosts, event_type.occupied_span(slot.start, length));
                let slot = Span::new(slot.start, slot.start + length);
                let parts = Parts { settings: &settings, event_type: &event_type, id, slot, claim };
                self.place(app, &parts, None, idempotent).await
            }
        }
    }

    async fn place(
        &self,
        app: &App,
        parts: &Parts<'_>,
        held: Option<&HoldToken>,
        idempotent: Option<&IdempotentRequest>,
    ) -> Result<Option<(BookingRecord, Lease)>, BookingError> {
        let placement = Placement {
            tenant: self.tenant(),
            event_type: parts.event_type,
            today: parts.event_type,
            slot: parts.slot,
            claim: parts.claim,
            taking: held.map_or(Taking::Slot, Taking::Held),
            rules: if self.scope.is_staff() { Rules::AnyFree } else { Rules::Offered },
        };
        let write = |available| self.write(app, parts, available, held, idempotent);
        place(app, &placement, write).await
    }

    /// Writes the booking with all that belongs to it; `None` when something was not as read.
    async fn write(
        &self,
        app: &App,
        parts: &Parts<'_>,
        available: JointAvailability,
        held: Option<&HoldToken>,
        idempotent: Option<&IdempotentRequest>,
    ) -> Result<Option<(BookingRecord, Lease)>, BookingError> {
        can_answer(app, self.tenant()).await?;
        let now = app.clock.now();
        if held.is_some_and(|held| now >= held.expires_at()) {
            return Err(BookingError::HoldExpired);
        }
        let lease = request_lease(now);
        let record = self.record(parts, &available, &lease, now);
        let id = record.booking.id.as_str();
        let idempotency = idempotent.map(|request| request.record(id, now));
        let write = BookingWrite {
            before: None,
            after: &record,
            days: available.days(),
            without_calendar: available.without_calendar(&record),
            held: held.map(HoldToken::owner),
            most: parts.event_type.max_per_day,
            record: idempotency.as_ref(),
            now,
        };
        match app.store.write_booking(&write).await {
            Ok(()) => Ok(Some((record, lease))),
            // The key of a request that is remembered no longer still made that booking's id.
            Err(BookingConflict::Exists(found)) => match self.same_request_or_conflict(app, *found).await {
                Err(BookingError::HoldUsed) if held.is_none() => Err(BookingError::KeyReused),
                same => same.map(Some),
            },
            Err(BookingConflict::Stale) => Ok(None),
            Err(BookingConflict::Store(error)) => Err(error.into()),
        }
    }

    /// The booking that this hold became, if this same request made it; `else_error` when it became none.
    async fn booking_of_hold(
        &self,
        app: &App,
        token: &HoldToken,
        else_error: BookingError,
    ) -> Result<(BookingRecord, Lease), BookingError> {
        let found = app.store.booking(self.tenant(), &token.booking_id()).await?;
        match found.filter(|found| !self.scope.is_staff() || self.scope.covers(found)) {
            Some(found) => self.same_request_or_conflict(app, found).await,
            None => Err(else_error),
        }
    }

    async fn same_request_or_conflict(
        &self,
        app: &App,
        found: Booking,
    ) -> Result<(BookingRecord, Lease), BookingError> {
        if found.fingerprint != self.fingerprint {
            return Err(BookingError::HoldUsed);
        }
        let record = app.store.booking_record(&found.tenant, &found.id).await?;
        Ok((record.ok_or(BookingError::UnknownBooking)?, request_lease(app.clock.now())))
    }

    fn record(
        &self,
        parts: &Parts<'_>,
        available: &JointAvailability,
        lease: &Lease,
        now: chrono::DateTime<chrono::Utc>,
    ) -> BookingRecord {
        let booking = self.booking(parts, available, now);
        let entry = |host| {
            let write_to = available.host(host).and_then(HostItems::write_to).cloned();
            let entry = AgendaEntry::first(&booking, host, self.request.sync_to_calendar, write_to);
            entry.with_work(&booking, lease, now)
        };
        let entries = parts.claim.hosts().map(entry).collect();
        BookingRecord { booking, entries }
    }

    fn booking(
        &self,
        parts: &Parts<'_>,
        available: &JointAvailability,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Booking {
        let (event_type, request, slot) = (parts.event_type, self.request, parts.slot);
        let actor = self.scope.actor();
        let is_asked = event_type.needs_confirmation && !self.scope.is_staff();
        // In whole seconds, as it is stored.
        let now = now.trunc_subsecs(0);
        let answer_by = (now + event_type.confirm_within.duration()).min(slot.start.instant());
        let kept = parts.settings.retention_days.map(|days| TimeDelta::days(i64::from(days)));
        let mut booking = Booking {
            id: parts.id.clone(),
            tenant: self.tenant().clone(),
            event_type: event_type.slug.clone(),
            title: event_type.title.clone(),
            status: if is_asked { BookingStatus::Pending } else { BookingStatus::Confirmed },
            version: 1,
            start: slot.start,
            length: slot.len(),
            claim: parts.claim.clone(),
            guest: request.guest.clone(),
            answers: request.answers.clone(),
            notes: request.notes.clone(),
            metadata: request.metadata.clone(),
            due_at: None,
            fingerprint: self.fingerprint.clone(),
            token_generation: FIRST_TOKEN,
            created_at: now,
            terms: Box::new(terms(parts, available)),
            created_by: actor.clone(),
            changed_by: actor,
            answer_by: is_asked.then_some(answer_by),
            counters: available.counters(event_type, slot.start),
            reason: None,
            conference: None,
            erase_at: kept.map(|kept| slot.end.instant() + kept),
        };
        booking.due_at = booking.next_deadline();
        booking
    }
}

/// The parts of a new booking that the request does not say itself.
struct Parts<'a> {
    settings: &'a TenantSettings,
    event_type: &'a EventType,
    id: BookingId,
    slot: Span,
    claim: &'a Claim,
}

/// What is agreed by booking now.
fn terms(parts: &Parts<'_>, available: &JointAvailability) -> Terms {
    let Parts { settings, event_type, .. } = parts;
    let organizer = available.host(event_type.hosts.organizer());
    // A hold's buffers are those under which it was taken.
    let taken = parts.claim.span().unwrap_or(parts.slot);
    let zone = organizer.and_then(|items| items.schedule(event_type)).map(|schedule| schedule.zone);
    Terms {
        tenant_name: settings.name.clone(),
        host_name: organizer.map(|items| items.host.name.clone()).unwrap_or_default(),
        time_zone: zone.unwrap_or(Zone::UTC),
        schedule: event_type.schedule.clone(),
        buffer_before: Span::new(taken.start, parts.slot.start).len(),
        buffer_after: Span::new(parts.slot.end, taken.end).len(),
        event_title: event_type.event_title.clone(),
        event_description: event_type.event_description.clone(),
        location: event_type.location.clone(),
        reminders: event_type.reminders.clone(),
        visibility: event_type.visibility,
        cancel_notice: event_type.cancel_notice,
        reschedule_notice: event_type.reschedule_notice,
    }
}

/// Fetches the signing key before anything is written: a booking whose answer cannot be given would have an owner who
/// does not know of it.
async fn can_answer(app: &App, tenant: &Tenant) -> Result<(), KeyError> {
    sealing_key(app, tenant).await.map(|_| ())
}
