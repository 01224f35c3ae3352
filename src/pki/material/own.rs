//! clawgate's own certificates, each with its key. The order of the settings does not matter.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::CertificateDer;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::loader::{Input, Loader};
use crate::identity::{Certificate, San};
use crate::pki::pem::Use;
use crate::wording;

/// One of clawgate's certificates.
#[derive(Clone, Debug)]
pub struct Own {
    /// The chain, leaf first, with its key.
    pub certified: Arc<CertifiedKey>,
    /// The facts about the leaf, for logs and reports.
    pub certificate: Certificate,
    /// The names of the leaf.
    pub names: Vec<San>,
    /// The OCSP response to staple.
    pub staple: Option<Staple>,
    /// The file with the chain.
    pub path: PathBuf,
    /// The file with the key.
    pub key_path: PathBuf,
}

impl Own {
    /// The names of the leaf's signature algorithm and of its kind of key.
    pub fn algorithms(&self) -> Option<Algorithms> {
        let (_, leaf) = X509Certificate::from_der(self.certified.cert.first()?).ok()?;
        let oid = &leaf.signature_algorithm.algorithm;
        let signature = oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned);
        let key = self.certificate.key.replace("ECDSA P-", "EC").replace(' ', "");
        Some(Algorithms { signature, key })
    }

    /// The kind of its key.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.certified.key.algorithm()
    }
}

/// An OCSP response that is sent with a certificate.
#[derive(Clone, Debug)]
pub struct Staple {
    /// The response in DER, unchanged.
    pub response: Vec<u8>,
    /// Until when it is sent, in seconds since 1970.
    pub until: i64,
    /// The same, RFC 3339.
    pub until_text: String,
    /// The file that it was read from.
    pub path: PathBuf,
}

/// The algorithms of a certificate, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms {
    /// The algorithm of its signature: `ecdsa-with-SHA256`, `sha256WithRSAEncryption` …
    pub signature: String,
    /// Kind and size of its key: `RSA2048`, `EC256`, `Ed25519` …
    pub key: String,
}

/// A chain from a file.
struct Chain {
    path: PathBuf,
    ders: Vec<CertificateDer<'static>>,
    certificate: Certificate,
    names: Vec<San>,
    spki: Vec<u8>,
}

/// A key from a file.
struct Key {
    path: PathBuf,
    key: Arc<dyn SigningKey>,
}

impl Key {
    fn fits(&self, chain: &Chain) -> bool {
        self.is_of(&chain.spki)
    }

    /// Whether it is the key of this SubjectPublicKeyInfo.
    fn is_of(&self, spki: &[u8]) -> bool {
        self.key.public_key().is_some_and(|own| own.as_ref() == spki)
    }
}

impl Loader {
    /// Reads chains and keys, and combines each chain with its key. The first chain stays the first.
    pub(super) fn own(&mut self, chain_paths: &[PathBuf], key_paths: &[PathBuf]) -> Vec<Own> {
        let chains = chain_paths.iter().map(|path| self.chain(path, key_paths.contains(path)));
        let chains: Vec<_> = chains.collect();
        let keys: Vec<_> =
            key_paths.iter().map(|path| self.key(path, chain_paths.contains(path))).collect();
        // If a file cannot be read, it is unknown whether a key or chain is missing.
        let whole = chains.iter().all(Option::is_some) && keys.iter().all(Option::is_some);
        let keys: Vec<Key> = keys.into_iter().flatten().collect();
        let chains: Vec<Chain> = chains.into_iter().flatten().collect();
        let in_order: Vec<_> = chains.iter().map(|chain| self.is_leaf_first(chain, &keys)).collect();
        let in_order = in_order.into_iter().all(|in_order| in_order);
        if whole && in_order {
            self.left_over(&chains, &keys);
        }
        let own = chains.into_iter().filter_map(|chain| {
            let key = keys.iter().find(|key| key.fits(&chain))?;
            self.certified(chain, key)
        });
        let own: Vec<Own> = own.collect();
        self.never_shown(&own);
        own
    }

