//! `template.yaml`, read: what is deployed is what runs here.
//!
//! The one rule: what this process mounts and what the template names must be the same, in both directions;
//! anything that is only in one of them is a [`TemplateError`] before anything starts.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html>

mod roles;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use axum::http::Method;
use fakes::events::{Pattern, Rule};
use holdfast::config;
use holdfast::store::{BY_TENANT_INDEX, DUE_INDEX, STREAMED_PREFIXES};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::functions::{Entry, FUNCTIONS, Function};

pub(crate) use roles::{Names, Written};

/// The template at the top of the repository, as it was when this was built.
const SOURCE: &str = include_str!("../../../../template.yaml");

/// Settings that have a default of their own in the code, and none in the cloud.
const ONLY_BY_HAND: [&str; 4] = [
    config::GOOGLE_AUTHORIZE_URL,
    config::GOOGLE_TOKEN_URL,
    config::GOOGLE_REVOKE_URL,
    config::GOOGLE_API_URL,
];

/// Every method that a path has no route for.
pub(crate) const ANY: &str = "ANY";

/// Why the template cannot be booted.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Not YAML.
    #[error("template.yaml: {0}")]
    Yaml(String),
    /// A resource is not of the form that its type asks for, or says something that is not understood here.
    #[error("template.yaml: {resource}: {problem}")]
    Resource {
        /// Its logical id.
        resource: String,
        /// What is wrong.
        problem: String,
    },
    /// The template names a function that is no crate of `functions/`.
    #[error("template.yaml names the function `{0}`, and no crate in functions/ is mounted under that name")]
    UnknownFunction(String),
    /// A crate of `functions/` is not deployed.
    #[error("functions/{0} is not in template.yaml")]
    MissingFunction(&'static str),
    /// A route is in the code only.
    #[error("template.yaml does not route {route} to `{function}`, which answers it")]
    MissingRoute {
        /// The function.
        function: &'static str,
        /// Method and path.
        route: String,
    },
    /// A route is in the template only.
    #[error("template.yaml routes {route} to `{function}`, which does not answer it")]
    UnknownRoute {
        /// The function.
        function: &'static str,
        /// Method and path.
        route: String,
    },
    /// The template and the code disagree about who may call a route.
    #[error("template.yaml and `{function}` disagree about whether {route} takes an admin's token")]
    Authorization {
        /// The function.
        function: &'static str,
        /// Method and path.
        route: String,
    },
    /// Something else that the code needs.
    #[error("template.yaml lacks {0}")]
    Missing(String),
}

/// What the template says, as far as it matters to a process that stands in for AWS.
#[derive(Debug)]
pub(crate) struct Template {
    /// Every route of the API.
    pub(crate) routes: Vec<Route>,
    /// The functions that run by the clock.
    pub(crate) scheduled: Vec<(Every, &'static Function)>,
    /// The queues that rules of the bus fill, with the functions that empty them.
    pub(crate) queues: Vec<Queue>,
    /// The rules of the bus; targets are the names of queues.
    pub(crate) rules: Vec<Rule>,
    /// The functions that read the table's stream.
    pub(crate) streams: Vec<Stream>,
    /// The table's properties.
    pub(crate) table: TableProperties,
    /// What the functions' roles let them call by the SDK.
    pub(crate) grants: BTreeSet<Written>,
}

/// How often a schedule comes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Every {
    /// `rate(1 minute)`.
    Minute,
    /// `rate(1 day)`.
    Day,
}

/// A route of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Whose it is.
    pub(crate) function: &'static str,
    /// `GET`, ...
    pub(crate) method: Method,
    /// With parameters in braces.
    pub(crate) path: String,
    /// Whether the authorizer stands before it.
    pub(crate) authorized: bool,
}

impl Route {
    /// As API Gateway names it: `GET /v1/bookings/{id}`.
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it is where all preflights go.
    fn takes_preflights(&self) -> bool {
        self.method == Method::OPTIONS && self.is_about_all()
    }

    /// Whether it is where everything goes that has no route of its own.
    fn takes_the_rest(&self) -> bool {
        self.method.as_str() == ANY && self.is_about_all()
    }

    /// No document names such a route: it is about every path, and none of its own.
    fn is_about_all(&self) -> bool {
        self.path == "/{proxy+}"
    }
}

