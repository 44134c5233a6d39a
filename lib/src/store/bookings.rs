//! Bookings: made and ended together with the cells they own, pushed under a lease.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::change::Change;
use super::due::shard;
use super::item::{diff, number, read_booking, seconds, text, write};
use super::key::Key;
use super::once::{self, Once};
use super::{Item, Store, StoreError};
use super::{agenda, count, day};
use crate::domain::{Booking, BookingId, Claim, DayState, IntegrationId, Tenant};

/// The right to be the only one at work on an item, until a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose it is.
    pub id: String,
    /// When it ends by itself.
    pub until: DateTime<Utc>,
}

impl Lease {
    /// A new one, from `now` for this long.
    pub fn new(now: DateTime<Utc>, length: TimeDelta) -> Self {
        Self { id: format!("{:032x}", fastrand::u128(..)), until: now + length }
    }
}

/// Why a booking was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotBooked {
    /// There is one by this id.
    #[error("the booking exists")]
    Exists(Box<Booking>),
    /// A cell or a revision was not as read.
    #[error("a cell was lost")]
    Lost,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes a booking and its cells in one transaction: from a hold's cells (`held`), or from free ones; counted
    /// towards its daily limit, if it has one (`most`), and recorded for its Idempotency-Key (`once`).
    /// `days` is what was read; busy time must still be so.
    pub async fn book(
        &self,
        booking: &Booking,
        days: &[DayState],
        held: Option<Claim>,
        most: Option<u16>,
        once: Option<&Once>,
        now: DateTime<Utc>,
    ) -> Result<(), NotBooked> {
        let (tenant, cells) = (&booking.tenant, &booking.claimed);
        let key = Key::booking(tenant, &booking.id);
        let mut changes = vec![Change::put(key, stored(booking)?).when("attribute_not_exists(pk)")];
        changes.extend(match held {
            Some(held) => day::confirm(tenant, cells, days, held),
            None => day::take(tenant, cells, days, Claim::BOOKED, now),
        });
        changes.extend(raised(booking, most));
        changes.extend(once.map(|once| once::put(tenant, once, now)).transpose()?);
        match self.commit(&changes).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict(found)) => match found.into_iter().next().flatten() {
                Some(item) => Err(NotBooked::Exists(Box::new(read_booking(item)?))),
                None => Err(NotBooked::Lost),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// A booking, strongly consistent.
    pub async fn booking(&self, tenant: &Tenant, id: &BookingId) -> Result<Option<Booking>, StoreError> {
        self.get(Key::booking(tenant, id)).await?.map(read_booking).transpose()
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

    /// Changes a booking that keeps its cells, if it is still as read.
    pub async fn change_booking(&self, before: &Booking, after: &Booking) -> Result<(), StoreError> {
        self.commit(&[changed(before, after)?]).await
    }

    /// Ends a booking and frees the cells it stored, in one transaction, if it is still as read.
    pub async fn end_booking(&self, before: &Booking, after: &Booking) -> Result<(), StoreError> {
        let mut changes = vec![changed(before, after)?];
        changes.extend(before.claimed.iter().map(|claimed| day::free(&before.tenant, claimed)));
        changes.extend(count::lower(before));
        self.commit(&changes).await
    }

    /// Moves a booking with its cells in one transaction, if it is still as read and the new cells are free. `days` is
    /// what was read of the days that it moves to; `most` the daily limit.
    pub async fn move_booking(
        &self,
        before: &Booking,
        after: &Booking,
        days: &[DayState],
        most: Option<u16>,
        once: Option<&Once>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut changes = vec![changed(before, after)?];
        changes.extend(day::shift(&before.tenant, &before.claimed, &after.claimed, days, now));
        if before.counted_on != after.counted_on {
            changes.extend(count::lower(before));
            changes.extend(raised(after, most));
        }
        changes.extend(once.map(|once| once::put(&before.tenant, once, now)).transpose()?);
        self.commit(&changes).await
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

    /// Takes the lease for a push and gives the booking as it is then. [`StoreError::Conflict`] when another push
    /// has it, or there is no such booking.
    pub async fn lease_booking(
        &self,
        tenant: &Tenant,
        id: &BookingId,
        lease: &Lease,
    ) -> Result<Booking, StoreError> {
        read_booking(self.take_lease(Key::booking(tenant, id), lease).await?)
    }

    /// Writes the outcome of a push and ends its lease, if the booking is still the one that was pushed.
    pub async fn settle_push(
        &self,
        before: &Booking,
        after: &Booking,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        let mut before_item = stored(before)?;
        before_item.insert("lease_id".to_owned(), text(&lease.id));
        before_item.insert("lease_until".to_owned(), number(0));
        let change = diff(key_of(before), &before_item, &stored(after)?)
            .when("#version = :version AND #lease = :lease")
            .name("#version", "version")
            .name("#lease", "lease_id")
            .value(":version", number(before.version))
            .value(":lease", text(&lease.id));
        self.commit(&[change]).await
    }

    /// Forgets that a booking has an event in this integration's calendar, after it was removed with the
    /// integration. The booking itself has not changed.
    pub async fn forget_event(
        &self,
        tenant: &Tenant,
        id: &BookingId,
        integration: &IntegrationId,
    ) -> Result<(), StoreError> {
        let change = Change::update(Key::booking(tenant, id), "REMOVE #pushed")
            .when("calendar.#integration = :integration")
            .name("#pushed", "pushed")
            .name("#integration", "integration")
            .value(":integration", text(integration.as_str()));
        match self.commit(&[change]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// Ends a push's lease and leaves everything else as it is.
    pub async fn drop_push_lease(&self, booking: &Booking, lease: &Lease) -> Result<(), StoreError> {
        let change = Change::update(key_of(booking), "REMOVE lease_id, lease_until")
            .when("lease_id = :lease")
            .value(":lease", text(&lease.id));
        match self.commit(&[change]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }
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

/// The change that counts a booking towards its daily limit. Without a limit by now, none is needed.
fn raised(booking: &Booking, most: Option<u16>) -> Option<Change> {
    let (date, most) = (booking.counted_on?, most?);
    Some(count::raise(&booking.tenant, &booking.host, &booking.event_type, date, most))
}

fn key_of(booking: &Booking) -> Key {
    Key::booking(&booking.tenant, &booking.id)
}

/// The attributes of a booking, with its place in the due index.
fn stored(booking: &Booking) -> Result<Item, StoreError> {
    let mut item = write("booking", booking)?;
    item.extend(agenda::place(booking).map(|(name, value)| (name, text(value))));
    if booking.due_at.is_some() {
        item.insert("due_shard".to_owned(), text(shard(booking.id.as_str())));
    }
    Ok(item)
}
