//! Where the sender's id of an event is: `route.inbox.id`.

use super::super::resolver::Resolver;
use crate::config::keys::{self, inbox};
use crate::config::layers::{Layer, Sourced};
use crate::config::problem::Found;
use crate::signature::{Part, Source, Template};

/// Where the id is, if the route says so. `is_verified`: whether the route verifies signatures.
pub(super) fn of_route(
    r: &mut Resolver<'_>,
    table: &Layer,
    is_verified: bool,
) -> Found<Option<Template>> {
    let Some(Sourced { value: id, origin }) = r.optional_in(table, &inbox::ID)? else { return Ok(None) };
    let mut refuse = |what: &str, hint: &str| r.report.problem(&origin, what, hint);
    let of_signatures = |source: &Source| matches!(source, Source::Field(_));
    let is_credential = |source: &Source| matches!(source, Source::Bearer | Source::Basic);
    if id.sources().next().is_none() {
        refuse("names no place that differs from event to event", "write e.g. header:idempotency-key");
    } else if id.has(&Part::Id) || id.has(&Part::Body) {
        refuse("has {id} or {body}, which are no ids", "name the place, e.g. body:/event/id");
    } else if id.sources().any(|source| matches!(source, Source::Headers(_))) {
        refuse("has the names of several headers", "name one header, without a star");
    } else if id.sources().any(is_credential) {
        refuse("has a credential, which is never stored", "write e.g. header:idempotency-key");
    } else if !is_verified && (id.has(&Part::Timestamp) || id.sources().any(of_signatures)) {
        let what = "has a part of a signature, and this route verifies none";
        refuse(what, "write e.g. header:idempotency-key or body:/event/id");
    }
    if id.has(&Part::Url) && !r.sources.layers.sets(&keys::PUBLIC_URL) {
        let hint = format!("set {}, or use {{path}}", keys::PUBLIC_URL.ways());
        r.report.problem(&origin, "has {url}, and clawgate does not know its URL", hint);
    }
    Ok(Some(id))
}
