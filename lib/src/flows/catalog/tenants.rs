//! The tenant's settings: made by the first PUT, replaced by every other.

use super::{CatalogError, Expected};
use crate::app::App;
use crate::domain::{Tenant, TenantSettings};
use crate::flows::change::{change, unless_lost};

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
    change(|| async {
        let before = app.store.tenant(tenant).await?;
        let revision = before.as_ref().map(|before| before.revision);
        expected.check(revision)?;
        let mut after = TenantSettings { revision: revision.unwrap_or_default(), ..settings.clone() };
        let (stored, written): (fn(TenantSettings) -> Stored, _) = match before {
            Some(before) if before == after => return Ok(Some(Stored::Replaced(before))),
            Some(before) => {
                after.revision += 1;
                (Stored::Replaced, app.store.change_tenant(tenant, &before, &after).await)
            }
            None => {
                after.revision = 1;
                (Stored::Created, app.store.add_tenant(tenant, &after).await)
            }
        };
        Ok(unless_lost(written)?.map(|()| stored(after)))
    })
    .await
}
