//! What every act costs is what `budgets.md` says: exactly those calls, at most those units.
//!
//! Every act of the table is done, every route of the API document is in it, and what was measured is printed in the
//! same form, so that a change can be put back. Units are those that the embedded database counts by AWS's rules.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use chrono::TimeDelta;
use fakes::dynamodb::Units;
use fakes::google::{EventSpec, errors};
use holdfast::domain::{BookingId, CalendarSync};
use holdfast::flows::push;
use reqwest::Method;
use serde_json::json;
use tests::{ADA, ADA_ACCOUNT, Callee, Cost, GRACE, GRACE_ACCOUNT, REMEMBERED, TENANT, TestApp, guest};

const FAMILY: &str = "family.ada@group.calendar.google.com";

/// A row: act, route, calls at the table, read units, write units, other calls.
type Row = [&'static str; 6];

fn rows() -> impl Iterator<Item = Row> {
    let is_row = |line: &&str| line.starts_with("| ");
    let lines = include_str!("budgets.md").lines().skip_while(move |line| !is_row(line));
    lines.take_while(is_row).skip(2).map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        cells.try_into().expect("six cells")
    })
}

/// The table, as it is measured.
pub(crate) struct Budget {
    pub(crate) app: TestApp,
    left: BTreeMap<&'static str, Row>,
    paid: BTreeMap<&'static str, Cost>,
    measured: String,
    wrong: Vec<String>,
}

impl Budget {
    /// A row that `budgets.md` has no figures for yet, so that they can be measured and written down.
    fn unmeasured(act: &'static str) -> Row {
        [act, "-", "unmeasured", "0", "0", "-"]
    }

    async fn start() -> Self {
        let left: BTreeMap<_, _> = rows().map(|row| (row[0], row)).collect();
        assert_eq!(left.len(), rows().count(), "two rows have one name");
        let (paid, measured, wrong) = Default::default();
        Self { app: TestApp::start().await, left, paid, measured, wrong }
    }

    /// Does the act of a row.
    #[track_caller]
    fn act<'a, T>(
        &'a mut self,
        act: &'static str,
        doing: impl AsyncFnOnce(&TestApp) -> T + 'a,
    ) -> impl Future<Output = T> + 'a {
        let row = self.left.remove(act).unwrap_or_else(|| Self::unmeasured(act));
        // On the heap: some acts are whole minutes of the product.
        Box::pin(async move {
            let (done, cost) = self.app.cost(doing(&self.app)).await;
            self.pay(row, cost);
            done
        })
    }

    fn pay(&mut self, row: Row, cost: Cost) {
        let [act, route, table, read, write, others] = row;
        let join = |callees: &[Callee]| {
            let called: Vec<_> = callees.iter().map(|callee| cost.of(*callee)).collect();
            let called: Vec<_> = called.iter().map(String::as_str).filter(|ops| !ops.is_empty()).collect();
            if called.is_empty() { "-".to_owned() } else { called.join(", ") }
        };
        let calls = (join(&[Callee::Table]), join(&[Callee::Google, Callee::Keys, Callee::Bus]));
        let most = |cell: &str| cell.parse::<f64>().expect("a number");
        let is_within = cost.units.read <= most(read) && cost.units.write <= most(write);
        let Units { read, write } = cost.units;
        let measured = format!("| {act} | {route} | {} | {read} | {write} | {} |\n", calls.0, calls.1);
        if (calls.0.as_str(), calls.1.as_str()) != (table, others) || !is_within {
            self.wrong.push(format!("| {} |\n{measured}", row.join(" | ")));
        }
        self.measured += &measured;
        self.paid.insert(act, cost);
    }
}

#[tokio::test]
async fn every_act_costs_what_the_table_says() {
    let budget = walk().await;
    println!("{}\n{}", budget.measured, month(&budget.paid));
    assert!(budget.wrong.is_empty(), "expected, and measured:\n{}", budget.wrong.join("\n"));
    assert_eq!(budget.left.into_keys().collect::<Vec<_>>(), <[&str; 0]>::default(), "rows that nobody did");
}

