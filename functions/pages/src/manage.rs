//! A booking, for the guest who has its link: what, when, where, how it stands, and calling it off.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use holdfast::App;
use holdfast::domain::{Booking, BookingId, BookingStatus, Conference, Location, Tenant};
use holdfast::flows::{BookingError, ManageToken, cancel_managed, read_managed};
use holdfast::http::requests::{CancelForm, ManageQuery};
use holdfast::http::views::CalendarFile;
use holdfast::http::{Form, Path, Problem, Query, words};

use crate::html::{Frame, Pages, Sorry, page};
use crate::paths::{self, Link};
use crate::texts::{Texts, fill, zone};

#[derive(Debug, Template)]
#[template(path = "manage.html")]
struct ManagePage {
    frame: Frame,
    status: BookingStatus,
    heading: String,
    lead: Option<String>,
    title: String,
    when: String,
    length: String,
    zone: String,
    host: String,
    place: Option<Place>,
    guest: (String, String),
    reason: Option<String>,
    may: May,
    links: Links,
}

/// Where it takes place.
#[derive(Debug)]
enum Place {
    Words(String),
    Call { words: String, dial: String },
    Join(String),
}

/// What the guest may still do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct May {
    /// Move it.
    pub(crate) move_it: bool,
    /// Call it off.
    pub(crate) cancel: bool,
    /// Whether it is ahead at all.
    pub(crate) is_ahead: bool,
}

/// Where the page's links lead.
#[derive(Debug)]
struct Links {
    calendar: String,
    move_it: String,
    cancel: String,
    again: String,
    token: String,
}

/// A booking, for the guest who has its link
#[utoipa::path(get, path = "/manage/{tenant}/{id}", tag = "pages",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id"), ManageQuery),
    responses(Pages))]
pub(crate) async fn show_booking(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Query(query): Query<ManageQuery>,
) -> Result<Response, Problem> {
    let booking = read_managed(&app, &tenant, &id, &query.token).await?.booking;
    let frame = frame(&app, &tenant).await?;
    Ok(page(StatusCode::OK, &ManagePage::new(frame, &booking, &query.token, app.clock.now())))
}

/// One's booking as a file for one's calendar
///
/// The file leads back to the booking's page.
#[utoipa::path(get, path = "/manage/{tenant}/{id}/calendar.ics", tag = "pages",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id"), ManageQuery),
    responses((status = 200, description = "iCalendar (RFC 5545)", body = String, content_type = "text/calendar"), Sorry))]
pub(crate) async fn download_calendar(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Query(query): Query<ManageQuery>,
) -> Result<CalendarFile, Problem> {
    let booking = read_managed(&app, &tenant, &id, &query.token).await?.booking;
    let link = Link::new(paths::booking(&tenant, &id), Vec::new());
    let page = format!("{}{}", app.config.public_url, link.with("token", query.token.expose()));
    Ok(CalendarFile::of(&booking, app.clock.now(), Some(&page)))
}

/// Call one's booking off
#[utoipa::path(post, path = "/manage/{tenant}/{id}/cancel", tag = "pages",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("id" = words::BookingId, Path, description = "The booking's id")),
    request_body(content = CancelForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Called off: back to the booking"), Sorry))]
pub(crate) async fn call_off_booking(
    State(app): State<App>,
    Path((tenant, id)): Path<(Tenant, BookingId)>,
    Form(form): Form<CancelForm>,
) -> Result<Response, Problem> {
    match cancel_managed(&app, &tenant, &id, &form.token, form.reason.as_deref()).await {
        // The booking's page says how it stands.
        Ok(_) | Err(BookingError::NotNow(_)) => Ok(back(&tenant, &id, &form.token)),
        Err(error) => Err(error.into()),
    }
}

/// Back to the booking.
pub(crate) fn back(tenant: &Tenant, id: &BookingId, token: &ManageToken) -> Response {
    let link = Link::new(paths::booking(tenant, id), Vec::new());
    Redirect::to(&link.with("token", token.expose())).into_response()
}

/// The frame of a page that is about a tenant's booking.
pub(crate) async fn frame(app: &App, tenant: &Tenant) -> Result<Frame, Problem> {
    let settings = app.store.tenant_remembered(tenant).await?;
    let settings = settings.ok_or_else(|| Problem::not_found("unknown-tenant", "there is no such tenant"))?;
    Ok(Frame::of(tenant, &settings))
}

impl May {
    /// What may still be done with a booking.
    pub(crate) fn of(booking: &Booking, now: DateTime<Utc>) -> Self {
        let is_live = matches!(booking.status, BookingStatus::Pending | BookingStatus::Confirmed);
        Self {
            move_it: booking.guest_may_move(now).is_ok(),
            cancel: booking.guest_may_cancel(now).is_ok(),
            is_ahead: is_live && now < booking.start.instant(),
        }
    }

    /// What to say when not everything may be done any more.
    fn too_late(self, t: &Texts) -> Option<&'static str> {
        match (self.move_it, self.cancel) {
            _ if !self.is_ahead => None,
            (true, true) => None,
            (true, false) => Some(t.too_late_to_cancel),
            (false, true) => Some(t.too_late_to_move),
            (false, false) => Some(t.too_late_to_change),
        }
    }
}

