//! OCSP responses (RFC 6960): which certificate a response is about, and how long it is valid. Clients check its
//! signature.

use aws_lc_rs::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use thiserror::Error;
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::prelude::{ASN1Time, X509Certificate};

/// The DER tags that this module uses.
mod tag {
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const OCTET_STRING: u8 = 0x04;
    pub(super) const OID: u8 = 0x06;
    pub(super) const ENUMERATED: u8 = 0x0a;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const GOOD: u8 = 0x80;
    pub(super) const REVOKED: u8 = 0xa1;
    pub(super) const EXPLICIT_0: u8 = 0xa0;
}

/// 1.3.6.1.5.5.7.48.1.1, id-pkix-ocsp-basic.
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];

/// The answer of a response about one certificate.
#[derive(Debug)]
pub(super) struct Answer {
    hash: Option<&'static Algorithm>,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Vec<u8>,
    /// The certificate's status.
    pub(super) status: Status,
    /// thisUpdate, in seconds since 1970.
    pub(super) from: i64,
    /// nextUpdate, if there is one.
    pub(super) until: Option<i64>,
}

/// Why a response has no answers (RFC 6960 section 2.3).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum OcspError {
    #[error("it is not an OCSP response in DER")]
    Malformed,
    #[error("it is the error tryLater: the responder is temporarily unavailable")]
    TryLater,
    #[error("it is the error unauthorized: the responder does not serve this certificate")]
    Unauthorized,
    #[error("it is an error response of the responder")]
    Refused,
}

/// A certificate's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    Revoked,
    Unknown,
}

impl Answer {
    /// All answers in a response.
    pub(super) fn all(der: &[u8]) -> Result<Vec<Self>, OcspError> {
        let mut response = Der(der).inside(tag::SEQUENCE).ok_or(OcspError::Malformed)?;
        match response.take(tag::ENUMERATED).ok_or(OcspError::Malformed)? {
            [0] => answers(response).ok_or(OcspError::Malformed),
            [3] => Err(OcspError::TryLater),
            [6] => Err(OcspError::Unauthorized),
            _ => Err(OcspError::Refused),
        }
    }

    /// Whether it is for `leaf`. The issuer's key is compared if the issuer is known.
    pub(super) fn is_about(
        &self,
        leaf: &X509Certificate<'_>,
        issuer: Option<&X509Certificate<'_>>,
    ) -> bool {
        let Some(hash) = self.hash else { return false };
        let is_hash = |hashed: &[u8], of: &[u8]| digest::digest(hash, of).as_ref() == hashed;
        let key = |issuer: &X509Certificate<'_>| {
            is_hash(&self.issuer_key_hash, &issuer.public_key().subject_public_key.data)
        };
        self.serial == leaf.raw_serial()
            && is_hash(&self.issuer_name_hash, leaf.issuer().as_raw())
            && issuer.is_none_or(key)
    }
}

/// RFC 6960 section 4.2.1, from responseBytes on.
fn answers(mut response: Der<'_>) -> Option<Vec<Answer>> {
    let mut bytes = response.inside(tag::EXPLICIT_0)?.inside(tag::SEQUENCE)?;
    if bytes.take(tag::OID)? != BASIC {
        return None;
    }
    let mut basic = Der(bytes.take(tag::OCTET_STRING)?).inside(tag::SEQUENCE)?;
    let mut data = basic.inside(tag::SEQUENCE)?;
    if data.peek()? == tag::EXPLICIT_0 {
        data.skip()?;
    }
    // The responder's name or key.
    data.skip()?;
    data.take(tag::GENERALIZED_TIME)?;
    let mut list = data.inside(tag::SEQUENCE)?;
    let mut answers = Vec::new();
    while !list.0.is_empty() {
        answers.push(answer(list.inside(tag::SEQUENCE)?)?);
    }
    Some(answers)
}

fn answer(mut single: Der<'_>) -> Option<Answer> {
    let mut id = single.inside(tag::SEQUENCE)?;
    let hash = hash(id.inside(tag::SEQUENCE)?.take(tag::OID)?);
    let issuer_name_hash = id.take(tag::OCTET_STRING)?.to_vec();
    let issuer_key_hash = id.take(tag::OCTET_STRING)?.to_vec();
    let serial = id.take(tag::INTEGER)?.to_vec();
    let status = match single.skip()? {
        tag::GOOD => Status::Good,
        tag::REVOKED => Status::Revoked,
        _ => Status::Unknown,
    };
    let from = single.time()?;
    let until = match single.peek() {
        Some(tag::EXPLICIT_0) => Some(single.inside(tag::EXPLICIT_0)?.time()?),
        _ => None,
    };
    Some(Answer { hash, issuer_name_hash, issuer_key_hash, serial, status, from, until })
}

fn hash(oid: &[u8]) -> Option<&'static Algorithm> {
    match oid {
        [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Some(&SHA1_FOR_LEGACY_USE_ONLY),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01] => Some(&SHA256),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02] => Some(&SHA384),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03] => Some(&SHA512),
        _ => None,
    }
}

/// A sequence of DER elements.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let tag = *self.0.first()?;
        let (rest, any) = Any::from_der(self.0).ok()?;
        Some((tag, any.data, rest))
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element, which must have this tag.
    fn take(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (tag, content, rest) = self.next()?;
        self.0 = rest;
        (tag == wanted).then_some(content)
    }

    /// The elements inside the next element, which must have this tag.
    fn inside(&mut self, wanted: u8) -> Option<Self> {
        self.take(wanted).map(Der)
    }

    /// Skips the next element, and returns its tag.
    fn skip(&mut self) -> Option<u8> {
        let (tag, _, rest) = self.next()?;
        self.0 = rest;
        Some(tag)
    }

    fn time(&mut self) -> Option<i64> {
        let (rest, time) = ASN1Time::from_der(self.0).ok()?;
        self.0 = rest;
        Some(time.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Answer::all(&bytes);
        }

        #[test]
        fn no_truncated_or_altered_response_makes_the_reader_panic(
            rest in proptest::collection::vec(prop_oneof![Just(0x30_u8), Just(0xa0), Just(4), any::<u8>()], 0..60),
        ) {
            let mut der = vec![0x30, 0, 0x0a, 1, 0, 0xa0];
            der.extend(&rest);
            der[1] = u8::try_from(der.len() - 2).unwrap();
            let _ = Answer::all(&der);
        }
    }
}
