//! What is too long for one request.

pub(in crate::flows) mod guests;
