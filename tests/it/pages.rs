//! The booking pages as a browser without script has them: links, forms, and what comes back.
//!
//! The same pages in a real browser, with and without script, are in `tests/node/pages.mjs`, which the last test here
//! runs where there are node, its packages (`npm ci --prefix tests/node`) and Chromium.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use fakes::dynamodb;
use holdfast::domain::{BookingStatus, EventType};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, REMEMBERED, TENANT, TestApp};
use tokio::process::Command;

use super::connecting::fields_of;

const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node");
const START: &str = "2026-11-24T10:00:00Z";
const NASTY: &str = "<script>alert(1)</script>\"'&amp;";

/// A browser without script: follows links, fills in forms.
pub(crate) struct Browser<'a> {
    pub(crate) app: &'a TestApp,
}

impl Browser<'_> {
    async fn get(&self, path: &str) -> Answer {
        self.app.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.app.answered(self.app.http().post(format!("{}{path}", self.app.local.url())).form(form)).await
    }

    /// Sends the form of a page, with what was typed over what the page put in.
    async fn send(&self, page: &Answer, path: &str, typed: &[(&str, &str)]) -> Answer {
        let mut form: BTreeMap<String, String> = fields_of(&page.text).into_iter().collect();
        assert!(page.text.contains(&format!("action=\"{path}\"")), "no form for {path}: {}", page.text);
        form.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(path, &form).await
    }

    /// Presses a slot's button.
    async fn hold(&self, start: &str) -> Answer {
        self.post("/demo/intro/hold", &[("start", start), ("zone", "America/Sao_Paulo")]).await
    }

    /// The whole way; gives the booking's page.
    pub(crate) async fn book(&self, start: &str) -> (String, Answer) {
        let form = self.hold(start).await;
        let booked = self.send(&form, "/demo/intro/book", &MARY).await;
        assert_eq!(booked.status, 303, "{}", booked.text);
        let place = booked.header("location").expect("a place");
        let page = self.get(&place).await;
        (place, page)
    }
}

const MARY: [(&str, &str); 2] = [("name", "Mary Somerville"), ("email", "mary@example.com")];

/// Fails unless it is a page with all its headers.
#[track_caller]
fn assert_page(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains(says), "{says} is not in {}", answer.text);
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
        ),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
    ];
    for (name, value) in headers {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
    }
    assert!(!answer.text.contains("<style") && !answer.text.contains(" style="), "{}", answer.text);
    assert!(!answer.text.contains("<script>"), "{}", answer.text);
}

