//! One connected calendar account of one host: what it says of itself, and how far it can be believed.
//!
//! The rule it keeps: unknown is not free. Time that an active integration has not read, or has read too long
//! ago, is neither offered nor taken.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{HostId, IntegrationId, ProviderKind, Span, Tenant};

/// Where an integration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationStatus {
    /// The host has taken it away. Kept so that its past can be read.
    Disconnected,
    /// OAuth has begun and not come back.
    Pending,
    /// Tokens are there and work.
    Connected,
    /// The provider has said that the grant is gone (`invalid_grant`). The host is to connect again; until then it is tried
    /// once a day.
    NeedsReauth,
    /// The last sync failed for a reason that may pass.
    Error,
}

/// What happens to an integration's account, as far as its status depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// The host has connected it.
    Authorized,
    /// All calendars were read.
    Read,
    /// Something could not be read, for a reason that may pass.
    Unread,
    /// The provider has refused the refresh token for good: `invalid_grant`, and nothing else.
    GrantRefused,
    /// The provider has given a new token.
    TokenRenewed,
    /// The host has disconnected it.
    Disconnected,
}

impl IntegrationStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Disconnected, Self::Pending, Self::Connected, Self::NeedsReauth, Self::Error];

    /// The status after this. A reading says nothing of the grant, and a new token nothing of the calendars.
    #[must_use]
    pub fn after(self, event: AccountEvent) -> Self {
        match (event, self) {
            (AccountEvent::Authorized, _) => Self::Connected,
            (AccountEvent::Disconnected, _) => Self::Disconnected,
            (AccountEvent::Read, Self::Error) | (AccountEvent::TokenRenewed, Self::NeedsReauth) => {
                Self::Connected
            }
            (AccountEvent::Unread, Self::Connected) => Self::Error,
            (AccountEvent::GrantRefused, Self::Connected | Self::Error) => Self::NeedsReauth,
            (
                AccountEvent::Read
                | AccountEvent::Unread
                | AccountEvent::GrantRefused
                | AccountEvent::TokenRenewed,
                same,
            ) => same,
        }
    }

    /// The word in bodies and items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Pending => "pending",
            Self::Connected => "connected",
            Self::NeedsReauth => "needs_reauth",
            Self::Error => "error",
        }
    }
}

/// How far the last good read can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Read within the last two minutes: a confirmation need not ask again.
    Fresh,
    /// Good enough to offer slots; a confirmation asks the calendar.
    Aging,
    /// Not to be believed: nothing is offered.
    Stale,
}

/// A calendar of an account, as far as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCalendar {
    /// Its id at the provider.
    pub id: String,
    /// Whether bookings can be written to it.
    pub writable: bool,
}

/// An integration: its settings and status, and how far its calendars have been read. Its tokens lie elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The host whose calendars these are.
    pub host: HostId,
    /// Who keeps the calendars.
    pub provider: ProviderKind,
    /// What the account goes by at its provider for good; unknown while `pending`.
    #[serde(default)]
    pub account_id: Option<String>,
    /// What its owner knows it by, usually a mail address; unknown while `pending`.
    #[serde(default)]
    pub account: Option<String>,
    /// Where it stands.
    pub status: IntegrationStatus,
    /// Whether its calendars block and receive bookings.
    pub enabled: bool,
    /// The account's calendars as they were last listed.
    #[serde(default)]
    pub calendars: Vec<AccountCalendar>,
    /// When they were listed; `None` when they are to be listed anew.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub calendars_read_at: Option<DateTime<Utc>>,
    /// The calendars whose events block.
    #[serde(default)]
    pub conflict_calendars: Vec<String>,
    /// The calendars that have or had events of ours. They are read event by event, to tell ours from others.
    #[serde(default)]
    pub event_calendars: Vec<String>,
    /// Raised by every change of all this, the status too.
    pub revision: u64,
    /// A pending integration that never came back counts for nothing after this.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub pending_until: Option<DateTime<Utc>>,
    /// Set by a disconnect until everything at the provider and in the days has been cleared: how long the tokens are
    /// kept at most for the events that are still to be removed.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub clearing_until: Option<DateTime<Utc>>,
    /// Whether its provider mails the guests of an event that is removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mails_on_removal: bool,
    /// Whether a disconnect leaves the events where they stand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_events: bool,
    /// How far its calendars have been read. An item of its own.
    #[serde(skip)]
    pub sync: SyncState,
}

