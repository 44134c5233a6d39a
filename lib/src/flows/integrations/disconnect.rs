//! Disconnect: first our own word (inactive at once, in one write), then the provider (our future events, the
//! grant), then what we still store (tokens, busy bits). It works even when the provider refuses, and a crash in
//! between leaves it due.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use crate::app::App;
use crate::calendars::{CalendarError, CalendarId, EventId, Notify, OwnEvent};
use crate::domain::{
    AgendaEntry, Day, EventLink, Integration, IntegrationId, IntegrationStatus, Scope, Shown, Span, Tick,
    Ticks,
};
use crate::flows::change::unless_lost;
use crate::flows::integrations::session::{AccessError, REFRESH, Session, open, through};
use crate::flows::integrations::settings::{IntegrationError, change_integration};
use crate::store::StoreError;

/// Longer than both halves together.
const RETRY_AFTER: TimeDelta = TimeDelta::minutes(1);
/// For each of the two halves at the provider.
const HALF_TIMEOUT: Duration = Duration::from_secs(6);
/// No booking starts later.
const AHEAD_DAYS: i64 = 800;

/// Disconnects an integration. One that is disconnected already stays so.
pub async fn disconnect(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
) -> Result<Integration, IntegrationError> {
    let tenant = scope.tenant();
    let integration = change_integration(app, scope, id, |integration| {
        if integration.status == IntegrationStatus::Disconnected {
            return;
        }
        integration.status = IntegrationStatus::Disconnected;
        integration.token_version += 1;
        integration.clearing = true;
        integration.synced = None;
        integration.read_ok_at = None;
        integration.last_error = None;
        integration.pending_until = None;
        // When what follows here is not finished by then, the schedule finishes it.
        integration.due_at = Some(app.clock.now() + RETRY_AFTER);
    })
    .await?;
    if integration.clearing
        && let Err(error) = clear(app, &integration).await
    {
        tracing::warn!(integration = %integration.id, %error, "disconnect to be finished later");
    }
    Ok(app.store.integration(tenant, id).await?.unwrap_or(integration))
}

/// Clears what a disconnected integration left behind. Whatever the provider says, our side is cleared.
pub(in crate::flows) async fn clear(app: &App, integration: &Integration) -> Result<(), StoreError> {
    match remove_events(app, integration, Instant::now() + HALF_TIMEOUT).await {
        Ok(()) => {}
        Err(AccessError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::warn!(integration = %integration.id, %error, "our events could not all be removed");
            give_up_events(app, integration).await?;
        }
    }
    match revoke(app, integration, Instant::now() + HALF_TIMEOUT).await {
        Ok(()) => {}
        Err(AccessError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::warn!(integration = %integration.id, %error, "the grant could not be revoked");
        }
    }
    // From yesterday on: what lies before decides nothing any more.
    let first = Tick::floor(app.clock.now() - TimeDelta::days(1)).day();
    let last = Tick::floor(app.clock.now() + TimeDelta::days(AHEAD_DAYS)).day();
    let days = app.store.days_strong(&integration.tenant, &integration.host, first, last).await?.days;
    let ours = |(id, _): &(IntegrationId, _)| *id == integration.id;
    let with_bits: Vec<Day> =
        days.iter().filter(|day| day.busy.iter().any(ours)).map(|day| day.day).collect();
    app.store.clear_busy(integration, &with_bits).await?;
    app.store.finish_disconnect(integration).await
}

async fn remove_events(app: &App, integration: &Integration, deadline: Instant) -> Result<(), AccessError> {
    let Some(target) = &integration.target_calendar else { return Ok(()) };
    let target: CalendarId = target.parse().map_err(|_invalid| CalendarError::Unreadable)?;
    let mut session = Session::open(app, integration, deadline).await?;
    let now = app.clock.now();
    let events = through!(session, own_events(&target, &integration.id, now))?;
    for event in events {
        if !is_still_disconnected(app, integration).await? {
            return Ok(());
        }
        // The bookings stand, so nobody is told that they do not.
        match through!(session, delete_event(&target, &event.id, Notify::Nobody)) {
            Ok(()) | Err(AccessError::Calendar(CalendarError::NotFound | CalendarError::Gone)) => {
                forget_event(app, integration, &event).await?;
            }
            Err(error) => return Err(error),
        }
    }
    // What is not listed may have been removed by a process that died before it could record that.
    for entry in entries_with_events(app, integration).await? {
        let Some(link) = entry.standing() else { continue };
        let calendar: CalendarId =
            link.event.at.calendar.parse().map_err(|_invalid| CalendarError::Unreadable)?;
        let event: EventId = link.event.event.parse().map_err(|_invalid| CalendarError::Unreadable)?;
        if !is_still_disconnected(app, integration).await? {
            return Ok(());
        }
        let is_gone = match through!(session, delete_event(&calendar, &event, Notify::Nobody)) {
            Ok(()) | Err(AccessError::Calendar(CalendarError::Gone)) => true,
            // So it says, too, of every event of a calendar that it does not show us any more.
            Err(AccessError::Calendar(CalendarError::NotFound)) => {
                through!(session, has_calendar(&calendar))?
            }
            Err(error) => return Err(error),
        };
        if is_gone {
            record_removal(app, &entry, link).await?;
        } else {
            give_up_event(app, &entry, link).await?;
        }
    }
    Ok(())
}

