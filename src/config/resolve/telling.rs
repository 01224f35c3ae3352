//! What upstreams are told of senders.

use super::Resolver;
use crate::config::keys;
use crate::config::layers::{Layer, Sourced};
use crate::config::problem::{Origin, Report};
use crate::config::settings::UpstreamSettings;
use crate::config::values::{self, read_all};
use crate::upstream::{Forms, Forwarded, IdentityForm, Target, Telling};

/// What `[upstream]` says of it, for all routes.
pub(super) struct Told {
    identity: Sourced<Forms>,
    forwarded: Sourced<Forwarded>,
    proxy_protocol: Sourced<bool>,
}

impl Resolver<'_> {
    pub(super) fn told(&mut self) -> Told {
        let identity = self.many(&keys::IDENTITY, values::identity_form);
        let forwarded = self.one(&keys::FORWARDED, values::forwarded);
        let proxy_protocol = self.one(&keys::PROXY_PROTOCOL, values::proxy_protocol);
        let unset = |toml| Origin::Default(toml);
        Told {
            identity: forms(identity).unwrap_or_else(|| Sourced {
                value: Forms::default(),
                origin: unset(keys::IDENTITY.toml),
            }),
            forwarded: forwarded.unwrap_or_else(|| Sourced {
                value: Forwarded::Off,
                origin: unset(keys::FORWARDED.toml),
            }),
            proxy_protocol: proxy_protocol
                .unwrap_or_else(|| Sourced { value: false, origin: unset(keys::PROXY_PROTOCOL.toml) }),
        }
    }
}

impl Told {
    /// What the upstream of a route with the keys of `table` is told.
    pub(super) fn to(
        &self,
        table: Option<&Layer>,
        upstream: &UpstreamSettings,
        report: &mut Report,
    ) -> Telling {
        let own = table.and_then(|table| table.get(&keys::ROUTE_IDENTITY));
        let own = own.and_then(|texts| forms(read_all(texts, values::identity_form, report)));
        let identity = own.as_ref().unwrap_or(&self.identity);
        let telling = Telling {
            identity: identity.value,
            forwarded: self.forwarded.value,
            proxy_protocol: self.proxy_protocol.value,
        };
        if upstream.target != Target::Echo {
            self.warn_of_openclaw(identity, report);
        }
        telling
    }

    /// OpenClaw takes forwarding fields from proxies it knows only, and not all of them.
    fn warn_of_openclaw(&self, identity: &Sourced<Forms>, report: &mut Report) {
        let Sourced { value: forwarded, origin } = &self.forwarded;
        match forwarded {
            Forwarded::Off => {}
            Forwarded::XForwarded => report.warning(
                origin,
                "OpenClaw answers 403 (proxy_attribution_required) to forwarding fields of a proxy that it does not know",
                "set gateway.trustedProxies: [\"127.0.0.1\"] in OpenClaw (the gate's address as OpenClaw sees it), \
                 unless the upstream is not OpenClaw",
            ),
            Forwarded::Rfc7239 => report.warning(
                origin,
                "OpenClaw answers 403 (proxy_attribution_required) to `Forwarded`, whoever sends it",
                "use x-forwarded, unless the upstream is not OpenClaw",
            ),
        }
        if self.proxy_protocol.value {
            report.warning(
                &self.proxy_protocol.origin,
                "OpenClaw knows no PROXY header, and answers 400 to every request behind one",
                "take it out, unless the upstream is not OpenClaw",
            );
        }
        if identity.value.contains(IdentityForm::Xfcc) {
            report.warning(
                &identity.origin,
                "OpenClaw takes X-Forwarded-Client-Cert for a forwarding field, and answers 403 to it where \
                 X-Forwarded-For is missing, or its proxy unknown",
                "use client-cert, which it does not mind, unless the upstream is not OpenClaw",
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
}

/// The set, from where its first form was named.
fn forms(named: Vec<Sourced<IdentityForm>>) -> Option<Sourced<Forms>> {
    let origin = named.first()?.origin.clone();
    Some(Sourced { value: named.into_iter().map(|form| form.value).collect(), origin })
}
