//! The door of Calendar v3: which method, with which parameters, under whose token and scopes.
//!
//! The scopes and parameters of each method are of the discovery document; what it has beyond them is refused.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::errors::{
    Refusal, bad_credentials, bad_parameter, full_sync_required, insufficient_scope, no_writer, unknown,
};
use super::oauth::SCOPE_PREFIX;
use super::observe::Whole;
use super::partial::Mask;
use super::web::{self, Ask, digest};
use super::world::{Calendar, Listed, Role, World};
use super::{Site, events, freebusy, listing};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    CalendarListList,
    CalendarListGet,
    FreeBusyQuery,
    EventsList,
    EventsInsert,
    EventsGet,
    EventsPatch,
    EventsUpdate,
    EventsDelete,
}

const EVERYWHERE: [&str; 6] = ["alt", "fields", "key", "prettyPrint", "quotaUser", "userIp"];
const WRITE_SCOPES: [&str; 3] = ["calendar", "calendar.events", "calendar.events.owned"];
const READ_SCOPES: [&str; 7] = [
    "calendar",
    "calendar.readonly",
    "calendar.events",
    "calendar.events.readonly",
    "calendar.events.owned",
    "calendar.events.owned.readonly",
    "calendar.events.freebusy",
];
const INSERT_PARAMETERS: [&str; 5] =
    ["conferenceDataVersion", "maxAttendees", "sendNotifications", "sendUpdates", "supportsAttachments"];
const CHANGE_PARAMETERS: [&str; 6] = [
    "alwaysIncludeEmail",
    "conferenceDataVersion",
    "maxAttendees",
    "sendNotifications",
    "sendUpdates",
    "supportsAttachments",
];

/// A method that the fake serves, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// As the journal calls it.
    pub name: &'static str,
    /// The scopes of which one is enough, without what they all begin with.
    pub scopes: &'static [&'static str],
    /// Its parameters in the query, without those that every method has.
    pub parameters: &'static [&'static str],
}

impl Method {
    /// Parameters that every method has.
    pub const EVERYWHERE: &'static [&'static str] = &EVERYWHERE;

    /// All that the fake serves.
    pub fn all() -> impl Iterator<Item = Self> {
        Op::ALL.into_iter().map(|op| Self {
            name: op.name(),
            scopes: op.scopes(),
            parameters: op.parameters(),
        })
    }
}

impl Op {
    const ALL: [Self; 9] = [
        Self::CalendarListList,
        Self::CalendarListGet,
        Self::FreeBusyQuery,
        Self::EventsList,
        Self::EventsInsert,
        Self::EventsGet,
        Self::EventsPatch,
        Self::EventsUpdate,
        Self::EventsDelete,
    ];

    /// As the discovery document and the journal call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CalendarListList => "calendarList.list",
            Self::CalendarListGet => "calendarList.get",
            Self::FreeBusyQuery => "freeBusy.query",
            Self::EventsList => "events.list",
            Self::EventsInsert => "events.insert",
            Self::EventsGet => "events.get",
            Self::EventsPatch => "events.patch",
            Self::EventsUpdate => "events.update",
            Self::EventsDelete => "events.delete",
        }
    }

    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::CalendarListList | Self::CalendarListGet => {
                &["calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly"]
            }
            Self::FreeBusyQuery => {
                &["calendar", "calendar.readonly", "calendar.events.freebusy", "calendar.freebusy"]
            }
            Self::EventsList | Self::EventsGet => &READ_SCOPES,
            Self::EventsInsert | Self::EventsPatch | Self::EventsUpdate | Self::EventsDelete => &WRITE_SCOPES,
        }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::CalendarListList => {
                &["maxResults", "minAccessRole", "pageToken", "showDeleted", "showHidden", "syncToken"]
            }
            Self::CalendarListGet | Self::FreeBusyQuery => &[],
            Self::EventsList => &listing::PARAMETERS,
            Self::EventsGet => &["alwaysIncludeEmail", "maxAttendees", "timeZone"],
            Self::EventsInsert => &INSERT_PARAMETERS,
            Self::EventsPatch | Self::EventsUpdate => &CHANGE_PARAMETERS,
            Self::EventsDelete => &["sendNotifications", "sendUpdates"],
        }
    }

    fn writes(self) -> bool {
        matches!(self, Self::EventsInsert | Self::EventsPatch | Self::EventsUpdate | Self::EventsDelete)
    }
}

/// A method and what it is called on; an empty id where it has none.
pub(super) struct Call<'a> {
    pub(super) op: Op,
    calendar: &'a str,
    pub(super) event: &'a str,
}

