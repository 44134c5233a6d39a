//! Holds and bookings: what guests do is in `public`, what admins and hosts do in `staff`.

mod public;
mod staff;

use axum::Router;
use axum::routing::{get, post};
use holdfast::App;
use utoipa::OpenApi;

/// The routes of this function.
pub fn router() -> Router<App> {
    guests().merge(staff()).merge(steps())
}

fn guests() -> Router<App> {
    Router::new()
        .route("/v1/tenants/{tenant}/holds", post(public::create_hold))
        .route("/v1/tenants/{tenant}/holds/release", post(public::release_hold))
        .route("/v1/tenants/{tenant}/bookings", post(public::create_booking))
        .route(
            "/v1/tenants/{tenant}/bookings/{id}",
            get(public::get_own_booking).delete(public::cancel_own_booking),
        )
        .route("/v1/tenants/{tenant}/bookings/{id}/reschedule", post(public::reschedule_own_booking))
        .route("/v1/tenants/{tenant}/bookings/{id}/calendar.ics", get(public::get_own_calendar))
}

fn staff() -> Router<App> {
    Router::new()
        .route("/v1/bookings", get(staff::list_bookings).post(staff::make_booking))
        .route("/v1/bookings/{id}", get(staff::get_booking).patch(staff::change_booking))
        .route("/v1/bookings/{id}/history", get(staff::get_history))
        .route("/v1/guests/export", post(staff::export_guest))
        .route("/v1/guests/erase", post(staff::erase_guest))
        .route("/v1/jobs/{id}", get(staff::get_job))
}

fn steps() -> Router<App> {
    Router::new()
        .route("/v1/bookings/{id}/confirm", post(staff::confirm_booking))
        .route("/v1/bookings/{id}/decline", post(staff::decline_booking))
        .route("/v1/bookings/{id}/start", post(staff::start_booking))
        .route("/v1/bookings/{id}/complete", post(staff::complete_booking))
        .route("/v1/bookings/{id}/no-show", post(staff::miss_booking))
        .route("/v1/bookings/{id}/cancel", post(staff::cancel_booking))
        .route("/v1/bookings/{id}/reschedule", post(staff::reschedule_booking))
        .route("/v1/bookings/{id}/sync", post(staff::sync_booking))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    public::create_hold,
    public::release_hold,
    public::create_booking,
    public::get_own_booking,
    public::cancel_own_booking,
    public::reschedule_own_booking,
    public::get_own_calendar,
    staff::list_bookings,
    staff::make_booking,
    staff::get_booking,
    staff::change_booking,
    staff::confirm_booking,
    staff::decline_booking,
    staff::start_booking,
    staff::complete_booking,
    staff::miss_booking,
    staff::cancel_booking,
    staff::reschedule_booking,
    staff::sync_booking,
    staff::get_history,
    staff::export_guest,
    staff::erase_guest,
    staff::get_job
))]
pub struct Doc;
