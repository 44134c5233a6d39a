use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::json;

use super::{Entries, EventBridge, Rule};
use crate::StartError;

fn client(events: &EventBridge) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(crate::REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "fakes"))
        .endpoint_url(events.url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn rule(detail_type: &str, target: &str) -> Rule {
    let pattern = json!({ "source": ["holdfast"], "detail-type": [{ "prefix": detail_type }] });
    Rule { name: format!("{detail_type}-to-{target}"), pattern, target: target.to_owned() }
}

fn entry(detail_type: &str, detail: &str) -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .event_bus_name("bus")
        .source("holdfast")
        .detail_type(detail_type)
        .detail(detail)
        .time(DateTime::from_secs(1_763_600_000))
        .build()
}

#[tokio::test]
async fn an_event_waits_for_every_target_whose_rule_it_matches() {
    let rules = vec![rule("booking.", "push"), rule("booking.confirmed", "notify"), rule("sync.due", "sync")];
    let events = EventBridge::start(rules).await.unwrap();
    let mut changes = events.changes();
    let call = client(&events)
        .put_events()
        .entries(entry("booking.confirmed", r#"{"id":"bkg_1"}"#))
        .entries(entry("other", "{}"));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.failed_entry_count, 0);
    changes.changed().await.unwrap();

    let [event] = &events.take("push")[..] else { panic!("one event") };
    assert_eq!(event["id"].as_str(), answer.entries()[0].event_id());
    let mut rest = event.clone();
    rest.as_object_mut().unwrap().remove("id");
    assert_eq!(
        rest,
        json!({
            "version": "0", "detail-type": "booking.confirmed", "source": "holdfast", "account": "000000000000",
            "time": "2025-11-20T00:53:20Z", "region": "eu-central-1", "resources": [], "detail": { "id": "bkg_1" },
        })
    );
    assert!(events.take("push").is_empty(), "taken once");
    assert_eq!(events.take("notify").len(), 1);
    assert!(events.take("sync").is_empty());
    assert_eq!(events.published().len(), 2);
    assert_eq!(events.faults.calls()[0].detail, "bus booking.confirmed, bus other");
}

#[tokio::test]
async fn a_bad_entry_fails_alone_and_too_many_or_too_large_fail_together() {
    let events = EventBridge::start(vec![rule("a", "t")]).await.unwrap();
    let client = client(&events);
    let answer =
        client.put_events().entries(entry("a", "[]")).entries(entry("a", "{}")).send().await.unwrap();
    assert_eq!(answer.failed_entry_count, 1);
    assert_eq!(answer.entries()[0].error_code(), Some("MalformedDetail"));
    assert!(answer.entries()[1].event_id().is_some());
    assert_eq!(events.take("t").len(), 1);

    let many = client.put_events().set_entries(Some(vec![entry("a", "{}"); 11])).send().await;
    assert_eq!(many.unwrap_err().code(), Some("ValidationException"));
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(256 * 1024));
    let large = client.put_events().entries(entry("a", &large)).send().await;
    assert_eq!(large.unwrap_err().code(), Some("ValidationException"));
    assert_eq!(events.published().len(), 1);
}

#[tokio::test]
async fn a_rule_that_the_fake_cannot_follow_stops_the_start() {
    let rule = Rule {
        name: "odd".to_owned(),
        pattern: json!({ "source": [{ "wildcard": "*" }] }),
        target: "t".to_owned(),
    };
    let error = EventBridge::start(vec![rule]).await.unwrap_err();
    assert!(matches!(&error, StartError::Pattern { rule, .. } if rule == "odd"), "{error}");
}

#[tokio::test]
async fn a_call_can_be_taken_in_part() {
    let events = EventBridge::start(Vec::new()).await.unwrap();
    for (entries, calls, taken) in [
        (Entries::First(1), 1, [false, true, true]),
        (Entries::Last(2), 1, [true, false, false]),
        (Entries::First(usize::MAX), 2, [false, false, false]),
        (Entries::First(1), 0, [true, true, true]),
    ] {
        events.refuse(entries, calls);
        for _ in 0..calls {
            let all = (0..3).map(|_| entry("booking.confirmed", "{}")).collect();
            let answer = client(&events).put_events().set_entries(Some(all)).send().await.unwrap();
            let found: Vec<_> = answer.entries().iter().map(|entry| entry.error_code().is_none()).collect();
            assert_eq!(found, taken, "{entries:?}");
            let failed = taken.iter().filter(|is_taken| !**is_taken).count();
            assert_eq!(usize::try_from(answer.failed_entry_count).unwrap(), failed);
        }
        let answer = client(&events).put_events().entries(entry("other", "{}")).send().await.unwrap();
        assert_eq!(answer.failed_entry_count, 0, "{entries:?} is over");
    }
}
