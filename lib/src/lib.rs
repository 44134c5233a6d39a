//! Holdfast's one library: the rules, the table, the vault, the calendars and the flows that every
//! function shares. Nothing in here knows who calls it.

pub mod domain;
