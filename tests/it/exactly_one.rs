//! Exactly one guest gets a slot: among hundreds at once, across lengths, midnights, clocks, lost answers and
//! calendars that fill up meanwhile.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use fakes::dynamodb::{MAX_BYTES, MAX_OPERATORS, throttled, transaction_cancelled_by_conflict};
use fakes::google::EventSpec;
use fakes::{Fault, Faults, When};
use futures::future::join_all;
use holdfast::domain::{Guest, Scope, Tenant};
use holdfast::flows::{BookRequest, BookingError, HoldToken, Refused, SlotRequest, Wanted, book, hold};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, TestApp, guest};

/// Open around the clock.
const HOST: &str = "hst_open1";
const ACCOUNT: &str = "open@example.com";
const HALF: &str = "half";
const HOUR: &str = "hour";
/// An hour, or half of one.
const EITHER: &str = "either";
/// As long as a claim can be.
const LONG: &str = "long";

/// A Tuesday, the day after every test begins.
const DAY: &str = "2026-11-24";
const NEXT: &str = "2026-11-25";
const START: &str = "2026-11-24T10:00:00Z";
const HOLD_SECONDS: i64 = 300;
const NO_CELLS: [DateTime<Utc>; 0] = [];

async fn open() -> TestApp {
    let app = TestApp::without_stream().await;
    app.put_open_host(HOST).await;
    app.put_event_type(HALF, HOST, &[30], 15, 14).await;
    app.put_event_type(HOUR, HOST, &[60], 15, 14).await;
    app.put_event_type(EITHER, HOST, &[60, 30], 30, 14).await;
    app.put_event_type(LONG, HOST, &[720], 60, 14).await;
    app
}

/// The same with a calendar that is empty and has just been read.
async fn open_with_calendar() -> (TestApp, String) {
    let app = open().await;
    app.google().add_account(ACCOUNT, "Open Host");
    let integration = app.connect(HOST, ACCOUNT).await;
    assert!(!app.starts(HALF, DAY, NEXT).await.is_empty());
    (app, integration)
}

