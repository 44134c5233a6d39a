//! Links: events stand where their host's bookings are written, once, also after that has changed, and nobody is mailed for
//! it. At a provider that takes our names of events and at one that gives its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use fakes::When;
use fakes::google::{Exchange, errors};
use holdfast::domain::{CalendarSync, JobStatus, Scope, Span, Tick, Ticks};
use holdfast::flows::{self, Leaving};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, Answer, Death, GRACE, Point, TestApp};

use super::own_names::{Names, between};

/// Accounts with nothing in them.
const ONE: &str = "one@example.com";
const TWO: &str = "two@example.com";
/// More calendars of the first.
const FAMILY: &str = "family@group.calendar.google.com";
const WORK: &str = "work@group.calendar.google.com";
const BOTH: [Names; 2] = [Names::Ours, Names::Theirs];

/// What guests have been mailed of: the operation and the path of every write that told them.
#[derive(Clone, Debug, Default)]
struct Mails(Arc<Mutex<Vec<String>>>);

impl Mails {
    fn of(app: &TestApp) -> Self {
        let mails = Self::default();
        let kept = Arc::clone(&mails.0);
        app.google().observe(move |exchange: &Exchange| {
            let tells = exchange.query.iter().any(|(name, value)| name == "sendUpdates" && value == "all");
            if tells {
                kept.lock().unwrap().push(format!("{} {}", exchange.op, exchange.path));
            }
        });
        mails
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn start(names: Names) -> TestApp {
    let app = TestApp::with(|options| {
        options.stream = false;
        options.providers = between(names);
    })
    .await;
    app.google().add_account(ONE, "One");
    app.google().add_account(TWO, "Two");
    app.google().add_calendar(ONE, FAMILY, "Family", "owner");
    app.google().add_calendar(ONE, WORK, "Work", "owner");
    app
}

/// A time within Ada's hours, by number: two a weekday from the 30th of November on.
fn slot(nth: usize) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2026, 11, 30).unwrap();
    let (weekday, hour) = (nth / 2, if nth.is_multiple_of(2) { 10 } else { 15 });
    let days = i64::try_from(weekday / 5 * 7 + weekday % 5).unwrap();
    format!("{}T{hour}:00:00Z", first + TimeDelta::days(days))
}

async fn booked(app: &TestApp, count: usize) -> Vec<Value> {
    let mut all = Vec::new();
    for nth in 0..count {
        all.push(app.book_slot("intro", &slot(nth)).await.expect(201).clone());
    }
    all
}

/// How many events of each booking stand in a calendar.
fn standing(app: &TestApp, account: &str, calendar: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for event in app.our_events(account, calendar) {
        let booking = event["extendedProperties"]["private"]["holdfast_booking"].as_str().unwrap().to_owned();
        *found.entry(booking).or_default() += 1;
    }
    found
}

fn once(bookings: &[Value]) -> BTreeMap<String, usize> {
    bookings.iter().map(|booking| (booking["id"].as_str().unwrap().to_owned(), 1)).collect()
}

async fn assert_all(app: &TestApp, sync: CalendarSync) {
    for record in app.bookings().await {
        assert_eq!(record.calendar_sync(), sync, "{record:#?}");
        assert!(record.entries.iter().all(|entry| entry.due_at.is_none() && entry.leftovers.is_empty()));
    }
}

/// The agenda has one entry, where the only booking is.
async fn assert_one_entry(app: &TestApp) {
    let begin = app.now() - TimeDelta::days(1);
    let window = Span::new(Tick::floor(begin), Tick::floor(begin + TimeDelta::days(60)));
    let agenda = app.app().store.agenda(&app.tenant(), &ADA.parse().unwrap(), window).await.unwrap();
    let starts: Vec<_> = agenda.iter().map(|entry| entry.start).collect();
    assert_eq!(starts, [app.bookings().await[0].booking.start]);
}

async fn host(app: &TestApp) -> Value {
    app.admin(Method::GET, &format!("/v1/hosts/{ADA}"), None).await.expect(200).clone()
}

/// Has bookings written elsewhere, by somebody to whom it is all the same whether guests are mailed.
async fn write_to(app: &TestApp, write_to: &Value) -> Value {
    let body = json!({ "write_to": write_to });
    let path = format!("/v1/hosts/{ADA}?mail_guests=true");
    app.admin(Method::PATCH, &path, Some(&body)).await.expect(200).clone()
}

/// The same of a disconnect.
async fn disconnect(app: &TestApp, id: &str) -> Answer {
    app.admin(Method::DELETE, &format!("/v1/integrations/{id}?mail_guests=true"), None).await
}

/// Nobody was mailed; where the provider does so with every deletion, of nothing else.
fn assert_quiet(names: Names, mails: &Mails, deletions: std::ops::RangeInclusive<usize>) {
    let told = mails.take();
    let expected = if names == Names::Theirs { deletions } else { 0..=0 };
    assert!(told.iter().all(|told| told.starts_with("events.delete ")), "{names:?}: {told:?}");
    assert!(expected.contains(&told.len()), "{names:?}: {told:?}");
}

#[tokio::test]
async fn who_connects_the_same_account_again_has_every_event_again_once() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 6).await;
        let mails = Mails::of(&app);
        disconnect(&app, &id).await.expect(200);
        // Where a grant cannot be given back, it is only forgotten.
        assert_eq!(app.google().is_connected(ONE), names == Names::Theirs);
        assert_eq!(app.leftovers(&id).await, Vec::<String>::new());
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new());
        assert_all(&app, CalendarSync::Off).await;
        assert_eq!(app.connect(ADA, ONE).await, id);
        app.tick_for(2).await;
        assert_eq!(standing(&app, ONE, ONE), once(&bookings), "{names:?}");
        assert_all(&app, CalendarSync::Synced).await;
        assert_quiet(names, &mails, 6..=6);
    }
}

#[tokio::test]
async fn who_connects_another_account_instead_has_every_event_there_once() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 6).await;
        disconnect(&app, &id).await.expect(200);
        let mails = Mails::of(&app);
        let other = app.connect(ADA, TWO).await;
        app.tick_for(2).await;
        assert_eq!(standing(&app, TWO, TWO), once(&bookings), "{names:?}");
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new());
        assert_eq!(host(&app).await["write_to"], json!({ "integration": other, "calendar": TWO }));
        assert_all(&app, CalendarSync::Synced).await;
        assert_quiet(names, &mails, 0..=0);
    }
}

