//! The whole product on a laptop: `template.yaml`, booted in one process, with no account, no Docker and no
//! network.
//!
//! The one rule: nothing of the product knows. Its functions run as they ship, against servers on loopback that
//! stand in for AWS and Google ([`fakes`]), and everything between them is as the template says: routes and who
//! may call them, the schedule, the rules of the bus, the stream's filter, the table.
//!
//! What is kept, under the directory of [`Options::data`]:
//!
//! ```text
//! .holdfast/
//!   shape                  which form its items have: those of another form are not read
//!   dynamodb.sqlite        the table, with its write-ahead log beside it
//!   dynamodb.stream.json   how far its stream was read
//!   kms.key                the key that wraps the data keys; without it every sealed token is lost
//!   issuer.der             the key that signs staff's tokens
//!   google.json            the simulated Google's accounts, grants and events
//! ```
//!
//! Each is written so that a process killed at any moment leaves the old or the new one. Messages between the
//! bus and `sync` are in memory only: what was under way comes due again by itself, as after a lost message.

mod authorizer;
mod calendar;
mod data;
mod deliveries;
mod functions;
mod gateway;
mod issuer;
mod lambdas;
mod seed;
mod settings;
mod template;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fakes::google::{Google, Imported};
use fakes::{DynamoDb, EventBridge, Iam, Kms, Server};
use holdfast::App;
use holdfast::calendars::Calendars;
use holdfast::clock::Clock;
use holdfast::config::{Config, ConfigError};
use holdfast::domain::ProviderKind;
use holdfast::outbound;
use holdfast::vault::SETTING_CONTEXT;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::authorizer::Authorizer;
use crate::deliveries::Deliveries;
use crate::issuer::Issuer;
use crate::lambdas::Lambdas;
use crate::settings::{Places, Seal, Settings};
use crate::template::{Every, Names, Template};

pub use crate::authorizer::OtherIssuer;
pub use crate::calendar::{CalendarError, CalendarFile};
pub use crate::data::DataError;
pub use crate::gateway::RouteError;
pub use crate::issuer::{AUDIENCE, IssuerError};
pub use crate::seed::SeedError;
pub use crate::template::TemplateError;

