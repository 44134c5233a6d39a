//! Tokens: a code for tokens, a refresh token for a new access token, and their end (RFC 6749, RFC 7009).
//!
//! A refresh token does not rotate; a code that is used twice takes its tokens with it.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use http::{Response, header};
use serde_json::{Value, json};

use super::Site;
use super::web::{self, Ask, Params, decode, digest, mint};
use super::world::{Access, Grant, World};

const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Google says 3599, for what lives an hour.
const ACCESS_LIFE: TimeDelta = TimeDelta::seconds(3599);
const LIVE_REFRESH_TOKENS: usize = 100;

/// The body of a refused `/token` or `/revoke`, RFC 6749 section 5.2.
struct TokenError(u16, &'static str, &'static str);

impl TokenError {
    fn response(&self) -> Response<Body> {
        web::json(self.0, &json!({ "error": self.1, "error_description": self.2 }))
    }
}

const DEAD_TOKEN: TokenError = TokenError(400, "invalid_grant", "Token has been expired or revoked.");
const BAD_CODE: TokenError = TokenError(400, "invalid_grant", "Bad Request");

/// `POST /token`
pub(super) fn token(site: &Site, ask: &Ask) -> Response<Body> {
    let answer =
        ask.form().ok_or(TokenError(400, "invalid_request", "The body is not a form.")).and_then(|form| {
            site.change(|world| {
                // Received is received, also from a wrong client.
                world.secrets.extend(form.get("code_verifier").map(str::to_owned));
                let client = authenticate(site, ask, &form)?;
                match form.get("grant_type") {
                    Some("authorization_code") => exchange(site, world, &form, &client),
                    Some("refresh_token") => refresh(site, world, &form, &client),
                    Some(_) => Err(TokenError(400, "unsupported_grant_type", "Invalid grant_type")),
                    None => Err(TokenError(400, "invalid_request", "Missing required parameter: grant_type")),
                }
            })
        });
    match answer {
        Ok(body) => web::json(200, &body),
        Err(error) => error.response(),
    }
}

fn authenticate(site: &Site, ask: &Ask, form: &Params) -> Result<String, TokenError> {
    let basic = ask.header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Basic "));
    let pair = match basic {
        Some(encoded) => STANDARD.decode(encoded).ok().and_then(|bytes| {
            let pair = String::from_utf8(bytes).ok()?;
            let (id, secret) = pair.split_once(':')?;
            Some((decode(id), decode(secret)))
        }),
        None => {
            form.get("client_id").zip(form.get("client_secret")).map(|(id, s)| (id.to_owned(), s.to_owned()))
        }
    };
    let (id, secret) =
        pair.ok_or(TokenError(401, "invalid_client", "Could not determine client ID from request."))?;
    let unknown = TokenError(401, "invalid_client", "The OAuth client was not found.");
    let client = site.client(&id).ok_or(unknown)?;
    if secret != client.secret {
        return Err(TokenError(401, "invalid_client", "Unauthorized"));
    }
    Ok(client.id)
}

fn exchange(site: &Site, world: &mut World, form: &Params, client: &str) -> Result<Value, TokenError> {
    let name =
        form.get("code").ok_or(TokenError(400, "invalid_request", "Missing required parameter: code"))?;
    let code =
        world.codes.get(name).cloned().ok_or(TokenError(400, "invalid_grant", "Malformed auth code."))?;
    if code.client != client {
        return Err(BAD_CODE);
    }
    if let Some(grant) = code.grant {
        if let Some(grant) = world.grants.get_mut(grant) {
            grant.revoked = true;
        }
        return Err(BAD_CODE);
    }
    if site.now() - code.issued_at > CODE_LIFE || form.get("redirect_uri") != Some(&code.redirect_uri) {
        return Err(BAD_CODE);
    }
    match form.get("code_verifier") {
        None => return Err(TokenError(400, "invalid_grant", "Missing code verifier.")),
        Some(verifier) if digest(verifier) != code.challenge => {
            return Err(TokenError(400, "invalid_grant", "Invalid code verifier."));
        }
        Some(_) => {}
    }
    let grant = world.grants.len();
    let (account, scopes) = (code.account.clone(), code.scopes.clone());
    world.grants.push(Grant { account, client: client.to_owned(), scopes, revoked: false });
    if let Some(code) = world.codes.get_mut(name) {
        code.grant = Some(grant);
    }
    let mut body = grant_access(site, world, grant, &code.scopes);
    if code.refreshable {
        let token = mint("1//fake-");
        world.secrets.push(token.clone());
        world.refresh.insert(token.clone(), grant);
        bury_oldest(world, &code.account, client);
        if let Some(body) = body.as_object_mut() {
            body.insert("refresh_token".to_owned(), json!(token));
        }
    }
    Ok(body)
}

/// More than 100 live refresh tokens of one account and client: the oldest dies, and nobody is told.
fn bury_oldest(world: &mut World, account: &str, client: &str) {
    let mut live: Vec<usize> = world.refresh.values().copied().collect();
    let is_meant = |one: &Grant| one.account == account && one.client == client && !one.revoked;
    live.retain(|&grant| world.grants.get(grant).is_some_and(is_meant));
    live.sort_unstable();
    if live.len() > LIVE_REFRESH_TOKENS
        && let Some(oldest) = live.first().and_then(|&oldest| world.grants.get_mut(oldest))
    {
        oldest.revoked = true;
    }
}

fn refresh(site: &Site, world: &mut World, form: &Params, client: &str) -> Result<Value, TokenError> {
    let missing = TokenError(400, "invalid_request", "Missing required parameter: refresh_token");
    let token = form.get("refresh_token").ok_or(missing)?;
    let grant = *world.refresh.get(token).ok_or(BAD_CODE)?;
    if world.grants.get(grant).is_some_and(|grant| grant.client != client) {
        return Err(BAD_CODE);
    }
    let scopes = world.grants.get(grant).filter(|grant| !grant.revoked).map(|grant| grant.scopes.clone());
    Ok(grant_access(site, world, grant, &scopes.ok_or(DEAD_TOKEN)?))
}

fn grant_access(site: &Site, world: &mut World, grant: usize, scopes: &[String]) -> Value {
    let token = mint("ya29.fake-");
    world.secrets.push(token.clone());
    world.access.insert(token.clone(), Access { grant, expires_at: site.now() + ACCESS_LIFE });
    json!({
        "access_token": token,
        "expires_in": ACCESS_LIFE.num_seconds(),
        "scope": scopes.join(" "),
        "token_type": "Bearer",
    })
}

/// `POST /revoke`: either kind of token, and with it all that the account granted to this client.
pub(super) fn revoke(site: &Site, ask: &Ask) -> Response<Body> {
    let form = ask.form().unwrap_or_default();
    let token = form.get("token").or_else(|| ask.query.get("token")).unwrap_or_default();
    let revoked = site.change(|world| {
        let access = world.access.get(token).filter(|access| access.expires_at > site.now());
        let grant = access.map(|access| access.grant).or_else(|| world.refresh.get(token).copied())?;
        let grant = world.grants.get(grant).filter(|grant| !grant.revoked)?;
        let (account, client) = (grant.account.clone(), grant.client.clone());
        world.revoke(&account, Some(&client));
        Some(())
    });
    match revoked {
        Some(()) => web::json(200, &json!({})),
        None => TokenError(400, "invalid_token", "Token expired or revoked").response(),
    }
}
