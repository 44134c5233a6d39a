//! Who is asking. A handler that names [`Admin`] in its arguments cannot be reached by anybody else.
//!
//! API Gateway's JWT authorizer has verified the token and put its claims into the request context; without them
//! the answer is 401, whatever the headers say.
//!
//! Roles come in one of three forms, and a name with a space in it grants nothing but itself wherever that can be
//! told apart:
//!
//! | the token says | API Gateway hands on | roles |
//! | --- | --- | --- |
//! | `["admin", "host"]` | `[admin host]` | each word: a space within a name cannot be told from one between two |
//! | `"admin host"` | `admin host` | one, by this very name |
//! | `"admin host"` as the claim `scope` or `scp` | `admin host` | each word, as OAuth writes scopes (RFC 8693 §4.2) |
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use lambda_http::request::RequestContext;

use super::problem::Problem;
use crate::app::App;
use crate::domain::{Scope, Tenant};
use crate::flows::ManageToken;

const ADMIN: &str = "admin";
const HOST: &str = "host";

/// An admin, and the tenant that the verified claims name.
#[derive(Clone, Debug)]
pub struct Admin {
    /// All of the tenant.
    pub scope: Scope,
    /// Who it is, by the issuer's `sub`.
    pub subject: String,
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let staff = Staff::from_request_parts(parts, app).await?;
        match staff.scope {
            scope @ Scope::Tenant(_) => Ok(Self { scope, subject: staff.subject }),
            Scope::Host(..) | Scope::Guest(..) | Scope::Public(_) => {
                Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "this takes the role `admin`"))
            }
        }
    }
}

/// An admin, or a host who may act for nobody else, and the tenant that the verified claims name.
#[derive(Clone, Debug)]
pub struct Staff {
    /// What they may touch.
    pub scope: Scope,
    /// Who it is, by the issuer's `sub`.
    pub subject: String,
}

impl FromRequestParts<App> for Staff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let claims = claims(parts).ok_or_else(unauthorized)?;
        let claim =
            |name: &str| claims.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.as_str());
        let forbidden = |code, title: &str| Problem::new(StatusCode::FORBIDDEN, code, title);
        let subject = claim("sub").filter(|subject| !subject.is_empty()).ok_or_else(unauthorized)?;
        let roles = claim(&app.config.roles_claim).unwrap_or_default();
        let has = |wanted| names_role(&app.config.roles_claim, roles, wanted);
        let host = if has(ADMIN) {
            None
        } else if has(HOST) {
            let host = claim(&app.config.host_claim).and_then(|host| host.parse().ok());
            Some(host.ok_or_else(|| forbidden("no-host", "the token names no host"))?)
        } else {
            return Err(forbidden("forbidden", "this takes the role `admin` or `host`"));
        };
        let tenant = claim(&app.config.tenant_claim).and_then(|tenant| tenant.parse::<Tenant>().ok());
        let tenant = tenant.ok_or_else(|| forbidden("no-tenant", "the token names no tenant"))?;
        let scope = match host {
            Some(host) => Scope::Host(tenant, host),
            None => Scope::Tenant(tenant),
        };
        Ok(Self { scope, subject: subject.to_owned() })
    }
}

fn claims(parts: &Parts) -> Option<&std::collections::HashMap<String, String>> {
    match parts.extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => {
            context.authorizer.as_ref()?.jwt.as_ref().map(|jwt| &jwt.claims)
        }
        _ => None,
    }
}

/// Whether the claim `name` with this printed value names the role.
fn names_role(name: &str, printed: &str, wanted: &str) -> bool {
    let list = printed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match list.or(["scope", "scp"].contains(&name).then_some(printed)) {
        Some(words) => words.split(' ').any(|role| role == wanted),
        None => printed == wanted,
    }
}

fn unauthorized() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "this takes a valid token")
}

/// The manage token in the `Authorization` header.
#[derive(Clone, Debug)]
pub struct Bearer(pub ManageToken);

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let token = token.filter(|token| !token.is_empty()).ok_or_else(unauthorized)?;
        Ok(Self(ManageToken::presented(token)))
    }
}

/// The cookie that marks the browser that began an OAuth round trip.
#[derive(Clone, Debug)]
pub struct Cookie(String);

impl Cookie {
    const OAUTH: &'static str = "holdfast_oauth";

    /// The `Set-Cookie` of the start. Plain http happens only on a laptop.
    pub fn oauth(value: &str, public_url: &str) -> String {
        let secure = if public_url.starts_with("https:") { "; Secure" } else { "" };
        format!("{}={value}; Path=/v1/oauth; Max-Age=600; HttpOnly; SameSite=Lax{secure}", Self::OAUTH)
    }

    /// What the browser carries.
    pub fn value(&self) -> &str {
        &self.0
    }
}

impl OptionalFromRequestParts<App> for Cookie {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Option<Self>, Problem> {
        let values = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        Ok(pairs.find(|(name, _)| *name == Self::OAUTH).map(|(_, value)| Self(value.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_in_full_or_not_at_all() {
        for (name, printed, is_named) in [
            ("roles", "[admin host]", true),
            ("roles", "[admin]", true),
            ("roles", "admin", true),
            ("scope", "openid admin", true),
            ("scp", "admin", true),
            ("roles", "", false),
            ("roles", "[]", false),
            ("roles", "not admin", false),
            ("roles", "admin host", false),
            ("roles", "host,admin", false),
            ("roles", "[host,admin]", false),
            ("roles", "[administrator]", false),
            ("roles", "[Admin]", false),
            ("roles", "[admin", false),
            ("roles", "admin]", false),
            ("roles", "map[admin:true]", false),
            ("scope", "openid administrator", false),
        ] {
            assert_eq!(names_role(name, printed, ADMIN), is_named, "{name}: {printed}");
        }
    }
}
