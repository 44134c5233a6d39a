//! The host's header: who is booked, and when they work.

use serde::{Deserialize, Serialize};

use super::{HostId, Schedule};

/// A person who can be booked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// The host's id, unique within the tenant.
    pub id: HostId,
    /// The name that guests see.
    pub name: String,
    /// Weekly hours and date overrides in the host's zone.
    pub schedule: Schedule,
}
