//! Event types as staff send them.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;
use utoipa::{IntoParams, ToSchema};

use super::catalog::{Whole, page, set};
use crate::domain::{
    EventType, EventTypeSlug, HostId, Hosts, Location, Question, QuestionKind, ScheduleId, Template, Ticks,
    Visibility,
};
use crate::http::fields::{Fields, FromField, FromFields, Prose, Text};
use crate::http::words;

const DAY: i64 = 24 * 60;
const MOST_OPTIONS: usize = 50;

/// Which page of the event types to list.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventTypesQuery {
    /// Only those of this host.
    #[param(value_type = words::HostId, required = false)]
    pub host: Option<HostId>,
    /// The `next_cursor` of the page before.
    #[param(value_type = words::Cursor, required = false)]
    pub cursor: Option<EventTypeSlug>,
    /// How many at most; 50 when left out.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 100)]
    pub limit: usize,
}

impl FromFields for EventTypesQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let host = fields.optional("host");
        let page = page(fields);
        let (host, (cursor, limit)) = (host?, page?);
        Some(Self { host, cursor, limit })
    }
}

/// An event type to be made.
#[derive(Clone, Debug, ToSchema)]
pub struct EventTypeRequest {
    /// Its name in the tenant's public URLs, for good.
    #[schema(value_type = words::EventTypeSlug)]
    pub slug: EventTypeSlug,
    /// Who is booked.
    #[schema(value_type = words::HostId)]
    pub host: HostId,
    /// What guests call it.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Intro call"
    )]
    pub title: String,
    /// Minutes that a guest may choose from; the first is chosen for those who do not.
    #[schema(value_type = Vec<Length>, min_items = 1, max_items = 20, example = json!([30, 60]))]
    pub lengths: Vec<Ticks>,
    /// Everything else.
    #[serde(flatten)]
    pub settings: EventTypeSettings,
}

/// Minutes on the 5-minute grid, 5 to 720.
#[derive(ToSchema)]
#[schema(minimum = 5, maximum = 720, multiple_of = 5)]
#[expect(dead_code, reason = "describes what domain::Ticks is read from")]
struct Length(i64);

/// Changes an event type; what is left out stays. A null takes away what may be null in the answer.
#[derive(Clone, Debug, ToSchema)]
pub struct EventTypePatch {
    /// Who is booked from now on. Bookings stay with their host.
    #[schema(value_type = Option<words::HostId>)]
    pub host: Option<HostId>,
    /// What guests call it.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub title: Option<String>,
    /// Minutes that a guest may choose from; the first is chosen for those who do not.
    #[schema(value_type = Option<Vec<Length>>, min_items = 1, max_items = 20)]
    pub lengths: Option<Vec<Ticks>>,
    /// Whether it is kept only because bookings refer to it.
    pub archived: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    pub settings: EventTypeSettings,
}

/// What may be said of an event type when it is made, and whenever it is changed.
#[derive(Clone, Debug, ToSchema)]
pub struct EventTypeSettings {
    /// What guests are told about it.
    #[schema(value_type = Option<String>, max_length = 4000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$", example = "Half an hour to get acquainted.")]
    pub description: Option<Option<String>>,
    /// Minutes from one start to the next, counted from the beginning of the host's hours; 15 at first.
    #[schema(value_type = Option<i64>, minimum = 5, maximum = 720, multiple_of = 5, example = 15)]
    pub interval: Option<Ticks>,
    /// Minutes kept free before each slot; none at first.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 720, multiple_of = 5, example = 10)]
    pub buffer_before: Option<Ticks>,
    /// Minutes kept free after each slot; none at first.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 720, multiple_of = 5, example = 10)]
    pub buffer_after: Option<Ticks>,
    /// The least minutes from booking to start, shorter than the window; none at first.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 1_051_195, multiple_of = 5, example = 120)]
    pub notice: Option<Ticks>,
    /// How many days ahead a slot may start; 60 at first.
    #[schema(minimum = 1, maximum = 730, example = 60)]
    pub window_days: Option<u16>,
    /// Whether guests can see and book it; so at first.
    pub active: Option<bool>,
    /// Whether it stands in the tenant's public list; so at first.
    pub listed: Option<bool>,
    /// The host's schedule that it goes by; the host's default when null.
    #[schema(value_type = Option<words::ScheduleId>)]
    pub schedule: Option<Option<ScheduleId>>,
    /// The most bookings on one local date of its schedule; any number when null.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 288)]
    pub max_per_day: Option<Option<u16>>,
    /// Where it takes place.
    #[schema(value_type = Option<LocationRequest>)]
    pub location: Option<Option<Location>>,
    /// What the guest is asked, each by a key of its own.
    #[schema(value_type = Option<Vec<QuestionRequest>>, max_items = 20)]
    pub questions: Option<Vec<Question>>,
    /// Template of the calendar event's title; a default one when null.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 300, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub event_title: Option<Option<String>>,
    /// Template of the calendar event's description; a default one when null.
    #[schema(value_type = Option<String>, max_length = 4000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    pub event_description: Option<Option<String>>,
    /// Minutes before the start at which the calendar reminds the host; 15 and 60 at first.
    #[schema(value_type = Option<Vec<Reminder>>, max_items = 5, example = json!([15, 60]))]
    pub reminders: Option<Vec<u16>>,
    /// Whether people who share the host's calendar see the event's details: `private` at first, `default` as the
    /// calendar has it, or `public`.
    #[schema(value_type = Option<VisibilityRequest>)]
    pub visibility: Option<Visibility>,
    /// Whether a guest's booking waits for the host's yes; not at first.
    pub needs_confirmation: Option<bool>,
    /// Minutes for which it waits; one that nobody answers is declined. A day at first.
    #[schema(value_type = Option<i64>, minimum = 5, maximum = 43_200, multiple_of = 5, example = 1440)]
    pub confirm_within: Option<Ticks>,
    /// The least minutes before the start at which a guest may still cancel; none at first.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 525_600, multiple_of = 5, example = 60)]
    pub cancel_notice: Option<Ticks>,
    /// The least minutes before the start at which a guest may still move the booking; none at first.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 525_600, multiple_of = 5, example = 60)]
    pub reschedule_notice: Option<Ticks>,
}

