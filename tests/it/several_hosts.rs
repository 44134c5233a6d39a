//! Event types of one, two and three hosts: all of them are taken or none, in races and crashes and with unreadable calendars, and
//! each host's calendar follows on its own.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use fakes::When;
use fakes::google::EventSpec;
use futures::future::{BoxFuture, join_all};
use holdfast::App;
use holdfast::domain::{
    BookingId, BookingStatus, CalendarSync, EventType, Guest, IntegrationStatus, Scope, Tick, Ticks,
};
use holdfast::flows::{
    BookRequest, BookingError, HoldToken, IdempotencyKey, NewTime, Refused, SlotRequest, Wanted, book, hold,
    reschedule, transition,
};
use serde_json::{Value, json};
use tests::{Answer, REMEMBERED, TENANT, TestApp, guest};

use super::crashes::{admin, deaths, print, tenant};

/// Three hosts in three zones who are all open from 20:00 to 08:00 UTC.
const HOSTS: [&str; 3] = ["hst_team1", "hst_team2", "hst_team3"];
const ACCOUNTS: [&str; 3] = ["one@example.com", "two@example.com", "three@example.com"];
const ZONES: [(&str, &[(&str, &str)]); 3] = [
    ("UTC", &[("00:00", "08:00"), ("20:00", "24:00")]),
    ("Asia/Kolkata", &[("01:30", "13:30")]),
    ("America/St_Johns", &[("00:00", "04:30"), ("16:30", "24:00")]),
];
/// Teams that overlap, by slug, with their hosts' numbers: the organizer first.
const TEAMS: [(&str, &[usize]); 6] =
    [("a", &[0]), ("b", &[1]), ("ab", &[0, 1]), ("ba", &[1, 0]), ("abc", &[0, 1, 2]), ("ca", &[2, 0])];
/// The teams of one, two and three.
const SIZES: [(&str, &[usize]); 3] = [TEAMS[0], TEAMS[2], TEAMS[4]];
const ALL: &str = "abc";
/// Over midnight.
const START: &str = "2026-11-25T23:30:00Z";
const FIRST: &str = "2026-11-23";
const LAST: &str = "2026-12-05";
/// Longer than a push waits for a calendar whose account was revoked.
const PARKED: TimeDelta = TimeDelta::hours(1);
const NO_CELLS: [DateTime<Utc>; 0] = [];

async fn teams() -> TestApp {
    let app = TestApp::without_stream().await;
    for (host, (zone, hours)) in HOSTS.iter().zip(ZONES) {
        app.put_daily_host(host, zone, hours).await;
    }
    let fields = json!({ "lengths": [60, 30, 90], "interval": 15, "window_days": 90, "buffer_after": 5 });
    for (slug, hosts) in TEAMS {
        app.put_team(slug, &hosts_of(hosts), &fields).await;
    }
    app
}

/// The same with a calendar of each host's own; gives the integrations.
async fn connected() -> (TestApp, Vec<String>) {
    let app = teams().await;
    let mut integrations = Vec::new();
    for (host, account) in HOSTS.iter().zip(ACCOUNTS) {
        app.google().add_account(account, host);
        integrations.push(app.connect(host, account).await);
    }
    (app, integrations)
}

