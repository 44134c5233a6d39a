//! Push: make the calendar agree with one booking. Exactly one event for each live booking, none for an ended
//! one, whatever crashes when.
//!
//! Level-triggered, under a lease on the booking that outlives its calls: it reads the booking, does what is
//! missing, and records it only if the booking is still that version; otherwise it looks again. The event's id
//! is made from the booking's, so inserting twice is inserting once.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::access::{AccessError, Session, through};
use super::backoff::pause;
use crate::app::App;
use crate::calendars::{CalendarError, CalendarId, EventDraft, EventId, Guest as Invited, Notify, Placed};
use crate::domain::{
    Booking, BookingId, CalendarLink, CalendarSync, Integration, IntegrationStatus, Pushed, Tenant,
};
use crate::store::{Lease, StoreError};

/// Longer than all the calls that one push makes.
const LEASE: TimeDelta = TimeDelta::seconds(30);
const WITHIN: Duration = Duration::from_secs(12);
/// What the request that made or ended a booking waits for its push; past that the answer says `pending`.
const IN_REQUEST: Duration = Duration::from_millis(2500);
const CALLS_IN_REQUEST: Duration = Duration::from_secs(2);
const ROUNDS: u32 = 3;
/// A booking whose events were deleted by hand this many times is not put back again.
const GENERATIONS: u32 = 8;
const PARKED: TimeDelta = TimeDelta::hours(1);

/// Pushes a booking and says how it and its calendar agree.
pub async fn push(app: &App, tenant: &Tenant, id: &BookingId) -> Result<CalendarSync, StoreError> {
    let pushed = push_by(app, tenant, id, Instant::now() + WITHIN).await?;
    Ok(pushed.map_or(CalendarSync::Pending, |booking| booking.calendar_sync()))
}

/// Pushes within a request and gives the booking as it is then. What is not finished in time stays due.
pub(super) async fn push_within(app: &App, booking: Booking) -> Booking {
    if booking.calendar.is_none() || booking.settled_version >= booking.version {
        return booking;
    }
    let calls_until = Instant::now() + CALLS_IN_REQUEST;
    let pushing = push_by(app, &booking.tenant, &booking.id, calls_until);
    match tokio::time::timeout(IN_REQUEST, pushing).await {
        Ok(Ok(Some(pushed))) => pushed,
        Ok(Ok(None)) | Err(_) => booking,
        Ok(Err(error)) => {
            tracing::warn!(booking = %booking.id, %error, "push left for later");
            booking
        }
    }
}

