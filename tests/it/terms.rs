//! A booking keeps what was agreed, whatever becomes of its event type: its length, its buffers and its host, by API and
//! by page.

use chrono::{DateTime, TimeDelta, Utc};
use holdfast::domain::{BookingStatus, Counter, EventType};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, REMEMBERED, TENANT, TestApp, guest};

use super::pages::Browser;

const HOST: &str = "hst_terms1";
const OTHER: &str = "hst_terms2";
const SLUG: &str = "agreed";
const START: &str = "2026-11-24T10:00:00Z";
/// What was agreed: ninety minutes, with ten before and five after.
const LENGTH: i64 = 90;
const BEFORE: i64 = 10;
const OCCUPIED: i64 = BEFORE + LENGTH + 5;
const NO_CELLS: [DateTime<Utc>; 0] = [];

/// A booking of ninety minutes with one of two hosts.
async fn booked() -> (TestApp, Value) {
    let app = offering().await;
    let body = json!({ "event_type": SLUG, "start": START, "length": LENGTH, "guest": guest() });
    let booking = app.book(&body).await.expect(201).clone();
    (app, booking)
}

async fn offering() -> TestApp {
    let app = TestApp::without_stream().await;
    for host in [HOST, OTHER] {
        app.put_daily_host(host, "UTC", &[("08:00", "18:00")]).await;
    }
    app.put_team(SLUG, &[HOST], &fields()).await;
    app
}

fn fields() -> Value {
    json!({
        "lengths": [30, LENGTH], "interval": 15, "window_days": 14, "buffer_before": BEFORE, "buffer_after": 5,
    })
}

async fn event_type(app: &TestApp) -> EventType {
    app.app().store.event_type_strong(&app.tenant(), &SLUG.parse().unwrap()).await.unwrap().unwrap()
}

async fn change(app: &TestApp, change: Value) {
    let path = format!("/v1/event-types/{SLUG}");
    app.admin(Method::PATCH, &path, Some(&change)).await.expect(200);
    app.pass(REMEMBERED);
}

/// How a booking is cancelled.
#[derive(Clone, Copy, Debug)]
enum CancelBy {
    Guest,
    Page,
    Staff,
}

/// The event type changes, and a booking made before is shown, moved by everybody who may, and cancelled in each way.
async fn bookings_keep_their_terms(change: impl AsyncFn(&TestApp)) {
    for by in [CancelBy::Guest, CancelBy::Page, CancelBy::Staff] {
        let (app, booking) = booked().await;
        change(&app).await;
        keeps_its_terms(&app, &booking).await;
        is_cancelled(&app, &booking, by).await;
    }
}

/// The booking is shown, and moved by everybody who may, as it was agreed.
async fn keeps_its_terms(app: &TestApp, booking: &Value) {
    assert_agreed(app, booking, START).await;
    let (id, token) = (booking["id"].as_str().unwrap(), booking["manage_token"].as_str().unwrap());

    // The page lists the starts of its own length: the hours end at 18:00.
    let browser = Browser { app };
    let own = format!("/manage/{TENANT}/{id}");
    let weeks = page(app, &format!("{own}/move?token={token}&zone=UTC&week=2026-11-23")).await;
    let listed = starts(&weeks);
    let of_day: Vec<_> = listed.iter().filter(|start| start.starts_with("2026-11-25")).collect();
    assert_eq!(of_day.first().map(|start| start.as_str()), Some("2026-11-25T08:00:00Z"));
    assert_eq!(of_day.last().map(|start| start.as_str()), Some("2026-11-25T16:30:00Z"), "ninety minutes");
    assert_eq!(of_day.len(), 35);
    let to = "2026-11-25T16:30:00Z";
    let form = [("token", token), ("zone", "UTC"), ("start", to)];
    let moved = browser.post(&format!("{own}/reschedule"), &form).await;
    assert_eq!(moved.status, 303, "{}", moved.text);
    assert_agreed(app, booking, to).await;

    // The guest, then staff.
    let to = "2026-11-26T09:00:00Z";
    assert_eq!(app.reschedule(booking, to).await.expect(200)["length"], LENGTH);
    assert_agreed(app, booking, to).await;
    let to = "2026-11-27T19:00:00Z";
    let moved = app.step(id, "reschedule", Some(&json!({ "start": to }))).await;
    assert_eq!(moved.expect(200)["length"], LENGTH);
    assert_agreed(app, booking, to).await;
}

