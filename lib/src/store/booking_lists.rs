//! Bookings in the order of their start, page by page: of a tenant by the index `by_tenant`, eventually consistent; of
//! one host by its agenda, strongly consistent.
//!
//! A cursor is the last booking seen, not a number: what is added or moved elsewhere does not shift the pages behind
//! it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::Select;
use chrono::DateTime;

use super::bookings::record_of;
use super::item::{read_booking, text, unreadable};
use super::key::{Key, parse_sortable, sortable};
use super::{BY_TENANT_INDEX, Item, Store, StoreError};
use crate::domain::{AgendaEntry, Booking, BookingId, BookingRecord, EntryKey, HostId, Tenant, Tick};

/// Less than every booking's place: a key is never compared with an empty string.
const FIRST: &str = "0";
/// Greater than every booking's id.
const LAST: &str = "~";
/// As many as are read at once when only some of them are wanted: what one `BatchGetItem` takes.
const AT_ONCE: usize = 100;
/// Pages of bookings that one listing reads before it gives what it has.
const PAGES: usize = 20;

/// Which bookings, by their start: from one instant up to, not including, another.
#[derive(Clone, Debug, Default)]
pub struct BookingsRange {
    /// Only this host's.
    pub host: Option<HostId>,
    /// From when.
    pub from: Option<Tick>,
    /// Up to when.
    pub to: Option<Tick>,
    /// After this one.
    pub after: Option<BookingCursor>,
}

/// Where to read on in a range.
enum ReadFrom {
    /// At the first booking of the range: there is no cursor, or it lies before the range.
    Beginning,
    /// After this one.
    After(BookingCursor),
    /// Nowhere: the cursor lies behind the range.
    End,
}

impl BookingsRange {
    /// DynamoDB refuses an `ExclusiveStartKey` that lies outside of the range.
    fn read_from(&self) -> ReadFrom {
        let Some(after) = &self.after else { return ReadFrom::Beginning };
        if self.to.is_some_and(|to| to <= after.start) {
            ReadFrom::End
        } else if self.from.is_some_and(|from| after.start < from) {
            ReadFrom::Beginning
        } else {
            ReadFrom::After(after.clone())
        }
    }
}

/// Where a booking stands in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookingCursor {
    start: Tick,
    id: BookingId,
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a cursor of a list of bookings")]
pub struct CursorError;

impl fmt::Display for BookingCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.start.epoch_seconds(), self.id)
    }
}

impl FromStr for BookingCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || {
            let (seconds, id) = text.split_once(' ')?;
            let instant = DateTime::from_timestamp(seconds.parse().ok()?, 0)?;
            Some(Self { start: Tick::exact(instant)?, id: id.parse().ok()? })
        };
        read().ok_or(CursorError)
    }
}

/// Some of a list.
#[derive(Clone, Debug)]
pub struct BookingsPage {
    /// In order, each with its entries.
    pub bookings: Vec<BookingRecord>,
    /// Where to go on; `None` at the end.
    pub next: Option<BookingCursor>,
}

impl Store {
    /// How many bookings one reading of a tenant's counts behind this one, and where to go on; `None` at the end.
    /// Eventually consistent.
    pub async fn count_bookings(
        &self,
        tenant: &Tenant,
        after: Option<&BookingCursor>,
    ) -> Result<(u64, Option<BookingCursor>), StoreError> {
        let call = || {
            self.db
                .query()
                .table_name(&self.table)
                .index_name(BY_TENANT_INDEX)
                .key_condition_expression("tenant = :tenant")
                .expression_attribute_values(":tenant", text(tenant.as_str()))
                .select(Select::Count)
                .set_exclusive_start_key(after.map(|after| after.index_key(tenant)))
                .send()
        };
        let page = self.tried(call).await?;
        let last = page.last_evaluated_key.filter(|key| !key.is_empty());
        let next = last.map(|key| BookingCursor::of_index_key(&key)).transpose()?;
        Ok((u64::try_from(page.count).unwrap_or(0), next))
    }

