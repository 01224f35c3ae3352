//! What the operator can do about a route whose events are paused.

use super::attempt::Tried;
use super::route::Destination;
use super::seen::Cause;
use crate::telemetry::metrics::AttemptClass;

/// The hint for a try that pauses its route.
pub(super) fn misconfigured_hint(tried: &Tried) -> String {
    match (tried.seen.cause, &tried.route().destination) {
        (Cause::Target(hint), _) => hint.to_owned(),
        _ if tried.seen.class == AttemptClass::RateLimited => RATE_LIMITED.to_owned(),
        (Cause::Known(problem), Destination::Upstream(route)) => {
            route.upstream.misconfiguration_log.hint(problem)
        }
        _ => of_status(tried.attempt.status).to_owned(),
    }
}

const RATE_LIMITED: &str = "the upstream gets more requests than it accepts, from whomever: lower concurrency in [route.inbox], or \
                            raise the upstream's limit; OpenClaw also answers so after 20 wrong tokens in a minute";

fn of_status(status: Option<u16>) -> &'static str {
    match status {
        Some(403) => {
            "the upstream refuses clawgate: look at its log for the reason, and whether it expects a token (--hook-token-file)"
        }
        Some(404 | 410) => {
            "the upstream does not have the path of this route: check the route's path, that hooks are on in OpenClaw \
             (hooks.enabled), hooks.path, and that the hook's mapping is there"
        }
        Some(405) => {
            "the upstream does not take this method at the path of this route: allow in methods what the upstream takes (OpenClaw: \
             POST), and check the path"
        }
        Some(300..=399) => {
            "the upstream answers with a redirect, which clawgate does not follow: set upstream.url to the address that it \
             redirects to, if that is the right server"
        }
        None | Some(100..=199) => {
            "the upstream switched to another protocol: check that upstream.url is the gateway's port and that the route's path is \
             a hook"
        }
        Some(_) => "check upstream.url and the route's path, and look at the upstream's log",
    }
}
