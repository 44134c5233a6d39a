//! Calls to providers. Bounds every call (time, size), repeats what may be repeated, and logs
//! the method, a route template, the status and the duration: never a query, a header or a body, because each
//! of them can hold a token or a guest.
//!
//! Retries: full jitter (<https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>),
//! all of it inside the caller's deadline.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Request, RequestBuilder, Response, StatusCode, Url};
use tokio::time::Instant;
use tracing::debug;

use super::CalendarError;

const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_LIMIT: usize = 4 * 1024 * 1024;

const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A provider that asks for more is asking us to go away; the schedule decides when to come back.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// The client, with what calls to providers need. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
}

/// How a call may be sent, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    /// The path with its variable parts as `{names}`: what the log calls it.
    pub route: &'static str,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Whether it may be sent again.
    pub repeat: Repeat,
}

/// When a call may be sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing, or changes it to the same once more.
    Freely,
    /// Only when the first one surely never left: its connection was not opened.
    IfUnsent,
    /// Not at all.
    Never,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    /// How long the provider asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The `WWW-Authenticate` header, where a missing scope is named (RFC 6750, section 3).
    pub challenge: Option<String>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// No connection: the other side saw nothing of it.
    Unsent,
    /// Cut or timed out on the way: the other side may have acted.
    Cut,
    /// An answer too large to be one.
    TooLarge,
}

impl From<Failure> for CalendarError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unsent | Failure::Cut => Self::Unreachable,
            Failure::TooLarge => Self::Unreadable,
        }
    }
}

