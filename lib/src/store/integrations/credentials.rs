//! An integration's sealed tokens: refreshed by one caller for all, and what that says of its status.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{AccountEvent, Integration, IntegrationStatus};
use crate::store::change::Change;
use crate::store::due::shard;
use crate::store::item::{number, read_integration, seconds, text, unreadable};
use crate::store::key::Key;
use crate::store::{Item, Store, StoreError};

const ACCESS: &str = "access";
const REFRESH: &str = "refresh";
const EXPIRES: &str = "access_expires_at";
const VERSION: &str = "token_version";
/// Longer than the longest deadline of any flow that refreshes; a holder that is still silent then is gone.
const TOKEN_LEASE: TimeDelta = TimeDelta::seconds(20);
/// How often an outcome gives way to other changes of the status.
const SETTLING: u32 = 4;

/// The tokens of an integration as the vault sealed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTokens {
    /// The access token.
    pub access: Vec<u8>,
    /// The refresh token.
    pub refresh: Vec<u8>,
    /// When the access token ends.
    pub access_expires_at: DateTime<Utc>,
    /// Which tokens these are.
    pub version: u64,
}

impl Store {
    /// The sealed tokens; `None` when they were erased or never came.
    pub async fn tokens(&self, integration: &Integration) -> Result<Option<SealedTokens>, StoreError> {
        let Some(item) = self.get(key_of(integration)).await? else { return Ok(None) };
        read_tokens(item)
    }

    /// Makes this caller the one who refreshes these tokens; [`StoreError::Conflict`] when another one is, or
    /// has already.
    pub async fn take_token_lease(&self, integration: &Integration, version: u64) -> Result<(), StoreError> {
        let now = self.clock.now();
        let set = "SET token_lease_until = :until, token_lease_id = :id";
        let change = of_version(Change::update(key_of(integration), set), version)
            .and(
                "(attribute_not_exists(token_lease_until) OR token_lease_until <= :now OR token_lease_id = :id)",
            )
            // A repeated try finds its own lease.
            .value(":id", text(format!("{:032x}", fastrand::u128(..))))
            .value(":now", seconds(now))
            .value(":until", seconds(now + TOKEN_LEASE));
        self.commit(&[change]).await
    }

