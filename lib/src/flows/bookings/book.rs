//! Book: a hold becomes a booking, or a free slot does at once. One strong read wave, the calendar asked when our
//! copy is not fresh, one transaction, then the push.
//!
//! Confirming twice finds its own booking, because a hold's booking id comes from the hold: the same request gets
//! the same answer, another one is refused.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::time::Instant;

use crate::app::App;
use crate::domain::{
    Booking, BookingId, BookingStatus, CalendarLink, Claimed, EventType, EventTypeSlug, Freshness, Guest,
    Integration, MadeBy, Reach, Span, Tenant, TenantSettings, Terms, Tick, Ticks,
};
use crate::flows::bookings::answers::{WrongAnswer, check_guest};
use crate::flows::bookings::hold::{
    Alternatives, HoldError, TRIES, claim, lost, offer, random_bits, read_wave,
};
use crate::flows::bookings::hold_token::HoldToken;
use crate::flows::bookings::manage_token::ManageToken;
use crate::flows::idempotency::{Attempt, IdempotencyKey, Unrepeatable, done, fingerprint};
use crate::flows::integrations::session::AccessError;
use crate::flows::keys::{KeyError, sealing_key};
use crate::flows::slots::availability::{Availability, Refused};
use crate::flows::sync::pull::busy_now;
use crate::flows::sync::push::push_within;
use crate::store::{HostItems, NotBooked, StoreError};

/// How long a confirmation waits for the calendar to say whether the time is still free.
const CHECK_WITHIN: Duration = Duration::from_millis(2500);

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

/// Who books.
#[derive(Clone, Debug)]
pub enum Booker {
    /// A guest: by the rules of the event type.
    Guest,
    /// A member of staff, for a guest: at any time that is free, confirmed at once.
    Staff(Reach),
}

/// A request to book.
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
    /// As many bookings as are taken on that day.
    #[error("the event type takes no more bookings on that day")]
    DayFull(Alternatives),
    /// What the guest said does not answer what the event type asks.
    #[error("some answers are missing or wrong")]
    WrongAnswers(Vec<WrongAnswer>),
    /// The Idempotency-Key came with another body before.
    #[error("the key was used for another request")]
    KeyReused,
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
            HoldError::DayFull(alternatives) => Self::DayFull(alternatives),
            HoldError::UnknownHold => Self::UnknownHold,
            HoldError::KeyReused => Self::KeyReused,
            HoldError::Store(error) => Self::Store(error),
        }
    }
}

impl From<Unrepeatable> for BookError {
    fn from(error: Unrepeatable) -> Self {
        match error {
            Unrepeatable::Reused => Self::KeyReused,
            Unrepeatable::Store(error) => Self::Store(error),
        }
    }
}

/// Confirms a hold or books a free slot.
pub async fn book(
    app: &App,
    tenant: &Tenant,
    booker: &Booker,
    request: &BookRequest,
    key: Option<&IdempotencyKey>,
) -> Result<Booked, BookError> {
    let said = said(request);
    let attempt = Attempt::new("book", tenant, key, &[Some(&said)]);
    let booking = match repeated(app, tenant, attempt.as_ref()).await? {
        Some(booking) => booking,
        None => match Box::pin(make(app, tenant, booker, request, &said, attempt.as_ref())).await {
            Ok(booking) => push_within(app, booking).await,
            // Perhaps the same request, sent twice at once, was faster.
            Err(error) => repeated(app, tenant, attempt.as_ref()).await?.ok_or(error)?,
        },
    };
    let manage_token = ManageToken::of(app, &booking).await?;
    Ok(Booked { booking, manage_token })
}

/// The booking that this attempt has made.
async fn repeated(
    app: &App,
    tenant: &Tenant,
    attempt: Option<&Attempt>,
) -> Result<Option<Booking>, BookError> {
    let Some(id) = done(app, tenant, attempt).await? else { return Ok(None) };
    let id = id.parse().map_err(|_malformed| StoreError::Unreadable("the id of a record".to_owned()))?;
    Ok(app.store.booking(tenant, &id).await?)
}