impl<'a> Call<'a> {
    /// From the HTTP method and the path after `/calendar/v3`.
    pub(super) fn of(method: &str, path: &[&'a str]) -> Option<Self> {
        let (op, calendar, event) = match (method, path) {
            ("GET", &["users", "me", "calendarList"]) => (Op::CalendarListList, "", ""),
            ("GET", &["users", "me", "calendarList", calendar]) => (Op::CalendarListGet, calendar, ""),
            ("POST", &["freeBusy"]) => (Op::FreeBusyQuery, "", ""),
            ("GET", &["calendars", calendar, "events"]) => (Op::EventsList, calendar, ""),
            ("POST", &["calendars", calendar, "events"]) => (Op::EventsInsert, calendar, ""),
            ("GET", &["calendars", calendar, "events", event]) => (Op::EventsGet, calendar, event),
            ("PATCH", &["calendars", calendar, "events", event]) => (Op::EventsPatch, calendar, event),
            ("PUT", &["calendars", calendar, "events", event]) => (Op::EventsUpdate, calendar, event),
            ("DELETE", &["calendars", calendar, "events", event]) => (Op::EventsDelete, calendar, event),
            _ => return None,
        };
        Some(Self { op, calendar, event })
    }
}

/// Whose token it is, and which of its scopes are good for the method.
pub(super) struct Caller {
    pub(super) account: String,
    useful: Vec<String>,
}

impl Caller {
    /// Whether `.owned` scopes are all there is.
    fn owned_only(&self) -> bool {
        self.useful.iter().all(|scope| scope.starts_with("calendar.events.owned"))
    }

