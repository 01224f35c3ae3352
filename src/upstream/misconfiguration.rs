//! Recognises responses that show a wrong setting in clawgate or in the upstream.
//!
//! OpenClaw's error responses are short. clawgate forwards them unchanged, and logs a hint.

use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use tracing::Level;

use crate::telemetry::{LogThrottle, emit};

/// The minimum time between two log lines about the same misconfiguration.
const PAUSE: Duration = Duration::from_secs(60);

/// A probable misconfiguration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Misconfiguration {
    /// OpenClaw got a forwarding header from a proxy that it does not trust.
    ProxyAttribution,
    /// The token is missing or wrong.
    Unauthorized,
    /// The body is larger than the upstream's limit, but not larger than clawgate's.
    BodyLimit,
    /// The response is a web page: this is a different server, or the path is not a hook.
    WebPage,
}

/// The text in OpenClaw's attribution error.
const ATTRIBUTION: &[u8] = b"proxy_attribution_required";

impl Misconfiguration {
    /// Checks the head of a response.
    ///
    /// # Errors
    /// For a 403: its body must be checked as well.
    pub fn of_head(status: StatusCode, headers: &HeaderMap) -> Result<Option<Self>, ForbiddenBody> {
        let content_type = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        let html =
            content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with(b"text/html"));
        match status {
            StatusCode::FORBIDDEN if !html => Err(ForbiddenBody),
            StatusCode::UNAUTHORIZED => Ok(Some(Self::Unauthorized)),
            StatusCode::PAYLOAD_TOO_LARGE => Ok(Some(Self::BodyLimit)),
            _ => Ok(html.then_some(Self::WebPage)),
        }
    }

    /// The hint. `token`: the setting or file of the injected token, if there is one.
    pub fn hint(self, token: Option<&str>) -> String {
        match (self, token) {
            (Self::ProxyAttribution, _) => "OpenClaw refuses forwarding headers (X-Forwarded-*, Forwarded, X-Real-IP, \
                 Tailscale-*) from a proxy it does not trust. clawgate sends none unless upstream.forwarded or xfcc \
                 in upstream.identity says so: take those out, look for another proxy between clawgate and OpenClaw, \
                 or list clawgate in gateway.trustedProxies"
                .to_owned(),
            (Self::Unauthorized, Some(origin)) => {
                format!("the token from {origin} is not the one in OpenClaw's hooks.token; make them the same")
            }
            (Self::Unauthorized, None) => "the client gave no token, or a wrong one; let clawgate add OpenClaw's \
                 hooks.token with --hook-token-file"
                .to_owned(),
            (Self::BodyLimit, _) => "the upstream takes less than clawgate lets through (OpenClaw: 262144 bytes); set \
                 limits.body to its limit, so that clawgate refuses large bodies before they are sent"
                .to_owned(),
            (Self::WebPage, _) => "the upstream answered with a web page: check that upstream.url is the gateway's \
                 port, that hooks are on there (hooks.enabled), and that hooks.path is the route's path"
                .to_owned(),
        }
    }
}

/// A 403 whose body must be checked.
#[derive(Debug)]
pub struct ForbiddenBody;

impl ForbiddenBody {
    /// Checks the first piece of the body.
    pub fn of_body(&self, first: &[u8]) -> Option<Misconfiguration> {
        first
            .windows(ATTRIBUTION.len())
            .any(|part| part == ATTRIBUTION)
            .then_some(Misconfiguration::ProxyAttribution)
    }
}

/// Logs `upstream_misconfigured`, at most once a minute for each misconfiguration. Shared by all workers.
#[derive(Debug)]
pub struct MisconfigurationLog {
    upstream: String,
    token: Option<String>,
    started: Instant,
    problems: [LogThrottle; 4],
    left_out: LogThrottle,
}

#[derive(Serialize)]
struct LeftOut<'a> {
    upstream: &'a str,
    left_out: &'a [&'static str],
    fingerprint_sha256: &'a str,
    request: &'a str,
    detail: &'static str,
    hint: &'static str,
}

#[derive(Serialize)]
struct Line<'a> {
    upstream: &'a str,
    problem: Misconfiguration,
    status: u16,
    request: &'a str,
    hint: String,
}

impl MisconfigurationLog {
    /// `token`: the setting or file of the injected token, if there is one.
    pub fn new(upstream: String, token: Option<String>) -> Self {
        let (problems, left_out) = Default::default();
        Self { upstream, token, started: Instant::now(), problems, left_out }
    }

    /// What the operator can do about `problem`.
    pub fn hint(&self, problem: Misconfiguration) -> String {
        problem.hint(self.token.as_deref())
    }

    /// Logs that the response to request `request` shows `problem`.
    pub fn log(&self, problem: Misconfiguration, status: StatusCode, request: &str) {
        if self.problems[problem as usize].pass(self.started.elapsed(), PAUSE).is_none() {
            return;
        }
        emit(
            Level::WARN,
            "upstream_misconfigured",
            &Line {
                upstream: &self.upstream,
                problem,
                status: status.as_u16(),
                request,
                hint: self.hint(problem),
            },
        );
    }

    /// Logs which identity fields of a client with this fingerprint were too large for request `request`.
    pub fn left_out(&self, what: &[&'static str], fingerprint_sha256: &str, request: &str) {
        if self.left_out.pass(self.started.elapsed(), PAUSE).is_none() {
            return;
        }
        emit(
            Level::WARN,
            "identity_left_out",
            &LeftOut {
                upstream: &self.upstream,
                left_out: what,
                fingerprint_sha256,
                request,
                detail: "the client's certificates are too large for header fields: all that tells who it is may \
                         have 8 KiB",
                hint: "take forms out of upstream.identity that the upstream does not need, or have the client's \
                       certificate and chain made smaller (ECDSA keys, fewer names)",
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_head(status: u16, content_type: &str) -> Result<Option<Misconfiguration>, ForbiddenBody> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        Misconfiguration::of_head(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn each_refusal_of_openclaw_is_known() {
        assert_eq!(of_head(401, "text/plain").unwrap(), Some(Misconfiguration::Unauthorized));
        assert_eq!(of_head(413, "application/json").unwrap(), Some(Misconfiguration::BodyLimit));
        assert_eq!(of_head(200, "text/html; charset=utf-8").unwrap(), Some(Misconfiguration::WebPage));
        let body = of_head(403, "application/json").unwrap_err();
        assert_eq!(
            body.of_body(br#"{"error":{"type":"proxy_attribution_required"}}"#),
            Some(Misconfiguration::ProxyAttribution)
        );
        assert_eq!(body.of_body(b"{}"), None);
    }

    #[test]
    fn a_normal_response_is_not_a_misconfiguration() {
        assert_eq!(of_head(200, "application/json").unwrap(), None);
        assert_eq!(of_head(500, "text/plain").unwrap(), None);
    }
}
