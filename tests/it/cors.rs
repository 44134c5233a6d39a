//! What browsers are told that call from a page of another origin: the tenant's list on the tenant's routes, the
//! deployment's everywhere else, and never more than that.

use fakes::dynamodb::internal_error;
use holdfast::config::CORS_ORIGINS;
use reqwest::Method;
use serde_json::json;
use tests::{Answer, Callee, REMEMBERED, TENANT, TestApp, guest};

const APP: &str = "https://app.example";
const SITE: &str = "https://www.example.com";
const LISTING: &str =
    "/v1/tenants/demo/event-types/intro/slots?from=2026-11-24&to=2026-11-25&time_zone=Europe/London";
const PATHS: [&str; 7] = [
    LISTING,
    "/v1/tenants/demo/holds",
    "/v1/tenants/demo/bookings/bkg_0123",
    "/v1/bookings/bkg_0123",
    "/v1/integrations/int_0123/sync",
    "/v1/health",
    "/v1/nothing/of/the/kind",
];

/// A deployment that lets these origins in.
async fn open_to(origins: &str) -> TestApp {
    let settings = vec![(CORS_ORIGINS.to_owned(), origins.to_owned())];
    TestApp::with(|options| {
        options.stream = false;
        options.settings = settings;
    })
    .await
}

async fn ask(app: &TestApp, method: Method, path: &str, origin: &str) -> Answer {
    let request = app.http().request(method, format!("{}{path}", app.local.url()));
    app.answered(request.header("origin", origin)).await
}

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let request = app.http().request(Method::OPTIONS, format!("{}{path}", app.local.url()));
    let request = request.header("origin", origin).header("access-control-request-method", "PATCH");
    let answer =
        app.answered(request.header("access-control-request-headers", "authorization,if-match")).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
    assert_eq!(answer.header("vary").as_deref(), Some("origin"), "{path}");
    answer
}

fn allowed(answer: &Answer) -> Option<String> {
    answer.header("access-control-allow-origin")
}

/// The demo tenant's own list, once everybody has heard of it.
async fn set_origins(app: &TestApp, origins: &[&str]) {
    let store = &app.app().store;
    let mut settings = store.tenant(&app.tenant()).await.unwrap().unwrap();
    settings.cors_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    store.put_tenant(&app.tenant(), &settings).await.unwrap();
    app.pass(REMEMBERED);
}

#[tokio::test]
async fn every_path_answers_the_question_that_comes_before_a_call() {
    let app = TestApp::without_stream().await;
    for path in PATHS {
        let answer = preflight(&app, path, SITE).await;
        assert_eq!(allowed(&answer).as_deref(), Some("*"), "{path}");
        let said = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{path}: {name}"));
        assert_eq!(said("access-control-allow-methods"), "GET,POST,PUT,PATCH,DELETE");
        assert_eq!(
            said("access-control-allow-headers"),
            "authorization,content-type,idempotency-key,if-match"
        );
        assert_eq!(said("access-control-max-age"), "600");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "there are no cookies to send");
    }
    // What is no such question is no route.
    for header in ["origin", "access-control-request-method"] {
        let request = app.http().request(Method::OPTIONS, format!("{}/v1/health", app.local.url()));
        let answer = app.answered(request.header(header, "GET")).await;
        assert!(matches!(answer.status, 404 | 405), "{header}: {}", answer.status);
    }
}

#[tokio::test]
async fn answers_may_be_read_whatever_they_say() {
    let app = TestApp::without_stream().await;
    let holds = format!("/v1/tenants/{TENANT}/holds");
    for (method, path, status) in [
        (Method::GET, LISTING, 200),
        (Method::GET, "/v1/health", 200),
        (Method::POST, holds.as_str(), 415),
        (Method::GET, "/v1/tenants/demo/bookings/bkg_0123", 401),
    ] {
        let answer = ask(&app, method.clone(), path, SITE).await;
        assert_eq!((answer.status, allowed(&answer).as_deref()), (status, Some("*")), "{path}");
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed.as_deref(), Some("etag,location,retry-after"), "{path}");
        // To a page of the same origin there is nothing to say.
        let same = app.send(method, path, None).await;
        assert_eq!((same.status, allowed(&same)), (status, None), "{path}");
        assert_eq!(same.header("access-control-expose-headers"), None, "{path}");
        assert_eq!(same.header("vary").as_deref(), Some("origin"), "{path}");
    }
}

