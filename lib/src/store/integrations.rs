//! Integrations: settings, state, leases and sealed tokens, one item each, in their host's partition.
//!
//! Every change of settings and every committed pull raises `version` and is written under the version that was
//! read; every change of tokens does so with `token_version`. So what a slow caller has read cannot overwrite
//! what a faster one has written.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};

use super::change::Change;
use super::day;
use super::due::shard;
use super::item::{attribute, diff, number, read, read_integration, seconds, text, unreadable, write};
use super::key::{self, Key};
use super::placing::Placing;
use super::{Item, Store, StoreError, accounts};
use crate::domain::{
    AccountCalendar, AccountHash, AccountMember, CalendarRef, Day, DayBits, Host, HostId, HostItems,
    Integration, IntegrationId, IntegrationStatus, Lease, Tenant,
};

const ACCESS: &str = "access";
const REFRESH: &str = "refresh";
/// Days in one transaction beside the integration: AWS allows 100 actions.
const DAYS_AT_ONCE: usize = 99;
/// How often a pull's commit gives way to refreshes and requests for a sync.
const SETTLING: u32 = 4;
/// Longer than the longest deadline of any flow that refreshes; a holder that is still silent then is gone.
const TOKEN_LEASE: TimeDelta = TimeDelta::seconds(20);

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

/// A host's accounts, as a push finds them.
#[derive(Clone, Debug, Default)]
pub struct HostAccounts {
    /// Where the host's bookings are written.
    pub write_to: Option<CalendarRef>,
    /// Whether guests may be mailed when events are removed from where they were written before.
    pub mails_guests: bool,
    /// The integrations asked about, and the one that is written to, with their tokens.
    pub accounts: Vec<(Integration, Option<SealedTokens>)>,
}

/// What a pull has found, to be written in one piece.
#[derive(Debug)]
pub struct PullOutcome<'a> {
    /// The integration as the pull read it, under its lease.
    pub before: &'a Integration,
    /// The integration as it is to be; its version is raised by the store.
    pub after: Integration,
    /// The busy bits of the days that changed.
    pub days: &'a [(Day, DayBits)],
}

impl Store {
    /// Creates an integration that waits for its OAuth round trip.
    pub async fn add_pending(&self, integration: &Integration) -> Result<(), StoreError> {
        let (tenant, host) = (&integration.tenant, &integration.host);
        let mut item = stored(integration)?;
        let mut pointer = Item::from([("host".to_owned(), text(host.as_str()))]);
        if let Some(until) = integration.pending_until {
            // A pointer may outlive its integration, not the other way round.
            item.insert("ttl".to_owned(), seconds(until));
            pointer.insert("ttl".to_owned(), seconds(until + TimeDelta::hours(1)));
        }
        let fresh = "attribute_not_exists(pk)";
        let put = Change::put(Key::integration(tenant, host, &integration.id), item).when(fresh);
        let point = Change::put(Key::pointer(tenant, &integration.id), pointer).when(fresh);
        self.commit(&[put, point]).await?;
        self.forget_host(tenant, host);
        Ok(())
    }

    /// The integration; `None` when this tenant has none by that id.
    pub async fn integration(
        &self,
        tenant: &Tenant,
        id: &IntegrationId,
    ) -> Result<Option<Integration>, StoreError> {
        let Some(pointer) = self.get(Key::pointer(tenant, id)).await? else { return Ok(None) };
        self.integration_of(tenant, &pointed_host(&pointer)?, id).await
    }

    /// The host of an integration with everything of its own; `None` when this tenant has no integration by that id.
    pub async fn host_of_integration(
        &self,
        tenant: &Tenant,
        id: &IntegrationId,
    ) -> Result<Option<HostItems>, StoreError> {
        let Some(pointer) = self.get(Key::pointer(tenant, id)).await? else { return Ok(None) };
        let items = self.host(tenant, &pointed_host(&pointer)?).await?;
        Ok(items.filter(|items| items.integration(id).is_some()))
    }

    /// The integration, when its host is known.
    pub async fn integration_of(
        &self,
        tenant: &Tenant,
        host: &HostId,
        id: &IntegrationId,
    ) -> Result<Option<Integration>, StoreError> {
        let item = self.get(Key::integration(tenant, host, id)).await?;
        let integration = item.map(read_integration).transpose()?;
        let now = self.clock.now();
        Ok(integration.filter(|found| found.pending_until.is_none_or(|until| now < until)))
    }

