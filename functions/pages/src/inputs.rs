//! The fields of the guest's form, with what was typed and what is wrong with it.

use holdfast::domain::{EventType, Location, Question, QuestionKind};
use holdfast::flows::Offer;
use holdfast::http::fields::{FieldError, Fields};
use holdfast::http::requests::answer_field;

use crate::texts::{Texts, fill};

/// A field.
#[derive(Debug)]
pub(crate) struct Input {
    /// Its name, and its id in the page.
    pub(crate) name: String,
    /// What it asks for.
    pub(crate) label: String,
    /// What may help.
    pub(crate) hint: Option<String>,
    /// How it is filled in.
    pub(crate) kind: Kind,
    /// Whether it must be.
    pub(crate) required: bool,
    /// What was typed.
    pub(crate) value: String,
    /// What is wrong with it.
    pub(crate) error: Option<&'static str>,
}

/// How a field is filled in.
#[derive(Debug)]
pub(crate) enum Kind {
    /// One line.
    Line {
        /// The type of the input.
        kind: &'static str,
        /// What the browser may fill in.
        autocomplete: &'static str,
        /// The most characters.
        longest: u16,
    },
    /// Several lines.
    Lines,
    /// One of these.
    Choice(Vec<String>),
    /// Ticked or not.
    Tick,
}

impl Input {
    /// The fields of an offer's form.
    pub(crate) fn of(offer: &Offer, typed: &Fields, wrong: &[FieldError], t: &'static Texts) -> Vec<Self> {
        let event_type = &offer.event_type;
        let is_called = matches!(event_type.location, Some(Location::GuestPhone));
        let fill_host = |text| fill(text, "host", &offer.host_name);
        let line = |kind, autocomplete, longest| Kind::Line { kind, autocomplete, longest };
        let own = |name: &str, label: String, kind, required, error| Self {
            name: name.to_owned(),
            label,
            hint: None,
            kind,
            required,
            value: String::new(),
            error: Some(error),
        };
        let mut inputs = vec![
            own("name", t.name.to_owned(), line("text", "name", 200), true, t.wrong_name),
            own("email", t.email.to_owned(), line("email", "email", 254), true, t.wrong_email),
        ];
        if is_called {
            let phone = own("phone", t.phone.to_owned(), line("tel", "tel", 40), true, t.wrong_phone);
            inputs.push(Self { hint: Some(fill_host(t.phone_hint)), ..phone });
        }
        inputs.extend(event_type.questions.iter().map(|question| asked(question, t)));
        inputs.push(own("notes", fill_host(t.notes), Kind::Lines, false, t.wrong_notes));
        for input in &mut inputs {
            input.value = shown(typed.text(&input.name));
            let is_wrong = wrong.iter().any(|error| error.field() == input.name);
            input.error = input.error.filter(|_| is_wrong);
        }
        inputs
    }
}

/// What was typed, without what no page may have in it.
fn shown(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).collect()
}

fn asked(question: &Question, t: &'static Texts) -> Input {
    let (kind, error) = match &question.kind {
        QuestionKind::Text => (Kind::Line { kind: "text", autocomplete: "off", longest: 500 }, t.wrong_text),
        QuestionKind::LongText => (Kind::Lines, t.wrong_long),
        QuestionKind::Choice { options } => (Kind::Choice(options.clone()), t.wrong_choice),
        QuestionKind::Checkbox => (Kind::Tick, t.wrong_tick),
    };
    Input {
        name: answer_field(&question.key),
        label: question.label.clone(),
        hint: None,
        kind,
        required: question.required,
        value: String::new(),
        error: Some(error),
    }
}

/// The names of all fields that a guest may fill in.
pub(crate) fn names(event_type: &EventType) -> impl Iterator<Item = String> {
    let own = ["name", "email", "phone", "notes"].map(str::to_owned);
    own.into_iter().chain(event_type.questions.iter().map(|question| answer_field(&question.key)))
}
