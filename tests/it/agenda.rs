//! Agenda entries: they are read strongly, each is pushed by itself, and a push that was overtaken loses nothing, at a
//! provider that takes our names of events and at one that gives its own.

use chrono::{DateTime, TimeDelta, Utc};
use fakes::google::errors;
use fakes::{Fault, When};
use holdfast::App;
use holdfast::domain::{
    AgendaEntry, BookingId, BookingRecord, BookingStatus, CalendarRef, CalendarSync, EntryKey, EventRef,
    Guest, HostId, Leftover, Scope, Span, Tenant, Tick,
};
use holdfast::flows::{BookRequest, NewTime, SlotRequest, Wanted, book, push, reschedule, transition};
use reqwest::Method;
use serde_json::json;
use tests::{ADA, ADA_ACCOUNT, Answer, Callee, Death, Point, TENANT, TestApp, guest};

use super::own_names::{Names, at};

const TEN: &str = "2026-11-24T10:00:00Z";
const THREE: &str = "2026-11-25T15:00:00Z";

async fn connected() -> TestApp {
    let app = TestApp::without_stream().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    app
}

fn admin() -> Scope {
    Scope::Tenant(tenant())
}

fn tenant() -> Tenant {
    TENANT.parse().unwrap()
}

fn ada() -> HostId {
    ADA.parse().unwrap()
}

fn tick(instant: &str) -> Tick {
    Tick::exact(instant.parse().unwrap()).unwrap()
}

fn request(start: &str) -> BookRequest {
    let guest: Guest = serde_json::from_value(guest()).unwrap();
    let slot = SlotRequest { event_type: "intro".parse().unwrap(), start: tick(start), length: None };
    let wanted = Wanted::Slot(slot);
    BookRequest { wanted, guest, answers: None, notes: None, metadata: None, sync_to_calendar: true }
}

async fn booked_by(process: App) -> BookingRecord {
    book(&process, &Scope::Public(tenant()), &request(TEN), None).await.unwrap().record
}

/// The only booking with its entries.
async fn record(app: &TestApp) -> BookingRecord {
    let mut all = app.bookings().await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Ada's agenda of the days of the tests.
async fn agenda(app: &TestApp) -> Vec<AgendaEntry> {
    let window = Span::new(tick("2026-11-24T00:00:00Z"), tick("2026-11-28T00:00:00Z"));
    app.app().store.agenda(&app.tenant(), &ada(), window).await.unwrap()
}

/// Pushes as the queue would, minute after minute, until nothing is due any more.
async fn push_until_done(app: &TestApp, names: Names) {
    for _ in 0..6 {
        app.pass(TimeDelta::minutes(1));
        let key = record(app).await.entries[0].key();
        push(&at(names, app.process()), &key).await.unwrap();
    }
    assert_eq!(record(app).await.entries[0].due_at, None);
}

/// The times of our events in Ada's calendar.
fn events(app: &TestApp) -> Vec<String> {
    let start = |event: serde_json::Value| event["start"]["dateTime"].as_str().unwrap().to_owned();
    app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).into_iter().map(start).collect()
}

#[tokio::test]
async fn a_booking_made_a_moment_ago_is_in_its_hosts_agenda_and_moves_with_it() {
    let app = connected().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let id: BookingId = booking["id"].as_str().unwrap().parse().unwrap();
    let found = agenda(&app).await;
    assert_eq!(
        found.iter().map(|entry| (&entry.booking, entry.start)).collect::<Vec<_>>(),
        [(&id, tick(TEN))]
    );
    app.reschedule(&booking, THREE).await.expect(200);
    let found = agenda(&app).await;
    assert_eq!(
        found.iter().map(|entry| (&entry.booking, entry.start)).collect::<Vec<_>>(),
        [(&id, tick(THREE))]
    );
    app.cancel_as_admin(&id).await.expect(200);
    let found = agenda(&app).await;
    assert_eq!(found.iter().map(|entry| entry.status).collect::<Vec<_>>(), [BookingStatus::Cancelled]);
}

