//! What the product and the simulated Google say to each other is what Google's own document allows.
//!
//! Every other test holds its exchanges against it, too: see [`tests::contract`]. Here stands that all operations
//! were seen, and that each kind of fault is found.

use std::sync::{Arc, Mutex};

use fakes::Fault;
use fakes::google::{Answered, Exchange, Method};
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Contract, TestApp};

const FAMILY: &str = "family.ada@group.calendar.google.com";
const TEN: &str = "2026-11-24T10:00:00Z";
const EVENTS: &str = "/calendar/v3/calendars/ada@example.com/events";

const SKIPPED: &str =
    "skipped: no google-calendar.v3.json in ../shared/schemas; HOLDFAST_SCHEMAS names another folder";

#[tokio::test]
async fn every_operation_keeps_the_contract() {
    if Contract::official().is_none() {
        println!("{SKIPPED}");
        return;
    }
    let app = TestApp::without_stream().await;
    let integration = app.connect(ADA, ADA_ACCOUNT).await;
    app.calendars(&integration).await.expect(200);
    let conflicts = json!({ "conflict_calendars": [ADA_ACCOUNT, FAMILY] });
    app.set_integration(&integration, &conflicts).await.expect(200);
    app.google().set_page_size(1);
    app.sync(&integration).await.expect(200);
    app.google().set_page_size(2500);

    // Its answer is lost: asked for again, and found.
    app.google().faults.next("events.insert", Fault::CutAfter);
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    assert_eq!(booking["calendar_sync"], "synced");
    app.reschedule(&booking, "2026-11-25T15:00:00Z").await.expect(200);
    app.cancel(&booking).await.expect(200);

    // Refused: an access token, a calendar within an answer, an event that is gone.
    app.google().expire_access_tokens();
    app.google().break_calendar(FAMILY, "notFound");
    app.sync(&integration).await;
    app.google().mend_calendar(FAMILY);
    let booking = app.book_slot("intro", TEN).await.expect(201).clone();
    let event = booking["calendar_event"]["event"].as_str().expect("an event");
    app.google().remove_event(ADA_ACCOUNT, ADA_ACCOUNT, event);
    app.cancel(&booking).await.expect(200);
    app.disconnect(&integration).await.expect(200);

    // A grant that its owner took back.
    app.connect(ADA, ADA_ACCOUNT).await;
    app.google().revoke_grants(ADA_ACCOUNT);
    app.tick_for(3).await;

    let checked = app.ledger().checked();
    for (method, times) in &checked {
        println!("{times:>4} x {method}");
    }
    let expected = [
        "authorize",
        "calendar.calendarList.get",
        "calendar.calendarList.list",
        "calendar.events.delete",
        "calendar.events.get",
        "calendar.events.insert",
        "calendar.events.list",
        "calendar.events.patch",
        "calendar.freebusy.query",
        "revoke",
        "token",
    ];
    assert_eq!(checked.keys().collect::<Vec<_>>(), expected);
}

#[test]
fn the_fake_takes_no_scope_and_no_parameter_that_google_does_not() {
    let Some(contract) = Contract::official() else {
        println!("{SKIPPED}");
        return;
    };
    let mut stricter = Vec::new();
    for method in Method::all() {
        let (laxer, more) = contract.compare(method);
        assert_eq!(laxer, Vec::<String>::new());
        stricter.extend(more);
    }
    // Each of these stands in the table of `fakes::google`.
    let known = [
        "oauth_token",
        "eventLabelVersion",
        "showOwnOrganizationOnly",
        "calendar.app.created",
        "calendar.events.public.readonly",
    ];
    stricter.retain(|refused| !known.iter().any(|name| refused.ends_with(name)));
    assert_eq!(stricter, Vec::<String>::new());
}

