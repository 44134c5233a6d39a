//! Providers that mail the guests of every event that is removed: what stands behind a booking that takes place is removed
//! from them only when somebody who was told how many guests that mails has chosen it.

use crate::app::App;
use crate::domain::{AgendaEntry, CalendarRef, HostItems, Integration, Scope};
use crate::store::StoreError;

/// A provider would mail guests that their event is cancelled, although their booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider of the calendar would mail {guests} guests that their event is cancelled")]
pub struct WouldMailGuests {
    /// How many.
    pub guests: u32,
}

/// How many guests the providers would mail if the events of a host's bookings were removed from these calendars.
/// [`WouldMailGuests`] if any, unless that is `chosen`. Nothing is read where no provider does so.
pub(in crate::flows) async fn mails_guests(
    app: &App,
    scope: &Scope,
    items: &HostItems,
    chosen: bool,
    is_removed_from: impl Fn(&CalendarRef) -> bool,
) -> Result<Result<(), WouldMailGuests>, StoreError> {
    let mails = |integration: &Integration| integration.is_live() && integration.mails_on_removal;
    if chosen || !items.integrations.iter().any(mails) {
        return Ok(Ok(()));
    }
    let now = app.clock.now();
    let entries = app.store.agenda_ahead(scope.tenant(), &items.host.id).await?;
    let is_mailed = |entry: &&AgendaEntry| {
        let mut stands_in = entry.may_stand_in().filter(|at| is_removed_from(at));
        let is_upcoming = entry.status.wants_event() && now < entry.end.instant();
        is_upcoming && stands_in.any(|at| items.integration(&at.integration).is_some_and(mails))
    };
    let guests = u32::try_from(entries.iter().filter(is_mailed).count()).unwrap_or(u32::MAX);
    Ok(if guests == 0 { Ok(()) } else { Err(WouldMailGuests { guests }) })
}