    /// Whether the scopes show times and no more.
    pub(super) fn times_only(&self) -> bool {
        self.useful.iter().all(|scope| scope == "calendar.events.freebusy")
    }
}

/// What a method answers with.
pub(super) enum Reply {
    Json(Value),
    NoContent,
}

pub(super) fn answer(site: &Site, ask: &Ask, call: &Call<'_>) -> Response<Body> {
    site.make_meetings();
    let result = Mask::of(ask).and_then(|mask| {
        let reply = if call.op.writes() {
            site.change(|world| respond(site, world, ask, call))
        } else {
            respond(site, &mut site.world(), ask, call)
        };
        Ok((reply?, mask))
    });
    let (reply, mask) = match result {
        Ok(done) => done,
        Err(refusal) => return refusal.response(),
    };
    match reply {
        Reply::Json(mut body) => {
            let etag = body.get("etag").and_then(Value::as_str).and_then(|etag| etag.parse().ok());
            let whole = Whole(body.to_string());
            mask.apply(&mut body);
            let mut response = web::json(200, &body);
            response.extensions_mut().insert(whole);
            if let Some(etag) = etag {
                response.headers_mut().insert(header::ETAG, etag);
            }
            response
        }
        Reply::NoContent => web::raw(204, Vec::new(), String::new()),
    }
}

fn respond(site: &Site, world: &mut World, ask: &Ask, call: &Call<'_>) -> Result<Reply, Refusal> {
    let caller = authenticate(site, world, ask, call.op)?;
    for (name, _) in &ask.query.0 {
        if !EVERYWHERE.contains(&name.as_str()) && !call.op.parameters().contains(&name.as_str()) {
            return Err(bad_parameter(name, &format!("Unknown parameter: {name}")));
        }
    }
    match call.op {
        Op::CalendarListList => list_calendars(world, &caller, ask),
        Op::CalendarListGet => {
            let listed = world.listed(&caller.account, call.calendar).ok_or_else(unknown)?;
            Ok(Reply::Json(calendar_entry(world, &caller.account, &listed)))
        }
        Op::FreeBusyQuery => freebusy::query(world, &caller, ask),
        Op::EventsList => {
            let listed = reach(world, &caller, call)?;
            listing::list(site, world, &caller, &listed, ask)
        }
        Op::EventsInsert | Op::EventsGet | Op::EventsPatch | Op::EventsUpdate | Op::EventsDelete => {
            let listed = reach(world, &caller, call)?;
            let act = events::Act { site, caller: &caller, listed: &listed, ask };
            match call.op {
                Op::EventsInsert => act.insert(world),
                Op::EventsPatch => act.patch(world, call.event),
                Op::EventsUpdate => act.update(world, call.event),
                Op::EventsDelete => act.delete(world, call.event),
                Op::EventsGet
                | Op::EventsList
                | Op::CalendarListList
                | Op::CalendarListGet
                | Op::FreeBusyQuery => act.get(world, call.event),
            }
        }
    }
}

fn authenticate(site: &Site, world: &World, ask: &Ask, op: Op) -> Result<Caller, Refusal> {
    let token = ask.header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let access =
        token.and_then(|token| world.access.get(token)).filter(|access| access.expires_at > site.now());
    let grant = access.and_then(|access| world.grants.get(access.grant)).filter(|grant| !grant.revoked);
    let grant = grant.ok_or_else(bad_credentials)?;
    let useful: Vec<String> = grant
        .scopes
        .iter()
        .filter_map(|scope| scope.strip_prefix(SCOPE_PREFIX))
        .filter(|scope| op.scopes().contains(scope))
        .map(str::to_owned)
        .collect();
    if useful.is_empty() {
        Err(insufficient_scope())
    } else {
        Ok(Caller { account: grant.account.clone(), useful })
    }
}

/// The calendar as the caller may use it for this method.
fn reach(world: &World, caller: &Caller, call: &Call<'_>) -> Result<Listed, Refusal> {
    let listed = world.listed(&caller.account, call.calendar).ok_or_else(unknown)?;
    if listed.role != Role::Owner && caller.owned_only() {
        return Err(insufficient_scope());
    }
    if listed.role < Role::Writer && call.op.writes() {
        return Err(no_writer());
    }
    Ok(listed)
}

fn list_calendars(world: &World, caller: &Caller, ask: &Ask) -> Result<Reply, Refusal> {
    if ask.query.get("syncToken").is_some() {
        // Google may say so at any time, and the fake does at every time.
        return Err(full_sync_required());
    }
    let least = match ask.query.get("minAccessRole") {
        Some(role) => Role::parse(role).ok_or_else(|| bad_parameter("minAccessRole", "Invalid value"))?,
        None => Role::FreeBusyReader,
    };
    let size = page_size(world, ask, 100, 250)?;
    let from = match ask.query.get("pageToken") {
        Some(token) => {
            open_token::<usize>("L", token).ok_or_else(|| bad_parameter("pageToken", "Invalid page token"))?
        }
        None => 0,
    };
    let account = world.accounts.get(&caller.account).ok_or_else(bad_credentials)?;
    let mut rest = account.listed.iter().filter(|listed| listed.role >= least).skip(from);
    let items: Vec<Value> =
        rest.by_ref().take(size).map(|listed| calendar_entry(world, &caller.account, listed)).collect();
    let next = if rest.next().is_some() {
        ("nextPageToken", seal_token("L", &(from + size)))
    } else {
        ("nextSyncToken", seal_token("C", &world.changes()))
    };
    let mut body = json!({ "kind": "calendar#calendarList", "etag": "\"p32g\"", "items": items });
    if let Some(body) = body.as_object_mut() {
        body.insert(next.0.to_owned(), json!(next.1));
    }
    Ok(Reply::Json(body))
}

fn calendar_entry(world: &World, account: &str, listed: &Listed) -> Value {
    let calendar = world.calendars.get(&listed.id);
    let summary = calendar.map_or("", |calendar: &Calendar| calendar.summary.as_str());
    let etag = digest(&format!("{} {} {summary}", listed.id, listed.role.as_str()));
    let mut entry = json!({
        "kind": "calendar#calendarListEntry",
        "etag": format!("\"{etag}\""),
        "id": listed.id,
        "summary": summary,
        "timeZone": calendar.map_or("UTC", |calendar| calendar.zone.name()),
        "colorId": "14",
        "backgroundColor": "#9fe1e7",
        "foregroundColor": "#000000",
        "selected": true,
        "accessRole": listed.role.as_str(),
        "defaultReminders": [],
        "conferenceProperties": { "allowedConferenceSolutionTypes": world.meetings.allowed(&listed.id) },
    });
    if let Some(entry) = entry.as_object_mut() {
        if listed.id == account {
            entry.insert("primary".to_owned(), json!(true));
        } else if let Some(calendar) = calendar {
            entry.insert("dataOwner".to_owned(), json!(calendar.owner));
        }
    }
    entry
}

/// `maxResults`, brought down to what Google and the test allow.
pub(super) fn page_size(world: &World, ask: &Ask, usual: usize, most: usize) -> Result<usize, Refusal> {
    let asked = match ask.query.get("maxResults") {
        Some(text) => {
            let number = text.parse().ok().filter(|&number: &usize| number > 0);
            number.ok_or_else(|| bad_parameter("maxResults", "Invalid integer value"))?
        }
        None => usual,
    };
    Ok(asked.min(most).min(world.page_size.unwrap_or(most)).max(1))
}

/// A `true` or `false` of the query; `None` if it is not there.
pub(super) fn flag(ask: &Ask, name: &str) -> Result<Option<bool>, Refusal> {
    match ask.query.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(bad_parameter(name, &format!("Invalid boolean value: {other}."))),
    }
}

/// A page or sync token: opaque to the caller, of one kind, and nothing but what is in it.
pub(super) fn seal_token(kind: &str, content: &impl Serialize) -> String {
    // A tuple of a string and plain data always serialises.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(kind, content)).unwrap_or_default())
}

pub(super) fn open_token<T: DeserializeOwned>(kind: &str, token: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (sealed, content): (String, T) = serde_json::from_slice(&bytes).ok()?;
    (sealed == kind).then_some(content)
}
