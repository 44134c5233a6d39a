//! The kit: the whole product on loopback, a clock that stands still until it is moved, and verbs in the
//! visitor's words.
//!
//! Every [`TestApp`] holds all that the product and the simulated Google say to each other against Google's own
//! schemas ([`contract`]), and fails at its end if any of it broke them. They lie in `../shared/schemas` beside the
//! checkout, or where `HOLDFAST_SCHEMAS` says; where they are absent, the tests of the contract say `skipped`. In what
//! the simulated Google is stricter or laxer than the real one is a table in the docs of [`fakes::google`].
//! [`TestApp::cost`] says what an act costs.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it says is to stop"
)]

mod answer;
mod catalog;
mod cells;
pub mod contract;
mod cost;
mod crash;
mod forged_tokens;
pub mod invariants;
mod lambda;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use fakes::google::{Exchange, Google};
use holdfast::App;
use holdfast::clock::Clock;
use holdfast::domain::{Booking, BookingId, BookingRecord, EntryKey, Tenant};
use local::{Local, Options};
use reqwest::Method;
use serde_json::{Value, json};

pub use answer::Answer;
pub use contract::Contract;
pub use cost::Cost;
pub use crash::{Callee, Crashed, Death, Point};
pub use lambda::{FUNCTIONS, Lambda, Outcome, binary};

/// The tenant of the demo data.
pub const TENANT: &str = "demo";
/// Ada works Mon-Fri 09-17 in London and takes `intro` and `deep-dive`.
pub const ADA: &str = "hst_ada1";
/// Ada's account at the simulated Google; its main calendar goes by the same name.
pub const ADA_ACCOUNT: &str = "ada@example.com";
/// Grace works Mon-Fri 10-18 in New York and takes `office-hours`.
pub const GRACE: &str = "hst_grace1";
/// Grace's account.
pub const GRACE_ACCOUNT: &str = "grace@example.com";
/// For so long the listing may go by what it knew of a host: another function's change shows after it.
pub const REMEMBERED: TimeDelta = TimeDelta::seconds(31);
/// When every test begins: a Monday morning in winter, before anybody works.
pub const BEGINNING: &str = "2026-11-23T06:00:00Z";

/// The product, running.
#[derive(Debug)]
pub struct TestApp {
    /// Everything that runs.
    pub local: Local,
    now: Arc<AtomicI64>,
    http: reqwest::Client,
    admin: String,
    heard: Mutex<Vec<Answer>>,
    ledger: Arc<contract::Ledger>,
}

impl TestApp {
    /// A fresh product with the demo data, the table's stream and no background work: nothing happens until
    /// [`TestApp::tick`].
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same without the table's stream, whose cost grows with every write.
    pub async fn without_stream() -> Self {
        Self::with(|options| options.stream = false).await
    }

