//! The state: accounts, calendars with their events, grants and tokens. Serialised as it is to the state file.
//!
//! `changes` counts every write of an event; etags and sync tokens are that number, so they never repeat.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::meet::{Meeting, Meetings};
use super::zone::Zone;

pub(super) type Fields = Map<String, Value>;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct World {
    /// By e-mail address.
    pub(super) accounts: BTreeMap<String, Account>,
    /// By calendar id; several accounts may list the same one.
    pub(super) calendars: BTreeMap<String, Calendar>,
    pub(super) codes: BTreeMap<String, Code>,
    pub(super) grants: Vec<Grant>,
    pub(super) access: BTreeMap<String, Access>,
    /// The grant (by position) of each refresh token.
    pub(super) refresh: BTreeMap<String, usize>,
    /// Every code, token and verifier there ever was.
    pub(super) secrets: Vec<String>,
    changes: u64,
    pub(super) sync_epoch: u64,
    #[serde(skip)]
    pub(super) page_size: Option<usize>,
    #[serde(skip)]
    pub(super) meetings: Meetings,
    #[serde(default)]
    pub(super) pending_meetings: Vec<Meeting>,
    /// The reason by calendar id.
    #[serde(skip)]
    pub(super) broken: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) listed: Vec<Listed>,
}

/// A calendar in an account's list.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) role: Role,
}

/// `accessRole`, from the least to the most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Role {
    FreeBusyReader,
    Reader,
    Writer,
    Owner,
}

impl Role {
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::FreeBusyReader, Self::Reader, Self::Writer, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == text)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::FreeBusyReader => "freeBusyReader",
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Owner => "owner",
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Calendar {
    pub(super) summary: String,
    /// The e-mail address of its data owner, who need not be one of the accounts.
    pub(super) owner: String,
    pub(super) zone: Zone,
    pub(super) events: BTreeMap<String, Event>,
}

/// An event as its fields, without those that depend on who looks (`kind`, `etag`, `htmlLink`, `self`).
/// `dateTime`s are in UTC. A deleted event stays, as `cancelled`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) fields: Fields,
    /// The count of the world's changes at its last write.
    pub(super) change: u64,
}

impl Event {
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", 3_500_000_000_000_000 + self.change)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.text("status") == "cancelled"
    }

    /// Start and end; whole days are days of `zone`, the calendar's. A cancelled exception has neither.
    pub(super) fn span(&self, zone: Zone) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let end = |name: &str| {
            let point = self.fields.get(name)?;
            match point.get("date").and_then(Value::as_str) {
                Some(date) => Some(zone.first_instant(date.parse().ok()?)),
                None => instant(point.get("dateTime")?.as_str()?),
            }
        };
        end("start").zip(end("end"))
    }

    /// Whether the calendar named `calendar` declined the invitation.
    fn is_declined(&self, calendar: &str) -> bool {
        let attendees = self.fields.get("attendees").and_then(Value::as_array).into_iter().flatten();
        let said = |attendee: &Value, name: &str, value: &str| {
            attendee.get(name).and_then(Value::as_str).is_some_and(|text| text == value)
        };
        attendees
            .into_iter()
            .any(|one| said(one, "email", calendar) && said(one, "responseStatus", "declined"))
    }

    /// Whether free/busy counts it: tentative and out-of-office do, a working location does not.
    pub(super) fn is_busy(&self, calendar: &str) -> bool {
        !self.is_cancelled()
            && self.text("transparency") != "transparent"
            && self.text("eventType") != "workingLocation"
            && !self.is_declined(calendar)
    }
}

/// An authorization code, used or not.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) account: String,
    #[serde(default)]
    pub(super) client: String,
    pub(super) scopes: Vec<String>,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    /// Whether a refresh token comes with it.
    pub(super) refreshable: bool,
    pub(super) issued_at: DateTime<Utc>,
    /// What it was exchanged for, by position.
    pub(super) grant: Option<usize>,
}

/// What one exchanged code gave.
#[derive(Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) account: String,
    /// The client to which it was given.
    #[serde(default)]
    pub(super) client: String,
    pub(super) scopes: Vec<String>,
    pub(super) revoked: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Access {
    pub(super) grant: usize,
    pub(super) expires_at: DateTime<Utc>,
}

impl World {
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Written beside and renamed, so that a run that is killed leaves the old state or the new one.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let beside = path.with_extension("partial");
        std::fs::write(&beside, serde_json::to_vec(self)?)?;
        std::fs::rename(&beside, path)
    }

    /// The number of changes so far.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Counts one change.
    pub(super) fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    /// The calendar that `id` (or `primary`) means to `account`, if it is in that account's list.
    pub(super) fn listed(&self, account: &str, id: &str) -> Option<Listed> {
        let id = if id == "primary" { account } else { id };
        self.accounts.get(account)?.listed.iter().find(|listed| listed.id == id).cloned()
    }

    /// Kills everything that `account` ever granted, as its owner does under "third-party access".
    /// Ends what an account has granted to a client, or to all of them.
    pub(super) fn revoke(&mut self, account: &str, client: Option<&str>) {
        let is_meant = |whose: &str, to: &str| whose == account && client.is_none_or(|client| client == to);
        self.codes.retain(|_, code| !is_meant(&code.account, &code.client) || code.grant.is_some());
        for grant in self.grants.iter_mut().filter(|grant| is_meant(&grant.account, &grant.client)) {
            grant.revoked = true;
        }
    }

    pub(super) fn live_grants(&self, account: &str, client: &str) -> impl Iterator<Item = &Grant> {
        let is_meant = move |grant: &&Grant| grant.account == account && grant.client == client;
        self.grants.iter().filter(is_meant).filter(|grant| !grant.revoked)
    }
}

/// An RFC 3339 time with an offset.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}