/// The starts that a page offers.
fn starts(page: &Answer) -> Vec<String> {
    let buttons = page.text.split("name=\"start\" value=\"").skip(1);
    buttons.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// Where a link of a page leads, by what stands before it.
fn link(page: &Answer, before: &str) -> Option<String> {
    let (_, rest) = page.text.split_once(before)?;
    let href = rest.split_once("href=\"")?.1.split('"').next()?;
    Some(href.replace("&amp;", "&").replace("&#38;", "&"))
}

async fn put_event_type(app: &TestApp, slug: &str, more: &Value) {
    let mut event_type = json!({
        "slug": slug, "hosts": [ADA], "title": slug, "lengths": [30], "interval": 30, "window_days": 60, "active": true,
    });
    event_type.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let event_type: EventType = serde_json::from_value(event_type).unwrap();
    app.app().store.put_event_type(&app.tenant(), &event_type).await.unwrap();
}

#[tokio::test]
async fn a_guest_books_and_cancels_with_links_and_forms_alone() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let list = browser.get("/demo").await;
    assert_page(&list, 200, "Weaving algebraical patterns since 1843.");
    let titles =
        ["Deep dive", "Intro call", "Office hours"].map(|title| list.text.find(title).expect("a title"));
    assert!(titles.is_sorted());

    let week = browser.get("/demo/intro?zone=America/Sao_Paulo").await;
    assert_page(&week, 200, "Ada Lovelace");
    assert_eq!(starts(&week).first().map(String::as_str), Some("2026-11-23T09:00:00Z"));
    assert!(week.text.contains("aria-label=\"06:00, Monday 23 November\""), "{}", week.text);

    let form = browser.hold(START).await;
    assert_page(&form, 200, "Tuesday 24 November 2026, 07:00");
    assert!(form.text.contains("This time is kept for you until 03:05."), "{}", form.text);
    let typed = [MARY[0], MARY[1], ("notes", "One line.\nAnother.")];
    let booked = browser.send(&form, "/demo/intro/book", &typed).await;
    assert_eq!(booked.status, 303, "{}", booked.text);
    let place = booked.header("location").unwrap();
    let page = browser.get(&place).await;
    assert_page(&page, 200, "Booked");
    assert!(page.text.contains("Tuesday 24 November 2026, 07:00"), "{}", page.text);

    let (path, token) = place.split_once("?token=").unwrap();
    let stored = app.stored(path.rsplit('/').next().unwrap()).await;
    assert_eq!(
        (stored.guest.name.as_str(), stored.notes.as_deref()),
        ("Mary Somerville", Some("One line.\nAnother."))
    );
    assert_eq!((stored.guest.time_zone.name(), stored.answers), ("America/Sao_Paulo", None));
    assert!(!app.is_offered("intro", START).await);

    let file = browser.get(&link(&page, "<div class=\"acts\">").unwrap()).await;
    assert_eq!(file.header("content-type").unwrap(), "text/calendar; charset=utf-8; method=PUBLISH");
    assert!(file.text.starts_with("BEGIN:VCALENDAR\r\n"), "{}", file.text);
    let unfolded = file.text.replace("\r\n ", "");
    assert!(unfolded.contains(&format!("URL:{}{place}", app.local.url())), "{unfolded}");
    assert_page(&browser.get(&format!("{path}/calendar.ics?token=mng_1_x")).await, 404, "not here");
    let why = [("reason", "The train is late.")];
    let cancelled = browser.send(&page, &format!("{path}/cancel"), &why).await;
    assert_eq!(
        (cancelled.status, cancelled.header("location")),
        (303, Some(place.clone())),
        "{}",
        cancelled.text
    );
    assert_page(&browser.get(&place).await, 200, "The train is late.");
    assert!(app.is_offered("intro", START).await);
    // Once more, from a page that was still open.
    assert_eq!(browser.post(&format!("{path}/cancel"), &[("token", token)]).await.status, 303);
}

#[tokio::test]
async fn a_week_leads_to_the_weeks_around_it_and_no_further() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let this = browser.get("/demo/intro?week=2026-11-26&zone=UTC").await;
    assert!(this.text.contains("23 \u{2013} 29 November 2026"), "{}", this.text);
    assert_eq!(link(&this, "rel=\"prev\""), None);
    let next = link(&this, "rel=\"next\"").unwrap();
    assert_eq!(next, "/demo/intro?length=30&zone=UTC&week=2026-11-30");
    let next = browser.get(&next).await;
    assert!(starts(&next).first().unwrap().starts_with("2026-11-30T"));
    assert_eq!(link(&next, "rel=\"prev\"").unwrap(), "/demo/intro?length=30&zone=UTC&week=2026-11-23");

    // The window of 60 days ends on Friday, 22 January.
    let last = browser.get("/demo/intro?week=2027-01-20&zone=UTC").await;
    assert_eq!(starts(&last).last().unwrap(), "2027-01-21T16:30:00Z");
    assert_eq!(link(&last, "rel=\"next\""), None);
    let beyond = browser.get("/demo/intro?week=2027-02-01&zone=UTC").await;
    assert_page(&beyond, 200, "Nothing is free at present.");
    let past = browser.get("/demo/intro?week=2020-01-01&zone=UTC").await;
    assert_page(&past, 200, "Go to 23 November 2026, the next week with free times");
}