    /// The hosts of a tenant that have or had an integration.
    pub async fn hosts_with_integrations(&self, tenant: &Tenant) -> Result<Vec<HostId>, StoreError> {
        let values = [(":pk", text(key::tenant_partition(tenant))), (":sk", text(key::POINTER_PREFIX))];
        let pointers = self.query("pk = :pk AND begins_with(sk, :sk)", &values, true).await?;
        let mut hosts: Vec<HostId> =
            pointers.iter().filter_map(|pointer| pointer.get("host")?.as_s().ok()?.parse().ok()).collect();
        hosts.sort();
        hosts.dedup();
        Ok(hosts)
    }

    /// Writes the changed fields under the version that was read, and raises it.
    pub async fn change_integration(
        &self,
        before: &Integration,
        after: Integration,
        placing: Option<&Placing<'_>>,
    ) -> Result<Integration, StoreError> {
        let (change, after) = settings_change(before, after)?;
        let mut changes = vec![change];
        if let Some(placing) = placing {
            changes.extend(placing.changes()?);
        }
        self.commit(&changes).await?;
        self.forget_host(&after.tenant, &after.host);
        Ok(after)
    }

    /// Makes an integration live with its first or its new tokens. A pending one that it replaces goes.
    pub async fn connect_integration(
        &self,
        before: &Integration,
        after: Integration,
        tokens: &SealedTokens,
        replaced: Option<&IntegrationId>,
        placing: Option<&Placing<'_>>,
        account: Option<&AccountHash>,
    ) -> Result<Integration, StoreError> {
        let (tenant, host) = (after.tenant.clone(), after.host.clone());
        let mut after = after;
        after.token_version = before.token_version + 1;
        after.access_expires_at = Some(tokens.access_expires_at);
        after.pending_until = None;
        let before_item = stored(before)?;
        after.version = before.version + 1;
        let mut item = stored(&after)?;
        item.insert(ACCESS.to_owned(), AttributeValue::B(Blob::new(tokens.access.clone())));
        item.insert(REFRESH.to_owned(), AttributeValue::B(Blob::new(tokens.refresh.clone())));
        let mut before_item = before_item;
        // Written or removed in any case: these change without the version, and what was read may be history.
        for name in ["status", "due_at", "due_shard"] {
            before_item.remove(name);
        }
        for name in ["ttl", "token_lease_until", "token_lease_id", "last_error"] {
            before_item.insert(name.to_owned(), number(0));
        }
        let change = diff(Key::integration(&tenant, &host, &after.id), &before_item, &item)
            .when("#version = :version AND #tokens = :tokens")
            .name("#version", "version")
            .name("#tokens", "token_version")
            .value(":version", number(before.version))
            .value(":tokens", number(before.token_version));
        let pointer = Item::from([("host".to_owned(), text(host.as_str()))]);
        let mut changes = vec![change, Change::put(Key::pointer(&tenant, &after.id), pointer)];
        if let Some(replaced) = replaced {
            changes.push(Change::delete(Key::integration(&tenant, &host, replaced)));
            changes.push(Change::delete(Key::pointer(&tenant, replaced)));
        }
        if let Some(placing) = placing {
            changes.extend(placing.changes()?);
        }
        let member = AccountMember { tenant: tenant.clone(), integration: after.id.clone() };
        changes.extend(account.map(|account| accounts::join(account, &member, self.clock.now())));
        self.commit(&changes).await?;
        self.forget_host(&tenant, &host);
        Ok(after)
    }

