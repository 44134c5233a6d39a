//! What a message of the queue asks for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::pull::{PullError, pull_under, under_lease};
use super::push::push_handed_out;
use crate::app::App;
use crate::domain::{BookingId, EntryKey, HostId, IntegrationId, JobId, Lease, Tenant, Tick};
use crate::flows::bookings::error::BookingError;
use crate::flows::bookings::transition::expire_and_erase;
use crate::flows::integrations::disconnect::clear;
use crate::flows::jobs::run::run_job;
use crate::store::StoreError;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QueueMessage {
    /// Pull this integration.
    Integration {
        /// Whose.
        tenant: Tenant,
        /// Of which host.
        host: HostId,
        /// Which.
        integration: IntegrationId,
        /// The lease under which it was handed out.
        lease: String,
        /// When that lease ends.
        #[serde(with = "chrono::serde::ts_seconds")]
        lease_until: DateTime<Utc>,
    },
    /// Push this agenda entry.
    Entry {
        /// Whose.
        tenant: Tenant,
        /// In whose agenda.
        host: HostId,
        /// Which booking.
        booking: BookingId,
        /// The booking's start when it was handed out.
        start: Tick,
        /// When it comes due again because it was handed out.
        #[serde(with = "chrono::serde::ts_seconds")]
        due_again_at: DateTime<Utc>,
    },
    /// Look after this booking's deadlines.
    Booking {
        /// Whose.
        tenant: Tenant,
        /// Which.
        booking: BookingId,
    },
    /// Go on with this job.
    Job {
        /// Whose.
        tenant: Tenant,
        /// Which.
        job: JobId,
    },
}

/// Why a message is to be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// An account or the table.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A booking or a job could not be gone on with.
    #[error(transparent)]
    Booking(#[from] BookingError),
}

/// Does what a message asks for. An error means that it is to be delivered again.
pub async fn handle_message(app: &App, message: &QueueMessage) -> Result<(), MessageError> {
    match message {
        QueueMessage::Integration { tenant, host, integration, lease, lease_until } => {
            let lease = Lease { id: lease.clone(), until: *lease_until };
            // Without the lease it was delivered late or twice: it has been done, or comes due again.
            match under_lease(app, tenant, host, integration, &lease).await? {
                Some((found, _)) if found.is_clearing() => clear(app, &found).await?,
                Some((found, tokens)) => {
                    let pulled = pull_under(app, found, tokens, &lease).await?;
                    tracing::debug!(%integration, ?pulled, "pulled");
                }
                None => {}
            }
        }
        QueueMessage::Entry { tenant, host, booking, start, due_again_at } => {
            let (tenant, host, booking) = (tenant.clone(), host.clone(), booking.clone());
            push_handed_out(app, &EntryKey { tenant, host, start: *start, booking }, *due_again_at).await?;
        }
        QueueMessage::Booking { tenant, booking } => expire_and_erase(app, tenant, booking).await?,
        QueueMessage::Job { tenant, job } => run_job(app, tenant, job).await?,
    }
    Ok(())
}
