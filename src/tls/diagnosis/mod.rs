//! Why a handshake failed: a pure function from what was seen to a reason, a sentence and a hint.
//!
//! It explains a refusal that has happened. It decides nothing: whatever it says, the client is out.

mod authority;
mod chain;
pub(crate) mod client_message;
mod issuer;
pub(crate) mod leaf;
mod messages;
mod opening;
mod revoked;
mod server_name;
mod verdict;

use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use rustls_pki_types::CertificateDer;

pub use self::chain::{chain_faults, path};
pub use self::client_message::client_message;
pub use self::leaf::weak_key;
pub use self::revoked::statuses;
pub use self::server_name::about_name;
pub use self::verdict::{denied, key_mismatch};

use super::client_hello::{ClientHello, Progress};
use super::detect::End;
use super::fault::{Fault, combine};
use super::handshake_record::{HandshakeRecord, Presented, Refusal};
use super::parameters::Parameters;
use super::proxy_header::ProxyHeaderError;
use crate::identity::San;
use crate::pki::trust_store::TrustStore;
use crate::telemetry::{HandshakeReason as Reason, Limit};
use crate::wording::alert_name;

/// What ended a handshake.
#[derive(Debug)]
pub enum Cause {
    /// The greeting was not TLS, or stopped.
    NotTls(NotTls),
    /// A load balancer did not say whose connection it is, or may not say so.
    NotIntroduced(ProxyHeaderError),
    /// rustls refused.
    Tls(Error),
    /// Its ClientHello has so many bytes, which is more than are taken.
    HelloTooLarge(usize),
    /// The connection ended; where it ended within the ClientHello, how much of that had come.
    Ended(End, Option<Progress>),
    /// It asked for a name that is not served, and that is not let pass.
    UnknownSni,
    /// clawgate has as many of something as it may.
    Overloaded {
        /// Of what.
        limit: Limit,
        /// How many that is.
        allowed: usize,
    },
    /// It sent more than rustls keeps before the end of a handshake.
    Full,
    /// The deadline passed.
    Timeout {
        /// How long it was.
        deadline: Duration,
        /// What was waited for.
        step: Step,
    },
}

/// A greeting that does not lead to a handshake.
#[derive(Debug)]
pub enum NotTls {
    /// It ended without a byte.
    Probe(End),
    /// HTTP in the clear: `HTTP`, or `HTTP/2` where that was begun without asking.
    PlainHttp(&'static str),
    /// A PROXY header.
    ProxyProtocol,
    /// An SSL 2.0 ClientHello that offers at most this version.
    Sslv2(u16),
    /// Another protocol: its name, and its first bytes, escaped.
    Other(Option<&'static str>, String),
}

/// How far a handshake had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// No byte had come.
    FirstByte,
    /// The PROXY header was not complete.
    ProxyHeader,
    /// The ClientHello was not complete.
    ClientHello(Progress),
    /// What came is not TLS so far, and too little to name it. Holds it in words.
    Unclear(String),
    /// The client's certificate and proof, or its end of the handshake, were still to come.
    SenderFlight,
}

/// All that the diagnosis looks at.
#[derive(Debug)]
pub struct Case<'a> {
    /// What ended it.
    pub cause: &'a Cause,
    /// What the client offered, once that was read.
    pub hello: Option<&'a ClientHello>,
    /// What was seen on the way.
    pub evidence: &'a HandshakeRecord,
    /// Who may issue client certificates.
    pub trust: &'a TrustStore,
    /// Names that clawgate's own certificates are good for.
    pub server_names: &'a [San],
    /// What clawgate agrees to.
    pub parameters: &'a Parameters,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// From the closed list.
    pub reason: Reason,
    /// What exactly is wrong, with the names, dates and numbers that matter.
    pub detail: String,
    /// What to do about it.
    pub hint: String,
    /// The alert the client was sent.
    pub alert_sent: Option<String>,
    /// The alert the client sent.
    pub alert_received: Option<String>,
    /// The configured CA that comes closest to having issued the certificate.
    pub nearest_ca: Option<String>,
}