#[tokio::test]
async fn an_empty_week_says_why_and_leads_on() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    put_event_type(&app, "later", &json!({ "notice": 10 * 24 * 60 })).await;
    // Nobody chose this week: the first that has anything is shown.
    let first = browser.get("/demo/later?zone=UTC").await;
    assert!(first.text.contains("30 November \u{2013} 6 December 2026"), "{}", first.text);
    assert_eq!(starts(&first)[0], "2026-12-03T09:00:00Z");
    let chosen = browser.get("/demo/later?zone=UTC&week=2026-11-23").await;
    assert_page(&chosen, 200, "Nothing is free in this week.");
    let onward = link(&chosen, "Nothing is free in this week.").unwrap();
    assert_eq!(onward, "/demo/later?length=30&zone=UTC&week=2026-11-30");

    // A calendar that nobody has been able to read for hours.
    app.connect(ADA, ADA_ACCOUNT).await;
    app.pass(TimeDelta::hours(5));
    assert_page(&browser.get("/demo/intro").await, 200, "The calendar cannot be read at the moment");
}

#[tokio::test]
async fn times_stand_in_the_zone_that_was_chosen_and_what_a_link_cannot_mean_is_as_if_it_were_not_there() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let zones = [
        ("Europe/London", "09:00, Monday 23"),
        ("Asia/Kolkata", "14:30, Monday 23"),
        ("UTC", "09:00, Monday 23"),
    ];
    for (zone, first) in zones {
        let page = browser.get(&format!("/demo/intro?zone={zone}&week=2026-11-23")).await;
        assert!(page.text.contains(&format!("aria-label=\"{first} November\"")), "{zone}");
        assert!(page.text.contains(&format!("<option value=\"{zone}\" selected>")), "{zone}");
        assert!(!page.text.contains("data-guess"), "{zone}");
    }
    let auckland = browser.get("/demo/intro?zone=Pacific/Auckland&week=2026-11-23").await;
    assert_eq!(starts(&auckland)[0], "2026-11-23T09:00:00Z");
    assert!(auckland.text.contains("aria-label=\"00:00, Tuesday 24 November\""), "{}", auckland.text);

    let plain = browser.get("/demo/intro").await;
    assert!(plain.text.contains("data-guess"), "a script may choose");
    let odd = browser.get("/demo/intro?zone=Mars/Olympus&week=soon&length=45&utm_source=x").await;
    assert_eq!(starts(&odd), starts(&plain));

    let long = browser.get("/demo/deep-dive?length=90&zone=UTC").await;
    assert!(long.text.contains("aria-current=\"true\">1 h 30 min</a>"), "{}", long.text);
    assert!(fields_of(&long.text).contains(&("length".to_owned(), "90".to_owned())));
}

