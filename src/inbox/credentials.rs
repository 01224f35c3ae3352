//! Which header fields are credentials.

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};

/// Header fields that hold a credential of the sender. They are stored only with `store_authorization`, and never shown.
/// Signatures are not among them: they do not tell the secret.
pub const CREDENTIALS: [HeaderName; 12] = [
    AUTHORIZATION,
    PROXY_AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("x-openclaw-token"),
    HeaderName::from_static("x-openclaw-webhook-secret"),
    HeaderName::from_static("x-incoming-secret"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-auth-token"),
    HeaderName::from_static("x-gitlab-token"),
    HeaderName::from_static("x-telegram-bot-api-secret-token"),
    HeaderName::from_static("cf-webhook-auth"),
    HeaderName::from_static("sm-apikey"),
];
