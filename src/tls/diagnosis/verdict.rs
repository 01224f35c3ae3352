//! Faults from errors of the verifier. The analysis of the chain usually finds more.

use rustls::{CertificateError, Error};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::leaf;
use crate::identity::name::{cut, printable};
use crate::identity::{Peer, San};
use crate::pki::path::bounds::TooLarge;
use crate::pki::path::unsupported::unreadable_extension;
use crate::policy::{Denial, Rule};
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::fault::{Fault, named};
use crate::wording::tls;

/// The fault of an error of webpki. The analysis of the chain usually finds more.
pub(super) fn of_chain_error(error: &Error, chain: &[CertificateDer<'_>]) -> Fault {
    let who = who(chain);
    if matches!(error, Error::InvalidCertRevocationList(_)) {
        let detail = format!("the CRL of the issuer of {who} cannot be used");
        return Fault::new(
            Reason::CrlUnavailable,
            detail,
            "have the CA issue its CRL again, and give it to clawgate",
        );
    }
    let Error::InvalidCertificate(error) = error else {
        return unread(chain);
    };
    let (reason, what, hint) = match error {
        CertificateError::UnknownIssuer => (
            Reason::ClientCertUnknownCa,
            "leads to no configured CA",
            "use a certificate of a configured CA",
        ),
        CertificateError::BadSignature => (
            Reason::ClientCertBadSignature,
            "or a CA above it has a signature that is not its issuer's",
            "send the certificate file as the CA issued it; this one was altered, or signed by another key",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (Reason::ClientCertExpired, "or a CA above it has expired", "renew it")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            Reason::ClientCertNotYetValid,
            "or a CA above it is not valid yet",
            "check the clocks, or wait",
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            Reason::ClientCertWrongPurpose,
            "or a CA above it is not for clients",
            "have it issued with extendedKeyUsage=clientAuth",
        ),
        CertificateError::Revoked => (
            Reason::ClientCertRevoked,
            "or a CA above it was revoked",
            "issue a new certificate to the client",
        ),
        CertificateError::UnknownRevocationStatus => (
            Reason::CrlUnavailable,
            "or a CA above it cannot be looked up: there is no CRL of its issuer",
            "give clawgate the CRL of the certificate's issuer",
        ),
        CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => (
            Reason::CrlExpired,
            "or a CA above it cannot be looked up: the CRL of its issuer is out of date",
            "fetch the CA's current CRL and give it to clawgate",
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            Reason::ClientCertKeyUnsupported,
            "or a CA above it is signed with an algorithm or key that is not supported",
            "have it issued with ECDSA, RSA of 2048 bits or more, or Ed25519",
        ),
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(error) => match of_webpki(error) {
                Some(known) => known,
                None => return unread(chain),
            },
            None => return unread(chain),
        },
        _ => return unread(chain),
    };
    Fault::new(reason, format!("{who} {what}"), hint)
}