// ---- Many at once

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_people_want_one_slot_and_one_gets_it() {
    let app = open().await;
    let answers = join_all((0..500).map(|_| app.hold(HALF, START))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((won.len(), lost.len()), (1, 499));

    let free: Vec<_> = app.starts(HALF, DAY, NEXT).await.iter().map(|start| instant(start)).collect();
    assert!(!free.contains(&instant(START)));
    for answer in &lost {
        answer.expect_problem(409, "slot-taken");
        let near = alternatives(answer);
        assert!(!near.is_empty() && near.iter().all(|start| free.contains(&instant(start))), "{near:?}");
    }
    app.hold(HALF, &alternatives(lost[0])[0]).await.expect(201);
}

#[tokio::test]
async fn a_half_hour_and_an_hour_race_for_overlapping_times() {
    let app = open().await;
    let at = |hour: u32, minute: u32| format!("{DAY}T{hour:02}:{minute:02}:00Z");
    let wishes: Vec<_> = (8..12)
        .flat_map(|hour| {
            [
                (HALF, at(hour, 0)),
                (HOUR, at(hour, 0)),
                (HALF, at(hour, 30)),
                (HOUR, at(hour, 30)),
                (HALF, at(hour, 15)),
            ]
        })
        .collect();
    let answers = join_all(wishes.iter().map(|(slug, start)| app.hold(slug, start))).await;
    let won = won_or_taken(&answers);
    assert_apart(&won);
    assert_eq!(
        app.held_cells(HOST, DAY, DAY).await,
        cells_of(&won),
        "what was won is held, and nothing else"
    );
    for hour in 8..12 {
        let (from, to) = (instant(&at(hour, 0)), instant(&at(hour, 0)) + TimeDelta::hours(1));
        assert!(won.iter().any(|(start, end)| *start < to && from < *end), "nobody got {hour}:00");
    }
}

#[tokio::test]
async fn a_direct_booking_and_a_hold_race_for_one_slot() {
    let app = open().await;
    for hour in 8..16 {
        let start = format!("{DAY}T{hour:02}:00:00Z");
        let (held, booked) = futures::join!(app.hold(HALF, &start), app.book_slot(HALF, &start));
        let won = won_or_taken(&[held, booked]);
        assert_eq!(won.len(), 1, "{start}");
    }
}

#[tokio::test]
async fn a_claim_over_midnight_is_taken_and_freed_in_one_piece() {
    let app = open().await;
    let west = "hst_west1";
    let evening = json!([{ "from": "13:00", "to": "18:00" }]);
    let schedule = json!({ "zone": "America/Los_Angeles", "weekly": { "tue": evening, "thu": evening } });
    app.put_host(&json!({ "id": west, "name": "West", "schedule": schedule })).await;
    app.put_event_type("late-half", west, &[30], 30, 14).await;
    app.put_event_type("late-hour", west, &[60], 30, 14).await;

    // 15:30 to 16:30 on that coast. Everybody at once: the hour over midnight, and halves on either side of it.
    let over = "2026-11-24T23:30:00Z";
    let wishes = [("late-hour", over), ("late-half", over), ("late-half", "2026-11-25T00:00:00Z")];
    let answers = join_all(wishes.iter().cycle().take(30).map(|(slug, start)| app.hold(slug, start))).await;
    let won = won_or_taken(&answers);
    assert_apart(&won);
    assert_eq!(app.held_cells(west, DAY, NEXT).await, cells_of(&won));

    // Whoever loses one of the days has taken nothing of the other.
    app.hold("late-half", "2026-11-27T00:00:00Z").await.expect(201);
    app.hold("late-hour", "2026-11-26T23:30:00Z").await.expect_problem(409, "slot-taken");
    assert_eq!(app.held_cells(west, "2026-11-26", "2026-11-26").await, NO_CELLS);

    app.pass(TimeDelta::seconds(HOLD_SECONDS + 1));
    let hold = held(&app.hold("late-hour", over).await);
    let booking = app.confirm(&hold).await.expect(201).clone();
    assert_eq!(app.booked_cells(west, DAY, NEXT).await, cells(over, 60));
    app.hold("late-half", "2026-11-25T00:00:00Z").await.expect_problem(409, "slot-taken");
    app.cancel(&booking).await.expect(200);
    assert_eq!(app.booked_cells(west, DAY, NEXT).await, NO_CELLS);

    let hold = held(&app.hold("late-hour", over).await);
    app.release(&hold).await.expect(204);
    assert_eq!(app.held_cells(west, DAY, NEXT).await, NO_CELLS);
}

// ---- A hold's life

#[tokio::test]
async fn an_expired_hold_is_taken_over_without_anybody_cleaning_up() {
    let app = open().await;
    let first = held(&app.hold(HALF, START).await);
    app.pass(TimeDelta::seconds(HOLD_SECONDS - 1));
    app.hold(HALF, START).await.expect_problem(409, "slot-taken");
    app.pass(TimeDelta::seconds(2));
    let second = held(&app.hold(HALF, START).await);
    app.confirm(&first).await.expect_problem(410, "hold-expired");
    app.release(&first).await.expect_problem(404, "unknown-hold");
    app.confirm(&second).await.expect(201);
}

#[tokio::test]
async fn a_hold_lasts_exactly_as_long_as_its_holder_was_told() {
    let app = open().await;
    app.pass(TimeDelta::milliseconds(700));
    let answer = app.hold(HALF, START).await;
    let expires_at = instant(answer.expect(201)["expires_at"].as_str().unwrap());
    app.pass(expires_at - app.now() - TimeDelta::milliseconds(1));
    app.hold(HALF, START).await.expect_problem(409, "slot-taken");
    app.confirm(&held(&answer)).await.expect(201);

    let answer = app.hold(HOUR, "2026-11-24T12:00:00Z").await;
    app.pass(instant(answer.expect(201)["expires_at"].as_str().unwrap()) - app.now());
    app.confirm(&held(&answer)).await.expect_problem(410, "hold-expired");
}

#[tokio::test]
async fn a_hold_confirmed_twice_gives_the_same_answer_to_the_same_guest() {
    let app = open().await;
    let hold = held(&app.hold(HALF, START).await);
    let body = json!({
        "hold": hold, "guest": guest(), "notes": "Sehr gern!", "answers": { "topic": "engines" },
        "metadata": { "ref": [1, 2] },
    });
    // All at once, then once more, then long after the hold has expired.
    let mut answers = join_all((0..8).map(|_| app.book(&body))).await;
    answers.push(app.book(&body).await);
    app.pass(TimeDelta::hours(1));
    answers.push(app.book(&body).await);
    let first = answers[0].expect(201).clone();
    assert!(first["manage_token"].is_string(), "{first}");
    for answer in &answers {
        assert_eq!(*answer.expect(201), first);
    }
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, cells(START, 30));

    for (field, value) in [
        ("notes", json!("Another")),
        ("answers", json!({ "topic": "looms" })),
        ("metadata", json!({ "ref": [1, 2, 3] })),
        ("sync_to_calendar", json!(false)),
        ("guest", json!({ "name": "Mary", "email": "mary@example.com", "time_zone": "America/Sao_Paulo" })),
    ] {
        let mut other = body.clone();
        other[field] = value;
        assert_eq!(app.book(&other).await.expect_problem(422, "hold-used")["errors"][0]["field"], "hold");
    }
}

