//! Finds the usual mistake behind a signature that does not fit.
//!
//! Each known mistake is a trial: the request is verified once more with one thing changed. If it fits then, that is the mistake.
//! A trial decides nothing: the request stays refused.

mod cause;
mod json;

use std::borrow::Cow;
use std::time::SystemTime;

use http::HeaderName;
use http::header::{CONTENT_ENCODING, HOST};
use serde::de::IgnoredAny;

pub use self::cause::{BodyChange, Cause, Setting};
pub use self::json::Style;
use super::algorithm::Algorithm;
use super::encoding::{Encoding, SecretEncoding};
use super::error::SignatureError;
use super::format::Format;
use super::key::{Key, KeyForm};
use super::origin::Origin;
use super::preset::Method;
use super::reading::Reading;
use super::request::SignedRequest;
use super::scheme::Scheme;
use super::source::Source;
use super::timestamp::{self, TimestampUnit};
use super::verified::VerifiedSignature;
use super::verifier::Verifier;

/// What all trials for one request may cost, in bytes that are hashed.
const BUDGET: usize = 16 * 1024 * 1024;

/// What a secret costs besides the bytes of the body, and a public key with the most signatures that are tried.
const SECRET_COST: usize = 1024;
const PUBLIC_KEY_COST: usize = 512 * 1024;

/// The longest JSON that is written in other ways, in bytes.
const MAX_JSON: usize = 1024 * 1024;

/// The headers that are searched for a signature, and the longest value that is read there, in bytes.
const MAX_HEADERS: usize = 8;
const MAX_SIGNATURE_TEXT: usize = 2048;

/// What senders write before a signature.
const PREFIXES: [&str; 6] = ["", "sha1=", "sha256=", "sha512=", "v0=", "v1="];

/// The mistake that explains the `error` of a request, if it is a known one.
///
/// `others` are the verifiers of other routes, with names for people. Costs at most as much as verifying 16 MiB: the caller
/// limits how often that is done. A body of more than 8 MiB is not tried. If the error came before the body was read, only the
/// time is looked at.
pub fn diagnose<'v>(
    verifier: &Verifier,
    request: &SignedRequest<'_>,
    error: &SignatureError,
    now: SystemTime,
    others: impl IntoIterator<Item = (&'v str, &'v Verifier)>,
) -> Option<Cause> {
    let mut trials = Trials { verifier, request: *request, now, budget: BUDGET };
    match *error {
        SignatureError::Stale { by } => trials.timestamp_unit().or(Some(Cause::Stale { by })),
        SignatureError::Future { by } => trials.timestamp_unit().or(Some(Cause::Future { by })),
        SignatureError::BadTimestamp(_) => trials.timestamp_unit(),
        SignatureError::Missing(_) | SignatureError::Malformed(_) => trials.signature_form(),
        SignatureError::Mismatch => trials
            .signature_form()
            .or_else(|| trials.secret())
            .or_else(|| trials.body())
            .or_else(|| trials.url())
            .or_else(|| trials.other_routes(others))
            .or_else(|| trials.compression()),
        _ => None,
    }
}

struct Trials<'a> {
    verifier: &'a Verifier,
    request: SignedRequest<'a>,
    now: SystemTime,
    /// What may still be hashed.
    budget: usize,
}

