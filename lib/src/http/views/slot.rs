//! A slot, as every answer writes it.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Span, Zone};

/// A slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SlotView {
    /// Its start.
    #[schema(format = DateTime, example = "2026-11-23T09:30:00-03:00")]
    start: String,
    /// Its end.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00-03:00")]
    end: String,
}

impl SlotView {
    /// A slot in an offset.
    pub fn at(span: Span, offset: FixedOffset) -> Self {
        let text = |instant: DateTime<Utc>| {
            instant.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Secs, false)
        };
        Self { start: text(span.start.instant()), end: text(span.end.instant()) }
    }

    /// A slot on a zone's clock: around a change of the clocks its ends have different offsets.
    pub fn in_zone(span: Span, zone: Zone) -> Self {
        let text =
            |instant: DateTime<Utc>| instant.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false);
        Self { start: text(span.start.instant()), end: text(span.end.instant()) }
    }
}
