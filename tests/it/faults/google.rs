//! Google refuses, throttles, hangs, hangs up and talks nonsense.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fakes::Fault;
use fakes::google::{EventSpec, errors};
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, TestApp};

use super::{ELEVEN, FOUR, Row, TEN, afterwards, booked, connected, hold_of, hold_true, mend, told};

pub(super) const FAMILY: &str = "family.ada@group.calendar.google.com";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// An admin syncs: outcome, status and error of the integration.
    Pull,
    /// A guest books, and the event is to be made.
    Push,
    /// A guest cancels, and the event is to go.
    Cancel,
    /// A guest confirms a hold when the last reading is three minutes old: the calendar is asked.
    Confirm,
    /// An admin lists calendars with an access token that has ended.
    Refresh,
    /// An admin lists calendars.
    Calendars,
    /// A host comes back from the consent page.
    Callback,
}
use Act::{Calendars, Callback, Cancel, Confirm, Pull, Push, Refresh};

/// Every fault that the table must have for the acts that read, write and check.
const FAULTS: [&str; 15] = [
    "401",
    "401 once",
    "403 rate limit",
    "403 permission",
    "404",
    "409",
    "410",
    "412",
    "429, again in 200",
    "500",
    "503",
    "hangs",
    "cut",
    "cut after",
    "garbage",
];

