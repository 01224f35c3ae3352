//! Events: a name and a serializable record, one line each.

use serde::Serialize;
use tracing::Level;

/// Target of the gate's own events; what other crates log has theirs.
pub(super) const TARGET: &str = "clawgate::event";

/// Logs `record` as the event `name`.
///
/// The record is turned into JSON once, here; `logging` puts it into the line as it is. Whatever came
/// from a peer must be escaped already (`identity::name`): JSON alone does not stop a bidi mark.
pub fn emit<R: Serialize>(level: Level, name: &'static str, record: &R) {
    let Ok(json) = serde_json::to_string(record) else {
        tracing::error!(target: TARGET, event = name, message = "the event's record is not serializable");
        return;
    };
    let record = json.as_str();
    match level {
        Level::ERROR => tracing::error!(target: TARGET, event = name, record),
        Level::WARN => tracing::warn!(target: TARGET, event = name, record),
        Level::INFO => tracing::info!(target: TARGET, event = name, record),
        Level::DEBUG => tracing::debug!(target: TARGET, event = name, record),
        Level::TRACE => tracing::trace!(target: TARGET, event = name, record),
    }
}
