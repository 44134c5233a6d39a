//! What the product promises about one host's time, looked at from outside: bookings, cells and calendar agree.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use holdfast::domain::{Booking, CalendarSync, Claim, Tick};
use serde_json::Value;

use crate::TestApp;

impl TestApp {
    /// Every item of the table, in DynamoDB's JSON.
    pub async fn items(&self) -> Vec<Value> {
        self.local.dynamodb.dump().await.expect("the table")
    }

    /// Every booking of the demo tenant, by id.
    pub async fn bookings(&self) -> Vec<Booking> {
        let items = self.items().await;
        let bookings = items.iter().filter(|item| item["sk"]["S"] == "BOOKING");
        let id = |item: &Value| item["id"]["S"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let ids: Vec<_> = bookings.map(id).collect();
        let found = self.app().store.bookings(&self.tenant(), &ids).await.expect("the table");
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found
    }

    /// What does not agree, in words; nothing when all is well:
    ///
    /// - a live booking to come that is linked to a calendar has exactly one event there, at its time; any other
    ///   has none, and no event names a booking that there is not;
    /// - all bookings say `synced`;
    /// - the host's cells are taken by bookings where live bookings have them, once, and nowhere else.
    pub async fn disagreements(&self, host: &str, account: &str) -> Vec<String> {
        let bookings = self.bookings().await;
        let bookings: Vec<_> = bookings.iter().filter(|booking| booking.host.as_str() == host).collect();
        let mut wrong = Vec::new();

        let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in self.our_events(account, account) {
            let mark = event["extendedProperties"]["private"]["holdfast_booking"].as_str().expect("a mark");
            events.entry(mark.to_owned()).or_default().push(event);
        }
        for booking in &bookings {
            let found = events.remove(booking.id.as_str()).unwrap_or_default();
            let wanted = usize::from(booking.wants_event() && booking.span().end.instant() > self.now());
            if found.len() != wanted {
                wrong.push(format!("{} ({:?}) has {} events", booking.id, booking.status, found.len()));
            }
            let (start, end) = (booking.span().start.instant(), booking.span().end.instant());
            if found.iter().any(|event| time_of(event) != (start, end)) {
                wrong.push(format!("{} stands at another time", booking.id));
            }
            if booking.calendar_sync() != CalendarSync::Synced {
                wrong.push(format!("{} is {}", booking.id, booking.calendar_sync().as_str()));
            }
        }
        wrong.extend(events.keys().map(|mark| format!("{mark} has an event and is no booking")));

        let mut owed = BTreeSet::new();
        let live = bookings.iter().filter(|booking| booking.status.holds_cells());
        for claimed in live.flat_map(|booking| &booking.claimed) {
            for cell in claimed.cells.from..claimed.cells.to {
                if !owed.insert((claimed.cells.day, cell)) {
                    wrong.push(format!("{} {cell} belongs to two bookings", claimed.cells.day));
                }
            }
        }
        let (first, last) = (self.now() - TimeDelta::days(1), self.now() + TimeDelta::days(100));
        let (first, last) = (Tick::floor(first).day(), Tick::floor(last).day());
        let host = host.parse().expect("a host");
        let days =
            self.app().store.days_strong(&self.tenant(), &host, first, last).await.expect("the days").days;
        let taken = days.iter().flat_map(|day| {
            let booked = day.claims.iter().filter(|(_, claim)| *claim == Claim::BOOKED);
            booked.map(|(cell, _)| (day.day, *cell))
        });
        let taken: BTreeSet<_> = taken.collect();
        wrong.extend(owed.difference(&taken).map(|(day, cell)| format!("{day} {cell} should be taken")));
        wrong.extend(taken.difference(&owed).map(|(day, cell)| format!("{day} {cell} should be free")));
        wrong
    }

    /// What the table still has of an integration's secrets and of its busy time, by attribute.
    pub async fn leftovers(&self, integration: &str) -> Vec<String> {
        let mut left = Vec::new();
        for item in self.items().await {
            let names = item.as_object().expect("an item").keys();
            let is_busy = |name: &&String| **name == format!("b:{integration}");
            left.extend(names.clone().filter(is_busy).cloned());
            if item["id"]["S"] == integration {
                left.extend(names.filter(|name| ["access", "refresh"].contains(&name.as_str())).cloned());
            }
        }
        left
    }
}

fn time_of(event: &Value) -> (DateTime<Utc>, DateTime<Utc>) {
    let instant = |name: &str| {
        let text = event[name]["dateTime"].as_str().expect("a time");
        DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
    };
    (instant("start"), instant("end"))
}
