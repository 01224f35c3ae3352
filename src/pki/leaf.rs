//! The content of a client's own certificate.

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::ca::constraints::SubjectNames;
use crate::identity::{Peer, check_names};

/// The content of a leaf certificate, without anything that its chain decides.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// The identity, without the issuer's key: only the chain shows which key signed the leaf.
    pub(crate) peer: Peer,
    /// Whether its key may sign in the handshake.
    pub(crate) may_sign: bool,
    /// The names for name constraints that webpki does not check.
    pub(super) names: SubjectNames,
}

impl Leaf {
    /// Reads `der`. `None` when it is not exactly one X.509 certificate, or when its names cannot be read completely:
    /// rules would not see all of them.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (rest, x509) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() || check_names(&x509).is_err() {
            return None;
        }
        Some(Self {
            peer: Peer::of(der, &x509),
            may_sign: may_sign(&x509) && is_netscape_client(&x509),
            names: SubjectNames::of_leaf(&x509),
        })
    }
}

/// RFC 8446 section 4.4.2.2: a key usage, if there is one, must have digitalSignature. webpki does not check it, OpenSSL
/// does.
fn may_sign(leaf: &X509Certificate<'_>) -> bool {
    match leaf.key_usage() {
        Ok(Some(usage)) => usage.value.digital_signature(),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Whether the Netscape certificate type, if there is one, allows TLS clients. It is the predecessor of extended key
/// usage. OpenSSL checks it.
pub(crate) fn is_netscape_client(leaf: &X509Certificate<'_>) -> bool {
    leaf.extensions().iter().all(|extension| match extension.parsed_extension() {
        ParsedExtension::NSCertType(kind) => kind.ssl_client(),
        _ => true,
    })
}
