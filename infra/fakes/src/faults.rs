//! Faults on demand, and the journal of calls, shared by every fake server.
//!
//! A test says what the next call of an operation meets (an answer, a cut connection, a delay) or puts a
//! [`Gate`] before or after its work, so that two requests interleave exactly as the test wants and a
//! "crash" is the caller being dropped while the gate is shut. A call that has arrived is worked on even if its
//! caller is gone, as at the real service; one that is to do nothing is [`Fault::CutBefore`].

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// What a call meets instead of a plain answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer, and no work done.
    Respond {
        /// HTTP status.
        status: u16,
        /// Extra headers.
        headers: Vec<(String, String)>,
        /// The body as it is sent.
        body: String,
    },
    /// The connection closes and no work is done.
    CutBefore,
    /// The work is done, then the connection closes: the caller cannot know.
    CutAfter,
    /// The work starts after this long.
    DelayBefore(Duration),
    /// The answer leaves this long after the work.
    DelayAfter(Duration),
}

impl Fault {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Respond { status, headers, body: body.to_string() }
    }
}

/// One call that reached a fake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation's name: `UpdateItem`, `events.insert`, ...
    pub op: String,
    /// What the fake found worth telling, e.g. the request line.
    pub detail: String,
}

/// The connection is to be closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fake cut the connection")]
pub struct Cut;

/// On which side of the work a gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The request has arrived; nothing has happened.
    Before,
    /// Everything has happened; the answer has not left.
    After,
}

/// A gate across the next call of an operation. Shut until [`Gate::open`] or until it is dropped.
#[derive(Debug)]
pub struct Gate {
    reached: watch::Receiver<bool>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Waits until a call stands at the gate.
    pub async fn reached(&mut self) {
        // The sender lives in the rule; if it is gone, the call went through already.
        self.reached.wait_for(|reached| *reached).await.ok();
    }

    /// Lets the call go on.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

type Plan = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

#[derive(Default)]
struct Inner {
    once: VecDeque<(String, Fault)>,
    always: Vec<Always>,
    gates: VecDeque<GateRule>,
    plan: Option<Plan>,
    calls: Vec<Call>,
}

struct Always {
    op: String,
    fault: Fault,
    is_met: bool,
}

struct GateRule {
    op: String,
    when: When,
    reached: watch::Sender<bool>,
    open: watch::Receiver<bool>,
}

/// The faults and the journal of one fake. Clones share both.
#[derive(Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call of `op` meets `fault`. Said twice, the next two calls do, in that order.
    pub fn next(&self, op: &str, fault: Fault) {
        self.lock().once.push_back((op.to_owned(), fault));
    }

    /// Every call of `op` meets `fault`, until [`Faults::clear`].
    pub fn always(&self, op: &str, fault: Fault) {
        self.lock().always.push(Always { op: op.to_owned(), fault, is_met: false });
    }

    /// `plan` is asked at every call that no other rule matches, e.g. with a seeded generator.
    pub fn plan(&self, plan: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.lock().plan = Some(Box::new(plan));
    }

    /// Forgets every fault, plan and gate; calls that stand at a gate go on. The journal stays.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.once.clear();
        inner.always.clear();
        inner.gates.clear();
        inner.plan = None;
    }

    /// The operations of faults that no call has met, so that a test can tell that its own was.
    pub fn unmet(&self) -> Vec<String> {
        let inner = self.lock();
        let always = inner.always.iter().filter(|always| !always.is_met).map(|always| &always.op);
        inner.once.iter().map(|(op, _)| op).chain(always).cloned().collect()
    }

    /// A shut gate across the next call of `op`.
    pub fn gate(&self, op: &str, when: When) -> Gate {
        let (reached_tx, reached) = watch::channel(false);
        let (open, open_rx) = watch::channel(false);
        let rule = GateRule { op: op.to_owned(), when, reached: reached_tx, open: open_rx };
        self.lock().gates.push_back(rule);
        Gate { reached, open }
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// The calls since the last time this was asked.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }

    /// Does `work` for one call as the rules say. Every fake wraps each of its operations in this.
    pub async fn around<T>(
        &self,
        op: &str,
        detail: String,
        work: impl Future<Output = T>,
        respond: impl FnOnce(u16, Vec<(String, String)>, String) -> T,
    ) -> Result<T, Cut> {
        let (fault, before, after) = self.meet(op, detail);
        pass(before).await;
        let result = match fault {
            None => work.await,
            Some(Fault::Respond { status, headers, body }) => respond(status, headers, body),
            Some(Fault::CutBefore) => return Err(Cut),
            Some(Fault::CutAfter) => {
                work.await;
                pass(after).await;
                return Err(Cut);
            }
            Some(Fault::DelayBefore(delay)) => {
                tokio::time::sleep(delay).await;
                work.await
            }
            Some(Fault::DelayAfter(delay)) => {
                let result = work.await;
                tokio::time::sleep(delay).await;
                result
            }
        };
        pass(after).await;
        Ok(result)
    }

    fn meet(&self, op: &str, detail: String) -> (Option<Fault>, Option<GateRule>, Option<GateRule>) {
        let call = Call { op: op.to_owned(), detail };
        let mut inner = self.lock();
        inner.calls.push(call.clone());
        let once = inner.once.iter().position(|(name, _)| name == op).and_then(|at| inner.once.remove(at));
        let fault = once
            .map(|(_, fault)| fault)
            .or_else(|| {
                let always = inner.always.iter_mut().find(|always| always.op == op)?;
                always.is_met = true;
                Some(always.fault.clone())
            })
            .or_else(|| inner.plan.as_mut().and_then(|plan| plan(&call)));
        let mut gate = |when: When| {
            let at = inner.gates.iter().position(|rule| rule.op == op && rule.when == when)?;
            inner.gates.remove(at)
        };
        (fault, gate(When::Before), gate(When::After))
    }
}

async fn pass(gate: Option<GateRule>) {
    let Some(mut gate) = gate else { return };
    gate.reached.send_replace(true);
    // An error means that the test dropped its end: the gate is open.
    gate.open.wait_for(|open| *open).await.ok();
}
