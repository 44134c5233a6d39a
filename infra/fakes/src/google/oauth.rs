//! Consent: the first half of the web-server flow, with PKCE (RFC 7636) and granular consent.
//!
//! <https://developers.google.com/identity/protocols/oauth2/web-server>. An authorization request with
//! anything wrong gets a page, never a redirect.

use axum::body::Body;
use http::Response;
use url::Url;

use super::observe::Exchange;
use super::web::{self, Ask, Params, mint};
use super::world::Code;
use super::{Google, Site, pages};

pub(super) const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/";

const SIGN_IN: [&str; 5] = [
    "openid",
    "email",
    "profile",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
];

/// The Calendar scopes by what the consent page says of them.
const CALENDAR: [(&str, &str); 18] = [
    ("calendar", "See, edit, share and permanently delete all the calendars you can access"),
    ("calendar.acls", "See and change the sharing permissions of calendars you own"),
    ("calendar.acls.readonly", "See the sharing permissions of calendars you own"),
    ("calendar.app.created", "Make secondary calendars, and see and change events on them"),
    ("calendar.calendarlist", "See, add and remove calendars you are subscribed to"),
    ("calendar.calendarlist.readonly", "See the list of calendars you are subscribed to"),
    ("calendar.calendars", "See and change the properties of calendars you can access"),
    ("calendar.calendars.readonly", "See the properties of calendars you can access"),
    ("calendar.events", "View and edit events on all your calendars"),
    ("calendar.events.freebusy", "See the availability on calendars you can access"),
    ("calendar.events.owned", "See, create, change and delete events on calendars you own"),
    ("calendar.events.owned.readonly", "See the events on calendars you own"),
    ("calendar.events.public.readonly", "See the events on public calendars"),
    ("calendar.events.readonly", "View events on all your calendars"),
    ("calendar.freebusy", "View your availability in your calendars"),
    ("calendar.readonly", "See and download any calendar you can access"),
    ("calendar.settings", "View and edit your Calendar settings"),
    ("calendar.settings.readonly", "View your Calendar settings"),
];

const AUTHORIZE_PARAMETERS: [&str; 13] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "access_type",
    "prompt",
    "include_granted_scopes",
    "login_hint",
    "hd",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// An authorization request that is in order.
pub(super) struct Consent {
    client: String,
    pub(super) redirect_uri: Url,
    /// As it was sent: the token request must repeat it to the letter.
    sent_redirect_uri: String,
    pub(super) scopes: Vec<String>,
    pub(super) login_hint: Option<String>,
    state: Option<String>,
    challenge: String,
    offline: bool,
    ask_again: bool,
    include_granted: bool,
}

/// The fake would not show, or not take, a consent: the request is wrong, or the account is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ConsentRefused {
    /// As in `Error 400: redirect_uri_mismatch`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

fn refused(code: &'static str, message: impl Into<String>) -> ConsentRefused {
    ConsentRefused { code, message: message.into() }
}

pub(super) fn needs_consent(scope: &str) -> bool {
    !SIGN_IN.contains(&scope)
}

pub(super) fn describe(scope: &str) -> &'static str {
    let short = scope.strip_prefix(SCOPE_PREFIX).unwrap_or(scope);
    CALENDAR.iter().find(|(name, _)| *name == short).map_or("Sign you in", |(_, text)| text)
}

fn is_known(scope: &str) -> bool {
    let short = scope.strip_prefix(SCOPE_PREFIX);
    SIGN_IN.contains(&scope) || short.is_some_and(|short| CALENDAR.iter().any(|(name, _)| *name == short))
}

