//! Every time zone against Python's `zoneinfo` and `PyPI`'s `tzdata`: code and data that the product does not use.
//!
//! The interpreter is `HOLDFAST_PYTHON` (else `python3`); where it has no `tzdata`, or one of another release of the
//! IANA database than the product, this is skipped. `infra/check-zones.py` tells what the newest release changes.

use std::collections::BTreeSet;
use std::process::Command;

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeZone as _, Utc};
use holdfast::domain::{Offsets, Span, Tick, Zone};
use serde::Deserialize;

use crate::calendars::python;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/read_zones.py");
/// Of every zone, how many instants are looked up that are nothing special.
const RANDOM_INSTANTS: usize = 200;

/// What `read_zones.py` prints.
#[derive(Deserialize)]
struct Answer {
    release: String,
    zones: Vec<Rules>,
}

/// The rules that some zones share; in seconds.
#[derive(Deserialize)]
struct Rules {
    names: Vec<String>,
    /// The first instant and the changes after it, each with the offset from then on.
    offsets: Vec<(i64, i32)>,
    /// Local times, as if they were UTC's, with the instants at which clocks show them.
    local: Vec<(i64, Vec<i64>)>,
}

impl Rules {
    fn offset_at(&self, second: i64) -> i32 {
        let begun = self.offsets.iter().rev().find(|(from, _)| *from <= second);
        begun.expect("no earlier than the first").1
    }

    /// Each change and the seconds around it, and some instants at random.
    fn instants(&self, span: Span, rng: &mut fastrand::Rng) -> Vec<i64> {
        let (from, until) = (span.start.instant().timestamp(), span.end.instant().timestamp());
        let around = |at: i64| [at - 3600, at - 1, at, at + 1, at + 3600].map(|at| at.clamp(from, until));
        let changes = self.offsets.iter().flat_map(|(at, _)| around(*at));
        changes.chain((0..RANDOM_INSTANTS).map(|_| rng.i64(from..=until))).collect()
    }
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn local(second: i64) -> NaiveDateTime {
    at(second).naive_utc()
}

#[test]
fn every_zone_is_as_python_and_pypi_have_it_from_1970_to_2040() {
    let day = |text: &str| Tick::exact(text.parse().unwrap()).unwrap();
    let span = Span::new(day("1970-01-01T00:00:00Z"), day("2040-01-01T00:00:00Z"));
    let Some(answer) = read_by_python(span) else { return };
    let names: BTreeSet<&str> =
        answer.zones.iter().flat_map(|rules| &rules.names).map(String::as_str).collect();
    assert_eq!(names, Zone::names().collect());
    let mut rng = fastrand::Rng::with_seed(7);
    let mut changes = 0;
    for rules in &answer.zones {
        changes += rules.offsets.len() - 1;
        let instants = rules.instants(span, &mut rng);
        for name in &rules.names {
            let zone: Zone = name.parse().unwrap();
            check_changes(zone, rules, span);
            check_instants(zone, rules, &instants);
            check_local_times(zone, rules);
        }
    }
    assert!(changes > 10_000, "only {changes} changes were compared");
}

/// The list of changes that slots are computed with.
fn check_changes(zone: Zone, rules: &Rules, span: Span) {
    let ours = Offsets::over(zone, span);
    let first = (span.start.instant().timestamp(), ours.at(span.start));
    let changes = ours.changes().map(|change| (change.at.timestamp(), change.after));
    let ours: Vec<_> = std::iter::once(first).chain(changes).collect();
    assert_eq!(ours, rules.offsets, "{zone}");
}

/// An instant's offset, as chrono asks for it.
fn check_instants(zone: Zone, rules: &Rules, instants: &[i64]) {
    for second in instants {
        let ours = zone.offset_from_utc_datetime(&local(*second)).fix().local_minus_utc();
        assert_eq!(ours, rules.offset_at(*second), "{zone} at {}", at(*second));
    }
}

/// The instants of a local time: none in a gap, two in a fold, the earlier first.
fn check_local_times(zone: Zone, rules: &Rules) {
    for (time, instants) in &rules.local {
        let found = zone.from_local_datetime(&local(*time));
        let ours: BTreeSet<_> = [found.earliest(), found.latest()].into_iter().flatten().collect();
        let ours: Vec<_> = ours.into_iter().map(|at| at.timestamp()).collect();
        assert_eq!(ours, *instants, "{zone} at {}, local time", local(*time));
        assert_eq!(found.single().is_some(), instants.len() == 1, "{zone} at {}, local time", local(*time));
    }
}

/// What Python has of the same release; `None`, with the reason printed, where it has none.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn read_by_python(span: Span) -> Option<Answer> {
    let python = python("tzdata")?;
    let seconds = [span.start, span.end].map(|tick| tick.instant().timestamp().to_string());
    let done = Command::new(python).arg(SCRIPT).args(seconds).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let answer: Answer = serde_json::from_slice(&done.stdout).unwrap();
    if answer.release != Zone::release() {
        println!("skipped: PyPI's tzdata here is of {}, and ours of {}", answer.release, Zone::release());
        return None;
    }
    Some(answer)
}
