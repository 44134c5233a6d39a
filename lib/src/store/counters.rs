//! Counters of bookings, for limits: a booking's own transaction raises and lowers them, raising under the condition
//! that the limit is kept. Which ones a booking counts towards is stored with it.
//!
//! ```text
//! pk  T#<tenant>#H#<host>      sk  DAY#2026-11-20#N#<event type>
//! n     N    live bookings of the event type on that local date
//! ttl   N    40 days after the day
//! ```

use super::change::Change;
use super::item::{number, ttl, unreadable};
use super::key::{self, Key};
use super::{Item, StoreError};
use crate::domain::{Count, Counter, Day, Tenant};

/// Counts one more. With a limit, only as long as it is kept.
pub(super) fn raise(tenant: &Tenant, counter: &Counter, most: Option<u16>) -> Change {
    let change = change(tenant, counter, 1);
    match most {
        Some(most) => change.when("attribute_not_exists(n) OR n < :most").value(":most", number(most)),
        None => change,
    }
}

/// Counts one less.
pub(super) fn lower(tenant: &Tenant, counter: &Counter) -> Change {
    change(tenant, counter, -1)
}

fn change(tenant: &Tenant, counter: &Counter, by: i32) -> Change {
    let Counter::EventTypeDay { date, .. } = counter;
    Change::update(Key::counter(tenant, counter), "SET #ttl = :ttl ADD n :by")
        .name("#ttl", "ttl")
        .value(":ttl", ttl(Day::from(*date)))
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
    Some(count().ok_or_else(|| unreadable("counter", sort)))
}
