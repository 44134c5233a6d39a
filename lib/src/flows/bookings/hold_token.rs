//! The hold token is the hold: everything about it is in the token, and the cells prove it.
//!
//! The nonce that a hold's cells carry is made from a SHA-256 of the whole token, 128 random bits included. An
//! altered field changes the nonce, so an altered token matches no cell, and nothing about it has to be stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::domain::{BookingId, Claim, Claimed, Day, EventTypeSlug, Span, Tick, Ticks};

const PREFIX: &str = "hold_";
/// Far longer than any token we make: two days of ranges for every host of a collective event.
const LONGEST: usize = 4096;

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
    claimed: Vec<Claimed>,
    #[serde(with = "chrono::serde::ts_seconds")]
    expires_at: DateTime<Utc>,
    random: String,
}

impl Fields {
    /// One unbroken claim on one host, cut at midnights, with the slot inside: whatever else is claimed could
    /// not be read or written in one go, and a slot elsewhere is past what can be reckoned with.
    fn could_be_ours(&self) -> bool {
        let Some((first, last)) = self.claimed.first().zip(self.claimed.last()) else { return false };
        if self.claimed.iter().any(|claimed| claimed.cells.to > Day::CELLS || claimed.host != first.host) {
            return false;
        }
        let claim = Span::new(first.cells.span().start, last.cells.span().end);
        self.length > Ticks::ZERO
            && claim.len() <= Ticks::LONGEST_CLAIM
            && claim.by_day().eq(self.claimed.iter().map(|claimed| claimed.cells))
            && claim.contains(Span::new(self.start, self.start))
            && claim.contains(Span::new(self.start, self.start + self.length))
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
        start: Tick,
        length: Ticks,
        claimed: Vec<Claimed>,
        expires_at: DateTime<Utc>,
        bits: [u8; 16],
    ) -> Result<Self, TokenError> {
        let random = URL_SAFE_NO_PAD.encode(bits);
        Self::of(Fields { event_type, start, length, claimed, expires_at, random })
    }

    /// What is in it but for its random bits.
    pub(in crate::flows) fn without_secret(&self) -> String {
        let fields = Fields { random: String::new(), ..self.fields.clone() };
        serde_json::to_string(&fields).unwrap_or_default()
    }

    /// The token of which this was left, with its bits.
    pub(in crate::flows) fn again(without_secret: &str, bits: [u8; 16]) -> Option<Self> {
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
        let body = text.strip_prefix(PREFIX).filter(|body| body.len() <= LONGEST).ok_or(TokenError)?;
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
    pub fn claimed(&self) -> &[Claimed] {
        &self.fields.claimed
    }

    /// When it ends.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.fields.expires_at
    }

    /// The number that its cells carry.
    pub fn claim(&self) -> Claim {
        let nonce = self.digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Claim::hold(self.fields.expires_at, nonce)
    }

    /// The booking that it becomes: confirming twice finds the same one.
    pub(in crate::flows) fn booking_id(&self) -> BookingId {
        let mut bits = [0; 16];
        for (bit, byte) in bits.iter_mut().zip(self.digest.iter().skip(8)) {
            *bit = *byte;
        }
        crate::flows::bookings::book::booking_id(u128::from_be_bytes(bits))
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

    fn token() -> HoldToken {
        let start = Tick::from_index(6_000_000);
        let length = Ticks::from_minutes(30).unwrap();
        let cells = Span::new(start, start + length).by_day();
        let claimed = cells.map(|cells| Claimed { host: "hst_ada1".parse().unwrap(), cells }).collect();
        let expires = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        HoldToken::new("intro".parse().unwrap(), start, length, claimed, expires, [7; 16]).unwrap()
    }

    #[test]
    fn a_token_reads_back_as_itself() {
        let token = token();
        let read = HoldToken::parse(token.as_str()).unwrap();
        assert!(read == token);
        assert_eq!(read.claim(), token.claim());
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
                    altered.claim().number() % 1_000_000_000_000_000_000,
                    token.claim().number() % 1_000_000_000_000_000_000
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
