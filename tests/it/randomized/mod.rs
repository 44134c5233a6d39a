//! Thousands of random acts by callers whose clocks differ, at a table that fails, and after every step the one
//! question: does every cell have the owner that it should have?
//!
//! Ten thousand operations by default. A million, from a seed that a failure has printed:
//!
//! ```sh
//! HOLDFAST_RANDOM_OPERATIONS=1000000 HOLDFAST_RANDOM_SEED=7 cargo test -p tests --test it randomized
//! ```
//!
//! A seed repeats what is tried, not how the network interleaves it.

#![expect(
    clippy::match_same_arms,
    clippy::unused_self,
    clippy::wildcard_enum_match_arm,
    reason = "the model tells apart what it is about and takes the rest together"
)]

mod acts;
mod choice;
mod late;
mod model;
mod sight;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use fakes::dynamodb::{internal_error, throttled, transaction_cancelled_by_conflict, transaction_conflict};
use fakes::{Call, Fault, Gate, When};
use fastrand::Rng;
use futures::future::join_all;
use holdfast::App;
use holdfast::clock::Clock;
use holdfast::domain::{
    Booking, BookingId, BookingStatus, Cells, Claim, Claimed, Day, DayBits, EventType, EventTypeSlug, Guest,
    Integration, Reach, Span, StepRefused, Tenant, Tick, Ticks,
};
use holdfast::flows::{
    Alternatives, BookError, BookRequest, Booker, HoldError, HoldToken, IdempotencyKey, ManageToken, Refused,
    RescheduleError, SlotRequest, StepError, Wanted, book, hold, push, release, reschedule,
    reschedule_managed, take_step,
};
use holdfast::store::{Lease, PullOutcome, SealedTokens, StoreError};
use serde_json::json;
use tests::TestApp;

use acts::{Act, By, Name, Op, Outcome, Slot};
use late::Late;
use model::Record;
use sight::is_held;

/// How many operations; 10,000 when it is not set.
const OPERATIONS: &str = "HOLDFAST_RANDOM_OPERATIONS";
/// What the dice begin with; a new number for every run when it is not set.
const SEED: &str = "HOLDFAST_RANDOM_SEED";

