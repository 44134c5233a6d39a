//! Google Calendar, version 3. The contract is its discovery document
//! (<https://www.googleapis.com/discovery/v1/apis/calendar/v3/rest>).
//!
//! Busy time comes from two places. Calendars that only block are asked for free/busy, which knows recurrence,
//! declined invitations and the rest by itself. Calendars that have or had events of ours are read event by event,
//! because free/busy cannot leave our own out, and subtracting their time would uncover what lies beneath them.

mod errors;
mod names;
mod wire;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::future::{join_all, try_join};
use oauth2::AuthType;
use reqwest::{Method, RequestBuilder, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use self::errors::{done, json, of_one_calendar};
use self::names::event_id;
use self::wire::{Event, FreeBusy, ListedCalendar, Page, Reading, rfc3339};
use super::http::{Repeat, Sending};
use super::oauth::{ClientSecret, Registration};
use super::{
    Account, Authorize, Busy, BusyQuery, Calendar, CalendarError, CalendarId, CalendarInfo, Call,
    Capabilities, Credential, Deletion, EventDraft, EventId, EventKey, Grant, Http, Known, Notify, OAuth,
    Placed, Put,
};
use crate::clock::Clock;
use crate::domain::{IntegrationId, Span, Tick, Zone};

/// What we ask for, each with the broader scopes that cover it: the narrowest first, as the consent page shows
/// it. `calendar.app.created` is no substitute: it reaches only calendars that we made.
const SCOPES: [(&str, &[&str]); 3] = [
    (
        "https://www.googleapis.com/auth/calendar.freebusy",
        &[
            "https://www.googleapis.com/auth/calendar.events.freebusy",
            "https://www.googleapis.com/auth/calendar.readonly",
            "https://www.googleapis.com/auth/calendar",
        ],
    ),
    (
        "https://www.googleapis.com/auth/calendar.events.owned",
        &["https://www.googleapis.com/auth/calendar.events", "https://www.googleapis.com/auth/calendar"],
    ),
    (
        "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
        &[
            "https://www.googleapis.com/auth/calendar.calendarlist",
            "https://www.googleapis.com/auth/calendar.readonly",
            "https://www.googleapis.com/auth/calendar",
        ],
    ),
];

/// `calendarExpansionMax` of free/busy.
const CALENDARS_A_QUERY: usize = 50;
/// Free/busy answers `timeRangeTooLong` somewhere past three months; the limit is not documented. This is enough
/// for the usual window of 60 days with its edges.
const DAYS_A_QUERY: i64 = 70;
/// A list that takes more pages than this does not end.
const MOST_PAGES: usize = 100;

const EVENT: &str = "/calendars/{calendar}/events/{event}";
const EVENTS: &str = "/calendars/{calendar}/events";
/// What [`Event::placed`] needs, as a `fields` mask.
const PLACED_FIELDS: &str = "id,etag,status,start,end,extendedProperties/private,hangoutLink,\
    conferenceData(createRequest/status/statusCode,entryPoints(entryPointType,uri))";

/// What goes with every write. Below version 1, Google drops what a body says of a conference without a word.
const WRITING: [(&str, &str); 2] = [("conferenceDataVersion", "1"), ("fields", PLACED_FIELDS)];

/// Our registration in Google's console, and where Google is.
#[derive(Clone, Debug)]
pub struct GoogleConfig {
    /// The OAuth client's id.
    pub client_id: String,
    /// The OAuth client's secret.
    pub client_secret: ClientSecret,
    /// The consent page.
    pub authorize_url: Url,
    /// Where codes and refresh tokens become access tokens.
    pub token_url: Url,
    /// Where tokens are given back.
    pub revoke_url: Url,
    /// The API with its version: everything up to `/calendars` and `/users`.
    pub api_url: Url,
}

impl GoogleConfig {
    /// A client at Google's own addresses.
    #[expect(clippy::expect_used, reason = "the addresses are constants, and a test parses them")]
    pub fn new(client_id: String, client_secret: ClientSecret) -> Self {
        let constant = |url: &str| url.parse().expect("a constant address parses");
        Self {
            client_id,
            client_secret,
            authorize_url: constant("https://accounts.google.com/o/oauth2/v2/auth"),
            token_url: constant("https://oauth2.googleapis.com/token"),
            revoke_url: constant("https://oauth2.googleapis.com/revoke"),
            api_url: constant("https://www.googleapis.com/calendar/v3"),
        }
    }
}

/// Google Calendar.
#[derive(Debug)]
pub struct Google {
    config: GoogleConfig,
    registration: Registration,
    http: Http,
    clock: Clock,
}

/// What Google can do.
pub const CAPABILITIES: Capabilities = Capabilities { conference: true, silent_delete: true, revoke: true };

impl Google {
    /// Google with these credentials.
    pub fn new(config: GoogleConfig, http: Http, clock: Clock) -> Self {
        let registration = Registration::new(
            http.clone(),
            config.client_id.clone(),
            config.client_secret.clone(),
            config.token_url.clone(),
            config.revoke_url.clone(),
            // Google documents the credentials in the body only.
            AuthType::RequestBody,
        );
        Self { config, registration, http, clock }
    }

    /// The address of a thing in the API; each segment is escaped as a whole (calendar ids contain `#`).
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.config.api_url.clone();
        // An address without a path (`data:`) stays as it is, and fails when it is sent to.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    fn request(&self, call: Call<'_>, method: Method, url: Url) -> RequestBuilder {
        let Credential::Bearer(access) = call.credential;
        self.http.request(method, url).bearer_auth(access.expose_secret())
    }

    /// Every call here may be repeated: reads and free/busy change nothing, patch and delete change the same
    /// thing to the same, and insert names its own event.
    fn sending(call: Call<'_>, route: &'static str) -> Sending {
        Sending { route, deadline: call.deadline, repeat: Repeat::Freely }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        route: &'static str,
        url: Url,
    ) -> Result<T, CalendarError> {
        self.http.send(self.request(call, Method::GET, url), Self::sending(call, route), json).await
    }

    /// A whole list, page by page to its end, with the zone that its first page names.
    async fn list<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        list: List,
        url: Url,
    ) -> Result<(Vec<T>, Option<Zone>), CalendarError> {
        let mut items = Vec::new();
        let mut zone = None;
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut page_url = url.clone();
            if let Some(token) = &token {
                page_url.query_pairs_mut().append_pair("pageToken", token);
            }
            let page: Page<T> = self.get(call, list.route, page_url).await?;
            if page.kind != list.kind {
                return Err(CalendarError::Unreadable);
            }
            items.extend(page.items);
            zone = zone.or_else(|| page.time_zone?.parse().ok());
            match page.next_page_token.filter(|next| !next.is_empty()) {
                None => return Ok((items, zone)),
                // The same page again would be the same page for ever.
                next if next == token => return Err(CalendarError::Unreadable),
                next => token = next,
            }
        }
        Err(CalendarError::Unreadable)
    }

    /// Free/busy of the calendars that only block.
    async fn free_busy(&self, call: Call<'_>, query: &BusyQuery<'_>) -> Result<Busy, CalendarError> {
        let calendars: Vec<_> =
            query.conflicts.iter().filter(|calendar| !query.with_own.contains(calendar)).collect();
        let mut busy = Busy::default();
        for some in calendars.chunks(CALENDARS_A_QUERY) {
            for window in pieces(query.window) {
                busy.extend(self.free_busy_piece(call, some, window).await?);
            }
        }
        // A calendar that failed in one piece of the window has failed; once is enough to say so.
        busy.unreadable.sort_by(|(one, _), (other, _)| one.cmp(other));
        busy.unreadable.dedup_by(|(one, _), (other, _)| one == other);
        Ok(busy)
    }

    async fn free_busy_piece(
        &self,
        call: Call<'_>,
        calendars: &[&CalendarId],
        window: Span,
    ) -> Result<Busy, CalendarError> {
        let items: Vec<_> = calendars.iter().map(|calendar| json!({ "id": calendar.as_str() })).collect();
        let body = json!({
            "timeMin": rfc3339(window.start.instant()),
            "timeMax": rfc3339(window.end.instant()),
            "calendarExpansionMax": CALENDARS_A_QUERY,
            "items": items,
        });
        let request = self.request(call, Method::POST, self.url(&["freeBusy"])).json(&body);
        let answer: FreeBusy = self.http.send(request, Self::sending(call, "/freeBusy"), json).await?;
        Ok(read_free_busy(&answer, calendars, window))
    }

    /// The events of the calendars that have some of ours: other people's where they block, and ours.
    async fn events(&self, call: Call<'_>, query: &BusyQuery<'_>) -> Result<Busy, CalendarError> {
        let mut busy = Busy::default();
        for read in
            join_all(query.with_own.iter().map(|calendar| self.events_of(call, query, calendar))).await
        {
            busy.extend(read?);
        }
        Ok(busy)
    }

    async fn events_of(
        &self,
        call: Call<'_>,
        query: &BusyQuery<'_>,
        calendar: &CalendarId,
    ) -> Result<Busy, CalendarError> {
        let mut busy = Busy::default();
        let mut url = self.events_url(calendar, query.window.start.instant());
        url.query_pairs_mut()
            .append_pair("timeMax", &rfc3339(query.window.end.instant()))
            .append_pair("singleEvents", "true");
        if !query.conflicts.contains(calendar) {
            only_of(&mut url, query.owner);
        }
        let (events, zone) = match self.list::<Event>(call, EVENT_LIST, url).await {
            Ok(listed) => listed,
            Err(error) if error.concerns_one_calendar() => {
                busy.unreadable.push((calendar.clone(), error));
                return Ok(busy);
            }
            Err(error) => return Err(error),
        };
        let mut all_read = true;
        for event in events {
            match event.read(zone, query.owner) {
                Reading::Event(event) => busy.events.push((calendar.clone(), event)),
                Reading::Free => {}
                Reading::Unreadable => all_read = false,
            }
        }
        if !all_read {
            busy.unreadable.push((calendar.clone(), CalendarError::Unreadable));
        }
        Ok(busy)
    }

    /// Events that end after this instant, in the largest pages there are. Of the attendees only the account
    /// itself is wanted, which is what Google leaves when there are more than it may list.
    fn events_url(&self, calendar: &CalendarId, from: DateTime<Utc>) -> Url {
        let mut url = self.url(&["calendars", calendar.as_str(), "events"]);
        url.query_pairs_mut()
            .append_pair("timeMin", &rfc3339(from))
            .append_pair("maxResults", "2500")
            .append_pair("maxAttendees", "1")
            .append_pair("fields", &format!("kind,timeZone,nextPageToken,items({})", wire::EVENT_FIELDS));
        url
    }

    fn event_url(&self, calendar: &CalendarId, id: &EventId) -> Url {
        self.url(&["calendars", calendar.as_str(), "events", id.as_str()])
    }

    /// What Google says of an event. `Gone` of one that was deleted, `NotFound` of one it never heard of and of one in a
    /// calendar that the account does not see.
    async fn read_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
    ) -> Result<Placed, CalendarError> {
        let mut url = self.event_url(calendar, id);
        url.query_pairs_mut().append_pair("fields", PLACED_FIELDS);
        let event: Event = self.get(call, EVENT, url).await?;
        let zone = if event.is_all_day() { self.zone_of(call, calendar).await? } else { None };
        event.placed(zone)
    }

    /// After "not found" of an event: `NotFound` again if that is because its whole calendar is not shown to us, for a
    /// while or for good. Then the event may still stand.
    async fn no_event_in(&self, call: Call<'_>, calendar: &CalendarId) -> Result<(), CalendarError> {
        let mut url = self.url(&["users", "me", "calendarList", calendar.as_str()]);
        url.query_pairs_mut().append_pair("fields", "id");
        self.get::<ListedCalendar>(call, LISTED_CALENDAR, url).await.map(|_| ())
    }

    async fn insert(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
        notify: Notify,
    ) -> Result<Placed, CalendarError> {
        let mut url = self.url(&["calendars", calendar.as_str(), "events"]);
        url.query_pairs_mut().append_pair("sendUpdates", send_updates(notify)).extend_pairs(WRITING);
        let request = self.request(call, Method::POST, url).json(&wire::insert_body(draft));
        self.http.send(request, Self::sending(call, EVENTS), json::<Event>).await?.placed(None)
    }

    async fn patch(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
        known: &Known,
        notify: Notify,
    ) -> Result<Placed, CalendarError> {
        let mut url = self.event_url(calendar, &known.id);
        url.query_pairs_mut().append_pair("sendUpdates", send_updates(notify)).extend_pairs(WRITING);
        let request = self.request(call, Method::PATCH, url).json(&wire::patch_body(draft));
        let request = if_as_known(request, known);
        self.http.send(request, Self::sending(call, EVENT), json::<Event>).await?.placed(None)
    }

    /// The zone of a calendar, which the answer about a single event leaves out.
    async fn zone_of(&self, call: Call<'_>, calendar: &CalendarId) -> Result<Option<Zone>, CalendarError> {
        let mut url = self.url(&["users", "me", "calendarList", calendar.as_str()]);
        url.query_pairs_mut().append_pair("fields", "id,timeZone");
        match self.get::<ListedCalendar>(call, LISTED_CALENDAR, url).await {
            Ok(listed) => Ok(listed.time_zone.and_then(|zone| zone.parse().ok())),
            // Handed on, these would be taken for the event's.
            Err(error) if error.concerns_one_calendar() => Err(CalendarError::Unreadable),
            Err(error) => Err(error),
        }
    }
}

