//! Runs jobs: takes the lease, does page after page until the deadline, and leaves the rest due.
//!
//! A page's results and the cursor behind it are one write under the job's `rev`. So a job that is killed goes on behind
//! its last page, and a worker that was overtaken records nothing. A page that changes bookings is written down before
//! the first of them is changed: done again, it is about the same ones. A page that fails is tried again after a pause
//! that grows, and at last the job is given up. A job that is over is removed when it has been kept long enough.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use super::guests::{Page, erase_page, export_page, forget_in_jobs, plan_erasure};
use super::place_events::place_page;
use super::walk::parse;
use crate::app::App;
use crate::domain::{BookingRecord, Job, JobCursor, JobId, JobKind, JobStatus, Tenant};
use crate::flows::bookings::error::BookingError;
use crate::flows::change::unless_lost;
use crate::flows::sync::backoff::retry_at;
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

/// Begins a job and runs it for a moment.
pub(in crate::flows) async fn begin_job(app: &App, job: Job) -> Result<Job, BookingError> {
    app.store.add_job(&job).await?;
    Ok(run_within(app, job).await)
}

/// Runs a job for a moment within the request that has stored it. What is not done then is done by the queue.
pub(in crate::flows) async fn run_within(app: &App, job: Job) -> Job {
    match Box::pin(run(app, job.clone(), Instant::now() + REQUEST_TIMEOUT)).await {
        Ok(job) => job,
        Err(error) => {
            tracing::warn!(job = %job.id, %error, "job will be retried");
            job
        }
    }
}

async fn run(app: &App, job: Job, deadline: Instant) -> Result<Job, BookingError> {
    let now = app.clock.now();
    if job.is_expired(now) {
        unless_lost(app.store.remove_job(&job).await)?;
        return Ok(job);
    }
    let is_taken = job.lease.as_ref().is_some_and(|lease| lease.is_live(now));
    if job.status != JobStatus::Running || is_taken {
        return Ok(job);
    }
    if job.is_too_old(now) {
        tracing::error!(job = %job.id, failures = job.failures, "job given up: it is too old");
        let given_up = Job { rev: job.rev + 1, ..job.clone().ended(JobStatus::Failed, now) };
        return Ok(if commit(app, &job, &given_up, None).await? { given_up } else { job });
    }
    let lease = new_lease(now, LEASE);
    let mut leased = Job { due_at: lease.until, lease: Some(lease), rev: job.rev + 1, ..job.clone() };
    if !commit(app, &job, &leased, None).await? {
        return Ok(job);
    }
    match work(app, &mut leased, deadline).await {
        Ok(()) => Ok(leased),
        Err(error) => fail(app, leased, &error).await,
    }
}

/// Does step after step until the job is over, somebody else has changed it, or time is over. `stored` is the job as it
/// was last written.
async fn work(app: &App, stored: &mut Job, deadline: Instant) -> Result<(), BookingError> {
    let (mut job, mut read) = (stored.clone(), Vec::new());
    loop {
        let Step { after, results, is_repeatable } = Box::pin(step(app, &job, &mut read, deadline)).await?;
        let is_late = Instant::now() >= deadline;
        if is_repeatable && !is_late {
            job = after;
            continue;
        }
        let mut after = Job { rev: stored.rev + 1, failures: 0, ..after };
        if is_late && after.status == JobStatus::Running {
            after = Job { lease: None, due_at: app.clock.now(), ..after };
        }
        if !commit(app, stored, &after, results.as_deref()).await? {
            // Overtaken, or void by now.
            return Ok(());
        }
        *stored = after.clone();
        if after.lease.is_none() {
            return Ok(());
        }
        job = after;
    }
}

/// What one step came to.
struct Step {
    after: Job,
    results: Option<String>,
    /// Cheap to repeat: committed with the next step.
    is_repeatable: bool,
}

