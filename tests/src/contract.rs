//! The contract with Google: its discovery document of Calendar v3, turned into JSON Schemas.
//!
//! Every [`TestApp`](crate::TestApp) listens to its simulated Google and fails when it ends if any request of the
//! product or any answer of the fake broke the contract. In what the fake is stricter or laxer than Google is a
//! table in the docs of [`fakes::google`]. The document lies in `../shared/schemas` beside the checkout, or in the
//! folder that `HOLDFAST_SCHEMAS` names; where it is absent nothing is held against it.
//!
//! What is held against the document: method and path; every parameter's name, type, format, range, words and
//! repetition; every field of a body by name, type, format and words (those that the document lists as "possible
//! values", too); what a method requires; every name in a `fields` mask, that an answer has no more than the mask
//! names, and what the answer had been without it. A field that the document does not have is wrong. The document has no words for these, which are held
//! against what stands beside them instead: errors (the form in Google's guide to errors), OAuth (RFC 6749, 7009 and
//! 7636; the scopes are the document's), statuses.
//!
//! The answer that a test put in by a [`Fault`](fakes::Fault) is not looked at; the request that met it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use fakes::google::{self, Answered, Exchange};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// The folder with the official schemas, when it does not lie beside the checkout.
pub const SCHEMAS: &str = "HOLDFAST_SCHEMAS";
const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/schemas");
const DOCUMENT: &str = "google-calendar.v3.json";
const API: &str = "/calendar/v3/";

/// The contract, ready to be held against.
#[derive(Debug)]
pub struct Contract {
    methods: Vec<Method>,
    error: Validator,
    oauth: OAuth,
}

/// One method of the document.
#[derive(Debug)]
struct Method {
    id: String,
    verb: String,
    path: Vec<String>,
    scopes: BTreeSet<String>,
    parameters: Map<String, Value>,
    query: Validator,
    request: Option<Validator>,
    response: Option<Response>,
}

/// What a method answers with.
#[derive(Debug)]
struct Response {
    validator: Validator,
    schema: Value,
    schemas: Value,
}

#[derive(Debug)]
struct OAuth {
    authorize: Validator,
    scopes: BTreeSet<String>,
    token: Validator,
    tokens: Validator,
    revoke: Validator,
    error: Validator,
}

/// What one app's exchanges came to.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    checked: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds an exchange against the contract, and keeps what came of it.
    pub(crate) fn enter(&self, contract: &Contract, exchange: &Exchange) {
        let (method, wrong) = contract.check(exchange);
        let mut entries = self.entries();
        *entries.checked.entry(method).or_default() += 1;
        entries.wrong.extend(wrong);
    }

    /// How many exchanges of each method were checked, by its id in the document.
    pub fn checked(&self) -> BTreeMap<String, usize> {
        self.entries().checked.clone()
    }

    /// What broke the contract so far; nothing is kept of it.
    pub fn take_wrong(&self) -> Vec<String> {
        std::mem::take(&mut self.entries().wrong)
    }
}

