//! A crash: a process of the product that dies at one of its outbound calls.
//!
//! The one rule: the process is gone, its call is not. What has arrived is worked on although nobody waits for
//! the answer, as at the real services, unless the test says that it never arrived or that it arrives late.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use fakes::{Fault, Faults, Gate, When};
use holdfast::App;

use crate::TestApp;

/// Whom the product calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Callee {
    /// DynamoDB.
    Table,
    /// KMS.
    Keys,
    /// EventBridge.
    Bus,
    /// Google, tokens and calendars.
    Google,
}

impl Callee {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Table, Self::Keys, Self::Bus, Self::Google];
}

/// One outbound call of an act: the `nth` (from 0) of this operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Whom.
    pub callee: Callee,
    /// The operation, as its journal calls it.
    pub op: String,
    /// Which of them.
    pub nth: usize,
}

/// What becomes of the call at which a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// It never arrives.
    Unsent,
    /// It is worked on, and nobody hears the answer.
    Unheard,
    /// It is under way until [`Crashed::arrive`].
    UnderWay,
}

impl Death {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Unsent, Self::Unheard, Self::UnderWay];
}

/// A process that has died.
#[derive(Debug)]
pub struct Crashed {
    under_way: Option<Gate>,
}

impl Crashed {
    /// What was under way arrives now.
    pub fn arrive(self) {
        if let Some(gate) = self.under_way {
            gate.open();
        }
    }
}

impl TestApp {
    /// The faults and the journal of one of those whom the product calls.
    pub fn faults(&self, callee: Callee) -> &Faults {
        match callee {
            Callee::Table => &self.local.dynamodb.faults,
            Callee::Keys => &self.local.kms.faults,
            Callee::Bus => &self.local.events.faults,
            Callee::Google => &self.google().faults,
        }
    }

    /// Lets a fresh process do something, and gives the calls that it made.
    pub async fn record<T, F: Future<Output = T>>(&self, act: impl FnOnce(App) -> F) -> (T, Vec<Point>) {
        self.take_calls();
        let done = act(self.process()).await;
        let mut counts: BTreeMap<(Callee, String), usize> = BTreeMap::new();
        for (callee, call) in self.take_calls() {
            *counts.entry((callee, call.op)).or_default() += 1;
        }
        let points = counts.into_iter().flat_map(|((callee, op), count)| {
            (0..count).map(move |nth| Point { callee, op: op.clone(), nth })
        });
        (done, points.collect())
    }

    /// Lets a fresh process do the same, and die at this call. Nothing else may be going on.
    #[expect(clippy::disallowed_methods, reason = "a task stands for a process, because it can be ended")]
    pub async fn crash<T, F>(&self, point: &Point, death: Death, act: impl FnOnce(App) -> F) -> Crashed
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let faults = self.faults(point.callee);
        let when = if death == Death::Unheard { When::After } else { When::Before };
        for _ in 0..point.nth {
            // These go through: a gate that nobody keeps stands open.
            drop(faults.gate(&point.op, when));
            faults.next(&point.op, Fault::DelayBefore(Duration::ZERO));
        }
        if death == Death::Unsent {
            faults.next(&point.op, Fault::CutBefore);
        }
        let mut gate = faults.gate(&point.op, when);
        let mut process = tokio::spawn(act(self.process()));
        tokio::select! {
            () = gate.reached() => {}
            _ = &mut process => panic!("it was done without {point:?}"),
        }
        process.abort();
        process.await.err();
        Crashed { under_way: (death == Death::UnderWay).then_some(gate) }
    }
}
