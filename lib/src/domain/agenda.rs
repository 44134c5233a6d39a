//! Agenda entries: one for each host of a booking, with what stands of it in that host's calendar.
//!
//! An entry is written in its booking's own transaction and holds all push state, so that the pushes of two hosts
//! never meet and the booking itself carries none. `rev` rises with every write; each write is conditional on the
//! `rev` that it was decided from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Booking, BookingId, BookingStatus, Conference, EventTypeSlug, HostId, Integration, IntegrationId, Span,
    Tenant, Tick,
};

/// Which entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// Whose.
    pub tenant: Tenant,
    /// In whose agenda.
    pub host: HostId,
    /// The booking's start.
    pub start: Tick,
    /// Which booking.
    pub booking: BookingId,
}

impl EntryKey {
    /// The key of a host's entry of a booking.
    pub fn of(booking: &Booking, host: &HostId) -> Self {
        Self {
            tenant: booking.tenant.clone(),
            host: host.clone(),
            start: booking.start,
            booking: booking.id.clone(),
        }
    }

    /// The keys of all entries of a booking, in the order of its hosts.
    pub fn all_of(booking: &Booking) -> Vec<Self> {
        booking.claim.hosts().map(|host| Self::of(booking, host)).collect()
    }
}

/// The right to be the only one at work on an item, until a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Whose it is: a random id of the worker.
    pub id: String,
    /// When it ends by itself.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub until: DateTime<Utc>,
}

impl Lease {
    /// Whether it has not ended.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now < self.until
    }
}

/// One calendar of one integration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CalendarRef {
    /// Through which integration.
    pub integration: IntegrationId,
    /// The calendar's id at its provider.
    pub calendar: String,
}

/// One event, as its provider names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    /// In which calendar.
    #[serde(flatten)]
    pub at: CalendarRef,
    /// The event's id at its provider.
    pub event: String,
}

/// An event of ours that is to be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// Which event.
    #[serde(flatten)]
    pub event: EventRef,
    /// Its tag at its provider when it was looked at; `None` if it could not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// What the calendar was last seen to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The booking's version; 0 when it is not known any more. What changes after the booking's end counts as shown.
    pub version: u64,
    /// The event's time.
    pub span: Span,
    /// The event's tag at its provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Whether what was seen is that there is no such event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
}

/// The event of an entry, as last recorded. One that was removed stays as [`Shown::absent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLink {
    /// Which event.
    #[serde(flatten)]
    pub event: EventRef,
    /// Which writing of it: a deleted event's id cannot be used again.
    pub generation: u32,
    /// What it shows.
    pub shown: Shown,
}

/// An event that a worker was about to write, recorded before the provider was asked. Until the outcome is written
/// it may or may not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// In which calendar.
    #[serde(flatten)]
    pub at: CalendarRef,
    /// Which writing.
    pub generation: u32,
    /// At which time.
    pub span: Span,
    /// The lease under which it was made: the worker cannot reach the provider for long after its end.
    pub worker: Lease,
}

/// How a booking and its calendars agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarSync {
    /// Every calendar shows this version, or was seen not to have the event of a booking that ended.
    Synced,
    /// They will, once the calendar can be reached.
    Pending,
    /// No event is wanted.
    Off,
    /// An event of ours may stand where we can no longer reach it.
    Detached,
}

impl CalendarSync {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Synced, Self::Pending, Self::Off, Self::Detached];

    /// The word in bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Pending => "pending",
            Self::Off => "off",
            Self::Detached => "detached",
        }
    }

    /// How a booking and all of its calendars agree: what is worst says it.
    pub fn of<'a>(booking: &Booking, entries: impl IntoIterator<Item = &'a AgendaEntry>) -> Self {
        let rank = |sync: &Self| match sync {
            Self::Off => 0,
            Self::Synced => 1,
            Self::Pending => 2,
            Self::Detached => 3,
        };
        entries.into_iter().map(|entry| entry.calendar_sync(booking)).max_by_key(rank).unwrap_or(Self::Off)
    }
}

