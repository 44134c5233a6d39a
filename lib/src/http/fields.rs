//! Reads the fields of a body or a query one by one, so that an answer can name every wrong one: missing, of the
//! wrong type, out of range, or unknown.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{
    BookingId, BookingStatus, CalendarSync, EventTypeSlug, HostId, IntegrationId, ScheduleId, Tick, Ticks,
    Zone,
};

/// One field that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's path, e.g. `guest.email`.
    field: String,
    /// What is wrong with it.
    message: String,
}

impl FieldError {
    /// A field and what is wrong with it.
    pub fn new(field: &str, message: &str) -> Self {
        Self { field: field.to_owned(), message: message.to_owned() }
    }

    /// The field's path.
    pub fn field(&self) -> &str {
        &self.field
    }
}

/// What can stand in a field.
pub trait FromField: Sized {
    /// The value, or what is wrong with it.
    fn from_json(value: &Value) -> Result<Self, String>;

    /// The value of a query parameter, which is always text.
    fn from_text(text: &str) -> Result<Self, String> {
        Self::from_json(&Value::String(text.to_owned()))
    }
}

/// What is made of an object's fields.
pub trait FromFields: Sized {
    /// Reads all fields; `None` when an error was noted.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// The fields of one object that have not been read yet, and what was wrong so far.
#[derive(Clone, Debug)]
pub struct Fields {
    left: Map<String, Value>,
    is_text: bool,
    path: String,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The fields of a JSON object.
    pub fn of_object(object: Map<String, Value>) -> Self {
        Self { left: object, is_text: false, path: String::new(), errors: Vec::new() }
    }

    /// The parameters of a query string. One that stands twice is an error.
    pub fn of_query(query: &str) -> Self {
        let mut fields = Self::of_object(Map::new());
        fields.is_text = true;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if fields.left.insert(name.to_string(), Value::String(value.into_owned())).is_some() {
                fields.wrong(&name, "stands more than once");
            }
        }
        fields
    }

    /// All of them as one value, or every field that is wrong.
    pub fn read_all<T: FromFields>(mut self) -> Result<T, Vec<FieldError>> {
        let value = T::from_fields(&mut self);
        let errors = self.close();
        value.filter(|_| errors.is_empty()).ok_or(errors)
    }

