//! Walks a tenant's bookings for those of one guest, in the order of start (see [`JobCursor`]).
//!
//! The index says which bookings there are and where the walk stands. It is eventually consistent: a booking that was made
//! or moved within the last second may be missing from it. What the walk finds is then read strongly. A booking is found
//! once. It is missed only if it is moved to an earlier time during both walks, each time from ahead of the walk to behind
//! it.

use tokio::time::Instant;

use crate::app::App;
use crate::domain::{BookingId, BookingRecord, Job, JobCursor, Tick};
use crate::flows::bookings::error::BookingError;
use crate::store::{BookingCursor, StoreError};

/// A guest's bookings in one page, at most.
const PER_PAGE: usize = 25;
/// Readings of the index for one page, at most.
const READINGS: usize = 20;

/// A booking of the guest.
pub(super) struct Found {
    /// As it is now.
    pub(super) record: BookingRecord,
    /// How many bookings were looked at up to it.
    pub(super) looked_at: u64,
    /// The walk behind it.
    pub(super) next: JobCursor,
}

/// One page of a walk.
pub(super) struct Walked {
    /// The guest's bookings that were not found before.
    pub(super) found: Vec<Found>,
    /// How many bookings were looked at for the first time.
    pub(super) looked_at: u64,
    /// Where to go on; `None` at the end.
    pub(super) next: Option<JobCursor>,
}

/// Where the part of the walk begins in which bookings can be moved.
pub(super) fn movable_from(job: &Job) -> Tick {
    Tick::floor(job.created_at)
}

/// One page: until it is full, the walk is at its end, or time is over.
pub(super) async fn walk(
    app: &App,
    job: &Job,
    email: &str,
    deadline: Instant,
) -> Result<Walked, BookingError> {
    let is_again = matches!(job.cursor, JobCursor::WalkAgain { .. });
    let from = is_again.then(|| movable_from(job));
    let mut place = parse(&job.cursor)?;
    let (mut matching, mut looked_at) = (Vec::<Match>::new(), 0);
    for _ in 0..READINGS {
        let began = place.clone();
        let (bookings, is_end) = app.store.indexed_bookings(&job.tenant, from, place.as_ref()).await?;
        for booking in bookings {
            looked_at += u64::from(!is_again);
            let at = BookingCursor::of(&booking);
            place = Some(at.clone());
            let is_known =
                || matching.iter().map(|known| &known.id).chain(&job.ahead).any(|id| *id == booking.id);
            if booking.guest.email.eq_ignore_ascii_case(email) && !is_known() {
                matching.push(Match { id: booking.id, looked_at, next: cursor(is_again, &at) });
            }
            if matching.len() == PER_PAGE {
                return read(app, job, email, matching, looked_at, Some(cursor(is_again, &at))).await;
            }
        }
        if is_end {
            let is_whole = began.is_none_or(|began| began.start() < movable_from(job));
            let next = (!is_again && !is_whole).then_some(JobCursor::WalkAgain { after: None });
            return read(app, job, email, matching, looked_at, next).await;
        }
        if Instant::now() >= deadline {
            break;
        }
    }
    let next = place.map(|place| cursor(is_again, &place));
    read(app, job, email, matching, looked_at, next).await
}

/// What the index says is the guest's.
struct Match {
    id: BookingId,
    looked_at: u64,
    next: JobCursor,
}

/// Reads the matches strongly, and drops those that are no longer this guest's.
async fn read(
    app: &App,
    job: &Job,
    email: &str,
    matching: Vec<Match>,
    looked_at: u64,
    next: Option<JobCursor>,
) -> Result<Walked, BookingError> {
    let ids: Vec<BookingId> = matching.iter().map(|one| one.id.clone()).collect();
    let mut records = app.store.booking_records(&job.tenant, &ids).await?;
    let found = matching.into_iter().filter_map(|Match { id, looked_at, next }| {
        let record = records.remove(&id)?;
        let is_theirs = record.booking.guest.email.eq_ignore_ascii_case(email);
        is_theirs.then_some(Found { record, looked_at, next })
    });
    Ok(Walked { found: found.collect(), looked_at, next })
}

fn cursor(is_again: bool, at: &BookingCursor) -> JobCursor {
    let after = Some(at.to_string());
    if is_again { JobCursor::WalkAgain { after } } else { JobCursor::Walk { after } }
}

/// The booking that this is behind, of those that are counted or walked.
pub(super) fn parse(cursor: &JobCursor) -> Result<Option<BookingCursor>, StoreError> {
    let malformed = || StoreError::Unreadable("the cursor of a job".to_owned());
    match cursor {
        JobCursor::Count { after, .. } | JobCursor::Walk { after } | JobCursor::WalkAgain { after } => {
            after.as_deref().map(str::parse).transpose().map_err(|_malformed| malformed())
        }
        JobCursor::Agenda { .. } => Err(malformed()),
    }
}