#[tokio::test]
async fn what_was_booked_before_any_calendar_is_linked_by_the_first_connect() {
    for names in BOTH {
        let app = start(names).await;
        let bookings = booked(&app, 3).await;
        assert_all(&app, CalendarSync::Off).await;
        assert_eq!(host(&app).await["write_to"], Value::Null);
        let mails = Mails::of(&app);
        let id = app.connect(ADA, ONE).await;
        assert_eq!(host(&app).await["write_to"], json!({ "integration": id, "calendar": ONE }));
        assert_eq!(standing(&app, ONE, ONE), once(&bookings), "{names:?}");
        assert_all(&app, CalendarSync::Synced).await;
        assert_quiet(names, &mails, 0..=0);
        // What is not to be in a calendar is not.
        let mut unwanted = json!({ "event_type": "intro", "start": slot(4), "guest": tests::guest() });
        unwanted["sync_to_calendar"] = json!(false);
        app.admin(Method::POST, "/v1/bookings", Some(&unwanted)).await.expect(201);
        disconnect(&app, &id).await.expect(200);
        app.connect(ADA, ONE).await;
        app.tick_for(2).await;
        assert_eq!(standing(&app, ONE, ONE), once(&bookings), "{names:?}");
    }
}

#[tokio::test]
async fn a_sync_by_hand_links_what_the_job_has_not_come_to() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 1).await;
        write_to(&app, &Value::Null).await;
        app.tick_for(2).await;
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new());
        assert_all(&app, CalendarSync::Off).await;
        // The job is run by the next minute.
        write_to(&app, &json!({ "integration": id, "calendar": FAMILY })).await;
        let synced = app.step(bookings[0]["id"].as_str().unwrap(), "sync", None).await;
        assert_eq!(synced.expect(200)["calendar_sync"], "synced");
        assert_eq!(standing(&app, ONE, FAMILY), once(&bookings), "{names:?}");
        app.tick_for(2).await;
        assert_eq!(standing(&app, ONE, FAMILY), once(&bookings), "{names:?}");
    }
}

#[tokio::test]
async fn twenty_events_follow_their_hosts_calendar_twice() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 20).await;
        let mails = Mails::of(&app);
        let at = |calendar: &str| json!({ "integration": id, "calendar": calendar });
        let changed = write_to(&app, &at(FAMILY)).await;
        assert_eq!(changed["write_to"], at(FAMILY));
        app.tick().await;
        // Over before the first is done, or not.
        let path = format!("/v1/integrations/{id}?mail_guests=true");
        let target = json!({ "target_calendar": WORK });
        app.admin(Method::PATCH, &path, Some(&target)).await.expect(200);
        app.tick_for(3).await;
        let found = |calendar| standing(&app, ONE, calendar);
        assert_eq!(found(WORK), once(&bookings), "{names:?}");
        assert_eq!((found(ONE), found(FAMILY)), (BTreeMap::new(), BTreeMap::new()), "{names:?}");
        assert_all(&app, CalendarSync::Synced).await;
        assert_quiet(names, &mails, 20..=40);
        let job = host(&app).await["placing_job"].as_str().unwrap().to_owned();
        let job = app.admin(Method::GET, &format!("/v1/jobs/{job}"), None).await;
        assert_eq!((&job.expect(200)["status"], &job.body["kind"]), (&json!("done"), &json!("place_events")));
        assert_eq!(job.body["done"], 20);
    }
}

#[tokio::test]
async fn a_host_writes_only_to_a_calendar_of_its_own_that_can_be_written() {
    let app = start(Names::Ours).await;
    app.google().add_calendar(ONE, "holidays@example.com", "Holidays", "reader");
    let id = app.connect(ADA, ONE).await;
    let other = app.connect(GRACE, TWO).await;
    let path = format!("/v1/hosts/{ADA}");
    let before = host(&app).await;
    for (integration, calendar, code) in [
        (id.as_str(), "nobody@example.com", "unknown-calendar"),
        (id.as_str(), "holidays@example.com", "read-only-calendar"),
        (other.as_str(), TWO, "unknown-calendar"),
        ("int_0123456789abcdef01234567", ONE, "unknown-calendar"),
    ] {
        let body = json!({ "write_to": { "integration": integration, "calendar": calendar } });
        let answer = app.admin(Method::PATCH, &path, Some(&body)).await;
        answer.expect_problem(422, code);
        assert_eq!(answer.wrong_fields(), ["write_to"]);
    }
    assert_eq!(host(&app).await, before);
    disconnect(&app, &id).await.expect(200);
    let body = json!({ "write_to": { "integration": id, "calendar": FAMILY } });
    app.admin(Method::PATCH, &path, Some(&body)).await.expect_problem(422, "unknown-calendar");
}

#[tokio::test]
async fn of_two_accounts_bookings_go_where_write_to_says() {
    let app = start(Names::Ours).await;
    let first = app.connect(ADA, ONE).await;
    let second = app.connect(ADA, TWO).await;
    let at = |integration: &str, calendar: &str| json!({ "integration": integration, "calendar": calendar });
    assert_eq!(host(&app).await["write_to"], at(&first, ONE), "the first stays");
    let one = booked(&app, 1).await;
    assert_eq!(standing(&app, ONE, ONE), once(&one));
    // Also when that account is to be connected again: its pushes wait, and go at once afterwards.
    app.google().revoke_grants(ONE);
    app.pass(TimeDelta::hours(2));
    app.sync(&first).await;
    assert_eq!(app.integration(&first).await["status"], "needs_reauth");
    let start = slot(7);
    let staff = json!({ "event_type": "intro", "start": start, "guest": tests::guest() });
    let waiting = app.admin(Method::POST, "/v1/bookings", Some(&staff)).await;
    if waiting.status == 201 {
        assert_eq!(waiting.body["calendar_sync"], "pending");
    } else {
        // What cannot be read is busy.
        waiting.expect_problem(503, "calendar-unavailable");
    }
    assert_eq!(standing(&app, TWO, TWO), BTreeMap::new());
    assert_eq!(app.connect(ADA, ONE).await, first);
    app.tick_for(2).await;
    assert_all(&app, CalendarSync::Synced).await;
    // Our events in a former calendar, and in the account that is not written to, are no foreign busy time.
    write_to(&app, &at(&second, TWO)).await;
    app.tick_for(2).await;
    assert_eq!(standing(&app, ONE, ONE), BTreeMap::new());
    for integration in [&first, &second] {
        assert_eq!(app.sync(integration).await.expect(200)["outcome"], "done");
    }
    app.cancel(&one[0]).await.expect(200);
    app.tick_for(2).await;
    for integration in [&first, &second] {
        app.sync(integration).await.expect(200);
    }
    assert!(app.is_offered("intro", &slot(0)).await);
}

