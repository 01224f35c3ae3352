//! Whether one certificate was signed with the key of another.

use std::cell::Cell;

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_parser::prelude::X509Certificate;

/// Longest SubjectPublicKeyInfo of a sent certificate whose signatures are verified, in bytes: that of an RSA key of
/// 4096 bits has 550.
const MAX_SPKI: usize = 560;

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