/// A kind of list: what it is called in the log and in its pages.
#[derive(Clone, Copy)]
struct List {
    route: &'static str,
    kind: &'static str,
}

const LISTED_CALENDAR: &str = "/users/me/calendarList/{calendar}";
const EVENT_LIST: List = List { route: EVENTS, kind: "calendar#events" };
const CALENDAR_LIST: List = List { route: "/users/me/calendarList", kind: "calendar#calendarList" };

#[async_trait]
impl OAuth for Google {
    fn authorize_url(&self, authorize: &Authorize<'_>) -> Url {
        let mut url = self.config.authorize_url.clone();
        let scopes = SCOPES.map(|(scope, _)| scope).join(" ");
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", authorize.redirect_uri)
            .append_pair("scope", &scopes)
            .append_pair("state", authorize.state)
            .append_pair("code_challenge", authorize.challenge)
            .append_pair("code_challenge_method", "S256")
            // Without both, a second consent by the same account brings no refresh token.
            .append_pair("access_type", "offline")
            .append_pair("prompt", "consent")
            .append_pair("include_granted_scopes", "true");
        if let Some(account) = authorize.login_hint {
            query.append_pair("login_hint", account);
        }
        drop(query);
        url
    }

    fn missing_scopes(&self, granted: &[String]) -> Vec<&'static str> {
        let has = |scope: &str| granted.iter().any(|granted| granted == scope);
        SCOPES
            .iter()
            .filter(|(scope, broader)| !has(scope) && !broader.iter().any(|scope| has(scope)))
            .map(|(scope, _)| *scope)
            .collect()
    }

    async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &str,
        deadline: Instant,
    ) -> Result<Grant, CalendarError> {
        self.registration.exchange(code, verifier, redirect_uri, self.clock.now(), deadline).await
    }

    async fn refresh(&self, refresh: &SecretString, deadline: Instant) -> Result<Grant, CalendarError> {
        self.registration.refresh(refresh, self.clock.now(), deadline).await
    }

    async fn revoke(&self, token: &SecretString, deadline: Instant) -> Result<(), CalendarError> {
        self.registration.revoke(token, deadline).await
    }
}