#[tokio::test]
async fn an_event_of_ours_takes_no_time_of_its_own_whoever_names_it() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 2).await;
        // The event stays where the booking was, and that of the other stays although it is cancelled.
        app.google().faults.always("events.patch", errors::backend_error(503));
        app.google().faults.always("events.delete", errors::backend_error(503));
        app.reschedule(&bookings[0], &slot(4)).await.expect(200);
        app.cancel(&bookings[1]).await.expect(200);
        assert_eq!(app.sync(&id).await.expect(200)["outcome"], "done");
        assert_eq!(standing(&app, ONE, ONE), once(&bookings));
        for free in [0, 1] {
            assert!(app.is_offered("intro", &slot(free)).await, "{names:?} {free}");
        }
        assert!(!app.is_offered("intro", &slot(4)).await);
        // The same when a booking asks the calendar.
        app.pass(TimeDelta::minutes(3));
        app.book_slot("intro", &slot(0)).await.expect(201);
    }
}

#[tokio::test]
async fn a_copy_that_somebody_made_of_our_event_in_a_former_calendar_blocks_and_survives() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    let bookings = booked(&app, 1).await;
    let mut copy = app.our_events(ONE, ONE).remove(0);
    let extra = json!({ "extendedProperties": copy["extendedProperties"].take() });
    let start = "2026-12-08T11:00:00Z".parse().unwrap();
    let mut spec = fakes::google::EventSpec::new("Copy", start, start + TimeDelta::minutes(30));
    spec.extra.extend(extra.as_object().unwrap().clone());
    let made = app.google().add_event(ONE, ONE, spec);
    write_to(&app, &json!({ "integration": id, "calendar": FAMILY })).await;
    app.tick_for(2).await;
    app.sync(&id).await.expect(200);
    assert_eq!(standing(&app, ONE, FAMILY), once(&bookings));
    let left = app.our_events(ONE, ONE);
    assert_eq!(left.iter().map(|event| &event["id"]).collect::<Vec<_>>(), [&json!(made)]);
    assert!(!app.is_offered("intro", "2026-12-08T11:00:00Z").await);
}

#[tokio::test]
async fn a_disconnect_removes_sixty_events_however_long_that_takes() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    booked(&app, 60).await;
    app.google()
        .faults
        .always("events.delete", fakes::Fault::DelayBefore(std::time::Duration::from_millis(250)));
    assert_eq!(disconnect(&app, &id).await.expect(200)["status"], "disconnected");
    assert!(!standing(&app, ONE, ONE).is_empty(), "it is not over within the request");
    assert!(app.google().is_connected(ONE), "the grant lives until it is");
    app.tick_for(10).await;
    assert_eq!(standing(&app, ONE, ONE), BTreeMap::new());
    assert!(!app.google().is_connected(ONE));
    assert_eq!(app.leftovers(&id).await, Vec::<String>::new());
    assert_all(&app, CalendarSync::Off).await;
}

#[tokio::test]
async fn a_disconnect_whose_tokens_are_refused_leaves_detached_events() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    let bookings = booked(&app, 3).await;
    app.google().revoke_grants(ONE);
    app.pass(TimeDelta::hours(2));
    disconnect(&app, &id).await.expect(200);
    app.tick_for(2).await;
    assert_eq!(standing(&app, ONE, ONE), once(&bookings));
    assert_all(&app, CalendarSync::Detached).await;
    assert_eq!(app.leftovers(&id).await, Vec::<String>::new(), "nothing is kept for them");
    // They are taken up again with the account.
    app.connect(ADA, ONE).await;
    app.tick_for(2).await;
    assert_eq!(standing(&app, ONE, ONE), once(&bookings));
    assert_all(&app, CalendarSync::Synced).await;
}

#[tokio::test]
async fn events_can_be_kept_when_their_account_is_disconnected() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    let bookings = booked(&app, 3).await;
    let path = format!("/v1/integrations/{id}?keep_events=true");
    app.admin(Method::DELETE, &path, None).await.expect(200);
    app.tick_for(2).await;
    assert_eq!(standing(&app, ONE, ONE), once(&bookings));
    assert_all(&app, CalendarSync::Detached).await;
    assert_eq!(app.leftovers(&id).await, Vec::<String>::new());
    let path = format!("/v1/integrations/{id}?keep_events=perhaps");
    app.admin(Method::DELETE, &path, None).await.expect_problem(422, "validation");
    // Whoever connects the account again has them as they are.
    let before = app.our_events(ONE, ONE);
    assert_eq!(app.connect(ADA, ONE).await, id);
    app.tick_for(2).await;
    assert_eq!(app.our_events(ONE, ONE), before);
    assert_all(&app, CalendarSync::Synced).await;
}

#[tokio::test]
async fn guests_are_mailed_only_when_somebody_who_was_told_how_many_has_chosen_it() {
    let app = start(Names::Theirs).await;
    let id = app.connect(ADA, ONE).await;
    let bookings = booked(&app, 3).await;
    let mails = Mails::of(&app);
    let before = host(&app).await;
    let (host_path, path) = (format!("/v1/hosts/{ADA}"), format!("/v1/integrations/{id}"));
    let move_host = json!({ "write_to": { "integration": id, "calendar": FAMILY } });
    let move_target = json!({ "target_calendar": FAMILY });
    for (method, path, body) in [
        (Method::PATCH, host_path.clone(), Some(move_host.clone())),
        (Method::PATCH, host_path.clone(), Some(json!({ "write_to": null }))),
        (Method::PATCH, path.clone(), Some(move_target)),
        (Method::DELETE, path.clone(), None),
    ] {
        let answer = app.admin(method, &path, body.as_ref()).await;
        answer.expect_problem(409, "guests-would-be-mailed");
        assert_eq!(answer.body["guests"], 3);
    }
    app.tick_for(2).await;
    assert_eq!((host(&app).await, standing(&app, ONE, ONE)), (before, once(&bookings)));
    assert_eq!(app.integration(&id).await["status"], "connected");
    assert_quiet(Names::Theirs, &mails, 0..=0);
    // What is not removed mails nobody.
    app.set_integration(&id, &json!({ "conflict_calendars": [ONE, FAMILY] })).await.expect(200);
    app.admin(Method::PATCH, &host_path, Some(&json!({ "name": "Ada L." }))).await.expect(200);
    // Only what takes place is behind an event that somebody would miss.
    app.cancel(&bookings[0]).await.expect(200);
    assert_eq!(mails.take().len(), 1);
    let refused = app.admin(Method::PATCH, &host_path, Some(&move_host)).await;
    assert_eq!(refused.expect_problem(409, "guests-would-be-mailed")["guests"], 2);
    app.admin(Method::PATCH, &format!("{host_path}?mail_guests=true"), Some(&move_host)).await.expect(200);
    app.tick_for(2).await;
    assert_eq!(standing(&app, ONE, FAMILY), once(&bookings[1..]));
    assert_eq!(standing(&app, ONE, ONE), BTreeMap::new());
    assert_quiet(Names::Theirs, &mails, 2..=2);
    app.admin(Method::DELETE, &format!("{path}?keep_events=true"), None).await.expect(200);
    app.tick_for(2).await;
    assert_eq!(standing(&app, ONE, FAMILY), once(&bookings[1..]));
    assert_quiet(Names::Theirs, &mails, 0..=0);
}

