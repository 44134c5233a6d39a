//! The day item, which is the lock. One item per host and UTC day holds all that decides whether a slot is free:
//!
//! ```text
//! pk  T#<tenant>#H#<host>      sk  DAY#2026-11-20
//! rev           N    raised by every change of busy bits (missing = 0)
//! b:<integr.>   B    busy bits of one integration, 36 bytes, one bit per 5 minutes, cell 0 lowest
//! "114"         N    cell 114 (09:30) is claimed: a hold's expiry_seconds * 10^18 + nonce, a booking's 9E30
//! ttl           N    40 days after the day; set by every write, because a REMOVE on a missing day creates one
//! ```
//!
//! A missing cell compares false with everything, so an empty day needs no set-up; an expired hold is smaller
//! than now, so nothing cleans up. Two operators a cell: 144 cells (12 h) make 292 of the 300 that AWS allows
//! in an expression. <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>

use std::fmt::Write;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};

use super::change::Change;
use super::idempotency::{self, IdempotencyRecord};
use super::item::{number, text, ttl, unreadable};
use super::key::{self, Key};
use super::{Item, Store, StoreError, counters};
use crate::domain::{
    CellOwner, Cells, Claim, Counter, Day, DayBits, DayChange, DayState, HostDays, HostId, IntegrationId,
    ReadDays, Tenant,
};

const BUSY_PREFIX: &str = "b:";
const REVISION: &str = "rev";

impl Store {
    /// The days `from..=to` of a host in one Query, days without an item left out, with the counters of the dates
    /// before `to`. Eventually consistent: for listing, never for taking.
    pub async fn days(
        &self,
        tenant: &Tenant,
        host: &HostId,
        from: Day,
        to: Day,
    ) -> Result<HostDays, StoreError> {
        self.query_days(tenant, host, from, to, false).await
    }

    /// The same, strongly consistent.
    pub async fn days_strong(
        &self,
        tenant: &Tenant,
        host: &HostId,
        from: Day,
        to: Day,
    ) -> Result<HostDays, StoreError> {
        self.query_days(tenant, host, from, to, true).await
    }

    async fn query_days(
        &self,
        tenant: &Tenant,
        host: &HostId,
        from: Day,
        to: Day,
        strong: bool,
    ) -> Result<HostDays, StoreError> {
        let items = self
            .query(
                "pk = :pk AND sk BETWEEN :from AND :to",
                &[
                    (":pk", text(key::host_partition(tenant, host))),
                    (":from", text(key::day_sort(from))),
                    (":to", text(key::day_sort(to))),
                ],
                strong,
            )
            .await?;
        read_all(items)
    }

    /// Exactly the days of this claim, strongly consistent, by host in the claim's order, and this counter if one is
    /// named: one wave over all hosts.
    pub async fn days_of_claim(
        &self,
        tenant: &Tenant,
        claim: &Claim,
        counter: Option<&Counter>,
    ) -> Result<Vec<HostDays>, StoreError> {
        let mut keys: Vec<Key> =
            claim.pieces().map(|(host, cells)| Key::day(tenant, host, cells.day)).collect();
        keys.extend(counter.map(|counter| Key::counter(tenant, counter)));
        let mut found: Vec<Item> = self.batch(&keys).await?;
        let mut by_host = Vec::new();
        for host in claim.hosts() {
            let partition = key::host_partition(tenant, host);
            let is_theirs =
                |item: &mut Item| item.get("pk").and_then(|pk| pk.as_s().ok()) == Some(&partition);
            let theirs: Vec<Item> = found.extract_if(.., is_theirs).collect();
            let HostDays { days, counts } = read_all(theirs)?;
            let state = |day: Day| {
                days.iter().find(|state| state.day == day).cloned().unwrap_or_else(|| DayState::empty(day))
            };
            let days = claim.cells_of(host).map(|cells| state(cells.day)).collect();
            by_host.push(HostDays { days, counts });
        }
        Ok(by_host)
    }

