//! Sums over all routes, for the console.

use std::time::Duration;

use super::{Metrics, SignatureCounts};

/// Sums since the start. A route that a reload has removed is in none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Requests that have ended.
    pub requests: u64,
    /// Those with a status of 500 and above.
    pub failures: u64,
    /// The time that all requests took together.
    pub took: Duration,
    /// Refused connections.
    pub refused: u64,
    /// For each route whose requests are signed.
    pub signatures: Vec<SignatureCounts>,
}

impl Metrics {
    /// Sums over all routes.
    pub fn sums(&self) -> Sums {
        let (requests, failures, took) = self.routes.sums();
        let (refused, signatures) = (self.refused.total(), self.signatures.results());
        Sums { requests, failures, took, refused, signatures }
    }
}
