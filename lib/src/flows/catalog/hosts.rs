//! Hosts. An admin makes and removes them; a host may look after its own.

use chrono::TimeDelta;

use super::{CatalogError, Expected, Removed, named, new_id};
use crate::app::App;
use crate::domain::{
    AgendaEntry, CalendarRef, Host, HostId, HostItems, HostSchedule, Integration, IntegrationStatus,
    Schedule, ScheduleId, Scope, Tenant, Tick, Ticks, Week,
};
use crate::flows::change::{change, unless_lost};
use crate::flows::jobs::place_events::placing_job;
use crate::flows::mailed_guests::mails_guests;
use crate::store::{Page, StoreError};

const FIRST_SCHEDULE: &str = "Working hours";

/// A host to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHost {
    /// The name that guests see.
    pub name: String,
    /// Where the host is told of bookings.
    pub email: Option<String>,
    /// The first schedule; Mon-Fri 09:00-17:00 in the tenant's zone when `None`.
    pub hours: Option<Schedule>,
}

/// The hosts within reach behind an id, at most `limit`.
pub async fn list_hosts(
    app: &App,
    scope: &Scope,
    after: Option<&HostId>,
    limit: usize,
) -> Result<Page<Host>, CatalogError> {
    let tenant = scope.tenant();
    let Some(own) = scope.only_host() else { return Ok(app.store.hosts_page(tenant, after, limit).await?) };
    let host = app.store.host(tenant, own).await?.map(|items| items.host);
    let items = host.into_iter().filter(|host| after.is_none_or(|after| host.id > *after)).collect();
    Ok(Page { items, next: None })
}

/// One host.
pub async fn find_host(app: &App, scope: &Scope, id: &HostId) -> Result<Host, CatalogError> {
    Ok(items(app, scope, id).await?.host)
}

/// A host with everything of its own.
pub(super) async fn items(app: &App, scope: &Scope, id: &HostId) -> Result<HostItems, CatalogError> {
    let tenant = scope.tenant();
    if !scope.covers_host(id) {
        return Err(CatalogError::UnknownHost);
    }
    app.store.host(tenant, id).await?.ok_or(CatalogError::UnknownHost)
}

/// Makes a host and its first schedule.
pub async fn add_host(app: &App, tenant: &Tenant, new: &NewHost) -> Result<Host, CatalogError> {
    let settings = app.store.tenant_remembered(tenant).await?.ok_or(CatalogError::UnknownTenant)?;
    let office = || Schedule {
        zone: settings.zone,
        weekly: Week::office(),
        overrides: std::collections::BTreeMap::new(),
    };
    let schedule: ScheduleId = new_id("sch_")?;
    let host = Host {
        id: new_id("hst_")?,
        name: new.name.clone(),
        email: new.email.clone(),
        default_schedule: schedule.clone(),
        write_to: None,
        placing: None,
        mails_guests: false,
        archived: false,
        links: 0,
        revision: 1,
    };
    let schedule = HostSchedule {
        id: schedule,
        host: host.id.clone(),
        name: FIRST_SCHEDULE.to_owned(),
        hours: new.hours.clone().unwrap_or_else(office),
        links: 1,
        revision: 1,
    };
    app.store.add_host(tenant, &host, &schedule).await?;
    Ok(host)
}

/// Changes a host. Whether it is archived is an admin's to say.
pub async fn change_host(
    app: &App,
    scope: &Scope,
    id: &HostId,
    expected: &Expected,
    may_mail_guests: bool,
    apply: impl Fn(&mut Host),
) -> Result<Host, CatalogError> {
    let tenant = scope.tenant();
    change(|| async {
        let items = items(app, scope, id).await?;
        let before = &items.host;
        expected.check(Some(before.revision))?;
        let mut after = before.clone();
        apply(&mut after);
        if after == *before {
            return Ok(Some(after));
        }
        if after.archived != before.archived && scope.only_host().is_some() {
            return Err(CatalogError::Forbidden);
        }
        if !items.schedules.iter().any(|schedule| schedule.id == after.default_schedule) {
            return Err(CatalogError::NotAScheduleOfTheHost { field: "default_schedule" });
        }
        if after.archived && !before.archived {
            check_unused(app, tenant, &items).await?;
        }
        after.revision += 1;
        let (mut job, mut integrations) = (None, Vec::new());
        if after.write_to != before.write_to {
            let placing = placing_job(app, scope, id)?;
            after.placing = Some(placing.id.clone());
            let is_left = |at: &CalendarRef| after.write_to.as_ref() != Some(at);
            mails_guests(app, scope, &items, may_mail_guests, is_left).await??;
            after.mails_guests = may_mail_guests;
            job = Some(placing);
            integrations.extend(now_with_events(app, &items, after.write_to.as_ref())?);
        }
        let done = app.store.change_host_and(tenant, before, &after, job.as_ref(), &integrations).await;
        Ok(unless_lost(done)?.map(|()| after))
    })
    .await
}

