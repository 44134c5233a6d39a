//! What every router gets, once: the fallbacks, the body cap, one log line a request, headers, and what is said
//! to browsers of other origins.

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::cors::share;
use super::extract::{FORM, essence, too_large};
use super::problem::Problem;
use crate::app::App;

/// Bodies are capped at this many bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Adds fallbacks and layers and gives the router its state.
pub fn finish(router: Router<App>, app: App) -> Router {
    router
        .fallback(|| async { Problem::not_found("not-found", "there is nothing here") })
        .method_not_allowed_fallback(|| async {
            let title = "this does not take that method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", title)
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(|_panic| {
            tracing::error!("a handler panicked");
            Problem::internal().into_response()
        }))
        .layer(from_fn(capped))
        .layer(from_fn_with_state(app.clone(), share))
        .layer(from_fn(observed))
        .with_state(app)
}

/// Too large a body is refused where nobody reads it, too. A form is refused by whoever reads it, on a page.
async fn capped(request: Request, next: Next) -> Response {
    let is_large = request.body().size_hint().lower() > BODY_LIMIT as u64;
    if is_large && essence(&request) != FORM {
        return too_large().into_response();
    }
    next.run(request).await
}

/// One line a request: the route, never the path with its ids or the query with its codes.
async fn observed(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let began = std::time::Instant::now();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let cache = HeaderName::from_static("cache-control");
    headers.entry(cache).or_insert(HeaderValue::from_static("no-store"));
    tracing::info!(
        %method,
        route = route.as_deref().unwrap_or("none"),
        status = response.status().as_u16(),
        duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    response
}
