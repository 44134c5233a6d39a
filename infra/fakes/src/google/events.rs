//! `events.insert`, `get`, `patch`, `update`, `delete`. A deleted event keeps its id for ever.
//!
//! A second insert under an id is 409, also after a delete; a change of a deleted event 403; a second delete 410.

use chrono::{DateTime, SecondsFormat, Utc};
use http::header;
use serde_json::{Value, json};

use super::Site;
use super::api::{Caller, Reply};
use super::body::{merge, read, settle};
use super::errors::{
    Refusal, bad_parameter, bad_request, changed_since, duplicate, is_deleted, no_access, not_simulated,
    unknown,
};
use super::meet;
use super::render::View;
use super::web::{Ask, random};
use super::world::{Calendar, Event, Fields, Listed, World};
use super::zone::Zone;

/// One call on the events of one calendar.
pub(super) struct Act<'a> {
    pub(super) site: &'a Site,
    pub(super) caller: &'a Caller,
    pub(super) listed: &'a Listed,
    pub(super) ask: &'a Ask,
}

/// What the server keeps of an event when a client replaces it.
const KEPT: [&str; 11] = [
    "conferenceData",
    "created",
    "creator",
    "eventType",
    "hangoutLink",
    "iCalUID",
    "id",
    "organizer",
    "originalStartTime",
    "recurringEventId",
    "sequence",
];

impl Act<'_> {
    pub(super) fn get(&self, world: &World, id: &str) -> Result<Reply, Refusal> {
        let event = self.calendar(world)?.events.get(id).ok_or_else(unknown)?;
        Ok(Reply::Json(self.view(world)?.whole(event)))
    }

    pub(super) fn insert(&self, world: &mut World) -> Result<Reply, Refusal> {
        let mut body = read(self.ask)?;
        body.retain(|_, value| !value.is_null());
        let version = self.options()?;
        if body.contains_key("id") && body.contains_key("iCalUID") {
            return Err(bad_request("invalid", "Give an id or an iCalUID, not both."));
        }
        let id = match body.remove("id").as_ref().and_then(Value::as_str) {
            Some(id) if is_event_id(id) => id.to_owned(),
            Some(_) => return Err(bad_request("invalid", "Invalid resource id value.")),
            None => new_event_id(),
        };
        let calendar = self.calendar(world)?;
        if calendar.events.contains_key(&id) {
            return Err(duplicate());
        }
        let refused = |field: &str, values: &[&str]| {
            body.get(field).and_then(Value::as_str).is_some_and(|value| values.contains(&value))
        };
        if refused("status", &["cancelled"]) {
            return Err(bad_request("invalid", "Invalid value for: status"));
        }
        if refused("eventType", &["birthday", "fromGmail"]) || body.contains_key("recurringEventId") {
            return Err(not_simulated("how to make such an event"));
        }
        let mut fields = first_fields(&id, &self.caller.account, self.listed, calendar, self.site.now());
        let allowed = world.meetings.allowed(&self.listed.id);
        let pending = meet::take(&mut body, &mut fields, version, false, &allowed)?;
        merge(&mut fields, body);
        settle(&mut fields, calendar.zone)?;
        self.store(world, &id, fields, pending)
    }

    pub(super) fn patch(&self, world: &mut World, id: &str) -> Result<Reply, Refusal> {
        let (old, mut body, version) = self.read_change(world, id)?;
        let mut fields = old.fields.clone();
        let allowed = world.meetings.allowed(&self.listed.id);
        let pending = meet::take(&mut body, &mut fields, version, false, &allowed)?;
        merge(&mut fields, body);
        self.finish_change(world, id, &old, fields, pending)
    }

    pub(super) fn update(&self, world: &mut World, id: &str) -> Result<Reply, Refusal> {
        let (old, mut body, version) = self.read_change(world, id)?;
        body.retain(|_, value| !value.is_null());
        let mut fields = old.fields.clone();
        fields.retain(|name, _| KEPT.contains(&name.as_str()));
        fields.insert("reminders".to_owned(), json!({ "useDefault": true }));
        let allowed = world.meetings.allowed(&self.listed.id);
        let pending = meet::take(&mut body, &mut fields, version, true, &allowed)?;
        merge(&mut fields, body);
        self.finish_change(world, id, &old, fields, pending)
    }

    pub(super) fn delete(&self, world: &mut World, id: &str) -> Result<Reply, Refusal> {
        self.options()?;
        let event = self.calendar(world)?.events.get(id).ok_or_else(unknown)?;
        if event.is_cancelled() {
            return Err(is_deleted());
        }
        self.check_etag(event)?;
        let mut fields = event.fields.clone();
        fields.insert("status".to_owned(), json!("cancelled"));
        put(world, &self.listed.id, id, fields, self.site.now());
        Ok(Reply::NoContent)
    }

    /// The event to change, the body, and the conference version; the body may not touch what is immutable.
    fn read_change(&self, world: &World, id: &str) -> Result<(Event, Fields, u8), Refusal> {
        let mut body = read(self.ask)?;
        let version = self.options()?;
        let old = self.calendar(world)?.events.get(id).ok_or_else(unknown)?;
        if old.is_cancelled() {
            return Err(no_access());
        }
        self.check_etag(old)?;
        for name in ["id", "iCalUID", "eventType", "recurringEventId", "originalStartTime"] {
            let given = body.remove(name).filter(|given| !given.is_null());
            // An occurrence's original start is written in another zone than it is kept.
            let same =
                given.is_none() || given.as_ref() == old.fields.get(name) || name == "originalStartTime";
            if !same {
                return Err(bad_request("invalid", &format!("Invalid value for: {name}")));
            }
        }
        let number = |value: Option<&Value>| value.and_then(Value::as_i64).unwrap_or_default();
        if let Some(given) = body.remove("sequence")
            && number(Some(&given)) < number(old.fields.get("sequence"))
        {
            return Err(bad_request("invalid", "Invalid sequence value."));
        }
        Ok((old.clone(), body, version))
    }

    fn finish_change(
        &self,
        world: &mut World,
        id: &str,
        old: &Event,
        mut fields: Fields,
        pending: Option<Value>,
    ) -> Result<Reply, Refusal> {
        settle(&mut fields, self.calendar(world)?.zone)?;
        if fields.get("start") != old.fields.get("start") || fields.get("end") != old.fields.get("end") {
            bump(&mut fields);
        }
        self.store(world, id, fields, pending)
    }

    fn store(
        &self,
        world: &mut World,
        id: &str,
        fields: Fields,
        pending: Option<Value>,
    ) -> Result<Reply, Refusal> {
        let now = self.site.now();
        put(world, &self.listed.id, id, fields, now);
        if let Some(request) = pending {
            meet::begin(world, &self.listed.id, id, request, now);
        }
        let event = self.calendar(world)?.events.get(id).ok_or_else(unknown)?;
        Ok(Reply::Json(self.view(world)?.whole(event)))
    }

    fn calendar<'w>(&self, world: &'w World) -> Result<&'w Calendar, Refusal> {
        world.calendars.get(&self.listed.id).ok_or_else(unknown)
    }

    fn view(&self, world: &World) -> Result<View<'_>, Refusal> {
        let kept = self.calendar(world)?.zone;
        view(self.site, self.caller, self.listed, self.ask, kept)
    }

    /// `conferenceDataVersion`, and that the other options of a write have values that exist.
    fn options(&self) -> Result<u8, Refusal> {
        if let Some(who) = self.ask.query.get("sendUpdates")
            && !["all", "externalOnly", "none"].contains(&who)
        {
            return Err(bad_parameter("sendUpdates", &format!("Invalid value: {who}")));
        }
        match self.ask.query.get("conferenceDataVersion") {
            None | Some("0") => Ok(0),
            Some("1") => Ok(1),
            Some(_) => Err(bad_parameter("conferenceDataVersion", "Invalid value, allowed are 0 and 1")),
        }
    }

    fn check_etag(&self, event: &Event) -> Result<(), Refusal> {
        match self.ask.header(header::IF_MATCH) {
            Some(wanted) if wanted != "*" && wanted != event.etag() => Err(changed_since()),
            Some(_) | None => Ok(()),
        }
    }
}

