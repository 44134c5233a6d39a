//! Integrations, the calendars behind them, and how one is connected.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendars::CalendarInfo;
use crate::domain::Span;
use crate::flows::{IntegrationDetails, Pulled, Started};
use crate::http::words;

/// A time that was read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RangeView {
    /// From when.
    from: DateTime<Utc>,
    /// Up to, not including, when.
    to: DateTime<Utc>,
}

/// An integration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IntegrationView {
    /// Its id.
    #[schema(example = "int_0123456789abcdef01234567")]
    id: String,
    /// Whose it is.
    host: String,
    /// Who keeps its calendars.
    #[schema(value_type = words::Provider)]
    provider: &'static str,
    /// The account, usually an e-mail address; null while pending.
    #[schema(required)]
    account: Option<String>,
    /// `disconnected`, `pending`, `connected`, `needs_reauth` or `error`.
    #[schema(value_type = String, example = "connected")]
    status: &'static str,
    /// Whether its calendars block and receive bookings.
    enabled: bool,
    /// The calendar of this account that the host's bookings are written to; null when none of its is.
    #[schema(required)]
    target_calendar: Option<String>,
    /// The calendars whose events block.
    conflict_calendars: Vec<String>,
    /// When a sync last ended.
    #[schema(required)]
    last_sync_at: Option<DateTime<Utc>>,
    /// What the last good sync has read.
    #[schema(required)]
    last_sync_range: Option<RangeView>,
    /// Why the last sync failed.
    #[schema(required)]
    last_sync_error: Option<String>,
    /// When the next sync is due.
    #[schema(required)]
    next_sync_at: Option<DateTime<Utc>>,
}

impl From<IntegrationDetails> for IntegrationView {
    fn from(details: IntegrationDetails) -> Self {
        let IntegrationDetails { integration, target_calendar } = details;
        let range = |span: Span| RangeView { from: span.start.instant(), to: span.end.instant() };
        Self {
            id: integration.id.into(),
            host: integration.host.into(),
            provider: integration.provider.as_str(),
            account: integration.account,
            status: integration.status.as_str(),
            enabled: integration.enabled,
            target_calendar,
            conflict_calendars: integration.conflict_calendars,
            last_sync_at: integration.sync.last_sync_at,
            last_sync_range: integration.sync.synced.map(range),
            last_sync_error: integration.sync.last_error,
            next_sync_at: integration.sync.due_at,
        }
    }
}

/// Integrations.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IntegrationsView {
    /// In the order of their hosts and ids.
    integrations: Vec<IntegrationView>,
}

impl From<Vec<IntegrationDetails>> for IntegrationsView {
    fn from(integrations: Vec<IntegrationDetails>) -> Self {
        Self { integrations: integrations.into_iter().map(IntegrationView::from).collect() }
    }
}

/// A calendar of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CalendarView {
    /// Its id.
    id: String,
    /// What the account calls it.
    name: String,
    /// Whether it is the account's main one.
    primary: bool,
    /// Whether bookings can be written to it.
    writable: bool,
    /// Its zone.
    #[schema(required)]
    time_zone: Option<String>,
}

/// The calendars of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CalendarsView {
    /// As the provider lists them.
    calendars: Vec<CalendarView>,
}

impl From<Vec<CalendarInfo>> for CalendarsView {
    fn from(calendars: Vec<CalendarInfo>) -> Self {
        let view = |calendar: CalendarInfo| CalendarView {
            id: calendar.id.as_str().to_owned(),
            name: calendar.name,
            primary: calendar.primary,
            writable: calendar.owned,
            time_zone: calendar.time_zone,
        };
        Self { calendars: calendars.into_iter().map(view).collect() }
    }
}

/// What a sync has done, and the integration after it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SyncView {
    /// `done`, `incomplete`, `taken` (another sync is at work), `superseded` or `inactive`.
    #[schema(value_type = String, example = "done")]
    outcome: &'static str,
    /// Days whose busy times changed.
    changed_days: usize,
    /// Marked events without a live booking that were removed.
    removed_events: usize,
    /// The integration after it.
    integration: IntegrationView,
}

impl From<(IntegrationDetails, Pulled)> for SyncView {
    fn from((integration, pulled): (IntegrationDetails, Pulled)) -> Self {
        let (outcome, changed_days, removed_events) = match pulled {
            Pulled::Done { changed_days, removed_events } => ("done", changed_days, removed_events),
            Pulled::Incomplete => ("incomplete", 0, 0),
            Pulled::Taken => ("taken", 0, 0),
            Pulled::Superseded => ("superseded", 0, 0),
            Pulled::Inactive => ("inactive", 0, 0),
        };
        Self { outcome, changed_days, removed_events, integration: integration.into() }
    }
}

/// An OAuth round trip that has begun.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StartedView {
    /// Where the host's browser is to go.
    authorization_url: String,
    /// When it is too late to come back.
    expires_at: DateTime<Utc>,
}

impl From<&Started> for StartedView {
    fn from(started: &Started) -> Self {
        Self { authorization_url: started.authorization_url.to_string(), expires_at: started.expires_at }
    }
}
