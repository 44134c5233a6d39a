//! Agenda entries: one for each host of a booking, with what stands of it in that host's calendar.
//!
//! An entry is written in its booking's own transaction and holds all push state, so that the pushes of two hosts
//! never meet and the booking itself carries none. `rev` rises with every write; each write is conditional on the
//! `rev` that it was decided from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Booking, BookingId, BookingStatus, Conference, EventTypeSlug, HostId, IntegrationId, Span, Tenant, Tick,
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
    /// The calendar that it is written to; `None` when it is not to be in one.
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
    pub leftovers: Vec<EventRef>,
}

impl AgendaEntry {
    /// The entry of a new booking, before [`AgendaEntry::with_work`] gives it any.
    pub fn first(booking: &Booking, host: &HostId, write_to: Option<CalendarRef>) -> Self {
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
            write_to,
            link: None,
            seen_absent: false,
            attempts: Vec::new(),
            leftovers: Vec::new(),
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
        self.write_to.is_some() && self.status.wants_event()
    }

    /// The event that stands, as far as is recorded.
    pub fn standing(&self) -> Option<&EventLink> {
        self.link.as_ref().filter(|link| !link.shown.absent)
    }

    /// Whether the calendar is known to show this version of the booking, and nothing else of ours.
    pub fn is_shown(&self, booking: &Booking) -> bool {
        let is_right = match self.standing() {
            Some(link) => {
                self.wants_event()
                    && link.shown.version == booking.version
                    && self.write_to.as_ref() == Some(&link.event.at)
            }
            None => !self.wants_event(),
        };
        is_right && self.leftovers.is_empty() && self.attempts.iter().all(|attempt| self.is_standing(attempt))
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
            let was_seen = self.standing().is_some() || self.seen_absent;
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
        if self.standing().is_none()
            && let Some(at) = self.write_to.clone().filter(|_| self.wants_event())
        {
            // Another worker's attempt at the same event stays: it may still write.
            self.attempts.retain(|attempt| attempt.worker.id != lease.id);
            let attempt =
                Attempt { at, generation: self.generation, span: self.span(), worker: lease.clone() };
            self.attempts.push(attempt);
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
