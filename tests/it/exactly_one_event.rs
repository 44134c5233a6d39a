//! Exactly one event for each live booking and none for a cancelled one, whoever comes between: interleavings
//! of pushes, pulls, cancels, disconnects and people, each driven by gates in the simulated Google.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fakes::google::{EventSpec, errors};
use fakes::{Fault, Gate, When};
use futures::future::join_all;
use holdfast::domain::{AgendaEntry, BookingId, BookingStatus, CalendarSync};
use holdfast::flows::push;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, BEGINNING, Callee, Crashed, Death, Point, REMEMBERED, TestApp};
use tokio::join;

/// A Tuesday on which Ada is free from 9:45 to 13:00 and from 14:00 on.
const TEN: &str = "2026-11-24T10:00:00Z";
const THREE: &str = "2026-11-24T15:00:00Z";
const FAMILY: &str = "family.ada@group.calendar.google.com";

/// Ada is connected, has just been read, and nothing moves by itself.
async fn connected() -> (TestApp, String) {
    let app = TestApp::without_stream().await;
    let integration = app.connect(ADA, ADA_ACCOUNT).await;
    (app, integration)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn half_an_hour_from(start: &str) -> (DateTime<Utc>, DateTime<Utc>) {
    (at(start), at(start) + TimeDelta::minutes(30))
}

fn gate(app: &TestApp, op: &str, when: When) -> Gate {
    app.google().faults.gate(op, when)
}

async fn hold(app: &TestApp, start: &str) -> String {
    app.hold("intro", start).await.expect(201)["hold"].as_str().unwrap().to_owned()
}

async fn booked(app: &TestApp, start: &str) -> Value {
    app.book_slot("intro", start).await.expect(201).clone()
}

/// A booking whose first push Google has refused.
async fn unpushed(app: &TestApp, start: &str) -> Value {
    app.google().faults.next("events.insert", errors::forbidden());
    let booking = booked(app, start).await;
    assert_eq!(booking["calendar_sync"], "pending");
    booking
}

/// A push whose process dies at an insert, and whose lease has ended since. Its last call may still be under way.
async fn push_that_dies(app: &TestApp, booking: &Value, nth_insert: usize, death: Death) -> Crashed {
    // What the request has left is due when it can no longer be at it.
    app.pass(TimeDelta::seconds(31));
    let key = app.booking_record(booking["id"].as_str().unwrap()).await.entries.remove(0).key();
    let point = Point { callee: Callee::Google, op: "events.insert".to_owned(), nth: nth_insert };
    let push = |process| async move { push(&process, &key).await.is_ok() };
    let crashed = app.crash(&point, death, push).await;
    app.pass(TimeDelta::seconds(31));
    crashed
}

/// The id of the only event of ours.
fn only_event(app: &TestApp) -> String {
    let events = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    assert_eq!(events.len(), 1);
    events[0]["id"].as_str().unwrap().to_owned()
}

/// The only booking there is, also while its request is still under way.
async fn the_booking(app: &TestApp) -> BookingId {
    let bookings = app.bookings().await;
    assert_eq!(bookings.len(), 1);
    bookings[0].booking.id.clone()
}

/// Why nothing is offered.
async fn reason(app: &TestApp) -> Value {
    app.pass(REMEMBERED);
    let listing = app.listing("intro", "2026-11-24", "2026-11-28", "UTC").await;
    assert_eq!(listing.expect(200)["days"], json!([]));
    listing.body["reason"].clone()
}

/// Everything agrees, and so many events of ours stand in the calendar.
async fn agree(app: &TestApp, events: usize) {
    assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), events);
}

/// The calls that reached Google since the last look.
fn google_calls(app: &TestApp) -> Vec<String> {
    app.google().faults.take_calls().into_iter().map(|call| call.op).collect()
}

/// An event that carries our marks.
fn marked(integration: &str, booking: &str, start: &str) -> EventSpec {
    let (start, end) = half_an_hour_from(start);
    let marks = json!({ "holdfast_integration": integration, "holdfast_booking": booking });
    let extra = json!({ "extendedProperties": { "private": marks } });
    let mut event = EventSpec::new("Intro call with somebody", start, end);
    event.extra.clone_from(extra.as_object().unwrap());
    event
}

// A push and what comes between.

/// A confirm whose insert waits at a gate while `meanwhile` is done with the booking and the gate: both answers.
async fn confirmed_while(
    app: &TestApp,
    when: When,
    meanwhile: impl AsyncFnOnce(BookingId, Gate) -> Answer,
) -> (Answer, Answer) {
    let token = hold(app, TEN).await;
    let mut insert = gate(app, "events.insert", when);
    join!(app.confirm(&token), async {
        insert.reached().await;
        meanwhile(the_booking(app).await, insert).await
    })
}

