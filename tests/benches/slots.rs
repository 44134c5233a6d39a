//! Free slots of thirty days, and their JSON: as anyone would write them with chrono and `serde_json`, and as
//! Holdfast does. Both begin with dates and busy times, each in its own types, and end with the same bytes. Times are
//! the CPU's.
#![expect(clippy::expect_used, reason = "a bench that finds something else than it says is to stop")]

mod input;

use std::hint::black_box;

use chrono::{DateTime, Utc};
use chrono_tz::Europe;
use criterion::{Criterion, criterion_group, criterion_main};
use holdfast::domain::slots::starts;
use holdfast::domain::{EventType, Schedule, Span, Tick, Ticks, Timeline, local_days};
use holdfast::flows::Listing;
use holdfast::http::listing;
use serde_json::{from_value, json};

use crate::input::{Input, ThreadTime};

/// The plain way.
#[expect(clippy::disallowed_types, reason = "what anyone would write with chrono-tz")]
mod plain {
    use std::collections::BTreeMap;

    use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
    use chrono_tz::Tz;
    use serde::Serialize;

    #[derive(Debug)]
    pub(crate) struct Question {
        pub(crate) host: Tz,
        pub(crate) guest: Tz,
        pub(crate) from: NaiveDate,
        pub(crate) to: NaiveDate,
        pub(crate) open: NaiveTime,
        pub(crate) close: NaiveTime,
        pub(crate) length: TimeDelta,
        pub(crate) interval: TimeDelta,
        pub(crate) busy: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    }

    /// Day by day on the host's clock, each start against what is busy that day.
    pub(crate) fn compute(question: &Question) -> Vec<DateTime<Utc>> {
        let mut starts = Vec::new();
        for date in question.from.iter_days().take_while(|date| *date < question.to) {
            let at = |time| date.and_time(time).and_local_timezone(question.host).earliest();
            let (Some(open), Some(close)) = (at(question.open), at(question.close)) else { continue };
            let busy: Vec<_> =
                question.busy.iter().filter(|(from, to)| *from < close && open < *to).collect();
            let mut start = open;
            while start + question.length <= close {
                let end = start + question.length;
                if !busy.iter().any(|(from, to)| *from < end && start < *to) {
                    starts.push(start.to_utc());
                }
                start += question.interval;
            }
        }
        starts
    }

    #[derive(Debug, Serialize)]
    struct Body {
        time_zone: String,
        days: Vec<Day>,
    }

    #[derive(Debug, Serialize)]
    struct Day {
        date: NaiveDate,
        slots: Vec<Slot>,
    }

    #[derive(Debug, Serialize)]
    struct Slot {
        start: String,
        end: String,
    }

    pub(crate) fn write(starts: &[DateTime<Utc>], question: &Question) -> Vec<u8> {
        let mut days: BTreeMap<NaiveDate, Vec<Slot>> = BTreeMap::new();
        for start in starts {
            let start = start.with_timezone(&question.guest);
            let end = start + question.length;
            let slot = Slot { start: start.to_rfc3339(), end: end.to_rfc3339() };
            days.entry(start.date_naive()).or_default().push(slot);
        }
        let days = days.into_iter().map(|(date, slots)| Day { date, slots }).collect();
        serde_json::to_vec(&Body { time_zone: question.guest.to_string(), days }).expect("JSON")
    }
}

/// Ours, with the same question.
struct Ours<'a> {
    input: &'a Input,
    schedule: Schedule,
    event_type: EventType,
    length: Ticks,
    now: DateTime<Utc>,
    busy: Vec<Span>,
}

impl<'a> Ours<'a> {
    fn new(input: &'a Input) -> Self {
        let event_type: EventType = from_value(json!({
            "slug": "intro", "hosts": ["hst_bench1"], "title": "Intro", "lengths": [input.slot_min],
            "interval": input.interval_min, "window_days": input.window_days(), "active": true,
        }))
        .expect("an event type");
        Self {
            input,
            schedule: from_value(input.schedule()).expect("a schedule"),
            length: event_type.length(None).expect("a length"),
            event_type,
            now: input.now(),
            busy: input.busy().into_iter().map(|(from, to)| Span::outward(from, to)).collect(),
        }
    }

    fn compute(&self) -> Vec<Tick> {
        let window = local_days(self.input.guest, self.input.start, self.input.end());
        let mut blocked = Timeline::over(window);
        for busy in &self.busy {
            blocked.block(*busy);
        }
        starts(&self.schedule, &self.event_type, self.length, self.now, &blocked, window)
    }

    fn listing(&self, starts: Vec<Tick>) -> Listing {
        Listing { zone: self.input.guest, starts, length: self.length, reason: None }
    }
}

fn slots_and_json(c: &mut Criterion<ThreadTime>) {
    let input = Input::read();
    let ours = Ours::new(&input);
    let question = plain::Question {
        host: Europe::London,
        guest: input.guest.name().parse().expect("a zone"),
        from: input.start,
        to: input.end(),
        open: input.open.parse().expect("a time"),
        close: input.close.parse().expect("a time"),
        length: ours.length.duration(),
        interval: ours.event_type.interval.duration(),
        busy: input.busy(),
    };
    let plain_starts = plain::compute(&question);
    let our_listing = ours.listing(ours.compute());
    input.check(plain_starts.iter().copied());
    input.check(our_listing.starts.iter().map(|start| start.instant()));
    assert_eq!(plain::write(&plain_starts, &question), listing::json(&our_listing));

    let mut group = c.benchmark_group("compute");
    group.bench_function("plain", |b| b.iter(|| plain::compute(black_box(&question))));
    group.bench_function("holdfast", |b| b.iter(|| black_box(&ours).compute()));
    group.finish();
    let mut group = c.benchmark_group("write");
    group.bench_function("plain", |b| b.iter(|| plain::write(black_box(&plain_starts), &question)));
    group.bench_function("holdfast", |b| b.iter(|| listing::json(black_box(&our_listing))));
    group.finish();
    let mut group = c.benchmark_group("both");
    group.bench_function("plain", |b| {
        b.iter(|| plain::write(&plain::compute(black_box(&question)), &question));
    });
    group.bench_function("holdfast", |b| b.iter(|| listing::json(&ours.listing(black_box(&ours).compute()))));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ThreadTime);
    targets = slots_and_json
}
criterion_main!(benches);