/// A queue and its reader.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Its logical id.
    pub(crate) name: String,
    /// Who empties it.
    pub(crate) function: &'static Function,
    /// The most messages of one invocation.
    pub(crate) batch: usize,
    /// How often a message is delivered before it is dead.
    pub(crate) deliveries: u32,
}

/// A reader of the table's stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Who reads.
    pub(crate) function: &'static Function,
    /// The most records of one invocation.
    pub(crate) batch: usize,
    /// How often a record is delivered again before it is given up.
    pub(crate) retries: u32,
    /// Only records that match one of these are delivered.
    pub(crate) filters: Vec<Pattern>,
}

impl Template {
    /// The template that this program was built with, read and compared with the code once.
    pub(crate) fn shipped() -> Result<&'static Self, &'static TemplateError> {
        static SHIPPED: OnceLock<Result<Template, TemplateError>> = OnceLock::new();
        SHIPPED.get_or_init(|| Template::read(SOURCE)).as_ref()
    }

    fn read(source: &str) -> Result<Self, TemplateError> {
        let document = Document::read(source)?;
        let mut template = Self {
            routes: Vec::new(),
            scheduled: Vec::new(),
            queues: Vec::new(),
            rules: document.rules()?,
            streams: Vec::new(),
            table: document.table()?,
            grants: BTreeSet::new(),
        };
        let (mut named, mut roles) = (BTreeSet::new(), BTreeSet::new());
        for (id, resource) in document.of_type("AWS::Serverless::Function") {
            let name = &shaped::<Metadata>(id, &resource.metadata)?.build_properties.binary;
            let function = FUNCTIONS
                .iter()
                .find(|function| function.name == name)
                .ok_or_else(|| TemplateError::UnknownFunction(name.clone()))?;
            if !named.insert(function.name) {
                return Err(wrong(id, &format!("a second function `{name}`")));
            }
            let properties: FunctionProperties = shaped(id, &resource.properties)?;
            let mut grants = roles::grants(&document, id, function, &properties.role)?;
            if !roles.insert(properties.role.to_string()) {
                return Err(wrong(id, "shares its role with another function"));
            }
            let mut needs = roles::log_needs(&document.log_group);
            for (event_name, event) in properties.events {
                let id = format!("{id}.{event_name}");
                needs.extend(template.add_event(&document, function, &id, &event)?);
            }
            // What Lambda itself does in the function's name is known; the rest is for the SDK's calls.
            for (action, resource) in needs {
                let (principal, action) = (function.name.to_owned(), action.to_owned());
                let need = Written { principal, action, resource };
                if !grants.remove(&need) {
                    return Err(wrong(id, &format!("its role lacks {} on {}", need.action, need.resource)));
                }
            }
            template.grants.extend(grants);
        }
        if let Some(function) = FUNCTIONS.iter().find(|function| !named.contains(function.name)) {
            return Err(TemplateError::MissingFunction(function.name));
        }
        template.check(&document)?;
        Ok(template)
    }

    fn add_event(
        &mut self,
        document: &Document,
        function: &'static Function,
        id: &str,
        event: &Event,
    ) -> Result<Vec<(&'static str, String)>, TemplateError> {
        let mut needs = Vec::new();
        match event.kind.as_str() {
            "HttpApi" => {
                let event: HttpApiEvent = shaped(id, &event.properties)?;
                let method = event.method.parse().map_err(|_unknown| wrong(id, "an unknown method"))?;
                let authorized = match event.auth.and_then(|auth| auth.authorizer).as_deref() {
                    None => true,
                    Some("NONE") => false,
                    Some(_) => return Err(wrong(id, "a second authorizer is not known here")),
                };
                self.routes.push(Route { function: function.name, method, path: event.path, authorized });
            }
            "Schedule" => {
                let event: ScheduleEvent = shaped(id, &event.properties)?;
                let every = match event.schedule.as_str() {
                    "rate(1 minute)" => Every::Minute,
                    "rate(1 day)" => Every::Day,
                    _ => {
                        return Err(wrong(id, "the schedules known here are rate(1 minute) and rate(1 day)"));
                    }
                };
                self.scheduled.push((every, function));
            }
            "SQS" => {
                let event: QueueEvent = shaped(id, &event.properties)?;
                let name = attribute(&event.queue, "Arn")
                    .ok_or_else(|| wrong(id, "a queue outside the template"))?;
                let queue: QueueProperties = document.get("AWS::SQS::Queue", name)?;
                reports(id, &event.function_response_types)?;
                needs = roles::queue_needs(name);
                self.queues.push(Queue {
                    name: name.to_owned(),
                    function,
                    batch: event.batch_size,
                    deliveries: queue.redrive_policy.max_receive_count,
                });
            }
            "DynamoDB" => {
                let event: StreamEvent = shaped(id, &event.properties)?;
                reports(id, &event.function_response_types)?;
                let table = attribute(&event.stream, "StreamArn");
                let dead = attribute(&event.destination_config.on_failure.destination, "Arn");
                let (table, dead) =
                    table.zip(dead).ok_or_else(|| wrong(id, "a stream outside the template"))?;
                needs = roles::stream_needs(table, dead);
                let filters = event.filter_criteria.filters.iter().map(|filter| {
                    let pattern = serde_json::from_str(&filter.pattern).map_err(|error| error.to_string());
                    pattern
                        .and_then(|pattern| Pattern::compile(&pattern))
                        .map_err(|problem| wrong(id, &problem))
                });
                self.streams.push(Stream {
                    function,
                    batch: event.batch_size,
                    retries: event.maximum_retry_attempts,
                    filters: filters.collect::<Result<_, _>>()?,
                });
            }
            other => return Err(wrong(id, &format!("events of the type {other} are not known here"))),
        }
        Ok(needs)
    }

