//! EventBridge: `PutEvents`, rules that match, and a queue for each rule's target.
//!
//! One rule: an event that AWS would refuse is refused, and what a rule does not match is delivered to nobody.
//! Entries are looked at by every rule, whatever bus they name; the bus stands in the journal.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

mod pattern;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use self::pattern::Pattern;
use crate::aws::{ACCOUNT, JsonApi, REGION, Refusal, StartError, body, random, serve_api, uuid};
use crate::faults::{Fault, Faults};
use crate::iam::{Guard, Iam};
use crate::serve::Server;

/// The most entries in one call.
const MAX_ENTRIES: usize = 10;
/// The most bytes in one call, counted as AWS does.
const MAX_BYTES: usize = 256 * 1024;

/// Which events go to one target. A rule with two targets is two of these.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name in the template.
    pub name: String,
    /// What it matches: arrays of exact values, `prefix`, `anything-but` and `exists`, nested as the event is.
    pub pattern: Value,
    /// Whom it delivers to, as [`EventBridge::take`] names it.
    pub target: String,
}

/// An EventBridge endpoint on loopback, for as long as this value lives.
#[derive(Debug)]
pub struct EventBridge {
    /// What its calls meet. The only operation is `PutEvents`.
    pub faults: Faults,
    server: Server,
    bus: Arc<Bus>,
}

impl EventBridge {
    /// Starts on a free port. A pattern outside the subset that [`Rule::pattern`] names is an error.
    pub async fn start(rules: Vec<Rule>) -> Result<Self, StartError> {
        let compile = |rule: Rule| match Pattern::compile(&rule.pattern) {
            Ok(pattern) => Ok((pattern, rule.target)),
            Err(reason) => Err(StartError::Pattern { rule: rule.name, reason }),
        };
        let rules = rules.into_iter().map(compile).collect::<Result<_, _>>()?;
        let bus = Arc::new(Bus {
            rules,
            inner: Mutex::default(),
            changes: watch::Sender::new(0),
            guard: Guard::default(),
        });
        let faults = Faults::default();
        let server = serve_api(faults.clone(), Arc::clone(&bus)).await?;
        Ok(Self { faults, server, bus })
    }

    /// The endpoint, e.g. for `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From now on callers may do what these grants say.
    pub fn enforce(&self, iam: Arc<Iam>) {
        self.bus.guard.set(iam);
    }

    /// The events that wait for `target`, oldest first; they wait no more.
    pub fn take(&self, target: &str) -> Vec<Value> {
        self.bus.lock().waiting.get_mut(target).map(|queue| queue.drain(..).collect()).unwrap_or_default()
    }

    /// Changes after every accepted event, so that whoever delivers knows when to look.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.bus.changes.subscribe()
    }

    /// The next so many calls take only a part of their entries: these are answered with an `ErrorCode`. Says how
    /// many calls an earlier order still waited for.
    pub fn refuse(&self, entries: Entries, calls: usize) -> usize {
        self.bus.lock().refusing.replace((entries, calls)).map_or(0, |(_, left)| left)
    }

    /// Every event ever accepted, matched or not, oldest first.
    pub fn published(&self) -> Vec<Value> {
        self.bus.lock().published.clone()
    }
}

/// Some entries of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries {
    /// So many from the first on.
    First(usize),
    /// So many up to the last.
    Last(usize),
}

impl Entries {
    fn contain(self, at: usize, of: usize) -> bool {
        match self {
            Self::First(count) => at < count,
            Self::Last(count) => at + count >= of,
        }
    }
}

/// `ThrottlingException` for a whole call.
pub fn throttled() -> Fault {
    Refusal::new("ThrottlingException", "Rate exceeded").into_fault()
}

/// `InternalException` for a whole call: it may have been taken all the same (here it was not).
pub fn internal_error() -> Fault {
    Refusal { status: 500, ..Refusal::new("InternalException", "It failed inside.") }.into_fault()
}

#[derive(Debug)]
struct Bus {
    rules: Vec<(Pattern, String)>,
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
    guard: Guard,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: HashMap<String, VecDeque<Value>>,
    published: Vec<Value>,
    refusing: Option<(Entries, usize)>,
}

impl Bus {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which entries of this call are not to be taken.
    fn refused(&self) -> Option<Entries> {
        let mut inner = self.lock();
        let (entries, calls) = inner.refusing.filter(|(_, calls)| *calls > 0)?;
        inner.refusing = Some((entries, calls - 1));
        Some(entries)
    }

