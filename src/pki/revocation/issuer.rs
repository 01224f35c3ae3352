//! The issuer of certificates and CRLs.

use x509_parser::prelude::X509Certificate;

/// The data about the issuer of a certificate that CRL checks need.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// Its subject, normalized for comparison ([`name_key`](crate::identity::name_key)).
    pub name: &'a [u8],
    /// Its SubjectPublicKeyInfo, DER.
    pub spki: &'a [u8],
    /// Whether it may sign CRLs: cRLSign, if it has a key usage (RFC 5280 section 6.3.3 (f)).
    pub signs_crls: bool,
}

/// Whether a CA may sign CRLs: its key usage, if it has one, must have cRLSign.
pub(crate) fn signs_crls(certificate: &X509Certificate<'_>) -> bool {
    match certificate.key_usage() {
        Ok(Some(usage)) => usage.value.crl_sign(),
        Ok(None) => true,
        Err(_) => false,
    }
}
