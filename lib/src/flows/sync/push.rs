//! Push: make the calendar agree with one booking. Exactly one event for each live booking, none for an ended
//! one, whatever crashes when.
//!
//! Level-triggered, under a lease on the booking that outlives its calls: it reads the booking, does what is
//! missing, and records it only if the booking is still that version; otherwise it looks again. The event's id
//! is made from the booking's, so inserting twice is inserting once. While only the event's video conference is to
//! come, pushing is reading ([`conference`]).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::app::App;
use crate::calendars::{CalendarError, CalendarId, EventId, Notify, Placed};
use crate::domain::{
    Booking, BookingId, CalendarLink, CalendarSync, Conference, Integration, IntegrationStatus, Pushed,
    Tenant,
};
use crate::flows::bookings::transition::{StepError, attend};
use crate::flows::integrations::session::{AccessError, Session, through};
use crate::flows::sync::backoff::pause;
use crate::flows::sync::conference;
use crate::flows::sync::render_event::{draft, wants_meet};
use crate::store::{Lease, StoreError};

/// Longer than all the calls that one push makes.
const LEASE: TimeDelta = TimeDelta::seconds(30);
const WITHIN: Duration = Duration::from_secs(12);
/// What the request that made or ended a booking waits for its push; past that the answer says `pending`.
const IN_REQUEST: Duration = Duration::from_millis(2500);
const CALLS_IN_REQUEST: Duration = Duration::from_secs(2);
/// Milliseconds between a request's tries to have its turn with a booking.
const TURNS: [u64; 4] = [100, 200, 400, 800];
const ROUNDS: u32 = 3;
/// A booking whose events were deleted by hand this many times is not put back again.
const GENERATIONS: u32 = 8;
const PARKED: TimeDelta = TimeDelta::hours(1);

/// Pushes a booking, does what else is due about it, and says how it and its calendar agree.
pub async fn push(app: &App, tenant: &Tenant, id: &BookingId) -> Result<CalendarSync, StoreError> {
    let Some(pushed) = Box::pin(push_by(app, tenant, id, false, Instant::now() + WITHIN)).await? else {
        return Ok(CalendarSync::Pending);
    };
    match attend(app, pushed).await {
        Ok(booking) => Ok(booking.calendar_sync()),
        Err(StepError::Store(error)) => Err(error),
        // Somebody has answered in the meantime.
        Err(
            StepError::UnknownBooking | StepError::Refused(_) | StepError::Changed(_) | StepError::Key(_),
        ) => Ok(CalendarSync::Pending),
    }
}

/// Pushes a booking once more, as if nothing were known of its event.
pub(in crate::flows) async fn push_again(app: &App, booking: Booking) -> Result<Booking, StoreError> {
    let pushed = Box::pin(push_by(app, &booking.tenant, &booking.id, true, Instant::now() + WITHIN)).await?;
    Ok(pushed.unwrap_or(booking))
}

/// Pushes within a request and gives the booking as it is then. What is not finished in time stays due.
pub(in crate::flows) async fn push_within(app: &App, booking: Booking) -> Booking {
    if booking.calendar.is_none() || booking.settled_version >= booking.version {
        return booking;
    }
    let calls_until = Instant::now() + CALLS_IN_REQUEST;
    match tokio::time::timeout(IN_REQUEST, push_in_turn(app, &booking, calls_until)).await {
        Ok(Ok(Some(pushed))) => pushed,
        Ok(Ok(None)) | Err(_) => booking,
        Ok(Err(error)) => {
            tracing::warn!(booking = %booking.id, %error, "push left for later");
            booking
        }
    }
}