    fn accept(&self, entry: Entry) -> Result<String, (&'static str, String)> {
        let event = entry.into_event()?;
        let id = event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut inner = self.lock();
        for (pattern, target) in &self.rules {
            if pattern.matches(&event) {
                inner.waiting.entry(target.clone()).or_default().push_back(event.clone());
            }
        }
        inner.published.push(event);
        drop(inner);
        self.changes.send_modify(|changes| *changes += 1);
        Ok(id)
    }
}

impl JsonApi for Bus {
    const CONTENT_TYPE: &'static str = "application/x-amz-json-1.1";

    fn guard(&self) -> &Guard {
        &self.guard
    }

    fn needs(&self, op: &str, request: &Value) -> Vec<(String, String)> {
        let entries = request.get("Entries").and_then(Value::as_array).into_iter().flatten();
        let bus = |entry: &Value| {
            let name = entry.get("EventBusName").and_then(Value::as_str).unwrap_or("default").to_owned();
            format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}")
        };
        entries.map(|entry| (format!("events:{op}"), bus(entry))).collect()
    }

    fn detail(&self, _: &str, request: &Value) -> String {
        let entries = request.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let told = |entry: &Value| {
            let text = |name| entry.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
            format!("{} {}", text("EventBusName"), text("DetailType"))
        };
        entries.iter().map(told).collect::<Vec<_>>().join(", ")
    }

    fn answer(&self, op: &str, request: Value) -> Result<Vec<u8>, Refusal> {
        if op != "PutEvents" {
            return Err(Refusal::unknown_operation(op));
        }
        let PutEvents { entries } =
            serde_json::from_value(request).map_err(|error| Refusal::validation(&error.to_string()))?;
        if entries.is_empty() || entries.len() > MAX_ENTRIES {
            return Err(Refusal::validation(&format!(
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have \
                 length between 1 and {MAX_ENTRIES}"
            )));
        }
        if entries.iter().map(Entry::size).sum::<usize>() > MAX_BYTES {
            return Err(Refusal::validation("Total size of the entries in the request is over the limit."));
        }
        let (refused, of) = (self.refused(), entries.len());
        let accept = |(at, entry)| match refused {
            Some(refused) if refused.contain(at, of) => {
                Err(("ThrottlingException", "Rate exceeded".to_owned()))
            }
            Some(_) | None => self.accept(entry),
        };
        let mut failed = 0;
        let answers: Vec<Value> = entries
            .into_iter()
            .enumerate()
            .map(|entry| match accept(entry) {
                Ok(id) => json!({ "EventId": id }),
                Err((code, message)) => {
                    failed += 1;
                    json!({ "ErrorCode": code, "ErrorMessage": message })
                }
            })
            .collect();
        body(&json!({ "FailedEntryCount": failed, "Entries": answers }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    /// Seconds since 1970, whole or not.
    time: Option<f64>,
}

impl Entry {
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size>
    fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        let texts = texts.into_iter().flatten().chain(&self.resources).map(String::len).sum::<usize>();
        texts + if self.time.is_some() { 14 } else { 0 }
    }

    fn into_event(self) -> Result<Value, (&'static str, String)> {
        let required = |name: &str, text: Option<String>| {
            text.filter(|text| !text.is_empty()).ok_or_else(|| {
                (
                    "InvalidArgument",
                    format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
                )
            })
        };
        let source = required("Source", self.source)?;
        let detail_type = required("DetailType", self.detail_type)?;
        let detail = required("Detail", self.detail)?;
        if source.starts_with("aws.") {
            return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
        }
        let Ok(detail @ Value::Object(_)) = serde_json::from_str(&detail) else {
            return Err(("MalformedDetail", "Detail is malformed.".to_owned()));
        };
        let id = random().ok_or_else(|| ("InternalFailure", "no random bytes".to_owned()))?;
        Ok(json!({
            "version": "0",
            "id": uuid(id),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": time(self.time).to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": REGION,
            "resources": self.resources,
            "detail": detail,
        }))
    }
}

#[expect(clippy::disallowed_methods, reason = "AWS stamps events by its own clock, not by the product's")]
#[expect(clippy::cast_possible_truncation, reason = "an event's time has whole seconds, as the wire has it")]
fn time(seconds: Option<f64>) -> DateTime<Utc> {
    seconds
        .and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0))
        .unwrap_or_else(|| SystemTime::now().into())
}

#[cfg(test)]
mod tests;
