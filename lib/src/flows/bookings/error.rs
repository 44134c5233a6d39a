//! Why something could not be done with a hold or a booking: one error for all of it. `http::problem` maps it to an
//! answer, in one place.

use crate::domain::{Span, StepRefused};
use crate::flows::idempotency::KeyConflict;
use crate::flows::keys::KeyError;
use crate::flows::slots::availability::Refused;
use crate::store::StoreError;

/// Free slots near one that was lost, earliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alternatives(pub Vec<Span>);

/// An answer that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongAnswer {
    /// The field's path in a booking.
    pub field: String,
    /// What is wrong with it.
    pub message: &'static str,
}

/// Why there is no hold, no booking or no change.
#[derive(Debug, thiserror::Error)]
pub enum BookingError {
    /// No active event type by that slug, or no such tenant.
    #[error("there is no such event type")]
    UnknownEventType,
    /// The event type does not come in this length.
    #[error("the event type is not offered in this length")]
    LengthNotOffered,
    /// The token is no hold of this tenant, or it was released.
    #[error("there is no such hold")]
    UnknownHold,
    /// The hold ended before it was confirmed.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold was confirmed with other details.
    #[error("the hold was already confirmed with other details")]
    HoldUsed,
    /// There is no such booking within the caller's scope, or the token is not its own: which of the two is not said.
    #[error("there is no such booking")]
    UnknownBooking,
    /// The booking's event type was deleted, so nothing says what is offered.
    #[error("the event type is offered no more")]
    EventTypeGone,
    /// The answers do not fit the event type's questions.
    #[error("some answers are missing or wrong")]
    WrongAnswers(Vec<WrongAnswer>),
    /// The Idempotency-Key came with another body before.
    #[error("the key was used for another request")]
    KeyReused,
    /// The booking is no longer the version that the caller has seen.
    #[error("the booking has changed")]
    Changed(u64),
    /// The booking's status or the time does not allow it.
    #[error(transparent)]
    NotNow(#[from] StepRefused),
    /// The start cannot be taken; free slots nearby, where that helps.
    #[error("{why}")]
    Refused {
        /// Why.
        why: Refused,
        /// What is free nearby.
        alternatives: Alternatives,
    },
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<Refused> for BookingError {
    fn from(why: Refused) -> Self {
        Self::Refused { why, alternatives: Alternatives::default() }
    }
}

impl From<KeyConflict> for BookingError {
    fn from(error: KeyConflict) -> Self {
        match error {
            KeyConflict::Reused => Self::KeyReused,
            KeyConflict::Store(error) => Self::Store(error),
        }
    }
}
