//! What an event type is, and a week of its slots.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use holdfast::App;
use holdfast::domain::{EventTypeSlug, Location, Tenant, Ticks, Zone};
use holdfast::flows::{Offer, read_offer};
use holdfast::http::requests::{WeekQuery, form_key};
use holdfast::http::{Path, Problem, Query, words};

use crate::html::{Frame, Pages, page};
use crate::listed::Of;
use crate::paths::{self, Link};
use crate::texts::{Texts, fill};
use crate::week::{Places, Week, Wish};

/// What stands beside a week or a form: what would be booked, and with whom.
#[derive(Debug)]
pub(crate) struct About {
    /// The event type's title.
    pub(crate) title: String,
    /// What guests are told about it.
    pub(crate) description: Option<String>,
    /// The host.
    pub(crate) host: String,
    /// `30 min`.
    pub(crate) length: String,
    /// Where it takes place, as far as it is told before booking.
    pub(crate) place: Option<String>,
    /// What to say when a booking waits for the host.
    pub(crate) asks_host: Option<String>,
}

impl About {
    /// What is to be said of an offer.
    pub(crate) fn new(offer: &Offer, length: Ticks, t: &Texts) -> Self {
        let event_type = &offer.event_type;
        let asks_host = event_type.needs_confirmation.then(|| fill(t.asks_host, "host", &offer.host_name));
        Self {
            title: event_type.title.clone(),
            description: event_type.description.clone(),
            host: offer.host_name.clone(),
            length: t.long(length),
            place: event_type.location.as_ref().map(|location| place(location, &offer.host_name, t)),
            asks_host,
        }
    }
}

/// Numbers and links are for guests alone.
fn place(location: &Location, host: &str, t: &Texts) -> String {
    match location {
        Location::Conference => t.where_conference.to_owned(),
        Location::GuestPhone => fill(t.where_guest_phone, "host", host),
        Location::HostPhone { .. } => t.where_host_phone.to_owned(),
        Location::InPerson { address } => address.clone(),
        Location::VideoLink { .. } => t.where_video.to_owned(),
    }
}

#[derive(Debug, Template)]
#[template(path = "offer.html")]
struct OfferPage {
    frame: Frame,
    about: About,
    lengths: Vec<LengthLink>,
    week: Week,
    is_zone_guessed: bool,
}

#[derive(Debug)]
struct LengthLink {
    href: String,
    label: String,
    is_chosen: bool,
}

/// A week of free slots, for people
#[utoipa::path(get, path = "/{tenant}/{slug}", tag = "pages",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("slug" = words::EventTypeSlug, Path, description = "The event type's slug"), WeekQuery),
    responses(Pages))]
pub(crate) async fn show_week(
    State(app): State<App>,
    Path((tenant, slug)): Path<(Tenant, EventTypeSlug)>,
    Query(query): Query<WeekQuery>,
) -> Result<Response, Problem> {
    let offer = read_offer(&app, &tenant, &slug).await?;
    let frame = Frame::of(&tenant, &offer.tenant);
    let length = length(&offer, query.length)?;
    let wish = Wish { week: query.week, zone: query.zone.unwrap_or(offer.zone), length };
    let places = places(&tenant, &slug, query.zone, &wish);
    let link = places.link.clone();
    let week = Week::read(&app, Of::Offer(&tenant, &offer.event_type), wish, places, frame.t).await?;
    let about = About::new(&offer, length, frame.t);
    let lengths = lengths(&offer, length, &week, &link, frame.t);
    Ok(page(
        StatusCode::OK,
        &OfferPage { frame, about, lengths, week, is_zone_guessed: query.zone.is_none() },
    ))
}

/// The length that is shown: an old link may name one that is offered no more.
fn length(offer: &Offer, wanted: Option<Ticks>) -> Result<Ticks, Problem> {
    let length = offer.event_type.length(wanted).or_else(|| offer.event_type.length(None));
    length.ok_or_else(|| Problem::not_found("unknown-event-type", "there is no such event type"))
}

/// Links keep the zone and the length; a zone that nobody chose stays to be chosen.
fn places(tenant: &Tenant, slug: &EventTypeSlug, chosen: Option<Zone>, wish: &Wish) -> Places {
    let length = ("length", wish.length.minutes().to_string());
    let mut kept = vec![length.clone()];
    kept.extend(wish.week.map(|week| ("week", week.to_string())));
    kept.extend(chosen.map(|zone| ("zone", zone.name().to_owned())));
    let path = paths::offer(tenant, slug);
    let hidden = vec![length, ("zone", wish.zone.name().to_owned()), ("key", form_key())];
    Places { action: format!("{path}/hold"), link: Link::new(path, kept), hidden }
}

fn lengths(offer: &Offer, chosen: Ticks, week: &Week, link: &Link, t: &Texts) -> Vec<LengthLink> {
    let link = Link::new(
        link.path.clone(),
        [link.without("week"), vec![("week", week.monday.to_string())]].concat(),
    );
    let length = |length: &Ticks| LengthLink {
        href: link.with("length", &length.minutes().to_string()),
        label: t.long(*length),
        is_chosen: *length == chosen,
    };
    offer.event_type.lengths.iter().map(length).collect()
}
