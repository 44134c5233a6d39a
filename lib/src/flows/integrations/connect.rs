//! Connect a calendar account by OAuth: out with a `state`, back through the callback, which spends it.
//!
//! `state` is 256 random bits, single use, ten minutes, stored as a hash and bound to tenant, host, provider and
//! redirect. A browser that comes back without the cookie of the start was sent the link by somebody: it is shown
//! what it is about to connect to whom, and nothing is stored before its click. (RFC 6749 §10.12, RFC 9700 §4.7)

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use crate::app::App;
use crate::calendars::oauth::Pkce;
use crate::calendars::{
    Account, Authorize, Calendar, CalendarError, CalendarId, Call, Credential, Grant, OAuth, Provider,
};
use crate::domain::{
    AccountCalendar, AccountEvent, AccountHash, CalendarRef, HostId, Integration, IntegrationId,
    IntegrationStatus, Job, ProviderKind, Scope, SyncState, Tenant,
};
use crate::flows::change::{change, unless_lost};
use crate::flows::integrations::session::{AccessError, seal, seal_grant, unseal};
use crate::flows::integrations::settings::read_soon;
use crate::flows::integrations::{account_hash, known_calendars};
use crate::flows::jobs::place_events::placing_job;
use crate::flows::jobs::run::run_within;
use crate::flows::keys::{KeyError, deployment_key};
use crate::store::{OAuthState, Placing, StateHash, StoreError};
use crate::vault::VaultError;

const LIFETIME: TimeDelta = TimeDelta::minutes(10);
const WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at whether a grant has been given back.
const WAIT: Duration = Duration::from_millis(100);
const VERIFIER: &str = "verifier";
const GRANT: &str = "grant";

/// A round trip that has begun.
#[derive(Clone, Debug)]
pub struct Started {
    /// Where the host's browser is to go.
    pub authorization_url: Url,
    /// When it is too late to come back.
    pub expires_at: DateTime<Utc>,
    /// What marks the browser that began it.
    pub cookie: String,
}

/// An account that was connected.
#[derive(Clone, Debug)]
pub struct Connected {
    /// Its integration.
    pub integration: Integration,
    /// Where the browser is to go next.
    pub return_to: Option<String>,
}

/// Where a callback has led.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// The account is connected.
    Connected(Box<Connected>),
    /// The browser is not the one that began: it must say yes first.
    AwaitsClick(Question),
}

/// What a browser is asked that did not begin the round trip.
#[derive(Clone, Debug)]
pub struct Question {
    /// The tenant that would have the account.
    pub tenant: Tenant,
    /// The host whose calendars they would be.
    pub host_name: String,
    /// The account.
    pub account: String,
    /// What the click carries.
    pub token: String,
    /// Where the browser goes after it.
    pub return_to: Option<String>,
}

/// Why a round trip failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The tenant has no such host.
    #[error("there is no such host")]
    UnknownHost,
    /// The provider is not set up in this deployment.
    #[error("the provider is not set up")]
    ProviderNotSetUp,
    /// `return_to` does not begin with one of the allowed URLs.
    #[error("return_to is not on the list of allowed URLs")]
    ReturnNotAllowed,
    /// Never issued, already used, of another provider, or too old.
    #[error("this link has been used or has expired")]
    UnknownState,
    /// The host said no.
    #[error("access was not granted")]
    ConsentDenied,
    /// The provider reported another error; its code is not shown.
    #[error("the provider reported an error")]
    ProviderError,
    /// The host unticked what the product needs.
    #[error("not every permission was granted")]
    MissingScopes(Vec<&'static str>),
    /// The provider gave no token that lasts.
    #[error("the provider gave no lasting access")]
    NoRefreshToken,
    /// The provider would not take the code.
    #[error("the provider did not accept the answer")]
    CodeRefused,
    /// The account could not be reached.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        Self::Access(error.into())
    }
}

impl From<CalendarError> for ConnectError {
    fn from(error: CalendarError) -> Self {
        Self::Access(error.into())
    }
}

impl From<KeyError> for ConnectError {
    fn from(error: KeyError) -> Self {
        Self::Access(error.into())
    }
}

