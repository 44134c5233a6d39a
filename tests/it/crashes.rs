//! A process that dies at any one of its outbound calls, with that call unsent, unheard or still under way:
//! after the next ticks bookings, cells and calendar agree again, and the guest who comes back finds what they
//! asked for.
//!
//! Each act is done once in peace to learn its calls; then it dies at each of them in turn.

use chrono::TimeDelta;
use holdfast::App;
use holdfast::domain::{Booking, BookingId, EventTypeSlug, Guest, IntegrationId, Provider, Tenant, Tick};
use holdfast::flows::{
    BookRequest, HoldToken, Wanted, book, cancel, disconnect, dispatch, find_integration, finish_connect,
    list_calendars, pull,
};
use serde_json::Value;
use tests::{ADA, ADA_ACCOUNT, Callee, Death, Point, TestApp, guest};

async fn connected() -> TestApp {
    let app = TestApp::without_stream().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    app
}

/// Free half hours of the coming weeks, one for each act.
async fn slots(app: &TestApp) -> impl Iterator<Item = String> + use<> {
    let starts = app.starts("intro", "2026-11-30", "2027-01-15").await;
    let is_half_hour = |start: &String| [":00:00", ":30:00"].iter().any(|time| start.contains(time));
    starts.into_iter().filter(is_half_hour)
}

fn request(wanted: Wanted) -> BookRequest {
    let guest: Guest = serde_json::from_value(guest()).unwrap();
    BookRequest { wanted, guest, answers: None, notes: None, metadata: None, sync_to_calendar: true }
}

fn held(hold: &str) -> BookRequest {
    request(Wanted::Held(HoldToken::parse(hold).unwrap()))
}

fn slot(start: &str) -> BookRequest {
    let event_type: EventTypeSlug = "intro".parse().unwrap();
    request(Wanted::Slot { event_type, start: Tick::exact(start.parse().unwrap()).unwrap(), length: None })
}

/// Every way to die at these points. A read that nobody hears of is the same as one that was never made.
fn deaths(points: &[Point]) -> impl Iterator<Item = (&Point, Death)> {
    const READS: [&str; 5] = ["GetItem", "BatchGetItem", "Query", "Decrypt", "events.list"];
    points.iter().flat_map(|point| {
        let ways = if READS.contains(&point.op.as_str()) { &[Death::Unheard][..] } else { &Death::ALL };
        ways.iter().map(move |death| (point, *death))
    })
}

#[expect(clippy::print_stdout, reason = "a run says how much it covered")]
fn print(act: &str, points: &[Point]) {
    let by = |callee| points.iter().filter(|point| point.callee == callee).count();
    println!(
        "{act}: {} cut points ({} table, {} keys, {} bus, {} Google), {} crashes",
        points.len(),
        by(Callee::Table),
        by(Callee::Keys),
        by(Callee::Bus),
        by(Callee::Google),
        deaths(points).count(),
    );
}

/// Minutes pass, at the end of which there is a tick.
async fn later(app: &TestApp, minutes: i64) {
    app.pass(TimeDelta::minutes(minutes));
    app.tick().await;
}

async fn hold(app: &TestApp, start: &str) -> String {
    app.hold("intro", start).await.expect(201)["hold"].as_str().unwrap().to_owned()
}

async fn agree(app: &TestApp, after: &str) {
    assert_eq!(app.disagreements(ADA, ADA_ACCOUNT).await, Vec::<String>::new(), "{after}");
}

#[tokio::test]
async fn a_confirmation_that_dies_anywhere_is_made_whole() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let token = hold(&app, &slots.next().unwrap()).await;
    let request = held(&token);
    let (booked, points) =
        app.record(|process| async move { book(&process, &tenant(), &request).await }).await;
    booked.unwrap();
    print("confirm", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let start = slots.next().unwrap();
        let token = hold(&app, &start).await;
        let request = held(&token);
        let crashed = app
            .crash(point, death, |process| async move { book(&process, &tenant(), &request).await.is_ok() })
            .await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 1).await;
        agree(&app, &after).await;
        // The guest comes again and has the same booking, or has it now.
        let before = app.bookings().await;
        let booking = app.confirm(&token).await.expect(201).clone();
        assert_eq!(booking["start"], app.confirm(&token).await.expect(201)["start"], "{after}");
        let made = app.bookings().await.len() - before.len();
        let known = before.iter().any(|known| booking["id"] == known.id.as_str());
        assert_eq!(made, usize::from(!known), "{after}");
        agree(&app, &after).await;
    }
}