#[tokio::test]
async fn of_two_guests_who_confirm_one_hold_at_once_one_is_told_that_it_is_used() {
    let app = open().await;
    for hour in 8..13 {
        let hold = held(&app.hold(HALF, &format!("{DAY}T{hour:02}:00:00Z")).await);
        let body = |notes: &str| json!({ "hold": hold, "guest": guest(), "notes": notes });
        let (one, other) = (body("one"), body("other"));
        let (one, other) = futures::join!(app.book(&one), app.book(&other));
        let (won, lost) = if one.status == 201 { (one, other) } else { (other, one) };
        won.expect(201);
        lost.expect_problem(422, "hold-used");
    }
}

#[tokio::test]
async fn a_late_confirmation_is_told_that_the_hold_has_expired() {
    let app = open().await;
    let hold = held(&app.hold(HALF, START).await);
    app.pass(TimeDelta::seconds(HOLD_SECONDS));
    app.confirm(&hold).await.expect_problem(410, "hold-expired");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, NO_CELLS);
}

#[tokio::test]
async fn a_released_hold_is_nobodys_and_its_slot_is_free() {
    let app = open().await;
    let hold = held(&app.hold(HALF, START).await);
    app.release(&hold).await.expect(204);
    app.release(&hold).await.expect_problem(404, "unknown-hold");
    app.confirm(&hold).await.expect_problem(404, "unknown-hold");
    let next = held(&app.hold(HALF, START).await);
    app.release(&hold).await.expect_problem(404, "unknown-hold");
    app.confirm(&next).await.expect(201);
    app.release(&next).await.expect_problem(404, "unknown-hold");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, cells(START, 30));
}

#[tokio::test]
async fn a_cancelled_booking_frees_its_slot_and_its_hold_brings_it_not_back() {
    let app = open().await;
    let hold = held(&app.hold(HALF, START).await);
    let booking = app.confirm(&hold).await.expect(201).clone();
    app.cancel(&booking).await.expect(200);
    let again = app.confirm(&hold).await;
    assert_eq!(again.expect(201)["status"], "cancelled", "the same booking, as it is");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, NO_CELLS);
    app.book_slot(HALF, START).await.expect(201);
    assert_eq!(app.cancel(&booking).await.expect(200)["status"], "cancelled");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, cells(START, 30), "the new one keeps its cells");
}

// ---- Tokens that are not what was given

#[tokio::test]
async fn what_is_no_hold_at_all_is_a_wrong_field() {
    let app = open().await;
    let long = format!("hold_{}", "A".repeat(4_200));
    for text in ["", " ", "hold_", "hold_e30", "hold_!!", "x", "hold", long.as_str()] {
        for answer in [app.confirm(text).await, app.release(text).await] {
            answer.expect_problem(422, "validation");
            assert_eq!(answer.wrong_fields(), ["hold"], "{text}");
        }
    }
    for value in [json!(1), json!(["hold_e30"]), json!({})] {
        let answer = app.book(&json!({ "hold": value, "guest": guest() })).await;
        answer.expect_problem(422, "validation");
        assert_eq!(answer.wrong_fields(), ["hold"]);
    }
    let answer = app.book(&json!({ "hold": null, "guest": guest() })).await;
    answer.expect_problem(422, "validation");
    assert_eq!(answer.wrong_fields(), ["event_type", "start"], "no hold is a direct booking");
}

