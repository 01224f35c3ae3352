//! Makes a protobuf message of the JSON for a target, by a schema that the settings name.
//!
//! Comes in: [`ProtobufSettings`]; then the JSON of events, after their mapping. Goes out: messages, or a [`ProtobufError`] that
//! names the field, and quotes no value.
//!
//! | file | what is there |
//! | --- | --- |
//! | `error.rs` | [`ProtobufError`]: events that are no such message |
//! | `schema_error.rs` | [`SchemaError`]: schemas that cannot be used |
//! | `settings.rs` | [`ProtobufSettings`] |
//! | `limits.rs`, `json_limits.rs` | how deep and how large JSON and schemas may be |
//! | `message_type.rs` | [`MessageType`]: what a library has to do |
//! | `reflect/` | prost-reflect and protox; only with the feature `protobuf` |
//!
//! The rules are those of the [JSON mapping of protobuf](https://protobuf.dev/programming-guides/json/): fields by their name in
//! JSON or in the schema, 64-bit integers as numbers or text, times as RFC 3339, bytes as base64, enum values by name or number.
//! `null` is no value.

mod error;
#[cfg(feature = "protobuf")]
mod json_limits;
mod limits;
mod message_type;
#[cfg(feature = "protobuf")]
mod reflect;
mod schema_error;
mod settings;
#[cfg(feature = "protobuf")]
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::error::{Fault, ProtobufError};
pub use self::limits::{MAX_DEPTH, MAX_SCHEMA_FILE, MAX_SCHEMA_FILES, MAX_VALUES};
pub use self::message_type::MessageType;
pub use self::schema_error::{SchemaError, SchemaFault};
pub use self::settings::{ProtobufSettings, Unknown};

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
