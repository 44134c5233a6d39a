//! The catalogue: tenants, hosts, schedules and event types, as staff see and change them.
//!
//! Every change reads, decides, and writes under the revision that it read; when somebody else was faster it begins
//! again. So the last write wins, unless the caller has said which revision it expects to change.

mod event_types;
mod hosts;
mod schedules;
mod tenants;

pub use event_types::{
    add_event_type, change_event_type, find_event_type, list_event_types, remove_event_type,
};
pub use hosts::{NewHost, add_host, change_host, find_host, list_hosts, remove_host};
pub use schedules::{
    NewSchedule, add_schedule, change_schedule, find_schedule, list_schedules, remove_schedule,
};
pub use tenants::{Stored, find_tenant, store_tenant};

use ring::rand::{SecureRandom, SystemRandom};

use crate::flows::mailed_guests::WouldMailGuests;
use crate::store::StoreError;

/// Which revision a caller expects to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever there is.
    #[default]
    Whatever,
    /// Something must be there.
    Something,
    /// One of these.
    OneOf(Vec<u64>),
}

impl Expected {
    /// Whether what is there, if anything, may be changed.
    pub(super) fn is_met(&self, revision: Option<u64>) -> bool {
        match (self, revision) {
            (Self::Whatever, _) | (Self::Something, Some(_)) => true,
            (Self::OneOf(revisions), Some(revision)) => revisions.contains(&revision),
            (Self::Something | Self::OneOf(_), None) => false,
        }
    }

    fn check(&self, revision: Option<u64>) -> Result<(), CatalogError> {
        if self.is_met(revision) { Ok(()) } else { Err(CatalogError::Unexpected { revision }) }
    }
}

/// What became of something that was to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed<T> {
    /// It is gone.
    Gone,
    /// Bookings refer to it: it is archived.
    Archived(T),
}

/// Why nothing was found or changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The tenant has not been created.
    #[error("there is no such tenant yet: it is created by a PUT of its settings")]
    UnknownTenant,
    /// No host by that id is within reach.
    #[error("there is no such host")]
    UnknownHost,
    /// No schedule by that id is within reach.
    #[error("there is no such schedule")]
    UnknownSchedule,
    /// No event type by that slug is within reach.
    #[error("there is no such event type")]
    UnknownEventType,
    /// The host has no schedule by the id in this field.
    #[error("the host has no such schedule")]
    NotAScheduleOfTheHost {
        /// The field that names it.
        field: &'static str,
    },
    /// The host has no connected account with this calendar.
    #[error("the host has no connected account with this calendar")]
    UnknownCalendar,
    /// Bookings cannot be written to this calendar.
    #[error("the account may not write to this calendar")]
    ReadOnlyCalendar,
    /// Only an admin may do this.
    #[error("this takes the role `admin`")]
    Forbidden,
    /// Another event type has this slug.
    #[error("another event type has this slug")]
    SlugTaken,
    /// Something refers to it.
    #[error("in use by {0}")]
    InUse(String),
    /// The host is archived.
    #[error("the host is archived")]
    HostArchived,
    /// A host has no more schedules than this.
    #[error("a host has at most 50 schedules")]
    TooManySchedules,
    /// What there is is not what the caller expects to change.
    #[error("it has been changed, or was not there")]
    Unexpected {
        /// Its revision, if it is there.
        revision: Option<u64>,
    },
    /// Fields that do not go together, by name, and what they must be.
    #[error("some fields cannot be accepted")]
    Wrong(Vec<(&'static str, &'static str)>),
    /// Guests would be mailed for it.
    #[error(transparent)]
    WouldMailGuests(#[from] WouldMailGuests),
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// 20 random letters and digits behind a prefix: an id.
pub(in crate::flows) fn new_id<T: std::str::FromStr>(prefix: &str) -> Result<T, StoreError> {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut random = [0; 20];
    SystemRandom::new().fill(&mut random).map_err(|_unspecified| StoreError::Busy)?;
    let letters = random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32)));
    let id: String = prefix.chars().chain(letters.map(|letter| char::from(*letter))).collect();
    id.parse().map_err(|_impossible| StoreError::Unreadable("a new id".to_owned()))
}

/// A few names, and how many more there are.
fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const FEW: usize = 5;
    let names: Vec<_> = names.into_iter().collect();
    let more = names.len().saturating_sub(FEW);
    let few = names.iter().take(FEW).copied().collect::<Vec<_>>().join(", ");
    if more == 0 { few } else { format!("{few} and {more} more") }
}
