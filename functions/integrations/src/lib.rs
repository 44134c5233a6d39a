//! Integrations as admins see them, and each host its own: list, look at, set, sync, disconnect.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use holdfast::App;
use holdfast::domain::IntegrationId;
use holdfast::flows::{
    change_settings, disconnect, find_integration, list_calendars, list_integrations as list, sync_now,
};
use holdfast::http::requests::{DisconnectQuery, IntegrationsQuery, MoveEventsQuery, SettingsRequest};
use holdfast::http::views::{CalendarsView, IntegrationView, IntegrationsView, SyncView};
use holdfast::http::{Body, Path, Problem, Query, Staff, StaffProblem, words};
use utoipa::OpenApi;

/// The routes of this function.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/integrations", get(list_integrations))
        .route(
            "/v1/integrations/{id}",
            get(get_integration).patch(set_integration).delete(disconnect_integration),
        )
        .route("/v1/integrations/{id}/calendars", get(get_calendars))
        .route("/v1/integrations/{id}/sync", post(sync_integration))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    list_integrations,
    get_integration,
    set_integration,
    disconnect_integration,
    get_calendars,
    sync_integration
))]
pub struct Doc;

/// List integrations
///
/// A host sees its own, as with every operation on integrations; any other is not there.
#[utoipa::path(get, path = "/v1/integrations", tag = "integrations", params(IntegrationsQuery),
    responses((status = 200, description = "The integrations, pending ones too", body = IntegrationsView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
async fn list_integrations(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<IntegrationsQuery>,
) -> Result<Json<IntegrationsView>, Problem> {
    let found = list(&app, &staff.scope, query.host.as_ref()).await?;
    Ok(Json(found.into()))
}

/// Look at an integration
#[utoipa::path(get, path = "/v1/integrations/{id}", tag = "integrations", params(("id" = words::IntegrationId, Path, description = "The integration's id")),
    responses((status = 200, description = "The integration", body = IntegrationView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
async fn get_integration(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<IntegrationId>,
) -> Result<Json<IntegrationView>, Problem> {
    Ok(Json(find_integration(&app, &staff.scope, &id).await?.into()))
}

/// Change an integration's settings
///
/// Other calendars, or switching on again, make what was read void: the calendars are read anew at once, and
/// nothing is offered before that. 409 `guests-would-be-mailed` where the provider tells the guests of an event that leaves
/// its calendar: let them be told, or leave the target as it is.
#[utoipa::path(patch, path = "/v1/integrations/{id}", tag = "integrations", params(("id" = words::IntegrationId, Path, description = "The integration's id"), MoveEventsQuery),
    request_body = SettingsRequest,
    responses((status = 200, description = "As it is now", body = IntegrationView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
async fn set_integration(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<IntegrationId>,
    Query(query): Query<MoveEventsQuery>,
    Body(settings): Body<SettingsRequest>,
) -> Result<Json<IntegrationView>, Problem> {
    Ok(Json(change_settings(&app, &staff.scope, &id, &settings.with(query)).await?.into()))
}

/// Disconnect an integration
///
/// Inactive at once; then the events of bookings that are not over are removed, the grant is revoked, tokens and busy times
/// are erased. What is not done within the request is done in the background, for up to a day. Works even when the provider
/// refuses: bookings whose events may still stand say `detached`. 409 `guests-would-be-mailed` where the provider tells the
/// guests of an event that is removed: keep the events, or let them be told.
#[utoipa::path(delete, path = "/v1/integrations/{id}", tag = "integrations", params(("id" = words::IntegrationId, Path, description = "The integration's id"), DisconnectQuery),
    responses((status = 200, description = "Disconnected", body = IntegrationView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
async fn disconnect_integration(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<IntegrationId>,
    Query(query): Query<DisconnectQuery>,
) -> Result<Json<IntegrationView>, Problem> {
    Ok(Json(disconnect(&app, &staff.scope, &id, query.into()).await?.into()))
}

/// List the calendars of the account
#[utoipa::path(get, path = "/v1/integrations/{id}/calendars", tag = "integrations", params(("id" = words::IntegrationId, Path, description = "The integration's id")),
    responses((status = 200, description = "The calendars", body = CalendarsView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
async fn get_calendars(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<IntegrationId>,
) -> Result<Json<CalendarsView>, Problem> {
    Ok(Json(list_calendars(&app, &staff.scope, &id).await?.into()))
}

/// Sync an integration now
#[utoipa::path(post, path = "/v1/integrations/{id}/sync", tag = "integrations", params(("id" = words::IntegrationId, Path, description = "The integration's id")),
    responses((status = 200, description = "What was done, or why not", body = SyncView), StaffProblem),
    security(("admin" = []), ("host" = [])))]
async fn sync_integration(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<IntegrationId>,
) -> Result<Json<SyncView>, Problem> {
    Ok(Json(sync_now(&app, &staff.scope, &id).await?.into()))
}
