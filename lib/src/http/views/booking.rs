//! Bookings, as staff and their guests see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::SlotView;
use crate::domain::{Booking, BookingRecord, CalendarSync, Cells, Conference, HostCells};
use crate::flows::{Booked, ManageToken};
use crate::http::requests::cursor;
use crate::store::BookingsPage;

/// Who booked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GuestView {
    /// Full name.
    name: String,
    /// E-mail address.
    email: String,
    /// Telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    phone: Option<String>,
    /// The zone in which the guest reads times.
    #[schema(value_type = String, example = "America/New_York")]
    time_zone: &'static str,
    /// BCP 47 language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    locale: Option<String>,
}

/// A host of a booking, and what it takes of their time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HostCellsView {
    /// The host.
    #[schema(example = "hst_ada1")]
    host: String,
    /// The 5-minute cells that it takes, buffers included.
    cells: Vec<CellsView>,
}

/// Some cells of one UTC day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CellsView {
    /// The UTC day.
    #[schema(format = Date, example = "2026-11-23")]
    day: String,
    /// The first cell, 0 to 287; cell 114 begins at 09:30 UTC.
    from: u16,
    /// The cell after the last, 1 to 288.
    to: u16,
}

impl From<&HostCells> for HostCellsView {
    fn from(of: &HostCells) -> Self {
        let cells = |cells: &Cells| CellsView { day: cells.day.to_string(), from: cells.from, to: cells.to };
        Self { host: of.host.to_string(), cells: of.cells.iter().map(cells).collect() }
    }
}

/// Where a booking's event is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CalendarEventView {
    /// The integration through which it was written.
    integration: String,
    /// The calendar.
    calendar: String,
    /// The event's id in that calendar.
    event: String,
}

/// Where a booking takes place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlaceView {
    /// `conference`, `guest_phone` (the host calls), `host_phone`, `in_person` or `video_link`.
    #[schema(value_type = String, example = "conference")]
    kind: &'static str,
    /// The number, the address or the link; null for a conference that is not there yet.
    #[schema(required)]
    value: Option<String>,
}

impl PlaceView {
    fn of(booking: &Booking) -> Option<Self> {
        let kind = booking.terms.location.as_ref()?.kind();
        Some(Self { kind, value: booking.place().map(str::to_owned) })
    }
}

/// A booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BookingView {
    /// Its id.
    #[schema(example = "bkg_0123456789abcdefghijklmn")]
    id: String,
    /// `pending`, `confirmed`, `in_progress`, `completed`, `cancelled`, `declined` or `no_show`.
    #[schema(value_type = String, example = "confirmed")]
    status: &'static str,
    /// Raised by every change.
    version: u64,
    /// The event type's slug.
    event_type: String,
    /// The event type's title at the time of booking.
    title: String,
    /// Who is booked, the organizer first.
    hosts: Vec<HostCellsView>,
    /// The slot, in the guest's zone.
    #[serde(flatten)]
    slot: SlotView,
    /// Minutes.
    length: i64,
    /// The guest's zone.
    #[schema(value_type = String)]
    time_zone: &'static str,
    /// Who booked.
    guest: GuestView,
    /// Answers to the event type's questions.
    #[schema(value_type = Option<Object>, required)]
    answers: Option<Box<RawValue>>,
    /// Free text.
    #[schema(required)]
    notes: Option<String>,
    /// Free-form data.
    #[schema(value_type = Option<Object>, required)]
    metadata: Option<Box<RawValue>>,
    /// Where it takes place.
    #[schema(required)]
    location: Option<PlaceView>,
    /// How the conference that comes with its event stands: `pending`, `ready` or `failed`; null when none does.
    #[schema(value_type = Option<String>, required, example = "ready")]
    conference: Option<&'static str>,
    /// Who made it: `guest`, `host` or `admin`.
    #[schema(value_type = String, example = "guest")]
    created_by: &'static str,
    /// Who made its present version: `guest`, `host`, `admin`, `calendar` or `system`.
    #[schema(value_type = String, example = "guest")]
    changed_by: &'static str,
    /// The integration in whose calendar it was changed; null when it was changed otherwise.
    #[schema(required)]
    changed_by_integration: Option<String>,
    /// While `pending`: when it is declined if the host has not answered.
    #[schema(required)]
    answer_by: Option<DateTime<Utc>>,
    /// Why it was cancelled or declined.
    #[schema(required)]
    reason: Option<String>,
    /// Whether the hosts' calendars show this version: `synced`, `pending`, `off` (no event is wanted) or `detached` (an
    /// event may stand where we can no longer reach it).
    #[schema(value_type = String, example = "synced")]
    calendar_sync: &'static str,
    /// The calendar event; null when there is none, or none yet.
    #[schema(required)]
    calendar_event: Option<CalendarEventView>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// The capability to see and cancel it; only in the answer to its creation, and to a repeated one until it is renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    manage_token: Option<String>,
}

impl From<BookingRecord> for BookingView {
    fn from(record: BookingRecord) -> Self {
        let calendar_event = record.event().map(|link| CalendarEventView {
            integration: link.event.at.integration.to_string(),
            calendar: link.event.at.calendar.clone(),
            event: link.event.event.clone(),
        });
        let sync = record.calendar_sync();
        Self { calendar_event, ..Self::new(record.booking, sync) }
    }
}

impl BookingView {
    fn new(booking: Booking, calendar_sync: CalendarSync) -> Self {
        let zone = booking.guest.time_zone;
        Self {
            status: booking.status.as_str(),
            version: booking.version,
            slot: SlotView::in_zone(booking.span(), zone),
            length: booking.length.minutes(),
            calendar_sync: calendar_sync.as_str(),
            location: PlaceView::of(&booking),
            conference: booking.conference.as_ref().map(Conference::state),
            created_by: booking.created_by.kind(),
            changed_by: booking.changed_by.kind(),
            changed_by_integration: booking.changed_by.integration().map(ToString::to_string),
            answer_by: booking.answer_by,
            reason: booking.reason,
            id: booking.id.into(),
            event_type: booking.event_type.into(),
            title: booking.title,
            hosts: booking.claim.by_host().iter().map(HostCellsView::from).collect(),
            time_zone: zone.name(),
            guest: GuestView {
                name: booking.guest.name,
                email: booking.guest.email,
                phone: booking.guest.phone,
                time_zone: zone.name(),
                locale: booking.guest.locale,
            },
            answers: booking.answers.and_then(raw),
            notes: booking.notes,
            metadata: booking.metadata.and_then(raw),
            calendar_event: None,
            created_at: booking.created_at,
            manage_token: None,
        }
    }
}

impl From<Booked> for BookingView {
    fn from(booked: Booked) -> Self {
        (booked.record, booked.manage_token).into()
    }
}

impl From<(BookingRecord, Option<ManageToken>)> for BookingView {
    fn from((record, token): (BookingRecord, Option<ManageToken>)) -> Self {
        let manage_token = token.map(|token| token.expose().to_owned());
        Self { manage_token, ..record.into() }
    }
}

/// Bookings in the order of their start.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BookingsView {
    /// Those of this page.
    bookings: Vec<BookingView>,
    /// Where the next page begins; null at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl From<BookingsPage> for BookingsView {
    fn from(page: BookingsPage) -> Self {
        Self {
            bookings: page.bookings.into_iter().map(BookingView::from).collect(),
            next_cursor: page.next.map(|at| cursor(&at.to_string())),
        }
    }
}

fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}