#[rustfmt::skip]
const ROWS: &[Row<Act>] = &[
    (Pull, "events.list", "401", "200 incomplete, error: the calendar refused the access token"),
    (Pull, "events.list", "401 once", "200 done, connected"),
    (Pull, "events.list", "403 rate limit", "200 incomplete, error: the calendar asks for fewer calls"),
    (Pull, "events.list", "403 rate limit once", "200 done, connected"),
    (Pull, "events.list", "403 permission", "200 incomplete, error: the calendar does not permit this"),
    (Pull, "events.list", "404", "200 incomplete, error: the calendar knows no such thing"),
    (Pull, "events.list", "409", "200 incomplete, error: the calendar already has an event with this id"),
    (Pull, "events.list", "410", "200 incomplete, error: the calendar no longer knows the cursor"),
    (Pull, "events.list", "412", "200 incomplete, error: the event was changed meanwhile"),
    (Pull, "events.list", "429, again in 200", "200 incomplete, error: the calendar asks for fewer calls, and is left alone for 200 s"),
    (Pull, "events.list", "500", "200 incomplete, error: the calendar could not be reached"),
    (Pull, "events.list", "500 once", "200 done, connected"),
    (Pull, "events.list", "503", "200 incomplete, error: the calendar could not be reached"),
    (Pull, "events.list", "503 once", "200 done, connected"),
    (Pull, "events.list", "hangs", "200 incomplete, error: the calendar could not be reached"),
    (Pull, "events.list", "cut", "200 incomplete, error: the calendar could not be reached"),
    (Pull, "events.list", "cut once", "200 done, connected"),
    (Pull, "events.list", "cut after", "200 incomplete, error: the calendar could not be reached"),
    (Pull, "events.list", "garbage", "200 incomplete, error: the calendar's answer could not be understood"),
    (Pull, "events.list", "page loop", "200 incomplete, error: the calendar's answer could not be understood"),
    (Pull, "events.list", "endless pages", "200 incomplete, error: the calendar's answer could not be understood"),
    (Pull, "freeBusy.query", "calendar error", "200 incomplete, error: the calendar knows no such thing"),
    (Pull, "freeBusy.query", "401", "200 incomplete, error: the calendar refused the access token"),
    (Pull, "freeBusy.query", "403 permission", "200 incomplete, error: the calendar does not permit this"),
    (Pull, "freeBusy.query", "429, again in 200", "200 incomplete, error: the calendar asks for fewer calls, and is left alone for 200 s"),
    (Pull, "freeBusy.query", "503", "200 incomplete, error: the calendar could not be reached"),
    (Pull, "freeBusy.query", "garbage", "200 incomplete, error: the calendar's answer could not be understood"),
    (Push, "events.insert", "401", "201 pending"),
    (Push, "events.insert", "401 once", "201 synced"),
    (Push, "events.insert", "403 rate limit", "201 pending"),
    (Push, "events.insert", "403 permission", "201 pending"),
    (Push, "events.insert", "404", "201 pending"),
    (Push, "events.insert", "409", "201 pending"),
    (Push, "events.insert", "409 once", "201 synced"),
    (Push, "events.insert", "410", "201 pending"),
    (Push, "events.insert", "412", "201 pending"),
    (Push, "events.insert", "412 once", "201 synced"),
    (Push, "events.insert", "429, again in 200", "201 pending"),
    (Push, "events.insert", "500", "201 pending"),
    (Push, "events.insert", "500 once", "201 synced"),
    (Push, "events.insert", "503", "201 pending"),
    (Push, "events.insert", "503 once", "201 synced"),
    (Push, "events.insert", "hangs", "201 pending"),
    (Push, "events.insert", "cut", "201 pending"),
    (Push, "events.insert", "cut after", "201 pending"),
    (Push, "events.insert", "cut after once", "201 synced"),
    (Push, "events.insert", "garbage", "201 pending"),
    (Cancel, "events.delete", "401", "200 pending"),
    (Cancel, "events.delete", "401 once", "200 synced"),
    (Cancel, "events.delete", "403 rate limit", "200 pending"),
    (Cancel, "events.delete", "403 permission", "200 pending"),
    (Cancel, "events.delete", "404", "200 synced"),
    (Cancel, "events.delete", "409", "200 pending"),
    (Cancel, "events.delete", "410", "200 synced"),
    (Cancel, "events.delete", "412", "200 pending"),
    (Cancel, "events.delete", "429, again in 200", "200 pending"),
    (Cancel, "events.delete", "500", "200 pending"),
    (Cancel, "events.delete", "503", "200 pending"),
    (Cancel, "events.delete", "hangs", "200 pending"),
    (Cancel, "events.delete", "cut", "200 pending"),
    (Cancel, "events.delete", "cut after", "200 pending"),
    (Cancel, "events.delete", "cut after once", "200 synced"),
    (Cancel, "events.delete", "garbage", "200 pending"),
    (Confirm, "events.list", "401", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "401 once", "201 synced"),
    (Confirm, "events.list", "403 rate limit", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "403 permission", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "404", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "409", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "410", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "412", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "429, again in 200", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "500", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "503", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "503 once", "201 synced"),
    (Confirm, "events.list", "hangs", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "cut", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "cut after", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "garbage", "503 calendar-unavailable, again in 60"),
    (Confirm, "events.list", "page loop", "503 calendar-unavailable, again in 60"),
    (Confirm, "freeBusy.query", "calendar error", "503 calendar-unavailable, again in 60"),
    (Refresh, "token", "400 invalid_grant", "502 calendar-error, again in 60, needs_reauth"),
    (Refresh, "token", "401 invalid_client", "502 calendar-error, again in 60"),
    (Refresh, "token", "403 rate limit", "502 calendar-error, again in 60"),
    (Refresh, "token", "429, again in 200", "502 calendar-error, again in 200"),
    (Refresh, "token", "500", "502 calendar-error, again in 60"),
    (Refresh, "token", "503", "502 calendar-error, again in 60"),
    (Refresh, "token", "hangs", "502 calendar-error, again in 60"),
    (Refresh, "token", "cut", "502 calendar-error, again in 60"),
    (Refresh, "token", "cut after", "502 calendar-error, again in 60"),
    (Refresh, "token", "garbage", "502 calendar-error, again in 60"),
    (Calendars, "calendarList.list", "401", "502 calendar-error, again in 60"),
    (Calendars, "calendarList.list", "401 once", "200"),
    (Calendars, "calendarList.list", "403 rate limit", "502 calendar-error, again in 60"),
    (Calendars, "calendarList.list", "403 permission", "502 calendar-error, again in 60"),
    (Calendars, "calendarList.list", "429, again in 200", "502 calendar-error, again in 200"),
    (Calendars, "calendarList.list", "500", "502 calendar-error, again in 60"),
    (Calendars, "calendarList.list", "503 once", "200"),
    (Calendars, "calendarList.list", "hangs", "502 calendar-error, again in 60"),
    (Calendars, "calendarList.list", "cut", "502 calendar-error, again in 60"),
    (Calendars, "calendarList.list", "garbage", "502 calendar-error, again in 60"),
    (Calendars, "calendarList.list", "page loop", "502 calendar-error, again in 60"),
    (Callback, "token", "400 invalid_grant", "400"),
    (Callback, "token", "401 invalid_client", "400"),
    (Callback, "token", "403 rate limit", "502"),
    (Callback, "token", "429, again in 200", "502"),
    (Callback, "token", "500", "502"),
    (Callback, "token", "503", "502"),
    (Callback, "token", "hangs", "502"),
    (Callback, "token", "cut", "502"),
    (Callback, "token", "cut after", "502"),
    (Callback, "token", "garbage", "502"),
    (Callback, "calendarList.get", "401", "502"),
    (Callback, "calendarList.get", "403 permission", "502"),
    (Callback, "calendarList.get", "503 once", "200, connected"),
    (Callback, "calendarList.get", "garbage", "502"),
    (Callback, "events.list", "503", "200, error"),
    (Callback, "events.list", "garbage", "200, error"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_google_does_the_answer_is_the_stated_one() {
    hold_true("Google", ROWS, outcome).await;
}

#[test]
fn every_fault_stands_in_the_table_for_every_act_that_reads_writes_or_checks() {
    for act in [Pull, Push, Cancel, Confirm] {
        let rows: BTreeSet<_> = ROWS.iter().filter(|row| row.0 == act).map(|row| row.2).collect();
        let missing: Vec<_> = FAULTS.iter().filter(|fault| !rows.contains(*fault)).collect();
        assert!(missing.is_empty(), "{act:?}: {missing:?}");
    }
}

/// Google does this at every call of the operation, or at its next one.
fn meet(app: &TestApp, op: &str, fault: &str) {
    let faults = &app.google().faults;
    match (fault, fault.strip_suffix(" once")) {
        ("calendar error", _) => app.google().break_calendar(FAMILY, "notFound"),
        ("endless pages", _) => {
            let mut pages = 0;
            let op = op.to_owned();
            faults.plan(move |call| {
                pages += u32::from(call.op == op);
                (call.op == op).then(|| page_before(&op, &format!("page {pages}")))
            });
        }
        (_, Some(once)) => faults.next(op, named(op, once)),
        (always, None) => faults.always(op, named(op, always)),
    }
}

fn named(op: &str, fault: &str) -> Fault {
    match fault {
        "400 invalid_grant" => Fault::json(400, &json!({ "error": "invalid_grant" })),
        "401 invalid_client" => Fault::json(401, &json!({ "error": "invalid_client" })),
        "401" => errors::unauthorized(),
        "403 rate limit" => errors::rate_limited_403(),
        "403 permission" => errors::forbidden(),
        "404" => errors::not_found(),
        "409" => errors::already_exists(),
        "410" if op == "events.list" => errors::gone(),
        "410" => errors::deleted(),
        "412" => errors::precondition_failed(),
        "429, again in 200" => errors::too_many_429(Duration::from_secs(200)),
        "500" => errors::backend_error(500),
        "503" => errors::backend_error(503),
        "hangs" => Fault::DelayBefore(Duration::from_mins(10)),
        "cut" => Fault::CutBefore,
        "cut after" => Fault::CutAfter,
        "garbage" => Fault::Respond {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: "<html>sign in to this network</html>".to_owned(),
        },
        "page loop" => page_before(op, "again"),
        other => panic!("no such fault: {other}"),
    }
}

/// An empty page that says there is another one.
fn page_before(op: &str, next: &str) -> Fault {
    let kind = if op == "events.list" { "calendar#events" } else { "calendar#calendarList" };
    Fault::json(200, &json!({ "kind": kind, "items": [], "nextPageToken": next }))
}

async fn outcome(act: Act, op: &str, fault: &str) -> String {
    match act {
        Pull => pull(op, fault).await,
        Push => {
            let (app, id) = connected().await;
            meet(&app, op, fault);
            let answer = app.book_slot("intro", TEN).await;
            booked(&answer) + &status(&app, &id).await + &afterwards(&app, &id).await
        }
        Cancel => {
            let (app, id) = connected().await;
            let booking = app.book_slot("intro", TEN).await.expect(201).clone();
            meet(&app, op, fault);
            let answer = app.cancel(&booking).await;
            booked(&answer) + &status(&app, &id).await + &afterwards(&app, &id).await
        }
        Confirm => confirm(op, fault).await,
        Refresh | Calendars => {
            let (app, id) = connected().await;
            app.book_slot("intro", TEN).await.expect(201);
            if act == Refresh {
                app.pass(TimeDelta::minutes(61));
            }
            meet(&app, op, fault);
            let answer = app.calendars(&id).await;
            let told = told(&answer) + &status(&app, &id).await;
            let after = afterwards(&app, &id).await;
            app.calendars(&id).await.expect(200);
            told + &after
        }
        Callback => callback(op, fault).await,
    }
}

/// The integration's status where it is not `connected`.
async fn status(app: &TestApp, integration: &str) -> String {
    let status = app.integration(integration).await["status"].as_str().unwrap().to_owned();
    if status == "connected" { String::new() } else { format!(", {status}") }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// One thing in the calendar has gone and another one has come since the last reading.
async fn pull(op: &str, fault: &str) -> String {
    let (app, id) = connected().await;
    let both = json!({ "conflict_calendars": [ADA_ACCOUNT, FAMILY] });
    app.set_integration(&id, &both).await.expect(200);
    app.book_slot("intro", TEN).await.expect(201);
    let busy = |start: &str| {
        let event = EventSpec::new("Dentist", at(start), at(start) + TimeDelta::minutes(30));
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, event)
    };
    let gone = busy(ELEVEN);
    app.sync(&id).await.expect(200);
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &gone);
    busy(FOUR);

    meet(&app, op, fault);
    let answer = app.sync(&id).await;
    let mut told = synced(&app, &answer);
    let is_done = answer.body["outcome"] == "done";
    if app.is_offered("intro", ELEVEN).await != is_done {
        told += "; WRONGLY OFFERED";
    }
    told += &afterwards(&app, &id).await;
    if !app.is_offered("intro", ELEVEN).await || app.is_offered("intro", FOUR).await {
        told += "; NOT READ AFTERWARDS";
    }
    told
}

fn synced(app: &TestApp, answer: &Answer) -> String {
    let integration = &answer.body["integration"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told =
        format!("{} {}, {}", told(answer), text(&answer.body["outcome"]), text(&integration["status"]));
    if let Some(error) = integration["last_sync_error"].as_str() {
        told = format!("{told}: {error}");
    }
    let next = integration["next_sync_at"].as_str().map(at);
    let pause = next.map_or(0, |next| (next - app.now()).num_seconds());
    if pause > 120 { format!("{told}, and is left alone for {pause} s") } else { told }
}

async fn confirm(op: &str, fault: &str) -> String {
    let (app, id) = connected().await;
    if op == "freeBusy.query" {
        let both = json!({ "conflict_calendars": [ADA_ACCOUNT, FAMILY] });
        app.set_integration(&id, &both).await.expect(200);
    }
    let hold = hold_of(&app, TEN).await;
    app.pass(TimeDelta::minutes(3));
    meet(&app, op, fault);
    let answer = app.confirm(&hold).await;
    let mut told = booked(&answer) + &status(&app, &id).await;
    if app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len() != usize::from(answer.status == 201) {
        told += "; HALF DONE";
    }
    mend(&app);
    if app.integration(&id).await["status"] == "needs_reauth" {
        app.connect(ADA, ADA_ACCOUNT).await;
    }
    // The hold was kept.
    app.confirm(&hold).await.expect(201);
    told + &afterwards(&app, &id).await
}

async fn callback(op: &str, fault: &str) -> String {
    let starting = super::STARTING.acquire().await.unwrap();
    let app = TestApp::without_stream().await;
    drop(starting);
    let (url, cookie) = app.begin_connect(ADA).await;
    let location = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    meet(&app, op, fault);
    let answer = app.come_back(location.as_str(), &cookie).await;
    let mut told = told(&answer);
    let integrations = app.integrations(ADA).await;
    let live = integrations.iter().find(|found| found["account"] == ADA_ACCOUNT);
    if let Some(live) = live {
        told = format!("{told}, {}", live["status"].as_str().unwrap());
    }
    mend(&app);
    let id = match live {
        Some(live) => live["id"].as_str().unwrap().to_owned(),
        None => app.connect(ADA, ADA_ACCOUNT).await,
    };
    // What never came back is forgotten by itself.
    app.pass(TimeDelta::minutes(11));
    assert_eq!(app.integrations(ADA).await.len(), 1);
    told + &afterwards(&app, &id).await
}