#[tokio::test]
async fn a_booking_cancelled_while_its_event_is_being_made_leaves_none() {
    for when in [When::Before, When::After] {
        let (app, _) = connected().await;
        let (confirmed, cancelled) = confirmed_while(&app, when, async |id, insert| {
            let (cancelled, ()) = join!(app.cancel_as_admin(&id), async {
                // The push goes on once the cancel is written: neither request's time is up then.
                while app.stored(id.as_str()).await.status != BookingStatus::Cancelled {}
                insert.open();
            });
            // It says that the calendar is right once it is, and else that it will be.
            match cancelled.body["calendar_sync"].as_str() {
                Some("synced") => agree(&app, 0).await,
                word => assert_eq!(word, Some("pending")),
            }
            cancelled
        })
        .await;
        assert_eq!(confirmed.body["calendar_sync"], "synced");
        // The cancel leaves the event to the push that is at work, and that one finds it cancelled.
        assert_eq!(cancelled.expect(200)["status"], "cancelled");
        assert_eq!(confirmed.expect(201)["status"], "cancelled");
        agree(&app, 0).await;
        assert!(app.is_offered("intro", TEN).await);
        app.tick_for(5).await;
        agree(&app, 0).await;
    }
}

#[tokio::test]
async fn a_cancel_does_not_wait_for_an_insert_that_goes_on_and_says_pending() {
    for when in [When::Before, When::After] {
        let (app, _) = connected().await;
        let (confirmed, cancelled) = confirmed_while(&app, when, async |id, insert| {
            let cancelled = app.cancel_as_admin(&id).await;
            insert.open();
            cancelled
        })
        .await;
        assert_eq!(cancelled.expect(200)["status"], "cancelled");
        assert_eq!(cancelled.body["calendar_sync"], "pending");
        // In time or not, the confirm answers what it finds at its end.
        assert_eq!(confirmed.expect(201)["status"], "cancelled");
        // A confirm whose time was up leaves its event to the next push.
        app.tick_for(3).await;
        agree(&app, 0).await;
        assert!(app.is_offered("intro", TEN).await);
    }
}

#[tokio::test]
async fn an_insert_that_arrives_after_the_cancel_has_looked_for_it_is_gone_in_the_end() {
    let (app, _) = connected().await;
    let booking = unpushed(&app, TEN).await;
    let pushing = push_that_dies(&app, &booking, 0, Death::UnderWay).await;
    let cancelled = app.cancel(&booking).await;
    // The worker that died may still reach the calendar: until it cannot, nothing is known to be gone.
    assert_eq!(cancelled.expect(200)["calendar_sync"], "pending");
    pushing.arrive();
    while app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The first push that looks for it when nobody may still write it removes it.
    app.tick_for(1).await;
    agree(&app, 0).await;
    app.tick_for(2).await;
    agree(&app, 0).await;
}

#[tokio::test]
async fn our_event_that_stands_at_another_time_is_brought_to_the_bookings_time() {
    let (app, integration) = connected().await;
    let token = hold(&app, TEN).await;
    let mut insert = gate(&app, "events.insert", When::Before);
    let (confirmed, ()) = join!(app.confirm(&token), async {
        insert.reached().await;
        let booking = the_booking(&app).await;
        let mut other = marked(&integration, booking.as_str(), THREE);
        other.id = Some(tests::google_event_id(booking.as_str(), ADA, 0));
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, other);
        google_calls(&app);
        insert.open();
    });
    assert_eq!(confirmed.expect(201)["calendar_sync"], "synced");
    agree(&app, 1).await;
    assert_eq!(google_calls(&app), ["events.get", "events.patch"]);
}

#[tokio::test]
async fn a_second_push_leaves_the_booking_to_the_first() {
    let (app, _) = connected().await;
    let token = hold(&app, TEN).await;
    let mut insert = gate(&app, "events.insert", When::Before);
    let (confirmed, second) = join!(app.confirm(&token), async {
        insert.reached().await;
        google_calls(&app);
        let id = the_booking(&app).await;
        // It is due, so that nothing but the first push's lease is in the way of the second.
        let entry = app.booking_record(id.as_str()).await.entries.remove(0);
        let due = AgendaEntry { due_at: Some(app.now()), ..entry.clone() };
        app.app().store.change_entry(&entry, due).await.unwrap();
        app.push_by(&app.process(), &id).await.unwrap();
        assert_eq!(google_calls(&app), <[&str; 0]>::default());
        let second = app.booking_record(id.as_str()).await.calendar_sync();
        insert.open();
        second
    });
    assert_eq!(second, CalendarSync::Pending);
    assert_eq!(confirmed.expect(201)["calendar_sync"], "synced");
    agree(&app, 1).await;
}

#[tokio::test]
async fn two_pushes_at_once_make_one_event() {
    for when in [When::Before, When::After] {
        let (app, _) = connected().await;
        let token = hold(&app, TEN).await;
        let mut insert = gate(&app, "events.insert", when);
        let (confirmed, second) = join!(app.confirm(&token), async {
            insert.reached().await;
            // The first is so slow that its lease ends.
            app.pass(TimeDelta::seconds(31));
            let id = the_booking(&app).await;
            app.push_by(&app.process(), &id).await.unwrap();
            let second = app.booking_record(id.as_str()).await.calendar_sync();
            insert.open();
            second
        });
        assert_eq!(second, CalendarSync::Synced);
        assert_eq!(confirmed.expect(201)["calendar_sync"], "synced");
        agree(&app, 1).await;
    }
}