// ---- Many at once

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_teams_of_several_hosts_race_and_never_share_a_host() {
    let app = teams().await;
    let mut ids = Vec::new();
    for day in 24..27 {
        let midnight = instant(&format!("2026-11-{day}T00:00:00Z"));
        let around_midnight = (0..60).map(|number| Wish::new(midnight, number));
        // Two wishes of the largest teams can take all the time around midnight. Somebody wins here in any case.
        let later = (0..12).map(|number| Wish::new(midnight + TimeDelta::minutes(210), number));
        let wishes: Vec<Wish> = around_midnight.chain(later).collect();
        let answers = join_all(wishes.iter().map(|wish| wish.ask(&app))).await;
        assert_eq!(app.broken().await, Vec::<String>::new());
        let (won, lost): (Vec<_>, Vec<_>) =
            wishes.iter().zip(&answers).partition(|(_, answer)| answer.status == 201);
        assert!(won.len() > 2 && won.len() < 60, "{}", won.len());
        for (at, (wish, _)) in won.iter().enumerate() {
            assert!(won[at + 1..].iter().all(|(other, _)| !wish.meets(other)), "{wish:?} {won:?}");
        }
        for (wish, answer) in &lost {
            answer.expect_problem(409, "slot-taken");
            assert!(won.iter().any(|(other, _)| wish.meets(other)), "nobody has {wish:?}");
        }
        // What was won is taken of every host of it, and nothing else is.
        for (number, host) in HOSTS.iter().enumerate() {
            let theirs = won.iter().filter(|(wish, _)| wish.hosts().contains(&number));
            let wanted: BTreeSet<_> = theirs.flat_map(|(wish, _)| wish.cells()).collect();
            let (from, to) = ((midnight - TimeDelta::days(1)).date_naive(), midnight.date_naive());
            let (from, to) = (from.to_string(), to.to_string());
            let noon = midnight - TimeDelta::hours(12);
            let mut taken = app.booked_cells(host, &from, &to).await;
            taken.extend(app.held_cells(host, &from, &to).await);
            let is_of_night = |cell: &DateTime<Utc>| (noon..midnight + TimeDelta::hours(12)).contains(cell);
            let taken: BTreeSet<_> = taken.into_iter().filter(is_of_night).collect();
            assert_eq!(taken, wanted, "{host}");
        }
        let confirmed = join_all(won.iter().map(|(_, answer)| async {
            match answer.body["hold"].as_str() {
                Some(hold) => id_of(app.confirm(hold).await.expect(201)),
                None => id_of(&answer.body),
            }
        }));
        ids.extend(confirmed.await);
        assert_eq!(app.broken().await, Vec::<String>::new());
    }
    moves_lengthenings_and_cancels_race(&app, &ids).await;

    for answer in join_all(ids.iter().map(|id| app.cancel_as_admin(id))).await {
        answer.expect(200);
    }
    assert_eq!(app.broken().await, Vec::<String>::new());
    for host in HOSTS {
        assert_eq!(app.booked_cells(host, FIRST, LAST).await, NO_CELLS, "{host}");
        assert_eq!(app.held_cells(host, FIRST, LAST).await, NO_CELLS, "{host}");
    }
}

async fn moves_lengthenings_and_cancels_race(app: &TestApp, ids: &[BookingId]) {
    let mut acts: Vec<BoxFuture<'_, Option<&str>>> = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let start = app.stored(id.as_str()).await.start;
        // All of them want to one evening, over its midnight; most want to be longer where they are; some are cancelled.
        let evening =
            instant("2026-11-28T23:00:00Z") + TimeDelta::minutes(15 * (i64::try_from(number).unwrap() % 7));
        let elsewhere = NewTime { start: Tick::exact(evening).unwrap(), length: None };
        let longer = NewTime { start, length: Ticks::from_minutes(95) };
        for (act, to) in [("moved", elsewhere), ("lengthened", longer)] {
            acts.push(Box::pin(async move {
                match reschedule(app.app(), &admin(), id, to, None).await {
                    Ok(_) => Some(act),
                    Err(BookingError::Refused { why: Refused::Taken, .. } | BookingError::NotNow(_)) => None,
                    Err(error) => panic!("{act}: {error}"),
                }
            }));
        }
        if number % 4 == 0 {
            acts.push(Box::pin(async move {
                app.cancel_as_admin(id).await.expect(200);
                Some("cancelled")
            }));
        }
    }
    let done: Vec<_> = join_all(acts).await.into_iter().flatten().collect();
    for act in ["moved", "lengthened", "cancelled"] {
        assert!(done.contains(&act), "nothing was {act}: {done:?}");
    }
    assert_eq!(app.broken().await, Vec::<String>::new());
}

/// What somebody wants.
#[derive(Debug)]
struct Wish {
    team: usize,
    start: DateTime<Utc>,
    length: u32,
    is_hold: bool,
}

impl Wish {
    fn new(midnight: DateTime<Utc>, number: usize) -> Self {
        let start = midnight + TimeDelta::minutes(15 * (i64::try_from(number).unwrap() * 7 % 13 - 7));
        Self {
            team: number % 6,
            start,
            length: [60, 30, 90][number / 6 % 3],
            is_hold: (number / 3).is_multiple_of(2),
        }
    }

