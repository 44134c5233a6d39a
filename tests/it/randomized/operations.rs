//! What callers do, and how they are answered.

use super::*;

/// Something that a caller does.
#[derive(Clone, Debug)]
pub(super) struct Act {
    /// By which process.
    pub(super) caller: usize,
    /// What.
    pub(super) op: Op,
    /// The Idempotency-Key, where one is sent.
    pub(super) key: Option<String>,
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Holds a slot.
    Hold(Slot),
    /// Books a slot that nobody holds.
    Book(Slot),
    /// Confirms a hold, with these notes.
    Confirm(HoldToken, &'static str),
    /// Releases a hold.
    Release(HoldToken),
    /// Confirms, declines or cancels a booking.
    Step(BookingId, BookingStatus, By),
    /// Moves a booking.
    Move(BookingId, NewTime, By),
    /// Does what a booking's deadlines ask for: declines one that nobody has answered.
    Expire(BookingId),
    /// Pulls a host's calendar, which is found busy like this on this day.
    Pull(usize, Day, DayBits),
}

/// A slot of an event type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Which event type.
    pub(super) offer: usize,
    /// From when.
    pub(super) start: Tick,
    /// How long, without buffers.
    pub(super) length: Ticks,
}

/// Who moves a booking or changes its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Its guest, by the manage token.
    Guest,
    /// An admin.
    Admin,
    /// One of its hosts, the organizer or another one.
    Host(usize),
}

/// An act and the key it came with, as the product remembers them: a key is good for one request of each act.
pub(super) type Name = (String, String);

impl Act {
    /// Under which name the product records it; `None` when it does not.
    pub(super) fn name(&self) -> Option<Name> {
        let act = match &self.op {
            Op::Hold(_) => "hold".to_owned(),
            Op::Book(_) | Op::Confirm(..) => "book".to_owned(),
            Op::Release(_) => "release".to_owned(),
            Op::Move(id, ..) => format!("move {id}"),
            Op::Step(..) | Op::Expire(_) | Op::Pull(..) => return None,
        };
        Some((act, self.key.clone()?))
    }

    /// All that the request contains besides its key.
    pub(super) fn request_text(&self) -> String {
        match &self.op {
            Op::Confirm(token, notes) => format!("{} {notes}", token.as_str()),
            Op::Release(token) => token.as_str().to_owned(),
            Op::Move(_, to, _) => format!("{} {:?}", to.start.index(), to.length),
            op => format!("{op:?}"),
        }
    }

    /// The word by which it is counted.
    pub(super) fn verb(&self) -> &'static str {
        match &self.op {
            Op::Hold(_) => "hold",
            Op::Book(_) => "book",
            Op::Confirm(..) => "confirm",
            Op::Release(_) => "release",
            Op::Step(_, BookingStatus::Confirmed, _) => "yes",
            Op::Step(_, BookingStatus::Declined, _) => "no",
            Op::Step(..) => "cancel",
            Op::Move(..) => "move",
            Op::Expire(_) => "expire",
            Op::Pull(..) => "pull",
        }
    }

    /// Whether this may be answered when others interfere.
    pub(super) fn allows(&self, word: &str) -> bool {
        let allowed: &[_] = match &self.op {
            Op::Hold(_) | Op::Book(_) => {
                &["ok", "taken", "full", "unoffered", "past", "stale", "closed", "wrong length"]
            }
            Op::Confirm(..) => &["ok", "taken", "full", "unknown", "expired", "used", "stale", "closed"],
            Op::Release(_) => &["ok", "unknown"],
            Op::Step(..) => &["ok", "refused", "late"],
            Op::Move(..) => {
                &["ok", "taken", "full", "refused", "unoffered", "late", "past", "stale", "wrong length"]
            }
            Op::Expire(_) | Op::Pull(..) => &["ok"],
        };
        allowed.contains(&word) || (self.key.is_some() && word == "reused")
    }

    /// The hold that it is about.
    pub(super) fn token(&self) -> Option<&HoldToken> {
        match &self.op {
            Op::Confirm(token, _) | Op::Release(token) => Some(token),
            _ => None,
        }
    }

    /// The booking that it is about, if that is there already.
    pub(super) fn booking(&self) -> Option<&BookingId> {
        match &self.op {
            Op::Step(id, ..) | Op::Move(id, ..) | Op::Expire(id) => Some(id),
            _ => None,
        }
    }
}

