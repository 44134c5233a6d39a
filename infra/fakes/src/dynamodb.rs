//! DynamoDB: the embedded `dynoxide`, with AWS's limits and failures in front of it.
//!
//! One rule: what AWS would refuse is refused here. The embedded database never counts operators, never looks where a
//! query's start key lies, never throttles and never answers `TransactionConflict`; the first two are checked here, the
//! others are faults.
//! Requests are handed over in process, as parsed JSON: the SDK has already made sure that they are well-formed.
//! Every one is asked what it consumes ([`DynamoDb::units`]), whether its caller wants to know or not.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>

mod key_condition;
mod limits;
mod stream;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use dynoxide::storage_backend::clock::{Clock, SystemClock};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

pub use self::limits::{MAX_BYTES, MAX_OPERATORS, Measured, measure};
use self::stream::Places;
use crate::aws::{ACCOUNT, JsonApi, REGION, Refusal, StartError, body, serve_api};
use crate::faults::{Fault, Faults};
use crate::iam::{Guard, Iam};
use crate::serve::Server;

/// Where the tables live.
#[derive(Clone, Debug)]
pub enum Store {
    /// In memory, gone with the server.
    Memory,
    /// In this `SQLite` file, made if missing, together with its directory.
    File(PathBuf),
}

/// Request units, as AWS counts and bills them: a read unit is 4 KB read strongly or 8 KB read eventually, a write
/// unit 1 KB, each in the table and in every index that changes, and in a transaction each is two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

impl std::ops::Sub for Units {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { read: self.read - earlier.read, write: self.write - earlier.write }
    }
}

/// The embedded database could not do what was asked of it beside the wire.
#[derive(Debug, thiserror::Error)]
#[error("the embedded database: {0}")]
pub struct DatabaseError(String);

impl From<DynoxideError> for DatabaseError {
    fn from(error: DynoxideError) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for DatabaseError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for DatabaseError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<tokio::task::JoinError> for DatabaseError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(error.to_string())
    }
}

/// A DynamoDB endpoint on loopback, for as long as this value lives.
#[derive(Debug)]
pub struct DynamoDb {
    /// What its calls meet. Operations are named as in `X-Amz-Target`: `UpdateItem`, `TransactWriteItems`, ...
    pub faults: Faults,
    server: Server,
    tables: Arc<Tables>,
}

impl DynamoDb {
    /// Starts on a free port.
    pub async fn start(store: Store) -> Result<Self, StartError> {
        let tables = Arc::new(Tables::open(store)?);
        let faults = Faults::default();
        let server = serve_api(faults.clone(), Arc::clone(&tables)).await?;
        Ok(Self { faults, server, tables })
    }

    /// Does an operation beside the wire, where no fault meets it and no journal tells of it: for whoever sets up
    /// the tables. The error is AWS's own words.
    pub async fn set_up(&self, op: &'static str, request: Value) -> Result<Value, DatabaseError> {
        self.beside(move |tables| run(&tables.db, op, request).map_err(|refusal| DatabaseError(refusal.body)))
            .await
    }

    /// The endpoint, e.g. for `AWS_ENDPOINT_URL_DYNAMODB`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From now on callers may do what these grants say.
    pub fn enforce(&self, iam: Arc<Iam>) {
        self.tables.guard.set(iam);
    }

    /// The largest figures that any expression reached since the start or the last reset; the two may come from
    /// different expressions.
    pub fn largest_expression(&self) -> Measured {
        *lock(&self.tables.largest)
    }

    /// Forgets the largest expression.
    pub fn reset_largest_expression(&self) {
        *lock(&self.tables.largest) = Measured::default();
    }

    /// What all calls since the start consumed. A call that is refused counts nothing here, because its answer has
    /// no figure; AWS bills a write that lost its condition like any other.
    pub fn units(&self) -> Units {
        *lock(&self.tables.units)
    }

    /// The next so many calls of `BatchGetItem` leave their last keys, at most this many of them, unprocessed. Says
    /// how many calls an earlier order still waited for.
    pub fn leave_unprocessed(&self, keys: usize, calls: usize) -> usize {
        std::mem::replace(&mut *lock(&self.tables.unprocessed), Unprocessed { keys, calls }).calls
    }

