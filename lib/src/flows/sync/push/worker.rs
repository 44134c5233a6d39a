//! One push of one agenda entry: lease it, make the calendar agree, record what came of it.

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::event::Event;
use super::outcome::{Outcome, Settling, keep_live_attempts};
use crate::app::App;
use crate::calendars::CalendarError;
use crate::domain::{AgendaEntry, Booking, EntryKey, IntegrationStatus, Lease};
use crate::flows::integrations::session::{AccessError, Session};
use crate::flows::sync::conference;
use crate::store::StoreError;

/// How often one push begins again because the entry changed under it.
const MAX_ROUNDS: u32 = 3;

/// What a push is about.
pub(super) enum Target {
    /// The entry with this key, to be read and leased.
    Read(EntryKey),
    /// An entry that this worker has leased, and its booking.
    Leased(Box<(Booking, AgendaEntry)>),
}

/// Whether a push needs a reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
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
pub(super) enum Worked {
    /// The booking and its entry as they are now.
    Done(Box<(Booking, AgendaEntry)>),
    /// Another worker is at it: the entry stays due.
    Busy,
    /// There was nothing to do, or nothing that could be done now.
    Nothing,
    /// The time was up, and what has become of it is not known.
    Unfinished,
}

/// One push of one entry.
pub(super) struct Worker<'a> {
    app: &'a App,
    lease: Lease,
    mode: Mode,
    deadline: Instant,
}

impl<'a> Worker<'a> {
    pub(super) fn new(app: &'a App, lease: Lease, mode: Mode, deadline: Instant) -> Self {
        Self { app, lease, mode, deadline }
    }

    pub(super) async fn run(&self, target: Target) -> Result<Worked, StoreError> {
        let (mut key, mut leased) = match target {
            Target::Read(key) => (key, None),
            Target::Leased(pair) => (pair.1.key(), Some(*pair)),
        };
        let (mut rounds, mut spent, mut has_sent) = (0, 0, false);
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
            let outcome = self.reconcile(&booking, &entry, spent, &mut has_sent).await?;
            if let Outcome::Later(error) = &outcome {
                tracing::warn!(booking = %booking.id, host = %entry.host, %error, "push to be tried again");
            }
            let is_spent = matches!(outcome, Outcome::Spent);
            let (booking, after) = self.record_conference(&booking, &entry, outcome, has_sent).await?;
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
        let is_mine = entry.lease.as_ref().is_some_and(|lease| lease.id == self.lease.id);
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
        let has_work = entry.has_work(&booking, now) || conference::is_awaited(&booking, &entry);
        let is_asked = self.mode == Mode::Asked && entry.wants_event() && !booking.is_over(now);
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

    /// `has_sent` becomes true when a call to the calendar may have been made: an error does not say what an earlier try
    /// of the same call has done.
    async fn reconcile(
        &self,
        booking: &Booking,
        entry: &AgendaEntry,
        spent: u32,
        has_sent: &mut bool,
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
                *has_sent = true;
                let event = Event { booking, entry, at, integration: &integration, session };
                event.bring_about(self.mode == Mode::Asked, spent, self.app.clock.now()).await
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(outcome) => {
                if matches!(outcome, Outcome::GivenUp) {
                    // The calendar has said that the event is gone.
                    *has_sent = false;
                }
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
        has_sent: bool,
    ) -> Result<(Booking, AgendaEntry), StoreError> {
        let settling = Settling { booking, entry, lease: &self.lease, has_sent, now: self.app.clock.now() };
        let (after, conference) = settling.apply(outcome);
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
