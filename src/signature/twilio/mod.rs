//! Twilio's signatures: the URL and the sorted parameters of a form.
//!
//! The documentation ("Webhooks security") and the official libraries for Node and Python agree on what is signed. There is
//! nothing between names and values. So whoever has a captured request can move text between them, as long as the order
//! stays right. The method, the headers and the encoding of a form are not signed, and there is no time.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER_PERMISSIVE;
use http::HeaderName;
use http::header::CONTENT_TYPE;

use super::algorithm::Algorithm;
use super::encoding::Encoding;
use super::error::SignatureError;
use super::hmac::{HmacKey, is_equal};
use super::origin::Origin;
use super::request::{SignedRequest, Twice};
use super::source::Source;
use super::verified::{EventKey, Match};

/// The header of the signature.
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

/// `key=…,algorithm=HMAC_SHA256`, where the secret is a shared key and not the account's token.
const SETTINGS: HeaderName = HeaderName::from_static("x-twilio-webhooks-signature-settings");

/// The parameter of the query that has the SHA-256 of a body that is no form, in hex.
const BODY_HASH: &str = "bodySHA256";

/// The most parameters of a form. Each costs a multiple of its bytes before the signature is verified.
pub const MAX_PARAMETERS: usize = 1000;

/// Verifies a request with each of the secrets. The result has the index of the one that fits. An empty secret is none.
pub(super) fn verify<'k>(
    request: &SignedRequest<'_>,
    secrets: impl Iterator<Item = &'k [u8]>,
) -> Result<Match, SignatureError> {
    let signature = Signature::read(request)?;
    let messages = messages(request)?;
    let (mut found, mut event) = (None, None);
    for (index, secret) in secrets.enumerate().filter(|(_, secret)| !secret.is_empty()) {
        let Some(key) = HmacKey::new(signature.algorithm, secret) else { continue };
        for message in &messages {
            let mac = key.mac(message);
            let fits = is_equal(mac.as_ref(), &signature.bytes);
            found = found.or(fits.then_some(index));
            event = event.or_else(|| Some(EventKey::of_bytes(mac.as_ref())));
        }
    }
    let key = found.ok_or(SignatureError::Mismatch)?;
    Ok(Match { key, event })
}

/// What can be said before the body is there: the signature is there and well formed, and the URL is known.
pub(super) fn check_head(head: &SignedRequest<'_>) -> Result<(), SignatureError> {
    Signature::read(head)?;
    head.public_url.map(drop).ok_or(SignatureError::NoPublicUrl)
}

/// The value of `X-Twilio-Signature` for a request whose body is a form, empty, or covered by its target.
pub fn sign(
    request: &SignedRequest<'_>,
    secret: &[u8],
    algorithm: Algorithm,
) -> Result<String, SignatureError> {
    let [message, _] = messages(request)?;
    let key = HmacKey::new(algorithm, secret).ok_or(SignatureError::Unsupported(SETTINGS))?;
    Ok(Encoding::Base64.encode(key.mac(&message).as_ref()))
}

/// The target of a request whose body is no form: with the hash of the body in the query.
pub fn covering_target(target: &str, body: &[u8]) -> String {
    let separator = if target.contains('?') { '&' } else { '?' };
    let hash = HEXLOWER_PERMISSIVE.encode(digest(&SHA256, body).as_ref());
    format!("{target}{separator}{BODY_HASH}={hash}")
}

