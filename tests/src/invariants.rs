//! What the product promises, looked at from outside: bookings, cells, agenda entries, counters and calendars agree.
//!
//! The table's part ([`broken`]) is a model of its own: it reads the items as DynamoDB has them and computes with
//! minutes, with nothing of the product's algebra of cells.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use holdfast::domain::{BookingRecord, CalendarSync, EntryKey};
use serde_json::Value;

use crate::TestApp;

/// A cell of a host: the host's partition, and the minute since 1970 at which it begins.
type Cell = (String, i64);

const BOOKED: &str = "9000000000000000000000000000000";

/// What of these items does not agree, in words; nothing when all is well:
///
/// - every cell of a live booking is taken by a booking in the day of each of its hosts, belongs to no other booking,
///   and no cell is taken by a booking that does not own it;
/// - a booking's hosts give it the same time, without a gap, around its slot;
/// - every host of a booking has exactly one agenda entry of it, at its start, which says what the booking says, and
///   there is no other entry;
/// - every counter says how many live bookings count towards it.
///
/// `from` leaves out cells before that instant, whose days the table may have removed.
pub fn broken(items: &[Value], from: DateTime<Utc>) -> Vec<String> {
    let mut wrong = Vec::new();
    let first = from.timestamp() / 60;
    let mut owed: BTreeMap<Cell, String> = BTreeMap::new();
    let mut entries: BTreeMap<String, &Value> = BTreeMap::new();
    let mut taken: BTreeSet<Cell> = BTreeSet::new();
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    let mut counters: BTreeMap<String, i64> = BTreeMap::new();
    for item in items {
        let (pk, sk) = (text(item, "pk"), text(item, "sk"));
        if sk.starts_with("AGENDA#") {
            entries.insert(format!("{pk} {sk}"), item);
        } else if let Some(day) = sk.strip_prefix("DAY#") {
            if day.contains("#N#") {
                counters.insert(format!("{pk} {sk}"), number(item, "n"));
            } else {
                let names = item.as_object().expect("an item").iter();
                let cells =
                    names.filter(|(_, value)| is_booked(value)).filter_map(|(name, _)| name.parse().ok());
                taken.extend(cells.map(|cell: i64| (pk.clone(), minute_of(day, cell))));
            }
        }
    }
    for item in items.iter().filter(|item| text(item, "sk") == "BOOKING") {
        let booking = booking(item);
        wrong.extend(booking.unsound());
        for (host, minutes) in &booking.cells {
            let at = format!("{host} AGENDA#{}#{}", instant(booking.start), booking.id);
            match entries.remove(&at) {
                None => wrong.push(format!("{} has no entry at {at}", booking.id)),
                Some(entry) if !booking.is_told_by(entry) => {
                    wrong.push(format!("{at} does not say what its booking says: {entry}"));
                }
                Some(_) => {}
            }
            if booking.is_live {
                for minute in minutes.iter().filter(|minute| **minute >= first) {
                    if let Some(other) = owed.insert((host.clone(), *minute), booking.id.clone()) {
                        wrong.push(format!("{host} {}: {} and {other}", instant(*minute), booking.id));
                    }
                }
            }
        }
        for counter in booking.counters.iter().filter(|_| booking.is_live) {
            *counted.entry(counter.clone()).or_default() += 1;
        }
    }
    wrong.extend(entries.keys().map(|at| format!("{at} is of no booking that stands there")));
    taken.retain(|(_, minute)| *minute >= first);
    for (host, minute) in owed.keys().filter(|cell| !taken.contains(*cell)) {
        wrong.push(format!("{host} {} should be taken", instant(*minute)));
    }
    for (host, minute) in taken.iter().filter(|cell| !owed.contains_key(*cell)) {
        wrong.push(format!("{host} {} should be free", instant(*minute)));
    }
    counters.retain(|_, count| *count != 0);
    if counters != counted {
        wrong.push(format!("the counters say {counters:?}, the bookings {counted:?}"));
    }
    wrong
}

/// A booking as its item says.
struct Stored {
    id: String,
    start: i64,
    end: i64,
    status: String,
    event_type: String,
    is_live: bool,
    /// By host's partition: the minutes at which its cells begin.
    cells: Vec<(String, Vec<i64>)>,
    counters: Vec<String>,
}

