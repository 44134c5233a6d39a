//! API Gateway's JWT authorizer: whose tokens are believed, and what is handed on of them.
//!
//! The one rule: a token is good only when a key that its issuer publishes has signed it, for this API, within its
//! time. The time is the system's, as API Gateway's is its own: moving the product's clock ends nobody's session.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

mod keys;

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use holdfast::outbound;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use self::keys::{Published, read_keys};
use crate::issuer::{AUDIENCE, Issuer, IssuerError};

/// API Gateway knows RSA only, and these are what `OpenID` issuers sign with.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];

/// An `OpenID` issuer other than this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherIssuer {
    /// Its URL, exactly as in its tokens' `iss`; its discovery document lies below it.
    pub url: String,
    /// The `aud` of tokens that are meant for this API.
    pub audience: String,
}

/// Checks tokens of one issuer for one audience.
#[derive(Debug)]
pub(crate) struct Authorizer {
    issuer: String,
    audience: String,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    /// This process's own.
    Own(Vec<Key>),
    /// Somewhere else's, read when needed.
    Published(Published),
}

/// A public RSA key.
#[derive(Clone)]
struct Key {
    id: String,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
    verifying: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn fits(&self, id: &str, algorithm: Algorithm) -> bool {
        self.id == id && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

impl Authorizer {
    /// Believes this process's own issuer.
    pub(crate) fn own(issuer: &Issuer) -> Self {
        let keys = Keys::Own(read_keys(&issuer.jwks()));
        Self { issuer: issuer.url().to_owned(), audience: AUDIENCE.to_owned(), keys }
    }

    /// Believes another issuer, whose keys are read at once: API Gateway, too, takes none that it cannot reach.
    pub(crate) async fn other(issuer: &OtherIssuer, client: outbound::Client) -> Result<Self, IssuerError> {
        let keys = Keys::Published(Published::read(&issuer.url, client).await?);
        Ok(Self { issuer: issuer.url.clone(), audience: issuer.audience.clone(), keys })
    }

    /// The claims of a good token, as API Gateway hands them on: every value a string. `None` for any other
    /// header.
    pub(crate) async fn verify(&self, authorization: &str) -> Option<HashMap<String, String>> {
        let token = match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return None,
            None => authorization,
        };
        // A header that names no algorithm, or `none`, is none.
        let Header { alg, kid: Some(kid), crit: None, .. } = decode_header(token).ok()? else { return None };
        if !ALGORITHMS.contains(&alg) {
            return None;
        }
        let key = match &self.keys {
            Keys::Own(keys) => keys.iter().find(|key| key.fits(&kid, alg)).cloned(),
            Keys::Published(keys) => keys.find(&kid, alg).await,
        };
        let claims: Map<String, Value> = decode(token, &key?.verifying, &signature_only(alg)).ok()?.claims;
        self.accepts(&claims, unix_seconds())
            .then(|| claims.iter().map(|(name, value)| (name.clone(), printed(value))).collect())
    }

    /// Whether these are claims for this API, at this time.
    fn accepts(&self, claims: &Map<String, Value>, now: f64) -> bool {
        let time = |name: &str| claims.get(name).map(Value::as_f64);
        let ends = matches!(time("exp"), Some(Some(at)) if now < at);
        let has_begun = |name: &str| time(name).is_none_or(|at| at.is_some_and(|at| at <= now));
        let is_ours = |value: &Value| value.as_str() == Some(&self.audience);
        let is_for_us = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_ours),
            Some(one) => is_ours(one),
            // As access tokens of Cognito and others have it.
            None => claims.get("client_id").is_some_and(is_ours),
        };
        let is_from_issuer = claims.get("iss").and_then(Value::as_str) == Some(&self.issuer);
        is_from_issuer && is_for_us && ends && has_begun("nbf") && has_begun("iat")
    }
}

/// The claims are looked at here, where all the rules stand together.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// A claim as API Gateway prints it, which is as Go does: `[a b]`, `map[a:1 b:2]`.
fn printed(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(" ");
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(values) => format!("[{}]", joined(values.iter().map(printed).collect())),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name}:{}", printed(value)));
            format!("map[{}]", joined(fields.collect()))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "API Gateway goes by its own clock, not by the product's")]
fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn claims_are_printed_as_api_gateway_prints_them() {
        let issuer = Issuer::open("http://here", None).unwrap();
        let claims =
            json!({ "sub": "ada", "roles": ["admin", "host"], "n": 7, "ok": true, "a": { "b": [1] } });
        let token = issuer.token(claims).unwrap();
        let claims = Authorizer::own(&issuer).verify(&token).await.unwrap();
        let claim = |name: &str| claims[name].as_str();
        assert_eq!([claim("sub"), claim("roles"), claim("n")], ["ada", "[admin host]", "7"]);
        assert_eq!([claim("ok"), claim("a"), claim("aud")], ["true", "map[b:[1]]", "holdfast"]);
    }

    #[test]
    fn claims_are_for_this_api_and_this_time_or_worth_nothing() {
        let keys = Keys::Own(Vec::new());
        let authorizer =
            Authorizer { issuer: "https://is.example".to_owned(), audience: "api".to_owned(), keys };
        let accepts = |changes: Value| {
            let mut claims = json!({ "iss": "https://is.example", "aud": "api", "exp": 1001, "iat": 999 });
            let claims = claims.as_object_mut().unwrap();
            claims.extend(changes.as_object().unwrap().clone());
            claims.retain(|_, value| !value.is_null());
            authorizer.accepts(claims, 1000.0)
        };
        for good in [
            json!({}),
            json!({ "aud": ["other", "api"] }),
            json!({ "aud": null, "client_id": "api" }),
            json!({ "nbf": 1000, "iat": null }),
            json!({ "exp": 1000.5 }),
            json!({ "scope": "openid" }),
        ] {
            assert!(accepts(good.clone()), "{good}");
        }
        for bad in [
            json!({ "iss": "https://is.example/" }),
            json!({ "iss": ["https://is.example"] }),
            json!({ "iss": null }),
            json!({ "aud": "API" }),
            json!({ "aud": [] , "client_id": "api" }),
            json!({ "aud": ["other"] }),
            json!({ "aud": "other", "client_id": "api" }),
            json!({ "aud": null, "client_id": ["api"] }),
            json!({ "aud": null }),
            json!({ "exp": 1000 }),
            json!({ "exp": "1001" }),
            json!({ "exp": null }),
            json!({ "nbf": 1001 }),
            json!({ "nbf": "999" }),
            json!({ "iat": 1001 }),
        ] {
            assert!(!accepts(bad.clone()), "{bad}");
        }
    }
}
