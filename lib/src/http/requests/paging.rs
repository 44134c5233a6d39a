//! How a list is asked for a page: `limit`, and the opaque `cursor` of the page before.
//!
//! A cursor is the id behind which the next page begins, so it stays good when other things come and go.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::http::fields::FromField;

/// How many a page holds unless the caller says.
pub const USUAL_LIMIT: usize = 50;
const MOST: usize = 100;

/// How many a page holds, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub usize);

impl FromField for Limit {
    fn from_json(value: &Value) -> Result<Self, String> {
        // It only stands in queries, which are text.
        let limit = value.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let limit = limit.and_then(|text| text.parse().ok()).filter(|limit| (1..=MOST).contains(limit));
        limit.map(Self).ok_or_else(|| "must be a whole number from 1 to 100".to_owned())
    }
}

/// Behind which id the page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor<T>(pub T);

impl<T: FromStr> FromField for Cursor<T> {
    fn from_json(value: &Value) -> Result<Self, String> {
        let bytes = value.as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let id = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|id| id.parse().ok());
        id.map(Self).ok_or_else(|| "must be the `next_cursor` of a page of this list".to_owned())
    }
}

/// The cursor of the page that begins behind this id.
pub fn cursor(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}
