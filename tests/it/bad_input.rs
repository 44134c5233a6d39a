//! Bad input of every kind: the answer is a problem with a stable code that names every wrong field, never a
//! 5xx, and nothing is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, GRACE, TENANT, TestApp, guest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HOLDS: &str = "/v1/tenants/demo/holds";
const RELEASE: &str = "/v1/tenants/demo/holds/release";
const BOOKINGS: &str = "/v1/tenants/demo/bookings";
const CONNECT: &str = "/v1/integrations/google/connect";
const CALLBACK: &str = "/v1/oauth/google/callback";
const JSON: &str = "application/json";
/// A free slot of `intro`.
const START: &str = "2026-11-24T10:00:00Z";
/// The largest body that is read.
const CAP: usize = 64 * 1024;

/// A field of a body and what must not stand in it.
struct Field {
    path: &'static str,
    required: bool,
    wrong: Vec<Value>,
}

fn required(path: &'static str, kind: &str, wrong: impl IntoIterator<Item = Value>) -> Field {
    Field { path, required: true, wrong: others(kind).into_iter().chain(wrong).collect() }
}

fn optional(path: &'static str, kind: &str, wrong: impl IntoIterator<Item = Value>) -> Field {
    Field { required: false, ..required(path, kind, wrong) }
}

/// A value of each kind but this one.
fn others(than: &str) -> Vec<Value> {
    let all = [
        ("number", json!(1.5)),
        ("boolean", json!(true)),
        ("list", json!(["x"])),
        ("object", json!({ "x": 1 })),
        ("text", json!("some text")),
    ];
    all.into_iter().filter(|(kind, _)| *kind != than).map(|(_, value)| value).collect()
}

/// What no line of text may be.
fn lines(most: usize) -> Vec<Value> {
    let long = "x".repeat(most + 1);
    let texts =
        ["", " \t\n", "a\0b", "a\nb", "a\r\nb", "a\tb", "a\u{7f}b", "a\u{85}b", "a\u{1b}[31mb", &long];
    texts.map(Value::from).into()
}

fn slugs() -> Vec<Value> {
    let long = "x".repeat(61);
    let texts =
        ["", "Intro", "-intro", "intro-", "in tro", "intro\n", " intro", "in\0tro", "íntro", "../x", "a/b"];
    texts.into_iter().chain([long.as_str()]).map(Value::from).collect()
}

fn starts() -> Vec<Value> {
    let texts = [
        "",
        "now",
        "1795514400",
        "2026-11-24",
        "10:00:00Z",
        // Without an offset, which names no instant.
        "2026-11-24T10:00:00",
        "2026-11-24T10:00:00[Europe/London]",
        "2026-11-24T10:00:00Z[Europe/London]",
        // Not RFC 3339.
        "2026-11-24T10:00Z",
        "20261124T100000Z",
        "2026-11-24T10:00:00+0000",
        "2026-11-24T10:00:00+24:00",
        "2026-11-24T10:00:00Z ",
        "2026-11-24T10:00:00Z\0",
        "12026-11-24T10:00:00Z",
        "-0001-11-24T10:00:00Z",
        "+2026-11-24T10:00:00Z",
        // No such time.
        "2026-11-31T10:00:00Z",
        "2027-02-29T10:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T10:60:00Z",
        "2026-11-24T10:00:61Z",
        // Off the grid, leap seconds among them.
        "2026-11-24T10:02:00Z",
        "2026-11-24T10:00:01Z",
        "2026-11-24T10:00:00.5Z",
        "2026-11-24T09:59:60Z",
        "2026-12-31T23:59:60Z",
        "2026-11-24T10:00:00+00:01",
    ];
    let long = format!("2026-11-24T10:00:00.{}Z", "1".repeat(5000));
    texts.into_iter().chain([long.as_str()]).map(Value::from).collect()
}

fn lengths() -> Vec<Value> {
    [json!(1.5), json!(30.5), json!(0), json!(-30), json!(7), json!(725), json!(1e300), json!(-1e300)]
        .into_iter()
        .chain([json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!("30"), json!("")])
        .collect()
}

fn zones() -> Vec<Value> {
    ["", "London", "europe/london", "Europe/London ", "Europe/Lon\0don", "GMT+99", "+01:00", "Mars/Olympus"]
        .map(Value::from)
        .into()
}

fn emails() -> Vec<Value> {
    let (long_local, long_label) = (format!("{}@a.bc", "x".repeat(65)), format!("a@{}.bc", "x".repeat(64)));
    let long = format!("a@{}bc", "x.".repeat(130));
    let texts = [
        "",
        "mary",
        "mary@",
        "@example.com",
        "mary@example",
        "mary@@example.com",
        "mary@example@com.de",
        "ma ry@example.com",
        "mary@exa mple.com",
        "mary@.example.com",
        "mary@example.com.",
        "mary@example..com",
        "mary@-example.com",
        "mary@example-.com",
        "mary@[127.0.0.1]",
        "mary@example.com,eve@example.com",
        "mary@example.com;eve@example.com",
        "Mary <mary@example.com>",
        "<mary@example.com>",
        "mailto:mary@example.com",
        "\"ma ry\"@example.com",
        "mary(comment)@example.com",
        "mary@example.com\r\nBcc: eve@example.com",
        "mary\0@example.com",
        // They look like another one.
        "mary\u{200b}@example.com",
        "mary@ex\u{0430}mple.com",
        "\u{202e}mary@example.com",
        "märy@example.com",
        "mary@exämple.com",
    ];
    texts.into_iter().chain([&*long_local, &*long_label, &*long]).map(Value::from).collect()
}

fn free_form() -> Vec<Value> {
    let wide: String = "ü".repeat(4096);
    vec![json!([]), json!(""), json!({ "x": "x".repeat(8185) }), json!({ wide: 1 })]
}

fn guest_fields() -> Vec<Field> {
    vec![
        required("guest.name", "text", lines(200)),
        required("guest.email", "text", emails()),
        optional("guest.phone", "text", lines(40).into_iter().chain([json!("12")])),
        required("guest.time_zone", "text", zones()),
        optional(
            "guest.locale",
            "text",
            lines(35)
                .into_iter()
                .chain(["e", "en_US", "en-", "-en", "en--US", "en us", "<b>"].map(Value::from)),
        ),
    ]
}

fn booking_fields() -> Vec<Field> {
    let mut fields = guest_fields();
    fields.extend([
        required("guest", "object", []),
        optional("answers", "object", free_form()),
        optional("metadata", "object", free_form()),
        optional("notes", "text", [json!("x".repeat(4001)), json!("a\0b"), json!("a\u{1b}b")]),
        optional("sync_to_calendar", "boolean", [json!(0), json!(1), json!("true"), json!("")]),
    ]);
    fields
}

/// A request that is sent again and again, each time with something else wrong.
struct Probe<'a> {
    app: &'a TestApp,
    token: Option<String>,
    method: Method,
    path: &'a str,
    body: Value,
}

impl<'a> Probe<'a> {
    fn guest(app: &'a TestApp, path: &'a str, body: Value) -> Self {
        Self { app, token: None, method: Method::POST, path, body }
    }

    fn admin(app: &'a TestApp, method: Method, path: &'a str, body: Value) -> Self {
        Self { app, token: Some(app.local.admin_token(TENANT)), method, path, body }
    }

