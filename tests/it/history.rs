//! A booking's history: every version with who made it and what changed, written from the stream, once.

use chrono::{DateTime, TimeDelta, Utc};
use fakes::Fault;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, TestApp};

const TEN: &str = "2026-11-24T10:00:00Z";
const THREE: &str = "2026-11-25T15:00:00Z";

/// The history of a booking, as an admin reads it.
async fn history(app: &TestApp, id: &str) -> Vec<Value> {
    let answer = app.admin(Method::GET, &format!("/v1/bookings/{id}/history"), None).await;
    answer.expect(200)["history"].as_array().unwrap().clone()
}

fn told(entry: &Value) -> (u64, &str, &str) {
    let text = |name: &str| entry[name].as_str().unwrap();
    (entry["version"].as_u64().unwrap(), text("actor"), text("action"))
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_version_says_who_made_it_when_and_from_what_to_what() {
    let app = TestApp::start().await;
    let asked = json!({
        "slug": "asked", "hosts": [ADA], "title": "Asked", "lengths": [30], "interval": 30, "window_days": 60,
        "active": true, "needs_confirmation": true, "confirm_within": 600,
    });
    app.app().store.put_event_type(&app.tenant(), &serde_json::from_value(asked).unwrap()).await.unwrap();
    let booking = app.book_slot("asked", TEN).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    let host = app.host_token(ADA);
    app.pass(TimeDelta::minutes(1));
    let yes = format!("/v1/bookings/{id}/confirm");
    app.send_as(&host, Method::POST, &yes, None).await.expect(200);
    app.pass(TimeDelta::minutes(1));
    app.reschedule(&booking, THREE).await.expect(200);
    app.pass(TimeDelta::minutes(1));
    app.cancel_as_admin(&id.parse().unwrap()).await.expect(200);
    app.tick().await;

    let found = history(&app, id).await;
    let steps: Vec<_> = found.iter().map(told).collect();
    assert_eq!(
        steps,
        [
            (1, "guest", "created"),
            (2, "host", "confirmed"),
            (3, "guest", "rescheduled"),
            (4, "admin", "cancelled")
        ]
    );
    let changes = |nth: usize| &found[nth]["changes"];
    assert_eq!(changes(1)["status"], json!({ "from": "pending", "to": "confirmed" }));
    assert_eq!(changes(1).get("time"), None, "what stayed is left out");
    let time = &changes(2)["time"];
    assert_eq!(instant(&time["from"]["start"]), instant(&json!(TEN)));
    assert_eq!(instant(&time["to"]["start"]), instant(&json!(THREE)));
    assert_eq!(changes(3)["status"], json!({ "from": "confirmed", "to": "cancelled" }));
    // Times of later versions are the stream's own.
    assert!(found[1..].is_sorted_by_key(|entry| instant(&entry["at"])));
    // The host of the booking may read it; another's host may not know of it.
    app.send_as(&host, Method::GET, &format!("/v1/bookings/{id}/history"), None).await.expect(200);
    let other = app.host_token(tests::GRACE);
    app.send_as(&other, Method::GET, &format!("/v1/bookings/{id}/history"), None)
        .await
        .expect_problem(404, "unknown-booking");
}

#[tokio::test]
async fn a_version_that_the_system_makes_is_told_as_its_own() {
    let app = TestApp::start().await;
    let asked = json!({
        "slug": "asked", "hosts": [ADA], "title": "Asked", "lengths": [30], "interval": 30, "window_days": 60,
        "active": true, "needs_confirmation": true, "confirm_within": 30,
    });
    app.app().store.put_event_type(&app.tenant(), &serde_json::from_value(asked).unwrap()).await.unwrap();
    let booking = app.book_slot("asked", TEN).await.expect(201).clone();
    app.tick_for(35).await;
    let found = history(&app, booking["id"].as_str().unwrap()).await;
    let (version, actor, _) = told(found.last().unwrap());
    assert_eq!((version, actor), (2, "system"));
}

#[tokio::test]
async fn a_stream_that_is_given_again_writes_no_step_twice_and_leaves_none_out() {
    let app = TestApp::start().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    // The history is written and its answer lost; then it is not written at all: the batch comes again.
    app.local.dynamodb.faults.next("PutItem", Fault::CutAfter);
    app.local.dynamodb.faults.next("PutItem", Fault::CutBefore);
    app.reschedule(&booking, THREE).await.expect(200);
    app.tick_for(2).await;
    let found = history(&app, booking["id"].as_str().unwrap()).await;
    assert_eq!(
        found.iter().map(told).collect::<Vec<_>>(),
        [(1, "guest", "created"), (2, "guest", "rescheduled")]
    );
}

#[tokio::test]
async fn until_the_stream_has_come_what_the_booking_itself_knows_is_told_and_nothing_else() {
    // Without the stream nothing of the history is written.
    let app = TestApp::without_stream().await;
    let asked = json!({
        "slug": "asked", "hosts": [ADA], "title": "Asked", "lengths": [30], "interval": 30, "window_days": 60,
        "active": true, "needs_confirmation": true, "confirm_within": 600,
    });
    app.app().store.put_event_type(&app.tenant(), &serde_json::from_value(asked).unwrap()).await.unwrap();
    let booking = app.book_slot("asked", TEN).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    let found = history(&app, id).await;
    assert_eq!(found.iter().map(told).collect::<Vec<_>>(), [(1, "guest", "created")]);
    assert_eq!(found[0]["changes"]["status"], json!({ "from": null, "to": "pending" }));
    assert_eq!(instant(&found[0]["changes"]["time"]["to"]["start"]), instant(&json!(TEN)));

    app.reschedule(&booking, THREE).await.expect(200);
    app.step(id, "confirm", None).await.expect(200);
    let found = history(&app, id).await;
    let versions: Vec<_> = found.iter().map(|entry| (&entry["version"], &entry["actor"])).collect();
    assert_eq!(versions, [(&json!(1), &json!("guest")), (&json!(3), &json!("admin"))]);
    // What it was at first, when it was confirmed and from what is written with the versions in between.
    assert_eq!((&found[0]["at"], &found[0]["changes"]), (&booking["created_at"], &json!({})));
    assert_eq!(
        (&found[1]["at"], &found[1]["action"], &found[1]["changes"]),
        (&Value::Null, &Value::Null, &json!({}))
    );
}

#[tokio::test]
async fn a_version_is_told_once_by_the_booking_or_by_the_stream() {
    let app = TestApp::start().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    app.reschedule(&booking, THREE).await.expect(200);
    app.tick().await;
    // The stream is not read before the next tick.
    app.cancel_as_admin(&id.parse().unwrap()).await.expect(200);
    let found = history(&app, id).await;
    let steps = [(1, "guest", "created"), (2, "guest", "rescheduled"), (3, "admin", "cancelled")];
    assert_eq!(found.iter().map(told).collect::<Vec<_>>(), steps);
    assert_eq!(instant(&found[0]["changes"]["time"]["to"]["start"]), instant(&json!(TEN)));
    assert_eq!(found[2]["changes"], json!({ "status": { "from": "confirmed", "to": "cancelled" } }));
    assert_eq!(found[2]["at"], Value::Null);
    app.tick().await;
    let later = history(&app, id).await;
    assert_eq!(later.iter().map(told).collect::<Vec<_>>(), steps);
    assert_eq!((&later[..2], &later[2]["changes"]), (&found[..2], &found[2]["changes"]));
    assert_ne!(later[2]["at"], Value::Null);
}
