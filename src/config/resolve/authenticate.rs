//! What clients must show to use a route, and whether they can reach it.

use super::resolver::Resolver;
use super::verify;
use crate::config::key::Key;
use crate::config::keys;
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::Found;
use crate::config::settings::RouteSettings;
use crate::policy::Authenticate;

/// What clients must show to use the route of `table`.
pub(super) fn of_route(r: &mut Resolver<'_>, table: &Layer) -> Found<Authenticate> {
    let is_verified = verify::is_set(table);
    let own = r.optional_in(table, &keys::ROUTE_AUTHENTICATE)?;
    let Some(Sourced { value: authenticate, origin }) = own else {
        return Ok(if is_verified { Authenticate::Both } else { Authenticate::Certificate });
    };
    if r.sources.clients_with.is_some() {
        return Ok(authenticate);
    }
    let word = authenticate.as_str();
    if authenticate == Authenticate::Certificate && is_verified {
        let what = "is `certificate`, but there is a [route.verify], which would have no effect";
        r.report.problem(&origin, what, "use `both`, or remove [route.verify]");
    }
    if authenticate != Authenticate::Certificate && !is_verified && r.sources.torn.is_none() {
        let what =
            format!("is `{word}`, but there is no [route.verify] that says how to verify signatures");
        let hint = "add [route.verify] with scheme and secret_file below the keys of the route";
        r.report.problem(&origin, what, hint);
    }
    if !authenticate.admits_certificates() {
        check_no_rules(r, table);
    }
    if authenticate.admits_without_certificate() && !r.sources.layers.sets(&keys::SIGNED_ADDRESS) {
        let what = format!("is `{word}`, but there is no listener for clients without a certificate");
        let hint = format!("name an address for it with {}, or use `both`", keys::SIGNED_ADDRESS.ways());
        r.report.problem(&origin, what, hint);
    }
    Ok(authenticate)
}

/// Rules are about certificates. Somebody who writes them believes that they restrict who may use the route.
fn check_no_rules(r: &mut Resolver<'_>, table: &Layer) {
    let rules: [&Key; 3] = [&keys::ROUTE_ALLOW, &keys::ROUTE_DENY, &keys::ROUTE_AUDIT];
    for key in rules {
        if let Some(origin) = table.get(key).and_then(List::origin) {
            let what = "is about client certificates, and clients of this route need none";
            r.report.problem(origin, what, "use authenticate = \"both\" or \"either\", or remove this");
        }
    }
}

/// Nothing is open on a signed address without such a route.
pub(super) fn warn_of_unused_address(r: &mut Resolver<'_>, routes: &[RouteSettings]) {
    let is_used = routes.iter().any(|route| route.authenticate.admits_without_certificate());
    if let Some(origin) = r.origin(&keys::SIGNED_ADDRESS).filter(|_| !is_used) {
        let what = "answers every request with 404: no route is open to clients without a certificate";
        let hint = "give a [[route]] a [route.verify] and authenticate = \"signature\" or \"either\", or remove \
                    the address";
        r.report.warning(&origin, what, hint);
    }
}
