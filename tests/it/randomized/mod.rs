//! Thousands of random operations by callers whose clocks differ, at a table that fails, on hosts who are booked
//! alone and together. After every step the one question: does every cell have the owner that it should have?
//!
//! Ten thousand operations by default. A million, from a seed that a failure has printed:
//!
//! ```sh
//! HOLDFAST_RANDOM_OPERATIONS=1000000 HOLDFAST_RANDOM_SEED=7 cargo test -p tests --test it randomized
//! ```
//!
//! A seed repeats what is tried, not how the network interleaves it. A run whose clock has come to the end of November
//! begins again at the beginning, with an empty table and the next seed.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the model tells apart what it is about and takes the rest together"
)]

mod catalog;
mod delayed_writes;
mod generator;
mod model;
mod operations;
mod oracle;
mod terms;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeDelta, TimeZone, Utc};
use fakes::dynamodb::{internal_error, throttled, transaction_cancelled_by_conflict, transaction_conflict};
use fakes::{Call, Fault, Gate, When};
use fastrand::Rng;
use futures::future::join_all;
use holdfast::App;
use holdfast::clock::Clock;
use holdfast::domain::{
    Booking, BookingId, BookingRecord, BookingStatus, CellOwner, Cells, Claim, Count, Counter, Day, DayBits,
    EventType, EventTypeSlug, Guest, HostId, Hosts, Integration, Scope, Span, StepRefused, SyncState, Tenant,
    Tick, Ticks, Zone,
};
use holdfast::flows::{
    Alternatives, BookRequest, BookingError, HoldToken, IdempotencyKey, ManageToken, NewTime, Refused,
    SlotRequest, Wanted, book, expire_and_erase, hold, release, reschedule, reschedule_managed, transition,
};
use holdfast::store::{PullOutcome, SealedTokens, StoreError, new_lease};
use serde_json::json;
use tests::TestApp;
use tests::invariants::broken;

use catalog::{HOSTS, Offer, assert_clocks_stay, create_offers, date_of, host_at, places_of, zone_of};
use delayed_writes::DelayedWrite;
use model::Record;
use operations::{Act, By, Name, Op, Outcome, Slot, assert_entries};
use oracle::{Cell, Table, cells_of_claim, is_held};

/// How many operations; 10,000 when it is not set.
const OPERATIONS: &str = "HOLDFAST_RANDOM_OPERATIONS";
/// What the random numbers begin with; a new one for every run when it is not set.
const SEED: &str = "HOLDFAST_RANDOM_SEED";

const CALLERS: usize = 4;
const HOLD_SECONDS: &str = "60";
/// Hosts work at night, so that many claims lie over UTC midnight: 20:00 to 04:00.
const NIGHT_STARTS: i64 = 20 * 12;
const NIGHT_TICKS: i64 = 8 * 12;
const INTERVAL: i64 = 3;
/// When a run begins again with an empty table. Bookings lie up to five days ahead.
const LAST_DAY: &str = "2026-11-30T00:00:00Z";
/// The kit's model looks at the whole table after each of so many first operations, later after every so many steps.
const CHECK_ALL_UNTIL: u64 = 500;
const CHECK_ALL_EVERY: u64 = 20;

/// How often each of `WORDS` must have happened.
const AT_LEAST: u64 = 20;
/// For so many operations at a time a run goes on while something has not.
const MORE_OPERATIONS: u64 = 1_000;