/// Begins a round trip for a host within reach.
pub async fn start_connect(
    app: &App,
    scope: &Scope,
    host: &HostId,
    provider: ProviderKind,
    return_to: Option<&str>,
) -> Result<Started, ConnectError> {
    let tenant = scope.tenant();
    let auth = &app.calendars.of(provider).ok_or(ConnectError::ProviderNotSetUp)?.auth;
    let return_to = match return_to {
        Some(url) => Some(allowed(&app.config.return_to, url).ok_or(ConnectError::ReturnNotAllowed)?),
        None => None,
    };
    if !scope.covers_host(host) || app.store.host(tenant, host).await?.is_none() {
        return Err(ConnectError::UnknownHost);
    }
    let expires_at = app.clock.now().trunc_subsecs(0) + LIFETIME;
    // The callback needs it, and may make none.
    deployment_key(app).await?;
    let (state, cookie) = (random::<32>()?, random::<16>()?);
    let hash = StateHash::of(&state);
    let pkce = Pkce::generate();
    let redirect_uri = app.config.redirect_uri(provider);
    let integration = pending(tenant, host, provider, expires_at)?;
    app.store.add_pending(&integration).await?;
    let round_trip = OAuthState {
        tenant: tenant.clone(),
        host: host.clone(),
        provider,
        integration: integration.id,
        redirect_uri: redirect_uri.clone(),
        return_to: return_to.map(String::from),
        sealed: seal(app, tenant, &hash.to_string(), VERIFIER, &pkce.verifier).await?,
        cookie_hash: StateHash::of(&cookie).to_string(),
        expires_at,
    };
    app.store.put_oauth_state(&hash, &round_trip).await?;
    let authorization_url = auth.authorize_url(&Authorize {
        state: &state,
        challenge: &pkce.challenge,
        redirect_uri: &redirect_uri,
        login_hint: None,
    });
    Ok(Started { authorization_url, expires_at, cookie })
}

/// Ends a round trip that came back with an error instead of a code.
pub async fn abandon_connect(
    app: &App,
    provider: ProviderKind,
    state: &str,
    error: &str,
) -> Result<ConnectError, ConnectError> {
    take(app, provider, state).await?;
    Ok(if error == "access_denied" { ConnectError::ConsentDenied } else { ConnectError::ProviderError })
}

/// Ends a round trip that came back with a code: exchange, check of scopes, account, tokens sealed, first reading.
pub async fn finish_connect(
    app: &App,
    provider: ProviderKind,
    state: &str,
    code: &SecretString,
    cookie: Option<&str>,
) -> Result<Arrival, ConnectError> {
    let (hash, round_trip) = take(app, provider, state).await?;
    let Provider { auth, calendar, .. } = app.calendars.of(provider).ok_or(ConnectError::ProviderNotSetUp)?;
    let deadline = Instant::now() + WITHIN;
    let verifier = unseal_state(app, &hash, VERIFIER, &round_trip).await?;
    let grant = match auth.exchange(code, &verifier, &round_trip.redirect_uri, deadline).await {
        Ok(grant) => grant,
        Err(CalendarError::Revoked | CalendarError::Rejected { .. }) => {
            return Err(ConnectError::CodeRefused);
        }
        Err(error) => return Err(error.into()),
    };
    // Of no use, but not given back: revoking one token ends all of the account's, and it may be connected already.
    usable(auth.as_ref(), &grant)?;
    let credential = Credential::Bearer(grant.access.clone());
    let account = calendar.account(Call { credential: &credential, deadline }).await?;
    let is_same_browser =
        cookie.is_some_and(|cookie| StateHash::of(cookie).to_string() == round_trip.cookie_hash);
    if is_same_browser {
        let connected = connect(app, &round_trip, &grant, account).await?;
        return Ok(Arrival::Connected(Box::new(connected)));
    }
    await_click(app, round_trip, &grant, account).await
}

