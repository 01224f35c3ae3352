//! What a valid signature proves.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;

/// Proof that a request carries a valid signature or token. Only [`Verifier::verify`](super::Verifier::verify) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    pub(super) scheme: &'static str,
    /// The index of the key among the verifier's.
    pub(super) key: usize,
    pub(super) key_file: Arc<str>,
    pub(super) timestamp: Option<SystemTime>,
    pub(super) skew: Option<i64>,
    pub(super) id: Option<String>,
    pub(super) event: Option<EventKey>,
}

impl VerifiedSignature {
    /// The name of the scheme's preset.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The name of the file whose key fits.
    pub fn key_file(&self) -> &Arc<str> {
        &self.key_file
    }

    /// When the sender signed it, as it says itself.
    pub fn timestamp(&self) -> Option<SystemTime> {
        self.timestamp
    }

    /// The sender's time minus ours, in whole seconds: positive where the sender's clock is ahead.
    pub fn skew(&self) -> Option<i64> {
        self.skew
    }

    /// The id of the event: visible ASCII, at most [`MAX_ID`] bytes. Another one is hashed: `sha256:` and 64 hex digits.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What the event is known by if it comes again; `None` if the scheme does not look for repeated requests.
    pub fn event(&self) -> Option<EventKey> {
        self.event
    }

    /// The same as text for people: the id if the event is known by it, else 64 hex digits.
    pub fn event_text(&self) -> Option<String> {
        let event = self.event?;
        let hex = HEXLOWER.encode(event.as_bytes());
        let is_known_by = |id: &&str| {
            EventKey::of_id(id.as_bytes()) == event || id.strip_prefix("sha256:") == Some(hex.as_str())
        };
        Some(self.id().filter(is_known_by).map_or_else(|| hex.clone(), str::to_owned))
    }
}

/// What an event is known by if it comes again. Two events of one route have the same with a chance that is negligible.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKey([u8; 32]);

impl EventKey {
    /// By the id that the sender gave it.
    pub(super) fn of_id(id: &[u8]) -> Self {
        Self::of_bytes(digest(&SHA256, id).as_ref())
    }

    /// By what only the signed string and a key of ours make: an HMAC, or a SHA-256. It does not change with the
    /// encoding of a signature, or with other signatures beside it.
    pub(super) fn of_bytes(hash: &[u8]) -> Self {
        let mut key = [0; 32];
        key.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
        Self(key)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The longest id that is kept as it is, in bytes.
pub const MAX_ID: usize = 256;

/// An id that is safe in a header and a log line.
pub(super) fn safe_id(id: &[u8]) -> String {
    let is_safe = !id.is_empty() && id.len() <= MAX_ID && id.iter().all(u8::is_ascii_graphic);
    match String::from_utf8_lossy(id) {
        Cow::Borrowed(id) if is_safe => id.to_owned(),
        _ => format!("sha256:{}", HEXLOWER.encode(digest(&SHA256, id).as_ref())),
    }
}

/// Which key fits, and what its HMAC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// The index of the key among the verifier's.
    pub(super) key: usize,
    /// What the request is known by if nothing else says it; `None` for a token.
    pub(super) event: Option<EventKey>,
}
