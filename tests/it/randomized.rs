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

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use fakes::dynamodb::{internal_error, throttled, transaction_cancelled_by_conflict, transaction_conflict};
use fakes::{Call, Fault, Gate, When};
use fastrand::Rng;
use futures::future::join_all;
use holdfast::App;
use holdfast::clock::Clock;
use holdfast::domain::{
    Booking, BookingId, BookingStatus, Claim, Claimed, Day, DayBits, EventType, Guest, Integration, Span,
    Tenant, Tick, Ticks,
};
use holdfast::flows::{
    Alternatives, BookError, BookRequest, CancelError, HoldError, HoldToken, Wanted, book, cancel, hold,
    release,
};
use holdfast::store::{Lease, PullOutcome, SealedTokens, StoreError};
use serde_json::json;
use tests::TestApp;

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

/// Something to do. Who does it stands first.
#[derive(Clone, Debug)]
enum Op {
    Hold(usize, Slot),
    Book(usize, Slot),
    Confirm(usize, HoldToken, &'static str),
    Release(usize, HoldToken),
    Cancel(usize, BookingId),
    /// A pull that finds these bits on this day of a host.
    Pull(usize, Day, DayBits),
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    event_type: usize,
    start: Tick,
    length: Ticks,
}

#[derive(Debug)]
enum Outcome {
    Held(HoldToken),
    Booked(Box<Booking>),
    Done,
    Taken(Alternatives),
    Unknown,
    Expired,
    Used,
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Held(_) | Self::Booked(_) | Self::Done => "ok",
            Self::Taken(_) => "taken",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Used => "used",
        }
    }
}

/// A write whose caller is gone. It has arrived at the table and will be done there some time.
struct Late {
    op: Op,
    before: Gate,
    after: Gate,
}

