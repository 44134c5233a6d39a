//! Who looks on: every exchange, handed to whoever listens, e.g. to hold it against the official schemas.
//!
//! A test's own fault proves nothing about the fake, so its answers are told apart.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Body;
use http::{Response, header};

use super::web::{self, Ask};
use super::{Google, Site};
use crate::faults::{Cut, Faults};

/// One request, and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The operation, as the journal calls it; empty for a method of the API that the fake does not serve.
    pub op: String,
    /// The HTTP method.
    pub method: String,
    /// The path as it was sent, percent-encoded, without the query.
    pub path: String,
    /// The query, decoded; repeated parameters stay repeated.
    pub query: Vec<(String, String)>,
    /// The `Content-Type` of the request.
    pub content_type: Option<String>,
    /// The body of the request.
    pub body: String,
    /// The answer, also one that was cut off after the work; `None` when nothing was done.
    pub answer: Option<Answered>,
}

/// An answer, as it was sent.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The body.
    pub body: String,
    /// The body as it was before the request's `fields` took something out of it.
    pub whole: String,
    /// Whether a test put it there, by a [`crate::Fault`].
    pub by_fault: bool,
}

/// What a partial answer was made of, beside the answer.
#[derive(Clone)]
pub(super) struct Whole(pub(super) String);

type Listener = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// Those who listen.
#[derive(Default)]
pub(super) struct Listeners(Mutex<Vec<Listener>>);

impl Listeners {
    fn all(&self) -> Vec<Listener> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn tell(&self, exchange: &Exchange) {
        for listener in self.all() {
            listener(exchange);
        }
    }
}

impl Google {
    /// From now on `listener` is told of every exchange, before its answer leaves. An authorization URL that is
    /// opened by [`Google::consent`] or [`Google::deny`] counts as a request without an answer.
    pub fn observe(&self, listener: impl Fn(&Exchange) + Send + Sync + 'static) {
        let listener: Listener = Arc::new(listener);
        self.site.listeners.0.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }
}

/// Does the work of one call as the faults say, and tells the listeners.
pub(super) async fn observed(
    site: &Site,
    faults: &Faults,
    op: &str,
    ask: &Ask,
    work: impl FnOnce() -> Response<Body> + Send,
) -> Result<Response<Body>, Cut> {
    let own = async { work() };
    if site.listeners.all().is_empty() {
        return faults.around(op, ask.detail(), own, web::raw).await;
    }
    let answered = OnceLock::new();
    let own = async {
        let (response, seen) = seen(own.await).await;
        answered.get_or_init(|| seen);
        response
    };
    let put_in = |status, headers, body: String| {
        answered.get_or_init(|| Answered {
            status,
            content_type: None,
            body: body.clone(),
            whole: body.clone(),
            by_fault: true,
        });
        web::raw(status, headers, body)
    };
    let result = faults.around(op, ask.detail(), own, put_in).await;
    site.listeners.tell(&ask.exchange(op, answered.into_inner()));
    result
}

/// The same for a method that the fake does not serve, which no fault can meet.
pub(super) async fn unserved(site: &Site, ask: &Ask, response: Response<Body>) -> Response<Body> {
    let (response, answered) = seen(response).await;
    site.listeners.tell(&ask.exchange("", Some(answered)));
    response
}

async fn seen(response: Response<Body>) -> (Response<Body>, Answered) {
    let (head, body) = response.into_parts();
    // The fake's bodies are in memory: reading one cannot fail.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let body = String::from_utf8_lossy(&bytes).into_owned();
    let answered = Answered {
        status: head.status.as_u16(),
        content_type: content_type.map(str::to_owned),
        whole: head.extensions.get::<Whole>().map_or_else(|| body.clone(), |whole| whole.0.clone()),
        body,
        by_fault: false,
    };
    (Response::from_parts(head, Body::from(bytes)), answered)
}
