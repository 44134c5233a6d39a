//! Every setting, one documented constant each. The only place that reads the environment.

use std::fmt::Display;
use std::str::FromStr;

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
/// Seconds between two polls of an active host's calendar. Default 120.
pub const POLL_SECONDS: &str = "HOLDFAST_POLL_SECONDS";
/// The claim that names the tenant of an admin's token. Default `tenant`.
pub const TENANT_CLAIM: &str = "HOLDFAST_TENANT_CLAIM";
/// Google OAuth client id. Without it no Google calendar can be connected.
pub const GOOGLE_CLIENT_ID: &str = "HOLDFAST_GOOGLE_CLIENT_ID";
/// Google OAuth client secret.
pub const GOOGLE_CLIENT_SECRET: &str = "HOLDFAST_GOOGLE_CLIENT_SECRET";
/// Where consent is asked. Default Google's.
pub const GOOGLE_AUTHORIZE_URL: &str = "HOLDFAST_GOOGLE_AUTHORIZE_URL";
/// Where codes and refresh tokens are exchanged. Default Google's.
pub const GOOGLE_TOKEN_URL: &str = "HOLDFAST_GOOGLE_TOKEN_URL";
/// Where tokens are revoked. Default Google's.
pub const GOOGLE_REVOKE_URL: &str = "HOLDFAST_GOOGLE_REVOKE_URL";
/// The root of the Calendar API, without a trailing slash. Default Google's.
pub const GOOGLE_API_URL: &str = "HOLDFAST_GOOGLE_API_URL";
/// The log filter, in `tracing-subscriber`'s directives. Default `info`.
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

/// What whoever runs Holdfast chooses. The other variables say where it runs, and follow from that.
pub const CHOSEN: [&str; 11] = [
    PUBLIC_URL,
    RETURN_TO,
    HOLD_SECONDS,
    POLL_SECONDS,
    TENANT_CLAIM,
    GOOGLE_CLIENT_ID,
    GOOGLE_CLIENT_SECRET,
    GOOGLE_AUTHORIZE_URL,
    GOOGLE_TOKEN_URL,
    GOOGLE_REVOKE_URL,
    GOOGLE_API_URL,
];

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
    /// [`POLL_SECONDS`].
    pub poll_seconds: u32,
    /// [`TENANT_CLAIM`].
    pub tenant_claim: String,
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
    /// [`GOOGLE_CLIENT_SECRET`].
    pub client_secret: SecretString,
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
            poll_seconds: parsed(POLL_SECONDS, &or(POLL_SECONDS, "120"))?,
            tenant_claim: or(TENANT_CLAIM, "tenant"),
            google: google(&get)?,
            aws: AwsSettings {
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
    pub fn redirect_uri(&self, provider: crate::domain::Provider) -> String {
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
        client_secret: required::<String>(get, GOOGLE_CLIENT_SECRET)?.into(),
        authorize_url: url(GOOGLE_AUTHORIZE_URL)?,
        token_url: url(GOOGLE_TOKEN_URL)?,
        revoke_url: url(GOOGLE_REVOKE_URL)?,
        api_url: url(GOOGLE_API_URL)?,
    }))
}

fn required<T: FromStr<Err: Display>>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
) -> Result<T, ConfigError> {
    let value = get(variable).ok_or(ConfigError { variable, problem: "is not set".to_owned() })?;
    parsed(variable, &value)
}

fn parsed<T: FromStr<Err: Display>>(variable: &'static str, value: &str) -> Result<T, ConfigError> {
    value.parse().map_err(|error: T::Err| ConfigError { variable, problem: error.to_string() })
}
