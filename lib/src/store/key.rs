//! The only place where partition and sort keys are spelled.

use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::NaiveDateTime;

use super::Item;
use crate::domain::{
    AccountHash, BookingId, Counter, Day, EntryKey, EventTypeSlug, HostId, IntegrationId, JobId, KeyOwner,
    ScheduleId, Tenant, Tick,
};

pub(super) const BOOKING: &str = "BOOKING";
pub(super) const HOST: &str = "HOST";
pub(super) const INTEGRATION_PREFIX: &str = "HOST#I#";
pub(super) const SYNC_STATE_PREFIX: &str = "HOST#J#";
/// After everything else of a host's header, so that one Query reads that with or without it.
pub(super) const CREDENTIALS_PREFIX: &str = "HOSTCRED#";
pub(super) const SCHEDULE_PREFIX: &str = "HOST#S#";
pub(super) const POINTER_PREFIX: &str = "INT#";
pub(super) const HOST_POINTER_PREFIX: &str = "HST#";
pub(super) const SCHEDULE_POINTER_PREFIX: &str = "SCH#";
pub(super) const DATA_KEY_PREFIX: &str = "DATAKEY#";
pub(super) const EVENT_TYPE_PREFIX: &str = "ETYPE#";
pub(super) const DAY_PREFIX: &str = "DAY#";
pub(super) const COUNT_INFIX: &str = "#N#";
pub(super) const AGENDA_PREFIX: &str = "AGENDA#";
pub(super) const HISTORY_PREFIX: &str = "HISTORY#";
pub(super) const JOB_PREFIX: &str = "JOB#";
pub(super) const JOB_RESULT_PREFIX: &str = "JOBRESULT#";

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

    pub(super) fn data_key(owner: &KeyOwner, number: u32) -> Self {
        let pk = match owner {
            KeyOwner::Tenant(tenant) => tenant_partition(tenant),
            KeyOwner::Deployment => "DEPLOYMENT".to_owned(),
        };
        Self { pk, sk: format!("{DATA_KEY_PREFIX}{number:06}") }
    }

    /// An account at a provider, over all tenants, by a keyed hash of its name.
    pub(super) fn account(account: &AccountHash) -> Self {
        Self { pk: format!("A#{account}"), sk: "ACCOUNT".to_owned() }
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

    pub(super) fn sync_state(tenant: &Tenant, host: &HostId, integration: &IntegrationId) -> Self {
        Self { pk: host_partition(tenant, host), sk: format!("{SYNC_STATE_PREFIX}{integration}") }
    }

    pub(super) fn credentials(tenant: &Tenant, host: &HostId, integration: &IntegrationId) -> Self {
        Self { pk: host_partition(tenant, host), sk: format!("{CREDENTIALS_PREFIX}{integration}") }
    }

    pub(super) fn day(tenant: &Tenant, host: &HostId, day: Day) -> Self {
        Self { pk: host_partition(tenant, host), sk: day_sort(day) }
    }

    /// Sorts among the days, so that one Query of days reads it with them.
    pub(super) fn counter(tenant: &Tenant, counter: &Counter) -> Self {
        let Counter::EventTypeDay { host, event_type, date } = counter;
        Self { pk: host_partition(tenant, host), sk: format!("{DAY_PREFIX}{date}{COUNT_INFIX}{event_type}") }
    }

    pub(super) fn idempotency(tenant: &Tenant, id: &str) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("IDEMPOTENCY#{id}") }
    }

    pub(super) fn entry(key: &EntryKey) -> Self {
        Self { pk: host_partition(&key.tenant, &key.host), sk: agenda_sort(key.start, key.booking.as_str()) }
    }

    pub(super) fn history(tenant: &Tenant, booking: &BookingId, version: u64) -> Self {
        Self { pk: booking_partition(tenant, booking), sk: format!("{HISTORY_PREFIX}{version:08}") }
    }

    pub(super) fn job(tenant: &Tenant, job: &JobId) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("{JOB_PREFIX}{job}") }
    }

    /// Results of a job, by the number of the page that found them.
    pub(super) fn job_result(tenant: &Tenant, job: &JobId, page: u32) -> Self {
        Self { pk: tenant_partition(tenant), sk: format!("{JOB_RESULT_PREFIX}{job}#{page:06}") }
    }

    pub(super) fn booking(tenant: &Tenant, booking: &BookingId) -> Self {
        Self { pk: booking_partition(tenant, booking), sk: BOOKING.to_owned() }
    }

    pub(super) fn oauth_state(hash: impl Display) -> Self {
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

pub(super) fn booking_partition(tenant: &Tenant, booking: &BookingId) -> String {
    format!("{}#B#{booking}", tenant_partition(tenant))
}

/// In the order of time, and of bookings within one instant.
pub(super) fn agenda_sort(start: Tick, booking: &str) -> String {
    format!("{AGENDA_PREFIX}{}#{booking}", sortable(start))
}

pub(super) fn day_sort(day: Day) -> String {
    format!("{DAY_PREFIX}{day}")
}

/// A time in a sort key: in the order of time.
pub(super) fn sortable(start: Tick) -> String {
    start.instant().format(SORTABLE).to_string()
}

/// The time that a sort key says.
pub(super) fn parse_sortable(text: &str) -> Option<Tick> {
    Tick::exact(NaiveDateTime::parse_from_str(text, SORTABLE).ok()?.and_utc())
}

const SORTABLE: &str = "%Y-%m-%dT%H:%MZ";
