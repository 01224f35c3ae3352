//! Configured CAs that are public, so that anybody can get a certificate from them.
//!
//! The list of Mozilla's root programme is compiled in. This machine's own store is not used: a container may have
//! none, and organisations often add their own CA to it.

use rustls::DistinguishedName;
use rustls_pki_types::{SubjectPublicKeyInfoDer, TrustAnchor};
use webpki_roots::TLS_SERVER_ROOTS;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Ca;
use crate::pki::signature::verify::fits;

/// The public CAs among `cas`: those with the key of a public root, and those that such a CA has issued.
pub fn public_cas(cas: &[Ca]) -> Vec<&Ca> {
    let mut public: Vec<_> = cas.iter().filter(|ca| is_root(ca)).collect();
    loop {
        let is_new = |ca: &&Ca| !public.iter().any(|known| std::ptr::eq(*known, *ca));
        let issued = |ca: &&Ca| is_issued_by(ca, &public);
        let more: Vec<_> = cas.iter().filter(is_new).filter(issued).collect();
        if more.is_empty() {
            return public;
        }
        public.extend(more);
    }
}

fn is_root(ca: &Ca) -> bool {
    TLS_SERVER_ROOTS
        .iter()
        .any(|root| root.subject_public_key_info == ca.anchor().subject_public_key_info)
}

/// Whether a public root, or one of `public`, has signed it.
fn is_issued_by(ca: &Ca, public: &[&Ca]) -> bool {
    let Ok((_, x509)) = X509Certificate::from_der(ca.der()) else { return false };
    let issuer = x509.issuer().as_raw();
    let has_signed = |spki: &[u8]| fits(&SubjectPublicKeyInfoDer::from(spki), &x509);
    let by_root = |root: &&TrustAnchor<'_>| in_sequence(&root.subject) == issuer;
    let mut roots = TLS_SERVER_ROOTS.iter().filter(by_root);
    let mut others = public.iter().filter(|other| other.subject_der == issuer);
    roots.any(|root| has_signed(&in_sequence(&root.subject_public_key_info)))
        || others.any(|other| has_signed(other.spki()))
}

/// The same with its tag and length, which anchors leave out.
fn in_sequence(content: &[u8]) -> Vec<u8> {
    DistinguishedName::in_sequence(content).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

    use super::*;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn own(name: &str) -> Ca {
        Ca::read(params(name).self_signed(&KeyPair::generate().unwrap()).unwrap().der()).unwrap()
    }

    #[test]
    fn every_root_of_mozillas_is_public_and_ones_own_is_not() {
        let roots: Vec<_> = TLS_SERVER_ROOT_CERTS.iter().filter_map(Ca::read).collect();
        assert!(roots.len() > 100, "{}", roots.len());
        assert_eq!(public_cas(&roots).len(), roots.len());
        assert!(public_cas(&[own("Own CA")]).is_empty());
    }

    #[test]
    fn a_name_makes_no_ca_public() {
        let namesake = own("ISRG Root X1");
        assert!(public_cas(std::slice::from_ref(&namesake)).is_empty());
    }

    /// There is no private key of a public root, so a root of the test plays one.
    #[test]
    fn what_a_public_ca_has_issued_is_public_too() {
        let (key, inner_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root = params("Root");
        let issuer = Issuer::from_params(&root, &key);
        let inner = params("Inner").signed_by(&inner_key, &issuer).unwrap();
        let root_ca = Ca::read(root.self_signed(&key).unwrap().der()).unwrap();
        let inner_ca = Ca::read(inner.der()).unwrap();
        assert!(is_issued_by(&inner_ca, &[&root_ca]));
        assert!(!is_issued_by(&own("Inner"), &[&root_ca]));
        // A public root has issued itself.
        let public = Ca::read(&TLS_SERVER_ROOT_CERTS[0]).unwrap();
        assert!(is_issued_by(&public, &[]));
    }
}
