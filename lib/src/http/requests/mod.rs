//! Bodies and queries that callers send. The types document the API; their fields are read one by one.

mod bookings;
mod catalog;
mod event_types;
mod pages;
mod paging;

pub use bookings::{
    AvailabilityParams, BookingPatch, BookingRequest, BookingsParams, GuestJobRequest, GuestRequest,
    HoldRequest, JobParams, ReasonRequest, ReleaseRequest, RescheduleRequest,
};
pub use catalog::{
    DayHoursRequest, HostPatch, HostRequest, HostsQuery, HoursRequest, SchedulePatch, ScheduleRequest,
    SchedulesQuery, TenantRequest, WeekRequest,
};
pub use event_types::{
    EventTypePatch, EventTypeRequest, EventTypeSettings, EventTypesQuery, LocationRequest, QuestionRequest,
};
pub use pages::{
    BookForm, CancelForm, HoldForm, ManageQuery, MoveForm, MoveQuery, WeekQuery, answer_field, form_key,
};
pub use paging::{Cursor, Limit, USUAL_LIMIT, cursor};

use chrono::{NaiveDate, TimeDelta};
use secrecy::SecretString;
use utoipa::{IntoParams, ToSchema};

use crate::domain::{HostId, Ticks, Zone};
use crate::flows::{Leaving, Settings, SlotsQuery};
use crate::http::fields::{Fields, FromFields, Text};
use crate::http::words;

/// The longest window that one listing covers, in days.
pub const LONGEST_WINDOW: i64 = 62;

/// Connects a calendar account of a host.
#[derive(Clone, Debug, ToSchema)]
pub struct ConnectRequest {
    /// Whose account.
    #[schema(value_type = words::HostId)]
    pub host: HostId,
    /// Where the browser goes after the callback: an allowed URL.
    #[schema(
        min_length = 1,
        max_length = 2000,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "https://app.example/integrations"
    )]
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
    #[param(value_type = words::HostId, required = false)]
    pub host: Option<HostId>,
}

impl FromFields for IntegrationsQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { host: fields.optional("host")? })
    }
}

/// How an integration is disconnected.
#[derive(Clone, Copy, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DisconnectQuery {
    /// Whether the events of bookings stay in the calendar, and out of reach. They are removed when left out.
    #[param(required = false)]
    pub keep_events: bool,
    /// Whether guests may be mailed that their event is cancelled, where the provider tells them when it is removed.
    #[param(required = false)]
    pub mail_guests: bool,
}

impl FromFields for DisconnectQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let (keep_events, mail_guests) = (fields.optional("keep_events"), fields.optional("mail_guests"));
        Some(Self { keep_events: keep_events?.unwrap_or(false), mail_guests: mail_guests?.unwrap_or(false) })
    }
}

impl From<DisconnectQuery> for Leaving {
    fn from(query: DisconnectQuery) -> Self {
        Self { keeps_events: query.keep_events, may_mail_guests: query.mail_guests }
    }
}

/// How the events of bookings move to another calendar.
#[derive(Clone, Copy, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MoveEventsQuery {
    /// Whether guests may be mailed that their event is cancelled, where the provider tells them when it is removed from
    /// the calendar that it leaves.
    #[param(required = false)]
    pub mail_guests: bool,
}

impl FromFields for MoveEventsQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { mail_guests: fields.optional("mail_guests")?.unwrap_or(false) })
    }
}

/// Changes an integration's settings; what is left out stays.
#[derive(Clone, Debug, ToSchema)]
pub struct SettingsRequest {
    /// The calendar of this account that the host's bookings are written to. The events of those to come move there.
    #[schema(min_length = 1, max_length = 1024, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub target_calendar: Option<String>,
    /// The calendars whose events block; at most 50.
    #[schema(value_type = Option<Vec<words::CalendarId>>, max_items = 50)]
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

impl SettingsRequest {
    /// The change that is asked for.
    pub fn with(self, query: MoveEventsQuery) -> Settings {
        Settings {
            target_calendar: self.target_calendar,
            conflict_calendars: self.conflict_calendars,
            enabled: self.enabled,
            may_mail_guests: query.mail_guests,
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
    #[param(value_type = words::TimeZone)]
    pub time_zone: Zone,
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

/// What the provider sends the browser back with.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    /// The state of the start.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub state: String,
    /// The authorization code.
    #[param(value_type = Option<String>, min_length = 1, max_length = 4000, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub code: Option<SecretString>,
    /// Why there is no code.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
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
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub approve: String,
}

impl FromFields for ApproveForm {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { approve: fields.required::<Text<1, 200>>("approve")?.0 })
    }
}
