//! The content of one certificate in printable form.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use x509_parser::der_parser::asn1_rs::{Any, Integer, Oid, Tag};
use x509_parser::extensions::ExtendedKeyUsage;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::time::ASN1Time;

use super::name::{cut, oid_text, printable, rfc4514};
use super::readable::MAX_SERIAL;
use super::san::San;
use super::serial::serial_text;

/// The last second of the year 9999.
const END_OF_TIME: i64 = 253_402_300_799;
/// Names of a certificate beyond this many are counted, not listed.
const MAX_NAMES: usize = 64;

/// The content of a certificate for a log line or a report. All text is escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Distinguished name, RFC 4514.
    pub subject: String,
    /// Issuer's distinguished name, RFC 4514.
    pub issuer: String,
    /// Serial number, lower-case hex; `-` before a negative one.
    pub serial: String,
    /// RFC 3339, UTC.
    pub not_before: String,
    /// RFC 3339, UTC.
    pub not_after: String,
    /// Subject alternative names, `dns:…`, `uri:…`, `email:…`, `ip:…`, and others by kind ([`San::listed`]).
    pub san: Vec<String>,
    /// SHA-256 over the DER, lower-case hex.
    pub fingerprint_sha256: String,
    /// Kind and size of the public key: `ECDSA P-256`, `RSA 2048`, `Ed25519` …
    pub key: String,
    /// Extended key usages; empty when the certificate has no such extension.
    pub eku: Vec<String>,
    /// `not_before` and `not_after` as numbers.
    #[serde(skip)]
    pub validity: Validity,
}

/// When something is valid, both ends included; in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub from: i64,
    /// The last.
    pub until: i64,
}

impl Validity {
    /// The content of a certificate.
    pub fn of(x509: &X509Certificate<'_>) -> Self {
        let validity = x509.validity();
        Self { from: validity.not_before.timestamp(), until: validity.not_after.timestamp() }
    }
}

impl Certificate {
    /// Reads `der`; `None` when it is not an X.509 certificate.
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        Some(Self::of(der, &x509))
    }

    /// The same for a certificate that is parsed already.
    pub fn of(der: &CertificateDer<'_>, x509: &X509Certificate<'_>) -> Self {
        Self {
            subject: cut(rfc4514(x509.subject())),
            issuer: cut(rfc4514(x509.issuer())),
            serial: serial(x509),
            not_before: rfc3339(x509.validity().not_before),
            not_after: rfc3339(x509.validity().not_after),
            san: San::listed(x509, MAX_NAMES),
            fingerprint_sha256: sha256(der),
            key: key(x509),
            eku: match x509.extended_key_usage() {
                Ok(Some(eku)) => purposes(eku.value),
                _ => Vec::new(),
            },
            validity: Validity::of(x509),
        }
    }
}

/// SHA-256 in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

/// The serial number as [`serial_text`] writes it; cut if it is longer than clawgate admits.
pub(crate) fn serial(x509: &X509Certificate<'_>) -> String {
    let content = x509.raw_serial();
    match content.split_at_checked(MAX_SERIAL) {
        Some((start, rest)) if !rest.is_empty() => {
            format!("{}…(+{} bytes)", serial_text(start), rest.len())
        }
        _ => serial_text(content),
    }
}

/// A certificate's time in RFC 3339.
pub fn rfc3339(time: ASN1Time) -> String {
    let t = time.to_datetime();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// A time in seconds since 1970 in RFC 3339, kept within the years that can be written.
pub fn unix_rfc3339(seconds: i64) -> String {
    let seconds = seconds.clamp(0, END_OF_TIME).unsigned_abs();
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// Kind and size of the public key.
pub(crate) fn key(x509: &X509Certificate<'_>) -> String {
    let spki = x509.public_key();
    let oid = oid_text(&spki.algorithm.algorithm);
    match (oid.as_str(), spki.parsed()) {
        (_, Ok(PublicKey::RSA(rsa))) => format!("RSA {}", rsa_bits(&rsa)),
        ("1.2.840.10045.2.1", _) => {
            let named =
                spki.algorithm.parameters.as_ref().filter(|parameters| parameters.tag() == Tag::Oid);
            let curve = named.and_then(|oid| Oid::try_from(oid.clone()).ok());
            match curve.as_ref().map(oid_text).as_deref() {
                Some("1.2.840.10045.3.1.7") => "ECDSA P-256".to_owned(),
                Some("1.3.132.0.34") => "ECDSA P-384".to_owned(),
                Some("1.3.132.0.35") => "ECDSA P-521".to_owned(),
                Some("1.3.132.0.10") => "ECDSA secp256k1".to_owned(),
                Some(other) => format!("ECDSA curve {}", printable(other)),
                None => "ECDSA with unnamed curve".to_owned(),
            }
        }
        ("1.3.101.112", _) => "Ed25519".to_owned(),
        ("1.3.101.113", _) => "Ed448".to_owned(),
        ("1.3.101.110", _) => "X25519".to_owned(),
        ("1.3.101.111", _) => "X448".to_owned(),
        // RSAPublicKey (RFC 8017 appendix A.1.1), whose first number is the modulus.
        ("1.2.840.113549.1.1.10", _) => sized("RSA-PSS", sequence(&spki.subject_public_key.data)),
        // Dss-Parms (RFC 3279 section 2.3.2), whose first number is p. They may be left out where the issuer has the same.
        ("1.2.840.10040.4.1", _) => sized("DSA", spki.algorithm.parameters.as_ref().map(|any| any.data)),
        (oid, _) => match oid2sn(&spki.algorithm.algorithm, oid_registry()) {
            Ok(name) => name.to_owned(),
            Err(_) => format!("OID {}", printable(oid)),
        },
    }
}

/// A kind of key with the size of the number that `numbers` begin with, in bits; without it where there is none.
fn sized(kind: &str, numbers: Option<&[u8]>) -> String {
    match numbers.and_then(|numbers| Integer::from_der(numbers).ok()) {
        Some((_, first)) => format!("{kind} {}", bits(first.as_ref())),
        None => kind.to_owned(),
    }
}

/// The content of a SEQUENCE.
fn sequence(der: &[u8]) -> Option<&[u8]> {
    Some(Any::from_der(der).ok().filter(|(_, any)| any.tag() == Tag::Sequence)?.1.data)
}

/// How many bits the modulus of an RSA key has.
pub fn rsa_bits(key: &RSAPublicKey<'_>) -> usize {
    bits(key.modulus)
}

/// How many bits a number has that is written in these bytes, the highest first.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let significant = &number[zeros..];
    let unused = significant.first().map_or(0, |first| first.leading_zeros() as usize);
    significant.len() * 8 - unused
}

/// Extended key usages by the names OpenSSL gives them.
fn purposes(eku: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let named = [
        (eku.any, "anyExtendedKeyUsage"),
        (eku.server_auth, "serverAuth"),
        (eku.client_auth, "clientAuth"),
        (eku.code_signing, "codeSigning"),
        (eku.email_protection, "emailProtection"),
        (eku.time_stamping, "timeStamping"),
        (eku.ocsp_signing, "OCSPSigning"),
    ];
    let known = named.iter().filter(|(present, _)| *present).map(|(_, name)| (*name).to_owned());
    let other = eku.other.iter().take(MAX_NAMES).map(|oid| printable(&oid_text(oid)));
    known.chain(other).collect()
}
