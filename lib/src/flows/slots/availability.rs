//! What is known of a host's time, put together: hours, claims, busy bits, and how far each can be believed.
//!
//! The rule it keeps: what no active integration has read, or has read too long ago, is blocked.

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::slots::{Refusal, Timeline, offered, starts};
use crate::domain::zone::local_days;
use crate::domain::{Claim, Claimed, Day, DayState, EventType, Freshness, Span, Tick, Ticks};
use crate::store::{HostDays, HostItems};

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
    /// As many bookings as are taken on one day.
    #[error("the event type takes no more bookings on that day")]
    DayFull,
    /// Too much of the day sits in holds that nobody has confirmed yet.
    #[error("too much of the host's day is held at present")]
    TooManyHolds {
        /// Seconds until the first of them ends.
        seconds: u32,
    },
    /// The calendar cannot be believed at present.
    #[error("a calendar of the host cannot be read at present")]
    CalendarUnavailable,
}

/// A host and some of its days, as read together.
#[derive(Clone, Debug)]
pub(in crate::flows) struct Availability {
    pub(in crate::flows) host: HostItems,
    pub(in crate::flows) days: HostDays,
    pub(in crate::flows) now: DateTime<Utc>,
}

/// The days to read for slots in this time, and for the counters of all local dates that it touches.
pub(in crate::flows) fn days_of(event_type: &EventType, around: Span) -> (Day, Day) {
    let (first, last) = (around.start.day(), around.end.day());
    match event_type.max_per_day {
        None => (first, last),
        // A zone is up to a day away from UTC, and a date's counters sort after its day.
        Some(_) => ((first.start() - Ticks::ONE).day(), last.next().next()),
    }
}

impl Availability {
    /// Whether some active calendar is wholly unknown at present.
    pub(in crate::flows) fn unavailable(&self) -> Option<Unavailable> {
        let unknown = self.host.active().any(|integration| {
            integration.synced.is_none() || integration.freshness(self.now) == Freshness::Stale
        });
        unknown.then_some(Unavailable::Calendar)
    }

    /// Everything in `span` that is claimed, busy or unknown.
    pub(in crate::flows) fn blocked(&self, span: Span) -> Timeline {
        let mut timeline = Timeline::over(span);
        let active = self.host.active().map(|integration| &integration.id);
        for day in &self.days.days {
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

    /// The starts that an event type offers in a window.
    pub(in crate::flows) fn starts(&self, event_type: &EventType, length: Ticks, window: Span) -> Vec<Tick> {
        let Some(schedule) = self.host.schedule(event_type) else { return Vec::new() };
        let around =
            Span::new(event_type.claim(window.start, length).start, event_type.claim(window.end, length).end);
        let mut free = starts(schedule, event_type, length, self.now, &self.blocked(around), window);
        if let Some(most) = event_type.max_per_day {
            let counts = self.days.counts.iter().filter(|count| count.event_type == event_type.slug);
            for full in counts.filter(|count| count.bookings >= i64::from(most)) {
                let Some(next) = full.date.succ_opt() else { continue };
                let date = local_days(schedule.zone, full.date, next);
                free.retain(|start| !date.contains(Span::new(*start, *start + Ticks::ONE)));
            }
        }
        free
    }

    /// The local date under which a start counts towards the daily limit, if there is one.
    pub(in crate::flows) fn counted_on(&self, event_type: &EventType, start: Tick) -> Option<NaiveDate> {
        event_type.max_per_day?;
        let zone = self.host.schedule(event_type)?.zone;
        Some(start.instant().with_timezone(&zone).date_naive())
    }

    /// Whether the daily limit leaves room at this start, for one that already counts on a date or is new.
    pub(in crate::flows) fn has_room(
        &self,
        event_type: &EventType,
        start: Tick,
        counts_on: Option<NaiveDate>,
    ) -> Result<(), Refused> {
        match (self.counted_on(event_type, start), event_type.max_per_day) {
            (Some(date), Some(most))
                if counts_on != Some(date) && !self.days.has_room(&event_type.slug, date, most) =>
            {
                Err(Refused::DayFull)
            }
            _ => Ok(()),
        }
    }

    /// Itself without the cells of a booking that is to be moved.
    pub(in crate::flows) fn without(mut self, own: &[Claimed]) -> Self {
        for day in &mut self.days.days {
            let is_own = |cell: u16| {
                own.iter()
                    .any(|own| own.cells.day == day.day && (own.cells.from..own.cells.to).contains(&cell))
            };
            day.claims.retain(|(cell, claim)| *claim != Claim::BOOKED || !is_own(*cell));
        }
        self
    }

    /// Whether these cells may be held: not if by then more than so many percent of the host's hours on one of the
    /// days were held and not booked. Three more like it are always allowed.
    pub(in crate::flows) fn may_hold(
        &self,
        event_type: &EventType,
        cells: &[Claimed],
        percent: u8,
    ) -> Result<(), Refused> {
        for claimed in cells {
            let Some(day) = self.days.days.iter().find(|day| day.day == claimed.cells.day) else { continue };
            let is_hold = |claim: &Claim| *claim != Claim::BOOKED && claim.is_alive(self.now);
            let holds = day.claims.iter().map(|(_, claim)| *claim).filter(is_hold);
            let held = holds.clone().count();
            let wanted = usize::from(claimed.cells.to - claimed.cells.from);
            let open = self.host.schedule(event_type).map_or(0, |schedule| {
                let open = schedule.open(claimed.cells.day.span());
                open.iter().map(|span| usize::try_from(span.len().count()).unwrap_or(0)).sum::<usize>()
            });
            let most = (open * usize::from(percent) / 100).max(wanted * 4);
            if held + wanted > most
                && let Some(first) = holds.min()
            {
                let left = (first.ends_at() - self.now).num_seconds();
                return Err(Refused::TooManyHolds { seconds: u32::try_from(left).unwrap_or(0) + 1 });
            }
        }
        Ok(())
    }

    /// Whether a member of staff may book a start: it lies ahead and is free; hours and notice do not bind those who
    /// made them.
    pub(in crate::flows) fn may_place(
        &self,
        event_type: &EventType,
        start: Tick,
        length: Ticks,
    ) -> Result<(), Refused> {
        if start.instant() <= self.now {
            return Err(Refused::TooSoon);
        }
        let claim = event_type.claim(start, length);
        match self.blocked(claim).is_blocked(claim) {
            false => Ok(()),
            true if self.unavailable().is_some() => Err(Refused::CalendarUnavailable),
            true => Err(Refused::Taken),
        }
    }

    /// Whether a start may be taken, by the same rules by which slots are offered.
    pub(in crate::flows) fn may_take(
        &self,
        event_type: &EventType,
        start: Tick,
        length: Ticks,
    ) -> Result<(), Refused> {
        let blocked = self.blocked(event_type.claim(start, length));
        let schedule = self.host.schedule(event_type).ok_or(Refused::NotOffered)?;
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
    pub(in crate::flows) fn may_keep(&self, claim: Span) -> Result<(), Refused> {
        if self.host.active().any(|integration| !integration.knows(claim, self.now)) {
            return Err(Refused::CalendarUnavailable);
        }
        let is_busy = self.host.active().any(|integration| {
            claim.by_day().any(|cells| {
                let day = self.days.days.iter().find(|state: &&DayState| state.day == cells.day);
                day.is_some_and(|day| day.busy_of(&integration.id).any(cells.from, cells.to))
            })
        });
        if is_busy { Err(Refused::Taken) } else { Ok(()) }
    }
}
