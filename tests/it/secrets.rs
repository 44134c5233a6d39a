//! Secrets: what a whole life of the product leaves in its table, its logs and its answers, searched for every
//! secret there was; and sealed values that were tampered with.
//!
//! A secret is looked for as it is, and in whatever is written in hex or base64, at any place in it.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chrono::TimeDelta;
use fakes::google::errors;
use fakes::{Fault, dynamodb};
use holdfast::domain::{IntegrationStatus, Scope};
use holdfast::flows::{Pulled, pull, sync_now};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, GRACE, GRACE_ACCOUNT, TENANT, TestApp};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;

/// Everything that this thread logs at `trace`, through the filter of the product, with its spans.
struct Logs {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Logs {
    /// From now on. A test runs on one thread, and so does all that it starts.
    fn capture() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = layer().json().with_span_events(FmtSpan::FULL).with_writer(move || writer.clone());
        let subscriber =
            tracing_subscriber::registry().with(holdfast::telemetry::filter("trace")).with(layer);
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

/// A place where no secret may stand: what is written there, and what that is the hex or base64 of. Each byte is
/// one letter, so that bytes can be searched as fast as text.
struct Place {
    name: &'static str,
    letters: String,
}

impl Place {
    fn new(name: &'static str, text: &str) -> Self {
        let mut place = Self { name, letters: String::new() };
        place.add(text.as_bytes());
        place.add(&percent_decoded(text));
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        for run in text.as_bytes().split(|byte| !is_letter(byte)).filter(|run| run.len() >= 16) {
            let plain = |byte: &u8| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            };
            let run: Vec<u8> = run.iter().map(plain).collect();
            // The run may begin and end with letters that do not belong to it.
            for skipped in 0..4 {
                let part = &run[skipped..];
                let whole = &part[..part.len() - part.len() % 4];
                place.add(&STANDARD.decode(whole).unwrap());
                place.add(&STANDARD_NO_PAD.decode(part).unwrap_or_default());
            }
        }
        place
    }

    fn add(&mut self, bytes: &[u8]) {
        self.letters.extend(bytes.iter().map(|byte| char::from(*byte)));
        self.letters.push('\u{2028}');
    }

