//! Problems (RFC 9457), and the one place where errors become status codes.
//!
//! A problem's text is written here or says what the caller sent; no error's own cause is ever shown.

use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{FixedOffset, Offset, Utc};
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response as Answer};
use utoipa::{IntoResponses, ToSchema};

use super::entity_tag::entity_tag;
use super::fields::FieldError;
use super::views::SlotView;
use crate::domain::StepRefused;
use crate::flows::{
    AccessError, Alternatives, BookingError, CatalogError, ConnectError, IntegrationError, OffersError,
    Refused, WouldMailGuests,
};
use crate::store::StoreError;
use crate::vault::VaultError;

/// Every code that there is, in the order of the alphabet; the API document names them, and a test knows of no other.
pub const CODES: [&str; 57] = [
    "body-too-large",
    "busy",
    "calendar-error",
    "calendar-unavailable",
    "code-refused",
    "consent-denied",
    "day-full",
    "event-type-gone",
    "forbidden",
    "guests-would-be-mailed",
    "hold-expired",
    "hold-used",
    "host-archived",
    "idempotency-key-reused",
    "in-use",
    "internal",
    "length-not-offered",
    "malformed-body",
    "malformed-if-match",
    "malformed-json",
    "method-not-allowed",
    "missing-scopes",
    "no-host",
    "no-lasting-access",
    "no-tenant",
    "not-connected",
    "not-found",
    "not-possible",
    "precondition-failed",
    "provider-error",
    "provider-not-set-up",
    "read-only-calendar",
    "return-not-allowed",
    "slot-taken",
    "slug-taken",
    "start-not-offered",
    "start-too-late",
    "start-too-soon",
    "too-early",
    "too-late",
    "too-many-calendars",
    "too-many-holds",
    "too-many-schedules",
    "unauthorized",
    "unknown-booking",
    "unknown-calendar",
    "unknown-event-type",
    "unknown-hold",
    "unknown-host",
    "unknown-integration",
    "unknown-job",
    "unknown-provider",
    "unknown-schedule",
    "unknown-state",
    "unknown-tenant",
    "unsupported-media-type",
    "validation",
];

/// Seconds after which a caller may come again when something is busy.
const AGAIN: u32 = 2;
/// The same when a calendar is out of reach.
const CALENDAR_AGAIN: u32 = 60;

/// An answer that says what went wrong: `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:holdfast:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "urn:holdfast:problem:slot-taken")]
    kind: Kind,
    /// The HTTP status.
    status: u16,
    /// Stable and kebab-case: the part to program against.
    #[schema(schema_with = codes)]
    code: &'static str,
    /// For people.
    #[schema(value_type = String)]
    title: Box<str>,
    /// Every field that was wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, required = false)]
    errors: Box<[FieldError]>,
    /// Free slots nearby, when a slot was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<SlotView>, required = false)]
    alternatives: Option<Box<[SlotView]>>,
    /// How many guests a provider would mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false)]
    guests: Option<u32>,
    #[serde(skip)]
    retry_after: Option<u32>,
    #[serde(skip)]
    revision: Option<u64>,
}

/// What may stand in `code`.
fn codes() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Stable and kebab-case: the part to program against."))
        .enum_values(Some(CODES))
        .examples(["slot-taken"])
        .build()
}

/// The `type` of the problem with this code.
#[derive(Clone, Copy, Debug)]
struct Kind(&'static str);

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:holdfast:problem:{}", self.0))
    }
}

impl Problem {
    /// A problem by its status, stable code and text.
    pub fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Self {
        debug_assert!(CODES.contains(&code), "{code} is not among the codes that the API document names");
        Self {
            kind: Kind(code),
            status: status.as_u16(),
            code,
            title: title.into().into_boxed_str(),
            errors: Box::default(),
            alternatives: None,
            guests: None,
            retry_after: None,
            revision: None,
        }
    }

    /// Fields that cannot be accepted.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", "some fields cannot be accepted");
        Self { errors: errors.into(), ..problem }
    }

    /// One field that cannot be accepted, under its own code.
    pub fn field(code: &'static str, field: &str, title: impl Into<String>) -> Self {
        let title = title.into();
        let errors = Box::new([FieldError::new(field, &title)]);
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title) }
    }

    /// There is nothing by that name.
    pub fn not_found(code: &'static str, title: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, title)
    }

    /// There is no such provider.
    pub fn unknown_provider() -> Self {
        Self::not_found("unknown-provider", "there is no such calendar provider")
    }

    /// A fault of ours.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side")
    }

    /// When the caller may come again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// A slot that is taken, with free ones nearby in the caller's offset.
    fn with_alternatives(self, alternatives: &Alternatives, offset: FixedOffset) -> Self {
        let near = alternatives.0.iter().map(|span| SlotView::at(*span, offset)).collect();
        Self { alternatives: Some(near), ..self }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The text for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too busy at present; nothing is known to be lost")
            .retry_after(AGAIN)
    }

    fn calendar_unavailable() -> Self {
        let title = "a calendar of the host cannot be read at present";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "calendar-unavailable", title).retry_after(CALENDAR_AGAIN)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let (retry_after, revision) = (self.retry_after, self.revision);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(revision) = revision {
            response.headers_mut().insert(header::ETAG, entity_tag(revision));
        }
        // For a function of pages, which says the same to people.
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Answer>> {
        let answer = |description: &str| {
            let mut answer = Answer::new(description);
            let schema = Ref::from_schema_name(Self::name());
            answer
                .content
                .insert("application/problem+json".to_owned(), RefOr::T(Content::new(Some(schema))));
            RefOr::T(answer)
        };
        BTreeMap::from([
            ("4XX".to_owned(), answer("Refused: `code` says why")),
            ("5XX".to_owned(), answer("Failed; `retry-after` says when to come again, if that may help")),
        ])
    }
}

