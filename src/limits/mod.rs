//! Limits for clients: connections, handshakes, requests.
//!
//! Comes in: a client's address or certificate. Goes out: a permit, which counts until it is dropped, or the limit that was
//! reached. The caller decides how the client is refused. Nothing here knows TLS or HTTP. Imports only
//! [`telemetry`](crate::telemetry).

pub mod client_limits;
pub mod connection_limit;
pub mod eviction;
mod settings;
mod token_bucket;

pub use self::client_limits::{ClientLimiter, ClientLimits, LimitExceeded, RequestPermit};
pub use self::connection_limit::{ConnectionLimiter, ConnectionPermit};
pub use self::eviction::{Entry, Exceeded, Meter, OldestFirst};
pub use self::settings::{Limits, StartupLimits};
