//! Push: make one host's calendar agree with a booking. Exactly one event for each live booking, none for an ended
//! one, whatever crashes when.
//!
//! It works on one agenda entry, under a lease that outlives its calls. The write that takes the lease says which event
//! is about to be written (an attempt); the outcome is recorded only if the entry is still as it was leased, and a push
//! that was overtaken records nothing: the entry stays due, and the next one looks for what the attempt may have left.
//! Names of events are never used again: the entry's generation only rises.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use tokio::time::Instant;

use super::backoff::pause;
use super::conference;
use super::render_event::{render_event, wants_meet};
use crate::app::App;
use crate::calendars::{CalendarError, CalendarId, EventId, Notify, Placed};
use crate::domain::{
    AgendaEntry, Attempt, Booking, BookingRecord, CalendarRef, Conference, EntryKey, EventLink, EventRef,
    Integration, IntegrationStatus, Lease, Shown,
};
use crate::flows::integrations::session::{AccessError, Session, through};
use crate::store::{StoreError, new_lease};

/// Longer than all the calls that one push makes.
const LEASE: TimeDelta = TimeDelta::seconds(30);
const PUSH_TIMEOUT: Duration = Duration::from_secs(12);
/// After its lease has ended, a silent worker's last call may take this long to arrive.
const ATTEMPT_GRACE: TimeDelta = TimeDelta::seconds(15);
/// What the request that made or ended a booking waits for its push; past that the answer says `pending`.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(2500);
const REQUEST_CALLS_TIMEOUT: Duration = Duration::from_secs(2);
/// Milliseconds between a request's tries to have its turn with an entry.
const TURNS: [u64; 4] = [100, 200, 400, 800];
/// How often one push begins again because the entry changed under it.
const MAX_ROUNDS: u32 = 3;
/// Events deleted by hand this many times in a row are not put back again.
const MAX_GENERATIONS: u32 = 8;
const PARKED_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// The lease of a request that pushes what it is about to write.
pub(in crate::flows) fn request_lease(now: DateTime<Utc>) -> Lease {
    new_lease(now, LEASE)
}

/// Pushes an entry that is due. Writes nothing when nothing is due, and leaves an entry to the worker that has its
/// lease.
pub async fn push(app: &App, key: &EntryKey) -> Result<(), StoreError> {
    push_due(app, key, Mode::Due).await
}

/// Pushes an entry that the dispatch has handed out by making it due again at this time. It has been done, or has come
/// due for another reason, when it is due at another one.
pub(in crate::flows) async fn push_handed_out(
    app: &App,
    key: &EntryKey,
    due_again_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    push_due(app, key, Mode::HandedOut(due_again_at)).await
}

async fn push_due(app: &App, key: &EntryKey, mode: Mode) -> Result<(), StoreError> {
    let worker = Worker::new(app, request_lease(app.clock.now()), mode, Instant::now() + PUSH_TIMEOUT);
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
    Ok(merged(record, worked))
}

/// Pushes within the request that has written this record under this lease, and gives it as it is then. What is not
/// finished in time stays due.
pub(in crate::flows) async fn push_within(app: &App, record: BookingRecord, lease: &Lease) -> BookingRecord {
    if record.entries.iter().all(|entry| entry.due_at.is_none()) {
        return record;
    }
    let pushes = record.entries.iter().map(|entry| push_in_turn(app, &record.booking, entry, lease));
    let worked = join_all(pushes).await;
    merged(record, worked)
}

/// Pushes one entry within a request: at once if the request has its lease, else when the worker that has it is done.
async fn push_in_turn(app: &App, booking: &Booking, entry: &AgendaEntry, lease: &Lease) -> Worked {
    let is_waiting_for_conference = entry.is_shown(booking);
    if entry.due_at.is_none() || is_waiting_for_conference {
        return Worked::Nothing;
    }
    let deadline = Instant::now() + REQUEST_CALLS_TIMEOUT;
    let work = async {
        if entry.lease.as_ref() == Some(lease) {
            let worker = Worker::new(app, lease.clone(), Mode::Due, deadline);
            // Boxed: whoever changes a booking would carry a push's whole depth otherwise.
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
            Worked::Nothing
        }
        Err(_elapsed) => Worked::Nothing,
    }
}

/// The record with what each worker has found.
fn merged(mut record: BookingRecord, worked: Vec<Worked>) -> BookingRecord {
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
    record
}

