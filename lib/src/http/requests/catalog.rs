//! Tenants, hosts and schedules as staff send them.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde_json::Value;
use url::Url;
use utoipa::openapi::schema::{Array, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, ToSchema};

use super::{Cursor, Limit, USUAL_LIMIT};
use crate::domain::schedule::{MOST_HOURS, MOST_OVERRIDES};
use crate::domain::{
    CalendarRef, DayHours, Host, HostId, HostSchedule, Hours, IntegrationId, Schedule, ScheduleId,
    TenantSettings, TimeOfDay, Week, Zone,
};
use crate::flows::{NewHost, NewSchedule};
use crate::http::fields::{Email, Fields, FromField, FromFields, Locale, Text};
use crate::http::words;

const MOST_ORIGINS: usize = 20;

/// A whole number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole<const LEAST: u16, const MOST: u16>(pub(super) u16);

impl<const LEAST: u16, const MOST: u16> FromField for Whole<LEAST, MOST> {
    fn from_json(value: &Value) -> Result<Self, String> {
        let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
        let number = number.filter(|number| (LEAST..=MOST).contains(number));
        number.map(Self).ok_or_else(|| format!("must be a whole number from {LEAST} to {MOST}"))
    }
}

/// A tenant's settings, all of them: what is left out is as if it had never been set.
#[derive(Clone, Debug, ToSchema)]
pub struct TenantRequest {
    /// The name that guests see.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Analytical Engines"
    )]
    pub name: String,
    /// The zone in which the business reads times, by its IANA name.
    #[schema(value_type = words::TimeZone)]
    pub time_zone: Zone,
    /// BCP 47 language tag of its pages and mails.
    #[schema(value_type = words::LanguageTag)]
    pub locale: String,
    /// The line under its name on the public pages.
    #[schema(min_length = 1, max_length = 300, example = "Weaving algebraical patterns since 1843.")]
    pub claim: Option<String>,
    /// Origins whose pages may call the public API from a browser, as browsers send them, or `*`; when there are none,
    /// those of the deployment.
    #[schema(max_items = 20, value_type = Option<Vec<words::Origin>>, example = json!(["https://www.example.com"]))]
    pub cors_origins: Vec<String>,
    /// Days after a booking's end at which its guest's data are erased; never when null.
    #[schema(minimum = 1, maximum = 3650, example = 365)]
    pub retention_days: Option<u16>,
}

impl FromFields for TenantRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required::<Text<1, 200>>("name");
        let time_zone = fields.required("time_zone");
        let locale = fields.required::<Locale>("locale");
        let claim = fields.optional::<Text<1, 300>>("claim");
        let cors_origins = fields.optional::<Vec<Origin>>("cors_origins");
        let retention_days = fields.optional::<Whole<1, 3650>>("retention_days");
        let cors_origins = cors_origins.map(Option::unwrap_or_default);
        if cors_origins.as_ref().is_some_and(|origins| origins.len() > MOST_ORIGINS) {
            fields.wrong("cors_origins", "must have at most 20 entries");
        }
        Some(Self {
            name: name?.0,
            time_zone: time_zone?,
            locale: locale?.0,
            claim: claim?.map(|text| text.0),
            cors_origins: cors_origins?.into_iter().map(|origin| origin.0).collect(),
            retention_days: retention_days?.map(|days| days.0),
        })
    }
}

impl From<TenantRequest> for TenantSettings {
    fn from(request: TenantRequest) -> Self {
        Self {
            name: request.name,
            zone: request.time_zone,
            locale: request.locale,
            claim: request.claim,
            cors_origins: request.cors_origins,
            retention_days: request.retention_days,
            revision: 0,
        }
    }
}

/// `*`, or an origin exactly as browsers write it: no path, no default port.
struct Origin(String);

impl FromField for Origin {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(|| "must be text".to_owned())?;
        let is_origin = Url::parse(text).is_ok_and(|url| {
            let is_web = matches!(url.scheme(), "http" | "https") && !text.contains('*');
            is_web && url.origin().ascii_serialization() == text
        });
        if text.len() <= 300 && (text == "*" || is_origin) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be an origin, e.g. https://www.example.com, or *".to_owned())
        }
    }
}

