//! Why a request is refused, or gets no answer from its upstream: the closed list, with all that follows from it.
//!
//! A client learns nothing but what it knows about itself, and what it needs to correct its request. The log may say more.

mod from_errors;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::http1_guard::Violation;
use crate::limits::{Exceeded, LimitExceeded, Limits};
use crate::problem_details::ProblemDetails;
use crate::relay::target::NotPrepared;
use crate::route::PathError;
use crate::shaping::NotShapeable;
use crate::telemetry::RequestReason as Reason;
use crate::upstream::{TooSlow, UpstreamError};

/// When a sender may try again whose event was not stored, in seconds.
const INBOX_RETRY_AFTER: u64 = 30;

/// Why clawgate answers a request itself. `client` is the subject of the client's certificate. All texts are safe to print.
#[derive(Debug)]
pub(crate) enum RequestRefusal {
    /// The client is no longer admitted.
    NotAdmitted,
    /// The client makes more than `per_second` requests. The next is accepted after `wait`.
    RateLimited { per_second: u32, wait: Duration },
    /// The client already has `limit` requests in progress.
    TooManyAtOnce { limit: usize },
    /// The bytes are not HTTP/1.1 as clawgate accepts it.
    Http1(Violation),
    /// hyper cannot read the head; what it says is for the log.
    Unreadable(String),
    /// Path and query have `length` bytes.
    TargetTooLong { length: usize, limit: usize },
    /// The method is CONNECT.
    Connect,
    /// The request asks for an upgrade.
    Upgrade,
    /// There is no Host.
    NoHost,
    /// There are several Host fields.
    SeveralHosts,
    /// The request target and the Host field differ.
    TwoHosts,
    /// The Host is not a host.
    InvalidHost,
    /// The connection is for the server name `sni`, the request for `host`.
    Misdirected { sni: String, host: String },
    /// The path could be read in two ways.
    Path(PathError),
    /// There is no path.
    NoPath,
    /// The query has a character that no query may have.
    QueryCharacter,
    /// The query has a secret.
    TokenInQuery,
    /// There are several Content-Length fields.
    SeveralLengths,
    /// There is a Transfer-Encoding in HTTP/2.
    TransferEncoding,
    /// The client expects something other than `100-continue`.
    Expectation,
    /// No route has the path. A client without a certificate has no name.
    NoRoute { path: String, client: Option<String> },
    /// The path is another spelling of a route's.
    OtherSpelling { path: String, route: String },
    /// The route has other methods.
    MethodNotAllowed(Box<MethodNotAllowed>),
    /// The rules of the route do not allow the client; `why` is for the log.
    IdentityNotAllowed { client: String, route: Arc<str>, why: String },
    /// The route demands a signature, and there is none; `why` is for the log.
    SignatureMissing { why: String },
    /// The signature does not fit; `why` is for the log.
    SignatureInvalid { why: String },
    /// The client has sent too many requests with an invalid signature.
    TooManyFailedSignatures { wait: Duration },
    /// Another request with the same event is being delivered.
    EventInProgress,
    /// The body was given up for others, before its signature was verified.
    TooManyBodies(Exceeded),
    /// The body has a content coding, and the route takes parts out of bodies.
    EncodedBody,
    /// The parts that the route takes out of bodies cannot be taken out of this one.
    NotShapeable(Box<NotShapeable>),
    /// The inbox has no room for the event; `why` is for the log.
    InboxFull { why: String },
    /// The inbox cannot store the event; `why` is for the log.
    InboxUnavailable { why: String },
    /// With the fields that clawgate adds, the head is longer than an upstream accepts.
    HeadTooLong,
    /// The body is larger than the route accepts, in bytes.
    BodyTooLarge(u64),
    /// The body comes too slowly.
    BodyTooSlow(TooSlow),
    /// The body ended early.
    ClientGone,
    /// The upstream gave no answer.
    Upstream(UpstreamError),
    /// The caller of the relay has no valid token; `why` is for the log.
    RelayToken { why: &'static str },
    /// A web page calls the relay.
    RelayOrigin,
    /// No target has the path.
    RelayPath { path: String },
    /// The relay takes POST only.
    RelayMethod { method: String },
    /// What the target of the relay is to get cannot be made of the event.
    Event(NotPrepared),
    /// The target of the relay may get no request now, but after `wait`.
    TargetBusy { wait: Duration },
    /// The target of the relay was not sent the event; `why` is for the log.
    TargetUnavailable { why: String },
    /// The target of the relay gave no answer that can be passed on; `why` is for the log.
    TargetNoAnswer { why: String, timed_out: bool },
}

/// A request with a method that its route does not accept.
#[derive(Debug)]
pub(crate) struct MethodNotAllowed {
    pub(crate) path: String,
    pub(crate) method: String,
    /// Those that the route accepts.
    pub(crate) allowed: String,
    /// `None` without a certificate.
    pub(crate) client: Option<String>,
}

impl RequestRefusal {
    /// A request that exceeds one of the client's limits.
    pub(crate) fn limit_exceeded(exceeded: LimitExceeded, limits: &Limits) -> Self {
        match exceeded {
            LimitExceeded::Rate(wait) => {
                Self::RateLimited { per_second: limits.request_rate.unwrap_or_default(), wait }
            }
            LimitExceeded::AtOnce { .. } => {
                Self::TooManyAtOnce { limit: limits.requests_at_once.unwrap_or_default() }
            }
        }
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotAdmitted | Self::IdentityNotAllowed { .. } => StatusCode::FORBIDDEN,
            Self::RateLimited { .. }
            | Self::TooManyAtOnce { .. }
            | Self::TooManyFailedSignatures { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Http1(Violation::HeadTooSlow) | Self::BodyTooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Http1(Violation::HeadTooLong | Violation::TooManyFields) | Self::HeadTooLong => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::TargetTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::Connect | Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::SignatureMissing { .. } | Self::SignatureInvalid { .. } => StatusCode::UNAUTHORIZED,
            Self::EventInProgress => StatusCode::CONFLICT,
            Self::TooManyBodies(_) | Self::InboxFull { .. } | Self::InboxUnavailable { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::NoRoute { .. } | Self::OtherSpelling { .. } => StatusCode::NOT_FOUND,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::EncodedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotShapeable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Http1(_)
            | Self::Unreadable(_)
            | Self::Upgrade
            | Self::NoHost
            | Self::SeveralHosts
            | Self::TwoHosts
            | Self::InvalidHost
            | Self::Path(_)
            | Self::NoPath
            | Self::QueryCharacter
            | Self::TokenInQuery
            | Self::SeveralLengths
            | Self::TransferEncoding
            | Self::ClientGone => StatusCode::BAD_REQUEST,
            Self::RelayToken { .. } => StatusCode::UNAUTHORIZED,
            Self::RelayOrigin => StatusCode::FORBIDDEN,
            Self::RelayPath { .. } => StatusCode::NOT_FOUND,
            Self::RelayMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Event(error) => error.status(),
            Self::TargetBusy { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TargetNoAnswer { timed_out: true, .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::TargetUnavailable { .. } | Self::TargetNoAnswer { .. } => StatusCode::BAD_GATEWAY,
            Self::Upstream(error) => match error {
                UpstreamError::Unavailable(_)
                | UpstreamError::Address(_)
                | UpstreamError::Busy(_)
                | UpstreamError::ShareBusy(_) => StatusCode::SERVICE_UNAVAILABLE,
                UpstreamError::ConnectTimeout(_) | UpstreamError::Timeout(_) => {
                    StatusCode::GATEWAY_TIMEOUT
                }
                UpstreamError::Closed(_)
                | UpstreamError::Protocol(_)
                | UpstreamError::Framing(_)
                | UpstreamError::Upgraded
                | UpstreamError::Body(_) => StatusCode::BAD_GATEWAY,
            },
        }
    }

    /// The code from the closed list.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::NotAdmitted | Self::IdentityNotAllowed { .. } => Reason::IdentityNotAllowed,
            Self::RateLimited { .. } => Reason::RateLimited,
            Self::TooManyAtOnce { .. } => Reason::TooManyAtOnce,
            Self::Http1(violation) => of_violation(*violation),
            Self::Unreadable(_) => Reason::BadRequest,
            Self::TargetTooLong { .. } => Reason::UriTooLong,
            Self::Connect | Self::Upgrade => Reason::UpgradeRefused,
            Self::NoHost | Self::SeveralHosts | Self::TwoHosts | Self::InvalidHost => Reason::BadHost,
            Self::Misdirected { .. } => Reason::MisdirectedRequest,
            Self::Path(_) | Self::NoPath | Self::QueryCharacter => Reason::BadPath,
            Self::TokenInQuery => Reason::TokenInQuery,
            Self::SeveralLengths | Self::TransferEncoding => Reason::BadFraming,
            Self::Expectation => Reason::ExpectationFailed,
            Self::NoRoute { .. } | Self::OtherSpelling { .. } => Reason::NoRoute,
            Self::MethodNotAllowed(_) => Reason::MethodNotAllowed,
            Self::SignatureMissing { .. } => Reason::SignatureMissing,
            Self::SignatureInvalid { .. } => Reason::SignatureInvalid,
            Self::TooManyFailedSignatures { .. } => Reason::TooManyFailedSignatures,
            Self::EventInProgress => Reason::EventInProgress,
            Self::TooManyBodies(_) => Reason::TooManyBodies,
            Self::EncodedBody | Self::NotShapeable(_) => Reason::NotShapeable,
            Self::InboxFull { .. } => Reason::InboxFull,
            Self::InboxUnavailable { .. } => Reason::InboxUnavailable,
            Self::HeadTooLong => Reason::HeadersTooLarge,
            Self::BodyTooLarge(_) => Reason::BodyTooLarge,
            Self::BodyTooSlow(_) => Reason::BodyTimeout,
            Self::ClientGone => Reason::SenderGone,
            Self::RelayToken { .. } => Reason::RelayUnauthorized,
            Self::RelayOrigin => Reason::RelayFromBrowser,
            Self::RelayPath { .. } => Reason::NoRoute,
            Self::RelayMethod { .. } => Reason::MethodNotAllowed,
            Self::Event(_) => Reason::EventInvalid,
            Self::TargetBusy { .. } => Reason::TargetBusy,
            Self::TargetUnavailable { .. } => Reason::TargetUnavailable,
            Self::TargetNoAnswer { .. } => Reason::TargetNoAnswer,
            Self::Upstream(error) => match error {
                UpstreamError::Unavailable(_) | UpstreamError::Address(_) => Reason::UpstreamUnavailable,
                UpstreamError::Busy(_) | UpstreamError::ShareBusy(_) => Reason::UpstreamBusy,
                UpstreamError::ConnectTimeout(_) => Reason::UpstreamConnectTimeout,
                UpstreamError::Timeout(_) => Reason::UpstreamTimeout,
                UpstreamError::Closed(_) => Reason::UpstreamClosed,
                UpstreamError::Protocol(_)
                | UpstreamError::Framing(_)
                | UpstreamError::Upgraded
                | UpstreamError::Body(_) => Reason::UpstreamProtocolError,
            },
        }
    }

    /// A header field that belongs to the status.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let retry_after = |seconds: u64| Some((header::RETRY_AFTER, HeaderValue::from(seconds)));
        match self {
            // RFC 9110 section 10.2.3: whole seconds. A request that comes too early would be refused again.
            Self::RateLimited { wait, .. }
            | Self::TooManyFailedSignatures { wait }
            | Self::TargetBusy { wait } => {
                retry_after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            }
            Self::TooManyAtOnce { .. } | Self::EventInProgress | Self::TooManyBodies(_) => {
                retry_after(1)
            }
            Self::InboxFull { .. } | Self::InboxUnavailable { .. } => retry_after(INBOX_RETRY_AFTER),
            // RFC 9110 section 12.5.3: in an answer, it says which codings are accepted.
            Self::EncodedBody => Some((header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            // RFC 9110 section 15.5.2 demands a challenge. No scheme of the registry fits.
            Self::SignatureMissing { .. } | Self::SignatureInvalid { .. } => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Signature")))
            }
            Self::RelayToken { .. } => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::RelayMethod { .. } => Some((header::ALLOW, HeaderValue::from_static("POST"))),
            Self::MethodNotAllowed(refused) => {
                let allow = HeaderValue::try_from(refused.allowed.as_str()).ok()?;
                Some((header::ALLOW, allow))
            }
            Self::Upstream(UpstreamError::Unavailable(_) | UpstreamError::Address(_)) => retry_after(5),
            Self::Upstream(UpstreamError::Busy(_) | UpstreamError::ShareBusy(_)) => retry_after(1),
            _ => None,
        }
    }

    /// Whether the connection must be closed: where the request ends is not certain, the rest of it is not read, or the
    /// client is no longer admitted.
    pub(crate) fn closes(&self) -> bool {
        matches!(
            self,
            Self::NotAdmitted
                | Self::Http1(_)
                | Self::Connect
                | Self::Upgrade
                | Self::SeveralLengths
                | Self::BodyTooLarge(_)
                | Self::BodyTooSlow(_)
                | Self::ClientGone
                | Self::TooManyBodies(_)
                | Self::RelayToken { .. }
                | Self::RelayOrigin
        )
    }

    /// The answer to request `id`; with `close`, the client is to close the connection.
    pub(crate) fn response(&self, id: &str, close: bool) -> Response<Full<Bytes>> {
        let mut response = self.problem(&self.public(), id).response();
        let headers = response.headers_mut();
        if close || self.closes() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers.extend(self.header());
        response
    }

    /// The answer as the bytes of HTTP/1.1, for when hyper cannot write it.
    pub(crate) fn http1(&self, id: &str) -> Vec<u8> {
        self.problem(&self.public(), id).http1()
    }

    fn problem<'a>(&self, detail: &'a str, id: &'a str) -> ProblemDetails<'a> {
        ProblemDetails { status: self.status(), reason: self.reason().as_str(), detail, id }
    }
}

fn of_violation(violation: Violation) -> Reason {
    match violation {
        Violation::HeadTooSlow => Reason::HeadTimeout,
        Violation::HeadTooLong | Violation::TooManyFields => Reason::HeadersTooLarge,
        Violation::Fragment | Violation::Target => Reason::BadPath,
        Violation::RepeatedContentLength
        | Violation::LengthAndEncoding
        | Violation::TransferEncoding
        | Violation::ContentLength
        | Violation::Chunk => Reason::BadFraming,
        Violation::BareLf
        | Violation::BareCr
        | Violation::Nul
        | Violation::RequestLine
        | Violation::Field
        | Violation::ObsFold => Reason::BadRequest,
    }
}
