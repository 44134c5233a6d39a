//! Every step of a booking's life: who takes it, when it may be taken, and what becomes of time and calendar.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, GRACE, TENANT, TestApp, guest};

const TEN: &str = "2026-11-24T10:00:00Z";
const ELEVEN: &str = "2026-11-24T11:00:00Z";

/// An event type of Ada's whose other fields are these.
async fn offer(app: &TestApp, slug: &str, fields: Value) {
    let mut event_type = json!({
        "slug": slug, "hosts": [ADA], "title": "Lesson", "lengths": [30], "interval": 15, "window_days": 30,
        "active": true,
    });
    event_type.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let event_type = serde_json::from_value(event_type).unwrap();
    app.app().store.put_event_type(&app.tenant(), &event_type).await.unwrap();
}

fn id(booking: &Value) -> &str {
    booking["id"].as_str().unwrap()
}

async fn as_host(
    app: &TestApp,
    host: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> tests::Answer {
    let claims = json!({ "sub": host, "tenant": TENANT, "roles": ["host"], "host": host });
    app.send_as(&app.local.token(claims), method, path, body).await
}

#[tokio::test]
async fn a_booking_goes_from_confirmed_to_completed_or_no_show_in_its_time() {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    for early in ["start", "complete", "no-show"] {
        app.step(id(&booking), early, None).await.expect_problem(409, "too-early");
    }
    app.step(id(&booking), "decline", None).await.expect_problem(409, "not-possible");
    app.pass(TimeDelta::hours(27));
    assert_eq!(app.step(id(&booking), "start", None).await.expect(200)["status"], "in_progress");
    app.step(id(&booking), "cancel", None).await.expect_problem(409, "not-possible");
    app.pass(TimeDelta::hours(2));
    let done = app.step(id(&booking), "complete", None).await.expect(200).clone();
    assert_eq!((&done["status"], &done["version"]), (&json!("completed"), &json!(3)));
    // Said twice, it is done once.
    assert_eq!(app.step(id(&booking), "complete", None).await.expect(200)["version"], 3);
    assert_eq!(app.step(id(&booking), "no-show", None).await.expect(200)["status"], "no_show");
}

#[tokio::test]
async fn a_booking_that_needs_a_yes_holds_its_time_and_enters_the_calendar_with_it() {
    let app = TestApp::start().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    offer(&app, "lesson", json!({ "needs_confirmation": true, "confirm_within": 120 })).await;
    let asked = app.book_slot("lesson", TEN).await.expect(201).clone();
    assert_eq!(asked["status"], "pending");
    assert_eq!(asked["answer_by"], "2026-11-23T08:00:00Z");
    assert!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).is_empty());
    app.book_slot("lesson", TEN).await.expect_problem(409, "slot-taken");

    let confirmed = app.step(id(&asked), "confirm", None).await.expect(200).clone();
    assert_eq!((&confirmed["status"], &confirmed["calendar_sync"]), (&json!("confirmed"), &json!("synced")));
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 1);

    let other = app.book_slot("lesson", ELEVEN).await.expect(201).clone();
    let reason = json!({ "reason": "On holiday" });
    let declined = app.step(id(&other), "decline", Some(&reason)).await.expect(200).clone();
    assert_eq!((&declined["status"], &declined["reason"]), (&json!("declined"), &json!("On holiday")));
    app.book_slot("lesson", ELEVEN).await.expect(201);
}

#[tokio::test]
async fn a_booking_that_nobody_answers_is_declined_at_its_deadline() {
    let app = TestApp::start().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    offer(&app, "lesson", json!({ "needs_confirmation": true, "confirm_within": 120 })).await;
    let asked = app.book_slot("lesson", TEN).await.expect(201).clone();
    app.tick_for(119).await;
    assert_eq!(app.stored(id(&asked)).await.status.as_str(), "pending");
    app.tick_for(2).await;
    let declined =
        app.admin(Method::GET, &format!("/v1/bookings/{}", id(&asked)), None).await.expect(200).clone();
    assert_eq!(
        (&declined["status"], &declined["reason"]),
        (&json!("declined"), &json!("not answered in time"))
    );
    app.book_slot("lesson", TEN).await.expect(201);
    assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
}