/// Which page of the hosts to list.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HostsQuery {
    /// The `next_cursor` of the page before.
    #[param(value_type = words::Cursor, required = false)]
    pub cursor: Option<HostId>,
    /// How many at most; 50 when left out.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 100)]
    pub limit: usize,
}

impl FromFields for HostsQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let (cursor, limit) = page(fields)?;
        Some(Self { cursor, limit })
    }
}

/// Which page of the schedules to list.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SchedulesQuery {
    /// Only those of this host.
    #[param(value_type = words::HostId, required = false)]
    pub host: Option<HostId>,
    /// The `next_cursor` of the page before.
    #[param(value_type = words::Cursor, required = false)]
    pub cursor: Option<ScheduleId>,
    /// How many at most; 50 when left out.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 100)]
    pub limit: usize,
}

impl FromFields for SchedulesQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let host = fields.optional("host");
        let page = page(fields);
        let (host, (cursor, limit)) = (host?, page?);
        Some(Self { host, cursor, limit })
    }
}

/// Behind which id the page begins, and how many it holds.
pub(super) fn page<T: std::str::FromStr>(fields: &mut Fields) -> Option<(Option<T>, usize)> {
    let cursor = fields.optional::<Cursor<T>>("cursor");
    let limit = fields.optional::<Limit>("limit");
    Some((cursor?.map(|cursor| cursor.0), limit?.map_or(USUAL_LIMIT, |limit| limit.0)))
}

/// A host to be made, with a first schedule.
#[derive(Clone, Debug, ToSchema)]
pub struct HostRequest {
    /// The name that guests see.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Ada Lovelace"
    )]
    pub name: String,
    /// Where the host is told of bookings.
    #[schema(value_type = Option<words::EmailAddress>)]
    pub email: Option<String>,
    /// The hours of the first schedule; Mon-Fri 09:00-17:00 in the tenant's zone when left out.
    pub hours: Option<HoursRequest>,
}

impl FromFields for HostRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required::<Text<1, 200>>("name");
        let email = fields.optional::<Email>("email");
        let hours = fields.optional_object("hours");
        Some(Self { name: name?.0, email: email?.map(|email| email.0), hours: hours? })
    }
}

impl From<HostRequest> for NewHost {
    fn from(request: HostRequest) -> Self {
        let hours = request.hours.map(|hours| Schedule {
            zone: hours.time_zone,
            weekly: hours.weekly,
            overrides: hours.overrides,
        });
        Self { name: request.name, email: request.email, hours }
    }
}

/// Changes a host; what is left out stays. An `email` that is null is taken away.
#[derive(Clone, Debug, ToSchema)]
pub struct HostPatch {
    /// The name that guests see.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub name: Option<String>,
    /// Where the host is told of bookings.
    #[schema(value_type = Option<words::EmailAddress>)]
    pub email: Option<Option<String>>,
    /// The schedule of event types that name none: one of the host's.
    #[schema(value_type = Option<words::ScheduleId>)]
    pub default_schedule: Option<ScheduleId>,
    /// Where the host's bookings are written; null takes them out of the calendars. The events of those to come follow.
    pub write_to: Option<Option<WriteToRequest>>,
    /// Whether the host offers nothing any more; only an admin may say so.
    pub archived: Option<bool>,
}

/// A calendar that bookings are written to.
#[derive(Clone, Debug, ToSchema)]
pub struct WriteToRequest {
    /// A connected account of the host.
    #[schema(value_type = words::IntegrationId)]
    pub integration: IntegrationId,
    /// One of its calendars to which bookings can be written, as they were last listed.
    #[schema(value_type = words::CalendarId)]
    pub calendar: String,
}

impl FromFields for WriteToRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let integration = fields.required("integration");
        let calendar = fields.required::<Text<1, 1024>>("calendar");
        Some(Self { integration: integration?, calendar: calendar?.0 })
    }
}

