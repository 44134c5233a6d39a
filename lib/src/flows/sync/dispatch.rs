//! Dispatch: once a minute, find what is due, claim it, and hand each piece to `sync` over the bus.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures::future::try_join_all;

use crate::app::App;
use crate::bus::{BusError, Event, SYNC_DUE};
use crate::flows::sync::queue_message::Work;
use crate::store::{DUE_SHARDS, Due, DueWhat, Lease, StoreError};

/// As many as one run takes from each shard; what is left is still due in a minute.
const A_SHARD: i32 = 50;
/// A pull that was dispatched and not heard of is dispatched again after this: time enough for the queue, for
/// the batch that it comes in, and for itself.
const PULL_AGAIN: TimeDelta = TimeDelta::minutes(5);
/// After this what is claimed is handed out, before the run's own time is over.
const CLAIMING: Duration = Duration::from_secs(20);
/// A push that was dispatched and not heard of is dispatched again after this.
const PUSH_AGAIN: TimeDelta = TimeDelta::minutes(2);

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dispatched {
    /// Pieces of work handed out.
    pub handed_out: usize,
}

/// Why a run ended early; what it had claimed comes due again when its leases end.
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
    let shards = try_join_all((0..DUE_SHARDS).map(|shard| app.store.due(shard, now, A_SHARD))).await?;
    let mut events = Vec::new();
    for due in shards.into_iter().flatten() {
        if began.elapsed() > CLAIMING {
            tracing::warn!("claiming takes too long: the rest is left for the next run");
            break;
        }
        match claim(app, &due).await {
            Ok(Some(work)) => {
                let detail = serde_json::to_string(&work).unwrap_or_default();
                events.push(Event { detail_type: SYNC_DUE.to_owned(), detail });
            }
            Ok(None) => {}
            // Busy for one is busy for all: what is claimed is handed out before time runs out, the rest is due.
            Err(StoreError::Busy) => {
                tracing::warn!(what = ?due.what, "the table is busy: the rest is left for the next run");
                break;
            }
            // What was claimed before is still to be handed out.
            Err(error) => tracing::warn!(what = ?due.what, %error, "not claimed, still due"),
        }
    }
    app.bus.publish(&events).await?;
    Ok(Dispatched { handed_out: events.len() })
}

async fn claim(app: &App, due: &Due) -> Result<Option<Work>, StoreError> {
    let now = app.clock.now();
    let (lease, work) = match &due.what {
        DueWhat::Integration(tenant, host, integration) => {
            let lease = Lease::new(now, PULL_AGAIN);
            let work = Work::Integration {
                tenant: tenant.clone(),
                host: host.clone(),
                integration: integration.clone(),
                lease: lease.id.clone(),
                lease_until: lease.until,
            };
            (lease, work)
        }
        DueWhat::Booking(tenant, booking) => {
            let work = Work::Booking { tenant: tenant.clone(), booking: booking.clone() };
            (Lease::new(now, PUSH_AGAIN), work)
        }
    };
    Ok(app.store.claim_due(due, &lease).await?.then_some(work))
}
