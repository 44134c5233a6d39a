//! Event types: what of a host can be booked.

use chrono::TimeDelta;

use super::hosts::{first_upcoming, items};
use super::{CatalogError, Expected, Removed};
use crate::app::App;
use crate::domain::{AgendaEntry, EventType, EventTypeSlug, HostId, HostItems, Scope};
use crate::flows::change::{change, unless_lost};
use crate::store::Page;

/// The event types within reach behind a slug, of one host or of all, at most `limit`.
pub async fn list_event_types(
    app: &App,
    scope: &Scope,
    host: Option<&HostId>,
    after: Option<&EventTypeSlug>,
    limit: usize,
) -> Result<Page<EventType>, CatalogError> {
    let tenant = scope.tenant();
    if let Some(host) = host {
        items(app, scope, host).await?;
    }
    Ok(app.store.event_types_page(tenant, host.or(scope.only_host()), after, limit).await?)
}

/// One event type.
pub async fn find_event_type(
    app: &App,
    scope: &Scope,
    slug: &EventTypeSlug,
) -> Result<EventType, CatalogError> {
    let tenant = scope.tenant();
    let found = app.store.event_type_strong(tenant, slug).await?;
    found.filter(|found| scope.covers_any(&found.hosts)).ok_or(CatalogError::UnknownEventType)
}

/// One event type, to be changed. What several hosts offer is not for one of them to change.
async fn find_to_change(app: &App, scope: &Scope, slug: &EventTypeSlug) -> Result<EventType, CatalogError> {
    let found = find_event_type(app, scope, slug).await?;
    if scope.covers_all(&found.hosts) { Ok(found) } else { Err(CatalogError::Forbidden) }
}

/// Makes an event type; its revision is given here.
pub async fn add_event_type(app: &App, scope: &Scope, new: &EventType) -> Result<EventType, CatalogError> {
    let tenant = scope.tenant();
    let new = EventType { revision: 1, archived: false, was_moved: false, ..new.clone() };
    change(|| async {
        let hosts = check(app, scope, &new).await?;
        let added = unless_lost(app.store.add_event_type(tenant, &new).await)?;
        if added.is_some() {
            read_farther(app, &hosts, &new).await;
        } else if app.store.event_type_strong(tenant, &new.slug).await?.is_some() {
            return Err(CatalogError::SlugTaken);
        }
        Ok(added.map(|()| new.clone()))
    })
    .await
}

/// Changes an event type.
pub async fn change_event_type(
    app: &App,
    scope: &Scope,
    slug: &EventTypeSlug,
    expected: &Expected,
    apply: impl Fn(&mut EventType),
) -> Result<EventType, CatalogError> {
    let tenant = scope.tenant();
    change(|| async {
        let before = find_to_change(app, scope, slug).await?;
        expected.check(Some(before.revision))?;
        let mut after = before.clone();
        apply(&mut after);
        if after == before {
            return Ok(Some(before));
        }
        after.was_moved |= after.hosts != before.hosts;
        after.revision += 1;
        let hosts = check(app, scope, &after).await?;
        let changed = unless_lost(app.store.change_event_type(tenant, &before, &after).await)?;
        if changed.is_some() {
            read_farther(app, &hosts, &after).await;
        }
        Ok(changed.map(|()| after))
    })
    .await
}

/// Removes an event type. One that has upcoming bookings is archived: moving them needs it.
///
/// A booking made at the same moment can be shown and cancelled without its event type, but not moved.
pub async fn remove_event_type(
    app: &App,
    scope: &Scope,
    slug: &EventTypeSlug,
    expected: &Expected,
) -> Result<Removed<EventType>, CatalogError> {
    let tenant = scope.tenant();
    change(|| async {
        let before = find_to_change(app, scope, slug).await?;
        expected.check(Some(before.revision))?;
        let organizer = before.hosts.organizer();
        let refers = |entry: &AgendaEntry| entry.event_type == *slug;
        let is_kept = before.was_moved || first_upcoming(app, tenant, organizer, refers).await?.is_some();
        if is_kept && before.archived {
            return Ok(Some(Removed::Archived(before)));
        }
        let archived = EventType { archived: true, revision: before.revision + 1, ..before.clone() };
        let done = if is_kept {
            app.store.change_event_type(tenant, &before, &archived).await
        } else {
            app.store.remove_event_type(tenant, &before).await
        };
        let removed = if is_kept { Removed::Archived(archived) } else { Removed::Gone };
        Ok(unless_lost(done)?.map(|()| removed))
    })
    .await
}

/// Whether an event type can be as it is to be; gives its hosts.
async fn check(app: &App, scope: &Scope, event_type: &EventType) -> Result<Vec<HostItems>, CatalogError> {
    event_type.check().map_err(CatalogError::Wrong)?;
    let mut hosts = Vec::with_capacity(event_type.hosts.count());
    for host in event_type.hosts.iter() {
        hosts.push(items(app, scope, host).await?);
    }
    if hosts.iter().any(|items| items.host.archived) && !event_type.archived {
        return Err(CatalogError::HostArchived);
    }
    if let Some(schedule) = &event_type.schedule {
        let organizer = event_type.hosts.organizer();
        let of_organizer = hosts.iter().filter(|items| items.host.id == *organizer);
        if !of_organizer.flat_map(|items| &items.schedules).any(|found| found.id == *schedule) {
            return Err(CatalogError::NotAScheduleOfTheHost { field: "schedule" });
        }
    }
    Ok(hosts)
}

/// Has the hosts' calendars read as far as the event type is now offered. Until they are, what was not read is not
/// offered; and they would be read by their next poll, so nothing is lost when this fails.
async fn read_farther(app: &App, hosts: &[HostItems], event_type: &EventType) {
    let until = app.clock.now() + TimeDelta::days(i64::from(event_type.window_days));
    let falls_short = |synced: crate::domain::Span| synced.end.instant() < until;
    let active = hosts.iter().flat_map(HostItems::active);
    for integration in active.filter(|found| found.sync.synced.is_none_or(falls_short)) {
        if let Err(error) = app.store.make_integration_due(integration).await {
            tracing::warn!(integration = %integration.id, %error, "not made due");
        }
    }
}
