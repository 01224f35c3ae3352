//! `relay` of a `[[route]]`.

use std::sync::Arc;

use super::super::resolver::Resolver;
use crate::config::key::Key;
use crate::config::keys::{self, inbox, relay};
use crate::config::layers::{Layer, List};
use crate::config::problem::Found;

/// The target that gets the requests of a route in place of an upstream, if it names one.
pub(in super::super) fn of_route(r: &mut Resolver<'_>, table: &Layer) -> Found<Option<Arc<str>>> {
    let Some(name) = r.optional_in(table, &relay::ROUTE)? else { return Ok(None) };
    let of_upstream: [&Key; 6] = [
        &keys::ROUTE_UPSTREAM,
        &keys::ROUTE_TOKEN,
        &keys::ROUTE_TOKEN_FILE,
        &keys::ROUTE_INJECT_TOKEN,
        &keys::ROUTE_IDENTITY,
        &inbox::DELIVERY,
    ];
    let unused = of_upstream.into_iter().chain(keys::in_section(inbox::ROUTE_SECTION));
    for origin in unused.filter_map(|key| table.get(key).and_then(List::origin)) {
        let what =
            format!("is about an upstream, and this route's requests go to the target `{}`", name.value);
        let hint = "remove it, and write what you need into [[relay.target]]; or remove relay";
        r.report.problem(origin, what, hint);
    }
    Ok(Some(name.value.into()))
}
