//! Accounts at providers, over all tenants of a deployment.
//!
//! Giving back one grant of an account may end all of them: several integrations, of one tenant or of several, live on
//! one account. So a grant is given back only when no other integration of the deployment has the account.

use std::fmt;

use super::{IntegrationId, Tenant};

/// An account by a keyed hash of its provider and name: who reads the table does not learn whose accounts there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountHash(String);

impl AccountHash {
    /// From the bytes of a message authentication code.
    pub fn new(code: [u8; 32]) -> Self {
        Self(code.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
    }
}

impl fmt::Display for AccountHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One integration that has an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountMember {
    /// Whose.
    pub tenant: Tenant,
    /// Which.
    pub integration: IntegrationId,
}

impl fmt::Display for AccountMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.integration)
    }
}
