//! The manage token: the guest's capability to see and cancel a booking. Derived, not stored:
//! `mng_<number of the data key>_<MAC of booking and generation>`. A new generation revokes the one before.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::domain::Booking;
use crate::flows::keys::{KeyError, numbered_key, sealing_key};

const PURPOSE: &str = "manage-token";
const PREFIX: &str = "mng_";

/// A manage token, as it is shown to the guest who booked.
#[derive(Clone, Debug)]
pub struct ManageToken(SecretString);

impl ManageToken {
    /// The token of a booking.
    pub(in crate::flows) async fn of(app: &App, booking: &Booking) -> Result<Self, KeyError> {
        let key = sealing_key(app, &booking.tenant).await?;
        let code = URL_SAFE_NO_PAD.encode(key.mac(PURPOSE, &message(booking)));
        Ok(Self(format!("{PREFIX}{}_{code}", key.number()).into()))
    }

    /// A token as a guest sent it. Only the booking can say whether it is any good.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned().into())
    }

    /// The token's text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether this is the booking's token, compared in constant time.
    pub(in crate::flows) async fn opens(&self, app: &App, booking: &Booking) -> Result<bool, KeyError> {
        let parts = self.expose().strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
        let Some((number, code)) = parts else { return Ok(false) };
        let Ok(number) = number.parse() else { return Ok(false) };
        let Ok(code) = URL_SAFE_NO_PAD.decode(code) else { return Ok(false) };
        match numbered_key(app, &booking.tenant, number).await {
            Ok(key) => Ok(key.is_mac(PURPOSE, &message(booking), &code)),
            // There is no key of that number.
            Err(KeyError::Vault(crate::vault::VaultError::Broken)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn message(booking: &Booking) -> Vec<u8> {
    format!("{} {}", booking.id, booking.token_generation).into_bytes()
}
