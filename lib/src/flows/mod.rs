//! What the service does, one file per act. A flow reads, decides and writes; it knows nothing of HTTP.

mod bookings;
mod catalog;
mod change;
mod idempotency;
mod integrations;
mod jobs;
mod keys;
mod mailed_guests;
mod slots;
mod sync;

pub use bookings::book::{Booked, book};
pub use bookings::error::{Alternatives, BookingError, WrongAnswer};
pub use bookings::history::{BookingVersion, Changed, History, read_history};
pub use bookings::hold::{Hold, hold, release};
pub use bookings::hold_token::{HoldToken, TokenError};
pub use bookings::list_bookings::{BookingsQuery, list_bookings};
pub use bookings::manage_token::ManageToken;
pub use bookings::read::{read_booking, read_managed};
pub use bookings::request::{BookRequest, SlotRequest, Wanted};
pub use bookings::reschedule::{NewTime, reschedule, reschedule_managed};
pub use bookings::transition::{cancel_managed, expire_and_erase, transition};
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
pub use integrations::disconnect::{Leaving, disconnect};
pub use integrations::session::AccessError;
pub use integrations::settings::{
    IntegrationDetails, IntegrationError, Settings, change_settings, find_integration, list_calendars,
    list_integrations, sync_now,
};
pub use jobs::guests::Erased;
pub use jobs::requests::{JobResults, erase_guest, export_guest, read_job};
pub use keys::KeyError;
pub use mailed_guests::WouldMailGuests;
pub use slots::availability::{Refused, Unavailable};
pub use slots::check_slot::{Checked, check_slot};
pub use slots::list_slots::{Listing, SlotsQuery, list_move_slots, list_slots, read_agreed};
pub use slots::offers::{Offer, Offers, OffersError, read_offer, read_offers};
pub use sync::dispatch::{DispatchError, Dispatched, dispatch};
pub use sync::overdue::report_overdue;
pub use sync::pull::{PullError, Pulled, pull};
pub use sync::push::push;
pub use sync::queue_message::{MessageError, QueueMessage, handle_message};
pub use sync::relay::{Change, RelayError, relay};
