//! Partial answers: the `fields` of a request, as in `id,items(id,start/date)`.
//!
//! The fake keeps no list of the fields that there are: one that does not exist is left out, where Google answers
//! 400. <https://developers.google.com/workspace/calendar/api/guides/performance#partial>

use serde_json::Value;

use super::errors::{Refusal, bad_request};
use super::web::Ask;

/// What is asked for; nothing named means everything.
#[derive(Clone, Default)]
pub(super) struct Mask(Vec<(String, Mask)>);

impl Mask {
    /// Of the query's `fields`.
    pub(super) fn of(ask: &Ask) -> Result<Self, Refusal> {
        let Some(text) = ask.query.get("fields") else { return Ok(Self::default()) };
        let mut rest = text;
        let mask = Self::list(&mut rest).filter(|_| rest.is_empty());
        mask.ok_or_else(|| bad_request("invalidParameter", &format!("Invalid field selection {text}")))
    }

    /// `a,b/c,d(e,f)`
    fn list(rest: &mut &str) -> Option<Self> {
        let mut fields = vec![Self::field(rest)?];
        while let Some(after) = rest.strip_prefix(',') {
            *rest = after;
            fields.push(Self::field(rest)?);
        }
        Some(Self(fields))
    }

    fn field(rest: &mut &str) -> Option<(String, Self)> {
        let end = rest.find([',', '/', '(', ')']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        *rest = after;
        let beneath = if let Some(after) = rest.strip_prefix('/') {
            *rest = after;
            Self(vec![Self::field(rest)?])
        } else if let Some(after) = rest.strip_prefix('(') {
            *rest = after;
            let list = Self::list(rest)?;
            *rest = rest.strip_prefix(')')?;
            list
        } else {
            Self::default()
        };
        (!name.is_empty()).then(|| (name.to_owned(), beneath))
    }

    /// Takes out of a body what was not asked for.
    pub(super) fn apply(&self, body: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        for item in body.as_array_mut().into_iter().flatten() {
            self.apply(item);
        }
        let Some(fields) = body.as_object_mut() else { return };
        fields.retain(|name, value| {
            let named = self.0.iter().filter(|(asked, _)| asked == name || asked == "*");
            let beneath: Vec<&Self> = named.map(|(_, beneath)| beneath).collect();
            if beneath.iter().all(|mask| !mask.0.is_empty()) {
                Self(beneath.iter().flat_map(|mask| mask.0.clone()).collect()).apply(value);
            }
            !beneath.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(fields: &str, mut body: Value) -> Option<Value> {
        let mut rest = fields;
        let mask = Mask::list(&mut rest).filter(|_| rest.is_empty())?;
        mask.apply(&mut body);
        Some(body)
    }

    #[test]
    fn an_answer_has_what_was_asked_for_and_no_more() {
        let event = |id: &str| json!({ "id": id, "etag": "e", "start": { "date": "d", "timeZone": "z" } });
        let body = json!({ "kind": "k", "summary": "s", "items": [event("a"), event("b")] });
        let only = |items: Value| Some(json!({ "items": items }));
        for (fields, expected) in [
            ("kind,summary", Some(json!({ "kind": "k", "summary": "s" }))),
            ("items/id", only(json!([{ "id": "a" }, { "id": "b" }]))),
            ("items(start/date)", only(json!([{ "start": { "date": "d" } }, { "start": { "date": "d" } }]))),
            ("items/etag,items/id", only(json!([{ "id": "a", "etag": "e" }, { "id": "b", "etag": "e" }]))),
            ("items,items/id", only(json!([event("a"), event("b")]))),
            ("*", Some(body.clone())),
            ("items(*)", only(json!([event("a"), event("b")]))),
            ("nothing", Some(json!({}))),
            ("items(id", None),
            ("items)", None),
            ("items,", None),
            ("items//id", None),
        ] {
            assert_eq!(masked(fields, body.clone()), expected, "{fields}");
        }
    }
}
