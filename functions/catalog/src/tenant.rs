//! The tenant's settings.

use axum::extract::State;
use holdfast::App;
use holdfast::flows::{Stored, find_tenant, store_tenant};
use holdfast::http::requests::TenantRequest;
use holdfast::http::views::TenantView;
use holdfast::http::{Admin, Body, IfMatch, IfMatchHeader, Problem, Staff, StaffProblem, Tagged};

const PATH: &str = "/v1/tenant";

/// Look at the tenant's settings
#[utoipa::path(get, path = "/v1/tenant", tag = "catalog",
    responses((status = 200, description = "The settings", body = TenantView,
        headers(("etag" = String, description = "The revision"))), StaffProblem),
    security(("admin" = []), ("host" = [])))]
pub(crate) async fn get_tenant(State(app): State<App>, staff: Staff) -> Result<Tagged<TenantView>, Problem> {
    Ok(find_tenant(&app, staff.scope.tenant()).await?.into())
}

/// Create the tenant, or replace its settings
///
/// The tenant is the one that the token names. Its first PUT creates it; every other replaces all settings.
#[utoipa::path(put, path = "/v1/tenant", tag = "catalog", request_body = TenantRequest,
    params(IfMatchHeader),
    responses((status = 200, description = "As they are now", body = TenantView,
        headers(("etag" = String, description = "The revision"))),
        (status = 201, description = "The tenant is new", body = TenantView,
        headers(("etag" = String, description = "The revision"), ("location" = String, description = "Where it is"))), StaffProblem),
    security(("admin" = [])))]
pub(crate) async fn put_tenant(
    State(app): State<App>,
    admin: Admin,
    IfMatch(expected): IfMatch,
    Body(settings): Body<TenantRequest>,
) -> Result<Tagged<TenantView>, Problem> {
    Ok(match store_tenant(&app, admin.scope.tenant(), &expected, &settings.into()).await? {
        Stored::Created(settings) => Tagged::from(settings).created(PATH.to_owned()),
        Stored::Replaced(settings) => settings.into(),
    })
}
