//! What an upstream's answer means.

use http::StatusCode;

use super::probe::Reply;
use crate::upstream::Misconfiguration;

/// What an answer to a request for a hook that does not exist means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Path and token are right, and the hook does not exist; or the token was not checked.
    NotFound,
    /// The token is missing or wrong.
    Unauthorized,
    /// A forwarding header came from a proxy that is not trusted.
    Attribution,
    /// A web page: OpenClaw's control UI, or another server's.
    WebPage,
    /// It is starting, draining or suspended.
    Draining,
    /// It refuses after too many wrong tokens.
    LockedOut,
    /// The body is larger than it accepts.
    TooLarge,
    /// It accepted the request, with this status.
    Accepted(u16),
    /// Another status.
    Other(u16),
    /// The answer is not HTTP, or it closed the connection.
    NotHttp,
    /// It did not answer in time.
    Silent,
}

impl Meaning {
    pub(crate) fn of(reply: &Reply) -> Self {
        let answer = match reply {
            Reply::Http(answer) => answer,
            Reply::Other(_) | Reply::Closed => return Self::NotHttp,
            Reply::Silence => return Self::Silent,
        };
        let suspicion = match Misconfiguration::of_head(answer.status, &answer.headers) {
            Ok(suspicion) => suspicion,
            Err(forbidden) => forbidden.of_body(&answer.body),
        };
        match suspicion {
            Some(Misconfiguration::ProxyAttribution) => return Self::Attribution,
            Some(Misconfiguration::Unauthorized) => return Self::Unauthorized,
            Some(Misconfiguration::BodyLimit) => return Self::TooLarge,
            Some(Misconfiguration::WebPage) => return Self::WebPage,
            None => {}
        }
        match answer.status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::SERVICE_UNAVAILABLE => Self::Draining,
            StatusCode::TOO_MANY_REQUESTS => Self::LockedOut,
            status if status.is_success() => Self::Accepted(status.as_u16()),
            status => Self::Other(status.as_u16()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::doctor::probe::Answer;

    #[test]
    fn answers_of_openclaw_are_told_apart() {
        let of = |status: u16, kind: &str, body: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", kind.parse().unwrap());
            let status = StatusCode::from_u16(status).unwrap();
            Meaning::of(&Reply::Http(Answer { status, headers, body: body.into() }))
        };
        assert_eq!(of(404, "text/plain", "Not Found"), Meaning::NotFound);
        assert_eq!(of(404, "text/html", "<html>"), Meaning::WebPage);
        assert_eq!(of(401, "text/plain", "Unauthorized"), Meaning::Unauthorized);
        let attribution = r#"{"error":{"type":"proxy_attribution_required"}}"#;
        assert_eq!(of(403, "application/json", attribution), Meaning::Attribution);
        assert_eq!(of(403, "application/json", "{}"), Meaning::Other(403));
        assert_eq!(of(503, "application/json", "{}"), Meaning::Draining);
        assert_eq!(of(204, "text/plain", ""), Meaning::Accepted(204));
        assert_eq!(Meaning::of(&Reply::Closed), Meaning::NotHttp);
    }
}
