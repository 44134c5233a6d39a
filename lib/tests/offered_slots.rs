//! What is offered, in every zone of the tzdb, against a reference that asks chrono about every 5 minutes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its parts")]

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Offset, TimeDelta, Timelike, Utc};
use holdfast::domain::zone::named::Europe;
use holdfast::domain::{
    Day, DayBits, DayHours, EventType, Hours, Offsets, Refusal, Schedule, Span, Tick, Ticks, TimeOfDay,
    Timeline, Week, Zone, local_days, slots, start_of_local_day,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

fn ticks(count: i64) -> Ticks {
    Ticks::from_minutes(count * 5).unwrap()
}

fn event_type(length: Ticks, interval: Ticks) -> EventType {
    serde_json::from_value(serde_json::json!({
        "slug": "intro", "hosts": ["hst_ada1"], "title": "Intro", "lengths": [length], "interval": interval,
        "window_days": 30, "active": true,
    }))
    .unwrap()
}

/// One question, without the zones in which it is asked.
#[derive(Clone, Debug)]
struct Question {
    /// Picks a date of 2020 to 2035: near a change of the schedule's clocks when there is one, every other time.
    date: u32,
    near_a_change: bool,
    days: u64,
    hours: [DayHours; 3],
    closed_on_the_second_day: bool,
    event_type: EventType,
    /// Now, in seconds from the start of the window.
    now: i64,
    /// Busy time, in ticks from a day before the window.
    busy: Vec<(i64, i64)>,
    /// Ticks left out of what is known, at both ends.
    unknown: (i64, i64),
}

fn day_hours() -> impl Strategy<Value = DayHours> {
    let hours = (0_u16..288, 1_u16..=288).prop_map(|(from, length)| {
        let time = |cell: u16| TimeOfDay::new(cell / 12, cell % 12 * 5).unwrap();
        Hours::new(time(from), time((from + length).min(288))).unwrap()
    });
    prop_oneof![
        1 => Just(DayHours::CLOSED),
        2 => Just(DayHours::from(vec![Hours::ALL_DAY])),
        6 => prop::collection::vec(hours, 1..=3).prop_map(DayHours::from),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let length = 1_i64..=30;
    let interval = prop::sample::select(vec![1_i64, 2, 3, 4, 6, 7, 9, 12, 18, 24, 50]);
    let buffer = || prop_oneof![Just(0_i64), 0_i64..12];
    let kind = (length, interval, buffer(), buffer(), prop_oneof![Just(0_i64), 0_i64..300], 1_u16..5)
        .prop_map(|(length, interval, before, after, notice, window_days)| EventType {
            buffer_before: ticks(before),
            buffer_after: ticks(after),
            notice: ticks(notice),
            window_days,
            ..event_type(ticks(length), ticks(interval))
        });
    let when = (any::<u32>(), any::<bool>(), 1_u64..=3, any::<bool>(), -100_000_i64..50_000);
    let hours = [day_hours(), day_hours(), day_hours()];
    let busy = prop::collection::vec((0_i64..1400, 0_i64..60), 0..6);
    let unknown = (prop_oneof![Just(0_i64), 0_i64..500], prop_oneof![Just(0_i64), 0_i64..500]);
    (when, hours, kind, busy, unknown).prop_map(|(when, hours, event_type, busy, unknown)| {
        let (date, near_a_change, days, closed_on_the_second_day, now) = when;
        Question {
            date,
            near_a_change,
            days,
            hours,
            closed_on_the_second_day,
            event_type,
            now,
            busy,
            unknown,
        }
    })
}

/// The question as it is asked of a schedule in one zone for a guest in another.
struct Asked {
    schedule: Schedule,
    event_type: EventType,
    length: Ticks,
    guest: Zone,
    dates: std::ops::Range<NaiveDate>,
    window: Span,
    now: DateTime<Utc>,
    known: Span,
    busy: Vec<Span>,
    blocked: Timeline,
}

impl Asked {
    fn new(question: &Question, zone: Zone, guest: Zone) -> Self {
        let date = question.date_in(zone);
        let dates = date..date + chrono::Days::new(question.days);
        let window = local_days(guest, dates.start, dates.end);
        let [weekday, saturday, sunday] = question.hours.clone();
        let weekly = Week { sat: saturday, sun: sunday, ..Week::every_day(&weekday) };
        let closed =
            question.closed_on_the_second_day.then(|| (date + chrono::Days::new(1), DayHours::CLOSED));
        let from = window.start - ticks(288);
        let known =
            Span::new(from + ticks(question.unknown.0), window.end + ticks(288) - ticks(question.unknown.1));
        let busy: Vec<_> = question
            .busy
            .iter()
            .map(|(start, length)| Span::new(from + ticks(*start), from + ticks(start + length)))
            .collect();
        let mut blocked = Timeline::over(known);
        for (index, span) in busy.iter().enumerate() {
            if index % 2 == 0 {
                blocked.block(*span);
            } else {
                for cells in span.by_day() {
                    let mut bits = DayBits::EMPTY;
                    bits.set(cells.from, cells.to);
                    blocked.block_day(cells.day, &bits);
                }
            }
        }
        Self {
            schedule: Schedule { zone, weekly, overrides: closed.into_iter().collect() },
            event_type: question.event_type.clone(),
            length: question.event_type.length(None).unwrap(),
            guest,
            dates,
            window,
            now: window.start.instant() + TimeDelta::seconds(question.now),
            known,
            busy,
            blocked,
        }
    }

    fn starts(&self, window: Span) -> Vec<Tick> {
        slots::starts(&self.schedule, &self.event_type, self.length, self.now, &self.blocked, window)
    }

    fn offered(&self, start: Tick) -> Result<(), Refusal> {
        slots::offered(&self.schedule, &self.event_type, self.length, self.now, &self.blocked, start)
    }

    /// The hours in which the schedule's wall clock lies at this instant, asked of chrono.
    fn hours_at(&self, tick: Tick) -> Option<(u16, Hours)> {
        let local = tick.instant().with_timezone(&self.schedule.zone);
        let clock = u16::try_from(local.hour() * 60 + local.minute()).unwrap();
        let mut hours = self.schedule.hours_on(local.date_naive()).iter();
        hours
            .find(|hours| (hours.from().minutes()..hours.to().minutes()).contains(&clock))
            .map(|hours| (clock, hours))
    }

    /// Why chrono, asked about every 5 minutes, would not offer this start.
    fn reference(&self, start: Tick) -> Result<(), Refusal> {
        let instant = start.instant();
        if instant < self.now + self.event_type.notice.duration() {
            return Err(Refusal::TooSoon);
        }
        if instant >= self.now + TimeDelta::days(i64::from(self.event_type.window_days)) {
            return Err(Refusal::TooLate);
        }
        let interval = u16::try_from(self.event_type.interval.minutes()).unwrap();
        let counted = self
            .hours_at(start)
            .is_some_and(|(clock, hours)| (clock - hours.from().minutes()) % interval == 0);
        let every = |from: Tick, length: Ticks| (0..length.count()).map(move |n| from + ticks(i64::from(n)));
        if !counted || every(start, self.length).any(|tick| self.hours_at(tick).is_none()) {
            return Err(Refusal::NotOffered);
        }
        let claim = self.event_type.occupied_span(start, self.length);
        let free = self.known.contains(claim) && !self.busy.iter().any(|busy| busy.overlaps(claim));
        if free { Ok(()) } else { Err(Refusal::Taken) }
    }

    fn check(&self) {
        let starts = self.starts(self.window);
        let all: Vec<_> =
            (self.window.start.index()..self.window.end.index()).map(Tick::from_index).collect();
        // The reference offers the same, and refuses the rest for the same reasons.
        for tick in &all {
            assert_eq!(self.offered(*tick), self.reference(*tick), "{}", tick.instant());
        }
        let expected: Vec<_> = all.iter().copied().filter(|tick| self.offered(*tick).is_ok()).collect();
        assert_eq!(starts, expected);
        // A narrower window offers the same starts, fewer of them.
        let third = ticks(i64::from(self.window.len().count() / 3));
        let inner = Span::new(self.window.start + third, self.window.end - third);
        let within: Vec<_> =
            starts.iter().copied().filter(|start| inner.start <= *start && *start < inner.end).collect();
        assert_eq!(self.starts(inner), within);
        self.check_days(&starts);
        self.check_open();
    }

    fn check_days(&self, starts: &[Tick]) {
        let offsets = Offsets::over(self.guest, self.window);
        let runs = slots::local_runs(starts, &offsets);
        assert!(runs.is_sorted_by(|before, after| before.date <= after.date));
        for run in &runs {
            let local = |tick: Tick| tick.instant().with_timezone(&self.guest);
            assert!(self.dates.contains(&run.date.date()), "{} was not asked for", run.date);
            assert!(!run.starts.is_empty());
            for start in run.starts {
                let local = local(*start);
                assert_eq!((local.date_naive(), *start < run.until), (run.date.date(), true));
                assert_eq!(local.offset().fix().local_minus_utc(), run.offset_seconds);
            }
            let after = local(run.until);
            let differs = after.date_naive() != run.date.date()
                || after.offset().fix().local_minus_utc() != run.offset_seconds;
            assert!(differs || run.until > self.window.end, "{after} belongs to the run before it");
        }
        let regrouped: Vec<_> = runs.iter().flat_map(|run| run.starts).copied().collect();
        assert_eq!(regrouped, starts);
    }

    fn check_open(&self) {
        let open = self.schedule.open(self.window);
        assert!(open.is_sorted_by(|before, after| before.end < after.start), "{open:?}");
        for index in self.window.start.index()..self.window.end.index() {
            let tick = Tick::from_index(index);
            let inside = open.iter().any(|span| span.start <= tick && tick < span.end);
            assert_eq!(inside, self.hours_at(tick).is_some(), "{}", tick.instant());
        }
    }
}

impl Question {
    fn date_in(&self, zone: Zone) -> NaiveDate {
        let first = NaiveDate::from_ymd_opt(2020, 1, 2).unwrap();
        let any = first + chrono::Days::new(u64::from(self.date % 5_800));
        if !self.near_a_change {
            return any;
        }
        // The next change of this zone's clocks, from there and within a year; the window begins 0 to 2 days before.
        let offset =
            |date: NaiveDate| Offsets::over(zone, Day::from(date).span()).at(Day::from(date).start());
        let change =
            any.iter_days().take(366).find(|date| offset(*date) != offset(*date + chrono::Days::new(1)));
        change.map_or(any, |date| date - chrono::Days::new(u64::from(self.date / 5_800 % 3)))
    }
}

/// Asks so many random questions of every zone, paired with another at random; the same ones in every run.
fn in_every_zone(questions: u32, check: impl Fn(&Question, Zone, Zone)) {
    let asked = (question(), prop::sample::select(Zone::all().collect::<Vec<_>>()));
    for (zone, number) in Zone::all().zip(0_u64..) {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let config = Config { cases: questions, failure_persistence: None, ..Config::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let result = TestRunner::new_with_rng(config, rng).run(&asked, |(question, other)| {
            check(&question, zone, other);
            Ok(())
        });
        if let Err(failure) = result {
            panic!("{zone}: {failure}");
        }
    }
}

#[test]
fn every_zone_offers_what_a_reference_tick_by_tick_offers() {
    in_every_zone(8, |question, zone, other| Asked::new(question, zone, other).check());
}

#[test]
fn no_slot_leaves_the_days_that_a_guest_of_any_zone_asked_for() {
    in_every_zone(16, |question, guest, zone| {
        let asked = Asked::new(question, zone, guest);
        asked.check_days(&asked.starts(asked.window));
    });
}

/// The shape that the bench times: 30 days in London, a change of the clocks among them, 50 busy times.
#[test]
fn thirty_days_in_london_with_fifty_busy_times_agree_with_the_reference() {
    let (from, to) = ("2027-03-15".parse().unwrap(), "2027-04-14".parse().unwrap());
    let nine_to_five = Hours::new("09:00".parse().unwrap(), "17:00".parse().unwrap()).unwrap();
    let london = Zone::from(Europe::London);
    let window = local_days(london, from, to);
    // Half an hour to an hour and a half, at times that a multiplication scatters over the month.
    let busy = |n: i64| {
        let start = window.start + ticks(n * 5_003 % i64::from(window.len().count() - 18));
        Span::new(start, start + ticks(6 + n * 7 % 13))
    };
    let mut asked = Asked {
        schedule: Schedule {
            zone: london,
            weekly: Week::every_day(&vec![nine_to_five].into()),
            overrides: BTreeMap::new(),
        },
        event_type: event_type(ticks(6), ticks(3)),
        length: ticks(6),
        guest: london,
        dates: from..to,
        window,
        now: start_of_local_day(london, from),
        known: window,
        busy: Vec::new(),
        blocked: Timeline::over(window),
    };
    assert_eq!(asked.starts(window).len(), 30 * 31);
    asked.busy = (0..50).map(busy).collect();
    for busy in &asked.busy {
        asked.blocked.block(*busy);
    }
    asked.check();
    let starts = asked.starts(window);
    assert!((650..850).contains(&starts.len()), "{}", starts.len());
    let runs = slots::local_runs(&starts, &Offsets::over(asked.guest, window));
    assert_eq!(runs.len(), 30);
}
