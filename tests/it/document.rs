//! The API document as the code makes it: the functions' parts under one frame, closed request bodies, and links from
//! what is made to what can be done with it.

use holdfast::http::problem::GatewayMessage;
use holdfast::http::{Problem, words};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

/// The served document.
pub(crate) const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/slots/openapi.json");
/// Set it to write the document anew.
pub(crate) const WRITE: &str = "HOLDFAST_WRITE_OPENAPI";
pub(crate) const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What is made, below which path it can be looked at or changed, and by which of the answer's fields: parameter and
/// expression.
type Made = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const MADE: [Made; 7] = [
    ("/v1/hosts", "/v1/hosts/{id}", &[("path.id", "$response.body#/id")]),
    ("/v1/schedules", "/v1/schedules/{id}", &[("path.id", "$response.body#/id")]),
    ("/v1/event-types", "/v1/event-types/{slug}", &[("path.slug", "$response.body#/slug")]),
    (
        "/v1/event-types",
        "/v1/tenants/{tenant}/event-types/{slug}/slots",
        &[("path.slug", "$response.body#/slug")],
    ),
    ("/v1/bookings", "/v1/bookings/{id}", &[("path.id", "$response.body#/id")]),
    ("/v1/tenants/{tenant}/bookings", "/v1/bookings/{id}", &[("path.id", "$response.body#/id")]),
    (
        "/v1/tenants/{tenant}/bookings",
        "/v1/tenants/{tenant}/bookings/{id}",
        &[
            ("path.tenant", "$request.path.tenant"),
            ("path.id", "$response.body#/id"),
            ("header.Authorization", "Bearer {$response.body#/manage_token}"),
        ],
    ),
];

/// The document but for its examples of answers, which [`super::examples`] knows.
pub(crate) fn made() -> Value {
    let mut document = serde_json::to_value(assembled()).expect("JSON");
    close(&mut document);
    link(&mut document);
    document
}

/// Says of everything that a JSON body can have that it has nothing else, as the handlers do. What is spread over
/// several schemas is written as one, because only a whole can be closed.
fn close(document: &mut Value) {
    // A body that may be left out is none then, and not a null.
    for item in document["paths"].as_object_mut().expect("paths").values_mut() {
        for operation in item.as_object_mut().expect("methods").values_mut() {
            let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
            if let Some(schema) = schema.filter(|schema| schema.get("oneOf").is_some()) {
                *schema = schema["oneOf"][0].take();
            }
        }
    }
    let mut waiting: Vec<String> = Vec::new();
    let bodies = operations(document)
        .filter_map(|(_, _, operation)| operation.pointer("/requestBody/content/application~1json/schema"));
    bodies.for_each(|schema| referred(schema, &mut waiting));
    let schemas = document["components"]["schemas"].as_object().expect("schemas").clone();
    let mut closed: Map<String, Value> = Map::new();
    while let Some(name) = waiting.pop() {
        if closed.contains_key(&name) {
            continue;
        }
        let whole = as_closed(&schemas, &schemas[&name]);
        referred(&whole, &mut waiting);
        closed.insert(name, whole);
    }
    let all = document["components"]["schemas"].as_object_mut().expect("schemas");
    all.extend(closed);
    // What was only ever a part of others.
    loop {
        let text = document.to_string();
        let all = document["components"]["schemas"].as_object_mut().expect("schemas");
        let before = all.len();
        all.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
        if all.len() == before {
            break;
        }
    }
}

fn as_closed(schemas: &Map<String, Value>, schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(parts) = schema["allOf"].as_array().cloned() {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for part in parts {
            let part = part["$ref"].as_str().map_or(part.clone(), |pointer| {
                as_closed(schemas, &schemas[pointer.rsplit('/').next().expect("a name")])
            });
            properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
            required.extend(part["required"].as_array().cloned().unwrap_or_default());
        }
        let whole = schema.as_object_mut().expect("a schema");
        whole.remove("allOf");
        whole.extend([("type".to_owned(), json!("object")), ("properties".to_owned(), properties.into())]);
        whole.insert("required".to_owned(), required.into());
    }
    for choice in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        *choice = as_closed(schemas, choice);
    }
    if let Some(object) = schema.as_object_mut().filter(|object| object.contains_key("properties")) {
        object.insert("additionalProperties".to_owned(), false.into());
    }
    schema
}

