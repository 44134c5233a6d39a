//! What the service does, one file per act. A flow reads, decides and writes; it knows nothing of HTTP.

mod access;
mod answers;
mod availability;
mod backoff;
mod book;
mod catalog;
mod check_slot;
mod conference;
mod connect;
mod disconnect;
mod dispatch;
mod draft;
mod guests;
mod hold;
mod hold_token;
mod integrations;
mod keys;
mod list_bookings;
mod list_slots;
mod manage_token;
mod offers;
mod once;
mod overdue;
mod pull;
mod push;
mod relay;
mod reschedule;
mod steps;
mod update_booking;
mod work;

pub use access::AccessError;
pub use answers::WrongAnswer;
pub use availability::{Refused, Unavailable};
pub use book::{BookError, BookRequest, Booked, Booker, Wanted, book};
pub use catalog::{
    CatalogError, Expected, NewHost, NewSchedule, Removed, Stored, add_event_type, add_host, add_schedule,
    change_event_type, change_host, change_schedule, find_event_type, find_host, find_schedule, find_tenant,
    list_event_types, list_hosts, list_schedules, remove_event_type, remove_host, remove_schedule,
    store_tenant,
};
pub use check_slot::{Checked, check_slot};
pub use connect::{
    Arrival, ConnectError, Connected, Question, Started, abandon_connect, approve_connect, finish_connect,
    start_connect,
};
pub use disconnect::disconnect;
pub use dispatch::{DispatchError, Dispatched, dispatch};
pub use guests::{Erased, erase_guest, export_guest};
pub use hold::{Alternatives, Hold, HoldError, SlotRequest, hold, release};
pub use hold_token::{HoldToken, TokenError};
pub use integrations::{
    IntegrationError, Settings, change_settings, find_integration, list_calendars, list_integrations,
    sync_now,
};
pub use keys::KeyError;
pub use list_bookings::{BookingsQuery, list_bookings};
pub use list_slots::{ListError, Listing, SlotsQuery, list_slots};
pub use manage_token::ManageToken;
pub use offers::{Offer, Offers, OffersError, read_offer, read_offers};
pub use once::{IdempotencyKey, KeyFormatError};
pub use overdue::report_overdue;
pub use pull::{PullError, Pulled, pull};
pub use push::push;
pub use relay::{Change, relay};
pub use reschedule::{RescheduleError, reschedule, reschedule_managed};
pub use steps::{StepError, cancel_managed, read_booking, read_managed, take_step};
pub use update_booking::{BookingChange, sync_booking, update_booking};
pub use work::{Work, perform};
