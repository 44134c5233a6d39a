//! Dispatch: once a minute, find what is due, lease it, and hand each piece to `sync` over the bus.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures::future::try_join_all;

use crate::app::App;
use crate::bus::{BusError, SYNC_DUE};
use crate::events::Event;
use crate::flows::sync::queue_message::QueueMessage;
use crate::store::{DUE_SHARDS, Due, DueWhat, StoreError, new_lease};

/// As many as one run takes from each shard; what is left is still due in a minute.
const MAX_PER_SHARD: i32 = 50;
/// A pull that was dispatched and not heard of is dispatched again after this: time enough for the queue, for
/// the batch that it comes in, and for itself.
const PULL_RETRY_AFTER: TimeDelta = TimeDelta::minutes(5);
/// After this what is leased is handed out, before the run's own time is over.
const LEASING_TIMEOUT: Duration = Duration::from_secs(20);
/// Anything else that was dispatched and not heard of is dispatched again after this.
const RETRY_AFTER: TimeDelta = TimeDelta::minutes(2);

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dispatched {
    /// Pieces of work handed out.
    pub handed_out: usize,
}

/// Why a run ended early; what it had leased comes due again when its leases end.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus did not take everything.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Hands out what is due.
pub async fn dispatch(app: &App) -> Result<Dispatched, DispatchError> {
    let (began, now) = (Instant::now(), app.clock.now());
    let shards = try_join_all((0..DUE_SHARDS).map(|shard| app.store.due(shard, now, MAX_PER_SHARD))).await?;
    let mut events = Vec::new();
    for due in shards.into_iter().flatten() {
        if began.elapsed() > LEASING_TIMEOUT {
            tracing::warn!("leasing takes too long: the rest is left for the next run");
            break;
        }
        match lease(app, &due).await {
            Ok(Some(message)) => {
                let detail = serde_json::to_string(&message).unwrap_or_default();
                events.push(Event { detail_type: SYNC_DUE.to_owned(), detail });
            }
            Ok(None) => {}
            // If throttled, stop leasing: what is leased is handed out before time runs out, the rest is due.
            Err(StoreError::Busy) => {
                tracing::warn!(what = ?due.what, "the table is busy: the rest is left for the next run");
                break;
            }
            // What was leased before is still to be handed out.
            Err(error) => tracing::warn!(what = ?due.what, %error, "not leased, still due"),
        }
    }
    app.bus.publish(&events).await?;
    Ok(Dispatched { handed_out: events.len() })
}

async fn lease(app: &App, due: &Due) -> Result<Option<QueueMessage>, StoreError> {
    let now = app.clock.now();
    let retry_after = match &due.what {
        DueWhat::Integration(..) => PULL_RETRY_AFTER,
        DueWhat::Entry(_) | DueWhat::Booking(..) | DueWhat::Job(..) => RETRY_AFTER,
    };
    let lease = new_lease(now, retry_after);
    let message = match due.what.clone() {
        DueWhat::Integration(tenant, host, integration) => QueueMessage::Integration {
            tenant,
            host,
            integration,
            lease: lease.id.clone(),
            lease_until: lease.until,
        },
        DueWhat::Entry(key) => QueueMessage::Entry {
            tenant: key.tenant,
            host: key.host,
            booking: key.booking,
            start: key.start,
            due_again_at: lease.until,
        },
        DueWhat::Booking(tenant, booking) => QueueMessage::Booking { tenant, booking },
        DueWhat::Job(tenant, job) => QueueMessage::Job { tenant, job },
    };
    Ok(app.store.lease_due(due, &lease).await?.then_some(message))
}
