//! Faults of the sender's own certificate, whoever issued it.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::link::weak_algorithm;
use super::unsupported::Unsupported;
use crate::identity::{check_names, key, rfc3339};
use crate::observe::HandshakeReason as Reason;
use crate::tls::fault::{Fault, ago, gate_time, named, span};
use crate::tls::leaves::is_netscape_client;

pub(super) fn unsupported(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let Unsupported { what, hint, is_malformed } = Unsupported::of(leaf)?;
    let reason = if is_malformed { Reason::ClientCertMalformed } else { Reason::ClientCertUnsupported };
    Some(Fault::new(reason, format!("{} {what}", named(leaf)), hint))
}

/// Names that rules and the upstream would not see to their end.
pub(super) fn names(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let unreadable = check_names(leaf).err()?;
    let detail = format!("{} cannot be read whole: {unreadable}", named(leaf));
    let hint = "have it issued again with names that are encoded as RFC 5280 says, subject and subjectAltName once \
                each; `openssl asn1parse -i -in CERT` shows what is in it";
    Some(Fault::new(Reason::ClientCertMalformed, detail, hint))
}

/// The signature on the leaf or a CA of its chain, if it is of a kind that is not secure.
pub(super) fn weak_signature(certificate: &X509Certificate<'_>, is_leaf: bool) -> Option<Fault> {
    let algorithm = weak_algorithm(certificate)?;
    let who = if is_leaf { "" } else { "the intermediate " };
    let detail = format!("{who}{} is signed with {algorithm}", named(certificate));
    let hint = "have it issued again with SHA-256 (openssl: -sha256)";
    Some(Fault::new(Reason::ClientCertWeakSignature, detail, hint))
}

/// The leaf's key, if its kind or size is not accepted.
pub fn weak_key(chain: &[CertificateDer<'_>]) -> Option<Fault> {
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    weak_key_of(&leaf)
}

pub(super) fn weak_key_of(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let key = key(leaf);
    if is_accepted(&key) {
        return None;
    }
    let detail = format!("{} has a key of the kind {key}", named(leaf));
    Some(Fault::new(Reason::ClientCertKeyUnsupported, detail, ACCEPTED))
}

/// The kinds of key that are supported.
pub(super) const ACCEPTED: &str =
    "use ECDSA (P-256, P-384, P-521), RSA of 2048 to 8192 bits, or Ed25519";

/// Whether a key of this kind (as [`key`] calls it) is supported.
pub(super) fn is_accepted(kind: &str) -> bool {
    match kind.strip_prefix("RSA ").and_then(|bits| bits.parse::<usize>().ok()) {
        Some(bits) => (2048..=8192).contains(&bits),
        None => matches!(kind, "ECDSA P-256" | "ECDSA P-384" | "ECDSA P-521" | "Ed25519"),
    }
}

pub(super) fn dates(leaf: &X509Certificate<'_>, now: i64) -> Option<Fault> {
    let validity = leaf.validity();
    let clock = "the gate's clock says";
    let gate = || gate_time(now);
    let (from, until) = (validity.not_before, validity.not_after);
    if until.timestamp() < now {
        let detail = format!(
            "{} expired {}, at {}; {clock} {}",
            named(leaf),
            ago(now.saturating_sub(until.timestamp())),
            rfc3339(until),
            gate()
        );
        let hint = "renew the sender's certificate; if it should be valid, check the gate's clock";
        return Some(Fault::new(Reason::ClientCertExpired, detail, hint));
    }
    if from.timestamp() > now {
        let detail = format!(
            "{} is valid only {} from now, at {}; {clock} {}",
            named(leaf),
            span(from.timestamp().saturating_sub(now)),
            rfc3339(from),
            gate()
        );
        let hint =
            "check the clocks of the gate and of the machine that issued the certificate, or wait";
        return Some(Fault::new(Reason::ClientCertNotYetValid, detail, hint));
    }
    None
}

pub(super) fn is_ca(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let Ok(Some(constraints)) = leaf.basic_constraints() else {
        return None;
    };
    if !constraints.value.ca {
        return None;
    }
    let detail = format!("{} is a CA certificate, used as the sender's own", named(leaf));
    let hint = "issue a certificate for the sender with that CA (basicConstraints=CA:FALSE), and use it";
    Some(Fault::new(Reason::ClientCertIsCa, detail, hint))
}

pub(super) fn purpose(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let eku = leaf.extended_key_usage().ok().flatten();
    let Some(eku) = eku.filter(|eku| !eku.value.client_auth) else {
        return key_usage(leaf).or_else(|| netscape_type(leaf));
    };
    let uses = if eku.value.server_auth { "serverAuth" } else { "other uses" };
    let detail =
        format!("{} is for {uses}, not for clients (extendedKeyUsage lacks clientAuth)", named(leaf));
    let hint = "sign the request again with -extfile and a file that says extendedKeyUsage=clientAuth";
    Some(Fault::new(Reason::ClientCertWrongPurpose, detail, hint))
}

fn netscape_type(leaf: &X509Certificate<'_>) -> Option<Fault> {
    if is_netscape_client(leaf) {
        return None;
    }
    let detail = format!("{} is not for clients (nsCertType lacks client)", named(leaf));
    let hint = "have it issued without nsCertType, which extendedKeyUsage has replaced";
    Some(Fault::new(Reason::ClientCertWrongPurpose, detail, hint))
}

fn key_usage(leaf: &X509Certificate<'_>) -> Option<Fault> {
    match leaf.key_usage() {
        Ok(Some(usage)) if usage.value.digital_signature() => None,
        Ok(None) => None,
        _ => {
            let detail = format!("{} may not sign (keyUsage lacks digitalSignature)", named(leaf));
            let hint = "have it issued with keyUsage=digitalSignature, or without keyUsage";
            Some(Fault::new(Reason::ClientCertWrongPurpose, detail, hint))
        }
    }
}
