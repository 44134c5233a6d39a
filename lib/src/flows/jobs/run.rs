//! Runs jobs: takes the lease, does page after page until the deadline, and leaves the rest due.
//!
//! A page's results and the cursor behind it are one write under the job's `rev`. So a job that is killed goes on behind
//! its last page, and a worker that was overtaken records nothing. A page that changes bookings is written down before
//! the first of them is changed: done again, it is about the same ones.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use super::guests::{Page, erase_page, export_page, plan_erasure, void_exports};
use crate::app::App;
use crate::domain::{Job, JobId, JobKind, JobStatus, Tenant};
use crate::flows::bookings::error::BookingError;
use crate::flows::change::unless_lost;
use crate::store::{StoreError, new_lease};

/// Longer than a run; a worker that is still silent then is gone.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// No page is begun after this.
const RUN_TIMEOUT: Duration = Duration::from_secs(12);
/// The request that asks for a job runs it for this long: most are done then.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Goes on with a job that the queue has handed out.
pub(in crate::flows) async fn run_job(app: &App, tenant: &Tenant, id: &JobId) -> Result<(), BookingError> {
    match app.store.job(tenant, id).await? {
        Some(job) => run(app, job, Instant::now() + RUN_TIMEOUT).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Begins a job and runs it for a moment. What is not done then is done by the queue.
pub(in crate::flows) async fn begin_job(app: &App, job: Job) -> Result<Job, BookingError> {
    app.store.add_job(&job).await?;
    match run(app, job.clone(), Instant::now() + REQUEST_TIMEOUT).await {
        Ok(job) => Ok(job),
        Err(error) => {
            tracing::warn!(job = %job.id, %error, "job to be gone on with later");
            Ok(job)
        }
    }
}

async fn run(app: &App, job: Job, deadline: Instant) -> Result<Job, BookingError> {
    let now = app.clock.now();
    let is_taken = job.lease.as_ref().is_some_and(|lease| lease.is_live(now));
    if job.status != JobStatus::Running || is_taken {
        return Ok(job);
    }
    let total = match job.total {
        Some(total) => total,
        None => app.store.count_bookings(&job.tenant).await?,
    };
    let lease = new_lease(now, LEASE);
    let due_at = Some(lease.until);
    let leased = Job { due_at, lease: Some(lease), total: Some(total), rev: job.rev + 1, ..job.clone() };
    if !commit(app, &job, &leased, None).await? {
        return Ok(job);
    }
    let (mut job, mut read) = (leased, Vec::new());
    loop {
        let page = match (&job.kind, &job.planned) {
            (JobKind::ExportGuest { email }, _) => export_page(app, &job, email).await?,
            (JobKind::EraseGuest { email }, Some(planned)) => {
                erase_page(app, &job.tenant, email, planned, std::mem::take(&mut read)).await?
            }
            (JobKind::EraseGuest { email }, None) => {
                let (records, planned) = plan_erasure(app, &job, email).await?;
                let is_empty = records.is_empty();
                let rev = job.rev + u64::from(!is_empty);
                let after = Job { planned: Some(planned), rev, ..job.clone() };
                if !is_empty && !commit(app, &job, &after, None).await? {
                    return Ok(job);
                }
                (job, read) = (after, records);
                continue;
            }
        };
        let mut after = behind(&job, &page);
        if page.next.is_none() {
            after = finished(app, after).await?;
        } else if Instant::now() >= deadline {
            after = Job { lease: None, due_at: Some(app.clock.now()), ..after };
        }
        if !commit(app, &job, &after, page.results.as_deref()).await? {
            // Overtaken, or void by now.
            return Ok(job);
        }
        if after.lease.is_none() {
            return Ok(after);
        }
        job = after;
    }
}

/// The job behind a page.
fn behind(job: &Job, page: &Page) -> Job {
    Job {
        rev: job.rev + 1,
        cursor: page.next.clone().or_else(|| job.cursor.clone()),
        planned: None,
        done: job.done + page.looked_at,
        pages: job.pages + u32::from(page.results.is_some()),
        ..job.clone()
    }
}

/// The job when its last page is done. An erased guest is not named by the job any more, and exports of theirs go.
async fn finished(app: &App, job: Job) -> Result<Job, BookingError> {
    let mut job = Job { status: JobStatus::Done, due_at: None, lease: None, ..job };
    job.total = Some(job.done);
    if let JobKind::EraseGuest { email } = &job.kind {
        void_exports(app, &job.tenant, email).await?;
        job.kind = JobKind::EraseGuest { email: String::new() };
    }
    Ok(job)
}

/// `false` when the job is not as it was read.
async fn commit(app: &App, before: &Job, after: &Job, results: Option<&str>) -> Result<bool, StoreError> {
    Ok(unless_lost(app.store.change_job(before, after, results).await)?.is_some())
}
