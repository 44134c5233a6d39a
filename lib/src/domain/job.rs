//! Jobs: what is too long for one request, done in pages and resumed where it stopped.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Actor, BookingId, JobId, Lease, Tenant};

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum JobKind {
    /// Collects every booking of the guest with this address.
    ExportGuest {
        /// The guest's mail address; empty once the guest was erased.
        email: String,
    },
    /// Erases the guest with this address from every booking that is over or ended.
    EraseGuest {
        /// The guest's mail address; empty once it is done.
        email: String,
    },
}

impl JobKind {
    /// The word in bodies: `export_guest` or `erase_guest`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ExportGuest { .. } => "export_guest",
            Self::EraseGuest { .. } => "erase_guest",
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Is being done, or waits to go on.
    Running,
    /// All of it is done.
    Done,
    /// A later job has made it void.
    Void,
}

impl JobStatus {
    /// The word in bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Void => "void",
        }
    }
}

/// A page that is decided and not done yet. What it changes must be written down first: bookings that are erased are not
/// found again by the guest's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPage {
    /// What it is about.
    pub bookings: Vec<BookingId>,
    /// How many bookings were looked at for it.
    pub looked_at: u64,
    /// Where to go on behind it; `None` at the end.
    pub next: Option<String>,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose.
    pub tenant: Tenant,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub status: JobStatus,
    /// Who asked for it.
    pub created_by: Actor,
    /// When.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub created_at: DateTime<Utc>,
    /// Raised by every write.
    pub rev: u64,
    /// Where to go on; `None` at the beginning.
    #[serde(default)]
    pub cursor: Option<String>,
    /// The page that is being done, where that changes something.
    #[serde(default)]
    pub planned: Option<PlannedPage>,
    /// How many bookings it has looked at.
    #[serde(default)]
    pub done: u64,
    /// How many there were when it began; `None` while that is not known.
    #[serde(default)]
    pub total: Option<u64>,
    /// How many pages of results it has written.
    #[serde(default)]
    pub pages: u32,
    /// Failed tries since the last page.
    #[serde(default)]
    pub failures: u32,
    /// When it goes on; `None` when it is over.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub due_at: Option<DateTime<Utc>>,
    /// Who is at it.
    #[serde(default)]
    pub lease: Option<Lease>,
}

impl Job {
    /// How long jobs and their results are kept after they were asked for.
    pub const KEPT: TimeDelta = TimeDelta::days(7);

    /// A new one, due at once. Instants are in whole seconds, as they are stored.
    pub fn new(id: JobId, tenant: Tenant, kind: JobKind, created_by: Actor, now: DateTime<Utc>) -> Self {
        let now = now.trunc_subsecs(0);
        Self {
            id,
            tenant,
            kind,
            status: JobStatus::Running,
            created_by,
            created_at: now,
            rev: 1,
            cursor: None,
            planned: None,
            done: 0,
            total: None,
            pages: 0,
            failures: 0,
            due_at: Some(now),
            lease: None,
        }
    }
}
