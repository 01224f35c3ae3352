//! Facts about certificates that cannot change, kept by each worker thread (docs/decisions/309-certificate-caches.md).
//!
//! The verifier holds the caches. They depend on no settings, so the verifier of the next generation gets the same ones.

mod der;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use self::der::DerCache;
use super::ca::authority::Authority;
use super::leaf::Leaf;
use super::signature::cache::SignatureCache;

/// All caches of a verifier.
#[derive(Debug)]
pub struct CertificateCaches {
    /// Signatures on certificates.
    pub signatures: SignatureCache,
    /// Client certificates whose chain was valid.
    pub(crate) leaves: DerCache<Leaf>,
    /// CA certificates that a client sent and whose signature was valid.
    pub(crate) authorities: DerCache<Authority>,
}

impl Default for CertificateCaches {
    fn default() -> Self {
        let authority =
            |der: &CertificateDer<'_>| Some(Authority::of(&X509Certificate::from_der(der).ok()?.1));
        Self {
            signatures: SignatureCache::default(),
            leaves: DerCache::new(Leaf::read),
            authorities: DerCache::new(authority),
        }
    }
}
