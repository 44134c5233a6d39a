//! The read-check-write loop: what changes something that others change, too, reads it, decides, and writes under the
//! condition that it is still as read. When the condition is lost it begins again, a few times.

use crate::store::StoreError;

/// How often a change is tried. Something that changes more often while one request is at it is being fought over.
const COMMIT_RETRIES: u32 = 6;

/// Makes a change: `attempt` reads, checks and writes once, and gives `None` when what it had read was no longer so.
/// [`StoreError::Busy`] when that happened every time: it says nothing about what was wanted.
pub(in crate::flows) async fn change<T, E: From<StoreError>, F>(
    mut attempt: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<Option<T>, E>>,
{
    for _ in 0..COMMIT_RETRIES {
        if let Some(done) = attempt().await? {
            return Ok(done);
        }
    }
    Err(StoreError::Busy.into())
}

/// What a write came to: `None` when its condition was lost.
pub(in crate::flows) fn unless_lost<T>(written: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match written {
        Ok(done) => Ok(Some(done)),
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