    /// Gives the lease back after a refresh that brought nothing.
    pub async fn drop_token_lease(&self, integration: &Integration, version: u64) -> Result<(), StoreError> {
        match self.commit(&[without_lease(integration, version)]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// Stores refreshed tokens under the version from which they were made. A good token restores `connected`
    /// after somebody's `invalid_grant`.
    pub async fn put_tokens(
        &self,
        integration: &Integration,
        tokens: &SealedTokens,
    ) -> Result<(), StoreError> {
        let set = "SET #access = :access, #refresh = :refresh, #expires = :expires, #tokens = :next \
                   REMOVE token_lease_until, token_lease_id";
        let put = of_version(Change::update(key_of(integration), set), tokens.version)
            .value(":next", number(tokens.version + 1));
        let due_at = self.clock.now();
        let due = "SET due_at = :due, due_shard = :shard";
        let due = Change::update(sync_key(integration), due)
            .value(":due", seconds(due_at))
            .value(":shard", text(shard(integration.id.as_str())));
        self.commit_tokens(integration, AccountEvent::TokenRenewed, with_tokens(put, tokens), due).await
    }

    /// Says that the provider no longer honours these tokens. The token version stays, so that a good token
    /// still under way wins; a session with newer tokens is not concerned.
    pub async fn mark_needs_reauth(
        &self,
        integration: &Integration,
        version: u64,
        reason: &str,
    ) -> Result<(), StoreError> {
        let due = "SET last_error = :reason, due_at = :due, due_shard = :shard";
        let due = Change::update(sync_key(integration), due)
            .value(":reason", text(reason))
            .value(":due", seconds(self.clock.now() + Integration::REAUTH_INTERVAL))
            .value(":shard", text(shard(integration.id.as_str())));
        let put = without_lease(integration, version);
        match self.commit_tokens(integration, AccountEvent::GrantRefused, put, due).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// Writes what became of the tokens together with what that means for the status, and, when the status changes or the
    /// account needs its host, for when it is looked at next.
    async fn commit_tokens(
        &self,
        integration: &Integration,
        event: AccountEvent,
        credentials: Change,
        due: Change,
    ) -> Result<(), StoreError> {
        let mut status = integration.status;
        for _ in 0..SETTLING {
            let next = status.after(event);
            let mut changes = vec![credentials.clone(), status_change(integration, status, next)];
            if next != status || next == IntegrationStatus::NeedsReauth {
                changes.push(due.clone());
            }
            let mut found = match self.commit(&changes).await {
                Err(StoreError::Conflict(found)) => found.into_iter().take(2),
                done => {
                    self.forget_host(&integration.tenant, &integration.host);
                    return done;
                }
            };
            // The status is another one by now; or else the tokens are.
            match (found.next().flatten(), found.next().flatten()) {
                (None, Some(item)) => status = read_integration(item)?.status,
                (lost, _) => return Err(StoreError::Conflict(vec![lost])),
            }
        }
        Err(StoreError::Busy)
    }
}

/// From one status to the next, while it is that one. One that stays is only looked at.
fn status_change(integration: &Integration, status: IntegrationStatus, next: IntegrationStatus) -> Change {
    let key = Key::integration(&integration.tenant, &integration.host, &integration.id);
    let change = if next == status {
        Change::check(key)
    } else {
        Change::update(key, "SET #status = :next, revision = revision + :one")
            .value(":next", text(next.as_str()))
            .value(":one", number(1))
    };
    change.when("#status = :status").name("#status", "status").value(":status", text(status.as_str()))
}

/// The tokens of a new grant, whatever there was before.
pub(super) fn new_tokens(integration: &Integration, tokens: &SealedTokens) -> Change {
    let set = "SET #access = :access, #refresh = :refresh, #expires = :expires, \
               #tokens = if_not_exists(#tokens, :zero) + :one REMOVE token_lease_until, token_lease_id";
    let change = Change::update(key_of(integration), set).name("#tokens", VERSION);
    with_tokens(change, tokens).value(":zero", number(0)).value(":one", number(1))
}

/// The tokens in an item, if it has any.
pub(super) fn read_tokens(mut item: Item) -> Result<Option<SealedTokens>, StoreError> {
    let mut bytes = |name: &str| match item.remove(name) {
        Some(AttributeValue::B(blob)) => Some(blob.into_inner()),
        _ => None,
    };
    let Some((access, refresh)) = bytes(ACCESS).zip(bytes(REFRESH)) else { return Ok(None) };
    let number = |name: &str| item.get(name).and_then(|value| value.as_n().ok());
    let version = number(VERSION).and_then(|version| version.parse().ok());
    let expires_at = number(EXPIRES).and_then(|at| DateTime::from_timestamp(at.parse().ok()?, 0));
    let (Some(version), Some(access_expires_at)) = (version, expires_at) else {
        return Err(unreadable("credentials", "their version or their end"));
    };
    Ok(Some(SealedTokens { access, refresh, access_expires_at, version }))
}

fn with_tokens(change: Change, tokens: &SealedTokens) -> Change {
    change
        .name("#access", ACCESS)
        .name("#refresh", REFRESH)
        .name("#expires", EXPIRES)
        .value(":access", AttributeValue::B(Blob::new(tokens.access.clone())))
        .value(":refresh", AttributeValue::B(Blob::new(tokens.refresh.clone())))
        .value(":expires", seconds(tokens.access_expires_at))
}

fn without_lease(integration: &Integration, version: u64) -> Change {
    let remove = "REMOVE token_lease_until, token_lease_id";
    of_version(Change::update(key_of(integration), remove), version)
}

fn of_version(change: Change, version: u64) -> Change {
    change.when("#tokens = :version").name("#tokens", VERSION).value(":version", number(version))
}

fn key_of(integration: &Integration) -> Key {
    Key::credentials(&integration.tenant, &integration.host, &integration.id)
}

fn sync_key(integration: &Integration) -> Key {
    Key::sync_state(&integration.tenant, &integration.host, &integration.id)
}
