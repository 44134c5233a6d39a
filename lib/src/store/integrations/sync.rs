//! An integration's sync state: who reads its calendars, and what was read.

use chrono::{DateTime, Utc};

use super::settings::{check_disconnected, settings_part};
use crate::domain::{Day, DayBits, Integration, IntegrationStatus, Lease, SyncState};
use crate::store::change::Change;
use crate::store::due::shard;
use crate::store::item::{diff, number, read, read_integration, seconds, text, write};
use crate::store::key::Key;
use crate::store::{Item, Store, StoreError, day};

/// Days in one transaction beside settings and sync state: AWS allows 100 actions.
pub(super) const DAYS_AT_ONCE: usize = 98;
/// How often a pull's commit gives way to refreshes and requests for a sync.
const SETTLING: u32 = 4;

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
    /// Takes the integration's lease for a pull. [`StoreError::Conflict`] when another pull has it.
    pub async fn lease_integration(
        &self,
        integration: &Integration,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        self.take_lease(key_of(integration), lease).await.map(|_| ())
    }

    /// Makes a sync due now. Nothing happens to an integration that is not read, or only tried now and then.
    pub async fn make_integration_due(&self, integration: &Integration) -> Result<(), StoreError> {
        match integration.status {
            IntegrationStatus::Connected | IntegrationStatus::Error => {}
            IntegrationStatus::Disconnected | IntegrationStatus::Pending | IntegrationStatus::NeedsReauth => {
                return Ok(());
            }
        }
        let change = Change::update(key_of(integration), "SET due_at = :now, due_shard = :shard")
            .when("attribute_exists(pk)")
            .value(":now", seconds(self.clock.now()))
            .value(":shard", text(shard(integration.id.as_str())));
        unless_lost(self.commit(&[change]).await)
    }

    /// Writes what a pull has found, days and sync state in one transaction with what it means for the status, if nothing
    /// has changed since it began. More days than one transaction takes go before in chunks, each under the same check.
    /// A sync asked for meanwhile (`due_at` moved) is kept. The lease ends with it.
    pub async fn commit_pull(
        &self,
        outcome: PullOutcome<'_>,
        lease: &Lease,
    ) -> Result<Integration, StoreError> {
        let PullOutcome { before, after, days } = outcome;
        let put = |(day, bits): &(Day, DayBits)| {
            day::put_busy(&before.tenant, &before.host, &before.id, *day, bits)
        };
        let chunks = days.chunks(DAYS_AT_ONCE).collect::<Vec<_>>();
        let (last, first) = chunks.split_last().map_or((&[][..], &[][..]), |(last, first)| (*last, first));
        for chunk in first {
            let mut changes: Vec<_> = chunk.iter().map(put).collect();
            changes.push(guarded(Change::check(key_of(before)), before, lease));
            self.commit(&changes).await?;
        }
        let days: Vec<_> = last.iter().map(put).collect();
        let committed = self.commit_outcome(before, after, &days, lease).await;
        self.forget_host(&before.tenant, &before.host);
        committed
    }

    async fn commit_outcome(
        &self,
        before: &Integration,
        mut after: Integration,
        days: &[Change],
        lease: &Lease,
    ) -> Result<Integration, StoreError> {
        after.sync.version = before.sync.version + 1;
        (after.sync.lease_id, after.sync.lease_until) = (None, None);
        // What may change without the version: a sync that is asked for, and what a refresh says of the status.
        let mut now = before.clone();
        for _ in 0..SETTLING {
            let settings = settings_part(&now, &mut after)?;
            let has_settings = settings.is_some();
            let sync = guarded(diff(key_of(&now), &stored_sync(&now)?, &stored_sync(&after)?), &now, lease);
            let changes: Vec<_> =
                days.iter().cloned().chain(settings).chain([due_as_read(sync, &now)]).collect();
            let mut found = match self.commit(&changes).await {
                Err(StoreError::Conflict(found)) => found.into_iter(),
                done => return done.map(|()| after),
            };
            // An item is given for each condition that did not hold: the sync state's is the last.
            let sync =
                found.next_back().flatten().map(|item| read::<SyncState>("sync state", item)).transpose()?;
            let settings = found.next_back().flatten().filter(|_| has_settings);
            if sync.is_none() && settings.is_none() {
                // Removed meanwhile.
                return Err(StoreError::Conflict(Vec::new()));
            }
            if let Some(sync) = sync {
                if stored_state(&after, &sync)? == stored_sync(&after)? {
                    return Ok(after);
                }
                if sync.version != before.sync.version || sync.lease_id.as_ref() != Some(&lease.id) {
                    return Err(StoreError::Conflict(Vec::new()));
                }
                if sync.due_at.is_some() && sync.due_at != now.sync.due_at {
                    after.sync.due_at = sync.due_at;
                }
                if sync.last_error != now.sync.last_error {
                    after.sync.last_error.clone_from(&sync.last_error);
                }
                now.sync = sync;
            }
            if let Some(item) = settings {
                let settings = read_integration(item)?;
                (after.status, after.revision) = (settings.status, settings.revision);
                now = Integration { sync: now.sync, ..settings };
            }
        }
        Err(StoreError::Busy)
    }

    /// Ends a pull's lease and leaves everything else as it is.
    pub async fn drop_lease(&self, integration: &Integration, lease: &Lease) -> Result<(), StoreError> {
        let change = Change::update(key_of(integration), "REMOVE lease_id, lease_until")
            .when("lease_id = :lease")
            .value(":lease", text(&lease.id));
        unless_lost(self.commit(&[change]).await)
    }

    /// Comes back to a disconnected integration that cannot be cleared yet. The lease ends with it.
    pub async fn postpone_clearing(
        &self,
        integration: &Integration,
        due_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let set = "SET due_at = :due, due_shard = :shard REMOVE lease_id, lease_until";
        let change = Change::update(key_of(integration), set)
            .when("#version = :version")
            .name("#version", "version")
            .value(":due", seconds(due_at))
            .value(":shard", text(shard(integration.id.as_str())))
            .value(":version", number(integration.sync.version));
        unless_lost(self.commit(&[check_disconnected(integration), change]).await)
    }
}