    /// What one reading of a tenant's bookings finds behind this one, as the index has them and in its order, and whether
    /// that was the end. Eventually consistent: [`BookingCursor::of`] each is its place in the index, and what else it
    /// says may be old.
    pub async fn indexed_bookings(
        &self,
        tenant: &Tenant,
        from: Option<Tick>,
        after: Option<&BookingCursor>,
    ) -> Result<(Vec<Booking>, bool), StoreError> {
        let range = BookingsRange { from, ..BookingsRange::default() };
        self.index_page(tenant, &range, after, AT_ONCE).await
    }

    /// Those of these bookings that exist, each with its entries, strongly consistent.
    pub async fn booking_records(
        &self,
        tenant: &Tenant,
        ids: &[BookingId],
    ) -> Result<HashMap<BookingId, BookingRecord>, StoreError> {
        let bookings = self.bookings(tenant, ids).await?.into_values().collect();
        let records = self.with_all_entries(bookings, Vec::new(), true).await?.into_iter();
        Ok(records.map(|(_, record)| (record.booking.id.clone(), record)).collect())
    }

    /// The first `limit` bookings of a range that are wanted. When few are, it gives those that it has found by then, and
    /// where to go on.
    pub async fn list_bookings(
        &self,
        tenant: &Tenant,
        range: &BookingsRange,
        limit: usize,
        is_wanted: impl Fn(&BookingRecord) -> bool,
    ) -> Result<BookingsPage, StoreError> {
        let mut page = BookingsPage { bookings: Vec::new(), next: None };
        let mut after = match range.read_from() {
            ReadFrom::Beginning => None,
            ReadFrom::After(cursor) => Some(cursor),
            ReadFrom::End => return Ok(page),
        };
        for round in 0..PAGES {
            // One more than asked for tells whether there is a next page.
            let at_once = if round == 0 { limit + 1 } else { AT_ONCE };
            let (found, last, is_end) = match &range.host {
                Some(host) => self.page_of_host(tenant, host, range, after.as_ref(), at_once).await?,
                None => self.page_of_tenant(tenant, range, after.as_ref(), at_once).await?,
            };
            for (at, record) in found {
                if page.bookings.len() == limit {
                    page.next = after;
                    return Ok(page);
                }
                after = Some(at);
                if is_wanted(&record) {
                    page.bookings.push(record);
                }
            }
            // What was not found any more was passed, too.
            after = last.or(after);
            if is_end {
                return Ok(page);
            }
        }
        page.next = after;
        Ok(page)
    }

    /// From the host's agenda: the entries, then the bookings that they name, then what other hosts' entries they have.
    async fn page_of_host(
        &self,
        tenant: &Tenant,
        host: &HostId,
        range: &BookingsRange,
        after: Option<&BookingCursor>,
        at_once: usize,
    ) -> Result<Found, StoreError> {
        let after = after.map(|after| EntryKey {
            tenant: tenant.clone(),
            host: host.clone(),
            start: after.start,
            booking: after.id.clone(),
        });
        let window = (range.from, range.to);
        let (entries, is_end) = self.agenda_page(tenant, host, window, after.as_ref(), at_once).await?;
        let ids: Vec<BookingId> = entries.iter().map(|entry| entry.booking.clone()).collect();
        let mut bookings = self.bookings(tenant, &ids).await?;
        // Moved since its entry was read: it stands elsewhere in this agenda by now.
        let found = entries.iter().filter_map(|entry| {
            bookings.remove(&entry.booking).filter(|booking| booking.start == entry.start)
        });
        let found: Vec<Booking> = found.collect();
        let last = entries.last().map(BookingCursor::of_entry);
        Ok((self.with_all_entries(found, entries, true).await?, last, is_end))
    }

    async fn page_of_tenant(
        &self,
        tenant: &Tenant,
        range: &BookingsRange,
        after: Option<&BookingCursor>,
        at_once: usize,
    ) -> Result<Found, StoreError> {
        let (found, is_end) = self.index_page(tenant, range, after, at_once).await?;
        let last = found.last().map(BookingCursor::of);
        Ok((self.with_all_entries(found, Vec::new(), false).await?, last, is_end))
    }

