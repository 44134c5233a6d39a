//! Hosts: the people who are booked.

use axum::Json;
use axum::extract::State;
use holdfast::App;
use holdfast::domain::HostId;
use holdfast::flows::{self, change_host, find_host, remove_host};
use holdfast::http::requests::{HostPatch, HostRequest, HostsQuery, MoveEventsQuery};
use holdfast::http::views::{HostView, HostsView};
use holdfast::http::{
    Admin, Body, Deleted, IfMatch, IfMatchHeader, Path, Problem, Query, Staff, StaffProblem, Tagged, words,
};

/// List hosts
///
/// A host sees itself alone.
#[utoipa::path(get, path = "/v1/hosts", tag = "catalog", params(HostsQuery),
    responses((status = 200, description = "A page of them", body = HostsView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn list_hosts(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<HostsQuery>,
) -> Result<Json<HostsView>, Problem> {
    let HostsQuery { cursor, limit } = query;
    let page = flows::list_hosts(&app, &staff.scope, cursor.as_ref(), limit).await?;
    Ok(Json(page.into()))
}

/// Create a host
///
/// The id is made here, and a first schedule with it.
#[utoipa::path(post, path = "/v1/hosts", tag = "catalog", request_body = HostRequest,
    responses((status = 201, description = "It is there", body = HostView,
        headers(("etag" = String, description = "The revision"), ("location" = String, description = "Where it is"))), StaffProblem),
    security(("admin" = [])))]
pub(crate) async fn create_host(
    State(app): State<App>,
    admin: Admin,
    Body(request): Body<HostRequest>,
) -> Result<Tagged<HostView>, Problem> {
    let made = flows::add_host(&app, admin.scope.tenant(), &request.into()).await?;
    let location = format!("/v1/hosts/{}", made.id);
    Ok(Tagged::from(made).created(location))
}

/// Look at a host
#[utoipa::path(get, path = "/v1/hosts/{id}", tag = "catalog", params(("id" = words::HostId, Path, description = "The host's id")),
    responses((status = 200, description = "As it is", body = HostView,
        headers(("etag" = String, description = "The revision"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn get_host(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<HostId>,
) -> Result<Tagged<HostView>, Problem> {
    Ok(find_host(&app, &staff.scope, &id).await?.into())
}

/// Change a host
///
/// A host may change itself; whether it is archived is an admin's to say. 409 `guests-would-be-mailed` where `write_to` is
/// changed and a provider tells the guests of an event that leaves its calendar: let them be told, or leave it as it is.
#[utoipa::path(patch, path = "/v1/hosts/{id}", tag = "catalog", request_body = HostPatch,
    params(("id" = words::HostId, Path, description = "The host's id"),
        IfMatchHeader, MoveEventsQuery),
    responses((status = 200, description = "As it is now", body = HostView,
        headers(("etag" = String, description = "The revision"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn set_host(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<HostId>,
    IfMatch(expected): IfMatch,
    Query(query): Query<MoveEventsQuery>,
    Body(patch): Body<HostPatch>,
) -> Result<Tagged<HostView>, Problem> {
    let apply = |host: &mut _| patch.apply(host);
    Ok(change_host(&app, &staff.scope, &id, &expected, query.mail_guests, apply).await?.into())
}

/// Remove a host
///
/// Not while event types or integrations need it. A host whom bookings refer to is archived instead.
#[utoipa::path(delete, path = "/v1/hosts/{id}", tag = "catalog",
    params(("id" = words::HostId, Path, description = "The host's id"),
        IfMatchHeader),
    responses((status = 200, description = "Bookings refer to it: archived", body = HostView,
        headers(("etag" = String, description = "The revision"))),
        (status = 204, description = "It is gone"), StaffProblem),
    security(("admin" = [])))]
pub(crate) async fn delete_host(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<HostId>,
    IfMatch(expected): IfMatch,
) -> Result<Deleted<HostView>, Problem> {
    Ok(remove_host(&app, admin.scope.tenant(), &id, &expected).await?.into())
}
