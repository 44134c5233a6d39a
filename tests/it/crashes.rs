//! A process that dies at any one of its outbound calls, with that call unsent, unheard or still under way:
//! after the next ticks bookings, cells and calendar agree again, and the guest who comes back finds what they
//! asked for.
//!
//! Each act is done once in peace to learn its calls; then it dies at each of them in turn. What was covered is
//! printed; the last line that says `so far` has the totals:
//!
//! ```sh
//! cargo test --workspace --test it crashes -- --nocapture | grep 'so far' | tail -1
//! ```

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use fakes::Fault;
use fakes::google::{EventSpec, errors};
use holdfast::App;
use holdfast::domain::{
    Booking, BookingId, BookingRecord, BookingStatus, CalendarSync, EntryKey, EventTypeSlug, Guest, HostId,
    Integration, IntegrationId, Job, JobId, JobKind, JobStatus, Lease, ProviderKind, Scope, Tenant, Tick,
    Zone,
};
use holdfast::flows::{
    Arrival, BookRequest, BookingChange, BookingError, BookingsQuery, Change, Expected, HoldToken,
    IdempotencyKey, Leaving, ManageToken, NewTime, QueueMessage, Settings, SlotRequest, SlotsQuery, Wanted,
    abandon_connect, approve_connect, book, cancel_managed, change_settings, check_slot, disconnect,
    dispatch, erase_guest, expire_and_erase, export_guest, find_integration, finish_connect, handle_message,
    list_bookings, list_calendars, list_integrations, list_move_slots, list_slots, pull, push, read_agreed,
    read_booking, read_history, read_job, read_managed, read_offer, read_offers, relay, release,
    report_overdue, reschedule, reschedule_managed, start_connect, sync_booking, sync_now, transition,
    update_booking,
};
use holdfast::store::{Image, new_lease};
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Callee, Death, Point, TestApp, guest};

const FAMILY: &str = "family.ada@group.calendar.google.com";

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
    request(Wanted::Slot(SlotRequest {
        event_type,
        start: Tick::exact(start.parse().unwrap()).unwrap(),
        length: None,
    }))
}

/// Every way to die at these points. A read that nobody hears of is the same as one that was never made.
pub(crate) fn deaths(points: &[Point]) -> impl Iterator<Item = (&Point, Death)> {
    const READS: [&str; 5] = ["GetItem", "BatchGetItem", "Query", "Decrypt", "events.list"];
    points.iter().flat_map(|point| {
        let ways = if READS.contains(&point.op.as_str()) { &[Death::Unheard][..] } else { &Death::ALL };
        ways.iter().map(move |death| (point, *death))
    })
}

