//! Choosing what is done next.

use super::*;

impl World {
    /// Several things to do at about the same time of the same night, so that they meet. While a write is late, it
    /// is often its time: what it was decided on is no longer so when it lands.
    pub(super) fn choose(&mut self, many: usize) -> Vec<Act> {
        // Any of its cells: always the first, and all would drift to where the evening begins.
        let late = self.late.as_ref().map(|late| self.ticks(&late.act)).unwrap_or_default();
        let late = self.rng.choice(late);
        let (host, night, around) = match late {
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
                self.late_again().unwrap_or(Act { caller, op, key })
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
            Op::Move(id, to, by) => Op::Move(id, to + later, by),
            op => op,
        };
        Act { caller, op, key: act.key }
    }

    /// The caller whose write is late has given up waiting and sends it again.
    fn late_again(&mut self) -> Option<Act> {
        let act = self.late.as_ref().map(|late| late.act.clone())?;
        act.name().filter(|name| !self.doubtful.contains(name))?;
        (self.rng.u8(..10) == 0).then(|| self.again(act, 6))
    }

    fn choose_key(&mut self, op: &Op) -> Option<String> {
        match op {
            Op::Step(..) | Op::Attend(_) | Op::Pull(..) => return None,
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
            0..16 => Op::Hold(self.slot(host, night, around)),
            16..28 => Op::Book(self.slot(host, night, around)),
            28..43 => match contested.or_else(|| self.any_hold()) {
                Some(token) => Op::Confirm(token, notes),
                None => Op::Hold(self.slot(host, night, around)),
            },
            43..47 => match contested.or_else(|| self.any_hold()) {
                Some(token) => Op::Release(token),
                None => Op::Hold(self.slot(host, night, around)),
            },
            47..50 => match self.rng.choice(&self.replays).cloned() {
                Some(token) => Op::Confirm(token, notes),
                None => Op::Book(self.slot(host, night, around)),
            },
            50..53 => match self.rng.choice(&self.gone).cloned() {
                Some(token) if self.rng.bool() => Op::Confirm(token, notes),
                Some(token) => Op::Release(token),
                None => Op::Hold(self.slot(host, night, around)),
            },
            53..67 => match fought_over.or_else(|| self.any_booking()) {
                Some(id) => Op::Step(id, BookingStatus::Cancelled),
                None => Op::Book(self.slot(host, night, around)),
            },
            67..75 => match fought_over.or_else(|| self.any_pending()) {
                Some(id) if self.rng.bool() => Op::Step(id, BookingStatus::Confirmed),
                Some(id) => Op::Step(id, BookingStatus::Declined),
                None => Op::Book(self.slot(host, night, around)),
            },
            75..78 => match fought_over.or_else(|| self.any_pending()) {
                Some(id) => Op::Attend(id),
                None => Op::Book(self.slot(host, night, around)),
            },
            78..92 => match fought_over.or_else(|| self.any_booking()) {
                Some(id) => self.shift(id, night, around),
                None => Op::Book(self.slot(host, night, around)),
            },
            _ => {
                let near = (around + self.rng.i64(-6..=6)).clamp(0, NIGHT_TICKS - 1);
                let near = Tick::from_index(night.start().index() + NIGHT_STARTS + near);
                let mut bits = DayBits::EMPTY;
                for _ in 0..self.rng.u8(..=2) {
                    let (early, late) = (self.rng.u16(..48), self.rng.u16(240..288));
                    let from = self.rng.choice([near.cell(), near.cell(), early, late]).unwrap();
                    bits.set(from, from + self.rng.u16(1..8));
                }
                Op::Pull(host, near.day(), bits)
            }
        }
    }

    fn slot(&mut self, host: usize, night: Day, around: i64) -> Slot {
        // Long ones now and then, or there would be no room for others.
        let kind = if self.rng.u8(..12) == 0 { LONG } else { self.rng.choice(SHORT).unwrap() };
        let event_type = kind + KINDS * host;
        let lengths = self.event_types[event_type].lengths.clone();
        let length = self.rng.choice(lengths).unwrap();
        Slot { event_type, start: self.start(length, night, around), length }
    }

