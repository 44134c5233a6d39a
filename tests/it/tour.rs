//! The README's tour: connect a calendar, list, hold, confirm, look, cancel. Every answer on the way is of the
//! form that the API document gives it.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, TimeDelta, Utc};
use holdfast::domain::Zone;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, TENANT, TestApp, guest};
use url::Url;

use crate::openapi::documented;

const LISTING: &str = "/v1/tenants/{tenant}/event-types/{slug}/slots";
const FROM: &str = "2026-11-23";
const TO: &str = "2026-12-05";

/// From when to when.
type Time = (DateTime<Utc>, DateTime<Utc>);

#[tokio::test]
async fn a_guest_books_around_the_hosts_calendar_and_the_calendar_shows_it() {
    let app = TestApp::start().await;
    connect_ada(&app).await;

    let free = list(&app).await;
    assert_eq!(free, expected(&busy(&app)), "neither more nor less than her hours leave");

    let first = free.iter().find(|(start, _)| start.date_naive() == date("2026-11-24")).unwrap();
    let start = first.0.to_rfc3339();
    let held = app.hold("intro", &start).await;
    documented("post", "/v1/tenants/{tenant}/holds", &held);
    let held = held.expect(201).clone();
    assert_eq!(
        held["expires_at"],
        (app.now() + TimeDelta::minutes(5)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );
    let left = list(&app).await;
    assert!(left.iter().all(|slot| !overlap(slot, first)), "a held slot is not listed");

    for second in [app.hold("intro", &start).await, app.book_slot("intro", &start).await] {
        documented("post", "/v1/tenants/{tenant}/holds", &second);
        let near = second.expect_problem(409, "slot-taken")["alternatives"].as_array().unwrap();
        assert_eq!(near.len(), 5);
        assert!(near.iter().map(slot).all(|near| left.contains(&near)), "{near:?}");
    }

    let request = json!({
        "hold": held["hold"], "guest": guest(), "answers": { "company": "Royal Society" },
        "notes": "Bring the engine.", "metadata": { "crm": 42 },
    });
    let confirmed = app.book(&request).await;
    documented("post", "/v1/tenants/{tenant}/bookings", &confirmed);
    let booking = confirmed.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    assert_eq!(confirmed.header("location"), Some(format!("/v1/tenants/{TENANT}/bookings/{id}")));
    assert_eq!(booking["calendar_sync"], "synced");
    insta::assert_json_snapshot!(redacted(&booking), @r#"
    {
      "answer_by": null,
      "answers": {
        "company": "Royal Society"
      },
      "calendar_event": {
        "calendar": "ada@example.com",
        "event": "[random]",
        "integration": "[random]"
      },
      "calendar_sync": "synced",
      "changed_by": "guest",
      "changed_by_integration": null,
      "conference": null,
      "created_at": "2026-11-23T06:00:00Z",
      "created_by": "guest",
      "end": "2026-11-24T06:30:00-03:00",
      "event_type": "intro",
      "guest": {
        "email": "mary@example.com",
        "name": "Mary Somerville",
        "time_zone": "America/Sao_Paulo"
      },
      "hosts": [
        {
          "cells": [
            {
              "day": "2026-11-24",
              "from": 108,
              "to": 114
            }
          ],
          "host": "hst_ada1"
        }
      ],
      "id": "[random]",
      "length": 30,
      "location": null,
      "manage_token": "[random]",
      "metadata": {
        "crm": 42
      },
      "notes": "Bring the engine.",
      "reason": null,
      "start": "2026-11-24T06:00:00-03:00",
      "status": "confirmed",
      "time_zone": "America/Sao_Paulo",
      "title": "Intro call",
      "version": 1
    }
    "#);

    let event = shown_event(&app, &booking, *first);
    look(&app, &booking).await;
    // Nothing is left to be done, and her calendar being read again changes nothing.
    app.tick_for(5).await;
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), [event]);
    assert_eq!(app.local.dead_letters(), Vec::<Value>::new());

    let cancelled = app.cancel(&booking).await;
    documented("delete", "/v1/tenants/{tenant}/bookings/{id}", &cancelled);
    let cancelled = cancelled.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["calendar_sync"]), (&json!("cancelled"), &json!("synced")));
    assert_eq!(cancelled["calendar_event"], Value::Null);
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), Vec::<Value>::new());
    assert_eq!(list(&app).await, free, "the slot is back");
}

/// The only event of ours, which says at this time what the booking says.
fn shown_event(app: &TestApp, booking: &Value, slot: (DateTime<Utc>, DateTime<Utc>)) -> Value {
    let [event] = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).try_into().unwrap();
    assert_eq!(event["summary"], "Intro call with Mary Somerville");
    assert_eq!((instant(&event["start"]["dateTime"]), instant(&event["end"]["dateTime"])), slot);
    assert_eq!((&event["visibility"], &event["transparency"]), (&json!("private"), &json!("opaque")));
    assert_eq!(event["attendees"][0]["email"], "mary@example.com");
    assert_eq!(event["id"], booking["calendar_event"]["event"]);
    let marks = &event["extendedProperties"]["private"];
    assert_eq!(marks["holdfast_booking"], booking["id"]);
    assert_eq!(marks["holdfast_integration"], booking["calendar_event"]["integration"]);
    for said in ["mary@example.com", "Bring the engine."] {
        assert!(event["description"].as_str().unwrap().contains(said), "{event}");
    }
    event
}

