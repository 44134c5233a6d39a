//! A simulated Google: accounts with calendars, a consent page, tokens, and Calendar v3, on one port.
//!
//! Shapes follow the discovery document of Calendar v3 and
//! <https://developers.google.com/identity/protocols/oauth2/web-server>; what is not simulated is refused,
//! not ignored, but for what the table names. The kit holds every exchange against that document
//! ([`Google::observe`]). Every operation goes through [`Faults`] under its name in the discovery document
//! (`events.insert`, `freeBusy.query`, `calendarList.list`, ...) or `authorize`, `token`, `revoke`.
//!
//! In what the fake is stricter or laxer than Google:
//!
//! | Where | Google | here |
//! | --- | --- | --- |
//! | unknown body fields, query parameters, scopes | mostly ignored | refused |
//! | `oauth_token`, `eventLabelVersion`, `showOwnOrganizationOnly` | taken | 400 |
//! | `alt`, `key`, `prettyPrint`, `quotaUser`, `userIp` | taken | ignored, whatever they say |
//! | a name in `fields` that the answer never has | 400 | left out of the answer; the kit's contract refuses it |
//! | `sendUpdates`, `sendNotifications`, `supportsAttachments`, `alwaysIncludeEmail`, `showHidden`, `showHiddenInvitations` | done | change nothing |
//! | inside attachments, entry points and what only some event types have | checked | passed through; the kit's contract checks it |
//! | lengths of texts, numbers of guests, reminders and extended properties | limited | any, up to 1 MB a request |
//! | PKCE | optional, `plain` or `S256` | `S256` is required |
//! | `prompt=none`, `openid` | silent sign-in, `id_token` | refused; granted, but there is no `id_token` |
//! | redirect addresses | https, but for localhost | any that is in the options |
//! | who may connect | test users, until the app is verified | every account that there is |
//! | page token with other parameters than its first page | mostly accepted | 400 |
//! | sync token with another `singleEvents`, `eventTypes`, .. | undefined | 400 |
//! | sync after a windowed list | undocumented | changes of the whole calendar, also outside the window |
//! | `syncToken` on `calendarList.list` | changes, or 410 | always 410 |
//! | `freeBusy` over more than three months | 400, somewhere there (seen, undocumented) | 400 past 90 days |
//! | `id` together with `iCalUID` on insert | warned against | 400 |
//! | patch or update of a deleted event | 403, at times restored | 403 |
//! | quotas, publishing status, idle tokens | limits | none, but the 101st live refresh token kills the oldest |
//! | revoking one token | all of the account's tokens for this client | the same: also those of a second connection |
//! | Meet | a conference some time later | `pending` for five seconds, then there, or failed when a test says so |
//! | recurring events | expanded | a `recurrence` in a request is 400; [`Google::import`] expands a file's, else instances are seeded by hand |
//! | an imported file | its series and their exceptions | its occurrences in a window, each an event of its own |
//! | `RANGE=THISANDFUTURE`, `EXRULE`, zones known only by their `VTIMEZONE` in a file | read | refused by name |
//! | busy intervals | clipped to the window, touching ones merged (as observed, undocumented) | the same |
//! | mail to attendees, watch channels, batch, `q`, `updatedMin`, `If-None-Match` | yes | no |
//! | `calendar.app.created`, `calendar.events.public.readonly` | some calendars | no calendar |

mod api;
mod body;
pub mod errors;
mod events;
mod freebusy;
mod ics;
mod import;
mod listing;
mod meet;
mod oauth;
mod observe;
mod pages;
mod partial;
mod render;
mod seed;
#[cfg(test)]
mod tests;
mod tokens;
mod web;
mod world;
mod zone;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::Body;
use chrono::{DateTime, Utc};
use http::{Request, Response};
use hyper::body::Incoming;

use crate::faults::{Cut, Faults};
use crate::serve::{Server, serve};

pub use api::Method;
pub use ics::{NotACalendar, Refused};
pub use import::{Import, Imported};
pub use oauth::ConsentRefused;
pub use observe::{Answered, Exchange};
use observe::{Listeners, observed, unserved};
pub use seed::EventSpec;
use web::Ask;
use world::World;

/// What tells the time to the fake. Tests hand in one that they can move.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How to start the fake: one OAuth client of the kind "web application".
#[derive(Clone)]
pub struct Options {
    /// The loopback port; `0` takes any free one.
    pub port: u16,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// Where consent may lead back to; compared exactly, as Google does.
    pub redirect_uris: Vec<String>,
    /// A JSON file that keeps accounts, tokens and events between runs.
    pub state_file: Option<PathBuf>,
    /// The clock; the system's by default.
    pub now: Now,
}

