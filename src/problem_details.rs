//! clawgate's own HTTP answers: `application/problem+json` (RFC 9457, Problem Details for HTTP APIs).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

/// Has the reason, for programs that do not read the body.
const REASON_HEADER: HeaderName = HeaderName::from_static("x-clawgate-reason");
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why clawgate itself answers, and not the upstream.
#[derive(Clone, Copy, Debug)]
pub struct ProblemDetails<'a> {
    /// The status of the answer.
    pub status: StatusCode,
    /// A code from a closed list.
    pub reason: &'static str,
    /// What is wrong, in a sentence for the client.
    pub detail: &'a str,
    /// The identifier of the request, or of the connection: the log has it, too.
    pub id: &'a str,
}

#[derive(Serialize)]
struct Json<'a> {
    title: &'a str,
    status: u16,
    reason: &'static str,
    detail: &'a str,
    id: &'a str,
}

impl ProblemDetails<'_> {
    /// The answer.
    pub fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.json()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        headers.insert(REASON_HEADER, HeaderValue::from_static(self.reason));
        response
    }

    /// The answer as the bytes of HTTP/1.1, for when hyper cannot write it. It ends the connection.
    pub fn http1(&self) -> Vec<u8> {
        let json = self.json();
        let (status, reason, length) = (self.status, self.reason, json.len());
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n{REASON_HEADER}: {reason}\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n",
        )
        .into_bytes();
        bytes.extend_from_slice(&json);
        bytes
    }

    fn json(&self) -> Bytes {
        let json = Json {
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            reason: self.reason,
            detail: self.detail,
            id: self.id,
        };
        serde_json::to_vec(&json).unwrap_or_default().into()
    }
}