    fn hosts(&self) -> &'static [usize] {
        TEAMS[self.team].1
    }

    /// With the five minutes after it.
    fn cells(&self) -> impl Iterator<Item = DateTime<Utc>> {
        cells(self.start, i64::from(self.length) + 5).into_iter()
    }

    fn meets(&self, other: &Self) -> bool {
        let shares_host = self.hosts().iter().any(|host| other.hosts().contains(host));
        shares_host && self.cells().any(|cell| other.cells().any(|of_other| of_other == cell))
    }

    async fn ask(&self, app: &TestApp) -> Answer {
        let (slug, start) = (TEAMS[self.team].0, self.start.to_rfc3339());
        if self.is_hold {
            return app.hold_for(slug, &start, Some(self.length)).await;
        }
        let body = json!({ "event_type": slug, "start": start, "length": self.length, "guest": guest() });
        app.book(&body).await
    }
}

// ---- Crashes

/// What an act finds when it begins.
#[derive(Clone, Debug)]
struct Case {
    start: Tick,
    hold: String,
    id: Option<BookingId>,
    key: IdempotencyKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Held,
    Booked,
}

/// An act on three hosts, again and again, its process dying at each point in each way: after the next ticks everything
/// agrees for every host, and the act can be done again.
async fn an_act_on_three_dies<A>(name: &str, found: Found, act: A)
where
    A: Fn(Case) -> Box<dyn Fn(App) -> BoxFuture<'static, Result<(), BookingError>> + Send + Sync>,
{
    let (app, integrations) = connected().await;
    let mut slots = (0..42).flat_map(|night| {
        let evening = instant("2026-11-27T21:30:00Z") + TimeDelta::days(night);
        (0..5).map(move |slot| Tick::exact(evening + TimeDelta::hours(2 * slot)).unwrap())
    });
    let mut case = async || {
        for integration in &integrations {
            app.sync(integration).await.expect(200);
        }
        let start = slots.next().unwrap();
        let at = start.instant().to_rfc3339();
        let hold = match found {
            Found::Held => app.hold(ALL, &at).await.expect(201)["hold"].as_str().unwrap().to_owned(),
            Found::Nothing | Found::Booked => String::new(),
        };
        let id = match found {
            Found::Booked => Some(id_of(app.book_slot(ALL, &at).await.expect(201))),
            Found::Nothing | Found::Held => None,
        };
        Case { start, hold, id, key: format!("the-key-of-{}", start.index()).parse().unwrap() }
    };
    let (done, points) = app.record(act(case().await)).await;
    done.unwrap();
    print(name, &points);
    for (point, death) in deaths(&points) {
        let after = format!("{name}: {point:?} {death:?}");
        let case = case().await;
        let run = act(case.clone());
        let crashed = app.crash(point, death, move |process| async move { run(process).await.is_ok() }).await;
        later(&app).await;
        crashed.arrive();
        later(&app).await;
        agree(&app, &after).await;
        assert_same_cells(&app, &after).await;
        act(case.clone())(app.process()).await.unwrap_or_else(|error| panic!("{after}: {error}"));
        later(&app).await;
        agree(&app, &after).await;
        assert_same_cells(&app, &after).await;
    }
}

async fn later(app: &TestApp) {
    app.pass(TimeDelta::minutes(1));
    app.tick().await;
}

async fn agree(app: &TestApp, after: &str) {
    assert_eq!(app.broken().await, Vec::<String>::new(), "{after}");
    for (host, account) in HOSTS.iter().zip(ACCOUNTS) {
        assert_eq!(app.disagreements(host, account).await, Vec::<String>::new(), "{after}");
    }
}

/// Held or booked, every host has the same cells.
async fn assert_same_cells(app: &TestApp, after: &str) {
    let (items, now) = (app.items().await, app.now().timestamp().to_string().parse::<f64>().unwrap());
    let taken = HOSTS.map(|host| {
        let partition = format!("T#{TENANT}#H#{host}");
        let is_day = |item: &&Value| {
            item["pk"]["S"] == partition
                && item["sk"]["S"].as_str().is_some_and(|sort| sort.starts_with("DAY#"))
        };
        let mut taken = BTreeSet::new();
        for item in items.iter().filter(is_day) {
            for (cell, value) in item.as_object().unwrap() {
                let until = value["N"].as_str().and_then(|until| until.parse::<f64>().ok());
                if cell.parse::<u32>().is_ok() && until.is_some_and(|until| until > now) {
                    taken.insert(format!("{} {cell} {value}", item["sk"]["S"]));
                }
            }
        }
        taken
    });
    assert!(taken.iter().all(|cells| *cells == taken[0]), "{after}: {taken:?}");
}

