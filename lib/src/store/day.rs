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
use chrono::{DateTime, NaiveDate, Utc};

use super::change::Change;
use super::item::{number, text, unreadable};
use super::key::{self, Key};
use super::once::{self, Once};
use super::{HostDays, Item, Store, StoreError, count};
use crate::domain::{
    Cells, Claim, Claimed, Day, DayBits, DayState, EventTypeSlug, HostId, IntegrationId, Tenant,
};

const BUSY_PREFIX: &str = "b:";
const REVISION: &str = "rev";
const KEPT_DAYS: i64 = 40;

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

    /// Exactly these days of a host, strongly consistent, in the order asked for, and this counter if one is named.
    pub async fn days_at(
        &self,
        tenant: &Tenant,
        host: &HostId,
        days: &[Day],
        count: Option<(&EventTypeSlug, NaiveDate)>,
    ) -> Result<HostDays, StoreError> {
        let mut keys: Vec<Key> = days.iter().map(|day| Key::day(tenant, host, *day)).collect();
        keys.extend(count.map(|(event_type, date)| Key::count(tenant, host, event_type, date)));
        let HostDays { days: found, counts } = read_all(self.batch(&keys).await?)?;
        let state = |day: &Day| {
            found.iter().find(|state: &&DayState| state.day == *day).cloned().unwrap_or(DayState::empty(*day))
        };
        Ok(HostDays { days: days.iter().map(state).collect(), counts })
    }

    /// Takes these cells for a hold that ends at `expires_at`: one conditional write on one day, one transaction
    /// over several. `days` is what was read; it must still be so for busy time.
    /// Finding the cells already at this very claim is success: an earlier answer was lost.
    pub async fn hold(
        &self,
        tenant: &Tenant,
        cells: &[Claimed],
        days: &[DayState],
        claim: Claim,
        once: Option<&Once>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut changes = take(tenant, cells, days, claim, now);
        changes.extend(once.map(|once| once::put(tenant, once, now)).transpose()?);
        match self.commit(&changes).await {
            Err(StoreError::Conflict(found)) if is_own(&found, cells, claim) => Ok(()),
            done => done,
        }
    }

    /// Frees the cells of a hold, if they still are this hold's. A transaction even on one day: freed cells do not
    /// show who freed them, so a lone change could not tell its own lost answer from a hold that is gone.
    pub async fn release(
        &self,
        tenant: &Tenant,
        cells: &[Claimed],
        claim: Claim,
        once: Option<&Once>,
    ) -> Result<(), StoreError> {
        let mut changes: Vec<_> = cells
            .iter()
            .map(|claimed| {
                let mut condition = String::new();
                each_cell(&mut condition, claimed.cells, " AND ", |out, cell| write!(out, "#{cell} = :v"));
                free(tenant, claimed).when(condition).value(":v", number(claim.number()))
            })
            .collect();
        changes.extend(once.map(|once| once::put(tenant, once, self.clock.now())).transpose()?);
        self.transact(&changes).await
    }
}

/// The changes that take free cells.
pub(super) fn take(
    tenant: &Tenant,
    cells: &[Claimed],
    days: &[DayState],
    claim: Claim,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let change = |claimed: &Claimed| {
        let mut condition = String::new();
        let change = set(tenant, claimed, claim, revision_of(days, claimed), &mut condition);
        condition.push_str(" AND NOT (");
        each_cell(&mut condition, claimed.cells, " OR ", |out, cell| write!(out, "#{cell} > :now"));
        condition.push(')');
        change.when(condition).value(":now", number(Claim::now(now).number()))
    };
    cells.iter().map(change).collect()
}

/// The changes that turn a hold's cells into a booking's.
pub(super) fn confirm(tenant: &Tenant, cells: &[Claimed], days: &[DayState], held: Claim) -> Vec<Change> {
    let change = |claimed: &Claimed| {
        let mut condition = String::new();
        let change = set(tenant, claimed, Claim::BOOKED, revision_of(days, claimed), &mut condition);
        condition.push_str(" AND ");
        each_cell(&mut condition, claimed.cells, " AND ", |out, cell| write!(out, "#{cell} = :held"));
        change.when(condition).value(":held", number(held.number()))
    };
    cells.iter().map(change).collect()
}

