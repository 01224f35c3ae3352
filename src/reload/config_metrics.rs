//! Metrics of the settings in use: routes, upstreams, and when certificates and CRLs expire.

use crate::checks::expiry::{self, Kind};
use crate::config::Reloadable;
use crate::telemetry::metrics::{Expiring, Expiry, Metrics};

/// Replaces the series of the previous settings by those of `settings`.
pub(super) fn in_use(settings: &Reloadable, metrics: &Metrics) {
    let patterns: Vec<_> = settings.routes.iter().map(|route| route.path.to_string()).collect();
    let upstreams: Vec<_> =
        settings.routes.iter().map(|route| route.upstream.target.to_string()).collect();
    let expiries = expiry::all(settings, Vec::new()).into_iter().filter_map(|expiring| {
        let of = match expiring.kind {
            Kind::ServerCertificate => Expiring::Certificate,
            Kind::ClientCa => Expiring::ClientCa,
            Kind::Crl => Expiring::Crl,
            // They come from clients, so that there may be any number of them.
            Kind::ClientCertificate => return None,
        };
        let expiry::Expiring { name, mark, validity, .. } = expiring;
        Some(Expiry { of, name, mark, from: validity.from, at: validity.until })
    });
    metrics.in_use(&patterns, &upstreams, expiries.collect());
}
