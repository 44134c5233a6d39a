//! The video conference that comes with an event. The calendar makes it in its own time, so an entry whose event
//! stands is due again until the conference does, too: one read each time, 10 seconds after the push and then
//! after twice as long, until it is given up.
//!
//! The calendar is `synced` meanwhile: the event shows this version, and only its link is to come. Only the
//! organizer's event has a conference.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::render_event::wants_conference;
use crate::domain::{AgendaEntry, Booking, Conference};

/// Ten reads take almost three hours.
const MAX_READS: u32 = 10;
const FIRST_INTERVAL: TimeDelta = TimeDelta::seconds(10);
const MAX_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// Whether all is done but for the conference.
pub(in crate::flows) fn is_awaited(booking: &Booking, entry: &AgendaEntry) -> bool {
    is_of_organizer(booking, entry)
        && booking.conference == Some(Conference::Pending)
        && entry.standing().is_some()
        && entry.is_shown(booking)
}

/// Whether this is the entry whose event carries the conference.
pub(in crate::flows) fn is_of_organizer(booking: &Booking, entry: &AgendaEntry) -> bool {
    booking.claim.organizer() == Some(&entry.host)
}

/// After a push: what the calendar said of the conference.
pub(in crate::flows) fn on_pushed(booking: &Booking, answer: Option<Conference>) -> Option<Conference> {
    wants_conference(booking).then(|| answer.unwrap_or(Conference::Failed))
}

/// After the nth read of an event for the sake of its conference. No response does not mean failure.
pub(in crate::flows) fn on_polled(nth: u32, answer: Conference) -> Conference {
    if answer == Conference::Pending && nth >= MAX_READS { Conference::Failed } else { answer }
}

/// After the last that is done for this version: no conference comes any more.
pub(in crate::flows) fn on_finished(booking: &Booking) -> Option<Conference> {
    match &booking.conference {
        _ if !booking.status.wants_event() => None,
        Some(Conference::Pending) => Some(Conference::Failed),
        other => other.clone(),
    }
}

/// When the event is read again after `reads` reads; later if the calendar asked for it.
pub(in crate::flows) fn next_read(reads: u32, asked: Option<Duration>, now: DateTime<Utc>) -> DateTime<Utc> {
    let doubled = FIRST_INTERVAL * 2_i32.saturating_pow(reads.min(MAX_READS));
    let asked = asked.and_then(|asked| TimeDelta::from_std(asked).ok()).unwrap_or_default();
    now + asked.min(MAX_INTERVAL) + doubled.min(MAX_INTERVAL)
}
