//! Which starts are offered: within the host's hours, soon and late enough, on the interval, and free.
//!
//! Unknown is busy: a [`Timeline`] is blocked wherever nobody said that it is free, so a day that
//! was not read can be neither offered nor held.
//!
//! Starts lie on the wall clock at the hours' own beginning plus whole intervals: hours from 09:00 with an
//! interval of 45 minutes offer 09:00, 09:45, 10:30 on every such date, whatever window is asked for, whatever
//! is busy, and however the clocks were changed that night. Hours that touch (a day's two, or two days' at
//! midnight) each count from their own beginning, but a slot may run from one into the next. Where an old
//! offset has seconds, such a start lies off the grid and the next tick stands for it.

use chrono::{DateTime, Utc};

use super::offsets::{DAY_SECONDS, day_from_index, tick_from, tick_until};
use super::schedule::{Stretch, pieces};
use super::{Day, EventType, Offsets, Schedule, Span, Tick, Ticks, Timeline};

/// Why a start is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Sooner than the notice allows, or past.
    #[error("starts too soon")]
    TooSoon,
    /// Beyond the booking window.
    #[error("starts too far ahead")]
    TooLate,
    /// Not within the hours, or between two starts of the interval.
    #[error("is not a time that is offered")]
    NotOffered,
    /// Something else is there, or nobody knows that nothing is.
    #[error("is taken")]
    Taken,
}

/// Every start offered within `window`, ascending. The slot may end after the window.
///
/// A `length` of nothing is never offered. Whether the event type is active, and whether it has this length, is
/// the caller's question.
///
/// ```
/// use holdfast::domain::{Day, EventType, Offsets, Schedule, Span, Tick, Timeline, slots};
/// use serde_json::{from_value, json};
///
/// let schedule: Schedule = from_value(json!({
///     "zone": "Europe/London", "weekly": {"sun": [{"from": "00:00", "to": "03:00"}]},
/// })).unwrap();
/// let event_type: EventType = from_value(json!({
///     "slug": "intro", "hosts": ["hst_ada1"], "title": "Intro", "lengths": [60], "interval": 45,
///     "window_days": 30, "active": true,
/// })).unwrap();
/// let length = event_type.length(None).unwrap();
/// // On this Sunday London's clocks go from 01:00 to 02:00: 00:45 and 02:15 are half an hour apart, and
/// // a slot of an hour from 00:45 ends at 02:45.
/// let gap: Day = "2027-03-28".parse().unwrap();
/// let now = gap.start().instant();
/// let offered = |from: Tick| {
///     let window = Span::new(from, gap.span().end);
///     let starts = slots::starts(&schedule, &event_type, length, now, &Timeline::over(gap.span()), window);
///     let clock = Offsets::over(schedule.zone, gap.span());
///     let slot = |start: &Tick| format!("{} {}", clock.local(*start), clock.local(*start + length));
///     starts.iter().map(slot).collect::<Vec<_>>()
/// };
/// assert_eq!(offered(gap.start()), [
///     "2027-03-28T00:00:00+00:00 2027-03-28T02:00:00+01:00",
///     "2027-03-28T00:45:00+00:00 2027-03-28T02:45:00+01:00",
/// ]);
/// // A window that begins later does not move the starts.
/// let half_past = Tick::exact("2027-03-28T00:30:00Z".parse().unwrap()).unwrap();
/// assert_eq!(offered(half_past), ["2027-03-28T00:45:00+00:00 2027-03-28T02:45:00+01:00"]);
/// ```
pub fn starts(
    schedule: &Schedule,
    event_type: &EventType,
    length: Ticks,
    now: DateTime<Utc>,
    blocked: &Timeline,
    window: Span,
) -> Vec<Tick> {
    let allowed = window.intersect(event_type.bookable(now)).intersect(blocked.span());
    let mut starts = Vec::new();
    if allowed.is_empty() || length == Ticks::ZERO {
        return starts;
    }
    // Up to this tick, from the beginning of any claim still to come, nothing is blocked.
    let mut clear_to = allowed.start - event_type.buffer_before;
    let stretches = schedule.stretches(Span::new(allowed.start, allowed.end + length));
    for piece in pieces(&stretches) {
        // A slot that starts before this tick ends within the piece.
        let last = tick_until(piece.to) - length + Ticks::ONE;
        for stretch in piece.stretches {
            let counted = Counted::new(stretch, event_type);
            let limit = tick_from(stretch.to).min(allowed.end).min(last);
            let mut start = counted.next(tick_from(stretch.from));
            while start < limit {
                let claim = event_type.occupied_span(start, length);
                if claim.end > clear_to {
                    clear_to = blocked.next_blocked(claim.start);
                    if clear_to < claim.end {
                        let Some(free) = blocked.next_free(clear_to) else { return starts };
                        start = counted.next(free + event_type.buffer_before);
                        continue;
                    }
                }
                starts.push(start);
                start = start + counted.interval;
            }
        }
    }
    starts
}

