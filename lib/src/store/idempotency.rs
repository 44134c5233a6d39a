//! What a request with an Idempotency-Key came to, written in the transaction of the act itself: neither exists
//! without the other. No secret is in it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::item::{read, seconds, write};
use super::key::Key;
use super::{Item, Store, StoreError};
use crate::domain::Tenant;

/// The record of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// A hash of the act's name and the caller's key.
    pub id: String,
    /// A hash of everything else that the caller sent.
    pub fingerprint: String,
    /// What it takes to give the answer again, as the act understands it.
    pub result: String,
    /// Until when it is kept.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub until: DateTime<Utc>,
}

impl Store {
    /// The record of a request, strongly consistent.
    pub async fn idempotency_record(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.get(Key::idempotency(tenant, id)).await?.map(from_item).transpose()
    }
}

/// Writes the record, if there is none, or one that has ended: the table takes its time to remove it.
pub(super) fn put(
    tenant: &Tenant,
    record: &IdempotencyRecord,
    now: DateTime<Utc>,
) -> Result<Change, StoreError> {
    let mut item = write("idempotency record", record)?;
    item.insert("ttl".to_owned(), seconds(record.until));
    Ok(Change::put(Key::idempotency(tenant, &record.id), item)
        .when("attribute_not_exists(pk) OR #until <= :now")
        .name("#until", "until")
        .value(":now", seconds(now)))
}

fn from_item(item: Item) -> Result<IdempotencyRecord, StoreError> {
    read("idempotency record", item)
}
