//! Opens the place where several instances remember the delivered requests of routes without an inbox.

use std::sync::Arc;

use super::any_store::StoreOpenError;
use super::settings::nats::JetStreamSettings;
use crate::signature::shared_replays::SharedReplays;
use crate::telemetry::metrics::ReplayMetrics;

/// Opens it in NATS. It does not wait for a connection.
///
/// # Errors
/// When a file that the settings name cannot be used, or this build has no JetStream.
#[cfg(feature = "jetstream")]
pub fn open_replays(
    settings: &JetStreamSettings,
    metrics: ReplayMetrics,
) -> Result<Arc<dyn SharedReplays>, StoreOpenError> {
    Ok(Arc::new(super::jetstream::JetStreamReplays::open(settings, metrics)?))
}

/// Opens it in NATS.
///
/// # Errors
/// Always: this build has no JetStream.
#[cfg(not(feature = "jetstream"))]
pub fn open_replays(
    _settings: &JetStreamSettings,
    _metrics: ReplayMetrics,
) -> Result<Arc<dyn SharedReplays>, StoreOpenError> {
    Err(StoreOpenError::NotBuilt)
}
