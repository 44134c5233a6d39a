//! KMS denies, has its key disabled, throttles, fails and hangs, to a process that remembers no key.
//!
//! A key that is refused is a fault of the deployment: 500, and its alarm. One that cannot be had for now is 503.

use std::time::Duration;

use chrono::{FixedOffset, TimeDelta};
use fakes::google::{EventSpec, errors};
use fakes::{Fault, kms};
use holdfast::App;
use holdfast::domain::{Guest, ProviderKind, Scope, Tick};
use holdfast::flows::{
    BookRequest, ManageToken, SlotRequest, Wanted, book, cancel_managed, finish_connect, start_connect,
    sync_now,
};
use holdfast::http::Problem;
use holdfast::http::views::SyncView;
use serde_json::Value;
use tests::{ADA, ADA_ACCOUNT, TestApp, guest};

use super::{ELEVEN, Row, TEN, afterwards, connected, hold_true, mend, problem};

#[derive(Clone, Copy, Debug)]
enum Act {
    /// An admin begins to connect: the tenant's first secret with `GenerateDataKey`.
    Start,
    /// A host comes back from the consent page.
    Callback,
    /// A guest books, and is owed a manage token: the tenant's first secret with `GenerateDataKey`.
    Book,
    /// A guest cancels by the manage token.
    Cancel,
    /// An admin syncs.
    Pull,
    /// The queue hands out a push that has failed before.
    Push,
}
use Act::{Book, Callback, Cancel, Pull, Push, Start};

