//! PEM files to a certificate chain, its key, the client CAs and their CRLs; all mistakes at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pemfile::Item;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::pem::{FileError, Pem};
use super::trust::{Ca, Trust};
use crate::identity::{Certificate, San, rfc3339};

/// Which file of the TLS material.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `tls.certificate`
    Certificate,
    /// `tls.private_key`
    PrivateKey,
    /// `clients.ca`
    ClientCa,
    /// `clients.crl`
    Crl,
}

/// Where the material is. `None`: not set (the caller has said so already); the rest is still checked.
#[derive(Clone, Debug, Default)]
pub struct MaterialPaths {
    /// The gate's chain, leaf first.
    pub certificate: Option<PathBuf>,
    /// The leaf's key.
    pub private_key: Option<PathBuf>,
    /// Bundles of the CAs that issue client certificates.
    pub client_ca: Vec<PathBuf>,
    /// Their CRLs.
    pub crl: Vec<PathBuf>,
}

/// Something wrong with one file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which setting named the file.
    pub input: Input,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

/// All of the TLS material, checked as a whole.
#[derive(Clone, Debug)]
pub struct Material {
    /// The gate's chain and key.
    pub server: Arc<CertifiedKey>,
    /// The gate's leaf certificate in words.
    pub server_certificate: Certificate,
    /// Names the gate's certificate is good for.
    pub server_names: Vec<San>,
    /// Who may issue client certificates.
    pub trust: Arc<Trust>,
    /// What is worth a warning, but no reason to refuse.
    pub warnings: Vec<Problem>,
}

/// Reads and checks everything at `now`.
///
/// # Errors
/// All problems found; empty when the only fault is a path that was not set.
pub fn load(paths: &MaterialPaths, now: SystemTime) -> Result<Material, Vec<Problem>> {
    let mut loader = Loader { now: unix_seconds(now), problems: Vec::new(), warnings: Vec::new() };
    let chain = paths.certificate.as_deref().and_then(|path| loader.chain(path));
    let key = paths.private_key.as_deref().and_then(|path| loader.key(path));
    let mut cas = Vec::new();
    for path in &paths.client_ca {
        cas.extend(loader.cas(path));
    }
    let mut crls = Vec::new();
    for path in &paths.crl {
        crls.extend(loader.crls(path));
    }
    let server = match (&paths.private_key, chain, key) {
        (Some(key_path), Some(chain), Some(key)) => loader.fit(key_path, chain, &key),
        _ => None,
    };
    let no_ca_left = cas.iter().all(|ca: &Ca| ca.not_after < loader.now);
    if no_ca_left && !cas.is_empty() {
        let path = paths.client_ca.first().cloned().unwrap_or_default();
        loader.problem(
            Input::ClientCa,
            &path,
            "every CA in it has expired",
            "renew the CA, or name its successor",
        );
    }
    match server {
        Some((server, leaf)) if loader.problems.is_empty() && !cas.is_empty() => {
            let known = server.cert.iter().skip(1).filter_map(Ca::read).collect();
            Ok(Material {
                server,
                server_certificate: leaf.certificate,
                server_names: leaf.names,
                trust: Arc::new(Trust { cas, known, crls }),
                warnings: loader.warnings,
            })
        }
        _ => Err(loader.problems),
    }
}

struct Loader {
    now: i64,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// The gate's own leaf, as far as it is of use later.
struct Leaf {
    certificate: Certificate,
    names: Vec<San>,
}

impl Loader {
    fn problem(&mut self, input: Input, path: &Path, what: impl Into<String>, mend: impl Into<String>) {
        let (path, what, mend) = (path.to_owned(), what.into(), mend.into());
        self.problems.push(Problem { input, path, what, mend });
    }

    fn warning(&mut self, input: Input, path: &Path, what: impl Into<String>, mend: impl Into<String>) {
        let (path, what, mend) = (path.to_owned(), what.into(), mend.into());
        self.warnings.push(Problem { input, path, what, mend });
    }