async fn make(
    app: &App,
    tenant: &Tenant,
    booker: &Booker,
    request: &BookRequest,
    said: &str,
    attempt: Option<&Attempt>,
) -> Result<Booking, BookError> {
    let (slug, length) = match &request.wanted {
        Wanted::Held(token) if app.clock.now() >= token.expires_at() => {
            return replayed(app, tenant, said, token).await?.ok_or(BookError::HoldExpired);
        }
        Wanted::Held(token) => (token.event_type(), None),
        Wanted::Slot { event_type, length, .. } => (event_type, *length),
    };
    let (event_type, length) = offer(app, tenant, slug, length).await?;
    if let Booker::Staff(reach) = booker
        && !reach.covers(&event_type.host)
    {
        return Err(BookError::UnknownEventType);
    }
    let wrong = check_guest(&event_type, booker, request);
    if !wrong.is_empty() {
        return Err(BookError::WrongAnswers(wrong));
    }
    let settings = app.store.tenant_remembered(tenant).await?.ok_or(BookError::UnknownEventType)?;
    let draft = Draft { tenant, settings: &settings, event_type: &event_type, booker, request, said };
    match &request.wanted {
        Wanted::Held(token) => confirm(app, &draft, token, attempt).await,
        Wanted::Slot { start, .. } => book_slot(app, &draft, *start, length, attempt).await,
    }
}

async fn confirm(
    app: &App,
    draft: &Draft<'_>,
    token: &HoldToken,
    attempt: Option<&Attempt>,
) -> Result<Booking, BookError> {
    let (tenant, event_type, start) = (draft.tenant, draft.event_type, token.slot().start);
    for _ in 0..TRIES {
        let available = read_wave(app, tenant, event_type, token.claimed(), start).await?;
        if !is_held(&available, token) {
            return match replayed(app, tenant, draft.said, token).await? {
                Some(booking) => Ok(booking),
                None if available.now >= token.expires_at() => Err(BookError::HoldExpired),
                None => Err(BookError::UnknownHold),
            };
        }
        let allowed = match available.has_room(event_type, start, None) {
            Ok(()) => check(app, &available, token.claimed()).await,
            refused => refused,
        };
        if let Err(refused) = allowed {
            let length = token.length();
            return Err(lost(app, tenant, event_type, length, start, available, refused).await.into());
        }
        can_answer(app, tenant).await?;
        let now = app.clock.now();
        if now >= token.expires_at() {
            return Err(BookError::HoldExpired);
        }
        let claimed = token.claimed().to_vec();
        let booking = draft.booking(token.booking_id(), token.slot(), claimed, &available, now);
        if let Some(booking) = write(app, draft, booking, &available, Some(token), attempt).await? {
            return Ok(booking);
        }
    }
    Err(StoreError::Busy.into())
}

async fn book_slot(
    app: &App,
    draft: &Draft<'_>,
    start: Tick,
    length: Ticks,
    attempt: Option<&Attempt>,
) -> Result<Booking, BookError> {
    let (tenant, event_type) = (draft.tenant, draft.event_type);
    let cells = claim(event_type, start, length);
    let bits = attempt.map_or_else(random_bits, |attempt| Ok(attempt.bits()))?;
    let id = booking_id(u128::from_be_bytes(bits));
    for _ in 0..TRIES {
        let available = read_wave(app, tenant, event_type, &cells, start).await?;
        let by_rules = match draft.booker {
            Booker::Guest => available.may_take(event_type, start, length),
            Booker::Staff(_) => available.may_place(event_type, start, length),
        };
        let allowed = match by_rules.and_then(|()| available.has_room(event_type, start, None)) {
            Ok(()) => check(app, &available, &cells).await,
            refused => refused,
        };
        if let Err(refused) = allowed {
            return Err(lost(app, tenant, event_type, length, start, available, refused).await.into());
        }
        can_answer(app, tenant).await?;
        let now = app.clock.now();
        let slot = Span::new(start, start + length);
        let booking = draft.booking(id.clone(), slot, cells.clone(), &available, now);
        // The id is random, or the key's: what is found by it is this very booking.
        if let Some(booking) = write(app, draft, booking, &available, None, attempt).await? {
            return Ok(booking);
        }
    }
    Err(StoreError::Busy.into())
}

/// Writes the booking with all that belongs to it; `None` when something was not as read.
async fn write(
    app: &App,
    draft: &Draft<'_>,
    booking: Booking,
    available: &Availability,
    held: Option<&HoldToken>,
    attempt: Option<&Attempt>,
) -> Result<Option<Booking>, BookError> {
    let now = app.clock.now();
    let most = draft.event_type.max_per_day;
    let once = attempt.map(|attempt| attempt.record(booking.id.as_str(), now));
    let held = held.map(HoldToken::claim);
    match app.store.book(&booking, &available.days.days, held, most, once.as_ref(), now).await {
        Ok(()) => Ok(Some(booking)),
        // The key of an act that is remembered no longer still made that booking's id.
        Err(NotBooked::Exists(found)) => match same(*found, draft.said) {
            Err(BookError::HoldUsed) if held.is_none() => Err(BookError::KeyReused),
            same => same.map(Some),
        },
        Err(NotBooked::Lost) => Ok(None),
        Err(NotBooked::Store(error)) => Err(error.into()),
    }
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
                .days
                .iter()
                .any(|day| day.day == claimed.cells.day && day.is_all(claimed.cells, token.claim()))
    })
}

