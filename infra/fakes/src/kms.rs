//! KMS with one symmetric key: `GenerateDataKey`, `Encrypt`, `Decrypt`, `DescribeKey`.
//!
//! One rule: a blob opens only under the encryption context it was made with. The blob is
//! `version (1) | key id (16) | nonce (12) | AES-256-GCM ciphertext and tag`, the context is the additional data.
//! Data keys are `AES_256`, the key is named by its id or its ARN: aliases and grants are unknown.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/Welcome.html>

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{ACCOUNT, JsonApi, REGION, Refusal, StartError, body, random, serve_api, uuid};
use crate::faults::{Fault, Faults};
use crate::iam::{Guard, Iam};
use crate::serve::Server;

const VERSION: u8 = 1;
const ID_LEN: usize = 16;
const KEY_LEN: usize = 32;
/// The most that `Encrypt` takes; more is for data keys.
const MAX_PLAINTEXT: usize = 4096;

/// Where the master key lives.
#[derive(Clone, Debug)]
pub enum Keys {
    /// In memory, gone with the server: so is everything it sealed.
    Memory,
    /// In this file (mode 0600), made if missing.
    File(PathBuf),
}

/// A KMS endpoint on loopback with one key, for as long as this value lives.
#[derive(Debug)]
pub struct Kms {
    /// What its calls meet. Operations: `GenerateDataKey`, `Decrypt`, ...
    pub faults: Faults,
    server: Server,
    master: Arc<Master>,
}

impl Kms {
    /// Starts on a free port.
    pub async fn start(keys: Keys) -> Result<Self, StartError> {
        let master = Arc::new(Master::open(keys)?);
        let faults = Faults::default();
        let server = serve_api(faults.clone(), Arc::clone(&master)).await?;
        Ok(Self { faults, server, master })
    }

    /// The endpoint, e.g. for `AWS_ENDPOINT_URL_KMS`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The key's id, a UUID.
    pub fn key_id(&self) -> &str {
        &self.master.uuid
    }

    /// The key's ARN, which is what answers name it by.
    pub fn key_arn(&self) -> &str {
        &self.master.arn
    }

    /// From now on callers may do what these grants say.
    pub fn enforce(&self, iam: Arc<Iam>) {
        self.master.guard.set(iam);
    }

    /// Every use of the key is a `DisabledException` from now on.
    pub fn disable(&self) {
        self.master.set(State::Disabled);
    }

    /// Every call is an `AccessDeniedException` from now on.
    pub fn deny(&self) {
        self.master.set(State::Denied);
    }

    /// What `Encrypt` answers, in base64, for whoever writes a configuration.
    pub fn encrypt(&self, plaintext: &str, context: &[(&str, &str)]) -> Option<String> {
        let context = context.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.master.seal(plaintext.as_bytes(), &context).ok()
    }