impl Contract {
    /// The contract; `None` where there is no document beside the checkout, and none is named.
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests alone")]
    pub fn official() -> Option<&'static Self> {
        static OFFICIAL: OnceLock<Option<Contract>> = OnceLock::new();
        let read = || {
            let named = std::env::var(SCHEMAS).ok().map(PathBuf::from);
            let must = named.is_some();
            let path = named.unwrap_or_else(|| BESIDE.into()).join(DOCUMENT);
            assert!(!must || path.exists(), "{SCHEMAS} names no folder with {DOCUMENT}");
            let text = path.exists().then(|| fs::read_to_string(&path).expect("the document"))?;
            Some(Self::of(&serde_json::from_str(&text).expect("a discovery document")))
        };
        OFFICIAL.get_or_init(read).as_ref()
    }

    /// From a discovery document.
    pub fn of(document: &Value) -> Self {
        let mut methods = Vec::new();
        collect(document, document, &mut methods);
        Self { methods, error: validator(&error_form()), oauth: OAuth::of(document) }
    }

    /// Which method an exchange is, and what is wrong with it.
    pub fn check(&self, exchange: &Exchange) -> (String, Vec<String>) {
        let (name, found) = if exchange.path.starts_with(API) {
            self.check_calendar(exchange)
        } else {
            self.oauth.check(exchange)
        };
        let at = format!("{} {}", exchange.method, exchange.path);
        (name, found.into_iter().map(|wrong| format!("{at}: {wrong}")).collect())
    }

    /// Where a method of the fake is laxer than the document, and where stricter: scopes and parameters that only the
    /// one or only the other knows.
    pub fn compare(&self, fake: google::Method) -> (Vec<String>, Vec<String>) {
        let id = format!("calendar.{}", fake.name).to_lowercase();
        let Some(method) = self.methods.iter().find(|method| method.id.to_lowercase() == id) else {
            return (vec![fake.name.to_owned()], Vec::new());
        };
        let served = fake.parameters.iter().chain(google::Method::EVERYWHERE).map(|name| (*name).to_owned());
        let scopes = fake.scopes.iter().map(|scope| format!("https://www.googleapis.com/auth/{scope}"));
        let served: BTreeSet<String> = served.chain(scopes).collect();
        let official: BTreeSet<String> = method.parameters.keys().chain(&method.scopes).cloned().collect();
        let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
            one.difference(other).map(|name| format!("{} {name}", fake.name)).collect()
        };
        (only(&served, &official), only(&official, &served))
    }

    fn check_calendar(&self, exchange: &Exchange) -> (String, Vec<String>) {
        let path: Vec<&str> = exchange.path.trim_start_matches(API).split('/').collect();
        let Some(method) = self.methods.iter().find(|method| method.is_at(&exchange.method, &path)) else {
            return ("unknown".to_owned(), vec!["no such method".to_owned()]);
        };
        let mut wrong = method.check_query(&exchange.query);
        let content_type = exchange.content_type.as_deref();
        match &method.request {
            Some(_) if !is_json(content_type) => wrong.push(format!("request: is {content_type:?}")),
            Some(schema) => wrong.extend(broken("request", schema, &exchange.body)),
            None if !exchange.body.is_empty() => wrong.push("request: takes no body".to_owned()),
            None => {}
        }
        let mask = exchange.query.iter().find(|(name, _)| name == "fields").map(|(_, mask)| mask.as_str());
        let mask = mask.map(paths).transpose().unwrap_or_else(|error| {
            wrong.push(format!("fields: {error}"));
            None
        });
        if let Some(mask) = &mask {
            let named = method.response.as_ref().map(|response| response.names(mask));
            wrong.extend(named.unwrap_or_else(|| vec!["fields: nothing is answered".to_owned()]));
        }
        if let Some(answered) = exchange.answer.as_ref().filter(|answered| !answered.by_fault) {
            wrong.extend(self.check_answer(method, mask.as_deref(), answered));
        }
        (method.id.clone(), wrong)
    }

    fn check_answer(&self, method: &Method, mask: Option<&[Path]>, answered: &Answered) -> Vec<String> {
        let status = answered.status;
        let content_type = answered.content_type.as_deref();
        let mut wrong = match (status, &method.response) {
            (200, Some(_)) | (400..=599, _) if !is_json(content_type) => {
                vec![format!("response: is {content_type:?}")]
            }
            (200, Some(response)) => {
                let mut wrong = broken("response", &response.validator, &answered.whole);
                let body: Value = serde_json::from_str(&answered.body).unwrap_or_default();
                if let Some(mask) = mask {
                    unasked(&body, mask, 0, "response", &mut wrong);
                }
                wrong
            }
            (204, None) if answered.body.is_empty() => Vec::new(),
            (400..=599, _) => broken("error", &self.error, &answered.body),
            _ => vec![format!("response: {status} with {:?}", answered.body)],
        };
        if (400..=599).contains(&status) {
            let body: Value = serde_json::from_str(&answered.body).unwrap_or_default();
            let reason = body["error"]["errors"][0]["reason"].as_str().unwrap_or_default();
            let known = reasons(status);
            if body["error"]["code"] != status || !(known.is_empty() || known.contains(&reason)) {
                wrong.push(format!("error: {status} says {}", body["error"]));
            }
        }
        wrong
    }
}

