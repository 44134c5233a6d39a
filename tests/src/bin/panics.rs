//! A function that panics when it is told to, served as all of ours are: behind the API, or behind events when
//! `BEHIND_EVENTS` is set.

use axum::Router;
use axum::routing::get;
use holdfast::App;
use holdfast::lambda::Error;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var_os("BEHIND_EVENTS").is_some() {
        holdfast::lambda::events(run).await
    } else {
        let router: Router<App> = Router::new().route("/fine", get("fine")).route("/panic", get(panics));
        holdfast::lambda::http(router).await
    }
}

async fn panics() -> &'static str {
    panic!("as told")
}

async fn run(_app: App, event: Value) -> Result<Value, Error> {
    assert!(event.get("panic").is_none(), "as told");
    Ok(json!("fine"))
}
