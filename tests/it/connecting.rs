//! Connecting a calendar, as the people in it live it: an admin who sends a link, a host at Google's consent
//! page, a stranger with somebody else's link.

use std::time::Duration;

use chrono::TimeDelta;
use fakes::google::{EventSpec, errors};
use fakes::{Fault, When};
use holdfast::config::RETURN_TO;
use holdfast::http::auth::Cookie;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, GRACE, GRACE_ACCOUNT, TENANT, TestApp};
use url::Url;

const CALLBACK: &str = "/v1/oauth/google/callback";
const FAMILY: &str = "family.ada@group.calendar.google.com";
const BACK: &str = "https://app.example/integrations";

async fn start() -> TestApp {
    TestApp::without_stream().await
}

/// A deployment that may send browsers on to its console.
async fn with_console() -> TestApp {
    let settings = vec![(RETURN_TO.to_owned(), format!("{BACK} http://localhost:5173"))];
    TestApp::with(|options| {
        options.stream = false;
        options.settings = settings;
    })
    .await
}

async fn ask_to_connect(app: &TestApp, body: &Value) -> Answer {
    app.admin(Method::POST, "/v1/integrations/google/connect", Some(body)).await
}

/// Consent by Ada, who ticks everything.
fn allow(app: &TestApp, url: &str) -> String {
    app.google().consent(url, ADA_ACCOUNT, &[]).unwrap().into()
}

/// A browser that opens a URL without any cookie.
async fn open(app: &TestApp, url: &str) -> Answer {
    app.answered(app.http().get(url)).await
}

async fn post_form(app: &TestApp, url: &str, fields: &[(String, String)]) -> Answer {
    app.answered(app.http().post(url).form(fields)).await
}

async fn click(app: &TestApp, token: &str) -> Answer {
    let fields = [("approve".to_owned(), token.to_owned())];
    post_form(app, &format!("{}{CALLBACK}", app.local.url()), &fields).await
}

/// A page that says what went wrong, by its code.
#[track_caller]
fn assert_page(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type").as_deref(), Some("text/html; charset=utf-8"));
    assert!(answer.text.contains("was not connected"), "{}", answer.text);
    assert!(answer.text.contains(&format!("<p class=\"code\">{code}</p>")), "{code}: {}", answer.text);
}

fn state_of(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

/// The fields that a browser would send of a page's form: hidden ones, ticked ones, the chosen account.
pub(crate) fn fields_of(html: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(unescape(rest.split_once('"')?.0))
    };
    let tags = html.split("<input ").skip(1).map(|rest| format!(" {}", rest.split_once('>').unwrap().0));
    let sent = tags.filter(|tag| tag.contains("type=\"hidden\"") || tag.ends_with(" checked"));
    sent.filter_map(|tag| Some((attribute(&tag, "name")?, attribute(&tag, "value")?))).collect()
}

fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

pub(crate) fn approval_of(page: &Answer) -> String {
    let fields = fields_of(&page.text);
    let [(name, token)] = fields.as_slice() else { panic!("{fields:?}") };
    assert_eq!(name, "approve");
    token.clone()
}

#[tokio::test]
async fn a_host_connects_a_calendar_by_hand() {
    let app = start().await;
    let started = ask_to_connect(&app, &json!({ "host": ADA })).await;
    let url = started.expect(200)["authorization_url"].as_str().unwrap().to_owned();
    assert_eq!(started.body["expires_at"], "2026-11-23T06:10:00Z");
    let cookie = started.header("set-cookie").unwrap();

    // The consent page, and the form on it as the host sends it.
    let page = open(&app, &url).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let mut fields = fields_of(&page.text);
    assert!(fields.contains(&("account".to_owned(), ADA_ACCOUNT.to_owned())), "{fields:?}");
    assert_eq!(fields.iter().filter(|(name, _)| name == "scope").count(), 3, "{fields:?}");
    fields.push(("decision".to_owned(), "allow".to_owned()));
    let form = Url::parse(&url).unwrap().join("/o/oauth2/v2/auth/decision").unwrap();
    let decided = post_form(&app, form.as_str(), &fields).await;
    assert_eq!(decided.status, 302, "{}", decided.text);
    let location = decided.header("location").unwrap();
    assert!(location.starts_with(&format!("{}{CALLBACK}?", app.local.url())), "{location}");

    let done = app.come_back(&location, cookie.split(';').next().unwrap()).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.text.contains("Calendar connected") && done.text.contains(ADA_ACCOUNT), "{}", done.text);
    let integrations = app.integrations(ADA).await;
    let [integration] = integrations.as_slice() else { panic!("{integrations:?}") };
    assert_eq!(integration["status"], "connected");
}

