//! The one DynamoDB table. Every write that depends on a read carries its condition; a lost answer is asked
//! again with identical parameters until it is known what happened.
//!
//! ```text
//! pk                    sk                     item
//! T#<tenant>            TENANT                 tenant's settings
//! T#<tenant>            ETYPE#<slug>           event type
//! T#<tenant>            HST#<host>             that there is this host
//! T#<tenant>            SCH#<schedule>         which host a schedule belongs to
//! T#<tenant>            INT#<integration>      which host an integration belongs to
//! T#<tenant>            DATAKEY#<n>            wrapped data key
//! T#<tenant>            IDEMPOTENCY#<hash>     what a request with an Idempotency-Key came to (ttl 1 day)
//! T#<tenant>            JOB#<id>               job: kind, cursor, done, total, lease (see `jobs`)
//! T#<tenant>            JOBRESULT#<id>#<n>     some of its results
//! T#<tenant>#H#<host>   HOST                   host header
//! T#<tenant>#H#<host>   HOST#S#<schedule>      schedule
//! T#<tenant>#H#<host>   HOST#I#<integration>   integration: settings and status
//! T#<tenant>#H#<host>   HOST#J#<integration>   its sync state: coverage, version, lease, when it is due
//! T#<tenant>#H#<host>   HOSTCRED#<integration> its sealed tokens and their lease
//! T#<tenant>#H#<host>   DAY#2026-11-20         the day: the lock (see `day`)
//! T#<tenant>#H#<host>   DAY#2026-11-20#N#<event type>          counter of a daily limit (see `counters`)
//! T#<tenant>#H#<host>   AGENDA#2026-11-20T09:30Z#<booking>     agenda entry (see `agenda`)
//! T#<tenant>#B#<id>     BOOKING                booking
//! T#<tenant>#B#<id>     HISTORY#<version>      what made that version (see `history`)
//! S#<hash of state>     STATE                  OAuth round trip under way (ttl 10 min)
//!
//! index `due` (sparse): due_shard, due_at      integrations to sync, entries to push, deadlines of bookings, jobs
//! index `by_tenant`:    tenant, starts         bookings by start
//! ```

mod accounts;
mod agenda;
mod booking_lists;
mod bookings;
mod catalog;
mod catalog_pages;
mod catalog_writes;
mod change;
mod counters;
mod data_keys;
mod day;
mod due;
mod history;
mod idempotency;
mod integrations;
mod item;
mod jobs;
mod key;
mod oauth_states;
mod placing;
pub mod table;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::domain::{EventType, EventTypeSlug, HostId, HostItems, Tenant, TenantSettings};

use crate::aws::Lazy;

pub use booking_lists::{BookingCursor, BookingsPage, BookingsRange, CursorError};
pub use bookings::{BookingConflict, BookingWrite, new_lease};
pub use catalog_pages::Page;
pub use due::{Due, DueWhat};
pub use history::HistoryEntry;
pub use idempotency::IdempotencyRecord;
pub use integrations::{HostAccounts, PullOutcome, SealedTokens};
pub use item::Image;
pub use oauth_states::{OAuthState, StateHash};
pub use placing::Placing;
pub use table::{BY_TENANT_INDEX, DUE_INDEX, DUE_SHARDS, STREAMED_PREFIXES};

/// An item as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// What went wrong at the table; each variant says what the caller may do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition did not hold. Read again and decide; the items are those found, by position of the change.
    #[error("a condition did not hold")]
    Conflict(Vec<Option<Item>>),
    /// Throttled, in conflict with a transaction, or unreachable for the whole of the budget. It says nothing
    /// about the slot: answer 503 and let the caller come again.
    #[error("the table is busy")]
    Busy,
    /// An item that this version cannot read. Never taken for an absent one.
    #[error("an item cannot be read: {0}")]
    Unreadable(String),
    /// The table refused the request itself: a fault of the code or of a role.
    #[error("the table refused the request: {0}")]
    Refused(String),
}

/// Names a lost condition where it is lost.
pub trait OnConflict<T> {
    /// Turns [`StoreError::Conflict`] into the caller's own word, and other errors as usual.
    fn on_conflict<E: From<StoreError>>(self, word: impl FnOnce() -> E) -> Result<T, E>;
}

impl<T> OnConflict<T> for Result<T, StoreError> {
    fn on_conflict<E: From<StoreError>>(self, word: impl FnOnce() -> E) -> Result<T, E> {
        self.map_err(|error| match error {
            StoreError::Conflict(_) => word(),
            other @ (StoreError::Busy | StoreError::Unreadable(_) | StoreError::Refused(_)) => other.into(),
        })
    }
}

/// The table, as the rest of the house sees it. Clones share the connection and the cache.
#[derive(Clone, Debug)]
pub struct Store {
    db: Lazy<Client>,
    table: String,
    clock: Clock,
    cache: Arc<Mutex<Cache>>,
    at_once: Arc<Semaphore>,
}

/// Calls under way at once. A Lambda makes a few; a laptop that serves a crowd from one process would otherwise
/// open a connection for each guest and time out on all of them.
const CALLS_AT_ONCE: usize = 64;

/// What listing may take from memory for up to 30 seconds. Writes that pass through this store forget it at
/// once; holds and bookings never look here for anything that decides about time.
#[derive(Debug, Default)]
struct Cache {
    hosts: HashMap<(Tenant, HostId), (DateTime<Utc>, HostItems)>,
    event_types: HashMap<(Tenant, EventTypeSlug), (DateTime<Utc>, EventType)>,
    tenants: HashMap<Tenant, (DateTime<Utc>, TenantSettings)>,
}

impl Store {
    /// The table `table` behind this client. Retries are the store's own, so the client should make none.
    pub fn new(db: Lazy<Client>, table: impl Into<String>, clock: Clock) -> Self {
        Self {
            db,
            table: table.into(),
            clock,
            cache: Arc::default(),
            at_once: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
        }
    }
}
