//! Looking at the table, and what must be seen there.

use super::*;

impl World {
    /// What is stored of these hosts, strongly read; what is stored of the others as it was.
    pub(super) async fn read(&self, mut table: Table, hosts: &BTreeSet<usize>) -> Table {
        table.cells.retain(|(host, _), _| !hosts.contains(host));
        table.counts.retain(|(event_type, _), _| !hosts.contains(&(event_type / KINDS)));
        let store = &self.app.app().store;
        let (first, last) = (self.first_day(), Tick::floor(self.now + TimeDelta::days(3)).day());
        for host in hosts {
            let integration = &self.integrations[*host];
            let found = store.days_strong(&self.tenant, &integration.host, first, last).await.unwrap();
            for day in found.days {
                let bits = self.busy.get(&(*host, day.day)).copied().unwrap_or(DayBits::EMPTY);
                assert_eq!(day.busy_of(&integration.id), bits, "busy bits of {}", day.day);
                for (cell, claim) in day.claims {
                    table.cells.insert((*host, day.day.start().index() + i64::from(cell)), claim);
                }
            }
            let counts = found.counts.into_iter();
            table
                .counts
                .extend(counts.map(|count| ((self.kind_of(&count.event_type), count.date), count.bookings)));
        }
        table
    }

    pub(super) async fn stored(&self, id: &BookingId) -> Booking {
        self.app.stored(id.as_str()).await
    }

    /// Every cell has the owner that it should have.
    pub(super) fn check(&self, table: &Table) {
        let mut owners: HashMap<(usize, i64), &BookingId> = HashMap::new();
        for booking in self.live.iter().map(|id| &self.bookings[id]) {
            for cell in booking.claimed.iter().flat_map(|claimed| self.ticks_of(claimed)) {
                let other = owners.insert(cell, &booking.id);
                assert_eq!(other, None, "two bookings own {}", at(cell));
                if Tick::from_index(cell.1).day() >= self.first_day() {
                    assert_eq!(
                        table.cells.get(&cell),
                        Some(&Claim::BOOKED),
                        "{} lost {}",
                        booking.id,
                        at(cell)
                    );
                }
            }
        }
        let mut held: HashMap<(usize, i64), Claim> = HashMap::new();
        for token in &self.holds {
            for cell in token.claimed().iter().flat_map(|claimed| self.ticks_of(claimed)) {
                held.insert(cell, token.claim());
                if token.expires_at() > self.latest {
                    assert_eq!(table.cells.get(&cell), Some(&token.claim()), "a hold lost {}", at(cell));
                }
            }
        }
        for (cell, claim) in &table.cells {
            if *claim == Claim::BOOKED {
                assert!(owners.contains_key(cell), "{} belongs to no booking", at(*cell));
            } else if claim.is_alive(self.latest) {
                let is_known = held.get(cell) == Some(claim) || self.strays.contains(claim);
                assert!(is_known, "{} is held by nobody", at(*cell));
            }
        }
        self.check_counts(table);
    }

    /// Every counter says how many live bookings there are, and none more than the limit.
    fn check_counts(&self, table: &Table) {
        let mut counts = table.counts.clone();
        for booking in self.live.iter().map(|id| &self.bookings[id]) {
            let event_type = self.kind_of(&booking.event_type);
            let is_limited = self.event_types[event_type].max_per_day.is_some();
            let date = is_limited.then(|| booking.start.instant().date_naive());
            assert_eq!(booking.counted_on, date, "{booking:?}");
            // A date without a counter has none of them.
            counts.extend(
                date.filter(|date| Day::from(*date) >= self.first_day())
                    .filter(|date| !table.counts.contains_key(&(event_type, *date)))
                    .map(|date| ((event_type, date), 0)),
            );
        }
        for ((event_type, date), bookings) in counts {
            let of = &self.event_types[event_type].slug;
            let counted = i64::try_from(self.counted(event_type, date)).unwrap();
            assert_eq!(bookings, counted, "bookings of {of} on {date}");
            assert!(
                bookings <= i64::from(MAX_PER_DAY[event_type / KINDS]),
                "{bookings} bookings of {of} on {date}"
            );
        }
    }

    /// The booking is stored as it was last told of.
    pub(super) async fn check_booking(&self, id: &BookingId) {
        let (stored, known) = (self.stored(id).await, &self.bookings[id]);
        let essence = |booking: &Booking| {
            (booking.version, booking.status, booking.start, booking.claimed.clone(), booking.counted_on)
        };
        assert_eq!(essence(&stored), essence(known), "{id} is not as it was told");
    }

    /// Nothing was busy under it that was known before and still was afterwards.
    pub(super) fn assert_not_over_busy(&self, booking: &Booking, before: &HashMap<(usize, Day), DayBits>) {
        for claimed in &booking.claimed {
            let place = (self.host_of(claimed), claimed.cells.day);
            let bits =
                |of: &HashMap<(usize, Day), DayBits>, cell| of.get(&place).is_some_and(|bits| bits.get(cell));
            for cell in claimed.cells.from..claimed.cells.to {
                let was_busy = bits(before, cell) && bits(&self.busy, cell);
                assert!(!was_busy, "{} is over busy time in cell {cell} of {}", booking.id, place.1);
            }
        }
    }

