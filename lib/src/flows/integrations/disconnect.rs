//! Disconnect: first our own word (inactive at once, in one write), then our future events, then the grant and what we
//! still store (tokens, busy bits).
//!
//! The events are removed by the pushes of their entries, which the host's job makes due (see `jobs::place_events`): so a
//! push that is under way is found out, and looked after. The tokens live until no entry has anything at the account any
//! more, or nobody is at it, or a day has passed; what stands then is where we can no longer reach it. A crash in between
//! leaves the integration due.

use std::time::Duration;

use chrono::{SubsecRound, TimeDelta};
use tokio::time::Instant;

use crate::app::App;
use crate::calendars::CalendarError;
use crate::domain::{
    AccountEvent, AgendaEntry, Day, HostId, Integration, IntegrationId, IntegrationStatus, JobStatus, Scope,
    Tenant, Tick,
};
use crate::flows::change::unless_lost;
use crate::flows::integrations::account_hash;
use crate::flows::integrations::session::{AccessError, REFRESH, open};
use crate::flows::integrations::settings::{
    IntegrationDetails, IntegrationError, change_integration, find_integration,
};
use crate::store::StoreError;

/// How long the tokens are kept at most for events that are still to be removed.
const KEPT_FOR: TimeDelta = TimeDelta::days(1);
/// When what is left is looked after again.
const RETRY_AFTER: TimeDelta = TimeDelta::minutes(1);
const REVOKE_TIMEOUT: Duration = Duration::from_secs(6);
/// No booking starts later.
const AHEAD_DAYS: i64 = 800;

/// What is done about the events of a calendar that is disconnected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// Whether they stay where they are, out of reach.
    pub keeps_events: bool,
    /// Whether guests may be mailed because they are removed.
    pub may_mail_guests: bool,
}

/// Disconnects an integration, and removes its events unless they are to be kept. Refused where guests would be mailed for
/// that, unless they may be. One that is disconnected already stays so.
pub async fn disconnect(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
    leaving: Leaving,
) -> Result<IntegrationDetails, IntegrationError> {
    let now = app.clock.now().trunc_subsecs(0);
    let integration =
        Box::pin(change_integration(app, scope, id, leaving.may_mail_guests, |integration, _| {
            let was_live = integration.is_live();
            if integration.status == IntegrationStatus::Disconnected {
                return false;
            }
            integration.status = integration.status.after(AccountEvent::Disconnected);
            integration.clearing_until = Some(now + KEPT_FOR);
            integration.keeps_events = leaving.keeps_events;
            integration.sync.forget();
            integration.sync.last_error = None;
            integration.pending_until = None;
            // When what follows here is not finished by then, the schedule finishes it.
            integration.sync.due_at = Some(now + RETRY_AFTER);
            was_live
        }))
        .await?;
    if integration.is_clearing()
        && let Err(error) = Box::pin(clear_all(app, &integration)).await
    {
        tracing::warn!(integration = %integration.id, %error, "disconnect to be finished later");
    }
    find_integration(app, scope, id).await
}

async fn clear_all(app: &App, integration: &Integration) -> Result<(), StoreError> {
    clear_busy(app, integration).await?;
    clear(app, integration).await
}

