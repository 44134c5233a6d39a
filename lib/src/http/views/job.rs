//! Jobs, and what they have found.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::BookingView;
use crate::domain::Job;
use crate::flows::JobResults;
use crate::http::{requests::cursor, words};

/// Something that is too long for one request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    #[schema(value_type = words::JobId)]
    id: String,
    /// What it does.
    #[schema(value_type = words::JobKind)]
    kind: &'static str,
    /// Whether it still runs.
    #[schema(value_type = words::JobStatus)]
    status: &'static str,
    /// How many bookings it has looked at.
    done: u64,
    /// How many there were when it began, and never fewer than it has looked at; null while they are counted, and for
    /// `place_events`.
    #[schema(required)]
    total: Option<u64>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When it ended; null while it runs. It is kept for 7 days from then on, with its results.
    #[schema(required)]
    ended_at: Option<DateTime<Utc>>,
    /// Some of what it has found; absent in the answer that begins it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = JobResultView, required = false)]
    result: Option<JobResultView>,
    /// Where the next page of results begins; null at the end of what there is so far.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// What a job has found: bookings of an exported guest, or the ids of an erased guest's.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct JobResultView {
    /// The guest's bookings as they were when they were found, each once, in the order of their start. One that was moved
    /// during the export may be out of order. One can only be missing if it was made during the export or in the second
    /// before, or was moved to an earlier time more than once during it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<BookingView>, required = false)]
    bookings: Option<Vec<BookingView>>,
    /// Bookings whose guest data were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    erased: Option<Vec<String>>,
    /// Bookings that are still to take place: cancel them first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    kept: Option<Vec<String>>,
}

impl JobView {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            kind: job.kind.as_str(),
            status: job.status.as_str(),
            done: job.done,
            total: job.total,
            created_at: job.created_at,
            ended_at: job.ended_at,
            id: job.id.into(),
            result: None,
            next_cursor: None,
        }
    }
}

impl From<(Job, JobResults, Option<u32>)> for JobView {
    fn from((job, results, next): (Job, JobResults, Option<u32>)) -> Self {
        let result = match results {
            JobResults::Bookings(records) => JobResultView {
                bookings: Some(records.into_iter().map(BookingView::from).collect()),
                ..Default::default()
            },
            JobResults::Erased(found) => JobResultView {
                erased: Some(found.erased.into_iter().map(String::from).collect()),
                kept: Some(found.kept.into_iter().map(String::from).collect()),
                ..Default::default()
            },
            JobResults::None => JobResultView::default(),
        };
        let next_cursor = next.map(|page| cursor(&page.to_string()));
        Self { result: Some(result), next_cursor, ..job.into() }
    }
}