#[tokio::test]
async fn an_event_deleted_before_its_push_was_recorded_is_made_once_more_under_a_new_id() {
    let (app, _) = connected().await;
    let booking = unpushed(&app, TEN).await;
    push_that_dies(&app, &booking, 0, Death::Unheard).await;
    let first = only_event(&app);
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &first);
    // One push to make it, and one to look for what the worker that died may have left.
    app.tick_for(1).await;
    let second = only_event(&app);
    assert_ne!(second, first);
    app.tick_for(1).await;
    agree(&app, 1).await;
    assert_eq!(only_event(&app), second);
    // And that is the one that goes.
    app.cancel(&booking).await.expect(200);
    agree(&app, 0).await;
}

#[tokio::test]
async fn a_cancel_finds_an_event_that_was_made_again_and_never_recorded() {
    let (app, _) = connected().await;
    let booking = unpushed(&app, TEN).await;
    push_that_dies(&app, &booking, 0, Death::Unheard).await;
    let first = only_event(&app);
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &first);
    push_that_dies(&app, &booking, 1, Death::Unheard).await;
    assert_ne!(only_event(&app), first);
    let cancelled = app.cancel(&booking).await;
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 0);
    // The worker that died may still reach the calendar.
    assert_eq!(cancelled.expect(200)["calendar_sync"], "pending");
    app.tick_for(1).await;
    agree(&app, 0).await;
}

#[tokio::test]
async fn cancelling_a_booking_whose_event_somebody_has_deleted_is_no_error() {
    let (app, _) = connected().await;
    let booking = booked(&app, TEN).await;
    let event = booking["calendar_event"]["event"].as_str().unwrap();
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, event);
    let cancelled = app.cancel(&booking).await;
    assert_eq!(cancelled.expect(200)["calendar_sync"], "synced");
    agree(&app, 0).await;
    assert!(app.is_offered("intro", TEN).await);
}

#[tokio::test]
async fn a_push_that_a_disconnect_overtakes_leaves_no_event() {
    for when in [When::Before, When::After] {
        let (app, integration) = connected().await;
        let token = hold(&app, TEN).await;
        let mut insert = gate(&app, "events.insert", when);
        let (confirmed, disconnected) = join!(app.confirm(&token), async {
            insert.reached().await;
            let disconnected = app.disconnect(&integration).await;
            insert.open();
            disconnected
        });
        assert_eq!(disconnected.expect(200)["status"], "disconnected");
        confirmed.expect(201);
        app.tick_for(3).await;
        assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), Vec::<Value>::new());
        assert_eq!(app.leftovers(&integration).await, Vec::<String>::new());
        assert!(!app.is_offered("intro", TEN).await, "the booking stands");
    }
}

#[tokio::test]
async fn the_due_index_pushes_what_the_request_could_not_and_what_it_could_only_once() {
    let app = TestApp::start().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    app.local.drain().await;
    booked(&app, TEN).await;
    google_calls(&app);
    app.local.drain().await;
    assert_eq!(google_calls(&app), <[&str; 0]>::default());
    app.google().faults.next("events.insert", errors::forbidden());
    assert_eq!(booked(&app, THREE).await["calendar_sync"], "pending");
    google_calls(&app);
    app.local.drain().await;
    assert_eq!(google_calls(&app), <[&str; 0]>::default(), "what happened is no work of `sync`");
    app.tick_for(1).await;
    agree(&app, 2).await;
    assert_eq!(app.local.dead_letters(), Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_not_to_be_in_the_calendar_is_not() {
    let (app, _) = connected().await;
    let mut body = json!({ "event_type": "intro", "start": TEN, "guest": tests::guest() });
    body["sync_to_calendar"] = json!(false);
    let booking = app.book(&body).await.expect(201).clone();
    assert_eq!((&booking["calendar_sync"], &booking["calendar_event"]), (&json!("off"), &Value::Null));
    app.tick_for(3).await;
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), Vec::<Value>::new());
    assert_eq!(app.cancel(&booking).await.expect(200)["calendar_sync"], "off");
}

// A pull and what comes between.

#[tokio::test]
async fn what_a_slow_pull_has_read_is_void_once_a_newer_one_has_written() {
    let (app, integration) = connected().await;
    let (start, end) = half_an_hour_from(TEN);
    let gone = EventSpec::new("Dentist", start + TimeDelta::hours(1), end + TimeDelta::hours(1));
    let gone = app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, gone);
    app.sync(&integration).await.expect(200);
    assert!(!app.is_offered("intro", "2026-11-24T11:00:00Z").await);

    let mut list = gate(&app, "events.list", When::After);
    let (slow, newer) = join!(app.sync(&integration), async {
        list.reached().await;
        app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &gone);
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, EventSpec::new("Dentist", start, end));
        app.pass(TimeDelta::seconds(61));
        let newer = app.sync(&integration).await;
        list.open();
        newer
    });
    assert_eq!(newer.expect(200)["outcome"], "done");
    assert_eq!(slow.expect(200)["outcome"], "superseded");
    assert!(!app.is_offered("intro", TEN).await, "the newer pull saw it busy");
    assert!(app.is_offered("intro", "2026-11-24T11:00:00Z").await, "the newer pull saw it free");
}

