//! Turns changes of the table into events on the bus.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use holdfast::App;
use holdfast::flows::{Change, relay};
use holdfast::lambda::Error;
use holdfast::store::Image;

/// Relays a batch of stream records in their order; from the first that fails on, all are delivered again.
pub async fn run(app: App, batch: Event) -> Result<DynamoDbEventResponse, Error> {
    let mut answer = DynamoDbEventResponse::default();
    for record in batch.records {
        if let Err(error) = relay(&app, &[change(&record)]).await {
            tracing::warn!(%error, "records to be delivered again");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = record.change.sequence_number;
            answer.batch_item_failures.push(failure);
            break;
        }
    }
    Ok(answer)
}

fn change(record: &EventRecord) -> Change {
    // A record without its time is read as one of 1970.
    let at = Some(record.change.approximate_creation_date_time).filter(|at| at.timestamp() > 0);
    let [before, after] =
        [&record.change.old_image, &record.change.new_image].map(|side| image(record, side));
    Change { at, before, after }
}

fn image(record: &EventRecord, item: &serde_dynamo::Item) -> Option<Image> {
    if item.is_empty() {
        return None;
    }
    let image = Image::read(item.clone().into());
    if let Err(error) = &image {
        tracing::error!(event = record.event_id, %error, "an item on the stream cannot be read");
    }
    image.ok().flatten()
}
