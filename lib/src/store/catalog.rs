//! Tenants, hosts and event types: what changes rarely. Listing takes them from memory for up to 30 seconds.

use std::sync::PoisonError;

use chrono::TimeDelta;

use super::change::Change;
use super::integrations::Parts;
use super::item::{read, text, unreadable, write};
use super::key::{self, Key};
use super::{Cache, Item, Store, StoreError};
use crate::domain::{
    EventType, EventTypeSlug, Host, HostId, HostItems, HostSchedule, ScheduleId, Tenant, TenantSettings,
};

/// How long a listing may go by what it remembers.
const REMEMBERED: TimeDelta = TimeDelta::seconds(30);

impl Store {
    /// Host and integrations, strongly consistent; `None` when there is no such host.
    pub async fn host(&self, tenant: &Tenant, host: &HostId) -> Result<Option<HostItems>, StoreError> {
        let items = self.query_host(tenant, host, true).await?;
        self.remember(tenant, host, items.as_ref());
        Ok(items)
    }

    /// Host and integrations as they were at most 30 seconds ago: for listing.
    pub async fn host_remembered(
        &self,
        tenant: &Tenant,
        host: &HostId,
    ) -> Result<Option<HostItems>, StoreError> {
        let now = self.clock.now();
        let known = self.cache().hosts.get(&(tenant.clone(), host.clone())).cloned();
        if let Some((read_at, items)) = known
            && (now - read_at).abs() < REMEMBERED
        {
            return Ok(Some(items));
        }
        let items = self.query_host(tenant, host, false).await?;
        self.remember(tenant, host, items.as_ref());
        Ok(items)
    }

    async fn query_host(
        &self,
        tenant: &Tenant,
        host: &HostId,
        strong: bool,
    ) -> Result<Option<HostItems>, StoreError> {
        let items = self
            .query(
                "pk = :pk AND sk BETWEEN :from AND :to",
                &[
                    (":pk", text(key::host_partition(tenant, host))),
                    (":from", text(key::HOST)),
                    (":to", text(format!("{}#~", key::HOST))),
                ],
                strong,
            )
            .await?;
        let mut header = None;
        let mut schedules = Vec::new();
        let mut parts = Parts::default();
        for item in items {
            let Some(item) = parts.take(item)? else { continue };
            let sort = item.get("sk").and_then(|sk| sk.as_s().ok()).map_or("", String::as_str);
            if sort == key::HOST {
                header = Some(read("host", item)?);
            } else {
                schedules.push(read("schedule", item)?);
            }
        }
        let integrations = parts.integrations(self.clock.now());
        Ok(header.map(|host| HostItems { host, schedules, integrations }))
    }

    /// Creates or replaces a host's header.
    pub async fn put_host(&self, tenant: &Tenant, host: &Host) -> Result<(), StoreError> {
        let put = Change::put(Key::host(tenant, &host.id), write("host", host)?);
        let pointer = Change::put(Key::host_pointer(tenant, &host.id), Item::new());
        self.commit(&[put, pointer]).await?;
        self.forget_host(tenant, &host.id);
        Ok(())
    }

    /// Creates or replaces a schedule.
    pub async fn put_schedule(&self, tenant: &Tenant, schedule: &HostSchedule) -> Result<(), StoreError> {
        let put =
            Change::put(Key::schedule(tenant, &schedule.host, &schedule.id), write("schedule", schedule)?);
        let host = Item::from([("host".to_owned(), text(schedule.host.as_str()))]);
        let pointer = Change::put(Key::schedule_pointer(tenant, &schedule.id), host);
        self.commit(&[put, pointer]).await?;
        self.forget_host(tenant, &schedule.host);
        Ok(())
    }

    /// An event type, at most 30 seconds old; `None` when there is no such slug.
    pub async fn event_type(
        &self,
        tenant: &Tenant,
        slug: &EventTypeSlug,
    ) -> Result<Option<EventType>, StoreError> {
        let now = self.clock.now();
        let place = (tenant.clone(), slug.clone());
        let known = self.cache().event_types.get(&place).cloned();
        if let Some((read_at, event_type)) = known
            && (now - read_at).abs() < REMEMBERED
        {
            return Ok(Some(event_type));
        }
        self.event_type_strong(tenant, slug).await
    }

    /// An event type, strongly consistent; `None` when there is no such slug.
    pub async fn event_type_strong(
        &self,
        tenant: &Tenant,
        slug: &EventTypeSlug,
    ) -> Result<Option<EventType>, StoreError> {
        let found = self.get(Key::event_type(tenant, slug)).await?;
        let found: Option<EventType> = found.map(|item| read("event type", item)).transpose()?;
        match &found {
            Some(event_type) => {
                let entry = (self.clock.now(), event_type.clone());
                self.cache().event_types.insert((tenant.clone(), slug.clone()), entry);
            }
            None => self.forget_event_type(tenant, slug),
        }
        Ok(found)
    }

