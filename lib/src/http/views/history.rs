//! A booking's versions.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::SlotView;
use crate::domain::{Actor, Booking, Span};
use crate::store::HistoryEntry;

/// What became of a booking, version by version.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// In order, the first version's creation first.
    history: Vec<HistoryEntryView>,
}

/// One change of a booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryEntryView {
    /// The version that it made.
    version: u64,
    /// When.
    #[schema(required)]
    at: Option<DateTime<Utc>>,
    /// Who: `guest`, `host`, `admin`, `calendar` or `system`.
    #[schema(value_type = String, example = "host")]
    actor: &'static str,
    /// The integration in whose calendar it was changed; null when it was changed otherwise.
    #[schema(required)]
    integration: Option<String>,
    /// What: `created`, `confirmed`, `rescheduled`, `updated`, `cancelled`, ...
    #[schema(example = "rescheduled")]
    action: String,
    /// What changed of its status and its time.
    changes: ChangesView,
}

/// What changed, from and to. What stayed is left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangesView {
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = StatusChangeView, required = false)]
    status: Option<StatusChangeView>,
    /// The time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeChangeView, required = false)]
    time: Option<TimeChangeView>,
}

/// A change of status.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatusChangeView {
    /// Before; null when the booking was new.
    #[schema(value_type = Option<String>, required)]
    from: Option<&'static str>,
    /// Since.
    #[schema(value_type = String)]
    to: &'static str,
}

/// A change of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TimeChangeView {
    /// Before; null when the booking was new.
    #[schema(required)]
    from: Option<SlotView>,
    /// Since.
    to: SlotView,
}

impl From<(Booking, Vec<HistoryEntry>)> for HistoryView {
    fn from((booking, entries): (Booking, Vec<HistoryEntry>)) -> Self {
        let slot = |span: Span| SlotView::in_zone(span, booking.guest.time_zone);
        let who = |actor: &Actor| (actor.kind(), actor.integration().map(ToString::to_string));
        // What the first version said is what the first change found.
        let first = |change: &dyn Fn(&HistoryEntry) -> bool| entries.iter().find(|entry| change(entry));
        let span = first(&|entry| entry.from_span.is_some()).and_then(|entry| entry.from_span);
        let status = first(&|entry| entry.from_status.is_some()).and_then(|entry| entry.from_status);
        let (actor, integration) = who(&booking.created_by);
        let created = HistoryEntryView {
            version: 1,
            at: Some(booking.created_at),
            actor,
            integration,
            action: "created".to_owned(),
            changes: ChangesView {
                status: Some(StatusChangeView { from: None, to: status.unwrap_or(booking.status).as_str() }),
                time: Some(TimeChangeView { from: None, to: slot(span.unwrap_or(booking.span())) }),
            },
        };
        let later = entries.iter().map(|entry| {
            let (actor, integration) = who(&entry.actor);
            HistoryEntryView {
                version: entry.version,
                at: entry.at,
                actor,
                integration,
                action: entry.action.clone(),
                changes: ChangesView {
                    status: entry.from_status.map(|from| StatusChangeView {
                        from: Some(from.as_str()),
                        to: entry.status.as_str(),
                    }),
                    time: entry
                        .from_span
                        .map(|from| TimeChangeView { from: Some(slot(from)), to: slot(entry.span) }),
                },
            }
        });
        Self { history: std::iter::once(created).chain(later).collect() }
    }
}
