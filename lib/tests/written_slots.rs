//! The listing's bytes, in every zone of the tzdb, against what anyone would write with chrono and serde.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its parts")]

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use holdfast::domain::zone::named::{Africa, America, Asia, Australia, Europe, Pacific};
use holdfast::domain::{Day, Offsets, Span, Tick, Ticks, Zone};
use holdfast::flows::{Listing, Unavailable};
use holdfast::http::listing::json;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Plain {
    time_zone: String,
    days: Vec<PlainDay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct PlainDay {
    date: NaiveDate,
    slots: Vec<PlainSlot>,
}

#[derive(Serialize)]
struct PlainSlot {
    start: String,
    end: String,
}

/// The reference.
fn plain(listing: &Listing) -> String {
    let mut days: BTreeMap<NaiveDate, Vec<PlainSlot>> = BTreeMap::new();
    for start in &listing.starts {
        let local = |tick: Tick| tick.instant().with_timezone(&listing.zone);
        let slot =
            PlainSlot { start: local(*start).to_rfc3339(), end: local(*start + listing.length).to_rfc3339() };
        days.entry(local(*start).date_naive()).or_default().push(slot);
    }
    let body = Plain {
        time_zone: listing.zone.name().to_owned(),
        days: days.into_iter().map(|(date, slots)| PlainDay { date, slots }).collect(),
        reason: listing.reason.map(|reason| reason.as_str().to_owned()),
    };
    serde_json::to_string(&body).unwrap()
}

fn written(listing: &Listing) -> String {
    String::from_utf8(json(listing)).unwrap()
}

fn ticks(count: i64) -> Ticks {
    Ticks::from_minutes(count * 5).unwrap()
}

fn tick(text: &str) -> Tick {
    Tick::exact(text.parse().unwrap()).unwrap()
}

/// Every `interval` ticks from `from` up to, not including, `to`.
fn every(interval: usize, from: &str, to: &str) -> Vec<Tick> {
    (tick(from).index()..tick(to).index()).step_by(interval).map(Tick::from_index).collect()
}

/// A listing without its zone: where it begins, how long its slots are, and from one to the next.
#[derive(Clone, Debug)]
struct Shape {
    /// Picks a date of 1973 to 2099: a day before a change of the clocks when there is one, every other time.
    date: u32,
    near_a_change: bool,
    /// Ticks from midnight UTC.
    first: i64,
    length: i64,
    gaps: Vec<i64>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let length = prop_oneof![1_i64..=18, 1_i64..=144];
    let gap = prop_oneof![8 => 1_i64..=12, 1 => 1_i64..=600];
    let gaps = prop::collection::vec(gap, 0..120);
    (any::<u32>(), any::<bool>(), 0_i64..288, length, gaps).prop_map(
        |(date, near_a_change, first, length, gaps)| Shape { date, near_a_change, first, length, gaps },
    )
}

impl Shape {
    fn in_zone(&self, zone: Zone) -> Listing {
        let first = self.day_in(zone).start() + ticks(self.first);
        let next = |start: &mut Tick, gap: &i64| {
            *start = *start + ticks(*gap);
            Some(*start)
        };
        let starts = self.gaps.iter().scan(first, next).collect();
        Listing { zone, starts, length: ticks(self.length), reason: None }
    }

    fn day_in(&self, zone: Zone) -> Day {
        // 1973 on: RFC 3339 has no seconds in an offset, and chrono and we round those of before differently.
        let any =
            NaiveDate::from_ymd_opt(1973, 1, 1).unwrap() + chrono::Days::new(u64::from(self.date % 46_000));
        let offset = |date: NaiveDate| {
            let day = Day::from(date);
            Offsets::over(zone, Span::new(day.start(), day.start())).at(day.start())
        };
        let mut year = any.iter_days().take(366);
        let change = year.find(|date| offset(*date) != offset(*date + chrono::Days::new(1)));
        change.filter(|_| self.near_a_change).unwrap_or(any).into()
    }
}

#[test]
fn every_zone_is_written_as_chrono_and_serde_write_it() {
    for (zone, number) in Zone::all().zip(0_u64..) {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let result = TestRunner::new_with_rng(config, rng).run(&shape(), |shape| {
            let listing = shape.in_zone(zone);
            prop_assert_eq!(written(&listing), plain(&listing));
            Ok(())
        });
        if let Err(failure) = result {
            panic!("{zone}: {failure}");
        }
    }
}

#[test]
fn odd_days_are_written_as_chrono_and_serde_write_them() {
    for (zone, from, to) in [
        // Half an hour forward and back.
        (Zone::from(Australia::Lord_Howe), "2027-10-01T12:00:00Z", "2027-10-04T12:00:00Z"),
        (Zone::from(Australia::Lord_Howe), "2027-04-02T12:00:00Z", "2027-04-05T12:00:00Z"),
        // A date that there never was.
        (Zone::from(Pacific::Apia), "2011-12-28T12:00:00Z", "2012-01-02T00:00:00Z"),
        // A date that was left and came again, at a time between two ticks.
        (Zone::from(America::St_Johns), "2010-11-05T12:00:00Z", "2010-11-09T00:00:00Z"),
        // Days without a midnight, and with two.
        (Zone::from(Africa::Cairo), "2027-04-28T12:00:00Z", "2027-05-01T12:00:00Z"),
        (Zone::from(America::Havana), "2027-11-06T00:00:00Z", "2027-11-08T12:00:00Z"),
        // Year ends, a leap day, and offsets of three quarters of an hour.
        (Zone::from(Asia::Kathmandu), "2027-12-30T00:00:00Z", "2028-01-02T00:00:00Z"),
        (Zone::from(Pacific::Chatham), "2028-02-28T00:00:00Z", "2028-03-02T00:00:00Z"),
        // The change that is within the bench's month.
        (Zone::from(Europe::London), "2027-03-27T00:00:00Z", "2027-03-30T00:00:00Z"),
    ] {
        for length in [1, 6, 9, 12, 144] {
            for interval in [1, 3, 7] {
                let starts = every(interval, from, to);
                let listing = Listing { zone, starts, length: ticks(length), reason: None };
                assert_eq!(written(&listing), plain(&listing), "{zone}");
            }
        }
    }
}

#[test]
fn a_listing_without_slots_says_why() {
    let listing =
        |reason| Listing { zone: Europe::London.into(), starts: Vec::new(), length: ticks(6), reason };
    let calendar = listing(Some(Unavailable::Calendar));
    assert_eq!(
        written(&calendar),
        r#"{"time_zone":"Europe/London","days":[],"reason":"calendar-unavailable"}"#
    );
    assert_eq!(written(&calendar), plain(&calendar));
    assert_eq!(written(&listing(None)), plain(&listing(None)));
}

/// What is written for an offset with seconds is rounded to the minute, and names the same instants all the same.
#[test]
fn offsets_with_seconds_still_name_the_same_instants() {
    for (zone, from, to, first) in [
        (
            Zone::from(Africa::Monrovia),
            "1971-05-30T12:00:00Z",
            "1971-06-02T12:00:00Z",
            "1971-05-30T11:16:00-00:44",
        ),
        (
            Zone::from(Asia::Tokyo),
            "1880-05-30T12:00:00Z",
            "1880-06-02T12:00:00Z",
            "1880-05-30T21:19:00+09:19",
        ),
    ] {
        let listing = Listing { zone, starts: every(1, from, to), length: ticks(6), reason: None };
        let body: Value = serde_json::from_slice(&json(&listing)).unwrap();
        let days = body["days"].as_array().unwrap();
        let slots: Vec<_> = days.iter().flat_map(|day| day["slots"].as_array().unwrap()).collect();
        let instant = |text: &Value| text.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        assert_eq!(slots.len(), listing.starts.len());
        for (slot, start) in slots.into_iter().zip(&listing.starts) {
            assert_eq!(instant(&slot["start"]), start.instant());
            assert_eq!(instant(&slot["end"]), (*start + listing.length).instant());
        }
        assert_eq!(days[0]["slots"][0]["start"], first);
    }
}