#[tokio::test]
async fn a_token_with_any_field_altered_is_worth_nothing() {
    let app = open().await;
    app.put_open_host("hst_other1").await;
    let hold = held(&app.hold(EITHER, START).await);
    let token = opened(&hold);
    let mut places = Vec::new();
    leaves(&token, "", &mut places);
    assert!(places.len() >= 9, "{places:?}");
    let mut altered = Vec::new();
    for place in &places {
        for value in others(token.pointer(place).unwrap()) {
            let mut other = token.clone();
            *other.pointer_mut(place).unwrap() = value.clone();
            altered.push((format!("{place} = {value}"), closed(&other.to_string())));
        }
        let (parent, name) = place.rsplit_once('/').unwrap();
        let mut without = token.clone();
        if let Some(parent) = without.pointer_mut(parent).unwrap().as_object_mut() {
            parent.remove(name);
            altered.push((format!("without {place}"), closed(&without.to_string())));
        }
    }
    let mut more = token.clone();
    more["more"] = json!(1);
    altered.push(("one field more".to_owned(), closed(&more.to_string())));
    let mut twice = token.clone();
    let first = twice["hosts"][0].clone();
    twice["hosts"].as_array_mut().unwrap().push(first);
    altered.push(("the same cells twice".to_owned(), closed(&twice.to_string())));
    altered.push(("spaces".to_owned(), closed(&format!(" {token}"))));
    altered.push((
        "no cells".to_owned(),
        closed(&{
            let mut none = token.clone();
            none["hosts"] = json!([]);
            none.to_string()
        }),
    ));

    for (what, text) in &altered {
        for answer in [app.confirm(text).await, app.release(text).await] {
            assert!(matches!(answer.status, 404 | 410 | 422), "{what}: {} {}", answer.status, answer.text);
        }
    }
    assert_eq!(app.held_cells(HOST, DAY, DAY).await, cells(START, 60), "the true one is untouched");
    app.confirm(&hold).await.expect(201);
}

#[tokio::test]
async fn a_forged_token_for_a_free_slot_or_anothers_hold_is_unknown() {
    let app = open().await;
    let own = held(&app.hold(HALF, START).await);
    let other = held(&app.hold(HALF, "2026-11-24T12:00:00Z").await);
    // All that is public about the other's hold, with one's own random part.
    let mut forged = opened(&other);
    forged["random"] = opened(&own)["random"].clone();
    app.confirm(&closed(&forged.to_string())).await.expect_problem(404, "unknown-hold");
    let mut free = opened(&own);
    free["start"] = json!(instant("2026-11-24T15:00:00Z").timestamp() / 300);
    free["hosts"][0]["cells"][0] = json!({ "day": DAY, "from": 180, "to": 186 });
    app.confirm(&closed(&free.to_string())).await.expect_problem(404, "unknown-hold");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, NO_CELLS);
}

#[tokio::test]
async fn a_hold_is_good_for_its_own_event_type_start_and_length_only() {
    let app = open().await;
    let hold = held(&app.hold_for(EITHER, START, Some(60)).await);
    for (field, value) in [
        ("event_type", json!(HOUR)),
        ("length", json!(30)),
        ("length", json!(90)),
        ("start", json!("2026-11-24T10:30:00Z")),
    ] {
        let mut body = json!({ "hold": hold, "guest": guest() });
        body[field] = value;
        let answer = app.book(&body).await;
        answer.expect_problem(422, "validation");
        assert_eq!(answer.wrong_fields(), [field]);
    }
    let agreeing = json!({
        "hold": hold, "guest": guest(), "event_type": EITHER, "length": 60, "start": "2026-11-24T07:00:00-03:00",
    });
    assert_eq!(app.book(&agreeing).await.expect(201)["length"], 60);
}

#[tokio::test]
async fn a_hold_is_good_at_its_own_tenant_only() {
    let app = open().await;
    // The same host and event type by name at another tenant.
    let other: Tenant = "other".parse().unwrap();
    let store = &app.app().store;
    let event_type = store.event_type(&app.tenant(), &HALF.parse().unwrap()).await.unwrap().unwrap();
    app.put_tenant(&other).await;
    app.copy_host(HOST, &other).await;
    store.put_event_type(&other, &event_type).await.unwrap();

    let hold = held(&app.hold(HALF, START).await);
    let body = json!({ "hold": hold, "guest": guest() });
    let elsewhere = app.send(Method::POST, "/v1/tenants/other/bookings", Some(&body)).await;
    elsewhere.expect_problem(404, "unknown-hold");
    let body = json!({ "hold": hold });
    let elsewhere = app.send(Method::POST, "/v1/tenants/other/holds/release", Some(&body)).await;
    elsewhere.expect_problem(404, "unknown-hold");
    let body = json!({ "event_type": HALF, "start": START });
    let theirs = app.send(Method::POST, "/v1/tenants/other/holds", Some(&body)).await;
    app.confirm(&held(&theirs)).await.expect_problem(404, "unknown-hold");
    app.confirm(&hold).await.expect(201);
}

