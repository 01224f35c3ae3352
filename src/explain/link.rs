//! One certificate of a chain, as a report shows it.

use rustls_pki_types::CertificateDer;
use serde::Serialize;

use crate::identity::Certificate;

/// A certificate in the chain from the client's to a CA.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// `sent` by the client, or `configured` here.
    pub from: &'static str,
}

impl Link {
    pub(crate) fn read(der: &CertificateDer<'_>, from: &'static str) -> Option<Self> {
        let Certificate { subject, issuer, not_before, not_after, .. } = Certificate::read(der)?;
        Some(Self { subject, issuer, not_before, not_after, from })
    }
}