/// Whether this one start is offered: `Ok` exactly when [`starts`] has it for a window that contains it.
///
/// ```
/// use holdfast::domain::{Day, EventType, Refusal, Schedule, Tick, Timeline, slots};
/// use serde_json::{from_value, json};
///
/// let schedule: Schedule = from_value(json!({
///     "zone": "Asia/Kolkata", "weekly": {"mon": [{"from": "09:00", "to": "17:00"}]},
/// })).unwrap();
/// let event_type: EventType = from_value(json!({
///     "slug": "intro", "hosts": ["hst_ada1"], "title": "Intro", "lengths": [30], "interval": 30,
///     "notice": 60, "window_days": 30, "active": true,
/// })).unwrap();
/// let length = event_type.length(None).unwrap();
/// let monday: Day = "2027-03-15".parse().unwrap();
/// let known = Timeline::over(monday.span());
/// let offered = |start: &str| {
///     let start = Tick::exact(start.parse().unwrap()).unwrap();
///     slots::offered(&schedule, &event_type, length, monday.start().instant(), &known, start)
/// };
/// assert_eq!(offered("2027-03-15T10:00:00+05:30"), Ok(()));
/// assert_eq!(offered("2027-03-15T10:15:00+05:30"), Err(Refusal::NotOffered));
/// // UTC's midnight is 05:30 in Kolkata: an hour's notice from then ends at 06:30, before the day's hours.
/// assert_eq!(offered("2027-03-15T06:00:00+05:30"), Err(Refusal::TooSoon));
/// assert_eq!(offered("2027-03-15T06:30:00+05:30"), Err(Refusal::NotOffered));
/// // Next Monday is within the hours, but nobody said that it is free.
/// assert_eq!(offered("2027-03-22T10:00:00+05:30"), Err(Refusal::Taken));
/// ```
pub fn offered(
    schedule: &Schedule,
    event_type: &EventType,
    length: Ticks,
    now: DateTime<Utc>,
    blocked: &Timeline,
    start: Tick,
) -> Result<(), Refusal> {
    let bookable = event_type.bookable(now);
    if start < bookable.start {
        return Err(Refusal::TooSoon);
    }
    if start >= bookable.end {
        return Err(Refusal::TooLate);
    }
    let slot = Span::new(start, start + length);
    let stretches = schedule.stretches(slot);
    let within_hours = pieces(&stretches).next().is_some_and(|piece| {
        piece.from == slot.start.epoch_seconds() && piece.to == slot.end.epoch_seconds()
    });
    let on_interval =
        stretches.first().is_some_and(|stretch| Counted::new(stretch, event_type).next(start) == start);
    if !within_hours || !on_interval {
        return Err(Refusal::NotOffered);
    }
    if blocked.is_blocked(event_type.occupied_span(start, length)) { Err(Refusal::Taken) } else { Ok(()) }
}

/// The starts of one stretch: its anchor and every interval from there.
#[derive(Clone, Copy, Debug)]
struct Counted {
    anchor: Tick,
    interval: Ticks,
}

impl Counted {
    fn new(stretch: &Stretch, event_type: &EventType) -> Self {
        // An interval of nothing is refused where event types are written; here it must only not loop.
        Self { anchor: tick_from(stretch.anchor), interval: event_type.interval.max(Ticks::ONE) }
    }

    /// The first start at or after this tick.
    fn next(self, from: Tick) -> Tick {
        let interval = i64::from(self.interval.count());
        Tick::from_index(from.index() + (self.anchor.index() - from.index()).rem_euclid(interval))
    }
}

