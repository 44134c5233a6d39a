//! What the bus is told: every step in one word, in the forms of `lib/src/events`, with an id that lasts and nothing of
//! the guest.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fakes::Fault;
use fakes::events;
use fakes::google::errors;
use holdfast::domain::{Booking, BookingStatus, Conference, IntegrationStatus, Tick, Ticks};
use holdfast::flows::{Change, QueueMessage, relay};
use holdfast::store::Image;
use reqwest::Method;
use serde_json::{Value, json};
use tests::contract::{errors as wrong, validator};
use tests::{ADA, ADA_ACCOUNT, GRACE, TestApp, guest};

const BOOKING: &str = include_str!("../../lib/src/events/booking.v1.json");
const INTEGRATION: &str = include_str!("../../lib/src/events/integration.v1.json");
const DESCRIBED: &str = include_str!("../../lib/src/events/README.md");
const TEN: &str = "2026-11-24T10:00:00Z";

/// What everybody may hear of: all but the product's own work.
fn published(app: &TestApp) -> Vec<Value> {
    let mut all = app.local.events.published();
    all.retain(|event| event["detail-type"] != "sync.due");
    all
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["detail-type"].as_str().unwrap()).collect()
}

/// Fails when an event is not of its form, says more than that, or is not described.
#[track_caller]
fn assert_formed(events: &[Value]) {
    for event in events {
        let (kind, detail) = (event["detail-type"].as_str().unwrap(), &event["detail"]);
        let schema = if kind.starts_with("booking.") { BOOKING } else { INTEGRATION };
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert_eq!(wrong(kind, &validator(&schema), detail), Vec::<String>::new(), "{detail}");
        let known = |name: &&String| schema["properties"].get(name.as_str()).is_some();
        let unknown: Vec<_> = detail.as_object().unwrap().keys().filter(|name| !known(name)).collect();
        assert_eq!(unknown, Vec::<&String>::new(), "{kind}");
        assert_eq!(event["source"], "holdfast");
        assert!(DESCRIBED.contains(&format!("`{kind}`")), "{kind} is not described");
    }
}

#[tokio::test]
async fn a_life_is_told_step_by_step_and_nothing_of_the_guest() {
    let app = TestApp::start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let told = json!({
        "event_type": "intro", "start": TEN, "notes": "About my knee", "metadata": { "room": "Blue room" },
        "guest": { "name": "Mary Somerville", "email": "mary@example.com", "phone": "+44 20 7946 0000",
                   "time_zone": "Europe/London" },
    });
    let booking = app.book(&told).await.expect(201).clone();
    app.tick().await;
    app.cancel(&booking).await.expect(200);
    app.google().faults.always("events.list", errors::backend_error(503));
    app.sync(&id).await;
    app.google().faults.clear();
    app.sync(&id).await.expect(200);
    app.google().revoke_grants(ADA_ACCOUNT);
    app.pass(TimeDelta::hours(2));
    app.sync(&id).await;
    assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, id);
    app.disconnect(&id).await.expect(200);
    app.tick_for(3).await;
    assert_eq!(app.local.dead_letters(), Vec::<Value>::new());

    let events = published(&app);
    assert_formed(&events);
    let of = |kind: &str| -> Vec<Value> {
        let found = events.iter().filter(|event| event["detail-type"] == kind);
        found.map(|event| event["detail"].clone()).collect()
    };
    let bookings: Vec<_> = kinds(&events).into_iter().filter(|kind| kind.starts_with("booking.")).collect();
    assert_eq!(bookings, ["booking.confirmed", "booking.cancelled"]);
    let own = events.iter().filter(|event| event["detail"]["integration"] == id.as_str());
    let own: Vec<_> = own.map(|event| event["detail-type"].as_str().unwrap()).collect();
    assert_eq!(
        own,
        [
            "integration.pending",
            "integration.connected",
            "integration.error",
            "integration.connected",
            "integration.needs_reauth",
            "integration.connected",
            "integration.disconnected"
        ]
    );
    let cancelled = &of("booking.cancelled")[0];
    assert_eq!(cancelled["previous"], json!({ "status": "confirmed" }));
    let hosts = json!([{ "host": ADA, "cells": [{ "day": "2026-11-24", "from": 120, "to": 126 }] }]);
    assert_eq!((&cancelled["booking"], &cancelled["hosts"]), (&booking["id"], &hosts));
    assert_eq!(
        (&cancelled["starts_at"], &cancelled["ends_at"]),
        (&json!(TEN), &json!("2026-11-24T10:30:00Z"))
    );
    assert_eq!(of("booking.confirmed")[0].get("previous"), None, "it was not there before");
    assert_eq!(of("integration.needs_reauth")[0]["previous"], json!({ "status": "connected" }));
    assert!(events.iter().all(|event| event["detail"]["occurred_at"].is_string()));
    let ids: BTreeSet<_> = events.iter().map(|event| event["detail"]["id"].to_string()).collect();
    assert_eq!(ids.len(), events.len(), "every change has its own id");

    let all = Value::from(events).to_string().to_lowercase();
    // Each has a character that no random id can have, or is longer than chance.
    let guests = ["mary ", "mary@", "somerville", "7946 0000", "my knee", "blue room"];
    for private in guests.into_iter().chain(["ada@", "lovelace", "manage", "token\"", "account\":\"a"]) {
        assert!(!all.contains(private), "{private}");
    }
}

