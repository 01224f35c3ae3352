//! TLS to an `https://` upstream: which CAs to trust, which name to expect, and which certificate to present.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, sign::any_supported_type};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, version};
use rustls_pki_types::{CertificateDer, ServerName};

use crate::pki::pem::{self, Unused};
use crate::problem::{FileProblem, Problem};
use crate::wording::tls;

/// The TLS settings for an upstream. Equal ones have the same certificates, even from different files.
#[derive(Clone)]
pub struct UpstreamTls {
    /// The CAs that the upstream's certificate must chain to.
    pub roots: Arc<RootCertStore>,
    /// The name that its certificate must have, which clawgate also sends as SNI.
    pub name: ServerName<'static>,
    /// The certificate that clawgate presents if the upstream asks for one.
    pub identity: Option<Arc<CertifiedKey>>,
}

impl UpstreamTls {
    /// # Errors
    /// If rustls rejects it.
    pub(super) fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_root_certificates(Arc::clone(&self.roots));
        let mut config = match &self.identity {
            Some(identity) => {
                let resolver = SingleCertAndKey::from(Arc::clone(identity));
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for UpstreamTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shows = self.identity.is_some();
        f.debug_struct("Secure").field("name", &self.name).field("shows", &shows).finish_non_exhaustive()
    }
}

impl PartialEq for UpstreamTls {
    fn eq(&self, other: &Self) -> bool {
        // A key matches only its own certificate, so it is enough to compare the certificates.
        let chain = |secure: &Self| secure.identity.as_ref().map(|identity| identity.cert.clone());
        self.name == other.name && self.roots.roots == other.roots.roots && chain(self) == chain(other)
    }
}

impl Eq for UpstreamTls {}

/// Reads the CAs in a PEM file.
///
/// # Errors
/// If the file cannot be read, or has no usable certificate.
pub fn roots_in(path: &Path) -> Result<RootCertStore, FileProblem> {
    let wrong = |what: String, hint: &str| Problem::new(what, hint).in_file(path);
    let mut roots = RootCertStore::empty();
    for der in pem::cas_in(path, "give the CA of the upstream's certificate, in PEM")? {
        let hint = "write the file again; it may be incomplete";
        let unusable = |error| wrong(format!("has an unusable certificate: {}", tls(&error)), hint);
        roots.add(der).map_err(unusable)?;
    }
    Ok(roots)
}

/// The system's CAs; `None` if it has none.
pub fn system_roots() -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    (!roots.is_empty()).then_some(roots)
}

/// Reads the chain that clawgate presents, leaf first, and the unused items in its file.
///
/// # Errors
/// If the file cannot be read or has no certificate.
pub fn chain_in(path: &Path) -> Result<(Vec<CertificateDer<'static>>, Vec<Unused>), FileProblem> {
    let hint =
        "give clawgate's client certificate for the upstream, followed by its intermediates, in PEM";
    pem::chain_in(path, hint)
}

/// Combines the chain of `certificate` with the key in the file `key`.
///
/// # Errors
/// If the key cannot be used.
pub fn with_key(
    chain: Vec<CertificateDer<'static>>,
    certificate: &Path,
    key: &Path,
) -> Result<CertifiedKey, FileProblem> {
    let wrong = |what: String, hint: &str| Problem::new(what, hint).in_file(key);
    let private = any_supported_type(&pem::key_in(key)?).map_err(|_| {
        let hint = "use an ECDSA (P-256, P-384, P-521), RSA (2048 bits or more) or Ed25519 key";
        wrong("is not a supported private key, or is damaged".to_owned(), hint)
    })?;
    let identity = CertifiedKey::new(chain, private);
    identity.keys_match().map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let what = format!("does not match the certificate in {}", certificate.display());
            wrong(what, "give the key that the certificate was requested with")
        }
        other => wrong(
            format!("cannot be used with {}: {}", certificate.display(), tls(&other)),
            "have the certificate issued again, as X.509 version 3",
        ),
    })?;
    Ok(identity)
}