#[tokio::test]
async fn a_direct_booking_that_dies_anywhere_is_made_whole_or_not_made() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let request = slot(&slots.next().unwrap());
    let (booked, points) =
        app.record(|process| async move { book(&process, &tenant(), &request).await }).await;
    booked.unwrap();
    print("book", &points);
    for (point, death) in deaths(&points) {
        let request = slot(&slots.next().unwrap());
        let crashed = app
            .crash(point, death, |process| async move { book(&process, &tenant(), &request).await.is_ok() })
            .await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 1).await;
        agree(&app, &format!("{point:?} {death:?}")).await;
    }
}

#[tokio::test]
async fn a_cancel_that_dies_anywhere_is_made_whole_or_not_made() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let booking = app.book_slot("intro", &slots.next().unwrap()).await.expect(201).clone();
    let id = id_of(&booking);
    let (cancelled, points) =
        app.record(|process| async move { cancel(&process, &tenant(), &id).await }).await;
    cancelled.unwrap();
    print("cancel", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let start = slots.next().unwrap();
        let booking = app.book_slot("intro", &start).await.expect(201).clone();
        let id = id_of(&booking);
        let crashed = app
            .crash(point, death, |process| async move { cancel(&process, &tenant(), &id).await.is_ok() })
            .await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 1).await;
        agree(&app, &after).await;
        assert_eq!(app.cancel(&booking).await.expect(200)["status"], "cancelled", "{after}");
        later(&app, 1).await;
        agree(&app, &after).await;
    }
}

#[tokio::test]
async fn a_disconnect_that_dies_anywhere_is_finished_by_the_next_ticks() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.book_slot("intro", &slots.next().unwrap()).await.expect(201);
    let integration = id.parse().unwrap();
    let (disconnected, points) =
        app.record(|process| async move { disconnect(&process, &tenant(), &integration).await }).await;
    disconnected.unwrap();
    print("disconnect", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, id, "{after}");
        app.book_slot("intro", &slots.next().unwrap()).await.expect(201);
        assert!(!app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).is_empty());
        let integration = id.parse().unwrap();
        let crashed = app
            .crash(point, death, |process| async move {
                disconnect(&process, &tenant(), &integration).await.is_ok()
            })
            .await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 1).await;
        if app.integration(&id).await["status"] != "disconnected" {
            // It had not begun.
            app.disconnect(&id).await.expect(200);
        }
        assert_eq!(app.integration(&id).await["status"], "disconnected", "{after}");
        assert_eq!(app.leftovers(&id).await, Vec::<String>::new(), "{after}");
        assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), Vec::<Value>::new(), "{after}");
        let listing = app.listing("intro", "2026-12-07", "2026-12-08", "UTC").await;
        assert_eq!(listing.expect(200)["reason"], Value::Null, "{after}");
    }
}

#[tokio::test]
async fn a_booking_whose_confirmation_died_can_be_cancelled_at_once() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let request = held(&hold(&app, &slots.next().unwrap()).await);
    let (booked, points) =
        app.record(|process| async move { book(&process, &tenant(), &request).await }).await;
    let mut known = vec![booked.unwrap().booking.id];
    print("confirm, then cancel", &points);
    for (point, death) in deaths(&points) {
        let request = held(&hold(&app, &slots.next().unwrap()).await);
        let crashed = app
            .crash(point, death, |process| async move { book(&process, &tenant(), &request).await.is_ok() })
            .await;
        let is_new = |booking: &Booking| !known.contains(&booking.id);
        if let Some(booking) = app.bookings().await.into_iter().find(is_new) {
            assert_eq!(app.cancel_as_admin(&booking.id).await.expect(200)["status"], "cancelled");
            known.push(booking.id);
        }
        later(&app, 1).await;
        crashed.arrive();
        // What arrived only now is due, or is found by the next poll.
        later(&app, 1).await;
        later(&app, 2).await;
        agree(&app, &format!("{point:?} {death:?}")).await;
        known = app.bookings().await.into_iter().map(|booking| booking.id).collect();
    }
}

#[tokio::test]
async fn a_refresh_that_dies_anywhere_is_made_by_the_next_caller() {
    let app = connected().await;
    let id: IntegrationId = app.connect(ADA, ADA_ACCOUNT).await.parse().unwrap();
    // The access token has ended when this has passed.
    let an_hour = TimeDelta::minutes(61);
    app.pass(an_hour);
    let integration = id.clone();
    let (listed, points) =
        app.record(|process| async move { list_calendars(&process, &tenant(), &integration).await }).await;
    listed.unwrap();
    print("refresh", &points);
    for (point, death) in deaths(&points) {
        app.pass(an_hour);
        let integration = id.clone();
        let crashed = app
            .crash(point, death, |process| async move {
                list_calendars(&process, &tenant(), &integration).await.is_ok()
            })
            .await;
        // The lease of the one who died ends.
        app.pass(TimeDelta::seconds(21));
        app.calendars(id.as_str()).await.expect(200);
        crashed.arrive();
        app.calendars(id.as_str()).await.expect(200);
        assert_eq!(app.integration(id.as_str()).await["status"], "connected", "{point:?} {death:?}");
    }
}

