//! An answer of the API, read whole.

use reqwest::Method;
use serde_json::Value;

/// Status, headers and body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked for.
    pub method: Method,
    /// The path at which it was asked for.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// The body as JSON, or null when it is none.
    pub body: Value,
    /// The body as text.
    pub text: String,
    headers: reqwest::header::HeaderMap,
}

impl Answer {
    /// Reads a response to its end, which nobody will ask where it came from.
    pub async fn of(response: reqwest::Response) -> Self {
        Self::to(Method::GET, response).await
    }

    /// Reads the response to a request with this method to its end.
    pub async fn to(method: Method, response: reqwest::Response) -> Self {
        let path = response.url().path().to_owned();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { method, path, status, body, text, headers }
    }

    /// The body, when the status is this one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        &self.body
    }

    /// The body, when it is a problem with this status and code.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> &Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.header("content-type").as_deref(), Some("application/problem+json"), "{}", self.text);
        &self.body
    }

    /// The fields that a problem names.
    pub fn wrong_fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["field"].as_str()).collect()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Headers and body as one text, e.g. to look for secrets in it.
    pub fn whole(&self) -> String {
        let lines = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        lines.collect::<String>() + "\n" + &self.text
    }
}