    /// Remembers an account's calendars as they were just listed, if nothing else has changed.
    pub async fn remember_calendars(
        &self,
        integration: &Integration,
        calendars: &[AccountCalendar],
    ) -> Result<(), StoreError> {
        let set = "SET calendars = :calendars, calendars_read_at = :now";
        let change = Change::update(self.key_of(integration), set)
            .when("#version = :version")
            .name("#version", "version")
            .value(":calendars", attribute("calendars", &calendars)?)
            .value(":now", seconds(self.clock.now()))
            .value(":version", number(integration.version));
        match self.commit(&[change]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// The integration and its sealed tokens in one read.
    pub async fn integration_with_tokens(
        &self,
        tenant: &Tenant,
        host: &HostId,
        id: &IntegrationId,
    ) -> Result<Option<(Integration, Option<SealedTokens>)>, StoreError> {
        let Some(item) = self.get(Key::integration(tenant, host, id)).await? else { return Ok(None) };
        let (integration, tokens) = read_with_tokens(item)?;
        let is_alive = integration.pending_until.is_none_or(|until| self.clock.now() < until);
        Ok(is_alive.then_some((integration, tokens)))
    }

    /// Where a host's bookings are written, and some of its integrations with their tokens. Strongly consistent.
    pub async fn host_accounts(
        &self,
        tenant: &Tenant,
        host: &HostId,
        ids: &[&IntegrationId],
    ) -> Result<HostAccounts, StoreError> {
        let integrations = ids.iter().map(|id| Key::integration(tenant, host, id));
        let keys: Vec<Key> = std::iter::once(Key::host(tenant, host)).chain(integrations).collect();
        let mut found = HostAccounts::default();
        for item in self.batch_of(&keys, true).await? {
            if item.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk == key::HOST) {
                let host = read::<Host>("host", item)?;
                (found.write_to, found.mails_guests) = (host.write_to, host.mails_guests);
            } else {
                found.accounts.push(read_with_tokens(item)?);
            }
        }
        let unread = found.write_to.as_ref().map(|at| &at.integration).filter(|id| !ids.contains(id));
        if let Some(id) = unread {
            let read = self.integration_with_tokens(tenant, host, id).await?;
            found.accounts.extend(read);
        }
        Ok(found)
    }

    /// The sealed tokens; `None` when they were erased or never came.
    pub async fn tokens(&self, integration: &Integration) -> Result<Option<SealedTokens>, StoreError> {
        let Some(item) = self.get(self.key_of(integration)).await? else { return Ok(None) };
        Ok(read_with_tokens(item)?.1)
    }

    /// Makes this caller the one who refreshes these tokens; [`StoreError::Conflict`] when another one is, or
    /// has already.
    pub async fn take_token_lease(&self, integration: &Integration, version: u64) -> Result<(), StoreError> {
        let now = self.clock.now();
        let set = "SET token_lease_until = :until, token_lease_id = :id";
        let change = Change::update(self.key_of(integration), set)
            .when(
                "token_version = :version AND (attribute_not_exists(token_lease_until) \
                 OR token_lease_until <= :now OR token_lease_id = :id)",
            )
            // A repeated try finds its own lease.
            .value(":id", text(format!("{:032x}", fastrand::u128(..))))
            .value(":version", number(version))
            .value(":now", seconds(now))
            .value(":until", seconds(now + TOKEN_LEASE));
        self.commit(&[change]).await
    }

    /// Gives the lease back after a refresh that brought nothing.
    pub async fn drop_token_lease(&self, integration: &Integration, version: u64) -> Result<(), StoreError> {
        let change = Change::update(self.key_of(integration), "REMOVE token_lease_until, token_lease_id")
            .when("token_version = :version")
            .value(":version", number(version));
        match self.commit(&[change]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// Stores refreshed tokens under the version from which they were made. A good token restores `connected`
    /// after somebody's `invalid_grant`, and nothing else: a calendar that cannot be read is not read because
    /// the token is new.
    pub async fn put_tokens(
        &self,
        integration: &Integration,
        tokens: &SealedTokens,
    ) -> Result<(), StoreError> {
        use IntegrationStatus::{Connected, Disconnected, Error, NeedsReauth};
        // What a new token does to a status: see `IntegrationStatus::after`.
        let set =
            "SET #access = :access, #refresh = :refresh, access_expires_at = :expires, token_version = :next";
        let put = |more: &str, condition: &str| {
            Change::update(
                self.key_of(integration),
                format!("{set}{more} REMOVE token_lease_until, token_lease_id"),
            )
            .when(format!("token_version = :version AND {condition}"))
            .name("#access", ACCESS)
            .name("#refresh", REFRESH)
            .name("#status", "status")
            .value(":access", AttributeValue::B(Blob::new(tokens.access.clone())))
            .value(":refresh", AttributeValue::B(Blob::new(tokens.refresh.clone())))
            .value(":expires", seconds(tokens.access_expires_at))
            .value(":version", number(tokens.version))
            .value(":next", number(tokens.version + 1))
        };
        let word = |status: IntegrationStatus| text(status.as_str());
        let done = if integration.is_clearing() {
            // A disconnected account is still needed until its events are gone; it does not come back to life.
            let change = put("", "#status = :disconnected").value(":disconnected", word(Disconnected));
            self.commit(&[change]).await
        } else {
            let change = put("", "#status IN (:connected, :error)")
                .value(":connected", word(Connected))
                .value(":error", word(Error));
            match self.commit(&[change]).await {
                Err(StoreError::Conflict(found)) if is_dead(&found) => {
                    let change =
                        put(", #status = :connected, due_at = :now, due_shard = :shard", "#status = :dead");
                    let change = change
                        .value(":connected", word(Connected))
                        .value(":now", seconds(self.clock.now()))
                        .value(":shard", text(shard(integration.id.as_str())))
                        .value(":dead", word(NeedsReauth));
                    self.commit(&[change]).await
                }
                done => done,
            }
        };
        done?;
        self.forget_host(&integration.tenant, &integration.host);
        Ok(())
    }

    /// Says that the provider no longer honours these tokens. The token version stays, so that a good token
    /// still under way wins; a session with newer tokens is not concerned.
    pub async fn mark_needs_reauth(
        &self,
        integration: &Integration,
        version: u64,
        reason: &str,
    ) -> Result<(), StoreError> {
        let change = Change::update(
            self.key_of(integration),
            "SET #status = :dead, last_error = :reason, due_at = :again, due_shard = :shard \
             REMOVE token_lease_until, token_lease_id",
        )
        .value(":again", seconds(self.clock.now() + Integration::REAUTH_INTERVAL))
        .value(":shard", text(shard(integration.id.as_str())))
        .when("token_version = :version AND NOT #status IN (:disconnected, :pending)")
        .name("#status", "status")
        .value(":dead", text(IntegrationStatus::NeedsReauth.as_str()))
        .value(":reason", text(reason))
        .value(":version", number(version))
        .value(":disconnected", text(IntegrationStatus::Disconnected.as_str()))
        .value(":pending", text(IntegrationStatus::Pending.as_str()));
        let done = self.commit(&[change]).await;
        self.forget_host(&integration.tenant, &integration.host);
        match done {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// The integration, if the lease with this id is still on it.
    pub async fn integration_under(
        &self,
        tenant: &Tenant,
        host: &HostId,
        id: &IntegrationId,
        lease: &Lease,
    ) -> Result<Option<Integration>, StoreError> {
        let item = self.get(Key::integration(tenant, host, id)).await?;
        let is_leased = |item: &Item| item.get("lease_id").and_then(|id| id.as_s().ok()) == Some(&lease.id);
        item.filter(is_leased).map(read_integration).transpose()
    }

    /// Takes the integration's lease for a pull and gives the integration as it is then.
    /// [`StoreError::Conflict`] when another pull has it.
    pub async fn lease_integration(
        &self,
        integration: &Integration,
        lease: &Lease,
    ) -> Result<Integration, StoreError> {
        read_integration(self.take_lease(self.key_of(integration), lease).await?)
    }

    /// Makes a sync due now. Nothing happens to an integration that is gone.
    pub async fn make_integration_due(&self, integration: &Integration) -> Result<(), StoreError> {
        let change = Change::update(self.key_of(integration), "SET due_at = :now, due_shard = :shard")
            .when("attribute_exists(pk) AND NOT #status IN (:disconnected, :pending, :dead)")
            .name("#status", "status")
            .value(":now", seconds(self.clock.now()))
            .value(":shard", text(shard(integration.id.as_str())))
            .value(":disconnected", text(IntegrationStatus::Disconnected.as_str()))
            .value(":pending", text(IntegrationStatus::Pending.as_str()))
            .value(":dead", text(IntegrationStatus::NeedsReauth.as_str()));
        match self.commit(&[change]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// Writes what a pull has found, days and integration in one transaction, if nothing has changed since it
    /// began. More days than one transaction takes go before in chunks, each under the same check.
    /// A sync asked for meanwhile (`due_at` moved) is kept. The lease ends with it.
    pub async fn commit_pull(
        &self,
        outcome: PullOutcome<'_>,
        lease: &Lease,
    ) -> Result<Integration, StoreError> {
        let PullOutcome { before, after, days } = outcome;
        let key = self.key_of(before);
        let guard = "#version = :version AND #lease = :lease";
        let guarded = |change: Change, condition: &str| {
            change
                .when(condition)
                .name("#version", "version")
                .name("#lease", "lease_id")
                .value(":version", number(before.version))
                .value(":lease", text(&lease.id))
        };
        let put = |(day, bits): &(Day, DayBits)| {
            day::put_busy(&before.tenant, &before.host, &before.id, *day, bits)
        };
        let mut chunks = days.chunks(DAYS_AT_ONCE).peekable();
        let mut last: &[(Day, DayBits)] = &[];
        while let Some(chunk) = chunks.next() {
            if chunks.peek().is_none() {
                last = chunk;
                break;
            }
            let mut changes: Vec<_> = chunk.iter().map(put).collect();
            changes.push(guarded(Change::check(key.clone()), guard));
            self.commit(&changes).await?;
        }

        let mut after = after;
        after.version = before.version + 1;
        // What may change without the version: a sync that is asked for, and what a refresh says of the status.
        let mut now = before.clone();
        for _ in 0..SETTLING {
            let mut now_item = stored(&now)?;
            now_item.insert("lease_id".to_owned(), text(&lease.id));
            now_item.insert("lease_until".to_owned(), number(0));
            let due = if now.due_at.is_some() { "#due = :due" } else { "attribute_not_exists(#due)" };
            let change = diff(key.clone(), &now_item, &stored(&after)?);
            let mut change = guarded(change, &format!("{guard} AND #status = :status AND {due}"))
                .name("#due", "due_at")
                .name("#status", "status")
                .value(":status", text(now.status.as_str()));
            if let Some(due_at) = now.due_at {
                change = change.value(":due", seconds(due_at));
            }
            let mut changes: Vec<_> = last.iter().map(put).collect();
            changes.push(change);
            match self.commit(&changes).await {
                Err(StoreError::Conflict(found)) if is_written(&found, &after)? => {
                    self.forget_host(&before.tenant, &before.host);
                    return Ok(after);
                }
                Err(StoreError::Conflict(found)) => {
                    let Some(found) = same_version(&found, before, lease) else {
                        self.forget_host(&before.tenant, &before.host);
                        return Err(StoreError::Conflict(Vec::new()));
                    };
                    if found.status != now.status {
                        after.status = found.status;
                        if found.status == IntegrationStatus::NeedsReauth {
                            after.last_error.clone_from(&found.last_error);
                        }
                    }
                    if found.due_at.is_some() && found.due_at != now.due_at {
                        after.due_at = found.due_at;
                    }
                    now = found;
                }
                done => {
                    self.forget_host(&before.tenant, &before.host);
                    return done.map(|()| after);
                }
            }
        }
        Err(StoreError::Busy)
    }

    /// Ends a pull's lease and leaves everything else as it is.
    pub async fn drop_lease(&self, integration: &Integration, lease: &Lease) -> Result<(), StoreError> {
        let change = Change::update(self.key_of(integration), "REMOVE lease_id, lease_until")
            .when("lease_id = :lease")
            .value(":lease", text(&lease.id));
        match self.commit(&[change]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// Clears a disconnected integration's busy bits out of these days.
    pub async fn clear_busy(&self, integration: &Integration, days: &[Day]) -> Result<(), StoreError> {
        for chunk in days.chunks(DAYS_AT_ONCE) {
            let clear = |day: &Day| {
                day::put_busy(&integration.tenant, &integration.host, &integration.id, *day, &DayBits::EMPTY)
            };
            let mut changes: Vec<_> = chunk.iter().map(clear).collect();
            // One that was connected again meanwhile has new bits, which are not ours to clear.
            changes.push(self.still_disconnected(integration));
            self.commit(&changes).await?;
        }
        Ok(())
    }

    /// Only while nobody has connected it again since it was read.
    pub(super) fn still_disconnected(&self, integration: &Integration) -> Change {
        Change::check(self.key_of(integration))
            .when("#status = :disconnected AND #version = :version")
            .name("#status", "status")
            .name("#version", "version")
            .value(":disconnected", text(IntegrationStatus::Disconnected.as_str()))
            .value(":version", number(integration.version))
    }

    /// Comes back to a disconnected integration that cannot be cleared yet. The lease ends with it.
    pub async fn postpone_clearing(
        &self,
        integration: &Integration,
        due_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let set = "SET due_at = :due, due_shard = :shard REMOVE lease_id, lease_until";
        let change = Change::update(self.key_of(integration), set)
            .when("#status = :disconnected AND #version = :version AND attribute_exists(clearing_until)")
            .name("#status", "status")
            .name("#version", "version")
            .value(":due", seconds(due_at))
            .value(":shard", text(shard(integration.id.as_str())))
            .value(":disconnected", text(IntegrationStatus::Disconnected.as_str()))
            .value(":version", number(integration.version));
        match self.commit(&[change]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// Erases the sealed tokens of a disconnected integration and ends its clearing.
    pub async fn finish_disconnect(&self, integration: &Integration) -> Result<(), StoreError> {
        let change = Change::update(
            self.key_of(integration),
            "REMOVE clearing_until, keeps_events, #access, #refresh, access_expires_at, due_at, due_shard, \
             lease_id, lease_until",
        )
        .when("#status = :disconnected AND #version = :version")
        .name("#access", ACCESS)
        .name("#refresh", REFRESH)
        .name("#status", "status")
        .name("#version", "version")
        .value(":disconnected", text(IntegrationStatus::Disconnected.as_str()))
        .value(":version", number(integration.version));
        self.commit(&[change]).await?;
        self.forget_host(&integration.tenant, &integration.host);
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "keys are made where the table is")]
    fn key_of(&self, integration: &Integration) -> Key {
        Key::integration(&integration.tenant, &integration.host, &integration.id)
    }
}

fn pointed_host(pointer: &Item) -> Result<HostId, StoreError> {
    let host = pointer.get("host").and_then(|host| host.as_s().ok()).and_then(|host| host.parse().ok());
    host.ok_or_else(|| unreadable("integration pointer", "its host"))
}

fn read_with_tokens(mut item: Item) -> Result<(Integration, Option<SealedTokens>), StoreError> {
    let mut bytes = |name: &str| match item.remove(name) {
        Some(AttributeValue::B(blob)) => Some(blob.into_inner()),
        _ => None,
    };
    let sealed = bytes(ACCESS).zip(bytes(REFRESH));
    let integration = read_integration(item)?;
    let access_expires_at = integration.access_expires_at.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
    let version = integration.token_version;
    let tokens = sealed.map(|(access, refresh)| SealedTokens { access, refresh, access_expires_at, version });
    Ok((integration, tokens))
}

pub(super) fn settings_change(
    before: &Integration,
    after: Integration,
) -> Result<(Change, Integration), StoreError> {
    let mut after = after;
    after.version = before.version + 1;
    let key = Key::integration(&after.tenant, &after.host, &after.id);
    let change = diff(key, &stored(before)?, &stored(&after)?)
        .when("#version = :version AND #tokens = :tokens")
        .name("#version", "version")
        .name("#tokens", "token_version")
        .value(":version", number(before.version))
        .value(":tokens", number(before.token_version));
    Ok((change, after))
}

/// The attributes of an integration, with its place in the due index.
fn stored(integration: &Integration) -> Result<Item, StoreError> {
    let mut item = write("integration", integration)?;
    if integration.due_at.is_some() {
        item.insert("due_shard".to_owned(), text(shard(integration.id.as_str())));
    }
    Ok(item)
}

/// Whether the one item found says `needs_reauth`.
fn is_dead(found: &[Option<Item>]) -> bool {
    let status = found.first().and_then(|item| item.as_ref()?.get("status")?.as_s().ok());
    status.is_some_and(|status| status == IntegrationStatus::NeedsReauth.as_str())
}

/// Whether what was found is what was to be written: the answer to an earlier try was lost.
fn is_written(found: &[Option<Item>], after: &Integration) -> Result<bool, StoreError> {
    let found = found.last().cloned().flatten().and_then(|item| read_integration(item).ok());
    let found = found.map(|found| stored(&found)).transpose()?;
    Ok(found == Some(stored(after)?))
}

/// The integration as it was found, if it is still the version and the lease that a pull began with.
fn same_version(found: &[Option<Item>], before: &Integration, lease: &Lease) -> Option<Integration> {
    // The guarded change is the last of its transaction; alone, the only one.
    let item = found.last()?.clone()?;
    let is_mine = item.get("lease_id").and_then(|id| id.as_s().ok()) == Some(&lease.id);
    read_integration(item).ok().filter(|now| is_mine && now.version == before.version)
}
