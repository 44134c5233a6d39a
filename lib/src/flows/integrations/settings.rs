//! Integrations as admins see them, and each host its own: status, calendars, settings, sync now. What is out of
//! reach is not there.

use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::calendars::CalendarInfo;
use crate::domain::{
    CalendarRef, Host, HostId, HostItems, Integration, IntegrationId, IntegrationStatus, Scope,
};
use crate::flows::change::{change, unless_lost};
use crate::flows::integrations::known_calendars;
use crate::flows::integrations::session::{AccessError, Session, through};
use crate::flows::jobs::place_events::placing_job;
use crate::flows::jobs::run::run_within;
use crate::flows::mailed_guests::{WouldMailGuests, mails_guests};
use crate::flows::sync::pull::{PullError, Pulled, pull};
use crate::store::{Placing, StoreError};

const WITHIN: Duration = Duration::from_secs(8);
/// More calendars than anybody has; what one free/busy question may name.
const MOST_CALENDARS: usize = 50;

/// An integration as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegrationDetails {
    /// The integration.
    pub integration: Integration,
    /// Which of its calendars its host's bookings are written to, if one of them is.
    pub target_calendar: Option<String>,
}

impl IntegrationDetails {
    fn new(integration: Integration, host: &Host) -> Self {
        let write_to = host.write_to.as_ref().filter(|at| at.integration == integration.id);
        Self { target_calendar: write_to.map(|at| at.calendar.clone()), integration }
    }
}

/// What may be changed. `None` leaves a setting as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The calendar of this account that the host's bookings are written to.
    pub target_calendar: Option<String>,
    /// Whose events block.
    pub conflict_calendars: Option<Vec<String>>,
    /// Whether the integration counts.
    pub enabled: Option<bool>,
    /// Whether guests may be mailed because their event moves to another calendar.
    pub may_mail_guests: bool,
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
    /// Guests would be mailed for it.
    #[error(transparent)]
    WouldMailGuests(#[from] WouldMailGuests),
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
) -> Result<Vec<IntegrationDetails>, IntegrationError> {
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
            Some(HostItems { host, integrations, .. }) => {
                all.extend(integrations.into_iter().map(|found| IntegrationDetails::new(found, &host)));
            }
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
) -> Result<IntegrationDetails, IntegrationError> {
    let (integration, items) = with_host(app, scope, id).await?;
    Ok(IntegrationDetails::new(integration, &items.host))
}

/// One integration within reach, with its host.
async fn with_host(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
) -> Result<(Integration, HostItems), IntegrationError> {
    let found = app.store.host_of_integration(scope.tenant(), id).await?;
    let items = found.filter(|items| scope.covers_host(&items.host.id)).ok_or(IntegrationError::Unknown)?;
    let integration = items.integration(id).cloned().ok_or(IntegrationError::Unknown)?;
    Ok((integration, items))
}

/// The calendars of its account, asked of the provider.
pub async fn list_calendars(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
) -> Result<Vec<CalendarInfo>, IntegrationError> {
    let (integration, _) = with_host(app, scope, id).await?;
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
    let listed = through!(session, calendars())?;
    let known = known_calendars(&listed);
    if known != integration.calendars {
        app.store.remember_calendars(integration, &known).await?;
    }
    Ok(listed)
}

/// Changes settings. Other calendars, or switching on again, make what was read void: nothing is offered until
/// the calendars have been read, which is tried at once.
pub async fn change_settings(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
    settings: &Settings,
) -> Result<IntegrationDetails, IntegrationError> {
    let (found, _) = with_host(app, scope, id).await?;
    if matches!(found.status, IntegrationStatus::Disconnected | IntegrationStatus::Pending) {
        return Err(IntegrationError::NotConnected(found.status));
    }
    if settings.target_calendar.is_some() || settings.conflict_calendars.is_some() {
        check_calendars(settings, &calendars_of(app, &found).await?)?;
    }
    let changed = change_integration(app, scope, id, settings.may_mail_guests, |integration, write_to| {
        let was_on = integration.enabled;
        apply(app, settings, integration);
        if let Some(calendar) = &settings.target_calendar {
            integration.add_event_calendar(calendar);
            *write_to = Some(CalendarRef { integration: integration.id.clone(), calendar: calendar.clone() });
        }
        integration.enabled && !was_on
    })
    .await?;
    if changed.is_active() && changed.sync.synced.is_none() {
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
    if let Some(conflicts) = &settings.conflict_calendars {
        integration.conflict_calendars.clone_from(conflicts);
        integration.conflict_calendars.sort();
        integration.conflict_calendars.dedup();
    }
    integration.enabled = settings.enabled.unwrap_or(integration.enabled);
    if *integration != before {
        integration.sync.forget();
        integration.sync.due_at = integration.is_active().then(|| app.clock.now());
    }
}

/// Applies a change to the integration as it is and to where its host's bookings are written, again and again while pulls
/// and refreshes come in between. With another calendar to write to, or when `apply` says that the account comes or goes,
/// the host's events are brought where they belong.
pub(in crate::flows) async fn change_integration(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
    may_mail_guests: bool,
    apply: impl Fn(&mut Integration, &mut Option<CalendarRef>) -> bool,
) -> Result<Integration, IntegrationError> {
    let (changed, job) = change(async || {
        let (before, items) = with_host(app, scope, id).await?;
        let (mut after, mut write_to) = (before.clone(), items.host.write_to.clone());
        let comes_or_goes = apply(&mut after, &mut write_to);
        let job = match comes_or_goes || write_to != items.host.write_to {
            true => Some(placing_job(app, scope, &items.host.id)?),
            false if after == before => return Ok(Some((before, None))),
            false => None,
        };
        if job.is_some() {
            let is_left = |at: &CalendarRef| {
                let is_given_up = at.integration == after.id && !after.is_live() && !after.keeps_events;
                is_given_up || write_to != items.host.write_to && write_to.as_ref() != Some(at)
            };
            mails_guests(app, scope, &items, may_mail_guests, is_left).await??;
        }
        let host = &items.host;
        // Of what a disconnect removes, the integration itself says so.
        let mails_guests = may_mail_guests && write_to != host.write_to;
        let placing = job.as_ref().map(|job| Placing { host, write_to, mails_guests, job });
        let changed = app.store.change_integration(&before, after, placing.as_ref()).await;
        Ok::<_, IntegrationError>(unless_lost(changed)?.map(|changed| (changed, job)))
    })
    .await?;
    if let Some(job) = job {
        run_within(app, job).await;
    }
    Ok(changed)
}

/// Syncs an integration at once.
pub async fn sync_now(
    app: &App,
    scope: &Scope,
    id: &IntegrationId,
) -> Result<(IntegrationDetails, Pulled), IntegrationError> {
    let (integration, _) = with_host(app, scope, id).await?;
    if !integration.is_active() {
        return Err(IntegrationError::NotConnected(integration.status));
    }
    let pulled = pull(app, &integration).await.map_err(|PullError::Access(error)| error)?;
    let items = app.store.host(scope.tenant(), &integration.host).await?.ok_or(IntegrationError::Unknown)?;
    let integration = items.integration(id).cloned().ok_or(IntegrationError::Unknown)?;
    Ok((IntegrationDetails::new(integration, &items.host), pulled))
}

/// A first reading within the request. It is due in any case, so a failure here loses nothing.
pub(in crate::flows) async fn read_soon(app: &App, integration: &Integration) {
    match tokio::time::timeout(WITHIN, pull(app, integration)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(integration = %integration.id, %error, "first reading failed"),
        Err(_elapsed) => tracing::warn!(integration = %integration.id, "first reading took too long"),
    }
}
