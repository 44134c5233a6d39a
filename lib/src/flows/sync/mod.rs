//! Bookings and calendars kept in step: push, pull, and what hands the work out.

pub(in crate::flows) mod backoff;
pub(in crate::flows) mod conference;
pub(in crate::flows) mod dispatch;
pub(in crate::flows) mod overdue;
pub(in crate::flows) mod pull;
pub(in crate::flows) mod push;
pub(in crate::flows) mod queue_message;
pub(in crate::flows) mod relay;
pub(in crate::flows) mod render_event;
