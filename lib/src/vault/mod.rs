//! Envelope encryption: KMS makes and unwraps one data key per tenant, which seals that tenant's secrets by
//! AES-256-GCM.
//!
//! ```text
//! sealed   1 byte form (1) | 4 bytes number of the data key, big endian | 12 bytes nonce | ciphertext and tag
//! ```
//!
//! The data key's encryption context is `{tenant}`, of the deployment's own key `{deployment}`, and every sealed value is
//! bound to tenant, owner and field by the associated data: a row that is swapped, a field moved, or another tenant's
//! key fails to open.
//! Unwrapped keys stay in memory for five minutes and are overwritten after. (ring keeps a key schedule of its
//! own for the length of one call, which it does not overwrite.)
//! <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#enveloping>

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::aws::{Lazy, silence};
use crate::domain::KeyOwner;

const FORM: u8 = 1;
const HEADER: usize = 1 + 4;
const KEPT: Duration = Duration::from_mins(5);
const TRIES: u32 = 3;
/// What has taken so long is not tried again: a request has time for two calls that hang, not for three.
const WITHIN: Duration = Duration::from_secs(4);
const TENANT_CONTEXT: &str = "tenant";
const DEPLOYMENT_CONTEXT: &str = "deployment";
/// The encryption context of a secret that is a setting: its variable's name.
pub const SETTING_CONTEXT: &str = "setting";

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// KMS is throttling or out of reach: come again.
    #[error("the key service is busy")]
    Busy,
    /// KMS will not open the key: disabled, denied, or not made for this tenant.
    #[error("the key service refused: {0}")]
    Refused(String),
    /// The bytes were not sealed here, for this, by this key.
    #[error("a sealed value does not open")]
    Broken,
}

/// What a sealed value belongs to; part of what is authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The item that holds it, e.g. an integration's id.
    pub owner: &'a str,
    /// The field of the item.
    pub field: &'a str,
}

/// The way to KMS, and the data keys that were unwrapped of late. Clones share both.
#[derive(Clone, Debug)]
pub struct Vault {
    kms: Lazy<Client>,
    key: String,
    unwrapped: Arc<Mutex<HashMap<(KeyOwner, u32), Kept>>>,
}

#[derive(Debug)]
struct Kept {
    key: DataKey,
    since: Instant,
}

/// A data key in the clear. Overwritten when the last clone goes.
#[derive(Clone)]
pub struct DataKey {
    owner: KeyOwner,
    number: u32,
    bytes: Arc<Zeroizing<[u8; 32]>>,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataKey({:?} {})", self.owner, self.number)
    }
}

impl Vault {
    /// A vault under the KMS key `key` (id, ARN or alias).
    pub fn new(kms: Lazy<Client>, key: impl Into<String>) -> Self {
        Self { kms, key: key.into(), unwrapped: Arc::default() }
    }

    /// The data key, when it was unwrapped within the last five minutes.
    pub fn remembered(&self, owner: &KeyOwner, number: u32) -> Option<DataKey> {
        let mut unwrapped = self.unwrapped();
        unwrapped.retain(|_, kept| kept.since.elapsed() < KEPT);
        unwrapped.get(&(owner.clone(), number)).map(|kept| kept.key.clone())
    }

    /// A new data key: itself, and its wrapped form to store.
    pub async fn generate(&self, owner: &KeyOwner, number: u32) -> Result<(DataKey, Vec<u8>), VaultError> {
        let (name, value) = context(owner);
        let call = || {
            self.kms
                .generate_data_key()
                .key_id(&self.key)
                .key_spec(DataKeySpec::Aes256)
                .encryption_context(name, value)
                .send()
        };
        let answer = tried(call).await?;
        let wrapped = answer.ciphertext_blob.ok_or(VaultError::Broken)?.into_inner();
        let key = data_key(owner, number, answer.plaintext)?;
        Ok((key, wrapped))
    }

