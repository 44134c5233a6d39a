//! Google's refusals, as what to do about them. The status alone does not say: a 403 may mean "slower", a 410
//! may mean "your cursor" or "your event". The machine-readable reasons decide.
//!
//! <https://developers.google.com/workspace/calendar/api/guides/errors>

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::calendars::CalendarError;
use crate::calendars::http::Answer;

/// Reads a successful answer's body.
pub(super) fn json<T: DeserializeOwned>(answer: Answer) -> Result<T, CalendarError> {
    let answer = accepted(answer)?;
    serde_json::from_slice(&answer.body).map_err(|_garbage| CalendarError::Unreadable)
}

/// A success without a word, which is how Google answers a removal. With a body it is somebody else's: taken for
/// done, the page of a network that wants a password would leave the event standing.
pub(super) fn done(answer: Answer) -> Result<(), CalendarError> {
    let is_empty = accepted(answer)?.body.trim_ascii().is_empty();
    if is_empty { Ok(()) } else { Err(CalendarError::Unreadable) }
}

fn accepted(answer: Answer) -> Result<Answer, CalendarError> {
    if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
}

fn refusal(answer: &Answer) -> CalendarError {
    let reasons = reasons(&answer.body);
    let has = |wanted: &[&str]| reasons.iter().any(|reason| wanted.contains(&reason.as_str()));
    let status = answer.status.as_u16();
    let rejected =
        || CalendarError::rejected(reasons.first().map_or(answer.status.as_str(), |reason| reason.as_str()));
    match status {
        // A redirect that is not followed: something between us and Google is answering.
        300..=399 => CalendarError::Unreadable,
        401 => CalendarError::Unauthorized,
        403 if has(&THROTTLED) => CalendarError::Throttled { retry_after: answer.retry_after },
        403 if has(&DENIED) => CalendarError::Denied { scope: answer.challenge.as_deref().and_then(scope) },
        404 => CalendarError::NotFound,
        409 => CalendarError::Conflict,
        410 if has(&["fullSyncRequired", "updatedMinTooLongAgo"]) => CalendarError::CursorExpired,
        410 => CalendarError::Gone,
        412 => CalendarError::Changed,
        429 => CalendarError::Throttled { retry_after: answer.retry_after },
        503 if answer.retry_after.is_some() => CalendarError::Throttled { retry_after: answer.retry_after },
        408 | 500.. => CalendarError::Unreachable,
        _ => rejected(),
    }
}

/// What a single calendar's `errors` inside a successful free/busy answer mean. Reasons may be added without
/// notice, so an unknown one is a rejection of that calendar, as is an empty list.
pub(super) fn of_one_calendar<'a>(mut reasons: impl Iterator<Item = &'a str>) -> CalendarError {
    match reasons.next() {
        Some("notFound") => CalendarError::NotFound,
        Some("internalError" | "backendError") => CalendarError::Unreachable,
        Some(reason) if THROTTLED.contains(&reason) => CalendarError::Throttled { retry_after: None },
        Some(reason) => CalendarError::rejected(reason),
        None => CalendarError::Unreadable,
    }
}

const THROTTLED: [&str; 5] = [
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "dailyLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
];
const DENIED: [&str; 4] =
    ["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "forbidden", "requiredAccessLevel"];

#[derive(Deserialize)]
struct Body {
    error: Refusal,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Reason>,
    #[serde(default)]
    details: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

/// The reasons of both generations of Google's error bodies: `errors` and `details` (`google.rpc.ErrorInfo`).
fn reasons(body: &[u8]) -> Vec<String> {
    let Ok(Body { error }) = serde_json::from_slice::<Body>(body) else { return Vec::new() };
    error.errors.into_iter().chain(error.details).filter_map(|detail| detail.reason).collect()
}

/// The `scope="..."` of a `WWW-Authenticate: Bearer` challenge.
fn scope(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("scope=\"")?;
    let (scope, _) = rest.split_once('"')?;
    let plain =
        !scope.is_empty() && scope.len() <= 1024 && scope.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    plain.then(|| scope.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::StatusCode;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            challenge: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn refused(status: u16, reason: &str) -> CalendarError {
        let body = format!(
            r#"{{"error":{{"code":{status},"message":"Prose with ya29.token","errors":[
                {{"domain":"global","reason":"{reason}","message":"Prose"}}]}}}}"#
        );
        done(answer(status, &body)).unwrap_err()
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let throttled = CalendarError::Throttled { retry_after: None };
        for (status, reason, expected) in [
            (400, "timeRangeEmpty", CalendarError::rejected("timeRangeEmpty")),
            (401, "authError", CalendarError::Unauthorized),
            (403, "rateLimitExceeded", throttled.clone()),
            (403, "userRateLimitExceeded", throttled.clone()),
            (403, "quotaExceeded", throttled.clone()),
            (403, "insufficientPermissions", CalendarError::Denied { scope: None }),
            (403, "forbidden", CalendarError::Denied { scope: None }),
            (403, "accessNotConfigured", CalendarError::rejected("accessNotConfigured")),
            (404, "notFound", CalendarError::NotFound),
            (409, "duplicate", CalendarError::Conflict),
            (410, "deleted", CalendarError::Gone),
            (410, "fullSyncRequired", CalendarError::CursorExpired),
            (410, "updatedMinTooLongAgo", CalendarError::CursorExpired),
            (412, "conditionNotMet", CalendarError::Changed),
            (429, "rateLimitExceeded", throttled),
            (500, "backendError", CalendarError::Unreachable),
            (503, "backendError", CalendarError::Unreachable),
        ] {
            assert_eq!(refused(status, reason), expected, "{status} {reason}");
        }
    }

    #[test]
    fn a_refusal_without_a_body_is_told_by_its_status() {
        assert_eq!(done(answer(403, "<html>")), Err(CalendarError::rejected("403")));
        assert_eq!(done(answer(410, "")), Err(CalendarError::Gone));
        assert_eq!(done(answer(302, "")), Err(CalendarError::Unreadable));
        assert_eq!(done(answer(204, "")), Ok(()));
        assert_eq!(done(answer(200, "<html>")), Err(CalendarError::Unreadable));
    }

    #[test]
    fn a_missing_scope_is_named_from_the_challenge() {
        let scope = "https://www.googleapis.com/auth/calendar.freebusy";
        let body = r#"{"error":{"code":403,"status":"PERMISSION_DENIED","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#;
        let challenge = format!(
            r#"Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="{scope}""#
        );
        let refused = Answer { challenge: Some(challenge), ..answer(403, body) };
        assert_eq!(done(refused), Err(CalendarError::Denied { scope: Some(scope.to_owned()) }));
    }

    #[test]
    fn an_overloaded_server_that_names_a_time_is_left_alone_for_it() {
        let retry_after = Some(Duration::from_secs(30));
        let refused = Answer { retry_after, ..answer(503, "") };
        assert_eq!(done(refused), Err(CalendarError::Throttled { retry_after }));
    }

    #[test]
    fn garbage_is_unreadable() {
        assert_eq!(json::<Body>(answer(200, "<html>")).err(), Some(CalendarError::Unreadable));
    }
}
