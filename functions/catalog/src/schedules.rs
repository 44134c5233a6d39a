//! Schedules: the hours of hosts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use holdfast::App;
use holdfast::domain::ScheduleId;
use holdfast::flows::{self, change_schedule, find_schedule, remove_schedule};
use holdfast::http::requests::{SchedulePatch, ScheduleRequest, SchedulesQuery};
use holdfast::http::views::{ScheduleView, SchedulesView};
use holdfast::http::{
    Body, IfMatch, IfMatchHeader, Path, Problem, Query, Staff, StaffProblem, Tagged, words,
};

/// List schedules
///
/// A host sees its own.
#[utoipa::path(get, path = "/v1/schedules", tag = "catalog", params(SchedulesQuery),
    responses((status = 200, description = "A page of them", body = SchedulesView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn list_schedules(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<SchedulesQuery>,
) -> Result<Json<SchedulesView>, Problem> {
    let SchedulesQuery { host, cursor, limit } = query;
    let page = flows::list_schedules(&app, &staff.scope, host.as_ref(), cursor.as_ref(), limit).await?;
    Ok(Json(page.into()))
}

/// Create a schedule
#[utoipa::path(post, path = "/v1/schedules", tag = "catalog", request_body = ScheduleRequest,
    responses((status = 201, description = "It is there", body = ScheduleView,
        headers(("etag" = String, description = "The revision"), ("location" = String, description = "Where it is"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn create_schedule(
    State(app): State<App>,
    staff: Staff,
    Body(request): Body<ScheduleRequest>,
) -> Result<Tagged<ScheduleView>, Problem> {
    let made = flows::add_schedule(&app, &staff.scope, &request.into()).await?;
    let location = format!("/v1/schedules/{}", made.id);
    Ok(Tagged::from(made).created(location))
}

/// Look at a schedule
#[utoipa::path(get, path = "/v1/schedules/{id}", tag = "catalog", params(("id" = words::ScheduleId, Path, description = "The schedule's id")),
    responses((status = 200, description = "As it is", body = ScheduleView,
        headers(("etag" = String, description = "The revision"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn get_schedule(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<ScheduleId>,
) -> Result<Tagged<ScheduleView>, Problem> {
    Ok(find_schedule(&app, &staff.scope, &id).await?.into())
}

/// Change a schedule
#[utoipa::path(patch, path = "/v1/schedules/{id}", tag = "catalog", request_body = SchedulePatch,
    params(("id" = words::ScheduleId, Path, description = "The schedule's id"),
        IfMatchHeader),
    responses((status = 200, description = "As it is now", body = ScheduleView,
        headers(("etag" = String, description = "The revision"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn set_schedule(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<ScheduleId>,
    IfMatch(expected): IfMatch,
    Body(patch): Body<SchedulePatch>,
) -> Result<Tagged<ScheduleView>, Problem> {
    let apply = |schedule: &mut _| patch.apply(schedule);
    Ok(change_schedule(&app, &staff.scope, &id, &expected, apply).await?.into())
}

/// Remove a schedule
///
/// Not while it is the default of its host, or an event type goes by it.
#[utoipa::path(delete, path = "/v1/schedules/{id}", tag = "catalog",
    params(("id" = words::ScheduleId, Path, description = "The schedule's id"),
        IfMatchHeader),
    responses((status = 204, description = "It is gone"), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn delete_schedule(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<ScheduleId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    remove_schedule(&app, &staff.scope, &id, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}
