//! The demo data: one tenant, two hosts, three event types, and two Google accounts with something in their
//! calendars.
//!
//! The one rule: an existing place is left as it is. The tenant is stored last and says that the rest is there.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use fakes::google::{EventSpec, Google};
use holdfast::App;
use holdfast::domain::zone::named::{America, Europe};
use holdfast::domain::{EventType, Host, HostSchedule, IdError, Tenant, TenantSettings, Zone};
use holdfast::store::StoreError;
use serde_json::{Value, json};

/// The tenant's id.
pub(crate) const TENANT: &str = "demo";
/// The hosts' ids.
pub(crate) const HOSTS: [&str; 2] = ["hst_ada1", "hst_grace1"];
/// Their schedules' ids.
const SCHEDULES: [&str; 2] = ["sch_ada1", "sch_grace1"];
/// Ada's account, whose main calendar goes by the same name.
pub(crate) const ADA_ACCOUNT: &str = "ada@example.com";
/// What the ids of the demo's events begin with.
pub(crate) const DEMO_EVENT: &str = "demo";
/// The event types' slugs.
pub(crate) const EVENT_TYPES: [&str; 3] = ["intro", "deep-dive", "office-hours"];

/// How far ahead the calendars are filled.
const FILLED_DAYS: usize = 21;
const WORKDAYS: [Weekday; 5] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];

/// Where Ada lives.
pub(crate) fn ada_zone() -> Zone {
    Zone::from(Europe::London)
}

/// Why the demo data is not there.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The table did not take it.
    #[error("the demo data cannot be stored: {0}")]
    Store(#[from] StoreError),
    /// It is not of this version's form.
    #[error("the demo data cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// See [`SeedError::Form`].
    #[error("the demo tenant's id {0}")]
    Tenant(#[from] IdError),
}

/// Stores tenant, hosts and event types, unless the tenant is there.
pub(crate) async fn catalog(app: &App) -> Result<(), SeedError> {
    let tenant: Tenant = TENANT.parse()?;
    if app.store.tenant(&tenant).await?.is_some() {
        return Ok(());
    }
    for host in hosts() {
        app.store.put_host(&tenant, &serde_json::from_value::<Host>(host)?).await?;
    }
    for schedule in schedules(app.clock.now()) {
        app.store.put_schedule(&tenant, &serde_json::from_value::<HostSchedule>(schedule)?).await?;
    }
    for event_type in event_types() {
        app.store.put_event_type(&tenant, &serde_json::from_value::<EventType>(event_type)?).await?;
    }
    let settings = json!({
        "name": "Analytical Engines", "zone": "Europe/London", "locale": "en",
        "claim": "Weaving algebraical patterns since 1843.", "revision": 1,
    });
    Ok(app.store.put_tenant(&tenant, &serde_json::from_value::<TenantSettings>(settings)?).await?)
}

fn hosts() -> [Value; 2] {
    let ([ada, grace], [london, new_york]) = (HOSTS, SCHEDULES);
    let host = |id: &str, name: &str, email: &str, schedule: &str| json!({ "id": id, "name": name, "email": email, "default_schedule": schedule, "revision": 1 });
    [
        host(ada, "Ada Lovelace", ADA_ACCOUNT, london),
        host(grace, "Grace Hopper", "grace@example.com", new_york),
    ]
}

fn schedules(now: DateTime<Utc>) -> [Value; 2] {
    let weekly = |from: &str, to: &str| {
        let hours = json!([{ "from": from, "to": to }]);
        json!({ "mon": hours, "tue": hours, "wed": hours, "thu": hours, "fri": hours })
    };
    // Grace leaves early on the Friday of next week.
    let next_week = now.date_naive() + TimeDelta::days(7);
    let friday = next_week.iter_days().find(|day| day.weekday() == Weekday::Fri).unwrap_or(next_week);
    let ([ada, grace], [london, new_york]) = (HOSTS, SCHEDULES);
    [
        json!({
            "id": london, "host": ada, "name": "Working hours", "revision": 1,
            "hours": { "zone": "Europe/London", "weekly": weekly("09:00", "17:00") },
        }),
        json!({
            "id": new_york, "host": grace, "name": "Working hours", "revision": 1,
            "hours": {
                "zone": "America/New_York", "weekly": weekly("10:00", "18:00"),
                "overrides": { friday.to_string(): [{ "from": "10:00", "to": "13:00" }] },
            },
        }),
    ]
}

fn event_types() -> [Value; 3] {
    let ([ada, grace], [intro, deep_dive, office_hours]) = (HOSTS, EVENT_TYPES);
    [
        json!({
            "slug": intro, "hosts": [ada], "title": "Intro call", "description": "Half an hour to get acquainted.",
            "lengths": [30], "interval": 15, "notice": 60, "window_days": 60, "active": true, "revision": 1,
        }),
        json!({
            "slug": deep_dive, "hosts": [ada], "title": "Deep dive", "description": "Bring the hard problem.",
            "lengths": [60, 90], "interval": 30, "buffer_before": 10, "buffer_after": 10, "notice": 120,
            "window_days": 60, "active": true, "revision": 1,
        }),
        json!({
            "slug": office_hours, "hosts": [grace], "title": "Office hours", "description": "One question, answered.",
            "lengths": [15], "interval": 15, "notice": 60, "window_days": 30, "active": true, "revision": 1,
        }),
    ]
}

/// Fills the accounts' calendars for the three weeks from `now` on. Ids are fixed, so a second filling at the
/// same date changes nothing.
pub(crate) fn calendars(google: &Google, now: DateTime<Utc>) {
    let ada = Person::new(google, ADA_ACCOUNT, "Ada Lovelace", ada_zone(), now);
    let family = ada.second_calendar("family.ada@group.calendar.google.com", "Family");
    ada.every(&WORKDAYS, "Stand-up", "09:30", 15);
    ada.every(&[Weekday::Mon], "Planning", "15:00", 60);
    ada.every(&[Weekday::Wed], "Design review", "11:00", 90);
    ada.every(&[Weekday::Tue, Weekday::Thu], "Lunch", "13:00", 60);
    ada.put_every(family, &[Weekday::Fri], "School run", "16:30", 30);
    ada.once(1, Weekday::Fri, "Offsite", "00:00", 24 * 60, |event| event.all_day = true);
    ada.once(0, Weekday::Thu, "Reading, can be moved", "10:00", 60, |event| event.transparent = true);
    ada.once(0, Weekday::Tue, "Vendor pitch", "16:00", 60, |event| {
        event.organizer = Some("sales@example.net".to_owned());
        event.self_response = Some("declined");
    });
    ada.once(0, Weekday::Wed, "Called off", "14:00", 60, |event| event.status = "cancelled");

    let grace = Person::new(google, "grace@example.com", "Grace Hopper", Zone::from(America::New_York), now);
    let on_call = grace.second_calendar("oncall.grace@group.calendar.google.com", "On call");
    grace.every(&[Weekday::Mon, Weekday::Thu], "Compiler club", "11:00", 60);
    grace.every(&[Weekday::Tue], "One to one", "14:30", 30);
    grace.put_every(on_call, &[Weekday::Wed], "Handover", "10:00", 30);
    grace.once(1, Weekday::Mon, "Conference", "00:00", 24 * 60, |event| event.all_day = true);
    grace.once(0, Weekday::Fri, "Gym", "12:00", 60, |event| event.transparent = true);
    grace.once(0, Weekday::Wed, "Webinar", "15:00", 60, |event| {
        event.organizer = Some("events@example.net".to_owned());
        event.self_response = Some("declined");
    });
    grace.once(0, Weekday::Thu, "Called off", "16:00", 30, |event| event.status = "cancelled");
}

/// An account while it is filled.
struct Person<'a> {
    google: &'a Google,
    email: &'a str,
    zone: Zone,
    today: NaiveDate,
}

