//! A person's exported calendar in place of a simulated one: the occurrences of a file become events.
//!
//! As Google does it: what is cancelled is deleted, what is transparent shows as free, what is tentative is busy,
//! whole days are dates of the calendar's zone. An answer to an invitation is not read: the file does not say
//! whose calendar it is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Google;
use super::body::{merge, settle};
use super::events::{first_fields, put};
use super::ics::{self, NotACalendar, Occurrence, Refused};
use super::seed::{EventSpec, find};
use super::world::Fields;

/// What every imported event's id begins with.
const ID_PREFIX: &str = "ics";

/// What to import.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// The file's text.
    pub text: &'a str,
    /// Occurrences that end before are left out.
    pub from: DateTime<Utc>,
    /// Occurrences that begin later are left out; a rule without an end is not run further.
    pub to: DateTime<Utc>,
    /// Whether to move all of it by whole weeks, weekday and local time kept, so that its first event lies in
    /// the present week.
    pub shift: bool,
}

/// What an import has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The occurrences in the window, those that are cancelled or show as free included.
    pub events: usize,
    /// What cannot be read, and why.
    pub refused: Vec<Refused>,
}

impl std::fmt::Display for Imported {
    /// One line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events", self.events)?;
        for (position, refused) in self.refused.iter().enumerate() {
            write!(f, "{}{refused}", if position == 0 { "; refused: " } else { "; " })?;
        }
        Ok(())
    }
}

impl Google {
    /// Puts a file's occurrences into a calendar, in place of those of any earlier import; events that came by
    /// another way stay. The calendar takes the zone that the file names.
    #[track_caller]
    pub fn import(&self, email: &str, calendar: &str, import: Import<'_>) -> Result<Imported, NotACalendar> {
        let now = self.site.now();
        self.site.change(|world| {
            let (listed, found) = find(world, email, calendar);
            let mut file = ics::read(import.text, found.zone)?;
            let weeks = if import.shift { file.weeks_until(now) } else { 0 };
            let occurrences = file.occurrences((import.from, import.to), weeks);

            let mut wanted: BTreeMap<String, Fields> = BTreeMap::new();
            for occurrence in occurrences {
                let id = id(&occurrence);
                let mut fields = first_fields(&id, email, &listed, found, now);
                let title = occurrence.summary.clone();
                merge(&mut fields, spec(occurrence).fields(&listed.id));
                match settle(&mut fields, file.zone) {
                    Ok(()) => {
                        wanted.insert(id, fields);
                    }
                    Err(refusal) => file
                        .refused
                        .push(Refused { component: format!("{title:?}"), reason: format!("{refusal:?}") }),
                }
            }
            let imported = Imported { events: wanted.len(), refused: file.refused };
            for (id, event) in &found.events {
                if let Some(fields) = wanted.get_mut(id) {
                    keep(fields, &event.fields);
                } else if id.starts_with(ID_PREFIX) && !event.is_cancelled() {
                    let mut fields = event.fields.clone();
                    fields.insert("status".to_owned(), json!("cancelled"));
                    wanted.insert(id.clone(), fields);
                }
            }
            let same = |id: &String, fields: &Fields| {
                found.events.get(id).is_some_and(|event| event.fields == *fields)
            };
            wanted.retain(|id, fields| !same(id, fields));
            if let Some(calendar) = world.calendars.get_mut(&listed.id) {
                calendar.zone = file.zone;
            }
            for (id, fields) in wanted {
                put(world, &listed.id, &id, fields, now);
            }
            Ok(imported)
        })
    }
}

/// What an event keeps when it is imported again.
fn keep(fields: &mut Fields, old: &Fields) {
    for name in ["created", "updated", "sequence"] {
        if let Some(value) = old.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
}

/// The same in every import of the same file, wherever it is moved to.
fn id(occurrence: &Occurrence) -> String {
    format!("{ID_PREFIX}{:x}v{:x}", occurrence.component, occurrence.original)
}

fn spec(occurrence: Occurrence) -> EventSpec {
    let mut extra = Map::new();
    if let Some(uid) = occurrence.uid {
        extra.insert("iCalUID".to_owned(), Value::String(uid));
    }
    EventSpec {
        summary: occurrence.summary,
        start: occurrence.start,
        end: occurrence.end,
        all_day: occurrence.all_day,
        transparent: occurrence.transparent,
        status: occurrence.status,
        extra,
        ..EventSpec::default()
    }
}
