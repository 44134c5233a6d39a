//! Looking at the table, and what must be found there.

use super::*;

/// A cell of a host: the host's place in [`HOSTS`], and the tick.
pub(super) type Cell = (usize, i64);

/// What is stored of the hosts' time.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Table {
    /// The number in each cell that has one.
    pub(super) cells: HashMap<Cell, CellOwner>,
    /// What the counters say.
    pub(super) counts: HashMap<Counter, i64>,
}

impl World {
    /// What is stored of these hosts, strongly read; what is stored of the others as it was.
    pub(super) async fn read(&self, mut table: Table, hosts: &BTreeSet<usize>) -> Table {
        table.cells.retain(|(host, _), _| !hosts.contains(host));
        table.counts.retain(|counter, _| !hosts.contains(&place_of(counter).0));
        let store = &self.app.app().store;
        let first = self.first_day();
        let (from, to) = self.seen_dates();
        for host in hosts {
            let integration = &self.integrations[*host];
            let read = store.days_strong(&self.tenant, &integration.host, Day::from(from), Day::from(to));
            let found = read.await.unwrap();
            for day in found.days.into_iter().filter(|day| day.day >= first) {
                let bits = self.busy.get(&(*host, day.day)).copied().unwrap_or(DayBits::EMPTY);
                assert_eq!(day.busy_of(&integration.id), bits, "busy bits of {}", day.day);
                for (cell, owner) in day.owners {
                    table.cells.insert((*host, day.day.start().index() + i64::from(cell)), owner);
                }
            }
            for Count { event_type, date, bookings } in found.counts {
                let counter = Counter::EventTypeDay { host: integration.host.clone(), event_type, date };
                table.counts.insert(counter, bookings);
            }
        }
        table
    }

    /// The dates whose days and counters are read: all that bookings may be moved to, and one more on both sides,
    /// because local dates differ from those of UTC. The second one is not included.
    fn seen_dates(&self) -> (NaiveDate, NaiveDate) {
        let today = self.now.date_naive();
        (today - chrono::Days::new(1), today + chrono::Days::new(6))
    }

    /// The booking as it is stored, with its agenda entries.
    pub(super) async fn stored(&self, id: &BookingId) -> BookingRecord {
        self.app.booking_record(id.as_str()).await
    }

    /// Every cell has the owner that it should have.
    pub(super) fn check(&self, table: &Table) {
        let mut owners: HashMap<Cell, &BookingId> = HashMap::new();
        for booking in self.live.iter().map(|id| &self.bookings[id]) {
            for cell in cells_of_claim(&booking.claim) {
                let other = owners.insert(cell, &booking.id);
                assert_eq!(other, None, "two bookings own {}", at(cell));
                if Tick::from_index(cell.1).day() >= self.first_day() {
                    let owner = table.cells.get(&cell);
                    assert_eq!(owner, Some(&CellOwner::BOOKED), "{} lost {}", booking.id, at(cell));
                }
            }
        }
        let mut held: HashMap<Cell, CellOwner> = HashMap::new();
        for token in &self.holds {
            for cell in cells_of_claim(token.claim()) {
                held.insert(cell, token.owner());
                if token.expires_at() > self.latest {
                    assert_eq!(table.cells.get(&cell), Some(&token.owner()), "a hold lost {}", at(cell));
                }
            }
        }
        for (cell, owner) in &table.cells {
            if *owner == CellOwner::BOOKED {
                assert!(owners.contains_key(cell), "{} belongs to no booking", at(*cell));
            } else if owner.is_alive(self.latest) {
                let is_known = held.get(cell) == Some(owner) || self.strays.contains(owner);
                assert!(is_known, "{} is held by nobody", at(*cell));
            }
        }
        self.check_counts(table);
    }

    /// Every counter says how many live bookings there are, and none more than the limit.
    fn check_counts(&self, table: &Table) {
        let (from, to) = self.seen_dates();
        let mut counts = table.counts.clone();
        // A date without a counter has none of them.
        let known = self.counted.keys().filter(|counter| (from..to).contains(&place_of(counter).1));
        for counter in known {
            counts.entry(counter.clone()).or_default();
        }
        for (counter, bookings) in counts {
            let Counter::EventTypeDay { event_type, .. } = &counter;
            let most = self.offers[self.offer_at(event_type)].original.max_per_day;
            let counted = i64::try_from(self.count_of(&counter)).unwrap();
            assert_eq!(bookings, counted, "bookings of {counter:?}");
            assert!(bookings <= most.map_or(0, i64::from), "{bookings} bookings of {counter:?}");
        }
    }

    /// The booking is stored as it was last told of, and its agenda entries say the same.
    pub(super) async fn check_booking(&self, id: &BookingId) {
        let (stored, known) = (self.stored(id).await, &self.bookings[id]);
        assert_entries(&stored);
        let essence = |booking: &Booking| {
            let Booking { version, status, start, length, claim, counters, .. } = booking.clone();
            (version, status, start, length, claim, counters)
        };
        assert_eq!(essence(&stored.booking), essence(known), "{id} is not as it was told");
    }

    /// The kit's own model of the whole table finds nothing wrong.
    pub(super) async fn check_whole_table(&mut self) {
        let items = self.app.items().await;
        let wrong = broken(&items, DateTime::UNIX_EPOCH);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        self.story.count("whole table");
    }

    /// Nothing was busy under it that was known before and still was afterwards.
    pub(super) fn assert_not_over_busy(&self, booking: &Booking, before: &HashMap<(usize, Day), DayBits>) {
        for cell in cells_of_claim(&booking.claim) {
            let was_busy = is_busy_in(before, cell) && is_busy_in(&self.busy, cell);
            assert!(!was_busy, "{} is over busy time in {}", booking.id, at(cell));
        }
    }