/// The click of a browser that was asked: stores what the callback had kept for it.
pub async fn approve_connect(
    app: &App,
    provider: ProviderKind,
    token: &str,
) -> Result<Connected, ConnectError> {
    let (hash, round_trip) = take(app, provider, token).await?;
    let kept = unseal_state(app, &hash, GRANT, &round_trip).await?;
    let kept: KeptGrant =
        serde_json::from_str(kept.expose_secret()).map_err(|_not_a_grant| ConnectError::UnknownState)?;
    let account = Account {
        id: kept.account_id,
        label: kept.account,
        default_calendar: kept.default_calendar,
        time_zone: None,
    };
    let grant = Grant {
        access: kept.access.into(),
        refresh: Some(kept.refresh.into()),
        expires_at: kept.expires_at,
        scopes: Vec::new(),
    };
    connect(app, &round_trip, &grant, account).await
}

/// A grant while its click is awaited; never stored but sealed.
#[derive(Serialize, Deserialize)]
struct KeptGrant {
    access: String,
    refresh: String,
    expires_at: DateTime<Utc>,
    account_id: String,
    account: String,
    default_calendar: CalendarId,
}

async fn await_click(
    app: &App,
    round_trip: OAuthState,
    grant: &Grant,
    account: Account,
) -> Result<Arrival, ConnectError> {
    let refresh = grant.refresh.as_ref().ok_or(ConnectError::NoRefreshToken)?;
    let kept = KeptGrant {
        access: grant.access.expose_secret().to_owned(),
        refresh: refresh.expose_secret().to_owned(),
        expires_at: grant.expires_at,
        account_id: account.id,
        account: account.label.clone(),
        default_calendar: account.default_calendar,
    };
    let kept: SecretString =
        serde_json::to_string(&kept).map_err(|_unwritable| ConnectError::UnknownState)?.into();
    let token = random::<32>()?;
    let hash = StateHash::of(&token);
    let (tenant, host) = (round_trip.tenant.clone(), round_trip.host.clone());
    let return_to = round_trip.return_to.clone();
    let sealed = seal(app, &tenant, &hash.to_string(), GRANT, &kept).await?;
    app.store.put_oauth_state(&hash, &OAuthState { sealed, ..round_trip }).await?;
    let host = app.store.host(&tenant, &host).await?.ok_or(ConnectError::UnknownHost)?;
    Ok(Arrival::AwaitsClick(Question {
        tenant,
        host_name: host.host.name,
        account: account.label,
        token,
        return_to,
    }))
}

fn usable(auth: &dyn OAuth, grant: &Grant) -> Result<(), ConnectError> {
    let missing = auth.missing_scopes(&grant.scopes);
    if !missing.is_empty() {
        return Err(ConnectError::MissingScopes(missing));
    }
    if grant.refresh.is_none() {
        return Err(ConnectError::NoRefreshToken);
    }
    Ok(())
}

/// Stores the account, reads its calendars for the first time, and brings the events of the host's bookings there if
/// that is where they belong now.
async fn connect(
    app: &App,
    round_trip: &OAuthState,
    grant: &Grant,
    account: Account,
) -> Result<Connected, ConnectError> {
    let known = list_calendars(app, round_trip.provider, grant).await;
    let (integration, job) = store_account(app, round_trip, grant, &account, known.as_deref()).await?;
    read_soon(app, &integration).await;
    run_within(app, job).await;
    let items = app.store.host(&round_trip.tenant, &round_trip.host).await?;
    let found = items.and_then(|items| items.integration(&integration.id).cloned());
    let integration = found.unwrap_or(integration);
    Ok(Connected { integration, return_to: round_trip.return_to.clone() })
}