#[tokio::test]
async fn moving_a_booking_gives_up_the_old_time_with_taking_the_new_one() {
    let app = TestApp::start().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    let booking = app.book_slot("deep-dive", ELEVEN).await.expect(201).clone();
    // Half of the new time is the old one's, buffers included.
    let moved = app.reschedule(&booking, "2026-11-24T11:30:00Z").await.expect(200).clone();
    assert_eq!((&moved["id"], &moved["version"]), (&booking["id"], &json!(2)));
    assert_eq!(moved["calendar_sync"], "synced");
    let events = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    assert_eq!(events.len(), 1, "one event, at the new time");
    assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
    // To another day, over a month's end, and back, by the host.
    for start in ["2026-12-01T10:30:00Z", ELEVEN] {
        let to = json!({ "start": start });
        app.step(id(&booking), "reschedule", Some(&to)).await.expect(200);
        assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
    }
    // Said twice, it is moved once.
    let version = app.stored(id(&booking)).await.version;
    app.reschedule(&booking, ELEVEN).await.expect(200);
    assert_eq!(app.stored(id(&booking)).await.version, version);
    let cancelled = app.cancel(&booking).await.expect(200).clone();
    assert_eq!(cancelled["status"], "cancelled");
    app.reschedule(&booking, TEN).await.expect_problem(409, "not-possible");
    assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_booking_is_not_moved_onto_time_that_is_taken_or_not_offered() {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    app.book_slot("intro", ELEVEN).await.expect(201);
    let taken = app.reschedule(&booking, ELEVEN).await;
    let alternatives = taken.expect_problem(409, "slot-taken")["alternatives"].as_array().unwrap().clone();
    assert!(!alternatives.is_empty());
    app.reschedule(&booking, "2026-11-24T03:00:00Z").await.expect_problem(422, "start-not-offered");
    app.reschedule(&booking, "2026-11-23T06:05:00Z").await.expect_problem(422, "start-too-soon");
    assert_eq!(app.stored(id(&booking)).await.version, 1, "nothing has changed");
    let near = alternatives[0]["start"].as_str().unwrap();
    app.reschedule(&booking, near).await.expect(200);
}

#[tokio::test]
async fn a_booking_stays_with_its_host_when_its_event_type_goes_to_another() {
    let app = TestApp::without_stream().await;
    offer(&app, "lesson", json!({})).await;
    let booking = app.book_slot("lesson", TEN).await.expect(201).clone();
    offer(&app, "lesson", json!({ "hosts": [GRACE] })).await;
    app.pass(tests::REMEMBERED);
    let moved = app.reschedule(&booking, "2026-11-24T16:00:00Z").await.expect(200).clone();
    assert_eq!(moved["hosts"][0]["host"], ADA, "its host is whom the guest has booked");
    let to = json!({ "start": "2026-11-24T15:00:00Z" });
    let moved = app.step(id(&booking), "reschedule", Some(&to)).await.expect(200).clone();
    assert_eq!(moved["hosts"][0]["host"], ADA);
    let (from, to) = ("2026-11-24", "2026-11-24");
    assert_eq!(app.booked_cells(ADA, from, to).await.len(), 6);
    assert_eq!(app.booked_cells(GRACE, from, to).await.len(), 0);
    app.cancel(&booking).await.expect(200);
    assert_eq!(app.broken().await, Vec::<String>::new());
}

#[tokio::test]
async fn guests_keep_to_the_notice_that_was_agreed_and_hosts_do_not() {
    let app = TestApp::without_stream().await;
    offer(&app, "lesson", json!({ "cancel_notice": 120, "reschedule_notice": 240 })).await;
    let booking = app.book_slot("lesson", TEN).await.expect(201).clone();
    // Four hours and five minutes before; then three and a half.
    app.pass(TimeDelta::minutes(28 * 60 - 245));
    app.reschedule(&booking, ELEVEN).await.expect(200);
    app.reschedule(&booking, TEN).await.expect(200);
    app.pass(TimeDelta::minutes(35));
    app.reschedule(&booking, ELEVEN).await.expect_problem(409, "too-late");
    app.pass(TimeDelta::minutes(90));
    app.cancel(&booking).await.expect_problem(409, "too-late");
    let to = json!({ "start": ELEVEN });
    app.step(id(&booking), "reschedule", Some(&to)).await.expect(200);
    app.step(id(&booking), "cancel", None).await.expect(200);
}

#[tokio::test]
async fn a_day_takes_as_many_bookings_as_it_may() {
    let app = TestApp::without_stream().await;
    offer(&app, "lesson", json!({ "max_per_day": 2 })).await;
    let tuesday = ("2026-11-24", "2026-11-25");
    let first = app.book_slot("lesson", TEN).await.expect(201).clone();
    let held =
        app.hold("lesson", "2026-11-24T14:00:00Z").await.expect(201)["hold"].as_str().unwrap().to_owned();
    let second = app.book_slot("lesson", ELEVEN).await.expect(201).clone();
    let full = app.book_slot("lesson", "2026-11-24T12:00:00Z").await;
    let near = full.expect_problem(409, "day-full")["alternatives"][0]["start"].as_str().unwrap().to_owned();
    assert!(!near.starts_with("2026-11-24"), "{near}");
    app.confirm(&held).await.expect_problem(409, "day-full");
    assert!(app.starts("lesson", tuesday.0, tuesday.1).await.is_empty());
    // Other event types are not bound by it.
    app.book_slot("intro", "2026-11-24T12:00:00Z").await.expect(201);

    app.reschedule(&first, "2026-11-24T13:00:00Z").await.expect(200);
    assert!(app.starts("lesson", tuesday.0, tuesday.1).await.is_empty(), "moved within the day");
    app.reschedule(&first, "2026-11-25T13:00:00Z").await.expect(200);
    assert!(!app.starts("lesson", tuesday.0, tuesday.1).await.is_empty());
    let third = app.book_slot("lesson", TEN).await.expect(201).clone();
    app.reschedule(&first, "2026-11-24T15:00:00Z").await.expect_problem(409, "day-full");
    for booking in [&second, &third] {
        app.cancel(booking).await.expect(200);
    }
    app.reschedule(&first, "2026-11-24T15:00:00Z").await.expect(200);
    app.book_slot("lesson", TEN).await.expect(201);
    app.book_slot("lesson", ELEVEN).await.expect_problem(409, "day-full");
}

#[tokio::test]
async fn a_limited_day_is_the_date_of_the_host_not_of_the_guest() {
    let app = TestApp::without_stream().await;
    // Open around the clock in Auckland, 13 hours ahead: its Wednesday begins on Tuesday at 11:00 UTC.
    app.put_daily_host("hst_far1", "Pacific/Auckland", &[("00:00", "24:00")]).await;
    offer(&app, "far", json!({ "hosts": ["hst_far1"], "max_per_day": 1 })).await;
    app.book_slot("far", "2026-11-24T11:00:00Z").await.expect(201);
    app.book_slot("far", "2026-11-25T10:30:00Z").await.expect_problem(409, "day-full");
    app.book_slot("far", "2026-11-24T10:30:00Z").await.expect(201);
    let free = app.starts("far", "2026-11-24", "2026-11-26").await;
    let free: BTreeSet<&str> = free.iter().map(|start| &start[..13]).collect();
    assert!(!free.contains("2026-11-24T12") && !free.contains("2026-11-25T10"), "{free:?}");
    assert!(free.contains("2026-11-25T11") && !free.contains("2026-11-24T09"), "{free:?}");
}

#[tokio::test]
async fn unconfirmed_holds_cover_no_more_of_a_day_than_they_may() {
    let app = TestApp::without_stream().await;
    let free = app.starts("intro", "2026-11-24", "2026-11-25").await;
    let is_half_hour = |start: &str| [":00:00", ":30:00"].iter().any(|time| start.contains(time));
    let mut held = Vec::new();
    let refused = loop {
        let is_next = |start: &&String| is_half_hour(start) && !held.contains(start);
        let next = free.iter().find(is_next).unwrap();
        let answer = app.hold("intro", next).await;
        if answer.status != 201 {
            break answer;
        }
        held.push(next);
    };
    // Ada works eight hours.
    assert_eq!(held.len(), 8, "eight half hours are half of them");
    refused.expect_problem(429, "too-many-holds");
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    app.pass(TimeDelta::seconds(wait));
    app.hold("intro", free.last().unwrap()).await.expect(201);
}

#[tokio::test]
async fn a_host_books_at_any_time_that_is_free() {
    let app = TestApp::start().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    offer(&app, "lesson", json!({ "needs_confirmation": true, "notice": 1440 })).await;
    let late = json!({ "event_type": "lesson", "start": "2026-11-23T19:05:00Z", "guest": guest() });
    app.book(&late).await.expect_problem(422, "start-too-soon");
    let made = as_host(&app, ADA, Method::POST, "/v1/bookings", Some(&late)).await.expect(201).clone();
    assert_eq!((&made["status"], &made["created_by"]), (&json!("confirmed"), &json!("host")));
    as_host(&app, ADA, Method::POST, "/v1/bookings", Some(&late)).await.expect_problem(409, "slot-taken");
    // Busy is busy for hosts, too: Monday's stand-up.
    let busy = json!({ "event_type": "lesson", "start": "2026-11-24T09:30:00Z", "guest": guest() });
    as_host(&app, ADA, Method::POST, "/v1/bookings", Some(&busy)).await.expect_problem(409, "slot-taken");
    // Another host's event type is not there.
    as_host(&app, GRACE, Method::POST, "/v1/bookings", Some(&late))
        .await
        .expect_problem(404, "unknown-event-type");
}

#[tokio::test]
async fn what_the_event_type_asks_must_be_answered() {
    let app = TestApp::without_stream().await;
    let questions = json!([
        { "key": "level", "label": "Your level?", "kind": "choice", "options": ["A", "B"], "required": true },
        { "key": "terms", "label": "Agreed?", "kind": "checkbox", "required": true },
        { "key": "topic", "label": "What about?", "kind": "text" },
    ]);
    let location = json!({ "kind": "guest_phone" });
    offer(&app, "lesson", json!({ "questions": questions, "location": location })).await;
    let with = |answers: Value| json!({ "event_type": "lesson", "start": TEN, "guest": guest(), "answers": answers });
    let wrong = app.book(&with(json!({ "level": "C", "terms": false, "topic": "a\nb", "age": 7 }))).await;
    wrong.expect_problem(422, "validation");
    assert_eq!(
        wrong.wrong_fields(),
        ["guest.phone", "answers.level", "answers.terms", "answers.topic", "answers.age"]
    );
    let missing = app.book(&json!({ "event_type": "lesson", "start": TEN, "guest": guest() })).await;
    assert_eq!(missing.wrong_fields(), ["guest.phone", "answers.level", "answers.terms"]);
    let mut right = with(json!({ "level": "A", "terms": true }));
    right["guest"]["phone"] = json!("+44 20 7946 0000");
    let booked = app.book(&right).await.expect(201).clone();
    assert_eq!(booked["location"], json!({ "kind": "guest_phone", "value": "+44 20 7946 0000" }));
}

#[tokio::test]
async fn bookings_are_listed_by_start_page_by_page_whatever_is_added_between() {
    let app = TestApp::without_stream().await;
    let list = async |query: &str| {
        app.admin(Method::GET, &format!("/v1/bookings?{query}"), None).await.expect(200).clone()
    };
    let starts = ["10:00", "10:30", "11:00", "11:30", "14:00", "14:30"];
    for start in starts.iter().rev() {
        app.book_slot("intro", &format!("2026-11-24T{start}:00Z")).await.expect(201);
    }
    let office = app.book_slot("office-hours", "2026-11-24T16:00:00Z").await.expect(201).clone();
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(&format!("limit=2{cursor}")).await;
        let bookings = page["bookings"].as_array().unwrap();
        assert!(bookings.len() <= 2);
        seen.extend(bookings.iter().map(|booking| booking["id"].as_str().unwrap().to_owned()));
        // Something before the place that was reached, and something after it.
        if cursor.is_empty() {
            app.book_slot("intro", "2026-11-24T09:00:00Z").await.expect(201);
            app.book_slot("intro", "2026-11-25T09:00:00Z").await.expect(201);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 8, "the seven, and the one that came after");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 8);

    let count = async |query: &str| list(query).await["bookings"].as_array().unwrap().len();
    assert_eq!(count("").await, 9);
    assert_eq!(count(&format!("host={GRACE}")).await, 1);
    assert_eq!(count("event_type=intro").await, 8);
    assert_eq!(count("from=2026-11-24T10:30:00Z&to=2026-11-24T14:00:00Z").await, 3);
    assert_eq!(count("guest_email=MARY@example.com").await, 9);
    assert_eq!(count("guest_email=nobody@example.com").await, 0);
    app.cancel(&office).await.expect(200);
    assert_eq!((count("status=cancelled").await, count("status=confirmed").await), (1, 8));
    assert_eq!((count("calendar_sync=off").await, count("calendar_sync=pending").await), (9, 0));
    for wrong in ["limit=0", "limit=101", "cursor=x", "status=gone", "from=today", "page=2"] {
        app.admin(Method::GET, &format!("/v1/bookings?{wrong}"), None)
            .await
            .expect_problem(422, "validation");
    }
    let own = as_host(&app, GRACE, Method::GET, "/v1/bookings", None).await.expect(200).clone();
    assert_eq!(own["bookings"].as_array().unwrap().len(), 1);
    let others = as_host(&app, GRACE, Method::GET, &format!("/v1/bookings?host={ADA}"), None).await;
    assert_eq!(others.expect(200)["bookings"], json!([]));
}

