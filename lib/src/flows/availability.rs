//! What is known of a host's time, put together: hours, claims, busy bits, and how far each can be believed.
//!
//! The rule it keeps: what no active integration has read, or has read too long ago, is blocked.

use chrono::{DateTime, Utc};

use crate::domain::slots::{Refusal, Timeline, offered};
use crate::domain::{DayState, EventType, Freshness, Span, Tick, Ticks};
use crate::store::HostItems;

/// Why nothing is offered, where the answer is not just "taken".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// An active calendar has never been read, or too long ago.
    Calendar,
}

impl Unavailable {
    /// The stable word in bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calendar => "calendar-unavailable",
        }
    }
}

/// Why a start cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Before now or within the notice.
    #[error("the start lies in the past or within the minimum notice")]
    TooSoon,
    /// Past the booking window.
    #[error("the start lies beyond the booking window")]
    TooLate,
    /// Outside the hours, or not on the event type's interval.
    #[error("the event type offers no slot at this start")]
    NotOffered,
    /// Claimed or busy.
    #[error("the slot is taken")]
    Taken,
    /// The calendar cannot be believed at present.
    #[error("a calendar of the host cannot be read at present")]
    CalendarUnavailable,
}

/// A host and some of its days, as read together.
#[derive(Clone, Debug)]
pub(super) struct Availability {
    pub(super) host: HostItems,
    pub(super) days: Vec<DayState>,
    pub(super) now: DateTime<Utc>,
}

impl Availability {
    /// Whether some active calendar is wholly unknown at present.
    pub(super) fn unavailable(&self) -> Option<Unavailable> {
        let unknown = self.host.active().any(|integration| {
            integration.synced.is_none() || integration.freshness(self.now) == Freshness::Stale
        });
        unknown.then_some(Unavailable::Calendar)
    }

    /// Everything in `span` that is claimed, busy or unknown.
    pub(super) fn blocked(&self, span: Span) -> Timeline {
        let mut timeline = Timeline::over(span);
        let active = self.host.active().map(|integration| &integration.id);
        for day in &self.days {
            day.block(&mut timeline, &active, self.now);
        }
        for integration in self.host.active() {
            match integration.synced {
                Some(synced) if integration.freshness(self.now) != Freshness::Stale => {
                    timeline.block(Span::new(span.start, synced.start.min(span.end)));
                    timeline.block(Span::new(synced.end.max(span.start), span.end));
                }
                _ => timeline.block(span),
            }
        }
        timeline
    }

    /// Whether a start may be taken, by the same rules by which slots are offered.
    pub(super) fn may_take(&self, event_type: &EventType, start: Tick, length: Ticks) -> Result<(), Refused> {
        let blocked = self.blocked(event_type.claim(start, length));
        let schedule = &self.host.host.schedule;
        match offered(schedule, event_type, length, self.now, &blocked, start) {
            Ok(()) => Ok(()),
            Err(Refusal::TooSoon) => Err(Refused::TooSoon),
            Err(Refusal::TooLate) => Err(Refused::TooLate),
            Err(Refusal::NotOffered) => Err(Refused::NotOffered),
            Err(Refusal::Taken) if self.unavailable().is_some() => Err(Refused::CalendarUnavailable),
            Err(Refusal::Taken) => Err(Refused::Taken),
        }
    }

    /// Whether what is already ours may become a booking: nothing busy under it, all of it known.
    pub(super) fn may_keep(&self, claim: Span) -> Result<(), Refused> {
        if self.host.active().any(|integration| !integration.knows(claim, self.now)) {
            return Err(Refused::CalendarUnavailable);
        }
        let is_busy = self.host.active().any(|integration| {
            claim.by_day().any(|cells| {
                let day = self.days.iter().find(|state| state.day == cells.day);
                day.is_some_and(|day| day.busy_of(&integration.id).any(cells.from, cells.to))
            })
        });
        if is_busy { Err(Refused::Taken) } else { Ok(()) }
    }
}