/// A poll or a refresh may come in between: then it is read again, because the code cannot be had a second time.
async fn store_account(
    app: &App,
    round_trip: &OAuthState,
    grant: &Grant,
    account: &Account,
    known_calendars: Option<&[AccountCalendar]>,
) -> Result<(Integration, Job), ConnectError> {
    let scope = Scope::Tenant(round_trip.tenant.clone());
    let hash = account_hash(app, round_trip.provider, &account.id).await?;
    change(async || {
        let items = app.store.host(&round_trip.tenant, &round_trip.host).await?;
        let items = items.ok_or(ConnectError::UnknownHost)?;
        let renewed = await_revoking(app, round_trip.provider, &hash, grant).await?;
        let grant = renewed.as_ref().unwrap_or(grant);
        // One that was taken back while the host was away does not come back with the host.
        let waits = |integration: &&Integration| {
            integration.id == round_trip.integration && integration.status == IntegrationStatus::Pending
        };
        let waiting = items.integrations.iter().find(waits).ok_or(ConnectError::UnknownState)?;
        let known = items.integrations.iter().find(|integration| {
            integration.provider == round_trip.provider
                && integration.account_id.as_deref() == Some(account.id.as_str())
        });
        let before = known.unwrap_or(waiting);
        let tokens = seal_grant(app, before, grant, None, 0).await?;
        let replaced = known.map(|_| &waiting.id);
        let mut after = connected(app, before, account, known_calendars);
        // The first account takes the host's bookings, and so does one in place of another that is gone.
        let is_first = items.is_first(&after.id) && !before.is_live();
        let takes_bookings = !items.has_live_write_to() && (items.host.write_to.is_some() || is_first);
        let write_to =
            if takes_bookings && items.host.write_to.as_ref().is_none_or(|at| at.integration != after.id) {
                let calendar = account.default_calendar.as_str().to_owned();
                after.add_event_calendar(&calendar);
                Some(CalendarRef { integration: after.id.clone(), calendar })
            } else {
                items.host.write_to.clone()
            };
        let job = placing_job(app, &scope, &round_trip.host)?;
        let placing = Placing { host: &items.host, write_to, mails_guests: false, job: &job };
        let done = app
            .store
            .connect_integration(before, after, &tokens, replaced, Some(&placing), Some(&hash))
            .await;
        Ok(unless_lost(done)?.map(|integration| (integration, job)))
    })
    .await
}

/// Waits while the grant that the account had before is being given back. That may have ended this one, too: it is tried,
/// and the host has to say yes once more if so. `Some` when it was renewed by that.
async fn await_revoking(
    app: &App,
    provider: ProviderKind,
    account: &AccountHash,
    grant: &Grant,
) -> Result<Option<Grant>, ConnectError> {
    let deadline = Instant::now() + WITHIN;
    let mut has_waited = false;
    while app.store.revoking_until(account).await?.is_some() {
        if Instant::now() >= deadline {
            return Err(StoreError::Busy.into());
        }
        has_waited = true;
        tokio::time::sleep(WAIT).await;
    }
    let refresh = grant.refresh.as_ref().filter(|_| has_waited);
    let Some((provider, refresh)) = app.calendars.of(provider).zip(refresh) else { return Ok(None) };
    match provider.auth.refresh(refresh, deadline).await {
        Ok(renewed) => {
            let refresh = renewed.refresh.clone().or_else(|| Some(refresh.clone()));
            Ok(Some(Grant { refresh, ..renewed }))
        }
        Err(CalendarError::Revoked) => Err(ConnectError::CodeRefused),
        Err(error) => Err(error.into()),
    }
}

/// The calendars of a new account. That it is connected does not depend on this: what cannot be listed now is listed with
/// the next reading.
async fn list_calendars(app: &App, provider: ProviderKind, grant: &Grant) -> Option<Vec<AccountCalendar>> {
    let calendar: &dyn Calendar = app.calendars.of(provider)?.calendar.as_ref();
    let (credential, deadline) = (Credential::Bearer(grant.access.clone()), Instant::now() + WITHIN);
    match calendar.calendars(Call { credential: &credential, deadline }).await {
        Ok(listed) => Some(known_calendars(&listed)),
        Err(error) => {
            tracing::warn!(%error, "the calendars of a new account were not listed");
            None
        }
    }
}

fn connected(
    app: &App,
    before: &Integration,
    account: &Account,
    known_calendars: Option<&[AccountCalendar]>,
) -> Integration {
    let mut after = before.clone();
    if !before.is_active() {
        after.sync.forget();
    }
    let default = account.default_calendar.as_str();
    if before.account.is_none() {
        after.conflict_calendars = vec![default.to_owned()];
        after.calendars = vec![AccountCalendar { id: default.to_owned(), writable: true }];
    }
    after.calendars_read_at = known_calendars.map(|_| app.clock.now());
    if let Some(known) = known_calendars {
        after.calendars = known.to_vec();
    }
    after.account_id = Some(account.id.clone());
    after.account = Some(account.label.clone());
    after.status = after.status.after(AccountEvent::Authorized);
    after.enabled = true;
    let provider = app.calendars.of(before.provider);
    after.mails_on_removal = provider.is_some_and(|provider| !provider.capabilities.silent_delete);
    after.clearing_until = None;
    after.keeps_events = false;
    after.sync.failures = 0;
    after.sync.last_error = None;
    after.sync.due_at = Some(app.clock.now());
    after
}

