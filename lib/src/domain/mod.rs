//! Pure rules: what a slot is, when it is free, what a booking may become. No clock, no network, no table.

pub mod account;
pub mod actor;
pub mod agenda;
pub mod booking;
pub mod claim;
pub mod day;
pub mod event_type;
pub mod grid;
pub mod host;
pub mod ids;
pub mod integration;
pub mod job;
pub mod offsets;
pub mod rfc3339;
pub mod schedule;
pub mod scope;
pub mod slots;
pub mod template;
pub mod tenant;
pub mod timeline;
pub mod zone;

pub use account::{AccountHash, AccountMember};
pub use actor::Actor;
pub use agenda::{
    AgendaEntry, Attempt, BookingRecord, CalendarRef, CalendarSync, EntryKey, EventLink, EventRef, Lease,
    Leftover, Shown,
};
pub use booking::{Booking, BookingStatus, Conference, Counter, Guest, StepRefused, Terms};
pub use claim::{Claim, DayChange, HostCells, Hosts, MAX_HOSTS, ReadDays};
pub use day::{CellOwner, Count, DayState, HostDays};
pub use event_type::{EventType, Location, Question, QuestionKind, Visibility};
pub use grid::{Cells, Day, DayBits, Span, Tick, Ticks};
pub use host::{Host, HostItems, HostSchedule};
pub use ids::{
    BookingId, EventTypeSlug, HostId, IdError, IntegrationId, JobId, ProviderKind, ScheduleId, Tenant,
};
pub use integration::{AccountCalendar, AccountEvent, Freshness, Integration, IntegrationStatus, SyncState};
pub use job::{Job, JobCursor, JobKind, JobStatus, PlannedPage};
pub use offsets::{OffsetChange, Offsets, local_days, start_of_local_day};
pub use rfc3339::{LocalInstant, Rfc3339};
pub use schedule::{DayHours, Hours, HoursError, Schedule, TimeOfDay, Week};
pub use scope::Scope;
pub use slots::{LocalRun, Refusal};
pub use template::{Template, TemplateError};
pub use tenant::{KeyOwner, TenantSettings};
pub use timeline::Timeline;
pub use zone::{UnknownZone, Zone};