#[tokio::test]
async fn an_event_left_behind_at_a_provider_that_mails_stays_when_its_account_comes_back() {
    let app = start(Names::Theirs).await;
    let one = app.connect(ADA, ONE).await;
    let bookings = booked(&app, 2).await;
    app.admin(Method::DELETE, &format!("/v1/integrations/{one}?keep_events=true"), None).await.expect(200);
    let mails = Mails::of(&app);
    app.connect(ADA, TWO).await;
    app.tick_for(2).await;
    assert_eq!(standing(&app, TWO, TWO), once(&bookings));
    assert_eq!(app.connect(ADA, ONE).await, one);
    app.tick_for(3).await;
    assert_eq!(standing(&app, ONE, ONE), once(&bookings), "nobody has chosen that it goes");
    assert_all_left(&app).await;
    assert_quiet(Names::Theirs, &mails, 0..=0);
    // Ours it is nevertheless: it is nobody's time, and goes with its booking.
    app.sync(&one).await.expect(200);
    for booking in &bookings {
        app.cancel(booking).await.expect(200);
    }
    app.tick_for(2).await;
    assert_eq!((standing(&app, ONE, ONE), standing(&app, TWO, TWO)), (BTreeMap::new(), BTreeMap::new()));
    app.sync(&one).await.expect(200);
    assert!(app.is_offered("intro", &slot(0)).await);
}

/// Every entry has an event in its place and one left behind, with nothing more to be done.
async fn assert_all_left(app: &TestApp) {
    for record in app.bookings().await {
        assert_eq!(record.calendar_sync(), CalendarSync::Detached, "{record:#?}");
        for entry in &record.entries {
            assert!(entry.due_at.is_none() && entry.stands_at_target() && entry.leftovers.len() == 1);
        }
    }
}

#[tokio::test]
async fn two_callbacks_at_once_make_one_integration() {
    for _ in 0..5 {
        let app = start(Names::Ours).await;
        let mut backs = Vec::new();
        for _ in 0..2 {
            let (url, cookie) = app.begin_connect(ADA).await;
            backs.push((app.google().consent(&url, ONE, &[]).unwrap(), cookie));
        }
        let come_back = backs.iter().map(|(url, cookie)| app.come_back(url.as_str(), cookie));
        for answer in futures::future::join_all(come_back).await {
            answer.expect(200);
        }
        let live = app.integrations(ADA).await;
        assert_eq!(live.iter().map(|found| &found["status"]).collect::<Vec<_>>(), ["connected"], "{live:?}");
    }
}

#[tokio::test]
async fn who_connects_again_ends_the_clearing_and_keeps_the_events() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    let bookings = booked(&app, 5).await;
    app.google().faults.always("events.delete", errors::backend_error(503));
    disconnect(&app, &id).await.expect(200);
    app.tick_for(1).await;
    assert_eq!(app.connect(ADA, ONE).await, id);
    app.google().faults.clear();
    for _ in 0..3 {
        app.pass(TimeDelta::hours(1));
        app.tick_for(1).await;
    }
    assert_eq!(standing(&app, ONE, ONE), once(&bookings));
    assert_all(&app, CalendarSync::Synced).await;
    assert!(app.google().is_connected(ONE));
    assert_eq!(app.integration(&id).await["status"], "connected");
}

#[tokio::test]
async fn a_walk_that_dies_anywhere_is_gone_on_with() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 3).await;
        let mails = Mails::of(&app);
        let mut calendars = [FAMILY, WORK].into_iter().cycle();
        // The tick's own calls come first; the job's follow, one after the other.
        let move_to = async |calendar: &str| {
            write_to(&app, &json!({ "integration": id, "calendar": calendar })).await;
            app.admin(Method::GET, &format!("/v1/hosts/{ADA}"), None).await.expect(200)["placing_job"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let message = |job: &str| {
            let (tenant, job) = (app.tenant(), job.parse().unwrap());
            flows::QueueMessage::Job { tenant, job }
        };
        let job = move_to(calendars.next().unwrap()).await;
        let first = message(&job);
        let (done, points): (_, Vec<Point>) =
            app.record(|process| async move { flows::handle_message(&process, &first).await.is_ok() }).await;
        assert!(done && points.len() > 10, "{points:?}");
        for (nth, point) in points.iter().enumerate() {
            let death = [Death::Unsent, Death::Unheard, Death::UnderWay][nth % 3];
            let calendar = calendars.next().unwrap();
            let job = move_to(calendar).await;
            let message = message(&job);
            let crashed = app
                .crash(point, death, |process| async move {
                    flows::handle_message(&process, &message).await.is_ok()
                })
                .await;
            app.tick_for(2).await;
            crashed.arrive();
            app.tick_for(3).await;
            let after = format!("{names:?} {point:?} {death:?}");
            assert_eq!(standing(&app, ONE, calendar), once(&bookings), "{after}");
            let all: usize =
                [ONE, FAMILY, WORK].map(|calendar| app.our_events(ONE, calendar).len()).iter().sum();
            assert_eq!(all, bookings.len(), "{after}");
            let job = app.app().store.job(&app.tenant(), &job.parse().unwrap()).await.unwrap().unwrap();
            assert_eq!(job.status, JobStatus::Done, "{after}");
        }
        assert_quiet(names, &mails, 1..=1000);
    }
}

#[tokio::test]
async fn an_account_that_refuses_every_token_for_an_hour_is_connected_again_by_itself() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    app.google().faults.always("events.list", errors::unauthorized());
    for _ in 0..60 {
        app.tick_for(1).await;
        assert_ne!(app.integration(&id).await["status"], "needs_reauth");
    }
    assert_eq!(app.integration(&id).await["status"], "error");
    app.google().faults.clear();
    app.pass(TimeDelta::hours(1));
    app.tick_for(1).await;
    assert_eq!(app.integration(&id).await["status"], "connected");
}

/// Connects an account for a host of the same id in another tenant, and gives the tenant's token and the integration.
async fn connect_in_another_tenant(app: &TestApp, account: &str) -> (String, String) {
    app.copy_host(ADA, &"other".parse().unwrap()).await;
    let admin = app.local.admin_token("other");
    come_back_in_another_tenant(app, &admin, account).await.expect(200);
    let all = app.send_as(&admin, Method::GET, "/v1/integrations", None).await;
    let id = all.expect(200)["integrations"][0]["id"].as_str().unwrap().to_owned();
    (admin, id)
}

