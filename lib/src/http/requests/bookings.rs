//! What callers say of holds and bookings.

use chrono::{FixedOffset, Offset, TimeZone, Utc};
use utoipa::{IntoParams, ToSchema};

use super::paging::{Cursor, Limit, USUAL_LIMIT};
use crate::domain::{BookingStatus, CalendarSync, EventTypeSlug, Guest, HostId, Ticks, Zone};
use crate::flows::{BookRequest, BookingChange, BookingsQuery, HoldToken, NewTime, SlotRequest, Wanted};
use crate::http::fields::{Email, Fields, FreeForm, FromFields, Locale, Prose, Start, Text};
use crate::http::words;
use crate::store::BookingCursor;

/// Keeps a slot for a few minutes.
#[derive(Clone, Debug, ToSchema)]
pub struct HoldRequest {
    /// The event type's slug.
    #[schema(value_type = words::EventTypeSlug)]
    pub event_type: EventTypeSlug,
    /// The slot's start, with its offset.
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T09:30:00-03:00")]
    pub start: Start,
    /// Minutes: one of the event type's lengths; its first when left out.
    #[schema(value_type = Option<i64>, minimum = 5, maximum = 720, multiple_of = 5, example = 30)]
    pub length: Option<Ticks>,
}

impl FromFields for HoldRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let event_type = fields.required("event_type");
        let start = fields.required("start");
        let length = fields.optional("length");
        Some(Self { event_type: event_type?, start: start?, length: length? })
    }
}

/// Gives a hold back.
#[derive(Clone, Debug, ToSchema)]
pub struct ReleaseRequest {
    /// The hold.
    #[schema(value_type = words::HoldToken)]
    pub hold: HoldToken,
}

impl FromFields for ReleaseRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { hold: hold(fields)? })
    }
}

pub(super) fn hold(fields: &mut Fields) -> Option<HoldToken> {
    let text: Text<1, 4200> = fields.required("hold")?;
    match HoldToken::parse(&text.0) {
        Ok(token) => Some(token),
        Err(error) => {
            fields.wrong("hold", &error.to_string());
            None
        }
    }
}

/// The person who books.
#[derive(Clone, Debug, ToSchema)]
pub struct GuestRequest {
    /// Full name.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Grace Hopper"
    )]
    pub name: String,
    /// E-mail address.
    #[schema(value_type = words::EmailAddress)]
    pub email: String,
    /// Telephone number.
    #[schema(
        min_length = 3,
        max_length = 40,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "+1 202 555 0143"
    )]
    pub phone: Option<String>,
    /// The zone in which the guest reads times.
    #[schema(value_type = words::TimeZone)]
    pub time_zone: Zone,
    /// BCP 47 language tag.
    #[schema(value_type = Option<words::LanguageTag>)]
    pub locale: Option<String>,
}

impl FromFields for GuestRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required::<Text<1, 200>>("name");
        let email = fields.required::<Email>("email");
        let phone = fields.optional::<Text<3, 40>>("phone");
        let time_zone = fields.required("time_zone");
        let locale = fields.optional::<Locale>("locale");
        Some(Self {
            name: name?.0,
            email: email?.0,
            phone: phone?.map(|text| text.0),
            time_zone: time_zone?,
            locale: locale?.map(|tag| tag.0),
        })
    }
}

/// Confirms a hold, or books a free slot: either `hold`, or `event_type` and `start`.
#[derive(Clone, Debug, ToSchema)]
pub struct BookingRequest {
    /// The hold to confirm.
    #[schema(value_type = Option<words::HoldToken>)]
    pub hold: Option<String>,
    /// The event type's slug, when there is no hold.
    #[schema(value_type = Option<words::EventTypeSlug>)]
    pub event_type: Option<EventTypeSlug>,
    /// The slot's start, when there is no hold.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start: Option<Start>,
    /// Minutes, when there is no hold.
    #[schema(value_type = Option<i64>, minimum = 5, maximum = 720, multiple_of = 5)]
    pub length: Option<Ticks>,
    /// Who books.
    pub guest: GuestRequest,
    /// Answers to the event type's questions; at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub answers: Option<String>,
    /// Free text, of one or more lines.
    #[schema(max_length = 4000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    pub notes: Option<String>,
    /// Free-form data of the booker's; at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<String>,
    /// Whether the booking is to appear in the host's calendar. Default true.
    pub sync_to_calendar: Option<bool>,
    #[schema(ignore)]
    wanted: Wanted,
}

