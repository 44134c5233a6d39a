//! The data keys of a tenant: made with the first secret, remembered by the vault, stored wrapped.

use crate::app::App;
use crate::domain::Tenant;
use crate::store::StoreError;
use crate::vault::{DataKey, VaultError, key_number};

/// The number of a tenant's first data key. Rotation will add higher ones.
const FIRST: u32 = 1;

/// A key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// KMS could not.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The key that seals what this tenant stores now.
pub(in crate::flows) async fn sealing_key(app: &App, tenant: &Tenant) -> Result<DataKey, KeyError> {
    if let Some(key) = stored_key(app, tenant, FIRST).await? {
        return Ok(key);
    }
    let (key, wrapped) = app.vault.generate(tenant, FIRST).await?;
    match app.store.add_data_key(tenant, FIRST, &wrapped).await {
        Ok(()) => {
            app.vault.remember(&key);
            Ok(key)
        }
        // Two first secrets at once, or a lost answer: the stored key is the one that counts.
        Err(StoreError::Conflict(_)) => {
            Ok(stored_key(app, tenant, FIRST).await?.ok_or(VaultError::Broken)?)
        }
        Err(error) => Err(error.into()),
    }
}

/// The key that opens this sealed value.
pub(in crate::flows) async fn opening_key(
    app: &App,
    tenant: &Tenant,
    sealed: &[u8],
) -> Result<DataKey, KeyError> {
    numbered_key(app, tenant, key_number(sealed)?).await
}

/// The key of this number; it must exist.
pub(in crate::flows) async fn numbered_key(
    app: &App,
    tenant: &Tenant,
    number: u32,
) -> Result<DataKey, KeyError> {
    Ok(stored_key(app, tenant, number).await?.ok_or(VaultError::Broken)?)
}

async fn stored_key(app: &App, tenant: &Tenant, number: u32) -> Result<Option<DataKey>, KeyError> {
    if let Some(key) = app.vault.remembered(tenant, number) {
        return Ok(Some(key));
    }
    match app.store.data_key(tenant, number).await? {
        Some(wrapped) => Ok(Some(app.vault.unwrap(tenant, number, &wrapped).await?)),
        None => Ok(None),
    }
}
