//! Why an upstream gave no response.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use rustls::AlertDescription;
use thiserror::Error;

use super::address_check::AddressRefused;
use super::body::BodyError;
use super::framing::BadFraming;
use crate::wording::{alert_name, http, io as io_words, tls_error};

/// Why an upstream gave no response.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// The connection could not be opened. The request was not sent.
    #[error("it cannot be connected to: {}", io_words(.0))]
    Unavailable(#[source] io::Error),
    /// None of its addresses may be connected to. The request was not sent.
    #[error("it cannot be connected to: {0}")]
    Address(#[source] AddressRefused),
    /// It has the maximum number of requests in progress, and its queue is full. The request was not sent.
    #[error("it is at its limit of {0} requests, and the queue is full")]
    Busy(usize),
    /// This client has the maximum number of requests in progress there. The request was not sent.
    #[error("it is at the limit of {0} requests for one client")]
    ShareBusy(usize),
    /// It did not accept the connection in time. The request was not sent.
    #[error("it did not accept a connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The request was sent, but no response began.
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
    /// The request was sent, at least in part, but the connection was closed without a response.
    #[error("it closed the connection before it answered: {}", http(.0))]
    Closed(#[source] hyper::Error),
    /// Its response is not HTTP/1.1.
    #[error("its answer is not HTTP/1.1: {}", http(.0))]
    Protocol(#[source] hyper::Error),
    /// The end or the coding of its response is unclear.
    #[error("its answer has unsupported framing: {0}")]
    Framing(#[from] BadFraming),
    /// It switched to another protocol, although no request asks for that.
    #[error("it answered 101 Switching Protocols, but no upgrade was requested")]
    Upgraded,
    /// The client's request body ended early.
    #[error(transparent)]
    Body(BodyError),
}

impl UpstreamError {
    /// Of the error of a connection that could not be opened.
    pub(super) fn not_connected(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        inner.copied().map_or_else(|| Self::Unavailable(error), Self::Address)
    }

    /// Whether the connection could not be opened because the upstream's certificate is not trusted.
    pub fn is_untrusted(&self) -> bool {
        let Self::Unavailable(error) = self else { return false };
        matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_)))
    }
}

/// Finds the reason for the missing response in the `error` of hyper.
pub(super) fn classify(error: hyper::Error) -> UpstreamError {
    if error.is_user() {
        // hyper passes on the error of the request body as the source of its own error.
        if let Some(body) = error.source().and_then(|source| source.downcast_ref::<BodyError>()) {
            return UpstreamError::Body(match body {
                BodyError::TooLarge(limit) => BodyError::TooLarge(*limit),
                BodyError::Slow(slow) => BodyError::Slow(*slow),
                BodyError::Client(_) => BodyError::Client(error),
            });
        }
    }
    // With TLS 1.3 the upstream can refuse clawgate's certificate only after the handshake, when the request may
    // already be sent. But the upstream has not read the request.
    if let Some(alert) = refusal(&error) {
        return UpstreamError::Unavailable(io::Error::other(refused(alert)));
    }
    if error.is_parse() { UpstreamError::Protocol(error) } else { UpstreamError::Closed(error) }
}

/// The alert by which the upstream refused the handshake, if that caused the error.
fn refusal(error: &hyper::Error) -> Option<AlertDescription> {
    let mut source = error.source();
    while let Some(error) = source {
        let tls = error.downcast_ref().and_then(tls_error);
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return is_refusal(*alert).then_some(*alert);
        }
        source = error.source();
    }
    None
}

/// Whether it is one of the alerts about the peer's certificate in RFC 8446 section 6.2.
fn is_refusal(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

fn refused(alert: AlertDescription) -> String {
    let alert = alert_name(alert);
    format!(
        "it refused clawgate in the handshake ({alert}): it asks for a certificate of a CA that it trusts \
         (upstream.certificate, upstream.private_key)"
    )
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn a_refused_address_and_an_untrusted_certificate_are_told_from_other_failures() {
        let refused = AddressRefused::None;
        let untrusted = rustls::Error::InvalidCertificate(CertificateError::Expired);

        let address = UpstreamError::not_connected(io::Error::other(refused));
        let certificate = UpstreamError::not_connected(io::Error::other(untrusted));
        let other = UpstreamError::not_connected(io::ErrorKind::ConnectionRefused.into());

        assert!(matches!(address, UpstreamError::Address(AddressRefused::None)));
        assert!(certificate.is_untrusted() && !address.is_untrusted() && !other.is_untrusted());
    }
}