fn request(wanted: Wanted) -> BookRequest {
    let guest: Guest = serde_json::from_value(guest()).unwrap();
    BookRequest { wanted, guest, answers: None, notes: None, metadata: None, sync_to_calendar: true }
}

fn slot(start: Tick) -> SlotRequest {
    SlotRequest { event_type: ALL.parse().unwrap(), start, length: None }
}

#[tokio::test]
async fn a_hold_of_several_hosts_that_dies_anywhere_has_all_or_none() {
    an_act_on_three_dies("hold of three", Found::Nothing, |case| {
        Box::new(move |process| {
            let (slot, key) = (slot(case.start), case.key.clone());
            Box::pin(async move { hold(&process, &tenant(), &slot, Some(&key)).await.map(drop) })
        })
    })
    .await;
}

#[tokio::test]
async fn a_direct_booking_of_several_hosts_that_dies_anywhere_has_all_or_none() {
    an_act_on_three_dies("book three", Found::Nothing, |case| {
        Box::new(move |process| {
            let (request, key) = (request(Wanted::Slot(slot(case.start))), case.key.clone());
            Box::pin(
                async move { book(&process, &Scope::Public(tenant()), &request, Some(&key)).await.map(drop) },
            )
        })
    })
    .await;
}

#[tokio::test]
async fn a_confirmation_of_several_hosts_that_dies_anywhere_has_all_or_none() {
    an_act_on_three_dies("confirm three", Found::Held, |case| {
        Box::new(move |process| {
            let request = request(Wanted::Held(HoldToken::parse(&case.hold).unwrap()));
            Box::pin(async move { book(&process, &Scope::Public(tenant()), &request, None).await.map(drop) })
        })
    })
    .await;
}

#[tokio::test]
async fn a_move_of_several_hosts_that_dies_anywhere_is_made_for_all_or_none() {
    an_act_on_three_dies("move three", Found::Booked, |case| {
        let start = Tick::exact(case.start.instant() + TimeDelta::days(42)).unwrap();
        let to = NewTime { start, length: None };
        Box::new(move |process| {
            let id = case.id.clone().unwrap();
            Box::pin(async move { reschedule(&process, &admin(), &id, to, None).await.map(drop) })
        })
    })
    .await;
}

#[tokio::test]
async fn a_lengthening_of_several_hosts_that_dies_anywhere_is_made_for_all_or_none() {
    an_act_on_three_dies("lengthen three", Found::Booked, |case| {
        let to = NewTime { start: case.start, length: Ticks::from_minutes(90) };
        Box::new(move |process| {
            let id = case.id.clone().unwrap();
            Box::pin(async move { reschedule(&process, &admin(), &id, to, None).await.map(drop) })
        })
    })
    .await;
}

#[tokio::test]
async fn a_cancel_of_several_hosts_that_dies_anywhere_is_made_for_all_or_none() {
    an_act_on_three_dies("cancel three", Found::Booked, |case| {
        Box::new(move |process| {
            let id = case.id.clone().unwrap();
            Box::pin(async move {
                transition(&process, &admin(), &id, BookingStatus::Cancelled, None).await.map(drop)
            })
        })
    })
    .await;
}

// ---- Calendars

#[tokio::test]
async fn one_stale_calendar_of_several_hosts_blocks_the_team_and_takes_nothing_of_the_others() {
    for (slug, hosts) in SIZES {
        for stale in hosts {
            one_is_stale(slug, hosts, *stale).await;
        }
    }
}

