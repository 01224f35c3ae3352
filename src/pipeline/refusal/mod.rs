//! Why a request is refused, or gets no answer from its upstream: the closed list, with all that follows from it.
//!
//! A client learns nothing but what it knows about itself, and what it needs to correct its request. The log may say more.

mod from_errors;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::http1_guard::Violation;
use crate::limits::{LimitExceeded, Limits};
use crate::problem_details::ProblemDetails;
use crate::route::PathError;
use crate::telemetry::RequestReason as Reason;
use crate::upstream::{TooSlow, UpstreamError};

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
    /// No route has the path.
    NoRoute { path: String, client: String },
    /// The path is another spelling of a route's.
    OtherSpelling { path: String, route: String },
    /// The route has other methods.
    MethodNotAllowed(Box<MethodNotAllowed>),
    /// The rules of the route do not allow the client; `why` is for the log.
    IdentityNotAllowed { client: String, route: Arc<str>, why: String },
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
}

/// A request with a method that its route does not accept.
#[derive(Debug)]
pub(crate) struct MethodNotAllowed {
    pub(crate) path: String,
    pub(crate) method: String,
    /// Those that the route accepts.
    pub(crate) allowed: String,
    pub(crate) client: String,
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
            Self::RateLimited { .. } | Self::TooManyAtOnce { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Http1(Violation::HeadTooSlow) | Self::BodyTooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Http1(Violation::HeadTooLong | Violation::TooManyFields) | Self::HeadTooLong => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::TargetTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::Connect | Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::NoRoute { .. } | Self::OtherSpelling { .. } => StatusCode::NOT_FOUND,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
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
            Self::Upstream(error) => match error {
                UpstreamError::Unavailable(_) | UpstreamError::Busy(_) | UpstreamError::ShareBusy(_) => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
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
            Self::HeadTooLong => Reason::HeadersTooLarge,
            Self::BodyTooLarge(_) => Reason::BodyTooLarge,
            Self::BodyTooSlow(_) => Reason::BodyTimeout,
            Self::ClientGone => Reason::SenderGone,
            Self::Upstream(error) => match error {
                UpstreamError::Unavailable(_) => Reason::UpstreamUnavailable,
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

    /// What is wrong, and what to do about it, for the developer of the client.
    pub(crate) fn public(&self) -> Cow<'static, str> {
        match self {
            Self::NotAdmitted => "the client certificate is no longer admitted".into(),
            Self::RateLimited { per_second, .. } => {
                format!("you sent more than {per_second} requests in a second; send them more slowly").into()
            }
            Self::TooManyAtOnce { limit } => {
                format!("you have {limit} requests in progress, which is the limit; wait until one is answered")
                    .into()
            }
            Self::Http1(violation @ Violation::HeadTooSlow) => violation.to_string().into(),
            Self::Http1(violation) => format!("the request breaks HTTP/1.1: {violation}").into(),
            Self::Unreadable(what) => format!("the request cannot be read: {what}").into(),
            Self::TargetTooLong { length, limit } => format!(
                "path and query have {length} bytes, and at most {limit} are accepted; put the rest into the body"
            )
            .into(),
            Self::Connect => "CONNECT is not supported; send a plain request".into(),
            Self::Upgrade => {
                "upgrades (WebSocket, h2c) are not supported; send a plain request without Upgrade".into()
            }
            Self::NoHost => "the request has no Host; send one".into(),
            Self::SeveralHosts => "the request has several Host fields; send one".into(),
            Self::TwoHosts => "the request target and the Host field name different hosts".into(),
            Self::InvalidHost => {
                "the Host is not valid; it must be a name or an IP address, which `:` and a port may follow".into()
            }
            Self::Misdirected { sni, host } => {
                format!("this connection is for {sni}; open another connection for {host}").into()
            }
            Self::Path(error) => format!("the path is refused: {error}").into(),
            Self::NoPath => "the request target has no path".into(),
            Self::QueryCharacter => {
                "the query has a space, a control character or a character outside ASCII; percent-encode it".into()
            }
            Self::TokenInQuery => {
                "the query has a `token`, which logs would keep; send it as `Authorization: Bearer …`".into()
            }
            Self::SeveralLengths => "the request has several Content-Length fields; send one".into(),
            Self::TransferEncoding => "Transfer-Encoding is not allowed in HTTP/2".into(),
            Self::Expectation => "only `Expect: 100-continue` is supported".into(),
            Self::NoRoute { path, .. } => format!("no route is open for {path}").into(),
            Self::OtherSpelling { path, route } => format!(
                "{path} is not {route}, but an upstream may read both as the same path; send {route}"
            )
            .into(),
            Self::MethodNotAllowed(refused) => {
                let MethodNotAllowed { path, method, allowed, .. } = &**refused;
                format!("{path} accepts {allowed}, not {method}").into()
            }
            // The client does not learn the rules.
            Self::IdentityNotAllowed { client, route, .. } => {
                format!("{client} is not allowed to use {route}").into()
            }
            Self::HeadTooLong => "the header fields, with those that tell the upstream who you are, are longer than the \
                 16 KiB that it accepts; send fewer or shorter fields"
                .into(),
            Self::BodyTooLarge(limit) => {
                format!("the body is larger than {limit} bytes, the limit of this path").into()
            }
            Self::BodyTooSlow(slow) => slow.to_string().into(),
            Self::ClientGone => "the connection ended before the end of the body".into(),
            Self::Upstream(error) => of_upstream(error).into(),
        }
    }

    /// What the log says.
    pub(crate) fn log(&self) -> Cow<'static, str> {
        match self {
            Self::NoRoute { path, client } => format!(
                "{}; the client is verified as {client}. To open it: --path {path} (CLAWGATE_PATHS), or \
                 [[route]] path = \"{path}\"",
                self.public()
            )
            .into(),
            Self::MethodNotAllowed(refused) => {
                let MethodNotAllowed { method, client, .. } = &**refused;
                format!(
                    "{}; the client is verified as {client}. To allow it: --method {method} \
                     (CLAWGATE_METHODS), or methods in its [[route]]",
                    self.public()
                )
                .into()
            }
            Self::IdentityNotAllowed { why, .. } => format!("{}: {why}", self.public()).into(),
            Self::Upstream(error) => format!("the upstream gave no answer: {error}").into(),
            _ => self.public(),
        }
    }

    /// A header field that belongs to the status.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let retry_after = |seconds: u64| Some((header::RETRY_AFTER, HeaderValue::from(seconds)));
        match self {
            // RFC 9110 section 10.2.3: whole seconds. A request that comes too early would be refused again.
            Self::RateLimited { wait, .. } => {
                retry_after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            }
            Self::TooManyAtOnce { .. } => retry_after(1),
            Self::MethodNotAllowed(refused) => {
                let allow = HeaderValue::try_from(refused.allowed.as_str()).ok()?;
                Some((header::ALLOW, allow))
            }
            Self::Upstream(UpstreamError::Unavailable(_)) => retry_after(5),
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

/// A client learns about an upstream only whether and when to send the request again.
fn of_upstream(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::Unavailable(_) => {
            "the upstream cannot be reached; the request was not delivered, send it again later"
        }
        UpstreamError::Busy(_) => {
            "the upstream has too many requests; this one was not delivered, send it again later"
        }
        UpstreamError::ShareBusy(_) => {
            "the upstream has as many of your requests as one client may have there; this one was not delivered, send it \
             again later"
        }
        UpstreamError::ConnectTimeout(_) => {
            "the upstream does not accept connections; the request was not delivered, send it again later"
        }
        UpstreamError::Timeout(_) => {
            "the upstream did not answer in time; the request may have been delivered"
        }
        UpstreamError::Closed(_) => {
            "the upstream closed the connection before it answered; the request may have been delivered"
        }
        UpstreamError::Protocol(_)
        | UpstreamError::Framing(_)
        | UpstreamError::Upgraded
        | UpstreamError::Body(_) => {
            "the upstream's answer is not valid HTTP; the request may have been delivered"
        }
    }
}
