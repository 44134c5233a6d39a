//! The OAuth 2.0 code flow with PKCE: RFC 6749, RFC 7636, and revocation by RFC 7009. Requests and answers are
//! the `oauth2` crate's; sending is [`Http`]'s, so that tokens too travel under time-outs, a size limit and
//! without redirects. A provider's error word decides; its description is never kept.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, TokenResponse, TokenUrl,
};
use reqwest::Method;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::http::{Answer, Repeat, Sending};
use super::{CalendarError, Grant, Http};

/// RFC 6749 lets a provider leave `expires_in` out. All of ours send it; this is what they send.
const USUAL_LIFE: Duration = Duration::from_hours(1);

/// A proof key for one authorization: the challenge goes out with the browser, the verifier stays here until the
/// code comes back.
#[derive(Debug)]
pub struct Pkce {
    /// 43 characters carrying 256 random bits.
    pub verifier: SecretString,
    /// base64url of the verifier's SHA-256: the method `S256`.
    pub challenge: String,
}

impl Pkce {
    /// A new one.
    #[expect(clippy::expect_used, reason = "an operating system without randomness can keep no secret")]
    pub fn generate() -> Self {
        let random: [u8; 32] =
            ring::rand::generate(&SystemRandom::new()).expect("the system gives random bytes").expose();
        let verifier = BASE64_URL_SAFE_NO_PAD.encode(random);
        let challenge = challenge_of(&verifier);
        Self { verifier: verifier.into(), challenge }
    }
}

fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// The secret of our registration: sealed until it is first needed, then kept for the process.
#[derive(Clone)]
pub struct ClientSecret {
    open: Arc<Opening>,
    opened: Arc<OnceCell<SecretString>>,
}

type Opening = dyn Fn() -> BoxFuture<'static, Result<SecretString, CalendarError>> + Send + Sync;

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSecret")
    }
}

impl ClientSecret {
    /// One that `open` gives. Asked again as long as it fails.
    pub fn opened_by(
        open: impl Fn() -> BoxFuture<'static, Result<SecretString, CalendarError>> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Arc::new(open), opened: Arc::default() }
    }

    async fn get(&self) -> Result<&SecretString, CalendarError> {
        self.opened.get_or_try_init(|| (self.open)()).await
    }
}

impl From<&'static str> for ClientSecret {
    /// One that is known.
    fn from(secret: &'static str) -> Self {
        Self::opened_by(move || Box::pin(async move { Ok(secret.into()) }))
    }
}

/// Our registration at one provider, and where that provider gives out tokens.
#[derive(Debug)]
pub(super) struct Registration {
    http: Http,
    client_id: String,
    client_secret: ClientSecret,
    token_url: Url,
    revoke_url: Url,
    /// Where a call carries our credentials.
    auth_type: AuthType,
}

type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;
type TokenError = RequestTokenError<CalendarError, BasicErrorResponse>;

impl Registration {
    pub(super) fn new(
        http: Http,
        client_id: String,
        client_secret: ClientSecret,
        token_url: Url,
        revoke_url: Url,
        auth_type: AuthType,
    ) -> Self {
        Self { http, client_id, client_secret, token_url, revoke_url, auth_type }
    }

    /// Spends a code. Never sent twice: a code that was spent without our hearing the answer can only be refused,
    /// and providers take a second use for theft and revoke what the first one gave.
    pub(super) async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &str,
        now: DateTime<Utc>,
        deadline: Instant,
    ) -> Result<Grant, CalendarError> {
        let redirect = RedirectUrl::new(redirect_uri.to_owned())
            .map_err(|_not_a_url| CalendarError::rejected("redirect_uri"))?;
        let endpoint =
            self.token_endpoint(Sending { route: "/token (code)", deadline, repeat: Repeat::Never });
        let answer = self
            .client(deadline)
            .await?
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(redirect))
            .request_async(&endpoint)
            .await;
        answer.map(|tokens| grant(&tokens, now)).map_err(calendar_error)
    }

    /// Sent again only when the first one surely never left: some providers' refresh tokens die on first use, and
    /// the schedule comes round again soon enough for those that would not mind.
    pub(super) async fn refresh(
        &self,
        refresh: &SecretString,
        now: DateTime<Utc>,
        deadline: Instant,
    ) -> Result<Grant, CalendarError> {
        let sending = Sending { route: "/token (refresh)", deadline, repeat: Repeat::IfUnsent };
        let endpoint = self.token_endpoint(sending);
        let answer = self
            .client(deadline)
            .await?
            .exchange_refresh_token(&RefreshToken::new(refresh.expose_secret().to_owned()))
            .request_async(&endpoint)
            .await;
        answer.map(|tokens| grant(&tokens, now)).map_err(calendar_error)
    }

    /// Gives a token back. Sent freely: a second time finds it gone, which is what was asked for.
    pub(super) async fn revoke(&self, token: &SecretString, deadline: Instant) -> Result<(), CalendarError> {
        let request = self
            .http
            .request(Method::POST, self.revoke_url.clone())
            .form(&[("token", token.expose_secret())]);
        let sending = Sending { route: "/revoke", deadline, repeat: Repeat::Freely };
        self.http.send(request, sending, |answer| revoked(&answer)).await
    }

    async fn client(&self, deadline: Instant) -> Result<Client, CalendarError> {
        let secret = tokio::time::timeout_at(deadline, self.client_secret.get()).await;
        let secret = secret.unwrap_or(Err(CalendarError::Unreachable))?.expose_secret().to_owned();
        Ok(BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(oauth2::ClientSecret::new(secret))
            .set_auth_type(self.auth_type.clone())
            .set_token_uri(TokenUrl::from_url(self.token_url.clone())))
    }

    fn token_endpoint(&self, sending: Sending) -> TokenEndpoint {
        TokenEndpoint { http: self.http.clone(), url: self.token_url.clone(), sending }
    }
}

