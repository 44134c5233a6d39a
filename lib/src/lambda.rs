//! What every `main` calls: settings, logs, state, and the runtime's loop.

use axum::Router;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::http::finish;
use crate::telemetry::{self, Lines};

/// Why a function ended. Lambda logs it and starts another one.
pub type Error = lambda_runtime::Error;

/// Serves a router behind API Gateway.
pub async fn http(router: Router<App>) -> Result<(), Error> {
    let app = start()?;
    lambda_http::run(finish(router, app)).await
}

/// Serves events, one at a time.
pub async fn events<E, A, F>(run: impl Fn(App, E) -> F) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Error>>,
{
    let app = start()?;
    // Boxed, because a flow's future is deep and the runtime nests it further.
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| Box::pin(run(app.clone(), event.payload)))).await
}

fn start() -> Result<App, Error> {
    telemetry::start(Lines::Json, &config::log_filter());
    Ok(App::new(Config::from_env()?, Clock::system()))
}
