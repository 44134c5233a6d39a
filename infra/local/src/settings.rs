//! The configuration of a local run: where the stand-ins are, and over that what its user has set.

use std::collections::HashMap;

use holdfast::config;

/// The OAuth client that the simulated Google knows.
pub(crate) const GOOGLE_CLIENT_ID: &str = "holdfast-local.apps.googleusercontent.com";
/// Its secret, which is none.
pub(crate) const GOOGLE_CLIENT_SECRET: &str = "GOCSPX-holdfast-local-only";

/// From a setting's name and its secret to the ciphertext.
pub(crate) type Seal<'a> = dyn Fn(&str, &str) -> Option<String> + 'a;

/// Where things were started.
pub(crate) struct Places<'a> {
    pub(crate) api: String,
    pub(crate) dynamodb: String,
    pub(crate) kms: String,
    pub(crate) kms_key: String,
    /// Makes a setting's secret a ciphertext, as whoever deploys does.
    pub(crate) seal: Box<Seal<'a>>,
    pub(crate) events: String,
}

/// Variables by name.
pub(crate) struct Settings<'a> {
    seal: Box<Seal<'a>>,
    chosen: HashMap<String, String>,
    places: HashMap<&'static str, String>,
}

impl<'a> Settings<'a> {
    /// `chosen` counts only where somebody may choose: credentials and endpoints of a real account that stand in
    /// the environment are never used here.
    pub(crate) fn new(chosen: Vec<(String, String)>, places: Places<'a>) -> Self {
        let may_be_chosen =
            |(name, value): &(String, String)| config::CHOSEN.contains(&name.as_str()) && !value.is_empty();
        Self {
            seal: places.seal,
            chosen: chosen.into_iter().filter(may_be_chosen).collect(),
            places: HashMap::from([
                (config::PUBLIC_URL, places.api),
                (config::KMS_KEY, places.kms_key),
                (config::ENDPOINT_DYNAMODB, places.dynamodb),
                (config::ENDPOINT_KMS, places.kms),
                (config::ENDPOINT_EVENTBRIDGE, places.events),
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

    /// Every variable that has a value, when the simulated Google is at this URL: what a function needs that runs
    /// elsewhere on this machine.
    pub(crate) fn all(&self, google: Option<&str>) -> Vec<(&'static str, String)> {
        let names = config::CHOSEN.into_iter().chain(config::GIVEN);
        names.filter_map(|name| Some((name, self.get(name, google)?))).collect()
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
        let value = google
            .and_then(simulated)
            .or_else(|| self.chosen.get(name).cloned())
            .or_else(|| self.places.get(name).cloned())
            .or_else(|| own_client().filter(|_| !self.chosen.contains_key(config::GOOGLE_CLIENT_ID)))?;
        if config::SEALED.contains(&name) { (self.seal)(name, &value) } else { Some(value) }
    }
}