/// Does every act once.
pub(crate) async fn walk() -> Budget {
    let mut budget = Budget::start().await;
    let integration = connecting(&mut budget).await;
    booking(&mut budget).await;
    pages(&mut budget).await;
    whole_lives(&mut budget).await;
    keeping_in_step(&mut budget, &integration).await;
    budget
        .act("disconnect, two hosts in the tenant", async |app| {
            app.disconnect(&integration).await.expect(200).clone()
        })
        .await;
    living(&mut budget).await;
    a_long_list(&mut budget).await;
    catalog(&mut budget).await;
    budget
}

#[test]
fn every_route_has_its_price() {
    let priced = rows().map(|row| row[1].trim_matches('`').to_owned()).filter(|route| route != "-");
    assert_eq!(priced.collect::<BTreeSet<_>>(), super::openapi::documented_routes());
}

async fn connecting(budget: &mut Budget) -> String {
    for (act, path) in [("health", "/v1/health"), ("the API document", "/v1/openapi.json")] {
        budget.act(act, async |app| app.send(Method::GET, path, None).await.expect(200).clone()).await;
    }
    // Grace comes and goes: from here on these functions have key and secret in memory.
    let begin = async |app: &TestApp| app.begin_connect(GRACE).await;
    let (url, cookie) = budget.act("start connecting, first secret of the tenant", begin).await;
    let location = budget.app.google().consent(&url, GRACE_ACCOUNT, &[]).unwrap();
    budget.app.come_back(location.as_str(), &cookie).await.expect(200);
    let id = budget.app.integrations(GRACE).await[0]["id"].as_str().expect("an id").to_owned();
    budget.app.disconnect(&id).await.expect(200);

    let begin = async |app: &TestApp| app.begin_connect(ADA).await;
    let (url, cookie) = budget.act("start connecting", begin).await;
    let location = budget.app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    let back = async |app: &TestApp| app.come_back(location.as_str(), &cookie).await;
    budget.act("come back, first reading", back).await.expect(200);

    // Through a link, in a browser that did not start it: a page first, then its button.
    let (url, _) = begin(&budget.app).await;
    let location = budget.app.google().consent(&url, ADA_ACCOUNT, &[]).unwrap();
    let open = async |app: &TestApp| app.answered(app.http().get(location)).await;
    let page = budget.act("come back in another browser", open).await;
    page.expect(200);
    let approve = [("approve", super::connecting::approval_of(&page))];
    let press = async |app: &TestApp| {
        let url = format!("{}/v1/oauth/google/callback", app.local.url());
        app.answered(app.http().post(url).form(&approve)).await
    };
    budget.act("approve: the same account anew", press).await.expect(200);

    let found = budget.act("list integrations", async |app| app.integrations(ADA).await).await;
    let id = found[0]["id"].as_str().expect("an id");
    budget.act("look at an integration", async |app| app.integration(id).await).await;
    budget.act("list its calendars", async |app| app.calendars(id).await).await.expect(200);
    let same = json!({ "enabled": true });
    budget.act("keep its settings", async |app| app.set_integration(id, &same).await).await.expect(200);
    budget.act("sync it now", async |app| app.sync(id).await).await.expect(200);
    id.to_owned()
}

