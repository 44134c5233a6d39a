//! What every handler is given: built once at init, concrete, cheap to clone.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use secrecy::ExposeSecret;

use crate::bus::Bus;
use crate::calendars::google::{Google, GoogleConfig};
use crate::calendars::{Calendar, Calendars, Http};
use crate::clock::Clock;
use crate::config::{AwsSettings, Config, GoogleSettings};
use crate::store::Store;
use crate::vault::Vault;

/// No AWS call takes longer than this; each has its own retries around it.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of every router and run function.
#[derive(Clone, Debug)]
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// The table.
    pub store: Store,
    /// The keys.
    pub vault: Vault,
    /// The providers.
    pub calendars: Calendars,
    /// The event bus.
    pub bus: Bus,
}

impl App {
    /// Builds the state. Opens no connection.
    pub fn new(config: Config, clock: Clock) -> Self {
        let aws = &config.aws;
        let store = Store::new(dynamodb(aws), &config.table, clock.clone());
        let vault = Vault::new(kms(aws), &config.kms_key);
        let bus = Bus::new(eventbridge(aws), &config.bus);
        let calendars = Calendars::new(config.google.as_ref().map(|settings| google(settings, &clock)));
        Self { config: Arc::new(config), clock, store, vault, calendars, bus }
    }
}

macro_rules! client {
    ($name:ident, $sdk:ident, $endpoint:ident) => {
        fn $name(aws: &AwsSettings) -> $sdk::Client {
            let builder = $sdk::Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region($sdk::config::Region::new(aws.region.clone()))
                .credentials_provider(credentials(aws))
                .http_client(http_client(aws.$endpoint.as_deref()))
                // The rooms retry themselves: only they know what a repeated call means.
                .retry_config(RetryConfig::disabled())
                .timeout_config(time_outs());
            let builder = match &aws.$endpoint {
                Some(url) => builder.endpoint_url(url),
                None => builder,
            };
            $sdk::Client::from_conf(builder.build())
        }
    };
}

client!(dynamodb, aws_sdk_dynamodb, dynamodb);
client!(kms, aws_sdk_kms, kms);
client!(eventbridge, aws_sdk_eventbridge, eventbridge);

fn credentials(aws: &AwsSettings) -> Credentials {
    let session = aws.session_token.as_ref().map(|token| token.expose_secret().to_owned());
    let secret = aws.secret_access_key.expose_secret();
    Credentials::new(&aws.access_key_id, secret, session, None, "environment")
}

fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    match endpoint {
        Some(url) if url.starts_with("http://") => builder.build_http(),
        _ => builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
    }
}

fn time_outs() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(CALL_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

fn google(settings: &GoogleSettings, clock: &Clock) -> Arc<dyn Calendar> {
    let mut config = GoogleConfig::new(settings.client_id.clone(), settings.client_secret.clone());
    let urls = [
        (&mut config.authorize_url, &settings.authorize_url),
        (&mut config.token_url, &settings.token_url),
        (&mut config.revoke_url, &settings.revoke_url),
        (&mut config.api_url, &settings.api_url),
    ];
    for (place, given) in urls {
        if let Some(url) = given {
            *place = url.clone();
        }
    }
    Arc::new(Google::new(config, Http::new(), clock.clone()))
}