/// How far an integration's calendars have been read, and who reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncState {
    /// Raised by every change of settings and every committed pull: what a pull has read under an older one is void.
    pub version: u64,
    /// The time that has been read.
    #[serde(default)]
    pub synced: Option<Span>,
    /// When the calendars were last read without a gap.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub read_ok_at: Option<DateTime<Utc>>,
    /// The poll interval in force at that read, in seconds.
    #[serde(default)]
    pub poll_seconds: u32,
    /// When a sync last ended, well or not.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub last_sync_at: Option<DateTime<Utc>>,
    /// Why the last sync failed, in words for an admin; no provider text.
    #[serde(default)]
    pub last_error: Option<String>,
    /// Failed syncs since the last good one.
    #[serde(default)]
    pub failures: u32,
    /// When it is to be synced next.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub due_at: Option<DateTime<Utc>>,
    /// Under whose lease it is being read, or was last.
    #[serde(default)]
    pub lease_id: Option<String>,
    /// Until when.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub lease_until: Option<DateTime<Utc>>,
}

impl SyncState {
    /// Makes what was read void.
    pub fn forget(&mut self) {
        self.synced = None;
        self.read_ok_at = None;
    }
}

impl Integration {
    /// Confirmations within this long of a good read do not ask the calendar again.
    pub const FRESH_FOR: TimeDelta = TimeDelta::minutes(2);
    /// An account whose grant is gone is tried again after this: the host may have mended it at the provider.
    pub const REAUTH_INTERVAL: TimeDelta = TimeDelta::days(1);
    /// The least time after which a read is no longer believed.
    pub const STALE_AFTER: TimeDelta = TimeDelta::minutes(60);

    /// Whether its word counts: from the callback on, until it is disabled or disconnected. A dead token does
    /// not make it inactive, or a revoked calendar would become a free one.
    pub fn is_active(&self) -> bool {
        self.enabled && self.is_live()
    }

    /// Whether it is connected, however its account stands at present.
    pub fn is_live(&self) -> bool {
        match self.status {
            IntegrationStatus::Connected | IntegrationStatus::NeedsReauth | IntegrationStatus::Error => true,
            IntegrationStatus::Disconnected | IntegrationStatus::Pending => false,
        }
    }

    /// Whether it was disconnected and is not cleared yet.
    pub fn is_clearing(&self) -> bool {
        self.clearing_until.is_some()
    }

    /// Remembers that a calendar has events of ours from now on.
    pub fn add_event_calendar(&mut self, calendar: &str) {
        if !self.event_calendars.iter().any(|known| known == calendar) {
            self.event_calendars.push(calendar.to_owned());
            self.event_calendars.sort();
        }
    }

    /// How far its last good read can be believed at `now`.
    pub fn freshness(&self, now: DateTime<Utc>) -> Freshness {
        let Some(read_ok_at) = self.sync.read_ok_at else { return Freshness::Stale };
        let age = now - read_ok_at;
        let bound = Self::STALE_AFTER.max(TimeDelta::seconds(i64::from(self.sync.poll_seconds)) * 2);
        if age < Self::FRESH_FOR {
            Freshness::Fresh
        } else if age <= bound {
            Freshness::Aging
        } else {
            Freshness::Stale
        }
    }

    /// Whether all of this time has been read and the read can still be believed.
    pub fn knows(&self, span: Span, now: DateTime<Utc>) -> bool {
        self.sync.synced.is_some_and(|synced| synced.contains(span))
            && self.freshness(now) != Freshness::Stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_follows_from_the_one_before_and_what_happened() {
        use AccountEvent::{Authorized, GrantRefused, Read, TokenRenewed, Unread};
        use IntegrationStatus::{Connected, Disconnected, Error, NeedsReauth, Pending};
        let table = [
            (Authorized, [Connected, Connected, Connected, Connected, Connected]),
            (Read, [Disconnected, Pending, Connected, NeedsReauth, Connected]),
            (Unread, [Disconnected, Pending, Error, NeedsReauth, Error]),
            (GrantRefused, [Disconnected, Pending, NeedsReauth, NeedsReauth, NeedsReauth]),
            (TokenRenewed, [Disconnected, Pending, Connected, Connected, Error]),
            (AccountEvent::Disconnected, [Disconnected; 5]),
        ];
        for (event, expected) in table {
            assert_eq!(IntegrationStatus::ALL.map(|status| status.after(event)), expected, "{event:?}");
        }
    }
}
