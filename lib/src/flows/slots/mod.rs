//! What is free: from our own store alone.

pub(in crate::flows) mod availability;
pub(in crate::flows) mod check_slot;
pub(in crate::flows) mod list_slots;
pub(in crate::flows) mod offers;