async fn booking(budget: &mut Budget) {
    let list = async |app: &TestApp| {
        app.listing("intro", "2026-11-23", "2026-12-23", "America/Sao_Paulo").await.expect(200).clone()
    };
    let offers = "/v1/tenants/demo/event-types";
    let look = async |app: &TestApp, path: &str| app.send(Method::GET, path, None).await.expect(200).clone();
    budget.act("list what a tenant offers, cold", async |app| look(app, offers).await).await;
    budget.act("list what a tenant offers, warm", async |app| look(app, offers).await).await;
    budget.app.pass(REMEMBERED);
    let offer = "/v1/tenants/demo/event-types/deep-dive";
    budget.act("look at what is offered, cold", async |app| look(app, offer).await).await;
    budget.act("look at what is offered, warm", async |app| look(app, offer).await).await;
    budget.app.pass(REMEMBERED);
    budget.act("list slots, 30 days, cold", list).await;
    budget.act("list slots, 30 days, warm", list).await;

    let hold = async |app: &TestApp, at: &str| app.hold("intro", &format!("2026-11-24T{at}:00Z")).await;
    let token = async |app: &TestApp, at: &str| {
        hold(app, at).await.expect(201)["hold"].as_str().expect("a hold").to_owned()
    };
    // Nothing is in the memory of this function yet.
    let first = budget.app.book_slot("intro", "2026-11-24T10:00:00Z").await.expect(201).clone();
    budget.app.cancel(&first).await.expect(200);

    let held = budget.act("hold", async |app| token(app, "10:00").await).await;
    let taken = budget.act("hold, taken", async |app| hold(app, "10:00").await).await;
    taken.expect_problem(409, "slot-taken");
    budget.act("release", async |app| app.release(&held).await).await.expect(204);

    let held = token(&budget.app, "11:00").await;
    let confirm = async |app: &TestApp| app.confirm(&held).await.expect(201).clone();
    let first = budget.act("confirm, calendar read just now", confirm).await;
    assert_eq!(first["calendar_sync"], "synced");
    budget.act("confirm, said twice", confirm).await;
    let book = async |app: &TestApp| app.book_slot("intro", "2026-11-24T12:00:00Z").await.expect(201).clone();
    let second = budget.act("book directly", book).await;
    let unlinked = json!({
        "event_type": "intro", "start": "2026-11-24T14:30:00Z", "guest": guest(), "sync_to_calendar": false,
    });
    let book = async |app: &TestApp| app.book(&unlinked).await.expect(201).clone();
    let third = budget.act("book directly, no calendar event", book).await;

    // Three minutes without a poll; the event type is in memory, because another hold has just read it.
    let held = token(&budget.app, "15:00").await;
    budget.app.pass(TimeDelta::minutes(3));
    let other = token(&budget.app, "16:00").await;
    budget.app.release(&other).await.expect(204);
    budget.act("confirm, calendar to be asked", async |app| app.confirm(&held).await).await.expect(201);

    let path = format!("/v1/tenants/{TENANT}/bookings/{}", first["id"].as_str().unwrap());
    let manage = first["manage_token"].as_str().unwrap();
    let look = async |app: &TestApp| app.send_as(manage, Method::GET, &path, None).await;
    budget.act("look at a booking", look).await.expect(200);
    let file = format!("{path}/calendar.ics");
    let fetch = async |app: &TestApp| app.send_as(manage, Method::GET, &file, None).await;
    budget.act("a booking as a calendar file", fetch).await.expect(200);
    budget.act("cancel a booking", async |app| app.cancel(&first).await).await.expect(200);
    budget.act("cancel, no calendar event", async |app| app.cancel(&third).await).await.expect(200);
    let id: BookingId = second["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/v1/bookings/{id}");
    let look = async |app: &TestApp| app.admin(Method::GET, &path, None).await;
    budget.act("look at a booking, as admin", look).await.expect(200);
    let list = async |app: &TestApp| app.admin(Method::GET, "/v1/bookings?limit=50", None).await;
    budget.act("list bookings, a page", list).await.expect(200);
    let history = format!("{path}/history");
    let look = async |app: &TestApp| app.admin(Method::GET, &history, None).await;
    budget.act("a booking's history", look).await.expect(200);
    let notes = json!({ "notes": "Bring a pen" });
    let change = async |app: &TestApp| app.admin(Method::PATCH, &path, Some(&notes)).await;
    budget.act("change a booking", change).await.expect(200);
    let step = async |app: &TestApp, verb: &str| app.step(id.as_str(), verb, None).await;
    budget.act("sync a booking", async |app| step(app, "sync").await).await.expect(200);
    let to = json!({ "start": "2026-11-24T14:00:00Z" });
    let shift = async |app: &TestApp| app.step(id.as_str(), "reschedule", Some(&to)).await;
    budget.act("move a booking, as admin", shift).await.expect(200);
    budget.act("cancel a booking, as admin", async |app| app.cancel_as_admin(&id).await).await.expect(200);
}

