//! What clients must show to use a route, and whether they can reach it.

use super::resolver::Resolver;
use crate::config::keys;
use crate::config::layers::{Layer, Sourced};
use crate::config::problem::Found;
use crate::config::settings::RouteSettings;
use crate::route::Authenticate;

/// What clients must show to use the route of `table`.
pub(super) fn of_route(r: &mut Resolver<'_>, table: &Layer) -> Found<Authenticate> {
    let own = r.optional_in(table, &keys::ROUTE_AUTHENTICATE)?;
    let Some(Sourced { value: authenticate, origin }) = own else {
        return Ok(Authenticate::Certificate);
    };
    if authenticate.admits_without_certificate() && !r.sources.layers.sets(&keys::SIGNED_ADDRESS) {
        let what = format!(
            "is `{}`, but there is no listener for clients without a certificate",
            authenticate.as_str()
        );
        let hint = format!("name an address for it with {}, or use `both`", keys::SIGNED_ADDRESS.ways());
        r.report.problem(&origin, what, hint);
    }
    Ok(authenticate)
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
