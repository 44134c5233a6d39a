//! The way out: one HTTP client, and with it one TLS stack and one pool of connections, for AWS and for the
//! providers. Its roots are compiled in, so that a cold start opens no file; more can be given as PEM.
//!
//! The rule: it bounds connecting, follows no redirect and repeats nothing. What a call may take in all, and
//! whether it may be made again, is said by who makes it.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
pub use reqwest::Client;
use reqwest::Request;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Shorter than the minute after which load balancers close an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The client. Clones share its connections; there is one in a process.
#[expect(clippy::expect_used, reason = "built from constants: it fails at every start or at none")]
pub fn client(extra_roots: &[CertificateDer<'static>]) -> Client {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        // A redirect would carry the bearer token to a place that nobody chose.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // A proxy from a developer's environment must not see the calls to a loopback fake.
        .no_proxy()
        .build()
        .expect("a client of constants can be built")
}

/// The client as the AWS SDK wants one.
#[derive(Clone, Debug)]
pub(crate) struct AwsHttp(pub(crate) Client);

impl HttpClient for AwsHttp {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for AwsHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = readable(request).map_err(ConnectorError::user)?;
            let response = client.execute(request).await.map_err(failed)?;
            let mut head = http::Response::builder().status(response.status());
            if let Some(headers) = head.headers_mut() {
                headers.clone_from(response.headers());
            }
            let body = response.bytes().await.map_err(failed)?;
            let response =
                head.body(SdkBody::from(body)).map_err(|error| ConnectorError::other(error.into(), None))?;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Bodies of AWS's JSON protocol are in memory, so that they can be signed.
fn readable(request: HttpRequest) -> Result<Request, Box<dyn std::error::Error + Send + Sync>> {
    let request = request.try_into_http1x()?;
    let (head, body) = request.into_parts();
    let body = body.bytes().ok_or("a body that streams")?.to_vec();
    Ok(Request::try_from(http::Request::from_parts(head, body))?)
}

fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}
