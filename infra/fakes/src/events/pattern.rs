//! The part of the event pattern language that the template's rules use.
//!
//! Exact values, `prefix`, `anything-but` and `exists`, at any depth; anything else is refused when the rule is
//! read, never silently not matched.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>

use serde_json::{Map, Value};

/// A compiled pattern: every field must match. Lambda's event source mappings filter by the same language.
#[derive(Debug)]
pub struct Pattern(Vec<(String, Node)>);

#[derive(Debug)]
enum Node {
    Fields(Pattern),
    AnyOf(Vec<Matcher>),
}

#[derive(Debug)]
enum Matcher {
    Equals(Value),
    Prefix(String),
    AnythingBut(Vec<Value>),
    AnythingButPrefix(String),
    Exists(bool),
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong and where.
    pub fn compile(pattern: &Value) -> Result<Self, String> {
        let Value::Object(fields) = pattern else { return Err("a pattern is an object".to_owned()) };
        Self::fields(fields, "")
    }

    fn fields(fields: &Map<String, Value>, path: &str) -> Result<Self, String> {
        if fields.is_empty() {
            return Err(format!("{path} is an empty object"));
        }
        let compile = |(name, value): (&String, &Value)| {
            let path = format!("{path}/{name}");
            let node = match value {
                Value::Object(inner) => Node::Fields(Self::fields(inner, &path)?),
                Value::Array(any) if !any.is_empty() && !name.starts_with('$') => {
                    Node::AnyOf(any.iter().map(|one| Matcher::compile(one, &path)).collect::<Result<_, _>>()?)
                }
                Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    return Err(format!("{path} is neither an object nor a list of values to match"));
                }
            };
            Ok((name.clone(), node))
        };
        fields.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the event, or a part of one, has all that the pattern asks for.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.iter().all(|(name, node)| {
            let value = event.get(name);
            match node {
                // What is missing may still be asked to be missing, further down.
                Node::Fields(inner) => inner.matches(value.unwrap_or(&Value::Null)),
                Node::AnyOf(matchers) => matchers.iter().any(|matcher| matcher.matches(value)),
            }
        })
    }
}

impl Matcher {
    fn compile(value: &Value, path: &str) -> Result<Self, String> {
        let operator = match value {
            Value::Object(operator) => operator,
            Value::Array(_) => return Err(format!("{path} holds a list in a list")),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Ok(Self::Equals(value.clone()));
            }
        };
        let mut members = operator.iter();
        let (Some((name, operand)), None) = (members.next(), members.next()) else {
            return Err(format!("{path} holds an object that is not one operator"));
        };
        match (name.as_str(), operand) {
            ("prefix", Value::String(prefix)) => Ok(Self::Prefix(prefix.clone())),
            ("exists", Value::Bool(exists)) => Ok(Self::Exists(*exists)),
            ("anything-but", Value::Array(values))
                if !values.iter().any(|one| one.is_object() || one.is_array()) =>
            {
                Ok(Self::AnythingBut(values.clone()))
            }
            ("anything-but", Value::String(_) | Value::Number(_)) => {
                Ok(Self::AnythingBut(vec![operand.clone()]))
            }
            ("anything-but", Value::Object(inner)) => match (inner.len(), inner.get("prefix")) {
                (1, Some(Value::String(prefix))) => Ok(Self::AnythingButPrefix(prefix.clone())),
                _ => Err(format!("{path} uses an unknown kind of anything-but")),
            },
            _ => Err(format!("{path} uses the unknown operator {name} {operand}")),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            // AWS asks this of leaves only: an object is not a value.
            (Self::Exists(wanted), value) => *wanted == value.is_some_and(|value| !value.is_object()),
            (_, None) => false,
            (_, Some(Value::Array(values))) => values.iter().any(|value| self.matches_one(value)),
            (_, Some(value)) => self.matches_one(value),
        }
    }

    fn matches_one(&self, value: &Value) -> bool {
        match self {
            Self::Equals(wanted) => equal(wanted, value),
            Self::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::AnythingBut(unwanted) => {
                !value.is_object() && !unwanted.iter().any(|one| equal(one, value))
            }
            Self::AnythingButPrefix(prefix) => {
                value.as_str().is_some_and(|text| !text.starts_with(prefix.as_str()))
            }
            Self::Exists(wanted) => *wanted,
        }
    }
}

/// `1` and `1.0` are one number to EventBridge.
fn equal(wanted: &Value, value: &Value) -> bool {
    match (wanted.as_f64(), value.as_f64()) {
        (Some(wanted), Some(value)) => wanted.total_cmp(&value).is_eq(),
        _ => wanted == value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Pattern;

    fn matches(pattern: &Value, event: &Value) -> bool {
        Pattern::compile(pattern).unwrap().matches(event)
    }

    #[test]
    fn all_fields_must_match_and_any_value_of_a_list_may() {
        let event = json!({ "source": "holdfast", "detail": { "n": 1.0, "tags": ["a", "b"], "deep": { "x": null } } });
        for (pattern, expected) in [
            (json!({ "source": ["other", "holdfast"] }), true),
            (json!({ "source": ["other"] }), false),
            (json!({ "source": ["holdfast"], "detail": { "n": [1] } }), true),
            (json!({ "source": ["holdfast"], "detail": { "n": [2] } }), false),
            (json!({ "detail": { "tags": ["b"] } }), true),
            (json!({ "detail": { "deep": { "x": [null] } } }), true),
            (json!({ "detail": { "missing": [null] } }), false),
            (json!({ "source": [{ "prefix": "hold" }] }), true),
            (json!({ "source": [{ "prefix": "fast" }] }), false),
            (json!({ "source": [{ "anything-but": "other" }] }), true),
            (json!({ "source": [{ "anything-but": ["other", "holdfast"] }] }), false),
            (json!({ "source": [{ "anything-but": { "prefix": "hold" } }] }), false),
            (json!({ "missing": [{ "anything-but": "other" }] }), false),
            (json!({ "missing": [{ "exists": false }] }), true),
            (json!({ "missing": { "inner": [{ "exists": false }] } }), true),
            (json!({ "detail": { "n": [{ "exists": true }] } }), true),
            (json!({ "detail": { "m": [{ "exists": true }] } }), false),
        ] {
            assert_eq!(matches(&pattern, &event), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_outside_the_subset_is_refused() {
        for pattern in [
            json!([]),
            json!({}),
            json!({ "source": "holdfast" }),
            json!({ "source": [] }),
            json!({ "detail": { "n": [{ "numeric": [">", 1] }] } }),
            json!({ "source": [{ "suffix": "fast" }] }),
            json!({ "source": [{ "anything-but": { "suffix": "fast" } }] }),
            json!({ "$or": [{ "source": ["a"] }] }),
        ] {
            assert!(Pattern::compile(&pattern).is_err(), "{pattern}");
        }
    }
}
