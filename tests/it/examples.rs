//! The examples of answers in the API document: what the walk of [`super::budgets`] was really answered.
//!
//! Without [`WRITE`] the stored ones are held against fresh ones, so that none can be out of date. Pages, files of
//! pages and the document itself have none: they would be most of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, Answer, TestApp, guest};

use super::document::{FILE, WRITE, made, operations};
use super::openapi::served;

/// By method and path: status, media type and body.
type Examples = BTreeMap<(String, String), (String, String, Value)>;

const KINDS: [&str; 2] = ["application/json", "text/calendar"];
/// What begins like this and is long is made anew each time.
const RANDOM: [&str; 7] = ["bkg_", "hst_", "int_", "job_", "sch_", "hold_", "mng_"];
const LONG: usize = 16;

#[tokio::test]
async fn the_examples_of_the_openapi_document_are_real_answers() {
    let app = super::budgets::walk().await.app;
    show(&app).await;
    let fresh = heard(&app);
    let stored = of(&served());
    let is_same = |key: &(String, String), (status, kind, body): &(String, String, Value)| {
        let stored = stored.get(key).map(|(status, kind, body)| (status, kind, masked("", body)));
        stored == Some((status, kind, masked("", body)))
    };
    let changed: Vec<_> = fresh.iter().filter(|(key, example)| !is_same(key, example)).collect();
    if is_writing() {
        let changed: Examples = changed.into_iter().map(|(key, new)| (key.clone(), new.clone())).collect();
        keep_or_compare(|mut stored| {
            stored.retain(|key, _| fresh.contains_key(key));
            stored.extend(changed);
            stored
        });
        return;
    }
    assert!(changed.is_empty(), "examples that are none: run the tests with {WRITE}=1: {changed:#?}");
    assert_eq!(fresh.keys().collect::<Vec<_>>(), stored.keys().collect::<Vec<_>>());
    for (path, method, operation) in operations(&served()) {
        let has = stored.contains_key(&(path.to_owned(), method.to_owned()));
        assert!(has || success(operation).is_none(), "{method} {path} has no example");
    }
}

/// The document with these examples in place of its own: written when it is to be, else compared with the file.
pub(crate) fn keep_or_compare(examples: impl FnOnce(Examples) -> Examples) -> bool {
    static FILE_IS_MINE: Mutex<()> = Mutex::new(());
    let _guard = FILE_IS_MINE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = std::fs::read_to_string(FILE).expect("the file");
    let stored = of(&serde_json::from_str(&before).expect("JSON"));
    let mut document = made();
    for ((path, method), (status, kind, body)) in examples(stored) {
        let content = &mut document["paths"][path][method]["responses"][status]["content"][kind];
        if content.is_object() {
            content["example"] = body;
        }
    }
    let after = serde_json::to_string_pretty(&document).expect("JSON") + "\n";
    if is_writing() {
        std::fs::write(FILE, &after).expect("the file is written");
    }
    is_writing() || before == after
}

#[expect(clippy::disallowed_methods, reason = "a switch of these tests alone")]
fn is_writing() -> bool {
    std::env::var(WRITE).is_ok()
}

/// What the walk leaves out because its price is another's, and lists that are short enough to be read.
async fn show(app: &TestApp) {
    let get = async |path: &str| app.admin(Method::GET, path, None).await;
    // A host who has had a booking and has nothing to offer any more.
    let post = async |path: &str, body: Value| app.admin(Method::POST, path, Some(&body)).await;
    let host = post("/v1/hosts", json!({ "name": "Emmy Noether" })).await.expect(201)["id"].clone();
    let rings = json!({ "slug": "rings", "host": host, "title": "Rings", "lengths": [30] });
    post("/v1/event-types", rings).await.expect(201);
    let booking = app.book_slot("rings", "2026-12-02T10:00:00Z").await.expect(201).clone();
    app.cancel(&booking).await.expect(200);
    let given = json!({ "host": ADA });
    app.admin(Method::PATCH, "/v1/event-types/rings", Some(&given)).await.expect(200);
    let path = format!("/v1/hosts/{}", host.as_str().expect("an id"));
    app.admin(Method::DELETE, &path, None).await.expect(200);

    let dive = "/v1/tenants/demo/event-types/deep-dive";
    let day = "from=2026-12-01&to=2026-12-02&time_zone=America/Sao_Paulo&length=90";
    app.send(Method::GET, &format!("{dive}/slots?{day}"), None).await.expect(200);
    let mut charles = guest();
    charles["name"] = json!("Charles Babbage");
    charles["email"] = json!("charles@example.com");
    let body = json!({ "event_type": "deep-dive", "start": "2026-12-01T10:30:00Z", "guest": charles });
    app.book(&body).await.expect(201);
    get("/v1/bookings?guest_email=charles@example.com").await.expect(200);
    let job = post("/v1/guests/export", json!({ "email": "charles@example.com" })).await;
    get(&job.header("location").expect("where the job is")).await.expect(200);
}

