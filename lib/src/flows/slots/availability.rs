//! What is known of hosts' time, put together: hours, claimed cells, busy bits, and how far each can be believed.
//!
//! What no active integration has read, or has read too long ago, is blocked. [`Availability`] is one host's;
//! [`JointAvailability`] is that of all hosts of an event type, who are only free when all of them are.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};

use crate::domain::local_days;
use crate::domain::slots::{Refusal, offered, starts};
use crate::domain::{
    AgendaEntry, BookingRecord, CellOwner, Claim, Counter, Day, EventType, Freshness, Host, HostDays,
    HostItems, Integration, ReadDays, Span, Tick, Ticks, Timeline,
};

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

/// One host and some of its days, as read together.
#[derive(Clone, Debug)]
pub(in crate::flows) struct Availability {
    pub(in crate::flows) host: HostItems,
    pub(in crate::flows) days: HostDays,
}

/// All hosts of an event type at one time.
#[derive(Clone, Debug)]
pub(in crate::flows) struct JointAvailability {
    pub(in crate::flows) hosts: Vec<Availability>,
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

/// What slots of this length in this window occupy, buffers included.
pub(in crate::flows) fn around(event_type: &EventType, window: Span, length: Ticks) -> Span {
    let (first, last) =
        (event_type.occupied_span(window.start, length), event_type.occupied_span(window.end, length));
    Span::new(first.start, last.end)
}

/// The local date under which a start counts towards the daily limit of an event type, if there is one.
pub(in crate::flows) fn counted_date(
    organizer: &HostItems,
    event_type: &EventType,
    start: Tick,
) -> Option<NaiveDate> {
    event_type.max_per_day?;
    let zone = organizer.schedule(event_type)?.zone;
    Some(start.instant().with_timezone(&zone).date_naive())
}

impl Availability {
    /// Whether some active calendar is wholly unknown at present.
    fn is_unknown(&self, now: DateTime<Utc>) -> bool {
        let is_unknown = |integration: &Integration| {
            integration.sync.synced.is_none() || integration.freshness(now) == Freshness::Stale
        };
        self.host.active().any(is_unknown)
    }

    /// Blocks everything that is claimed, busy or unknown.
    fn block(&self, timeline: &mut Timeline, now: DateTime<Utc>) {
        let span = timeline.span();
        let active = self.host.active().map(|integration| &integration.id);
        for day in &self.days.days {
            day.block(timeline, &active, now);
        }
        for integration in self.host.active() {
            match integration.sync.synced {
                Some(synced) if integration.freshness(now) != Freshness::Stale => {
                    timeline.block(Span::new(span.start, synced.start.min(span.end)));
                    timeline.block(Span::new(synced.end.max(span.start), span.end));
                }
                _ => timeline.block(span),
            }
        }
    }

    /// Whether a slot lies within the host's hours.
    fn is_open(&self, event_type: &EventType, slot: Span) -> bool {
        let schedule = self.host.schedule(event_type);
        schedule.is_some_and(|schedule| schedule.open(slot).iter().any(|open| open.contains(slot)))
    }

    /// Whether these cells may be held: not if by then more than so many percent of the host's hours on one of the
    /// days were held and not booked. Three more like it are always allowed.
    fn may_hold(
        &self,
        event_type: &EventType,
        claim: &Claim,
        percent: u8,
        now: DateTime<Utc>,
    ) -> Result<(), Refused> {
        for cells in claim.cells_of(&self.host.host.id) {
            let Some(day) = self.days.days.iter().find(|day| day.day == cells.day) else { continue };
            let is_hold = |owner: &CellOwner| *owner != CellOwner::BOOKED && owner.is_alive(now);
            let holds = day.owners.iter().map(|(_, owner)| *owner).filter(is_hold);
            let held = holds.clone().count();
            let wanted = usize::from(cells.to - cells.from);
            let open = self.host.schedule(event_type).map_or(0, |schedule| {
                let open = schedule.open(cells.day.span());
                open.iter().map(|span| usize::try_from(span.len().count()).unwrap_or(0)).sum::<usize>()
            });
            let most = (open * usize::from(percent) / 100).max(wanted * 4);
            if held + wanted > most
                && let Some(first) = holds.min()
            {
                // It is alive for the whole of its last second.
                let left = (first.ends_at() - now.trunc_subsecs(0)).num_seconds();
                return Err(Refused::TooManyHolds { seconds: u32::try_from(left).unwrap_or(0) + 1 });
            }
        }
        Ok(())
    }

    /// Whether all active calendars have been read for this time, not too long ago.
    fn knows(&self, span: Span, now: DateTime<Utc>) -> bool {
        self.host.active().all(|integration| integration.knows(span, now))
    }