async fn come_back_in_another_tenant(app: &TestApp, admin: &str, account: &str) -> tests::Answer {
    let path = "/v1/integrations/google/connect";
    let started = app.send_as(admin, Method::POST, path, Some(&json!({ "host": ADA }))).await;
    let url = started.expect(200)["authorization_url"].as_str().unwrap();
    let back = app.google().consent(url, account, &[]).unwrap();
    app.come_back(back.as_str(), &started.header("set-cookie").unwrap()).await
}

async fn sync_in_another_tenant(app: &TestApp, admin: &str, id: &str) -> Value {
    let path = format!("/v1/integrations/{id}/sync");
    app.send_as(admin, Method::POST, &path, None).await.expect(200)["outcome"].clone()
}

#[tokio::test]
async fn one_tenants_disconnect_leaves_the_grant_of_another_alone() {
    let app = start(Names::Ours).await;
    let ours = app.connect(ADA, ONE).await;
    let (admin, theirs) = connect_in_another_tenant(&app, ONE).await;
    // An event of theirs is somebody's time to us, and stays.
    let at = "2026-12-08T11:00:00Z".parse().unwrap();
    let mut event = fakes::google::EventSpec::new("Theirs", at, at + TimeDelta::minutes(30));
    let booking = "bkg_0123456789abcdefghijklmn";
    event.id = Some(format!("hf{}h{}g0", &booking[4..], "61646131"));
    let marks = json!({ "private": { "holdfast_integration": theirs, "holdfast_booking": booking } });
    event.extra.insert("extendedProperties".to_owned(), marks);
    app.google().add_event(ONE, ONE, event);
    app.sync(&ours).await.expect(200);
    assert!(!app.is_offered("intro", "2026-12-08T11:00:00Z").await);

    app.disconnect(&ours).await.expect(200);
    assert_eq!(app.leftovers(&ours).await, Vec::<String>::new());
    assert_eq!(app.our_events(ONE, ONE).len(), 1, "theirs");
    assert!(app.google().is_connected(ONE), "they live on it");
    app.pass(TimeDelta::hours(2));
    assert_eq!(sync_in_another_tenant(&app, &admin, &theirs).await, "done");
    // The last one gives it back.
    let path = format!("/v1/integrations/{theirs}");
    app.send_as(&admin, Method::DELETE, &path, None).await.expect(200);
    assert!(!app.google().is_connected(ONE));
}

#[tokio::test]
async fn a_disconnect_beside_a_key_service_that_refuses_gives_the_grant_back_later() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    app.local.kms.deny();
    let (scope, leaving) = (Scope::Tenant(app.tenant()), Leaving::default());
    // A process that remembers no key.
    let done = flows::disconnect(&app.process(), &scope, &id.parse().unwrap(), leaving).await.unwrap();
    assert_eq!(done.integration.status.as_str(), "disconnected");
    assert!(app.google().is_connected(ONE));
    assert_eq!(app.leftovers(&id).await, ["access", "refresh"]);
    app.local.kms.enable();
    app.tick_for(2).await;
    assert!(!app.google().is_connected(ONE));
    assert_eq!(app.leftovers(&id).await, Vec::<String>::new());
    let is_member = |item: &Value| item["sk"]["S"] == "ACCOUNT";
    assert!(!app.items().await.iter().any(is_member), "nobody has the account any more");
}

#[tokio::test]
async fn a_connect_between_the_last_leave_and_the_revoke_keeps_its_grant() {
    let app = start(Names::Ours).await;
    let ours = app.connect(ADA, ONE).await;
    let mut revoking = app.local.dynamodb.faults.gate("UpdateItem", When::Before);
    let (gone, (admin, theirs)) = futures::join!(app.disconnect(&ours), async {
        revoking.reached().await;
        let connected = connect_in_another_tenant(&app, ONE).await;
        revoking.open();
        connected
    });
    assert_eq!(gone.expect(200)["status"], "disconnected");
    assert!(app.google().is_connected(ONE));
    assert_eq!(app.leftovers(&ours).await, Vec::<String>::new());
    app.pass(TimeDelta::hours(2));
    assert_eq!(sync_in_another_tenant(&app, &admin, &theirs).await, "done");
}

#[tokio::test]
async fn a_connect_beside_the_revoke_waits_and_is_never_left_with_a_dead_grant() {
    let app = start(Names::Ours).await;
    let ours = app.connect(ADA, ONE).await;
    app.copy_host(ADA, &"other".parse().unwrap()).await;
    let admin = app.local.admin_token("other");
    let mut revoke = app.google().faults.gate("revoke", When::Before);
    let (gone, beside) = futures::join!(app.disconnect(&ours), async {
        revoke.reached().await;
        let back = come_back_in_another_tenant(&app, &admin, ONE);
        let open = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            revoke.open();
        };
        futures::join!(back, open).0
    });
    gone.expect(200);
    assert_eq!(beside.status, 400, "the grant was given back: {}", beside.text);
    come_back_in_another_tenant(&app, &admin, ONE).await.expect(200);
    let all = app.send_as(&admin, Method::GET, "/v1/integrations", None).await;
    let connected = |found: &&Value| found["status"] == "connected";
    let all = all.expect(200)["integrations"].as_array().unwrap().clone();
    assert_eq!(all.iter().filter(connected).count(), 1, "{all:?}");
}

#[tokio::test]
async fn a_grant_that_is_gone_is_tried_once_a_day_and_a_good_token_ends_that() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    app.pass(TimeDelta::hours(2));
    app.google().faults.next("token", fakes::Fault::json(400, &json!({ "error": "invalid_grant" })));
    app.tick_for(1).await;
    assert_eq!(app.integration(&id).await["status"], "needs_reauth");
    app.google().faults.take_calls();
    app.tick_for(30).await;
    assert_eq!(app.google().faults.take_calls().len(), 0, "not before a day has passed");
    app.pass(TimeDelta::hours(24));
    app.tick_for(1).await;
    assert_eq!(app.integration(&id).await["status"], "connected");
    // By hand, too, and at once.
    app.pass(TimeDelta::hours(2));
    app.google().faults.next("token", fakes::Fault::json(400, &json!({ "error": "invalid_grant" })));
    app.tick_for(1).await;
    assert_eq!(app.integration(&id).await["status"], "needs_reauth");
    assert_eq!(app.sync(&id).await.expect(200)["outcome"], "done");
    assert_eq!(app.integration(&id).await["status"], "connected");
}

