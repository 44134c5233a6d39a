//! Choosing what is done next.

use super::*;

impl World {
    /// Several things to do at about the same time of the same night, so that they meet. While a write is delayed, it
    /// is often its time: what it was decided on is no longer so when it lands.
    pub(super) fn choose(&mut self, many: usize) -> Vec<Act> {
        // Any of its cells: if it were always the first, all would drift to where the evening begins.
        let delayed = self.delayed.as_ref().map(|delayed| delayed.cells.clone()).unwrap_or_default();
        let (host, night, around) = match self.rng.choice(delayed) {
            Some((host, tick)) if self.rng.bool() => {
                let since_evening = tick - NIGHT_STARTS;
                (host, Tick::from_index(since_evening).day(), since_evening.rem_euclid(288))
            }
            _ => {
                let today = Tick::floor(self.now).day();
                let night = if self.rng.bool() { today } else { today.next() };
                (self.rng.usize(..HOSTS.len()), night, self.rng.i64(0..NIGHT_TICKS))
            }
        };
        let mut acts: Vec<Act> = Vec::new();
        let mut pulls = false;
        while acts.len() < many {
            let keyed = acts.iter().rfind(|act| act.key.is_some()).cloned();
            // Somebody sends the same once more while the first is under way, now and then with something changed.
            let act = if let Some(act) = keyed.filter(|_| self.rng.u8(..3) == 0) {
                self.again(act, 4)
            } else {
                let caller = self.rng.usize(..CALLERS);
                let op = self.choose_op(host, night, around, &acts);
                let key = self.choose_key(&op);
                self.repeat_delayed().unwrap_or(Act { caller, op, key })
            };
            // Of two pulls at once one finds the lease taken.
            if matches!(act.op, Op::Pull(..)) && std::mem::replace(&mut pulls, true) {
                continue;
            }
            acts.push(act);
        }
        // One who repeats what was done long ago.
        if self.rng.u8(..12) == 0
            && let Some((_, act)) = self.rng.choice(&self.repeatable).cloned()
        {
            acts.pop();
            let act = self.again(act, 3);
            acts.push(act);
        }
        acts
    }

    /// The same request by whomever; one time in so many with another body.
    fn again(&mut self, act: Act, other: u8) -> Act {
        let caller = self.rng.usize(..CALLERS);
        if self.rng.u8(..other) > 0 {
            return Act { caller, ..act };
        }
        let later = Ticks::from_minutes(15).unwrap();
        let op = match act.op {
            Op::Hold(slot) => Op::Hold(Slot { start: slot.start + later, ..slot }),
            Op::Book(slot) => Op::Book(Slot { start: slot.start + later, ..slot }),
            Op::Confirm(token, "words") => Op::Confirm(token, "other words"),
            Op::Confirm(token, _) => Op::Confirm(token, "words"),
            Op::Release(token) => Op::Release(self.rng.choice(&self.holds).cloned().unwrap_or(token)),
            Op::Move(id, to, by) => Op::Move(id, NewTime { start: to.start + later, ..to }, by),
            op => op,
        };
        Act { caller, op, key: act.key }
    }

    /// The caller whose write is delayed has given up waiting and sends it again.
    fn repeat_delayed(&mut self) -> Option<Act> {
        let act = self.delayed.as_ref().map(|delayed| delayed.act.clone())?;
        act.name().filter(|name| !self.doubtful.contains(name))?;
        (self.rng.u8(..10) == 0).then(|| self.again(act, 6))
    }

    fn choose_key(&mut self, op: &Op) -> Option<String> {
        match op {
            Op::Step(..) | Op::Expire(_) | Op::Pull(..) => return None,
            _ if self.rng.u8(..3) > 0 => return None,
            _ if self.rng.u8(..6) == 0 && !self.unused.is_empty() => return self.unused.pop_front(),
            _ => {}
        }
        self.keys_made += 1;
        Some(format!("attempt-number-{:08}", self.keys_made))
    }