async fn is_cancelled(app: &TestApp, booking: &Value, by: CancelBy) {
    let (id, token) = (booking["id"].as_str().unwrap(), booking["manage_token"].as_str().unwrap());
    match by {
        CancelBy::Guest => {
            app.cancel(booking).await.expect(200);
        }
        CancelBy::Page => {
            let path = format!("/manage/{TENANT}/{id}/cancel");
            let done = Browser { app }.post(&path, &[("token", token)]).await;
            assert_eq!(done.status, 303, "{}", done.text);
        }
        CancelBy::Staff => {
            app.step(id, "cancel", None).await.expect(200);
        }
    }
    assert_eq!(app.stored(id).await.status, BookingStatus::Cancelled, "{by:?}");
    assert_eq!(app.booked_cells(HOST, "2026-11-23", "2026-12-05").await, NO_CELLS);
    assert_eq!(app.broken().await, Vec::<String>::new());
}

/// Shown to guest, staff and on the page; its cells are those that were agreed, of its own host.
async fn assert_agreed(app: &TestApp, booking: &Value, start: &str) {
    let (id, token) = (booking["id"].as_str().unwrap(), booking["manage_token"].as_str().unwrap());
    let path = format!("/v1/tenants/{TENANT}/bookings/{id}");
    let to_guest = app.send_as(token, Method::GET, &path, None).await;
    let to_staff = app.admin(Method::GET, &format!("/v1/bookings/{id}"), None).await;
    for shown in [to_guest.expect(200), to_staff.expect(200)] {
        assert_eq!(shown["length"], LENGTH);
        assert_eq!(shown["title"], booking["title"]);
        let at = DateTime::parse_from_rfc3339(shown["start"].as_str().unwrap()).unwrap();
        assert_eq!(at, instant(start));
    }
    let shown = page(app, &format!("/manage/{TENANT}/{id}?token={token}")).await;
    assert!(shown.text.contains(SLUG), "{}", shown.text);
    let first = instant(start) - TimeDelta::minutes(BEFORE);
    let cells: Vec<_> = (0..OCCUPIED / 5).map(|cell| first + TimeDelta::minutes(5 * cell)).collect();
    assert_eq!(app.booked_cells(HOST, "2026-11-23", "2026-12-05").await, cells);
    assert_eq!(app.booked_cells(OTHER, "2026-11-23", "2026-12-05").await, NO_CELLS);
    assert_eq!(app.broken().await, Vec::<String>::new());
}

async fn page(app: &TestApp, path: &str) -> Answer {
    let page = app.send(Method::GET, path, None).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page
}