#[tokio::test]
async fn a_booking_that_is_not_to_be_in_the_calendar_is_not() {
    let app = TestApp::start().await;
    connect_ada(&app).await;
    let events = app.google().events(ADA_ACCOUNT, ADA_ACCOUNT);
    let free = list(&app).await;
    let start = free[3].0.to_rfc3339();
    let held = app.hold("intro", &start).await.expect(201)["hold"].clone();
    let confirmed = app.book(&json!({ "hold": held, "guest": guest(), "sync_to_calendar": false })).await;
    documented("post", "/v1/tenants/{tenant}/bookings", &confirmed);
    let booking = confirmed.expect(201).clone();
    assert_eq!((&booking["calendar_sync"], &booking["calendar_event"]), (&json!("off"), &Value::Null));
    look(&app, &booking).await;
    app.tick_for(2).await;
    assert!(list(&app).await.iter().all(|slot| !overlap(slot, &free[3])), "the slot is taken all the same");
    app.hold("intro", &start).await.expect_problem(409, "slot-taken");

    let id = booking["id"].as_str().unwrap();
    let cancelled = app.step(id, "cancel", None).await;
    documented("post", "/v1/bookings/{id}/cancel", &cancelled);
    let cancelled = cancelled.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["calendar_sync"]), (&json!("cancelled"), &json!("off")));
    assert_eq!(list(&app).await, free, "the slot is back");
    assert_eq!(app.google().events(ADA_ACCOUNT, ADA_ACCOUNT), events, "her calendar never saw it");
}

