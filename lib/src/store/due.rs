//! What is due: a sparse index over integrations to sync and bookings to push, spread over 16 shards.

use chrono::{DateTime, Utc};

use super::change::Change;
use super::item::{number, seconds, text, unreadable};
use super::key::{self, Key};
use super::{DUE_INDEX, DUE_SHARDS, Item, Lease, Store, StoreError};
use crate::domain::{BookingId, HostId, IntegrationId, Tenant};

/// Something whose time has come, and the time that the index gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What is to be done.
    pub what: DueWhat,
    /// Since when, as read; claimed only if it is still so.
    pub due_at: DateTime<Utc>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueWhat {
    /// An integration is to be pulled, or cleared after its disconnect.
    Integration(Tenant, HostId, IntegrationId),
    /// A booking is to be pushed.
    Booking(Tenant, BookingId),
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

    /// Claims something due for one worker: it comes due again when the lease ends, unless the worker has said
    /// otherwise by then. `false` when somebody else was faster or it is no longer due.
    pub async fn claim_due(&self, due: &Due, lease: &Lease) -> Result<bool, StoreError> {
        let change = match &due.what {
            DueWhat::Integration(tenant, host, id) => Change::update(
                Key::integration(tenant, host, id),
                "SET due_at = :until, lease_id = :id, lease_until = :until",
            )
            .when(
                "(due_at = :due AND (attribute_not_exists(lease_until) OR lease_until <= :now)) OR lease_id = :id",
            )
            .value(":id", text(&lease.id))
            .value(":now", seconds(self.clock.now())),
            // A push takes its own lease when it begins.
            DueWhat::Booking(tenant, id) => {
                Change::update(Key::booking(tenant, id), "SET due_at = :until").when("due_at = :due")
            }
        };
        let change =
            change.value(":due", number(due.due_at.timestamp())).value(":until", seconds(lease.until));
        match self.commit(&[change]).await {
            Ok(()) => Ok(true),
            // A booking has no lease to be known by. Who finds it due when this claim would make it due has lost an
            // answer, or it was claimed by another within this very second: then it is pushed twice, which is once.
            Err(StoreError::Conflict(found)) => Ok(matches!(due.what, DueWhat::Booking(..))
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
    let what = string("pk").zip(string("sk")).and_then(|(pk, sk)| key::parse_due(pk, sk));
    match (what, due_at) {
        (Some(what), Some(due_at)) => Ok(Due { what, due_at }),
        _ => Err(unreadable("due", string("pk").map_or("no key", String::as_str))),
    }
}
