//! A booking's versions.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::SlotView;
use crate::domain::{BookingStatus, Span};
use crate::flows::{BookingVersion, Changed, History};

/// What became of a booking, version by version.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// In order, the first version's creation first, the present version last. For a moment after a change, versions
    /// between the two may not be there yet.
    history: Vec<HistoryEntryView>,
}

/// One change of a booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryEntryView {
    /// The version that it made.
    version: u64,
    /// When; null while the present version is so new that it is not known yet.
    #[schema(required)]
    at: Option<DateTime<Utc>>,
    /// Who: `guest`, `host`, `admin`, `calendar` or `system`.
    #[schema(value_type = String, example = "host")]
    actor: &'static str,
    /// The integration in whose calendar it was changed; null when it was changed otherwise.
    #[schema(required)]
    integration: Option<String>,
    /// What: `created`, `confirmed`, `rescheduled`, `updated`, `cancelled`, ...; null while the present version is so new
    /// that it is not known yet.
    #[schema(example = "rescheduled", required)]
    action: Option<String>,
    /// What changed of its status and its time, as far as it is known yet.
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

impl From<History> for HistoryView {
    fn from(history: History) -> Self {
        let slot = |span: Span| SlotView::in_zone(span, history.time_zone);
        let time =
            |changed: Changed<Span>| TimeChangeView { from: changed.from.map(slot), to: slot(changed.to) };
        let entry = |version: BookingVersion| HistoryEntryView {
            version: version.version,
            at: version.at,
            actor: version.actor.kind(),
            integration: version.actor.integration().map(ToString::to_string),
            action: version.action,
            changes: ChangesView {
                status: version.status.map(StatusChangeView::from),
                time: version.span.map(time),
            },
        };
        Self { history: history.versions.into_iter().map(entry).collect() }
    }
}

impl From<Changed<BookingStatus>> for StatusChangeView {
    fn from(changed: Changed<BookingStatus>) -> Self {
        Self { from: changed.from.map(BookingStatus::as_str), to: changed.to.as_str() }
    }
}