/// What a round trip has sealed. A state is no approval and an approval no state: those do not open.
async fn unseal_state(
    app: &App,
    hash: &StateHash,
    field: &str,
    round_trip: &OAuthState,
) -> Result<SecretString, ConnectError> {
    match unseal(app, &round_trip.tenant, &hash.to_string(), field, &round_trip.sealed).await {
        Ok(secret) => Ok(secret),
        Err(KeyError::Vault(VaultError::Broken)) => Err(ConnectError::UnknownState),
        Err(error) => Err(error.into()),
    }
}

async fn take(
    app: &App,
    provider: ProviderKind,
    state: &str,
) -> Result<(StateHash, OAuthState), ConnectError> {
    let hash = StateHash::of(state);
    let round_trip = app.store.take_oauth_state(&hash).await?;
    let round_trip =
        round_trip.filter(|found| found.provider == provider).ok_or(ConnectError::UnknownState)?;
    Ok((hash, round_trip))
}

/// Same origin, and a path at or below an allowed one. What was read is what the browser is sent to: in the text
/// that was given it might read something else.
fn allowed(bases: &[Url], url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let is_plain =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    let is_below = |base: &Url| {
        let below = url.path().strip_prefix(base.path().trim_end_matches('/'));
        url.origin() == base.origin() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    (is_plain && bases.iter().any(is_below)).then_some(url)
}

fn pending(
    tenant: &Tenant,
    host: &HostId,
    provider: ProviderKind,
    until: DateTime<Utc>,
) -> Result<Integration, ConnectError> {
    let mut bytes = [0; 12];
    fill(&mut bytes)?;
    let digits = bytes.into_iter().fold(0_u128, |digits, byte| digits << 8 | u128::from(byte));
    let id: IntegrationId =
        format!("int_{digits:024x}").parse().map_err(|_malformed| ConnectError::UnknownState)?;
    Ok(Integration {
        id,
        tenant: tenant.clone(),
        host: host.clone(),
        provider,
        account_id: None,
        account: None,
        status: IntegrationStatus::Pending,
        enabled: true,
        calendars: Vec::new(),
        calendars_read_at: None,
        conflict_calendars: Vec::new(),
        event_calendars: Vec::new(),
        revision: 1,
        pending_until: Some(until),
        clearing_until: None,
        mails_on_removal: false,
        keeps_events: false,
        sync: SyncState::default(),
    })
}

fn random<const N: usize>() -> Result<String, ConnectError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn fill(bytes: &mut [u8]) -> Result<(), ConnectError> {
    Ok(SystemRandom::new().fill(bytes).map_err(|_unspecified| StoreError::Busy)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_only_to_allowed_places() {
        let bases = ["https://app.example/admin".parse().unwrap(), "http://localhost:5173".parse().unwrap()];
        for good in
            ["https://app.example/admin", "https://app.example/admin/x?y=z", "http://localhost:5173/a"]
        {
            assert_eq!(allowed(&bases, good).map(String::from).as_deref(), Some(good));
        }
        // Read by some as a path, by browsers as this.
        let sent_to = allowed(&bases, r"https:\\app.example\admin").map(String::from);
        assert_eq!(sent_to.as_deref(), Some("https://app.example/admin"));
        for bad in [
            "https://app.example/",
            "https://app.example/administrator",
            "https://app.example/admin/../x",
            "https://app.example.evil/admin",
            "https://app.example@evil/admin",
            "https://user@app.example/admin",
            "http://app.example/admin",
            "javascript:alert(1)",
            "//app.example/admin",
            "/admin",
            "",
        ] {
            assert_eq!(allowed(&bases, bad), None, "{bad}");
        }
    }
}