/// The changes that move a booking's claim, one for each day: cells that it keeps stay as they are, free ones are
/// taken under the conditions of a hold, the rest are freed.
pub(super) fn shift(
    tenant: &Tenant,
    old: &[Claimed],
    new: &[Claimed],
    days: &[DayState],
    now: DateTime<Utc>,
) -> Vec<Change> {
    let gone = old.iter().filter(|old| !new.iter().any(|new| new.is_same_day(old)));
    let mut changes: Vec<Change> = gone.map(|old| free(tenant, old)).collect();
    for claimed in new {
        let before = old.iter().find(|old| old.is_same_day(claimed)).map(|old| old.cells);
        let has = |cells: Option<Cells>, cell: u16| {
            cells.is_some_and(|cells| (cells.from..cells.to).contains(&cell))
        };
        let cells = claimed.cells;
        let taken: Vec<u16> = (cells.from..cells.to).filter(|cell| !has(before, *cell)).collect();
        let freed = before.into_iter().flat_map(|before| before.from..before.to);
        let freed: Vec<u16> = freed.filter(|cell| !has(Some(cells), *cell)).collect();
        let listed = |cells: &[u16], form: &dyn Fn(u16) -> String, by: &str| {
            cells.iter().map(|cell| form(*cell)).collect::<Vec<_>>().join(by)
        };
        let mut expression = "SET #ttl = :ttl".to_owned();
        if !taken.is_empty() {
            expression += ", ";
            expression += &listed(&taken, &|cell| format!("#{cell} = :v"), ", ");
        }
        if !freed.is_empty() {
            expression += " REMOVE ";
            expression += &listed(&freed, &|cell| format!("#{cell}"), ", ");
        }
        let mut change = Change::update(Key::day(tenant, &claimed.host, cells.day), expression)
            .name("#ttl", "ttl")
            .name("#rev", REVISION)
            .value(":ttl", ttl(cells.day));
        for cell in taken.iter().chain(&freed) {
            change = change.name(format!("#{cell}"), cell.to_string());
        }
        // What it keeps is checked against busy time, too: by the revision, as for a hold.
        let mut condition = String::new();
        change = known(change, revision_of(days, claimed), &mut condition);
        if !taken.is_empty() {
            condition += " AND NOT (";
            condition += &listed(&taken, &|cell| format!("#{cell} > :now"), " OR ");
            condition.push(')');
            change = change
                .value(":v", number(Claim::BOOKED.number()))
                .value(":now", number(Claim::now(now).number()));
        }
        changes.push(change.when(condition));
    }
    changes
}

/// The change that frees cells. Its caller says under which condition; a booking's own status is one.
pub(super) fn free(tenant: &Tenant, claimed: &Claimed) -> Change {
    let mut expression = "SET #ttl = :ttl REMOVE ".to_owned();
    each_cell(&mut expression, claimed.cells, ", ", |out, cell| write!(out, "#{cell}"));
    named(Change::update(Key::day(tenant, &claimed.host, claimed.cells.day), expression), claimed.cells)
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

/// Whether a lost hold was our own: the item found has all the cells at this claim.
fn is_own(found: &[Option<Item>], cells: &[Claimed], claim: Claim) -> bool {
    found.len() >= cells.len()
        && found.iter().zip(cells).all(|(item, claimed)| {
            let day = item.clone().and_then(|item| read(item).ok());
            day.is_some_and(|day| day.is_all(claimed.cells, claim))
        })
}

fn set(
    tenant: &Tenant,
    claimed: &Claimed,
    claim: Claim,
    revision: Option<u64>,
    condition: &mut String,
) -> Change {
    let mut expression = "SET #ttl = :ttl, ".to_owned();
    each_cell(&mut expression, claimed.cells, ", ", |out, cell| write!(out, "#{cell} = :v"));
    let change = Change::update(Key::day(tenant, &claimed.host, claimed.cells.day), expression)
        .name("#rev", REVISION)
        .value(":v", number(claim.number()));
    known(named(change, claimed.cells), revision, condition)
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

fn revision_of(days: &[DayState], claimed: &Claimed) -> Option<u64> {
    days.iter().find(|state| state.day == claimed.cells.day).and_then(|state| state.revision)
}

pub(super) fn ttl(day: Day) -> AttributeValue {
    number(day.next().start().epoch_seconds() + KEPT_DAYS * 86_400)
}

fn read_all(items: Vec<Item>) -> Result<HostDays, StoreError> {
    let mut all = HostDays::default();
    for item in items {
        match count::read(&item) {
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
                let claim = value.as_n().ok().and_then(|n| read_number(n)).ok_or_else(wrong)?;
                state.claims.push((cell, Claim::from_number(claim)));
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
        let booked = Claim::BOOKED.number();
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