#[expect(clippy::print_stdout, reason = "a run says how much it covered")]
pub(crate) fn print(act: &str, points: &[Point]) {
    static TOTAL: Mutex<[usize; 3]> = Mutex::new([0; 3]);
    let by = |callee| points.iter().filter(|point| point.callee == callee).count();
    let crashes = deaths(points).count();
    let mut total = TOTAL.lock().unwrap_or_else(PoisonError::into_inner);
    let [acts, all_points, all_crashes] = &mut *total;
    *acts += 1;
    *all_points += points.len();
    *all_crashes += crashes;
    println!(
        "{act}: {} cut points ({} table, {} keys, {} bus, {} Google), {crashes} crashes; \
         so far {acts} acts, {all_points} cut points, {all_crashes} crashes",
        points.len(),
        by(Callee::Table),
        by(Callee::Keys),
        by(Callee::Bus),
        by(Callee::Google),
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

/// `pause` lies between hold and confirmation.
async fn a_confirmation_dies(act: &str, pause: TimeDelta) {
    let app = connected().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let mut slots = slots(&app).await;
    let held_since = async |start: &str| {
        app.sync(&id).await.expect(200);
        let token = hold(&app, start).await;
        app.pass(pause);
        token
    };
    let token = held_since(&slots.next().unwrap()).await;
    let request = held(&token);
    let (booked, points) = app
        .record(|process| async move { book(&process, &Scope::Public(tenant()), &request, None).await })
        .await;
    booked.unwrap();
    print(act, &points);
    for (point, death) in deaths(&points) {
        let after = format!("{act}: {point:?} {death:?}");
        let token = held_since(&slots.next().unwrap()).await;
        let request = held(&token);
        let crashed = app
            .crash(point, death, |process| async move {
                book(&process, &Scope::Public(tenant()), &request, None).await.is_ok()
            })
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
        let known = before.iter().any(|known| booking["id"] == known.booking.id.as_str());
        assert_eq!(made, usize::from(!known), "{after}");
        agree(&app, &after).await;
    }
}

#[tokio::test]
async fn a_confirmation_that_dies_anywhere_is_made_whole() {
    a_confirmation_dies("confirm", TimeDelta::zero()).await;
}

#[tokio::test]
async fn a_confirmation_that_asks_the_calendar_and_dies_anywhere_is_made_whole() {
    a_confirmation_dies("confirm with a look", TimeDelta::seconds(121)).await;
}

#[tokio::test]
async fn a_direct_booking_that_dies_anywhere_is_made_whole_or_not_made() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let request = slot(&slots.next().unwrap());
    let (booked, points) = app
        .record(|process| async move { book(&process, &Scope::Public(tenant()), &request, None).await })
        .await;
    booked.unwrap();
    print("book", &points);
    for (point, death) in deaths(&points) {
        let request = slot(&slots.next().unwrap());
        let crashed = app
            .crash(point, death, |process| async move {
                book(&process, &Scope::Public(tenant()), &request, None).await.is_ok()
            })
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
        app.record(|process| async move {
            transition(&process, &admin(), &id, BookingStatus::Cancelled, None).await
        })
        .await;
    cancelled.unwrap();
    print("cancel", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let start = slots.next().unwrap();
        let booking = app.book_slot("intro", &start).await.expect(201).clone();
        let id = id_of(&booking);
        let crashed = app
            .crash(point, death, |process| async move {
                transition(&process, &admin(), &id, BookingStatus::Cancelled, None).await.is_ok()
            })
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

/// An act on a booking of its own, again and again, its process dying at each point in each way. After the next ticks
/// everything agrees, and the act can be done again.
async fn a_change_dies<A, F, T, E>(name: &str, event_type: &str, act: A)
where
    A: Fn(&Value) -> Box<dyn Fn(App) -> F + Send + Sync>,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: std::fmt::Debug + Send + 'static,
{
    let app = connected().await;
    let asked = serde_json::json!({
        "slug": "asked", "hosts": [ADA], "title": "Asked", "lengths": [30], "interval": 30, "window_days": 60,
        "active": true, "needs_confirmation": true, "confirm_within": 40_000, "max_per_day": 9,
    });
    let asked = serde_json::from_value(asked).unwrap();
    app.app().store.put_event_type(&app.tenant(), &asked).await.unwrap();
    // Each with the half hour after it free, too.
    let free: Vec<String> = slots(&app).await.collect();
    let instant = |start: &String| start.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let is_free = |start: &chrono::DateTime<chrono::Utc>| free.iter().any(|other| instant(other) == *start);
    let half = TimeDelta::minutes(30);
    let on_the_hour = free.iter().filter(|start| start.contains(":00:00"));
    let mut slots = on_the_hour.filter(|start| is_free(&(instant(start) + half))).cloned();
    let booking = app.book_slot(event_type, &slots.next().unwrap()).await.expect(201).clone();
    let (done, points) = app.record(act(&booking)).await;
    done.unwrap();
    print(name, &points);
    for (point, death) in deaths(&points) {
        let after = format!("{name}: {point:?} {death:?}");
        let booking = app.book_slot(event_type, &slots.next().unwrap()).await.expect(201).clone();
        let run = act(&booking);
        let crashed = app.crash(point, death, move |process| async move { run(process).await.is_ok() }).await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 1).await;
        agree(&app, &after).await;
        act(&booking)(app.process()).await.unwrap();
        later(&app, 1).await;
        agree(&app, &after).await;
        app.cancel_as_admin(&id_of(&booking)).await.expect(200);
    }
}

/// Half an hour after its booking's start.
fn beside(booking: &Value) -> NewTime {
    let start: chrono::DateTime<chrono::FixedOffset> = booking["start"].as_str().unwrap().parse().unwrap();
    NewTime { start: Tick::exact(start.to_utc() + TimeDelta::minutes(30)).unwrap(), length: None }
}

#[tokio::test]
async fn a_yes_that_dies_anywhere_is_made_whole_or_not_made() {
    a_change_dies("confirm, as host", "asked", |booking| {
        let id = id_of(booking);
        Box::new(move |process: App| {
            let id = id.clone();
            async move { transition(&process, &admin(), &id, BookingStatus::Confirmed, None).await }
        })
    })
    .await;
}

#[tokio::test]
async fn a_move_that_dies_anywhere_is_made_whole_or_not_made() {
    a_change_dies("reschedule", "intro", |booking| {
        let (id, to) = (id_of(booking), beside(booking));
        Box::new(move |process: App| {
            let id = id.clone();
            async move { reschedule(&process, &admin(), &id, to, None).await }
        })
    })
    .await;
}

#[tokio::test]
async fn a_move_by_the_guest_under_a_limit_that_dies_anywhere_is_made_whole_or_not_made() {
    a_change_dies("reschedule, by the guest", "asked", |booking| {
        let (id, token, to) = (id_of(booking), token_of(booking), beside(booking));
        let key: IdempotencyKey = format!("{id}-moves-on").parse().unwrap();
        Box::new(move |process: App| {
            let (id, token, key) = (id.clone(), token.clone(), key.clone());
            async move { reschedule_managed(&process, &tenant(), &id, &token, to, Some(&key)).await }
        })
    })
    .await;
}

#[tokio::test]
async fn a_note_that_dies_anywhere_is_made_whole_or_not_made() {
    a_change_dies("change a booking", "intro", |booking| {
        let id = id_of(booking);
        Box::new(move |process: App| {
            let id = id.clone();
            let change =
                BookingChange { notes: Some(Some("Bring a pen".to_owned())), ..BookingChange::default() };
            async move {
                update_booking(&process, &admin(), &id, &change, &Expected::Whatever)
                    .await
                    .map(drop)
            }
        })
    })
    .await;
}

#[tokio::test]
async fn a_look_into_the_calendar_that_dies_anywhere_can_be_had_again() {
    a_change_dies("sync a booking", "intro", |booking| {
        let id = id_of(booking);
        Box::new(move |process: App| {
            let id = id.clone();
            async move { sync_booking(&process, &admin(), &id).await }
        })
    })
    .await;
}

async fn erase(process: App) -> Result<Job, BookingError> {
    erase_guest(&process, &admin(), "mary@example.com").await
}

/// The results of all jobs, as an admin reads them.
async fn erasures(app: &TestApp) -> Vec<Value> {
    let mut results = Vec::new();
    let jobs = app.app().store.jobs(&tenant()).await.unwrap();
    for job in jobs.into_iter().filter(|job| matches!(job.kind, JobKind::EraseGuest { .. })) {
        let answer = app.admin(reqwest::Method::GET, &format!("/v1/jobs/{}", job.id), None).await;
        assert_eq!(answer.expect(200)["next_cursor"], Value::Null);
        results.push(answer.body["result"].clone());
    }
    results
}

#[tokio::test]
async fn an_erasure_that_dies_anywhere_can_be_done_again() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let cancelled = async |start: &str| {
        let booking = app.book_slot("intro", start).await.expect(201).clone();
        app.cancel(&booking).await.expect(200);
        id_of(&booking)
    };
    cancelled(&slots.next().unwrap()).await;
    let (erased, points) = app.record(erase).await;
    assert_eq!(erased.unwrap().status, JobStatus::Done);
    print("erase a guest", &points);
    for (point, death) in deaths(&points) {
        let id = cancelled(&slots.next().unwrap()).await;
        let crashed = app.crash(point, death, |process| async move { erase(process).await.is_ok() }).await;
        later(&app, 2).await;
        crashed.arrive();
        later(&app, 2).await;
        // Whether or not it had begun: it is done now, or by the one that follows.
        assert_eq!(erase(app.process()).await.unwrap().status, JobStatus::Done);
        let left = serde_json::json!(app.items().await).to_string();
        assert!(!left.contains("mary@example.com"), "{point:?} {death:?}");
        // One of the jobs tells of it, once.
        let told = erasures(&app).await;
        let of =
            |what: &str| told.iter().flat_map(|result| result[what].as_array().unwrap()).collect::<Vec<_>>();
        assert_eq!(of("erased").into_iter().filter(|told| **told == id.as_str()).count(), 1, "{told:?}");
        assert!(of("kept").is_empty(), "{point:?} {death:?}: {told:?}");
        agree(&app, &format!("{point:?} {death:?}")).await;
    }
}

#[tokio::test]
async fn a_disconnect_that_dies_anywhere_is_finished_by_the_next_ticks() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let booking = app.book_slot("intro", &slots.next().unwrap()).await.expect(201).clone();
    let integration = id.parse().unwrap();
    let (disconnected, points) = app
        .record(
            |process| async move { disconnect(&process, &admin(), &integration, Leaving::default()).await },
        )
        .await;
    disconnected.unwrap();
    app.cancel(&booking).await.expect(200);
    print("disconnect", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, id, "{after}");
        let booking = app.book_slot("intro", &slots.next().unwrap()).await.expect(201).clone();
        assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 1);
        let integration = id.parse().unwrap();
        let crashed = app
            .crash(point, death, |process| async move {
                disconnect(&process, &admin(), &integration, Leaving::default()).await.is_ok()
            })
            .await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 1).await;
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
        // No event stands any more, and no booking says that its calendar shows one.
        let record = app.booking_record(booking["id"].as_str().unwrap()).await;
        assert_eq!((record.calendar_sync(), record.event()), (CalendarSync::Off, None), "{after}");
        app.cancel(&booking).await.expect(200);
    }
}