#[tokio::test]
async fn a_list_reads_an_entry_that_moved_meanwhile_again() {
    let app = connected().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    // A reader stands between the bookings and their entries while one of them moves.
    let mut entries = app.local.dynamodb.faults.gate("BatchGetItem", When::Before);
    let (listed, ()) = futures::join!(app.admin(Method::GET, "/v1/bookings", None), async {
        entries.reached().await;
        let to = NewTime { start: tick(THREE), length: None };
        let id = booking["id"].as_str().unwrap().parse().unwrap();
        reschedule(&app.process(), &admin(), &id, to, None).await.unwrap();
        entries.open();
    });
    let listed = &listed.expect(200)["bookings"][0];
    let start: DateTime<Utc> = listed["start"].as_str().unwrap().parse().unwrap();
    assert_eq!((&listed["calendar_sync"], tick(THREE)), (&json!("synced"), Tick::exact(start).unwrap()));
}

#[tokio::test]
async fn a_booking_that_is_changed_between_two_reads_is_told_in_one_version() {
    for (gated, when, path) in [
        ("GetItem", When::After, "/v1/bookings/"),
        ("BatchGetItem", When::Before, "/v1/bookings?from=2026-11-24T00:00:00Z"),
    ] {
        let app = connected().await;
        let booking = app.book_slot("intro", TEN).await.expect(201).clone();
        let of_booking = format!("/v1/bookings/{}", booking["id"].as_str().unwrap());
        let path = if path.ends_with('/') { of_booking.as_str() } else { path };
        // A note raises the version, and neither time nor status say so.
        let mut read = app.local.dynamodb.faults.gate(gated, when);
        let (found, ()) = futures::join!(app.admin(Method::GET, path, None), async {
            read.reached().await;
            app.admin(Method::PATCH, &of_booking, Some(&json!({ "notes": "door 2" }))).await.expect(200);
            read.open();
        });
        let found = found.expect(200);
        let found = found["bookings"].get(0).unwrap_or(found);
        let told = (&found["version"], &found["notes"], &found["calendar_sync"]);
        assert_eq!(told, (&json!(2), &json!("door 2"), &json!("synced")), "{path}");
    }
}

#[tokio::test]
async fn the_event_of_a_booking_that_is_over_stays_as_it_is() {
    let app = connected().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    let path = format!("/v1/bookings/{id}");
    let before = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    app.pass(tick("2026-11-24T10:35:00Z").instant() - app.now());
    app.google().faults.take_calls();
    let synced = |answer: Answer, what: &str| {
        assert_eq!(answer.expect(200)["calendar_sync"], "synced", "{what}");
        assert_eq!(app.google().faults.take_calls().len(), 0, "{what}");
    };
    synced(app.step(id, "complete", None).await, "complete");
    synced(app.step(id, "no-show", None).await, "no-show");
    synced(app.admin(Method::PATCH, &path, Some(&json!({ "notes": "left early" }))).await, "a note");
    synced(app.step(id, "sync", None).await, "sync");
    let erase = json!({ "email": booking["guest"]["email"] });
    app.admin(Method::POST, "/v1/guests/erase", Some(&erase)).await.expect(202);
    assert!(record(&app).await.booking.is_erased());
    synced(app.step(id, "sync", None).await, "sync of a booking whose guest was erased");
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), before);
}

