//! Unknown is busy: a calendar that is not read frees nothing, and one that is read blocks what Google means by
//! its events.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use fakes::Fault;
use fakes::google::{EventSpec, errors};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{REMEMBERED, TestApp};

/// Hedy works around the clock and is booked by five minutes: what is not offered is what blocks.
const HEDY: &str = "hst_hedy1";
const ANY: &str = "any";
const MAIN: &str = "hedy@example.com";
const FAMILY: &str = "family.hedy@group.calendar.google.com";
const DAY: &str = "2026-11-25";
const NEXT_DAY: &str = "2026-11-26";

async fn hedy() -> TestApp {
    let app = TestApp::without_stream().await;
    // These tests are exact to the second, to which the time of a reading is stored.
    app.pass(-TimeDelta::milliseconds(i64::from(app.now().timestamp_subsec_millis())));
    app.put_open_host(HEDY).await;
    app.put_event_type(ANY, HEDY, &[5], 5, 30).await;
    app.google().add_account(MAIN, "Hedy Lamarr");
    app.google().add_calendar(MAIN, FAMILY, "Family", "owner");
    app
}

/// Hedy with her account connected and both calendars blocking.
async fn connected() -> (TestApp, String) {
    let app = hedy().await;
    let id = app.connect(HEDY, MAIN).await;
    set(&app, &id, &json!({ "conflict_calendars": [MAIN, FAMILY] })).await;
    (app, id)
}

async fn set(app: &TestApp, id: &str, settings: &Value) -> Value {
    app.admin(Method::PATCH, &format!("/v1/integrations/{id}"), Some(settings)).await.expect(200).clone()
}

/// A time of [`DAY`], `10:02` or `10:02:30`.
fn at(time: &str) -> DateTime<Utc> {
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("{DAY}T{time}{seconds}Z").parse().unwrap()
}

fn add(app: &TestApp, calendar: &str, from: &str, to: &str) -> String {
    app.google().add_event(MAIN, calendar, EventSpec::new("Busy", at(from), at(to)))
}

/// What is not offered of a UTC date, from its first minute to its last, once every change has shown.
async fn taken(app: &TestApp, date: &str) -> Vec<String> {
    app.pass(REMEMBERED);
    taken_now(app, date).await
}

async fn taken_now(app: &TestApp, date: &str) -> Vec<String> {
    let date: NaiveDate = date.parse().unwrap();
    let next = date.succ_opt().unwrap();
    let listing = app.listing(ANY, &date.to_string(), &next.to_string(), "UTC").await;
    assert_eq!(listing.expect(200)["reason"], Value::Null);
    let days = listing.body["days"].as_array().unwrap();
    let slots = days.iter().flat_map(|day| day["slots"].as_array().unwrap());
    let free: Vec<&str> = slots.map(|slot| &slot["start"].as_str().unwrap()[11..16]).collect();
    let mut taken: Vec<(String, String)> = Vec::new();
    for cell in 0..288 {
        let clock = |cell: i32| format!("{:02}:{:02}", cell / 12, cell % 12 * 5);
        let (from, to) = (clock(cell), clock(cell + 1));
        match taken.last_mut() {
            _ if free.contains(&from.as_str()) => {}
            Some(last) if last.1 == from => last.1 = to,
            _ => taken.push((from, to)),
        }
    }
    taken.into_iter().map(|(from, to)| format!("{from}-{to}")).collect()
}

async fn assert_unavailable(app: &TestApp) {
    app.pass(REMEMBERED);
    assert_unavailable_now(app).await;
}

async fn assert_unavailable_now(app: &TestApp) {
    let listing = app.listing(ANY, DAY, NEXT_DAY, "UTC").await;
    assert_eq!(listing.expect(200)["reason"], "calendar-unavailable");
    assert_eq!(listing.body["days"], json!([]));
    for refused in
        [app.hold(ANY, "2026-11-25T09:00:00Z").await, app.book_slot(ANY, "2026-11-25T09:00:00Z").await]
    {
        refused.expect_problem(503, "calendar-unavailable");
        assert_eq!(refused.header("retry-after").as_deref(), Some("60"));
    }
}

