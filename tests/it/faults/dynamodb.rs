//! DynamoDB throttles, is in conflict, fails, leaves keys undone, and does what it was asked without an answer.

use std::time::Duration;

use chrono::TimeDelta;
use fakes::google::errors;
use fakes::{Fault, dynamodb};
use holdfast::flows::dispatch;
use tests::{ADA, ADA_ACCOUNT, TestApp};

use super::{
    ELEVEN, FOUR, Row, TEN, UNTIL_MENDED, afterwards, booked, connected, hold_of, hold_true, mend, told,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// A guest lists slots, half a minute after anybody did.
    List,
    /// A guest holds a slot.
    Hold,
    /// A guest gives a hold back.
    Release,
    /// A guest confirms a hold.
    Confirm,
    /// A guest books a slot that nobody holds.
    Book,
    /// A guest cancels.
    Cancel,
    /// The queue pushes what the request could not: what the booking says then, and how many calls of `UpdateItem` were
    /// made; two are needed, for the lease and the outcome.
    Push,
    /// An admin lists bookings.
    Bookings,
    /// An admin syncs a calendar in which something has changed: outcome, and our events that were removed.
    Sync,
    /// The same when nothing has changed.
    Idle,
    /// An admin lists calendars with an access token that has ended.
    Refresh,
    /// An admin begins to connect a calendar.
    Start,
    /// A host comes back from the consent page.
    Callback,
    /// The schedule hands out a booking and an integration that are due.
    Dispatch,
}
use Act::{
    Book, Bookings, Callback, Cancel, Confirm, Dispatch, Hold, Idle, List, Push, Refresh, Release, Start,
    Sync,
};

