//! The service as it runs: what the slots function costs its CPU, and how fast holds, bookings and listings are
//! answered over loopback.
//!
//! `listing: CPU` is the time that the one thread of a function was on the CPU, not the wall's: the database has
//! its own threads and is not in it. The SDK cannot be taken out of the handler, so `without DynamoDB` is what is
//! left when its one Query, sent by itself on the same thread in the same run, is taken off.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that finds something else than it says is to stop"
)]

mod input;

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use chrono::{DateTime, Utc};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fakes::google::EventSpec;
use futures::future::join_all;
use holdfast::App;
use holdfast::domain::{Day, HostId, Tenant};
use holdfast::http::finish;
use lambda_http::Adapter;
use lambda_http::lambda_runtime::{Context, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::tower::Service;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{TENANT, TestApp};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use tracing_subscriber::layer::SubscriberExt;

use crate::input::{Input, ThreadTime};

/// The input's host and event type.
const HOST: &str = "hst_bench1";
const ACCOUNT: &str = "bench@example.com";
const SLOTS: &str = "thirty-days";
/// A host without a calendar, open around the clock.
const OPEN_HOST: &str = "hst_open1";
const OPEN: &str = "open";
/// A slot of either.
const FREE: &str = "2027-03-16T16:30:00Z";

const CLIENTS: usize = 16;
const REQUESTS_OF_EACH: usize = 25;

/// The product with the input in its calendar and table.
async fn start(input: &Input) -> TestApp {
    let app = TestApp::without_stream().await;
    app.pass(input.now() - app.now());
    app.put_host(&json!({ "id": HOST, "name": "Hedy Lamarr", "schedule": input.schedule() })).await;
    app.put_event_type(SLOTS, HOST, &[input.slot_min], input.interval_min, input.window_days()).await;
    app.put_open_host(OPEN_HOST).await;
    app.put_event_type(OPEN, OPEN_HOST, &[input.slot_min], input.interval_min, input.window_days()).await;
    app.google().add_account(ACCOUNT, "Hedy Lamarr");
    app.google().set_time_zone(ACCOUNT, "Europe/London");
    for (from, to) in input.busy() {
        app.google().add_event(ACCOUNT, ACCOUNT, EventSpec::new("busy", from, to));
    }
    let integration = app.connect(HOST, ACCOUNT).await;
    app.sync(&integration).await.expect(200);
    input
        .check(starts(app.http().get(app.local.url() + &path(input)).send().await.expect("an answer")).await);
    app
}

fn path(input: &Input) -> String {
    let (from, to, zone) = (input.start, input.end(), input.guest);
    format!("/v1/tenants/{TENANT}/event-types/{SLOTS}/slots?from={from}&to={to}&time_zone={zone}")
}

async fn starts(answer: reqwest::Response) -> impl Iterator<Item = DateTime<Utc>> {
    let listing: Value = answer.json().await.expect("JSON");
    let days = listing["days"].as_array().expect("days").clone();
    let slots = days.into_iter().flat_map(|day| day["slots"].as_array().expect("slots").clone());
    slots.map(|slot| slot["start"].as_str().expect("a start").parse().expect("an instant"))
}

/// The event that API Gateway sends for the listing.
fn event(input: &Input) -> Vec<u8> {
    let path = path(input);
    let (path, query) = path.split_once('?').expect("a query");
    let route = "GET /v1/tenants/{tenant}/event-types/{slug}/slots";
    let event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "application/json", "accept-encoding": "gzip, br", "content-length": "0",
            "host": "api.example.com", "origin": "https://example.com", "referer": "https://example.com/book",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "x-amzn-trace-id": "Root=1-5e272390-8c398be037738dc042009320", "x-forwarded-for": "192.0.2.7",
            "x-forwarded-port": "443", "x-forwarded-proto": "https",
        },
        "queryStringParameters": { "from": input.start, "to": input.end(), "time_zone": input.guest },
        "pathParameters": { "tenant": TENANT, "slug": SLOTS },
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.example.com", "domainPrefix": "api",
            "http": {
                "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7",
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            },
            "requestId": "JKJaXmPLvHcESHA=", "routeKey": route, "stage": "$default",
            "time": "15/Mar/2027:00:00:00 +0000", "timeEpoch": 1_805_068_800_000_i64,
        },
        "isBase64Encoded": false,
    });
    serde_json::to_vec(&event).expect("JSON")
}

/// A slots function, warm, on its own thread's runtime as in its `main`.
struct Function {
    runtime: Runtime,
    app: App,
    router: Router,
    path: String,
    event: Vec<u8>,
    tenant: Tenant,
    host: HostId,
    /// The first and the last day that the listing reads.
    days: (Day, Day),
}

