//! The `sync-dispatch` Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), holdfast::lambda::Error> {
    holdfast::lambda::events(sync_dispatch::run).await
}
