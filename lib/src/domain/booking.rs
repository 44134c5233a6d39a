//! A booking, the states it goes through, and its tie to a calendar event.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{BookingId, Cells, EventTypeSlug, HostId, IntegrationId, Span, Tenant, Tick, Ticks};

/// Where a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// Needs the host's yes; holds its cells.
    Pending,
    /// Will take place.
    Confirmed,
    /// Is taking place.
    InProgress,
    /// Took place.
    Completed,
    /// Called off by guest or host; its cells are free again.
    Cancelled,
    /// The host said no; its cells are free again.
    Declined,
    /// The guest did not come.
    NoShow,
}

impl BookingStatus {
    /// The word in bodies and items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::NoShow => "no_show",
        }
    }

    /// Whether the booking owns its cells.
    pub fn holds_cells(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Declined)
    }

    /// Whether a step from here to `next` is legal.
    ///
    /// ```
    /// use holdfast::domain::BookingStatus::{Cancelled, Completed, Confirmed, NoShow};
    /// assert!(Confirmed.may_become(Cancelled));
    /// assert!(!Cancelled.may_become(Confirmed));
    /// assert!(!Completed.may_become(Cancelled));
    /// assert!(Completed.may_become(NoShow), "the host may notice late");
    /// ```
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Confirmed | Self::Declined | Self::Cancelled),
            Self::Confirmed => {
                matches!(next, Self::InProgress | Self::Completed | Self::Cancelled | Self::NoShow)
            }
            Self::InProgress => matches!(next, Self::Completed | Self::NoShow),
            Self::Completed => next == Self::NoShow,
            Self::NoShow => next == Self::Completed,
            Self::Cancelled | Self::Declined => false,
        }
    }
}

/// The person who booked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guest {
    /// Full name, as given.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Telephone number, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The zone in which they read times.
    pub time_zone: Tz,
    /// BCP 47 language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// Cells of one host that a booking owns. Stored with it: releasing never recomputes them from settings that
/// may have changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Whose day.
    pub host: HostId,
    /// Which cells of which day.
    pub cells: Cells,
}

/// The calendar that a booking is written to, decided when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarLink {
    /// Through which integration.
    pub integration: IntegrationId,
    /// Into which calendar.
    pub calendar: String,
    /// Which attempt at an event: the event's id is made from it, because an id cannot be used again after its
    /// event was deleted.
    pub generation: u32,
}

/// What the calendar was last told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The booking's version that the event shows.
    pub version: u64,
    /// The event's time.
    pub span: Span,
    /// The event's tag at the provider.
    #[serde(default)]
    pub etag: Option<String>,
}

/// How a booking and its calendar agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarSync {
    /// The calendar shows this version.
    Synced,
    /// It will, once the calendar can be reached.
    Pending,
    /// It is not to.
    Off,
}

impl CalendarSync {
    /// The word in bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Pending => "pending",
            Self::Off => "off",
        }
    }
}

/// A slot that a guest has taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booking {
    /// Its id.
    pub id: BookingId,
    /// Whose it is.
    pub tenant: Tenant,
    /// Who is booked.
    pub host: HostId,
    /// What was booked.
    pub event_type: EventTypeSlug,
    /// The event type's title at the time.
    pub title: String,
    /// Where it stands.
    pub status: BookingStatus,
    /// Raised by every change that guests, hosts or calendars should hear of.
    pub version: u64,
    /// Its first tick.
    pub start: Tick,
    /// Its length, without buffers.
    pub length: Ticks,
    /// The cells it owns, buffers included.
    pub claimed: Vec<Claimed>,
    /// Who booked.
    pub guest: Guest,
    /// Answers to the event type's questions: a JSON object, as text.
    #[serde(default)]
    pub answers: Option<String>,
    /// Free text.
    #[serde(default)]
    pub notes: Option<String>,
    /// Free-form JSON object of the booker, as text.
    #[serde(default)]
    pub metadata: Option<String>,
    /// Where its event is; `None` when it is not to be in a calendar.
    #[serde(default)]
    pub calendar: Option<CalendarLink>,
    /// What the calendar was last told; `None` before the first push and after a removal.
    #[serde(default)]
    pub pushed: Option<Pushed>,
    /// The version of which nothing more is to be pushed: its push has succeeded or been given up.
    #[serde(default)]
    pub settled_version: u64,
    /// Pushes that failed since the last that did not.
    #[serde(default)]
    pub push_failures: u32,
    /// When something is to be done about it: an unfinished push.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub due_at: Option<DateTime<Utc>>,
    /// SHA-256 of the request that made it, so that the same request finds it and another one is refused.
    pub fingerprint: String,
    /// Which manage token is the valid one.
    pub token_generation: u32,
    /// When it was made.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub created_at: DateTime<Utc>,
}

impl Booking {
    /// From start to end, without buffers.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.start + self.length)
    }

    /// Whether an event should stand in the calendar.
    pub fn wants_event(&self) -> bool {
        self.calendar.is_some() && self.status.holds_cells()
    }

    /// How it and its calendar agree.
    pub fn calendar_sync(&self) -> CalendarSync {
        if self.calendar.is_none() {
            CalendarSync::Off
        } else if self.settled_version >= self.version {
            if self.wants_event() && self.pushed.is_none() { CalendarSync::Off } else { CalendarSync::Synced }
        } else {
            CalendarSync::Pending
        }
    }
}
