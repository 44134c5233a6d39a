//! Pure rules: what a slot is, when it is free, what a booking may become. No clock, no network, no table.

pub mod booking;
pub mod day;
pub mod event_type;
pub mod grid;
pub mod host;
pub mod ids;
pub mod integration;
pub mod schedule;
pub mod slots;
pub mod staff;
pub mod template;
pub mod tenant;
pub mod zone;

pub use booking::{
    Booking, BookingStatus, CalendarLink, CalendarSync, Claimed, Conference, Guest, MadeBy, Pushed,
    StepRefused, Terms,
};
pub use day::{Claim, DayState};
pub use event_type::{EventType, Location, Question, QuestionKind, Visibility};
pub use grid::{Cells, Day, DayBits, Span, Tick, Ticks};
pub use host::{Host, HostSchedule};
pub use ids::{BookingId, EventTypeSlug, HostId, IdError, IntegrationId, Provider, ScheduleId, Tenant};
pub use integration::{Freshness, Integration, IntegrationStatus};
pub use schedule::{DayHours, Hours, HoursError, Schedule, TimeOfDay, Week};
pub use slots::{LocalRun, Refusal, Timeline};
pub use staff::Reach;
pub use template::{Template, TemplateError};
pub use tenant::TenantSettings;
pub use zone::{LocalInstant, OffsetChange, Offsets, Rfc3339, local_days, start_of_local_day};
