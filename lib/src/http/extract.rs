//! Extractors whose every refusal is a problem.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fields::{Fields, FromFields};
use super::problem::Problem;
use super::unambiguous::Unambiguous;
use crate::app::App;

/// A JSON body, every field read.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

/// A form, every field read.
#[derive(Clone, Debug)]
pub struct Form<T>(pub T);

/// A query string, every parameter read.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

/// The parameters of the path. A name of the wrong form names nothing: 404.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<T: FromFields> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let essence = essence(&request);
        if essence != "application/json" && !essence.ends_with("+json") {
            return Err(wrong_media_type("the body must be application/json"));
        }
        let bytes = read_body(request, app).await?;
        let Unambiguous(value) = serde_json::from_slice(&bytes).map_err(|error| {
            let what = if error.is_data() { "has a name twice in one object" } else { "is not JSON" };
            let title = format!("the body {what}: line {}, column {}", error.line(), error.column());
            Problem::new(StatusCode::BAD_REQUEST, "malformed-json", title)
        })?;
        let Value::Object(object) = value else {
            let title = "the body is not a JSON object";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "malformed-json", title));
        };
        read(Fields::of_object(object)).map(Self)
    }
}

impl<T: FromFields> FromRequest<App> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if essence(&request) != "application/x-www-form-urlencoded" {
            return Err(wrong_media_type("the body must be a form"));
        }
        let bytes = read_body(request, app).await?;
        read(Fields::of_query(&String::from_utf8_lossy(&bytes))).map(Self)
    }
}

impl<T: FromFields> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        read(Fields::of_query(parts.uri.query().unwrap_or_default())).map(Self)
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let axum::extract::Path(path) = axum::extract::Path::from_request_parts(parts, app)
            .await
            .map_err(|_malformed| Problem::not_found("not-found", "there is nothing here"))?;
        Ok(Self(path))
    }
}

fn read<T: FromFields>(mut fields: Fields) -> Result<T, Problem> {
    let value = T::from_fields(&mut fields);
    let errors = fields.close();
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(Problem::validation(errors)),
    }
}

/// The media type of a body, without its parameters.
fn essence(request: &Request) -> String {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn wrong_media_type(title: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title)
}

/// The whole body, up to the cap. Compressed ones are refused: what they become has no cap yet.
async fn read_body(request: Request, app: &App) -> Result<Bytes, Problem> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(wrong_media_type("the body must not be compressed"));
    }
    Bytes::from_request(request, app).await.map_err(|rejection| body_problem(&rejection))
}

fn body_problem(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body has more than 64 KiB")
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "the body could not be read")
    }
}