    /// What is offered instead is free, for all hosts.
    pub(super) fn assert_free(&self, act: &Act, alternatives: &Alternatives, table: &Table) {
        // A booking that staff have made longer than a night is offered nowhere.
        let fits = match &act.op {
            Op::Move(id, to, _) => {
                i64::from(self.moved_slot(&self.bookings[id], *to).length.count()) <= NIGHT_TICKS
            }
            _ => true,
        };
        assert!(
            !fits || matches!(act.op, Op::Confirm(..)) || !alternatives.0.is_empty(),
            "nothing is offered instead"
        );
        for span in &alternatives.0 {
            let start = span.start;
            let op = match &act.op {
                Op::Hold(slot) | Op::Book(slot) => Op::Hold(Slot { start, ..*slot }),
                Op::Move(id, to, by) => Op::Move(id.clone(), NewTime { start, ..*to }, *by),
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
    pub(super) fn is_blocked(&self, cells: &[Cell], table: &Table, now: DateTime<Utc>, own: &[Cell]) -> bool {
        let own: HashSet<_> = own.iter().collect();
        let is_taken = |cell: &Cell| {
            !own.contains(cell) && table.cells.get(cell).is_some_and(|owner| owner.is_alive(now))
        };
        self.is_busy(cells) || cells.iter().any(is_taken)
    }

    /// Whether a calendar is busy in one of these cells.
    pub(super) fn is_busy(&self, cells: &[Cell]) -> bool {
        cells.iter().any(|cell| is_busy_in(&self.busy, *cell))
    }

    /// The cells that a slot takes when these hosts serve it, buffers included, host by host.
    pub(super) fn cells_of_slot(&self, slot: &Slot, hosts: &[usize]) -> Vec<Cell> {
        let EventType { buffer_before, buffer_after, .. } = &self.offers[slot.offer].original;
        let from = slot.start.index() - i64::from(buffer_before.count());
        let to = slot.start.index() + i64::from(slot.length.count()) + i64::from(buffer_after.count());
        hosts.iter().flat_map(|host| (from..to).map(|tick| (*host, tick))).collect()
    }

    /// The cells that an act is to own.
    pub(super) fn new_cells(&self, act: &Act) -> Vec<Cell> {
        match &act.op {
            Op::Hold(slot) | Op::Book(slot) => self.cells_of_slot(slot, &self.hosts_today(slot.offer)),
            Op::Confirm(token, _) => cells_of_claim(token.claim()),
            Op::Move(id, to, _) => {
                self.cells_of_slot(&self.moved_slot(&self.bookings[id], *to), &self.agreed_hosts[id])
            }
            Op::Release(_) | Op::Step(..) | Op::Expire(_) | Op::Pull(..) => Vec::new(),
        }
    }

    /// The cells that an act is about.
    pub(super) fn cells(&self, act: &Act) -> Vec<Cell> {
        let mut cells = self.new_cells(act);
        match &act.op {
            Op::Hold(_) | Op::Book(_) | Op::Confirm(..) => {}
            Op::Release(token) => cells.extend(cells_of_claim(token.claim())),
            Op::Step(id, ..) | Op::Move(id, ..) | Op::Expire(id) => {
                if self.live.contains(id) {
                    cells.extend(cells_of_claim(&self.bookings[id].claim));
                }
            }
            Op::Pull(host, day, bits) => {
                let old = self.busy.get(&(*host, *day)).copied().unwrap_or(DayBits::EMPTY);
                let changed = (0..Day::CELLS).filter(|cell| bits.get(*cell) != old.get(*cell));
                cells.extend(changed.map(|cell| (*host, day.start().index() + i64::from(cell))));
            }
        }
        cells
    }

    /// The hosts that an act is about, the organizer first.
    pub(super) fn hosts(&self, act: &Act) -> Vec<usize> {
        match &act.op {
            Op::Hold(slot) | Op::Book(slot) => self.hosts_today(slot.offer),
            Op::Confirm(token, _) | Op::Release(token) => places_of(token.claim().hosts()),
            Op::Step(id, ..) | Op::Move(id, ..) | Op::Expire(id) => self.agreed_hosts[id].clone(),
            Op::Pull(host, ..) => vec![*host],
        }
    }

    /// Today in UTC: what was before is over.
    pub(super) fn first_day(&self) -> Day {
        Tick::floor(self.now).day()
    }
}

/// The cells of a claim, host by host.
pub(super) fn cells_of_claim(claim: &Claim) -> Vec<Cell> {
    let ticks = |(host, cells): (&HostId, Cells)| {
        let (host, span) = (host_at(host), cells.span());
        (span.start.index()..span.end.index()).map(move |tick| (host, tick))
    };
    claim.pieces().flat_map(ticks).collect()
}

/// Whether all cells of a hold carry its number.
pub(super) fn is_held(token: &HoldToken, table: &Table) -> bool {
    cells_of_claim(token.claim()).iter().all(|cell| table.cells.get(cell) == Some(&token.owner()))
}

fn is_busy_in(busy: &HashMap<(usize, Day), DayBits>, (host, tick): Cell) -> bool {
    let tick = Tick::from_index(tick);
    busy.get(&(host, tick.day())).is_some_and(|bits| bits.get(tick.cell()))
}

/// In which host's partition a counter lies, and of which date.
fn place_of(counter: &Counter) -> (usize, NaiveDate) {
    let Counter::EventTypeDay { host, date, .. } = counter;
    (host_at(host), *date)
}

fn at((host, tick): Cell) -> String {
    format!("{} of {}", Tick::from_index(tick).instant(), HOSTS[host].id)
}
