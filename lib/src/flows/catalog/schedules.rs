//! Schedules: the hours of a host, of which each event type goes by one.

use super::hosts::items;
use super::{CatalogError, Expected, named, new_id};
use crate::app::App;
use crate::domain::{HostId, HostSchedule, Schedule, ScheduleId, Scope};
use crate::flows::change::{change, unless_lost};
use crate::store::Page;

/// More than anybody keeps apart.
const MOST_SCHEDULES: usize = 50;

/// A schedule to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchedule {
    /// Whose it is.
    pub host: HostId,
    /// What the host calls it.
    pub name: String,
    /// Its hours.
    pub hours: Schedule,
}

/// The schedules within reach behind an id, of one host or of all, at most `limit`.
pub async fn list_schedules(
    app: &App,
    scope: &Scope,
    host: Option<&HostId>,
    after: Option<&ScheduleId>,
    limit: usize,
) -> Result<Page<HostSchedule>, CatalogError> {
    let tenant = scope.tenant();
    if let Some(host) = host {
        items(app, scope, host).await?;
    }
    Ok(app.store.schedules_page(tenant, host.or(scope.only_host()), after, limit).await?)
}

/// One schedule.
pub async fn find_schedule(app: &App, scope: &Scope, id: &ScheduleId) -> Result<HostSchedule, CatalogError> {
    let tenant = scope.tenant();
    let found = app.store.schedule(tenant, id).await?.filter(|schedule| scope.covers_host(&schedule.host));
    found.ok_or(CatalogError::UnknownSchedule)
}

/// Makes a schedule.
pub async fn add_schedule(app: &App, scope: &Scope, new: &NewSchedule) -> Result<HostSchedule, CatalogError> {
    let tenant = scope.tenant();
    let schedule = HostSchedule {
        id: new_id("sch_")?,
        host: new.host.clone(),
        name: new.name.clone(),
        hours: new.hours.clone(),
        links: 0,
        revision: 1,
    };
    change(|| async {
        let items = items(app, scope, &new.host).await?;
        if items.schedules.len() >= MOST_SCHEDULES {
            return Err(CatalogError::TooManySchedules);
        }
        Ok(unless_lost(app.store.add_schedule(tenant, &items.host, &schedule).await)?
            .map(|()| schedule.clone()))
    })
    .await
}

/// Changes a schedule.
pub async fn change_schedule(
    app: &App,
    scope: &Scope,
    id: &ScheduleId,
    expected: &Expected,
    apply: impl Fn(&mut HostSchedule),
) -> Result<HostSchedule, CatalogError> {
    let tenant = scope.tenant();
    change(|| async {
        let before = find_schedule(app, scope, id).await?;
        expected.check(Some(before.revision))?;
        let mut after = before.clone();
        apply(&mut after);
        if after == before {
            return Ok(Some(before));
        }
        after.revision += 1;
        Ok(unless_lost(app.store.change_schedule(tenant, &before, &after).await)?.map(|()| after))
    })
    .await
}

/// Removes a schedule that nothing goes by.
pub async fn remove_schedule(
    app: &App,
    scope: &Scope,
    id: &ScheduleId,
    expected: &Expected,
) -> Result<(), CatalogError> {
    let tenant = scope.tenant();
    change(|| async {
        let found = find_schedule(app, scope, id).await?;
        expected.check(Some(found.revision))?;
        // Read after the schedule: see `store::catalog_writes`.
        let host = app.store.host(tenant, &found.host).await?.map(|items| items.host);
        let event_types = app.store.event_types_strong(tenant).await?;
        let host = host.iter().filter(|host| host.default_schedule == *id).map(|host| host.id.as_str());
        let event_types = event_types.iter().filter(|event_type| event_type.schedule.as_ref() == Some(id));
        let users: Vec<_> = host.chain(event_types.map(|found| found.slug.as_str())).collect();
        if !users.is_empty() {
            return Err(CatalogError::InUse(named(users)));
        }
        Ok(unless_lost(app.store.remove_schedule(tenant, &found).await)?)
    })
    .await
}
