//! A booking and the states it goes through. What stands of it in calendars is in its agenda entries.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Actor, BookingId, Claim, EventType, EventTypeSlug, HostId, Location, ScheduleId, Span, Tenant, Tick,
    Ticks, Visibility, Zone,
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

    /// Whether an event should stand for it in a calendar: from the host's yes on, unless it was ended.
    pub fn wants_event(self) -> bool {
        self.holds_cells() && self != Self::Pending
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
    pub time_zone: Zone,
    /// BCP 47 language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
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
    pub time_zone: Zone,
    /// The schedule of its organizer that offered it; the host's default when `None`.
    #[serde(default)]
    pub schedule: Option<ScheduleId>,
    /// Kept free before it.
    #[serde(default)]
    pub buffer_before: Ticks,
    /// Kept free after it.
    #[serde(default)]
    pub buffer_after: Ticks,
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

/// A counter towards which a booking counts, under the number that it may not pass. Kept with the booking, so that
/// ending it lowers what making it raised, whatever the limits are by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Counter {
    /// Bookings of one event type on one local date of its organizer's schedule.
    EventTypeDay {
        /// The organizer, in whose partition the counter lies.
        host: HostId,
        /// The event type.
        event_type: EventTypeSlug,
        /// The local date.
        date: NaiveDate,
    },
}

/// A slot that a guest has taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booking {
    /// Its id.
    pub id: BookingId,
    /// Whose it is.
    pub tenant: Tenant,
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
    /// Who is booked, the organizer first, and the cells that it owns of each, buffers included.
    #[serde(rename = "hosts")]
    pub claim: Claim,
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
    /// When something is to be done about it: the earliest of answer and erasure.
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
    pub created_by: Actor,
    /// Who made its present version.
    pub changed_by: Actor,
    /// While `pending`: when it is declined if nobody has answered.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub answer_by: Option<DateTime<Utc>>,
    /// The counters towards which it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<Counter>,
    /// Why it was cancelled or declined, in the words of the person who did.
    #[serde(default)]
    pub reason: Option<String>,
    /// The conference that was made with its event.
    #[serde(default)]
    pub conference: Option<Conference>,
    /// When its guest's data are to be erased.
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub erase_at: Option<DateTime<Utc>>,
}

/// The address of a guest whose data were erased. Nobody can give it: its domain is reserved (RFC 2606).
const ERASED_EMAIL: &str = "erased@invalid";