    /// The plaintext of every data key that it made, which may appear in no log, store or answer.
    pub fn secrets(&self) -> Vec<Vec<u8>> {
        self.master.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key works again.
    pub fn enable(&self) {
        self.master.set(State::Enabled);
    }
}

/// `ThrottlingException`: too many calls in a second.
pub fn throttled() -> Fault {
    Refusal::new("ThrottlingException", "You have exceeded the rate at which you may call KMS.").into_fault()
}

/// `KMSInternalException`: it failed inside, and may not a moment later.
pub fn internal_error() -> Fault {
    internal().into_fault()
}

/// `KeyUnavailableException`: the key cannot be reached for now.
pub fn key_unavailable() -> Fault {
    Refusal { status: 500, ..Refusal::new("KeyUnavailableException", "The key is not available.") }
        .into_fault()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
    Denied,
}

struct Master {
    id: [u8; ID_LEN],
    uuid: String,
    arn: String,
    key: LessSafeKey,
    state: Mutex<State>,
    guard: Guard,
    /// The data keys in the clear.
    made: Mutex<Vec<Vec<u8>>>,
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Master").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Master {
    fn open(keys: Keys) -> Result<Self, StartError> {
        let bytes = match keys {
            Keys::Memory => random().ok_or(StartError::Random)?,
            Keys::File(path) => match std::fs::read(&path) {
                Ok(bytes) => <[u8; ID_LEN + KEY_LEN]>::try_from(bytes)
                    .map_err(|_wrong_length| StartError::KeyFile(path))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let bytes = random().ok_or(StartError::Random)?;
                    crate::files::keep(&path, &bytes)?;
                    bytes
                }
                Err(error) => return Err(error.into()),
            },
        };
        let mut id = [0; ID_LEN];
        let (id_bytes, key_bytes) = bytes.split_at(ID_LEN);
        id.copy_from_slice(id_bytes);
        let key = UnboundKey::new(&AES_256_GCM, key_bytes).map_err(|_unspecified| StartError::Random)?;
        let uuid = uuid(id);
        Ok(Self {
            id,
            arn: format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{uuid}"),
            uuid,
            key: LessSafeKey::new(key),
            state: Mutex::new(State::Enabled),
            guard: Guard::default(),
            made: Mutex::default(),
        })
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn is_named(&self, key: &str) -> bool {
        key == self.uuid || key == self.arn
    }

    fn named(&self, key: Option<&str>) -> Result<(), Refusal> {
        match key {
            Some(key) if self.is_named(key) => Ok(()),
            Some(key) => Err(Refusal::new("NotFoundException", &format!("Key '{key}' does not exist"))),
            None => Err(missing("keyId")),
        }
    }

    fn usable(&self) -> Result<(), Refusal> {
        match self.state() {
            State::Enabled | State::Denied => Ok(()),
            State::Disabled => Err(Refusal::new("DisabledException", &format!("{} is disabled.", self.arn))),
        }
    }

    fn seal(&self, plaintext: &[u8], context: &BTreeMap<String, String>) -> Result<String, Refusal> {
        let nonce: [u8; NONCE_LEN] = random().ok_or_else(internal)?;
        let mut sealed = plaintext.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad(context)),
                &mut sealed,
            )
            .map_err(|_unspecified| internal())?;
        Ok(BASE64.encode([&[VERSION][..], &self.id, &nonce, &sealed].concat()))
    }

    fn open_blob(&self, request: &Request) -> Result<Vec<u8>, Refusal> {
        let blob = bytes("ciphertextBlob", request.ciphertext_blob.as_deref())?;
        let (id, nonce, sealed) = parts(&blob).ok_or_else(invalid_ciphertext)?;
        if id != self.id {
            return Err(denied(
                "The ciphertext refers to a customer master key that does not exist, does not exist in this \
                 region, or you are not allowed to access.",
            ));
        }
        if request.key_id.as_deref().is_some_and(|key| !self.is_named(key)) {
            return Err(Refusal::new(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
            ));
        }
        self.usable()?;
        let mut opened = sealed.to_vec();
        let context = Aad::from(aad(&request.encryption_context));
        let length = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(nonce), context, &mut opened)
            .map_err(|_unspecified| invalid_ciphertext())?
            .len();
        opened.truncate(length);
        Ok(opened)
    }
}

impl JsonApi for Master {
    const CONTENT_TYPE: &'static str = "application/x-amz-json-1.1";

    fn guard(&self) -> &Guard {
        &self.guard
    }

    fn needs(&self, op: &str, _: &Value) -> Vec<(String, String)> {
        vec![(format!("kms:{op}"), self.arn.clone())]
    }

    fn detail(&self, _: &str, request: &Value) -> String {
        request.get("EncryptionContext").map(Value::to_string).unwrap_or_default()
    }