#[tokio::test]
async fn a_tenants_own_list_counts_on_its_routes_and_nowhere_else() {
    let app = open_to(SITE).await;
    set_origins(&app, &[APP, "http://localhost:5173"]).await;
    let mary = json!({ "event_type": "intro", "start": "2026-11-24T11:00:00Z", "guest": guest() });
    for (origin, at_tenant, elsewhere) in [
        (APP, Some(APP), None),
        ("http://localhost:5173", Some("http://localhost:5173"), None),
        (SITE, None, Some(SITE)),
        ("https://app.example.evil.example", None, None),
        ("http://app.example", None, None),
        ("null", None, None),
    ] {
        for path in PATHS {
            let expected = if path.starts_with("/v1/tenants/") { at_tenant } else { elsewhere };
            let answer = preflight(&app, path, origin).await;
            assert_eq!(allowed(&answer).as_deref(), expected, "{origin} {path}");
            let methods = answer.header("access-control-allow-methods");
            assert_eq!(methods.is_some(), expected.is_some(), "{origin} {path}");
        }
        // Who may not read is answered all the same: CORS is the browser's to enforce.
        let answer = ask(&app, Method::GET, LISTING, origin).await;
        assert_eq!((answer.status, allowed(&answer).as_deref()), (200, at_tenant), "{origin}");
        let health = ask(&app, Method::GET, "/v1/health", origin).await;
        assert_eq!((health.status, allowed(&health).as_deref()), (200, elsewhere), "{origin}");
    }
    // In letters that a router reads as the tenant's name: nobody's.
    let hidden = LISTING.replace("/demo/", "/%64emo/");
    let answer = ask(&app, Method::GET, &hidden, SITE).await;
    assert_eq!((answer.status, allowed(&answer)), (200, None));
    let url = format!("{}/v1/tenants/{TENANT}/bookings", app.local.url());
    let booked = app.answered(app.http().post(url).header("origin", APP).json(&mary)).await;
    assert_eq!((booked.status, allowed(&booked).as_deref()), (201, Some(APP)), "{}", booked.text);

    // Taken back, and the deployment's counts again.
    set_origins(&app, &[]).await;
    for (origin, expected) in [(APP, None), (SITE, Some(SITE))] {
        let answer = ask(&app, Method::GET, LISTING, origin).await;
        assert_eq!(allowed(&answer).as_deref(), expected, "{origin}");
    }
    set_origins(&app, &["*"]).await;
    assert_eq!(allowed(&ask(&app, Method::GET, LISTING, APP).await).as_deref(), Some("*"));
}

#[tokio::test]
async fn of_a_tenant_that_is_not_there_the_deployments_list_counts() {
    let app = open_to(&format!("{SITE}/, http://LOCALHOST:5173")).await;
    let path = LISTING.replace("/demo/", "/nobody/");
    for (origin, expected) in
        [(SITE, Some(SITE)), ("http://localhost:5173", Some("http://localhost:5173")), (APP, None)]
    {
        let answer = ask(&app, Method::GET, &path, origin).await;
        answer.expect_problem(404, "unknown-event-type");
        assert_eq!(allowed(&answer).as_deref(), expected, "{origin}");
        assert_eq!(allowed(&preflight(&app, &path, origin).await).as_deref(), expected, "{origin}");
    }
}

#[tokio::test]
async fn when_the_table_cannot_say_the_answer_stands_without() {
    let app = TestApp::without_stream().await;
    let first = app.send(Method::GET, LISTING, None).await.expect(200).clone();
    // From here on a listing needs no `GetItem` of its own.
    app.local.dynamodb.faults.always("GetItem", internal_error());
    let answer = ask(&app, Method::GET, LISTING, SITE).await;
    assert_eq!((answer.expect(200), allowed(&answer)), (&first, None));
    let answer = preflight(&app, LISTING, SITE).await;
    assert_eq!((allowed(&answer), answer.header("access-control-allow-methods")), (None, None));
    assert_eq!(allowed(&ask(&app, Method::GET, "/v1/health", SITE).await).as_deref(), Some("*"));
    app.local.dynamodb.faults.clear();
    assert_eq!(allowed(&ask(&app, Method::GET, LISTING, SITE).await).as_deref(), Some("*"));
}

#[tokio::test]
async fn who_may_read_is_remembered() {
    let app = TestApp::without_stream().await;
    ask(&app, Method::GET, LISTING, SITE).await.expect(200);
    for origin in [SITE, APP] {
        let (_, cost) = app.cost(ask(&app, Method::GET, LISTING, origin)).await;
        assert_eq!(cost.of(Callee::Table), "Query", "a warm listing, as without an origin");
        let (_, cost) = app.cost(preflight(&app, LISTING, origin)).await;
        assert_eq!(cost.of(Callee::Table), "");
        let (_, cost) = app.cost(preflight(&app, "/v1/integrations", origin)).await;
        assert_eq!(cost.of(Callee::Table), "");
    }
    app.pass(REMEMBERED);
    let (_, cost) = app.cost(preflight(&app, LISTING, SITE)).await;
    assert_eq!(cost.of(Callee::Table), "GetItem");
}
