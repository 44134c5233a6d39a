//! Once: a request that carries an Idempotency-Key does its act one time, however often it is sent.
//!
//! The act's own transaction writes what it came to. Whoever comes with the same key and the same body afterwards, or at
//! the same time, gets that answer; with another body the key is refused.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{Context, SHA256};

use crate::app::App;
use crate::domain::Tenant;
use crate::store::{Once, StoreError};

/// How long a key is remembered.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 16 to 200 visible ASCII characters, best a random UUID")]
pub struct KeyFormatError;

/// What a caller calls one attempt of its own, so that repeating it does nothing twice. As good as a secret while it
/// lasts: with the same body it brings the same answer.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyKey").finish_non_exhaustive()
    }
}

impl std::str::FromStr for IdempotencyKey {
    type Err = KeyFormatError;

    /// Long enough that nobody meets another's by chance or by guessing.
    fn from_str(text: &str) -> Result<Self, KeyFormatError> {
        let is_key = (16..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key { Ok(Self(text.to_owned())) } else { Err(KeyFormatError) }
    }
}

/// One act under a key, and what the caller said.
#[derive(Clone, Debug)]
pub(in crate::flows) struct Attempt {
    id: [u8; 32],
    fingerprint: String,
}

/// What is known of an attempt.
#[derive(Debug, thiserror::Error)]
pub(in crate::flows) enum Unrepeatable {
    /// The key came with another body before.
    #[error("the key was used for another request")]
    Reused,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Attempt {
    /// The act under this key; `None` when there is none.
    pub(in crate::flows) fn new(
        act: &str,
        tenant: &Tenant,
        key: Option<&IdempotencyKey>,
        said: &[Option<&str>],
    ) -> Option<Self> {
        let id = sha256(&[Some(act), Some(tenant.as_str()), Some(&key?.0)]);
        Some(Self { id, fingerprint: fingerprint(said) })
    }

    /// Random bits that are the same each time.
    pub(in crate::flows) fn bits(&self) -> [u8; 16] {
        let mut bits = [0; 16];
        for (bit, byte) in bits.iter_mut().zip(self.id.iter().skip(16)) {
            *bit = *byte;
        }
        bits
    }

    /// The record to write with the act.
    pub(in crate::flows) fn record(&self, result: impl Into<String>, now: DateTime<Utc>) -> Once {
        Once {
            id: self.name(),
            fingerprint: self.fingerprint.clone(),
            result: result.into(),
            until: now + KEPT,
        }
    }

    /// What the act came to, if it has been done.
    pub(in crate::flows) async fn done(
        &self,
        app: &App,
        tenant: &Tenant,
    ) -> Result<Option<String>, Unrepeatable> {
        match app.store.once(tenant, &self.name()).await? {
            // The table takes its time to remove what has ended.
            Some(once) if once.until <= app.clock.now() => Ok(None),
            Some(once) if once.fingerprint == self.fingerprint => Ok(Some(once.result)),
            Some(_) => Err(Unrepeatable::Reused),
            None => Ok(None),
        }
    }

    fn name(&self) -> String {
        // Half of the hash; the other half makes what must not be guessed from the table.
        URL_SAFE_NO_PAD.encode(self.id.first_chunk::<16>().unwrap_or(&[0; 16]))
    }
}

/// What an attempt has come to; `None` without a key, and before it is done.
pub(in crate::flows) async fn done(
    app: &App,
    tenant: &Tenant,
    attempt: Option<&Attempt>,
) -> Result<Option<String>, Unrepeatable> {
    match attempt {
        Some(attempt) => attempt.done(app, tenant).await,
        None => Ok(None),
    }
}

/// A hash over all that was said, each part by its length.
pub(in crate::flows) fn fingerprint(said: &[Option<&str>]) -> String {
    URL_SAFE_NO_PAD.encode(sha256(said))
}

fn sha256(parts: &[Option<&str>]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        context.update(&length.to_be_bytes());
        context.update(part.unwrap_or_default().as_bytes());
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
