//! The `catalog` Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), holdfast::lambda::Error> {
    holdfast::lambda::http(catalog::router()).await
}
