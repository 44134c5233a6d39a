//! Every field of every body, as the API document describes it: missing, null, of another type, too short, too long,
//! out of range, one too many. Each is refused with a 422 that names it, and nothing is changed.
//!
//! The cases are made from the served document, so that a limit that it does not say, or that the code does not keep,
//! shows here.

use serde_json::{Map, Value, json};
use tests::TestApp;
use tests::contract::{errors, validator};

use crate::walk::{Ask, Kind, Things, asks, document, found, table};

/// A page of one's own, to which the browser may be sent back.
const RETURN_TO: &str = "https://app.example/admin";
/// What free-form data may take in bytes.
const FREE_FORM: usize = 8192;

/// A body that is wrong in one place, and the field that the answer must name.
#[derive(Debug)]
struct Case {
    body: Value,
    field: String,
}

/// Where a value stands: its pointer in the body, and the name under which an answer names it.
#[derive(Clone, Debug)]
struct Place {
    pointer: String,
    field: String,
}

impl Place {
    fn below(&self, name: &str) -> Self {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let field = if self.field.is_empty() { name.to_owned() } else { format!("{}.{name}", self.field) };
        Self { pointer: format!("{}/{escaped}", self.pointer), field }
    }
}

/// All cases of one body.
struct Cases<'a> {
    document: &'a Value,
    whole: &'a Value,
    found: Vec<Case>,
}

