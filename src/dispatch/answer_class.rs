//! What an upstream's answer, or the lack of one, means for an event and for the others.
//!
//! Three kinds of failure are told apart, since each needs another action: the upstream is down, so that all wait;
//! clawgate or the upstream is misconfigured, so that the events of a route wait until somebody corrects it; this one event
//! cannot be delivered, so that it is given up.

use http::{HeaderMap, StatusCode};

use crate::telemetry::metrics::AttemptClass;
use crate::upstream::{Misconfiguration, UpstreamError};

/// What OpenClaw's answer 409 says when its settings changed during the request.
const CONFIGURATION_CHANGED: &[u8] = b"hook configuration changed";

/// What must be known of a route to understand an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct RouteKind {
    /// Whether it is for one path.
    pub(super) is_exact: bool,
    /// Whether the upstream gets the sender's own credentials.
    pub(super) passes_authorization: bool,
}

/// What an answer with this head and beginning of a body means. The second value is a known misconfiguration that it shows.
pub(super) fn of_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    route: RouteKind,
) -> (AttemptClass, Option<Misconfiguration>) {
    let problem = match Misconfiguration::of_head(status, headers) {
        Ok(problem) => problem,
        Err(forbidden) => forbidden.of_body(body),
    };
    (class(status, body, route, problem), problem)
}

fn class(
    status: StatusCode,
    body: &[u8],
    route: RouteKind,
    problem: Option<Misconfiguration>,
) -> AttemptClass {
    match status.as_u16() {
        200..=299 => AttemptClass::Delivered,
        502..=504 => AttemptClass::Down,
        429 => AttemptClass::RateLimited,
        409 if contains(body, CONFIGURATION_CHANGED) => AttemptClass::ConfigurationChanged,
        409 => AttemptClass::Conflict,
        // The upstream got the request too slowly, or too early: what it has done is unknown.
        408 | 425 => AttemptClass::NoAnswer,
        // Otherwise one sender with a wrong token could stop the events of all. clawgate's headers are not the sender's.
        401 | 403
            if route.passes_authorization && problem != Some(Misconfiguration::ProxyAttribution) =>
        {
            AttemptClass::SenderCredentials
        }
        401 | 403 | 405 | 407 | 421 => AttemptClass::Misconfigured,
        404 | 410 => wrong_place(route),
        400 | 411 | 413 | 414 | 415 | 422 | 431 => AttemptClass::Rejected,
        100..=199 | 300..=399 => wrong_place(route),
        _ => AttemptClass::Failed,
    }
}

/// What it means that no answer came.
pub(super) fn of_error(error: &UpstreamError, route: RouteKind) -> AttemptClass {
    match error {
        UpstreamError::Unavailable(_) | UpstreamError::Address(_) | UpstreamError::ConnectTimeout(_) => {
            AttemptClass::Down
        }
        UpstreamError::Busy(_) | UpstreamError::ShareBusy(_) => AttemptClass::Busy,
        UpstreamError::Timeout(_)
        | UpstreamError::Closed(_)
        | UpstreamError::Protocol(_)
        | UpstreamError::Framing(_)
        | UpstreamError::Body(_) => AttemptClass::NoAnswer,
        UpstreamError::Upgraded => wrong_place(route),
    }
}

/// Whether the upstream may be down, though it may also have done what the request asks for. Then the others wait as if it were,
/// while this event gets a wait of its own: if it is the cause, it does not hold up the others again and again.
pub(super) fn may_be_down(error: &UpstreamError) -> bool {
    matches!(error, UpstreamError::Closed(_) | UpstreamError::Protocol(_) | UpstreamError::Framing(_))
}