impl Method {
    fn is_at(&self, verb: &str, path: &[&str]) -> bool {
        let is_part = |(part, given): (&String, &&str)| {
            if part.starts_with('{') { !given.is_empty() } else { part == given }
        };
        self.verb == verb && self.path.len() == path.len() && self.path.iter().zip(path).all(is_part)
    }

    /// Parameters come as text: what shall be a number or a boolean is read as one, and wrong if it cannot.
    fn check_query(&self, query: &[(String, String)]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut instance = Map::new();
        for (name, text) in query {
            let parameter = self.parameters.get(name).unwrap_or(&Value::Null);
            let value = match parameter["type"].as_str() {
                Some("integer") => text.parse::<i64>().ok().map(Value::from),
                Some("boolean") => text.parse::<bool>().ok().map(Value::from),
                _ => None,
            };
            let value = value.unwrap_or_else(|| json!(text));
            if parameter["repeated"] == true {
                let values = instance.entry(name).or_insert_with(|| json!([]));
                values.as_array_mut().expect("a list").push(value);
            } else if instance.insert(name.clone(), value).is_some() {
                wrong.push(format!("query: {name} is repeated"));
            }
        }
        wrong.extend(errors("query", &self.query, &instance.into()));
        wrong
    }
}

impl Response {
    /// What of a `fields` mask the answer does not have.
    fn names(&self, mask: &[Path]) -> Vec<String> {
        let has = |path: &&Path| {
            let mut node = &self.schema;
            path.iter().all(|name| {
                loop {
                    node = match (node["$ref"].as_str(), node.get("items")) {
                        (Some(name), _) => &self.schemas[name],
                        (None, Some(items)) => items,
                        (None, None) => break,
                    };
                }
                let field = node["properties"].get(name).or_else(|| node.get("additionalProperties"));
                node = field.unwrap_or(&Value::Null);
                field.is_some() || name == "*"
            })
        };
        let unknown = mask.iter().filter(|path| !has(path));
        unknown.map(|path| format!("fields: there is no {}", path.join("/"))).collect()
    }
}

/// The methods of a resource and of all beneath it.
fn collect(document: &Value, resource: &Value, methods: &mut Vec<Method>) {
    for method in resource["methods"].as_object().into_iter().flat_map(Map::values) {
        let word = |name: &str| method[name].as_str().expect("a word").to_owned();
        let id = word("id");
        let mut parameters = document["parameters"].as_object().cloned().unwrap_or_default();
        parameters.extend(method["parameters"].as_object().cloned().unwrap_or_default());
        parameters.retain(|_, parameter| parameter["location"] == "query");
        let required = parameters.iter().filter(|(_, parameter)| parameter["required"] == true);
        let required: Vec<_> = required.map(|(name, _)| name).collect();
        let properties = parameters.iter().map(|(name, parameter)| {
            let one = schema_of(parameter, Side::Answer);
            let is_list = parameter["repeated"] == true;
            (name.clone(), if is_list { json!({ "type": "array", "items": one }) } else { one })
        });
        let properties: Map<_, _> = properties.collect();
        let query = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        let scopes = method["scopes"].as_array().into_iter().flatten();
        let body = |name: &str, side: Side<'_>| {
            method.get(name).map(|node| {
                let mut whole = schema_of(node, side);
                let schemas = document["schemas"].as_object().expect("schemas").iter();
                let defs = schemas.map(|(name, node)| (name.clone(), schema_of(node, side)));
                whole["$defs"] = defs.collect::<Map<_, _>>().into();
                validator(&whole)
            })
        };
        methods.push(Method {
            verb: word("httpMethod"),
            scopes: scopes.filter_map(Value::as_str).map(str::to_owned).collect(),
            path: word("path").split('/').map(str::to_owned).collect(),
            query: validator(&query),
            request: body("request", Side::Request { method: &id, patch: method["httpMethod"] == "PATCH" }),
            response: body("response", Side::Answer).map(|validator| Response {
                validator,
                schema: method["response"].clone(),
                schemas: document["schemas"].clone(),
            }),
            parameters,
            id,
        });
    }
    for resource in resource["resources"].as_object().into_iter().flat_map(Map::values) {
        collect(document, resource, methods);
    }
}

