//! Connected calendar accounts: connect, settings, disconnect, and the session with the provider.

pub(in crate::flows) mod connect;
pub(in crate::flows) mod disconnect;
pub(in crate::flows) mod session;
pub(in crate::flows) mod settings;

use crate::calendars::CalendarInfo;
use crate::domain::AccountCalendar;

/// What is remembered of an account's calendars.
pub(in crate::flows) fn known_calendars(listed: &[CalendarInfo]) -> Vec<AccountCalendar> {
    let known = |calendar: &CalendarInfo| AccountCalendar {
        id: calendar.id.as_str().to_owned(),
        writable: calendar.owned,
    };
    listed.iter().map(known).collect()
}