#[async_trait]
impl Calendar for Google {
    async fn account(&self, call: Call<'_>) -> Result<Account, CalendarError> {
        let mut url = self.url(&["users", "me", "calendarList", "primary"]);
        url.query_pairs_mut().append_pair("fields", "id,timeZone");
        let primary: ListedCalendar = self.get(call, "/users/me/calendarList/primary", url).await?;
        let default_calendar = primary.id.parse().map_err(|_malformed| CalendarError::Unreadable)?;
        // The primary calendar goes by the account's own address. It is the only name of the account that these scopes
        // show; after a change of address it is another account to us.
        let (id, label) = (primary.id.clone(), primary.id);
        Ok(Account { id, label, default_calendar, time_zone: primary.time_zone })
    }

    async fn calendars(&self, call: Call<'_>) -> Result<Vec<CalendarInfo>, CalendarError> {
        let mut url = self.url(&["users", "me", "calendarList"]);
        let fields = "id,summary,summaryOverride,timeZone,primary,deleted,accessRole,dataOwner";
        url.query_pairs_mut()
            .append_pair("maxResults", "250")
            .append_pair("fields", &format!("kind,nextPageToken,items({fields})"));
        let (listed, _) = self.list::<ListedCalendar>(call, CALENDAR_LIST, url).await?;
        let account = listed.iter().find(|calendar| calendar.primary).map(|primary| primary.id.clone());
        listed
            .into_iter()
            .filter(|calendar| !calendar.deleted)
            .map(|calendar| calendar.into_info(account.as_deref()))
            .collect()
    }

