//! The one source of the present instant. Everything else takes a [`Clock`], so that a test can move time
//! without waiting for it; `clippy.toml` refuses the system's clock anywhere but here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};

/// A clock. Clones share their hands: moving one moves them all.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Shifted(Arc<AtomicI64>),
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock: what runs in production.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The system's clock plus this many milliseconds, read at every look: time that runs, and jumps when told.
    pub fn shifted(milliseconds: Arc<AtomicI64>) -> Self {
        Self(Source::Shifted(milliseconds))
    }

    /// A clock that stands still at this many milliseconds since the epoch until somebody changes them.
    pub fn manual(epoch_milliseconds: Arc<AtomicI64>) -> Self {
        Self(Source::Manual(epoch_milliseconds))
    }

    /// The present instant. A shift or a setting outside chrono's range saturates.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => system_now(),
            Source::Shifted(milliseconds) => {
                let shift = milliseconds.load(Ordering::Relaxed);
                TimeDelta::try_milliseconds(shift)
                    .and_then(|shift| system_now().checked_add_signed(shift))
                    .unwrap_or_else(|| end_of_time(shift))
            }
            Source::Manual(milliseconds) => {
                let milliseconds = milliseconds.load(Ordering::Relaxed);
                DateTime::from_timestamp_millis(milliseconds).unwrap_or_else(|| end_of_time(milliseconds))
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is where the time comes from")]
fn system_now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn end_of_time(direction: i64) -> DateTime<Utc> {
    if direction < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let hand = Arc::new(AtomicI64::new(1_000));
        let clock = Clock::manual(Arc::clone(&hand));
        let copy = clock.clone();
        assert_eq!(clock.now(), clock.now());
        hand.fetch_add(60_000, Ordering::Relaxed);
        assert_eq!(copy.now().timestamp(), 61);
    }

    #[test]
    fn a_shifted_clock_runs_that_far_from_the_system_clock() {
        let shift = Arc::new(AtomicI64::new(0));
        let clock = Clock::shifted(Arc::clone(&shift));
        let before = clock.now();
        shift.store(3_600_000, Ordering::Relaxed);
        let jump = clock.now() - before;
        assert!(jump >= TimeDelta::hours(1) && jump < TimeDelta::hours(1) + TimeDelta::minutes(1));
    }

    #[test]
    fn a_setting_beyond_the_calendar_saturates() {
        assert_eq!(Clock::manual(Arc::new(AtomicI64::new(i64::MAX))).now(), DateTime::<Utc>::MAX_UTC);
        assert_eq!(Clock::shifted(Arc::new(AtomicI64::new(i64::MIN))).now(), DateTime::<Utc>::MIN_UTC);
    }
}