#[tokio::test]
async fn a_booking_whose_confirmation_died_can_be_cancelled_at_once() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let request = held(&hold(&app, &slots.next().unwrap()).await);
    let (booked, points) = app
        .record(|process| async move { book(&process, &Scope::Public(tenant()), &request, None).await })
        .await;
    let mut known = vec![booked.unwrap().record.booking.id];
    print("confirm, then cancel", &points);
    for (point, death) in deaths(&points) {
        let request = held(&hold(&app, &slots.next().unwrap()).await);
        let crashed = app
            .crash(point, death, |process| async move {
                book(&process, &Scope::Public(tenant()), &request, None).await.is_ok()
            })
            .await;
        let is_new = |record: &BookingRecord| !known.contains(&record.booking.id);
        if let Some(BookingRecord { booking, .. }) = app.bookings().await.into_iter().find(is_new) {
            assert_eq!(app.cancel_as_admin(&booking.id).await.expect(200)["status"], "cancelled");
            known.push(booking.id);
        }
        later(&app, 1).await;
        crashed.arrive();
        // What arrived only now is due, or is found by the next poll.
        later(&app, 1).await;
        later(&app, 2).await;
        agree(&app, &format!("{point:?} {death:?}")).await;
        known = app.bookings().await.into_iter().map(|record| record.booking.id).collect();
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
        app.record(|process| async move { list_calendars(&process, &admin(), &integration).await }).await;
    listed.unwrap();
    print("refresh", &points);
    for (point, death) in deaths(&points) {
        app.pass(an_hour);
        let integration = id.clone();
        let crashed = app
            .crash(point, death, |process| async move {
                list_calendars(&process, &admin(), &integration).await.is_ok()
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
            finish_connect(&process, ProviderKind::Google, &state, &code, Some(&cookie)).await.map(drop)
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

/// Something has gone from the calendar, something else has come, and an event of ours is left over; then it is
/// read by a process that dies. `leased`: a dispatch has taken the lease for it.
async fn a_reading_dies<T, F>(act: &str, leased: bool, reading: impl Fn(App, Integration, Lease) -> F)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let app = connected().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let mut slots = slots(&app).await;
    let booking: BookingId = id_of(&app.book_slot("intro", &slots.next().unwrap()).await.expect(201).clone());
    let marks = json!({ "holdfast_integration": id, "holdfast_booking": booking });
    // Another event of the booking, as if written by nobody that is recorded.
    let mut generation = 7;
    let host: HostId = ADA.parse().unwrap();
    let mut busy = |start: &str| {
        let start = start.parse().unwrap();
        let mut orphan = EventSpec::new("Left over", start, start + TimeDelta::minutes(30));
        orphan.id =
            Some(tests::google_event_id(booking.as_str(), host.as_str(), generation).as_str().to_owned());
        orphan.extra.insert("extendedProperties".to_owned(), json!({ "private": marks }));
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, orphan);
        generation += 1;
        let event = EventSpec::new("Dentist", start, start + TimeDelta::minutes(30));
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, event)
    };
    let found = async || {
        let lease = new_lease(app.now(), TimeDelta::minutes(1));
        let store = &app.app().store;
        let found = store.integration(&tenant(), &id.parse().unwrap()).await.unwrap().unwrap();
        if leased {
            store.lease_integration(&found, &lease).await.unwrap();
        }
        (found, lease)
    };
    let mut last = slots.next().unwrap();
    let mut event = busy(&last);
    let (integration, lease) = found().await;
    let (_, points) = app.record(|process| reading(process, integration, lease)).await;
    assert!(!app.starts("intro", "2026-11-30", "2027-01-15").await.contains(&last), "it was read");
    print(act, &points);
    for (point, death) in deaths(&points) {
        let after = format!("{act}: {point:?} {death:?}");
        app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &event);
        let start = slots.next().unwrap();
        event = busy(&start);
        let (integration, lease) = found().await;
        let crashed = app.crash(point, death, |process| reading(process, integration, lease)).await;
        later(&app, 2).await;
        crashed.arrive();
        later(&app, 2).await;
        assert_eq!(app.integration(&id).await["status"], "connected", "{after}");
        let starts = app.starts("intro", "2026-11-30", "2027-01-15").await;
        assert!(starts.contains(&last) && !starts.contains(&start), "{after}");
        agree(&app, &after).await;
        last = start;
    }
}

