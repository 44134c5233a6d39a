//! Brings the events of a host's bookings where they belong, after that has changed: the calendar that bookings are written
//! to is another one, or its account was connected, disconnected or switched on.
//!
//! The job is written in the transaction of that change, and the host's header names it. It walks the host's agenda and
//! makes due what is not in place; the pushes do the rest, here while there is time, and else by the due index. A later
//! change has a job of its own: the header names that one then, and this one ends.

use tokio::time::Instant;

use super::guests::Page;
use crate::app::App;
use crate::domain::{
    AgendaEntry, EntryKey, HostId, HostItems, Integration, Job, JobCursor, JobKind, Scope, Tick, Ticks,
};
use crate::flows::bookings::error::BookingError;
use crate::flows::catalog::new_id;
use crate::flows::change::{change, unless_lost};
use crate::flows::sync::push::push_until;
use crate::store::StoreError;

/// Entries in one page.
const PER_PAGE: usize = 25;

/// The job for a host, not stored yet.
pub(in crate::flows) fn placing_job(app: &App, scope: &Scope, host: &HostId) -> Result<Job, StoreError> {
    let kind = JobKind::PlaceEvents { host: host.clone() };
    Ok(Job::new(new_id("job_")?, scope.tenant().clone(), kind, scope.actor(), app.clock.now()))
}

/// One page; `None` when a later change has a job of its own.
pub(super) async fn place_page(
    app: &App,
    job: &Job,
    host: &HostId,
    deadline: Instant,
) -> Result<Option<Page>, BookingError> {
    let items = app.store.host(&job.tenant, host).await?;
    let Some(items) = items.filter(|items| items.host.placing.as_ref() == Some(&job.id)) else {
        return Ok(None);
    };
    let begun = app.clock.now() - chrono::TimeDelta::minutes(Ticks::LONGEST_CLAIM.minutes());
    let after = match &job.cursor {
        JobCursor::Agenda { after } => after.clone(),
        JobCursor::Count { .. } | JobCursor::Walk { .. } | JobCursor::WalkAgain { .. } => None,
    };
    let key = |(start, booking)| EntryKey { tenant: job.tenant.clone(), host: host.clone(), start, booking };
    let from = (Some(Tick::floor(begun)), None);
    let (entries, is_end) =
        app.store.agenda_page(&job.tenant, host, from, after.map(key).as_ref(), PER_PAGE).await?;
    let last = entries.last().map(|entry| (entry.start, entry.booking.clone()));
    let looked_at = u64::try_from(entries.len()).unwrap_or_default();
    for entry in entries {
        let key = entry.key();
        if make_due(app, &items, entry).await? && Instant::now() < deadline {
            Box::pin(push_until(app, &key, deadline)).await?;
        }
    }
    let next = last.filter(|_| !is_end).map(|last| JobCursor::Agenda { after: Some(last) });
    Ok(Some(Page { results: None, looked_at, next, ahead: Vec::new() }))
}

/// Makes an entry due that is not in place; whether there is something to push.
async fn make_due(app: &App, items: &HostItems, read: AgendaEntry) -> Result<bool, StoreError> {
    let (key, mut first) = (read.key(), Some(read));
    change(|| {
        let (key, first) = (&key, first.take());
        async move {
            let read = match first {
                Some(read) => Some(read),
                None => app.store.entry(key).await?,
            };
            let now = app.clock.now();
            // One that was moved is due for that.
            let Some(entry) = read.filter(|entry| now < entry.end.instant()) else { return Ok(Some(false)) };
            let integrations: Vec<&Integration> = items.integrations.iter().collect();
            let write_to = entry.written_to(items.host.write_to.as_ref(), &integrations).write_to;
            if entry.is_in_place(write_to.as_ref()) {
                if entry.write_to == write_to || entry.standing().is_none() {
                    return Ok(Some(false));
                }
                // It stands where it belongs again, as it was left there.
                let after = AgendaEntry { write_to, ..entry.clone() };
                return Ok(unless_lost(app.store.change_entry(&entry, after).await)?.map(|()| false));
            }
            Ok(unless_lost(app.store.change_entry(&entry, entry.to_be_placed(now)).await)?.map(|()| true))
        }
    })
    .await
}
