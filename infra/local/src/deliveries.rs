//! What moves between the functions: the schedule, the table's stream, and the queues behind the bus.
//!
//! The one rule: at least once, and never silently lost. What a function says failed is delivered again as often
//! as the template says and then kept as dead, where a test can find it. Nothing waits in between: a laptop
//! has no use for a visibility time-out of six minutes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::SecondsFormat;
use fakes::{ACCOUNT, DynamoDb, EventBridge, REGION};
use holdfast::clock::Clock;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::functions::Function;
use crate::lambdas::Lambdas;
use crate::template::{Every, Queue, Stream, Template};

/// After so many rounds something must be causing itself.
const ROUNDS: usize = 1000;
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
/// A burst of writes is delivered together.
const DEBOUNCE: Duration = Duration::from_millis(30);

/// Moves events from where they arise to the functions that wait for them.
#[derive(Debug)]
pub(crate) struct Deliveries {
    lambdas: Arc<Lambdas>,
    clock: Clock,
    table: String,
    template: &'static Template,
    dynamodb: Arc<DynamoDb>,
    events: Arc<EventBridge>,
    /// Messages that are to be delivered again, by queue, with the number of deliveries so far.
    again: Mutex<HashMap<String, VecDeque<Message>>>,
    dead: Mutex<Vec<Value>>,
    /// One delivery at a time: the stream is read in order.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
    deliveries: u32,
}

impl Deliveries {
    pub(crate) fn new(
        lambdas: Arc<Lambdas>,
        clock: Clock,
        table: String,
        template: &'static Template,
        dynamodb: Arc<DynamoDb>,
        events: Arc<EventBridge>,
    ) -> Self {
        let (again, dead, turn) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        Self { lambdas, clock, table, template, dynamodb, events, again, dead, turn }
    }

    /// One turn of a schedule, and everything that it causes.
    pub(crate) async fn tick(&self, every: Every) {
        for (_, function) in self.template.scheduled.iter().filter(|(schedule, _)| *schedule == every) {
            let event = json!({
                "version": "0",
                "id": "00000000-0000-0000-0000-000000000000",
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": ACCOUNT,
                "time": self.clock.now().to_rfc3339_opts(SecondsFormat::Secs, true),
                "region": REGION,
                "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{}", function.name)],
                "detail": {},
            });
            if let Err(error) = self.lambdas.event(function, event).await {
                tracing::warn!(function = function.name, %error, "a scheduled run failed; the next may do better");
            }
        }
        self.drain().await;
    }

    /// Delivers until nothing moves any more.
    pub(crate) async fn drain(&self) {
        let _turn = self.turn.lock().await;
        for _round in 0..ROUNDS {
            let mut moved = false;
            for stream in &self.template.streams {
                moved |= self.read_stream(stream).await;
            }
            for queue in &self.template.queues {
                moved |= self.empty(queue).await;
            }
            if !moved {
                return;
            }
        }
        tracing::error!(
            "after {ROUNDS} rounds there still is something to deliver: some event causes itself"
        );
    }

    /// What was delivered as often as the template allows and failed each time.
    pub(crate) fn dead(&self) -> Vec<Value> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Drains whenever something was written or published, ticks every minute, and removes what has expired.
    pub(crate) async fn run(&self) {
        let (mut writes, mut events) = (self.dynamodb.changes(), self.events.changes());
        let mut minute = tokio::time::interval(MINUTE);
        minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut day = tokio::time::interval(DAY);
        loop {
            tokio::select! {
                _ = minute.tick() => {
                    if let Err(error) = self.dynamodb.sweep_ttl().await {
                        tracing::warn!(%error, "nothing expired");
                    }
                    self.tick(Every::Minute).await;
                    continue;
                }
                _ = day.tick() => {
                    self.tick(Every::Day).await;
                    continue;
                }
                changed = writes.changed() => changed.ok(),
                changed = events.changed() => changed.ok(),
            };
            tokio::time::sleep(DEBOUNCE).await;
            writes.mark_unchanged();
            events.mark_unchanged();
            self.drain().await;
        }
    }

    /// Whether there were records.
    async fn read_stream(&self, stream: &Stream) -> bool {
        let records = match self.dynamodb.stream_records(&self.table).await {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(%error, "the stream cannot be read");
                return false;
            }
        };
        let wanted = |record: &Value| stream.filters.iter().any(|filter| filter.matches(record));
        let mut records: VecDeque<Value> = records.into_iter().filter(wanted).collect();
        let moved = !records.is_empty();
        let mut retries = 0;
        while !records.is_empty() {
            let batch: Vec<_> = records.iter().take(stream.batch).cloned().collect();
            let answer = self.lambdas.event(stream.function, json!({ "Records": batch })).await;
            let done = match &answer {
                Ok(answer) => match failed(answer).next() {
                    // Everything from the first that failed on is delivered again.
                    Some(id) => batch.iter().position(|record| sequence(record) == Some(id)).unwrap_or(0),
                    None => batch.len(),
                },
                Err(error) => {
                    tracing::warn!(function = stream.function.name, %error, "failed");
                    0
                }
            };
            records.drain(..done);
            retries = if done > 0 { 0 } else { retries + 1 };
            if retries > stream.retries {
                retries = 0;
                self.bury(stream.function, records.pop_front().unwrap_or_default());
            }
        }
        moved
    }

    /// Whether there were messages.
    async fn empty(&self, queue: &Queue) -> bool {
        let fresh = self.events.take(&queue.name).into_iter().map(|event| Message {
            id: event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned(),
            body: event.to_string(),
            deliveries: 0,
        });
        let mut messages = self.again().remove(&queue.name).unwrap_or_default();
        messages.extend(fresh);
        let moved = !messages.is_empty();
        while !messages.is_empty() {
            let mut batch: Vec<_> = messages.drain(..queue.batch.min(messages.len())).collect();
            for message in &mut batch {
                message.deliveries += 1;
            }
            let records: Vec<_> = batch.iter().map(|message| message.record(queue)).collect();
            let answer = self.lambdas.event(queue.function, json!({ "Records": records })).await;
            if let Err(error) = &answer {
                tracing::warn!(function = queue.function.name, %error, "failed");
            }
            let is_done = |message: &Message| match &answer {
                Ok(answer) => !failed(answer).any(|id| id == message.id),
                Err(_) => false,
            };
            for message in batch.into_iter().filter(|message| !is_done(message)) {
                if message.deliveries < queue.deliveries {
                    self.again().entry(queue.name.clone()).or_default().push_back(message);
                } else {
                    self.bury(queue.function, serde_json::from_str(&message.body).unwrap_or_default());
                }
            }
        }
        moved
    }

    fn bury(&self, function: &Function, event: Value) {
        tracing::error!(function = function.name, "an event is given up");
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    fn again(&self) -> std::sync::MutexGuard<'_, HashMap<String, VecDeque<Message>>> {
        self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Message {
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
    fn record(&self, queue: &Queue) -> Value {
        json!({
            "messageId": self.id,
            "receiptHandle": format!("{}-{}", self.id, self.deliveries),
            "body": self.body,
            "attributes": { "ApproximateReceiveCount": self.deliveries.to_string() },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", queue.name),
            "awsRegion": REGION,
        })
    }
}

fn failed(answer: &Value) -> impl Iterator<Item = &str> {
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    failures.into_iter().flatten().filter_map(|failure| failure.get("itemIdentifier")?.as_str())
}

fn sequence(record: &Value) -> Option<&str> {
    record.pointer("/dynamodb/SequenceNumber")?.as_str()
}