    /// Changes after every write, so that a reader of the stream knows when to look.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.tables.writes.subscribe()
    }

    /// From now on it is `now` for [`Self::sweep_ttl`] and in stream records, or the system's time with `None`. A
    /// database in a file always takes the system's time.
    pub fn set_now(&self, now: Option<DateTime<Utc>>) {
        *lock(&self.tables.now.0) = now;
    }

    /// Deletes what has expired, as AWS does within days by itself. Says how many items.
    pub async fn sweep_ttl(&self) -> Result<usize, DatabaseError> {
        let swept = self.beside(|tables| Ok(tables.db.sweep_ttl()?)).await?;
        self.tables.writes.send_modify(|writes| *writes += 1);
        Ok(swept)
    }

    /// Every item of every table, in DynamoDB's JSON, e.g. to look for secrets in it.
    pub async fn dump(&self) -> Result<Vec<Value>, DatabaseError> {
        self.beside(Tables::dump).await
    }

    /// The records that the table's stream gained since this was last asked for, oldest first, each as Lambda's
    /// event source mapping delivers it. Asking again says that the earlier ones are handled.
    pub async fn stream_records(&self, table: &str) -> Result<Vec<Value>, DatabaseError> {
        let table = table.to_owned();
        self.beside(move |tables| lock(&tables.places).next(&tables.db, &table)).await
    }

    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tables) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let tables = Arc::clone(&self.tables);
        tokio::task::spawn_blocking(move || work(&tables)).await?
    }
}

/// `ProvisionedThroughputExceededException`: too many requests for a table or a partition.
pub fn throttled() -> Fault {
    let message = "The level of configured provisioned throughput for the table was exceeded. Consider \
                   increasing your provisioning level with the UpdateTable API.";
    Refusal::new(&typed("ProvisionedThroughputExceededException"), message).into_fault()
}

/// `TransactionConflictException`: a transaction is at work on the item that a single write is for.
pub fn transaction_conflict() -> Fault {
    let message = "Transaction is ongoing for the item";
    Refusal::new(&typed("TransactionConflictException"), message).into_fault()
}

/// `TransactionCanceledException` for a transaction of `actions` actions, of which the last met a conflict.
pub fn transaction_cancelled_by_conflict(actions: usize) -> Fault {
    let mut codes = vec!["None"; actions.saturating_sub(1)];
    codes.push("TransactionConflict");
    let reasons: Vec<Value> = codes
        .iter()
        .map(|code| match *code {
            "None" => json!({ "Code": code }),
            _ => json!({ "Code": code, "Message": "Transaction is ongoing for the item" }),
        })
        .collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let body = json!({
        "__type": typed("TransactionCanceledException"), "Message": message, "CancellationReasons": reasons,
    });
    Refusal { status: 400, body: body.to_string() }.into_fault()
}

/// `InternalServerError`: whether the work was done is unknown (here it was not).
pub fn internal_error() -> Fault {
    let refusal = Refusal::new(&typed("InternalServerError"), "Internal server error");
    Refusal { status: 500, ..refusal }.into_fault()
}

