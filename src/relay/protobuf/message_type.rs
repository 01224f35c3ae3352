//! What a library for protobuf has to do.

use std::fmt;

use bytes::Bytes;

use super::error::ProtobufError;

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
