//! The API document that is served is the one that the code makes, and says all that there is to say.
//!
//! Which routes the template names is compared with the document by `infra/local` whenever it starts.

use std::collections::BTreeSet;

use holdfast::http::problem::CODES;
use serde_json::{Map, Value, json};
use tests::Answer;
use tests::contract::{errors, validator};

use super::document::{FILE, METHODS, WRITE, operations};
use super::examples;

const FUNCTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions");
const HTTP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lib/src/http");

#[test]
fn the_served_document_is_what_the_code_makes() {
    let is_so = examples::keep_or_compare(|stored| stored);
    assert!(is_so, "functions/slots/openapi.json is out of date: run the tests with {WRITE}=1");
}

#[test]
fn whatever_the_document_refers_to_is_in_it() {
    let document = served();
    let mut pointers = BTreeSet::new();
    references(&document, &mut pointers);
    assert!(pointers.len() > 40, "{pointers:?}");
    let lost: Vec<_> = pointers.iter().filter(|pointer| document.pointer(pointer).is_none()).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

/// The JSON pointers of every `$ref` within.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(keywords) => {
            let pointer = keywords.get("$ref").and_then(Value::as_str);
            found.extend(pointer.map(|pointer| pointer.trim_start_matches('#').to_owned()));
            keywords.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn no_two_operations_go_by_one_name() {
    let document = served();
    let ids: Vec<_> = operations(&document).map(|(_, _, operation)| &operation["operationId"]).collect();
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| other == &id).count(), 1, "{id}");
    }
}

/// Codes are read as text: the first word in quotes, or the second after a title, of whatever makes a problem.
#[test]
fn the_document_names_every_code_and_no_other() {
    let mut sources = Vec::new();
    read_sources(HTTP.as_ref(), &mut sources);
    read_sources(FUNCTIONS.as_ref(), &mut sources);
    let all = sources.concat();
    let mut made = BTreeSet::new();
    for maker in
        ["Problem::new(", "Self::new(StatusCode", "not_found(", "::field(", "conflict(", "forbidden("]
    {
        for call in all.split(maker).skip(1) {
            let statement =
                call.split(';').next().unwrap_or_default().split("\n}").next().unwrap_or_default();
            let word = statement.split('"').nth(1).filter(|word| is_code(word));
            made.extend(word.map(str::to_owned));
        }
    }
    let step =
        all.split("impl From<StepRefused> for Problem").nth(1).expect("steps").split("Self::new").next();
    made.extend(step.into_iter().flat_map(|step| step.split('"').skip(1).step_by(2)).map(str::to_owned));
    assert_eq!(made, CODES.iter().map(|code| (*code).to_owned()).collect());
    assert_eq!(
        served()["components"]["schemas"]["Problem"]["properties"]["code"]["enum"],
        json!(CODES.as_slice())
    );
}

fn is_code(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn read_sources(folder: &std::path::Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push(std::fs::read_to_string(path).expect("a file"));
        }
    }
}

/// The routers are read as text: axum does not say what a router routes.
#[test]
fn every_route_is_documented_and_every_documented_route_is_there() {
    let mut routed = BTreeSet::new();
    for function in std::fs::read_dir(FUNCTIONS).expect("functions") {
        let source = std::fs::read_to_string(function.expect("an entry").path().join("src/lib.rs"));
        routed.extend(routes(&source.expect("a lib.rs")));
    }
    assert!(routed.len() >= 19, "only {} routes were read", routed.len());
    assert_eq!(routed, documented_routes());
}

