//! Every setting, one documented constant each. The only place that reads the environment.

use std::fmt::Display;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;
use url::Url;

/// The table's name. Default `holdfast`.
pub const TABLE: &str = "HOLDFAST_TABLE";
/// The KMS key that wraps data keys: id, ARN or alias. Default `alias/holdfast`.
pub const KMS_KEY: &str = "HOLDFAST_KMS_KEY";
/// The event bus. Default `holdfast`.
pub const BUS: &str = "HOLDFAST_BUS";
/// Where the API is reached from outside, without a trailing slash; OAuth redirects are made from it.
pub const PUBLIC_URL: &str = "HOLDFAST_PUBLIC_URL";
/// Where a browser may be sent after connecting: URL prefixes, separated by spaces. Default none.
pub const RETURN_TO: &str = "HOLDFAST_RETURN_TO";
/// Seconds that a hold lives. Default 300.
pub const HOLD_SECONDS: &str = "HOLDFAST_HOLD_SECONDS";
/// How many percent of a host's hours on one day may sit in holds that are not confirmed. Default 50.
pub const HELD_PERCENT: &str = "HOLDFAST_HELD_PERCENT";
/// Seconds between two polls of an active host's calendar. Default 120.
pub const POLL_SECONDS: &str = "HOLDFAST_POLL_SECONDS";
/// The claim that names the tenant of an admin's token. Default `tenant`.
pub const TENANT_CLAIM: &str = "HOLDFAST_TENANT_CLAIM";
/// The claim that lists the roles of an admin's token. Default `roles`.
pub const ROLES_CLAIM: &str = "HOLDFAST_ROLES_CLAIM";
/// The claim that names the host of a host's token. Default `host`.
pub const HOST_CLAIM: &str = "HOLDFAST_HOST_CLAIM";
/// Origins whose pages may call the API from a browser, separated by commas; a tenant's own list goes before it on
/// the tenant's public routes. Default `*`: any.
pub const CORS_ORIGINS: &str = "HOLDFAST_CORS_ORIGINS";
/// Google OAuth client id. Without it no Google calendar can be connected.
pub const GOOGLE_CLIENT_ID: &str = "HOLDFAST_GOOGLE_CLIENT_ID";
/// Google OAuth client secret: what KMS made of it under the encryption context `setting` = this variable's name,
/// in base64.
pub const GOOGLE_CLIENT_SECRET: &str = "HOLDFAST_GOOGLE_CLIENT_SECRET";
/// Where consent is asked. Default Google's.
pub const GOOGLE_AUTHORIZE_URL: &str = "HOLDFAST_GOOGLE_AUTHORIZE_URL";
/// Where codes and refresh tokens are exchanged. Default Google's.
pub const GOOGLE_TOKEN_URL: &str = "HOLDFAST_GOOGLE_TOKEN_URL";
/// Where tokens are revoked. Default Google's.
pub const GOOGLE_REVOKE_URL: &str = "HOLDFAST_GOOGLE_REVOKE_URL";
/// The root of the Calendar API, without a trailing slash. Default Google's.
pub const GOOGLE_API_URL: &str = "HOLDFAST_GOOGLE_API_URL";
/// Certificates to trust beside the compiled-in roots, as PEM: for a server of one's own. Default none.
pub const EXTRA_ROOTS: &str = "HOLDFAST_EXTRA_ROOTS";
/// What is logged: a level, or `target=level` pairs separated by commas. Default `info`.
pub const LOG: &str = "HOLDFAST_LOG";
/// Where DynamoDB is, when it is not in the cloud.
pub const ENDPOINT_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
/// Where KMS is, when it is not in the cloud.
pub const ENDPOINT_KMS: &str = "AWS_ENDPOINT_URL_KMS";
/// Where EventBridge is, when it is not in the cloud.
pub const ENDPOINT_EVENTBRIDGE: &str = "AWS_ENDPOINT_URL_EVENTBRIDGE";
/// The AWS region. Lambda sets it.
pub const REGION: &str = "AWS_REGION";
/// Lambda sets these three for the function's role.
pub const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// See [`ACCESS_KEY_ID`].
pub const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// See [`ACCESS_KEY_ID`].
pub const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// The function's name, by which AWS's logs tell its calls from others'. Lambda sets it.
pub const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// What whoever runs Holdfast chooses. [`GIVEN`] follows from where it runs.
pub const CHOSEN: [&str; 16] = [
    PUBLIC_URL,
    RETURN_TO,
    HOLD_SECONDS,
    HELD_PERCENT,
    POLL_SECONDS,
    TENANT_CLAIM,
    ROLES_CLAIM,
    HOST_CLAIM,
    CORS_ORIGINS,
    EXTRA_ROOTS,
    GOOGLE_CLIENT_ID,
    GOOGLE_CLIENT_SECRET,
    GOOGLE_AUTHORIZE_URL,
    GOOGLE_TOKEN_URL,
    GOOGLE_REVOKE_URL,
    GOOGLE_API_URL,
];

