//! Whether a route may take something out of bodies, and ever does.

use super::super::resolver::Resolver;
use super::RouteShaping;
use crate::config::problem::Origin;
use crate::config::settings::UpstreamSettings;
use crate::config::units::format_size;
use crate::route::PathPattern;
use crate::upstream::Target;

/// Where OpenClaw has its hooks (`hooks.path`). Senders authenticate themselves there with a token, and never with a signature.
const HOOKS: &str = "/hooks/";

/// Paths of OpenClaw's plugins that verify a signature over the body themselves, where their settings name no other.
const VERIFYING: [&str; 4] =
    ["/slack/events", "/line/webhook", "/webhooks/sms", "/mattermost/interactions"];

/// A route that takes something out of bodies, as far as it can be read.
pub(in super::super) struct ShapingRoute<'a> {
    pub(in super::super) path: &'a PathPattern,
    pub(in super::super) max_body: u64,
    pub(in super::super) upstream: &'a UpstreamSettings,
    /// Whether clawgate verifies the signatures of its requests.
    pub(in super::super) is_verified: bool,
    /// Whether the route names the token that its upstream gets.
    pub(in super::super) has_own_token: bool,
    /// Whether it goes to the upstream that all routes have.
    pub(in super::super) is_to_openclaw: bool,
    pub(in super::super) shaping: &'a RouteShaping,
}

/// Checks one route.
pub(in super::super) fn check(r: &mut Resolver<'_>, route: &ShapingRoute<'_>) {
    if !check_plugin(r, route) {
        check_upstream(r, route);
    }
    warn_of_no_effect(r, route);
}

/// Refuses the known paths where the upstream verifies a signature, whatever else the route says. Returns whether it is one.
fn check_plugin(r: &mut Resolver<'_>, route: &ShapingRoute<'_>) -> bool {
    let path = route.path.shared();
    let is_known = |known: &str| {
        let below = path.strip_prefix(known);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    };
    let is_plugin = route.is_to_openclaw && VERIFYING.into_iter().any(is_known);
    if is_plugin {
        let what = format!(
            "changes bodies, and the plugin of OpenClaw at `{path}` verifies the sender's signature over the body as it was sent"
        );
        let hint = "remove [route.shape]; what a plugin receives cannot be shaped";
        r.report.problem(&route.shaping.origin, what, hint);
    }
    is_plugin
}

/// If neither clawgate verifies the signature nor a token of the route authenticates its requests, then what authenticates them
/// at the upstream comes from the sender, and may be a signature over the body.
fn check_upstream(r: &mut Resolver<'_>, route: &ShapingRoute<'_>) {
    let is_hook = route.is_to_openclaw && route.path.shared().starts_with(HOOKS);
    let is_echo = route.upstream.target == Target::Echo;
    if is_hook || is_echo || route.is_verified || route.has_own_token {
        return;
    }
    let what = format!(
        "changes bodies, and the upstream may verify the sender's signature over the body itself: `{}` is no \
         path below {HOOKS} of upstream.url, and has no [route.verify] and no token of its own",
        route.path
    );
    let hint = "add [route.verify], so that clawgate verifies the signature; or give the route a token_file, if that is what \
                the upstream authenticates requests by; or remove [route.shape]";
    r.report.problem(&route.shaping.origin, what, hint);
}

fn warn_of_no_effect(r: &mut Resolver<'_>, route: &ShapingRoute<'_>) {
    let Some(when_larger) = route.shaping.settings.rules.when_larger else { return };
    let when_larger = when_larger as u64;
    if route.max_body <= when_larger {
        let what = format!(
            "never takes anything out of bodies larger than {}, because limits.body of `{}` refuses more than {}",
            format_size(when_larger),
            route.path,
            format_size(route.max_body)
        );
        let hint = "raise limits.body of the route to the largest body that the sender sends, or lower when_larger";
        r.report.warning(&origin(route), what, hint);
    }
}

fn origin(route: &ShapingRoute<'_>) -> Origin {
    route.shaping.when_larger.clone().unwrap_or_else(|| route.shaping.origin.clone())
}
