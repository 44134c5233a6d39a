//! Accounts at a provider: how consent is asked for, what it gives, and what every call carries.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::time::Instant;

use super::CalendarId;

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

/// What shows a provider for whom a call is made.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An OAuth access token (RFC 6750).
    Bearer(SecretString),
}

/// What every call to a calendar carries.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// For whom.
    pub credential: &'a Credential,
    /// When the caller stops waiting. Tries and pauses between them all end before it.
    pub deadline: Instant,
}

/// The account behind a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What it goes by at its provider for good: the same account connected again has the same.
    pub id: String,
    /// What its owner knows it by, usually a mail address.
    pub label: String,
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
