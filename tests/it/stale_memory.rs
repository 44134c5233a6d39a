//! Processes remember event types and hosts for 30 seconds, for listing. What is taken is checked against what stands: here
//! another process changes something that this one still remembers.

use holdfast::domain::{EventType, HostItems};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, TestApp, guest};

const HOST: &str = "hst_memory1";
const OTHER: &str = "hst_memory2";
const SLUG: &str = "remembered";
const TEN: &str = "2026-11-24T10:00:00Z";
const ONE: &str = "2026-11-24T13:00:00Z";

/// A process that remembers the event type and its host, of whom it has held and released a slot.
async fn remembering() -> TestApp {
    let app = TestApp::without_stream().await;
    for host in [HOST, OTHER] {
        app.put_daily_host(host, "UTC", &[("08:00", "18:00")]).await;
    }
    let fields = json!({ "lengths": [30, 60], "interval": 30, "window_days": 14 });
    app.put_team(SLUG, &[HOST], &fields).await;
    // Each function remembers for itself: the one that takes time has seen them now.
    let held = app.hold(SLUG, "2026-11-26T10:00:00Z").await.expect(201)["hold"].clone();
    app.release(held.as_str().unwrap()).await.expect(204);
    app
}

/// Another process changes the event type.
async fn change(app: &TestApp, fields: Value) {
    let store = app.process().store;
    let before = store.event_type_strong(&app.tenant(), &SLUG.parse().unwrap()).await.unwrap();
    let mut after = serde_json::to_value(before).unwrap();
    after.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let after: EventType = serde_json::from_value(after).unwrap();
    store.put_event_type(&app.tenant(), &after).await.unwrap();
}

/// Another process changes what there is of the host.
async fn change_host(app: &TestApp, change: impl FnOnce(&mut HostItems)) {
    let store = app.process().store;
    let mut items = store.host(&app.tenant(), &HOST.parse().unwrap()).await.unwrap().unwrap();
    change(&mut items);
    store.put_host(&app.tenant(), &items.host).await.unwrap();
}

async fn hold(app: &TestApp, start: &str, length: u32) -> Answer {
    app.hold_for(SLUG, start, Some(length)).await
}

async fn book_for_guest(app: &TestApp, start: &str) -> Answer {
    let body = json!({ "event_type": SLUG, "start": start, "guest": guest() });
    app.admin(Method::POST, "/v1/bookings", Some(&body)).await
}

#[tokio::test]
async fn an_event_type_that_was_archived_a_moment_ago_takes_nothing() {
    for attempt in ["hold", "book", "book for a guest", "confirm"] {
        let app = remembering().await;
        let held = hold(&app, ONE, 30).await.expect(201)["hold"].clone();
        change(&app, json!({ "archived": true })).await;
        let refused = match attempt {
            "hold" => hold(&app, TEN, 30).await,
            "book" => app.book_slot(SLUG, TEN).await,
            "confirm" => app.confirm(held.as_str().unwrap()).await,
            _ => book_for_guest(&app, TEN).await,
        };
        refused.expect_problem(404, "unknown-event-type");
    }
}

#[tokio::test]
async fn a_length_that_was_dropped_a_moment_ago_is_refused() {
    let app = remembering().await;
    change(&app, json!({ "lengths": [30] })).await;
    hold(&app, TEN, 60).await.expect_problem(422, "length-not-offered");
}

#[tokio::test]
async fn what_an_event_type_has_become_a_moment_ago_is_agreed() {
    let app = remembering().await;
    change(&app, json!({ "needs_confirmation": true, "buffer_after": 30, "title": "With a yes" })).await;
    let booking = app.book_slot(SLUG, TEN).await.expect(201).clone();
    assert_eq!((&booking["status"], &booking["title"]), (&json!("pending"), &json!("With a yes")));
    assert_eq!(app.booked_cells(HOST, "2026-11-24", "2026-11-25").await.len(), 12);
    assert_eq!(app.broken().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_event_type_that_has_gone_to_another_host_takes_that_hosts_time() {
    let app = remembering().await;
    change(&app, json!({ "hosts": [OTHER] })).await;
    let booking = app.book_slot(SLUG, TEN).await.expect(201).clone();
    assert_eq!(booking["hosts"][0]["host"], OTHER);
    assert_eq!(app.booked_cells(HOST, "2026-11-24", "2026-11-25").await.len(), 0);
    assert_eq!(app.booked_cells(OTHER, "2026-11-24", "2026-11-25").await.len(), 6);
}

#[tokio::test]
async fn a_daily_limit_that_was_set_a_moment_ago_is_kept() {
    let app = remembering().await;
    change(&app, json!({ "max_per_day": 1 })).await;
    app.book_slot(SLUG, TEN).await.expect(201);
    app.book_slot(SLUG, ONE).await.expect_problem(409, "day-full");
}

#[tokio::test]
async fn a_booking_is_moved_by_the_interval_of_now_and_not_at_all_when_its_event_type_is_gone() {
    let app = remembering().await;
    let booking = app.book_slot(SLUG, TEN).await.expect(201).clone();
    change(&app, json!({ "interval": 60 })).await;
    app.reschedule(&booking, "2026-11-24T13:30:00Z").await.expect_problem(422, "start-not-offered");
    app.reschedule(&booking, ONE).await.expect(200);
    let store = app.process().store;
    let gone = store.event_type_strong(&app.tenant(), &SLUG.parse().unwrap()).await.unwrap().unwrap();
    store.remove_event_type(&app.tenant(), &gone).await.unwrap();
    app.reschedule(&booking, TEN).await.expect_problem(409, "event-type-gone");
}

#[tokio::test]
async fn a_host_who_was_archived_a_moment_ago_is_not_booked() {
    let app = remembering().await;
    let held = hold(&app, ONE, 30).await.expect(201)["hold"].clone();
    change_host(&app, |items| items.host.archived = true).await;
    hold(&app, TEN, 30).await.expect_problem(422, "start-not-offered");
    app.book_slot(SLUG, TEN).await.expect_problem(422, "start-not-offered");
    book_for_guest(&app, TEN).await.expect_problem(422, "start-not-offered");
    app.confirm(held.as_str().unwrap()).await.expect_problem(422, "start-not-offered");
    assert_eq!(app.bookings().await.len(), 0);
}
