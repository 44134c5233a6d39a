//! Moving a booking: a week of the slots that it could move to.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use holdfast::App;
use holdfast::domain::{Booking, BookingId, Tenant};
use holdfast::flows::{
    Alternatives, BookingError, ManageToken, NewTime, Refused, read_agreed, read_managed, reschedule_managed,
};
use holdfast::http::requests::{MoveForm, MoveQuery};
use holdfast::http::{Form, Path, Problem, Query, words};

use crate::html::{Frame, Pages, Sorry, page};
use crate::listed::Of;
use crate::manage::{May, back, frame};
use crate::paths::{self, Link};
use crate::taken::{Lost, Taken};
use crate::texts::fill;
use crate::week::{Places, Week, Wish, local_date, monday};

#[derive(Debug, Template)]
#[template(path = "move.html")]
struct MovePage {
    frame: Frame,
    title: String,
    host: String,
    now: String,
    week: Week,
    back: String,
    is_zone_guessed: bool,
}

/// A week of the slots that a booking could move to
#[utoipa::path(get, path = "/manage/{tenant}/{id}/move", tag = "pages",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id"), MoveQuery),
    responses((status = 303, description = "It cannot be moved: back to the booking"), Pages))]
pub(crate) async fn show_move(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Query(query): Query<MoveQuery>,
) -> Result<Response, Problem> {
    let booking = read_managed(&app, &tenant, &id, &query.token).await?.booking;
    if !May::of(&booking, app.clock.now()).move_it {
        return Ok(back(&tenant, &id, &query.token));
    }
    Ok(page(StatusCode::OK, &Box::pin(MovePage::read(&app, booking, &query)).await?))
}

impl MovePage {
    async fn read(app: &App, booking: Booking, query: &MoveQuery) -> Result<Self, Problem> {
        let (tenant, id) = (&booking.tenant, &booking.id);
        let frame = frame(app, tenant).await?;
        let agreed = read_agreed(app, &booking).await?;
        let zone = query.zone.unwrap_or(booking.guest.time_zone);
        let week = query.week.unwrap_or_else(|| local_date(booking.start, zone));
        let wish = Wish { week: Some(week), zone, length: booking.length };
        let places = places(tenant, id, &query.token, &wish);
        let week = Week::read(app, Of::Move(&booking, &agreed), wish, places, frame.t).await?;
        Ok(Self {
            host: booking.terms.host_name.clone(),
            now: fill(frame.t.move_from, "when", &frame.t.slot(booking.span(), zone)),
            week,
            back: Link::new(paths::booking(tenant, id), Vec::new()).with("token", query.token.expose()),
            title: booking.title,
            is_zone_guessed: false,
            frame,
        })
    }
}

/// Move one's booking
///
/// Sends the browser back to the booking, or answers with the free slots nearby.
#[utoipa::path(post, path = "/manage/{tenant}/{id}/reschedule", tag = "pages",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id")),
    request_body(content = MoveForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Moved: back to the booking"), Sorry))]
pub(crate) async fn move_booking(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Form(form): Form<MoveForm>,
) -> Result<Response, Problem> {
    let to = NewTime { start: form.start.tick, length: None };
    let moved = reschedule_managed(&app, &tenant, &id, &form.token, to, None);
    match Box::pin(moved).await {
        // The booking's page says how it stands, and why it stays where it is.
        Ok(_) | Err(BookingError::NotNow(_)) => Ok(back(&tenant, &id, &form.token)),
        Err(BookingError::Refused { why: Refused::Taken, alternatives: near }) => {
            lost(&app, (tenant, id), &form, Lost::Taken, &near).await
        }
        Err(BookingError::Refused { why: Refused::DayFull, alternatives: near }) => {
            lost(&app, (tenant, id), &form, Lost::DayFull, &near).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn lost(
    app: &App,
    (tenant, id): (Tenant, BookingId),
    form: &MoveForm,
    lost: Lost,
    near: &Alternatives,
) -> Result<Response, Problem> {
    let booking = read_managed(app, &tenant, &id, &form.token).await?.booking;
    let frame = frame(app, &tenant).await?;
    let week = local_date(form.start.tick, form.zone);
    let wish = Wish { week: Some(week), zone: form.zone, length: booking.length };
    let places = places(&tenant, &id, &form.token, &wish);
    let taken = Taken::of_move(lost, &booking, frame.t, form.zone, places, monday(week));
    Ok(taken.page(frame, near))
}

/// The one place where links carry a capability: they lead about a page that has it already.
fn places(tenant: &Tenant, id: &BookingId, token: &ManageToken, wish: &Wish) -> Places {
    let own = paths::booking(tenant, id);
    let token = ("token", token.expose().to_owned());
    let zone = ("zone", wish.zone.name().to_owned());
    let week = wish.week.map(|week| ("week", week.to_string()));
    let kept = [token.clone(), zone.clone()].into_iter().chain(week).collect();
    Places {
        link: Link::new(format!("{own}/move"), kept),
        action: format!("{own}/reschedule"),
        hidden: vec![token, zone],
    }
}
