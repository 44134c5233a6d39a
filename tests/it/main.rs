//! The product through its front door. Tests are named by what they find true.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that finds something else than it says is to stop"
)]

mod agenda;
mod any_route;
mod auth;
mod bad_input;
mod budgets;
mod calendars;
mod catalog;
mod connecting;
mod contracts;
mod cors;
mod crashes;
mod crashes_catalog;
mod document;
mod domain_events;
mod events;
mod every_field;
mod exactly_one;
mod exactly_one_event;
mod examples;
mod faults;
mod history;
mod ics;
mod isolation;
mod jobs;
mod lambda;
mod life;
mod links;
mod once;
mod openapi;
mod own_names;
mod pages;
mod randomized;
mod roles;
mod rooms;
mod secrets;
mod several_hosts;
mod stale_memory;
mod terms;
mod time;
mod tour;
mod unknown_is_busy;
mod walk;
mod zones;
