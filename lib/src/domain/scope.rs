//! What a caller may touch. Who acted is recorded as an [`Actor`].

use super::{Actor, Booking, BookingId, HostId, Hosts, Tenant};

/// What a caller may touch. Whatever lies outside is answered as if it did not exist: 404, not 403.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything of one tenant: an admin.
    Tenant(Tenant),
    /// What belongs to one host of a tenant: that host.
    Host(Tenant, HostId),
    /// One booking, as its guest. Made only by checking the booking's manage token, and void once that generation of it
    /// is revoked.
    Guest(Tenant, BookingId, u32),
    /// Nothing that is stored; anybody who knows a tenant's slug may hold and book what it offers.
    Public(Tenant),
}

impl Scope {
    /// The tenant, which every call to the store takes first.
    pub fn tenant(&self) -> &Tenant {
        match self {
            Self::Tenant(tenant) | Self::Host(tenant, _) | Self::Guest(tenant, ..) | Self::Public(tenant) => {
                tenant
            }
        }
    }

    /// Who acts with this scope, for the record.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Tenant(_) => Actor::Admin,
            Self::Host(..) => Actor::Host,
            Self::Guest(..) | Self::Public(_) => Actor::Guest,
        }
    }

    /// Whether it is a member of the tenant's staff: hours, notices and booking windows do not bind them.
    pub fn is_staff(&self) -> bool {
        match self {
            Self::Tenant(_) | Self::Host(..) => true,
            Self::Guest(..) | Self::Public(_) => false,
        }
    }

    /// Whether what belongs to this host may be touched.
    pub fn covers_host(&self, host: &HostId) -> bool {
        match self {
            Self::Tenant(_) => true,
            Self::Host(_, own) => own == host,
            Self::Guest(..) | Self::Public(_) => false,
        }
    }

    /// Whether what these hosts do together may be changed: that takes all of them.
    pub fn covers_all(&self, hosts: &Hosts) -> bool {
        hosts.iter().all(|host| self.covers_host(host))
    }

    /// Whether what these hosts do together may be seen and booked: one of them is enough.
    pub fn covers_any(&self, hosts: &Hosts) -> bool {
        hosts.iter().any(|host| self.covers_host(host))
    }

    /// Whether this booking may be touched.
    pub fn covers(&self, booking: &Booking) -> bool {
        match self {
            Self::Tenant(tenant) => booking.tenant == *tenant,
            Self::Host(tenant, own) => {
                booking.tenant == *tenant && booking.claim.hosts().any(|host| host == own)
            }
            Self::Guest(tenant, id, generation) => {
                booking.tenant == *tenant && booking.id == *id && booking.token_generation == *generation
            }
            Self::Public(_) => false,
        }
    }

    /// The one host that it is limited to; `None` when it is not limited to one.
    pub fn only_host(&self) -> Option<&HostId> {
        match self {
            Self::Host(_, own) => Some(own),
            Self::Tenant(_) | Self::Guest(..) | Self::Public(_) => None,
        }
    }
}