impl FromFields for HostPatch {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.optional::<Text<1, 200>>("name");
        let email = fields.changed::<Email>("email");
        let default_schedule = fields.optional("default_schedule");
        let write_to = fields.changed_object("write_to");
        let archived = fields.optional("archived");
        Some(Self {
            name: name?.map(|text| text.0),
            write_to: write_to?,
            email: email?.map(|email| email.map(|email| email.0)),
            default_schedule: default_schedule?,
            archived: archived?,
        })
    }
}

impl HostPatch {
    /// Makes the changes.
    pub fn apply(&self, host: &mut Host) {
        set(&mut host.name, self.name.as_ref());
        set(&mut host.email, self.email.as_ref());
        set(&mut host.default_schedule, self.default_schedule.as_ref());
        if let Some(write_to) = &self.write_to {
            host.write_to = write_to
                .clone()
                .map(|WriteToRequest { integration, calendar }| CalendarRef { integration, calendar });
        }
        set(&mut host.archived, self.archived.as_ref());
    }
}

/// Puts a new value in a place, if there is one.
pub(super) fn set<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// Hours of one day on the wall clock.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes what domain::Hours is read from")]
pub struct DayHoursRequest {
    /// When they begin, on the 5-minute grid.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][05]$", example = "09:00")]
    from: String,
    /// When they end, later than they begin.
    #[schema(pattern = "^(([01][0-9]|2[0-3]):[0-5][05]|24:00)$", example = "17:00")]
    to: String,
}

/// The hours of a week like any other; a day that is left out is closed.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes what domain::Week is read from")]
pub struct WeekRequest {
    /// Monday.
    #[schema(max_items = 10)]
    mon: Option<Vec<DayHoursRequest>>,
    /// Tuesday.
    #[schema(max_items = 10)]
    tue: Option<Vec<DayHoursRequest>>,
    /// Wednesday.
    #[schema(max_items = 10)]
    wed: Option<Vec<DayHoursRequest>>,
    /// Thursday.
    #[schema(max_items = 10)]
    thu: Option<Vec<DayHoursRequest>>,
    /// Friday.
    #[schema(max_items = 10)]
    fri: Option<Vec<DayHoursRequest>>,
    /// Saturday.
    #[schema(max_items = 10)]
    sat: Option<Vec<DayHoursRequest>>,
    /// Sunday.
    #[schema(max_items = 10)]
    sun: Option<Vec<DayHoursRequest>>,
}

/// When a host can be booked.
#[derive(Clone, Debug, ToSchema)]
pub struct HoursRequest {
    /// Whose wall clock the hours are read on, by its IANA name.
    #[schema(value_type = words::TimeZone)]
    pub time_zone: Zone,
    /// The hours of a week like any other.
    #[schema(value_type = WeekRequest)]
    pub weekly: Week,
    /// Dates whose hours are these instead, none for a day off; at most 400.
    #[schema(schema_with = overrides_schema, required = false)]
    pub overrides: BTreeMap<NaiveDate, DayHours>,
}

/// Lists of hours by dates, or null.
fn overrides_schema() -> Schema {
    let mut hours = Array::new(Ref::from_schema_name(DayHoursRequest::name()));
    hours.max_items = Some(MOST_HOURS);
    let date = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some("Dates whose hours are these instead, none for a day off."))
        .property_names(Some(date))
        .additional_properties(Some(RefOr::T(Schema::Array(hours))))
        .max_properties(Some(MOST_OVERRIDES))
        .examples([serde_json::json!({ "2026-12-25": [] })])
        .into()
}

impl FromFields for HoursRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let time_zone = fields.required("time_zone");
        let weekly = fields.object("weekly");
        let overrides = fields.optional_object::<Overrides>("overrides");
        Some(Self {
            time_zone: time_zone?,
            weekly: weekly?,
            overrides: overrides?.map(|dates| dates.0).unwrap_or_default(),
        })
    }
}

/// A schedule to be made.
#[derive(Clone, Debug, ToSchema)]
pub struct ScheduleRequest {
    /// Whose it is.
    #[schema(value_type = words::HostId)]
    pub host: HostId,
    /// What the host calls it.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Working hours"
    )]
    pub name: String,
    /// Its hours.
    #[serde(flatten)]
    pub hours: HoursRequest,
}

