//! What every page has: its headers, its frame, and friendly words for whatever went wrong.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use holdfast::domain::{EventTypeSlug, Tenant, TenantSettings};
use holdfast::http::Problem;
use utoipa::IntoResponses;

use crate::assets::{ICON, SCRIPT, STYLE};
use crate::paths;
use crate::texts::Texts;

/// Nothing from elsewhere, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// A page, or another one that says why not: for the API document.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "documents what the templates write")]
pub(crate) enum Pages {
    /// The page
    #[response(status = 200, content_type = "text/html")]
    Page(String),
    /// It is not here, or not possible, and why
    #[response(status = "4XX", content_type = "text/html")]
    Refused(String),
    /// It failed: try again
    #[response(status = "5XX", content_type = "text/html")]
    Failed(String),
}

/// The same for what succeeds without a page.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "documents what the templates write")]
pub(crate) enum Sorry {
    /// It is not here, or not possible, and why
    #[response(status = "4XX", content_type = "text/html")]
    Refused(String),
    /// It failed: try again
    #[response(status = "5XX", content_type = "text/html")]
    Failed(String),
}

/// What stands around every page.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The texts.
    pub(crate) t: &'static Texts,
    /// Whose page it is.
    pub(crate) brand: Option<Brand>,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
    pub(crate) icon: &'static str,
}

/// The tenant in the page's head.
#[derive(Debug)]
pub(crate) struct Brand {
    /// Its name.
    pub(crate) name: String,
    /// Its list.
    pub(crate) href: String,
}

impl Frame {
    /// The frame of a tenant's page.
    pub(crate) fn of(tenant: &Tenant, settings: &TenantSettings) -> Self {
        let brand = Brand { name: settings.name.clone(), href: paths::tenant(tenant) };
        Self { brand: Some(brand), ..Self::new(Texts::of(&settings.locale)) }
    }

    fn new(t: &'static Texts) -> Self {
        Self { t, brand: None, style: &STYLE.path, script: &SCRIPT.path, icon: &ICON.path }
    }
}

/// A page with its headers.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            return Problem::internal().into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (status, headers, html).into_response()
}

#[derive(Debug, Template)]
#[template(path = "failed.html")]
struct FailedPage<'a> {
    frame: Frame,
    title: &'static str,
    lead: &'static str,
    code: &'a str,
    onward: Option<(String, &'static str)>,
}

/// Problems are for programs: people get a page with the same status and headers, and a way on.
pub(crate) async fn friendly(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let mut friendly = page(problem.status(), &FailedPage::new(&path, &problem));
    if let Some(seconds) = response.headers().get(header::RETRY_AFTER) {
        friendly.headers_mut().insert(header::RETRY_AFTER, seconds.clone());
    }
    friendly
}

impl<'a> FailedPage<'a> {
    fn new(path: &str, problem: &'a Problem) -> Self {
        let t = Texts::usual();
        let (title, lead) = words(problem, t);
        Self { frame: Frame::new(t), title, lead, code: problem.code(), onward: onward(path, problem, t) }
    }
}

fn words(problem: &Problem, t: &'static Texts) -> (&'static str, &'static str) {
    match problem.code() {
        "unknown-booking" => (t.not_found_title, t.unknown_booking),
        "hold-used" => (t.used_title, t.used),
        "start-too-soon" | "start-too-late" | "start-not-offered" | "slot-taken" | "day-full"
        | "length-not-offered" => (t.not_offered_title, t.not_offered),
        "too-many-holds" => (t.crowded_title, t.crowded),
        "event-type-gone" => (t.changed_title, t.changed),
        "calendar-unavailable" => (t.silent_title, t.silent),
        "busy" => (t.busy_title, t.busy),
        _ if problem.status() == StatusCode::NOT_FOUND => (t.not_found_title, t.not_found),
        _ if problem.status().is_client_error() => (t.refused_title, t.refused),
        _ => (t.failed_title, t.failed),
    }
}

/// Where to go on, by the path that led here: to the tenant's list, or to the week of what was to be booked.
fn onward(path: &str, problem: &Problem, t: &'static Texts) -> Option<(String, &'static str)> {
    let mut parts = path.split('/').skip(1);
    let tenant: Tenant = parts.next()?.parse().ok()?;
    let slug: EventTypeSlug = parts.next()?.parse().ok()?;
    match problem.code() {
        "unknown-event-type" => Some((paths::tenant(&tenant), t.see_offers)),
        "unknown-tenant" | "not-found" => None,
        _ => Some((paths::offer(&tenant, &slug), t.see_week)),
    }
}
