//! The event bus: what happened, for whoever wants to know.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use std::time::{Duration, Instant};

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use crate::aws::{Lazy, silence};
use crate::events::Event;

/// The source of every event of ours.
pub const SOURCE: &str = "holdfast";
/// Something is due: the detail is a [`crate::flows::QueueMessage`].
pub const SYNC_DUE: &str = "sync.due";

const AT_ONCE: usize = 10;
const TRIES: u32 = 4;
/// After this nothing more is given to the bus: the caller has to say what it could not do while it can.
const WITHIN: Duration = Duration::from_secs(15);

/// Not every event was taken, for as long as it was tried.
#[derive(Debug, thiserror::Error)]
#[error("{left} events were not taken by the bus")]
pub struct BusError {
    left: usize,
}

/// The bus by its name.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Lazy<Client>,
    name: String,
}

impl Bus {
    /// The bus `name` behind this client.
    pub fn new(client: Lazy<Client>, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// Publishes all of these. The bus may take some of a call and refuse others: those are given again.
    pub async fn publish(&self, events: &[Event]) -> Result<(), BusError> {
        let began = Instant::now();
        let mut left: Vec<&Event> = events.iter().collect();
        for attempt in 0..TRIES {
            if left.is_empty() {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(50 << attempt).mul_f64(fastrand::f64())).await;
            }
            let mut refused = Vec::new();
            for chunk in left.chunks(AT_ONCE) {
                // Asked at every call: against a bus that hangs, each of many takes its own time-out.
                let is_late = began.elapsed() > WITHIN;
                refused.extend(if is_late { chunk.to_vec() } else { self.put(chunk).await });
            }
            left = refused;
        }
        if left.is_empty() { Ok(()) } else { Err(BusError { left: left.len() }) }
    }

    /// One call; gives back what was not taken.
    async fn put<'a>(&self, events: &[&'a Event]) -> Vec<&'a Event> {
        let entries = events.iter().map(|event| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(&event.detail_type)
                .detail(&event.detail)
                .build()
        });
        let answer = match self.client.put_events().set_entries(Some(entries.collect())).send().await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(why = silence(&error), code = error.code(), "the bus took nothing");
                return events.to_vec();
            }
        };
        let outcomes = answer.entries.unwrap_or_default();
        if let Some(code) = outcomes.iter().find_map(|entry| entry.error_code.as_deref()) {
            tracing::warn!(code, "the bus did not take everything");
        }
        // An answer that is too short says nothing about the rest.
        let taken = |at: usize| outcomes.get(at).is_some_and(|entry| entry.error_code.is_none());
        events.iter().enumerate().filter(|(at, _)| !taken(*at)).map(|(_, event)| *event).collect()
    }
}
