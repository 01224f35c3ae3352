//! Events: a name and a serializable record, one line each.

use std::cell::RefCell;

use serde::Serialize;
use tracing::Level;

use super::fit::fit;

/// The target of clawgate's own events. Events of other crates have their own targets.
pub(super) const TARGET: &str = "clawgate::event";

/// Logs `record` as the event `name`.
///
/// The record is serialized to JSON once, here; `logging` copies it into the line. Values from a client must be escaped
/// already (`identity::name`): JSON does not escape characters that reorder text (bidi marks).
pub fn emit<R: Serialize>(level: Level, name: &'static str, record: &R) {
    with_scratch(|json| {
        write(record, json);
        emit_json(level, name, json);
    });
}

/// Like [`emit`], for records with values from a client. The line is shorter than 4 KiB, and marks show how
/// much is missing.
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

/// Logs an event whose record is already serialized.
pub(super) fn emit_json(level: Level, name: &'static str, record: &[u8]) {
    // serde_json writes only UTF-8.
    let Ok(record) = std::str::from_utf8(record) else { return };
    match level {
        Level::ERROR => tracing::error!(target: TARGET, event = name, record),
        Level::WARN => tracing::warn!(target: TARGET, event = name, record),
        Level::INFO => tracing::info!(target: TARGET, event = name, record),
        Level::DEBUG => tracing::debug!(target: TARGET, event = name, record),
        Level::TRACE => tracing::trace!(target: TARGET, event = name, record),
    }
}

/// Lends an empty buffer that keeps its capacity for the next use.
pub(super) fn with_scratch(write: impl FnOnce(&mut Vec<u8>)) {
    thread_local! {
        // Several buffers: a line is built in one buffer while another holds its record.
        static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }
    let mut buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    write(&mut buffer);
    buffer.clear();
    buffer.shrink_to(16 * 1024);
    SPARE.with_borrow_mut(|spare| spare.push(buffer));
}
