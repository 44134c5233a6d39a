//! What the rooms share that call AWS: clients that are made when they are first used, and a word for why there was
//! no answer.
//!
//! A client of the SDK takes a third of a millisecond to make, most of it for a table of all regions, and most
//! functions use one of the three: making them at the start would be half of a cold start.

use std::sync::{Arc, LazyLock};

use aws_smithy_runtime_api::client::result::SdkError;

/// Made at its first use. Clones share it.
pub type Lazy<T> = Arc<LazyLock<T, Box<dyn FnOnce() -> T + Send>>>;

/// What `make` makes, when it is first used.
pub fn lazy<T>(make: impl FnOnce() -> T + Send + 'static) -> Lazy<T> {
    Arc::new(LazyLock::new(Box::new(make)))
}

/// Why a call had no answer, for the log. Nothing of the call or of what came back is in it: either may hold a
/// secret.
pub fn silence<E, R>(error: &SdkError<E, R>) -> &'static str {
    match error {
        SdkError::ConstructionFailure(_) => "the request could not be built",
        SdkError::TimeoutError(_) => "timed out",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "timed out on the way",
        SdkError::DispatchFailure(_) => "no connection, or it was cut",
        SdkError::ResponseError(_) => "the answer cannot be read",
        SdkError::ServiceError(_) => "an error of the service",
        _ => "unknown",
    }
}
