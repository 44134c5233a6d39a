//! Free slots, and what becomes of one that a guest wants.

use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::SlotView;
use crate::flows::{Checked, Hold};
use crate::http::problem::Problem;

/// The free slots of a window, by the guest's local days.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what `listing` writes by hand")]
pub struct SlotsView {
    /// The guest's zone.
    #[schema(example = "America/Sao_Paulo")]
    time_zone: String,
    /// The days that have slots, in order.
    days: Vec<DayView>,
    /// Why there is nothing: `calendar-unavailable` when a calendar of the host cannot be read.
    #[schema(value_type = String, required = false, example = "calendar-unavailable")]
    reason: Option<String>,
}

/// One local day with its slots.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what `listing` writes by hand")]
pub struct DayView {
    /// The local date.
    #[schema(format = Date, example = "2026-11-23")]
    date: String,
    /// Its slots in order.
    slots: Vec<SlotView>,
}

/// A hold.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoldView {
    /// The capability to confirm or release it; keep it secret.
    hold: String,
    /// The slot, in the offset of the request's start.
    #[serde(flatten)]
    slot: SlotView,
    /// When it ends by itself.
    expires_at: DateTime<Utc>,
}

impl HoldView {
    /// A hold in the offset of its request.
    pub fn new(hold: &Hold, offset: FixedOffset) -> Self {
        Self {
            hold: hold.token.as_str().to_owned(),
            slot: SlotView::at(hold.slot, offset),
            expires_at: hold.expires_at,
        }
    }
}

/// Whether a start is free.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AvailabilityView {
    /// Whether it could be held now.
    available: bool,
    /// The slot, in the offset of the request.
    #[serde(flatten)]
    slot: SlotView,
    /// Why it is not: the code that a hold would be refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "slot-taken")]
    reason: Option<&'static str>,
}

impl AvailabilityView {
    /// What was found, in the offset of the request.
    pub fn new(checked: Checked, offset: FixedOffset) -> Self {
        let reason = checked.refused.map(|refused| Problem::from(refused).code());
        Self { available: reason.is_none(), slot: SlotView::at(checked.slot, offset), reason }
    }
}