// ---- Expiry, takeover and clocks that differ

#[tokio::test]
async fn a_confirmation_on_its_way_loses_to_a_takeover_of_its_expired_hold() {
    let app = open().await;
    let first = held(&app.hold(HALF, START).await);
    app.pass(TimeDelta::seconds(HOLD_SECONDS - 1));
    let mut gate = faults(&app).gate("TransactWriteItems", When::Before);
    let (confirmed, second) = futures::join!(app.confirm(&first), async {
        gate.reached().await;
        app.pass(TimeDelta::seconds(2));
        let second = app.hold(HALF, START).await;
        gate.open();
        second
    });
    confirmed.expect_problem(410, "hold-expired");
    app.confirm(&held(&second)).await.expect(201);
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, cells(START, 30));
}

#[tokio::test]
async fn a_takeover_on_its_way_loses_to_the_confirmation_of_a_slower_clock() {
    let app = open().await;
    let first = held(&app.hold(HALF, START).await);
    app.pass(TimeDelta::seconds(HOLD_SECONDS + 1));
    let slow = app.skewed(TimeDelta::seconds(-5));
    let mut gate = faults(&app).gate("UpdateItem", When::Before);
    let (second, confirmed) = futures::join!(app.hold(HALF, START), async {
        gate.reached().await;
        let confirmed = book(&slow, &Scope::Public(app.tenant()), &wanted(&first), None).await;
        gate.open();
        confirmed
    });
    assert!(confirmed.is_ok(), "{confirmed:?}");
    second.expect_problem(409, "slot-taken");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, cells(START, 30));
}

#[tokio::test]
async fn a_faster_clock_may_take_over_early_and_the_hold_is_then_lost_to_all() {
    let app = open().await;
    let first = held(&app.hold(HALF, START).await);
    app.pass(TimeDelta::seconds(HOLD_SECONDS - 5));
    let fast = app.skewed(TimeDelta::seconds(10));
    let second = hold(&fast, &app.tenant(), &half(), None).await.unwrap();
    app.confirm(&first).await.expect_problem(404, "unknown-hold");
    let slow = app.skewed(TimeDelta::seconds(-60));
    let lost = book(&slow, &Scope::Public(app.tenant()), &wanted(&first), None).await;
    assert!(matches!(lost, Err(BookingError::UnknownHold)), "{lost:?}");
    app.release(&first).await.expect_problem(404, "unknown-hold");
    app.confirm(second.token.as_str()).await.expect(201);
}

#[tokio::test]
async fn a_slower_clock_takes_nothing_that_is_still_held() {
    let app = open().await;
    let first = held(&app.hold(HALF, START).await);
    let slow = app.skewed(TimeDelta::seconds(-120));
    let lost = hold(&slow, &app.tenant(), &half(), None).await;
    assert!(matches!(lost, Err(BookingError::Refused { why: Refused::Taken, .. })), "{lost:?}");
    app.confirm(&first).await.expect(201);
}

#[tokio::test]
async fn a_confirmation_and_a_release_on_their_way_leave_one_outcome() {
    let app = open().await;
    let hold = held(&app.hold(HALF, START).await);
    let mut gate = faults(&app).gate("TransactWriteItems", When::Before);
    let (confirmed, released) = futures::join!(app.confirm(&hold), async {
        gate.reached().await;
        let released = app.release(&hold).await;
        gate.open();
        released
    });
    released.expect(204);
    confirmed.expect_problem(404, "unknown-hold");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, NO_CELLS);

    let hold = held(&app.hold(HALF, START).await);
    let mut gate = faults(&app).gate("TransactWriteItems", When::Before);
    let (released, confirmed) = futures::join!(app.release(&hold), async {
        gate.reached().await;
        let confirmed = app.confirm(&hold).await;
        gate.open();
        confirmed
    });
    confirmed.expect(201);
    released.expect_problem(404, "unknown-hold");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, cells(START, 30));
}

// ---- Lost answers and a busy table