#[tokio::test]
async fn a_good_token_that_arrives_late_makes_up_for_somebodys_refusal() {
    let app = start(Names::Ours).await;
    let id = app.connect(ADA, ONE).await;
    app.pass(TimeDelta::hours(2));
    let mut token = app.google().faults.gate("token", When::After);
    let (slow, process) = (app.process(), app.process());
    let (scope, integration) = (Scope::Tenant(app.tenant()), id.parse().unwrap());
    let (listed, ()) = futures::join!(flows::list_calendars(&slow, &scope, &integration), async {
        token.reached().await;
        // Whoever refreshes is gone for too long; the next one's token is refused.
        app.pass(TimeDelta::seconds(21));
        app.google().faults.next("token", fakes::Fault::json(400, &json!({ "error": "invalid_grant" })));
        flows::list_calendars(&process, &scope, &integration).await.unwrap_err();
        assert_eq!(app.integration(&id).await["status"], "needs_reauth");
        token.open();
    });
    assert!(!listed.unwrap().is_empty());
    assert_eq!(app.integration(&id).await["status"], "connected");
    app.tick_for(1).await;
    assert_eq!(app.integration(&id).await["status"], "connected");
}

/// The only entry there is.
async fn entry(app: &TestApp) -> holdfast::domain::AgendaEntry {
    app.bookings().await.remove(0).entries.remove(0)
}

#[tokio::test]
async fn rule_1_a_push_reads_the_entry_first_and_stops_when_it_is_not_due() {
    for names in BOTH {
        let app = start(names).await;
        app.connect(ADA, ONE).await;
        booked(&app, 1).await;
        let key = entry(&app).await.key();
        app.local.dynamodb.faults.take_calls();
        app.google().faults.take_calls();
        flows::push(&app.process(), &key).await.unwrap();
        let calls = app.local.dynamodb.faults.take_calls();
        assert_eq!(calls.iter().map(|call| call.op.as_str()).collect::<Vec<_>>(), ["GetItem"], "{names:?}");
        assert_eq!(app.google().faults.take_calls().len(), 0, "{names:?}");
    }
}

#[tokio::test]
async fn rule_4_a_moved_entry_takes_along_what_is_still_to_be_removed() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 1).await;
        app.google().faults.always("events.delete", errors::backend_error(503));
        write_to(&app, &json!({ "integration": id, "calendar": FAMILY })).await;
        app.tick_for(1).await;
        let before = entry(&app).await;
        assert_eq!((before.leftovers.len(), before.standing().map(|link| link.generation)), (1, Some(1)));
        app.reschedule(&bookings[0], &slot(3)).await.expect(200);
        let after = entry(&app).await;
        assert_ne!(after.start, before.start);
        assert!(after.rev > before.rev);
        assert_eq!(after.leftovers, before.leftovers, "{names:?}");
        assert_eq!(after.standing().map(|link| &link.event), before.standing().map(|link| &link.event));
        app.google().faults.clear();
        for _ in 0..3 {
            app.pass(TimeDelta::hours(1));
            app.tick_for(1).await;
        }
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new(), "{names:?}");
        assert_eq!(standing(&app, ONE, FAMILY), once(&bookings), "{names:?}");
        let start = app.our_events(ONE, FAMILY)[0]["start"]["dateTime"].as_str().unwrap().to_owned();
        assert_eq!(start, slot(3), "{names:?}");
    }
}

#[tokio::test]
async fn rule_6_an_attempt_is_recorded_before_the_insert_and_an_overtaken_push_leaves_one_event() {
    for names in BOTH {
        let app = start(names).await;
        app.connect(ADA, ONE).await;
        let start = slot(0);
        let mut insert = app.google().faults.gate("events.insert", When::Before);
        let (made, ()) = futures::join!(app.book_slot("intro", &start), async {
            insert.reached().await;
            let tried = entry(&app).await;
            let attempts: Vec<_> =
                tried.attempts.iter().map(|of| (of.at.calendar.as_str(), of.generation, of.span)).collect();
            assert_eq!(attempts, [(ONE, 0, tried.span())], "{names:?}");
            let process = app.process();
            let record = app.bookings().await.remove(0);
            let to = flows::NewTime { start: record.booking.start + Ticks::ONE, length: None };
            let scope = Scope::Tenant(app.tenant());
            Box::pin(flows::reschedule(&process, &scope, &record.booking.id, to, None)).await.unwrap();
            insert.open();
        });
        made.expect(201);
        app.tick_for(3).await;
        assert_one_entry(&app).await;
        assert_eq!(app.our_events(ONE, ONE).len(), 1, "{names:?}");
        assert_all(&app, CalendarSync::Synced).await;
    }
}

#[tokio::test]
async fn rule_5_a_walk_that_meets_an_entry_just_moved_creates_none_in_its_old_place() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 1).await;
        let changed = write_to(&app, &json!({ "integration": id, "calendar": FAMILY })).await;
        let job = changed["placing_job"].as_str().unwrap().parse().unwrap();
        let message = flows::QueueMessage::Job { tenant: app.tenant(), job };
        let process = app.process();
        let mut made_due = app.local.dynamodb.faults.gate("UpdateItem", When::Before);
        let (done, ()) = futures::join!(flows::handle_message(&process, &message), async {
            made_due.reached().await;
            app.reschedule(&bookings[0], &slot(3)).await.expect(200);
            made_due.open();
        });
        done.unwrap();
        app.tick_for(2).await;
        assert_one_entry(&app).await;
        assert_eq!(standing(&app, ONE, FAMILY), once(&bookings), "{names:?}");
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new(), "{names:?}");
    }
}

#[tokio::test]
async fn rule_7_what_a_silent_worker_writes_late_into_the_former_calendar_is_removed() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let start = slot(0);
        let mut insert = app.google().faults.gate("events.insert", When::Before);
        let (made, ()) = futures::join!(app.book_slot("intro", &start), async {
            insert.reached().await;
            write_to(&app, &json!({ "integration": id, "calendar": FAMILY })).await;
            // The lease of the first worker has ended, its last call may still arrive.
            app.pass(TimeDelta::seconds(31));
            app.tick().await;
            assert_eq!(app.our_events(ONE, FAMILY).len(), 1, "{names:?}");
            let kept: Vec<_> = entry(&app).await.attempts.into_iter().map(|of| of.at.calendar).collect();
            assert_eq!(kept, [ONE], "{names:?}");
            // Looked for and not found, it is not forgotten.
            write_to(&app, &json!({ "integration": id, "calendar": WORK })).await;
            app.tick().await;
            assert_eq!((app.our_events(ONE, FAMILY).len(), app.our_events(ONE, WORK).len()), (0, 1));
            // Nor is it left to a reading of the calendar.
            app.google().faults.always("events.list", errors::backend_error(503));
            insert.open();
        });
        let made = [made.expect(201).clone()];
        app.tick_for(3).await;
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new(), "{names:?}");
        assert_eq!(standing(&app, ONE, WORK), once(&made), "{names:?}");
        assert_all(&app, CalendarSync::Synced).await;
    }
}