/// What hosts and guests do with bookings that are in no calendar: the table alone.
async fn living(budget: &mut Budget) {
    let look = async |app: &TestApp| {
        let start = "2026-11-27T10:00:00Z";
        let path = format!("/v1/tenants/{TENANT}/event-types/intro/availability?start={start}");
        app.send(Method::GET, &path, None).await
    };
    look(&budget.app).await.expect(200);
    budget.act("look at one start", look).await.expect(200);
    let limited = json!({
        "slug": "limited", "hosts": [ADA], "title": "Limited", "lengths": [30], "interval": 30, "window_days": 30,
        "active": true, "max_per_day": 3, "needs_confirmation": true, "confirm_within": 10_000,
    });
    let limited = serde_json::from_value(limited).expect("an event type");
    budget.app.app().store.put_event_type(&budget.app.tenant(), &limited).await.expect("the table");
    let body = |start: &str| json!({ "event_type": "limited", "start": start, "guest": guest(), "sync_to_calendar": false });
    // What these functions remember for half a minute.
    budget.app.book(&body("2026-11-27T10:00:00Z")).await.expect(201);
    let keyed = async |app: &TestApp, start: &str| {
        let url = format!("{}/v1/tenants/{TENANT}/bookings", app.local.url());
        let request = app.http().post(url).header("idempotency-key", format!("{start}-and-more"));
        app.answered(request.json(&body(start))).await
    };
    let book = async |app: &TestApp| keyed(app, "2026-11-27T11:00:00Z").await.expect(201).clone();
    let asked = budget.act("book directly, with key and daily limit", book).await;
    budget.act("the same, said twice", book).await;
    let other = body("2026-11-27T14:00:00Z");
    let make = async |app: &TestApp| app.admin(Method::POST, "/v1/bookings", Some(&other)).await;
    let other = budget.act("book for a guest, daily limit", make).await.expect(201).clone();
    let shift = async |app: &TestApp| app.reschedule(&asked, "2026-11-26T11:00:00Z").await;
    budget.act("move one's booking to another day, daily limit", shift).await.expect(200);
    let id = asked["id"].as_str().expect("an id");
    let step = async |app: &TestApp, id: &str, verb: &str| app.step(id, verb, None).await;
    budget.act("say yes", async |app| step(app, id, "confirm").await).await.expect(200);
    budget.app.pass(TimeDelta::hours(77));
    budget.act("begin", async |app| step(app, id, "start").await).await.expect(200);
    budget.act("complete", async |app| step(app, id, "complete").await).await.expect(200);
    budget.act("no-show", async |app| step(app, id, "no-show").await).await.expect(200);
    let again = budget.app.book(&body("2026-12-03T14:00:00Z")).await.expect(201).clone();
    let id = again["id"].as_str().expect("an id");
    budget.act("say no", async |app| step(app, id, "decline").await).await.expect(200);
    let id = other["id"].as_str().expect("an id");
    budget.app.step(id, "cancel", None).await.expect(200);
    let nobody = json!({ "email": "nobody@example.com" });
    let export = async |app: &TestApp| app.admin(Method::POST, "/v1/guests/export", Some(&nobody)).await;
    let job = budget.act("export a guest of no booking", export).await.expect(202)["id"].clone();
    let path = format!("/v1/jobs/{}", job.as_str().expect("an id"));
    let look = async |app: &TestApp| app.admin(Method::GET, &path, None).await;
    budget.act("look at a job", look).await.expect(200);
    let erase = async |app: &TestApp| app.admin(Method::POST, "/v1/guests/erase", Some(&nobody)).await;
    budget.act("erase a guest of no booking", erase).await.expect(202);
}

