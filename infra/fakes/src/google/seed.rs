//! The hand of the test, or of the demo: accounts, calendars and events, and what goes wrong with them.
//!
//! Names that do not exist are mistakes of the test, so these panic. Adding what is there already changes
//! nothing, so that a demo can be seeded at every start over a kept state.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::body::{merge, settle};
use super::events::{bump, first_fields, is_event_id, new_event_id, put};
use super::render::View;
use super::world::{Account, Calendar, Fields, Listed, Role, World};
use super::zone::Zone;
use super::{Google, Site, errors};

/// An event to put into a calendar from outside, as its owner would in the web interface.
#[derive(Clone, Debug)]
pub struct EventSpec {
    /// Its id; a random one if none is given.
    pub id: Option<String>,
    /// Its title.
    pub summary: String,
    /// When it begins. For a whole-day event the UTC date counts.
    pub start: DateTime<Utc>,
    /// When it has ended. For a whole-day event the UTC date counts, and is the first day after it.
    pub end: DateTime<Utc>,
    /// Whether it is made of days of the calendar's zone.
    pub all_day: bool,
    /// Whether it shows as free.
    pub transparent: bool,
    /// `confirmed`, `tentative` or `cancelled`.
    pub status: &'static str,
    /// `default`, `outOfOffice`, `focusTime`, `workingLocation`, `birthday` or `fromGmail`.
    pub event_type: &'static str,
    /// Who invited the calendar's owner; the calendar itself if nobody did.
    pub organizer: Option<String>,
    /// What the calendar's owner answered: `needsAction`, `accepted`, `tentative` or `declined`.
    pub self_response: Option<&'static str>,
    /// More of Google's fields, put over all others, e.g. `recurringEventId`.
    pub extra: Map<String, Value>,
}

impl Default for EventSpec {
    fn default() -> Self {
        Self {
            id: None,
            summary: "Busy".to_owned(),
            start: DateTime::UNIX_EPOCH,
            end: DateTime::UNIX_EPOCH,
            all_day: false,
            transparent: false,
            status: "confirmed",
            event_type: "default",
            organizer: None,
            self_response: None,
            extra: Map::new(),
        }
    }
}

impl EventSpec {
    /// A confirmed, opaque event.
    pub fn new(summary: &str, start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        Self { summary: summary.to_owned(), start, end, ..Self::default() }
    }

    fn point(&self, time: DateTime<Utc>) -> Value {
        if self.all_day {
            json!({ "date": time.date_naive() })
        } else {
            json!({ "dateTime": time.to_rfc3339_opts(SecondsFormat::Secs, true) })
        }
    }

    pub(super) fn fields(self, calendar: &str) -> Fields {
        let transparency = if self.transparent { "transparent" } else { "opaque" };
        let mut fields = Fields::from_iter([
            ("summary".to_owned(), json!(self.summary)),
            ("start".to_owned(), self.point(self.start)),
            ("end".to_owned(), self.point(self.end)),
            ("status".to_owned(), json!(self.status)),
            ("eventType".to_owned(), json!(self.event_type)),
            ("transparency".to_owned(), json!(transparency)),
        ]);
        if let Some(organizer) = &self.organizer {
            fields.insert("organizer".to_owned(), json!({ "email": organizer }));
        }
        if let Some(response) = self.self_response {
            fields.insert("attendees".to_owned(), json!([{ "email": calendar, "responseStatus": response }]));
        }
        merge(&mut fields, self.extra);
        fields
    }
}

impl Google {
    /// An account with its primary calendar, whose id is the address and whose zone is UTC.
    pub fn add_account(&self, email: &str, name: &str) {
        self.site.change(|world| {
            world
                .accounts
                .entry(email.to_owned())
                .or_insert_with(|| Account { name: name.to_owned(), listed: Vec::new() });
            list(world, email, email, email, Role::Owner);
        });
    }

    /// A calendar in an account's list, under `owner`, `writer`, `reader` or `freeBusyReader`. An id that another
    /// account lists already is the same calendar, shared.
    #[track_caller]
    pub fn add_calendar(&self, email: &str, id: &str, summary: &str, access_role: &str) {
        let Some(role) = Role::parse(access_role) else { panic!("{access_role} is no access role") };
        self.site.change(|world| list(world, email, id, summary, role));
    }

    /// The zone, by its IANA name, in which a calendar's times are written and its whole days begin and end.
    #[track_caller]
    pub fn set_time_zone(&self, calendar: &str, name: &str) {
        let Ok(zone) = name.parse() else { panic!("there is no zone {name}") };
        self.site.change(|world| match world.calendars.get_mut(calendar) {
            Some(calendar) => calendar.zone = zone,
            None => panic!("there is no calendar {calendar}"),
        });
    }

    /// Puts an event into a calendar (or leaves the one that has its id) and gives its id.
    #[track_caller]
    pub fn add_event(&self, email: &str, calendar: &str, spec: EventSpec) -> String {
        let now = self.site.now();
        self.site.change(|world| {
            let (listed, found) = find(world, email, calendar);
            let id = spec.id.clone().unwrap_or_else(new_event_id);
            assert!(is_event_id(&id), "{id} is no event id");
            if found.events.contains_key(&id) {
                return id;
            }
            let creator = spec.organizer.as_deref().unwrap_or(email);
            let mut fields = first_fields(&id, creator, &listed, found, now);
            merge(&mut fields, spec.fields(&listed.id));
            settled(&mut fields, found.zone);
            put(world, &listed.id, &id, fields, now);
            id
        })
    }

