//! The functions that ship, by the names of their crates, as something that can be mounted in this process.
//!
//! The one rule: what goes in and comes out of an event function is JSON, as Lambda has it, so that an event
//! that it could not read in the cloud cannot be read here.

use std::pin::Pin;

use axum::Router;
use holdfast::App;
use holdfast::lambda::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

/// What an invocation comes to: the answer as JSON.
type Invocation = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// One Lambda function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    /// The name of its crate and binary.
    pub(crate) name: &'static str,
    /// Who invokes it.
    pub(crate) entry: Entry,
}

/// Who invokes a function, and with what.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    /// API Gateway: its routes, and the part of the API document that names them.
    Http { router: fn() -> Router<App>, document: fn() -> OpenApi },
    /// A schedule, a queue or a stream.
    Events(fn(App, Value) -> Invocation),
}

/// Every function crate of the workspace.
pub(crate) const FUNCTIONS: [Function; 11] = [
    http("bookings", bookings::router, bookings::Doc::openapi),
    http("catalog", catalog::router, catalog::Doc::openapi),
    http("integrations", integrations::router, integrations::Doc::openapi),
    events("maintenance", |app, event| invoke(maintenance::run, app, event)),
    http("oauth-callback", oauth_callback::router, oauth_callback::Doc::openapi),
    http("oauth-start", oauth_start::router, oauth_start::Doc::openapi),
    http("pages", pages::router, pages::Doc::openapi),
    events("relay", |app, event| invoke(relay::run, app, event)),
    http("slots", slots::router, slots::Doc::openapi),
    events("sync", |app, event| invoke(sync::run, app, event)),
    events("sync-dispatch", |app, event| invoke(sync_dispatch::run, app, event)),
];

const fn http(name: &'static str, router: fn() -> Router<App>, document: fn() -> OpenApi) -> Function {
    Function { name, entry: Entry::Http { router, document } }
}

const fn events(name: &'static str, run: fn(App, Value) -> Invocation) -> Function {
    Function { name, entry: Entry::Events(run) }
}

fn invoke<E, A, F>(run: fn(App, E) -> F, app: App, event: Value) -> Invocation
where
    E: DeserializeOwned + Send + 'static,
    A: Serialize,
    F: Future<Output = Result<A, Error>> + Send + 'static,
{
    Box::pin(async move {
        let event = serde_json::from_value(event)?;
        Ok(serde_json::to_value(run(app, event).await?)?)
    })
}

#[cfg(test)]
mod tests {
    use super::FUNCTIONS;

    #[test]
    fn every_function_crate_can_be_mounted() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions");
        let crates = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let mut crates: Vec<_> = crates
            .filter(|entry| entry.path().join("Cargo.toml").exists())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        crates.sort();
        assert_eq!(FUNCTIONS.map(|function| function.name).to_vec(), crates);
    }
}