    fn choose_op(&mut self, host: usize, night: Day, around: i64, others: &[Act]) -> Op {
        // Now and then the very hold or booking that somebody else is busy with.
        let contested = others.iter().find_map(Act::token).cloned().filter(|_| self.rng.bool());
        let fought_over = others.iter().find_map(Act::booking).cloned().filter(|_| self.rng.bool());
        let notes = if self.rng.u8(..8) == 0 { "other words" } else { "words" };
        match self.rng.u32(..100) {
            0..15 => Op::Hold(self.slot(host, night, around)),
            15..28 => Op::Book(self.slot(host, night, around)),
            28..43 => match contested.or_else(|| self.any_hold()) {
                Some(token) => Op::Confirm(token, notes),
                None if self.rng.bool() => Op::Book(self.slot(host, night, around)),
                None => Op::Hold(self.slot(host, night, around)),
            },
            43..47 => match contested.or_else(|| self.any_hold()) {
                Some(token) => Op::Release(token),
                None => Op::Book(self.slot(host, night, around)),
            },
            47..50 => match self.rng.choice(&self.replays).cloned() {
                Some(token) => Op::Confirm(token, notes),
                None => Op::Book(self.slot(host, night, around)),
            },
            50..53 => match self.any_gone() {
                Some(token) if self.rng.bool() => Op::Confirm(token, notes),
                Some(token) => Op::Release(token),
                None => Op::Book(self.slot(host, night, around)),
            },
            53..60 => match fought_over.or_else(|| self.any_cancellable()) {
                Some(id) => self.step_of(id, BookingStatus::Cancelled),
                None => Op::Book(self.slot(host, night, around)),
            },
            60..67 => match fought_over.or_else(|| self.any_pending()) {
                Some(id) if self.rng.bool() => self.step_of(id, BookingStatus::Confirmed),
                Some(id) => self.step_of(id, BookingStatus::Declined),
                None => Op::Book(self.slot(host, night, around)),
            },
            67..71 => match fought_over.or_else(|| self.any_overdue()) {
                Some(id) => Op::Expire(id),
                None => Op::Book(self.slot(host, night, around)),
            },
            71..90 => match fought_over.or_else(|| self.any_movable()) {
                Some(id) => self.shift(id, night, around),
                None => Op::Book(self.slot(host, night, around)),
            },
            _ => self.pull_of(host, night, around),
        }
    }

    /// A pull that finds a host busy near this time, or where somebody holds a slot.
    fn pull_of(&mut self, host: usize, night: Day, around: i64) -> Op {
        let near = (around + self.rng.i64(-6..=6)).clamp(0, NIGHT_TICKS - 1);
        let near = (host, night.start().index() + NIGHT_STARTS + near);
        let held = self.rng.choice(&self.holds).map(|token| cells_of_claim(token.claim()));
        let held = self.rng.choice(held.unwrap_or_default()).filter(|_| self.rng.u8(..4) > 0);
        let (host, near) = held.unwrap_or(near);
        // Often a host whose calendar is not known.
        let host = self.stale.first().copied().filter(|_| self.rng.u8(..3) == 0).unwrap_or(host);
        let near = Tick::from_index(near);
        let mut bits = DayBits::EMPTY;
        for _ in 0..self.rng.u8(u8::from(held.is_some())..=2) {
            let (early, late) = (self.rng.u16(..48), self.rng.u16(240..288));
            let from = self.rng.choice([near.cell(), near.cell(), early, late]).unwrap();
            bits.set(from, from + self.rng.u16(1..8));
        }
        Op::Pull(host, near.day(), bits)
    }

    /// A slot of an event type that this host serves. Its length may have been dropped meanwhile.
    fn slot(&mut self, host: usize, night: Day, around: i64) -> Slot {
        let offer = self.choose_offer(host);
        let lengths = self.offers[offer].original.lengths.clone();
        let length = self.rng.choice(lengths).unwrap();
        let mut start = self.start(length, night, around);
        // Beside a booking that counts, where its day may be full.
        if self.offers[offer].original.max_per_day.is_some() && self.rng.bool() {
            let counted = self.any_live(|world, booking| world.offer_at(&booking.event_type) == offer);
            let beside =
                counted.map(|id| self.bookings[&id].start.index() + INTERVAL * self.rng.i64(-12..=12));
            let since_evening = beside.map_or(0, |beside| (beside - NIGHT_STARTS).rem_euclid(288));
            let fits =
                since_evening % INTERVAL == 0 && since_evening + i64::from(length.count()) <= NIGHT_TICKS;
            let beside = beside.map(Tick::from_index).filter(|beside| fits && self.lies_ahead(*beside));
            start = beside.unwrap_or(start);
        }
        Slot { offer, start, length }
    }