const HOSTS: [&str; 2] = ["hst_random1", "hst_random2"];
const CALLERS: usize = 4;
const HOLD_SECONDS: &str = "60";
/// Hosts work at night, so that many claims lie over UTC midnight: 20:00 to 04:00.
const NIGHT_STARTS: i64 = 20 * 12;
const NIGHT_TICKS: i64 = 8 * 12;
const INTERVAL: i64 = 3;
/// Every host has as many event types, by these places.
const KINDS: usize = 5;
const SHORT: [usize; 6] = [0, 1, 3, 4, 4, 4];
const LONG: usize = 2;
/// How many bookings of its last event type each host takes on one date.
const MAX_PER_DAY: [u16; 2] = [1, 2];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_cell_has_one_owner() {
    let operations = setting(OPERATIONS).unwrap_or(10_000);
    let seed = setting(SEED).unwrap_or_else(|| fastrand::u64(..));
    let mut world = World::begin(seed).await;
    while world.story.operations < operations {
        world.step().await;
    }
    world.end().await;
    println!("{:?}", world.story.tally);
    if operations >= 10_000 {
        for word in ["hold ok", "hold taken", "book ok", "book taken", "confirm ok", "confirm taken"]
            .into_iter()
            .chain(["confirm expired", "confirm unknown", "confirm used", "release ok", "release unknown"])
            .chain(["cancel ok", "pull ok", "crash", "late write", "fault"])
            .chain(["yes ok", "no ok", "no refused", "attend ok"])
            .chain(["move ok", "move taken", "move full", "move refused", "move unoffered", "late move"])
            .chain(["hold full", "book full", "replay ok", "replay reused"])
        {
            let times = world.story.tally.get(word).copied().unwrap_or(0);
            assert!(times >= 20, "`{word}` happened {times} times: {:?}", world.story.tally);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "switches of this test alone")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// One process of the product, by its own clock.
struct Caller {
    app: App,
    hand: Arc<AtomicI64>,
}

impl Caller {
    fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }
}

/// What is stored of both hosts.
#[derive(Clone, Default, PartialEq)]
struct Table {
    /// Host, tick, number.
    cells: HashMap<(usize, i64), Claim>,
    /// How many bookings the counters say, by event type and date.
    counts: BTreeMap<(usize, NaiveDate), i64>,
}

struct World {
    app: TestApp,
    tenant: Tenant,
    rng: Rng,
    callers: Vec<Caller>,
    event_types: Vec<EventType>,
    integrations: Vec<Integration>,
    /// The true time; every caller is off by some seconds.
    now: DateTime<Utc>,
    /// The latest instant that any clock has shown.
    latest: DateTime<Utc>,
    /// The holds that we were told we have.
    holds: Vec<HoldToken>,
    /// What was released or expired, to be tried again.
    gone: VecDeque<HoldToken>,
    /// What was confirmed, with which words and as which booking.
    used: HashMap<String, (&'static str, BookingId)>,
    replays: VecDeque<HoldToken>,
    /// Every booking as it was last told of, and which of them own cells of today or later.
    bookings: HashMap<BookingId, Booking>,
    live: BTreeSet<BookingId>,
    ended: VecDeque<BookingId>,
    manage_tokens: HashMap<BookingId, ManageToken>,
    /// What was done under which key, and when it can be asked for again.
    records: HashMap<Name, Record>,
    repeatable: VecDeque<(DateTime<Utc>, Act)>,
    /// Keys under which nothing was done yet, and those of which nobody can tell.
    unused: VecDeque<String>,
    doubtful: HashSet<Name>,
    keys_made: u64,
    busy: HashMap<(usize, Day), DayBits>,
    /// The cells after the last step.
    table: Table,
    /// Numbers of holds that may be there, but of which nobody was told.
    strays: BTreeSet<Claim>,
    late: Option<Late>,
    faulty: Arc<AtomicBool>,
    faults: Arc<AtomicI64>,
    story: Story,
}

/// What to tell when it fails.
struct Story {
    seed: u64,
    operations: u64,
    tally: BTreeMap<String, u64>,
    last: VecDeque<String>,
}

impl Story {
    fn count(&mut self, what: impl Into<String>) {
        *self.tally.entry(what.into()).or_default() += 1;
    }

    fn note(&mut self, what: String) {
        self.last.push_back(what);
        if self.last.len() > 30 {
            self.last.pop_front();
        }
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n"));
            eprintln!("{:?}", self.tally);
            eprintln!("after {} operations: run again with {SEED}={}", self.operations, self.seed);
        }
    }
}

impl World {
    async fn begin(seed: u64) -> Self {
        let app = TestApp::with(|options| {
            options.stream = false;
            let mut set =
                |name: &str, value: &str| options.settings.push((name.to_owned(), value.to_owned()));
            set(holdfast::config::HOLD_SECONDS, HOLD_SECONDS);
            set(holdfast::config::HELD_PERCENT, "100");
        })
        .await;
        let night = json!([{ "from": "00:00", "to": "04:00" }, { "from": "20:00", "to": "24:00" }]);
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let weekly: BTreeMap<_, _> = days.iter().map(|day| (day, &night)).collect();
        let mut event_types = Vec::new();
        let mut integrations = Vec::new();
        for (at, host) in HOSTS.into_iter().enumerate() {
            let schedule = json!({ "zone": "UTC", "weekly": weekly });
            app.put_host(&json!({ "id": host, "name": host, "schedule": schedule })).await;
            for (slug, lengths, [before, after], is_asked, most) in [
                ("call", vec![30, 60], [0, 0], false, None),
                ("visit", vec![45], [10, 5], false, None),
                ("watch", vec![240], [0, 0], false, None),
                ("audience", vec![30], [0, 5], true, None),
                ("favour", vec![30], [0, 0], false, Some(MAX_PER_DAY[at])),
            ] {
                let event_type: EventType = serde_json::from_value(json!({
                    "slug": format!("{slug}-{at}"), "host": host, "title": slug, "lengths": lengths, "interval": 15,
                    "buffer_before": before, "buffer_after": after, "window_days": 5, "active": true,
                    "needs_confirmation": is_asked, "confirm_within": 5, "max_per_day": most,
                }))
                .unwrap();
                app.app().store.put_event_type(&app.tenant(), &event_type).await.unwrap();
                event_types.push(event_type);
            }
            integrations.push(connected(&app, host, &format!("int_random{at}")).await);
        }
        let now = app.now();
        let caller = |_| {
            let hand = Arc::new(AtomicI64::new(now.timestamp_millis()));
            Caller { app: app.local.app_with(Clock::manual(Arc::clone(&hand))), hand }
        };
        let mut world = Self {
            tenant: app.tenant(),
            rng: Rng::with_seed(seed),
            callers: (0..CALLERS).map(caller).collect(),
            event_types,
            integrations,
            now,
            latest: now,
            holds: Vec::new(),
            gone: VecDeque::new(),
            used: HashMap::new(),
            replays: VecDeque::new(),
            bookings: HashMap::new(),
            live: BTreeSet::new(),
            ended: VecDeque::new(),
            manage_tokens: HashMap::new(),
            records: HashMap::new(),
            repeatable: VecDeque::new(),
            unused: VecDeque::new(),
            doubtful: HashSet::new(),
            keys_made: 0,
            busy: HashMap::new(),
            table: Table::default(),
            strays: BTreeSet::new(),
            late: None,
            faulty: Arc::default(),
            faults: Arc::default(),
            story: Story { seed, operations: 0, tally: BTreeMap::new(), last: VecDeque::new() },
            app,
        };
        world.plan_faults();
        world.pass(TimeDelta::zero()).await;
        world
    }

    async fn step(&mut self) {
        match self.rng.u32(..100) {
            0 => self.pass_some_time(3 * 3600).await,
            1..8 => self.pass_some_time(40).await,
            8..16 if self.late.is_none() => self.crash().await,
            16..24 if self.late.is_some() => self.land().await,
            _ => {
                let many = if self.rng.bool() { 1 } else { self.rng.usize(2..=4) };
                let acts = self.choose(many);
                self.act(acts).await;
            }
        }
    }

    async fn end(&mut self) {
        self.land().await;
        self.story.tally.insert("fault".to_owned(), self.faults.load(Ordering::Relaxed).cast_unsigned());
        // Whatever stands in the table and holds cells is known, also what a lost answer may have left.
        for item in self.app.local.dynamodb.dump().await.unwrap() {
            let id = item["pk"]["S"].as_str().and_then(|pk| pk.split_once("#B#")).map(|(_, id)| id);
            let Some(id) = id else { continue };
            let id: BookingId = id.parse().unwrap();
            assert!(self.bookings.contains_key(&id), "nobody knows of {id}");
            self.check_booking(&id).await;
        }
    }

    // ---- Doing

    /// Does all of this at once, compares what was answered with what had to be, and looks at the table.
    async fn act(&mut self, acts: Vec<Act>) {
        let before = std::mem::take(&mut self.table);
        let busy_before = self.busy.clone();
        let expected: Vec<_> = acts.iter().map(|act| self.expected(act, &before)).collect();
        let contended: Vec<_> = (0..acts.len()).map(|at| self.is_contended(at, &acts)).collect();
        let records: Vec<_> = (0..acts.len()).map(|at| self.would_record(at, &acts)).collect();
        let hosts: BTreeSet<_> = acts.iter().flat_map(|act| self.hosts(act)).collect();
        self.faulty.store(true, Ordering::Relaxed);
        let outcomes = join_all(acts.iter().map(|act| Box::pin(self.perform(act)))).await;
        self.faulty.store(false, Ordering::Relaxed);
        for (act, outcome) in acts.iter().zip(&outcomes) {
            let (word, known) = (outcome.word(), act.booking().map(|id| &self.bookings[id]));
            let counted = match outcome {
                _ if self.record(act).is_some() => format!("replay {word}"),
                Outcome::Booked(booking, _)
                    if known.is_some_and(|known| known.version >= booking.version) =>
                {
                    format!("{} again", act.verb())
                }
                _ => format!("{} {word}", act.verb()),
            };
            self.story.operations += 1;
            self.story.count(counted);
            self.story.note(format!("{} {act:?} -> {word}", self.now));
        }
        for (at, (act, outcome)) in acts.iter().zip(&outcomes).enumerate() {
            let word = outcome.word();
            let is_right = if contended[at] { act.allows(word) } else { expected[at] == word };
            assert!(is_right, "{act:?}: expected {} but got {outcome:?}; of {acts:?}", expected[at]);
            if !contended[at] {
                self.assert_followed(act, outcome);
            }
        }
        let mut made = Vec::new();
        for (at, (act, outcome)) in acts.iter().zip(&outcomes).enumerate() {
            made.extend(self.take_note(act, outcome, records[at]));
        }
        for booking in &made {
            self.assert_not_over_busy(booking, &busy_before);
        }
        if let ([act], [Outcome::Taken(alternatives) | Outcome::Full(alternatives)]) =
            (&acts[..], &outcomes[..])
        {
            self.assert_free(act, alternatives, &before);
        }
        for id in acts.iter().filter_map(Act::booking).chain(made.iter().map(|booking| &booking.id)) {
            self.check_booking(id).await;
        }
        let after = self.read(before, &hosts).await;
        self.check(&after);
        // What has expired may be anybody's from now on.
        let (kept, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.holds).into_iter().partition(|token| is_held(token, &after, self));
        self.holds = kept;
        for token in lost {
            remember(&mut self.gone, token);
        }
        self.table = after;
    }

    /// What nobody interfered with has come about.
    fn assert_followed(&self, act: &Act, outcome: &Outcome) {
        let Outcome::Booked(booking, _) = outcome else { return };
        let known = self.bookings.get(&booking.id);
        match &act.op {
            Op::Move(_, to, _) if self.record(act).is_none() => assert_eq!(booking.start, *to, "{act:?}"),
            Op::Attend(_) => {
                let was = known.expect("a booking that was known");
                let is_over = was.is_unanswered(self.callers[act.caller].now());
                let status = if is_over { BookingStatus::Declined } else { was.status };
                assert_eq!(booking.status, status, "{act:?}");
            }
            _ => {}
        }
    }

    async fn pass_some_time(&mut self, most_seconds: i64) {
        let time = TimeDelta::milliseconds(self.rng.i64(0..most_seconds * 1000));
        self.pass(time).await;
    }

    /// Time passes for everybody, and everybody's clock is off anew. The calendars are read at the new time.
    async fn pass(&mut self, time: TimeDelta) {
        self.now += time;
        self.app.pass(time);
        for caller in &self.callers {
            let skew = TimeDelta::milliseconds(self.rng.i64(-5000..=5000));
            caller.hand.store((self.now + skew).timestamp_millis(), Ordering::Relaxed);
            self.latest = self.latest.max(caller.now());
        }
        for host in 0..HOSTS.len() {
            self.pull(host, &[]).await.expect("a pull");
        }
        let first = self.first_day();
        let mut live = std::mem::take(&mut self.live);
        live.retain(|id| self.is_in_sight(&self.bookings[id]));
        self.live = live;
        // Of a hold that began before midnight not all is seen: it may be there, and nobody asks for it again.
        let (holds, past): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.holds).into_iter().partition(|token| self.sees(token));
        self.holds = holds;
        self.strays.extend(past.iter().map(HoldToken::claim));
        let mut gone = std::mem::take(&mut self.gone);
        gone.retain(|token| self.sees(token));
        self.gone = gone;
        // Keys are remembered for a day.
        self.repeatable.retain(|(at, _)| *at > self.now - TimeDelta::hours(23));
        self.busy.retain(|(_, day), _| *day >= first);
        self.table = self.read(Table::default(), &BTreeSet::from([0, 1])).await;
        self.check(&self.table);
        self.story.note(format!("{} is the time", self.now));
    }

    /// A few calls in a hundred meet a throttle, a conflict or a cut connection, before or after the work.
    fn plan_faults(&mut self) {
        let mut rng = self.rng.fork();
        let (faulty, count) = (Arc::clone(&self.faulty), Arc::clone(&self.faults));
        self.app.local.dynamodb.faults.plan(move |call| {
            let fault = faulty.load(Ordering::Relaxed).then(|| fault(&mut rng, call)).flatten();
            count.fetch_add(i64::from(fault.is_some()), Ordering::Relaxed);
            fault
        });
    }
}