/// A booking in one host's agenda.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgendaEntry {
    /// Whose.
    pub tenant: Tenant,
    /// In whose agenda.
    pub host: HostId,
    /// Which booking.
    pub booking: BookingId,
    /// The booking's version.
    pub version: u64,
    /// The booking's start.
    pub start: Tick,
    /// The booking's end.
    pub end: Tick,
    /// What was booked.
    pub event_type: EventTypeSlug,
    /// The booking's status.
    pub status: BookingStatus,
    /// Raised by every write that decides something.
    pub rev: u64,
    /// The generation of the next new event. It only rises.
    #[serde(default)]
    pub generation: u32,
    /// When something is to be done at the calendar; `None` when nothing is.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub due_at: Option<DateTime<Utc>>,
    /// Who is at work on it.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// Failed tries since the last good one; while a conference is awaited, reads that did not find it.
    #[serde(default)]
    pub failures: u32,
    /// Whether the booking is to be in a calendar at all.
    #[serde(default = "wanted")]
    pub wanted: bool,
    /// The calendar that its host's bookings were written to when it was last looked at; `None` when in none.
    #[serde(default)]
    pub write_to: Option<CalendarRef>,
    /// Its event.
    #[serde(default)]
    pub link: Option<EventLink>,
    /// Whether its calendar was seen to have no event of ours, after one may have stood there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seen_absent: bool,
    /// Events that may have been written and are not recorded yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Events of ours to be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Leftover>,
    /// Whether the next new event is made without telling the guest: it only comes to stand in another calendar, or is
    /// that of a booking that was made when there was none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

/// What an entry is that does not say otherwise.
fn wanted() -> bool {
    true
}

impl AgendaEntry {
    /// The entry of a new booking, before [`AgendaEntry::with_work`] gives it any.
    pub fn first(booking: &Booking, host: &HostId, wanted: bool, write_to: Option<CalendarRef>) -> Self {
        Self {
            tenant: booking.tenant.clone(),
            host: host.clone(),
            booking: booking.id.clone(),
            version: booking.version,
            start: booking.start,
            end: booking.span().end,
            event_type: booking.event_type.clone(),
            status: booking.status,
            rev: 1,
            generation: 0,
            due_at: None,
            lease: None,
            failures: 0,
            wanted,
            write_to,
            link: None,
            seen_absent: false,
            attempts: Vec::new(),
            leftovers: Vec::new(),
            silent: false,
        }
    }

    /// Its key.
    pub fn key(&self) -> EntryKey {
        EntryKey {
            tenant: self.tenant.clone(),
            host: self.host.clone(),
            start: self.start,
            booking: self.booking.clone(),
        }
    }

    /// The booking's time.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }

    /// Whether it is of this version of its booking. If not, the two were read around a change.
    pub fn is_of(&self, booking: &Booking) -> bool {
        self.booking == booking.id && self.version == booking.version
    }

    /// Whether an event should stand in the calendar.
    pub fn wants_event(&self) -> bool {
        self.target().is_some()
    }

    /// The calendar in which an event should stand, if any.
    pub fn target(&self) -> Option<&CalendarRef> {
        self.write_to.as_ref().filter(|_| self.wanted && self.status.wants_event())
    }

    /// Whether the event stands in the calendar in which it should.
    pub fn stands_at_target(&self) -> bool {
        self.standing().is_some_and(|link| self.target() == Some(&link.event.at))
    }

    /// The entry as its host's bookings are written now. An integration that is switched off gets no new events, but one
    /// that stands there is kept up to date.
    #[must_use]
    pub fn written_to(&self, write_to: Option<&CalendarRef>, integrations: &[&Integration]) -> Self {
        let stands_there = |at: &CalendarRef| self.standing().is_some_and(|link| link.event.at == *at);
        let takes_it = |at: &&CalendarRef| {
            let of = integrations.iter().find(|integration| integration.id == at.integration);
            of.is_some_and(|of| of.is_active() || of.is_live() && stands_there(at))
        };
        let write_to = write_to.filter(takes_it).cloned();
        Self { silent: self.silent || write_to != self.write_to, write_to, ..self.clone() }
    }