/// Whose body a schema is for.
#[derive(Clone, Copy)]
enum Side<'a> {
    Request {
        method: &'a str,
        /// A patch takes a field away by a null.
        patch: bool,
    },
    Answer,
}

/// The JSON Schema of a node of the document.
fn schema_of(node: &Value, side: Side<'_>) -> Value {
    if let Some(name) = node["$ref"].as_str() {
        return json!({ "$ref": format!("#/$defs/{name}") });
    }
    let mut schema = match (node["type"].as_str().expect("a type"), node["format"].as_str()) {
        ("any", _) => json!({}),
        ("string", None) => json!({ "type": "string" }),
        ("string", Some(format @ ("date" | "date-time"))) => json!({ "type": "string", "format": format }),
        ("string", Some("int64")) => json!({ "type": "string", "pattern": "^-?[0-9]+$" }),
        ("integer", Some("int32")) => {
            json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX })
        }
        ("boolean", None) => json!({ "type": "boolean" }),
        ("array", None) => json!({ "type": "array", "items": schema_of(&node["items"], side) }),
        ("object", None) => object(node, side),
        (kind, format) => panic!("the document has come to know {kind} {format:?}"),
    };
    for name in ["minimum", "maximum"] {
        if let Some(bound) = node[name].as_str() {
            schema[name] = json!(bound.parse::<i64>().expect("a number"));
        }
    }
    if let Some(pattern) = node.get("pattern") {
        schema["pattern"] = pattern.clone();
    }
    let listed = node.get("enum").cloned().or_else(|| possible_values(node).map(Value::from));
    if let Some(words) = listed.filter(|_| node["type"] == "string") {
        schema["enum"] = words;
    }
    schema
}

fn object(node: &Value, side: Side<'_>) -> Value {
    let mut required = Vec::new();
    let mut properties = Map::new();
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        let mut schema = schema_of(field, side);
        if let ("kind", Some(word)) = (name.as_str(), field.get("default")) {
            schema["const"] = word.clone();
        }
        if let Side::Request { method, patch } = side {
            let methods = field["annotations"]["required"].as_array();
            required.extend(methods.filter(|methods| methods.contains(&method.into())).map(|_| name));
            if patch {
                schema = json!({ "anyOf": [schema, { "type": "null" }] });
            }
        }
        properties.insert(name.clone(), schema);
    }
    let others = node.get("additionalProperties").map_or(json!(false), |others| schema_of(others, side));
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": others,
    })
}

/// The words that a description lists as all there are: `Possible values are:` and a line `- "word"` for each.
fn possible_values(node: &Value) -> Option<Vec<&str>> {
    let (before, list) = node["description"].as_str()?.split_once("ossible values are:")?;
    if before.ends_with("Some of the p") {
        return None;
    }
    let lines = list.split("- \"").skip(1);
    let words: Vec<_> = lines.filter_map(|line| line.split_once('"')).map(|(word, _)| word).collect();
    (!words.is_empty()).then_some(words)
}

/// The way to one field of a mask, from the top.
type Path = Vec<String>;

/// The paths of a `fields` mask: `a,b(c,d/e)` is `a`, `b/c` and `b/d/e`.
fn paths(mask: &str) -> Result<Vec<Path>, String> {
    let mut found: Vec<Path> = Vec::new();
    // How long the path is before each bracket that is open.
    let mut above: Vec<usize> = Vec::new();
    let mut path = Path::new();
    let mut name = String::new();
    for letter in mask.chars().chain([',']) {
        match letter {
            '/' | '(' => {
                path.push(std::mem::take(&mut name));
                if letter == '(' {
                    above.push(path.len());
                }
            }
            ',' | ')' => {
                if !name.is_empty() {
                    found.push(path.iter().cloned().chain([std::mem::take(&mut name)]).collect());
                }
                if letter == ')' && above.pop().is_none() {
                    return Err(format!("cannot read {mask}"));
                }
                path.truncate(above.last().copied().unwrap_or(0));
            }
            _ => name.push(letter),
        }
    }
    let is_well_formed =
        above.is_empty() && !found.is_empty() && !found.iter().flatten().any(String::is_empty);
    if is_well_formed { Ok(found) } else { Err(format!("cannot read {mask}")) }
}

