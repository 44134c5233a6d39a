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
use tests::{ADA, ADA_ACCOUNT, Callee, Cost, GRACE, GRACE_ACCOUNT, TENANT, TestApp, guest};

const FAMILY: &str = "family.ada@group.calendar.google.com";

/// A row: act, route, calls at the table, read units, write units, other calls.
type Row = [&'static str; 6];

fn rows() -> impl Iterator<Item = Row> {
    let lines = include_str!("budgets.md").lines().filter(|line| line.starts_with("| ")).skip(2);
    lines.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        cells.try_into().expect("six cells")
    })
}

/// The table, as it is measured.
struct Budget {
    app: TestApp,
    left: BTreeMap<&'static str, Row>,
    paid: BTreeMap<&'static str, Cost>,
    measured: String,
    wrong: Vec<String>,
}

impl Budget {
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
        let row = self.left.remove(act).unwrap_or_else(|| panic!("no row, or one done before: {act}"));
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
    let mut budget = Budget::start().await;
    let integration = connecting(&mut budget).await;
    booking(&mut budget).await;
    keeping_in_step(&mut budget, &integration).await;
    budget
        .act("disconnect, two hosts in the tenant", async |app| {
            app.disconnect(&integration).await.expect(200).clone()
        })
        .await;
    println!("{}\n{}", budget.measured, month(&budget.paid));
    assert!(budget.wrong.is_empty(), "expected, and measured:\n{}", budget.wrong.join("\n"));
    assert_eq!(budget.left.into_keys().collect::<Vec<_>>(), <[&str; 0]>::default(), "rows that nobody did");
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
    budget.act("cancel a booking", async |app| app.cancel(&first).await).await.expect(200);
    budget.act("cancel, no calendar event", async |app| app.cancel(&third).await).await.expect(200);
    let id: BookingId = second["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/v1/bookings/{id}");
    let look = async |app: &TestApp| app.admin(Method::GET, &path, None).await;
    budget.act("look at a booking, as admin", look).await.expect(200);
    budget.act("cancel a booking, as admin", async |app| app.cancel_as_admin(&id).await).await.expect(200);
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
    let again = async |app: &TestApp, id: &BookingId| push(app.app(), &app.tenant(), id).await.unwrap();
    assert_eq!(Box::pin(again(&budget.app, &pending[0])).await, CalendarSync::Synced);
    let second = budget.act("push once more", async |app| again(app, &pending[1]).await).await;
    assert_eq!(second, CalendarSync::Synced);
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