#[test]
fn everything_in_the_document_is_described() {
    let document = served();
    let mut silent = Vec::new();
    for (path, method, operation) in operations(&document) {
        let at = format!("{method} {path}");
        for field in ["operationId", "summary"] {
            silent.extend(operation[field].is_null().then(|| format!("{at}: {field}")));
        }
        let tags = operation["tags"].as_array().expect("tags");
        let known = document["tags"].as_array().expect("tags");
        assert!(tags.len() == 1 && known.iter().any(|tag| tag["name"] == tags[0]), "{at}: {tags:?}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            silent.extend(is_silent(parameter).then(|| format!("{at}: parameter {}", parameter["name"])));
        }
        for (status, answer) in operation["responses"].as_object().expect("responses") {
            silent.extend(is_silent(answer).then(|| format!("{at}: {status}")));
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        silent.extend(is_silent(schema).then(|| name.clone()));
        for (field, of) in properties(schema) {
            silent.extend(is_silent(of).then(|| format!("{name}.{field}")));
        }
    }
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn problems_have_their_media_type_and_admins_and_guests_their_tokens() {
    let document = served();
    let schemes = document["components"]["securitySchemes"].as_object().expect("schemes");
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["admin", "host", "manage"]);
    for (path, method, operation) in operations(&document) {
        let at = format!("{method} {path}");
        for status in ["4XX", "5XX"] {
            let content = &operation["responses"][status]["content"];
            let kinds: Vec<_> = content.as_object().map(|kinds| kinds.keys().collect()).unwrap_or_default();
            match operation["tags"][0].as_str() {
                Some("oauth" | "pages") => assert_eq!(kinds, ["text/html"], "{at}"),
                Some("service") => assert!(kinds.is_empty(), "{at}"),
                _ => assert_eq!(kinds, ["application/problem+json"], "{at}"),
            }
        }
        let is_own = path.contains("/bookings/{id}");
        let is_for_admins = matches!(
            (method, path),
            ("put", "/v1/tenant") | ("post", "/v1/hosts") | ("delete", "/v1/hosts/{id}")
        );
        // API Gateway's own, where it looks at the token.
        let is_guarded = operation["security"].to_string().contains("admin");
        let unauthorized = &operation["responses"]["401"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(unauthorized.is_string(), is_guarded, "{at}");
        let expected: &[&str] = match (path.starts_with("/v1/tenants/"), path.starts_with("/v1/o")) {
            (true, _) if is_own => &["manage"],
            (true, _) | (_, true) => &[],
            _ if path == "/v1/health" || operation["tags"][0] == "pages" => &[],
            _ if path.starts_with("/v1/bookings") || path.starts_with("/v1/integrations") => {
                &["admin", "host"]
            }
            _ if is_for_admins => &["admin"],
            _ if operation["tags"][0] == "catalog" => &["admin", "host"],
            _ => &["admin"],
        };
        let asked = operation["security"].as_array().into_iter().flatten();
        let asked: Vec<_> = asked.flat_map(|one| one.as_object().expect("a scheme").keys()).collect();
        assert_eq!(asked, expected, "{at}");
    }
}

/// `get /v1/health` and so on, as the document names them.
pub(crate) fn documented_routes() -> BTreeSet<String> {
    let document = served();
    operations(&document).map(|(path, method, _)| format!("{method} {path}")).collect()
}

/// Fails when the document does not say what this answer is.
#[track_caller]
pub(crate) fn documented(method: &str, path: &str, answer: &Answer) {
    let document = served();
    let answers = &document["paths"][path][method]["responses"];
    let class = format!("{}XX", answer.status / 100);
    let said = [answer.status.to_string(), class].into_iter().find_map(|status| answers.get(status));
    let said = said.unwrap_or_else(|| panic!("{method} {path}: {} is not documented", answer.status));
    let kind = answer.header("content-type").expect("a content type");
    let schema = &said["content"][&kind]["schema"];
    assert!(schema.is_object(), "{method} {path}: {kind} is not documented");
    let wrong = errors("body", &validator(&closed(&document, schema, false)), &answer.body);
    assert_eq!(wrong, Vec::<String>::new(), "{method} {path}: {}", answer.text);
}

/// A schema with all that it refers to, and closed: a field that it does not name is wrong. One that is a part of
/// another leaves that to the whole.
fn closed(document: &Value, schema: &Value, is_part: bool) -> Value {
    if let Some(pointer) = schema["$ref"].as_str() {
        let named = document.pointer(pointer.trim_start_matches('#')).expect("a schema");
        return closed(document, named, is_part);
    }
    match schema {
        Value::Object(keywords) => {
            let closed =
                keywords.iter().map(|(name, value)| (name.clone(), closed(document, value, name == "allOf")));
            let mut closed: Map<_, _> = closed.collect();
            if !is_part && (closed.contains_key("properties") || closed.contains_key("allOf")) {
                closed.insert("unevaluatedProperties".to_owned(), false.into());
            }
            closed.into()
        }
        Value::Array(schemas) => schemas.iter().map(|schema| closed(document, schema, is_part)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

#[test]
fn an_answer_that_the_document_does_not_describe_is_found() {
    let document = served();
    let slot = json!({ "start": "2026-11-24T10:00:00Z", "end": "2026-11-24T10:30:00Z" });
    let mut held = slot.clone();
    held["hold"] = json!("hold_x");
    held["expires_at"] = json!("2026-11-24T09:00:00Z");
    let hold = validator(&closed(&document, &json!({ "$ref": "#/components/schemas/HoldView" }), false));
    assert_eq!(errors("body", &hold, &held), Vec::<String>::new());
    let with = |name: &str, value: Value| {
        let mut body = held.clone();
        body[name] = value;
        body
    };
    for (what, body) in [
        ("a field more", with("holds", json!("hold_x"))),
        ("a field less", slot),
        ("a type", with("hold", json!(7))),
        ("a part's type", with("start", json!(7))),
        ("a format", with("end", json!("soon"))),
        ("a null", with("expires_at", Value::Null)),
    ] {
        assert!(!errors("body", &hold, &body).is_empty(), "{what}");
    }
    // Beneath lists and choices, too.
    let days = |day: Value| json!({ "time_zone": "UTC", "days": [day] });
    let slots = validator(&closed(&document, &json!({ "$ref": "#/components/schemas/SlotsView" }), false));
    let day = json!({ "date": "2026-11-24", "slots": [] });
    assert_eq!(errors("body", &slots, &days(day)), Vec::<String>::new());
    let day = json!({ "date": "2026-11-24", "slots": [], "free": 0 });
    assert!(!errors("body", &slots, &days(day)).is_empty());
}

/// The document as clients get it.
pub(crate) fn served() -> Value {
    serde_json::from_str(&std::fs::read_to_string(FILE).expect("the file")).expect("JSON")
}

/// `get /v1/health` and so on, of `.route("/v1/health", get(..).delete(..))`.
fn routes(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for route in source.split(".route(").skip(1) {
        let route = route.split(".route(").next().unwrap_or_default().split("\n}").next().unwrap_or_default();
        let path = route.split('"').nth(1).expect("a path");
        let methods = METHODS.iter().filter(|method| {
            route.contains(&format!(" {method}(")) || route.contains(&format!(").{method}("))
        });
        found.extend(methods.map(|method| format!("{method} {path}")));
    }
    found
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    let parts = schema["allOf"].as_array().map_or(vec![schema], |parts| parts.iter().collect());
    parts.into_iter().filter_map(|part| part["properties"].as_object()).flatten().collect()
}

fn is_silent(value: &Value) -> bool {
    // What may be null is one of two, and described there.
    [value, &value["oneOf"][0]].iter().all(|at| at["description"].as_str().is_none_or(str::is_empty))
}