/// What stands in an answer although the mask does not name it.
fn unasked(value: &Value, mask: &[Path], depth: usize, at: &str, wrong: &mut Vec<String>) {
    for item in value.as_array().into_iter().flatten() {
        unasked(item, mask, depth, at, wrong);
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let is_named = |path: &&Path| path.get(depth).is_some_and(|asked| asked == name || asked == "*");
        let named: Vec<Path> = mask.iter().filter(is_named).cloned().collect();
        let at = format!("{at}/{name}");
        if named.is_empty() {
            wrong.push(format!("{at}: was not asked for"));
        } else if named.iter().all(|path| path.len() > depth + 1) {
            unasked(value, &named, depth + 1, &at, wrong);
        }
    }
}

impl OAuth {
    fn of(document: &Value) -> Self {
        let scopes = document["auth"]["oauth2"]["scopes"].as_object().expect("scopes");
        let text = json!({ "type": "string", "minLength": 1 });
        // RFC 7636, sections 4.1 and 4.2.
        let verifier = json!({ "type": "string", "pattern": "^[A-Za-z0-9._~-]{43,128}$" });
        let authorize = json!({
            "type": "object", "additionalProperties": false,
            "required": [
                "client_id", "redirect_uri", "response_type", "scope", "state", "access_type",
                "code_challenge", "code_challenge_method",
            ],
            "properties": {
                "client_id": text, "redirect_uri": { "type": "string", "format": "uri" },
                "response_type": { "const": "code" }, "scope": text, "state": text,
                "access_type": { "enum": ["online", "offline"] },
                "prompt": { "type": "string", "pattern": "^(none|(consent|select_account)( (consent|select_account))?)$" },
                "include_granted_scopes": { "enum": ["true", "false"] }, "login_hint": text,
                "code_challenge": { "type": "string", "pattern": "^[A-Za-z0-9_-]{43}$" },
                "code_challenge_method": { "const": "S256" },
            },
        });
        let form = |grant_type: &str, fields: &[(&str, &Value)]| {
            let mut properties = json!({
                "client_id": text, "client_secret": text, "grant_type": { "const": grant_type },
            });
            for (name, schema) in fields {
                properties[*name] = (*schema).clone();
            }
            let required: Vec<_> = properties.as_object().expect("fields").keys().cloned().collect();
            json!({
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
            })
        };
        let redirect = json!({ "type": "string", "format": "uri" });
        let token = json!({ "oneOf": [
            form("authorization_code", &[
                ("code", &text), ("redirect_uri", &redirect), ("code_verifier", &verifier),
            ]),
            form("refresh_token", &[("refresh_token", &text)]),
        ] });
        let tokens = json!({
            "type": "object", "additionalProperties": false,
            "required": ["access_token", "expires_in", "scope", "token_type"],
            "properties": {
                "access_token": text, "expires_in": { "type": "integer", "minimum": 1 }, "scope": text,
                "token_type": { "const": "Bearer" }, "refresh_token": text, "id_token": text,
                "refresh_token_expires_in": { "type": "integer", "minimum": 1 },
            },
        });
        let revoke = json!({
            "type": "object", "properties": { "token": text }, "required": ["token"],
            "additionalProperties": false,
        });
        // RFC 6749, section 5.2, and `invalid_token` of a revocation.
        let error = json!({
            "type": "object", "additionalProperties": false, "required": ["error"],
            "properties": {
                "error": { "enum": [
                    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
                    "unsupported_grant_type", "invalid_scope", "invalid_token",
                ] },
                "error_description": text, "error_uri": text,
            },
        });
        Self {
            authorize: validator(&authorize),
            scopes: scopes.keys().cloned().collect(),
            token: validator(&token),
            tokens: validator(&tokens),
            revoke: validator(&revoke),
            error: validator(&error),
        }
    }

