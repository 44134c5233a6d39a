//! Free slots for guests, and the two routes that ask for nothing: health and the API document.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use holdfast::App;
use holdfast::domain::{EventTypeSlug, Tenant};
use holdfast::flows::{Listing, list_slots as list};
use holdfast::http::requests::SlotsParams;
use holdfast::http::views::{HealthView, SlotsView};
use holdfast::http::{Path, Problem, Query};
use utoipa::OpenApi;

/// The API document of all functions, written from their code; a test compares the two.
const OPENAPI: &str = include_str!("../openapi.json");

/// The routes of this function.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/tenants/{tenant}/event-types/{slug}/slots", get(list_slots))
        .route("/v1/health", get(get_health))
        .route("/v1/openapi.json", get(get_openapi))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(list_slots, get_health, get_openapi))]
pub struct Doc;

/// List free slots
///
/// `from` and `to` are local dates of `time_zone`, `to` exclusive. Only days that have slots are listed, by the
/// guest's local date of the start. `reason` says why nothing can be offered at all.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-types/{slug}/slots", tag = "slots",
    params(("tenant" = String, Path, description = "The tenant's slug"), ("slug" = String, Path, description = "The event type's slug"), SlotsParams),
    responses((status = 200, description = "The free slots, perhaps none", body = SlotsView), Problem))]
async fn list_slots(
    State(app): State<App>,
    Path((tenant, slug)): Path<(Tenant, EventTypeSlug)>,
    Query(params): Query<SlotsParams>,
) -> Result<Listing, Problem> {
    Ok(list(&app, &tenant, &slug, &params.into()).await?)
}

/// Whether the API answers
#[utoipa::path(get, path = "/v1/health", tag = "service", responses((status = 200, description = "It does", body = HealthView)))]
async fn get_health() -> Json<HealthView> {
    Json(HealthView::ok())
}

/// This document
#[utoipa::path(get, path = "/v1/openapi.json", tag = "service", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
async fn get_openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