#[tokio::test]
async fn what_is_wrong_stands_in_the_form_beside_what_was_typed() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let questions = json!([
        { "key": "topic", "label": "What is it about?", "kind": "text", "required": true },
        { "key": "size", "label": "How big?", "kind": "choice", "options": ["Small", "Large"], "required": true },
        { "key": "terms", "label": "I agree", "kind": "checkbox", "required": true },
        { "key": "news", "label": "News, please", "kind": "checkbox" },
        { "key": "story", "label": "The story", "kind": "long_text" },
    ]);
    let more =
        json!({ "location": { "kind": "guest_phone" }, "questions": questions, "needs_confirmation": true });
    put_event_type(&app, "asking", &more).await;
    let form = browser.post("/demo/asking/hold", &[("start", START), ("zone", "UTC")]).await;
    assert_page(&form, 200, "Ada Lovelace calls you at this number.");
    assert!(
        form.text.contains("Ask for this time") && form.text.contains("Ada Lovelace confirms each booking.")
    );

    let long = "x".repeat(501);
    let typed = [
        ("name", "Mary <b>"),
        ("email", "mary"),
        ("answer_topic", &long),
        ("answer_size", "Huge"),
        ("answer_story", "Once\nupon"),
        ("notes", NASTY),
    ];
    let wrong = browser.send(&form, "/demo/asking/book", &typed).await;
    assert_page(&wrong, 422, "<title>Error: Your details");
    let (_, summary) = wrong.text.split_once("id=\"errors\"").unwrap();
    let summary = summary.split("</ul>").next().unwrap();
    let named: Vec<_> =
        summary.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(named, ["email", "phone", "answer_topic", "answer_size", "answer_terms"]);
    for name in named {
        assert!(wrong.text.contains(&format!("aria-describedby=\"{name}-error ")), "{name}: {}", wrong.text);
        assert!(wrong.text.contains(&format!("id=\"{name}-error\"")), "{name}");
        assert!(wrong.text.contains(&format!(" id=\"{name}\"")), "{name}");
    }
    for kept in ["value=\"Mary &#60;b&#62;\"", "value=\"mary\"", "Once\nupon</textarea>", &long] {
        assert!(wrong.text.contains(kept), "{kept}: {}", wrong.text);
    }
    assert!(!wrong.text.contains("<b>S") && !wrong.text.contains("alert(1)</script>"));

    let right = [
        ("email", "mary@example.com"),
        ("name", "Mary <b>"),
        ("phone", "+44 20 7946 0000"),
        ("answer_topic", "Engines"),
        ("answer_size", "Large"),
        ("answer_terms", "yes"),
    ];
    let booked = browser.send(&wrong, "/demo/asking/book", &right).await;
    assert_eq!(booked.status, 303, "{}", booked.text);
    let place = booked.header("location").unwrap();
    let id = place.split('?').next().unwrap().rsplit('/').next().unwrap();
    let answers: Value = serde_json::from_str(app.stored(id).await.answers.as_deref().unwrap()).unwrap();
    assert_eq!(answers, json!({ "topic": "Engines", "size": "Large", "terms": true, "news": false }));
    let page = browser.get(&place).await;
    assert!(page.text.contains("Mary &#60;b&#62;"), "{}", page.text);
    assert!(page.text.contains("Ada Lovelace calls you at +44 20 7946 0000"), "{}", page.text);
}

#[tokio::test]
async fn a_hold_that_has_ended_is_renewed_and_a_slot_that_is_lost_is_replaced() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let form = browser.hold(START).await;
    app.pass(TimeDelta::minutes(6));
    let typed = [MARY[0], MARY[1], ("notes", "Engines")];
    let again = browser.send(&form, "/demo/intro/book", &typed).await;
    assert_page(&again, 410, "Your time had run out.");
    assert!(again.text.contains("value=\"Mary Somerville\"") && again.text.contains("Engines</textarea>"));

    app.pass(TimeDelta::minutes(6));
    let other = app.hold("intro", START).await.expect(201)["hold"].as_str().unwrap().to_owned();
    let lost = browser.send(&again, "/demo/intro/book", &typed).await;
    assert_page(&lost, 409, "This time has just been taken");
    assert_eq!(starts(&lost).len(), 5);
    assert!(!starts(&lost).contains(&START.to_owned()));
    app.confirm(&other).await.expect(201);

    // One of those nearby, and nothing is to be typed again.
    let near = starts(&lost)[0].clone();
    let form = browser.send(&lost, "/demo/intro/hold", &[("start", &near)]).await;
    assert_page(&form, 200, "value=\"Mary Somerville\"");
    let booked = browser.send(&form, "/demo/intro/book", &typed).await;
    assert_eq!(booked.status, 303, "{}", booked.text);

    let taken = browser.hold(START).await;
    assert_page(&taken, 409, "This time has just been taken");
    let early = browser.hold("2026-11-24T03:00:00Z").await;
    assert_page(&early, 422, "This time is not offered");
    assert!(early.text.contains("href=\"/demo/intro\">See all free times"), "{}", early.text);
    assert_page(&browser.hold("2026-11-24T10:01:00Z").await, 422, "That was not possible");
}