/// The cells of both hosts as they are stored: host, tick, number.
type Table = HashMap<(usize, i64), Claim>;

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
    live: HashMap<BookingId, Booking>,
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
            options.settings.push((holdfast::config::HOLD_SECONDS.to_owned(), HOLD_SECONDS.to_owned()));
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
            for (slug, lengths, buffers) in
                [("call", vec![30, 60], [0, 0]), ("visit", vec![45], [10, 5]), ("watch", vec![240], [0, 0])]
            {
                let event_type: EventType = serde_json::from_value(json!({
                    "slug": format!("{slug}-{at}"), "host": host, "title": slug, "lengths": lengths, "interval": 15,
                    "buffer_before": buffers[0], "buffer_after": buffers[1], "window_days": 5, "active": true,
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
            live: HashMap::new(),
            busy: HashMap::new(),
            table: Table::new(),
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
                let ops = self.choose(many);
                self.act(ops).await;
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
            let stored = self.app.stored(id).await;
            let in_sight = stored.claimed.iter().any(|claimed| claimed.cells.day >= self.first_day());
            let is_known = self.live.get(&stored.id).is_some_and(|known| known.claimed == stored.claimed);
            assert!(is_known || !stored.status.holds_cells() || !in_sight, "nobody knows of {id}");
        }
    }

    // ---- Choosing

    /// Several things to do at about the same time of the same night, so that they meet. While a write is late, it
    /// is often its time: what it was decided on is no longer so when it lands.
    fn choose(&mut self, many: usize) -> Vec<Op> {
        let late = self.late.as_ref().and_then(|late| self.ticks(&late.op).first().copied());
        let (host, night, around) = match late {
            Some((host, tick)) if self.rng.u8(..3) > 0 => {
                let since_evening = tick - NIGHT_STARTS;
                (host, Tick::from_index(since_evening).day(), since_evening.rem_euclid(288))
            }
            _ => {
                let today = Tick::floor(self.now).day();
                let night = if self.rng.bool() { today } else { today.next() };
                (self.rng.usize(..HOSTS.len()), night, self.rng.i64(..NIGHT_TICKS))
            }
        };
        let mut ops: Vec<Op> = Vec::new();
        let mut pulls = false;
        while ops.len() < many {
            let op = self.choose_one(host, night, around, &ops);
            // Of two pulls at once one finds the lease taken.
            if matches!(op, Op::Pull(..)) && std::mem::replace(&mut pulls, true) {
                continue;
            }
            ops.push(op);
        }
        ops
    }

    fn choose_one(&mut self, host: usize, night: Day, around: i64, others: &[Op]) -> Op {
        let caller = self.rng.usize(..CALLERS);
        // Now and then the very hold that somebody else is busy with.
        let contested = others.iter().find_map(|op| match op {
            Op::Confirm(_, token, _) | Op::Release(_, token) => Some(token.clone()),
            Op::Hold(..) | Op::Book(..) | Op::Cancel(..) | Op::Pull(..) => None,
        });
        let notes = if self.rng.u8(..8) == 0 { "other words" } else { "words" };
        match self.rng.u32(..100) {
            0..24 => Op::Hold(caller, self.slot(host, night, around)),
            24..30 => Op::Book(caller, self.slot(host, night, around)),
            30..52 => match contested.filter(|_| self.rng.bool()).or_else(|| self.any_hold()) {
                Some(token) => Op::Confirm(caller, token, notes),
                None => Op::Hold(caller, self.slot(host, night, around)),
            },
            52..60 => match contested.filter(|_| self.rng.bool()).or_else(|| self.any_hold()) {
                Some(token) => Op::Release(caller, token),
                None => Op::Hold(caller, self.slot(host, night, around)),
            },
            60..64 => match self.some_of(&self.replays.clone()) {
                Some(token) => Op::Confirm(caller, token, notes),
                None => Op::Book(caller, self.slot(host, night, around)),
            },
            64..68 => match self.some_of(&self.gone.clone()) {
                Some(token) if self.rng.bool() => Op::Confirm(caller, token, notes),
                Some(token) => Op::Release(caller, token),
                None => Op::Hold(caller, self.slot(host, night, around)),
            },
            68..88 => match self.any_booking() {
                Some(id) => Op::Cancel(caller, id),
                None => Op::Book(caller, self.slot(host, night, around)),
            },
            _ => {
                let near = (around + self.rng.i64(-6..=6)).clamp(0, NIGHT_TICKS - 1);
                let near = Tick::from_index(night.start().index() + NIGHT_STARTS + near);
                let mut bits = DayBits::EMPTY;
                for _ in 0..self.rng.u8(..=2) {
                    let (early, late) = (self.rng.u16(..48), self.rng.u16(240..288));
                    let from = self.rng.choice([near.cell(), near.cell(), early, late]).unwrap();
                    bits.set(from, from + self.rng.u16(1..8));
                }
                Op::Pull(host, near.day(), bits)
            }
        }
    }

    fn slot(&mut self, host: usize, night: Day, around: i64) -> Slot {
        // Long ones now and then, or there would be no room for others.
        let event_type = if self.rng.u8(..12) == 0 { 2 } else { self.rng.usize(..2) } + 3 * host;
        let lengths = self.event_types[event_type].lengths.clone();
        let length = self.rng.choice(lengths).unwrap();
        let last = NIGHT_TICKS - i64::from(length.count());
        let at = (around + self.rng.i64(-6..=6)).clamp(0, last) / INTERVAL * INTERVAL;
        let mut start = Tick::from_index(night.start().index() + NIGHT_STARTS + at);
        if start.instant() < self.now + TimeDelta::minutes(10) {
            start = Tick::from_index(start.index() + 288);
        }
        Slot { event_type, start, length }
    }

    /// A hold of ours; often the one whose confirmation or release is late.
    fn any_hold(&mut self) -> Option<HoldToken> {
        let late = self.late.as_ref().and_then(|late| token_of(&late.op));
        let late =
            late.filter(|token| self.holds.iter().any(|held| held.as_str() == token.as_str())).cloned();
        match late {
            Some(token) if self.rng.u8(..3) == 0 => Some(token),
            _ => self.rng.choice(&self.holds).cloned(),
        }
    }

    /// A live booking; often the one whose cancellation is late.
    fn any_booking(&mut self) -> Option<BookingId> {
        match self.late.as_ref().map(|late| &late.op) {
            Some(Op::Cancel(_, id)) if self.live.contains_key(id) && self.rng.bool() => Some(id.clone()),
            _ => {
                // A map's order is not the seed's.
                let mut ids: Vec<_> = self.live.keys().cloned().collect();
                ids.sort();
                self.rng.choice(ids)
            }
        }
    }

    fn some_of(&mut self, tokens: &VecDeque<HoldToken>) -> Option<HoldToken> {
        self.rng.choice(tokens).cloned()
    }

    // ---- Doing

    /// Does all of this at once, compares what was answered with what had to be, and looks at the table.
    async fn act(&mut self, ops: Vec<Op>) {
        let before = std::mem::take(&mut self.table);
        let busy_before = self.busy.clone();
        let expected: Vec<_> = ops.iter().map(|op| self.expected(op, &before)).collect();
        let contended: Vec<_> = (0..ops.len()).map(|at| self.is_contended(at, &ops)).collect();
        let hosts: BTreeSet<_> = ops.iter().flat_map(|op| self.hosts(op)).collect();
        self.faulty.store(true, Ordering::Relaxed);
        let outcomes = join_all(ops.iter().map(|op| self.perform(op))).await;
        self.faulty.store(false, Ordering::Relaxed);
        for (op, outcome) in ops.iter().zip(&outcomes) {
            self.story.operations += 1;
            self.story.count(format!("{} {}", verb(op), outcome.word()));
            self.story.note(format!("{} {op:?} -> {}", self.now, outcome.word()));
        }
        for (at, (op, outcome)) in ops.iter().zip(&outcomes).enumerate() {
            let is_right = if contended[at] {
                allowed(op).contains(&outcome.word())
            } else {
                expected[at] == outcome.word()
            };
            assert!(is_right, "{op:?}: expected {} but got {outcome:?}; of {ops:?}", expected[at]);
        }
        let made: Vec<_> =
            ops.iter().zip(&outcomes).filter_map(|(op, outcome)| self.take_note(op, outcome)).collect();
        for booking in &made {
            self.assert_not_over_busy(booking, &busy_before);
        }
        if let ([op], [Outcome::Taken(alternatives)]) = (&ops[..], &outcomes[..]) {
            self.assert_free(op, alternatives, &before);
        }
        let after = self.read(before, &hosts).await;
        self.check(&after);
        // What has expired may be anybody's from now on.
        let (kept, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.holds).into_iter().partition(|token| is_held(token, &after, self));
        self.holds = kept;
        for token in &lost {
            remember(&mut self.gone, token);
        }
        self.table = after;
    }

    async fn perform(&self, op: &Op) -> Outcome {
        match op {
            Op::Hold(caller, slot) => {
                let slug = &self.event_types[slot.event_type].slug;
                let app = &self.callers[*caller].app;
                match hold(app, &self.tenant, slug, slot.start, Some(slot.length)).await {
                    Ok(held) => Outcome::Held(held.token),
                    Err(error) => refused(error),
                }
            }
            Op::Book(caller, slot) => {
                let event_type = self.event_types[slot.event_type].slug.clone();
                let wanted = Wanted::Slot { event_type, start: slot.start, length: Some(slot.length) };
                self.book(*caller, wanted, "words").await
            }
            Op::Confirm(caller, token, notes) => self.book(*caller, Wanted::Held(token.clone()), notes).await,
            Op::Release(caller, token) => {
                match release(&self.callers[*caller].app, &self.tenant, token).await {
                    Ok(()) => Outcome::Done,
                    Err(error) => refused(error),
                }
            }
            Op::Cancel(caller, id) => match cancel(&self.callers[*caller].app, &self.tenant, id).await {
                Ok(booking) => {
                    assert_eq!(booking.status, BookingStatus::Cancelled);
                    Outcome::Booked(Box::new(booking))
                }
                Err(CancelError::UnknownBooking) => Outcome::Unknown,
                Err(error) => panic!("a cancellation failed: {error:?}"),
            },
            Op::Pull(host, day, bits) => {
                self.pull(*host, &[(*day, *bits)]).await.expect("a pull");
                Outcome::Done
            }
        }
    }

    async fn book(&self, caller: usize, wanted: Wanted, notes: &str) -> Outcome {
        let guest = Guest {
            name: "Mary Somerville".to_owned(),
            email: "mary@example.com".to_owned(),
            phone: None,
            time_zone: chrono_tz::UTC,
            locale: None,
        };
        let notes = Some(notes.to_owned());
        let request =
            BookRequest { wanted, guest, answers: None, notes, metadata: None, sync_to_calendar: true };
        match book(&self.callers[caller].app, &self.tenant, &request).await {
            Ok(booked) => Outcome::Booked(Box::new(booked.booking)),
            Err(BookError::SlotTaken(alternatives)) => Outcome::Taken(alternatives),
            Err(BookError::UnknownHold) => Outcome::Unknown,
            Err(BookError::HoldExpired) => Outcome::Expired,
            Err(BookError::HoldUsed) => Outcome::Used,
            Err(error) => panic!("a booking failed: {error:?}"),
        }
    }

    /// What a pull writes: these bits, and that everything has been read just now.
    async fn pull(&self, host: usize, days: &[(Day, DayBits)]) -> Result<(), StoreError> {
        let store = &self.app.app().store;
        let lease = Lease::new(self.now, TimeDelta::minutes(1));
        let before = store.lease_integration(&self.integrations[host], &lease).await?;
        let after = Integration {
            read_ok_at: Some(self.now),
            synced: Some(synced(self.now)),
            last_sync_at: Some(self.now),
            ..before.clone()
        };
        store.commit_pull(PullOutcome { before: &before, after, days }, &lease).await.map(|_| ())
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
        self.live.retain(|_, booking| booking.claimed.iter().any(|claimed| claimed.cells.day >= first));
        self.busy.retain(|(_, day), _| *day >= first);
        self.table = self.read(Table::new(), &BTreeSet::from([0, 1])).await;
        self.check(&self.table);
        self.story.note(format!("{} is the time", self.now));
    }

    // ---- Callers that die

    /// Begins something and lets its caller die when its write has arrived at the table.
    async fn crash(&mut self) {
        // What would be refused never gets as far as a write.
        let mut found = None;
        for _ in 0..10 {
            found = self.choose(1).pop().filter(|op| self.writes(op));
            if found.is_some() {
                break;
            }
        }
        let Some(op) = found else { return };
        let write = match &op {
            Op::Hold(..)
                if self.cells(&op).map(|claimed| claimed.cells.day).collect::<HashSet<_>>().len() == 1 =>
            {
                "UpdateItem"
            }
            _ => "TransactWriteItems",
        };
        let faults = &self.app.local.dynamodb.faults;
        let (mut gate, after) = (faults.gate(write, When::Before), faults.gate(write, When::After));
        let arrived = tokio::select! {
            outcome = self.perform(&op) => panic!("{op:?} wrote nothing: {outcome:?}"),
            () = gate.reached() => gate,
        };
        self.story.operations += 1;
        self.story.count("crash");
        self.story.note(format!("{} crash in {op:?}", self.now));
        self.late = Some(Late { op, before: arrived, after });
        if self.rng.bool() {
            self.land().await;
        }
    }

    /// The write of a caller that is gone is done at last. Its guest comes back and asks again, where there is
    /// something to ask with.
    async fn land(&mut self) {
        let Some(Late { op, before, mut after }) = self.late.take() else { return };
        before.open();
        after.reached().await;
        after.open();
        let landed = self.read(Table::new(), &BTreeSet::from([0, 1])).await;
        let has_landed = std::mem::replace(&mut self.table, landed.clone()) != landed;
        self.story.count(if has_landed { "late write" } else { "late write lost" });
        self.story.note(format!("{} late: {op:?} {has_landed}", self.now));
        if has_landed && matches!(op, Op::Hold(..) | Op::Book(..) | Op::Confirm(..)) {
            let is_busy = self.cells(&op).any(|claimed| self.is_busy(&claimed));
            assert!(!is_busy, "{op:?} landed over time that had become busy before");
        }
        match &op {
            Op::Hold(..) => {
                let numbers: BTreeSet<_> =
                    self.ticks(&op).iter().map(|cell| landed.get(cell).copied()).collect();
                if has_landed {
                    assert_eq!(numbers.len(), 1, "a hold takes all of its cells or none");
                    self.strays.extend(numbers.into_iter().flatten());
                }
                self.check(&landed);
            }
            Op::Release(_, token) => {
                self.holds.retain(|held| held.as_str() != token.as_str());
                self.holds.extend(is_held(token, &landed, self).then(|| token.clone()));
                self.check(&landed);
            }
            Op::Confirm(..) if has_landed => {
                let outcome = self.perform(&op).await;
                assert_eq!(outcome.word(), "ok", "{op:?} has landed");
                self.take_note(&op, &outcome);
                self.check(&landed);
            }
            Op::Confirm(..) | Op::Cancel(..) => self.act(vec![op]).await,
            Op::Book(..) => {
                if has_landed {
                    self.adopt(&op).await;
                }
                self.check(&landed);
            }
            Op::Pull(..) => unreachable!("a pull is not crashed"),
        }
    }

    /// A direct booking whose caller is gone: nobody has its id, so it is looked for.
    async fn adopt(&mut self, op: &Op) {
        let cells: Vec<_> = self.cells(op).collect();
        for item in self.app.local.dynamodb.dump().await.unwrap() {
            let id = item["pk"]["S"].as_str().and_then(|pk| pk.split_once("#B#")).map(|(_, id)| id);
            let id = id.and_then(|id| id.parse::<BookingId>().ok()).filter(|id| !self.live.contains_key(id));
            let Some(id) = id else { continue };
            let stored = self.app.stored(id.as_str()).await;
            if stored.status.holds_cells() && stored.claimed == cells {
                self.live.insert(id, stored);
            }
        }
    }

    // ---- What had to be

    /// The answer when nobody interferes.
    fn expected(&self, op: &Op, table: &Table) -> &'static str {
        match op {
            Op::Hold(caller, _) | Op::Book(caller, _) => {
                let now = self.callers[*caller].now();
                let is_taken = self.cells(op).any(|claimed| self.is_blocked(&claimed, table, now));
                if is_taken { "taken" } else { "ok" }
            }
            Op::Confirm(caller, token, notes) => {
                let is_late = self.callers[*caller].now() >= token.expires_at();
                let replayed = self.used.get(token.as_str()).map(|(said, _)| said == notes);
                match replayed {
                    Some(true) => "ok",
                    Some(false) => "used",
                    None if is_late => "expired",
                    None if !is_held(token, table, self) => "unknown",
                    None if token.claimed().iter().any(|claimed| self.is_busy(claimed)) => "taken",
                    None => "ok",
                }
            }
            Op::Release(_, token) if is_held(token, table, self) => "ok",
            Op::Release(..) => "unknown",
            Op::Cancel(..) | Op::Pull(..) => "ok",
        }
    }

    /// Whether what another one does at the same time may change the answer.
    fn is_contended(&self, at: usize, ops: &[Op]) -> bool {
        let op = &ops[at];
        let mine: HashSet<_> = self.ticks(op).into_iter().collect();
        ops.iter().enumerate().filter(|(other, _)| *other != at).any(|(_, other)| {
            let meets = || self.ticks(other).iter().any(|cell| mine.contains(cell));
            match op {
                Op::Hold(..) | Op::Book(..) => meets(),
                Op::Confirm(_, token, _) | Op::Release(_, token) => {
                    let is_same = token_of(other).is_some_and(|other| other.as_str() == token.as_str());
                    let may_be_taken_over = token.expires_at() <= self.latest;
                    is_same || (meets() && (may_be_taken_over || matches!(other, Op::Pull(..))))
                }
                Op::Cancel(..) | Op::Pull(..) => false,
            }
        })
    }

    /// Whether this is a guest's act that gets as far as a write.
    fn writes(&self, op: &Op) -> bool {
        let is_settled = match op {
            Op::Confirm(_, token, _) => self.used.contains_key(token.as_str()),
            Op::Cancel(_, id) => !self.live.contains_key(id),
            Op::Hold(..) | Op::Book(..) | Op::Release(..) => false,
            Op::Pull(..) => true,
        };
        !is_settled && self.expected(op, &self.table) == "ok"
    }

    /// Changes what is known as the answer says, and gives the booking that it tells of for the first time.
    fn take_note(&mut self, op: &Op, outcome: &Outcome) -> Option<Booking> {
        match (op, outcome) {
            (Op::Hold(..), Outcome::Held(token)) => self.holds.push(token.clone()),
            (Op::Book(..), Outcome::Booked(booking)) => {
                self.live.insert(booking.id.clone(), booking.as_ref().clone());
                return Some(booking.as_ref().clone());
            }
            (Op::Confirm(_, token, notes), Outcome::Booked(booking)) => {
                if let Some((said, id)) = self.used.get(token.as_str()) {
                    assert_eq!((said, id), (notes, &booking.id), "one hold became two bookings");
                    return None;
                }
                self.holds.retain(|held| held.as_str() != token.as_str());
                self.used.insert(token.as_str().to_owned(), (notes, booking.id.clone()));
                remember(&mut self.replays, token);
                self.live.insert(booking.id.clone(), booking.as_ref().clone());
                return Some(booking.as_ref().clone());
            }
            (Op::Release(_, token), Outcome::Done) => {
                self.holds.retain(|held| held.as_str() != token.as_str());
                remember(&mut self.gone, token);
            }
            (Op::Cancel(..), Outcome::Booked(booking)) => {
                self.live.remove(&booking.id);
            }
            (Op::Pull(host, day, bits), Outcome::Done) => {
                self.busy.insert((*host, *day), *bits);
            }
            _ => {}
        }
        None
    }

    // ---- Looking

    /// The cells of these hosts as they are stored, strongly read; those of the others as they were.
    async fn read(&self, mut table: Table, hosts: &BTreeSet<usize>) -> Table {
        table.retain(|(host, _), _| !hosts.contains(host));
        let store = &self.app.app().store;
        let (first, last) = (self.first_day(), Tick::floor(self.now + TimeDelta::days(3)).day());
        for host in hosts {
            let integration = &self.integrations[*host];
            for day in store.days_strong(&self.tenant, &integration.host, first, last).await.unwrap() {
                let bits = self.busy.get(&(*host, day.day)).copied().unwrap_or(DayBits::EMPTY);
                assert_eq!(day.busy_of(&integration.id), bits, "busy bits of {}", day.day);
                for (cell, claim) in day.claims {
                    table.insert((*host, day.day.start().index() + i64::from(cell)), claim);
                }
            }
        }
        table
    }

    /// Every cell has the owner that it should have.
    fn check(&self, table: &Table) {
        let mut owners: HashMap<(usize, i64), &BookingId> = HashMap::new();
        for booking in self.live.values() {
            for cell in booking.claimed.iter().flat_map(|claimed| self.ticks_of(claimed)) {
                let other = owners.insert(cell, &booking.id);
                assert_eq!(other, None, "two bookings own {}", at(cell));
                if Tick::from_index(cell.1).day() >= self.first_day() {
                    assert_eq!(table.get(&cell), Some(&Claim::BOOKED), "{} lost {}", booking.id, at(cell));
                }
            }
        }
        let mut held: HashMap<(usize, i64), Claim> = HashMap::new();
        for token in &self.holds {
            for cell in token.claimed().iter().flat_map(|claimed| self.ticks_of(claimed)) {
                held.insert(cell, token.claim());
                if token.expires_at() > self.latest {
                    assert_eq!(table.get(&cell), Some(&token.claim()), "a hold lost {}", at(cell));
                }
            }
        }
        for (cell, claim) in table {
            if *claim == Claim::BOOKED {
                assert!(owners.contains_key(cell), "{} belongs to no booking", at(*cell));
            } else if claim.is_alive(self.latest) {
                let is_known = held.get(cell) == Some(claim) || self.strays.contains(claim);
                assert!(is_known, "{} is held by nobody", at(*cell));
            }
        }
    }

    /// Nothing was busy under it that was known before and still was afterwards.
    fn assert_not_over_busy(&self, booking: &Booking, before: &HashMap<(usize, Day), DayBits>) {
        for claimed in &booking.claimed {
            let place = (self.host_of(claimed), claimed.cells.day);
            let bits =
                |of: &HashMap<(usize, Day), DayBits>, cell| of.get(&place).is_some_and(|bits| bits.get(cell));
            for cell in claimed.cells.from..claimed.cells.to {
                let was_busy = bits(before, cell) && bits(&self.busy, cell);
                assert!(
                    !was_busy,
                    "{} was confirmed over busy time in cell {cell} of {}",
                    booking.id, place.1
                );
            }
        }
    }

    /// What is offered instead is free.
    fn assert_free(&self, op: &Op, alternatives: &Alternatives, table: &Table) {
        let (caller, slot) = match op {
            Op::Hold(caller, slot) | Op::Book(caller, slot) => (*caller, *slot),
            Op::Confirm(..) | Op::Release(..) | Op::Cancel(..) | Op::Pull(..) => return,
        };
        assert!(!alternatives.0.is_empty(), "nothing is offered instead");
        for span in &alternatives.0 {
            let op = Op::Hold(caller, Slot { start: span.start, ..slot });
            // Later days than are looked at here are not known to this test.
            if span.end.instant() < self.now + TimeDelta::days(3) {
                assert_eq!(self.expected(&op, table), "ok", "{span:?} is offered and not free");
            }
        }
    }

    fn is_blocked(&self, claimed: &Claimed, table: &Table, now: DateTime<Utc>) -> bool {
        let is_taken = |cell: (usize, i64)| table.get(&cell).is_some_and(|claim| claim.is_alive(now));
        self.is_busy(claimed) || self.ticks_of(claimed).into_iter().any(is_taken)
    }

    fn is_busy(&self, claimed: &Claimed) -> bool {
        let bits = self.busy.get(&(self.host_of(claimed), claimed.cells.day));
        bits.is_some_and(|bits| bits.any(claimed.cells.from, claimed.cells.to))
    }

    /// The cells that an operation is about.
    fn cells(&self, op: &Op) -> impl Iterator<Item = Claimed> {
        let claimed = match op {
            Op::Hold(_, slot) | Op::Book(_, slot) => {
                let event_type = &self.event_types[slot.event_type];
                let cells = event_type.claim(slot.start, slot.length).by_day();
                cells.map(|cells| Claimed { host: event_type.host.clone(), cells }).collect()
            }
            Op::Confirm(_, token, _) | Op::Release(_, token) => token.claimed().to_vec(),
            Op::Cancel(_, id) => self.live.get(id).map(|booking| booking.claimed.clone()).unwrap_or_default(),
            Op::Pull(host, day, bits) => {
                let old = self.busy.get(&(*host, *day)).copied().unwrap_or(DayBits::EMPTY);
                let changed = (0..Day::CELLS).filter(|cell| bits.get(*cell) != old.get(*cell));
                let host = &self.integrations[*host].host;
                let one = |cell| Claimed {
                    host: host.clone(),
                    cells: holdfast::domain::Cells { day: *day, from: cell, to: cell + 1 },
                };
                changed.map(one).collect()
            }
        };
        Vec::into_iter(claimed)
    }

    /// The hosts that an operation is about.
    fn hosts(&self, op: &Op) -> Vec<usize> {
        match op {
            Op::Pull(host, ..) => vec![*host],
            op => self.cells(op).map(|claimed| self.host_of(&claimed)).collect(),
        }
    }

    fn ticks(&self, op: &Op) -> Vec<(usize, i64)> {
        self.cells(op).flat_map(|claimed| self.ticks_of(&claimed)).collect()
    }

    fn ticks_of(&self, claimed: &Claimed) -> Vec<(usize, i64)> {
        let (host, span) = (self.host_of(claimed), claimed.cells.span());
        (span.start.index()..span.end.index()).map(|tick| (host, tick)).collect()
    }

    fn host_of(&self, claimed: &Claimed) -> usize {
        HOSTS.iter().position(|host| *host == claimed.host.as_str()).unwrap()
    }

    /// Today: what was before is over.
    fn first_day(&self) -> Day {
        Tick::floor(self.now).day()
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

fn refused(error: HoldError) -> Outcome {
    match error {
        HoldError::SlotTaken(alternatives) => Outcome::Taken(alternatives),
        HoldError::UnknownHold => Outcome::Unknown,
        error => panic!("a hold failed: {error:?}"),
    }
}

fn verb(op: &Op) -> &'static str {
    match op {
        Op::Hold(..) => "hold",
        Op::Book(..) => "book",
        Op::Confirm(..) => "confirm",
        Op::Release(..) => "release",
        Op::Cancel(..) => "cancel",
        Op::Pull(..) => "pull",
    }
}

/// What may be answered when others interfere.
fn allowed(op: &Op) -> &'static [&'static str] {
    match op {
        Op::Hold(..) | Op::Book(..) => &["ok", "taken"],
        Op::Confirm(..) => &["ok", "taken", "unknown", "expired", "used"],
        Op::Release(..) => &["ok", "unknown"],
        Op::Cancel(..) | Op::Pull(..) => &["ok"],
    }
}

fn token_of(op: &Op) -> Option<&HoldToken> {
    match op {
        Op::Confirm(_, token, _) | Op::Release(_, token) => Some(token),
        Op::Hold(..) | Op::Book(..) | Op::Cancel(..) | Op::Pull(..) => None,
    }
}

fn is_held(token: &HoldToken, table: &Table, world: &World) -> bool {
    let mut cells = token.claimed().iter().flat_map(|claimed| world.ticks_of(claimed));
    cells.all(|cell| table.get(&cell) == Some(&token.claim()))
}

/// Keeps the last few.
fn remember(tokens: &mut VecDeque<HoldToken>, token: &HoldToken) {
    tokens.push_back(token.clone());
    if tokens.len() > 20 {
        tokens.pop_front();
    }
}

fn at((host, tick): (usize, i64)) -> String {
    format!("{} of {}", Tick::from_index(tick).instant(), HOSTS[host])
}
