//! Real calendars, from the file to the busy bits: what the product has read over a whole year equals an
//! independent expansion of the same file.
//!
//! The other side is `tests/busy_cells.py`, over `recurring_ical_events` from `PyPI`. Its interpreter is named by
//! `HOLDFAST_PYTHON` (else `python3`); where it cannot import that, or there are no files, this is skipped.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{Datelike, NaiveDate, TimeDelta};
use holdfast::domain::{Day, DayBits, IntegrationId, Zone};
use local::CalendarFile;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, TestApp};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/calendars");
const OUR_FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/calendars");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/busy_cells.py");
/// A second calendar of the account, which is asked by free/busy.
const SECOND: &str = "second.ada@group.calendar.google.com";
const EVENT_TYPE: &str = "a-year";

/// What either side does not read, by file: ours, then theirs.
const REFUSED: &[(&str, &[&str], &[&str])] = &[
    // Outlook on the web names zones as its menu does; `icalendar` knows the names of Windows only.
    (
        "Office-2012-owa.ics",
        &[],
        &[
            "(GMT+10:00) Canberra, Melbourne, Sydney: unknown zone, read as Australia/Sydney",
            "(UTC-05:00) Eastern Time (US & Canada): unknown zone, read as America/New_York",
        ],
    ),
    // The file has `DTSTART;TZID="W. Europe Standard Time:20200609T090000"`: the quotes swallow the value.
    (
        "ms_timezones.ics",
        &["VEVENT 2 \"Log Yesterday's Jira time\": its DTSTART is empty"],
        &["Log Yesterday's Jira time: DTSTART: Expected datetime, date, or time. Got: ''"],
    ),
];

/// What the independent expansion says of one year of a file.
struct Year {
    zone: String,
    number: i32,
    events: Vec<[String; 2]>,
    cells: BTreeMap<NaiveDate, DayBits>,
    refused: Vec<String>,
}

#[tokio::test]
async fn busy_cells_of_real_calendars_equal_an_independent_expansion() {
    let files = ics_files(Path::new(FILES));
    if files.is_empty() {
        println!("skipped: no calendars in {FILES}");
        return;
    }
    let is_there = |name: &str| files.iter().any(|path| path.ends_with(name));
    for (name, _, _) in REFUSED {
        assert!(is_there(name), "{name} is listed as refused, but is not there");
    }
    let Some(python) = python("recurring_ical_events") else { return };
    compare(&python, &files).await;
}

#[tokio::test]
async fn busy_cells_of_a_hard_calendar_equal_an_independent_expansion() {
    let Some(python) = python("recurring_ical_events") else { return };
    compare(&python, &ics_files(Path::new(OUR_FILES))).await;
}

#[expect(clippy::print_stdout, reason = "the table is what it shows")]
async fn compare(python: &str, files: &[PathBuf]) {
    let mut table = format!(
        "{:<42} {:>4} {:>7} {:>6} {:>9} {:>6}  equal  refused\n",
        "file", "year", "events", "cells", "compared", "busy"
    );
    let mut wrong = Vec::new();
    for path in files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let theirs = expand(python, path);
        let ours = TestApp::at(&format!("{}-12-29T06:00:00Z", theirs.number - 1), |options| {
            options.stream = false;
            options.calendar = Some(CalendarFile { path: path.clone(), shift: false });
        })
        .await;
        let refused = &ours.local.imported.as_ref().unwrap().refused;
        let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
        let expected = REFUSED.iter().find(|(name, _, _)| *name == file);
        let (by_us, by_them) = expected.map_or((&[][..], &[][..]), |(_, ours, theirs)| (*ours, *theirs));
        if refused != by_us || theirs.refused != by_them {
            wrong.push(format!("{file}: refused by us {refused:?}, by them {:?}", theirs.refused));
        }

        let (cells, busy, differences) = differences(&ours, path, &theirs).await;
        write!(
            table,
            "{file:<42} {:>4} {:>7} {:>6} {cells:>9} {busy:>6}  {:<5} ",
            theirs.number,
            theirs.events.len(),
            theirs.cells.values().map(busy_cells).sum::<usize>(),
            if differences.is_empty() { "yes" } else { "NO" },
        )
        .unwrap();
        for (who, refused) in [("us", &refused), ("them", &theirs.refused)] {
            for refused in refused {
                write!(table, " [{who}: {refused}]").unwrap();
            }
        }
        table.push('\n');
        wrong.extend(differences.into_iter().map(|difference| format!("{file}: {difference}")));
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
}