    /// Whether the leaf is the first certificate: one of the keys must match it, and not a certificate after it.
    fn is_leaf_first(&mut self, chain: &Chain, keys: &[Key]) -> bool {
        let fits = |der: &CertificateDer<'_>| {
            let parsed = X509Certificate::from_der(der);
            parsed.is_ok_and(|(_, x509)| keys.iter().any(|key| key.is_of(x509.public_key().raw)))
        };
        let number = chain.ders.iter().position(fits).map_or(1, |place| place + 1);
        if number == 1 {
            self.has_names(chain);
            return true;
        }
        let what = format!("is in the wrong order: the key matches certificate {number}, not the first");
        let hint = format!(
            "put certificate {number} first, then the CA that issued it, then the CA that issued that one"
        );
        self.problem(Input::Certificate, &chain.path, what, hint);
        false
    }

    /// Reports chains without a key, and keys without a chain.
    fn left_over(&mut self, chains: &[Chain], keys: &[Key]) {
        let listed = |paths: Vec<&Path>| {
            let shown = paths.iter().map(|path| path.display().to_string());
            shown.collect::<Vec<_>>().join(", ")
        };
        let hint = "give the key that the certificate was requested with; \
                    `openssl pkey -in KEY -pubout` and `openssl x509 -in CERT -pubkey -noout` must print the same";
        let chain_paths = || listed(chains.iter().map(|chain| chain.path.as_path()).collect());
        for key in keys.iter().filter(|key| !chains.iter().any(|chain| key.fits(chain))) {
            let what = match chains {
                [] => continue,
                [only] => format!("does not match the certificate in {}", only.path.display()),
                _ => format!("matches none of the certificates in {}", chain_paths()),
            };
            self.problem(Input::PrivateKey, &key.path, what, hint);
        }
        for chain in chains.iter().filter(|chain| !keys.iter().any(|key| key.fits(chain))) {
            // If there is one chain and one key, the mismatch was reported above.
            if keys.is_empty() || (chains.len(), keys.len()) == (1, 1) {
                continue;
            }
            let key_paths = listed(keys.iter().map(|key| key.path.as_path()).collect());
            let what = format!("has no key: none of the keys in {key_paths} matches it");
            self.problem(
                Input::Certificate,
                &chain.path,
                what,
                format!("configure its key, too: {hint}"),
            );
        }
    }

    /// Warns of each certificate that no client would get, because another one is always sent instead.
    fn never_shown(&mut self, own: &[Own]) {
        for (number, later) in own.iter().enumerate().skip(1) {
            let covered = |name: &San| {
                let same = |other: &&Own| other.algorithm() == later.algorithm();
                own[..number].iter().filter(same).find(|other| other.names.contains(name))
            };
            let dns: Vec<_> =
                later.names.iter().filter(|name| matches!(name, San::Dns(_))).map(covered).collect();
            let Some(first) = dns.first() else {
                let what = "is never sent: clients ask for a DNS name, and it has none; clients that send no name \
                            get the first certificate";
                self.warning(
                    Input::Certificate,
                    &later.path,
                    what,
                    "make it the first certificate, or remove it",
                );
                continue;
            };
            let Some(earlier) = first else { continue };
            if dns.iter().all(Option::is_some) {
                let what = format!(
                    "is never sent: {} comes before it and has the same names and the same kind of key",
                    earlier.path.display()
                );
                self.warning(Input::Certificate, &later.path, what, "remove one of the two");
            }
        }
    }

    fn certified(&mut self, chain: Chain, key: &Key) -> Option<Own> {
        let Chain { path, ders, certificate, names, .. } = chain;
        let certified = CertifiedKey::new(ders, Arc::clone(&key.key));
        if let Err(error) = certified.keys_match() {
            let what = format!("cannot be used: {}", wording::tls(&error));
            self.problem(Input::Certificate, &path, what, "have it issued again, as X.509 version 3");
            return None;
        }
        let certified = Arc::new(certified);
        Some(Own { certified, certificate, names, staple: None, path, key_path: key.path.clone() })
    }

    /// `is_shared`: the same file is also configured for a key.
    fn chain(&mut self, path: &Path, is_shared: bool) -> Option<Chain> {
        let contents = self.contents(Input::Certificate, path, Use::Chain)?;
        let found = contents.description();
        let unused = contents.unused(Use::Chain);
        let ders = contents.certificates();
        let Some(leaf) = ders.first() else {
            let hint = "give clawgate's certificate, followed by its intermediates, in PEM";
            self.problem(Input::Certificate, path, format!("has no certificate: {found}"), hint);
            return None;
        };
        let Ok((_, x509)) = X509Certificate::from_der(leaf) else {
            let hint = "write the file again; it may be incomplete";
            self.problem(Input::Certificate, path, "has a first certificate that is not X.509", hint);
            return None;
        };
        self.warn_of_unused(Input::Certificate, path, &unused, is_shared);
        let names = San::all(&x509);
        if ders.iter().any(|der| X509Certificate::from_der(der).is_err()) {
            let hint = "write the file again; it may be incomplete";
            self.problem(Input::Certificate, path, "has a certificate that is not X.509", hint);
        }
        let certificate = Certificate::of(leaf, &x509);
        let spki = x509.public_key().raw.to_vec();
        Some(Chain { path: path.to_owned(), certificate, names, spki, ders })
    }

    /// `is_shared`: the same file is also configured for a chain.
    fn key(&mut self, path: &Path, is_shared: bool) -> Option<Key> {
        let contents = self.contents(Input::PrivateKey, path, Use::Key)?;
        if contents.has_encrypted_key() {
            let hint = "decrypt it: openssl pkey -in KEY -out PLAIN_KEY, and chmod 600 PLAIN_KEY";
            self.problem(
                Input::PrivateKey,
                path,
                "is an encrypted private key, which clawgate cannot open",
                hint,
            );
            return None;
        }
        let found = contents.description();
        let unused = contents.unused(Use::Key);
        let mut keys = contents.keys();
        let key = keys.next();
        let more = keys.next().is_some();
        if key.is_none() {
            let what = format!("has no private key: {found}");
            self.problem(
                Input::PrivateKey,
                path,
                what,
                "give the key of clawgate's certificate, in PEM",
            );
        }
        if more {
            let what = "has several private keys; the first is used";
            self.warning(Input::PrivateKey, path, what, "keep one key in a file");
        }
        // Other items of a shared file are reported once, for the chain.
        if key.is_some() && !is_shared {
            self.warn_of_unused(Input::PrivateKey, path, &unused, false);
        }
        match aws_lc_rs::sign::any_supported_type(&key?) {
            Ok(key) => Some(Key { path: path.to_owned(), key }),
            Err(_) => {
                let hint = "use an ECDSA (P-256, P-384, P-521), RSA (2048 bits or more) or Ed25519 key";
                let what = "is not a supported private key, or is damaged";
                self.problem(Input::PrivateKey, path, what, hint);
                None
            }
        }
    }

    /// The names of the leaf. It must have at least one DNS or IP name.
    fn has_names(&mut self, chain: &Chain) {
        if !chain.names.iter().any(|name| matches!(name, San::Dns(_) | San::Ip(_))) {
            let hint = "have it issued with subjectAltName=DNS:the.name.clients.call (the common name does not count)";
            let what = "has no DNS or IP alternative name";
            self.problem(Input::Certificate, &chain.path, what, hint);
        }
    }
}