#[tokio::test]
async fn a_guest_moves_a_booking_with_links_and_forms_alone() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let (place, page) = browser.book(START).await;
    let weeks = browser.get(&link(&page, "calendar.ics").unwrap()).await;
    assert_page(&weeks, 200, "Now: Tuesday 24 November 2026, 07:00");
    assert!(weeks.text.contains("<option value=\"America/Sao_Paulo\" selected>"), "{}", weeks.text);
    assert!(!starts(&weeks).contains(&START.to_owned()));
    let next = browser.get(&link(&weeks, "rel=\"next\"").unwrap()).await;
    let to = starts(&next)[0].clone();
    let (path, _) = place.split_once('?').unwrap();
    let action = format!("{path}/reschedule");

    // Somebody is faster.
    app.book_slot("intro", &to).await.expect(201);
    let lost = browser.send(&next, &action, &[("start", &to)]).await;
    assert_page(&lost, 409, "This time has just been taken");
    assert!(!app.is_offered("intro", START).await, "what is not moved stays where it is");
    let near = starts(&lost)[0].clone();
    let moved = browser.send(&lost, &action, &[("start", &near)]).await;
    assert_eq!((moved.status, moved.header("location")), (303, Some(place.clone())), "{}", moved.text);
    assert_page(&browser.get(&place).await, 200, "Booked");
    let stored = app.stored(path.rsplit('/').next().unwrap()).await;
    assert_eq!(stored.start.instant(), near.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
    assert!(app.is_offered("intro", START).await && !app.is_offered("intro", &near).await);
    // The button, pressed twice.
    assert_eq!(browser.send(&lost, &action, &[("start", &near)]).await.status, 303);
    assert_page(
        &browser.send(&lost, &action, &[("start", START), ("token", "mng_1_x")]).await,
        404,
        "not here",
    );
}

#[tokio::test]
async fn what_may_no_longer_be_changed_says_so_and_stays() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    put_event_type(&app, "firm", &json!({ "cancel_notice": 24 * 60, "reschedule_notice": 48 * 60 })).await;
    let form = browser.post("/demo/firm/hold", &[("start", "2026-11-26T10:00:00Z"), ("zone", "UTC")]).await;
    let place = browser.send(&form, "/demo/firm/book", &MARY).await.header("location").unwrap();
    let (path, token) = place.split_once("?token=").unwrap();
    let says = async |words: &str, may: [bool; 2]| {
        let page = browser.get(&place).await;
        assert!(page.text.contains(words), "{}", page.text);
        let shown =
            [page.text.contains(&format!("{path}/move?")), page.text.contains(&format!("{path}/cancel"))];
        assert_eq!(shown, may);
    };
    says("Keep this page", [true, true]).await;
    app.pass(TimeDelta::hours(30));
    says("It is too late to move this booking here.", [false, true]).await;
    let weeks = browser.get(&format!("{path}/move?token={token}")).await;
    assert_eq!((weeks.status, weeks.header("location")), (303, Some(place.clone())));
    let form = [("start", "2026-11-27T10:00:00Z"), ("zone", "UTC"), ("token", token)];
    let moved = browser.post(&format!("{path}/reschedule"), &form).await;
    assert_eq!((moved.status, moved.header("location")), (303, Some(place.clone())));
    app.pass(TimeDelta::hours(24));
    says("It is too late to change this booking here.", [false, false]).await;
    assert_eq!(browser.post(&format!("{path}/cancel"), &[("token", token)]).await.status, 303);
    app.pass(TimeDelta::hours(48));
    says("This time has passed", [false, false]).await;
    let stored = app.stored(path.rsplit('/').next().unwrap()).await;
    assert_eq!((stored.status, stored.version), (BookingStatus::Confirmed, 1));
}

