//! What a push found or did, and the entry after it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::calendars::{CalendarError, Placed};
use crate::domain::{
    AgendaEntry, Attempt, Booking, CalendarRef, Conference, EventLink, EventRef, Lease, Leftover, Shown,
};
use crate::flows::sync::backoff::retry_at;
use crate::flows::sync::conference;

/// After its lease has ended, a silent worker's last call may take this long to arrive.
const ATTEMPT_GRACE: TimeDelta = TimeDelta::seconds(15);
const PARKED_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// What a push found or did at the calendar.
pub(super) enum Outcome {
    /// The event in this calendar shows this version.
    Shown {
        at: CalendarRef,
        placed: Box<Placed>,
        generation: u32,
        /// The event in another calendar whose place it takes.
        replaced: Option<Leftover>,
    },
    /// The event showed this version before; this is how its conference stands.
    Read(Conference),
    /// Nothing of ours is there, but for what could not be reached.
    Removed(Unreached),
    /// Leftovers and attempts that are not the event itself have been looked after, but for what could not be reached.
    Cleaned(Unreached),
    /// The event of this generation was deleted: it is to be made anew under the next.
    Spent,
    /// Nothing can or should be done any more.
    GivenUp,
    /// The host has to connect again first.
    Parked,
    /// It failed in a way that may pass.
    Later(CalendarError),
    /// The entry is not as it was leased any more: this push writes nothing.
    Overtaken,
}

/// What came of an event that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// It is gone.
    Done,
    /// Its account is to be connected again first.
    Parked,
    /// Its account was disconnected.
    Unreachable,
    /// It stands, because its provider would mail the guests of a booking that does.
    Kept(EventRef),
}

/// What was not removed: its account cannot be reached, or it is not to be.
#[derive(Default)]
pub(super) struct Unreached {
    /// Whether the recorded event is one of it.
    pub(super) link: bool,
    pub(super) leftovers: Vec<Leftover>,
    pub(super) attempts: Vec<Attempt>,
    /// Whether an account is only to be connected again.
    is_parked: bool,
}

impl Unreached {
    /// Notes what came of one event; whether it is still there.
    pub(super) fn add(&mut self, removed: &Removal) -> bool {
        self.is_parked |= *removed == Removal::Parked;
        *removed != Removal::Done
    }
}

/// An entry as it was leased, and who settles it.
pub(super) struct Settling<'a> {
    pub(super) booking: &'a Booking,
    pub(super) entry: &'a AgendaEntry,
    pub(super) lease: &'a Lease,
    /// Whether this worker may have called the calendar.
    pub(super) has_sent: bool,
    pub(super) now: DateTime<Utc>,
}

