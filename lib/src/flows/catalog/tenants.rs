//! The tenant's settings: made by the first PUT, replaced by every other.

use super::{CatalogError, Expected, TRIES};
use crate::app::App;
use crate::domain::{Tenant, TenantSettings};
use crate::store::StoreError;

/// Settings as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The tenant is new.
    Created(TenantSettings),
    /// It was there.
    Replaced(TenantSettings),
}

/// The tenant's settings.
pub async fn find_tenant(app: &App, tenant: &Tenant) -> Result<TenantSettings, CatalogError> {
    app.store.tenant(tenant).await?.ok_or(CatalogError::UnknownTenant)
}

/// Creates the tenant, or replaces its settings by these; their revision is given here.
pub async fn store_tenant(
    app: &App,
    tenant: &Tenant,
    expected: &Expected,
    settings: &TenantSettings,
) -> Result<Stored, CatalogError> {
    for _ in 0..TRIES {
        let before = app.store.tenant(tenant).await?;
        let revision = before.as_ref().map(|before| before.revision);
        expected.check(revision)?;
        let mut after = TenantSettings { revision: revision.unwrap_or_default(), ..settings.clone() };
        let is_new = before.is_none();
        let done = match before {
            Some(before) if before == after => return Ok(Stored::Replaced(before)),
            Some(before) => {
                after.revision += 1;
                app.store.change_tenant(tenant, &before, &after).await
            }
            None => {
                after.revision = 1;
                app.store.add_tenant(tenant, &after).await
            }
        };
        match done {
            Ok(()) if is_new => return Ok(Stored::Created(after)),
            Ok(()) => return Ok(Stored::Replaced(after)),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}
