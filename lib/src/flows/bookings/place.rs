//! Place: the rule by which time is taken, for holds, bookings and moves alike. One strong read wave over all hosts,
//! the rules in memory, the calendars asked where our copy is not fresh, one write; alternatives when it is refused.
//!
//! [`place`] is one try. Its callers run it in [`change`](crate::flows::change::change), so that a lost condition is
//! read again.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use super::error::{Alternatives, BookingError};
use super::hold_token::HoldToken;
use crate::app::App;
use crate::domain::slots::nearest;
use crate::domain::{
    Booking, Claim, Counter, Day, EventType, HostDays, HostItems, Integration, IntegrationId, Span, Tenant,
    Tick,
};
use crate::flows::integrations::session::AccessError;
use crate::flows::slots::availability::{
    Availability, JointAvailability, Refused, around, counted_date, days_of,
};
use crate::flows::sync::pull::busy_now;
use crate::store::StoreError;

/// How long a confirmation waits for the calendars to say whether the time is still free.
const CALENDAR_CHECK_TIMEOUT: Duration = Duration::from_millis(2500);
/// How far around a lost slot alternatives are looked for, and how many are named.
const ALTERNATIVES_WINDOW: (TimeDelta, TimeDelta) = (TimeDelta::days(2), TimeDelta::days(14));
const MAX_ALTERNATIVES: usize = 5;

/// What the time is taken for.
#[derive(Clone, Copy, Debug)]
pub(in crate::flows) enum Taking<'a> {
    /// A hold.
    Hold,
    /// The booking of what this hold holds.
    Held(&'a HoldToken),
    /// A booking of a slot that nobody holds.
    Slot,
    /// A booking's new time.
    Move(&'a Booking),
}

/// By which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flows) enum Rules {
    /// Those by which slots are offered to guests.
    Offered,
    /// Staff's: any time ahead that is free.
    AnyFree,
}

/// The time to take.
#[derive(Clone, Debug)]
pub(in crate::flows) struct Placement<'a> {
    pub(in crate::flows) tenant: &'a Tenant,
    /// By which it is offered: for a move, what was agreed.
    pub(in crate::flows) event_type: &'a EventType,
    /// The event type as it was read: if it is another by now, the caller decides again.
    pub(in crate::flows) today: &'a EventType,
    pub(in crate::flows) slot: Span,
    pub(in crate::flows) claim: &'a Claim,
    pub(in crate::flows) taking: Taking<'a>,
    pub(in crate::flows) rules: Rules,
}

/// Tries once to take the time: reads, checks and writes. `None` when something was not as read any more.
///
/// [`BookingError::UnknownHold`] when the cells of a hold to be confirmed are not (or no longer) its own.
pub(in crate::flows) async fn place<T, F>(
    app: &App,
    placement: &Placement<'_>,
    write: impl FnOnce(JointAvailability) -> F,
) -> Result<Option<T>, BookingError>
where
    F: Future<Output = Result<Option<T>, BookingError>>,
{
    let Some(mut available) = read_wave(app, placement).await? else { return Ok(None) };
    let mut agreed = None;
    if let Taking::Move(booking) = placement.taking {
        available = available.without(&booking.claim);
        agreed = Some(available.by_existing_hours(placement.event_type));
    }
    let event_type = agreed.as_ref().unwrap_or(placement.event_type);
    let placement = &Placement { event_type, ..placement.clone() };
    if let Taking::Held(token) = placement.taking
        && !placement.claim.is_owned_by(token.owner(), &available.days())
    {
        let has_ended = available.now >= token.expires_at();
        return Err(if has_ended { BookingError::HoldExpired } else { BookingError::UnknownHold });
    }
    if let Err(why) = check(app, placement, &available).await {
        return Err(refusal_with_alternatives(app, placement, available, why).await);
    }
    write(available).await
}

/// One strong read wave: each host with its integrations, the event type, and the days of all of them, side by side; with
/// the days the counter of the daily limit, if there is one. `None` when the event type is not as it was read: it is
/// remembered as it is now.
///
/// Side by side is not at once: a calendar may become active and be read in between, and its busy bits would then
/// look like those of nobody. Bits of an integration that the host's reading does not count make it read again.
async fn read_wave(app: &App, placement: &Placement<'_>) -> Result<Option<JointAvailability>, BookingError> {
    let Placement { tenant, claim, slot, today, .. } = placement;
    let counter = counter_to_read(app, placement, slot.start).await?;
    let hosts = futures::future::try_join_all(claim.hosts().map(|host| app.store.host(tenant, host)));
    let (hosts, days, found) = tokio::try_join!(
        hosts,
        app.store.days_of_claim(tenant, claim, counter.as_ref()),
        app.store.event_type_strong(tenant, &today.slug),
    )?;
    if found.as_ref() != Some(*today) {
        return Ok(None);
    }
    let mut read = Vec::with_capacity(days.len());
    for (host, days) in hosts.into_iter().zip(days) {
        let mut host = host.ok_or(BookingError::UnknownEventType)?;
        if has_bits_of_others(&host, &days) {
            let again = app.store.host(tenant, &host.host.id).await?;
            host = again.ok_or(BookingError::UnknownEventType)?;
        }
        read.push(Availability { host, days });
    }
    // The time is taken after the reading, so that an expired hold is never seen as alive by its taker alone.
    Ok(Some(JointAvailability { hosts: read, now: app.clock.now() }))
}

