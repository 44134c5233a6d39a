//! Holds and bookings: take a slot, give it back, confirm it, look at it, cancel it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use holdfast::App;
use holdfast::domain::{BookingId, Tenant};
use holdfast::flows::{book, cancel, cancel_managed, hold, read_booking, read_managed, release};
use holdfast::http::requests::{BookingRequest, HoldRequest, ReleaseRequest};
use holdfast::http::views::{BookingView, HoldView};
use holdfast::http::{Admin, Bearer, Body, Path, Problem};
use utoipa::OpenApi;

/// The routes of this function.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/tenants/{tenant}/holds", post(create_hold))
        .route("/v1/tenants/{tenant}/holds/release", post(release_hold))
        .route("/v1/tenants/{tenant}/bookings", post(create_booking))
        .route("/v1/tenants/{tenant}/bookings/{id}", get(get_own_booking).delete(cancel_own_booking))
        .route("/v1/bookings/{id}", get(get_booking).delete(cancel_booking))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    create_hold,
    release_hold,
    create_booking,
    get_own_booking,
    cancel_own_booking,
    get_booking,
    cancel_booking
))]
pub struct Doc;

/// Hold a slot
///
/// Exactly one caller gets it; it ends by itself. Everyone else gets 409 `slot-taken` with free slots nearby, in
/// the offset of the request's `start`.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/holds", tag = "bookings", params(("tenant" = String, Path, description = "The tenant's slug")),
    request_body = HoldRequest,
    responses((status = 201, description = "Held", body = HoldView), Problem))]
async fn create_hold(
    State(app): State<App>,
    Path(tenant): Path<Tenant>,
    Body(request): Body<HoldRequest>,
) -> Result<(StatusCode, Json<HoldView>), Problem> {
    let offset = request.start.offset;
    let held = hold(&app, &tenant, &request.event_type, request.start.tick, request.length).await;
    let held = held.map_err(|error| Problem::of_hold(error, offset))?;
    Ok((StatusCode::CREATED, Json(HoldView::new(&held, offset))))
}

/// Give a hold back
#[utoipa::path(post, path = "/v1/tenants/{tenant}/holds/release", tag = "bookings",
    params(("tenant" = String, Path, description = "The tenant's slug")), request_body = ReleaseRequest,
    responses((status = 204, description = "Given back"), Problem))]
async fn release_hold(
    State(app): State<App>,
    Path(tenant): Path<Tenant>,
    Body(request): Body<ReleaseRequest>,
) -> Result<StatusCode, Problem> {
    let released = release(&app, &tenant, &request.hold).await;
    released.map_err(|error| Problem::of_hold(error, holdfast::http::UTC))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Book: confirm a hold, or take a free slot
///
/// Confirming a hold twice with the same details gives the same answer. `manage_token` is shown only here.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/bookings", tag = "bookings", params(("tenant" = String, Path, description = "The tenant's slug")),
    request_body = BookingRequest,
    responses((status = 201, description = "Booked", body = BookingView,
        headers(("location" = String, description = "Where its guest finds it"))), Problem))]
async fn create_booking(
    State(app): State<App>,
    Path(tenant): Path<Tenant>,
    Body(request): Body<BookingRequest>,
) -> Result<Response, Problem> {
    let offset = request.offset();
    let booked = book(&app, &tenant, &request.into()).await;
    let booked = booked.map_err(|error| Problem::of_booking(error, offset))?;
    let location = format!("/v1/tenants/{tenant}/bookings/{}", booked.booking.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(BookingView::from(booked))).into_response())
}

/// Look at one's booking
#[utoipa::path(get, path = "/v1/tenants/{tenant}/bookings/{id}", tag = "bookings",
    params(("tenant" = String, Path, description = "The tenant's slug"), ("id" = String, Path, description = "The booking's id")),
    responses((status = 200, description = "The booking", body = BookingView), Problem),
    security(("manage" = [])))]
async fn get_own_booking(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Bearer(token): Bearer,
) -> Result<Json<BookingView>, Problem> {
    Ok(Json(read_managed(&app, &tenant, &id, &token).await?.into()))
}

/// Cancel one's booking
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/bookings/{id}", tag = "bookings",
    params(("tenant" = String, Path, description = "The tenant's slug"), ("id" = String, Path, description = "The booking's id")),
    responses((status = 200, description = "Cancelled", body = BookingView), Problem),
    security(("manage" = [])))]
async fn cancel_own_booking(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Bearer(token): Bearer,
) -> Result<Json<BookingView>, Problem> {
    Ok(Json(cancel_managed(&app, &tenant, &id, &token).await?.into()))
}

/// Look at a booking
#[utoipa::path(get, path = "/v1/bookings/{id}", tag = "bookings", params(("id" = String, Path, description = "The booking's id")),
    responses((status = 200, description = "The booking", body = BookingView), Problem),
    security(("admin" = [])))]
async fn get_booking(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<BookingId>,
) -> Result<Json<BookingView>, Problem> {
    Ok(Json(read_booking(&app, &admin.tenant, &id).await?.into()))
}

/// Cancel a booking
#[utoipa::path(delete, path = "/v1/bookings/{id}", tag = "bookings", params(("id" = String, Path, description = "The booking's id")),
    responses((status = 200, description = "Cancelled", body = BookingView), Problem),
    security(("admin" = [])))]
async fn cancel_booking(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<BookingId>,
) -> Result<Json<BookingView>, Problem> {
    Ok(Json(cancel(&app, &admin.tenant, &id).await?.into()))
}
