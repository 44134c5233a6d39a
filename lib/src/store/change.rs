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
    AttributeValue, ConditionCheck, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use tokio::time::Instant;

use super::key::Key;
use super::{Item, Store, StoreError};

/// How long one act at the table may take, retries included.
const BUDGET: Duration = Duration::from_secs(8);
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

    /// Removes one item and gives it as it was; a missing one loses the condition.
    pub(super) async fn take(&self, key: Key) -> Result<Item, StoreError> {
        let gone = self.alone(&Change::delete(key).when("attribute_exists(pk)"), ReturnValue::AllOld).await?;
        gone.ok_or_else(|| StoreError::Unreadable("a removal without its item".to_owned()))
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
        // Closed never: an error cannot come, and would only mean that nobody has to wait.
        let _at_once = self.at_once.acquire().await.ok();
        let deadline = Instant::now() + BUDGET;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match tokio::time::timeout_at(deadline, call()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_elapsed) => return Err(StoreError::Busy),
            };
            if let Some(verdict) = verdict(error) {
                return Err(verdict);
            }
            let jitter = pause.mul_f64(fastrand::f64());
            if Instant::now() + jitter >= deadline {
                return Err(StoreError::Busy);
            }
            tokio::time::sleep(jitter).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
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
