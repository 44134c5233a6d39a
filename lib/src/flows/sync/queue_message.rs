//! A piece of work for `sync`, as it travels over the bus.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::domain::{BookingId, HostId, IntegrationId, Tenant};
use crate::flows::sync::pull::{PullError, pull_under};
use crate::flows::sync::push::push;
use crate::store::{Lease, StoreError};

/// What is to be brought into step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Work {
    /// Pull this integration.
    Integration {
        /// Whose.
        tenant: Tenant,
        /// Of which host.
        host: HostId,
        /// Which.
        integration: IntegrationId,
        /// The lease under which it was claimed.
        lease: String,
        /// When that lease ends.
        #[serde(with = "chrono::serde::ts_seconds")]
        lease_until: DateTime<Utc>,
    },
    /// Push this booking.
    Booking {
        /// Whose.
        tenant: Tenant,
        /// Which.
        booking: BookingId,
    },
}

/// Does a piece of work. An error means that it is to be delivered again.
pub async fn perform(app: &App, work: &Work) -> Result<(), PullError> {
    match work {
        Work::Integration { tenant, host, integration, lease, lease_until } => {
            let lease = Lease { id: lease.clone(), until: *lease_until };
            // Without the lease it was delivered late or twice: it has been done, or comes due again.
            if let Some(found) = app.store.integration_under(tenant, host, integration, &lease).await? {
                let pulled = pull_under(app, found, &lease).await?;
                tracing::debug!(%integration, ?pulled, "pulled");
            }
        }
        Work::Booking { tenant, booking } => {
            let sync =
                push(app, tenant, booking).await.map_err(|error: StoreError| PullError::from(error))?;
            tracing::debug!(%booking, sync = sync.as_str(), "pushed");
        }
    }
    Ok(())
}
