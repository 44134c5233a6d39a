//! The catalogue as staff get it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    CalendarRef, DayHours, EventType, Host, HostSchedule, Location, Question, QuestionKind, TenantSettings,
    Visibility, Week,
};
use crate::http::etag::Tagged;
use crate::http::{requests::cursor, words};
use crate::store::Page;

/// A tenant's settings.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TenantView {
    /// The name that guests see.
    name: String,
    /// The zone in which the business reads times.
    #[schema(value_type = String, example = "Europe/London")]
    time_zone: &'static str,
    /// BCP 47 language tag of its pages and mails.
    locale: String,
    /// The line under its name on the public pages.
    #[schema(required)]
    claim: Option<String>,
    /// Origins whose pages may call the public API from a browser; when there are none, those of the deployment.
    cors_origins: Vec<String>,
    /// Days after a booking's end at which its guest's data are erased; never when null.
    #[schema(required)]
    retention_days: Option<u16>,
    /// Raised by every change; the `ETag` in quotes.
    revision: u64,
}

impl From<TenantSettings> for Tagged<TenantView> {
    fn from(settings: TenantSettings) -> Self {
        let view = TenantView {
            name: settings.name,
            time_zone: settings.zone.name(),
            locale: settings.locale,
            claim: settings.claim,
            cors_origins: settings.cors_origins,
            retention_days: settings.retention_days,
            revision: settings.revision,
        };
        Self::new(settings.revision, view)
    }
}

/// A host.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HostView {
    /// The host's id.
    #[schema(example = "hst_ada1")]
    id: String,
    /// The name that guests see.
    name: String,
    /// Where the host is told of bookings.
    #[schema(required)]
    email: Option<String>,
    /// The schedule of event types that name none.
    #[schema(example = "sch_ada1")]
    default_schedule: String,
    /// Where the host's bookings are written; null when they are in no calendar.
    #[schema(required)]
    write_to: Option<WriteToView>,
    /// The last job that brought the bookings' events there.
    #[schema(value_type = Option<words::JobId>, required)]
    placing_job: Option<String>,
    /// Kept because bookings refer to it; offers nothing any more.
    archived: bool,
    /// Raised by every change; the `ETag` in quotes.
    revision: u64,
}

/// A calendar that bookings are written to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WriteToView {
    /// The account. While it is disconnected, bookings are in no calendar.
    #[schema(value_type = words::IntegrationId)]
    integration: String,
    /// The calendar's id at its provider.
    calendar: String,
}

impl From<CalendarRef> for WriteToView {
    fn from(at: CalendarRef) -> Self {
        Self { integration: at.integration.into(), calendar: at.calendar }
    }
}

impl From<Host> for HostView {
    fn from(host: Host) -> Self {
        Self {
            write_to: host.write_to.map(WriteToView::from),
            placing_job: host.placing.map(String::from),
            id: host.id.into(),
            name: host.name,
            email: host.email,
            default_schedule: host.default_schedule.into(),
            archived: host.archived,
            revision: host.revision,
        }
    }
}

impl From<Host> for Tagged<HostView> {
    fn from(host: Host) -> Self {
        Self::new(host.revision, host)
    }
}

/// Hosts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HostsView {
    /// In the order of their ids, archived ones too.
    hosts: Vec<HostView>,
    /// The `cursor` of the next page; null at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl From<Page<Host>> for HostsView {
    fn from(page: Page<Host>) -> Self {
        let hosts = page.items.into_iter().map(HostView::from).collect();
        Self { hosts, next_cursor: page.next.as_deref().map(cursor) }
    }
}

/// Hours of one day on the wall clock.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoursView {
    /// When they begin.
    #[schema(example = "09:00")]
    from: String,
    /// When they end; `24:00` is the end of the day.
    #[schema(example = "17:00")]
    to: String,
}

fn day(hours: &DayHours) -> Vec<HoursView> {
    let view = |hours: crate::domain::Hours| HoursView {
        from: hours.from().to_string(),
        to: hours.to().to_string(),
    };
    hours.iter().map(view).collect()
}

