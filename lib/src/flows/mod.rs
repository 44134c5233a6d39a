//! What the service does, one file per act. A flow reads, decides and writes; it knows nothing of HTTP.

mod bookings;
mod catalog;
mod idempotency;
mod integrations;
mod jobs;
mod keys;
mod slots;
mod sync;

pub use bookings::answers::WrongAnswer;
pub use bookings::book::{BookError, BookRequest, Booked, Booker, Wanted, book};
pub use bookings::hold::{Alternatives, Hold, HoldError, SlotRequest, hold, release};
pub use bookings::hold_token::{HoldToken, TokenError};
pub use bookings::list_bookings::{BookingsQuery, list_bookings};
pub use bookings::manage_token::ManageToken;
pub use bookings::reschedule::{RescheduleError, reschedule, reschedule_managed};
pub use bookings::transition::{StepError, cancel_managed, read_booking, read_managed, take_step};
pub use bookings::update_booking::{BookingChange, sync_booking, update_booking};
pub use catalog::{
    CatalogError, Expected, NewHost, NewSchedule, Removed, Stored, add_event_type, add_host, add_schedule,
    change_event_type, change_host, change_schedule, find_event_type, find_host, find_schedule, find_tenant,
    list_event_types, list_hosts, list_schedules, remove_event_type, remove_host, remove_schedule,
    store_tenant,
};
pub use idempotency::{IdempotencyKey, KeyFormatError};
pub use integrations::connect::{
    Arrival, ConnectError, Connected, Question, Started, abandon_connect, approve_connect, finish_connect,
    start_connect,
};
pub use integrations::disconnect::disconnect;
pub use integrations::session::AccessError;
pub use integrations::settings::{
    IntegrationError, Settings, change_settings, find_integration, list_calendars, list_integrations,
    sync_now,
};
pub use jobs::guests::{Erased, erase_guest, export_guest};
pub use keys::KeyError;
pub use slots::availability::{Refused, Unavailable};
pub use slots::check_slot::{Checked, check_slot};
pub use slots::list_slots::{ListError, Listing, SlotsQuery, list_slots};
pub use slots::offers::{Offer, Offers, OffersError, read_offer, read_offers};
pub use sync::dispatch::{DispatchError, Dispatched, dispatch};
pub use sync::overdue::report_overdue;
pub use sync::pull::{PullError, Pulled, pull};
pub use sync::push::push;
pub use sync::queue_message::{Work, perform};
pub use sync::relay::{Change, relay};
