//! A booking as an iCalendar file to download.

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};

use crate::domain::Booking;
use crate::ics::{Method, Sheet, calendar};

/// The file.
#[derive(Clone, Debug)]
pub struct CalendarFile(String);

impl CalendarFile {
    /// The file of a booking, for its guest. `manage_url` is a capability: only the guest's own page has it.
    pub fn of(booking: &Booking, now: DateTime<Utc>, manage_url: Option<&str>) -> Self {
        Self(calendar(booking, &Sheet { method: Method::Publish, now, organizer: None, manage_url }))
    }
}

impl IntoResponse for CalendarFile {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("text/calendar; charset=utf-8; method=PUBLISH");
        let name = HeaderValue::from_static("attachment; filename=\"booking.ics\"");
        ([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], self.0).into_response()
    }
}
