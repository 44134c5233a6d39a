//! Relay: what changed in the table becomes what happened on the bus.
//!
//! Published only when a booking's `version` or an integration's `status` changed: leases and push outcomes
//! change items too, and publishing those would go round in circles.

use crate::app::App;
use crate::bus::{BusError, Event};
use crate::domain::{Booking, Integration};
use crate::store::Image;

/// One changed item; a missing side means created or removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The item before.
    pub before: Option<Image>,
    /// The item after.
    pub after: Option<Image>,
}

/// Publishes what these changes mean, in their order.
pub async fn relay(app: &App, changes: &[Change]) -> Result<usize, BusError> {
    let events: Vec<Event> = changes.iter().filter_map(event).collect();
    app.bus.publish(&events).await?;
    Ok(events.len())
}

fn event(change: &Change) -> Option<Event> {
    match (&change.before, change.after.as_ref()?) {
        (before, Image::Booking(after)) => {
            let before = match before {
                Some(Image::Booking(before)) => Some(before.version),
                Some(Image::Integration(_)) | None => None,
            };
            (before != Some(after.version)).then(|| booking_event(after))
        }
        (before, Image::Integration(after)) => {
            let before = match before {
                Some(Image::Integration(before)) => Some(before.status),
                Some(Image::Booking(_)) | None => None,
            };
            (before != Some(after.status)).then(|| integration_event(after))
        }
    }
}

fn booking_event(booking: &Booking) -> Event {
    let detail = serde_json::json!({
        "tenant": booking.tenant,
        "booking": booking.id,
        "host": booking.host,
        "event_type": booking.event_type,
        "status": booking.status.as_str(),
        "version": booking.version,
        "starts_at": booking.span().start.instant(),
        "ends_at": booking.span().end.instant(),
    });
    Event { detail_type: format!("booking.{}", booking.status.as_str()), detail: detail.to_string() }
}

fn integration_event(integration: &Integration) -> Event {
    let detail = serde_json::json!({
        "tenant": integration.tenant,
        "integration": integration.id,
        "host": integration.host,
        "provider": integration.provider,
        "status": integration.status.as_str(),
        "version": integration.version,
    });
    Event { detail_type: format!("integration.{}", integration.status.as_str()), detail: detail.to_string() }
}