/// What follows from where it runs.
pub const GIVEN: [&str; 10] = [
    TABLE,
    KMS_KEY,
    BUS,
    LOG,
    ENDPOINT_DYNAMODB,
    ENDPOINT_KMS,
    ENDPOINT_EVENTBRIDGE,
    REGION,
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
];

/// Those of [`CHOSEN`] that are secrets: their values are ciphertexts of KMS, opened when first needed.
pub const SEALED: [&str; 1] = [GOOGLE_CLIENT_SECRET];

/// All settings of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// [`TABLE`].
    pub table: String,
    /// [`KMS_KEY`].
    pub kms_key: String,
    /// [`BUS`].
    pub bus: String,
    /// [`PUBLIC_URL`].
    pub public_url: String,
    /// [`RETURN_TO`].
    pub return_to: Vec<Url>,
    /// [`HOLD_SECONDS`].
    pub hold_seconds: u32,
    /// [`HELD_PERCENT`].
    pub held_percent: u8,
    /// [`POLL_SECONDS`].
    pub poll_seconds: u32,
    /// [`TENANT_CLAIM`].
    pub tenant_claim: String,
    /// [`ROLES_CLAIM`].
    pub roles_claim: String,
    /// [`HOST_CLAIM`].
    pub host_claim: String,
    /// [`CORS_ORIGINS`], in small letters.
    pub cors_origins: Vec<String>,
    /// [`EXTRA_ROOTS`].
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Google's credentials and URLs; `None` when there are none.
    pub google: Option<GoogleSettings>,
    /// How AWS is reached.
    pub aws: AwsSettings,
}

/// A Google OAuth client, and where Google is.
#[derive(Clone, Debug)]
pub struct GoogleSettings {
    /// [`GOOGLE_CLIENT_ID`].
    pub client_id: String,
    /// [`GOOGLE_CLIENT_SECRET`], still sealed.
    pub client_secret: Vec<u8>,
    /// [`GOOGLE_AUTHORIZE_URL`].
    pub authorize_url: Option<Url>,
    /// [`GOOGLE_TOKEN_URL`].
    pub token_url: Option<Url>,
    /// [`GOOGLE_REVOKE_URL`].
    pub revoke_url: Option<Url>,
    /// [`GOOGLE_API_URL`].
    pub api_url: Option<Url>,
}

/// Region, credentials and endpoints.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// [`FUNCTION`].
    pub function: Option<String>,
    /// [`REGION`].
    pub region: String,
    /// [`ACCESS_KEY_ID`].
    pub access_key_id: String,
    /// [`SECRET_ACCESS_KEY`].
    pub secret_access_key: SecretString,
    /// [`SESSION_TOKEN`].
    pub session_token: Option<SecretString>,
    /// [`ENDPOINT_DYNAMODB`].
    pub dynamodb: Option<String>,
    /// [`ENDPOINT_KMS`].
    pub kms: Option<String>,
    /// [`ENDPOINT_EVENTBRIDGE`].
    pub eventbridge: Option<String>,
}

/// A setting that is missing or cannot be read. Names the variable, never its value.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
}

impl Config {
    /// The settings of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// The settings as `lookup` gives them.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let or = |name: &str, default: &str| get(name).unwrap_or_else(|| default.to_owned());
        let public_url: Url = required(&get, PUBLIC_URL)?;
        let return_to = or(RETURN_TO, "");
        let return_to = return_to.split_whitespace().map(|url| parsed(RETURN_TO, url));
        Ok(Self {
            table: or(TABLE, "holdfast"),
            kms_key: or(KMS_KEY, "alias/holdfast"),
            bus: or(BUS, "holdfast"),
            public_url: public_url.as_str().trim_end_matches('/').to_owned(),
            return_to: return_to.collect::<Result<_, _>>()?,
            hold_seconds: parsed(HOLD_SECONDS, &or(HOLD_SECONDS, "300"))?,
            held_percent: parsed(HELD_PERCENT, &or(HELD_PERCENT, "50"))?,
            poll_seconds: parsed(POLL_SECONDS, &or(POLL_SECONDS, "120"))?,
            tenant_claim: or(TENANT_CLAIM, "tenant"),
            roles_claim: or(ROLES_CLAIM, "roles"),
            host_claim: or(HOST_CLAIM, "host"),
            cors_origins: origins(&or(CORS_ORIGINS, "*")),
            extra_roots: certificates(&or(EXTRA_ROOTS, ""))?,
            google: google(&get)?,
            aws: AwsSettings {
                function: get(FUNCTION),
                region: or(REGION, "us-east-1"),
                access_key_id: required(&get, ACCESS_KEY_ID)?,
                secret_access_key: required::<String>(&get, SECRET_ACCESS_KEY)?.into(),
                session_token: get(SESSION_TOKEN).map(Into::into),
                dynamodb: get(ENDPOINT_DYNAMODB),
                kms: get(ENDPOINT_KMS),
                eventbridge: get(ENDPOINT_EVENTBRIDGE),
            },
        })
    }

    /// Where a provider sends the browser back to.
    pub fn redirect_uri(&self, provider: crate::domain::ProviderKind) -> String {
        format!("{}/v1/oauth/{provider}/callback", self.public_url)
    }
}

