//! Which key signed a client's certificate.

use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use webpki::EndEntityCert;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::bounds::Selection;
use crate::identity::{Peer, sha256};
use crate::pki::signature::verify::fits;
use crate::pki::trust_store::TrustStore;

/// The identity in the leaf of a chain. The issuer's keys are those that verify the leaf's signature, among the
/// sent and configured certificates with the issuer's name. `None` when the leaf is not X.509.
///
/// This is for chains that may be invalid. In a valid one, the verified path shows the key.
pub fn identify(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    trust: &TrustStore,
) -> Option<Peer> {
    let (_, x509) = X509Certificate::from_der(leaf).ok()?;
    let intermediates = Selection::of(leaf, intermediates).among(intermediates);
    let keys = candidates(leaf, x509.issuer().as_raw(), &intermediates, trust);
    let keys = keys.iter().filter(|key| fits(key, &x509));
    let issuer_spki_sha256 = keys.map(|key| sha256(key)).collect();
    Some(Peer { issuer_spki_sha256, ..Peer::of(leaf, &x509) })
}

/// The different keys of certificates that have the name of the leaf's issuer.
fn candidates(
    leaf: &CertificateDer<'_>,
    issuer_der: &[u8],
    intermediates: &[CertificateDer<'_>],
    trust: &TrustStore,
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

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;
    use crate::pki::ca::Ca;

    /// A CA of this name, and a certificate that it has issued.
    fn ca_and_leaf(name: &str) -> (CertificateDer<'static>, CertificateDer<'static>) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (key, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let ca = params.self_signed(&key).unwrap().der().clone();
        let leaf = CertificateParams::default().signed_by(&own, &Issuer::from_params(&params, &key));
        (ca, leaf.unwrap().der().clone())
    }

    #[test]
    fn the_key_is_found_in_a_certificate_that_was_sent_or_is_configured_and_fits() {
        let ((ca, leaf), (same_name, _), (other, _)) =
            (ca_and_leaf("CA"), ca_and_leaf("CA"), ca_and_leaf("Other"));
        let read = |der: &CertificateDer<'_>| Ca::read(der).unwrap();
        let keys = |sent: &[&CertificateDer<'static>], configured: &[&CertificateDer<'static>]| {
            let cas = configured.iter().map(|der| read(der)).collect();
            let sent: Vec<_> = sent.iter().map(|der| (*der).clone()).collect();
            identify(&leaf, &sent, &TrustStore { cas, ..TrustStore::default() })
                .unwrap()
                .issuer_spki_sha256
        };
        let right = [read(&ca).spki_sha256];

        assert_eq!(keys(&[&ca], &[]), right);
        assert_eq!(keys(&[], &[&ca]), right);
        assert_eq!(keys(&[&same_name, &ca], &[&ca, &same_name, &other]), right);
        assert_eq!(keys(&[&same_name], &[&other]), [""; 0]);
    }
}