/// The last good answer of each operation.
fn heard(app: &TestApp) -> Examples {
    let document = served();
    let mut examples = Examples::new();
    for answer in app.heard() {
        let Some((path, method, operation)) = asked(&document, &answer) else { continue };
        let status = answer.status.to_string();
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().to_owned();
        if operation["responses"][&status]["content"][&kind].is_object() && success(operation).is_some() {
            let body = if kind == KINDS[0] { answer.body } else { answer.text.into() };
            examples.insert((path.to_owned(), method.to_owned()), (status, kind, body));
        }
    }
    examples
}

/// The operation that an answer is from: at the path with the fewest parameters.
fn asked<'a>(document: &'a Value, answer: &Answer) -> Option<(&'a str, &'a str, &'a Value)> {
    let is_at = |template: &str| {
        let (parts, segments) = (template.split('/'), answer.path.split('/'));
        parts.clone().count() == segments.clone().count()
            && parts.zip(segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let method = answer.method.as_str().to_ascii_lowercase();
    let found = operations(document).filter(|(path, of, _)| *of == method && is_at(path));
    found.min_by_key(|(path, _, _)| path.matches('{').count())
}

/// Status and media type of the answer that an example is of; none when an operation is to have none.
fn success(operation: &Value) -> Option<(&str, &str)> {
    let answers = operation["responses"].as_object()?;
    let mut good = answers.iter().filter(|(status, _)| status.starts_with('2'));
    let of_kind = |(status, answer): (&'_ String, &'_ Value)| {
        let kind = KINDS.into_iter().find(|kind| answer["content"][kind].is_object())?;
        Some((status.clone(), kind))
    };
    let found = good.find_map(of_kind)?;
    let (status, _) = answers.get_key_value(&found.0)?;
    (operation["operationId"] != "get_openapi").then_some((status, found.1))
}

/// The examples of a document.
pub(crate) fn of(document: &Value) -> Examples {
    let mut examples = Examples::new();
    for (path, method, operation) in operations(document) {
        for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
            for (kind, content) in answer["content"].as_object().into_iter().flatten() {
                if let Some(example) = content.get("example") {
                    let key = (path.to_owned(), method.to_owned());
                    examples.insert(key, (status.clone(), kind.clone(), example.clone()));
                }
            }
        }
    }
    examples
}

/// A body without what is made anew each time.
fn masked(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), masked(name, value)));
            Value::Object(fields.collect())
        }
        Value::Array(values) => {
            let mut values: Vec<_> = values.iter().map(|value| masked(name, value)).collect();
            // What is listed by ids that are random is listed in any order.
            values.sort_by_key(Value::to_string);
            values.into()
        }
        Value::String(text) => match name {
            // The simulated Google lies at another port each time.
            "authorization_url" => text.split('?').next().and_then(|url| url.splitn(4, '/').nth(3)).into(),
            "event" | "next_cursor" | "next_sync_at" => "masked".into(),
            _ => without_ids(text).into(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn without_ids(text: &str) -> String {
    // The product lies at another port each time.
    let unfolded = text.replace("\r\n ", "");
    let at_ports = unfolded.split("127.0.0.1:");
    let unfolded: String =
        at_ports.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
    let words = unfolded.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
    let masked = words.map(|word| {
        let is_random = word.len() > LONG && RANDOM.iter().any(|prefix| word.starts_with(prefix));
        if is_random { word.get(..4).unwrap_or_default() } else { word }
    });
    masked.collect()
}