    /// All PEM sections of a file.
    fn items(&mut self, input: Input, path: &Path) -> Option<Pem> {
        match Pem::open(path) {
            Ok(pem) => Some(pem),
            Err(FileError { path, what, mend }) => {
                self.problem(input, &path, what, mend);
                None
            }
        }
    }

    fn chain(&mut self, path: &Path) -> Option<(PathBuf, Vec<CertificateDer<'static>>)> {
        let pem = self.items(Input::Certificate, path)?;
        let found = pem.contents();
        let chain = pem.certificates();
        if chain.is_empty() {
            let mend = "give the gate's certificate, followed by its intermediates, in PEM";
            self.problem(Input::Certificate, path, format!("has no certificate: {found}"), mend);
            return None;
        }
        Some((path.to_owned(), chain))
    }

    fn key(&mut self, path: &Path) -> Option<PrivateKeyDer<'static>> {
        let pem = self.items(Input::PrivateKey, path)?;
        if pem.encrypted {
            let mend = "decrypt it: openssl pkey -in KEY -out PLAIN_KEY, and chmod 600 PLAIN_KEY";
            self.problem(
                Input::PrivateKey,
                path,
                "is an encrypted private key, which the gate cannot open",
                mend,
            );
            return None;
        }
        let found = pem.contents();
        let mut keys = pem.keys();
        let key = keys.next();
        let more = keys.next().is_some();
        if key.is_none() {
            let what = format!("has no private key: {found}");
            self.problem(
                Input::PrivateKey,
                path,
                what,
                "give the key of the gate's certificate, in PEM",
            );
        }
        if more {
            let what = "has several private keys; the first is used";
            self.warning(Input::PrivateKey, path, what, "keep one key in a file");
        }
        key
    }