    /// Takes these cells for a hold: one conditional write on one day, one transaction over several. `days` is what was
    /// read; it must still be so for busy time.
    /// Finding the cells already at this very number is success: an earlier answer was lost.
    pub async fn hold(
        &self,
        tenant: &Tenant,
        claim: &Claim,
        days: &ReadDays<'_>,
        owner: CellOwner,
        record: Option<&IdempotencyRecord>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut changes = take(tenant, claim, days, owner, now);
        changes.extend(record.map(|record| idempotency::put(tenant, record, now)).transpose()?);
        match self.commit(&changes).await {
            Err(StoreError::Conflict(found)) if is_own(&found, claim, owner) => Ok(()),
            done => done,
        }
    }

    /// Frees the cells of a hold, if they still are this hold's. A transaction even on one day: freed cells do not
    /// show who freed them, so a lone change could not tell its own lost answer from a hold that is gone.
    pub async fn release(
        &self,
        tenant: &Tenant,
        claim: &Claim,
        owner: CellOwner,
        record: Option<&IdempotencyRecord>,
    ) -> Result<(), StoreError> {
        let release = |(host, cells): (&HostId, Cells)| {
            let mut condition = String::new();
            each_cell(&mut condition, cells, " AND ", |out, cell| write!(out, "#{cell} = :v"));
            free_cells(tenant, host, cells).when(condition).value(":v", number(owner.number()))
        };
        let mut changes: Vec<_> = claim.pieces().map(release).collect();
        changes.extend(record.map(|record| idempotency::put(tenant, record, self.clock.now())).transpose()?);
        self.transact(&changes).await
    }
}

/// The changes that take free cells.
pub(super) fn take(
    tenant: &Tenant,
    claim: &Claim,
    days: &ReadDays<'_>,
    owner: CellOwner,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let change = |(host, cells): (&HostId, Cells)| {
        let mut condition = String::new();
        let change = set(tenant, host, cells, owner, days.revision(host, cells.day), &mut condition);
        condition.push_str(" AND NOT (");
        each_cell(&mut condition, cells, " OR ", |out, cell| write!(out, "#{cell} > :now"));
        condition.push(')');
        change.when(condition).value(":now", number(CellOwner::now(now).number()))
    };
    claim.pieces().map(change).collect()
}

/// The changes that turn a hold's cells into a booking's.
pub(super) fn confirm(tenant: &Tenant, claim: &Claim, days: &ReadDays<'_>, held: CellOwner) -> Vec<Change> {
    let change = |(host, cells): (&HostId, Cells)| {
        let mut condition = String::new();
        let revision = days.revision(host, cells.day);
        let change = set(tenant, host, cells, CellOwner::BOOKED, revision, &mut condition);
        condition.push_str(" AND ");
        each_cell(&mut condition, cells, " AND ", |out, cell| write!(out, "#{cell} = :held"));
        change.when(condition).value(":held", number(held.number()))
    };
    claim.pieces().map(change).collect()
}

/// The changes that move a booking's cells, one for each day of each host: cells that it keeps stay as they are, free
/// ones are taken under the conditions of a hold, the rest are freed.
pub(super) fn shift(
    tenant: &Tenant,
    old: &Claim,
    new: &Claim,
    days: &ReadDays<'_>,
    now: DateTime<Utc>,
) -> Vec<Change> {
    old.changes_to(new).iter().map(|change| shift_day(tenant, change, days, now)).collect()
}

