//! Kinds of providers: one that takes our names for events, keeps marks and deletes silently, and one that does none of
//! that.

use std::sync::Arc;

use async_trait::async_trait;
use holdfast::App;
use holdfast::calendars::{
    Account, Busy, BusyQuery, Calendar, CalendarError, CalendarId, CalendarInfo, Calendars, Call,
    Capabilities, Deletion, EventDraft, EventId, EventKey, Known, Notify, Placed, Provider, Put,
};
use holdfast::domain::ProviderKind;

/// Google behind a provider that names events itself and keeps to the key under which one is created. It keeps no marks,
/// mails the guests of every event that it deletes, and takes no grant back.
#[derive(Clone, Debug)]
pub(crate) struct OwnNames(Arc<dyn Calendar>);

impl OwnNames {
    /// The same providers, each behind such a one.
    fn around(calendars: &Calendars) -> Calendars {
        let google = calendars.of(ProviderKind::Google).map(|google| Provider {
            auth: Arc::clone(&google.auth),
            calendar: Arc::new(Self(Arc::clone(&google.calendar))),
            capabilities: Capabilities { silent_delete: false, revoke: false, ..google.capabilities },
        });
        Calendars::new(google.map(|google| (ProviderKind::Google, google)))
    }

    /// What it calls an event of Google's: nothing that a key could be read from.
    fn outside(id: &EventId) -> EventId {
        let name: String = id.as_str().chars().rev().collect();
        format!("AAMk_{name}").parse().unwrap()
    }

    /// `None` for a name that it never gave.
    fn inside(id: &EventId) -> Option<EventId> {
        let name = id.as_str().strip_prefix("AAMk_")?;
        Some(name.chars().rev().collect::<String>().parse().unwrap())
    }

    fn known_inside(known: &Known) -> Option<Known> {
        Some(Known { id: Self::inside(&known.id)?, etag: known.etag.clone() })
    }

    fn placed(placed: Placed) -> Placed {
        Placed { id: Self::outside(&placed.id), written: None, ..placed }
    }
}

#[async_trait]
impl Calendar for OwnNames {
    async fn account(&self, call: Call<'_>) -> Result<Account, CalendarError> {
        let account = self.0.account(call).await?;
        Ok(Account { id: format!("00-{}", account.id), ..account })
    }

    async fn calendars(&self, call: Call<'_>) -> Result<Vec<CalendarInfo>, CalendarError> {
        self.0.calendars(call).await
    }

    async fn busy(&self, call: Call<'_>, query: &BusyQuery<'_>) -> Result<Busy, CalendarError> {
        // Without marks nothing can be left out.
        let conflicts = [query.conflicts, query.with_own].concat();
        let mut busy = self.0.busy(call, &BusyQuery { conflicts: &conflicts, ..*query }).await?;
        for (_, event) in &mut busy.events {
            (event.id, event.key) = (Self::outside(&event.id), None);
        }
        Ok(busy)
    }

    async fn event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
    ) -> Result<Option<Placed>, CalendarError> {
        let Some(id) = Self::inside(id) else { return Ok(None) };
        Ok(self.0.event(call, calendar, &id).await?.map(Self::placed))
    }

    async fn find_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        key: &EventKey,
    ) -> Result<Option<Placed>, CalendarError> {
        Ok(self.0.find_event(call, calendar, key).await?.map(Self::placed))
    }

    async fn put_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
        known: Option<&Known>,
        notify: Notify,
    ) -> Result<Put, CalendarError> {
        let known = match known.map(Self::known_inside) {
            Some(None) => return Ok(Put::Deleted),
            Some(Some(known)) => Some(known),
            None => None,
        };
        Ok(match self.0.put_event(call, calendar, draft, known.as_ref(), notify).await? {
            Put::Placed(placed) => Put::Placed(Self::placed(placed)),
            Put::Changed(placed) => Put::Changed(Self::placed(placed)),
            Put::Deleted => Put::Deleted,
        })
    }

    async fn delete_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        known: &Known,
        _notify: Notify,
    ) -> Result<Deletion, CalendarError> {
        let Some(known) = Self::known_inside(known) else { return Ok(Deletion::Done) };
        Ok(match self.0.delete_event(call, calendar, &known, Notify::Guests).await? {
            Deletion::Changed(placed) => Deletion::Changed(Self::placed(placed)),
            Deletion::Done => Deletion::Done,
        })
    }
}

/// Who names events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// We do.
    Ours,
    /// The provider.
    Theirs,
}

/// The same process at such a provider.
pub(crate) fn at(names: Names, mut process: App) -> App {
    if let Names::Theirs = names {
        process.calendars = OwnNames::around(&process.calendars);
    }
    process
}

/// What stands before the providers of every process.
pub(crate) fn between(names: Names) -> Option<fn(Calendars) -> Calendars> {
    match names {
        Names::Ours => None,
        Names::Theirs => Some(|calendars| OwnNames::around(&calendars)),
    }
}