#[tokio::test]
async fn the_link_asks_for_as_little_as_possible_and_for_what_lasts() {
    let app = start().await;
    let (url, _) = app.begin_connect(ADA).await;
    let url = Url::parse(&url).unwrap();
    let asked = |name: &str| {
        let values: Vec<_> =
            url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value).collect();
        let [value] = values.as_slice() else { panic!("{name}: {values:?}") };
        value.to_string()
    };
    assert!(url.as_str().starts_with(&app.google().url()));
    assert_eq!(asked("redirect_uri"), format!("{}{CALLBACK}", app.local.url()));
    let scopes = asked("scope");
    let mut scopes: Vec<_> = scopes.split(' ').map(|scope| scope.rsplit('/').next().unwrap()).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["calendar.calendarlist.readonly", "calendar.events.owned", "calendar.freebusy"]);
    assert_eq!((asked("access_type"), asked("prompt")), ("offline".to_owned(), "consent".to_owned()));
    assert_eq!((asked("code_challenge_method"), asked("code_challenge").len()), ("S256".to_owned(), 43));
    assert!(asked("state").len() >= 43, "256 bits");
    let (other, _) = app.begin_connect(ADA).await;
    assert_ne!(state_of(url.as_str()), state_of(&other));
}

#[tokio::test]
async fn the_cookie_is_for_the_callback_alone() {
    let app = start().await;
    let started = ask_to_connect(&app, &json!({ "host": ADA })).await;
    let cookie = started.header("set-cookie").unwrap();
    let (value, attributes) = cookie.split_once("; ").unwrap();
    assert!(value.starts_with("holdfast_oauth=") && value.len() > 30, "{cookie}");
    assert_eq!(attributes, "Path=/v1/oauth; Max-Age=600; HttpOnly; SameSite=Lax");
    assert!(!started.text.contains(&value["holdfast_oauth=".len()..]), "the body does not repeat it");
    let secure = Cookie::oauth("x", "https://api.example");
    assert_eq!(secure, "holdfast_oauth=x; Path=/v1/oauth; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
}

#[tokio::test]
async fn the_browser_goes_on_to_an_address_on_the_list() {
    let app = with_console().await;
    let back = format!("{BACK}/ada?tab=calendars");
    let started = ask_to_connect(&app, &json!({ "host": ADA, "return_to": back })).await;
    let url = started.expect(200)["authorization_url"].as_str().unwrap().to_owned();
    let cookie = started.header("set-cookie").unwrap();
    let done = app.come_back(&allow(&app, &url), cookie.split(';').next().unwrap()).await;
    assert_eq!((done.status, done.header("location")), (303, Some(back)));
    assert_eq!(app.integrations(ADA).await[0]["status"], "connected");
}

#[tokio::test]
async fn an_address_that_is_not_on_the_list_is_refused_at_the_start() {
    let app = with_console().await;
    let elsewhere = [
        "https://evil.example/",
        "https://app.example/",
        "https://app.example/integrations-of-mallory",
        "https://app.example/integrations/../admin",
        "https://app.example@evil.example/integrations",
        "http://app.example/integrations",
        "https://app.example.evil.example/integrations",
        "javascript:alert(1)",
        "//app.example/integrations",
    ];
    for url in elsewhere {
        let refused = ask_to_connect(&app, &json!({ "host": ADA, "return_to": url })).await;
        refused.expect_problem(422, "return-not-allowed");
        assert_eq!(refused.wrong_fields(), ["return_to"], "{url}");
        assert_eq!(refused.header("set-cookie"), None);
    }
    assert_eq!(app.integrations(ADA).await, Vec::<Value>::new());
    let app = start().await;
    let refused = ask_to_connect(&app, &json!({ "host": ADA, "return_to": BACK })).await;
    refused.expect_problem(422, "return-not-allowed");
}

#[tokio::test]
async fn a_browser_that_did_not_begin_is_asked_first() {
    let app = with_console().await;
    let started = ask_to_connect(&app, &json!({ "host": ADA, "return_to": BACK })).await;
    let url = started.expect(200)["authorization_url"].as_str().unwrap().to_owned();
    let page = open(&app, &allow(&app, &url)).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for named in [TENANT, "Ada Lovelace", ADA_ACCOUNT] {
        assert!(page.text.contains(&format!("<strong>{named}</strong>")), "{named}: {}", page.text);
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("form-action 'self' https://app.example"), "{policy}");
    assert_eq!(page.header("x-frame-options").as_deref(), Some("DENY"));
    assert_eq!(page.header("referrer-policy").as_deref(), Some("no-referrer"));
    assert_eq!(page.header("cache-control").as_deref(), Some("no-store"));

    // Nothing is stored before the click.
    let waiting = app.integrations(ADA).await[0].clone();
    assert_eq!((&waiting["status"], &waiting["account"]), (&json!("pending"), &Value::Null));
    app.tick_for(3).await;
    assert_eq!(app.integrations(ADA).await[0], waiting);

    let token = approval_of(&page);
    let done = click(&app, &token).await;
    assert_eq!((done.status, done.header("location").as_deref()), (303, Some(BACK)));
    let connected = app.integrations(ADA).await[0].clone();
    assert_eq!((&connected["status"], &connected["account"]), (&json!("connected"), &json!(ADA_ACCOUNT)));
    assert_eq!(connected["id"], waiting["id"]);

    // The token works once.
    assert_page(&click(&app, &token).await, 410, "unknown-state");
    assert_eq!(app.integrations(ADA).await[0], connected);
}

#[tokio::test]
async fn the_cookie_of_another_link_does_not_spare_the_question() {
    let app = start().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let (other_url, _) = app.begin_connect(GRACE).await;
    let page = app.come_back(&allow(&app, &other_url), &cookie).await;
    assert!(page.text.contains("<strong>Grace Hopper</strong>"), "{}", page.text);
    assert_eq!(click(&app, &approval_of(&page)).await.status, 200);
    app.come_back(&allow(&app, &url), "holdfast_oauth=").await.expect(200);
    assert_eq!(app.integrations(ADA).await[0]["status"], "pending", "an empty cookie is none");
}

#[tokio::test]
async fn a_question_that_is_not_answered_in_time_is_withdrawn() {
    let app = start().await;
    let (url, _) = app.begin_connect(ADA).await;
    app.pass(TimeDelta::minutes(9));
    let token = approval_of(&open(&app, &allow(&app, &url)).await);
    app.pass(TimeDelta::minutes(2));
    assert_page(&click(&app, &token).await, 410, "unknown-state");
    assert_eq!(app.integrations(ADA).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_link_works_once() {
    let app = start().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let location = allow(&app, &url);
    app.come_back(&location, &cookie).await.expect(200);
    let connected = app.integrations(ADA).await;
    assert_page(&app.come_back(&location, &cookie).await, 410, "unknown-state");
    let again = allow(&app, &url);
    assert_page(&app.come_back(&again, &cookie).await, 410, "unknown-state");
    assert_eq!(app.integrations(ADA).await, connected);
}

#[tokio::test]
async fn a_link_works_for_ten_minutes() {
    let app = start().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    app.pass(TimeDelta::minutes(11));
    let late = app.come_back(&allow(&app, &url), &cookie).await;
    assert_page(&late, 410, "unknown-state");
    assert!(late.text.contains("Ask for a new link"), "{}", late.text);
    assert_eq!(app.integrations(ADA).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_state_that_was_never_issued_leads_nowhere() {
    let app = start().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let location = allow(&app, &url);
    let state = state_of(&location);
    let callback = format!("{}{CALLBACK}", app.local.url());
    for query in ["state=never-issued&code=x".to_owned(), format!("state={state}x&code=x")] {
        assert_page(&app.come_back(&format!("{callback}?{query}"), &cookie).await, 410, "unknown-state");
    }
    for query in ["", "code=x", "state=", "state=a&state=b&code=x"] {
        assert_page(&app.come_back(&format!("{callback}?{query}"), &cookie).await, 422, "validation");
    }
    // A provider that is not the state's own, or none at all.
    let foreign = location.replace("/oauth/google/", "/oauth/microsoft/");
    assert_page(&app.come_back(&foreign, &cookie).await, 404, "unknown-provider");
    // None of this has used the link up.
    app.come_back(&location, &cookie).await.expect(200);
    assert_eq!(app.integrations(ADA).await[0]["status"], "connected");
}

#[tokio::test]
async fn a_state_is_no_approval_and_an_approval_no_state() {
    let app = start().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    assert_page(&click(&app, &state_of(&url)).await, 410, "unknown-state");
    assert_page(&app.come_back(&allow(&app, &url), &cookie).await, 410, "unknown-state");

    let (url, cookie) = app.begin_connect(ADA).await;
    let token = approval_of(&open(&app, &allow(&app, &url)).await);
    let (other, _) = app.begin_connect(ADA).await;
    let location = allow(&app, &other).replace(&state_of(&other), &token);
    assert_page(&app.come_back(&location, &cookie).await, 410, "unknown-state");
    assert_page(&click(&app, &token).await, 410, "unknown-state");
    assert!(app.integrations(ADA).await.iter().all(|integration| integration["status"] == "pending"));
}

#[tokio::test]
async fn a_code_that_is_not_the_links_own_is_refused() {
    let app = start().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let (other, _) = app.begin_connect(ADA).await;
    // Somebody else's consent under this browser's state: the verifier does not fit.
    let location = allow(&app, &other).replace(&state_of(&other), &state_of(&url));
    assert_page(&app.come_back(&location, &cookie).await, 400, "code-refused");
    assert!(app.integrations(ADA).await.iter().all(|integration| integration["status"] == "pending"));
}

#[tokio::test]
async fn a_host_may_say_no() {
    let app = with_console().await;
    let started = ask_to_connect(&app, &json!({ "host": ADA, "return_to": BACK })).await;
    let url = started.expect(200)["authorization_url"].as_str().unwrap().to_owned();
    let location = app.google().deny(&url).unwrap();
    let page = open(&app, location.as_str()).await;
    assert_page(&page, 403, "consent-denied");
    assert!(page.text.contains("Nothing was connected"), "{}", page.text);
    assert_page(&open(&app, location.as_str()).await, 410, "unknown-state");

    let (url, _) = app.begin_connect(ADA).await;
    let other = format!("{}{CALLBACK}?state={}&error=%3Cb%3Eserver_error", app.local.url(), state_of(&url));
    let page = open(&app, &other).await;
    assert_page(&page, 400, "provider-error");
    assert!(!page.text.contains("server_error"), "the provider's words are not shown: {}", page.text);
}

#[tokio::test]
async fn an_unticked_permission_is_explained_and_connects_nothing() {
    for scope in ["calendar.freebusy", "calendar.events.owned", "calendar.calendarlist.readonly"] {
        let app = start().await;
        let (url, cookie) = app.begin_connect(ADA).await;
        let location = app.google().consent(&url, ADA_ACCOUNT, &[scope]).unwrap();
        let page = app.come_back(location.as_str(), &cookie).await;
        assert_page(&page, 403, "missing-scopes");
        assert!(page.text.contains("leave every box ticked"), "{}", page.text);
        let items = app.local.dynamodb.dump().await.unwrap();
        assert!(items.iter().all(|item| item.get("refresh").is_none()), "nothing of it is kept");
        let waiting = app.integrations(ADA).await[0].clone();
        assert_eq!((&waiting["status"], &waiting["account"]), (&json!("pending"), &Value::Null));
        assert_eq!(app.starts("intro", "2026-11-24", "2026-11-25").await.len(), 31, "and blocks nothing");
        // The next try, with everything ticked.
        app.connect(ADA, ADA_ACCOUNT).await;
    }
}

#[tokio::test]
async fn a_link_in_vain_leaves_what_is_connected_alone() {
    let app = start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    // As if Google did not add the scopes that were granted before.
    let granted = "https://www.googleapis.com/auth/calendar.freebusy";
    let poor = json!({
        "access_token": "ya29.poor", "refresh_token": "1//poor", "expires_in": 3599, "token_type": "Bearer",
        "scope": granted,
    });
    let (url, cookie) = app.begin_connect(GRACE).await;
    app.google().faults.next("token", Fault::json(200, &poor));
    let page = app.come_back(&allow(&app, &url), &cookie).await;
    assert_page(&page, 403, "missing-scopes");
    assert_eq!(app.sync(&id).await.expect(200)["outcome"], "done");
}

#[tokio::test]
async fn google_that_does_not_answer_is_not_the_hosts_fault() {
    for op in ["token", "calendarList.get"] {
        let app = start().await;
        app.google().faults.always(op, errors::too_many_429(Duration::from_mins(10)));
        let (url, cookie) = app.begin_connect(ADA).await;
        let page = app.come_back(&allow(&app, &url), &cookie).await;
        assert_page(&page, 502, "calendar-error");
        app.google().faults.clear();
        app.connect(ADA, ADA_ACCOUNT).await;
    }
}

#[tokio::test]
async fn an_integration_says_where_it_stands() {
    let app = start().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let pending = app.integrations(ADA).await[0].clone();
    let id = pending["id"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": id, "host": ADA, "provider": "google", "account": null, "status": "pending", "enabled": true,
        "target_calendar": null, "conflict_calendars": [], "last_sync_at": null, "last_sync_range": null,
        "last_sync_error": null, "next_sync_at": null,
    });
    assert_eq!(pending, expected);
    assert_eq!(app.integration(&id).await, expected);

    app.come_back(&allow(&app, &url), &cookie).await.expect(200);
    // Today, the longest window of Ada's event types (60 days), and room for the longest claim.
    let connected = json!({
        "id": id, "host": ADA, "provider": "google", "account": ADA_ACCOUNT, "status": "connected",
        "enabled": true, "target_calendar": ADA_ACCOUNT, "conflict_calendars": [ADA_ACCOUNT],
        "last_sync_at": "2026-11-23T06:00:00Z",
        "last_sync_range": { "from": "2026-11-23T00:00:00Z", "to": "2027-01-23T00:00:00Z" },
        "last_sync_error": null, "next_sync_at": "2026-11-23T06:02:00Z",
    });
    assert_eq!(app.integration(&id).await, connected);

    app.google().break_calendar(ADA_ACCOUNT, "notFound");
    app.tick_for(2).await;
    let failed = app.integration(&id).await;
    assert_eq!(failed["status"], "error");
    assert_eq!(failed["last_sync_error"], "the calendar knows no such thing");
    assert_eq!(failed["last_sync_at"], "2026-11-23T06:02:00Z");
    assert_eq!(failed["last_sync_range"], connected["last_sync_range"]);
    let next = failed["next_sync_at"].as_str().unwrap();
    // After 15 to 30 seconds, rounded up to a whole second: the clock stands between two.
    assert!(("2026-11-23T06:02:16Z"..="2026-11-23T06:02:31Z").contains(&next), "{next}");

    app.google().mend_calendar(ADA_ACCOUNT);
    app.google().revoke_grants(ADA_ACCOUNT);
    app.tick_for(1).await;
    let dead = app.integration(&id).await;
    assert_eq!(dead["status"], "needs_reauth");
    assert!(dead["last_sync_error"].as_str().unwrap().contains("connect the account again"), "{dead}");

    let gone = app.admin(Method::DELETE, &format!("/v1/integrations/{id}"), None).await;
    assert_eq!(gone.expect(200)["status"], "disconnected");
    for field in ["last_sync_range", "last_sync_error", "next_sync_at"] {
        assert_eq!(gone.body[field], Value::Null, "{field}");
    }
}

#[tokio::test]
async fn what_waits_for_a_host_who_never_comes_is_forgotten() {
    let app = start().await;
    app.begin_connect(ADA).await;
    let id = app.integrations(ADA).await[0]["id"].as_str().unwrap().to_owned();
    app.pass(TimeDelta::seconds(599));
    assert_eq!(app.integrations(ADA).await.len(), 1);
    app.pass(TimeDelta::seconds(1));
    assert_eq!(app.integrations(ADA).await, Vec::<Value>::new());
    let path = format!("/v1/integrations/{id}");
    app.admin(Method::GET, &path, None).await.expect_problem(404, "unknown-integration");
}

#[tokio::test]
async fn what_waits_can_be_looked_at_and_taken_back() {
    let app = start().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let id = app.integrations(ADA).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/integrations/{id}");
    app.admin(Method::GET, &format!("{path}/calendars"), None).await.expect_problem(409, "not-connected");
    app.sync(&id).await.expect_problem(409, "not-connected");
    let target = json!({ "target_calendar": ADA_ACCOUNT });
    app.admin(Method::PATCH, &path, Some(&target)).await.expect_problem(409, "not-connected");
    assert_eq!(app.starts("intro", "2026-11-24", "2026-11-25").await.len(), 31, "and it blocks nothing");

    assert_eq!(app.admin(Method::DELETE, &path, None).await.expect(200)["status"], "disconnected");
    assert_page(&app.come_back(&allow(&app, &url), &cookie).await, 410, "unknown-state");
    assert_eq!(app.integration(&id).await["status"], "disconnected");
}

#[tokio::test]
async fn the_calendars_of_an_account_are_listed_as_google_has_them() {
    let app = start().await;
    app.google().add_calendar(ADA_ACCOUNT, "en.uk#holiday@group.v.calendar.google.com", "Holidays", "reader");
    app.google().add_calendar(ADA_ACCOUNT, "team@group.calendar.google.com", "Team", "writer");
    app.google().set_page_size(2);
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let answer = app.admin(Method::GET, &format!("/v1/integrations/{id}/calendars"), None).await;
    let calendars = answer.expect(200)["calendars"].as_array().unwrap();
    assert_eq!(calendars.len(), 4);
    let main = calendars.iter().find(|calendar| calendar["id"] == ADA_ACCOUNT).unwrap();
    assert_eq!((&main["primary"], &main["writable"]), (&json!(true), &json!(true)));
    assert_eq!(main["time_zone"], "Europe/London");
    let writable = |name: &str| {
        let calendar = calendars.iter().find(|calendar| calendar["name"] == name).unwrap();
        assert_eq!(calendar["primary"], false);
        calendar["writable"].as_bool().unwrap()
    };
    assert!(writable("Family"));
    assert!(!writable("Holidays"));
    assert!(!writable("Team"), "our permission reaches the account's own calendars");
}

#[tokio::test]
async fn settings_name_calendars_that_are_there_and_can_be_written() {
    let app = start().await;
    let holidays = "en.uk#holiday@group.v.calendar.google.com";
    app.google().add_calendar(ADA_ACCOUNT, holidays, "Holidays", "reader");
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let path = format!("/v1/integrations/{id}");
    let before = app.integration(&id).await;
    let many: Vec<String> = (0..51).map(|number| format!("calendar{number}@example.com")).collect();
    let refused = [
        (json!({ "target_calendar": "nobody@example.com" }), "unknown-calendar", "target_calendar"),
        (json!({ "target_calendar": holidays }), "read-only-calendar", "target_calendar"),
        (
            json!({ "conflict_calendars": [ADA_ACCOUNT, "nobody@example.com"] }),
            "unknown-calendar",
            "conflict_calendars",
        ),
        (json!({ "conflict_calendars": many }), "too-many-calendars", "conflict_calendars"),
        (json!({ "enabled": "yes" }), "validation", "enabled"),
        (json!({ "conflict_calendars": ADA_ACCOUNT }), "validation", "conflict_calendars"),
        (json!({ "status": "connected" }), "validation", "status"),
    ];
    for (settings, code, field) in refused {
        let answer = app.admin(Method::PATCH, &path, Some(&settings)).await;
        answer.expect_problem(422, code);
        assert_eq!(answer.wrong_fields(), [field], "{settings}");
    }
    assert_eq!(app.admin(Method::PATCH, &path, Some(&json!({}))).await.expect(200), &before);

    let settings = json!({
        "target_calendar": FAMILY, "conflict_calendars": [holidays, FAMILY, ADA_ACCOUNT, FAMILY],
    });
    let changed = app.admin(Method::PATCH, &path, Some(&settings)).await;
    assert_eq!(changed.expect(200)["target_calendar"], FAMILY);
    assert_eq!(changed.body["conflict_calendars"], json!([ADA_ACCOUNT, holidays, FAMILY]), "each once");
    assert_eq!(changed.body["last_sync_range"], before["last_sync_range"], "read anew at once");

    // A booking goes where the settings say.
    let booking = app.book_slot("intro", "2026-11-24T11:00:00Z").await;
    assert_eq!(booking.expect(201)["calendar_event"]["calendar"], FAMILY);
    assert_eq!(
        (app.our_events(ADA_ACCOUNT, FAMILY).len(), app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len()),
        (1, 0)
    );

    let off = app.admin(Method::PATCH, &path, Some(&json!({ "enabled": false }))).await;
    assert_eq!((&off.expect(200)["enabled"], &off.body["next_sync_at"]), (&json!(false), &Value::Null));
    app.sync(&id).await.expect_problem(409, "not-connected");
}

#[tokio::test]
async fn a_sync_by_hand_says_what_it_has_changed() {
    let app = start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let count = |answer: &Answer| {
        assert_eq!(answer.expect(200)["outcome"], "done");
        assert_eq!(answer.body["integration"]["id"], id.as_str());
        (answer.body["changed_days"].as_u64().unwrap(), answer.body["removed_events"].as_u64().unwrap())
    };
    app.pass(TimeDelta::minutes(1));
    let nothing = app.sync(&id).await;
    assert_eq!(count(&nothing), (0, 0));
    assert_eq!(nothing.body["integration"]["last_sync_at"], "2026-11-23T06:01:00Z");

    let event = |id: Option<String>, start: &str, end: &str| EventSpec {
        id,
        ..EventSpec::new("New", start.parse().unwrap(), end.parse().unwrap())
    };
    let over_midnight = event(None, "2026-12-19T22:00:00Z", "2026-12-20T02:00:00Z");
    app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, over_midnight);
    assert_eq!(count(&app.sync(&id).await), (2, 0));
    assert_eq!(count(&app.sync(&id).await), (0, 0));

    // A second event of a booking is taken away; it takes no time before.
    let booked = app.book_slot("intro", "2026-11-24T11:00:00Z").await.expect(201).clone();
    let booking = booked["id"].as_str().unwrap();
    let own_id = tests::google_event_id(booking, ADA, 7);
    let mut orphan = event(Some(own_id), "2026-12-21T10:00:00Z", "2026-12-21T11:00:00Z");
    let marks = json!({ "private": { "holdfast_integration": id, "holdfast_booking": booking } });
    orphan.extra.insert("extendedProperties".to_owned(), marks);
    app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, orphan);
    assert_eq!(count(&app.sync(&id).await), (0, 1));
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), 1, "the booking's own");
}