#[tokio::test]
async fn a_second_pull_leaves_the_calendar_to_the_first_and_is_made_up_for() {
    let (app, integration) = connected().await;
    let mut list = gate(&app, "events.list", When::After);
    let (first, second) = join!(app.sync(&integration), async {
        list.reached().await;
        let (start, end) = half_an_hour_from(TEN);
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, EventSpec::new("Dentist", start, end));
        let second = app.sync(&integration).await;
        list.open();
        second
    });
    assert_eq!(second.expect(200)["outcome"], "taken");
    assert_eq!(first.expect(200)["outcome"], "done");
    // It was asked for after the first had read: it is due now, not at the next poll.
    app.tick().await;
    app.pass(TimeDelta::seconds(31));
    assert!(!app.is_offered("intro", TEN).await);
}

#[tokio::test]
async fn a_pull_that_a_disconnect_overtakes_leaves_nothing_behind() {
    let (app, integration) = connected().await;
    let mut list = gate(&app, "events.list", When::After);
    let (pulled, disconnected) = join!(app.sync(&integration), async {
        list.reached().await;
        let (start, end) = half_an_hour_from(TEN);
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, EventSpec::new("Dentist", start, end));
        let disconnected = app.disconnect(&integration).await;
        list.open();
        disconnected
    });
    assert_eq!(disconnected.expect(200)["status"], "disconnected");
    assert_eq!(pulled.expect(200)["outcome"], "superseded");
    assert_eq!(app.leftovers(&integration).await, Vec::<String>::new());
    assert!(!app.google().is_connected(ADA_ACCOUNT));
    assert!(app.is_offered("intro", "2026-11-24T09:30:00Z").await, "the stand-up blocks no more");
    app.tick_for(3).await;
    assert_eq!(app.integration(&integration).await["status"], "disconnected");
    assert_eq!(app.leftovers(&integration).await, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_offered_before_the_first_pull_is_done() {
    let app = TestApp::without_stream().await;
    assert!(app.is_offered("intro", TEN).await);
    let (url, cookie) = app.begin_connect(ADA).await;
    assert!(app.is_offered("intro", TEN).await, "an account that may never come does not block");
    let location = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    let mut list = gate(&app, "events.list", When::Before);
    let (arrived, ()) = join!(app.come_back(location.as_str(), &cookie), async {
        list.reached().await;
        assert_eq!(reason(&app).await, "calendar-unavailable");
        app.hold("intro", TEN).await.expect_problem(503, "calendar-unavailable");
        list.open();
    });
    arrived.expect(200);
    app.pass(REMEMBERED);
    assert!(app.is_offered("intro", TEN).await);
    assert!(!app.is_offered("intro", "2026-11-24T09:30:00Z").await, "the stand-up");
}

#[tokio::test]
async fn a_first_pull_that_fails_is_made_up_for_by_a_tick() {
    let app = TestApp::without_stream().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let location = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    app.google().faults.next("events.list", errors::not_found());
    app.come_back(location.as_str(), &cookie).await.expect(200);
    assert_eq!(reason(&app).await, "calendar-unavailable");
    app.tick_for(1).await;
    assert_eq!(app.integrations(ADA).await[0]["status"], "connected");
    assert!(app.is_offered("intro", TEN).await);
}

#[tokio::test]
async fn settings_changed_while_a_pull_is_at_work_make_it_void() {
    let (app, integration) = connected().await;
    let school_run = "2026-11-27T16:30:00Z";
    assert!(app.is_offered("intro", school_run).await, "the family calendar does not block yet");
    let mut list = gate(&app, "events.list", When::After);
    let (pulled, changed) = join!(app.sync(&integration), async {
        list.reached().await;
        let changed =
            app.set_integration(&integration, &json!({ "conflict_calendars": [ADA_ACCOUNT, FAMILY] })).await;
        list.open();
        changed
    });
    changed.expect(200);
    assert_eq!(pulled.expect(200)["outcome"], "superseded");
    assert_eq!(reason(&app).await, "calendar-unavailable");
    app.tick_for(1).await;
    assert!(app.is_offered("intro", TEN).await);
    assert!(!app.is_offered("intro", school_run).await);
}

#[tokio::test]
async fn settings_written_after_one_pull_and_beside_another_make_the_second_void() {
    let (app, integration) = connected().await;
    let school_run = "2026-11-27T16:30:00Z";
    let settings = json!({ "conflict_calendars": [ADA_ACCOUNT, FAMILY] });
    let mut write = app.local.dynamodb.faults.gate("TransactWriteItems", When::Before);
    let (changed, pulled) = join!(app.set_integration(&integration, &settings), async {
        write.reached().await;
        // What the settings were decided from is history: the first pull has raised the version.
        assert_eq!(app.sync(&integration).await.expect(200)["outcome"], "done");
        let mut list = gate(&app, "events.list", When::After);
        let (pulled, ()) = join!(app.sync(&integration), async {
            list.reached().await;
            write.open();
            while app.integration(&integration).await["conflict_calendars"] != settings["conflict_calendars"]
            {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            list.open();
        });
        pulled
    });
    changed.expect(200);
    assert_eq!(pulled.expect(200)["outcome"], "superseded");
    app.tick_for(1).await;
    assert!(!app.is_offered("intro", school_run).await);
}

#[tokio::test]
async fn settings_changed_within_the_second_of_the_first_pull_make_it_void() {
    let app = TestApp::without_stream().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let location = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    let mut list = gate(&app, "events.list", When::After);
    // Both make it due at the same instant: only the version tells that what was read is of other calendars.
    let (arrived, changed) = join!(app.come_back(location.as_str(), &cookie), async {
        list.reached().await;
        let integration = app.integrations(ADA).await[0]["id"].as_str().unwrap().to_owned();
        let settings = json!({ "conflict_calendars": [ADA_ACCOUNT, FAMILY] });
        let changed = app.set_integration(&integration, &settings).await;
        list.open();
        changed
    });
    arrived.expect(200);
    changed.expect(200);
    assert_eq!(reason(&app).await, "calendar-unavailable");
    app.tick_for(1).await;
    assert!(!app.is_offered("intro", "2026-11-27T16:30:00Z").await, "the school run");
    assert!(app.is_offered("intro", TEN).await);
}

#[tokio::test]
async fn a_pull_that_meets_an_event_being_inserted_leaves_it() {
    let (app, integration) = connected().await;
    let token = hold(&app, TEN).await;
    let mut insert = gate(&app, "events.insert", When::After);
    let (confirmed, pulled) = join!(app.confirm(&token), async {
        insert.reached().await;
        assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 1);
        let pulled = app.sync(&integration).await;
        insert.open();
        pulled
    });
    assert_eq!(pulled.expect(200)["outcome"], "done");
    assert_eq!(pulled.body["removed_events"], 0);
    assert_eq!(confirmed.expect(201)["calendar_sync"], "synced");
    agree(&app, 1).await;
    app.tick_for(3).await;
    agree(&app, 1).await;
}

#[tokio::test]
async fn a_pull_that_meets_an_event_made_again_and_not_yet_recorded_leaves_it() {
    let (app, integration) = connected().await;
    let booking = unpushed(&app, TEN).await;
    push_that_dies(&app, &booking, 0, Death::Unheard).await;
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &only_event(&app));
    push_that_dies(&app, &booking, 1, Death::Unheard).await;
    let second = only_event(&app);
    assert_eq!(app.sync(&integration).await.expect(200)["removed_events"], 0);
    assert_eq!(only_event(&app), second);
    // One push to record it, and one to look for what the worker that died may have left.
    app.tick_for(1).await;
    assert_eq!(
        app.booking_record(booking["id"].as_str().unwrap()).await.event().map(|link| &*link.event.event),
        Some(&*second)
    );
    app.tick_for(1).await;
    agree(&app, 1).await;
    assert_eq!(only_event(&app), second);
}