    fn request(&self) -> RequestBuilder {
        let request = to(self.app, self.method.clone(), self.path);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a body that must be refused, with nothing stored.
    async fn refused(&self, body: &Value, status: u16, code: &str, fields: &[&str]) -> Answer {
        let before = self.app.local.dynamodb.dump().await.unwrap();
        let answer = ask(self.request().json(body)).await;
        let text: String = body.to_string().chars().take(300).collect();
        let mut named = answer.wrong_fields();
        named.sort_unstable();
        named.dedup();
        let found = (answer.status, answer.body["code"].as_str(), named.as_slice());
        let mut fields = fields.to_vec();
        fields.sort_unstable();
        assert_eq!(found, (status, Some(code), fields.as_slice()), "{text}: {}", answer.text);
        let after = self.app.local.dynamodb.dump().await.unwrap();
        assert!(before == after, "{text} was refused and changed the table");
        answer
    }

    /// Refused when something in the body is changed.
    async fn refused_with(&self, change: Value, status: u16, code: &str, fields: &[&str]) {
        let mut body = self.body.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.refused(&body, status, code, fields).await;
    }

    /// Every field in turn, all of them at once, and fields that nobody knows.
    async fn every_field(&self, fields: &[Field]) {
        for field in fields {
            for wrong in &field.wrong {
                let mut body = self.body.clone();
                put(&mut body, field.path, Some(wrong.clone()));
                self.refused(&body, 422, "validation", &[field.path]).await;
            }
            if field.required {
                for nothing in [None, Some(Value::Null)] {
                    let mut body = self.body.clone();
                    put(&mut body, field.path, nothing);
                    self.refused(&body, 422, "validation", &[field.path]).await;
                }
            }
        }
        let parts: Vec<_> = fields.iter().filter(|field| field.path != "guest").collect();
        let mut body = self.body.clone();
        for field in &parts {
            put(&mut body, field.path, field.wrong.first().cloned());
        }
        let mut named: Vec<_> = parts.iter().map(|field| field.path).collect();
        self.refused(&body, 422, "validation", &named).await;

        put(&mut body, "colour", Some(json!("red")));
        put(&mut body, "__proto__", Some(json!({ "admin": true })));
        named.extend(["colour", "__proto__"]);
        self.refused(&body, 422, "validation", &named).await;

        let mut missing = json!({});
        let needed: Vec<_> =
            fields.iter().filter(|field| field.required && !field.path.contains('.')).collect();
        let needed: Vec<_> = needed.into_iter().map(|field| field.path).collect();
        if !needed.is_empty() {
            self.refused(&missing, 422, "validation", &needed).await;
        }
        let name = "ü".repeat(200);
        put(&mut missing, &name, Some(json!(1)));
        self.refused(&missing, 422, "validation", &[needed, vec![&name]].concat()).await;
    }

    /// As it is, nothing is wrong with it.
    async fn accepted(&self, status: u16) -> Value {
        ask(self.request().json(&self.body)).await.expect(status).clone()
    }
}

fn to(app: &TestApp, method: Method, path: &str) -> RequestBuilder {
    app.http().request(method, format!("{}{path}", app.local.url()))
}

/// Every answer of this module comes through here.
async fn ask(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let is_head = request.method() == Method::HEAD;
    let answer = Answer::of(client.execute(request).await.unwrap()).await;
    assert!(answer.status < 500, "{}: {}", answer.status, answer.text);
    if is_head {
        assert_eq!(answer.text, "");
    } else if answer.header("content-type").as_deref() == Some("application/problem+json") {
        let code = answer.body["code"].as_str().unwrap();
        assert_eq!(answer.body["status"], answer.status, "{}", answer.text);
        assert_eq!(answer.body["type"], format!("urn:holdfast:problem:{code}"));
        assert!(answer.body["title"].as_str().is_some_and(|title| !title.is_empty()));
    } else if answer.status >= 400 && answer.body != Value::Null {
        // Only the gateway speaks so.
        assert!(answer.body["message"].is_string() && matches!(answer.status, 401 | 404 | 413));
    }
    answer
}

/// Puts a value at `guest.name` and the like, or takes it away.
fn put(body: &mut Value, path: &str, value: Option<Value>) {
    let (parent, name) = path.split_once('.').unwrap_or(("", path));
    let parent = if parent.is_empty() { body } else { &mut body[parent] };
    let parent = parent.as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
}

fn hold_body() -> Value {
    json!({ "event_type": "intro", "start": START, "length": 30 })
}

fn whole_guest() -> Value {
    let mut guest = guest();
    put(&mut guest, "phone", Some(json!("+44 20 7946 0958")));
    put(&mut guest, "locale", Some(json!("en-GB-oxendict")));
    guest
}

#[tokio::test]
async fn every_wrong_field_of_a_hold_is_named() {
    let app = TestApp::without_stream().await;
    let probe = Probe::guest(&app, HOLDS, hold_body());
    let fields = [
        required("event_type", "text", slugs()),
        required("start", "text", starts()),
        optional("length", "number", lengths()),
    ];
    probe.every_field(&fields).await;
    probe.accepted(201).await;
}

#[tokio::test]
async fn a_hold_that_the_rules_forbid_says_which() {
    let app = TestApp::without_stream().await;
    let probe = Probe::guest(&app, HOLDS, hold_body());
    let starts = [
        ("start-too-soon", "2026-11-23T06:55:00Z"),
        ("start-too-soon", "2026-11-20T10:00:00Z"),
        ("start-too-soon", "1969-12-31T10:00:00Z"),
        ("start-too-soon", "0001-01-01T00:00:00Z"),
        ("start-too-soon", "0000-01-01T00:00:00Z"),
        ("start-too-soon", "0000-01-01T00:00:00+23:55"),
        ("start-too-late", "2027-01-25T10:00:00Z"),
        ("start-too-late", "2999-11-24T10:00:00Z"),
        ("start-too-late", "9999-12-31T23:55:00Z"),
        ("start-too-late", "9999-12-31T23:55:00-23:55"),
        ("start-not-offered", "2026-11-24T03:00:00Z"),
        ("start-not-offered", "2026-11-24T10:05:00Z"),
        ("start-not-offered", "2026-11-24T16:45:00Z"),
        ("start-not-offered", "2026-11-28T10:00:00Z"),
    ];
    for (code, start) in starts {
        probe.refused_with(json!({ "start": start }), 422, code, &["start"]).await;
    }
    probe.refused_with(json!({ "length": 60 }), 422, "length-not-offered", &["length"]).await;
    probe.refused_with(json!({ "event_type": "nobodys" }), 404, "unknown-event-type", &[]).await;
    let elsewhere = Probe::guest(&app, "/v1/tenants/elsewhere/holds", hold_body());
    elsewhere.refused(&hold_body(), 404, "unknown-event-type", &[]).await;
    probe.accepted(201).await;
}

#[tokio::test]
async fn an_instant_may_be_written_in_every_way_that_rfc_3339_allows() {
    let app = TestApp::without_stream().await;
    for (start, shown) in [
        ("2026-11-24t10:00:00z", "2026-11-24T10:00:00+00:00"),
        ("2026-11-24T10:30:00.000Z", "2026-11-24T10:30:00+00:00"),
        ("2026-11-24T11:00:00-00:00", "2026-11-24T11:00:00+00:00"),
        ("2026-11-24T17:15:00+05:45", "2026-11-24T17:15:00+05:45"),
        ("2026-11-23T12:00:00-23:59", "2026-11-23T12:00:00-23:59"),
    ] {
        let answer = app.hold("intro", start).await;
        if start.ends_with("-23:59") {
            answer.expect_problem(422, "validation");
        } else {
            assert_eq!(answer.expect(201)["start"], shown, "{start}");
        }
    }
}

fn tokens() -> Vec<Value> {
    let long = format!("hold_{}", "A".repeat(5000));
    let texts = [
        "",
        "hold",
        "hold_",
        "hold_!",
        "hold_e30",
        "hold_bnVsbA",
        "HOLD_e30",
        "bkg_0123",
        "hold_e30=",
        &long,
    ];
    texts.map(Value::from).into()
}

/// A token that nobody was given, as it is except for `change`.
fn forged(change: &Value) -> Value {
    let mut fields = json!({
        "event_type": "intro", "start": 5_985_048, "length": 30, "expires_at": 1_763_880_000, "random": "x",
        "hosts": [{ "host": ADA, "cells": [{ "day": "2026-11-24", "from": 120, "to": 126 }] }],
    });
    for (name, value) in change.as_object().unwrap() {
        fields[name] = value.clone();
    }
    json!(format!("hold_{}", URL_SAFE_NO_PAD.encode(fields.to_string())))
}

/// Well formed, and nothing that could have been given to anybody.
fn impossible() -> Vec<Value> {
    let piece = |day: &str, from: u16, to: u16| json!({ "day": day, "from": from, "to": to });
    let cells =
        |host: &str, day: &str, from: u16, to: u16| json!({ "host": host, "cells": [piece(day, from, to)] });
    let one = cells(ADA, "2026-11-24", 120, 126);
    let apart = json!({ "host": ADA, "cells": [piece("2026-11-24", 120, 126), piece("2026-11-26", 0, 6)] });
    let many: Vec<_> = (0..11).map(|at| cells(&format!("hst_many{at}"), "2026-11-24", 120, 126)).collect();
    let two_hosts = [cells(ADA, "2026-11-24", 282, 288), cells(GRACE, "2026-11-25", 0, 6)];
    let changes = [
        json!({ "start": i64::MAX }),
        json!({ "start": i64::MIN }),
        json!({ "start": 0 }),
        json!({ "length": 0 }),
        json!({ "length": -30 }),
        json!({ "length": 7 }),
        json!({ "length": 35 }),
        json!({ "length": i64::from(i32::MAX) * 5 }),
        json!({ "hosts": [] }),
        json!({ "hosts": vec![one.clone(); 2] }),
        json!({ "hosts": vec![one.clone(); 24] }),
        json!({ "hosts": [apart] }),
        json!({ "hosts": many }),
        json!({ "hosts": [one.clone(), cells(GRACE, "2026-11-24", 120, 127)] }),
        json!({ "hosts": [json!({ "host": ADA, "cells": [] })] }),
        json!({ "hosts": two_hosts }),
        json!({ "hosts": [cells(ADA, "2026-11-24", 126, 120)] }),
        json!({ "hosts": [cells(ADA, "2026-11-24", 0, 288)] }),
        json!({ "hosts": [cells(ADA, "2026-11-24", 120, 65535)] }),
        json!({ "hosts": [cells(ADA, "2026-11-24", 284, 290)] }),
        json!({ "hosts": [cells(ADA, "+262142-12-31", 120, 126)] }),
        json!({ "hosts": [cells(ADA, "-262143-01-01", 120, 126)] }),
        json!({ "hosts": [cells("ada", "2026-11-24", 120, 126)] }),
        json!({ "expires_at": i64::MAX }),
        json!({ "event_type": "../intro" }),
        json!({ "random": 1 }),
        json!({ "more": 1 }),
    ];
    changes.iter().map(forged).collect()
}

#[tokio::test]
async fn a_release_of_what_is_no_hold_is_refused() {
    let app = TestApp::without_stream().await;
    let held = app.hold("intro", START).await.expect(201)["hold"].clone();
    let probe = Probe::guest(&app, RELEASE, json!({ "hold": held }));
    probe.every_field(&[required("hold", "text", lines(4200).into_iter().chain(tokens()))]).await;
    for token in impossible() {
        probe.refused(&json!({ "hold": token }), 422, "validation", &["hold"]).await;
    }
    for (what, change) in [
        ("never given", json!({})),
        ("of the wrong random bits", json!({ "random": "y" })),
        ("before time", json!({ "expires_at": -1 })),
        ("after time", json!({ "expires_at": 8_000_000_000_000_i64 })),
    ] {
        let token = forged(&change);
        let answer = probe.refused(&json!({ "hold": token }), 404, "unknown-hold", &[]).await;
        assert_eq!(answer.wrong_fields().len(), 0, "{what}");
    }
    let elsewhere = Probe::guest(&app, "/v1/tenants/elsewhere/holds/release", probe.body.clone());
    elsewhere.refused(&probe.body, 404, "unknown-hold", &[]).await;
    probe.accepted(204).await;
    probe.refused(&probe.body, 404, "unknown-hold", &[]).await;
}

#[tokio::test]
async fn every_wrong_field_of_a_booking_is_named() {
    let app = TestApp::without_stream().await;
    let mut body = hold_body();
    put(&mut body, "guest", Some(whole_guest()));
    put(&mut body, "hold", Some(Value::Null));
    let probe = Probe::guest(&app, BOOKINGS, body);
    let mut fields = booking_fields();
    fields.extend([
        required("event_type", "text", slugs()),
        required("start", "text", starts()),
        optional("length", "number", lengths()),
    ]);
    probe.every_field(&fields).await;
    for (code, start) in [
        ("start-too-soon", "2026-11-20T10:00:00Z"),
        ("start-too-late", "9999-12-31T23:55:00Z"),
        ("start-not-offered", "2026-11-24T10:05:00Z"),
    ] {
        probe.refused_with(json!({ "start": start }), 422, code, &["start"]).await;
    }
    probe.refused_with(json!({ "length": 60 }), 422, "length-not-offered", &["length"]).await;
    probe.refused_with(json!({ "event_type": "nobodys" }), 404, "unknown-event-type", &[]).await;
    let mut guest = whole_guest();
    put(&mut guest, "vip", Some(json!(true)));
    put(&mut guest, "name", None);
    probe.refused_with(json!({ "guest": guest }), 422, "validation", &["guest.name", "guest.vip"]).await;
    let all = ["guest.name", "guest.email", "guest.time_zone"];
    probe.refused_with(json!({ "guest": {} }), 422, "validation", &all).await;
    let elsewhere = Probe::guest(&app, "/v1/tenants/elsewhere/bookings", probe.body.clone());
    elsewhere.refused(&probe.body, 404, "unknown-event-type", &[]).await;
    probe.accepted(201).await;
}

#[tokio::test]
async fn every_wrong_field_of_a_confirmation_is_named() {
    let app = TestApp::without_stream().await;
    let held = app.hold("intro", START).await.expect(201)["hold"].clone();
    let probe = Probe::guest(&app, BOOKINGS, json!({ "hold": held, "guest": whole_guest() }));
    let mut fields = booking_fields();
    let no_holds = lines(4200).into_iter().chain(tokens()).chain(impossible());
    fields.push(Field { required: false, ..required("hold", "text", no_holds) });
    fields.extend([
        optional("event_type", "text", slugs().into_iter().chain([json!("deep-dive")])),
        optional("start", "text", starts().into_iter().chain([json!("2026-11-24T10:15:00Z")])),
        optional("length", "number", lengths().into_iter().chain([json!(60)])),
    ]);
    for field in &fields {
        for wrong in &field.wrong {
            let mut body = probe.body.clone();
            put(&mut body, field.path, Some(wrong.clone()));
            probe.refused(&body, 422, "validation", &[field.path]).await;
        }
    }
    let differing = json!({ "event_type": "deep-dive", "start": "2026-11-24T12:00:00Z", "length": 60 });
    probe.refused_with(differing, 422, "validation", &["event_type", "start", "length"]).await;
    probe.refused_with(json!({ "hold": forged(&json!({})) }), 410, "hold-expired", &[]).await;
    let unknown = forged(&json!({ "expires_at": 8_000_000_000_000_i64 }));
    probe.refused_with(json!({ "hold": unknown }), 404, "unknown-hold", &[]).await;
    let other_type = forged(&json!({ "event_type": "nobodys", "expires_at": 8_000_000_000_000_i64 }));
    probe.refused_with(json!({ "hold": other_type }), 404, "unknown-event-type", &[]).await;
    // With null the slot has to be named, as without a hold.
    probe.refused_with(json!({ "hold": null }), 422, "validation", &["event_type", "start"]).await;
    probe
        .refused_with(
            json!({ "hold": null, "colour": 1 }),
            422,
            "validation",
            &["event_type", "start", "colour"],
        )
        .await;
    probe.accepted(201).await;
    // Once confirmed it cannot become another booking.
    let mut other = whole_guest();
    put(&mut other, "name", Some(json!("Somebody Else")));
    probe.refused_with(json!({ "guest": other }), 422, "hold-used", &["hold"]).await;
}

#[tokio::test]
async fn every_wrong_field_of_a_connection_is_named() {
    let app = TestApp::with(|options| {
        options.stream = false;
        options.settings.push(("HOLDFAST_RETURN_TO".to_owned(), "https://app.example/admin".to_owned()));
    })
    .await;
    let body = json!({ "host": ADA, "return_to": "https://app.example/admin/calendars?from=holdfast#top" });
    let probe = Probe::admin(&app, Method::POST, CONNECT, body);
    let hosts = [
        "",
        "ada",
        "hst_",
        "hst_ada",
        "HST_ADA1",
        "hst_Ada1",
        "hst_ada 1",
        "hst_ada1\0",
        "int_ada1",
        "hst_../x",
    ];
    let long = format!("hst_{}", "x".repeat(33));
    let hosts = hosts.into_iter().chain([long.as_str()]).map(Value::from);
    probe
        .every_field(&[
            required("host", "text", hosts),
            Field { wrong: [others("text"), lines(2000)].concat(), ..optional("return_to", "", []) },
        ])
        .await;
    probe.refused_with(json!({ "host": "hst_nobody1" }), 404, "unknown-host", &[]).await;
    for url in [
        "https://app.example",
        "https://app.example/",
        "https://app.example/administrator",
        "https://app.example/admin/../other",
        "https://app.example/admin/%2e%2e/other",
        "https://app.example:8443/admin",
        "http://app.example/admin",
        "https://app.example.evil.example/admin",
        "https://app.example@evil.example/admin",
        "https://ada@app.example/admin",
        "https://evil.example/https://app.example/admin",
        "https://evil.example\\app.example/admin",
        "//app.example/admin",
        "/admin",
        "javascript:alert(1)//https://app.example/admin",
        "data:text/html,https://app.example/admin",
        "https://аpp.example/admin",
        "https://",
    ] {
        probe.refused_with(json!({ "return_to": url }), 422, "return-not-allowed", &["return_to"]).await;
    }
    for provider in ["outlook", "Google", "google%00", "%FF", "..%2Fgoogle"] {
        let path = format!("/v1/integrations/{provider}/connect");
        let probe = Probe::admin(&app, Method::POST, &path, json!({ "host": ADA }));
        let code = if provider == "%FF" { "not-found" } else { "unknown-provider" };
        probe.refused(&probe.body, 404, code, &[]).await;
    }
    probe.accepted(200).await;
}

#[tokio::test]
async fn a_browser_is_sent_where_the_url_was_read_to_lead() {
    let app = TestApp::with(|options| {
        options.settings.push(("HOLDFAST_RETURN_TO".to_owned(), "https://app.example/admin".to_owned()));
    })
    .await;
    let body = json!({ "host": ADA, "return_to": "https:\\\\app.example\\admin\\ü" });
    let started = app.admin(Method::POST, CONNECT, Some(&body)).await;
    let url = started.expect(200)["authorization_url"].as_str().unwrap();
    let cookie = started.header("set-cookie").unwrap();
    let back = app.google().consent(url, ADA_ACCOUNT, &[]).unwrap();
    let answer = ask(app.http().get(back).header("cookie", cookie.split(';').next().unwrap())).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.header("location").as_deref(), Some("https://app.example/admin/%C3%BC"));
}