    /// Compares the template with the code: routes, variables, the index, the stream and the queues.
    fn check(&self, document: &Document) -> Result<(), TemplateError> {
        if document.of_type("AWS::Serverless::HttpApi").any(|(_, api)| {
            api.properties.pointer("/Auth/DefaultAuthorizer").and_then(Value::as_str).is_none()
        }) {
            return Err(TemplateError::Missing("a default authorizer of the API".to_owned()));
        }
        for function in &FUNCTIONS {
            if let Entry::Http { document, .. } = function.entry {
                self.check_routes(function.name, &documented(function.name, &document()))?;
            }
        }
        let needed = [config::TABLE, config::KMS_KEY, config::BUS, config::LOG];
        let needed = needed.iter().chain(&config::CHOSEN).filter(|name| !ONLY_BY_HAND.contains(name));
        if let Some(name) = needed.into_iter().find(|name| !document.variables.contains_key(**name)) {
            return Err(TemplateError::Missing(format!("the variable {name} for every function")));
        }
        self.check_throttles(document)?;
        self.check_preflights(document)?;
        for index in [DUE_INDEX, BY_TENANT_INDEX] {
            if !self.table.has_index(index) {
                return Err(TemplateError::Missing(format!("the table's index `{index}`")));
            }
        }
        for prefix in STREAMED_PREFIXES {
            let record = json!({ "dynamodb": { "Keys": { "sk": { "S": prefix } } } });
            let read = |stream: &Stream| stream.filters.iter().any(|filter| filter.matches(&record));
            if !self.streams.iter().any(read) {
                return Err(TemplateError::Missing(format!("a reader of the stream for items {prefix}")));
            }
        }
        let unread = |rule: &&Rule| !self.queues.iter().any(|queue| queue.name == rule.target);
        match self.rules.iter().find(unread) {
            Some(rule) => Err(TemplateError::Missing(format!("a function that empties {}", rule.target))),
            None => Ok(()),
        }
    }

    /// A throttle for a route that is not there throttles nothing.
    fn check_throttles(&self, document: &Document) -> Result<(), TemplateError> {
        for (id, api) in document.of_type("AWS::Serverless::HttpApi") {
            let settings = api.properties.get("RouteSettings").and_then(Value::as_object);
            let unknown = |key: &&String| !self.routes.iter().any(|route| route.key() == **key);
            if let Some(key) = settings.into_iter().flat_map(|settings| settings.keys()).find(unknown) {
                return Err(wrong(id, &format!("throttles {key}, which is no route")));
            }
        }
        Ok(())
    }

    /// The functions answer preflights; an API that answers them itself would not ask.
    fn check_preflights(&self, document: &Document) -> Result<(), TemplateError> {
        let mut apis = document.of_type("AWS::Serverless::HttpApi");
        if let Some((id, _)) = apis.find(|(_, api)| api.properties.get("CorsConfiguration").is_some()) {
            return Err(wrong(id, "answers preflights itself, by one list for all tenants"));
        }
        let missing =
            |route: &str| Err(TemplateError::Missing(format!("the public route {route} /{{proxy+}}")));
        let mut open = self.routes.iter().filter(|route| !route.authorized);
        if !open.clone().any(Route::takes_preflights) {
            missing("OPTIONS")
        } else if !open.any(Route::takes_the_rest) {
            missing(ANY)
        } else {
            Ok(())
        }
    }