    async fn busy(&self, call: Call<'_>, query: &BusyQuery<'_>) -> Result<Busy, CalendarError> {
        if query.window.is_empty() {
            return Ok(Busy::default());
        }
        let (mut busy, events) = try_join(self.free_busy(call, query), self.events(call, query)).await?;
        busy.extend(events);
        busy.spans.retain(|span| !span.is_empty());
        Ok(busy)
    }

    async fn event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        id: &EventId,
    ) -> Result<Option<Placed>, CalendarError> {
        match self.read_event(call, calendar, id).await {
            Ok(placed) => Ok(Some(placed)),
            Err(CalendarError::Gone) => Ok(None),
            Err(CalendarError::NotFound) => self.no_event_in(call, calendar).await.map(|()| None),
            Err(error) => Err(error),
        }
    }

    async fn find_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        key: &EventKey,
    ) -> Result<Option<Placed>, CalendarError> {
        self.event(call, calendar, &event_id(key)).await
    }

    async fn put_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        draft: &EventDraft,
        known: Option<&Known>,
        notify: Notify,
    ) -> Result<Put, CalendarError> {
        let (written, id) = match known {
            None => (self.insert(call, calendar, draft, notify).await, event_id(&draft.key)),
            Some(known) => (self.patch(call, calendar, draft, known, notify).await, known.id.clone()),
        };
        let refused = match written {
            Ok(placed) => return Ok(Put::Placed(placed)),
            Err(CalendarError::Gone) if known.is_some() => return Ok(Put::Deleted),
            Err(refused) => refused,
        };
        match refused {
            // What stands there is told, and nothing else is known of it.
            CalendarError::Conflict | CalendarError::Changed => {
                let read = self.event(call, calendar, &id).await?;
                Ok(read.map_or(Put::Deleted, Put::Changed))
            }
            CalendarError::NotFound if known.is_some() => {
                self.no_event_in(call, calendar).await.map(|()| Put::Deleted)
            }
            // Google forbids a change to a deleted event instead of saying that it is gone, and a host whose event was
            // deleted must not be told that their permission was lost. Only reading it tells the two apart.
            CalendarError::Denied { .. } | CalendarError::Rejected { .. } if known.is_some() => {
                match self.read_event(call, calendar, &id).await {
                    Err(CalendarError::Gone) => Ok(Put::Deleted),
                    Ok(_) | Err(_) => Err(refused),
                }
            }
            CalendarError::Revoked
            | CalendarError::Unauthorized
            | CalendarError::Denied { .. }
            | CalendarError::Throttled { .. }
            | CalendarError::NotFound
            | CalendarError::Gone
            | CalendarError::CursorExpired
            | CalendarError::Rejected { .. }
            | CalendarError::Unreachable
            | CalendarError::Unreadable => Err(refused),
        }
    }

    async fn delete_event(
        &self,
        call: Call<'_>,
        calendar: &CalendarId,
        known: &Known,
        notify: Notify,
    ) -> Result<Deletion, CalendarError> {
        let mut url = self.event_url(calendar, &known.id);
        url.query_pairs_mut().append_pair("sendUpdates", send_updates(notify));
        let request = if_as_known(self.request(call, Method::DELETE, url), known);
        match self.http.send(request, Self::sending(call, EVENT), done).await {
            Ok(()) | Err(CalendarError::Gone) => Ok(Deletion::Done),
            Err(CalendarError::NotFound) => self.no_event_in(call, calendar).await.map(|()| Deletion::Done),
            Err(CalendarError::Changed) => {
                let read = self.event(call, calendar, &known.id).await?;
                Ok(read.map_or(Deletion::Done, Deletion::Changed))
            }
            Err(error) => Err(error),
        }
    }
}

