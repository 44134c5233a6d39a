//! Kinds of providers: one that takes our names for events, and one that gives its own.

use std::sync::Arc;

use async_trait::async_trait;
use holdfast::App;
use holdfast::calendars::{
    Account, Authorize, Busy, BusyQuery, Calendar, CalendarError, CalendarId, CalendarInfo, Calendars, Call,
    EventDraft, EventId, Grant, Notify, Placed,
};
use holdfast::domain::ProviderKind;
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

/// Google behind a provider that names events itself and keeps to the key under which one is created.
#[derive(Clone, Debug)]
pub(crate) struct OwnNames(Calendars);

impl OwnNames {
    fn inner(&self) -> &dyn Calendar {
        self.0.of(ProviderKind::Google).expect("Google")
    }

    /// What it calls an event of Google's: nothing that a key could be read from.
    fn outside(id: &EventId) -> EventId {
        let name: String = id.as_str().chars().rev().collect();
        format!("AAMk_{name}").parse().unwrap()
    }

    fn inside(id: &EventId) -> Result<EventId, CalendarError> {
        let name = id.as_str().strip_prefix("AAMk_").ok_or(CalendarError::NotFound)?;
        Ok(name.chars().rev().collect::<String>().parse().unwrap())
    }

    fn placed(placed: Placed) -> Placed {
        Placed { id: Self::outside(&placed.id), ..placed }
    }
}

#[async_trait]
impl Calendar for OwnNames {
    fn authorize_url(&self, authorize: &Authorize<'_>) -> Url {
        self.inner().authorize_url(authorize)
    }

    fn missing_scopes(&self, granted: &[String]) -> Vec<&'static str> {
        self.inner().missing_scopes(granted)
    }

    async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &str,
        deadline: Instant,
    ) -> Result<Grant, CalendarError> {
        self.inner().exchange(code, verifier, redirect_uri, deadline).await
    }

    async fn refresh(&self, refresh: &SecretString, deadline: Instant) -> Result<Grant, CalendarError> {
        self.inner().refresh(refresh, deadline).await
    }

    async fn revoke(&self, token: &SecretString, deadline: Instant) -> Result<(), CalendarError> {
        self.inner().revoke(token, deadline).await
    }

    async fn account(&self, call: Call<'_>) -> Result<Account, CalendarError> {
        self.inner().account(call).await
    }

    async fn calendars(&self, call: Call<'_>) -> Result<Vec<CalendarInfo>, CalendarError> {
        self.inner().calendars(call).await
    }

    async fn has_calendar(&self, call: Call<'_>, calendar: &CalendarId) -> Result<bool, CalendarError> {
        self.inner().has_calendar(call, calendar).await
    }

    async fn busy(&self, call: Call<'_>, query: &BusyQuery<'_>) -> Result<Busy, CalendarError> {
        let mut busy = self.inner().busy(call, query).await?;
        for (_, event) in &mut busy.own {
            event.id = Self::outside(&event.id);
        }
        Ok(busy)
    }

    async fn event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
    ) -> Result<Placed, CalendarError> {
        self.inner().event(call, calendar, &Self::inside(id)?).await.map(Self::placed)
    }

    async fn find_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
    ) -> Result<Placed, CalendarError> {
        self.inner().find_event(call, calendar, draft).await.map(Self::placed)
    }

    async fn insert_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
        notify: Notify,
    ) -> Result<Placed, CalendarError> {
        self.inner().insert_event(call, calendar, draft, notify).await.map(Self::placed)
    }

    async fn update_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
        draft: &EventDraft,
        notify: Notify,
    ) -> Result<Placed, CalendarError> {
        self.inner().update_event(call, calendar, &Self::inside(id)?, draft, notify).await.map(Self::placed)
    }

    async fn delete_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
        etag: Option<&str>,
        notify: Notify,
    ) -> Result<(), CalendarError> {
        self.inner().delete_event(call, calendar, &Self::inside(id)?, etag, notify).await
    }
}

/// Who names events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Names {
    /// We do.
    Ours,
    /// The provider.
    Theirs,
}

/// The same process at such a provider.
pub(crate) fn at(names: Names, mut process: App) -> App {
    if let Names::Theirs = names {
        process.calendars = Calendars::new(Some(Arc::new(OwnNames(process.calendars.clone()))));
    }
    process
}

/// What stands before the providers of every process.
pub(crate) fn between(names: Names) -> Option<fn(Calendars) -> Calendars> {
    match names {
        Names::Ours => None,
        Names::Theirs => Some(|calendars| Calendars::new(Some(Arc::new(OwnNames(calendars))))),
    }
}