async fn step(
    app: &App,
    job: &Job,
    read: &mut Vec<BookingRecord>,
    deadline: Instant,
) -> Result<Step, BookingError> {
    if let JobCursor::Count { counted, .. } = job.cursor {
        return count(app, job, counted).await;
    }
    let page = match (&job.kind, &job.planned) {
        (JobKind::ExportGuest { email }, _) => export_page(app, job, email, deadline).await?,
        (JobKind::PlaceEvents { host }, _) => {
            let Some(page) = place_page(app, job, host, deadline).await? else {
                let after = job.clone().ended(JobStatus::Void, app.clock.now());
                return Ok(Step { after, results: None, is_repeatable: false });
            };
            page
        }
        (JobKind::EraseGuest { email }, Some(planned)) => {
            erase_page(app, &job.tenant, email, planned, std::mem::take(read)).await?
        }
        (JobKind::EraseGuest { email }, None) => {
            let (records, planned) = plan_erasure(app, job, email, deadline).await?;
            if !records.is_empty() {
                *read = records;
                let after = Job { planned: Some(planned), ..job.clone() };
                return Ok(Step { after, results: None, is_repeatable: false });
            }
            Page { results: None, looked_at: planned.looked_at, next: planned.next, ahead: Vec::new() }
        }
    };
    let after = behind(job, &page);
    let after = if page.next.is_none() { finished(app, after).await? } else { after };
    Ok(Step { after, results: page.results, is_repeatable: false })
}

async fn count(app: &App, job: &Job, counted: u64) -> Result<Step, BookingError> {
    let after = parse(&job.cursor)?;
    let (more, next) = app.store.count_bookings(&job.tenant, after.as_ref()).await?;
    let counted = counted + more;
    let (cursor, total, is_repeatable) = match next {
        Some(next) => (JobCursor::Count { after: Some(next.to_string()), counted }, None, false),
        None => (JobCursor::Walk { after: None }, Some(counted), true),
    };
    Ok(Step { after: Job { cursor, total, ..job.clone() }, results: None, is_repeatable })
}

/// The job behind a page.
fn behind(job: &Job, page: &Page) -> Job {
    let done = job.done + page.looked_at;
    Job {
        cursor: page.next.clone().unwrap_or_else(|| job.cursor.clone()),
        planned: None,
        ahead: job.ahead.iter().chain(&page.ahead).cloned().collect(),
        done,
        total: job.total.map(|total| total.max(done)),
        pages: job.pages + u32::from(page.results.is_some()),
        ..job.clone()
    }
}

/// The job when its last page is done. An erased guest is not named by the job any more, and exports of theirs go.
async fn finished(app: &App, job: Job) -> Result<Job, BookingError> {
    let mut job = Job { ahead: Vec::new(), ..job.ended(JobStatus::Done, app.clock.now()) };
    if let JobKind::EraseGuest { email } = &job.kind {
        forget_in_jobs(app, &job.tenant, email).await?;
        job.kind = JobKind::EraseGuest { email: String::new() };
    }
    Ok(job)
}

/// Records a failure. The job goes on after a pause, or not at all.
async fn fail(app: &App, job: Job, error: &BookingError) -> Result<Job, BookingError> {
    let now = app.clock.now();
    let failed = job.clone().failed(retry_at(job.failures + 1, None, now), now);
    let failed = Job { rev: job.rev + 1, ..failed };
    if failed.status == JobStatus::Failed {
        tracing::error!(job = %job.id, failures = failed.failures, %error, "job given up");
    } else {
        tracing::warn!(job = %job.id, failures = failed.failures, %error, "job will be retried");
    }
    Ok(if commit(app, &job, &failed, None).await? { failed } else { job })
}

/// `false` when the job is not as it was read.
async fn commit(app: &App, before: &Job, after: &Job, results: Option<&str>) -> Result<bool, StoreError> {
    Ok(unless_lost(app.store.change_job(before, after, results).await)?.is_some())
}