#[tokio::test]
async fn a_button_pressed_twice_is_pressed_once_and_every_button_is_its_own() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let week = browser.get("/demo/intro?zone=UTC&week=2026-11-23").await;
    let press = async |start: &str| browser.send(&week, "/demo/intro/hold", &[("start", start)]).await;
    let (once, twice) = (press(START).await, press(START).await);
    assert_page(&twice, 200, "Your details");
    assert_eq!(fields_of(&once.text), fields_of(&twice.text));
    assert_page(&press("2026-11-24T11:00:00Z").await, 200, "11:00");
    // Another guest has another page.
    let other = browser.get("/demo/intro?zone=UTC&week=2026-11-23").await;
    let taken = browser.send(&other, "/demo/intro/hold", &[("start", START)]).await;
    assert_page(&taken, 409, "This time has just been taken");
}

#[tokio::test]
async fn a_booking_that_waits_for_its_host_and_a_day_that_is_full_say_so() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let more = json!({ "needs_confirmation": true, "max_per_day": 1, "location": { "kind": "conference" } });
    put_event_type(&app, "rare", &more).await;
    let hold =
        async |start: &str| browser.post("/demo/rare/hold", &[("start", start), ("zone", "UTC")]).await;
    let [first, second] = [hold(START).await, hold("2026-11-24T11:00:00Z").await];
    let place = browser.send(&first, "/demo/rare/book", &MARY).await.header("location").unwrap();
    assert_page(&browser.get(&place).await, 200, "Waiting for Ada Lovelace");
    let full = browser.send(&second, "/demo/rare/book", &MARY).await;
    assert_page(&full, 409, "This day is full");
    assert!(starts(&full).iter().all(|start| !start.starts_with("2026-11-24")), "{}", full.text);
    assert_page(&hold("2026-11-24T12:00:00Z").await, 409, "This day is full");
}

#[tokio::test]
async fn the_same_form_sent_twice_books_once_and_with_other_details_not_at_all() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let form = browser.hold(START).await;
    let once = browser.send(&form, "/demo/intro/book", &MARY).await;
    let twice = browser.send(&form, "/demo/intro/book", &MARY).await;
    assert_eq!((once.status, twice.status), (303, 303));
    assert_eq!(once.header("location"), twice.header("location"));
    let other = browser.send(&form, "/demo/intro/book", &[("name", "Somebody Else"), MARY[1]]).await;
    assert_page(&other, 422, "You have booked already");
}

