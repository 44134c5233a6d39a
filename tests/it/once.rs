//! A request with an Idempotency-Key is done once, however often it is sent; and whoever comes second to a booking
//! that others change is told what to do next.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fakes::When;
use fakes::google::EventSpec;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, GRACE, TENANT, TestApp, guest};

const KEY: &str = "5f0c2d7e-2a2f-4c53-b7f1-3f3b8f1a9c11";
const TEN: &str = "2026-11-24T10:00:00Z";
const ELEVEN: &str = "2026-11-24T11:00:00Z";

async fn with_key(app: &TestApp, key: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let request =
        app.http().post(format!("{}{path}", app.local.url())).header("idempotency-key", key).json(body);
    app.answered(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

fn bookings() -> String {
    format!("/v1/tenants/{TENANT}/bookings")
}

fn slot(start: &str) -> Value {
    json!({ "event_type": "intro", "start": start, "guest": guest() })
}

#[tokio::test]
async fn a_hundred_of_the_same_request_make_one_booking_and_get_the_same_answer() {
    let app = TestApp::start().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    let (path, body) = (bookings(), slot(TEN));
    let answers = join_all((0..100).map(|_| with_key(&app, KEY, &path, None, &body))).await;
    let said: BTreeSet<(u16, &str, &str)> = answers
        .iter()
        .map(|answer| {
            let text = |name: &str| answer.expect(201)[name].as_str().unwrap();
            (answer.status, text("id"), text("manage_token"))
        })
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(app.bookings().await.len(), 1);
    app.tick_for(2).await;
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 1);
    assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
}

#[tokio::test]
async fn after_a_day_a_key_is_good_again_though_its_record_is_still_there() {
    let app = TestApp::without_stream().await;
    let holds = format!("/v1/tenants/{TENANT}/holds");
    let at = |start: &str| json!({ "event_type": "intro", "start": start });
    with_key(&app, KEY, &holds, None, &at(TEN)).await.expect(201);
    with_key(&app, KEY, &bookings(), None, &slot(ELEVEN)).await.expect(201);
    app.pass(TimeDelta::hours(24) - TimeDelta::minutes(1));
    with_key(&app, KEY, &holds, None, &at(ELEVEN)).await.expect_problem(422, "idempotency-key-reused");
    app.pass(TimeDelta::minutes(2));
    with_key(&app, KEY, &holds, None, &at(TEN)).await.expect(201);
    // What it made is there like any other, and keeps the id that the key gave it.
    with_key(&app, KEY, &bookings(), None, &slot(ELEVEN)).await.expect_problem(409, "slot-taken");
    let other = with_key(&app, KEY, &bookings(), None, &slot("2026-11-24T14:00:00Z")).await;
    other.expect_problem(422, "idempotency-key-reused");
}

#[tokio::test]
async fn a_key_is_good_for_one_request() {
    let app = TestApp::without_stream().await;
    let first = with_key(&app, KEY, &bookings(), None, &slot(TEN)).await.expect(201).clone();
    let other = with_key(&app, KEY, &bookings(), None, &slot(ELEVEN)).await;
    other.expect_problem(422, "idempotency-key-reused");
    assert_eq!(other.wrong_fields(), ["Idempotency-Key"]);
    let mut renamed = slot(TEN);
    renamed["guest"]["name"] = json!("Mary");
    with_key(&app, KEY, &bookings(), None, &renamed).await.expect_problem(422, "idempotency-key-reused");
    // For another act, another tenant's or no key at all it stands for nothing.
    let hold = json!({ "event_type": "intro", "start": ELEVEN });
    let holds = format!("/v1/tenants/{TENANT}/holds");
    with_key(&app, KEY, &holds, None, &hold).await.expect(201);
    app.book(&slot(TEN)).await.expect_problem(409, "slot-taken");
    // After the booking was cancelled it still tells what it came to.
    app.cancel(&first).await.expect(200);
    let again = with_key(&app, KEY, &bookings(), None, &slot(TEN)).await.expect(201).clone();
    assert_eq!((&again["id"], &again["status"]), (&first["id"], &json!("cancelled")));
    for wrong in ["short", "with a space in it", &"x".repeat(201)] {
        let answer = with_key(&app, wrong, &bookings(), None, &slot(TEN)).await;
        answer.expect_problem(422, "validation");
        assert_eq!(answer.wrong_fields(), ["Idempotency-Key"]);
    }
}

/// Has an admin give a booking a new manage token.
async fn renew(app: &TestApp, booking: &Value) -> String {
    let path = format!("/v1/bookings/{}", booking["id"].as_str().unwrap());
    let renewed = app.admin(Method::PATCH, &path, Some(&json!({ "renew_manage_token": true }))).await;
    renewed.expect(200)["manage_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_replay_gives_no_manage_token_that_was_renewed_since() {
    let app = TestApp::without_stream().await;
    let held = app.hold("intro", ELEVEN).await.expect(201)["hold"].clone();
    let confirm = json!({ "hold": held, "guest": guest() });
    for (key, body) in [(Some(KEY), slot(TEN)), (None, confirm)] {
        let book = async || match key {
            Some(key) => with_key(&app, key, &bookings(), None, &body).await,
            None => app.book(&body).await,
        };
        let first = book().await.expect(201).clone();
        assert_eq!(book().await.expect(201)["manage_token"], first["manage_token"]);
        renew(&app, &first).await;
        let again = book().await.expect(201).clone();
        assert_eq!((&again["id"], again.get("manage_token")), (&first["id"], None), "{key:?}");
    }
}

#[tokio::test]
async fn a_key_is_its_callers_own() {
    let app = TestApp::without_stream().await;
    let host = app.host_token(ADA);
    let body = slot(TEN);
    let booked = with_key(&app, KEY, "/v1/bookings", Some(&host), &body).await.expect(201).clone();
    // What somebody else sends under the same key is a request of their own.
    let other = app.host_token(GRACE);
    with_key(&app, KEY, "/v1/bookings", Some(&other), &body).await.expect_problem(404, "unknown-event-type");
    with_key(&app, KEY, &bookings(), None, &body).await.expect_problem(409, "slot-taken");
    let again = with_key(&app, KEY, "/v1/bookings", Some(&host), &body).await.expect(201).clone();
    assert_eq!(again, booked);
}

#[tokio::test]
async fn a_repeated_move_needs_a_manage_token_that_is_still_good() {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let path = format!("{}/{}/reschedule", bookings(), booking["id"].as_str().unwrap());
    let (old, body) = (booking["manage_token"].as_str(), json!({ "start": ELEVEN }));
    with_key(&app, KEY, &path, old, &body).await.expect(200);
    let new = renew(&app, &booking).await;
    with_key(&app, KEY, &path, old, &body).await.expect_problem(404, "unknown-booking");
    with_key(&app, KEY, &path, Some(&new), &body).await.expect(200);
}

#[tokio::test]
async fn a_manage_token_that_is_renewed_while_its_holder_acts_does_nothing() {
    let app = TestApp::without_stream().await;
    for (day, is_move) in [("2026-11-24", true), ("2026-11-25", false)] {
        let booking = app.book_slot("intro", &format!("{day}T10:00:00Z")).await.expect(201).clone();
        let id = booking["id"].as_str().unwrap();
        let mut gate = app.local.dynamodb.faults.gate("TransactWriteItems", When::Before);
        let later = format!("{day}T14:00:00Z");
        let act = async {
            if is_move { app.reschedule(&booking, &later).await } else { app.cancel(&booking).await }
        };
        let renewed = async {
            gate.reached().await;
            renew(&app, &booking).await;
            gate.open();
        };
        let (acted, ()) = futures::join!(act, renewed);
        acted.expect_problem(404, "unknown-booking");
        let stored = app.stored(id).await;
        assert_eq!((stored.status.as_str(), stored.version), ("confirmed", 2));
    }
}

#[tokio::test]
async fn a_repeated_hold_is_the_same_hold_and_a_repeated_release_is_no_error() {
    let app = TestApp::without_stream().await;
    let (holds, body) =
        (format!("/v1/tenants/{TENANT}/holds"), json!({ "event_type": "intro", "start": TEN }));
    let answers = join_all((0..20).map(|_| with_key(&app, KEY, &holds, None, &body))).await;
    let tokens: BTreeSet<&str> =
        answers.iter().map(|answer| answer.expect(201)["hold"].as_str().unwrap()).collect();
    assert_eq!(tokens.len(), 1);
    app.pass(TimeDelta::seconds(60));
    let later = with_key(&app, KEY, &holds, None, &body).await.expect(201).clone();
    let hold = later["hold"].as_str().unwrap();
    assert!(tokens.contains(hold), "a minute later, too");
    let elsewhere = json!({ "event_type": "intro", "start": ELEVEN });
    with_key(&app, KEY, &holds, None, &elsewhere).await.expect_problem(422, "idempotency-key-reused");

    let release = format!("/v1/tenants/{TENANT}/holds/release");
    let body = json!({ "hold": hold });
    for _ in 0..3 {
        with_key(&app, KEY, &release, None, &body).await.expect(204);
    }
    app.release(hold).await.expect_problem(404, "unknown-hold");
    let confirm = json!({ "hold": hold, "guest": guest() });
    with_key(&app, KEY, &bookings(), None, &confirm).await.expect_problem(404, "unknown-hold");
}

#[tokio::test]
async fn the_table_has_no_capability_of_a_key() {
    let app = TestApp::without_stream().await;
    let body = json!({ "event_type": "intro", "start": TEN });
    let held =
        with_key(&app, KEY, &format!("/v1/tenants/{TENANT}/holds"), None, &body).await.expect(201).clone();
    let confirm = json!({ "hold": held["hold"], "guest": guest() });
    let booked = with_key(&app, KEY, &bookings(), None, &confirm).await.expect(201).clone();
    let items = json!(app.items().await).to_string();
    for secret in [&held["hold"], &booked["manage_token"], &json!(KEY)] {
        assert!(!items.contains(secret.as_str().unwrap()));
    }
}

#[tokio::test]
async fn the_table_has_no_fingerprint_of_what_an_erased_guest_told() {
    let app = TestApp::without_stream().await;
    let booked = with_key(&app, KEY, &bookings(), None, &slot(TEN)).await.expect(201).clone();
    let id = booked["id"].as_str().unwrap();
    let fingerprint = app.stored(id).await.fingerprint;
    app.cancel(&booked).await.expect(200);
    let erase = json!({ "email": booked["guest"]["email"] });
    let job = app.admin(Method::POST, "/v1/guests/erase", Some(&erase)).await;
    assert_eq!(job.expect(202)["status"], "done");
    assert_eq!(app.stored(id).await.guest.name, "erased");
    let items = json!(app.items().await).to_string();
    assert!(!items.contains(&fingerprint) && !items.contains("mary@"));
    // What was made stays made, and tells its guest apart from nobody else's.
    let again = with_key(&app, KEY, &bookings(), None, &slot(TEN)).await.expect(201).clone();
    assert_eq!((&again["id"], &again["guest"]["name"]), (&booked["id"], &json!("erased")));
    assert_eq!(again.get("manage_token"), None);
}

#[tokio::test]
async fn a_repeated_move_is_one_move() {
    let app = TestApp::without_stream().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let path = format!("{}/{}/reschedule", bookings(), booking["id"].as_str().unwrap());
    let token = booking["manage_token"].as_str();
    let to = |start: &str| json!({ "start": start });
    let body = to(ELEVEN);
    let answers = join_all((0..20).map(|_| with_key(&app, KEY, &path, token, &body))).await;
    for answer in &answers {
        assert_eq!(
            (&answer.expect(200)["start"], &answer.body["version"]),
            (&json!("2026-11-24T08:00:00-03:00"), &json!(2))
        );
    }
    with_key(&app, KEY, &path, token, &to("2026-11-24T12:00:00Z"))
        .await
        .expect_problem(422, "idempotency-key-reused");
    assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
}

#[tokio::test]
async fn two_guests_who_move_to_one_slot_are_two_bookings_and_one_move() {
    let app = TestApp::without_stream().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    for day in ["2026-11-24", "2026-11-25", "2026-11-26"] {
        let at = |time: &str| format!("{day}T{time}:00Z");
        let one = app.book_slot("intro", &at("10:00")).await.expect(201).clone();
        let two = app.book_slot("intro", &at("14:00")).await.expect(201).clone();
        let wanted = at("12:30");
        let (first, second) = futures::join!(app.reschedule(&one, &wanted), app.reschedule(&two, &wanted));
        let (won, lost): (Vec<_>, Vec<_>) =
            [first, second].into_iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1, "{lost:?}");
        let near = lost[0].expect_problem(409, "slot-taken")["alternatives"].clone();
        assert!(!near.as_array().unwrap().is_empty(), "and told where to go");
        assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_guest_who_cancels_while_the_host_confirms_leaves_one_outcome() {
    let app = TestApp::start().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    let event_type = json!({
        "slug": "lesson", "hosts": [ADA], "title": "Lesson", "lengths": [30], "interval": 15, "window_days": 30,
        "active": true, "needs_confirmation": true,
    });
    let event_type = serde_json::from_value(event_type).unwrap();
    app.app().store.put_event_type(&app.tenant(), &event_type).await.unwrap();
    for hour in 10..13 {
        let asked = app.book_slot("lesson", &format!("2026-11-25T{hour}:00:00Z")).await;
        // Ada's design review, on Wednesdays at 11.
        let Ok(asked) = (if asked.status == 201 { Ok(asked.body) } else { Err(asked.status) }) else {
            continue;
        };
        let id = asked["id"].as_str().unwrap();
        let (cancelled, confirmed) = futures::join!(app.cancel(&asked), app.step(id, "confirm", None));
        assert_eq!(cancelled.expect(200)["status"], "cancelled", "confirmed or not, a guest may cancel");
        if confirmed.status != 200 {
            confirmed.expect_problem(409, "not-possible");
        }
        app.tick_for(2).await;
        assert_eq!(app.stored(id).await.status.as_str(), "cancelled");
        assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_move_that_races_with_the_calendar_ends_where_it_may_stand() {
    let app = TestApp::start().await;
    let integration = app.connect(ADA, ADA_ACCOUNT).await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    for (at, hour) in [11, 12, 14, 15].into_iter().enumerate() {
        let start = format!("2026-11-26T{hour}:00:00Z");
        let from = start.parse().unwrap();
        let dentist = EventSpec::new("Dentist", from, from + TimeDelta::minutes(30));
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, dentist);
        let (moved, synced) = futures::join!(app.reschedule(&booking, &start), app.sync(&integration));
        synced.expect(200);
        if moved.status != 200 {
            moved.expect_problem(409, "slot-taken");
        }
        app.tick_for(2).await;
        assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new(), "round {at}");
        // Once the calendar is read, nobody gets there.
        app.book_slot("intro", &start).await.expect_problem(409, "slot-taken");
    }
}

#[tokio::test]
async fn the_same_step_by_two_at_once_is_one_step() {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    let cancels = join_all((0..8).map(|_| app.step(id, "cancel", None))).await;
    for answer in cancels {
        assert_eq!(
            (&answer.expect(200)["status"], &answer.body["version"]),
            (&json!("cancelled"), &json!(2))
        );
    }
    app.admin(Method::GET, &format!("/v1/bookings/{id}"), None).await.expect(200);
}
