//! Names that calendars give: to us they are texts, and mean what their provider says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that can be neither the id of a calendar nor of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 1024 characters without control characters")]
pub struct ForeignIdError;

macro_rules! foreign_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id exactly as the provider writes it. Case matters.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = ForeignIdError;

            fn try_from(text: String) -> Result<Self, ForeignIdError> {
                if is_foreign_id(&text) { Ok(Self(text)) } else { Err(ForeignIdError) }
            }
        }

        impl FromStr for $name {
            type Err = ForeignIdError;

            fn from_str(text: &str) -> Result<Self, ForeignIdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

foreign_id!(
    /// One calendar inside an account, by the id its provider gave it.
    CalendarId
);
foreign_id!(
    /// One event inside a calendar.
    EventId
);

/// Dots alone are refused because a URL would take them for a way up, and the call would land elsewhere.
fn is_foreign_id(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= 1024
        && !text.chars().any(char::is_control)
        && !matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_would_leave_its_place_in_a_url_is_refused() {
        for text in ["", ".", "..", "a\nb"] {
            assert_eq!(text.parse::<CalendarId>(), Err(ForeignIdError), "{text:?}");
        }
        assert_eq!("x".repeat(1025).parse::<CalendarId>(), Err(ForeignIdError));
        let holidays = "en.german#holiday@group.v.calendar.google.com";
        assert_eq!(serde_json::from_str::<CalendarId>(&format!("{holidays:?}")).unwrap().as_str(), holidays);
    }
}
