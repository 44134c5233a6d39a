//! The names of our events at Google, which takes ids of ours: an event is named after its booking, so that writing it
//! twice is writing it once, and so that a stray one says whose it is.

use crate::calendars::{EventId, EventKey};
use crate::domain::{BookingId, HostId};

/// The id of an event of ours: `hf`, the booking's own characters, `h`, the host's in hex, `g`, the generation in hex.
///
/// All of it lies in `[a-v0-9]`, as Google asks; hex has neither `g` nor `h`, so the last ones are the separators.
#[expect(clippy::expect_used, reason = "the letters of ids of ours are letters of ids")]
pub(super) fn event_id(key: &EventKey) -> EventId {
    let booking = key.booking.as_str().strip_prefix("bkg_").unwrap_or_default();
    let host = key.host.as_str().strip_prefix("hst_").unwrap_or_default();
    let hex = |host: String, byte| host + &format!("{byte:02x}");
    let host = host.bytes().fold(String::new(), hex);
    format!("hf{booking}h{host}g{:x}", key.generation).parse().expect("an id")
}

/// The key that an id was made from, or `None` for anybody else's event.
pub(super) fn event_key(id: &EventId) -> Option<EventKey> {
    let (rest, digits) = id.as_str().strip_prefix("hf")?.rsplit_once('g')?;
    let generation = u32::from_str_radix(digits, 16).ok()?;
    let (booking, host) = rest.rsplit_once('h')?;
    let booking = format!("bkg_{booking}").parse::<BookingId>().ok()?;
    let (pairs, odd) = host.as_bytes().as_chunks::<2>();
    let read = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let host = String::from_utf8(pairs.iter().map(read).collect::<Option<Vec<_>>>()?).ok()?;
    let host = format!("hst_{host}").parse::<HostId>().ok().filter(|_| odd.is_empty())?;
    let key = EventKey { booking, host, generation };
    // One spelling for each key: `+1`, `01` and `A` name nothing of ours.
    (event_id(&key) == *id).then_some(key)
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
            let id = event_id(&key);
            prop_assert!((5..=1024).contains(&id.as_str().len()));
            prop_assert!(id.as_str().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v')));
            prop_assert_eq!(event_key(&id), Some(key));
        }

        #[test]
        fn any_text_is_ours_only_in_its_one_spelling(text in "hf[0-9a-w]{3,12}h[0-9a-fA-F+]{0,12}g[0-9a-gA-F+]{0,9}") {
            let id: EventId = text.parse().unwrap();
            if let Some(key) = event_key(&id) {
                prop_assert_eq!(event_id(&key), id);
            }
        }
    }

    #[test]
    fn other_peoples_events_are_not_ours() {
        let ours: EventId = "hfaaaah61646131g1".parse().unwrap();
        assert_eq!(event_key(&ours).map(|key| key.host.to_string()).as_deref(), Some("hst_ada1"));
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
            assert_eq!(event_key(&text.parse().unwrap()), None, "{text}");
        }
        // An instance of an event of ours that its owner made repeat is a copy, not the event.
        let instance: EventId = "hfaaaah61646131g1_20261120T090000Z".parse().unwrap();
        assert_eq!(event_key(&instance), None);
    }
}