#[tokio::test]
async fn a_pull_that_dies_anywhere_is_made_up_for() {
    let act = |process: App, integration: Integration, _| async move { pull(&process, &integration).await };
    a_reading_dies("pull", false, act).await;
}

#[tokio::test]
async fn a_sync_on_demand_that_dies_anywhere_is_made_up_for() {
    let act = |process: App, integration: Integration, _| async move {
        sync_now(&process, &admin(), &integration.id).await
    };
    a_reading_dies("sync", false, act).await;
}

#[tokio::test]
async fn work_on_a_calendar_that_dies_anywhere_is_made_up_for() {
    let act = |process: App, integration: Integration, lease: Lease| async move {
        let Integration { tenant, host, id: integration, .. } = integration;
        let work = QueueMessage::Integration {
            tenant,
            host,
            integration,
            lease: lease.id,
            lease_until: lease.until,
        };
        handle_message(&process, &work).await
    };
    a_reading_dies("pull by work", true, act).await;
}

/// What the push before this one left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// A booking without its event.
    Nothing,
    /// A booking whose event was made without anybody hearing of it.
    Unheard,
    /// A cancelled booking with its event.
    Standing,
}

/// A push that failed is made up for by a process that dies.
async fn a_push_dies<T, F>(act: &str, left: Left, push: impl Fn(App, EntryKey) -> F)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let app = connected().await;
    let mut slots = slots(&app).await;
    let due = async |start: &str| {
        let google = &app.google().faults;
        match left {
            Left::Nothing => google.next("events.insert", errors::forbidden()),
            Left::Unheard => {
                google.next("events.insert", Fault::CutAfter);
                google.next("events.insert", errors::forbidden());
            }
            Left::Standing => google.next("events.delete", errors::forbidden()),
        }
        let mut answer = app.book_slot("intro", start).await;
        let id = id_of(answer.expect(201));
        if left == Left::Standing {
            answer = app.cancel(&answer.body).await;
        }
        assert_eq!(answer.body["calendar_sync"], "pending", "{}", answer.text);
        // What the request has left is due when it can no longer be at it.
        app.pass(TimeDelta::minutes(1));
        app.booking_record(id.as_str()).await.entries.remove(0).key()
    };
    let id = due(&slots.next().unwrap()).await;
    let (_, points) = app.record(|process| push(process, id)).await;
    agree(&app, "the push").await;
    print(act, &points);
    for (point, death) in deaths(&points) {
        let id = due(&slots.next().unwrap()).await;
        let crashed = app.crash(point, death, |process| push(process, id)).await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 2).await;
        later(&app, 2).await;
        agree(&app, &format!("{act}: {point:?} {death:?}")).await;
    }
}

#[tokio::test]
async fn a_push_that_dies_anywhere_is_made_whole() {
    let act = |process: App, key: EntryKey| async move { push(&process, &key).await };
    a_push_dies("push", Left::Nothing, act).await;
}

