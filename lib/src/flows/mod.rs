//! What the service does, one file per act. A flow reads, decides and writes; it knows nothing of HTTP.

mod access;
mod availability;
mod backoff;
mod book;
mod cancel;
mod connect;
mod disconnect;
mod dispatch;
mod hold;
mod hold_token;
mod integrations;
mod keys;
mod list_slots;
mod manage_token;
mod overdue;
mod pull;
mod push;
mod relay;
mod work;

pub use access::AccessError;
pub use availability::{Refused, Unavailable};
pub use book::{BookError, BookRequest, Booked, Wanted, book};
pub use cancel::{CancelError, cancel, cancel_managed, read_booking, read_managed};
pub use connect::{
    Arrival, ConnectError, Connected, Question, Started, abandon_connect, approve_connect, finish_connect,
    start_connect,
};
pub use disconnect::disconnect;
pub use dispatch::{DispatchError, Dispatched, dispatch};
pub use hold::{Alternatives, Hold, HoldError, hold, release};
pub use hold_token::{HoldToken, TokenError};
pub use integrations::{
    IntegrationError, Settings, change_settings, find_integration, list_calendars, list_integrations,
    sync_now,
};
pub use keys::KeyError;
pub use list_slots::{ListError, Listing, SlotsQuery, list_slots};
pub use manage_token::ManageToken;
pub use overdue::report_overdue;
pub use pull::{PullError, Pulled, pull};
pub use push::push;
pub use relay::{Change, relay};
pub use work::{Work, perform};
