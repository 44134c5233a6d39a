//! What a guest must say, held against what the event type asks.

use serde_json::{Map, Value};

use super::error::WrongAnswer;
use super::request::BookRequest;
use crate::domain::{EventType, Location, Question, QuestionKind, Scope};

const LONGEST_LINE: usize = 500;
const LONGEST_TEXT: usize = 4000;

/// Every field that does not answer what is asked. Members of staff may leave out what they do not know.
pub(in crate::flows) fn check_guest(
    event_type: &EventType,
    scope: &Scope,
    request: &BookRequest,
) -> Vec<WrongAnswer> {
    let is_guest = !scope.is_staff();
    let wrong = |field: String, message: &'static str| WrongAnswer { field, message };
    let mut found = Vec::new();
    if is_guest && event_type.location == Some(Location::GuestPhone) && request.guest.phone.is_none() {
        found.push(wrong("guest.phone".to_owned(), "is required: the host calls"));
    }
    if event_type.questions.is_empty() {
        return found;
    }
    let answers: Map<String, Value> =
        request.answers.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    for question in &event_type.questions {
        let answer = answers.get(&question.key).filter(|answer| !answer.is_null());
        let message = match answer {
            Some(answer) => check(question, answer),
            None if question.required && is_guest => Some("is required"),
            None => None,
        };
        found.extend(message.map(|message| wrong(format!("answers.{}", question.key), message)));
    }
    let is_asked = |key: &String| event_type.questions.iter().any(|question| question.key == *key);
    let unasked = answers.keys().filter(|key| !is_asked(key));
    found.extend(unasked.map(|key| wrong(format!("answers.{key}"), "is not asked")));
    found
}

fn check(question: &Question, answer: &Value) -> Option<&'static str> {
    let text = answer.as_str().map(str::trim);
    match (&question.kind, text) {
        (QuestionKind::Checkbox, _) => match answer.as_bool() {
            Some(false) if question.required => Some("must be true"),
            Some(_) => None,
            None => Some("must be true or false"),
        },
        (_, None) => Some("must be text"),
        (_, Some("")) if question.required => Some("is required"),
        (QuestionKind::Text, Some(line)) if line.contains(['\n', '\r']) => Some("must be one line"),
        (QuestionKind::Text, Some(line)) if line.chars().count() > LONGEST_LINE => {
            Some("must have at most 500 characters")
        }
        (QuestionKind::LongText, Some(text)) if text.chars().count() > LONGEST_TEXT => {
            Some("must have at most 4000 characters")
        }
        (QuestionKind::Choice { options }, Some(chosen))
            if !options.iter().any(|option| option == chosen) =>
        {
            Some("must be one of the options")
        }
        (QuestionKind::Text | QuestionKind::LongText | QuestionKind::Choice { .. }, Some(_)) => None,
    }
}
