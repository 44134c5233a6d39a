//! The hold token is the hold: everything about it is in the token, and the cells prove it.
//!
//! The nonce that a hold's cells carry is made from a SHA-256 of the whole token, 128 random bits included. An
//! altered field changes the nonce, so an altered token matches no cell, and nothing about it has to be stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::domain::{BookingId, CellOwner, Claim, EventTypeSlug, Span, Tick, Ticks};

const PREFIX: &str = "hold_";
/// Longer than any token we make: two days of ranges for each of ten hosts.
const MAX_LENGTH: usize = 4096;

/// The text is no token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a hold")]
pub struct TokenError;

/// A hold, as its holder carries it.
#[derive(Clone, PartialEq, Eq)]
pub struct HoldToken {
    fields: Fields,
    text: String,
    digest: [u8; 32],
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    event_type: EventTypeSlug,
    start: Tick,
    length: Ticks,
    hosts: Claim,
    #[serde(with = "chrono::serde::ts_seconds")]
    expires_at: DateTime<Utc>,
    random: String,
}

impl Fields {
    /// A sound claim with the slot inside: a slot elsewhere is past what can be computed with.
    fn could_be_ours(&self) -> bool {
        self.length > Ticks::ZERO
            && self.hosts.is_sound()
            && self.hosts.span().is_some_and(|span| {
                span.contains(Span::new(self.start, self.start))
                    && span.contains(Span::new(self.start, self.start + self.length))
            })
    }
}

impl std::fmt::Debug for HoldToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HoldToken").finish_non_exhaustive()
    }
}

impl HoldToken {
    /// A hold on these cells, with 128 bits that make it nobody else's.
    pub(in crate::flows) fn new(
        event_type: EventTypeSlug,
        slot: Span,
        claim: Claim,
        expires_at: DateTime<Utc>,
        bits: [u8; 16],
    ) -> Result<Self, TokenError> {
        let random = URL_SAFE_NO_PAD.encode(bits);
        let (start, length) = (slot.start, slot.len());
        Self::of(Fields { event_type, start, length, hosts: claim, expires_at, random })
    }

    /// All of it but its random bits.
    pub(in crate::flows) fn without_secret(&self) -> String {
        let fields = Fields { random: String::new(), ..self.fields.clone() };
        serde_json::to_string(&fields).unwrap_or_default()
    }

    /// The token that [`HoldToken::without_secret`] was made from, with its random bits.
    pub(in crate::flows) fn with_secret(without_secret: &str, bits: [u8; 16]) -> Option<Self> {
        let fields: Fields = serde_json::from_str(without_secret).ok()?;
        Self::of(Fields { random: URL_SAFE_NO_PAD.encode(bits), ..fields }).ok()
    }

    fn of(fields: Fields) -> Result<Self, TokenError> {
        let bytes = serde_json::to_vec(&fields).map_err(|_unwritable| TokenError)?;
        Ok(Self {
            fields,
            text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&bytes)),
            digest: sha256(&bytes),
        })
    }

    /// Reads a token. It may still be forged: only cells prove it.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let body = text.strip_prefix(PREFIX).filter(|body| body.len() <= MAX_LENGTH).ok_or(TokenError)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_malformed| TokenError)?;
        let fields: Fields = serde_json::from_slice(&bytes).map_err(|_malformed| TokenError)?;
        if !fields.could_be_ours() {
            return Err(TokenError);
        }
        Ok(Self { fields, text: text.to_owned(), digest: sha256(&bytes) })
    }

    /// The token as it is given to its holder.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is held.
    pub fn event_type(&self) -> &EventTypeSlug {
        &self.fields.event_type
    }

    /// The slot, without buffers.
    pub fn slot(&self) -> Span {
        Span::new(self.fields.start, self.fields.start + self.fields.length)
    }

    /// Its length, without buffers.
    pub fn length(&self) -> Ticks {
        self.fields.length
    }

    /// The cells that must carry its number.
    pub fn claim(&self) -> &Claim {
        &self.fields.hosts
    }

    /// When it ends.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.fields.expires_at
    }

    /// The number that its cells carry.
    pub fn owner(&self) -> CellOwner {
        let nonce = self.digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        CellOwner::hold(self.fields.expires_at, nonce)
    }

    /// The booking that it becomes: confirming twice finds the same one.
    pub(in crate::flows) fn booking_id(&self) -> BookingId {
        let mut bits = [0; 16];
        for (bit, byte) in bits.iter_mut().zip(self.digest.iter().skip(8)) {
            *bit = *byte;
        }
        BookingId::from_bits(u128::from_be_bytes(bits))
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Hosts;

    fn token() -> HoldToken {
        let start = Tick::from_index(6_000_000);
        let length = Ticks::from_minutes(30).unwrap();
        let slot = Span::new(start, start + length);
        let claim = Claim::over(&Hosts::one("hst_ada1".parse().unwrap()), slot);
        let expires = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        HoldToken::new("intro".parse().unwrap(), slot, claim, expires, [7; 16]).unwrap()
    }

    #[test]
    fn a_token_reads_back_as_itself() {
        let token = token();
        let read = HoldToken::parse(token.as_str()).unwrap();
        assert!(read == token);
        assert_eq!(read.owner(), token.owner());
        assert_eq!(read.booking_id(), token.booking_id());
    }

    #[test]
    fn any_altered_field_is_another_hold() {
        let token = token();
        let body = token.as_str().strip_prefix(PREFIX).unwrap();
        let json = String::from_utf8(URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
        for (from, to) in [("intro", "longer"), ("30", "60"), ("1800000000", "1800009999"), ("ada1", "bob1")]
        {
            let altered = json.replace(from, to);
            assert_ne!(altered, json, "{from}");
            let altered = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(altered));
            if let Ok(altered) = HoldToken::parse(&altered) {
                assert_ne!(
                    altered.owner().number() % 1_000_000_000_000_000_000,
                    token.owner().number() % 1_000_000_000_000_000_000
                );
                assert_ne!(altered.booking_id(), token.booking_id());
            }
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "hold_", "hold_!!", "hold_e30", "hold", &format!("hold_{}", "A".repeat(10_000))] {
            assert_eq!(HoldToken::parse(text).err(), Some(TokenError), "{text}");
        }
    }
}
