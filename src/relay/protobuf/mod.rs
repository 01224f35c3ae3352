//! Makes a protobuf message of the JSON for a target, by a schema that the settings name.
//!
//! Comes in: [`ProtobufSettings`]; then the JSON of events, after their mapping. Goes out: messages, or a [`ProtobufError`] that
//! names the field, and quotes no value.
//!
//! | file | what is there |
//! | --- | --- |
//! | `error.rs` | [`ProtobufError`]: events that are no such message |
//! | `schema_error.rs` | [`SchemaError`]: schemas that cannot be used |
//! | `json_limits.rs` | how deep and how large JSON may be |
//! | `reflect/` | the library, behind [`MessageType`]; only with the feature `protobuf` |
//!
//! The rules are those of the [JSON mapping of protobuf](https://protobuf.dev/programming-guides/json/): fields by their name in JSON or in the schema, 64-bit integers as numbers or text, times as
//! RFC 3339, bytes as base64, enum values by name or number. `null` is no value.

mod error;
#[cfg(feature = "protobuf")]
mod json_limits;
#[cfg(feature = "protobuf")]
mod reflect;
mod schema_error;
#[cfg(feature = "protobuf")]
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

pub use self::error::{Fault, ProtobufError};
pub use self::schema_error::{SchemaError, SchemaFault};

/// A file of a schema may have so many bytes.
pub const MAX_SCHEMA_FILE: usize = 1024 * 1024;

/// A schema may have so many files, with those that it imports.
pub const MAX_SCHEMA_FILES: usize = 100;

/// JSON for a message may have so many levels. A `google.protobuf.Struct` with them has 96 messages within each other, and most
/// libraries read at most 100.
pub const MAX_DEPTH: usize = 32;

/// JSON for a message may have so many values, with the objects and arrays that they are in.
pub const MAX_VALUES: usize = 16_384;

/// What the settings say of the messages for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtobufSettings {
    /// A `.proto` file, or a compiled descriptor set.
    pub schema: PathBuf,
    /// The full name of the message.
    pub message: String,
    /// What happens to fields that the message does not have.
    pub unknown: Unknown,
}

/// What happens to fields that the message does not have, and to names that an enum does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// The event is refused.
    #[default]
    Refuse,
    /// They are left out.
    Drop,
}

/// One type of message. Another library for protobuf would be another implementation.
pub trait MessageType: fmt::Debug + Send + Sync {
    /// The message for this JSON.
    ///
    /// # Errors
    /// When the JSON is no such message.
    fn encode(&self, json: &[u8]) -> Result<Bytes, ProtobufError>;

    /// The JSON of a message; `None` if the bytes are no such message.
    fn decode(&self, message: &[u8]) -> Option<String>;

    /// Checks that there is a field at the end of these names, which are of messages within each other.
    ///
    /// # Errors
    /// When the message has no such field.
    fn check_field(&self, names: &[String]) -> Result<(), ProtobufError>;

    /// The fields as the schema has them: `string event_id = 1`.
    fn fields(&self) -> Vec<String>;

    /// JSON that is such a message, to show people what it is like.
    fn example(&self) -> String;

    /// The same for the same schema and type.
    fn fingerprint(&self) -> &[u8];
}

/// Makes the messages for one target. Clones share the schema.
#[derive(Clone, Debug)]
pub struct Protobuf {
    settings: ProtobufSettings,
    message: Arc<dyn MessageType>,
}

impl Protobuf {
    /// Reads the schema.
    ///
    /// # Errors
    /// When it cannot be used, and always without the feature `protobuf`.
    pub fn load(settings: ProtobufSettings) -> Result<Self, SchemaError> {
        #[cfg(feature = "protobuf")]
        let message = reflect::message_type(&settings)?;
        #[cfg(not(feature = "protobuf"))]
        let message = Err(SchemaError { place: None, fault: SchemaFault::NotBuilt })?;
        Ok(Self { settings, message })
    }

    /// What it was made of.
    pub fn settings(&self) -> &ProtobufSettings {
        &self.settings
    }

    /// The type of the messages.
    pub fn message_type(&self) -> &dyn MessageType {
        &*self.message
    }
}

impl PartialEq for Protobuf {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && self.message.fingerprint() == other.message.fingerprint()
    }
}

/// The files that a schema imports, directly or not, as far as they can be read; not the schema itself.
#[cfg_attr(
    not(feature = "protobuf"),
    expect(unused_variables, reason = "nothing is read without the feature")
)]
pub fn imported_files(schema: &Path) -> Vec<PathBuf> {
    #[cfg(feature = "protobuf")]
    return reflect::imported_files(schema);
    #[cfg(not(feature = "protobuf"))]
    Vec::new()
}
