//! One request taken apart, and the few kinds of answer. Repeated parameters stay repeated: Google uses them.

use axum::body::{Body, Bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use ring::rand::SecureRandom as _;
use serde_json::{Map, Value};

use super::errors::{Refusal, bad_request};
use super::observe::{Answered, Exchange};

const LARGEST_BODY: usize = 1 << 20;

/// Parameters of a query or a form, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(pub(super) Vec<(String, String)>);

impl Params {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first value; an empty one counts as missing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A request, with its body read and its path decoded.
pub(super) struct Ask {
    pub(super) method: Method,
    path: String,
    pub(super) segments: Vec<String>,
    pub(super) query: Params,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    /// `None` if the body broke off or is larger than anything Google would read.
    pub(super) async fn read(request: Request<Incoming>) -> Option<Self> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, LARGEST_BODY).collect().await.ok()?.to_bytes();
        let path = head.uri.path().to_owned();
        let segments = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let query = Params::parse(head.uri.query().unwrap_or_default().as_bytes());
        Some(Self { method: head.method, path, segments, query, headers: head.headers, body })
    }

    /// For the journal: never the query, which may hold a token.
    pub(super) fn detail(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// For those who look on.
    pub(super) fn exchange(&self, op: &str, answer: Option<Answered>) -> Exchange {
        Exchange {
            op: op.to_owned(),
            method: self.method.to_string(),
            path: self.path.clone(),
            query: self.query.0.clone(),
            content_type: self.header(header::CONTENT_TYPE).map(str::to_owned),
            body: String::from_utf8_lossy(&self.body).into_owned(),
            answer,
        }
    }

    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn has_type(&self, media_type: &str) -> bool {
        let given = self.header(header::CONTENT_TYPE).and_then(|value| value.split(';').next());
        given.is_some_and(|given| given.trim().eq_ignore_ascii_case(media_type))
    }

    /// The body as a form; `None` if it is not declared as one.
    pub(super) fn form(&self) -> Option<Params> {
        self.has_type("application/x-www-form-urlencoded").then(|| Params::parse(&self.body))
    }

    /// The body as a JSON object.
    pub(super) fn json(&self) -> Result<Map<String, Value>, Refusal> {
        if !self.has_type("application/json") {
            return Err(bad_request("badContent", "Unsupported content with type: not application/json"));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| bad_request("parseError", &format!("Parse Error: {error}")))
    }
}

/// Percent-decodes one segment of a path; what is not an escape stays as it is.
pub(super) fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = match tail {
            [high, low, ..] if first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// One segment of a path or value of a query, percent-encoded.
pub(super) fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// An answer from its parts, as [`crate::Fault::Respond`] gives them.
pub(super) fn raw(status: u16, headers: Vec<(String, String)>, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), value.try_into()) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn typed(status: u16, media_type: &str, body: String) -> Response<Body> {
    let headers = [("content-type", media_type), ("cache-control", "no-store")];
    raw(status, headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), body)
}

pub(super) fn json(status: u16, body: &Value) -> Response<Body> {
    typed(status, "application/json; charset=UTF-8", body.to_string())
}

pub(super) fn html(status: u16, body: String) -> Response<Body> {
    typed(status, "text/html; charset=utf-8", body)
}

pub(super) fn redirect(location: &str) -> Response<Body> {
    raw(302, vec![("location".to_owned(), location.to_owned())], String::new())
}

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = ring::rand::SystemRandom::new().fill(&mut bytes);
    assert!(filled.is_ok(), "the system has no randomness to give");
    bytes
}

/// A value that nobody can guess, behind a prefix by which a scan for secrets finds it.
pub(super) fn mint(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>()))
}

/// Base64url of SHA-256, as in PKCE (RFC 7636).
pub(super) fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()))
}