async fn one_is_stale(slug: &str, hosts: &[usize], stale: usize) {
    let (app, integrations) = connected().await;
    app.pass(TimeDelta::minutes(3));
    // Not fresh any more: the confirmation asks, and hears nothing.
    let held = app.hold(slug, START).await.expect(201)["hold"].as_str().unwrap().to_owned();
    app.google().break_calendar(ACCOUNTS[stale], "notFound");
    app.confirm(&held).await.expect_problem(503, "calendar-unavailable");
    assert_nothing_booked(&app).await;

    for _ in 0..9 {
        app.pass(TimeDelta::minutes(6));
        app.tick().await;
    }
    // Not stale yet: it can be held, and it is stale when it is to be confirmed.
    let held = app.hold(slug, START).await.expect(201)["hold"].as_str().unwrap().to_owned();
    app.pass(TimeDelta::minutes(4));
    app.confirm(&held).await.expect_problem(503, "calendar-unavailable");
    assert_nothing_booked(&app).await;

    app.pass(TimeDelta::minutes(4));
    app.tick().await;
    app.pass(REMEMBERED);
    let listing = app.listing(slug, "2026-11-25", "2026-11-28", "UTC").await;
    assert_eq!(listing.expect(200)["reason"], "calendar-unavailable", "{slug} {stale}");
    assert_eq!(listing.body["days"], json!([]));
    app.hold(slug, START).await.expect_problem(503, "calendar-unavailable");
    app.book_slot(slug, START).await.expect_problem(503, "calendar-unavailable");
    assert_nothing_booked(&app).await;
    for host in HOSTS {
        assert_eq!(app.held_cells(host, FIRST, LAST).await, NO_CELLS, "{host}");
    }

    app.google().mend_calendar(ACCOUNTS[stale]);
    for integration in &integrations {
        app.sync(integration).await.expect(200);
    }
    app.pass(REMEMBERED);
    assert!(app.is_offered(slug, START).await);
    let held = app.hold(slug, START).await.expect(201)["hold"].as_str().unwrap().to_owned();
    app.confirm(&held).await.expect(201);
    for (number, host) in HOSTS.iter().enumerate() {
        let wanted = if hosts.contains(&number) { cells(instant(START), 65) } else { Vec::new() };
        assert_eq!(app.booked_cells(host, FIRST, LAST).await, wanted, "{slug} {host}");
    }
    assert_eq!(app.broken().await, Vec::<String>::new());
}

/// Fresh, and yet not read as far as what is held: a calendar is read as far as its host's event types offer.
#[tokio::test]
async fn a_calendar_of_several_hosts_that_was_not_read_so_far_refuses_what_is_held() {
    let (slug, hosts) = SIZES[2];
    for short in hosts {
        let (app, _) = connected().await;
        let held = app.hold(slug, START).await.expect(201)["hold"].as_str().unwrap().to_owned();
        for (slug, hosts) in TEAMS.iter().filter(|(_, hosts)| hosts.contains(short)) {
            let fields = json!({ "lengths": [60], "interval": 15, "window_days": 1, "buffer_after": 5 });
            app.put_team(slug, &hosts_of(hosts), &fields).await;
        }
        for host in hosts.iter().filter(|host| *host != short) {
            app.put_event_type(&format!("alone{host}"), HOSTS[*host], &[60], 15, 90).await;
        }
        app.pass(TimeDelta::minutes(3));
        app.tick().await;
        app.google().faults.take_calls();
        app.confirm(&held).await.expect_problem(503, "calendar-unavailable");
        assert_eq!(app.google().faults.take_calls().len(), 0, "all of them were read a moment ago");
        assert_nothing_booked(&app).await;
    }
}

async fn assert_nothing_booked(app: &TestApp) {
    for host in HOSTS {
        assert_eq!(app.booked_cells(host, FIRST, LAST).await, NO_CELLS, "{host}");
    }
}