impl Stored {
    fn unsound(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let Some((_, first)) = self.cells.first() else { return vec![format!("{} is of no host", self.id)] };
        if self.cells.iter().any(|(_, minutes)| minutes != first) {
            wrong.push(format!("{}: its hosts give it different times", self.id));
        }
        if first.windows(2).any(|pair| pair[1] != pair[0] + 5) {
            wrong.push(format!("{}: there is a gap in its cells", self.id));
        }
        let is_inside = first.first().is_some_and(|minute| *minute <= self.start)
            && first.last().is_some_and(|minute| minute + 5 >= self.end);
        if !is_inside {
            wrong.push(format!("{}: its cells are not around its slot", self.id));
        }
        wrong
    }

    fn is_told_by(&self, entry: &Value) -> bool {
        text(entry, "booking") == self.id
            && text(entry, "status") == self.status
            && text(entry, "event_type") == self.event_type
            && number(entry, "start") * 5 == self.start
            && number(entry, "end") * 5 == self.end
    }
}

fn booking(item: &Value) -> Stored {
    let tenant = text(item, "tenant");
    let start = number(item, "start") * 5;
    let status = text(item, "status");
    let hosts = item["hosts"]["L"].as_array().expect("hosts");
    let cells = hosts.iter().map(|host| {
        let host = &host["M"];
        let pieces = host["cells"]["L"].as_array().expect("cells");
        let minutes = pieces.iter().flat_map(|piece| {
            let piece = &piece["M"];
            let (day, from, to) = (text(piece, "day"), number(piece, "from"), number(piece, "to"));
            (from..to).map(move |cell| minute_of(&day, cell))
        });
        (format!("T#{tenant}#H#{}", text(host, "host")), minutes.collect())
    });
    let counters = item["counters"]["L"].as_array().into_iter().flatten().map(|counter| {
        let counter = &counter["M"];
        let (host, date) = (text(counter, "host"), text(counter, "date"));
        format!("T#{tenant}#H#{host} DAY#{date}#N#{}", text(counter, "event_type"))
    });
    Stored {
        id: text(item, "id"),
        start,
        end: start + number(item, "length"),
        is_live: !["cancelled", "declined"].contains(&status.as_str()),
        status,
        event_type: text(item, "event_type"),
        cells: cells.collect(),
        counters: counters.collect(),
    }
}

fn text(item: &Value, name: &str) -> String {
    item[name]["S"].as_str().unwrap_or_default().to_owned()
}

