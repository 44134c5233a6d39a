//! What a tenant offers, as anybody may read it: from memory where it is young, and never from a calendar.

use crate::app::App;
use crate::domain::{EventType, EventTypeSlug, Tenant, TenantSettings, Zone};
use crate::store::StoreError;

/// A tenant and what stands in its public list.
#[derive(Clone, Debug)]
pub struct Offers {
    /// The tenant.
    pub tenant: TenantSettings,
    /// Its event types that are open and listed, in the order of their titles.
    pub event_types: Vec<EventType>,
}

/// One event type that can be booked, listed or not.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The tenant.
    pub tenant: TenantSettings,
    /// The event type.
    pub event_type: EventType,
    /// Who is booked.
    pub host_name: String,
    /// The zone of the hours that it goes by.
    pub zone: Zone,
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum OffersError {
    /// No tenant by that name.
    #[error("there is no such tenant")]
    UnknownTenant,
    /// No open event type by that slug.
    #[error("there is no such event type")]
    UnknownEventType,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A tenant and its public list.
pub async fn read_offers(app: &App, tenant: &Tenant) -> Result<Offers, OffersError> {
    let (settings, event_types) =
        tokio::try_join!(app.store.tenant_remembered(tenant), app.store.event_types(tenant))?;
    let settings = settings.ok_or(OffersError::UnknownTenant)?;
    let is_offered = |event_type: &EventType| event_type.is_open() && event_type.listed;
    let mut event_types: Vec<_> = event_types.into_iter().filter(is_offered).collect();
    event_types.sort_by_cached_key(|event_type| (event_type.title.to_lowercase(), event_type.slug.clone()));
    Ok(Offers { tenant: settings, event_types })
}

/// One event type, for a guest who has its link.
pub async fn read_offer(app: &App, tenant: &Tenant, slug: &EventTypeSlug) -> Result<Offer, OffersError> {
    let (settings, event_type) =
        tokio::try_join!(app.store.tenant_remembered(tenant), app.store.event_type(tenant, slug))?;
    let settings = settings.ok_or(OffersError::UnknownTenant)?;
    let event_type = event_type.filter(EventType::is_open).ok_or(OffersError::UnknownEventType)?;
    let host = app.store.host_remembered(tenant, event_type.hosts.organizer()).await?;
    let host = host.filter(|host| !host.host.archived).ok_or(OffersError::UnknownEventType)?;
    let zone = host.schedule(&event_type).map_or(settings.zone, |schedule| schedule.zone);
    Ok(Offer { tenant: settings, event_type, host_name: host.host.name, zone })
}
