//! Pure rules: what a slot is, when it is free, what a booking may become. No clock, no network, no table.

pub mod grid;
pub mod ids;

pub use grid::{Cells, Day, DayBits, Span, Tick, Ticks};
pub use ids::{BookingId, EventTypeSlug, HostId, IdError, IntegrationId, Provider, Tenant};
