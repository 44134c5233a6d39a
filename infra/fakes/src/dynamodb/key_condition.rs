//! A query goes on from a key that its own key conditions allow, and asks for no empty key; AWS refuses any other. The
//! embedded database does not look, so it is checked here.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>

use std::cmp::Ordering;

use serde_json::Value;

/// Whether a query's `ExclusiveStartKey` lies outside of its `KeyConditionExpression`. What does not parse is left to the
/// database.
pub(super) fn is_outside(request: &Value) -> bool {
    let expression = request.get("KeyConditionExpression").and_then(Value::as_str);
    let Some((key, expression)) = request.get("ExclusiveStartKey").zip(expression) else { return false };
    let mut tokens = tokens(expression);
    let mut next = || tokens.next();
    loop {
        let Some(first) = next() else { return false };
        let of = Operands { request, key };
        let meets = if first.eq_ignore_ascii_case("begins_with") {
            of.begins_with(next(), next())
        } else {
            match next() {
                Some(word) if word.eq_ignore_ascii_case("BETWEEN") => {
                    let (low, _and, high) = (next(), next(), next());
                    let is_above = of.compared(first, low).map(Ordering::is_ge);
                    is_above.zip(of.compared(first, high).map(Ordering::is_le)).map(|(a, b)| a && b)
                }
                Some(operator) => of.compared(first, next()).and_then(|found| holds(found, operator)),
                None => None,
            }
        };
        match meets {
            Some(true) => {}
            Some(false) => return true,
            None => return false,
        }
        // `AND`, or the end.
        next();
    }
}

/// Whether a query's `KeyConditionExpression` compares with an empty string: no key is one.
pub(super) fn has_empty_value(request: &Value) -> bool {
    let Some(expression) = request.get("KeyConditionExpression").and_then(Value::as_str) else {
        return false;
    };
    let values = request.get("ExpressionAttributeValues");
    let is_empty = |token: &str| values.and_then(|values| values.get(token)?.get("S")?.as_str()) == Some("");
    tokens(expression).any(is_empty)
}

fn holds(found: Ordering, operator: &str) -> Option<bool> {
    match operator {
        "=" => Some(found.is_eq()),
        "<" => Some(found.is_lt()),
        "<=" => Some(found.is_le()),
        ">" => Some(found.is_gt()),
        ">=" => Some(found.is_ge()),
        _ => None,
    }
}

/// Names, placeholders and operators, without brackets and commas.
fn tokens(expression: &str) -> impl Iterator<Item = &str> {
    expression.split([' ', '(', ')', ',']).filter(|token| !token.is_empty())
}

struct Operands<'a> {
    request: &'a Value,
    key: &'a Value,
}

impl<'a> Operands<'a> {
    /// The key's own value of an attribute, which may be named by a placeholder.
    fn own(&self, name: &str) -> Option<&'a Value> {
        let name = match name.strip_prefix('#') {
            Some(_) => self.request.get("ExpressionAttributeNames")?.get(name)?.as_str()?,
            None => name,
        };
        self.key.get(name)
    }

    fn value(&self, placeholder: Option<&str>) -> Option<&'a Value> {
        self.request.get("ExpressionAttributeValues")?.get(placeholder?)
    }

    fn compared(&self, name: &str, placeholder: Option<&str>) -> Option<Ordering> {
        let (own, value) = (self.own(name)?, self.value(placeholder)?);
        let both = |kind: &str| Some((own.get(kind)?.as_str()?, value.get(kind)?.as_str()?));
        if let Some((own, value)) = both("S") {
            return Some(own.cmp(value));
        }
        let (own, value) = both("N")?;
        own.parse::<f64>().ok()?.partial_cmp(&value.parse().ok()?)
    }

    fn begins_with(&self, name: Option<&str>, placeholder: Option<&str>) -> Option<bool> {
        let own = self.own(name?)?.get("S")?.as_str()?;
        Some(own.starts_with(self.value(placeholder)?.get("S")?.as_str()?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{has_empty_value, is_outside};

    fn query(condition: &str, sort: &Value) -> Value {
        json!({
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": { "#sk": "sk" },
            "ExpressionAttributeValues": {
                ":pk": { "S": "p" }, ":b": { "S": "b" }, ":d": { "S": "d" }, ":5": { "N": "5" },
            },
            "ExclusiveStartKey": { "pk": { "S": "p" }, "sk": sort },
        })
    }

    #[test]
    fn no_key_is_compared_with_an_empty_string() {
        let mut query = query("pk = :pk AND sk BETWEEN :b AND :d", &json!({ "S": "c" }));
        assert!(!has_empty_value(&query));
        query["ExpressionAttributeValues"][":b"]["S"] = json!("");
        assert!(has_empty_value(&query));
        query["KeyConditionExpression"] = json!("pk = :pk");
        assert!(!has_empty_value(&query), "it is compared with nothing");
    }

    #[test]
    fn a_start_key_is_held_against_every_condition() {
        let text = |text: &str| json!({ "S": text });
        let number = |number: &str| json!({ "N": number });
        for (condition, sort, expected) in [
            ("pk = :pk", text("z"), false),
            ("pk = :b", text("z"), true),
            ("pk = :pk AND sk BETWEEN :b AND :d", text("b"), false),
            ("pk = :pk AND sk BETWEEN :b AND :d", text("d"), false),
            ("pk = :pk AND #sk BETWEEN :b AND :d", text("a"), true),
            ("pk = :pk AND sk BETWEEN :b AND :d", text("d#"), true),
            ("pk = :pk AND begins_with(sk, :b)", text("bc"), false),
            ("pk = :pk AND begins_with(#sk, :b)", text("c"), true),
            ("pk = :pk AND sk < :5", number("12"), true),
            ("pk = :pk AND sk <= :5", number("5"), false),
            ("pk = :pk AND sk >= :5", number("4.5"), true),
            ("pk = :pk AND sk > :5", number("12"), false),
        ] {
            assert_eq!(is_outside(&query(condition, &sort)), expected, "{condition} at {sort}");
        }
        assert!(!is_outside(&json!({ "KeyConditionExpression": "pk = :pk" })));
    }
}
