//! What every `main` calls: settings, logs, state, and the runtime's loop.

use axum::Router;
use axum::body::to_bytes;
use axum::http::header::SET_COOKIE;
use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::request::LambdaRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::http::finish;
use crate::telemetry::{self, Lines};

/// Why a function ended. Lambda logs it and starts another one.
pub type Error = lambda_runtime::Error;

/// Serves a router behind API Gateway.
pub async fn http(router: Router<App>) -> Result<(), Error> {
    let router = finish(router, start()?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<LambdaRequest>| {
        Box::pin(answer(router.clone(), event.payload))
    }))
    .await
}

/// Answers one request as API Gateway wants it, payload format 2.0. Reading the request is `lambda_http`'s; its own
/// way back would bring decoders for every character set along, an eighth of a megabyte of them.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
pub async fn answer(router: Router, request: LambdaRequest) -> Result<ApiGatewayV2httpResponse, Error> {
    let response = match router.oneshot(lambda_http::Request::from(request)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (mut head, body) = response.into_parts();
    let cookies = head.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.cookies = cookies.map(str::to_owned).collect();
    head.headers.remove(SET_COOKIE);
    answer.headers = head.headers;
    answer.status_code = head.status.as_u16().into();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await?.into());
    answer.is_base64_encoded = body.is_err();
    answer.body = Some(body.map_or_else(|binary| Body::Binary(binary.into_bytes()), Body::Text));
    Ok(answer)
}

/// Serves events, one at a time.
pub async fn events<E, A, F>(run: impl Fn(App, E) -> F) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Error>>,
{
    let app = start()?;
    // Boxed, because a flow's future is deep and the runtime nests it further.
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| Box::pin(run(app.clone(), event.payload)))).await
}

fn start() -> Result<App, Error> {
    telemetry::start(Lines::Json, &config::log_filter());
    Ok(App::new(Config::from_env()?, Clock::system()))
}
