//! Event types: what can be booked.

use axum::Json;
use axum::extract::State;
use holdfast::App;
use holdfast::domain::EventTypeSlug;
use holdfast::flows::{self, change_event_type, find_event_type, remove_event_type};
use holdfast::http::requests::{EventTypePatch, EventTypeRequest, EventTypesQuery};
use holdfast::http::views::{EventTypeView, EventTypesView};
use holdfast::http::{
    Body, Deleted, IfMatch, IfMatchHeader, Path, Problem, Query, Staff, StaffProblem, Tagged, words,
};

/// List event types
///
/// A host sees its own.
#[utoipa::path(get, path = "/v1/event-types", tag = "catalog", params(EventTypesQuery),
    responses((status = 200, description = "A page of them", body = EventTypesView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn list_event_types(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<EventTypesQuery>,
) -> Result<Json<EventTypesView>, Problem> {
    let EventTypesQuery { host, cursor, limit } = query;
    let page = flows::list_event_types(&app, &staff.scope, host.as_ref(), cursor.as_ref(), limit).await?;
    Ok(Json(page.into()))
}

/// Create an event type
#[utoipa::path(post, path = "/v1/event-types", tag = "catalog", request_body = EventTypeRequest,
    responses((status = 201, description = "It is there", body = EventTypeView,
        headers(("etag" = String, description = "The revision"), ("location" = String, description = "Where it is"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn create_event_type(
    State(app): State<App>,
    staff: Staff,
    Body(request): Body<EventTypeRequest>,
) -> Result<Tagged<EventTypeView>, Problem> {
    let made = flows::add_event_type(&app, &staff.scope, &request.event_type()).await?;
    let location = format!("/v1/event-types/{}", made.slug);
    Ok(Tagged::from(made).created(location))
}

/// Look at an event type
#[utoipa::path(get, path = "/v1/event-types/{slug}", tag = "catalog", params(("slug" = words::EventTypeSlug, Path, description = "The event type's slug")),
    responses((status = 200, description = "As it is", body = EventTypeView,
        headers(("etag" = String, description = "The revision"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn get_event_type(
    State(app): State<App>,
    staff: Staff,
    Path(slug): Path<EventTypeSlug>,
) -> Result<Tagged<EventTypeView>, Problem> {
    Ok(find_event_type(&app, &staff.scope, &slug).await?.into())
}

/// Change an event type
///
/// Everything but the slug. Bookings that are there stay as they were made.
#[utoipa::path(patch, path = "/v1/event-types/{slug}", tag = "catalog", request_body = EventTypePatch,
    params(("slug" = words::EventTypeSlug, Path, description = "The event type's slug"),
        IfMatchHeader),
    responses((status = 200, description = "As it is now", body = EventTypeView,
        headers(("etag" = String, description = "The revision"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn set_event_type(
    State(app): State<App>,
    staff: Staff,
    Path(slug): Path<EventTypeSlug>,
    IfMatch(expected): IfMatch,
    Body(patch): Body<EventTypePatch>,
) -> Result<Tagged<EventTypeView>, Problem> {
    let apply = |event_type: &mut _| patch.apply(event_type);
    Ok(change_event_type(&app, &staff.scope, &slug, &expected, apply).await?.into())
}

/// Remove an event type
///
/// One of which bookings are to come is archived instead, and comes back by `archived: false`.
#[utoipa::path(delete, path = "/v1/event-types/{slug}", tag = "catalog",
    params(("slug" = words::EventTypeSlug, Path, description = "The event type's slug"),
        IfMatchHeader),
    responses((status = 200, description = "Bookings of it are to come: archived", body = EventTypeView,
        headers(("etag" = String, description = "The revision"))),
        (status = 204, description = "It is gone"), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn delete_event_type(
    State(app): State<App>,
    staff: Staff,
    Path(slug): Path<EventTypeSlug>,
    IfMatch(expected): IfMatch,
) -> Result<Deleted<EventTypeView>, Problem> {
    Ok(remove_event_type(&app, &staff.scope, &slug, &expected).await?.into())
}
