//! The video conference that comes with an event. The calendar makes it in its own time, so a booking whose event
//! stands is due again until the conference does, too: one read each time, 10 seconds after the push and then
//! after twice as long, until it is given up.
//!
//! The booking's calendar is `synced` meanwhile: the event shows this version, and only its link is to come.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Booking, Conference};
use crate::flows::sync::render_event::wants_meet;

/// Ten reads take almost three hours.
const READS: u32 = 10;
const FIRST: TimeDelta = TimeDelta::seconds(10);
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// Whether all is done but for the conference.
pub(in crate::flows) fn is_awaited(booking: &Booking) -> bool {
    booking.settled_version >= booking.version
        && booking.conference == Some(Conference::Pending)
        && booking.pushed.is_some()
        && booking.wants_event()
}

/// After a push, now settled, that showed the event: what the calendar said of the conference.
pub(in crate::flows) fn shown(after: &mut Booking, said: Option<Conference>, now: DateTime<Utc>) {
    after.conference = wants_meet(after).then(|| said.unwrap_or(Conference::Failed));
    come_back(after, now);
}

/// After the nth read of an event for the sake of its conference. No answer is none that it has failed; but the
/// calendar may ask to be left alone for so long.
pub(in crate::flows) fn read(
    after: &mut Booking,
    nth: u32,
    said: Conference,
    asked: Option<Duration>,
    now: DateTime<Utc>,
) {
    let is_given_up = said == Conference::Pending && nth >= READS;
    after.conference = Some(if is_given_up { Conference::Failed } else { said });
    if after.conference == Some(Conference::Pending) {
        after.push_failures = nth;
        let asked = asked.and_then(|asked| TimeDelta::from_std(asked).ok()).unwrap_or_default();
        come_back(after, now + asked.min(LONGEST));
    }
}

/// After the last that is done for this version: no conference comes any more.
pub(in crate::flows) fn ended(after: &mut Booking) {
    if !after.wants_event() {
        after.conference = None;
    } else if after.conference == Some(Conference::Pending) {
        after.conference = Some(Conference::Failed);
    }
}

fn come_back(after: &mut Booking, now: DateTime<Utc>) {
    if after.conference == Some(Conference::Pending) {
        let doubled = FIRST * 2_i32.saturating_pow(after.push_failures.min(READS));
        let then = now + doubled.min(LONGEST);
        after.due_at = Some(after.due_at.map_or(then, |due| due.min(then)));
    }
}
