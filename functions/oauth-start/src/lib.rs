//! Begins the OAuth round trip that connects a host's calendar account.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use holdfast::App;
use holdfast::domain::ProviderKind;
use holdfast::flows::start_connect;
use holdfast::http::auth::Cookie;
use holdfast::http::requests::ConnectRequest;
use holdfast::http::views::StartedView;
use holdfast::http::{Body, Path, Problem, Staff, StaffProblem, words};
use utoipa::OpenApi;

/// The routes of this function.
pub fn router() -> Router<App> {
    Router::new().route("/v1/integrations/{provider}/connect", post(connect_integration))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(connect_integration))]
pub struct Doc;

/// Connect a calendar account of a host
///
/// Send the host's browser to `authorization_url`. The answer sets a cookie: a browser that comes back without it
/// is asked to confirm what it connects. A host connects its own accounts only.
#[utoipa::path(post, path = "/v1/integrations/{provider}/connect", tag = "integrations",
    params(("provider" = words::Provider, Path, description = "The calendar provider: `google`")),
    request_body = ConnectRequest,
    responses((status = 200, description = "Begun", body = StartedView,
        headers(("set-cookie" = String, description = "Marks this browser for ten minutes"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
async fn connect_integration(
    State(app): State<App>,
    staff: Staff,
    Path(provider): Path<String>,
    Body(request): Body<ConnectRequest>,
) -> Result<Response, Problem> {
    let provider: ProviderKind = provider.parse().map_err(|_unknown| Problem::unknown_provider())?;
    let return_to = request.return_to.as_deref();
    let started = start_connect(&app, &staff.scope, &request.host, provider, return_to).await?;
    let cookie = Cookie::oauth(&started.cookie, &app.config.public_url);
    Ok(([(SET_COOKIE, cookie)], Json(StartedView::from(&started))).into_response())
}
