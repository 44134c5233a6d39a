//! Integrations, in their host's partition, in three items each.
//!
//! ```text
//! HOST#I#<id>     settings and status (streamed)    revision        raised by every write
//! HOST#J#<id>     how far the calendars were read   version         raised by changes of settings and committed pulls
//! HOSTCRED#<id>   the sealed tokens                 token_version   raised by every change of them
//! ```
//!
//! Every write is conditional on the number that was read: what a slow caller has read cannot overwrite what a faster one
//! has written. What changes two of them is one transaction. The sync state is made by the first connect, and so are the
//! credentials.

mod credentials;
pub(super) mod settings;
mod sync;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::credentials::SealedTokens;
use self::credentials::{new_tokens, read_tokens};
use self::settings::{check_disconnected, key_of, settings_part, still_disconnected, stored};
pub use self::sync::PullOutcome;
use self::sync::{DAYS_AT_ONCE, sync_change};
use super::change::Change;
use super::item::{diff, number, read, read_integration, seconds, text, unreadable};
use super::key::{self, Key};
use super::placing::Placing;
use super::{Item, Store, StoreError, accounts, day};
use crate::domain::{
    AccountCalendar, AccountHash, AccountMember, CalendarRef, Day, DayBits, Host, HostId, HostItems,
    Integration, IntegrationId, SyncState, Tenant,
};

/// A host's accounts, as a push or a pull finds them.
#[derive(Clone, Debug, Default)]
pub struct HostAccounts {
    /// Where the host's bookings are written.
    pub write_to: Option<CalendarRef>,
    /// Whether guests may be mailed when events are removed from where they were written before.
    pub mails_guests: bool,
    /// All its integrations, with their tokens.
    pub accounts: Vec<(Integration, Option<SealedTokens>)>,
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
        let items = self.host_of_integration(tenant, id).await?;
        Ok(items.and_then(|items| items.integration(id).cloned()))
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

    /// Where a host's bookings are written, and all its integrations with their tokens: one strong Query.
    pub async fn host_accounts(&self, tenant: &Tenant, host: &HostId) -> Result<HostAccounts, StoreError> {
        let values = [
            (":pk", text(key::host_partition(tenant, host))),
            (":from", text(key::HOST)),
            (":to", text(format!("{}~", key::CREDENTIALS_PREFIX))),
        ];
        let mut found = HostAccounts::default();
        let mut parts = Parts::default();
        for item in self.query("pk = :pk AND sk BETWEEN :from AND :to", &values, true).await? {
            let Some(other) = parts.take(item)? else { continue };
            if sort_key(&other) == key::HOST {
                let host = read::<Host>("host", other)?;
                (found.write_to, found.mails_guests) = (host.write_to, host.mails_guests);
            }
        }
        found.accounts = parts.with_tokens(self.clock.now());
        Ok(found)
    }

    /// Writes the changed settings under the revision and the version that were read, and raises both.
    pub async fn change_integration(
        &self,
        before: &Integration,
        after: Integration,
        placing: Option<&Placing<'_>>,
    ) -> Result<Integration, StoreError> {
        let (mut changes, after) = settings_change(before, after)?;
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
        after.pending_until = None;
        after.revision = before.revision + 1;
        let mut before_item = stored(before)?;
        before_item.insert("ttl".to_owned(), number(0));
        let settings = diff(key_of(before), &before_item, &stored(&after)?).when("#revision = :revision");
        let settings = settings.name("#revision", "revision").value(":revision", number(before.revision));
        let pointer = Item::from([("host".to_owned(), text(host.as_str()))]);
        let mut changes = vec![
            settings,
            sync_change(before, &mut after)?,
            new_tokens(&after, tokens),
            Change::put(Key::pointer(&tenant, &after.id), pointer),
        ];
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
        let (calendars, read_at) = (calendars.to_vec(), Some(self.clock.now()));
        let mut after = Integration { calendars, calendars_read_at: read_at, ..integration.clone() };
        match settings_part(integration, &mut after)? {
            Some(change) => match self.commit(&[change]).await {
                Err(StoreError::Conflict(_)) => Ok(()),
                done => done,
            },
            None => Ok(()),
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
            changes.push(check_disconnected(integration));
            self.commit(&changes).await?;
        }
        Ok(())
    }

