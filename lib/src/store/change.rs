//! One write path: a [`Change`] alone is one conditional call, several are one transaction. All retries of the
//! table are here.
//!
//! A retry repeats identical parameters (transactions with the same `ClientRequestToken`), so a write whose
//! answer was lost is not done twice: a transaction answers as before, and a lone change either succeeds again
//! with the same values or meets its own condition, whose item the caller recognises as its own.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::Error as DynamoError;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use tokio::time::Instant;

use super::key::Key;
use super::{Item, Store, StoreError};
use crate::aws::silence;

/// How long one act at the table may take, retries included.
const BUDGET: Duration = Duration::from_secs(8);
/// As many items as `BatchGetItem` takes.
const KEYS_AT_ONCE: usize = 100;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// What to do to one item, and when.
#[derive(Clone, Debug)]
pub(super) struct Change {
    key: Key,
    what: What,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

#[derive(Clone, Debug)]
enum What {
    Put(Item),
    Update(String),
    Delete,
    Check,
}

impl Change {
    /// Writes the whole item; its key is added.
    pub(super) fn put(key: Key, mut item: Item) -> Self {
        item.extend(key.attributes());
        Self::new(key, What::Put(item))
    }

    /// Applies an update expression.
    pub(super) fn update(key: Key, expression: impl Into<String>) -> Self {
        Self::new(key, What::Update(expression.into()))
    }

    /// Removes the item.
    pub(super) fn delete(key: Key) -> Self {
        Self::new(key, What::Delete)
    }

    /// Changes nothing; its condition guards the transaction.
    pub(super) fn check(key: Key) -> Self {
        Self::new(key, What::Check)
    }

    fn new(key: Key, what: What) -> Self {
        Self { key, what, condition: None, names: HashMap::new(), values: HashMap::new() }
    }

    /// The condition under which it may happen.
    pub(super) fn when(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// One more condition.
    pub(super) fn and(mut self, condition: &str) -> Self {
        self.condition = Some(match self.condition {
            Some(first) => format!("({first}) AND {condition}"),
            None => condition.to_owned(),
        });
        self
    }

    /// Gives the placeholder `#x` its attribute name.
    pub(super) fn name(mut self, placeholder: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.names.insert(placeholder.into(), attribute.into());
        self
    }

    /// Gives the placeholder `:x` its value.
    pub(super) fn value(mut self, placeholder: impl Into<String>, value: AttributeValue) -> Self {
        self.values.insert(placeholder.into(), value);
        self
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    fn action(&self, table: &str) -> Result<TransactWriteItem, StoreError> {
        let found = ReturnValuesOnConditionCheckFailure::AllOld;
        let action = TransactWriteItem::builder();
        let key = self.key.attributes();
        match &self.what {
            What::Put(item) => Put::builder()
                .table_name(table)
                .set_item(Some(item.clone()))
                .set_condition_expression(self.condition.clone())
                .set_expression_attribute_names(self.names())
                .set_expression_attribute_values(self.values())
                .return_values_on_condition_check_failure(found)
                .build()
                .map(|put| action.put(put)),
            What::Update(expression) => Update::builder()
                .table_name(table)
                .set_key(Some(key))
                .update_expression(expression)
                .set_condition_expression(self.condition.clone())
                .set_expression_attribute_names(self.names())
                .set_expression_attribute_values(self.values())
                .return_values_on_condition_check_failure(found)
                .build()
                .map(|update| action.update(update)),
            What::Delete => Delete::builder()
                .table_name(table)
                .set_key(Some(key))
                .set_condition_expression(self.condition.clone())
                .set_expression_attribute_names(self.names())
                .set_expression_attribute_values(self.values())
                .return_values_on_condition_check_failure(found)
                .build()
                .map(|delete| action.delete(delete)),
            What::Check => ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key))
                .set_condition_expression(self.condition.clone())
                .set_expression_attribute_names(self.names())
                .set_expression_attribute_values(self.values())
                .return_values_on_condition_check_failure(found)
                .build()
                .map(|check| action.condition_check(check)),
        }
        .map(aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder::build)
        .map_err(|error| StoreError::Refused(error.to_string()))
    }
}

impl Store {
    /// Does all of the changes or none. [`StoreError::Conflict`] when a condition did not hold.
    pub(super) async fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        match changes {
            [] => Ok(()),
            [Change { what: What::Check, .. }] | [_, _, ..] => self.transact(changes).await,
            [change] => self.alone(change, ReturnValue::None).await.map(|_| ()),
        }
    }