/// The tenant of the demo data.
pub const DEMO_TENANT: &str = seed::TENANT;

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The API's port; `0` takes any free one.
    pub port: u16,
    /// Where to keep everything; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// The product's clock, and the simulated Google's.
    pub clock: Clock,
    /// Whether the table has its stream. With it every write costs more, the more there were.
    pub stream: bool,
    /// Whether time passes by itself: a tick every minute, and deliveries when there is something to deliver.
    /// Without it nothing moves until [`Local::tick`] or [`Local::drain`].
    pub schedules: bool,
    /// Whether to put the demo data into an empty place.
    pub seed: bool,
    /// An `Invoke` API to hand every event to, e.g. that of `cargo lambda watch`. Without it the functions run in
    /// this process.
    pub invoke: Option<String>,
    /// Whose tokens are good, when not this process's own.
    pub issuer: Option<OtherIssuer>,
    /// A person's exported calendar, for the simulated account of Ada.
    pub calendar: Option<CalendarFile>,
    /// What stands between the product and its providers: for tests of kinds of providers that no server here is.
    pub providers: Option<fn(Calendars) -> Calendars>,
    /// Variables of [`holdfast::config::CHOSEN`], over the defaults; of two with one name the later wins. With a
    /// Google client id the simulated Google is not started.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    /// Port 3000, in memory, on the system's clock, with everything that runs by itself.
    fn default() -> Self {
        Self {
            port: 3000,
            data: None,
            clock: Clock::system(),
            stream: true,
            schedules: true,
            seed: true,
            invoke: None,
            issuer: None,
            calendar: None,
            providers: None,
            settings: Vec::new(),
        }
    }
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something else listens there.
    #[error("port {port} is taken: choose another with --port, or --port 0 for any")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The port cannot be had for another reason.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is kept is of another version.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The template and the code do not belong together.
    #[error(transparent)]
    Template(&'static TemplateError),
    /// Two routes are in each other's way.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A stand-in for AWS did not start.
    #[error(transparent)]
    Fake(#[from] fakes::StartError),
    /// The simulated Google did not start.
    #[error("{0}: {cause}", cause = std::error::Error::source(.0).map(ToString::to_string).unwrap_or_default())]
    Google(#[from] fakes::google::StartError),
    /// There is no key to sign tokens with, or to check them with.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// A setting cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The embedded database refuses the template's table.
    #[error(transparent)]
    Table(#[from] fakes::dynamodb::DatabaseError),
    /// The demo data could not be stored.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A calendar could not be loaded.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
}

/// Everything, running, for as long as this value lives.
#[derive(Debug)]
pub struct Local {
    /// The product's state as its owner has it: like every function's, and with leave to do anything.
    pub app: App,
    providers: Option<fn(Calendars) -> Calendars>,
    /// The simulated Google, unless a real one is used.
    pub google: Option<Google>,
    /// The table's server.
    pub dynamodb: Arc<DynamoDb>,
    /// The key's server.
    pub kms: Kms,
    /// The bus's server.
    pub events: Arc<EventBridge>,
    /// What was loaded from [`Options::calendar`].
    pub imported: Option<Imported>,
    gateway: Server,
    /// This process's own; `None` when another one's tokens are good.
    issuer: Option<Issuer>,
    deliveries: Arc<Deliveries>,
    schedule: Option<tokio::task::JoinHandle<()>>,
    seeded: bool,
    iam: Arc<Iam>,
    variables: Vec<(&'static str, String)>,
}

impl Local {
    /// Starts everything; when this returns, the API answers.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let template = Template::shipped().map_err(StartError::Template)?;
        // The port first: it also keeps a second process away from the same files.
        let listener = listen(options.port).await?;
        let port = listener.local_addr().map_or(options.port, |addr| addr.port());
        let url = format!("http://127.0.0.1:{port}");
        if let Some(folder) = &options.data {
            data::claim(folder)?;
        }
        let file = |name: &str| options.data.as_ref().map(|folder| folder.join(name));

        let database =
            file("dynamodb.sqlite").map_or(fakes::dynamodb::Store::Memory, fakes::dynamodb::Store::File);
        let dynamodb = Arc::new(DynamoDb::start(database).await?);
        let kms =
            Kms::start(file("kms.key").map_or(fakes::kms::Keys::Memory, fakes::kms::Keys::File)).await?;
        let events = Arc::new(EventBridge::start(template.rules.clone()).await?);

        let settings = Settings::new(
            options.settings,
            Places {
                seal: sealing(&kms),
                api: url.clone(),
                dynamodb: dynamodb.url(),
                kms: kms.url(),
                kms_key: kms.key_id().to_owned(),
                events: events.url(),
            },
        );
        let mut config = Config::from_lookup(|name| settings.get(name, None))?;
        let google_file = file("google.json");
        let google_is_new = !google_file.as_deref().is_some_and(Path::exists);
        let mut google: Option<Google> = None;
        if !settings.has_google() {
            let redirect = config.redirect_uri(ProviderKind::Google);
            let fake = simulate_google(&redirect, port, google_file, &options.clock).await?;
            config = Config::from_lookup(|name| settings.get(name, Some(&fake.url())))?;
            google = Some(fake);
        }

        let table = config.table.clone();
        let tables = dynamodb.set_up("ListTables", json!({})).await?;
        let tables = tables.get("TableNames").and_then(Value::as_array);
        if !tables.is_some_and(|tables| tables.iter().any(|name| *name == table)) {
            dynamodb.set_up("CreateTable", template.table.create(&table, options.stream)).await?;
            dynamodb.set_up("UpdateTimeToLive", template.table.expire(&table)).await?;
        }
        let names = Names { table: &config.table, bus: &config.bus, key: kms.key_arn() };
        let iam = Arc::new(Iam::new(template.grants.iter().map(|written| names.resolve(written))));
        dynamodb.enforce(Arc::clone(&iam));
        kms.enforce(Arc::clone(&iam));
        events.enforce(Arc::clone(&iam));
        let variables = settings.all(google.as_ref().map(Google::url).as_deref());
        drop(settings);
        let app = process(config, options.clock, options.providers);
        if options.seed {
            seed::catalog(&app).await?;
            if let Some(google) = google.as_ref().filter(|_| google_is_new) {
                seed::calendars(google, app.clock.now());
            }
        }
        let lambdas = Arc::new(match &options.invoke {
            Some(url) => Lambdas::invoked(url),
            None => Lambdas::here(|name| as_function(&app, name, options.providers)),
        });
        let (issuer, authorizer) = if let Some(other) = &options.issuer {
            (None, Authorizer::other(other, outbound::client(&app.config.extra_roots)).await?)
        } else {
            let own = Issuer::open(&url, file("issuer.der").as_deref())?;
            let authorizer = Authorizer::own(&own);
            (Some(own), authorizer)
        };
        let router = gateway::router(template, authorizer, issuer.clone(), Arc::clone(&lambdas))?;
        let imported = match &options.calendar {
            Some(file) => Some(calendar::load(google.as_ref(), file, app.clock.now())?),
            None => None,
        };
        let gateway =
            fakes::serve_router(listener, router).map_err(|source| StartError::Listen { port, source })?;
        let (source, bus) = (Arc::clone(&dynamodb), Arc::clone(&events));
        let deliveries = Deliveries::new(lambdas, app.clock.clone(), table, template, source, bus);
        let deliveries = Arc::new(deliveries);
        let schedule = options.schedules.then(|| run(Arc::clone(&deliveries)));
        let seeded = options.seed;
        Ok(Self {
            app,
            providers: options.providers,
            google,
            dynamodb,
            kms,
            events,
            imported,
            gateway,
            issuer,
            deliveries,
            schedule,
            seeded,
            iam,
            variables,
        })
    }

    /// Where the API is, without a trailing slash. Also the issuer of staff's tokens, unless there is another.
    pub fn url(&self) -> String {
        self.gateway.url()
    }

    /// A token of an admin of this tenant, good for twelve hours; empty when another issuer makes them.
    pub fn admin_token(&self, tenant: &str) -> String {
        let (tenant_claim, roles) = (&self.app.config.tenant_claim, &self.app.config.roles_claim);
        self.token(json!({ "sub": "admin", tenant_claim.as_str(): tenant, roles.as_str(): ["admin"] }))
    }

    /// A token with these claims over the usual `iss`, `aud`, `iat` and `exp`; a claim that is `null` is left
    /// out. Empty when another issuer makes them.
    pub fn token(&self, claims: Value) -> String {
        // The key has signed before; should it fail now, nothing takes an empty token.
        self.issuer.as_ref().and_then(|issuer| issuer.token(claims).ok()).unwrap_or_default()
    }

    /// A second process of the product at the same table, key, bus and calendars, with its own clock and
    /// nothing remembered.
    pub fn app_with(&self, clock: Clock) -> App {
        process(self.app.config.as_ref().clone(), clock, self.providers)
    }

    /// One minute of the schedule: `sync-dispatch` runs, then everything is delivered that it caused.
    pub async fn tick(&self) {
        self.deliveries.tick(Every::Minute).await;
    }

    /// One day of the schedule, likewise.
    pub async fn daily(&self) {
        self.deliveries.tick(Every::Day).await;
    }

    /// The roles of the template, as far as they grant calls of the SDK, and what the functions have called.
    pub fn iam(&self) -> &Iam {
        &self.iam
    }

    /// The environment of a function that runs elsewhere on this machine: names and values, secrets sealed.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// Delivers what waits on the table's stream and behind the bus, and what that causes, until nothing moves.
    pub async fn drain(&self) {
        self.deliveries.drain().await;
    }

    /// The events that were delivered as often as the template allows and failed each time, oldest first.
    pub fn dead_letters(&self) -> Vec<Value> {
        self.deliveries.dead()
    }

    /// What a script needs to go on from here, as one line of JSON.
    pub fn ready(&self) -> String {
        let demo = |names: &[&str]| if self.seeded { json!(names) } else { json!([]) };
        let ready = json!({
            "api": self.url(),
            "tenant": DEMO_TENANT,
            "event_types": demo(&seed::EVENT_TYPES),
            "hosts": demo(&seed::HOSTS),
            "admin_token": self.issuer.as_ref().map(|_own| self.admin_token(DEMO_TENANT)),
            "google": self.google.as_ref().map(Google::url),
            "dynamodb": self.dynamodb.url(),
        });
        ready.to_string()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(schedule) = &self.schedule {
            schedule.abort();
        }
    }
}

fn sealing(kms: &Kms) -> Box<Seal<'_>> {
    Box::new(|setting, secret| kms.encrypt(secret, &[(SETTING_CONTEXT, setting)]))
}

/// The state of one function: by its name AWS, and whoever stands in for it, knows its calls from others'.
fn as_function(app: &App, name: &'static str, providers: Option<fn(Calendars) -> Calendars>) -> App {
    let mut config = app.config.as_ref().clone();
    config.aws.function = Some(name.to_owned());
    process(config, app.clock.clone(), providers)
}

fn process(config: Config, clock: Clock, providers: Option<fn(Calendars) -> Calendars>) -> App {
    let mut app = App::new(config, clock);
    if let Some(between) = providers {
        app.calendars = between(app.calendars);
    }
    app
}

async fn listen(port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            StartError::PortTaken { port }
        } else {
            StartError::Listen { port, source }
        }
    })
}

/// On the API's port + 1 if that is kept and free, so that bookmarks of its pages stay good; else on any.
async fn simulate_google(
    redirect_uri: &str,
    api_port: u16,
    state_file: Option<PathBuf>,
    clock: &Clock,
) -> Result<Google, fakes::google::StartError> {
    let clock = clock.clone();
    let mut options = fakes::google::Options::new(
        settings::GOOGLE_CLIENT_ID,
        settings::GOOGLE_CLIENT_SECRET,
        &[redirect_uri],
    );
    options.now = Arc::new(move || clock.now());
    options.port = if state_file.is_some() { api_port.saturating_add(1) } else { 0 };
    options.state_file = state_file;
    match Google::start(options.clone()).await {
        Err(fakes::google::StartError::Listen(_)) if options.port != 0 => {
            options.port = 0;
            Google::start(options).await
        }
        started => started,
    }
}

#[expect(clippy::disallowed_methods, reason = "a schedule on a laptop, not a Lambda that may be frozen")]
fn run(deliveries: Arc<Deliveries>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move { deliveries.run().await })
}

#[cfg(test)]
mod tests;
