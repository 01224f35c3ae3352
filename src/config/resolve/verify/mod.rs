//! How routes verify signatures: `[route.verify]`.

mod challenge;
mod key_files;
mod scheme;
mod shared_secrets;

use std::sync::Arc;

use http::StatusCode;

use super::resolver::Resolver;
use crate::config::keys::{self, verify};
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::config::verify::VerifySettings;
use crate::signature::{Method, ReplayBy, Scheme, Verifier};

pub(super) use self::shared_secrets::{VerifyingRoute, warn_of_shared_secrets};

/// How one route verifies signatures.
pub(super) struct RouteVerify {
    pub(super) settings: Arc<VerifySettings>,
    /// Where each of the key files was named.
    origins: Vec<Origin>,
}

impl RouteVerify {
    /// The status that the sender asks for, if it asks for one.
    pub(super) fn success_status(&self) -> Option<StatusCode> {
        self.settings.verifier.scheme().preset().success_status
    }
}

/// Whether a route has `[route.verify]`.
pub(super) fn is_set(table: &Layer) -> bool {
    keys::in_section(verify::SECTION).any(|key| table.get(key).is_some())
}

/// Where the first key of `[route.verify]` is; that of the scheme, if it is set.
fn first_key(table: &Layer) -> Option<&Origin> {
    keys::in_section(verify::SECTION).find_map(|key| table.get(key)?.origin())
}

/// How the route of `table` verifies signatures. Clients' certificates are checked without it.
pub(super) fn of_route(r: &mut Resolver<'_>, table: &Layer) -> Found<Option<RouteVerify>> {
    let Some(origin) = first_key(table).filter(|_| r.sources.clients_with.is_none()) else {
        return Ok(None);
    };
    let audit = audit(r, table);
    let files = key_files::read(r, table);
    let scheme = scheme::of_table(r, table, origin)?;
    check_scheme(r, table, &scheme, origin);
    let challenge = challenge::of_table(r, table, &scheme, origin);
    let keys = key_files::keys(r, table, files?, &scheme, origin)?;

    let status = r.optional_in(table, &verify::STATUS)?;
    let status = status.map_or(scheme.success_status(), |own| own.value);
    let (files, keys): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    let verifier = Verifier::new(scheme, keys)
        .map_err(|error| r.report.problem(origin, error.to_string(), "name from 1 to 16 files"))?;
    let (key_files, origins) =
        files.into_iter().map(|Sourced { value, origin }| (value, origin)).unzip();
    let (challenge, audit) = (challenge?, audit?);
    let verifier = Arc::new(verifier);
    let settings = Arc::new(VerifySettings { verifier, key_files, challenge, audit, status });
    Ok(Some(RouteVerify { settings, origins }))
}

/// In the settings, audit mode looks like a check that holds, so this is a warning each time.
fn audit(r: &mut Resolver<'_>, table: &Layer) -> Found<bool> {
    let Some(Sourced { value: true, origin }) = r.optional_in(table, &verify::AUDIT)? else {
        return Ok(false);
    };
    let who = match r.optional_in(table, &keys::ROUTE_AUTHENTICATE)? {
        Some(own) if own.value.admits_without_certificate() => "of anybody",
        _ => "of every client that the rules allow",
    };
    let what =
        format!("AUDIT ONLY: requests {who} are let in without a valid signature, and only logged");
    r.report.warning(&origin, what, "set it to false when the signatures are valid");
    Ok(true)
}

/// Checks what a scheme needs besides its own keys, and warns of what it leaves open.
fn check_scheme(r: &mut Resolver<'_>, table: &Layer, scheme: &Scheme, origin: &Origin) {
    if scheme.needs_public_url() && !r.sources.layers.sets(&keys::PUBLIC_URL) {
        let what = format!("`{}` signs the URL, and clawgate does not know it", scheme.name());
        let hint = format!(
            "set {} to the scheme, host and port that the webhook sender calls",
            keys::PUBLIC_URL.ways()
        );
        r.report.problem(origin, what, hint);
    }
    if scheme.method() == Method::Token {
        return;
    }
    let covered = scheme.coverage();
    if !covered.body {
        let what = format!(
            "`{}` does not sign the body: whoever has seen one request can send another body with its signature",
            scheme.name()
        );
        let hint = "use authenticate = \"both\" if the webhook sender can present a client certificate";
        r.report.warning(origin, what, hint);
    }
    if let Some(origin) = table.get(&verify::REPLAY).and_then(List::origin)
        && scheme.replay() == ReplayBy::Id
        && !covered.id
    {
        let what = "is `id`, but the signature does not cover the id: whoever has seen one request can send it \
                    again with another id";
        r.report.warning(origin, what, "use `signature`");
    }
}
