//! An entry's event at its calendar: shown, read, or removed with all that attempts may have left.
//!
//! What stands in a calendar whose account cannot be reached stays recorded: it is removed when the account is connected
//! again.

use chrono::{DateTime, Utc};

use super::accounts::{Accounts, Reach};
use super::outcome::{Outcome, Removal, Unreached};
use crate::app::App;
use crate::calendars::{
    CalendarError, CalendarId, Deletion, EventDraft, EventId, Known, Notify, Placed, Put,
};
use crate::domain::{
    AgendaEntry, Attempt, Booking, CalendarRef, Conference, EventLink, EventRef, Integration, Lease, Leftover,
};
use crate::flows::integrations::session::{AccessError, Session, through};
use crate::flows::sync::conference;
use crate::flows::sync::render_event::{render_event, wants_conference};

/// Under so many names in a row one push tries to make an event that is said to have been deleted.
const MAX_GENERATIONS: u32 = 8;
/// How often an event that changes while it is written or removed is looked at again.
const MAX_LOOKS: u32 = 3;

/// The event of an entry at its calendar.
pub(super) struct Event<'e, 'a> {
    pub(super) app: &'a App,
    /// The lease under which the entry is.
    pub(super) lease: &'e Lease,
    pub(super) booking: &'e Booking,
    pub(super) entry: &'e AgendaEntry,
    pub(super) accounts: &'e mut Accounts<'a>,
}