#[tokio::test]
async fn a_callback_that_dies_anywhere_leaves_nothing_but_the_way_to_connect_again() {
    let app = TestApp::without_stream().await;
    let callback = async || {
        let (url, cookie) = app.begin_connect(ADA).await;
        let back = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
        let value = |name: &str| back.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        let (state, code) = (value("state"), value("code"));
        let cookie = cookie.split_once('=').unwrap().1.to_owned();
        move |process: App| async move {
            let code = code.into();
            finish_connect(&process, Provider::Google, &state, &code, Some(&cookie)).await.map(drop)
        }
    };
    let (connected, points) = app.record(callback().await).await;
    connected.unwrap();
    print("connect", &points);
    let integrations = async || app.integrations(ADA).await;
    let id = integrations().await[0]["id"].as_str().unwrap().to_owned();
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        app.disconnect(&id).await.expect(200);
        let crashed = app.crash(point, death, callback().await).await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 2).await;
        // Connected or not, but never in between: the host's time is known.
        let listing = app.listing("intro", "2026-11-30", "2026-12-05", "UTC").await;
        assert_eq!(listing.expect(200)["reason"], Value::Null, "{after}");
        assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, id, "{after}");
        // What never came back is forgotten by itself.
        app.pass(TimeDelta::minutes(11));
        assert_eq!(integrations().await.len(), 1, "{after}");
    }
}

#[tokio::test]
async fn a_pull_that_dies_anywhere_is_made_up_for() {
    let app = connected().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let mut slots = slots(&app).await;
    let busy = |start: &str| {
        let start = start.parse().unwrap();
        let event = fakes::google::EventSpec::new("Dentist", start, start + TimeDelta::minutes(30));
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, event)
    };
    let mut last = slots.next().unwrap();
    let mut event = busy(&last);
    let integration = id.parse().unwrap();
    let ((), points) = app.record(|process| async move { pull_once(&process, &integration).await }).await;
    print("pull", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        // One thing has gone and another one has come since the last pull.
        app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &event);
        let start = slots.next().unwrap();
        event = busy(&start);
        let integration = id.parse().unwrap();
        let crashed =
            app.crash(point, death, |process| async move { pull_once(&process, &integration).await }).await;
        later(&app, 2).await;
        crashed.arrive();
        later(&app, 2).await;
        assert_eq!(app.integration(&id).await["status"], "connected", "{after}");
        let starts = app.starts("intro", "2026-11-30", "2027-01-15").await;
        assert!(starts.contains(&last) && !starts.contains(&start), "{after}");
        last = start;
    }
}

#[tokio::test]
async fn a_dispatch_that_dies_anywhere_loses_nothing() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    // A booking whose push did not come about, and a calendar to be polled, are due.
    let due = async |start: &str| {
        app.google().faults.always("events.insert", fakes::google::errors::forbidden());
        let booking = app.book_slot("intro", start).await.expect(201).clone();
        assert_eq!(booking["calendar_sync"], "pending");
        app.google().faults.clear();
        app.pass(TimeDelta::minutes(3));
    };
    due(&slots.next().unwrap()).await;
    let (dispatched, points) = app.record(|process| async move { dispatch(&process).await }).await;
    assert_eq!(dispatched.unwrap().handed_out, 2);
    app.local.drain().await;
    // The sixteen queries are alike.
    let points: Vec<_> = points.into_iter().filter(|point| point.op != "Query" || point.nth == 7).collect();
    print("dispatch", &points);
    for (point, death) in deaths(&points) {
        due(&slots.next().unwrap()).await;
        let crashed =
            app.crash(point, death, |process| async move { dispatch(&process).await.is_ok() }).await;
        later(&app, 3).await;
        crashed.arrive();
        later(&app, 1).await;
        agree(&app, &format!("{point:?} {death:?}")).await;
        assert_eq!(app.integrations(ADA).await[0]["status"], "connected");
    }
}

async fn pull_once(app: &App, integration: &IntegrationId) {
    let found = find_integration(app, &tenant(), integration).await.unwrap();
    pull(app, &found).await.unwrap();
}

fn tenant() -> Tenant {
    tests::TENANT.parse().unwrap()
}

fn id_of(booking: &Value) -> BookingId {
    booking["id"].as_str().unwrap().parse().unwrap()
}
