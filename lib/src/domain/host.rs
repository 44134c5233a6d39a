//! The host's header: who is booked, and by which schedule unless an event type names another.

use serde::{Deserialize, Serialize};

use super::{CalendarRef, EventType, HostId, Integration, IntegrationId, JobId, Schedule, ScheduleId};

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
    /// Where its bookings are written; `None` when in no calendar. The integration may be disconnected: then they are in
    /// none until an account is connected.
    #[serde(default)]
    pub write_to: Option<CalendarRef>,
    /// The job that brings its bookings' events where they belong: a new one with everything that may change where that
    /// is, which is another `write_to`, and an account connected, disconnected or switched on.
    #[serde(default)]
    pub placing: Option<JobId>,
    /// Whether that job may have guests mailed: who changed where bookings are written was told that a provider does so
    /// when it removes an event, and chose it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mails_guests: bool,
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

/// The host's header, schedules and integrations: one partition, one Query.
#[derive(Clone, Debug)]
pub struct HostItems {
    /// The header.
    pub host: Host,
    /// All schedules.
    pub schedules: Vec<HostSchedule>,
    /// All integrations that are not forgotten, disconnected ones too.
    pub integrations: Vec<Integration>,
}

impl HostItems {
    /// One of its integrations.
    pub fn integration(&self, id: &IntegrationId) -> Option<&Integration> {
        self.integrations.iter().find(|integration| integration.id == *id)
    }

    /// The calendar that a new booking is written to, if there is one.
    pub fn write_to(&self) -> Option<&CalendarRef> {
        let write_to = self.host.write_to.as_ref()?;
        self.integration(&write_to.integration)
            .filter(|integration| integration.is_active())
            .map(|_| write_to)
    }

    /// Whether no other account of the host's is connected.
    pub fn is_first(&self, id: &IntegrationId) -> bool {
        !self.integrations.iter().any(|integration| integration.id != *id && integration.is_live())
    }

    /// Whether its bookings can still be written where `write_to` says.
    pub fn has_live_write_to(&self) -> bool {
        let write_to = self.host.write_to.as_ref();
        write_to.and_then(|at| self.integration(&at.integration)).is_some_and(Integration::is_live)
    }

    /// The integrations whose word counts.
    pub fn active(&self) -> impl Iterator<Item = &Integration> + Clone {
        self.integrations.iter().filter(|integration| integration.is_active())
    }

    /// What was agreed with a booking, by hours that there are: a schedule that was removed since gives way to the host's
    /// default.
    #[must_use]
    pub fn with_existing_schedule(&self, agreed: &EventType) -> EventType {
        let exists = |id: &ScheduleId| self.schedules.iter().any(|schedule| schedule.id == *id);
        EventType { schedule: agreed.schedule.clone().filter(exists), ..agreed.clone() }
    }

    /// The hours that an event type goes by. The schedule that it names is its organizer's; other hosts go by their
    /// default. Hours of a schedule that does not exist, or of an archived host, are none: nothing is offered.
    pub fn schedule(&self, event_type: &EventType) -> Option<&Schedule> {
        let is_organizer = *event_type.hosts.organizer() == self.host.id;
        let named = event_type.schedule.as_ref().filter(|_| is_organizer);
        let id = named.unwrap_or(&self.host.default_schedule);
        let schedule = self.schedules.iter().find(|schedule| schedule.id == *id)?;
        (!self.host.archived).then_some(&schedule.hours)
    }
}
