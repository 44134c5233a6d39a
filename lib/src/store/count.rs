//! How often an event type is booked on one local date, for those that have a daily limit. The booking's own
//! transaction raises and lowers it, under the condition that the limit is kept.
//!
//! ```text
//! pk  T#<tenant>#H#<host>      sk  DAY#2026-11-20#N#<event type>
//! n     N    live bookings that count towards the limit
//! ttl   N    40 days after the day
//! ```

use chrono::NaiveDate;

use super::change::Change;
use super::day::ttl;
use super::item::{number, unreadable};
use super::key::{self, Key};
use super::{Item, StoreError};
use crate::domain::{Booking, Day, DayState, EventTypeSlug, HostId, Tenant};

/// What one counter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Of which event type.
    pub event_type: EventTypeSlug,
    /// On which local date.
    pub date: NaiveDate,
    /// How many bookings.
    pub bookings: i64,
}

/// Days of a host with the counters among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostDays {
    /// The days.
    pub days: Vec<DayState>,
    /// The counters.
    pub counts: Vec<Count>,
}

impl HostDays {
    /// Whether there is room for one more booking of an event type on a local date.
    pub fn has_room(&self, event_type: &EventTypeSlug, date: NaiveDate, most: u16) -> bool {
        let of = |count: &&Count| count.event_type == *event_type && count.date == date;
        self.counts.iter().find(of).is_none_or(|count| count.bookings < i64::from(most))
    }
}

/// Counts one more, if the limit allows it.
pub(super) fn raise(
    tenant: &Tenant,
    host: &HostId,
    event_type: &EventTypeSlug,
    date: NaiveDate,
    most: u16,
) -> Change {
    change(tenant, host, event_type, date, 1)
        .when("attribute_not_exists(n) OR n < :most")
        .value(":most", number(most))
}

/// Counts a booking no longer.
pub(super) fn lower(booking: &Booking) -> Option<Change> {
    let date = booking.counted_on?;
    Some(change(&booking.tenant, &booking.host, &booking.event_type, date, -1))
}

fn change(tenant: &Tenant, host: &HostId, event_type: &EventTypeSlug, date: NaiveDate, by: i32) -> Change {
    Change::update(Key::count(tenant, host, event_type, date), "SET #ttl = :ttl ADD n :by")
        .name("#ttl", "ttl")
        .value(":ttl", ttl(Day::from(date)))
        .value(":by", number(by))
}

/// Reads a counter; `None` when the item is a day.
pub(super) fn read(item: &Item) -> Option<Result<Count, StoreError>> {
    let sort = item.get("sk").and_then(|sk| sk.as_s().ok())?;
    let (date, event_type) = sort.strip_prefix(key::DAY_PREFIX)?.split_once(key::COUNT_INFIX)?;
    let count = || {
        let bookings = item.get("n")?.as_n().ok()?.parse().ok()?;
        Some(Count { event_type: event_type.parse().ok()?, date: date.parse().ok()?, bookings })
    };
    Some(count().ok_or_else(|| unreadable("count", sort)))
}