#[tokio::test]
async fn an_event_of_no_known_booking_blocks_and_a_second_one_of_a_booking_is_removed() {
    let (app, integration) = connected().await;
    let booking = booked(&app, TEN).await;
    let live: BookingId = booking["id"].as_str().unwrap().parse().unwrap();
    let nobody: BookingId = "bkg_0123456789abcdefghijklmn".parse().unwrap();
    let token = hold(&app, THREE).await;
    let add = |of: &BookingId, generation| {
        let mut orphan = marked(&integration, of.as_str(), THREE);
        orphan.id = Some(tests::google_event_id(of.as_str(), ADA, generation));
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, orphan);
    };
    add(&nobody, 0);
    // It is seen before any pull, too.
    app.pass(TimeDelta::minutes(3));
    app.confirm(&token).await.expect_problem(409, "slot-taken");
    add(&live, 3);
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 3);
    let pulled = app.sync(&integration).await;
    assert_eq!(pulled.expect(200)["removed_events"], 1);
    let left = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    let of_nobody = left.iter().find(|event| event.to_string().contains(nobody.as_str())).unwrap();
    assert!(!app.is_offered("intro", THREE).await, "another deployment may have written it");
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, of_nobody["id"].as_str().unwrap());
    // The hold has ended by then.
    app.pass(TimeDelta::minutes(3));
    app.sync(&integration).await.expect(200);
    agree(&app, 1).await;
    assert!(app.is_offered("intro", THREE).await);
}

#[tokio::test]
async fn a_copy_of_our_event_is_somebodys_own_it_blocks_and_stays() {
    let (app, integration) = connected().await;
    let booking = booked(&app, TEN).await;
    assert!(app.is_offered("intro", THREE).await);
    let copy = marked(&integration, booking["id"].as_str().unwrap(), THREE);
    let copy = app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, copy);
    let pulled = app.sync(&integration).await;
    assert_eq!(pulled.expect(200)["removed_events"], 0);
    assert!(!app.is_offered("intro", THREE).await);
    app.cancel(&booking).await.expect(200);
    app.sync(&integration).await.expect(200);
    let left = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    assert_eq!(left.iter().map(|event| &event["id"]).collect::<Vec<_>>(), [&copy]);
    assert!(app.is_offered("intro", TEN).await);
    assert!(!app.is_offered("intro", THREE).await);
}

