//! Who is asking. A handler that names [`Admin`] in its arguments cannot be reached by anybody else.
//!
//! API Gateway's JWT authorizer has verified the token and put its claims into the request context; without them
//! the answer is 401, whatever the headers say.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use lambda_http::request::RequestContext;

use super::problem::Problem;
use crate::app::App;
use crate::domain::Tenant;
use crate::flows::ManageToken;

const ADMIN: &str = "admin";

/// An admin, and the tenant that the verified claims name.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The tenant.
    pub tenant: Tenant,
    /// Who it is, by the issuer's `sub`.
    pub subject: String,
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let claims = claims(parts).ok_or_else(unauthorized)?;
        let claim =
            |name: &str| claims.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.as_str());
        let subject = claim("sub").filter(|subject| !subject.is_empty()).ok_or_else(unauthorized)?;
        // Arrays arrive as `[admin host]`.
        let is_admin = claim(&app.config.roles_claim)
            .is_some_and(|roles| roles.trim_matches(['[', ']']).split([' ', ',']).any(|role| role == ADMIN));
        if !is_admin {
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "this takes the role `admin`"));
        }
        let tenant = claim(&app.config.tenant_claim).and_then(|tenant| tenant.parse().ok());
        let tenant = tenant
            .ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "no-tenant", "the token names no tenant"))?;
        Ok(Self { tenant, subject: subject.to_owned() })
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
