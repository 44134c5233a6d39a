//! Jobs are killed at every one of their calls and are complete all the same, each thing done once: the export and the
//! erasure of a guest with many bookings.
//!
//! A run of a job is killed at its first call, the next at its second, and so on until a page is done; then the counting
//! begins again. So every call of every page is the last of some run, sent and unsent. With a thousand bookings, and what
//! was covered:
//!
//! ```sh
//! HOLDFAST_JOB_BOOKINGS=1000 cargo test --workspace --test it jobs:: -- --nocapture | grep kills
//! ```

mod ends;
mod walks;

use std::collections::BTreeMap;

use chrono::{SubsecRound, TimeDelta};
use fakes::Fault;
use holdfast::App;
use holdfast::domain::{Job, JobId, JobStatus, Scope, Tenant};
use holdfast::flows::{QueueMessage, erase_guest, export_guest, handle_message};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{TENANT, TestApp};
use tokio::sync::oneshot;

const MARY: &str = "mary@example.com";
/// Of twenty-one bookings, one is somebody else's.
const OTHER: usize = 21;
const HOST: &str = "hst_open1";

/// How many bookings the guest has.
#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
fn many() -> usize {
    std::env::var("HOLDFAST_JOB_BOOKINGS").map_or(100, |text| text.parse().expect("a number"))
}

/// A guest with so many bookings, all of them over, and somebody else with some.
async fn booked(bookings: usize) -> TestApp {
    let app = open().await;
    let first = app.now().trunc_subsecs(0) + TimeDelta::days(1);
    for nth in 0..bookings * OTHER / (OTHER - 1) {
        let is_mary = nth % OTHER != OTHER - 1;
        let email = if is_mary { MARY } else { "charles@example.com" };
        let start = first + TimeDelta::minutes(30 * i64::try_from(nth).unwrap());
        let body = json!({
            "event_type": "half", "start": start.to_rfc3339(),
            "guest": { "name": "Somebody", "email": email, "time_zone": "UTC" },
        });
        app.book(&body).await.expect(201);
    }
    app.pass(TimeDelta::days(40));
    app
}

/// Without any booking.
async fn open() -> TestApp {
    let app = TestApp::without_stream().await;
    app.put_open_host(HOST).await;
    app.put_event_type("half", HOST, &[30], 30, 60).await;
    app
}

fn admin() -> Scope {
    Scope::Tenant(tenant())
}

fn tenant() -> Tenant {
    TENANT.parse().unwrap()
}

/// Lets a fresh process run until its `nth` call to the table, at which it is killed: with that call worked on and nobody
/// to hear of it, or never sent. `false` when it was done before.
#[expect(clippy::disallowed_methods, reason = "a task stands for a process, because it can be ended")]
async fn is_killed<T, F>(app: &TestApp, nth: usize, is_sent: bool, act: impl FnOnce(App) -> F) -> bool
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (tell, told) = oneshot::channel();
    let (mut tell, mut count) = (Some(tell), 0);
    let faults = &app.local.dynamodb.faults;
    faults.plan(move |_| {
        let at = count;
        count += 1;
        if at == nth {
            tell.take().map(|tell| tell.send(()));
        }
        (at >= nth).then_some(if at == nth && is_sent { Fault::CutAfter } else { Fault::CutBefore })
    });
    let mut process = tokio::spawn(act(app.process()));
    let is_killed = tokio::select! {
        Ok(()) = told => true,
        _ = &mut process => false,
    };
    if is_killed {
        process.abort();
        process.await.err();
    }
    faults.clear();
    is_killed
}

async fn job(app: &TestApp, id: &JobId) -> Job {
    app.app().store.job(&tenant(), id).await.unwrap().unwrap()
}

/// Goes on with a job whose every run is killed, until it is done. Its progress is looked at through the API: it only
/// rises, and is never more than all. Gives the number of kills and of the values that the progress had.
async fn run_killed(app: &TestApp, id: &JobId) -> (usize, usize) {
    let (mut kills, mut nth, mut seen) = (0, 0, Vec::<u64>::new());
    let message = QueueMessage::Job { tenant: tenant(), job: id.clone() };
    while job(app, id).await.status == JobStatus::Running {
        let before = job(app, id).await.cursor;
        for is_sent in [false, true] {
            // The lease of the run that was killed ends.
            app.pass(TimeDelta::seconds(61));
            let message = message.clone();
            let act = move |process: App| async move { handle_message(&process, &message).await.is_ok() };
            kills += usize::from(is_killed(app, nth, is_sent, act).await);
        }
        nth = if job(app, id).await.cursor == before { nth + 1 } else { 0 };
        let answer = app.admin(Method::GET, &format!("/v1/jobs/{id}"), None).await;
        let done = answer.expect(200)["done"].as_u64().unwrap();
        assert!(answer.body["total"].as_u64().is_none_or(|total| done <= total), "{}", answer.text);
        assert!(seen.last().is_none_or(|last| *last <= done), "{seen:?} {done}");
        if seen.last() != Some(&done) {
            seen.push(done);
        }
    }
    (kills, seen.len())
}

