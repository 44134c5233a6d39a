//! Hold: read the day, check the rules, one conditional write, alternatives if lost.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::app::App;
use crate::domain::slots::nearest;
use crate::domain::{Claimed, Day, EventType, EventTypeSlug, IntegrationId, Span, Tenant, Tick, Ticks};
use crate::flows::bookings::hold_token::HoldToken;
use crate::flows::idempotency::{Attempt, IdempotencyKey, Unrepeatable, done};
use crate::flows::slots::availability::{Availability, Refused, days_of};
use crate::store::StoreError;

/// A revision that moves this often while one guest holds is a calendar being pulled all the time.
pub(in crate::flows) const TRIES: u32 = 4;
/// How far around a lost slot alternatives are looked for, and how many are named.
const AROUND: (TimeDelta, TimeDelta) = (TimeDelta::days(2), TimeDelta::days(14));
const ALTERNATIVES: usize = 5;

/// A slot kept for one guest.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The capability to confirm or release it.
    pub token: HoldToken,
    /// The slot.
    pub slot: Span,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// Free slots near one that was lost, earliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alternatives(pub Vec<Span>);

/// Why there is no hold.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// No active event type by that slug, or no such tenant.
    #[error("there is no such event type")]
    UnknownEventType,
    /// The event type does not come in this length.
    #[error("the event type is not offered in this length")]
    LengthNotOffered,
    /// Somebody or something else has the time.
    #[error("the slot is taken")]
    SlotTaken(Alternatives),
    /// The rules do not allow the start.
    #[error(transparent)]
    Refused(Refused),
    /// As many bookings as are taken on that day.
    #[error("the event type takes no more bookings on that day")]
    DayFull(Alternatives),
    /// The token is no hold, or no longer one.
    #[error("there is no such hold")]
    UnknownHold,
    /// The Idempotency-Key came with another body before.
    #[error("the key was used for another request")]
    KeyReused,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unrepeatable> for HoldError {
    fn from(error: Unrepeatable) -> Self {
        match error {
            Unrepeatable::Reused => Self::KeyReused,
            Unrepeatable::Store(error) => Self::Store(error),
        }
    }
}

impl From<HoldToken> for Hold {
    fn from(token: HoldToken) -> Self {
        Self { slot: token.slot(), expires_at: token.expires_at(), token }
    }
}

/// Which slot.
#[derive(Clone, Debug)]
pub struct SlotRequest {
    /// Of which event type.
    pub event_type: EventTypeSlug,
    /// From when.
    pub start: Tick,
    /// One of its lengths; its first when `None`.
    pub length: Option<Ticks>,
}

/// Takes a slot for the length of a hold.
pub async fn hold(
    app: &App,
    tenant: &Tenant,
    slot: &SlotRequest,
    key: Option<&IdempotencyKey>,
) -> Result<Hold, HoldError> {
    let said = format!("{} {} {:?}", slot.event_type, slot.start.index(), slot.length);
    let attempt = Attempt::new("hold", tenant, key, &[Some(&said)]);
    let again = |done: Option<String>| {
        done.zip(attempt.as_ref()).and_then(|(done, attempt)| HoldToken::again(&done, attempt.bits()))
    };
    if let Some(token) = again(done(app, tenant, attempt.as_ref()).await?) {
        return Ok(token.into());
    }
    match take(app, tenant, slot, attempt.as_ref()).await {
        Ok(token) => Ok(token.into()),
        // Perhaps the same request, sent twice at once, was faster.
        Err(error) => match again(done(app, tenant, attempt.as_ref()).await?) {
            Some(token) => Ok(token.into()),
            None => Err(error),
        },
    }
}