#[tokio::test]
async fn whatever_comes_from_outside_comes_out_as_text() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let tenant = json!({ "name": NASTY, "zone": "UTC", "locale": "en", "claim": NASTY, "revision": 1 });
    app.app().store.put_tenant(&app.tenant(), &serde_json::from_value(tenant).unwrap()).await.unwrap();
    let hours = json!({ "zone": "UTC", "weekly": { "tue": [{ "from": "09:00", "to": "17:00" }] } });
    app.put_host(&json!({ "id": "hst_nasty", "name": NASTY, "schedule": hours })).await;
    let question =
        |kind: &str, key: &str| json!({ "key": key, "label": NASTY, "kind": kind, "options": [NASTY] });
    let more = json!({
        "hosts": ["hst_nasty"], "title": NASTY, "description": NASTY, "location": { "kind": "in_person", "address": NASTY },
        "questions": [question("text", "a"), question("choice", "b"), question("checkbox", "c"), question("long_text", "d")],
    });
    put_event_type(&app, "nasty", &more).await;
    app.pass(REMEMBERED);

    let form = browser.post("/demo/nasty/hold", &[("start", START), ("zone", "UTC")]).await;
    let typed =
        [("name", NASTY), ("answer_a", NASTY), ("answer_b", NASTY), ("answer_d", NASTY), ("notes", NASTY)];
    let wrong = browser.send(&form, "/demo/nasty/book", &typed).await;
    let right: Vec<_> = typed.into_iter().chain([("email", "o'mary@example.com")]).collect();
    let booked = browser.send(&wrong, "/demo/nasty/book", &right).await;
    assert_eq!(booked.status, 303, "{}", booked.text);
    let place = booked.header("location").unwrap();
    let booking = browser.get(&place).await;
    let weeks = browser.get(&place.replace('?', "/move?")).await;
    let (path, _) = place.split_once('?').unwrap();
    browser.send(&booking, &format!("{path}/cancel"), &[("reason", NASTY)]).await;
    let pages = [
        browser.get("/demo").await,
        browser.get(&format!("/demo/nasty?zone={NASTY}&week={NASTY}&length={NASTY}")).await,
        browser.get(&format!("/demo/nasty?zone=UTC&{NASTY}={NASTY}")).await,
        form,
        wrong,
        booking,
        weeks,
        browser.get(&place).await,
        browser.post("/demo/nasty/hold", &[("start", NASTY), ("zone", NASTY)]).await,
        browser.get("/%3Cscript%3E/%22").await,
    ];
    for page in pages {
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{}", page.text);
        assert!(!page.text.contains("<script>alert") && !page.text.contains("\"'&amp;"), "{}", page.text);
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_friendly_404() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    put_event_type(&app, "closed", &json!({ "active": false })).await;
    put_event_type(&app, "gone", &json!({ "archived": true })).await;
    put_event_type(&app, "unlisted", &json!({ "listed": false })).await;
    let (place, _) = browser.book(START).await;
    let (path, token) = place.split_once("?token=").unwrap();
    let elsewhere = place.replace("/demo/", "/other/");
    let unknown = place.replace("bkg_", "bkg_0");
    let paths = [
        "/nobody",
        "/v1",
        "/Demo",
        "/demo/nothing",
        "/demo/closed",
        "/demo/gone",
        "/assets/style.css",
        "/favicon.ico",
        "/manage/demo",
        path,
        &elsewhere,
        &unknown,
        &format!("{place}x"),
        &format!("{path}/move"),
        "/manage/demo/x",
    ];
    for path in paths {
        assert_page(&browser.get(path).await, 404, "This page is not here");
    }
    let forms = [
        browser.post("/demo/closed/hold", &[("start", START), ("zone", "UTC")]).await,
        browser.post("/demo/intro/book", &[("hold", "hold_x")]).await,
        browser.post(&format!("{path}/cancel"), &[("token", "mng_1_x")]).await,
        browser.post(&format!("{path}/cancel"), &[]).await,
    ];
    for answer in forms {
        assert_page(&answer, 404, "This page is not here");
    }
    assert_eq!(app.stored(path.rsplit('/').next().unwrap()).await.status, BookingStatus::Confirmed);
    let list = browser.get("/demo").await;
    assert!(!["closed", "gone", "unlisted"].iter().any(|slug| list.text.contains(&format!("/demo/{slug}"))));
    assert_page(&browser.get("/demo/unlisted").await, 200, "unlisted");
    assert!(browser.get("/demo/nothing").await.text.contains("href=\"/demo\">See what can be booked"));
    // A hold of one event type books no other.
    let hold =
        app.hold("deep-dive", "2026-11-25T10:00:00Z").await.expect(201)["hold"].as_str().unwrap().to_owned();
    let form = [("hold", hold.as_str()), ("time_zone", "UTC"), MARY[0], MARY[1]];
    assert_page(&browser.post("/demo/intro/book", &form).await, 404, "This page is not here");
    assert!(!token.is_empty());
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_a_page_that_says_when_to_come_again() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let form = browser.hold(START).await;
    let faults = &app.local.dynamodb.faults;
    faults.always("Query", dynamodb::internal_error());
    let answer = browser.get("/demo/office-hours").await;
    assert_page(&answer, 503, "Just a moment");
    assert_eq!(answer.header("retry-after").as_deref(), Some("2"));
    faults.clear();

    faults.always("TransactWriteItems", dynamodb::internal_error());
    let typed = [MARY[0], MARY[1], ("notes", "Engines")];
    let busy = browser.send(&form, "/demo/intro/book", &typed).await;
    assert_page(&busy, 503, "Nothing is lost");
    assert_eq!(busy.header("retry-after").as_deref(), Some("2"));
    faults.clear();
    let booked = browser.send(&busy, "/demo/intro/book", &typed).await;
    assert_eq!(booked.status, 303, "{}", booked.text);
}

