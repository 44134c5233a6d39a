//! The issuer of admins' tokens, and the authorizer that believes it: RS256 under one RSA key.
//!
//! The one rule: a token is good only with this key, this issuer, this audience, and within its time. The time
//! is the system's, as API Gateway's is its own: moving the product's clock ends nobody's session.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
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

/// There is no key to sign with.
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
}

/// Mints tokens and checks them.
#[derive(Clone)]
pub(crate) struct Issuer {
    url: String,
    keys: Arc<Keys>,
}

struct Keys {
    signing: EncodingKey,
    verifying: DecodingKey,
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

    /// The claims of a good token, as API Gateway hands them on: every value a string. `None` for any other
    /// header.
    pub(crate) fn verify(&self, authorization: &str) -> Option<HashMap<String, String>> {
        let token = match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return None,
            None => authorization,
        };
        if decode_header(token).ok()?.kid.as_deref() != Some(KEY_ID) {
            return None;
        }
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.url]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        let claims: HashMap<String, Value> = decode(token, &self.keys.verifying, &validation).ok()?.claims;
        Some(claims.into_iter().map(|(name, value)| (name, printed(&value))).collect())
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
        Ok(Self { verifying: DecodingKey::from_jwk(&public)?, public, signing })
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

/// A claim as API Gateway prints it, which is as Go does: `[a b]`, `map[a:1 b:2]`.
fn printed(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(" ");
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(values) => format!("[{}]", joined(values.iter().map(printed).collect())),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{name}:{}", printed(value));
            format!("map[{}]", joined(fields.iter().map(field).collect()))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an issuer and an authorizer go by the real time")]
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_printed_as_api_gateway_prints_them() {
        let issuer = Issuer::open("http://here", None).unwrap();
        let claims =
            json!({ "sub": "ada", "roles": ["admin", "host"], "n": 7, "ok": true, "a": { "b": [1] } });
        let claims = issuer.verify(&issuer.token(claims).unwrap()).unwrap();
        let claim = |name: &str| claims[name].as_str();
        assert_eq!([claim("sub"), claim("roles"), claim("n")], ["ada", "[admin host]", "7"]);
        assert_eq!([claim("ok"), claim("a"), claim("aud")], ["true", "map[b:[1]]", "holdfast"]);
    }

    #[test]
    fn a_key_in_a_file_outlives_the_issuer() {
        let folder = std::env::temp_dir().join(format!("holdfast-issuer-{}", std::process::id()));
        let file = folder.join("issuer.der");
        let token = Issuer::open("http://here", Some(&file)).unwrap().token(json!({})).unwrap();
        assert!(Issuer::open("http://here", Some(&file)).unwrap().verify(&token).is_some());
        assert!(Issuer::open("http://there", Some(&file)).unwrap().verify(&token).is_none());
        assert!(Issuer::open("http://here", None).unwrap().verify(&token).is_none());
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