/// Our client as the `oauth2` crate wants one. A type and not a closure, so that its future can be `Send`.
struct TokenEndpoint {
    http: Http,
    url: Url,
    sending: Sending,
}

impl<'c> AsyncHttpClient<'c> for TokenEndpoint {
    type Error = CalendarError;
    type Future = BoxFuture<'c, Result<HttpResponse, CalendarError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let (head, body) = request.into_parts();
        let request = self.http.request(head.method, self.url.clone()).headers(head.headers).body(body);
        Box::pin(self.http.send(request, self.sending, token_answer))
    }
}

/// What the `oauth2` crate may read: an answer that decides something. "Not now" is said here, since the crate
/// would only see an error body that it does not know.
fn token_answer(answer: Answer) -> Result<HttpResponse, CalendarError> {
    not_now(&answer)?;
    let mut response = HttpResponse::new(answer.body);
    *response.status_mut() = answer.status;
    Ok(response)
}

fn not_now(answer: &Answer) -> Result<(), CalendarError> {
    match (answer.status.as_u16(), answer.retry_after) {
        (429, retry_after) | (503, retry_after @ Some(_)) => Err(CalendarError::Throttled { retry_after }),
        (408 | 500.., _) => Err(CalendarError::Unreachable),
        _ => Ok(()),
    }
}

fn revoked(answer: &Answer) -> Result<(), CalendarError> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    not_now(answer)?;
    if answer.status.is_success() {
        return Ok(());
    }
    match serde_json::from_slice::<Refusal>(&answer.body) {
        // Some say so of a token revoked or expired before; a conforming server says 200 (RFC 7009, section 2.2).
        Ok(refusal) if refusal.error == "invalid_token" || refusal.error == "invalid_grant" => Ok(()),
        Ok(refusal) => Err(CalendarError::rejected(&refusal.error)),
        Err(_) => Err(CalendarError::Unreadable),
    }
}

/// Counted from before the call, so that the token is never taken for good after its end.
fn grant(tokens: &BasicTokenResponse, asked_at: DateTime<Utc>) -> Grant {
    let life = TimeDelta::from_std(tokens.expires_in().unwrap_or(USUAL_LIFE)).unwrap_or(TimeDelta::MAX);
    Grant {
        access: tokens.access_token().secret().as_str().into(),
        refresh: tokens.refresh_token().map(|token| token.secret().as_str().into()),
        expires_at: asked_at.checked_add_signed(life).unwrap_or(DateTime::<Utc>::MAX_UTC),
        scopes: tokens.scopes().into_iter().flatten().map(|scope| scope.as_str().to_owned()).collect(),
    }
}