impl<'a> Event<'_, 'a> {
    /// `asked`: as if nothing were known of the event. `spent`: how often this push has found it deleted.
    pub(super) async fn bring_about(
        mut self,
        asked: bool,
        spent: u32,
        now: DateTime<Utc>,
    ) -> Result<Outcome, AccessError> {
        let standing = self.entry.standing();
        let is_shown = standing.is_some_and(|link| link.shown.version == self.booking.version);
        let is_right = is_shown && self.entry.stands_at_target();
        // Nothing new is shown of a booking that is over.
        let is_over = self.booking.is_over(now);
        let Some(target) = self.entry.target() else { return self.remove().await };
        if !asked && self.entry.is_shown(self.booking) {
            self.look().await
        } else if is_over && standing.is_none() && !self.booking.is_erased() {
            self.find().await
        } else if is_over || !asked && is_right {
            self.clean().await
        } else {
            match self.accounts.reach(target).await? {
                Reach::Open(_) => self.show(target, asked, spent).await,
                Reach::Parked => Ok(Outcome::Parked),
                Reach::Gone => Ok(Outcome::GivenUp),
            }
        }
    }

    /// Puts the event there, or brings it up to date. One that stands in another calendar is to be removed from there
    /// once the new one is recorded: if it went first and this push died, its end would look like somebody's deletion.
    async fn show(&mut self, target: &CalendarRef, asked: bool, spent: u32) -> Result<Outcome, AccessError> {
        let calendar = calendar_id(target)?;
        let standing = self.entry.standing();
        let replaced = match standing.filter(|link| link.event.at != *target) {
            Some(link) => self.leftover(&link.event).await,
            None => None,
        };
        let standing = standing.filter(|link| link.event.at == *target);
        let generation = standing.map_or_else(|| self.entry.next_generation(), |link| link.generation);
        let known = |link: &EventLink| known(&link.event, link.shown.etag.clone());
        let mut known: Option<Known> = standing.map(known).transpose()?;
        let is_silent = standing.is_none() && self.entry.silent;
        let notify = if is_silent { Notify::Nobody } else { Notify::Guests };
        let makes_conference =
            wants_conference(self.booking) && conference::is_of_organizer(self.booking, self.entry);
        let mut concessions =
            CONCESSIONS.into_iter().filter(|without| makes_conference || !without.conference);
        let mut without = Without { conference: false, guest: false };
        let mut looks = 0;
        let placed = loop {
            let mut draft = render_event(self.booking, self.entry, &target.integration, generation);
            let session = self.open(target).await?;
            // A new event has no conference, whatever an earlier one had.
            let is_asked_for = draft.conference || (makes_conference && known.is_none());
            draft.conference = is_asked_for && session.capabilities().conference && !without.conference;
            draft.guest = draft.guest.filter(|_| !without.guest);
            match through!(session, put_event(&calendar, &draft, known.as_ref(), notify)) {
                Ok(Put::Placed(placed)) => break placed,
                Ok(Put::Deleted) if spent + 1 < MAX_GENERATIONS => return Ok(Outcome::Spent),
                // A calendar that says so of every name may come to its senses.
                Ok(Put::Deleted) => return Err(CalendarError::Conflict.into()),
                // Of a write whose answer was lost: a second one would mail the guest once more.
                Ok(Put::Changed(placed)) if !asked && shows(&placed, &draft) => break placed,
                Ok(Put::Changed(_)) if looks == MAX_LOOKS => return Err(CalendarError::Changed.into()),
                // Somebody has changed it, be it a guest who answered: it is written as it is seen now, if this push
                // may still write.
                Ok(Put::Changed(placed)) => {
                    looks += 1;
                    if !self.is_leased().await? {
                        return Ok(Outcome::Overtaken);
                    }
                    known = Some(placed.known());
                }
                Err(AccessError::Calendar(CalendarError::Rejected { reason })) => {
                    without = concessions.next().ok_or(CalendarError::Rejected { reason })?;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(Outcome::Shown { at: target.clone(), placed: Box::new(placed), generation, replaced })
    }

    /// Whether the entry is still as this push has leased it.
    async fn is_leased(&self) -> Result<bool, AccessError> {
        let read = self.app.store.entry(&self.entry.key()).await?;
        Ok(read.is_some_and(|now| {
            now.rev == self.entry.rev && now.lease.is_some_and(|lease| lease.id == self.lease.id)
        }))
    }

    /// Looks for an event of this time that an earlier attempt may have made, and makes none. Others are taken away.
    async fn find(&mut self) -> Result<Outcome, AccessError> {
        for attempt in self.entry.attempts.iter().filter(|attempt| attempt.span == self.entry.span()) {
            if !matches!(self.accounts.reach(&attempt.at).await?, Reach::Open(_)) {
                continue;
            }
            if let Some(placed) = self.find_attempt(attempt).await? {
                let (at, placed, generation) = (attempt.at.clone(), Box::new(placed), attempt.generation);
                return Ok(Outcome::Shown { at, placed, generation, replaced: None });
            }
        }
        self.clean().await
    }

    /// Reads the event for the sake of its conference. One that somebody has deleted, or taken the conference from,
    /// will have none.
    async fn look(&mut self) -> Result<Outcome, AccessError> {
        let Some(link) = self.entry.standing() else { return Ok(Outcome::Cleaned(Unreached::default())) };
        match self.accounts.reach(&link.event.at).await? {
            Reach::Open(session) => {
                let conference = read(session, &link.event).await?.and_then(|placed| placed.conference);
                Ok(Outcome::Read(conference.unwrap_or(Conference::Failed)))
            }
            Reach::Parked => Ok(Outcome::Parked),
            Reach::Gone => Ok(Outcome::GivenUp),
        }
    }

    /// Takes away everything of ours: the event that is recorded, and what attempts may have left. The guest hears of
    /// it when the booking was called off.
    async fn remove(&mut self) -> Result<Outcome, AccessError> {
        let is_called_off = !self.entry.status.wants_event();
        let notify = if is_called_off { Notify::Guests } else { Notify::Nobody };
        let mut unreached = Unreached::default();
        if let Some(link) = self.entry.standing() {
            let removed = self.delete(&link.event, None, notify).await?;
            unreached.link = unreached.add(&removed);
        }
        self.take_away_rest(notify, &mut unreached).await?;
        Ok(Outcome::Removed(unreached))
    }

    /// Takes away what is not the event itself.
    async fn clean(&mut self) -> Result<Outcome, AccessError> {
        let mut unreached = Unreached::default();
        self.take_away_rest(Notify::Nobody, &mut unreached).await?;
        Ok(Outcome::Cleaned(unreached))
    }

    async fn take_away_rest(&mut self, notify: Notify, unreached: &mut Unreached) -> Result<(), AccessError> {
        let entry = self.entry;
        let standing = entry.standing().filter(|_| entry.wants_event());
        for leftover in &entry.leftovers {
            if standing.is_some_and(|link| link.event == leftover.event) {
                continue;
            }
            let removed = self.delete(&leftover.event, leftover.etag.clone(), Notify::Nobody).await?;
            if unreached.add(&removed) {
                unreached.leftovers.push(leftover.clone());
            }
        }
        for attempt in &entry.attempts {
            if standing.is_some() && entry.is_standing(attempt) {
                continue;
            }
            match self.delete_attempt(attempt, notify).await? {
                // Found, it is known by its name.
                Removal::Kept(event) => unreached.leftovers.push(Leftover { event, etag: None }),
                removed @ (Removal::Done | Removal::Parked | Removal::Unreachable) => {
                    if unreached.add(&removed) {
                        unreached.attempts.push(attempt.clone());
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks for the event that an attempt may have made, and deletes it unless it is the one that is to stand.
    async fn delete_attempt(&mut self, attempt: &Attempt, notify: Notify) -> Result<Removal, AccessError> {
        match self.accounts.reach(&attempt.at).await? {
            Reach::Open(_) => {}
            Reach::Parked => return Ok(Removal::Parked),
            Reach::Gone => return Ok(Removal::Unreachable),
        }
        let Some(placed) = self.find_attempt(attempt).await? else { return Ok(Removal::Done) };
        let event = EventRef { at: attempt.at.clone(), event: placed.id.as_str().to_owned() };
        let kept = self.entry.standing().filter(|_| self.entry.wants_event());
        if kept.is_some_and(|link| link.event == event) {
            return Ok(Removal::Done);
        }
        self.delete(&event, None, notify).await
    }

    /// The event that an attempt has made, if it stands.
    async fn find_attempt(&mut self, attempt: &Attempt) -> Result<Option<Placed>, AccessError> {
        let calendar = calendar_id(&attempt.at)?;
        let draft = render_event(self.booking, self.entry, &attempt.at.integration, attempt.generation);
        let session = self.open(&attempt.at).await?;
        through!(session, find_event(&calendar, &draft.key))
    }

    /// An event that is to be removed, as it is now; `None` when it is gone. What its calendar does not say at present, it
    /// is asked again when the event is removed.
    async fn leftover(&mut self, event: &EventRef) -> Option<Leftover> {
        let leftover = |etag| Some(Leftover { event: event.clone(), etag });
        match self.accounts.reach(&event.at).await {
            Ok(Reach::Open(session)) => match read(session, event).await {
                Ok(placed) => leftover(placed?.etag),
                Err(_) => leftover(None),
            },
            Ok(Reach::Parked | Reach::Gone) | Err(_) => leftover(None),
        }
    }

    /// Deletes an event as it was seen, if it was; one that has changed since is looked at again. Where the provider would
    /// tell the guests of a booking that stands, it is kept, unless somebody has chosen that they be told.
    async fn delete(
        &mut self,
        event: &EventRef,
        etag: Option<String>,
        notify: Notify,
    ) -> Result<Removal, AccessError> {
        let (calendar, mut known) = (calendar_id(&event.at)?, known(event, etag)?);
        let must_be_silent = self.entry.status.wants_event() && !self.accounts.may_mail_guests(&event.at);
        for _ in 0..=MAX_LOOKS {
            let session = match self.accounts.reach(&event.at).await? {
                Reach::Open(session) => session,
                Reach::Parked => return Ok(Removal::Parked),
                Reach::Gone => return Ok(Removal::Unreachable),
            };
            if must_be_silent && !session.capabilities().silent_delete {
                return Ok(Removal::Kept(event.clone()));
            }
            match through!(session, delete_event(&calendar, &known, notify)) {
                Ok(Deletion::Done) => return Ok(Removal::Done),
                Ok(Deletion::Changed(placed)) => known = placed.known(),
                Err(AccessError::Calendar(CalendarError::Revoked)) => {
                    let is_live =
                        self.accounts.integration(&event.at.integration).is_some_and(Integration::is_live);
                    return Ok(if is_live { Removal::Parked } else { Removal::Unreachable });
                }
                Err(error) => return Err(error),
            }
        }
        Err(CalendarError::Changed.into())
    }

    /// The account of a calendar that was reached before.
    async fn open(&mut self, at: &CalendarRef) -> Result<&mut Session<'a>, AccessError> {
        match self.accounts.reach(at).await? {
            Reach::Open(session) => Ok(session),
            Reach::Parked | Reach::Gone => Err(CalendarError::Revoked.into()),
        }
    }
}

/// Whether an event shows what the draft does, as we have written it.
fn shows(placed: &Placed, draft: &EventDraft) -> bool {
    placed.written == Some(draft.written()) && placed.span() == draft.written().span
}

/// What a calendar says of an event, if it stands.
async fn read(session: &mut Session<'_>, event: &EventRef) -> Result<Option<Placed>, AccessError> {
    let (calendar, id) = (calendar_id(&event.at)?, event_id(event)?);
    through!(session, event(&calendar, &id))
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

fn known(event: &EventRef, etag: Option<String>) -> Result<Known, CalendarError> {
    Ok(Known { id: event_id(event)?, etag })
}

fn event_id(event: &EventRef) -> Result<EventId, CalendarError> {
    event.event.parse().map_err(|_invalid| CalendarError::Unreadable)
}
