//! Who acts. An [`Actor`] is recorded; what a caller may touch is its [`Scope`](super::Scope).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::IntegrationId;

/// Who made a change. Stored as one word; a calendar's names its integration: `calendar:int_…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    /// The guest, through the public API or a page.
    Guest,
    /// A host, for their own bookings.
    Host,
    /// An admin of the tenant.
    Admin,
    /// A person who edited the event in a connected calendar.
    Calendar(IntegrationId),
    /// The service itself: deadlines and retention.
    System,
}

impl Actor {
    /// The word in bodies and events: `guest`, `host`, `admin`, `calendar` or `system`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Host => "host",
            Self::Admin => "admin",
            Self::Calendar(_) => "calendar",
            Self::System => "system",
        }
    }

    /// The integration whose calendar was edited; `None` for people who use the API.
    pub fn integration(&self) -> Option<&IntegrationId> {
        match self {
            Self::Calendar(integration) => Some(integration),
            Self::Guest | Self::Host | Self::Admin | Self::System => None,
        }
    }
}

/// The text names no actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be guest, host, admin, calendar:<integration> or system")]
pub struct UnknownActor;

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.integration() {
            Some(integration) => write!(f, "{}:{integration}", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownActor;

    fn from_str(text: &str) -> Result<Self, UnknownActor> {
        match (text, text.strip_prefix("calendar:")) {
            (_, Some(integration)) => {
                integration.parse().map(Self::Calendar).map_err(|_invalid| UnknownActor)
            }
            ("guest", None) => Ok(Self::Guest),
            ("host", None) => Ok(Self::Host),
            ("admin", None) => Ok(Self::Admin),
            ("system", None) => Ok(Self::System),
            (_, None) => Err(UnknownActor),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = UnknownActor;

    fn try_from(text: String) -> Result<Self, UnknownActor> {
        text.parse()
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> String {
        actor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_reads_back_as_itself() {
        let calendar = Actor::Calendar("int_abcd".parse().unwrap());
        for actor in [Actor::Guest, Actor::Host, Actor::Admin, calendar, Actor::System] {
            assert_eq!(actor.to_string().parse(), Ok(actor.clone()));
            assert!(actor.to_string().starts_with(actor.kind()));
        }
        for text in ["", "calendar", "calendar:", "calendar:bkg_abcd", "Guest", "root"] {
            assert_eq!(text.parse::<Actor>(), Err(UnknownActor), "{text}");
        }
    }
}
