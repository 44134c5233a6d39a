//! OAuth round trips under way: known by the hash of their `state`, gone with their first use.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::item::{number, read, write};
use super::key::Key;
use super::{Store, StoreError};
use crate::domain::{HostId, IntegrationId, ProviderKind, Tenant};

/// SHA-256 of a `state`, in base64url: whoever reads the table cannot come back with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateHash(String);

impl StateHash {
    /// The hash of a state.
    pub fn of(state: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, state.as_bytes())))
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a `state` is bound to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuthState {
    /// Whose round trip it is.
    pub tenant: Tenant,
    /// The host whose calendar is to be connected.
    pub host: HostId,
    /// At which provider.
    pub provider: ProviderKind,
    /// The integration that waits for it.
    pub integration: IntegrationId,
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// Where the browser goes in the end.
    #[serde(default)]
    pub return_to: Option<String>,
    /// The PKCE verifier on the way out; the granted tokens while a click is awaited. Sealed.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
    /// Hash of the cookie that the browser got at the start.
    pub cookie_hash: String,
    /// After this it is worth nothing.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
}

impl Store {
    /// Remembers a round trip until it expires.
    pub async fn put_oauth_state(&self, hash: &StateHash, state: &OAuthState) -> Result<(), StoreError> {
        let mut item = write("oauth state", state)?;
        item.insert("ttl".to_owned(), number(state.expires_at.timestamp()));
        self.commit(&[Change::put(Key::oauth_state(hash), item)]).await
    }

    /// Takes a round trip out of the table: the first caller gets it, everyone after gets `None`, and so does
    /// one who comes too late.
    pub async fn take_oauth_state(&self, hash: &StateHash) -> Result<Option<OAuthState>, StoreError> {
        match self.delete_returning(Key::oauth_state(hash)).await {
            Ok(item) => {
                let state: OAuthState = read("oauth state", item)?;
                Ok((self.clock.now() < state.expires_at).then_some(state))
            }
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