async fn assert_unread(app: &TestApp, id: &str, what: &str) {
    let sync = app.sync(id).await;
    assert_eq!(sync.expect(200)["outcome"], "incomplete", "{what}");
    let integration = &sync.body["integration"];
    assert_eq!(integration["status"], "error", "{what}");
    assert!(integration["last_sync_error"].is_string(), "{what}");
}

fn respond(body: &str) -> Fault {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Fault::Respond { status: 200, headers, body: body.to_owned() }
}

/// Answers that are no refusals and no lists of events either.
fn garbage() -> Vec<(&'static str, Fault)> {
    let unreadable_times = json!({ "kind": "calendar#events", "timeZone": "UTC", "items": [
        { "id": "garbage", "status": "confirmed", "start": { "dateTime": "later" }, "end": { "dateTime": "later" } },
    ]});
    let no_times =
        json!({ "kind": "calendar#events", "items": [{ "id": "garbage", "status": "confirmed" }] });
    let endless = json!({ "kind": "calendar#events", "items": [], "nextPageToken": "again" });
    vec![
        ("a page", respond("<html>sign in to this network</html>")),
        ("nothing", respond("")),
        ("half an answer", respond(r#"{"kind":"calendar#events","items":[{"id":"#)),
        ("an object without anything", respond("{}")),
        ("another kind of list", respond(r#"{"kind":"calendar#calendarList","items":[]}"#)),
        ("an event whose times say nothing", respond(&unreadable_times.to_string())),
        ("an event without times", respond(&no_times.to_string())),
        ("a list without an end", respond(&endless.to_string())),
    ]
}

fn refusals() -> Vec<(&'static str, Fault)> {
    let unticked = json!({ "error": { "code": 403, "message": "Insufficient Permission", "errors": [
        { "domain": "global", "reason": "insufficientPermissions", "message": "Insufficient Permission" },
    ]}});
    vec![
        ("a scope that was unticked", Fault::json(403, &unticked)),
        ("no access", errors::forbidden()),
        ("no such calendar", errors::not_found()),
        ("too many calls", errors::too_many_429(Duration::from_mins(10))),
    ]
}

fn silence() -> Vec<(&'static str, Fault)> {
    vec![("503", errors::backend_error(503)), ("a cut connection", Fault::CutBefore)]
}

#[tokio::test]
async fn each_kind_of_event_takes_time_as_google_means_it() {
    type Change = fn(&mut EventSpec);
    let kinds: [(&str, bool, Change); 14] = [
        ("a plain one", true, |_| {}),
        ("shown as free", false, |event| event.transparent = true),
        ("declined", false, |event| event.self_response = Some("declined")),
        ("accepted", true, |event| event.self_response = Some("accepted")),
        ("accepted with a question mark", true, |event| event.self_response = Some("tentative")),
        ("not answered yet", true, |event| event.self_response = Some("needsAction")),
        ("tentative", true, |event| event.status = "tentative"),
        ("cancelled", false, |event| event.status = "cancelled"),
        ("out of office", true, |event| event.event_type = "outOfOffice"),
        ("focus time", true, |event| event.event_type = "focusTime"),
        ("a working location", false, |event| event.event_type = "workingLocation"),
        ("a train that Gmail found", true, |event| event.event_type = "fromGmail"),
        ("somebody else's, declined", false, |event| {
            event.organizer = Some("bob@example.com".to_owned());
            event.self_response = Some("declined");
        }),
        ("focus time shown as free", false, |event| {
            event.event_type = "focusTime";
            event.transparent = true;
        }),
    ];
    // The main calendar is read event by event, the other one by free/busy: both must say the same.
    for calendar in [MAIN, FAMILY] {
        let (app, id) = connected().await;
        for (hour, (name, _, change)) in kinds.iter().enumerate() {
            let start = at("00:00") + TimeDelta::hours(i64::try_from(hour).unwrap());
            let mut event = EventSpec::new(name, start, start + TimeDelta::minutes(30));
            change(&mut event);
            app.google().add_event(MAIN, calendar, event);
        }
        app.sync(&id).await.expect(200);
        let taken = taken(&app, DAY).await;
        for (hour, (name, blocks, _)) in kinds.iter().enumerate() {
            let span = format!("{hour:02}:00-{hour:02}:30");
            assert_eq!(taken.contains(&span), *blocks, "{name} in {calendar}: {taken:?}");
        }
        assert_eq!(taken.len(), kinds.iter().filter(|(_, blocks, _)| *blocks).count(), "{taken:?}");
    }
}

#[tokio::test]
async fn a_whole_day_is_a_day_of_its_calendars_zone() {
    for calendar in [MAIN, FAMILY] {
        let (app, id) = connected().await;
        app.google().set_time_zone(calendar, "America/New_York");
        let event = EventSpec {
            all_day: true,
            ..EventSpec::new("Offsite", at("00:00"), at("00:00") + TimeDelta::days(1))
        };
        app.google().add_event(MAIN, calendar, event);
        app.sync(&id).await.expect(200);
        assert_eq!(taken(&app, DAY).await, ["05:00-24:00"], "{calendar}");
        assert_eq!(taken(&app, NEXT_DAY).await, ["00:00-05:00"], "{calendar}");
    }
}

#[tokio::test]
async fn events_run_over_midnight_and_are_rounded_outward() {
    for calendar in [MAIN, FAMILY] {
        let (app, id) = connected().await;
        add(&app, calendar, "10:02", "10:28");
        add(&app, calendar, "12:00:30", "12:05:01");
        add(&app, calendar, "14:00", "14:05");
        let party = EventSpec::new("Party", at("23:00"), at("23:00") + TimeDelta::minutes(121));
        app.google().add_event(MAIN, calendar, party);
        app.sync(&id).await.expect(200);
        let expected = ["10:00-10:30", "12:00-12:10", "14:00-14:05", "23:00-24:00"];
        assert_eq!(taken(&app, DAY).await, expected, "{calendar}");
        assert_eq!(taken(&app, NEXT_DAY).await, ["00:00-01:05"], "{calendar}");
    }
}

#[tokio::test]
async fn a_calendar_of_many_pages_is_read_to_its_end() {
    let (app, id) = connected().await;
    app.google().set_page_size(2);
    let hours = 1..12;
    for hour in hours.clone() {
        add(&app, MAIN, &format!("{hour:02}:00"), &format!("{hour:02}:10"));
    }
    app.google().faults.take_calls();
    app.sync(&id).await.expect(200);
    let pages = app.google().faults.take_calls().iter().filter(|call| call.op == "events.list").count();
    assert_eq!(pages, 6);
    let expected: Vec<_> = hours.map(|hour| format!("{hour:02}:00-{hour:02}:10")).collect();
    assert_eq!(taken(&app, DAY).await, expected);
}

#[tokio::test]
async fn a_page_that_is_missing_frees_nothing() {
    let (app, id) = connected().await;
    for hour in ["01", "02", "03", "04", "05"] {
        add(&app, MAIN, &format!("{hour}:00"), &format!("{hour}:30"));
    }
    app.sync(&id).await.expect(200);
    let before = taken(&app, DAY).await;
    app.google().set_page_size(2);
    let mut pages = 0;
    app.google().faults.plan(move |call| {
        pages += u32::from(call.op == "events.list");
        (pages == 3).then(errors::forbidden)
    });
    assert_unread(&app, &id, "the third page").await;
    assert_eq!(taken(&app, DAY).await, before);
    assert_eq!(before.len(), 5);
}

#[tokio::test]
async fn a_second_calendar_and_a_second_account_block_as_well() {
    const WORK: &str = "hedy@work.example.com";
    let app = hedy().await;
    add(&app, MAIN, "09:00", "09:30");
    add(&app, FAMILY, "10:00", "10:30");
    app.google().add_account(WORK, "Hedy at work");
    app.google().add_event(WORK, WORK, EventSpec::new("Board", at("11:00"), at("11:30")));
    let id = app.connect(HEDY, MAIN).await;
    assert_eq!(taken(&app, DAY).await, ["09:00-09:30"], "only the main calendar blocks at first");
    set(&app, &id, &json!({ "conflict_calendars": [MAIN, FAMILY] })).await;
    assert_eq!(taken(&app, DAY).await, ["09:00-09:30", "10:00-10:30"]);
    app.connect(HEDY, WORK).await;
    assert_eq!(taken(&app, DAY).await, ["09:00-09:30", "10:00-10:30", "11:00-11:30"]);
    set(&app, &id, &json!({ "conflict_calendars": [FAMILY] })).await;
    assert_eq!(taken(&app, DAY).await, ["10:00-10:30", "11:00-11:30"], "the target need not block");
}

#[tokio::test]
async fn a_calendar_with_an_error_of_its_own_frees_nothing_while_the_other_adds() {
    let broken = [
        (FAMILY, MAIN, "notFound"),
        (FAMILY, MAIN, "internalError"),
        (FAMILY, MAIN, "somethingNew"),
        (MAIN, FAMILY, "notFound"),
    ];
    for (broken, sound, reason) in broken {
        let (app, id) = connected().await;
        let gone = [add(&app, broken, "09:00", "09:30"), add(&app, sound, "11:00", "11:30")];
        app.sync(&id).await.expect(200);

        // All is taken out again, and one event comes to each: what only the broken calendar says is not known.
        app.google().remove_event(MAIN, broken, &gone[0]);
        app.google().remove_event(MAIN, sound, &gone[1]);
        add(&app, broken, "13:00", "13:30");
        add(&app, sound, "15:00", "15:30");
        app.google().break_calendar(broken, reason);
        assert_unread(&app, &id, reason).await;
        let expected = ["09:00-09:30", "11:00-11:30", "15:00-15:30"];
        assert_eq!(taken(&app, DAY).await, expected, "{reason} of {broken}");

        app.google().mend_calendar(broken);
        let sync = app.sync(&id).await;
        assert_eq!(sync.expect(200)["outcome"], "done");
        assert_eq!(sync.body["integration"]["status"], "connected");
        assert_eq!(sync.body["integration"]["last_sync_error"], Value::Null);
        assert_eq!(taken(&app, DAY).await, ["13:00-13:30", "15:00-15:30"], "{reason} of {broken}");
    }
}

async fn frees_nothing(op: &str, faults: Vec<(&str, Fault)>) {
    let (app, id) = connected().await;
    let gone = [add(&app, MAIN, "09:00", "09:30"), add(&app, FAMILY, "11:00", "11:30")];
    app.sync(&id).await.expect(200);
    app.google().remove_event(MAIN, MAIN, &gone[0]);
    app.google().remove_event(MAIN, FAMILY, &gone[1]);
    for (name, fault) in faults {
        app.google().faults.always(op, fault);
        assert_unread(&app, &id, name).await;
        assert_eq!(taken(&app, DAY).await, ["09:00-09:30", "11:00-11:30"], "{name}");
        app.google().faults.clear();
    }
    assert_eq!(app.sync(&id).await.expect(200)["outcome"], "done");
    assert_eq!(taken(&app, DAY).await, [""; 0]);
}

#[tokio::test]
async fn a_list_of_events_that_is_refused_or_makes_no_sense_frees_nothing() {
    frees_nothing("events.list", [refusals(), garbage()].concat()).await;
}

#[tokio::test]
async fn free_busy_that_is_refused_or_makes_no_sense_frees_nothing() {
    let other = json!({ "calendars": { "somebody@else.example.com": { "busy": [] } } });
    let unreadable = json!({ "calendars": { FAMILY: { "busy": [{ "start": "later", "end": "later" }] } } });
    let more = vec![
        ("another calendar's", respond(&other.to_string())),
        ("times that say nothing", respond(&unreadable.to_string())),
    ];
    frees_nothing("freeBusy.query", [refusals(), garbage(), more].concat()).await;
}

#[tokio::test]
async fn a_calendar_that_does_not_answer_frees_nothing() {
    frees_nothing("events.list", silence()).await;
}

#[tokio::test]
async fn free_busy_that_does_not_answer_frees_nothing() {
    frees_nothing("freeBusy.query", silence()).await;
}

#[tokio::test]
async fn a_token_that_cannot_be_refreshed_for_now_frees_nothing() {
    let (app, id) = connected().await;
    let gone = add(&app, MAIN, "09:00", "09:30");
    app.sync(&id).await.expect(200);
    app.google().remove_event(MAIN, MAIN, &gone);
    // Past the token's hour, and the hour after which nothing is believed.
    app.pass(TimeDelta::minutes(61));
    app.google().faults.always("token", errors::too_many_429(Duration::from_mins(10)));
    assert_unread(&app, &id, "no token").await;
    assert_unavailable(&app).await;
    app.google().faults.clear();
    let sync = app.sync(&id).await;
    assert_eq!(sync.expect(200)["outcome"], "done", "the first sync that can succeed does");
    assert_eq!(sync.body["integration"]["status"], "connected");
    assert_eq!(taken(&app, DAY).await, [""; 0]);
}

#[tokio::test]
async fn an_hour_after_the_last_good_reading_nothing_is_offered_or_taken() {
    let (app, id) = connected().await;
    add(&app, MAIN, "09:00", "09:30");
    app.sync(&id).await.expect(200);
    app.pass(TimeDelta::minutes(60));
    assert_eq!(taken_now(&app, DAY).await, ["09:00-09:30"]);
    app.hold(ANY, "2026-11-25T12:00:00Z").await.expect(201);
    app.pass(TimeDelta::seconds(1));
    assert_unavailable_now(&app).await;
    app.sync(&id).await.expect(200);
    assert_eq!(taken(&app, DAY).await, ["09:00-09:30", "12:00-12:05"]);
    app.hold(ANY, "2026-11-25T14:00:00Z").await.expect(201);
}

/// Time passes in steps of so many minutes, each with its tick.
async fn tick_every(app: &TestApp, step: i64, minutes: i64) {
    for _ in 0..minutes / step {
        app.pass(TimeDelta::minutes(step));
        app.tick().await;
    }
}

#[tokio::test]
async fn polls_keep_the_reading_young_only_while_they_succeed() {
    let (app, id) = connected().await;
    tick_every(&app, 2, 70).await;
    assert_eq!(app.integration(&id).await["last_sync_at"], "2026-11-23T07:10:00Z");
    assert_eq!(
        taken_now(&app, DAY).await,
        [""; 0],
        "connected more than an hour ago, polled every two minutes"
    );

    app.google().break_calendar(MAIN, "notFound");
    tick_every(&app, 6, 60).await;
    assert_eq!(taken_now(&app, DAY).await, [""; 0]);
    tick_every(&app, 1, 1).await;
    let integration = app.integration(&id).await;
    assert_eq!(integration["status"], "error");
    assert!(integration["next_sync_at"].is_string(), "it is tried again: {integration}");
    assert_unavailable_now(&app).await;

    app.google().mend_calendar(MAIN);
    tick_every(&app, 20, 80).await;
    assert_eq!(app.integration(&id).await["status"], "connected");
    assert_eq!(taken(&app, DAY).await, [""; 0]);
}

#[tokio::test]
async fn a_new_token_does_not_hide_that_the_calendar_cannot_be_read() {
    let (app, id) = connected().await;
    app.google().break_calendar(MAIN, "notFound");
    assert_unread(&app, &id, "before").await;
    app.pass(TimeDelta::minutes(56));
    app.google().faults.take_calls();
    assert_unread(&app, &id, "with a new token").await;
    assert!(app.google().faults.take_calls().iter().any(|call| call.op == "token"));
}

/// A reading that is neither fresh nor too old, and a hold.
async fn held() -> (TestApp, String) {
    let (app, _) = connected().await;
    app.pass(TimeDelta::minutes(3));
    let hold = app.hold(ANY, "2026-11-25T12:00:00Z").await.expect(201)["hold"].as_str().unwrap().to_owned();
    (app, hold)
}

async fn keeps_the_hold(op: &str, faults: Vec<(&str, Fault)>) {
    let (app, hold) = held().await;
    for (name, fault) in faults {
        app.google().faults.always(op, fault);
        let refused = app.confirm(&hold).await;
        refused.expect_problem(503, "calendar-unavailable");
        assert_eq!(refused.header("retry-after").as_deref(), Some("60"), "{name}");
        app.hold(ANY, "2026-11-25T12:00:00Z").await.expect_problem(409, "slot-taken");
        app.book_slot(ANY, "2026-11-25T15:00:00Z").await.expect_problem(503, "calendar-unavailable");
        app.google().faults.clear();
    }
    assert_eq!(taken(&app, DAY).await, ["12:00-12:05"], "nothing but the hold is taken");
    assert_eq!(app.our_events(MAIN, MAIN).len(), 0);
    let booking = app.confirm(&hold).await;
    assert_eq!(booking.expect(201)["start"], "2026-11-25T09:00:00-03:00");
}

#[tokio::test]
async fn a_confirmation_whose_calendar_refuses_is_put_off_and_keeps_its_hold() {
    keeps_the_hold("events.list", [refusals(), garbage()].concat()).await;
}

#[tokio::test]
async fn a_confirmation_whose_free_busy_refuses_is_put_off_and_keeps_its_hold() {
    keeps_the_hold("freeBusy.query", [refusals(), garbage()].concat()).await;
}

#[tokio::test]
async fn a_confirmation_whose_calendar_is_cut_off_is_put_off_and_keeps_its_hold() {
    let (app, hold) = held().await;
    app.google().faults.always("events.list", Fault::CutBefore);
    app.confirm(&hold).await.expect_problem(503, "calendar-unavailable");
    app.google().faults.clear();
    app.confirm(&hold).await.expect(201);
}

#[tokio::test]
async fn a_confirmation_with_one_broken_calendar_is_put_off_and_keeps_its_hold() {
    for calendar in [MAIN, FAMILY] {
        let (app, hold) = held().await;
        app.google().break_calendar(calendar, "notFound");
        app.confirm(&hold).await.expect_problem(503, "calendar-unavailable");
        app.google().mend_calendar(calendar);
        app.confirm(&hold).await.expect(201);
    }
}

#[tokio::test]
async fn a_hold_that_outlives_its_reading_is_confirmed_after_the_next_one() {
    let (app, id) = connected().await;
    app.pass(TimeDelta::minutes(59));
    let hold = app.hold(ANY, "2026-11-25T12:00:00Z").await.expect(201)["hold"].as_str().unwrap().to_owned();
    app.pass(TimeDelta::minutes(2));
    app.confirm(&hold).await.expect_problem(503, "calendar-unavailable");
    app.sync(&id).await.expect(200);
    app.confirm(&hold).await.expect(201);
}

#[tokio::test]
async fn a_calendar_that_is_switched_off_or_taken_away_no_longer_blocks() {
    let (app, id) = connected().await;
    add(&app, MAIN, "09:00", "09:30");
    add(&app, FAMILY, "10:00", "10:30");
    app.sync(&id).await.expect(200);
    let both = ["09:00-09:30", "10:00-10:30"];
    assert_eq!(taken(&app, DAY).await, both);

    set(&app, &id, &json!({ "enabled": false })).await;
    assert_eq!(taken(&app, DAY).await, [""; 0]);
    app.pass(TimeDelta::hours(3));
    app.tick().await;
    assert_eq!(taken(&app, DAY).await, [""; 0], "nobody waits for a calendar that is switched off");
    app.hold(ANY, "2026-11-25T09:00:00Z").await.expect(201);

    let on = set(&app, &id, &json!({ "enabled": true })).await;
    assert_eq!((&on["status"], &on["enabled"]), (&json!("connected"), &json!(true)));
    assert_eq!(taken(&app, DAY).await, both, "the hold lies beneath the event");

    app.pass(TimeDelta::hours(3));
    assert_unavailable(&app).await;
    let gone = app.admin(Method::DELETE, &format!("/v1/integrations/{id}"), None).await;
    assert_eq!(gone.expect(200)["status"], "disconnected");
    assert_eq!(taken(&app, DAY).await, [""; 0]);
    app.book_slot(ANY, "2026-11-25T10:00:00Z").await.expect(201);
}

#[tokio::test]
async fn a_dead_integration_blocks_until_it_is_connected_again() {
    let (app, id) = connected().await;
    let gone = add(&app, MAIN, "09:00", "09:30");
    app.sync(&id).await.expect(200);
    app.google().remove_event(MAIN, MAIN, &gone);
    app.google().revoke_grants(MAIN);
    app.pass(TimeDelta::minutes(2));
    app.tick().await;
    let dead = app.integration(&id).await;
    assert_eq!(dead["status"], "needs_reauth");
    assert!(dead["last_sync_error"].is_string(), "{dead}");
    assert_eq!(dead["next_sync_at"], "2026-11-24T06:02:00Z", "it is tried once a day");
    assert_eq!(taken(&app, DAY).await, ["09:00-09:30"]);
    let hold = app.hold(ANY, "2026-11-25T12:00:00Z").await.expect(201)["hold"].as_str().unwrap().to_owned();
    app.confirm(&hold).await.expect_problem(503, "calendar-unavailable");
    assert_eq!(app.sync(&id).await.expect(200)["outcome"], "incomplete");
    assert_eq!(app.integration(&id).await["status"], "needs_reauth");

    app.pass(TimeDelta::minutes(60));
    app.tick().await;
    assert_unavailable(&app).await;

    assert_eq!(app.connect(HEDY, MAIN).await, id, "the account has the integration that it had");
    assert_eq!(taken(&app, DAY).await, [""; 0]);
}

#[tokio::test]
async fn a_manual_sync_that_finds_the_grant_gone_says_so() {
    let (app, id) = connected().await;
    app.google().revoke_grants(MAIN);
    let sync = app.sync(&id).await;
    assert_eq!(sync.expect(200)["outcome"], "incomplete");
    assert_eq!(sync.body["integration"]["status"], "needs_reauth");
    assert!(sync.body["integration"]["last_sync_error"].is_string(), "{}", sync.text);
    assert_eq!(app.connect(HEDY, MAIN).await, id);
    assert_eq!(app.sync(&id).await.expect(200)["outcome"], "done");
}

#[tokio::test]
async fn time_that_was_never_read_is_not_offered() {
    let (app, id) = connected().await;
    // Thirty days and the longest claim were read; the host now offers sixty.
    app.put_event_type(ANY, HEDY, &[5], 5, 60).await;
    let read = ["2026-12-23", "2026-12-24"];
    assert_eq!(app.starts(ANY, read[0], read[1]).await.len(), 288);
    let listing = app.listing(ANY, "2026-12-24", "2027-01-20", "UTC").await;
    assert_eq!(listing.expect(200)["days"], json!([]));
    app.hold(ANY, "2026-12-24T00:00:00Z").await.expect_problem(409, "slot-taken");
    app.book_slot(ANY, "2027-01-15T09:00:00Z").await.expect_problem(409, "slot-taken");
    app.sync(&id).await.expect(200);
    app.pass(REMEMBERED);
    assert_eq!(app.starts(ANY, "2026-12-24", "2026-12-25").await.len(), 288);
    app.hold(ANY, "2026-12-24T00:00:00Z").await.expect(201);
}

#[tokio::test]
async fn switched_on_again_it_must_be_read_before_anything_is_offered() {
    let (app, id) = connected().await;
    set(&app, &id, &json!({ "enabled": false })).await;
    add(&app, MAIN, "09:00", "09:30");
    app.google().break_calendar(MAIN, "notFound");
    let on = set(&app, &id, &json!({ "enabled": true })).await;
    assert_eq!(on["last_sync_range"], Value::Null);
    assert_unavailable(&app).await;
    app.google().mend_calendar(MAIN);
    app.sync(&id).await.expect(200);
    assert_eq!(taken(&app, DAY).await, ["09:00-09:30"]);
}

#[tokio::test]
async fn other_calendars_must_be_read_before_anything_is_offered() {
    let app = hedy().await;
    let id = app.connect(HEDY, MAIN).await;
    add(&app, FAMILY, "10:00", "10:30");
    assert_eq!(taken(&app, DAY).await, [""; 0]);
    app.google().faults.always("freeBusy.query", errors::forbidden());
    let changed = set(&app, &id, &json!({ "conflict_calendars": [MAIN, FAMILY] })).await;
    assert_eq!(changed["last_sync_range"], Value::Null);
    assert_unavailable(&app).await;
    app.google().faults.clear();
    app.tick_for(2).await;
    assert_eq!(taken(&app, DAY).await, ["10:00-10:30"]);
}

#[tokio::test]
async fn a_calendar_that_cannot_be_read_at_the_first_reading_is_not_free() {
    let app = hedy().await;
    app.google().break_calendar(MAIN, "notFound");
    let id = {
        let (url, cookie) = app.begin_connect(HEDY).await;
        let location = app.google().consent(&url, MAIN, &[]).unwrap();
        app.come_back(location.as_str(), &cookie).await.expect(200);
        app.integrations(HEDY).await[0]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(app.integration(&id).await["status"], "error");
    assert_unavailable(&app).await;
    app.google().mend_calendar(MAIN);
    app.sync(&id).await.expect(200);
    assert_eq!(taken(&app, DAY).await, [""; 0]);
}
