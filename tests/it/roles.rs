//! The roles of template.yaml against what the functions call: nothing is missing, and nothing is too much.
//!
//! The stand-ins refuse what was not granted, in every test of this suite; here everything that a function can
//! call is called once, so that what was never used shows.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fakes::Grant;
use fakes::google::EventSpec;
use holdfast::domain::IntegrationId;
use holdfast::store::StoreError;
use reqwest::Method;
use serde_json::json;
use tests::{ADA, ADA_ACCOUNT, GRACE, GRACE_ACCOUNT, TENANT, TestApp};

use super::pages::Browser;

/// More days than one transaction takes.
const DAYS: i64 = 120;

#[tokio::test]
async fn every_call_is_granted_and_every_grant_is_used() {
    let mut used = BTreeSet::new();
    let mut granted = BTreeSet::new();
    for app in [guests().await, on_pages().await, calendars().await, catalog().await] {
        assert_eq!(app.local.dead_letters(), Vec::<serde_json::Value>::new());
        let key = app.local.kms.key_arn();
        let named = |grant: &Grant| Grant { resource: grant.resource.replace(key, "Key"), ..grant.clone() };
        used.extend(app.local.iam().used().iter().map(named));
        granted = app.local.iam().grants().iter().map(named).collect();
    }
    assert_eq!(complaints(&granted, &used), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_granted_is_refused() {
    let app = TestApp::start().await;
    let mut config = app.app().config.as_ref().clone();
    config.aws.function = Some("slots".to_owned());
    let slots = holdfast::App::new(config, app.app().clock.clone());
    let settings = slots.store.tenant(&app.tenant()).await.unwrap().expect("reading is granted");
    let refused = slots.store.put_tenant(&app.tenant(), &settings).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
}

fn complaints(granted: &BTreeSet<Grant>, used: &BTreeSet<Grant>) -> Vec<String> {
    let missing = used.difference(granted).map(|grant| format!("{grant}: not granted"));
    let idle = granted.difference(used).map(|grant| format!("{grant}: granted and never used"));
    missing.chain(idle).collect()
}

/// Guests come before any calendar is connected: the first booking makes the tenant's data key.
async fn guests() -> TestApp {
    let app = TestApp::start().await;
    let free = app.starts("intro", "2026-11-24", "2026-11-28").await;
    let hold = app.hold("intro", &free[0]).await.expect(201)["hold"].clone();
    let release = format!("/v1/tenants/{TENANT}/holds/release");
    app.send(Method::POST, &release, Some(&json!({ "hold": hold }))).await.expect(204);
    let hold = app.hold("intro", &free[0]).await.expect(201)["hold"].as_str().unwrap().to_owned();
    let booking = app.confirm(&hold).await.expect(201).clone();
    app.send(Method::GET, "/v1/health", None).await.expect(200);
    app.cancel(&booking).await.expect(200);
    for query in ["", "?host=hst_ada1"] {
        app.admin(Method::GET, &format!("/v1/bookings{query}"), None).await.expect(200);
    }
    app.tick().await;
    jobs(&app, &free).await;
    app.connect(GRACE, GRACE_ACCOUNT).await;
    app
}

/// What guests have told is exported and erased: by the request that asks for it, and by the queue where that fails. The
/// erasure makes the export void.
async fn jobs(app: &TestApp, free: &[String]) {
    for (start, is_left) in [(&free[4], false), (&free[8], true)] {
        let booking = app.book_slot("intro", start).await.expect(201).clone();
        app.cancel(&booking).await.expect(200);
        for job in ["export", "erase"] {
            if is_left {
                app.local.dynamodb.faults.always("Query", fakes::dynamodb::internal_error());
            }
            let guest = json!({ "email": booking["guest"]["email"] });
            let job = app.admin(Method::POST, &format!("/v1/guests/{job}"), Some(&guest)).await;
            app.local.dynamodb.faults.clear();
            assert_eq!(job.expect(202)["status"], if is_left { "running" } else { "done" });
            app.tick_for(2).await;
        }
    }
}

/// Something of each kind comes and goes, in so many parts that one transaction does not take them.
async fn catalog() -> TestApp {
    let app = TestApp::start().await;
    let settings = json!({ "name": "Acme", "time_zone": "UTC", "locale": "en" });
    app.admin(Method::PUT, "/v1/tenant", Some(&settings)).await.expect(200);
    let host = json!({ "name": "Emmy Noether" });
    let host = app.admin(Method::POST, "/v1/hosts", Some(&host)).await.expect(201)["id"].clone();
    let host = host.as_str().unwrap();
    app.admin(Method::GET, "/v1/hosts", None).await.expect(200);
    for at in 0..49 {
        let schedule = json!({
            "id": format!("sch_more{at}"), "host": host, "name": "X", "hours": { "zone": "UTC", "weekly": {} },
        });
        let schedule = serde_json::from_value(schedule).unwrap();
        app.app().store.put_schedule(&app.tenant(), &schedule).await.unwrap();
    }
    let event_type = json!({ "slug": "rings", "host": host, "title": "Rings", "lengths": [30] });
    app.admin(Method::POST, "/v1/event-types", Some(&event_type)).await.expect(201);
    app.admin(Method::DELETE, "/v1/event-types/rings", None).await.expect(204);
    app.admin(Method::DELETE, &format!("/v1/hosts/{host}"), None).await.expect(204);
    app
}

/// The same on the pages.
async fn on_pages() -> TestApp {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let (place, _) = browser.book("2026-11-24T10:00:00Z").await;
    let (path, token) = place.split_once("?token=").unwrap();
    let form = [("start", "2026-11-25T10:00:00Z"), ("zone", "UTC"), ("token", token)];
    assert_eq!(browser.post(&format!("{path}/reschedule"), &form).await.status, 303);
    assert_eq!(browser.post(&format!("{path}/cancel"), &[("token", token)]).await.status, 303);
    app
}

/// Everything that has to do with a calendar, the rare ways included.
async fn calendars() -> TestApp {
    let app = TestApp::start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let free = app.starts("intro", "2026-11-24", "2026-11-28").await;
    let booking = app.book_slot("intro", &free[0]).await.expect(201).clone();
    app.book_slot("intro", free.last().unwrap()).await.expect(201);
    Browser { app: &app }.book(&free[8]).await;
    app.tick_for(3).await;
    app.calendars(&id).await.expect(200);
    app.sync(&id).await.expect(200);

    // So many days that what a pull has read is committed in parts: on demand, by the schedule, and after a
    // reconnect, which also finds bookings of ours in the calendar.
    app.put_event_type("far", ADA, &[30], 15, 365).await;
    let fill = |from: i64| {
        (0..DAYS).map(move |day| from + day).map(|day| {
            let start = app.now() + TimeDelta::days(day);
            app.google().add_event(
                ADA_ACCOUNT,
                ADA_ACCOUNT,
                EventSpec::new("Off", start, start + TimeDelta::hours(1)),
            )
        })
    };
    let events: Vec<String> = fill(100).collect();
    app.sync(&id).await.expect(200);
    for event in &events {
        app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, event);
    }
    app.tick_for(3).await;
    let _events: Vec<String> = fill(100).collect();
    assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, id);

    // Tokens that have ended are renewed by whoever comes first.
    for act in 0..3 {
        app.pass(TimeDelta::minutes(61));
        match act {
            0 => drop(app.cancel(&booking).await),
            1 => drop(app.calendars(&id).await),
            _ => app.tick().await,
        }
    }

    // A disconnect, finished at once; and one whose rest is left to the schedule.
    app.disconnect(&id).await.expect(200);
    let id: IntegrationId = app.connect(ADA, ADA_ACCOUNT).await.parse().unwrap();
    app.local.dynamodb.faults.next("TransactWriteItems", fakes::dynamodb::internal_error());
    app.disconnect(id.as_str()).await;
    app.tick_for(5).await;

    // Something that nobody took care of for hours.
    app.connect(ADA, ADA_ACCOUNT).await;
    app.pass(TimeDelta::hours(3));
    app.local.daily().await;
    app
}
