//! An integration's settings and status.

use crate::domain::{Integration, IntegrationStatus};
use crate::store::change::Change;
use crate::store::item::{diff, number, text, write};
use crate::store::key::Key;
use crate::store::{Item, StoreError};

/// Only if it was not connected again since it was read.
pub(super) fn still_disconnected(change: Change, integration: &Integration) -> Change {
    change
        .when("#status = :disconnected AND #revision = :revision")
        .name("#status", "status")
        .name("#revision", "revision")
        .value(":disconnected", text(IntegrationStatus::Disconnected.as_str()))
        .value(":revision", number(integration.revision))
}

/// The same as a condition of a transaction.
pub(in crate::store) fn check_disconnected(integration: &Integration) -> Change {
    still_disconnected(Change::check(key_of(integration)), integration)
}

/// The change of settings and status, if there is one, under the revision that was read; it is raised.
pub(super) fn settings_part(
    before: &Integration,
    after: &mut Integration,
) -> Result<Option<Change>, StoreError> {
    let before_item = stored(before)?;
    if stored(after)? == before_item {
        return Ok(None);
    }
    after.revision = before.revision + 1;
    let change = diff(key_of(before), &before_item, &stored(after)?)
        .when("#revision = :revision")
        .name("#revision", "revision")
        .value(":revision", number(before.revision));
    Ok(Some(change))
}

/// The attributes of settings and status.
pub(super) fn stored(integration: &Integration) -> Result<Item, StoreError> {
    write("integration", integration)
}

pub(super) fn key_of(integration: &Integration) -> Key {
    Key::integration(&integration.tenant, &integration.host, &integration.id)
}