    /// The same with other options.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::at(BEGINNING, change).await
    }

    /// The same at another time, an RFC 3339 instant, and some milliseconds.
    pub async fn at(beginning: &str, change: impl FnOnce(&mut Options)) -> Self {
        // reqwest wants a provider even for plain http; the first test installs it for all.
        rustls::crypto::ring::default_provider().install_default().ok();
        let beginning: DateTime<Utc> = beginning.parse().expect("an instant");
        // Clocks seldom stand at whole seconds, to which the table rounds.
        let now = Arc::new(AtomicI64::new(beginning.timestamp_millis() + 437));
        let mut options = Options {
            port: 0,
            data: None,
            clock: Clock::manual(Arc::clone(&now)),
            stream: true,
            schedules: false,
            seed: true,
            invoke: None,
            issuer: None,
            calendar: None,
            providers: None,
            settings: Vec::new(),
        };
        change(&mut options);
        let local = Local::start(options).await.expect("the product starts");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(64)
            // Loopback is plain: reading the machine's certificates would take longer than everything else here.
            .tls_certs_only([])
            .build()
            .expect("a client");
        let admin = local.admin_token(TENANT);
        let ledger = Arc::<contract::Ledger>::default();
        if let Some((google, contract)) = local.google.as_ref().zip(Contract::official()) {
            let ledger = Arc::clone(&ledger);
            google.observe(move |exchange: &Exchange| ledger.enter(contract, exchange));
        }
        Self { local, now, http, admin, heard: Mutex::default(), ledger }
    }

    /// The state that the product's handlers have.
    pub fn app(&self) -> &App {
        &self.local.app
    }

    /// A fresh process on the same table, which remembers nothing.
    pub fn process(&self) -> App {
        self.local.app_with(self.app().clock.clone())
    }

    /// A second process on the same table, whose clock is off by this much.
    pub fn skewed(&self, by: TimeDelta) -> App {
        let now = self.now.load(Ordering::SeqCst) + by.num_milliseconds();
        self.local.app_with(Clock::manual(Arc::new(AtomicI64::new(now))))
    }

    /// The simulated Google.
    pub fn google(&self) -> &Google {
        self.local.google.as_ref().expect("the simulated Google")
    }

    /// What of the exchanges with Google was held against its contract.
    pub fn ledger(&self) -> &contract::Ledger {
        &self.ledger
    }

    /// The tenant of the demo data.
    pub fn tenant(&self) -> Tenant {
        TENANT.parse().expect("a tenant")
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now.load(Ordering::SeqCst)).expect("an instant")
    }

    /// Lets time pass.
    pub fn pass(&self, time: TimeDelta) {
        self.now.fetch_add(time.num_milliseconds(), Ordering::SeqCst);
    }

    /// One run of the minute schedule and all that follows from it.
    pub async fn tick(&self) {
        self.local.tick().await;
    }

    /// Minutes pass, each with its tick.
    pub async fn tick_for(&self, minutes: u32) {
        for _ in 0..minutes {
            self.pass(TimeDelta::minutes(1));
            self.tick().await;
        }
    }

    /// A request without any token.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.request(method, path, None, body).await
    }

    /// A request with a bearer token.
    pub async fn send_as(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.request(method, path, Some(token), body).await
    }

    /// A request of the demo tenant's admin.
    pub async fn admin(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.request(method, path, Some(&self.admin), body).await
    }

    async fn request(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.local.url()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answered(request).await
    }

    /// Sends a request and remembers the answer.
    pub async fn answered(&self, request: reqwest::RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let method = request.method().clone();
        let answer = Answer::to(method, client.execute(request).await.expect("an answer")).await;
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(answer.clone());
        answer
    }

    /// Every answer so far that came through this kit.
    pub fn heard(&self) -> Vec<Answer> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The client itself, for requests that are wrong on purpose.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Begins a connection and gives the consent page's URL and the cookie.
    pub async fn begin_connect(&self, host: &str) -> (String, String) {
        let path = "/v1/integrations/google/connect";
        let answer = self.admin(Method::POST, path, Some(&json!({ "host": host }))).await;
        let url = answer.expect(200)["authorization_url"].as_str().expect("a URL").to_owned();
        let cookie = answer.header("set-cookie").expect("a cookie");
        (url, cookie.split(';').next().expect("a pair").to_owned())
    }

    /// Follows the provider's redirect into the callback, as the browser that has the cookie.
    pub async fn come_back(&self, location: &str, cookie: &str) -> Answer {
        self.answered(self.http.get(location).header("cookie", cookie)).await
    }

    /// Connects an account to a host through the consent page, and gives the integration's id.
    pub async fn connect(&self, host: &str, account: &str) -> String {
        let (url, cookie) = self.begin_connect(host).await;
        let location = self.google().consent(&url, account, &[]).expect("consent");
        self.come_back(location.as_str(), &cookie).await.expect(200);
        let integrations = self.integrations(host).await;
        let found = integrations.iter().find(|found| found["account"] == account).expect("the integration");
        assert_eq!(found["status"], "connected", "{found}");
        found["id"].as_str().expect("an id").to_owned()
    }

    /// The integrations of a host, as an admin sees them.
    pub async fn integrations(&self, host: &str) -> Vec<Value> {
        let answer = self.admin(Method::GET, &format!("/v1/integrations?host={host}"), None).await;
        answer.expect(200)["integrations"].as_array().expect("a list").clone()
    }

    /// One integration, as an admin sees it.
    pub async fn integration(&self, id: &str) -> Value {
        self.admin(Method::GET, &format!("/v1/integrations/{id}"), None).await.expect(200).clone()
    }

    /// Syncs an integration now.
    pub async fn sync(&self, id: &str) -> Answer {
        self.admin(Method::POST, &format!("/v1/integrations/{id}/sync"), None).await
    }

    /// Disconnects an integration.
    pub async fn disconnect(&self, id: &str) -> Answer {
        self.admin(Method::DELETE, &format!("/v1/integrations/{id}"), None).await
    }

    /// Changes an integration's settings.
    pub async fn set_integration(&self, id: &str, settings: &Value) -> Answer {
        self.admin(Method::PATCH, &format!("/v1/integrations/{id}"), Some(settings)).await
    }

    /// The calendars of an integration's account.
    pub async fn calendars(&self, id: &str) -> Answer {
        self.admin(Method::GET, &format!("/v1/integrations/{id}/calendars"), None).await
    }

    /// The listing of an event type for a guest.
    pub async fn listing(&self, event_type: &str, from: &str, to: &str, zone: &str) -> Answer {
        let zone: String = url::form_urlencoded::byte_serialize(zone.as_bytes()).collect();
        let path = format!(
            "/v1/tenants/{TENANT}/event-types/{event_type}/slots?from={from}&to={to}&time_zone={zone}"
        );
        self.send(Method::GET, &path, None).await
    }

    /// The starts of the free slots from one UTC date up to another.
    pub async fn starts(&self, event_type: &str, from: &str, to: &str) -> Vec<String> {
        let answer = self.listing(event_type, from, to, "UTC").await;
        let days = answer.expect(200)["days"].as_array().expect("days").clone();
        let slots = days.iter().flat_map(|day| day["slots"].as_array().expect("slots").clone());
        slots.map(|slot| slot["start"].as_str().expect("a start").to_owned()).collect()
    }

    /// Whether a slot is offered at this instant.
    pub async fn is_offered(&self, event_type: &str, start: &str) -> bool {
        let start: DateTime<Utc> = start.parse().expect("an instant");
        let day = start.date_naive();
        let next = day.succ_opt().expect("a day").to_string();
        let starts = self.starts(event_type, &day.to_string(), &next).await;
        starts.iter().any(|offered| offered.parse() == Ok(start))
    }

    /// Asks for a hold.
    pub async fn hold(&self, event_type: &str, start: &str) -> Answer {
        self.hold_for(event_type, start, None).await
    }

    /// Asks for a hold of this many minutes.
    pub async fn hold_for(&self, event_type: &str, start: &str, length: Option<u32>) -> Answer {
        let body = json!({ "event_type": event_type, "start": start, "length": length });
        self.send(Method::POST, &format!("/v1/tenants/{TENANT}/holds"), Some(&body)).await
    }

    /// Confirms a hold for the usual guest.
    pub async fn confirm(&self, hold: &str) -> Answer {
        self.book(&json!({ "hold": hold, "guest": guest() })).await
    }

    /// Books a free slot for the usual guest.
    pub async fn book_slot(&self, event_type: &str, start: &str) -> Answer {
        self.book(&json!({ "event_type": event_type, "start": start, "guest": guest() })).await
    }

    /// Sends a booking.
    pub async fn book(&self, body: &Value) -> Answer {
        self.send(Method::POST, &format!("/v1/tenants/{TENANT}/bookings"), Some(body)).await
    }

    /// Cancels a booking as the guest who has its manage token.
    pub async fn cancel(&self, booking: &Value) -> Answer {
        let id = booking["id"].as_str().expect("an id");
        let token = booking["manage_token"].as_str().expect("a manage token");
        self.send_as(token, Method::DELETE, &format!("/v1/tenants/{TENANT}/bookings/{id}"), None).await
    }

    /// Cancels a booking as an admin.
    pub async fn cancel_as_admin(&self, id: &BookingId) -> Answer {
        self.step(id.as_str(), "cancel", None).await
    }

    /// Has a booking take a step, as an admin: `confirm`, `decline`, `start`...
    pub async fn step(&self, id: &str, verb: &str, body: Option<&Value>) -> Answer {
        self.admin(Method::POST, &format!("/v1/bookings/{id}/{verb}"), body).await
    }

    /// Moves a booking as the guest who has its manage token.
    pub async fn reschedule(&self, booking: &Value, start: &str) -> Answer {
        let id = booking["id"].as_str().expect("an id");
        let token = booking["manage_token"].as_str().expect("a manage token");
        let path = format!("/v1/tenants/{TENANT}/bookings/{id}/reschedule");
        self.send_as(token, Method::POST, &path, Some(&json!({ "start": start }))).await
    }

    /// The booking as it is stored.
    pub async fn stored(&self, id: &str) -> Booking {
        let id: BookingId = id.parse().expect("an id");
        self.app().store.booking(&self.tenant(), &id).await.expect("the table").expect("the booking")
    }

    /// The booking as it is stored, with its agenda entries.
    pub async fn booking_record(&self, id: &str) -> BookingRecord {
        let id: BookingId = id.parse().expect("an id");
        let found = self.app().store.booking_record(&self.tenant(), &id).await;
        found.expect("the table").expect("the booking")
    }

    /// Pushes what is due of a booking, entry by entry, by this process.
    pub async fn push_by(&self, app: &App, id: &BookingId) -> Result<(), holdfast::store::StoreError> {
        let Some(booking) = app.store.booking(&self.tenant(), id).await? else { return Ok(()) };
        for key in EntryKey::all_of(&booking) {
            holdfast::flows::push(app, &key).await?;
        }
        Ok(())
    }

    /// Our events in a calendar: those that carry a booking's mark.
    pub fn our_events(&self, account: &str, calendar: &str) -> Vec<Value> {
        let is_ours = |event: &Value| event["extendedProperties"]["private"]["holdfast_booking"].is_string();
        self.google().events(account, calendar).into_iter().filter(is_ours).collect()
    }
}

impl Drop for TestApp {
    /// A test during which the contract with Google was broken has failed, whatever else it found.
    fn drop(&mut self) {
        let wrong = self.ledger.take_wrong();
        let report = format!("the contract with Google was broken:\n{}", wrong.join("\n"));
        if !std::thread::panicking() {
            assert!(wrong.is_empty(), "{report}");
        } else if !wrong.is_empty() {
            // Most likely why the test has failed already.
            eprintln!("{report}");
        }
    }
}

/// The id that an event of ours has at Google: `hf`, the booking's own characters, `h`, the host's in hex, `g`, the
/// generation in hex.
pub fn google_event_id(booking: &str, host: &str, generation: u32) -> String {
    let (_, booking) = booking.split_once('_').expect("a booking's id");
    let (_, host) = host.split_once('_').expect("a host's id");
    let host = host.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("hf{booking}h{host}g{generation:x}")
}

/// The usual guest.
pub fn guest() -> Value {
    json!({ "name": "Mary Somerville", "email": "mary@example.com", "time_zone": "America/Sao_Paulo" })
}
