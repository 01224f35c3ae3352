//! Whether one certificate was signed with the key of another.

use std::cell::Cell;

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_parser::prelude::X509Certificate;

/// Longest SubjectPublicKeyInfo of a sent certificate whose signatures are verified, in bytes: that of an RSA key of
/// 4096 bits has 550.
const MAX_SPKI: usize = 550;

/// How many signatures may still be verified: the certificates come from anybody, and each costs time.
#[derive(Debug)]
pub struct Budget(Cell<usize>);

impl Budget {
    /// To explain a refusal in the log.
    pub const LOG: usize = 8;
    /// To explain a file at the command line.
    pub const COMMAND_LINE: usize = 100;

    /// For `signatures`.
    pub fn new(signatures: usize) -> Self {
        Self(Cell::new(signatures))
    }

    fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }

    fn take(&self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Whether the signature on `child` is by the key in `issuer` (DER), a certificate that was sent. `None`: it is
/// not known, since the key is too large or the budget is used up.
pub(super) fn signed_by_sent(
    child: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    budget: &Budget,
) -> Option<bool> {
    if issuer.tbs_certificate.subject_pki.raw.len() > MAX_SPKI {
        return None;
    }
    signed_by(child, issuer.as_raw(), budget)
}

/// The same where `issuer` is configured, so that its key may be of any size.
pub(super) fn signed_by(child: &X509Certificate<'_>, issuer: &[u8], budget: &Budget) -> Option<bool> {
    let issuer = CertificateDer::from(issuer);
    // webpki reads CA certificates here too: it looks at their use only when it builds a chain.
    let Ok(issuer) = EndEntityCert::try_from(&issuer) else {
        return Some(true);
    };
    let (message, signature) = (child.tbs_certificate.as_ref(), &child.signature_value.data);
    // An AlgorithmIdentifier begins with its OID.
    let oid = child.signature_algorithm.algorithm.as_bytes();
    let is_childs = |id: &[u8]| id.get(2..).is_some_and(|rest| rest.starts_with(oid));
    let provider = aws_lc_rs::default_provider();
    let all = provider.signature_verification_algorithms.all;
    let mut algorithms =
        all.iter().filter(|algorithm| is_childs(&algorithm.signature_alg_id())).peekable();
    if algorithms.peek().is_none() {
        return Some(true);
    }
    for algorithm in algorithms {
        if budget.is_used_up() {
            return None;
        }
        let verdict = issuer.verify_signature(*algorithm, message, signature);
        // Of another kind of key nothing is verified.
        if let Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) = verdict {
            continue;
        }
        budget.take();
        if verdict.is_ok() {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether the signature on `child` may be by the key in `issuer` (DER). `false` is sure; where the
/// algorithm is not taken or the issuer cannot be read, another fault says so.
pub fn may_be_signed_by(child: &X509Certificate<'_>, issuer: &[u8]) -> bool {
    signed_by(child, issuer, &Budget::new(Budget::COMMAND_LINE)) != Some(false)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256,
        PublicKeyData, SignatureAlgorithm,
    };
    use x509_parser::prelude::FromDer;

    use super::*;

    /// A key of RSA of so many bits.
    struct Rsa(Vec<u8>);

    impl Rsa {
        fn of(bits: u16) -> Self {
            // RFC 8017 appendix A.1.1: the modulus, then the exponent 65537.
            let length = bits / 8 + 1;
            let modulus =
                [&[2, 0x82][..], &length.to_be_bytes(), &[0], &vec![0xff; bits as usize / 8]].concat();
            let content = [&modulus[..], &[2, 3, 1, 0, 1]].concat();
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            Self([&[0x30, 0x82][..], &length, &content].concat())
        }
    }

    impl PublicKeyData for Rsa {
        fn der_bytes(&self) -> &[u8] {
            &self.0
        }

        fn algorithm(&self) -> &'static SignatureAlgorithm {
            &PKCS_RSA_SHA256
        }
    }

    /// A certificate for `key` that is signed with RSA.
    fn certificate(key: &impl PublicKeyData, signer: &KeyPair) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "X");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.signed_by(key, &Issuer::from_params(&params, signer)).unwrap().der().to_vec()
    }

    #[test]
    fn so_many_signatures_are_verified_and_no_more() {
        let signer = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let der = certificate(&KeyPair::generate().unwrap(), &signer);
        let (_, child) = X509Certificate::from_der(&der).unwrap();
        let other = certificate(&KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(), &signer);
        let issuer = certificate(&signer, &signer);

        let budget = Budget::new(Budget::LOG);
        let verdicts: Vec<_> = (0..9).map(|_| signed_by(&child, &other, &budget)).collect();
        assert_eq!(verdicts[0], Some(false));
        assert_eq!(verdicts[8], None, "{verdicts:?}");
        assert!(budget.is_used_up());

        assert_eq!(signed_by(&child, &issuer, &Budget::new(0)), None);
        assert_eq!(signed_by(&child, &issuer, &Budget::new(Budget::LOG)), Some(true));
    }

    #[test]
    fn no_signature_is_verified_with_a_sent_key_of_more_than_4096_bits() {
        let signer = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let der = certificate(&KeyPair::generate().unwrap(), &signer);
        let (_, child) = X509Certificate::from_der(&der).unwrap();

        for (bits, verdict) in [(4096, Some(false)), (4104, None), (8192, None), (16384, None)] {
            let issuer = certificate(&Rsa::of(bits), &signer);
            let (_, issuer) = X509Certificate::from_der(&issuer).unwrap();
            let budget = Budget::new(Budget::LOG);
            assert_eq!(signed_by_sent(&child, &issuer, &budget), verdict, "{bits}");
            assert_eq!(budget.0.get() == Budget::LOG, verdict.is_none(), "{bits}");
        }
    }
}
