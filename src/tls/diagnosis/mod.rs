//! Why a handshake failed: a pure function from what was seen to a reason, a detail and a hint.
//!
//! It explains a refusal that has already happened, and decides nothing.

mod authority;
mod case;
mod chain;
pub(crate) mod client_message;
mod issuer;
pub(crate) mod leaf;
mod messages;
mod opening;
mod revoked;
mod server_name;
mod verdict;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use rustls_pki_types::CertificateDer;

pub use self::case::{Case, Cause, NotTls, Step};
pub use self::chain::{chain_faults, path};
pub use self::client_message::client_message;
pub use self::leaf::weak_key;
pub use self::revoked::statuses;
pub use self::server_name::about_name;
pub use self::verdict::{denied, key_mismatch};

use super::detect::End;
use super::fault::{Fault, combine};
use super::handshake_record::{Presented, Refusal};
use crate::wording::alert_name;

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What is wrong.
    pub fault: Fault,
    /// The alert the client was sent.
    pub alert_sent: Option<String>,
    /// The alert the client sent.
    pub alert_received: Option<String>,
}

/// Finds out why a handshake failed.
pub fn diagnose(case: &Case<'_>) -> Diagnosis {
    let fault = match case.cause {
        Cause::NotTls(protocol) => opening::not_tls(protocol, case),
        Cause::ProxyHeader(error) => opening::proxy_header(error),
        Cause::Tls(error) => of_error(error, case),
        Cause::HelloTooLarge(length) => opening::hello_too_large(*length),
        Cause::Ended(end, progress) => opening::ended(*end, *progress, case),
        Cause::UnknownSni => server_name::unknown_sni(case),
        Cause::Overloaded { limit, allowed } => messages::overloaded(*limit, *allowed),
        Cause::Full => messages::full(),
        Cause::Timeout { deadline, step } => opening::timeout(*deadline, step, case.record.bytes_in),
    };
    let alert_received = match case.cause {
        Cause::Tls(Error::AlertReceived(alert)) => Some(alert_name(*alert)),
        _ => None,
    };
    let encrypted = || alert_for(case.cause).filter(|_| case.record.ends_with_encrypted_alert());
    let alert_sent = case.record.plain_alert().or_else(encrypted).map(alert_name);
    Diagnosis { fault, alert_sent, alert_received }
}

fn of_error(error: &Error, case: &Case<'_>) -> Fault {
    if let Some(Presented { chain, refused: Some(refusal), .. }) = &case.record.presented {
        return combine(faults(refusal, chain));
    }
    match error {
        Error::NoCertificatesPresented => messages::missing(case),
        Error::AlertReceived(alert) => of_alert(*alert, case),
        Error::NoApplicationProtocol => messages::alpn_mismatch(case),
        // The version first: old versions lack extensions that rustls checks before the version.
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
        // From clients that have a CA with the right name and another key.
        | AlertDescription::DecryptError
        | AlertDescription::BadCertificateStatusResponse => server_name::server_cert_rejected(alert, case),
        AlertDescription::ProtocolVersion => messages::tls_version(case),
        other => messages::client_alert(other),
    }
}

/// All faults of a chain (leaf first) that was refused, in the order of repair.
///
/// If the chain itself is valid, there is one fault.
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

/// The alert that rustls sends after encryption has begun.
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

#[cfg(test)]
mod tests;
