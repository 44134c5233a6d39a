//! Every route of the API document as one good request, made of what somebody has: their host, schedule, event type,
//! booking... A route, a parameter or a body that is not filled in here fails whatever walks, so that none is
//! forgotten.

mod things;

use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};
use tests::{Answer, TestApp};

pub(crate) use self::things::{Things, found, is_of_a_job};

/// Whom the document lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everybody.
    Public,
    /// Who has the booking's manage token, in the header.
    Manage,
    /// Admins.
    Admin,
    /// Admins, and hosts for what is theirs.
    Staff,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Form,
}

/// One request: `parts` has `path`, `query` and `body` by name, and `token`, the manage token of the header.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) operation: String,
    pub(crate) method: Method,
    pub(crate) template: String,
    pub(crate) door: Door,
    pub(crate) kind: Option<Kind>,
    pub(crate) schema: Option<String>,
    /// The parameters of the query that the document knows, filled in or not.
    pub(crate) query: Vec<String>,
    pub(crate) parts: Value,
}

/// The document as it is served.
pub(crate) async fn document(app: &TestApp) -> Value {
    app.send(Method::GET, "/v1/openapi.json", None).await.expect(200).clone()
}

/// Every route of the document, made of what is theirs; those that take one of several bodies once for each.
pub(crate) fn asks(document: &Value, own: &Things) -> Vec<Ask> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    });
    let mut names = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for (path, method, operation) in operations {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "two operations are called {name}");
        all.extend(filled(document, own, path, method, operation));
    }
    all
}

fn filled(document: &Value, own: &Things, path: &str, method: &str, operation: &Value) -> Vec<Ask> {
    let name = operation["operationId"].as_str().unwrap();
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut in_path, mut in_query, mut query) = (Map::new(), Map::new(), Vec::new());
    for parameter in parameters {
        let called = parameter["name"].as_str().unwrap();
        match parameter["in"].as_str().unwrap() {
            "path" => drop(in_path.insert(called.to_owned(), json!(own.in_path(path, called)))),
            "query" => {
                query.push(called.to_owned());
                let value = own.in_query(name, called);
                in_query.extend(value.map(|value| (called.to_owned(), json!(value))));
            }
            _ => assert!(["Idempotency-Key", "if-match"].contains(&called), "{name}: the header {called}"),
        }
    }
    let named = |role: &str| {
        let security = operation["security"].as_array().map(Vec::as_slice).unwrap_or_default();
        security.iter().any(|one| !one[role].is_null())
    };
    let door = match (named("admin"), named("host"), named("manage")) {
        (false, false, false) => Door::Public,
        (false, false, true) => Door::Manage,
        (true, false, false) => Door::Admin,
        (true, true, false) => Door::Staff,
        other => panic!("{name}: who is {other:?}?"),
    };
    let content = operation["requestBody"]["content"].as_object();
    let (media, schema) = content.and_then(|content| content.iter().next()).unzip();
    let kind = media.map(|media| match media.as_str() {
        "application/json" => Kind::Json,
        "application/x-www-form-urlencoded" => Kind::Form,
        other => panic!("{name}: a body of {other}"),
    });
    let reference = schema.map(|schema| {
        let schema = &schema["schema"];
        let reference = schema["$ref"].as_str().or(schema["oneOf"][0]["$ref"].as_str());
        reference.unwrap_or_else(|| panic!("{name}: {schema}")).rsplit('/').next().unwrap().to_owned()
    });
    let bodies = match &reference {
        None => vec![Value::Null],
        Some(schema) => own.bodies(name, schema),
    };
    if let Some(schema) = &reference {
        for field in ids(document, &document["components"]["schemas"][schema]) {
            assert!(bodies.iter().any(|body| !body[&field].is_null()), "{schema}: {field} is not filled in");
        }
    }
    let token = if door == Door::Manage { json!(own.manage) } else { Value::Null };
    let ask = |body| Ask {
        operation: name.to_owned(),
        method: method.to_uppercase().parse().unwrap(),
        template: path.to_owned(),
        door,
        kind,
        schema: reference.clone(),
        query: query.clone(),
        parts: json!({ "path": in_path, "query": in_query, "token": token, "body": body }),
    };
    bodies.into_iter().map(ask).collect()
}