fn shift_day(tenant: &Tenant, day: &DayChange<'_>, days: &ReadDays<'_>, now: DateTime<Utc>) -> Change {
    let DayChange { host, day, taken, freed, is_used } = day;
    let listed = |cells: &[u16], form: &dyn Fn(u16) -> String, by: &str| {
        cells.iter().map(|cell| form(*cell)).collect::<Vec<_>>().join(by)
    };
    let mut expression = "SET #ttl = :ttl".to_owned();
    if !taken.is_empty() {
        expression += ", ";
        expression += &listed(taken, &|cell| format!("#{cell} = :v"), ", ");
    }
    if !freed.is_empty() {
        expression += " REMOVE ";
        expression += &listed(freed, &|cell| format!("#{cell}"), ", ");
    }
    let mut change =
        Change::update(Key::day(tenant, host, *day), expression).name("#ttl", "ttl").value(":ttl", ttl(*day));
    for cell in taken.iter().chain(freed) {
        change = change.name(format!("#{cell}"), cell.to_string());
    }
    if !is_used {
        return change;
    }
    // What it keeps is checked against busy time, too: by the revision, as for a hold.
    let mut condition = String::new();
    change = known(change.name("#rev", REVISION), days.revision(host, *day), &mut condition);
    if !taken.is_empty() {
        condition += " AND NOT (";
        condition += &listed(taken, &|cell| format!("#{cell} > :now"), " OR ");
        condition.push(')');
        change = change
            .value(":v", number(CellOwner::BOOKED.number()))
            .value(":now", number(CellOwner::now(now).number()));
    }
    change.when(condition)
}

/// The changes that free a booking's cells. Its caller says under which condition: the booking's own status.
pub(super) fn free(tenant: &Tenant, claim: &Claim) -> Vec<Change> {
    claim.pieces().map(|(host, cells)| free_cells(tenant, host, cells)).collect()
}

fn free_cells(tenant: &Tenant, host: &HostId, cells: Cells) -> Change {
    let mut expression = "SET #ttl = :ttl REMOVE ".to_owned();
    each_cell(&mut expression, cells, ", ", |out, cell| write!(out, "#{cell}"));
    named(Change::update(Key::day(tenant, host, cells.day), expression), cells)
}

/// The change that puts an integration's busy bits and raises the revision.
pub(super) fn put_busy(
    tenant: &Tenant,
    host: &HostId,
    integration: &IntegrationId,
    day: Day,
    bits: &DayBits,
) -> Change {
    let key = Key::day(tenant, host, day);
    let change = if bits.is_empty() {
        Change::update(key, "SET #rev = if_not_exists(#rev, :zero) + :one, #ttl = :ttl REMOVE #busy")
    } else {
        let bytes = AttributeValue::B(Blob::new(bits.as_bytes().as_slice()));
        Change::update(key, "SET #rev = if_not_exists(#rev, :zero) + :one, #ttl = :ttl, #busy = :busy")
            .value(":busy", bytes)
    };
    let ttl = ttl(day);
    change
        .name("#rev", REVISION)
        .name("#ttl", "ttl")
        .name("#busy", format!("{BUSY_PREFIX}{integration}"))
        .value(":zero", number(0))
        .value(":one", number(1))
        .value(":ttl", ttl)
}

/// Whether a lost hold was our own: the items found have all the cells at this number.
fn is_own(found: &[Option<Item>], claim: &Claim, owner: CellOwner) -> bool {
    let pieces: Vec<_> = claim.pieces().collect();
    found.len() >= pieces.len()
        && found.iter().zip(pieces).all(|(item, (_, cells))| {
            let day = item.clone().and_then(|item| read(item).ok());
            day.is_some_and(|day| day.is_all(cells, owner))
        })
}

fn set(
    tenant: &Tenant,
    host: &HostId,
    cells: Cells,
    owner: CellOwner,
    revision: Option<u64>,
    condition: &mut String,
) -> Change {
    let mut expression = "SET #ttl = :ttl, ".to_owned();
    each_cell(&mut expression, cells, ", ", |out, cell| write!(out, "#{cell} = :v"));
    let change = Change::update(Key::day(tenant, host, cells.day), expression)
        .name("#rev", REVISION)
        .value(":v", number(owner.number()));
    known(named(change, cells), revision, condition)
}

/// The condition that busy time is as it was read.
fn known(change: Change, revision: Option<u64>, condition: &mut String) -> Change {
    if let Some(revision) = revision {
        condition.push_str("#rev = :rev");
        change.value(":rev", number(revision))
    } else {
        condition.push_str("attribute_not_exists(#rev)");
        change
    }
}

fn named(change: Change, cells: Cells) -> Change {
    let change = change.name("#ttl", "ttl").value(":ttl", ttl(cells.day));
    (cells.from..cells.to).fold(change, |change, cell| change.name(format!("#{cell}"), cell.to_string()))
}

