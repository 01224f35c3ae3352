//! clawgate's own answer to a request that was let pass and got none.

use std::error::Error;
use std::io;

use http::{HeaderValue, StatusCode, header};

use super::refusal::RequestRefusal;
use crate::http1_guard::Violation;
use crate::telemetry::RequestReason as Reason;
use crate::upstream::{BodyError, UpstreamError};

/// The client learns what it needs for its next step, the log the rest.
pub(crate) fn of_upstream(error: UpstreamError) -> RequestRefusal {
    let log = format!("the upstream gave no answer: {error}");
    let (status, reason, detail) = match error {
        UpstreamError::Body(error) => return of_body(error),
        UpstreamError::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Reason::UpstreamUnavailable,
            "the upstream cannot be reached; the request was not delivered, send it again later",
        ),
        UpstreamError::Busy(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Reason::UpstreamBusy,
            "the upstream has as many requests as it may; this one was not delivered, send it again later",
        ),
        UpstreamError::ShareBusy(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Reason::UpstreamBusy,
            "you have as many requests with the upstream as one client may; this one was not delivered, send it again later",
        ),
        UpstreamError::ConnectTimeout(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            Reason::UpstreamConnectTimeout,
            "the upstream does not take connections; the request was not delivered, send it again later",
        ),
        UpstreamError::Timeout(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            Reason::UpstreamTimeout,
            "the upstream did not answer in time; the request may have been delivered",
        ),
        UpstreamError::Closed(_) => (
            StatusCode::BAD_GATEWAY,
            Reason::UpstreamClosed,
            "the upstream closed the connection before it answered; the request may have been delivered",
        ),
        UpstreamError::Protocol(_) | UpstreamError::Framing(_) | UpstreamError::Upgraded => (
            StatusCode::BAD_GATEWAY,
            Reason::UpstreamProtocolError,
            "the upstream's answer cannot be understood; the request may have been delivered",
        ),
    };
    let rejection = RequestRefusal::new(status, reason, detail).with_log(log);
    let later = match reason {
        Reason::UpstreamUnavailable => "5",
        Reason::UpstreamBusy => "1",
        _ => return rejection,
    };
    rejection.with_field(header::RETRY_AFTER, HeaderValue::from_static(later))
}

/// The answer to a request whose body ended early.
pub(crate) fn of_body(error: BodyError) -> RequestRefusal {
    match error {
        BodyError::TooLarge(limit) => too_large(limit),
        BodyError::Slow(_) => {
            RequestRefusal::new(StatusCode::REQUEST_TIMEOUT, Reason::BodyTimeout, error.to_string())
                .closing()
        }
        BodyError::Sender(ref source) => match violation(source) {
            Some(violation) => violation.into(),
            None => RequestRefusal::new(StatusCode::BAD_REQUEST, Reason::SenderGone, error.to_string())
                .closing(),
        },
    }
}

/// What the guard found in the middle of a body, as it comes back through hyper.
fn violation(error: &hyper::Error) -> Option<Violation> {
    let mut error: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(this) = error {
        if let Some(io) = this.downcast_ref::<io::Error>() {
            return io.get_ref()?.downcast_ref().copied();
        }
        error = match this.downcast_ref() {
            Some(BodyError::Sender(inner)) => Some(inner),
            _ => this.source(),
        };
    }
    None
}

/// The answer to a body of more than `limit` bytes.
pub(crate) fn too_large(limit: u64) -> RequestRefusal {
    let detail = format!("the body is larger than the {limit} bytes that are taken here");
    RequestRefusal::new(StatusCode::PAYLOAD_TOO_LARGE, Reason::BodyTooLarge, detail).closing()
}
