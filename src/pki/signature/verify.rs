//! Verification of the signature on a certificate.

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;
use x509_parser::prelude::X509Certificate;

/// Whether the signature on `child` is by `key`.
pub(crate) fn fits(key: &SubjectPublicKeyInfoDer<'_>, child: &X509Certificate<'_>) -> bool {
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