impl Options {
    /// Any port, the system's clock, nothing kept.
    pub fn new(client_id: &str, client_secret: &str, redirect_uris: &[&str]) -> Self {
        Self {
            port: 0,
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            redirect_uris: redirect_uris.iter().map(|&uri| uri.to_owned()).collect(),
            state_file: None,
            now: Arc::new(system_time),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the default of an option that tests replace")]
fn system_time() -> DateTime<Utc> {
    DateTime::from(std::time::SystemTime::now())
}

/// Why the fake did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, most likely.
    #[error("the simulated Google cannot listen")]
    Listen(#[source] std::io::Error),
    /// The state file exists and cannot be read, or is not one of ours.
    #[error("the simulated Google cannot read {path}")]
    State {
        /// The file that was named in [`Options::state_file`].
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
}

/// A running simulated Google. Clones are handles of the same one; it stops with the last of them.
#[derive(Clone)]
pub struct Google {
    /// What its operations meet, and the journal. Details are `<method> <path>`, without the query.
    pub faults: Faults,
    site: Arc<Site>,
    server: Arc<Server>,
}

impl std::fmt::Debug for Google {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Google").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Google {
    /// Reads the state file, if one is named and exists, and starts to serve.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let world = match &options.state_file {
            Some(path) => {
                World::load(path).map_err(|source| StartError::State { path: path.clone(), source })?
            }
            None => World::default(),
        };
        let faults = Faults::default();
        let port = options.port;
        let site = Arc::new(Site {
            clients: Mutex::new(vec![Client {
                id: options.client_id.clone(),
                secret: options.client_secret.clone(),
                redirect_uris: options.redirect_uris.clone(),
            }]),
            options,
            base: OnceLock::new(),
            world: Mutex::new(world),
            listeners: Listeners::default(),
        });
        let server = serve(port, {
            let (site, faults) = (Arc::clone(&site), faults.clone());
            move |request| answer(Arc::clone(&site), faults.clone(), request)
        })
        .await
        .map_err(StartError::Listen)?;
        site.base.get_or_init(|| server.url());
        Ok(Self { faults, site, server: Arc::new(server) })
    }

    /// `http://127.0.0.1:<port>`: the base of `/o/oauth2/v2/auth`, `/token`, `/revoke`, `/calendar/v3` and,
    /// for people, of `/` and `/accounts/{email}`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Registers one more client: that of another deployment.
    pub fn add_client(&self, id: &str, secret: &str, redirect_uri: &str) {
        let redirect_uris = vec![redirect_uri.to_owned()];
        let client = Client { id: id.to_owned(), secret: secret.to_owned(), redirect_uris };
        self.site.clients.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }
}

/// An OAuth client, as it was registered. An account grants to each of them for itself.
#[derive(Clone)]
struct Client {
    id: String,
    secret: String,
    redirect_uris: Vec<String>,
}

/// What the operations share: the options and the state of the world.
struct Site {
    options: Options,
    clients: Mutex<Vec<Client>>,
    base: OnceLock<String>,
    world: Mutex<World>,
    listeners: Listeners,
}

impl Site {
    fn now(&self) -> DateTime<Utc> {
        (self.options.now)()
    }

    /// The client with this id.
    fn client(&self, id: &str) -> Option<Client> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.iter().find(|client| client.id == id).cloned()
    }

    /// The server's own URL, for links in what it answers.
    fn base(&self) -> &str {
        self.base.get().map_or("", String::as_str)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the world and keeps it in the state file.
    fn change<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world();
        let result = work(&mut world);
        if let Some(path) = &self.options.state_file
            && let Err(error) = world.save(path)
        {
            tracing::warn!(path = %path.display(), %error, "the simulated Google could not keep its state");
        }
        result
    }
}

type Work = fn(&Site, &Ask) -> Response<Body>;

async fn answer(site: Arc<Site>, faults: Faults, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let Some(ask) = Ask::read(request).await else { return Err(Cut) };
    let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
    let name = ask.method.as_str();
    let site = site.as_ref();
    let ask = &ask;
    let (op, work): (&str, Work) = match (name, segments.as_slice()) {
        ("GET", []) => return Ok(pages::index(site)),
        ("GET", &["accounts", email]) => return Ok(pages::account(site, email, ask)),
        ("GET", ["o", "oauth2", "v2", "auth"]) => ("authorize", oauth::authorize),
        ("POST", ["o", "oauth2", "v2", "auth", "decision"]) => ("authorize", oauth::decide),
        ("POST", ["token"]) => ("token", tokens::token),
        ("POST", ["revoke"]) => ("revoke", tokens::revoke),
        (_, ["calendar", "v3", rest @ ..]) => {
            let Some(call) = api::Call::of(name, rest) else {
                return Ok(unserved(site, ask, errors::unknown_url().response()).await);
            };
            let work = || api::answer(site, ask, &call);
            return observed(site, &faults, call.op.name(), ask, work).await;
        }
        // Nothing of Google's: whoever came here did not mean it.
        _ => return Ok(errors::unknown_url().response()),
    };
    observed(site, &faults, op, ask, || work(site, ask)).await
}