#[tokio::test]
async fn the_steps_that_people_take_are_told_in_their_words() {
    let app = TestApp::start().await;
    let lesson = json!({
        "slug": "lesson", "hosts": [ADA], "title": "Lesson", "lengths": [30], "interval": 15, "window_days": 30,
        "active": true, "needs_confirmation": true, "confirm_within": 600,
    });
    let lesson = serde_json::from_value(lesson).unwrap();
    app.app().store.put_event_type(&app.tenant(), &lesson).await.unwrap();
    let asked = app.book_slot("lesson", TEN).await.expect(201).clone();
    let id = asked["id"].as_str().unwrap();
    app.step(id, "confirm", None).await.expect(200);
    let to = json!({ "start": "2026-11-24T12:00:00Z" });
    app.step(id, "reschedule", Some(&to)).await.expect(200);
    let noted = json!({ "notes": "About my knee" });
    app.admin(Method::PATCH, &format!("/v1/bookings/{id}"), Some(&noted)).await.expect(200);
    let other = app.book_slot("lesson", "2026-11-24T14:00:00Z").await.expect(201).clone();
    let reason = json!({ "reason": "On holiday" });
    app.step(other["id"].as_str().unwrap(), "decline", Some(&reason)).await.expect(200);
    app.pass(TimeDelta::hours(30));
    app.step(id, "start", None).await.expect(200);
    app.pass(TimeDelta::hours(1));
    for verb in ["complete", "no-show"] {
        app.step(id, verb, None).await.expect(200);
    }
    app.local.drain().await;
    let events = published(&app);
    assert_formed(&events);
    assert_eq!(
        kinds(&events),
        [
            "booking.requested",
            "booking.confirmed",
            "booking.rescheduled",
            "booking.updated",
            "booking.requested",
            "booking.declined",
            "booking.started",
            "booking.completed",
            "booking.no_show"
        ]
    );
    let moved = json!({ "starts_at": TEN, "ends_at": "2026-11-24T10:30:00Z" });
    assert_eq!(events[2]["detail"]["previous"], moved);
    let versions = events.iter().filter(|event| event["detail"]["booking"] == id);
    let versions: Vec<_> = versions.map(|event| event["detail"]["version"].as_u64().unwrap()).collect();
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    let all = Value::from(events).to_string();
    assert!(!all.contains("my knee") && !all.contains("holiday"), "{all}");
}

/// A booking as it may become, whatever flow there is for it.
fn step(before: &Booking, change: impl FnOnce(&mut Booking)) -> (Booking, Change) {
    let mut after = before.clone();
    after.version += 1;
    change(&mut after);
    let image = |booking: &Booking| Some(Image::Booking(Box::new(booking.clone())));
    let change = Change { at: None, before: image(before), after: image(&after) };
    (after, change)
}

