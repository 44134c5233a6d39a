//! The entity tag of a revision (RFC 9110 §8.8.3).

use axum::http::HeaderValue;

/// `"3"` for revision 3.
pub(super) fn entity_tag(revision: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}
