//! Who may call: tokens of somebody else's issuer, and hosts, who may act for themselves alone.
//!
//! The other issuer is a real one, in a process of its own. Where `node` or what `npm ci --prefix tests/node` fetches
//! is absent, its tests print `skipped`.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast::config::{HOST_CLAIM, ROLES_CLAIM, TENANT_CLAIM};
use local::{Local, Options, OtherIssuer};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, GRACE, GRACE_ACCOUNT, TENANT, TestApp};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node");
const SKIPPED: &str = "skipped: no node, or nothing fetched by `npm ci --ignore-scripts --prefix tests/node`";
const LIST: &str = "/v1/integrations";
/// A little longer than the pause between two readings of an issuer's keys.
const PAUSE: Duration = Duration::from_millis(3100);

/// An `OpenID` issuer under `node`, until dropped.
struct Elsewhere {
    _process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    url: String,
    kid: String,
}

impl Elsewhere {
    async fn start() -> Option<Self> {
        if !Path::new(NODE).join("node_modules/oauth2-mock-server").exists() {
            return None;
        }
        let mut command = Command::new("node");
        command.arg("issuer.mjs").current_dir(NODE).kill_on_drop(true);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let (url, kid) = Default::default();
        let mut issuer = Self { _process: process, orders, answers, url, kid };
        let began = issuer.answer().await;
        issuer.url = text(&began, "url");
        issuer.kid = text(&began, "kid");
        Some(issuer)
    }

    async fn answer(&mut self) -> Value {
        let line = tokio::time::timeout(Duration::from_secs(20), self.answers.next_line()).await;
        serde_json::from_str(&line.expect("in time").unwrap().expect("a line")).unwrap()
    }

    async fn ask(&mut self, order: Value) -> Value {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
        self.answer().await
    }

    async fn token(&mut self, claims: Value) -> String {
        let kid = self.kid.clone();
        self.token_of(&kid, claims).await
    }

    async fn token_of(&mut self, kid: &str, claims: Value) -> String {
        text(&self.ask(json!({ "token": claims, "kid": kid })).await, "token")
    }

    async fn forged(&mut self, how: &str, claims: Value) -> String {
        text(&self.ask(json!({ "forge": how, "claims": claims, "kid": self.kid })).await, "token")
    }

    async fn believed(&self, settings: Vec<(String, String)>) -> TestApp {
        let issuer = OtherIssuer { url: self.url.clone(), audience: "holdfast".to_owned() };
        TestApp::with(|options| {
            options.stream = false;
            options.issuer = Some(issuer);
            options.settings = settings;
        })
        .await
    }
}

fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("{field}: {answer}")).to_owned()
}

fn admin() -> Value {
    json!({ "sub": "ada", "tenant": TENANT, "roles": ["admin"] })
}

fn with(changes: &Value) -> Value {
    let mut claims = admin();
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}

#[expect(clippy::disallowed_methods, reason = "tokens go by the system's time")]
fn in_seconds(seconds: i64) -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap() + seconds
}

async fn list(app: &TestApp, token: &str) -> Answer {
    app.send_as(token, Method::GET, LIST, None).await
}