/// Minutes, 0 to 40320.
#[derive(ToSchema)]
#[schema(minimum = 0, maximum = 40_320)]
#[expect(dead_code, reason = "describes what a reminder is read from")]
struct Reminder(u16);

/// How much of the calendar event others see.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what domain::Visibility is read from")]
enum VisibilityRequest {
    Private,
    Default,
    Public,
}

/// Where a booking takes place, by kind.
#[derive(Clone, Debug, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LocationRequest {
    /// A video conference that the calendar makes with the event.
    Conference,
    /// The host calls the guest, who must give a number.
    GuestPhone,
    /// The guest calls this number.
    HostPhone {
        /// As guests are to dial it.
        #[schema(
            min_length = 3,
            max_length = 40,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
            example = "+44 20 7946 0000"
        )]
        number: String,
    },
    /// A place.
    InPerson {
        /// Its address.
        #[schema(
            min_length = 1,
            max_length = 500,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
            example = "12 St James's Square, London"
        )]
        address: String,
    },
    /// A video room of one's own.
    VideoLink {
        /// An `https:` URL.
        #[schema(max_length = 2000, pattern = "^https://", example = "https://video.example.com/ada")]
        url: String,
    },
}

/// Something that the guest is asked.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes what domain::Question is read from")]
pub struct QuestionRequest {
    /// The name of its answer.
    #[schema(pattern = "^[a-z0-9_]{1,40}$", example = "company")]
    key: String,
    /// The question.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Where do you work?"
    )]
    label: String,
    /// One line, several lines, one of `options`, or yes and no.
    kind: QuestionKindRequest,
    /// What there is to choose from: of a `choice`, and of nothing else.
    #[schema(min_items = 1, max_items = 50)]
    options: Option<Vec<String>>,
    /// Whether it must be answered; not unless said.
    required: Option<bool>,
}

/// What an answer looks like.
#[derive(Clone, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what domain::QuestionKind is read from")]
enum QuestionKindRequest {
    Text,
    LongText,
    Choice,
    Checkbox,
}

impl FromFields for EventTypeRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let slug = fields.required("slug");
        let host = fields.required("host");
        let title = fields.required::<Text<1, 200>>("title");
        let lengths = fields.required("lengths");
        let settings = EventTypeSettings::from_fields(fields);
        let request =
            Self { slug: slug?, host: host?, title: title?.0, lengths: lengths?, settings: settings? };
        for (field, message) in request.event_type().check().err().into_iter().flatten() {
            fields.wrong(field, message);
        }
        Some(request)
    }
}

impl EventTypeRequest {
    /// The event type, with what was not said as it usually is.
    pub fn event_type(&self) -> EventType {
        let minutes = |minutes| Ticks::from_minutes(minutes).unwrap_or(Ticks::ZERO);
        let mut event_type = EventType {
            slug: self.slug.clone(),
            hosts: Hosts::one(self.host.clone()),
            title: self.title.clone(),
            description: None,
            lengths: self.lengths.clone(),
            interval: minutes(15),
            buffer_before: Ticks::ZERO,
            buffer_after: Ticks::ZERO,
            notice: Ticks::ZERO,
            window_days: 60,
            active: true,
            listed: true,
            schedule: None,
            max_per_day: None,
            location: None,
            questions: Vec::new(),
            event_title: None,
            event_description: None,
            reminders: vec![15, 60],
            visibility: Visibility::default(),
            needs_confirmation: false,
            confirm_within: minutes(DAY),
            cancel_notice: Ticks::ZERO,
            reschedule_notice: Ticks::ZERO,
            archived: false,
            was_moved: false,
            revision: 0,
        };
        self.settings.apply(&mut event_type);
        event_type
    }
}