    /// Puts chain and key together; checks the leaf.
    fn fit(
        &mut self,
        key_path: &Path,
        (chain_path, chain): (PathBuf, Vec<CertificateDer<'static>>),
        key: &PrivateKeyDer<'static>,
    ) -> Option<(Arc<CertifiedKey>, Leaf)> {
        let leaf = self.leaf(&chain_path, &chain)?;
        let key = match aws_lc_rs::sign::any_supported_type(key) {
            Ok(key) => key,
            Err(error) => {
                let mend = "use an ECDSA (P-256, P-384, P-521), RSA (2048 bits or more) or Ed25519 key";
                self.problem(
                    Input::PrivateKey,
                    key_path,
                    format!("is no usable private key: {error}"),
                    mend,
                );
                return None;
            }
        };
        let certified = CertifiedKey::new(chain, key);
        if let Err(error) = certified.keys_match() {
            let what = match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("does not fit the certificate in {}", chain_path.display())
                }
                other => format!("cannot be used with {}: {other}", chain_path.display()),
            };
            let mend = "give the key that the certificate was requested with; \
                        `openssl pkey -in KEY -pubout` and `openssl x509 -in CERT -pubkey -noout` must print the same";
            self.problem(Input::PrivateKey, key_path, what, mend);
            return None;
        }
        Some((Arc::new(certified), leaf))
    }

    fn leaf(&mut self, path: &Path, chain: &[CertificateDer<'static>]) -> Option<Leaf> {
        let Some((_, x509)) = chain.first().and_then(|der| X509Certificate::from_der(der).ok()) else {
            let mend = "write the file again; it may be cut off";
            self.problem(Input::Certificate, path, "has a first certificate that is not X.509", mend);
            return None;
        };
        let names = San::all(&x509);
        if !names.iter().any(|name| matches!(name, San::Dns(_) | San::Ip(_))) {
            let mend = "have it issued with subjectAltName=DNS:the.name.senders.call (the common name does not count)";
            self.problem(
                Input::Certificate,
                path,
                "is not for any name: it has no DNS or IP alternative name",
                mend,
            );
        }
        let validity = x509.validity();
        if validity.not_after.timestamp() < self.now {
            let what = format!("has expired: it was valid until {}", rfc3339(validity.not_after));
            self.warning(
                Input::Certificate,
                path,
                what,
                "renew it; senders will refuse the gate until then",
            );
        }
        if validity.not_before.timestamp() > self.now {
            let what = format!("is not valid before {}", rfc3339(validity.not_before));
            self.warning(
                Input::Certificate,
                path,
                what,
                "check this machine's clock; senders may refuse the gate",
            );
        }
        self.order(path, chain);
        let certificate = Certificate::of(&chain[0], &x509);
        Some(Leaf { certificate, names })
    }

    /// RFC 8446 section 4.4.2: each certificate should certify the one before it.
    fn order(&mut self, path: &Path, chain: &[CertificateDer<'static>]) {
        for pair in chain.windows(2) {
            let (Ok((_, child)), Ok((_, issuer))) =
                (X509Certificate::from_der(&pair[0]), X509Certificate::from_der(&pair[1]))
            else {
                let mend = "write the file again; it may be cut off";
                self.problem(Input::Certificate, path, "has a certificate that is not X.509", mend);
                return;
            };
            if child.issuer().as_raw() != issuer.subject().as_raw() {
                let mend =
                    "put the leaf first, then the CA that issued it, then the CA that issued that one";
                self.warning(Input::Certificate, path, "does not hold the chain in order", mend);
                return;
            }
        }
    }

    fn cas(&mut self, path: &Path) -> Vec<Ca> {
        let Some(pem) = self.items(Input::ClientCa, path) else {
            return Vec::new();
        };
        let found = pem.contents();
        let ders = pem.certificates();
        if ders.is_empty() {
            let mend = "give the certificate of the CA that issues the senders' certificates, in PEM; \
                        the system's roots are never used for senders";
            self.problem(Input::ClientCa, path, format!("has no certificate: {found}"), mend);
        }
        let mut cas = Vec::new();
        for (number, der) in (1..).zip(ders) {
            let Some(ca) = Ca::read(&der) else {
                let what = format!("its certificate {number} is not X.509");
                self.problem(Input::ClientCa, path, what, "write the file again; it may be cut off");
                continue;
            };
            if !ca.is_ca {
                let what = format!(
                    "its certificate {number} ({}) is no CA (basicConstraints lacks CA:TRUE)",
                    ca.subject
                );
                let mend = "give the CA that issued the senders' certificates, not one of theirs";
                self.problem(Input::ClientCa, path, what, mend);
                continue;
            }
            if ca.not_after < self.now {
                let what = format!("its CA {} has expired; it admits nobody", ca.subject);
                self.warning(Input::ClientCa, path, what, "renew the CA, or take it out of the bundle");
            }
            cas.push(ca);
        }
        cas
    }

    fn crls(&mut self, path: &Path) -> Vec<CertificateRevocationListDer<'static>> {
        let Some(pem) = self.items(Input::Crl, path) else {
            return Vec::new();
        };
        let found = pem.contents();
        let crls: Vec<_> = pem
            .items
            .into_iter()
            .filter_map(|item| match item {
                Item::Crl(crl) => Some(crl),
                _ => None,
            })
            .collect();
        if crls.is_empty() {
            let mend =
                "give the CA's revocation list in PEM (openssl crl -inform DER -in X.crl -out X.pem)";
            self.problem(Input::Crl, path, format!("has no CRL: {found}"), mend);
        }
        for der in &crls {
            self.crl(path, der);
        }
        crls
    }

    fn crl(&mut self, path: &Path, der: &CertificateRevocationListDer<'static>) {
        if let Err(error) = webpki::OwnedCertRevocationList::from_der(der) {
            self.problem(
                Input::Crl,
                path,
                format!("is no usable CRL: {error}"),
                "have the CA issue it again",
            );
            return;
        }
        let Ok((_, crl)) = x509_parser::parse_x509_crl(der) else { return };
        if let Some(next) = crl.next_update().filter(|next| next.timestamp() < self.now) {
            let what = format!("is out of date: the next one was due at {}", rfc3339(next));
            self.problem(
                Input::Crl,
                path,
                what,
                "fetch the current CRL; with an old one nobody of its CA is let in",
            );
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