#[tokio::test]
async fn work_on_a_booking_that_dies_anywhere_is_made_whole() {
    let act = |process: App, key: EntryKey| async move {
        let EntryKey { tenant, host, start, booking } = key;
        let due_again_at = chrono::DateTime::UNIX_EPOCH;
        let message = QueueMessage::Entry { tenant, host, booking, start, due_again_at };
        handle_message(&process, &message).await
    };
    a_push_dies("push by work", Left::Unheard, act).await;
}

#[tokio::test]
async fn work_on_a_cancelled_booking_that_dies_anywhere_is_made_whole() {
    let act = |process: App, key: EntryKey| async move {
        let EntryKey { tenant, host, start, booking } = key;
        let due_again_at = chrono::DateTime::UNIX_EPOCH;
        let message = QueueMessage::Entry { tenant, host, booking, start, due_again_at };
        handle_message(&process, &message).await
    };
    a_push_dies("removal by work", Left::Standing, act).await;
}

#[tokio::test]
async fn a_hold_that_dies_anywhere_ends_by_itself() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let act = |start: &str| {
        let start = Tick::exact(start.parse().unwrap()).unwrap();
        let slot = SlotRequest { event_type: "intro".parse().unwrap(), start, length: None };
        move |process: App| async move { holdfast::flows::hold(&process, &tenant(), &slot, None).await.map(drop) }
    };
    let (held, points) = app.record(act(&slots.next().unwrap())).await;
    held.unwrap();
    print("hold", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let start = slots.next().unwrap();
        let crashed = app.crash(point, death, act(&start)).await;
        later(&app, 1).await;
        crashed.arrive();
        app.pass(TimeDelta::seconds(301));
        app.tick().await;
        // Nobody has its token, so somebody else may have the slot.
        assert_eq!(app.book_slot("intro", &start).await.expect(201)["calendar_sync"], "synced", "{after}");
        agree(&app, &after).await;
    }
}

#[tokio::test]
async fn a_release_that_dies_anywhere_is_made_or_can_be_made_again() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let act = |token: &str| {
        let token = HoldToken::parse(token).unwrap();
        move |process: App| async move { release(&process, &tenant(), &token, None).await }
    };
    let token = hold(&app, &slots.next().unwrap()).await;
    let (released, points) = app.record(act(&token)).await;
    released.unwrap();
    print("release", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let start = slots.next().unwrap();
        let token = hold(&app, &start).await;
        let crashed = app.crash(point, death, act(&token)).await;
        let again = app.release(&token).await;
        assert!([204, 404].contains(&again.status), "{after}: {}", again.text);
        app.book_slot("intro", &start).await.expect(201);
        // What was still under way finds somebody else's booking and leaves it alone.
        crashed.arrive();
        later(&app, 1).await;
        agree(&app, &after).await;
    }
}

#[tokio::test]
async fn a_cancel_by_the_guest_that_dies_anywhere_is_made_whole_or_not_made() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let act = |booking: &Value| {
        let (id, token) = (id_of(booking), token_of(booking));
        move |process: App| async move { cancel_managed(&process, &tenant(), &id, &token, None).await.map(drop) }
    };
    let booking = app.book_slot("intro", &slots.next().unwrap()).await.expect(201).clone();
    let (cancelled, points) = app.record(act(&booking)).await;
    cancelled.unwrap();
    print("cancel by the guest", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let booking = app.book_slot("intro", &slots.next().unwrap()).await.expect(201).clone();
        let crashed = app.crash(point, death, act(&booking)).await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 1).await;
        agree(&app, &after).await;
        assert_eq!(app.cancel(&booking).await.expect(200)["status"], "cancelled", "{after}");
        agree(&app, &after).await;
    }
}

#[tokio::test]
async fn a_start_that_dies_anywhere_leaves_nothing_that_lasts() {
    let app = TestApp::without_stream().await;
    let act = || {
        let host: HostId = ADA.parse().unwrap();
        move |process: App| async move {
            start_connect(&process, &admin(), &host, ProviderKind::Google, None).await.map(drop)
        }
    };
    // The tenant's key is made by its first secret.
    for name in ["connect start, the tenant's first", "connect start"] {
        let fresh = TestApp::without_stream().await;
        if name == "connect start" {
            fresh.begin_connect(ADA).await;
        }
        let (started, points) = fresh.record(act()).await;
        started.unwrap();
        print(name, &points);
        for (point, death) in deaths(&points) {
            let fresh = TestApp::without_stream().await;
            let app = if name == "connect start" { &app } else { &fresh };
            if name == "connect start" {
                app.begin_connect(ADA).await;
            }
            let after = format!("{name}: {point:?} {death:?}");
            let crashed = app.crash(point, death, act()).await;
            later(app, 1).await;
            crashed.arrive();
            app.connect(ADA, ADA_ACCOUNT).await;
            app.pass(TimeDelta::minutes(11));
            app.tick().await;
            assert_eq!(app.integrations(ADA).await.len(), 1, "{after}");
            let slot = slots(app).await.next().unwrap();
            assert_eq!(app.book_slot("intro", &slot).await.expect(201)["calendar_sync"], "synced", "{after}");
            agree(app, &after).await;
        }
    }
}

