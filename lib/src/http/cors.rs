//! What browsers are told that call from a page of another origin.
//!
//! Under `/v1/tenants/{tenant}/` the tenant's own list of origins counts, everywhere else, and for a tenant that has
//! none, the deployment's. API Gateway's own answers (401, 413, 429) say nothing of it. There are no cookies to
//! share, so none are. What cannot be found out is not allowed, and breaks no answer.
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::domain::Tenant;

const ANY: &str = "*";
const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization,content-type,idempotency-key,if-match");
const EXPOSED: HeaderValue = HeaderValue::from_static("etag,location,retry-after");
/// Ten minutes: what a tenant takes off its list is off every browser's by then.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// Longer, and the answer goes without.
const WITHIN: Duration = Duration::from_secs(1);

/// Answers preflights, and marks the answers to origins that may read them. A request without `Origin` passes.
pub(super) async fn share(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return varied(next.run(request).await);
    };
    let path = request.uri().path().to_owned();
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        let mut response = varied(StatusCode::NO_CONTENT.into_response());
        if let Some(allowed) = allowed(&app, &path, &origin).await {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        return response;
    }
    let (response, allowed) = tokio::join!(next.run(request), allowed(&app, &path, &origin));
    let mut response = varied(response);
    if let Some(allowed) = allowed {
        mark(response.headers_mut(), allowed);
    }
    response
}

fn mark(headers: &mut HeaderMap, allowed: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// The same answer may look otherwise to another origin, and to none: said in any case, because caches ask nobody.
fn varied(mut response: Response) -> Response {
    const ORIGIN: HeaderName = header::ORIGIN;
    response.headers_mut().append(header::VARY, ORIGIN.into());
    response
}

/// What to say to this origin; `None` when it may not read.
async fn allowed(app: &App, path: &str, origin: &HeaderValue) -> Option<HeaderValue> {
    let deployments = &app.config.cors_origins;
    match owner(path) {
        Owner::Nobody => choose(deployments, origin),
        Owner::Hidden => None,
        Owner::Tenant(tenant) => {
            match tokio::time::timeout(WITHIN, app.store.tenant_remembered(&tenant)).await {
                Ok(Ok(Some(settings))) if !settings.cors_origins.is_empty() => {
                    choose(&settings.cors_origins, origin)
                }
                Ok(Ok(_)) => choose(deployments, origin),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a tenant's origins cannot be read");
                    None
                }
                Err(_elapsed) => {
                    tracing::warn!("a tenant's origins cannot be read in time");
                    None
                }
            }
        }
    }
}

/// Whose list counts on a path.
#[derive(Debug, PartialEq)]
enum Owner {
    Tenant(Tenant),
    /// No tenant's.
    Nobody,
    /// Perhaps a tenant's, in other letters: `%64emo` is routed like `demo`. No browser writes it so by itself.
    Hidden,
}

fn owner(path: &str) -> Owner {
    let Some(rest) = path.strip_prefix("/v1/tenants/") else {
        // The route may be a tenant's all the same, when its own words are hidden.
        return if path.contains('%') { Owner::Hidden } else { Owner::Nobody };
    };
    let tenant = rest.split('/').next().unwrap_or_default();
    match tenant.parse() {
        Ok(tenant) => Owner::Tenant(tenant),
        Err(_) if tenant.contains('%') => Owner::Hidden,
        Err(_) => Owner::Nobody,
    }
}

fn choose(list: &[String], origin: &HeaderValue) -> Option<HeaderValue> {
    if list.iter().any(|allowed| allowed == ANY) {
        return Some(HeaderValue::from_static(ANY));
    }
    let is_listed = list.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()));
    is_listed.then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_tenant_whom_its_route_would_name() {
        let demo = || Owner::Tenant("demo".parse().unwrap());
        for (path, expected) in [
            ("/v1/tenants/demo/holds", demo()),
            ("/v1/tenants/demo", demo()),
            ("/v1/tenants/demo/event-types/%69ntro/slots", demo()),
            ("/v1/tenants/%64emo/holds", Owner::Hidden),
            ("/v1/tenant%73/demo/holds", Owner::Hidden),
            ("/v1/tenants/../holds", Owner::Nobody),
            ("/v1/tenants//holds", Owner::Nobody),
            ("/v1/integrations", Owner::Nobody),
        ] {
            assert_eq!(owner(path), expected, "{path}");
        }
    }

    #[test]
    fn an_origin_is_on_the_list_in_full_or_not_at_all() {
        let list = ["https://app.example".to_owned(), "http://localhost:5173".to_owned()];
        let said = |origin: &'static str| choose(&list, &HeaderValue::from_static(origin));
        for origin in ["https://app.example", "http://localhost:5173"] {
            assert_eq!(said(origin), Some(HeaderValue::from_static(origin)));
        }
        for origin in
            ["https://app.example.evil", "http://app.example", "https://app.example:444", "null", "*", ""]
        {
            assert_eq!(said(origin), None, "{origin}");
        }
        let any = choose(&["*".to_owned()], &HeaderValue::from_static("null"));
        assert_eq!(any, Some(HeaderValue::from_static("*")));
    }
}
