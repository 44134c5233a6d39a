//! One push of one agenda entry: lease it, make the calendar agree, record what came of it.

use chrono::{DateTime, Utc};
use futures::future::try_join;
use tokio::time::Instant;

use super::accounts::Accounts;
use super::event::Event;
use super::outcome::{Outcome, Settling, keep_live_attempts};
use crate::app::App;
use crate::calendars::CalendarError;
use crate::domain::{AgendaEntry, Booking, EntryKey, Lease};
use crate::flows::integrations::session::AccessError;
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
            Target::Leased(pair) => (pair.1.key(), self.ask_again(*pair).await?),
        };
        let (mut rounds, mut spent, mut is_first) = (0, 0, true);
        while rounds < MAX_ROUNDS {
            let Leased { booking, entry, mut accounts } = match leased.take() {
                Some(leased) => leased,
                None => match self.take(&mut key, rounds > 0).await? {
                    Taken::Leased(leased) => *leased,
                    Taken::Again => {
                        rounds += 1;
                        continue;
                    }
                    Taken::Not(worked) => return Ok(worked),
                },
            };
            let is_asked = self.mode == Mode::Asked && is_first;
            is_first = false;
            let outcome = self.reconcile(&booking, &entry, &mut accounts, is_asked, spent).await?;
            if let Outcome::Overtaken = outcome {
                rounds += 1;
                continue;
            }
            if let Outcome::Later(error) = &outcome {
                tracing::warn!(booking = %booking.id, host = %entry.host, %error, "push to be tried again");
            }
            let is_spent = matches!(outcome, Outcome::Spent);
            // What the new event replaces goes at once, now that the new one is recorded.
            let goes_on = is_spent || matches!(outcome, Outcome::Shown { replaced: Some(_), .. });
            // Of one that was given up the calendar has said that it is gone.
            let has_sent = accounts.has_sent() && !matches!(outcome, Outcome::GivenUp);
            let (booking, mut after) = self.record_conference(&booking, &entry, outcome, has_sent).await?;
            if goes_on && after.lease.is_none() {
                after.lease = Some(self.lease.clone());
                after.due_at = Some(self.lease.until);
            }
            match self.app.store.settle_entry(&entry, after, &self.lease).await {
                Ok(entry) if goes_on => {
                    spent += u32::from(is_spent);
                    leased = Some(Leased { booking, entry, accounts });
                }
                Ok(after) => return Ok(Worked::Done(Box::new((booking, after)))),
                // Overtaken: nothing is recorded, and what is wanted now is read again.
                Err(StoreError::Conflict(_)) => rounds += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(Worked::Busy)
    }

    /// What a request has leased in its own transaction, if its host's bookings are still written where it had read. If not,
    /// the lease is given back, and the entry stays due.
    async fn ask_again(
        &self,
        (booking, entry): (Booking, AgendaEntry),
    ) -> Result<Option<Leased<'a>>, StoreError> {
        let accounts = self.accounts(&entry).await?;
        let now = accounts.as_written_now(&entry);
        if now.write_to == entry.write_to {
            return Ok(Some(Leased { booking, entry, accounts }));
        }
        let given_back = AgendaEntry { lease: None, due_at: Some(self.app.clock.now()), ..entry.clone() };
        match self.app.store.settle_entry(&entry, given_back, &self.lease).await {
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn accounts(&self, entry: &AgendaEntry) -> Result<Accounts<'a>, StoreError> {
        let found = self.app.store.host_accounts(&entry.tenant, &entry.host).await?;
        Ok(Accounts::new(self.app, found, self.deadline))
    }

    /// Reads the entry first, then its booking and where the host's bookings are written; takes the lease if entry and
    /// booking say the same and there is something to do. A worker that was overtaken wants to know what came of it in any
    /// case.
    async fn take(&self, key: &mut EntryKey, was_overtaken: bool) -> Result<Taken<'a>, StoreError> {
        let (store, now) = (&self.app.store, self.app.clock.now());
        let Some(read) = store.entry(key).await? else {
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
        if !read.is_free(Some(&self.lease.id), now) {
            return Ok(Taken::Not(Worked::Busy));
        }
        let is_mine = read.lease.as_ref().is_some_and(|lease| lease.id == self.lease.id);
        let is_due = match self.mode {
            Mode::Due => read.is_due(now),
            Mode::HandedOut(due_again_at) => read.is_due(now) || read.due_at == Some(due_again_at),
            Mode::Now | Mode::Asked => true,
        };
        if !is_mine && !is_due && !was_overtaken {
            return Ok(Taken::Not(Worked::Nothing));
        }
        let (booking, accounts) =
            try_join(store.booking(&key.tenant, &key.booking), self.accounts(&read)).await?;
        let Some(booking) = booking else { return Ok(Taken::Not(Worked::Nothing)) };
        if !read.is_of(&booking) {
            *key = EntryKey::of(&booking, &key.host);
            return Ok(Taken::Again);
        }
        if !is_mine && !is_due {
            return Ok(Taken::Not(Worked::Done(Box::new((booking, read)))));
        }
        let entry = accounts.as_written_now(&read);
        let has_work = entry.has_work(&booking, now) || conference::is_awaited(&booking, &entry);
        let is_asked = self.mode == Mode::Asked && entry.wants_event() && !booking.is_over(now);
        if !has_work && !is_asked {
            return self.put_aside(&read, entry, booking).await;
        }
        match store.lease_entry(&read, entry, &self.lease).await {
            Ok(entry) => Ok(Taken::Leased(Box::new(Leased { booking, entry, accounts }))),
            Err(StoreError::Conflict(_)) => Ok(Taken::Again),
            Err(error) => Err(error),
        }
    }

    /// Records that nothing is to be done about an entry.
    async fn put_aside(
        &self,
        read: &AgendaEntry,
        entry: AgendaEntry,
        booking: Booking,
    ) -> Result<Taken<'a>, StoreError> {
        let mut after = AgendaEntry { due_at: None, lease: None, failures: 0, ..entry };
        keep_live_attempts(&mut after, self.app.clock.now(), false);
        let is_so = after == *read;
        let done = if is_so { Ok(()) } else { self.app.store.change_entry(read, after.clone()).await };
        match done {
            Ok(()) => Ok(Taken::Not(Worked::Done(Box::new((booking, after))))),
            Err(StoreError::Conflict(_)) => Ok(Taken::Again),
            Err(error) => Err(error),
        }
    }

    async fn reconcile(
        &self,
        booking: &Booking,
        entry: &AgendaEntry,
        accounts: &mut Accounts<'a>,
        is_asked: bool,
        spent: u32,
    ) -> Result<Outcome, StoreError> {
        let event = Event { app: self.app, lease: &self.lease, booking, entry, accounts };
        match event.bring_about(is_asked, spent, self.app.clock.now()).await {
            Ok(outcome) => Ok(outcome),
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

/// An entry under this worker's lease, with its booking and the accounts that it may reach.
struct Leased<'a> {
    booking: Booking,
    entry: AgendaEntry,
    accounts: Accounts<'a>,
}

/// Whether an entry could be taken.
enum Taken<'a> {
    /// It is this worker's.
    Leased(Box<Leased<'a>>),
    /// It has changed: read again.
    Again,
    /// It could not, or need not be.
    Not(Worked),
}