    fn check_routes(&self, function: &'static str, documented: &[Route]) -> Result<(), TemplateError> {
        for route in documented {
            let deployed = self.routes.iter().find(|other| other.key() == route.key());
            let deployed = deployed.filter(|other| other.function == function);
            let Some(deployed) = deployed else {
                return Err(TemplateError::MissingRoute { function, route: route.key() });
            };
            if deployed.authorized != route.authorized {
                return Err(TemplateError::Authorization { function, route: route.key() });
            }
        }
        let known = |route: &&Route| documented.iter().any(|other| other.key() == route.key());
        let mut own = self.routes.iter().filter(|route| {
            route.function == function && !route.takes_preflights() && !route.takes_the_rest()
        });
        match own.find(|route| !known(route)) {
            Some(route) => Err(TemplateError::UnknownRoute { function, route: route.key() }),
            None => Ok(()),
        }
    }
}

/// The routes that a function's part of the API document names.
fn documented(function: &'static str, document: &utoipa::openapi::OpenApi) -> Vec<Route> {
    let paths = serde_json::to_value(&document.paths).unwrap_or_default();
    let paths = paths.as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, operation)| (path, method, operation))
    });
    operations
        .filter_map(|(path, method, operation)| {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).ok()?;
            let security = operation.get("security").and_then(Value::as_array);
            let authorized = security.is_some_and(|any| any.iter().any(|one| one.get("admin").is_some()));
            operation.is_object().then(|| Route { function, method, path: path.clone(), authorized })
        })
        .collect()
}

/// The properties of `AWS::DynamoDB::Table` that the embedded database knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TableProperties {
    attribute_definitions: Value,
    key_schema: Value,
    global_secondary_indexes: Vec<Value>,
    billing_mode: Value,
    stream_specification: Value,
    time_to_live_specification: Value,
}

impl TableProperties {
    /// The `CreateTable` that CloudFormation would send.
    pub(crate) fn create(&self, name: &str, stream: bool) -> Value {
        let mut request = json!({
            "TableName": name,
            "AttributeDefinitions": self.attribute_definitions,
            "KeySchema": self.key_schema,
            "GlobalSecondaryIndexes": self.global_secondary_indexes,
            "BillingMode": self.billing_mode,
        });
        if let (true, Some(request)) = (stream, request.as_object_mut()) {
            let mut stream = self.stream_specification.clone();
            if let Some(stream) = stream.as_object_mut() {
                stream.insert("StreamEnabled".to_owned(), true.into());
            }
            request.insert("StreamSpecification".to_owned(), stream);
        }
        request
    }

    /// The `UpdateTimeToLive` that follows.
    pub(crate) fn expire(&self, name: &str) -> Value {
        json!({ "TableName": name, "TimeToLiveSpecification": self.time_to_live_specification })
    }

    fn has_index(&self, name: &str) -> bool {
        self.global_secondary_indexes
            .iter()
            .any(|index| index.get("IndexName").is_some_and(|known| known == name))
    }
}

/// The template with its intrinsic functions as objects: `!Ref Table` is `{"!Ref": "Table"}`.
#[derive(Debug)]
struct Document {
    resources: BTreeMap<String, Resource>,
    variables: BTreeMap<String, Value>,
    log_group: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    properties: Value,
}

impl Document {
    fn read(source: &str) -> Result<Self, TemplateError> {
        let yaml: serde_yaml_ng::Value =
            serde_yaml_ng::from_str(source).map_err(|error| TemplateError::Yaml(error.to_string()))?;
        let json = serde_json::to_value(yaml).map_err(|error| TemplateError::Yaml(error.to_string()))?;
        let part = |pointer: &str| json.pointer(pointer).cloned().unwrap_or_default();
        Ok(Self {
            resources: shaped("Resources", &part("/Resources"))?,
            variables: shaped("Globals", &part("/Globals/Function/Environment/Variables"))?,
            log_group: shaped("Globals", &part("/Globals/Function/LoggingConfig/LogGroup/!Ref"))?,
        })
    }

    fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Resource)> {
        self.resources.iter().filter(move |(_, one)| one.kind == kind).map(|(id, one)| (id.as_str(), one))
    }

    fn get<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<T, TemplateError> {
        match self.resources.get(id) {
            Some(resource) if resource.kind == kind => shaped(id, &resource.properties),
            Some(_) | None => Err(wrong(id, &format!("is no {kind}"))),
        }
    }

    fn table(&self) -> Result<TableProperties, TemplateError> {
        let mut tables = self.of_type("AWS::DynamoDB::Table");
        match (tables.next(), tables.next()) {
            (Some((id, table)), None) => shaped(id, &table.properties),
            _ => Err(TemplateError::Missing("the one table".to_owned())),
        }
    }

    fn rules(&self) -> Result<Vec<Rule>, TemplateError> {
        let mut rules = Vec::new();
        for (id, resource) in self.of_type("AWS::Events::Rule") {
            let rule: RuleProperties = shaped(id, &resource.properties)?;
            for target in rule.targets {
                let target = attribute(&target.arn, "Arn")
                    .ok_or_else(|| wrong(id, "a target outside the template"))?;
                let pattern = rule.event_pattern.clone();
                rules.push(Rule { name: id.to_owned(), pattern, target: target.to_owned() });
            }
        }
        Ok(rules)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    build_properties: BuildProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BuildProperties {
    binary: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    #[serde(default)]
    role: Value,
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(rename = "Type")]
    kind: String,
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpApiEvent {
    method: String,
    path: String,
    auth: Option<Auth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Auth {
    authorizer: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduleEvent {
    schedule: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueEvent {
    queue: Value,
    batch_size: usize,
    function_response_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueProperties {
    redrive_policy: RedrivePolicy,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    max_receive_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamEvent {
    stream: Value,
    destination_config: DestinationConfig,
    batch_size: usize,
    maximum_retry_attempts: u32,
    function_response_types: Vec<String>,
    filter_criteria: FilterCriteria,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationConfig {
    on_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnFailure {
    destination: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterCriteria {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    pattern: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuleProperties {
    event_pattern: Value,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    arn: Value,
}

/// The resource whose attribute `!GetAtt` asks for.
fn attribute<'a>(value: &'a Value, attribute: &str) -> Option<&'a str> {
    let (id, asked) = value.get("!GetAtt")?.as_str()?.split_once('.')?;
    (asked == attribute).then_some(id)
}

/// Both event functions name what failed, so the mapping must read what they say.
fn reports(id: &str, types: &[String]) -> Result<(), TemplateError> {
    if types.iter().any(|one| one == "ReportBatchItemFailures") {
        Ok(())
    } else {
        Err(wrong(id, "lacks ReportBatchItemFailures"))
    }
}

fn shaped<T: DeserializeOwned>(id: &str, value: &Value) -> Result<T, TemplateError> {
    T::deserialize(value).map_err(|error| wrong(id, &error.to_string()))
}

fn wrong(resource: &str, problem: &str) -> TemplateError {
    TemplateError::Resource { resource: resource.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(from: &str, to: &str) -> String {
        assert!(SOURCE.contains(from), "{from}");
        Template::read(&SOURCE.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn the_template_names_what_the_code_has() {
        let template = Template::shipped().unwrap();
        let admins: Vec<_> =
            template.routes.iter().filter(|route| route.authorized).map(Route::key).collect();
        assert!(admins.contains(&"POST /v1/bookings/{id}/cancel".to_owned()));
        assert!(!admins.contains(&"POST /v1/tenants/{tenant}/holds".to_owned()));
        let [queue] = template.queues.as_slice() else { panic!("{:?}", template.queues) };
        assert_eq!((queue.function.name, queue.deliveries), ("sync", 5));
        let [rule] = template.rules.as_slice() else { panic!("{:?}", template.rules) };
        assert_eq!(rule.target, queue.name);
        let scheduled = template.scheduled.iter().map(|(every, function)| (*every, function.name));
        assert_eq!(
            scheduled.collect::<Vec<_>>(),
            [(Every::Day, "maintenance"), (Every::Minute, "sync-dispatch")]
        );
        assert_eq!(template.streams.iter().map(|stream| stream.function.name).collect::<Vec<_>>(), ["relay"]);
    }

    #[test]
    fn a_template_that_lacks_something_is_refused_by_name() {
        for (from, to, expected) in [
            ("Binary: slots", "Binary: slot", "names the function `slot`"),
            ("Binary: relay", "Binary: sync", "a second function `sync`"),
            ("Path: /v1/health", "Path: /v1/healthy", "does not route GET /v1/health to `slots`"),
            ("Method: PATCH", "Method: PUT", "does not route PATCH /v1/bookings/{id}"),
            ("HOLDFAST_BUS:", "HOLDFAST_OMNIBUS:", "lacks the variable HOLDFAST_BUS"),
            ("IndexName: due", "IndexName: soon", "lacks the table's index `due`"),
            (r#"{"prefix": "BOOKING"}"#, r#"{"prefix": "DAY"}"#, "items BOOKING"),
            ("DefaultAuthorizer: Issuer", "EnableIamAuthorizer: true", "a default authorizer"),
            ("rate(1 minute)", "rate(1 hour)", "the schedules known here"),
            ("Queue: !GetAtt SyncQueue.Arn", "Queue: !GetAtt Elsewhere.Arn", "is no AWS::SQS::Queue"),
            (
                "POST /v1/tenants/{tenant}/holds:",
                "POST /v1/holds:",
                "throttles POST /v1/holds, which is no route",
            ),
            ("Role: !GetAtt SlotsRole.Arn", "Role: !GetAtt BookingsRole.Arn", "shares its role"),
            ("Role: !GetAtt SlotsRole.Arn", "MemorySize: 128", "has no role of its own"),
            ("dynamodb:GetItem, dynamodb:Query]", "dynamodb:*]", "dynamodb:* grants more than it names"),
            ("Action: [logs:CreateLogStream, ", "Action: [", "lacks logs:CreateLogStream on Logs.Arn"),
            ("Action: [sqs:ReceiveMessage, ", "Action: [", "lacks sqs:ReceiveMessage on SyncQueue.Arn"),
            ("dynamodb:DescribeStream, ", "", "lacks dynamodb:DescribeStream on Table.StreamArn"),
            ("Path: /{proxy+}", "Path: /v1/{proxy+}", "/v1/{proxy+} to `slots`"),
            ("Method: OPTIONS", "Method: HEAD", "routes HEAD /{proxy+} to `slots`"),
            ("Method: ANY", "Method: HEAD", "routes HEAD /{proxy+} to `slots`"),
            (
                "      FailOnWarnings: true\n",
                "      CorsConfiguration: { AllowOrigins: [\"*\"] }\n",
                "answers preflights itself",
            ),
        ] {
            let refusal = refusal(from, to);
            assert!(refusal.contains(expected), "{from} -> {to}: {refusal}");
        }
    }

    #[test]
    fn a_route_open_in_one_place_and_closed_in_the_other_is_refused() {
        let open = "            Path: /v1/health\n            Auth: { Authorizer: NONE }\n";
        let closed = "            Path: /v1/health\n";
        assert!(refusal(open, closed).contains("disagree about whether GET /v1/health"));
    }

    #[test]
    fn preflights_ask_for_no_token() {
        let open = "            Path: /{proxy+}\n            Auth: { Authorizer: NONE }\n";
        let closed = "            Path: /{proxy+}\n";
        assert!(refusal(open, closed).contains("lacks the public route OPTIONS /{proxy+}"));
    }

    #[test]
    fn a_second_function_without_a_crate_or_a_crate_without_a_function_is_refused() {
        let (before, rest) = SOURCE.split_once("  Relay:\n").unwrap();
        let (_, after) = rest.split_once("\n  # One table").unwrap();
        let refusal = Template::read(&format!("{before}\n  # One table{after}")).unwrap_err().to_string();
        assert_eq!(refusal, "functions/relay is not in template.yaml");
    }

    /// What `cargo lambda watch` routes by; it knows nothing of the template.
    #[test]
    fn cargo_lambda_watch_routes_as_the_template_does() {
        let mut paths: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
        // Each function answers the preflights of its own paths, when it is reached directly.
        for route in Template::shipped().unwrap().routes.iter().filter(|route| !route.is_about_all()) {
            paths.entry(&route.path).or_default().push(route);
        }
        let mut expected = "[workspace.metadata.lambda.watch.router]\n".to_owned();
        for (path, routes) in paths {
            let function = routes[0].function;
            assert!(routes.iter().all(|route| route.function == function), "{path} belongs to two functions");
            expected.extend(["\"", path, "\" = \"", function, "\"\n"]);
        }
        let manifest =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")).unwrap();
        assert!(manifest.contains(&expected), "the workspace's Cargo.toml should have:\n{expected}");
    }
}
