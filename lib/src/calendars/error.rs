//! What can go wrong with a calendar, said as what the caller may do about it. No variant carries a token, a
//! URL or a word of an answer's prose: any of them may be logged, stored in a sync log and shown to a host.

use std::time::Duration;

/// Why a calendar did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// The grant is gone: taken back, expired, or used before. Only the host can give a new one.
    #[error("the calendar's permission was revoked or has expired")]
    Revoked,
    /// The access token was refused. Refresh it once and try again; refused again, it may pass.
    #[error("the calendar refused the access token")]
    Unauthorized,
    /// The grant does not reach this far.
    #[error("the calendar does not permit this{}", scope.as_deref().map(|scope| format!(" (needs {scope})")).unwrap_or_default())]
    Denied {
        /// The scope that is missing, when the provider names it.
        scope: Option<String>,
    },
    /// Too many calls. Come back after the time named, or back off when none is.
    #[error("the calendar asks for fewer calls")]
    Throttled {
        /// How long the provider asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No such calendar or event, or none that this account may see.
    #[error("the calendar knows no such thing")]
    NotFound,
    /// The event was there and has been deleted. Its id is spent: it can be neither updated nor inserted again.
    #[error("the event was deleted")]
    Gone,
    /// An event with this id exists already.
    #[error("the calendar already has an event with this id")]
    Conflict,
    /// The event is no longer in the state that the caller had read.
    #[error("the event was changed meanwhile")]
    Changed,
    /// The cursor is too old: read everything again.
    #[error("the calendar no longer knows the cursor")]
    CursorExpired,
    /// The request itself is wrong; repeating it will not help.
    #[error("the calendar rejected the request: {reason}")]
    Rejected {
        /// The provider's machine-readable word for it, at most 64 of `A-Za-z0-9._-`.
        reason: String,
    },
    /// No answer, or one that says "not now" (5xx). Whether a write took effect is unknown.
    #[error("the calendar could not be reached")]
    Unreachable,
    /// An answer that is not what the provider's contract says. Never to be read as "nothing there".
    #[error("the calendar's answer could not be understood")]
    Unreadable,
}

impl CalendarError {
    /// A rejection under the provider's own word, cut down to what may be shown.
    pub(super) fn rejected(reason: &str) -> Self {
        let word: String = reason
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'))
            .take(64)
            .collect();
        Self::Rejected { reason: if word.is_empty() { "unspecified".to_owned() } else { word } }
    }

    /// How long the provider asks to be left alone, when it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Throttled { retry_after } = self { *retry_after } else { None }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unreachable)
    }

    /// Whether it speaks of the one calendar that was read and leaves the rest of the account readable.
    pub(super) fn concerns_one_calendar(&self) -> bool {
        match self {
            Self::Denied { .. } | Self::NotFound | Self::Gone | Self::Rejected { .. } | Self::Unreadable => {
                true
            }
            Self::Revoked
            | Self::Unauthorized
            | Self::Throttled { .. }
            | Self::Conflict
            | Self::Changed
            | Self::CursorExpired
            | Self::Unreachable => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_keeps_only_a_machine_readable_word() {
        let error = CalendarError::rejected("bad\nthing: <b>ya29.token</b>");
        assert_eq!(error, CalendarError::Rejected { reason: "badthingbya29.tokenb".to_owned() });
        assert_eq!(
            CalendarError::rejected("!"),
            CalendarError::Rejected { reason: "unspecified".to_owned() }
        );
    }

    #[test]
    fn a_denial_names_the_scope_when_it_is_known() {
        let error = CalendarError::Denied { scope: Some("calendar.freebusy".to_owned()) };
        assert_eq!(error.to_string(), "the calendar does not permit this (needs calendar.freebusy)");
        assert_eq!(CalendarError::Denied { scope: None }.to_string(), "the calendar does not permit this");
    }
}
