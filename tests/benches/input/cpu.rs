//! Time on the CPU instead of the wall's, so that a figure does not depend on what else the machine does.

use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use rustix::time::{ClockId, clock_gettime};

/// How long the thread that runs the bench was on a CPU. What other threads do for it is not in it.
#[derive(Debug)]
pub(crate) struct ThreadTime;

impl ThreadTime {
    pub(crate) fn now() -> Duration {
        clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a time after the thread's beginning")
    }
}

impl Measurement for ThreadTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, began: Duration) -> Duration {
        Self::now().saturating_sub(began)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