#[tokio::test]
async fn every_wrong_setting_of_an_integration_is_named() {
    let app = TestApp::without_stream().await;
    app.google().add_calendar(ADA_ACCOUNT, "holidays@example.com", "Holidays", "reader");
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    let path = format!("/v1/integrations/{id}");
    let body =
        json!({ "target_calendar": ADA_ACCOUNT, "conflict_calendars": [ADA_ACCOUNT], "enabled": true });
    let probe = Probe::admin(&app, Method::PATCH, &path, body);
    let lists =
        [json!("x"), json!([1]), json!([null]), json!([""]), json!([ADA_ACCOUNT, {}]), json!([["x"]])];
    let fields = [
        optional("target_calendar", "text", lines(1024)),
        Field { wrong: lists.into(), ..optional("conflict_calendars", "", []) },
        optional("enabled", "boolean", [json!(0), json!("false")]),
    ];
    probe.every_field(&fields).await;
    for (change, code, field) in [
        (json!({ "target_calendar": "nobody@example.com" }), "unknown-calendar", "target_calendar"),
        (json!({ "target_calendar": "holidays@example.com" }), "read-only-calendar", "target_calendar"),
        (json!({ "conflict_calendars": ["nobody@example.com"] }), "unknown-calendar", "conflict_calendars"),
        (json!({ "conflict_calendars": vec![ADA_ACCOUNT; 51] }), "too-many-calendars", "conflict_calendars"),
    ] {
        probe.refused_with(change, 422, code, &[field]).await;
    }
    for path in ["/v1/integrations/int_0000", "/v1/integrations/int_nobody00"] {
        Probe::admin(&app, Method::PATCH, path, json!({}))
            .refused(&json!({}), 404, "unknown-integration", &[])
            .await;
    }
    probe.accepted(200).await;
}