    /// A start that is offered, ahead of every clock.
    fn start(&mut self, length: Ticks, night: Day, around: i64) -> Tick {
        let last = NIGHT_TICKS - i64::from(length.count());
        // Not always where everybody is: there would be no room for more than a few.
        let near = if self.rng.u8(..4) == 0 { self.rng.i64(0..=last) } else { around + self.rng.i64(-9..=6) };
        let at = near.clamp(0, last) / INTERVAL * INTERVAL;
        let start = Tick::from_index(night.start().index() + NIGHT_STARTS + at);
        if self.lies_ahead(start) { start } else { Tick::from_index(start.index() + 288) }
    }

    fn lies_ahead(&self, start: Tick) -> bool {
        start.instant() >= self.now + TimeDelta::minutes(10)
    }

    /// A booking to another time: to where everybody is, or a little aside, over some of its own cells. Staff also
    /// to where no slot is offered; a guest tries that in vain.
    fn shift(&mut self, id: BookingId, night: Day, around: i64) -> Op {
        let Booking { start, length, .. } = self.bookings[&id];
        let by = if self.rng.bool() && self.manage_tokens.contains_key(&id) { By::Guest } else { By::Staff };
        let mut to = self.start(length, night, around);
        if self.rng.u8(..3) == 0 {
            let aside = Tick::from_index(start.index() + INTERVAL * self.rng.i64(-3..=3));
            let since_evening = (aside.index() - NIGHT_STARTS).rem_euclid(288);
            if self.lies_ahead(aside) && since_evening + i64::from(length.count()) <= NIGHT_TICKS {
                to = aside;
            }
        }
        // What counts towards a limit, often to the same hour of another date.
        if self.bookings[&id].counted_on.is_some() && self.rng.bool() {
            let (earlier, later) = (start.index() - 288, Tick::from_index(start.index() + 288));
            if self.lies_ahead(Tick::from_index(earlier)) {
                to = Tick::from_index(earlier);
            } else if start.day() <= self.first_day() && self.lies_ahead(later) {
                to = later;
            }
        }
        if self.rng.u8(..if by == By::Staff { 3 } else { 12 }) == 0 {
            to = Tick::from_index(to.index() + self.rng.i64(0..20));
        }
        Op::Move(id, to, by)
    }

    /// A hold of ours; often the one whose confirmation or release is late.
    fn any_hold(&mut self) -> Option<HoldToken> {
        let late = self.late.as_ref().and_then(|late| late.act.token());
        let late =
            late.filter(|token| self.holds.iter().any(|held| held.as_str() == token.as_str())).cloned();
        match late {
            Some(token) if self.rng.u8(..3) == 0 => Some(token),
            _ => self.rng.choice(&self.holds).cloned(),
        }
    }

    /// A live booking, seldom one that has ended; often the one whose change is late.
    fn any_booking(&mut self) -> Option<BookingId> {
        match self.late.as_ref().and_then(|late| late.act.booking()) {
            Some(id) if self.rng.u8(..3) == 0 => Some(id.clone()),
            _ if self.rng.u8(..20) == 0 => self.rng.choice(&self.ended).cloned(),
            _ => self.rng.choice(&self.live).cloned(),
        }
    }

    /// One that waits for the host; seldom any other.
    fn any_pending(&mut self) -> Option<BookingId> {
        let is_pending = |id: &&BookingId| self.bookings[*id].status == BookingStatus::Pending;
        let pending: Vec<_> = self.live.iter().filter(is_pending).cloned().collect();
        match self.rng.choice(pending) {
            Some(id) if self.rng.u8(..6) > 0 => Some(id),
            _ => self.any_booking(),
        }
    }
}
