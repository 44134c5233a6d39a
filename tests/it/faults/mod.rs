//! What each outbound party can do to the product, and what whoever asked is then told: one table for each party,
//! one row for each act and fault, each row against a product of its own.
//!
//! Behind every row stands the same rule: when the fault is over and time has passed, bookings, cells and calendar
//! agree, the integration is well, and what was put off can be had.

mod dynamodb;
mod eventbridge;
mod google;
mod kms;

use std::fmt::Debug;

use chrono::TimeDelta;
use fakes::events::Entries;
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use holdfast::http::Problem;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, TestApp};

/// An act, the operation that meets the fault, the fault, and what is told.
type Row<A> = (A, &'static str, &'static str, &'static str);

/// Half hours in which Ada is free.
const TEN: &str = "2026-11-30T10:00:00Z";
const ELEVEN: &str = "2026-11-30T11:00:00Z";
const FOUR: &str = "2026-11-30T16:00:00Z";

/// Faults that last until somebody's patience ends.
const SLOW: [&str; 3] = ["hangs", "late", "always"];

/// Rows under way at once: most of them wait between two tries.
const AT_ONCE: usize = 8;

/// Every row, against what comes of it.
#[expect(clippy::print_stdout, reason = "a run says how much it covered")]
async fn hold_true<A: Copy + Debug>(
    party: &str,
    rows: &[Row<A>],
    outcome: impl AsyncFn(A, &str, &str) -> String,
) {
    let run = async |&(act, op, fault, _): &Row<A>| outcome(act, op, fault).await;
    // These wait for nothing but a time-out, all of them side by side.
    let is_slow = |row: &Row<A>| SLOW.iter().any(|slow| row.2.contains(slow));
    let (slow, quick): (Vec<_>, Vec<_>) = rows.iter().partition(|row| is_slow(row));
    let (slow_told, quick_told) = tokio::join!(
        join_all(slow.iter().copied().map(&run)),
        stream::iter(quick.iter().copied()).map(&run).buffered(AT_ONCE).collect::<Vec<_>>(),
    );
    let line = |(act, op, fault, _): &Row<A>, told: &str| format!("{act:?}, {op}, {fault}: {told}");
    let all = slow.iter().zip(&slow_told).chain(quick.iter().zip(&quick_told));
    let wrong = all.filter(|(row, told)| row.3 != told.as_str());
    let wrong: Vec<_> = wrong.map(|(row, told)| (line(row, row.3), line(row, told))).collect();
    assert!(wrong.is_empty(), "stated and found: {wrong:#?}");
    println!("{party}: {} rows", rows.len());
}

/// A few at a time: rows that wait for seconds run side by side, and all of them starting at once would have the
/// product's own patience run out.
static STARTING: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(4);

/// Ada is connected and has just been read, and nothing moves by itself.
async fn connected() -> (TestApp, String) {
    let _starting = STARTING.acquire().await.unwrap();
    let app = TestApp::without_stream().await;
    let integration = app.connect(ADA, ADA_ACCOUNT).await;
    (app, integration)
}

async fn hold_of(app: &TestApp, start: &str) -> String {
    app.hold("intro", start).await.expect(201)["hold"].as_str().unwrap().to_owned()
}

/// What an answer tells: its status, a problem's code, and when to come again.
fn told(answer: &Answer) -> String {
    let code = answer.body["code"].as_str().map(|code| format!(" {code}"));
    let again = answer.header("retry-after").map(|seconds| format!(", again in {seconds}"));
    format!("{}{}{}", answer.status, code.unwrap_or_default(), again.unwrap_or_default())
}

/// A booking's answer: with what it says of the calendar.
fn booked(answer: &Answer) -> String {
    let sync = answer.body["calendar_sync"].as_str().map(|sync| format!(" {sync}"));
    told(answer) + &sync.unwrap_or_default()
}

/// A problem as it is answered.
fn problem(problem: impl Into<Problem>) -> String {
    use axum::response::IntoResponse;
    let problem = problem.into();
    let (status, code) = (problem.status().as_u16(), problem.code());
    let response = problem.into_response();
    let again = response.headers().get("retry-after").map(|seconds| seconds.to_str().unwrap().to_owned());
    format!("{status} {code}{}", again.map(|seconds| format!(", again in {seconds}")).unwrap_or_default())
}

/// For a fault that stays until it is mended.
const UNTIL_MENDED: usize = usize::MAX;

/// Ends every fault, each of which has been met: a row whose call is not made would show nothing.
fn mend(app: &TestApp) {
    for callee in tests::Callee::ALL {
        assert_eq!(app.faults(callee).unmet(), Vec::<String>::new(), "{callee:?}");
        app.faults(callee).clear();
    }
    let undone = app.local.dynamodb.leave_unprocessed(0, 0);
    let refused = app.local.events.refuse(Entries::First(0), 0);
    for left in [undone, refused] {
        assert!(left == 0 || (left > UNTIL_MENDED / 2 && left < UNTIL_MENDED), "{left} to come");
    }
    app.local.kms.enable();
    app.google().mend_calendar(ADA_ACCOUNT);
    app.google().mend_calendar(google::FAMILY);
}

/// After a fault: time passes, and then everything is as it should be. Says what is not; nothing when all is well.
/// A host who has to connect again does so.
async fn afterwards(app: &TestApp, integration: &str) -> String {
    mend(app);
    let mut wrong = Vec::new();
    if app.integration(integration).await["status"] == "needs_reauth" {
        app.connect(ADA, ADA_ACCOUNT).await;
        // What is parked is looked at once an hour.
        app.pass(TimeDelta::minutes(60));
    }
    app.pass(TimeDelta::minutes(5));
    app.tick().await;
    app.pass(TimeDelta::minutes(3));
    app.tick().await;
    let now = app.integration(integration).await;
    if (&now["status"], &now["last_sync_error"]) != (&json!("connected"), &Value::Null) {
        wrong.push(format!("{now}"));
    }
    wrong.extend(app.disagreements(ADA, ADA_ACCOUNT).await);
    if wrong.is_empty() { String::new() } else { format!("; AFTERWARDS {wrong:?}") }
}