#[tokio::test]
async fn a_listing_is_by_the_guests_own_days() {
    let app = TestApp::start().await;
    connect_ada(&app).await;
    let listing = app.listing("deep-dive", FROM, "2026-11-24", "America/Los_Angeles").await;
    documented("get", LISTING, &listing);
    insta::assert_json_snapshot!(listing.expect(200), @r#"
    {
      "days": [
        {
          "date": "2026-11-23",
          "slots": [
            {
              "end": "2026-11-23T03:00:00-08:00",
              "start": "2026-11-23T02:00:00-08:00"
            },
            {
              "end": "2026-11-23T03:30:00-08:00",
              "start": "2026-11-23T02:30:00-08:00"
            },
            {
              "end": "2026-11-23T04:00:00-08:00",
              "start": "2026-11-23T03:00:00-08:00"
            },
            {
              "end": "2026-11-23T04:30:00-08:00",
              "start": "2026-11-23T03:30:00-08:00"
            },
            {
              "end": "2026-11-23T05:00:00-08:00",
              "start": "2026-11-23T04:00:00-08:00"
            },
            {
              "end": "2026-11-23T05:30:00-08:00",
              "start": "2026-11-23T04:30:00-08:00"
            },
            {
              "end": "2026-11-23T06:00:00-08:00",
              "start": "2026-11-23T05:00:00-08:00"
            },
            {
              "end": "2026-11-23T06:30:00-08:00",
              "start": "2026-11-23T05:30:00-08:00"
            }
          ]
        }
      ],
      "time_zone": "America/Los_Angeles"
    }
    "#);
}

#[tokio::test]
async fn what_asks_for_nothing_is_answered() {
    let app = TestApp::without_stream().await;
    let health = app.send(Method::GET, "/v1/health", None).await;
    documented("get", "/v1/health", &health);
    assert_eq!(health.expect(200), &json!({ "status": "ok", "time_zones": Zone::release() }));
    let document = app.send(Method::GET, "/v1/openapi.json", None).await;
    assert_eq!(document.expect(200)["info"]["title"], "Holdfast");
}

/// Through the consent page, as a browser does it.
async fn connect_ada(app: &TestApp) {
    let path = "/v1/integrations/google/connect";
    let started = app.admin(Method::POST, path, Some(&json!({ "host": ADA }))).await;
    documented("post", "/v1/integrations/{provider}/connect", &started);
    let url: Url = started.expect(200)["authorization_url"].as_str().unwrap().parse().unwrap();
    let cookie = started.header("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap();

    let page = Answer::of(app.http().get(url.clone()).send().await.unwrap()).await;
    assert!(page.status == 200 && page.text.contains("Allow access?"), "{}", page.text);
    let mut form =
        vec![("account".to_owned(), ADA_ACCOUNT.to_owned()), ("decision".to_owned(), "allow".to_owned())];
    for (name, value) in url.query_pairs() {
        if name == "scope" {
            form.extend(value.split(' ').map(|scope| ("scope".to_owned(), scope.to_owned())));
            form.push(("requested_scope".to_owned(), value.into_owned()));
        } else {
            form.push((name.into_owned(), value.into_owned()));
        }
    }
    let decision = url.join("/o/oauth2/v2/auth/decision").unwrap();
    let sent_on = Answer::of(app.http().post(decision).form(&form).send().await.unwrap()).await;
    let arrived = app.come_back(&sent_on.header("location").unwrap(), cookie).await;
    assert!(arrived.status == 200 && arrived.text.contains("Calendar connected"), "{}", arrived.text);

    let listed = app.admin(Method::GET, &format!("/v1/integrations?host={ADA}"), None).await;
    documented("get", "/v1/integrations", &listed);
    let [integration] = listed.expect(200)["integrations"].as_array().unwrap().as_slice() else {
        panic!("{}", listed.text)
    };
    assert_eq!(integration["status"], "connected");
    assert_eq!(
        (&integration["account"], &integration["target_calendar"]),
        (&json!(ADA_ACCOUNT), &json!(ADA_ACCOUNT))
    );
    assert_eq!(integration["conflict_calendars"], json!([ADA_ACCOUNT]));
    assert_eq!(integration["last_sync_error"], Value::Null);
    assert!(integration["last_sync_range"].is_object(), "its calendars have been read: {integration}");
    let id = integration["id"].as_str().unwrap();
    for (method, path) in [
        ("get", "/v1/integrations/{id}"),
        ("get", "/v1/integrations/{id}/calendars"),
        ("post", "/v1/integrations/{id}/sync"),
    ] {
        let answer = app.admin(method.to_uppercase().parse().unwrap(), &path.replace("{id}", id), None).await;
        answer.expect(200);
        documented(method, path, &answer);
    }
}

/// The guest with the manage token and the admin see the same, and it is what the booker was told.
async fn look(app: &TestApp, booking: &Value) {
    let id = booking["id"].as_str().unwrap();
    let token = booking["manage_token"].as_str().unwrap();
    let own = app.send_as(token, Method::GET, &format!("/v1/tenants/{TENANT}/bookings/{id}"), None).await;
    documented("get", "/v1/tenants/{tenant}/bookings/{id}", &own);
    let admins = app.admin(Method::GET, &format!("/v1/bookings/{id}"), None).await;
    documented("get", "/v1/bookings/{id}", &admins);
    let mut told = booking.clone();
    told.as_object_mut().unwrap().remove("manage_token");
    assert_eq!((own.expect(200), admins.expect(200)), (&told, &told));
}

/// The slots of `intro` over two weeks.
async fn list(app: &TestApp) -> Vec<Time> {
    let listing = app.listing("intro", FROM, TO, "America/Sao_Paulo").await;
    documented("get", LISTING, &listing);
    let days = listing.expect(200)["days"].as_array().unwrap();
    days.iter().flat_map(|day| day["slots"].as_array().unwrap()).map(slot).collect()
}

/// What Ada's calendar says she is busy with.
fn busy(app: &TestApp) -> Vec<(Time, String)> {
    let events = app.google().events(ADA_ACCOUNT, ADA_ACCOUNT);
    let counts = |event: &&Value| {
        let attendees = event["attendees"].as_array().into_iter().flatten();
        let declined = attendees
            .into_iter()
            .any(|one| one["email"] == ADA_ACCOUNT && one["responseStatus"] == "declined");
        event["transparency"] != "transparent" && !declined
    };
    let at = |point: &Value| match point["date"].as_str() {
        // London in winter.
        Some(day) => date(day).and_time(NaiveTime::MIN).and_utc(),
        None => instant(&point["dateTime"]),
    };
    let time = |event: &Value| ((at(&event["start"]), at(&event["end"])), event["summary"].to_string());
    events.iter().filter(counts).map(time).collect()
}

/// Half an hour at every quarter, Monday to Friday from nine to five in London, an hour from now or later, where
/// she is not busy.
fn expected(busy: &[(Time, String)]) -> Vec<Time> {
    assert!(busy.len() > 15, "{busy:?}");
    let mut slots = Vec::new();
    let quarters = (0..).map(|n| date(FROM).and_time(NaiveTime::MIN).and_utc() + Duration::minutes(15 * n));
    for start in quarters.take_while(|start| start.date_naive() < date(TO)) {
        let end = start + TimeDelta::minutes(30);
        let opens = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
        let closes = NaiveTime::from_hms_opt(17, 0, 0).unwrap();
        let is_workday = !["Sat", "Sun"].contains(&start.format("%a").to_string().as_str());
        let is_open = is_workday && start.time() >= opens && start.time() < closes && end.time() <= closes;
        if is_open && !busy.iter().any(|(time, _)| overlap(time, &(start, end))) {
            slots.push((start, end));
        }
    }
    slots
}

fn overlap(one: &Time, other: &Time) -> bool {
    one.0 < other.1 && other.0 < one.1
}

fn slot(value: &Value) -> Time {
    (instant(&value["start"]), instant(&value["end"]))
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Without what is random.
fn redacted(booking: &Value) -> Value {
    let mut shown = booking.clone();
    for pointer in ["/id", "/manage_token", "/calendar_event/integration", "/calendar_event/event"] {
        *shown.pointer_mut(pointer).unwrap() = json!("[random]");
    }
    shown
}
