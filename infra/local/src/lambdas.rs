//! Where the functions run: in this process, or behind somebody's `Invoke` API.
//!
//! The one rule: what goes in is the event's JSON, as API Gateway, SQS or a stream would send it, wherever the
//! function runs.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast::App;
use holdfast::http::finish;
use holdfast::lambda::Error;
use holdfast::outbound;
use serde::Deserialize;
use serde_json::Value;

use crate::functions::{Entry, FUNCTIONS, Function};

/// `cargo lambda watch` builds a function when it is first invoked, which takes minutes.
const INVOCATION: Duration = Duration::from_mins(10);

/// The functions, ready to be called.
#[derive(Debug)]
pub(crate) enum Lambdas {
    /// In this process, each with a state of its own, as if it were alone.
    Here(HashMap<&'static str, Here>),
    /// Behind an `Invoke` API, e.g. `cargo lambda watch`.
    Invoked {
        /// The API's URL, without a trailing slash.
        url: String,
        /// The way there.
        client: outbound::Client,
    },
}

/// A function in this process.
#[derive(Debug)]
pub(crate) enum Here {
    /// Behind the API.
    Http(Router),
    /// Behind events.
    Events(App),
}

/// What a function behind API Gateway answers, payload format 2.0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    multi_value_headers: HashMap<String, Vec<String>>,
    #[serde(default)]
    cookies: Vec<String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl Lambdas {
    /// All functions in this process; `app` makes the state of each, by its name.
    pub(crate) fn here(app: impl Fn(&'static str) -> App) -> Self {
        let start = |function: &Function| {
            let app = app(function.name);
            let here = match function.entry {
                Entry::Http { router, .. } => Here::Http(finish(router(), app)),
                Entry::Events(_) => Here::Events(app),
            };
            (function.name, here)
        };
        Self::Here(FUNCTIONS.iter().map(start).collect())
    }

    /// All functions behind this `Invoke` API.
    pub(crate) fn invoked(url: &str) -> Self {
        Self::Invoked { url: url.trim_end_matches('/').to_owned(), client: outbound::client(&[]) }
    }

    /// Hands a request to a function.
    pub(crate) async fn request(
        &self,
        function: &'static str,
        event: Value,
    ) -> Result<Response<Body>, Error> {
        let answer = match self {
            Self::Here(functions) => {
                let Some(Here::Http(router)) = functions.get(function) else {
                    return Err(format!("{function} takes events, not requests").into());
                };
                let request = serde_json::from_value(event)?;
                serde_json::to_value(holdfast::lambda::answer(router.clone(), request).await?)?
            }
            Self::Invoked { url, client } => invoke(client, url, function, &event).await?,
        };
        Answer::deserialize(answer)?.into_response()
    }

    /// Hands an event to a function.
    pub(crate) async fn event(&self, function: &Function, event: Value) -> Result<Value, Error> {
        match self {
            Self::Here(functions) => match (functions.get(function.name), function.entry) {
                (Some(Here::Events(app)), Entry::Events(run)) => run(app.clone(), event).await,
                _ => Err(format!("{} takes requests, not events", function.name).into()),
            },
            Self::Invoked { url, client } => invoke(client, url, function.name, &event).await,
        }
    }
}

impl Answer {
    fn into_response(self) -> Result<Response<Body>, Error> {
        let body = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded { STANDARD.decode(body)? } else { body.into_bytes() };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status_code)?;
        let single =
            self.headers.into_iter().filter(|(name, _)| !self.multi_value_headers.contains_key(name));
        let many = self.multi_value_headers.iter();
        let many = many.flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())));
        let cookies = self.cookies.into_iter().map(|cookie| (SET_COOKIE.as_str().to_owned(), cookie));
        for (name, value) in single.chain(many.collect::<Vec<_>>()).chain(cookies) {
            response.headers_mut().append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        Ok(response)
    }
}

async fn invoke(client: &outbound::Client, url: &str, function: &str, event: &Value) -> Result<Value, Error> {
    let url = format!("{url}/2015-03-31/functions/{function}/invocations");
    let answer = client.post(url).timeout(INVOCATION).json(event).send().await?;
    let failed = !answer.status().is_success() || answer.headers().contains_key("x-amz-function-error");
    let text = answer.text().await?;
    if failed {
        return Err(format!("{function} failed: {text}").into());
    }
    Ok(serde_json::from_str(&text)?)
}
