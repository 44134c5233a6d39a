//! What only a wire shows: that lists are read to their end, that a lying or missing answer is never "free", and
//! what is sent.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::calendars::loopback::{Loopback, Reply};
use crate::domain::zone::named::Europe;
use crate::domain::{BookingId, Visibility, Zone};

fn google(server: &Loopback) -> Google {
    let config = GoogleConfig {
        authorize_url: server.url("/o/oauth2/v2/auth"),
        token_url: server.url("/token"),
        revoke_url: server.url("/revoke"),
        api_url: server.url("/calendar/v3"),
        ..GoogleConfig::new("our-client".to_owned(), "our-secret".into())
    };
    Google::new(config, Http::new(crate::outbound::client(&[])), Clock::system())
}

fn access() -> Credential {
    Credential::Bearer("ya29.access".into())
}

fn call(credential: &Credential) -> Call<'_> {
    Call { credential, deadline: Instant::now() + Duration::from_secs(3) }
}

fn calendar(id: &str) -> CalendarId {
    id.parse().unwrap()
}

fn integration() -> IntegrationId {
    "int_ada1".parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn span(start: &str, end: &str) -> Span {
    Span::outward(at(start), at(end))
}

fn today() -> Span {
    span("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
}

fn reply(body: &Value) -> Reply {
    Reply::json(&body.to_string())
}

fn events(items: &Value, next: Option<&str>) -> Value {
    json!({ "kind": "calendar#events", "timeZone": "Europe/Berlin", "items": items, "nextPageToken": next })
}

fn event(id: &str, start: &str, end: &str) -> Value {
    json!({ "id": id, "start": { "dateTime": start }, "end": { "dateTime": end } })
}

fn ours(mut event: Value) -> Value {
    event["extendedProperties"] = json!({ "private": {
        "holdfast_integration": "int_ada1", "holdfast_booking": "bkg_ada1" } });
    event
}

/// Of a calendar with events of ours, which blocks, too, and of others that block.
async fn busy_of(server: &Loopback, with_own: Option<&CalendarId>, others: &[CalendarId]) -> Busy {
    let with_own = with_own.into_iter().cloned().collect::<Vec<_>>();
    let conflicts = [with_own.as_slice(), others].concat();
    let query =
        BusyQuery { window: today(), conflicts: &conflicts, with_own: &with_own, owner: &integration() };
    google(server).busy(call(&access()), &query).await.unwrap()
}

#[test]
fn googles_own_addresses_parse() {
    let config = GoogleConfig::new("id".to_owned(), "secret".into());
    assert_eq!(config.api_url.as_str(), "https://www.googleapis.com/calendar/v3");
    assert!(!format!("{config:?}").contains("secret\""), "a secret is printed");
}

#[test]
fn the_consent_page_is_asked_for_offline_access_with_pkce_and_the_least_scopes() {
    let server = Loopback::start(vec![]);
    let authorize = Authorize {
        state: "st&te",
        challenge: "chall",
        redirect_uri: "https://book.example/callback",
        login_hint: Some("ada@example.com"),
    };
    let url = google(&server).authorize_url(&authorize);
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let expected = [
        ("response_type", "code"),
        ("client_id", "our-client"),
        ("redirect_uri", "https://book.example/callback"),
        (
            "scope",
            "https://www.googleapis.com/auth/calendar.freebusy \
             https://www.googleapis.com/auth/calendar.events.owned \
             https://www.googleapis.com/auth/calendar.calendarlist.readonly",
        ),
        ("state", "st&te"),
        ("code_challenge", "chall"),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
        ("prompt", "consent"),
        ("include_granted_scopes", "true"),
        ("login_hint", "ada@example.com"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn broader_scopes_count_and_unticked_ones_are_named() {
    let google = google(&Loopback::start(vec![]));
    let missing = |granted: &[&str]| {
        let granted: Vec<_> =
            granted.iter().map(|scope| format!("https://www.googleapis.com/auth/{scope}")).collect();
        google.missing_scopes(&granted)
    };
    let none: [&str; 0] = [];
    assert_eq!(missing(&["calendar"]), none);
    assert_eq!(
        missing(&["calendar.freebusy", "calendar.events.owned", "calendar.calendarlist.readonly"]),
        none
    );
    assert_eq!(missing(&["calendar.readonly", "calendar.events"]), none);
    assert_eq!(missing(&["calendar.readonly"]), ["https://www.googleapis.com/auth/calendar.events.owned"]);
    assert_eq!(missing(&["calendar.app.created", "calendar.freebusy", "calendar.events.readonly"]).len(), 2);
    assert_eq!(missing(&[]).len(), 3);
}

#[test]
fn a_window_is_cut_into_pieces_of_seventy_days_without_a_gap() {
    let window = span("2026-01-01T00:00:00Z", "2026-06-01T00:10:00Z");
    let pieces: Vec<_> = pieces(window).collect();
    assert_eq!(pieces.len(), 3);
    assert_eq!((pieces[0].start, pieces[2].end), (window.start, window.end));
    assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
    assert!(pieces.iter().all(|piece| piece.len().minutes() <= 70 * 24 * 60));
}

#[test]
fn an_id_is_escaped_as_one_segment() {
    let google = google(&Loopback::start(vec![]));
    let url = google.url(&["calendars", "a/../b#holiday@group.v.calendar.google.com", "events"]);
    assert_eq!(url.path(), "/calendar/v3/calendars/a%2F..%2Fb%23holiday@group.v.calendar.google.com/events");
}

#[tokio::test]
async fn the_list_of_calendars_is_read_to_its_last_page() {
    let page = |id: &str, next: Option<&str>| {
        reply(&json!({ "kind": "calendar#calendarList", "nextPageToken": next,
            "items": [{ "id": id, "primary": id == "ada@example.com", "accessRole": "owner" }] }))
    };
    let server =
        Loopback::start(vec![page("ada@example.com", Some("p 2")), page("c2", Some("p3")), page("c3", None)]);
    let calendars = google(&server).calendars(call(&access())).await.unwrap();
    let ids: Vec<_> = calendars.iter().map(|calendar| calendar.id.as_str()).collect();
    assert_eq!(ids, ["ada@example.com", "c2", "c3"]);
    assert!(calendars[0].primary && calendars[0].owned);
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /calendar/v3/users/me/calendarList?maxResults=250&"));
    assert!(requests[0].contains("authorization: Bearer ya29.access"));
    assert!(requests[1].contains("pageToken=p+2"));
}

#[tokio::test]
async fn a_list_that_names_the_same_page_twice_is_given_up() {
    let page = || reply(&json!({ "kind": "calendar#calendarList", "nextPageToken": "again", "items": [] }));
    let server = Loopback::start(vec![page(), page(), page()]);
    assert_eq!(google(&server).calendars(call(&access())).await, Err(CalendarError::Unreadable));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn our_events_are_kept_apart_from_other_peoples() {
    let target = calendar("ada@example.com");
    let mut free = event("free", "2026-11-20T15:00:00Z", "2026-11-20T16:00:00Z");
    free["transparency"] = json!("transparent");
    let first = json!([
        ours(event("hfada1h61646131g0", "2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z")),
        event("private", "2026-11-20T09:10:00Z", "2026-11-20T09:20:00Z"),
        free,
    ]);
    let second = json!([event("long", "2026-11-19T12:00:00Z", "2026-11-20T01:00:00Z")]);
    let server = Loopback::start(vec![reply(&events(&first, Some("2"))), reply(&events(&second, None))]);
    let busy = busy_of(&server, Some(&target), &[]).await;
    let found: Vec<_> = busy
        .events
        .iter()
        .map(|(_, event)| {
            let booking = event.key.as_ref().map(|key| key.booking.clone());
            (event.id.as_str(), booking, event.blocks, event.span)
        })
        .collect();
    let booking: BookingId = "bkg_ada1".parse().unwrap();
    assert_eq!(
        found,
        [
            ("hfada1h61646131g0", Some(booking), true, span("2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z")),
            ("private", None, true, span("2026-11-20T09:10:00Z", "2026-11-20T09:20:00Z")),
            ("free", None, false, span("2026-11-20T15:00:00Z", "2026-11-20T16:00:00Z")),
            ("long", None, true, span("2026-11-19T12:00:00Z", "2026-11-20T01:00:00Z")),
        ]
    );
    assert!(busy.unreadable.is_empty() && busy.spans.is_empty());
    let request = &server.requests()[0];
    for part in
        ["singleEvents=true", "maxResults=2500", "timeMin=2026-11-20T00%3A00%3A00Z", "timeMax=2026-11-21"]
    {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[tokio::test]
async fn one_event_that_cannot_be_read_makes_its_calendar_unreadable() {
    let target = calendar("ada@example.com");
    let items = json!([
        event("ok", "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"),
        event("odd", "sometime", "later"),
    ]);
    let server = Loopback::start(vec![reply(&events(&items, None))]);
    let busy = busy_of(&server, Some(&target), &[]).await;
    assert_eq!(busy.events.len(), 1);
    assert_eq!(busy.unreadable, [(target, CalendarError::Unreadable)]);
}

#[tokio::test]
async fn an_answer_that_is_no_list_of_events_is_not_an_empty_one() {
    for body in ["{}", "<html>", r#"{"kind":"calendar#calendarList"}"#, "[]"] {
        let target = calendar("ada@example.com");
        let server = Loopback::start(vec![Reply::json(body)]);
        let busy = busy_of(&server, Some(&target), &[]).await;
        assert_eq!(busy.unreadable, [(target, CalendarError::Unreadable)], "{body}");
    }
}

#[tokio::test]
async fn a_target_that_is_gone_is_named_and_the_rest_is_read() {
    let target = calendar("gone@example.com");
    let server = Loopback::start(vec![Reply::status(404)]);
    let busy = busy_of(&server, Some(&target), &[]).await;
    assert_eq!(busy.unreadable, [(target, CalendarError::NotFound)]);
}

#[tokio::test]
async fn a_refused_token_is_an_error_of_the_account() {
    let target = calendar("ada@example.com");
    let server = Loopback::start(vec![Reply::status(401)]);
    let query = BusyQuery {
        window: today(),
        conflicts: std::slice::from_ref(&target),
        with_own: std::slice::from_ref(&target),
        owner: &integration(),
    };
    let answer = google(&server).busy(call(&access()), &query).await;
    assert_eq!(answer.unwrap_err(), CalendarError::Unauthorized);
}

#[tokio::test]
async fn a_calendar_that_does_not_block_is_asked_only_for_what_has_our_mark() {
    let target = calendar("ada@example.com");
    let items = json!([
        ours(event("hfada1h61646131g0", "2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z")),
        ours(event("copied", "2026-11-20T11:00:00Z", "2026-11-20T11:30:00Z")),
    ]);
    let server = Loopback::start(vec![reply(&events(&items, None))]);
    let query = BusyQuery {
        window: today(),
        conflicts: &[],
        with_own: std::slice::from_ref(&target),
        owner: &integration(),
    };
    let busy = google(&server).busy(call(&access()), &query).await.unwrap();
    let keys: Vec<_> = busy.events.iter().map(|(_, event)| event.key.is_some()).collect();
    assert_eq!(keys, [true, false], "a copy has no key");
    assert!(server.requests()[0].contains("privateExtendedProperty=holdfast_integration%3Dint_ada1"));
}

#[tokio::test]
async fn free_busy_names_each_calendar_that_was_not_read() {
    let conflicts = ["work", "denied", "odd", "left-out", "empty"].map(calendar);
    let answer = json!({ "kind": "calendar#freeBusy", "calendars": {
        "work": { "busy": [{ "start": "2026-11-20T09:02:00Z", "end": "2026-11-20T09:58:00+00:00" }] },
        "denied": { "errors": [{ "domain": "global", "reason": "notFound" }], "busy": [] },
        "odd": { "busy": [
            { "start": "soon", "end": "later" },
            { "start": "2026-11-20T12:00:00Z", "end": "2026-11-20T13:00:00Z" },
        ] },
        "empty": { "busy": [] },
    } });
    let server = Loopback::start(vec![reply(&answer)]);
    let busy = busy_of(&server, None, &conflicts).await;
    assert_eq!(
        busy.spans,
        [
            span("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"),
            span("2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z"),
        ]
    );
    assert_eq!(
        busy.unreadable,
        [
            (calendar("denied"), CalendarError::NotFound),
            (calendar("left-out"), CalendarError::Unreadable),
            (calendar("odd"), CalendarError::Unreadable),
        ]
    );
    assert!(server.requests()[0].starts_with("POST /calendar/v3/freeBusy HTTP/1.1"));
}

#[tokio::test]
async fn free_busy_asks_about_fifty_calendars_at_a_time_and_never_about_the_target() {
    let conflicts: Vec<_> = (0..52).map(|number| calendar(&format!("c{number:02}"))).collect();
    let answer = || reply(&json!({ "calendars": {} }));
    let server = Loopback::start(vec![answer(), answer()]);
    let query = BusyQuery { window: today(), conflicts: &conflicts, with_own: &[], owner: &integration() };
    let google = google(&server);
    let busy = google.busy(call(&access()), &query).await.unwrap();
    assert_eq!(busy.unreadable.len(), 52);
    let asked: Vec<_> =
        server.requests().iter().map(|request| request.matches(r#"{"id":"#).count()).collect();
    assert_eq!(asked, [50, 2]);

    let query = BusyQuery { with_own: &conflicts[..1], conflicts: &conflicts[..1], ..query };
    let busy = google.free_busy(call(&access()), &query).await.unwrap();
    assert!(busy.unreadable.is_empty());
    assert_eq!(server.requests().len(), 2);
}

fn id() -> EventId {
    event_id(&draft().key)
}

fn draft() -> EventDraft {
    EventDraft {
        key: crate::calendars::EventKey {
            booking: "bkg_ada1".parse().unwrap(),
            host: "hst_ada1".parse().unwrap(),
            generation: 1,
        },
        owner: integration(),
        version: 1,
        starts_at: at("2026-11-20T09:00:00Z"),
        ends_at: at("2026-11-20T09:30:00Z"),
        time_zone: Zone::from(Europe::Berlin),
        title: "Intro".to_owned(),
        description: String::new(),
        location: Some("https://meet.example/1".to_owned()),
        guest: None,
        visibility: Visibility::Default,
        conference: false,
        reminder_minutes: vec![15],
    }
}

fn known(etag: Option<&str>) -> Known {
    Known { id: id(), etag: etag.map(str::to_owned) }
}

/// The draft as it stands after it was written.
fn standing(etag: &str) -> Value {
    let mut event = event("hfada1h61646131g1", "2026-11-20T10:00:00+01:00", "2026-11-20T10:30:00+01:00");
    event["etag"] = json!(etag);
    event["extendedProperties"] = json!({ "private": { "holdfast_written": "1795165200 1795167000 1" } });
    event
}

async fn put(server: &Loopback, known: Option<&Known>) -> Result<Put, CalendarError> {
    let target = calendar("ada@example.com");
    google(server).put_event(call(&access()), &target, &draft(), known, Notify::Guests).await
}

#[tokio::test]
async fn an_insert_whose_answer_was_lost_finds_itself() {
    let server = Loopback::start(vec![
        Reply::Cut,
        Reply::answer(409, r#"{"error":{"code":409,"errors":[{"domain":"global","reason":"duplicate"}]}}"#),
        reply(&standing("\"3\"")),
    ]);
    let Ok(Put::Changed(found)) = put(&server, None).await else { panic!("not found") };
    assert_eq!((found.known(), found.written), (known(Some("\"3\"")), Some(draft().written())));
    let requests = server.requests();
    assert!(requests[..2].iter().all(|request| request.contains(r#""id":"hfada1h61646131g1""#)));
    assert!(requests[2].starts_with("GET "));
}

#[tokio::test]
async fn writes_go_to_the_event_by_its_id_and_only_to_the_version_that_is_known() {
    let server = Loopback::start(vec![
        reply(&standing("\"3\"")),
        reply(&standing("\"4\"")),
        Reply::status(204),
        Reply::status(410),
    ]);
    let (google, target, access) = (google(&server), calendar("ada@example.com"), access());
    let inserted = google.put_event(call(&access), &target, &draft(), None, Notify::Guests).await.unwrap();
    let Put::Placed(inserted) = inserted else { panic!("not placed") };
    assert_eq!((inserted.starts_at, inserted.etag.as_deref()), (draft().starts_at, Some("\"3\"")));
    // The event is the one named, whatever the draft's own key.
    let mut other = draft();
    other.key.booking = "bkg_ada2".parse().unwrap();
    other.key.generation = 4;
    let known = inserted.known();
    let put = google.put_event(call(&access), &target, &other, Some(&known), Notify::Guests).await;
    assert!(matches!(put, Ok(Put::Placed(_))));
    for _ in 0..2 {
        let deleted = google.delete_event(call(&access), &target, &known, Notify::Guests).await;
        assert_eq!(deleted, Ok(Deletion::Done));
    }
    let requests = server.requests();
    let path = "/calendar/v3/calendars/ada@example.com/events";
    assert!(requests[0].starts_with(&format!("POST {path}?sendUpdates=all")));
    assert!(requests[1].starts_with(&format!("PATCH {path}/hfada1h61646131g1?sendUpdates=all")));
    assert!(requests[2].starts_with(&format!("DELETE {path}/hfada1h61646131g1?sendUpdates=all")));
    assert!(requests[1..].iter().all(|request| request.contains("if-match: \"3\"")));
}

#[tokio::test]
async fn an_event_that_is_not_as_it_was_known_is_told_as_it_is_and_not_written() {
    for (changed, read) in [(412, standing("\"5\"")), (412, json!({ "id": "x", "status": "cancelled" }))] {
        let is_gone = read.get("etag").is_none();
        let server = Loopback::start(vec![Reply::status(changed), reply(&read)]);
        match put(&server, Some(&known(Some("\"3\"")))).await.unwrap() {
            Put::Changed(now) => assert!(!is_gone && now.etag.as_deref() == Some("\"5\"")),
            other @ (Put::Placed(_) | Put::Deleted) => assert!(is_gone && other == Put::Deleted, "{other:?}"),
        }
        let server = Loopback::start(vec![Reply::status(changed), reply(&read)]);
        let target = calendar("ada@example.com");
        let known = known(Some("\"3\""));
        match google(&server).delete_event(call(&access()), &target, &known, Notify::Nobody).await.unwrap() {
            Deletion::Changed(now) => assert!(!is_gone && now.etag.as_deref() == Some("\"5\"")),
            Deletion::Done => assert!(is_gone),
        }
    }
}

#[tokio::test]
async fn an_event_is_missing_only_from_a_calendar_that_can_be_seen() {
    let target = calendar("ada@example.com");
    let listed = || reply(&json!({ "id": "ada@example.com" }));
    for (calendar_there, expected) in [(listed(), Ok(())), (Reply::status(404), Err(CalendarError::NotFound))]
    {
        let server = Loopback::start(vec![Reply::status(404), calendar_there]);
        let read = google(&server).event(call(&access()), &target, &id()).await;
        assert_eq!(read, expected.map(|()| None));
    }
    let server = Loopback::start(vec![Reply::status(404), listed()]);
    assert_eq!(put(&server, Some(&known(None))).await, Ok(Put::Deleted));
    let server = Loopback::start(vec![Reply::status(404), Reply::status(404)]);
    assert_eq!(put(&server, Some(&known(None))).await, Err(CalendarError::NotFound));
}

#[tokio::test]
async fn a_whole_day_event_is_read_in_the_zone_of_its_calendar() {
    let all_day = json!({ "id": "hfada1h61646131g1", "start": { "date": "2026-11-20" }, "end": { "date": "2026-11-21" } });
    let server = Loopback::start(vec![
        reply(&all_day),
        reply(&json!({ "id": "ada@example.com", "timeZone": "Europe/Berlin" })),
    ]);
    let placed =
        google(&server).event(call(&access()), &calendar("ada@example.com"), &id()).await.unwrap().unwrap();
    assert_eq!(placed.starts_at, at("2026-11-19T23:00:00Z"));

    let server = Loopback::start(vec![reply(&all_day), Reply::status(404)]);
    let answer = google(&server).event(call(&access()), &calendar("ada@example.com"), &id()).await;
    assert_eq!(answer, Err(CalendarError::Unreadable));
}

#[tokio::test]
async fn the_account_is_its_primary_calendar() {
    let server =
        Loopback::start(vec![reply(&json!({ "id": "ada@example.com", "timeZone": "Europe/London" }))]);
    let account = google(&server).account(call(&access())).await.unwrap();
    let expected = Account {
        id: "ada@example.com".to_owned(),
        label: "ada@example.com".to_owned(),
        default_calendar: calendar("ada@example.com"),
        time_zone: Some("Europe/London".to_owned()),
    };
    assert_eq!(account, expected);
}

#[tokio::test]
async fn a_change_that_is_forbidden_because_the_event_was_deleted_says_that_it_is_gone() {
    let forbidden = || Reply::answer(403, r#"{"error":{"code":403,"errors":[{"reason":"forbidden"}]}}"#);
    for (standing, expected) in [
        (json!({ "id": "hfada1h61646131g1", "status": "cancelled" }), Ok(Put::Deleted)),
        (
            event("hfada1h61646131g1", "2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z"),
            Err(CalendarError::Denied { scope: None }),
        ),
    ] {
        let server = Loopback::start(vec![forbidden(), reply(&standing)]);
        assert_eq!(put(&server, Some(&known(None))).await, expected);
        let path = "/calendar/v3/calendars/ada@example.com/events/hfada1h61646131g1";
        let [changed, read] = &server.requests()[..] else { panic!("two requests") };
        assert!(changed.starts_with(&format!("PATCH {path}?")) && read.starts_with(&format!("GET {path}?")));
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_the_route_and_nothing_that_anybody_keeps_to_themselves() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let tokens = json!({ "access_token": "ya29.given", "token_type": "Bearer", "expires_in": 3599 });
    let placed = event("hfada1h61646131g1", "2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z");
    let server = Loopback::start(vec![reply(&tokens), Reply::answer(400, "1//given"), reply(&placed)]);
    let google = google(&server);
    let deadline = call(&access()).deadline;
    google.exchange(&"4/code".into(), &"proof".into(), "https://book.example/back", deadline).await.unwrap();
    google.revoke(&"1//given".into(), deadline).await.unwrap_err();
    let target = calendar("ada@example.com");
    google.put_event(call(&access()), &target, &draft(), None, Notify::Guests).await.unwrap();
    drop(guard);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for said in
        ["route=\"/token (code)\"", "route=\"/revoke\"", EVENTS, "status=200", "status=400", "method=POST"]
    {
        assert!(log.contains(said), "{said} is missing in {log}");
    }
    for secret in [
        "ya29",
        "4/code",
        "4%2F",
        "proof",
        "our-secret",
        "1//",
        "1%2F",
        "ada@",
        "hfada1h61646131g1",
        "sendUpdates",
    ] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
