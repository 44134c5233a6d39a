//! What a tenant offers, before anybody has booked: no number and no link that is for guests alone.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{EventType, Location};
use crate::flows::{Offer, Offers};
use crate::http::views::QuestionView;

/// A tenant's public list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OffersView {
    /// The tenant's name.
    #[schema(example = "Analytical Engines")]
    name: String,
    /// The line under its name.
    #[schema(required)]
    claim: Option<String>,
    /// BCP 47 language tag of its pages.
    #[schema(example = "en")]
    locale: String,
    /// The tenant's zone.
    #[schema(value_type = String, example = "Europe/London")]
    time_zone: &'static str,
    /// The event types that are open and listed, in the order of their titles.
    event_types: Vec<ListedOfferView>,
}

/// An event type in a tenant's public list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListedOfferView {
    /// Its slug.
    #[schema(example = "intro")]
    slug: String,
    /// What guests call it.
    title: String,
    /// What guests are told about it.
    #[schema(required)]
    description: Option<String>,
    /// The lengths in minutes that a guest may choose from; the first is the usual one.
    lengths: Vec<i64>,
    /// `conference`, `guest_phone`, `host_phone`, `in_person` or `video_link`; null when nothing is said of it.
    #[schema(value_type = Option<String>, required, example = "conference")]
    location: Option<&'static str>,
    /// Whether a booking waits for the host's yes.
    needs_confirmation: bool,
}

/// An event type that can be booked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OfferView {
    /// What stands in the list, too.
    #[serde(flatten)]
    listed: ListedOfferView,
    /// The host's name.
    #[schema(example = "Ada Lovelace")]
    host: String,
    /// The zone of the host's hours.
    #[schema(value_type = String, example = "Europe/London")]
    time_zone: &'static str,
    /// Minutes: the least time from booking to start.
    notice: i64,
    /// How many days ahead a slot may start.
    window_days: u16,
    /// What the guest is asked.
    questions: Vec<QuestionView>,
}

impl From<Offers> for OffersView {
    fn from(offers: Offers) -> Self {
        Self {
            name: offers.tenant.name,
            claim: offers.tenant.claim,
            locale: offers.tenant.locale,
            time_zone: offers.tenant.zone.name(),
            event_types: offers.event_types.into_iter().map(ListedOfferView::from).collect(),
        }
    }
}

impl From<EventType> for ListedOfferView {
    fn from(event_type: EventType) -> Self {
        Self {
            slug: event_type.slug.into(),
            title: event_type.title,
            description: event_type.description,
            lengths: event_type.lengths.iter().map(|length| length.minutes()).collect(),
            location: event_type.location.as_ref().map(Location::kind),
            needs_confirmation: event_type.needs_confirmation,
        }
    }
}

impl From<Offer> for OfferView {
    fn from(offer: Offer) -> Self {
        let event_type = offer.event_type;
        Self {
            host: offer.host_name,
            time_zone: offer.zone.name(),
            notice: event_type.notice.minutes(),
            window_days: event_type.window_days,
            questions: event_type.questions.iter().cloned().map(QuestionView::from).collect(),
            listed: event_type.into(),
        }
    }
}