#[tokio::test]
async fn an_event_of_ours_that_somebody_has_moved_blocks_where_it_stands() {
    let (app, integration) = connected().await;
    let booking = booked(&app, TEN).await;
    let event = booking["calendar_event"]["event"].as_str().unwrap();
    let (start, end) = half_an_hour_from(THREE);
    assert!(app.is_offered("intro", THREE).await);
    app.google().move_event(ADA_ACCOUNT, ADA_ACCOUNT, event, start, end);
    let pulled = app.sync(&integration).await;
    assert_eq!(pulled.expect(200)["removed_events"], 0);
    assert!(!app.is_offered("intro", THREE).await, "where it stands");
    assert!(!app.is_offered("intro", TEN).await, "where it was booked");
    // It is still the booking's event.
    app.cancel(&booking).await.expect(200);
    app.sync(&integration).await.expect(200);
    agree(&app, 0).await;
    assert!(app.is_offered("intro", THREE).await && app.is_offered("intro", TEN).await);
}

#[tokio::test]
async fn a_moved_event_of_ours_blocks_before_any_pull_has_seen_it() {
    let (app, _) = connected().await;
    let booking = booked(&app, TEN).await;
    let event = booking["calendar_event"]["event"].as_str().unwrap();
    let token = hold(&app, THREE).await;
    let (start, end) = half_an_hour_from(THREE);
    app.google().move_event(ADA_ACCOUNT, ADA_ACCOUNT, event, start, end);
    // The last read is no longer fresh: the confirmation asks the calendar.
    app.pass(TimeDelta::minutes(3));
    app.confirm(&token).await.expect_problem(409, "slot-taken");
}

#[tokio::test]
async fn an_event_of_ours_that_waits_to_follow_its_booking_takes_no_time_of_its_own() {
    let (app, integration) = connected().await;
    let booking = booked(&app, TEN).await;
    app.google().faults.always("events.patch", errors::backend_error(503));
    app.google().faults.always("events.update", errors::backend_error(503));
    assert_eq!(app.reschedule(&booking, THREE).await.expect(200)["calendar_sync"], "pending");
    // A pull sees the event where we have left it, and nobody's busy time.
    assert_eq!(app.sync(&integration).await.expect(200)["removed_events"], 0);
    assert!(app.is_offered("intro", TEN).await && !app.is_offered("intro", THREE).await);
    // A reading that is not fresh makes whoever books ask the calendar, which shows the same.
    app.pass(TimeDelta::minutes(3));
    app.reschedule(&booking, TEN).await.expect(200);
    app.reschedule(&booking, THREE).await.expect(200);
    app.pass(TimeDelta::minutes(3));
    let other = app.book_slot("intro", TEN).await.expect(201).clone();
    // Somebody who moves it meanwhile is seen.
    let event = booking["calendar_event"]["event"].as_str().unwrap();
    let two = "2026-11-25T14:00:00Z";
    let (start, end) = half_an_hour_from(two);
    app.google().move_event(ADA_ACCOUNT, ADA_ACCOUNT, event, start, end);
    app.pass(TimeDelta::minutes(3));
    app.book_slot("intro", two).await.expect_problem(409, "slot-taken");
    app.sync(&integration).await.expect(200);
    assert!(!app.is_offered("intro", two).await);
    app.google().faults.clear();
    app.cancel(&other).await.expect(200);
}

// A provider that does not answer well.

#[tokio::test]
async fn a_push_that_google_refuses_is_done_by_a_later_tick() {
    let refusals = [errors::backend_error(500), errors::backend_error(503), Fault::CutBefore];
    for refusal in refusals {
        let (app, _) = connected().await;
        app.google().faults.always("events.insert", refusal);
        let booking = booked(&app, TEN).await;
        assert_eq!((&booking["status"], &booking["calendar_sync"]), (&json!("confirmed"), &json!("pending")));
        assert_eq!(booking["calendar_event"], Value::Null);
        app.google().faults.clear();
        app.tick_for(2).await;
        agree(&app, 1).await;
    }
}

#[tokio::test]
async fn a_removal_that_google_refuses_is_done_by_a_later_tick() {
    let (app, _) = connected().await;
    let booking = booked(&app, TEN).await;
    app.google().faults.always("events.delete", errors::backend_error(503));
    let cancelled = app.cancel(&booking).await;
    assert_eq!(cancelled.expect(200)["calendar_sync"], "pending");
    assert!(app.is_offered("intro", TEN).await, "the time is free at once");
    app.google().faults.clear();
    app.tick_for(2).await;
    agree(&app, 0).await;
}

