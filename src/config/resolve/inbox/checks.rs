//! What has to fit together for events to be stored and delivered.

use std::time::Duration;

use http::Method;

use super::super::resolver::Resolver;
use super::route::StoredEvents;
use crate::config::keys::inbox;
use crate::config::problem::Found;
use crate::config::settings::UpstreamSettings;
use crate::config::units::format_size;
use crate::inbox::InboxSettings;
use crate::route::{Methods, PathPattern};
use crate::upstream::Target;

/// The largest body of a stored event: it is held in memory, and SQLite has a limit of its own (1,000,000,000 bytes).
const LARGEST_BODY: u64 = 64 << 20;

/// A route whose events are stored, as far as it can be read.
pub(in super::super) struct StoringRoute<'a> {
    pub(in super::super) path: &'a PathPattern,
    pub(in super::super) methods: &'a Methods,
    pub(in super::super) max_body: u64,
    pub(in super::super) upstream: &'a UpstreamSettings,
    pub(in super::super) stored: &'a StoredEvents,
}

/// Checks each route, and all of them together.
pub(in super::super) fn check(r: &mut Resolver<'_>, routes: &[StoringRoute<'_>]) {
    for (at, route) in routes.iter().enumerate() {
        check_credentials(r, route);
        check_upstream(r, route);
        check_body(r, route);
        check_concurrency(r, route);
        warn_of_questions(r, route);
        if let Some(other) = routes[..at].iter().find(|other| other.path == route.path) {
            let what = format!(
                "stores events of `{}`, and so does {}: a stored event is known by the path of its route alone",
                route.path, other.stored.origin
            );
            r.report.problem(&route.stored.origin, what, "make them one route with all methods");
        }
    }
}

/// What the sender sends to authenticate itself at the upstream is gone when the event is delivered, unless it is stored.
fn check_credentials(r: &mut Resolver<'_>, route: &StoringRoute<'_>) {
    let StoringRoute { upstream, stored, .. } = route;
    if upstream.token.is_none() && upstream.target != Target::Echo && !stored.says_authorization {
        let what = "stores requests without the sender's Authorization, and the upstream gets no token in its place";
        let hint = "give the route a token_file; or set store_authorization in [route.inbox]: true stores the \
                    sender's credentials in the database, false delivers without any";
        r.report.problem(&stored.origin, what, hint);
    }
}

/// A PROXY header stands for the client's connection.
fn check_upstream(r: &mut Resolver<'_>, route: &StoringRoute<'_>) {
    if route.upstream.forwarding.proxy_protocol {
        let what = "delivers when the client's connection may be gone, and upstream.proxy_protocol tells the \
                    upstream about that connection";
        let hint = "use delivery = \"direct\" on this route, or set upstream.proxy_protocol to `off`";
        r.report.problem(&route.stored.origin, what, hint);
    }
}

fn check_body(r: &mut Resolver<'_>, route: &StoringRoute<'_>) {
    if route.max_body > LARGEST_BODY {
        let what = format!(
            "stores requests with bodies up to {}; more than {} cannot be stored",
            format_size(route.max_body),
            format_size(LARGEST_BODY)
        );
        r.report.problem(&route.stored.origin, what, "lower limits.body of this route");
    }
}

/// More deliveries than connections would wait for each other, and for nothing in the end.
fn check_concurrency(r: &mut Resolver<'_>, route: &StoringRoute<'_>) {
    let StoringRoute { upstream, stored, .. } = route;
    if stored.settings.concurrency > upstream.connections {
        let what = format!(
            "delivers {} events at the same time, but limits.upstream_connections is {}",
            stored.settings.concurrency, upstream.connections
        );
        r.report.problem(&stored.origin, what, "lower concurrency in [route.inbox]");
    }
}

/// Whoever sends GET wants an answer.
fn warn_of_questions(r: &mut Resolver<'_>, route: &StoringRoute<'_>) {
    let questions = [Method::GET, Method::HEAD, Method::OPTIONS];
    let open: Vec<_> =
        questions.iter().filter(|method| route.methods.contains(method)).map(Method::as_str).collect();
    if !open.is_empty() {
        let what = format!(
            "stores requests with {}, too, whose senders want the upstream's own answer",
            open.join(", ")
        );
        let hint =
            "open these methods in a route of their own with the same path and delivery = \"direct\"";
        r.report.warning(&route.stored.origin, what, hint);
    }
}

/// Checks that the inbox has room for the routes' bodies, and remembers events long enough.
pub(super) fn check_room(r: &mut Resolver<'_>, settings: &InboxSettings, routes: &[(u64, Duration)]) {
    let largest = routes.iter().map(|(body, _)| *body).max().unwrap_or_default();
    if settings.max_bytes < 2 * largest {
        let origin = r.origin_or_default(&inbox::MAX_BYTES);
        let what = format!(
            "is {}, but one body may have {}: the database needs at least twice as much",
            format_size(settings.max_bytes),
            format_size(largest)
        );
        r.report.problem(&origin, what, "raise it, or lower limits.body of the routes");
    }
    let longest = routes.iter().map(|(_, give_up)| *give_up).max().unwrap_or_default();
    if settings.retain < longest {
        let origin = r.origin_or_default(&inbox::RETAIN);
        let what = "is shorter than give_up_after of a route: an event may still wait when it is no longer \
                    remembered, and is delivered twice if it then comes again";
        r.report.warning(&origin, what, "make it at least as long as give_up_after");
    }
}

/// Checks the times between two tries.
pub(super) fn check_retries(r: &mut Resolver<'_>, settings: &InboxSettings) -> Found<()> {
    if settings.retry_first > settings.retry_max {
        let origin = r.origin(&inbox::RETRY_FIRST).or_else(|| r.origin(&inbox::RETRY_MAX));
        let origin = origin.unwrap_or_else(|| r.origin_or_default(&inbox::RETRY_FIRST));
        let what = "does not fit: inbox.retry_first is longer than inbox.retry_max";
        return Err(r.report.problem(&origin, what, "shorten retry_first, or make retry_max longer"));
    }
    Ok(())
}
