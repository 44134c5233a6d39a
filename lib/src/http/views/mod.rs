//! Bodies that callers get. Instants are RFC 3339 with an offset; beside them stands the IANA zone.

mod calendar_file;
mod catalog;
mod offers;
mod slot;

pub use calendar_file::CalendarFile;
pub use catalog::{
    EventTypeView, EventTypesView, HostView, HostsView, HoursView, LocationView, QuestionView, ScheduleView,
    SchedulesView, TenantView, WeekView,
};
pub use offers::{ListedOfferView, OfferView, OffersView};
pub use slot::SlotView;

use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::calendars::CalendarInfo;
use crate::domain::{
    Actor, Booking, BookingRecord, CalendarSync, Cells, Conference, HostCells, Integration, Job, Span,
};
use crate::flows::{Booked, Checked, Hold, JobResults, ManageToken, Pulled, Started};
use crate::http::problem::Problem;
use crate::http::requests::cursor;
use crate::store::{BookingsPage, HistoryEntry};

/// The free slots of a window, by the guest's local days.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what `listing` writes by hand")]
pub struct SlotsView {
    /// The guest's zone.
    #[schema(example = "America/Sao_Paulo")]
    time_zone: String,
    /// The days that have slots, in order.
    days: Vec<DayView>,
    /// Why there is nothing: `calendar-unavailable` when a calendar of the host cannot be read.
    #[schema(value_type = String, required = false, example = "calendar-unavailable")]
    reason: Option<String>,
}

/// One local day with its slots.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what `listing` writes by hand")]
pub struct DayView {
    /// The local date.
    #[schema(format = Date, example = "2026-11-23")]
    date: String,
    /// Its slots in order.
    slots: Vec<SlotView>,
}

/// A hold.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoldView {
    /// The capability to confirm or release it; keep it secret.
    hold: String,
    /// The slot, in the offset of the request's start.
    #[serde(flatten)]
    slot: SlotView,
    /// When it ends by itself.
    expires_at: DateTime<Utc>,
}

impl HoldView {
    /// A hold in the offset of its request.
    pub fn new(hold: &Hold, offset: FixedOffset) -> Self {
        Self {
            hold: hold.token.as_str().to_owned(),
            slot: SlotView::at(hold.slot, offset),
            expires_at: hold.expires_at,
        }
    }
}

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
    /// `google_meet`, `guest_phone` (the host calls), `host_phone`, `in_person` or `video_link`.
    #[schema(value_type = String, example = "google_meet")]
    kind: &'static str,
    /// The number, the address or the link; null for a Meet that is not there yet.
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
    /// The capability to see and cancel it; only in the answer to its creation.
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
        let manage_token = Some(booked.manage_token.expose().to_owned());
        Self { manage_token, ..booked.record.into() }
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

/// What became of a booking, version by version.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// In order, the first version's creation first.
    history: Vec<HistoryEntryView>,
}

/// One change of a booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryEntryView {
    /// The version that it made.
    version: u64,
    /// When.
    #[schema(required)]
    at: Option<DateTime<Utc>>,
    /// Who: `guest`, `host`, `admin`, `calendar` or `system`.
    #[schema(value_type = String, example = "host")]
    actor: &'static str,
    /// The integration in whose calendar it was changed; null when it was changed otherwise.
    #[schema(required)]
    integration: Option<String>,
    /// What: `created`, `confirmed`, `rescheduled`, `updated`, `cancelled`, ...
    #[schema(example = "rescheduled")]
    action: String,
    /// What changed of its status and its time.
    changes: ChangesView,
}

/// What changed, from and to. What stayed is left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangesView {
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = StatusChangeView, required = false)]
    status: Option<StatusChangeView>,
    /// The time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeChangeView, required = false)]
    time: Option<TimeChangeView>,
}

/// A change of status.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatusChangeView {
    /// Before; null when the booking was new.
    #[schema(value_type = Option<String>, required)]
    from: Option<&'static str>,
    /// Since.
    #[schema(value_type = String)]
    to: &'static str,
}

/// A change of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TimeChangeView {
    /// Before; null when the booking was new.
    #[schema(required)]
    from: Option<SlotView>,
    /// Since.
    to: SlotView,
}

