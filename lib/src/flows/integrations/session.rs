//! Access to an integration's account: a token that is good for now, refreshed five minutes early by one caller
//! for all.
//!
//! A provider may let a refresh token be used once only, so refreshing happens under a lease and the new tokens
//! are written under the version of the old. A worker that finds the lease taken goes on with the old access token
//! while it lasts, or waits for the new one.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::app::App;
use crate::calendars::{Calendar, CalendarError, Call, Capabilities, Credential, Grant, OAuth, Provider};
use crate::domain::{Integration, Tenant};
use crate::flows::keys::{KeyError, opening_key, sealing_key};
use crate::store::{SealedTokens, StoreError};
use crate::vault::Place;

/// Tokens are refreshed when they have less than this left.
const EARLY: TimeDelta = TimeDelta::minutes(5);
/// An access token with less than this left may end under way.
const USABLE: TimeDelta = TimeDelta::seconds(20);
const REVOKED: &str = "the provider no longer honours the tokens; connect the account again";
const WAIT: Duration = Duration::from_millis(50);

pub(in crate::flows) const ACCESS: &str = "access";
pub(in crate::flows) const REFRESH: &str = "refresh";

/// Why an account could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The provider, by class.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A provider's account with a token that works, for as long as one act takes.
pub(in crate::flows) struct Session<'a> {
    app: &'a App,
    integration: Integration,
    provider: &'a Provider,
    credential: Credential,
    version: u64,
    deadline: Instant,
    renewed: bool,
}

impl<'a> Session<'a> {
    /// Opens the account of an integration.
    pub(in crate::flows) async fn open(
        app: &'a App,
        integration: &Integration,
        deadline: Instant,
    ) -> Result<Self, AccessError> {
        Self::open_with(app, integration, None, deadline).await
    }

    /// The same with the tokens that were read beside the integration.
    pub(in crate::flows) async fn open_with(
        app: &'a App,
        integration: &Integration,
        tokens: Option<SealedTokens>,
        deadline: Instant,
    ) -> Result<Self, AccessError> {
        let provider = app.calendars.of(integration.provider).ok_or(CalendarError::Unreachable)?;
        let auth = provider.auth.as_ref();
        let (access, version) = access_token(app, auth, integration, deadline, tokens, None).await?;
        let (integration, credential) = (integration.clone(), Credential::Bearer(access));
        Ok(Self { app, integration, provider, credential, version, deadline, renewed: false })
    }

    /// The provider's calendars.
    pub(in crate::flows) fn calendar(&self) -> &'a dyn Calendar {
        self.provider.calendar.as_ref()
    }

    /// What the provider can do.
    pub(in crate::flows) fn capabilities(&self) -> Capabilities {
        self.provider.capabilities
    }

    /// What every call to the provider carries.
    pub(in crate::flows) fn call(&self) -> Call<'_> {
        Call { credential: &self.credential, deadline: self.deadline }
    }

    /// After a 401: a new token, once. `false` when there was one already: then the provider is out of step with itself,
    /// which may pass. Only a refused refresh says that the grant is gone.
    pub(in crate::flows) async fn renew(&mut self) -> Result<bool, AccessError> {
        if self.renewed {
            return Ok(false);
        }
        self.renewed = true;
        let (auth, refused) = (self.provider.auth.as_ref(), Some(self.version));
        let (access, version) =
            access_token(self.app, auth, &self.integration, self.deadline, None, refused).await?;
        (self.credential, self.version) = (Credential::Bearer(access), version);
        Ok(true)
    }
}

/// One call through a session, made again with a new token when the provider says that the old one is no good.
macro_rules! through {
    ($session:expr, $verb:ident ( $($argument:expr),* )) => {
        loop {
            match $session.calendar().$verb($session.call(), $($argument),*).await {
                Err($crate::calendars::CalendarError::Unauthorized) => match $session.renew().await {
                    Ok(true) => {}
                    Ok(false) => break Err($crate::calendars::CalendarError::Unauthorized.into()),
                    Err(error) => break Err(error),
                },
                done => break done.map_err($crate::flows::integrations::session::AccessError::from),
            }
        }
    };
}
pub(in crate::flows) use through;

