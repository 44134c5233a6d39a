//! Hold: read the day, check the rules, one conditional write, alternatives if lost.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::availability::{Availability, Refused};
use super::hold_token::HoldToken;
use crate::app::App;
use crate::domain::slots::{nearest, starts};
use crate::domain::{
    Claimed, Day, EventType, EventTypeSlug, HostId, IntegrationId, Span, Tenant, Tick, Ticks,
};
use crate::store::StoreError;

/// A revision that moves this often while one guest holds is a calendar being pulled all the time.
pub(super) const TRIES: u32 = 4;
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
    /// The token is no hold, or no longer one.
    #[error("there is no such hold")]
    UnknownHold,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a slot for the length of a hold.
pub async fn hold(
    app: &App,
    tenant: &Tenant,
    slug: &EventTypeSlug,
    start: Tick,
    length: Option<Ticks>,
) -> Result<Hold, HoldError> {
    let (event_type, length) = offer(app, tenant, slug, length).await?;
    let cells = claim(&event_type, start, length);
    for _ in 0..TRIES {
        let available = read_wave(app, tenant, &event_type.host, &cells).await?;
        match available.may_take(&event_type, start, length) {
            Ok(()) => {}
            Err(Refused::Taken) => {
                return Err(taken(app, tenant, &event_type, length, start, available).await);
            }
            Err(refused) => return Err(HoldError::Refused(refused)),
        }
        let lifetime = TimeDelta::seconds(i64::from(app.config.hold_seconds));
        let expires_at = available.now.trunc_subsecs(0) + lifetime;
        let token = HoldToken::new(slug.clone(), start, length, cells.clone(), expires_at)
            .map_err(|_no_randomness| StoreError::Busy)?;
        match app.store.hold(tenant, &cells, &available.days, token.claim(), available.now).await {
            Ok(()) => return Ok(Hold { slot: token.slot(), expires_at: token.expires_at(), token }),
            // Lost to another guest or to a calendar: the next reading tells which.
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // Only the revision moved, time and again: that says nothing about the slot.
    Err(StoreError::Busy.into())
}

/// Gives a hold back before it ends. Only its holder can: the cells must carry the token's own number.
pub async fn release(app: &App, tenant: &Tenant, token: &HoldToken) -> Result<(), HoldError> {
    match app.store.release(tenant, token.claimed(), token.claim()).await {
        Err(StoreError::Conflict(_)) => Err(HoldError::UnknownHold),
        done => Ok(done?),
    }
}

/// The event type and one of its lengths.
pub(super) async fn offer(
    app: &App,
    tenant: &Tenant,
    slug: &EventTypeSlug,
    length: Option<Ticks>,
) -> Result<(EventType, Ticks), HoldError> {
    let event_type = app.store.event_type(tenant, slug).await?.filter(|event_type| event_type.active);
    let event_type = event_type.ok_or(HoldError::UnknownEventType)?;
    let length = event_type.length(length).ok_or(HoldError::LengthNotOffered)?;
    Ok((event_type, length))
}

/// The cells that a start takes, buffers included.
pub(super) fn claim(event_type: &EventType, start: Tick, length: Ticks) -> Vec<Claimed> {
    let cells = event_type.claim(start, length).by_day();
    cells.map(|cells| Claimed { host: event_type.host.clone(), cells }).collect()
}

/// One strong read wave: the host with its integrations, and the days, side by side.
///
/// Side by side is not at once: a calendar may become active and be read in between, and its busy bits would then
/// look like those of nobody. Bits of an integration that the host's reading does not count make it read again.
pub(super) async fn read_wave(
    app: &App,
    tenant: &Tenant,
    host_id: &HostId,
    cells: &[Claimed],
) -> Result<Availability, HoldError> {
    let days: Vec<Day> = cells.iter().map(|claimed| claimed.cells.day).collect();
    let (host, days) =
        tokio::try_join!(app.store.host(tenant, host_id), app.store.days_at(tenant, host_id, &days))?;
    let mut host = host.ok_or(HoldError::UnknownEventType)?;
    let counts = |id: &IntegrationId| host.active().any(|integration| integration.id == *id);
    if days.iter().flat_map(|day| &day.busy).any(|(id, _)| !counts(id)) {
        host = app.store.host(tenant, host_id).await?.ok_or(HoldError::UnknownEventType)?;
    }
    // The time is taken after the reading, so that an expired hold is never seen as alive by its taker alone.
    Ok(Availability { host, days, now: app.clock.now() })
}

/// The slot is gone: with what is free nearby.
pub(super) async fn taken(
    app: &App,
    tenant: &Tenant,
    event_type: &EventType,
    length: Ticks,
    start: Tick,
    available: Availability,
) -> HoldError {
    match alternatives(app, tenant, event_type, length, start, available).await {
        Ok(alternatives) => HoldError::SlotTaken(alternatives),
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
    let now = available.now;
    let (before, after) = AROUND;
    let first = Tick::floor((start.instant() - before).max(now));
    let window = Span::new(first, Tick::floor(start.instant() + after));
    let around =
        Span::new(event_type.claim(window.start, length).start, event_type.claim(window.end, length).end);
    let host = &event_type.host;
    let days = app.store.days_strong(tenant, host, around.start.day(), around.end.day()).await?;
    let available = Availability { days, ..available };
    let blocked = available.blocked(around);
    let free = starts(&available.host.host.schedule, event_type, length, now, &blocked, window);
    let near = nearest(&free, start, ALTERNATIVES).into_iter();
    Ok(Alternatives(near.map(|start| Span::new(start, start + length)).collect()))
}