/// Those of [`CHOSEN`] that this process's environment sets, for a process that is not a Lambda.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn chosen() -> Vec<(String, String)> {
    CHOSEN.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

/// The log filter of this process.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn log_filter() -> String {
    std::env::var(LOG).unwrap_or_else(|_unset| "info".to_owned())
}

fn google(get: &impl Fn(&str) -> Option<String>) -> Result<Option<GoogleSettings>, ConfigError> {
    let Some(client_id) = get(GOOGLE_CLIENT_ID) else { return Ok(None) };
    let url = |name: &'static str| get(name).map(|url| parsed(name, &url)).transpose();
    Ok(Some(GoogleSettings {
        client_id,
        client_secret: sealed(get, GOOGLE_CLIENT_SECRET)?,
        authorize_url: url(GOOGLE_AUTHORIZE_URL)?,
        token_url: url(GOOGLE_TOKEN_URL)?,
        revoke_url: url(GOOGLE_REVOKE_URL)?,
        api_url: url(GOOGLE_API_URL)?,
    }))
}

/// As browsers write origins: in small letters, without a path.
fn origins(list: &str) -> Vec<String> {
    let origins = list.split(',').map(|origin| origin.trim().trim_end_matches('/').to_ascii_lowercase());
    origins.filter(|origin| !origin.is_empty()).collect()
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let malformed = || wrong(EXTRA_ROOTS, "is not the text of certificates in PEM, line by line");
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_malformed| malformed())?;
    let mut roots = rustls::RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(certificates.iter().cloned());
    if ignored > 0 || (certificates.is_empty() && !pem.trim().is_empty()) {
        return Err(malformed());
    }
    Ok(certificates)
}

fn sealed(get: &impl Fn(&str) -> Option<String>, variable: &'static str) -> Result<Vec<u8>, ConfigError> {
    let text: String = required(get, variable)?;
    // The decoder's own words would quote the value.
    BASE64_STANDARD.decode(text.trim()).map_err(|_malformed| {
        wrong(variable, "is no base64: it takes KMS's ciphertext, not the secret itself")
    })
}

fn wrong(variable: &'static str, problem: &str) -> ConfigError {
    ConfigError { variable, problem: problem.to_owned() }
}

fn required<T: FromStr<Err: Display>>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
) -> Result<T, ConfigError> {
    let value = get(variable).ok_or_else(|| wrong(variable, "is not set"))?;
    parsed(variable, &value)
}

fn parsed<T: FromStr<Err: Display>>(variable: &'static str, value: &str) -> Result<T, ConfigError> {
    value.parse().map_err(|error: T::Err| ConfigError { variable, problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let least = [(PUBLIC_URL, "http://here"), (ACCESS_KEY_ID, "id"), (SECRET_ACCESS_KEY, "key")];
        Config::from_lookup(|name| {
            let found = set.iter().chain(&least).find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_secret_that_was_not_sealed_is_refused_and_not_quoted() {
        let refused = read(&[(GOOGLE_CLIENT_ID, "id"), (GOOGLE_CLIENT_SECRET, "GOCSPX-plain_secret")]);
        let error = refused.unwrap_err().to_string();
        assert!(error.starts_with("HOLDFAST_GOOGLE_CLIENT_SECRET: is no base64"), "{error}");
        assert!(!error.contains("plain"), "{error}");
        let read = read(&[(GOOGLE_CLIENT_ID, "id"), (GOOGLE_CLIENT_SECRET, "c2VhbGVk")]).unwrap();
        assert_eq!(read.google.unwrap().client_secret, b"sealed");
    }

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        let origins = |list: &str| read(&[(CORS_ORIGINS, list)]).unwrap().cors_origins;
        assert_eq!(origins(""), ["*"]);
        assert_eq!(
            origins("https://App.example/, http://localhost:5173,"),
            ["https://app.example", "http://localhost:5173"]
        );
    }

    #[test]
    fn roots_are_certificates_or_nothing() {
        assert!(read(&[(EXTRA_ROOTS, "")]).unwrap().extra_roots.is_empty());
        let body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for wrong in [body, &body.replace('\n', " "), &body.replace('A', "&"), "/etc/ssl/own.pem"] {
            let error = read(&[(EXTRA_ROOTS, wrong)]).unwrap_err().to_string();
            assert!(error.starts_with("HOLDFAST_EXTRA_ROOTS: is not the text"), "{error}");
        }
    }
}
