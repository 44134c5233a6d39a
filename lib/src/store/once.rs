//! What a request with an Idempotency-Key came to, written in the transaction of the act itself: an act without its
//! record, or a record without its act, does not exist. No secret is in it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::item::{read, seconds, write};
use super::key::Key;
use super::{Item, Store, StoreError};
use crate::domain::Tenant;

/// The record of one act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    /// A hash of the act's name and the caller's key.
    pub id: String,
    /// A hash of everything else that the caller said.
    pub fingerprint: String,
    /// What it takes to give the answer again, as the act understands it.
    pub result: String,
    /// Until when it is kept.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub until: DateTime<Utc>,
}

impl Store {
    /// The record of an act, strongly consistent.
    pub async fn once(&self, tenant: &Tenant, id: &str) -> Result<Option<Once>, StoreError> {
        self.get(Key::once(tenant, id)).await?.map(from_item).transpose()
    }
}

/// Writes the record, if the act has none, or one that has ended: the table takes its time to remove it.
pub(super) fn put(tenant: &Tenant, once: &Once, now: DateTime<Utc>) -> Result<Change, StoreError> {
    let mut item = write("record of an act", once)?;
    item.insert("ttl".to_owned(), seconds(once.until));
    Ok(Change::put(Key::once(tenant, &once.id), item)
        .when("attribute_not_exists(pk) OR #until <= :now")
        .name("#until", "until")
        .value(":now", seconds(now)))
}

fn from_item(item: Item) -> Result<Once, StoreError> {
    read("record of an act", item)
}
