//! Metrics of the settings in use: routes, upstreams, and when certificates and CRLs expire.

use crate::checks::expiry::{self, Kind};
use crate::config::Reloadable;
use crate::relay::target::route_of;
use crate::telemetry::metrics::{Expiring, Expiry, Metrics};

/// Replaces the series of the previous settings by those of `settings`.
pub(super) fn in_use(settings: &Reloadable, metrics: &Metrics) {
    let targets = &settings.relay.targets;
    let mut patterns: Vec<_> = settings.routes.iter().map(|route| route.path.to_string()).collect();
    patterns.extend(targets.iter().map(|target| route_of(&target.name).to_string()));
    let with_upstream = settings.routes.iter().filter(|route| route.relay.is_none());
    let mut upstreams: Vec<_> = with_upstream.map(|route| route.upstream.target.to_string()).collect();
    upstreams.extend(targets.iter().map(|target| target.name.to_string()));
    let expiries = expiry::all(settings, Vec::new()).into_iter().filter_map(|expiring| {
        let of = match expiring.kind {
            Kind::ServerCertificate => Expiring::Certificate,
            Kind::ClientCa => Expiring::ClientCa,
            Kind::Crl => Expiring::Crl,
            // They come from clients, so that there may be any number of them.
            Kind::ClientCertificate => return None,
            // An upstream without it answers with an error, which has metrics of its own.
            Kind::OwnClientCertificate => return None,
        };
        let expiry::Expiring { name, mark, validity, .. } = expiring;
        Some(Expiry { of, name, mark, from: validity.from, at: validity.until })
    });
    metrics.in_use(&patterns, &upstreams, expiries.collect());
}
