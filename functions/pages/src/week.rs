//! One week of free slots on a guest's clock, with the way to other weeks.
//!
//! The rule it keeps: an empty week always says why, and leads on where there is anywhere to go.

use std::sync::LazyLock;

use chrono::{Datelike, Days, NaiveDate};
use holdfast::App;
use holdfast::domain::{Tick, Ticks, Zone};
use holdfast::flows::{BookingError, Listing, SlotsQuery};

use crate::listed::Of;
use crate::paths::Link;
use crate::texts::{Texts, fill};

/// How far past an empty week the next slot is looked for: one Query, and as far as a listing of the API goes.
const AHEAD: Days = Days::new(63);
const WEEK: Days = Days::new(7);
/// The areas of the zones that people live in; the others are kept by the database for old software.
const AREAS: [&str; 10] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
];

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// A date of the week; the first week with slots when `None`.
    pub(crate) week: Option<NaiveDate>,
    /// The guest's zone.
    pub(crate) zone: Zone,
    /// How long.
    pub(crate) length: Ticks,
}

/// A week, as it is shown.
#[derive(Debug)]
pub(crate) struct Week {
    /// `23 - 29 November 2026`.
    pub(crate) title: String,
    /// Its first day.
    pub(crate) monday: NaiveDate,
    /// The week before, unless it has passed.
    pub(crate) previous: Option<String>,
    /// The week after, unless it lies beyond the booking window.
    pub(crate) next: Option<String>,
    /// The days that have slots.
    pub(crate) days: Vec<Day>,
    /// What to say when there are none.
    pub(crate) empty: Option<Empty>,
    /// The guest's zone.
    pub(crate) zone: &'static str,
    /// Where its chooser leads, and what it keeps.
    pub(crate) chooser: (String, Vec<(&'static str, String)>),
    /// Where a slot's button leads, and what goes with it.
    pub(crate) button: (String, Vec<(&'static str, String)>),
}

/// A local day with its slots.
#[derive(Debug)]
pub(crate) struct Day {
    /// `2026-11-23`.
    pub(crate) date: NaiveDate,
    /// `Monday`.
    pub(crate) weekday: &'static str,
    /// `23 November`.
    pub(crate) rest: String,
    /// In order of time.
    pub(crate) slots: Vec<Slot>,
}

/// A slot's button.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Its start, as it is sent.
    pub(crate) start: String,
    /// Its start, as it is read.
    pub(crate) label: String,
}

/// Why there is nothing.
#[derive(Debug)]
pub(crate) struct Empty {
    /// In words.
    pub(crate) why: &'static str,
    /// Where to go on, and what to call it.
    pub(crate) onward: Option<(String, String)>,
}

/// Where the links and buttons of a week lead.
#[derive(Debug)]
pub(crate) struct Places {
    /// Other weeks and zones.
    pub(crate) link: Link,
    /// A slot's button.
    pub(crate) action: String,
    /// What goes with it.
    pub(crate) hidden: Vec<(&'static str, String)>,
}

/// The Monday of a date's week.
pub(crate) fn monday(date: NaiveDate) -> NaiveDate {
    date - Days::new(u64::from(date.weekday().num_days_from_monday()))
}

/// A tick's date on the clocks of a zone.
pub(crate) fn local_date(tick: Tick, zone: Zone) -> NaiveDate {
    tick.instant().with_timezone(&zone).date_naive()
}

impl Week {
    /// Reads a week of an event type: one Query, and a second when the week is empty.
    pub(crate) async fn read(
        app: &App,
        of: Of<'_>,
        wish: Wish,
        places: Places,
        t: &Texts,
    ) -> Result<Self, BookingError> {
        let window = of.event_type().bookable(app.clock.now());
        let (this, last) = (
            monday(app.clock.now().with_timezone(&wish.zone).date_naive()),
            local_date(window.end, wish.zone),
        );
        let list = async |from, to| {
            let query = SlotsQuery { from, to, zone: wish.zone, length: Some(wish.length) };
            of.list(app, &query).await
        };
        let mut monday_shown = wish.week.map_or(this, monday);
        let mut listing = list(monday_shown, monday_shown + WEEK).await?;
        let mut later = None;
        let after = (monday_shown + WEEK).max(this);
        if listing.starts.is_empty() && listing.reason.is_none() && after <= last {
            let ahead = list(after, after + AHEAD).await?;
            later = ahead.starts.first().map(|start| monday(local_date(*start, wish.zone)));
            if let (None, Some(found)) = (wish.week, later) {
                monday_shown = found;
                listing = ahead;
                listing.starts.retain(|start| local_date(*start, wish.zone) < found + WEEK);
            }
        }
        let onward = later.filter(|_| listing.starts.is_empty());
        let reaches_on = monday_shown + WEEK <= last;
        let link = &places.link;
        Ok(Self {
            title: t.week(monday_shown, monday_shown + Days::new(6)),
            monday: monday_shown,
            previous: (monday_shown > this).then(|| link.week((monday_shown - WEEK).max(this))),
            next: reaches_on.then(|| link.week(monday_shown + WEEK)),
            empty: empty(&listing, onward, reaches_on, link, t),
            days: days(&listing, t),
            zone: wish.zone.name(),
            chooser: (link.path.clone(), link.without("zone")),
            button: (places.action, places.hidden),
        })
    }
}

fn empty(
    listing: &Listing,
    onward: Option<NaiveDate>,
    reaches_on: bool,
    link: &Link,
    t: &Texts,
) -> Option<Empty> {
    if !listing.starts.is_empty() {
        return None;
    }
    let why = match listing.reason {
        Some(_) => t.calendar_unavailable,
        None if onward.is_some() || reaches_on => t.nothing_this_week,
        None => t.nothing_at_all,
    };
    let onward = onward.map(|monday| (link.week(monday), fill(t.next_free, "date", &t.date(monday))));
    Some(Empty { why, onward })
}

fn days(listing: &Listing, t: &Texts) -> Vec<Day> {
    let zone = listing.zone;
    let mut starts: Vec<_> = listing.starts.iter().map(|start| (local_date(*start, zone), *start)).collect();
    starts.sort();
    let mut days: Vec<Day> = Vec::new();
    for (date, start) in starts {
        match days.last_mut().filter(|day| day.date == date) {
            Some(day) => day.add(start, zone, t),
            None => days.push(Day::new(date, slot(start, zone, t), t)),
        }
    }
    days
}

impl Day {
    fn new(date: NaiveDate, first: Slot, t: &Texts) -> Self {
        Self { date, weekday: t.weekday(date), rest: t.day_of_month(date), slots: vec![first] }
    }

    /// Where the clocks go back an hour comes twice: the zone's abbreviation tells which.
    fn add(&mut self, start: Tick, zone: Zone, t: &Texts) {
        let mut slot = slot(start, zone, t);
        if self.slots.iter().any(|other| other.label == slot.label) {
            let local = start.instant().with_timezone(&zone);
            slot.label = format!("{} {}", slot.label, local.format("%Z"));
        }
        self.slots.push(slot);
    }
}

/// A slot's button.
pub(crate) fn slot(start: Tick, zone: Zone, t: &Texts) -> Slot {
    Slot { start: start.instant().format("%Y-%m-%dT%H:%M:%SZ").to_string(), label: t.time(start, zone) }
}

/// An area with its zones: what is sent, and what is read.
type Area = (&'static str, Vec<(&'static str, String)>);

/// The zones to choose from, by area.
pub(crate) fn areas() -> &'static [Area] {
    static ALL: LazyLock<Vec<Area>> = LazyLock::new(|| {
        let zones = |area: &'static str| {
            let names = Zone::names().filter_map(move |zone| {
                let place = zone.strip_prefix(area)?.strip_prefix('/')?;
                Some((zone, place.replace('_', " ")))
            });
            (area, names.collect())
        };
        AREAS.into_iter().map(zones).collect()
    });
    &ALL
}

/// Whether the chooser has this zone; one that it does not have is named apart.
pub(crate) fn is_listed(zone: &str) -> bool {
    areas().iter().any(|(_, zones)| zones.iter().any(|(name, _)| *name == zone))
}

#[cfg(test)]
mod tests {
    use holdfast::domain::zone::named::Europe;

