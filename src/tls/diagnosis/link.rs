//! Whether one certificate was signed with the key of another.

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_parser::prelude::X509Certificate;

/// Whether the signature on `child` may be by the key in `issuer` (DER). `false` is sure; where the
/// algorithm is not taken or the issuer cannot be read, another fault says so.
pub fn may_be_signed_by(child: &X509Certificate<'_>, issuer: &[u8]) -> bool {
    let issuer = CertificateDer::from(issuer);
    // webpki reads CA certificates here too: it looks at their use only when it builds a chain.
    let Ok(issuer) = EndEntityCert::try_from(&issuer) else {
        return true;
    };
    let (message, signature) = (child.tbs_certificate.as_ref(), &child.signature_value.data);
    // An AlgorithmIdentifier begins with its OID.
    let oid = child.signature_algorithm.algorithm.as_bytes();
    let is_childs = |id: &[u8]| id.get(2..).is_some_and(|rest| rest.starts_with(oid));
    let provider = aws_lc_rs::default_provider();
    let mut algorithms = provider
        .signature_verification_algorithms
        .all
        .iter()
        .filter(|algorithm| is_childs(&algorithm.signature_alg_id()))
        .peekable();
    algorithms.peek().is_none()
        || algorithms.any(|algorithm| issuer.verify_signature(*algorithm, message, signature).is_ok())
}