/// Busy time, coverage and freshness over what is about to be booked; a calendar whose last reading is not fresh
/// is asked.
pub(in crate::flows) async fn check(
    app: &App,
    available: &Availability,
    claimed: &[Claimed],
) -> Result<(), Refused> {
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
    said: &str,
    token: &HoldToken,
) -> Result<Option<Booking>, BookError> {
    match app.store.booking(tenant, &token.booking_id()).await? {
        Some(found) => same(found, said).map(Some),
        None => Ok(None),
    }
}

fn same(found: Booking, said: &str) -> Result<Booking, BookError> {
    if found.fingerprint == said { Ok(found) } else { Err(BookError::HoldUsed) }
}

/// From the first claimed cell to the last.
fn whole(claimed: &[Claimed]) -> Span {
    let spans = claimed.iter().map(|claimed| claimed.cells.span());
    let union = |one: Span, other: Span| Span::new(one.start.min(other.start), one.end.max(other.end));
    spans.reduce(union).unwrap_or(Span::new(Tick::from_index(0), Tick::from_index(0)))
}

/// What does not change from one try to the next.
struct Draft<'a> {
    tenant: &'a Tenant,
    settings: &'a TenantSettings,
    event_type: &'a EventType,
    booker: &'a Booker,
    request: &'a BookRequest,
    said: &'a str,
}

impl Draft<'_> {
    fn booking(
        &self,
        id: BookingId,
        slot: Span,
        claimed: Vec<Claimed>,
        available: &Availability,
        now: DateTime<Utc>,
    ) -> Booking {
        let (event_type, request, host) = (self.event_type, self.request, &available.host);
        let (made_by, is_asked) = match self.booker {
            Booker::Guest => (MadeBy::Guest, event_type.needs_confirmation),
            Booker::Staff(_) => (MadeBy::Host, false),
        };
        let answer_by = (now + event_type.confirm_within.duration()).min(slot.start.instant());
        let kept = self.settings.retention_days.map(|days| TimeDelta::days(i64::from(days)));
        let booking = Booking {
            id,
            tenant: self.tenant.clone(),
            host: event_type.host.clone(),
            event_type: event_type.slug.clone(),
            title: event_type.title.clone(),
            status: if is_asked { BookingStatus::Pending } else { BookingStatus::Confirmed },
            version: 1,
            start: slot.start,
            length: slot.len(),
            claimed,
            guest: request.guest.clone(),
            answers: request.answers.clone(),
            notes: request.notes.clone(),
            metadata: request.metadata.clone(),
            due_at: None,
            calendar: if request.sync_to_calendar { target(host) } else { None },
            pushed: None,
            settled_version: 0,
            push_failures: 0,
            fingerprint: self.said.to_owned(),
            token_generation: 0,
            created_at: now.trunc_subsecs(0),
            terms: Box::new(terms(self.settings, event_type, host)),
            made_by,
            answer_by: is_asked.then_some(answer_by),
            counted_on: available.counted_on(event_type, slot.start),
            reason: None,
            conference: None,
            erase_at: kept.map(|kept| slot.end.instant() + kept),
        };
        booking.made(now)
    }
}

/// What is agreed by booking now.
fn terms(settings: &TenantSettings, event_type: &EventType, host: &HostItems) -> Terms {
    Terms {
        tenant_name: settings.name.clone(),
        host_name: host.host.name.clone(),
        time_zone: host.schedule(event_type).map_or(chrono_tz::UTC, |schedule| schedule.zone),
        event_title: event_type.event_title.clone(),
        event_description: event_type.event_description.clone(),
        location: event_type.location.clone(),
        reminders: event_type.reminders.clone(),
        visibility: event_type.visibility,
        cancel_notice: event_type.cancel_notice,
        reschedule_notice: event_type.reschedule_notice,
    }
}

/// Where a new booking is written: the first active integration that has a target calendar.
fn target(host: &HostItems) -> Option<CalendarLink> {
    host.active().find_map(|integration| {
        let calendar = integration.target_calendar.clone()?;
        Some(CalendarLink { integration: integration.id.clone(), calendar, generation: 0 })
    })
}

/// SHA-256 over all that the guest said.
fn said(request: &BookRequest) -> String {
    let guest = &request.guest;
    let wanted = match &request.wanted {
        Wanted::Held(token) => token.as_str().to_owned(),
        Wanted::Slot { event_type, start, length } => format!("{event_type} {} {length:?}", start.index()),
    };
    fingerprint(&[
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
    ])
}

/// The id made of the top 120 of these bits: 24 characters of base32hex.
pub(in crate::flows) fn booking_id(bits: u128) -> BookingId {
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
