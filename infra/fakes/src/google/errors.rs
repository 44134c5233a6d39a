//! Google's error bodies: what the API refuses with, and the same as [`Fault`]s for tests.
//!
//! <https://developers.google.com/workspace/calendar/api/guides/errors>

use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Response, header};
use serde_json::{Value, json};

use crate::faults::Fault;

use super::web;

/// Why a call of the Calendar API was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: u16,
    domain: &'static str,
    reason: &'static str,
    message: String,
    location: Option<(&'static str, String)>,
}

impl Refusal {
    fn new(status: u16, domain: &'static str, reason: &'static str, message: &str) -> Self {
        Self { status, domain, reason, message: message.to_owned(), location: None }
    }

    fn at(mut self, kind: &'static str, location: &str) -> Self {
        self.location = Some((kind, location.to_owned()));
        self
    }

    /// RFC 6750, section 3.
    fn challenge(&self) -> Option<&'static str> {
        match self.reason {
            "authError" => Some("Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""),
            "insufficientPermissions" => {
                Some("Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\"")
            }
            _ => None,
        }
    }

    fn body(&self) -> Value {
        let mut detail = json!({ "domain": self.domain, "reason": self.reason, "message": self.message });
        if let (Some(detail), Some((kind, location))) = (detail.as_object_mut(), &self.location) {
            detail.insert("locationType".to_owned(), json!(kind));
            detail.insert("location".to_owned(), json!(location));
        }
        let mut error = json!({ "code": self.status, "message": self.message, "errors": [detail] });
        if let (Some(error), Some(status)) = (error.as_object_mut(), rpc_status(self.status)) {
            error.insert("status".to_owned(), json!(status));
        }
        json!({ "error": error })
    }

    pub(super) fn response(&self) -> Response<Body> {
        let mut response = web::json(self.status, &self.body());
        if let Some(challenge) = self.challenge() {
            let value = HeaderValue::from_static(challenge);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }

    fn fault(&self) -> Fault {
        Fault::json(self.status, &self.body())
    }
}

/// `google.rpc.Code` by HTTP status. Google has none for a 410.
fn rpc_status(status: u16) -> Option<&'static str> {
    Some(match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        412 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        _ => return None,
    })
}

pub(super) fn bad_request(reason: &'static str, message: &str) -> Refusal {
    Refusal::new(400, "global", reason, message)
}

pub(super) fn bad_parameter(name: &str, message: &str) -> Refusal {
    bad_request("invalid", message).at("parameter", name)
}

pub(super) fn missing(name: &str) -> Refusal {
    bad_request("required", &format!("Missing {name}.")).at("parameter", name)
}

/// What Google does and this fake does not: better a 400 than an answer that is quietly wrong.
pub(super) fn not_simulated(what: &str) -> Refusal {
    bad_request("invalid", &format!("The simulated Google does not know {what}."))
}

pub(super) fn calendar_range(reason: &'static str, message: &str) -> Refusal {
    Refusal::new(400, "calendar", reason, message)
}

pub(super) fn bad_credentials() -> Refusal {
    Refusal::new(401, "global", "authError", "Invalid Credentials").at("header", "Authorization")
}

pub(super) fn insufficient_scope() -> Refusal {
    let message = "Request had insufficient authentication scopes.";
    Refusal::new(403, "global", "insufficientPermissions", message)
}

pub(super) fn no_writer() -> Refusal {
    let message = "You need to have writer access to this calendar.";
    Refusal::new(403, "calendar", "requiredAccessLevel", message)
}

pub(super) fn is_deleted() -> Refusal {
    Refusal::new(410, "global", "deleted", "Resource has been deleted")
}

pub(super) fn unknown() -> Refusal {
    Refusal::new(404, "global", "notFound", "Not Found")
}

pub(super) fn unknown_url() -> Refusal {
    Refusal::new(404, "global", "notFound", "The simulated Google serves nothing here.")
}

pub(super) fn duplicate() -> Refusal {
    Refusal::new(409, "global", "duplicate", "The requested identifier already exists.")
}

pub(super) fn changed_since() -> Refusal {
    Refusal::new(412, "global", "conditionNotMet", "Precondition Failed").at("header", "If-Match")
}

pub(super) fn no_access() -> Refusal {
    Refusal::new(403, "global", "forbidden", "Forbidden")
}

pub(super) fn full_sync_required() -> Refusal {
    let message = "Sync token is no longer valid, a full sync is required.";
    Refusal::new(410, "calendar", "fullSyncRequired", message).at("parameter", "syncToken")
}

pub(super) fn broken() -> Refusal {
    Refusal::new(500, "global", "backendError", "Backend Error")
}

/// `backendError` under a 5xx status.
pub fn backend_error(status: u16) -> Fault {
    Refusal::new(status, "global", "backendError", "Backend Error").fault()
}

/// The 403 that is no refusal: `rateLimitExceeded`, to be tried again later.
pub fn rate_limited_403() -> Fault {
    Refusal::new(403, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded").fault()
}

/// A 429 with `Retry-After` in whole seconds.
pub fn too_many_429(retry_after: Duration) -> Fault {
    let refusal = Refusal::new(429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded");
    let headers = vec![
        ("content-type".to_owned(), "application/json; charset=UTF-8".to_owned()),
        ("retry-after".to_owned(), retry_after.as_secs().to_string()),
    ];
    Fault::Respond { status: refusal.status, headers, body: refusal.body().to_string() }
}

/// A 401: the access token is refused, whatever its date says.
pub fn unauthorized() -> Fault {
    bad_credentials().fault()
}

/// A 409 `duplicate`, as an insert with an id that was used before gives it.
pub fn already_exists() -> Fault {
    duplicate().fault()
}

/// A 412: the event is no longer as the caller had read it.
pub fn precondition_failed() -> Fault {
    changed_since().fault()
}

/// A 410 `deleted`: the event was there once.
pub fn deleted() -> Fault {
    is_deleted().fault()
}

/// A 403 that stays one.
pub fn forbidden() -> Fault {
    no_access().fault()
}

/// A 404: gone, or never to be seen with this token.
pub fn not_found() -> Fault {
    unknown().fault()
}

/// A 410 `fullSyncRequired`, as a list with a `syncToken` gives it.
pub fn gone() -> Fault {
    full_sync_required().fault()
}