/// The upstream does not know the path, or is another server. For a route with one path that is a fault of the settings; below a
/// prefix the sender chose the path.
fn wrong_place(route: RouteKind) -> AttemptClass {
    if route.is_exact { AttemptClass::Misconfigured } else { AttemptClass::UnknownPath }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(body, text).is_some()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;

    const EXACT: RouteKind = RouteKind { is_exact: true, passes_authorization: false };
    const PREFIX: RouteKind = RouteKind { is_exact: false, passes_authorization: false };
    const OWN_TOKEN: RouteKind = RouteKind { is_exact: true, passes_authorization: true };

    fn answer(status: u16, body: &str, route: RouteKind) -> AttemptClass {
        let status = StatusCode::from_u16(status).unwrap();
        of_answer(status, &HeaderMap::new(), body.as_bytes(), route).0
    }

    fn all(statuses: &[u16], route: RouteKind) -> Vec<AttemptClass> {
        statuses.iter().map(|status| answer(*status, "", route)).collect()
    }

    #[test]
    fn a_success_is_delivered() {
        assert_eq!(all(&[200, 201, 202, 204, 299], PREFIX), [AttemptClass::Delivered; 5]);
    }

    #[test]
    fn a_refused_or_slow_connection_shows_that_the_upstream_is_down() {
        let refused = UpstreamError::Unavailable(io::Error::from(io::ErrorKind::ConnectionRefused));
        let slow = UpstreamError::ConnectTimeout(Duration::from_secs(1));
        assert_eq!([refused, slow].map(|error| of_error(&error, EXACT)), [AttemptClass::Down; 2]);
    }

    #[test]
    fn a_gateways_error_shows_that_the_upstream_is_down() {
        assert_eq!(all(&[502, 503, 504], EXACT), [AttemptClass::Down; 3]);
    }

    #[test]
    fn too_many_requests_limit_the_route() {
        assert_eq!(answer(429, "", EXACT), AttemptClass::RateLimited);
    }

    #[test]
    fn a_changed_configuration_is_told_from_other_conflicts_by_its_text() {
        let changed = r#"{"ok":false,"error":"hook configuration changed; retry request"}"#;
        assert_eq!(answer(409, changed, EXACT), AttemptClass::ConfigurationChanged);
        let conflict = r#"{"ok":false,"error":"session is busy"}"#;
        assert_eq!(answer(409, conflict, EXACT), AttemptClass::Conflict);
    }

    #[test]
    fn what_a_request_without_an_answer_has_done_is_unknown() {
        let slow = UpstreamError::Timeout(Duration::from_secs(1));
        assert_eq!(of_error(&slow, EXACT), AttemptClass::NoAnswer);
        assert!(!may_be_down(&slow));
    }

    #[test]
    fn refused_credentials_of_clawgate_show_a_misconfiguration() {
        assert_eq!(all(&[401, 403, 405], PREFIX), [AttemptClass::Misconfigured; 3]);
    }

    #[test]
    fn an_unknown_path_is_the_settings_fault_at_an_exact_route_and_the_senders_below_a_prefix() {
        assert_eq!(answer(404, "", EXACT), AttemptClass::Misconfigured);
        assert_eq!(answer(404, "", PREFIX), AttemptClass::UnknownPath);
    }

    #[test]
    fn refused_credentials_of_the_sender_are_the_senders_fault() {
        assert_eq!(all(&[401, 403], OWN_TOKEN), [AttemptClass::SenderCredentials; 2]);
    }

    #[test]
    fn refused_headers_of_clawgate_are_not_the_senders_fault() {
        let body = r#"{"error":{"type":"proxy_attribution_required"}}"#;
        assert_eq!(answer(403, body, OWN_TOKEN), AttemptClass::Misconfigured);
    }

    #[test]
    fn a_refused_message_is_this_message() {
        assert_eq!(all(&[400, 411, 413, 415, 422, 431], EXACT), [AttemptClass::Rejected; 6]);
    }

    #[test]
    fn an_internal_error_and_what_no_other_row_knows_is_a_failure() {
        assert_eq!(all(&[500, 501, 418, 451, 599], EXACT), [AttemptClass::Failed; 5]);
    }

    #[test]
    fn a_redirect_or_an_upgrade_is_as_an_unknown_path() {
        assert_eq!(all(&[301, 302, 304, 307, 308], EXACT), [AttemptClass::Misconfigured; 5]);
        assert_eq!(answer(302, "", PREFIX), AttemptClass::UnknownPath);
        assert_eq!(of_error(&UpstreamError::Upgraded, EXACT), AttemptClass::Misconfigured);
        assert_eq!(of_error(&UpstreamError::Upgraded, PREFIX), AttemptClass::UnknownPath);
    }

    #[test]
    fn clawgates_own_limit_says_nothing_about_the_upstream() {
        assert_eq!(of_error(&UpstreamError::Busy(4), EXACT), AttemptClass::Busy);
    }
}
