//! Faults of the client's own certificate that do not depend on its issuer.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::time::{ago, span, time_text};
use crate::identity::{check_names, key, rfc3339};
use crate::pki::leaf::is_netscape_client;
use crate::pki::path::unsupported::Unsupported;
use crate::pki::signature::key_kind;
use crate::pki::signature::weak_algorithm;
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::fault::{Fault, named};

pub(crate) fn unsupported(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let Unsupported { what, hint, is_malformed } = Unsupported::of(leaf)?;
    let reason = if is_malformed { Reason::ClientCertMalformed } else { Reason::ClientCertUnsupported };
    Some(Fault::new(reason, format!("{} {what}", named(leaf)), hint))
}

/// Names that rules and the upstream would not see completely.
pub(crate) fn names(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let unreadable = check_names(leaf).err()?;
    let detail = format!("{} cannot be read completely: {unreadable}", named(leaf));
    let hint = "have it issued again with names that are encoded as RFC 5280 says, subject and subjectAltName once \
                each; `openssl asn1parse -i -in CERT` shows what is in it";
    Some(Fault::new(Reason::ClientCertMalformed, detail, hint))
}

/// The signature on the leaf or an intermediate, if its algorithm is not secure.
pub(crate) fn weak_signature(certificate: &X509Certificate<'_>, is_leaf: bool) -> Option<Fault> {
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
    if key_kind::is_accepted(&key) {
        return None;
    }
    let detail = format!("{} has a key of the kind {key}", named(leaf));
    Some(Fault::new(Reason::ClientCertKeyUnsupported, detail, key_kind::ACCEPTED))
}

pub(crate) fn dates(leaf: &X509Certificate<'_>, now: i64) -> Option<Fault> {
    let validity = leaf.validity();
    let clock = || format!("clawgate's clock says {}", time_text(now));
    let (from, until) = (validity.not_before, validity.not_after);
    if until.timestamp() < now {
        let detail = format!(
            "{} expired {}, at {}; {}",
            named(leaf),
            ago(now.saturating_sub(until.timestamp())),
            rfc3339(until),
            clock()
        );
        let hint = "renew the client's certificate; if it should be valid, check clawgate's clock";
        return Some(Fault::new(Reason::ClientCertExpired, detail, hint));
    }
    if from.timestamp() > now {
        let detail = format!(
            "{} is valid only {} from now, at {}; {}",
            named(leaf),
            span(from.timestamp().saturating_sub(now)),
            rfc3339(from),
            clock()
        );
        let hint =
            "check the clocks of clawgate and of the machine that issued the certificate, or wait";
        return Some(Fault::new(Reason::ClientCertNotYetValid, detail, hint));
    }
    None
}

pub(crate) fn is_ca(leaf: &X509Certificate<'_>) -> Option<Fault> {
    let Ok(Some(constraints)) = leaf.basic_constraints() else {
        return None;
    };
    if !constraints.value.ca {
        return None;
    }
    let detail = format!("{} is a CA certificate, used as the client's own", named(leaf));
    let hint = "issue a certificate for the client with that CA (basicConstraints=CA:FALSE), and use it";
    Some(Fault::new(Reason::ClientCertIsCa, detail, hint))
}

pub(crate) fn purpose(leaf: &X509Certificate<'_>) -> Option<Fault> {
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
