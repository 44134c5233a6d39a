//! The binaries that ship, as Lambda runs them: started by the Runtime API, fed real events, one at a time.

use chrono::{DateTime, TimeDelta, Utc};
use holdfast::clock::Clock;
use holdfast::domain::Zone;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Callee, FUNCTIONS, Lambda, TENANT, TestApp};

const REQUEST: &str = include_str!("../events/request.json");
const SCHEDULE: &str = include_str!("../events/schedule.json");
const QUEUE: &str = include_str!("../events/queue.json");
const STREAM: &str = include_str!("../events/stream.json");

fn read(event: &str) -> Value {
    serde_json::from_str(event).unwrap()
}

/// The recorded request, on another route.
fn request(route: &str, path: &str, body: Option<&Value>) -> Value {
    let (method, _) = route.split_once(' ').unwrap();
    let mut event = read(REQUEST);
    event["routeKey"] = json!(route);
    event["rawPath"] = json!(path);
    event["requestContext"]["routeKey"] = json!(route);
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
    if let Some(body) = body {
        event["body"] = json!(body.to_string());
        event["headers"]["content-type"] = json!("application/json");
    }
    event
}

fn as_admin(mut event: Value) -> Value {
    let claims = json!({ "sub": "admin", "tenant": TENANT, "roles": "[admin]" });
    event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
    event
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_binary_answers_the_events_that_aws_sends() {
    let app = TestApp::with(|options| options.clock = Clock::system()).await;
    let lambda = Lambda::start().await;
    let calls = || Callee::ALL.map(|callee| app.faults(callee).take_calls().len());
    calls();
    lambda.launch_all(app.local.variables()).await;
    assert_eq!(calls(), [0; 4], "nobody is called before there is an event");
    let ask = async |function: &str, event: Value| lambda.invoke(function, event).await.unwrap();

    let health = ask("slots", read(REQUEST)).await;
    assert_eq!(
        (&health["statusCode"], body(&health)),
        (&json!(200), json!({ "status": "ok", "time_zones": Zone::release() }))
    );
    let unknown = ask("slots", request("GET /v1/health", "/v1/elsewhere", None)).await;
    assert_eq!((&unknown["statusCode"], &body(&unknown)["code"]), (&json!(404), &json!("not-found")));

    let mut preflight = request("OPTIONS /{proxy+}", "/v1/bookings/bkg_0123", None);
    preflight["headers"]["origin"] = json!("https://app.example");
    preflight["headers"]["access-control-request-method"] = json!("DELETE");
    let preflight = ask("slots", preflight).await;
    assert_eq!((&preflight["statusCode"], &preflight["body"]), (&json!(204), &json!("")));
    assert_eq!(preflight["headers"]["access-control-allow-origin"], "*", "{preflight}");

    let hold = "/v1/tenants/demo/holds";
    let hold = request("POST /v1/tenants/{tenant}/holds", hold, Some(&json!({ "event_type": "none" })));
    let refused = ask("bookings", hold).await;
    assert_eq!((&refused["statusCode"], &body(&refused)["code"]), (&json!(422), &json!("validation")));

    let list = request("GET /v1/integrations", "/v1/integrations", None);
    assert_eq!(ask("integrations", list.clone()).await["statusCode"], 401, "no claims, no answer");
    let listed = ask("integrations", as_admin(list)).await;
    assert_eq!((&listed["statusCode"], body(&listed)), (&json!(200), json!({ "integrations": [] })));

    let connect = request(
        "POST /v1/integrations/{provider}/connect",
        "/v1/integrations/google/connect",
        Some(&json!({ "host": ADA })),
    );
    let started = ask("oauth-start", as_admin(connect)).await;
    assert_eq!(started["statusCode"], 200, "{started}");
    let cookies = [&started["cookies"], &started["multiValueHeaders"]["set-cookie"]];
    assert!(cookies.iter().any(|cookies| cookies[0].as_str().is_some_and(|one| one.contains("HttpOnly"))));
    let callback = "/v1/oauth/google/callback";
    let came_back = ask("oauth-callback", request("GET /v1/oauth/{provider}/callback", callback, None)).await;
    assert_eq!(came_back["statusCode"], 422, "{came_back}");

    for scheduled in ["sync-dispatch", "maintenance"] {
        assert_eq!(ask(scheduled, read(SCHEDULE)).await, Value::Null);
    }
    assert_eq!(
        ask("sync", read(QUEUE)).await,
        json!({ "batchItemFailures": [] }),
        "of no booking: nothing to do"
    );
    for op in ["GetItem", "UpdateItem"] {
        app.local.dynamodb.faults.always(op, fakes::dynamodb::internal_error());
    }
    let failed =
        json!({ "batchItemFailures": [{ "itemIdentifier": read(QUEUE)["Records"][0]["messageId"] }] });
    assert_eq!(ask("sync", read(QUEUE)).await, failed);
    app.local.dynamodb.faults.clear();
    assert_eq!(ask("relay", read(STREAM)).await, json!({ "batchItemFailures": [] }));

    // What is no event of theirs at all is an error, and not the end.
    for function in FUNCTIONS {
        let refused = lambda.invoke(function, json!({ "Records": 7, "version": [] })).await;
        assert!(refused.is_err() || refused == Ok(Value::Null), "{function}: {refused:?}");
        assert!(lambda.is_alive(function), "{function}");
    }
    assert_eq!(ask("slots", read(REQUEST)).await["statusCode"], 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_panic_the_next_event_is_served() {
    let app = TestApp::with(|options| options.clock = Clock::system()).await;
    let lambda = Lambda::start().await;
    let panics = std::path::Path::new(env!("CARGO_BIN_EXE_panics"));
    lambda.launch("http", panics, app.local.variables()).await;
    let panicked = lambda.invoke("http", request("GET /panic", "/panic", None)).await.unwrap();
    assert_eq!((&panicked["statusCode"], &body(&panicked)["code"]), (&json!(500), &json!("internal")));
    let fine = lambda.invoke("http", request("GET /fine", "/fine", None)).await.unwrap();
    assert_eq!((&fine["statusCode"], &fine["body"]), (&json!(200), &json!("fine")));

    let behind_events = app.local.variables().iter().cloned();
    let behind_events: Vec<_> = behind_events.chain([("BEHIND_EVENTS", "1".to_owned())]).collect();
    lambda.launch("events", panics, &behind_events).await;
    let error = lambda.invoke("events", json!({ "panic": true })).await.unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("as told"), "{error}");
    assert_eq!(lambda.invoke("events", json!({})).await, Ok(json!("fine")));
    assert!(lambda.is_alive("http") && lambda.is_alive("events"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_goes_through_real_functions() {
    let lambda = Lambda::start().await;
    let app = TestApp::with(|options| {
        options.clock = Clock::system();
        options.invoke = Some(lambda.url());
    })
    .await;
    lambda.launch_all(app.local.variables()).await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    assert!(app.calendars(&id).await.expect(200)["calendars"].is_array());
    let now = app.app().clock.now();
    let date = |days: i64| (now + TimeDelta::days(days)).date_naive().to_string();
    let free = app.starts("intro", &date(1), &date(15)).await;
    let start = free.first().expect("a free slot");
    let hold = app.hold("intro", start).await.expect(201)["hold"].as_str().unwrap().to_owned();
    app.hold("intro", start).await.expect_problem(409, "slot-taken");
    let booking = app.confirm(&hold).await.expect(201).clone();
    assert_eq!(booking["calendar_sync"], "synced");
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 1);
    app.tick().await;
    assert!(!app.starts("intro", &date(1), &date(15)).await.contains(start));
    let path = format!("/v1/bookings/{}", booking["id"].as_str().unwrap());
    assert_eq!(app.admin(Method::GET, &path, None).await.expect(200)["status"], "confirmed");
    app.cancel(&booking).await.expect(200);
    app.tick().await;
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), Vec::<Value>::new());
    assert!(app.starts("intro", &date(1), &date(15)).await.contains(start));
    assert_eq!(app.local.dead_letters(), Vec::<Value>::new());
    let published: Vec<String> = app.local.events.published().iter().map(kind).collect();
    for kind in ["integration.connected", "booking.confirmed", "booking.cancelled"] {
        assert!(published.iter().any(|published| published == kind), "{kind}: {published:?}");
    }
    assert!(start.parse::<DateTime<Utc>>().is_ok());
    for function in FUNCTIONS {
        assert!(lambda.is_alive(function), "{function}");
    }
}

fn kind(event: &Value) -> String {
    event["detail-type"].as_str().unwrap_or_default().to_owned()
}