impl FromFields for BookingRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let wanted = if fields.has("hold") { held(fields) } else { slot(fields) };
        let guest = fields.object("guest");
        let answers = fields.optional::<FreeForm>("answers");
        let notes = fields.optional::<Prose<4000>>("notes");
        let metadata = fields.optional::<FreeForm>("metadata");
        let sync_to_calendar = fields.optional("sync_to_calendar");
        let (wanted, start) = wanted?;
        Some(Self {
            hold: None,
            event_type: None,
            start,
            length: None,
            guest: guest?,
            answers: answers?.map(|json| json.0),
            notes: notes?.map(|text| text.0),
            metadata: metadata?.map(|json| json.0),
            sync_to_calendar: sync_to_calendar?,
            wanted,
        })
    }
}

/// What a hold holds. Whatever else is said of the slot must agree with it.
fn held(fields: &mut Fields) -> Option<(Wanted, Option<Start>)> {
    let token = hold(fields);
    let event_type = fields.optional::<EventTypeSlug>("event_type");
    let start = fields.optional::<Start>("start");
    let length = fields.optional::<Ticks>("length");
    let (token, event_type, start, length) = (token?, event_type?, start?, length?);
    let differing = [
        ("event_type", event_type.is_some_and(|slug| slug != *token.event_type())),
        ("start", start.is_some_and(|start| start.tick != token.slot().start)),
        ("length", length.is_some_and(|length| length != token.length())),
    ];
    for (field, _) in differing.iter().filter(|(_, differs)| *differs) {
        fields.wrong(field, "is not what the hold holds");
    }
    differing.iter().all(|(_, differs)| !differs).then_some((Wanted::Held(token), start))
}

fn slot(fields: &mut Fields) -> Option<(Wanted, Option<Start>)> {
    let event_type = fields.required("event_type");
    let start = fields.required::<Start>("start");
    let length = fields.optional("length");
    let start = start?;
    let slot = SlotRequest { event_type: event_type?, start: start.tick, length: length? };
    Some((Wanted::Slot(slot), Some(start)))
}

impl BookingRequest {
    /// The offset in which alternatives are named: that of `start`, else the guest's.
    pub fn offset(&self) -> FixedOffset {
        match (self.start, &self.wanted) {
            (Some(start), _) => start.offset,
            (None, Wanted::Held(token)) => {
                let start = token.slot().start.instant().naive_utc();
                self.guest.time_zone.offset_from_utc_datetime(&start).fix()
            }
            (None, Wanted::Slot(_)) => Utc.fix(),
        }
    }
}

impl From<BookingRequest> for BookRequest {
    fn from(request: BookingRequest) -> Self {
        let guest = request.guest;
        Self {
            wanted: request.wanted,
            guest: Guest {
                name: guest.name,
                email: guest.email,
                phone: guest.phone,
                time_zone: guest.time_zone,
                locale: guest.locale,
            },
            answers: request.answers,
            notes: request.notes,
            metadata: request.metadata,
            sync_to_calendar: request.sync_to_calendar.unwrap_or(true),
        }
    }
}

impl From<HoldRequest> for SlotRequest {
    fn from(request: HoldRequest) -> Self {
        Self { event_type: request.event_type, start: request.start.tick, length: request.length }
    }
}

/// A start to look at.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AvailabilityParams {
    /// The start, with its offset.
    #[param(value_type = String, format = DateTime, example = "2026-11-23T09:30:00-03:00")]
    pub start: Start,
    /// Minutes: one of the event type's lengths; its first when left out.
    #[param(value_type = Option<i64>, minimum = 5, maximum = 720, multiple_of = 5, example = 30)]
    pub length: Option<Ticks>,
}

impl FromFields for AvailabilityParams {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let start = fields.required("start");
        let length = fields.optional("length");
        Some(Self { start: start?, length: length? })
    }
}

/// Which bookings to list. A page may be shorter than `limit` and not the last: follow `next_cursor`.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BookingsParams {
    /// Only those of this status.
    #[param(value_type = words::BookingStatus, required = false)]
    pub status: Option<BookingStatus>,
    /// Only those of this host.
    #[param(value_type = words::HostId, required = false)]
    pub host: Option<HostId>,
    /// Only those of this event type.
    #[param(value_type = words::EventTypeSlug, required = false)]
    pub event_type: Option<EventTypeSlug>,
    /// Only those that start then or later, on the 5-minute grid.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-11-23T00:00:00Z")]
    pub from: Option<Start>,
    /// Only those that start earlier, on the 5-minute grid.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-11-30T00:00:00Z")]
    pub to: Option<Start>,
    /// Only those of the guest with this address.
    #[param(value_type = words::EmailAddress, required = false)]
    pub guest_email: Option<Email>,
    /// Only those whose calendar events stand so: `synced`, `pending`, `off` or `detached`.
    #[param(value_type = words::CalendarSync, required = false)]
    pub calendar_sync: Option<CalendarSync>,
    /// The `next_cursor` of the page before.
    #[param(value_type = words::Cursor, required = false)]
    pub cursor: Option<Cursor<BookingCursor>>,
    /// How many, 1 to 100; 50 when left out.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, example = 50)]
    pub limit: Option<Limit>,
}