/// How an act is answered.
#[derive(Debug)]
pub(super) enum Outcome {
    /// With a hold.
    Held(HoldToken),
    /// With a booking, and its manage token if it was just made.
    Booked(Box<Booking>, Option<ManageToken>),
    /// Done, and there is nothing to tell.
    Done,
    /// The time is claimed or busy.
    Taken(Alternatives),
    /// The daily limit is reached.
    Full(Alternatives),
    /// A calendar cannot be believed at present.
    Stale,
    /// There is no such hold.
    Unknown,
    /// The hold has ended.
    Expired,
    /// The hold was confirmed with other details.
    Used,
    /// The key came with another request before.
    Reused,
    /// The booking's status does not allow it.
    Refused,
    /// The booking has begun.
    Late,
    /// The start lies behind.
    Past,
    /// No slot is offered at this start.
    Unoffered,
    /// The event type is offered no more.
    Closed,
    /// The event type does not come in this length, or no claim may be so long.
    WrongLength,
}

impl Outcome {
    /// The word by which it is counted and compared.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Held(_) | Self::Booked(..) | Self::Done => "ok",
            Self::Taken(_) => "taken",
            Self::Full(_) => "full",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Reused => "reused",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::Past => "past",
            Self::Unoffered => "unoffered",
            Self::Closed => "closed",
            Self::WrongLength => "wrong length",
        }
    }

    fn of_record(record: BookingRecord, manage_token: Option<ManageToken>) -> Self {
        // What the entries say may be newer: they are read after the booking.
        let BookingRecord { booking, entries } = &record;
        assert!(booking.claim.hosts().eq(entries.iter().map(|entry| &entry.host)), "{record:?}");
        Self::Booked(Box::new(record.booking), manage_token)
    }
}

impl From<BookingError> for Outcome {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::UnknownEventType => Self::Closed,
            BookingError::LengthNotOffered => Self::WrongLength,
            BookingError::UnknownHold => Self::Unknown,
            BookingError::HoldExpired => Self::Expired,
            BookingError::HoldUsed => Self::Used,
            BookingError::KeyReused => Self::Reused,
            BookingError::NotNow(StepRefused::Illegal { .. }) => Self::Refused,
            BookingError::NotNow(StepRefused::TooLate) => Self::Late,
            BookingError::Refused { why: Refused::Taken, alternatives } => Self::Taken(alternatives),
            BookingError::Refused { why: Refused::DayFull, alternatives } => Self::Full(alternatives),
            BookingError::Refused { why: Refused::CalendarUnavailable, .. } => Self::Stale,
            BookingError::Refused { why: Refused::TooSoon, .. } => Self::Past,
            BookingError::Refused { why: Refused::NotOffered, .. } => Self::Unoffered,
            error => panic!("nothing here can fail like this: {error:?}"),
        }
    }
}

/// A booking has one entry for each host in its order, and each says what the booking says. So it must be while nobody
/// changes it.
pub(super) fn assert_entries(record: &BookingRecord) {
    let BookingRecord { booking, entries } = record;
    assert!(booking.claim.hosts().eq(entries.iter().map(|entry| &entry.host)), "{record:?}");
    for entry in entries {
        let told = (&entry.booking, entry.start, entry.end, entry.status, &entry.event_type);
        let end = booking.start + booking.length;
        assert_eq!(
            told,
            (&booking.id, booking.start, end, booking.status, &booking.event_type),
            "{record:?}"
        );
    }
}