/// The host's entries that are not over and whose event stands in a calendar of this integration, as far as is recorded.
async fn entries_with_events(app: &App, integration: &Integration) -> Result<Vec<AgendaEntry>, StoreError> {
    let now = app.clock.now();
    let begun = Tick::floor(now - TimeDelta::minutes(Ticks::LONGEST_CLAIM.minutes()));
    let ahead = Span::new(begun, Tick::floor(now + TimeDelta::days(AHEAD_DAYS)));
    let mut entries = app.store.agenda(&integration.tenant, &integration.host, ahead).await?;
    entries.retain(|entry| {
        let is_ours = |link: &EventLink| link.event.at.integration == integration.id;
        now < entry.end.instant() && entry.standing().is_some_and(is_ours)
    });
    Ok(entries)
}

/// Gives up the events that could not be removed. An entry whose event is out of date is left to its push, which finds that
/// the integration is gone.
async fn give_up_events(app: &App, integration: &Integration) -> Result<(), StoreError> {
    for entry in entries_with_events(app, integration).await? {
        let is_left = |link: &&EventLink| entry.due_at.is_none() || link.shown.version == entry.version;
        let Some(link) = entry.standing().filter(is_left) else { continue };
        if !is_still_disconnected(app, integration).await? {
            return Ok(());
        }
        give_up_event(app, &entry, link).await?;
    }
    Ok(())
}

/// Records that what an event shows is not known: nobody looks at it any more. Nothing happens to an entry that has changed
/// meanwhile.
async fn give_up_event(app: &App, entry: &AgendaEntry, link: &EventLink) -> Result<(), StoreError> {
    let shown = Shown { version: 0, etag: None, ..link.shown.clone() };
    let after = AgendaEntry { link: Some(EventLink { shown, ..link.clone() }), ..entry.clone() };
    unless_lost(app.store.change_entry(entry, after).await).map(|_| ())
}

/// Records that an event was removed with its integration.
async fn forget_event(app: &App, integration: &Integration, event: &OwnEvent) -> Result<(), StoreError> {
    let Some(record) = app.store.booking_record(&integration.tenant, &event.key.booking).await? else {
        return Ok(());
    };
    let own = record.entries.iter().find(|entry| entry.host == integration.host);
    let is_it = |link: &&EventLink| {
        link.event.at.integration == integration.id && link.event.event == event.id.as_str()
    };
    match own.and_then(|entry| Some((entry, entry.standing().filter(is_it)?))) {
        Some((entry, link)) => record_removal(app, entry, link).await,
        None => Ok(()),
    }
}

/// Records that the event of an entry is gone. Nothing happens to an entry that has changed meanwhile.
async fn record_removal(app: &App, entry: &AgendaEntry, link: &EventLink) -> Result<(), StoreError> {
    let mut after = entry.clone();
    let shown = Shown { absent: true, etag: None, ..link.shown.clone() };
    after.link = Some(EventLink { shown, ..link.clone() });
    after.generation = after.generation.max(link.generation + 1);
    unless_lost(app.store.change_entry(entry, after).await).map(|_| ())
}

async fn revoke(app: &App, integration: &Integration, deadline: Instant) -> Result<(), AccessError> {
    let Some(tokens) = app.store.tokens(integration).await? else { return Ok(()) };
    // Revoking one token ends all of the account's: another integration may live on them.
    if is_shared(app, integration).await? || !is_still_disconnected(app, integration).await? {
        return Ok(());
    }
    let calendar = app.calendars.of(integration.provider).ok_or(CalendarError::Unreachable)?;
    let refresh = open(app, integration, REFRESH, &tokens.refresh).await?;
    Ok(calendar.revoke(&refresh, deadline).await?)
}

/// Whether nobody has connected it again meanwhile.
async fn is_still_disconnected(app: &App, integration: &Integration) -> Result<bool, StoreError> {
    let now = app.store.integration_of(&integration.tenant, &integration.host, &integration.id).await?;
    Ok(now.is_some_and(|now| now.clearing && now.version == integration.version))
}

/// Whether another live integration of the tenant is the same account.
async fn is_shared(app: &App, integration: &Integration) -> Result<bool, StoreError> {
    for host in app.store.hosts_with_integrations(&integration.tenant).await? {
        let items = app.store.host(&integration.tenant, &host).await?;
        let others = items.iter().flat_map(|items| &items.integrations);
        let is_other = |other: &&Integration| {
            other.id != integration.id
                && other.provider == integration.provider
                && other.account == integration.account
                && other.status != IntegrationStatus::Disconnected
        };
        if others.filter(is_other).count() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