#[tokio::test]
async fn every_step_of_a_booking_has_its_word() {
    use BookingStatus::{Cancelled, Completed, Confirmed, Declined, InProgress, NoShow, Pending};
    let app = TestApp::without_stream().await;
    let made = app.book_slot("intro", TEN).await.expect(201)["id"].as_str().unwrap().to_owned();
    let confirmed = app.stored(&made).await;
    let pending = Booking { status: Pending, ..confirmed.clone() };
    let completed = Booking { status: Completed, ..confirmed.clone() };
    let noon: Tick = Tick::floor("2026-11-24T12:00:00Z".parse().unwrap());
    let moved = |status: BookingStatus| {
        move |booking: &mut Booking| {
            booking.start = noon;
            booking.status = status;
        }
    };
    let to = |status: BookingStatus| move |booking: &mut Booking| booking.status = status;
    let made_new = |booking: &Booking| {
        let after = Some(Image::Booking(Box::new(booking.clone())));
        Change { at: None, before: None, after }
    };
    let times = json!({ "starts_at": TEN, "ends_at": "2026-11-24T10:30:00Z" });
    let status = |was: &str| json!({ "status": was });
    let both = json!({ "status": "confirmed", "starts_at": TEN, "ends_at": "2026-11-24T10:30:00Z" });
    let longer = |booking: &mut Booking| booking.length = booking.length + Ticks::from_minutes(15).unwrap();
    let ends = json!({ "ends_at": "2026-11-24T10:30:00Z" });
    let noted = |booking: &mut Booking| booking.notes = Some("in private".to_owned());
    let rows = [
        (made_new(&pending), "booking.requested", Value::Null),
        (made_new(&confirmed), "booking.confirmed", Value::Null),
        (step(&pending, to(Confirmed)).1, "booking.confirmed", status("pending")),
        (step(&pending, to(Declined)).1, "booking.declined", status("pending")),
        (step(&pending, to(Cancelled)).1, "booking.cancelled", status("pending")),
        (step(&pending, moved(Pending)).1, "booking.rescheduled", times.clone()),
        (step(&confirmed, moved(Confirmed)).1, "booking.rescheduled", times),
        (step(&confirmed, longer).1, "booking.rescheduled", ends),
        (step(&confirmed, moved(Pending)).1, "booking.requested", both),
        (step(&confirmed, to(InProgress)).1, "booking.started", status("confirmed")),
        (step(&confirmed, to(Completed)).1, "booking.completed", status("confirmed")),
        (step(&confirmed, to(NoShow)).1, "booking.no_show", status("confirmed")),
        (step(&completed, to(NoShow)).1, "booking.no_show", status("completed")),
        (step(&confirmed, noted).1, "booking.updated", Value::Null),
    ];
    for (change, kind, previous) in rows {
        let before = published(&app).len();
        assert_eq!(relay(app.app(), std::slice::from_ref(&change)).await.unwrap(), 1, "{kind}");
        let events = published(&app);
        let [event] = &events[before..] else { panic!("{kind}: {events:?}") };
        assert_eq!(event["detail-type"], kind);
        assert_eq!(event["detail"].get("previous").cloned().unwrap_or_default(), previous, "{kind}");
        assert_formed(std::slice::from_ref(event));
        // It is no work of `sync`, whose messages say what they are.
        assert!(serde_json::from_value::<QueueMessage>(event["detail"].clone()).is_err(), "{kind}");
    }
    // What is nobody's news: a conference that has come, a removal.
    let (pushed, _) = step(&confirmed, |_| {});
    let settled = Booking { conference: Some(Conference::Failed), ..pushed.clone() };
    let image = |booking: Booking| Some(Image::Booking(Box::new(booking)));
    for change in [
        Change { at: None, before: image(pushed.clone()), after: image(settled) },
        Change { at: None, before: image(pushed), after: None },
    ] {
        assert_eq!(relay(app.app(), &[change]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_change_that_is_told_again_has_the_same_id_and_another_change_another() {
    let app = TestApp::start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.book(&json!({ "event_type": "intro", "start": TEN, "guest": guest() })).await.expect(201);
    // The stream is delivered; the bus takes what it is given, its answers are lost, and the batch comes again.
    for _ in 0..4 {
        app.local.events.faults.next("PutEvents", Fault::CutAfter);
    }
    app.tick().await;
    let events = published(&app);
    assert_formed(&events);
    let first = &events[0]["detail"];
    let copies: Vec<_> = events.iter().filter(|event| event["detail"]["id"] == first["id"]).collect();
    assert_eq!(copies.len(), 5, "four tries whose answers were lost, and the redelivery");
    assert!(copies.iter().all(|copy| copy["detail"] == *first), "{copies:?}");
    let distinct: BTreeSet<_> = events.iter().map(|event| event["detail"]["id"].to_string()).collect();
    assert_eq!(distinct.len(), events.len() - 4);

    // The same stream batch, once more from the beginning, by the function itself.
    let integration =
        app.app().store.integration(&app.tenant(), &id.parse().unwrap()).await.unwrap().unwrap();
    let mut dead = integration.clone();
    dead.revision += 1;
    dead.status = IntegrationStatus::NeedsReauth;
    let mut renewed = integration.clone();
    renewed.revision += 2;
    let mut again = renewed.clone();
    again.revision += 1;
    again.status = IntegrationStatus::NeedsReauth;
    let image =
        |integration: &holdfast::domain::Integration| Some(Image::Integration(Box::new(integration.clone())));
    let steps = [(&integration, &dead), (&dead, &renewed), (&renewed, &again)]
        .map(|(before, after)| Change { at: None, before: image(before), after: image(after) });
    let before = published(&app).len();
    for _ in 0..2 {
        assert_eq!(relay(app.app(), &steps).await.unwrap(), 3);
    }
    let events = published(&app);
    let ids: Vec<_> = events[before..].iter().map(|event| &event["detail"]["id"]).collect();
    assert_eq!(ids[..3], ids[3..], "the same changes, told again");
    assert_eq!(ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len(), 3, "three changes");
    assert_formed(&events[before..]);
}

#[tokio::test]
async fn a_stream_whose_bus_is_away_is_told_late_and_in_order() {
    let app = TestApp::start().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    app.cancel(&booking).await.expect(200);
    app.book_slot("office-hours", "2026-11-24T16:00:00Z").await.expect(201);
    for _ in 0..8 {
        app.local.events.faults.next("PutEvents", events::throttled());
    }
    app.tick().await;
    let events = published(&app);
    assert_eq!(kinds(&events), ["booking.confirmed", "booking.cancelled", "booking.confirmed"]);
    assert_eq!(events[2]["detail"]["hosts"][0]["host"], GRACE);
    assert_eq!(app.local.dead_letters(), Vec::<Value>::new());
    let path = format!("/v1/bookings/{}", booking["id"].as_str().unwrap());
    app.admin(Method::GET, &path, None).await.expect(200);
}