    /// Unwraps a stored data key and remembers it.
    pub async fn unwrap(&self, owner: &KeyOwner, number: u32, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        let (name, value) = context(owner);
        let call = || {
            self.kms
                .decrypt()
                .key_id(&self.key)
                .ciphertext_blob(Blob::new(wrapped))
                .encryption_context(name, value)
                .send()
        };
        let key = data_key(owner, number, tried(call).await?.plaintext)?;
        self.remember(&key);
        Ok(key)
    }

    /// Opens a setting that is a ciphertext of KMS's own. At most one call: whoever asks keeps the answer.
    pub async fn open_setting(&self, name: &str, ciphertext: &[u8]) -> Result<SecretString, VaultError> {
        let call = || {
            self.kms
                .decrypt()
                .key_id(&self.key)
                .ciphertext_blob(Blob::new(ciphertext))
                .encryption_context(SETTING_CONTEXT, name)
                .send()
        };
        let plaintext = tried(call).await?.plaintext.ok_or(VaultError::Broken)?;
        let text = Zeroizing::new(plaintext.into_inner());
        std::str::from_utf8(&text).map(SecretString::from).map_err(|_not_text| VaultError::Broken)
    }

    /// Keeps an unwrapped key in memory for five minutes.
    pub fn remember(&self, key: &DataKey) {
        let place = (key.owner.clone(), key.number);
        self.unwrapped().insert(place, Kept { key: key.clone(), since: Instant::now() });
    }

    fn unwrapped(&self) -> MutexGuard<'_, HashMap<(KeyOwner, u32), Kept>> {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of the data key under which something was sealed.
pub fn key_number(sealed: &[u8]) -> Result<u32, VaultError> {
    match sealed {
        [FORM, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(VaultError::Broken),
    }
}

impl DataKey {
    /// Its number among its owner's.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Seals a secret into its place.
    pub fn seal(&self, place: Place<'_>, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_unspecified| VaultError::Broken)?;
        let mut body = Zeroizing::new(secret.to_vec());
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), self.bound_to(place), &mut body)
            .map_err(|_unspecified| VaultError::Broken)?;
        let mut sealed = Vec::with_capacity(HEADER + NONCE_LEN + body.len() + tag.as_ref().len());
        sealed.push(FORM);
        sealed.extend(self.number.to_be_bytes());
        sealed.extend(nonce);
        sealed.extend_from_slice(&body);
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed into this place by this key.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        if key_number(sealed)? != self.number {
            return Err(VaultError::Broken);
        }
        let rest = sealed.get(HEADER..).ok_or(VaultError::Broken)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(VaultError::Broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_unspecified| VaultError::Broken)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .cipher()?
            .open_in_place(nonce, self.bound_to(place), &mut body)
            .map_err(|_unspecified| VaultError::Broken)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// An authentication code of `message` under a key derived from this one for `purpose` alone.
    pub fn mac(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&self.derived(purpose), message).as_ref());
        bytes
    }

    /// Whether `code` is the authentication code of `message`, compared in constant time.
    pub fn is_mac(&self, purpose: &str, message: &[u8], code: &[u8]) -> bool {
        hmac::verify(&self.derived(purpose), message, code).is_ok()
    }

    fn derived(&self, purpose: &str) -> hmac::Key {
        let own = hmac::Key::new(hmac::HMAC_SHA256, self.bytes.as_slice());
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&own, purpose.as_bytes()).as_ref())
    }

    fn cipher(&self) -> Result<LessSafeKey, VaultError> {
        let key = UnboundKey::new(&AES_256_GCM, self.bytes.as_slice());
        key.map(LessSafeKey::new).map_err(|_unspecified| VaultError::Broken)
    }

    /// Every part by its length, so that no two places write the same bytes.
    fn bound_to(&self, place: Place<'_>) -> Aad<Vec<u8>> {
        let mut bytes = Vec::new();
        for part in [bound_owner(&self.owner), place.owner, place.field] {
            bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        Aad::from(bytes)
    }
}

/// The encryption context of a data key: a name and its value.
fn context(owner: &KeyOwner) -> (&'static str, &str) {
    match owner {
        KeyOwner::Tenant(tenant) => (TENANT_CONTEXT, tenant.as_str()),
        KeyOwner::Deployment => (DEPLOYMENT_CONTEXT, "holdfast"),
    }
}

