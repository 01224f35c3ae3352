//! The store in a stream of NATS JetStream, for several instances with one inbox.
//!
//! | file | what is there |
//! | --- | --- |
//! | `settings.rs` | [`JetStreamSettings`]: servers, name, credentials |
//! | `credentials.rs` | what the files with credentials must hold |
//! | `connect.rs`, `connection_log.rs` | the connection to NATS, and what is logged about it |
//! | `inspect.rs` | what can be said of NATS without storing anything |
//! | `open_error.rs` | why the store cannot be opened |
//! | `store.rs` | [`JetStreamStore`] |

mod credentials;
mod settings;

#[cfg(feature = "jetstream")]
mod connect;
#[cfg(feature = "jetstream")]
mod connection_log;
#[cfg(feature = "jetstream")]
mod inspect;
#[cfg(feature = "jetstream")]
mod open_error;
#[cfg(feature = "jetstream")]
mod store;

pub use self::credentials::{CredentialError, MAX_CREDENTIALS_FILE};
#[cfg(feature = "jetstream")]
pub use self::inspect::{FoundStream, Inspection, inspect};
#[cfg(feature = "jetstream")]
pub use self::open_error::JetStreamOpenError;
pub use self::settings::{
    InvalidMonitoring, InvalidServer, InvalidStreamName, JetStreamSettings, NatsCredentials,
    NatsMonitoring, NatsServer, check_stream_name,
};
#[cfg(feature = "jetstream")]
pub use self::store::JetStreamStore;