/// The fields of a schema whose pattern says that they are ids.
fn ids(document: &Value, schema: &Value) -> Vec<String> {
    if let Some(pointer) = schema["$ref"].as_str() {
        return ids(document, document.pointer(pointer.trim_start_matches('#')).unwrap());
    }
    let parts = ["allOf", "oneOf"].iter().filter_map(|list| schema[*list].as_array()).flatten();
    let mut found: Vec<_> = parts.flat_map(|part| ids(document, part)).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let pointer = field["$ref"].as_str().unwrap_or_default().trim_start_matches('#');
        let field = document.pointer(pointer).filter(|_| !pointer.is_empty()).unwrap_or(field);
        let pattern = field["pattern"].as_str().unwrap_or_default();
        if ["^hst_", "^sch_", "^int_", "^bkg_", "^hold_"].iter().any(|id| pattern.starts_with(id)) {
            found.push(name.clone());
        }
    }
    found
}

impl Ask {
    /// What a failing assertion calls it.
    pub(crate) fn shown(&self) -> String {
        let parts = self.parts.to_string().chars().take(600).collect::<String>();
        format!("{} {} ({}) {parts}", self.method, self.template, self.operation)
    }

    /// Whether staff alone get in.
    pub(crate) fn is_for_staff(&self) -> bool {
        matches!(self.door, Door::Admin | Door::Staff)
    }

    /// Whether a manage token opens it, in the header or in a page's link or form.
    pub(crate) fn is_managed(&self) -> bool {
        self.door == Door::Manage || self.template.starts_with("/manage/")
    }

    /// The same with another value at a place.
    pub(crate) fn with(&self, place: &str, value: &Value) -> Self {
        let mut changed = self.clone();
        *changed.parts.pointer_mut(place).unwrap_or_else(|| panic!("{place} in {}", self.shown())) =
            value.clone();
        changed
    }

    /// Where texts of its own stand.
    pub(crate) fn places(&self) -> Vec<(String, String)> {
        let parts = self.parts.as_object().unwrap().iter();
        let mut places = Vec::new();
        for (part, values) in parts {
            match values {
                Value::String(text) => places.push((format!("/{part}"), text.clone())),
                Value::Object(values) => {
                    let texts = values.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
                    places.extend(texts.map(|(name, text)| (format!("/{part}/{name}"), text.to_owned())));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
            }
        }
        places
    }

    /// Its path, filled in, with its query.
    pub(crate) fn path(&self) -> String {
        let mut path = self.template.clone();
        for (name, value) in self.parts["path"].as_object().unwrap() {
            path = path.replace(&format!("{{{name}}}"), value.as_str().unwrap());
        }
        let query = self.parts["query"].as_object().unwrap();
        if query.is_empty() {
            return path;
        }
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(query.iter().map(|(name, value)| (name, value.as_str().unwrap())));
        format!("{path}?{}", encoded.finish())
    }

    /// The request, with a token of staff's, or with the manage token that it has.
    pub(crate) fn request(&self, app: &TestApp, token: Option<&str>) -> RequestBuilder {
        let request = app.http().request(self.method.clone(), format!("{}{}", app.local.url(), self.path()));
        let request = match token.or(self.parts["token"].as_str()) {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        match (self.kind, &self.parts["body"]) {
            (None, _) | (Some(_), Value::Null) => request,
            (Some(Kind::Json), body) => request.json(body),
            (Some(Kind::Form), body) => request.form(body.as_object().unwrap()),
        }
    }

    /// The answer to it.
    pub(crate) async fn send(&self, app: &TestApp, token: Option<&str>) -> Answer {
        let answer = app.answered(self.request(app, token)).await;
        assert!(answer.status < 500, "{}: {}", self.shown(), answer.text);
        answer
    }
}

/// The whole table.
pub(crate) async fn table(app: &TestApp) -> Vec<Value> {
    app.local.dynamodb.dump().await.unwrap()
}
