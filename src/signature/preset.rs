//! The form of a row of [`PRESETS`](super::PRESETS).

use std::time::Duration;

use http::StatusCode;

use super::algorithm::Algorithm;
use super::encoding::{Encoding, SecretEncoding};
use super::format::Mark;
use super::names::named;
use super::timestamp::TimestampUnit;

/// What a sender does to let a receiver know it. All that is text here is written as in the settings.
#[derive(Clone, Debug)]
pub struct Preset {
    /// Its name in the settings.
    pub name: &'static str,
    /// Who signs so.
    pub sender: &'static str,
    /// How a request is verified.
    pub method: Method,
    /// Where signature, time and id are. The first one whose signature is there is taken as a whole. None: the settings
    /// must say it.
    pub layouts: &'static [PresetLayout],
    /// Which algorithms sign, and in which fields the signatures are. None: the settings must say it.
    pub marks: &'static [Mark],
    /// What is between several signatures, or between the fields of the signature header.
    pub separator: Option<char>,
    /// What is between the name of a field and its value.
    pub field_separator: char,
    /// What is before each signature or token.
    pub prefix: &'static str,
    /// How the bytes of a signature are written.
    pub encoding: Encoding,
    /// How the file of a secret holds its bytes.
    pub secret_encoding: SecretEncoding,
    /// What is signed: a [`Template`](super::Template).
    pub signed: &'static str,
    /// How the time is written.
    pub timestamp_unit: TimestampUnit,
    /// How far the time may be away from ours, before or after.
    pub tolerance: Duration,
    /// Headers that must have this value.
    pub requires: &'static [(&'static str, &'static str)],
    /// Whether some escapes in the URL may be decoded before it is signed (HubSpot).
    pub url_escapes: bool,
    /// How the sender tests an address before it sends events there.
    pub challenge: Option<Challenge>,
    /// The status that the sender asks for. None: any 2xx.
    pub success_status: Option<StatusCode>,
    /// How long the sender waits for an answer, where that is known.
    pub timeout: Option<Duration>,
    /// What whoever relies on it should know. May be empty.
    pub note: &'static str,
}

/// Where signature, time and id are.
#[derive(Clone, Copy, Debug)]
pub struct PresetLayout {
    /// The [`Source`](super::Source)s of the signatures.
    pub signature: &'static [&'static str],
    /// The source of the time, if there is one.
    pub timestamp: Option<&'static str>,
    /// What the event is known by: a source, or a template of several.
    pub id: Option<&'static str>,
}

/// How a request is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An HMAC with a secret that sender and receiver share; with Standard Webhooks also Ed25519.
    Hmac,
    /// A signature that a public key verifies.
    PublicKey,
    /// A secret that is sent with each request. Nothing of the request is signed.
    Token,
    /// Twilio's own way: the URL and the sorted parameters of a form.
    Twilio,
}

/// How a sender tests an address before it sends events there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// POST with `type: url_verification`: the challenge comes back as text.
    Slack,
    /// POST with `event: endpoint.url_validation`: an HMAC of the token comes back.
    Zoom,
    /// GET with `hub.verify_token`: `hub.challenge` comes back.
    Meta,
    /// POST with `validationToken` in the query: it comes back.
    Graph,
    /// GET with `challenge` in the query: it comes back.
    Dropbox,
    /// POST with `type` 0 or 1.
    Discord,
    /// POST with `verification_token`, which is the secret.
    Notion,
}

named!(Challenge {
    Slack = "slack",
    Zoom = "zoom",
    Meta = "meta",
    Graph = "graph",
    Dropbox = "dropbox",
    Discord = "discord",
    Notion = "notion",
});

/// What a repeated request is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayBy {
    /// The id of the event; the signature where a request has no id.
    Id,
    /// The signature.
    Signature,
    /// Repeated requests are not recognised.
    Off,
}

named!(ReplayBy { Id = "id", Signature = "signature", Off = "off" });

/// The signature of a single algorithm without fields.
const fn only(algorithm: Algorithm) -> Mark {
    Mark { field: None, algorithm }
}

impl Preset {
    /// HMAC-SHA256 of the body, in hex. Rows are made from this one.
    pub(super) const HMAC: Self = Self {
        name: "",
        sender: "",
        method: Method::Hmac,
        layouts: &[],
        marks: &[only(Algorithm::HmacSha256)],
        separator: None,
        field_separator: '=',
        prefix: "",
        encoding: Encoding::Hex,
        secret_encoding: SecretEncoding::Text,
        signed: "{body}",
        timestamp_unit: TimestampUnit::Seconds,
        tolerance: Duration::from_secs(300),
        requires: &[],
        url_escapes: false,
        challenge: None,
        success_status: None,
        timeout: None,
        note: "",
    };

    /// A token.
    pub(super) const TOKEN: Self =
        Self { method: Method::Token, marks: &[], signed: "", note: TOKEN_NOTE, ..Self::HMAC };
}

const TOKEN_NOTE: &str = "nothing is signed: whoever has seen one request can send others";