    /// Does one update and gives the item as it is afterwards.
    pub(super) async fn commit_returning(&self, change: &Change) -> Result<Item, StoreError> {
        let item = self.alone(change, ReturnValue::AllNew).await?;
        item.ok_or_else(|| StoreError::Unreadable("an update without its item".to_owned()))
    }

    /// Removes one item that never changes, and gives it; a missing one loses the condition. A read and a
    /// transaction: a lone removal could not tell its own lost answer from an item that somebody else has taken.
    pub(super) async fn delete_returning(&self, key: Key) -> Result<Item, StoreError> {
        let item = self.get(key.clone()).await?.ok_or(StoreError::Conflict(Vec::new()))?;
        self.transact(&[Change::delete(key).when("attribute_exists(pk)")]).await?;
        Ok(item)
    }

    /// Those of these items that exist, strongly consistent.
    pub(super) async fn batch(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        self.batch_of(keys, true).await
    }

    /// Those of these items that exist. What the table leaves undone is asked for again, as a throttled call is: after a
    /// pause, and within the same budget.
    pub(super) async fn batch_of(&self, keys: &[Key], strong: bool) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(KEYS_AT_ONCE) {
            let mut patience = Patience::new();
            let mut wanted: Vec<Item> = chunk.iter().map(Key::attributes).collect();
            loop {
                let keys = KeysAndAttributes::builder()
                    .set_keys(Some(wanted))
                    .consistent_read(strong)
                    .build()
                    .map_err(|error| StoreError::Refused(error.to_string()))?;
                let call = || self.db.batch_get_item().request_items(&self.table, keys.clone()).send();
                let answer = self.tried_within(&mut patience, call).await?;
                found.extend(answer.responses.unwrap_or_default().into_values().flatten());
                let left = answer.unprocessed_keys.unwrap_or_default().into_values();
                wanted = left.flat_map(|keys| keys.keys).collect();
                if wanted.is_empty() {
                    break;
                }
                patience.pause().await?;
            }
        }
        Ok(found)
    }

    /// Does all of the changes or none, and answers a repeated call as it did the first.
    pub(super) async fn transact(&self, changes: &[Change]) -> Result<(), StoreError> {
        let actions =
            changes.iter().map(|change| change.action(&self.table)).collect::<Result<Vec<_>, _>>()?;
        let token = format!("{:032x}", fastrand::u128(..));
        self.tried(|| {
            let actions = actions.clone();
            let call = self.db.transact_write_items().set_transact_items(Some(actions));
            call.client_request_token(&token).send()
        })
        .await
        .map(|_| ())
    }

    async fn alone(&self, change: &Change, returned: ReturnValue) -> Result<Option<Item>, StoreError> {
        let found = ReturnValuesOnConditionCheckFailure::AllOld;
        match &change.what {
            What::Put(item) => {
                let put = || {
                    self.db
                        .put_item()
                        .table_name(&self.table)
                        .set_item(Some(item.clone()))
                        .set_condition_expression(change.condition.clone())
                        .set_expression_attribute_names(change.names())
                        .set_expression_attribute_values(change.values())
                        .return_values_on_condition_check_failure(found.clone())
                        .send()
                };
                self.tried(put).await.map(|_| None)
            }
            What::Update(expression) => {
                let update = || {
                    self.db
                        .update_item()
                        .table_name(&self.table)
                        .set_key(Some(change.key.attributes()))
                        .update_expression(expression)
                        .set_condition_expression(change.condition.clone())
                        .set_expression_attribute_names(change.names())
                        .set_expression_attribute_values(change.values())
                        .return_values(returned.clone())
                        .return_values_on_condition_check_failure(found.clone())
                        .send()
                };
                self.tried(update).await.map(|answer| answer.attributes)
            }
            What::Delete => {
                let delete = || {
                    self.db
                        .delete_item()
                        .table_name(&self.table)
                        .set_key(Some(change.key.attributes()))
                        .set_condition_expression(change.condition.clone())
                        .set_expression_attribute_names(change.names())
                        .set_expression_attribute_values(change.values())
                        .return_values(returned.clone())
                        .return_values_on_condition_check_failure(found.clone())
                        .send()
                };
                self.tried(delete).await.map(|answer| answer.attributes)
            }
            What::Check => self.transact(std::slice::from_ref(change)).await.map(|()| None),
        }
    }

    /// Calls until an answer says what happened or the budget is spent, with full jitter between the tries.
    pub(super) async fn tried<T, E, R, F>(&self, call: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        DynamoError: From<SdkError<E, R>>,
        SdkError<E, R>: std::error::Error,
    {
        self.tried_within(&mut Patience::new(), call).await
    }

    async fn tried_within<T, E, R, F>(
        &self,
        patience: &mut Patience,
        call: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        DynamoError: From<SdkError<E, R>>,
        SdkError<E, R>: std::error::Error,
    {
        // Closed never: an error cannot come, and would only mean that nobody has to wait.
        let _at_once = self.at_once.acquire().await.ok();
        loop {
            let error = match tokio::time::timeout_at(patience.deadline(), call()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_elapsed) => return Err(StoreError::Busy),
            };
            if let Some(verdict) = verdict(error) {
                return Err(verdict);
            }
            patience.pause().await?;
        }
    }
}

