//! The few plain pages of the OAuth callback. Everything that comes from outside is escaped; no script, no frame.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;

use url::Url;

use super::problem::Problem;
use crate::flows::Question;

/// Where a form may lead is added: browsers apply it to the redirect after the form, too.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
                      form-action 'self'";
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem;\
    color:#1d2330;background:#f7f7f5}h1{font-size:1.5rem;font-weight:600;margin:0 0 .75rem}p{margin:.5rem 0}\
    button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.5rem;background:#23408e;color:#fff;\
    cursor:pointer;margin-top:1rem}button:focus-visible{outline:3px solid #8aa4e8}.code{color:#667;font-size:.85rem}\
    @media(prefers-color-scheme:dark){body{color:#e6e8ee;background:#15171c}.code{color:#99a}}";

/// What the OAuth callback answers, for the API document.
#[derive(Debug, IntoResponses)]
pub enum Pages {
    /// The account is connected, or the browser is asked to confirm it
    #[response(status = 200, content_type = "text/html")]
    Page(String),
    /// The account is connected: on to the `return_to` of the start
    #[response(status = 303)]
    Onward,
    /// It is not connected, and why
    #[response(status = "4XX", content_type = "text/html")]
    Refused(String),
    /// It is not connected: try again
    #[response(status = "5XX", content_type = "text/html")]
    Failed(String),
}

/// The account is connected.
pub fn connected(account: &str) -> Response {
    let body = format!(
        "<h1>Calendar connected</h1><p><strong>{}</strong> is connected. You can close this page.</p>",
        escape(account)
    );
    page(StatusCode::OK, "Calendar connected", &body)
}

/// The browser is not the one that began: what would happen, and a button.
pub fn approve(question: &Question, action: &str) -> Response {
    let body = format!(
        "<h1>Connect this calendar?</h1>\
         <p><strong>{account}</strong> will be connected to <strong>{host}</strong> of <strong>{tenant}</strong>: \
         busy times are read from it, and bookings are written to it.</p>\
         <p>If somebody sent you this link and you did not expect it, close this page: nothing is connected.</p>\
         <form method=\"post\" action=\"{action}\">\
         <input type=\"hidden\" name=\"approve\" value=\"{token}\"><button>Connect</button></form>",
        account = escape(&question.account),
        host = escape(&question.host_name),
        tenant = escape(question.tenant.as_str()),
        action = escape(action),
        token = escape(&question.token),
    );
    let mut page = page(StatusCode::OK, "Connect this calendar?", &body);
    let url = question.return_to.as_ref().and_then(|url| Url::parse(url).ok());
    let origin = url.map(|url| url.origin().ascii_serialization());
    if let Some(origin) = origin
        && let Ok(policy) = HeaderValue::from_str(&format!("{POLICY} {origin}"))
    {
        page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    page
}

/// What went wrong, and what to do about it.
pub fn failed(problem: &Problem) -> Response {
    let advice = match problem.code() {
        "unknown-state" => "Ask for a new link: each works once, for ten minutes.",
        "consent-denied" => "Nothing was connected. Ask for a new link if you change your mind.",
        "missing-scopes" => "Start again and leave every box ticked: each permission is needed.",
        "no-lasting-access" => "Remove this application from your account's connections and start again.",
        _ => "Start again; if it goes on, tell whoever sent you here.",
    };
    let body = format!(
        "<h1>The calendar was not connected</h1><p>{}</p><p>{advice}</p><p class=\"code\">{}</p>",
        escape(problem.title()),
        escape(problem.code()),
    );
    page(problem.status(), "Not connected", &body)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (status, headers, html).into_response()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
