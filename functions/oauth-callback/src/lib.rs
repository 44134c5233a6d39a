//! Ends the OAuth round trip: the provider sends the host's browser here.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use holdfast::App;
use holdfast::domain::ProviderKind;
use holdfast::flows::{Arrival, Connected, abandon_connect, approve_connect, finish_connect};
use holdfast::http::auth::Cookie;
use holdfast::http::page::{self, Pages};
use holdfast::http::requests::{ApproveForm, CallbackQuery};
use holdfast::http::{Form, Path, Problem, Query, words};
use utoipa::OpenApi;

/// The routes of this function.
pub fn router() -> Router<App> {
    Router::new().route("/v1/oauth/{provider}/callback", get(finish_oauth).post(approve_oauth))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(finish_oauth, approve_oauth))]
pub struct Doc;

/// Where the provider sends the browser back to
///
/// Answers with a page, or sends the browser on to the `return_to` of the start.
#[utoipa::path(get, path = "/v1/oauth/{provider}/callback", tag = "oauth",
    params(("provider" = words::Provider, Path, description = "The calendar provider: `google`"), CallbackQuery),
    responses(Pages))]
async fn finish_oauth(
    State(app): State<App>,
    Path(provider): Path<String>,
    query: Result<Query<CallbackQuery>, Problem>,
    cookie: Option<Cookie>,
) -> Response {
    answer(finish(&app, &provider, query, cookie).await)
}

/// The click of a browser that did not begin the round trip itself
#[utoipa::path(post, path = "/v1/oauth/{provider}/callback", tag = "oauth",
    params(("provider" = words::Provider, Path, description = "The calendar provider: `google`")),
    request_body(content = ApproveForm, content_type = "application/x-www-form-urlencoded"),
    responses(Pages))]
async fn approve_oauth(
    State(app): State<App>,
    Path(provider): Path<String>,
    form: Result<Form<ApproveForm>, Problem>,
) -> Response {
    answer(approve(&app, &provider, form).await)
}

async fn finish(
    app: &App,
    provider: &str,
    query: Result<Query<CallbackQuery>, Problem>,
    cookie: Option<Cookie>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let provider = parse(provider)?;
    if let Some(error) = query.error {
        return Err(abandon_connect(app, provider, &query.state, &error).await?.into());
    }
    let code = query.code.ok_or_else(|| Problem::field("validation", "code", "is required"))?;
    match finish_connect(app, provider, &query.state, &code, cookie.as_ref().map(Cookie::value)).await? {
        Arrival::Connected(connected) => Ok(done(&connected)),
        Arrival::AwaitsClick(question) => {
            Ok(page::approve(&question, &format!("/v1/oauth/{provider}/callback")))
        }
    }
}

async fn approve(
    app: &App,
    provider: &str,
    form: Result<Form<ApproveForm>, Problem>,
) -> Result<Response, Problem> {
    let Form(form) = form?;
    Ok(done(&approve_connect(app, parse(provider)?, &form.approve).await?))
}

fn parse(provider: &str) -> Result<ProviderKind, Problem> {
    provider.parse().map_err(|_unknown| Problem::unknown_provider())
}

fn done(connected: &Connected) -> Response {
    match &connected.return_to {
        Some(url) => Redirect::to(url).into_response(),
        None => page::connected(connected.integration.account.as_deref().unwrap_or("The account")),
    }
}

fn answer(result: Result<Response, Problem>) -> Response {
    result.unwrap_or_else(|problem| page::failed(&problem))
}
