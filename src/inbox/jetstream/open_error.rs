//! Why the store cannot be opened.

use thiserror::Error;

use super::connect::ConnectFault;

/// Why the store in NATS JetStream cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JetStreamOpenError {
    /// Something is wrong with files on this machine.
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    /// For commands: NATS cannot be reached, or does not do what is needed.
    #[error("{store}: {what}")]
    Away {
        /// Servers and stream.
        store: String,
        /// Why.
        what: String,
    },
    /// The thread of the store cannot be started.
    #[error("cannot start: {0}")]
    Start(String),
}