/// A booking with its event, to the last thing that follows from each act: the request, its push, the stream, `relay`,
/// the bus, the queue, until nothing is left to be done.
async fn whole_lives(budget: &mut Budget) {
    let settled = async |app: &TestApp, id: &str| {
        app.local.drain().await;
        let record = app.booking_record(id).await;
        let is_open = |entry: &holdfast::domain::AgendaEntry| entry.due_at.is_some() || entry.lease.is_some();
        assert!(!record.entries.iter().any(is_open), "{record:?}");
        assert_eq!(record.calendar_sync(), CalendarSync::Synced);
    };
    budget.app.local.drain().await;
    let book = async |app: &TestApp| {
        let booking = app.book_slot("intro", "2026-11-25T14:00:00Z").await.expect(201).clone();
        app.local.drain().await;
        booking
    };
    let booking = budget.act("book, and all that follows", book).await;
    let id = booking["id"].as_str().expect("an id");
    settled(&budget.app, id).await;
    let item = budget
        .app
        .items()
        .await
        .into_iter()
        .find(|item| item["id"]["S"] == id && item["sk"]["S"] == "BOOKING");
    let bytes = size(&item.expect("the booking"));
    assert!(bytes <= 1024, "the booking takes {bytes} bytes: its units are those of two");
    let within_a_day = async |app: &TestApp| {
        let moved = app.reschedule(&booking, "2026-11-25T15:00:00Z").await.expect(200).clone();
        app.local.drain().await;
        moved
    };
    budget.act("move within a day, and all that follows", within_a_day).await;
    settled(&budget.app, id).await;
    let to_another_day = async |app: &TestApp| {
        let moved = app.reschedule(&booking, "2026-11-26T15:00:00Z").await.expect(200).clone();
        app.local.drain().await;
        moved
    };
    budget.act("move to another day, and all that follows", to_another_day).await;
    settled(&budget.app, id).await;
    let cancel = async |app: &TestApp| {
        let cancelled = app.cancel(&booking).await.expect(200).clone();
        app.local.drain().await;
        cancelled
    };
    budget.act("cancel, and all that follows", cancel).await;
    settled(&budget.app, id).await;
    let held = token_at(&budget.app, "2026-11-25T14:00:00Z").await;
    budget.app.local.drain().await;
    let confirm = async |app: &TestApp| {
        let booking = app.confirm(&held).await.expect(201).clone();
        app.local.drain().await;
        booking
    };
    let booking = budget.act("confirm a hold, and all that follows", confirm).await;
    settled(&budget.app, booking["id"].as_str().expect("an id")).await;
    budget.app.cancel(&booking).await.expect(200);
    budget.app.local.drain().await;
}

async fn token_at(app: &TestApp, start: &str) -> String {
    app.hold("intro", start).await.expect(201)["hold"].as_str().expect("a token").to_owned()
}

/// Bytes of an item, roughly as DynamoDB counts them.
fn size(item: &serde_json::Value) -> usize {
    match item {
        serde_json::Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match name.as_str() {
                "S" | "N" | "L" | "M" | "BOOL" => size(value),
                name => name.len() + size(value) + 1,
            })
            .sum(),
        serde_json::Value::Array(values) => values.iter().map(|value| size(value) + 1).sum(),
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => 1,
    }
}