    /// A start that is offered, ahead of every clock.
    pub(super) fn start(&mut self, length: Ticks, night: Day, around: i64) -> Tick {
        let last = (NIGHT_TICKS - i64::from(length.count())).max(0);
        // Not always where everybody is: there would be no room for more than a few.
        let near = if self.rng.u8(..4) == 0 { self.rng.i64(0..=last) } else { around + self.rng.i64(-9..=6) };
        let at = near.clamp(0, last) / INTERVAL * INTERVAL;
        let start = Tick::from_index(night.start().index() + NIGHT_STARTS + at);
        if self.lies_ahead(start) { start } else { Tick::from_index(start.index() + 288) }
    }

    fn lies_ahead(&self, start: Tick) -> bool {
        start.instant() >= self.now + TimeDelta::minutes(10)
    }

    /// A change of a booking's status by an admin or by one of its hosts.
    pub(super) fn step_of(&mut self, id: BookingId, to: BookingStatus) -> Op {
        let by = self.staff(&id);
        Op::Step(id, to, by)
    }

    /// An admin, or one of the hosts of a booking.
    fn staff(&mut self, id: &BookingId) -> By {
        let host = self.rng.choice(&self.agreed_hosts[id]).copied();
        host.filter(|_| self.rng.bool()).map_or(By::Admin, By::Host)
    }

    /// A booking to another time: to where everybody is, or a little aside, over some of its own cells. Staff also
    /// to where no slot is offered, and for longer or shorter; a guest tries the first in vain.
    fn shift(&mut self, id: BookingId, night: Day, around: i64) -> Op {
        let Booking { start, length, counters, event_type, .. } = self.bookings[&id].clone();
        let is_guest = self.manage_tokens.contains_key(&id) && self.rng.bool();
        let by = if is_guest { By::Guest } else { self.staff(&id) };
        let new_length = (!is_guest && self.rng.bool()).then(|| self.other_length(length));
        let mut to = self.start(new_length.unwrap_or(length), night, around);
        if self.rng.u8(..3) == 0 {
            let aside = Tick::from_index(start.index() + INTERVAL * self.rng.i64(-3..=3));
            let since_evening = (aside.index() - NIGHT_STARTS).rem_euclid(288);
            if self.lies_ahead(aside) && since_evening + i64::from(length.count()) <= NIGHT_TICKS {
                to = aside;
            }
        }
        // What counts towards a limit, often to the same hour of a date that is full.
        if !counters.is_empty() && self.rng.u8(..4) > 0 {
            let is_other = |world: &Self, booking: &Booking| {
                let is_of_other_day = booking.start.day() != start.day();
                is_of_other_day && booking.event_type == event_type && world.are_full(&booking.counters)
            };
            let other = self.any_live(is_other).map(|id| self.bookings[&id].start.day());
            let days = other.map_or(1, |day| i64::from(day.index() - start.day().index()));
            let there = Tick::from_index(start.index() + 288 * days);
            if self.lies_ahead(there) && there.day().start().instant() < self.now + TimeDelta::days(2) {
                to = there;
            }
        }
        if self.rng.u8(..if is_guest { 8 } else { 3 }) == 0 {
            to = Tick::from_index(to.index() + self.rng.i64(0..20));
        }
        // Only the end moves.
        if new_length.is_some() && self.rng.bool() {
            to = start;
        }
        Op::Move(id, NewTime { start: to, length: new_length }, by)
    }

    /// A length on the grid near this one; seldom any, or one for which no claim is long enough.
    fn other_length(&mut self, length: Ticks) -> Ticks {
        let longest = i64::from(Ticks::LONGEST_CLAIM.count());
        let count = match self.rng.u8(..20) {
            0 => self.rng.i64(1..=longest),
            1 => longest + self.rng.i64(1..=6),
            2..10 => i64::from(length.count()) + self.rng.i64(1..=12),
            _ => i64::from(length.count()) - self.rng.i64(1..=12),
        };
        // One that has become longer than the hours is made short again.
        let count = if i64::from(length.count()) > NIGHT_TICKS / 2 { self.rng.i64(6..12) } else { count };
        Ticks::from_minutes(count.max(1) * 5).unwrap()
    }

