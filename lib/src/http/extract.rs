//! Extractors whose every refusal is a problem.

use axum::body::{Bytes, HttpBody as _};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::IntoParams;

use super::fields::{FieldError, Fields, FromFields};
use super::problem::Problem;
use super::unambiguous::Unambiguous;
use crate::app::App;
use crate::flows::{IdempotencyKey, KeyFormatError};

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A JSON body, every field read.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

/// A form, every field read.
#[derive(Clone, Debug)]
pub struct Form<T>(pub T);

/// A form whose fields are yet to be read: what was typed is shown again beside what is wrong with it.
#[derive(Clone, Debug)]
pub struct Typed(pub Fields);

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

impl<T: FromFields + Default> OptionalFromRequest<App> for Body<T> {
    type Rejection = Problem;

    /// No body at all is as good as an empty object.
    async fn from_request(request: Request, app: &App) -> Result<Option<Self>, Problem> {
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let is_absent = request.headers().get(header::CONTENT_TYPE).is_none()
            && length.is_none_or(|length| length == "0")
            && request.body().size_hint().exact().is_none_or(|bytes| bytes == 0);
        if is_absent {
            return Ok(None);
        }
        <Self as FromRequest<App>>::from_request(request, app).await.map(Some)
    }
}

/// The header, for the API document.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyHeader {
    /// Makes a repeated request the same request, for a day: best a random UUID. With another body it is refused.
    #[param(rename = "Idempotency-Key", value_type = String, required = false, min_length = 16, max_length = 200, pattern = "^[!-~]+$", example = "6f1c1f0e-4a53-4b0e-9a57-0c8f4b1f6d11")]
    pub idempotency_key: Option<String>,
}

/// The `Idempotency-Key` header, if there is one.
#[derive(Clone, Debug)]
pub struct Idempotency(pub Option<IdempotencyKey>);

impl FromRequestParts<App> for Idempotency {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        const NAME: &str = "idempotency-key";
        let mut values = parts.headers.get_all(NAME).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let wrong = |message: &str| Problem::validation(vec![FieldError::new("Idempotency-Key", message)]);
        if values.next().is_some() {
            return Err(wrong("stands more than once"));
        }
        let key = value.to_str().unwrap_or_default().parse();
        Ok(Self(Some(key.map_err(|error: KeyFormatError| wrong(&error.to_string()))?)))
    }
}

impl<T: FromFields> FromRequest<App> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let Typed(fields) = Typed::from_request(request, app).await?;
        read(fields).map(Self)
    }
}

impl FromRequest<App> for Typed {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if essence(&request) != FORM {
            return Err(wrong_media_type("the body must be a form"));
        }
        let bytes = read_body(request, app).await?;
        Ok(Self(Fields::of_query(&String::from_utf8_lossy(&bytes))))
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

fn read<T: FromFields>(fields: Fields) -> Result<T, Problem> {
    fields.read_all().map_err(Problem::validation)
}

/// The media type of a body, without its parameters.
pub(super) fn essence(request: &Request) -> String {
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

pub(super) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body has more than 64 KiB")
}

fn body_problem(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "the body could not be read")
    }
}
