//! What the pages are asked. Links are shared, shortened and typed by hand: what a link says of a week, a zone or a
//! length and cannot be read is as good as not said. Forms are read as the API reads its bodies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{Datelike, NaiveDate};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::GuestRequest;
use super::bookings::hold;
use crate::domain::{EventType, EventTypeSlug, Guest, Location, QuestionKind, Ticks, Zone};
use crate::flows::{BookRequest, HoldToken, IdempotencyKey, ManageToken, SlotRequest, Wanted};
use crate::http::fields::{FieldError, Fields, FreeForm, FromField, FromFields, Prose, Start, Text};
use crate::http::words;

/// Which week to show, and how.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WeekQuery {
    /// A local date of the week; the first week that has slots when left out.
    #[param(value_type = Option<String>, example = "2026-11-23")]
    pub week: Option<NaiveDate>,
    /// The zone to show it in, by its IANA name; the host's when left out.
    #[param(value_type = Option<String>, example = "America/Sao_Paulo")]
    pub zone: Option<Zone>,
    /// Minutes: one of the event type's lengths; its first when left out.
    #[param(value_type = Option<String>, example = "30")]
    pub length: Option<Ticks>,
}

impl FromFields for WeekQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let query = Self {
            week: said::<NaiveDate>(fields, "week").filter(|date| (1970..=2200).contains(&date.year())),
            zone: said(fields, "zone"),
            length: said(fields, "length"),
        };
        fields.ignore_rest();
        Some(query)
    }
}

fn said<T: FromField>(fields: &Fields, name: &str) -> Option<T> {
    T::from_text(fields.text(name)).ok()
}

/// The capability of a booking's guest. None opens nothing.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ManageQuery {
    /// The booking's manage token.
    #[param(value_type = Option<String>)]
    pub token: ManageToken,
}

impl FromFields for ManageQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let token = ManageToken::presented(fields.text("token"));
        fields.ignore_rest();
        Some(Self { token })
    }
}

/// Which week to show to somebody who moves a booking.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MoveQuery {
    /// The booking's manage token.
    #[param(value_type = Option<String>)]
    pub token: ManageToken,
    /// A local date of the week; the booking's week when left out.
    #[param(value_type = Option<String>, example = "2026-11-23")]
    pub week: Option<NaiveDate>,
    /// The zone to show it in, by its IANA name; the guest's when left out.
    #[param(value_type = Option<String>, example = "America/Sao_Paulo")]
    pub zone: Option<Zone>,
}

impl FromFields for MoveQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let token = ManageToken::presented(fields.text("token"));
        let WeekQuery { week, zone, length: _ } = WeekQuery::from_fields(fields)?;
        Some(Self { token, week, zone })
    }
}

/// The press of a slot's button.
#[derive(Clone, Debug, ToSchema)]
pub struct HoldForm {
    /// The slot's start.
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T09:30:00Z")]
    pub start: Start,
    /// Minutes: one of the event type's lengths; its first when left out.
    #[schema(value_type = Option<i64>, minimum = 5, maximum = 720, multiple_of = 5, example = 30)]
    pub length: Option<Ticks>,
    /// The guest's zone.
    #[schema(value_type = words::TimeZone)]
    pub zone: Zone,
    /// What the page was given, so that a button pressed twice is pressed once.
    #[schema(value_type = Option<String>)]
    pub key: Option<IdempotencyKey>,
}

impl FromFields for HoldForm {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let start = fields.required::<Start>("start");
        let length = fields.optional::<Ticks>("length");
        let zone = fields.required("zone");
        let page = fields.text("key").to_owned();
        // Whatever the guest has typed before the slot was lost.
        fields.ignore_rest();
        let (start, length) = (start?, length?);
        // All buttons of a page have one key; each is an act of its own.
        let key = format!("{page}.{}.{}", start.tick.index(), length.map_or(0, Ticks::minutes));
        let key = key.parse().ok().filter(|_| !page.is_empty());
        Some(Self { start, length, zone: zone?, key })
    }
}

impl HoldForm {
    /// The slot of an event type.
    pub fn slot(&self, event_type: &EventTypeSlug) -> SlotRequest {
        SlotRequest { event_type: event_type.clone(), start: self.start.tick, length: self.length }
    }
}

/// A key for the buttons of one page. Nobody can guess it: whoever knew it could have the same hold. Empty when there
/// is no randomness to be had; buttons then work without.
pub fn form_key() -> String {
    let mut bits = [0; 16];
    match SystemRandom::new().fill(&mut bits) {
        Ok(()) => URL_SAFE_NO_PAD.encode(bits),
        Err(_unspecified) => String::new(),
    }
}

