//! Callers that die, and their writes, which land later.

use super::*;

/// A write whose caller is gone. It has arrived at the table and will be done there some time.
pub(super) struct DelayedWrite {
    /// What its caller was doing.
    pub(super) act: Act,
    /// The cells that it is about, as they were when it was decided.
    pub(super) cells: Vec<Cell>,
    /// Those of them that it is to own.
    new_cells: Vec<Cell>,
    before: Gate,
    after: Gate,
}

impl World {
    /// Begins something and lets its caller die when its write has arrived at the table.
    pub(super) async fn crash(&mut self) {
        // What would be refused never gets as far as a write.
        let mut found = None;
        let moves = self.rng.u8(..5) == 0;
        for _ in 0..30 {
            found = self.choose(1).pop().filter(|act| self.writes(act));
            found = found.filter(|act| !moves || matches!(act.op, Op::Move(..)));
            if found.is_some() {
                break;
            }
        }
        let Some(act) = found else { return };
        let new_cells = self.new_cells(&act);
        let days: HashSet<_> =
            new_cells.iter().map(|(host, tick)| (host, Tick::from_index(*tick).day())).collect();
        // A hold of one day of one host is one conditional update; everything else is a transaction.
        let write = match &act.op {
            Op::Hold(_) if days.len() == 1 && act.key.is_none() => "UpdateItem",
            _ => "TransactWriteItems",
        };
        let faults = &self.app.local.dynamodb.faults;
        let (mut gate, after) = (faults.gate(write, When::Before), faults.gate(write, When::After));
        let arrived = tokio::select! {
            outcome = Box::pin(self.perform(&act)) => panic!("{act:?} wrote nothing: {outcome:?}"),
            () = gate.reached() => gate,
        };
        self.story.operations += 1;
        self.story.count("crash");
        if self.hosts(&act).len() > 1 {
            self.story.count("joint crash");
        }
        self.story.note(format!("{} crash in {act:?}", self.now));
        let cells = self.cells(&act);
        self.delayed = Some(DelayedWrite { act, cells, new_cells, before: arrived, after });
        if self.rng.bool() {
            self.land().await;
        }
    }

    /// The write of a caller that is gone is done at last. Its guest comes back and asks again, where there is
    /// something to ask with.
    pub(super) async fn land(&mut self) {
        let Some(delayed) = self.delayed.take() else { return };
        let DelayedWrite { act, cells, new_cells, before, mut after } = delayed;
        before.open();
        after.reached().await;
        after.open();
        let landed = self.read(Table::default(), &all_hosts()).await;
        let mut has_landed = std::mem::replace(&mut self.table, landed.clone()) != landed;
        if let Some(id) = act.booking() {
            // Some changes do not show in the cells. All others were told of at once.
            let stored = self.stored(id).await;
            assert_entries(&stored);
            has_landed = self.learn(&stored.booking, None).is_some();
        }
        self.story.count(if has_landed { "late write" } else { "late write lost" });
        self.story.note(format!("{} late: {act:?} {has_landed}", self.now));
        if has_landed && matches!(act.op, Op::Hold(_) | Op::Book(_) | Op::Confirm(..) | Op::Move(..)) {
            self.story.count(format!("late {}", act.verb()));
            assert!(!self.is_busy(&new_cells), "{act:?} landed over time that had become busy before");
        }
        let is_doubtful = act.name().is_some_and(|name| self.doubtful.contains(&name));
        match &act.op {
            Op::Hold(_) if act.key.is_none() => {
                let numbers: BTreeSet<_> = cells.iter().map(|cell| landed.cells.get(cell).copied()).collect();
                if has_landed {
                    assert_eq!(numbers.len(), 1, "a hold takes all of its cells or none");
                    self.strays.extend(numbers.into_iter().flatten());
                }
            }
            Op::Book(_) if act.key.is_none() => {
                if has_landed {
                    self.adopt(&act, &new_cells).await;
                }
            }
            Op::Release(token) if act.key.is_none() => {
                self.holds.retain(|held| held.as_str() != token.as_str());
                let is_there = is_held(token, &landed) && self.sees(token);
                self.holds.extend(is_there.then(|| token.clone()));
            }
            _ if is_doubtful => {}
            _ if has_landed => {
                if matches!(act.op, Op::Book(_)) {
                    // By the hosts of its event type then: those may be others by now.
                    self.adopt(&act, &new_cells).await;
                }
                let outcome = Box::pin(self.perform(&act)).await;
                assert_eq!(outcome.word(), "ok", "{act:?} has landed");
                self.take_note(&act, &outcome, true);
            }
            _ => return self.act(vec![act]).await,
        }
        self.check(&landed);
    }

    /// A direct booking whose caller is gone: nobody was told its id, so it is looked for.
    async fn adopt(&mut self, act: &Act, cells: &[Cell]) {
        for id in self.booking_ids().await {
            if self.bookings.contains_key(&id) {
                continue;
            }
            let stored = self.stored(&id).await;
            assert_entries(&stored);
            let claim = &stored.booking.claim;
            assert_eq!(cells_of_claim(claim), cells, "{act:?} became {stored:?}");
            self.learn(&stored.booking, Some(places_of(claim.hosts())));
        }
    }

    /// The ids of all bookings in the table.
    pub(super) async fn booking_ids(&self) -> Vec<BookingId> {
        let mut ids = Vec::new();
        for item in self.app.items().await.iter().filter(|item| item["sk"]["S"] == "BOOKING") {
            ids.push(item["id"]["S"].as_str().expect("an id").parse().expect("a booking's id"));
        }
        ids
    }
}
