//! Relay: what changed in the table becomes what happened on the bus, and a booking's history.
//!
//! Published only when a booking's `version` or an integration's `status` changed: leases and conferences change items
//! too, and publishing those would go round in circles. A booking's versions after the first get a history item each,
//! written once by key, before they are published.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::bus::BusError;
use crate::domain::{Booking, Integration};
use crate::events::{Event, booking_action, booking_event, integration_event};
use crate::store::{HistoryEntry, Image, StoreError};

/// One changed item; a missing side means created or removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When the table took the change, if that is known.
    pub at: Option<DateTime<Utc>>,
    /// The item before.
    pub before: Option<Image>,
    /// The item after.
    pub after: Option<Image>,
}

/// Why changes are to be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The table did not take the history.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus did not take everything.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Writes the history of these changes and publishes what they mean, in their order.
pub async fn relay(app: &App, changes: &[Change]) -> Result<usize, RelayError> {
    let mut events: Vec<Event> = Vec::new();
    for change in changes {
        match news(change) {
            Some(News::Booking(before, after)) => {
                if let Some(before) = before {
                    let entry = history(change.at, before, after);
                    app.store.add_history(&after.tenant, &after.id, &entry).await?;
                }
                events.push(booking_event(change.at, before, after));
            }
            Some(News::Integration(before, after)) => {
                events.push(integration_event(change.at, before, after));
            }
            None => {}
        }
    }
    app.bus.publish(&events).await?;
    Ok(events.len())
}

/// A change that somebody is to hear of.
enum News<'a> {
    Booking(Option<&'a Booking>, &'a Booking),
    Integration(Option<&'a Integration>, &'a Integration),
}

fn news(change: &Change) -> Option<News<'_>> {
    match (change.before.as_ref(), change.after.as_ref()?) {
        (before, Image::Booking(after)) => {
            let before = before.and_then(|before| match before {
                Image::Booking(before) => Some(before.as_ref()),
                Image::Integration(_) => None,
            });
            let is_news = before.map(|before| before.version) != Some(after.version);
            is_news.then_some(News::Booking(before, after))
        }
        (before, Image::Integration(after)) => {
            let before = before.and_then(|before| match before {
                Image::Integration(before) => Some(before.as_ref()),
                Image::Booking(_) => None,
            });
            let is_news = before.map(|before| before.status) != Some(after.status);
            is_news.then_some(News::Integration(before, after))
        }
    }
}

fn history(at: Option<DateTime<Utc>>, before: &Booking, after: &Booking) -> HistoryEntry {
    HistoryEntry {
        version: after.version,
        at,
        actor: after.changed_by.clone(),
        action: booking_action(Some(before), after).to_owned(),
        from_status: (before.status != after.status).then_some(before.status),
        status: after.status,
        from_span: (before.span() != after.span()).then_some(before.span()),
        span: after.span(),
    }
}
