//! What API Gateway says to browsers of other origins.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;

/// The API's `CorsConfiguration`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Cors {
    allow_origins: Vec<String>,
    allow_methods: Vec<String>,
    allow_headers: Vec<String>,
    expose_headers: Vec<String>,
    max_age: u32,
}

impl Cors {
    /// Replaces what an answer says of CORS; nothing is said to an origin that is not allowed.
    pub(crate) fn mark(&self, origin: &HeaderValue, is_preflight: bool, headers: &mut HeaderMap) {
        const OURS: [HeaderName; 5] = [
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            header::ACCESS_CONTROL_ALLOW_METHODS,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            header::ACCESS_CONTROL_MAX_AGE,
        ];
        for name in OURS {
            headers.remove(name);
        }
        let any = self.allow_origins.iter().any(|allowed| allowed == "*");
        if !any && !self.allow_origins.iter().any(|allowed| origin == allowed) {
            return;
        }
        let mut say = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        say(header::ACCESS_CONTROL_ALLOW_ORIGIN, if any { "*" } else { origin.to_str().unwrap_or_default() });
        if is_preflight {
            say(header::ACCESS_CONTROL_ALLOW_METHODS, &self.allow_methods.join(","));
            say(header::ACCESS_CONTROL_ALLOW_HEADERS, &self.allow_headers.join(","));
            say(header::ACCESS_CONTROL_MAX_AGE, &self.max_age.to_string());
        } else {
            say(header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose_headers.join(","));
        }
    }
}
