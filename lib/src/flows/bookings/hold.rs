//! Hold: read the day, check the rules, one conditional write, alternatives if lost.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::error::BookingError;
use super::hold_token::HoldToken;
use super::place::{Placement, Rules, Taking, place};
use super::request::{SlotRequest, bookable_event_type};
use crate::app::App;
use crate::domain::{Claim, Span, Tenant};
use crate::flows::change::{change, unless_lost};
use crate::flows::idempotency::{Fingerprint, IdempotencyKey, IdempotentRequest, idempotent};
use crate::flows::slots::availability::JointAvailability;
use crate::store::StoreError;

/// A slot kept for one guest.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The capability to confirm or release it.
    pub token: HoldToken,
    /// The slot.
    pub slot: Span,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

impl From<HoldToken> for Hold {
    fn from(token: HoldToken) -> Self {
        Self { slot: token.slot(), expires_at: token.expires_at(), token }
    }
}

/// Takes a slot for the length of a hold.
pub async fn hold(
    app: &App,
    tenant: &Tenant,
    slot: &SlotRequest,
    key: Option<&IdempotencyKey>,
) -> Result<Hold, BookingError> {
    let request = IdempotentRequest::new("hold", tenant, key, &slot.fingerprint());
    let request = request.as_ref();
    let replay = |result: String| async move {
        let bits = request.map(IdempotentRequest::bits);
        Ok(bits.and_then(|bits| HoldToken::with_secret(&result, bits)))
    };
    let act = Box::pin(change(|| hold_once(app, tenant, slot, request)));
    Ok(idempotent(app, tenant, request, act, replay).await?.into())
}

async fn hold_once(
    app: &App,
    tenant: &Tenant,
    request: &SlotRequest,
    idempotent: Option<&IdempotentRequest>,
) -> Result<Option<HoldToken>, BookingError> {
    let (event_type, length) = bookable_event_type(app, tenant, &request.event_type, request.length).await?;
    let slot = Span::new(request.start, request.start + length);
    let claim = Claim::over(&event_type.hosts, event_type.occupied_span(slot.start, length));
    let placement = Placement {
        tenant,
        event_type: &event_type,
        today: &event_type,
        slot,
        claim: &claim,
        taking: Taking::Hold,
        rules: Rules::Offered,
    };
    let (event_type, claim) = (&event_type, &claim);
    let take = |available: JointAvailability| async move {
        let lifetime = TimeDelta::seconds(i64::from(app.config.hold_seconds));
        let expires_at = available.now.trunc_subsecs(0) + lifetime;
        let bits = idempotent.map_or_else(random_bits, IdempotentRequest::bits);
        let token = HoldToken::new(event_type.slug.clone(), slot, claim.clone(), expires_at, bits)
            .map_err(|_unwritable| StoreError::Busy)?;
        let record = idempotent.map(|request| request.record(token.without_secret(), available.now));
        let (days, owner) = (available.days(), token.owner());
        let held = app.store.hold(tenant, claim, &days, owner, record.as_ref(), available.now).await;
        // Lost to another guest or to a calendar: the next reading tells which.
        Ok(unless_lost(held)?.map(|()| token))
    };
    place(app, &placement, take).await
}

/// Gives a hold back before it ends. Only its holder can: the cells must carry the token's own number.
pub async fn release(
    app: &App,
    tenant: &Tenant,
    token: &HoldToken,
    key: Option<&IdempotencyKey>,
) -> Result<(), BookingError> {
    let fingerprint = Fingerprint::new().field("hold", Some(token.as_str())).finish();
    let request = IdempotentRequest::new("release", tenant, key, &fingerprint);
    let record = request.as_ref().map(|request| request.record("", app.clock.now()));
    let act = async {
        let released = app.store.release(tenant, token.claim(), token.owner(), record.as_ref()).await;
        unless_lost(released)?.ok_or(BookingError::UnknownHold)
    };
    Box::pin(idempotent(app, tenant, request.as_ref(), act, |_| async { Ok(Some(())) })).await
}

/// Bits that nobody can guess. A system that has no randomness cannot serve anybody: the request ends in a panic, which
/// is answered with 500.
pub(in crate::flows) fn random_bits() -> [u8; 16] {
    let mut bits = [0; 16];
    let random = ring::rand::SystemRandom::new();
    #[expect(clippy::expect_used, reason = "a system without randomness cannot go on")]
    ring::rand::SecureRandom::fill(&random, &mut bits).expect("the system's randomness");
    bits
}