impl FromFields for BookingsParams {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let status = fields.optional("status");
        let host = fields.optional("host");
        let event_type = fields.optional("event_type");
        let from = fields.optional::<Start>("from");
        let to = fields.optional::<Start>("to");
        let guest_email = fields.optional("guest_email");
        let calendar_sync = fields.optional("calendar_sync");
        let cursor = fields.optional("cursor");
        let limit = fields.optional("limit");
        if let (Some(Some(from)), Some(Some(to))) = (from, to)
            && to.tick <= from.tick
        {
            fields.wrong("to", "must lie after `from`");
        }
        Some(Self {
            status: status?,
            host: host?,
            event_type: event_type?,
            from: from?,
            to: to?,
            guest_email: guest_email?,
            calendar_sync: calendar_sync?,
            cursor: cursor?,
            limit: limit?,
        })
    }
}

impl BookingsParams {
    /// How many a page holds.
    pub fn limit(&self) -> usize {
        self.limit.map_or(USUAL_LIMIT, |limit| limit.0)
    }
}

impl From<BookingsParams> for BookingsQuery {
    fn from(params: BookingsParams) -> Self {
        Self {
            host: params.host,
            event_type: params.event_type,
            status: params.status,
            calendar_sync: params.calendar_sync,
            guest_email: params.guest_email.map(|email| email.0),
            from: params.from.map(|from| from.tick),
            to: params.to.map(|to| to.tick),
            after: params.cursor.map(|cursor| cursor.0),
        }
    }
}

/// Changes what staff write about a booking; what is left out stays, null takes away.
#[derive(Clone, Debug, ToSchema)]
pub struct BookingPatch {
    /// Free text, of one or more lines.
    #[schema(value_type = Option<String>, max_length = 4000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    pub notes: Option<Option<String>>,
    /// Free-form data; at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Option<String>>,
    /// Whether a new manage token takes the place of the old one, which then opens nothing. The answer has it.
    pub renew_manage_token: Option<bool>,
}

impl FromFields for BookingPatch {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let notes = fields.changed::<Prose<4000>>("notes");
        let metadata = fields.changed::<FreeForm>("metadata");
        let renew = fields.optional("renew_manage_token");
        Some(Self {
            notes: notes?.map(|notes| notes.map(|text| text.0)),
            metadata: metadata?.map(|metadata| metadata.map(|json| json.0)),
            renew_manage_token: renew?,
        })
    }
}

impl From<BookingPatch> for BookingChange {
    fn from(patch: BookingPatch) -> Self {
        Self {
            notes: patch.notes,
            metadata: patch.metadata,
            renew_manage_token: patch.renew_manage_token.unwrap_or(false),
        }
    }
}

/// Why a booking is called off.
#[derive(Clone, Debug, Default, ToSchema)]
pub struct ReasonRequest {
    /// In words for the guest.
    #[schema(max_length = 1000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    pub reason: Option<String>,
}

impl FromFields for ReasonRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { reason: fields.optional::<Prose<1000>>("reason")?.map(|text| text.0) })
    }
}

/// Moves a booking.
#[derive(Clone, Debug, ToSchema)]
pub struct RescheduleRequest {
    /// The new start, with its offset.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T09:30:00-03:00")]
    pub start: Start,
}

impl RescheduleRequest {
    /// Where to move: as long as before.
    pub fn new_time(&self) -> NewTime {
        NewTime { start: self.start.tick, length: None }
    }
}

impl FromFields for RescheduleRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { start: fields.required("start")? })
    }
}

/// Which guest.
#[derive(Clone, Debug, ToSchema)]
pub struct GuestJobRequest {
    /// The guest's address.
    #[schema(value_type = words::EmailAddress)]
    pub email: Email,
}

/// Which page of a job's results.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobParams {
    /// The `next_cursor` of the page before.
    #[param(value_type = words::Cursor, required = false)]
    pub cursor: Option<Cursor<u32>>,
}

impl FromFields for JobParams {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { cursor: fields.optional("cursor")? })
    }
}

impl JobParams {
    /// Which page, from 1.
    pub fn page(&self) -> u32 {
        self.cursor.as_ref().map_or(1, |cursor| cursor.0)
    }
}

impl FromFields for GuestJobRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { email: fields.required("email")? })
    }
}