#[tokio::test]
async fn google_is_left_alone_for_as_long_as_it_asks() {
    let (app, _) = connected().await;
    google_calls(&app);
    app.google().faults.next("events.insert", errors::too_many_429(std::time::Duration::from_secs(200)));
    let booking = booked(&app, TEN).await;
    assert_eq!(booking["calendar_sync"], "pending");
    assert_eq!(google_calls(&app), ["events.insert"]);
    app.tick_for(3).await;
    assert!(!google_calls(&app).contains(&"events.insert".to_owned()));
    app.tick_for(1).await;
    agree(&app, 1).await;
}

#[tokio::test]
async fn an_insert_whose_answer_was_lost_is_found_and_not_repeated() {
    let (app, _) = connected().await;
    google_calls(&app);
    app.google().faults.next("events.insert", Fault::CutAfter);
    assert_eq!(booked(&app, TEN).await["calendar_sync"], "synced");
    assert_eq!(google_calls(&app), ["events.insert", "events.insert", "events.get"]);
    agree(&app, 1).await;
}

/// The last error of a call does not say what its first try has done.
#[tokio::test]
async fn an_insert_that_is_throttled_after_its_first_try_arrived_is_removed_with_its_booking() {
    let wait = std::time::Duration::from_secs(200);
    for then in [errors::too_many_429(wait), errors::rate_limited_403()] {
        let (app, _) = connected().await;
        let mut tries = 0;
        app.google().faults.plan(move |call| {
            tries += i32::from(call.op == "events.insert");
            match (call.op.as_str(), tries) {
                ("events.insert", 1) => Some(Fault::CutAfter),
                ("events.insert", _) => Some(then.clone()),
                _ => None,
            }
        });
        let booking = booked(&app, TEN).await;
        assert_eq!(booking["calendar_sync"], "pending");
        only_event(&app);
        app.google().faults.clear();
        let cancelled = app.cancel(&booking).await;
        assert_ne!(cancelled.expect(200)["calendar_sync"], "off", "an event stands, or was removed");
        assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 0);
        app.tick_for(2).await;
        agree(&app, 0).await;
    }
}

#[tokio::test]
async fn a_push_that_takes_too_long_does_not_keep_the_guest_waiting() {
    let (app, _) = connected().await;
    let _insert = gate(&app, "events.insert", When::After);
    let began = tokio::time::Instant::now();
    let booking = booked(&app, TEN).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(4));
    assert_eq!(booking["calendar_sync"], "pending");
    app.tick_for(2).await;
    agree(&app, 1).await;
}

// The grant.

#[tokio::test]
async fn a_withdrawn_grant_parks_pushes_and_stops_confirmations_until_the_host_connects_again() {
    let (app, integration) = connected().await;
    let (first, second) = (hold(&app, TEN).await, hold(&app, THREE).await);
    app.google().revoke_grants(ADA_ACCOUNT);

    // The calendar has just been read: the booking is made, its event has to wait.
    let parked = app.confirm(&first).await;
    assert_eq!(parked.expect(201)["calendar_sync"], "pending");
    assert_eq!(app.integration(&integration).await["status"], "needs_reauth");
    assert!(!app.is_offered("intro", "2026-11-24T09:30:00Z").await, "a dead calendar is not a free one");

    // Later nobody can say whether the time is still free: the hold is kept.
    app.tick_for(3).await;
    app.confirm(&second).await.expect_problem(503, "calendar-unavailable");
    assert!(!app.is_offered("intro", THREE).await);

    assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, integration, "the same integration");
    assert_eq!(app.integrations(ADA).await.len(), 1);
    assert_eq!(app.confirm(&second).await.expect(201)["calendar_sync"], "synced");
    app.pass(TimeDelta::minutes(58));
    app.tick_for(2).await;
    agree(&app, 2).await;
}

#[tokio::test]
async fn when_no_read_can_be_believed_any_more_nothing_is_offered() {
    let (app, integration) = connected().await;
    app.google().revoke_grants(ADA_ACCOUNT);
    app.sync(&integration).await;
    assert_eq!(app.integration(&integration).await["status"], "needs_reauth");
    app.pass(TimeDelta::minutes(59));
    assert!(app.is_offered("intro", TEN).await);
    app.pass(TimeDelta::minutes(2));
    assert_eq!(reason(&app).await, "calendar-unavailable");
    assert_eq!(app.sync(&integration).await.expect(200)["outcome"], "incomplete");
    assert_eq!(app.integration(&integration).await["status"], "needs_reauth");
}

