//! Changes of the catalogue: each one transaction under the revision that was read.
//!
//! The one rule: what comes to refer to a host or a schedule raises its `links` in the same transaction, and what
//! takes a host or a schedule away does so under the `links` that were read before the references were looked for.
//! So nothing is left that refers to what is gone, whoever comes first.
//!
//! All of them are transactions, even of one item: a repeated call is then answered as the first was, where a lone
//! update would find its own revision and take it for somebody else's.

use aws_sdk_dynamodb::types::AttributeValue;

use super::change::Change;
use super::integrations::{removal, settings_change};
use super::item::{diff, number, text, write};
use super::key::Key;
use super::placing::placed_as_read;
use super::{Item, Store, StoreError, jobs};
use crate::domain::{
    EventType, Host, HostId, HostItems, HostSchedule, Integration, Job, ScheduleId, Tenant, TenantSettings,
};

/// What one transaction takes, a host and its pointer left out.
const AT_ONCE: usize = 96;
const FRESH: &str = "attribute_not_exists(pk)";

impl Store {
    /// Creates a tenant; [`StoreError::Conflict`] when there is one.
    pub async fn add_tenant(&self, tenant: &Tenant, settings: &TenantSettings) -> Result<(), StoreError> {
        let put = Change::put(Key::tenant(tenant), write("tenant", settings)?).when(FRESH);
        self.transact(&[put]).await?;
        self.forget_tenant(tenant);
        Ok(())
    }

    /// Changes a tenant's settings, if they are still as read.
    pub async fn change_tenant(
        &self,
        tenant: &Tenant,
        before: &TenantSettings,
        after: &TenantSettings,
    ) -> Result<(), StoreError> {
        let change = diff(Key::tenant(tenant), &write("tenant", before)?, &write("tenant", after)?);
        self.transact(&[as_read(change, before.revision)]).await?;
        self.forget_tenant(tenant);
        Ok(())
    }

    /// Creates a host with a first schedule; [`StoreError::Conflict`] when there is one by that id.
    pub async fn add_host(
        &self,
        tenant: &Tenant,
        host: &Host,
        schedule: &HostSchedule,
    ) -> Result<(), StoreError> {
        let mut changes = vec![
            Change::put(Key::host(tenant, &host.id), write("host", host)?).when(FRESH),
            Change::put(Key::host_pointer(tenant, &host.id), Item::new()).when(FRESH),
        ];
        changes.extend(new_schedule(tenant, schedule)?);
        self.transact(&changes).await?;
        self.forget_host(tenant, &host.id);
        Ok(())
    }

    /// Changes a host's header, if it and what refers to it are still as read.
    pub async fn change_host(&self, tenant: &Tenant, before: &Host, after: &Host) -> Result<(), StoreError> {
        self.change_host_and(tenant, before, after, None, &[]).await
    }

    /// The same beside a new job that brings its bookings' events where they belong, and changes of integrations: as they
    /// were read and as they are to be.
    pub async fn change_host_and(
        &self,
        tenant: &Tenant,
        before: &Host,
        after: &Host,
        job: Option<&Job>,
        integrations: &[(&Integration, Integration)],
    ) -> Result<(), StoreError> {
        let change = diff(Key::host(tenant, &after.id), &write("host", before)?, &write("host", after)?);
        let change = linked_as_read(change, before.revision, before.links);
        let mut changes = vec![if job.is_some() { placed_as_read(change, before) } else { change }];
        changes.extend(job.map(jobs::put).transpose()?);
        for (before, after) in integrations {
            changes.extend(settings_change(before, after.clone())?.0);
        }
        if after.default_schedule != before.default_schedule {
            changes.push(link_schedule(tenant, &after.id, &after.default_schedule));
        }
        self.transact(&changes).await?;
        self.forget_host(tenant, &after.id);
        Ok(())
    }

    /// Removes a host with its schedules and what is left of its disconnected integrations, if all is still as read.
    /// Schedules that one transaction does not take go before the host: who dies in between leaves a host that can be
    /// removed again.
    pub async fn remove_host(&self, tenant: &Tenant, items: &HostItems) -> Result<(), StoreError> {
        let HostItems { host, schedules, integrations } = items;
        let mut parts = Vec::new();
        for integration in integrations {
            parts.extend(removal(integration));
        }
        // The host cannot be without its default schedule: that goes last.
        let (default, others): (Vec<_>, Vec<_>) =
            schedules.iter().partition(|schedule| schedule.id == host.default_schedule);
        parts.extend(others.into_iter().chain(default).flat_map(|schedule| gone_schedule(tenant, schedule)));
        let key = Key::host(tenant, &host.id);
        while parts.len() > AT_ONCE {
            let mut some: Vec<_> = parts.drain(..AT_ONCE).collect();
            some.push(linked_as_read(Change::check(key.clone()), host.revision, host.links));
            self.transact(&some).await?;
        }
        parts.push(linked_as_read(Change::delete(key), host.revision, host.links));
        parts.push(Change::delete(Key::host_pointer(tenant, &host.id)));
        self.transact(&parts).await?;
        self.forget_host(tenant, &host.id);
        Ok(())
    }

    /// Adds a schedule to a host, if what the host has is still as read.
    pub async fn add_schedule(
        &self,
        tenant: &Tenant,
        host: &Host,
        schedule: &HostSchedule,
    ) -> Result<(), StoreError> {
        let link = Change::update(Key::host(tenant, &host.id), "SET #links = :next")
            .value(":next", number(host.links + 1));
        let mut changes = vec![linked_as_read(link, host.revision, host.links)];
        changes.extend(new_schedule(tenant, schedule)?);
        self.transact(&changes).await?;
        self.forget_host(tenant, &host.id);
        Ok(())
    }

