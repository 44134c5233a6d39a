//! What a guest has told: exported, and erased, on the tenant's word. Both walk all bookings of the tenant.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::domain::{BookingId, BookingRecord, BookingStatus, Job, JobKind, JobStatus, Tenant};
use crate::flows::bookings::error::BookingError;
use crate::flows::bookings::read::{first_or_read, unless_stale};
use crate::flows::change::{change, unless_lost};
use crate::store::{BookingCursor, BookingWrite, BookingsRange, StoreError};

/// A guest's bookings in one page of results, at most.
const PER_PAGE: usize = 25;
/// Bytes of one page of results: an item takes 400 KB, and this leaves room for the largest booking.
const MAX_BYTES: usize = 300_000;

/// One page of a walk.
pub(in crate::flows) struct Page {
    /// What was found, as JSON; `None` when nothing was.
    pub(in crate::flows) results: Option<String>,
    /// How many bookings were looked at.
    pub(in crate::flows) looked_at: u64,
    /// Where to go on; `None` at the end.
    pub(in crate::flows) next: Option<BookingCursor>,
}

/// What an erasure came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Bookings whose guest data were erased.
    pub erased: Vec<BookingId>,
    /// Bookings that are still to take place: to be cancelled first.
    pub kept: Vec<BookingId>,
}

/// Some of the guest's bookings.
pub(in crate::flows) async fn export_page(app: &App, job: &Job, email: &str) -> Result<Page, BookingError> {
    let (records, mut page) = walk(app, job, email).await?;
    let (mut results, mut bytes) = (Vec::new(), 0);
    for record in &records {
        let text = serde_json::to_string(&record.booking).unwrap_or_default();
        if bytes > 0 && bytes + text.len() > MAX_BYTES {
            page.next = results.last().map(|(cursor, _)| BookingCursor::clone(cursor));
            break;
        }
        bytes += text.len();
        results.push((BookingCursor::of(&record.booking), text));
    }
    let texts: Vec<String> = results.into_iter().map(|(_, text)| text).collect();
    page.results = (!texts.is_empty()).then(|| format!("[{}]", texts.join(",")));
    Ok(page)
}

/// Erases some of the guest's bookings.
pub(in crate::flows) async fn erase_page(app: &App, job: &Job, email: &str) -> Result<Page, BookingError> {
    let (records, mut page) = walk(app, job, email).await?;
    let mut outcome = Erased::default();
    for record in records {
        let id = record.booking.id.clone();
        if erase(app, record).await? { outcome.erased.push(id) } else { outcome.kept.push(id) }
    }
    let is_empty = outcome == Erased::default();
    page.results = (!is_empty).then(|| serde_json::to_string(&outcome).unwrap_or_default());
    Ok(page)
}

async fn walk(app: &App, job: &Job, email: &str) -> Result<(Vec<BookingRecord>, Page), BookingError> {
    let after = job.cursor.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_malformed| StoreError::Unreadable("the cursor of a job".to_owned()))?;
    let range = BookingsRange { after, ..BookingsRange::default() };
    let looked_at = AtomicU64::new(0);
    let is_of = |record: &BookingRecord| {
        looked_at.fetch_add(1, Ordering::Relaxed);
        record.booking.guest.email.eq_ignore_ascii_case(email)
    };
    let found = app.store.list_bookings(&job.tenant, &range, PER_PAGE, is_of).await?;
    Ok((found.bookings, Page { results: None, looked_at: looked_at.into_inner(), next: found.next }))
}

/// `false` when it is still to take place.
async fn erase(app: &App, read: BookingRecord) -> Result<bool, BookingError> {
    let (tenant, id) = (&read.booking.tenant.clone(), &read.booking.id.clone());
    let mut first = Some(read);
    change(|| {
        let first = first.take();
        async move {
            let before = first_or_read(app, tenant, id, first).await?;
            let (booking, now) = (&before.booking, app.clock.now());
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

/// Ends every export of this guest and removes what it has found.
pub(in crate::flows) async fn void_exports(
    app: &App,
    tenant: &Tenant,
    email: &str,
) -> Result<(), BookingError> {
    for job in app.store.jobs(tenant).await? {
        let is_theirs =
            matches!(&job.kind, JobKind::ExportGuest { email: of } if of.eq_ignore_ascii_case(email));
        if !is_theirs {
            continue;
        }
        let id = &job.id;
        let job = change(|| async move {
            let Some(before) = app.store.job(tenant, id).await? else {
                return Ok::<_, StoreError>(Some(None));
            };
            let kind = JobKind::ExportGuest { email: String::new() };
            let (status, rev) = (JobStatus::Void, before.rev + 1);
            let after = Job { kind, status, rev, due_at: None, lease: None, ..before.clone() };
            let changed = unless_lost(app.store.change_job(&before, &after, None).await)?;
            Ok(changed.map(|()| Some(after)))
        })
        .await?;
        if let Some(job) = job {
            app.store.remove_job_results(&job).await?;
        }
    }
    Ok(())
}
