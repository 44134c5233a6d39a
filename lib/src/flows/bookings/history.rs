//! A booking's history: its versions, from what `relay` has written and from what the booking itself says of its first
//! and its present one. `relay` comes a moment after every change: what is not known by then is left open, not guessed.

use chrono::{DateTime, Utc};

use super::error::BookingError;
use crate::app::App;
use crate::domain::{Actor, Booking, BookingId, BookingStatus, Scope, Span, Zone};
use crate::events::booking_action;
use crate::store::HistoryEntry;

/// What became of a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The zone in which its guest reads times.
    pub time_zone: Zone,
    /// Its versions in order, each once. Between the first and the present one some may not be there yet.
    pub versions: Vec<BookingVersion>,
}

/// One version of a booking, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookingVersion {
    /// Its number.
    pub version: u64,
    /// When it was made, if that is known by now.
    pub at: Option<DateTime<Utc>>,
    /// Who made it.
    pub actor: Actor,
    /// What was done, in one word, if that is known by now.
    pub action: Option<String>,
    /// Its status; `None` when that stayed or is not known by now.
    pub status: Option<Changed<BookingStatus>>,
    /// Its time; `None` when that stayed or is not known by now.
    pub span: Option<Changed<Span>>,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed<T> {
    /// Before; `None` when the booking was new.
    pub from: Option<T>,
    /// Since.
    pub to: T,
}

/// The history of a booking within a staff member's scope.
pub async fn read_history(app: &App, scope: &Scope, id: &BookingId) -> Result<History, BookingError> {
    let found = app.store.booking(scope.tenant(), id).await?;
    let booking = found.filter(|booking| scope.covers(booking)).ok_or(BookingError::UnknownBooking)?;
    let written = app.store.history(scope.tenant(), id).await?;
    Ok(History { time_zone: booking.guest.time_zone, versions: versions(&booking, &written) })
}

/// All versions that are known. `written` is in order and has none of the first version; it may end before the booking's
/// present version, and behind it when the booking was read earlier.
fn versions(booking: &Booking, written: &[HistoryEntry]) -> Vec<BookingVersion> {
    let mut versions = vec![first(booking, written)];
    versions.extend(written.iter().map(later));
    if versions.iter().all(|known| known.version != booking.version) {
        let at = versions.partition_point(|known| known.version < booking.version);
        versions.insert(at, present(booking, written));
    }
    versions
}

/// What the first version said is what the second found.
fn first(booking: &Booking, written: &[HistoryEntry]) -> BookingVersion {
    let second = written.iter().find(|entry| entry.version == 2);
    let state = match second {
        Some(second) => {
            Some((second.from_status.unwrap_or(second.status), second.from_span.unwrap_or(second.span)))
        }
        None => (booking.version == 1).then(|| (booking.status, booking.span())),
    };
    BookingVersion {
        version: 1,
        at: Some(booking.created_at),
        actor: booking.created_by.clone(),
        action: Some("created".to_owned()),
        status: state.map(|(status, _)| Changed { from: None, to: status }),
        span: state.map(|(_, span)| Changed { from: None, to: span }),
    }
}

fn later(entry: &HistoryEntry) -> BookingVersion {
    BookingVersion {
        version: entry.version,
        at: entry.at,
        actor: entry.actor.clone(),
        action: Some(entry.action.clone()),
        status: entry.from_status.map(|from| Changed { from: Some(from), to: entry.status }),
        span: entry.from_span.map(|from| Changed { from: Some(from), to: entry.span }),
    }
}

/// The version that the booking has, while it is not written. What it changed shows only beside the version before.
fn present(booking: &Booking, written: &[HistoryEntry]) -> BookingVersion {
    let before = written.iter().find(|entry| entry.version + 1 == booking.version);
    let before = before.map(|entry| Booking {
        status: entry.status,
        start: entry.span.start,
        length: entry.span.len(),
        ..booking.clone()
    });
    let status = before.as_ref().map(|before| before.status).filter(|status| *status != booking.status);
    let span = before.as_ref().map(Booking::span).filter(|span| *span != booking.span());
    BookingVersion {
        version: booking.version,
        at: None,
        actor: booking.changed_by.clone(),
        action: before.as_ref().map(|before| booking_action(Some(before), booking).to_owned()),
        status: status.map(|from| Changed { from: Some(from), to: booking.status }),
        span: span.map(|from| Changed { from: Some(from), to: booking.span() }),
    }
}
