//! Events: ours as they are to stand, and all of them as a calendar has them.

use chrono::{DateTime, Utc};

use super::{CalendarError, CalendarId, EventId};
use crate::domain::{BookingId, Conference, HostId, IntegrationId, Span, Visibility, Zone};

/// Who hears from the provider of what is done to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Its guests: there is a new booking, or one was changed or called off.
    Guests,
    /// Nobody: the booking stands, and only its event comes or goes.
    Nobody,
}

/// Which event of ours: the key under which it is created, so that creating it twice creates it once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventKey {
    /// The booking that it stands for.
    pub booking: BookingId,
    /// In whose calendar.
    pub host: HostId,
    /// Which writing of it: the id of a deleted event cannot be used again.
    pub generation: u32,
}

/// An event as it should stand in the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// Under which key it is created.
    pub key: EventKey,
    /// The integration that writes it: the owner of the event's marks.
    pub owner: IntegrationId,
    /// The booking's version that it shows.
    pub version: u64,
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// The zone that the calendar shows it in.
    pub time_zone: Zone,
    /// The title.
    pub title: String,
    /// The description, in plain text.
    pub description: String,
    /// The place, phone number or link.
    pub location: Option<String>,
    /// Whom to invite.
    pub guest: Option<Guest>,
    /// How much of it people see who share the calendar.
    pub visibility: Visibility,
    /// Whether the calendar is to make a video conference with it. Asked for twice, it is made once; an event that
    /// has one keeps it when it is updated without asking.
    pub conference: bool,
    /// Minutes before the start at which its owner is reminded. Providers keep as many, and as early, as they can.
    pub reminder_minutes: Vec<u16>,
}

impl EventDraft {
    /// What its marks say of it.
    pub fn written(&self) -> Written {
        Written { version: self.version, span: Span::outward(self.starts_at, self.ends_at) }
    }
}

/// A guest as the calendar invites them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The name to show.
    pub name: String,
    /// The address to invite.
    pub email: String,
}

/// Our last write of an event, as its marks say: they stay when a person changes the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The booking's version that was shown.
    pub version: u64,
    /// The time that was given to it.
    pub span: Span,
}

/// An event as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id, as the provider says it.
    pub id: EventId,
    /// Its version at the provider. Without one it is written whatever it has become.
    pub etag: Option<String>,
}

/// What the calendar says of an event that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its id, as the provider says it.
    pub id: EventId,
    /// Its version at the provider.
    pub etag: Option<String>,
    /// When it starts, to the second.
    pub starts_at: DateTime<Utc>,
    /// When it ends, to the second.
    pub ends_at: DateTime<Utc>,
    /// Our last write of it; `None` where the provider keeps no marks.
    pub written: Option<Written>,
    /// Its video conference. Providers make one in their own time: read the event again while it is pending.
    pub conference: Option<Conference>,
}

impl Placed {
    /// Its time on the grid, rounded outward.
    pub fn span(&self) -> Span {
        Span::outward(self.starts_at, self.ends_at)
    }

    /// The event as it is seen here.
    pub fn known(&self) -> Known {
        Known { id: self.id.clone(), etag: self.etag.clone() }
    }
}

/// What came of writing an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It stands as drafted.
    Placed(Placed),
    /// It is not as it was known, or stands already under the key of a new one: nothing was written. This is how it is.
    Changed(Placed),
    /// It was deleted, and its key is spent: nothing was written.
    Deleted,
}

/// What came of deleting an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone, by this or by an earlier deletion.
    Done,
    /// It is not as it was known: nothing was deleted. This is how it is.
    Changed(Placed),
}

/// Which calendars to read for busy time, and how.
#[derive(Clone, Copy, Debug)]
pub struct BusyQuery<'a> {
    /// The time asked about.
    pub window: Span,
    /// The calendars that block.
    pub conflicts: &'a [CalendarId],
    /// The calendars that have or had events of ours. They are read event by event, to tell ours from others. Of one that
    /// does not block, the provider may leave out what does not carry our marks.
    pub with_own: &'a [CalendarId],
    /// The owner of the marks of our events.
    pub owner: &'a IntegrationId,
}

/// What there is in a window.
#[derive(Clone, Debug, Default)]
pub struct Busy {
    /// Time that is taken in the calendars that are not read by events: inside the window, rounded outward, in no order,
    /// perhaps overlapping.
    pub spans: Vec<Span>,
    /// The events of the other calendars.
    pub events: Vec<(CalendarId, CalendarEvent)>,
    /// Calendars that were not read wholly, and why. What was understood of them is there nevertheless.
    pub unreadable: Vec<(CalendarId, CalendarError)>,
}

impl Busy {
    pub(super) fn extend(&mut self, other: Busy) {
        self.spans.extend(other.spans);
        self.events.extend(other.events);
        self.unreadable.extend(other.unreadable);
    }
}

/// One event of a calendar: its time, and whether it may be ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarEvent {
    /// Its id.
    pub id: EventId,
    /// The key under which we made it: its id is of our form, and it carries our marks. A copy that somebody made has
    /// another id, and so no key; nor have events at a provider without marks.
    pub key: Option<EventKey>,
    /// Its time on the grid, rounded outward.
    pub span: Span,
    /// Whether it takes its owner's time.
    pub blocks: bool,
}
