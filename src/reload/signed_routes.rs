//! What is remembered of the signed requests of each route, over reloads.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::config::{Reloadable, RouteSettings, VerifySettings};
use crate::limits::FailedSignatures;
use crate::signature::Verification;
use crate::signature::replay::{DEFAULT_WINDOW, ReplayWindow};
use crate::signature::shared_replays::{SharedReplays, SharedRoute};
use crate::telemetry::metrics::Metrics;
use crate::upstream::Timeouts;

/// For clocks that differ, and for what clawgate itself does.
const MARGIN: Duration = Duration::from_secs(2);

/// What is remembered of the signed requests of each route. It is the same for all generations and workers; only the routes
/// of the generation in use are remembered.
#[derive(Debug, Default)]
pub(super) struct SignedRoutes {
    routes: Mutex<HashMap<String, Memory>>,
    /// Where several instances remember delivered requests together.
    shared: OnceLock<Arc<dyn SharedReplays>>,
}

/// What is remembered of one route.
#[derive(Debug, Default)]
struct Memory {
    replays: ReplayWindow,
    /// The limit, and what is counted for it.
    failures: Option<(u32, FailedSignatures)>,
    /// Whether a secret that the sender told was logged.
    secret_logged: Arc<AtomicBool>,
}

impl Memory {
    /// The failures for this limit per minute; they are counted anew if it has changed.
    fn failures(&mut self, per_minute: Option<u32>) -> Option<FailedSignatures> {
        if self.failures.as_ref().map(|(limit, _)| *limit) != per_minute {
            let new = |limit| (limit, FailedSignatures::new(limit, Instant::now()));
            self.failures = per_minute.map(new);
        }
        self.failures.as_ref().map(|(_, failures)| failures.clone())
    }
}

impl SignedRoutes {
    /// Delivered requests are remembered together with other instances from now on. Only the first call counts.
    pub(super) fn share(&self, replays: Arc<dyn SharedReplays>) {
        let _ = self.shared.set(replays);
    }

    /// How the requests of a route are verified.
    pub(super) fn verification(
        &self,
        route: &RouteSettings,
        verify: &VerifySettings,
        settings: &Reloadable,
        metrics: &Metrics,
    ) -> Verification {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = routes.entry(name(route)).or_default();
        let challenge = verify.challenge.as_ref();
        let token = challenge.and_then(|challenge| challenge.token.as_ref());
        Verification {
            verifier: Arc::clone(&verify.verifier),
            public_url: settings.public_url.clone(),
            challenge: challenge.map(|challenge| challenge.kind),
            challenge_token: token.map(|token| Zeroizing::new(token.as_bytes().to_vec())),
            secret_logged: Arc::clone(&memory.secret_logged),
            audit: verify.audit,
            success: verify.status,
            replays: memory
                .replays
                .with_window(DEFAULT_WINDOW, verify.verifier.scheme().tolerance())
                .shared_by(self.shared_route(route, settings)),
            failures: memory.failures(settings.limits.failed_signatures),
            metrics: metrics.signatures(&route.path.to_string()),
        }
    }

    fn shared_route(&self, route: &RouteSettings, settings: &Reloadable) -> Option<SharedRoute> {
        let replays = self.shared.get().filter(|_| route.has_replay_window())?;
        let (replays, longest) = (Arc::clone(replays), longest_delivery(route, settings));
        Some(SharedRoute { replays, route: name(route).into(), longest })
    }

    /// Forgets all routes but these.
    pub(super) fn keep(&self, kept: &[RouteSettings]) {
        let kept: Vec<String> = kept.iter().map(name).collect();
        self.routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|route, _| kept.contains(route));
    }
}

/// How long a request of this route may be on its way, from when its signature was verified to the upstream's answer.
fn longest_delivery(route: &RouteSettings, settings: &Reloadable) -> Duration {
    let target = route.relay.as_ref().and_then(|name| settings.relay.target(name));
    let [connect, response, idle] = match target {
        Some(target) => {
            let Timeouts { connect, response, idle } = target.timeouts;
            [connect, response, idle]
        }
        None => {
            let upstream = &route.upstream;
            [upstream.connect_timeout, upstream.response_timeout, upstream.idle_timeout]
        }
    };
    // A request waits for one of the connections as long as it may take to open one.
    connect.saturating_mul(2).saturating_add(response).saturating_add(idle).saturating_add(MARGIN)
}

/// Two routes may have the same path with different methods.
fn name(route: &RouteSettings) -> String {
    format!("{} {}", route.methods, route.path)
}