/// The integration that bookings come to be written to, if that makes it read another calendar event by event: as it is,
/// and as it is to be.
fn now_with_events<'a>(
    app: &App,
    items: &'a HostItems,
    write_to: Option<&CalendarRef>,
) -> Result<Option<(&'a Integration, Integration)>, CatalogError> {
    let Some(at) = write_to else { return Ok(None) };
    let found = items.integration(&at.integration).filter(|found| found.is_live());
    let before = found.ok_or(CatalogError::UnknownCalendar)?;
    let calendar = before.calendars.iter().find(|calendar| calendar.id == at.calendar);
    if !calendar.ok_or(CatalogError::UnknownCalendar)?.writable {
        return Err(CatalogError::ReadOnlyCalendar);
    }
    let mut after = before.clone();
    after.add_event_calendar(&at.calendar);
    if after == *before {
        return Ok(None);
    }
    after.sync.due_at = before.is_active().then(|| app.clock.now());
    Ok(Some((before, after)))
}

/// Removes a host whom nothing needs any more, or archives one whom past bookings refer to. While there are bookings to
/// come it stays.
pub async fn remove_host(
    app: &App,
    tenant: &Tenant,
    id: &HostId,
    expected: &Expected,
) -> Result<Removed<Host>, CatalogError> {
    change(|| async {
        let items = items(app, &Scope::Tenant(tenant.clone()), id).await?;
        let before = &items.host;
        expected.check(Some(before.revision))?;
        check_unused(app, tenant, &items).await?;
        let has_bookings = app.store.has_bookings_of(tenant, id).await?;
        if has_bookings && before.archived {
            return Ok(Some(Removed::Archived(items.host)));
        }
        let archived = Host { archived: true, revision: before.revision + 1, ..before.clone() };
        let done = if has_bookings {
            app.store.change_host(tenant, before, &archived).await
        } else {
            app.store.remove_host(tenant, &items).await
        };
        let removed = if has_bookings { Removed::Archived(archived) } else { Removed::Gone };
        Ok(unless_lost(done)?.map(|()| removed))
    })
    .await
}

/// The first upcoming or running booking that matches.
pub(super) async fn first_upcoming(
    app: &App,
    tenant: &Tenant,
    host: &HostId,
    matches: impl Fn(&AgendaEntry) -> bool,
) -> Result<Option<AgendaEntry>, StoreError> {
    let now = app.clock.now();
    let is_upcoming = |entry: &AgendaEntry| entry.status.holds_cells() && now < entry.end.instant();
    let begun = now - TimeDelta::minutes(Ticks::LONGEST_CLAIM.minutes());
    let is_wanted = |entry: &AgendaEntry| is_upcoming(entry) && matches(entry);
    app.store.find_in_agenda(tenant, host, Some(Tick::floor(begun)), is_wanted).await
}

/// Live event types, integrations and bookings to come need their host. Read after the host: see
/// `store::catalog_writes`.
async fn check_unused(app: &App, tenant: &Tenant, items: &HostItems) -> Result<(), CatalogError> {
    let is_over = |status| matches!(status, IntegrationStatus::Disconnected);
    let integrations = items
        .integrations
        .iter()
        .filter(|integration| !is_over(integration.status) || integration.is_clearing());
    let event_types = app.store.event_types_strong(tenant).await?;
    let live = event_types.iter().filter(|found| found.hosts.contains(&items.host.id) && !found.archived);
    let booked = first_upcoming(app, tenant, &items.host.id, |_| true).await?;
    let users: Vec<_> = live
        .map(|found| found.slug.as_str())
        .chain(integrations.map(|found| found.id.as_str()))
        .chain(booked.iter().map(|entry| entry.booking.as_str()))
        .collect();
    if users.is_empty() { Ok(()) } else { Err(CatalogError::InUse(named(users))) }
}
