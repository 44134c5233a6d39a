//! What stands in the host's calendar: the terms of a booking through its templates, its place, and the video
//! conference that Google makes with it in its own time.

use chrono::{SubsecRound, TimeDelta};
use fakes::google::errors;
use holdfast::domain::{
    AgendaEntry, Attempt, Booking, CalendarSync, Conference, EventRef, EventType, Lease, Leftover,
};
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Callee, Death, Point, TestApp, guest};

/// A Tuesday on which Ada is free.
const TEN: &str = "2026-11-24T10:00:00Z";

async fn connected() -> TestApp {
    let app = TestApp::without_stream().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    app.google().faults.take_calls();
    app
}

/// An event type of Ada's with these fields beside the usual ones.
async fn put_call(app: &TestApp, more: &Value) {
    let mut event_type = json!({
        "slug": "call", "hosts": [ADA], "title": "Call", "lengths": [30], "interval": 30, "window_days": 30,
        "active": true,
    });
    event_type.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let event_type: EventType = serde_json::from_value(event_type).unwrap();
    app.app().store.put_event_type(&app.tenant(), &event_type).await.unwrap();
}

/// A booking of a call, and the only event that there is.
async fn called(app: &TestApp, more: &Value) -> (Value, Value) {
    put_call(app, more).await;
    let booking = app.book_slot("call", TEN).await.expect(201).clone();
    (booking, only_event(app))
}

fn only_event(app: &TestApp) -> Value {
    let events = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
    assert_eq!(events.len(), 1);
    events[0].clone()
}

async fn stored(app: &TestApp, booking: &Value) -> Booking {
    app.stored(booking["id"].as_str().unwrap()).await
}

/// Ada's agenda entry of a booking.
async fn entry(app: &TestApp, booking: &Value) -> AgendaEntry {
    app.booking_record(booking["id"].as_str().unwrap()).await.entries.remove(0)
}

/// The calls that reached Google since the last look.
fn google_calls(app: &TestApp) -> Vec<String> {
    app.google().faults.take_calls().into_iter().map(|call| call.op).collect()
}

fn a_meet() -> Value {
    json!({ "location": { "kind": "conference" } })
}

/// A booking whose Meet is being made.
async fn awaited(app: &TestApp) -> Value {
    let (booking, event) = called(app, &a_meet()).await;
    assert_eq!(booking["calendar_sync"], "synced", "the event stands; only its link is to come");
    assert_eq!(event["conferenceData"]["createRequest"]["requestId"], event["id"]);
    let stored = stored(app, &booking).await;
    assert_eq!(stored.conference, Some(Conference::Pending));
    assert_eq!(entry(app, &booking).await.due_at, Some(app.now().trunc_subsecs(0) + TimeDelta::seconds(10)));
    assert_eq!(google_calls(app), ["events.insert"]);
    booking
}

