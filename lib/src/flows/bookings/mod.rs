//! What is done with bookings: hold, book, reschedule, change of status, list.

pub(in crate::flows) mod answers;
pub(in crate::flows) mod book;
pub(in crate::flows) mod error;
pub(in crate::flows) mod history;
pub(in crate::flows) mod hold;
pub(in crate::flows) mod hold_token;
pub(in crate::flows) mod list_bookings;
pub(in crate::flows) mod manage_token;
pub(in crate::flows) mod place;
pub(in crate::flows) mod read;
pub(in crate::flows) mod request;
pub(in crate::flows) mod reschedule;
pub(in crate::flows) mod transition;
pub(in crate::flows) mod update_booking;
