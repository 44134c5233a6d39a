//! Which answer an act must get, and what is known after it was answered.

use super::*;

/// What a request with a key came to.
#[derive(Debug)]
pub(super) struct Record {
    /// The request.
    request_text: String,
    /// Its result.
    made: Made,
}

/// The result of a request.
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
            return if record.request_text == act.request_text() { "ok" } else { "reused" };
        }
        let now = self.callers[act.caller].now();
        match &act.op {
            Op::Hold(slot) | Op::Book(slot) => self.expected_slot(slot, table, now),
            Op::Confirm(token, notes) => self.expected_confirm(token, notes, table, now),
            Op::Release(token) if is_held(token, table) => "ok",
            Op::Release(_) => "unknown",
            Op::Step(id, to, _) => {
                let booking = &self.bookings[id];
                match booking.status {
                    status if status == *to => "ok",
                    status if !status.may_become(*to) => "refused",
                    _ if *to == BookingStatus::Confirmed && now >= booking.start.instant() => "late",
                    _ => "ok",
                }
            }
            Op::Move(id, to, by) => self.expected_move(&self.bookings[id], *to, *by, table, now),
            Op::Expire(_) | Op::Pull(..) => "ok",
        }
    }

    fn expected_slot(&self, slot: &Slot, table: &Table, now: DateTime<Utc>) -> &'static str {
        let today = &self.offers[slot.offer].today;
        let hosts = self.hosts_today(slot.offer);
        if today.archived {
            "closed"
        } else if !today.lengths.contains(&slot.length) {
            "wrong length"
        } else if slot.start < Tick::ceil(now) {
            "past"
        } else if !is_offered(slot.start, slot.length) {
            "unoffered"
        } else if self.is_stale(&hosts) {
            "stale"
        } else if self.is_blocked(&self.cells_of_slot(slot, &hosts), table, now, &[]) {
            "taken"
        } else if self.is_full(slot.offer, hosts[0], slot.start) {
            "full"
        } else {
            "ok"
        }
    }

    fn expected_confirm(
        &self,
        token: &HoldToken,
        notes: &str,
        table: &Table,
        now: DateTime<Utc>,
    ) -> &'static str {
        if let Some((used, _)) = self.used.get(token.as_str()) {
            return if *used == notes { "ok" } else { "used" };
        }
        let offer = self.offer_at(token.event_type());
        let hosts = places_of(token.claim().hosts());
        if now >= token.expires_at() {
            "expired"
        } else if self.offers[offer].today.archived {
            "closed"
        } else if hosts != self.hosts_today(offer) || !is_held(token, table) {
            // What is held is no longer what the event type gives.
            "unknown"
        } else if self.is_full(offer, hosts[0], token.slot().start) {
            "full"
        } else if self.is_stale(&hosts) {
            "stale"
        } else if self.is_busy(&cells_of_claim(token.claim())) {
            "taken"
        } else {
            "ok"
        }
    }

    /// A booking moves by what was agreed: with its own hosts and buffers, whatever its event type is by now.
    fn expected_move(
        &self,
        booking: &Booking,
        to: NewTime,
        by: By,
        table: &Table,
        now: DateTime<Utc>,
    ) -> &'static str {
        let (hosts, slot) = (&self.agreed_hosts[&booking.id], self.moved_slot(booking, to));
        let cells = self.cells_of_slot(&slot, hosts);
        let longest = i64::from(Ticks::LONGEST_CLAIM.count()) * i64::try_from(hosts.len()).unwrap();
        let counters = self.counters_of(slot.offer, hosts[0], slot.start);
        let counts_there = counters.iter().all(|counter| booking.counters.contains(counter));
        let is_guest = by == By::Guest;
        let is_behind = if is_guest { slot.start < Tick::ceil(now) } else { slot.start.instant() <= now };
        if is_settled(booking, to) {
            "ok"
        } else if !matches!(booking.status, BookingStatus::Pending | BookingStatus::Confirmed) {
            "refused"
        } else if now >= booking.start.instant() {
            "late"
        } else if i64::try_from(cells.len()).unwrap() > longest {
            "wrong length"
        } else if is_behind {
            "past"
        } else if is_guest && !is_offered(slot.start, slot.length) {
            "unoffered"
        } else if self.is_stale(hosts) {
            "stale"
        } else if self.is_blocked(&cells, table, now, &cells_of_claim(&booking.claim)) {
            "taken"
        } else if !counts_there && self.is_full(slot.offer, hosts[0], slot.start) {
            "full"
        } else {
            "ok"
        }
    }

    /// The slot that a booking has after a move.
    pub(super) fn moved_slot(&self, booking: &Booking, to: NewTime) -> Slot {
        let offer = self.offer_at(&booking.event_type);
        Slot { offer, start: to.start, length: to.length.unwrap_or(booking.length) }
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
        let mine: HashSet<Cell> = self.cells(act).into_iter().collect();
        let counters = self.counters(act);
        acts.iter().enumerate().filter(|(other, _)| *other != at).any(|(_, other)| {
            let meets = || self.cells(other).iter().any(|cell| mine.contains(cell));
            let counts = || {
                !matches!(other.op, Op::Hold(_) | Op::Release(_))
                    && self.counters(other).iter().any(|counter| counters.contains(counter))
            };
            // The pull that makes a calendar known again.
            let refreshes = || {
                matches!(&other.op, Op::Pull(host, ..) if self.stale.contains(host)
                    && mine.iter().any(|(mine, _)| mine == host))
            };
            let is_same_booking = act.booking().is_some() && act.booking() == other.booking();
            let is_same_key = act.name().is_some() && act.name() == other.name();
            is_same_key
                || is_same_booking
                || match &act.op {
                    Op::Hold(_) | Op::Book(_) | Op::Move(..) => meets() || counts() || refreshes(),
                    Op::Confirm(token, _) | Op::Release(token) => {
                        let is_same = other.token().is_some_and(|other| other.as_str() == token.as_str());
                        let may_be_taken_over = token.expires_at() <= self.latest;
                        is_same
                            || (meets() && (may_be_taken_over || matches!(other.op, Op::Pull(..))))
                            || (matches!(act.op, Op::Confirm(..)) && (counts() || refreshes()))
                    }
                    Op::Step(..) | Op::Expire(_) | Op::Pull(..) => false,
                }
        })
    }

    /// Whether an act may be answered like this beside the others. What another one cannot bring about needs its cause in
    /// what was known before: event types are changed between rounds alone, calendars become unknown between rounds
    /// alone, and a pull of the round can only end that.
    pub(super) fn may_answer(&self, at: usize, acts: &[Act], expected: &str, word: &str) -> bool {
        let act = &acts[at];
        let others = || acts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other);
        let is_of_same = |other: &Act| {
            let token = |act: &Act| act.token().map(|token| token.as_str().to_owned());
            (act.name().is_some() && act.name() == other.name())
                || (act.booking().is_some() && act.booking() == other.booking())
                || (act.token().is_some() && token(act) == token(other))
        };
        let is_alone = !others().any(is_of_same);
        let hosts = self.hosts(act);
        let is_pulled =
            |host: &usize| others().any(|other| matches!(&other.op, Op::Pull(of, ..) if of == host));
        let stays_stale = hosts.iter().any(|host| self.stale.contains(host) && !is_pulled(host));
        let is_closed = match &act.op {
            Op::Hold(slot) | Op::Book(slot) => self.offers[slot.offer].today.archived,
            Op::Confirm(token, _) => self.offers[self.offer_at(token.event_type())].today.archived,
            _ => false,
        };
        let has_cause = match word {
            "closed" => is_closed,
            "stale" => self.is_stale(&hosts),
            // By the act's own clock and words, and what it is about.
            "wrong length" | "past" | "unoffered" | "late" | "expired" => expected == word || !is_alone,
            "ok" if is_alone => {
                let is_new = !matches!(act.op, Op::Release(_) | Op::Step(..) | Op::Expire(_) | Op::Pull(..));
                !(is_new && expected != "ok" && (stays_stale || is_closed))
            }
            _ => true,
        };
        let is_decided =
            ["closed", "wrong length", "past", "unoffered", "late", "expired"].contains(&expected);
        act.allows(word) && has_cause && (word == expected || !(is_decided && is_alone))
    }

    /// Whether an answer of "ok" means that this very act has left its record. An act that finds everything as it
    /// wants it, by the work of another, writes nothing, and its key stays good for something else.
    pub(super) fn would_record(&self, at: usize, acts: &[Act]) -> bool {
        let act = &acts[at];
        let others = || acts.iter().filter(|other| other.name() != act.name());
        match &act.op {
            Op::Confirm(token, _) => !self.used.contains_key(token.as_str())
                && !others().any(
                    |other| matches!(&other.op, Op::Confirm(theirs, _) if theirs.as_str() == token.as_str()),
                ),
            Op::Move(id, to, _) => {
                !is_settled(&self.bookings[id], *to)
                    && !others().any(|other| matches!(&other.op, Op::Move(theirs, ..) if theirs == id))
            }
            _ => true,
        }
    }

    /// Whether this gets as far as a write.
    pub(super) fn writes(&self, act: &Act) -> bool {
        let is_settled = match &act.op {
            Op::Confirm(token, _) => self.used.contains_key(token.as_str()),
            Op::Step(id, to, _) => self.bookings[id].status == *to,
            Op::Move(id, to, _) => is_settled(&self.bookings[id], *to),
            Op::Expire(id) => !self.bookings[id].is_unanswered(self.callers[act.caller].now()),
            Op::Hold(_) | Op::Book(_) | Op::Release(_) => false,
            Op::Pull(..) => true,
        };
        !is_settled && self.record(act).is_none() && self.expected(act, &self.table) == "ok"
    }

    /// What was done under the act's key before.
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
            if record.request_text != act.request_text() {
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
                self.learn(booking, None);
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
                self.records.insert(name, Record { request_text: act.request_text(), made });
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
            (Op::Hold(slot), Outcome::Held(token)) => {
                let hosts = places_of(token.claim().hosts());
                assert_eq!(token.slot(), Span::new(slot.start, slot.start + slot.length));
                assert_eq!(cells_of_claim(token.claim()), self.cells_of_slot(slot, &hosts), "{act:?}");
                self.holds.push(token.clone());
            }
            (Op::Book(slot), Outcome::Booked(booking, _)) => {
                assert_eq!((booking.start, booking.length), (slot.start, slot.length));
                return self.learn(booking, None);
            }
            (Op::Confirm(token, notes), Outcome::Booked(booking, _)) => {
                if let Some((used, id)) = self.used.get(token.as_str()) {
                    assert_eq!((used, id), (notes, &booking.id), "one hold became two bookings");
                    self.learn(booking, None);
                    return None;
                }
                self.holds.retain(|held| held.as_str() != token.as_str());
                self.used.insert(token.as_str().to_owned(), (notes, booking.id.clone()));
                remember(&mut self.replays, token.clone());
                return self.learn(booking, Some(places_of(token.claim().hosts())));
            }
            (Op::Release(token), Outcome::Done) => {
                self.holds.retain(|held| held.as_str() != token.as_str());
                remember(&mut self.gone, token.clone());
            }
            (Op::Step(..) | Op::Expire(_), Outcome::Booked(booking, _)) => {
                self.learn(booking, None);
            }
            (Op::Move(id, ..), Outcome::Booked(booking, _)) => {
                let span = self.bookings[id].span();
                return self.learn(booking, None).filter(|booking| booking.span() != span);
            }
            (Op::Pull(host, day, bits), Outcome::Done) => {
                self.busy.insert((*host, *day), *bits);
                if self.stale.remove(host) {
                    self.story.count("calendar known again");
                }
            }
            _ => {}
        }
        None
    }

    /// Takes in a booking as it was told of; gives it if it is newer than what was known. A new one is served by `hosts`,
    /// or by those of its event type.
    pub(super) fn learn(&mut self, booking: &Booking, hosts: Option<Vec<usize>>) -> Option<Booking> {
        let known = self.bookings.get(&booking.id);
        if known.is_some_and(|known| known.version >= booking.version) {
            return None;
        }
        let offer = self.offer_at(&booking.event_type);
        if let Some(known) = known {
            for counter in &known.counters {
                self.counted.get_mut(counter).expect("a counter").remove(&booking.id);
            }
        } else {
            let is_asked = self.offers[offer].original.needs_confirmation;
            let status = if is_asked { BookingStatus::Pending } else { BookingStatus::Confirmed };
            // One that was made by a caller that is gone may have changed since.
            assert!(booking.version > 1 || booking.status == status, "{booking:?}");
            let hosts = hosts.unwrap_or_else(|| self.hosts_today(offer));
            self.agreed_hosts.insert(booking.id.clone(), hosts);
        }
        self.assert_as_agreed(booking, offer);
        for counter in &booking.counters {
            self.counted.entry(counter.clone()).or_default().insert(booking.id.clone());
        }
        self.bookings.insert(booking.id.clone(), booking.clone());
        if self.is_in_sight(booking) && booking.status.holds_cells() {
            self.live.insert(booking.id.clone());
        } else if self.live.remove(&booking.id) {
            remember(&mut self.ended, booking.id.clone());
        }
        Some(booking.clone())
    }

    /// A booking takes what its slot takes of each of its hosts, counts on its organizer's date while it is live, and
    /// knows its organizer's name and zone.
    fn assert_as_agreed(&self, booking: &Booking, offer: usize) {
        let hosts = &self.agreed_hosts[&booking.id];
        let slot = Slot { offer, start: booking.start, length: booking.length };
        assert_eq!(cells_of_claim(&booking.claim), self.cells_of_slot(&slot, hosts), "{booking:?}");
        let is_counted = booking.status.holds_cells();
        let counters = if is_counted { self.counters_of(offer, hosts[0], booking.start) } else { Vec::new() };
        assert_eq!(booking.counters, counters, "{booking:?}");
        let terms = &booking.terms;
        assert_eq!((terms.time_zone, terms.host_name.is_empty()), (zone_of(hosts[0]), false), "{booking:?}");
    }

    /// Whether all that a hold holds lies on days that are looked at.
    pub(super) fn sees(&self, token: &HoldToken) -> bool {
        token.claim().pieces().all(|(_, cells)| cells.day >= self.first_day())
    }

    /// Whether a booking has cells on days that are looked at.
    pub(super) fn is_in_sight(&self, booking: &Booking) -> bool {
        booking.claim.pieces().any(|(_, cells)| cells.day >= self.first_day())
    }

    /// The counters towards which a booking of an event type counts when this host organises it: one, if there is a
    /// daily limit, of the organizer's local date.
    pub(super) fn counters_of(&self, offer: usize, organizer: usize, start: Tick) -> Vec<Counter> {
        let original = &self.offers[offer].original;
        let counter = Counter::EventTypeDay {
            host: self.integrations[organizer].host.clone(),
            event_type: original.slug.clone(),
            date: date_of(organizer, start),
        };
        original.max_per_day.map(|_| counter).into_iter().collect()
    }

    /// The counters that an act reads or changes.
    fn counters(&self, act: &Act) -> Vec<Counter> {
        match &act.op {
            Op::Hold(slot) | Op::Book(slot) => {
                self.counters_of(slot.offer, self.hosts_today(slot.offer)[0], slot.start)
            }
            Op::Confirm(token, _) => {
                let organizer = host_at(token.claim().organizer().expect("a host"));
                self.counters_of(self.offer_at(token.event_type()), organizer, token.slot().start)
            }
            Op::Step(id, ..) | Op::Expire(id) => self.bookings[id].counters.clone(),
            Op::Move(id, to, _) => {
                let booking = &self.bookings[id];
                let organizer = self.agreed_hosts[id][0];
                let mut counters = self.counters_of(self.offer_at(&booking.event_type), organizer, to.start);
                counters.extend(booking.counters.iter().cloned());
                counters
            }
            Op::Release(_) | Op::Pull(..) => Vec::new(),
        }
    }

    /// How many live bookings count towards a counter.
    pub(super) fn count_of(&self, counter: &Counter) -> usize {
        self.counted.get(counter).map_or(0, BTreeSet::len)
    }

    /// Whether the limit of one of these counters is reached.
    pub(super) fn are_full(&self, counters: &[Counter]) -> bool {
        counters.iter().any(|counter| {
            let Counter::EventTypeDay { event_type, .. } = counter;
            let most = self.offers[self.offer_at(event_type)].original.max_per_day;
            most.is_some_and(|most| self.count_of(counter) >= usize::from(most))
        })
    }

    fn is_full(&self, offer: usize, organizer: usize, start: Tick) -> bool {
        self.are_full(&self.counters_of(offer, organizer, start))
    }

    fn is_stale(&self, hosts: &[usize]) -> bool {
        hosts.iter().any(|host| self.stale.contains(host))
    }
}

/// Whether a booking stands where a move wants it.
fn is_settled(booking: &Booking, to: NewTime) -> bool {
    booking.start == to.start && booking.length == to.length.unwrap_or(booking.length)
}

/// Whether slots of this length begin here: on the interval and within the hours, which are the same for all hosts.
fn is_offered(start: Tick, length: Ticks) -> bool {
    let since_evening = (start.index() - NIGHT_STARTS).rem_euclid(288);
    since_evening % INTERVAL == 0 && since_evening + i64::from(length.count()) <= NIGHT_TICKS
}