#[tokio::test]
async fn disconnecting_gives_everything_back() {
    let app = start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let path = format!("/v1/integrations/{id}");
    let free = app.starts("intro", "2026-11-24", "2026-11-25").await.len();
    assert!(free < 31);
    let booking = app.book_slot("intro", "2026-11-24T11:00:00Z").await;
    assert_eq!(booking.expect(201)["calendar_sync"], "synced");

    let gone = app.admin(Method::DELETE, &path, None).await;
    assert_eq!(
        (&gone.expect(200)["status"], &gone.body["account"]),
        (&json!("disconnected"), &json!(ADA_ACCOUNT))
    );
    assert!(!app.google().is_connected(ADA_ACCOUNT), "the grant is revoked");
    assert_eq!(app.our_events(ADA_ACCOUNT, ADA_ACCOUNT), Vec::<Value>::new(), "our events are removed");
    assert!(app.google().events(ADA_ACCOUNT, ADA_ACCOUNT).len() > 10, "everybody else's are not");
    for item in app.local.dynamodb.dump().await.unwrap() {
        for erased in ["access", "refresh", &format!("b:{id}")] {
            assert_eq!(item.get(erased), None, "{item}");
        }
    }
    let taken = ["10:45", "11:00", "11:15"];
    let starts = app.starts("intro", "2026-11-24", "2026-11-25").await;
    assert_eq!(starts.len(), 31 - taken.len(), "only the booking takes time: {starts:?}");

    // Twice is no error; what is gone cannot be synced, and can be connected again under its own id.
    assert_eq!(app.admin(Method::DELETE, &path, None).await.expect(200)["status"], "disconnected");
    app.sync(&id).await.expect_problem(409, "not-connected");
    app.admin(Method::GET, &format!("{path}/calendars"), None).await.expect_problem(409, "not-connected");
    assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, id);
    assert_eq!(app.integrations(ADA).await.len(), 1);
}

