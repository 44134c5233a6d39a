//! The `oauth-callback` Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), holdfast::lambda::Error> {
    holdfast::lambda::http(oauth_callback::router()).await
}
