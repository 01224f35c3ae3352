//! What clients may use: connections, handshakes, requests.
//!
//! Counters without knowledge of TLS or HTTP. A check says whether one more is allowed, or which limit was reached; what
//! the client is told then is decided by the caller. Imports only [`telemetry`](crate::telemetry).

pub mod client_limits;
pub mod connection_limit;
pub mod eviction;
mod settings;
mod token_bucket;

pub use self::client_limits::{ClientLimiter, ClientLimits, LimitExceeded, RequestPermit};
pub use self::connection_limit::{ConnectionLimiter, ConnectionPermit};
pub use self::eviction::{Entry, Exceeded, Meter, OldestFirst};
pub use self::settings::{Limits, StartupLimits};