impl From<(Booking, Vec<HistoryEntry>)> for HistoryView {
    fn from((booking, entries): (Booking, Vec<HistoryEntry>)) -> Self {
        let slot = |span: Span| SlotView::in_zone(span, booking.guest.time_zone);
        let who = |actor: &Actor| (actor.kind(), actor.integration().map(ToString::to_string));
        // What the first version said is what the first change found.
        let first = |change: &dyn Fn(&HistoryEntry) -> bool| entries.iter().find(|entry| change(entry));
        let span = first(&|entry| entry.from_span.is_some()).and_then(|entry| entry.from_span);
        let status = first(&|entry| entry.from_status.is_some()).and_then(|entry| entry.from_status);
        let (actor, integration) = who(&booking.created_by);
        let created = HistoryEntryView {
            version: 1,
            at: Some(booking.created_at),
            actor,
            integration,
            action: "created".to_owned(),
            changes: ChangesView {
                status: Some(StatusChangeView { from: None, to: status.unwrap_or(booking.status).as_str() }),
                time: Some(TimeChangeView { from: None, to: slot(span.unwrap_or(booking.span())) }),
            },
        };
        let later = entries.iter().map(|entry| {
            let (actor, integration) = who(&entry.actor);
            HistoryEntryView {
                version: entry.version,
                at: entry.at,
                actor,
                integration,
                action: entry.action.clone(),
                changes: ChangesView {
                    status: entry.from_status.map(|from| StatusChangeView {
                        from: Some(from.as_str()),
                        to: entry.status.as_str(),
                    }),
                    time: entry
                        .from_span
                        .map(|from| TimeChangeView { from: Some(slot(from)), to: slot(entry.span) }),
                },
            }
        });
        Self { history: std::iter::once(created).chain(later).collect() }
    }
}

/// Something that is too long for one request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    #[schema(example = "job_0123456789abcdef0123")]
    id: String,
    /// `export_guest` or `erase_guest`.
    #[schema(value_type = String, example = "export_guest")]
    kind: &'static str,
    /// `running`, `done` or `void` (a later erasure removed what it had found).
    #[schema(value_type = String, example = "done")]
    status: &'static str,
    /// How many bookings it has looked at.
    done: u64,
    /// How many there were when it began.
    #[schema(required)]
    total: Option<u64>,
    /// When it was asked for. It is kept for 7 days.
    created_at: DateTime<Utc>,
    /// Some of what it has found; absent in the answer that begins it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = JobResultView, required = false)]
    result: Option<JobResultView>,
    /// Where the next page of results begins; null at the end of what there is so far.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// What a job has found: bookings of an exported guest, or the ids of an erased guest's.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct JobResultView {
    /// The guest's bookings in the order of their start, as they were when they were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<BookingView>, required = false)]
    bookings: Option<Vec<BookingView>>,
    /// Bookings whose guest data were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    erased: Option<Vec<String>>,
    /// Bookings that are still to take place: cancel them first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    kept: Option<Vec<String>>,
}

impl JobView {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            kind: job.kind.as_str(),
            status: job.status.as_str(),
            done: job.done,
            total: job.total,
            created_at: job.created_at,
            id: job.id.into(),
            result: None,
            next_cursor: None,
        }
    }
}

impl From<(Job, JobResults, Option<u32>)> for JobView {
    fn from((job, results, next): (Job, JobResults, Option<u32>)) -> Self {
        let result = match results {
            JobResults::Bookings(records) => JobResultView {
                bookings: Some(records.into_iter().map(BookingView::from).collect()),
                ..Default::default()
            },
            JobResults::Erased(found) => JobResultView {
                erased: Some(found.erased.into_iter().map(String::from).collect()),
                kept: Some(found.kept.into_iter().map(String::from).collect()),
                ..Default::default()
            },
        };
        let next_cursor = next.map(|page| cursor(&page.to_string()));
        Self { result: Some(result), next_cursor, ..job.into() }
    }
}

/// Whether a start is free.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AvailabilityView {
    /// Whether it could be held now.
    available: bool,
    /// The slot, in the offset of the request.
    #[serde(flatten)]
    slot: SlotView,
    /// Why it is not: the code that a hold would be refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "slot-taken")]
    reason: Option<&'static str>,
}

impl AvailabilityView {
    /// What was found, in the offset of the request.
    pub fn new(checked: Checked, offset: FixedOffset) -> Self {
        let reason = checked.refused.map(|refused| Problem::from(refused).code());
        Self { available: reason.is_none(), slot: SlotView::at(checked.slot, offset), reason }
    }
}

fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}

/// A time that was read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RangeView {
    /// From when.
    from: DateTime<Utc>,
    /// Up to, not including, when.
    to: DateTime<Utc>,
}

