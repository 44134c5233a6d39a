//! Bookings: every change of one is one transaction with the cells that it owns, its agenda entries, its counters and
//! the record of the request.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::agenda;
use super::change::Change;
use super::due::shard;
use super::idempotency::{self, IdempotencyRecord};
use super::item::{diff, number, read_booking, seconds, text, write};
use super::key::{Key, sortable};
use super::placing::placed_as_read;
use super::{Item, Store, StoreError, counters, day};
use crate::domain::{
    AgendaEntry, Booking, BookingId, BookingRecord, CellOwner, Conference, Counter, EntryKey, Host, Lease,
    ReadDays, Tenant,
};

/// A new lease, from `now` for this long, in whole seconds as it is stored.
pub fn new_lease(now: DateTime<Utc>, length: TimeDelta) -> Lease {
    Lease { id: format!("{:016x}", fastrand::u64(..)), until: (now + length).trunc_subsecs(0) }
}

/// One change of a booking, to be written in one piece.
#[derive(Debug)]
pub struct BookingWrite<'a> {
    /// As it was read; `None` for a new one.
    pub before: Option<&'a BookingRecord>,
    /// As it is to be.
    pub after: &'a BookingRecord,
    /// What was read of the days that it takes cells of; their busy time must still be so.
    pub days: ReadDays<'a>,
    /// Hosts of whom it is left without a calendar, as they were read: that must still be so.
    pub without_calendar: Vec<&'a Host>,
    /// The hold whose cells it takes over.
    pub held: Option<CellOwner>,
    /// The most that a counter which it comes to count towards may say afterwards.
    pub most: Option<u16>,
    /// The record of the request.
    pub record: Option<&'a IdempotencyRecord>,
    /// The time by which holds have ended or not.
    pub now: DateTime<Utc>,
}

impl<'a> BookingWrite<'a> {
    /// A change that takes no cells and counts towards nothing new.
    pub fn of(before: &'a BookingRecord, after: &'a BookingRecord, now: DateTime<Utc>) -> Self {
        let (days, without_calendar) = (ReadDays::default(), Vec::new());
        Self {
            before: Some(before),
            after,
            days,
            without_calendar,
            held: None,
            most: None,
            record: None,
            now,
        }
    }
}

/// Why a booking was not written.
#[derive(Debug, thiserror::Error)]
pub enum BookingConflict {
    /// A new one: there is one by this id.
    #[error("the booking exists")]
    Exists(Box<Booking>),
    /// The booking, an entry, a cell, a revision or a counter was not as read.
    #[error("something was not as read")]
    Stale,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes or changes a booking with all that belongs to it: cells are taken from a hold or from free ones, moved or
    /// freed as its claim and status say, each of its entries is created, updated or moved.
    pub async fn write_booking(&self, write: &BookingWrite<'_>) -> Result<(), BookingConflict> {
        let changes = changes(write)?;
        match (self.commit(&changes).await, write.before) {
            (Ok(()), _) => Ok(()),
            (Err(StoreError::Conflict(found)), None) => match found.into_iter().next().flatten() {
                Some(item) => Err(BookingConflict::Exists(Box::new(read_booking(item)?))),
                None => Err(BookingConflict::Stale),
            },
            (Err(StoreError::Conflict(_)), Some(_)) => Err(BookingConflict::Stale),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// A booking, strongly consistent.
    pub async fn booking(&self, tenant: &Tenant, id: &BookingId) -> Result<Option<Booking>, StoreError> {
        self.get(Key::booking(tenant, id)).await?.map(read_booking).transpose()
    }

    /// A booking with its entries, strongly consistent: two steps, because the entries lie under its start. One that is
    /// changed in between is read again.
    pub async fn booking_record(
        &self,
        tenant: &Tenant,
        id: &BookingId,
    ) -> Result<Option<BookingRecord>, StoreError> {
        for _ in 0..READS {
            let Some(booking) = self.booking(tenant, id).await? else { return Ok(None) };
            if let Some(record) = self.with_entries(booking).await? {
                return Ok(Some(record));
            }
        }
        Err(StoreError::Busy)
    }

    /// A booking that has just been read with its entries; `None` when it has been changed since.
    async fn with_entries(&self, booking: Booking) -> Result<Option<BookingRecord>, StoreError> {
        let found = self.entries(&EntryKey::all_of(&booking)).await?;
        Ok(record_of(booking, found).ok())
    }

    /// Those of these bookings that exist, strongly consistent.
    pub async fn bookings(
        &self,
        tenant: &Tenant,
        ids: &[BookingId],
    ) -> Result<HashMap<BookingId, Booking>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| Key::booking(tenant, id)).collect();
        let found = self.batch(&keys).await?.into_iter().map(read_booking);
        found.map(|booking| booking.map(|booking| (booking.id.clone(), booking))).collect()
    }