#[tokio::test]
async fn a_cursor_from_outside_of_the_range_that_is_asked_for_is_no_failure() {
    let app = TestApp::without_stream().await;
    for start in ["10:00", "11:00", "14:00"] {
        app.book_slot("intro", &format!("2026-11-24T{start}:00Z")).await.expect(201);
    }
    for of in ["", "&host=hst_ada1"] {
        let list = async |query: &str| {
            let path = format!("/v1/bookings?{query}{of}");
            app.admin(Method::GET, &path, None).await.expect(200).clone()
        };
        let starts = |page: &Value| {
            let starts = page["bookings"].as_array().unwrap().iter().map(|booking| &booking["start"]);
            starts.map(|start| start.as_str().unwrap()[11..16].to_owned()).collect::<Vec<_>>()
        };
        let cursor = async |limit: u32| list(&format!("limit={limit}")).await["next_cursor"].clone();
        let (first, second) = (cursor(1).await, cursor(2).await);
        let (first, second) = (first.as_str().unwrap(), second.as_str().unwrap());
        // In the guest's zone it is three hours earlier.
        for (query, expected) in [
            (format!("cursor={first}&from=2026-11-24T10:00:00Z"), &["08:00", "11:00"][..]),
            (format!("cursor={first}&from=2026-11-24T14:00:00Z"), &["11:00"]),
            (format!("cursor={first}&from=2026-11-24T15:00:00Z"), &[]),
            (format!("cursor={second}&to=2026-11-24T14:00:00Z"), &[]),
            (format!("cursor={second}&to=2026-11-24T11:00:00Z"), &[]),
            (format!("cursor={second}&to=2026-11-24T10:00:00Z"), &[]),
        ] {
            let page = list(&query).await;
            assert_eq!(starts(&page), expected, "{query}{of}");
            assert_eq!(page["next_cursor"], Value::Null, "{query}{of}");
        }
    }
}