#[tokio::test]
async fn a_busy_event_of_one_of_several_hosts_blocks_the_teams_slots_and_only_those() {
    let (app, integrations) = connected().await;
    let (from, to) = (instant("2026-11-25T23:45:00Z"), instant("2026-11-26T00:30:00Z"));
    for busy in 0..HOSTS.len() {
        let mut before = Vec::new();
        for (slug, _) in TEAMS {
            before.push(app.starts(slug, "2026-11-25", "2026-11-27").await);
        }
        let event =
            app.google().add_event(ACCOUNTS[busy], ACCOUNTS[busy], EventSpec::new("Dentist", from, to));
        app.sync(&integrations[busy]).await.expect(200);
        app.pass(REMEMBERED);
        for ((slug, hosts), before) in TEAMS.iter().zip(&before) {
            let is_hit = |start: &String| {
                let occupied = cells(instant(start), 65);
                hosts.contains(&busy) && occupied.iter().any(|cell| (from..to).contains(cell))
            };
            let left: Vec<_> = before.iter().filter(|start| !is_hit(start)).cloned().collect();
            assert!(left.len() > 30 && (!hosts.contains(&busy) || left.len() < before.len()), "{slug}");
            assert_eq!(app.starts(slug, "2026-11-25", "2026-11-27").await, left, "{slug} {busy}");
            if hosts.contains(&busy) {
                app.hold(slug, START).await.expect_problem(409, "slot-taken");
                app.book_slot(slug, START).await.expect_problem(409, "slot-taken");
            }
        }
        app.google().remove_event(ACCOUNTS[busy], ACCOUNTS[busy], &event);
        app.sync(&integrations[busy]).await.expect(200);
        app.pass(REMEMBERED);
    }
    assert_nothing_booked(&app).await;
}

#[test]
fn several_hosts_are_at_most_ten_and_each_once() {
    let read = |hosts: Vec<String>| {
        let event_type = json!({
            "slug": "x", "hosts": hosts, "title": "x", "lengths": [30], "interval": 30, "window_days": 14,
            "active": true,
        });
        serde_json::from_value::<EventType>(event_type)
    };
    let some = |count: usize| (0..count).map(|number| format!("hst_some{number}")).collect::<Vec<_>>();
    for count in [1, 2, 10] {
        assert_eq!(read(some(count)).unwrap().hosts.count(), count);
    }
    for wrong in [some(0), some(11), [some(2), some(1)].concat()] {
        let error = read(wrong).unwrap_err().to_string();
        assert!(error.contains("must be 1 to 10 hosts, each once"), "{error}");
    }
}

#[tokio::test]
async fn a_hold_whose_several_hosts_are_not_the_event_types_any_more_is_refused_before_they_are_read() {
    let app = teams().await;
    let fields = json!({ "lengths": [60], "interval": 15, "window_days": 14 });
    let others: [&[usize]; 6] = [&[0], &[1], &[1, 0], &[0, 2], &[0, 1, 2], &[2, 0, 1]];
    for others in others {
        app.put_team("changing", &hosts_of(&[0, 1]), &fields).await;
        let token = app.hold("changing", START).await.expect(201)["hold"].as_str().unwrap().to_owned();
        app.put_team("changing", &hosts_of(others), &fields).await;
        let request = request(Wanted::Held(HoldToken::parse(&token).unwrap()));
        let (refused, points) = app
            .record(|process| async move { book(&process, &Scope::Public(tenant()), &request, None).await })
            .await;
        assert!(matches!(refused, Err(BookingError::UnknownHold)), "{others:?}: {refused:?}");
        // Event type, tenant and the booking that there might be: no host, no day.
        let ops: Vec<_> = points.iter().map(|point| point.op.as_str()).collect();
        assert!(ops.iter().all(|op| *op == "GetItem") && ops.len() <= 3, "{others:?}: {ops:?}");
        assert_nothing_booked(&app).await;
        app.release(&token).await.expect(204);
    }
    app.put_team("changing", &hosts_of(&[0, 1]), &fields).await;
    let token = app.hold("changing", START).await.expect(201)["hold"].as_str().unwrap().to_owned();
    app.confirm(&token).await.expect(201);
}

// ---- Pushes

