//! Bodies and queries that callers send. The types document the API; their fields are read one by one.

use chrono::{FixedOffset, NaiveDate, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use utoipa::{IntoParams, ToSchema};

use super::fields::{Email, Fields, FreeForm, FromFields, Locale, Prose, Start, Text};
use crate::domain::{EventTypeSlug, Guest, HostId, Ticks};
use crate::flows::{BookRequest, HoldToken, Settings, SlotsQuery, Wanted};

/// The longest window that one listing covers, in days.
pub const LONGEST_WINDOW: i64 = 62;

/// Connects a calendar account of a host.
#[derive(Clone, Debug, ToSchema)]
pub struct ConnectRequest {
    /// Whose account.
    #[schema(value_type = String, example = "hst_ada1")]
    pub host: HostId,
    /// Where the browser goes after the callback: an allowed URL.
    #[schema(max_length = 2000, example = "https://app.example/integrations")]
    pub return_to: Option<String>,
}

impl FromFields for ConnectRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let host = fields.required("host");
        let return_to = fields.optional::<Text<1, 2000>>("return_to");
        Some(Self { host: host?, return_to: return_to?.map(|text| text.0) })
    }
}

/// Which integrations to list.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IntegrationsQuery {
    /// Only those of this host.
    #[param(value_type = Option<String>, example = "hst_ada1")]
    pub host: Option<HostId>,
}

impl FromFields for IntegrationsQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { host: fields.optional("host")? })
    }
}

/// Changes an integration's settings; what is left out stays.
#[derive(Clone, Debug, ToSchema)]
pub struct SettingsRequest {
    /// The calendar that bookings are written to.
    pub target_calendar: Option<String>,
    /// The calendars whose events block; at most 50.
    #[schema(max_items = 50)]
    pub conflict_calendars: Option<Vec<String>>,
    /// Whether the integration counts.
    pub enabled: Option<bool>,
}

impl FromFields for SettingsRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let target = fields.optional::<Text<1, 1024>>("target_calendar");
        let conflicts = fields.optional::<Vec<Text<1, 1024>>>("conflict_calendars");
        let enabled = fields.optional("enabled");
        Some(Self {
            target_calendar: target?.map(|text| text.0),
            conflict_calendars: conflicts?.map(|ids| ids.into_iter().map(|text| text.0).collect()),
            enabled: enabled?,
        })
    }
}

impl From<SettingsRequest> for Settings {
    fn from(request: SettingsRequest) -> Self {
        Self {
            target_calendar: request.target_calendar,
            conflict_calendars: request.conflict_calendars,
            enabled: request.enabled,
        }
    }
}

/// Which slots to list.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SlotsParams {
    /// The first local date of the guest's zone.
    #[param(value_type = String, format = Date, example = "2026-11-23")]
    pub from: NaiveDate,
    /// The local date after the last; at most 62 days after `from`.
    #[param(value_type = String, format = Date, example = "2026-11-30")]
    pub to: NaiveDate,
    /// The guest's zone, by its IANA name.
    #[param(value_type = String, example = "America/Sao_Paulo")]
    pub time_zone: Tz,
    /// Minutes: one of the event type's lengths; its first when left out.
    #[param(value_type = Option<i64>, minimum = 5, maximum = 720, multiple_of = 5, example = 30)]
    pub length: Option<Ticks>,
}

impl FromFields for SlotsParams {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let from = fields.required::<NaiveDate>("from");
        let to = fields.required::<NaiveDate>("to");
        let time_zone = fields.required("time_zone");
        let length = fields.optional("length");
        if let (Some(from), Some(to)) = (from, to) {
            if to <= from {
                fields.wrong("to", "must lie after `from`");
            } else if to - from > TimeDelta::days(LONGEST_WINDOW) {
                fields.wrong("to", "must lie at most 62 days after `from`");
            }
        }
        // Dates that far off would only overflow further down.
        let in_range = |date: &NaiveDate| (1970..=2200).contains(&chrono::Datelike::year(date));
        if from.is_some_and(|date| !in_range(&date)) {
            fields.wrong("from", "must lie between 1970 and 2200");
        }
        if to.is_some_and(|date| !in_range(&date)) {
            fields.wrong("to", "must lie between 1970 and 2200");
        }
        Some(Self { from: from?, to: to?, time_zone: time_zone?, length: length? })
    }
}

