//! What lies nowhere: paths that no function answers, and methods that a path does not take. API Gateway sends them
//! here, so that they end in a problem like everything else.

use std::sync::LazyLock;

use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use holdfast::domain::Tenant;
use holdfast::http::Problem;
use serde_json::Value;

use crate::OPENAPI;

/// The routes of all functions, as the document names them: path, and methods in upper case. Read when it is first
/// asked for, not when the function starts.
static ROUTES: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(OPENAPI).unwrap_or_default();
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let methods = |item: &Value| {
        let names = item.as_object().into_iter().flatten().map(|(name, _)| name.to_ascii_uppercase());
        names.collect()
    };
    paths.map(|(path, item)| (path.clone(), methods(item))).collect()
});

/// 405 with the methods that the path does take, or 404.
pub(crate) async fn answer(method: Method, uri: Uri) -> Response {
    let taken = methods(uri.path());
    if taken.is_empty() || taken.contains(&method.as_str()) {
        return Problem::not_found("not-found", "there is nothing here").into_response();
    }
    let title = "this does not take that method";
    let mut response =
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", title).into_response();
    if let Ok(allow) = HeaderValue::from_str(&taken.join(", ")) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// What `GET` takes is not there for `HEAD`: no other function answers it either.
pub(crate) async fn refuse_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return answer(Method::HEAD, request.uri().clone()).await;
    }
    next.run(request).await
}

/// The methods that some function takes at this path.
fn methods(path: &str) -> Vec<&'static str> {
    let routes = ROUTES.iter().filter(|(template, _)| is_at(path, template));
    routes.flat_map(|(_, methods)| methods).map(String::as_str).collect()
}

/// Whether a path is one of these. No tenant is called like another place beside its pages.
fn is_at(path: &str, template: &str) -> bool {
    let agree = |(segment, part): (&str, &str)| match part {
        "{tenant}" => segment.parse::<Tenant>().is_ok(),
        _ if part.starts_with('{') => !segment.is_empty(),
        _ => segment == part,
    };
    path.split('/').count() == template.split('/').count()
        && path.split('/').zip(template.split('/')).all(agree)
}

#[cfg(test)]
mod tests {
    use super::methods;

    #[test]
    fn a_path_takes_the_methods_that_the_document_names() {
        for (path, taken) in [
            ("/v1/health", vec!["GET"]),
            ("/v1/hosts", vec!["GET", "POST"]),
            ("/v1/hosts/hst_ada1", vec!["DELETE", "GET", "PATCH"]),
            ("/demo", vec!["GET"]),
            ("/demo/intro/hold", vec!["POST"]),
            ("/v1/nothing", vec![]),
            ("/v1", vec![]),
            ("/v1/hosts/", vec![]),
            ("/", vec![]),
        ] {
            let mut found = methods(path);
            found.sort_unstable();
            assert_eq!(found, taken, "{path}");
        }
    }
}
