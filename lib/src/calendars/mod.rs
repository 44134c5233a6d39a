//! Calendars behind one trait of small verbs. Each call is one act at the provider, carries the access token and
//! its own deadline, and says by a [`CalendarError`] what the caller may do next; deciding is the flows' part.
//!
//! The rule: unknown is never free. A calendar that could not be read, or not wholly, is named in
//! [`Busy::unreadable`] or is an error; it is never an empty list.
//!
//! The trait grows with what the flows need: next are `changes(cursor)` for incremental pulls, then push channels.

mod error;
pub mod google;
mod http;
mod ids;
#[cfg(test)]
mod loopback;
pub mod oauth;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

pub use self::error::CalendarError;
pub use self::http::Http;
pub use self::ids::{CalendarId, EventId, EventKey, ForeignIdError};
pub use self::oauth::ClientSecret;
use crate::domain::{Conference, IntegrationId, ProviderKind, Span, Visibility, Zone};

/// The private property under which an event of ours names its integration.
pub const INTEGRATION_PROPERTY: &str = "holdfast_integration";
/// The private property under which an event of ours names its booking.
pub const BOOKING_PROPERTY: &str = "holdfast_booking";

/// One provider of calendars.
#[async_trait]
pub trait Calendar: Send + Sync + Debug {
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

    /// Gives the grant back. A token that the provider no longer knows counts as given back.
    async fn revoke(&self, token: &SecretString, deadline: Instant) -> Result<(), CalendarError>;

    /// Whose account it is.
    async fn account(&self, call: Call<'_>) -> Result<Account, CalendarError>;

    /// Every calendar in the account's list.
    async fn calendars(&self, call: Call<'_>) -> Result<Vec<CalendarInfo>, CalendarError>;

    /// Whether the account can see this calendar.
    async fn has_calendar(&self, call: Call<'_>, calendar: &CalendarId) -> Result<bool, CalendarError>;

    /// What blocks time in the window. An error concerns the whole account; one calendar's stands in
    /// [`Busy::unreadable`].
    async fn busy(&self, call: Call<'_>, query: &BusyQuery<'_>) -> Result<Busy, CalendarError>;

    /// What the calendar says of one event. A deleted one is `Gone`, one never heard of `NotFound`.
    async fn event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
    ) -> Result<Placed, CalendarError>;

    /// The event that an earlier try with this draft's key has made, whose answer may have been lost. `Gone` when it
    /// was made and deleted since, `NotFound` when there is none.
    async fn find_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
    ) -> Result<Placed, CalendarError>;

    /// Writes a new event under the draft's key, and has the calendar tell its guest or nobody. `Conflict` says that the
    /// key is taken, perhaps by an earlier try of one's own whose answer was lost: find the event, then update it. The
    /// answer names the event, which need not be the name that was asked for.
    async fn insert_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
        notify: Notify,
    ) -> Result<Placed, CalendarError>;

    /// Makes the event say what the draft says, in every field that is ours; what its owner added stays.
    async fn update_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
        draft: &EventDraft,
        notify: Notify,
    ) -> Result<Placed, CalendarError>;

    /// Deletes the event, with an `etag` only while it is that version: `Changed` if not. `NotFound` and `Gone` are told
    /// apart from success: the caller knows what they mean.
    async fn delete_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
        etag: Option<&str>,
        notify: Notify,
    ) -> Result<(), CalendarError>;
}

/// The providers that this deployment has credentials for.
#[derive(Clone, Debug, Default)]
pub struct Calendars {
    google: Option<Arc<dyn Calendar>>,
}

impl Calendars {
    /// With Google's calendars, or without when there are no credentials.
    pub fn new(google: Option<Arc<dyn Calendar>>) -> Self {
        Self { google }
    }

    /// The provider's calendars, or `None` when it is not set up here.
    pub fn of(&self, provider: ProviderKind) -> Option<&dyn Calendar> {
        match provider {
            ProviderKind::Google => self.google.as_deref(),
        }
    }
}

/// Who hears from the provider of what is done to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Its guests: there is a new booking, or one was changed or called off.
    Guests,
    /// Nobody: the booking stands, and only its event comes or goes.
    Nobody,
}

/// What every call to a calendar carries.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The access token.
    pub access: &'a SecretString,
    /// When the caller stops waiting. Tries and pauses between them all end before it.
    pub deadline: Instant,
}

/// What the consent page is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Authorize<'a> {
    /// The single-use value that ties the callback to its start.
    pub state: &'a str,
    /// The S256 challenge of the PKCE verifier (RFC 7636).
    pub challenge: &'a str,
    /// Where the provider sends the browser back to, exactly as registered there.
    pub redirect_uri: &'a str,
    /// The account to offer first, usually the host's mail address.
    pub login_hint: Option<&'a str>,
}