impl Function {
    fn new(app: &TestApp, input: &Input) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let process = app.process();
        let function = Self {
            runtime,
            router: finish(slots::router(), process.clone()),
            app: process,
            path: path(input),
            event: event(input),
            tenant: app.tenant(),
            host: HOST.parse().expect("an id"),
            days: (Day::from(input.start), Day::from(input.end())),
        };
        let (handled, invoked, read) = function
            .runtime
            .block_on(async { (function.handle().await, function.invoke().await, function.query().await) });
        // All the slots; the same in a string, each quotation mark with its escape; every day that is not empty.
        assert!(handled > 50_000 && invoked > handled + 4 * 720, "{handled}, {invoked} bytes");
        assert!(read > 20, "{read} days");
        function
    }

    /// The handler: HTTP in, HTTP out.
    async fn handle(&self) -> usize {
        let request = Request::get(&self.path).body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        to_bytes(response.into_body(), usize::MAX).await.expect("a body").len()
    }

    /// The whole invocation but for its two calls to Lambda's own API: an event's bytes in, an answer's out.
    async fn invoke(&self) -> usize {
        let payload: LambdaRequest = serde_json::from_slice(&self.event).expect("an event");
        let mut adapter = Adapter::from(self.router.clone());
        let response = adapter.call(LambdaEvent::new(payload, Context::default())).await.expect("an answer");
        serde_json::to_vec(&response).expect("JSON").len()
    }

    /// What the handler reads: its one Query.
    async fn query(&self) -> usize {
        let (from, to) = self.days;
        self.app.store.days(&self.tenant, &self.host, from, to).await.expect("the table").days.len()
    }

    /// What so many runs cost this thread. Nothing is running beside them on it but the SDK's connection.
    fn cpu<F: Future<Output = usize>>(&self, runs: u64, run: impl Fn() -> F) -> Duration {
        self.runtime.block_on(async {
            let began = ThreadTime::now();
            for _ in 0..runs {
                assert!(run().await > 0);
            }
            ThreadTime::now().saturating_sub(began)
        })
    }
}

/// The log lines of a function are part of what it costs; nobody reads these.
fn log_to_nowhere() {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink).json().flatten_event(true);
    let logs = tracing_subscriber::registry().with(holdfast::telemetry::filter("info")).with(lines);
    tracing::subscriber::set_global_default(logs).expect("the first subscriber");
}

/// The listing in one function, by the CPU time of its thread.
fn listing(c: &mut Criterion, function: &Function) {
    let mut group = c.benchmark_group("listing: CPU");
    let handler = |runs| function.cpu(runs, || function.handle());
    let query = |runs| function.cpu(runs, || function.query());
    group.bench_function("handler", |b| b.iter_custom(handler));
    group.bench_function("its Query alone", |b| b.iter_custom(query));
    group.bench_function("handler without DynamoDB", |b| {
        b.iter_custom(|runs| handler(runs).saturating_sub(query(runs)));
    });
    group.bench_function("invocation", |b| b.iter_custom(|runs| function.cpu(runs, || function.invoke())));
    group.finish();
}

/// Holds and bookings over loopback, one after the other; what gives the slot back is not timed.
fn loopback(c: &mut Criterion, around: &Runtime, app: &TestApp) {
    let mut group = c.benchmark_group("loopback");
    group.sample_size(20);
    group.bench_function("hold", |b| {
        b.to_async(around).iter_custom(async |runs| {
            let mut total = Duration::ZERO;
            for _ in 0..runs {
                let (took, hold) = timed(app.hold(OPEN, FREE)).await;
                total += took;
                release(app, hold.expect(201)).await;
            }
            total
        });
    });
    for (name, slug) in [("booking", OPEN), ("booking, with its event in the calendar", SLOTS)] {
        group.bench_function(name, |b| {
            b.to_async(around).iter_custom(async |runs| {
                let mut total = Duration::ZERO;
                for _ in 0..runs {
                    let hold = app.hold(slug, FREE).await.expect(201)["hold"].clone();
                    let (took, booking) = timed(app.confirm(hold.as_str().expect("a hold"))).await;
                    total += took;
                    let booking = booking.expect(201);
                    assert_eq!(booking["calendar_sync"], if slug == OPEN { "off" } else { "synced" });
                    app.cancel(booking).await.expect(200);
                }
                total
            });
        });
    }
    group.finish();
}

async fn timed<T>(run: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let done = run.await;
    (began.elapsed(), done)
}

async fn release(app: &TestApp, hold: &Value) {
    let body = json!({ "hold": hold["hold"] });
    let path = format!("/v1/tenants/{TENANT}/holds/release");
    app.send(Method::POST, &path, Some(&body)).await.expect(204);
}

/// Requests per second of the local server: so many clients on connections that stay open, each with its next
/// request as soon as the last is answered.
fn local_server(c: &mut Criterion, around: &Runtime, app: &TestApp, input: &Input) {
    let mut group = c.benchmark_group("local server");
    group.sample_size(10).throughput(Throughput::Elements((CLIENTS * REQUESTS_OF_EACH) as u64));
    for (name, path) in [("health", "/v1/health".to_owned()), ("listing", path(input))] {
        let url = app.local.url() + &path;
        group.bench_function(format!("{name}, {CLIENTS} clients"), |b| {
            b.to_async(around).iter(|| join_all((0..CLIENTS).map(|_| client(app.http(), &url))));
        });
    }
    group.finish();
}

async fn client(http: &reqwest::Client, url: &str) {
    for _ in 0..REQUESTS_OF_EACH {
        let answer = http.get(url).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("a body");
    }
}

fn service(c: &mut Criterion) {
    log_to_nowhere();
    let input = Input::read();
    // Everything around the function has threads of its own.
    let around = Runtime::new().expect("a runtime");
    let app = around.block_on(start(&input));
    listing(c, &Function::new(&app, &input));
    loopback(c, &around, &app);
    local_server(c, &around, &app, &input);
}

criterion_group!(benches, service);
criterion_main!(benches);