#[tokio::test]
async fn assets_are_kept_for_good_under_names_of_their_contents() {
    let app = TestApp::start().await;
    let browser = Browser { app: &app };
    let page = browser.get("/demo").await;
    for (before, kind) in
        [("rel=\"stylesheet\"", "text/css; charset=utf-8"), ("rel=\"icon\"", "image/svg+xml")]
    {
        let asset = browser.get(&link(&page, before).unwrap()).await;
        asset.expect(200);
        assert_eq!(asset.header("content-type").as_deref(), Some(kind));
        assert_eq!(asset.header("cache-control").as_deref(), Some("public, max-age=31536000, immutable"));
        assert_eq!(asset.header("x-content-type-options").as_deref(), Some("nosniff"));
    }
}

#[tokio::test]
async fn what_a_tenant_offers_is_public_and_says_no_number_and_no_link() {
    let app = TestApp::start().await;
    let list = format!("/v1/tenants/{TENANT}/event-types");
    put_event_type(&app, "unlisted", &json!({ "listed": false })).await;
    let number = "+44 20 7946 0000";
    let questions = json!([{ "key": "size", "label": "How big?", "kind": "choice", "options": ["S", "L"], "required": true }]);
    let more = json!({
        "title": "a call", "location": { "kind": "host_phone", "number": number }, "questions": questions,
        "needs_confirmation": true, "notice": 60,
    });
    put_event_type(&app, "call", &more).await;
    let answer = app.send(Method::GET, &list, None).await;
    super::openapi::documented("get", "/v1/tenants/{tenant}/event-types", &answer);
    let body = answer.expect(200);
    assert_eq!((&body["name"], &body["time_zone"]), (&json!("Analytical Engines"), &json!("Europe/London")));
    let slugs: Vec<_> =
        body["event_types"].as_array().unwrap().iter().map(|found| found["slug"].clone()).collect();
    assert_eq!(slugs, ["call", "deep-dive", "intro", "office-hours"]);

    let answer = app.send(Method::GET, &format!("{list}/call"), None).await;
    super::openapi::documented("get", "/v1/tenants/{tenant}/event-types/{slug}", &answer);
    let expected = json!({
        "slug": "call", "title": "a call", "description": null, "lengths": [30], "location": "host_phone",
        "needs_confirmation": true, "host": "Ada Lovelace", "time_zone": "Europe/London", "notice": 60,
        "window_days": 60,
        "questions": [{ "key": "size", "label": "How big?", "kind": "choice", "options": ["S", "L"], "required": true }],
    });
    assert_eq!(*answer.expect(200), expected);
    let page = Browser { app: &app }.get("/demo/call").await;
    assert!(!page.text.contains(number) && !answer.text.contains(number));

    app.send(Method::GET, &format!("{list}/unlisted"), None).await.expect(200);
    app.send(Method::GET, &format!("{list}/nothing"), None).await.expect_problem(404, "unknown-event-type");
    app.send(Method::GET, "/v1/tenants/nobody/event-types", None).await.expect_problem(404, "unknown-tenant");
    app.send(Method::GET, "/v1/tenants/nobody/event-types/intro", None)
        .await
        .expect_problem(404, "unknown-tenant");
}

#[tokio::test]
async fn a_real_browser_goes_every_way_with_and_without_script_and_by_keyboard_alone() {
    if !Path::new(NODE).join("node_modules/playwright-core").exists() {
        println!("skipped: no packages in {NODE}");
        return;
    }
    let app = TestApp::start().await;
    let run = Command::new("node").arg(format!("{NODE}/pages.mjs")).arg(app.local.url()).output().await;
    let Ok(run) = run else {
        println!("skipped: no node");
        return;
    };
    let said = String::from_utf8_lossy(&run.stdout);
    print!("{said}");
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
}
