//! Connected calendar accounts: connect, settings, disconnect, and the session with the provider.

pub(in crate::flows) mod connect;
pub(in crate::flows) mod disconnect;
pub(in crate::flows) mod session;
pub(in crate::flows) mod settings;

use crate::app::App;
use crate::calendars::CalendarInfo;
use crate::domain::{AccountCalendar, AccountHash, ProviderKind};
use crate::flows::keys::{KeyError, deployment_key};

/// What is remembered of an account's calendars.
pub(in crate::flows) fn known_calendars(listed: &[CalendarInfo]) -> Vec<AccountCalendar> {
    let known = |calendar: &CalendarInfo| AccountCalendar {
        id: calendar.id.as_str().to_owned(),
        writable: calendar.owned,
    };
    listed.iter().map(known).collect()
}

/// What an account goes by in the deployment's registry.
pub(in crate::flows) async fn account_hash(
    app: &App,
    provider: ProviderKind,
    account: &str,
) -> Result<AccountHash, KeyError> {
    let key = deployment_key(app).await?;
    Ok(AccountHash::new(key.mac("account", format!("{} {account}", provider.as_str()).as_bytes())))
}
