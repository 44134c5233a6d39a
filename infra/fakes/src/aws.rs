//! What the AWS fakes share: the JSON protocol (`POST /`, the operation in `X-Amz-Target`) and its errors.
//!
//! One rule: a signature is never checked; who calls is told by its User-Agent (see [`crate::Iam`]).
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>

use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;
use serde_json::{Value, json};

use crate::faults::{Cut, Fault, Faults};
use crate::iam::Guard;
use crate::serve::{Server, serve};

/// Where all of this pretends to be.
pub const REGION: &str = "eu-central-1";
/// Whose it pretends to be.
pub const ACCOUNT: &str = "000000000000";

/// Why a fake did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port or the file could not be had.
    #[error("cannot start the fake: {0}")]
    Io(#[from] std::io::Error),
    /// The embedded database refused its file.
    #[error("cannot open the database: {0}")]
    Database(String),
    /// The key file is not one of ours.
    #[error("{0} is not a key file")]
    KeyFile(std::path::PathBuf),
    /// A rule's pattern uses more of the pattern language than the fake knows.
    #[error("rule {rule}: {reason}")]
    Pattern {
        /// The rule's name.
        rule: String,
        /// What is wrong with its pattern, and where.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    Random,
}

/// An AWS service as this crate sees it: named operations on JSON values.
pub(crate) trait JsonApi: Send + Sync + 'static {
    /// `application/x-amz-json-1.0` or `-1.1`.
    const CONTENT_TYPE: &'static str;

    /// Who may do what.
    fn guard(&self) -> &Guard;

    /// What a call needs: actions of IAM with the ARNs of their resources.
    fn needs(&self, op: &str, request: &Value) -> Vec<(String, String)>;

    /// What the journal tells about a call.
    fn detail(&self, op: &str, request: &Value) -> String;

    /// Does the work. Awaits nothing, so a call that has begun is finished even if the caller is gone.
    fn answer(&self, op: &str, request: Value) -> Result<Vec<u8>, Refusal>;
}

/// An error as AWS words it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Refusal {
    /// A 400 of this `__type`.
    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self { status: 400, body: json!({ "__type": code, "message": message }).to_string() }
    }

    /// What AWS says to a request that breaks one of its rules.
    pub(crate) fn validation(message: &str) -> Self {
        Self::new("com.amazon.coral.validate#ValidationException", message)
    }

    /// What AWS says to an operation that the service, or its fake, does not know.
    pub(crate) fn unknown_operation(op: &str) -> Self {
        Self::new("com.amazon.coral.service#UnknownOperationException", &format!("no such operation: {op}"))
    }

    /// The same as a fault.
    pub(crate) fn into_fault(self) -> Fault {
        let headers = vec![("content-type".to_owned(), "application/x-amz-json-1.0".to_owned())];
        Fault::Respond { status: self.status, headers, body: self.body }
    }
}

/// Serialises an answer's body.
pub(crate) fn body(answer: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(answer).map_err(|error| Refusal { status: 500, body: error.to_string() })
}

/// Serves `api` on a free loopback port, every operation wrapped in `faults`.
pub(crate) async fn serve_api<A: JsonApi>(faults: Faults, api: Arc<A>) -> std::io::Result<Server> {
    serve(0, move |request| call(faults.clone(), Arc::clone(&api), request)).await
}

async fn call<A: JsonApi>(
    faults: Faults,
    api: Arc<A>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let op = target.split_once('.').map_or(target, |(_, op)| op);
    // A caller that hangs up while it is sending is owed no answer.
    let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else { return Err(Cut) };
    let Ok(request) = serde_json::from_slice::<Value>(&bytes) else {
        let refusal = Refusal::new("com.amazon.coral.service#SerializationException", "the body is not JSON");
        return Ok(reply(refusal.status, A::CONTENT_TYPE, Vec::new(), refusal.body));
    };
    let detail = api.detail(op, &request);
    let work = async {
        let may = api.guard().check(&head.headers, api.needs(op, &request));
        match may.and_then(|()| api.answer(op, request)) {
            Ok(body) => reply(200, A::CONTENT_TYPE, Vec::new(), body),
            Err(Refusal { status, body }) => {
                tracing::debug!(op, status, body, "refused");
                reply(status, A::CONTENT_TYPE, Vec::new(), body)
            }
        }
    };
    faults
        .around(op, detail, work, |status, headers, body| reply(status, A::CONTENT_TYPE, headers, body))
        .await
}

fn reply(
    status: u16,
    content_type: &'static str,
    headers: Vec<(String, String)>,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::try_from(name.as_str()), http::HeaderValue::try_from(value.as_str()))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// `N` random bytes.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok().map(|()| bytes)
}

/// 16 bytes in the shape of a UUID, which is what AWS ids look like.
pub(crate) fn uuid(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let mut uuid = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(digit);
    }
    uuid
}
