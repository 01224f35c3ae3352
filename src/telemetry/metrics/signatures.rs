//! Metrics of the signatures of requests, by route. The label is the pattern of the route in the settings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::inbox::when_used::WhenUsed;

/// The result of verifying a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureResult {
    /// The signature is valid, and the event is new.
    Valid,
    /// There is no signature.
    Missing,
    /// The signature does not fit, or the request is too old or from the future.
    Invalid,
    /// The signature is valid, and the event was delivered before, or is being delivered.
    Duplicate,
    /// The sender checked that the URL is clawgate's, and got its answer.
    Challenge,
}

impl SignatureResult {
    const ALL: [Self; 5] = [Self::Valid, Self::Missing, Self::Invalid, Self::Duplicate, Self::Challenge];

    fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::Challenge => "challenge",
        }
    }
}

/// The results at one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCounts {
    /// Its pattern.
    pub route: String,
    /// Requests with a valid signature that are new.
    pub valid: u64,
    /// Requests without a signature, or with one that does not fit.
    pub failed: u64,
    /// Repetitions.
    pub duplicates: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    route: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

/// The metrics of all routes with signed requests.
#[derive(Debug)]
pub(super) struct Signatures {
    results: Family<ResultLabels, Counter>,
    skews: Family<RouteLabel, Gauge>,
    shared: ReplayMetrics,
    known: Mutex<HashMap<String, Arc<SignatureMetrics>>>,
}

/// Whether delivered requests are known to all instances. Shown once that is known.
#[derive(Clone, Debug, Default)]
pub struct ReplayMetrics(WhenUsed<Gauge>);

impl ReplayMetrics {
    /// Whether all instances know the requests that one of them has delivered.
    pub fn set_shared(&self, is_shared: bool) {
        self.0.get().set(i64::from(is_shared));
    }
}

/// The metrics of one route. They are looked up when the route is made, so that a request only adds to them.
#[derive(Debug)]
pub struct SignatureMetrics {
    results: [Counter; SignatureResult::ALL.len()],
    skew: Gauge,
}

impl Signatures {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let results = Family::<ResultLabels, Counter>::default();
        registry.register(
            "signatures",
            "Requests of routes that demand a signature, by route and result",
            results.clone(),
        );
        let skews = Family::<RouteLabel, Gauge>::default();
        registry.register(
            "signature_clock_skew_seconds",
            "How far the time of the last valid signature was ahead of clawgate's clock (behind it if negative)",
            skews.clone(),
        );
        let shared = ReplayMetrics::default();
        registry.register(
            "replay_window_shared",
            "1 while all instances know the signed requests that one of them has delivered, 0 while each knows its own",
            shared.0.clone(),
        );
        Self { results, skews, shared, known: Mutex::default() }
    }

    /// Whether delivered requests are known to all instances.
    pub(super) fn shared(&self) -> ReplayMetrics {
        self.shared.clone()
    }

    /// The metrics of routes with this pattern, which all generations share.
    pub(super) fn get(&self, pattern: &str) -> Arc<SignatureMetrics> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = known.get(pattern) {
            return Arc::clone(metrics);
        }
        let route = || pattern.to_owned();
        let result = |result: SignatureResult| {
            let labels = ResultLabels { route: route(), result: result.as_str() };
            self.results.get_or_create_owned(&labels)
        };
        let metrics = Arc::new(SignatureMetrics {
            results: SignatureResult::ALL.map(result),
            skew: self.skews.get_or_create_owned(&RouteLabel { route: route() }),
        });
        known.insert(route(), Arc::clone(&metrics));
        metrics
    }

    /// The results at each route so far, by its pattern.
    pub(super) fn results(&self) -> Vec<SignatureCounts> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = |(route, metrics): (&String, &Arc<SignatureMetrics>)| {
            let count = |result: SignatureResult| metrics.results[result as usize].get();
            SignatureCounts {
                route: route.clone(),
                valid: count(SignatureResult::Valid),
                failed: count(SignatureResult::Missing) + count(SignatureResult::Invalid),
                duplicates: count(SignatureResult::Duplicate),
            }
        };
        let mut all: Vec<_> = known.iter().map(counts).collect();
        all.sort_by(|one, other| one.route.cmp(&other.route));
        all
    }

    /// Removes the metrics of patterns that the settings no longer name.
    pub(super) fn keep(&self, patterns: &[String]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|pattern, _| {
            let kept = patterns.contains(pattern);
            if !kept {
                for result in SignatureResult::ALL {
                    let (route, result) = (pattern.clone(), result.as_str());
                    self.results.remove(&ResultLabels { route, result });
                }
                self.skews.remove(&RouteLabel { route: pattern.clone() });
            }
            kept
        });
    }
}

impl SignatureMetrics {
    /// Counts a request.
    pub fn count(&self, result: SignatureResult) {
        self.results[result as usize].inc();
    }

    /// Sets by how many seconds the time of a valid signature is ahead of clawgate's clock.
    pub fn set_skew(&self, seconds: i64) {
        self.skew.set(seconds);
    }
}
