//! The targets of the relay, prepared from the settings.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::error::PrepareError;
use crate::config::Reloadable;
use crate::relay::client::TargetClient;
use crate::relay::settings::TargetSettings;
use crate::relay::target::RelayTarget;
use crate::telemetry::metrics::Metrics;

/// The targets that are in use. One whose settings do not change keeps its tokens, and what it has used of its rate.
#[derive(Debug, Default)]
pub(super) struct KeptTargets(Mutex<Vec<Weak<RelayTarget>>>);

impl KeptTargets {
    /// The targets of these settings.
    pub(super) fn prepare(&self, settings: &Reloadable) -> Result<Vec<Arc<RelayTarget>>, PrepareError> {
        settings.relay.targets.iter().map(|target| self.target(target)).collect()
    }

    fn target(&self, settings: &Arc<TargetSettings>) -> Result<Arc<RelayTarget>, PrepareError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|target| target.strong_count() > 0);
        let same = |target: &Arc<RelayTarget>| *target.settings() == *settings;
        if let Some(target) = kept.iter().filter_map(Weak::upgrade).find(same) {
            return Ok(target);
        }
        let new = RelayTarget::new(Arc::clone(settings))
            .map_err(|error| PrepareError::Target(settings.name.to_string(), error))?;
        let new = Arc::new(new);
        kept.push(Arc::downgrade(&new));
        Ok(new)
    }
}

/// The clients of one thread for `targets`. Those in `existing` for the same targets are used again, with their connections.
pub(super) fn clients(
    targets: &[Arc<RelayTarget>],
    existing: &[Arc<TargetClient>],
    metrics: &Metrics,
) -> Vec<Arc<TargetClient>> {
    let client = |target: &Arc<RelayTarget>| {
        let same = existing.iter().find(|client| Arc::ptr_eq(client.target(), target));
        same.cloned().unwrap_or_else(|| {
            let metrics = metrics.upstream(target.name());
            Arc::new(TargetClient::new(Arc::clone(target), metrics))
        })
    };
    targets.iter().map(client).collect()
}
