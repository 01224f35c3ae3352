//! Signs requests as a sender does: the inverse of verifying.

use std::borrow::Cow;
use std::time::SystemTime;

use data_encoding::BASE64;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use thiserror::Error;

use super::algorithm::Algorithm;
use super::error::SignatureError;
use super::hmac::HmacKey;
use super::pointer::Pointer;
use super::preset::Method;
use super::reading::Reading;
use super::request::OutgoingRequest;
use super::scheme::Scheme;
use super::source::Source;
use super::template::{Part, Template};
use super::timestamp::TimestampUnit;
use super::twilio;
use super::verifier::Verifier;

/// Why a request cannot be signed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SignError {
    /// Only the sender has the private key.
    #[error("the scheme signs with a private key, which only the sender has")]
    PrivateKey,
    /// A value must be put into the body, which has no place for it.
    #[error("{0} must be in the body, which is no JSON object with a place for it")]
    NoPlace(Source),
    /// A value that cannot be where the scheme has it.
    #[error("this value cannot be in {0}")]
    Value(Source),
    /// A value that is signed is not in the request.
    #[error(transparent)]
    Incomplete(#[from] SignatureError),
}

impl Verifier {
    /// Signs the request with the first secret, as the sender would at `now`. An id that the body has already stays.
    pub fn sign(
        &self,
        request: &mut OutgoingRequest,
        now: SystemTime,
        id: &str,
    ) -> Result<(), SignError> {
        let secret = self.keys().iter().find_map(|key| key.secret()).ok_or(SignError::PrivateKey)?;
        match self.scheme().method() {
            Method::Twilio => sign_as_twilio(request, secret),
            Method::Token => {
                put_ids(self.scheme(), request, id)?;
                self.put_token(secret, request)
            }
            Method::Hmac | Method::PublicKey => {
                let mut algorithms = self.scheme().algorithms();
                let hmac = algorithms.find_map(|algorithm| HmacKey::new(algorithm, secret));
                let hmac = hmac.ok_or(SignError::PrivateKey)?;
                self.sign_with(request, now, id, hmac.algorithm, |signed| {
                    hmac.mac(&[Cow::Borrowed(signed)]).as_ref().to_vec()
                })
            }
        }
    }

    /// Puts a signature or token into the request that no key fits, in the form that the scheme has. `random` are bytes
    /// that nobody knows.
    pub fn sign_falsely(
        &self,
        request: &mut OutgoingRequest,
        now: SystemTime,
        id: &str,
        random: &[u8; 32],
    ) -> Result<(), SignError> {
        match self.scheme().method() {
            Method::Twilio => {
                put(&Source::Header(twilio::SIGNATURE), BASE64.encode(random).as_bytes(), request)
            }
            Method::Token => {
                put_ids(self.scheme(), request, id)?;
                self.put_token(BASE64.encode(random).as_bytes(), request)
            }
            Method::Hmac | Method::PublicKey => {
                let algorithm = self.scheme().algorithms().next().ok_or(SignError::PrivateKey)?;
                self.sign_with(request, now, id, algorithm, |_| random.to_vec())
            }
        }
    }

    fn put_token(&self, token: &[u8], request: &mut OutgoingRequest) -> Result<(), SignError> {
        let prefix = self.scheme().format.prefix.as_bytes();
        let source = self.scheme().first_signature().ok_or(SignError::PrivateKey)?;
        put(source, &[prefix, token].concat(), request)
    }