/// Pushes, a few times if need be: what the bus tells of the change before this one may be at work on the booking for a
/// moment.
async fn push_in_turn(
    app: &App,
    booking: &Booking,
    deadline: Instant,
) -> Result<Option<Booking>, StoreError> {
    for pause in TURNS {
        // Boxed: whoever changes a booking would carry a push's whole depth otherwise.
        let pushed = Box::pin(push_by(app, &booking.tenant, &booking.id, false, deadline)).await?;
        if pushed.is_some() {
            return Ok(pushed);
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(None)
}

/// `None` when another push is at work: the booking stays due.
async fn push_by(
    app: &App,
    tenant: &Tenant,
    id: &BookingId,
    even_if_settled: bool,
    deadline: Instant,
) -> Result<Option<Booking>, StoreError> {
    for _ in 0..ROUNDS {
        let lease = Lease::new(app.clock.now(), LEASE);
        let booking = match app.store.lease_booking(tenant, id, &lease).await {
            Ok(booking) => booking,
            Err(StoreError::Conflict(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let outcome = if is_settled(&booking) && !even_if_settled && !conference::is_awaited(&booking) {
            Outcome::Settled
        } else {
            reconcile(app, &booking, even_if_settled, deadline).await?
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
    /// The event showed this version before; this is how its conference stands.
    Read(Conference),
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

async fn reconcile(
    app: &App,
    booking: &Booking,
    even_if_settled: bool,
    deadline: Instant,
) -> Result<Outcome, StoreError> {
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
        Ok(session) if is_settled(booking) && !even_if_settled => look(booking, link, session).await,
        Ok(session) if booking.wants_event() => show(booking, link, &integration, session).await,
        Ok(session) => remove(booking, link, session).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(outcome) => {
            // A calendar other than the target is read by free/busy, which does not say whose an event is: after
            // one of ours changed there, it is to be read again.
            let has_changed = !matches!(outcome, Outcome::Read(_));
            if has_changed && integration.target_calendar.as_ref() != Some(&link.calendar) {
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
    booking: &Booking,
    link: &CalendarLink,
    integration: &Integration,
    mut session: Session<'_>,
) -> Result<Outcome, AccessError> {
    let calendar: CalendarId = link.calendar.parse().map_err(|_invalid| CalendarError::Unreadable)?;
    let mut exists = booking.pushed.is_some();
    let mut generation = link.generation;
    let mut without = CONCESSIONS.into_iter().filter(|without| wants_meet(booking) || !without.conference);
    let mut left_out = Without { conference: false, guest: false };
    // Deleted by hand, as far as the calendar says.
    let mut all_deleted = true;
    while generation < link.generation + GENERATIONS {
        let mut draft = draft(booking, integration, generation);
        // A new event has no conference, whatever an earlier one had.
        draft.conference = (draft.conference || (wants_meet(booking) && !exists)) && !left_out.conference;
        draft.guest = draft.guest.filter(|_| !left_out.guest);
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
        if matches!(error, CalendarError::Rejected { .. })
            && let Some(next) = without.next()
        {
            left_out = next;
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

/// What an event is written without.
#[derive(Clone, Copy)]
struct Without {
    conference: bool,
    guest: bool,
}

/// An address that the provider does not take, or a conference that it cannot make, must not cost the host the
/// event: the guest is in the description. Which of them it was is not said, so the least is left out first.
const CONCESSIONS: [Without; 3] = [
    Without { conference: true, guest: false },
    Without { conference: false, guest: true },
    Without { conference: true, guest: true },
];

/// Reads the event for the sake of its conference. One that somebody has deleted, or taken the conference from,
/// will have none.
async fn look(
    booking: &Booking,
    link: &CalendarLink,
    mut session: Session<'_>,
) -> Result<Outcome, AccessError> {
    let calendar: CalendarId = link.calendar.parse().map_err(|_invalid| CalendarError::Unreadable)?;
    let id = EventId::of(&booking.id, link.generation);
    match through!(session, event(&calendar, &id)) {
        Ok(placed) => Ok(Outcome::Read(placed.conference.unwrap_or(Conference::Failed))),
        Err(AccessError::Calendar(CalendarError::Gone)) => Ok(Outcome::Read(Conference::Failed)),
        Err(error) => Err(error),
    }
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
            conference::shown(&mut after, placed.conference, now);
        }
        Outcome::Read(said) => {
            settle(&mut after);
            conference::read(&mut after, booking.push_failures + 1, said, None, now);
        }
        Outcome::Removed => {
            after.pushed = None;
            settle(&mut after);
            conference::ended(&mut after);
        }
        Outcome::Settled | Outcome::GivenUp => {
            settle(&mut after);
            conference::ended(&mut after);
        }
        Outcome::Parked => after.due_at = Some(now + PARKED),
        Outcome::Later(error) if conference::is_awaited(booking) => {
            settle(&mut after);
            let (nth, asked) = (booking.push_failures + 1, error.retry_after());
            conference::read(&mut after, nth, Conference::Pending, asked, now);
        }
        Outcome::Later(error) => {
            after.push_failures = booking.push_failures.saturating_add(1);
            after.due_at = Some(now + pause(after.push_failures, error.retry_after()));
        }
    }
    after
}

/// Whether the event shows this version, or is given up.
fn is_settled(booking: &Booking) -> bool {
    booking.settled_version >= booking.version
}

fn settle(booking: &mut Booking) {
    booking.settled_version = booking.version;
    booking.push_failures = 0;
    booking.due_at = booking.due_when_settled();
}
