//! Where the pages lie. Queries are made here, so that nothing stands in one unescaped.

use chrono::NaiveDate;
use holdfast::domain::{BookingId, EventTypeSlug, Tenant};
use url::form_urlencoded::Serializer;

/// A path with parameters that each of its links keeps.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// The path.
    pub(crate) path: String,
    /// What is kept.
    pub(crate) kept: Vec<(&'static str, String)>,
}

impl Link {
    /// A path and what its links keep.
    pub(crate) fn new(path: String, kept: Vec<(&'static str, String)>) -> Self {
        Self { path, kept }
    }

    /// The path with what is kept, and with this in the place of what has its name.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> String {
        let kept = self.kept.iter().filter(|(kept, _)| *kept != name);
        let mut query = Serializer::new(String::new());
        query.extend_pairs(kept).append_pair(name, value);
        format!("{}?{}", self.path, query.finish())
    }

    /// The link to a week.
    pub(crate) fn week(&self, monday: NaiveDate) -> String {
        self.with("week", &monday.to_string())
    }

    /// What is kept apart from this.
    pub(crate) fn without(&self, name: &str) -> Vec<(&'static str, String)> {
        self.kept.iter().filter(|(kept, _)| *kept != name).cloned().collect()
    }
}

/// A tenant's list.
pub(crate) fn tenant(tenant: &Tenant) -> String {
    format!("/{tenant}")
}

/// An event type's week of slots.
pub(crate) fn offer(tenant: &Tenant, slug: &EventTypeSlug) -> String {
    format!("/{tenant}/{slug}")
}

/// A booking, for the guest who has its token.
pub(crate) fn booking(tenant: &Tenant, id: &BookingId) -> String {
    format!("/manage/{tenant}/{id}")
}