#[tokio::test]
async fn an_event_that_could_not_be_shown_while_its_booking_lasted_is_not_shown_afterwards() {
    let app = connected().await;
    app.google().faults.always("events.insert", Fault::json(503, &json!({})));
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    app.pass(tick("2026-11-24T10:35:00Z").instant() - app.now());
    app.tick_for(3).await;
    app.google().faults.clear();
    let erase = json!({ "email": booking["guest"]["email"] });
    app.admin(Method::POST, "/v1/guests/erase", Some(&erase)).await.expect(202);
    app.step(id, "sync", None).await.expect(200);
    app.tick_for(3).await;
    assert_eq!(events(&app), <[&str; 0]>::default(), "nobody is told of a guest who was erased");
    assert_eq!(record(&app).await.entries[0].due_at, None);
    assert_eq!(app.broken().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_booking_that_is_over_gets_no_new_event_and_keeps_one_that_has_arrived() {
    for (insert, arrives) in [(errors::backend_error(503), false), (Fault::CutAfter, true)] {
        let app = connected().await;
        app.google().faults.always("events.insert", insert);
        app.google().faults.always("events.get", errors::backend_error(503));
        let booking = app.book_slot("intro", TEN).await.expect(201).clone();
        app.pass(tick("2026-11-24T10:35:00Z").instant() - app.now());
        app.tick_for(3).await;
        app.google().faults.clear();
        app.google().faults.take_calls();
        app.step(booking["id"].as_str().unwrap(), "complete", None).await.expect(200);
        app.tick_for(3).await;
        let inserts = app.google().faults.take_calls().into_iter().filter(|call| call.op == "events.insert");
        assert_eq!(inserts.count(), 0, "{arrives}");
        let wanted = if arrives { (1, CalendarSync::Synced) } else { (0, CalendarSync::Off) };
        assert_eq!((events(&app).len(), record(&app).await.calendar_sync()), wanted);
        assert_eq!(record(&app).await.entries[0].due_at, None);
    }
}

#[tokio::test]
async fn events_of_a_calendar_that_is_not_shown_for_a_while_are_not_taken_for_deleted() {
    let app = connected().await;
    let kept = app.book_slot("intro", THREE).await.expect(201).clone();
    let event_of_kept = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT)[0]["id"].clone();
    let ended = app.book_slot("intro", TEN).await.expect(201).clone();
    let shown = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    assert_eq!(shown.len(), 2);
    for op in ["events.insert", "events.patch", "events.get", "events.delete"] {
        app.google().faults.always(op, errors::not_found());
    }
    app.google().faults.always("calendarList.get", errors::not_found());
    assert_eq!(app.cancel(&ended).await.expect(200)["calendar_sync"], "pending");
    let kept = format!("/v1/bookings/{}", kept["id"].as_str().unwrap());
    let noted = app.admin(Method::PATCH, &kept, Some(&json!({ "notes": "door 2" }))).await;
    assert_eq!(noted.expect(200)["calendar_sync"], "pending");
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), shown);

    app.google().faults.clear();
    app.tick_for(70).await;
    let left = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    let ids = |events: &[serde_json::Value]| -> Vec<_> { events.iter().map(|of| of["id"].clone()).collect() };
    assert_eq!(ids(&left), [event_of_kept], "one is gone, and no second one was made of the other");
    let told = app.admin(Method::GET, "/v1/bookings", None).await;
    let told = told.expect(200)["bookings"].as_array().unwrap().clone();
    assert_eq!(told.iter().map(|of| &of["calendar_sync"]).collect::<Vec<_>>(), ["synced", "synced"]);
}

