//! From items to the house's own types and back.

use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::change::Change;
use super::key::{self, Key};
use super::{Item, StoreError};
use crate::domain::{Booking, Day, Integration};

/// Reads an item; one that cannot be read is an error, never an absence.
pub(super) fn read<T: DeserializeOwned>(what: &str, item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| unreadable(what, error))
}

/// The attributes of a value. `None` fields are left out.
pub(super) fn write<T: Serialize>(what: &str, value: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(|error| unreadable(what, error))?;
    item.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
    Ok(item)
}

pub(super) fn unreadable(what: &str, error: impl Display) -> StoreError {
    StoreError::Unreadable(format!("{what}: {error}"))
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn seconds(instant: DateTime<Utc>) -> AttributeValue {
    number(instant.timestamp())
}

/// Days and what is counted of them are kept for so long after the day.
const KEPT_DAYS: i64 = 40;

/// When the table removes what belongs to a day.
pub(super) fn ttl(day: Day) -> AttributeValue {
    number(day.next().start().epoch_seconds() + KEPT_DAYS * 86_400)
}

/// An item that the table's stream tells of.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// A booking.
    Booking(Box<Booking>),
    /// An integration, without its sync state.
    Integration(Box<Integration>),
}

impl Image {
    /// Reads one side of a stream record; `None` for items that nobody is told of.
    pub fn read(item: Item) -> Result<Option<Self>, StoreError> {
        let sort = item.get("sk").and_then(|sk| sk.as_s().ok());
        match sort {
            Some(sort) if sort == key::BOOKING => Ok(Some(Self::Booking(Box::new(read_booking(item)?)))),
            Some(sort) if sort.starts_with(key::INTEGRATION_PREFIX) => {
                Ok(Some(Self::Integration(Box::new(read_integration(item)?))))
            }
            _ => Ok(None),
        }
    }
}

/// A booking.
pub(super) fn read_booking(item: Item) -> Result<Booking, StoreError> {
    read("booking", item)
}

/// An integration, but for its sync state.
pub(super) fn read_integration(item: Item) -> Result<Integration, StoreError> {
    read("integration", item)
}

/// The change that turns one stored form of a value into another, touching only what differs, so that what
/// stands beside it stays as it is.
pub(super) fn diff(key: Key, before: &Item, after: &Item) -> Change {
    let mut sets = Vec::new();
    let mut removes = Vec::new();
    let mut parts = Vec::new();
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut changed: Vec<&String> =
        after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name).collect();
    changed.extend(gone);
    changed.sort();
    for (at, name) in changed.into_iter().enumerate() {
        let value = after.get(name);
        if value.is_some() {
            sets.push(format!("#f{at} = :f{at}"));
        } else {
            removes.push(format!("#f{at}"));
        }
        parts.push((at, name, value));
    }
    let clause = |word: &str, list: &[String]| {
        if list.is_empty() { String::new() } else { format!("{word} {} ", list.join(", ")) }
    };
    let expression = clause("SET", &sets) + &clause("REMOVE", &removes);
    parts.into_iter().fold(Change::update(key, expression.trim_end()), |change, (at, name, value)| {
        let change = change.name(format!("#f{at}"), name);
        match value {
            Some(value) => change.value(format!(":f{at}"), value.clone()),
            None => change,
        }
    })
}
