//! API Gateway on loopback: the template's routes, the authorizer, and the functions behind them.
//!
//! The one rule: a function gets what the event's JSON carries and nothing else. The claims are put into that
//! event here, after the token was checked, so no header of a caller's can bring any.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::authorizer::Authorizer;
use crate::issuer::Issuer;
use crate::lambdas::Lambdas;
use crate::template::{ANY, Template};

/// The largest body that API Gateway takes.
const MAX_BYTES: usize = 10 * 1024 * 1024;
const JWKS: &str = "/.well-known/jwks.json";
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// Two routes of the template cannot stand beside each other.
#[derive(Debug, thiserror::Error)]
#[error("template.yaml: the route {path}: {source}")]
pub struct RouteError {
    path: String,
    source: matchit::InsertError,
}

/// The routes, and what stands behind each.
struct Gateway {
    /// By method: a path that lacks the method leaves it to the next best, in the end to a greedy `{proxy+}`.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>
    paths: HashMap<Method, matchit::Router<Target>>,
    /// Whose tokens are good.
    authorizer: Authorizer,
    /// Who mints them, when it is this process.
    issuer: Option<Issuer>,
    lambdas: Arc<Lambdas>,
}

struct Target {
    function: &'static str,
    key: String,
    authorized: bool,
}

/// The API, as a router that answers everything by itself.
pub(crate) fn router(
    template: &Template,
    authorizer: Authorizer,
    issuer: Option<Issuer>,
    lambdas: Arc<Lambdas>,
) -> Result<Router, RouteError> {
    let mut paths: HashMap<Method, matchit::Router<Target>> = HashMap::new();
    for route in &template.routes {
        let target = Target { function: route.function, key: route.key(), authorized: route.authorized };
        let path = greedy(&route.path);
        let inserted = paths.entry(route.method.clone()).or_default().insert(path, target);
        inserted.map_err(|source| RouteError { path: route.path.clone(), source })?;
    }
    let gateway = Gateway { paths, authorizer, issuer, lambdas };
    Ok(Router::new().fallback(answer).with_state(Arc::new(gateway)))
}

/// `{proxy+}` in `matchit`'s way of writing it.
fn greedy(path: &str) -> String {
    match path.rsplit_once("/{") {
        Some((before, name)) if name.ends_with("+}") => {
            format!("{before}/{{*{}}}", name.trim_end_matches("+}"))
        }
        _ => path.to_owned(),
    }
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    match (&parts.method, path, &gateway.issuer) {
        (&Method::GET, JWKS, Some(issuer)) => return Json(issuer.jwks()).into_response(),
        (&Method::GET, CONFIGURATION, Some(issuer)) => return Json(issuer.configuration()).into_response(),
        _ => {}
    }
    // A method that the template does not name for a path is left to `ANY`, `HEAD` included.
    let Some((target, parameters)) = gateway.route(&parts.method, path) else {
        return refusal(StatusCode::NOT_FOUND, "Not Found");
    };
    let claims = match (target.authorized, parts.headers.get(header::AUTHORIZATION)) {
        (false, _) => None,
        (true, None) => return unauthorized("Bearer"),
        (true, Some(header)) => match gateway.authorizer.verify(header.to_str().unwrap_or_default()).await {
            Some(claims) => Some(claims),
            None => return unauthorized(r#"Bearer error="invalid_token""#),
        },
    };
    let Ok(body) = to_bytes(body, MAX_BYTES).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let event = event(&parts, &target.key, &parameters, claims.as_ref(), &body);
    match gateway.lambdas.request(target.function, event).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(route = target.key, %error, "the function gave no answer");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

impl Gateway {
    fn route(&self, method: &Method, path: &str) -> Option<(&Target, HashMap<String, String>)> {
        let at = |method: &str| {
            let paths = Method::from_bytes(method.as_bytes()).ok().and_then(|method| self.paths.get(&method));
            paths.and_then(|paths| paths.at(path).ok())
        };
        let matched = at(method.as_str()).or_else(|| at(ANY))?;
        let parameters = matched.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some((matched.value, parameters.collect()))
    }
}

/// The event that API Gateway would send, payload format 2.0.
fn event(
    parts: &Parts,
    route: &str,
    parameters: &HashMap<String, String>,
    claims: Option<&HashMap<String, String>>,
    body: &[u8],
) -> Value {
    let path = parts.uri.path();
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let agent =
        parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let mut context = json!({
        "accountId": fakes::ACCOUNT,
        "apiId": "local",
        "domainName": host,
        "domainPrefix": "local",
        "http": {
            "method": parts.method.as_str(), "path": path, "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1", "userAgent": agent,
        },
        "requestId": format!("local-{:016x}", request_number()),
        "routeKey": route,
        "stage": "$default",
    });
    if let (Some(claims), Some(context)) = (claims, context.as_object_mut()) {
        context.insert("authorizer".to_owned(), json!({ "jwt": { "claims": claims, "scopes": null } }));
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers(&parts.headers),
        "pathParameters": parameters,
        "requestContext": context,
        "isBase64Encoded": false,
    });
    if let Some(event) = event.as_object_mut() {
        let cookies: Vec<_> = values(&parts.headers, &header::COOKIE).collect();
        if !cookies.is_empty() {
            let cookies = cookies.iter().flat_map(|line| line.split("; "));
            event.insert("cookies".to_owned(), cookies.collect());
        }
        match std::str::from_utf8(body) {
            Ok("") => {}
            Ok(text) => {
                event.insert("body".to_owned(), text.into());
            }
            Err(_binary) => {
                event.insert("body".to_owned(), STANDARD.encode(body).into());
                event.insert("isBase64Encoded".to_owned(), true.into());
            }
        }
    }
    event
}

/// Headers by lower-case name; those that came more than once are joined by a comma, cookies travel apart.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let names = headers.keys().filter(|name| **name != header::COOKIE);
    let joined = names.map(|name| {
        let values: Vec<_> = values(headers, name).collect();
        (name.as_str().to_owned(), values.join(",").into())
    });
    joined.collect()
}

fn values<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

fn request_number() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn unauthorized(challenge: &'static str) -> Response {
    let mut response = refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(challenge));
    response
}

/// An answer of API Gateway's own.
fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

#[cfg(test)]
mod tests;
