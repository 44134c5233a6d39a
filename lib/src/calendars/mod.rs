//! Calendars of every provider, behind traits of small verbs. Each call is one act at the provider, carries the
//! account's credential and its own deadline, and says by its answer or a [`CalendarError`] what the caller may do
//! next; deciding is the flows' part. What a provider cannot do is declared in its [`Capabilities`].
//!
//! The rule: unknown is never free. A calendar that could not be read, or not wholly, is named in
//! [`Busy::unreadable`] or is an error; it is never an empty list.
//!
//! The seam grows with what the flows need: next are `changes(cursor)` for incremental pulls, then push channels.

mod account;
mod error;
mod event;
pub mod google;
mod http;
mod ids;
#[cfg(test)]
mod loopback;
pub mod oauth;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

pub use self::account::{Account, Authorize, CalendarInfo, Call, Credential, Grant};
pub use self::error::CalendarError;
pub use self::event::{
    Busy, BusyQuery, CalendarEvent, Deletion, EventDraft, EventKey, Guest, Known, Notify, Placed, Put,
    Written,
};
pub use self::http::Http;
pub use self::ids::{CalendarId, EventId, ForeignIdError};
pub use self::oauth::ClientSecret;
use crate::domain::ProviderKind;

/// One provider of calendars.
#[derive(Clone, Debug)]
pub struct Provider {
    /// How its accounts are connected.
    pub auth: Arc<dyn OAuth>,
    /// Its calendars.
    pub calendar: Arc<dyn Calendar>,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// What a provider can do beyond what all of them can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether it makes a video conference with an event.
    pub conference: bool,
    /// Whether it deletes an event without a mail to its guests.
    pub silent_delete: bool,
    /// Whether it takes a grant back.
    pub revoke: bool,
}

/// The providers that this deployment has credentials for.
#[derive(Clone, Debug, Default)]
pub struct Calendars {
    providers: BTreeMap<ProviderKind, Provider>,
}

impl Calendars {
    /// With these providers.
    pub fn new(providers: impl IntoIterator<Item = (ProviderKind, Provider)>) -> Self {
        Self { providers: providers.into_iter().collect() }
    }

    /// The provider, or `None` when it is not set up here.
    pub fn of(&self, kind: ProviderKind) -> Option<&Provider> {
        self.providers.get(&kind)
    }
}

/// The consent of an account's owner, and the tokens that it gives (RFC 6749).
#[async_trait]
pub trait OAuth: Send + Sync + Debug {
    /// Where to send the host's browser to ask for consent.
    fn authorize_url(&self, authorize: &Authorize<'_>) -> Url;

    /// What the host left unticked: the scopes asked for that no granted scope covers. Empty when all is well.
    fn missing_scopes(&self, granted: &[String]) -> Vec<&'static str>;

    /// Turns the code of a callback into tokens. Sent once: a code is spent by its first use.
    async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &str,
        deadline: Instant,
    ) -> Result<Grant, CalendarError>;

    /// Turns a refresh token into a new access token. `Revoked` means that only the host can help.
    async fn refresh(&self, refresh: &SecretString, deadline: Instant) -> Result<Grant, CalendarError>;

    /// Gives the grant back. A token that the provider no longer knows counts as given back. Only called where the
    /// provider is capable of it.
    async fn revoke(&self, token: &SecretString, deadline: Instant) -> Result<(), CalendarError>;
}

/// The calendars of an account. `NotFound` says that the account does not see the calendar; what became of an event in a
/// calendar that it sees is in the answer.
#[async_trait]
pub trait Calendar: Send + Sync + Debug {
    /// Whose account it is.
    async fn account(&self, call: Call<'_>) -> Result<Account, CalendarError>;

    /// Every calendar in the account's list.
    async fn calendars(&self, call: Call<'_>) -> Result<Vec<CalendarInfo>, CalendarError>;

    /// What there is in the window. An error concerns the whole account; one calendar's stands in
    /// [`Busy::unreadable`].
    async fn busy(&self, call: Call<'_>, query: &BusyQuery<'_>) -> Result<Busy, CalendarError>;

    /// What the calendar says of one event; `None` when it has none by this id, or none any more.
    async fn event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
    ) -> Result<Option<Placed>, CalendarError>;

    /// The event that an earlier try under this key has made, whose answer may have been lost.
    async fn find_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        key: &EventKey,
    ) -> Result<Option<Placed>, CalendarError>;

    /// Writes an event: a new one under the draft's key, or, when it is known, in every field that is ours; what its
    /// owner added stays. It is written only while it is as known. A new event may be given another name than its key
    /// suggests: the answer says which.
    async fn put_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
        known: Option<&Known>,
        notify: Notify,
    ) -> Result<Put, CalendarError>;

    /// Deletes an event while it is as known.
    async fn delete_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        known: &Known,
        notify: Notify,
    ) -> Result<Deletion, CalendarError>;
}