fn calendar_error(error: TokenError) -> CalendarError {
    match error {
        TokenError::Request(error) => error,
        TokenError::ServerResponse(refusal) => match refusal.error() {
            BasicErrorResponseType::InvalidGrant => CalendarError::Revoked,
            BasicErrorResponseType::Extension(word) if word == "temporarily_unavailable" => {
                CalendarError::Unreachable
            }
            BasicErrorResponseType::InvalidClient
            | BasicErrorResponseType::InvalidRequest
            | BasicErrorResponseType::InvalidScope
            | BasicErrorResponseType::UnauthorizedClient
            | BasicErrorResponseType::UnsupportedGrantType
            | BasicErrorResponseType::Extension(_) => CalendarError::rejected(refusal.error().as_ref()),
        },
        // Both carry the body, and with it perhaps a token: dropped here.
        TokenError::Parse(..) | TokenError::Other(_) => CalendarError::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::super::loopback::{Loopback, Reply};
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_verifier_is_long_enough_never_the_same_and_never_printed() {
        let (one, other) = (Pkce::generate(), Pkce::generate());
        assert_eq!(one.verifier.expose_secret().len(), 43);
        assert_ne!(one.verifier.expose_secret(), other.verifier.expose_secret());
        assert_eq!(one.challenge, challenge_of(one.verifier.expose_secret()));
        assert!(!format!("{one:?}").contains(one.verifier.expose_secret()));
    }

    fn registration(server: &Loopback) -> Registration {
        let (token, revoke) = (server.url("/token"), server.url("/revoke"));
        Registration::new(
            Http::new(crate::outbound::client(&[])),
            "our-client".to_owned(),
            "our-secret".into(),
            token,
            revoke,
            AuthType::RequestBody,
        )
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(2)
    }

    async fn refresh(server: &Loopback) -> Result<Grant, CalendarError> {
        registration(server).refresh(&"1//refresh".into(), DateTime::UNIX_EPOCH, soon()).await
    }

    async fn exchange(server: &Loopback) -> Result<Grant, CalendarError> {
        let back = "https://book.example/v1/oauth/google/callback";
        registration(server)
            .exchange(&"4/code".into(), &"proof".into(), back, DateTime::UNIX_EPOCH, soon())
            .await
    }

    const TOKENS: &str = r#"{"access_token":"ya29.a","refresh_token":"1//r","expires_in":3599,
        "token_type":"Bearer","scope":"openid https://www.googleapis.com/auth/calendar","id_token":"e.y.J"}"#;

    #[tokio::test]
    async fn a_code_becomes_tokens() {
        let server = Loopback::start(vec![Reply::json(TOKENS)]);
        let grant = exchange(&server).await.unwrap();
        assert_eq!(grant.access.expose_secret(), "ya29.a");
        assert_eq!(grant.refresh.unwrap().expose_secret(), "1//r");
        assert_eq!(grant.expires_at.timestamp(), 3599);
        assert_eq!(grant.scopes, ["openid", "https://www.googleapis.com/auth/calendar"]);
        let request = &server.requests()[0];
        for part in ["grant_type=authorization_code", "code=4%2Fcode", "code_verifier=proof"] {
            assert!(request.contains(part), "{part} in {request}");
        }
        for part in ["client_id=our-client", "client_secret=our-secret", "redirect_uri=https%3A%2F%2Fbook"] {
            assert!(request.contains(part), "{part} in {request}");
        }
    }

    #[tokio::test]
    async fn a_code_is_sent_once_whatever_comes_back() {
        for reply in [Reply::Cut, Reply::status(503), Reply::status(500)] {
            let server = Loopback::start(vec![reply, Reply::json(TOKENS)]);
            assert_eq!(exchange(&server).await.unwrap_err(), CalendarError::Unreachable);
            assert_eq!(server.requests().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_refresh_that_names_no_new_refresh_token_keeps_the_old_one() {
        let server = Loopback::start(vec![Reply::json(r#"{"access_token":"ya29.b","token_type":"Bearer"}"#)]);
        let grant = refresh(&server).await.unwrap();
        assert!(grant.refresh.is_none() && grant.scopes.is_empty());
        assert_eq!(grant.expires_at.timestamp(), 3600);
    }

    #[tokio::test]
    async fn refusals_say_what_to_do() {
        let throttled = CalendarError::Throttled { retry_after: Some(Duration::from_secs(7)) };
        for (reply, expected) in [
            (
                Reply::answer(400, r#"{"error":"invalid_grant","error_description":"x"}"#),
                CalendarError::Revoked,
            ),
            (Reply::answer(401, r#"{"error":"invalid_client"}"#), CalendarError::rejected("invalid_client")),
            (Reply::answer(400, r#"{"error":"temporarily_unavailable"}"#), CalendarError::Unreachable),
            (Reply::status(429).header("Retry-After: 7"), throttled),
            (Reply::status(502), CalendarError::Unreachable),
            (Reply::Cut, CalendarError::Unreachable),
            (Reply::json("<html>ya29.leak"), CalendarError::Unreadable),
            (Reply::answer(400, "<html>"), CalendarError::Unreadable),
            (Reply::status(302).header("Location: https://elsewhere.example/"), CalendarError::Unreadable),
        ] {
            let server = Loopback::start(vec![reply]);
            assert_eq!(refresh(&server).await.unwrap_err(), expected);
        }
    }

    #[tokio::test]
    async fn a_token_revoked_before_counts_as_revoked() {
        for reply in [Reply::json("{}"), Reply::answer(400, r#"{"error":"invalid_token"}"#)] {
            let server = Loopback::start(vec![reply]);
            assert_eq!(registration(&server).revoke(&"1//r".into(), soon()).await, Ok(()));
            let request = &server.requests()[0];
            assert!(request.starts_with("POST /revoke HTTP/1.1") && request.ends_with("token=1%2F%2Fr"));
        }
        let server = Loopback::start(vec![Reply::answer(400, r#"{"error":"invalid_request"}"#)]);
        let refused = registration(&server).revoke(&"1//r".into(), soon()).await;
        assert_eq!(refused, Err(CalendarError::rejected("invalid_request")));
    }
}