/// How the caller sees a calendar; `zone` is the calendar's, unless the query names another.
pub(super) fn view<'a>(
    site: &'a Site,
    caller: &'a Caller,
    listed: &'a Listed,
    ask: &Ask,
    zone: Zone,
) -> Result<View<'a>, Refusal> {
    let zone = match ask.query.get("timeZone") {
        Some(name) => name.parse().ok().ok_or_else(|| bad_parameter("timeZone", "Invalid time zone"))?,
        None => zone,
    };
    let times_only = caller.times_only() || listed.role == super::world::Role::FreeBusyReader;
    let most_attendees = match ask.query.get("maxAttendees") {
        Some(text) => {
            let number = text.parse().ok().filter(|&number: &usize| number > 0);
            number.ok_or_else(|| bad_parameter("maxAttendees", "Invalid integer value"))?
        }
        None => usize::MAX,
    };
    let (base, account, calendar) = (site.base(), caller.account.as_str(), listed.id.as_str());
    Ok(View { base, account, calendar, zone, times_only, most_attendees })
}

/// What every new event has, before its own fields.
pub(super) fn first_fields(
    id: &str,
    creator: &str,
    listed: &Listed,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> Fields {
    let mut organizer = json!({ "email": listed.id });
    if listed.id != creator
        && let Some(organizer) = organizer.as_object_mut()
    {
        organizer.insert("displayName".to_owned(), json!(calendar.summary));
    }
    Fields::from_iter([
        ("id".to_owned(), json!(id)),
        ("status".to_owned(), json!("confirmed")),
        ("created".to_owned(), json!(now.to_rfc3339_opts(SecondsFormat::Millis, true))),
        ("creator".to_owned(), json!({ "email": creator })),
        ("organizer".to_owned(), organizer),
        ("iCalUID".to_owned(), json!(format!("{id}@google.com"))),
        ("sequence".to_owned(), json!(0)),
        ("reminders".to_owned(), json!({ "useDefault": true })),
        ("eventType".to_owned(), json!("default")),
    ])
}

/// Writes an event, which changes its etag and shows in the next incremental sync.
pub(super) fn put(world: &mut World, calendar: &str, id: &str, mut fields: Fields, now: DateTime<Utc>) {
    fields.insert("updated".to_owned(), json!(now.to_rfc3339_opts(SecondsFormat::Millis, true)));
    let change = world.next_change();
    if let Some(calendar) = world.calendars.get_mut(calendar) {
        calendar.events.insert(id.to_owned(), Event { fields, change });
    }
}

/// Raises `sequence`, as a new time does.
pub(super) fn bump(fields: &mut Fields) {
    let sequence = fields.get("sequence").and_then(Value::as_i64).unwrap_or_default();
    fields.insert("sequence".to_owned(), json!(sequence + 1));
}

/// Base32hex in lower case, 5 to 1024 characters.
pub(super) fn is_event_id(id: &str) -> bool {
    (5..=1024).contains(&id.len()) && id.chars().all(|letter| matches!(letter, 'a'..='v' | '0'..='9'))
}

pub(super) fn new_event_id() -> String {
    random::<26>().iter().filter_map(|byte| char::from_digit(u32::from(byte & 31), 32)).collect()
}