    /// A hold of ours; often the one whose confirmation or release is delayed, or one that cannot be confirmed:
    /// its event type was changed, or a calendar is busy or not known any more.
    fn any_hold(&mut self) -> Option<HoldToken> {
        let delayed = self.delayed.as_ref().and_then(|delayed| delayed.act.token());
        let is_held = |token: &&HoldToken| self.holds.iter().any(|held| held.as_str() == token.as_str());
        let is_doomed = |token: &&HoldToken| {
            let is_stale = token.claim().hosts().any(|host| self.stale.contains(&host_at(host)));
            let is_edited = self.offers[self.offer_at(token.event_type())].is_edited();
            is_stale || is_edited || self.is_busy(&cells_of_claim(token.claim()))
        };
        let doomed: Vec<_> = self.holds.iter().filter(is_doomed).cloned().collect();
        match (delayed.filter(is_held).cloned(), self.rng.choice(doomed)) {
            (Some(token), _) if self.rng.u8(..3) == 0 => Some(token),
            (_, Some(token)) if self.rng.bool() => Some(token),
            _ => self.rng.choice(&self.holds).cloned(),
        }
    }

    /// A hold that was released or has expired, often the last one.
    fn any_gone(&mut self) -> Option<HoldToken> {
        let last = self.gone.back().cloned();
        last.filter(|_| self.rng.bool()).or_else(|| self.rng.choice(&self.gone).cloned())
    }

    /// A live booking, seldom one that has ended; often the one whose change is delayed, or one whose event type was
    /// changed.
    fn any_booking(&mut self) -> Option<BookingId> {
        match self.delayed.as_ref().and_then(|delayed| delayed.act.booking()) {
            Some(id) if self.rng.u8(..3) == 0 => Some(id.clone()),
            _ if self.rng.u8(..20) == 0 => self.rng.choice(&self.ended).cloned(),
            _ if self.rng.u8(..6) == 0 => self.any_live(Self::is_edited),
            _ => self.rng.choice(&self.live).cloned(),
        }
    }

    /// A booking to be cancelled: seldom one that counts towards a limit, or no limit would ever be reached.
    fn any_cancellable(&mut self) -> Option<BookingId> {
        let uncounted = self.any_live(|_, booking| booking.counters.is_empty());
        uncounted.filter(|_| self.rng.bool()).or_else(|| self.any_booking())
    }

    /// A booking to be moved: often one that counts towards a limit.
    fn any_movable(&mut self) -> Option<BookingId> {
        let counted = self.any_live(|_, booking| !booking.counters.is_empty());
        counted.filter(|_| self.rng.bool()).or_else(|| self.any_booking())
    }

    /// One that waits for the host, often of an event type that was changed; seldom any other.
    fn any_pending(&mut self) -> Option<BookingId> {
        let is_pending = |booking: &Booking| booking.status == BookingStatus::Pending;
        let edited = self.any_live(|world, booking| is_pending(booking) && world.is_edited(booking));
        let pending = self.any_live(|_, booking| is_pending(booking));
        match (edited, pending) {
            (Some(id), _) if self.rng.u8(..4) > 0 => Some(id),
            (_, Some(id)) if self.rng.u8(..6) > 0 => Some(id),
            _ => self.any_booking(),
        }
    }

    /// One that nobody has answered in time, if there is one.
    fn any_overdue(&mut self) -> Option<BookingId> {
        let overdue = self.any_live(|world, booking| booking.is_unanswered(world.now));
        overdue.filter(|_| self.rng.u8(..4) > 0).or_else(|| self.any_pending())
    }

    /// A live booking like this, if there is one.
    pub(super) fn any_live(&mut self, is_wanted: impl Fn(&Self, &Booking) -> bool) -> Option<BookingId> {
        let live = self.live.iter().filter(|id| is_wanted(self, &self.bookings[*id]));
        let wanted: Vec<_> = live.cloned().collect();
        self.rng.choice(wanted)
    }
}