#[tokio::test]
async fn every_wrong_parameter_of_a_listing_is_named() {
    let app = TestApp::without_stream().await;
    let path = "/v1/tenants/demo/event-types/intro/slots";
    let before = app.local.dynamodb.dump().await.unwrap();
    let good = "from=2026-11-23&to=2026-11-30&time_zone=Europe/London";
    let cases: &[(&str, &[&str])] = &[
        ("", &["from", "time_zone", "to"]),
        ("from=&to=&time_zone=", &["from", "time_zone", "to"]),
        ("from=2026-11-30&to=2026-11-30&time_zone=UTC", &["to"]),
        ("from=2026-11-30&to=2026-11-23&time_zone=UTC", &["to"]),
        ("from=2026-11-23&to=2027-01-25&time_zone=UTC", &["to"]),
        ("from=2026-11-23&to=9999-12-31&time_zone=UTC", &["to"]),
        ("from=0000-01-01&to=0000-01-02&time_zone=UTC", &["from", "to"]),
        ("from=1969-12-31&to=1970-01-02&time_zone=UTC", &["from"]),
        ("from=9999-12-30&to=9999-12-31&time_zone=UTC", &["from", "to"]),
        ("from=2026-11-31&to=2026-12-02&time_zone=UTC", &["from"]),
        ("from=2026-02-29&to=2026-03-02&time_zone=UTC", &["from"]),
        ("from=23.11.2026&to=30/11/2026&time_zone=UTC", &["from", "to"]),
        ("from=2026-1-1&to=2026-01-2&time_zone=UTC", &["from", "to"]),
        ("from=%2B2026-11-1&to=2026-11-%202&time_zone=UTC", &["from", "to"]),
        ("from=2026-11-23T00:00:00Z&to=today&time_zone=UTC", &["from", "to"]),
        ("from=2026-11-23%00&to=2026-11-30&time_zone=UTC%00", &["from", "time_zone"]),
        ("from=2026-11-23&to=2026-11-30&time_zone=Mars/Olympus", &["time_zone"]),
        ("from=2026-11-23&to=2026-11-30&time_zone=europe/london", &["time_zone"]),
        ("from=2026-11-23&to=2026-11-30&time_zone=%2B01:00", &["time_zone"]),
        ("from=2026-11-23&to=2026-11-30&time_zone=%FF%FE", &["time_zone"]),
        ("FROM=2026-11-23&to=2026-11-30&time_zone=UTC", &["FROM", "from"]),
        ("&from=2026-11-23&from=2026-11-23&to=2026-11-30&time_zone=UTC", &["from"]),
        (
            "&to=2026-11-30&to=2026-11-29&to=x&from=2026-11-23&time_zone=UTC&time_zone=UTC",
            &["time_zone", "to"],
        ),
    ];
    for (query, fields) in cases {
        let answer = ask(to(&app, Method::GET, &format!("{path}?{query}"))).await;
        answer.expect_problem(422, "validation");
        let mut named = answer.wrong_fields();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named, *fields, "{query}: {}", answer.text);
    }
    for length in
        ["", "0", "-30", "7", "30.0", "1e2", "thirty", "725", "99999999999999999999", "%00", "30&length=30"]
    {
        let answer = ask(to(&app, Method::GET, &format!("{path}?{good}&length={length}"))).await;
        answer.expect_problem(422, "validation");
        assert_eq!(answer.wrong_fields(), ["length"], "{length}: {}", answer.text);
    }
    let unknown = format!("{path}?{good}&limit=5&from[]=1&%00=1&%F0%9F%98%80");
    let answer = ask(to(&app, Method::GET, &unknown)).await;
    answer.expect_problem(422, "validation");
    assert_eq!(answer.wrong_fields(), ["\0", "from[]", "limit", "😀"]);
    let answer = ask(to(&app, Method::GET, &format!("{path}?{good}&length=60"))).await;
    answer.expect_problem(422, "length-not-offered");
    assert_eq!(answer.wrong_fields(), ["length"]);
    for elsewhere in ["demo/event-types/nobodys", "elsewhere/event-types/intro"] {
        let path = format!("/v1/tenants/{elsewhere}/slots?{good}");
        ask(to(&app, Method::GET, &path)).await.expect_problem(404, "unknown-event-type");
    }
    ask(to(&app, Method::GET, &format!("{path}?{good}&length=30"))).await.expect(200);
    assert!(before == app.local.dynamodb.dump().await.unwrap());
}