async fn take(
    app: &App,
    tenant: &Tenant,
    slot: &SlotRequest,
    attempt: Option<&Attempt>,
) -> Result<HoldToken, HoldError> {
    let (event_type, length) = offer(app, tenant, &slot.event_type, slot.length).await?;
    let start = slot.start;
    let cells = claim(&event_type, start, length);
    for _ in 0..TRIES {
        let available = read_wave(app, tenant, &event_type, &cells, start).await?;
        let allowed = available
            .may_take(&event_type, start, length)
            .and_then(|()| available.has_room(&event_type, start, None))
            .and_then(|()| available.may_hold(&event_type, &cells, app.config.held_percent));
        if let Err(refused) = allowed {
            return Err(lost(app, tenant, &event_type, length, start, available, refused).await);
        }
        let lifetime = TimeDelta::seconds(i64::from(app.config.hold_seconds));
        let expires_at = available.now.trunc_subsecs(0) + lifetime;
        let bits = attempt.map_or_else(random_bits, |attempt| Ok(attempt.bits()))?;
        let token = HoldToken::new(slot.event_type.clone(), start, length, cells.clone(), expires_at, bits)
            .map_err(|_unwritable| StoreError::Busy)?;
        let once = attempt.map(|attempt| attempt.record(token.without_secret(), available.now));
        let (days, claim) = (&available.days.days, token.claim());
        match app.store.hold(tenant, &cells, days, claim, once.as_ref(), available.now).await {
            Ok(()) => return Ok(token),
            // Lost to another guest or to a calendar: the next reading tells which.
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // Only the revision moved, time and again: that says nothing about the slot.
    Err(StoreError::Busy.into())
}

/// Gives a hold back before it ends. Only its holder can: the cells must carry the token's own number.
pub async fn release(
    app: &App,
    tenant: &Tenant,
    token: &HoldToken,
    key: Option<&IdempotencyKey>,
) -> Result<(), HoldError> {
    let attempt = Attempt::new("release", tenant, key, &[Some(token.as_str())]);
    if done(app, tenant, attempt.as_ref()).await?.is_some() {
        return Ok(());
    }
    let once = attempt.as_ref().map(|attempt| attempt.record("", app.clock.now()));
    match app.store.release(tenant, token.claimed(), token.claim(), once.as_ref()).await {
        Err(StoreError::Conflict(_)) => match done(app, tenant, attempt.as_ref()).await? {
            Some(_) => Ok(()),
            None => Err(HoldError::UnknownHold),
        },
        done => Ok(done?),
    }
}

/// Bits that nobody can guess.
pub(in crate::flows) fn random_bits() -> Result<[u8; 16], StoreError> {
    let mut bits = [0; 16];
    let random = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&random, &mut bits).map_err(|_unspecified| StoreError::Busy)?;
    Ok(bits)
}

/// The event type and one of its lengths.
pub(in crate::flows) async fn offer(
    app: &App,
    tenant: &Tenant,
    slug: &EventTypeSlug,
    length: Option<Ticks>,
) -> Result<(EventType, Ticks), HoldError> {
    let event_type = app.store.event_type(tenant, slug).await?.filter(EventType::is_open);
    let event_type = event_type.ok_or(HoldError::UnknownEventType)?;
    let length = event_type.length(length).ok_or(HoldError::LengthNotOffered)?;
    Ok((event_type, length))
}

/// The cells that a start takes, buffers included.
pub(in crate::flows) fn claim(event_type: &EventType, start: Tick, length: Ticks) -> Vec<Claimed> {
    let cells = event_type.claim(start, length).by_day();
    cells.map(|cells| Claimed { host: event_type.host.clone(), cells }).collect()
}

/// One strong read wave: the host with its integrations, and the days, side by side; with the days the counter of the
/// daily limit, if there is one.
///
/// Side by side is not at once: a calendar may become active and be read in between, and its busy bits would then
/// look like those of nobody. Bits of an integration that the host's reading does not count make it read again.
pub(in crate::flows) async fn read_wave(
    app: &App,
    tenant: &Tenant,
    event_type: &EventType,
    cells: &[Claimed],
    start: Tick,
) -> Result<Availability, HoldError> {
    let days: Vec<Day> = cells.iter().map(|claimed| claimed.cells.day).collect();
    let host_id = &event_type.host;
    let count = match event_type.max_per_day {
        // Which local date that is depends on the schedule's zone, which is seldom another than it was.
        Some(_) => app.store.host_remembered(tenant, host_id).await?.and_then(|host| {
            let zone = host.schedule(event_type)?.zone;
            Some((&event_type.slug, start.instant().with_timezone(&zone).date_naive()))
        }),
        None => None,
    };
    let (host, days) =
        tokio::try_join!(app.store.host(tenant, host_id), app.store.days_at(tenant, host_id, &days, count))?;
    let mut host = host.ok_or(HoldError::UnknownEventType)?;
    let counts = |id: &IntegrationId| host.active().any(|integration| integration.id == *id);
    if days.days.iter().flat_map(|day| &day.busy).any(|(id, _)| !counts(id)) {
        host = app.store.host(tenant, host_id).await?.ok_or(HoldError::UnknownEventType)?;
    }
    // The time is taken after the reading, so that an expired hold is never seen as alive by its taker alone.
    Ok(Availability { host, days, now: app.clock.now() })
}

/// Why a slot cannot be had, with what is free nearby where that helps.
pub(in crate::flows) async fn lost(
    app: &App,
    tenant: &Tenant,
    event_type: &EventType,
    length: Ticks,
    start: Tick,
    available: Availability,
    refused: Refused,
) -> HoldError {
    let word = match refused {
        Refused::Taken => HoldError::SlotTaken,
        Refused::DayFull => HoldError::DayFull,
        Refused::TooSoon
        | Refused::TooLate
        | Refused::NotOffered
        | Refused::TooManyHolds { .. }
        | Refused::CalendarUnavailable => return HoldError::Refused(refused),
    };
    match alternatives(app, tenant, event_type, length, start, available).await {
        Ok(alternatives) => word(alternatives),
        Err(error) => error,
    }
}

/// Free slots near `start`, by the same rules by which slots are listed.
async fn alternatives(
    app: &App,
    tenant: &Tenant,
    event_type: &EventType,
    length: Ticks,
    start: Tick,
    available: Availability,
) -> Result<Alternatives, HoldError> {
    let (before, after) = AROUND;
    let first = Tick::floor((start.instant() - before).max(available.now));
    let window = Span::new(first, Tick::floor(start.instant() + after));
    let around =
        Span::new(event_type.claim(window.start, length).start, event_type.claim(window.end, length).end);
    let (from, to) = days_of(event_type, around);
    let days = app.store.days_strong(tenant, &event_type.host, from, to).await?;
    let free = Availability { days, ..available }.starts(event_type, length, window);
    let near = nearest(&free, start, ALTERNATIVES).into_iter();
    Ok(Alternatives(near.map(|start| Span::new(start, start + length)).collect()))
}