/// Something in the chain has an encoding that webpki does not read.
fn unread(chain: &[CertificateDer<'_>]) -> Fault {
    let all = chain.iter().filter_map(|der| X509Certificate::from_der(der).ok());
    let mut broken = all.filter_map(|(_, x509)| Some((named(&x509), unreadable_extension(&x509)?)));
    let detail = match broken.next() {
        Some((who, extension)) => format!("{who} has the extension {extension}, which cannot be read"),
        None => format!("{}, or a CA above it, is encoded in a way that cannot be read", who(chain)),
    };
    let hint = "have it issued again; `openssl asn1parse -i -in CERT` shows what is in it";
    Fault::new(Reason::ClientCertMalformed, detail, hint)
}

/// The leaf is too large.
pub(crate) fn too_large(excess: TooLarge) -> Fault {
    let hint = "have a smaller certificate issued, with no more names than the client needs";
    Fault::new(
        Reason::ClientCertTooLarge,
        format!("the client's certificate is too large: {excess}"),
        hint,
    )
}

/// The reason, the end of the detail, and the hint.
fn of_webpki(error: &webpki::Error) -> Option<(Reason, &'static str, &'static str)> {
    use webpki::Error;
    Some(match error {
        Error::CaUsedAsEndEntity => (
            Reason::ClientCertIsCa,
            "is a CA certificate",
            "issue a certificate for the client with that CA",
        ),
        Error::UnsupportedCertVersion | Error::UnsupportedCriticalExtension => (
            Reason::ClientCertUnsupported,
            "or a CA above it is not X.509 v3, or has a critical extension that is not supported",
            "have it issued as X.509 v3 without unusual critical extensions",
        ),
        Error::EndEntityUsedAsCa => (
            Reason::ClientChainInvalid,
            "was issued by a certificate that is not a CA (CA:TRUE is missing)",
            "have it issued by a CA",
        ),
        Error::PathLenConstraintViolated => (
            Reason::ClientChainInvalid,
            "has more CAs above it than one of them allows (pathlen)",
            "have it issued by a CA higher up, or raise the pathlen of that CA",
        ),
        Error::NameConstraintViolation
        | Error::InvalidNetworkMaskConstraint
        | Error::MalformedNameConstraint
        | Error::MaximumNameConstraintComparisonsExceeded => (
            Reason::ClientChainInvalid,
            "has names that a CA above it may not issue for (nameConstraints)",
            "have it issued with names that the CA's nameConstraints permit, or by another CA",
        ),
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => (
            Reason::ClientChainInvalid,
            "came with a chain that is too deep (more than 6 intermediates) or too tangled",
            "send the leaf and its own intermediates only",
        ),
        Error::MalformedDnsIdentifier => (
            Reason::ClientCertMalformed,
            "has a DNS name that is none, and a CA above it has nameConstraints about such names",
            "have it issued with DNS names only among its DNS names",
        ),
        _ => return None,
    })
}

/// The chain is valid, but the leaf's names cannot be read completely.
pub(crate) fn unreadable(chain: &[CertificateDer<'_>]) -> Fault {
    let leaf = chain.first().and_then(|der| X509Certificate::from_der(der).ok());
    leaf.and_then(|(_, leaf)| leaf::names(&leaf)).unwrap_or_else(|| {
        let detail = "the client's certificate cannot be read completely";
        Fault::new(Reason::ClientCertMalformed, detail, "send the certificate file as the CA issued it")
    })
}

/// The chain is valid, but the leaf's key may not sign.
pub(super) fn may_not_sign(chain: &[CertificateDer<'_>]) -> Fault {
    let leaf = chain.first().and_then(|der| X509Certificate::from_der(der).ok());
    leaf.and_then(|(_, leaf)| leaf::purpose(&leaf)).unwrap_or_else(|| {
        let detail = format!("{} may not sign", who(chain));
        Fault::new(Reason::ClientCertWrongPurpose, detail, "have it issued for clients")
    })
}

pub(super) fn not_allowed(denial: &Denial, peer: &Peer, chain: &[CertificateDer<'_>]) -> Fault {
    let fault = denied(denial, peer);
    Fault { detail: format!("{} verifies, but {}", who(chain), fault.detail), ..fault }
}

/// The rules or pins refuse the leaf, whether its chain is valid or not.
pub fn denied(denial: &Denial, peer: &Peer) -> Fault {
    let why = denial.of("clients", peer);
    let (detail, hint) = match denial {
        Denial::Rule(_) => (
            why,
            "remove that rule from clients.deny (--deny) or narrow it, if the client is to be admitted"
                .to_owned(),
        ),
        Denial::Unmatched(_) => {
            let names = peer.certificate.san.join(", ");
            let names = if names.is_empty() { "none".to_owned() } else { cut(names) };
            let rule = rule_for(peer);
            (
                format!("{why} (its alternative names: {names})"),
                format!(
                    "add a rule for it to clients.allow (--allow), if it is to be admitted, e.g. {rule}"
                ),
            )
        }
        Denial::Unpinned => {
            let hint = format!(
                "pins are required in addition to the chain and the rules: add fingerprint={} (this certificate) or \
                 spki={} (its key, also after renewal) to clients.pins (--pin), if it is to be admitted",
                peer.certificate.fingerprint_sha256, peer.spki_sha256
            );
            (why, hint)
        }
    };
    Fault::new(Reason::ClientNotAllowed, detail, hint)
}

/// An allow rule that admits `peer` only: by its first name that a rule can have, or else by fingerprint.
fn rule_for(peer: &Peer) -> String {
    let names = peer.sans.iter().map(San::parts).chain(peer.cn.clone().map(|cn| ("cn", cn)));
    let mut rules = names.map(|(kind, value)| format!("{kind}={value}"));
    // Names that need quotes or could deceive are not proposed.
    let usable = |rule: &String| {
        let parsed = rule.parse::<Rule>();
        printable(rule) == *rule && parsed.is_ok_and(|parsed| parsed.is_single() && parsed.matches(peer))
    };
    rules.find(usable).unwrap_or_else(|| format!("fingerprint={}", peer.certificate.fingerprint_sha256))
}

/// The handshake was signed by another key than the leaf's; `error` is that of the signature.
pub fn key_mismatch(error: &Error, chain: &[CertificateDer<'_>]) -> Fault {
    let scheme = match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => String::new(),
        other => format!(" ({})", tls(other)),
    };
    let detail = format!(
        "the client does not hold the key of {}: its signature does not fit the certificate{scheme}",
        who(chain)
    );
    let hint = "give the client the key that its certificate was requested with; \
                `openssl pkey -in KEY -pubout` and `openssl x509 -in CERT -pubkey -noout` must print the same";
    Fault::new(Reason::ClientKeyMismatch, detail, hint)
}

fn who(chain: &[CertificateDer<'_>]) -> String {
    let leaf = chain.first().and_then(|der| X509Certificate::from_der(der).ok());
    leaf.map_or_else(|| "the client's certificate".to_owned(), |(_, x509)| named(&x509))
}