/// The components that a schema names.
fn referred(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(keywords) => {
            let pointer = keywords.get("$ref").and_then(Value::as_str);
            names.extend(pointer.and_then(|pointer| pointer.rsplit('/').next()).map(str::to_owned));
            keywords.values().for_each(|schema| referred(schema, names));
        }
        Value::Array(schemas) => schemas.iter().for_each(|schema| referred(schema, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn link(document: &mut Value) {
    let all: Vec<(String, String)> = operations(document)
        .map(|(path, _, operation)| {
            (path.to_owned(), operation["operationId"].as_str().expect("an id").to_owned())
        })
        .collect();
    let mut links: Vec<(&str, &str, &str, String, Value)> = Vec::new();
    for (source, id, status) in
        [("/v1/guests/export", "get_job", "202"), ("/v1/guests/erase", "get_job", "202")]
    {
        let link = json!({ "operationId": id, "parameters": { "path.id": "$response.body#/id" } });
        links.push((source, "post", status, id.to_owned(), link));
    }
    for (source, below, by) in MADE {
        let is_below = |path: &str| {
            path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let parameters: Map<_, _> =
            by.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        for (_, id) in all.iter().filter(|(path, _)| is_below(path)) {
            links.push((
                source,
                "post",
                "201",
                id.clone(),
                json!({ "operationId": id, "parameters": parameters }),
            ));
        }
    }
    let tenant = json!({ "path.tenant": "$request.path.tenant" });
    let holds = "/v1/tenants/{tenant}/holds";
    for (id, body) in [
        (
            "create_booking",
            json!({ "hold": "$response.body#/hold", "event_type": null, "start": null, "length": null }),
        ),
        ("release_hold", json!({ "hold": "$response.body#/hold" })),
    ] {
        let link = json!({ "operationId": id, "parameters": tenant, "requestBody": body });
        links.push((holds, "post", "201", id.to_owned(), link));
    }
    let slots = "/v1/tenants/{tenant}/event-types/{slug}/slots";
    let body = json!({ "event_type": "$request.path.slug", "start": "$response.body#/days/0/slots/0/start", "length": null });
    for id in ["create_hold", "create_booking"] {
        let mut body = body.clone();
        if id == "create_booking" {
            body["hold"] = Value::Null;
        }
        let link = json!({ "operationId": id, "parameters": tenant, "requestBody": body });
        links.push((slots, "get", "200", id.to_owned(), link));
    }
    for (path, method, status, name, link) in links {
        let answer = &mut document["paths"][path][method]["responses"][status];
        assert!(answer.is_object(), "{method} {path} answers no {status}");
        answer["links"][name] = link;
    }
}

/// Path, method and operation.
pub(crate) fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    paths.flat_map(|(path, item)| {
        let methods = METHODS.iter().filter_map(move |method| Some((*method, item.get(method)?)));
        methods.map(move |(method, operation)| (path.as_str(), method, operation))
    })
}

/// What belongs to no one function.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdfast",
        description = "Connect calendars, offer free slots, let exactly one guest have each.\n\n\
            Instants are RFC 3339 with an offset and lie on a 5-minute grid; zones are IANA names. Fields and \
            parameters that are not named here are refused. What goes wrong is a problem (RFC 9457) with a stable \
            `code`; only the gateway itself, before any function, answers 401, 413 and 429 with a bare `message`.",
        license(name = "MIT", identifier = "MIT")
    ),
    tags(
        (name = "slots", description = "What is free"),
        (name = "bookings", description = "Hold, book, look, cancel"),
        (name = "guests", description = "What guests have told: export and erasure, for admins"),
        (name = "jobs", description = "What is too long for one request"),
        (name = "integrations", description = "Calendar accounts of hosts, for admins and each host"),
        (name = "catalog", description = "What a business offers: itself, hosts, schedules, event types; for its staff"),
        (name = "oauth", description = "Where browsers come back to from a provider"),
        (name = "pages", description = "What people see; answers are HTML"),
        (name = "service", description = "The API itself")
    ),
    components(schemas(
        Problem,
        GatewayMessage,
        words::TenantSlug,
        words::EventTypeSlug,
        words::HostId,
        words::ScheduleId,
        words::IntegrationId,
        words::BookingId,
        words::JobId,
        words::EmailAddress,
        words::Cursor,
        words::Provider,
        words::BookingStatus,
        words::CalendarSync,
        words::JobKind,
        words::JobStatus,
        words::TimeZone
    ))
)]
struct Frame;

fn assembled() -> Document {
    let parts = [
        slots::Doc::openapi(),
        bookings::Doc::openapi(),
        catalog::Doc::openapi(),
        integrations::Doc::openapi(),
        oauth_start::Doc::openapi(),
        oauth_callback::Doc::openapi(),
        pages::Doc::openapi(),
    ];
    let mut document = Frame::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    for part in parts {
        document.merge(part);
    }
    let bearer = |text: &str, format: Option<&str>| {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some(text.to_owned());
        http.bearer_format = format.map(str::to_owned);
        SecurityScheme::Http(http)
    };
    let components = document.components.get_or_insert_default();
    let admin = "A token of the configured issuer, with the role `admin` and the tenant's claim.";
    components.add_security_scheme("admin", bearer(admin, Some("JWT")));
    let host = "The same with the role `host` and the host's claim: what is the host's own, and nothing else is there.";
    components.add_security_scheme("host", bearer(host, Some("JWT")));
    components.add_security_scheme("manage", bearer("The `manage_token` of the booking.", None));
    document
}
