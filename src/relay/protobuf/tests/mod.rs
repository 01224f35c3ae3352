//! With the sample schema of `examples/`.

mod messages;
mod properties;
mod refused;
mod schemas;

use std::path::Path;

use super::*;

/// The message of the sample schema.
fn claw_event(unknown: Unknown) -> Protobuf {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/claw_event.proto");
    let message = "claw.ClawEvent".to_owned();
    Protobuf::load(ProtobufSettings { schema, message, unknown }).unwrap()
}

/// The message `M` of a schema with this text.
fn message(text: &str) -> Protobuf {
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("test.proto");
    std::fs::write(&schema, text).unwrap();
    Protobuf::load(ProtobufSettings { schema, message: "M".to_owned(), unknown: Unknown::Refuse })
        .unwrap()
}

/// The message that is made of JSON, as JSON again.
fn round_trip(protobuf: &Protobuf, json: &str) -> String {
    let message = protobuf.message_type().encode(json.as_bytes()).unwrap();
    protobuf.message_type().decode(&message).unwrap()
}

/// What is said of JSON that is no message: error and hint.
fn refused(protobuf: &Protobuf, json: &str) -> String {
    let error = protobuf.message_type().encode(json.as_bytes()).unwrap_err();
    format!("{error} | {}", error.fault.hint())
}