/// A signature that may be valid.
struct Signature {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Signature {
    fn read(request: &SignedRequest<'_>) -> Result<Self, SignatureError> {
        let source = || Source::Header(SIGNATURE);
        let text = header(request, &SIGNATURE)?.ok_or_else(|| SignatureError::Missing(source()))?;
        let bytes = Encoding::Base64.decode(text).filter(|bytes| !bytes.is_empty());
        let bytes = bytes.ok_or_else(|| SignatureError::Malformed(source()))?;
        Ok(Self { algorithm: algorithm(request)?, bytes })
    }
}

/// HMAC-SHA1 unless the settings header names another one. Nobody can sign with a weaker algorithm without the secret.
fn algorithm(request: &SignedRequest<'_>) -> Result<Algorithm, SignatureError> {
    let settings = header(request, &SETTINGS)?.unwrap_or_default();
    let named = |item: &[u8]| {
        let at = item.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (item[..at].trim_ascii(), item[at + 1..].trim_ascii());
        (name == b"algorithm" && !value.is_empty()).then(|| value.to_ascii_uppercase())
    };
    match settings.split(|byte| *byte == b',').find_map(named).as_deref() {
        None | Some(b"HMAC_SHA1") => Ok(Algorithm::HmacSha1),
        Some(b"HMAC_SHA256") => Ok(Algorithm::HmacSha256),
        Some(_) => Err(SignatureError::Unsupported(SETTINGS)),
    }
}

fn header<'a>(
    request: &SignedRequest<'a>,
    name: &HeaderName,
) -> Result<Option<&'a [u8]>, SignatureError> {
    request.header(name).map_err(|Twice| SignatureError::Twice(Source::Header(name.clone())))
}

/// The pieces that may be signed: with the URL as it is in the settings, and with its port removed or added. Twilio itself is
/// not consistent there.
fn messages<'a>(request: &SignedRequest<'a>) -> Result<[Vec<Cow<'a, [u8]>>; 2], SignatureError> {
    let public_url = request.public_url.ok_or(SignatureError::NoPublicUrl)?;
    let parameters = parameters(request)?;
    Ok([public_url, &other_port(public_url)].map(|base| {
        let mut pieces = vec![Cow::Owned([base, request.target].concat().into_bytes())];
        for (name, value) in &parameters {
            pieces.extend([bytes(name), bytes(value)]);
        }
        pieces
    }))
}

fn bytes<'a>(text: &Cow<'a, str>) -> Cow<'a, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.clone().into_bytes()),
    }
}

/// The URL without its port or, if it has none, with the default port of its scheme.
fn other_port(url: &str) -> String {
    let origin = Origin::parse(url);
    let port = if origin.port.is_some() { None } else { Some(origin.default_port()) };
    Origin { port, ..origin }.url()
}

/// Name and value of a parameter of a form, decoded.
type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a form, sorted, each name with each of its values once. None for a body that the URL covers.
fn parameters<'a>(request: &SignedRequest<'a>) -> Result<Vec<Parameter<'a>>, SignatureError> {
    let hash = request.query(BODY_HASH);
    let hash = hash.map_err(|Twice| SignatureError::Twice(Source::Query(BODY_HASH.to_owned())))?;
    if let Some(hash) = hash {
        let hash = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok();
        let is_covered = hash.is_some_and(|hash| hash == digest(&SHA256, request.body).as_ref());
        return if is_covered { Ok(Vec::new()) } else { Err(SignatureError::BodyNotCovered) };
    }
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    if !is_form(header(request, &CONTENT_TYPE)?) {
        return Err(SignatureError::BodyNotCovered);
    }
    let mut parameters: Vec<_> = form_urlencoded::parse(request.body).take(MAX_PARAMETERS + 1).collect();
    if parameters.len() > MAX_PARAMETERS {
        return Err(SignatureError::TooManyParameters { max: MAX_PARAMETERS });
    }
    // A body like `=` would add nothing to what is signed, so that it could be put into any request without a body.
    if parameters.is_empty() || parameters.iter().any(|(name, _)| name.is_empty()) {
        return Err(SignatureError::BodyNotCovered);
    }
    parameters.sort_unstable();
    parameters.dedup();
    Ok(parameters)
}

/// Whether the media type is `application/x-www-form-urlencoded`, whatever its parameters (RFC 9110 section 8.3.1).
fn is_form(content_type: Option<&[u8]>) -> bool {
    let media_type = content_type.and_then(|value| value.split(|byte| *byte == b';').next());
    media_type.is_some_and(|media_type| {
        media_type.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    })
}

#[cfg(test)]
mod tests;