    /// Erases the sealed tokens of a disconnected integration and ends its clearing.
    pub async fn finish_disconnect(&self, integration: &Integration) -> Result<(), StoreError> {
        let (tenant, host, id) = (&integration.tenant, &integration.host, &integration.id);
        let settings = "SET revision = :next REMOVE clearing_until, keeps_events";
        let settings =
            Change::update(key_of(integration), settings).value(":next", number(integration.revision + 1));
        let settings = still_disconnected(settings, integration);
        let sync = "REMOVE due_at, due_shard, lease_id, lease_until";
        let sync = Change::update(Key::sync_state(tenant, host, id), sync);
        let credentials = Change::delete(Key::credentials(tenant, host, id));
        self.commit(&[settings, sync, credentials]).await?;
        self.forget_host(tenant, host);
        Ok(())
    }
}

/// Removes a disconnected integration with all its items, if it is still as read.
pub(super) fn removal(integration: &Integration) -> [Change; 4] {
    let (tenant, host, id) = (&integration.tenant, &integration.host, &integration.id);
    [
        still_disconnected(Change::delete(key_of(integration)), integration),
        Change::delete(Key::sync_state(tenant, host, id)),
        Change::delete(Key::credentials(tenant, host, id)),
        Change::delete(Key::pointer(tenant, id)),
    ]
}

/// The change of an integration's settings under the revision and the version that were read; both are raised.
pub(super) fn settings_change(
    before: &Integration,
    after: Integration,
) -> Result<(Vec<Change>, Integration), StoreError> {
    let mut after = after;
    let settings = settings_part(before, &mut after)?;
    let sync = sync_change(before, &mut after)?;
    Ok((settings.into_iter().chain([sync]).collect(), after))
}

fn pointed_host(pointer: &Item) -> Result<HostId, StoreError> {
    let host = pointer.get("host").and_then(|host| host.as_s().ok()).and_then(|host| host.parse().ok());
    host.ok_or_else(|| unreadable("integration pointer", "its host"))
}

fn sort_key(item: &Item) -> &str {
    item.get("sk").and_then(|sk| sk.as_s().ok()).map_or("", String::as_str)
}

/// The integrations of a host, to be put together from their items.
#[derive(Default)]
pub(super) struct Parts {
    integrations: Vec<Integration>,
    sync: HashMap<String, SyncState>,
    tokens: HashMap<String, SealedTokens>,
}

impl Parts {
    /// Takes an item, or gives it back when it is none of an integration's.
    pub(super) fn take(&mut self, item: Item) -> Result<Option<Item>, StoreError> {
        let sort = sort_key(&item);
        let id = |prefix: &str| sort.strip_prefix(prefix).map(str::to_owned);
        if sort.starts_with(key::INTEGRATION_PREFIX) {
            self.integrations.push(read_integration(item)?);
        } else if let Some(id) = id(key::SYNC_STATE_PREFIX) {
            self.sync.insert(id, read("sync state", item)?);
        } else if let Some(id) = id(key::CREDENTIALS_PREFIX) {
            self.tokens.extend(read_tokens(item)?.map(|tokens| (id, tokens)));
        } else {
            return Ok(Some(item));
        }
        Ok(None)
    }

    /// The integrations that are not forgotten: the table removes a pending one some time after its end.
    pub(super) fn integrations(self, now: DateTime<Utc>) -> Vec<Integration> {
        self.with_tokens(now).into_iter().map(|(integration, _)| integration).collect()
    }

    fn with_tokens(mut self, now: DateTime<Utc>) -> Vec<(Integration, Option<SealedTokens>)> {
        let kept = |found: &Integration| found.pending_until.is_none_or(|until| now < until);
        let integrations = self.integrations.into_iter().filter(kept);
        let with_parts = integrations.map(|mut integration| {
            integration.sync = self.sync.remove(integration.id.as_str()).unwrap_or_default();
            let tokens = self.tokens.remove(integration.id.as_str());
            (integration, tokens)
        });
        with_parts.collect()
    }
}
