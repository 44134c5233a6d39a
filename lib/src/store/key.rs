//! The only place where partition and sort keys are spelled.

use aws_sdk_dynamodb::types::AttributeValue;

use super::due::DueWhat;
use super::{Item, StateHash};
use chrono::NaiveDate;

use crate::domain::{BookingId, Day, EventTypeSlug, HostId, IntegrationId, ScheduleId, Tenant};

pub(super) const BOOKING: &str = "BOOKING";
pub(super) const HOST: &str = "HOST";
pub(super) const INTEGRATION_PREFIX: &str = "HOST#I#";
pub(super) const SCHEDULE_PREFIX: &str = "HOST#S#";
pub(super) const POINTER_PREFIX: &str = "INT#";
pub(super) const HOST_POINTER_PREFIX: &str = "HST#";
pub(super) const SCHEDULE_POINTER_PREFIX: &str = "SCH#";
pub(super) const DATA_KEY_PREFIX: &str = "DATAKEY#";
pub(super) const EVENT_TYPE_PREFIX: &str = "ETYPE#";
pub(super) const DAY_PREFIX: &str = "DAY#";
pub(super) const COUNT_INFIX: &str = "#N#";

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    pub(super) fn tenant(tenant: &Tenant) -> Self {
        Self { pk: tenant_partition(tenant), sk: "TENANT".to_owned() }
    }

    pub(super) fn event_type(tenant: &Tenant, slug: &EventTypeSlug) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("{EVENT_TYPE_PREFIX}{slug}") }
    }

    pub(super) fn pointer(tenant: &Tenant, integration: &IntegrationId) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("{POINTER_PREFIX}{integration}") }
    }

    pub(super) fn data_key(tenant: &Tenant, number: u32) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("{DATA_KEY_PREFIX}{number:06}") }
    }

    pub(super) fn host(tenant: &Tenant, host: &HostId) -> Self {
        Self { pk: host_partition(tenant, host), sk: HOST.to_owned() }
    }

    pub(super) fn host_pointer(tenant: &Tenant, host: &HostId) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("{HOST_POINTER_PREFIX}{host}") }
    }

    pub(super) fn schedule(tenant: &Tenant, host: &HostId, schedule: &ScheduleId) -> Self {
        Self { pk: host_partition(tenant, host), sk: format!("{SCHEDULE_PREFIX}{schedule}") }
    }

    pub(super) fn schedule_pointer(tenant: &Tenant, schedule: &ScheduleId) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("{SCHEDULE_POINTER_PREFIX}{schedule}") }
    }

    pub(super) fn integration(tenant: &Tenant, host: &HostId, integration: &IntegrationId) -> Self {
        Self { pk: host_partition(tenant, host), sk: format!("{INTEGRATION_PREFIX}{integration}") }
    }

    pub(super) fn day(tenant: &Tenant, host: &HostId, day: Day) -> Self {
        Self { pk: host_partition(tenant, host), sk: day_sort(day) }
    }

    /// Sorts among the days, so that one Query of days reads it with them.
    pub(super) fn count(tenant: &Tenant, host: &HostId, event_type: &EventTypeSlug, date: NaiveDate) -> Self {
        Self { pk: host_partition(tenant, host), sk: format!("{DAY_PREFIX}{date}{COUNT_INFIX}{event_type}") }
    }

    pub(super) fn once(tenant: &Tenant, id: &str) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("ONCE#{id}") }
    }

    pub(super) fn booking(tenant: &Tenant, booking: &BookingId) -> Self {
        Self { pk: format!("{}#B#{booking}", tenant_partition(tenant)), sk: BOOKING.to_owned() }
    }

    pub(super) fn oauth_state(hash: &StateHash) -> Self {
        Self { pk: format!("S#{hash}"), sk: "STATE".to_owned() }
    }

    /// The key as attributes.
    pub(super) fn attributes(&self) -> Item {
        Item::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

pub(super) fn tenant_partition(tenant: &Tenant) -> String {
    format!("T#{tenant}")
}

pub(super) fn host_partition(tenant: &Tenant, host: &HostId) -> String {
    format!("T#{tenant}#H#{host}")
}

pub(super) fn day_sort(day: Day) -> String {
    format!("{DAY_PREFIX}{day}")
}

/// What a row of the due index stands for.
pub(super) fn parse_due(pk: &str, sk: &str) -> Option<DueWhat> {
    let rest = pk.strip_prefix("T#")?;
    if let Some(id) = sk.strip_prefix(INTEGRATION_PREFIX) {
        let (tenant, host) = rest.split_once("#H#")?;
        Some(DueWhat::Integration(tenant.parse().ok()?, host.parse().ok()?, id.parse().ok()?))
    } else {
        let (tenant, id) = rest.split_once("#B#")?;
        Some(DueWhat::Booking(tenant.parse().ok()?, id.parse().ok()?))
    }
}