    /// What is offered instead is free.
    pub(super) fn assert_free(&self, act: &Act, alternatives: &Alternatives, table: &Table) {
        assert!(
            matches!(act.op, Op::Confirm(..)) || !alternatives.0.is_empty(),
            "nothing is offered instead"
        );
        for span in &alternatives.0 {
            let op = match &act.op {
                Op::Hold(slot) | Op::Book(slot) => Op::Hold(Slot { start: span.start, ..*slot }),
                Op::Move(id, _, by) => Op::Move(id.clone(), span.start, *by),
                _ => return,
            };
            let act = Act { op, key: None, ..act.clone() };
            // Later days than are looked at here are not known to this test.
            if span.end.instant() < self.now + TimeDelta::days(3) {
                assert_eq!(self.expected(&act, table), "ok", "{span:?} is offered and not free");
            }
        }
    }

    /// Whether something is in the way on these cells, other than the booking that owns `own`.
    pub(super) fn is_blocked(
        &self,
        claimed: &Claimed,
        table: &Table,
        now: DateTime<Utc>,
        own: &[Claimed],
    ) -> bool {
        let own: HashSet<_> = own.iter().flat_map(|own| self.ticks_of(own)).collect();
        let is_taken = |cell: (usize, i64)| {
            !own.contains(&cell) && table.cells.get(&cell).is_some_and(|claim| claim.is_alive(now))
        };
        self.is_busy(claimed) || self.ticks_of(claimed).into_iter().any(is_taken)
    }

    pub(super) fn is_busy(&self, claimed: &Claimed) -> bool {
        let bits = self.busy.get(&(self.host_of(claimed), claimed.cells.day));
        bits.is_some_and(|bits| bits.any(claimed.cells.from, claimed.cells.to))
    }

    /// The cells that a slot takes.
    pub(super) fn claim(&self, slot: &Slot) -> Vec<Claimed> {
        let event_type = &self.event_types[slot.event_type];
        let cells = event_type.claim(slot.start, slot.length).by_day();
        cells.map(|cells| Claimed { host: event_type.host.clone(), cells }).collect()
    }

    /// The cells that an act is to own.
    pub(super) fn claims(&self, act: &Act) -> Vec<Claimed> {
        match &act.op {
            Op::Hold(slot) | Op::Book(slot) => self.claim(slot),
            Op::Confirm(token, _) => token.claimed().to_vec(),
            Op::Move(id, to, _) => {
                let Booking { event_type, length, .. } = &self.bookings[id];
                self.claim(&Slot { event_type: self.kind_of(event_type), start: *to, length: *length })
            }
            Op::Release(_) | Op::Step(..) | Op::Attend(_) | Op::Pull(..) => Vec::new(),
        }
    }

    /// The cells that an act is about.
    pub(super) fn cells(&self, act: &Act) -> impl Iterator<Item = Claimed> {
        let mut claimed = self.claims(act);
        match &act.op {
            Op::Hold(_) | Op::Book(_) | Op::Confirm(..) => {}
            Op::Release(token) => claimed.extend_from_slice(token.claimed()),
            Op::Step(id, _) | Op::Move(id, ..) | Op::Attend(id) => {
                claimed.extend(self.bookings[id].claimed.iter().filter(|_| self.live.contains(id)).cloned());
            }
            Op::Pull(host, day, bits) => {
                let old = self.busy.get(&(*host, *day)).copied().unwrap_or(DayBits::EMPTY);
                let changed = (0..Day::CELLS).filter(|cell| bits.get(*cell) != old.get(*cell));
                let host = &self.integrations[*host].host;
                claimed.extend(changed.map(|cell| Claimed {
                    host: host.clone(),
                    cells: Cells { day: *day, from: cell, to: cell + 1 },
                }));
            }
        }
        claimed.into_iter()
    }

    /// The hosts that an act is about.
    pub(super) fn hosts(&self, act: &Act) -> Vec<usize> {
        match &act.op {
            Op::Pull(host, ..) => vec![*host],
            _ => self.cells(act).map(|claimed| self.host_of(&claimed)).collect(),
        }
    }

    pub(super) fn ticks(&self, act: &Act) -> Vec<(usize, i64)> {
        self.cells(act).flat_map(|claimed| self.ticks_of(&claimed)).collect()
    }

    pub(super) fn ticks_of(&self, claimed: &Claimed) -> Vec<(usize, i64)> {
        let (host, span) = (self.host_of(claimed), claimed.cells.span());
        (span.start.index()..span.end.index()).map(|tick| (host, tick)).collect()
    }

    fn host_of(&self, claimed: &Claimed) -> usize {
        HOSTS.iter().position(|host| *host == claimed.host.as_str()).unwrap()
    }

    pub(super) fn kind_of(&self, slug: &EventTypeSlug) -> usize {
        self.event_types.iter().position(|event_type| event_type.slug == *slug).unwrap()
    }

    /// Today: what was before is over.
    pub(super) fn first_day(&self) -> Day {
        Tick::floor(self.now).day()
    }
}

pub(super) fn is_held(token: &HoldToken, table: &Table, world: &World) -> bool {
    let mut cells = token.claimed().iter().flat_map(|claimed| world.ticks_of(claimed));
    cells.all(|cell| table.cells.get(&cell) == Some(&token.claim()))
}

fn at((host, tick): (usize, i64)) -> String {
    format!("{} of {}", Tick::from_index(tick).instant(), HOSTS[host])
}