/// An answer of API Gateway's own, before any function: `application/json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GatewayMessage {
    /// What is wrong.
    #[schema(example = "Unauthorized")]
    message: String,
}

/// What routes answer that take a token of the issuer: problems, and API Gateway's own 401.
#[derive(Clone, Copy, Debug)]
pub struct StaffProblem;

impl IntoResponses for StaffProblem {
    fn responses() -> BTreeMap<String, RefOr<Answer>> {
        let content = |name: std::borrow::Cow<'static, str>| Content::new(Some(Ref::from_schema_name(name)));
        let mut unauthorized = Answer::new("There is no good token: API Gateway says so before any function");
        unauthorized.content.insert("application/json".to_owned(), RefOr::T(content(GatewayMessage::name())));
        unauthorized
            .content
            .insert("application/problem+json".to_owned(), RefOr::T(content(Problem::name())));
        let mut responses = Problem::responses();
        responses.insert("401".to_owned(), RefOr::T(unauthorized));
        responses
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::busy(),
            StoreError::Conflict(_) => {
                tracing::error!("a lost condition was not named where it was lost");
                Self::busy()
            }
            StoreError::Unreadable(_) | StoreError::Refused(_) => {
                tracing::error!(%error, "store");
                Self::internal()
            }
        }
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Busy => Self::busy(),
            VaultError::Refused(_) | VaultError::Broken => {
                tracing::error!(%error, "vault");
                Self::internal()
            }
        }
    }
}

impl From<crate::flows::KeyError> for Problem {
    fn from(error: crate::flows::KeyError) -> Self {
        match error {
            crate::flows::KeyError::Store(error) => error.into(),
            crate::flows::KeyError::Vault(error) => error.into(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooSoon => Self::field("start-too-soon", "start", refused.to_string()),
            Refused::TooLate => Self::field("start-too-late", "start", refused.to_string()),
            Refused::NotOffered => Self::field("start-not-offered", "start", refused.to_string()),
            Refused::Taken => Self::new(StatusCode::CONFLICT, "slot-taken", refused.to_string()),
            Refused::DayFull => Self::new(StatusCode::CONFLICT, "day-full", refused.to_string()),
            Refused::TooManyHolds { seconds } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-holds", refused.to_string())
                    .retry_after(seconds)
            }
            Refused::CalendarUnavailable => Self::calendar_unavailable(),
        }
    }
}

fn unknown_event_type() -> Problem {
    Problem::not_found("unknown-event-type", "there is no such event type")
}

fn length_not_offered() -> Problem {
    Problem::field("length-not-offered", "length", "the event type is not offered in this length")
}

