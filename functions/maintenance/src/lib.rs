//! Once a day: looks for what the minutes between have left behind.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use holdfast::App;
use holdfast::flows::report_overdue;
use holdfast::lambda::Error;

/// One day of the schedule. An error is for the next day to make up for.
pub async fn run(app: App, _day: EventBridgeEvent) -> Result<(), Error> {
    let overdue = report_overdue(&app).await?;
    tracing::info!(overdue, "looked after");
    Ok(())
}