    fn contains(&self, secret: &[u8]) -> bool {
        let hex = hex(secret);
        let letters: String = secret.iter().map(|byte| char::from(*byte)).collect();
        [letters, hex.to_uppercase(), hex].iter().any(|form| self.letters.contains(form.as_str()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// The text with its `%2F` read, wherever they stand.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let escaped = if *first == b'%' { digit(0).zip(digit(1)) } else { None };
        if let Some((high, low)) = escaped {
            bytes.push(u8::try_from(high * 16 + low).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// The table as it is, its binary values decoded.
async fn table(app: &TestApp) -> Place {
    let items = app.local.dynamodb.dump().await.unwrap();
    let mut place = Place::new("table", &json!(items).to_string());
    for value in items.iter().flat_map(|item| item.as_object().unwrap().values()) {
        if let Some(base64) = value["B"].as_str() {
            place.add(&STANDARD.decode(base64).unwrap());
        }
    }
    place
}

fn answers(app: &TestApp) -> Place {
    let text: String = app.heard().iter().map(|answer| answer.whole() + "\n").collect();
    Place::new("answers", &text)
}

/// What Google and KMS gave or were given in confidence.
fn of_providers(app: &TestApp) -> Vec<(String, Vec<u8>)> {
    let google = app.google().secrets();
    assert!(google.len() > 10, "a client secret, codes, verifiers and tokens: {google:?}");
    let google = google.into_iter().map(|text| {
        // The prefix by which a token is known does no harm, and could hide a differently spelled rest.
        let core = text.rsplit_once("fake-").map_or(text.as_str(), |(_, core)| core).to_owned();
        (text, core.into_bytes())
    });
    let keys = app.local.kms.secrets();
    assert!(!keys.is_empty());
    google.chain(keys.into_iter().map(|key| ("a data key".to_owned(), key))).collect()
}

#[track_caller]
fn assert_clean(places: &[&Place], secrets: &[(String, Vec<u8>)]) {
    let mut found = BTreeSet::new();
    for place in places {
        for (secret, bytes) in secrets {
            if place.contains(bytes) {
                found.insert(format!("{secret} in the {}", place.name));
            }
        }
    }
    assert_eq!(found, BTreeSet::new());
}

/// What clients are given to keep: holds, manage tokens, states, cookies, approvals.
#[derive(Default)]
struct Kept(Vec<(String, Vec<u8>)>);

impl Kept {
    fn keep(&mut self, what: &str, secret: &str) -> String {
        assert!(secret.len() >= 16, "{what}: {secret}");
        self.0.push((format!("{what} {secret}"), secret.as_bytes().to_vec()));
        secret.to_owned()
    }

    fn keep_field(&mut self, body: &Value, field: &str) -> String {
        self.keep(field, body[field].as_str().unwrap())
    }
}

/// By the browser that began, by another one with a click, and in vain. Gives Ada's integration, Grace's, and the
/// table as it was while Grace was asked.
async fn connect(app: &TestApp, kept: &mut Kept) -> (String, String, Place) {
    let (url, cookie) = app.begin_connect(ADA).await;
    kept.keep("cookie", cookie.split_once('=').unwrap().1);
    kept.keep("state", &state_of(&url));
    let location = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    app.come_back(location.as_str(), &cookie).await.expect(200);
    app.come_back(location.as_str(), &cookie).await.expect(410);
    let ada = app.integrations(ADA).await[0]["id"].as_str().unwrap().to_owned();

    let (url, _) = app.begin_connect(GRACE).await;
    let location = app.google().consent(&url, GRACE_ACCOUNT, &[]).unwrap();
    let page = app.come_back(location.as_str(), "none=0").await;
    let (_, token) = page.text.split_once("name=\"approve\" value=\"").unwrap();
    let token = kept.keep("approval", token.split_once('"').unwrap().0);
    let while_asked = table(app).await;
    assert!(while_asked.letters.contains("sealed") && while_asked.letters.contains("refresh"));
    let callback = format!("{}/v1/oauth/google/callback", app.local.url());
    app.answered(app.http().post(&callback).form(&[("approve", &token)])).await.expect(200);
    let grace = app.integrations(GRACE).await[0]["id"].as_str().unwrap().to_owned();

    let (url, cookie) = app.begin_connect(ADA).await;
    app.come_back(app.google().deny(&url).unwrap().as_str(), &cookie).await.expect(403);
    for fault in [errors::backend_error(500), Fault::CutAfter] {
        let (url, cookie) = app.begin_connect(ADA).await;
        let location = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
        app.google().faults.always("token", fault);
        app.come_back(location.as_str(), &cookie).await.expect(502);
        app.google().faults.clear();
    }
    let (url, cookie) = app.begin_connect(ADA).await;
    let state = state_of(&url);
    let stolen = format!("{callback}?state={state}&code=4/fake-code-of-somebody-else");
    app.come_back(&stolen, &cookie).await.expect(400);
    (ada, grace, while_asked)
}

/// Lists, holds, confirms, books, looks and cancels.
async fn book(app: &TestApp, kept: &mut Kept) {
    app.listing("intro", "2026-11-24", "2026-11-27", "America/Sao_Paulo").await.expect(200);
    let hold = app.hold("intro", "2026-11-24T11:00:00Z").await;
    let hold = kept.keep_field(hold.expect(201), "hold");
    let released = app.hold("intro", "2026-11-24T14:30:00Z").await;
    let released = kept.keep_field(released.expect(201), "hold");
    let path = format!("/v1/tenants/{TENANT}/holds/release");
    app.send(Method::POST, &path, Some(&json!({ "hold": released }))).await.expect(204);
    app.confirm(&released).await.expect_problem(404, "unknown-hold");
    let booking = app.confirm(&hold).await.expect(201).clone();
    kept.keep_field(&booking, "manage_token");
    let other = app.book_slot("office-hours", "2026-11-24T16:00:00Z").await.expect(201).clone();
    let manage = kept.keep_field(&other, "manage_token");
    let path = format!("/v1/tenants/{TENANT}/bookings/{}", other["id"].as_str().unwrap());
    app.send_as(&manage, Method::GET, &path, None).await.expect(200);
    app.send_as(&format!("{manage}x"), Method::GET, &path, None).await.expect(404);
    app.cancel(&booking).await.expect(200);
    app.local.drain().await;
}

/// Syncs and refreshes: well, throttled, refused, and with an answer that quotes a secret. A push that fails.
async fn sync(app: &TestApp, kept: &mut Kept, ada: &str) {
    app.sync(ada).await.expect(200);
    app.tick_for(2).await;
    app.pass(TimeDelta::minutes(56));
    app.sync(ada).await.expect(200);
    let quoting = json!({ "error": "invalid_request", "error_description": app.google().secrets().last() });
    app.pass(TimeDelta::hours(2));
    app.google().faults.next("token", Fault::json(400, &quoting));
    app.sync(ada).await.expect(200);
    for op in ["events.list", "freeBusy.query", "events.insert", "events.delete"] {
        app.google().faults.next(op, errors::too_many_429(Duration::from_mins(5)));
    }
    app.sync(ada).await.expect(200);
    app.google().expire_access_tokens();
    app.sync(ada).await.expect(200);
    app.google().faults.clear();
    app.google().faults.always("events.insert", errors::backend_error(500));
    let pending = app.book_slot("intro", "2026-11-25T14:00:00Z").await.expect(201).clone();
    assert_eq!(pending["calendar_sync"], "pending");
    kept.keep_field(&pending, "manage_token");
    app.google().faults.clear();
    app.local.dynamodb.faults.next("Query", dynamodb::internal_error());
    app.listing("intro", "2026-11-24", "2026-11-27", "UTC").await;
    app.tick_for(5).await;
}

/// A key that is refused: to a tenant who has none yet, and to a process that remembers none.
async fn lose_the_key(app: &TestApp, ada: &str) {
    app.local.kms.deny();
    let other_tenant = "other".parse().unwrap();
    app.copy_host(ADA, &other_tenant).await;
    let admin = app.local.admin_token("other");
    let connect = json!({ "host": ADA });
    app.send_as(&admin, Method::POST, "/v1/integrations/google/connect", Some(&connect))
        .await
        .expect_problem(500, "internal");
    let process = app.skewed(TimeDelta::hours(3));
    let id = ada.parse().unwrap();
    let integration = app.app().store.integration(&app.tenant(), &id).await.unwrap().unwrap();
    pull(&process, &integration).await.ok();
    app.local.kms.enable();
}

#[tokio::test]
async fn a_whole_life_leaves_no_secret_behind() {
    let logs = Logs::capture();
    let app = TestApp::start().await;
    let mut kept = Kept::default();
    let (ada, grace, while_asked) = connect(&app, &mut kept).await;
    book(&app, &mut kept).await;
    sync(&app, &mut kept, &ada).await;
    lose_the_key(&app, &ada).await;

    // A grant that is taken back, and a disconnect.
    app.google().revoke_grants(GRACE_ACCOUNT);
    app.pass(TimeDelta::minutes(3));
    app.tick().await;
    assert_eq!(app.integration(&grace).await["status"], "needs_reauth");
    let before_disconnect = table(&app).await;
    for id in [&ada, &grace] {
        app.admin(Method::DELETE, &format!("/v1/integrations/{id}"), None).await.expect(200);
    }
    app.local.drain().await;

    let (table, answers) = (table(&app).await, answers(&app));
    let text = logs.text();
    for expected in
        ["\"DEBUG\"", "called a calendar", "pull incomplete", "\"request\"", "the key service refused"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let logs = Place::new("logs", &text);
    let tables = [&while_asked, &before_disconnect, &table];
    assert_clean(&[&tables[..], &[&logs, &answers]].concat(), &of_providers(&app));
    assert_clean(&[&tables[..], &[&logs]].concat(), &kept.0);
    // Nor is a guest named in our lines; what the fakes say of the table stays on the laptop.
    let ours: Vec<_> = text.lines().filter(|line| !line.contains("\"target\":\"fakes")).collect();
    let guest = [("the guest's address".to_owned(), b"mary@example.com".to_vec())];
    assert_clean(&[&Place::new("logs", &ours.join("\n"))], &guest);
}

#[tokio::test]
async fn a_secret_that_is_planted_is_found() {
    let logs = Logs::capture();
    let app = TestApp::start().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    let secrets = app.google().secrets();
    let token = secrets.iter().find(|secret| secret.starts_with("ya29.")).unwrap();
    let core = token.rsplit_once("fake-").unwrap().1.as_bytes();
    let key = app.local.kms.secrets()[0].clone();
    let hex = hex(&key);

    // In the forms in which things are written down.
    let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    for text in [
        format!("Authorization: Bearer {token}"),
        format!("{{\"token\":\"{}\"}}", STANDARD.encode(token)),
        format!("blob{}", url_safe.encode(format!("x{{\"access\":\"{token}\"}}"))),
        url::form_urlencoded::byte_serialize(token.as_bytes()).collect(),
    ] {
        assert!(Place::new("text", &text).contains(core), "{text}");
    }
    for text in [STANDARD.encode(&key), url_safe.encode(&key), hex] {
        assert!(Place::new("text", &format!("key={text};")).contains(&key), "{text}");
    }

    // In the places that are searched. What the libraries print is kept out of the logs, unless it matters.
    assert!(!Place::new("logs", &logs.text()).contains(core));
    tracing::trace!(target: "hyper::proto", token);
    tracing::debug!(target: "aws_smithy_runtime::client", token);
    tracing::trace!(target: "lambda_runtime::layers", token);
    assert!(!Place::new("logs", &logs.text()).contains(core));
    let span = tracing::trace_span!("call", token);
    span.in_scope(|| ());
    drop(span);
    assert!(Place::new("logs", &logs.text()).contains(core), "a field of a span");

    assert!(!table(&app).await.contains(core));
    let item = json!({
        "pk": { "S": "T#demo" }, "sk": { "S": "PLANTED" }, "bytes": { "B": STANDARD.encode(token) },
    });
    put(&app, item).await;
    assert!(table(&app).await.contains(core));

    assert!(!answers(&app).contains(core));
    let path = format!("/v1/integrations?host={token}");
    app.answered(app.http().get(format!("{}/o/oauth2/{token}", app.google().url()))).await;
    app.admin(Method::GET, &path, None).await;
    assert!(!answers(&app).contains(core), "what was wrong with a field is said, not what stood in it");
}

fn state_of(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

async fn put(app: &TestApp, item: Value) {
    let request = json!({ "TableName": app.app().config.table, "Item": item });
    app.local.dynamodb.set_up("PutItem", request).await.unwrap();
}

/// The stored item with this key.
async fn item(app: &TestApp, partition: &str, sort: &str) -> Value {
    let items = app.local.dynamodb.dump().await.unwrap();
    let is_it = |item: &&Value| {
        let text = |name: &str| item[name]["S"].as_str().unwrap();
        text("pk") == partition && text("sk") == sort
    };
    items.iter().find(is_it).expect("an item").clone()
}

/// The table's row with the tokens of a host's integration.
async fn row(app: &TestApp, host: &str, integration: &str) -> Value {
    item(app, &format!("T#{TENANT}#H#{host}"), &format!("HOSTCRED#{integration}")).await
}

/// Nothing of the account is reached, and the integration says that something is wrong with it.
async fn assert_does_not_open(app: &TestApp, id: &str, what: &str) {
    app.google().faults.take_calls();
    let sync = app.sync(id).await;
    assert_eq!(sync.expect(200)["outcome"], "incomplete", "{what}");
    assert_eq!(sync.body["integration"]["status"], "error", "{what}");
    assert_eq!(sync.body["integration"]["last_sync_error"], "a sealed value does not open", "{what}");
    let path = format!("/v1/integrations/{id}/calendars");
    app.admin(Method::GET, &path, None).await.expect_problem(500, "internal");
    let calls = app.google().faults.take_calls();
    assert!(calls.iter().all(|call| call.op == "token"), "{what}: {calls:?}");
}

#[tokio::test]
async fn a_flipped_byte_opens_nothing() {
    let app = TestApp::without_stream().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let good = row(&app, ADA, &id).await;
    let sealed = STANDARD.decode(good["access"]["B"].as_str().unwrap()).unwrap();
    for at in [0, 4, 5, 17, sealed.len() / 2, sealed.len() - 1] {
        let mut broken = sealed.clone();
        broken[at] ^= 1;
        let mut item = row(&app, ADA, &id).await;
        item["access"] = json!({ "B": STANDARD.encode(broken) });
        put(&app, item).await;
        assert_does_not_open(&app, &id, &format!("byte {at}")).await;
    }
    let mut item = row(&app, ADA, &id).await;
    item["access"] = good["access"].clone();
    put(&app, item).await;
    assert_eq!(app.sync(&id).await.expect(200)["outcome"], "done");
}

#[tokio::test]
async fn a_swapped_row_opens_no_other_account() {
    let app = TestApp::without_stream().await;
    let (ada, grace) = (app.connect(ADA, ADA_ACCOUNT).await, app.connect(GRACE, GRACE_ACCOUNT).await);
    let (mut adas, mut graces) = (row(&app, ADA, &ada).await, row(&app, GRACE, &grace).await);
    for field in ["access", "refresh"] {
        let taken = adas[field].take();
        adas[field] = graces[field].take();
        graces[field] = taken;
    }
    put(&app, adas).await;
    put(&app, graces).await;
    assert_does_not_open(&app, &ada, "Grace's tokens").await;
    assert_does_not_open(&app, &grace, "Ada's tokens").await;

    // When the access token has ended, the refresh token does not open either.
    app.pass(TimeDelta::hours(2));
    assert_does_not_open(&app, &ada, "Grace's refresh token").await;
    let listing = app.listing("intro", "2026-11-24", "2026-11-25", "UTC").await;
    assert_eq!(listing.expect(200)["reason"], "calendar-unavailable");
}

#[tokio::test]
async fn a_token_in_the_place_of_the_other_opens_nothing() {
    let app = TestApp::without_stream().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let mut item = row(&app, ADA, &id).await;
    item["access"] = item["refresh"].clone();
    put(&app, item).await;
    assert_does_not_open(&app, &id, "the refresh token as access token").await;
}

/// Another tenant with a host of the same id, connected to another account under the same integration id.
async fn two_tenants() -> (TestApp, String) {
    let app = TestApp::without_stream().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.copy_host(ADA, &"other".parse().unwrap()).await;
    let admin = app.local.admin_token("other");
    let started = app
        .send_as(&admin, Method::POST, "/v1/integrations/google/connect", Some(&json!({ "host": ADA })))
        .await;
    let url = started.expect(200)["authorization_url"].as_str().unwrap();
    let location = app.google().consent(url, GRACE_ACCOUNT, &[]).unwrap();
    app.come_back(location.as_str(), &started.header("set-cookie").unwrap()).await.expect(200);
    (app, id)
}

#[tokio::test]
async fn another_tenants_sealed_tokens_open_nothing_even_under_the_same_names() {
    let (app, id) = two_tenants().await;
    let theirs = app.local.dynamodb.dump().await.unwrap();
    let theirs = theirs
        .iter()
        .find(|item| item["pk"]["S"] == format!("T#other#H#{ADA}") && item.get("refresh").is_some())
        .unwrap();
    let mut ours = row(&app, ADA, &id).await;
    for field in ["access", "refresh"] {
        ours[field] = theirs[field].clone();
    }
    put(&app, ours).await;
    assert_does_not_open(&app, &id, "another tenant's tokens").await;
}

#[tokio::test]
async fn another_tenants_data_key_opens_nothing() {
    let (app, id) = two_tenants().await;
    let mut key = item(&app, "T#other", "DATAKEY#000001").await;
    key["pk"] = json!({ "S": format!("T#{TENANT}") });
    put(&app, key).await;
    // A process that does not remember the key has to ask KMS, which is told whose it is to be.
    let process = app.skewed(TimeDelta::zero());
    app.google().faults.take_calls();
    let (after, pulled) =
        sync_now(&process, &Scope::Tenant(app.tenant()), &id.parse().unwrap()).await.unwrap();
    assert_eq!(pulled, Pulled::Incomplete);
    assert_eq!(after.integration.status, IntegrationStatus::Error);
    assert!(after.integration.sync.last_error.unwrap().contains("the key service refused"));
    assert_eq!(app.google().faults.take_calls(), []);
}

#[tokio::test]
async fn while_the_key_service_refuses_an_integration_says_so_and_recovers() {
    let app = TestApp::without_stream().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.local.kms.deny();
    let process = app.skewed(TimeDelta::zero());
    let (scope, integration) = (Scope::Tenant(app.tenant()), id.parse().unwrap());
    for refused in [true, true, false] {
        if !refused {
            app.local.kms.enable();
        }
        let (after, pulled) = sync_now(&process, &scope, &integration).await.unwrap();
        assert_eq!(pulled == Pulled::Incomplete, refused, "{pulled:?}");
        let shown = app.integration(&id).await;
        assert_eq!(shown["status"], if refused { "error" } else { "connected" });
        assert_eq!(shown["last_sync_error"].is_string(), refused, "{shown}");
        assert!(after.integration.sync.due_at.is_some(), "it is tried again");
    }
}
