//! Names that calendars give and take. An event of ours is named after its booking, so that writing it twice
//! is writing it once, and so that a stray one says whose it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::BookingId;

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
    /// One calendar inside an account, by the id its provider gave it. Google's looks like a mail address.
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

impl EventId {
    /// The id of a booking's event: `hf`, the booking's own characters, `g`, the generation in hex.
    ///
    /// A calendar never takes the id of a deleted event again, so writing anew needs a new generation. All of
    /// it lies in `[a-v0-9]`, as Google asks; hex has no `g`, so the last one always is the separator.
    pub fn of(booking: &BookingId, generation: u32) -> Self {
        let own = booking.as_str().strip_prefix("bkg_").unwrap_or_default();
        Self(format!("hf{own}g{generation:x}"))
    }

    /// The booking and the generation that this id was made from, or `None` for anybody else's event.
    pub fn booking_and_generation(&self) -> Option<(BookingId, u32)> {
        let (own, digits) = self.0.strip_prefix("hf")?.rsplit_once('g')?;
        let booking = format!("bkg_{own}").parse::<BookingId>().ok()?;
        let generation = u32::from_str_radix(digits, 16).ok()?;
        // One spelling for each pair: `+1`, `01` and `A` name nothing of ours.
        (Self::of(&booking, generation) == *self).then_some((booking, generation))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_event_id_leads_back_to_its_booking_and_fits_google(
            own in "[0-9a-v]{4,32}", generation in any::<u32>()
        ) {
            let booking: BookingId = format!("bkg_{own}").parse().unwrap();
            let id = EventId::of(&booking, generation);
            prop_assert!((5..=1024).contains(&id.as_str().len()));
            prop_assert!(id.as_str().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v')));
            prop_assert_eq!(id.booking_and_generation(), Some((booking, generation)));
        }

        #[test]
        fn any_text_is_ours_only_in_its_one_spelling(text in "hf[0-9a-w]{3,12}g[0-9a-gA-F+]{0,9}") {
            let id: EventId = text.parse().unwrap();
            if let Some((booking, generation)) = id.booking_and_generation() {
                prop_assert_eq!(EventId::of(&booking, generation), id);
            }
        }
    }

    #[test]
    fn other_peoples_events_are_not_ours() {
        for text in ["hfaaaag", "hfaaaag01", "hfaaaag+1", "hfaaaagA", "aaaag1", "hfaaag1", "hfaaaag100000000"]
        {
            assert_eq!(text.parse::<EventId>().unwrap().booking_and_generation(), None, "{text}");
        }
        // An instance of an event of ours that its owner made repeat is a copy, not the event.
        let instance: EventId = "hfaaaag1_20261120T090000Z".parse().unwrap();
        assert_eq!(instance.booking_and_generation(), None);
    }

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