/// The pauses of one act at the table, until its budget is spent.
struct Patience {
    deadline: Option<Instant>,
    longest: Duration,
}

impl Patience {
    fn new() -> Self {
        Self { deadline: None, longest: FIRST_PAUSE }
    }

    /// The budget begins with the first call, not with the wait for a turn.
    fn deadline(&mut self) -> Instant {
        *self.deadline.get_or_insert_with(|| Instant::now() + BUDGET)
    }

    /// Waits before another try; [`StoreError::Busy`] when there is no time left for one.
    async fn pause(&mut self) -> Result<(), StoreError> {
        let jitter = self.longest.mul_f64(fastrand::f64());
        if Instant::now() + jitter >= self.deadline() {
            return Err(StoreError::Busy);
        }
        tokio::time::sleep(jitter).await;
        self.longest = (self.longest * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// What an error means; `None` when it says nothing and the call is to be made again.
fn verdict<E, R>(error: SdkError<E, R>) -> Option<StoreError>
where
    DynamoError: From<SdkError<E, R>>,
{
    if let SdkError::ConstructionFailure(_) = error {
        return Some(StoreError::Refused("the request could not be built".to_owned()));
    }
    if !matches!(error, SdkError::ServiceError(_)) {
        // Not sent, cut, timed out or garbled: it may or may not have happened.
        tracing::warn!(why = silence(&error), "no answer from the table");
        return None;
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's error is non-exhaustive")]
    match DynamoError::from(error) {
        DynamoError::ConditionalCheckFailedException(lost) => {
            Some(StoreError::Conflict(vec![lost.item.clone()]))
        }
        DynamoError::TransactionCanceledException(cancelled) => {
            let reasons = cancelled.cancellation_reasons.unwrap_or_default();
            let lost = reasons.iter().any(|reason| reason.code() == Some("ConditionalCheckFailed"));
            let invalid = reasons.iter().find(|reason| reason.code() == Some("ValidationError"));
            if let Some(invalid) = invalid {
                return Some(StoreError::Refused(invalid.message().unwrap_or("validation").to_owned()));
            }
            lost.then(|| StoreError::Conflict(reasons.into_iter().map(|reason| reason.item).collect()))
        }
        DynamoError::ProvisionedThroughputExceededException(_)
        | DynamoError::RequestLimitExceeded(_)
        | DynamoError::ThrottlingException(_)
        | DynamoError::TransactionConflictException(_)
        | DynamoError::TransactionInProgressException(_)
        | DynamoError::InternalServerError(_) => None,
        other => {
            let code = aws_sdk_dynamodb::error::ProvideErrorMetadata::code(&other);
            match code {
                Some("ServiceUnavailable" | "ServiceUnavailableException" | "InternalFailure") => None,
                code => Some(StoreError::Refused(code.unwrap_or("unknown error").to_owned())),
            }
        }
    }
}
