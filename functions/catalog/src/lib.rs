//! What a business offers, as its staff see and change it: the tenant itself, hosts, schedules, event types.

mod event_types;
mod hosts;
mod schedules;
mod tenant;

use axum::Router;
use axum::routing::get;
use event_types::{create_event_type, delete_event_type, get_event_type, list_event_types, set_event_type};
use holdfast::App;
use hosts::{create_host, delete_host, get_host, list_hosts, set_host};
use schedules::{create_schedule, delete_schedule, get_schedule, list_schedules, set_schedule};
use tenant::{get_tenant, put_tenant};
use utoipa::OpenApi;

/// The routes of this function.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/tenant", get(get_tenant).put(put_tenant))
        .route("/v1/hosts", get(list_hosts).post(create_host))
        .route("/v1/hosts/{id}", get(get_host).patch(set_host).delete(delete_host))
        .route("/v1/schedules", get(list_schedules).post(create_schedule))
        .route("/v1/schedules/{id}", get(get_schedule).patch(set_schedule).delete(delete_schedule))
        .route("/v1/event-types", get(list_event_types).post(create_event_type))
        .route("/v1/event-types/{slug}", get(get_event_type).patch(set_event_type).delete(delete_event_type))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    tenant::get_tenant,
    tenant::put_tenant,
    hosts::list_hosts,
    hosts::create_host,
    hosts::get_host,
    hosts::set_host,
    hosts::delete_host,
    schedules::list_schedules,
    schedules::create_schedule,
    schedules::get_schedule,
    schedules::set_schedule,
    schedules::delete_schedule,
    event_types::list_event_types,
    event_types::create_event_type,
    event_types::get_event_type,
    event_types::set_event_type,
    event_types::delete_event_type
))]
pub struct Doc;
