//! Which key certified a sender: what names alone do not tell.

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use webpki::{EndEntityCert, RawPublicKeyEntity};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::leaves::Leaf;
use super::trust::Trust;
use crate::identity::{Peer, sha256};

/// Who the leaf of a chain names, with the key that certified it. `None` when the leaf is not X.509.
///
/// The key is that of a certificate with the issuer's name, sent or configured. If the chain is `verified` and
/// there is one such key, it is the one; else it is one that fits the signature. Of a certificate that is let in
/// without a chain nothing was verified in this sense.
pub fn identify(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    trust: &Trust,
    verified: bool,
) -> Option<Peer> {
    Some(identify_read(leaf, &Leaf::read(leaf)?, intermediates, trust, verified))
}

/// The same of a leaf that says what `read` has.
pub(super) fn identify_read(
    leaf: &CertificateDer<'_>,
    read: &Leaf,
    intermediates: &[CertificateDer<'_>],
    trust: &Trust,
    verified: bool,
) -> Peer {
    let mut keys = candidates(leaf, &read.issuer, intermediates, trust);
    let may_be_pinned = read.is_self_issued && !trust.pinned.is_empty();
    if keys.len() > 1 || !verified || may_be_pinned {
        // A sender may add to its chain what it likes, so a name is not enough. All that fit are kept: the
        // true one is among them, and nobody makes up a key that fits and is somebody else's.
        let x509 = X509Certificate::from_der(leaf).ok();
        keys.retain(|key| x509.as_ref().is_some_and(|(_, x509)| fits(key, x509)));
    }
    let issuer_spki_sha256 = keys.iter().map(|key| sha256(key)).collect();
    Peer { issuer_spki_sha256, ..read.peer.clone() }
}

/// The different keys that go by the name of the leaf's issuer.
fn candidates(
    leaf: &CertificateDer<'_>,
    issuer_der: &[u8],
    intermediates: &[CertificateDer<'_>],
    trust: &Trust,
) -> Vec<SubjectPublicKeyInfoDer<'static>> {
    // webpki reads CA certificates here too, and little of them: it looks at their use only when it builds a chain.
    let issuer = EndEntityCert::try_from(leaf);
    let issuer = issuer.as_ref().map(|leaf| leaf.issuer()).unwrap_or_default();
    let sent = intermediates.iter().filter_map(|der| {
        let ca = EndEntityCert::try_from(der).ok()?;
        (ca.subject() == issuer).then(|| ca.subject_public_key_info())
    });
    let held = trust.cas.iter().filter(|ca| ca.subject_der == issuer_der);
    let held = held.map(|ca| SubjectPublicKeyInfoDer::from(ca.spki().to_vec()));
    let mut keys = Vec::new();
    for key in sent.chain(held) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// Whether the signature on `child` is by `key`.
fn fits(key: &SubjectPublicKeyInfoDer<'_>, child: &X509Certificate<'_>) -> bool {
    let Ok(key) = RawPublicKeyEntity::try_from(key) else { return false };
    let (message, signature) = (child.tbs_certificate.as_ref(), &child.signature_value.data);
    // An AlgorithmIdentifier begins with its OID.
    let oid = child.signature_algorithm.algorithm.as_bytes();
    let provider = aws_lc_rs::default_provider();
    provider.signature_verification_algorithms.all.iter().any(|algorithm| {
        algorithm.signature_alg_id().get(2..).is_some_and(|rest| rest.starts_with(oid))
            && key.verify_signature(*algorithm, message, signature).is_ok()
    })
}
