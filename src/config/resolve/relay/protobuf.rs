//! The protobuf messages for a target: `protobuf`.

use serde_json::{Value, json};

use super::super::resolver::Resolver;
use crate::config::file::TargetTable;
use crate::config::keys::{self, relay};
use crate::config::layers::{Layer, List};
use crate::config::problem::{Found, Origin};
use crate::relay::mapping::Mapping;
use crate::relay::protobuf::{Fault, Protobuf, ProtobufSettings, SchemaFault};

/// The messages, if the table has one of the keys.
pub(super) fn protobuf(
    r: &mut Resolver<'_>,
    table: &TargetTable,
    mapping: Option<&Mapping>,
) -> Found<Option<Protobuf>> {
    let layer = &table.layer;
    let Some(origin) = first(layer, relay::PROTOBUF_SECTION) else { return Ok(None) };
    if cfg!(not(feature = "protobuf")) {
        let what = SchemaFault::NotBuilt;
        let hint = "build with --features protobuf, or remove protobuf from this target";
        return Err(r.report.problem(&origin, what.to_string(), hint));
    }
    if let Some(batch) = first(layer, relay::BATCH_SECTION) {
        let what = "puts events together, and protobuf messages cannot be: each is a request of its own";
        r.report.problem(&batch, what, "remove batch or protobuf");
    }
    for key in [&relay::PROTOBUF_SCHEMA.key, &relay::PROTOBUF_MESSAGE.key] {
        if layer.get(key).is_none() {
            let what = format!("is set without `{}`", key.leaf());
            let example = if key.leaf() == "schema" { "claw_event.proto" } else { "claw.ClawEvent" };
            let hint = format!("add {} = \"{example}\" to protobuf", key.leaf());
            return Err(r.sources.torn.unwrap_or_else(|| r.report.problem(&origin, what, hint)));
        }
    }
    let schema = r.value_in(layer, &relay::PROTOBUF_SCHEMA);
    let message = r.value_in(layer, &relay::PROTOBUF_MESSAGE);
    let unknown = r.value_in(layer, &relay::PROTOBUF_UNKNOWN);
    let (schema, message) = (schema?, message?);
    let settings =
        ProtobufSettings { schema: schema.value, message: message.value, unknown: unknown?.value };
    let protobuf = Protobuf::load(settings).map_err(|error| {
        let is_name = matches!(error.fault, SchemaFault::NoMessage { .. });
        let origin = if is_name { &message.origin } else { &schema.origin };
        r.report.problem(origin, error.to_string(), error.hint())
    })?;
    if let Some(mapping) = mapping {
        check_mapping(r, table, mapping, &protobuf)?;
    }
    Ok(Some(protobuf))
}

/// Checks that the message has each field that is mapped, and that the field takes what is known of its value.
fn check_mapping(
    r: &mut Resolver<'_>,
    table: &TargetTable,
    mapping: &Mapping,
    protobuf: &Protobuf,
) -> Found<()> {
    let mut found = Ok(());
    let message = protobuf.message_type();
    for (name, path, value) in mapping.target_fields() {
        let checked = message.check_field(&path).and_then(|()| {
            let Some(value) = value else { return Ok(()) };
            match message.encode(within(&path, value).to_string().as_bytes()) {
                // One field alone need not be a message.
                Err(error) if error.fault != Fault::Missing => Err(error),
                _ => Ok(()),
            }
        });
        if let Err(error) = checked {
            let mut fields = table.map.iter().flat_map(|map| &map.fields);
            let origin = fields.find(|(field, ..)| field == name).map(|(_, _, origin)| origin);
            let what = format!("does not fit the schema: {error}");
            found = Err(r.report.problem(origin.unwrap_or(&table.origin), what, error.fault.hint()));
        }
    }
    found
}

/// Objects within each other, with the value in the innermost.
fn within(path: &[String], value: Value) -> Value {
    path.iter().rfold(value, |value, name| json!({ name: value }))
}

/// Where the first key of a section is set.
fn first(layer: &Layer, section: &str) -> Option<Origin> {
    keys::in_section(section).find_map(|key| layer.get(key).and_then(List::origin).cloned())
}