impl Cases<'_> {
    fn of(document: &Value, schema: &str, whole: &Value) -> Vec<Case> {
        let mut cases = Cases { document, whole, found: Vec::new() };
        let schema = cases.resolved(&document["components"]["schemas"][schema], whole);
        let root = Place { pointer: String::new(), field: String::new() };
        cases.object(&schema, whole, &root);
        cases.found
    }

    /// The schema behind references, without its null, with its parts as one; of several kinds that of this value.
    fn resolved(&self, schema: &Value, value: &Value) -> Value {
        if let Some(pointer) = schema["$ref"].as_str() {
            let named = self.document.pointer(pointer.trim_start_matches('#')).expect("a schema");
            return self.resolved(named, value);
        }
        if let Some(kinds) = schema["oneOf"].as_array() {
            let kinds = kinds.iter().filter(|kind| kind["type"] != "null");
            let kinds: Vec<_> = kinds.map(|kind| self.resolved(kind, value)).collect();
            let is_of =
                |kind: &&Value| kinds.len() == 1 || kind["properties"]["kind"]["enum"][0] == value["kind"];
            return kinds.iter().find(is_of).expect("a kind").clone();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut properties = Map::new();
            let mut required = Vec::new();
            for part in parts {
                let part = self.resolved(part, value);
                properties.extend(part["properties"].as_object().expect("properties").clone());
                required.extend(part["required"].as_array().into_iter().flatten().cloned());
            }
            return json!({ "type": "object", "properties": properties, "required": required });
        }
        schema.clone()
    }

    fn wrong(&mut self, place: &Place, value: Option<Value>) {
        let mut body = self.whole.clone();
        if let Some(value) = value {
            *body.pointer_mut(&place.pointer).expect("a value") = value;
        } else {
            let (parent, name) = place.pointer.rsplit_once('/').expect("a field");
            body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(name);
        }
        self.found.push(Case { body, field: place.field.clone() });
    }

    fn object(&mut self, schema: &Value, value: &Value, place: &Place) {
        let fields = value.as_object().expect("an object");
        let unknown = place.below("unknown");
        let mut body = self.whole.clone();
        let object = body.pointer_mut(&place.pointer).and_then(Value::as_object_mut).expect("an object");
        object.insert("unknown".to_owned(), json!(1));
        self.found.push(Case { body, field: unknown.field });
        let known = schema["properties"].as_object().cloned().unwrap_or_default();
        for name in known.keys() {
            assert!(fields.contains_key(name), "the whole body lacks {}.{name}", place.field);
        }
        for (name, value) in fields {
            let at = place.below(name);
            let of = known.get(name).or(schema.get("additionalProperties")).expect("a schema of the field");
            let of = self.resolved(of, value);
            if schema["required"].as_array().is_some_and(|required| required.contains(&json!(name))) {
                self.wrong(&at, None);
                self.wrong(&at, Some(Value::Null));
            }
            self.value(&of, value, &at);
        }
    }

    fn value(&mut self, schema: &Value, value: &Value, at: &Place) {
        for wrong in wrong_values(schema, value) {
            self.wrong(at, Some(wrong));
        }
        match value {
            // Free-form data may have any fields.
            Value::Object(_)
                if schema["properties"].is_null() && !schema["additionalProperties"].is_object() =>
            {
                self.wrong(at, Some(json!({ "x": "x".repeat(FREE_FORM) })));
            }
            Value::Object(_) => self.object(schema, value, at),
            Value::Array(entries) => {
                let first = entries.first().expect("an entry");
                let of = self.resolved(&schema["items"], first);
                let entry = at.below("0");
                if first.is_object() {
                    self.value(&of, first, &entry);
                } else {
                    // Of a list of plain values the list is named.
                    let entry = Place { field: at.field.clone(), ..entry };
                    self.value(&of, first, &entry);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// What must not stand where this value does.
fn wrong_values(schema: &Value, value: &Value) -> Vec<Value> {
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    let is = |kind: &str| types.contains(&json!(kind));
    let mut wrong = Vec::new();
    for (kind, other) in [
        ("integer", json!(1.5)),
        ("boolean", json!(true)),
        ("array", json!([[]])),
        ("object", json!({ "x": 1 })),
        ("string", json!("some text")),
    ] {
        if !is(kind) || kind == "integer" {
            wrong.push(other);
        }
    }
    let number = |keyword: &str| schema[keyword].as_i64();
    let repeated = |count: i64| usize::try_from(count).expect("a count");
    if is("string") {
        wrong.extend(number("minLength").map(|least| json!("x".repeat(repeated(least - 1)))));
        wrong.extend(number("maxLength").map(|most| json!("x".repeat(repeated(most + 1)))));
        let is_formed = ["pattern", "enum", "format"].iter().any(|keyword| !schema[keyword].is_null());
        // Some patterns only say that there are no control characters in it.
        let breaks_form = is_formed && !errors("field", &validator(schema), &json!("?")).is_empty();
        wrong.extend(breaks_form.then(|| json!("?")));
        wrong.push(json!("a\0b"));
    }
    if is("integer") {
        wrong.extend(number("minimum").map(|least| json!(least - 1)));
        wrong.extend(number("maximum").map(|most| json!(most + 1)));
        wrong.extend([json!(-5), json!(1e300), json!(i64::MAX)]);
        wrong.extend(number("multipleOf").map(|_| json!(value.as_i64().expect("a number") + 1)));
        assert!(number("maximum").is_some() && number("minimum").is_some(), "without bounds: {schema}");
    }
    if is("array") {
        let first = value[0].clone();
        wrong.extend(number("maxItems").map(|most| json!(vec![first; repeated(most + 1)])));
        wrong.extend(number("minItems").map(|_| json!([])));
    }
    wrong
}

fn hours() -> Value {
    let day = json!([{ "from": "09:00", "to": "12:00" }]);
    let weekly: Value = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .map(|name| (name.to_owned(), day.clone()))
        .into_iter()
        .collect();
    json!({ "time_zone": "UTC", "weekly": weekly, "overrides": { "2026-12-25": day } })
}

fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

fn settings(own: &Things, location: &Value) -> Value {
    json!({
        "host": own.host, "title": "Tea", "lengths": [30, 60], "description": "Milk first.", "interval": 30,
        "buffer_before": 5, "buffer_after": 5, "notice": 60, "window_days": 30, "active": true, "listed": true,
        "schedule": own.schedule, "max_per_day": 4, "location": location,
        "questions": [{
            "key": "sugar", "label": "How many?", "kind": "choice", "options": ["One", "Two"], "required": true,
        }],
        "event_title": "Tea with {{guest.name}}", "event_description": "{{notes}}", "reminders": [15],
        "visibility": "public", "needs_confirmation": false, "confirm_within": 60, "cancel_notice": 60,
        "reschedule_notice": 60,
    })
}

/// A body of this schema in which every field stands; one for each kind of what it may have in one place.
fn wholes(schema: &str, own: &Things) -> Vec<Value> {
    let locations = [
        json!({ "kind": "conference" }),
        json!({ "kind": "guest_phone" }),
        json!({ "kind": "host_phone", "number": "+44 20 7946 0000" }),
        json!({ "kind": "in_person", "address": "12 St James's Square" }),
        json!({ "kind": "video_link", "url": "https://video.example.com/ada" }),
    ];
    let offered = locations.iter().map(|location| settings(own, location));
    let (held, free) = ("2026-11-24T11:00:00Z", "2026-11-24T13:00:00Z");
    let booking = json!({
        "hold": own.hold, "event_type": own.slug, "start": held, "length": 30, "notes": "Milk first.",
        "answers": { "sugar": 1 }, "metadata": { "a": 1 }, "sync_to_calendar": true,
        "guest": {
            "name": "Mary", "email": "mary@example.com", "phone": "+44 20 7946 0000", "time_zone": "UTC",
            "locale": "en",
        },
    });
    let whole = match schema {
        "EventTypeRequest" => {
            let slug = |at| json!({ "slug": format!("{}-{at}", own.label) });
            return offered.enumerate().map(|(at, settings)| with(settings, &slug(at))).collect();
        }
        "EventTypePatch" => {
            return offered.map(|settings| with(settings, &json!({ "archived": false }))).collect();
        }
        "BookingRequest" => {
            let direct = json!({ "hold": null, "start": free });
            return vec![with(booking.clone(), &direct), booking];
        }
        "TenantRequest" => json!({
            "name": "Acme", "time_zone": "UTC", "locale": "en", "claim": "Since 1843.",
            "cors_origins": ["https://acme.example"], "retention_days": 365,
        }),
        "HostRequest" => json!({ "name": "Emmy Noether", "email": "emmy@example.com", "hours": hours() }),
        "HostPatch" => json!({
            "name": "Ada", "email": "ada@example.com", "default_schedule": own.schedule, "archived": false,
            "write_to": { "integration": own.integration, "calendar": own.account },
        }),
        "ScheduleRequest" => with(hours(), &json!({ "host": own.host, "name": "X" })),
        "SchedulePatch" => with(hours(), &json!({ "name": "X" })),
        "BookingPatch" => json!({ "notes": "X", "metadata": { "a": 1 }, "renew_manage_token": false }),
        "ReasonRequest" => json!({ "reason": "No time" }),
        "RescheduleRequest" => json!({ "start": free }),
        "GuestJobRequest" => json!({ "email": own.guest_email }),
        "SettingsRequest" => json!({
            "target_calendar": own.account, "conflict_calendars": [own.account], "enabled": true,
        }),
        "ConnectRequest" => json!({ "host": own.host, "return_to": RETURN_TO }),
        "HoldRequest" => json!({ "event_type": own.slug, "start": free, "length": 30 }),
        "ReleaseRequest" => json!({ "hold": own.hold }),
        other => panic!("what is a whole {other}?"),
    };
    vec![whole]
}

/// Every route that takes JSON, with each whole body.
fn whole_asks(document: &Value, own: &Things) -> Vec<Ask> {
    let mut all = asks(document, own);
    all.retain(|ask| ask.kind == Some(Kind::Json));
    all.dedup_by(|one, other| one.operation == other.operation);
    let whole = |ask: Ask| {
        let bodies = wholes(ask.schema.as_deref().unwrap(), own);
        bodies.into_iter().map(move |body| ask.with("/body", &body)).collect::<Vec<_>>()
    };
    all.into_iter().flat_map(whole).collect()
}

async fn app() -> TestApp {
    let app = TestApp::with(|options| {
        options.stream = false;
        options.settings.push(("HOLDFAST_RETURN_TO".to_owned(), RETURN_TO.to_owned()));
    })
    .await;
    found(&app, "acme").await;
    app
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let app = app().await;
    let document = document(&app).await;
    let own = Things::make(&app, "acme", "whole").await;
    let admin = own.admin_token(&app);
    let before = table(&app).await;
    let mut wrong = Vec::new();
    let mut count = 0;
    let all = whole_asks(&document, &own);
    for ask in &all {
        let token = ask.is_for_staff().then_some(&*admin);
        for Case { body, field } in Cases::of(&document, ask.schema.as_deref().unwrap(), &ask.parts["body"]) {
            count += 1;
            let answer = ask.with("/body", &body).send(&app, token).await;
            let named = answer.wrong_fields();
            if answer.status != 422 || !named.contains(&&*field) {
                let body: String = body.to_string().chars().take(600).collect();
                let (status, path) = (answer.status, &ask.template);
                wrong.push(format!("{} {path} {field}: {status} {named:?} of {body}", ask.method));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(before == table(&app).await, "something was changed");
    assert!(count > 1500, "only {count} cases");
}

#[tokio::test]
async fn bodies_in_which_every_field_stands_are_taken() {
    let app = app().await;
    let document = document(&app).await;
    let count = whole_asks(&document, &Things::make(&app, "acme", "whole").await).len();
    for nth in 0..count {
        let own = Things::make(&app, "acme", &format!("whole{nth}")).await;
        let ask = whole_asks(&document, &own).remove(nth);
        let admin = own.admin_token(&app);
        let answer = ask.send(&app, ask.is_for_staff().then_some(&*admin)).await;
        assert!((200..300).contains(&answer.status), "{}: {}", ask.shown(), answer.text);
    }
}
