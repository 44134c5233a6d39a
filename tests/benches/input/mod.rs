//! What both benches list: thirty days of a host in London who works 9 to 5 every day and is busy fifty times, for
//! a guest in Sao Paulo.
#![expect(clippy::expect_used, reason = "a bench that finds something else than it says is to stop")]

mod cpu;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use holdfast::domain::Zone;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::cpu::ThreadTime;

/// The input, and what must come out.
#[derive(Debug, Deserialize)]
pub(crate) struct Input {
    pub(crate) start: NaiveDate,
    pub(crate) days: u32,
    pub(crate) open: String,
    pub(crate) close: String,
    pub(crate) slot_min: u32,
    pub(crate) interval_min: u32,
    pub(crate) guest: Zone,
    #[serde(rename = "Europe/London")]
    london: London,
}

#[derive(Debug, Deserialize)]
struct London {
    /// From and to, in epoch seconds.
    busy: Vec<(i64, i64)>,
    /// How many slots there are, and the sum of their starts in epoch seconds.
    free30: usize,
    sum30: i64,
}

impl Input {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("../slots-30-days.json")).expect("the input")
    }

    /// The date after the last.
    pub(crate) fn end(&self) -> NaiveDate {
        self.start + Days::new(self.days.into())
    }

    /// The host's busy times, in no order.
    pub(crate) fn busy(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let instant = |second: i64| DateTime::from_timestamp(second, 0).expect("an instant");
        self.london.busy.iter().map(|(from, to)| (instant(*from), instant(*to))).collect()
    }

    /// A day before the first slot.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.start - Days::new(1)).and_time(NaiveTime::MIN).and_utc()
    }

    /// The host's schedule, as it is stored.
    pub(crate) fn schedule(&self) -> Value {
        let hours = json!([{ "from": self.open, "to": self.close }]);
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let weekly: Value = days.into_iter().map(|day| (day.to_owned(), hours.clone())).collect();
        json!({ "zone": "Europe/London", "weekly": weekly })
    }

    /// From [`Input::now`] to the end and a bit.
    pub(crate) fn window_days(&self) -> u32 {
        self.days + 2
    }

    /// Stops everything unless exactly the right slots were found: a figure for anything else is worth nothing.
    pub(crate) fn check(&self, starts: impl Iterator<Item = DateTime<Utc>>) {
        let (count, sum) = starts.fold((0, 0), |(count, sum), start| (count + 1, sum + start.timestamp()));
        assert_eq!(
            (count, sum),
            (self.london.free30, self.london.sum30),
            "slots, and the sum of their starts"
        );
    }
}