#[tokio::test]
async fn an_answer_lost_on_the_way_back_changes_nothing() {
    let app = open().await;
    let faults = faults(&app);
    for fault in [Fault::CutAfter, Fault::CutBefore, throttled()] {
        faults.next("UpdateItem", fault.clone());
        let hold = held(&app.hold(HALF, START).await);
        faults.next("TransactWriteItems", fault.clone());
        let booking = app.confirm(&hold).await.expect(201).clone();
        faults.next("TransactWriteItems", fault.clone());
        app.cancel(&booking).await.expect(200);
        faults.next("TransactWriteItems", fault.clone());
        let booking = app.book_slot(HALF, START).await.expect(201).clone();
        assert_eq!(app.booked_cells(HOST, DAY, DAY).await, cells(START, 30), "{fault:?}");
        app.cancel(&booking).await.expect(200);

        // Over midnight a hold is a transaction too.
        faults.next("TransactWriteItems", fault.clone());
        let hold = held(&app.hold(HOUR, "2026-11-24T23:30:00Z").await);
        faults.next("TransactWriteItems", fault.clone());
        app.release(&hold).await.expect(204);
        assert_eq!(app.held_cells(HOST, DAY, NEXT).await, NO_CELLS, "{fault:?}");
    }
}

#[tokio::test]
async fn a_release_whose_answer_is_lost_is_a_release() {
    let app = open().await;
    let hold = held(&app.hold(HALF, START).await);
    faults(&app).next("TransactWriteItems", Fault::CutAfter);
    app.release(&hold).await.expect(204);
    assert_eq!(app.held_cells(HOST, DAY, DAY).await, NO_CELLS);
    app.release(&hold).await.expect_problem(404, "unknown-hold");
}

#[tokio::test]
async fn a_transaction_in_conflict_is_tried_again_and_never_called_taken() {
    let app = open().await;
    for _ in 0..3 {
        faults(&app).next("TransactWriteItems", transaction_cancelled_by_conflict(2));
    }
    app.book_slot(HALF, START).await.expect(201);
    faults(&app).always("TransactWriteItems", throttled());
    app.book_slot(HALF, "2026-11-24T12:00:00Z").await.expect_problem(503, "busy");
    faults(&app).clear();
    app.book_slot(HALF, "2026-11-24T12:00:00Z").await.expect(201);
}

#[tokio::test]
async fn a_booking_that_could_not_be_answered_for_is_not_made() {
    let app = open().await;
    app.local.kms.deny();
    let answer = app.book_slot(HALF, START).await;
    assert!(answer.status >= 500, "{}", answer.text);
    assert_eq!(
        app.booked_cells(HOST, DAY, DAY).await,
        NO_CELLS,
        "nobody would have the token to cancel it with"
    );
    app.local.kms.enable();
    app.book_slot(HALF, START).await.expect(201);
}

// ---- A calendar that fills up meanwhile

#[tokio::test]
async fn busy_time_pulled_between_hold_and_confirmation_wins() {
    let (app, integration) = open_with_calendar().await;
    let hold = held(&app.hold(HALF, START).await);
    let event = dentist(&app, START);
    app.sync(&integration).await.expect(200);
    let lost = app.confirm(&hold).await;
    lost.expect_problem(409, "slot-taken");
    assert!(!alternatives(&lost).iter().any(|start| instant(start) == instant(START)));
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, NO_CELLS);
    assert_eq!(app.our_events(ACCOUNT, ACCOUNT), Vec::<Value>::new());

    // The hold is still its holder's: once the calendar is free again, it can be confirmed.
    app.google().remove_event(ACCOUNT, ACCOUNT, &event);
    app.sync(&integration).await.expect(200);
    app.confirm(&hold).await.expect(201);
}

#[tokio::test]
async fn busy_time_pulled_while_a_booking_is_on_its_way_wins() {
    let (app, integration) = open_with_calendar().await;
    let at = |hour: u32| format!("{DAY}T{hour:02}:00:00Z");

    let hold = held(&app.hold(HALF, &at(10)).await);
    let confirmed = overtaken(&app, &integration, "TransactWriteItems", &at(10), app.confirm(&hold)).await;
    confirmed.expect_problem(409, "slot-taken");

    let noon = at(12);
    let direct = app.book_slot(HALF, &noon);
    let direct = overtaken(&app, &integration, "TransactWriteItems", &noon, direct).await;
    direct.expect_problem(409, "slot-taken");

    let later = at(14);
    let asked = overtaken(&app, &integration, "UpdateItem", &later, app.hold(HALF, &later)).await;
    asked.expect_problem(409, "slot-taken");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, NO_CELLS);

    // Busy time elsewhere on that day moves the revision and says nothing about the slot.
    let hold = held(&app.hold(HALF, &at(16)).await);
    let confirmed = overtaken(&app, &integration, "TransactWriteItems", &at(18), app.confirm(&hold)).await;
    confirmed.expect(201);
}