/// What sealed values are bound to. No tenant's name is empty.
fn bound_owner(owner: &KeyOwner) -> &str {
    match owner {
        KeyOwner::Tenant(tenant) => tenant.as_str(),
        KeyOwner::Deployment => "",
    }
}

fn data_key(owner: &KeyOwner, number: u32, plaintext: Option<Blob>) -> Result<DataKey, VaultError> {
    let plaintext = Zeroizing::new(plaintext.ok_or(VaultError::Broken)?.into_inner());
    let bytes: [u8; 32] = plaintext.as_slice().try_into().map_err(|_length| VaultError::Broken)?;
    Ok(DataKey { owner: owner.clone(), number, bytes: Arc::new(Zeroizing::new(bytes)) })
}

async fn tried<T, E, F>(call: impl Fn() -> F) -> Result<T, VaultError>
where
    F: Future<Output = Result<T, SdkError<E>>>,
    E: ProvideErrorMetadata,
{
    let began = Instant::now();
    for attempt in 0..TRIES {
        if attempt > 0 && began.elapsed() > WITHIN {
            break;
        }
        if attempt > 0 {
            let pause = Duration::from_millis(40 << attempt).mul_f64(fastrand::f64());
            tokio::time::sleep(pause).await;
        }
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(SdkError::ServiceError(error)) => {
                let code = error.err().code().unwrap_or("unknown error");
                // KMS says by a 5xx that it is its own fault, whatever the code: it may pass.
                let is_passing = code == "ThrottlingException" || error.raw().status().is_server_error();
                if !is_passing {
                    return Err(VaultError::Refused(code.to_owned()));
                }
            }
            Err(unanswered) => {
                tracing::warn!(why = silence(&unanswered), "no answer from KMS");
            }
        }
    }
    Err(VaultError::Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tenant: &str, number: u32, byte: u8) -> DataKey {
        let bytes = Arc::new(Zeroizing::new([byte; 32]));
        DataKey { owner: KeyOwner::Tenant(tenant.parse().unwrap()), number, bytes }
    }

    const PLACE: Place<'static> = Place { owner: "int_abcd", field: "access" };

    #[test]
    fn what_is_sealed_opens_only_in_its_place_by_its_key() {
        let mine = key("acme", 1, 7);
        let sealed = mine.seal(PLACE, b"secret").unwrap();
        assert_eq!(mine.open(PLACE, &sealed).unwrap().as_slice(), b"secret");
        assert!(mine.open(Place { field: "refresh", ..PLACE }, &sealed).is_err());
        assert!(mine.open(Place { owner: "int_abce", ..PLACE }, &sealed).is_err());
        assert!(key("other", 1, 7).open(PLACE, &sealed).is_err(), "another tenant");
        assert!(key("acme", 2, 7).open(PLACE, &sealed).is_err(), "another number");
        assert!(key("acme", 1, 8).open(PLACE, &sealed).is_err(), "another key");
    }

    #[test]
    fn a_flipped_bit_anywhere_fails_to_open() {
        let mine = key("acme", 1, 7);
        let sealed = mine.seal(PLACE, b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 1;
            assert!(mine.open(PLACE, &broken).is_err(), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert!(mine.open(PLACE, &sealed[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn the_same_secret_never_seals_alike() {
        let mine = key("acme", 1, 7);
        assert_ne!(mine.seal(PLACE, b"secret").unwrap(), mine.seal(PLACE, b"secret").unwrap());
    }

    #[test]
    fn codes_differ_by_purpose_and_tenant_key() {
        let mine = key("acme", 1, 7);
        assert_ne!(mine.mac("manage", b"m"), mine.mac("other", b"m"));
        assert_ne!(mine.mac("manage", b"m"), key("acme", 1, 8).mac("manage", b"m"));
        assert_eq!(mine.mac("manage", b"m"), mine.mac("manage", b"m"));
    }
}