    /// Whether an active calendar is busy under the host's cells of a claim.
    fn is_busy(&self, claim: &Claim) -> bool {
        self.host.active().any(|integration| {
            claim.cells_of(&self.host.host.id).any(|cells| {
                let day = self.days.days.iter().find(|state| state.day == cells.day);
                day.is_some_and(|day| day.busy_of(&integration.id).any(cells.from, cells.to))
            })
        })
    }
}

impl JointAvailability {
    /// The host who organises, by whose schedule starts are counted.
    fn organizer(&self, event_type: &EventType) -> Option<&Availability> {
        let organizer = event_type.hosts.organizer();
        self.hosts.iter().find(|of| of.host.host.id == *organizer)
    }

    /// What was agreed with a booking, by hours that its organizer has.
    pub(in crate::flows) fn by_existing_hours(&self, agreed: &EventType) -> EventType {
        let organizer = self.organizer(agreed);
        organizer.map_or_else(|| agreed.clone(), |of| of.host.with_existing_schedule(agreed))
    }

    /// Whether one of the hosts was archived: nothing new is booked then.
    pub(in crate::flows) fn is_archived(&self) -> bool {
        self.hosts.iter().any(|of| of.host.host.archived)
    }

    /// What was read of the days of each host.
    pub(in crate::flows) fn days(&self) -> ReadDays<'_> {
        ReadDays::new(self.hosts.iter().map(|of| (&of.host.host.id, of.days.days.as_slice())))
    }

    /// One host's items.
    pub(in crate::flows) fn host(&self, id: &crate::domain::HostId) -> Option<&HostItems> {
        self.hosts.iter().map(|of| &of.host).find(|items| items.host.id == *id)
    }

    /// A booking's entries as its hosts' bookings are written now.
    pub(in crate::flows) fn written_to(&self, record: &BookingRecord) -> BookingRecord {
        let entry = |entry: &AgendaEntry| match self.host(&entry.host) {
            Some(items) => {
                let integrations: Vec<&Integration> = items.integrations.iter().collect();
                entry.written_to(items.host.write_to.as_ref(), &integrations)
            }
            None => entry.clone(),
        };
        BookingRecord { booking: record.booking.clone(), entries: record.entries.iter().map(entry).collect() }
    }

    /// The hosts of whom a booking is left without a calendar.
    pub(in crate::flows) fn without_calendar(&self, record: &BookingRecord) -> Vec<&Host> {
        let is_without =
            |entry: &&AgendaEntry| entry.wanted && entry.status.wants_event() && entry.write_to.is_none();
        let hosts = record.entries.iter().filter(is_without).filter_map(|entry| self.host(&entry.host));
        hosts.map(|items| &items.host).collect()
    }

    /// Whether some active calendar of a host is wholly unknown at present.
    pub(in crate::flows) fn unavailable(&self) -> Option<Unavailable> {
        self.hosts.iter().any(|of| of.is_unknown(self.now)).then_some(Unavailable::Calendar)
    }

    /// Everything in `span` that is claimed, busy or unknown for any of the hosts.
    fn blocked(&self, span: Span) -> Timeline {
        let mut timeline = Timeline::over(span);
        for of in &self.hosts {
            of.block(&mut timeline, self.now);
        }
        timeline
    }

    /// Whether a slot lies within the hours of everybody but the organizer, whose are looked at with the interval.
    fn others_are_open(&self, event_type: &EventType, slot: Span) -> bool {
        let organizer = event_type.hosts.organizer();
        let mut others = self.hosts.iter().filter(|of| of.host.host.id != *organizer);
        others.all(|of| of.is_open(event_type, slot))
    }

    /// The starts that an event type offers in a window.
    pub(in crate::flows) fn starts(&self, event_type: &EventType, length: Ticks, window: Span) -> Vec<Tick> {
        let Some(organizer) = self.organizer(event_type) else { return Vec::new() };
        let Some(schedule) = organizer.host.schedule(event_type) else { return Vec::new() };
        let blocked = self.blocked(around(event_type, window, length));
        let mut free = starts(schedule, event_type, length, self.now, &blocked, window);
        if event_type.hosts.count() > 1 {
            free.retain(|start| self.others_are_open(event_type, Span::new(*start, *start + length)));
        }
        if let Some(most) = event_type.max_per_day {
            let counts = organizer.days.counts.iter().filter(|count| count.event_type == event_type.slug);
            for full in counts.filter(|count| count.bookings >= i64::from(most)) {
                let Some(next) = full.date.succ_opt() else { continue };
                let date = local_days(schedule.zone, full.date, next);
                free.retain(|start| !date.contains(Span::new(*start, *start + Ticks::ONE)));
            }
        }
        free
    }