    /// Records how the conference of a booking stands, as long as it is this version. It is no new version: the booking
    /// says the same, and its event is what it was.
    pub async fn set_conference(
        &self,
        booking: &Booking,
        conference: Option<Conference>,
    ) -> Result<(), StoreError> {
        let after = Booking { conference, ..booking.clone() };
        match self.commit(&[changed(booking, &after)?]).await {
            // Changed by somebody: that change is pushed, and then the conference is recorded with it.
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// Takes the lease on an item and gives the item as it is then. [`StoreError::Conflict`] when somebody else has
    /// it, or there is no such item; a repeated try finds its own.
    pub(super) async fn take_lease(&self, key: Key, lease: &Lease) -> Result<Item, StoreError> {
        let change = Change::update(key, "SET lease_id = :id, lease_until = :until")
            .when(
                "attribute_exists(pk) AND (attribute_not_exists(lease_until) OR lease_until <= :now \
                 OR lease_id = :id)",
            )
            .value(":id", text(&lease.id))
            .value(":until", seconds(lease.until))
            .value(":now", seconds(self.clock.now()));
        self.commit_returning(&change).await
    }
}

/// A booking that is changed this often between two reads is being fought over.
const READS: u32 = 4;

/// The booking with its entries, in the order of its hosts; the booking alone when one of them is missing, or is of
/// another version.
pub(super) fn record_of(
    booking: Booking,
    mut found: Vec<AgendaEntry>,
) -> Result<BookingRecord, Box<Booking>> {
    let one = |key: &EntryKey| {
        let at = found.iter().position(|entry| entry.key() == *key && entry.is_of(&booking))?;
        Some(found.swap_remove(at))
    };
    let entries: Option<Vec<AgendaEntry>> = EntryKey::all_of(&booking).iter().map(one).collect();
    match entries {
        Some(entries) => Ok(BookingRecord { booking, entries }),
        None => Err(Box::new(booking)),
    }
}

/// All changes of one write, the booking's first: its position tells a lost one from the rest.
fn changes(write: &BookingWrite<'_>) -> Result<Vec<Change>, StoreError> {
    let BookingWrite { before, after, days, without_calendar, held, most, record, now } = write;
    let (booking, tenant) = (&after.booking, &after.booking.tenant);
    let mut changes = Vec::new();
    if let Some(before) = before {
        let was = &before.booking;
        changes.push(changed(was, booking)?);
        if was.status.holds_cells() && !booking.status.holds_cells() {
            changes.extend(day::free(tenant, &was.claim));
        } else if was.claim != booking.claim {
            changes.extend(day::shift(tenant, &was.claim, &booking.claim, days, *now));
        }
        for (was, entry) in before.entries.iter().zip(&after.entries) {
            changes.extend(agenda::changed(was, entry)?);
        }
    } else {
        changes.push(Change::put(key_of(booking), stored(booking)?).when("attribute_not_exists(pk)"));
        changes.extend(match held {
            Some(held) => day::confirm(tenant, &booking.claim, days, *held),
            None => day::take(tenant, &booking.claim, days, CellOwner::BOOKED, *now),
        });
        changes.extend(after.entries.iter().map(agenda::put).collect::<Result<Vec<_>, _>>()?);
    }
    let counted: &[Counter] = before.map_or(&[], |before| &before.booking.counters);
    let lowered = counted.iter().filter(|counter| !booking.counters.contains(counter));
    changes.extend(lowered.map(|counter| counters::lower(tenant, counter)));
    let raised = booking.counters.iter().filter(|counter| !counted.contains(counter));
    changes.extend(raised.map(|counter| counters::raise(tenant, counter, *most)));
    for host in without_calendar {
        changes.push(placed_as_read(Change::check(Key::host(tenant, &host.id)), host));
    }
    changes.extend(record.map(|record| idempotency::put(tenant, record, *now)).transpose()?);
    Ok(changes)
}

/// The change of a booking that is still as read.
fn changed(before: &Booking, after: &Booking) -> Result<Change, StoreError> {
    let change = diff(key_of(before), &stored(before)?, &stored(after)?)
        .when("#version = :version AND #status = :status AND #generation = :generation")
        .name("#version", "version")
        .name("#status", "status")
        .name("#generation", "token_generation")
        .value(":version", number(before.version))
        .value(":status", text(before.status.as_str()))
        .value(":generation", number(before.token_generation));
    Ok(change)
}

fn key_of(booking: &Booking) -> Key {
    Key::booking(&booking.tenant, &booking.id)
}

/// The attributes of a booking, with its place in the indexes.
fn stored(booking: &Booking) -> Result<Item, StoreError> {
    let mut item = write("booking", booking)?;
    item.insert("starts".to_owned(), text(format!("{}#{}", sortable(booking.start), booking.id)));
    if booking.due_at.is_some() {
        item.insert("due_shard".to_owned(), text(shard(booking.id.as_str())));
    }
    Ok(item)
}