/// The counter of the daily limit. Which local date it is of depends on the schedule's zone, which is seldom another
/// than it was.
async fn counter_to_read(
    app: &App,
    placement: &Placement<'_>,
    start: Tick,
) -> Result<Option<Counter>, StoreError> {
    let Placement { tenant, event_type, .. } = placement;
    if event_type.max_per_day.is_none() {
        return Ok(None);
    }
    let organizer = event_type.hosts.organizer();
    let items = app.store.host_remembered(tenant, organizer).await?;
    let date = items.and_then(|items| match placement.taking {
        Taking::Move(_) => counted_date(&items, &items.with_existing_schedule(event_type), start),
        Taking::Hold | Taking::Held(_) | Taking::Slot => counted_date(&items, event_type, start),
    });
    let counter =
        |date| Counter::EventTypeDay { host: organizer.clone(), event_type: event_type.slug.clone(), date };
    Ok(date.map(counter))
}

fn has_bits_of_others(host: &HostItems, days: &HostDays) -> bool {
    let counts = |id: &IntegrationId| host.active().any(|integration| integration.id == *id);
    days.days.iter().flat_map(|day| &day.busy).any(|(id, _)| !counts(id))
}

async fn check(app: &App, placement: &Placement<'_>, available: &JointAvailability) -> Result<(), Refused> {
    let Placement { event_type, slot, claim, rules, .. } = placement;
    let by_rules = || match rules {
        Rules::Offered => available.may_take(event_type, slot.start, slot.len()),
        Rules::AnyFree => available.may_place(event_type, slot.start, slot.len()),
    };
    let has_room = |counted: &[Counter]| available.has_room(event_type, slot.start, counted);
    if available.is_archived() && !matches!(placement.taking, Taking::Move(_)) {
        return Err(Refused::NotOffered);
    }
    match placement.taking {
        Taking::Hold => {
            by_rules()?;
            has_room(&[])?;
            return available.may_hold(event_type, claim, app.config.held_percent);
        }
        Taking::Held(_) => has_room(&[])?,
        Taking::Slot => by_rules().and_then(|()| has_room(&[]))?,
        Taking::Move(booking) => by_rules().and_then(|()| has_room(&booking.counters))?,
    }
    check_calendars(app, available, claim).await
}

/// Busy time, coverage and freshness over what is about to be booked; a calendar whose last reading is not fresh is
/// asked.
async fn check_calendars(app: &App, available: &JointAvailability, claim: &Claim) -> Result<(), Refused> {
    let Some(span) = claim.span() else { return Ok(()) };
    available.may_keep(claim, span)?;
    let deadline = Instant::now() + CALENDAR_CHECK_TIMEOUT;
    let asked = available.not_fresh().map(|integration| still_free(app, integration, span, deadline));
    futures::future::join_all(asked).await.into_iter().collect()
}

async fn still_free(
    app: &App,
    integration: &Integration,
    span: Span,
    deadline: Instant,
) -> Result<(), Refused> {
    let is_free = match tokio::time::timeout_at(deadline, busy_now(app, integration, span, deadline)).await {
        Ok(Ok(is_busy)) => !is_busy,
        Ok(Err(AccessError::Calendar(error))) => {
            tracing::warn!(integration = %integration.id, %error, "calendar check failed");
            return Err(Refused::CalendarUnavailable);
        }
        Ok(Err(AccessError::Store(_) | AccessError::Key(_))) | Err(_) => {
            return Err(Refused::CalendarUnavailable);
        }
    };
    if is_free {
        return Ok(());
    }
    // What we offer is out of date: let the next pull mend it.
    if let Err(error) = app.store.make_integration_due(integration).await {
        tracing::warn!(integration = %integration.id, %error, "could not ask for a sync");
    }
    Err(Refused::Taken)
}

/// Why a slot cannot be had, with what is free nearby where that helps.
async fn refusal_with_alternatives(
    app: &App,
    placement: &Placement<'_>,
    available: JointAvailability,
    why: Refused,
) -> BookingError {
    match why {
        Refused::Taken | Refused::DayFull => match alternatives(app, placement, available).await {
            Ok(alternatives) => BookingError::Refused { why, alternatives },
            Err(error) => error.into(),
        },
        Refused::TooSoon
        | Refused::TooLate
        | Refused::NotOffered
        | Refused::TooManyHolds { .. }
        | Refused::CalendarUnavailable => why.into(),
    }
}

/// Free slots near the one that was asked for, by the same rules by which slots are listed.
async fn alternatives(
    app: &App,
    placement: &Placement<'_>,
    mut available: JointAvailability,
) -> Result<Alternatives, StoreError> {
    let Placement { tenant, event_type, slot, .. } = placement;
    let (before, after) = ALTERNATIVES_WINDOW;
    let first = Tick::floor((slot.start.instant() - before).max(available.now));
    let window = Span::new(first, Tick::floor(slot.start.instant() + after));
    let (from, to): (Day, Day) = days_of(event_type, around(event_type, window, slot.len()));
    let days = available.hosts.iter().map(|of| app.store.days_strong(tenant, &of.host.host.id, from, to));
    let days = futures::future::try_join_all(days).await?;
    for (of, days) in available.hosts.iter_mut().zip(days) {
        of.days = days;
    }
    if let Taking::Move(booking) = placement.taking {
        available = available.without(&booking.claim);
    }
    let free = available.starts(event_type, slot.len(), window);
    let near = nearest(&free, slot.start, MAX_ALTERNATIVES).into_iter();
    Ok(Alternatives(near.map(|start| Span::new(start, start + slot.len())).collect()))
}