impl From<SlotsParams> for SlotsQuery {
    fn from(params: SlotsParams) -> Self {
        Self { from: params.from, to: params.to, zone: params.time_zone, length: params.length }
    }
}

/// Keeps a slot for a few minutes.
#[derive(Clone, Debug, ToSchema)]
pub struct HoldRequest {
    /// The event type's slug.
    #[schema(value_type = String, example = "intro")]
    pub event_type: EventTypeSlug,
    /// The slot's start, with its offset.
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T09:30:00-03:00")]
    pub start: Start,
    /// Minutes: one of the event type's lengths; its first when left out.
    #[schema(value_type = Option<i64>, minimum = 5, maximum = 720, multiple_of = 5, example = 30)]
    pub length: Option<Ticks>,
}

impl FromFields for HoldRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let event_type = fields.required("event_type");
        let start = fields.required("start");
        let length = fields.optional("length");
        Some(Self { event_type: event_type?, start: start?, length: length? })
    }
}

/// Gives a hold back.
#[derive(Clone, Debug, ToSchema)]
pub struct ReleaseRequest {
    /// The hold.
    #[schema(value_type = String)]
    pub hold: HoldToken,
}

impl FromFields for ReleaseRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { hold: hold(fields)? })
    }
}

fn hold(fields: &mut Fields) -> Option<HoldToken> {
    let text: Text<1, 4200> = fields.required("hold")?;
    match HoldToken::parse(&text.0) {
        Ok(token) => Some(token),
        Err(error) => {
            fields.wrong("hold", &error.to_string());
            None
        }
    }
}

/// The person who books.
#[derive(Clone, Debug, ToSchema)]
pub struct GuestRequest {
    /// Full name.
    #[schema(min_length = 1, max_length = 200, example = "Grace Hopper")]
    pub name: String,
    /// E-mail address.
    #[schema(format = Email, max_length = 254, example = "grace@example.com")]
    pub email: String,
    /// Telephone number.
    #[schema(min_length = 3, max_length = 40, example = "+1 202 555 0143")]
    pub phone: Option<String>,
    /// The zone in which the guest reads times.
    #[schema(value_type = String, example = "America/New_York")]
    pub time_zone: Tz,
    /// BCP 47 language tag.
    #[schema(example = "en")]
    pub locale: Option<String>,
}

impl FromFields for GuestRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required::<Text<1, 200>>("name");
        let email = fields.required::<Email>("email");
        let phone = fields.optional::<Text<3, 40>>("phone");
        let time_zone = fields.required("time_zone");
        let locale = fields.optional::<Locale>("locale");
        Some(Self {
            name: name?.0,
            email: email?.0,
            phone: phone?.map(|text| text.0),
            time_zone: time_zone?,
            locale: locale?.map(|tag| tag.0),
        })
    }
}

/// Confirms a hold, or books a free slot: either `hold`, or `event_type` and `start`.
#[derive(Clone, Debug, ToSchema)]
pub struct BookingRequest {
    /// The hold to confirm.
    pub hold: Option<String>,
    /// The event type's slug, when there is no hold.
    #[schema(value_type = Option<String>, example = "intro")]
    pub event_type: Option<EventTypeSlug>,
    /// The slot's start, when there is no hold.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start: Option<Start>,
    /// Minutes, when there is no hold.
    #[schema(value_type = Option<i64>, minimum = 5, maximum = 720, multiple_of = 5)]
    pub length: Option<Ticks>,
    /// Who books.
    pub guest: GuestRequest,
    /// Answers to the event type's questions; at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub answers: Option<String>,
    /// Free text, of one or more lines.
    #[schema(max_length = 4000)]
    pub notes: Option<String>,
    /// Free-form data of the booker's; at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<String>,
    /// Whether the booking is to appear in the host's calendar. Default true.
    pub sync_to_calendar: Option<bool>,
    #[schema(ignore)]
    wanted: Wanted,
}

