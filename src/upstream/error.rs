//! Why an upstream gave no answer.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use rustls::AlertDescription;
use thiserror::Error;

use super::body::BodyError;
use super::framing::BadFraming;
use crate::wording::{alert_name, http, io as io_words};

/// Why an upstream gave no answer.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// It could not be connected to. The request was not sent.
    #[error("it cannot be connected to: {}", io_words(.0))]
    Unavailable(#[source] io::Error),
    /// As many requests are with it, and wait for that, as may. The request was not sent.
    #[error("it is at its limit of {0} requests, and the queue is full")]
    Busy(usize),
    /// As many requests of this client are with it as one client may have there. The request was not sent.
    #[error("it is at the limit of {0} requests for one client")]
    ShareBusy(usize),
    /// It did not take the connection in time. The request was not sent.
    #[error("it did not accept a connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The request was sent, and no answer began.
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
    /// The request was sent, at least in part, and the connection was closed without an answer.
    #[error("it closed the connection before it answered: {}", http(.0))]
    Closed(#[source] hyper::Error),
    /// What it answered is not HTTP/1.1.
    #[error("its answer is not HTTP/1.1: {}", http(.0))]
    Protocol(#[source] hyper::Error),
    /// Where its answer ends, or how it is coded, cannot be said.
    #[error("its answer cannot be understood: {0}")]
    Framing(#[from] BadFraming),
    /// It switched to another protocol, which no request asks for.
    #[error("it answered 101 Switching Protocols, and no upgrade was asked for")]
    Upgraded,
    /// The request's own body ended early.
    #[error(transparent)]
    Body(BodyError),
}

/// Why there is no answer, when hyper gave up a request with `error`.
pub(super) fn classify(error: hyper::Error) -> UpstreamError {
    if error.is_user() {
        // The body's own error comes back as the source of hyper's.
        if let Some(body) = error.source().and_then(|source| source.downcast_ref::<BodyError>()) {
            return UpstreamError::Body(match body {
                BodyError::TooLarge(limit) => BodyError::TooLarge(*limit),
                BodyError::Slow(slow) => BodyError::Slow(*slow),
                BodyError::Client(_) => BodyError::Client(error),
            });
        }
    }
    // Over TLS 1.3 the upstream's refusal of clawgate's certificate comes after the handshake, and the
    // request may be on its way already; but nobody has read it.
    if let Some(alert) = refusal(&error) {
        return UpstreamError::Unavailable(io::Error::other(refused(alert)));
    }
    if error.is_parse() { UpstreamError::Protocol(error) } else { UpstreamError::Closed(error) }
}

/// The alert by which the upstream refused the handshake, if that is what an error came of.
fn refusal(error: &hyper::Error) -> Option<AlertDescription> {
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(rustls::Error::AlertReceived(alert)) = inner.and_then(|inner| inner.downcast_ref()) {
            return is_refusal(*alert).then_some(*alert);
        }
        source = error.source();
    }
    None
}

/// Those that RFC 8446 section 6.2 has for the other end's certificate.
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