#[tokio::test]
async fn the_list_of_integrations_takes_no_other_parameter_than_a_host() {
    let app = TestApp::without_stream().await;
    for (query, status, code, fields) in [
        ("?host=ada", 422, "validation", &["host"][..]),
        ("?host=", 422, "validation", &["host"]),
        ("?host=hst_ada1&host=hst_ada1", 422, "validation", &["host"]),
        ("?hosts=hst_ada1&limit=1", 422, "validation", &["hosts", "limit"]),
        ("?host=hst_nobody1", 404, "unknown-host", &[]),
    ] {
        let answer = app.admin(Method::GET, &format!("/v1/integrations{query}"), None).await;
        answer.expect_problem(status, code);
        assert_eq!(answer.wrong_fields(), fields, "{query}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_before_it_is_looked_at() {
    let app = TestApp::without_stream().await;
    let before = app.local.dynamodb.dump().await.unwrap();
    let good = hold_body().to_string().into_bytes();
    let nested = |levels: usize| {
        let value = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"event_type":"intro","start":"{START}","x":{value}}}"#).into_bytes()
    };
    let padded = |to: usize| [good.clone(), vec![b' '; to - good.len()]].concat();
    let gzip =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00".to_vec();
    let bytes = |text: &str| text.as_bytes().to_vec();
    let malformed = [
        ("nothing", Vec::new()),
        ("broken", bytes(r#"{"event_type": "intro""#)),
        ("two values", bytes("{} {}")),
        ("a trailing comma", bytes(r#"{"event_type": "intro",}"#)),
        ("a comment", bytes("{/* */}")),
        ("single quotes", bytes("{'event_type': 'intro'}")),
        ("a list", bytes("[{}]")),
        ("null", bytes("null")),
        ("a text", bytes(r#""intro""#)),
        ("NaN", bytes(r#"{"length": NaN}"#)),
        ("a number without end", bytes(&format!(r#"{{"length": 1{}}}"#, "0".repeat(400)))),
        ("a number too large", bytes(r#"{"length": 1e999}"#)),
        ("a control character", bytes("{\"event_type\": \"in\0tro\"}")),
        ("half a surrogate", bytes(r#"{"event_type": "\ud83d"}"#)),
        ("UTF-8 cut short", [bytes(r#"{"event_type": "intro"#), vec![0xe2, 0x82], bytes(r#""}"#)].concat()),
        ("Latin-1", b"{\"event_type\": \"\xe9\"}".to_vec()),
        ("UTF-16", bytes(&"{}".replace('{', "{\0").replace('}', "}\0"))),
        ("a byte order mark", [vec![0xef, 0xbb, 0xbf], good.clone()].concat()),
        (
            "a name twice",
            bytes(&format!(r#"{{"event_type":"intro","start":"{START}","event_type":"deep-dive"}}"#)),
        ),
        ("a name twice, escaped", bytes(r#"{"start": 1, "\u0073tart": 2}"#)),
        ("a name twice further down", bytes(r#"{"guest": [{"name": 1, "name": 1}]}"#)),
        ("a thousand levels", nested(1000)),
        ("thirty thousand levels", nested(30_000)),
        ("compressed", gzip.clone()),
    ];
    for (what, body) in malformed {
        let answer = ask(to(&app, Method::POST, HOLDS).header("content-type", JSON).body(body)).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("malformed-json")), "{what}");
    }
    for (what, body) in [("one byte more", padded(CAP + 1)), ("ten megabytes", padded(10 * 1024 * 1024))] {
        let answer = ask(to(&app, Method::POST, HOLDS).header("content-type", JSON).body(body)).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (413, Some("body-too-large")), "{what}");
    }
    // The gateway itself takes no more than this.
    let more = padded(10 * 1024 * 1024 + 1);
    assert_eq!(ask(to(&app, Method::POST, HOLDS).header("content-type", JSON).body(more)).await.status, 413);
    for kind in [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "json",
        "*/*",
    ] {
        let answer = ask(to(&app, Method::POST, HOLDS).header("content-type", kind).body(good.clone())).await;
        answer.expect_problem(415, "unsupported-media-type");
    }
    ask(to(&app, Method::POST, HOLDS).body(good.clone())).await.expect_problem(415, "unsupported-media-type");
    for (encoding, body) in [("gzip", gzip), ("gzip", good.clone()), ("br, identity", good.clone())] {
        let request =
            to(&app, Method::POST, HOLDS).header("content-type", JSON).header("content-encoding", encoding);
        ask(request.body(body)).await.expect_problem(415, "unsupported-media-type");
    }
    // Well formed, however deep or wide: the fields decide.
    for body in [nested(120), bytes(r#"{"length": 123456789012345678901234567890}"#)] {
        let answer = ask(to(&app, Method::POST, HOLDS).header("content-type", JSON).body(body)).await;
        answer.expect_problem(422, "validation");
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
    let kind = "Application/JSON; charset=utf-8";
    ask(to(&app, Method::POST, HOLDS).header("content-type", kind).body(padded(CAP))).await.expect(201);
}

#[tokio::test]
async fn a_body_of_thousands_of_unknown_fields_has_them_all_named() {
    let app = TestApp::without_stream().await;
    let fields: serde_json::Map<_, _> = (0..5000).map(|n| (format!("f{n}"), json!(n))).collect();
    let answer = app.send(Method::POST, HOLDS, Some(&Value::Object(fields))).await;
    answer.expect_problem(422, "validation");
    assert_eq!(answer.wrong_fields().len(), 5002);
}

#[tokio::test]
async fn what_a_path_does_not_name_is_not_there() {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", START).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    let integration = app.connect(GRACE, "grace@example.com").await;
    let before = app.local.dynamodb.dump().await.unwrap();
    let admin = app.local.admin_token(TENANT);
    let manage = booking["manage_token"].as_str().unwrap();
    let long = "x".repeat(8000);
    let longer = "x".repeat(60_000);
    let junk = [
        "0",
        "null",
        "-",
        "bkg_",
        "bkg_0",
        "BKG_0123",
        "bkg_zzzz",
        "hst_ada1",
        "int_ada1",
        "%00",
        "bkg_0123%00",
        "%FF",
        "%C3%28",
        "%2e%2e%2f",
        "..%2F..%2Fetc",
        "%252e",
        "%25",
        "a%0d%0aX-Evil:1",
        "'--",
        "%3Cb%3E",
        "%F0%9F%98%80",
        "T%23demo",
        "a;b=c",
        "$%7Bjndi:x%7D",
        &integration,
        &long,
        &longer,
    ];
    for junk in junk {
        for (method, path, token) in [
            (Method::GET, format!("/v1/bookings/{junk}"), Some(&*admin)),
            (Method::POST, format!("/v1/bookings/{junk}/cancel"), Some(&*admin)),
            (Method::GET, format!("/v1/tenants/demo/bookings/{junk}"), Some(manage)),
            (Method::DELETE, format!("/v1/tenants/demo/bookings/{junk}"), Some(manage)),
            (Method::GET, format!("/v1/tenants/{junk}/bookings/{id}"), Some(manage)),
            (Method::DELETE, format!("/v1/tenants/{junk}/bookings/{id}"), Some(manage)),
            (
                Method::GET,
                format!(
                    "/v1/tenants/demo/event-types/{junk}/slots?from=2026-11-23&to=2026-11-24&time_zone=UTC"
                ),
                None,
            ),
            (
                Method::GET,
                format!(
                    "/v1/tenants/{junk}/event-types/intro/slots?from=2026-11-23&to=2026-11-24&time_zone=UTC"
                ),
                None,
            ),
            (Method::GET, format!("/v1/integrations/{}", junk.replace(&integration, id)), Some(&*admin)),
            (
                Method::GET,
                format!("/v1/integrations/{}/calendars", junk.replace(&integration, id)),
                Some(&*admin),
            ),
            (
                Method::POST,
                format!("/v1/integrations/{}/sync", junk.replace(&integration, id)),
                Some(&*admin),
            ),
            (Method::DELETE, format!("/v1/integrations/{}", junk.replace(&integration, id)), Some(&*admin)),
            (Method::GET, format!("/v1/{junk}"), None),
        ] {
            // The tenant of the demo data is no junk in its own place.
            if path.starts_with("/v1/tenants/demo/bookings/bkg_") && path.ends_with(id) {
                continue;
            }
            let request = to(&app, method.clone(), &path);
            let answer = ask(match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            })
            .await;
            let shown: String = path.chars().take(100).collect();
            assert_eq!(answer.status, 404, "{method} {shown}: {}", answer.text);
        }
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
}

#[tokio::test]
async fn methods_that_a_route_does_not_take_do_nothing() {
    let app = TestApp::without_stream().await;
    let before = app.local.dynamodb.dump().await.unwrap();
    let admin = app.local.admin_token(TENANT);
    let paths = [
        HOLDS,
        RELEASE,
        BOOKINGS,
        "/v1/bookings/bkg_0123",
        "/v1/tenants/demo/bookings/bkg_0123",
        "/v1/tenants/demo/event-types/intro/slots",
        "/v1/integrations",
        "/v1/integrations/int_0123",
        "/v1/integrations/int_0123/sync",
        CONNECT,
        CALLBACK,
        "/v1/health",
        "/v1/openapi.json",
        "/",
    ];
    for path in paths {
        for method in ["HEAD", "OPTIONS", "TRACE", "PUT", "BREW", "get"] {
            let request = to(&app, method.parse().unwrap(), path).bearer_auth(&admin);
            let answer = ask(request).await;
            assert!(matches!(answer.status, 404 | 405), "{method} {path}: {}", answer.status);
        }
    }
    for (method, path) in [(Method::GET, HOLDS), (Method::DELETE, BOOKINGS), (Method::POST, "/v1/health")] {
        let answer = ask(to(&app, method, path).header("content-type", JSON).body("{}")).await;
        assert!(matches!(answer.status, 404 | 405), "{path}: {}", answer.status);
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
}

#[tokio::test]
async fn what_is_nowhere_ends_in_a_problem_that_says_what_there_is() {
    let app = TestApp::without_stream().await;
    for (method, path) in
        [("GET", "/v1/hosts/hst_ada1/shoes"), ("POST", "/v1/nothing"), ("TRACE", "/v1/a/b/c")]
    {
        let answer = ask(to(&app, method.parse().unwrap(), path)).await;
        answer.expect_problem(404, "not-found");
    }
    for (method, path, taken) in [
        ("DELETE", "/v1/health", "GET"),
        ("HEAD", "/v1/openapi.json", "GET"),
        ("TRACE", HOLDS, "POST"),
        ("PUT", "/v1/hosts/hst_ada1", "DELETE, GET, PATCH"),
        ("OPTIONS", "/demo/intro", "GET"),
    ] {
        let answer = ask(to(&app, method.parse().unwrap(), path)).await;
        assert_eq!((answer.status, answer.header("allow").as_deref()), (405, Some(taken)), "{method} {path}");
        assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
    }
}

/// A function may stand behind something that is no API Gateway.
#[tokio::test]
async fn a_function_by_itself_says_405_and_404_as_problems() {
    use tower::ServiceExt;
    let app = TestApp::without_stream().await;
    for (method, path, status) in [("PUT", HOLDS, 405), ("GET", HOLDS, 405), ("GET", "/v1/nothing", 404)] {
        let router = holdfast::http::finish(bookings::router(), app.app().clone());
        let request = axum::http::Request::builder().method(method).uri(path);
        let answer = router.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}

/// What clients in their right mind would not send, byte by byte. The answer's head and body, or nothing if the
/// connection was closed at once.
async fn raw(app: &TestApp, request: &[u8]) -> String {
    let address = app.local.url().replace("http://", "");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_path_that_climbs_reaches_no_route_that_asks_for_more() {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", START).await.expect(201).clone();
    let id = booking["id"].as_str().unwrap();
    let before = app.local.dynamodb.dump().await.unwrap();
    for tenant in ["..", "%2e%2e", ".%2E", "%2E."] {
        // To the gateway it is a guest's route; what parses URLs on the way takes it for an admin's.
        for method in ["GET", "DELETE"] {
            let request = format!(
                "{method} /v1/tenants/{tenant}/bookings/{id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\n\
                 connection: close\r\n\r\n"
            );
            let answer = raw(&app, request.as_bytes()).await;
            let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
            assert!(matches!(status, 401 | 404 | 405), "{request}{answer}");
            assert!(!answer.contains("mary@example.com"), "{answer}");
        }
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
}

#[tokio::test]
async fn what_is_hardly_http_is_answered_or_hung_up_on() {
    let app = TestApp::without_stream().await;
    let before = app.local.dynamodb.dump().await.unwrap();
    let huge = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000));
    let headers = format!("GET /v1/health HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(1000));
    let requests = [
        "GET /v1/bookings/\0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET /v1/bookings/\u{e9} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET http://elsewhere/v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "CONNECT x:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "POST /v1/tenants/demo/holds HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST /v1/tenants/demo/holds HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "POST /v1/tenants/demo/holds HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "nonsense\r\n\r\n",
        &huge,
        &headers,
    ];
    for request in requests {
        let answer = raw(&app, request.as_bytes()).await;
        let shown: String = request.chars().take(80).collect();
        assert!(answer.is_empty() || !answer.starts_with("HTTP/1.1 5"), "{shown}: {answer}");
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
}

#[tokio::test]
async fn a_token_that_is_none_opens_nothing() {
    let app = TestApp::without_stream().await;
    let booking = app.book_slot("intro", START).await.expect(201).clone();
    let path = format!("{BOOKINGS}/{}", booking["id"].as_str().unwrap());
    let before = app.local.dynamodb.dump().await.unwrap();
    let good = booking["manage_token"].as_str().unwrap();
    let long = "x".repeat(8000);
    let (swapped, cut, longer) = (good.to_uppercase(), &good[1..], format!("{good}x"));
    for method in [Method::GET, Method::DELETE] {
        for header in ["", "Bearer", "Bearer ", "Basic x", good, "Bearer\t", "Digest a=b"] {
            let request = to(&app, method.clone(), &path).header("authorization", header);
            ask(request).await.expect_problem(401, "unauthorized");
        }
        ask(to(&app, method.clone(), &path)).await.expect_problem(401, "unauthorized");
        let bytes = to(&app, method.clone(), &path).header("authorization", b"Bearer \xff\xfe".as_slice());
        ask(bytes).await.expect_problem(401, "unauthorized");
        for token in ["x", "null", "../..", "a b", &swapped, cut, &longer, &long] {
            let answer = ask(to(&app, method.clone(), &path).bearer_auth(token)).await;
            answer.expect_problem(404, "unknown-booking");
        }
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
    ask(to(&app, Method::GET, &path).header("authorization", format!("bEARER {good}"))).await.expect(200);
}

#[tokio::test]
async fn the_round_trip_ends_for_bad_input_with_a_page_and_nothing_connected() {
    let app = TestApp::without_stream().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let good = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    let before = app.local.dynamodb.dump().await.unwrap();
    let long = format!("?state={}&code=x", "x".repeat(201));
    let evil = "?state=%3Cscript%3Ealert(1)%3C/script%3E&code=%3Cscript%3E&error=%3Cscript%3E";
    for (query, status, code) in [
        ("", 422, "validation"),
        ("?state=", 422, "validation"),
        ("?state=x", 422, "validation"),
        ("?state=x&code=", 422, "validation"),
        ("?code=x", 422, "validation"),
        ("?error=access_denied", 422, "validation"),
        ("?state=x&state=y&code=x", 422, "validation"),
        ("?state=%00&code=x", 422, "validation"),
        (&long, 422, "validation"),
        ("?state=never-issued&code=x", 410, "unknown-state"),
        ("?state=never-issued&error=access_denied", 410, "unknown-state"),
        ("?state=%FF%FE&code=%FF", 410, "unknown-state"),
        (evil, 410, "unknown-state"),
    ] {
        let answer =
            ask(to(&app, Method::GET, &format!("{CALLBACK}{query}")).header("cookie", &cookie)).await;
        page(&answer, status, code);
    }
    let other = good.as_str().replace("/google/", "/outlook/");
    page(&ask(app.http().get(&other).header("cookie", &cookie)).await, 404, "unknown-provider");
    for (body, status, code) in [
        ("", 422, "validation"),
        ("approve=", 422, "validation"),
        ("approve=x&approve=y", 422, "validation"),
        ("approve=x&more=y", 422, "validation"),
        ("approve=%00", 422, "validation"),
        ("approve=x", 410, "unknown-state"),
    ] {
        let request =
            to(&app, Method::POST, CALLBACK).header("content-type", "application/x-www-form-urlencoded");
        page(&ask(request.body(body)).await, status, code);
    }
    for kind in [JSON, "text/plain", "multipart/form-data; boundary=x"] {
        let request = to(&app, Method::POST, CALLBACK).header("content-type", kind);
        page(&ask(request.body("approve=x")).await, 415, "unsupported-media-type");
    }
    let request =
        to(&app, Method::POST, CALLBACK).header("content-type", "application/x-www-form-urlencoded");
    page(&ask(request.body(vec![b'x'; CAP + 1])).await, 413, "body-too-large");
    assert!(before == app.local.dynamodb.dump().await.unwrap());
    assert_eq!(app.come_back(good.as_str(), &cookie).await.status, 200, "none of this has spent the state");
}

/// A page of the callback that says what went wrong, and carries nothing of the caller's.
#[track_caller]
fn page(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type").as_deref(), Some("text/html; charset=utf-8"));
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert!(answer.text.contains(&format!("<p class=\"code\">{code}</p>")), "{}", answer.text);
    assert!(!answer.text.contains("<script"), "{}", answer.text);
}

#[tokio::test]
async fn a_state_works_once_and_for_ten_minutes() {
    let app = TestApp::without_stream().await;
    let (url, cookie) = app.begin_connect(ADA).await;
    let back = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    app.come_back(back.as_str(), &cookie).await.expect(200);
    let before = app.local.dynamodb.dump().await.unwrap();
    page(&app.come_back(back.as_str(), &cookie).await, 410, "unknown-state");
    assert!(before == app.local.dynamodb.dump().await.unwrap());

    let (url, cookie) = app.begin_connect(GRACE).await;
    let back = app.google().consent(&url, "grace@example.com", &[]).unwrap();
    app.pass(TimeDelta::minutes(10));
    page(&app.come_back(back.as_str(), &cookie).await, 410, "unknown-state");
    assert!(!app.google().is_connected("grace@example.com"), "the code was never exchanged");
}

#[tokio::test]
async fn a_state_and_an_approval_are_not_each_other() {
    let app = TestApp::without_stream().await;
    let (url, _) = app.begin_connect(ADA).await;
    let back = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let form = |token: &str| to(&app, Method::POST, CALLBACK).form(&[("approve", token)]);
    page(&ask(form(&state)).await, 410, "unknown-state");
    page(&app.come_back(back.as_str(), "").await, 410, "unknown-state");

    let (url, _) = app.begin_connect(ADA).await;
    let back = app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    let asked = app.come_back(back.as_str(), "holdfast_oauth=somebody-elses").await;
    let approval = asked.text.split("name=\"approve\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let as_state = format!("{CALLBACK}?state={approval}&code=x");
    page(&ask(to(&app, Method::GET, &as_state)).await, 410, "unknown-state");
    page(&ask(form(approval)).await, 410, "unknown-state");
    let statuses: Vec<_> = app.integrations(ADA).await.iter().map(|found| found["status"].clone()).collect();
    assert!(statuses.iter().all(|status| status == "pending"), "{statuses:?}");
}

#[tokio::test]
async fn a_consent_that_was_denied_or_is_of_no_use_connects_nothing() {
    let app = TestApp::without_stream().await;
    let go = async |change: &dyn Fn(&str) -> String, status: u16, code: &str| {
        let (url, cookie) = app.begin_connect(ADA).await;
        page(&app.come_back(&change(&url), &cookie).await, status, code);
        let integrations = app.integrations(ADA).await;
        let is_waiting = |found: &Value| found["status"] == "pending" && found["account"].is_null();
        assert!(integrations.iter().all(is_waiting), "{code}: {integrations:?}");
        assert_eq!(
            app.starts("intro", "2026-11-24", "2026-11-25").await.len(),
            31,
            "{code}: it blocks nothing"
        );
    };
    let denied = |url: &str| app.google().deny(url).unwrap().to_string();
    go(&denied, 403, "consent-denied").await;
    let failed = |url: &str| denied(url).replace("access_denied", "temporarily_unavailable");
    go(&|url| failed(url).replace("temporarily_unavailable", "%3Cscript%3Ealert(1)"), 400, "provider-error")
        .await;
    for scope in ["calendar.events.owned", "calendar.freebusy"] {
        go(
            &|url| app.google().consent(url, ADA_ACCOUNT, &[scope]).unwrap().to_string(),
            403,
            "missing-scopes",
        )
        .await;
        // Google adds to what it has granted before; she takes that back.
        app.google().revoke_grants(ADA_ACCOUNT);
    }
    let forged = |url: &str| denied(url).replace("error=access_denied", "code=forged");
    go(&forged, 400, "code-refused").await;
}

#[tokio::test]
async fn addresses_that_people_have_are_taken() {
    let app = TestApp::without_stream().await;
    let free = app.starts("intro", "2026-11-24", "2026-11-28").await;
    let long = format!("{}@{}.example.com", "x".repeat(64), "y".repeat(63));
    let addresses = [
        "mary@example.com",
        "m@e.co",
        "first.last+tag@sub.domain.example.com",
        "o'brien@example.ie",
        "MARY@EXAMPLE.COM",
        "x_y-z@example.travel",
        "1234567890@123.example",
        "mary@xn--exmple-cua.com",
        "!#$%&'*+/=?^_`{|}~@example.com",
        &long,
    ];
    for (address, start) in addresses.iter().zip(free.iter().step_by(2)) {
        let mut guest = guest();
        put(&mut guest, "email", Some(json!(address)));
        let booked = app.book(&json!({ "event_type": "intro", "start": start, "guest": guest })).await;
        assert_eq!(booked.expect(201)["guest"]["email"], *address);
    }
}

#[tokio::test]
async fn names_of_all_scripts_come_back_as_they_were_given() {
    let app = TestApp::without_stream().await;
    app.connect(ADA, ADA_ACCOUNT).await;
    let free = app.starts("intro", "2026-11-24", "2026-11-28").await;
    let long = "𝔄".repeat(200);
    let names = [
        "Þórdís Kolbrún",
        "محمد بن سلمان",
        "עדה לאבלייס",
        "山田 太郎",
        "👩🏽‍💻 Ada",
        "Zero\u{200b}width\u{feff}",
        "\u{202e}esrever",
        "A\u{301}\u{301}\u{301}da",
        "NULL",
        "Robert'); DROP TABLE Students;--",
        "{{7*7}} ${x} %s %n",
        "<script>alert('&\"')</script>",
        &long,
    ];
    for (name, start) in names.iter().zip(free.iter().step_by(2)) {
        let mut guest = guest();
        put(&mut guest, "name", Some(json!(name)));
        let notes = format!("{name}\n\t\"<a href='https://evil.example'>{name}</a>\" & co");
        let metadata = json!({ "<b>": [1, null, { "\u{0}": name }], "e": 1.5e10 });
        let body = json!({
            "event_type": "intro", "start": start, "guest": guest, "notes": notes, "answers": { "q": name },
            "metadata": metadata,
        });
        let booking = app.book(&body).await.expect(201).clone();
        let id = booking["id"].as_str().unwrap();
        let read = app.admin(Method::GET, &format!("/v1/bookings/{id}"), None).await;
        assert_eq!(read.header("content-type").as_deref(), Some(JSON));
        assert_eq!(read.header("x-content-type-options").as_deref(), Some("nosniff"));
        let read = read.expect(200);
        assert_eq!((&read["guest"]["name"], &read["notes"]), (&json!(name), &json!(notes)));
        assert_eq!((&read["answers"]["q"], &read["metadata"]), (&json!(name), &metadata));
        let events = app.our_events(ADA_ACCOUNT, ADA_ACCOUNT);
        let marked = |event: &&Value| event["extendedProperties"]["private"]["holdfast_booking"] == id;
        let event = events.iter().find(marked).unwrap();
        assert_eq!(event["summary"], format!("Intro call with {name}"));
        let description = event["description"].as_str().unwrap();
        assert!(!description.contains('<'), "Google would take it for HTML: {description}");
    }
}

#[tokio::test]
async fn metadata_and_notes_may_be_as_large_as_they_say() {
    let app = TestApp::without_stream().await;
    let metadata = json!({ "x": "x".repeat(8184) });
    assert_eq!(metadata.to_string().len(), 8192);
    let body = json!({
        "event_type": "intro", "start": START, "guest": whole_guest(), "notes": "😀".repeat(4000),
        "answers": metadata, "metadata": metadata,
    });
    let booking = app.book(&body).await.expect(201).clone();
    assert_eq!((&booking["metadata"], &booking["notes"]), (&metadata, &body["notes"]));
    let deep: Value =
        serde_json::from_str(&format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100))).unwrap();
    let body =
        json!({ "event_type": "intro", "start": "2026-11-24T11:00:00Z", "guest": guest(), "metadata": deep });
    assert_eq!(app.book(&body).await.expect(201)["metadata"], deep);
}

#[tokio::test]
async fn html_in_names_is_escaped_on_the_pages() {
    let app = TestApp::without_stream().await;
    let evil = r#"<img src=x onerror="alert('1')">&amp;"#;
    let mut host = app.app().store.host(&app.tenant(), &ADA.parse().unwrap()).await.unwrap().unwrap().host;
    evil.clone_into(&mut host.name);
    app.app().store.put_host(&app.tenant(), &host).await.unwrap();
    let account = "<b>'\"&@example.com";
    app.google().add_account(account, evil);
    let escaped = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;";

    let (url, _) = app.begin_connect(ADA).await;
    let back = app.google().consent(&url, account, &[]).unwrap();
    let asked = ask(app.http().get(back)).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    assert!(asked.text.contains(escaped), "{}", asked.text);
    assert!(asked.text.contains("<strong>&lt;b&gt;&#39;&quot;&amp;@example.com</strong>"), "{}", asked.text);
    assert!(!asked.text.contains("<img") && !asked.text.contains("<b>"), "{}", asked.text);

    let approval = asked.text.split("name=\"approve\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let connected = ask(to(&app, Method::POST, CALLBACK).form(&[("approve", approval)])).await;
    assert_eq!(connected.status, 200, "{}", connected.text);
    assert!(connected.text.contains("&lt;b&gt;&#39;&quot;&amp;@example.com"), "{}", connected.text);
    assert!(!connected.text.contains("<b>"), "{}", connected.text);
}
