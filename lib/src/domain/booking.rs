//! A booking, the states it goes through, and its tie to a calendar event.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    BookingId, Cells, EventTypeSlug, HostId, IntegrationId, Location, Span, Tenant, Tick, Ticks, Visibility,
};

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
    /// All of them, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Confirmed,
        Self::InProgress,
        Self::Completed,
        Self::Cancelled,
        Self::Declined,
        Self::NoShow,
    ];

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

impl Claimed {
    /// Whether both are of one day of one host.
    pub fn is_same_day(&self, other: &Self) -> bool {
        self.host == other.host && self.cells.day == other.cells.day
    }
}

/// What was agreed when the booking was made. Kept with it: settings that change later change no booking, and a push
/// need not read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The tenant's name.
    pub tenant_name: String,
    /// The host's name.
    pub host_name: String,
    /// The zone of the schedule that offered it.
    pub time_zone: Tz,
    /// Template of the calendar event's title; a default one when `None`.
    #[serde(default)]
    pub event_title: Option<String>,
    /// Template of the calendar event's description; a default one when `None`.
    #[serde(default)]
    pub event_description: Option<String>,
    /// Where it takes place.
    #[serde(default)]
    pub location: Option<Location>,
    /// Minutes before the start at which the host is reminded by the calendar.
    #[serde(default)]
    pub reminders: Vec<u16>,
    /// How much of the calendar event others see.
    #[serde(default)]
    pub visibility: Visibility,
    /// The least time before the start at which its guest may still cancel.
    #[serde(default)]
    pub cancel_notice: Ticks,
    /// The least time before the start at which its guest may still move it.
    #[serde(default)]
    pub reschedule_notice: Ticks,
}

/// Who made a booking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeBy {
    /// The guest, through the public API or page.
    #[default]
    Guest,
    /// The host or an admin.
    Host,
}

/// The video conference that the calendar made with the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Conference {
    /// Asked for; the provider is still at it.
    Pending,
    /// There.
    Ready {
        /// Where to join.
        url: String,
    },
    /// The provider could not.
    Failed,
}

impl Conference {
    /// The word in bodies.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready { .. } => "ready",
            Self::Failed => "failed",
        }
    }
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Synced, Self::Pending, Self::Off];

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
    /// Pushes that failed since the last that did not; once all is pushed, reads that did not find its conference.
    #[serde(default)]
    pub push_failures: u32,
    /// When something is to be done about it: an unfinished push, a conference that is awaited.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub due_at: Option<DateTime<Utc>>,
    /// SHA-256 of the request that made it, so that the same request finds it and another one is refused.
    pub fingerprint: String,
    /// Which manage token is the valid one.
    pub token_generation: u32,
    /// When it was made.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub created_at: DateTime<Utc>,
    /// What was agreed.
    #[serde(default)]
    pub terms: Box<Terms>,
    /// Who made it.
    #[serde(default)]
    pub made_by: MadeBy,
    /// While `pending`: when it is declined if nobody has answered.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub answer_by: Option<DateTime<Utc>>,
    /// The local date under which it counts towards its event type's daily limit.
    #[serde(default)]
    pub counted_on: Option<NaiveDate>,
    /// Why it was cancelled or declined, in the words of whoever did.
    #[serde(default)]
    pub reason: Option<String>,
    /// The conference that was made with its event.
    #[serde(default)]
    pub conference: Option<Conference>,
    /// When its guest's data are to be erased.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub erase_at: Option<DateTime<Utc>>,
}

/// A push that the request itself did not finish comes due this much later.
const PUSH_GRACE: TimeDelta = TimeDelta::seconds(30);
/// A booking may be started this long before its time.
const EARLY: TimeDelta = TimeDelta::hours(1);

/// Why a booking cannot take a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepRefused {
    /// Its status does not lead there.
    #[error("a booking that is {} cannot become {}", .from.as_str(), .to.as_str())]
    Illegal {
        /// Where it stands.
        from: BookingStatus,
        /// Where it was to go.
        to: BookingStatus,
    },
    /// Its time has not come.
    #[error("it is too early for that: the booking has not begun")]
    TooEarly,
    /// Its time has passed, or the notice that was agreed.
    #[error("it is too late for that")]
    TooLate,
}