impl Trials<'_> {
    /// Whether the time is right in another unit.
    fn timestamp_unit(&self) -> Option<Cause> {
        let scheme = self.verifier.scheme();
        let reading = Reading::new(scheme, &self.request);
        let text = reading.timestamp(reading.timestamp_source()?).ok()?;
        let tolerance = scheme.tolerance()?;
        let fits = |unit: &TimestampUnit| {
            let time = unit.parse(&text);
            time.is_some_and(|time| timestamp::check(time, self.now, tolerance).is_ok())
        };
        let mut other = scheme.clone();
        other.timestamp_unit = TimestampUnit::ALL.iter().copied().find(fits)?;
        Some(Cause::OtherSettings(settings(scheme, &other)))
    }

    /// Whether the signature is written in another way, made with another algorithm, or in another header.
    fn signature_form(&mut self) -> Option<Cause> {
        let scheme = self.verifier.scheme();
        if !matches!(scheme.method(), Method::Hmac | Method::PublicKey) {
            return None;
        }
        for (name, text) in signature_headers(scheme, &self.request) {
            let mut other = scheme.clone();
            if !is_own(scheme, name) {
                other.layouts.truncate(1);
                other.layouts.first_mut()?.signature = vec![Source::Header(name.clone())];
            }
            for format in formats(&scheme.format, text) {
                other.format = format;
                let settings = settings(scheme, &other);
                if !settings.is_empty()
                    && self.fits_with(&other, self.verifier.keys().to_vec()).is_some()
                {
                    return Some(Cause::OtherSettings(settings));
                }
            }
        }
        None
    }

    /// Whether the secret is read in the wrong way, or has a line end or blanks.
    fn secret(&mut self) -> Option<Cause> {
        let scheme = self.verifier.scheme();
        for encoding in SecretEncoding::ALL.iter().copied() {
            if self.fits_with_keys(|key| key.read_as(encoding)).is_some() {
                let mut other = scheme.clone();
                other.secret_encoding = encoding;
                return Some(Cause::OtherSettings(settings(scheme, &other)));
            }
        }
        let text = |key: &Key| key.secret().filter(|_| key.form() == KeyForm::Text).map(<[u8]>::to_vec);
        for line_end in ["\n", "\r\n"] {
            let longer = |key: &Key| {
                let secret = [&text(key)?, line_end.as_bytes()].concat();
                Some(key.with_secret(secret))
            };
            if let Some(found) = self.fits_with_keys(longer) {
                return Some(Cause::LineEndInSecret { file: found.key_file().clone() });
            }
        }
        let bare = |key: &Key| {
            let secret = text(key)?;
            let bare = secret.trim_ascii();
            if bare.len() < secret.len() { Some(key.with_secret(bare.to_vec())) } else { None }
        };
        let found = self.fits_with_keys(bare)?;
        Some(Cause::BlanksAroundSecret { file: found.key_file().clone() })
    }

    /// Whether another body was signed.
    fn body(&mut self) -> Option<Cause> {
        let body = self.request.body;
        // A token does not depend on the body. And a body that is too long for a trial need not be copied.
        if self.verifier.scheme().method() == Method::Token || 2 * body.len() > self.budget {
            return None;
        }
        let changed = [b"\n".as_slice(), b"\r\n"]
            .into_iter()
            .map(|line_end| (BodyChange::LineEndMissing, Some(Cow::Owned([body, line_end].concat()))))
            .chain([b"\n".as_slice(), b"\r\n"].into_iter().map(|line_end| {
                (BodyChange::LineEndAdded, body.strip_suffix(line_end).map(Cow::Borrowed))
            }))
            .chain([(BodyChange::LineEndsConverted, without_carriage_returns(body).map(Cow::Owned))]);
        let text = std::str::from_utf8(body).ok().filter(|_| body.len() <= MAX_JSON);
        let json = text.filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        let rewritten = json.into_iter().flat_map(|json| {
            let ways = Style::ALL.into_iter().flat_map(|style| [(style, false), (style, true)]);
            ways.filter(|(_, ascii)| !ascii || !json.is_ascii()).map(|(style, ascii)| {
                let body = json::reformatted(json, style, ascii, 4 * json.len());
                (BodyChange::Reformatted { style, ascii }, body.map(Cow::Owned))
            })
        });
        for (change, other) in changed.chain(rewritten) {
            let Some(other) = other.filter(|other| **other != *body) else { continue };
            let request = SignedRequest { body: &other, ..self.request };
            if self.fits(self.verifier, &request).is_some() {
                return Some(Cause::OtherBody(change));
            }
        }
        None
    }

    /// Whether the sender calls another scheme, host or port.
    fn url(&mut self) -> Option<Cause> {
        let public_url = self.request.public_url?;
        if !self.verifier.scheme().needs_public_url() {
            return None;
        }
        let own = Origin::parse(public_url);
        let host = self.request.header(&HOST).ok().flatten().and_then(host);
        for host in [Some(Origin { rest: own.rest, ..own }), host].into_iter().flatten() {
            for scheme in ["https", "http"] {
                let origin = Origin { scheme, rest: own.rest, ..host };
                for port in [host.port, None, Some(origin.default_port())] {
                    let url = Origin { port, ..origin }.url();
                    let request = SignedRequest { public_url: Some(&url), ..self.request };
                    if url != public_url && self.fits(self.verifier, &request).is_some() {
                        return Some(Cause::OtherUrl(url));
                    }
                }
            }
        }
        None
    }

    /// Whether the key of another route fits, with this scheme or with its own.
    fn other_routes<'v>(
        &mut self,
        others: impl IntoIterator<Item = (&'v str, &'v Verifier)>,
    ) -> Option<Cause> {
        others.into_iter().find_map(|(route, other)| {
            let with_this_scheme = self.fits_with(self.verifier.scheme(), other.keys().to_vec());
            let found = with_this_scheme.or_else(|| self.fits(other, &self.request.clone()))?;
            Some(Cause::OtherRoute { route: route.to_owned(), file: found.key_file().clone() })
        })
    }

    fn compression(&self) -> Option<Cause> {
        let mut encodings = self.request.headers.get_all(CONTENT_ENCODING).iter();
        encodings.any(|encoding| encoding != "identity").then_some(Cause::Compressed)
    }

    /// Verifies the request with each key changed, if that changes one.
    fn fits_with_keys(&mut self, change: impl Fn(&Key) -> Option<Key>) -> Option<VerifiedSignature> {
        let keys: Vec<_> = self.verifier.keys().iter().filter_map(change).collect();
        self.fits_with(self.verifier.scheme(), keys)
    }

    fn fits_with(&mut self, scheme: &Scheme, keys: Vec<Key>) -> Option<VerifiedSignature> {
        let verifier = Verifier::new(scheme.clone(), keys).ok()?;
        self.fits(&verifier, &self.request.clone())
    }

    fn fits(&mut self, verifier: &Verifier, request: &SignedRequest<'_>) -> Option<VerifiedSignature> {
        // Some schemes sign one of two texts.
        let of_body = 2 * (request.body.len() + SECRET_COST);
        let cost = |key: &Key| if key.secret().is_some() { of_body } else { of_body + PUBLIC_KEY_COST };
        self.budget = self.budget.checked_sub(verifier.keys().iter().map(cost).sum())?;
        verifier.verify(request, self.now).ok()
    }
}

