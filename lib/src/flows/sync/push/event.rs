//! An entry's event at its calendar: shown, read, or removed with all that attempts may have left.

use chrono::{DateTime, Utc};

use super::outcome::Outcome;
use crate::calendars::{CalendarError, CalendarId, EventId, Notify};
use crate::domain::{
    AgendaEntry, Attempt, Booking, CalendarRef, Conference, EventLink, EventRef, Integration,
};
use crate::flows::integrations::session::{AccessError, Session, through};
use crate::flows::sync::conference;
use crate::flows::sync::render_event::{render_event, wants_meet};

/// Events deleted by hand this many times in a row are not put back again.
const MAX_GENERATIONS: u32 = 8;

/// The event of an entry at its calendar.
pub(super) struct Event<'a> {
    pub(super) booking: &'a Booking,
    pub(super) entry: &'a AgendaEntry,
    pub(super) at: &'a CalendarRef,
    pub(super) integration: &'a Integration,
    pub(super) session: Session<'a>,
}

impl Event<'_> {
    /// `asked`: as if nothing were known of the event. `spent`: how often this push has found it deleted.
    pub(super) async fn bring_about(
        mut self,
        asked: bool,
        spent: u32,
        now: DateTime<Utc>,
    ) -> Result<Outcome, AccessError> {
        let standing = self.entry.standing();
        let is_right = standing.is_some_and(|link| {
            link.shown.version == self.booking.version && self.entry.write_to.as_ref() == Some(&link.event.at)
        });
        // Nothing new is shown of a booking that is over.
        let is_over = self.booking.is_over(now);
        if !self.entry.wants_event() {
            self.remove().await
        } else if !asked && self.entry.is_shown(self.booking) {
            self.look().await
        } else if is_over && standing.is_none() && !self.booking.is_erased() {
            self.find().await
        } else if is_over || !asked && is_right {
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
                Err(AccessError::Calendar(refused)) => {
                    return self.refused(&calendar, refused, exists.is_some(), spent).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The event that was to be written could not be read: one that was deleted is made anew.
    async fn refused(
        &mut self,
        calendar: &CalendarId,
        error: CalendarError,
        existed: bool,
        spent: u32,
    ) -> Result<Outcome, AccessError> {
        if existed && matches!(error, CalendarError::NotFound) {
            self.calendar_is_there(calendar).await?;
        }
        let is_deleted = matches!(error, CalendarError::Gone | CalendarError::NotFound);
        if is_deleted && spent + 1 < MAX_GENERATIONS {
            return Ok(Outcome::Spent);
        }
        if matches!(error, CalendarError::Gone) {
            return Ok(Outcome::GivenUp);
        }
        // A calendar that says of each name that it is taken, and then that it knows no such event, may come to its
        // senses: nobody has deleted anything.
        let says_both = matches!(error, CalendarError::NotFound);
        Err(if says_both { CalendarError::Conflict } else { error }.into())
    }

    /// Looks for an event of this time that an earlier attempt may have made, and makes none. Others are taken away.
    async fn find(&mut self) -> Result<Outcome, AccessError> {
        for attempt in self.entry.attempts.iter().filter(|attempt| attempt.span == self.entry.span()) {
            let calendar = calendar_id(&attempt.at)?;
            let draft = render_event(self.booking, self.entry, self.integration, attempt.generation);
            let session = &mut self.session;
            match through!(session, find_event(&calendar, &draft)) {
                Ok(placed) => return Ok(Outcome::Shown(attempt.at.clone(), placed, attempt.generation)),
                Err(AccessError::Calendar(CalendarError::Gone)) => {}
                Err(AccessError::Calendar(CalendarError::NotFound)) => {
                    self.calendar_is_there(&calendar).await?;
                }
                Err(error) => return Err(error),
            }
        }
        self.clean().await
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
            Err(AccessError::Calendar(CalendarError::Gone)) => Ok(()),
            Err(AccessError::Calendar(CalendarError::NotFound)) => self.calendar_is_there(&calendar).await,
            Err(error) => Err(error),
        }
    }

    async fn delete(&mut self, event: &EventRef, notify: Notify) -> Result<(), AccessError> {
        let (calendar, id) = (calendar_id(&event.at)?, event_id(event)?);
        let session = &mut self.session;
        match through!(session, delete_event(&calendar, &id, notify)) {
            // Deleted before, by a person or by an earlier try.
            Ok(()) | Err(AccessError::Calendar(CalendarError::Gone)) => Ok(()),
            Err(AccessError::Calendar(CalendarError::NotFound)) => self.calendar_is_there(&calendar).await,
            Err(error) => Err(error),
        }
    }

    /// After "not found" of an event: whether that is because its whole calendar is not shown to us, for a while or for good.
    /// Then the event may still stand.
    async fn calendar_is_there(&mut self, calendar: &CalendarId) -> Result<(), AccessError> {
        let session = &mut self.session;
        let is_there = through!(session, has_calendar(calendar))?;
        if is_there { Ok(()) } else { Err(CalendarError::NotFound.into()) }
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