/// A good access token and its version, from those just read if there are any. Tokens of the version `refused`
/// are not good, whatever their date says.
async fn access_token(
    app: &App,
    auth: &dyn OAuth,
    integration: &Integration,
    deadline: Instant,
    mut read: Option<SealedTokens>,
    refused: Option<u64>,
) -> Result<(SecretString, u64), AccessError> {
    while Instant::now() < deadline {
        let tokens = match read.take() {
            Some(tokens) => tokens,
            None => app.store.tokens(integration).await?.ok_or(CalendarError::Revoked)?,
        };
        let left = tokens.access_expires_at - app.clock.now();
        let is_refused = refused == Some(tokens.version);
        if left > EARLY && !is_refused {
            return Ok((open(app, integration, ACCESS, &tokens.access).await?, tokens.version));
        }
        match app.store.take_token_lease(integration, tokens.version).await {
            Ok(()) => match refresh(app, auth, integration, &tokens, deadline).await {
                Ok(Some(access)) => return Ok((access, tokens.version + 1)),
                // Stored already by an earlier try, or changed by somebody else: what is stored counts.
                Ok(None) => {}
                Err(AccessError::Calendar(CalendarError::Revoked)) => {
                    app.store.mark_needs_reauth(integration, tokens.version, REVOKED).await?;
                    // One that is being disconnected has no status to lose, but others wait for its lease.
                    app.store.drop_token_lease(integration, tokens.version).await?;
                    return Err(CalendarError::Revoked.into());
                }
                Err(error) => {
                    app.store.drop_token_lease(integration, tokens.version).await?;
                    if left > USABLE && !is_refused {
                        return Ok((open(app, integration, ACCESS, &tokens.access).await?, tokens.version));
                    }
                    return Err(error);
                }
            },
            Err(StoreError::Conflict(_)) if left > USABLE && !is_refused => {
                return Ok((open(app, integration, ACCESS, &tokens.access).await?, tokens.version));
            }
            Err(StoreError::Conflict(_)) => tokio::time::sleep(WAIT).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(CalendarError::Unreachable.into())
}

/// Refreshes and stores; `None` when what was read is no longer what is stored.
async fn refresh(
    app: &App,
    auth: &dyn OAuth,
    integration: &Integration,
    tokens: &SealedTokens,
    deadline: Instant,
) -> Result<Option<SecretString>, AccessError> {
    let refresh = open(app, integration, REFRESH, &tokens.refresh).await?;
    let grant = auth.refresh(&refresh, deadline).await?;
    let sealed = seal_grant(app, integration, &grant, Some(&refresh), tokens.version).await?;
    match app.store.put_tokens(integration, &sealed).await {
        Ok(()) => Ok(Some(grant.access)),
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Seals a grant into an integration. A provider that gives no new refresh token means the old one to be kept.
pub(in crate::flows) async fn seal_grant(
    app: &App,
    integration: &Integration,
    grant: &Grant,
    old_refresh: Option<&SecretString>,
    version: u64,
) -> Result<SealedTokens, AccessError> {
    let refresh = grant.refresh.as_ref().or(old_refresh).ok_or(CalendarError::Revoked)?;
    Ok(SealedTokens {
        access: seal(app, &integration.tenant, integration.id.as_str(), ACCESS, &grant.access).await?,
        refresh: seal(app, &integration.tenant, integration.id.as_str(), REFRESH, refresh).await?,
        access_expires_at: grant.expires_at,
        version,
    })
}

/// Seals a secret into a field of an item.
pub(in crate::flows) async fn seal(
    app: &App,
    tenant: &Tenant,
    owner: &str,
    field: &str,
    secret: &SecretString,
) -> Result<Vec<u8>, KeyError> {
    let key = sealing_key(app, tenant).await?;
    Ok(key.seal(Place { owner, field }, secret.expose_secret().as_bytes())?)
}

/// Opens a sealed field of an item.
pub(in crate::flows) async fn unseal(
    app: &App,
    tenant: &Tenant,
    owner: &str,
    field: &str,
    sealed: &[u8],
) -> Result<SecretString, KeyError> {
    let key = opening_key(app, tenant, sealed).await?;
    let bytes = key.open(Place { owner, field }, sealed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_not_text| crate::vault::VaultError::Broken)?;
    Ok(text.to_owned().into())
}

pub(in crate::flows) async fn open(
    app: &App,
    integration: &Integration,
    field: &str,
    sealed: &[u8],
) -> Result<SecretString, KeyError> {
    unseal(app, &integration.tenant, integration.id.as_str(), field, sealed).await
}
