//! What the callers do, and what they are answered.

use super::*;

/// Something that a caller does.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) caller: usize,
    pub(super) op: Op,
    /// The Idempotency-Key, where one is sent.
    pub(super) key: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Hold(Slot),
    Book(Slot),
    Confirm(HoldToken, &'static str),
    Release(HoldToken),
    /// The host's yes, the host's no, or a cancellation.
    Step(BookingId, BookingStatus),
    Move(BookingId, Tick, By),
    /// What the schedule does about a booking: it declines what nobody has answered.
    Attend(BookingId),
    /// A pull that finds these bits on this day of a host.
    Pull(usize, Day, DayBits),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) event_type: usize,
    pub(super) start: Tick,
    pub(super) length: Ticks,
}

/// Who moves a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Guest,
    Staff,
}

/// An act and the key it came with, as the product remembers them: a key is good for one request of each act.
pub(super) type Name = (String, String);

impl Act {
    pub(super) fn name(&self) -> Option<Name> {
        let act = match &self.op {
            Op::Hold(_) => "hold".to_owned(),
            Op::Book(_) | Op::Confirm(..) => "book".to_owned(),
            Op::Release(_) => "release".to_owned(),
            Op::Move(id, ..) => format!("move {id}"),
            Op::Step(..) | Op::Attend(_) | Op::Pull(..) => return None,
        };
        Some((act, self.key.clone()?))
    }

    /// All that the caller says besides its key.
    pub(super) fn said(&self) -> String {
        match &self.op {
            Op::Confirm(token, notes) => format!("{} {notes}", token.as_str()),
            Op::Release(token) => token.as_str().to_owned(),
            Op::Move(_, to, _) => to.index().to_string(),
            op => format!("{op:?}"),
        }
    }

    pub(super) fn verb(&self) -> &'static str {
        match &self.op {
            Op::Hold(_) => "hold",
            Op::Book(_) => "book",
            Op::Confirm(..) => "confirm",
            Op::Release(_) => "release",
            Op::Step(_, BookingStatus::Confirmed) => "yes",
            Op::Step(_, BookingStatus::Declined) => "no",
            Op::Step(..) => "cancel",
            Op::Move(..) => "move",
            Op::Attend(_) => "attend",
            Op::Pull(..) => "pull",
        }
    }

    /// What may be answered when others interfere.
    pub(super) fn allows(&self, word: &str) -> bool {
        let allowed: &[_] = match &self.op {
            Op::Hold(_) | Op::Book(_) => &["ok", "taken", "full", "unoffered", "past"],
            Op::Confirm(..) => &["ok", "taken", "full", "unknown", "expired", "used"],
            Op::Release(_) => &["ok", "unknown"],
            Op::Step(..) => &["ok", "refused", "late"],
            Op::Move(..) => &["ok", "taken", "full", "refused", "unoffered", "late", "past"],
            Op::Attend(_) | Op::Pull(..) => &["ok"],
        };
        allowed.contains(&word) || (self.key.is_some() && word == "reused")
    }

    pub(super) fn token(&self) -> Option<&HoldToken> {
        match &self.op {
            Op::Confirm(token, _) | Op::Release(token) => Some(token),
            _ => None,
        }
    }

    /// The booking that it is about, if that is there already.
    pub(super) fn booking(&self) -> Option<&BookingId> {
        match &self.op {
            Op::Step(id, _) | Op::Move(id, ..) | Op::Attend(id) => Some(id),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) enum Outcome {
    Held(HoldToken),
    Booked(Box<Booking>, Option<ManageToken>),
    Done,
    Taken(Alternatives),
    Full(Alternatives),
    Unknown,
    Expired,
    Used,
    /// The key came with another request before.
    Reused,
    /// The booking's status does not allow it.
    Refused,
    /// The booking has begun.
    Late,
    /// The start lies behind.
    Past,
    Unoffered,
}

impl Outcome {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Held(_) | Self::Booked(..) | Self::Done => "ok",
            Self::Taken(_) => "taken",
            Self::Full(_) => "full",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Reused => "reused",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::Past => "past",
            Self::Unoffered => "unoffered",
        }
    }
}

impl From<Refused> for Outcome {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooSoon => Self::Past,
            Refused::NotOffered => Self::Unoffered,
            refused => panic!("a slot was refused: {refused:?}"),
        }
    }
}

impl From<HoldError> for Outcome {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::SlotTaken(alternatives) => Self::Taken(alternatives),
            HoldError::DayFull(alternatives) => Self::Full(alternatives),
            HoldError::UnknownHold => Self::Unknown,
            HoldError::KeyReused => Self::Reused,
            HoldError::Refused(refused) => refused.into(),
            error => panic!("a hold failed: {error:?}"),
        }
    }
}

