//! Overdue: what has been waiting for so long that dispatching cannot be keeping up with it.
//!
//! Everything due is tried again for as long as it takes, which nobody sees. So once a day its number goes onto
//! the bus, where a rule can make a mail of it.

use chrono::TimeDelta;
use futures::future::try_join_all;

use crate::app::App;
use crate::events::Event;
use crate::flows::sync::dispatch::DispatchError;
use crate::store::DUE_SHARDS;

/// The longest back-off of a pull or a push: what waits longer was not even tried.
const OVERDUE_AFTER: TimeDelta = TimeDelta::hours(1);
/// As many as are counted in each shard.
const MAX_PER_SHARD: i32 = 100;

/// Publishes `service.overdue` when something has been due for more than an hour. Gives the number, counted up to
/// a hundred in each shard.
pub async fn report_overdue(app: &App) -> Result<usize, DispatchError> {
    let then = app.clock.now() - OVERDUE_AFTER;
    let shards = try_join_all((0..DUE_SHARDS).map(|shard| app.store.due(shard, then, MAX_PER_SHARD))).await?;
    let overdue = shards.iter().map(Vec::len).sum();
    if overdue > 0 {
        let oldest = shards.iter().flatten().map(|due| due.due_at).min();
        let detail = serde_json::json!({ "overdue": overdue, "oldest": oldest }).to_string();
        app.bus.publish(&[Event { detail_type: "service.overdue".to_owned(), detail }]).await?;
    }
    Ok(overdue)
}
