//! What a refused client is told over HTTP: nothing that it does not know about itself.

use crate::telemetry::HandshakeReason as Reason;

/// One sentence for a client that was refused for `reason`.
pub fn client_message(reason: Reason) -> &'static str {
    match reason {
        Reason::ClientCertMissing => "a client certificate is needed, and none was sent",
        Reason::ClientCertSelfSigned => {
            "the client certificate is self-signed; one of a known CA is needed"
        }
        Reason::ClientCertUnknownCa => {
            "the client certificate was not issued by a CA that is known here"
        }
        Reason::ClientCertWrongCaKey => {
            "the client certificate was issued by a CA of a known name, but with another key"
        }
        Reason::ClientCertBadSignature => "the client certificate was altered after it was issued",
        Reason::ClientChainIncomplete => {
            "the intermediate certificate was not sent with the client certificate"
        }
        Reason::ClientChainInvalid => "the client certificate's chain is not valid",
        Reason::ClientCertExpired => "the client certificate has expired",
        Reason::ClientCertNotYetValid => "the client certificate is not valid yet",
        Reason::ClientChainExpired => "a CA certificate in the client certificate's chain has expired",
        Reason::ClientCertWrongPurpose => "the client certificate is not for clients",
        Reason::ClientCertIsCa => "the client certificate is a CA certificate",
        Reason::ClientCertUnsupported => {
            "the client certificate has features of X.509 that are not supported"
        }
        Reason::ClientCertKeyUnsupported => {
            "the key of the client certificate, or of its CA, is of a kind that is not accepted"
        }
        Reason::ClientCertWeakSignature => {
            "the client certificate, or a CA certificate in its chain, is signed with SHA-1 or MD5"
        }
        Reason::ClientKeyMismatch => "the private key does not belong to the client certificate",
        Reason::ClientCertMalformed => "the client certificate cannot be read",
        Reason::ClientCertTooLarge => "the client certificate's chain is too large",
        Reason::ClientCertRevoked => "the client certificate was revoked",
        Reason::ClientNotAllowed => "the client certificate is valid, but not allowed here",
        // The rest are not the certificate's, or cannot be answered over HTTP.
        _ => "the client certificate could not be verified",
    }
}
