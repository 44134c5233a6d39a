//! The registry of accounts: which integrations of the deployment have an account.
//!
//! ```text
//! pk  A#<hash of provider and account>      sk  ACCOUNT
//! members         SS   tenant/integration
//! revoking_until  N    the last has left, and its grant is being given back: nobody joins before this
//! ```

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};

use super::change::Change;
use super::integrations::settings::check_disconnected;
use super::item::seconds;
use super::key::Key;
use super::{Store, StoreError};
use crate::domain::{AccountHash, AccountMember, Integration};

/// Longer than the call that gives a grant back.
const REVOKING: TimeDelta = TimeDelta::seconds(20);

impl Store {
    /// Until when the grant of an account is being given back, if it is.
    pub async fn revoking_until(&self, account: &AccountHash) -> Result<Option<DateTime<Utc>>, StoreError> {
        let item = self.get(Key::account(account)).await?;
        let until = item.and_then(|item| item.get("revoking_until")?.as_n().ok()?.parse().ok());
        let until = until.and_then(|until| DateTime::from_timestamp(until, 0));
        Ok(until.filter(|until| self.clock.now() < *until))
    }

    /// Takes a disconnected integration out of the registry, while it is the one that was read.
    pub async fn leave_account(
        &self,
        account: &AccountHash,
        integration: &Integration,
    ) -> Result<(), StoreError> {
        let member =
            AccountMember { tenant: integration.tenant.clone(), integration: integration.id.clone() };
        let leave =
            Change::update(Key::account(account), "DELETE members :member").value(":member", set(&member));
        self.commit(&[leave, check_disconnected(integration)]).await
    }

    /// Begins to give back the grant of an account; [`StoreError::Conflict`] when some integration has it.
    pub async fn begin_revoking(&self, account: &AccountHash) -> Result<(), StoreError> {
        let until = self.clock.now() + REVOKING;
        let change = Change::update(Key::account(account), "SET revoking_until = :until")
            .when("attribute_not_exists(members)")
            .value(":until", seconds(until));
        self.commit(&[change]).await
    }

    /// The grant has been given back, or could not be: the account may be connected again.
    pub async fn end_revoking(&self, account: &AccountHash) -> Result<(), StoreError> {
        let change = Change::delete(Key::account(account)).when("attribute_not_exists(members)");
        match self.commit(&[change]).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }
}

/// Puts an integration into the registry, unless the account's grant is being given back.
pub(super) fn join(account: &AccountHash, member: &AccountMember, now: DateTime<Utc>) -> Change {
    Change::update(Key::account(account), "ADD members :member REMOVE revoking_until")
        .when("attribute_not_exists(revoking_until) OR revoking_until <= :now")
        .value(":member", set(member))
        .value(":now", seconds(now))
}

fn set(member: &AccountMember) -> AttributeValue {
    AttributeValue::Ss(vec![member.to_string()])
}