fn fault(rng: &mut Rng, call: &Call) -> Option<Fault> {
    let is_write = matches!(call.op.as_str(), "UpdateItem" | "TransactWriteItems");
    if rng.u32(..1000) >= if is_write { 40 } else { 5 } {
        return None;
    }
    Some(match rng.u32(..6) {
        0 | 1 => Fault::CutAfter,
        2 => Fault::CutBefore,
        3 => throttled(),
        4 if call.op == "UpdateItem" => transaction_conflict(),
        4 if call.op == "TransactWriteItems" => {
            let actions = call.detail.split(' ').next().and_then(|count| count.parse().ok());
            transaction_cancelled_by_conflict(actions.unwrap_or(1))
        }
        _ => internal_error(),
    })
}

/// Stores an integration as a connect leaves it, with an empty calendar that has been read.
async fn connected(app: &TestApp, host: &str, id: &str) -> Integration {
    let pending: Integration = serde_json::from_value(json!({
        "id": id, "tenant": app.tenant(), "host": host, "provider": "google", "status": "pending", "enabled": true,
        "version": 1, "token_version": 0,
    }))
    .unwrap();
    let store = &app.app().store;
    store.add_pending(&pending).await.unwrap();
    let after = Integration {
        status: holdfast::domain::IntegrationStatus::Connected,
        read_ok_at: Some(app.now()),
        synced: Some(synced(app.now())),
        ..pending.clone()
    };
    let tokens = SealedTokens {
        access: vec![0],
        refresh: vec![0],
        access_expires_at: app.now() + TimeDelta::hours(1),
        version: 1,
    };
    store.connect_integration(&pending, after, &tokens, None).await.unwrap()
}

fn synced(now: DateTime<Utc>) -> Span {
    Span::new(Tick::floor(now - TimeDelta::days(3)), Tick::floor(now + TimeDelta::days(40)))
}

/// Keeps the last few.
fn remember<T>(few: &mut VecDeque<T>, one: T) {
    few.push_back(one);
    if few.len() > 20 {
        few.pop_front();
    }
}
