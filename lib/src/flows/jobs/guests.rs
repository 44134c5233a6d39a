//! What a guest has told: exported, and erased, on the tenant's word. Both walk all bookings of the tenant.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::domain::{
    BookingId, BookingRecord, BookingStatus, Job, JobId, JobKind, JobStatus, PlannedPage, Tenant,
};
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
    pub(in crate::flows) next: Option<String>,
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
        let text = serde_json::to_string(record).unwrap_or_default();
        if bytes > 0 && bytes + text.len() > MAX_BYTES {
            page.next = results.last().map(|(cursor, _): &(BookingCursor, String)| cursor.to_string());
            break;
        }
        bytes += text.len();
        results.push((BookingCursor::of(&record.booking), text));
    }
    let texts: Vec<String> = results.into_iter().map(|(_, text)| text).collect();
    page.results = (!texts.is_empty()).then(|| format!("[{}]", texts.join(",")));
    Ok(page)
}

/// Which of the guest's bookings come next.
pub(in crate::flows) async fn plan_erasure(
    app: &App,
    job: &Job,
    email: &str,
) -> Result<(Vec<BookingRecord>, PlannedPage), BookingError> {
    let (records, Page { looked_at, next, .. }) = walk(app, job, email).await?;
    let bookings = records.iter().map(|record| record.booking.id.clone()).collect();
    Ok((records, PlannedPage { bookings, looked_at, next }))
}

/// Erases these of the guest's bookings, as they were read if they were.
pub(in crate::flows) async fn erase_page(
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
    Ok(Page { results, looked_at: planned.looked_at, next: planned.next.clone() })
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
    let next = found.next.as_ref().map(BookingCursor::to_string);
    Ok((found.bookings, Page { results: None, looked_at: looked_at.into_inner(), next }))
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
        // The address goes last: until then, a second erasure of the same address finds what is left.
        let void = |job: &Job| Job { status: JobStatus::Void, due_at: None, lease: None, ..job.clone() };
        if let Some(job) = change_job(app, tenant, &job.id, void).await? {
            app.store.remove_job_results(&job).await?;
            let kind = || JobKind::ExportGuest { email: String::new() };
            change_job(app, tenant, &job.id, |job| Job { kind: kind(), ..job.clone() }).await?;
        }
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