#[tokio::test]
async fn the_calendars_of_several_hosts_follow_a_booking_each_with_one_event() {
    for (slug, hosts) in SIZES {
        let (app, _) = connected().await;
        let booking = app.book_slot(slug, START).await.expect(201).clone();
        assert_eq!(booking["calendar_sync"], "synced");
        let shown = |start: &str, count: usize| {
            for (number, account) in ACCOUNTS.iter().enumerate() {
                let events = app.our_events(account, account);
                let wanted = if hosts.contains(&number) { count } else { 0 };
                assert_eq!(events.len(), wanted, "{slug} {account}: {events:?}");
                for event in events {
                    let at = event["start"]["dateTime"].as_str().unwrap();
                    assert_eq!(DateTime::parse_from_rfc3339(at).unwrap(), instant(start), "{account}");
                    assert_eq!(event["extendedProperties"]["private"]["holdfast_booking"], booking["id"]);
                }
            }
        };
        shown(START, 1);
        agree(&app, slug).await;
        let moved = "2026-11-27T00:15:00Z";
        assert_eq!(app.reschedule(&booking, moved).await.expect(200)["calendar_sync"], "synced");
        shown(moved, 1);
        agree(&app, slug).await;
        assert_eq!(app.cancel(&booking).await.expect(200)["calendar_sync"], "synced");
        shown(moved, 0);
        agree(&app, slug).await;
    }
}

#[tokio::test]
async fn pushes_of_several_hosts_do_not_wait_for_one_that_hangs() {
    for (slug, hosts) in SIZES {
        let (app, _) = connected().await;
        let mut gate = app.google().faults.gate("events.insert", When::Before);
        let (booked, ()) = futures::join!(app.book_slot(slug, START), async {
            gate.reached().await;
            let id = app.bookings().await[0].booking.id.clone();
            // One hangs: the others come to be done meanwhile.
            let mut done = 0;
            for _ in 0..2_000 {
                done = syncs(&app, &id).await.iter().filter(|sync| **sync == CalendarSync::Synced).count();
                if done == hosts.len() - 1 {
                    break;
                }
            }
            assert_eq!(done, hosts.len() - 1, "{slug}");
            let pending = syncs(&app, &id).await;
            assert_eq!(pending.iter().filter(|sync| **sync == CalendarSync::Pending).count(), 1, "{slug}");
            gate.open();
        });
        let id = id_of(booked.expect(201));
        assert_eq!(booked.body["calendar_sync"], "synced");
        assert_eq!(syncs(&app, &id).await, vec![CalendarSync::Synced; hosts.len()]);
        agree(&app, slug).await;
    }
}

#[tokio::test]
async fn a_revoked_account_of_one_of_several_hosts_parks_that_hosts_push_alone() {
    for (slug, hosts) in SIZES {
        for (at, revoked) in hosts.iter().enumerate() {
            let (app, _) = connected().await;
            app.google().revoke_grants(ACCOUNTS[*revoked]);
            let id = id_of(app.book_slot(slug, START).await.expect(201));
            later(&app).await;
            let record = app.booking_record(id.as_str()).await;
            for (number, entry) in record.entries.iter().enumerate() {
                let sync = entry.calendar_sync(&record.booking);
                assert_eq!(sync == CalendarSync::Synced, number != at, "{slug} {revoked}: {entry:?}");
                let events = app.our_events(ACCOUNTS[hosts[number]], ACCOUNTS[hosts[number]]);
                assert_eq!(events.len(), usize::from(number != at), "{slug} {revoked}");
            }
            let integration = &app.integrations(HOSTS[*revoked]).await[0];
            assert_eq!(integration["status"], IntegrationStatus::NeedsReauth.as_str());
            assert_eq!(app.broken().await, Vec::<String>::new());

            app.connect(HOSTS[*revoked], ACCOUNTS[*revoked]).await;
            app.pass(PARKED);
            later(&app).await;
            later(&app).await;
            agree(&app, slug).await;
            assert_eq!(syncs(&app, &id).await, vec![CalendarSync::Synced; hosts.len()]);
        }
    }
}

/// How each host's calendar agrees with the booking.
async fn syncs(app: &TestApp, id: &BookingId) -> Vec<CalendarSync> {
    let record = app.booking_record(id.as_str()).await;
    record.entries.iter().map(|entry| entry.calendar_sync(&record.booking)).collect()
}

// ---- Words of these tests

fn hosts_of(numbers: &[usize]) -> Vec<&'static str> {
    numbers.iter().map(|number| HOSTS[*number]).collect()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn cells(start: DateTime<Utc>, minutes: i64) -> Vec<DateTime<Utc>> {
    (0..minutes / 5).map(|cell| start + TimeDelta::minutes(5 * cell)).collect()
}

fn id_of(booking: &Value) -> BookingId {
    booking["id"].as_str().unwrap().parse().unwrap()
}