impl Http {
    /// Sends through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Begins a request.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends the request, as often as it may and the deadline allows, until `read` accepts an answer.
    ///
    /// A write that is sent again may meet its own first try (409 on insert, 410 on delete): that answer is
    /// handed on, since only the caller knows what it means.
    pub(super) async fn send<T>(
        &self,
        request: RequestBuilder,
        sending: Sending,
        read: impl Fn(Answer) -> Result<T, CalendarError>,
    ) -> Result<T, CalendarError> {
        // What cannot be built from the values given (a token with a line break in it) cannot be sent.
        let request = request.build().map_err(|_invalid| CalendarError::rejected("unsendable"))?;
        let mut tries = 1;
        loop {
            let Some(copy) = request.try_clone() else { return Err(CalendarError::rejected("unsendable")) };
            let (error, unsent) = match self.once(copy, sending).await {
                Ok(answer) => match read(answer) {
                    Ok(value) => return Ok(value),
                    Err(error) => (error, false),
                },
                Err(failure) => (failure.into(), failure == Failure::Unsent),
            };
            let may_repeat = match sending.repeat {
                Repeat::Freely => error.is_transient(),
                Repeat::IfUnsent => unsent,
                Repeat::Never => false,
            };
            let pause = jitter(tries).max(error.retry_after().unwrap_or_default());
            if !may_repeat || tries == TRIES || remaining(sending.deadline) <= pause {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            tries += 1;
        }
    }

    async fn once(&self, request: Request, sending: Sending) -> Result<Answer, Failure> {
        let budget = remaining(sending.deadline).min(CALL_TIMEOUT);
        if budget.is_zero() {
            return Err(Failure::Unsent);
        }
        let method = request.method().clone();
        let started = Instant::now();
        let outcome = tokio::time::timeout(budget, self.answer(request)).await.unwrap_or(Err(Failure::Cut));
        let status = outcome.as_ref().ok().map(|answer| answer.status.as_u16());
        let failure = outcome.as_ref().err();
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        debug!(%method, route = sending.route, status, ?failure, duration_ms, "called a calendar");
        outcome
    }

    async fn answer(&self, request: Request) -> Result<Answer, Failure> {
        let response = self.client.execute(request).await.map_err(|error| failure(&error))?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let challenge = text(response.headers(), &WWW_AUTHENTICATE).map(str::to_owned);
        let body = whole_body(response).await?;
        Ok(Answer { status, retry_after, challenge, body })
    }
}

/// Reads the body piece by piece, since `Content-Length` can be absent or a lie.
async fn whole_body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|_cut| Failure::Cut)? {
        if body.len() + piece.len() > BODY_LIMIT {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn failure(error: &reqwest::Error) -> Failure {
    if error.is_connect() { Failure::Unsent } else { Failure::Cut }
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Anything from nothing up to a ceiling that doubles with each try.
fn jitter(tries: u32) -> Duration {
    let ceiling = FIRST_PAUSE.saturating_mul(1 << (tries - 1).min(8)).min(LONGEST_PAUSE);
    ceiling.mul_f64(fastrand::f64())
}

/// `Retry-After` in either of its forms (RFC 9110, section 10.2.3). A date is measured against the answer's own
/// `Date`, so that our clock plays no part.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = text(headers, &RETRY_AFTER)?.trim();
    let wait = if let Ok(seconds) = asked.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = DateTime::parse_from_rfc2822(asked).ok()?;
        let now = DateTime::parse_from_rfc2822(text(headers, &DATE)?).ok()?;
        (until - now).to_std().unwrap_or_default()
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::super::loopback::{Loopback, Reply};
    use super::*;

    fn accept(answer: Answer) -> Result<Vec<u8>, CalendarError> {
        if answer.status.is_success() {
            Ok(answer.body)
        } else if answer.status.is_server_error() && answer.retry_after.is_none() {
            Err(CalendarError::Unreachable)
        } else if answer.status.is_redirection() {
            Err(CalendarError::Unreadable)
        } else {
            Err(CalendarError::Throttled { retry_after: answer.retry_after })
        }
    }

    async fn get(server: &Loopback, repeat: Repeat, budget: Duration) -> Result<Vec<u8>, CalendarError> {
        let http = Http::new(crate::outbound::client(&[]));
        let sending = Sending { route: "/{test}", deadline: Instant::now() + budget, repeat };
        http.send(http.request(Method::GET, server.url("/test")), sending, accept).await
    }

    const PLENTY: Duration = Duration::from_secs(4);

    #[tokio::test]
    async fn an_unavailable_server_is_asked_again() {
        let server = Loopback::start(vec![Reply::status(503), Reply::Cut, Reply::json("{}")]);
        assert_eq!(get(&server, Repeat::Freely, PLENTY).await, Ok(b"{}".to_vec()));
        assert_eq!(server.requests().len(), 3);
        assert!(server.requests()[0].contains("user-agent: holdfast/"));
    }

    #[tokio::test]
    async fn patience_ends_after_four_tries() {
        let server = Loopback::start(std::iter::repeat_with(|| Reply::status(500)).take(6).collect());
        assert_eq!(get(&server, Repeat::Freely, PLENTY).await, Err(CalendarError::Unreachable));
        assert_eq!(server.requests().len(), 4);
    }

    #[tokio::test]
    async fn a_short_retry_after_is_waited_for() {
        let server = Loopback::start(vec![Reply::status(429).header("Retry-After: 1"), Reply::json("{}")]);
        let started = Instant::now();
        assert_eq!(get(&server, Repeat::Freely, PLENTY).await, Ok(b"{}".to_vec()));
        assert!(started.elapsed() >= Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_retry_after_beyond_the_deadline_is_handed_to_the_caller_at_once() {
        let server = Loopback::start(vec![Reply::status(503).header("Retry-After: 90"), Reply::json("{}")]);
        let started = Instant::now();
        assert_eq!(
            get(&server, Repeat::Freely, PLENTY).await,
            Err(CalendarError::Throttled { retry_after: Some(Duration::from_secs(90)) })
        );
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_cut_connection_is_not_tried_again_when_the_call_may_have_been_heard() {
        for repeat in [Repeat::Never, Repeat::IfUnsent] {
            let server = Loopback::start(vec![Reply::Cut, Reply::json("{}")]);
            assert_eq!(get(&server, repeat, PLENTY).await, Err(CalendarError::Unreachable));
            assert_eq!(server.requests().len(), 1);
        }
    }

    #[tokio::test]
    async fn an_answer_cut_in_the_middle_is_no_answer() {
        let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"items\":";
        let server = Loopback::start(vec![Reply::raw(half), Reply::json("{}")]);
        assert_eq!(get(&server, Repeat::Freely, PLENTY).await, Ok(b"{}".to_vec()));
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let server = Loopback::start(vec![]);
        server.closed();
        assert_eq!(
            get(&server, Repeat::IfUnsent, Duration::from_millis(300)).await,
            Err(CalendarError::Unreachable)
        );
    }

    #[tokio::test]
    async fn a_silent_server_costs_no_more_than_the_deadline() {
        let server = Loopback::start(vec![Reply::Silence(Duration::from_secs(1))]);
        let started = Instant::now();
        let answer = get(&server, Repeat::Freely, Duration::from_millis(100)).await;
        assert_eq!(answer, Err(CalendarError::Unreachable));
        assert!(started.elapsed() < Duration::from_millis(900));
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_sends_nothing() {
        let server = Loopback::start(vec![Reply::json("{}")]);
        assert_eq!(get(&server, Repeat::Freely, Duration::ZERO).await, Err(CalendarError::Unreachable));
        assert_eq!(server.requests().len(), 0);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = Loopback::start(vec![Reply::json("{}")]);
        let location = format!("Location: {}", elsewhere.url("/test"));
        let server = Loopback::start(vec![Reply::status(302).header(&location)]);
        assert_eq!(get(&server, Repeat::Freely, PLENTY).await, Err(CalendarError::Unreadable));
        assert_eq!(elsewhere.requests().len(), 0);
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let server = Loopback::start(vec![Reply::json(&" ".repeat(BODY_LIMIT + 1)), Reply::json("{}")]);
        assert_eq!(get(&server, Repeat::Freely, PLENTY).await, Err(CalendarError::Unreadable));
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn retry_after_is_read_in_both_its_forms() {
        let wait = |retry_after_text: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry_after_text.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            retry_after(&headers)
        };
        let date = Some("Fri, 20 Nov 2026 09:00:00 GMT");
        assert_eq!(wait("120", None), Some(Duration::from_mins(2)));
        assert_eq!(wait("Fri, 20 Nov 2026 09:00:30 GMT", date), Some(Duration::from_secs(30)));
        assert_eq!(wait("Fri, 20 Nov 2026 08:00:00 GMT", date), Some(Duration::ZERO));
        assert_eq!(wait("Fri, 20 Nov 2026 09:00:30 GMT", None), None);
        assert_eq!(wait("soon", date), None);
        assert_eq!(wait("18446744073709551615", None), Some(LONGEST_RETRY_AFTER));
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for tries in 1..40 {
            assert!(jitter(tries) <= LONGEST_PAUSE);
        }
        assert!(jitter(1) <= FIRST_PAUSE);
    }
}
