//! What can be booked with a host: how long, how often, how soon and how far ahead.
//!
//! The one rule: buffers belong to the claim, not to the slot. A guest sees 10:00-10:30; what is taken, and
//! must not meet anything else, is that and the time before and after. Only the slot itself must lie within
//! the host's hours.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{EventTypeSlug, Hosts, ScheduleId, Span, Tick, Ticks};

/// The farthest that a host can be booked ahead: two years.
const LONGEST_WINDOW_DAYS: u16 = 730;
const LONGEST_TITLE: usize = 200;
/// More than a form can ask or a calendar takes.
const MOST_LENGTHS: usize = 20;
const MOST_QUESTIONS: usize = 20;
const MOST_REMINDERS: usize = 5;
/// Four weeks of minutes: calendars take no earlier reminder.
const EARLIEST_REMINDER: u16 = 40_320;

/// Something that a guest can book. Lengths of time are written in minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct EventType {
    /// Its name in the tenant's public URLs.
    pub slug: EventTypeSlug,
    /// Who is booked, all of them at once; the first organises.
    pub hosts: Hosts,
    /// What guests call it.
    pub title: String,
    /// What guests are told about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The lengths that a guest may choose from; the first is chosen for those who do not.
    pub lengths: Vec<Ticks>,
    /// From one start to the next, counted from the beginning of the host's hours.
    pub interval: Ticks,
    /// Kept free before each slot.
    #[serde(default)]
    pub buffer_before: Ticks,
    /// Kept free after each slot.
    #[serde(default)]
    pub buffer_after: Ticks,
    /// The least time from booking to start.
    #[serde(default)]
    pub notice: Ticks,
    /// How many days ahead a slot may start, in days of 24 hours.
    pub window_days: u16,
    /// Whether guests can see and book it.
    pub active: bool,
    /// Whether it stands in the tenant's public list; one that does not is booked by its link.
    #[serde(default = "yes")]
    pub listed: bool,
    /// The host's schedule that it goes by; the host's default when `None`.
    #[serde(default)]
    pub schedule: Option<ScheduleId>,
    /// The most bookings on one local date of its schedule; any number when `None`.
    #[serde(default)]
    pub max_per_day: Option<u16>,
    /// Where it takes place.
    #[serde(default)]
    pub location: Option<Location>,
    /// What the guest is asked.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// Template of the calendar event's title; a default one when `None`.
    #[serde(default)]
    pub event_title: Option<String>,
    /// Template of the calendar event's description; a default one when `None`.
    #[serde(default)]
    pub event_description: Option<String>,
    /// Minutes before the start at which the host is reminded by the calendar.
    #[serde(default = "usual_reminders")]
    pub reminders: Vec<u16>,
    /// Whether people who share the host's calendar see the event's details.
    #[serde(default)]
    pub visibility: Visibility,
    /// Whether a guest's booking waits for the host's yes.
    #[serde(default)]
    pub needs_confirmation: bool,
    /// How long it waits; one that nobody answers is declined.
    #[serde(default = "a_day")]
    pub confirm_within: Ticks,
    /// The least time before the start at which a guest may still cancel.
    #[serde(default)]
    pub cancel_notice: Ticks,
    /// The least time before the start at which a guest may still move the booking.
    #[serde(default)]
    pub reschedule_notice: Ticks,
    /// Kept because bookings refer to it; offered no more.
    #[serde(default)]
    pub archived: bool,
    /// Was another host's once, whose bookings may refer to it.
    #[serde(default)]
    pub was_moved: bool,
    /// Raised by every change: the `ETag`.
    #[serde(default)]
    pub revision: u64,
}

/// Where a booking takes place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Location {
    /// A video conference that the calendar makes with the event.
    Conference,
    /// The host calls the guest, who must give a number.
    GuestPhone,
    /// The guest calls this number.
    HostPhone {
        /// As guests are to dial it.
        number: String,
    },
    /// A place.
    InPerson {
        /// Its address.
        address: String,
    },
    /// A video room of one's own.
    VideoLink {
        /// An `https:` URL.
        url: String,
    },
}

impl Location {
    /// The word in bodies.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conference => "conference",
            Self::GuestPhone => "guest_phone",
            Self::HostPhone { .. } => "host_phone",
            Self::InPerson { .. } => "in_person",
            Self::VideoLink { .. } => "video_link",
        }
    }
}

/// How much of the calendar event others see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// That the time is taken.
    #[default]
    Private,
    /// What the calendar shows of its events by default.
    Default,
    /// Everything.
    Public,
}