#[tokio::test]
async fn a_refusal_brought_back_by_a_process_that_dies_spends_the_link_or_does_not() {
    let app = connected().await;
    let begin = async || {
        let (url, _) = app.begin_connect(ADA).await;
        let back = app.google().deny(&url).unwrap();
        back.query_pairs().find(|(key, _)| key == "state").unwrap().1.into_owned()
    };
    let act = |state: String| {
        move |process: App| async move {
            abandon_connect(&process, ProviderKind::Google, &state, "access_denied").await.map(drop)
        }
    };
    let (abandoned, points) = app.record(act(begin().await)).await;
    abandoned.unwrap();
    print("consent denied", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let crashed = app.crash(point, death, act(begin().await)).await;
        later(&app, 1).await;
        crashed.arrive();
        app.pass(TimeDelta::minutes(11));
        app.tick().await;
        let left = app.integrations(ADA).await;
        assert_eq!((left.len(), &left[0]["status"]), (1, &json!("connected")), "{after}");
        agree(&app, &after).await;
    }
}

#[tokio::test]
async fn an_approval_that_dies_anywhere_leaves_nothing_but_the_way_to_connect_again() {
    let app = TestApp::without_stream().await;
    let ask = async || {
        let (url, _) = app.begin_connect(ADA).await;
        let back = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
        let value = |name: &str| back.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        let (state, code) = (value("state"), value("code").into());
        // Another browser than the one that began.
        let arrived = finish_connect(app.app(), ProviderKind::Google, &state, &code, None).await.unwrap();
        let Arrival::AwaitsClick(question) = arrived else { panic!("it is to ask first") };
        question.token
    };
    let act = |token: String| {
        move |process: App| async move { approve_connect(&process, ProviderKind::Google, &token).await.map(drop) }
    };
    let (approved, points) = app.record(act(ask().await)).await;
    approved.unwrap();
    print("approval", &points);
    let id = app.integrations(ADA).await[0]["id"].as_str().unwrap().to_owned();
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        app.disconnect(&id).await.expect(200);
        let crashed = app.crash(point, death, act(ask().await)).await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 2).await;
        let listing = app.listing("intro", "2026-11-30", "2026-12-05", "UTC").await;
        assert_eq!(listing.expect(200)["reason"], Value::Null, "{after}");
        assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, id, "{after}");
        app.pass(TimeDelta::minutes(11));
        assert_eq!(app.integrations(ADA).await.len(), 1, "{after}");
    }
}

#[tokio::test]
async fn a_change_of_calendars_that_dies_anywhere_is_made_or_not_made() {
    let app = connected().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let start = slots(&app).await.next().unwrap();
    let at = start.parse().unwrap();
    app.google().add_event(ADA_ACCOUNT, FAMILY, EventSpec::new("School", at, at + TimeDelta::minutes(30)));
    let act = |calendars: &[&str]| {
        let id: IntegrationId = id.parse().unwrap();
        let conflicts = calendars.iter().map(|calendar| (*calendar).to_owned()).collect();
        let settings = Settings { conflict_calendars: Some(conflicts), ..Settings::default() };
        move |process: App| async move { change_settings(&process, &admin(), &id, &settings).await.map(drop) }
    };
    let both = [ADA_ACCOUNT, FAMILY];
    let (changed, points) = app.record(act(&both)).await;
    changed.unwrap();
    print("settings", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let one = json!({ "conflict_calendars": [ADA_ACCOUNT] });
        app.set_integration(&id, &one).await.expect(200);
        assert!(app.is_offered("intro", &start).await, "{after}");
        let crashed = app.crash(point, death, act(&both)).await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 2).await;
        // What is offered is what is set.
        let now = app.integration(&id).await;
        assert_eq!((&now["status"], &now["last_sync_error"]), (&json!("connected"), &Value::Null), "{after}");
        let blocks = now["conflict_calendars"].as_array().unwrap().len() == 2;
        assert_eq!(app.is_offered("intro", &start).await, !blocks, "{after}");
        let set = app.set_integration(&id, &json!({ "conflict_calendars": both })).await;
        assert_eq!(set.expect(200)["conflict_calendars"].as_array().unwrap().len(), 2, "{after}");
        assert!(!app.is_offered("intro", &start).await, "{after}");
    }
}

#[tokio::test]
async fn a_relay_that_dies_anywhere_tells_it_again() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    let made = async |start: &str| {
        let id = id_of(app.book_slot("intro", start).await.expect(201));
        app.stored(id.as_str()).await
    };
    // A new booking and its next version: an event each, and a step of its history.
    let act = |booking: &Booking| {
        let image = |booking: Booking| Some(Image::Booking(Box::new(booking)));
        let mut noted = booking.clone().next_version(admin().actor());
        noted.notes = Some("Bring the engine.".to_owned());
        let changes = [
            Change { at: None, before: None, after: image(booking.clone()) },
            Change { at: None, before: image(booking.clone()), after: image(noted) },
        ];
        move |process: App| async move { relay(&process, &changes).await }
    };
    let steps =
        async |booking: &Booking| app.app().store.history(&tenant(), &booking.id).await.unwrap().len();
    let is_told = |booking: &Booking| {
        let published = app.local.events.published();
        published.iter().any(|event| event["detail"]["booking"] == booking.id.as_str())
    };
    let booking = made(&slots.next().unwrap()).await;
    let (told, points) = app.record(act(&booking)).await;
    assert_eq!((told.unwrap(), steps(&booking).await), (2, 1));
    print("relay", &points);
    for (point, death) in deaths(&points) {
        let after = format!("{point:?} {death:?}");
        let booking = made(&slots.next().unwrap()).await;
        let crashed = app.crash(point, death, act(&booking)).await;
        assert!(death != Death::Unsent || !is_told(&booking), "{after}");
        // The stream has not heard of it, and gives the batch to the next process.
        act(&booking)(app.process()).await.unwrap();
        assert!(is_told(&booking), "{after}");
        assert_eq!(steps(&booking).await, 1, "{after}");
        crashed.arrive();
        later(&app, 1).await;
        agree(&app, &after).await;
    }
}

