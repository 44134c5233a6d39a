//! Bodies that callers get. Instants are RFC 3339 with an offset; beside them stands the IANA zone.

mod booking;
mod calendar_file;
mod catalog;
mod history;
mod integration;
mod job;
mod offers;
mod slot;
mod slots;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Zone;

pub use booking::{
    BookingView, BookingsView, CalendarEventView, CellsView, GuestView, HostCellsView, PlaceView,
};
pub use calendar_file::CalendarFile;
pub use catalog::{
    EventTypeView, EventTypesView, HostView, HostsView, HoursView, LocationView, QuestionView, ScheduleView,
    SchedulesView, TenantView, WeekView, WriteToView,
};
pub use history::{ChangesView, HistoryEntryView, HistoryView, StatusChangeView, TimeChangeView};
pub use integration::{
    CalendarView, CalendarsView, IntegrationView, IntegrationsView, RangeView, StartedView, SyncView,
};
pub use job::{JobResultView, JobView};
pub use offers::{ListedOfferView, OfferView, OffersView};
pub use slot::SlotView;
pub use slots::{AvailabilityView, DayView, HoldView, SlotsView};

/// Whether the API answers, and with which time zone rules.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `ok`.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
    /// The release of the IANA time zone database that local times are computed with.
    #[schema(value_type = String, example = "2026f")]
    time_zones: &'static str,
}

impl HealthView {
    /// It does.
    pub fn ok() -> Self {
        Self { status: "ok", time_zones: Zone::release() }
    }
}
