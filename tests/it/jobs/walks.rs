//! What a job has looked at: each booking once, also when it is moved during the walk, and counted as it goes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fakes::When;

use super::*;

/// So many bookings of the guest that are still to take place, half an hour apart, each with these notes; in order.
async fn ahead(app: &TestApp, first: DateTime<Utc>, bookings: usize, text: &str) -> Vec<Value> {
    let mut booked = Vec::new();
    for nth in 0..bookings {
        let start = first + TimeDelta::minutes(30 * i64::try_from(nth).unwrap());
        let body = json!({
            "event_type": "half", "start": start.to_rfc3339(), "notes": text.get(..3500),
            "answers": { "q": text }, "metadata": { "m": text },
            "guest": { "name": "Mary", "email": MARY, "time_zone": "UTC" },
        });
        booked.push(app.book(&body).await.expect(201).clone());
    }
    booked
}

fn tomorrow(app: &TestApp) -> DateTime<Utc> {
    app.now().trunc_subsecs(0) + TimeDelta::days(1)
}

async fn reschedule(app: &TestApp, booking: &Value, start: DateTime<Utc>) {
    app.reschedule(booking, &start.to_rfc3339()).await.expect(200);
}

async fn export(app: &TestApp) -> JobId {
    begun(app, |process| async move {
        export_guest(&process, &admin(), MARY).await.ok();
    })
    .await
}

/// Goes on with a job until it is as wanted; the process that has brought it there is killed.
async fn run_until(app: &TestApp, id: &JobId, is_there: impl Fn(&Job) -> bool) -> Job {
    for nth in 0..1000 {
        let found = job(app, id).await;
        if is_there(&found) {
            return found;
        }
        app.pass(TimeDelta::seconds(61));
        let message = QueueMessage::Job { tenant: tenant(), job: id.clone() };
        let act = move |process: App| async move { handle_message(&process, &message).await.is_ok() };
        is_killed(app, nth, true, act).await;
    }
    panic!("it never came there: {:?}", job(app, id).await);
}

async fn run(app: &TestApp, id: &JobId) -> Job {
    app.pass(TimeDelta::seconds(61));
    let message = QueueMessage::Job { tenant: tenant(), job: id.clone() };
    handle_message(&app.process(), &message).await.unwrap();
    job(app, id).await
}

fn assert_each_once(found: &BTreeMap<String, usize>, booked: &[Value]) {
    let missing: Vec<_> =
        (0..booked.len()).filter(|nth| !found.contains_key(booked[*nth]["id"].as_str().unwrap())).collect();
    let twice: Vec<_> = found.iter().filter(|(_, times)| **times > 1).collect();
    assert!(missing.is_empty() && twice.is_empty(), "missing: {missing:?}, twice: {twice:?}");
    assert_eq!(found.len(), booked.len());
}

#[tokio::test]
async fn a_booking_that_is_moved_across_the_walk_is_exported_once() {
    let app = open().await;
    let first = tomorrow(&app);
    let booked = ahead(&app, first, 60, "").await;
    let id = export(&app).await;
    run_until(&app, &id, |job| job.pages == 1).await;
    reschedule(&app, &booked[40], first - TimeDelta::hours(1)).await;
    reschedule(&app, &booked[5], first + TimeDelta::days(3)).await;
    assert_eq!(run(&app, &id).await.status, JobStatus::Done);
    assert_each_once(&results(&app, &id, "bookings").await, &booked);
}

#[tokio::test]
async fn a_booking_that_is_moved_while_it_is_read_takes_the_walk_nowhere_else() {
    let app = open().await;
    let first = tomorrow(&app);
    // A page of results has no room for all that one reading finds.
    let booked = ahead(&app, first, 40, &"x".repeat(8000)).await;
    let id = export(&app).await;
    app.pass(TimeDelta::seconds(61));
    let message = QueueMessage::Job { tenant: tenant(), job: id.clone() };
    let process = app.process();
    let mut gate = app.local.dynamodb.faults.gate("BatchGetItem", When::Before);
    let move_some = async {
        gate.reached().await;
        for (nth, booking) in booked.iter().enumerate().take(19).skip(8) {
            reschedule(
                &app,
                booking,
                first + TimeDelta::days(3) + TimeDelta::hours(i64::try_from(nth).unwrap()),
            )
            .await;
        }
        gate.open();
    };
    let (done, ()) = tokio::join!(handle_message(&process, &message), move_some);
    done.unwrap();
    assert_eq!(job(&app, &id).await.status, JobStatus::Done);
    assert_each_once(&results(&app, &id, "bookings").await, &booked);
}