fn starts(page: &Answer) -> Vec<String> {
    let buttons = page.text.split("name=\"start\" value=\"").skip(1);
    buttons.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_booking_keeps_its_terms_when_its_length_is_dropped() {
    bookings_keep_their_terms(async |app| change(app, json!({ "lengths": [30] })).await).await;
}

#[tokio::test]
async fn a_booking_keeps_its_terms_when_its_event_type_is_archived() {
    bookings_keep_their_terms(async |app| {
        app.admin(Method::DELETE, &format!("/v1/event-types/{SLUG}"), None).await;
        assert!(event_type(app).await.archived, "bookings refer to it: it is kept");
        app.pass(REMEMBERED);
    })
    .await;
}

#[tokio::test]
async fn a_booking_keeps_its_terms_when_its_event_type_is_given_to_another_host() {
    bookings_keep_their_terms(async |app| {
        change(app, json!({ "host": OTHER })).await;
        assert_eq!(event_type(app).await.hosts.organizer().as_str(), OTHER);
    })
    .await;
}

#[tokio::test]
async fn a_booking_keeps_its_terms_when_its_event_types_buffers_change() {
    let buffers = json!({ "buffer_before": 0, "buffer_after": 60 });
    bookings_keep_their_terms(async |app| change(app, buffers.clone()).await).await;
}

/// The product archives an event type that bookings refer to: one that is gone all the same leaves them shown and
/// cancelled, and says that it cannot offer them another time.
#[tokio::test]
async fn a_booking_keeps_its_terms_when_its_event_type_is_gone_and_can_be_cancelled() {
    for by in [CancelBy::Guest, CancelBy::Page, CancelBy::Staff] {
        let (app, booking) = booked().await;
        let gone = event_type(&app).await;
        app.app().store.remove_event_type(&app.tenant(), &gone).await.unwrap();
        app.pass(REMEMBERED);
        assert_agreed(&app, &booking, START).await;
        let to = "2026-11-26T09:00:00Z";
        app.reschedule(&booking, to).await.expect_problem(409, "event-type-gone");
        let (id, token) = (booking["id"].as_str().unwrap(), booking["manage_token"].as_str().unwrap());
        let moved = app.step(id, "reschedule", Some(&json!({ "start": to }))).await;
        moved.expect_problem(409, "event-type-gone");
        let browser = Browser { app: &app };
        let own = format!("/manage/{TENANT}/{id}");
        let opened = app.send(Method::GET, &format!("{own}/move?token={token}&zone=UTC"), None).await;
        let moved = browser
            .post(&format!("{own}/reschedule"), &[("token", token), ("zone", "UTC"), ("start", to)])
            .await;
        for page in [opened, moved] {
            assert_eq!(page.status, 409, "{}", page.text);
            assert!(page.text.contains("no longer"), "{}", page.text);
        }
        assert_agreed(&app, &booking, START).await;
        is_cancelled(&app, &booking, by).await;
    }
}

/// A hold of ninety minutes.
async fn held(app: &TestApp) -> String {
    app.hold_for(SLUG, START, Some(90)).await.expect(201)["hold"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_hold_keeps_the_buffers_under_which_it_was_taken() {
    let app = offering().await;
    let hold = held(&app).await;
    change(&app, json!({ "buffer_before": 0, "buffer_after": 60 })).await;
    let booking = app.confirm(&hold).await.expect(201).clone();
    keeps_its_terms(&app, &booking).await;
    is_cancelled(&app, &booking, CancelBy::Guest).await;
}

#[tokio::test]
async fn a_confirmation_that_is_repeated_finds_its_booking_whatever_the_event_type_has_become() {
    let question = json!({ "key": "anvil", "label": "Which anvil?", "kind": "text", "required": true });
    for changed in [json!({ "questions": [question] }), json!({ "lengths": [30] }), json!({ "host": OTHER })]
    {
        let app = offering().await;
        let hold = held(&app).await;
        let first = app.confirm(&hold).await.expect(201).clone();
        change(&app, changed.clone()).await;
        let again = app.confirm(&hold).await;
        assert_eq!(again.expect(201)["id"], first["id"], "{changed}");
        assert_agreed(&app, &first, START).await;
    }
}

/// A schedule that was agreed is removed: the booking is moved within its host's default hours, and counts as before.
#[tokio::test]
async fn a_booking_keeps_its_terms_when_its_schedule_is_removed() {
    for by in [CancelBy::Guest, CancelBy::Page, CancelBy::Staff] {
        let app = offering().await;
        let weekly = json!({ "tue": [{ "from": "19:00", "to": "22:00" }] });
        let body = json!({ "host": HOST, "name": "Evenings", "time_zone": "Asia/Tokyo", "weekly": weekly });
        let made = app.admin(Method::POST, "/v1/schedules", Some(&body)).await.expect(201).clone();
        let schedule = made["id"].as_str().unwrap();
        change(&app, json!({ "schedule": schedule, "max_per_day": 1 })).await;
        let body = json!({ "event_type": SLUG, "start": START, "length": LENGTH, "guest": guest() });
        let booking = app.book(&body).await.expect(201).clone();
        assert_eq!(counted(&app, &booking).await, ["2026-11-24"], "in Tokyo");
        change(&app, json!({ "schedule": null })).await;
        app.admin(Method::DELETE, &format!("/v1/schedules/{schedule}"), None).await.expect(204);
        app.pass(REMEMBERED);
        keeps_its_terms(&app, &booking).await;
        assert_eq!(counted(&app, &booking).await, ["2026-11-27"]);
        is_cancelled(&app, &booking, by).await;
        assert_eq!(counted(&app, &booking).await, [""; 0]);
    }
}

/// The dates under which a booking counts towards the daily limit.
async fn counted(app: &TestApp, booking: &Value) -> Vec<String> {
    let stored = app.stored(booking["id"].as_str().unwrap()).await;
    let date = |Counter::EventTypeDay { date, .. }: &Counter| date.to_string();
    stored.counters.iter().map(date).collect()
}
