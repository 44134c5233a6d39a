//! What every handler is given: built once at init, concrete, cheap to clone.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::{ReconnectMode, RetryConfig};
use aws_smithy_types::timeout::TimeoutConfig;
use secrecy::ExposeSecret;

use crate::aws::{Lazy, lazy};
use crate::bus::Bus;
use crate::calendars::google::{self, Google, GoogleConfig};
use crate::calendars::{CalendarError, Calendars, ClientSecret, Http, Provider};
use crate::clock::Clock;
use crate::config::{self, AwsSettings, Config, GoogleSettings};
use crate::domain::ProviderKind;
use crate::outbound::{self, AwsHttp};
use crate::store::Store;
use crate::vault::Vault;

/// No AWS call takes longer than this; each has its own retries around it.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// Builds the state. Opens no connection, and makes each client of AWS when it is first used.
    pub fn new(config: Config, clock: Clock) -> Self {
        let client = outbound::client(&config.extra_roots);
        let (aws, http) = (&config.aws, AwsHttp(client.clone()));
        let store = Store::new(dynamodb(aws, &http), &config.table, clock.clone());
        let vault = Vault::new(kms(aws, &http), &config.kms_key);
        let bus = Bus::new(eventbridge(aws, &http), &config.bus);
        let http = Http::new(client);
        let google = config.google.as_ref().map(|settings| google(settings, http, &vault, &clock));
        let calendars = Calendars::new(google.map(|google| (ProviderKind::Google, google)));
        Self { config: Arc::new(config), clock, store, vault, calendars, bus }
    }
}

macro_rules! client {
    ($name:ident, $sdk:ident, $endpoint:ident) => {
        fn $name(aws: &AwsSettings, http: &AwsHttp) -> Lazy<$sdk::Client> {
            let (aws, http) = (aws.clone(), http.clone());
            lazy(move || {
                let builder = $sdk::Config::builder()
                    .behavior_version(BehaviorVersion::v2026_01_12())
                    .region($sdk::config::Region::new(aws.region.clone()))
                    .credentials_provider(credentials(&aws))
                    .http_client(http)
                    // The rooms retry themselves: only they know what a repeated call means. Connections that broke
                    // are the client's to find.
                    .retry_config(
                        RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections),
                    )
                    .timeout_config(time_outs());
                let builder = match &aws.$endpoint {
                    Some(url) => builder.endpoint_url(url),
                    None => builder,
                };
                // A name that AWS would not take is left out: it only labels.
                let name = aws.function.clone().and_then(|name| $sdk::config::AppName::new(name).ok());
                let builder = match name {
                    Some(name) => builder.app_name(name),
                    None => builder,
                };
                $sdk::Client::from_conf(builder.build())
            })
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

fn time_outs() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(CALL_TIMEOUT).operation_timeout(CALL_TIMEOUT).build()
}

fn google(settings: &GoogleSettings, http: Http, vault: &Vault, clock: &Clock) -> Provider {
    let secret = client_secret(config::GOOGLE_CLIENT_SECRET, &settings.client_secret, vault);
    let mut config = GoogleConfig::new(settings.client_id.clone(), secret);
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
    let google = Arc::new(Google::new(config, http, clock.clone()));
    Provider { auth: google.clone(), calendar: google, capabilities: google::CAPABILITIES }
}

fn client_secret(setting: &'static str, sealed: &[u8], vault: &Vault) -> ClientSecret {
    let (sealed, vault) = (sealed.to_vec(), vault.clone());
    ClientSecret::opened_by(move || {
        let (sealed, vault) = (sealed.clone(), vault.clone());
        Box::pin(async move {
            vault.open_setting(setting, &sealed).await.map_err(|error| {
                tracing::error!(setting, %error, "a secret setting does not open");
                CalendarError::Unreachable
            })
        })
    })
}
