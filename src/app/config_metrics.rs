//! What the metrics say of the settings in use.

use super::expiry::{self, Kind};
use crate::config::Reloadable;
use crate::telemetry::metrics::{Expiring, Expiry, Metrics};

/// Tells the metrics which routes, upstreams and ends there are now.
pub(super) fn in_use(settings: &Reloadable, metrics: &Metrics) {
    let patterns: Vec<_> = settings.routes.iter().map(|route| route.path.to_string()).collect();
    let upstreams: Vec<_> =
        settings.routes.iter().map(|route| route.upstream.target.to_string()).collect();
    let ends = expiry::all(settings, Vec::new()).into_iter().filter_map(|expiring| {
        let of = match expiring.kind {
            Kind::ServerCertificate => Expiring::Certificate,
            Kind::ClientCa => Expiring::ClientCa,
            Kind::Crl => Expiring::Crl,
            // Not the settings', so there may be any number of them.
            Kind::ClientCertificate => return None,
        };
        let expiry::Expiring { name, mark, validity, .. } = expiring;
        Some(Expiry { of, name, mark, from: validity.from, at: validity.until })
    });
    metrics.in_use(&patterns, &upstreams, ends.collect());
}