fn each_cell(
    out: &mut String,
    cells: Cells,
    separator: &str,
    write: impl Fn(&mut String, u16) -> std::fmt::Result,
) {
    for cell in cells.from..cells.to {
        if cell > cells.from {
            out.push_str(separator);
        }
        // Writing to a String cannot fail.
        write(out, cell).ok();
    }
}

fn read_all(items: Vec<Item>) -> Result<HostDays, StoreError> {
    let mut all = HostDays::default();
    for item in items {
        match counters::read(&item) {
            Some(count) => all.counts.push(count?),
            None => all.days.push(read(item)?),
        }
    }
    Ok(all)
}

/// Reads a day. An attribute of an unknown shape makes it unreadable: a claim overlooked is a double booking.
fn read(item: Item) -> Result<DayState, StoreError> {
    let sort = item.get("sk").and_then(|sk| sk.as_s().ok()).and_then(|sk| sk.strip_prefix(key::DAY_PREFIX));
    let day = sort.and_then(|day| day.parse().ok()).ok_or_else(|| unreadable("day", "its key"))?;
    let mut state = DayState::empty(day);
    for (name, value) in item {
        let wrong = || unreadable("day", format!("attribute {name}"));
        match name.as_str() {
            "pk" | "sk" | "ttl" => {}
            REVISION => {
                let revision = value.as_n().ok().and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
                state.revision = Some(revision);
            }
            _ if name.starts_with(BUSY_PREFIX) => {
                let id = name.trim_start_matches(BUSY_PREFIX).parse().ok().ok_or_else(wrong)?;
                let bytes = value.as_b().ok().ok_or_else(wrong)?;
                state.busy.push((id, DayBits::from_bytes(bytes.as_ref()).ok_or_else(wrong)?));
            }
            _ => {
                let cell = name.parse().ok().filter(|cell| *cell < Day::CELLS).ok_or_else(wrong)?;
                let owner = value.as_n().ok().and_then(|n| read_number(n)).ok_or_else(wrong)?;
                state.owners.push((cell, CellOwner::from_number(owner)));
            }
        }
    }
    state.busy.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(state)
}

/// DynamoDB writes `9E30` back as `9000...`, its stand-ins may keep the exponent.
fn read_number(text: &str) -> Option<u128> {
    match text.split_once(['E', 'e']) {
        None => text.parse().ok(),
        Some((digits, exponent)) => {
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            let exponent: u32 = exponent.trim_start_matches('+').parse().ok()?;
            let shift = exponent.checked_sub(u32::try_from(fraction.len()).ok()?)?;
            let mantissa: u128 = format!("{whole}{fraction}").parse().ok()?;
            mantissa.checked_mul(10_u128.checked_pow(shift)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form_that_a_table_writes() {
        let booked = CellOwner::BOOKED.number();
        for form in ["9E30", "9E+30", "9.0E+30", "9e30", "9000000000000000000000000000000"] {
            assert_eq!(read_number(form), Some(booked), "{form}");
        }
        assert_eq!(
            read_number("1.763650800000000000000000123E27"),
            Some(1_763_650_800_000_000_000_000_000_123)
        );
        for form in ["", "-1", "1.5", "9E-3", "1E99", "x"] {
            assert_eq!(read_number(form), None, "{form}");
        }
    }

    #[test]
    fn a_day_with_an_attribute_of_unknown_shape_is_unreadable_not_free() {
        let item = |name: &str, value: AttributeValue| {
            Item::from([("sk".to_owned(), text("DAY#2026-11-20")), (name.to_owned(), value)])
        };
        assert!(read(item("114", number(9))).is_ok());
        for broken in [
            item("288", number(1)),
            item("114", text("1")),
            item("rev", text("x")),
            item("b:int_abcd", AttributeValue::B(Blob::new([0; 35]))),
            item("b:nobody", AttributeValue::B(Blob::new([0; 36]))),
            item("other", number(1.5)),
        ] {
            assert!(matches!(read(broken.clone()), Err(StoreError::Unreadable(_))), "{broken:?}");
        }
    }
}