fn number(item: &Value, name: &str) -> i64 {
    item[name]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn is_booked(value: &Value) -> bool {
    value["N"].as_str().is_some_and(|number| number == BOOKED || number == "9E30" || number == "9E+30")
}

fn minute_of(day: &str, cell: i64) -> i64 {
    let day: NaiveDate = day.parse().expect("a day");
    day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() / 60 + cell * 5
}

fn instant(minute: i64) -> String {
    let instant: NaiveDateTime = DateTime::from_timestamp(minute * 60, 0).expect("an instant").naive_utc();
    instant.format("%Y-%m-%dT%H:%MZ").to_string()
}

impl TestApp {
    /// Every item of the table, in DynamoDB's JSON.
    pub async fn items(&self) -> Vec<Value> {
        self.local.dynamodb.dump().await.expect("the table")
    }

    /// What of the table does not agree: see [`broken`].
    pub async fn broken(&self) -> Vec<String> {
        broken(&self.items().await, self.now() - TimeDelta::days(1))
    }

    /// Every booking of the demo tenant with its entries, by id.
    pub async fn bookings(&self) -> Vec<BookingRecord> {
        let items = self.items().await;
        let bookings = items.iter().filter(|item| item["sk"]["S"] == "BOOKING");
        let mut found = Vec::new();
        for item in bookings {
            let id = item["id"]["S"].as_str().expect("an id");
            found.push(self.booking_record(id).await);
        }
        found.sort_by(|one, other| one.booking.id.cmp(&other.booking.id));
        found
    }

    /// What does not agree, in words; nothing when all is well:
    ///
    /// - a confirmed booking to come has exactly one event in the calendar of a host who has a connected one, at its
    ///   time; one that is over has the event that is recorded, if any; every other has none, and no event names a
    ///   booking that there is not;
    /// - all of the host's bookings say `synced`, or `off` when they want no event and never had one;
    /// - the table is whole: see [`broken`].
    ///
    /// What is wanted is told by the bookings and the integrations, not by the entries. It is not for bookings made with
    /// `sync_to_calendar: false` or before the host connected a calendar: nothing else tells them apart.
    pub async fn disagreements(&self, host: &str, account: &str) -> Vec<String> {
        let records = self.bookings().await;
        let is_theirs = |record: &&BookingRecord| {
            EntryKey::all_of(&record.booking).iter().any(|key| key.host.as_str() == host)
        };
        let mut wrong = self.broken().await;
        let has_target = has_target(&self.items().await, host);

        let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in self.our_events(account, account) {
            let mark = event["extendedProperties"]["private"]["holdfast_booking"].as_str().expect("a mark");
            events.entry(mark.to_owned()).or_default().push(event);
        }
        for record in records.iter().filter(is_theirs) {
            let found = events.remove(record.booking.id.as_str()).unwrap_or_default();
            wrong.extend(self.wrong_events(record, host, has_target, &found));
        }
        wrong.extend(events.keys().map(|mark| format!("{mark} has an event and is no booking")));
        wrong
    }

    /// What does not agree about a booking and its events in the calendar of one of its hosts.
    fn wrong_events(
        &self,
        record: &BookingRecord,
        host: &str,
        has_target: bool,
        found: &[Value],
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let booking = &record.booking;
        let entry = record.entries.iter().find(|entry| entry.host.as_str() == host).expect("an entry");
        let (start, end) = (booking.span().start.instant(), booking.span().end.instant());
        let is_over = end <= self.now();
        // After a booking's end nothing new is written, and what was written stays.
        let is_wanted =
            booking.status.wants_event() && has_target && (!is_over || entry.standing().is_some());
        if found.len() != usize::from(is_wanted) {
            wrong.push(format!("{} ({:?}) has {} events", booking.id, booking.status, found.len()));
        }
        if found.iter().any(|event| time_of(event) != (start, end)) {
            wrong.push(format!("{} stands at another time", booking.id));
        }
        let never_had_one = entry.link.is_none() && entry.attempts.is_empty() && !entry.seen_absent;
        let may_be_off = !is_wanted && never_had_one;
        let is_well = |sync| match sync {
            CalendarSync::Synced => true,
            CalendarSync::Off => may_be_off,
            CalendarSync::Pending | CalendarSync::Detached => false,
        };
        for sync in [entry.calendar_sync(booking), record.calendar_sync()] {
            if !is_well(sync) {
                wrong.push(format!("{} is {}", booking.id, sync.as_str()));
            }
        }
        wrong
    }

    /// What the table still has of an integration's secrets and of its busy time, by attribute.
    pub async fn leftovers(&self, integration: &str) -> Vec<String> {
        let mut left = Vec::new();
        for item in self.items().await {
            let names = item.as_object().expect("an item").keys();
            let is_busy = |name: &&String| **name == format!("b:{integration}");
            left.extend(names.clone().filter(is_busy).cloned());
            if text(&item, "sk") == format!("HOSTCRED#{integration}") {
                left.extend(names.filter(|name| ["access", "refresh"].contains(&name.as_str())).cloned());
            }
        }
        left
    }
}

/// Whether the host's bookings are written to a calendar of an integration that is connected and enabled.
fn has_target(items: &[Value], host: &str) -> bool {
    let is_header = |item: &&Value| text(item, "sk") == "HOST" && text(item, "id") == host;
    let Some(header) = items.iter().find(is_header) else { return false };
    let written_to = header["write_to"]["M"]["integration"]["S"].as_str().unwrap_or_default();
    items.iter().any(|item| {
        text(item, "sk").starts_with("HOST#I#")
            && text(item, "host") == host
            && text(item, "id") == written_to
            && ["connected", "needs_reauth", "error"].contains(&text(item, "status").as_str())
            && item["enabled"]["BOOL"] == true
    })
}

fn time_of(event: &Value) -> (DateTime<Utc>, DateTime<Utc>) {
    let instant = |name: &str| {
        let text = event[name]["dateTime"].as_str().expect("a time");
        DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
    };
    (instant("start"), instant("end"))
}
