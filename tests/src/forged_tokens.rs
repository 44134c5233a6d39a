//! Tokens that nobody should believe, made as whoever has no key but the public one would make them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::rand_core::OsRng;
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};

use crate::TestApp;

/// Enough for a key that is to be refused.
const BITS: usize = 1024;

impl TestApp {
    /// Tokens with these claims that are wrong in one way each, and in which.
    pub async fn forged(&self, claims: &Value) -> Vec<(&'static str, String)> {
        let keys = self.send(Method::GET, "/.well-known/jwks.json", None).await.expect(200).clone();
        let public = &keys["keys"][0];
        let kid = public["kid"].as_str().expect("a key's id").to_owned();
        let with = |changes: Value| {
            let mut all = claims.clone();
            let into = all.as_object_mut().expect("claims");
            into.extend(changes.as_object().expect("claims").clone());
            all
        };
        let good = self.local.token(claims.clone());
        let whole = claims_of(&good);
        let signed = |algorithm, key: &EncodingKey| {
            let header = Header { kid: Some(kid.clone()), ..Header::new(algorithm) };
            encode(&header, &whole, key).expect("a token")
        };
        let stranger = RsaPrivateKey::new(&mut OsRng, BITS).expect("a key").to_pkcs1_der().expect("a key");
        let stranger = EncodingKey::from_rsa_der(stranger.as_bytes());
        let [n, e] = ["n", "e"]
            .map(|part| BigUint::from_bytes_be(&decoded(public[part].as_str().expect("a part of the key"))));
        let public = RsaPublicKey::new(n, e).expect("a key");
        let pem = public.to_public_key_pem(LineEnding::LF).expect("a key");
        let der = public.to_public_key_der().expect("a key");
        let shared = |secret: &[u8]| signed(Algorithm::HS256, &EncodingKey::from_secret(secret));
        let headed = |alg: &str| {
            let header = json!({ "alg": alg, "typ": "JWT", "kid": kid });
            format!("{}.{}", encoded(&header), encoded(&whole))
        };
        let (head, signature) = good.rsplit_once('.').expect("a signature");
        let other_signature = self.local.token(with(json!({ "sub": "somebody else" })));
        let (_, other_signature) = other_signature.rsplit_once('.').expect("a signature");
        let letter = if signature.starts_with('A') { "B" } else { "A" };
        vec![
            ("expired", self.local.token(with(json!({ "exp": 1_700_000_000 })))),
            ("never expiring", self.local.token(with(json!({ "exp": null })))),
            ("not yet valid", self.local.token(with(json!({ "nbf": 32_000_000_000_i64 })))),
            ("for another audience", self.local.token(with(json!({ "aud": "another-api" })))),
            ("of another issuer", self.local.token(with(json!({ "iss": "https://evil.example" })))),
            ("of nobody", self.local.token(with(json!({ "sub": null })))),
            ("under another key", signed(Algorithm::RS256, &stranger)),
            ("alg: none", format!("{}.", headed("none"))),
            ("alg: none, signed", format!("{}.{signature}", headed("none"))),
            ("alg: None", format!("{}.", headed("None"))),
            ("unsigned", format!("{}.", headed("RS256"))),
            ("without its signature", head.to_owned()),
            ("HS256 with the public key as PEM", shared(pem.as_bytes())),
            ("HS256 with the public key as DER", shared(der.as_bytes())),
            ("HS256 with nothing", shared(b"")),
            ("another token's signature", format!("{head}.{other_signature}")),
            ("a letter of the signature", format!("{head}.{letter}{}", &signature[1..])),
        ]
    }
}

fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&decoded(payload)).expect("claims")
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