#[tokio::test]
async fn progress_only_rises_and_is_never_more_than_all() {
    let app = open().await;
    let first = tomorrow(&app);
    let booked = ahead(&app, first, 30, "").await;
    let id = export(&app).await;
    let begun = run_until(&app, &id, |job| job.pages == 1).await;
    assert_eq!((begun.done, begun.total), (25, Some(30)));
    // What is booked during the walk is looked at, too.
    let more = ahead(&app, first + TimeDelta::days(2), 60, "").await;
    let mut last = begun;
    for pages in 2..4 {
        let job = run_until(&app, &id, |job| job.pages == pages).await;
        assert!(job.total >= last.total && job.done >= last.done, "{last:?} {job:?}");
        assert!(job.total.unwrap() >= job.done, "{job:?}");
        last = job;
    }
    // And what is moved to where the walk has been was there from the beginning.
    reschedule(&app, &more[59], first - TimeDelta::hours(1)).await;
    let done = run(&app, &id).await;
    assert_eq!(done.status, JobStatus::Done);
    assert!(
        done.total >= last.total && done.total.unwrap() >= done.done && done.done >= last.done,
        "{done:?}"
    );
    let found = results(&app, &id, "bookings").await;
    assert_each_once(&found, &[booked, more].concat());
}

#[tokio::test]
async fn the_number_of_all_is_what_it_was_when_it_was_counted() {
    let app = open().await;
    let first = tomorrow(&app);
    let booked = ahead(&app, first, 30, "").await;
    let id = export(&app).await;
    run_until(&app, &id, |job| job.pages == 1).await;
    reschedule(&app, &booked[28], first - TimeDelta::hours(1)).await;
    let done = run(&app, &id).await;
    assert_eq!((done.status, done.total), (JobStatus::Done, Some(30)));
}

#[tokio::test]
async fn one_worker_at_a_time_counts() {
    let app = open().await;
    ahead(&app, tomorrow(&app), 2, "").await;
    let id = export(&app).await;
    app.pass(TimeDelta::seconds(61));
    let message = QueueMessage::Job { tenant: tenant(), job: id.clone() };
    let (first, second) = (app.process(), app.process());
    let faults = &app.local.dynamodb.faults;
    let mut gate = faults.gate("Query", When::Before);
    let other = async {
        gate.reached().await;
        faults.take_calls();
        handle_message(&second, &message).await.unwrap();
        let calls = faults.take_calls();
        gate.open();
        calls
    };
    let (done, calls) = tokio::join!(handle_message(&first, &message), other);
    done.unwrap();
    assert!(calls.iter().all(|call| call.op != "Query"), "{calls:?}");
    assert_eq!(job(&app, &id).await.status, JobStatus::Done);
}

#[tokio::test]
async fn counting_ends_at_the_deadline_and_goes_on_where_it_was() {
    let app = open().await;
    // More than the megabyte that one reading takes.
    let booked = ahead(&app, tomorrow(&app), 70, &"x".repeat(8000)).await;
    let faults = &app.local.dynamodb.faults;
    let queries = || faults.take_calls().into_iter().filter(|call| call.op == "Query").count();
    faults.next("Query", fakes::Fault::DelayBefore(Duration::from_millis(3100)));
    faults.take_calls();
    let begun = export_guest(&app.process(), &admin(), MARY).await.unwrap();
    assert_eq!(queries(), 1, "the time of the request is over");
    assert_eq!((begun.status, begun.total), (JobStatus::Running, None));
    assert!(job(&app, &begun.id).await.lease.is_none());
    let done = run(&app, &begun.id).await;
    assert_eq!((done.status, done.total), (JobStatus::Done, Some(70)));
    assert_each_once(&results(&app, &begun.id, "bookings").await, &booked);
}

#[tokio::test]
async fn what_becomes_of_a_booking_is_decided_by_a_strong_read() {
    let app = open().await;
    ahead(&app, tomorrow(&app), 1, "").await;
    for act in ["export", "erase"] {
        let read = async |email: &str| {
            let (path, body) = (format!("/v1/guests/{act}"), json!({ "email": email }));
            let (begun, cost) = app.cost(app.admin(Method::POST, &path, Some(&body))).await;
            assert_eq!(begun.expect(202)["status"], "done");
            cost.units.read
        };
        // The booking and its entry, each one unit when it is read strongly, and half of one otherwise.
        let (nobodys, hers) = (read("nobody@example.com").await, read(MARY).await);
        assert!((hers - nobodys - 2.0).abs() < 0.01, "{act}: {nobodys} {hers}");
    }
}
