//! Servers that speak the wire protocol of what Holdfast calls, on loopback, inside one process.
//!
//! They stand behind base URLs, which is the only seam: the product runs the real SDKs against them and
//! has no `if local`. Every fake journals its calls and fails on demand ([`Faults`]).

mod faults;
mod serve;

pub use faults::{Call, Cut, Fault, Faults, Gate, When};
pub use serve::{Server, serve, serve_router};
