//! What one act costs: calls by service and operation, and DynamoDB's request units.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use fakes::Call;
use fakes::dynamodb::Units;

use crate::{Callee, TestApp};

/// The price of one act.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// How often each operation was called. A wave or a transaction says of how many items it is.
    pub calls: BTreeMap<(Callee, String), usize>,
    /// What the table says that they consumed.
    pub units: Units,
}

impl Cost {
    /// The operations of one callee, by name: `2 GetItem, TransactWriteItems of 2`.
    pub fn of(&self, callee: Callee) -> String {
        let calls = self.calls.iter().filter(|((called, _), _)| *called == callee);
        let words =
            calls.map(|((_, op), count)| if *count == 1 { op.clone() } else { format!("{count} {op}") });
        words.collect::<Vec<_>>().join(", ")
    }

    /// How many calls one callee got.
    pub fn count(&self, callee: Callee) -> usize {
        self.calls.iter().filter(|((called, _), _)| *called == callee).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for callee in Callee::ALL {
            write!(f, "{callee:?}: {}; ", self.of(callee))?;
        }
        write!(f, "{} read, {} written", self.units.read, self.units.write)
    }
}

impl TestApp {
    /// Does something and says what it cost. Nothing else may be going on.
    pub async fn cost<T>(&self, act: impl Future<Output = T>) -> (T, Cost) {
        self.take_calls();
        let before = self.local.dynamodb.units();
        let done = act.await;
        let units = self.local.dynamodb.units() - before;
        let mut calls = BTreeMap::new();
        for (callee, call) in self.take_calls() {
            *calls.entry((callee, name(&call))).or_default() += 1;
        }
        (done, Cost { calls, units })
    }

    /// The calls that all of them got since this was last asked.
    pub(crate) fn take_calls(&self) -> Vec<(Callee, Call)> {
        let calls = |callee| self.faults(callee).take_calls().into_iter().map(move |call| (callee, call));
        Callee::ALL.into_iter().flat_map(calls).collect()
    }
}

/// An operation, with the number of its items where it is one over several.
fn name(call: &Call) -> String {
    match call.op.as_str() {
        "BatchGetItem" | "BatchWriteItem" | "TransactGetItems" | "TransactWriteItems" => {
            format!("{} of {}", call.op, call.detail.split(' ').next().unwrap_or_default())
        }
        op => op.to_owned(),
    }
}