/// An integration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IntegrationView {
    /// Its id.
    #[schema(example = "int_0123456789abcdef01234567")]
    id: String,
    /// Whose it is.
    host: String,
    /// `google`.
    #[schema(value_type = String, example = "google")]
    provider: &'static str,
    /// The account, usually an e-mail address; null while pending.
    #[schema(required)]
    account: Option<String>,
    /// `disconnected`, `pending`, `connected`, `needs_reauth` or `error`.
    #[schema(value_type = String, example = "connected")]
    status: &'static str,
    /// Whether its calendars block and receive bookings.
    enabled: bool,
    /// The calendar that bookings are written to.
    #[schema(required)]
    target_calendar: Option<String>,
    /// The calendars whose events block.
    conflict_calendars: Vec<String>,
    /// When a sync last ended.
    #[schema(required)]
    last_sync_at: Option<DateTime<Utc>>,
    /// What the last good sync has read.
    #[schema(required)]
    last_sync_range: Option<RangeView>,
    /// Why the last sync failed.
    #[schema(required)]
    last_sync_error: Option<String>,
    /// When the next sync is due.
    #[schema(required)]
    next_sync_at: Option<DateTime<Utc>>,
}

impl From<Integration> for IntegrationView {
    fn from(integration: Integration) -> Self {
        let range = |span: Span| RangeView { from: span.start.instant(), to: span.end.instant() };
        Self {
            id: integration.id.into(),
            host: integration.host.into(),
            provider: integration.provider.as_str(),
            account: integration.account,
            status: integration.status.as_str(),
            enabled: integration.enabled,
            target_calendar: integration.target_calendar,
            conflict_calendars: integration.conflict_calendars,
            last_sync_at: integration.last_sync_at,
            last_sync_range: integration.synced.map(range),
            last_sync_error: integration.last_error,
            next_sync_at: integration.due_at,
        }
    }
}

/// Integrations.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IntegrationsView {
    /// In the order of their hosts and ids.
    integrations: Vec<IntegrationView>,
}

impl From<Vec<Integration>> for IntegrationsView {
    fn from(integrations: Vec<Integration>) -> Self {
        Self { integrations: integrations.into_iter().map(IntegrationView::from).collect() }
    }
}

/// A calendar of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CalendarView {
    /// Its id.
    id: String,
    /// What the account calls it.
    name: String,
    /// Whether it is the account's main one.
    primary: bool,
    /// Whether bookings can be written to it.
    writable: bool,
    /// Its zone.
    #[schema(required)]
    time_zone: Option<String>,
}

/// The calendars of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CalendarsView {
    /// As the provider lists them.
    calendars: Vec<CalendarView>,
}

impl From<Vec<CalendarInfo>> for CalendarsView {
    fn from(calendars: Vec<CalendarInfo>) -> Self {
        let view = |calendar: CalendarInfo| CalendarView {
            id: calendar.id.as_str().to_owned(),
            name: calendar.name,
            primary: calendar.primary,
            writable: calendar.owned,
            time_zone: calendar.time_zone,
        };
        Self { calendars: calendars.into_iter().map(view).collect() }
    }
}

/// What a sync has done, and the integration after it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SyncView {
    /// `done`, `incomplete`, `taken` (another sync is at work), `superseded` or `inactive`.
    #[schema(value_type = String, example = "done")]
    outcome: &'static str,
    /// Days whose busy times changed.
    changed_days: usize,
    /// Marked events without a live booking that were removed.
    removed_events: usize,
    /// The integration after it.
    integration: IntegrationView,
}

impl From<(Integration, Pulled)> for SyncView {
    fn from((integration, pulled): (Integration, Pulled)) -> Self {
        let (outcome, changed_days, removed_events) = match pulled {
            Pulled::Done { changed_days, removed_events } => ("done", changed_days, removed_events),
            Pulled::Incomplete => ("incomplete", 0, 0),
            Pulled::Taken => ("taken", 0, 0),
            Pulled::Superseded => ("superseded", 0, 0),
            Pulled::Inactive => ("inactive", 0, 0),
        };
        Self { outcome, changed_days, removed_events, integration: integration.into() }
    }
}

/// An OAuth round trip that has begun.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StartedView {
    /// Where the host's browser is to go.
    authorization_url: String,
    /// When it is too late to come back.
    expires_at: DateTime<Utc>,
}

impl From<&Started> for StartedView {
    fn from(started: &Started) -> Self {
        Self { authorization_url: started.authorization_url.to_string(), expires_at: started.expires_at }
    }
}

/// Whether the API answers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `ok`.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

impl HealthView {
    /// It does.
    pub fn ok() -> Self {
        Self { status: "ok" }
    }
}