#[tokio::test]
async fn disconnecting_works_even_when_google_refuses() {
    let app = start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let booking = app.book_slot("intro", "2026-11-24T11:00:00Z").await.expect(201).clone();
    for op in ["events.list", "events.delete", "revoke", "token"] {
        app.google().faults.always(op, errors::too_many_429(Duration::from_mins(10)));
    }
    let gone = app.admin(Method::DELETE, &format!("/v1/integrations/{id}"), None).await;
    assert_eq!(gone.expect(200)["status"], "disconnected");
    assert_eq!(app.starts("intro", "2026-11-24", "2026-11-25").await.len(), 31 - 3, "all but the booking");
    let sync = async || {
        let record = app.booking_record(booking["id"].as_str().unwrap()).await;
        (app.our_events(ADA_ACCOUNT, ADA_ACCOUNT).len(), record.calendar_sync().as_str())
    };
    app.tick_for(2).await;
    assert_eq!(sync().await, (1, "pending"), "it is tried again");
    app.pass(TimeDelta::hours(24));
    app.tick_for(2).await;
    // Its event stands, where we can no longer reach it.
    app.google().faults.clear();
    app.tick_for(2).await;
    assert_eq!(sync().await, (1, "detached"));
    let items = app.local.dynamodb.dump().await.unwrap();
    assert!(items.iter().all(|item| item.get("refresh").is_none()));
}