impl ManagePage {
    fn new(frame: Frame, booking: &Booking, token: &ManageToken, now: DateTime<Utc>) -> Self {
        let t = frame.t;
        let host = &booking.terms.host_name;
        let fill_host = |text| fill(text, "host", host);
        let (heading, lead) = standing(booking, now, t);
        let own = Link::new(paths::booking(&booking.tenant, &booking.id), Vec::new());
        let calendar = Link::new(format!("{}/calendar.ics", own.path), Vec::new());
        let move_it = Link::new(format!("{}/move", own.path), Vec::new());
        Self {
            status: booking.status,
            heading: fill_host(heading),
            lead: lead.map(fill_host),
            title: booking.title.clone(),
            when: t.slot(booking.span(), booking.guest.time_zone),
            length: t.long(booking.length),
            zone: zone(booking.guest.time_zone),
            host: host.clone(),
            place: place(booking, t),
            guest: (booking.guest.name.clone(), booking.guest.email.clone()),
            reason: booking.reason.clone(),
            may: May::of(booking, now),
            links: Links {
                calendar: calendar.with("token", token.expose()),
                move_it: move_it.with("token", token.expose()),
                cancel: format!("{}/cancel", own.path),
                again: paths::offer(&booking.tenant, &booking.event_type),
                token: token.expose().to_owned(),
            },
            frame,
        }
    }
}

fn standing(booking: &Booking, now: DateTime<Utc>, t: &Texts) -> (&'static str, Option<&'static str>) {
    match booking.status {
        BookingStatus::Confirmed if booking.span().end.instant() <= now => (t.status_past, None),
        BookingStatus::Pending => (t.status_pending, Some(t.about_pending)),
        BookingStatus::Confirmed => (t.status_confirmed, Some(t.about_confirmed)),
        BookingStatus::InProgress => (t.status_in_progress, None),
        BookingStatus::Completed => (t.status_completed, None),
        BookingStatus::Cancelled => (t.status_cancelled, Some(t.about_cancelled)),
        BookingStatus::Declined => (t.status_declined, Some(t.about_declined)),
        BookingStatus::NoShow => (t.status_no_show, None),
    }
}

/// Where it takes place; nowhere any more once it is called off.
fn place(booking: &Booking, t: &Texts) -> Option<Place> {
    let host = &booking.terms.host_name;
    let location = booking.terms.location.as_ref().filter(|_| booking.status.holds_cells())?;
    Some(match location {
        Location::Conference => conference(booking, t),
        Location::GuestPhone => {
            let phone = booking.guest.phone.as_deref().unwrap_or_default();
            Place::Words(fill(&fill(t.calls_you, "phone", phone), "host", host))
        }
        Location::HostPhone { number } => called(number, t),
        Location::InPerson { address } => Place::Words(address.clone()),
        Location::VideoLink { url } => joined(url),
    })
}

fn conference(booking: &Booking, t: &Texts) -> Place {
    match &booking.conference {
        Some(Conference::Ready { url }) => joined(url),
        Some(Conference::Failed) => Place::Words(fill(t.link_failed, "host", &booking.terms.host_name)),
        Some(Conference::Pending) | None => Place::Words(t.link_soon.to_owned()),
    }
}

fn called(number: &str, t: &Texts) -> Place {
    let dial = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    Place::Call { words: fill(t.call_host, "phone", number), dial }
}

/// A link that leads to a web page; anything else is only words.
fn joined(url: &str) -> Place {
    if url.starts_with("https://") { Place::Join(url.to_owned()) } else { Place::Words(url.to_owned()) }
}
