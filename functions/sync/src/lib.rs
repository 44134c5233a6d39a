//! Brings calendars and bookings into step: pulls integrations and pushes agenda entries that are due,
//! looks after deadlines of bookings, goes on with jobs.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::join_all;
use holdfast::App;
use holdfast::flows::{QueueMessage, handle_message};
use holdfast::lambda::Error;

/// Works through a batch of bus events side by side: they wait for providers, not for each other. What failed is
/// named, so that only that is delivered again.
pub async fn run(app: App, batch: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let mut answer = SqsBatchResponse::default();
    let outcomes = join_all(batch.records.iter().map(|message| Box::pin(handle(&app, message)))).await;
    let failed = batch.records.iter().zip(outcomes).filter(|(_, is_done)| !is_done);
    answer.batch_item_failures = failed.map(|(message, _)| failure(message)).collect();
    Ok(answer)
}

async fn handle(app: &App, message: &SqsMessage) -> bool {
    let Some(read) = message.body.as_deref().and_then(read) else {
        // Delivering it again would not make it readable.
        tracing::error!("a message cannot be read");
        return true;
    };
    let done = handle_message(app, &read).await;
    if let Err(error) = &done {
        tracing::warn!(%error, "message to be delivered again");
    }
    done.is_ok()
}

fn failure(message: &SqsMessage) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = message.message_id.clone().unwrap_or_default();
    failure
}

fn read(body: &str) -> Option<QueueMessage> {
    let event: EventBridgeEvent = serde_json::from_str(body).ok()?;
    serde_json::from_value(event.detail).ok()
}