impl FromFields for EventTypePatch {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let host = fields.optional("host");
        let title = fields.optional::<Text<1, 200>>("title");
        let lengths = fields.optional("lengths");
        let archived = fields.optional("archived");
        let settings = EventTypeSettings::from_fields(fields);
        Some(Self {
            host: host?,
            title: title?.map(|text| text.0),
            lengths: lengths?,
            archived: archived?,
            settings: settings?,
        })
    }
}

impl EventTypePatch {
    /// Makes the changes.
    pub fn apply(&self, event_type: &mut EventType) {
        set(&mut event_type.hosts, self.host.clone().map(Hosts::one).as_ref());
        set(&mut event_type.title, self.title.as_ref());
        set(&mut event_type.lengths, self.lengths.as_ref());
        set(&mut event_type.archived, self.archived.as_ref());
        self.settings.apply(event_type);
    }
}

impl FromFields for EventTypeSettings {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let description = fields.changed::<Prose<4000>>("description");
        let interval = fields.optional("interval");
        let buffer_before = fields.optional::<Minutes<0, 720>>("buffer_before");
        let buffer_after = fields.optional::<Minutes<0, 720>>("buffer_after");
        let notice = fields.optional::<Minutes<0, 1_051_195>>("notice");
        let window_days = fields.optional::<Whole<1, 730>>("window_days");
        let active = fields.optional("active");
        let listed = fields.optional("listed");
        let schedule = fields.changed("schedule");
        let max_per_day = fields.changed::<Whole<1, 288>>("max_per_day");
        let location = fields.changed_object("location");
        let questions = fields.objects("questions", 20);
        let event_title = fields.changed::<TitleTemplate>("event_title");
        let event_description = fields.changed::<DescriptionTemplate>("event_description");
        let reminders = fields.optional::<Vec<Whole<0, 40_320>>>("reminders");
        let visibility = fields.optional("visibility");
        let needs_confirmation = fields.optional("needs_confirmation");
        let confirm_within = fields.optional::<Minutes<5, 43_200>>("confirm_within");
        let cancel_notice = fields.optional::<Minutes<0, 525_600>>("cancel_notice");
        let reschedule_notice = fields.optional::<Minutes<0, 525_600>>("reschedule_notice");
        // Text of nothing but spaces says as little as none.
        let said = |text: String| Some(text).filter(|text| !text.is_empty());
        Some(Self {
            description: description?.map(|text| text.and_then(|text| said(text.0))),
            interval: interval?,
            buffer_before: buffer_before?.map(|minutes| minutes.0),
            buffer_after: buffer_after?.map(|minutes| minutes.0),
            notice: notice?.map(|minutes| minutes.0),
            window_days: window_days?.map(|days| days.0),
            active: active?,
            listed: listed?,
            schedule: schedule?,
            max_per_day: max_per_day?.map(|most| most.map(|most| most.0)),
            location: location?,
            questions: questions?,
            event_title: event_title?.map(|text| text.map(|text| text.0)),
            event_description: event_description?.map(|text| text.and_then(|text| said(text.0))),
            reminders: reminders?.map(|list| list.into_iter().map(|minutes| minutes.0).collect()),
            visibility: visibility?,
            needs_confirmation: needs_confirmation?,
            confirm_within: confirm_within?.map(|minutes| minutes.0),
            cancel_notice: cancel_notice?.map(|minutes| minutes.0),
            reschedule_notice: reschedule_notice?.map(|minutes| minutes.0),
        })
    }
}

impl EventTypeSettings {
    fn apply(&self, event_type: &mut EventType) {
        set(&mut event_type.description, self.description.as_ref());
        set(&mut event_type.interval, self.interval.as_ref());
        set(&mut event_type.buffer_before, self.buffer_before.as_ref());
        set(&mut event_type.buffer_after, self.buffer_after.as_ref());
        set(&mut event_type.notice, self.notice.as_ref());
        set(&mut event_type.window_days, self.window_days.as_ref());
        set(&mut event_type.active, self.active.as_ref());
        set(&mut event_type.listed, self.listed.as_ref());
        set(&mut event_type.schedule, self.schedule.as_ref());
        set(&mut event_type.max_per_day, self.max_per_day.as_ref());
        set(&mut event_type.location, self.location.as_ref());
        set(&mut event_type.questions, self.questions.as_ref());
        set(&mut event_type.event_title, self.event_title.as_ref());
        set(&mut event_type.event_description, self.event_description.as_ref());
        set(&mut event_type.reminders, self.reminders.as_ref());
        set(&mut event_type.visibility, self.visibility.as_ref());
        set(&mut event_type.needs_confirmation, self.needs_confirmation.as_ref());
        set(&mut event_type.confirm_within, self.confirm_within.as_ref());
        set(&mut event_type.cancel_notice, self.cancel_notice.as_ref());
        set(&mut event_type.reschedule_notice, self.reschedule_notice.as_ref());
    }
}