    /// All event types of a tenant.
    pub async fn event_types(&self, tenant: &Tenant) -> Result<Vec<EventType>, StoreError> {
        self.query_event_types(tenant, false).await
    }

    /// All event types of a tenant, strongly consistent.
    pub async fn event_types_strong(&self, tenant: &Tenant) -> Result<Vec<EventType>, StoreError> {
        self.query_event_types(tenant, true).await
    }

    async fn query_event_types(&self, tenant: &Tenant, strong: bool) -> Result<Vec<EventType>, StoreError> {
        let values = [(":pk", text(key::tenant_partition(tenant))), (":sk", text(key::EVENT_TYPE_PREFIX))];
        let items = self.query("pk = :pk AND begins_with(sk, :sk)", &values, strong).await?;
        items.into_iter().map(|item| read("event type", item)).collect()
    }

    /// A schedule, strongly consistent; `None` when this tenant has none by that id.
    pub async fn schedule(
        &self,
        tenant: &Tenant,
        id: &ScheduleId,
    ) -> Result<Option<HostSchedule>, StoreError> {
        let Some(pointer) = self.get(Key::schedule_pointer(tenant, id)).await? else { return Ok(None) };
        let host = pointer.get("host").and_then(|host| host.as_s().ok()).and_then(|host| host.parse().ok());
        let host: HostId = host.ok_or_else(|| unreadable("schedule pointer", "its host"))?;
        let item = self.get(Key::schedule(tenant, &host, id)).await?;
        item.map(|item| read("schedule", item)).transpose()
    }

    /// Creates or replaces an event type.
    pub async fn put_event_type(&self, tenant: &Tenant, event_type: &EventType) -> Result<(), StoreError> {
        let key = Key::event_type(tenant, &event_type.slug);
        self.commit(&[Change::put(key, write("event type", event_type)?)]).await?;
        self.forget_event_type(tenant, &event_type.slug);
        Ok(())
    }

    /// The tenant's settings; `None` when there is no such tenant.
    pub async fn tenant(&self, tenant: &Tenant) -> Result<Option<TenantSettings>, StoreError> {
        let found = self.get(Key::tenant(tenant)).await?.map(|item| read("tenant", item)).transpose()?;
        if let Some(settings) = &found {
            let entry = (self.clock.now(), TenantSettings::clone(settings));
            self.cache().tenants.insert(tenant.clone(), entry);
        }
        Ok(found)
    }

    /// The same as it was at most 30 seconds ago.
    pub async fn tenant_remembered(&self, tenant: &Tenant) -> Result<Option<TenantSettings>, StoreError> {
        let known = self.cache().tenants.get(tenant).cloned();
        match known {
            Some((read_at, settings)) if (self.clock.now() - read_at).abs() < REMEMBERED => {
                Ok(Some(settings))
            }
            _ => self.tenant(tenant).await,
        }
    }

    /// Creates a tenant or replaces its settings.
    pub async fn put_tenant(&self, tenant: &Tenant, settings: &TenantSettings) -> Result<(), StoreError> {
        self.commit(&[Change::put(Key::tenant(tenant), write("tenant", settings)?)]).await?;
        self.forget_tenant(tenant);
        Ok(())
    }

    fn remember(&self, tenant: &Tenant, host: &HostId, items: Option<&HostItems>) {
        if let Some(items) = items {
            let entry = (self.clock.now(), items.clone());
            self.cache().hosts.insert((tenant.clone(), host.clone()), entry);
        }
    }

    pub(super) fn forget_host(&self, tenant: &Tenant, host: &HostId) {
        self.cache().hosts.remove(&(tenant.clone(), host.clone()));
    }

    pub(super) fn forget_event_type(&self, tenant: &Tenant, slug: &EventTypeSlug) {
        self.cache().event_types.remove(&(tenant.clone(), slug.clone()));
    }

    pub(super) fn forget_tenant(&self, tenant: &Tenant) {
        self.cache().tenants.remove(tenant);
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One item, strongly consistent.
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let attributes = key.attributes();
        let call = || {
            self.db
                .get_item()
                .table_name(&self.table)
                .set_key(Some(attributes.clone()))
                .consistent_read(true)
                .send()
        };
        Ok(self.tried(call).await?.item)
    }

    /// All items of a Query, every page of it.
    pub(super) async fn query(
        &self,
        condition: &str,
        values: &[(&str, aws_sdk_dynamodb::types::AttributeValue)],
        strong: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let call = || {
                let query = self
                    .db
                    .query()
                    .table_name(&self.table)
                    .key_condition_expression(condition)
                    .consistent_read(strong)
                    .set_exclusive_start_key(from.clone());
                let with_value =
                    |query: aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder,
                     (name, value): &(&str, aws_sdk_dynamodb::types::AttributeValue)| {
                        query.expression_attribute_values(*name, value.clone())
                    };
                values.iter().fold(query, with_value).send()
            };
            let page = self.tried(call).await?;
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                return Ok(items);
            }
        }
    }
}