/// A list as long as a page can be.
async fn a_long_list(budget: &mut Budget) {
    budget.app.put_open_host("hst_busy1").await;
    budget.app.put_event_type("busy", "hst_busy1", &[15], 15, 60).await;
    let first: chrono::DateTime<chrono::Utc> = "2026-12-20T00:00:00Z".parse().expect("an instant");
    for at in 0..100 {
        let start = (first + TimeDelta::minutes(15 * at)).to_rfc3339();
        budget.app.book_slot("busy", &start).await.expect(201);
    }
    for (act, host) in
        [("list a hundred bookings", ""), ("list a hundred bookings of a host", "&host=hst_busy1")]
    {
        let path = format!("/v1/bookings?from=2026-12-20T00:00:00Z&limit=100{host}");
        let list = async |app: &TestApp| app.admin(Method::GET, &path, None).await;
        let page = budget.act(act, list).await;
        assert_eq!(page.expect(200)["bookings"].as_array().expect("a list").len(), 100);
    }
}

/// What staff do with the catalogue.
async fn catalog(budget: &mut Budget) {
    let send = async |app: &TestApp, method: Method, path: &str, body: Option<serde_json::Value>| {
        app.admin(method, path, body.as_ref()).await
    };
    let settings = json!({ "name": "Analytical Engines", "time_zone": "Europe/London", "locale": "en" });
    let id = |made: &tests::Answer| made.expect(201)["id"].as_str().expect("an id").to_owned();
    let look = async |app: &TestApp| send(app, Method::GET, "/v1/tenant", None).await;
    budget.act("look at the tenant", look).await.expect(200);
    let put = async |app: &TestApp| send(app, Method::PUT, "/v1/tenant", Some(settings)).await;
    budget.act("change the tenant's settings", put).await.expect(200);

    let list = async |app: &TestApp| send(app, Method::GET, "/v1/hosts", None).await;
    budget.act("list hosts", list).await.expect(200);
    let new = json!({ "name": "Emmy Noether" });
    let add = async |app: &TestApp| send(app, Method::POST, "/v1/hosts", Some(new)).await;
    let host = id(&budget.act("make a host", add).await);
    let path = format!("/v1/hosts/{host}");
    budget.act("look at a host", async |app| send(app, Method::GET, &path, None).await).await.expect(200);
    let change = json!({ "name": "Noether" });
    let set = async |app: &TestApp| send(app, Method::PATCH, &path, Some(change)).await;
    budget.act("change a host", set).await.expect(200);

    let list = async |app: &TestApp| send(app, Method::GET, "/v1/schedules", None).await;
    budget.act("list schedules", list).await.expect(200);
    let new = json!({ "host": host, "name": "Nights", "time_zone": "UTC", "weekly": {} });
    let add = async |app: &TestApp| send(app, Method::POST, "/v1/schedules", Some(new)).await;
    let of = format!("/v1/schedules/{}", id(&budget.act("make a schedule", add).await));
    budget.act("look at a schedule", async |app| send(app, Method::GET, &of, None).await).await.expect(200);
    let change = json!({ "name": "Days" });
    let set = async |app: &TestApp| send(app, Method::PATCH, &of, Some(change)).await;
    budget.act("change a schedule", set).await.expect(200);
    let remove = async |app: &TestApp| send(app, Method::DELETE, &of, None).await;
    budget.act("remove a schedule", remove).await.expect(204);

    let list = async |app: &TestApp| send(app, Method::GET, "/v1/event-types", None).await;
    budget.act("list event types", list).await.expect(200);
    let new = json!({ "slug": "rings", "host": host, "title": "Rings", "lengths": [30] });
    let add = async |app: &TestApp| send(app, Method::POST, "/v1/event-types", Some(new)).await;
    budget.act("make an event type", add).await.expect(201);
    let of = "/v1/event-types/rings";
    budget.act("look at an event type", async |app| send(app, Method::GET, of, None).await).await.expect(200);
    let change = json!({ "title": "Ideals" });
    let set = async |app: &TestApp| send(app, Method::PATCH, of, Some(change)).await;
    budget.act("change an event type", set).await.expect(200);
    let remove = async |app: &TestApp| send(app, Method::DELETE, of, None).await;
    budget.act("remove an event type", remove).await.expect(204);
    // One that is to come keeps its event type.
    let free = budget.app.starts("intro", "2026-11-24", "2026-12-19").await;
    budget.app.book_slot("intro", &free[0]).await.expect(201);
    let archive = async |app: &TestApp| send(app, Method::DELETE, "/v1/event-types/intro", None).await;
    budget.act("archive an event type", archive).await.expect(200);
    let remove = async |app: &TestApp| send(app, Method::DELETE, &path, None).await;
    budget.act("remove a host", remove).await.expect(204);
}

