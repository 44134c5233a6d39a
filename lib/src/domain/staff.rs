//! For whom a member of staff may act.

use super::HostId;

/// How far somebody's word reaches within a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// An admin: the whole tenant.
    Tenant,
    /// A host: what is the host's own.
    Host(HostId),
}

impl Reach {
    /// Whether what belongs to this host is within reach. What is not, is not there: 404, not 403.
    pub fn covers(&self, host: &HostId) -> bool {
        match self {
            Self::Tenant => true,
            Self::Host(own) => own == host,
        }
    }

    /// The one host that it is about; `None` for all of them.
    pub fn only(&self) -> Option<&HostId> {
        match self {
            Self::Tenant => None,
            Self::Host(own) => Some(own),
        }
    }
}
