//! What became of a booking, one item for each version after the first, beside the booking.
//!
//! ```text
//! pk  T#<tenant>#B#<id>        sk  HISTORY#00000002
//! version at actor action, and of status, start and end what it was before and is since
//! ```
//!
//! `relay` writes them from the table's stream, once by key.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::item::{read, text, write};
use super::key::{self, Key};
use super::{Store, StoreError};
use crate::domain::{Actor, BookingId, BookingStatus, Span, Tenant};

/// One change of a booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The version that it made.
    pub version: u64,
    /// When the table took it, as far as is known.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub at: Option<DateTime<Utc>>,
    /// Who made it.
    pub actor: Actor,
    /// What it was, in one word: `confirmed`, `rescheduled`, `cancelled`, ...
    pub action: String,
    /// The status before; `None` when it stayed.
    #[serde(default)]
    pub from_status: Option<BookingStatus>,
    /// The status since.
    pub status: BookingStatus,
    /// The time before; `None` when it stayed.
    #[serde(default)]
    pub from_span: Option<Span>,
    /// The time since.
    pub span: Span,
}

impl Store {
    /// Writes one entry, once: a repeated one finds itself.
    pub async fn add_history(
        &self,
        tenant: &Tenant,
        booking: &BookingId,
        entry: &HistoryEntry,
    ) -> Result<(), StoreError> {
        let key = Key::history(tenant, booking, entry.version);
        let put = Change::put(key, write("history", entry)?).when("attribute_not_exists(pk)");
        match self.commit(&[put]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// The history of a booking after its first version, in order, strongly consistent.
    pub async fn history(
        &self,
        tenant: &Tenant,
        booking: &BookingId,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let values =
            [(":pk", text(key::booking_partition(tenant, booking))), (":sk", text(key::HISTORY_PREFIX))];
        let items = self.query("pk = :pk AND begins_with(sk, :sk)", &values, true).await?;
        items.into_iter().map(|item| read("history", item)).collect()
    }
}
