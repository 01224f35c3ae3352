//! clawgate's own answers: `application/problem+json` (RFC 9457) with a reason from the closed list.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

use crate::http1_guard::Violation;
use crate::limits::LimitExceeded;
use crate::telemetry::RequestReason;

/// Carries the reason, for whoever reads heads only.
pub(crate) const REASON_HEADER: HeaderName = HeaderName::from_static("x-clawgate-reason");

/// A request that is not passed on, or got no answer.
#[derive(Debug)]
pub(crate) struct RequestRefusal {
    /// The answer's status.
    pub(crate) status: StatusCode,
    /// From the closed list.
    pub(crate) reason: RequestReason,
    /// For the client: nothing that it does not know about itself, or need to hint its request.
    pub(crate) detail: String,
    /// For the log, where that may say more.
    pub(crate) log: Option<String>,
    /// Whether the connection must end: its framing is not to be trusted, or a rest of the request is not read.
    pub(crate) close: bool,
    // Boxed: rejections are rare, and travel through every `Result` of the request path.
    field: Option<Box<(HeaderName, HeaderValue)>>,
}

/// The media type of RFC 9457.
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    reason: RequestReason,
    detail: &'a str,
    id: &'a str,
}

impl RequestRefusal {
    /// An answer with `status` and the `detail` for both client and log.
    pub(crate) fn new(status: StatusCode, reason: RequestReason, detail: impl Into<String>) -> Self {
        Self { status, reason, detail: detail.into(), log: None, close: false, field: None }
    }

    /// Adds what only the log may say.
    pub(crate) fn with_log(mut self, log: impl Into<String>) -> Self {
        self.log = Some(log.into());
        self
    }

    /// Adds a header field.
    pub(crate) fn with_field(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.field = Some(Box::new((name, value)));
        self
    }

    /// Ends the connection after the answer.
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// What the log says.
    pub(crate) fn log_detail(&self) -> &str {
        self.log.as_deref().unwrap_or(&self.detail)
    }

    /// The answer to request `id`.
    pub(crate) fn response(self, id: &str) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body(id)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(REASON_HEADER, HeaderValue::from_static(self.reason.as_str()));
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(field) = self.field {
            let (name, value) = *field;
            headers.insert(name, value);
        }
        response
    }

    /// The answer as HTTP/1.1 bytes, for when hyper is not there to write it.
    pub(crate) fn http1(&self, id: &str) -> Vec<u8> {
        let body = self.body(id);
        let mut bytes = format!(
            "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\n{REASON_HEADER}: {}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.status,
            self.reason.as_str(),
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }

    fn body(&self, id: &str) -> Bytes {
        let problem = Problem {
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            reason: self.reason,
            detail: &self.detail,
            id,
        };
        serde_json::to_vec(&problem).unwrap_or_default().into()
    }
}

/// The refusal of a request that exceeds one of its client's limits: `rate` in a second, or `at_once`.
pub(crate) fn limit_exceeded(
    exceeded: LimitExceeded,
    rate: Option<u32>,
    at_once: Option<usize>,
) -> RequestRefusal {
    let (reason, detail, wait) = match exceeded {
        LimitExceeded::Rate(wait) => {
            let rate = rate.unwrap_or_default();
            let detail = format!("you may make {rate} requests in a second, and made more");
            (RequestReason::RateLimited, detail, wait)
        }
        LimitExceeded::AtOnce { .. } => {
            let limit = at_once.unwrap_or_default();
            let detail = format!("you have {limit} requests under way, and may have no more at once");
            (RequestReason::TooManyAtOnce, detail, Duration::from_secs(1))
        }
    };
    // RFC 9110 section 10.2.3: whole seconds; one too early would be refused again.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    RequestRefusal::new(StatusCode::TOO_MANY_REQUESTS, reason, detail)
        .with_field(header::RETRY_AFTER, HeaderValue::from(seconds))
}

impl From<Violation> for RequestRefusal {
    fn from(violation: Violation) -> Self {
        let detail = match violation {
            Violation::HeadTooSlow => violation.to_string(),
            _ => format!("the request breaks HTTP/1.1: {violation}"),
        };
        let (status, reason) = match violation {
            Violation::HeadTooSlow => (StatusCode::REQUEST_TIMEOUT, RequestReason::HeadTimeout),
            Violation::HeadTooLong | Violation::TooManyFields => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, RequestReason::HeadersTooLarge)
            }
            Violation::Fragment | Violation::Target => (StatusCode::BAD_REQUEST, RequestReason::BadPath),
            Violation::RepeatedContentLength
            | Violation::LengthAndEncoding
            | Violation::TransferEncoding
            | Violation::ContentLength
            | Violation::Chunk => (StatusCode::BAD_REQUEST, RequestReason::BadFraming),
            Violation::BareLf
            | Violation::BareCr
            | Violation::Nul
            | Violation::RequestLine
            | Violation::Field
            | Violation::ObsFold => (StatusCode::BAD_REQUEST, RequestReason::BadRequest),
        };
        Self::new(status, reason, detail).closing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_never_too_early() {
        let retry_after = |exceeded: LimitExceeded| {
            let response = limit_exceeded(exceeded, Some(1), Some(1)).response("id");
            response.headers()[header::RETRY_AFTER].to_str().unwrap().to_owned()
        };
        let nanos = |nanos| LimitExceeded::Rate(Duration::from_nanos(nanos));
        assert_eq!(retry_after(nanos(1)), "1");
        assert_eq!(retry_after(nanos(1_000_000_000)), "1");
        assert_eq!(retry_after(nanos(1_000_000_001)), "2");
        assert_eq!(retry_after(LimitExceeded::AtOnce { flood: false }), "1");
    }
}