/// What a push is about.
enum Target {
    /// The entry with this key, to be read and leased.
    Read(EntryKey),
    /// An entry that this worker has leased, and its booking.
    Leased(Box<(Booking, AgendaEntry)>),
}

/// Whether a push needs a reason.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Only what is due.
    Due,
    /// Only what is due, or due again at this time because it was handed out.
    HandedOut(DateTime<Utc>),
    /// What there is to do, due or not.
    Now,
    /// As if nothing were known of the event.
    Asked,
}

/// What came of a push.
enum Worked {
    /// The booking and its entry as they are now.
    Done(Box<(Booking, AgendaEntry)>),
    /// Another worker is at it: the entry stays due.
    Busy,
    /// There was nothing to do, or nothing that could be done now.
    Nothing,
}

/// What a push found or did at the calendar.
enum Outcome {
    /// The event of this generation in this calendar shows this version.
    Shown(CalendarRef, Placed, u32),
    /// The event showed this version before; this is how its conference stands.
    Read(Conference),
    /// Nothing of ours is there.
    Removed,
    /// Leftovers and attempts that are not the event itself have been looked after.
    Cleaned,
    /// The event of this generation was deleted: it is to be made anew under the next.
    Spent,
    /// Nothing can or should be done any more.
    GivenUp,
    /// The host has to connect again first.
    Parked,
    /// It failed in a way that may pass.
    Later(CalendarError),
}

/// One push of one entry.
struct Worker<'a> {
    app: &'a App,
    lease: Lease,
    mode: Mode,
    deadline: Instant,
}

impl<'a> Worker<'a> {
    fn new(app: &'a App, lease: Lease, mode: Mode, deadline: Instant) -> Self {
        Self { app, lease, mode, deadline }
    }

