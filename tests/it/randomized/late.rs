//! Callers that die, and their writes, which land later.

use super::*;

/// A write whose caller is gone. It has arrived at the table and will be done there some time.
pub(super) struct Late {
    pub(super) act: Act,
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
        let days = self.cells(&act).map(|claimed| claimed.cells.day).collect::<HashSet<_>>().len();
        let write = match &act.op {
            Op::Hold(_) if days == 1 && act.key.is_none() => "UpdateItem",
            Op::Step(_, BookingStatus::Confirmed) => "UpdateItem",
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
        self.story.note(format!("{} crash in {act:?}", self.now));
        self.late = Some(Late { act, before: arrived, after });
        if self.rng.bool() {
            self.land().await;
        }
    }

    /// The write of a caller that is gone is done at last. Its guest comes back and asks again, where there is
    /// something to ask with.
    pub(super) async fn land(&mut self) {
        let Some(Late { act, before, mut after }) = self.late.take() else { return };
        before.open();
        after.reached().await;
        after.open();
        let landed = self.read(Table::default(), &BTreeSet::from([0, 1])).await;
        let mut has_landed = std::mem::replace(&mut self.table, landed.clone()) != landed;
        if let Some(id) = act.booking() {
            // Some changes do not show in the cells. All others were told of at once.
            let stored = self.stored(id).await;
            has_landed = self.learn(&stored).is_some();
        }
        self.story.count(if has_landed { "late write" } else { "late write lost" });
        self.story.note(format!("{} late: {act:?} {has_landed}", self.now));
        if has_landed && matches!(act.op, Op::Hold(_) | Op::Book(_) | Op::Confirm(..) | Op::Move(..)) {
            self.story.count(format!("late {}", act.verb()));
            let is_busy = self.claims(&act).iter().any(|claimed| self.is_busy(claimed));
            assert!(!is_busy, "{act:?} landed over time that had become busy before");
        }
        let is_doubtful = act.name().is_some_and(|name| self.doubtful.contains(&name));
        match &act.op {
            Op::Hold(_) if act.key.is_none() => {
                let numbers: BTreeSet<_> =
                    self.ticks(&act).iter().map(|cell| landed.cells.get(cell).copied()).collect();
                if has_landed {
                    assert_eq!(numbers.len(), 1, "a hold takes all of its cells or none");
                    self.strays.extend(numbers.into_iter().flatten());
                }
            }
            Op::Book(_) if act.key.is_none() => {
                if has_landed {
                    self.adopt(&act).await;
                }
            }
            Op::Release(token) if act.key.is_none() => {
                self.holds.retain(|held| held.as_str() != token.as_str());
                let is_there = is_held(token, &landed, self) && self.sees(token);
                self.holds.extend(is_there.then(|| token.clone()));
            }
            _ if is_doubtful => {}
            _ if has_landed => {
                let outcome = Box::pin(self.perform(&act)).await;
                assert_eq!(outcome.word(), "ok", "{act:?} has landed");
                self.take_note(&act, &outcome, true);
            }
            _ => return self.act(vec![act]).await,
        }
        self.check(&landed);
    }

    /// A direct booking whose caller is gone: nobody has its id, so it is looked for.
    async fn adopt(&mut self, act: &Act) {
        let cells = self.claims(act);
        for item in self.app.local.dynamodb.dump().await.unwrap() {
            let id = item["pk"]["S"].as_str().and_then(|pk| pk.split_once("#B#")).map(|(_, id)| id);
            let id =
                id.and_then(|id| id.parse::<BookingId>().ok()).filter(|id| !self.bookings.contains_key(id));
            let Some(id) = id else { continue };
            let stored = self.stored(&id).await;
            assert!(stored.claimed == cells, "{act:?} became {stored:?}");
            self.learn(&stored);
        }
    }
}