impl From<OffersError> for Problem {
    fn from(error: OffersError) -> Self {
        match error {
            OffersError::UnknownTenant => Self::not_found("unknown-tenant", "there is no such tenant"),
            OffersError::UnknownEventType => unknown_event_type(),
            OffersError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// The problem of what could not be done with a hold or a booking; alternatives in `offset`.
    pub fn of_booking(error: BookingError, offset: FixedOffset) -> Self {
        let title = error.to_string();
        match error {
            BookingError::UnknownEventType => unknown_event_type(),
            BookingError::LengthNotOffered => length_not_offered(),
            BookingError::UnknownHold => Self::not_found("unknown-hold", &title),
            BookingError::HoldExpired => Self::new(StatusCode::GONE, "hold-expired", title),
            BookingError::HoldUsed => Self::field("hold-used", "hold", title),
            BookingError::UnknownBooking => Self::not_found("unknown-booking", &title),
            BookingError::EventTypeGone => Self::new(StatusCode::CONFLICT, "event-type-gone", title),
            BookingError::WrongAnswers(wrong) => Self::validation(
                wrong.iter().map(|wrong| FieldError::new(&wrong.field, wrong.message)).collect(),
            ),
            BookingError::KeyReused => Self::field("idempotency-key-reused", "Idempotency-Key", title),
            BookingError::Changed(version) => Self {
                revision: Some(version),
                ..Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", title)
            },
            BookingError::NotNow(refused) => refused.into(),
            BookingError::Refused { why, alternatives } => match why {
                Refused::Taken | Refused::DayFull => Self::from(why).with_alternatives(&alternatives, offset),
                Refused::TooSoon
                | Refused::TooLate
                | Refused::NotOffered
                | Refused::TooManyHolds { .. }
                | Refused::CalendarUnavailable => why.into(),
            },
            BookingError::Store(error) => error.into(),
            BookingError::Key(error) => error.into(),
        }
    }
}

impl From<BookingError> for Problem {
    fn from(error: BookingError) -> Self {
        Self::of_booking(error, Utc.fix())
    }
}

impl From<StepRefused> for Problem {
    fn from(refused: StepRefused) -> Self {
        let code = match refused {
            StepRefused::Illegal { .. } => "not-possible",
            StepRefused::TooEarly => "too-early",
            StepRefused::TooLate => "too-late",
        };
        Self::new(StatusCode::CONFLICT, code, refused.to_string())
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Calendar(error) => {
                tracing::warn!(%error, "calendar");
                let title = format!("the calendar could not be reached: {error}");
                // Whoever comes sooner than the provider asks for would only be refused again.
                let asked =
                    error.retry_after().map(|asked| u32::try_from(asked.as_secs()).unwrap_or(u32::MAX));
                Self::new(StatusCode::BAD_GATEWAY, "calendar-error", title)
                    .retry_after(asked.unwrap_or_default().max(CALENDAR_AGAIN))
            }
            AccessError::Store(error) => error.into(),
            AccessError::Key(error) => error.into(),
        }
    }
}

impl From<IntegrationError> for Problem {
    fn from(error: IntegrationError) -> Self {
        let title = error.to_string();
        match error {
            IntegrationError::Unknown => Self::not_found("unknown-integration", &title),
            IntegrationError::UnknownHost => Self::not_found("unknown-host", &title),
            IntegrationError::NotConnected(_) => Self::new(StatusCode::CONFLICT, "not-connected", title),
            IntegrationError::UnknownCalendar { field } => Self::field("unknown-calendar", field, title),
            IntegrationError::ReadOnlyCalendar => Self::field("read-only-calendar", "target_calendar", title),
            IntegrationError::WouldMailGuests(error) => error.into(),
            IntegrationError::TooManyCalendars => {
                Self::field("too-many-calendars", "conflict_calendars", title)
            }
            IntegrationError::Access(error) => error.into(),
        }
    }
}

impl From<WouldMailGuests> for Problem {
    fn from(error: WouldMailGuests) -> Self {
        let problem = Self::new(StatusCode::CONFLICT, "guests-would-be-mailed", error.to_string());
        Self { guests: Some(error.guests), ..problem }
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        let title = error.to_string();
        match error {
            ConnectError::UnknownHost => Self::not_found("unknown-host", &title),
            ConnectError::ProviderNotSetUp => Self::new(StatusCode::CONFLICT, "provider-not-set-up", title),
            ConnectError::ReturnNotAllowed => Self::field("return-not-allowed", "return_to", title),
            ConnectError::UnknownState => Self::new(StatusCode::GONE, "unknown-state", title),
            ConnectError::ConsentDenied => Self::new(StatusCode::FORBIDDEN, "consent-denied", title),
            // The browser says so, and may say anything: no fault of ours, and nobody's alarm.
            ConnectError::ProviderError => Self::new(StatusCode::BAD_REQUEST, "provider-error", title),
            ConnectError::MissingScopes(scopes) => {
                let errors = scopes.iter().map(|scope| FieldError::new(scope, "was not granted")).collect();
                Self { errors, ..Self::new(StatusCode::FORBIDDEN, "missing-scopes", title) }
            }
            ConnectError::NoRefreshToken => Self::new(StatusCode::FORBIDDEN, "no-lasting-access", title),
            ConnectError::CodeRefused => Self::new(StatusCode::BAD_REQUEST, "code-refused", title),
            ConnectError::Access(error) => error.into(),
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        let title = error.to_string();
        let conflict = |code, title| Self::new(StatusCode::CONFLICT, code, title);
        match error {
            CatalogError::UnknownTenant => Self::not_found("unknown-tenant", &title),
            CatalogError::UnknownHost => Self::not_found("unknown-host", &title),
            CatalogError::UnknownSchedule => Self::not_found("unknown-schedule", &title),
            CatalogError::UnknownEventType => Self::not_found("unknown-event-type", &title),
            CatalogError::NotAScheduleOfTheHost { field } => Self::field("unknown-schedule", field, title),
            CatalogError::UnknownCalendar => Self::field("unknown-calendar", "write_to", title),
            CatalogError::ReadOnlyCalendar => Self::field("read-only-calendar", "write_to", title),
            CatalogError::WouldMailGuests(error) => error.into(),
            CatalogError::Forbidden => Self::new(StatusCode::FORBIDDEN, "forbidden", title),
            CatalogError::SlugTaken => conflict("slug-taken", title),
            CatalogError::InUse(_) => conflict("in-use", title),
            CatalogError::HostArchived => conflict("host-archived", title),
            CatalogError::TooManySchedules => conflict("too-many-schedules", title),
            CatalogError::Unexpected { revision } => {
                Self { revision, ..Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", title) }
            }
            CatalogError::Wrong(wrong) => Self::validation(
                wrong.iter().map(|(field, message)| FieldError::new(field, message)).collect(),
            ),
            CatalogError::Store(error) => error.into(),
        }
    }
}