/// `UpdateItem 2` is the second call of `UpdateItem` in the act.
#[rustfmt::skip]
const ROWS: &[Row<Act>] = &[
    (List, "Query", "throttled 3 times", "200"),
    (List, "Query", "internal error 3 times", "200"),
    (List, "Query", "cut once", "200"),
    (List, "Query", "late once", "200"),
    (List, "Query", "throttled always", "503 busy, again in 2"),
    (List, "GetItem", "throttled always", "503 busy, again in 2"),
    (Hold, "GetItem", "throttled 3 times", "201"),
    (Hold, "Query", "throttled always", "503 busy, again in 2"),
    (Hold, "BatchGetItem", "1 key undone 3 times", "201"),
    (Hold, "BatchGetItem", "1 key undone always", "503 busy, again in 2"),
    (Hold, "BatchGetItem", "internal error always", "503 busy, again in 2"),
    (Hold, "UpdateItem", "throttled 3 times", "201"),
    (Hold, "UpdateItem", "conflict 3 times", "201"),
    (Hold, "UpdateItem", "internal error 3 times", "201"),
    (Hold, "UpdateItem", "cut once", "201"),
    (Hold, "UpdateItem", "cut after once", "201"),
    (Hold, "UpdateItem", "late once", "201"),
    (Hold, "UpdateItem", "throttled always", "503 busy, again in 2"),
    (Hold, "UpdateItem", "conflict always", "503 busy, again in 2"),
    (Hold, "UpdateItem", "internal error always", "503 busy, again in 2"),
    (Release, "TransactWriteItems", "conflict 3 times", "204"),
    (Release, "TransactWriteItems", "cut after once", "204"),
    (Release, "TransactWriteItems", "throttled always", "503 busy, again in 2"),
    (Confirm, "BatchGetItem", "1 key undone 3 times", "201 synced"),
    (Confirm, "TransactWriteItems", "throttled 3 times", "201 synced"),
    (Confirm, "TransactWriteItems", "conflict 3 times", "201 synced"),
    (Confirm, "TransactWriteItems", "internal error 3 times", "201 synced"),
    (Confirm, "TransactWriteItems", "cut once", "201 synced"),
    (Confirm, "TransactWriteItems", "cut after once", "201 synced"),
    (Confirm, "TransactWriteItems", "late once", "201 synced"),
    (Confirm, "TransactWriteItems", "throttled always", "503 busy, again in 2"),
    (Confirm, "TransactWriteItems", "conflict always", "503 busy, again in 2"),
    (Confirm, "TransactWriteItems", "internal error always", "503 busy, again in 2"),
    (Confirm, "TransactWriteItems", "cut after always", "503 busy, again in 2"),
    (Confirm, "UpdateItem", "conflict 3 times", "201 synced"),
    (Confirm, "UpdateItem", "cut after once", "201 synced"),
    (Confirm, "UpdateItem", "throttled always", "201 pending"),
    (Book, "TransactWriteItems", "throttled 3 times", "201 synced"),
    (Book, "TransactWriteItems", "conflict 3 times", "201 synced"),
    (Book, "TransactWriteItems", "internal error 3 times", "201 synced"),
    (Book, "TransactWriteItems", "cut after once", "201 synced"),
    (Book, "TransactWriteItems", "late once", "201 synced"),
    (Book, "TransactWriteItems", "throttled always", "503 busy, again in 2"),
    (Book, "TransactWriteItems", "conflict always", "503 busy, again in 2"),
    (Book, "TransactWriteItems", "cut after always", "503 busy, again in 2"),
    (Cancel, "GetItem", "throttled 3 times", "200 synced"),
    (Cancel, "TransactWriteItems", "conflict 3 times", "200 synced"),
    (Cancel, "TransactWriteItems", "internal error 3 times", "200 synced"),
    (Cancel, "TransactWriteItems", "cut after once", "200 synced"),
    (Cancel, "TransactWriteItems", "late once", "200 synced"),
    (Cancel, "TransactWriteItems", "throttled always", "503 busy, again in 2"),
    (Cancel, "TransactWriteItems", "conflict always", "503 busy, again in 2"),
    (Cancel, "UpdateItem", "cut after once", "200 synced"),
    (Cancel, "UpdateItem", "throttled always", "200 pending"),
    (Push, "UpdateItem 1", "throttled 3 times", "synced in 5 writes"),
    (Push, "UpdateItem 1", "conflict 3 times", "synced in 5 writes"),
    (Push, "UpdateItem 1", "internal error 3 times", "synced in 5 writes"),
    (Push, "UpdateItem 1", "cut once", "synced in 3 writes"),
    (Push, "UpdateItem 1", "cut after once", "synced in 3 writes"),
    (Push, "UpdateItem 1", "late once", "synced in 3 writes"),
    (Push, "UpdateItem 2", "conflict 3 times", "synced in 5 writes"),
    (Push, "UpdateItem 2", "cut after once", "synced in 3 writes"),
    (Push, "UpdateItem 2", "late once", "synced in 3 writes"),
    (Push, "UpdateItem", "conflict always", "the table is busy; pending"),
    (Push, "UpdateItem", "cut after always", "the table is busy; pending"),
    (Bookings, "BatchGetItem", "2 keys undone once", "200"),
    (Bookings, "BatchGetItem", "1 key undone 3 times", "200"),
    (Bookings, "BatchGetItem", "1 key undone always", "503 busy, again in 2"),
    (Sync, "Query", "throttled 3 times", "200 done, 0 removed"),
    (Sync, "Query", "throttled always", "503 busy, again in 2"),
    (Sync, "TransactWriteItems", "throttled 3 times", "200 done, 0 removed"),
    (Sync, "TransactWriteItems", "conflict 3 times", "200 done, 0 removed"),
    (Sync, "TransactWriteItems", "internal error 3 times", "200 done, 0 removed"),
    (Sync, "TransactWriteItems", "cut after once", "200 done, 0 removed"),
    (Sync, "TransactWriteItems", "late once", "200 done, 0 removed"),
    (Sync, "TransactWriteItems", "throttled always", "503 busy, again in 2"),
    (Sync, "TransactWriteItems", "conflict always", "503 busy, again in 2"),
    (Idle, "UpdateItem 1", "cut after once", "200 done, 0 removed"),
    (Idle, "UpdateItem 2", "conflict 3 times", "200 done, 0 removed"),
    (Idle, "UpdateItem 2", "cut after once", "200 done, 0 removed"),
    (Idle, "UpdateItem 2", "late once", "200 done, 0 removed"),
    (Refresh, "UpdateItem 1", "conflict 3 times", "200"),
    (Refresh, "UpdateItem 1", "cut after once", "200"),
    (Refresh, "TransactWriteItems", "conflict 3 times", "200"),
    (Refresh, "TransactWriteItems", "cut after once", "200"),
    (Refresh, "TransactWriteItems", "throttled always", "503 busy, again in 2"),
    (Refresh, "UpdateItem", "throttled always", "503 busy, again in 2"),
    (Start, "TransactWriteItems", "conflict 3 times", "200"),
    (Start, "TransactWriteItems", "cut after once", "200"),
    (Start, "PutItem", "throttled 3 times", "200"),
    (Start, "PutItem 1", "cut after once", "200"),
    (Start, "PutItem 2", "cut after once", "200"),
    (Start, "PutItem", "throttled always", "503 busy, again in 2"),
    (Callback, "TransactWriteItems 1", "conflict 3 times", "200, connected"),
    (Callback, "TransactWriteItems 1", "cut after once", "200, connected"),
    (Callback, "TransactWriteItems 2", "conflict 3 times", "200, connected"),
    (Callback, "TransactWriteItems 2", "cut after once", "200, connected"),
    (Callback, "TransactWriteItems", "throttled always", "503"),
    (Dispatch, "Query 8", "throttled 3 times", "2 handed out"),
    (Dispatch, "Query 8", "cut once", "2 handed out"),
    (Dispatch, "Query", "throttled always", "the table is busy"),
    (Dispatch, "UpdateItem 1", "conflict 3 times", "2 handed out"),
    (Dispatch, "UpdateItem 1", "cut after once", "2 handed out"),
    (Dispatch, "UpdateItem 2", "cut after once", "2 handed out"),
    (Dispatch, "UpdateItem 1", "late once", "2 handed out"),
    (Dispatch, "UpdateItem", "throttled always", "0 handed out"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dynamodb_does_the_answer_is_the_stated_one() {
    hold_true("DynamoDB", ROWS, outcome).await;
}

/// From now on the table does this at the operation, or at the call of it that the row names.
fn meet(app: &TestApp, op: &str, fault: &str) {
    let faults = &app.local.dynamodb.faults;
    if let Some((keys, calls)) = fault.split_once(" undone ") {
        let keys = keys.split(' ').next().unwrap().parse().unwrap();
        app.local.dynamodb.leave_unprocessed(keys, times(calls));
        return;
    }
    let (op, nth) = op.split_once(' ').map_or((op, 1), |(op, nth)| (op, nth.parse().unwrap()));
    for _ in 1..nth {
        faults.next(op, Fault::DelayBefore(Duration::ZERO));
    }
    if let Some(always) = fault.strip_suffix(" always") {
        faults.always(op, named(op, always));
        return;
    }
    let (name, calls) = match fault.split_once(" 3 ") {
        Some((name, _)) => (name, 3),
        None => (fault.trim_end_matches(" once"), 1),
    };
    for _ in 0..calls {
        faults.next(op, named(op, name));
    }
}

fn times(words: &str) -> usize {
    match words {
        "once" => 1,
        "3 times" => 3,
        "always" => UNTIL_MENDED,
        other => panic!("how often is {other}?"),
    }
}

fn named(op: &str, fault: &str) -> Fault {
    match fault {
        "throttled" => dynamodb::throttled(),
        "conflict" if op == "TransactWriteItems" => dynamodb::transaction_cancelled_by_conflict(2),
        "conflict" => dynamodb::transaction_conflict(),
        "internal error" => dynamodb::internal_error(),
        "cut" => Fault::CutBefore,
        "cut after" => Fault::CutAfter,
        // The work is done, and the answer comes when nobody waits for it any more.
        "late" => Fault::DelayAfter(Duration::from_secs(6)),
        other => panic!("no such fault: {other}"),
    }
}

async fn outcome(act: Act, op: &str, fault: &str) -> String {
    let (app, id) = connected().await;
    let told = match act {
        List => {
            app.pass(TimeDelta::seconds(31));
            meet(&app, op, fault);
            told(&app.listing("intro", "2026-11-30", "2026-12-02", "UTC").await)
        }
        Hold => {
            meet(&app, op, fault);
            let told = told(&app.hold("intro", TEN).await);
            mend(&app);
            // Whoever was refused may have it now, at the latest when a hold of nobody has ended.
            app.pass(TimeDelta::seconds(301));
            app.hold("intro", TEN).await.expect(201);
            told
        }
        Release => {
            let hold = hold_of(&app, TEN).await;
            meet(&app, op, fault);
            let released = app.release(&hold).await;
            mend(&app);
            if released.status != 204 {
                app.release(&hold).await.expect(204);
            }
            app.hold("intro", TEN).await.expect(201);
            told(&released)
        }
        Confirm => {
            let hold = hold_of(&app, TEN).await;
            meet(&app, op, fault);
            let answer = app.confirm(&hold).await;
            mend(&app);
            app.confirm(&hold).await.expect(201);
            assert_eq!(app.bookings().await.len(), 1);
            booked(&answer)
        }
        Book => {
            meet(&app, op, fault);
            let answer = app.book_slot("intro", TEN).await;
            mend(&app);
            // Whole or not at all; with every answer lost it was made, and nobody could know.
            let is_made = answer.status == 201 || fault == "cut after always";
            assert_eq!(app.bookings().await.len(), usize::from(is_made), "{op} {fault}");
            booked(&answer)
        }
        Cancel => {
            let booking = app.book_slot("intro", TEN).await.expect(201).clone();
            meet(&app, op, fault);
            let answer = app.cancel(&booking).await;
            mend(&app);
            assert_eq!(app.cancel(&booking).await.expect(200)["status"], "cancelled");
            assert!(app.is_offered("intro", TEN).await);
            booked(&answer)
        }
        Push => push(&app, op, fault).await,
        Bookings => {
            for start in [TEN, ELEVEN, FOUR] {
                app.book_slot("intro", start).await.expect(201);
            }
            meet(&app, op, fault);
            let answer = app.admin(reqwest::Method::GET, "/v1/bookings", None).await;
            let listed = answer.body["bookings"].as_array().map(Vec::len);
            assert_eq!(listed, (answer.status == 200).then_some(3), "{op} {fault}");
            told(&answer)
        }
        Sync | Idle => sync(&app, act, op, fault, &id).await,
        Refresh => {
            app.pass(TimeDelta::minutes(61));
            meet(&app, op, fault);
            told(&app.calendars(&id).await)
        }
        Start => return start(op, fault).await,
        Callback => return callback(op, fault).await,
        Dispatch => {
            app.google().faults.always("events.insert", errors::forbidden());
            app.book_slot("intro", TEN).await.expect(201);
            app.google().faults.clear();
            app.pass(TimeDelta::minutes(3));
            meet(&app, op, fault);
            match dispatch(&app.process()).await {
                Ok(done) => format!("{} handed out", done.handed_out),
                Err(error) => error.to_string(),
            }
        }
    };
    told + &afterwards(&app, &id).await
}

/// A push from the queue, which has a run of its own and must not wait for its own lease to end.
async fn push(app: &TestApp, op: &str, fault: &str) -> String {
    app.google().faults.next("events.insert", errors::forbidden());
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    app.pass(TimeDelta::minutes(3));
    app.local.dynamodb.faults.take_calls();
    app.google().faults.take_calls();
    meet(app, op, fault);
    let pushed = app.push_by(&app.process(), &id.parse().unwrap()).await;
    mend(app);
    let calls = app.local.dynamodb.faults.take_calls();
    let writes = calls.iter().filter(|call| call.op == "UpdateItem").count();
    let inserts = app.google().faults.take_calls().into_iter().filter(|call| call.op == "events.insert");
    let sync = app.booking_record(id).await.calendar_sync();
    assert_eq!(
        inserts.count(),
        usize::from(pushed.is_ok()),
        "{op} {fault}: asked once, and under a lease alone"
    );
    match pushed {
        Ok(()) => format!("{} in {writes} writes", sync.as_str()),
        Err(error) => format!("{error}; {}", sync.as_str()),
    }
}

/// A sync of a calendar that has three events of ours.
async fn sync(app: &TestApp, act: Act, op: &str, fault: &str, id: &str) -> String {
    for start in [TEN, ELEVEN, FOUR] {
        app.book_slot("intro", start).await.expect(201);
    }
    app.sync(id).await.expect(200);
    let start = "2026-11-30T13:00:00Z".parse().unwrap();
    if act == Sync {
        let dentist = fakes::google::EventSpec::new("Dentist", start, start + TimeDelta::minutes(30));
        app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, dentist);
    }
    meet(app, op, fault);
    let answer = app.sync(id).await;
    let outcome = answer.body["outcome"].as_str().map(|outcome| format!(" {outcome}"));
    let removed = answer.body["removed_events"].as_u64().map(|removed| format!(", {removed} removed"));
    told(&answer) + &outcome.unwrap_or_default() + &removed.unwrap_or_default()
}

/// The tenant's first connection: its key is made too.
async fn start(op: &str, fault: &str) -> String {
    let starting = super::STARTING.acquire().await.unwrap();
    let app = TestApp::without_stream().await;
    drop(starting);
    meet(&app, op, fault);
    let body = serde_json::json!({ "host": ADA });
    let answer = app.admin(reqwest::Method::POST, "/v1/integrations/google/connect", Some(&body)).await;
    mend(&app);
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.pass(TimeDelta::minutes(11));
    assert_eq!(app.integrations(ADA).await.len(), 1, "what never came back is forgotten by itself");
    told(&answer) + &afterwards(&app, &id).await
}

async fn callback(op: &str, fault: &str) -> String {
    let starting = super::STARTING.acquire().await.unwrap();
    let app = TestApp::without_stream().await;
    drop(starting);
    let (url, cookie) = app.begin_connect(ADA).await;
    let location = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    meet(&app, op, fault);
    let answer = app.come_back(location.as_str(), &cookie).await;
    mend(&app);
    let integrations = app.integrations(ADA).await;
    let live = integrations.iter().find(|found| found["account"] == ADA_ACCOUNT);
    let status = live.map(|live| format!(", {}", live["status"].as_str().unwrap()));
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.pass(TimeDelta::minutes(11));
    assert_eq!(app.integrations(ADA).await.len(), 1);
    told(&answer) + &status.unwrap_or_default() + &afterwards(&app, &id).await
}
