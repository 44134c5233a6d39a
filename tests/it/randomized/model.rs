//! What had to be answered, and what is known after it was.

use super::*;

/// What a request with a key came to.
#[derive(Debug)]
pub(super) struct Record {
    said: String,
    made: Made,
}

#[derive(Debug)]
enum Made {
    Hold(HoldToken),
    Booking(BookingId),
    Nothing,
}

impl World {
    /// The answer when nobody interferes.
    pub(super) fn expected(&self, act: &Act, table: &Table) -> &'static str {
        if let Some(record) = self.record(act) {
            return if record.said == act.said() { "ok" } else { "reused" };
        }
        let now = self.callers[act.caller].now();
        match &act.op {
            Op::Hold(slot) | Op::Book(slot) => {
                let is_taken =
                    self.claim(slot).iter().any(|claimed| self.is_blocked(claimed, table, now, &[]));
                match self.full(slot.event_type, slot.start) {
                    _ if slot.start < Tick::ceil(now) => "past",
                    _ if !is_offered(slot.start, slot.length) => "unoffered",
                    _ if is_taken => "taken",
                    true => "full",
                    false => "ok",
                }
            }
            Op::Confirm(token, notes) => {
                let is_late = now >= token.expires_at();
                let replayed = self.used.get(token.as_str()).map(|(said, _)| said == notes);
                match replayed {
                    Some(true) => "ok",
                    Some(false) => "used",
                    None if is_late => "expired",
                    None if !is_held(token, table, self) => "unknown",
                    None if self.full(self.kind_of(token.event_type()), token.slot().start) => "full",
                    None if token.claimed().iter().any(|claimed| self.is_busy(claimed)) => "taken",
                    None => "ok",
                }
            }
            Op::Release(token) if is_held(token, table, self) => "ok",
            Op::Release(_) => "unknown",
            Op::Step(id, to) => {
                let booking = &self.bookings[id];
                match booking.status {
                    status if status == *to => "ok",
                    status if !status.may_become(*to) => "refused",
                    _ if *to == BookingStatus::Confirmed && now >= booking.start.instant() => "late",
                    _ => "ok",
                }
            }
            Op::Move(id, to, by) => self.expected_move(&self.bookings[id], *to, *by, table, now),
            Op::Attend(_) | Op::Pull(..) => "ok",
        }
    }

    fn expected_move(
        &self,
        booking: &Booking,
        to: Tick,
        by: By,
        table: &Table,
        now: DateTime<Utc>,
    ) -> &'static str {
        let event_type = self.kind_of(&booking.event_type);
        let claim = self.claim(&Slot { event_type, start: to, length: booking.length });
        let counts_there = booking.counted_on == Some(date_of(to));
        let is_behind = if by == By::Guest { to < Tick::ceil(now) } else { to.instant() <= now };
        if booking.start == to {
            "ok"
        } else if !matches!(booking.status, BookingStatus::Pending | BookingStatus::Confirmed) {
            "refused"
        } else if now >= booking.start.instant() {
            "late"
        } else if is_behind {
            "past"
        } else if by == By::Guest && !is_offered(to, booking.length) {
            "unoffered"
        } else if claim.iter().any(|claimed| self.is_blocked(claimed, table, now, &booking.claimed)) {
            "taken"
        } else if !counts_there && self.full(event_type, to) {
            "full"
        } else {
            "ok"
        }
    }

    /// Whether what another one does at the same time may change the answer.
    pub(super) fn is_contended(&self, at: usize, acts: &[Act]) -> bool {
        let act = &acts[at];
        // What was done under a key is told for ever.
        if self.record(act).is_some() {
            return false;
        }
        // Part of it lies before today, which is not looked at.
        if act.token().is_some_and(|token| !self.sees(token)) {
            return true;
        }
        let mine: HashSet<_> = self.ticks(act).into_iter().collect();
        let counters = self.counters(act);
        acts.iter().enumerate().filter(|(other, _)| *other != at).any(|(_, other)| {
            let meets = || self.ticks(other).iter().any(|cell| mine.contains(cell));
            let counts = || {
                !matches!(other.op, Op::Hold(_) | Op::Release(_))
                    && self.counters(other).iter().any(|counter| counters.contains(counter))
            };
            let is_same_booking = act.booking().is_some() && act.booking() == other.booking();
            let is_same_key = act.name().is_some() && act.name() == other.name();
            is_same_key
                || is_same_booking
                || match &act.op {
                    Op::Hold(_) | Op::Book(_) | Op::Move(..) => meets() || counts(),
                    Op::Confirm(token, _) | Op::Release(token) => {
                        let is_same = other.token().is_some_and(|other| other.as_str() == token.as_str());
                        let may_be_taken_over = token.expires_at() <= self.latest;
                        is_same
                            || (meets() && (may_be_taken_over || matches!(other.op, Op::Pull(..))))
                            || (matches!(act.op, Op::Confirm(..)) && counts())
                    }
                    Op::Step(..) | Op::Attend(_) | Op::Pull(..) => false,
                }
        })
    }

    /// Whether an answer of "ok" means that this very act has left its record. Who finds that all is as it wanted, by
    /// the act of another one, writes nothing, and its key stays good for something else.
    pub(super) fn would_record(&self, at: usize, acts: &[Act]) -> bool {
        let act = &acts[at];
        let others = || acts.iter().filter(|other| other.name() != act.name());
        match &act.op {
            Op::Confirm(token, _) => !self.used.contains_key(token.as_str())
                && !others().any(
                    |other| matches!(&other.op, Op::Confirm(theirs, _) if theirs.as_str() == token.as_str()),
                ),
            Op::Move(id, to, _) => {
                self.bookings[id].start != *to
                    && !others().any(|other| matches!(&other.op, Op::Move(theirs, ..) if theirs == id))
            }
            _ => true,
        }
    }

    /// Whether this gets as far as a write.
    pub(super) fn writes(&self, act: &Act) -> bool {
        let is_settled = match &act.op {
            Op::Confirm(token, _) => self.used.contains_key(token.as_str()),
            Op::Step(id, to) => self.bookings[id].status == *to,
            Op::Move(id, to, _) => self.bookings[id].start == *to,
            Op::Hold(_) | Op::Book(_) | Op::Release(_) => false,
            Op::Attend(_) | Op::Pull(..) => true,
        };
        !is_settled && self.record(act).is_none() && self.expected(act, &self.table) == "ok"
    }

    pub(super) fn record(&self, act: &Act) -> Option<&Record> {
        self.records.get(&act.name()?)
    }

    /// Changes what is known as the answer says, and gives the booking that it tells of for the first time.
    pub(super) fn take_note(&mut self, act: &Act, outcome: &Outcome, records: bool) -> Option<Booking> {
        if outcome.word() != "ok" {
            // A key under which nothing was done is still good.
            let is_unused = outcome.word() != "reused" && self.record(act).is_none();
            if is_unused && act.name().is_some_and(|name| !self.doubtful.contains(&name)) {
                self.unused.retain(|key| Some(key) != act.key.as_ref());
                self.unused.extend(act.key.clone());
            }
            return None;
        }
        if let Some(record) = self.record(act) {
            if record.said != act.said() {
                // At the same time, and what this one wanted was so already.
                assert!(!records, "one key was good for two requests: {act:?}");
                return self.take_news(act, outcome);
            }
            match (&record.made, outcome) {
                (Made::Hold(made), Outcome::Held(told)) => assert_eq!(made.as_str(), told.as_str()),
                (Made::Booking(made), Outcome::Booked(told, _)) => assert_eq!(*made, told.id),
                (Made::Nothing, Outcome::Done) => {}
                (made, told) => panic!("{act:?} made {made:?} and is told {told:?}"),
            }
            if let Outcome::Booked(booking, _) = outcome {
                self.learn(booking);
            }
            return None;
        }
        let news = self.take_news(act, outcome);
        if let Some(name) = act.name() {
            self.unused.retain(|key| Some(key) != act.key.as_ref());
            if records {
                let made = match outcome {
                    Outcome::Held(token) => Made::Hold(token.clone()),
                    Outcome::Booked(booking, _) => Made::Booking(booking.id.clone()),
                    _ => Made::Nothing,
                };
                self.records.insert(name, Record { said: act.said(), made });
                remember(&mut self.repeatable, (self.now, act.clone()));
            } else {
                self.doubtful.insert(name);
            }
        }
        news
    }

    fn take_news(&mut self, act: &Act, outcome: &Outcome) -> Option<Booking> {
        if let Outcome::Booked(booking, Some(token)) = outcome {
            self.manage_tokens.insert(booking.id.clone(), token.clone());
        }
        match (&act.op, outcome) {
            (Op::Hold(_), Outcome::Held(token)) => self.holds.push(token.clone()),
            (Op::Book(slot), Outcome::Booked(booking, _)) => {
                assert_eq!((booking.start, booking.length), (slot.start, slot.length));
                return self.learn(booking);
            }
            (Op::Confirm(token, notes), Outcome::Booked(booking, _)) => {
                if let Some((said, id)) = self.used.get(token.as_str()) {
                    assert_eq!((said, id), (notes, &booking.id), "one hold became two bookings");
                    self.learn(booking);
                    return None;
                }
                self.holds.retain(|held| held.as_str() != token.as_str());
                self.used.insert(token.as_str().to_owned(), (notes, booking.id.clone()));
                remember(&mut self.replays, token.clone());
                return self.learn(booking);
            }
            (Op::Release(token), Outcome::Done) => {
                self.holds.retain(|held| held.as_str() != token.as_str());
                remember(&mut self.gone, token.clone());
            }
            (Op::Step(..) | Op::Attend(_), Outcome::Booked(booking, _)) => {
                self.learn(booking);
            }
            (Op::Move(id, ..), Outcome::Booked(booking, _)) => {
                let start = self.bookings[id].start;
                return self.learn(booking).filter(|booking| booking.start != start);
            }
            (Op::Pull(host, day, bits), Outcome::Done) => {
                self.busy.insert((*host, *day), *bits);
            }
            _ => {}
        }
        None
    }

    /// Takes in a booking as it was told of; gives it if it is newer than what was known.
    pub(super) fn learn(&mut self, booking: &Booking) -> Option<Booking> {
        let known = self.bookings.get(&booking.id);
        if known.is_some_and(|known| known.version >= booking.version) {
            return None;
        }
        if known.is_none() {
            let is_asked = self.event_types[self.kind_of(&booking.event_type)].needs_confirmation;
            let status = if is_asked { BookingStatus::Pending } else { BookingStatus::Confirmed };
            // One that was made by a caller that is gone may have changed since.
            assert!(booking.version > 1 || booking.status == status, "{booking:?}");
        }
        self.bookings.insert(booking.id.clone(), booking.clone());
        if self.is_in_sight(booking) && booking.status.holds_cells() {
            self.live.insert(booking.id.clone());
        } else if self.live.remove(&booking.id) {
            remember(&mut self.ended, booking.id.clone());
        }
        Some(booking.clone())
    }

    pub(super) fn sees(&self, token: &HoldToken) -> bool {
        token.claimed().iter().all(|claimed| claimed.cells.day >= self.first_day())
    }

    pub(super) fn is_in_sight(&self, booking: &Booking) -> bool {
        booking.claimed.iter().any(|claimed| claimed.cells.day >= self.first_day())
    }

    /// The counters that an act reads or changes: of which event type, on which date.
    fn counters(&self, act: &Act) -> Vec<(usize, NaiveDate)> {
        let at = |event_type: usize, start: Tick| {
            self.event_types[event_type].max_per_day.map(|_| (event_type, date_of(start)))
        };
        let of = |id: &BookingId| {
            let booking = &self.bookings[id];
            at(self.kind_of(&booking.event_type), booking.start)
        };
        match &act.op {
            Op::Hold(slot) | Op::Book(slot) => Vec::from_iter(at(slot.event_type, slot.start)),
            Op::Confirm(token, _) => Vec::from_iter(at(self.kind_of(token.event_type()), token.slot().start)),
            Op::Step(id, _) | Op::Attend(id) => Vec::from_iter(of(id)),
            Op::Move(id, to, _) => {
                let there = at(self.kind_of(&self.bookings[id].event_type), *to);
                of(id).into_iter().chain(there).collect()
            }
            Op::Release(_) | Op::Pull(..) => Vec::new(),
        }
    }

    /// How many live bookings count on a date.
    pub(super) fn counted(&self, event_type: usize, date: NaiveDate) -> usize {
        let slug = &self.event_types[event_type].slug;
        let live = self.live.iter().map(|id| &self.bookings[id]);
        live.filter(|booking| booking.event_type == *slug && booking.counted_on == Some(date)).count()
    }

    fn full(&self, event_type: usize, start: Tick) -> bool {
        let most = self.event_types[event_type].max_per_day;
        most.is_some_and(|most| self.counted(event_type, date_of(start)) >= usize::from(most))
    }
}

/// Every schedule's zone is UTC.
fn date_of(start: Tick) -> NaiveDate {
    start.instant().date_naive()
}

/// Whether slots of this length begin here: on the interval and within the hours.
fn is_offered(start: Tick, length: Ticks) -> bool {
    let since_evening = (start.index() - NIGHT_STARTS).rem_euclid(288);
    since_evening % INTERVAL == 0 && since_evening + i64::from(length.count()) <= NIGHT_TICKS
}