/// Tokens, as a provider has just given them.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The access token.
    pub access: SecretString,
    /// The refresh token. `None` on a refresh means: keep the old one.
    pub refresh: Option<SecretString>,
    /// When the access token ends, counted from before it was asked for.
    pub expires_at: DateTime<Utc>,
    /// The scopes granted. Empty when the answer names none, as it may on a refresh: they are as before.
    pub scopes: Vec<String>,
}

/// The account behind a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its mail address.
    pub email: String,
    /// The calendar that its owner uses unless they name another.
    pub default_calendar: CalendarId,
    /// The IANA zone of its main calendar, as the provider writes it.
    pub time_zone: Option<String>,
}

/// One calendar in an account's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarInfo {
    /// Its id.
    pub id: CalendarId,
    /// The name that its owner sees.
    pub name: String,
    /// Whether it is the account's main calendar.
    pub primary: bool,
    /// Whether the account may write events to it at all.
    pub writable: bool,
    /// Whether it belongs to the account, and so can be a target under the scopes that we ask for.
    pub owned: bool,
    /// Its IANA zone, as the provider writes it.
    pub time_zone: Option<String>,
}

/// Which calendars to read for busy time, and how.
#[derive(Clone, Copy, Debug)]
pub struct BusyQuery<'a> {
    /// The time asked about.
    pub window: Span,
    /// The calendars that block.
    pub conflicts: &'a [CalendarId],
    /// The calendars that have or had events of ours. They are read event by event, to leave ours out. Of one that does
    /// not block, only our own are collected.
    pub with_own: &'a [CalendarId],
    /// The integration whose events are ours.
    pub integration: &'a IntegrationId,
}

/// What blocks time in a window.
#[derive(Clone, Debug, Default)]
pub struct Busy {
    /// Other people's time: inside the window, rounded outward, in no order, perhaps overlapping.
    pub spans: Vec<Span>,
    /// Our own events, each with its calendar.
    pub own: Vec<(CalendarId, OwnEvent)>,
    /// Calendars that were not read wholly, and why. `spans` still holds what was understood of them.
    pub unreadable: Vec<(CalendarId, CalendarError)>,
}

impl Busy {
    fn extend(&mut self, other: Busy) {
        self.spans.extend(other.spans);
        self.own.extend(other.own);
        self.unreadable.extend(other.unreadable);
    }
}

/// An event that we wrote: its id is of our form, and it carries the marks of this integration and of the booking
/// that the id names. A copy made by a person has another id, and counts as any other event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEvent {
    /// Its id.
    pub id: EventId,
    /// What it stands for.
    pub key: EventKey,
    /// When it starts, to the second.
    pub starts_at: DateTime<Utc>,
    /// When it ends, to the second.
    pub ends_at: DateTime<Utc>,
    /// The same time on the grid, rounded outward.
    pub span: Span,
    /// Its version at the provider.
    pub etag: Option<String>,
    /// Whether it would count as busy if it were not ours (its owner may have marked it free).
    pub blocks: bool,
}

/// An event as it should stand in the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// Under which key it is created.
    pub key: EventKey,
    /// The integration that writes it.
    pub integration: IntegrationId,
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// The zone that the calendar shows it in.
    pub time_zone: Zone,
    /// The title.
    pub title: String,
    /// The description, in plain text.
    pub description: String,
    /// The place, phone number or link.
    pub location: Option<String>,
    /// Whom to invite.
    pub guest: Option<Guest>,
    /// How much of it people see who share the calendar.
    pub visibility: Visibility,
    /// Whether the calendar is to make a video conference with it. Asked for twice, it is made once; an event that
    /// has one keeps it when it is updated without asking.
    pub conference: bool,
    /// Minutes before the start at which its owner is reminded. Providers keep a few: Google 5, up to 4 weeks.
    pub reminder_minutes: Vec<u16>,
}

/// A guest as the calendar invites them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The name to show.
    pub name: String,
    /// The address to invite.
    pub email: String,
}

/// What the calendar says of an event that stands. One that was cancelled or deleted is [`CalendarError::Gone`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its id, as the provider says it.
    pub id: EventId,
    /// Its version at the provider.
    pub etag: Option<String>,
    /// When it starts, to the second.
    pub starts_at: DateTime<Utc>,
    /// When it ends, to the second.
    pub ends_at: DateTime<Utc>,
    /// Its page at the provider, for those who may see it.
    pub link: Option<String>,
    /// Its video conference. Providers make one in their own time: read the event again while it is pending.
    pub conference: Option<Conference>,
}
