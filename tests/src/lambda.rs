//! Lambda on loopback: starts the functions' real binaries, feeds them events by the Runtime API, and takes events
//! by the Invoke API.
//!
//! The one rule: a process is started once and fed one event at a time, as a sandbox is; one that ends is not
//! started again, so that a test sees it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::TimeDelta;
use fakes::Server;
use holdfast::clock::Clock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

/// The functions that ship, by their binaries.
pub const FUNCTIONS: [&str; 11] = [
    "bookings",
    "catalog",
    "integrations",
    "maintenance",
    "oauth-callback",
    "oauth-start",
    "pages",
    "relay",
    "slots",
    "sync",
    "sync-dispatch",
];

/// What an invocation comes to: the answer, or the error as the function words it.
pub type Outcome = Result<Value, Value>;

/// Lambda, with the functions that were launched.
#[derive(Debug)]
pub struct Lambda {
    functions: Functions,
    server: Server,
}

type Functions = Arc<Mutex<HashMap<String, Arc<Sandbox>>>>;

/// One process and its Runtime API.
#[derive(Debug)]
struct Sandbox {
    events: mpsc::UnboundedSender<Invocation>,
    polled: watch::Receiver<bool>,
    process: Mutex<Child>,
    _runtime: Server,
}

#[derive(Debug)]
struct Invocation {
    event: Value,
    done: oneshot::Sender<Outcome>,
}

/// What a Runtime API knows.
struct Runtime {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    under_way: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    polled: watch::Sender<bool>,
    name: String,
}

impl Lambda {
    /// Begins to listen; nothing runs yet.
    pub async fn start() -> Self {
        let functions = Functions::default();
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(take))
            .with_state(Arc::clone(&functions));
        Self { functions, server: serve(router).await }
    }

    /// The Invoke API, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Starts a function's binary with this environment and nothing else, and waits until it asks for work.
    pub async fn launch(&self, name: &str, binary: &Path, environment: &[(&str, String)]) {
        let (events, waiting) = mpsc::unbounded_channel();
        let (polled, mut has_polled) = watch::channel(false);
        let runtime = Arc::new(Runtime {
            waiting: waiting.into(),
            under_way: Mutex::default(),
            polled,
            name: name.to_owned(),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(respond))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
            .with_state(runtime);
        let server = serve(router).await;
        let process = Command::new(binary)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .env("HOLDFAST_LOG", "error")
            .env("AWS_LAMBDA_RUNTIME_API", server.addr.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let sandbox =
            Sandbox { events, polled: has_polled.clone(), process: Mutex::new(process), _runtime: server };
        self.functions().insert(name.to_owned(), Arc::new(sandbox));
        let polled =
            tokio::time::timeout(Duration::from_mins(1), has_polled.wait_for(|polled| *polled)).await;
        polled.unwrap_or_else(|_| panic!("{name} never asked for work")).expect("the Runtime API");
    }

    /// Launches every function that ships.
    pub async fn launch_all(&self, environment: &[(&str, String)]) {
        for name in FUNCTIONS {
            self.launch(name, &binary(name), environment).await;
        }
    }

    /// Hands an event to a function and waits for what it comes to.
    pub async fn invoke(&self, name: &str, event: Value) -> Outcome {
        let sandbox = self.functions().get(name).cloned().unwrap_or_else(|| panic!("{name} is not there"));
        sandbox.invoke(event).await
    }

    /// Whether the function's process still runs.
    pub fn is_alive(&self, name: &str) -> bool {
        let sandbox = self.functions().get(name).cloned().expect("the function");
        let mut process = sandbox.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.try_wait().expect("the process").is_none()
    }

    fn functions(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Sandbox>>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox {
    async fn invoke(&self, event: Value) -> Outcome {
        assert!(*self.polled.borrow(), "it has asked for work");
        let (done, outcome) = oneshot::channel();
        self.events.send(Invocation { event, done }).expect("a sandbox that runs");
        outcome.await.expect("an outcome")
    }
}

/// The binary of a function, built as this test is.
pub fn binary(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        // `--tests` as well, so that features are as in the test's own build and no dependency is built again.
        // target/debug/deps/it-0123 -> target/debug
        let own = std::env::current_exe().expect("a path");
        let folder = own.ancestors().nth(2).expect("the folder of binaries");
        let release = folder.ends_with("release").then_some("--release");
        let arguments = ["build", "--workspace", "--bins", "--tests", "--locked", "--quiet"];
        let built = std::process::Command::new(env!("CARGO")).args(arguments).args(release).status();
        assert!(built.expect("cargo").success(), "the functions do not build");
        folder.to_owned()
    });
    folder.join(name)
}

async fn serve(router: Router) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    fakes::serve_router(listener, router).expect("a server")
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
async fn take(State(functions): State<Functions>, UrlPath(name): UrlPath<String>, body: Bytes) -> Response {
    let sandbox = functions.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
    let Some(sandbox) = sandbox else { return StatusCode::NOT_FOUND.into_response() };
    match sandbox.invoke(serde_json::from_slice(&body).expect("JSON")).await {
        Ok(answer) => answer.to_string().into_response(),
        Err(error) => ([("x-amz-function-error", "Unhandled")], error.to_string()).into_response(),
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    runtime.polled.send_replace(true);
    let Some(Invocation { event, done }) = runtime.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = format!("{:032x}", fastrand::u128(..));
    runtime.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), done);
    let deadline = Clock::system().now() + TimeDelta::minutes(1);
    let header = |name: &'static str, value: String| (HeaderName::from_static(name), value);
    let arn = format!("arn:aws:lambda:{}:{}:function:{}", fakes::REGION, fakes::ACCOUNT, runtime.name);
    let headers = [
        header("lambda-runtime-aws-request-id", id),
        header("lambda-runtime-deadline-ms", deadline.timestamp_millis().to_string()),
        header("lambda-runtime-invoked-function-arn", arn),
        header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
        header("content-type", "application/json".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn respond(
    State(runtime): State<Arc<Runtime>>,
    UrlPath(id): UrlPath<String>,
    body: Bytes,
) -> StatusCode {
    runtime.finish(&id, Ok(serde_json::from_slice(&body).expect("JSON")))
}

async fn fail(State(runtime): State<Arc<Runtime>>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    runtime.finish(&id, Err(serde_json::from_slice(&body).expect("JSON")))
}

impl Runtime {
    fn finish(&self, id: &str, outcome: Outcome) -> StatusCode {
        let done = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        match done.map(|done| done.send(outcome)) {
            Some(_) => StatusCode::ACCEPTED,
            None => StatusCode::BAD_REQUEST,
        }
    }
}
