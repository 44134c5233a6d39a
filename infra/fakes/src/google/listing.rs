//! `events.list`: pages, and the incremental sync. The sync token comes with the last page only and speaks
//! for the moment of the first, so that a change between two pages is never lost.
//!
//! <https://developers.google.com/workspace/calendar/api/guides/sync>

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Site;
use super::api::{Caller, Reply, flag, open_token, page_size, seal_token};
use super::errors::{
    Refusal, bad_parameter, bad_request, broken, calendar_range, full_sync_required, not_simulated, unknown,
};
use super::events::view;
use super::web::{Ask, digest};
use super::world::{Calendar, Event, Listed, World, instant};

pub(super) const PARAMETERS: [&str; 18] = [
    "alwaysIncludeEmail",
    "eventTypes",
    "iCalUID",
    "maxAttendees",
    "maxResults",
    "orderBy",
    "pageToken",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "showDeleted",
    "showHiddenInvitations",
    "singleEvents",
    "syncToken",
    "timeMax",
    "timeMin",
    "timeZone",
    "updatedMin",
];
const NOT_SIMULATED: [&str; 3] = ["q", "sharedExtendedProperty", "updatedMin"];
/// Refused together with a sync token (and with any of those that filter, no sync token is given).
const NOT_WITH_SYNC: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMax",
    "timeMin",
    "updatedMin",
];
const NO_SYNC_TOKEN: [&str; 3] = ["iCalUID", "orderBy", "privateExtendedProperty"];
/// What may differ from page to page.
const PER_PAGE: [&str; 4] = ["fields", "maxResults", "pageToken", "prettyPrint"];

/// Where the next page goes on.
#[derive(Serialize, Deserialize)]
struct Onward {
    after: (String, String),
    as_of: u64,
    same: String,
}

/// What a sync token holds.
#[derive(Serialize, Deserialize)]
struct Since {
    calendar: String,
    as_of: u64,
    epoch: u64,
    same: String,
}

enum Order {
    Id,
    Start,
    Updated,
}

/// The question, as far as it is about which events.
struct Wanted<'a> {
    ask: &'a Ask,
    since: Option<u64>,
    deleted: bool,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    order: Order,
}

pub(super) fn list(
    site: &Site,
    world: &World,
    caller: &Caller,
    listed: &Listed,
    ask: &Ask,
) -> Result<Reply, Refusal> {
    match world.broken.get(&listed.id).map(String::as_str) {
        Some("notFound") => return Err(unknown()),
        Some(_) => return Err(broken()),
        None => {}
    }
    let calendar = world.calendars.get(&listed.id).ok_or_else(unknown)?;
    let wanted = Wanted::of(world, listed, ask)?;
    let size = page_size(world, ask, 250, 2500)?;
    let same = sameness(ask, |name| !PER_PAGE.contains(&name));
    let onward = match ask.query.get("pageToken") {
        Some(token) => {
            let onward = open_token::<Onward>("P", token).filter(|onward| onward.same == same);
            Some(onward.ok_or_else(|| bad_parameter("pageToken", "Invalid page token value."))?)
        }
        None => None,
    };
    let as_of = onward.as_ref().map_or(world.changes(), |onward| onward.as_of);
    let mut found: Vec<((String, String), &Event)> = calendar
        .events
        .iter()
        .filter(|(_, event)| wanted.holds(event, calendar))
        .map(|(id, event)| ((wanted.key(event, calendar), id.clone()), event))
        .filter(|(key, _)| onward.as_ref().is_none_or(|onward| *key > onward.after))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));

    let view = view(site, caller, listed, ask, calendar.zone)?;
    let items: Vec<Value> = found
        .iter()
        .take(size)
        .map(|(_, event)| if event.is_cancelled() { view.tombstone(event) } else { view.whole(event) })
        .collect();
    let mut body = json!({
        "kind": "calendar#events",
        "etag": format!("\"p{}\"", world.changes()),
        "summary": calendar.summary,
        "description": "",
        "updated": site.now().to_rfc3339_opts(SecondsFormat::Millis, true),
        "timeZone": view.zone.name(),
        "accessRole": listed.role.as_str(),
        "defaultReminders": [],
        "items": items,
    });
    let last_key = size.checked_sub(1).and_then(|last| found.get(last)).map(|(key, _)| key.clone());
    let next = if let (true, Some(after)) = (found.len() > size, last_key) {
        Some(("nextPageToken", seal_token("P", &Onward { after, as_of, same })))
    } else if NO_SYNC_TOKEN.iter().any(|name| ask.query.get(name).is_some()) {
        None
    } else {
        let (calendar, epoch, same) = (listed.id.clone(), world.sync_epoch, sync_sameness(ask));
        Some(("nextSyncToken", seal_token("S", &Since { calendar, as_of, epoch, same })))
    };
    if let (Some((name, token)), Some(body)) = (next, body.as_object_mut()) {
        body.insert(name.to_owned(), json!(token));
    }
    Ok(Reply::Json(body))
}