#[tokio::test]
async fn staff_write_notes_and_metadata_and_renew_the_manage_token() {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let path = format!("/v1/bookings/{}", id(&booking));
    let patch = json!({ "notes": "Bring a\npen", "metadata": { "difficulty": 3 } });
    let changed = app.admin(Method::PATCH, &path, Some(&patch)).await.expect(200).clone();
    assert_eq!((&changed["notes"], &changed["metadata"]["difficulty"]), (&json!("Bring a\npen"), &json!(3)));
    assert_eq!(changed["version"], 2);
    let changed = app.admin(Method::PATCH, &path, Some(&json!({ "notes": null }))).await.expect(200).clone();
    assert_eq!((&changed["notes"], &changed["metadata"]["difficulty"]), (&Value::Null, &json!(3)));
    assert_eq!(app.admin(Method::PATCH, &path, Some(&json!({}))).await.expect(200)["version"], 3);
    let big = json!({ "metadata": { "text": "x".repeat(9000) } });
    app.admin(Method::PATCH, &path, Some(&big)).await.expect_problem(422, "validation");

    let renewed = app.admin(Method::PATCH, &path, Some(&json!({ "renew_manage_token": true }))).await;
    let token = renewed.expect(200)["manage_token"].as_str().unwrap().to_owned();
    let own = format!("/v1/tenants/{TENANT}/bookings/{}", id(&booking));
    let old = booking["manage_token"].as_str().unwrap();
    app.send_as(old, Method::GET, &own, None).await.expect_problem(404, "unknown-booking");
    app.send_as(&token, Method::GET, &own, None).await.expect(200);
}

