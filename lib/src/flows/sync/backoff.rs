//! How long to wait after a failure: doubling, with jitter, never more than an hour.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

const FIRST_SECONDS: i64 = 30;
const LONGEST_SECONDS: i64 = 3600;

/// When to try again. Due times are stored in whole seconds, and a provider that asked for time gets all of it.
pub(in crate::flows) fn retry_at(
    failures: u32,
    asked: Option<Duration>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let whole = now.trunc_subsecs(0);
    let rounded_up = if whole == now { whole } else { whole + TimeDelta::seconds(1) };
    rounded_up + pause(failures, asked)
}

/// The pause after this many failures in a row (at least 1), or what the provider asked for when that is longer.
fn pause(failures: u32, asked: Option<Duration>) -> TimeDelta {
    let doubled = FIRST_SECONDS.checked_shl(failures.saturating_sub(1).min(16)).unwrap_or(LONGEST_SECONDS);
    let most = doubled.clamp(FIRST_SECONDS, LONGEST_SECONDS);
    // Half fixed, half jitter: never at once, never all together.
    let seconds = most / 2 + fastrand::i64(0..=most / 2);
    let asked = asked.map_or(0, |asked| i64::try_from(asked.as_secs()).unwrap_or(LONGEST_SECONDS));
    TimeDelta::seconds(seconds.max(asked.min(LONGEST_SECONDS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        for failures in 0..100 {
            let pause = pause(failures, None);
            assert!(pause >= TimeDelta::seconds(15) && pause <= TimeDelta::hours(1), "{failures}: {pause}");
        }
        assert!(pause(20, None) >= TimeDelta::minutes(30));
        assert_eq!(pause(1, Some(Duration::from_mins(10))), TimeDelta::minutes(10));
        assert_eq!(pause(1, Some(Duration::from_hours(24))), TimeDelta::hours(1));
    }

    #[test]
    fn what_a_provider_asked_for_is_not_cut_by_rounding() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let asked = Some(Duration::from_mins(10));
        assert_eq!(retry_at(1, asked, at("2026-11-23T06:00:00Z")), at("2026-11-23T06:10:00Z"));
        assert_eq!(retry_at(1, asked, at("2026-11-23T06:00:00.001Z")), at("2026-11-23T06:10:01Z"));
    }
}
