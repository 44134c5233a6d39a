//! What admins do with all bookings of their tenant, and hosts with their own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use holdfast::App;
use holdfast::domain::{BookingId, BookingStatus, JobId};
use holdfast::flows::{book, read_booking, read_history, read_job, reschedule, transition, update_booking};
use holdfast::http::requests::{
    BookingPatch, BookingRequest, BookingsParams, GuestJobRequest, JobParams, ReasonRequest,
    RescheduleRequest,
};
use holdfast::http::views::{BookingView, BookingsView, HistoryView, JobView};
use holdfast::http::{
    Admin, Body, Idempotency, IdempotencyHeader, IfMatch, IfMatchHeader, Path, Problem, Query, Staff,
    StaffProblem, Tagged, words,
};

/// List bookings
///
/// In the order of their start; a host's are its own. What has just changed shows within a second or so.
#[utoipa::path(get, path = "/v1/bookings", tag = "bookings", params(BookingsParams),
    responses((status = 200, description = "A page of bookings", body = BookingsView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn list_bookings(
    State(app): State<App>,
    staff: Staff,
    Query(params): Query<BookingsParams>,
) -> Result<Json<BookingsView>, Problem> {
    let limit = params.limit();
    let page = holdfast::flows::list_bookings(&app, &staff.scope, &params.into(), limit).await?;
    Ok(Json(page.into()))
}

/// Book for a guest
///
/// At any time that is free, within the event type's hours or not; confirmed at once.
#[utoipa::path(post, path = "/v1/bookings", tag = "bookings",
    params(IdempotencyHeader),
    request_body = BookingRequest,
    responses((status = 201, description = "Booked", body = BookingView,
        headers(("location" = String, description = "Where staff find it"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn make_booking(
    State(app): State<App>,
    staff: Staff,
    Idempotency(key): Idempotency,
    Body(request): Body<BookingRequest>,
) -> Result<Response, Problem> {
    let offset = request.offset();
    let booked = book(&app, &staff.scope, &request.into(), key.as_ref()).await;
    let booked = booked.map_err(|error| Problem::of_booking(error, offset))?;
    let location = format!("/v1/bookings/{}", booked.record.booking.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(BookingView::from(booked))).into_response())
}

/// Look at a booking
#[utoipa::path(get, path = "/v1/bookings/{id}", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "The booking", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn get_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
) -> Result<Tagged<BookingView>, Problem> {
    let record = read_booking(&app, &staff.scope, &id).await?;
    Ok(Tagged::new(record.booking.version, record))
}

/// Change notes, metadata or the manage token of a booking
#[utoipa::path(patch, path = "/v1/bookings/{id}", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id"), IfMatchHeader),
    request_body = BookingPatch,
    responses((status = 200, description = "As it is now", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn change_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
    IfMatch(expected): IfMatch,
    Body(patch): Body<BookingPatch>,
) -> Result<Tagged<BookingView>, Problem> {
    let changed = update_booking(&app, &staff.scope, &id, &patch.into(), &expected).await?;
    Ok(Tagged::new(changed.0.booking.version, changed))
}

/// Say yes to a pending booking
#[utoipa::path(post, path = "/v1/bookings/{id}/confirm", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "As it is now", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn confirm_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
) -> Result<Json<BookingView>, Problem> {
    step(&app, &staff, &id, BookingStatus::Confirmed, None).await
}

/// Say no to a pending booking
///
/// Its time is free again.
#[utoipa::path(post, path = "/v1/bookings/{id}/decline", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    request_body(content = Option<ReasonRequest>),
    responses((status = 200, description = "As it is now", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn decline_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
    request: Option<Body<ReasonRequest>>,
) -> Result<Json<BookingView>, Problem> {
    let reason = request.and_then(|Body(request)| request.reason);
    step(&app, &staff, &id, BookingStatus::Declined, reason.as_deref()).await
}

/// Begin a booking
///
/// From an hour before its start.
#[utoipa::path(post, path = "/v1/bookings/{id}/start", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "As it is now", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn start_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
) -> Result<Json<BookingView>, Problem> {
    step(&app, &staff, &id, BookingStatus::InProgress, None).await
}

/// Mark a booking as having taken place
///
/// Once it has begun.
#[utoipa::path(post, path = "/v1/bookings/{id}/complete", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "As it is now", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn complete_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
) -> Result<Json<BookingView>, Problem> {
    step(&app, &staff, &id, BookingStatus::Completed, None).await
}

/// Mark that the guest did not come
///
/// Once it has begun.
#[utoipa::path(post, path = "/v1/bookings/{id}/no-show", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "As it is now", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn miss_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
) -> Result<Json<BookingView>, Problem> {
    step(&app, &staff, &id, BookingStatus::NoShow, None).await
}

/// Cancel a booking
///
/// The event goes from the calendar, and the time is free again.
#[utoipa::path(post, path = "/v1/bookings/{id}/cancel", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    request_body(content = Option<ReasonRequest>),
    responses((status = 200, description = "As it is now", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn cancel_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
    request: Option<Body<ReasonRequest>>,
) -> Result<Json<BookingView>, Problem> {
    let reason = request.and_then(|Body(request)| request.reason);
    step(&app, &staff, &id, BookingStatus::Cancelled, reason.as_deref()).await
}

async fn step(
    app: &App,
    staff: &Staff,
    id: &BookingId,
    to: BookingStatus,
    reason: Option<&str>,
) -> Result<Json<BookingView>, Problem> {
    Ok(Json(transition(app, &staff.scope, id, to, reason).await?.into()))
}

/// Move a booking
///
/// To any time that is free. The old time is given up only together with the new one being taken.
#[utoipa::path(post, path = "/v1/bookings/{id}/reschedule", tag = "bookings",
    params(("id" = words::BookingId, Path, description = "The booking's id"), IdempotencyHeader),
    request_body = RescheduleRequest,
    responses((status = 200, description = "Moved", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn reschedule_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
    Idempotency(key): Idempotency,
    Body(request): Body<RescheduleRequest>,
) -> Result<Json<BookingView>, Problem> {
    let (to, offset) = (request.new_time(), request.start.offset);
    let moved = reschedule(&app, &staff.scope, &id, to, key.as_ref()).await;
    Ok(Json(moved.map_err(|error| Problem::of_booking(error, offset))?.into()))
}

/// Put a booking's event right now
///
/// Also when it is thought to be right: one that was moved or deleted by hand is put back.
#[utoipa::path(post, path = "/v1/bookings/{id}/sync", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "As it is now", body = BookingView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn sync_booking(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
) -> Result<Json<BookingView>, Problem> {
    Ok(Json(holdfast::flows::sync_booking(&app, &staff.scope, &id).await?.into()))
}

/// What became of a booking
///
/// Who changed it, what and when, version by version.
#[utoipa::path(get, path = "/v1/bookings/{id}/history", tag = "bookings", params(("id" = words::BookingId, Path, description = "The booking's id")),
    responses((status = 200, description = "Its history", body = HistoryView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn get_history(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<BookingId>,
) -> Result<Json<HistoryView>, Problem> {
    Ok(Json(read_history(&app, &staff.scope, &id).await?.into()))
}

/// Export what a guest has told
///
/// Begins a job; its results are at `/v1/jobs/{id}`.
#[utoipa::path(post, path = "/v1/guests/export", tag = "guests", request_body = GuestJobRequest,
    responses((status = 202, description = "The job", body = JobView,
        headers(("location" = String, description = "Where the job is"))), StaffProblem),
    security(("admin" = [])))]
pub(crate) async fn export_guest(
    State(app): State<App>,
    admin: Admin,
    Body(request): Body<GuestJobRequest>,
) -> Result<Response, Problem> {
    let job = holdfast::flows::export_guest(&app, &admin.scope, &request.email.0).await?;
    Ok(accepted(job.into()))
}

/// Erase what a guest has told
///
/// In every booking that is over or was ended: name, address, number, answers, notes, metadata and reasons. Events in
/// calendars stay with their owners. Begins a job; its results are at `/v1/jobs/{id}`.
#[utoipa::path(post, path = "/v1/guests/erase", tag = "guests", request_body = GuestJobRequest,
    responses((status = 202, description = "The job", body = JobView,
        headers(("location" = String, description = "Where the job is"))), StaffProblem),
    security(("admin" = [])))]
pub(crate) async fn erase_guest(
    State(app): State<App>,
    admin: Admin,
    Body(request): Body<GuestJobRequest>,
) -> Result<Response, Problem> {
    let job = holdfast::flows::erase_guest(&app, &admin.scope, &request.email.0).await?;
    Ok(accepted(job.into()))
}

fn accepted(job: JobView) -> Response {
    let location = format!("/v1/jobs/{}", job.id());
    (StatusCode::ACCEPTED, [(LOCATION, location)], Json(job)).into_response()
}

/// Look at a job
///
/// How far it is, and what it has found, a page at a time.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = words::JobId, Path, description = "The job's id"), JobParams),
    responses((status = 200, description = "The job", body = JobView), StaffProblem),
    security(("admin" = [])))]
pub(crate) async fn get_job(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<JobId>,
    Query(params): Query<JobParams>,
) -> Result<Json<JobView>, Problem> {
    let found = read_job(&app, &admin.scope, &id, params.page()).await?;
    let found = found.ok_or_else(|| Problem::not_found("unknown-job", "there is no such job"))?;
    Ok(Json(found.into()))
}
