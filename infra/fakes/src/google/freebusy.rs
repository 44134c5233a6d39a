//! `freeBusy.query`. What is wrong with one calendar stands inside the 200, beside an empty `busy`.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api::{Caller, Reply};
use super::errors::{Refusal, bad_parameter, bad_request, calendar_range, missing, not_simulated};
use super::web::Ask;
use super::world::{World, instant};
use super::zone::Zone;

const LONGEST: TimeDelta = TimeDelta::days(90);
const MOST_CALENDARS: usize = 50;
const MOST_GROUP_MEMBERS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    time_min: Option<String>,
    time_max: Option<String>,
    time_zone: Option<String>,
    calendar_expansion_max: Option<usize>,
    group_expansion_max: Option<usize>,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: String,
}

pub(super) fn query(world: &World, caller: &Caller, ask: &Ask) -> Result<Reply, Refusal> {
    let query: Query = serde_json::from_value(Value::Object(ask.json()?))
        .map_err(|error| bad_request("invalid", &format!("Invalid value: {error}")))?;
    let from = bound("timeMin", query.time_min.as_deref())?;
    let to = bound("timeMax", query.time_max.as_deref())?;
    if to <= from {
        return Err(calendar_range("timeRangeEmpty", "The specified time range is empty."));
    }
    if to - from > LONGEST {
        return Err(calendar_range("timeRangeTooLong", "The requested time range is too long."));
    }
    let zone: Zone = match query.time_zone.as_deref() {
        Some(name) => name.parse().ok().ok_or_else(|| bad_parameter("timeZone", "Invalid time zone"))?,
        None => Zone::UTC,
    };
    let most = query.calendar_expansion_max.unwrap_or(MOST_CALENDARS);
    if most > MOST_CALENDARS || query.group_expansion_max.is_some_and(|most| most > MOST_GROUP_MEMBERS) {
        return Err(bad_request("invalid", "An expansion maximum is too high."));
    }
    if let Some(group) = query.items.iter().find(|item| item.id.ends_with("@googlegroups.com")) {
        return Err(not_simulated(&format!("the group {}", group.id)));
    }
    let too_many = query.items.len() > most;
    let calendars: Map<String, Value> = query
        .items
        .into_iter()
        .map(|Item { id }| {
            let answer = if too_many {
                Err("tooManyCalendarsRequested".to_owned())
            } else {
                busy(world, caller, &id, (from, to))
            };
            let shown = |time: DateTime<Utc>| zone.local(time).to_rfc3339_opts(SecondsFormat::Secs, true);
            let answer = match answer {
                Ok(busy) => {
                    let busy = busy
                        .into_iter()
                        .map(|(start, end)| json!({ "start": shown(start), "end": shown(end) }));
                    json!({ "busy": busy.collect::<Vec<_>>() })
                }
                Err(reason) => json!({ "errors": [{ "domain": "global", "reason": reason }], "busy": [] }),
            };
            (id, answer)
        })
        .collect();
    Ok(Reply::Json(json!({
        "kind": "calendar#freeBusy",
        "timeMin": from.to_rfc3339_opts(SecondsFormat::Millis, true),
        "timeMax": to.to_rfc3339_opts(SecondsFormat::Millis, true),
        "calendars": calendars,
    })))
}

fn bound(name: &str, text: Option<&str>) -> Result<DateTime<Utc>, Refusal> {
    let text = text.ok_or_else(|| missing(name))?;
    instant(text).ok_or_else(|| bad_parameter(name, "Bad Request"))
}

type Interval = (DateTime<Utc>, DateTime<Utc>);

/// The busy intervals within `window`, merged and in order, or the reason why there are none to be had.
fn busy(world: &World, caller: &Caller, id: &str, window: Interval) -> Result<Vec<Interval>, String> {
    let listed = world.listed(&caller.account, id).ok_or("notFound")?;
    if let Some(reason) = world.broken.get(&listed.id) {
        return Err(reason.clone());
    }
    let calendar = world.calendars.get(&listed.id).ok_or("notFound")?;
    let mut found: Vec<Interval> = calendar
        .events
        .values()
        .filter(|event| event.is_busy(&listed.id))
        .filter_map(|event| event.span(calendar.zone))
        .map(|(start, end)| (start.max(window.0), end.min(window.1)))
        .filter(|(start, end)| start < end)
        .collect();
    found.sort_unstable();
    let mut merged: Vec<Interval> = Vec::new();
    for (start, end) in found {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            Some(_) | None => merged.push((start, end)),
        }
    }
    Ok(merged)
}
