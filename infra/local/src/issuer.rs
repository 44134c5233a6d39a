//! The issuer of staff's tokens, unless there is another one: RS256 under one RSA key.
//!
//! The one rule: a token is good only with this key, this issuer, this audience, and within its time. The time
//! is the system's, as API Gateway's is its own: moving the product's clock ends nobody's session.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::rand_core::OsRng;
use serde_json::{Value, json};

/// The `aud` of every token.
pub const AUDIENCE: &str = "holdfast";
const KEY_ID: &str = "local";
/// Half a day: a working day without signing in again.
const LIFETIME_SECONDS: u64 = 12 * 60 * 60;
/// For a key that is kept.
const BITS: usize = 2048;
/// For one that guards nothing but this process's memory: found in 25 ms, not in 200.
const BITS_IN_MEMORY: usize = 1024;

/// There is no key to sign with, or none to check with.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The file cannot be read or written.
    #[error("the issuer's key: {0}")]
    Io(#[from] std::io::Error),
    /// The file holds something else.
    #[error("the issuer's key file holds no key: {0}")]
    File(#[from] rsa::pkcs1::Error),
    /// No key could be made.
    #[error("the issuer's key: {0}")]
    Key(#[from] rsa::Error),
    /// The key cannot be used.
    #[error("the issuer's key: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// Another issuer does not say what its keys are.
    #[error("the issuer {issuer} cannot be read: {problem}")]
    Unreadable {
        /// Its URL.
        issuer: String,
        /// Why.
        problem: String,
    },
}

/// Mints tokens.
#[derive(Clone)]
pub(crate) struct Issuer {
    url: String,
    keys: Arc<Keys>,
}

struct Keys {
    signing: EncodingKey,
    public: Jwk,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Issuer {
    /// The issuer at this URL, under the key in `file`, which is made if missing; without a file, under the one
    /// key of this process.
    pub(crate) fn open(url: &str, file: Option<&Path>) -> Result<Self, IssuerError> {
        static IN_MEMORY: OnceLock<Arc<Keys>> = OnceLock::new();
        let keys = match (file, IN_MEMORY.get()) {
            (Some(file), _) => Arc::new(Keys::of(&kept(file)?)?),
            (None, Some(keys)) => Arc::clone(keys),
            (None, None) => {
                let keys = Keys::of(&RsaPrivateKey::new(&mut OsRng, BITS_IN_MEMORY)?)?;
                Arc::clone(IN_MEMORY.get_or_init(|| Arc::new(keys)))
            }
        };
        Ok(Self { url: url.to_owned(), keys })
    }

    /// A token with these claims, over the ones that every token has: `iss`, `aud`, `iat`, `exp`. A claim that is
    /// `null` is left out.
    pub(crate) fn token(&self, claims: Value) -> Result<String, IssuerError> {
        let now = unix_seconds();
        let mut all = json!({ "iss": self.url, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME_SECONDS });
        if let (Some(all), Value::Object(claims)) = (all.as_object_mut(), claims) {
            all.extend(claims);
            all.retain(|_, value| !value.is_null());
        }
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
        Ok(encode(&header, &all, &self.keys.signing)?)
    }

    /// Its URL, which is the `iss` of its tokens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// `/.well-known/jwks.json`.
    pub(crate) fn jwks(&self) -> Value {
        let mut key = json!(self.keys.public);
        if let Some(key) = key.as_object_mut() {
            key.insert("kid".to_owned(), KEY_ID.into());
            key.insert("use".to_owned(), "sig".into());
        }
        json!({ "keys": [key] })
    }

    /// `/.well-known/openid-configuration`, as far as an authorizer reads it.
    pub(crate) fn configuration(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/.well-known/jwks.json", self.url),
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    }
}

impl Keys {
    fn of(key: &RsaPrivateKey) -> Result<Self, IssuerError> {
        let signing = EncodingKey::from_rsa_der(key.to_pkcs1_der()?.as_bytes());
        let public = Jwk::from_encoding_key(&signing, Algorithm::RS256)?;
        Ok(Self { signing, public })
    }
}

fn kept(file: &Path) -> Result<RsaPrivateKey, IssuerError> {
    match std::fs::read(file) {
        Ok(der) => Ok(RsaPrivateKey::from_pkcs1_der(&der)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = RsaPrivateKey::new(&mut OsRng, BITS)?;
            fakes::keep(file, key.to_pkcs1_der()?.as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}

#[expect(clippy::disallowed_methods, reason = "an issuer and an authorizer go by the real time")]
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorizer::Authorizer;

    #[tokio::test]
    async fn a_key_in_a_file_outlives_the_issuer() {
        let folder = std::env::temp_dir().join(format!("holdfast-issuer-{}", std::process::id()));
        let file = folder.join("issuer.der");
        let token = Issuer::open("http://here", Some(&file)).unwrap().token(json!({})).unwrap();
        for (url, file, is_good) in [
            ("http://here", Some(&*file), true),
            ("http://there", Some(&*file), false),
            ("http://here", None, false),
        ] {
            let authorizer = Authorizer::own(&Issuer::open(url, file).unwrap());
            assert_eq!(authorizer.verify(&token).await.is_some(), is_good, "{url} {file:?}");
        }
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