/// The hours of a week like any other; none on a day that is closed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WeekView {
    /// Monday.
    mon: Vec<HoursView>,
    /// Tuesday.
    tue: Vec<HoursView>,
    /// Wednesday.
    wed: Vec<HoursView>,
    /// Thursday.
    thu: Vec<HoursView>,
    /// Friday.
    fri: Vec<HoursView>,
    /// Saturday.
    sat: Vec<HoursView>,
    /// Sunday.
    sun: Vec<HoursView>,
}

impl From<&Week> for WeekView {
    fn from(week: &Week) -> Self {
        Self {
            mon: day(&week.mon),
            tue: day(&week.tue),
            wed: day(&week.wed),
            thu: day(&week.thu),
            fri: day(&week.fri),
            sat: day(&week.sat),
            sun: day(&week.sun),
        }
    }
}

/// A schedule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScheduleView {
    /// Its id.
    #[schema(example = "sch_ada1")]
    id: String,
    /// Whose it is.
    #[schema(example = "hst_ada1")]
    host: String,
    /// What the host calls it.
    name: String,
    /// Whose wall clock the hours are read on.
    #[schema(value_type = String, example = "Europe/London")]
    time_zone: &'static str,
    /// The hours of a week like any other.
    weekly: WeekView,
    /// Dates whose hours are these instead; none on a day off.
    overrides: BTreeMap<NaiveDate, Vec<HoursView>>,
    /// Raised by every change; the `ETag` in quotes.
    revision: u64,
}

impl From<HostSchedule> for ScheduleView {
    fn from(schedule: HostSchedule) -> Self {
        let hours = schedule.hours;
        Self {
            id: schedule.id.into(),
            host: schedule.host.into(),
            name: schedule.name,
            time_zone: hours.zone.name(),
            weekly: (&hours.weekly).into(),
            overrides: hours.overrides.iter().map(|(date, hours)| (*date, day(hours))).collect(),
            revision: schedule.revision,
        }
    }
}

impl From<HostSchedule> for Tagged<ScheduleView> {
    fn from(schedule: HostSchedule) -> Self {
        Self::new(schedule.revision, schedule)
    }
}

/// Schedules.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SchedulesView {
    /// In the order of their ids.
    schedules: Vec<ScheduleView>,
    /// The `cursor` of the next page; null at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl From<Page<HostSchedule>> for SchedulesView {
    fn from(page: Page<HostSchedule>) -> Self {
        let schedules = page.items.into_iter().map(ScheduleView::from).collect();
        Self { schedules, next_cursor: page.next.as_deref().map(cursor) }
    }
}

/// Where a booking takes place.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LocationView {
    /// A video conference that the calendar makes with the event.
    Conference,
    /// The host calls the guest, who must give a number.
    GuestPhone,
    /// The guest calls this number.
    HostPhone {
        /// As guests are to dial it.
        number: String,
    },
    /// A place.
    InPerson {
        /// Its address.
        address: String,
    },
    /// A video room of one's own.
    VideoLink {
        /// An `https:` URL.
        url: String,
    },
}

impl From<Location> for LocationView {
    fn from(location: Location) -> Self {
        match location {
            Location::Conference => Self::Conference,
            Location::GuestPhone => Self::GuestPhone,
            Location::HostPhone { number } => Self::HostPhone { number },
            Location::InPerson { address } => Self::InPerson { address },
            Location::VideoLink { url } => Self::VideoLink { url },
        }
    }
}

/// Something that the guest is asked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuestionView {
    /// The name of its answer.
    key: String,
    /// The question.
    label: String,
    /// `text`, `long_text`, `choice` or `checkbox`.
    #[schema(value_type = String, example = "text")]
    kind: &'static str,
    /// What there is to choose from; none unless it is a `choice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    options: Option<Vec<String>>,
    /// Whether it must be answered.
    required: bool,
}

impl From<Question> for QuestionView {
    fn from(question: Question) -> Self {
        let (kind, options) = match question.kind {
            QuestionKind::Text => ("text", None),
            QuestionKind::LongText => ("long_text", None),
            QuestionKind::Choice { options } => ("choice", Some(options)),
            QuestionKind::Checkbox => ("checkbox", None),
        };
        Self { key: question.key, label: question.label, kind, options, required: question.required }
    }
}

