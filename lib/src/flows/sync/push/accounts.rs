//! The accounts that one push reaches: those of its host's integrations, each opened when it is first needed.

use tokio::time::Instant;

use crate::app::App;
use crate::calendars::CalendarError;
use crate::domain::{AgendaEntry, CalendarRef, Integration, IntegrationId, IntegrationStatus};
use crate::flows::integrations::session::{AccessError, Session};
use crate::store::{HostAccounts, SealedTokens};

/// A host's accounts.
pub(super) struct Accounts<'a> {
    app: &'a App,
    deadline: Instant,
    found: HostAccounts,
    open: Vec<(IntegrationId, Session<'a>)>,
    /// Whether a call to a calendar may have been made.
    has_sent: bool,
}

/// Whether an account can be reached.
pub(super) enum Reach<'s, 'a> {
    /// Calls can be made.
    Open(&'s mut Session<'a>),
    /// Not until the host has connected it again.
    Parked,
    /// Not any more: it was disconnected.
    Gone,
}

impl<'a> Accounts<'a> {
    pub(super) fn new(app: &'a App, found: HostAccounts, deadline: Instant) -> Self {
        Self { app, deadline, found, open: Vec::new(), has_sent: false }
    }

    /// The entry as its host's bookings are written now.
    pub(super) fn as_written_now(&self, entry: &AgendaEntry) -> AgendaEntry {
        let integrations: Vec<_> = self.found.accounts.iter().map(|(integration, _)| integration).collect();
        entry.written_to(self.found.write_to.as_ref(), &integrations)
    }

    /// An integration of the host, if it is one of those that were read.
    pub(super) fn integration(&self, id: &IntegrationId) -> Option<&Integration> {
        self.found.accounts.iter().map(|(integration, _)| integration).find(|found| found.id == *id)
    }

    /// Whether guests may be mailed when an event of a booking that stands is removed from this calendar: somebody who was
    /// told has chosen so, for this disconnect or for this change of where bookings are written.
    pub(super) fn may_mail_guests(&self, at: &CalendarRef) -> bool {
        self.found.mails_guests || self.integration(&at.integration).is_some_and(Integration::is_clearing)
    }

    /// Whether a call to a calendar may have been made: an error does not say what an earlier try of the same call has
    /// done.
    pub(super) fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// The account that has this calendar. One that is being disconnected is reached while its tokens are there.
    pub(super) async fn reach(&mut self, at: &CalendarRef) -> Result<Reach<'_, 'a>, AccessError> {
        let found = self.found.accounts.iter().find(|(integration, _)| integration.id == at.integration);
        let Some((integration, tokens)) = found else { return Ok(Reach::Gone) };
        match integration.status {
            IntegrationStatus::Pending => return Ok(Reach::Gone),
            IntegrationStatus::Disconnected if !integration.is_clearing() || integration.keeps_events => {
                return Ok(Reach::Gone);
            }
            IntegrationStatus::NeedsReauth => return Ok(Reach::Parked),
            IntegrationStatus::Disconnected | IntegrationStatus::Connected | IntegrationStatus::Error => {}
        }
        let open = self.open.iter().position(|(id, _)| *id == at.integration);
        let at = if let Some(open) = open {
            open
        } else {
            let (id, is_leaving) = (integration.id.clone(), !integration.is_live());
            match self.open_session(integration, tokens.clone()).await {
                Ok(session) => self.open.push((id, session)),
                Err(AccessError::Calendar(CalendarError::Revoked)) if is_leaving => return Ok(Reach::Gone),
                Err(AccessError::Calendar(CalendarError::Revoked)) => return Ok(Reach::Parked),
                Err(error) => return Err(error),
            }
            self.open.len() - 1
        };
        self.has_sent = true;
        Ok(self.open.get_mut(at).map_or(Reach::Gone, |(_, session)| Reach::Open(session)))
    }

    async fn open_session(
        &self,
        integration: &Integration,
        tokens: Option<SealedTokens>,
    ) -> Result<Session<'a>, AccessError> {
        Session::open_with(self.app, integration, tokens, self.deadline).await
    }
}