impl Booking {
    /// From start to end, without buffers.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.start + self.length)
    }

    /// Whether an event should stand in the calendar: once the host has said yes.
    pub fn wants_event(&self) -> bool {
        self.calendar.is_some() && self.status.holds_cells() && self.status != BookingStatus::Pending
    }

    /// Where to join by video; `None` when it takes place otherwise, or there is no link yet.
    pub fn join_url(&self) -> Option<&str> {
        match (self.terms.location.as_ref()?, &self.conference) {
            (Location::GoogleMeet, Some(Conference::Ready { url })) | (Location::VideoLink { url }, _) => {
                Some(url)
            }
            _ => None,
        }
    }

    /// Where it takes place: a link, a number to call or an address; `None` while that is not known.
    pub fn place(&self) -> Option<&str> {
        match self.terms.location.as_ref()? {
            Location::GoogleMeet | Location::VideoLink { .. } => self.join_url(),
            Location::GuestPhone => self.guest.phone.as_deref(),
            Location::HostPhone { number } => Some(number),
            Location::InPerson { address } => Some(address),
        }
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

    /// Itself after a step to another status. Who ends it early gives a reason, or none.
    pub fn step(
        &self,
        to: BookingStatus,
        reason: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Self, StepRefused> {
        if !self.status.may_become(to) {
            return Err(StepRefused::Illegal { from: self.status, to });
        }
        let starts_at = self.start.instant();
        match to {
            BookingStatus::Confirmed if now >= starts_at => return Err(StepRefused::TooLate),
            BookingStatus::InProgress if now < starts_at - EARLY => return Err(StepRefused::TooEarly),
            BookingStatus::Completed | BookingStatus::NoShow if now < starts_at => {
                return Err(StepRefused::TooEarly);
            }
            BookingStatus::Pending
            | BookingStatus::Confirmed
            | BookingStatus::InProgress
            | BookingStatus::Completed
            | BookingStatus::Cancelled
            | BookingStatus::Declined
            | BookingStatus::NoShow => {}
        }
        let mut after = self.clone();
        after.status = to;
        after.answer_by = None;
        after.reason = reason.or(after.reason);
        Ok(after.changed_from(self, now))
    }

    /// Itself at another time, with other cells.
    #[must_use]
    pub fn moved(&self, start: Tick, claimed: Vec<Claimed>, now: DateTime<Utc>) -> Self {
        let mut after = self.clone();
        after.erase_at = self.erase_at.map(|erase_at| erase_at + (start.instant() - self.start.instant()));
        after.start = start;
        after.claimed = claimed;
        after.answer_by = after.answer_by.map(|answer_by| answer_by.min(start.instant()));
        after.changed_from(self, now)
    }

    /// Whether its guest may still cancel.
    pub fn guest_may_cancel(&self, now: DateTime<Utc>) -> Result<(), StepRefused> {
        self.before_notice(self.terms.cancel_notice, now)
    }

    /// Whether it may be moved at all: before it begins, as long as it is to take place.
    pub fn may_move(&self, now: DateTime<Utc>) -> Result<(), StepRefused> {
        match self.status {
            BookingStatus::Pending | BookingStatus::Confirmed => self.before_notice(Ticks::ZERO, now),
            from @ (BookingStatus::InProgress
            | BookingStatus::Completed
            | BookingStatus::Cancelled
            | BookingStatus::Declined
            | BookingStatus::NoShow) => Err(StepRefused::Illegal { from, to: BookingStatus::Confirmed }),
        }
    }

    /// Whether its guest may still move it.
    pub fn guest_may_move(&self, now: DateTime<Utc>) -> Result<(), StepRefused> {
        self.may_move(now)?;
        self.before_notice(self.terms.reschedule_notice, now)
    }

    fn before_notice(&self, notice: Ticks, now: DateTime<Utc>) -> Result<(), StepRefused> {
        let latest = (self.start - notice).instant();
        if now < latest { Ok(()) } else { Err(StepRefused::TooLate) }
    }

    /// Whether it waits for a yes that has not come in time.
    pub fn is_unanswered(&self, now: DateTime<Utc>) -> bool {
        self.status == BookingStatus::Pending && self.answer_by.is_some_and(|answer_by| answer_by <= now)
    }

    /// Itself without what its guest has told, of which nothing is left but that somebody was there.
    #[must_use]
    pub fn erased(&self) -> Self {
        let mut after = self.clone();
        after.guest = Guest {
            name: "erased".to_owned(),
            email: "erased@invalid".to_owned(),
            phone: None,
            time_zone: self.guest.time_zone,
            locale: None,
        };
        after.answers = None;
        after.notes = None;
        after.metadata = None;
        after.reason = None;
        after.erase_at = None;
        // Whoever still has the guest's link shall not see even this.
        after.token_generation += 1;
        if self.settled_version >= self.version {
            after.due_at = after.due_when_settled();
        }
        after
    }

    /// The next version of `before`: to be pushed, unless no calendar has ever had anything to do with it.
    #[must_use]
    pub fn changed_from(mut self, before: &Self, now: DateTime<Utc>) -> Self {
        self.version = before.version + 1;
        self.push_failures = 0;
        let is_unfinished = before.settled_version < before.version;
        if before.wants_event() || before.pushed.is_some() || is_unfinished {
            self.due_at = self.due_with_push(now);
            self
        } else {
            self.made(now)
        }
    }

    /// Itself when it has just been made: to be pushed if it wants an event.
    #[must_use]
    pub fn made(mut self, now: DateTime<Utc>) -> Self {
        if self.wants_event() {
            self.due_at = self.due_with_push(now);
        } else {
            self.settled_version = self.version;
            self.due_at = self.due_when_settled();
        }
        self
    }

    fn due_with_push(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let push = self.calendar.as_ref().map(|_| now + PUSH_GRACE);
        [push, self.due_when_settled()].into_iter().flatten().min()
    }

    /// When something is to be done about it besides pushing: an answer that does not come, data to be erased.
    pub fn due_when_settled(&self) -> Option<DateTime<Utc>> {
        let answer_by = self.answer_by.filter(|_| self.status == BookingStatus::Pending);
        [answer_by, self.erase_at].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booking(status: BookingStatus) -> Booking {
        serde_json::from_value(serde_json::json!({
            "id": "bkg_0123", "tenant": "demo", "host": "hst_ada1", "event_type": "intro", "title": "Intro",
            "status": status, "version": 1, "start": 6_000_000, "length": 30, "claimed": [],
            "guest": { "name": "Mary", "email": "mary@example.com", "time_zone": "UTC" },
            "fingerprint": "", "token_generation": 0, "created_at": 1_700_000_000,
        }))
        .unwrap()
    }

    #[test]
    fn steps_have_their_time() {
        let starts_at = booking(BookingStatus::Confirmed).start.instant();
        let minutes = |minutes: i64| starts_at + TimeDelta::minutes(minutes);
        for (from, to, at, refused) in [
            (BookingStatus::Pending, BookingStatus::Confirmed, minutes(-1), None),
            (BookingStatus::Pending, BookingStatus::Confirmed, minutes(0), Some(StepRefused::TooLate)),
            (BookingStatus::Confirmed, BookingStatus::InProgress, minutes(-60), None),
            (BookingStatus::Confirmed, BookingStatus::InProgress, minutes(-61), Some(StepRefused::TooEarly)),
            (BookingStatus::Confirmed, BookingStatus::NoShow, minutes(-1), Some(StepRefused::TooEarly)),
            (BookingStatus::Confirmed, BookingStatus::NoShow, minutes(0), None),
            (BookingStatus::InProgress, BookingStatus::Completed, minutes(0), None),
            (
                BookingStatus::Declined,
                BookingStatus::Confirmed,
                minutes(-1),
                Some(StepRefused::Illegal { from: BookingStatus::Declined, to: BookingStatus::Confirmed }),
            ),
        ] {
            assert_eq!(booking(from).step(to, None, at).err(), refused, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_booking_that_moves_takes_its_times_along() {
        let mut pending = booking(BookingStatus::Pending);
        pending.answer_by = Some(pending.start.instant());
        pending.erase_at = Some(pending.start.instant() + TimeDelta::days(2));
        let earlier = pending.start - Ticks::ONE;
        let moved = pending.moved(earlier, Vec::new(), DateTime::UNIX_EPOCH);
        assert_eq!(moved.answer_by, Some(earlier.instant()));
        assert_eq!(moved.erase_at, Some(earlier.instant() + TimeDelta::days(2)));
        assert_eq!((moved.due_at, moved.version), (moved.answer_by, 2));
    }

    #[test]
    fn a_pending_booking_is_due_when_its_answer_is_and_has_nothing_to_push() {
        let mut pending = booking(BookingStatus::Pending);
        pending.answer_by = Some(pending.start.instant());
        let pending = pending.made(DateTime::UNIX_EPOCH);
        assert_eq!((pending.due_at, pending.settled_version), (pending.answer_by, 1));
        let confirmed = pending.step(BookingStatus::Confirmed, None, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((confirmed.due_at, confirmed.answer_by, confirmed.version), (None, None, 2));
    }

    #[test]
    fn an_erased_booking_says_nothing_of_its_guest() {
        let mut told = booking(BookingStatus::Completed);
        told.notes = Some("Mary's number is 5".to_owned());
        told.answers = Some(r#"{"who":"Mary"}"#.to_owned());
        told.reason = Some("Mary is ill".to_owned());
        let erased = told.erased();
        assert!(!serde_json::to_string(&erased).unwrap().to_lowercase().contains("mary"));
        assert_ne!(erased.token_generation, told.token_generation);
    }
}