/// Starts that share a date and an offset: from one to the next only the hands of the guest's clock move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalRun<'a> {
    /// The date, on the guest's calendar, on which they start.
    pub date: Day,
    /// Seconds that the guest's clocks are ahead of UTC.
    pub offset_seconds: i32,
    /// The first tick with another date or another offset.
    pub until: Tick,
    /// In order of time; at least one.
    pub starts: &'a [Tick],
}

/// Cuts ascending starts where the guest's date or offset changes, and puts them in the order of their dates.
///
/// ```
/// use holdfast::domain::zone::named::{America, Europe, Pacific};
/// use holdfast::domain::{Offsets, Span, Tick, Zone, slots};
///
/// let dates = |zone: Zone, starts: [&str; 2]| {
///     let starts = starts.map(|text| Tick::floor(text.parse().unwrap()));
///     let offsets = Offsets::over(zone, Span::new(starts[0], starts[1]));
///     let runs = slots::local_runs(&starts, &offsets);
///     runs.iter().map(|run| format!("{} {}", run.date, run.offset_seconds / 3600)).collect::<Vec<_>>()
/// };
/// // One morning in Sao Paulo is two days in Auckland.
/// let morning = ["2027-03-15T10:30:00Z", "2027-03-15T11:00:00Z"];
/// assert_eq!(dates(America::Sao_Paulo.into(), morning), ["2027-03-15 -3"]);
/// assert_eq!(dates(Pacific::Auckland.into(), morning), ["2027-03-15 13", "2027-03-16 13"]);
/// // London's clocks go forward on that morning.
/// let gap = ["2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z"];
/// assert_eq!(dates(Europe::London.into(), gap), ["2027-03-28 0", "2027-03-28 1"]);
/// ```
pub fn local_runs<'a>(starts: &'a [Tick], offsets: &Offsets) -> Vec<LocalRun<'a>> {
    let mut runs = Vec::new();
    let mut rest = starts;
    for segment in offsets.segments() {
        while let Some(first) = rest.first().filter(|first| first.epoch_seconds() < segment.until) {
            let index = (first.epoch_seconds() + segment.offset).div_euclid(DAY_SECONDS);
            let until = tick_from(segment.until.min((index + 1) * DAY_SECONDS - segment.offset));
            let together = rest.iter().take_while(|start| **start < until).count();
            let (starts, later) = rest.split_at(together);
            let offset_seconds = offsets.at(*first);
            runs.push(LocalRun { date: day_from_index(index), offset_seconds, until, starts });
            rest = later;
        }
    }
    // Almost always so already. St John's went from 00:01 back to 23:01 until 2011: a date was left and came again.
    runs.sort_by_key(|run| run.date);
    runs
}

