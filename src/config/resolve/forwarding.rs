//! What upstreams learn about the client.

use super::resolver::Resolver;
use crate::config::keys;
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::{Found, Origin, Report};
use crate::config::values::ProxyHeader;
use crate::upstream::{Forms, Forwarded, Forwarding, IdentityForm, Target};

/// What `[upstream]` says of it, for all routes.
pub(super) struct Shared {
    identity: Found<Sourced<Forms>>,
    forwarded: Found<Sourced<Forwarded>>,
    proxy_protocol: Found<Sourced<ProxyHeader>>,
}

impl Shared {
    pub(super) fn new(r: &mut Resolver<'_>) -> Self {
        Self {
            identity: forms(r.list(&keys::IDENTITY)),
            forwarded: r.sourced(&keys::FORWARDED),
            proxy_protocol: r.sourced(&keys::PROXY_PROTOCOL),
        }
    }

    /// What `target` learns, the upstream of a route with the keys of `table`.
    pub(super) fn for_route(
        &self,
        r: &mut Resolver<'_>,
        table: Option<&Layer>,
        target: Found<&Target>,
    ) -> Found<Forwarding> {
        let own = table.and_then(|table| r.list_in(table, &keys::ROUTE_IDENTITY)).map(forms);
        let identity = own.unwrap_or_else(|| self.identity.clone())?;
        let (forwarded, proxy_protocol) = (self.forwarded.clone()?, self.proxy_protocol.clone()?);
        if *target? != Target::Echo {
            warn_of_openclaw(&identity, &forwarded, &proxy_protocol, &mut r.report);
        }
        Ok(Forwarding {
            identity: identity.value,
            forwarded: forwarded.value,
            proxy_protocol: proxy_protocol.value.0,
        })
    }
}

/// The set, from where its first form was named.
fn forms(list: List<IdentityForm>) -> Found<Sourced<Forms>> {
    let origin = list.origin().cloned().unwrap_or(Origin::Default(keys::IDENTITY.toml));
    Ok(Sourced { value: list.all_values()?.into_iter().collect(), origin })
}

/// OpenClaw takes forwarding headers from proxies that it knows only, and not all of them.
fn warn_of_openclaw(
    identity: &Sourced<Forms>,
    forwarded: &Sourced<Forwarded>,
    proxy_protocol: &Sourced<ProxyHeader>,
    report: &mut Report,
) {
    match forwarded.value {
        Forwarded::Off => {}
        Forwarded::XForwarded => report.warning(
            &forwarded.origin,
            "OpenClaw answers 403 (proxy_attribution_required) to forwarding headers of a proxy that it does not know",
            "set gateway.trustedProxies: [\"127.0.0.1\"] in OpenClaw (clawgate's address as OpenClaw sees it), unless \
             the upstream is not OpenClaw",
        ),
        Forwarded::Rfc7239 => report.warning(
            &forwarded.origin,
            "OpenClaw answers 403 (proxy_attribution_required) to `Forwarded` of any proxy",
            "use x-forwarded, unless the upstream is not OpenClaw",
        ),
    }
    if proxy_protocol.value.0 {
        report.warning(
            &proxy_protocol.origin,
            "OpenClaw does not know the PROXY header, and answers 400 to each request behind one",
            "remove it, unless the upstream is not OpenClaw",
        );
    }
    if identity.value.contains(IdentityForm::Xfcc) {
        report.warning(
            &identity.origin,
            "OpenClaw takes X-Forwarded-Client-Cert for a forwarding header, and answers 403 to it where \
             X-Forwarded-For is missing, or the proxy is not known to it",
            "use client-cert, which OpenClaw ignores, unless the upstream is not OpenClaw",
        );
    }
    if identity.value.contains(IdentityForm::ClientCertChain)
        && !identity.value.contains(IdentityForm::ClientCert)
    {
        report.warning(
            &identity.origin,
            "has client-cert-chain without client-cert: the chain has no leaf (RFC 9440 section 2.3)",
            "add client-cert",
        );
    }
}
