//! Every route of staff's, in every role and without one. Who may is what the document's `security` says.

use reqwest::Method;
use serde_json::{Value, json};
use tests::TestApp;

use crate::walk::{Ask, Door, Things, asks, document, found, table};

/// These take a booking that has begun.
const NOT_BEGUN: [&str; 3] = ["start_booking", "complete_booking", "miss_booking"];

/// Claims that make nobody an admin or a host, and what is said to them.
fn nobodies(tenant: &str, host: &str) -> Vec<(Value, &'static str)> {
    let of = |claims: Value| {
        let mut all = json!({ "sub": "eve", "tenant": tenant, "host": host });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        all
    };
    vec![
        (of(json!({})), "forbidden"),
        (of(json!({ "roles": [] })), "forbidden"),
        (of(json!({ "roles": ["guest"] })), "forbidden"),
        (of(json!({ "roles": ["Admin", "administrator", "admin,host"] })), "forbidden"),
        (of(json!({ "roles": { "admin": true } })), "forbidden"),
        (of(json!({ "role": ["admin"] })), "forbidden"),
        (of(json!({ "groups": ["admin"], "scope": "admin host", "cognito:groups": ["admin"] })), "forbidden"),
        (of(json!({ "roles": ["host"], "host": null })), "no-host"),
        (of(json!({ "roles": ["host"], "host": "" })), "no-host"),
        (of(json!({ "roles": ["host"], "host": [host] })), "no-host"),
        (of(json!({ "roles": ["host"], "host": null, "host_id": host, "sub": host })), "no-host"),
        (of(json!({ "roles": ["admin"], "tenant": null })), "no-tenant"),
        (of(json!({ "roles": ["admin"], "tenant": "Acme" })), "no-tenant"),
        (of(json!({ "roles": ["admin"], "tenant": [tenant] })), "no-tenant"),
        (of(json!({ "roles": ["admin"], "tenant": null, "org": tenant })), "no-tenant"),
    ]
}

/// The request as staff make it whose things these are.
fn own(document: &Value, things: &Things, nth: usize, operation: &Ask) -> Ask {
    let is_it = |ask: &Ask| ask.method == operation.method && ask.template == operation.template;
    let mut own = asks(document, things).into_iter().find(is_it).unwrap();
    // A slug that nobody has yet.
    if let Some(slug) = own.parts.pointer_mut("/body/slug") {
        *slug = json!(format!("new-{nth}"));
    }
    own
}

async fn assert_done(app: &TestApp, ask: &Ask, token: &str) {
    let answer = ask.send(app, Some(token)).await;
    if NOT_BEGUN.contains(&&*ask.operation) {
        answer.expect_problem(409, "not-possible");
    } else {
        assert!((200..300).contains(&answer.status), "{}: {}", ask.shown(), answer.text);
    }
}

#[tokio::test]
async fn who_may_do_what_is_what_the_document_says() {
    let app = TestApp::without_stream().await;
    found(&app, "acme").await;
    let document = document(&app).await;
    let standing = Things::make(&app, "acme", "standing").await;
    let host_token = standing.host_token(&app);
    let routes = asks(&document, &standing).into_iter().filter(Ask::is_for_staff);
    for (nth, ask) in routes.enumerate() {
        let before = table(&app).await;
        for token in [None, Some(&*standing.manage), Some("x"), Some("")] {
            assert_eq!(ask.send(&app, token).await.status, 401, "{token:?} {}", ask.shown());
        }
        for (claims, code) in nobodies("acme", &standing.host) {
            let answer = ask.send(&app, Some(&app.local.token(claims.clone()))).await;
            let found = (answer.status, answer.body["code"].as_str());
            assert_eq!(found, (403, Some(code)), "{claims} {}: {}", ask.shown(), answer.text);
        }
        if ask.door == Door::Admin {
            let answer = ask.send(&app, Some(&host_token)).await;
            let found = (answer.status, answer.body["code"].as_str());
            assert_eq!(found, (403, Some("forbidden")), "{}: {}", ask.shown(), answer.text);
        }
        assert!(before == table(&app).await, "{} changed something", ask.shown());

        if ask.door == Door::Staff {
            let things = Things::make(&app, "acme", &format!("host{nth}")).await;
            let ask = own(&document, &things, nth * 2, &ask);
            assert_done(&app, &ask, &things.host_token(&app)).await;
        }
        let things = Things::make(&app, "acme", &format!("admin{nth}")).await;
        let mut ask = own(&document, &things, nth * 2 + 1, &ask);
        if ask.operation == "delete_host" {
            // One who has nothing that would be in use.
            let made = app
                .send_as(&things.admin_token(&app), Method::POST, "/v1/hosts", Some(&json!({ "name": "X" })))
                .await;
            ask = ask.with("/path/id", &made.expect(201)["id"]);
        }
        assert_done(&app, &ask, &things.admin_token(&app)).await;
    }
}