/// The `n` starts nearest to the one wanted, ascending; of two equally near the later is taken.
///
/// ```
/// use holdfast::domain::{Tick, slots::nearest};
///
/// let starts = [0, 10, 20, 30].map(Tick::from_index);
/// assert_eq!(nearest(&starts, Tick::from_index(15), 1), [Tick::from_index(20)]);
/// assert_eq!(nearest(&starts, Tick::from_index(14), 2), [Tick::from_index(10), Tick::from_index(20)]);
/// ```
pub fn nearest(starts: &[Tick], wanted: Tick, n: usize) -> Vec<Tick> {
    let distance = |start: &Tick| start.index().abs_diff(wanted.index());
    let first_after = starts.partition_point(|start| *start < wanted);
    let (mut from, mut to) = (first_after, first_after);
    while to - from < n {
        let earlier = from.checked_sub(1).and_then(|index| starts.get(index));
        match (earlier, starts.get(to)) {
            (Some(earlier), Some(later)) if distance(earlier) < distance(later) => from -= 1,
            (_, Some(_)) => to += 1,
            (Some(_), None) => from -= 1,
            (None, None) => break,
        }
    }
    starts.get(from..to).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use chrono::NaiveDate;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::zone::named::{Africa, America, Asia, Australia, Europe, Pacific};
    use crate::domain::{DayHours, Hours, Week, Zone, local_days};

    fn minutes(minutes: i64) -> Ticks {
        Ticks::from_minutes(minutes).unwrap()
    }

    fn tick(text: &str) -> Tick {
        Tick::exact(text.parse().unwrap()).unwrap()
    }

    fn every_day(zone: impl Into<Zone>, hours: &str) -> Schedule {
        let read = |hours: &str| {
            let (from, to) = hours.split_once('-').unwrap();
            Hours::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
        };
        let hours: DayHours = hours.split_whitespace().map(read).collect::<Vec<_>>().into();
        Schedule { zone: zone.into(), weekly: Week::every_day(&hours), overrides: BTreeMap::new() }
    }

    fn every(interval: i64, length: i64) -> EventType {
        serde_json::from_value(serde_json::json!({
            "slug": "intro", "hosts": ["hst_ada1"], "title": "Intro", "lengths": [length], "interval": interval,
            "window_days": 30, "active": true,
        }))
        .unwrap()
    }

    /// The starts of a local date with nothing blocked, on the wall clock of the schedule's zone.
    fn clocks(schedule: &Schedule, event_type: &EventType, date: &str) -> Vec<String> {
        let date: NaiveDate = date.parse().unwrap();
        let window = local_days(schedule.zone, date, date.succ_opt().unwrap());
        let blocked = Timeline::over(Span::new(window.start - minutes(1440), window.end + minutes(1440)));
        let length = event_type.length(None).unwrap();
        let now = window.start.instant();
        let starts = starts(schedule, event_type, length, now, &blocked, window);
        let offsets = Offsets::over(schedule.zone, window);
        starts.iter().map(|start| offsets.local(*start).to_string().get(11..16).unwrap().to_owned()).collect()
    }

    #[test]
    fn starts_keep_their_clock_times_through_a_gap_and_a_fold() {
        let london = every_day(Europe::London, "00:00-05:00");
        assert_eq!(clocks(&london, &every(90, 30), "2027-03-27"), ["00:00", "01:30", "03:00", "04:30"]);
        // 01:00 to 02:00 is skipped, then repeated.
        assert_eq!(clocks(&london, &every(90, 30), "2027-03-28"), ["00:00", "03:00", "04:30"]);
        assert_eq!(
            clocks(&london, &every(90, 30), "2027-10-31"),
            ["00:00", "01:30", "01:30", "03:00", "04:30"]
        );
        // Cairo has no 00:00 on this day, and hours from midnight begin an hour in.
        let cairo = every_day(Africa::Cairo, "00:00-04:00");
        assert_eq!(clocks(&cairo, &every(60, 60), "2027-04-30"), ["01:00", "02:00", "03:00"]);
        // Lord Howe skips 02:00 to 02:30.
        let lord_howe = every_day(Australia::Lord_Howe, "01:00-05:00");
        assert_eq!(clocks(&lord_howe, &every(60, 60), "2027-10-03"), ["01:00", "03:00", "04:00"]);
        assert_eq!(clocks(&lord_howe, &every(60, 60), "2027-04-04"), ["01:00", "02:00", "03:00", "04:00"]);
        let kolkata = every_day(Asia::Kolkata, "09:00-11:00");
        assert_eq!(clocks(&kolkata, &every(45, 30), "2027-03-28"), ["09:00", "09:45", "10:30"]);
    }

    #[test]
    fn a_slot_must_end_where_the_clock_still_reads_within_the_hours() {
        // The first 01:30 ends at 02:00, which is 01:00 again, and the hours begin at 01:30.
        let london = every_day(Europe::London, "01:30-03:00");
        assert_eq!(clocks(&london, &every(30, 60), "2027-10-31"), ["01:30", "02:00"]);
        assert_eq!(clocks(&london, &every(30, 30), "2027-10-31"), ["01:30", "01:30", "02:00", "02:30"]);
    }

    #[test]
    fn hours_that_touch_each_count_from_their_own_beginning() {
        let schedule = every_day(America::New_York, "09:00-10:10 10:10-11:30");
        // The slot of 10:00 runs into the second hours.
        assert_eq!(
            clocks(&schedule, &every(30, 30), "2027-05-03"),
            ["09:00", "09:30", "10:00", "10:10", "10:40"]
        );
        let around_the_clock = every_day(America::New_York, "00:00-24:00");
        let starts = clocks(&around_the_clock, &every(420, 300), "2027-05-03");
        assert_eq!(starts, ["00:00", "07:00", "14:00", "21:00"]);
        assert_eq!(clocks(&around_the_clock, &every(420, 300), "2027-05-04"), starts);
    }

    #[test]
    fn the_last_days_before_a_skipped_date_are_offered_and_the_date_is_not() {
        let apia = every_day(Pacific::Apia, "22:00-24:00 00:00-02:00");
        assert_eq!(clocks(&apia, &every(60, 60), "2011-12-29"), ["00:00", "01:00", "22:00", "23:00"]);
        assert!(clocks(&apia, &every(60, 60), "2011-12-30").is_empty());
        assert_eq!(clocks(&apia, &every(60, 60), "2011-12-31"), ["00:00", "01:00", "22:00", "23:00"]);
        // Its last change of the clocks: from 04:00 back to 03:00.
        let night = every_day(Pacific::Apia, "02:00-05:00");
        assert_eq!(clocks(&night, &every(60, 60), "2021-04-04"), ["02:00", "03:00", "03:00", "04:00"]);
    }

    #[test]
    fn buffers_may_lie_outside_the_hours_but_not_on_anything_blocked() {
        let schedule = every_day(Europe::London, "09:00-11:00");
        let event_type = EventType { buffer_before: minutes(15), buffer_after: minutes(30), ..every(30, 30) };
        let day: Day = "2027-03-15".parse().unwrap();
        let offered = |busy: &[(&str, &str)]| {
            let mut blocked = Timeline::over(day.span());
            for (from, to) in busy {
                blocked.block(Span::new(tick(from), tick(to)));
            }
            let starts =
                starts(&schedule, &event_type, minutes(30), day.start().instant(), &blocked, day.span());
            starts.iter().map(|start| start.instant().format("%H:%M").to_string()).collect::<Vec<_>>()
        };
        assert_eq!(offered(&[]), ["09:00", "09:30", "10:00", "10:30"]);
        assert_eq!(
            offered(&[("2027-03-15T08:40:00Z", "2027-03-15T08:45:00Z")]),
            ["09:00", "09:30", "10:00", "10:30"]
        );
        assert_eq!(offered(&[("2027-03-15T08:40:00Z", "2027-03-15T08:50:00Z")]), ["09:30", "10:00", "10:30"]);
        assert_eq!(offered(&[("2027-03-15T11:25:00Z", "2027-03-15T12:00:00Z")]), ["09:00", "09:30", "10:00"]);
        assert_eq!(offered(&[("2027-03-15T09:55:00Z", "2027-03-15T10:00:00Z")]), ["10:30"]);
    }

    #[test]
    fn every_refusal_has_its_reason() {
        let schedule = every_day(Europe::London, "09:00-17:00");
        let event_type = EventType { notice: minutes(60), window_days: 2, ..every(30, 30) };
        let day: Day = "2027-03-15".parse().unwrap();
        let now = "2027-03-15T09:10:00Z".parse().unwrap();
        let mut blocked = Timeline::over(Span::new(day.start(), day.next().span().end));
        blocked.block(Span::new(tick("2027-03-15T13:00:00Z"), tick("2027-03-15T14:00:00Z")));
        let offered = |start| offered(&schedule, &event_type, minutes(30), now, &blocked, tick(start));
        assert_eq!(offered("2027-03-15T08:00:00Z"), Err(Refusal::TooSoon));
        assert_eq!(offered("2027-03-15T10:00:00Z"), Err(Refusal::TooSoon));
        assert_eq!(offered("2027-03-15T10:30:00Z"), Ok(()));
        assert_eq!(offered("2027-03-15T10:45:00Z"), Err(Refusal::NotOffered));
        assert_eq!(offered("2027-03-15T12:30:00Z"), Ok(()));
        assert_eq!(offered("2027-03-15T13:30:00Z"), Err(Refusal::Taken));
        assert_eq!(offered("2027-03-15T17:00:00Z"), Err(Refusal::NotOffered));
        assert_eq!(offered("2027-03-17T09:00:00Z"), Err(Refusal::Taken));
        assert_eq!(offered("2027-03-17T09:30:00Z"), Err(Refusal::TooLate));
    }

    #[test]
    fn nothing_is_offered_for_no_length_and_an_interval_of_nothing_ends() {
        let schedule = every_day(Zone::UTC, "09:00-10:00");
        let day: Day = "2027-03-15".parse().unwrap();
        let (now, known) = (day.start().instant(), Timeline::over(day.span()));
        assert!(starts(&schedule, &every(30, 0), Ticks::ZERO, now, &known, day.span()).is_empty());
        assert_eq!(
            offered(&schedule, &every(30, 0), Ticks::ZERO, now, &known, tick("2027-03-15T09:00:00Z")),
            Err(Refusal::NotOffered)
        );
        assert_eq!(starts(&schedule, &every(0, 30), minutes(30), now, &known, day.span()).len(), 7);
    }

    #[test]
    fn the_runs_of_a_date_that_comes_again_stand_together() {
        // On 2010-11-07 St John's went from 00:01 back to 23:01.
        let starts =
            ["2010-11-07T02:25:00Z", "2010-11-07T02:30:00Z", "2010-11-07T02:35:00Z", "2010-11-07T03:30:00Z"]
                .map(tick);
        let offsets = Offsets::over(America::St_Johns.into(), Span::new(starts[0], starts[3]));
        let runs = local_runs(&starts, &offsets);
        let dates: Vec<_> = runs.iter().map(|run| (run.date.to_string(), run.starts)).collect();
        assert_eq!(
            dates,
            [
                ("2010-11-06".to_owned(), &starts[..1]),
                ("2010-11-06".to_owned(), &starts[2..3]),
                ("2010-11-07".to_owned(), &starts[1..2]),
                ("2010-11-07".to_owned(), &starts[3..]),
            ]
        );
        // The clocks are changed at 00:01, between two ticks.
        assert_eq!(runs[2].until, starts[2]);
        assert!(local_runs(&[], &offsets).is_empty());
    }

    #[test]
    fn the_nearest_starts_come_from_both_sides_and_never_more_than_there_are() {
        let starts = [0, 6, 12, 30].map(Tick::from_index);
        let nearest = |wanted, n| {
            nearest(&starts, Tick::from_index(wanted), n)
                .iter()
                .map(|start| start.index())
                .collect::<Vec<_>>()
        };
        assert_eq!(nearest(9, 1), [12]);
        assert_eq!(nearest(9, 3), [0, 6, 12]);
        assert_eq!(nearest(12, 2), [6, 12]);
        assert_eq!(nearest(-100, 2), [0, 6]);
        assert_eq!(nearest(100, 2), [12, 30]);
        assert_eq!(nearest(7, 9), [0, 6, 12, 30]);
        assert!(nearest(7, 0).is_empty());
    }

    proptest! {
        #[test]
        fn a_timeline_answers_as_a_set_of_ticks_does(
            from in -700_i64..700,
            length in 0_i64..700,
            busy in prop::collection::vec((-800_i64..1500, 0_i64..200), 0..6),
            bits in prop::collection::vec((-2_i64..5, 0_u16..288, 0_u16..60), 0..3),
        ) {
            let span = |from, length| Span::new(Tick::from_index(from), Tick::from_index(from + length));
            let known = span(from, length);
            let mut timeline = Timeline::over(known);
            let mut free: BTreeSet<i64> = (from..from + length).collect();
            for (from, length) in busy {
                timeline.block(span(from, length));
                free.retain(|tick| !(from..from + length).contains(tick));
            }
            for (day, cell, length) in bits {
                let day = Tick::from_index(day * 288).day();
                let mut set = crate::domain::DayBits::EMPTY;
                set.set(cell, cell + length);
                timeline.block_day(day, &set);
                free.retain(|tick| Tick::from_index(*tick).day() != day || !set.get(Tick::from_index(*tick).cell()));
            }
            for index in -900..1600 {
                let tick = Tick::from_index(index);
                let next_free = free.range(index..).next().copied();
                prop_assert_eq!(timeline.next_free(tick).map(Tick::index), next_free);
                let next_blocked = (index..index + 3000).find(|index| !free.contains(index));
                prop_assert_eq!(Some(timeline.next_blocked(tick).index()), next_blocked);
                let claim = span(index, 7);
                prop_assert_eq!(timeline.is_blocked(claim), (index..index + 7).any(|index| !free.contains(&index)));
                prop_assert!(!timeline.is_blocked(span(index, 0)));
            }
        }
    }
}
