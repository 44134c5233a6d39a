//! Push: make one host's calendar agree with a booking. Exactly one event for each live booking, none for an ended
//! one, whatever crashes when.
//!
//! It works on one agenda entry, under a lease that outlives its calls. The write that takes the lease says which event
//! is about to be written (an attempt); the outcome is recorded only if the entry is still as it was leased, and a push
//! that was overtaken records nothing: the entry stays due, and the next one looks for what the attempt may have left.
//! Names of events are never used again: the entry's generation only rises.

mod accounts;
mod event;
mod outcome;
mod worker;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use tokio::time::Instant;

use super::conference;
use crate::app::App;
use crate::domain::{AgendaEntry, Booking, BookingRecord, EntryKey, Lease};
use crate::store::{StoreError, new_lease};

use worker::{Mode, Target, Worked, Worker};

/// Longer than all the calls that one push makes.
const LEASE: TimeDelta = TimeDelta::seconds(30);
const PUSH_TIMEOUT: Duration = Duration::from_secs(12);
/// What the request that made or ended a booking waits for its push; past that the answer says `pending`.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(2500);
const REQUEST_CALLS_TIMEOUT: Duration = Duration::from_secs(2);
/// Milliseconds between a request's tries to have its turn with an entry.
const TURNS: [u64; 4] = [100, 200, 400, 800];

/// The lease of a request that pushes what it is about to write.
pub(in crate::flows) fn request_lease(now: DateTime<Utc>) -> Lease {
    new_lease(now, LEASE)
}

/// Pushes an entry that is due. Writes nothing when nothing is due, and leaves an entry to the worker that has its
/// lease.
pub async fn push(app: &App, key: &EntryKey) -> Result<(), StoreError> {
    push_due(app, key, Mode::Due, Instant::now() + PUSH_TIMEOUT).await
}

/// The same by a caller that has less time.
pub(in crate::flows) async fn push_until(
    app: &App,
    key: &EntryKey,
    deadline: Instant,
) -> Result<(), StoreError> {
    push_due(app, key, Mode::Due, deadline.min(Instant::now() + PUSH_TIMEOUT)).await
}

/// Pushes an entry that the dispatch has handed out by making it due again at this time. It has been done, or has come
/// due for another reason, when it is due at another one.
pub(in crate::flows) async fn push_handed_out(
    app: &App,
    key: &EntryKey,
    due_again_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    push_due(app, key, Mode::HandedOut(due_again_at), Instant::now() + PUSH_TIMEOUT).await
}

async fn push_due(app: &App, key: &EntryKey, mode: Mode, deadline: Instant) -> Result<(), StoreError> {
    let worker = Worker::new(app, request_lease(app.clock.now()), mode, deadline);
    Box::pin(worker.run(Target::Read(key.clone()))).await.map(|_| ())
}

/// Pushes a booking to all of its calendars, as if nothing were known of its events.
pub(in crate::flows) async fn push_again(
    app: &App,
    record: BookingRecord,
) -> Result<BookingRecord, StoreError> {
    let deadline = Instant::now() + PUSH_TIMEOUT;
    let push = async |entry: &AgendaEntry| {
        let worker = Worker::new(app, request_lease(app.clock.now()), Mode::Asked, deadline);
        Box::pin(worker.run(Target::Read(entry.key()))).await
    };
    let results = join_all(record.entries.iter().map(push)).await;
    let mut worked = Vec::with_capacity(results.len());
    for result in results {
        worked.push(result?);
    }
    Ok(merged(app, record, worked).await)
}

/// Pushes within the request that has written this record under this lease, and gives it as it is then. What is not
/// finished in time stays due.
pub(in crate::flows) async fn push_within(app: &App, record: BookingRecord, lease: &Lease) -> BookingRecord {
    if record.entries.iter().all(|entry| entry.due_at.is_none()) {
        return record;
    }
    let pushes = record.entries.iter().map(|entry| push_in_turn(app, &record.booking, entry, lease));
    let worked = join_all(pushes).await;
    if worked.iter().any(|worked| matches!(worked, Worked::Unfinished)) {
        return Box::pin(read_again(app, record)).await;
    }
    merged(app, record, worked).await
}

/// The record as others may have changed it meanwhile; as this request has written it if it cannot be read.
async fn read_again(app: &App, written: BookingRecord) -> BookingRecord {
    let Booking { tenant, id, .. } = &written.booking;
    match app.store.booking_record(tenant, id).await {
        Ok(found) => found.unwrap_or(written),
        Err(error) => {
            tracing::warn!(booking = %id, %error, "not read again after its push");
            written
        }
    }
}

/// Pushes one entry within a request: at once if the request has its lease, else when the worker that has it is done.
async fn push_in_turn(app: &App, booking: &Booking, entry: &AgendaEntry, lease: &Lease) -> Worked {
    let is_waiting_for_conference = entry.is_shown(booking);
    if entry.due_at.is_none() || is_waiting_for_conference {
        return Worked::Nothing;
    }
    let deadline = Instant::now() + REQUEST_CALLS_TIMEOUT;
    let work = async {
        if entry.lease.as_ref().is_some_and(|of| of.id == lease.id) {
            let worker = Worker::new(app, lease.clone(), Mode::Due, deadline);
            // Boxed: every future that changes a booking would be as deep as a push otherwise.
            return Box::pin(worker.run(Target::Leased(Box::new((booking.clone(), entry.clone()))))).await;
        }
        for pause in TURNS {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let worker = Worker::new(app, request_lease(app.clock.now()), Mode::Now, deadline);
            let worked = Box::pin(worker.run(Target::Read(entry.key()))).await?;
            if !matches!(worked, Worked::Busy) {
                return Ok(worked);
            }
        }
        Ok(Worked::Busy)
    };
    match tokio::time::timeout(REQUEST_TIMEOUT, work).await {
        Ok(Ok(worked)) => worked,
        Ok(Err(error)) => {
            tracing::warn!(booking = %booking.id, host = %entry.host, %error, "push left for later");
            Worked::Unfinished
        }
        Err(_elapsed) => Worked::Unfinished,
    }
}

/// The record with what each worker has found. Where they have found different versions, it is read again.
async fn merged(app: &App, written: BookingRecord, worked: Vec<Worked>) -> BookingRecord {
    let mut record = written.clone();
    for (at, worked) in worked.into_iter().enumerate() {
        let Worked::Done(done) = worked else { continue };
        let (booking, entry) = *done;
        if conference::is_of_organizer(&booking, &entry) || booking.version > record.booking.version {
            record.booking = booking;
        }
        if let Some(place) = record.entries.get_mut(at) {
            *place = entry;
        }
    }
    if record.is_consistent() { record } else { Box::pin(read_again(app, written)).await }
}