/// `None` when another push is at work: the booking stays due.
async fn push_by(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    deadline: Instant,
) -> Result<Option<Booking>, StoreError> {
    for _ in 0..ROUNDS {
        let lease = Lease::new(app.clock.now(), LEASE);
        let booking = match app.store.lease_booking(tenant, id, &lease).await {
            Ok(booking) => booking,
            Err(StoreError::Conflict(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let outcome = if booking.settled_version >= booking.version {
            Outcome::Settled
        } else {
            reconcile(app, &booking, deadline).await?
        };
        if let Outcome::Later(error) = &outcome {
            tracing::warn!(booking = %booking.id, %error, "push to be tried again");
        }
        let after = settled(&booking, outcome, app.clock.now());
        match app.store.settle_push(&booking, &after, &lease).await {
            Ok(()) => return Ok(Some(after)),
            // Changed while we were at it: look again.
            Err(StoreError::Conflict(_)) => app.store.drop_push_lease(&booking, &lease).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What a push found or did.
enum Outcome {
    /// The event shows this version, as this generation.
    Shown(Placed, u32),
    /// There is no event.
    Removed,
    /// There was nothing to do.
    Settled,
    /// Nothing can or should be done any more.
    GivenUp,
    /// The host has to connect again first.
    Parked,
    /// It failed in a way that may pass.
    Later(CalendarError),
}

async fn reconcile(app: &App, booking: &Booking, deadline: Instant) -> Result<Outcome, StoreError> {
    let Some(link) = &booking.calendar else { return Ok(Outcome::Settled) };
    if booking.span().end.instant() <= app.clock.now() {
        return Ok(Outcome::GivenUp);
    }
    let found = app.store.integration_with_tokens(&booking.tenant, &booking.host, &link.integration).await?;
    let Some((integration, tokens)) = found else { return Ok(Outcome::GivenUp) };
    match integration.status {
        // The disconnect removes what was written.
        IntegrationStatus::Disconnected | IntegrationStatus::Pending => return Ok(Outcome::GivenUp),
        IntegrationStatus::NeedsReauth => return Ok(Outcome::Parked),
        IntegrationStatus::Connected | IntegrationStatus::Error => {}
    }
    let done = match Session::open_with(app, &integration, tokens, deadline).await {
        Ok(session) if booking.wants_event() => show(app, booking, link, &integration, session).await,
        Ok(session) => remove(booking, link, session).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(outcome) => {
            // A calendar other than the target is read by free/busy, which does not say whose an event is: after
            // one of ours changed there, it is to be read again.
            if integration.target_calendar.as_ref() != Some(&link.calendar) {
                app.store.make_integration_due(&integration).await?;
            }
            Ok(outcome)
        }
        Err(AccessError::Calendar(CalendarError::Revoked)) => Ok(Outcome::Parked),
        Err(AccessError::Calendar(error)) => Ok(Outcome::Later(error)),
        Err(AccessError::Store(error)) => Err(error),
        Err(AccessError::Key(error)) => {
            tracing::warn!(booking = %booking.id, %error, "no key for a push");
            Ok(Outcome::Later(CalendarError::Unreachable))
        }
    }
}

/// Puts the event there, or brings it up to date.
async fn show(
    app: &App,
    booking: &Booking,
    link: &CalendarLink,
    integration: &Integration,
    mut session: Session<'_>,
) -> Result<Outcome, AccessError> {
    let calendar: CalendarId = link.calendar.parse().map_err(|_invalid| CalendarError::Unreadable)?;
    let zone = app
        .store
        .host_remembered(&booking.tenant, &booking.host)
        .await?
        .map_or(chrono_tz::UTC, |host| host.host.schedule.zone);
    let mut exists = booking.pushed.is_some();
    let mut generation = link.generation;
    let mut invites = true;
    // Deleted by hand, as far as the calendar says.
    let mut all_deleted = true;
    while generation < link.generation + GENERATIONS {
        let mut draft = draft(booking, integration, generation, zone);
        draft.guest = draft.guest.filter(|_| invites);
        let tried = if exists {
            through!(session, update_event(&calendar, &draft))
        } else {
            through!(session, insert_event(&calendar, &draft))
        };
        let error = match tried {
            Ok(placed) => return Ok(Outcome::Shown(placed, generation)),
            Err(AccessError::Calendar(error)) => error,
            Err(error) => return Err(error),
        };
        // An address that the provider does not take must not cost the host the event: it is in the description.
        if invites && matches!(error, CalendarError::Rejected { .. }) {
            invites = false;
            continue;
        }
        // Another push got there first, or somebody deleted the event: the calendar says which.
        let may_exist = matches!(error, CalendarError::Conflict | CalendarError::Changed);
        let may_be_deleted = exists && matches!(error, CalendarError::Gone | CalendarError::NotFound);
        let is_told_by_reading = may_exist || may_be_deleted;
        if !is_told_by_reading {
            return Err(error.into());
        }
        match through!(session, event(&calendar, &draft.id)) {
            Ok(_) if exists => return Err(error.into()),
            Ok(_) => exists = true,
            // The id of a deleted event is spent.
            Err(AccessError::Calendar(answer @ (CalendarError::Gone | CalendarError::NotFound))) => {
                all_deleted &= answer == CalendarError::Gone;
                exists = false;
                generation += 1;
            }
            Err(error) => return Err(error),
        }
    }
    // A calendar that says of each id that it is taken, and then that it knows no such event, may come to its
    // senses: nobody has deleted anything.
    if all_deleted { Ok(Outcome::GivenUp) } else { Err(CalendarError::Conflict.into()) }
}

/// Takes the event away: every generation that may have been made, recorded or not.
async fn remove(
    booking: &Booking,
    link: &CalendarLink,
    mut session: Session<'_>,
) -> Result<Outcome, AccessError> {
    let calendar: CalendarId = link.calendar.parse().map_err(|_invalid| CalendarError::Unreadable)?;
    for generation in link.generation..link.generation + GENERATIONS {
        let id = EventId::of(&booking.id, generation);
        match through!(session, delete_event(&calendar, &id, Notify::Guests)) {
            // Deleted before, by a person or by an earlier try: a later generation may stand.
            Err(AccessError::Calendar(CalendarError::Gone)) => {}
            Ok(()) | Err(AccessError::Calendar(CalendarError::NotFound)) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(Outcome::Removed)
}

fn draft(booking: &Booking, integration: &Integration, generation: u32, zone: chrono_tz::Tz) -> EventDraft {
    let guest = &booking.guest;
    let mut lines = vec![format!("{} <{}>", guest.name, guest.email)];
    lines.extend(guest.phone.clone());
    lines.extend(booking.notes.clone());
    EventDraft {
        id: EventId::of(&booking.id, generation),
        booking: booking.id.clone(),
        integration: integration.id.clone(),
        starts_at: booking.span().start.instant(),
        ends_at: booking.span().end.instant(),
        time_zone: zone,
        title: format!("{} with {}", booking.title, guest.name),
        description: lines.join("\n"),
        location: None,
        guest: Some(Invited { name: guest.name.clone(), email: guest.email.clone() }),
        private: true,
        reminder_minutes: vec![15, 60],
    }
}

fn settled(booking: &Booking, outcome: Outcome, now: DateTime<Utc>) -> Booking {
    let mut after = booking.clone();
    match outcome {
        Outcome::Shown(placed, generation) => {
            if let Some(link) = &mut after.calendar {
                link.generation = generation;
            }
            let version = booking.version;
            after.pushed = Some(Pushed { version, span: booking.span(), etag: placed.etag });
            settle(&mut after);
        }
        Outcome::Removed => {
            after.pushed = None;
            settle(&mut after);
        }
        Outcome::Settled | Outcome::GivenUp => settle(&mut after),
        Outcome::Parked => after.due_at = Some(now + PARKED),
        Outcome::Later(error) => {
            after.push_failures = booking.push_failures.saturating_add(1);
            after.due_at = Some(now + pause(after.push_failures, error.retry_after()));
        }
    }
    after
}

fn settle(booking: &mut Booking) {
    booking.settled_version = booking.version;
    booking.push_failures = 0;
    booking.due_at = None;
}
