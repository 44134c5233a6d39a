//! Agenda entries: one item for each host of a booking, in the host's partition, in the order of time.
//!
//! ```text
//! pk  T#<tenant>#H#<host>      sk  AGENDA#2026-11-20T09:30Z#<booking>
//! tenant host booking event_type status start end
//! rev           N    raised by every write that decides something
//! generation    N    of the next new event
//! due_at        N    when something is to be done at the calendar (with `due_shard`: index `due`)
//! lease         M    {id, until} of the worker that is at it
//! failures      N
//! wanted        BOOL whether the booking is to be in a calendar at all
//! write_to      M    {integration, calendar} that the host's bookings were written to at the last look; missing: none
//! link          M    {integration, calendar, event, generation, shown {version, span, etag, absent}}
//! attempts      L    events that may have been written and are not recorded yet
//! leftovers     L    events to be removed
//! silent        BOOL whether the next new event is made without telling the guest
//! ```
//!
//! An entry is created, moved and ended in its booking's transaction (see `bookings`); in between only the worker
//! that has its lease writes it.

use super::change::Change;
use super::due::shard;
use super::item::{diff, number, read, text, write};
use super::key::{self, Key};
use super::{Item, Store, StoreError};
use crate::domain::{AgendaEntry, EntryKey, HostId, Lease, Span, Tenant, Tick, Ticks};

impl Store {
    /// One entry, strongly consistent; `None` when there is none there (any more).
    pub async fn entry(&self, key: &EntryKey) -> Result<Option<AgendaEntry>, StoreError> {
        self.get(Key::entry(key)).await?.map(from_item).transpose()
    }

    /// Those of these entries that exist, strongly consistent, in no order.
    pub async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<AgendaEntry>, StoreError> {
        match keys {
            [] => Ok(Vec::new()),
            [key] => Ok(self.entry(key).await?.into_iter().collect()),
            keys => self.read_entries(keys, true).await,
        }
    }

    /// The same, eventually consistent: for lists, which read again what they do not find.
    pub async fn entries_eventual(&self, keys: &[EntryKey]) -> Result<Vec<AgendaEntry>, StoreError> {
        self.read_entries(keys, false).await
    }

    async fn read_entries(&self, keys: &[EntryKey], strong: bool) -> Result<Vec<AgendaEntry>, StoreError> {
        let keys: Vec<Key> = keys.iter().map(Key::entry).collect();
        self.batch_of(&keys, strong).await?.into_iter().map(from_item).collect()
    }

    /// One host's entries of all bookings that are not over, and of those of today. Strongly consistent.
    pub async fn agenda_ahead(&self, tenant: &Tenant, host: &HostId) -> Result<Vec<AgendaEntry>, StoreError> {
        let first = Tick::floor(self.clock.now()).day().start() - Ticks::LONGEST_CLAIM;
        let values = [
            (":pk", text(key::host_partition(tenant, host))),
            (":from", text(key::agenda_sort(first, ""))),
            (":to", text(format!("{}~", key::AGENDA_PREFIX))),
        ];
        let items = self.query("pk = :pk AND sk BETWEEN :from AND :to", &values, true).await?;
        items.into_iter().map(from_item).collect()
    }

    /// A host's agenda: every entry that starts within this time, in order, strongly consistent.
    pub async fn agenda(
        &self,
        tenant: &Tenant,
        host: &HostId,
        window: Span,
    ) -> Result<Vec<AgendaEntry>, StoreError> {
        let values = [
            (":pk", text(key::host_partition(tenant, host))),
            (":from", text(key::agenda_sort(window.start, ""))),
            (":to", text(key::agenda_sort(window.end, ""))),
        ];
        let items = self.query("pk = :pk AND sk BETWEEN :from AND :to", &values, true).await?;
        items.into_iter().map(from_item).collect()
    }

    /// Whether any booking, whatever its status, is one of this host.
    pub async fn has_bookings_of(&self, tenant: &Tenant, host: &HostId) -> Result<bool, StoreError> {
        Ok(self.find_in_agenda(tenant, host, None, |_| true).await?.is_some())
    }

    /// The first entry of a host that starts at `from` or later and of which this is so. Strongly consistent.
    pub async fn find_in_agenda(
        &self,
        tenant: &Tenant,
        host: &HostId,
        from: Option<Tick>,
        is_it: impl Fn(&AgendaEntry) -> bool,
    ) -> Result<Option<AgendaEntry>, StoreError> {
        let mut after = None;
        loop {
            let (entries, is_end) =
                self.agenda_page(tenant, host, (from, None), after.as_ref(), PAGE).await?;
            after = entries.last().map(AgendaEntry::key);
            if let Some(found) = entries.into_iter().find(&is_it) {
                return Ok(Some(found));
            }
            if is_end || after.is_none() {
                return Ok(None);
            }
        }
    }