    fn check(&self, exchange: &Exchange) -> (String, Vec<String>) {
        let pairs = |pairs: &[(String, String)]| -> Value {
            pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into()
        };
        let (name, request, response) = match (exchange.method.as_str(), exchange.path.as_str()) {
            ("GET", "/o/oauth2/v2/auth") => {
                let mut wrong = errors("query", &self.authorize, &pairs(&exchange.query));
                let asked = exchange.query.iter().filter(|(name, _)| name == "scope");
                let asked = asked.flat_map(|(_, scopes)| scopes.split_whitespace());
                let unknown = asked.filter(|scope| !self.scopes.contains(*scope));
                wrong.extend(unknown.map(|scope| format!("query: there is no scope {scope}")));
                return ("authorize".to_owned(), wrong);
            }
            // A person's browser, with the fake's own form.
            ("POST", "/o/oauth2/v2/auth/decision") => return ("decision".to_owned(), Vec::new()),
            ("POST", "/token") => ("token", &self.token, Some(&self.tokens)),
            ("POST", "/revoke") => ("revoke", &self.revoke, None),
            _ => return ("unknown".to_owned(), vec!["no such endpoint".to_owned()]),
        };
        let mut wrong = Vec::new();
        if !exchange.query.is_empty() {
            wrong.push("query: a secret may stand in a log there".to_owned());
        }
        if exchange.content_type.as_deref() != Some("application/x-www-form-urlencoded") {
            wrong.push(format!("request: is {:?}", exchange.content_type));
        }
        let form: Vec<_> = form_urlencoded::parse(exchange.body.as_bytes()).into_owned().collect();
        wrong.extend(errors("request", request, &pairs(&form)));
        match exchange.answer.as_ref().filter(|answered| !answered.by_fault) {
            Some(answered) if answered.status == 200 => {
                wrong.extend(
                    response.into_iter().flat_map(|schema| broken("response", schema, &answered.body)),
                );
            }
            Some(answered) => {
                let is_refusal = matches!(answered.status, 400 | 401);
                wrong.extend((!is_refusal).then(|| format!("response: {}", answered.status)));
                wrong.extend(broken("error", &self.error, &answered.body));
            }
            None => {}
        }
        (name.to_owned(), wrong)
    }
}

/// <https://developers.google.com/workspace/calendar/api/guides/errors>
fn error_form() -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    let detail = json!({
        "type": "object", "additionalProperties": false, "required": ["domain", "reason", "message"],
        "properties": {
            "domain": text, "reason": text, "message": text, "locationType": text, "location": text,
        },
    });
    let error = json!({
        "type": "object", "additionalProperties": false, "required": ["code", "message", "errors"],
        "properties": {
            "code": { "type": "integer" }, "message": text, "status": text,
            "errors": { "type": "array", "minItems": 1, "items": detail },
        },
    });
    json!({
        "type": "object", "additionalProperties": false, "required": ["error"],
        "properties": { "error": error },
    })
}

/// The reasons that the guide names for a status; nothing where it does not say that these are all.
fn reasons(status: u16) -> &'static [&'static str] {
    match status {
        401 => &["authError"],
        404 => &["notFound"],
        409 => &["duplicate"],
        410 => &["deleted", "fullSyncRequired", "updatedMinTooLongAgo"],
        412 => &["conditionNotMet"],
        429 => &["rateLimitExceeded"],
        _ => &[],
    }
}

fn is_json(content_type: Option<&str>) -> bool {
    content_type.and_then(|kind| kind.split(';').next()) == Some("application/json")
}

/// A validator that knows formats, too.
pub fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).expect("a schema")
}

/// What is wrong with a body, which must be JSON.
fn broken(what: &str, schema: &Validator, body: &str) -> Vec<String> {
    match serde_json::from_str(body) {
        Ok(value) => errors(what, schema, &value),
        Err(error) => vec![format!("{what}: {error}: {body}")],
    }
}

/// What is wrong with a value, and where.
pub fn errors(what: &str, schema: &Validator, value: &Value) -> Vec<String> {
    schema.iter_errors(value).map(|error| format!("{what}{}: {error}", error.instance_path())).collect()
}
