//! The configuration of a local run: where the stand-ins are, and over that what its user has set.

use std::collections::HashMap;

use holdfast::config;

/// The OAuth client that the simulated Google knows.
pub(crate) const GOOGLE_CLIENT_ID: &str = "holdfast-local.apps.googleusercontent.com";
/// Its secret, which is none.
pub(crate) const GOOGLE_CLIENT_SECRET: &str = "GOCSPX-holdfast-local-only";

/// Where things were started.
pub(crate) struct Places {
    pub(crate) api: String,
    pub(crate) dynamodb: String,
    pub(crate) kms: String,
    pub(crate) kms_key: String,
    pub(crate) events: String,
}

/// Variables by name.
pub(crate) struct Settings {
    chosen: HashMap<String, String>,
    places: HashMap<&'static str, String>,
}

impl Settings {
    /// `chosen` counts only where somebody may choose: credentials and endpoints of a real account that stand in
    /// the environment are never used here.
    pub(crate) fn new(chosen: Vec<(String, String)>, places: &Places) -> Self {
        let may_be_chosen =
            |(name, value): &(String, String)| config::CHOSEN.contains(&name.as_str()) && !value.is_empty();
        Self {
            chosen: chosen.into_iter().filter(may_be_chosen).collect(),
            places: HashMap::from([
                (config::PUBLIC_URL, places.api.clone()),
                (config::KMS_KEY, places.kms_key.clone()),
                (config::ENDPOINT_DYNAMODB, places.dynamodb.clone()),
                (config::ENDPOINT_KMS, places.kms.clone()),
                (config::ENDPOINT_EVENTBRIDGE, places.events.clone()),
                (config::REGION, fakes::REGION.to_owned()),
                (config::ACCESS_KEY_ID, "local".to_owned()),
                (config::SECRET_ACCESS_KEY, "local".to_owned()),
            ]),
        }
    }

    /// Whether the user brings a Google client, and so the real Google, or another server that speaks as it does.
    pub(crate) fn has_google(&self) -> bool {
        let any = [
            config::GOOGLE_CLIENT_ID,
            config::GOOGLE_AUTHORIZE_URL,
            config::GOOGLE_TOKEN_URL,
            config::GOOGLE_REVOKE_URL,
            config::GOOGLE_API_URL,
        ];
        any.iter().any(|name| self.chosen.contains_key(*name))
    }

    /// A variable, when the simulated Google is at this URL.
    pub(crate) fn get(&self, name: &str, google: Option<&str>) -> Option<String> {
        // Another server than Google's own takes the local client, unless it is told of one.
        let own_client = || match name {
            config::GOOGLE_CLIENT_ID => Some(GOOGLE_CLIENT_ID.to_owned()),
            config::GOOGLE_CLIENT_SECRET => Some(GOOGLE_CLIENT_SECRET.to_owned()),
            _ => None,
        };
        let simulated = |google: &str| match name {
            config::GOOGLE_AUTHORIZE_URL => Some(format!("{google}/o/oauth2/v2/auth")),
            config::GOOGLE_TOKEN_URL => Some(format!("{google}/token")),
            config::GOOGLE_REVOKE_URL => Some(format!("{google}/revoke")),
            config::GOOGLE_API_URL => Some(format!("{google}/calendar/v3")),
            _ => None,
        };
        google
            .and_then(simulated)
            .or_else(|| self.chosen.get(name).cloned())
            .or_else(|| self.places.get(name).cloned())
            .or_else(|| own_client().filter(|_| !self.chosen.contains_key(config::GOOGLE_CLIENT_ID)))
    }
}
