//! What can be booked with a host: how long, how often, how soon and how far ahead.
//!
//! The one rule: buffers belong to the claim, not to the slot. A guest sees 10:00-10:30; what is taken, and
//! must not meet anything else, is that and the time before and after. Only the slot itself must lie within
//! the host's hours.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{EventTypeSlug, HostId, Span, Tick, Ticks};

/// The farthest that a host can be booked ahead: two years.
const LONGEST_WINDOW_DAYS: u16 = 730;
const LONGEST_TITLE: usize = 200;

/// Something that a guest can book. Lengths of time are written in minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventType {
    /// Its name in the tenant's public URLs.
    pub slug: EventTypeSlug,
    /// Who is booked.
    pub host: HostId,
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
}

impl EventType {
    /// Whether it can be offered at all: every field that is wrong, by name, and what it must be.
    pub fn check(&self) -> Result<(), Vec<(&'static str, &'static str)>> {
        let buffers = self.buffer_before.minutes() + self.buffer_after.minutes();
        let too_long = |length: &Ticks| length.minutes() + buffers > Ticks::LONGEST_CLAIM.minutes();
        let distinct: BTreeSet<_> = self.lengths.iter().collect();
        let wrong: Vec<_> = [
            (
                "title",
                "must have 1 to 200 characters",
                self.title.trim().is_empty() || self.title.chars().count() > LONGEST_TITLE,
            ),
            ("lengths", "must name at least one length", self.lengths.is_empty()),
            ("lengths", "must name each length once", distinct.len() < self.lengths.len()),
            ("lengths", "must be 5 minutes or longer", self.lengths.contains(&Ticks::ZERO)),
            ("lengths", "must not exceed 12 hours, buffers included", self.lengths.iter().any(too_long)),
            ("interval", "must be 5 minutes or longer", self.interval < Ticks::ONE),
            ("window_days", "must be 1 to 730 days", !(1..=LONGEST_WINDOW_DAYS).contains(&self.window_days)),
            ("notice", "must be shorter than the booking window", self.notice >= self.window()),
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

    /// What a slot takes from its host's time, buffers included.
    ///
    /// ```
    /// use holdfast::domain::{EventType, Tick, Ticks};
    ///
    /// let intro: EventType = serde_json::from_value(serde_json::json!({
    ///     "slug": "intro", "host": "hst_ada1", "title": "Intro", "lengths": [30], "interval": 15,
    ///     "buffer_before": 10, "buffer_after": 5, "window_days": 30, "active": true,
    /// })).unwrap();
    /// let start = Tick::exact("2027-03-15T09:00:00Z".parse().unwrap()).unwrap();
    /// let claim = intro.claim(start, intro.length(None).unwrap());
    /// assert_eq!(claim.start.instant().to_rfc3339(), "2027-03-15T08:50:00+00:00");
    /// assert_eq!(claim.end.instant().to_rfc3339(), "2027-03-15T09:35:00+00:00");
    /// ```
    pub fn claim(&self, start: Tick, length: Ticks) -> Span {
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
        EventType {
            slug: "intro".parse().unwrap(),
            host: "hst_ada1".parse().unwrap(),
            title: "Intro".to_owned(),
            description: None,
            lengths: vec![minutes(30), minutes(60)],
            interval: minutes(15),
            buffer_before: Ticks::ZERO,
            buffer_after: Ticks::ZERO,
            notice: minutes(120),
            window_days: 30,
            active: true,
        }
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
