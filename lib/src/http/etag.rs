//! Revisions as entity tags: `ETag: "3"` on the way out, `If-Match` on the way in (RFC 9110 §13.1.1).
//!
//! The one rule: a tag that is well formed and not one of ours matches nothing, and the answer is 412; a header that
//! is no list of tags is 400.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::IntoParams;

use super::entity_tag::entity_tag;
use super::problem::Problem;
use crate::app::App;
use crate::flows::{Expected, Removed};

/// The header, for the API document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `IfMatch` is read from")]
pub struct IfMatchHeader {
    /// Only if it has one of these entity tags (RFC 9110 §13.1.1), or `*` if there is any; 412 otherwise.
    #[param(rename = "if-match", value_type = String, required = false, example = "\"3\"")]
    if_match: Option<String>,
}

/// What the `If-Match` header expects.
#[derive(Clone, Debug)]
pub struct IfMatch(pub Expected);

impl FromRequestParts<App> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let values: Vec<&HeaderValue> = parts.headers.get_all(header::IF_MATCH).iter().collect();
        if values.is_empty() {
            return Ok(Self(Expected::Whatever));
        }
        let lines: Result<Vec<&str>, _> = values.into_iter().map(HeaderValue::to_str).collect();
        let expected = lines.ok().and_then(|lines| read(&lines.join(",")));
        expected.map(Self).ok_or_else(|| {
            let title = "if-match must be `*` or entity tags, e.g. \"3\"";
            Problem::new(StatusCode::BAD_REQUEST, "malformed-if-match", title)
        })
    }
}

/// The list of tags, or `None` when it is none. Weak tags never match.
fn read(text: &str) -> Option<Expected> {
    let mut left = text.trim_matches([' ', '\t']);
    if left == "*" {
        return Some(Expected::Something);
    }
    let mut revisions = Vec::new();
    let mut tags = 0;
    loop {
        left = left.trim_start_matches([' ', '\t', ',']);
        if left.is_empty() {
            return (tags > 0).then_some(Expected::OneOf(revisions));
        }
        let (is_weak, tag) = left.strip_prefix("W/").map_or((false, left), |tag| (true, tag));
        let (tag, rest) = tag.strip_prefix('"')?.split_once('"')?;
        if tag.contains(|c: char| c.is_ascii_whitespace()) {
            return None;
        }
        let revision = tag.parse::<u64>().ok().filter(|revision| revision.to_string() == tag && !is_weak);
        revisions.extend(revision);
        tags += 1;
        left = rest.trim_start_matches([' ', '\t']);
        if !left.is_empty() && !left.starts_with(',') {
            return None;
        }
    }
}

/// A body with its tag.
#[derive(Clone, Debug)]
pub struct Tagged<T> {
    body: T,
    revision: u64,
    location: Option<String>,
}

impl<T> Tagged<T> {
    /// Something at this revision.
    pub fn new(revision: u64, body: impl Into<T>) -> Self {
        Self { body: body.into(), revision, location: None }
    }

    /// The same, just made: 201, to be found at this path.
    #[must_use]
    pub fn created(self, location: String) -> Self {
        Self { location: Some(location), ..self }
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        response.headers_mut().insert(header::ETAG, entity_tag(self.revision));
        if let Some(location) = self.location.and_then(|path| HeaderValue::from_str(&path).ok()) {
            *response.status_mut() = StatusCode::CREATED;
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// 204 for what is gone; what is archived instead, as it is now.
#[derive(Clone, Debug)]
pub struct Deleted<T>(Option<Tagged<T>>);

impl<V, T> From<Removed<V>> for Deleted<T>
where
    Tagged<T>: From<V>,
{
    fn from(removed: Removed<V>) -> Self {
        match removed {
            Removed::Gone => Self(None),
            Removed::Archived(value) => Self(Some(value.into())),
        }
    }
}

impl<T: Serialize> IntoResponse for Deleted<T> {
    fn into_response(self) -> Response {
        match self.0 {
            None => StatusCode::NO_CONTENT.into_response(),
            Some(tagged) => tagged.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_the_rfc_writes_them() {
        let one_of = |revisions: &[u64]| Some(Expected::OneOf(revisions.to_vec()));
        for (text, expected) in [
            ("*", Some(Expected::Something)),
            ("\"3\"", one_of(&[3])),
            (" \"3\" ,, \"4\"", one_of(&[3, 4])),
            ("W/\"3\"", one_of(&[])),
            ("\"03\", \"x,y\", \"\", \"99999999999999999999\"", one_of(&[])),
            ("", None),
            (",", None),
            ("3", None),
            ("\"3", None),
            ("\"3\" \"4\"", None),
            ("\"3\", *", None),
            ("w/\"3\"", None),
            ("\"3 4\"", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