impl Consent {
    fn of(site: &Site, asked: &Params) -> Result<Self, ConsentRefused> {
        let need = |name: &str| {
            asked
                .get(name)
                .ok_or_else(|| refused("invalid_request", format!("Missing required parameter: {name}")))
        };
        let client = site.client(need("client_id")?);
        let client = client.ok_or_else(|| refused("invalid_client", "The OAuth client was not found."))?;
        let sent = need("redirect_uri")?;
        let allowed = client.redirect_uris.iter().any(|uri| uri == sent);
        let redirect_uri =
            sent.parse().ok().filter(|_| allowed).ok_or_else(|| {
                refused("redirect_uri_mismatch", format!("{sent} is not one of this client's"))
            })?;
        for (name, _) in &asked.0 {
            if !AUTHORIZE_PARAMETERS.contains(&name.as_str()) {
                return Err(refused("invalid_request", format!("Unknown parameter: {name}")));
            }
            if asked.all(name).count() > 1 {
                return Err(refused("invalid_request", format!("Repeated parameter: {name}")));
            }
        }
        one_of("response_type", need("response_type")?, &["code"])?;
        one_of("code_challenge_method", need("code_challenge_method")?, &["S256"])?;
        let challenge = need("code_challenge")?;
        if challenge.len() != 43 {
            return Err(refused("invalid_request", "code_challenge is not the base64url of a SHA-256"));
        }
        let access_type = asked.get("access_type").unwrap_or("online");
        one_of("access_type", access_type, &["online", "offline"])?;
        let include_granted = asked.get("include_granted_scopes").unwrap_or("false");
        one_of("include_granted_scopes", include_granted, &["true", "false"])?;
        let prompts: Vec<&str> = asked.get("prompt").unwrap_or_default().split_whitespace().collect();
        for prompt in &prompts {
            one_of("prompt", prompt, &["consent", "select_account"])?;
        }
        let scopes: Vec<String> = need("scope")?.split_whitespace().map(str::to_owned).collect();
        if let Some(scope) = scopes.iter().find(|scope| !is_known(scope)) {
            return Err(refused("invalid_scope", format!("Some requested scopes were invalid: {scope}")));
        }
        Ok(Self {
            client: client.id,
            redirect_uri,
            sent_redirect_uri: sent.to_owned(),
            scopes,
            login_hint: asked.get("login_hint").map(str::to_owned),
            state: asked.get("state").map(str::to_owned),
            challenge: challenge.to_owned(),
            offline: access_type == "offline",
            ask_again: prompts.contains(&"consent"),
            include_granted: include_granted == "true",
        })
    }

    /// The redirect of a person who allows what is in `ticked`, beside the sign-in scopes.
    fn allow(&self, site: &Site, account: &str, ticked: &[&str]) -> Result<Url, ConsentRefused> {
        let now = site.now();
        let mut scopes: Vec<String> = self
            .scopes
            .iter()
            .filter(|scope| !needs_consent(scope) || ticked.contains(&scope.as_str()))
            .cloned()
            .collect();
        if scopes.is_empty() {
            return Ok(self.deny());
        }
        let code = mint("4/fake-");
        site.change(|world| {
            if !world.accounts.contains_key(account) {
                return Err(refused("invalid_request", format!("There is no account {account}")));
            }
            let first = world.live_grants(account, &self.client).next().is_none();
            if self.include_granted {
                for scope in world.live_grants(account, &self.client).flat_map(|grant| &grant.scopes) {
                    if !scopes.contains(scope) {
                        scopes.push(scope.clone());
                    }
                }
            }
            let issued = Code {
                account: account.to_owned(),
                client: self.client.clone(),
                scopes: scopes.clone(),
                redirect_uri: self.sent_redirect_uri.clone(),
                challenge: self.challenge.clone(),
                refreshable: self.offline && (first || self.ask_again),
                issued_at: now,
                grant: None,
            };
            world.secrets.push(code.clone());
            world.codes.insert(code.clone(), issued);
            Ok(())
        })?;
        // `authuser` and `prompt` mean nothing to the client; Google sends them all the same.
        let granted = scopes.join(" ");
        Ok(self.back(&[("code", &code), ("scope", &granted), ("authuser", "0"), ("prompt", "consent")]))
    }

    fn deny(&self) -> Url {
        self.back(&[("error", "access_denied")])
    }

