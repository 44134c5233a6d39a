//! Pull: make our busy bits agree with the calendars of one integration, and the calendar with our bookings.
//!
//! Level-triggered: it reads the present state, does what is missing, and can run twice or out of order. What it
//! has read is committed only if the integration is still as it was when the reading began; an incomplete read
//! adds busy time, takes none away and moves neither coverage nor `read_ok_at`.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::app::App;
use crate::calendars::{Busy, BusyQuery, CalendarError, CalendarEvent, CalendarId, Known, Notify};
use crate::domain::{
    AccountCalendar, AccountEvent, AgendaEntry, CalendarRef, Day, DayBits, EventRef, HostId, Integration,
    IntegrationId, IntegrationStatus, Lease, Span, Tenant, Tick, Ticks,
};
use crate::flows::integrations::known_calendars;
use crate::flows::integrations::session::{AccessError, Session, through};
use crate::flows::keys::KeyError;
use crate::flows::sync::backoff::retry_at;
use crate::store::{PullOutcome, SealedTokens, StoreError, new_lease};

/// A pull that takes longer has lost its lease.
pub(in crate::flows) const LEASE: TimeDelta = TimeDelta::seconds(60);
const PULL_TIMEOUT: Duration = Duration::from_secs(15);
/// Bookings are offered this far ahead when the host has no event type yet.
const DEFAULT_WINDOW_DAYS: i32 = 30;
/// How long a listing of an account's calendars is gone by.
const CALENDARS_LAST: TimeDelta = TimeDelta::days(1);

/// What a pull has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// Read and written.
    Done {
        /// Days whose busy bits changed.
        changed_days: usize,
        /// Marked events without a live booking that were removed.
        removed_events: usize,
    },
    /// Some calendar could not be read: nothing was freed.
    Incomplete,
    /// Another pull is at work; the integration was made due.
    Taken,
    /// The integration changed meanwhile; what was read is void.
    Superseded,
    /// There is nothing to read: disabled, disconnected or gone.
    Inactive,
}

/// Why a pull came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The account or the table.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<StoreError> for PullError {
    fn from(error: StoreError) -> Self {
        Self::Access(error.into())
    }
}

/// Pulls one integration under a lease of its own.
pub async fn pull(app: &App, of: &Integration) -> Result<Pulled, PullError> {
    let lease = new_lease(app.clock.now(), LEASE);
    match app.store.lease_integration(of, &lease).await {
        Ok(()) => match under_lease(app, &of.tenant, &of.host, &of.id, &lease).await? {
            Some((integration, tokens)) => pull_under(app, integration, tokens, &lease).await,
            None => Ok(Pulled::Superseded),
        },
        Err(StoreError::Conflict(_)) => {
            app.store.make_integration_due(of).await?;
            Ok(Pulled::Taken)
        }
        Err(error) => Err(error.into()),
    }
}

/// The integration with its tokens, if the lease with this id is still on it.
pub(in crate::flows) async fn under_lease(
    app: &App,
    tenant: &Tenant,
    host: &HostId,
    id: &IntegrationId,
    lease: &Lease,
) -> Result<Option<(Integration, Option<SealedTokens>)>, StoreError> {
    let accounts = app.store.host_accounts(tenant, host).await?.accounts;
    let is_leased = |(found, _): &(Integration, Option<SealedTokens>)| {
        found.id == *id && found.sync.lease_id.as_ref() == Some(&lease.id)
    };
    Ok(accounts.into_iter().find(is_leased))
}