impl FromFields for ScheduleRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let host = fields.required("host");
        let name = fields.required::<Text<1, 200>>("name");
        let hours = HoursRequest::from_fields(fields);
        Some(Self { host: host?, name: name?.0, hours: hours? })
    }
}

impl From<ScheduleRequest> for NewSchedule {
    fn from(request: ScheduleRequest) -> Self {
        let HoursRequest { time_zone: zone, weekly, overrides } = request.hours;
        Self { host: request.host, name: request.name, hours: Schedule { zone, weekly, overrides } }
    }
}

/// Changes a schedule; what is left out stays, what is there replaces the whole of it.
#[derive(Clone, Debug, ToSchema)]
pub struct SchedulePatch {
    /// What the host calls it.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub name: Option<String>,
    /// Whose wall clock the hours are read on, by its IANA name.
    #[schema(value_type = Option<words::TimeZone>)]
    pub time_zone: Option<Zone>,
    /// The hours of a week like any other.
    #[schema(value_type = Option<WeekRequest>)]
    pub weekly: Option<Week>,
    /// Dates whose hours are these instead, none for a day off; at most 400.
    #[schema(schema_with = overrides_schema, required = false)]
    pub overrides: Option<BTreeMap<NaiveDate, DayHours>>,
}

impl FromFields for SchedulePatch {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.optional::<Text<1, 200>>("name");
        let time_zone = fields.optional("time_zone");
        let weekly = fields.optional_object("weekly");
        let overrides = fields.optional_object::<Overrides>("overrides");
        Some(Self {
            name: name?.map(|text| text.0),
            time_zone: time_zone?,
            weekly: weekly?,
            overrides: overrides?.map(|dates| dates.0),
        })
    }
}

impl SchedulePatch {
    /// Makes the changes.
    pub fn apply(&self, schedule: &mut HostSchedule) {
        set(&mut schedule.name, self.name.as_ref());
        set(&mut schedule.hours.zone, self.time_zone.as_ref());
        set(&mut schedule.hours.weekly, self.weekly.as_ref());
        set(&mut schedule.hours.overrides, self.overrides.as_ref());
    }
}

impl FromField for TimeOfDay {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(|| "must be text".to_owned())?;
        text.parse().map_err(|_malformed| "must be a time on the 5-minute grid, e.g. 09:00".to_owned())
    }
}

impl FromFields for Hours {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let (from, to) = (fields.required("from"), fields.required("to"));
        let hours = Self::new(from?, to?);
        if hours.is_err() {
            fields.wrong("to", "must lie after `from`");
        }
        hours.ok()
    }
}

impl FromFields for Week {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let mut day = |name| day_hours(fields, name);
        let (mon, tue, wed, thu) = (day("mon"), day("tue"), day("wed"), day("thu"));
        let (fri, sat, sun) = (day("fri"), day("sat"), day("sun"));
        Some(Self { mon: mon?, tue: tue?, wed: wed?, thu: thu?, fri: fri?, sat: sat?, sun: sun? })
    }
}

fn day_hours(fields: &mut Fields, name: &str) -> Option<DayHours> {
    Some(fields.objects::<Hours>(name, MOST_HOURS)?.unwrap_or_default().into())
}

/// The dates that differ, by the names of the object's fields.
struct Overrides(BTreeMap<NaiveDate, DayHours>);

impl FromFields for Overrides {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let names = fields.names();
        let mut overrides = BTreeMap::new();
        for name in names.iter().take(MOST_OVERRIDES) {
            let date = NaiveDate::from_json(&Value::from(name.as_str())).ok();
            let date = date.filter(|date| (1970..=2200).contains(&date.year()));
            let hours = day_hours(fields, name);
            match date {
                Some(date) => overrides.extend(hours.map(|hours| (date, hours))),
                None => fields.wrong(name, "must be named by a date between 1970 and 2200, e.g. 2026-12-25"),
            }
        }
        if names.len() > MOST_OVERRIDES {
            let others = names.iter().skip(MOST_OVERRIDES);
            others.for_each(|name| fields.wrong(name, "is one more than the 400 that there may be"));
            fields.ignore_rest();
        }
        Some(Self(overrides))
    }
}
