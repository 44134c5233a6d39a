//! Book: a hold becomes a booking, or a free slot does at once. One strong read wave, the calendar asked when our
//! copy is not fresh, one transaction, then the push.
//!
//! Confirming twice finds its own booking, because a hold's booking id comes from the hold: the same request gets
//! the same answer, another one is refused.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use ring::digest::{SHA256, digest};
use tokio::time::Instant;

use super::access::AccessError;
use super::availability::{Availability, Refused};
use super::hold::{Alternatives, HoldError, TRIES, claim, offer, read_wave, taken};
use super::hold_token::HoldToken;
use super::keys::{KeyError, sealing_key};
use super::manage_token::ManageToken;
use super::pull::busy_now;
use super::push::push_within;
use crate::app::App;
use crate::domain::{
    Booking, BookingId, BookingStatus, CalendarLink, Claimed, EventType, EventTypeSlug, Freshness, Guest,
    Integration, Span, Tenant, Tick, Ticks,
};
use crate::store::{HostItems, NotBooked, StoreError};

/// How long a confirmation waits for the calendar to say whether the time is still free.
const CHECK_WITHIN: Duration = Duration::from_millis(2500);
/// A push that the request itself did not finish comes due this much later.
const PUSH_GRACE: TimeDelta = TimeDelta::seconds(30);

/// What is to be booked.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// What this hold holds.
    Held(HoldToken),
    /// A slot that nobody holds.
    Slot {
        /// Of which event type.
        event_type: EventTypeSlug,
        /// From when.
        start: Tick,
        /// One of its lengths; its first when `None`.
        length: Option<Ticks>,
    },
}

/// A guest's request to book.
#[derive(Clone, Debug)]
pub struct BookRequest {
    /// What.
    pub wanted: Wanted,
    /// For whom.
    pub guest: Guest,
    /// Answers to the event type's questions: a JSON object, as text.
    pub answers: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// Free-form JSON object, as text.
    pub metadata: Option<String>,
    /// Whether the booking is to appear in the host's calendar.
    pub sync_to_calendar: bool,
}

/// A booking that was made, or found to be made already by the same request.
#[derive(Clone, Debug)]
pub struct Booked {
    /// The booking.
    pub booking: Booking,
    /// The capability to see and cancel it.
    pub manage_token: ManageToken,
}

/// Why there is no booking.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// No active event type by that slug, or no such tenant.
    #[error("there is no such event type")]
    UnknownEventType,
    /// The event type does not come in this length.
    #[error("the event type is not offered in this length")]
    LengthNotOffered,
    /// The token is no hold of this tenant, or it was released.
    #[error("there is no such hold")]
    UnknownHold,
    /// The hold ended before it was confirmed.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold was confirmed with other details.
    #[error("the hold was already confirmed with other details")]
    HoldUsed,
    /// Somebody or something else has the time.
    #[error("the slot is taken")]
    SlotTaken(Alternatives),
    /// The rules do not allow the start, or a calendar cannot be read.
    #[error(transparent)]
    Refused(Refused),
    /// The table could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<HoldError> for BookError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::UnknownEventType => Self::UnknownEventType,
            HoldError::LengthNotOffered => Self::LengthNotOffered,
            HoldError::SlotTaken(alternatives) => Self::SlotTaken(alternatives),
            HoldError::Refused(refused) => Self::Refused(refused),
            HoldError::UnknownHold => Self::UnknownHold,
            HoldError::Store(error) => Self::Store(error),
        }
    }
}

/// Confirms a hold or books a free slot.
pub async fn book(app: &App, tenant: &Tenant, request: &BookRequest) -> Result<Booked, BookError> {
    let booking = match &request.wanted {
        Wanted::Held(token) => confirm(app, tenant, request, token).await?,
        Wanted::Slot { event_type, start, length } => {
            book_slot(app, tenant, request, event_type, *start, *length).await?
        }
    };
    let booking = push_within(app, booking).await;
    let manage_token = ManageToken::of(app, &booking).await?;
    Ok(Booked { booking, manage_token })
}

