use std::collections::HashMap;

use aws_lambda_events::event::dynamodb::EventRecord;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, KeysAndAttributes, Put,
    ReturnConsumedCapacity, ScalarAttributeType, StreamSpecification, StreamViewType,
    TimeToLiveSpecification, TransactWriteItem, Update,
};
use chrono::DateTime;

use super::{
    DynamoDb, Store, internal_error, throttled, transaction_cancelled_by_conflict, transaction_conflict,
};
use crate::faults::{Fault, When};

const TABLE: &str = "holdfast";

fn client(db: &DynamoDb) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(crate::REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "fakes"))
        .endpoint_url(db.url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

async fn create_table(client: &Client, stream: bool) {
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap()
    };
    let stream = StreamSpecification::builder()
        .stream_enabled(stream)
        .set_stream_view_type(stream.then_some(StreamViewType::NewAndOldImages))
        .build()
        .unwrap();
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .stream_specification(stream)
        .send()
        .await
        .unwrap();
}

async fn started() -> (DynamoDb, Client) {
    let db = DynamoDb::start(Store::Memory).await.unwrap();
    let client = client(&db);
    create_table(&client, false).await;
    (db, client)
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn key(pk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s("A"))])
}

async fn put(client: &Client, pk: &str) {
    client.put_item().table_name(TABLE).set_item(Some(key(pk))).send().await.unwrap();
}

async fn exists(client: &Client, pk: &str) -> bool {
    let read = client.get_item().table_name(TABLE).set_key(Some(key(pk))).consistent_read(true);
    read.send().await.unwrap().item.is_some()
}

fn put_action(pk: &str) -> TransactWriteItem {
    let put = Put::builder().table_name(TABLE).set_item(Some(key(pk))).build().unwrap();
    TransactWriteItem::builder().put(put).build()
}

#[tokio::test]
async fn a_conditional_update_reads_back_and_is_journalled() {
    let (db, client) = started().await;
    let update = || {
        client
            .update_item()
            .table_name(TABLE)
            .set_key(Some(key("H#1")))
            .update_expression("SET #a = :v")
            .condition_expression("attribute_not_exists(rev) AND NOT (#a > :now)")
            .expression_attribute_names("#a", "114")
            .expression_attribute_values(":v", AttributeValue::N("1763600000123456789012345678".to_owned()))
            .expression_attribute_values(":now", n(5))
            .send()
    };
    db.faults.take_calls();
    update().await.unwrap();
    let error = update().await.unwrap_err().into_service_error();
    assert!(error.is_conditional_check_failed_exception(), "{error:?}");
    let calls: Vec<_> = db.faults.take_calls().into_iter().map(|call| (call.op, call.detail)).collect();
    assert_eq!(calls, vec![("UpdateItem".to_owned(), format!("{TABLE} H#1 A")); 2]);
    assert_eq!(db.largest_expression(), super::Measured { bytes: 45, operators: 4 });
    db.reset_largest_expression();
    assert_eq!(db.largest_expression().operators, 0);
}

#[tokio::test]
async fn every_call_is_metered_and_only_who_asks_is_told() {
    let (db, client) = started().await;
    let metered = async |read: f64, write: f64| {
        let units = db.units();
        assert_eq!((units.read, units.write), (read, write));
    };
    put(&client, "H#1").await;
    metered(0.0, 1.0).await;
    let read = client.get_item().table_name(TABLE).set_key(Some(key("H#1")));
    let told = read.clone().consistent_read(true).send().await.unwrap().consumed_capacity;
    assert_eq!(told, None);
    metered(1.0, 1.0).await;
    let told = read.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
    assert_eq!(told.consumed_capacity.and_then(|told| told.capacity_units), Some(0.5));
    metered(1.5, 1.0).await;
    let keys = KeysAndAttributes::builder().keys(key("H#1")).keys(key("H#2")).build().unwrap();
    client.batch_get_item().request_items(TABLE, keys).send().await.unwrap();
    metered(2.5, 1.0).await;
    let transact = || {
        let call = client.transact_write_items().transact_items(put_action("H#3"));
        call.transact_items(put_action("H#4")).client_request_token("the same").send()
    };
    assert_eq!(transact().await.unwrap().consumed_capacity, None);
    metered(2.5, 5.0).await;
    // Said again, it writes nothing and reads what it would have written.
    transact().await.unwrap();
    metered(6.5, 5.0).await;
}