/// A booking may be started this long before its time.
const START_EARLIEST: TimeDelta = TimeDelta::hours(1);

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

    /// The event type by which this booking is moved: today's hours, interval, notice and window, and of all else what
    /// was agreed when it was made.
    #[must_use]
    pub fn agreed(&self, today: &EventType) -> EventType {
        EventType {
            hosts: self.claim.same_hosts().unwrap_or_else(|| today.hosts.clone()),
            title: self.title.clone(),
            lengths: vec![self.length],
            schedule: self.terms.schedule.clone(),
            buffer_before: self.terms.buffer_before,
            buffer_after: self.terms.buffer_after,
            ..today.clone()
        }
    }

    /// Where to join by video; `None` when it takes place otherwise, or there is no link yet.
    pub fn join_url(&self) -> Option<&str> {
        match (self.terms.location.as_ref()?, &self.conference) {
            (Location::Conference, Some(Conference::Ready { url })) | (Location::VideoLink { url }, _) => {
                Some(url)
            }
            _ => None,
        }
    }

    /// Where it takes place: a link, a number to call or an address; `None` while that is not known.
    pub fn place(&self) -> Option<&str> {
        match self.terms.location.as_ref()? {
            Location::Conference | Location::VideoLink { .. } => self.join_url(),
            Location::GuestPhone => self.guest.phone.as_deref(),
            Location::HostPhone { number } => Some(number),
            Location::InPerson { address } => Some(address),
        }
    }

    /// The next version, in another status. A reason may be given when it ends early.
    pub fn step(
        &self,
        to: BookingStatus,
        reason: Option<String>,
        by: Actor,
        now: DateTime<Utc>,
    ) -> Result<Self, StepRefused> {
        if !self.status.may_become(to) {
            return Err(StepRefused::Illegal { from: self.status, to });
        }
        let starts_at = self.start.instant();
        match to {
            BookingStatus::Confirmed if now >= starts_at => return Err(StepRefused::TooLate),
            BookingStatus::InProgress if now < starts_at - START_EARLIEST => {
                return Err(StepRefused::TooEarly);
            }
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
        if !to.holds_cells() {
            after.counters.clear();
        }
        if !to.wants_event() {
            after.conference = None;
        }
        Ok(after.next_version(by))
    }

    /// The next version, at another time with other cells; its length may differ.
    #[must_use]
    pub fn moved(&self, to: Span, claim: Claim, by: Actor) -> Self {
        let mut after = self.clone();
        after.erase_at =
            self.erase_at.map(|erase_at| erase_at + (to.end.instant() - self.span().end.instant()));
        after.start = to.start;
        after.length = to.len();
        after.claim = claim;
        after.answer_by = after.answer_by.map(|answer_by| answer_by.min(to.start.instant()));
        after.next_version(by)
    }

    /// Whether its guest may still cancel: before the notice that was agreed, as long as it is to take place.
    pub fn guest_may_cancel(&self, now: DateTime<Utc>) -> Result<(), StepRefused> {
        let (from, to) = (self.status, BookingStatus::Cancelled);
        if !from.may_become(to) {
            return Err(StepRefused::Illegal { from, to });
        }
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

    /// Whether its time has passed.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.span().end.instant() <= now
    }

    /// Whether its guest's data were erased.
    pub fn is_erased(&self) -> bool {
        self.guest.email == ERASED_EMAIL
    }

    /// Whether it waits for a yes that has not come in time.
    pub fn is_unanswered(&self, now: DateTime<Utc>) -> bool {
        self.status == BookingStatus::Pending && self.answer_by.is_some_and(|answer_by| answer_by <= now)
    }

    /// A copy with the guest's data redacted, also what was computed from them. Its manage token is void.
    #[must_use]
    pub fn erased(&self) -> Self {
        let mut after = self.clone();
        after.guest = Guest {
            name: "erased".to_owned(),
            email: ERASED_EMAIL.to_owned(),
            phone: None,
            // Where the guest reads times says where they live.
            time_zone: self.terms.time_zone,
            locale: None,
        };
        // A hash of what the guest told can be guessed. Nobody's request has an empty one.
        after.fingerprint.clear();
        after.answers = None;
        after.notes = None;
        after.metadata = None;
        after.reason = None;
        after.erase_at = None;
        // The guest's link must not show even this.
        after.token_generation += 1;
        after.due_at = after.next_deadline();
        after
    }

    /// The same booking as its next version, changed by this actor.
    #[must_use]
    pub fn next_version(mut self, by: Actor) -> Self {
        self.version += 1;
        self.changed_by = by;
        self.due_at = self.next_deadline();
        self
    }

    /// When something is to be done about it by itself: an answer that does not come, data to be erased.
    pub fn next_deadline(&self) -> Option<DateTime<Utc>> {
        let answer_by = self.answer_by.filter(|_| self.status == BookingStatus::Pending);
        [answer_by, self.erase_at].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zone::named;

    fn booking(status: BookingStatus) -> Booking {
        serde_json::from_value(serde_json::json!({
            "id": "bkg_0123", "tenant": "demo", "event_type": "intro", "title": "Intro",
            "status": status, "version": 1, "start": 6_000_000, "length": 30, "hosts": [],
            "created_by": "guest", "changed_by": "guest",
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
            assert_eq!(booking(from).step(to, None, Actor::Host, at).err(), refused, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_guest_cancels_only_what_is_still_to_take_place() {
        let starts_at = booking(BookingStatus::Confirmed).start.instant();
        for status in BookingStatus::ALL {
            let may = matches!(status, BookingStatus::Pending | BookingStatus::Confirmed);
            let booking = booking(status);
            assert_eq!(booking.guest_may_cancel(starts_at - TimeDelta::days(1)).is_ok(), may, "{status:?}");
            assert!(booking.guest_may_cancel(starts_at).is_err(), "{status:?}");
        }
    }

    #[test]
    fn a_booking_that_moves_takes_its_times_along() {
        let mut pending = booking(BookingStatus::Pending);
        pending.answer_by = Some(pending.start.instant());
        pending.erase_at = Some(pending.span().end.instant() + TimeDelta::days(2));
        let earlier = pending.start - Ticks::ONE;
        let longer = Span::new(earlier, earlier + Ticks::from_minutes(60).unwrap());
        let moved = pending.moved(longer, pending.claim.clone(), Actor::Host);
        assert_eq!(moved.answer_by, Some(earlier.instant()));
        assert_eq!(moved.erase_at, Some(longer.end.instant() + TimeDelta::days(2)));
        assert_eq!((moved.due_at, moved.version, moved.span()), (moved.answer_by, 2, longer));
        assert_eq!((moved.created_by, moved.changed_by), (Actor::Guest, Actor::Host));
    }

    #[test]
    fn a_booking_is_due_at_its_earliest_deadline() {
        let mut pending = booking(BookingStatus::Pending);
        let starts_at = pending.start.instant();
        pending.answer_by = Some(starts_at);
        pending.erase_at = Some(starts_at + TimeDelta::days(2));
        assert_eq!(pending.next_deadline(), Some(starts_at));
        let confirmed =
            pending.step(BookingStatus::Confirmed, None, Actor::Host, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((confirmed.due_at, confirmed.answer_by, confirmed.version), (pending.erase_at, None, 2));
    }

    #[test]
    fn an_erased_booking_says_nothing_of_its_guest() {
        let mut told = booking(BookingStatus::Completed);
        told.notes = Some("Mary's number is 5".to_owned());
        told.answers = Some(r#"{"who":"Mary"}"#.to_owned());
        told.reason = Some("Mary is ill".to_owned());
        told.fingerprint = "a hash of Mary's name, address and answers".to_owned();
        told.guest.phone = Some("5".to_owned());
        told.guest.locale = Some("en-GB".to_owned());
        told.guest.time_zone = Zone::from(named::America::Sao_Paulo);
        let erased = told.erased();
        assert!(!serde_json::to_string(&erased).unwrap().to_lowercase().contains("mary"));
        assert_eq!((erased.fingerprint.as_str(), erased.guest.time_zone), ("", told.terms.time_zone));
        assert_eq!((erased.guest.phone, erased.guest.locale), (None, None));
        assert_ne!(erased.token_generation, told.token_generation);
    }
}