#[tokio::test]
async fn who_listens_is_told_what_the_fake_said_and_what_a_test_put_in() {
    let app = TestApp::without_stream().await;
    let heard: Arc<Mutex<Vec<Exchange>>> = Arc::default();
    let listening = Arc::clone(&heard);
    app.google().observe(move |exchange| listening.lock().unwrap().push(exchange.clone()));
    let ask =
        || app.http().get(format!("{}/calendar/v3/users/me/calendarList?maxResults=7", app.google().url()));
    let refused = app.answered(ask()).await;
    app.google().faults.next("calendarList.list", Fault::json(200, &json!({ "kind": "none" })));
    let put_in = app.answered(ask()).await;
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        app.google().faults.next("calendarList.list", fault);
        ask().send().await.unwrap_err();
    }
    let exchanges = std::mem::take(&mut *heard.lock().unwrap());
    for exchange in &exchanges {
        assert_eq!((exchange.op.as_str(), exchange.method.as_str()), ("calendarList.list", "GET"));
        assert_eq!(exchange.path, "/calendar/v3/users/me/calendarList");
        assert_eq!(exchange.query, [("maxResults".to_owned(), "7".to_owned())]);
    }
    let answers = exchanges.iter().map(|exchange| exchange.answer.as_ref());
    let answers: Vec<_> =
        answers.map(|one| one.map(|one| (one.status, one.body.as_str(), one.by_fault))).collect();
    // Nothing was done at the third; what was done at the fourth was cut off.
    let (own, fault) = ((401, refused.text.as_str(), false), (200, put_in.text.as_str(), true));
    assert_eq!(answers, [Some(own), Some(fault), None, Some(own)]);
}

/// An exchange of `events.insert` that is in order.
fn insert() -> Exchange {
    let at = |hour: u32| json!({ "dateTime": format!("2026-11-24T{hour:02}:00:00Z"), "timeZone": "Europe/London" });
    let body = json!({
        "id": "hf0123", "summary": "Intro call", "start": at(10), "end": at(11), "transparency": "opaque",
        "attendees": [{ "email": "mary@example.com", "responseStatus": "needsAction" }],
        "reminders": { "useDefault": false, "overrides": [{ "method": "popup", "minutes": 15 }] },
        "extendedProperties": { "private": { "any": "word" } },
    });
    let answer =
        json!({ "kind": "calendar#event", "id": "hf0123", "start": { "dateTime": "2026-11-24T10:00:00Z" } });
    Exchange {
        op: "events.insert".to_owned(),
        method: "POST".to_owned(),
        path: EVENTS.to_owned(),
        query: Vec::new(),
        content_type: Some("application/json".to_owned()),
        body: body.to_string(),
        answer: Some(answered(200, &answer)),
    }
}

fn answered(status: u16, body: &Value) -> Answered {
    let content_type = Some("application/json; charset=UTF-8".to_owned());
    Answered { status, content_type, body: body.to_string(), whole: body.to_string(), by_fault: false }
}

/// The same with another value at this place of the request; a null takes it away.
fn with(place: &str, value: Value) -> Exchange {
    let mut exchange = insert();
    let mut body: Value = serde_json::from_str(&exchange.body).expect("JSON");
    set(&mut body, place, value);
    exchange.body = body.to_string();
    exchange
}

/// The same with another value in the answer.
fn answering(place: &str, value: Value) -> Exchange {
    let mut exchange = insert();
    let answer = exchange.answer.as_mut().expect("an answer");
    let mut body: Value = serde_json::from_str(&answer.body).expect("JSON");
    set(&mut body, place, value);
    answer.body = body.to_string();
    answer.whole = body.to_string();
    exchange
}

fn set(body: &mut Value, place: &str, value: Value) {
    let (above, name) = place.rsplit_once('/').expect("a place");
    let above = body.pointer_mut(above).and_then(Value::as_object_mut).expect("an object");
    if value.is_null() {
        above.remove(name)
    } else {
        above.insert(name.to_owned(), value)
    };
}

/// The same with these parameters.
fn asking(query: &[(&str, &str)]) -> Exchange {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Exchange { query, ..insert() }
}

fn listing(query: &[(&str, &str)]) -> Exchange {
    let (method, body) = ("GET".to_owned(), String::new());
    Exchange { method, body, content_type: None, answer: None, ..asking(query) }
}