    fn answer(&self, op: &str, request: Value) -> Result<Vec<u8>, Refusal> {
        let request: Request =
            serde_json::from_value(request).map_err(|error| Refusal::validation(&error.to_string()))?;
        if self.state() == State::Denied {
            return Err(denied(&format!("not authorized to perform: kms:{op} on resource: {}", self.arn)));
        }
        match op {
            "GenerateDataKey" => {
                self.named(request.key_id.as_deref())?;
                self.usable()?;
                match (request.key_spec.as_deref(), request.number_of_bytes) {
                    (Some("AES_256"), None) | (None, Some(32)) => {}
                    _ => return Err(Refusal::validation("the fake makes AES_256 data keys of 32 bytes")),
                }
                let key: [u8; KEY_LEN] = random().ok_or_else(internal)?;
                self.made.lock().unwrap_or_else(PoisonError::into_inner).push(key.to_vec());
                body(&json!({
                    "KeyId": self.arn,
                    "Plaintext": BASE64.encode(key),
                    "CiphertextBlob": self.seal(&key, &request.encryption_context)?,
                }))
            }
            "Encrypt" => {
                self.named(request.key_id.as_deref())?;
                self.usable()?;
                let plaintext = bytes("plaintext", request.plaintext.as_deref())?;
                if plaintext.is_empty() || plaintext.len() > MAX_PLAINTEXT {
                    return Err(Refusal::validation(&format!(
                        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member \
                         must have length between 1 and {MAX_PLAINTEXT}"
                    )));
                }
                body(&json!({
                    "KeyId": self.arn,
                    "CiphertextBlob": self.seal(&plaintext, &request.encryption_context)?,
                    "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                }))
            }
            "Decrypt" => body(&json!({
                "KeyId": self.arn,
                "Plaintext": BASE64.encode(self.open_blob(&request)?),
                "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            })),
            "DescribeKey" => {
                self.named(request.key_id.as_deref())?;
                let enabled = self.state() == State::Enabled;
                body(&json!({ "KeyMetadata": {
                    "AWSAccountId": ACCOUNT,
                    "KeyId": self.uuid,
                    "Arn": self.arn,
                    "Enabled": enabled,
                    "KeyState": if enabled { "Enabled" } else { "Disabled" },
                    "KeyManager": "CUSTOMER",
                    "KeySpec": "SYMMETRIC_DEFAULT",
                    "KeyUsage": "ENCRYPT_DECRYPT",
                    "Origin": "AWS_KMS",
                    "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
                    "MultiRegion": false,
                } }))
            }
            _ => Err(Refusal::unknown_operation(op)),
        }
    }
}

/// The fields of all four operations.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    key_id: Option<String>,
    key_spec: Option<String>,
    number_of_bytes: Option<u32>,
    plaintext: Option<String>,
    ciphertext_blob: Option<String>,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
}

/// The context in its one form: sorted, every text behind its length, so that no two contexts are the same bytes.
fn aad(context: &BTreeMap<String, String>) -> Vec<u8> {
    let mut aad = Vec::new();
    for text in context.iter().flat_map(|(name, value)| [name, value]) {
        aad.extend_from_slice(&(text.len() as u64).to_be_bytes());
        aad.extend_from_slice(text.as_bytes());
    }
    aad
}

fn parts(blob: &[u8]) -> Option<([u8; ID_LEN], [u8; NONCE_LEN], &[u8])> {
    let (version, rest) = blob.split_first()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (nonce, sealed) = rest.split_first_chunk()?;
    (*version == VERSION).then_some((*id, *nonce, sealed))
}

fn bytes(field: &str, base64: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let base64 = base64.ok_or_else(|| missing(field))?;
    BASE64.decode(base64).map_err(|error| Refusal::new("SerializationException", &error.to_string()))
}

fn missing(field: &str) -> Refusal {
    Refusal::validation(&format!(
        "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must not be null"
    ))
}

fn denied(message: &str) -> Refusal {
    Refusal::new("AccessDeniedException", message)
}

fn invalid_ciphertext() -> Refusal {
    Refusal::new("InvalidCiphertextException", "")
}

fn internal() -> Refusal {
    Refusal { status: 500, ..Refusal::new("KMSInternalException", "It failed inside.") }
}

#[cfg(test)]
mod tests;