    /// The counters towards which a booking at this start counts.
    pub(in crate::flows) fn counters(&self, event_type: &EventType, start: Tick) -> Vec<Counter> {
        let organizer = self.organizer(event_type);
        let date = organizer.and_then(|organizer| counted_date(&organizer.host, event_type, start));
        let counter = |date| Counter::EventTypeDay {
            host: event_type.hosts.organizer().clone(),
            event_type: event_type.slug.clone(),
            date,
        };
        date.map(counter).into_iter().collect()
    }

    /// Whether the limits leave room at this start, for a booking that already counts towards some or is new.
    pub(in crate::flows) fn has_room(
        &self,
        event_type: &EventType,
        start: Tick,
        counted: &[Counter],
    ) -> Result<(), Refused> {
        let Some(most) = event_type.max_per_day else { return Ok(()) };
        let has_room = |counter: &Counter| {
            let Counter::EventTypeDay { date, .. } = counter;
            let organizer = self.organizer(event_type);
            organizer.is_none_or(|of| of.days.has_room(&event_type.slug, *date, most))
        };
        let wanted = self.counters(event_type, start);
        let is_full = wanted.iter().any(|counter| !counted.contains(counter) && !has_room(counter));
        if is_full { Err(Refused::DayFull) } else { Ok(()) }
    }

    /// The same without the cells of a booking that is to be moved.
    pub(in crate::flows) fn without(mut self, own: &Claim) -> Self {
        for of in &mut self.hosts {
            let host = &of.host.host.id;
            for day in &mut of.days.days {
                let at = day.day;
                day.owners.retain(|(cell, owner)| *owner != CellOwner::BOOKED || !own.has(host, at, *cell));
            }
        }
        self
    }

    /// Whether these cells may be held, for every host.
    pub(in crate::flows) fn may_hold(
        &self,
        event_type: &EventType,
        claim: &Claim,
        percent: u8,
    ) -> Result<(), Refused> {
        self.hosts.iter().try_for_each(|of| of.may_hold(event_type, claim, percent, self.now))
    }

    /// Whether a member of staff may book a start: it lies ahead and is free. Hours and notice do not bind them.
    pub(in crate::flows) fn may_place(
        &self,
        event_type: &EventType,
        start: Tick,
        length: Ticks,
    ) -> Result<(), Refused> {
        if start.instant() <= self.now {
            return Err(Refused::TooSoon);
        }
        let span = event_type.occupied_span(start, length);
        if self.blocked(span).is_blocked(span) { Err(self.taken()) } else { Ok(()) }
    }

    /// Whether a start may be taken, by the same rules by which slots are offered.
    pub(in crate::flows) fn may_take(
        &self,
        event_type: &EventType,
        start: Tick,
        length: Ticks,
    ) -> Result<(), Refused> {
        let blocked = self.blocked(event_type.occupied_span(start, length));
        let organizer = self.organizer(event_type).and_then(|of| of.host.schedule(event_type));
        let schedule = organizer.ok_or(Refused::NotOffered)?;
        match offered(schedule, event_type, length, self.now, &blocked, start) {
            Ok(()) if self.others_are_open(event_type, Span::new(start, start + length)) => Ok(()),
            Ok(()) | Err(Refusal::NotOffered) => Err(Refused::NotOffered),
            Err(Refusal::TooSoon) => Err(Refused::TooSoon),
            Err(Refusal::TooLate) => Err(Refused::TooLate),
            Err(Refusal::Taken) => Err(self.taken()),
        }
    }

    fn taken(&self) -> Refused {
        if self.unavailable().is_some() { Refused::CalendarUnavailable } else { Refused::Taken }
    }

    /// Whether cells that are already ours may become a booking: all of it known for every host, and nothing busy
    /// under them for any.
    pub(in crate::flows) fn may_keep(&self, claim: &Claim, span: Span) -> Result<(), Refused> {
        if !self.hosts.iter().all(|of| of.knows(span, self.now)) {
            Err(Refused::CalendarUnavailable)
        } else if self.hosts.iter().any(|of| of.is_busy(claim)) {
            Err(Refused::Taken)
        } else {
            Ok(())
        }
    }

    /// The integrations whose last reading is not fresh: a confirmation asks them.
    pub(in crate::flows) fn not_fresh(&self) -> impl Iterator<Item = &Integration> {
        let active = self.hosts.iter().flat_map(|of| of.host.active());
        active.filter(|integration| integration.freshness(self.now) != Freshness::Fresh)
    }
}