#[tokio::test]
async fn another_issuers_good_tokens_are_believed_and_no_others() {
    let Some(mut issuer) = Elsewhere::start().await else {
        println!("{SKIPPED}");
        return;
    };
    let app = issuer.believed(Vec::new()).await;
    for claims in [
        admin(),
        with(&json!({ "roles": "admin" })),
        with(&json!({ "aud": ["another-api", "holdfast"] })),
        with(&json!({ "aud": null, "client_id": "holdfast" })),
        with(&json!({ "nbf": null, "iat": null })),
    ] {
        let token = issuer.token(claims.clone()).await;
        assert_eq!(list(&app, &token).await.expect(200), &json!({ "integrations": [] }), "{claims}");
    }
    for claims in [
        with(&json!({ "exp": in_seconds(-1) })),
        with(&json!({ "exp": null })),
        with(&json!({ "nbf": in_seconds(600) })),
        with(&json!({ "iat": in_seconds(600) })),
        with(&json!({ "aud": "another-api" })),
        with(&json!({ "aud": ["another-api"] })),
        with(&json!({ "aud": null })),
        with(&json!({ "aud": "another-api", "client_id": "holdfast" })),
        with(&json!({ "iss": "https://evil.example" })),
        with(&json!({ "iss": format!("{}/", issuer.url) })),
        with(&json!({ "sub": null })),
    ] {
        let token = issuer.token(claims.clone()).await;
        assert_eq!(list(&app, &token).await.status, 401, "{claims}");
    }
    for how in ["none", "unsigned", "hs256", "other key", "own key"] {
        let token = issuer.forged(how, admin()).await;
        assert_eq!(list(&app, &token).await.status, 401, "{how}");
    }
    // Another signed payload, and a signature with a letter changed.
    let (good, host) = (issuer.token(admin()).await, issuer.token(with(&json!({ "roles": ["host"] }))).await);
    let (head, signature) = host.rsplit_once('.').unwrap();
    let (_, signature_of_good) = good.rsplit_once('.').unwrap();
    let letter = if signature.starts_with('A') { "B" } else { "A" };
    for token in [format!("{head}.{signature_of_good}"), format!("{head}.{letter}{}", &signature[1..])] {
        assert_eq!(list(&app, &token).await.status, 401, "tampered with");
    }
    // This process's own issuer has nothing to say here, and does not say that it has.
    assert_eq!(app.local.admin_token(TENANT), "");
    let ready: Value = serde_json::from_str(&app.local.ready()).unwrap();
    assert_eq!(ready["admin_token"], Value::Null);
    assert_eq!(app.send(Method::GET, "/.well-known/jwks.json", None).await.status, 404);
}

#[tokio::test]
async fn an_issuer_may_sign_by_other_rsa_algorithms_but_by_no_others() {
    let Some(mut issuer) = Elsewhere::start().await else {
        println!("{SKIPPED}");
        return;
    };
    let mut keys = Vec::new();
    for algorithm in ["RS384", "RS512", "PS256", "ES256", "EdDSA"] {
        keys.push((algorithm, text(&issuer.ask(json!({ "key": algorithm })).await, "kid")));
    }
    let app = issuer.believed(Vec::new()).await;
    for (algorithm, kid) in keys {
        let token = issuer.token_of(&kid, admin()).await;
        let expected = if algorithm.starts_with("RS") { 200 } else { 401 };
        assert_eq!(list(&app, &token).await.status, expected, "{algorithm}");
    }
}

#[tokio::test]
async fn a_key_that_the_issuer_adds_is_found_and_one_that_it_drops_is_good_no_longer() {
    let Some(mut issuer) = Elsewhere::start().await else {
        println!("{SKIPPED}");
        return;
    };
    let app = issuer.believed(Vec::new()).await;
    let old = issuer.token(admin()).await;
    list(&app, &old).await.expect(200);
    let added = text(&issuer.ask(json!({ "key": "RS256" })).await, "kid");
    tokio::time::sleep(PAUSE).await;
    let new = issuer.token_of(&added, admin()).await;
    list(&app, &new).await.expect(200);
    list(&app, &old).await.expect(200);

    let back = issuer.ask(json!({ "restart": true })).await;
    assert_eq!(text(&back, "url"), issuer.url);
    issuer.kid = text(&back, "kid");
    tokio::time::sleep(PAUSE).await;
    let newest = issuer.token(admin()).await;
    list(&app, &newest).await.expect(200);
    for token in [old, new] {
        assert_eq!(list(&app, &token).await.status, 401);
    }
}

#[tokio::test]
async fn another_issuer_may_call_the_claims_otherwise() {
    let Some(mut issuer) = Elsewhere::start().await else {
        println!("{SKIPPED}");
        return;
    };
    let named = |(name, claim): (&str, &str)| (name.to_owned(), claim.to_owned());
    let settings =
        [(TENANT_CLAIM, "https://holdfast.example/org"), (ROLES_CLAIM, "scope"), (HOST_CLAIM, "employee")];
    let app = issuer.believed(settings.map(named).into()).await;
    let claims = |scope: &str, host: Value| json!({ "sub": "a", "https://holdfast.example/org": TENANT, "scope": scope, "employee": host });
    let admin = issuer.token(claims("openid admin", Value::Null)).await;
    list(&app, &admin).await.expect(200);
    let host = issuer.token(claims("openid host", json!(ADA))).await;
    list(&app, &host).await.expect(200);
    let nobody = issuer.token(claims("openid", json!(ADA))).await;
    list(&app, &nobody).await.expect_problem(403, "forbidden");
    let usual = issuer.token(self::admin()).await;
    list(&app, &usual).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_read_is_named_at_the_start() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let issuer = OtherIssuer { url: format!("http://127.0.0.1:{port}"), audience: "holdfast".to_owned() };
    let options = Options { port: 0, schedules: false, issuer: Some(issuer.clone()), ..Options::default() };
    let refused = Local::start(options).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("the issuer {} cannot be read", issuer.url)), "{refused}");
}