#[tokio::test]
async fn rule_8_generations_only_rise() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        booked(&app, 1).await;
        let mut generations = vec![entry(&app).await.standing().unwrap().generation];
        for calendar in [FAMILY, ONE, WORK, FAMILY] {
            write_to(&app, &json!({ "integration": id, "calendar": calendar })).await;
            app.tick_for(2).await;
            generations.push(entry(&app).await.standing().unwrap().generation);
        }
        assert_eq!(generations, [0, 1, 2, 3, 4], "{names:?}");
        assert_eq!(app.our_events(ONE, FAMILY).len(), 1, "{names:?}");
    }
}

#[tokio::test]
async fn rule_11_an_event_that_changes_while_it_is_removed_is_looked_at_again() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 1).await;
        write_to(&app, &json!({ "integration": id, "calendar": FAMILY })).await;
        // Its guest answers between the look and the removal.
        let mut removal = app.local.google.as_ref().unwrap().faults.gate("events.delete", When::Before);
        let ((), ()) = futures::join!(app.tick_for(1), async {
            removal.reached().await;
            let old = app.our_events(ONE, ONE).remove(0);
            let title = json!({ "summary": "Changed by hand" });
            app.google().edit_event(ONE, ONE, old["id"].as_str().unwrap(), &title);
            app.google().faults.take_calls();
            removal.open();
        });
        let calls: Vec<_> = app.google().faults.take_calls().into_iter().map(|call| call.op).collect();
        assert_eq!(calls, ["events.get", "events.delete"], "{names:?}: refused, looked at, removed as it is");
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new());
        assert_eq!(standing(&app, ONE, FAMILY), once(&bookings), "{names:?}");
    }
}

#[tokio::test]
async fn rule_12_the_new_event_is_recorded_before_the_old_one_is_removed() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 1).await;
        write_to(&app, &json!({ "integration": id, "calendar": FAMILY })).await;
        let mut removal = app.google().faults.gate("events.delete", When::Before);
        let ((), ()) = futures::join!(app.tick_for(1), async {
            removal.reached().await;
            let between = entry(&app).await;
            let link = between.standing().expect("a link");
            assert_eq!((link.event.at.calendar.as_str(), link.generation), (FAMILY, 1), "{names:?}");
            let left: Vec<_> = between.leftovers.iter().map(|left| left.event.at.calendar.as_str()).collect();
            assert_eq!(left, [ONE], "{names:?}");
            removal.open();
        });
        assert_eq!(standing(&app, ONE, FAMILY), once(&bookings), "{names:?}");
        assert_all(&app, CalendarSync::Synced).await;
    }
}

#[tokio::test]
async fn rule_18_tokens_live_as_long_as_an_attempt_may_still_arrive() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let start = slot(0);
        let mut insert = app.google().faults.gate("events.insert", When::Before);
        let (made, ()) = futures::join!(app.book_slot("intro", &start), async {
            insert.reached().await;
            disconnect(&app, &id).await.expect(200);
            // The worker may still write: its lease has not ended.
            app.pass(TimeDelta::seconds(20));
            app.tick().await;
            assert_eq!(app.leftovers(&id).await, ["access", "refresh"], "{names:?}");
            insert.open();
        });
        made.expect(201);
        app.tick_for(4).await;
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new(), "{names:?}");
        assert_eq!(app.leftovers(&id).await, Vec::<String>::new(), "{names:?}");
        assert_all(&app, CalendarSync::Off).await;
    }
}

#[tokio::test]
async fn rule_19_a_walk_that_was_replaced_does_nothing_any_more() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let bookings = booked(&app, 2).await;
        let at = |calendar: &str| json!({ "integration": id, "calendar": calendar });
        let first = write_to(&app, &at(FAMILY)).await["placing_job"].as_str().unwrap().to_owned();
        let second = write_to(&app, &at(WORK)).await["placing_job"].as_str().unwrap().to_owned();
        let job =
            async |id: &str| app.app().store.job(&app.tenant(), &id.parse().unwrap()).await.unwrap().unwrap();
        let (tenant, job_id) = (app.tenant(), first.parse().unwrap());
        let message = flows::QueueMessage::Job { tenant, job: job_id };
        flows::handle_message(&app.process(), &message).await.unwrap();
        let replaced = job(&first).await;
        assert_eq!((replaced.status, replaced.done), (JobStatus::Void, 0), "{names:?}");
        assert_eq!(job(&second).await.status, JobStatus::Running, "{names:?}");
        app.tick_for(2).await;
        assert_eq!(job(&second).await.status, JobStatus::Done, "{names:?}");
        assert_eq!(standing(&app, ONE, WORK), once(&bookings), "{names:?}");
        assert_eq!(standing(&app, ONE, FAMILY), BTreeMap::new(), "{names:?}");
    }
}

#[tokio::test]
async fn rule_2_a_request_whose_calendar_changes_beside_it_writes_to_the_new_one() {
    for names in BOTH {
        let app = start(names).await;
        let id = app.connect(ADA, ONE).await;
        let mut commit = app.local.dynamodb.faults.gate("TransactWriteItems", When::After);
        let start = slot(0);
        let (made, ()) = futures::join!(app.book_slot("intro", &start), async {
            commit.reached().await;
            write_to(&app, &json!({ "integration": id, "calendar": FAMILY })).await;
            commit.open();
        });
        let made = [made.expect(201).clone()];
        assert_eq!(standing(&app, ONE, ONE), BTreeMap::new(), "{names:?}");
        app.tick_for(2).await;
        assert_eq!(standing(&app, ONE, FAMILY), once(&made), "{names:?}");
        assert_all(&app, CalendarSync::Synced).await;
    }
}

#[tokio::test]
async fn rule_3_a_booking_without_a_calendar_does_not_pass_by_a_connect() {
    for names in BOTH {
        let app = start(names).await;
        // The booking has read that there is no calendar, and is written when there is one and the walk is over.
        let mut commit = app.local.dynamodb.faults.gate("TransactWriteItems", When::Before);
        let start = slot(0);
        let (made, ()) = futures::join!(app.book_slot("intro", &start), async {
            commit.reached().await;
            app.connect(ADA, ONE).await;
            commit.open();
        });
        let made = [made.expect(201).clone()];
        app.tick_for(2).await;
        assert_eq!(standing(&app, ONE, ONE), once(&made), "{names:?}");
        assert_all(&app, CalendarSync::Synced).await;
    }
}