fn typed(code: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{code}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time the embedded database goes by.
#[derive(Debug, Default)]
struct Now(Mutex<Option<DateTime<Utc>>>);

impl Clock for Now {
    fn now_unix_secs(&self) -> u64 {
        match *lock(&self.0) {
            Some(now) => u64::try_from(now.timestamp()).unwrap_or(0),
            None => SystemClock.now_unix_secs(),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 fit an f64 for the next 285,000 years"
    )]
    fn now_unix_secs_f64(&self) -> f64 {
        match *lock(&self.0) {
            Some(now) => now.timestamp_millis() as f64 / 1000.0,
            None => SystemClock.now_unix_secs_f64(),
        }
    }
}

/// What `BatchGetItem` is to leave undone.
#[derive(Clone, Copy, Debug, Default)]
struct Unprocessed {
    keys: usize,
    calls: usize,
}

struct Tables {
    db: Database,
    guard: Guard,
    now: Arc<Now>,
    largest: Mutex<Measured>,
    units: Mutex<Units>,
    places: Mutex<Places>,
    writes: watch::Sender<u64>,
    unprocessed: Mutex<Unprocessed>,
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

impl Tables {
    fn open(store: Store) -> Result<Self, StartError> {
        let now = Arc::new(Now::default());
        let (db, places) = match store {
            Store::Memory => {
                (Database::memory_with_clock(Arc::clone(&now) as Arc<dyn Clock>), Places::default())
            }
            Store::File(path) => {
                if let Some(directory) = path.parent() {
                    std::fs::create_dir_all(directory)?;
                }
                let places = Places::open(Some(path.with_extension("stream.json")))?;
                (Database::new(&path.to_string_lossy()), places)
            }
        };
        Ok(Self {
            db: db.map_err(|error| StartError::Database(error.to_string()))?,
            guard: Guard::default(),
            now,
            largest: Mutex::default(),
            units: Mutex::default(),
            places: Mutex::new(places),
            writes: watch::Sender::new(0),
            unprocessed: Mutex::default(),
        })
    }

    /// Takes out of a `BatchGetItem` what it is not to process, as `UnprocessedKeys` of its answer.
    fn set_aside(&self, op: &str, request: &mut Value) -> Option<Value> {
        let mut plan = lock(&self.unprocessed);
        if op != "BatchGetItem" || plan.calls == 0 {
            return None;
        }
        plan.calls -= 1;
        let asked = request.get_mut("RequestItems")?.as_object_mut()?;
        let mut left = asked.clone();
        for (name, of_table) in asked.iter_mut() {
            let keys = of_table.get_mut("Keys")?.as_array_mut()?;
            let later = keys.split_off(keys.len().saturating_sub(plan.keys));
            *left.get_mut(name)?.get_mut("Keys")? = Value::Array(later);
        }
        asked.retain(|_, of_table| of_table.pointer("/Keys/0").is_some());
        Some(Value::Object(left))
    }

    fn dump(&self) -> Result<Vec<Value>, DatabaseError> {
        let mut found = Vec::new();
        for table in self.db.list_tables(serde_json::from_value(json!({}))?)?.table_names {
            let mut start = None;
            loop {
                let request = dynoxide::actions::scan::ScanRequest {
                    table_name: table.clone(),
                    exclusive_start_key: start,
                    ..Default::default()
                };
                let page = self.db.scan(request)?;
                for item in page.items.unwrap_or_default() {
                    found.push(serde_json::to_value(item)?);
                }
                start = page.last_evaluated_key;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    fn check(&self, request: &Value) -> Result<(), Refusal> {
        let mut largest = Measured::default();
        let mut verdict = Ok(());
        for (field, text) in limits::expressions(request) {
            let measured = measure(text);
            largest = largest.max(measured);
            if measured.bytes > MAX_BYTES {
                verdict = Err(Refusal::validation(&format!(
                    "Invalid {field}: Expression size has exceeded the maximum allowed size;"
                )));
            } else if measured.operators > MAX_OPERATORS {
                verdict = Err(Refusal::validation(&format!(
                    "Invalid {field}: The expression contains too many operators; operator count: {}",
                    measured.operators
                )));
            }
        }
        if key_condition::has_empty_value(request) {
            verdict = verdict.and(Err(Refusal::validation(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty string value.",
            )));
        }
        if key_condition::is_outside(request) {
            verdict = verdict.and(Err(Refusal::validation(
                "The provided starting key is outside query boundaries based on provided conditions",
            )));
        }
        let mut seen = lock(&self.largest);
        *seen = seen.max(largest);
        verdict
    }
}

impl JsonApi for Tables {
    const CONTENT_TYPE: &'static str = "application/x-amz-json-1.0";

    fn guard(&self) -> &Guard {
        &self.guard
    }

    /// A transaction needs each of its actions by that action's own name.
    fn needs(&self, op: &str, request: &Value) -> Vec<(String, String)> {
        let text = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let table = |name: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
        if let Some(actions) = request.get("TransactItems").and_then(Value::as_array) {
            let single = |name: &str| match name {
                "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
                name => format!("dynamodb:{name}Item"),
            };
            let actions = actions.iter().filter_map(Value::as_object).flatten();
            return actions.map(|(name, action)| (single(name), table(&text(action, "TableName")))).collect();
        }
        let action = format!("dynamodb:{op}");
        if let Some(tables) = request.get("RequestItems").and_then(Value::as_object) {
            return tables.keys().map(|name| (action.clone(), table(name))).collect();
        }
        let mut resource = table(&text(request, "TableName"));
        if let Some(index) = request.get("IndexName").and_then(Value::as_str) {
            resource = format!("{resource}/index/{index}");
        }
        vec![(action, resource)]
    }

    fn detail(&self, _: &str, request: &Value) -> String {
        if let Some(actions) = request.get("TransactItems").and_then(Value::as_array) {
            return format!("{} actions", actions.len());
        }
        if let Some(tables) = request.get("RequestItems").and_then(Value::as_object) {
            let of = |table: &Value| table.get("Keys").unwrap_or(table).as_array().map_or(0, Vec::len);
            return format!("{} items", tables.values().map(of).sum::<usize>());
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut detail = text(request.get("TableName"));
        if let Some(index) = request.get("IndexName").and_then(Value::as_str) {
            detail = format!("{detail}/{index}");
        }
        let item = request.get("Key").or_else(|| request.get("Item"));
        for name in ["pk", "sk"] {
            // A key attribute is a string, a number or base64: the only member says it.
            let value = item.and_then(|item| item.get(name)).and_then(Value::as_object);
            if let Some(value) = value.and_then(|value| value.values().next()).and_then(Value::as_str) {
                detail.push(' ');
                detail.push_str(value);
            }
        }
        detail
    }

    fn answer(&self, op: &str, mut request: Value) -> Result<Vec<u8>, Refusal> {
        self.check(&request)?;
        let left = self.set_aside(op, &mut request);
        let is_asked = is_metered(op) && ask_for_units(&mut request);
        let nothing = left.is_some()
            && request.pointer("/RequestItems").and_then(Value::as_object).is_none_or(Map::is_empty);
        let answer = if nothing { Ok(json!({})) } else { run(&self.db, op, request) };
        if !READS.contains(&op) {
            self.writes.send_modify(|writes| *writes += 1);
        }
        let mut answer = answer?;
        if let Some(consumed) = answer.get(CONSUMED) {
            lock(&self.units).add(op, consumed);
        }
        if let Some(fields) = answer.as_object_mut().filter(|_| is_asked) {
            fields.remove(CONSUMED);
        }
        if let Some((answer, left)) = answer.as_object_mut().zip(left) {
            answer.entry("Responses").or_insert_with(|| json!({}));
            answer.insert("UnprocessedKeys".to_owned(), left);
        }
        body(&answer)
    }
}

const READS: [&str; 5] = ["GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"];
const WRITES: [&str; 5] = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"];
const CONSUMED: &str = "ConsumedCapacity";

fn is_metered(op: &str) -> bool {
    READS.contains(&op) || WRITES.contains(&op)
}

/// Asks for the figure where the caller has not; whether it did.
fn ask_for_units(request: &mut Value) -> bool {
    const ASK: &str = "ReturnConsumedCapacity";
    let asks = request.get(ASK).is_some_and(|asked| *asked != "NONE");
    if let Some(fields) = request.as_object_mut().filter(|_| !asks) {
        fields.insert(ASK.to_owned(), json!("TOTAL"));
    }
    !asks
}

impl Units {
    /// Adds what an answer says, for one table or for several. A transaction says which kind its units are: one that
    /// is repeated under its token only reads.
    fn add(&mut self, op: &str, consumed: &Value) {
        for table in consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice) {
            let units = |name: &str| table.get(name).and_then(Value::as_f64);
            let (read, write) = (units("ReadCapacityUnits"), units("WriteCapacityUnits"));
            match (read, write, units("CapacityUnits")) {
                (None, None, Some(total)) if READS.contains(&op) => self.read += total,
                (None, None, Some(total)) => self.write += total,
                (read, write, _) => {
                    self.read += read.unwrap_or_default();
                    self.write += write.unwrap_or_default();
                }
            }
        }
    }
}

fn run(db: &Database, op: &str, request: Value) -> Result<Value, Refusal> {
    match op {
        "GetItem" => one(request, |request| db.get_item(request)),
        "PutItem" => one(request, |request| db.put_item(request)),
        "UpdateItem" => one(request, |request| db.update_item(request)),
        "DeleteItem" => one(request, |request| db.delete_item(request)),
        "Query" => one(request, |request| db.query(request)),
        "Scan" => one(request, |request| db.scan(request)),
        "BatchGetItem" => one(request, |request| db.batch_get_item(request)),
        "BatchWriteItem" => one(request, |request| db.batch_write_item(request)),
        "TransactGetItems" => one(request, |request| db.transact_get_items(request)),
        "TransactWriteItems" => one(request, |request| db.transact_write_items(request)),
        "CreateTable" => one(request, |request| db.create_table(request)),
        "UpdateTable" => one(request, |request| db.update_table(request)),
        "DescribeTable" => one(request, |request| db.describe_table(request)),
        "DeleteTable" => one(request, |request| db.delete_table(request)),
        "ListTables" => one(request, |request| db.list_tables(request)),
        "UpdateTimeToLive" => one(request, |request| db.update_time_to_live(request)),
        "DescribeTimeToLive" => one(request, |request| db.describe_time_to_live(request)),
        "ListStreams" => one(request, |request| db.list_streams(request)),
        "DescribeStream" => one(request, |request| db.describe_stream(request)),
        "GetShardIterator" => one(request, |request| db.get_shard_iterator(request)),
        "GetRecords" => one(request, |request| db.get_records(request)),
        _ => Err(Refusal::unknown_operation(op)),
    }
}

fn one<Q: DeserializeOwned, A: Serialize>(
    request: Value,
    work: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> Result<Value, Refusal> {
    let request = serde_json::from_value(request).map_err(|error| {
        // dynoxide marks its own words by a prefix in capitals.
        let text = error.to_string();
        let words =
            text.split_once(':').filter(|(mark, _)| mark.contains("VALIDATION") || mark.contains("SERIAL"));
        Refusal::validation(words.map_or(text.as_str(), |(_, words)| words))
    })?;
    let answer =
        work(request).map_err(|error| Refusal { status: error.status_code(), body: error.to_json() })?;
    serde_json::to_value(&answer).map_err(|error| Refusal { status: 500, body: error.to_string() })
}

#[cfg(test)]
mod tests;
