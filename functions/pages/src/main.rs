//! The `pages` Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), holdfast::lambda::Error> {
    holdfast::lambda::http(pages::router()).await
}
