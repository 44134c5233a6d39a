//! Wrapped data keys: what KMS gave, which only KMS can open. One per owner and number; the newest seals.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::change::Change;
use super::item::unreadable;
use super::key::Key;
use super::{Item, Store, StoreError};
use crate::domain::KeyOwner;

const WRAPPED: &str = "wrapped";

impl Store {
    /// The wrapped key with this number; `None` when there is none yet.
    pub async fn data_key(&self, owner: &KeyOwner, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(mut item) = self.get(Key::data_key(owner, number)).await? else { return Ok(None) };
        match item.remove(WRAPPED) {
            Some(AttributeValue::B(blob)) => Ok(Some(blob.into_inner())),
            _ => Err(unreadable("data key", "its bytes")),
        }
    }

    /// Stores a wrapped key under a number that is not taken; [`StoreError::Conflict`] when it is.
    pub async fn add_data_key(
        &self,
        owner: &KeyOwner,
        number: u32,
        wrapped: &[u8],
    ) -> Result<(), StoreError> {
        let item = Item::from([(WRAPPED.to_owned(), AttributeValue::B(Blob::new(wrapped)))]);
        let put = Change::put(Key::data_key(owner, number), item).when("attribute_not_exists(pk)");
        self.commit(&[put]).await
    }
}
