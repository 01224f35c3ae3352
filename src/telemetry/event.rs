//! Events: a name and a serializable record, one line each.

use std::cell::RefCell;

use serde::Serialize;
use tracing::Level;

use super::fit::fit;

/// Target of clawgate's own events; what other crates log has theirs.
pub(super) const TARGET: &str = "clawgate::event";

/// Logs `record` as the event `name`.
///
/// The record is turned into JSON once, here; `logging` puts it into the line as it is. Whatever came
/// from a peer must be escaped already (`identity::name`): JSON alone does not stop a bidi mark.
pub fn emit<R: Serialize>(level: Level, name: &'static str, record: &R) {
    with_scratch(|json| {
        write(record, json);
        emit_json(level, name, json);
    });
}

/// The same where a client has a part in what `record` says: the line has less than 4 KiB, and says how much was left
/// out.
pub fn emit_bounded<R: Serialize>(level: Level, name: &'static str, record: &R) {
    with_scratch(|json| {
        write(record, json);
        fit(json);
        emit_json(level, name, json);
    });
}

fn write<R: Serialize>(record: &R, json: &mut Vec<u8>) {
    if serde_json::to_writer(&mut *json, record).is_err() {
        json.clear();
        json.extend_from_slice(br#"{"message":"the event's record is not serializable"}"#);
    }
}

/// Logs an event whose record is JSON already.
pub(super) fn emit_json(level: Level, name: &'static str, record: &[u8]) {
    // serde_json writes UTF-8 only.
    let Ok(record) = std::str::from_utf8(record) else { return };
    match level {
        Level::ERROR => tracing::error!(target: TARGET, event = name, record),
        Level::WARN => tracing::warn!(target: TARGET, event = name, record),
        Level::INFO => tracing::info!(target: TARGET, event = name, record),
        Level::DEBUG => tracing::debug!(target: TARGET, event = name, record),
        Level::TRACE => tracing::trace!(target: TARGET, event = name, record),
    }
}

/// Lends an empty buffer, which keeps its room for the next time.
pub(super) fn with_scratch(write: impl FnOnce(&mut Vec<u8>)) {
    thread_local! {
        // Several, since a line is made from a record that is in one already.
        static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }
    let mut buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    write(&mut buffer);
    buffer.clear();
    buffer.shrink_to(16 * 1024);
    SPARE.with_borrow_mut(|spare| spare.push(buffer));
}
