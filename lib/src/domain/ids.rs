//! Names of things. Each is checked when it is read, so that what the rest of the house holds is well formed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no id of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {expected}")]
pub struct IdError {
    expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as it is written in URLs, bodies and keys.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(IdError { expected: $expected }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
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

id!(
    /// A tenant, by the slug that stands in its public URLs. Only three doors make one: verified claims, a
    /// public path, and an event of our own; a store call without one does not exist. Its pages lie at `/<slug>`, so
    /// none is called like something else that lies there.
    Tenant,
    "2 to 40 lower-case letters, digits and inner hyphens, and none of assets, manage and v1",
    |text| (2..=40).contains(&text.len()) && is_slug(text) && !matches!(text, "assets" | "manage" | "v1")
);
id!(
    /// A host: the person who is booked. `hst_` and 4 to 32 lower-case letters or digits.
    HostId,
    "hst_ followed by 4 to 32 lower-case letters or digits",
    |text| has_prefix(text, "hst_")
);
id!(
    /// One connected calendar account of one host. `int_` and 4 to 32 lower-case letters or digits.
    IntegrationId,
    "int_ followed by 4 to 32 lower-case letters or digits",
    |text| has_prefix(text, "int_")
);
id!(
    /// A booking. `bkg_` and 4 to 32 characters of base32hex in lower case, because names of its
    /// calendar events are made from it, and providers take no other letters there.
    BookingId,
    "bkg_ followed by 4 to 32 of 0-9 and a-v",
    |text| has_prefix(text, "bkg_") && text.bytes().skip(4).all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'))
);
id!(
    /// One of a host's schedules. `sch_` and 4 to 32 lower-case letters or digits.
    ScheduleId,
    "sch_ followed by 4 to 32 lower-case letters or digits",
    |text| has_prefix(text, "sch_")
);
id!(
    /// A job. `job_` and 4 to 32 lower-case letters or digits.
    JobId,
    "job_ followed by 4 to 32 lower-case letters or digits",
    |text| has_prefix(text, "job_")
);
id!(
    /// An event type, by the slug that stands in its tenant's public URLs.
    EventTypeSlug,
    "1 to 60 lower-case letters, digits and inner hyphens",
    |text| (1..=60).contains(&text.len()) && is_slug(text)
);

impl BookingId {
    /// The id made of the top 120 of these bits: 24 characters of base32hex.
    pub fn from_bits(bits: u128) -> Self {
        const ALPHABET: [char; 32] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i',
            'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
        ];
        let letters = (0..24).map(|at| {
            let index = usize::try_from((bits >> (123 - 5 * at)) & 31).unwrap_or(0);
            ALPHABET.get(index).copied().unwrap_or('0')
        });
        Self("bkg_".chars().chain(letters).collect())
    }
}

fn is_slug(text: &str) -> bool {
    !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (4..=32).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// Who keeps the calendars of an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProviderKind {
    /// Google Calendar.
    Google,
}

impl ProviderKind {
    /// The name as it stands in URLs and items.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "google" => Ok(Self::Google),
            _ => Err(IdError { expected: "google" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booking_ids_are_well_formed_and_differ() {
        for bits in [0, 1 << 8, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = BookingId::from_bits(bits);
            assert_eq!(id.as_str().parse::<BookingId>(), Ok(id));
        }
        assert_ne!(BookingId::from_bits(1 << 8), BookingId::from_bits(0));
        assert_eq!(BookingId::from_bits(0xff), BookingId::from_bits(0), "the lowest 8 bits are not used");
    }

    #[test]
    fn no_tenant_is_called_like_another_place_beside_its_pages() {
        for taken in ["assets", "manage", "v1"] {
            assert!(taken.parse::<Tenant>().is_err(), "{taken}");
            assert!(serde_json::from_value::<Tenant>(serde_json::json!(taken)).is_err(), "{taken}");
        }
        for free in ["demo", "asset", "manager", "v2", "v1-a"] {
            assert!(free.parse::<Tenant>().is_ok(), "{free}");
        }
    }
}
