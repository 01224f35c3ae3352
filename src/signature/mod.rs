//! Signed webhooks: senders that sign their requests instead of presenting a client certificate.
//!
//! Comes in: the name of a [`Preset`] with [`Overrides`], the content of key files, and a request with its raw body
//! ([`SignedRequest`]). Goes out: a [`VerifiedSignature`] as proof, or a [`SignatureError`]. Nothing here reads files or
//! the clock. Imports nothing of clawgate.

mod algorithm;
mod challenge;
mod coverage;
pub mod diagnosis;
mod encoding;
mod error;
mod event_id;
mod format;
mod headers;
mod hmac;
mod hubspot;
mod key;
mod layout;
mod names;
mod origin;
mod overrides;
mod pointer;
mod preset;
mod presets;
mod private_key;
mod public_key;
mod reading;
pub mod replay;
mod request;
mod scheme;
mod scheme_error;
pub mod shared_replays;
mod sign;
mod source;
mod template;
mod timestamp;
mod token;
pub mod twilio;
mod verification;
mod verified;
mod verifier;

pub use self::algorithm::Algorithm;
pub use self::challenge::{Answer, ChallengeError, MAX_CHALLENGE_BODY, MAX_ECHO};
pub use self::coverage::Coverage;
pub use self::encoding::{Encoding, SecretEncoding};
pub use self::error::SignatureError;
pub use self::event_id::event_id;
pub use self::format::Mark;
pub use self::headers::known_signature_header;
pub use self::key::{Key, KeyError, KeyForm, MAX_KEY_FILE};
pub use self::names::UnknownName;
pub use self::overrides::Overrides;
pub use self::pointer::{LookupError, MAX_POINTER_STEPS, Pointer, PointerError};
pub use self::preset::{Challenge, Method, Preset, PresetLayout, ReplayBy};
pub use self::presets::{PRESETS, preset};
pub use self::private_key::PrivateKey;
pub use self::reading::{MAX_PUBLIC_KEY_SIGNATURES, MAX_SIGNATURES};
pub use self::request::{OutgoingRequest, SignedRequest};
pub use self::scheme::Scheme;
pub use self::scheme_error::SchemeError;
pub use self::sign::SignError;
pub use self::source::{Source, SourceError};
pub use self::template::{MAX_TEMPLATE_LENGTH, MAX_TEMPLATE_PARTS, Part, Template, TemplateError};
pub use self::timestamp::TimestampUnit;
pub use self::token::matching as matching_secret;
pub use self::verification::Verification;
pub use self::verified::{EventKey, MAX_ID, VerifiedSignature};
pub use self::verifier::{MAX_KEYS, Verifier, VerifierError};
