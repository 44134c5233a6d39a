//! A loopback HTTP server that can close a connection without an answer, which axum's own cannot.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::faults::Cut;

/// A running fake: its address, for as long as this value lives.
#[derive(Debug)]
pub struct Server {
    /// Where it listens, on loopback.
    pub addr: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// `http://127.0.0.1:<port>`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves `answer` on a loopback port (`0`: any free one); an `Err(Cut)` closes the connection.
pub async fn serve<A, F>(port: u16, answer: A) -> std::io::Result<Server>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Body>, Cut>> + Send + 'static,
{
    serve_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?, answer)
}

#[expect(clippy::disallowed_methods, reason = "a server on a laptop, not a Lambda that may be frozen")]
fn serve_on<A, F>(listener: TcpListener, answer: A) -> std::io::Result<Server>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Body>, Cut>> + Send + 'static,
{
    let addr = listener.local_addr()?;
    let accepting = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            stream.set_nodelay(true).ok();
            while connections.try_join_next().is_some() {}
            let answer = answer.clone();
            // By itself, because a caller that hangs up must not undo what its request set going.
            let answer = move |request| {
                let work = tokio::spawn(answer(request));
                async move { work.await.unwrap_or(Err(Cut)) }
            };
            connections.spawn(async move {
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer));
                // A cut is the caller's to notice.
                serving.await.ok();
            });
        }
    });
    Ok(Server { addr, accepting })
}

/// Serves an axum router that never cuts, on a port that is taken already: what it answers may hold its own URL.
pub fn serve_router(listener: TcpListener, router: axum::Router) -> std::io::Result<Server> {
    serve_on(listener, move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let answer: Result<_, Infallible> =
                tower::ServiceExt::oneshot(router, request.map(Body::new)).await;
            match answer {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            }
        }
    })
}
