//! HTTP, and only HTTP: requests into the house's own types, flows' answers and errors out of them.

pub mod auth;
mod cors;
pub mod entity_tag;
mod etag;
pub mod extract;
pub mod fields;
pub mod layers;
pub mod listing;
pub mod page;
pub mod problem;
pub mod requests;
mod unambiguous;
pub mod views;
pub mod words;

pub use auth::{Admin, Bearer, Staff};
pub use etag::{Deleted, IfMatch, IfMatchHeader, Tagged};
pub use extract::{Body, Form, Idempotency, IdempotencyHeader, Path, Query, Typed};
pub use layers::finish;
pub use problem::{Problem, StaffProblem};

/// No offset from UTC, for answers that name no time of the caller's.
pub const UTC: chrono::FixedOffset = match chrono::FixedOffset::east_opt(0) {
    Some(offset) => offset,
    None => unreachable!(),
};
