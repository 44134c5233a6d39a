//! Once a minute: finds what is due and hands it to `sync` over the bus.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use holdfast::App;
use holdfast::flows::dispatch;
use holdfast::lambda::Error;

/// One tick of the schedule. An error leaves what was not handed out due.
pub async fn run(app: App, _tick: EventBridgeEvent) -> Result<(), Error> {
    let dispatched = dispatch(&app).await?;
    tracing::info!(handed_out = dispatched.handed_out, "dispatched");
    Ok(())
}
