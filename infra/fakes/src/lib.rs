//! Servers that speak the wire protocol of what Holdfast calls, on loopback, inside one process.
//!
//! They stand behind base URLs, which is the only seam: the product runs the real SDKs against them and
//! has no `if local`. Every fake journals its calls and fails on demand ([`Faults`]).

mod aws;
pub mod dynamodb;
pub mod events;
mod faults;
mod files;
pub mod google;
mod iam;
pub mod kms;
mod serve;

pub use aws::{ACCOUNT, REGION, StartError};
pub use dynamodb::DynamoDb;
pub use events::EventBridge;
pub use faults::{Call, Cut, Fault, Faults, Gate, When};
pub use files::keep;
pub use iam::{Grant, Iam};
pub use kms::Kms;
pub use serve::{Server, serve, serve_router};