impl<'a> Person<'a> {
    fn new(google: &'a Google, email: &'a str, name: &str, zone: Zone, now: DateTime<Utc>) -> Self {
        google.add_account(email, name);
        google.set_time_zone(email, zone.name());
        Self { google, email, zone, today: now.with_timezone(&zone).date_naive() }
    }

    fn second_calendar(&self, id: &'a str, name: &str) -> &'a str {
        self.google.add_calendar(self.email, id, name, "owner");
        self.google.set_time_zone(id, self.zone.name());
        id
    }

    /// On each of these days of the week, `length` minutes from `at` on the wall clock.
    fn every(&self, weekdays: &[Weekday], title: &str, at: &str, length: i64) {
        self.put_every(self.email, weekdays, title, at, length);
    }

    fn put_every(&self, calendar: &str, weekdays: &[Weekday], title: &str, at: &str, length: i64) {
        for date in self.today.iter_days().take(FILLED_DAYS) {
            if weekdays.contains(&date.weekday()) {
                self.put(calendar, date, title, at, length, |_| {});
            }
        }
    }

    /// On the first such day of the week from today on, `weeks` later.
    fn once(
        &self,
        weeks: u64,
        weekday: Weekday,
        title: &str,
        at: &str,
        length: i64,
        change: impl FnOnce(&mut EventSpec),
    ) {
        let date = self.today.iter_days().find(|date| date.weekday() == weekday).unwrap_or(self.today);
        self.put(self.email, date + Days::new(7 * weeks), title, at, length, change);
    }

    fn put(
        &self,
        calendar: &str,
        date: NaiveDate,
        title: &str,
        at: &str,
        length: i64,
        change: impl FnOnce(&mut EventSpec),
    ) {
        let at: NaiveTime = at.parse().unwrap_or_default();
        let mut event = EventSpec::new(title, DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
        change(&mut event);
        // A whole-day event is named by UTC dates, in whatever zone.
        let zone = if event.all_day { Zone::UTC } else { self.zone };
        let Some(start) = date.and_time(at).and_local_timezone(zone).earliest() else { return };
        event.start = start.to_utc();
        event.end = event.start + TimeDelta::minutes(length);
        event.id = Some(id(calendar, title, event.start));
        self.google.add_event(self.email, calendar, event);
    }
}

/// Event ids are of `0-9a-v`: the first letters of calendar and title, and the hour.
fn id(calendar: &str, title: &str, start: DateTime<Utc>) -> String {
    let letters = format!("{calendar}{title}").to_lowercase();
    let letters = letters.chars().filter(|letter| matches!(letter, '0'..='9' | 'a'..='v'));
    format!("{DEMO_EVENT}{}{}", letters.collect::<String>(), start.timestamp())
}