/// What must each have happened in ten thousand operations.
const WORDS: &[&str] = &[
    "hold ok",
    "hold taken",
    "book ok",
    "book taken",
    "confirm ok",
    "confirm taken",
    "confirm expired",
    "confirm unknown",
    "confirm used",
    "release ok",
    "release unknown",
    "cancel ok",
    "pull ok",
    "crash",
    "late write",
    "fault",
    "yes ok",
    "no ok",
    "no refused",
    "expire ok",
    "move ok",
    "move taken",
    "move full",
    "move refused",
    "move unoffered",
    "late move",
    "hold full",
    "book full",
    "replay ok",
    "replay reused",
    // Several hosts.
    "joint hold ok",
    "joint hold taken",
    "joint book ok",
    "joint book taken",
    "joint confirm ok",
    "joint confirm taken",
    "joint release ok",
    "joint cancel ok",
    "joint yes ok",
    "joint no ok",
    "joint move ok",
    "joint move taken",
    "joint crash",
    "joint replay ok",
    "three-host hold ok",
    "three-host book ok",
    "three-host confirm ok",
    "three-host cancel ok",
    "three-host move ok",
    "by host cancel ok",
    "by host move ok",
    // Other lengths.
    "lengthen ok",
    "lengthen taken",
    "shorten ok",
    // Calendars that are not known.
    "stale refused",
    "joint stale refused",
    "hold stale",
    "book stale",
    "confirm stale",
    "move stale",
    "calendar neglected",
    "coverage lost",
    "calendar known again",
    // Event types that were changed.
    "hold closed",
    "book closed",
    "confirm closed",
    "wrong length refused",
    "edited move ok",
    "edited yes ok",
    "edited cancel ok",
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_cell_has_one_owner() {
    let operations = setting(OPERATIONS).unwrap_or(10_000);
    let mut seed = setting(SEED).unwrap_or_else(|| fastrand::u64(..));
    let (mut done, mut tally) = (0, BTreeMap::<String, u64>::new());
    // What a seed makes seldom has more operations to happen in.
    let has_more = |done, tally: &BTreeMap<_, _>| done < 3 * operations && !seldom(tally).is_empty();
    while done < operations || (operations >= 10_000 && has_more(done, &tally)) {
        let mut world = World::begin(seed).await;
        let end = if done < operations { operations - done } else { MORE_OPERATIONS };
        while world.story.operations < end && !world.is_over() {
            world.step().await;
        }
        let story = world.end().await;
        done += story.operations;
        for (word, times) in &story.tally {
            *tally.entry(word.clone()).or_default() += times;
        }
        seed = seed.wrapping_add(1);
    }
    println!("{tally:?}");
    if operations >= 10_000 {
        assert!(seldom(&tally).is_empty(), "{:?} of {tally:?} in {done}", seldom(&tally));
    }
}

/// Which words have happened less often than each must.
fn seldom(tally: &BTreeMap<String, u64>) -> Vec<&'static str> {
    let happened = |word: &str| tally.get(word).copied().unwrap_or(0);
    WORDS.iter().copied().filter(|word| happened(word) < AT_LEAST).collect()
}

#[expect(clippy::disallowed_methods, reason = "switches of this test alone")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// One process of the product, with its own clock.
struct Caller {
    app: App,
    /// Its time, in milliseconds.
    clock: Arc<AtomicI64>,
}

impl Caller {
    fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }
}