    /// Changes a schedule, if it is still as read.
    pub async fn change_schedule(
        &self,
        tenant: &Tenant,
        before: &HostSchedule,
        after: &HostSchedule,
    ) -> Result<(), StoreError> {
        let key = Key::schedule(tenant, &after.host, &after.id);
        let change = diff(key, &write("schedule", before)?, &write("schedule", after)?);
        self.transact(&[as_read(change, before.revision)]).await?;
        self.forget_host(tenant, &after.host);
        Ok(())
    }

    /// Removes a schedule, if it and what refers to it are still as read.
    pub async fn remove_schedule(&self, tenant: &Tenant, schedule: &HostSchedule) -> Result<(), StoreError> {
        self.transact(&gone_schedule(tenant, schedule)).await?;
        self.forget_host(tenant, &schedule.host);
        Ok(())
    }

    /// Creates an event type; [`StoreError::Conflict`] when there is one by that slug, its host is gone or archived,
    /// or its schedule is gone.
    pub async fn add_event_type(&self, tenant: &Tenant, event_type: &EventType) -> Result<(), StoreError> {
        let key = Key::event_type(tenant, &event_type.slug);
        let mut changes = vec![Change::put(key, write("event type", event_type)?).when(FRESH)];
        changes.extend(links_of(tenant, None, event_type));
        self.transact(&changes).await?;
        self.forget_linked(tenant, event_type);
        Ok(())
    }

    /// Changes an event type, if it is still as read and what it comes to refer to is there.
    pub async fn change_event_type(
        &self,
        tenant: &Tenant,
        before: &EventType,
        after: &EventType,
    ) -> Result<(), StoreError> {
        let key = Key::event_type(tenant, &after.slug);
        let change = diff(key, &write("event type", before)?, &write("event type", after)?);
        let mut changes = vec![as_read(change, before.revision)];
        changes.extend(links_of(tenant, Some(before), after));
        self.transact(&changes).await?;
        self.forget_linked(tenant, after);
        Ok(())
    }

    /// Removes an event type, if it is still as read.
    pub async fn remove_event_type(&self, tenant: &Tenant, event_type: &EventType) -> Result<(), StoreError> {
        let gone = Change::delete(Key::event_type(tenant, &event_type.slug));
        self.transact(&[as_read(gone, event_type.revision)]).await?;
        self.forget_event_type(tenant, &event_type.slug);
        Ok(())
    }

    fn forget_linked(&self, tenant: &Tenant, event_type: &EventType) {
        self.forget_event_type(tenant, &event_type.slug);
        for host in event_type.hosts.iter() {
            self.forget_host(tenant, host);
        }
    }
}

/// Only as long as the item has the revision that was read. One that was never written is 0.
fn as_read(change: Change, revision: u64) -> Change {
    let condition = format!("attribute_exists(pk) AND {}", unchanged("revision", revision));
    change.when(condition).name("#revision", "revision").value(":revision", number(revision))
}

/// The same for an item that others refer to: only as long as nothing new does.
fn linked_as_read(change: Change, revision: u64, links: u64) -> Change {
    let same = [unchanged("revision", revision), unchanged("links", links)].join(" AND ");
    as_read(change, revision)
        .when(format!("attribute_exists(pk) AND {same}"))
        .name("#links", "links")
        .value(":links", number(links))
}

fn unchanged(name: &str, count: u64) -> String {
    let same = format!("#{name} = :{name}");
    if count == 0 { format!("(attribute_not_exists(#{name}) OR {same})") } else { same }
}

fn new_schedule(tenant: &Tenant, schedule: &HostSchedule) -> Result<[Change; 2], StoreError> {
    let host = Item::from([("host".to_owned(), text(schedule.host.as_str()))]);
    let item = write("schedule", schedule)?;
    Ok([
        Change::put(Key::schedule(tenant, &schedule.host, &schedule.id), item).when(FRESH),
        Change::put(Key::schedule_pointer(tenant, &schedule.id), host).when(FRESH),
    ])
}

fn gone_schedule(tenant: &Tenant, schedule: &HostSchedule) -> [Change; 2] {
    let gone = Change::delete(Key::schedule(tenant, &schedule.host, &schedule.id));
    [
        linked_as_read(gone, schedule.revision, schedule.links),
        Change::delete(Key::schedule_pointer(tenant, &schedule.id)),
    ]
}

/// What an event type comes to refer to.
fn links_of(tenant: &Tenant, before: Option<&EventType>, after: &EventType) -> Vec<Change> {
    let is_back = before.is_some_and(|before| before.archived) && !after.archived;
    let is_new_host = |host: &&HostId| is_back || before.is_none_or(|before| !before.hosts.contains(host));
    let hosts = after.hosts.iter().filter(is_new_host).map(|host| {
        Change::update(Key::host(tenant, host), "ADD #links :one")
            .when("attribute_exists(pk) AND (attribute_not_exists(#archived) OR #archived = :no)")
            .name("#links", "links")
            .name("#archived", "archived")
            .value(":one", number(1))
            .value(":no", AttributeValue::Bool(false))
    });
    // A schedule is its organizer's.
    let organizer = after.hosts.organizer();
    let has_new_schedule = before
        .is_none_or(|before| before.hosts.organizer() != organizer || before.schedule != after.schedule);
    let schedule = after.schedule.as_ref().filter(|_| has_new_schedule);
    let schedule = schedule.map(|schedule| link_schedule(tenant, organizer, schedule));
    hosts.chain(schedule).collect()
}

fn link_schedule(tenant: &Tenant, host: &HostId, schedule: &ScheduleId) -> Change {
    Change::update(Key::schedule(tenant, host, schedule), "ADD #links :one")
        .when("attribute_exists(pk)")
        .name("#links", "links")
        .value(":one", number(1))
}