/// Clears what a disconnected integration left behind, once nothing is done about its events any more. Whatever the
/// provider says, our side is cleared.
pub(in crate::flows) async fn clear(app: &App, integration: &Integration) -> Result<(), StoreError> {
    let (tenant, host, now) = (&integration.tenant, &integration.host, app.clock.now());
    let is_late = integration.clearing_until.is_none_or(|until| until <= now);
    // Asked first: what the job does after this is not looked for below.
    if !is_late && is_placing(app, tenant, host).await? {
        return app.store.postpone_clearing(integration, now + RETRY_AFTER).await;
    }
    if !is_late && !entries_at_work(app, integration).await?.is_empty() {
        return app.store.postpone_clearing(integration, now + RETRY_AFTER).await;
    }
    match revoke(app, integration, Instant::now() + REVOKE_TIMEOUT).await {
        Ok(()) => {}
        Err(AccessError::Store(error)) => return Err(error),
        // Without the deployment's key the account is not left, and the next one to leave it would not be the last.
        Err(AccessError::Key(error)) if !is_late => {
            tracing::warn!(integration = %integration.id, %error, "the grant is to be revoked later");
            return app.store.postpone_clearing(integration, now + RETRY_AFTER).await;
        }
        Err(error) => {
            tracing::warn!(integration = %integration.id, %error, "the grant could not be revoked");
        }
    }
    clear_busy(app, integration).await?;
    app.store.finish_disconnect(integration).await?;
    if !is_late {
        return Ok(());
    }
    // Pushes find that the account is gone, record that, and go on with what is to be done elsewhere.
    for entry in entries_at_work(app, integration).await? {
        tracing::warn!(booking = %entry.booking, integration = %integration.id, "an event could not be removed");
        unless_lost(app.store.change_entry(&entry, entry.to_be_placed(now)).await)?;
    }
    Ok(())
}

/// Takes the integration's busy bits away. Readers ignore them from the disconnect on.
async fn clear_busy(app: &App, integration: &Integration) -> Result<(), StoreError> {
    let (tenant, host, now) = (&integration.tenant, &integration.host, app.clock.now());
    // From yesterday on: what lies before decides nothing any more.
    let first = Tick::floor(now - TimeDelta::days(1)).day();
    let last = Tick::floor(now + TimeDelta::days(AHEAD_DAYS)).day();
    let days = app.store.days_strong(tenant, host, first, last).await?.days;
    let ours = |(id, _): &(IntegrationId, _)| *id == integration.id;
    let with_bits: Vec<Day> =
        days.iter().filter(|day| day.busy.iter().any(ours)).map(|day| day.day).collect();
    app.store.clear_busy(integration, &with_bits).await
}

/// The entries of bookings that are not over, with something at this account, that pushes are still to look after.
async fn entries_at_work(app: &App, integration: &Integration) -> Result<Vec<AgendaEntry>, StoreError> {
    let now = app.clock.now();
    let mut entries = app.store.agenda_ahead(&integration.tenant, &integration.host).await?;
    entries.retain(|entry| {
        now < entry.end.instant() && entry.due_at.is_some() && entry.may_stand_at(&integration.id)
    });
    Ok(entries)
}

/// Whether the job that makes the entries due is still at it.
async fn is_placing(app: &App, tenant: &Tenant, host: &HostId) -> Result<bool, StoreError> {
    let items = app.store.host(tenant, host).await?;
    let Some(id) = items.and_then(|items| items.host.placing) else { return Ok(false) };
    Ok(app.store.job(tenant, &id).await?.is_some_and(|job| job.status == JobStatus::Running))
}

/// Gives the grant back, unless another integration of the deployment lives on the account: giving back one grant ends all
/// of the account's.
async fn revoke(app: &App, integration: &Integration, deadline: Instant) -> Result<(), AccessError> {
    let Some(account) = &integration.account_id else { return Ok(()) };
    let account = account_hash(app, integration.provider, account).await?;
    if unless_lost(app.store.leave_account(&account, integration).await)?.is_none() {
        // Connected again meanwhile.
        return Ok(());
    }
    let Some(tokens) = app.store.tokens(integration).await? else { return Ok(()) };
    let provider = app.calendars.of(integration.provider).ok_or(CalendarError::Unreachable)?;
    if !provider.capabilities.revoke {
        return Ok(());
    }
    let refresh = open(app, integration, REFRESH, &tokens.refresh).await?;
    if unless_lost(app.store.begin_revoking(&account).await)?.is_none() {
        return Ok(());
    }
    let revoked = provider.auth.revoke(&refresh, deadline).await;
    app.store.end_revoking(&account).await?;
    Ok(revoked?)
}