impl FromFields for BookingRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let wanted = if fields.has("hold") { held(fields) } else { slot(fields) };
        let guest = fields.object("guest");
        let answers = fields.optional::<FreeForm>("answers");
        let notes = fields.optional::<Prose<4000>>("notes");
        let metadata = fields.optional::<FreeForm>("metadata");
        let sync_to_calendar = fields.optional("sync_to_calendar");
        let (wanted, start) = wanted?;
        Some(Self {
            hold: None,
            event_type: None,
            start,
            length: None,
            guest: guest?,
            answers: answers?.map(|json| json.0),
            notes: notes?.map(|text| text.0),
            metadata: metadata?.map(|json| json.0),
            sync_to_calendar: sync_to_calendar?,
            wanted,
        })
    }
}

/// What a hold holds. Whatever else is said of the slot must agree with it.
fn held(fields: &mut Fields) -> Option<(Wanted, Option<Start>)> {
    let token = hold(fields);
    let event_type = fields.optional::<EventTypeSlug>("event_type");
    let start = fields.optional::<Start>("start");
    let length = fields.optional::<Ticks>("length");
    let (token, event_type, start, length) = (token?, event_type?, start?, length?);
    let differing = [
        ("event_type", event_type.is_some_and(|slug| slug != *token.event_type())),
        ("start", start.is_some_and(|start| start.tick != token.slot().start)),
        ("length", length.is_some_and(|length| length != token.length())),
    ];
    for (field, _) in differing.iter().filter(|(_, differs)| *differs) {
        fields.wrong(field, "is not what the hold holds");
    }
    differing.iter().all(|(_, differs)| !differs).then_some((Wanted::Held(token), start))
}

fn slot(fields: &mut Fields) -> Option<(Wanted, Option<Start>)> {
    let event_type = fields.required("event_type");
    let start = fields.required::<Start>("start");
    let length = fields.optional("length");
    let start = start?;
    Some((Wanted::Slot { event_type: event_type?, start: start.tick, length: length? }, Some(start)))
}

impl BookingRequest {
    /// The offset in which alternatives are named: that of `start`, else the guest's.
    pub fn offset(&self) -> FixedOffset {
        match (self.start, &self.wanted) {
            (Some(start), _) => start.offset,
            (None, Wanted::Held(token)) => {
                let start = token.slot().start.instant().naive_utc();
                self.guest.time_zone.offset_from_utc_datetime(&start).fix()
            }
            (None, Wanted::Slot { .. }) => Utc.fix(),
        }
    }
}

impl From<BookingRequest> for BookRequest {
    fn from(request: BookingRequest) -> Self {
        let guest = request.guest;
        Self {
            wanted: request.wanted,
            guest: Guest {
                name: guest.name,
                email: guest.email,
                phone: guest.phone,
                time_zone: guest.time_zone,
                locale: guest.locale,
            },
            answers: request.answers,
            notes: request.notes,
            metadata: request.metadata,
            sync_to_calendar: request.sync_to_calendar.unwrap_or(true),
        }
    }
}

/// What the provider sends the browser back with.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    /// The state of the start.
    pub state: String,
    /// The authorization code.
    #[param(value_type = Option<String>)]
    pub code: Option<SecretString>,
    /// Why there is no code.
    pub error: Option<String>,
}

impl FromFields for CallbackQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let state = fields.required::<Text<1, 200>>("state");
        let code = fields.optional::<Text<1, 4000>>("code");
        let error = fields.optional::<Text<1, 200>>("error");
        // Providers send more than we need: `scope`, `iss`, `session_state`, `error_description`...
        fields.ignore_rest();
        Some(Self {
            state: state?.0,
            code: code?.map(|code| code.0.into()),
            error: error?.map(|error| error.0),
        })
    }
}

/// The click of a browser that was asked.
#[derive(Clone, Debug, ToSchema)]
pub struct ApproveForm {
    /// What the page carried.
    pub approve: String,
}

impl FromFields for ApproveForm {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { approve: fields.required::<Text<1, 200>>("approve")?.0 })
    }
}