#[tokio::test]
async fn what_a_guest_has_told_is_given_out_and_erased() {
    let app = TestApp::without_stream().await;
    let mut other = guest();
    other["email"] = json!("other@example.com");
    let over = app.book_slot("intro", TEN).await.expect(201).clone();
    let ahead = app.book_slot("intro", "2026-12-10T10:00:00Z").await.expect(201).clone();
    app.book(&json!({ "event_type": "intro", "start": ELEVEN, "guest": other })).await.expect(201);
    app.pass(TimeDelta::days(3));
    let mary = json!({ "email": "Mary@example.com" });
    let job = async |act: &str| {
        let begun = app.admin(Method::POST, &format!("/v1/guests/{act}"), Some(&mary)).await;
        let path = begun.header("location").unwrap();
        assert_eq!(path, format!("/v1/jobs/{}", id(begun.expect(202))));
        app.admin(Method::GET, &path, None).await.expect(200).clone()
    };
    let exported = job("export").await;
    assert_eq!(
        (&exported["status"], &exported["done"], &exported["total"]),
        (&json!("done"), &json!(3), &json!(3))
    );
    let told = exported["result"]["bookings"].as_array().unwrap();
    assert_eq!(told.iter().map(|told| &told["id"]).collect::<Vec<_>>(), [&over["id"], &ahead["id"]]);
    assert_eq!(told[0]["guest"]["email"], "mary@example.com");
    let erased = job("erase").await;
    assert_eq!(erased["result"], json!({ "erased": [over["id"]], "kept": [ahead["id"]] }));
    let void = app.admin(Method::GET, &format!("/v1/jobs/{}", id(&exported)), None).await;
    assert_eq!((&void.expect(200)["status"], &void.body["result"]["bookings"]), (&json!("void"), &json!([])));
    app.cancel(&ahead).await.expect(200);
    assert_eq!(job("erase").await["result"]["erased"], json!([ahead["id"]]));
    let left = app.items().await;
    assert!(!json!(left).to_string().to_lowercase().contains("mary@example.com"), "nothing of her is left");
    assert!(json!(left).to_string().contains("other@example.com"));
    let own = format!("/v1/tenants/{TENANT}/bookings/{}", id(&over));
    app.send_as(over["manage_token"].as_str().unwrap(), Method::GET, &own, None)
        .await
        .expect_problem(404, "unknown-booking");
    for path in ["/v1/guests/export", "/v1/guests/erase"] {
        // Whatever else is wrong: a host is not told how to ask.
        for body in [Some(&mary), Some(&json!({ "email": 5 })), Some(&json!({})), None] {
            as_host(&app, ADA, Method::POST, path, body).await.expect_problem(403, "forbidden");
        }
    }
    let path = format!("/v1/jobs/{}", id(&erased));
    as_host(&app, ADA, Method::GET, &path, None).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_tenant_keeps_what_guests_told_as_long_as_it_says() {
    let app = TestApp::start().await;
    let mut settings = app.app().store.tenant(&app.tenant()).await.unwrap().unwrap();
    settings.retention_days = Some(2);
    app.app().store.put_tenant(&app.tenant(), &settings).await.unwrap();
    app.pass(tests::REMEMBERED);
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    app.pass(TimeDelta::days(3));
    app.tick_for(2).await;
    assert_eq!(app.stored(id(&booking)).await.guest.email, "mary@example.com");
    app.pass(TimeDelta::hours(10));
    app.tick_for(2).await;
    let stored = app.stored(id(&booking)).await;
    assert_eq!((stored.guest.email.as_str(), stored.due_at), ("erased@invalid", None));
}

#[tokio::test]
async fn a_start_is_looked_at_without_being_taken() {
    let app = TestApp::without_stream().await;
    let look = async |start: &str| {
        let path = format!("/v1/tenants/{TENANT}/event-types/intro/availability?start={start}");
        app.send(Method::GET, &path, None).await
    };
    assert_eq!(
        look("2026-11-24T07:00:00-03:00".replace('+', "%2B").as_str()).await.expect(200),
        &json!({ "available": true, "start": "2026-11-24T07:00:00-03:00", "end": "2026-11-24T07:30:00-03:00" })
    );
    app.book_slot("intro", TEN).await.expect(201);
    assert_eq!(look(TEN).await.expect(200)["reason"], "slot-taken");
    assert_eq!(look("2026-11-24T03:00:00Z").await.expect(200)["reason"], "start-not-offered");
    assert_eq!(look("2026-11-23T06:05:00Z").await.expect(200)["reason"], "start-too-soon");
    look("2026-11-24").await.expect_problem(422, "validation");
    let unknown = format!("/v1/tenants/{TENANT}/event-types/nothing/availability?start={TEN}");
    app.send(Method::GET, &unknown, None).await.expect_problem(404, "unknown-event-type");
}