#[tokio::test]
async fn fifty_callers_refresh_an_old_token_once() {
    // Ending in four minutes, and ended.
    for minutes in [56, 61] {
        let (app, integration) = connected().await;
        app.pass(TimeDelta::minutes(minutes));
        google_calls(&app);
        let answers = join_all((0..50).map(|_| app.calendars(&integration))).await;
        for answer in answers {
            answer.expect(200);
        }
        let refreshes = google_calls(&app).into_iter().filter(|op| op == "token").count();
        assert_eq!(refreshes, 1, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn a_refresh_whose_answer_is_lost_costs_nothing_while_the_old_token_lasts() {
    let (app, integration) = connected().await;
    app.pass(TimeDelta::minutes(56));
    app.google().faults.next("token", Fault::CutAfter);
    app.calendars(&integration).await.expect(200);
    google_calls(&app);
    app.calendars(&integration).await.expect(200);
    assert_eq!(google_calls(&app), ["token", "calendarList.list"]);
}

#[tokio::test]
async fn a_refresh_whose_answer_is_lost_is_asked_for_again_by_the_next_caller() {
    let (app, integration) = connected().await;
    app.pass(TimeDelta::minutes(61));
    app.google().faults.next("token", Fault::CutAfter);
    app.calendars(&integration).await.expect_problem(502, "calendar-error");
    assert_eq!(app.integration(&integration).await["status"], "connected");
    app.calendars(&integration).await.expect(200);
}

#[tokio::test]
async fn a_refresh_that_google_refuses_for_good_is_for_the_host_to_mend() {
    let (app, integration) = connected().await;
    app.google().revoke_grants(ADA_ACCOUNT);
    app.pass(TimeDelta::minutes(61));
    google_calls(&app);
    app.calendars(&integration).await.expect_problem(502, "calendar-error");
    assert_eq!(app.integration(&integration).await["status"], "needs_reauth");
    assert_eq!(google_calls(&app), ["token"]);
    // Nobody asks again before the host has done something.
    app.calendars(&integration).await.expect_problem(409, "not-connected");
    app.tick_for(5).await;
    assert_eq!(google_calls(&app), <[&str; 0]>::default());
}

#[tokio::test]
async fn a_token_that_ends_early_is_refreshed_when_google_says_so() {
    let (app, _) = connected().await;
    app.google().expire_access_tokens();
    google_calls(&app);
    assert_eq!(booked(&app, TEN).await["calendar_sync"], "synced");
    assert_eq!(google_calls(&app), ["events.insert", "token", "events.insert"]);
    agree(&app, 1).await;
}

// Disconnect.

#[tokio::test]
async fn a_disconnect_takes_our_events_to_come_along_and_leaves_the_others() {
    let (app, integration) = connected().await;
    booked(&app, TEN).await;
    booked(&app, THREE).await;
    let all = app.google().events(ADA_ACCOUNT, ADA_ACCOUNT).len();
    // The first one has taken place.
    app.pass(at("2026-11-24T12:00:00Z") - at(BEGINNING));
    assert_eq!(app.disconnect(&integration).await.expect(200)["status"], "disconnected");
    assert_eq!(app.google().events(ADA_ACCOUNT, ADA_ACCOUNT).len(), all - 1);
    let left = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    assert_eq!(left.iter().map(|event| &event["start"]["dateTime"]).collect::<Vec<_>>(), [TEN]);
    assert_eq!(app.leftovers(&integration).await, Vec::<String>::new());
    assert!(!app.google().is_connected(ADA_ACCOUNT));
    assert!(app.is_offered("intro", "2026-11-25T09:30:00Z").await, "the stand-up blocks no more");
    assert!(!app.is_offered("intro", THREE).await, "the booking does");
}

#[tokio::test]
async fn a_disconnect_works_when_google_refuses_everything() {
    for refusal in [errors::forbidden(), errors::backend_error(503), Fault::CutBefore] {
        let (app, integration) = connected().await;
        booked(&app, TEN).await;
        app.google().faults.plan(move |_| Some(refusal.clone()));
        assert_eq!(app.disconnect(&integration).await.expect(200)["status"], "disconnected");
        assert_eq!(app.leftovers(&integration).await, ["access", "refresh"], "no busy time");
        assert!(app.is_offered("intro", "2026-11-24T09:30:00Z").await, "the stand-up blocks no more");
        // It is tried for a day.
        app.tick_for(3).await;
        app.pass(TimeDelta::hours(24));
        app.tick_for(2).await;
        assert_eq!(app.leftovers(&integration).await, Vec::<String>::new());
        google_calls(&app);
        app.tick_for(3).await;
        assert_eq!(google_calls(&app), <[&str; 0]>::default(), "it is over");
    }
}

#[tokio::test]
async fn a_disconnect_long_after_the_last_read_still_takes_our_events_along() {
    let (app, integration) = connected().await;
    booked(&app, TEN).await;
    app.set_integration(&integration, &json!({ "enabled": false })).await.expect(200);
    // The access token has ended long since.
    app.pass(TimeDelta::hours(3));
    assert_eq!(app.disconnect(&integration).await.expect(200)["status"], "disconnected");
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), Vec::<Value>::new());
    assert_eq!(app.leftovers(&integration).await, Vec::<String>::new());
    assert!(!app.google().is_connected(ADA_ACCOUNT));
}

#[tokio::test]
async fn connecting_an_account_again_renews_its_integration() {
    let (app, integration) = connected().await;
    // While it lives, and after its end.
    assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, integration);
    assert_eq!(app.integrations(ADA).await.len(), 1);
    app.disconnect(&integration).await.expect(200);
    assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, integration);
    assert_eq!(app.integrations(ADA).await.len(), 1);
    assert!(!app.is_offered("intro", "2026-11-24T09:30:00Z").await, "the stand-up blocks again");
    assert_eq!(booked(&app, TEN).await["calendar_sync"], "synced");
    agree(&app, 1).await;
}
