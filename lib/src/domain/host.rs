//! The host's header: who is booked, and by which schedule unless an event type names another.

use serde::{Deserialize, Serialize};

use super::{HostId, Schedule, ScheduleId};

/// A person who can be booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The host's id, unique within the tenant.
    pub id: HostId,
    /// The name that guests see.
    pub name: String,
    /// Where the host is told of bookings.
    #[serde(default)]
    pub email: Option<String>,
    /// The schedule of event types that name none.
    pub default_schedule: ScheduleId,
    /// Kept because bookings refer to it; offers nothing any more.
    #[serde(default)]
    pub archived: bool,
    /// Raised whenever something comes to refer to it, so that it cannot be taken away in the same moment.
    #[serde(default)]
    pub links: u64,
    /// Raised by every change: the `ETag`.
    #[serde(default)]
    pub revision: u64,
}

/// One of a host's schedules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSchedule {
    /// Its id, unique within the tenant.
    pub id: ScheduleId,
    /// Whose it is.
    pub host: HostId,
    /// What the host calls it.
    pub name: String,
    /// Weekly hours and date overrides in its zone.
    pub hours: Schedule,
    /// Raised whenever something comes to refer to it, so that it cannot be taken away in the same moment.
    #[serde(default)]
    pub links: u64,
    /// Raised by every change: the `ETag`.
    #[serde(default)]
    pub revision: u64,
}
