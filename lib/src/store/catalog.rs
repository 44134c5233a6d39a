//! Tenants, hosts and event types: what changes rarely. Listing takes them from memory for up to 30 seconds.

use std::sync::PoisonError;

use chrono::TimeDelta;

use super::change::Change;
use super::item::{read, read_integration, text, write};
use super::key::{self, Key};
use super::{Cache, Item, Store, StoreError};
use crate::domain::{EventType, EventTypeSlug, Host, HostId, Integration, Tenant};

/// How long a listing may go by what it remembers.
const REMEMBERED: TimeDelta = TimeDelta::seconds(30);

/// The host's header and integrations: one partition, one Query.
#[derive(Clone, Debug)]
pub struct HostItems {
    /// The header with the schedule.
    pub host: Host,
    /// All integrations that are not forgotten, disconnected ones too.
    pub integrations: Vec<Integration>,
}

impl HostItems {
    /// The integrations whose word counts.
    pub fn active(&self) -> impl Iterator<Item = &Integration> + Clone {
        self.integrations.iter().filter(|integration| integration.is_active())
    }
}

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
                "pk = :pk AND begins_with(sk, :sk)",
                &[(":pk", text(key::host_partition(tenant, host))), (":sk", text(key::HOST))],
                strong,
            )
            .await?;
        let mut header = None;
        let mut integrations = Vec::new();
        let now = self.clock.now();
        for item in items {
            if item.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk == key::HOST) {
                header = Some(read("host", item)?);
            } else {
                let integration = read_integration(item)?;
                // The table removes it some time after this; until then it is already forgotten.
                if integration.pending_until.is_none_or(|until| now < until) {
                    integrations.push(integration);
                }
            }
        }
        Ok(header.map(|host| HostItems { host, integrations }))
    }

    /// Creates or replaces a host's header.
    pub async fn put_host(&self, tenant: &Tenant, host: &Host) -> Result<(), StoreError> {
        let put = Change::put(Key::host(tenant, &host.id), write("host", host)?);
        self.commit(&[put]).await?;
        self.forget_host(tenant, &host.id);
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
        let Some(item) = self.get(Key::event_type(tenant, slug)).await? else { return Ok(None) };
        let event_type: EventType = read("event type", item)?;
        self.cache().event_types.insert(place, (now, event_type.clone()));
        Ok(Some(event_type))
    }

    /// All event types of a tenant.
    pub async fn event_types(&self, tenant: &Tenant) -> Result<Vec<EventType>, StoreError> {
        let values = [(":pk", text(key::tenant_partition(tenant))), (":sk", text(key::EVENT_TYPE_PREFIX))];
        let items = self.query("pk = :pk AND begins_with(sk, :sk)", &values, false).await?;
        items.into_iter().map(|item| read("event type", item)).collect()
    }

    /// Creates or replaces an event type.
    pub async fn put_event_type(&self, tenant: &Tenant, event_type: &EventType) -> Result<(), StoreError> {
        let key = Key::event_type(tenant, &event_type.slug);
        self.commit(&[Change::put(key, write("event type", event_type)?)]).await?;
        self.cache().event_types.remove(&(tenant.clone(), event_type.slug.clone()));
        Ok(())
    }

    /// Whether the tenant exists.
    pub async fn has_tenant(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        Ok(self.get(Key::tenant(tenant)).await?.is_some())
    }

    /// Creates a tenant or gives it a new name.
    pub async fn put_tenant(&self, tenant: &Tenant, name: &str) -> Result<(), StoreError> {
        let item = Item::from([("name".to_owned(), text(name))]);
        self.commit(&[Change::put(Key::tenant(tenant), item)]).await
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
