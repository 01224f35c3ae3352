use rustls::{EncryptedClientHelloError, Error, InconsistentKeys, PeerIncompatible};

use super::alert::alert_name;
use super::certificate::{certificate, crl};
use super::tls_messages::{content_types, handshake_types, invalid, misbehaved};

/// Why TLS failed. The phrase is the same for both ends.
pub fn tls(error: &Error) -> String {
    let known = match error {
        Error::InappropriateMessage { expect_types, got_type } => {
            return format!(
                "{} came where {} was due",
                content_types(&[*got_type]),
                content_types(expect_types)
            );
        }
        Error::InappropriateHandshakeMessage { expect_types, got_type } => {
            return format!(
                "{} came where {} was due",
                handshake_types(&[*got_type]),
                handshake_types(expect_types)
            );
        }
        Error::InvalidEncryptedClientHello(error) => match error {
            EncryptedClientHelloError::InvalidConfigList => {
                "the settings for an encrypted ClientHello cannot be read"
            }
            EncryptedClientHelloError::NoCompatibleConfig => {
                "no settings for an encrypted ClientHello can be used"
            }
            EncryptedClientHelloError::SniRequired => "an encrypted ClientHello needs a server name",
            _ => "an encrypted ClientHello cannot be used",
        },
        Error::InvalidMessage(error) => return invalid(error),
        Error::NoCertificatesPresented => "no certificate was sent",
        Error::UnsupportedNameType => {
            "the name that was called is of a kind that certificates have no names of"
        }
        Error::DecryptError => {
            "a record cannot be decrypted: it was altered on the way, or is of another connection"
        }
        Error::EncryptError => "a record cannot be encrypted",
        Error::PeerIncompatible(why) => {
            return format!("both ends have too little in common: {}", incompatible(why));
        }
        Error::PeerMisbehaved(why) => return misbehaved(why).to_owned(),
        Error::AlertReceived(alert) => {
            return format!("the other end sent the alert {}", alert_name(*alert));
        }
        Error::InvalidCertificate(error) => {
            return format!("the certificate cannot be used: {}", certificate(error));
        }
        Error::InvalidCertRevocationList(error) => {
            return format!("the CRL cannot be used: {}", crl(error));
        }
        Error::General(_) => "the TLS library gave up for a reason that it has no name for",
        Error::FailedToGetCurrentTime => "the system does not tell the time",
        Error::FailedToGetRandomBytes => "the system gives no random numbers",
        Error::HandshakeNotComplete => "the handshake is not complete",
        Error::PeerSentOversizedRecord => "a record is larger than TLS allows",
        Error::NoApplicationProtocol => "no protocol is offered (ALPN) that is spoken here",
        Error::BadMaxFragmentSize => "the size of fragments is none that may be",
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => "the key does not fit the certificate",
        Error::InconsistentKeys(_) => "the key does not tell whether it fits the certificate",
        // An error of another library, such as the one for cryptography.
        Error::Other(_) => "the TLS library gave up for a reason that it does not tell",
        // An error that a later version of rustls adds.
        _ => "TLS failed in a way that is not known here",
    };
    known.to_owned()
}

/// What client and server do not have in common.
pub fn incompatible(why: &PeerIncompatible) -> &'static str {
    match why {
        PeerIncompatible::EcPointsExtensionRequired
        | PeerIncompatible::NoEcPointFormatsInCommon
        | PeerIncompatible::UncompressedEcPointsRequired => {
            "no form in which points of elliptic curves are written"
        }
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
            "the extended master secret (RFC 7627), which is demanded"
        }
        PeerIncompatible::IncorrectCertificateTypeExtension
        | PeerIncompatible::UnsolicitedCertificateTypeExtension => "no type of certificate (RFC 7250)",
        PeerIncompatible::KeyShareExtensionRequired => "no key share, which TLS 1.3 demands",
        PeerIncompatible::NamedGroupsExtensionRequired | PeerIncompatible::NoKxGroupsInCommon => {
            "no key exchange group"
        }
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon => "no signature scheme",
        PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            "no signature scheme, since none was offered"
        }
        PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite",
        PeerIncompatible::NullCompressionRequired => "no way to go without compression",
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic => "no version of TLS",
        PeerIncompatible::ServerSentHelloRetryRequestWithUnknownExtension => {
            "an extension in the server's second question is not known"
        }
        PeerIncompatible::ServerRejectedEncryptedClientHello(_) => {
            "the server refused the encrypted ClientHello"
        }
        // An error that a later version of rustls adds.
        _ => "something that is not known here",
    }
}
