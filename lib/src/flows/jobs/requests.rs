//! What staff ask of jobs: to begin one, and to look at it.

use super::guests::Erased;
use super::run::begin_job;
use crate::app::App;
use crate::domain::{BookingRecord, Job, JobId, JobKind, Scope};
use crate::flows::bookings::error::BookingError;
use crate::flows::catalog::new_id;
use crate::store::StoreError;

/// What a job has found so far.
#[derive(Clone, Debug, PartialEq)]
pub enum JobResults {
    /// The guest's bookings in the order in which they were found: mostly that of their start.
    Bookings(Vec<BookingRecord>),
    /// What was erased.
    Erased(Erased),
    /// It leaves none.
    None,
}

/// Begins to collect every booking of the guest with this address.
pub async fn export_guest(app: &App, scope: &Scope, email: &str) -> Result<Job, BookingError> {
    begin(app, scope, JobKind::ExportGuest { email: email.to_owned() }).await
}

/// Begins to erase what a guest has told, in every booking that is over or ended. Events in calendars are their
/// owners'.
pub async fn erase_guest(app: &App, scope: &Scope, email: &str) -> Result<Job, BookingError> {
    begin(app, scope, JobKind::EraseGuest { email: email.to_owned() }).await
}

async fn begin(app: &App, scope: &Scope, kind: JobKind) -> Result<Job, BookingError> {
    let id: JobId = new_id("job_")?;
    begin_job(app, Job::new(id, scope.tenant().clone(), kind, scope.actor(), app.clock.now())).await
}

/// A job within a staff member's scope that is still kept, with one page of its results and the number of the next: pages count from 1.
pub async fn read_job(
    app: &App,
    scope: &Scope,
    id: &JobId,
    page: u32,
) -> Result<Option<(Job, JobResults, Option<u32>)>, BookingError> {
    // What guests have told is for admins.
    let Scope::Tenant(tenant) = scope else { return Ok(None) };
    let now = app.clock.now();
    let found = app.store.job(tenant, id).await?.filter(|job| !job.is_expired(now));
    let Some(job) = found else { return Ok(None) };
    let page = page.max(1);
    let stored = app.store.job_results(tenant, id, page).await?;
    let unreadable = |error: serde_json::Error| StoreError::Unreadable(format!("results of a job: {error}"));
    let results = match &job.kind {
        JobKind::ExportGuest { .. } => {
            let read = stored.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
            JobResults::Bookings(read.unwrap_or_default())
        }
        JobKind::EraseGuest { .. } => {
            let read = stored.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
            JobResults::Erased(read.unwrap_or_default())
        }
        JobKind::PlaceEvents { .. } => JobResults::None,
    };
    let next = (page < job.pages).then_some(page + 1);
    Ok(Some((job, results, next)))
}
