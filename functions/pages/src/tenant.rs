//! A tenant's list of what can be booked.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use holdfast::App;
use holdfast::domain::Tenant;
use holdfast::flows::read_offers;
use holdfast::http::{Path, Problem, words};

use crate::html::{Frame, Pages, page};
use crate::paths;

#[derive(Debug, Template)]
#[template(path = "tenant.html")]
struct TenantPage {
    frame: Frame,
    name: String,
    claim: Option<String>,
    offers: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    href: String,
    title: String,
    description: Option<String>,
    lengths: String,
}

/// What a tenant offers, for people
#[utoipa::path(get, path = "/{tenant}", tag = "pages", params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug")), responses(Pages))]
pub(crate) async fn show_tenant(
    State(app): State<App>,
    Path(tenant): Path<Tenant>,
) -> Result<Response, Problem> {
    let offers = read_offers(&app, &tenant).await?;
    let frame = Frame::of(&tenant, &offers.tenant);
    let rows = offers.event_types.into_iter().map(|event_type| {
        let lengths: Vec<_> = event_type.lengths.iter().map(|length| frame.t.long(*length)).collect();
        Row {
            href: paths::offer(&tenant, &event_type.slug),
            title: event_type.title,
            description: event_type.description,
            lengths: lengths.join(" \u{b7} "),
        }
    });
    let offers_rows = rows.collect();
    let (name, claim) = (offers.tenant.name, offers.tenant.claim);
    Ok(page(StatusCode::OK, &TenantPage { frame, name, claim, offers: offers_rows }))
}