impl From<BookError> for Outcome {
    fn from(error: BookError) -> Self {
        match error {
            BookError::SlotTaken(alternatives) => Self::Taken(alternatives),
            BookError::DayFull(alternatives) => Self::Full(alternatives),
            BookError::UnknownHold => Self::Unknown,
            BookError::HoldExpired => Self::Expired,
            BookError::HoldUsed => Self::Used,
            BookError::KeyReused => Self::Reused,
            BookError::Refused(refused) => refused.into(),
            error => panic!("a booking failed: {error:?}"),
        }
    }
}

impl From<StepRefused> for Outcome {
    fn from(refused: StepRefused) -> Self {
        match refused {
            StepRefused::Illegal { .. } => Self::Refused,
            StepRefused::TooLate => Self::Late,
            StepRefused::TooEarly => panic!("nothing here can be too early"),
        }
    }
}

impl From<StepError> for Outcome {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Refused(refused) => refused.into(),
            error => panic!("a step failed: {error:?}"),
        }
    }
}

impl From<RescheduleError> for Outcome {
    fn from(error: RescheduleError) -> Self {
        match error {
            RescheduleError::SlotTaken(alternatives) => Self::Taken(alternatives),
            RescheduleError::DayFull(alternatives) => Self::Full(alternatives),
            RescheduleError::NotNow(refused) => refused.into(),
            RescheduleError::Refused(refused) => refused.into(),
            RescheduleError::KeyReused => Self::Reused,
            error => panic!("a booking could not be moved: {error:?}"),
        }
    }
}

impl World {
    pub(super) async fn perform(&self, act: &Act) -> Outcome {
        let (app, tenant) = (&self.callers[act.caller].app, &self.tenant);
        let key: Option<IdempotencyKey> = act.key.as_ref().map(|key| key.parse().expect("a key"));
        let key = key.as_ref();
        match &act.op {
            Op::Hold(slot) => {
                let event_type = self.event_types[slot.event_type].slug.clone();
                let slot = SlotRequest { event_type, start: slot.start, length: Some(slot.length) };
                hold(app, tenant, &slot, key)
                    .await
                    .map_or_else(Outcome::from, |held| Outcome::Held(held.token))
            }
            Op::Book(slot) => {
                let event_type = self.event_types[slot.event_type].slug.clone();
                let wanted = Wanted::Slot { event_type, start: slot.start, length: Some(slot.length) };
                self.book(act.caller, wanted, "words", key).await
            }
            Op::Confirm(token, notes) => self.book(act.caller, Wanted::Held(token.clone()), notes, key).await,
            Op::Release(token) => {
                release(app, tenant, token, key).await.map_or_else(Outcome::from, |()| Outcome::Done)
            }
            Op::Step(id, to) => match take_step(app, tenant, &Reach::Tenant, id, *to, None).await {
                Ok(booking) => {
                    assert_eq!(booking.status, *to);
                    Outcome::Booked(Box::new(booking), None)
                }
                Err(error) => error.into(),
            },
            Op::Move(id, to, by) => {
                let moved = match (by, self.manage_tokens.get(id)) {
                    (By::Guest, Some(token)) => {
                        Box::pin(reschedule_managed(app, tenant, id, token, *to, key)).await
                    }
                    _ => Box::pin(reschedule(app, tenant, &Reach::Tenant, id, *to, key)).await,
                };
                moved.map_or_else(Outcome::from, |booking| Outcome::Booked(Box::new(booking), None))
            }
            Op::Attend(id) => {
                push(app, tenant, id).await.expect("a push");
                Outcome::Booked(Box::new(self.stored(id).await), None)
            }
            Op::Pull(host, day, bits) => {
                self.pull(*host, &[(*day, *bits)]).await.expect("a pull");
                Outcome::Done
            }
        }
    }

    async fn book(
        &self,
        caller: usize,
        wanted: Wanted,
        notes: &str,
        key: Option<&IdempotencyKey>,
    ) -> Outcome {
        let guest = Guest {
            name: "Mary Somerville".to_owned(),
            email: "mary@example.com".to_owned(),
            phone: None,
            time_zone: chrono_tz::UTC,
            locale: None,
        };
        let notes = Some(notes.to_owned());
        let request =
            BookRequest { wanted, guest, answers: None, notes, metadata: None, sync_to_calendar: true };
        let app = &self.callers[caller].app;
        match Box::pin(book(app, &self.tenant, &Booker::Guest, &request, key)).await {
            Ok(booked) => Outcome::Booked(Box::new(booked.booking), Some(booked.manage_token)),
            Err(error) => error.into(),
        }
    }

    /// What a pull writes: these bits, and that everything has been read just now.
    pub(super) async fn pull(&self, host: usize, days: &[(Day, DayBits)]) -> Result<(), StoreError> {
        let store = &self.app.app().store;
        let lease = Lease::new(self.now, TimeDelta::minutes(1));
        let before = store.lease_integration(&self.integrations[host], &lease).await?;
        let after = Integration {
            read_ok_at: Some(self.now),
            synced: Some(synced(self.now)),
            last_sync_at: Some(self.now),
            ..before.clone()
        };
        store.commit_pull(PullOutcome { before: &before, after, days }, &lease).await.map(|_| ())
    }
}
