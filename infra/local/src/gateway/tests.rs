use axum::http::{Method, Request};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rsa::pkcs1::EncodeRsaPrivateKey;
use serde_json::{Value, json};

use crate::tests::{http, options};
use crate::{AUDIENCE, DEMO_TENANT, Local};

async fn get(local: &Local, path: &str, authorization: Option<&str>) -> (u16, Value) {
    let mut request = http().get(format!("{}{path}", local.url()));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn claims(local: &Local) -> Value {
    json!({
        "sub": "mallory", "tenant": DEMO_TENANT, "roles": ["admin"], "iss": local.url(), "aud": AUDIENCE,
        "exp": 4_000_000_000_u64,
    })
}

fn header() -> Header {
    Header { kid: Some("local".to_owned()), ..Header::new(Algorithm::RS256) }
}

#[tokio::test]
async fn an_admin_route_takes_a_good_token_with_or_without_the_scheme() {
    let local = Local::start(options()).await.unwrap();
    let token = local.admin_token(DEMO_TENANT);
    for authorization in [format!("Bearer {token}"), format!("bearer {token}"), token] {
        let (status, body) = get(&local, "/v1/integrations", Some(&authorization)).await;
        assert_eq!((status, &body["integrations"]), (200, &json!([])), "{body}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_good_reaches_no_function() {
    let local = Local::start(options()).await.unwrap();
    let good = local.admin_token(DEMO_TENANT);
    let bare = |claims: Value| local.token(claims);
    let other_key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    let other_key = EncodingKey::from_rsa_der(other_key.to_pkcs1_der().unwrap().as_bytes());
    let shared_secret = Header { kid: header().kid, ..Header::new(Algorithm::HS256) };
    let [_, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let changed_payload = good.split('.').nth(1).unwrap().chars().rev().collect::<String>();
    // {"alg":"none","kid":"local"}
    let none = "eyJhbGciOiJub25lIiwia2lkIjoibG9jYWwifQ";
    let bad = [
        ("nothing", None),
        ("an empty token", Some("Bearer ".to_owned())),
        ("garbage", Some("Bearer garbage".to_owned())),
        ("another scheme", Some(format!("Basic {good}"))),
        ("expired", Some(bare(json!({ "exp": 1_000_000_000 })))),
        ("without an end", Some(bare(json!({ "exp": null })))),
        ("not yet good", Some(bare(json!({ "nbf": 4_000_000_000_u64 })))),
        ("made in the future", Some(bare(json!({ "iat": 4_000_000_000_u64 })))),
        ("another audience", Some(bare(json!({ "aud": "elsewhere" })))),
        ("without an audience", Some(bare(json!({ "aud": null })))),
        ("another issuer", Some(bare(json!({ "iss": "https://elsewhere.example" })))),
        ("another key", Some(encode(&header(), &claims(&local), &other_key).unwrap())),
        (
            "a key id that nobody has",
            Some(encode(&Header::new(Algorithm::RS256), &claims(&local), &other_key).unwrap()),
        ),
        (
            "a shared secret",
            Some(encode(&shared_secret, &claims(&local), &EncodingKey::from_secret(b"holdfast")).unwrap()),
        ),
        ("alg none", Some(format!("{none}.{payload}."))),
        ("alg none with a signature", Some(format!("{none}.{payload}.{signature}"))),
        ("a changed payload", Some(good.replace(payload, &changed_payload))),
    ];
    for (what, token) in bad {
        let (status, body) = get(&local, "/v1/integrations", token.as_deref()).await;
        assert_eq!((status, body), (401, json!({ "message": "Unauthorized" })), "{what}");
    }
}

#[tokio::test]
async fn a_good_token_without_the_role_is_turned_away_by_the_function() {
    let local = Local::start(options()).await.unwrap();
    for (role, code) in [("guest", "forbidden"), ("host", "no-host")] {
        let token = local.token(json!({ "sub": "grace", "tenant": DEMO_TENANT, "roles": [role] }));
        let (status, body) = get(&local, "/v1/integrations", Some(&token)).await;
        assert_eq!((status, &body["code"]), (403, &json!(code)), "{body}");
    }
}

#[tokio::test]
async fn a_caller_cannot_bring_claims_along() {
    let local = Local::start(options()).await.unwrap();
    let context = json!({ "authorizer": { "jwt": { "claims": claims(&local) } } }).to_string();
    for name in ["x-amzn-request-context", "x-amzn-lambda-context", "x-amz-claims", "requestcontext"] {
        let request = http().get(format!("{}/v1/integrations", local.url())).header(name, &context);
        assert_eq!(request.send().await.unwrap().status(), 401, "{name}");
    }
    // On a route without the authorizer even a good token brings no claims: the function wants a manage token.
    let path = "/v1/tenants/demo/bookings/bkg_0000";
    let (status, _) = get(&local, path, Some(&format!("Bearer {}", local.admin_token(DEMO_TENANT)))).await;
    assert!(matches!(status, 401 | 404), "{status}");
}

#[tokio::test]
async fn what_the_template_does_not_name_is_not_there() {
    let local = Local::start(options()).await.unwrap();
    // Nothing greedy takes the root: that is the gateway's own answer.
    assert_eq!(get(&local, "/", None).await, (404, json!({ "message": "Not Found" })));
    for path in ["/v1", "/v1/health/", "/v1/healthy", "/v1/integrations/int_0000/tokens", "//v1/health"] {
        let answer = http().get(format!("{}{path}", local.url())).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    for method in ["HEAD", "POST", "PUT"] {
        let request = http().request(method.parse().unwrap(), format!("{}/v1/health", local.url()));
        let answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()),
            (405, "GET"),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_body_over_ten_megabytes_is_refused_before_the_function() {
    let local = Local::start(options()).await.unwrap();
    let url = format!("{}/v1/tenants/demo/holds", local.url());
    let of =
        |bytes: usize| http().post(&url).header("content-type", "application/json").body(vec![b' '; bytes]);
    let answer = of(super::MAX_BYTES + 1).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "message": "Request Entity Too Large" }));
    // Up to there it is the function that says no.
    let answer = of(100_000).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert!(answer.json::<Value>().await.unwrap()["code"].is_string());
}

#[tokio::test]
async fn a_function_gets_headers_cookies_and_bytes_as_api_gateway_sends_them() {
    let request = Request::post("/v1/tenants/demo/holds?a=1&a=%20")
        .header("host", "book.example.com")
        .header("X-Twice", "one")
        .header("x-twice", "two")
        .header("cookie", "a=1; b=2")
        .header("cookie", "c=3")
        .body(())
        .unwrap();
    let (parts, ()) = request.into_parts();
    let route = "POST /v1/tenants/{tenant}/holds";
    let event =
        super::event(&parts, route, &[("tenant".to_owned(), "demo".to_owned())].into(), None, &[0xff, 0]);
    assert_eq!(event["headers"], json!({ "host": "book.example.com", "x-twice": "one,two" }));
    assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
    assert!(event["requestContext"]["authorizer"].is_null());
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert_eq!(request.uri().query(), Some("a=1&a=%20"));
    assert_eq!(request.headers()["cookie"], "a=1; b=2; c=3");
    assert_eq!(request.body().as_ref(), [0xff, 0]);
}

#[tokio::test]
async fn the_key_set_and_its_address_are_public() {
    let local = Local::start(options()).await.unwrap();
    let (_, configuration) = get(&local, super::CONFIGURATION, None).await;
    assert_eq!(configuration["issuer"], local.url());
    let path = configuration["jwks_uri"].as_str().unwrap().strip_prefix(&local.url()).unwrap();
    let (_, jwks) = get(&local, path, None).await;
    let key = &jwks["keys"][0];
    assert_eq!((&key["kty"], &key["kid"], &key["alg"]), (&json!("RSA"), &json!("local"), &json!("RS256")));
    assert!(key["d"].is_null(), "the private half stays here");
}

#[tokio::test]
async fn an_issuer_may_call_its_claims_otherwise() {
    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let settings = vec![named("HOLDFAST_TENANT_CLAIM", "org"), named("HOLDFAST_ROLES_CLAIM", "groups")];
    let local = Local::start(crate::Options { settings, ..options() }).await.unwrap();
    let admin = format!("Bearer {}", local.admin_token(DEMO_TENANT));
    assert_eq!(get(&local, "/v1/integrations", Some(&admin)).await.0, 200);
    let usual = local.token(json!({ "sub": "admin", "tenant": DEMO_TENANT, "roles": ["admin"] }));
    assert_eq!(get(&local, "/v1/integrations", Some(&format!("Bearer {usual}"))).await.0, 403);
}

#[test]
fn the_best_path_that_has_the_method_is_taken() {
    let target = |key: &str| super::Target { function: "slots", key: key.to_owned(), authorized: false };
    let mut paths: std::collections::HashMap<_, matchit::Router<_>> = std::collections::HashMap::new();
    for key in [
        "GET /v1/bookings/{id}",
        "GET /v1/bookings/export",
        "GET /v1/{proxy+}",
        "POST /v1/bookings/{id}/cancel",
        "OPTIONS /{proxy+}",
        "ANY /{proxy+}",
    ] {
        let (method, path) = key.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        paths.entry(method).or_default().insert(super::greedy(path), target(key)).unwrap();
    }
    let route = |method: &str, path: &str| {
        let matched = paths.get(&method.parse::<Method>().unwrap())?.at(path).ok()?;
        let parameters: Vec<_> = matched.params.iter().map(|(_, value)| value).collect();
        Some((matched.value.key.as_str(), parameters.join(",")))
    };
    let found = |key, parameters: &str| Some((key, parameters.to_owned()));
    assert_eq!(route("GET", "/v1/bookings/export"), found("GET /v1/bookings/export", ""));
    assert_eq!(route("GET", "/v1/bookings/b1"), found("GET /v1/bookings/{id}", "b1"));
    assert_eq!(route("GET", "/v1/bookings/b1/cancel"), found("GET /v1/{proxy+}", "bookings/b1/cancel"));
    assert_eq!(route("OPTIONS", "/v1/bookings/b1"), found("OPTIONS /{proxy+}", "v1/bookings/b1"));
    assert_eq!(route("GET", "/v2"), None);
    assert_eq!(route("DELETE", "/v1/bookings/b1"), None);
}