    /// Changes an event by a merge patch of Google's fields, as its owner would in the web interface.
    #[track_caller]
    pub fn edit_event(&self, email: &str, calendar: &str, id: &str, patch: &Value) {
        let Some(patch) = patch.as_object() else { panic!("a patch is an object, not {patch}") };
        let now = self.site.now();
        self.site.change(|world| {
            let (listed, found) = find(world, email, calendar);
            let Some(event) = found.events.get(id) else { panic!("there is no event {id}") };
            let mut fields = event.fields.clone();
            merge(&mut fields, patch.clone());
            settled(&mut fields, found.zone);
            if ["start", "end"].iter().any(|name| fields.get(*name) != event.fields.get(*name)) {
                bump(&mut fields);
            }
            put(world, &listed.id, id, fields, now);
        });
    }

    /// Drags an event to another time.
    #[track_caller]
    pub fn move_event(
        &self,
        email: &str,
        calendar: &str,
        id: &str,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) {
        let patch = json!({
            "start": { "date": null, "dateTime": start.to_rfc3339_opts(SecondsFormat::Secs, true) },
            "end": { "date": null, "dateTime": end.to_rfc3339_opts(SecondsFormat::Secs, true) },
        });
        self.edit_event(email, calendar, id, &patch);
    }

    /// Deletes an event, as its owner would.
    #[track_caller]
    pub fn remove_event(&self, email: &str, calendar: &str, id: &str) {
        self.edit_event(email, calendar, id, &json!({ "status": "cancelled" }));
    }

    /// The events of a calendar that are not deleted, as the API shows them to its owner, by id.
    #[track_caller]
    pub fn events(&self, email: &str, calendar: &str) -> Vec<Value> {
        self.site.make_meetings();
        let world = self.site.world();
        let (listed, found) = find(&world, email, calendar);
        let view = owner_view(&self.site, email, &listed.id, found.zone);
        found.events.values().filter(|event| !event.is_cancelled()).map(|event| view.whole(event)).collect()
    }

    /// From now on free/busy gives this error for the calendar, inside its 200; `events.list` answers 404 if
    /// the reason is `notFound`, else 500.
    pub fn break_calendar(&self, id: &str, reason: &str) {
        self.site.change(|world| world.broken.insert(id.to_owned(), reason.to_owned()));
    }

    /// Undoes [`Google::break_calendar`].
    pub fn mend_calendar(&self, id: &str) {
        self.site.change(|world| world.broken.remove(id));
    }

    /// The account's owner withdraws the app's access: every token of it is dead.
    pub fn revoke_grants(&self, email: &str) {
        self.site.change(|world| world.revoke(email, None));
    }

    /// Whether the client of the options still holds a grant of this account.
    pub fn is_connected(&self, email: &str) -> bool {
        self.site.world().live_grants(email, &self.site.options.client_id).next().is_some()
    }

    /// Every access token is an hour old at once; refresh tokens live on.
    pub fn expire_access_tokens(&self) {
        let now = self.site.now();
        self.site.change(|world| world.access.values_mut().for_each(|access| access.expires_at = now));
    }

    /// Every sync token handed out so far is 410 `fullSyncRequired`.
    pub fn expire_sync_tokens(&self) {
        self.site.change(|world| world.sync_epoch += 1);
    }

    /// No list gives more than `size` items a page, whatever it is asked for.
    pub fn set_page_size(&self, size: usize) {
        self.site.change(|world| world.page_size = Some(size));
    }

    /// The next call of `op` is told `rateLimitExceeded`, under a 403.
    pub fn rate_limit(&self, op: &str) {
        self.faults.next(op, errors::rate_limited_403());
    }

    /// Everything that may appear in no log, store or answer: the client secret, and every code, token and
    /// code verifier there ever was.
    pub fn secrets(&self) -> Vec<String> {
        let clients = self.site.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut secrets: Vec<String> = clients.iter().map(|client| client.secret.clone()).collect();
        secrets.extend(self.site.world().secrets.iter().cloned());
        secrets
    }
}

fn list(world: &mut World, email: &str, id: &str, summary: &str, role: Role) {
    let owner = if role == Role::Owner { email.to_owned() } else { "someone.else@example.com".to_owned() };
    world.calendars.entry(id.to_owned()).or_insert_with(|| Calendar {
        summary: summary.to_owned(),
        owner,
        zone: Zone::UTC,
        events: std::collections::BTreeMap::new(),
    });
    let Some(account) = world.accounts.get_mut(email) else { panic!("there is no account {email}") };
    match account.listed.iter_mut().find(|listed| listed.id == id) {
        Some(listed) => listed.role = role,
        None => account.listed.push(Listed { id: id.to_owned(), role }),
    }
}

#[track_caller]
pub(super) fn find<'w>(world: &'w World, email: &str, calendar: &str) -> (Listed, &'w Calendar) {
    let found = world.listed(email, calendar).and_then(|listed| {
        let calendar = world.calendars.get(&listed.id)?;
        Some((listed, calendar))
    });
    match found {
        Some(found) => found,
        None => panic!("{email} has no calendar {calendar}"),
    }
}

#[track_caller]
fn settled(fields: &mut Fields, zone: Zone) {
    if let Err(refusal) = settle(fields, zone) {
        panic!("no such event can be: {refusal:?}");
    }
}

fn owner_view<'a>(site: &'a Site, account: &'a str, calendar: &'a str, zone: Zone) -> View<'a> {
    View { base: site.base(), account, calendar, zone, times_only: false, most_attendees: usize::MAX }
}