/// The guest's details, and `answer_<key>` for each question.
#[derive(Clone, Debug, ToSchema)]
pub struct BookForm {
    /// The hold.
    #[schema(value_type = words::HoldToken)]
    pub hold: HoldToken,
    /// Who books: the fields of a guest, without a prefix.
    #[schema(inline)]
    #[serde(flatten)]
    pub guest: GuestRequest,
    /// Free text, of one or more lines.
    #[schema(max_length = 4000)]
    pub notes: Option<String>,
    #[schema(ignore)]
    answers: Option<String>,
}

impl BookForm {
    /// Reads the form of an event type, with its questions.
    pub fn read(mut fields: Fields, event_type: &EventType) -> Result<Self, Vec<FieldError>> {
        fields.forget_blank();
        let hold = hold(&mut fields);
        let is_called = matches!(event_type.location, Some(Location::GuestPhone));
        if is_called && !fields.has("phone") {
            fields.wrong("phone", "is required");
        }
        let guest = GuestRequest::from_fields(&mut fields);
        let notes = fields.optional::<Prose<4000>>("notes");
        let answers = answers(&mut fields, event_type);
        fields.ignore_rest();
        let errors = fields.close();
        let form = || Some(Self { hold: hold?, guest: guest?, notes: notes?.map(|text| text.0), answers });
        form().filter(|_| errors.is_empty()).ok_or(errors)
    }
}

/// The name of the field in which a question is answered.
pub fn answer_field(key: &str) -> String {
    format!("answer_{key}")
}

/// What was answered, as JSON; nothing when nothing was asked. A wrong answer is noted.
fn answers(fields: &mut Fields, event_type: &EventType) -> Option<String> {
    let mut answers = Map::new();
    for question in &event_type.questions {
        let name = answer_field(&question.key);
        let answer = match &question.kind {
            QuestionKind::Text => fields.optional::<Text<1, 500>>(&name).map(|text| text.map(|text| text.0)),
            QuestionKind::LongText => {
                fields.optional::<Prose<4000>>(&name).map(|text| text.map(|text| text.0))
            }
            QuestionKind::Choice { options } => {
                fields.optional::<Text<1, 500>>(&name).map(|text| text.map(|text| text.0)).filter(|answer| {
                    let is_offered = answer.as_ref().is_none_or(|answer| options.contains(answer));
                    if !is_offered {
                        fields.wrong(&name, "is not among the choices");
                    }
                    is_offered
                })
            }
            QuestionKind::Checkbox => {
                let is_ticked = fields.optional::<Text<1, 10>>(&name).is_some_and(|tick| tick.is_some());
                if question.required && !is_ticked {
                    fields.wrong(&name, "must be ticked");
                }
                answers.insert(question.key.clone(), Value::Bool(is_ticked));
                continue;
            }
        };
        match answer {
            Some(Some(answer)) => drop(answers.insert(question.key.clone(), Value::String(answer))),
            Some(None) if question.required => fields.wrong(&name, "is required"),
            Some(None) | None => {}
        }
    }
    if answers.is_empty() {
        return None;
    }
    match FreeForm::from_json(&Value::Object(answers)) {
        Ok(answers) => Some(answers.0),
        Err(message) => {
            fields.wrong("notes", &message);
            None
        }
    }
}

impl From<BookForm> for BookRequest {
    fn from(form: BookForm) -> Self {
        let guest = form.guest;
        Self {
            wanted: Wanted::Held(form.hold),
            guest: Guest {
                name: guest.name,
                email: guest.email,
                phone: guest.phone,
                time_zone: guest.time_zone,
                locale: guest.locale,
            },
            answers: form.answers,
            notes: form.notes,
            metadata: None,
            sync_to_calendar: true,
        }
    }
}

/// The press of a slot's button by somebody who moves a booking.
#[derive(Clone, Debug, ToSchema)]
pub struct MoveForm {
    /// The new start.
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T09:30:00Z")]
    pub start: Start,
    /// The guest's zone.
    #[schema(value_type = words::TimeZone)]
    pub zone: Zone,
    /// The booking's manage token.
    #[schema(value_type = String)]
    pub token: ManageToken,
}

impl FromFields for MoveForm {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let start = fields.required("start");
        let zone = fields.required("zone");
        let token = ManageToken::presented(fields.text("token"));
        fields.ignore_rest();
        Some(Self { start: start?, zone: zone?, token })
    }
}

/// Calls a booking off.
#[derive(Clone, Debug, ToSchema)]
pub struct CancelForm {
    /// The booking's manage token.
    #[schema(value_type = String)]
    pub token: ManageToken,
    /// Why, in the guest's words.
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

impl FromFields for CancelForm {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        fields.forget_blank();
        let token = ManageToken::presented(fields.text("token"));
        let reason = fields.optional::<Prose<500>>("reason");
        fields.ignore_rest();
        Some(Self { token, reason: reason?.map(|text| text.0) })
    }
}
