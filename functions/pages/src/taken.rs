//! A slot that is lost: what is free nearby, each a press away.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use holdfast::domain::{Booking, Zone};
use holdfast::flows::Alternatives;

use crate::html::{Frame, page};
use crate::texts::{Texts, zone};
use crate::week::{Places, Slot, local_date, slot};

/// Why a slot cannot be had.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// Somebody or something else has it.
    Taken,
    /// Its day has as many bookings as it takes.
    DayFull,
}

/// What is lost, and where the slots nearby lead.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Why.
    pub(crate) lost: Lost,
    /// The host.
    pub(crate) host: String,
    /// What was to be booked.
    pub(crate) what: String,
    /// The guest's zone.
    pub(crate) zone: Zone,
    /// All free times.
    pub(crate) weeks: String,
    /// Where a slot's button leads.
    pub(crate) action: String,
    /// What goes with it.
    pub(crate) hidden: Vec<(String, String)>,
}

#[derive(Debug, Template)]
#[template(path = "taken.html")]
struct TakenPage {
    frame: Frame,
    title: &'static str,
    lead: &'static str,
    taken: Taken,
    zone: String,
    slots: Vec<(String, Slot)>,
}

impl Taken {
    /// A slot that a booking could not be moved to.
    pub(crate) fn of_move(
        lost: Lost,
        booking: &Booking,
        t: &Texts,
        zone: Zone,
        places: Places,
        monday: NaiveDate,
    ) -> Self {
        let hidden = places.hidden.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self {
            lost,
            host: booking.terms.host_name.clone(),
            what: format!("{}, {}", booking.title, t.long(booking.length)),
            zone,
            weeks: places.link.week(monday),
            action: places.action,
            hidden: hidden.collect(),
        }
    }

    /// The page.
    pub(crate) fn page(self, frame: Frame, near: &Alternatives) -> Response {
        let t: &Texts = frame.t;
        let (title, lead) = match self.lost {
            Lost::Taken => (t.taken_title, t.taken_lead),
            Lost::DayFull => (t.full_title, t.full_lead),
        };
        let starts = near.0.iter().map(|span| span.start);
        let slots = starts.map(|start| (t.day(local_date(start, self.zone)), slot(start, self.zone, t)));
        let slots = slots.collect();
        let zone = zone(self.zone);
        page(StatusCode::CONFLICT, &TakenPage { frame, title, lead, taken: self, zone, slots })
    }
}