fn host_token(app: &TestApp, host: &str) -> String {
    app.local.token(json!({ "sub": host, "tenant": TENANT, "roles": ["host"], "host": host }))
}

#[tokio::test]
async fn a_host_connects_and_keeps_its_own_calendars() {
    let app = TestApp::without_stream().await;
    let grace_id = app.connect(GRACE, GRACE_ACCOUNT).await;
    let ada = host_token(&app, ADA);
    let connect = "/v1/integrations/google/connect";
    let other = json!({ "host": GRACE });
    app.send_as(&ada, Method::POST, connect, Some(&other)).await.expect_problem(404, "unknown-host");
    let started = app.send_as(&ada, Method::POST, connect, Some(&json!({ "host": ADA }))).await;
    let url = started.expect(200)["authorization_url"].as_str().unwrap().to_owned();
    let cookie = started.header("set-cookie").unwrap();
    let location = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    app.come_back(location.as_str(), cookie.split(';').next().unwrap()).await.expect(200);

    // She sees hers, asked for by name or not, and nobody else's.
    let ids = |answer: &Answer| -> Vec<Value> {
        let all = answer.expect(200)["integrations"].as_array().unwrap().clone();
        all.iter().map(|integration| integration["id"].clone()).collect()
    };
    let own = ids(&list(&app, &ada).await);
    assert_eq!(own.len(), 1);
    let named = app.send_as(&ada, Method::GET, &format!("{LIST}?host={ADA}"), None).await;
    assert_eq!(ids(&named), own);
    let others = app.send_as(&ada, Method::GET, &format!("{LIST}?host={GRACE}"), None).await;
    others.expect_problem(404, "unknown-host");
    let all = ids(&app.admin(Method::GET, LIST, None).await);
    assert_eq!(all.len(), 2, "an admin sees everybody's");

    let (own, grace) = (own[0].as_str().unwrap(), host_token(&app, GRACE));
    let before = app.integration(&grace_id).await;
    let acts = |id: &str| {
        [
            (Method::GET, format!("{LIST}/{id}"), None),
            (Method::GET, format!("{LIST}/{id}/calendars"), None),
            (Method::PATCH, format!("{LIST}/{id}"), Some(json!({ "enabled": true }))),
            (Method::POST, format!("{LIST}/{id}/sync"), None),
            (Method::DELETE, format!("{LIST}/{id}"), None),
        ]
    };
    for (method, path, body) in acts(&grace_id) {
        let answer = app.send_as(&ada, method, &path, body.as_ref()).await;
        answer.expect_problem(404, "unknown-integration");
        assert!(!answer.text.contains(GRACE_ACCOUNT) && !answer.text.contains(GRACE), "{}", answer.text);
    }
    assert_eq!(app.integration(&grace_id).await, before);
    for (method, path, body) in acts(own) {
        app.send_as(&grace, method.clone(), &path, body.as_ref())
            .await
            .expect_problem(404, "unknown-integration");
        app.send_as(&ada, method, &path, body.as_ref()).await.expect(200);
    }
    assert_eq!(app.integration(own).await["status"], "disconnected");
}

#[tokio::test]
async fn a_host_of_another_tenant_or_of_none_finds_nothing() {
    let app = TestApp::without_stream().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let elsewhere = json!({ "sub": "x", "tenant": "mallory", "roles": ["host"], "host": ADA });
    let elsewhere = app.local.token(elsewhere);
    let nobody = host_token(&app, "hst_nobody1");
    for token in [&elsewhere, &nobody] {
        list(&app, token).await.expect_problem(404, "unknown-host");
        let one = app.send_as(token, Method::GET, &format!("{LIST}/{id}"), None).await;
        one.expect_problem(404, "unknown-integration");
        let body = json!({ "host": ADA });
        let connect = app.send_as(token, Method::POST, "/v1/integrations/google/connect", Some(&body)).await;
        connect.expect_problem(404, "unknown-host");
    }
    assert_eq!(app.integrations(ADA).await.len(), 1, "nothing was begun");
}