    /// Whether everything at the calendars is as it is to be when the host's bookings are written there. If not, a push
    /// has to look after it.
    pub fn is_in_place(&self, write_to: Option<&CalendarRef>) -> bool {
        let wanted = write_to.filter(|_| self.wanted && self.status.wants_event());
        let standing = self.standing();
        let is_shown = standing.is_none_or(|link| link.shown.version == self.version);
        standing.map(|link| &link.event.at) == wanted
            && is_shown
            && self.leftovers.is_empty()
            && self.attempts.iter().all(|attempt| self.is_standing(attempt))
    }

    /// The entry to be looked after at once: the calendar of its host's bookings, or its account, has changed. A worker
    /// that is at it records nothing any more.
    #[must_use]
    pub fn to_be_placed(&self, now: DateTime<Utc>) -> Self {
        let lease_end = self.lease.as_ref().filter(|lease| lease.is_live(now)).map(|lease| lease.until);
        Self { due_at: Some(lease_end.unwrap_or(now)), failures: 0, ..self.clone() }
    }

    /// Every integration in whose calendars something of it stands or may stand, or is to.
    pub fn integrations(&self) -> Vec<&IntegrationId> {
        let all = self.write_to.iter().chain(self.may_stand_in());
        let mut all: Vec<_> = all.map(|at| &at.integration).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether something of it stands, or may stand, in a calendar of this integration.
    pub fn may_stand_at(&self, integration: &IntegrationId) -> bool {
        self.may_stand_in().any(|at| at.integration == *integration)
    }

    /// The calendars in which something of it stands or may stand.
    pub fn may_stand_in(&self) -> impl Iterator<Item = &CalendarRef> {
        let link = self.standing().map(|link| &link.event.at);
        let left = self.leftovers.iter().map(|left| &left.event.at);
        link.into_iter().chain(left).chain(self.attempts.iter().map(|attempt| &attempt.at))
    }

    /// The generation of a new event: no other has had it.
    pub fn next_generation(&self) -> u32 {
        self.link.as_ref().map_or(self.generation, |link| self.generation.max(link.generation + 1))
    }

    /// The event that stands, as far as is recorded.
    pub fn standing(&self) -> Option<&EventLink> {
        self.link.as_ref().filter(|link| !link.shown.absent)
    }

    /// Whether the calendar is known to show this version of the booking, and nothing else of ours.
    pub fn is_shown(&self, booking: &Booking) -> bool {
        self.version == booking.version && self.is_in_place(self.write_to.as_ref())
    }

    /// Whether something is to be done at the calendar. Nothing new is shown of a booking that is over, but what may have
    /// been left there is looked after.
    pub fn has_work(&self, booking: &Booking, now: DateTime<Utc>) -> bool {
        let shows_nothing_new = self.wants_event() && booking.is_over(now);
        let is_settled = self.attempts.is_empty() && self.leftovers.is_empty();
        !(self.is_shown(booking) || shows_nothing_new && is_settled)
    }

    /// Whether an attempt was at the very event that stands. Then it is the same event.
    pub fn is_standing(&self, attempt: &Attempt) -> bool {
        self.standing()
            .is_some_and(|link| link.event.at == attempt.at && link.generation == attempt.generation)
    }

    /// How the booking and this calendar agree.
    pub fn calendar_sync(&self, booking: &Booking) -> CalendarSync {
        let may_stand = self.standing().is_some() || !self.attempts.is_empty() || !self.leftovers.is_empty();
        if self.is_shown(booking) {
            // A booking that takes place and is in no calendar is not in step with one.
            let is_gone = self.seen_absent && !self.status.wants_event();
            let was_seen = self.standing().is_some() || is_gone;
            if was_seen { CalendarSync::Synced } else { CalendarSync::Off }
        } else if self.due_at.is_some() {
            CalendarSync::Pending
        } else if may_stand {
            CalendarSync::Detached
        } else {
            CalendarSync::Off
        }
    }

    /// The entry after its booking has changed, with what is to be done about it. Link, leftovers, attempts,
    /// generation and a live lease of another worker stay with it, wherever it moves. An event of a booking that is over
    /// stays as it is: if it showed the version before, it needs no change for this one.
    #[must_use]
    pub fn follow(&self, booking: &Booking, now: DateTime<Utc>) -> Self {
        let mut link = self.link.clone();
        if let Some(link) = link.as_mut().filter(|link| link.shown.version == self.version)
            && booking.status.wants_event()
            && booking.is_over(now)
        {
            link.shown.version = booking.version;
        }
        Self {
            version: booking.version,
            start: booking.start,
            end: booking.span().end,
            status: booking.status,
            rev: self.rev + 1,
            failures: 0,
            link,
            ..self.clone()
        }
    }

    /// The entry with its push due, if there is anything to push: taken at once by the worker of this lease, or, while
    /// another worker is at it, due when that lease ends.
    #[must_use]
    pub fn with_work(mut self, booking: &Booking, lease: &Lease, now: DateTime<Utc>) -> Self {
        if !self.has_work(booking, now) {
            // Its conference may still be awaited.
            self.due_at = self.due_at.filter(|_| booking.conference == Some(Conference::Pending));
        } else if let Some(other) = self.lease.as_ref().filter(|other| other.is_live(now)) {
            self.due_at = Some(other.until);
        } else {
            self = self.taken(lease);
        }
        self
    }

    /// The entry under a lease: due again when the lease ends, with the attempt that its worker is about to make.
    #[must_use]
    pub fn taken(mut self, lease: &Lease) -> Self {
        self.lease = Some(lease.clone());
        self.due_at = Some(lease.until);
        if !self.stands_at_target()
            && let Some(at) = self.target().cloned()
        {
            // Another worker's attempt at the same event stays: it may still write.
            self.attempts.retain(|attempt| attempt.worker.id != lease.id);
            let generation = self.next_generation();
            self.attempts.push(Attempt { at, generation, span: self.span(), worker: lease.clone() });
        }
        self
    }

    /// Whether a worker may take it now: nobody else is at it.
    pub fn is_free(&self, worker: Option<&str>, now: DateTime<Utc>) -> bool {
        self.lease.as_ref().is_none_or(|lease| !lease.is_live(now) || Some(lease.id.as_str()) == worker)
    }

    /// Whether something is to be done now.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.due_at.is_some_and(|due_at| due_at <= now)
    }
}

/// A booking with its agenda entries, one for each host in the booking's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookingRecord {
    /// The booking.
    pub booking: Booking,
    /// Its entries.
    pub entries: Vec<AgendaEntry>,
}

impl BookingRecord {
    /// The record after its booking has changed: every entry follows it, with its push taken by the worker of this lease
    /// if there is anything to push.
    #[must_use]
    pub fn followed_by(&self, booking: Booking, lease: &Lease, now: DateTime<Utc>) -> Self {
        let follow = |entry: &AgendaEntry| entry.follow(&booking, now).with_work(&booking, lease, now);
        let entries = self.entries.iter().map(follow).collect();
        Self { booking, entries }
    }

    /// Whether booking and entries are of one version.
    pub fn is_consistent(&self) -> bool {
        self.entries.iter().all(|entry| entry.is_of(&self.booking))
    }

    /// How the booking and its calendars agree.
    pub fn calendar_sync(&self) -> CalendarSync {
        CalendarSync::of(&self.booking, &self.entries)
    }

    /// The event in the organizer's calendar, if one stands.
    pub fn event(&self) -> Option<&EventLink> {
        let organizer = self.booking.claim.organizer()?;
        self.entries.iter().find(|entry| entry.host == *organizer)?.standing()
    }
}
