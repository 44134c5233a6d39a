//! What a guest has told: exported, and erased, on the tenant's word. Both walk all bookings of the tenant.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::walk::{Walked, movable_from, walk};
use crate::app::App;
use crate::domain::{
    BookingId, BookingRecord, BookingStatus, Job, JobCursor, JobId, JobKind, JobStatus, PlannedPage, Tenant,
};
use crate::flows::bookings::error::BookingError;
use crate::flows::bookings::read::{first_or_read, unless_stale};
use crate::flows::change::{change, unless_lost};
use crate::store::{BookingWrite, StoreError};

/// Bytes of one page of results: an item takes 400 KB, and this leaves room for the largest booking.
const MAX_BYTES: usize = 300_000;

/// One page of a walk.
pub(super) struct Page {
    /// What was found, as JSON; `None` when nothing was.
    pub(super) results: Option<String>,
    /// How many bookings were looked at for the first time.
    pub(super) looked_at: u64,
    /// Where to go on; `None` at the end.
    pub(super) next: Option<JobCursor>,
    /// What was found and may be met again.
    pub(super) ahead: Vec<BookingId>,
}

/// What an erasure came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Bookings whose guest data were erased.
    pub erased: Vec<BookingId>,
    /// Bookings that are still to take place: to be cancelled first.
    pub kept: Vec<BookingId>,
}

/// Some of the guest's bookings, as many as one page of results takes.
pub(super) async fn export_page(
    app: &App,
    job: &Job,
    email: &str,
    deadline: Instant,
) -> Result<Page, BookingError> {
    let Walked { found, mut looked_at, mut next } = walk(app, job, email, deadline).await?;
    let (mut texts, mut bytes, mut ahead) = (Vec::new(), 0, Vec::new());
    let mut resume_at = None;
    for found in found {
        let text = serde_json::to_string(&found.record).unwrap_or_default();
        bytes += text.len();
        if let Some(resume_at) = resume_at.take_if(|_| bytes > MAX_BYTES) {
            (looked_at, next) = resume_at;
            break;
        }
        texts.push(text);
        let booking = found.record.booking;
        ahead.extend((booking.start >= movable_from(job)).then_some(booking.id));
        resume_at = Some((found.looked_at, Some(found.next)));
    }
    let results = (!texts.is_empty()).then(|| format!("[{}]", texts.join(",")));
    Ok(Page { results, looked_at, next, ahead })
}

/// Which of the guest's bookings come next.
pub(super) async fn plan_erasure(
    app: &App,
    job: &Job,
    email: &str,
    deadline: Instant,
) -> Result<(Vec<BookingRecord>, PlannedPage), BookingError> {
    let Walked { found, looked_at, next } = walk(app, job, email, deadline).await?;
    let records: Vec<BookingRecord> = found.into_iter().map(|found| found.record).collect();
    let bookings = records.iter().map(|record| record.booking.id.clone()).collect();
    Ok((records, PlannedPage { bookings, looked_at, next }))
}

/// Erases these of the guest's bookings, as they were read if they were.
pub(super) async fn erase_page(
    app: &App,
    tenant: &Tenant,
    email: &str,
    planned: &PlannedPage,
    read: Vec<BookingRecord>,
) -> Result<Page, BookingError> {
    let mut read: HashMap<_, _> =
        read.into_iter().map(|record| (record.booking.id.clone(), record)).collect();
    let mut outcome = Erased::default();
    for id in &planned.bookings {
        let is_erased = erase(app, tenant, email, id, read.remove(id)).await?;
        let found = if is_erased { &mut outcome.erased } else { &mut outcome.kept };
        found.push(id.clone());
    }
    let is_empty = outcome == Erased::default();
    let results = (!is_empty).then(|| serde_json::to_string(&outcome).unwrap_or_default());
    let (looked_at, next) = (planned.looked_at, planned.next.clone());
    // An erased booking has no address any more, so the second walk does not find it.
    Ok(Page { results, looked_at, next, ahead: outcome.kept })
}

/// `false` when it is still to take place.
async fn erase(
    app: &App,
    tenant: &Tenant,
    email: &str,
    id: &BookingId,
    mut first: Option<BookingRecord>,
) -> Result<bool, BookingError> {
    change(|| {
        let first = first.take();
        async move {
            let before = first_or_read(app, tenant, id, first).await?;
            let (booking, now) = (&before.booking, app.clock.now());
            if !booking.guest.email.eq_ignore_ascii_case(email) {
                return Ok(Some(true));
            }
            let is_live = matches!(
                booking.status,
                BookingStatus::Pending | BookingStatus::Confirmed | BookingStatus::InProgress
            );
            if is_live && booking.span().end.instant() > now {
                return Ok(Some(false));
            }
            let after = BookingRecord { booking: booking.erased(), entries: before.entries.clone() };
            let written = app.store.write_booking(&BookingWrite::of(&before, &after, now)).await;
            Ok(unless_stale(written)?.map(|()| true))
        }
    })
    .await
}

/// Ends every export of this guest, removes its results, and takes the guest's address out of jobs that are over. An erasure
/// that has failed keeps the address until its job is removed, 7 days later.
pub(super) async fn forget_in_jobs(app: &App, tenant: &Tenant, email: &str) -> Result<(), BookingError> {
    let is_theirs = |of: &str| of.eq_ignore_ascii_case(email);
    for job in app.store.jobs(tenant).await? {
        let nobody = match &job.kind {
            JobKind::ExportGuest { email } if is_theirs(email) => {
                JobKind::ExportGuest { email: String::new() }
            }
            JobKind::EraseGuest { email } if is_theirs(email) && job.status != JobStatus::Running => {
                JobKind::EraseGuest { email: String::new() }
            }
            JobKind::ExportGuest { .. } | JobKind::EraseGuest { .. } | JobKind::PlaceEvents { .. } => {
                continue;
            }
        };
        // The address goes last: until then, a second erasure of the same address finds what is left.
        if matches!(job.kind, JobKind::ExportGuest { .. }) {
            let now = app.clock.now();
            let void = |job: &Job| job.clone().ended(JobStatus::Void, now);
            let Some(job) = change_job(app, tenant, &job.id, void).await? else { continue };
            app.store.remove_job_results(&job).await?;
        }
        change_job(app, tenant, &job.id, |job| Job { kind: nobody.clone(), ..job.clone() }).await?;
    }
    Ok(())
}

async fn change_job(
    app: &App,
    tenant: &Tenant,
    id: &JobId,
    apply: impl Fn(&Job) -> Job,
) -> Result<Option<Job>, StoreError> {
    change(async || {
        let Some(before) = app.store.job(tenant, id).await? else { return Ok(Some(None)) };
        let after = Job { rev: before.rev + 1, ..apply(&before) };
        let changed = unless_lost(app.store.change_job(&before, &after, None).await)?;
        Ok(changed.map(|()| Some(after)))
    })
    .await
}
