//! What clients and the log read about a refused request.

use std::borrow::Cow;

use super::{MethodNotAllowed, RequestRefusal};
use crate::http1_guard::Violation;
use crate::limits::Exceeded;
use crate::relay::target::NotPrepared;
use crate::telemetry::Limit;
use crate::upstream::UpstreamError;

impl RequestRefusal {
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
            Self::SignatureMissing { .. } => "the request has no signature that this path accepts".into(),
            Self::SignatureInvalid { .. } => "the signature of the request is not valid".into(),
            Self::TooManyFailedSignatures { .. } => {
                "too many requests with an invalid signature came from your address; send correct ones later".into()
            }
            Self::EventInProgress => {
                "a request with the same event is in progress; send this one again if that one fails".into()
            }
            Self::TooManyBodies(_) => "too many bodies arrive at the same time; send this one again later".into(),
            Self::EncodedBody => "the body is compressed, which this path does not accept; send it without Content-Encoding".into(),
            // What the rules are about is the operator's matter.
            Self::NotShapeable(_) => "the body is not JSON of the form that this path accepts".into(),
            Self::InboxFull { .. } => "there is no room for the event at present; send it again later".into(),
            Self::InboxUnavailable { .. } => "the event cannot be stored at present; send it again later".into(),
            Self::HeadTooLong => "the header fields, with those that tell the upstream who you are, are longer than the \
                 16 KiB that it accepts; send fewer or shorter fields"
                .into(),
            Self::BodyTooLarge(limit) => {
                format!("the body is larger than {limit} bytes, the limit of this path").into()
            }
            Self::BodyTooSlow(slow) => slow.to_string().into(),
            Self::ClientGone => "the connection ended before the end of the body".into(),
            Self::Upstream(error) => of_upstream(error).into(),
            Self::RelayToken { .. } => {
                "the relay wants a token that it knows: look at relay.token_header and relay.token_file".into()
            }
            Self::RelayOrigin => "web pages may not call the relay".into(),
            Self::RelayPath { path } => format!("no target of the relay has the path {path}").into(),
            Self::RelayMethod { method } => format!("the relay accepts POST, not {method}").into(),
            Self::Event(error @ NotPrepared::Protobuf(_)) => with_hint(error),
            Self::Event(error) => error.to_string().into(),
            Self::TargetBusy { .. } => {
                "the target gets as many requests as it may; this one was not sent, send it again later".into()
            }
            Self::TargetUnavailable { .. } => {
                "the target cannot be reached; the event was not sent, send it again later".into()
            }
            Self::TargetNoAnswer { .. } => {
                "the target gave no answer that can be passed on; it may have the event".into()
            }
        }
    }

    /// What the log says.
    pub(crate) fn log(&self) -> Cow<'static, str> {
        match self {
            Self::NoRoute { path, client: Some(client) } => format!(
                "{}; the client is verified as {client}. To open it: --path {path} (CLAWGATE_PATHS), or \
                 [[route]] path = \"{path}\"",
                self.public()
            )
            .into(),
            Self::NoRoute { client: None, .. } => format!(
                "{} at an address where no client certificate is asked for: only routes with authenticate = \
                 \"signature\" or \"either\" are",
                self.public()
            )
            .into(),
            Self::MethodNotAllowed(refused) => {
                let MethodNotAllowed { method, client, .. } = &**refused;
                let client = client.as_ref().map_or(String::new(), |client| {
                    format!("; the client is verified as {client}")
                });
                format!(
                    "{}{client}. To allow it: --method {method} (CLAWGATE_METHODS), or methods in its [[route]]",
                    self.public()
                )
                .into()
            }
            Self::IdentityNotAllowed { why, .. } => format!("{}: {why}", self.public()).into(),
            Self::SignatureMissing { why } | Self::SignatureInvalid { why } => {
                format!("{}: {why}", self.public()).into()
            }
            Self::NotShapeable(error) => format!("{error}; {}", error.hint()).into(),
            Self::Event(error) => with_hint(error),
            Self::InboxFull { why } | Self::InboxUnavailable { why } => {
                format!("{}: {why}", self.public()).into()
            }
            Self::TooManyBodies(exceeded) => {
                let limit = match exceeded {
                    Exceeded::Count => Limit::BufferedBodies,
                    Exceeded::Bytes => Limit::BufferedBytes,
                };
                format!(
                    "{} (limits.{} is reached, and this body was the oldest)",
                    self.public(),
                    limit.as_str()
                )
                .into()
            }
            Self::Upstream(error) => format!("the upstream gave no answer: {error}").into(),
            Self::RelayToken { why } => (*why).into(),
            Self::TargetUnavailable { why } => format!("the target was not sent the event: {why}").into(),
            Self::TargetNoAnswer { why, .. } => format!("the target gave no answer: {why}").into(),
            _ => self.public(),
        }
    }
}

/// What is wrong with an event, and what to do about it.
fn with_hint(error: &NotPrepared) -> Cow<'static, str> {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}").into(),
        None => error.to_string().into(),
    }
}

/// A client learns about an upstream only whether and when to send the request again.
fn of_upstream(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::Unavailable(_) | UpstreamError::Address(_) => {
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
