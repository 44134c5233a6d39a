//! Lists of the catalogue, a page at a time, in the order of ids, strongly consistent.
//!
//! The one rule: a page begins behind an id, whether that is still there or not, so that nothing is skipped or
//! listed twice when other things come and go.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{read, text, unreadable};
use super::key::{self, Key};
use super::{Item, Store, StoreError};
use crate::domain::{EventType, EventTypeSlug, Host, HostId, HostSchedule, ScheduleId, Tenant};

/// Some of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of their ids.
    pub items: Vec<T>,
    /// The id behind which the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// The part of a partition that a page is taken from.
struct Range {
    partition: String,
    prefix: &'static str,
}

impl Store {
    /// Hosts of a tenant, archived ones too: two reads.
    pub async fn hosts_page(
        &self,
        tenant: &Tenant,
        after: Option<&HostId>,
        limit: usize,
    ) -> Result<Page<Host>, StoreError> {
        let range = Range { partition: key::tenant_partition(tenant), prefix: key::HOST_POINTER_PREFIX };
        let page = self.page(&range, after.map(HostId::as_str), limit, |_| true).await?;
        let keys = page.items.iter().map(|pointer| {
            let id = id_of(pointer, range.prefix).and_then(|id| id.parse().ok());
            id.map(|id| Key::host(tenant, &id)).ok_or_else(|| unreadable("host pointer", "its id"))
        });
        let items = self.batch(&keys.collect::<Result<Vec<_>, _>>()?).await?;
        let hosts = items.into_iter().map(|item| read::<Host>("host", item));
        let mut items = hosts.collect::<Result<Vec<_>, _>>()?;
        items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(Page { items, next: page.next })
    }

    /// Schedules of a tenant, two reads; or of one host, one read.
    pub async fn schedules_page(
        &self,
        tenant: &Tenant,
        host: Option<&HostId>,
        after: Option<&ScheduleId>,
        limit: usize,
    ) -> Result<Page<HostSchedule>, StoreError> {
        let after = after.map(ScheduleId::as_str);
        let (items, next) = if let Some(host) = host {
            let range = Range { partition: key::host_partition(tenant, host), prefix: key::SCHEDULE_PREFIX };
            let page = self.page(&range, after, limit, |_| true).await?;
            (page.items, page.next)
        } else {
            let range =
                Range { partition: key::tenant_partition(tenant), prefix: key::SCHEDULE_POINTER_PREFIX };
            let page = self.page(&range, after, limit, |_| true).await?;
            let keys = page.items.iter().map(|pointer| {
                let host = pointer.get("host").and_then(|host| host.as_s().ok());
                let host = host.and_then(|host| host.parse().ok());
                let id = id_of(pointer, range.prefix).and_then(|id| id.parse().ok());
                let key = host.zip(id).map(|(host, id)| Key::schedule(tenant, &host, &id));
                key.ok_or_else(|| unreadable("schedule pointer", "its host"))
            });
            (self.batch(&keys.collect::<Result<Vec<_>, _>>()?).await?, page.next)
        };
        let schedules = items.into_iter().map(|item| read::<HostSchedule>("schedule", item));
        let mut items = schedules.collect::<Result<Vec<_>, _>>()?;
        items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(Page { items, next })
    }

    /// Event types of a tenant, or of one of its hosts, archived ones too. One read, or as many as it takes to find
    /// enough of that host's.
    pub async fn event_types_page(
        &self,
        tenant: &Tenant,
        host: Option<&HostId>,
        after: Option<&EventTypeSlug>,
        limit: usize,
    ) -> Result<Page<EventType>, StoreError> {
        let range = Range { partition: key::tenant_partition(tenant), prefix: key::EVENT_TYPE_PREFIX };
        let is_wanted = |item: &Item| {
            let of = item.get("hosts").and_then(|hosts| hosts.as_l().ok());
            let is = |host: &HostId, of: &AttributeValue| of.as_s().is_ok_and(|of| of == host.as_str());
            host.is_none_or(|host| of.is_some_and(|of| of.iter().any(|of| is(host, of))))
        };
        let page = self.page(&range, after.map(EventTypeSlug::as_str), limit, is_wanted).await?;
        let items = page.items.into_iter().map(|item| read("event type", item));
        Ok(Page { items: items.collect::<Result<_, _>>()?, next: page.next })
    }

    async fn page(
        &self,
        range: &Range,
        after: Option<&str>,
        limit: usize,
        is_wanted: impl Fn(&Item) -> bool,
    ) -> Result<Page<Item>, StoreError> {
        let prefix = range.prefix;
        // No character of an id sorts before `!` or behind `~`.
        let first = after.map_or_else(|| prefix.to_owned(), |after| format!("{prefix}{after}!"));
        let mut found: Vec<Item> = Vec::new();
        let mut from = None;
        loop {
            let call = || {
                self.db
                    .query()
                    .table_name(&self.table)
                    .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                    .expression_attribute_values(":pk", text(&range.partition))
                    .expression_attribute_values(":first", text(&first))
                    .expression_attribute_values(":last", text(format!("{prefix}~")))
                    .consistent_read(true)
                    .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
                    .set_exclusive_start_key(from.clone())
                    .send()
            };
            let answer = self.tried(call).await?;
            found.extend(answer.items.unwrap_or_default().into_iter().filter(&is_wanted));
            from = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if found.len() > limit || from.is_none() {
                break;
            }
        }
        let has_more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().and_then(|item| id_of(item, prefix));
        let next = last.filter(|_| has_more).map(str::to_owned);
        Ok(Page { items: found, next })
    }
}

/// What stands in a sort key behind the prefix.
fn id_of<'a>(item: &'a Item, prefix: &str) -> Option<&'a str> {
    item.get("sk")?.as_s().ok()?.strip_prefix(prefix)
}