/// An event type. Lengths of time are minutes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct EventTypeView {
    /// Its name in the tenant's public URLs.
    #[schema(example = "intro-call")]
    slug: String,
    /// Who is booked.
    #[schema(example = "hst_ada1")]
    host: String,
    /// What guests call it.
    title: String,
    /// What guests are told about it.
    #[schema(required)]
    description: Option<String>,
    /// The lengths that a guest may choose from; the first is chosen for those who do not.
    lengths: Vec<i64>,
    /// From one start to the next, counted from the beginning of the host's hours.
    interval: i64,
    /// Kept free before each slot.
    buffer_before: i64,
    /// Kept free after each slot.
    buffer_after: i64,
    /// The least time from booking to start.
    notice: i64,
    /// How many days ahead a slot may start.
    window_days: u16,
    /// Whether guests can see and book it.
    active: bool,
    /// Whether it stands in the tenant's public list.
    listed: bool,
    /// The host's schedule that it goes by; the host's default when null.
    #[schema(required)]
    schedule: Option<String>,
    /// The most bookings on one local date of its schedule; any number when null.
    #[schema(required)]
    max_per_day: Option<u16>,
    /// Where it takes place.
    #[schema(required)]
    location: Option<LocationView>,
    /// What the guest is asked.
    questions: Vec<QuestionView>,
    /// Template of the calendar event's title; a default one when null.
    #[schema(required)]
    event_title: Option<String>,
    /// Template of the calendar event's description; a default one when null.
    #[schema(required)]
    event_description: Option<String>,
    /// How long before the start the calendar reminds the host.
    reminders: Vec<u16>,
    /// `private`, `default` or `public`.
    #[schema(value_type = String, example = "private")]
    visibility: &'static str,
    /// Whether a guest's booking waits for the host's yes.
    needs_confirmation: bool,
    /// For how long it waits.
    confirm_within: i64,
    /// The least time before the start at which a guest may still cancel.
    cancel_notice: i64,
    /// The least time before the start at which a guest may still move the booking.
    reschedule_notice: i64,
    /// Kept because bookings refer to it; offered no more.
    archived: bool,
    /// Raised by every change; the `ETag` in quotes.
    revision: u64,
}

impl From<EventType> for EventTypeView {
    fn from(event_type: EventType) -> Self {
        Self {
            slug: event_type.slug.into(),
            host: event_type.hosts.organizer().to_string(),
            title: event_type.title,
            description: event_type.description,
            lengths: event_type.lengths.iter().map(|length| length.minutes()).collect(),
            interval: event_type.interval.minutes(),
            buffer_before: event_type.buffer_before.minutes(),
            buffer_after: event_type.buffer_after.minutes(),
            notice: event_type.notice.minutes(),
            window_days: event_type.window_days,
            active: event_type.active,
            listed: event_type.listed,
            schedule: event_type.schedule.map(String::from),
            max_per_day: event_type.max_per_day,
            location: event_type.location.map(LocationView::from),
            questions: event_type.questions.into_iter().map(QuestionView::from).collect(),
            event_title: event_type.event_title,
            event_description: event_type.event_description,
            reminders: event_type.reminders,
            visibility: match event_type.visibility {
                Visibility::Private => "private",
                Visibility::Default => "default",
                Visibility::Public => "public",
            },
            needs_confirmation: event_type.needs_confirmation,
            confirm_within: event_type.confirm_within.minutes(),
            cancel_notice: event_type.cancel_notice.minutes(),
            reschedule_notice: event_type.reschedule_notice.minutes(),
            archived: event_type.archived,
            revision: event_type.revision,
        }
    }
}

impl From<EventType> for Tagged<EventTypeView> {
    fn from(event_type: EventType) -> Self {
        Self::new(event_type.revision, event_type)
    }
}

/// Event types.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventTypesView {
    /// In the order of their slugs, archived ones too.
    event_types: Vec<EventTypeView>,
    /// The `cursor` of the next page; null at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl From<Page<EventType>> for EventTypesView {
    fn from(page: Page<EventType>) -> Self {
        let event_types = page.items.into_iter().map(EventTypeView::from).collect();
        Self { event_types, next_cursor: page.next.as_deref().map(cursor) }
    }
}