#[tokio::test]
async fn busy_time_that_only_the_calendar_knows_is_found_at_confirmation() {
    let (app, integration) = open_with_calendar().await;
    let hold = held(&app.hold(HALF, START).await);
    app.pass(TimeDelta::minutes(4));
    dentist(&app, START);
    app.confirm(&hold).await.expect_problem(409, "slot-taken");
    app.book_slot(HOUR, "2026-11-24T09:30:00Z").await.expect_problem(409, "slot-taken");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, NO_CELLS);

    // What was found makes the integration due: the next minute's schedule mends the listing.
    app.tick().await;
    assert_eq!(app.integration(&integration).await["status"], "connected");
    let free = app.starts(HALF, DAY, NEXT).await;
    app.pass(TimeDelta::minutes(2));
    assert!(!free.iter().any(|start| instant(start) == instant(START)), "{free:?}");
}

#[tokio::test]
async fn a_calendar_connected_while_a_booking_is_reading_counts() {
    let app = open().await;
    app.google().add_account(ACCOUNT, "Open Host");
    dentist(&app, START);
    // The booking has read the host, which has no calendar yet, and waits for the days.
    let faults = faults(&app);
    let (mut host, mut days) = (faults.gate("Query", When::After), faults.gate("BatchGetItem", When::Before));
    let (booked, ()) = futures::join!(app.book_slot(HALF, START), async {
        host.reached().await;
        host.open();
        days.reached().await;
        app.connect(HOST, ACCOUNT).await;
        days.open();
    });
    booked.expect_problem(409, "slot-taken");
    assert_eq!(app.booked_cells(HOST, DAY, DAY).await, NO_CELLS);
}

// ---- Limits and costs

#[tokio::test]
async fn the_longest_claim_fits_into_one_expression_in_every_act() {
    let app = open().await;
    // Noon to midnight has the longest cell names; the other half lies on two days.
    for start in ["2026-11-25T12:00:00Z", "2026-11-26T18:00:00Z"] {
        let mut largest = Vec::new();
        let mut measure = |act: &str| {
            let measured = app.local.dynamodb.largest_expression();
            assert!(
                measured.operators <= MAX_OPERATORS && measured.bytes <= MAX_BYTES,
                "{act}: {measured:?}"
            );
            largest.push(measured);
            app.local.dynamodb.reset_largest_expression();
        };
        measure("before");
        let hold = held(&app.hold(LONG, start).await);
        measure("hold");
        app.release(&hold).await.expect(204);
        measure("release");
        let hold = held(&app.hold(LONG, start).await);
        measure("hold again");
        let booking = app.confirm(&hold).await.expect(201).clone();
        measure("confirm");
        assert_eq!(app.booked_cells(HOST, DAY, "2026-11-27").await, cells(start, 720));
        app.cancel(&booking).await.expect(200);
        measure("cancel");
        let booking = app.book_slot(LONG, start).await.expect(201).clone();
        measure("direct booking");
        app.cancel(&booking).await.expect(200);
        if start.contains("12:00") {
            let operators = largest.iter().map(|measured| measured.operators).max();
            assert!(operators > Some(280), "the claim is as long as it can be: {largest:?}");
        }
    }
}

#[tokio::test]
async fn a_claim_longer_than_twelve_hours_is_refused_by_name() {
    let app = open().await;
    for length in [725, 1440] {
        let asked = app.hold_for(LONG, START, Some(length)).await;
        asked.expect_problem(422, "validation");
        assert_eq!(asked.wrong_fields(), ["length"]);
        let body = json!({ "event_type": LONG, "start": START, "length": length, "guest": guest() });
        let booked = app.book(&body).await;
        booked.expect_problem(422, "validation");
        assert_eq!(booked.wrong_fields(), ["length"]);
    }
    app.hold_for(LONG, START, Some(715)).await.expect_problem(422, "length-not-offered");
}

// ---- Words of these tests

fn faults(app: &TestApp) -> &Faults {
    &app.local.dynamodb.faults
}