    /// Some entries of a host from `from` up to, not including, `to`, after the one named; and whether these were the
    /// last. Strongly consistent.
    pub async fn agenda_page(
        &self,
        tenant: &Tenant,
        host: &HostId,
        (from, to): (Option<Tick>, Option<Tick>),
        after: Option<&EntryKey>,
        limit: usize,
    ) -> Result<(Vec<AgendaEntry>, bool), StoreError> {
        let from = from.map_or_else(|| key::AGENDA_PREFIX.to_owned(), |from| key::agenda_sort(from, ""));
        let to = to.map_or_else(|| format!("{}~", key::AGENDA_PREFIX), |to| key::agenda_sort(to, ""));
        let start = after.map(|after| Key::entry(after).attributes());
        let call = || {
            self.db
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":pk", text(key::host_partition(tenant, host)))
                .expression_attribute_values(":from", text(from.clone()))
                .expression_attribute_values(":to", text(to.clone()))
                .set_exclusive_start_key(start.clone())
                .consistent_read(true)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .send()
        };
        let page = self.tried(call).await?;
        let is_end = page.last_evaluated_key.is_none_or(|key| key.is_empty());
        let entries = page.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok((entries, is_end))
    }

    /// Takes the lease on an entry that is still as read, with the attempt that its worker is about to make. Gives the
    /// entry as it is then; [`StoreError::Conflict`] when it has changed. A repeated try finds its own lease. Instants are
    /// compared as they are stored, in whole seconds.
    pub async fn lease_entry(
        &self,
        read: &AgendaEntry,
        as_written_now: AgendaEntry,
        lease: &Lease,
    ) -> Result<AgendaEntry, StoreError> {
        let after = AgendaEntry { rev: read.rev + 1, ..as_written_now.taken(lease) };
        match self.commit(&[updated(read, &after)?]).await {
            Ok(()) => Ok(after),
            Err(StoreError::Conflict(found)) => match found_entry(found)? {
                Some(found) if stored(&found)? == stored(&after)? => Ok(found),
                _ => Err(StoreError::Conflict(Vec::new())),
            },
            Err(error) => Err(error),
        }
    }

    /// Writes what a worker has done or found, under its lease and the `rev` that it read.
    /// [`StoreError::Conflict`] when the entry was changed or moved meanwhile: then nothing is recorded.
    pub async fn settle_entry(
        &self,
        leased: &AgendaEntry,
        after: AgendaEntry,
        lease: &Lease,
    ) -> Result<AgendaEntry, StoreError> {
        let after = AgendaEntry { rev: leased.rev + 1, ..after };
        let change = updated(leased, &after)?;
        let change = change
            .and("#lease.#lease_id = :lease")
            .name("#lease", "lease")
            .name("#lease_id", "id")
            .value(":lease", text(&lease.id));
        match self.commit(&[change]).await {
            Ok(()) => Ok(after),
            Err(StoreError::Conflict(found)) => match found_entry(found)? {
                Some(found) if stored(&found)? == stored(&after)? => Ok(found),
                _ => Err(StoreError::Conflict(Vec::new())),
            },
            Err(error) => Err(error),
        }
    }

    /// Changes an entry that is still as read: for workers that need no lease.
    pub async fn change_entry(&self, read: &AgendaEntry, after: AgendaEntry) -> Result<(), StoreError> {
        let after = AgendaEntry { rev: read.rev + 1, ..after };
        self.commit(&[updated(read, &after)?]).await
    }
}

/// As many entries as are looked through at once for one that matches.
const PAGE: usize = 100;

fn found_entry(found: Vec<Option<Item>>) -> Result<Option<AgendaEntry>, StoreError> {
    found.into_iter().next().flatten().map(from_item).transpose()
}

/// Creates an entry beside its new booking.
pub(super) fn put(entry: &AgendaEntry) -> Result<Change, StoreError> {
    Ok(Change::put(Key::entry(&entry.key()), stored(entry)?))
}

/// The changes that bring one entry from one state to another: in place, or to the booking's new start. Both need the
/// `rev` that was read.
pub(super) fn changed(before: &AgendaEntry, after: &AgendaEntry) -> Result<Vec<Change>, StoreError> {
    if before == after {
        return Ok(Vec::new());
    }
    if before.key() == after.key() {
        return Ok(vec![updated(before, after)?]);
    }
    let gone = as_read(Change::delete(Key::entry(&before.key())), before.rev);
    Ok(vec![gone, put(after)?.when("attribute_not_exists(pk)")])
}

fn updated(before: &AgendaEntry, after: &AgendaEntry) -> Result<Change, StoreError> {
    Ok(as_read(diff(Key::entry(&before.key()), &stored(before)?, &stored(after)?), before.rev))
}

fn as_read(change: Change, rev: u64) -> Change {
    change.when("#rev = :rev").name("#rev", "rev").value(":rev", number(rev))
}

fn stored(entry: &AgendaEntry) -> Result<Item, StoreError> {
    let mut item = write("agenda entry", entry)?;
    if entry.due_at.is_some() {
        item.insert("due_shard".to_owned(), text(shard(entry.booking.as_str())));
    }
    Ok(item)
}

fn from_item(item: Item) -> Result<AgendaEntry, StoreError> {
    read("agenda entry", item)
}
