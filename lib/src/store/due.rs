//! What is due: a sparse index over integrations to sync, agenda entries to push, bookings with a deadline and jobs,
//! spread over 16 shards.

use chrono::{DateTime, Utc};

use super::change::Change;
use super::item::{number, seconds, text, unreadable};
use super::key::{self, Key};
use super::{DUE_INDEX, DUE_SHARDS, Item, Store, StoreError};
use crate::domain::{BookingId, EntryKey, HostId, IntegrationId, JobId, Lease, Tenant};

/// Something whose time has come, and the time that the index gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What is to be done.
    pub what: DueWhat,
    /// Since when, as read; leased only if it is still so.
    pub due_at: DateTime<Utc>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueWhat {
    /// An integration is to be pulled, or cleared after its disconnect.
    Integration(Tenant, HostId, IntegrationId),
    /// An agenda entry is to be pushed.
    Entry(EntryKey),
    /// A booking's deadline has passed: it is to be declined or erased.
    Booking(Tenant, BookingId),
    /// A job is to go on.
    Job(Tenant, JobId),
}

/// The shard in which an id lies: two digits.
pub(super) fn shard(id: &str) -> String {
    let sum = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    format!("{:02}", sum % DUE_SHARDS)
}

impl Store {
    /// What is due at `now` in one shard, the longest waiting first, at most `limit`.
    pub async fn due(&self, shard: u8, now: DateTime<Utc>, limit: i32) -> Result<Vec<Due>, StoreError> {
        let call = || {
            self.db
                .query()
                .table_name(&self.table)
                .index_name(DUE_INDEX)
                .key_condition_expression("due_shard = :shard AND due_at <= :now")
                .expression_attribute_values(":shard", text(format!("{shard:02}")))
                .expression_attribute_values(":now", seconds(now))
                .limit(limit)
                .send()
        };
        let items = self.tried(call).await?.items.unwrap_or_default();
        // One bad row must not keep all the others from being found.
        let readable = items.iter().map(read).filter_map(|due| {
            due.inspect_err(|error| tracing::error!(%error, "a row of the due index")).ok()
        });
        Ok(readable.collect())
    }

    /// Leases something due to one worker: it comes due again when the lease ends, unless the worker has said
    /// otherwise by then. `false` when somebody else was faster or it is no longer due.
    ///
    /// Entries, bookings and jobs are only postponed: the worker takes a lease of its own. That decides
    /// nothing, so an entry's `rev` stays.
    pub async fn lease_due(&self, due: &Due, lease: &Lease) -> Result<bool, StoreError> {
        let postpone = |key: Key| Change::update(key, "SET due_at = :until").when("due_at = :due");
        let change = match &due.what {
            DueWhat::Integration(tenant, host, id) => Change::update(
                Key::sync_state(tenant, host, id),
                "SET due_at = :until, lease_id = :id, lease_until = :until",
            )
            .when(
                "(due_at = :due AND (attribute_not_exists(lease_until) OR lease_until <= :now)) OR lease_id = :id",
            )
            .value(":id", text(&lease.id))
            .value(":now", seconds(self.clock.now())),
            DueWhat::Entry(key) => postpone(Key::entry(key)),
            DueWhat::Booking(tenant, id) => postpone(Key::booking(tenant, id)),
            DueWhat::Job(tenant, id) => postpone(Key::job(tenant, id)),
        };
        let change =
            change.value(":due", number(due.due_at.timestamp())).value(":until", seconds(lease.until));
        match self.commit(&[change]).await {
            Ok(()) => Ok(true),
            // What is only postponed has no lease to be known by. If it is due when this lease would make it due, either
            // our own answer was lost or another worker took it within this very second: then it is done twice, which
            // is once.
            Err(StoreError::Conflict(found)) => Ok(!matches!(due.what, DueWhat::Integration(..))
                && found.first().and_then(Option::as_ref).and_then(due_of) == Some(lease.until.timestamp())),
            Err(error) => Err(error),
        }
    }
}

fn due_of(item: &Item) -> Option<i64> {
    item.get("due_at")?.as_n().ok()?.parse().ok()
}

fn read(item: &Item) -> Result<Due, StoreError> {
    let string = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    let due_at = due_of(item).and_then(|at| DateTime::from_timestamp(at, 0));
    let what = string("pk").zip(string("sk")).and_then(|(pk, sk)| parse(pk, sk));
    match (what, due_at) {
        (Some(what), Some(due_at)) => Ok(Due { what, due_at }),
        _ => Err(unreadable("due", string("pk").map_or("no key", String::as_str))),
    }
}

/// What a row of the due index stands for.
fn parse(pk: &str, sk: &str) -> Option<DueWhat> {
    let rest = pk.strip_prefix("T#")?;
    if let Some(id) = sk.strip_prefix(key::JOB_PREFIX) {
        return Some(DueWhat::Job(rest.parse().ok()?, id.parse().ok()?));
    }
    if let Some((tenant, id)) = rest.split_once("#B#") {
        return Some(DueWhat::Booking(tenant.parse().ok()?, id.parse().ok()?));
    }
    let (tenant, host) = rest.split_once("#H#")?;
    let (tenant, host) = (tenant.parse().ok()?, host.parse().ok()?);
    if let Some(id) = sk.strip_prefix(key::SYNC_STATE_PREFIX) {
        return Some(DueWhat::Integration(tenant, host, id.parse().ok()?));
    }
    let (start, booking) = sk.strip_prefix(key::AGENDA_PREFIX)?.split_once('#')?;
    let start = key::parse_sortable(start)?;
    Some(DueWhat::Entry(EntryKey { tenant, host, start, booking: booking.parse().ok()? }))
}
