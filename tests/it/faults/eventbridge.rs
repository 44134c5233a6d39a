//! EventBridge takes some events and not others, throttles, and cuts the connection: nothing is lost, and what is
//! told twice is done once.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fakes::Fault;
use fakes::events::{self, Entries};
use fakes::google::errors;
use holdfast::flows::{Change, dispatch, relay};
use holdfast::store::Image;
use tests::{ADA, ADA_ACCOUNT, TestApp};

use super::{Row, UNTIL_MENDED, afterwards, connected, hold_true, mend};

#[derive(Clone, Copy, Debug)]
enum Act {
    /// Eleven bookings and one integration are due: two calls.
    Dispatch,
    /// Eleven bookings were made.
    Relay,
    /// A booking is made, and the table's stream tells of it.
    Stream,
}
use Act::{Dispatch, Relay, Stream};

const OP: &str = "PutEvents";

#[rustfmt::skip]
const ROWS: &[Row<Act>] = &[
    (Dispatch, OP, "the first refused once", "12 handed out; 12 on the bus"),
    (Dispatch, OP, "the last 3 refused once", "12 handed out; 12 on the bus"),
    (Dispatch, OP, "the first 9 refused 3 times", "12 handed out; 12 on the bus"),
    (Dispatch, OP, "the first refused until mended", "1 events were not taken by the bus; 11 on the bus"),
    (Dispatch, OP, "all refused once", "12 handed out; 12 on the bus"),
    (Dispatch, OP, "all refused until mended", "12 events were not taken by the bus; 0 on the bus"),
    (Dispatch, OP, "throttled once", "12 handed out; 12 on the bus"),
    (Dispatch, OP, "throttled until mended", "12 events were not taken by the bus; 0 on the bus"),
    (Dispatch, OP, "internal error once", "12 handed out; 12 on the bus"),
    (Dispatch, OP, "cut once", "12 handed out; 12 on the bus"),
    (Dispatch, OP, "cut until mended", "12 events were not taken by the bus; 0 on the bus"),
    (Dispatch, OP, "cut after once", "12 handed out; 12 on the bus, 10 of them twice"),
    (Relay, OP, "the first refused once", "11 told; 11 on the bus"),
    (Relay, OP, "the last 3 refused once", "11 told; 11 on the bus"),
    (Relay, OP, "the last refused until mended", "1 events were not taken by the bus; 10 on the bus"),
    (Relay, OP, "all refused until mended", "11 events were not taken by the bus; 0 on the bus"),
    (Relay, OP, "throttled once", "11 told; 11 on the bus"),
    (Relay, OP, "internal error until mended", "11 events were not taken by the bus; 0 on the bus"),
    (Relay, OP, "cut once", "11 told; 11 on the bus"),
    (Relay, OP, "cut after once", "11 told; 11 on the bus, 10 of them twice"),
    (Stream, OP, "the first refused 6 times", "synced; 1 on the bus"),
    (Stream, OP, "throttled 6 times", "synced; 1 on the bus"),
    (Stream, OP, "cut 6 times", "synced; 1 on the bus"),
    (Stream, OP, "cut after once", "synced; 1 on the bus, 1 of them twice"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_eventbridge_does_nothing_is_lost() {
    hold_true("EventBridge", ROWS, outcome).await;
}

enum Meets {
    /// This, for the whole call.
    Whole(Fault),
    /// These entries are refused.
    Part(Entries),
}

fn meet(app: &TestApp, fault: &str) {
    let bus = &app.local.events;
    let (what, calls) = [(" once", 1), (" 3 times", 3), (" 6 times", 6), (" until mended", UNTIL_MENDED)]
        .into_iter()
        .find_map(|(words, calls)| fault.strip_suffix(words).map(|what| (what, calls)))
        .unwrap();
    let fault = match what {
        "the first refused" => Meets::Part(Entries::First(1)),
        "the first 9 refused" => Meets::Part(Entries::First(9)),
        "the last refused" => Meets::Part(Entries::Last(1)),
        "the last 3 refused" => Meets::Part(Entries::Last(3)),
        "all refused" => Meets::Part(Entries::First(usize::MAX)),
        "throttled" => Meets::Whole(events::throttled()),
        "internal error" => Meets::Whole(events::internal_error()),
        "cut" => Meets::Whole(Fault::CutBefore),
        "cut after" => Meets::Whole(Fault::CutAfter),
        other => panic!("no such fault: {other}"),
    };
    match fault {
        Meets::Part(entries) => {
            bus.refuse(entries, calls);
        }
        Meets::Whole(fault) if calls == UNTIL_MENDED => bus.faults.always(OP, fault),
        Meets::Whole(fault) => (0..calls).for_each(|_| bus.faults.next(OP, fault.clone())),
    }
}

async fn outcome(act: Act, _: &str, fault: &str) -> String {
    match act {
        Stream => stream(fault).await,
        Dispatch | Relay => {
            let (app, id) = connected().await;
            let starts = app.starts("intro", "2026-11-30", "2026-12-31").await;
            let is_whole_hour = |start: &&String| start.contains(":00:00");
            for start in starts.iter().filter(is_whole_hour).take(11) {
                app.google().faults.next("events.insert", errors::forbidden());
                assert_eq!(app.book_slot("intro", start).await.expect(201)["calendar_sync"], "pending");
            }
            app.pass(TimeDelta::minutes(3));
            meet(&app, fault);
            let told = match act {
                Dispatch => match dispatch(&app.process()).await {
                    Ok(done) => format!("{} handed out", done.handed_out),
                    Err(error) => error.to_string(),
                },
                Relay | Stream => told_of_all(&app).await,
            };
            let told = format!("{told}; {}", on_the_bus(&app, act));
            mend(&app);
            if matches!(act, Relay) {
                // The stream gives a batch that failed again.
                told_of_all(&app).await;
            }
            let told = told + &afterwards(&app, &id).await;
            let published = app.local.events.published();
            let lost = app.bookings().await.into_iter().filter(|record| {
                !published.iter().any(|event| event["detail"]["booking"] == record.booking.id.as_str())
            });
            assert_eq!(lost.count(), 0, "{act:?} {fault}");
            told
        }
    }
}

async fn told_of_all(app: &TestApp) -> String {
    let bookings = app.bookings().await.into_iter();
    let made = bookings.map(|made| Change {
        at: None,
        before: None,
        after: Some(Image::Booking(Box::new(made.booking))),
    });
    match relay(&app.process(), &made.collect::<Vec<_>>()).await {
        Ok(count) => format!("{count} told"),
        Err(error) => error.to_string(),
    }
}

/// How many events of an act were taken, and how many of them more than once.
fn on_the_bus(app: &TestApp, act: Act) -> String {
    let kind = if matches!(act, Dispatch) { "sync.due" } else { "booking.confirmed" };
    let published = app.local.events.published();
    let details = published.iter().filter(|event| event["detail-type"] == kind);
    let details: Vec<String> = details.map(|event| event["detail"].to_string()).collect();
    let once: BTreeSet<_> = details.iter().collect();
    let twice = details.len() - once.len();
    let again = if twice == 0 { String::new() } else { format!(", {twice} of them twice") };
    format!("{} on the bus{again}", once.len())
}

async fn stream(fault: &str) -> String {
    let app = TestApp::start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.local.drain().await;
    meet(&app, fault);
    let booking = app.book_slot("intro", super::TEN).await.expect(201).clone();
    app.local.drain().await;
    assert_eq!(app.local.dead_letters(), Vec::<serde_json::Value>::new());
    let told = format!("{}; {}", booking["calendar_sync"].as_str().unwrap(), on_the_bus(&app, Stream));
    told + &afterwards(&app, &id).await
}