#[tokio::test]
async fn a_parked_push_does_not_delay_an_answers_deadline() {
    let app = connected().await;
    let asked = json!({
        "slug": "asked", "hosts": [ADA], "title": "Asked", "lengths": [30], "interval": 30, "window_days": 60,
        "active": true, "needs_confirmation": true, "confirm_within": 30,
    });
    let asked = serde_json::from_value(asked).unwrap();
    app.app().store.put_event_type(&app.tenant(), &asked).await.unwrap();
    app.book_slot("asked", TEN).await.expect(201);
    // An event of it is to be removed, and the host would have to connect again first.
    let before = record(&app).await;
    let entry = &before.entries[0];
    let integration = app.integrations(ADA).await[0]["id"].as_str().unwrap().parse().unwrap();
    let event = EventRef {
        at: CalendarRef { integration, calendar: ADA_ACCOUNT.to_owned() },
        event: "x1".to_owned(),
    };
    let parked = Some(app.now() + TimeDelta::hours(5));
    let after =
        AgendaEntry { due_at: parked, leftovers: vec![Leftover { event, etag: None }], ..entry.clone() };
    app.app().store.change_entry(entry, after).await.unwrap();
    app.tick_for(29).await;
    assert_eq!(record(&app).await.booking.status, BookingStatus::Pending);
    app.tick_for(3).await;
    let after = record(&app).await;
    assert_eq!(after.booking.status, BookingStatus::Declined);
    assert!(
        !after.entries[0].leftovers.is_empty() || after.entries[0].due_at.is_none(),
        "nothing is forgotten"
    );
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_while_the_guest_cancels_leaves_no_event() {
    for names in [Names::Ours, Names::Theirs] {
        for death in Death::ALL {
            let app = connected().await;
            let point = Point { callee: Callee::Google, op: "events.insert".to_owned(), nth: 0 };
            let crashed = app.crash(&point, death, move |process| booked_by(at(names, process))).await;
            let before = record(&app).await;
            assert_eq!(before.entries[0].attempts.len(), 1, "{names:?} {death:?}");
            let process = at(names, app.process());
            let id = before.booking.id.clone();
            transition(&process, &admin(), &id, BookingStatus::Cancelled, None).await.unwrap();
            let overtaken = record(&app).await;
            assert!(overtaken.entries[0].due_at.is_some(), "{names:?} {death:?}: it stays due");
            assert_eq!(overtaken.calendar_sync(), CalendarSync::Pending, "{names:?} {death:?}");
            crashed.arrive();
            push_until_done(&app, names).await;
            assert_eq!(events(&app), <[&str; 0]>::default(), "{names:?} {death:?}");
            let after = record(&app).await;
            assert_eq!(after.calendar_sync(), CalendarSync::Synced, "{names:?} {death:?}");
            assert_eq!(app.broken().await, Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_while_the_booking_moves_leaves_one_event_at_the_new_time() {
    for names in [Names::Ours, Names::Theirs] {
        for death in Death::ALL {
            let app = connected().await;
            let point = Point { callee: Callee::Google, op: "events.insert".to_owned(), nth: 0 };
            let crashed = app.crash(&point, death, move |process| booked_by(at(names, process))).await;
            let process = at(names, app.process());
            let (id, to) = (record(&app).await.booking.id, NewTime { start: tick(THREE), length: None });
            reschedule(&process, &admin(), &id, to, None).await.unwrap();
            let overtaken = record(&app).await;
            assert!(overtaken.entries[0].due_at.is_some(), "{names:?} {death:?}: it stays due");
            assert!(
                !overtaken.entries[0].attempts.is_empty(),
                "{names:?} {death:?}: nor is the attempt forgotten"
            );
            crashed.arrive();
            push_until_done(&app, names).await;
            let found = events(&app);
            assert_eq!(found.len(), 1, "{names:?} {death:?}: {found:?}");
            assert_eq!(tick(&found[0]), tick(THREE), "{names:?} {death:?}");
            assert_eq!(record(&app).await.calendar_sync(), CalendarSync::Synced, "{names:?} {death:?}");
        }
    }
}

#[tokio::test]
async fn a_push_that_a_move_or_a_cancel_overtakes_at_work_brings_about_what_is_wanted_now() {
    for names in [Names::Ours, Names::Theirs] {
        for when in [When::Before, When::After] {
            for to in [Some(NewTime { start: tick(THREE), length: None }), None] {
                let app = connected().await;
                let mut insert = app.google().faults.gate("events.insert", when);
                let (made, ()) = futures::join!(booked_by(at(names, app.process())), async {
                    insert.reached().await;
                    let (process, id) = (at(names, app.process()), record(&app).await.booking.id);
                    match to {
                        Some(to) => drop(reschedule(&process, &admin(), &id, to, None).await.unwrap()),
                        None => drop(
                            transition(&process, &admin(), &id, BookingStatus::Cancelled, None)
                                .await
                                .unwrap(),
                        ),
                    }
                    insert.open();
                });
                let wanted = usize::from(to.is_some());
                assert_eq!(events(&app).len(), wanted, "{names:?} {when:?} {to:?}");
                let name = made.event().map(|link| link.event.event.clone()).unwrap_or_default();
                assert_eq!(
                    name.starts_with("AAMk_"),
                    matches!(names, Names::Theirs) && to.is_some(),
                    "recorded under the provider's name"
                );
                push_until_done(&app, names).await;
                assert_eq!(events(&app).len(), wanted, "{names:?} {when:?} {to:?}");
                assert_eq!(record(&app).await.calendar_sync(), CalendarSync::Synced);
                let key = EntryKey::of(&record(&app).await.booking, &ada());
                assert_eq!(record(&app).await.entries[0].key(), key);
            }
        }
    }
}
