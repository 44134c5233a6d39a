//! The guest's details: a slot is held, the form is filled in, the slot is booked. What was typed is never lost: not
//! to a field that is wrong, not to a hold that has ended, and not to a slot that somebody else has.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use holdfast::App;
use holdfast::domain::{EventTypeSlug, Scope, Span, Tenant, Ticks, Zone};
use holdfast::flows::{
    Alternatives, BookRequest, BookingError, Hold, HoldToken, Offer, Refused, SlotRequest, book, hold,
    read_offer,
};
use holdfast::http::fields::Fields;
use holdfast::http::requests::{BookForm, HoldForm, form_key};
use holdfast::http::{Path, Problem, Typed, UTC, words};

use crate::html::{Frame, Pages, Sorry, page};
use crate::inputs::{self, Input};
use crate::offer::About;
use crate::paths::{self, Link};
use crate::taken::{Lost, Taken};
use crate::texts::{Texts, fill, zone};
use crate::week::{local_date, monday};

/// After how many seconds a calendar is worth asking again.
const CALENDAR_AGAIN: u32 = 60;
const AGAIN: u32 = 2;

#[derive(Debug, Template)]
#[template(path = "form.html")]
struct FormPage {
    frame: Frame,
    about: About,
    when: String,
    zone: String,
    time_zone: &'static str,
    until: String,
    seconds: i64,
    hold: String,
    action: String,
    weeks: String,
    inputs: Vec<Input>,
    notice: Option<String>,
    button: &'static str,
}

/// Hold a slot, from its button
///
/// Answers with the form for the guest's details, or with the free slots nearby.
#[utoipa::path(post, path = "/{tenant}/{slug}/hold", tag = "pages",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("slug" = words::EventTypeSlug, Path, description = "The event type's slug")),
    request_body(content = HoldForm, content_type = "application/x-www-form-urlencoded"),
    responses(Pages))]
pub(crate) async fn hold_slot(
    State(app): State<App>,
    Path((tenant, slug)): Path<(Tenant, EventTypeSlug)>,
    Typed(typed): Typed,
) -> Result<Response, Problem> {
    let form = typed.clone().read_all::<HoldForm>().map_err(Problem::validation)?;
    let offer = read_offer(&app, &tenant, &slug).await?;
    let at = At { app: &app, tenant: &tenant, offer: &offer, zone: form.zone };
    match hold(&app, &tenant, &form.slot(&slug), form.key.as_ref()).await {
        Ok(hold) => Ok(at.form(StatusCode::OK, &hold, Input::of(&offer, &typed, &[], at.t()), None)),
        Err(error) => {
            let length = offer.event_type.length(form.length).unwrap_or_default();
            at.not_held(error, Span::new(form.start.tick, form.start.tick + length), &typed)
        }
    }
}

/// Book the slot that is held
///
/// Sends the browser on to the booking; a field that is wrong comes back in the form.
#[utoipa::path(post, path = "/{tenant}/{slug}/book", tag = "pages",
    params(("tenant" = words::TenantSlug, Path, description = "The tenant's slug"), ("slug" = words::EventTypeSlug, Path, description = "The event type's slug")),
    request_body(content = BookForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Booked: on to the booking"), Sorry))]
pub(crate) async fn book_slot(
    State(app): State<App>,
    Path((tenant, slug)): Path<(Tenant, EventTypeSlug)>,
    Typed(typed): Typed,
) -> Result<Response, Problem> {
    let token = HoldToken::parse(typed.text("hold")).ok().filter(|token| *token.event_type() == slug);
    let token = token.ok_or_else(|| Problem::not_found("unknown-hold", "there is no such hold"))?;
    let offer = read_offer(&app, &tenant, &slug).await?;
    let zone = typed.text("time_zone").parse().unwrap_or(offer.zone);
    let at = At { app: &app, tenant: &tenant, offer: &offer, zone };
    let hold = Hold::from(token);
    match BookForm::read(typed.clone(), &offer.event_type) {
        Ok(form) => at.book(hold, form.into(), &typed).await,
        Err(wrong) => {
            let inputs = Input::of(&offer, &typed, &wrong, at.t());
            Ok(at.form(StatusCode::UNPROCESSABLE_ENTITY, &hold, inputs, None))
        }
    }
}

/// Where a guest is.
struct At<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    offer: &'a Offer,
    zone: Zone,
}