impl World {
    /// Does it, and gives the answer.
    pub(super) async fn perform(&self, act: &Act) -> Outcome {
        let (app, tenant) = (&self.callers[act.caller].app, &self.tenant);
        let key: Option<IdempotencyKey> = act.key.as_ref().map(|key| key.parse().expect("a key"));
        let key = key.as_ref();
        match &act.op {
            Op::Hold(slot) => hold(app, tenant, &self.request(slot), key)
                .await
                .map_or_else(Outcome::from, |held| Outcome::Held(held.token)),
            Op::Book(slot) => self.book(act.caller, Wanted::Slot(self.request(slot)), "words", key).await,
            Op::Confirm(token, notes) => self.book(act.caller, Wanted::Held(token.clone()), notes, key).await,
            Op::Release(token) => {
                let released = Box::pin(release(app, tenant, token, key)).await;
                released.map_or_else(Outcome::from, |()| Outcome::Done)
            }
            Op::Step(id, to, by) => match transition(app, &self.scope(*by), id, *to, None).await {
                Ok(record) => {
                    assert_eq!(record.booking.status, *to);
                    Outcome::of_record(record, None)
                }
                Err(error) => error.into(),
            },
            Op::Move(id, to, by) => {
                let moved = match (by, self.manage_tokens.get(id)) {
                    (By::Guest, Some(token)) => {
                        Box::pin(reschedule_managed(app, tenant, id, token, *to, key)).await
                    }
                    _ => Box::pin(reschedule(app, &self.scope(*by), id, *to, key)).await,
                };
                moved.map_or_else(Outcome::from, |record| Outcome::of_record(record, None))
            }
            Op::Expire(id) => {
                expire_and_erase(app, tenant, id).await.expect("an expiry");
                Outcome::Booked(Box::new(self.stored(id).await.booking), None)
            }
            Op::Pull(host, day, bits) => {
                self.pull(*host, &[(*day, *bits)]).await.expect("a pull");
                Outcome::Done
            }
        }
    }

    fn request(&self, slot: &Slot) -> SlotRequest {
        let event_type = self.offers[slot.offer].original.slug.clone();
        SlotRequest { event_type, start: slot.start, length: Some(slot.length) }
    }

    fn scope(&self, by: By) -> Scope {
        match by {
            By::Host(host) => Scope::Host(self.tenant.clone(), self.integrations[host].host.clone()),
            By::Guest | By::Admin => Scope::Tenant(self.tenant.clone()),
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
            time_zone: Zone::UTC,
            locale: None,
        };
        let notes = Some(notes.to_owned());
        let request =
            BookRequest { wanted, guest, answers: None, notes, metadata: None, sync_to_calendar: true };
        let (app, scope) = (&self.callers[caller].app, Scope::Public(self.tenant.clone()));
        match Box::pin(book(app, &scope, &request, key)).await {
            Ok(booked) => Outcome::of_record(booked.record, booked.manage_token),
            Err(error) => error.into(),
        }
    }

    /// Writes what a pull would: these bits, and that everything has been read just now.
    pub(super) async fn pull(&self, host: usize, days: &[(Day, DayBits)]) -> Result<(), StoreError> {
        let store = &self.app.app().store;
        let lease = new_lease(self.now, TimeDelta::minutes(1));
        store.lease_integration(&self.integrations[host], &lease).await?;
        let before = store.integration(&self.tenant, &self.integrations[host].id).await?;
        let before = before.expect("the integration");
        let mut after = before.clone();
        after.sync.read_ok_at = Some(self.now);
        after.sync.synced = Some(synced(self.now));
        after.sync.last_sync_at = Some(self.now);
        store.commit_pull(PullOutcome { before: &before, after, days }, &lease).await.map(|_| ())
    }

    /// The calendars of a host are not known any more until the next pull, as after a change of which calendars block.
    pub(super) async fn forget_calendars(&mut self, host: usize) {
        let (store, integration) = (&self.app.app().store, &self.integrations[host]);
        let found = store.integration(&self.tenant, &integration.id).await;
        let before = found.expect("the table").expect("the integration");
        let mut after = before.clone();
        after.sync.forget();
        store.change_integration(&before, after, None).await.expect("the table");
        self.stale.insert(host);
        self.story.count("coverage lost");
        self.story.note(format!("{} {} lost its coverage", self.now, HOSTS[host].id));
    }

    /// Forgets the calendars of a host, if possible of one whose time is held. Often the holder comes at once.
    pub(super) async fn lose_coverage(&mut self) {
        let held = self.rng.choice(&self.holds).cloned();
        let of_hold = held.as_ref().and_then(|token| token.claim().organizer()).map(host_at);
        let host = of_hold.unwrap_or_else(|| self.rng.usize(..HOSTS.len()));
        self.forget_calendars(host).await;
        if let Some(token) = held.filter(|_| self.rng.bool()) {
            let caller = self.rng.usize(..CALLERS);
            self.act(vec![Act { caller, op: Op::Confirm(token, "words"), key: None }]).await;
        }
    }
}
