//! What guests do: hold a slot, give it back, book, look, move, cancel.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use holdfast::App;
use holdfast::domain::{BookingId, Scope, Tenant};
use holdfast::flows::{book, cancel_managed, hold, read_managed, release, reschedule_managed};
use holdfast::http::requests::{BookingRequest, HoldRequest, ReleaseRequest, RescheduleRequest};
use holdfast::http::views::{BookingView, CalendarFile, HoldView};
use holdfast::http::{Bearer, Body, Idempotency, IdempotencyHeader, Path, Problem, words};

/// Hold a slot
///
/// Exactly one caller gets it; it ends by itself. Everyone else gets 409 `slot-taken` with free slots nearby, in
/// the offset of the request's `start`.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/holds", tag = "bookings",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), IdempotencyHeader),
    request_body = HoldRequest,
    responses((status = 201, description = "Held", body = HoldView), Problem))]
pub(crate) async fn create_hold(
    State(app): State<App>,
    Path(tenant): Path<Tenant>,
    Idempotency(key): Idempotency,
    Body(request): Body<HoldRequest>,
) -> Result<(StatusCode, Json<HoldView>), Problem> {
    let offset = request.start.offset;
    let held = hold(&app, &tenant, &request.into(), key.as_ref()).await;
    let held = held.map_err(|error| Problem::of_booking(error, offset))?;
    Ok((StatusCode::CREATED, Json(HoldView::new(&held, offset))))
}

/// Give a hold back
#[utoipa::path(post, path = "/v1/tenants/{tenant}/holds/release", tag = "bookings",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), IdempotencyHeader),
    request_body = ReleaseRequest,
    responses((status = 204, description = "Given back"), Problem))]
pub(crate) async fn release_hold(
    State(app): State<App>,
    Path(tenant): Path<Tenant>,
    Idempotency(key): Idempotency,
    Body(request): Body<ReleaseRequest>,
) -> Result<StatusCode, Problem> {
    release(&app, &tenant, &request.hold, key.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Book: confirm a hold, or take a free slot
///
/// Confirming a hold twice with the same details gives the same answer. `manage_token` is shown only here, and
/// left out once it was renewed. Where the event type needs the host's yes, the booking is `pending` and has its
/// time until then.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/bookings", tag = "bookings",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), IdempotencyHeader),
    request_body = BookingRequest,
    responses((status = 201, description = "Booked", body = BookingView,
        headers(("location" = String, description = "Where its guest finds it"))), Problem))]
pub(crate) async fn create_booking(
    State(app): State<App>,
    Path(tenant): Path<Tenant>,
    Idempotency(key): Idempotency,
    Body(request): Body<BookingRequest>,
) -> Result<Response, Problem> {
    let offset = request.offset();
    let booked = book(&app, &Scope::Public(tenant.clone()), &request.into(), key.as_ref()).await;
    let booked = booked.map_err(|error| Problem::of_booking(error, offset))?;
    let location = format!("/v1/tenants/{tenant}/bookings/{}", booked.record.booking.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(BookingView::from(booked))).into_response())
}

/// Look at one's booking
#[utoipa::path(get, path = "/v1/tenants/{tenant}/bookings/{id}", tag = "bookings",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "The booking", body = BookingView), Problem),
    security(("manage" = [])))]
pub(crate) async fn get_own_booking(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Bearer(token): Bearer,
) -> Result<Json<BookingView>, Problem> {
    Ok(Json(read_managed(&app, &tenant, &id, &token).await?.into()))
}

/// Cancel one's booking
///
/// Until the notice that was agreed when it was made.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/bookings/{id}", tag = "bookings",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "Cancelled", body = BookingView), Problem),
    security(("manage" = [])))]
pub(crate) async fn cancel_own_booking(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Bearer(token): Bearer,
) -> Result<Json<BookingView>, Problem> {
    Ok(Json(cancel_managed(&app, &tenant, &id, &token, None).await?.into()))
}

/// Move one's booking
///
/// It keeps its id and its manage token. The old time is given up only together with the new one being taken.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/bookings/{id}/reschedule", tag = "bookings",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id"), IdempotencyHeader),
    request_body = RescheduleRequest,
    responses((status = 200, description = "Moved", body = BookingView), Problem),
    security(("manage" = [])))]
pub(crate) async fn reschedule_own_booking(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Bearer(token): Bearer,
    Idempotency(key): Idempotency,
    Body(request): Body<RescheduleRequest>,
) -> Result<Json<BookingView>, Problem> {
    let (to, offset) = (request.new_time(), request.start.offset);
    let moved = reschedule_managed(&app, &tenant, &id, &token, to, key.as_ref()).await;
    Ok(Json(moved.map_err(|error| Problem::of_booking(error, offset))?.into()))
}

/// One's booking as a file for one's calendar
#[utoipa::path(get, path = "/v1/tenants/{tenant}/bookings/{id}/calendar.ics", tag = "bookings",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "iCalendar (RFC 5545)", body = String, content_type = "text/calendar"), Problem),
    security(("manage" = [])))]
pub(crate) async fn get_own_calendar(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Bearer(token): Bearer,
) -> Result<CalendarFile, Problem> {
    let record = read_managed(&app, &tenant, &id, &token).await?;
    Ok(CalendarFile::of(&record.booking, app.clock.now(), None))
}