#[tokio::test]
async fn rule_9_an_event_that_is_not_as_shown_is_read_and_written_only_by_who_still_may() {
    for names in BOTH {
        let app = start(names).await;
        app.connect(ADA, ONE).await;
        let bookings = booked(&app, 1).await;
        // Its guest answers: the time is as shown, and the version is not.
        let event = app.our_events(ONE, ONE).remove(0);
        app.google().edit_event(ONE, ONE, event["id"].as_str().unwrap(), &json!({ "colorId": "5" }));
        app.google().faults.take_calls();
        app.reschedule(&bookings[0], &slot(2)).await.expect(200);
        let calls = |app: &TestApp| -> Vec<_> {
            app.google().faults.take_calls().into_iter().map(|call| call.op).collect()
        };
        assert_eq!(calls(&app), ["events.patch", "events.get", "events.patch"], "{names:?}");
        let start = |app: &TestApp| app.our_events(ONE, ONE)[0]["start"]["dateTime"].clone();
        assert_eq!(start(&app), slot(2));

        // A push that was slow to read it finds its lease taken, and leaves the event as the next one has written it.
        app.google().edit_event(ONE, ONE, event["id"].as_str().unwrap(), &json!({ "colorId": "6" }));
        let mut read = app.google().faults.gate("events.get", When::Before);
        let to = slot(4);
        let (slow, ()) = futures::join!(app.reschedule(&bookings[0], &to), async {
            read.reached().await;
            app.pass(TimeDelta::seconds(31));
            let id = bookings[0]["id"].as_str().unwrap();
            app.step(id, "reschedule", Some(&json!({ "start": slot(6) }))).await.expect(200);
            assert_eq!(start(&app), slot(6), "{names:?}");
            app.google().faults.take_calls();
            read.open();
        });
        slow.expect(200);
        assert_eq!(start(&app), slot(6), "{names:?}");
        assert_eq!(calls(&app), <[&str; 0]>::default(), "{names:?}");
        app.tick_for(2).await;
        assert_eq!(standing(&app, ONE, ONE), once(&bookings));
        assert_all(&app, CalendarSync::Synced).await;
    }
}

#[tokio::test]
async fn rule_10_our_own_hand_is_known_by_the_mark_and_a_persons_is_not_taken_for_it() {
    for (names, expected) in [
        (Names::Ours, vec!["events.patch", "events.patch", "events.get"]),
        (Names::Theirs, vec!["events.patch", "events.patch", "events.get", "events.patch"]),
    ] {
        let app = start(names).await;
        app.connect(ADA, ONE).await;
        let bookings = booked(&app, 1).await;
        let calls = |app: &TestApp| -> Vec<_> {
            app.google().faults.take_calls().into_iter().map(|call| call.op).collect()
        };
        let times = |app: &TestApp| app.our_events(ONE, ONE)[0]["start"]["dateTime"].clone();
        app.google().faults.take_calls();
        // The answer to a patch is lost; repeated, it meets itself. Without marks it is written once more.
        app.google().faults.next("events.patch", fakes::Fault::CutAfter);
        assert_eq!(app.reschedule(&bookings[0], &slot(2)).await.expect(200)["calendar_sync"], "synced");
        assert_eq!(calls(&app), expected, "{names:?}");
        assert_eq!(times(&app), slot(2));

        // A person has moved it after that: what the mark says is not where it stands.
        app.google().faults.next("events.patch", fakes::Fault::CutAfter);
        app.google().faults.next("events.patch", errors::backend_error(500));
        app.google().faults.next("events.patch", errors::backend_error(500));
        app.google().faults.next("events.patch", errors::backend_error(500));
        let moved = app.reschedule(&bookings[0], &slot(4)).await;
        assert_eq!(moved.expect(200)["calendar_sync"], "pending", "{names:?}");
        let event = app.our_events(ONE, ONE).remove(0);
        assert_eq!(event["start"]["dateTime"], slot(4));
        let (start, end) =
            (slot(7).parse().unwrap(), slot(7).parse::<chrono::DateTime<chrono::Utc>>().unwrap());
        app.google().move_event(ONE, ONE, event["id"].as_str().unwrap(), start, end + TimeDelta::minutes(30));
        app.google().faults.take_calls();
        app.pass(TimeDelta::minutes(2));
        app.google().faults.always("events.list", errors::backend_error(503));
        app.tick_for(1).await;
        let calls: Vec<_> = calls(&app).into_iter().filter(|op| op != "events.list").collect();
        assert_eq!(calls, ["events.patch", "events.get", "events.patch"], "{names:?}");
        assert_eq!(times(&app), slot(4), "the booking has it, until somebody decides otherwise");
        assert_all(&app, CalendarSync::Synced).await;
    }
}

#[tokio::test]
async fn two_deployments_with_one_account_leave_each_others_events_alone() {
    let app = start(Names::Ours).await;
    let google = app.google().url();
    let other = TestApp::with(|options| {
        options.stream = false;
        let at = |name: &str, path: &str| (name.to_owned(), format!("{google}{path}"));
        options.settings = vec![
            at("HOLDFAST_GOOGLE_AUTHORIZE_URL", "/o/oauth2/v2/auth"),
            at("HOLDFAST_GOOGLE_TOKEN_URL", "/token"),
            at("HOLDFAST_GOOGLE_REVOKE_URL", "/revoke"),
            at("HOLDFAST_GOOGLE_API_URL", "/calendar/v3"),
            ("HOLDFAST_GOOGLE_CLIENT_ID".to_owned(), "other-client".to_owned()),
            ("HOLDFAST_GOOGLE_CLIENT_SECRET".to_owned(), "other-secret".to_owned()),
        ];
    })
    .await;
    let callback = format!("{}/v1/oauth/google/callback", other.local.url());
    app.google().add_client("other-client", "other-secret", &callback);
    let ours = app.connect(ADA, ONE).await;
    let (url, cookie) = other.begin_connect(ADA).await;
    let back = app.google().consent(&url, ONE, &[]).unwrap();
    other.come_back(back.as_str(), &cookie).await.expect(200);
    let theirs = other.integrations(ADA).await.remove(0)["id"].as_str().unwrap().to_owned();

    let bookings = booked(&app, 1).await;
    let booked_there = other.book_slot("intro", &slot(3)).await.expect(201).clone();
    let both = once(&[bookings[0].clone(), booked_there.clone()]);
    for _ in 0..2 {
        assert_eq!(app.sync(&ours).await.expect(200)["removed_events"], 0);
        assert_eq!(other.sync(&theirs).await.expect(200)["removed_events"], 0);
        assert_eq!(standing(&app, ONE, ONE), both);
    }
    // Each sees the other's as somebody's time.
    assert!(!app.is_offered("intro", &slot(3)).await);
    assert!(!other.is_offered("intro", &slot(0)).await);
    app.tick_for(3).await;
    disconnect(&app, &ours).await.expect(200);
    app.tick_for(3).await;
    assert_eq!(standing(&app, ONE, ONE), once(std::slice::from_ref(&booked_there)));
    // Each has its own client at the provider, and so its own grant.
    assert!(!app.google().is_connected(ONE));
    other.pass(TimeDelta::hours(2));
    assert_eq!(other.sync(&theirs).await.expect(200)["outcome"], "done");
    let moved = other.reschedule(&booked_there, &slot(5)).await;
    assert_eq!(moved.expect(200)["calendar_sync"], "synced");
}