impl At<'_> {
    fn t(&self) -> &'static Texts {
        Texts::of(&self.offer.tenant.locale)
    }

    async fn book(&self, hold: Hold, request: BookRequest, typed: &Fields) -> Result<Response, Problem> {
        let (t, host) = (self.t(), &self.offer.host_name);
        let scope = Scope::Public(self.tenant.clone());
        let booked = Box::pin(book(self.app, &scope, &request, None));
        match booked.await {
            Ok(booked) => {
                // The link that came with it was revoked since.
                let token = booked.manage_token.ok_or(BookingError::UnknownBooking)?;
                let link = Link::new(paths::booking(self.tenant, &booked.record.booking.id), Vec::new());
                Ok(Redirect::to(&link.with("token", token.expose())).into_response())
            }
            Err(BookingError::HoldExpired | BookingError::UnknownHold) => self.hold_again(&hold, typed).await,
            Err(BookingError::Refused { why: Refused::Taken, alternatives }) => {
                Ok(self.taken(Lost::Taken, &alternatives, hold.slot, typed))
            }
            Err(BookingError::Refused { why: Refused::DayFull, alternatives }) => {
                Ok(self.taken(Lost::DayFull, &alternatives, hold.slot, typed))
            }
            Err(BookingError::Refused { why: Refused::CalendarUnavailable, .. }) => {
                let notice = fill(t.calendar_silent, "host", host);
                Ok(self.later(&hold, typed, &notice, CALENDAR_AGAIN))
            }
            Err(error) => {
                let problem = Problem::of_booking(error, UTC);
                if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
                    return Ok(self.later(&hold, typed, t.try_again, AGAIN));
                }
                Err(problem)
            }
        }
    }

    /// The hold has ended before the guest was done: the slot is held again if it still can be.
    async fn hold_again(&self, ended: &Hold, typed: &Fields) -> Result<Response, Problem> {
        let slot = SlotRequest {
            event_type: self.offer.event_type.slug.clone(),
            start: ended.slot.start,
            length: Some(ended.token.length()),
        };
        match hold(self.app, self.tenant, &slot, None).await {
            Ok(hold) => {
                let inputs = Input::of(self.offer, typed, &[], self.t());
                Ok(self.form(StatusCode::GONE, &hold, inputs, Some(self.t().hold_renewed)))
            }
            Err(error) => self.not_held(error, ended.slot, typed),
        }
    }

    fn not_held(&self, error: BookingError, slot: Span, typed: &Fields) -> Result<Response, Problem> {
        if let BookingError::Refused { why: Refused::Taken, alternatives } = &error {
            Ok(self.taken(Lost::Taken, alternatives, slot, typed))
        } else if let BookingError::Refused { why: Refused::DayFull, alternatives } = &error {
            Ok(self.taken(Lost::DayFull, alternatives, slot, typed))
        } else {
            Err(error.into())
        }
    }

    /// Nothing is wrong with the form; it is to be sent again.
    fn later(&self, hold: &Hold, typed: &Fields, notice: &str, seconds: u32) -> Response {
        let inputs = Input::of(self.offer, typed, &[], self.t());
        let mut response = self.form(StatusCode::SERVICE_UNAVAILABLE, hold, inputs, Some(notice));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        response
    }

    fn form(&self, status: StatusCode, hold: &Hold, inputs: Vec<Input>, notice: Option<&str>) -> Response {
        let frame = Frame::of(self.tenant, &self.offer.tenant);
        let t = frame.t;
        let until = t.clock(hold.expires_at.with_timezone(&self.zone).time());
        let template = FormPage {
            about: self.about(hold.slot.len(), t),
            when: t.slot(hold.slot, self.zone),
            zone: zone(self.zone),
            time_zone: self.zone.name(),
            until: fill(t.kept_until, "time", &until),
            seconds: (hold.expires_at - self.app.clock.now()).num_seconds(),
            hold: hold.token.as_str().to_owned(),
            action: format!("{}/book", paths::offer(self.tenant, &self.offer.event_type.slug)),
            weeks: self.weeks(hold.slot),
            button: if self.offer.event_type.needs_confirmation { t.ask } else { t.book },
            notice: notice.map(str::to_owned),
            inputs,
            frame,
        };
        page(status, &template)
    }

    fn taken(&self, lost: Lost, near: &Alternatives, slot: Span, typed: &Fields) -> Response {
        let frame = Frame::of(self.tenant, &self.offer.tenant);
        let mut hidden = vec![
            ("length".to_owned(), slot.len().minutes().to_string()),
            ("zone".to_owned(), self.zone.name().to_owned()),
            ("key".to_owned(), form_key()),
        ];
        hidden.extend(inputs::names(&self.offer.event_type).filter_map(|name| {
            let text = typed.text(&name).to_owned();
            (!text.is_empty()).then_some((name, text))
        }));
        let taken = Taken {
            lost,
            host: self.offer.host_name.clone(),
            what: format!("{}, {}", self.offer.event_type.title, frame.t.long(slot.len())),
            zone: self.zone,
            weeks: self.weeks(slot),
            action: format!("{}/hold", paths::offer(self.tenant, &self.offer.event_type.slug)),
            hidden,
        };
        taken.page(frame, near)
    }

    fn about(&self, length: Ticks, t: &Texts) -> About {
        About::new(self.offer, length, t)
    }

    /// The week of a slot.
    fn weeks(&self, slot: Span) -> String {
        let kept = vec![("length", slot.len().minutes().to_string()), ("zone", self.zone.name().to_owned())];
        let link = Link::new(paths::offer(self.tenant, &self.offer.event_type.slug), kept);
        link.week(monday(local_date(slot.start, self.zone)))
    }
}

impl FormPage {
    fn is_wrong(&self) -> bool {
        self.inputs.iter().any(|input| input.error.is_some())
    }
}
