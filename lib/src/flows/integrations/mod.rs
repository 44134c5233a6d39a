//! Connected calendar accounts: connect, settings, disconnect, and the session with the provider.

pub(in crate::flows) mod connect;
pub(in crate::flows) mod disconnect;
pub(in crate::flows) mod session;
pub(in crate::flows) mod settings;