#[test]
fn a_break_of_the_contract_is_found() {
    let Some(contract) = Contract::official() else {
        println!("{SKIPPED}");
        return;
    };
    let patch = Exchange { method: "PATCH".to_owned(), path: format!("{EVENTS}/hf0123"), ..insert() };
    let error = |status: u16, error: Value| {
        let answer = Some(answered(status, &json!({ "error": error })));
        Exchange { answer, ..insert() }
    };
    let detail = json!({ "domain": "global", "reason": "duplicate", "message": "Taken." });
    let duplicate = json!({ "code": 409, "message": "Taken.", "errors": [detail] });
    let in_order = [
        ("insert", insert()),
        ("patch", patch.clone()),
        ("a null in a patch", Exchange { body: r#"{"start":{"date":null}}"#.to_owned(), ..patch }),
        ("a notice", asking(&[("sendUpdates", "all"), ("fields", "id,start/dateTime,kind")])),
        ("types", listing(&[("eventTypes", "default"), ("eventTypes", "focusTime"), ("maxResults", "9")])),
        ("a mask", listing(&[("fields", "kind,items(id,start(date,dateTime),extendedProperties/private)")])),
        ("taken", error(409, duplicate.clone())),
    ];
    for (what, exchange) in in_order {
        assert_eq!(contract.check(&exchange).1, Vec::<String>::new(), "{what}");
    }

    let mut leftover = duplicate.clone();
    leftover["reason"] = json!("duplicate");
    let fault = Answered { by_fault: true, ..answered(200, &json!([])) };
    let wrong = [
        ("a field that there is not", "emai", with("/attendees/0/emai", json!("mary@example.com"))),
        ("a type", "\"string\"", with("/summary", json!(7))),
        ("a number's type", "integer", with("/reminders/overrides/0/minutes", json!("15"))),
        ("a number's range", "maximum", with("/reminders/overrides/0/minutes", json!(1_u64 << 32))),
        ("a word", "maybe", with("/attendees/0/responseStatus", json!("maybe"))),
        ("another word", "solid", with("/transparency", json!("solid"))),
        ("a day", "\"date\"", with("/start/date", json!("24.11.2026"))),
        ("an instant", "date-time", with("/start/dateTime", json!("2026-11-24 10 o'clock"))),
        ("what is required", "required", with("/end", Value::Null)),
        ("a list", "array", with("/attendees", json!({}))),
        (
            "a null in an insert",
            "null",
            Exchange { body: r#"{"start":null,"end":{}}"#.to_owned(), ..insert() },
        ),
        ("no JSON", "EOF", Exchange { body: "{".to_owned(), ..insert() }),
        ("a form", "request", Exchange { content_type: None, ..insert() }),
        ("a parameter that there is not", "sendUpdate", asking(&[("sendUpdate", "all")])),
        ("a parameter of another method", "timeMin", asking(&[("timeMin", "2026-11-24T10:00:00Z")])),
        ("a parameter's word", "some", asking(&[("sendUpdates", "some")])),
        ("a parameter twice", "repeated", asking(&[("sendUpdates", "all"), ("sendUpdates", "all")])),
        ("a parameter's range", "maximum", asking(&[("conferenceDataVersion", "2")])),
        ("a parameter's least", "minimum", listing(&[("maxResults", "0")])),
        ("a number", "integer", listing(&[("maxResults", "many")])),
        ("a boolean", "boolean", listing(&[("singleEvents", "1")])),
        ("an instant's offset", "date-time", listing(&[("timeMin", "2026-11-24T10:00:00")])),
        ("a repeated word", "birthdays", listing(&[("eventTypes", "birthdays")])),
        ("a mask's name", "nextPage", listing(&[("fields", "items,nextPage")])),
        ("a mask's inner name", "items/start/dateTimes", listing(&[("fields", "items(id,start/dateTimes)")])),
        ("a mask's bracket", "cannot read", listing(&[("fields", "items(id")])),
        ("more than was asked for", "not asked for", asking(&[("fields", "id,kind")])),
        ("a body where none is", "no body", Exchange { body: "{}".to_owned(), ..listing(&[]) }),
        ("a path", "no such method", Exchange { path: format!("{EVENTS}/a/b"), ..insert() }),
        ("a verb", "no such method", Exchange { method: "PUT".to_owned(), ..insert() }),
        ("an answer's field", "colour", answering("/colour", json!("red"))),
        ("an answer's type", "\"object\"", answering("/start", json!("2026-11-24"))),
        ("an answer's kind", "calendar#event", answering("/kind", json!("calendar#events"))),
        ("an answer's word", "gone", answering("/status", json!("gone"))),
        ("a status", "204", Exchange { answer: Some(answered(204, &json!({}))), ..insert() }),
        ("an error's form", "required", error(400, json!({ "code": 400, "message": "No." }))),
        ("an error's code", "404 says", error(404, duplicate.clone())),
        (
            "an error's reason",
            "410 says",
            error(410, {
                let mut gone = duplicate;
                gone["code"] = json!(410);
                gone
            }),
        ),
        ("an error's field", "reason", error(409, leftover)),
    ];
    for (what, words, exchange) in wrong {
        let (_, found) = contract.check(&exchange);
        assert!(found.iter().any(|wrong| wrong.contains(words)), "{what}: {found:?}");
        // What a test itself puts in is not the fake's; what the product asked still is the product's.
        let exchange = Exchange { answer: Some(fault.clone()), ..exchange };
        let is_answer = what.starts_with("an answer") || what.starts_with("an error");
        let is_answer = is_answer || ["more than was asked for", "a status"].contains(&what);
        assert_eq!(contract.check(&exchange).1.is_empty(), is_answer, "{what}");
    }
}

#[test]
fn a_break_of_what_oauth_asks_for_is_found() {
    let Some(contract) = Contract::official() else {
        println!("{SKIPPED}");
        return;
    };
    let form = |path: &str, body: &str, answer: Option<Answered>| Exchange {
        path: path.to_owned(),
        content_type: Some("application/x-www-form-urlencoded".to_owned()),
        body: body.to_owned(),
        answer,
        ..insert()
    };
    let refresh = "client_id=a&client_secret=b&grant_type=refresh_token&refresh_token=c";
    let tokens = json!({ "access_token": "a", "expires_in": 3599, "scope": "b", "token_type": "Bearer" });
    let without_type = json!({ "access_token": "a", "expires_in": 3599, "scope": "b" });
    let refused =
        json!({ "error": "invalid_grant", "error_description": "Token has been expired or revoked." });
    let challenge = "a".repeat(43);
    let authorize = |more: (&str, &str)| {
        let scope = "https://www.googleapis.com/auth/calendar.freebusy";
        let mut query = vec![
            ("client_id", "a"),
            ("redirect_uri", "https://example.com/back"),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "b"),
            ("access_type", "offline"),
            ("prompt", "consent"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        query.retain(|(name, _)| *name != more.0);
        query.push(more);
        Exchange { path: "/o/oauth2/v2/auth".to_owned(), ..listing(&query) }
    };
    let in_order = [
        form("/token", refresh, Some(answered(200, &tokens))),
        form("/token", refresh, Some(answered(400, &refused))),
        form("/revoke", "token=a", Some(answered(200, &json!({})))),
        authorize(("login_hint", ADA_ACCOUNT)),
    ];
    for exchange in in_order {
        assert_eq!(contract.check(&exchange).1, Vec::<String>::new(), "{exchange:?}");
    }
    let wrong = [
        form("/token", "client_id=a&client_secret=b&grant_type=refresh_token", None),
        form("/token", &format!("{refresh}&token=c"), None),
        form("/token", "client_id=a&client_secret=b&grant_type=password&refresh_token=c", None),
        form("/token", refresh, Some(answered(200, &without_type))),
        form("/token", refresh, Some(answered(400, &json!({ "error": "no" })))),
        form("/token", refresh, Some(answered(500, &refused))),
        form("/revoke", "", None),
        Exchange { query: vec![("token".to_owned(), "a".to_owned())], ..form("/revoke", "token=a", None) },
        Exchange { content_type: None, ..form("/revoke", "token=a", None) },
        form("/tokens", refresh, None),
        authorize(("scope", "https://www.googleapis.com/auth/calendar.everything")),
        authorize(("code_challenge_method", "plain")),
        authorize(("access_type", "always")),
        authorize(("hint", "ada")),
    ];
    for exchange in wrong {
        assert!(!contract.check(&exchange).1.is_empty(), "{exchange:?}");
    }
}