    /// A field's text as it came, and nothing when it is no text.
    pub fn text(&self, name: &str) -> &str {
        self.left.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A browser sends every field of a form, the blank ones too: those were not filled in.
    pub fn forget_blank(&mut self) {
        self.left.retain(|_, value| value.as_str().is_none_or(|text| !text.trim().is_empty()));
    }

    /// A field that must be there.
    pub fn required<T: FromField>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name);
        if value.is_none() {
            self.wrong(name, "is required");
        }
        self.read(name, &value?)
    }

    /// A field that may be absent or null: `Some(None)` when it is, `None` when it is wrong.
    pub fn optional<T: FromField>(&mut self, name: &str) -> Option<Option<T>> {
        match self.take(name) {
            None => Some(None),
            Some(value) => self.read(name, &value).map(Some),
        }
    }

    /// An object that must be there.
    pub fn object<T: FromFields>(&mut self, name: &str) -> Option<T> {
        match self.take(name) {
            Some(Value::Object(object)) => {
                let path = format!("{}{name}.", self.path);
                let mut inner = Self { left: object, is_text: false, path, errors: Vec::new() };
                let value = T::from_fields(&mut inner);
                let errors = inner.close();
                let is_right = errors.is_empty();
                self.errors.extend(errors);
                value.filter(|_| is_right)
            }
            Some(_) => {
                self.wrong(name, "must be an object");
                None
            }
            None => {
                self.wrong(name, "is required");
                None
            }
        }
    }

    /// Whether a field stands there. A null is as good as none, and is taken away.
    pub fn has(&mut self, name: &str) -> bool {
        let value = self.take(name);
        let is_there = value.is_some();
        self.left.extend(value.map(|value| (name.to_owned(), value)));
        is_there
    }

    /// A list of objects that may be absent or null, of at most so many. What is wrong is named `list.0.field`.
    pub fn objects<T: FromFields>(&mut self, name: &str, most: usize) -> Option<Option<Vec<T>>> {
        let list = match self.take(name) {
            None => return Some(None),
            Some(Value::Array(list)) if list.len() <= most => list,
            Some(Value::Array(_)) => {
                self.wrong(name, &format!("must have at most {most} entries"));
                return None;
            }
            Some(_) => {
                self.wrong(name, "must be a list");
                return None;
            }
        };
        let named: Map<String, Value> =
            list.into_iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect();
        let (path, count) = (format!("{}{name}.", self.path), named.len());
        let mut entries = Self { left: named, is_text: false, path, errors: Vec::new() };
        let values: Vec<T> = (0..count).filter_map(|at| entries.object(&at.to_string())).collect();
        let errors = entries.close();
        let is_right = errors.is_empty();
        self.errors.extend(errors);
        is_right.then_some(Some(values))
    }

    /// The names of the fields that have not been read yet.
    pub fn names(&self) -> Vec<String> {
        self.left.keys().cloned().collect()
    }

    /// Whether a field is there and null, which takes away what it stands for. The null is taken away.
    pub fn is_nulled(&mut self, name: &str) -> bool {
        let is_null = self.left.get(name).is_some_and(Value::is_null);
        if is_null {
            self.left.remove(name);
        }
        is_null
    }

    /// A field that changes something or, when it is null, takes it away: `Some(None)` when it is absent.
    pub fn changed<T: FromField>(&mut self, name: &str) -> Option<Option<Option<T>>> {
        if self.is_nulled(name) {
            return Some(Some(None));
        }
        self.optional(name).map(|value| value.map(Some))
    }

    /// An object that may be absent or null.
    pub fn optional_object<T: FromFields>(&mut self, name: &str) -> Option<Option<T>> {
        if self.has(name) { self.object(name).map(Some) } else { Some(None) }
    }

    /// An object that changes something or, when it is null, takes it away: `Some(None)` when it is absent.
    pub fn changed_object<T: FromFields>(&mut self, name: &str) -> Option<Option<Option<T>>> {
        if self.is_nulled(name) {
            return Some(Some(None));
        }
        self.optional_object(name).map(|value| value.map(Some))
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, name: &str, message: &str) {
        self.errors.push(FieldError { field: format!("{}{name}", self.path), message: message.to_owned() });
    }

    /// Accepts whatever else there is.
    pub fn ignore_rest(&mut self) {
        self.left.clear();
    }

    /// Everything that was wrong; fields that nobody asked for are.
    pub fn close(mut self) -> Vec<FieldError> {
        let unknown: Vec<String> = self.left.keys().cloned().collect();
        for name in unknown {
            self.wrong(&name, "is not known");
        }
        self.errors
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    fn read<T: FromField>(&mut self, name: &str, value: &Value) -> Option<T> {
        let read = match value.as_str() {
            Some(text) if self.is_text => T::from_text(text),
            _ => T::from_json(value),
        };
        match read {
            Ok(value) => Some(value),
            Err(message) => {
                self.wrong(name, &message);
                None
            }
        }
    }
}

/// An instant of the grid, and the offset in which the caller wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The instant.
    pub tick: Tick,
    /// The caller's offset from UTC.
    pub offset: FixedOffset,
}

/// One line without control characters, trimmed. It has a least length when it is trimmed, and a greatest as it came:
/// that can be said in the API document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const LEAST: usize, const MOST: usize>(pub String);

/// Text of limited length as it came, then trimmed, that may have several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prose<const MOST: usize>(pub String);

/// An e-mail address as browsers take it in a form, with a dot in its domain. ASCII only, as they send it: no
/// letter looks like another, and a domain of other letters stands there as `xn--`.
/// <https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(pub String);

/// A language tag (BCP 47), by its letters, digits and hyphens; none is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale(pub String);

/// A JSON object of limited size, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeForm(pub String);

fn text_of(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be text".to_owned())
}

macro_rules! from_str_field {
    ($($name:ty),*) => {$(
        impl FromField for $name {
            fn from_json(value: &Value) -> Result<Self, String> {
                text_of(value)?.parse().map_err(|error: <$name as std::str::FromStr>::Err| error.to_string())
            }
        }
    )*};
}
from_str_field!(BookingId, EventTypeSlug, HostId, IntegrationId, ScheduleId, Zone);

impl FromField for NaiveDate {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = text_of(value)?;
        // Chrono also takes signs and spaces.
        let date = text.parse::<Self>().ok().filter(|date| date.to_string() == text);
        date.ok_or_else(|| "must be a date, e.g. 2026-11-20".to_owned())
    }
}

