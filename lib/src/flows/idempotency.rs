//! Idempotency: a request that carries an Idempotency-Key does its act once, however often it is sent.
//!
//! The act's own transaction writes the record of what it came to. A client that sends the same key with the same body
//! afterwards, or at the same time, gets that answer; with another body the key is refused.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{Context, SHA256};

use crate::app::App;
use crate::domain::Tenant;
use crate::store::{IdempotencyRecord, StoreError};

/// How long a key is remembered.
const RECORD_TTL: TimeDelta = TimeDelta::hours(24);

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 16 to 200 visible ASCII characters, best a random UUID")]
pub struct KeyFormatError;

/// The caller's name for one request of its own, so that repeating it does nothing twice. As good as a secret while
/// it lasts: with the same body it brings the same answer.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyKey").finish_non_exhaustive()
    }
}

impl std::str::FromStr for IdempotencyKey {
    type Err = KeyFormatError;

    /// 16 or more characters prevent collisions and guessing.
    fn from_str(text: &str) -> Result<Self, KeyFormatError> {
        let is_key = (16..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key { Ok(Self(text.to_owned())) } else { Err(KeyFormatError) }
    }
}

/// A hash over the fields of a request, each with its name. Two requests have the same one only if they say the same.
pub(in crate::flows) struct Fingerprint(Context);

impl Fingerprint {
    /// Of nothing yet.
    pub(in crate::flows) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// With one more field; one that is absent differs from one that is empty.
    pub(in crate::flows) fn field(mut self, name: &str, value: Option<&str>) -> Self {
        self.part(Some(name));
        self.part(value);
        self
    }

    fn part(&mut self, part: Option<&str>) {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        self.0.update(&length.to_be_bytes());
        self.0.update(part.unwrap_or_default().as_bytes());
    }

    fn digest(self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }

    /// The text to store and compare.
    pub(in crate::flows) fn finish(self) -> String {
        URL_SAFE_NO_PAD.encode(self.digest())
    }
}

/// One act under a key, and the fingerprint of what was asked for.
#[derive(Clone, Debug)]
pub(in crate::flows) struct IdempotentRequest {
    id: [u8; 32],
    fingerprint: String,
}

/// What is known of a request's key.
#[derive(Debug, thiserror::Error)]
pub(in crate::flows) enum KeyConflict {
    /// The key came with another body before.
    #[error("the key was used for another request")]
    Reused,
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IdempotentRequest {
    /// The act under this key; `None` when there is none.
    pub(in crate::flows) fn new(
        act: &str,
        tenant: &Tenant,
        key: Option<&IdempotencyKey>,
        fingerprint: &str,
    ) -> Option<Self> {
        let key = Some(key?.0.as_str());
        let id = Fingerprint::new().field("act", Some(act)).field("tenant", Some(tenant.as_str()));
        // The key, which is not stored, keeps the stored text from telling what was asked for: a record may outlive
        // the data of the guest whose request it is about.
        let fingerprint = Fingerprint::new().field("key", key).field("request", Some(fingerprint)).finish();
        Some(Self { id: id.field("key", key).digest(), fingerprint })
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
    pub(in crate::flows) fn record(
        &self,
        result: impl Into<String>,
        now: DateTime<Utc>,
    ) -> IdempotencyRecord {
        IdempotencyRecord {
            id: self.name(),
            fingerprint: self.fingerprint.clone(),
            result: result.into(),
            until: now + RECORD_TTL,
        }
    }

    async fn previous_result(&self, app: &App, tenant: &Tenant) -> Result<Option<String>, KeyConflict> {
        match app.store.idempotency_record(tenant, &self.name()).await? {
            // The table takes its time to remove what has ended.
            Some(record) if record.until <= app.clock.now() => Ok(None),
            Some(record) if record.fingerprint == self.fingerprint => Ok(Some(record.result)),
            Some(_) => Err(KeyConflict::Reused),
            None => Ok(None),
        }
    }

    fn name(&self) -> String {
        // Half of the hash; the other half makes what must not be guessed from the table.
        URL_SAFE_NO_PAD.encode(self.id.first_chunk::<16>().unwrap_or(&[0; 16]))
    }
}

/// Does an act once: gives the answer of an earlier request with the same key by `replay`, or does it. A request that
/// fails because the same one, sent at the same time, was faster, is answered as that one was.
pub(in crate::flows) async fn idempotent<T, E: From<KeyConflict>, F>(
    app: &App,
    tenant: &Tenant,
    request: Option<&IdempotentRequest>,
    act: impl Future<Output = Result<T, E>>,
    replay: impl Fn(String) -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<Option<T>, E>>,
{
    let Some(request) = request else { return act.await };
    if let Some(result) = request.previous_result(app, tenant).await?
        && let Some(done) = replay(result).await?
    {
        return Ok(done);
    }
    match act.await {
        Ok(done) => Ok(done),
        Err(error) => match request.previous_result(app, tenant).await? {
            Some(result) => replay(result).await?.ok_or(error),
            None => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_fields_and_absence_apart() {
        let of = |fields: &[(&str, Option<&str>)]| {
            fields.iter().fold(Fingerprint::new(), |print, (name, value)| print.field(name, *value)).finish()
        };
        let one = of(&[("name", Some("ab")), ("notes", None)]);
        assert_eq!(one, of(&[("name", Some("ab")), ("notes", None)]));
        for other in [
            of(&[("name", Some("a")), ("notes", Some("b"))]),
            of(&[("name", Some("ab")), ("notes", Some(""))]),
            of(&[("notes", None), ("name", Some("ab"))]),
            of(&[("name", Some("ab")), ("answers", None)]),
        ] {
            assert_ne!(one, other);
        }
    }
}