/// All pages of a job's results, and how often each id is in `what`.
async fn results(app: &TestApp, id: &JobId, what: &str) -> BTreeMap<String, usize> {
    let (mut found, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let answer = app.admin(Method::GET, &format!("/v1/jobs/{id}{cursor}"), None).await;
        for one in answer.expect(200)["result"][what].as_array().into_iter().flatten() {
            let id = one.as_str().or_else(|| one["id"].as_str()).unwrap();
            *found.entry(id.to_owned()).or_default() += 1;
        }
        match answer.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => return found,
        }
    }
}

/// The ids of the bookings whose guest has this address.
async fn bookings_of(app: &TestApp, email: &str) -> Vec<String> {
    let items = app.items().await;
    let is_of = |item: &&Value| item["sk"]["S"] == "BOOKING" && item["guest"]["M"]["email"]["S"] == email;
    let mut ids: Vec<_> =
        items.iter().filter(is_of).map(|item| item["id"]["S"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

/// Begins a job in a process that is killed as soon as the job is written down.
async fn begun<F>(app: &TestApp, act: impl Fn(App) -> F) -> JobId
where
    F: Future<Output = ()> + Send + 'static,
{
    let before: Vec<_> =
        app.app().store.jobs(&tenant()).await.unwrap().into_iter().map(|job| job.id).collect();
    for nth in 0.. {
        assert!(is_killed(app, nth, true, &act).await, "no job was written down");
        let jobs = app.app().store.jobs(&tenant()).await.unwrap();
        if let Some(job) = jobs.into_iter().find(|job| !before.contains(&job.id)) {
            return job.id;
        }
    }
    unreachable!("it was found or given up")
}

#[expect(clippy::print_stdout, reason = "a run says how much it covered")]
fn print(what: &str, bookings: usize, (kills, steps): (usize, usize)) {
    println!("{what} of {bookings} bookings: {kills} kills, progress seen at {steps} values");
}

#[tokio::test]
async fn an_export_and_an_erasure_that_are_killed_everywhere_are_complete() {
    let many = many();
    let app = booked(many).await;
    let (marys, others) = (bookings_of(&app, MARY).await, bookings_of(&app, "charles@example.com").await);
    assert_eq!((marys.len(), others.len()), (many, many / (OTHER - 1)));
    let all = u64::try_from(many + others.len()).unwrap();

    let export = begun(&app, |process| async move {
        export_guest(&process, &admin(), MARY).await.ok();
    });
    let export = export.await;
    let run = run_killed(&app, &export).await;
    print("export", many, run);
    assert!(run.0 > many / 5 && run.1 > many / 50, "{run:?}");
    let exported = results(&app, &export, "bookings").await;
    assert!(exported.keys().eq(&marys), "{} of {}", exported.len(), marys.len());
    assert!(exported.values().all(|times| *times == 1));
    let done = job(&app, &export).await;
    assert_eq!((done.done, done.total), (all, Some(all)));

    let erase = begun(&app, |process| async move {
        erase_guest(&process, &admin(), MARY).await.ok();
    });
    let erase = erase.await;
    let run = run_killed(&app, &erase).await;
    print("erasure", many, run);
    assert!(run.0 > many && run.1 > many / 50, "{run:?}");
    let erased = results(&app, &erase, "erased").await;
    assert!(erased.keys().eq(&marys), "{} of {}", erased.len(), marys.len());
    assert!(erased.values().all(|times| *times == 1));
    assert!(results(&app, &erase, "kept").await.is_empty());
    assert_eq!(bookings_of(&app, "charles@example.com").await, others);
    let items = app.items().await;
    assert!(!json!(items).to_string().contains(MARY), "nothing of her is left, nor of the export");
    assert_eq!(job(&app, &export).await.status, JobStatus::Void);
    assert_eq!(app.broken().await, Vec::<String>::new());
}