    async fn run(&self, target: Target) -> Result<Worked, StoreError> {
        let (mut key, mut leased) = match target {
            Target::Read(key) => (key, None),
            Target::Leased(pair) => (pair.1.key(), Some(*pair)),
        };
        let (mut rounds, mut spent) = (0, 0);
        while rounds < MAX_ROUNDS {
            let (booking, entry) = match leased.take() {
                Some(pair) => pair,
                None => match self.take(&mut key, rounds > 0).await? {
                    Taken::Leased(pair) => *pair,
                    Taken::Again => {
                        rounds += 1;
                        continue;
                    }
                    Taken::Not(worked) => return Ok(worked),
                },
            };
            let outcome = self.reconcile(&booking, &entry, spent).await?;
            if let Outcome::Later(error) = &outcome {
                tracing::warn!(booking = %booking.id, host = %entry.host, %error, "push to be tried again");
            }
            let is_spent = matches!(outcome, Outcome::Spent);
            let (booking, after) = self.record_conference(&booking, &entry, outcome).await?;
            match self.app.store.settle_entry(&entry, after, &self.lease).await {
                Ok(after) if is_spent => {
                    spent += 1;
                    leased = Some((booking, after));
                }
                Ok(after) => return Ok(Worked::Done(Box::new((booking, after)))),
                // Overtaken: nothing is recorded, and what is wanted now is read again.
                Err(StoreError::Conflict(_)) => rounds += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(Worked::Busy)
    }

    /// Reads the entry first, then its booking; takes the lease if both say the same and there is something to do. A worker
    /// that was overtaken wants to know what came of it in any case.
    async fn take(&self, key: &mut EntryKey, was_overtaken: bool) -> Result<Taken, StoreError> {
        let (store, now) = (&self.app.store, self.app.clock.now());
        let Some(entry) = store.entry(key).await? else {
            let Some(booking) = store.booking(&key.tenant, &key.booking).await? else {
                return Ok(Taken::Not(Worked::Nothing));
            };
            let current = EntryKey::of(&booking, &key.host);
            // Moved: its entry stands at the booking's start.
            return Ok(if current == *key {
                Taken::Not(Worked::Nothing)
            } else {
                *key = current;
                Taken::Again
            });
        };
        if !entry.is_free(Some(&self.lease.id), now) {
            return Ok(Taken::Not(Worked::Busy));
        }
        let is_mine = entry.lease.as_ref() == Some(&self.lease);
        let is_due = match self.mode {
            Mode::Due => entry.is_due(now),
            Mode::HandedOut(due_again_at) => entry.is_due(now) || entry.due_at == Some(due_again_at),
            Mode::Now | Mode::Asked => true,
        };
        if !is_mine && !is_due && !was_overtaken {
            return Ok(Taken::Not(Worked::Nothing));
        }
        let Some(booking) = store.booking(&key.tenant, &key.booking).await? else {
            return Ok(Taken::Not(Worked::Nothing));
        };
        if !entry.is_of(&booking) {
            *key = EntryKey::of(&booking, &key.host);
            return Ok(Taken::Again);
        }
        if !is_mine && !is_due {
            return Ok(Taken::Not(Worked::Done(Box::new((booking, entry)))));
        }
        let has_work = !entry.is_shown(&booking) || conference::is_awaited(&booking, &entry);
        let is_asked = self.mode == Mode::Asked && entry.wants_event();
        if !has_work && !is_asked {
            let mut after = AgendaEntry { due_at: None, lease: None, failures: 0, ..entry.clone() };
            keep_live_attempts(&mut after, now, false);
            let done = if after == entry { Ok(()) } else { store.change_entry(&entry, after.clone()).await };
            return match done {
                Ok(()) => Ok(Taken::Not(Worked::Done(Box::new((booking, after))))),
                Err(StoreError::Conflict(_)) => Ok(Taken::Again),
                Err(error) => Err(error),
            };
        }
        match store.lease_entry(&entry, &self.lease).await {
            Ok(leased) => Ok(Taken::Leased(Box::new((booking, leased)))),
            Err(StoreError::Conflict(_)) => Ok(Taken::Again),
            Err(error) => Err(error),
        }
    }

    async fn reconcile(
        &self,
        booking: &Booking,
        entry: &AgendaEntry,
        spent: u32,
    ) -> Result<Outcome, StoreError> {
        let standing = entry.standing().map(|link| &link.event.at);
        let pending = || entry.attempts.iter().map(|attempt| &attempt.at);
        let leftover = || entry.leftovers.iter().map(|event| &event.at);
        let wanted = entry.write_to.as_ref().filter(|_| entry.wants_event());
        let Some(at) = wanted.or(standing).or_else(|| pending().chain(leftover()).next()) else {
            return Ok(Outcome::Removed);
        };
        let found =
            self.app.store.integration_with_tokens(&booking.tenant, &entry.host, &at.integration).await?;
        let Some((integration, tokens)) = found else { return Ok(Outcome::GivenUp) };
        match integration.status {
            // The disconnect removes what was written.
            IntegrationStatus::Disconnected | IntegrationStatus::Pending => return Ok(Outcome::GivenUp),
            IntegrationStatus::NeedsReauth => return Ok(Outcome::Parked),
            IntegrationStatus::Connected | IntegrationStatus::Error => {}
        }
        let done = match Session::open_with(self.app, &integration, tokens, self.deadline).await {
            Ok(session) => {
                let event = Event { booking, entry, at, integration: &integration, session };
                event.bring_about(self.mode, spent).await
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(outcome) => {
                // A calendar other than the target is read by free/busy, which does not say whose an event is: after
                // one of ours changed there, it is to be read again.
                let has_changed = !matches!(outcome, Outcome::Read(_));
                if has_changed && integration.target_calendar.as_ref() != Some(&at.calendar) {
                    self.app.store.make_integration_due(&integration).await?;
                }
                Ok(outcome)
            }
            Err(AccessError::Calendar(CalendarError::Revoked)) => Ok(Outcome::Parked),
            Err(AccessError::Calendar(error)) => Ok(Outcome::Later(error)),
            Err(AccessError::Store(error)) => Err(error),
            Err(AccessError::Key(error)) => {
                tracing::warn!(booking = %booking.id, %error, "no key for a push");
                Ok(Outcome::Later(CalendarError::Unreachable))
            }
        }
    }

    /// The entry after an outcome, and the booking with how its conference stands; that is written here, before the
    /// outcome is, so that a push which dies in between does it again.
    async fn record_conference(
        &self,
        booking: &Booking,
        entry: &AgendaEntry,
        outcome: Outcome,
    ) -> Result<(Booking, AgendaEntry), StoreError> {
        let (after, conference) = apply_outcome(booking, entry, outcome, &self.lease, self.app.clock.now());
        let mut booking = booking.clone();
        if conference::is_of_organizer(&booking, entry) && conference != booking.conference {
            self.app.store.set_conference(&booking, conference.clone()).await?;
            booking.conference = conference;
        }
        Ok((booking, after))
    }
}

/// Whether an entry could be taken.
enum Taken {
    /// It is this worker's.
    Leased(Box<(Booking, AgendaEntry)>),
    /// It has changed: read again.
    Again,
    /// It could not, or need not be.
    Not(Worked),
}

/// The event of an entry at its calendar.
struct Event<'a> {
    booking: &'a Booking,
    entry: &'a AgendaEntry,
    at: &'a CalendarRef,
    integration: &'a Integration,
    session: Session<'a>,
}

impl Event<'_> {
    async fn bring_about(mut self, mode: Mode, spent: u32) -> Result<Outcome, AccessError> {
        let is_right = self.entry.standing().is_some_and(|link| {
            link.shown.version == self.booking.version && self.entry.write_to.as_ref() == Some(&link.event.at)
        });
        if !self.entry.wants_event() {
            self.remove().await
        } else if mode != Mode::Asked && self.entry.is_shown(self.booking) {
            self.look().await
        } else if mode != Mode::Asked && is_right {
            self.clean().await
        } else {
            self.show(spent).await
        }
    }

    /// Puts the event there, or brings it up to date.
    async fn show(&mut self, spent: u32) -> Result<Outcome, AccessError> {
        let calendar = calendar_id(self.at)?;
        let standing = self.entry.standing().filter(|link| link.event.at == *self.at);
        let generation = standing.map_or(self.entry.generation, |link| link.generation);
        let mut exists: Option<EventId> = standing.map(|link| event_id(&link.event)).transpose()?;
        let makes_meet = wants_meet(self.booking) && conference::is_of_organizer(self.booking, self.entry);
        let mut concessions = CONCESSIONS.into_iter().filter(|without| makes_meet || !without.conference);
        let mut without = Without { conference: false, guest: false };
        loop {
            let mut draft = render_event(self.booking, self.entry, self.integration, generation);
            // A new event has no conference, whatever an earlier one had.
            draft.conference = (draft.conference || (makes_meet && exists.is_none())) && !without.conference;
            draft.guest = draft.guest.filter(|_| !without.guest);
            let session = &mut self.session;
            let tried = match &exists {
                Some(id) => through!(session, update_event(&calendar, id, &draft)),
                None => through!(session, insert_event(&calendar, &draft)),
            };
            let error = match tried {
                Ok(placed) => return Ok(Outcome::Shown(self.at.clone(), placed, generation)),
                Err(AccessError::Calendar(error)) => error,
                Err(error) => return Err(error),
            };
            if matches!(error, CalendarError::Rejected { .. })
                && let Some(next) = concessions.next()
            {
                without = next;
                continue;
            }
            // Another push got there first, or somebody deleted the event: the calendar says which.
            let may_exist = matches!(error, CalendarError::Conflict | CalendarError::Changed);
            let may_be_deleted =
                exists.is_some() && matches!(error, CalendarError::Gone | CalendarError::NotFound);
            if !may_exist && !may_be_deleted {
                return Err(error.into());
            }
            let read = match &exists {
                Some(id) => through!(session, event(&calendar, id)),
                None => through!(session, find_event(&calendar, &draft)),
            };
            match read {
                Ok(_) if exists.is_some() => return Err(error.into()),
                Ok(placed) => exists = Some(placed.id),
                Err(AccessError::Calendar(CalendarError::Gone | CalendarError::NotFound))
                    if spent + 1 < MAX_GENERATIONS =>
                {
                    return Ok(Outcome::Spent);
                }
                Err(AccessError::Calendar(CalendarError::Gone)) => return Ok(Outcome::GivenUp),
                // A calendar that says of each name that it is taken, and then that it knows no such event, may come to
                // its senses: nobody has deleted anything.
                Err(AccessError::Calendar(CalendarError::NotFound)) => {
                    return Err(CalendarError::Conflict.into());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads the event for the sake of its conference. One that somebody has deleted, or taken the conference from,
    /// will have none.
    async fn look(&mut self) -> Result<Outcome, AccessError> {
        let Some(link) = self.entry.standing() else { return Ok(Outcome::Cleaned) };
        let (calendar, id) = (calendar_id(&link.event.at)?, event_id(&link.event)?);
        let session = &mut self.session;
        match through!(session, event(&calendar, &id)) {
            Ok(placed) => Ok(Outcome::Read(placed.conference.unwrap_or(Conference::Failed))),
            Err(AccessError::Calendar(CalendarError::Gone)) => Ok(Outcome::Read(Conference::Failed)),
            Err(error) => Err(error),
        }
    }

    /// Takes away everything of ours: the event that is recorded, and what attempts may have left.
    async fn remove(&mut self) -> Result<Outcome, AccessError> {
        if let Some(link) = self.entry.standing() {
            self.delete(&link.event, Notify::Guests).await?;
        }
        for event in &self.entry.leftovers {
            self.delete(event, Notify::Nobody).await?;
        }
        for attempt in &self.entry.attempts {
            self.delete_attempt(attempt, Notify::Guests, None).await?;
        }
        Ok(Outcome::Removed)
    }

    /// Takes away what is not the event itself.
    async fn clean(&mut self) -> Result<Outcome, AccessError> {
        for event in &self.entry.leftovers {
            self.delete(event, Notify::Nobody).await?;
        }
        let kept = self.entry.standing();
        for attempt in self.entry.attempts.iter().filter(|attempt| !self.entry.is_standing(attempt)) {
            self.delete_attempt(attempt, Notify::Nobody, kept).await?;
        }
        Ok(Outcome::Cleaned)
    }

    /// Looks for the event that an attempt may have made, and deletes it unless it is the one to be kept.
    async fn delete_attempt(
        &mut self,
        attempt: &Attempt,
        notify: Notify,
        kept: Option<&EventLink>,
    ) -> Result<(), AccessError> {
        let calendar = calendar_id(&attempt.at)?;
        let draft = render_event(self.booking, self.entry, self.integration, attempt.generation);
        let session = &mut self.session;
        match through!(session, find_event(&calendar, &draft)) {
            Ok(placed) => {
                let event = EventRef { at: attempt.at.clone(), event: placed.id.as_str().to_owned() };
                if kept.is_some_and(|link| link.event == event) {
                    return Ok(());
                }
                self.delete(&event, notify).await
            }
            Err(AccessError::Calendar(CalendarError::Gone | CalendarError::NotFound)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn delete(&mut self, event: &EventRef, notify: Notify) -> Result<(), AccessError> {
        let (calendar, id) = (calendar_id(&event.at)?, event_id(event)?);
        let session = &mut self.session;
        match through!(session, delete_event(&calendar, &id, notify)) {
            // Deleted before, by a person or by an earlier try.
            Ok(()) | Err(AccessError::Calendar(CalendarError::Gone | CalendarError::NotFound)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// What an event is written without.
#[derive(Clone, Copy)]
struct Without {
    conference: bool,
    guest: bool,
}

/// An address that the provider does not take, or a conference that it cannot make, must not cost the host the
/// event: the guest is in the description. Which of them it was is not said, so the least is left out first.
const CONCESSIONS: [Without; 3] = [
    Without { conference: true, guest: false },
    Without { conference: false, guest: true },
    Without { conference: true, guest: true },
];

fn calendar_id(at: &CalendarRef) -> Result<CalendarId, CalendarError> {
    at.calendar.parse().map_err(|_invalid| CalendarError::Unreadable)
}

fn event_id(event: &EventRef) -> Result<EventId, CalendarError> {
    event.event.parse().map_err(|_invalid| CalendarError::Unreadable)
}

/// The entry after an outcome, without the lease, and how the booking's conference stands.
fn apply_outcome(
    booking: &Booking,
    entry: &AgendaEntry,
    outcome: Outcome,
    lease: &Lease,
    now: DateTime<Utc>,
) -> (AgendaEntry, Option<Conference>) {
    let is_mine = |attempt: &Attempt| attempt.worker.id == lease.id;
    let mut after = AgendaEntry { lease: None, due_at: None, ..entry.clone() };
    let mut conference = booking.conference.clone();
    match outcome {
        Outcome::Shown(at, placed, generation) => {
            let event = EventRef { at, event: placed.id.as_str().to_owned() };
            let shown =
                Shown { version: booking.version, span: booking.span(), etag: placed.etag, absent: false };
            after.link = Some(EventLink { event, generation, shown });
            after.generation = after.generation.max(generation);
            after.seen_absent = false;
            after.failures = 0;
            after.attempts.retain(|attempt| !is_mine(attempt));
            conference = conference::on_pushed(booking, placed.conference);
            if conference == Some(Conference::Pending) && conference::is_of_organizer(booking, entry) {
                after.due_at = Some(conference::next_read(0, None, now));
            }
            keep_live_attempts(&mut after, now, false);
        }
        Outcome::Read(answer) => {
            let nth = entry.failures + 1;
            let answer = conference::on_polled(nth, answer);
            after.failures = if answer == Conference::Pending { nth } else { 0 };
            after.due_at = (answer == Conference::Pending).then(|| conference::next_read(nth, None, now));
            conference = Some(answer);
        }
        Outcome::Removed => {
            after.failures = 0;
            after.seen_absent |=
                after.link.is_some() || !after.attempts.is_empty() || !after.leftovers.is_empty();
            if let Some(link) = &mut after.link {
                link.shown =
                    Shown { version: booking.version, absent: true, etag: None, ..link.shown.clone() };
                after.generation = after.generation.max(link.generation + 1);
            }
            after.leftovers.clear();
            after.attempts.retain(|attempt| !is_mine(attempt));
            keep_live_attempts(&mut after, now, true);
            conference = conference::on_finished(booking);
        }
        Outcome::Cleaned => {
            after.failures = 0;
            after.leftovers.clear();
            after.attempts.retain(|attempt| !is_mine(attempt));
            keep_live_attempts(&mut after, now, true);
        }
        Outcome::Spent => {
            let generation = after.standing().map_or(after.generation, |link| link.generation);
            after.generation = after.generation.max(generation + 1);
            after.attempts.retain(|attempt| !is_mine(attempt));
            after.link = None;
            after = after.taken(lease);
        }
        Outcome::GivenUp => {
            after.failures = 0;
            after.attempts.retain(|attempt| !is_mine(attempt));
            conference = conference::on_finished(booking);
        }
        Outcome::Parked => {
            after.attempts.retain(|attempt| !is_mine(attempt));
            after.due_at = Some(now + PARKED_INTERVAL);
            give_up_after_the_end(booking, &mut after, now);
        }
        Outcome::Later(error) if conference::is_awaited(booking, entry) => {
            let nth = entry.failures + 1;
            let answer = conference::on_polled(nth, Conference::Pending);
            after.failures = nth;
            after.due_at =
                (answer == Conference::Pending).then(|| conference::next_read(nth, error.retry_after(), now));
            conference = Some(answer);
        }
        Outcome::Later(error) => {
            let may_have_arrived = matches!(error, CalendarError::Unreachable | CalendarError::Unreadable);
            after.attempts.retain(|attempt| !is_mine(attempt) || may_have_arrived);
            for attempt in after.attempts.iter_mut().filter(|attempt| is_mine(attempt)) {
                // This worker sends nothing more.
                attempt.worker.until = now;
            }
            after.failures = entry.failures.saturating_add(1);
            after.due_at = Some(now + pause(after.failures, error.retry_after()));
            give_up_after_the_end(booking, &mut after, now);
        }
    }
    (after, conference)
}

/// Keeps the attempts of workers that may still write, and comes back when they cannot. Of the others, those that have
/// been looked for are over, and so are those at the event that stands.
fn keep_live_attempts(entry: &mut AgendaEntry, now: DateTime<Utc>, were_looked_for: bool) {
    let is_kept = |attempt: &Attempt| {
        let is_live = now < attempt.worker.until + ATTEMPT_GRACE;
        is_live || !(were_looked_for || entry.is_standing(attempt))
    };
    entry.attempts = entry.attempts.iter().filter(|attempt| is_kept(attempt)).cloned().collect();
    let live_until = entry.attempts.iter().map(|attempt| attempt.worker.until + ATTEMPT_GRACE).max();
    let has_leftovers = !entry.leftovers.is_empty();
    let then = live_until.map(|until| until.max(now)).or_else(|| has_leftovers.then_some(now));
    entry.due_at = [entry.due_at, then].into_iter().flatten().min();
}

/// Pushes that cannot be finished end with the booking.
fn give_up_after_the_end(booking: &Booking, entry: &mut AgendaEntry, now: DateTime<Utc>) {
    if booking.span().end.instant() <= now {
        entry.due_at = None;
    }
}
