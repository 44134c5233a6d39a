//! AWS's limits on expressions: 4,096 bytes, 300 operators and functions, each expression by itself.
//!
//! The embedded database checks the bytes but not the operators, so they are counted here, never too few:
//! AWS's own example does not count the `=` of an assignment, this does.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters>

use serde_json::Value;

/// The most bytes AWS takes in one expression.
pub const MAX_BYTES: usize = 4096;
/// The most operators and functions AWS takes in one expression.
pub const MAX_OPERATORS: usize = 300;

/// How large an expression is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Bytes of the text as it is sent, placeholders not replaced.
    pub bytes: usize,
    /// Comparators, logical operators, `BETWEEN`, `IN`, `+`, `-`, assignments and function calls.
    pub operators: usize,
}

impl Measured {
    /// The larger of each figure.
    pub(super) fn max(self, other: Self) -> Self {
        Self { bytes: self.bytes.max(other.bytes), operators: self.operators.max(other.operators) }
    }
}

const KEYWORDS: [&str; 5] = ["AND", "OR", "NOT", "IN", "BETWEEN"];

/// Measures one expression of any kind. What does not parse is measured too: refusing it is not the task here.
pub fn measure(expression: &str) -> Measured {
    let mut operators = 0;
    // `a BETWEEN b AND c` is one operator.
    let mut open_betweens = 0_usize;
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let word_len = rest.bytes().take_while(|byte| is_word(*byte)).count();
        let len = match first {
            '<' | '>' if ["<>", "<=", ">="].iter().any(|two| rest.starts_with(two)) => 2,
            _ => word_len.max(1),
        };
        let (token, after) = rest.split_at(len);
        rest = after;
        if word_len == 0 {
            operators += usize::from(matches!(first, '=' | '<' | '>' | '+' | '-'));
        } else if token.eq_ignore_ascii_case("AND") && open_betweens > 0 {
            open_betweens -= 1;
        } else if !matches!(first, '#' | ':' | '0'..='9') {
            let keyword = KEYWORDS.iter().any(|keyword| token.eq_ignore_ascii_case(keyword));
            let function = rest.trim_start().starts_with('(');
            operators += usize::from(keyword || function);
            open_betweens += usize::from(token.eq_ignore_ascii_case("BETWEEN"));
        }
    }
    Measured { bytes: expression.len(), operators }
}

/// Names, placeholders and paths; every byte beyond ASCII is part of a name.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'_' | b'#' | b':' | b'.')
}

const FIELDS: [&str; 5] = [
    "UpdateExpression",
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
];
const ACTIONS: [&str; 5] = ["Put", "Update", "Delete", "ConditionCheck", "Get"];

/// Every expression of a request, with the name of its field.
pub(super) fn expressions(request: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    let actions = request
        .get("TransactItems")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .flat_map(|action| ACTIONS.iter().filter_map(|name| action.get(name)));
    let tables =
        request.get("RequestItems").and_then(Value::as_object).into_iter().flat_map(|map| map.values());
    std::iter::once(request)
        .chain(actions)
        .chain(tables)
        .flat_map(|holder| FIELDS.iter().filter_map(|field| Some((*field, holder.get(field)?.as_str()?))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Measured, expressions, measure};

    fn operators(expression: &str) -> usize {
        measure(expression).operators
    }

    #[test]
    fn every_kind_of_operator_counts_once() {
        for (expression, expected) in [
            ("", 0),
            ("a", 0),
            ("#a.b[0], :c", 0),
            ("a = :v", 1),
            ("a <> :v", 1),
            ("a<=:v", 1),
            ("a >= :v", 1),
            ("a<:v and b>:v", 3),
            ("NOT (a = :v OR b = :v)", 4),
            ("a BETWEEN :x AND :y", 1),
            ("a BETWEEN :x AND :y AND b = :z", 3),
            ("a IN (:x, :y, :z)", 1),
            ("attribute_not_exists(pk)", 1),
            ("attribute_not_exists (pk) AND size(#b) > :n", 4),
            ("SET a = :v, b = if_not_exists(b, :zero) + :one", 4),
            ("SET a = a - :one REMOVE b, c ADD d :e DELETE f :g", 2),
            ("begins_with(sk, :DAY)", 1),
        ] {
            assert_eq!(operators(expression), expected, "{expression}");
        }
    }

    #[test]
    fn names_that_look_like_operators_are_names() {
        assert_eq!(operators("SET #and = :or, #in = :not"), 2);
        assert_eq!(operators("android = :v AND inn = :v AND a.not = :v"), 5);
    }

    #[test]
    fn bytes_are_those_of_the_text_as_sent() {
        assert_eq!(measure("#é = :v"), Measured { bytes: 8, operators: 1 });
    }

    #[test]
    fn expressions_are_found_in_every_place_a_request_has_for_them() {
        let single = json!({
            "Item": { "UpdateExpression": { "S": "an attribute" } }, "ConditionExpression": "a",
        });
        assert_eq!(expressions(&single).collect::<Vec<_>>(), [("ConditionExpression", "a")]);
        let transaction = json!({ "TransactItems": [
            { "Put": { "ConditionExpression": "a" } },
            { "Update": { "UpdateExpression": "b", "ConditionExpression": "c" } },
            { "ConditionCheck": { "ConditionExpression": "d" } },
        ] });
        let found: String = expressions(&transaction).map(|(_, text)| text).collect();
        assert_eq!(found, "abcd");
        let batch = json!({ "RequestItems": { "t": { "Keys": [], "ProjectionExpression": "e" } } });
        assert_eq!(expressions(&batch).count(), 1);
    }
}
