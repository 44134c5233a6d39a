//! What a tenant offers and its free slots, for guests, and the two routes that ask for nothing: health and the API
//! document. Preflights of all routes come here, too, which [`holdfast::http::finish`] answers, and whatever has no
//! route at all. Everything here is public: no path that is read otherwise on its way opens anything.

mod elsewhere;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use holdfast::App;
use holdfast::domain::{EventTypeSlug, Tenant};
use holdfast::flows::{Listing, SlotRequest, check_slot, list_slots as list, read_offer, read_offers};
use holdfast::http::requests::{AvailabilityParams, SlotsParams};
use holdfast::http::views::{AvailabilityView, HealthView, OfferView, OffersView, SlotsView};
use holdfast::http::{Path, Problem, Query, words};
use utoipa::OpenApi;

/// The API document of all functions, written from their code; a test compares the two.
const OPENAPI: &str = include_str!("../openapi.json");

/// The routes of this function.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/tenants/{tenant}/event-types", get(list_offers))
        .route("/v1/tenants/{tenant}/event-types/{slug}", get(get_offer))
        .route("/v1/tenants/{tenant}/event-types/{slug}/slots", get(list_slots))
        .route("/v1/tenants/{tenant}/event-types/{slug}/availability", get(get_availability))
        .route("/v1/health", get(get_health))
        .route("/v1/openapi.json", get(get_openapi))
        .route("/{*path}", any(elsewhere::answer))
        .method_not_allowed_fallback(elsewhere::answer)
        .layer(from_fn(elsewhere::refuse_head))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(list_offers, get_offer, list_slots, get_availability, get_health, get_openapi))]
pub struct Doc;

/// List what a tenant offers
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-types", tag = "slots",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug")),
    responses((status = 200, description = "The tenant and its public list", body = OffersView), Problem))]
async fn list_offers(
    State(app): State<App>,
    Path(tenant): Path<Tenant>,
) -> Result<Json<OffersView>, Problem> {
    Ok(Json(read_offers(&app, &tenant).await?.into()))
}

/// Look at what is offered
///
/// One that is not listed is found by its slug, too.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-types/{slug}", tag = "slots",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("slug" = words::EventTypeSlug, Path, description = "The event type's slug")),
    responses((status = 200, description = "The event type", body = OfferView), Problem))]
async fn get_offer(
    State(app): State<App>,
    Path((tenant, slug)): Path<(Tenant, EventTypeSlug)>,
) -> Result<Json<OfferView>, Problem> {
    Ok(Json(read_offer(&app, &tenant, &slug).await?.into()))
}

/// List free slots
///
/// `from` and `to` are local dates of `time_zone`, `to` exclusive. Only days that have slots are listed, by the
/// guest's local date of the start. `reason` says why nothing can be offered at all.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-types/{slug}/slots", tag = "slots",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("slug" = words::EventTypeSlug, Path, description = "The event type's slug"), SlotsParams),
    responses((status = 200, description = "The free slots, perhaps none", body = SlotsView), Problem))]
async fn list_slots(
    State(app): State<App>,
    Path((tenant, slug)): Path<(Tenant, EventTypeSlug)>,
    Query(params): Query<SlotsParams>,
) -> Result<Listing, Problem> {
    Ok(list(&app, &tenant, &slug, &params.into()).await?)
}

/// Whether one start is free
///
/// `reason` is the code that a hold would be refused with. It takes nothing: hold it to have it.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/event-types/{slug}/availability", tag = "slots",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("slug" = words::EventTypeSlug, Path, description = "The event type's slug"), AvailabilityParams),
    responses((status = 200, description = "Whether it is, and if not, why", body = AvailabilityView), Problem))]
async fn get_availability(
    State(app): State<App>,
    Path((tenant, event_type)): Path<(Tenant, EventTypeSlug)>,
    Query(params): Query<AvailabilityParams>,
) -> Result<Json<AvailabilityView>, Problem> {
    let offset = params.start.offset;
    let slot = SlotRequest { event_type, start: params.start.tick, length: params.length };
    let checked = check_slot(&app, &tenant, &slot).await;
    let checked = checked.map_err(|error| Problem::of_booking(error, offset))?;
    Ok(Json(AvailabilityView::new(checked, offset)))
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
