//! A person's exported calendar in place of Ada's demo events, so that a local run has a real week to book.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use fakes::google::{Google, Import, Imported, NotACalendar};

use crate::seed::{ADA_ACCOUNT, DEMO_EVENT, ada_zone};

/// Occurrences are loaded from so long ago, for the calendar's pages.
const PAST: TimeDelta = TimeDelta::days(366);
/// And so far ahead: further than any event type can be booked.
const AHEAD: TimeDelta = TimeDelta::days(740);

/// An iCalendar file to load into the simulated account of Ada.
#[derive(Clone, Debug)]
pub struct CalendarFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether to move it by whole weeks so that its first event lies in the present week.
    pub shift: bool,
}

/// Why the file was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum CalendarError {
    /// It cannot be read, or is not text.
    #[error("cannot read the calendar {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("cannot load the calendar {path}: {source}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NotACalendar,
    },
    /// Nobody's real calendar is written to.
    #[error("a calendar file can be loaded into the simulated Google only, and this is another one")]
    NotSimulated,
}

/// Puts the file's events in place of the demo's and of those of an earlier file.
pub(crate) fn load(
    google: Option<&Google>,
    file: &CalendarFile,
    now: DateTime<Utc>,
) -> Result<Imported, CalendarError> {
    let google = google.ok_or(CalendarError::NotSimulated)?;
    let path = || file.path.clone();
    let text = std::fs::read_to_string(&file.path)
        .map_err(|source| CalendarError::Unreadable { path: path(), source })?;
    google.add_account(ADA_ACCOUNT, "Ada Lovelace");
    // Not the zone that an earlier file named.
    google.set_time_zone(ADA_ACCOUNT, ada_zone().name());
    let import = Import { text: &text, from: now - PAST, to: now + AHEAD, shift: file.shift };
    let imported = google
        .import(ADA_ACCOUNT, ADA_ACCOUNT, import)
        .map_err(|source| CalendarError::Other { path: path(), source })?;
    for event in google.events(ADA_ACCOUNT, ADA_ACCOUNT) {
        if let Some(id) = event.get("id").and_then(serde_json::Value::as_str)
            && id.starts_with(DEMO_EVENT)
        {
            google.remove_event(ADA_ACCOUNT, ADA_ACCOUNT, id);
        }
    }
    Ok(imported)
}
