use rustls::{EncryptedClientHelloError, Error, InconsistentKeys, PeerIncompatible};

use super::alert::alert_name;
use super::certificate::{certificate, crl};
use super::tls_messages::{content_types, handshake_types, invalid, misbehaved};

/// Why TLS failed. The phrase is the same for both ends.
pub fn tls(error: &Error) -> String {
    let known = match error {
        Error::InappropriateMessage { expect_types, got_type } => {
            return format!(
                "{} arrived, but {} was expected",
                content_types(&[*got_type]),
                content_types(expect_types)
            );
        }
        Error::InappropriateHandshakeMessage { expect_types, got_type } => {
            return format!(
                "{} arrived, but {} was expected",
                handshake_types(&[*got_type]),
                handshake_types(expect_types)
            );
        }
        Error::InvalidEncryptedClientHello(error) => match error {
            EncryptedClientHelloError::InvalidConfigList => {
                "the settings for an encrypted ClientHello cannot be read"
            }
            EncryptedClientHelloError::NoCompatibleConfig => {
                "none of the settings for an encrypted ClientHello can be used"
            }
            EncryptedClientHelloError::SniRequired => "an encrypted ClientHello needs a server name",
            _ => "an encrypted ClientHello cannot be used",
        },
        Error::InvalidMessage(error) => return invalid(error),
        Error::NoCertificatesPresented => "no certificate was sent",
        Error::UnsupportedNameType => "the requested name is of an unsupported type",
        Error::DecryptError => {
            "a record cannot be decrypted: it was altered in transit, or belongs to another connection"
        }
        Error::EncryptError => "a record cannot be encrypted",
        Error::PeerIncompatible(why) => {
            return format!("client and server are incompatible: {}", incompatible(why));
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
        Error::General(_) => "the TLS library failed for an unknown reason",
        Error::FailedToGetCurrentTime => "the system clock cannot be read",
        Error::FailedToGetRandomBytes => "the system provides no random numbers",
        Error::HandshakeNotComplete => "the handshake is not complete",
        Error::PeerSentOversizedRecord => "a record is larger than TLS allows",
        Error::NoApplicationProtocol => "none of the offered ALPN protocols is supported",
        Error::BadMaxFragmentSize => "the maximum fragment size is not valid",
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key does not match the certificate"
        }
        Error::InconsistentKeys(_) => "whether the key matches the certificate cannot be checked",
        // An error of another library, such as the one for cryptography.
        Error::Other(_) => "the TLS library failed for an unknown reason",
        // An error that a later version of rustls adds.
        _ => "TLS failed with an unknown error",
    };
    known.to_owned()
}

/// Why client and server cannot agree on parameters.
pub fn incompatible(why: &PeerIncompatible) -> &'static str {
    match why {
        PeerIncompatible::EcPointsExtensionRequired
        | PeerIncompatible::NoEcPointFormatsInCommon
        | PeerIncompatible::UncompressedEcPointsRequired => "no common point format for elliptic curves",
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
            "the required extended master secret (RFC 7627) is missing"
        }
        PeerIncompatible::IncorrectCertificateTypeExtension
        | PeerIncompatible::UnsolicitedCertificateTypeExtension => {
            "no common certificate type (RFC 7250)"
        }
        PeerIncompatible::KeyShareExtensionRequired => "the key share that TLS 1.3 requires is missing",
        PeerIncompatible::NamedGroupsExtensionRequired | PeerIncompatible::NoKxGroupsInCommon => {
            "no common key exchange group"
        }
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon => "no common signature scheme",
        PeerIncompatible::SignatureAlgorithmsExtensionRequired => "no signature scheme was offered",
        PeerIncompatible::NoCipherSuitesInCommon => "no common cipher suite",
        PeerIncompatible::NullCompressionRequired => {
            "the client does not offer a connection without compression"
        }
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic => "no common TLS version",
        PeerIncompatible::ServerSentHelloRetryRequestWithUnknownExtension => {
            "the HelloRetryRequest has an unknown extension"
        }
        PeerIncompatible::ServerRejectedEncryptedClientHello(_) => {
            "the server rejected the encrypted ClientHello"
        }
        // An error that a later version of rustls adds.
        _ => "the reason is unknown",
    }
}