/// Reads that die: the table is as it was.
async fn a_reader_dies<T, F>(app: &TestApp, act: &str, reading: impl Fn(App) -> F)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (_, points) = app.record(&reading).await;
    print(act, &points);
    assert!(!points.is_empty(), "{act}");
    let before = app.items().await;
    for (point, death) in deaths(&points) {
        app.crash(point, death, &reading).await.arrive();
        assert_eq!(app.items().await, before, "{act}: {point:?} {death:?}");
    }
    let (_, again) = app.record(&reading).await;
    assert_eq!(again, points, "{act}");
}

#[tokio::test]
async fn whoever_only_reads_and_dies_has_changed_nothing() {
    let app = connected().await;
    let start = slots(&app).await.next().unwrap();
    let booking = app.book_slot("intro", &start).await.expect(201).clone();
    let (id, token) = (id_of(&booking), token_of(&booking));
    let integration: IntegrationId = app.integrations(ADA).await[0]["id"].as_str().unwrap().parse().unwrap();
    let day = |text: &str| text.parse().unwrap();
    let query = SlotsQuery { from: day("2026-11-30"), to: day("2026-12-07"), zone: Zone::UTC, length: None };
    a_reader_dies(&app, "list slots", |process| {
        let query = query.clone();
        async move { list_slots(&process, &tenant(), &"intro".parse().unwrap(), &query).await.unwrap() }
    })
    .await;
    a_reader_dies(&app, "read what a tenant offers", |process| async move {
        read_offers(&process, &tenant()).await.unwrap()
    })
    .await;
    a_reader_dies(&app, "read what is offered", |process| async move {
        read_offer(&process, &tenant(), &"intro".parse().unwrap()).await.unwrap()
    })
    .await;
    a_reader_dies(&app, "read a booking", |process| {
        let id = id.clone();
        async move { read_booking(&process, &admin(), &id).await.unwrap() }
    })
    .await;
    a_reader_dies(&app, "read a booking as its guest", |process| {
        let (id, token) = (id.clone(), token.clone());
        async move { read_managed(&process, &tenant(), &id, &token).await.unwrap() }
    })
    .await;
    a_reader_dies(&app, "look at a start", |process| {
        let start = Tick::exact("2026-11-30T10:00:00Z".parse().unwrap()).unwrap();
        let slot = SlotRequest { event_type: "intro".parse().unwrap(), start, length: None };
        async move { check_slot(&process, &tenant(), &slot).await.unwrap() }
    })
    .await;
    a_reader_dies(&app, "list bookings", |process| async move {
        let query = BookingsQuery::default();
        list_bookings(&process, &admin(), &query, 50).await.unwrap()
    })
    .await;
    a_reader_dies(&app, "read a booking's history", |process| {
        let id = id.clone();
        async move { read_history(&process, &admin(), &id).await.unwrap() }
    })
    .await;
    let query = SlotsQuery { from: day("2026-11-30"), to: day("2026-12-07"), zone: Zone::UTC, length: None };
    let booking = app.stored(id.as_str()).await;
    a_reader_dies(&app, "list what a booking could be moved to", |process| {
        let (query, booking) = (query.clone(), booking.clone());
        async move { list_move_slots(&process, &booking, &query).await.unwrap() }
    })
    .await;
    a_reader_dies(&app, "read by what a booking is moved", |process| {
        let booking = booking.clone();
        async move { read_agreed(&process, &booking).await.unwrap() }
    })
    .await;
    let job = a_job_dies(&app).await;
    a_reader_dies(&app, "read a job", |process| {
        let job = job.clone();
        async move { read_job(&process, &admin(), &job, 1).await.unwrap() }
    })
    .await;
    a_reader_dies(&app, "list integrations", |process| async move {
        list_integrations(&process, &admin(), None).await.unwrap()
    })
    .await;
    a_reader_dies(&app, "read an integration", |process| {
        let integration = integration.clone();
        async move { find_integration(&process, &admin(), &integration).await.unwrap() }
    })
    .await;
}

/// An export that dies is complete all the same, or was never begun; gives the last one.
async fn a_job_dies(app: &TestApp) -> JobId {
    let export = |process: App| async move { export_guest(&process, &admin(), "mary@example.com").await };
    let (begun, points) = app.record(export).await;
    let mut last = begun.unwrap().id;
    print("export a guest", &points);
    for (point, death) in deaths(&points) {
        let crashed = app.crash(point, death, export).await;
        later(app, 2).await;
        crashed.arrive();
        later(app, 2).await;
        let jobs = app.app().store.jobs(&tenant()).await.unwrap();
        for job in jobs.into_iter().filter(|job| matches!(job.kind, JobKind::ExportGuest { .. })) {
            assert_eq!(job.status, JobStatus::Done, "{point:?} {death:?}");
            let page = app.app().store.job_results(&tenant(), &job.id, 1).await.unwrap();
            let found: Vec<BookingRecord> = serde_json::from_str(&page.unwrap()).unwrap();
            assert_eq!((found.len(), job.done, job.pages), (1, 1, 1), "{point:?} {death:?}");
            last = job.id;
        }
    }
    last
}

