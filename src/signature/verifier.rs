//! Verifies requests with a scheme and its keys.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use thiserror::Error;

use super::error::SignatureError;
use super::format::Candidate;
use super::hmac::{HmacKey, is_equal};
use super::key::{Key, Material};
use super::preset::{Method, ReplayBy};
use super::public_key::Message;
use super::reading::Reading;
use super::request::SignedRequest;
use super::scheme::Scheme;
use super::template::Part;
use super::verified::{EventKey, Match, VerifiedSignature, safe_id};
use super::{timestamp, token, twilio};

/// The most keys of a verifier.
pub const MAX_KEYS: usize = 16;

/// Verifies the requests of one route.
#[derive(Clone, Debug)]
pub struct Verifier {
    scheme: Arc<Scheme>,
    keys: Vec<Key>,
    /// For each key, its HMACs; none for a public key.
    hmacs: Vec<Vec<HmacKey>>,
}

/// Why scheme and keys make no verifier.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VerifierError {
    /// Nothing could be verified.
    #[error("there is no key")]
    NoKeys,
    /// More than [`MAX_KEYS`].
    #[error("there are more than {MAX_KEYS} keys")]
    TooManyKeys,
}

impl Verifier {
    /// The keys must have been read for this scheme.
    pub fn new(scheme: Scheme, keys: Vec<Key>) -> Result<Self, VerifierError> {
        if keys.is_empty() {
            return Err(VerifierError::NoKeys);
        }
        if keys.len() > MAX_KEYS {
            return Err(VerifierError::TooManyKeys);
        }
        let hmacs = |key: &Key| match key.secret() {
            Some(secret) => {
                scheme.algorithms().filter_map(|algorithm| HmacKey::new(algorithm, secret)).collect()
            }
            None => Vec::new(),
        };
        let hmacs = keys.iter().map(hmacs).collect();
        Ok(Self { scheme: Arc::new(scheme), keys, hmacs })
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The keys.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// What can be said before the body is read: a signature is there and well formed, and its time is right. What the
    /// scheme has in the body is not looked at.
    ///
    /// [`verify`](Self::verify) checks all of this again.
    pub fn check_head(&self, head: &SignedRequest<'_>, now: SystemTime) -> Result<(), SignatureError> {
        let reading = Reading::new(&self.scheme, head);
        match self.scheme.method() {
            Method::Twilio => return twilio::check_head(head),
            _ if reading.is_signed_in_body() => {}
            Method::Token => reading.tokens().map(drop)?,
            Method::Hmac | Method::PublicKey => reading.candidates().map(drop)?,
        }
        reading.check_requirements()?;
        match reading.timestamp_source().filter(|source| !source.is_in_body()) {
            Some(source) => reading.check_time(source, &reading.timestamp(source)?, now).map(drop),
            None => Ok(()),
        }
    }

    /// Verifies the request, whose body must be complete. `now` is what its time is compared with.
    pub fn verify(
        &self,
        request: &SignedRequest<'_>,
        now: SystemTime,
    ) -> Result<VerifiedSignature, SignatureError> {
        let reading = Reading::new(&self.scheme, request);
        let (found, time) = match self.scheme.method() {
            Method::Token => (self.verify_token(&reading)?, None),
            Method::Twilio => (twilio::verify(request, self.secrets())?, None),
            Method::Hmac | Method::PublicKey => self.verify_signature(&reading, request.target, now)?,
        };
        let id = reading.id()?;
        let event = match self.scheme.replay() {
            ReplayBy::Off => None,
            ReplayBy::Id => id.as_deref().map(EventKey::of_id).or(found.event),
            ReplayBy::Signature => found.event,
        };
        Ok(VerifiedSignature {
            scheme: self.scheme.name(),
            key: found.key,
            key_file: Arc::clone(self.keys[found.key].file()),
            timestamp: time,
            skew: time.map(|time| timestamp::skew(time, now)),
            id: id.as_deref().map(safe_id),
            event,
        })
    }

    /// The bytes of each secret, and nothing for a public key.
    fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(|key| key.secret().unwrap_or_default())
    }

    fn verify_token(&self, reading: &Reading<'_, '_>) -> Result<Match, SignatureError> {
        let key = token::matching(&reading.tokens()?, self.secrets()).ok_or(SignatureError::Mismatch)?;
        Ok(Match { key, event: None })
    }

    fn verify_signature(
        &self,
        reading: &Reading<'_, '_>,
        target: &str,
        now: SystemTime,
    ) -> Result<(Match, Option<SystemTime>), SignatureError> {
        let candidates = reading.candidates()?;
        reading.check_requirements()?;
        let Some(template) = self.scheme.signed() else {
            return Err(SignatureError::Mismatch);
        };
        let source = reading.timestamp_source();
        // A body is read as JSON before its signature is verified only if the signed string needs a value of it.
        let (early, late) = match source {
            Some(source) if source.is_in_body() && !template.has(&Part::Timestamp) => {
                (None, Some(source))
            }
            early => (early, None),
        };
        let text = early.map(|source| reading.timestamp(source)).transpose()?;
        let mut time = match (early, &text) {
            (Some(source), Some(text)) => Some(reading.check_time(source, text, now)?),
            _ => None,
        };
        let mut found = self.matching(&reading.signed(template, text.as_deref(), target)?, &candidates);
        if let (None, Cow::Owned(target)) = (found, self.scheme.signed_target(target)) {
            found = self.matching(&reading.signed(template, text.as_deref(), &target)?, &candidates);
        }
        let found = found.ok_or(SignatureError::Mismatch)?;
        if let Some(source) = late {
            time = Some(reading.check_time(source, &reading.timestamp(source)?, now)?);
        }
        Ok((found, time))
    }

    /// The first key that fits one of the signatures. Each is tried with each, whatever the others have given.
    fn matching(&self, pieces: &[Cow<'_, [u8]>], candidates: &[Candidate]) -> Option<Match> {
        let (mut found, mut event) = (None, None);
        let mut message = Message::new(pieces);
        for (index, key) in self.keys.iter().enumerate() {
            for hmac in &self.hmacs[index] {
                let mac = hmac.mac(pieces);
                event = event.or_else(|| Some(EventKey::of_bytes(mac.as_ref())));
                for candidate in
                    candidates.iter().filter(|candidate| candidate.algorithm == hmac.algorithm)
                {
                    let fits = is_equal(mac.as_ref(), &candidate.bytes);
                    found = found.or(fits.then_some(index));
                }
            }
            if let Material::Public(key) = key.material() {
                for candidate in
                    candidates.iter().filter(|candidate| candidate.algorithm == key.algorithm)
                {
                    let fits = message.is_signed_by(key, &candidate.bytes);
                    found = found.or(fits.then_some(index));
                }
            }
        }
        let key = found?;
        Some(Match { key, event: event.or_else(|| Some(EventKey::of_bytes(message.digest().as_ref()))) })
    }
}