/// The token of a hold that was given.
#[track_caller]
fn held(answer: &Answer) -> String {
    answer.expect(201)["hold"].as_str().expect("a hold").to_owned()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn alternatives(answer: &Answer) -> Vec<String> {
    let near = answer.body["alternatives"].as_array().map(Vec::as_slice).unwrap_or_default();
    near.iter().map(|slot| slot["start"].as_str().expect("a start").to_owned()).collect()
}

type Slot = (DateTime<Utc>, DateTime<Utc>);

/// The slots of those who won; everybody else must have been told that it is taken.
#[track_caller]
fn won_or_taken(answers: &[Answer]) -> Vec<Slot> {
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.expect_problem(409, "slot-taken");
    }
    let won = answers.iter().filter(|answer| answer.status == 201);
    let at = |answer: &Answer, end: &str| instant(answer.body[end].as_str().expect("an instant"));
    let mut slots: Vec<_> = won.map(|answer| (at(answer, "start"), at(answer, "end"))).collect();
    slots.sort();
    slots
}

#[track_caller]
fn assert_apart(slots: &[Slot]) {
    assert!(slots.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two owners: {slots:?}");
}

/// The cells of a slot, by their beginnings.
fn cells(start: &str, minutes: i64) -> Vec<DateTime<Utc>> {
    (0..minutes / 5).map(|cell| instant(start) + TimeDelta::minutes(5 * cell)).collect()
}

fn cells_of(slots: &[Slot]) -> Vec<DateTime<Utc>> {
    slots.iter().flat_map(|(from, to)| cells(&from.to_rfc3339(), (*to - *from).num_minutes())).collect()
}

fn half() -> SlotRequest {
    let start = holdfast::domain::Tick::exact(instant(START)).unwrap();
    SlotRequest { event_type: HALF.parse().unwrap(), start, length: None }
}

fn wanted(hold: &str) -> BookRequest {
    BookRequest {
        wanted: Wanted::Held(HoldToken::parse(hold).expect("a hold")),
        guest: Guest {
            name: "Mary Somerville".to_owned(),
            email: "mary@example.com".to_owned(),
            phone: None,
            time_zone: "America/Sao_Paulo".parse().expect("a zone"),
            locale: None,
        },
        answers: None,
        notes: None,
        metadata: None,
        sync_to_calendar: true,
    }
}

/// What a token says.
fn opened(hold: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(hold.strip_prefix("hold_").expect("a hold")).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// A token that says this.
fn closed(json: &str) -> String {
    format!("hold_{}", URL_SAFE_NO_PAD.encode(json))
}

/// The pointers to everything in a value that is no object or list.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| leaves(value, &format!("{at}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(at.to_owned()),
    }
}

/// Values that could stand in the place of this one.
fn others(value: &Value) -> Vec<Value> {
    let by_number = |number: i64| {
        let near = [number - 86_400, number - 30, number - 1, number + 1, number + 30, number + 86_400];
        let far = [0, -1, i64::MIN, i64::MAX, i64::MAX / 300, i64::from(i32::MAX) * 5, 4_294_967_296];
        near.into_iter().chain(far).map(Value::from).collect()
    };
    let mut others: Vec<Value> = match value {
        Value::Number(number) => by_number(number.as_i64().expect("a whole number")),
        Value::String(text) => {
            let known = [HALF, HOUR, "hst_other1", "hst_ada1", NEXT, "+262142-12-31", "-262143-01-01", ""];
            let longer = format!("{text}A");
            known.iter().map(|other| json!(other)).chain([json!(longer)]).collect()
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Vec::new(),
    };
    others.push(Value::Null);
    others.retain(|other| other != value);
    others
}

/// Half an hour in the host's calendar, put there by the host.
fn dentist(app: &TestApp, start: &str) -> String {
    let spec = EventSpec::new("Dentist", instant(start), instant(start) + TimeDelta::minutes(30));
    app.google().add_event(ACCOUNT, ACCOUNT, spec)
}

/// Does `act`, and lets a pull of new busy time at `busy` overtake its write.
async fn overtaken(
    app: &TestApp,
    integration: &str,
    write: &str,
    busy: &str,
    act: impl Future<Output = Answer>,
) -> Answer {
    let mut gate = faults(app).gate(write, When::Before);
    let (answer, ()) = futures::join!(act, async {
        gate.reached().await;
        dentist(app, busy);
        let synced = app.sync(integration).await;
        assert_eq!(synced.expect(200)["outcome"], "done");
        gate.open();
    });
    answer
}