/// Something that the guest is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The name of its answer: 1 to 40 of `a-z`, `0-9` and `_`.
    pub key: String,
    /// The question.
    pub label: String,
    /// What an answer looks like.
    #[serde(flatten)]
    pub kind: QuestionKind,
    /// Whether it must be answered.
    #[serde(default)]
    pub required: bool,
}

/// What an answer looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QuestionKind {
    /// One line.
    Text,
    /// Several lines.
    LongText,
    /// One of these.
    Choice {
        /// What there is to choose from.
        options: Vec<String>,
    },
    /// True or false.
    Checkbox,
}

fn yes() -> bool {
    true
}

fn a_day() -> Ticks {
    Ticks::from_minutes(24 * 60).unwrap_or(Ticks::ZERO)
}

fn usual_reminders() -> Vec<u16> {
    vec![15, 60]
}

impl EventType {
    /// Whether guests can book it now.
    pub fn is_open(&self) -> bool {
        self.active && !self.archived
    }

    /// Whether it can be offered at all: every field that is wrong, by name, and what it must be.
    pub fn check(&self) -> Result<(), Vec<(&'static str, &'static str)>> {
        let buffers = self.buffer_before.minutes() + self.buffer_after.minutes();
        let too_long = |length: &Ticks| length.minutes() + buffers > Ticks::LONGEST_CLAIM.minutes();
        let distinct: BTreeSet<_> = self.lengths.iter().collect();
        let keys: BTreeSet<_> = self.questions.iter().map(|question| &question.key).collect();
        let reminders: BTreeSet<_> = self.reminders.iter().collect();
        let wrong: Vec<_> = [
            (
                "title",
                "must have 1 to 200 characters",
                self.title.trim().is_empty() || self.title.chars().count() > LONGEST_TITLE,
            ),
            ("lengths", "must name at least one length", self.lengths.is_empty()),
            ("lengths", "must name at most 20 lengths", self.lengths.len() > MOST_LENGTHS),
            ("lengths", "must name each length once", distinct.len() < self.lengths.len()),
            ("lengths", "must be 5 minutes or longer", self.lengths.contains(&Ticks::ZERO)),
            ("lengths", "must not exceed 12 hours, buffers included", self.lengths.iter().any(too_long)),
            ("interval", "must be 5 minutes or longer", self.interval < Ticks::ONE),
            ("window_days", "must be 1 to 730 days", !(1..=LONGEST_WINDOW_DAYS).contains(&self.window_days)),
            ("notice", "must be shorter than the booking window", self.notice >= self.window()),
            ("max_per_day", "must be at least 1", self.max_per_day == Some(0)),
            ("questions", "must be at most 20", self.questions.len() > MOST_QUESTIONS),
            ("questions", "must each have a key of its own", keys.len() < self.questions.len()),
            ("reminders", "must be at most 5", self.reminders.len() > MOST_REMINDERS),
            ("reminders", "must name each time once", reminders.len() < self.reminders.len()),
            (
                "reminders",
                "must be at most 40320 minutes before",
                self.reminders.iter().any(|at| *at > EARLIEST_REMINDER),
            ),
        ]
        .into_iter()
        .filter_map(|(field, message, wrong)| wrong.then_some((field, message)))
        .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// The length that a guest gets: the one wanted if it is on offer, the first if none was named.
    pub fn length(&self, wanted: Option<Ticks>) -> Option<Ticks> {
        match wanted {
            None => self.lengths.first().copied(),
            Some(wanted) => self.lengths.contains(&wanted).then_some(wanted),
        }
    }

    /// What a slot takes from its hosts' time, buffers included.
    ///
    /// ```
    /// use holdfast::domain::{EventType, Tick, Ticks};
    ///
    /// let intro: EventType = serde_json::from_value(serde_json::json!({
    ///     "slug": "intro", "hosts": ["hst_ada1"], "title": "Intro", "lengths": [30], "interval": 15,
    ///     "buffer_before": 10, "buffer_after": 5, "window_days": 30, "active": true,
    /// })).unwrap();
    /// let start = Tick::exact("2027-03-15T09:00:00Z".parse().unwrap()).unwrap();
    /// let occupied = intro.occupied_span(start, intro.length(None).unwrap());
    /// assert_eq!(occupied.start.instant().to_rfc3339(), "2027-03-15T08:50:00+00:00");
    /// assert_eq!(occupied.end.instant().to_rfc3339(), "2027-03-15T09:35:00+00:00");
    /// ```
    pub fn occupied_span(&self, start: Tick, length: Ticks) -> Span {
        Span::new(start - self.buffer_before, start + length + self.buffer_after)
    }

    /// From when to when a slot booked `now` may start. Empty when the notice outlasts the window.
    pub fn bookable(&self, now: DateTime<Utc>) -> Span {
        let now = Tick::ceil(now);
        Span::new(now + self.notice, now + self.window())
    }

    fn window(&self) -> Ticks {
        Ticks::from_minutes(i64::from(self.window_days) * 24 * 60).unwrap_or(Ticks::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: i64) -> Ticks {
        Ticks::from_minutes(minutes).unwrap()
    }

    fn intro() -> EventType {
        serde_json::from_value(serde_json::json!({
            "slug": "intro", "hosts": ["hst_ada1"], "title": "Intro", "lengths": [30, 60], "interval": 15,
            "notice": 120, "window_days": 30, "active": true,
        }))
        .unwrap()
    }

    fn wrong_fields(event_type: &EventType) -> Vec<&'static str> {
        event_type.check().err().into_iter().flatten().map(|(field, _)| field).collect()
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(wrong_fields(&intro()), <[&str; 0]>::default());
        let nothing_right = EventType {
            title: "  ".to_owned(),
            lengths: vec![],
            interval: Ticks::ZERO,
            window_days: 731,
            notice: minutes(732 * 24 * 60),
            ..intro()
        };
        assert_eq!(wrong_fields(&nothing_right), ["title", "lengths", "interval", "window_days", "notice"]);
        for lengths in [vec![Ticks::ZERO], vec![minutes(725)], vec![minutes(30), minutes(30)]] {
            assert_eq!(wrong_fields(&EventType { lengths, ..intro() }), ["lengths"]);
        }
        assert_eq!(
            wrong_fields(&EventType { window_days: 0, notice: Ticks::ZERO, ..intro() }),
            ["window_days", "notice"]
        );
    }

    #[test]
    fn what_is_listed_is_listed_once_and_not_too_often() {
        let question = |key: &str| Question {
            key: key.to_owned(),
            label: "Why?".to_owned(),
            kind: QuestionKind::Text,
            required: false,
        };
        let questions = vec![question("why"), question("why")];
        assert_eq!(wrong_fields(&EventType { questions, ..intro() }), ["questions"]);
        let questions = (0..21).map(|at| question(&format!("q{at}"))).collect();
        assert_eq!(wrong_fields(&EventType { questions, ..intro() }), ["questions"]);
        for reminders in [vec![15, 15], (0..6).collect(), vec![40_321]] {
            assert_eq!(wrong_fields(&EventType { reminders, ..intro() }), ["reminders"]);
        }
        assert_eq!(EventType { reminders: vec![0, 40_320], ..intro() }.check(), Ok(()));
        let lengths = (1..=21).map(|at| minutes(at * 5)).collect();
        assert_eq!(wrong_fields(&EventType { lengths, ..intro() }), ["lengths"]);
    }

    #[test]
    fn buffers_count_towards_the_longest_claim() {
        let half_day = EventType { lengths: vec![minutes(720)], ..intro() };
        assert_eq!(half_day.check(), Ok(()));
        let five_more = EventType { buffer_after: minutes(5), ..half_day };
        assert_eq!(wrong_fields(&five_more), ["lengths"]);
        let absurd = minutes(i64::from(i32::MAX) * 5);
        let absurd = EventType { buffer_before: absurd, buffer_after: absurd, ..intro() };
        assert_eq!(wrong_fields(&absurd), ["lengths"]);
    }

    #[test]
    fn a_guest_gets_the_first_length_or_one_of_the_others() {
        assert_eq!(intro().length(None), Some(minutes(30)));
        assert_eq!(intro().length(Some(minutes(60))), Some(minutes(60)));
        assert_eq!(intro().length(Some(minutes(45))), None);
    }

    #[test]
    fn a_slot_may_start_once_the_notice_has_passed_to_the_second() {
        let bookable = intro().bookable("2027-03-15T09:00:01Z".parse().unwrap());
        assert_eq!(bookable.start.instant().to_rfc3339(), "2027-03-15T11:05:00+00:00");
        assert_eq!(bookable.end.instant().to_rfc3339(), "2027-04-14T09:05:00+00:00");
        let never = EventType { window_days: 1, notice: minutes(1445), ..intro() };
        assert!(never.bookable("2027-03-15T09:00:00Z".parse().unwrap()).is_empty());
    }

    #[test]
    fn lengths_are_written_in_minutes() {
        let json = serde_json::to_value(intro()).unwrap();
        assert_eq!(json["lengths"], serde_json::json!([30, 60]));
        assert_eq!(json["notice"], 120);
        assert_eq!(serde_json::from_value::<EventType>(json).unwrap(), intro());
    }
}
