//! Texts that have a form, as the API document names them: exactly what `domain::ids` and [`super::fields`] read.
//!
//! Nothing is ever made of these types; a test of the requests holds their patterns against what is accepted.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::Zone;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        #[derive(Debug, ToSchema)]
        $(#[$doc])*
        pub struct $name(#[expect(dead_code, reason = "describes a text")] String);
    )*};
}

words! {
    /// A tenant's slug.
    #[schema(min_length = 2, max_length = 40, pattern = "^(?!(assets|manage|v1)$)[a-z0-9][a-z0-9-]*[a-z0-9]$", example = "demo")]
    TenantSlug;
    /// An event type's slug.
    #[schema(min_length = 1, max_length = 60, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", example = "intro")]
    EventTypeSlug;
    /// A host's id.
    #[schema(pattern = "^hst_[a-z0-9]{4,32}$", example = "hst_ada1")]
    HostId;
    /// A schedule's id.
    #[schema(pattern = "^sch_[a-z0-9]{4,32}$", example = "sch_ada1")]
    ScheduleId;
    /// An integration's id.
    #[schema(pattern = "^int_[a-z0-9]{4,32}$", example = "int_0123456789abcdef01234567")]
    IntegrationId;
    /// A booking's id.
    #[schema(pattern = "^bkg_[0-9a-v]{4,32}$", example = "bkg_0123456789abcdefghijklmn")]
    BookingId;
    /// A hold, as its making answered it.
    #[schema(min_length = 6, max_length = 4101, pattern = "^hold_[A-Za-z0-9_-]+$")]
    HoldToken;
    /// An e-mail address as browsers take it in a form, with a dot in its domain. ASCII only: a domain of other
    /// letters stands there as `xn--`.
    #[schema(max_length = 254,
        pattern = "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        example = "grace@example.com")]
    EmailAddress;
    /// A language tag (BCP 47).
    #[schema(min_length = 2, max_length = 35, pattern = "^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$", example = "en")]
    LanguageTag;
    /// A calendar's id, as its provider has it.
    #[schema(min_length = 1, max_length = 1024, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", example = "primary")]
    CalendarId;
    /// `job_` and 4 to 32 lower-case letters or digits.
    #[schema(pattern = "^job_[a-z0-9]{4,32}$", example = "job_0123456789abcdef0123")]
    JobId;
    /// An origin as browsers write it, or `*`.
    #[schema(max_length = 300, pattern = "^(\\*|https?://[^/?#@*\\\\A-Z]+)$", example = "https://www.example.com")]
    Origin;
    /// Where a page of a list begins: the `next_cursor` of the page before.
    #[schema(min_length = 2, max_length = 400, pattern = "^[A-Za-z0-9_-]+$")]
    Cursor;
}

/// Who keeps a calendar account.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum Provider {
    /// Google Calendar.
    Google,
}

/// How a booking stands.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum BookingStatus {
    /// It waits for the host's yes.
    Pending,
    /// It will take place.
    Confirmed,
    /// It takes place.
    InProgress,
    /// It has taken place.
    Completed,
    /// It was called off.
    Cancelled,
    /// The host said no.
    Declined,
    /// The guest did not come.
    NoShow,
}

/// Whether the calendar shows a booking as it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum CalendarSync {
    /// It does.
    Synced,
    /// Not yet.
    Pending,
    /// No event is wanted.
    Off,
    /// An event of ours may stand where we can no longer reach it.
    Detached,
}

/// What a job does.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum JobKind {
    /// Finds everything that a guest has told.
    ExportGuest,
    /// Erases it.
    EraseGuest,
    /// Brings the events of a host's bookings into the calendar that they are to be in.
    PlaceEvents,
}

/// How far a job is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum JobStatus {
    /// It goes on by itself.
    Running,
    /// It has done everything.
    Done,
    /// It was given up, because it failed too often in a row or ran for a month. What it had done by then stays. Ask for it
    /// again.
    Failed,
    /// A later erasure removed what it had found.
    Void,
}

/// A time zone, by its name in the IANA database.
#[derive(Debug)]
pub struct TimeZone;

impl PartialSchema for TimeZone {
    fn schema() -> RefOr<Schema> {
        let zone = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A time zone, by its name in the IANA database."))
            .enum_values(Some(Zone::names()))
            .examples(["Europe/London"]);
        RefOr::T(zone.into())
    }
}

impl ToSchema for TimeZone {
    fn name() -> std::borrow::Cow<'static, str> {
        "TimeZone".into()
    }
}
