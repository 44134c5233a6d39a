//! The product through its front door. Tests are named by what they find true.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that finds something else than it says is to stop"
)]

mod bad_input;
mod budgets;
mod calendars;
mod connecting;
mod contracts;
mod crashes;
mod exactly_one;
mod exactly_one_event;
mod faults;
mod lambda;
mod openapi;
mod randomized;
mod roles;
mod rooms;
mod secrets;
mod time;
mod tour;
mod unknown_is_busy;
