//! What one UTC day of one host says: which cells are claimed, which are busy, and at which revision.
//!
//! The rule it keeps: a cell is taken while its number is greater than now. An expired hold is simply a small
//! number, so nothing has to clean it up; a booking is a number that no clock reaches.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Cells, Day, DayBits, EventTypeSlug, IntegrationId, Timeline};

const NONCES: u128 = 1_000_000_000_000_000_000;

/// The number in a claimed cell, which says whose it is: `expiry_seconds * 10^18 + nonce` for a hold, `9 * 10^30`
/// for a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellOwner(u128);

impl CellOwner {
    /// A booking's: greater than any hold's.
    pub const BOOKED: Self = Self(9_000_000_000_000_000_000_000_000_000_000);

    /// A hold's. The nonce is taken modulo 10^18.
    pub fn hold(expires_at: DateTime<Utc>, nonce: u64) -> Self {
        Self(seconds(expires_at) * NONCES + u128::from(nonce) % NONCES)
    }

    /// The bound above which an owner is alive.
    pub fn now(now: DateTime<Utc>) -> Self {
        Self(seconds(now) * NONCES)
    }

    /// The number as read from the table.
    pub fn from_number(number: u128) -> Self {
        Self(number)
    }

    /// The number to store.
    pub fn number(self) -> u128 {
        self.0
    }

    /// When a hold with this number ends.
    pub fn ends_at(self) -> DateTime<Utc> {
        let seconds = i64::try_from(self.0 / NONCES).unwrap_or(i64::MAX);
        DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Whether a cell with this number is taken at `now`.
    pub fn is_alive(self, now: DateTime<Utc>) -> bool {
        self > Self::now(now)
    }
}

fn seconds(instant: DateTime<Utc>) -> u128 {
    u128::try_from(instant.timestamp()).unwrap_or(0)
}

/// One day item as it was read. A day that has no item is a day without claims and without busy bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayState {
    /// The UTC day.
    pub day: Day,
    /// Raised by every change of busy bits; `None` before the first.
    pub revision: Option<u64>,
    /// Busy bits by integration, in the order of their ids.
    pub busy: Vec<(IntegrationId, DayBits)>,
    /// Claimed cells and whose they are, in no order.
    pub owners: Vec<(u16, CellOwner)>,
}

impl DayState {
    /// A day without an item.
    pub fn empty(day: Day) -> Self {
        Self { day, revision: None, busy: Vec::new(), owners: Vec::new() }
    }

    /// What is stored in a cell, alive or not.
    pub fn owner(&self, cell: u16) -> Option<CellOwner> {
        self.owners.iter().find(|(at, _)| *at == cell).map(|(_, owner)| *owner)
    }

    /// The busy bits of an integration; empty when it has none.
    pub fn busy_of(&self, integration: &IntegrationId) -> DayBits {
        self.busy.iter().find(|(id, _)| id == integration).map_or(DayBits::EMPTY, |(_, bits)| *bits)
    }

    /// Whether all these cells hold exactly this number.
    pub fn is_all(&self, cells: Cells, owner: CellOwner) -> bool {
        (cells.from..cells.to).all(|cell| self.owner(cell) == Some(owner))
    }

    /// Marks what is taken at `now` and what is busy by one of `active`. Bits of other integrations are
    /// leftovers of a disconnect and mean nothing.
    pub fn block<'a>(
        &self,
        timeline: &mut Timeline,
        active: &(impl Iterator<Item = &'a IntegrationId> + Clone),
        now: DateTime<Utc>,
    ) {
        for (integration, bits) in &self.busy {
            if active.clone().any(|id| id == integration) {
                timeline.block_day(self.day, bits);
            }
        }
        for (cell, _) in self.owners.iter().filter(|(_, owner)| owner.is_alive(now)) {
            timeline.block(Cells { day: self.day, from: *cell, to: cell + 1 }.span());
        }
    }
}

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