async fn agrees(app: &TestApp) {
    assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_event_says_what_its_templates_say() {
    let app = connected().await;
    let (_, event) = called(
        &app,
        &json!({
            "event_title": "{{guest.name}}: {{event_type}} ({{length}})",
            "event_description": "{{host}} & {{guest.name}} <{{guest.email}}>\nPhone: {{guest.phone}}\n\n{{notes}}\n{{link}}",
            "location": { "kind": "in_person", "address": "12 St James's Square; London" },
            "reminders": [10, 120],
            "visibility": "public",
        }),
    )
    .await;
    assert_eq!(event["summary"], "Mary Somerville: Call (30 min)");
    assert_eq!(
        event["description"], "Ada Lovelace &amp; Mary Somerville &lt;mary@example.com&gt;",
        "what is empty leaves no line, and nothing is read as HTML"
    );
    assert_eq!(event["location"], "12 St James's Square; London");
    assert_eq!(event["visibility"], "public");
    let popup = |minutes: u16| json!({ "method": "popup", "minutes": minutes });
    assert_eq!(event["reminders"]["overrides"], json!([popup(10), popup(120)]));
    assert_eq!(event["start"]["timeZone"], "Europe/London", "the zone of the schedule that offered it");
    assert_eq!(event.get("conferenceData"), None);
}

#[tokio::test]
async fn what_a_guest_writes_is_text_in_the_calendar() {
    let app = connected().await;
    put_call(&app, &json!({ "event_description": "{{answers}}\n{{notes}}" })).await;
    let mut guest = guest();
    guest["name"] = json!("{{notes}}");
    let body = json!({
        "event_type": "call", "start": TEN, "guest": guest, "notes": "<a href='https://evil.example'>{{host}}</a>",
        "answers": { "how_heard": "a friend", "agrees": true },
    });
    let booking = app.book(&body).await.expect(201).clone();
    let event = only_event(&app);
    assert_eq!(event["summary"], "Call with {{notes}}");
    assert_eq!(
        event["description"],
        "agrees: yes\nhow heard: a friend\n&lt;a href='https://evil.example'&gt;{{host}}&lt;/a&gt;"
    );
    let token = booking["manage_token"].as_str().unwrap();
    assert!(!event.to_string().contains(token), "the guest's capability is nothing for the host's calendar");
}

#[tokio::test]
async fn each_kind_of_place_is_the_events_location() {
    for (location, expected) in [
        (json!({ "kind": "guest_phone" }), json!("+44 20 7946 0018")),
        (json!({ "kind": "host_phone", "number": "+44 20 7946 0000" }), json!("+44 20 7946 0000")),
        (json!({ "kind": "in_person", "address": "Ockham Park" }), json!("Ockham Park")),
        (
            json!({ "kind": "video_link", "url": "https://video.example/ada" }),
            json!("https://video.example/ada"),
        ),
        (Value::Null, Value::Null),
    ] {
        let app = connected().await;
        put_call(&app, &json!({ "location": location, "event_description": "At {{location}}" })).await;
        let mut guest = guest();
        guest["phone"] = json!("+44 20 7946 0018");
        app.book(&json!({ "event_type": "call", "start": TEN, "guest": guest })).await.expect(201);
        let event = only_event(&app);
        assert_eq!(event["location"].as_str().unwrap_or_default(), expected.as_str().unwrap_or_default());
        let described = event["description"].as_str().unwrap_or_default();
        assert_eq!(described, expected.as_str().map(|place| format!("At {place}")).unwrap_or_default());
    }
}

#[tokio::test]
async fn a_meet_is_read_once_it_is_there_and_then_no_more() {
    let app = connected().await;
    let booking = awaited(&app).await;
    app.pass(TimeDelta::seconds(10));
    app.tick().await;
    assert_eq!(google_calls(&app), ["events.get"], "reading is one call, and no update");
    let stored_now = stored(&app, &booking).await;
    let link = only_event(&app)["hangoutLink"].as_str().unwrap().to_owned();
    assert_eq!(stored_now.conference, Some(Conference::Ready { url: link.clone() }));
    let entry = entry(&app, &booking).await;
    assert_eq!((stored_now.join_url(), entry.due_at), (Some(link.as_str()), None));
    assert_eq!((stored_now.version, entry.failures), (1, 0));
    agrees(&app).await;
    app.tick().await;
    assert_eq!(google_calls(&app), <[&str; 0]>::default());

    app.cancel(&booking).await.expect(200);
    assert_eq!(stored(&app, &booking).await.conference, None);
    agrees(&app).await;
}

#[tokio::test]
async fn a_meet_is_still_awaited_after_something_else_was_cleaned_up() {
    for is_attempt in [false, true] {
        let app = connected().await;
        let booking = awaited(&app).await;
        let before = entry(&app, &booking).await;
        let mut after = AgendaEntry { due_at: Some(app.now()), ..before.clone() };
        let event = &before.standing().unwrap().event;
        if is_attempt {
            // Another worker died in the middle of an earlier writing.
            let worker = Lease { id: "dead".to_owned(), until: app.now() - TimeDelta::minutes(5) };
            after.attempts =
                vec![Attempt { at: event.at.clone(), generation: 7, span: before.span(), worker }];
        } else {
            after.leftovers =
                vec![Leftover { event: EventRef { event: "left".to_owned(), ..event.clone() }, etag: None }];
        }
        app.app().store.change_entry(&before, after).await.unwrap();
        app.tick().await;
        let cleaned = entry(&app, &booking).await;
        assert_eq!((cleaned.leftovers, cleaned.attempts), (Vec::new(), Vec::new()));
        app.tick_for(2).await;
        let url = only_event(&app)["hangoutLink"].as_str().unwrap().to_owned();
        assert_eq!(stored(&app, &booking).await.conference, Some(Conference::Ready { url }));
        assert_eq!(entry(&app, &booking).await.due_at, None);
        agrees(&app).await;
    }
}

#[tokio::test]
async fn a_meet_is_still_awaited_after_its_booking_was_completed() {
    let app = connected().await;
    let booking = awaited(&app).await;
    app.pass(stored(&app, &booking).await.span().end.instant() + TimeDelta::minutes(5) - app.now());
    app.step(booking["id"].as_str().unwrap(), "complete", None).await.expect(200);
    app.tick_for(2).await;
    let url = only_event(&app)["hangoutLink"].as_str().unwrap().to_owned();
    assert_eq!(stored(&app, &booking).await.conference, Some(Conference::Ready { url }));
    assert_eq!(entry(&app, &booking).await.due_at, None);
}

#[tokio::test]
async fn a_disconnect_that_cannot_remove_an_event_says_so_also_while_its_meet_is_awaited() {
    let app = connected().await;
    let booking = awaited(&app).await;
    app.google().faults.always("events.delete", errors::backend_error(503));
    let integration = app.integrations(ADA).await[0]["id"].as_str().unwrap().to_owned();
    app.disconnect(&integration).await;
    app.tick_for(3).await;
    app.pass(TimeDelta::hours(24));
    app.tick_for(2).await;
    let record = app.booking_record(booking["id"].as_str().unwrap()).await;
    assert_eq!(record.calendar_sync(), CalendarSync::Detached);
}

#[tokio::test]
async fn a_meet_that_google_cannot_make_is_said_to_have_failed() {
    let app = connected().await;
    app.google().fail_meetings(true);
    let booking = awaited(&app).await;
    app.pass(TimeDelta::seconds(10));
    app.tick().await;
    let stored = stored(&app, &booking).await;
    let due_at = entry(&app, &booking).await.due_at;
    assert_eq!((stored.conference, due_at), (Some(Conference::Failed), None));
    agrees(&app).await;
}

#[tokio::test]
async fn a_meet_that_never_comes_is_given_up_after_ten_reads() {
    let app = connected().await;
    app.google().set_meet_delay(TimeDelta::days(30));
    let booking = awaited(&app).await;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let due_at = entry(&app, &booking).await.due_at.unwrap();
        pauses.push((due_at - app.now().trunc_subsecs(0)).num_seconds());
        app.pass(due_at - app.now());
        app.tick().await;
        let reads = google_calls(&app).into_iter().filter(|op| op == "events.get").count();
        assert_eq!(reads, 1);
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
    let stored = stored(&app, &booking).await;
    let due_at = entry(&app, &booking).await.due_at;
    assert_eq!((stored.conference, due_at), (Some(Conference::Failed), None));
    agrees(&app).await;
}

#[tokio::test]
async fn a_calendar_that_cannot_be_reached_costs_the_meet_a_read_and_no_more() {
    let app = connected().await;
    let booking = awaited(&app).await;
    app.google().faults.always("events.get", errors::backend_error(503));
    app.pass(TimeDelta::seconds(10));
    app.tick().await;
    let waiting = stored(&app, &booking).await;
    let failures = entry(&app, &booking).await.failures;
    assert_eq!((&waiting.conference, failures), (&Some(Conference::Pending), 1));
    agrees(&app).await;
    app.google().faults.clear();
    app.tick_for(1).await;
    let found = stored(&app, &booking).await.conference;
    assert!(matches!(found, Some(Conference::Ready { .. })), "{found:?}");
}

#[tokio::test]
async fn a_calendar_without_meet_gets_the_event_without_one() {
    let app = connected().await;
    app.google().forbid_meetings(ADA_ACCOUNT);
    let (booking, event) = called(&app, &a_meet()).await;
    assert_eq!(google_calls(&app), ["events.insert", "events.insert"]);
    assert_eq!(booking["calendar_sync"], "synced");
    assert_eq!(event["attendees"][0]["email"], "mary@example.com", "the guest is invited all the same");
    let stored = stored(&app, &booking).await;
    let due_at = entry(&app, &booking).await.due_at;
    assert_eq!((stored.conference, due_at), (Some(Conference::Failed), None));
}

#[tokio::test]
async fn a_meet_asked_for_by_two_pushes_is_made_once() {
    let app = connected().await;
    put_call(&app, &a_meet()).await;
    app.google().faults.next("events.insert", errors::forbidden());
    let booking = app.book_slot("call", TEN).await.expect(201).clone();
    assert_eq!(booking["calendar_sync"], "pending");

    // What the request has left is due when it can no longer be at it.
    app.pass(TimeDelta::seconds(31));
    let key = entry(&app, &booking).await.key();
    let point = Point { callee: Callee::Google, op: "events.insert".to_owned(), nth: 0 };
    let push = |process| async move { holdfast::flows::push(&process, &key).await.is_ok() };
    app.crash(&point, Death::Unheard, push).await;
    app.pass(TimeDelta::seconds(31));
    let link = only_event(&app)["hangoutLink"].clone();
    assert!(link.is_string());
    google_calls(&app);

    app.tick().await;
    assert_eq!(google_calls(&app), ["events.insert", "events.get"], "found, it is not written again");
    assert_eq!(only_event(&app)["hangoutLink"], link);
    let stored = stored(&app, &booking).await;
    assert_eq!(stored.join_url(), link.as_str());
    agrees(&app).await;
}

#[tokio::test]
async fn a_meet_of_an_event_that_somebody_deleted_is_awaited_no_longer() {
    let app = connected().await;
    let booking = awaited(&app).await;
    let event = only_event(&app)["id"].as_str().unwrap().to_owned();
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &event);
    app.pass(TimeDelta::seconds(10));
    app.tick().await;
    assert_eq!(google_calls(&app), ["events.get"]);
    let stored = stored(&app, &booking).await;
    let due_at = entry(&app, &booking).await.due_at;
    assert_eq!((stored.conference, due_at), (Some(Conference::Failed), None));
}

#[tokio::test]
async fn a_meet_is_awaited_no_longer_once_its_account_is_disconnected() {
    let app = connected().await;
    let booking = awaited(&app).await;
    let integrations = app.integrations(ADA).await;
    app.disconnect(integrations[0]["id"].as_str().unwrap()).await.expect(200);
    app.pass(TimeDelta::seconds(10));
    app.tick().await;
    let stored = stored(&app, &booking).await;
    let due_at = entry(&app, &booking).await.due_at;
    assert_eq!((stored.conference, due_at), (Some(Conference::Failed), None));
}
