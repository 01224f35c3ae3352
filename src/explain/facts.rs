//! The facts about a certificate for a report, with the time until it expires.

use rustls_pki_types::CertificateDer;
use serde::Serialize;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::time::span;
use crate::identity::{Certificate, rfc4514, sha256};

/// Seconds in a day.
const DAY: i64 = 86_400;

/// What a certificate says.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Names, dates and key.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// SHA-256 of its SubjectPublicKeyInfo, in lower-case hex.
    pub spki_sha256: String,
    /// X.509 version.
    pub version: u32,
    /// Key usages as RFC 5280 section 4.2.1.3 calls them; empty when the certificate states none.
    pub key_usage: Vec<&'static str>,
    /// Whole days until it expires; negative once it has expired.
    pub days_left: i64,
    /// The same as text.
    #[serde(skip)]
    pub lasts: String,
}

impl Facts {
    /// Reads `der` as of `at` (seconds since 1970); `None` when it is not X.509.
    pub fn read(der: &CertificateDer<'_>, at: i64) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        Some(Self::of(der, &x509, at))
    }

    /// The same as `read`, for a certificate that is parsed already.
    pub fn of(der: &CertificateDer<'_>, x509: &X509Certificate<'_>, at: i64) -> Self {
        let validity = x509.validity();
        let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let left = until.saturating_sub(at);
        // Not shortened: a report has room for the names, and its readers may want to compare or copy them.
        let names = (rfc4514(x509.subject()), rfc4514(x509.issuer()));
        Self {
            certificate: Certificate { subject: names.0, issuer: names.1, ..Certificate::of(der, x509) },
            spki_sha256: sha256(x509.public_key().raw),
            version: x509.version().0.saturating_add(1),
            key_usage: key_usage(x509),
            days_left: left.div_euclid(DAY),
            lasts: if left < 0 {
                format!("expired {} ago", span(left.saturating_neg()))
            } else if from > at {
                format!("valid only in {}", span(from.saturating_sub(at)))
            } else {
                format!("{} left", span(left))
            },
        }
    }

    /// What it may be used for, as text.
    pub(super) fn purposes(&self) -> String {
        let list = |names: String| if names.is_empty() { "any".to_owned() } else { names };
        let (eku, usage) = (self.certificate.eku.join(", "), self.key_usage.join(", "));
        format!("{}; key usage: {}", list(eku), list(usage))
    }
}

fn key_usage(x509: &X509Certificate<'_>) -> Vec<&'static str> {
    let Ok(Some(usage)) = x509.key_usage() else {
        return Vec::new();
    };
    let usage = usage.value;
    let named = [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ];
    named.iter().filter(|(stated, _)| *stated).map(|(_, name)| *name).collect()
}
