//! What the settings say of messages.

use std::path::PathBuf;

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