/// The change of the sync state under the version that was read; it is raised. The first one creates it.
pub(super) fn sync_change(before: &Integration, after: &mut Integration) -> Result<Change, StoreError> {
    after.sync.version = before.sync.version + 1;
    let change = diff(key_of(before), &stored_sync(before)?, &stored_sync(after)?);
    let change = change.name("#version", "version");
    Ok(if before.sync.version == 0 {
        change.when("attribute_not_exists(#version)")
    } else {
        change.when("#version = :version").value(":version", number(before.sync.version))
    })
}

/// The attributes of the sync state, with its place in the due index.
pub(super) fn stored_sync(integration: &Integration) -> Result<Item, StoreError> {
    stored_state(integration, &integration.sync)
}

fn stored_state(of: &Integration, sync: &SyncState) -> Result<Item, StoreError> {
    let mut item = write("sync state", sync)?;
    if sync.due_at.is_some() {
        item.insert("due_shard".to_owned(), text(shard(of.id.as_str())));
    }
    Ok(item)
}

/// Only under the version that was read and the lease of this pull.
fn guarded(change: Change, read: &Integration, lease: &Lease) -> Change {
    change
        .when("#version = :version AND #lease = :lease")
        .name("#version", "version")
        .name("#lease", "lease_id")
        .value(":version", number(read.sync.version))
        .value(":lease", text(&lease.id))
}

/// Only while it is due when it was read to be.
fn due_as_read(change: Change, read: &Integration) -> Change {
    let change = change.name("#due", "due_at");
    match read.sync.due_at {
        Some(due_at) => change.and("#due = :due").value(":due", seconds(due_at)),
        None => change.and("attribute_not_exists(#due)"),
    }
}

fn key_of(integration: &Integration) -> Key {
    Key::sync_state(&integration.tenant, &integration.host, &integration.id)
}

fn unless_lost(done: Result<(), StoreError>) -> Result<(), StoreError> {
    match done {
        Err(StoreError::Conflict(_)) => Ok(()),
        done => done,
    }
}
