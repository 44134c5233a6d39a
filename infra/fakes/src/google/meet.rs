//! Meet conferences. One that is asked for is made in its own time: the answer to the write says `pending`, and so
//! does every read for some seconds more by the fake's clock.
//!
//! A request id is good for one conference: the same one again is ignored, also after a failure.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::{Refusal, bad_request, missing};
use super::web::random;
use super::world::{Event, Fields, World};
use super::{Google, Site, events};

/// How long Google takes.
const TAKES: TimeDelta = TimeDelta::seconds(5);
const MEET: &str = "hangoutsMeet";

/// A conference that is being made.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Meeting {
    calendar: String,
    event: String,
    request: Value,
    ready_at: DateTime<Utc>,
}

/// What a test says of conferences.
#[derive(Default)]
pub(super) struct Meetings {
    takes: Option<TimeDelta>,
    fail: bool,
    /// Calendars that have none.
    refused: Vec<String>,
}

impl Meetings {
    /// The kinds of conference that events of a calendar can have.
    pub(super) fn allowed(&self, calendar: &str) -> Vec<&'static str> {
        if self.refused.iter().any(|refused| refused == calendar) { Vec::new() } else { vec![MEET] }
    }
}

impl Google {
    /// From now on a conference takes so long.
    pub fn set_meet_delay(&self, takes: TimeDelta) {
        self.site.change(|world| world.meetings.takes = Some(takes));
    }

    /// From now on whether conferences that are asked for, or still being made, fail.
    pub fn fail_meetings(&self, fail: bool) {
        self.site.change(|world| world.meetings.fail = fail);
    }

    /// From now on the calendar's events can have no conference, as where an administrator has turned Meet off.
    pub fn forbid_meetings(&self, calendar: &str) {
        self.site.change(|world| world.meetings.refused.push(calendar.to_owned()));
    }
}

impl Site {
    /// Brings the world's conferences up to its clock. Each is a change of its event.
    pub(super) fn make_meetings(&self) {
        let now = self.now();
        if self.world().pending_meetings.iter().any(|meeting| meeting.ready_at <= now) {
            self.change(|world| make_meetings(world, now));
        }
    }
}

fn make_meetings(world: &mut World, now: DateTime<Utc>) {
    let pending = std::mem::take(&mut world.pending_meetings);
    let (ready, pending) = pending.into_iter().partition(|meeting| meeting.ready_at <= now);
    world.pending_meetings = pending;
    let ready: Vec<Meeting> = ready;
    for meeting in ready {
        let event = world.calendars.get(&meeting.calendar).and_then(|found| found.events.get(&meeting.event));
        let Some(Event { fields, .. }) = event.filter(|event| !event.is_cancelled()) else { continue };
        // Replaced or taken away meanwhile.
        if fields.get("conferenceData").and_then(requested) != Some(&meeting.request) {
            continue;
        }
        let mut fields = fields.clone();
        finish(&mut fields, &meeting.request, world.meetings.fail);
        events::put(world, &meeting.calendar, &meeting.event, fields, now);
    }
}

fn requested(data: &Value) -> Option<&Value> {
    data.get("createRequest")?.get("requestId")
}

fn create_request(id: &Value, status: &str) -> Value {
    json!({
        "requestId": id,
        "conferenceSolutionKey": { "type": MEET },
        "status": { "statusCode": status },
    })
}

fn finish(fields: &mut Fields, request: &Value, fail: bool) {
    if fail {
        let failed = json!({ "createRequest": create_request(request, "failure") });
        fields.insert("conferenceData".to_owned(), failed);
        return;
    }
    let meeting: String = random::<10>().map(|byte| char::from(b'a' + byte % 26)).iter().collect();
    let (one, rest) = meeting.split_at(3);
    let (two, three) = rest.split_at(4);
    let code = format!("{one}-{two}-{three}");
    let link = format!("https://meet.google.com/{code}");
    let made = json!({
        "createRequest": create_request(request, "success"),
        "entryPoints": [{ "entryPointType": "video", "uri": link, "label": format!("meet.google.com/{code}") }],
        "conferenceSolution": { "key": { "type": MEET }, "name": "Google Meet" },
        "conferenceId": code,
    });
    fields.insert("conferenceData".to_owned(), made);
    fields.insert("hangoutLink".to_owned(), json!(link));
}

/// Moves the conference out of `body` into `target`. Below version 1 Google drops it without a word. Gives the id
/// of the request when one is to be made.
pub(super) fn take(
    body: &mut Fields,
    target: &mut Fields,
    version: u8,
    replaces: bool,
    allowed: &[&str],
) -> Result<Option<Value>, Refusal> {
    let given = body.remove("conferenceData");
    if version == 0 || (given.is_none() && !replaces) {
        return Ok(None);
    }
    let Some(data) = given.filter(|data| !data.is_null()) else {
        target.remove("conferenceData");
        target.remove("hangoutLink");
        return Ok(None);
    };
    let Some(request) = data.get("createRequest").filter(|request| !request.is_null()) else {
        target.insert("conferenceData".to_owned(), data);
        return Ok(None);
    };
    let asked = request.get("requestId").filter(|id| id.is_string());
    let id = asked.ok_or_else(|| missing("conferenceData.createRequest.requestId"))?;
    if target.get("conferenceData").and_then(requested) == Some(id) {
        return Ok(None);
    }
    let sort = request.pointer("/conferenceSolutionKey/type").and_then(Value::as_str);
    if !sort.is_some_and(|sort| allowed.contains(&sort)) {
        return Err(bad_request("invalid", "Invalid conference type value."));
    }
    target.remove("hangoutLink");
    target.insert("conferenceData".to_owned(), json!({ "createRequest": create_request(id, "pending") }));
    Ok(Some(id.clone()))
}

/// Begins a conference for an event that has just been written.
pub(super) fn begin(world: &mut World, calendar: &str, event: &str, request: Value, now: DateTime<Utc>) {
    let ready_at = now + world.meetings.takes.unwrap_or(TAKES);
    let (calendar, event) = (calendar.to_owned(), event.to_owned());
    world.pending_meetings.push(Meeting { calendar, event, request, ready_at });
}