    /// From the index: the bookings without their entries, and whether that was the end.
    async fn index_page(
        &self,
        tenant: &Tenant,
        range: &BookingsRange,
        after: Option<&BookingCursor>,
        at_once: usize,
    ) -> Result<(Vec<Booking>, bool), StoreError> {
        let from = range.from.map_or_else(|| FIRST.to_owned(), |from| sort(from, ""));
        // Before the first of that instant, which has an id after it.
        let to = range.to.map_or_else(|| LAST.to_owned(), |to| sort(to, ""));
        let call = || {
            self.db
                .query()
                .table_name(&self.table)
                .index_name(BY_TENANT_INDEX)
                .key_condition_expression("tenant = :tenant AND starts BETWEEN :from AND :to")
                .expression_attribute_values(":tenant", text(tenant.as_str()))
                .expression_attribute_values(":from", text(from.clone()))
                .expression_attribute_values(":to", text(to.clone()))
                .set_exclusive_start_key(after.map(|after| after.index_key(tenant)))
                .limit(i32::try_from(at_once).unwrap_or(i32::MAX))
                .send()
        };
        let page = self.tried(call).await?;
        let items: Vec<Item> = page.items.unwrap_or_default();
        let is_end = page.last_evaluated_key.is_none_or(|key| key.is_empty());
        let found = items.into_iter().map(read_booking).collect::<Result<Vec<_>, _>>()?;
        Ok((found, is_end))
    }

    /// Bookings with their entries, some of which are known, each with its place in the list. A booking of which an entry
    /// is missing or of another version has changed since it was read: it is read again, and keeps its place.
    async fn with_all_entries(
        &self,
        bookings: Vec<Booking>,
        known: Vec<AgendaEntry>,
        strong: bool,
    ) -> Result<Vec<(BookingCursor, BookingRecord)>, StoreError> {
        let mut entries: HashMap<EntryKey, AgendaEntry> =
            known.into_iter().map(|entry| (entry.key(), entry)).collect();
        let keys = bookings.iter().flat_map(EntryKey::all_of);
        let missing: Vec<EntryKey> = keys.filter(|key| !entries.contains_key(key)).collect();
        if !missing.is_empty() {
            let found =
                if strong { self.entries(&missing).await? } else { self.entries_eventual(&missing).await? };
            entries.extend(found.into_iter().map(|entry| (entry.key(), entry)));
        }
        let mut records = Vec::with_capacity(bookings.len());
        for booking in bookings {
            let at = BookingCursor::of(&booking);
            let own = EntryKey::all_of(&booking).iter().filter_map(|key| entries.get(key)).cloned().collect();
            match record_of(booking, own) {
                Ok(record) => records.push((at, record)),
                Err(changed) => {
                    let read = self.booking_record(&changed.tenant, &changed.id).await?;
                    records.extend(read.map(|record| (at, record)));
                }
            }
        }
        Ok(records)
    }
}

/// A page as it was found: its bookings with their places in the list, the last place that was looked at, and whether
/// that was the end.
type Found = (Vec<(BookingCursor, BookingRecord)>, Option<BookingCursor>, bool);

impl BookingCursor {
    /// Behind this booking.
    pub fn of(booking: &Booking) -> Self {
        Self { start: booking.start, id: booking.id.clone() }
    }

    /// When the booking starts that it is behind.
    pub fn start(&self) -> Tick {
        self.start
    }

    fn of_entry(entry: &AgendaEntry) -> Self {
        Self { start: entry.start, id: entry.booking.clone() }
    }

    /// The index's key of the booking that it is behind.
    fn index_key(&self, tenant: &Tenant) -> Item {
        let mut key = Key::booking(tenant, &self.id).attributes();
        key.insert("tenant".to_owned(), text(tenant.as_str()));
        key.insert("starts".to_owned(), text(sort(self.start, self.id.as_str())));
        key
    }

    fn of_index_key(key: &Item) -> Result<Self, StoreError> {
        let read = || {
            let (start, id) = key.get("starts")?.as_s().ok()?.split_once('#')?;
            Some(Self { start: parse_sortable(start)?, id: id.parse().ok()? })
        };
        read().ok_or_else(|| unreadable("index of bookings", "its key"))
    }
}

/// In the order of time, and of ids within one instant.
fn sort(start: Tick, id: &str) -> String {
    format!("{}#{id}", sortable(start))
}