/// The files in which processes die.
const HERE: [&str; 2] = [include_str!("crashes.rs"), include_str!("crashes_catalog.rs")];

#[test]
fn no_flow_is_forgotten() {
    let flows = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/src/flows/mod.rs");
    let flows = public_functions(&std::fs::read_to_string(flows).unwrap());
    assert!(flows.len() > 20, "{flows:?}");
    let forgotten: Vec<_> =
        flows.iter().filter(|flow| !HERE.iter().any(|tests| dies_here(tests, flow))).collect();
    assert!(forgotten.is_empty(), "these die nowhere: {forgotten:?}");
}

#[test]
fn a_forgotten_flow_is_seen() {
    let flows = public_functions("pub use a::{Word, act, CONSTANT};\npub use b::other;\nuse c::own;\n");
    assert_eq!(flows.into_iter().collect::<Vec<_>>(), ["act", "other"]);
    assert!(dies_here("x.record(|process| act(&process, 1))", "act"));
    assert!(!dies_here("react(&process)", "act") && !dies_here("act(&app)", "act"));
}

/// The functions among the `pub use` of a module. Each of them takes the app and makes calls: none is excused.
fn public_functions(module: &str) -> BTreeSet<String> {
    let statements = module.split(';').map(str::trim).filter_map(|text| text.strip_prefix("pub use "));
    let names = statements.flat_map(|text| {
        let names = text.rsplit("::").next().unwrap_or_default().trim_matches(['{', '}']);
        names.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()
    });
    names.filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase())).collect()
}

/// Whether a process that can die does this.
fn dies_here(tests: &str, flow: &str) -> bool {
    let call = format!("{flow}(&process");
    let begins = |at: usize| !tests[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    tests.match_indices(&call).any(|(at, _)| begins(at))
}

#[tokio::test]
async fn a_dispatch_that_dies_anywhere_loses_nothing() {
    let app = connected().await;
    let mut slots = slots(&app).await;
    // A booking whose push did not come about, and a calendar to be polled, are due.
    let due = async |start: &str| {
        app.google().faults.always("events.insert", errors::forbidden());
        let booking = app.book_slot("intro", start).await.expect(201).clone();
        assert_eq!(booking["calendar_sync"], "pending");
        app.google().faults.clear();
        app.pass(TimeDelta::minutes(3));
    };
    due(&slots.next().unwrap()).await;
    let (dispatched, points) = app.record(|process| async move { dispatch(&process).await }).await;
    assert_eq!(dispatched.unwrap().handed_out, 2);
    app.local.drain().await;
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

#[tokio::test]
async fn a_deadline_whose_worker_dies_anywhere_is_met_by_the_next_ticks() {
    let app = connected().await;
    let asked = json!({
        "slug": "asked", "hosts": [ADA], "title": "Asked", "lengths": [30], "interval": 30, "window_days": 60,
        "active": true, "needs_confirmation": true, "confirm_within": 5,
    });
    let asked = serde_json::from_value(asked).unwrap();
    app.app().store.put_event_type(&app.tenant(), &asked).await.unwrap();
    let mut slots = slots(&app).await;
    let late = async |start: &str| {
        let booking = app.book_slot("asked", start).await.expect(201).clone();
        app.pass(TimeDelta::minutes(6));
        id_of(&booking)
    };
    let id = late(&slots.next().unwrap()).await;
    let (done, points) =
        app.record(|process| async move { expire_and_erase(&process, &tenant(), &id).await }).await;
    done.unwrap();
    print("decline what nobody answered", &points);
    for (point, death) in deaths(&points) {
        let id = late(&slots.next().unwrap()).await;
        let of = id.clone();
        let crashed =
            app.crash(point, death, |process| async move {
                expire_and_erase(&process, &tenant(), &of).await.is_ok()
            })
            .await;
        later(&app, 1).await;
        crashed.arrive();
        later(&app, 3).await;
        let stored = app.stored(id.as_str()).await;
        assert_eq!((stored.status, stored.version), (BookingStatus::Declined, 2), "{point:?} {death:?}");
        agree(&app, &format!("{point:?} {death:?}")).await;
    }
}

#[tokio::test]
async fn a_report_of_what_is_overdue_that_dies_anywhere_changes_nothing() {
    let app = connected().await;
    // A poll that nobody made for hours.
    app.pass(TimeDelta::hours(3));
    let (overdue, points) = app.record(|process| async move { report_overdue(&process).await }).await;
    assert_eq!(overdue.unwrap(), 1);
    print("report what is overdue", &points);
    for (point, death) in deaths(&points) {
        let crashed =
            app.crash(point, death, |process| async move { report_overdue(&process).await.is_ok() }).await;
        crashed.arrive();
        assert_eq!(report_overdue(&app.process()).await.unwrap(), 1, "{point:?} {death:?}");
    }
    later(&app, 1).await;
    agree(&app, "the report").await;
    assert_eq!(report_overdue(&app.process()).await.unwrap(), 0, "it was made up for");
}

pub(crate) fn admin() -> Scope {
    Scope::Tenant(tenant())
}

pub(crate) fn tenant() -> Tenant {
    tests::TENANT.parse().unwrap()
}

fn id_of(booking: &Value) -> BookingId {
    booking["id"].as_str().unwrap().parse().unwrap()
}

fn token_of(booking: &Value) -> ManageToken {
    ManageToken::presented(booking["manage_token"].as_str().unwrap())
}