async fn confirm(
    app: &App,
    tenant: &Tenant,
    request: &BookRequest,
    token: &HoldToken,
) -> Result<Booking, BookError> {
    if app.clock.now() >= token.expires_at() {
        return replayed(app, tenant, request, token).await?.ok_or(BookError::HoldExpired);
    }
    let (event_type, _) = offer(app, tenant, token.event_type(), None).await?;
    let start = token.slot().start;
    for _ in 0..TRIES {
        let available = read_wave(app, tenant, &event_type.host, token.claimed()).await?;
        if !is_held(&available, token) {
            return match replayed(app, tenant, request, token).await? {
                Some(booking) => Ok(booking),
                None if available.now >= token.expires_at() => Err(BookError::HoldExpired),
                None => Err(BookError::UnknownHold),
            };
        }
        match check(app, &available, token.claimed()).await {
            Ok(()) => {}
            Err(Refused::Taken) => {
                return Err(taken(app, tenant, &event_type, token.length(), start, available).await.into());
            }
            Err(refused) => return Err(BookError::Refused(refused)),
        }
        can_answer(app, tenant).await?;
        let now = app.clock.now();
        if now >= token.expires_at() {
            return Err(BookError::HoldExpired);
        }
        let booking = Draft {
            id: token.booking_id(),
            event_type: &event_type,
            slot: token.slot(),
            claimed: token.claimed().to_vec(),
            host: &available.host,
            now,
        }
        .booking(tenant, request);
        match app.store.book(&booking, &available.days, Some(token.claim()), now).await {
            Ok(()) => return Ok(booking),
            Err(NotBooked::Exists(found)) => return same(*found, &booking.fingerprint),
            Err(NotBooked::Lost) => {}
            Err(NotBooked::Store(error)) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

async fn book_slot(
    app: &App,
    tenant: &Tenant,
    request: &BookRequest,
    slug: &EventTypeSlug,
    start: Tick,
    length: Option<Ticks>,
) -> Result<Booking, BookError> {
    let (event_type, length) = offer(app, tenant, slug, length).await?;
    let cells = claim(&event_type, start, length);
    let id = booking_id(random_bits()?);
    for _ in 0..TRIES {
        let available = read_wave(app, tenant, &event_type.host, &cells).await?;
        let allowed = match available.may_take(&event_type, start, length) {
            Ok(()) => check(app, &available, &cells).await,
            refused => refused,
        };
        match allowed {
            Ok(()) => {}
            Err(Refused::Taken) => {
                return Err(taken(app, tenant, &event_type, length, start, available).await.into());
            }
            Err(refused) => return Err(BookError::Refused(refused)),
        }
        can_answer(app, tenant).await?;
        let now = app.clock.now();
        let booking = Draft {
            id: id.clone(),
            event_type: &event_type,
            slot: Span::new(start, start + length),
            claimed: cells.clone(),
            host: &available.host,
            now,
        }
        .booking(tenant, request);
        match app.store.book(&booking, &available.days, None, now).await {
            Ok(()) => return Ok(booking),
            // The id is random: what is found by it is this very booking, whose answer was lost.
            Err(NotBooked::Exists(found)) => return same(*found, &booking.fingerprint),
            Err(NotBooked::Lost) => {}
            Err(NotBooked::Store(error)) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// Has the key of the manage token at hand before anything is written: a booking without its answer would have an
/// owner who does not know of it.
async fn can_answer(app: &App, tenant: &Tenant) -> Result<(), KeyError> {
    sealing_key(app, tenant).await.map(|_| ())
}

/// Whether the cells are at present this token's own.
fn is_held(available: &Availability, token: &HoldToken) -> bool {
    token.claimed().iter().all(|claimed| {
        claimed.host == available.host.host.id
            && available
                .days
                .iter()
                .any(|day| day.day == claimed.cells.day && day.is_all(claimed.cells, token.claim()))
    })
}

/// Busy time, coverage and freshness over what is about to be booked; a calendar whose last reading is not fresh
/// is asked.
async fn check(app: &App, available: &Availability, claimed: &[Claimed]) -> Result<(), Refused> {
    let claim = whole(claimed);
    available.may_keep(claim)?;
    let deadline = Instant::now() + CHECK_WITHIN;
    let aging = available
        .host
        .active()
        .filter(|integration| integration.freshness(available.now) != Freshness::Fresh);
    let asked =
        futures::future::join_all(aging.map(|integration| still_free(app, integration, claim, deadline)));
    asked.await.into_iter().collect()
}

async fn still_free(
    app: &App,
    integration: &Integration,
    claim: Span,
    deadline: Instant,
) -> Result<(), Refused> {
    let is_free = match tokio::time::timeout_at(deadline, busy_now(app, integration, claim, deadline)).await {
        Ok(Ok(is_busy)) => !is_busy,
        Ok(Err(AccessError::Calendar(error))) => {
            tracing::warn!(integration = %integration.id, %error, "calendar check failed");
            return Err(Refused::CalendarUnavailable);
        }
        Ok(Err(AccessError::Store(_) | AccessError::Key(_))) | Err(_) => {
            return Err(Refused::CalendarUnavailable);
        }
    };
    if is_free {
        return Ok(());
    }
    // What we offer is out of date: let the next pull mend it.
    if let Err(error) = app.store.make_integration_due(integration).await {
        tracing::warn!(integration = %integration.id, %error, "could not ask for a sync");
    }
    Err(Refused::Taken)
}

/// The booking that this hold became, if this same request made it.
async fn replayed(
    app: &App,
    tenant: &Tenant,
    request: &BookRequest,
    token: &HoldToken,
) -> Result<Option<Booking>, BookError> {
    match app.store.booking(tenant, &token.booking_id()).await? {
        Some(found) => same(found, &fingerprint(request)).map(Some),
        None => Ok(None),
    }
}

fn same(found: Booking, fingerprint: &str) -> Result<Booking, BookError> {
    if found.fingerprint == fingerprint { Ok(found) } else { Err(BookError::HoldUsed) }
}

/// From the first claimed cell to the last.
fn whole(claimed: &[Claimed]) -> Span {
    let spans = claimed.iter().map(|claimed| claimed.cells.span());
    let union = |one: Span, other: Span| Span::new(one.start.min(other.start), one.end.max(other.end));
    spans.reduce(union).unwrap_or(Span::new(Tick::from_index(0), Tick::from_index(0)))
}

struct Draft<'a> {
    id: BookingId,
    event_type: &'a EventType,
    slot: Span,
    claimed: Vec<Claimed>,
    host: &'a HostItems,
    now: DateTime<Utc>,
}

impl Draft<'_> {
    fn booking(self, tenant: &Tenant, request: &BookRequest) -> Booking {
        let calendar = if request.sync_to_calendar { target(self.host) } else { None };
        Booking {
            id: self.id,
            tenant: tenant.clone(),
            host: self.event_type.host.clone(),
            event_type: self.event_type.slug.clone(),
            title: self.event_type.title.clone(),
            status: BookingStatus::Confirmed,
            version: 1,
            start: self.slot.start,
            length: self.slot.len(),
            claimed: self.claimed,
            guest: request.guest.clone(),
            answers: request.answers.clone(),
            notes: request.notes.clone(),
            metadata: request.metadata.clone(),
            due_at: calendar.is_some().then(|| self.now + PUSH_GRACE),
            calendar,
            pushed: None,
            settled_version: 0,
            push_failures: 0,
            fingerprint: fingerprint(request),
            token_generation: 0,
            created_at: self.now.trunc_subsecs(0),
        }
    }
}

/// Where a new booking is written: the first active integration that has a target calendar.
fn target(host: &HostItems) -> Option<CalendarLink> {
    host.active().find_map(|integration| {
        let calendar = integration.target_calendar.clone()?;
        Some(CalendarLink { integration: integration.id.clone(), calendar, generation: 0 })
    })
}

/// SHA-256 over all that the guest said, each part by its length.
fn fingerprint(request: &BookRequest) -> String {
    let guest = &request.guest;
    let wanted = match &request.wanted {
        Wanted::Held(token) => token.as_str().to_owned(),
        Wanted::Slot { event_type, start, length } => format!("{event_type} {} {length:?}", start.index()),
    };
    let parts = [
        Some(wanted.as_str()),
        Some(guest.name.as_str()),
        Some(guest.email.as_str()),
        guest.phone.as_deref(),
        Some(guest.time_zone.name()),
        guest.locale.as_deref(),
        request.answers.as_deref(),
        request.notes.as_deref(),
        request.metadata.as_deref(),
        Some(if request.sync_to_calendar { "sync" } else { "off" }),
    ];
    let mut bytes = Vec::new();
    for part in parts {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        bytes.extend(length.to_be_bytes());
        bytes.extend(part.unwrap_or_default().as_bytes());
    }
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &bytes))
}

/// The id made of the top 120 of these bits: 24 characters of base32hex.
pub(super) fn booking_id(bits: u128) -> BookingId {
    const ALPHABET: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',
        'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
    ];
    let letters = (0..24).map(|at| {
        let index = usize::try_from((bits >> (123 - 5 * at)) & 31).unwrap_or(0);
        ALPHABET.get(index).copied().unwrap_or('0')
    });
    BookingId::from_base32hex(&letters.collect::<String>())
}

fn random_bits() -> Result<u128, BookError> {
    let mut bytes = [0; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_unspecified| StoreError::Busy)?;
    Ok(u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booking_ids_are_well_formed_and_differ() {
        for bits in [0, 1 << 8, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = booking_id(bits);
            assert_eq!(id.as_str().parse::<BookingId>(), Ok(id));
        }
        assert_ne!(booking_id(1 << 8), booking_id(0));
        assert_eq!(booking_id(1), booking_id(0), "the lowest 8 bits are not used");
    }
}