/// Everything that is known while a run goes on.
struct World {
    app: TestApp,
    tenant: Tenant,
    rng: Rng,
    callers: Vec<Caller>,
    offers: Vec<Offer>,
    /// One for each host.
    integrations: Vec<Integration>,
    /// The true time; every caller is off by some seconds.
    now: DateTime<Utc>,
    /// The latest instant that any clock has shown.
    latest: DateTime<Utc>,
    /// The holds that we were told we have.
    holds: Vec<HoldToken>,
    /// What was released or expired, to be tried again.
    gone: VecDeque<HoldToken>,
    /// What was confirmed, with which notes and as which booking.
    used: HashMap<String, (&'static str, BookingId)>,
    /// The last few of these.
    replays: VecDeque<HoldToken>,
    /// Every booking as it was last told of.
    bookings: HashMap<BookingId, Booking>,
    /// By which hosts each is served, the organizer first.
    agreed_hosts: HashMap<BookingId, Vec<usize>>,
    /// Which bookings own cells of today or later.
    live: BTreeSet<BookingId>,
    /// The last few that do no more because they were ended.
    ended: VecDeque<BookingId>,
    /// Which live bookings count towards each counter.
    counted: HashMap<Counter, BTreeSet<BookingId>>,
    manage_tokens: HashMap<BookingId, ManageToken>,
    /// What was done under which key.
    records: HashMap<Name, Record>,
    /// The last few of these acts, and when they were done.
    repeatable: VecDeque<(DateTime<Utc>, Act)>,
    /// Keys under which nothing was done yet.
    unused: VecDeque<String>,
    /// Keys of which nobody can tell.
    doubtful: HashSet<Name>,
    keys_made: u64,
    /// When calendars are busy.
    busy: HashMap<(usize, Day), DayBits>,
    /// Hosts whose calendars cannot be believed until the next pull.
    stale: BTreeSet<usize>,
    /// The table after the last step.
    table: Table,
    /// Numbers of holds that may be there, but of which nobody was told.
    strays: BTreeSet<CellOwner>,
    delayed: Option<DelayedWrite>,
    is_faulty: Arc<AtomicBool>,
    faults: Arc<AtomicI64>,
    steps: u64,
    story: Story,
}

/// What to tell when it fails.
struct Story {
    seed: u64,
    operations: u64,
    tally: BTreeMap<String, u64>,
    /// The last 30 things that happened.
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
        let now = app.now();
        assert_clocks_stay(now);
        let offers = create_offers(&app).await;
        let mut integrations = Vec::new();
        for (at, host) in HOSTS.iter().enumerate() {
            integrations.push(connected(&app, host.id, &format!("int_random{at}")).await);
        }
        let caller = |_| {
            let clock = Arc::new(AtomicI64::new(now.timestamp_millis()));
            Caller { app: app.local.app_with(Clock::manual(Arc::clone(&clock))), clock }
        };
        let mut world = Self {
            tenant: app.tenant(),
            rng: Rng::with_seed(seed),
            callers: (0..CALLERS).map(caller).collect(),
            offers,
            integrations,
            now,
            latest: now,
            holds: Vec::new(),
            gone: VecDeque::new(),
            used: HashMap::new(),
            replays: VecDeque::new(),
            bookings: HashMap::new(),
            agreed_hosts: HashMap::new(),
            live: BTreeSet::new(),
            ended: VecDeque::new(),
            counted: HashMap::new(),
            manage_tokens: HashMap::new(),
            records: HashMap::new(),
            repeatable: VecDeque::new(),
            unused: VecDeque::new(),
            doubtful: HashSet::new(),
            keys_made: 0,
            busy: HashMap::new(),
            stale: BTreeSet::new(),
            table: Table::default(),
            strays: BTreeSet::new(),
            delayed: None,
            is_faulty: Arc::default(),
            faults: Arc::default(),
            steps: 0,
            story: Story { seed, operations: 0, tally: BTreeMap::new(), last: VecDeque::new() },
            app,
        };
        world.plan_faults();
        world.pass(TimeDelta::zero(), None).await;
        world
    }

    /// Whether the clock has come to the end of its month.
    fn is_over(&self) -> bool {
        self.now >= LAST_DAY.parse::<DateTime<Utc>>().expect("an instant")
    }

    async fn step(&mut self) {
        match self.rng.u32(..200) {
            0..3 => self.pass_some_time().await,
            3..16 => {
                // Seldom so long that a booking is not answered in time.
                let most = if self.rng.u8(..10) == 0 { 600_000 } else { 40_000 };
                let time = TimeDelta::milliseconds(self.rng.i64(0..most));
                self.pass(time, None).await;
            }
            16..32 if self.delayed.is_none() => self.crash().await,
            32..48 if self.delayed.is_some() => self.land().await,
            48..59 => self.edit_event_type().await,
            59..62 if self.stale.is_empty() => self.lose_coverage().await,
            _ => {
                let many = if self.rng.bool() { 1 } else { self.rng.usize(2..=4) };
                let acts = self.choose(many);
                self.act(acts).await;
            }
        }
        self.steps += 1;
        if self.story.operations < CHECK_ALL_UNTIL || self.steps.is_multiple_of(CHECK_ALL_EVERY) {
            self.check_whole_table().await;
        }
    }