/// The same by hand, on the pages.
async fn pages(budget: &mut Budget) {
    let get = async |app: &TestApp, path: &str| app.send(Method::GET, path, None).await;
    let week = "/demo/intro?week=2026-11-23&zone=UTC";
    let page = budget.act("a page of a week, cold", async |app| get(app, week).await).await;
    budget.act("a page of a week, warm", async |app| get(app, week).await).await.expect(200);
    let past = "/demo/intro?week=2026-11-09&zone=UTC";
    let empty =
        budget.act("a page of a week in which nothing is free", async |app| get(app, past).await).await;
    assert!(empty.text.contains("the next week with free times"), "{}", empty.text);
    budget.act("the tenant's page", async |app| get(app, "/demo").await).await.expect(200);
    let style = page.text.split("stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    budget.act("a style sheet", async |app| get(app, style).await).await.expect(200);

    let post = async |app: &TestApp, path: &str, form: &[(&str, &str)]| {
        app.answered(app.http().post(format!("{}{path}", app.local.url())).form(form)).await
    };
    let key = page.text.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let hold = async |app: &TestApp, start: &str| {
        let page = post(app, "/demo/intro/hold", &[("start", start), ("zone", "UTC"), ("key", key)]).await;
        page.expect(200);
        page.text.split("name=\"hold\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    // Nothing is in the memory of this function yet: the first booking reads the keys.
    let book = async |app: &TestApp, hold: &str, email: &str| {
        let form = [("hold", hold), ("time_zone", "UTC"), ("name", "Mary Somerville"), ("email", email)];
        post(app, "/demo/intro/book", &form).await
    };
    let email = "mary@example.com";
    let held = hold(&budget.app, "2026-11-25T15:00:00Z").await;
    let first = book(&budget.app, &held, email).await.header("location").unwrap();

    let held = budget.act("hold, by its button", async |app| hold(app, "2026-11-26T15:00:00Z").await).await;
    let wrong = budget.act("a field is wrong, on the page", async |app| book(app, &held, "mary").await).await;
    assert_eq!(wrong.status, 422);
    let booked = budget.act("confirm, on the page", async |app| book(app, &held, email).await).await;
    assert_eq!(booked.status, 303);
    let manage = booked.header("location").unwrap();
    budget.act("a booking's page", async |app| get(app, &manage).await).await.expect(200);
    let (path, token) = manage.split_once("?token=").unwrap();
    let file = format!("{path}/calendar.ics?token={token}");
    budget.act("a booking as a file, from its page", async |app| get(app, &file).await).await.expect(200);
    let weeks = format!("{path}/move?token={token}");
    budget.act("a week to move to", async |app| get(app, &weeks).await).await.expect(200);
    let place = format!("{path}/reschedule");
    let form = [("start", "2026-11-26T16:00:00Z"), ("zone", "UTC"), ("token", token)];
    let moved = budget.act("move, on the page", async |app| post(app, &place, &form).await).await;
    assert_eq!(moved.status, 303);
    let cancel = async |app: &TestApp, manage: &str| {
        let (path, token) = manage.split_once("?token=").unwrap();
        post(app, &format!("{path}/cancel"), &[("token", token)]).await
    };
    let cancelled = budget.act("cancel, on the page", async |app| cancel(app, &manage).await).await;
    assert_eq!((cancelled.status, cancel(&budget.app, &first).await.status), (303, 303));
}

/// What happens by itself.
async fn keeping_in_step(budget: &mut Budget, integration: &str) {
    let minute = async |app: &TestApp| {
        app.pass(TimeDelta::minutes(1));
        app.tick().await;
    };
    // What the bookings before have left on the stream, and a first poll.
    minute(&budget.app).await;
    budget.app.sync(integration).await.expect(200);
    let items = budget.app.items().await.len();
    budget.act("a minute, nothing due", minute).await;
    budget.act("a minute, one idle poll", minute).await;
    assert_eq!(budget.app.items().await.len(), items, "a poll that finds nothing leaves no trace");

    let start = "2026-11-25T09:00:00Z".parse().expect("an instant");
    let dentist = EventSpec::new("Dentist", start, start + TimeDelta::hours(1));
    budget.app.google().add_event(ADA_ACCOUNT, ADA_ACCOUNT, dentist);
    budget.app.pass(TimeDelta::minutes(1));
    budget.act("a minute, one poll that finds a change", minute).await;

    let family = json!({ "conflict_calendars": [ADA_ACCOUNT, FAMILY] });
    budget.app.set_integration(integration, &family).await.expect(200);
    budget.app.sync(integration).await.expect(200);
    budget.app.pass(TimeDelta::minutes(1));
    let items = budget.app.items().await.len();
    budget.act("a minute, one idle poll of two calendars", minute).await;
    assert_eq!(budget.app.items().await.len(), items, "a poll that finds nothing leaves no trace");

    budget.app.google().faults.always("events.insert", errors::backend_error(503));
    let mut pending = Vec::new();
    for start in ["2026-11-26T11:00:00Z", "2026-11-26T12:00:00Z"] {
        let booking = budget.app.book_slot("intro", start).await.expect(201).clone();
        assert_eq!(booking["calendar_sync"], "pending");
        pending.push(booking["id"].as_str().unwrap().parse::<BookingId>().unwrap());
    }
    budget.app.google().faults.clear();
    budget.app.pass(TimeDelta::minutes(2));
    budget.app.push_by(budget.app.app(), &pending[0]).await.unwrap();
    let key = budget.app.booking_record(pending[1].as_str()).await.entries.remove(0).key();
    let again = async |app: &TestApp| push(app.app(), &key).await.unwrap();
    budget.act("push once more", again).await;
    for id in &pending {
        let sync = budget.app.booking_record(id.as_str()).await.calendar_sync();
        assert_eq!(sync, CalendarSync::Synced);
    }
    let idle = async |app: &TestApp| push(app.app(), &key).await.unwrap();
    budget.act("push, nothing due", idle).await;
    for id in &pending {
        budget.app.cancel_as_admin(id).await.expect(200);
    }
}

/// What an integration that is polled and never changes comes to in 30 days, with one booking ahead, and what the
/// schedule costs for all of them together. List prices of November 2026, on demand.
fn month(paid: &BTreeMap<&str, Cost>) -> String {
    const MINUTES: u32 = 30 * 24 * 60;
    const POLLS: u32 = MINUTES / 2;
    let (poll, quiet) = (&paid["a minute, one idle poll"], &paid["a minute, nothing due"]);
    let line = |what: &str, units: Units, times: u32, calls: String| {
        let (read, write) = (units.read * f64::from(times), units.write * f64::from(times));
        let dollars = (read * 0.125 + write * 0.625) / 1e6;
        format!("{what}: {calls}, {read} read and {write} write units (${dollars:.3})\n")
    };
    let calls = |callee, times: u32| (poll.count(callee) - quiet.count(callee)) * times as usize;
    let polls = format!(
        "{POLLS} polls, {} calls of DynamoDB, {} of Google, {} of EventBridge",
        calls(Callee::Table, POLLS),
        calls(Callee::Google, POLLS),
        calls(Callee::Bus, POLLS),
    );
    let schedule = format!("{} calls of DynamoDB", quiet.count(Callee::Table) * MINUTES as usize);
    line("an idle integration, a month", poll.units - quiet.units, POLLS, polls)
        + &line("the schedule, for all of them, a month", quiet.units, MINUTES, schedule)
}
