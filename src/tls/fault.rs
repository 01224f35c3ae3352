//! One fault of a connection or certificate: a reason from the closed list, a detail and a hint.
//!
//! The reason also decides which alert the client gets. So log, metrics and alert always agree.

use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};
use thiserror::Error as ThisError;
use x509_parser::prelude::X509Certificate;

use crate::identity::name::cut;
use crate::identity::{rfc4514, serial};
use crate::telemetry::HandshakeReason as Reason;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the closed list.
    pub reason: Reason,
    /// What exactly is wrong, with names, dates and numbers.
    pub detail: String,
    /// What to do about it.
    pub hint: String,
    /// The configured CA that comes closest to having issued the certificate.
    pub nearest_ca: Option<String>,
    /// Whether the denylist is the reason.
    pub denied: bool,
}

/// A reason for which rustls has no error of its own.
#[derive(Clone, Copy, Debug, ThisError)]
#[error("{}", .0.as_str())]
struct Refused(Reason);

impl Fault {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), hint: hint.into(), nearest_ca: None, denied: false }
    }

    /// The same with the configured CA that comes closest.
    pub(crate) fn near(self, ca: &str) -> Self {
        Self { nearest_ca: Some(ca.to_owned()), ..self }
    }

    /// The place in the order of repair. A fault that makes others irrelevant comes first.
    pub(crate) fn rank(&self) -> u8 {
        match self.reason {
            Reason::ClientCertMalformed | Reason::ClientCertTooLarge => 0,
            Reason::ClientCertUnsupported => 1,
            Reason::ClientCertSelfSigned
            | Reason::ClientCertWrongCaKey
            | Reason::ClientCertUnknownCa
            | Reason::ClientChainIncomplete
            | Reason::ClientCertBadSignature => 2,
            Reason::ClientCertKeyUnsupported | Reason::ClientCertWeakSignature => 3,
            Reason::ClientCertIsCa => 4,
            Reason::ClientChainInvalid => 5,
            Reason::ClientCertRevoked => 6,
            Reason::ClientCertExpired | Reason::ClientCertNotYetValid => 7,
            Reason::ClientChainExpired => 8,
            Reason::ClientCertWrongPurpose => 9,
            _ => 10,
        }
    }
}

/// The error for rustls of a refusal for `reason`. rustls chooses the alert by it (RFC 8446 section 6.2).
pub(crate) fn rustls_error(reason: Reason) -> Error {
    let error = match reason {
        // bad_certificate
        Reason::ClientCertMalformed => CertificateError::BadEncoding,
        // unknown_ca
        Reason::ClientCertSelfSigned | Reason::ClientCertUnknownCa | Reason::ClientChainIncomplete => {
            CertificateError::UnknownIssuer
        }
        Reason::CrlExpired => CertificateError::ExpiredRevocationList,
        Reason::CrlUnavailable => CertificateError::UnknownRevocationStatus,
        // decrypt_error
        Reason::ClientCertWrongCaKey
        | Reason::ClientCertBadSignature
        | Reason::ClientCertKeyUnsupported
        | Reason::ClientCertWeakSignature
        | Reason::ClientKeyMismatch => CertificateError::BadSignature,
        // certificate_expired
        Reason::ClientCertExpired | Reason::ClientChainExpired => CertificateError::Expired,
        Reason::ClientCertNotYetValid => CertificateError::NotValidYet,
        // unsupported_certificate
        Reason::ClientCertWrongPurpose => CertificateError::InvalidPurpose,
        // certificate_revoked
        Reason::ClientCertRevoked => CertificateError::Revoked,
        // access_denied
        Reason::ClientNotAllowed => CertificateError::ApplicationVerificationFailure,
        // certificate_unknown: "some other (unspecified) issue"
        other => CertificateError::Other(OtherError(Arc::new(Refused(other)))),
    };
    error.into()
}

/// Sorts `faults` in the order of repair.
pub(crate) fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(Fault::rank);
    faults
}

/// The first fault, with the details of the others in its own.
pub(super) fn combine(mut faults: Vec<Fault>) -> Fault {
    let others = faults.split_off(1.min(faults.len()));
    let Some(mut first) = faults.pop() else {
        return Fault::new(
            Reason::InternalError,
            "no fault was recorded for this refusal",
            "report this as a bug",
        );
    };
    let others: Vec<_> = others.into_iter().filter(|other| other.reason != first.reason).collect();
    if !others.is_empty() {
        first.detail.push_str(". Besides: ");
        let details: Vec<_> = others.iter().map(|fault| fault.detail.as_str()).collect();
        first.detail.push_str(&details.join("; "));
    }
    first
}

/// The name of a certificate in a sentence: `CN=… (serial …)`.
pub(crate) fn named(x509: &X509Certificate<'_>) -> String {
    let subject = cut(rfc4514(x509.subject()));
    let subject = if subject.is_empty() { "with an empty subject".to_owned() } else { subject };
    format!("{subject} (serial {})", serial(x509))
}