#[tokio::test]
async fn an_expression_of_more_than_300_operators_is_refused_and_one_of_300_is_not() {
    let (db, client) = started().await;
    let update = |operators: usize| {
        let condition = vec!["NOT"; operators - 1].join(" ") + " rev = :v";
        client
            .update_item()
            .table_name(TABLE)
            .set_key(Some(key("H#1")))
            .update_expression("SET a = :v")
            .condition_expression(condition)
            .expression_attribute_values(":v", n(1))
    };
    let error = update(301).send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ValidationException"));
    let message =
        "Invalid ConditionExpression: The expression contains too many operators; operator count: 301";
    assert_eq!(error.message(), Some(message));
    assert_eq!(db.largest_expression().operators, 301);
    update(300).send().await.unwrap();

    let action = Update::builder()
        .table_name(TABLE)
        .set_key(Some(key("H#1")))
        .update_expression(format!("SET {}a = :v", "a".repeat(4096)))
        .expression_attribute_values(":v", n(1))
        .build()
        .unwrap();
    let action = TransactWriteItem::builder().update(action).build();
    let error =
        client.transact_write_items().transact_items(action).send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ValidationException"));
    assert_eq!(
        error.message(),
        Some("Invalid UpdateExpression: Expression size has exceeded the maximum allowed size;")
    );
}

#[tokio::test]
async fn what_is_too_many_or_too_large_for_aws_is_refused() {
    let (_db, client) = started().await;
    let refused = |result: Option<&str>| assert_eq!(result, Some("ValidationException"));

    let actions = (0..101).map(|at| put_action(&at.to_string())).collect();
    let answer = client.transact_write_items().set_transact_items(Some(actions)).send().await;
    refused(answer.unwrap_err().code());

    let twice = vec![put_action("1"), put_action("1")];
    let answer = client.transact_write_items().set_transact_items(Some(twice)).send().await;
    refused(answer.unwrap_err().code());

    let keys = (0..101).map(|at| key(&at.to_string())).collect();
    let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build().unwrap();
    refused(client.batch_get_item().request_items(TABLE, keys).send().await.unwrap_err().code());

    let mut item = key("1");
    item.insert("large".to_owned(), s(&"x".repeat(400 * 1024)));
    let answer = client.put_item().table_name(TABLE).set_item(Some(item)).send().await;
    refused(answer.unwrap_err().code());
}

#[tokio::test]
async fn the_sdk_reads_every_error_that_is_made_on_demand() {
    let (db, client) = started().await;
    let write = || client.put_item().table_name(TABLE).set_item(Some(key("1"))).send();
    db.faults.next("PutItem", throttled());
    db.faults.next("PutItem", transaction_conflict());
    db.faults.next("PutItem", internal_error());
    assert!(write().await.unwrap_err().into_service_error().is_provisioned_throughput_exceeded_exception());
    assert!(write().await.unwrap_err().into_service_error().is_transaction_conflict_exception());
    assert!(write().await.unwrap_err().into_service_error().is_internal_server_error());

    db.faults.next("TransactWriteItems", transaction_cancelled_by_conflict(2));
    let answer = client
        .transact_write_items()
        .transact_items(put_action("1"))
        .transact_items(put_action("2"))
        .send()
        .await;
    let error = answer.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { panic!("{error:?}") };
    let codes: Vec<_> = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "TransactionConflict"]);
    assert!(!exists(&client, "1").await);
}

#[tokio::test]
async fn a_cut_connection_loses_the_answer_and_only_after_the_work_does_the_write_remain() {
    let (db, client) = started().await;
    db.faults.next("PutItem", Fault::CutBefore);
    db.faults.next("PutItem", Fault::CutAfter);
    for pk in ["before", "after"] {
        let answer = client.put_item().table_name(TABLE).set_item(Some(key(pk))).send().await;
        assert!(answer.unwrap_err().as_service_error().is_none(), "{pk}");
    }
    assert!(!exists(&client, "before").await);
    assert!(exists(&client, "after").await);
}

#[tokio::test]
async fn a_write_that_stands_at_a_gate_has_not_happened() {
    let (db, client) = started().await;
    let mut gate = db.faults.gate("PutItem", When::Before);
    let meanwhile = async {
        gate.reached().await;
        let seen = exists(&client, "1").await;
        gate.open();
        seen
    };
    let ((), seen) = tokio::join!(put(&client, "1"), meanwhile);
    assert!(!seen);
    assert!(exists(&client, "1").await);
}

