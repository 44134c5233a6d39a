//! The booking pages: what a tenant offers, a week of slots, the guest's details, and a booking to look at, move or
//! call off. Plain forms and links; the one script only adds a countdown and the browser's zone.
//!
//! The rules they keep: whatever comes from outside is escaped, by the templates; nothing is loaded from elsewhere;
//! no capability stands in a URL but in those under `/manage`; all texts are in `texts`.

mod assets;
mod form;
mod html;
mod inputs;
mod listed;
mod manage;
mod moving;
mod offer;
mod paths;
mod taken;
mod tenant;
mod texts;
mod week;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use holdfast::App;
use utoipa::OpenApi;

/// The routes of this function.
pub fn router() -> Router<App> {
    Router::new()
        .route("/{tenant}", get(tenant::show_tenant))
        .route("/{tenant}/{slug}", get(offer::show_week))
        .route("/{tenant}/{slug}/hold", post(form::hold_slot))
        .route("/{tenant}/{slug}/book", post(form::book_slot))
        .route("/manage/{tenant}/{id}", get(manage::show_booking))
        .route("/manage/{tenant}/{id}/calendar.ics", get(manage::download_calendar))
        .route("/manage/{tenant}/{id}/move", get(moving::show_move))
        .route("/manage/{tenant}/{id}/reschedule", post(moving::move_booking))
        .route("/manage/{tenant}/{id}/cancel", post(manage::call_off_booking))
        .route("/assets/{file}", get(assets::show_asset))
        .layer(from_fn(html::friendly))
}

/// The part of the API document that describes them.
#[derive(Debug, OpenApi)]
#[openapi(paths(
    tenant::show_tenant,
    offer::show_week,
    form::hold_slot,
    form::book_slot,
    manage::show_booking,
    manage::download_calendar,
    moving::show_move,
    moving::move_booking,
    manage::call_off_booking,
    assets::show_asset
))]
pub struct Doc;
