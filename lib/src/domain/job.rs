//! Jobs: what is too long for one request, done in pages and resumed where it stopped.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Actor, BookingId, HostId, JobId, Lease, Tenant, Tick};

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
    /// Brings the events of a host's bookings that are not over into the calendar that the host's bookings are written to,
    /// and removes those that stand elsewhere.
    PlaceEvents {
        /// Whose bookings.
        host: HostId,
    },
}

impl JobKind {
    /// The word in bodies: `export_guest`, `erase_guest` or `place_events`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ExportGuest { .. } => "export_guest",
            Self::EraseGuest { .. } => "erase_guest",
            Self::PlaceEvents { .. } => "place_events",
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
    /// It was given up: it failed too often in a row, or ran too long.
    Failed,
    /// A later job has made it void.
    Void,
}

impl JobStatus {
    /// The word in bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Void => "void",
        }
    }
}

/// Where a job goes on.
///
/// The walk is in the order of start. Only a booking that has not begun can be moved, and only to a time still to come. So
/// bookings that start before the job was asked for keep their places. A later one can be moved from ahead of the walk to
/// behind it. Therefore the later ones are walked twice, unless one reading takes them all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum JobCursor {
    /// Counts the bookings, behind this one.
    Count {
        /// The last that was counted; `None` at the beginning.
        after: Option<String>,
        /// How many were counted.
        counted: u64,
    },
    /// Looks at every booking, behind this one.
    Walk {
        /// The last that was looked at; `None` at the beginning.
        after: Option<String>,
    },
    /// Looks again at those that start after the job was asked for, behind this one.
    WalkAgain {
        /// The last that was looked at; `None` at the beginning.
        after: Option<String>,
    },
    /// Looks at every entry of a host's agenda that is not over, behind this one. An entry that is moved meanwhile is looked
    /// after by the push of its move.
    Agenda {
        /// The last that was looked at, by its start and booking; `None` at the beginning.
        after: Option<(Tick, BookingId)>,
    },
}

impl JobCursor {
    /// Before everything.
    pub const BEGINNING: Self = Self::Count { after: None, counted: 0 };
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
    pub next: Option<JobCursor>,
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
    /// Where it goes on.
    pub cursor: JobCursor,
    /// The page that is being done, where that changes something.
    #[serde(default)]
    pub planned: Option<PlannedPage>,
    /// Found bookings that the walk may meet again, because they start after the job was asked for.
    #[serde(default)]
    pub ahead: Vec<BookingId>,
    /// How many bookings it has looked at.
    #[serde(default)]
    pub done: u64,
    /// How many there were when it began, and no fewer than it has looked at; `None` while they are counted, or where
    /// nothing counts them beforehand.
    #[serde(default)]
    pub total: Option<u64>,
    /// How many pages of results it has written.
    #[serde(default)]
    pub pages: u32,
    /// Failed tries since the last page.
    #[serde(default)]
    pub failures: u32,
    /// When it ended; `None` while it runs.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub ended_at: Option<DateTime<Utc>>,
    /// When it goes on; when it is removed, once it has ended.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub due_at: DateTime<Utc>,
    /// Who is at it.
    #[serde(default)]
    pub lease: Option<Lease>,
}

impl Job {
    /// How long a job and its results are kept after it ended.
    pub const KEPT: TimeDelta = TimeDelta::days(7);
    /// How long a job runs at most, failures and pauses included.
    pub const MAX_AGE: TimeDelta = TimeDelta::days(30);
    /// Failures in a row after which a job is given up: with their pauses, the better part of a day.
    pub const MAX_FAILURES: u32 = 24;

    /// A new one, due at once. Instants are in whole seconds, as they are stored.
    pub fn new(id: JobId, tenant: Tenant, kind: JobKind, created_by: Actor, now: DateTime<Utc>) -> Self {
        let now = now.trunc_subsecs(0);
        Self {
            id,
            tenant,
            status: JobStatus::Running,
            created_by,
            created_at: now,
            rev: 1,
            cursor: match &kind {
                JobKind::ExportGuest { .. } | JobKind::EraseGuest { .. } => JobCursor::BEGINNING,
                JobKind::PlaceEvents { .. } => JobCursor::Agenda { after: None },
            },
            planned: None,
            ahead: Vec::new(),
            done: 0,
            total: None,
            pages: 0,
            failures: 0,
            ended_at: None,
            due_at: now,
            lease: None,
            kind,
        }
    }

    /// The job when it has ended like this. It is kept from its first end on.
    #[must_use]
    pub fn ended(self, status: JobStatus, now: DateTime<Utc>) -> Self {
        let ended_at = self.ended_at.unwrap_or_else(|| now.trunc_subsecs(0));
        Self { status, ended_at: Some(ended_at), due_at: ended_at + Self::KEPT, lease: None, ..self }
    }

    /// The job after a failure: to go on with after a pause that ends then, or given up.
    #[must_use]
    pub fn failed(self, retry_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let failed = Self { failures: self.failures + 1, due_at: retry_at, lease: None, ..self };
        let is_hopeless = failed.failures >= Self::MAX_FAILURES;
        if is_hopeless { failed.ended(JobStatus::Failed, now) } else { failed }
    }

    /// Whether it has run too long to be gone on with: a page that ends every worker is never recorded as failed.
    pub fn is_too_old(&self, now: DateTime<Utc>) -> bool {
        now - self.created_at >= Self::MAX_AGE
    }

    /// Whether it is to be kept no longer.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_some_and(|ended_at| ended_at + Self::KEPT <= now)
    }
}
