//! The delivered requests that several instances know.

use std::sync::Arc;

use super::shared::Shared;
use crate::inbox::{JetStreamSettings, open_replays, replay_log};
use crate::reload::Prepared;
use crate::signature::shared_replays::SharedReplays;

/// Where they are remembered. Ends it when dropped.
pub(super) struct RunningReplays(Arc<dyn SharedReplays>);

/// Lets the routes of `prepared` and of all later generations remember delivered requests together with other instances. If that
/// cannot be begun, it is logged, and the routes remember their own.
pub(super) fn start(
    settings: &JetStreamSettings,
    prepared: &Prepared,
    shared: &Shared,
) -> Option<RunningReplays> {
    match open_replays(settings, shared.metrics.replays()) {
        Ok(replays) => {
            prepared.share_replays(Arc::clone(&replays));
            Some(RunningReplays(replays))
        }
        Err(error) => {
            replay_log::local(&settings.to_string(), &error.to_string());
            None
        }
    }
}

impl Drop for RunningReplays {
    fn drop(&mut self) {
        self.0.finish();
    }
}
