//! Finds keys and signatures that clients no longer accept.

use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::X509Certificate;

use crate::finding::{Check, Finding, Subject};
use crate::identity::name::{cut, oid_text, printable};
use crate::identity::rfc4514;

/// NIST SP 800-131A: the smallest size of an RSA key, in bits.
const MIN_RSA: usize = 2048;
/// The kinds of ECDSA and EdDSA keys that clients support.
const GOOD_KEYS: [&str; 4] = ["ECDSA P-256", "ECDSA P-384", "ECDSA P-521", "Ed25519"];
/// RSA with MD5, RSA with SHA-1, ECDSA with SHA-1.
const WEAK_SIGNATURES: [&str; 3] = ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"];

pub(super) fn key(subject: &Subject, chain: &[X509Certificate<'_>]) -> Finding {
    for x509 in chain {
        if let Some(weakness) = weak_key(x509) {
            let detail = format!("{}: {weakness}", cut(rfc4514(x509.subject())));
            let hint = "have it issued again, for an ECDSA P-256 key; clients refuse it";
            return subject.fail(Check::Key, detail, hint);
        }
    }
    let key = chain.first().map(crate::identity::key).unwrap_or_default();
    if key == "Ed25519" {
        return subject.warning(
            Check::Key,
            "its key is Ed25519, which many clients cannot verify (Windows, older Java, browsers)",
            "have it issued for an ECDSA P-256 key, unless you know all your clients",
        );
    }
    subject.pass(Check::Key, key)
}

pub(super) fn signature(subject: &Subject, chain: &[X509Certificate<'_>]) -> Finding {
    for x509 in chain {
        if let Some(weakness) = weak_signature(x509) {
            let detail = format!("{}: {weakness}", cut(rfc4514(x509.subject())));
            let hint = "have it issued again, signed with SHA-256; clients refuse it";
            return subject.fail(Check::Signature, detail, hint);
        }
    }
    subject.pass(Check::Signature, chain.first().map(algorithm).unwrap_or_default())
}

/// Why a key is too weak.
pub(super) fn weak_key(x509: &X509Certificate<'_>) -> Option<String> {
    let key = crate::identity::key(x509);
    match key.strip_prefix("RSA ").and_then(|bits| bits.parse::<usize>().ok()) {
        Some(bits) if bits < MIN_RSA => {
            Some(format!("its RSA key has {bits} bits; at least {MIN_RSA} are needed"))
        }
        Some(_) => None,
        None if GOOD_KEYS.contains(&key.as_str()) => None,
        None => Some(format!("its key is {key}, which clients do not accept")),
    }
}

/// Why a signature is too weak. The signature of a root on itself is not checked.
pub(super) fn weak_signature(x509: &X509Certificate<'_>) -> Option<String> {
    let own = x509.issuer().as_raw() == x509.subject().as_raw();
    let oid = x509.signature_algorithm.algorithm.to_id_string();
    (!own && WEAK_SIGNATURES.contains(&oid.as_str()))
        .then(|| format!("it is signed with {}, which is broken", algorithm(x509)))
}

/// The algorithm that a certificate was signed with.
pub fn algorithm(x509: &X509Certificate<'_>) -> String {
    let oid = &x509.signature_algorithm.algorithm;
    match oid2sn(oid, oid_registry()) {
        Ok(name) => name.to_owned(),
        Err(_) => format!("OID {}", printable(&oid_text(oid))),
    }
}