#[tokio::test]
async fn a_call_whose_caller_is_gone_is_still_worked_on() {
    let (db, client) = started().await;
    let mut gate = db.faults.gate("PutItem", When::Before);
    tokio::select! {
        () = put(&client, "1") => panic!("the gate is shut"),
        () = gate.reached() => {}
    }
    let mut changes = db.changes();
    changes.mark_unchanged();
    gate.open();
    changes.changed().await.unwrap();
    assert!(exists(&client, "1").await);
}

#[tokio::test]
async fn what_has_expired_goes_when_it_is_swept() {
    let (db, client) = started().await;
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl").build().unwrap();
    client.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl).send().await.unwrap();
    let mut item = key("1");
    item.insert("ttl".to_owned(), n(2_000_000_000));
    client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    db.set_now(DateTime::from_timestamp(1_999_999_999, 0));
    assert_eq!(db.sweep_ttl().await.unwrap(), 0);
    assert_eq!(db.dump().await.unwrap().len(), 1);
    db.set_now(DateTime::from_timestamp(2_000_000_001, 0));
    assert_eq!(db.sweep_ttl().await.unwrap(), 1);
    assert!(db.dump().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_stream_is_read_on_from_where_it_was_left_even_after_a_restart() {
    let directory = std::env::temp_dir().join(crate::aws::uuid(crate::aws::random().unwrap()));
    let file = directory.join("tables.sqlite");
    let db = DynamoDb::start(Store::File(file.clone())).await.unwrap();
    let sdk = client(&db);
    create_table(&sdk, true).await;
    let mut changes = db.changes();
    changes.mark_unchanged();
    put(&sdk, "1").await;
    assert!(changes.has_changed().unwrap());
    sdk.update_item()
        .table_name(TABLE)
        .set_key(Some(key("1")))
        .update_expression("SET version = :v")
        .expression_attribute_values(":v", n(2))
        .send()
        .await
        .unwrap();
    let first = db.stream_records(TABLE).await.unwrap();
    let names: Vec<_> = first.iter().filter_map(|record| record["eventName"].as_str()).collect();
    assert_eq!(names, ["INSERT", "MODIFY"]);
    let modified: EventRecord = serde_json::from_value(first[1].clone()).unwrap();
    assert_eq!(
        modified.change.stream_view_type,
        Some(aws_lambda_events::event::dynamodb::StreamViewType::NewAndOldImages)
    );
    assert_eq!(first[1]["dynamodb"]["Keys"]["pk"]["S"], "1");
    assert_eq!(first[1]["dynamodb"]["NewImage"]["version"]["N"], "2");
    assert!(first[1]["dynamodb"]["OldImage"].get("version").is_none());
    assert!(db.stream_records(TABLE).await.unwrap().is_empty());

    sdk.delete_item().table_name(TABLE).set_key(Some(key("1"))).send().await.unwrap();
    let under_way = db.stream_records(TABLE).await.unwrap();
    assert_eq!(under_way[0]["eventName"], "REMOVE");
    drop((db, sdk));

    let db = DynamoDb::start(Store::File(file)).await.unwrap();
    let again = db.stream_records(TABLE).await.unwrap();
    assert_eq!(again, under_way, "what was not known to be handled comes again, and nothing else");
    assert!(client(&db).describe_table().table_name(TABLE).send().await.is_ok());
    drop(db);
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn keys_that_are_left_undone_are_named_and_read_when_they_are_asked_for_again() {
    let (db, client) = started().await;
    for pk in ["1", "2", "3"] {
        put(&client, pk).await;
    }
    let read = async |pks: &[&str]| {
        let keys = pks.iter().map(|pk| key(pk)).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build().unwrap();
        let answer = client.batch_get_item().request_items(TABLE, keys).send().await.unwrap();
        let found = answer.responses.unwrap_or_default().into_values().flatten().count();
        let left = answer.unprocessed_keys.unwrap_or_default().into_values();
        (found, left.map(|keys| keys.keys.len()).sum::<usize>())
    };
    db.leave_unprocessed(2, 2);
    assert_eq!(read(&["1", "2", "3"]).await, (1, 2));
    assert_eq!(read(&["2", "3"]).await, (0, 2));
    assert_eq!(read(&["2", "3"]).await, (2, 0));
}
