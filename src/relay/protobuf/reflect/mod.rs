//! Messages by prost-reflect and protox.
//!
//! | file | what is there |
//! | --- | --- |
//! | `schema.rs` | reads a `.proto` file with its imports, or a descriptor set |
//! | `explain.rs` | why JSON is no such message |
//! | `fields.rs` | fields and their kinds, as the schema has them |
//! | `required.rs` | the fields of proto2 that a message must have |
//! | `example.rs` | JSON that is such a message |

mod example;
mod explain;
mod fields;
mod required;
mod schema;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use prost_reflect::prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, Kind, MessageDescriptor};

use self::fields::{declaration, field};
pub(super) use self::schema::imported_files;
use super::error::{Fault, ProtobufError};
use super::json_limits;
use super::message_type::MessageType;
use super::schema_error::SchemaError;
use super::settings::{ProtobufSettings, Unknown};

/// The type of message that the settings name.
pub(super) fn message_type(settings: &ProtobufSettings) -> Result<Arc<dyn MessageType>, SchemaError> {
    let descriptor = schema::message(&settings.schema, &settings.message)?;
    let schema = digest(&SHA256, &descriptor.parent_pool().encode_to_vec());
    Ok(Arc::new(Reflected {
        descriptor,
        unknown: settings.unknown,
        fingerprint: schema.as_ref().into(),
    }))
}

#[derive(Debug)]
struct Reflected {
    descriptor: MessageDescriptor,
    unknown: Unknown,
    fingerprint: Box<[u8]>,
}

impl Reflected {
    fn read(&self, json: &[u8]) -> Result<DynamicMessage, ProtobufError> {
        let options = DeserializeOptions::new().deny_unknown_fields(self.unknown == Unknown::Refuse);
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
        DynamicMessage::deserialize_with_options(self.descriptor.clone(), tracked, &options)
            .map_err(|_| explain::explain(&self.descriptor, &track.path(), json))
    }
}

impl MessageType for Reflected {
    fn encode(&self, json: &[u8]) -> Result<Bytes, ProtobufError> {
        json_limits::check(json).map_err(ProtobufError::whole)?;
        let message = self.read(json)?;
        if let Some(path) = required::missing(&message) {
            return Err(ProtobufError { path, fault: Fault::Missing });
        }
        Ok(message.encode_to_vec().into())
    }

    fn decode(&self, message: &[u8]) -> Option<String> {
        let message = DynamicMessage::decode(self.descriptor.clone(), message).ok()?;
        serde_json::to_string(&message).ok()
    }

    fn check_field(&self, names: &[String]) -> Result<(), ProtobufError> {
        let mut message = self.descriptor.clone();
        for (place, name) in names.iter().enumerate() {
            let Some(field) = field(&message, name) else {
                let path = names.get(..place).unwrap_or_default().join(".");
                return Err(ProtobufError { path, fault: explain::unknown_field(&message, name) });
            };
            match field.kind() {
                // What is within these is any JSON.
                Kind::Message(inner)
                    if !field.is_map() && !inner.full_name().starts_with("google.protobuf.") =>
                {
                    message = inner;
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn fields(&self) -> Vec<String> {
        self.descriptor.fields().map(|field| declaration(&field)).collect()
    }

    fn example(&self) -> String {
        example::example(&self.descriptor).to_string()
    }

    fn fingerprint(&self) -> &[u8] {
        &self.fingerprint
    }
}
