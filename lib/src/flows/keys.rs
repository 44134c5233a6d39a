//! The data keys of tenants, and the deployment's own: made with the first secret, remembered by the vault, stored wrapped.

use crate::app::App;
use crate::domain::{KeyOwner, Tenant};
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
    current_key(app, &KeyOwner::Tenant(tenant.clone())).await
}

/// The key for what is kept over all tenants.
pub(in crate::flows) async fn deployment_key(app: &App) -> Result<DataKey, KeyError> {
    current_key(app, &KeyOwner::Deployment).await
}

async fn current_key(app: &App, owner: &KeyOwner) -> Result<DataKey, KeyError> {
    if let Some(key) = stored_key(app, owner, FIRST).await? {
        return Ok(key);
    }
    let (key, wrapped) = app.vault.generate(owner, FIRST).await?;
    match app.store.add_data_key(owner, FIRST, &wrapped).await {
        Ok(()) => {
            app.vault.remember(&key);
            Ok(key)
        }
        // Two first secrets at once, or a lost answer: the stored key is the one that counts.
        Err(StoreError::Conflict(_)) => Ok(stored_key(app, owner, FIRST).await?.ok_or(VaultError::Broken)?),
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
    let owner = KeyOwner::Tenant(tenant.clone());
    Ok(stored_key(app, &owner, number).await?.ok_or(VaultError::Broken)?)
}

async fn stored_key(app: &App, owner: &KeyOwner, number: u32) -> Result<Option<DataKey>, KeyError> {
    if let Some(key) = app.vault.remembered(owner, number) {
        return Ok(Some(key));
    }
    match app.store.data_key(owner, number).await? {
        Some(wrapped) => Ok(Some(app.vault.unwrap(owner, number, &wrapped).await?)),
        None => Ok(None),
    }
}