impl<'a> Wanted<'a> {
    fn of(world: &World, listed: &Listed, ask: &'a Ask) -> Result<Self, Refusal> {
        if let Some(name) = NOT_SIMULATED.iter().find(|name| ask.query.get(name).is_some()) {
            return Err(not_simulated(name));
        }
        let deleted = flag(ask, "showDeleted")?;
        let since = match ask.query.get("syncToken") {
            Some(token) => Some(since(world, listed, ask, token, deleted)?),
            None => None,
        };
        let (from, to) = (bound(ask, "timeMin")?, bound(ask, "timeMax")?);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(calendar_range("timeRangeEmpty", "The specified time range is empty."));
        }
        let single = flag(ask, "singleEvents")?.unwrap_or(false);
        let order = match ask.query.get("orderBy") {
            None => Order::Id,
            Some("updated") => Order::Updated,
            Some("startTime") if single => Order::Start,
            Some(_) => {
                let message = "The requested ordering is not available for the particular query.";
                return Err(bad_parameter("orderBy", message));
            }
        };
        if let Some(bad) = ask.query.all("privateExtendedProperty").find(|pair| !pair.contains('=')) {
            return Err(bad_parameter("privateExtendedProperty", &format!("Invalid value: {bad}")));
        }
        Ok(Self { ask, since, deleted: deleted.unwrap_or(false), from, to, order })
    }

    fn holds(&self, event: &Event, calendar: &Calendar) -> bool {
        // In an increment a change is a change, also one that deletes.
        let shown = match self.since {
            Some(change) => event.change > change,
            None => self.deleted || !event.is_cancelled(),
        };
        if !shown {
            return false;
        }
        if self.from.is_some() || self.to.is_some() {
            let Some((start, end)) = event.span(calendar.zone) else { return false };
            let late = self.to.is_some_and(|to| start >= to);
            if late || self.from.is_some_and(|from| end <= from) {
                return false;
            }
        }
        let query = &self.ask.query;
        let properties = event.fields.get("extendedProperties").and_then(|all| all.get("private"));
        let has = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, value)| {
                properties.and_then(|all| all.get(name)?.as_str()) == Some(value)
            })
        };
        let mut types = query.all("eventTypes").peekable();
        query.all("privateExtendedProperty").all(has)
            && query.get("iCalUID").is_none_or(|uid| uid == event.text("iCalUID"))
            && (types.peek().is_none() || types.any(|one| one == event.text("eventType")))
    }

    /// What the list is sorted by, before the id.
    fn key(&self, event: &Event, calendar: &Calendar) -> String {
        match self.order {
            Order::Id => String::new(),
            Order::Start => {
                event.span(calendar.zone).map_or_else(String::new, |(start, _)| start.to_rfc3339())
            }
            Order::Updated => event.text("updated").to_owned(),
        }
    }
}

/// The change after which a sync token asks; or why it is not good, or not with these parameters.
fn since(
    world: &World,
    listed: &Listed,
    ask: &Ask,
    token: &str,
    deleted: Option<bool>,
) -> Result<u64, Refusal> {
    let clash = NOT_WITH_SYNC.iter().find(|name| ask.query.get(name).is_some()).copied();
    let clash = clash.or_else(|| deleted.is_some_and(|deleted| !deleted).then_some("showDeleted"));
    if let Some(name) = clash {
        let message = format!("Sync token cannot be used with {name}.");
        return Err(bad_parameter(name, &message));
    }
    let since = open_token::<Since>("S", token).ok_or_else(full_sync_required)?;
    if since.calendar != listed.id || since.epoch != world.sync_epoch {
        return Err(full_sync_required());
    }
    if since.same != sync_sameness(ask) {
        return Err(bad_request("invalid", "The parameters differ from those of the first synchronisation."));
    }
    Ok(since.as_of)
}

/// What must be equal in every request of one chain of syncs.
fn sync_sameness(ask: &Ask) -> String {
    sameness(ask, |name| ["singleEvents", "eventTypes", "showHiddenInvitations"].contains(&name))
}

fn sameness(ask: &Ask, counts: impl Fn(&str) -> bool) -> String {
    let mut pairs: Vec<&(String, String)> = ask.query.0.iter().filter(|(name, _)| counts(name)).collect();
    pairs.sort();
    digest(&format!("{pairs:?}")).chars().take(12).collect()
}

fn bound(ask: &Ask, name: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    match ask.query.get(name) {
        Some(text) => instant(text).map(Some).ok_or_else(|| bad_parameter(name, "Bad Request")),
        None => Ok(None),
    }
}