/// Connects the account, lets the product read the year three ways, and gives the cells compared, the busy ones
/// among them, and what differs.
async fn differences(app: &TestApp, path: &Path, theirs: &Year) -> (usize, usize, Vec<String>) {
    let mut wrong = Vec::new();
    let events = app.google().events(ADA_ACCOUNT, ADA_ACCOUNT);
    let events = events_of(&events, theirs);
    if events != theirs.events {
        let only = |these: &[[String; 2]], those: &[[String; 2]]| {
            these.iter().filter(|one| !those.contains(one)).cloned().collect::<Vec<_>>()
        };
        wrong.push(format!(
            "{} events, not {}; only ours {:?}; only theirs {:?}",
            events.len(),
            theirs.events.len(),
            only(&events, &theirs.events),
            only(&theirs.events, &events),
        ));
    }

    // An ordinary event type that can be booked so far ahead makes the product read so far ahead.
    app.put_event_type(EVENT_TYPE, ADA, &[30], 30, 400).await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let first = NaiveDate::from_ymd_opt(theirs.number, 1, 1).unwrap();
    let (mut cells, mut busy) = (0, 0);
    let mut check = async |way: &str, from: NaiveDate| {
        let stored = stored(app, &id, from).await;
        for (day, ours) in stored {
            let expected = theirs.cells.get(&day).copied().unwrap_or(DayBits::EMPTY);
            cells += usize::from(Day::CELLS);
            busy += busy_cells(&ours);
            if ours != expected {
                wrong.push(format!(
                    "{way}, {day}: {} busy cells, not {}",
                    busy_cells(&ours),
                    busy_cells(&expected)
                ));
            }
        }
    };
    check("as its target's events", first).await;

    // Half a year later it reads again, with new tokens, from then on; what has passed stays.
    app.pass(TimeDelta::days(181));
    app.sync(&id).await.expect(200);
    check("half a year later", first).await;

    // The same file in a second calendar, which is none that bookings are written to: free/busy.
    let text = std::fs::read_to_string(path).unwrap();
    let now = app.now();
    app.google().add_calendar(ADA_ACCOUNT, SECOND, "Second", "owner");
    app.google().set_time_zone(SECOND, &theirs.zone);
    let (from, to) = (now - TimeDelta::days(366), now + TimeDelta::days(740));
    let import = fakes::google::Import { text: &text, from, to, shift: false };
    app.google().import(ADA_ACCOUNT, SECOND, import).unwrap();
    app.set_integration(&id, &json!({ "conflict_calendars": [SECOND] })).await.expect(200);
    app.sync(&id).await.expect(200);
    check("by free/busy", now.date_naive()).await;
    (cells, busy, wrong)
}

/// The busy bits of an integration on each day of the year from a date on.
async fn stored(app: &TestApp, integration: &str, from: NaiveDate) -> Vec<(NaiveDate, DayBits)> {
    let integration: IntegrationId = integration.parse().unwrap();
    let last = NaiveDate::from_ymd_opt(from.year(), 12, 31).unwrap();
    let host = ADA.parse().unwrap();
    let days =
        app.app().store.days(&app.tenant(), &host, Day::from(from), Day::from(last)).await.unwrap().days;
    let of = |date: NaiveDate| {
        let state = days.iter().find(|state| state.day == Day::from(date));
        state.map_or(DayBits::EMPTY, |state| state.busy_of(&integration))
    };
    from.iter_days().take_while(|date| *date <= last).map(|date| (date, of(date))).collect()
}

fn busy_cells(bits: &DayBits) -> usize {
    (0..Day::CELLS).filter(|cell| bits.get(*cell)).count()
}

/// Start and end of the imported events that touch the year, as the expansion writes them.
fn events_of(events: &[Value], theirs: &Year) -> Vec<[String; 2]> {
    let zone: Zone = theirs.zone.parse().unwrap();
    let point = |event: &Value, name: &str| {
        let point = &event[name];
        point["date"].as_str().map_or_else(
            || {
                let time = chrono::DateTime::parse_from_rfc3339(point["dateTime"].as_str().unwrap()).unwrap();
                (time.to_utc().to_rfc3339(), time.to_utc())
            },
            |date| {
                let day: NaiveDate = date.parse().unwrap();
                let start = day.and_hms_opt(0, 0, 0).unwrap().and_local_timezone(zone).earliest().unwrap();
                (date.to_owned(), start.to_utc())
            },
        )
    };
    let year =
        |year: i32| NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let (begin, end) = (year(theirs.number), year(theirs.number + 1));
    let mut events: Vec<[String; 2]> = events
        .iter()
        .map(|event| (point(event, "start"), point(event, "end")))
        .filter(|((_, from), (_, to))| *from < end && (*to > begin || (from == to && *from >= begin)))
        .map(|((from, _), (to, _))| [from, to])
        .collect();
    events.sort();
    events
}

fn ics_files(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let found = found.map(|entry| entry.path());
    let mut files: Vec<_> = found.filter(|path| path.extension().is_some_and(|end| end == "ics")).collect();
    files.sort();
    files
}

/// An interpreter that has a package.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a setting of this test, not the product's"
)]
pub(crate) fn python(package: &str) -> Option<String> {
    let python = std::env::var("HOLDFAST_PYTHON").unwrap_or_else(|_unset| "python3".to_owned());
    let tried = Command::new(&python).args(["-c", &format!("import {package}")]).output();
    if tried.is_ok_and(|tried| tried.status.success()) {
        return Some(python);
    }
    println!("skipped: {python} cannot import {package} (HOLDFAST_PYTHON names another)");
    None
}

fn expand(python: &str, path: &Path) -> Year {
    let done = Command::new(python).arg(SCRIPT).arg(path).arg("Europe/London").output().unwrap();
    assert!(done.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&done.stderr));
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    let pairs = |name: &str| -> Vec<[String; 2]> { serde_json::from_value(said[name].clone()).unwrap() };
    let bits = |hex: &Value| {
        let hex = hex.as_str().unwrap();
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        DayBits::from_bytes(&bytes).unwrap()
    };
    Year {
        zone: said["zone"].as_str().unwrap().to_owned(),
        number: i32::try_from(said["year"].as_i64().unwrap()).unwrap(),
        events: pairs("events"),
        cells: said["cells"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(day, hex)| (day.parse().unwrap(), bits(hex)))
            .collect(),
        refused: pairs("refused").into_iter().map(|[what, why]| format!("{what}: {why}")).collect(),
    }
}