#[tokio::test]
async fn connecting_the_same_account_again_renews_what_is_there() {
    let app = start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let settings = json!({ "conflict_calendars": [ADA_ACCOUNT, FAMILY] });
    app.admin(Method::PATCH, &format!("/v1/integrations/{id}"), Some(&settings)).await.expect(200);
    assert_eq!(app.connect(ADA, ADA_ACCOUNT).await, id);
    let integrations = app.integrations(ADA).await;
    let [integration] = integrations.as_slice() else { panic!("{integrations:?}") };
    assert_eq!(integration["conflict_calendars"], json!([ADA_ACCOUNT, FAMILY]), "settings stay");
}

#[tokio::test]
async fn a_poll_that_comes_between_does_not_spoil_the_link() {
    let app = start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let location = allow(&app, &url);
    let mut gate = app.local.dynamodb.faults.gate("TransactWriteItems", When::Before);
    let come_back = app.come_back(&location, &cookie);
    let poll = async {
        gate.reached().await;
        app.sync(&id).await.expect(200);
        gate.open();
    };
    let (done, ()) = futures::join!(come_back, poll);
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(app.integrations(ADA).await.len(), 1);
}

#[tokio::test]
async fn hosts_and_accounts_are_kept_apart() {
    let app = start().await;
    let adas = app.connect(ADA, ADA_ACCOUNT).await;
    let graces = app.connect(GRACE, GRACE_ACCOUNT).await;
    // Ada has a second account; Grace's assistant uses Ada's.
    let second = app.connect(ADA, GRACE_ACCOUNT).await;
    let shared = app.connect(GRACE, ADA_ACCOUNT).await;
    let ids = |list: &[Value]| {
        let mut ids: Vec<_> = list.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let sorted = |mut ids: Vec<&String>| {
        ids.sort();
        ids.into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(ids(&app.integrations(ADA).await), sorted(vec![&adas, &second]));
    assert_eq!(ids(&app.integrations(GRACE).await), sorted(vec![&graces, &shared]));
    let all = app.admin(Method::GET, "/v1/integrations", None).await;
    let all = all.expect(200)["integrations"].as_array().unwrap();
    assert_eq!(ids(all), sorted(vec![&adas, &second, &graces, &shared]));
    app.admin(Method::GET, "/v1/integrations?host=hst_nobody1", None)
        .await
        .expect_problem(404, "unknown-host");
    app.admin(Method::GET, "/v1/integrations?host=ada", None).await.expect_problem(422, "validation");
}

#[tokio::test]
async fn only_what_is_there_can_be_connected() {
    let app = start().await;
    ask_to_connect(&app, &json!({ "host": "hst_nobody1" })).await.expect_problem(404, "unknown-host");
    ask_to_connect(&app, &json!({ "host": "nobody" })).await.expect_problem(422, "validation");
    ask_to_connect(&app, &json!({})).await.expect_problem(422, "validation");
    app.admin(Method::POST, "/v1/integrations/lotus/connect", Some(&json!({ "host": ADA })))
        .await
        .expect_problem(404, "unknown-provider");
    assert_eq!(app.integrations(ADA).await, Vec::<Value>::new());
}

/// Every route that is an admin's, with a body that would be right.
fn admin_routes(id: &str, booking: &str) -> Vec<(Method, String, Option<Value>)> {
    vec![
        (Method::POST, "/v1/integrations/google/connect".to_owned(), Some(json!({ "host": ADA }))),
        (Method::GET, format!("/v1/integrations?host={ADA}"), None),
        (Method::GET, format!("/v1/integrations/{id}"), None),
        (Method::PATCH, format!("/v1/integrations/{id}"), Some(json!({ "enabled": false }))),
        (Method::GET, format!("/v1/integrations/{id}/calendars"), None),
        (Method::POST, format!("/v1/integrations/{id}/sync"), None),
        (Method::DELETE, format!("/v1/integrations/{id}"), None),
        (Method::GET, format!("/v1/bookings/{booking}"), None),
        (Method::POST, format!("/v1/bookings/{booking}/cancel"), None),
    ]
}

async fn connected_and_booked() -> (TestApp, Value, Value, Vec<(Method, String, Option<Value>)>) {
    let app = start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let booking = app.book_slot("intro", "2026-11-24T11:00:00Z").await.expect(201)["id"].clone();
    let routes = admin_routes(&id, booking.as_str().unwrap());
    let before = app.integration(&id).await;
    (app, before, booking, routes)
}

async fn assert_untouched(app: &TestApp, integration: &Value, booking: &Value) {
    assert_eq!(&app.integration(integration["id"].as_str().unwrap()).await, integration);
    let path = format!("/v1/bookings/{}", booking.as_str().unwrap());
    assert_eq!(app.admin(Method::GET, &path, None).await.expect(200)["status"], "confirmed");
    assert_eq!(app.integrations(ADA).await.len(), 1);
}

#[tokio::test]
async fn another_tenants_admin_finds_nothing() {
    let (app, integration, booking, routes) = connected_and_booked().await;
    let mallory = app.local.admin_token("mallory");
    for (method, path, body) in &routes {
        let answer = app.send_as(&mallory, method.clone(), path, body.as_ref()).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        assert!(!answer.text.contains(ADA_ACCOUNT) && !answer.text.contains("Ada"), "{}", answer.text);
    }
    let all = app.send_as(&mallory, Method::GET, "/v1/integrations", None).await;
    assert_eq!(all.expect(200)["integrations"], json!([]));
    assert_untouched(&app, &integration, &booking).await;
}

#[tokio::test]
async fn nobody_without_a_good_token_gets_in() {
    let (app, integration, booking, routes) = connected_and_booked().await;
    let good = json!({ "sub": "ada", "tenant": TENANT, "roles": ["admin"] });
    let claims = |changes: Value| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        app.local.token(claims)
    };
    let token = app.local.token(good.clone());
    let (head, signature) = token.rsplit_once('.').unwrap();
    let other_letter = if signature.starts_with('A') { "B" } else { "A" };
    let bad = [
        None,
        Some(String::new()),
        Some("not-a-token".to_owned()),
        Some(format!("{head}.{other_letter}{}", &signature[1..])),
        Some(claims(json!({ "exp": 1_000_000_000 }))),
        Some(claims(json!({ "aud": "another-api" }))),
        Some(claims(json!({ "iss": "https://evil.example" }))),
        Some(claims(json!({ "sub": null }))),
    ];
    let forbidden = [
        (claims(json!({ "roles": null })), "forbidden"),
        (claims(json!({ "roles": [] })), "forbidden"),
        (claims(json!({ "roles": ["administrator"] })), "forbidden"),
        (claims(json!({ "roles": "not admin" })), "forbidden"),
        (claims(json!({ "roles": ["host"] })), "no-host"),
        (claims(json!({ "roles": ["host"], "host": "ada" })), "no-host"),
        (claims(json!({ "tenant": null })), "no-tenant"),
        (claims(json!({ "tenant": "../demo" })), "no-tenant"),
    ];
    for (method, path, body) in &routes {
        for token in &bad {
            let answer = match token {
                Some(token) => app.send_as(token, method.clone(), path, body.as_ref()).await,
                None => app.send(method.clone(), path, body.as_ref()).await,
            };
            assert_eq!(answer.status, 401, "{method} {path} with {token:?}: {}", answer.text);
        }
        for (token, code) in &forbidden {
            app.send_as(token, method.clone(), path, body.as_ref()).await.expect_problem(403, code);
        }
    }
    assert_untouched(&app, &integration, &booking).await;
}
