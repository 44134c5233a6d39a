//! A business: what it calls itself, where and in which language, and for how long it keeps what guests told it.

use serde::{Deserialize, Serialize};

use super::{Tenant, Zone};

/// A tenant's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSettings {
    /// The name that guests see.
    pub name: String,
    /// The zone in which the business reads times where no host's or guest's zone applies.
    pub zone: Zone,
    /// BCP 47 language tag of its pages and mails.
    pub locale: String,
    /// The line under its name on the public pages.
    #[serde(default)]
    pub claim: Option<String>,
    /// Origins whose pages may call the public API from a browser; none: those of the deployment.
    #[serde(default)]
    pub cors_origins: Vec<String>,
    /// Days after a booking's end at which its guest's data are erased; kept for good when `None`. A booking keeps
    /// what was set when it was made.
    #[serde(default)]
    pub retention_days: Option<u16>,
    /// Raised by every change: the `ETag`.
    #[serde(default)]
    pub revision: u64,
}

/// Whose a data key is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    /// A tenant's: it seals what is theirs.
    Tenant(Tenant),
    /// The deployment's own: for what is kept over all tenants.
    Deployment,
}
