//! Who may issue client certificates, in the form that explains a refusal.

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::name::{cut, rfc4514};
use crate::identity::{rfc3339, sha256};

/// The configured CAs with their CRLs, and the CAs that are known besides them.
#[derive(Debug)]
pub struct Trust {
    /// The configured CAs, the expired among them included: those admit nobody.
    pub cas: Vec<Ca>,
    /// CAs known from the gate's own chain: never trusted, but they tell a chain that lacks an
    /// intermediate from a foreign one.
    pub known: Vec<Ca>,
    /// Revocation lists, in DER.
    pub crls: Vec<CertificateRevocationListDer<'static>>,
}

impl Trust {
    /// The CAs that are valid at `now` (seconds since 1970), as webpki's trust anchors.
    ///
    /// webpki does not look at an anchor's dates, so an expired CA is left out here.
    pub fn roots(&self, now: i64) -> Result<RootCertStore, rustls::Error> {
        let mut roots = RootCertStore::empty();
        for ca in self.cas.iter().filter(|ca| ca.not_after >= now) {
            roots.add(ca.der.clone())?;
        }
        Ok(roots)
    }

    /// When the CRL of the CA with this name (DER) was issued, and when its next one is due; `None`
    /// without a CRL.
    pub fn crl_dates(&self, issuer: &[u8]) -> Option<(String, Option<String>)> {
        self.crls.iter().find_map(|der| {
            let (_, crl) = x509_parser::parse_x509_crl(der).ok()?;
            let dates = || (rfc3339(crl.last_update()), crl.next_update().map(rfc3339));
            (crl.issuer().as_raw() == issuer).then(dates)
        })
    }

    /// The last seconds, since 1970, of what holds for a time only: CAs, and CRLs until the next is due.
    pub fn turns(&self) -> impl Iterator<Item = i64> {
        let due = |der| Some(x509_parser::parse_x509_crl(der).ok()?.1.next_update()?.timestamp());
        let crls = self.crls.iter().filter_map(move |der| due(der));
        self.cas.iter().map(|ca| ca.not_after).chain(crls)
    }

    /// The configured CAs' names, for a sentence.
    pub fn names(&self) -> String {
        let mut names: Vec<_> = self.cas.iter().take(8).map(|ca| ca.subject.as_str()).collect();
        if self.cas.len() > 8 {
            names.push("…");
        }
        names.join("; ")
    }
}

/// A CA certificate, as far as it is needed to explain.
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
    pub not_after: i64,
    /// The same, RFC 3339.
    pub not_after_text: String,
    /// Whether it may issue at all (CA:TRUE, or X.509 v1, which cannot say).
    pub is_ca: bool,
    der: CertificateDer<'static>,
}

impl Ca {
    /// The certificate.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Reads a CA certificate; `None` when it is not X.509 or webpki could not use it as an anchor.
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        webpki::anchor_from_trusted_cert(der).ok()?;
        let is_ca = match x509.basic_constraints() {
            Ok(Some(constraints)) => constraints.value.ca,
            Ok(None) => x509.version().0 == 0,
            Err(_) => false,
        };
        let organization = x509.subject().iter_organization().next();
        Some(Self {
            subject: cut(rfc4514(x509.subject())),
            subject_der: x509.subject().as_raw().to_vec(),
            organization: organization.and_then(|o| o.as_str().ok()).map(str::to_owned),
            key_id: key_id(&x509),
            spki_sha256: sha256(x509.public_key().raw),
            not_after: x509.validity().not_after.timestamp(),
            not_after_text: rfc3339(x509.validity().not_after),
            is_ca,
            der: der.clone().into_owned(),
        })
    }
}

/// RFC 5280 section 4.2.1.2.
pub(super) fn key_id(x509: &X509Certificate<'_>) -> Option<Vec<u8>> {
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