/// Says why.
pub fn diagnose(case: &Case<'_>) -> Diagnosis {
    let fault = match case.cause {
        Cause::NotTls(greeting) => opening::not_tls(greeting, case),
        Cause::NotIntroduced(why) => opening::not_introduced(why),
        Cause::Tls(error) => of_error(error, case),
        Cause::HelloTooLarge(length) => opening::hello_too_large(*length),
        Cause::Ended(end, progress) => opening::ended(*end, *progress, case),
        Cause::UnknownSni => server_name::unknown_sni(case),
        Cause::Overloaded { limit, allowed } => messages::overloaded(*limit, *allowed),
        Cause::Full => messages::full(),
        Cause::Timeout { deadline, step } => opening::timeout(*deadline, step, case.evidence.bytes_in),
    };
    let alert_received = match case.cause {
        Cause::Tls(Error::AlertReceived(alert)) => Some(alert_name(*alert)),
        _ => None,
    };
    let encrypted = || alert_for(case.cause).filter(|_| case.evidence.ends_with_encrypted_alert());
    let alert_sent = case.evidence.plain_alert().or_else(encrypted).map(alert_name);
    Diagnosis {
        reason: fault.reason,
        detail: fault.detail,
        hint: fault.hint,
        alert_sent,
        alert_received,
        nearest_ca: fault.nearest_ca,
    }
}

fn of_error(error: &Error, case: &Case<'_>) -> Fault {
    if let Some(Presented { chain, refused: Some(refusal), .. }) = &case.evidence.presented {
        return combine(faults(refusal, chain));
    }
    match error {
        Error::NoCertificatesPresented => messages::missing(case),
        Error::AlertReceived(alert) => of_alert(*alert, case),
        Error::NoApplicationProtocol => messages::alpn_mismatch(case),
        // The version first: old hellos lack what rustls looks for before it looks at the version.
        Error::PeerIncompatible(_)
            if case.hello.is_some_and(|hello| !case.parameters.shares_version(hello)) =>
        {
            messages::tls_version(case)
        }
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => messages::tls_version(case),
        Error::PeerIncompatible(why) => messages::no_common_algorithms(why, case),
        Error::InvalidCertificate(CertificateError::BadEncoding) => messages::malformed(error),
        Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge,
        ) => messages::too_large(),
        Error::General(_)
        | Error::FailedToGetCurrentTime
        | Error::FailedToGetRandomBytes
        | Error::EncryptError
        | Error::InconsistentKeys(_) => messages::internal(error),
        other => messages::protocol_error(other),
    }
}

fn of_alert(alert: AlertDescription, case: &Case<'_>) -> Fault {
    match alert {
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => opening::ended(End::Closed, None, case),
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        // What a client says that holds a CA of the right name and another key.
        | AlertDescription::DecryptError
        | AlertDescription::BadCertificateStatusResponse => server_name::server_cert_rejected(alert, case),
        AlertDescription::ProtocolVersion => messages::tls_version(case),
        other => messages::client_alert(other),
    }
}

/// All that is wrong with a chain (leaf first) that was refused; what is to be repaired first in front.
///
/// What the verifier refuses after the chain has been found to hold is the only fault.
pub fn faults(refusal: &Refusal, chain: &[CertificateDer<'_>]) -> Vec<Fault> {
    let only = match refusal {
        Refusal::Chain(faults) => return faults.clone(),
        Refusal::TooLarge(excess) => verdict::too_large(*excess),
        Refusal::Unreadable => verdict::unreadable(chain),
        Refusal::KeyUsage => verdict::may_not_sign(chain),
        Refusal::Rules(denial, peer) => verdict::not_allowed(denial, peer, chain),
        Refusal::Possession(error) => weak_key(chain).unwrap_or_else(|| key_mismatch(error, chain)),
    };
    vec![only]
}

/// The alert rustls sends for what is refused after encryption has begun.
fn alert_for(cause: &Cause) -> Option<AlertDescription> {
    match cause {
        Cause::Tls(Error::NoCertificatesPresented) => Some(AlertDescription::CertificateRequired),
        Cause::Tls(Error::InvalidCertificate(error)) => Some(error.clone().into()),
        Cause::Tls(Error::InvalidCertRevocationList(_) | Error::PeerIncompatible(_)) => {
            Some(AlertDescription::HandshakeFailure)
        }
        Cause::Tls(Error::NoApplicationProtocol) => Some(AlertDescription::NoApplicationProtocol),
        Cause::Tls(Error::PeerMisbehaved(_)) => Some(AlertDescription::IllegalParameter),
        Cause::Tls(Error::InvalidMessage(error)) => Some((*error).into()),
        Cause::Tls(Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. }) => {
            Some(AlertDescription::UnexpectedMessage)
        }
        Cause::Tls(Error::DecryptError) => Some(AlertDescription::BadRecordMac),
        Cause::Tls(Error::PeerSentOversizedRecord) => Some(AlertDescription::RecordOverflow),
        _ => None,
    }
}

/// Whether an error of the verifier is about revocation lists and not about the certificate.
fn is_crl_error(error: &Error) -> bool {
    matches!(error, Error::InvalidCertRevocationList(_))
}

#[cfg(test)]
mod tests;