    use super::*;

    #[test]
    fn weeks_begin_on_mondays() {
        let of = |date: &str| monday(date.parse().unwrap()).to_string();
        assert_eq!(
            [of("2026-11-23"), of("2026-11-29"), of("2026-11-30")],
            ["2026-11-23", "2026-11-23", "2026-11-30"]
        );
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_apart() {
        // London, 2026-10-25: 01:30 BST, then 01:30 GMT.
        let starts = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
        let starts = starts.map(|text| Tick::floor(text.parse().unwrap())).to_vec();
        let length = Ticks::from_minutes(30).unwrap();
        let listing = Listing { zone: Zone::from(Europe::London), starts, length, reason: None };
        let days = days(&listing, Texts::usual());
        assert_eq!(days.len(), 1);
        let labels: Vec<_> = days[0].slots.iter().map(|slot| slot.label.as_str()).collect();
        assert_eq!(labels, ["01:30", "01:30 GMT"]);
    }

    #[test]
    fn the_chooser_has_what_browsers_say() {
        for zone in [
            "Europe/London",
            "Asia/Calcutta",
            "Asia/Kolkata",
            "America/Argentina/Buenos_Aires",
            "Pacific/Apia",
        ] {
            assert!(is_listed(zone), "{zone}");
        }
        assert!(!is_listed("UTC") && !is_listed("US/Pacific"));
    }
}
