//! What is remembered of the signed requests of each route, over reloads.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use zeroize::Zeroizing;

use crate::config::{Reloadable, RouteSettings, VerifySettings};
use crate::limits::FailedSignatures;
use crate::signature::Verification;
use crate::signature::replay::{DEFAULT_WINDOW, ReplayWindow};
use crate::telemetry::metrics::Metrics;

/// What is remembered of the signed requests of each route. It is the same for all generations and workers; only the routes
/// of the generation in use are remembered.
#[derive(Debug, Default)]
pub(super) struct SignedRoutes(Mutex<HashMap<String, Memory>>);

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
    /// How the requests of a route are verified.
    pub(super) fn verification(
        &self,
        route: &RouteSettings,
        verify: &VerifySettings,
        settings: &Reloadable,
        metrics: &Metrics,
    ) -> Verification {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
            replays: memory.replays.with_window(DEFAULT_WINDOW, verify.verifier.scheme().tolerance()),
            failures: memory.failures(settings.limits.failed_signatures),
            metrics: metrics.signatures(&route.path.to_string()),
        }
    }

    /// Forgets all routes but these.
    pub(super) fn keep(&self, kept: &[RouteSettings]) {
        let kept: Vec<String> = kept.iter().map(name).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|route, _| kept.contains(route));
    }
}

/// Two routes may have the same path with different methods.
fn name(route: &RouteSettings) -> String {
    format!("{} {}", route.methods, route.path)
}
