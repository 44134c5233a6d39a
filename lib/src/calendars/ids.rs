//! Names that calendars give and take. An event of ours is named after its booking, so that writing it twice
//! is writing it once, and so that a stray one says whose it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::{BookingId, HostId};

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

/// Which event of ours: the key under which it is created, so that creating it twice creates it once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventKey {
    /// The booking that it stands for.
    pub booking: BookingId,
    /// In whose calendar.
    pub host: HostId,
    /// Which writing of it: the id of a deleted event cannot be used again.
    pub generation: u32,
}

impl EventId {
    /// The id of an event of ours at a provider that takes our ids: `hf`, the booking's own characters, `h`, the host's
    /// in hex, `g`, the generation in hex.
    ///
    /// All of it lies in `[a-v0-9]`, as Google asks; hex has neither `g` nor `h`, so the last ones are the separators.
    pub fn of(key: &EventKey) -> Self {
        let booking = key.booking.as_str().strip_prefix("bkg_").unwrap_or_default();
        let host = key.host.as_str().strip_prefix("hst_").unwrap_or_default();
        let hex = |host: String, byte| host + &format!("{byte:02x}");
        let host = host.bytes().fold(String::new(), hex);
        Self(format!("hf{booking}h{host}g{:x}", key.generation))
    }

    /// The key that this id was made from, or `None` for anybody else's event.
    pub fn key(&self) -> Option<EventKey> {
        let (rest, digits) = self.0.strip_prefix("hf")?.rsplit_once('g')?;
        let generation = u32::from_str_radix(digits, 16).ok()?;
        let (booking, host) = rest.rsplit_once('h')?;
        let booking = format!("bkg_{booking}").parse::<BookingId>().ok()?;
        let (pairs, odd) = host.as_bytes().as_chunks::<2>();
        let read = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let host = String::from_utf8(pairs.iter().map(read).collect::<Option<Vec<_>>>()?).ok()?;
        let host = format!("hst_{host}").parse::<HostId>().ok().filter(|_| odd.is_empty())?;
        let key = EventKey { booking, host, generation };
        // One spelling for each key: `+1`, `01` and `A` name nothing of ours.
        (Self::of(&key) == *self).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_event_id_leads_back_to_its_key_and_fits_google(
            own in "[0-9a-v]{4,32}", host in "[0-9a-z]{4,32}", generation in any::<u32>()
        ) {
            let (booking, host) = (format!("bkg_{own}").parse().unwrap(), format!("hst_{host}").parse().unwrap());
            let key = EventKey { booking, host, generation };
            let id = EventId::of(&key);
            prop_assert!((5..=1024).contains(&id.as_str().len()));
            prop_assert!(id.as_str().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v')));
            prop_assert_eq!(id.key(), Some(key));
        }

        #[test]
        fn any_text_is_ours_only_in_its_one_spelling(text in "hf[0-9a-w]{3,12}h[0-9a-fA-F+]{0,12}g[0-9a-gA-F+]{0,9}") {
            let id: EventId = text.parse().unwrap();
            if let Some(key) = id.key() {
                prop_assert_eq!(EventId::of(&key), id);
            }
        }
    }

    #[test]
    fn other_peoples_events_are_not_ours() {
        let ours: EventId = "hfaaaah61646131g1".parse().unwrap();
        assert_eq!(ours.key().map(|key| key.host.to_string()).as_deref(), Some("hst_ada1"));
        for text in [
            "hfaaaah61646131g",
            "hfaaaah61646131g01",
            "hfaaaah61646131g+1",
            "hfaaaah61646131gA",
            "aaaah61646131g1",
            "hfaaah61646131g1",
            "hfaaaah6164613g1",
            "hfaaaah6164613Ag1",
            "hfaaaag1",
            "hfaaaah61646131g100000000",
        ] {
            assert_eq!(text.parse::<EventId>().unwrap().key(), None, "{text}");
        }
        // An instance of an event of ours that its owner made repeat is a copy, not the event.
        let instance: EventId = "hfaaaah61646131g1_20261120T090000Z".parse().unwrap();
        assert_eq!(instance.key(), None);
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