impl Settling<'_> {
    /// The entry after an outcome, without the lease, and how the booking's conference stands.
    pub(super) fn apply(&self, outcome: Outcome) -> (AgendaEntry, Option<Conference>) {
        let Self { booking, entry, .. } = *self;
        let conference = booking.conference.clone();
        match outcome {
            Outcome::Shown { at, placed, generation, replaced } => {
                self.shown(at, *placed, generation, replaced)
            }
            Outcome::Read(answer) => self.read(answer, entry.failures + 1, None),
            Outcome::Removed(unreached) => (self.removed(unreached), conference::on_finished(booking)),
            Outcome::Cleaned(unreached) => (self.cleaned(unreached), conference),
            Outcome::Spent => (self.spent(), conference),
            Outcome::GivenUp => {
                let after = AgendaEntry { failures: 0, ..self.with_what_may_stand() };
                (after, conference::on_finished(booking))
            }
            Outcome::Parked => (self.parked(), conference),
            Outcome::Later(error) if conference::is_awaited(booking, entry) => {
                let nth = entry.failures + 1;
                let (after, conference) = self.read(Conference::Pending, nth, error.retry_after());
                (AgendaEntry { failures: nth, ..after }, conference)
            }
            Outcome::Later(error) => (self.failed(&error), conference),
            Outcome::Overtaken => (entry.clone(), conference),
        }
    }

    fn is_own(&self, attempt: &Attempt) -> bool {
        attempt.worker.id == self.lease.id
    }

    fn without_lease(&self) -> AgendaEntry {
        AgendaEntry { lease: None, due_at: None, ..self.entry.clone() }
    }

    fn without_own_attempts(&self) -> AgendaEntry {
        let mut after = AgendaEntry { failures: 0, ..self.without_lease() };
        after.attempts.retain(|attempt| !self.is_own(attempt));
        after
    }

    fn shown(
        &self,
        at: CalendarRef,
        placed: Placed,
        generation: u32,
        replaced: Option<Leftover>,
    ) -> (AgendaEntry, Option<Conference>) {
        let Self { booking, entry, now, .. } = *self;
        let event = EventRef { at, event: placed.id.as_str().to_owned() };
        let shown =
            Shown { version: booking.version, span: booking.span(), etag: placed.etag, absent: false };
        let mut after = self.without_own_attempts();
        after.link = Some(EventLink { event, generation, shown });
        after.generation = after.generation.max(generation);
        after.seen_absent = false;
        after.silent = false;
        after.leftovers.extend(replaced);
        let conference = conference::on_pushed(booking, placed.conference);
        if conference == Some(Conference::Pending) && conference::is_of_organizer(booking, entry) {
            after.due_at = Some(conference::next_read(0, None, now));
        }
        keep_live_attempts(&mut after, now, false);
        (after, conference)
    }

    fn read(
        &self,
        answer: Conference,
        nth: u32,
        retry_after: Option<Duration>,
    ) -> (AgendaEntry, Option<Conference>) {
        let answer = conference::on_polled(nth, answer);
        let mut after = self.without_lease();
        let is_pending = answer == Conference::Pending;
        after.failures = if is_pending { nth } else { 0 };
        after.due_at = is_pending.then(|| conference::next_read(nth, retry_after, self.now));
        (after, Some(answer))
    }

    fn removed(&self, unreached: Unreached) -> AgendaEntry {
        let mut after = self.without_own_attempts();
        let AgendaEntry { link, attempts, leftovers, .. } = self.entry;
        after.seen_absent |= link.is_some() || !attempts.is_empty() || !leftovers.is_empty();
        if let Some(link) = after.link.as_mut().filter(|_| !unreached.link) {
            let version = self.booking.version;
            link.shown = Shown { version, absent: true, etag: None, ..link.shown.clone() };
            after.generation = after.generation.max(link.generation + 1);
        }
        self.keep(&mut after, unreached);
        after
    }

    /// Only what could not be reached is left, and what silent workers may still write.
    fn keep(&self, after: &mut AgendaEntry, unreached: Unreached) {
        // A name that was given up is not used again.
        let given_up = self.entry.attempts.iter().filter(|attempt| !after.is_standing(attempt));
        let next = given_up.map(|attempt| attempt.generation + 1).max();
        after.generation = after.generation.max(next.unwrap_or_default());
        after.leftovers = Vec::new();
        keep_live_attempts(after, self.now, true);
        let is_kept = |attempt: &Attempt| after.attempts.contains(attempt);
        let more: Vec<_> = unreached.attempts.into_iter().filter(|attempt| !is_kept(attempt)).collect();
        after.attempts.extend(more);
        after.leftovers = unreached.leftovers;
        if unreached.is_parked {
            let parked = self.unless_over(self.now + PARKED_INTERVAL);
            after.due_at = [after.due_at, parked].into_iter().flatten().min();
        }
    }

    fn cleaned(&self, unreached: Unreached) -> AgendaEntry {
        let mut after = self.without_own_attempts();
        self.keep(&mut after, unreached);
        if conference::is_awaited(self.booking, &after) {
            let next_read = conference::next_read(0, None, self.now);
            after.due_at = Some(after.due_at.map_or(next_read, |due_at| due_at.min(next_read)));
        }
        after
    }

    fn spent(&self) -> AgendaEntry {
        let mut after = AgendaEntry { failures: self.entry.failures, ..self.without_own_attempts() };
        let generation = after.standing().map_or(after.generation, |link| link.generation);
        after.generation = after.generation.max(generation + 1);
        after.link = None;
        after.taken(self.lease)
    }

    /// The entry with every attempt that may have left an event. Its own worker sends nothing more.
    fn with_what_may_stand(&self) -> AgendaEntry {
        let mut after = self.without_lease();
        after.attempts.retain(|attempt| !self.is_own(attempt) || self.has_sent);
        let Some(own) = after.attempts.iter_mut().find(|attempt| self.is_own(attempt)) else { return after };
        own.worker.until = self.now;
        // At the same event, one that is looked for later finds what an earlier one has left.
        let own = own.clone();
        let is_same = |attempt: &Attempt| attempt.at == own.at && attempt.generation == own.generation;
        after.attempts.retain(|attempt| {
            self.is_own(attempt) || !is_same(attempt) || self.now < attempt.worker.until + ATTEMPT_GRACE
        });
        after
    }

    fn parked(&self) -> AgendaEntry {
        let mut after = self.with_what_may_stand();
        after.due_at = self.unless_over(self.now + PARKED_INTERVAL);
        after
    }

    fn failed(&self, error: &CalendarError) -> AgendaEntry {
        let mut after = self.with_what_may_stand();
        after.failures = self.entry.failures.saturating_add(1);
        after.due_at = self.unless_over(retry_at(after.failures, error.retry_after(), self.now));
        after
    }

    /// Pushes that cannot be finished end with the booking.
    fn unless_over(&self, due_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.now < self.booking.span().end.instant()).then_some(due_at)
    }
}

/// Keeps the attempts of workers that may still write, and comes back when they cannot. Of the others, those that have
/// been looked for are over, and so are those at the event that stands.
pub(super) fn keep_live_attempts(entry: &mut AgendaEntry, now: DateTime<Utc>, were_looked_for: bool) {
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