impl FromField for Start {
    fn from_json(value: &Value) -> Result<Self, String> {
        let instant = DateTime::parse_from_rfc3339(text_of(value)?).map_err(|_malformed| {
            "must be an instant with its offset (RFC 3339), e.g. 2026-11-20T09:30:00-03:00".to_owned()
        })?;
        let tick = Tick::exact(instant.with_timezone(&Utc));
        let tick = tick.ok_or_else(|| "must lie on the 5-minute grid".to_owned())?;
        Ok(Self { tick, offset: *instant.offset() })
    }
}

impl FromField for Ticks {
    fn from_json(value: &Value) -> Result<Self, String> {
        let minutes = value.as_i64().ok_or_else(|| "must be a whole number of minutes".to_owned())?;
        length(minutes)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let minutes = text.parse().map_err(|_malformed| "must be a whole number of minutes".to_owned())?;
        length(minutes)
    }
}

fn length(minutes: i64) -> Result<Ticks, String> {
    let length = Ticks::from_minutes(minutes).filter(|length| *length > Ticks::ZERO);
    let length = length.ok_or_else(|| "must be a multiple of 5 minutes, at least 5".to_owned())?;
    if length > Ticks::LONGEST_CLAIM { Err("must be at most 720 minutes".to_owned()) } else { Ok(length) }
}

impl FromField for BookingStatus {
    fn from_json(value: &Value) -> Result<Self, String> {
        let named = |status: &&Self| value.as_str() == Some(status.as_str());
        Self::ALL.iter().find(named).copied().ok_or_else(|| one_of(&Self::ALL.map(Self::as_str)))
    }
}

impl FromField for CalendarSync {
    fn from_json(value: &Value) -> Result<Self, String> {
        let named = |sync: &&Self| value.as_str() == Some(sync.as_str());
        Self::ALL.iter().find(named).copied().ok_or_else(|| one_of(&Self::ALL.map(Self::as_str)))
    }
}

fn one_of(words: &[&str]) -> String {
    format!("must be one of {}", words.join(", "))
}

impl FromField for bool {
    fn from_json(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "must be true or false".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_neither| "must be true or false".to_owned())
    }
}

impl<const LEAST: usize, const MOST: usize> FromField for Text<LEAST, MOST> {
    fn from_json(value: &Value) -> Result<Self, String> {
        let whole = text_of(value)?;
        let text = whole.trim();
        if text.chars().count() < LEAST || whole.chars().count() > MOST {
            return Err(format!("must have {LEAST} to {MOST} characters"));
        }
        if whole.contains(char::is_control) {
            return Err("must not contain control characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl<const MOST: usize> FromField for Prose<MOST> {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = text_of(value)?;
        if text.chars().count() > MOST {
            return Err(format!("must have at most {MOST} characters"));
        }
        if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err("must not contain control characters other than tabs and line breaks".to_owned());
        }
        Ok(Self(text.trim().to_owned()))
    }
}

impl FromField for Email {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = text_of(value)?.trim();
        let is_local = |local: &str| {
            (1..=64).contains(&local.len())
                && local
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte))
        };
        let is_address = text.len() <= 254
            && text.split_once('@').is_some_and(|(local, domain)| {
                is_local(local) && domain.contains('.') && domain.split('.').all(is_label)
            });
        if is_address { Ok(Self(text.to_owned())) } else { Err("must be an e-mail address".to_owned()) }
    }
}

/// One part of a domain's name.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl FromField for Locale {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = text_of(value)?;
        let is_tag = (2..=35).contains(&text.len())
            && text.split('-').all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        if is_tag { Ok(Self(text.to_owned())) } else { Err("must be a language tag, e.g. pt-BR".to_owned()) }
    }
}

impl FromField for FreeForm {
    fn from_json(value: &Value) -> Result<Self, String> {
        if !value.is_object() {
            return Err("must be an object".to_owned());
        }
        let text = value.to_string();
        if text.len() > 8192 { Err("must have at most 8192 bytes".to_owned()) } else { Ok(Self(text)) }
    }
}

impl<T: FromField> FromField for Vec<T> {
    fn from_json(value: &Value) -> Result<Self, String> {
        let values = value.as_array().ok_or_else(|| "must be a list".to_owned())?;
        let read = |(at, value)| T::from_json(value).map_err(|error| format!("entry {at} {error}"));
        values.iter().enumerate().map(read).collect()
    }
}
