//! Stories through the front door: a plain HTTP client, as the product has one.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::web::digest;
use super::{EventSpec, Google, Options, errors};
use crate::faults::Fault;

const ADA: &str = "ada@example.com";
const REDIRECT: &str = "http://localhost:3000/oauth/callback";
const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-a";
const SCOPES: [&str; 3] = ["calendar.freebusy", "calendar.events.owned", "calendar.calendarlist.readonly"];
const NOON: i64 = 1_795_176_000;

struct World {
    google: Google,
    http: reqwest::Client,
    now: Arc<AtomicI64>,
}

fn at(hour: i64, minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(NOON, 0).unwrap() + TimeDelta::minutes((hour - 12) * 60 + minute)
}

impl World {
    async fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().unwrap();
        });
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let now = Arc::new(AtomicI64::new(NOON));
        let clock = Arc::clone(&now);
        let mut options = Options::new("client-1", "hush", &[REDIRECT]);
        options.now = Arc::new(move || DateTime::from_timestamp(clock.load(Ordering::Relaxed), 0).unwrap());
        let google = Google::start(options).await.unwrap();
        google.add_account(ADA, "Ada Lovelace");
        Self { google, http, now }
    }

    fn pass(&self, time: TimeDelta) {
        self.now.fetch_add(time.num_seconds(), Ordering::Relaxed);
    }

    fn consent_url(&self, scopes: &[&str], more: &[(&str, &str)]) -> String {
        let scope: Vec<String> =
            scopes.iter().map(|name| format!("https://www.googleapis.com/auth/{name}")).collect();
        let mut url: url::Url = format!("{}/o/oauth2/v2/auth", self.google.url()).parse().unwrap();
        url.query_pairs_mut()
            .append_pair("client_id", "client-1")
            .append_pair("redirect_uri", REDIRECT)
            .append_pair("response_type", "code")
            .append_pair("scope", &scope.join(" "))
            .append_pair("access_type", "offline")
            .append_pair("state", "s t/1")
            .append_pair("code_challenge", &digest(VERIFIER))
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(more);
        url.into()
    }

    async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let client = [("client_id", "client-1"), ("client_secret", "hush")];
        let form: Vec<_> = client.iter().chain(form).collect();
        answer(self.http.post(format!("{}/token", self.google.url())).form(&form)).await
    }

    async fn exchange(&self, code: &str, verifier: &str) -> (u16, Value) {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ])
        .await
    }

    async fn connect(&self, scopes: &[&str], untick: &[&str]) -> Value {
        let url = self.consent_url(scopes, &[("prompt", "consent")]);
        let back = self.google.consent(&url, ADA, untick).unwrap();
        let (status, tokens) = self.exchange(&parameter(&back, "code").unwrap(), VERIFIER).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    fn call(&self, token: &Value, method: &str, path: &str) -> RequestBuilder {
        let url = format!("{}/calendar/v3/{path}", self.google.url());
        self.http.request(method.parse().unwrap(), url).bearer_auth(token["access_token"].as_str().unwrap())
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response: Response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn parameter(url: &url::Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn reason(body: &Value) -> &str {
    body["error"]["errors"][0]["reason"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_person_consents_and_the_app_gets_refreshes_and_revokes_its_tokens() {
    let world = World::new().await;
    let url = world.consent_url(&SCOPES, &[("login_hint", ADA)]);
    let (status, page) = answer(world.http.get(&url)).await;
    let page = page.as_str().unwrap();
    assert_eq!(status, 200);
    assert_eq!(page.matches("type=\"checkbox\"").count(), 3);

    // The form, as a browser would send it.
    let asked: url::Url = url.parse().unwrap();
    let mut form: Vec<(String, String)> = asked
        .query_pairs()
        .map(|(name, value)| {
            let name = if name == "scope" { "requested_scope".into() } else { name };
            (name.into_owned(), value.into_owned())
        })
        .collect();
    form.push(("account".into(), ADA.into()));
    form.push(("decision".into(), "allow".into()));
    for scope in SCOPES {
        form.push(("scope".into(), format!("https://www.googleapis.com/auth/{scope}")));
    }
    let decision = world.http.post(format!("{}/o/oauth2/v2/auth/decision", world.google.url())).form(&form);
    let response = decision.send().await.unwrap();
    assert_eq!(response.status(), 302);
    let back: url::Url = response.headers()["location"].to_str().unwrap().parse().unwrap();
    assert!(back.as_str().starts_with(REDIRECT));
    assert_eq!(parameter(&back, "state").as_deref(), Some("s t/1"));

    let (status, tokens) = world.exchange(&parameter(&back, "code").unwrap(), VERIFIER).await;
    assert_eq!(status, 200);
    assert_eq!(tokens["expires_in"], 3599);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"].as_str().unwrap().split(' ').count(), 3);
    let refresh = tokens["refresh_token"].as_str().unwrap();

    world.pass(TimeDelta::hours(1));
    let (status, refusal) = answer(world.call(&tokens, "GET", "users/me/calendarList")).await;
    assert_eq!((status, reason(&refusal)), (401, "authError"));
    let again = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let (status, renewed) = world.token(&again).await;
    assert_eq!((status, renewed.get("refresh_token")), (200, None));
    let (status, primary) = answer(world.call(&renewed, "GET", "users/me/calendarList/primary")).await;
    assert_eq!((status, &primary["id"], &primary["primary"]), (200, &json!(ADA), &json!(true)));

    let revoke = || world.http.post(format!("{}/revoke", world.google.url())).form(&[("token", refresh)]);
    assert_eq!(answer(revoke()).await, (200, json!({})));
    assert!(!world.google.is_connected(ADA));
    assert_eq!(answer(revoke()).await.1["error"], "invalid_token");
    let (status, refusal) = world.token(&again).await;
    assert_eq!(status, 400);
    assert_eq!(
        refusal,
        json!({ "error": "invalid_grant", "error_description": "Token has been expired or revoked." })
    );

    let secrets = world.google.secrets();
    for secret in [refresh, VERIFIER, "hush", renewed["access_token"].as_str().unwrap()] {
        assert!(secrets.iter().any(|one| one == secret));
    }
    let journal = world.google.faults.calls();
    assert!(journal.iter().all(|call| !secrets.iter().any(|secret| call.detail.contains(secret.as_str()))));
}

#[tokio::test]
async fn a_second_consent_brings_a_refresh_token_only_when_it_is_prompted_for() {
    let world = World::new().await;
    for (more, refreshable) in [
        (&[][..], true),
        (&[], false),
        (&[("prompt", "consent")], true),
        (&[("prompt", "select_account")], false),
    ] {
        let back = world.google.consent(&world.consent_url(&SCOPES, more), ADA, &[]).unwrap();
        let (_, tokens) = world.exchange(&parameter(&back, "code").unwrap(), VERIFIER).await;
        assert_eq!(tokens.get("refresh_token").is_some(), refreshable, "{more:?}");
    }
}

#[tokio::test]
async fn a_code_used_twice_takes_the_first_tokens_with_it() {
    let world = World::new().await;
    let back = world.google.consent(&world.consent_url(&SCOPES, &[]), ADA, &[]).unwrap();
    let code = parameter(&back, "code").unwrap();
    let (status, tokens) = world.exchange(&code, VERIFIER).await;
    assert_eq!(status, 200);
    let (status, refusal) = world.exchange(&code, VERIFIER).await;
    assert_eq!((status, &refusal["error"]), (400, &json!("invalid_grant")));
    assert_eq!(answer(world.call(&tokens, "GET", "users/me/calendarList")).await.0, 401);
}

#[tokio::test]
async fn a_wrong_verifier_a_late_code_and_a_wrong_client_get_nothing() {
    let world = World::new().await;
    let back = world.google.consent(&world.consent_url(&SCOPES, &[]), ADA, &[]).unwrap();
    let code = parameter(&back, "code").unwrap();
    let (status, refusal) = world.exchange(&code, "another-verifier-of-more-than-forty-three-chars").await;
    assert_eq!((status, &refusal["error"]), (400, &json!("invalid_grant")));
    world.pass(TimeDelta::minutes(11));
    assert_eq!(world.exchange(&code, VERIFIER).await.1["error"], "invalid_grant");
    let wrong = world.http.post(format!("{}/token", world.google.url()));
    let wrong = wrong.basic_auth("client-1", Some("guess")).form(&[("grant_type", "refresh_token")]);
    let (status, refusal) = answer(wrong).await;
    assert_eq!((status, &refusal["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn a_foreign_redirect_or_a_request_without_pkce_gets_a_page_and_never_a_redirect() {
    let world = World::new().await;
    let good = world.consent_url(&SCOPES, &[]);
    let foreign = good.replace("callback", "callback%2F");
    let bare = good.replace("code_challenge_method=S256", "code_challenge_method=plain");
    for (url, code) in [(foreign, "redirect_uri_mismatch"), (bare, "invalid_request")] {
        let (status, page) = answer(world.http.get(&url)).await;
        assert_eq!(status, 400);
        assert!(page.as_str().unwrap().contains(code));
        assert_eq!(world.google.deny(&url).unwrap_err().code, code);
    }
    let denied = world.google.deny(&good).unwrap();
    assert_eq!(parameter(&denied, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&denied, "code"), None);
}

#[tokio::test]
async fn an_unticked_scope_is_missing_from_the_grant_and_refused_later() {
    let world = World::new().await;
    let tokens = world.connect(&SCOPES, &["calendar.events.owned"]).await;
    assert!(!tokens["scope"].as_str().unwrap().contains("events.owned"));
    let (status, refusal) = answer(world.call(&tokens, "GET", "calendars/primary/events")).await;
    assert_eq!((status, reason(&refusal)), (403, "insufficientPermissions"));
    assert_eq!(refusal["error"]["status"], "PERMISSION_DENIED");
}

#[tokio::test]
async fn events_owned_does_not_reach_a_calendar_that_is_merely_shared() {
    let world = World::new().await;
    world.google.add_calendar(ADA, "team@example.com", "Team", "writer");
    let tokens = world.connect(&SCOPES, &[]).await;
    let event = json!({ "start": { "date": "2026-11-20" }, "end": { "date": "2026-11-21" } });
    let insert = |tokens| world.call(tokens, "POST", "calendars/team%40example.com/events").json(&event);
    assert_eq!(reason(&answer(insert(&tokens)).await.1), "insufficientPermissions");
    let tokens = world.connect(&["calendar.events"], &[]).await;
    assert_eq!(answer(insert(&tokens)).await.0, 200);
}

#[tokio::test]
async fn lists_come_in_pages_and_the_sync_token_with_the_last() {
    let world = World::new().await;
    let tokens = world.connect(&SCOPES, &[]).await;
    for number in 0..5 {
        let id = format!("event{number}");
        let spec = EventSpec { id: Some(id), ..EventSpec::new("x", at(9 + number, 0), at(10 + number, 0)) };
        world.google.add_event(ADA, "primary", spec);
    }
    world.google.add_calendar(ADA, "second", "Second", "owner");
    world.google.set_page_size(2);

    let mut seen = Vec::new();
    let mut page = String::new();
    let token = loop {
        let path = format!("calendars/primary/events?timeMin=2026-11-20T10:00:00Z&singleEvents=true{page}");
        let (status, body) = answer(world.call(&tokens, "GET", &path)).await;
        assert_eq!(status, 200, "{body}");
        seen.extend(
            body["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        match body["nextPageToken"].as_str() {
            Some(next) => {
                assert_eq!(body.get("nextSyncToken"), None);
                page = format!("&pageToken={next}");
                // Between two pages: it must not be lost.
                world.google.edit_event(ADA, "primary", "event1", &json!({ "summary": "changed" }));
            }
            None => break body["nextSyncToken"].as_str().unwrap().to_owned(),
        }
    };
    assert_eq!(seen, ["event1", "event2", "event3", "event4"]);

    world.google.remove_event(ADA, "primary", "event2");
    let since = format!("calendars/primary/events?singleEvents=true&syncToken={token}");
    let (_, body) = answer(world.call(&tokens, "GET", &since)).await;
    let items = body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["summary"], "changed");
    assert_eq!((&items[1]["id"], &items[1]["status"]), (&json!("event2"), &json!("cancelled")));
    assert_eq!(items[1].get("start"), None);

    let (status, _) =
        answer(world.call(&tokens, "GET", &format!("{since}&timeMin=2026-11-20T00:00:00Z"))).await;
    assert_eq!(status, 400);
    world.google.expire_sync_tokens();
    let (status, refusal) = answer(world.call(&tokens, "GET", &since)).await;
    assert_eq!((status, reason(&refusal)), (410, "fullSyncRequired"));

    let ordered =
        "calendars/primary/events?singleEvents=true&orderBy=startTime&maxResults=1&showDeleted=true";
    let (_, body) = answer(world.call(&tokens, "GET", ordered)).await;
    assert_eq!(body["items"][0]["id"], "event0");

    world.google.set_page_size(1);
    let (_, first) = answer(world.call(&tokens, "GET", "users/me/calendarList")).await;
    let next = first["nextPageToken"].as_str().unwrap();
    let path = format!("users/me/calendarList?pageToken={next}");
    let (_, last) = answer(world.call(&tokens, "GET", &path)).await;
    assert_eq!((&last["items"][0]["id"], last.get("nextPageToken")), (&json!("second"), None));
}

#[tokio::test]
async fn an_event_id_is_used_once_for_ever() {
    let world = World::new().await;
    world.google.set_time_zone(ADA, "Europe/Berlin");
    let tokens = world.connect(&SCOPES, &[]).await;
    let event = json!({
        "id": "booking0001",
        "summary": "Call",
        "start": { "dateTime": "2026-11-20T09:00:00Z" },
        "end": { "dateTime": "2026-11-20T09:30:00Z" },
        "attendees": [{ "email": "guest@example.com" }, { "email": ADA }],
        "extendedProperties": { "private": { "holdfast": "bkg_1" } },
        "conferenceData": { "createRequest": {
            "requestId": "r1", "conferenceSolutionKey": { "type": "hangoutsMeet" } } },
    });
    let insert = |version: u8| {
        let path = format!("calendars/primary/events?sendUpdates=all&conferenceDataVersion={version}");
        world.call(&tokens, "POST", &path).json(&event)
    };
    let (status, made) = answer(insert(1)).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["start"]["dateTime"], "2026-11-20T10:00:00+01:00");
    assert_eq!(made["conferenceData"]["createRequest"]["status"]["statusCode"], "pending");
    assert_eq!(made["organizer"], json!({ "email": ADA, "self": true }));
    assert_eq!(made["iCalUID"], "booking0001@google.com");

    let path = "calendars/primary/events/booking0001";
    let (_, read) = answer(world.call(&tokens, "GET", path)).await;
    assert_eq!((&read["conferenceData"], &read["hangoutLink"]), (&made["conferenceData"], &Value::Null));
    world.pass(TimeDelta::seconds(5));
    let (_, read) = answer(world.call(&tokens, "GET", path)).await;
    assert!(read["hangoutLink"].as_str().unwrap().starts_with("https://meet.google.com/"));
    let few = format!("{path}?maxAttendees=1&fields=attendees/email,attendeesOmitted");
    let (_, few) = answer(world.call(&tokens, "GET", &few)).await;
    assert_eq!(few, json!({ "attendees": [{ "email": ADA }], "attendeesOmitted": true }));
    let (status, refusal) = answer(insert(0)).await;
    assert_eq!((status, reason(&refusal)), (409, "duplicate"));

    let patch = json!({ "start": { "dateTime": "2026-11-20T10:00:00Z" }, "end": { "dateTime": "2026-11-20T10:30:00Z" } });
    assert_ne!(read["etag"], made["etag"], "a conference that is there is a change");
    let etag = read["etag"].as_str().unwrap();
    let change = || world.call(&tokens, "PATCH", path).header("if-match", etag).json(&patch);
    let (status, moved) = answer(change()).await;
    assert_eq!((status, &moved["sequence"], &moved["summary"]), (200, &json!(1), &json!("Call")));
    assert_ne!(moved["etag"], made["etag"]);
    let (status, refusal) = answer(change()).await;
    assert_eq!((status, reason(&refusal)), (412, "conditionNotMet"));
    // A full update of what was read: accepted, and what is left out is gone.
    let mut whole = moved.clone();
    whole.as_object_mut().unwrap().remove("attendees");
    let (status, updated) = answer(world.call(&tokens, "PUT", path).json(&whole)).await;
    assert_eq!((status, updated.get("attendees")), (200, None), "{updated}");
    assert_eq!(updated["hangoutLink"], moved["hangoutLink"]);

    let found = "calendars/primary/events?privateExtendedProperty=holdfast%3Dbkg_1";
    assert_eq!(answer(world.call(&tokens, "GET", found)).await.1["items"].as_array().unwrap().len(), 1);
    let delete = || world.call(&tokens, "DELETE", path);
    assert_eq!(answer(delete()).await.0, 204);
    let (status, refusal) = answer(delete()).await;
    assert_eq!((status, reason(&refusal)), (410, "deleted"));
    assert_eq!(answer(insert(0)).await.0, 409);
    assert_eq!(answer(world.call(&tokens, "PATCH", path).json(&patch)).await.0, 403);
    let (status, gone) = answer(world.call(&tokens, "GET", path)).await;
    assert_eq!((status, &gone["status"]), (200, &json!("cancelled")));
    assert_eq!(answer(world.call(&tokens, "DELETE", "calendars/primary/events/never0")).await.0, 404);
    assert_eq!(answer(world.call(&tokens, "GET", found)).await.1["items"], json!([]));
    assert!(world.google.events(ADA, "primary").is_empty());
}

#[tokio::test]
async fn a_conference_is_made_once_for_each_request_or_fails_or_is_refused() {
    let world = World::new().await;
    let tokens = world.connect(&["calendar.events"], &[]).await;
    let asking = |request: &str, sort: &str| {
        json!({
            "start": { "dateTime": "2026-11-20T09:00:00Z" }, "end": { "dateTime": "2026-11-20T09:30:00Z" },
            "conferenceData": { "createRequest": {
                "requestId": request, "conferenceSolutionKey": { "type": sort } } },
        })
    };
    let events = "calendars/primary/events?conferenceDataVersion=1";
    let (_, made) = answer(world.call(&tokens, "POST", events).json(&asking("r1", "hangoutsMeet"))).await;
    let path = format!("calendars/primary/events/{}", made["id"].as_str().unwrap());
    let change = format!("{path}?conferenceDataVersion=1");
    world.pass(TimeDelta::seconds(5));
    let (_, ready) = answer(world.call(&tokens, "GET", &path)).await;
    let again = asking("r1", "hangoutsMeet");
    let (_, same) = answer(world.call(&tokens, "PATCH", &change).json(&again)).await;
    assert_eq!(
        (&same["hangoutLink"], &same["conferenceData"]),
        (&ready["hangoutLink"], &ready["conferenceData"])
    );

    world.google.fail_meetings(true);
    let (_, pending) =
        answer(world.call(&tokens, "PATCH", &change).json(&asking("r2", "hangoutsMeet"))).await;
    assert_eq!(
        (&pending["conferenceData"]["entryPoints"], &pending["hangoutLink"]),
        (&Value::Null, &Value::Null)
    );
    world.pass(TimeDelta::seconds(5));
    let (_, failed) = answer(world.call(&tokens, "GET", &path)).await;
    assert_eq!(failed["conferenceData"]["createRequest"]["status"]["statusCode"], "failure");
    assert_eq!(failed["hangoutLink"], Value::Null);

    let refused = answer(world.call(&tokens, "POST", events).json(&asking("r3", "eventHangout"))).await;
    assert_eq!((refused.0, reason(&refused.1)), (400, "invalid"));
    world.google.forbid_meetings(ADA);
    let refused = answer(world.call(&tokens, "POST", events).json(&asking("r3", "hangoutsMeet"))).await;
    assert_eq!((refused.0, reason(&refused.1)), (400, "invalid"));
}

#[tokio::test]
async fn an_event_that_is_not_quite_right_is_refused() {
    let world = World::new().await;
    let tokens = world.connect(&["calendar.events"], &[]).await;
    let start = json!({ "dateTime": "2026-11-20T09:00:00Z" });
    let end = json!({ "dateTime": "2026-11-20T09:30:00Z" });
    for (wrong, expected) in [
        (json!({ "start": start }), "required"),
        (json!({ "start": { "dateTime": "2026-11-20T09:00:00" }, "end": end }), "required"),
        (json!({ "start": start, "end": { "date": "2026-11-21" } }), "invalid"),
        (json!({ "start": end, "end": start }), "timeRangeEmpty"),
        (json!({ "start": start, "end": end, "summery": "?" }), "invalid"),
        (json!({ "start": start, "end": end, "summary": 7 }), "invalid"),
        (json!({ "start": start, "end": end, "id": "Booking-1" }), "invalid"),
        (json!({ "start": start, "end": end, "attendees": [{ "displayName": "Bob" }] }), "required"),
        (json!({ "start": start, "end": end, "recurrence": ["RRULE:FREQ=DAILY"] }), "invalid"),
    ] {
        let (status, refusal) =
            answer(world.call(&tokens, "POST", "calendars/primary/events").json(&wrong)).await;
        assert_eq!((status, reason(&refusal)), (400, expected), "{wrong}");
    }
    let (status, _) = answer(world.call(&tokens, "GET", "calendars/primary/events?singleEvent=true")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn free_busy_merges_what_is_busy_and_tells_what_is_wrong_with_one_calendar() {
    let world = World::new().await;
    let google = &world.google;
    let tokens = world.connect(&SCOPES, &[]).await;
    let add = |start, end, change: fn(&mut EventSpec)| {
        let mut spec = EventSpec::new("x", start, end);
        change(&mut spec);
        google.add_event(ADA, "primary", spec);
    };
    add(at(9, 0), at(10, 0), |_| {});
    add(at(9, 30), at(10, 30), |spec| spec.status = "tentative");
    add(at(10, 30), at(11, 0), |spec| spec.event_type = "outOfOffice");
    add(at(13, 0), at(14, 0), |spec| spec.transparent = true);
    add(at(13, 0), at(14, 0), |spec| spec.self_response = Some("declined"));
    add(at(13, 0), at(14, 0), |spec| spec.event_type = "workingLocation");
    add(at(13, 0), at(14, 0), |spec| spec.status = "cancelled");
    add(at(15, 0), at(16, 0), |spec| spec.self_response = Some("accepted"));
    google.add_calendar(ADA, "shared", "Shared", "freeBusyReader");
    google.break_calendar("shared", "internalError");

    let ask = |items: Vec<Value>, to: &str| {
        let query = json!({ "timeMin": "2026-11-20T00:00:00Z", "timeMax": to, "items": items });
        world.call(&tokens, "POST", "freeBusy").json(&query)
    };
    let items = vec![json!({ "id": ADA }), json!({ "id": "shared" }), json!({ "id": "bob@example.com" })];
    let (status, body) = answer(ask(items, "2026-11-21T00:00:00Z")).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["calendars"],
        json!({
            ADA: { "busy": [
                { "start": "2026-11-20T09:00:00Z", "end": "2026-11-20T11:00:00Z" },
                { "start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:00:00Z" },
            ] },
            "shared": { "errors": [{ "domain": "global", "reason": "internalError" }], "busy": [] },
            "bob@example.com": { "errors": [{ "domain": "global", "reason": "notFound" }], "busy": [] },
        })
    );
    google.mend_calendar("shared");
    let many: Vec<Value> = (0..51).map(|number| json!({ "id": format!("c{number}") })).collect();
    let (status, body) = answer(ask(many, "2026-11-21T00:00:00Z")).await;
    let told = &body["calendars"]["c7"]["errors"][0]["reason"];
    assert_eq!((status, told), (200, &json!("tooManyCalendarsRequested")));
    let (status, refusal) = answer(ask(vec![json!({ "id": ADA })], "2027-03-01T00:00:00Z")).await;
    assert_eq!((status, reason(&refusal)), (400, "timeRangeTooLong"));
}

#[tokio::test]
async fn faults_come_as_google_sends_them() {
    let world = World::new().await;
    let tokens = world.connect(&SCOPES, &[]).await;
    let list = || world.call(&tokens, "GET", "users/me/calendarList");
    world.google.rate_limit("calendarList.list");
    world.google.faults.next("calendarList.list", errors::too_many_429(Duration::from_secs(7)));
    world.google.faults.next("calendarList.list", errors::backend_error(503));
    world.google.faults.next("calendarList.list", Fault::CutAfter);
    assert_eq!(reason(&answer(list()).await.1), "rateLimitExceeded");
    let slow = list().send().await.unwrap();
    assert_eq!((slow.status().as_u16(), &slow.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(reason(&answer(list()).await.1), "backendError");
    assert!(list().send().await.is_err());
    assert_eq!(answer(list()).await.0, 200);
    let last = world.google.faults.calls().pop().unwrap();
    assert_eq!(
        (last.op.as_str(), last.detail.as_str()),
        ("calendarList.list", "GET /calendar/v3/users/me/calendarList")
    );
}

#[tokio::test]
async fn a_state_file_keeps_accounts_tokens_and_events_between_runs() {
    let file = std::env::temp_dir().join(format!("holdfast-google-{}.json", super::web::mint("")));
    let mut world = World::new().await;
    let mut options = Options::new("client-1", "hush", &[REDIRECT]);
    options.state_file = Some(file.clone());
    world.google = Google::start(options.clone()).await.unwrap();
    world.google.add_account(ADA, "Ada Lovelace");
    let tokens = world.connect(&SCOPES, &[]).await;
    world.google.add_event(ADA, "primary", EventSpec::new("<b>Tea</b>", at(15, 0), at(16, 0)));

    world.google = Google::start(options).await.unwrap();
    std::fs::remove_file(file).unwrap();
    let (status, body) = answer(world.call(&tokens, "GET", "calendars/primary/events")).await;
    assert_eq!((status, &body["items"][0]["summary"]), (200, &json!("<b>Tea</b>")));
    let link = body["items"][0]["htmlLink"].as_str().unwrap();
    let (status, page) = answer(world.http.get(link)).await;
    assert_eq!(status, 200);
    assert!(page.as_str().unwrap().contains("&lt;b&gt;Tea&lt;/b&gt;"));
    assert!(answer(world.http.get(world.google.url())).await.1.as_str().unwrap().contains("Ada Lovelace"));
}

#[tokio::test]
async fn a_file_imported_again_changes_nothing_and_another_takes_its_place() {
    let world = World::new().await;
    let google = &world.google;
    google.add_event(ADA, ADA, EventSpec::new("By hand", at(9, 0), at(10, 0)));
    let file = |events: &[&str]| {
        let events: Vec<_> = events.iter().map(|one| format!("BEGIN:VEVENT\n{one}\nEND:VEVENT\n")).collect();
        format!("BEGIN:VCALENDAR\nX-WR-TIMEZONE:Europe/Paris\n{}END:VCALENDAR\n", events.concat())
    };
    let import = |text: &str, shift: bool| {
        let (from, to) = (at(0, 0), at(0, 0) + TimeDelta::days(30));
        google.import(ADA, ADA, super::Import { text, from, to, shift }).unwrap()
    };
    let shown = || -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let events = google.events(ADA, ADA);
        let line =
            |event: &Value| format!("{} {}", text(&event["summary"]), text(&event["start"]["dateTime"]));
        let mut lines: Vec<String> = events.iter().map(line).collect();
        lines.sort();
        lines
    };
    // The clock stands at Friday 2026-11-20.
    let weekly = "UID:one@example.com\nSUMMARY:Weekly\nDTSTART:20261116T080000Z\nRRULE:FREQ=WEEKLY;COUNT=3";
    let off = "SUMMARY:Off\nDTSTART:20261124T080000Z\nSTATUS:CANCELLED";
    let text = file(&[weekly, off]);
    assert_eq!(import(&text, false).events, 3);
    let first = google.events(ADA, ADA);
    assert_eq!(
        shown(),
        [
            "By hand 2026-11-20T10:00:00+01:00",
            "Weekly 2026-11-23T09:00:00+01:00",
            "Weekly 2026-11-30T09:00:00+01:00"
        ]
        .map(str::to_owned)
    );
    world.pass(TimeDelta::hours(1));
    assert_eq!(import(&text, false).events, 3);
    assert_eq!(google.events(ADA, ADA), first);

    // A week later the same file, moved to that week, is still the same events.
    world.pass(TimeDelta::days(7));
    assert_eq!(import(&text, true).events, 4);
    assert_eq!(shown().iter().filter(|event| event.starts_with("Weekly")).count(), 3);

    let other = import(&file(&["SUMMARY:Other\nDTSTART:20261201T080000Z", "SUMMARY:When?"]), false);
    assert_eq!(other.to_string(), "1 events; refused: VEVENT 2 \"When?\": it has no DTSTART");
    assert_eq!(shown().len(), 2);
}
