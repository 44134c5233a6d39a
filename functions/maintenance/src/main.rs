//! The `maintenance` Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), holdfast::lambda::Error> {
    holdfast::lambda::events(maintenance::run).await
}