    fn back(&self, values: &[(&str, &str)]) -> Url {
        let mut url = self.redirect_uri.clone();
        let state = self.state.as_deref().map(|state| ("state", state));
        url.query_pairs_mut().extend_pairs(state.iter().chain(values));
        url
    }
}

fn one_of(name: &str, value: &str, allowed: &[&str]) -> Result<(), ConsentRefused> {
    let message = || format!("Invalid parameter value for {name}: {value}");
    if allowed.contains(&value) { Ok(()) } else { Err(refused("invalid_request", message())) }
}

/// `GET /o/oauth2/v2/auth`
pub(super) fn authorize(site: &Site, ask: &Ask) -> Response<Body> {
    match Consent::of(site, &ask.query) {
        Ok(consent) => pages::consent(site, &consent, &ask.query),
        Err(error) => pages::refused(&error),
    }
}

/// `POST /o/oauth2/v2/auth/decision`: the consent page's form, which carries the request once more. From a
/// script the query of the authorization URL does as well, with `account` and `decision`: all is ticked then.
pub(super) fn decide(site: &Site, ask: &Ask) -> Response<Body> {
    let Some(form) = ask.form() else {
        return pages::refused(&refused("invalid_request", "The decision is not a form."));
    };
    let is_page = form.get("requested_scope").is_some();
    let original = form.0.iter().filter_map(|(name, value)| match name.as_str() {
        "account" | "decision" => None,
        "scope" if is_page => None,
        "requested_scope" => Some(("scope".to_owned(), value.clone())),
        _ => Some((name.clone(), value.clone())),
    });
    let outcome =
        Consent::of(site, &Params(original.collect())).and_then(|consent| match form.get("decision") {
            Some("allow") => {
                let ticked: Vec<&str> = form.all("scope").flat_map(str::split_whitespace).collect();
                consent.allow(site, form.get("account").unwrap_or_default(), &ticked)
            }
            Some("deny") => Ok(consent.deny()),
            Some(_) | None => Err(refused("invalid_request", "The decision is neither allow nor deny.")),
        });
    match outcome {
        Ok(location) => web::redirect(location.as_str()),
        Err(error) => pages::refused(&error),
    }
}

impl Google {
    fn asked(&self, authorization_url: &str) -> Result<Consent, ConsentRefused> {
        let url: Url = authorization_url
            .parse()
            .map_err(|error| refused("invalid_request", format!("{authorization_url}: {error}")))?;
        if url.path() != "/o/oauth2/v2/auth" {
            return Err(refused("invalid_request", format!("{authorization_url} is not the consent page")));
        }
        let asked = Params::parse(url.query().unwrap_or_default().as_bytes());
        self.site.listeners.tell(&Exchange {
            op: "authorize".to_owned(),
            method: "GET".to_owned(),
            path: url.path().to_owned(),
            query: asked.0.clone(),
            content_type: None,
            body: String::new(),
            answer: None,
        });
        Consent::of(&self.site, &asked)
    }

    /// Where `account` is sent on allowing all scopes but those in `untick` (full, or what stands after
    /// `/auth/`). Nothing is fetched: this is the person at the consent page.
    pub fn consent(
        &self,
        authorization_url: &str,
        account: &str,
        untick: &[&str],
    ) -> Result<Url, ConsentRefused> {
        let consent = self.asked(authorization_url)?;
        let named = |scope: &str, name: &str| scope == name || scope.strip_prefix(SCOPE_PREFIX) == Some(name);
        if let Some(name) = untick.iter().find(|name| !consent.scopes.iter().any(|scope| named(scope, name)))
        {
            return Err(refused("invalid_scope", format!("{name} was not asked for")));
        }
        let ticked: Vec<&str> = consent.scopes.iter().map(String::as_str).collect();
        let kept = ticked.into_iter().filter(|scope| !untick.iter().any(|name| named(scope, name)));
        consent.allow(&self.site, account, &kept.collect::<Vec<_>>())
    }

    /// Where a person is sent who presses "Cancel".
    pub fn deny(&self, authorization_url: &str) -> Result<Url, ConsentRefused> {
        Ok(self.asked(authorization_url)?.deny())
    }
}
