//! Describing a certificate: whatever DER a client makes up, its description cannot deceive.
#![no_main]

use clawgate::identity::{Certificate, Peer};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::CertificateDer;

fuzz_target!(|bytes: &[u8]| {
    let der = CertificateDer::from(bytes);
    let certificate = Certificate::read(&der);
    let peer = Peer::read(&der);
    assert_eq!(certificate.is_some(), peer.is_some());
    let Some(certificate) = certificate else { return };
    let Certificate { subject, issuer, serial, not_before, not_after, san, key, eku, .. } = &certificate;
    for text in [subject, issuer, serial, not_before, not_after, key].into_iter().chain(san).chain(eku) {
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(text.len() < 2048, "{} bytes", text.len());
    }
});