    async fn end(mut self) -> Story {
        self.land().await;
        self.check_whole_table().await;
        let faults = self.faults.load(Ordering::Relaxed).cast_unsigned();
        self.story.tally.insert("fault".to_owned(), faults);
        // Whatever stands in the table and holds cells is known, also what a lost answer may have left.
        for id in self.booking_ids().await {
            assert!(self.bookings.contains_key(&id), "nobody knows of {id}");
            self.check_booking(&id).await;
        }
        self.story
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
        self.is_faulty.store(true, Ordering::Relaxed);
        let outcomes = join_all(acts.iter().map(|act| Box::pin(self.perform(act)))).await;
        self.is_faulty.store(false, Ordering::Relaxed);
        for (act, outcome) in acts.iter().zip(&outcomes) {
            self.story.operations += 1;
            self.tally(act, outcome);
            self.story.note(format!("{} {act:?} -> {}", self.now, outcome.word()));
        }
        for (at, (act, outcome)) in acts.iter().zip(&outcomes).enumerate() {
            let word = outcome.word();
            let is_right = if contended[at] {
                self.may_answer(at, &acts, expected[at], word)
            } else {
                expected[at] == word
            };
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
            std::mem::take(&mut self.holds).into_iter().partition(|token| is_held(token, &after));
        self.holds = kept;
        for token in lost {
            remember(&mut self.gone, token);
        }
        self.table = after;
    }

    /// Counts an answer, with what is special about the act.
    fn tally(&mut self, act: &Act, outcome: &Outcome) {
        let (word, known) = (outcome.word(), act.booking().map(|id| &self.bookings[id]));
        let is_replay = self.record(act).is_some();
        let counted = match outcome {
            _ if is_replay => format!("replay {word}"),
            Outcome::Booked(booking, _) if known.is_some_and(|known| known.version >= booking.version) => {
                format!("{} again", act.verb())
            }
            _ => format!("{} {word}", act.verb()),
        };
        let hosts = self.hosts(act).len();
        let is_edited = known.is_some_and(|known| self.is_edited(known));
        let is_unanswered = known.is_some_and(|known| known.is_unanswered(self.callers[act.caller].now()));
        let longer = match &act.op {
            Op::Move(id, to, _) if !is_replay => {
                to.length.map(|length| length.cmp(&self.bookings[id].length))
            }
            _ => None,
        };
        let by_host = matches!(act.op, Op::Move(_, _, By::Host(_)) | Op::Step(_, _, By::Host(_)));
        for (prefix, applies) in [
            ("", true),
            ("joint ", hosts > 1),
            ("three-host ", hosts == 3),
            ("edited ", is_edited),
            ("by host ", by_host),
            ("overdue ", is_unanswered && matches!(act.op, Op::Expire(_))),
        ] {
            if applies {
                self.story.count(format!("{prefix}{counted}"));
            }
        }
        match longer {
            Some(std::cmp::Ordering::Greater) => self.story.count(format!("lengthen {word}")),
            Some(std::cmp::Ordering::Less) => self.story.count(format!("shorten {word}")),
            Some(std::cmp::Ordering::Equal) | None => {}
        }
        if word == "wrong length" {
            self.story.count("wrong length refused");
        }
        if word == "stale" {
            self.story.count("stale refused");
            self.story.count(if hosts > 1 { "joint stale refused" } else { "lone stale refused" });
        }
    }

    /// What nobody interfered with has come about.
    fn assert_followed(&self, act: &Act, outcome: &Outcome) {
        let Outcome::Booked(booking, _) = outcome else { return };
        let known = self.bookings.get(&booking.id);
        match &act.op {
            Op::Move(_, to, _) if self.record(act).is_none() => {
                let was = known.expect("a booking that was known");
                let length = to.length.unwrap_or(was.length);
                assert_eq!((booking.start, booking.length), (to.start, length), "{act:?}");
            }
            Op::Expire(_) => {
                let was = known.expect("a booking that was known");
                let is_over = was.is_unanswered(self.callers[act.caller].now());
                let status = if is_over { BookingStatus::Declined } else { was.status };
                assert_eq!(booking.status, status, "{act:?}");
            }
            _ => {}
        }
    }

    /// Up to two hours pass. Mostly one host's calendars are not read meanwhile, for longer than a read is
    /// believed.
    async fn pass_some_time(&mut self) {
        let is_neglected = self.stale.is_empty() && self.rng.u8(..6) > 0;
        let host = is_neglected.then(|| self.rng.usize(..HOSTS.len()));
        // A caller's clock is off by up to five seconds.
        let least = if is_neglected { Integration::STALE_AFTER.num_milliseconds() + 10_000 } else { 0 };
        let time = TimeDelta::milliseconds(self.rng.i64(least..2 * 3_600_000));
        self.pass(time, host).await;
        // The schedule finds what was not answered in time.
        let overdue = self.any_live(|world, booking| booking.is_unanswered(world.now));
        if let Some(id) = overdue.filter(|_| self.rng.bool()) {
            self.act(vec![Act { caller: 0, op: Op::Expire(id), key: None }]).await;
        }
    }

    /// Time passes for everybody, and everybody's clock is off anew. The calendars are read at the new time, but for
    /// those that are stale and those of this host.
    async fn pass(&mut self, time: TimeDelta, neglected: Option<usize>) {
        self.now += time;
        assert_eq!(self.now.month(), 11, "hours and dates are those of November: {}", self.now);
        self.app.pass(time);
        for caller in &self.callers {
            let skew = TimeDelta::milliseconds(self.rng.i64(-5000..=5000));
            caller.clock.store((self.now + skew).timestamp_millis(), Ordering::Relaxed);
            self.latest = self.latest.max(caller.now());
        }
        if let Some(host) = neglected {
            self.stale.insert(host);
            self.story.count("calendar neglected");
        }
        for host in (0..HOSTS.len()).filter(|host| !self.stale.contains(host)) {
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
        self.strays.extend(past.iter().map(HoldToken::owner));
        let mut gone = std::mem::take(&mut self.gone);
        gone.retain(|token| self.sees(token));
        self.gone = gone;
        // Keys are remembered for a day.
        self.repeatable.retain(|(at, _)| *at > self.now - TimeDelta::hours(23));
        self.busy.retain(|(_, day), _| *day >= first);
        self.table = self.read(Table::default(), &all_hosts()).await;
        self.check(&self.table);
        self.story.note(format!("{} is the time, not read: {neglected:?}", self.now));
    }

    /// A few calls in a hundred meet a throttle, a conflict or a cut connection, before or after the work.
    fn plan_faults(&mut self) {
        let mut rng = self.rng.fork();
        let (is_faulty, count) = (Arc::clone(&self.is_faulty), Arc::clone(&self.faults));
        self.app.local.dynamodb.faults.plan(move |call| {
            let fault = is_faulty.load(Ordering::Relaxed).then(|| fault(&mut rng, call)).flatten();
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
        "revision": 1,
    }))
    .unwrap();
    let store = &app.app().store;
    store.add_pending(&pending).await.unwrap();
    let after = Integration {
        status: holdfast::domain::IntegrationStatus::Connected,
        sync: SyncState {
            read_ok_at: Some(app.now()),
            synced: Some(synced(app.now())),
            ..SyncState::default()
        },
        ..pending.clone()
    };
    let tokens = SealedTokens {
        access: vec![0],
        refresh: vec![0],
        access_expires_at: app.now() + TimeDelta::hours(1),
        version: 1,
    };
    store.connect_integration(&pending, after, &tokens, None, None, None).await.unwrap()
}

/// The time that a read at `now` covers.
fn synced(now: DateTime<Utc>) -> Span {
    Span::new(Tick::floor(now - TimeDelta::days(3)), Tick::floor(now + TimeDelta::days(40)))
}

fn all_hosts() -> BTreeSet<usize> {
    (0..HOSTS.len()).collect()
}

/// Keeps the last few.
fn remember<T>(few: &mut VecDeque<T>, one: T) {
    few.push_back(one);
    if few.len() > 20 {
        few.pop_front();
    }
}