/// The request under the version that is known, if one is.
fn if_as_known(request: RequestBuilder, known: &Known) -> RequestBuilder {
    match &known.etag {
        Some(etag) => request.header(header::IF_MATCH, etag),
        None => request,
    }
}

/// Google's word for who hears of a write.
fn send_updates(notify: Notify) -> &'static str {
    match notify {
        Notify::Guests => "all",
        Notify::Nobody => "none",
    }
}

/// Narrows a list of events to those that carry our mark.
fn only_of(url: &mut Url, owner: &IntegrationId) {
    url.query_pairs_mut()
        .append_pair("privateExtendedProperty", &format!("{}={owner}", wire::OWNER_PROPERTY));
}

/// The window in pieces that free/busy accepts.
fn pieces(window: Span) -> impl Iterator<Item = Span> {
    let length = DAYS_A_QUERY * 288;
    (window.start.index()..window.end.index()).step_by(usize::try_from(length).unwrap_or(usize::MAX)).map(
        move |start| Span::new(Tick::from_index(start), window.end.min(Tick::from_index(start + length))),
    )
}

/// Reads free/busy for the calendars that were asked about, not for those that were answered: one that is left
/// out of the answer has not been read.
fn read_free_busy(answer: &FreeBusy, calendars: &[&CalendarId], window: Span) -> Busy {
    let mut busy = Busy::default();
    for &calendar in calendars {
        let mut failure = None;
        if let Some(answered) = answer.calendars.get(calendar.as_str()) {
            if !answered.errors.is_empty() {
                failure = Some(of_one_calendar(answered.errors.iter().map(|error| error.reason.as_str())));
            }
            for period in &answered.busy {
                match period.span() {
                    Some(span) => busy.spans.push(span.intersect(window)),
                    None => failure = Some(CalendarError::Unreadable),
                }
            }
        } else {
            failure = Some(CalendarError::Unreadable);
        }
        busy.unreadable.extend(failure.map(|error| (calendar.clone(), error)));
    }
    busy
}

#[cfg(test)]
mod tests;
