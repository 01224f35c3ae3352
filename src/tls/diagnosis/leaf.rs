//! Faults of the sender's own certificate, whoever issued it.

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::chain::{Fault, ago, named, span};
use crate::identity::name::oid_text;
use crate::identity::{check_names, key, rfc3339};
use crate::observe::HandshakeReason as Reason;
use crate::tls::leaves::is_netscape_client;

pub(super) fn unsupported(leaf: &X509Certificate<'_>) -> Option<Fault> {
    if leaf.version().0 != 2 {
        let detail = format!(
            "{} is X.509 v{}; only v3 is accepted",
            named(leaf),
            leaf.version().0.saturating_add(1)
        );
        let hint = "`openssl x509 -req` makes v1 unless it is given extensions: sign the request again with \
                    -extfile and a file that says extendedKeyUsage=clientAuth";
        return Some(Fault::new(Reason::ClientCertUnsupported, detail, hint));
    }
    let unknown = leaf.extensions().iter().find(|extension| {
        extension.critical
            && matches!(extension.parsed_extension(), ParsedExtension::UnsupportedExtension { .. })
    })?;
    let oid = oid_text(&unknown.oid);
    let detail =
        format!("{} has the critical extension {oid}, which the gate does not know", named(leaf));
    let hint = "have it issued without that extension, or with it marked as not critical";
    Some(Fault::new(Reason::ClientCertUnsupported, detail, hint))
}

/// Names that rules and the upstream would not see to their end.
pub(super) fn names(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let unreadable = check_names(leaf).err()?;
    let detail = format!("{} cannot be read whole: {unreadable}", named(leaf));
    let hint = "have it issued again with names that are encoded as RFC 5280 says, subject and subjectAltName once \
                each; `openssl asn1parse -i -in CERT` shows what is in it";
    Some(Fault::new(Reason::ClientCertMalformed, detail, hint))
}

pub(super) fn weak_signature(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let algorithm = match oid_text(&leaf.signature_algorithm.algorithm).as_str() {
        "1.2.840.113549.1.1.4" => "MD5 with RSA",
        "1.2.840.113549.1.1.5" => "SHA-1 with RSA",
        "1.2.840.10045.4.1" => "SHA-1 with ECDSA",
        "1.2.840.10040.4.3" => "SHA-1 with DSA",
        _ => return None,
    };
    let detail = format!("{} is signed with {algorithm}", named(leaf));
    Some(Fault::new(
        Reason::ClientCertWeakSignature,
        detail,
        "have it issued again with SHA-256 (openssl: -sha256)",
    ))
}

/// The leaf's key, if its kind or size is not accepted.
pub fn weak_key(chain: &[CertificateDer<'_>]) -> Option<Fault> {
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    weak_key_of(&leaf)
}

pub(super) fn weak_key_of(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let key = key(leaf);
    let accepted = match key.strip_prefix("RSA ").and_then(|bits| bits.parse::<usize>().ok()) {
        Some(bits) => (2048..=8192).contains(&bits),
        None => matches!(key.as_str(), "ECDSA P-256" | "ECDSA P-384" | "ECDSA P-521" | "Ed25519"),
    };
    if accepted {
        return None;
    }
    let detail = format!("{} has a key of the kind {key}", named(leaf));
    let hint = "use ECDSA (P-256, P-384, P-521), RSA of 2048 to 8192 bits, or Ed25519";
    Some(Fault::new(Reason::ClientCertKeyUnsupported, detail, hint))
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

/// `now` in RFC 3339.
pub fn gate_time(now: i64) -> String {
    match x509_parser::time::ASN1Time::from_timestamp(now) {
        Ok(time) => rfc3339(time),
        Err(_) => format!("{now} s since 1970"),
    }
}
