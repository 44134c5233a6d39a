//! Jobs: what is too long for one request, done in pages under a lease.

pub(in crate::flows) mod guests;
pub(in crate::flows) mod place_events;
pub(in crate::flows) mod requests;
pub(in crate::flows) mod run;
mod walk;
