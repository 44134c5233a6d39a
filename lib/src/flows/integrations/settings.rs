//! Integrations as admins see them, and each host its own: status, calendars, settings, sync now. What is out of
//! reach is not there.

use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::calendars::CalendarInfo;
use crate::domain::{HostId, Integration, IntegrationId, IntegrationStatus, Scope};
use crate::flows::change::{change, unless_lost};
use crate::flows::integrations::session::{AccessError, Session, through};
use crate::flows::sync::pull::{PullError, Pulled, pull};
use crate::store::StoreError;

const WITHIN: Duration = Duration::from_secs(8);
/// More calendars than anybody has; what one free/busy question may name.
const MOST_CALENDARS: usize = 50;

/// What may be changed. `None` leaves a setting as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where bookings are written.
    pub target_calendar: Option<String>,
    /// Whose events block.
    pub conflict_calendars: Option<Vec<String>>,
    /// Whether the integration counts.
    pub enabled: Option<bool>,
}

/// Why nothing could be done with an integration.
#[derive(Debug, thiserror::Error)]
pub enum IntegrationError {
    /// This tenant has none by that id.
    #[error("there is no such integration")]
    Unknown,
    /// This tenant has no such host.
    #[error("there is no such host")]
    UnknownHost,
    /// Only a connected one can do this.
    #[error("the integration is {}", .0.as_str())]
    NotConnected(IntegrationStatus),
    /// The account has no such calendar.
    #[error("the account has no such calendar")]
    UnknownCalendar {
        /// The setting that names it.
        field: &'static str,
    },
    /// The account may not write to this calendar.
    #[error("the account may not write to this calendar")]
    ReadOnlyCalendar,
    /// Too many calendars at once.
    #[error("at most 50 conflict calendars")]
    TooManyCalendars,
    /// The account could not be reached.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<StoreError> for IntegrationError {
    fn from(error: StoreError) -> Self {
        Self::Access(error.into())
    }
}

/// The integrations of one host, or of all hosts within reach.
pub async fn list_integrations(
    app: &App,
    scope: &Scope,
    host: Option<&HostId>,
) -> Result<Vec<Integration>, IntegrationError> {
    let tenant = scope.tenant();
    let host = host.or(scope.only_host());
    if host.is_some_and(|host| !scope.covers_host(host)) {
        return Err(IntegrationError::UnknownHost);
    }
    let hosts = match host {
        Some(host) => vec![host.clone()],
        None => app.store.hosts_with_integrations(tenant).await?,
    };
    let mut all = Vec::new();
    for id in hosts {
        match app.store.host(tenant, &id).await? {
            Some(items) => all.extend(items.integrations),
            None if host.is_some() => return Err(IntegrationError::UnknownHost),
            None => {}
        }
    }
    Ok(all)
}

/// One integration within reach.
pub async fn find_integration(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
) -> Result<Integration, IntegrationError> {
    let tenant = scope.tenant();
    let found = app.store.integration(tenant, id).await?;
    found.filter(|integration| scope.covers_host(&integration.host)).ok_or(IntegrationError::Unknown)
}

/// The calendars of its account, asked of the provider.
pub async fn list_calendars(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
) -> Result<Vec<CalendarInfo>, IntegrationError> {
    let integration = find_integration(app, scope, id).await?;
    calendars_of(app, &integration).await
}

async fn calendars_of(app: &App, integration: &Integration) -> Result<Vec<CalendarInfo>, IntegrationError> {
    match integration.status {
        IntegrationStatus::Connected | IntegrationStatus::Error => {}
        other @ (IntegrationStatus::Disconnected
        | IntegrationStatus::Pending
        | IntegrationStatus::NeedsReauth) => return Err(IntegrationError::NotConnected(other)),
    }
    let mut session = Session::open(app, integration, Instant::now() + WITHIN).await?;
    Ok(through!(session, calendars())?)
}

/// Changes settings. Other calendars, or switching on again, make what was read void: nothing is offered until
/// the calendars have been read, which is tried at once.
pub async fn change_settings(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
    settings: &Settings,
) -> Result<Integration, IntegrationError> {
    let found = find_integration(app, scope, id).await?;
    if matches!(found.status, IntegrationStatus::Disconnected | IntegrationStatus::Pending) {
        return Err(IntegrationError::NotConnected(found.status));
    }
    if settings.target_calendar.is_some() || settings.conflict_calendars.is_some() {
        check_calendars(settings, &calendars_of(app, &found).await?)?;
    }
    let changed = change_integration(app, scope, id, |integration| apply(app, settings, integration)).await?;
    if changed.is_active() && changed.synced.is_none() {
        read_soon(app, &changed).await;
    }
    find_integration(app, scope, id).await
}

fn check_calendars(settings: &Settings, known: &[CalendarInfo]) -> Result<(), IntegrationError> {
    let find = |id: &String| known.iter().find(|calendar| calendar.id.as_str() == id.as_str());
    if let Some(target) = &settings.target_calendar {
        let field = "target_calendar";
        let calendar = find(target).ok_or(IntegrationError::UnknownCalendar { field })?;
        if !calendar.owned {
            return Err(IntegrationError::ReadOnlyCalendar);
        }
    }
    let conflicts = settings.conflict_calendars.as_deref().unwrap_or_default();
    if conflicts.len() > MOST_CALENDARS {
        return Err(IntegrationError::TooManyCalendars);
    }
    if conflicts.iter().any(|id| find(id).is_none()) {
        return Err(IntegrationError::UnknownCalendar { field: "conflict_calendars" });
    }
    Ok(())
}

fn apply(app: &App, settings: &Settings, integration: &mut Integration) {
    let before = integration.clone();
    if let Some(target) = &settings.target_calendar {
        integration.target_calendar = Some(target.clone());
    }
    if let Some(conflicts) = &settings.conflict_calendars {
        integration.conflict_calendars.clone_from(conflicts);
        integration.conflict_calendars.sort();
        integration.conflict_calendars.dedup();
    }
    integration.enabled = settings.enabled.unwrap_or(integration.enabled);
    if *integration != before {
        integration.synced = None;
        integration.read_ok_at = None;
        integration.due_at = integration.is_active().then(|| app.clock.now());
    }
}

/// Applies a change to the integration as it is, again and again while pulls and refreshes come in between.
pub(in crate::flows) async fn change_integration(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
    apply: impl Fn(&mut Integration),
) -> Result<Integration, IntegrationError> {
    change(async || {
        let before = find_integration(app, scope, id).await?;
        let mut after = before.clone();
        apply(&mut after);
        if after == before {
            return Ok(Some(before));
        }
        Ok(unless_lost(app.store.change_integration(&before, after).await)?)
    })
    .await
}

/// Syncs an integration at once.
pub async fn sync_now(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
) -> Result<(Integration, Pulled), IntegrationError> {
    let integration = find_integration(app, scope, id).await?;
    if !integration.is_active() || integration.status == IntegrationStatus::NeedsReauth {
        return Err(IntegrationError::NotConnected(integration.status));
    }
    let pulled = pull(app, &integration).await.map_err(|PullError::Access(error)| error)?;
    Ok((find_integration(app, scope, id).await?, pulled))
}

/// A first reading within the request. It is due in any case, so a failure here loses nothing.
pub(in crate::flows) async fn read_soon(app: &App, integration: &Integration) {
    match tokio::time::timeout(WITHIN, pull(app, integration)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(integration = %integration.id, %error, "first reading failed"),
        Err(_elapsed) => tracing::warn!(integration = %integration.id, "first reading took too long"),
    }
}
