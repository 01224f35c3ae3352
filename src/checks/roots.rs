//! The roots for verifying a server's certificate as its clients do.

use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pki::{Ca, SignatureCache, TrustStore, may_be_signed_by};

/// The known CAs, in addition to those that a server sends.
#[derive(Debug, Default)]
pub struct Roots {
    /// Self-issued CAs: in `clients.ca`, in `--server-ca`, and in the client's chain that `doctor` was given.
    own: Vec<Ca>,
    /// CAs that another CA has issued. They are not roots, so a server must send them.
    intermediates: Vec<Ca>,
    /// The roots that this system trusts; `None` when they were not read.
    system: Option<Vec<Ca>>,
}

/// A chain that was verified.
pub(super) struct Verified {
    /// Subject of the root.
    pub(super) root: String,
    /// When the root expires, seconds since 1970.
    pub(super) root_until: i64,
    /// How many intermediates were needed.
    pub(super) intermediates: usize,
}

impl Roots {
    /// The CAs of `trust`, but not those of this system.
    pub fn of(trust: &TrustStore) -> Self {
        let mut roots = Self::default();
        roots.add(trust.cas.iter().cloned());
        roots
    }

    /// Adds CAs: `cas` may hold roots and intermediates.
    pub fn add(&mut self, cas: impl IntoIterator<Item = Ca>) {
        for ca in cas.into_iter().filter(|ca| ca.is_ca) {
            let list = if is_self_issued(&ca) { &mut self.own } else { &mut self.intermediates };
            list.push(ca);
        }
    }

    /// The same with the roots that this system trusts.
    pub fn with_system(mut self) -> Self {
        let found = rustls_native_certs::load_native_certs().certs;
        self.system = Some(found.iter().filter_map(Ca::read).collect());
        self
    }

    /// The roots that this system trusts; `None` when they were not read.
    pub(super) fn system(&self) -> Option<&[Ca]> {
        self.system.as_deref()
    }

    /// The known intermediate that has signed `child`.
    pub(super) fn intermediate_above(&self, child: &X509Certificate<'_>) -> Option<&Ca> {
        self.intermediates.iter().find(|ca| {
            ca.subject_der == child.issuer().as_raw()
                && may_be_signed_by(child, ca.der(), &SignatureCache::default())
        })
    }

    /// Verifies `chain` (leaf first) like a client that has only the root. That may be any known root, or one that the
    /// server sends.
    pub(super) fn verify(&self, chain: &[CertificateDer<'static>], at: i64) -> Result<Verified, Error> {
        let sent: Vec<Ca> = chain.iter().skip(1).filter_map(Ca::read).collect();
        let sent = sent.iter().filter(|ca| ca.is_ca && is_self_issued(ca));
        let all = self.own.iter().chain(sent).chain(self.system.iter().flatten());
        verify(chain, &all.collect::<Vec<_>>(), at)
    }

    /// The same, like a client that has only the roots of this system.
    pub(super) fn verify_with_system(
        &self,
        chain: &[CertificateDer<'static>],
        at: i64,
    ) -> Option<Result<Verified, Error>> {
        let system = self.system.as_ref()?;
        Some(verify(chain, &system.iter().collect::<Vec<_>>(), at))
    }
}

/// Whether a client that has only `cas` verifies `chain` (leaf first).
pub fn verifies(cas: &[Ca], chain: &[CertificateDer<'static>], at: i64) -> bool {
    let roots: Vec<_> = cas.iter().filter(|ca| ca.is_ca && is_self_issued(ca)).collect();
    verify(chain, &roots, at).is_ok()
}

/// Whether a client that has only the roots of this system verifies `chain` (leaf first).
pub fn system_verifies(chain: &[CertificateDer<'static>], at: i64) -> bool {
    let roots = Roots::default().with_system();
    roots.verify_with_system(chain, at).is_some_and(|verified| verified.is_ok())
}

fn is_self_issued(ca: &Ca) -> bool {
    let parsed = X509Certificate::from_der(ca.der());
    parsed.is_ok_and(|(_, x509)| x509.subject().as_raw() == x509.issuer().as_raw())
}

/// Accepts any purpose, since the purpose of a certificate has its own check.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Verifies like rustls' verifier of server certificates, but without names and purposes, which have their own checks.
fn verify(chain: &[CertificateDer<'static>], roots: &[&Ca], at: i64) -> Result<Verified, Error> {
    let (leaf, above) = chain.split_first().ok_or(Error::UnknownIssuer)?;
    let leaf = EndEntityCert::try_from(leaf)?;
    let anchors: Vec<TrustAnchor<'_>> = roots.iter().map(|ca| ca.anchor().clone()).collect();
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    let path = leaf.verify_for_usage(algorithms, &anchors, above, now, AnyPurpose, None, None)?;
    let anchor = path.anchor();
    let root = roots.iter().find(|ca| {
        let own = ca.anchor();
        own.subject == anchor.subject && own.subject_public_key_info == anchor.subject_public_key_info
    });
    Ok(Verified {
        root: root.map(|ca| ca.subject.clone()).unwrap_or_default(),
        root_until: root.map_or(i64::MAX, |ca| ca.not_after),
        intermediates: path.intermediate_certificates().count(),
    })
}