/// Pulls an integration as it was read under this lease.
pub(in crate::flows) async fn pull_under(
    app: &App,
    integration: Integration,
    tokens: Option<SealedTokens>,
    lease: &Lease,
) -> Result<Pulled, PullError> {
    let began = app.clock.now();
    if !integration.is_active() {
        return idle(app, &integration, lease).await;
    }
    let window = window(app, &integration, began).await?;
    let read = read(app, &integration, tokens, window).await;
    let mut listed = None;
    let (busy, removed_events, error) = match read {
        Ok(Read { spans, removed, calendars, unreadable }) => {
            listed = calendars;
            (spans, removed, unreadable.map(AccessError::Calendar))
        }
        // Tokens that do not open say as little as a calendar that does not answer.
        Err(error @ (AccessError::Calendar(_) | AccessError::Key(KeyError::Vault(_)))) => {
            (Vec::new(), 0, Some(error))
        }
        // It is still due.
        Err(error @ (AccessError::Store(_) | AccessError::Key(KeyError::Store(_)))) => {
            app.store.drop_lease(&integration, lease).await?;
            return Err(error.into());
        }
    };
    let complete = error.is_none();
    let days = changed_days(app, &integration, window, &busy, complete).await?;
    let mut after = after(app, &integration, window, began, error.as_ref());
    if let Some(calendars) = listed {
        after.calendars = calendars;
        after.calendars_read_at = Some(began);
    }
    if let Some(error) = &error {
        tracing::warn!(integration = %integration.id, %error, failures = after.sync.failures, "pull incomplete");
    }
    let changed_days = days.len();
    match app.store.commit_pull(PullOutcome { before: &integration, after, days: &days }, lease).await {
        Ok(_) if complete => Ok(Pulled::Done { changed_days, removed_events }),
        Ok(_) => Ok(Pulled::Incomplete),
        Err(StoreError::Conflict(_)) => {
            app.store.drop_lease(&integration, lease).await?;
            Ok(Pulled::Superseded)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether anything but our own bookings is busy in `claim` at this moment, as the provider says.
pub(in crate::flows) async fn busy_now(
    app: &App,
    integration: &Integration,
    claim: Span,
    deadline: Instant,
) -> Result<bool, AccessError> {
    let (busy, _) = ask(app, integration, None, claim, deadline).await?;
    if let Some(error) = unreadable(integration, &busy) {
        return Err(error.into());
    }
    let agenda = agenda_for(app, integration, &busy).await?;
    let events = busy.events.iter().filter(|(calendar, event)| {
        let at = at(integration, calendar);
        match Ours::of(&at, event, &agenda) {
            Ours::No => blocks(integration, &at, event),
            Ours::Lost => event.blocks,
            Ours::Of(entry) => stands_elsewhere(event, entry) && !is_where_we_left_it(&at, event, entry),
        }
    });
    let spans = busy.spans.iter().copied().chain(events.map(|(_, event)| event.span));
    Ok(spans.into_iter().any(|span| span.overlaps(claim)))
}

struct Read {
    spans: Vec<Span>,
    removed: usize,
    /// The account's calendars, if they were listed anew.
    calendars: Option<Vec<AccountCalendar>>,
    unreadable: Option<CalendarError>,
}

async fn read(
    app: &App,
    integration: &Integration,
    tokens: Option<SealedTokens>,
    window: Span,
) -> Result<Read, AccessError> {
    let deadline = Instant::now() + PULL_TIMEOUT;
    let (busy, mut session) = ask(app, integration, tokens, window, deadline).await?;
    let agenda = agenda_for(app, integration, &busy).await?;
    let is_silent = session.capabilities().silent_delete;
    let mut removed = 0;
    let mut unreadable = unreadable(integration, &busy);
    let mut spans = busy.spans;
    for (calendar, event) in &busy.events {
        match fate(&at(integration, calendar), integration, event, &agenda, is_silent) {
            Fate::Keep => {}
            Fate::Block => spans.push(event.span),
            Fate::Remove => {
                let known = Known { id: event.id.clone(), etag: None };
                match through!(session, delete_event(calendar, &known, Notify::Nobody)) {
                    Ok(_) | Err(AccessError::Calendar(CalendarError::NotFound)) => removed += 1,
                    Err(AccessError::Calendar(error)) => unreadable = Some(error),
                    Err(error) => return Err(error),
                }
            }
        }
    }
    let calendars = list_calendars(app, integration, &mut session).await?;
    Ok(Read { spans, removed, calendars, unreadable })
}

/// The account's calendars, once a day. They only say what bookings can be written to, so a failure is no failure of the
/// reading.
async fn list_calendars(
    app: &App,
    integration: &Integration,
    session: &mut Session<'_>,
) -> Result<Option<Vec<AccountCalendar>>, AccessError> {
    let is_recent = |read_at: DateTime<Utc>| app.clock.now() - read_at < CALENDARS_LAST;
    if integration.calendars_read_at.is_some_and(is_recent) {
        return Ok(None);
    }
    match through!(session, calendars()) {
        Ok(listed) => Ok(Some(known_calendars(&listed))),
        Err(AccessError::Calendar(error)) => {
            tracing::warn!(integration = %integration.id, %error, "calendars not listed");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn ask<'a>(
    app: &'a App,
    integration: &'a Integration,
    tokens: Option<SealedTokens>,
    window: Span,
    deadline: Instant,
) -> Result<(Busy, Session<'a>), AccessError> {
    let id = |id: &String| id.parse::<CalendarId>().map_err(|_invalid| CalendarError::Unreadable);
    let conflicts = integration.conflict_calendars.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    let with_own = integration.event_calendars.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    let query = BusyQuery { window, conflicts: &conflicts, with_own: &with_own, owner: &integration.id };
    let mut session = Session::open_with(app, integration, tokens, deadline).await?;
    // Whether the grant is good again only a new token can tell.
    if integration.status == IntegrationStatus::NeedsReauth {
        session.renew().await?;
    }
    let busy = through!(session, busy(&query))?;
    Ok((busy, session))
}

/// The first calendar that could not be read and says something about time, and why. One that blocks nothing and is not
/// there any more has no events of ours either.
fn unreadable(integration: &Integration, busy: &Busy) -> Option<CalendarError> {
    let blocks = |calendar: &CalendarId| {
        integration.conflict_calendars.iter().any(|id| id.as_str() == calendar.as_str())
    };
    let mut unread = busy.unreadable.iter();
    unread
        .find(|(calendar, error)| blocks(calendar) || *error != CalendarError::NotFound)
        .map(|(_, error)| error.clone())
}

fn at(integration: &Integration, calendar: &CalendarId) -> CalendarRef {
    CalendarRef { integration: integration.id.clone(), calendar: calendar.as_str().to_owned() }
}

/// Whether an event takes time that is not ours: its calendar is one of those that block, and it blocks there.
fn blocks(integration: &Integration, at: &CalendarRef, event: &CalendarEvent) -> bool {
    event.blocks && integration.conflict_calendars.contains(&at.calendar)
}

/// Whether an event is ours: an entry of this host's agenda refers to it, or it carries a key of ours.
enum Ours<'a> {
    /// It is not.
    No,
    /// It is, but of no booking that this host has.
    Lost,
    /// It is one of this entry's.
    Of(&'a AgendaEntry),
}

impl<'a> Ours<'a> {
    fn of(at: &CalendarRef, event: &CalendarEvent, agenda: &'a [AgendaEntry]) -> Self {
        let refers = |entry: &&AgendaEntry| {
            let link = entry.standing().map(|link| &link.event);
            let left = entry.leftovers.iter().map(|left| &left.event);
            link.into_iter().chain(left).any(|recorded| is_event(at, event, recorded))
        };
        if let Some(entry) = agenda.iter().find(refers) {
            return Self::Of(entry);
        }
        let Some(key) = &event.key else { return Self::No };
        let entry = agenda.iter().find(|entry| entry.booking == key.booking && entry.host == key.host);
        entry.map_or(Self::Lost, Self::Of)
    }
}

/// What is to become of an event.
enum Fate {
    /// It takes no time of its own: it leaves its owner free, is a live booking's where it belongs, or a push will look
    /// after it.
    Keep,
    /// It is somebody's time, or stands where no live booking of ours does: busy until somebody decides.
    Block,
    /// It is ours and belongs to no live booking.
    Remove,
}

fn fate(
    at: &CalendarRef,
    integration: &Integration,
    event: &CalendarEvent,
    agenda: &[AgendaEntry],
    is_silent: bool,
) -> Fate {
    let block_if = |blocks: bool| if blocks { Fate::Block } else { Fate::Keep };
    let entry = match Ours::of(at, event, agenda) {
        Ours::No => return block_if(blocks(integration, at, event)),
        // Of a booking that we do not know, we know nothing: it is somebody's time.
        Ours::Lost => return block_if(event.blocks),
        Ours::Of(entry) => entry,
    };
    if entry.leftovers.iter().any(|left| is_event(at, event, &left.event)) {
        return Fate::Keep;
    }
    let is_moved = stands_elsewhere(event, entry) && !is_where_we_left_it(at, event, entry);
    // A push is at work or will be: it knows best, and may have made an event that is not recorded yet.
    if !entry.is_in_place(entry.write_to.as_ref()) && entry.due_at.is_some() {
        return block_if(is_moved);
    }
    let is_current = match entry.standing() {
        Some(link) => is_event(at, event, &link.event),
        // Of a first writing whose answer was lost.
        None => is_of_attempt(at, event, entry),
    };
    // What is recorded is a push's to remove, also when bookings are written elsewhere by now.
    if !entry.status.wants_event() || !is_current && is_silent {
        return Fate::Remove;
    }
    // Where its removal would mail the guests of a booking that stands, a second event stays, and is busy.
    block_if(if is_current { is_moved } else { event.blocks })
}

/// Whether an event of ours stands where its live booking does not, and would block there: because a person has moved it,
/// or because the booking has moved and the event is to follow.
fn stands_elsewhere(event: &CalendarEvent, entry: &AgendaEntry) -> bool {
    event.blocks && entry.status.wants_event() && entry.span() != event.span
}

/// Whether an event has the time that we have given it. Then it takes none of its own: that is the booking's cells'.
fn is_where_we_left_it(at: &CalendarRef, event: &CalendarEvent, entry: &AgendaEntry) -> bool {
    let shown = entry.standing().filter(|link| is_event(at, event, &link.event));
    let is_shown = shown.is_some_and(|link| link.shown.span == event.span);
    // Of a first writing whose answer was lost nothing but the attempt is known.
    is_shown || is_of_attempt(at, event, entry) && entry.attempts.iter().any(|of| of.span == event.span)
}

fn is_event(at: &CalendarRef, event: &CalendarEvent, recorded: &EventRef) -> bool {
    recorded.at == *at && recorded.event == event.id.as_str()
}

/// Whether an attempt of the entry may have made the event.
fn is_of_attempt(at: &CalendarRef, event: &CalendarEvent, entry: &AgendaEntry) -> bool {
    let Some(key) = &event.key else { return false };
    entry.attempts.iter().any(|attempt| attempt.at == *at && attempt.generation == key.generation)
}

/// The host's agenda, if an event may be of it. Read after the calendar: what was written in between is known.
async fn agenda_for(
    app: &App,
    integration: &Integration,
    busy: &Busy,
) -> Result<Vec<AgendaEntry>, StoreError> {
    if busy.events.is_empty() {
        return Ok(Vec::new());
    }
    app.store.agenda_ahead(&integration.tenant, &integration.host).await
}

/// From the start of today to the end of the longest booking window, with room for the longest claim.
async fn window(app: &App, integration: &Integration, now: DateTime<Utc>) -> Result<Span, StoreError> {
    let event_types = app.store.event_types(&integration.tenant).await?;
    let days = event_types
        .iter()
        .filter(|event_type| event_type.hosts.contains(&integration.host))
        .map(|event_type| i32::from(event_type.window_days))
        .max()
        .unwrap_or(DEFAULT_WINDOW_DAYS);
    let first = Tick::floor(now).day();
    let last = Tick::floor(now + TimeDelta::days(i64::from(days))) + Ticks::LONGEST_CLAIM;
    Ok(Span::new(first.start(), last.day().next().start()))
}

/// The days whose bits are not yet as read. What an incomplete read does not show as busy stays as it was.
async fn changed_days(
    app: &App,
    integration: &Integration,
    window: Span,
    busy: &[Span],
    complete: bool,
) -> Result<Vec<(Day, DayBits)>, StoreError> {
    let mut read: HashMap<Day, DayBits> = HashMap::new();
    for span in busy {
        for cells in span.intersect(window).by_day() {
            read.entry(cells.day).or_insert(DayBits::EMPTY).set(cells.from, cells.to);
        }
    }
    let (first, last) = (window.start.day(), window.end.day());
    let stored = app.store.days_strong(&integration.tenant, &integration.host, first, last).await?.days;
    let mut changed = Vec::new();
    for day in window.days() {
        let old = stored.iter().find(|state| state.day == day);
        let old = old.map_or(DayBits::EMPTY, |state| state.busy_of(&integration.id));
        let new = read.get(&day).copied().unwrap_or(DayBits::EMPTY);
        let new = if complete { new } else { new.or(&old) };
        // Without coverage the bits said nothing so far: raising the revision tells those who read before.
        if new != old || (integration.sync.synced.is_none() && !new.is_empty()) {
            changed.push((day, new));
        }
    }
    Ok(changed)
}

fn after(
    app: &App,
    before: &Integration,
    window: Span,
    began: DateTime<Utc>,
    error: Option<&AccessError>,
) -> Integration {
    let now = app.clock.now();
    let mut after = before.clone();
    after.sync.last_sync_at = Some(now);
    match error {
        None => {
            after.status = after.status.after(AccountEvent::Read);
            after.sync.failures = 0;
            after.sync.last_error = None;
            after.sync.synced = Some(window);
            after.sync.read_ok_at = Some(began);
            after.sync.poll_seconds = app.config.poll_seconds;
            after.sync.due_at = Some(now + TimeDelta::seconds(i64::from(app.config.poll_seconds)));
        }
        // The refresh that failed has said so under the version of its tokens; a good token that arrives late
        // has the last word, not this pull.
        Some(AccessError::Calendar(CalendarError::Revoked)) => {
            after.sync.due_at = Some(now + Integration::REAUTH_INTERVAL);
        }
        Some(error) => {
            after.status = after.status.after(AccountEvent::Unread);
            after.sync.failures = before.sync.failures.saturating_add(1);
            after.sync.last_error = Some(error.to_string());
            let asked = match error {
                AccessError::Calendar(error) => error.retry_after(),
                AccessError::Store(_) | AccessError::Key(_) => None,
            };
            after.sync.due_at = Some(retry_at(after.sync.failures, asked, now));
        }
    }
    after
}

/// Nothing to read: the lease ends and nothing is due.
async fn idle(app: &App, integration: &Integration, lease: &Lease) -> Result<Pulled, PullError> {
    let mut after = integration.clone();
    after.sync.due_at = None;
    match app.store.commit_pull(PullOutcome { before: integration, after, days: &[] }, lease).await {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(Pulled::Inactive),
        Err(error) => Err(error.into()),
    }
}
