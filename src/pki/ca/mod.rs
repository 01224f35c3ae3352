//! CAs: the certificate of one that clawgate knows, and what it may issue.

pub(crate) mod authority;
pub(crate) mod constraints;
pub(super) mod names;
mod public;

use rustls_pki_types::{CertificateDer, Der, TrustAnchor};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use self::authority::Authority;
use self::constraints::for_webpki;
use crate::identity::name::cut;
use crate::identity::{Validity, rfc3339, rfc4514, sha256};
use crate::pki::revocation::{Issuer, Subject};
use crate::problem::Problem;

pub use self::public::public_cas;

/// A CA certificate.
#[derive(Clone, Debug)]
pub struct Ca {
    /// Name, RFC 4514, cut.
    pub subject: String,
    /// Name in DER, for comparing.
    pub subject_der: Vec<u8>,
    /// Organization, if it states one.
    pub organization: Option<String>,
    /// Subject key identifier, if it has one.
    pub key_id: Option<Vec<u8>>,
    /// SHA-256 of its SubjectPublicKeyInfo, hex.
    pub spki_sha256: String,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// The same, RFC 3339.
    pub not_after_text: String,
    /// Whether it may issue at all (CA:TRUE, or X.509 v1 and self-issued, which cannot say).
    pub is_ca: bool,
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    authority: Authority,
    listed: Subject,
}

impl Ca {
    /// Its SubjectPublicKeyInfo in DER.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.authority.spki
    }

    /// Its name for comparing ([`name_key`](crate::identity::name_key)).
    pub fn name_key(&self) -> &[u8] {
        &self.authority.name
    }

    /// What it may issue.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The data about the certificate that CRL checks need.
    pub(crate) fn listed(&self) -> &Subject {
        &self.listed
    }

    /// Why it may not issue client certificates at all, as the end of a sentence that begins with its name.
    pub fn overstep(&self) -> Option<Problem> {
        let overstep = self.authority.unfit()?;
        Some(Problem::new(overstep.to_string(), overstep.hint()))
    }

    /// When it is valid.
    pub fn validity(&self) -> Validity {
        Validity { from: self.not_before, until: self.not_after }
    }

    /// The certificate.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The same as webpki uses it.
    pub fn anchor(&self) -> &TrustAnchor<'static> {
        &self.anchor
    }

    /// As the signer of revocation lists.
    pub fn issuer(&self) -> Issuer<'_> {
        self.authority.issuer()
    }

    /// Reads a CA certificate; `None` when it is not X.509 or webpki could not use it as an anchor.
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        let mut anchor = webpki::anchor_from_trusted_cert(der).ok()?.to_owned();
        // The constraints that webpki does not get are checked in `path::validation`.
        anchor.name_constraints = anchor.name_constraints.and(for_webpki(&x509)).map(Der::from);
        let authority = Authority::of(&x509);
        let organization = x509.subject().iter_organization().next();
        Some(Self {
            subject: cut(rfc4514(x509.subject())),
            subject_der: x509.subject().as_raw().to_vec(),
            organization: organization.and_then(|o| o.as_str().ok()).map(str::to_owned),
            key_id: key_id(&x509),
            spki_sha256: sha256(x509.public_key().raw),
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
            not_after_text: rfc3339(x509.validity().not_after),
            is_ca: authority.is_ca(),
            der: der.clone().into_owned(),
            anchor,
            authority,
            listed: Subject::of(&x509, false),
        })
    }
}

/// RFC 5280 section 4.2.1.2.
pub(crate) fn key_id(x509: &X509Certificate<'_>) -> Option<Vec<u8>> {
    x509.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    })
}

/// RFC 5280 section 4.2.1.1.
pub(super) fn issuer_key_id(x509: &X509Certificate<'_>) -> Option<Vec<u8>> {
    x509.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            id.key_identifier.as_ref().map(|id| id.0.to_vec())
        }
        _ => None,
    })
}