/// Minutes on the 5-minute grid, within bounds.
struct Minutes<const LEAST: i64, const MOST: i64>(Ticks);

impl<const LEAST: i64, const MOST: i64> FromField for Minutes<LEAST, MOST> {
    fn from_json(value: &Value) -> Result<Self, String> {
        let minutes = value.as_i64().filter(|minutes| (LEAST..=MOST).contains(minutes));
        let ticks = minutes.and_then(Ticks::from_minutes);
        ticks.map(Self).ok_or_else(|| format!("must be {LEAST} to {MOST} minutes, in steps of 5"))
    }
}

/// Templates are read when they are saved, so that none is found wrong when an event is written.
struct TitleTemplate(String);

struct DescriptionTemplate(String);

impl FromField for TitleTemplate {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = Text::<1, 300>::from_json(value)?.0;
        Template::check_title(&text).map_err(|error| error.to_string())?;
        Ok(Self(text))
    }
}

impl FromField for DescriptionTemplate {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = Prose::<4000>::from_json(value)?.0;
        Template::check_description(&text).map_err(|error| error.to_string())?;
        Ok(Self(text))
    }
}

impl FromField for Visibility {
    fn from_json(value: &Value) -> Result<Self, String> {
        match value.as_str() {
            Some("private") => Ok(Self::Private),
            Some("default") => Ok(Self::Default),
            Some("public") => Ok(Self::Public),
            _ => Err("must be private, default or public".to_owned()),
        }
    }
}

impl FromFields for Location {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        match fields.required::<Text<1, 40>>("kind")?.0.as_str() {
            "conference" => Some(Self::Conference),
            "guest_phone" => Some(Self::GuestPhone),
            "host_phone" => {
                let number = fields.required::<Text<3, 40>>("number")?.0;
                Some(Self::HostPhone { number })
            }
            "in_person" => {
                let address = fields.required::<Text<1, 500>>("address")?.0;
                Some(Self::InPerson { address })
            }
            "video_link" => Some(Self::VideoLink { url: fields.required::<VideoUrl>("url")?.0 }),
            _ => {
                let kinds = "must be conference, guest_phone, host_phone, in_person or video_link";
                fields.wrong("kind", kinds);
                fields.ignore_rest();
                None
            }
        }
    }
}

/// Guests are sent there: encrypted, and to where it seems to lead.
struct VideoUrl(String);

impl FromField for VideoUrl {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = Text::<1, 2000>::from_json(value)?.0;
        let url = Url::parse(&text).ok().filter(|url| {
            url.scheme() == "https" && url.username().is_empty() && url.password().is_none() && url.has_host()
        });
        url.map(|url| Self(url.into())).ok_or_else(|| "must be an https: URL".to_owned())
    }
}

/// The key of a question.
struct QuestionKey(String);

impl FromField for QuestionKey {
    fn from_json(value: &Value) -> Result<Self, String> {
        let is_key = |text: &&str| {
            (1..=40).contains(&text.len())
                && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        let key = value.as_str().filter(is_key).map(|text| Self(text.to_owned()));
        key.ok_or_else(|| "must be 1 to 40 lower-case letters, digits and underscores".to_owned())
    }
}

impl FromFields for Question {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let key = fields.required::<QuestionKey>("key");
        let label = fields.required::<Text<1, 200>>("label");
        let kind = question_kind(fields);
        let required = fields.optional("required");
        Some(Self { key: key?.0, label: label?.0, kind: kind?, required: required?.unwrap_or_default() })
    }
}

fn question_kind(fields: &mut Fields) -> Option<QuestionKind> {
    match fields.required::<Text<1, 40>>("kind")?.0.as_str() {
        "text" => Some(QuestionKind::Text),
        "long_text" => Some(QuestionKind::LongText),
        "checkbox" => Some(QuestionKind::Checkbox),
        "choice" => {
            let options: Vec<Text<1, 100>> = fields.required("options")?;
            let options: Vec<String> = options.into_iter().map(|option| option.0).collect();
            let distinct: BTreeSet<_> = options.iter().collect();
            if options.is_empty() || options.len() > MOST_OPTIONS || distinct.len() < options.len() {
                fields.wrong("options", "must be 1 to 50, each once");
                return None;
            }
            Some(QuestionKind::Choice { options })
        }
        _ => {
            fields.wrong("kind", "must be text, long_text, choice or checkbox");
            None
        }
    }
}
