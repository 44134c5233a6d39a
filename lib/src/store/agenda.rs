//! Bookings in the order of their start, of a tenant or of one host, page by page. Eventually consistent.
//!
//! A place in the list is that of the last booking seen, not a number: what is added or moved elsewhere does not shift
//! the pages behind it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::item::{read_booking, text};
use super::key::{self, Key};
use super::{BY_HOST_INDEX, BY_TENANT_INDEX, Item, Store, StoreError};
use crate::domain::{Booking, BookingId, EventTypeSlug, HostId, Tenant, Tick};

/// Greater than every booking's id.
const LAST: &str = "~";
/// As many as are read at once when only some of them are wanted.
const AT_ONCE: usize = 200;
/// Pages of an index that one listing reads before it gives what it has.
const PAGES: usize = 10;

/// Which bookings, by their start: from one instant up to, not including, another.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    /// Only this host's.
    pub host: Option<HostId>,
    /// From when.
    pub from: Option<Tick>,
    /// Up to when.
    pub to: Option<Tick>,
    /// After this one.
    pub after: Option<Place>,
}

/// Where a booking stands in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    start: Tick,
    id: BookingId,
}

/// The text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a place in a list of bookings")]
pub struct PlaceError;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.start.epoch_seconds(), self.id)
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let read = || {
            let (seconds, id) = text.split_once(' ')?;
            let instant = DateTime::from_timestamp(seconds.parse().ok()?, 0)?;
            Some(Self { start: Tick::exact(instant)?, id: id.parse().ok()? })
        };
        read().ok_or(PlaceError)
    }
}

/// Some of a list.
#[derive(Clone, Debug)]
pub struct BookingsPage {
    /// In order.
    pub bookings: Vec<Booking>,
    /// Where to go on; `None` at the end.
    pub next: Option<Place>,
}

impl Store {
    /// The first `limit` bookings of an agenda that are wanted. When few are, it gives those that it has found by
    /// then, and where to go on.
    pub async fn agenda(
        &self,
        tenant: &Tenant,
        agenda: &Agenda,
        limit: usize,
        is_wanted: impl Fn(&Booking) -> bool,
    ) -> Result<BookingsPage, StoreError> {
        let mut page = BookingsPage { bookings: Vec::new(), next: None };
        let mut after = agenda.after.clone();
        for round in 0..PAGES {
            // One more than asked for tells whether there is a next page.
            let at_once = if round == 0 { limit + 1 } else { AT_ONCE };
            let (found, is_end) = self.agenda_page(tenant, agenda, after.as_ref(), at_once).await?;
            for booking in found {
                if page.bookings.len() == limit {
                    page.next = page.bookings.last().map(Place::of);
                    return Ok(page);
                }
                after = Some(Place::of(&booking));
                if is_wanted(&booking) {
                    page.bookings.push(booking);
                }
            }
            if is_end {
                return Ok(page);
            }
        }
        page.next = after;
        Ok(page)
    }

    /// Whether any booking, whatever its status, is one of this host, and of this event type if one is named.
    pub async fn has_bookings_of(
        &self,
        tenant: &Tenant,
        host: &HostId,
        event_type: Option<&EventTypeSlug>,
    ) -> Result<bool, StoreError> {
        let mut agenda = Agenda { host: Some(host.clone()), ..Agenda::default() };
        let is_of = |booking: &Booking| event_type.is_none_or(|slug| booking.event_type == *slug);
        loop {
            let page = self.agenda(tenant, &agenda, 1, is_of).await?;
            match (page.bookings.is_empty(), page.next) {
                (false, _) => return Ok(true),
                (true, None) => return Ok(false),
                (true, next) => agenda.after = next,
            }
        }
    }

    async fn agenda_page(
        &self,
        tenant: &Tenant,
        agenda: &Agenda,
        after: Option<&Place>,
        at_once: usize,
    ) -> Result<(Vec<Booking>, bool), StoreError> {
        let (index, name, value) = match &agenda.host {
            Some(host) => (BY_HOST_INDEX, "agenda_host", key::host_partition(tenant, host)),
            None => (BY_TENANT_INDEX, "tenant", tenant.to_string()),
        };
        let from = agenda.from.map_or_else(String::new, |from| sort(from, ""));
        // Before the first of that instant, which has an id after it.
        let to = agenda.to.map_or_else(|| LAST.to_owned(), |to| sort(to, ""));
        let start = after.map(|place| {
            let mut start = Key::booking(tenant, &place.id).attributes();
            start.insert(name.to_owned(), text(value.clone()));
            start.insert("agenda_at".to_owned(), text(sort(place.start, place.id.as_str())));
            start
        });
        let call = || {
            self.db
                .query()
                .table_name(&self.table)
                .index_name(index)
                .key_condition_expression("#of = :of AND agenda_at BETWEEN :from AND :to")
                .expression_attribute_names("#of", name)
                .expression_attribute_values(":of", text(value.clone()))
                .expression_attribute_values(":from", text(from.clone()))
                .expression_attribute_values(":to", text(to.clone()))
                .set_exclusive_start_key(start.clone())
                .limit(i32::try_from(at_once).unwrap_or(i32::MAX))
                .send()
        };
        let page = self.tried(call).await?;
        let items: Vec<Item> = page.items.unwrap_or_default();
        let is_end = page.last_evaluated_key.is_none_or(|key| key.is_empty());
        Ok((items.into_iter().map(read_booking).collect::<Result<_, _>>()?, is_end))
    }
}

impl Place {
    fn of(booking: &Booking) -> Self {
        Self { start: booking.start, id: booking.id.clone() }
    }
}

/// The attributes by which the indexes find a booking.
pub(super) fn place(booking: &Booking) -> [(String, String); 2] {
    [
        ("agenda_host".to_owned(), key::host_partition(&booking.tenant, &booking.host)),
        ("agenda_at".to_owned(), sort(booking.start, booking.id.as_str())),
    ]
}

/// In the order of time, and of ids within one instant.
fn sort(start: Tick, id: &str) -> String {
    let instant: DateTime<Utc> = start.instant();
    format!("{}#{id}", instant.format("%Y-%m-%dT%H:%MZ"))
}