#[rustfmt::skip]
const ROWS: &[Row<Act>] = &[
    (Start, "GenerateDataKey", "denied", "500 internal"),
    (Start, "GenerateDataKey", "disabled", "500 internal"),
    (Start, "GenerateDataKey", "throttled", "503 busy, again in 2"),
    (Start, "GenerateDataKey", "throttled once", "begun"),
    (Start, "GenerateDataKey", "cut after once", "begun"),
    (Start, "GenerateDataKey", "hangs", "503 busy, again in 2"),
    (Start, "Decrypt", "denied", "500 internal"),
    (Start, "Decrypt", "disabled", "500 internal"),
    (Start, "Decrypt", "throttled", "503 busy, again in 2"),
    (Start, "Decrypt", "throttled once", "begun"),
    (Callback, "Decrypt", "denied", "500 internal"),
    (Callback, "Decrypt", "disabled", "500 internal"),
    (Callback, "Decrypt", "throttled", "503 busy, again in 2"),
    (Callback, "Decrypt", "throttled once", "connected"),
    (Callback, "Decrypt", "internal error once", "connected"),
    (Callback, "Decrypt", "cut once", "connected"),
    (Book, "GenerateDataKey", "denied", "500 internal"),
    (Book, "GenerateDataKey", "disabled", "500 internal"),
    (Book, "GenerateDataKey", "throttled", "503 busy, again in 2"),
    (Book, "GenerateDataKey", "throttled once", "booked, off"),
    (Book, "Decrypt", "denied", "500 internal"),
    (Book, "Decrypt", "disabled", "500 internal"),
    (Book, "Decrypt", "throttled", "503 busy, again in 2"),
    (Book, "Decrypt", "throttled once", "booked, synced"),
    (Book, "Decrypt", "internal error", "503 busy, again in 2"),
    (Book, "Decrypt", "internal error once", "booked, synced"),
    (Book, "Decrypt", "key unavailable", "503 busy, again in 2"),
    (Book, "Decrypt", "key unavailable once", "booked, synced"),
    (Book, "Decrypt", "cut", "503 busy, again in 2"),
    (Book, "Decrypt", "cut once", "booked, synced"),
    (Book, "Decrypt", "hangs", "503 busy, again in 2"),
    (Cancel, "Decrypt", "denied", "500 internal"),
    (Cancel, "Decrypt", "disabled", "500 internal"),
    (Cancel, "Decrypt", "throttled", "503 busy, again in 2"),
    (Cancel, "Decrypt", "throttled once", "cancelled, synced"),
    (Pull, "Decrypt", "denied", "incomplete, error: the key service refused: AccessDeniedException"),
    (Pull, "Decrypt", "disabled", "incomplete, error: the key service refused: DisabledException"),
    (Pull, "Decrypt", "throttled", "incomplete, error: the key service is busy"),
    (Pull, "Decrypt", "throttled once", "done, connected"),
    (Pull, "Decrypt", "internal error", "incomplete, error: the key service is busy"),
    (Pull, "Decrypt", "key unavailable", "incomplete, error: the key service is busy"),
    (Pull, "Decrypt", "cut", "incomplete, error: the key service is busy"),
    (Pull, "Decrypt", "cut once", "done, connected"),
    (Pull, "Decrypt", "hangs", "incomplete, error: the key service is busy"),
    (Push, "Decrypt", "denied", "pending"),
    (Push, "Decrypt", "disabled", "pending"),
    (Push, "Decrypt", "throttled", "pending"),
    (Push, "Decrypt", "throttled once", "synced"),
    (Push, "Decrypt", "internal error", "pending"),
    (Push, "Decrypt", "cut", "pending"),
    (Push, "Decrypt", "cut once", "synced"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_kms_does_the_answer_is_the_stated_one() {
    hold_true("KMS", ROWS, outcome).await;
}

fn meet(app: &TestApp, op: &str, fault: &str) {
    let kms = &app.local.kms;
    match (fault, fault.strip_suffix(" once")) {
        ("denied", _) => kms.deny(),
        ("disabled", _) => kms.disable(),
        (_, Some(once)) => kms.faults.next(op, named(once)),
        (always, None) => kms.faults.always(op, named(always)),
    }
}

fn named(fault: &str) -> Fault {
    match fault {
        "throttled" => kms::throttled(),
        "internal error" => kms::internal_error(),
        "key unavailable" => kms::key_unavailable(),
        "cut" => Fault::CutBefore,
        "cut after" => Fault::CutAfter,
        "hangs" => Fault::DelayBefore(Duration::from_mins(10)),
        other => panic!("no such fault: {other}"),
    }
}

async fn outcome(act: Act, op: &str, fault: &str) -> String {
    if op == "GenerateDataKey" {
        return first_secret(act, fault).await;
    }
    let (app, id) = connected().await;
    let process = app.process();
    let told = match act {
        Start => {
            meet(&app, op, fault);
            start(&process, &app).await
        }
        Callback => callback(&app, &process, op, fault).await,
        Book => {
            meet(&app, op, fault);
            booked(&app, &process).await
        }
        Cancel => {
            let booking = app.book_slot("intro", TEN).await.expect(201).clone();
            let token = ManageToken::presented(booking["manage_token"].as_str().unwrap());
            let id = booking["id"].as_str().unwrap().parse().unwrap();
            meet(&app, op, fault);
            let cancelled = cancel_managed(&process, &app.tenant(), &id, &token, None).await;
            let is_gone = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).is_empty();
            assert_eq!(is_gone, cancelled.is_ok(), "{fault}");
            mend(&app);
            app.cancel(&booking).await.expect(200);
            let word = |record: holdfast::domain::BookingRecord| {
                format!("{}, {}", record.booking.status.as_str(), record.calendar_sync().as_str())
            };
            cancelled.map_or_else(problem, word)
        }
        Pull => pull(&app, &process, &id, fault).await,
        Push => push(&app, &process, op, fault).await,
    };
    told + &afterwards(&app, &id).await
}

/// The tenant has no key yet.
async fn first_secret(act: Act, fault: &str) -> String {
    let starting = super::STARTING.acquire().await.unwrap();
    let app = TestApp::without_stream().await;
    drop(starting);
    meet(&app, "GenerateDataKey", fault);
    let process = app.process();
    let told = match act {
        Book => booked(&app, &process).await,
        Start => start(&process, &app).await,
        Callback | Cancel | Pull | Push => panic!("{act:?} is nobody's first"),
    };
    mend(&app);
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.pass(TimeDelta::minutes(11));
    assert_eq!(app.integrations(ADA).await.len(), 1, "what never came back is forgotten by itself");
    if told.ends_with("off") {
        // It was made before there was a calendar.
        let made = app.bookings().await.remove(0);
        app.cancel_as_admin(&made.booking.id).await.expect(200);
        return told;
    }
    told + &afterwards(&app, &id).await
}

async fn start(process: &App, app: &TestApp) -> String {
    let host = ADA.parse().unwrap();
    let started =
        start_connect(process, &Scope::Tenant(app.tenant()), &host, ProviderKind::Google, None).await;
    started.map_or_else(problem, |_| "begun".to_owned())
}

async fn callback(app: &TestApp, process: &App, op: &str, fault: &str) -> String {
    let (url, cookie) = app.begin_connect(ADA).await;
    let back = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    let value = |name: &str| back.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let cookie = cookie.split_once('=').unwrap().1;
    meet(app, op, fault);
    let arrived =
        finish_connect(process, ProviderKind::Google, &value("state"), &value("code").into(), Some(cookie))
            .await;
    arrived.map_or_else(problem, |_| "connected".to_owned())
}

/// A booking, after which there is one or none.
async fn booked(app: &TestApp, process: &App) -> String {
    let guest: Guest = serde_json::from_value(guest()).unwrap();
    let wanted = Wanted::Slot(SlotRequest {
        event_type: "intro".parse().unwrap(),
        start: Tick::exact(TEN.parse().unwrap()).unwrap(),
        length: None,
    });
    let request =
        BookRequest { wanted, guest, answers: None, notes: None, metadata: None, sync_to_calendar: true };
    let booked = book(process, &Scope::Public(app.tenant()), &request, None).await;
    // Nobody has what they were not told of.
    assert_eq!(app.bookings().await.len(), usize::from(booked.is_ok()));
    assert_eq!(app.is_offered("intro", TEN).await, booked.is_err());
    let utc = FixedOffset::east_opt(0).unwrap();
    booked.map_or_else(
        |error| problem(Problem::of_booking(error, utc)),
        |booked| format!("booked, {}", booked.record.calendar_sync().as_str()),
    )
}

/// A booking whose event Google would not take at first.
async fn push(app: &TestApp, process: &App, op: &str, fault: &str) -> String {
    app.google().faults.always("events.insert", errors::backend_error(503));
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    assert_eq!(booking["calendar_sync"], "pending");
    app.google().faults.clear();
    app.pass(TimeDelta::minutes(1));
    meet(app, op, fault);
    let id = booking["id"].as_str().unwrap();
    app.push_by(process, &id.parse().unwrap()).await.unwrap();
    app.booking_record(id).await.calendar_sync().as_str().to_owned()
}

/// Something has gone from the calendar since the last reading: without a key nobody knows.
async fn pull(app: &TestApp, process: &App, id: &str, fault: &str) -> String {
    let (start, end) = (ELEVEN.parse().unwrap(), "2026-11-30T11:30:00Z".parse().unwrap());
    let event = app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, EventSpec::new("Dentist", start, end));
    app.sync(id).await.expect(200);
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, &event);
    meet(app, "Decrypt", fault);
    let synced = match sync_now(process, &Scope::Tenant(app.tenant()), &id.parse().unwrap()).await {
        Ok(synced) => serde_json::to_value(SyncView::from(synced)).unwrap(),
        Err(error) => return problem(error),
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let integration = &synced["integration"];
    let mut told = format!("{}, {}", text(&synced["outcome"]), text(&integration["status"]));
    if let Some(error) = integration["last_sync_error"].as_str() {
        told = format!("{told}: {error}");
    }
    assert_eq!(app.is_offered("intro", ELEVEN).await, synced["outcome"] == "done", "{fault}");
    told
}