/// The settings of `other` that differ from those of `scheme`.
fn settings(scheme: &Scheme, other: &Scheme) -> Vec<Setting> {
    let values = |scheme: &Scheme| {
        let signature = scheme.layouts.first().and_then(|layout| layout.signature.first());
        [
            ("signature", signature.map(Source::to_string)),
            ("algorithm", scheme.algorithms().next().map(|algorithm| algorithm.to_string())),
            ("prefix", Some(scheme.format.prefix.clone())),
            ("encoding", Some(scheme.format.encoding.to_string())),
            ("secret_encoding", Some(scheme.secret_encoding.to_string())),
            ("timestamp_unit", Some(scheme.timestamp_unit.to_string())),
        ]
    };
    let pairs = values(scheme).into_iter().zip(values(other));
    let changed = pairs.filter(|(before, after)| before != after);
    changed.filter_map(|(_, (key, value))| Some(Setting { key, value: value? })).collect()
}

fn is_own(scheme: &Scheme, name: &HeaderName) -> bool {
    let mut sources = scheme.layouts.iter().flat_map(|layout| &layout.signature);
    sources.any(|source| matches!(source, Source::Header(own) if own == name))
}

/// The headers that may hold a signature, those of the scheme first.
fn signature_headers<'a>(
    scheme: &Scheme,
    request: &SignedRequest<'a>,
) -> Vec<(&'a HeaderName, &'a [u8])> {
    let is_named_so =
        |name: &HeaderName| ["signature", "hmac"].iter().any(|part| name.as_str().contains(part));
    let value = |name: &'a HeaderName| Some((name, request.header(name).ok().flatten()?));
    let mut headers: Vec<_> = request
        .headers
        .keys()
        .filter(|name| is_own(scheme, name) || is_named_so(name))
        .filter_map(value)
        .filter(|(_, text)| text.len() <= MAX_SIGNATURE_TEXT)
        .collect();
    headers.sort_by_key(|(name, _)| !is_own(scheme, name));
    headers.truncate(MAX_HEADERS);
    headers
}

/// The ways in which `text` can be read as signatures of the right length.
fn formats(format: &Format, text: &[u8]) -> Vec<Format> {
    let is_hmac = format.marks.iter().any(|mark| mark.algorithm.is_hmac());
    let others = PREFIXES.into_iter().filter(|prefix| *prefix != format.prefix);
    let mut formats = Vec::new();
    for prefix in [format.prefix.as_str()].into_iter().chain(others) {
        for encoding in Encoding::ALL.iter().copied() {
            let read = Format { prefix: prefix.to_owned(), encoding, ..format.clone() };
            let lengths: Vec<_> = read.signatures(text).map(|candidate| candidate.bytes.len()).collect();
            if !is_hmac && !lengths.is_empty() {
                formats.push(read);
                continue;
            }
            let algorithms = Algorithm::ALL.iter().copied();
            for algorithm in algorithms.filter(|algorithm| {
                lengths.iter().any(|length| algorithm.hmac_length() == Some(*length))
            }) {
                let mut format = read.clone();
                let hmacs = format.marks.iter_mut().filter(|mark| mark.algorithm.is_hmac());
                hmacs.for_each(|mark| mark.algorithm = algorithm);
                formats.push(format);
            }
        }
    }
    formats
}

/// The body with LF instead of CR LF, if it has CR LF.
fn without_carriage_returns(body: &[u8]) -> Option<Vec<u8>> {
    if !body.windows(2).any(|pair| pair == b"\r\n") {
        return None;
    }
    let next = body.iter().skip(1).copied().map(Some).chain([None]);
    let kept = body.iter().copied().zip(next).filter(|pair| *pair != (b'\r', Some(b'\n')));
    Some(kept.map(|(byte, _)| byte).collect())
}

/// The value of `Host`, if it can be a part of a URL and of a log line.
fn host(value: &[u8]) -> Option<Origin<'_>> {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    let text = std::str::from_utf8(value).ok()?;
    if value.is_empty() || value.len() > 255 || !value.iter().all(is_safe) {
        return None;
    }
    Some(Origin::parse(text))
}

#[cfg(test)]
mod tests;