    /// Signs the request with what `make` makes of the signed bytes: a signature of this algorithm.
    pub fn sign_with(
        &self,
        request: &mut OutgoingRequest,
        now: SystemTime,
        id: &str,
        algorithm: Algorithm,
        make: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Result<(), SignError> {
        let scheme = self.scheme();
        let mark = scheme.format.marks.iter().find(|mark| mark.algorithm == algorithm);
        let (Some(layout), Some(mark), Some(template)) = (scheme.layouts.first(), mark, scheme.signed())
        else {
            return Err(SignError::PrivateKey);
        };
        put_ids(scheme, request, id)?;
        for (name, value) in &layout.requires {
            request.headers.insert(name, value.clone());
        }
        let time = scheme.timestamp_unit.write(now);
        let mut text = String::new();
        match &layout.timestamp {
            Some(Source::Field(field)) => {
                text = scheme.format.write_field(field, &time);
                text.extend(scheme.format.separator);
            }
            Some(Source::Body(pointer)) => put_time(pointer, &time, scheme.timestamp_unit, request)?,
            Some(source) => put(source, time.as_bytes(), request)?,
            None => {}
        }
        let received = request.as_received();
        let reading = Reading::new(scheme, &received);
        let target = scheme.signed_target(received.target);
        let signed = reading.signed(template, Some(time.as_bytes()), &target)?.concat();
        text.push_str(&scheme.format.write(mark, &make(&signed)));
        let source = scheme.first_signature().ok_or(SignError::PrivateKey)?;
        put(source, text.as_bytes(), request)
    }
}

/// A body that is no form is covered by its hash in the query.
fn sign_as_twilio(request: &mut OutgoingRequest, secret: &[u8]) -> Result<(), SignError> {
    let sign =
        |request: &OutgoingRequest| twilio::sign(&request.as_received(), secret, Algorithm::HmacSha1);
    let signature = match sign(request) {
        Err(SignatureError::BodyNotCovered) => {
            request.target = twilio::covering_target(&request.target, &request.body);
            sign(request)?
        }
        signature => signature?,
    };
    put(&Source::Header(twilio::SIGNATURE), signature.as_bytes(), request)
}

/// Puts the id where the scheme has it, unless it is made of several values, or is in a body that has no place for it.
fn put_ids(scheme: &Scheme, request: &mut OutgoingRequest, id: &str) -> Result<(), SignError> {
    let template = scheme.layouts.first().and_then(|layout| layout.id.as_ref());
    let Some([Part::Source(source)]) = template.map(Template::parts) else {
        return Ok(());
    };
    match source {
        Source::Body(pointer) if !matches!(pointer.find(&request.body), Ok(None)) => Ok(()),
        Source::Body(_) => put(source, id.as_bytes(), request).or(Ok(())),
        source => put(source, id.as_bytes(), request),
    }
}

fn put_time(
    pointer: &Pointer,
    text: &str,
    unit: TimestampUnit,
    request: &mut OutgoingRequest,
) -> Result<(), SignError> {
    let number = if unit == TimestampUnit::Rfc3339 { None } else { text.parse::<u64>().ok() };
    let value = number.map_or_else(|| Value::from(text), Value::from);
    put_into_body(pointer, value, request)
        .ok_or_else(|| SignError::NoPlace(Source::Body(pointer.clone())))
}

/// Puts a value where a receiver looks for it.
fn put(source: &Source, value: &[u8], request: &mut OutgoingRequest) -> Result<(), SignError> {
    let wrong = || SignError::Value(source.clone());
    let text = || str::from_utf8(value).map_err(|_| wrong());
    let (name, value) = match source {
        Source::Header(name) => (name.clone(), value.to_vec()),
        Source::Headers(prefix) => {
            let name = HeaderName::from_bytes(format!("{prefix}1").as_bytes());
            (name.map_err(|_| wrong())?, value.to_vec())
        }
        Source::Bearer => (AUTHORIZATION, [b"Bearer ", value].concat()),
        Source::Basic => (AUTHORIZATION, format!("Basic {}", BASE64.encode(value)).into_bytes()),
        Source::Query(name) => {
            let separator = if request.target.contains('?') { '&' } else { '?' };
            let mut pair = form_urlencoded::Serializer::new(String::new());
            pair.append_pair(name, text()?);
            request.target = format!("{}{separator}{}", request.target, pair.finish());
            return Ok(());
        }
        Source::Body(pointer) => {
            let value = Value::from(text()?);
            return put_into_body(pointer, value, request)
                .ok_or_else(|| SignError::NoPlace(source.clone()));
        }
        // Written with the signature header.
        Source::Field(_) => return Ok(()),
    };
    let mut value = HeaderValue::from_bytes(&value).map_err(|_| wrong())?;
    value.set_sensitive(true);
    request.headers.insert(name, value);
    Ok(())
}

/// Puts a value into a JSON object, and makes the objects on the way to it.
fn put_into_body(pointer: &Pointer, value: Value, request: &mut OutgoingRequest) -> Option<()> {
    let mut document: Value = serde_json::from_slice(&request.body).ok()?;
    let mut place = &mut document;
    for token in pointer.tokens() {
        place = match place {
            Value::Array(items) => items.get_mut(token.parse::<usize>().ok()?)?,
            Value::Object(map) => map.entry(token).or_insert_with(|| Value::Object(Map::new())),
            _ => return None,
        };
    }
    *place = value;
    request.body = serde_json::to_vec(&document).ok()?;
    Some(())
}
